//! `incident_bench`: how long it takes from a breach to an incident that people can read and a message that has left. Prints JSON.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the result goes to standard output, progress to standard error")]

mod receiver;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use receiver::Receiver;
use reqwest::Method;
use rollcall_domain::notification::route::GROUP_INTERVAL_MS;
use rollcall_tests::fleet::drive::{AGENTS_PER_TOKEN, enrol, in_parallel, introduce, push};
use rollcall_tests::fleet::{Plan, Target};
use rollcall_tests::harness::process::cpu_seconds;
use rollcall_tests::harness::{Api, Refusal, Server, SimulatedAgent, clock};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// What the simulated hosts use the server lacks: see the server's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The rule that the breaches are of: it judges the newest value at once and is loud.
const RULE: &str = "memory_utilization";

/// Its metric.
const METRIC: &str = "system.memory.utilization";

/// How long anything may take before it counts as lost.
const LOST: Duration = Duration::from_secs(60);

/// Between a sample that is fine and the breach.
const APART: Duration = Duration::from_millis(100);

/// Before what the server had no room for is sent again.
const LATER: Duration = Duration::from_millis(200);

/// How long after the last incident of a storm messages are counted: what joins a group that was told is told after the group's interval,
/// so that a first message about one host and a second about all the others are both heard.
const LISTEN: Duration = Duration::from_millis(GROUP_INTERVAL_MS + 15_000);

/// Starts a server with a webhook channel and a route to it, lets agents breach a threshold over mutual TLS, and measures until the
/// incident is readable over REST and the notification has arrived: idle, beside other pushes, and all hosts in one moment.
#[derive(Debug, Parser)]
#[command(
    name = "incident_bench",
    version,
    after_help = "\
Examples:
  The whole of it, some minutes:
    cargo run --release -p rollcall-tests --bin incident_bench
  A quick look:
    cargo run --release -p rollcall-tests --bin incident_bench -- --breaches 20 --load-seconds 5 --storm 500"
)]
struct Line {
    /// Breaches measured on an idle server, and again beside other pushes.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=2_000))]
    breaches: u64,
    /// Other pushes a second.
    #[arg(long, value_name = "R", default_value_t = 5_000.0)]
    load_rate: f64,
    /// How long there are other pushes, seconds.
    #[arg(long, value_name = "S", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    load_seconds: u64,
    /// Hosts that breach in the same moment.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=15_000))]
    storm: u64,
}

/// Milliseconds from the moment a push is sent.
#[derive(Debug, Serialize)]
struct Spread {
    count: usize,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

/// What one kind of breach took.
#[derive(Debug, Serialize)]
struct Breaches {
    /// Until the push was acknowledged.
    acknowledged: Spread,
    /// Until the incident was read over REST.
    readable: Spread,
    /// Until the notification arrived.
    notified: Spread,
    /// Incidents of which no notification arrived.
    unnotified: usize,
}

/// What a storm took.
#[derive(Debug, Serialize)]
struct Storm {
    hosts: u64,
    /// From the first push until all were acknowledged.
    acknowledged_s: f64,
    /// From the first push until all incidents were read over REST.
    readable_s: f64,
    /// Notifications that arrived.
    notifications: usize,
    /// What each of them is about.
    told: Vec<String>,
    /// From the first push until the first of them arrived.
    notified_s: Option<f64>,
    /// Processor time until all were acknowledged.
    taking_in: Processors,
    /// Processor time from then until all incidents were read.
    reading: Processors,
}

/// Processor time that both sides used: they share the machine, so what one uses the other lacks.
#[derive(Clone, Copy, Debug, Serialize)]
struct Processors {
    server_s: f64,
    /// This program: the simulated agents with their ends of TLS, whoever reads the incidents, and the receiver.
    generator_s: f64,
}

impl Processors {
    fn now(server: u32) -> Result<Self> {
        Ok(Self { server_s: cpu_seconds(&format!("/proc/{server}"))?, generator_s: cpu_seconds("/proc/self")? })
    }

    fn since(self, before: Self) -> Self {
        Self { server_s: self.server_s - before.server_s, generator_s: self.generator_s - before.generator_s }
    }
}

#[derive(Debug, Serialize)]
struct Outcome {
    idle: Breaches,
    load_pushes_per_second: f64,
    under_load: Breaches,
    storm: Storm,
}

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<()> {
    let line = Line::parse();
    let temporary = tempfile::tempdir()?;
    eprintln!("building the server, when it is not fresh");
    let mut server = Server::init(temporary.path())?;
    let path = server.data().join("rollcall.toml");
    let configuration = std::fs::read_to_string(&path)?;
    ensure!(configuration.contains("[delivery]"), "the configuration has no place for deliveries");
    std::fs::write(&path, configuration.replace("[delivery]", "[delivery]\nallowed_networks = [\"127.0.0.0/8\"]"))?;
    server.run()?;
    let api = server.api()?;
    let receiver = Receiver::start().await?;
    notify(&api, &receiver).await?;
    api.post(&format!("/api/v1/rules/{RULE}/disable"), json!({})).await?;

    eprintln!("{} agents on an idle server", line.breaches);
    let first = fleet(&server, line.breaches, 1).await?;
    let idle = breaches(&api, first, &receiver).await?;

    let interval = Duration::from_secs_f64(1_000.0 / line.load_rate);
    eprintln!("{} agents beside {} pushes a second", line.breaches, line.load_rate);
    let plan = Plan { agents: 1_000, duration: Duration::from_secs(line.load_seconds), interval: Some(interval), seed: 2 };
    let (others, second) = (fleet(&server, 1_000, 2).await?, fleet(&server, line.breaches, 3).await?);
    let load = tokio::spawn(push(plan, others, clock::instant()));
    let under_load = breaches(&api, second, &receiver).await?;
    let pushes = load.await??.0.pushes();

    eprintln!("{} agents for the storm", line.storm);
    let all = fleet(&server, line.storm, 4).await?;
    let storm = storm(&api, all, &receiver, server.process()?.id()).await?;
    let load_pushes_per_second = pushes as f64 / plan.duration.as_secs_f64();
    println!("{}", serde_json::to_string_pretty(&Outcome { idle, load_pushes_per_second, under_load, storm })?);
    Ok(())
}

/// A channel to the receiver, and a route that pages through it: by item, so that each breach is a matter of its own.
async fn notify(api: &Api, receiver: &Receiver) -> Result<()> {
    let url = format!("http://{}/", receiver.address());
    let channel = json!({"kind": "webhook", "name": "bench", "url": url, "follows": "notifications"});
    let made = api.post("/api/v1/channels", channel).await?;
    let route = json!({"name": "bench", "channels": [made["channel"]["id"]], "group_by": ["ci"], "tell_resolved": false});
    api.post("/api/v1/notification_routes", route).await.map(drop)
}

/// The route takes what one rule says together, as people would have it.
async fn together(api: &Api) -> Result<()> {
    let route = api.list("/api/v1/notification_routes").await?.pop().context("a route")?;
    let path = format!("/api/v1/notification_routes/{}", route["id"].as_str().context("its id")?);
    let channels = route["channels"].clone();
    api.edit(&path, |shown| *shown = json!({"name": "bench", "channels": channels, "group_by": ["rule"]})).await.map(drop)
}

async fn fleet(server: &Server, agents: u64, seed: u64) -> Result<Vec<SimulatedAgent>> {
    let plan = Plan { agents, duration: Duration::ZERO, interval: None, seed };
    let tokens = (0..agents.div_ceil(AGENTS_PER_TOKEN)).map(|_| server.join_token(u32::try_from(AGENTS_PER_TOKEN)?));
    let target = Target { api: server.api()?, tokens: tokens.collect::<Result<_>>()?, proc: None, data: None };
    introduce(enrol(plan, &target).await?).await
}

/// A rule for one host alone: what one rule says of many hosts within a minute is a storm, and told as one.
async fn rule_for(api: &Api, host: &str) -> Result<()> {
    let condition = json!({"kind": "threshold", "metric": METRIC, "reduce": "last", "window_ms": 0, "side": "above"});
    let rule = json!({
        "id": host.to_lowercase().replace('-', "_"), "title": "Memory of one host", "description": "A benchmark's own.", "enabled": true,
        "tier": "page", "condition": condition, "levels": {"critical": {"raise": 0.9, "clear": 0.8}}, "impact": "low", "auto_resolve": true,
        "selector": {"cis": [host]}
    });
    api.post("/api/v1/rules", rule).await.map(drop)
}

/// One breach after the other, each of a host and a rule of its own.
async fn breaches(api: &Api, mut agents: Vec<SimulatedAgent>, receiver: &Receiver) -> Result<Breaches> {
    let (mut acknowledged, mut readable, mut sent) = (Vec::new(), Vec::new(), Vec::new());
    for agent in &mut agents {
        rule_for(api, &host(api, agent).await?).await?;
        agent.sample_with(clock::now(), METRIC, 0.2).await?;
    }
    // The times of two samples in a row must differ when they are brought to the server's clock.
    tokio::time::sleep(APART).await;
    for mut agent in agents {
        let host = host(api, &agent).await?;
        let began = clock::instant();
        agent.sample_with(clock::now(), METRIC, 0.99).await?;
        acknowledged.push(began.elapsed());
        let path = format!("/api/v1/incidents?ci={host}&limit=5");
        loop {
            if api.get(&path).await?["items"].as_array().is_some_and(|items| !items.is_empty()) {
                break;
            }
            ensure!(began.elapsed() < LOST, "no incident on {host}");
        }
        readable.push(began.elapsed());
        sent.push((host, began));
    }
    let mut notified = Vec::new();
    for (host, began) in &sent {
        if let Some(arrived) = receiver.first_about(host, LOST).await {
            notified.push(arrived.saturating_duration_since(*began));
        }
    }
    let unnotified = sent.len() - notified.len();
    Ok(Breaches { acknowledged: spread(acknowledged), readable: spread(readable), notified: spread(notified), unnotified })
}

/// Every host has measured that it is fine under the rules as they are, as one that has been running for a while has.
async fn settled(agents: Vec<SimulatedAgent>) -> Result<Vec<SimulatedAgent>> {
    in_parallel(agents, |mut agent| async move {
        agent.sample_with(clock::now(), METRIC, 0.2).await?;
        Ok(agent)
    })
    .await
}

async fn storm(api: &Api, agents: Vec<SimulatedAgent>, receiver: &Receiver, server: u32) -> Result<Storm> {
    let hosts = agents.len() as u64;
    together(api).await?;
    api.post(&format!("/api/v1/rules/{RULE}/enable"), json!({})).await?;
    let agents = settled(agents).await?;
    tokio::time::sleep(APART).await;
    let before = count(api).await?;
    let heard = receiver.count();
    let prepare = |mut agent: SimulatedAgent| agent.prepare(clock::now(), METRIC, 0.99).map(|breach| (agent, breach));
    let prepared = agents.into_iter().map(prepare).collect::<Result<Vec<_>>>()?;
    eprintln!("the storm begins");
    let (began, idle) = (clock::instant(), Processors::now(server)?);
    let mut tasks = JoinSet::new();
    for (agent, breach) in prepared {
        tasks.spawn(send(agent, breach));
    }
    let mut alive = Vec::new();
    while let Some(done) = tasks.join_next().await {
        alive.push(done??);
    }
    let acknowledged_s = began.elapsed().as_secs_f64();
    let taken_in = Processors::now(server)?;
    while count(api).await? < before + hosts {
        ensure!(began.elapsed() < LOST, "not all incidents opened");
    }
    let readable_s = began.elapsed().as_secs_f64();
    let (taking_in, reading) = (taken_in.since(idle), Processors::now(server)?.since(taken_in));
    eprintln!("listening for {} s", LISTEN.as_secs());
    tokio::time::sleep(LISTEN).await;
    let notified_s = receiver.arrival(heard).map(|arrived| arrived.saturating_duration_since(began).as_secs_f64());
    let told = receiver.since(heard).iter().map(|body| title(body)).collect::<Result<Vec<_>>>()?;
    Ok(Storm { hosts, acknowledged_s, readable_s, notifications: told.len(), told, notified_s, taking_in, reading })
}

/// What a webhook's body is about.
fn title(body: &str) -> Result<String> {
    let body: Value = serde_json::from_str(body).context("the body of a notification")?;
    Ok(body["data"]["title"].as_str().context("its title")?.to_owned())
}

/// Sends a breach; later, as agents do, when the server has more work than it can take.
async fn send(mut agent: SimulatedAgent, breach: Vec<u8>) -> Result<SimulatedAgent> {
    loop {
        match agent.push_frame(&breach).await {
            Ok(reply) => {
                ensure!(reply.acknowledged + 1 == agent.next, "the breach of {} is not acknowledged", agent.id());
                return Ok(agent);
            }
            Err(error) if error.downcast_ref::<Refusal>().is_some_and(|refusal| refusal.status == 429) => tokio::time::sleep(LATER).await,
            Err(error) => return Err(error),
        }
    }
}

/// What is looked at of a page of incidents; all of it is sent, read and checked to be JSON.
#[derive(Deserialize)]
struct Page {
    items: Vec<Shown>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Shown {
    primary_ci: Option<String>,
}

/// Incidents of the rule, read page by page as a client would.
async fn count(api: &Api) -> Result<u64> {
    let (mut count, mut cursor) = (0, None);
    loop {
        let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let path = format!("/api/v1/incidents?rule={RULE}&limit=500{after}");
        let answer = api.send(Method::GET, &path, &[], None).await?;
        ensure!(answer.status.is_success(), "GET {path}: {}: {}", answer.status, answer.text);
        let page: Page = serde_json::from_str(&answer.text).with_context(|| format!("GET {path}"))?;
        count += page.items.iter().filter(|incident| incident.primary_ci.is_some()).count() as u64;
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(count);
        }
    }
}

async fn host(api: &Api, agent: &SimulatedAgent) -> Result<String> {
    let known: Value = api.get(&format!("/api/v1/agents/{}", agent.id())).await?;
    Ok(known["ci"].as_str().context("an agent that reported is a host")?.to_owned())
}

fn spread(mut times: Vec<Duration>) -> Spread {
    times.sort_unstable();
    let at = |share: f64| {
        let place = (share * (times.len().saturating_sub(1)) as f64).round() as usize;
        times.get(place).map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
    };
    Spread { count: times.len(), p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1.0) }
}

/// When something arrived.
type Arrival = (Instant, String);
