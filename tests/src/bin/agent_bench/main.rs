//! `agent_bench`: what the agent costs the host it runs on. Prints JSON.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the result goes to standard output, progress to standard error")]

mod packages;
mod relay;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use relay::Exchange;
use rollcall_tests::harness::agent::write_private;
use rollcall_tests::harness::process::consumption;
use rollcall_tests::harness::server::{succeed, text};
use rollcall_tests::harness::{Process, Server, binaries, clock};
use serde_json::json;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Inventories that are measured; the first of them warms the page cache and is not counted.
const INVENTORIES: u32 = 10;

/// How often a running inventory's memory is looked at.
const GLANCE: Duration = Duration::from_micros(500);

/// Measures the installed form of the agent on this machine: size of the program, a full inventory, and the steady state
/// against a server of its own with the default intervals.
#[derive(Debug, Parser)]
#[command(name = "agent_bench", version)]
struct Line {
    /// Seconds of steady state.
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    duration: u64,
    /// Seconds before that, in which the agent starts and sends its first inventory.
    #[arg(long, value_name = "S", default_value_t = 15)]
    warm_up: u64,
    /// Packages of the larger inventory.
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    packages: u32,
    /// Cargo profile of the agent.
    #[arg(long, default_value = "agent")]
    profile: String,
}

fn main() -> Result<()> {
    let line = Line::parse();
    eprintln!("agent_bench: building the agent with --profile {}, when it is not fresh", line.profile);
    let agent = binaries::cargo_build(&line.profile, &["rollcall-agent"], &["rollcall-agent"])?.join("rollcall-agent");
    let inventory = inventories(&mut Command::new(&agent))?;
    let many = match packages::command(&agent, line.packages)? {
        Some((_directory, mut command)) => inventories(&mut command)?,
        None => json!({ "skipped": "needs root, to mount a package database of that size over this machine's in a namespace of its own" }),
    };
    eprintln!("agent_bench: steady state for {} s after {} s", line.duration, line.warm_up);
    let steady = steady_state(&agent, &line)?;
    let report = json!({
        "profile": line.profile,
        "program_bytes": std::fs::metadata(&agent)?.len(),
        "inventory": inventory,
        "inventory_of_many_packages": { "packages": line.packages, "measured": many },
        "steady_state": steady,
    });
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}

/// `command` with the arguments that make it take an inventory.
fn inventories(command: &mut Command) -> Result<serde_json::Value> {
    command.args(["inventory", "--format", "json"]);
    let output = command.output()?;
    let bytes = succeed(output)?.len();
    let (mut walls, mut peak) = (Vec::new(), 0);
    let cpu = children_cpu_seconds()?;
    for _ in 0..INVENTORIES {
        let began = clock::instant();
        let mut child = command.stdout(Stdio::null()).spawn()?;
        let directory = format!("/proc/{}", child.id());
        let status = loop {
            peak = peak.max(consumption(&directory).map(|used| used.peak_rss_bytes).unwrap_or_default());
            match child.try_wait()? {
                Some(status) => break status,
                None => std::thread::sleep(GLANCE),
            }
        };
        ensure!(status.success(), "inventory: {status}");
        walls.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    walls.sort_by(f64::total_cmp);
    let cpu_ms = (children_cpu_seconds()? - cpu) * 1_000.0 / f64::from(INVENTORIES);
    Ok(json!({
        "runs": INVENTORIES,
        "median_wall_ms": rounded(walls[walls.len() / 2]),
        "slowest_wall_ms": walls.last().copied().map(rounded),
        "mean_cpu_ms": rounded(cpu_ms),
        "peak_rss_bytes": peak,
        "json_bytes": bytes,
    }))
}

/// CPU time of children that have ended: fields 16 and 17 of `/proc/self/stat`.
fn children_cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit_once(')').context("stat has a name")?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).context("stat has times");
    Ok((ticks(13)? + ticks(14)?) / rustix::param::clock_ticks_per_second() as f64)
}

/// Three digits: the kernel counts CPU time in hundredths of a second.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

fn steady_state(agent: &Path, line: &Line) -> Result<serde_json::Value> {
    let directory = tempfile::tempdir()?;
    let server = Server::start(directory.path())?;
    let (token, state) = (directory.path().join("join.token"), directory.path().join("agent"));
    write_private(&token, &server.join_token(1)?)?;
    let enrol = ["enrol", "--server", &server.url(), "--token-file", text(&token)?, "--state", text(&state)?];
    succeed(Command::new(agent).args(enrol).output()?)?;
    let relay = relay::between(&state.join("agent.json"))?;
    let mut process = Process::start(agent, &["run", "--state", text(&state)?], &directory.path().join("agent.log"))?;
    std::thread::sleep(Duration::from_secs(line.warm_up));
    let (before, exchanges_before) = (process.consumption()?, relay.exchanges().len());
    std::thread::sleep(Duration::from_secs(line.duration));
    process.ensure_alive()?;
    let (after, exchanges) = (process.consumption()?, relay.exchanges().split_off(exchanges_before));
    let cpu = after.cpu_seconds - before.cpu_seconds;
    let sections = section_bytes(&state.join("sections"))?;
    let _ = process.terminate()?;
    Ok(json!({
        "seconds": line.duration,
        "cpu_seconds": rounded(cpu),
        "cpu_seconds_per_hour": rounded(cpu * 3_600.0 / line.duration as f64),
        "cpu_percent_of_one_core": rounded(cpu * 100.0 / line.duration as f64),
        "start_and_first_inventory_cpu_seconds": before.cpu_seconds,
        "rss_bytes": after.rss_bytes,
        "pss_bytes": after.pss_bytes,
        "peak_rss_bytes": after.peak_rss_bytes,
        "inventory_raw_bytes": sections.0,
        "inventory_compressed_bytes": sections.1,
        "pushes": exchanges.len(),
        "wire_bytes_of_each_push": exchanges.iter().map(|Exchange { sent, received }| json!({ "sent": sent, "received": received })).collect::<Vec<_>>(),
    }))
}

/// Canonical and compressed bytes of the content that the agent keeps: its whole inventory and its series table.
fn section_bytes(directory: &Path) -> Result<(u64, u64)> {
    let (mut raw, mut compressed) = (0, 0);
    for entry in std::fs::read_dir(directory)? {
        let bytes = std::fs::read(entry?.path())?;
        compressed += bytes.len() as u64;
        raw += zstd::decode_all(&bytes[..])?.len() as u64;
    }
    Ok((raw, compressed))
}
