//! Defaults, overrides, and what is refused.

use super::*;
use serde_json::{Value, json};

const DAY: u64 = 86_400;

fn policy(rules: &Value) -> Lifecycle {
    serde_json::from_value(json!({ "staleness": rules })).expect("reads")
}

/// Days after which an item of a source and class is stale, missing and a candidate.
#[track_caller]
fn check(rules: &Value, (source, class): (&str, Class), expected: Option<[u64; 3]>) {
    let policy = policy(rules);
    assert_eq!(policy.validate(), Ok(()));
    let source: Source = source.parse().expect("names a source");
    let found =
        policy.patience(&source, class).map(|times| [times.stale, times.warning, times.retirement].map(|time| time.as_secs() / DAY));
    assert_eq!(found, expected, "{source} {class:?}");
}

fn agent() -> String {
    rollcall_shared::AgentId(1).to_string()
}

#[test]
fn machines_age_by_default_and_what_people_say_does_not() {
    let none = json!([]);
    check(&none, (&agent(), Class::Server), Some([3, 30, 60]));
    check(&none, ("feed:glpi", Class::Host), Some([3, 30, 60]));
    check(&none, ("person:ada", Class::Location), None);
    check(&none, ("feed:import:racks", Class::Location), None);
}

#[test]
fn the_closest_rule_decides() {
    let rules = json!([
        {"source": "agent", "interval_seconds": 2 * DAY},
        {"source": "agent", "class": "host", "never": true},
        {"source": "agent", "class": "workstation", "grace_seconds": 5 * DAY},
        {"class": "workstation", "interval_seconds": 9 * DAY},
        {"source": "feed:glpi", "warning_after_seconds": 10 * DAY},
        {"source": "feed:import:*", "interval_seconds": 30 * DAY, "grace_seconds": 0},
    ]);
    check(&rules, (&agent(), Class::Workstation), Some([7, 70, 140]));
    check(&rules, (&agent(), Class::Server), None);
    check(&rules, (&agent(), Class::Printer), Some([5, 50, 100]));
    check(&rules, ("feed:ocs", Class::Workstation), Some([19, 190, 380]));
    check(&rules, ("feed:glpi", Class::Workstation), Some([3, 10, 60]));
    check(&rules, ("feed:import:racks", Class::Location), Some([60, 600, 1200]));
    check(&rules, ("person:ada", Class::Workstation), None);
}

#[test]
fn rules_that_make_no_sense_are_refused_by_their_field() {
    for (rule, field) in [
        (json!({"interval_seconds": 60}), "interval_seconds"),
        (json!({"grace_seconds": u64::MAX}), "grace_seconds"),
        (json!({"never": true, "interval_seconds": DAY}), "interval_seconds"),
        (json!({"warning_after_seconds": 3 * DAY}), "warning_after_seconds"),
        (json!({"retirement_after_seconds": 30 * DAY}), "retirement_after_seconds"),
    ] {
        match policy(&json!([{"source": "agent", "class": "host"}, rule])).validate() {
            Err(Rejection::Invalid { field: found, .. }) => assert_eq!(found, format!("lifecycle.staleness[1].{field}")),
            other => panic!("{other:?}"),
        }
    }
    let twice = json!([{"source": "agent"}, {"source": "agent", "never": true}]);
    assert!(matches!(policy(&twice).validate(), Err(Rejection::Invalid { field, .. }) if field == "lifecycle.staleness[1]"));
}
