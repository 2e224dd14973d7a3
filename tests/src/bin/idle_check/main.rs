//! `idle_check`: whether the inventory of a machine at rest stays the same. Prints JSON.
//!
//! The agent runs as installed, with the default intervals, in namespaces of its own: processes, sockets and interfaces of a busy
//! machine are not there. Files are this machine's own: what others install or edit meanwhile is a change, and shown as one. Beside its
//! own turns the agent is asked for whole inventories, and it is started anew in the middle.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the result goes to standard output, progress to standard error")]

mod changes;

use anyhow::{Context, Result};
use clap::Parser;
use rollcall_shared::Timestamp;
use rollcall_tests::harness::agent::write_private;
use rollcall_tests::harness::clock::{self, PATIENCE};
use rollcall_tests::harness::seclusion::{Resident, Seclusion};
use rollcall_tests::harness::server::{succeed, text};
use rollcall_tests::harness::{Api, Server, binaries, until_async};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// After the first inventory arrived: what hints of the kernel the start itself caused is over.
const SETTLE: Duration = Duration::from_secs(60);

/// Keeps a machine at rest under observation and counts what its inventory says that changed. Needs root.
#[derive(Debug, Parser)]
#[command(name = "idle_check", version)]
struct Line {
    /// How long; the agent is started anew in the middle.
    #[arg(long, value_name = "M", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=10_080))]
    minutes: u64,
    /// Minutes between two whole inventories that it is asked for.
    #[arg(long, value_name = "M", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10_080))]
    every: u64,
    /// Cargo profile of the agent.
    #[arg(long, default_value = "dev")]
    profile: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let line = Line::parse();
    let agent = binaries::cargo_build(&line.profile, &["rollcall-agent"], &["rollcall-agent"])?.join("rollcall-agent");
    let directory = tempfile::tempdir()?;
    let server = Server::start(directory.path())?;
    let mut bench = Bench::enrol(directory.path(), &server, agent)?;
    let resident = bench.start()?;
    let host = bench.host().await?;
    eprintln!("idle_check: {host} arrived; {} minutes from now on", line.minutes);
    tokio::time::sleep(SETTLE).await;
    let began = changes::newest(&bench.api, &host).await?;
    let inventories = bench.watch(resident, &line).await?;
    let changes = changes::since(&bench.api, &host, began).await?;
    let sections = bench.api.list(&format!("/api/v1/cis/{host}/sections")).await?;
    let incomplete = sections.iter().filter(|section| section["outcome"] != "complete");
    let incomplete: Vec<Value> =
        incomplete.map(|section| json!({ "name": section["name"], "outcome": section["outcome"], "reason": section["reason"] })).collect();
    let report = json!({
        "minutes": line.minutes,
        "restarts": 1,
        "whole_inventories": inventories,
        "sections": sections.len(),
        "sections_without_content_or_part_of_it": incomplete,
        "changes": changes.len(),
        "changes_by_section": changes::by_section(&changes),
    });
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}

/// The agent's side.
struct Bench {
    api: Api,
    seclusion: Seclusion,
    agent: PathBuf,
    state: PathBuf,
    log: PathBuf,
}

impl Bench {
    fn enrol(directory: &Path, server: &Server, agent: PathBuf) -> Result<Self> {
        let (token, state) = (directory.join("join.token"), directory.join("agent"));
        write_private(&token, &server.join_token(1)?)?;
        let enrol = ["enrol", "--server", &server.url(), "--token-file", text(&token)?, "--state", text(&state)?];
        succeed(Command::new(&agent).args(enrol).output()?)?;
        let seclusion = Seclusion::start(directory)?;
        seclusion.relay(server.agents())?;
        Ok(Self { api: server.api()?, seclusion, agent, log: state.with_extension("log"), state })
    }

    fn start(&mut self) -> Result<Resident> {
        self.seclusion.run(&self.agent, &["run", "--state", text(&self.state)?], &self.log)
    }

    /// The host, once its first inventory arrived.
    async fn host(&self) -> Result<String> {
        until_async(PATIENCE, "the machine to be a CI", async || {
            let agents = self.api.list("/api/v1/agents").await?;
            Ok(agents.first().and_then(|agent| agent["ci"].as_str()).map(str::to_owned))
        })
        .await
    }

    /// Waits, asks for inventories on the way and starts the agent anew in the middle. How many inventories were whole.
    async fn watch(&mut self, mut resident: Resident, line: &Line) -> Result<u64> {
        let mut inventories = 1;
        for minute in 1..=line.minutes {
            tokio::time::sleep(Duration::from_mins(1)).await;
            let asked = clock::now();
            if minute == line.minutes.div_ceil(2) {
                eprintln!("idle_check: minute {minute}, the agent is started anew");
                resident.stop()?;
                resident = self.start()?;
            } else if minute % line.every == 0 || minute == line.minutes {
                eprintln!("idle_check: minute {minute}, a whole inventory");
                resident.signal(Signal::HUP)?;
            } else {
                resident.ensure_alive()?;
                continue;
            }
            self.looked_at_everything(asked).await?;
            inventories += 1;
        }
        // What was found last is on its way.
        tokio::time::sleep(SETTLE).await;
        resident.stop()?;
        Ok(inventories)
    }

    async fn looked_at_everything(&self, since: Timestamp) -> Result<()> {
        let file = self.state.join("status.json");
        until_async(PATIENCE, "a whole inventory", async || {
            let status: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
            // That of the plugins comes from no collector: it is there from the start.
            let sections = status["sections"].as_array().context("sections")?.iter().filter(|section| section["name"] != "checks");
            let times: Option<Vec<Timestamp>> = sections.map(|section| section["looked_at"].as_str()?.parse().ok()).collect();
            Ok(times.filter(|times| !times.is_empty() && times.iter().all(|at| *at >= since)).map(drop))
        })
        .await
    }
}
