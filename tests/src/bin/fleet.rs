//! `fleet`: how much a server takes. Enrols simulated agents, uploads their inventories, pushes samples, prints JSON.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the result goes to standard output, progress to standard error")]

use anyhow::{Context, Result, ensure};
use clap::Parser;
use rollcall_shared::Timestamp;
use rollcall_tests::fleet::drive::AGENTS_PER_TOKEN;
use rollcall_tests::fleet::{Plan, Report, Target, drive};
use rollcall_tests::harness::{Api, Server, SimulatedAgent, clock};
use std::path::PathBuf;
use std::time::Duration;

/// Agents whose samples are read back through the API at the end.
const READ_BACK: usize = 20;

/// Enrols N simulated agents against a server it starts (or one given), uploads real-looking inventories, pushes messages of
/// 60 samples over kept-alive mTLS connections, and prints JSON: rates, latencies, CPU, memory, bytes.
#[derive(Debug, Parser)]
#[command(
    name = "fleet",
    version,
    after_help = "\
Examples:
  As fast as the server answers:
    cargo run --release -p rollcall-tests --bin fleet -- --agents 1000 --duration 30
  2,500 pushes a second in total, for the latency at half load:
    cargo run --release -p rollcall-tests --bin fleet -- --agents 1000 --duration 30 --rate 2500
  A fleet of 500 that pushes every second, against another server:
    fleet --agents 500 --duration 60 --interval 1000 --server https://rollcall.example:8443 --token-file join.token --ca-file ca.crt"
)]
struct Line {
    /// Simulated agents.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    agents: u64,
    /// Seconds of pushing.
    #[arg(long, value_name = "S", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    duration: u64,
    /// Milliseconds between two pushes of one agent; as fast as the server answers when absent.
    #[arg(long, value_name = "MS", conflicts_with = "rate")]
    interval: Option<u64>,
    /// Pushes a second of all agents together.
    #[arg(long, value_name = "R")]
    rate: Option<f64>,
    /// A server that runs already; its agent listener must be reachable too.
    #[arg(long, value_name = "URL", requires = "token_file", requires = "ca_file")]
    server: Option<String>,
    /// Join token for that server, good for N agents, with automatic approval.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// That server's certificate authority (`ca/ca.crt` of its data directory).
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Where to start a server of its own; a temporary directory when absent.
    #[arg(long, value_name = "DIR", conflicts_with = "server")]
    data: Option<PathBuf>,
    /// Seed of the machines: the same seed is the same fleet.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Prints one line of JSON instead of an indented document.
    #[arg(long)]
    json: bool,
}

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<()> {
    let line = Line::parse();
    let rate = |rate: f64| Duration::from_secs_f64(line.agents as f64 / rate.max(0.001));
    let interval = line.interval.map(Duration::from_millis).or(line.rate.map(rate));
    let plan = Plan { agents: line.agents, duration: Duration::from_secs(line.duration), interval, seed: line.seed };
    let report = match &line.server {
        Some(url) => against_given(&line, plan, url).await?,
        None => against_own(&line, plan).await?,
    };
    println!("{}", if line.json { serde_json::to_string(&report)? } else { serde_json::to_string_pretty(&report)? });
    ensure!(report.duplicates == 0, "something was acknowledged that was not sent");
    Ok(())
}

async fn against_given(line: &Line, plan: Plan, url: &str) -> Result<Report> {
    let read = |path: &Option<PathBuf>| {
        let path = path.as_ref().context("--token-file and --ca-file")?;
        std::fs::read_to_string(path).with_context(|| path.display().to_string())
    };
    let api = Api::new(url.trim_end_matches('/'), read(&line.ca_file)?.as_bytes(), None)?;
    let target = Target { api, tokens: vec![read(&line.token_file)?], proc: None, data: None };
    Ok(drive(plan, &target, progress).await?.0)
}

async fn against_own(line: &Line, plan: Plan) -> Result<Report> {
    let temporary = tempfile::tempdir()?;
    let parent = line.data.clone().unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&parent).with_context(|| parent.display().to_string())?;
    progress("building the server, when it is not fresh");
    let mut server = Server::start(&parent)?;
    let tokens = (0..plan.agents.div_ceil(AGENTS_PER_TOKEN)).map(|_| server.join_token(u32::try_from(AGENTS_PER_TOKEN)?));
    let target = Target {
        api: server.api()?,
        tokens: tokens.collect::<Result<_>>()?,
        proc: Some(format!("/proc/{}", server.process()?.id())),
        data: Some(server.data().to_owned()),
    };
    let began = clock::now();
    let (mut report, agents) = drive(plan, &target, progress).await?;
    progress("reading samples back");
    report.read_back = Some(read_back(&server.api()?, &agents, began).await?);
    drop(agents);
    progress("replaying the log");
    server.stop()?;
    server.verify()?;
    server.leave_log_unchecked();
    report.log_verified = Some(true);
    Ok(report)
}

/// Reads samples of some agents back: each acknowledged message once.
async fn read_back(api: &Api, agents: &[SimulatedAgent], began: Timestamp) -> Result<u64> {
    let mut total = 0;
    for agent in agents.iter().take(READ_BACK) {
        let known = api.get(&format!("/api/v1/agents/{}", agent.id())).await?;
        let host = known["ci"].as_str().context("an agent that pushed is a host")?;
        let found = count_samples(api, host, began).await?;
        // Two messages, the start and the inventory, carried no samples.
        let expected = agent.acknowledged - 2;
        ensure!(found == expected, "{}: {expected} acknowledged, {found} there", agent.host.hostname);
        total += found;
    }
    Ok(total)
}

/// In pieces that stay below the bound of one answer.
async fn count_samples(api: &Api, host: &str, began: Timestamp) -> Result<u64> {
    let (mut total, mut from, end) = (0, began, clock::now());
    while from < end {
        let to = from.plus(Duration::from_secs(10)).min(end);
        let path = format!("/api/v1/cis/{host}/samples?metric=system.uptime&from={from}&to={to}&step=raw");
        for series in api.list(&path).await? {
            total += series["points"].as_array().map_or(0, Vec::len) as u64;
        }
        from = to;
    }
    Ok(total)
}

fn progress(text: &str) {
    eprintln!("fleet: {text}");
}
