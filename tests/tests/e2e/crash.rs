//! kill -9 at random points. Every acknowledged message is an obligation: when the faults stop it is there, exactly once.

use crate::scene::{Scene, values};
use anyhow::{Context, Result, bail, ensure};
use rollcall_shared::Timestamp;
use rollcall_shared::message::{Message, Payload};
use rollcall_tests::harness::clock::{self, PATIENCE};
use rollcall_tests::harness::host::Random;
use rollcall_tests::harness::{Agent, Api, SimulatedAgent, until_async};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Carries the number of the message, so that each value is unique. No rule watches it.
const METRIC: &str = "system.uptime";

/// Lowered, so that it fires on every machine.
const RULE: &str = "memory_utilization";

/// The real agent's and the simulated one's.
const MACHINES: usize = 2;

/// Cycles, unless `ROLLCALL_CRASH_CYCLES` says otherwise.
const CYCLES: u64 = 10;

/// Longest time between two faults: a few commits of the server, so that faults hit before, within and after them.
const LONGEST_PAUSE_MS: u64 = 400;

/// What a simulated agent may rely on.
#[derive(Default)]
pub struct Ledger {
    acknowledged: Mutex<BTreeMap<u64, Timestamp>>,
    /// The last acknowledged message.
    pub through: AtomicU64,
    /// The agent is to end.
    pub stop: AtomicBool,
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_or_doubled_when_server_and_agent_are_killed() -> Result<()> {
    let mut scene = Scene::start()?;
    // Every machine breaches this one and stays there: an incident each, whatever is killed.
    scene.edit_rule(RULE, |rule| rule["levels"]["warning"] = json!({ "raise": 0.000_1, "clear": 0.000_05 })).await?;
    let began = clock::now();
    let mut simulated = scene.simulated(0).await?;
    simulated.introduce().await?;
    let id = simulated.id();
    let mut agent = Agent::enrol(scene.path(), &scene.server)?;
    agent.hurry(0.1)?;
    agent.run()?;

    let ledger = Arc::new(Ledger::default());
    let talking = tokio::spawn(talk(simulated, Arc::clone(&ledger)));
    let faults = fault(&mut scene, &mut agent, &ledger).await?;
    ledger.stop.store(true, Ordering::Relaxed);
    let mut simulated = talking.await??;

    ensure!(faults.iter().all(|&count| count > 0), "every kind of fault happened: {faults:?}");
    // A fresh message gets through, and so does everything that was acknowledged before.
    let fresh = clock::now();
    simulated.sample(fresh).await?;
    check_obligations(&scene.api, &scene.host_of(id).await?, &ledger, began).await?;
    check_real_agent(&scene, &mut agent, id, began).await?;
    check_incidents(&scene).await?;
    agent.stop()
}

/// Kills the server, the agent or both, and starts them again; returns how often each.
async fn fault(scene: &mut Scene, agent: &mut Agent, ledger: &Ledger) -> Result<[u64; 3]> {
    let cycles = std::env::var("ROLLCALL_CRASH_CYCLES").ok().map_or(Ok(CYCLES), |text| text.parse())?;
    let seed = u64::try_from(clock::now().0)?;
    rollcall_tests::harness::process::tell(&format!("crash cycles: {cycles}, seed {seed}"));
    let mut random = Random::new(seed);
    let mut faults = [0; 3];
    for cycle in 0..cycles {
        let before = ledger.through.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(random.below(LONGEST_PAUSE_MS))).await;
        let kind = usize::try_from(cycle % 3)?;
        faults[kind] += 1;
        if kind != 1 {
            scene.server.kill()?;
        }
        if kind != 0 {
            agent.kill()?;
        }
        if kind != 1 {
            scene.server.run()?;
        }
        if kind != 0 {
            agent.run()?;
        }
        let what = format!("acknowledgements after fault {cycle}");
        until_async(PATIENCE, &what, async || Ok((ledger.through.load(Ordering::Relaxed) > before + 1).then_some(()))).await?;
    }
    Ok(faults)
}

/// Sends one message after the other, each until it is acknowledged, and writes down what was.
pub async fn talk(mut agent: SimulatedAgent, ledger: Arc<Ledger>) -> Result<SimulatedAgent> {
    while !ledger.stop.load(Ordering::Relaxed) {
        let sequence = agent.next;
        agent.next += 1;
        let at = clock::now();
        let set = agent.host.sample_with(at, METRIC, sequence as f64);
        let message = Message { sequence, payload: Payload::Samples(vec![set]) };
        insist(&mut agent, message).await?;
        ledger.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).insert(sequence, at);
        ledger.through.store(sequence, Ordering::Relaxed);
    }
    Ok(agent)
}

/// Sends a message until it is acknowledged, on a new connection after each failure.
async fn insist(agent: &mut SimulatedAgent, message: Message) -> Result<()> {
    let deadline = clock::instant() + PATIENCE;
    while clock::instant() < deadline {
        match agent.push(vec![message.clone()]).await {
            Ok(reply) if reply.acknowledged >= message.sequence => return Ok(()),
            Ok(reply) => bail!("message {} is answered with {reply:?}", message.sequence),
            Err(_) => agent.disconnect(),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bail!("message {} was not acknowledged", message.sequence)
}

pub async fn check_obligations(api: &Api, host: &str, ledger: &Ledger, began: Timestamp) -> Result<()> {
    let expected = ledger.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clone();
    ensure!(!expected.is_empty(), "something was acknowledged");
    let stored = values(api, host, METRIC, (began, clock::now())).await?;
    let mut found: BTreeMap<u64, u64> = BTreeMap::new();
    stored.iter().for_each(|(_, value)| *found.entry(*value as u64).or_default() += 1);
    let lost: Vec<&u64> = expected.keys().filter(|sequence| !found.contains_key(sequence)).collect();
    let doubled: Vec<&u64> = expected.keys().filter(|sequence| found.get(sequence).is_some_and(|&count| count > 1)).collect();
    ensure!(lost.is_empty() && doubled.is_empty(), "of {} acknowledged, lost: {lost:?}, doubled: {doubled:?}", expected.len());
    Ok(())
}

/// The real agent goes on, and no moment of its samples is there twice.
async fn check_real_agent(scene: &Scene, agent: &mut Agent, simulated: rollcall_shared::AgentId, began: Timestamp) -> Result<()> {
    let agents = scene.api.list("/api/v1/agents").await?;
    let simulated = simulated.to_string();
    let real = agents.iter().find(|agent| agent["id"] != simulated.as_str()).context("the real agent")?;
    let host = scene.host_of(real["id"].as_str().context("id")?.parse()?).await?;
    let restarted = clock::now();
    let values = until_async(PATIENCE, "samples of the real agent", async || {
        agent.process()?.ensure_alive()?;
        let values = scene.values(&host, METRIC, began, clock::now()).await?;
        Ok(values.iter().any(|(at, _)| *at > restarted).then_some(values))
    })
    .await?;
    let moments: BTreeSet<Timestamp> = values.iter().map(|(at, _)| *at).collect();
    assert_eq!(moments.len(), values.len(), "each sample of the real agent is there once");
    Ok(())
}

/// The breach that lasted through all faults is one incident a machine, never two and never none.
async fn check_incidents(scene: &Scene) -> Result<()> {
    let keys = until_async(PATIENCE, "an incident of each machine", async || {
        let incidents = scene.incidents_of(RULE).await?;
        let keys: Vec<String> = incidents.iter().filter_map(|incident| incident["dedup_key"].as_str().map(str::to_owned)).collect();
        Ok((keys.len() >= MACHINES).then_some(keys))
    })
    .await?;
    let distinct: BTreeSet<&String> = keys.iter().collect();
    assert_eq!((distinct.len(), keys.len()), (MACHINES, MACHINES), "one incident a machine: {keys:?}");
    Ok(())
}
