//! `fortnight`: what the server would have opened, named and sent in two weeks whose faults are known. Prints a table or JSON.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the result goes to standard output, progress to standard error")]

use anyhow::{Result, bail};
use clap::Parser;
use rollcall_tests::fortnight::score::{Outcome, Row};
use rollcall_tests::fortnight::{Plan, run};
use rollcall_tests::harness::clock;

/// Lives through two weeks of a fleet in minutes: a bad package on 40 hosts, a dying switch, a bug of the agent, crashes, leaks, full
/// disks, nightly peaks and an upgrade of everything. Shows what was opened for each fault and which cause was named.
#[derive(Debug, Parser)]
#[command(
    name = "fortnight",
    version,
    after_help = "\
Examples:
  The whole of it:
    cargo run --release -p rollcall-tests --bin fortnight
  Another fortnight, failing when a target is missed:
    cargo run --release -p rollcall-tests --bin fortnight -- --seed 7 --check"
)]
struct Line {
    /// Hosts.
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(400..=20_000))]
    hosts: u32,
    /// Days.
    #[arg(long, value_name = "N", default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=60))]
    days: u32,
    /// The same seed is the same fortnight.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    /// Fails when a target is missed.
    #[arg(long)]
    check: bool,
}

fn main() -> Result<()> {
    let line = Line::parse();
    let began = clock::instant();
    let plan = Plan { hosts: line.hosts, days: line.days, seed: line.seed };
    let outcome = run(plan, |day| eprintln!("day {day} of {} is over after {:.0} s", line.days, began.elapsed().as_secs_f64()))?;
    if line.json {
        println!("{}", serde_json::to_string_pretty(&outcome)?);
    } else {
        print(&outcome);
    }
    let misses = outcome.misses();
    misses.iter().for_each(|miss| eprintln!("missed: {miss}"));
    if line.check && !misses.is_empty() {
        bail!("{} of the targets are missed", misses.len());
    }
    Ok(())
}

fn print(outcome: &Outcome) {
    println!("{:<48} {:>5} {:>9} {:>6} {:>9} {:>8}  cause named", "fault", "hosts", "incidents", "groups", "min open", "messages");
    for row in &outcome.faults {
        println!(
            "{:<48} {:>5} {:>9} {:>6} {:>9} {:>8}  {}",
            row.fault,
            row.hosts,
            row.incidents,
            format!("{}/{}", row.groups, row.occurrences),
            row.minutes_to_open.map_or_else(|| "never".to_owned(), |minutes| format!("{minutes:.1}")),
            row.messages,
            named(row)
        );
    }
    println!(
        "\n{:.2} groups per fault; {} missed; {} false alarms; {} wrong causes; {} incidents, {} problems, {} messages, {} log records",
        outcome.groups_per_fault,
        outcome.missed.len(),
        outcome.false_alarms.len(),
        outcome.wrong_causes.len(),
        outcome.incidents,
        outcome.problems,
        outcome.messages,
        outcome.records
    );
    outcome.false_alarms.iter().take(20).for_each(|alarm| println!("  false alarm: {alarm}"));
    outcome.wrong_causes.iter().for_each(|cause| println!("  wrong cause: {cause}"));
}

fn named(row: &Row) -> String {
    match (&row.cause_named, row.cause_right) {
        (Some(cause), Some(true)) => format!("right: {cause}"),
        (Some(cause), _) => format!("WRONG: {cause}"),
        (None, _) => "-".into(),
    }
}
