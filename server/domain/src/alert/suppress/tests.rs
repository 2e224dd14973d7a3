//! A law over random scripts: whatever falls silent, breaches, returns or is muted in whatever order, everything that fires is told
//! about exactly once, or it is said why not and until when.

use crate::alert::decide::AlertCommand;
use crate::alert::mute::{MuteKind, NewMute, Schedule};
use crate::alert::scenario::{Scenario, host, rule as load, seconds};
use crate::alert::{AlertState, Suppression};
use crate::ci::relation::Change;
use crate::ci::{Relation, RelationKind, Source};
use crate::command::Command;
use crate::id::AlertId;
use crate::incident::IncidentEvent;
use crate::rule::{Condition, Flapping, Rule, Selector};
use crate::{Event, World};
use proptest::prelude::*;
use std::collections::BTreeMap;

const HOSTS: u128 = 5;

/// Longer than any hold: for others to fall silent, and after a parent's return, with a tick for each.
const HELD_S: i64 = 150;

#[derive(Clone, Debug)]
enum Step {
    /// A host measures.
    Value(u128, bool),
    /// These hosts speak all through a span; the others are silent.
    Pass(i64, u8),
    /// Alerts of a host are muted for a minute or two.
    Mute(u128, MuteKind, i64),
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![Just(MuteKind::Silence), Just(MuteKind::Maintenance), Just(MuteKind::Freeze)];
    prop_oneof![
        4 => (1..=HOSTS, any::<bool>()).prop_map(|(n, bad)| Step::Value(n, bad)),
        4 => (10_i64..300, any::<u8>()).prop_map(|(span, hosts)| Step::Pass(span, hosts)),
        1 => (1..=HOSTS, kind, 60_i64..120).prop_map(|(n, kind, span)| Step::Mute(n, kind, span)),
    ]
}

fn relate(scenario: &mut Scenario, from: u128, kind: RelationKind, to: u128) {
    let source = Source::Person { name: "ada".into() };
    let (first_seen, last_seen) = (seconds(0), seconds(0));
    let relation = Relation { from: host(from), kind, to: host(to), source, first_seen, last_seen };
    scenario.seed(|world| world.cmdb.links.apply(&Change::Set { relation: relation.clone() }));
}

/// Three hosts in one network, one of which stands on a fourth; a fifth depends on that, and they on each other.
fn fleet() -> Scenario {
    let flapping = Flapping { start_percent: 100.0, stop_percent: 100.0 };
    let silent = Rule { condition: Condition::AgentSilent { after_ms: 180_000 }, flapping, ..load("agent_silent") };
    let mut scenario = Scenario::new(vec![silent, Rule { flapping, ..load("load") }]);
    (2..=HOSTS).for_each(|n| scenario.add_host(n, &[("ip_addresses", if n < 4 { "10.0.1.7" } else { "10.0.2.7" })]));
    relate(&mut scenario, 1, RelationKind::RunsOn, 4);
    relate(&mut scenario, 2, RelationKind::RunsOn, 4);
    relate(&mut scenario, 5, RelationKind::DependsOn, 4);
    relate(&mut scenario, 3, RelationKind::DependsOn, 5);
    relate(&mut scenario, 5, RelationKind::DependsOn, 3);
    scenario
}

/// Alerts that are told about nowhere although nobody muted them: those that are held.
fn held(world: &World) -> Result<Vec<AlertId>, String> {
    let mut held = Vec::new();
    for alert in world.alerts.alerts.values().filter(|alert| alert.state == AlertState::Firing) {
        let is_open = |id| world.incidents.incidents.get(id).is_some_and(|incident| incident.state.is_open());
        let own = world.incidents.live.contains_key(&alert.key.dedup_key());
        let elsewhere = alert.told_by.as_ref().is_some_and(is_open);
        let muted = alert.suppressed.keys().any(|axis| *axis != Suppression::Dependency);
        match (own || elsewhere || muted, alert.suppressed.contains_key(&Suppression::Dependency)) {
            (true, _) => {}
            (false, true) => held.push(alert.id),
            (false, false) => return Err(format!("{} is told about nowhere, and nothing says why", alert.key.dedup_key())),
        }
    }
    Ok(held)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn everything_that_fires_is_told_about_once_or_it_is_said_why_not(steps in prop::collection::vec(step(), 1..25)) {
        let mut scenario = fleet();
        let mut at = 0_i64;
        let mut since: BTreeMap<AlertId, i64> = BTreeMap::new();
        (1..=HOSTS).for_each(|n| drop(scenario.push(0, n, Vec::new(), Vec::new())));
        let end = Step::Pass(900, u8::MAX);
        for step in steps.iter().chain([&end]) {
            match step {
                Step::Value(n, bad) => scenario.values(at, *n, &[("", Some(if *bad { 96.0 } else { 10.0 }))]),
                Step::Mute(n, kind, span) => {
                    let schedule = Schedule::Once { from: seconds(at), to: seconds(at + span) };
                    let selector = Selector { cis: [host(*n)].into(), ..Selector::default() };
                    let mute = NewMute { kind: *kind, reason: "work".into(), selector, rules: Vec::new(), external: None, schedule };
                    scenario.command(at, &Command::Alert(AlertCommand::Mute(Box::new(mute)))).unwrap();
                }
                Step::Pass(span, hosts) => {
                    for _ in 0..span / 10 {
                        at += 10;
                        for n in (1..=HOSTS).filter(|n| hosts & (1 << n) != 0) {
                            if *hosts == u8::MAX {
                                scenario.values(at, n, &[("", Some(10.0))]);
                            } else {
                                scenario.push(at, n, Vec::new(), Vec::new());
                            }
                        }
                        scenario.tick(at);
                        scenario.tick(at);
                        let now = held(&scenario.world).map_err(TestCaseError::fail)?;
                        since.retain(|alert, _| now.contains(alert));
                        for alert in now {
                            let begin = *since.entry(alert).or_insert(at);
                            prop_assert!(at - begin <= HELD_S, "held since {} at {}", begin, at);
                        }
                    }
                }
            }
            at += 1;
        }
        prop_assert!(scenario.world.incidents.live.is_empty(), "all is well, and incidents are open");
        prop_assert!(scenario.world.alerts.outages.is_empty() && scenario.world.alerts.suppressed.is_empty());
        let mut attached: Vec<_> = scenario.log.iter().filter_map(|record| match &record.event {
            Event::Incident(IncidentEvent::AlertAttached { incident, alert, .. }) => Some((*incident, *alert)),
            _ => None,
        }).collect();
        let count = attached.len();
        attached.sort_unstable();
        attached.dedup();
        prop_assert_eq!(attached.len(), count, "attached twice");
        scenario.replay();
    }
}
