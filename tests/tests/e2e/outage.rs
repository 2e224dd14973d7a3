//! The server is away: agents spool, and everything arrives once when it is back.

use crate::scene::Scene;
use anyhow::{Context, Result, ensure};
use rollcall_shared::Timestamp;
use rollcall_tests::harness::clock::{self, PATIENCE};
use rollcall_tests::harness::{Agent, until, until_async};
use std::path::Path;

const METRIC: &str = "system.uptime";

/// Samples that the agent must take while nobody listens.
const SPOOLED: usize = 15;

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_measured_while_the_server_was_away_arrives_once() -> Result<()> {
    let mut scene = Scene::start()?;
    let began = clock::now();
    let mut agent = Agent::enrol(scene.path(), &scene.server)?;
    agent.hurry(0.2)?;
    agent.run()?;
    let agents = scene.api.list("/api/v1/agents").await?;
    let host = scene.host_of(agents[0]["id"].as_str().context("id")?.parse()?).await?;

    scene.server.stop()?;
    let away = clock::now();
    let (mut before, mut grown) = (spooled_bytes(agent.state())?, 0);
    until(PATIENCE, "the spool to grow", || {
        let now = spooled_bytes(agent.state())?;
        grown += usize::from(now > before);
        before = now;
        Ok((grown > SPOOLED).then_some(()))
    })?;
    let back = clock::now();
    agent.process()?.ensure_alive()?;
    scene.server.run()?;

    let values = until_async(PATIENCE, "what was spooled", async || {
        let values = scene.values(&host, METRIC, began, clock::now()).await?;
        Ok(values.iter().any(|(at, _)| *at > back).then_some(values))
    })
    .await?;
    let within = values.iter().filter(|(at, _)| (away..back).contains(at)).count();
    ensure!(within >= SPOOLED, "{within} samples of the time between");
    check_once_and_gapless(&values)?;
    agent.stop()
}

fn check_once_and_gapless(values: &[(Timestamp, f64)]) -> Result<()> {
    let mut moments: Vec<Timestamp> = values.iter().map(|(at, _)| *at).collect();
    moments.sort_unstable();
    for pair in moments.windows(2) {
        ensure!(pair[0] != pair[1], "the sample of {} is there twice", pair[0]);
        // A lost push would leave a hole; a machine that is busy for seconds would not.
        ensure!(pair[1].since(pair[0]).as_secs() < 5, "nothing between {} and {}", pair[0], pair[1]);
    }
    Ok(())
}

fn spooled_bytes(state: &Path) -> Result<u64> {
    let mut total = 0;
    let mut waiting = vec![state.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            // A segment may be removed while it is looked at.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() { waiting.push(entry.path()) } else { total += metadata.len() }
        }
    }
    Ok(total)
}
