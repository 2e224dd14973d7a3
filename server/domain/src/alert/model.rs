//! A second, simpler telling of what an alert does, held against the real one under random sequences.
//!
//! The reference knows one series, one level and no history: a breach that lasts fires, a recovery that lasts resolves, nothing else does.

use super::AlertState;
use super::scenario::{Scenario, rule, seconds};
use crate::rule::{Level, Levels, Rule, RuleCommand};
use crate::{Command, Event, incident::IncidentEvent};
use proptest::prelude::*;

const FOR_S: i64 = 20;
const KEEP_S: i64 = 15;

#[derive(Clone, Debug)]
enum Step {
    Bad,
    Between,
    Good,
    Missing,
    Tick,
    Wait(i64),
    Switch(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Bad),
        2 => Just(Step::Between),
        4 => Just(Step::Good),
        1 => Just(Step::Missing),
        1 => Just(Step::Tick),
        2 => (1_i64..40).prop_map(Step::Wait),
        1 => any::<bool>().prop_map(Step::Switch),
    ]
}

/// Since when it has been bad or good without a break, and whether it fires.
#[derive(Default)]
struct Reference {
    bad_since: Option<i64>,
    good_since: Option<i64>,
    fires: bool,
}

impl Reference {
    fn measure(&mut self, step: &Step, at: i64) {
        match step {
            Step::Bad => {
                self.good_since = None;
                let since = *self.bad_since.get_or_insert(at);
                self.fires |= at - since >= FOR_S;
            }
            Step::Good => {
                self.bad_since = None;
                let since = *self.good_since.get_or_insert(at);
                self.fires &= at - since < KEEP_S;
            }
            Step::Between => (self.bad_since, self.good_since) = (None, None),
            _ => {}
        }
        if !self.fires {
            self.good_since = None;
        }
    }
}

fn patient() -> Rule {
    let levels = Levels { warning: None, critical: Some(Level { raise: 90.0, clear: 80.0, and: None, for_ms: None }) };
    // Flapping is told elsewhere: here it never begins.
    let flapping = crate::rule::Flapping { start_percent: 100.0, stop_percent: 100.0 };
    let (for_ms, keep_firing_for_ms) = (20_000, 15_000);
    Rule { levels, flapping, no_data: crate::rule::NoData::Keep, for_ms, keep_firing_for_ms, ..rule("load") }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_alert_does_what_the_reference_does_and_no_incident_is_lost_or_doubled(steps in prop::collection::vec(step(), 1..60)) {
        let mut scenario = Scenario::new(vec![patient()]);
        let mut reference = Reference::default();
        let (mut at, mut enabled, mut heard_at) = (0_i64, true, None);
        for step in &steps {
            at += 1;
            let value = match step {
                Step::Bad => Some(95.0),
                Step::Between => Some(85.0),
                Step::Good => Some(10.0),
                Step::Missing => None,
                Step::Tick => {
                    // Three minutes without a word: what is measured after that begins anew, what fires goes on.
                    if heard_at.is_some_and(|heard| at - heard >= 180) { (reference.bad_since, reference.good_since) = (None, None); }
                    scenario.tick(at);
                    continue
                }
                Step::Wait(span) => { at += span; continue }
                Step::Switch(on) => {
                    let command = RuleCommand::Enable { rule: patient().id, enabled: *on, expected: None };
                    scenario.command(at, &Command::Rule(command)).unwrap();
                    if enabled != *on { reference = Reference::default(); }
                    enabled = *on;
                    continue
                }
            };
            scenario.values(at, 1, &[("", value)]);
            heard_at = Some(at);
            if enabled { reference.measure(step, at); }
            let state = scenario.state("load", 1);
            let fires = matches!(state, AlertState::Firing | AlertState::Recovering) || (state == AlertState::Unknown && reference.fires);
            prop_assert_eq!(fires, reference.fires && enabled, "after {:?} at {}", step, at);
            let live = scenario.world.incidents.live.len();
            prop_assert_eq!(live, usize::from(fires), "incidents after {:?} at {}", step, at);
        }
        let count = |fits: fn(&IncidentEvent) -> bool| {
            scenario.log.iter().filter(|record| matches!(&record.event, Event::Incident(event) if fits(event))).count()
        };
        let opened = count(|event| matches!(event, IncidentEvent::IncidentOpened { .. }));
        prop_assert_eq!(opened, scenario.world.incidents.incidents.len());
        scenario.replay();
        prop_assert!(scenario.world.alerts.alerts.values().all(|alert| alert.since <= seconds(at)));
    }
}
