//! Enrols a fleet, uploads its inventories, and pushes until the time is over.

use super::report::{Latencies, Report};
use crate::harness::process::{Consumption, consumption};
use crate::harness::{Api, Host, SimulatedAgent, clock};
use anyhow::{Context, Result};
use rollcall_shared::Timestamp;
use rollcall_shared::message::{Message, Payload};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Agents that enrol or upload at once: more would measure the queue in front of two cores.
const AT_ONCE: usize = 32;

/// Wait after a refusal that gives no advice.
const BACK_OFF: Duration = Duration::from_millis(500);

/// What the load is to be.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many agents.
    pub agents: u64,
    /// How long they push.
    pub duration: Duration,
    /// Time between two pushes of one agent; none for as fast as the server answers.
    pub interval: Option<Duration>,
    /// Seed of the machines.
    pub seed: u64,
}

/// Where it goes.
#[derive(Clone)]
pub struct Target {
    /// A client of the API listener that trusts the server.
    pub api: Api,
    /// A join token for every thousand agents.
    pub tokens: Vec<String>,
    /// `/proc/PID` of a server on this machine.
    pub proc: Option<String>,
    /// Data directory of a server on this machine.
    pub data: Option<PathBuf>,
}

/// Agents that join with one token: the server lets so many enrol with it in a minute.
pub const AGENTS_PER_TOKEN: u64 = 1_000;

/// What one agent has to tell.
#[derive(Default)]
pub struct Tally {
    pushes: u64,
    duplicates: u64,
    latencies: Latencies,
    errors: BTreeMap<String, u64>,
    sent: u64,
    received: u64,
}

/// Carries out a plan.
///
/// # Errors
/// When the fleet cannot enrol or introduce itself. What goes wrong with pushes is counted and told.
pub async fn drive(plan: Plan, target: &Target, progress: impl Fn(&str)) -> Result<(Report, Vec<SimulatedAgent>)> {
    let began = clock::instant();
    let agents = enrol(plan, target).await?;
    progress(&format!("{} agents enrolled in {:.1} s", plan.agents, began.elapsed().as_secs_f64()));
    let began = clock::instant();
    let agents = introduce(agents).await?;
    let inventory = began.elapsed();
    progress(&format!("{} inventories in {:.1} s", plan.agents, inventory.as_secs_f64()));

    let (before, disk_before) = (target.consumption(), target.disk_bytes());
    let own_before = consumption("/proc/self")?;
    let began = clock::instant();
    let (tally, agents) = push(plan, agents, began).await?;
    let wall = began.elapsed();
    let (after, own_after) = (target.consumption(), consumption("/proc/self")?);
    let disk_after = target.disk_bytes();

    let mut report = Report::new(plan, wall, inventory, &tally.latencies);
    report.count(tally.pushes, tally.duplicates, tally.errors);
    report.wire(tally.sent, tally.received);
    report.generator_cpu_seconds = own_after.cpu_seconds - own_before.cpu_seconds;
    if let (Some(before), Some(after)) = (before, after) {
        report.server(before, after);
    }
    if let (Some(before), Some(after)) = (disk_before, disk_after) {
        report.disk(before, after);
    }
    Ok((report, agents))
}

/// Every agent joins.
///
/// # Errors
/// When the server refuses one.
pub async fn enrol(plan: Plan, target: &Target) -> Result<Vec<SimulatedAgent>> {
    let target = target.clone();
    in_parallel((0..plan.agents).collect(), move |number| {
        let target = target.clone();
        async move {
            let token = usize::try_from(number / AGENTS_PER_TOKEN)?;
            let token = target.tokens.get(token).or(target.tokens.last()).context("a join token")?;
            SimulatedAgent::enrol(&target.api, token, Host::new(plan.seed, number)?).await
        }
    })
    .await
}

/// Every agent reports for the first time.
///
/// # Errors
/// When the server refuses one.
pub async fn introduce(agents: Vec<SimulatedAgent>) -> Result<Vec<SimulatedAgent>> {
    in_parallel(agents, |mut agent| async move {
        agent.introduce().await.with_context(|| agent.host.hostname.clone())?;
        Ok(agent)
    })
    .await
}

/// Does the same for many, some dozens at a time.
///
/// # Errors
/// The first of those of the work.
pub async fn in_parallel<T, U, F>(items: Vec<T>, work: impl Fn(T) -> F) -> Result<Vec<U>>
where
    F: Future<Output = Result<U>> + Send + 'static,
    U: Send + 'static,
{
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for item in items {
        let (turn, future) = (Arc::clone(&turns).acquire_owned().await?, work(item));
        tasks.spawn(async move {
            let done = future.await;
            drop(turn);
            done
        });
    }
    let mut done = Vec::new();
    while let Some(finished) = tasks.join_next().await {
        done.push(finished??);
    }
    Ok(done)
}

/// Every agent pushes until the time is over.
///
/// # Errors
/// When a task of the generator fails.
pub async fn push(plan: Plan, agents: Vec<SimulatedAgent>, began: Instant) -> Result<(Tally, Vec<SimulatedAgent>)> {
    let mut tasks = JoinSet::new();
    for (place, agent) in (0_u32..).zip(agents) {
        // Phases are spread evenly, as those of a real fleet are.
        let phase = plan.interval.map(|interval| interval.mul_f64(f64::from(place) / plan.agents.max(1) as f64));
        tasks.spawn(push_until_over(plan, agent, began + phase.unwrap_or_default()));
    }
    let (mut total, mut agents) = (Tally::default(), Vec::new());
    while let Some(finished) = tasks.join_next().await {
        let (tally, agent) = finished?;
        total.add(tally);
        agents.push(agent);
    }
    Ok((total, agents))
}

async fn push_until_over(plan: Plan, mut agent: SimulatedAgent, first: Instant) -> (Tally, SimulatedAgent) {
    let mut tally = Tally::default();
    let (mut due, end) = (first, first + plan.duration);
    let mut at = clock::now();
    while due < end {
        tokio::time::sleep_until(due.into()).await;
        at = Timestamp(clock::now().0.max(at.0 + 1));
        one_push(&mut agent, at, due, end, &mut tally).await;
        due = plan.interval.map_or_else(clock::instant, |interval| due + interval);
    }
    let traffic = agent.connection().map(|connection| connection.traffic()).unwrap_or_default();
    (tally.sent, tally.received) = (tally.sent + traffic.sent, tally.received + traffic.received);
    (tally, agent)
}

/// One message, as often as it takes until it is acknowledged or the time is over.
async fn one_push(agent: &mut SimulatedAgent, at: Timestamp, due: Instant, end: Instant, tally: &mut Tally) {
    let sequence = agent.next;
    let message = Message { sequence, payload: Payload::Samples(vec![agent.host.sample(at)]) };
    loop {
        match agent.push(vec![message.clone()]).await {
            Ok(reply) if reply.acknowledged == sequence => break,
            // The server knows more than was sent: something was counted that never was.
            Ok(reply) if reply.acknowledged > sequence => {
                tally.duplicates += 1;
                break;
            }
            Ok(_) => tally.fail("not acknowledged".into()),
            Err(error) => {
                tally.fail(format!("{error:#}"));
                agent.disconnect();
            }
        }
        if clock::instant() >= end {
            return;
        }
        tokio::time::sleep(BACK_OFF).await;
    }
    agent.next = sequence + 1;
    tally.pushes += 1;
    tally.latencies.add(due.elapsed());
}

impl Tally {
    /// Pushes that were acknowledged.
    #[must_use]
    pub fn pushes(&self) -> u64 {
        self.pushes
    }

    fn fail(&mut self, why: String) {
        *self.errors.entry(why.chars().take(120).collect()).or_default() += 1;
    }

    fn add(&mut self, other: Self) {
        self.pushes += other.pushes;
        self.duplicates += other.duplicates;
        self.sent += other.sent;
        self.received += other.received;
        self.latencies.join(other.latencies);
        other.errors.into_iter().for_each(|(why, count)| *self.errors.entry(why).or_default() += count);
    }
}

impl Target {
    fn consumption(&self) -> Option<Consumption> {
        self.proc.as_deref().and_then(|directory| consumption(directory).ok())
    }

    /// Blocks that the data directory occupies.
    fn disk_bytes(&self) -> Option<u64> {
        self.data.as_deref().map(occupied)
    }
}

fn occupied(directory: &std::path::Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => occupied(&entry.path()),
        // A file that went away between listing and looking occupies nothing.
        metadata => metadata.map(|metadata| metadata.blocks() * 512).unwrap_or_default(),
    };
    entries.map(size).sum()
}
