//! How long an incident takes to open: `cargo run --release -p rollcall-domain --example incident_bench`. Prints JSON.
//!
//! 10,000 virtual machines on 250 hypervisors, a business service on every tenth; each breaches one rule, and every other one has
//! recovered before. The last thousand openings are measured: with all incidents before them open or resolved. A storm is measured
//! apart: the same thousand within a second.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
#![expect(clippy::print_stdout, reason = "the result goes to standard output")]

use rollcall_domain::alert::{AlertEvent, AlertKey, AlertState};
use rollcall_domain::ci::{Ci, CiEvent, Class, RelationKind, Source, relation};
use rollcall_domain::context::{Context, CountingIds, NoContent};
use rollcall_domain::id::{AlertId, CiId, Family};
use rollcall_domain::rule::stock::stock;
use rollcall_domain::rule::{Condition, RuleEvent, Severity, Tier};
use rollcall_domain::{Actor, Event, Record, World};
use rollcall_shared::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

const MACHINES: u128 = 10_000;
const PER_HYPERVISOR: u128 = 40;
const MEASURED: u128 = 1_000;

struct Bench {
    world: World,
    ids: CountingIds,
    /// Time spent deciding what follows, and the longest of it.
    decided: (Duration, Duration),
}

fn machine(n: u128) -> CiId {
    CiId { family: Family::Host, bits: n }
}

fn main() {
    let mut bench = Bench { world: World::default(), ids: CountingIds(1_000_000), decided: (Duration::ZERO, Duration::ZERO) };
    let rule = stock()
        .into_iter()
        .find(|rule| rule.tier > Tier::RecordOnly && matches!(rule.condition, Condition::Threshold { .. }))
        .expect("a stock rule");
    let id = rule.id.clone();
    bench.commit(Timestamp(0), Event::Rule(RuleEvent::RuleSet { rule: Box::new(rule) }));
    bench.fleet();
    let transition = |n: u128, at: i64, (before, after): (AlertState, AlertState)| {
        let key = AlertKey { rule: id.clone(), ci: machine(n), attributes: BTreeMap::from([("mountpoint".into(), "/var".into())]) };
        let (severity, value) = (Some(Severity::Critical), Some(0.99));
        let (alert, at, reason) = (AlertId(n), Timestamp(at), "it is 99 %, above 90 %".into());
        Event::Alert(AlertEvent::AlertTransitioned { alert, key, before, after, severity, worse_since: None, value, at, reason })
    };
    let (fires, clears) = ((AlertState::Inactive, AlertState::Firing), (AlertState::Firing, AlertState::Resolved));
    // Seven seconds apart: a storm is more than ten within a minute.
    let mut at = 0;
    for n in 1..=MACHINES {
        at += 7_000;
        if n == MACHINES - MEASURED + 1 {
            bench.decided = (Duration::ZERO, Duration::ZERO);
        }
        bench.commit(Timestamp(at), transition(n, at, fires));
        if n % 2 == 0 && n <= MACHINES - MEASURED {
            bench.commit(Timestamp(at), transition(n, at, clears));
        }
    }
    let one_by_one = bench.decided;
    for n in (MACHINES - MEASURED + 1)..=MACHINES {
        bench.commit(Timestamp(at), transition(n, at, clears));
    }
    let begin = Instant::now();
    for n in (MACHINES - MEASURED + 1)..=MACHINES {
        bench.commit(Timestamp(at + 600_000), transition(n, at + 600_000, (AlertState::Resolved, AlertState::Firing)));
    }
    let storm = begin.elapsed();
    let incidents = &bench.world.incidents;
    println!(
        "{{\"machines\":{MACHINES},\"incidents\":{},\"open\":{},\"us_per_opening\":{},\"longest_us\":{},\"storm_of\":{MEASURED},\"storm_ms\":{}}}",
        incidents.count,
        incidents.incidents.values().filter(|incident| incident.state.is_open()).count(),
        one_by_one.0.as_micros() / MEASURED,
        one_by_one.1.as_micros(),
        storm.as_millis()
    );
}

impl Bench {
    fn fleet(&mut self) {
        let add = |world: &mut World, id: CiId, class: Class| world.cmdb.cis.insert(id, Ci::new(id, class, "bench", Timestamp(0), 0));
        let mut changes = Vec::new();
        let mut link = |from: CiId, kind: RelationKind, to: CiId| {
            let (source, at) = (Source::Person { name: "bench".into() }, Timestamp(0));
            changes.push(relation::Change::Set {
                relation: rollcall_domain::ci::Relation { from, kind, to, source, first_seen: at, last_seen: at },
            });
        };
        for n in 1..=MACHINES {
            let hypervisor = machine(1_000_000 + n / PER_HYPERVISOR);
            add(&mut self.world, machine(n), Class::VirtualMachine);
            add(&mut self.world, hypervisor, Class::Hypervisor);
            link(machine(n), RelationKind::RunsOn, hypervisor);
            if n % 10 == 0 {
                let service = CiId { family: Family::Service, bits: n };
                add(&mut self.world, service, Class::BusinessService);
                link(service, RelationKind::DependsOn, machine(n));
            }
        }
        self.commit(Timestamp(0), Event::Ci(CiEvent::RelationsChanged { changes }));
    }

    fn commit(&mut self, now: Timestamp, event: Event) {
        let mut queue = VecDeque::from([event]);
        while let Some(event) = queue.pop_front() {
            let revision = self.world.revision + 1;
            let record = Record { revision, at: now, actor: Actor::System, request_id: None, idempotency_key: None, event };
            self.world.apply(&record, &NoContent);
            let mut context = Context { now, actor: Actor::System, ids: &mut self.ids, content: &NoContent };
            let begin = Instant::now();
            let follow = rollcall_domain::incident::react::react(&self.world, &record.event, &mut context);
            let took = begin.elapsed();
            self.decided = (self.decided.0 + took, self.decided.1.max(took));
            follow.into_iter().rev().for_each(|event| queue.push_front(event));
        }
    }
}
