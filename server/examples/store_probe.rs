//! Writes to the embedded store until it is killed, and verifies afterwards that nothing acknowledged is missing.
//!
//! `store_probe write DIR START [MODE]` prints the number of each record once the store says that it is durable. Mode `unsynced` leaves the sync out, to show
//! that a power cut finds what a missing sync loses. `store_probe verify DIR N` exits 0 when each record up to N is there and intact, exactly
//! once, 5 when one is missing, 1 when the store cannot be read.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that is read by a harness")]

use anyhow::{Context, bail};
use rollcall_domain::journal::JournalEntry;
use rollcall_server::store::conformance::noise;
use rollcall_server::store::sled::{Durability, Options, SledStore};
use rollcall_server::store::{Commit, Snapshot, Store};
use rollcall_shared::sample::SampleSet;
use rollcall_shared::{AgentId, ContentHash, Timestamp};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

const AGENTS: u64 = 5;

struct NoSync;

impl Durability for NoSync {
    fn sync(&self, _: &File) -> io::Result<()> {
        Ok(())
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", dir, _start] => write(Path::new(dir), "synced"),
        ["write", dir, _start, mode] => write(Path::new(dir), mode),
        ["verify", dir, number] => number.parse().context("N is a number").and_then(|number| verify(Path::new(dir), number)),
        _ => {
            eprintln!("usage: store_probe write DIR START [MODE] | verify DIR N");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(1)
        }
    }
}

fn write(dir: &Path, mode: &str) -> anyhow::Result<ExitCode> {
    let mut options = Options::default();
    if mode == "unsynced" {
        options.durability = Arc::new(NoSync);
    }
    let store = if dir.exists() { SledStore::open_with(dir, &options)? } else { SledStore::create_with(dir, &options)? };
    let mut number = store.read_log(0, usize::MAX)?.len() as u64;
    loop {
        number += 1;
        let (revision, position) = store.commit(&record(number))?;
        anyhow::ensure!((revision, position) == (number, number), "record {number} became {revision}, {position}");
        println!("{number}");
        io::stdout().flush()?;
        if number.is_multiple_of(50) {
            store.compact(number - 20)?;
        }
        if number.is_multiple_of(40) {
            store.save_snapshot(&Snapshot { revision, journal_position: position, bytes: noise(700_000, number) })?;
        }
    }
}

fn verify(dir: &Path, acknowledged: u64) -> anyhow::Result<ExitCode> {
    let store = SledStore::open(dir)?;
    let log = store.read_log(0, usize::MAX)?;
    let held = log.len() as u64;
    if held < acknowledged {
        println!("the log ends at {held}, {acknowledged} were acknowledged");
        return Ok(ExitCode::from(5));
    }
    for (revision, bytes) in &log {
        let expected = record(*revision);
        anyhow::ensure!(*bytes == expected.events[0], "record {revision} is not what was written");
        for (name, content) in expected.sections {
            anyhow::ensure!(store.section(&name)?.as_ref() == Some(&content), "the content of record {revision} is missing");
        }
    }
    for agent in 0..AGENTS {
        let found = store.samples(AgentId(u128::from(agent)), Timestamp(i64::MIN), Timestamp(i64::MAX))?;
        let expected: Vec<SampleSet> =
            (1..=held).filter(|number| number % AGENTS == agent).flat_map(|number| record(number).journal.remove(0).sets).collect();
        if found != expected {
            bail!("agent {agent} has {} sample sets, {} were written", found.len(), expected.len());
        }
    }
    let snapshot = store.load_snapshot()?;
    if acknowledged >= 41 {
        let snapshot = snapshot.context("the snapshot is missing")?;
        anyhow::ensure!(snapshot.bytes == noise(700_000, snapshot.revision), "the snapshot is damaged");
    }
    Ok(ExitCode::SUCCESS)
}

/// Everything that record `number` consists of. Every tenth has content, every hundredth more of it than fits one batch.
fn record(number: u64) -> Commit {
    let size = usize::try_from(number % 3000).unwrap_or(0);
    let values = noise(60, number).into_iter().map(|byte| Some(f64::from(byte) / 3.0)).collect();
    let set = SampleSet { table: ContentHash::of(b"series"), at: Timestamp(i64::try_from(number).unwrap_or(0) * 10_000), values };
    let content = match (number.is_multiple_of(10), number.is_multiple_of(100)) {
        (_, true) => Some(noise(1_500_000, number)),
        (true, _) => Some(noise(5_000, number)),
        _ => None,
    };
    Commit {
        expected_revision: number - 1,
        events: vec![noise(size, number)],
        journal: vec![JournalEntry {
            agent: AgentId(u128::from(number % AGENTS)),
            epoch: 1,
            through: number,
            received_at: set.at,
            skew_ms: 0,
            sets: vec![set],
            signs: vec![],
        }],
        sections: content.map(|content| (ContentHash::of(&content), content)).into_iter().collect(),
        attachments: Vec::new(),
    }
}
