//! The command in the README: from a clone to a configuration item, Ctrl-C, and on again.
//!
//! It builds in release mode, which takes minutes: only where `ROLLCALL_QUICKSTART` is set, as `tests/run` does.

use anyhow::{Context, Result, ensure};
use rollcall_tests::harness::binaries::workspace;
use rollcall_tests::harness::process::{Process, tell};
use rollcall_tests::harness::server::{free_address, text};
use rollcall_tests::harness::{Api, until};
use rustix::process::Signal;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

/// A release build on a small machine.
const BUILD: Duration = Duration::from_secs(1_200);

#[tokio::test(flavor = "multi_thread")]
async fn one_command_makes_this_machine_a_ci_and_resumes() -> Result<()> {
    if std::env::var_os("ROLLCALL_QUICKSTART").is_none() {
        tell("SKIPPED: quick start: tests/run sets ROLLCALL_QUICKSTART, it takes a release build");
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let (api, agents) = (free_address()?.to_string(), free_address()?.to_string());
    let arguments =
        |data: &Path| -> Result<Vec<String>> { Ok(["--listen", &api, "--agent-listen", &agents, text(data)?].map(str::to_owned).to_vec()) };

    // Somebody else has the port: said clearly, with the way out.
    let taken = TcpListener::bind(&api)?;
    let mut refused = start(&arguments(&directory.path().join("refused"))?, &directory.path().join("refused.log"))?;
    let status = until(BUILD, "the refusal", || refused.ended())?;
    ensure!(status.code() == Some(1) && refused.output().contains("another program has the port"), "{}", refused.tail());
    drop(taken);

    let data = directory.path().join("data");
    let first = up_and_down(&arguments(&data)?, &directory.path().join("first.log"), &data, &api).await?;
    let second = up_and_down(&arguments(&data)?, &directory.path().join("second.log"), &data, &api).await?;
    assert_eq!(first, second, "the same machine is the same CI after a restart");
    Ok(())
}

fn start(arguments: &[String], log: &Path) -> Result<Process> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Process::start(&workspace().join("packaging/quickstart"), &arguments, log)
}

/// Starts it, reads the machine over the API, stops it as Ctrl-C does; returns the machine's id.
async fn up_and_down(arguments: &[String], log: &Path, data: &Path, address: &str) -> Result<String> {
    let mut process = start(arguments, log)?;
    until(BUILD, "the quick start", || {
        process.ensure_alive()?;
        Ok(process.output().contains("Ctrl-C stops").then_some(()))
    })
    .with_context(|| process.tail())?;
    let token = std::fs::read_to_string(data.join("admin.token"))?;
    let api = Api::new(&format!("https://{address}"), &std::fs::read(data.join("server/ca/ca.crt"))?, Some(token.trim()))?;
    let agents = api.list("/api/v1/agents").await?;
    let host = agents.first().and_then(|agent| agent["ci"].as_str()).context("this machine is a CI")?.to_owned();
    ensure!(process.output().contains(&host), "the id is told: {}", process.tail());
    process.signal(stop_signal()?)?;
    let status = until(Duration::from_secs(30), "the end after Ctrl-C", || process.ended())?;
    ensure!(status.success(), "{status}: {}", process.tail());
    Ok(host)
}

/// What Ctrl-C sends. Whoever ran these tests in the background of a shell made them ignore it, and with them every program
/// below: then what a service manager sends, which takes the same way.
fn stop_signal() -> Result<Signal> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).context("/proc/self/status has SigIgn")?;
    let ignored = u64::from_str_radix(ignored.trim(), 16)?;
    Ok(if ignored & 1 << (Signal::INT.as_raw() - 1) == 0 { Signal::INT } else { Signal::TERM })
}
