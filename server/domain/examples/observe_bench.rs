//! How long the judgement of one push takes under the stock rules: `cargo run --release -p rollcall-domain --example observe_bench`.
//! Prints JSON. Every agent has 60 series, four file systems among them, and a class; no value crosses a line.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
#![expect(clippy::print_stdout, reason = "the result goes to standard output")]

use rollcall_domain::ci::{Ci, Class};
use rollcall_domain::context::{Content, Context, CountingIds};
use rollcall_domain::id::{CiId, Family, TokenId};
use rollcall_domain::journal::JournalEntry;
use rollcall_domain::rule::RuleEvent;
use rollcall_domain::rule::stock::stock;
use rollcall_domain::trust::Agent;
use rollcall_domain::{Actor, Event, Record, World};
use rollcall_shared::enrol::AgentStatus;
use rollcall_shared::sample::{SampleSet, Series};
use rollcall_shared::{AgentId, ContentHash, Section, Timestamp};
use std::sync::Arc;
use std::time::Instant;

const AGENTS: u128 = 5_000;
const ROUNDS: i64 = 100;
const SERIES: usize = 60;

struct OneTable(ContentHash, Arc<Section>);

impl Content for OneTable {
    fn section(&self, hash: &ContentHash) -> Option<Arc<Section>> {
        (*hash == self.0).then(|| Arc::clone(&self.1))
    }
}

fn main() {
    let mut series = real_looking();
    series.sort();
    let section = Section::Series(series.clone());
    let (table, _) = section.clone().canonical().expect("a table");
    let content = OneTable(table, Arc::new(section));
    let mut world = world(&content);
    let mut ids = CountingIds(1_000_000);
    let values: Vec<Option<f64>> = series.iter().map(|one| Some(if one.metric.ends_with("utilization") { 0.4 } else { 0.0 })).collect();
    let mut events = 0;
    let begin = Instant::now();
    for round in 1..=ROUNDS {
        for agent in 1..=AGENTS {
            let at = Timestamp(round * 60_000);
            let sets = vec![SampleSet { table, at, values: values.clone() }];
            let entry = JournalEntry {
                agent: AgentId(agent),
                epoch: 1,
                through: round.unsigned_abs(),
                received_at: at,
                skew_ms: 0,
                sets,
                signs: Vec::new(),
            };
            let mut context = Context { now: at, actor: Actor::System, ids: &mut ids, content: &content };
            events += world.observe(&entry, &mut context).len();
        }
    }
    let pushes = u128::from(ROUNDS.unsigned_abs()) * AGENTS;
    let nanos = begin.elapsed().as_nanos() / pushes;
    let begin = Instant::now();
    let mut context = Context { now: Timestamp(ROUNDS * 60_000), actor: Actor::System, ids: &mut ids, content: &content };
    events += world.tick(&mut context).len();
    let tick = begin.elapsed().as_micros();
    println!(
        "{{\"agents\":{AGENTS},\"series\":{SERIES},\"pushes\":{pushes},\"us_per_push\":{}.{:03},\"tick_us\":{tick},\"events\":{events}}}",
        nanos / 1_000,
        nanos % 1_000
    );
}

fn real_looking() -> Vec<Series> {
    let plain = |metric: &str| Series { metric: metric.into(), attributes: Vec::new() };
    let mut series: Vec<Series> = [
        "system.cpu.utilization",
        "system.memory.utilization",
        "system.memory.oom_kills",
        "system.clock.max_error_ms",
        "system.systemd.units.failed",
    ]
    .into_iter()
    .map(plain)
    .collect();
    for mount in ["/", "/home", "/srv", "/var"] {
        for metric in ["utilization", "available", "inodes.utilization", "read_only"] {
            let attributes = vec![("mountpoint".into(), mount.into())];
            series.push(Series { metric: format!("system.filesystem.{metric}"), attributes });
        }
    }
    series.extend((series.len()..SERIES).map(|n| plain(&format!("system.network.io.{n}"))));
    series
}

fn world(content: &OneTable) -> World {
    let mut world = World::default();
    for (revision, rule) in (1..).zip(stock()) {
        let event = Event::Rule(RuleEvent::RuleSet { rule: Box::new(rule) });
        let record = Record { revision, at: Timestamp(0), actor: Actor::System, request_id: None, idempotency_key: None, event };
        world.apply(&record, content);
    }
    for n in 1..=AGENTS {
        let ci = CiId { family: Family::Host, bits: n };
        world.cmdb.cis.insert(ci, host(ci));
        world.trust.agents.insert(AgentId(n), rollcall_domain::copy_on_write::CopyOnWrite::new(agent(n, ci)));
    }
    world
}

fn host(id: CiId) -> Ci {
    Ci::new(id, Class::Server, "bench", Timestamp(0), 0)
}

fn agent(n: u128, ci: CiId) -> Agent {
    Agent {
        id: AgentId(n),
        status: AgentStatus::Approved,
        enrolment_id: String::new(),
        public_key: String::new(),
        token: TokenId(1),
        hostname: None,
        agent_version: String::new(),
        address: None,
        enrolled_at: Timestamp(0),
        certificate_expires_at: Timestamp(0),
        certificate: String::new(),
        ci: Some(ci),
        revoked_because: None,
        revision: 0,
    }
}
