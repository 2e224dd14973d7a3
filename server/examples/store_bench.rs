//! Measures the embedded store: group commits of 50 pushes of 60 samples each, then compaction. Prints JSON.
//!
//! `cargo run --release -p rollcall-server --example store_bench [DIR [COMMITS [AGENTS]]]`
#![allow(clippy::print_stdout, reason = "the result goes to standard output")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use anyhow::Context;
use rollcall_domain::journal::JournalEntry;
use rollcall_server::store::sled::SledStore;
use rollcall_server::store::{Commit, Store};
use rollcall_shared::sample::SampleSet;
use rollcall_shared::{AgentId, ContentHash, Timestamp};
use std::path::PathBuf;
use std::time::Instant;

const PUSHES: u64 = 50;
const SERIES: u64 = 60;

/// How often to write and compact as much again, for the space that sled takes in the long run.
const ROUNDS: u64 = 4;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().map_or_else(|| PathBuf::from("store-bench"), PathBuf::from);
    let commits: u64 = arguments.next().map_or(Ok(2000), |count| count.parse()).context("COMMITS is a number")?;
    let agents: u64 = arguments.next().map_or(Ok(1000), |count| count.parse()).context("AGENTS is a number")?;
    let store = SledStore::create(&dir)?;
    let prepared: Vec<Commit> = (0..commits).map(|number| commit(number, agents)).collect();
    let pushes = commits * PUSHES;

    let (began, cpu) = (Instant::now(), cpu_us());
    let mut slowest = 0;
    for commit in &prepared {
        let one = Instant::now();
        store.commit(commit)?;
        slowest = slowest.max(one.elapsed().as_micros());
    }
    let (wall, cpu) = (began.elapsed(), cpu_us() - cpu);
    let before = store.usage()?.bytes;

    let (compaction, compaction_cpu) = (Instant::now(), cpu_us());
    store.compact(u64::MAX)?;
    let (compaction, compaction_cpu) = (compaction.elapsed(), cpu_us() - compaction_cpu);
    let one = Instant::now();
    let read = store.samples(AgentId(1), Timestamp(i64::MIN), Timestamp(i64::MAX))?.len();
    let read_us = one.elapsed().as_micros();
    let compacted = store.usage()?.bytes;
    for round in 1..ROUNDS {
        for number in 0..commits {
            store.commit(&commit(round * commits + number, agents))?;
        }
        store.compact(u64::MAX)?;
    }
    let steady = store.usage()?.bytes;
    drop(store);
    let one = Instant::now();
    let store = SledStore::open(&dir)?;
    let open = one.elapsed();
    let result = serde_json::json!({
        "pushes": pushes,
        "durable_pushes_per_s": pushes as f64 / wall.as_secs_f64(),
        "mean_commit_us": wall.as_micros() as f64 / commits as f64,
        "slowest_commit_us": slowest,
        "cpu_us_per_push": cpu / pushes as f64,
        "disk_bytes_per_push_before": before as f64 / pushes as f64,
        "disk_bytes_per_push_compacted": compacted as f64 / pushes as f64,
        "disk_bytes_per_push_after_rounds": steady as f64 / (pushes * ROUNDS) as f64,
        "disk_bytes_per_sample_after_rounds": steady as f64 / (pushes * ROUNDS * SERIES) as f64,
        "disk_bytes_reopened": store.usage()?.bytes,
        "compaction_s": compaction.as_secs_f64(),
        "compaction_cpu_us_per_push": compaction_cpu / pushes as f64,
        "read_one_agent_sets": read,
        "read_one_agent_us": read_us,
        "open_s": open.as_secs_f64(),
    });
    println!("{result:#}");
    Ok(())
}

/// CPU time of this process so far, microseconds.
fn cpu_us() -> f64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    spent.tv_sec as f64 * 1e6 + spent.tv_nsec as f64 / 1e3
}

/// A group of pushes of one minute: utilizations that wander, counters that grow, sizes that stay.
fn commit(number: u64, agents: u64) -> Commit {
    let pushes = (0..PUSHES).map(|push| {
        let sequence = number * PUSHES + push;
        let (agent, minute) = (sequence % agents, sequence / agents);
        let values = (0..SERIES).map(|series| Some(value(agent, series, minute))).collect();
        let at = Timestamp(1_795_000_000_000 + i64::try_from(minute).unwrap_or(0) * 60_000 + i64::try_from(agent).unwrap_or(0));
        JournalEntry {
            agent: AgentId(u128::from(agent)),
            epoch: 1,
            through: minute,
            received_at: at,
            skew_ms: 3,
            sets: vec![SampleSet { table: ContentHash::of(b"series"), at, values }],
            signs: vec![],
        }
    });
    Commit { journal: pushes.collect(), ..Commit::default() }
}

fn value(agent: u64, series: u64, minute: u64) -> f64 {
    let jitter = (agent * 31 + series * 17 + minute * 1009).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44;
    match series % 3 {
        0 => jitter as f64 / f64::from(1 << 20),
        1 => (agent * 1_000_000 + minute * 60_000 + jitter / 64) as f64,
        _ => (series * 1_073_741_824 + jitter / (1 << 18)) as f64,
    }
}
