use crate::Command;
use crate::alert::decide::AlertCommand;
use crate::alert::external::report::Raw;
use crate::alert::external::{ExternalReport, MEANS_DOWN};
use crate::alert::scenario::{Scenario, host, rule, seconds};
use crate::ci::relation::Change;
use crate::ci::{CiCommand, Class, Relation, RelationKind, Source};
use crate::incident::{IncidentAction, IncidentState};
use crate::rule::case::Tested;
use crate::rule::{Condition, Override, Rule, RuleCommand, Selector};

/// web-1 depends on the switch web-2.
fn scenario(rules: Vec<Rule>) -> Scenario {
    let mut scenario = Scenario::new(rules);
    scenario.add_host(2, &[]);
    let (source, first_seen, last_seen) = (Source::Person { name: "ada".into() }, seconds(0), seconds(0));
    let relation = Relation { from: host(1), kind: RelationKind::DependsOn, to: host(2), source, first_seen, last_seen };
    scenario.seed(|world| {
        world.cmdb.links.apply(&Change::Set { relation: relation.clone() });
        world.cmdb.cis.get_mut(&host(2)).expect("a host").class = Class::NetworkDevice;
    });
    scenario
}

/// An alert of another system on an item: the switch is down, or something else.
fn say(scenario: &mut Scenario, at: i64, (name, n, began): (&str, u128, i64), status: &str) {
    let label = |name: &str, value: String| (name.to_owned(), value);
    let mut labels = vec![label("alertname", name.into()), label("severity", "critical".into()), label("ci", host(n).to_string())];
    labels.extend((name == "Sw2Down").then(|| label(MEANS_DOWN, "true".into())));
    let raw = Raw {
        status: status.into(),
        labels: labels.into_iter().collect(),
        starts_at: Some(seconds(began).to_string()),
        ends_at: (status == "resolved").then(|| seconds(at).to_string()),
        ..Raw::default()
    };
    let reports = vec![ExternalReport::new(raw).expect("a proper alert")];
    let command = Command::Alert(AlertCommand::Receive { source: "am".into(), reports });
    scenario.command(at, &command).expect("a proper message");
}

const SWITCH: (&str, u128, i64) = ("Sw2Down", 2, 20);

#[track_caller]
fn check(scenario: &Scenario, number: u64, expected: IncidentState, note: &str) {
    let incident = &scenario.world.incidents.incidents[&scenario.incident(number)];
    let last = incident.notes.last().map(|note| note.text.clone()).unwrap_or_default();
    assert_eq!(incident.state, expected, "INC{number}: {last}");
    assert!(last.contains(note), "INC{number}: {last}");
    scenario.replay();
}

fn merge(scenario: &mut Scenario, at: i64, (gone, into): (u64, u64)) {
    let into = scenario.incident(into);
    scenario.act(at, gone, IncidentAction::Merge { into }).expect("both are open");
}

#[test]
fn what_hangs_on_an_incident_of_another_system_does_not_hold_it_open() {
    let mut scenario = scenario(vec![rule("load")]);
    say(&mut scenario, 20, SWITCH, "firing");
    scenario.value(30, 97.0);
    scenario.tick(31);
    let attached = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!((attached.alerts.len(), attached.affected_cis.as_slice()), (2, [host(1)].as_slice()));
    say(&mut scenario, 40, SWITCH, "resolved");
    check(&scenario, 1, IncidentState::Resolved, "");
    scenario.value(43, 10.0);
    assert!(scenario.world.incidents.live.is_empty());
}

#[test]
fn what_fired_long_before_keeps_its_own_incident_and_does_not_hold_the_other_open() {
    let mut scenario = scenario(vec![rule("load")]);
    scenario.value(5, 97.0);
    say(&mut scenario, 6, ("DiskFull", 1, 6), "firing");
    say(&mut scenario, 20, SWITCH, "firing");
    scenario.tick(21);
    assert_eq!(scenario.world.incidents.incidents[&scenario.incident(3)].alerts.len(), 3);
    say(&mut scenario, 40, SWITCH, "resolved");
    check(&scenario, 3, IncidentState::Resolved, "");
    check(&scenario, 1, IncidentState::New, "Told about in");
    scenario.value(50, 10.0);
    check(&scenario, 1, IncidentState::Resolved, "");
}

/// The first incident, into which that of the other kind was merged, lasts until the last of both alerts is over.
#[track_caller]
fn check_last_of_both(begin: impl Fn(&mut Scenario)) {
    for rule_is_last in [true, false] {
        let mut scenario = scenario(vec![rule("load")]);
        begin(&mut scenario);
        merge(&mut scenario, 30, (2, 1));
        let end = |scenario: &mut Scenario, at: i64, of_rule: bool| match of_rule {
            true => scenario.value(at, 10.0),
            false => say(scenario, at, ("DiskFull", 1, 20), "resolved"),
        };
        end(&mut scenario, 40, !rule_is_last);
        check(&scenario, 1, IncidentState::New, "Another alert of this incident is not over.");
        end(&mut scenario, 50, rule_is_last);
        check(&scenario, 1, IncidentState::Resolved, "");
    }
}

#[test]
fn an_incident_of_a_rule_and_one_of_another_system_that_were_merged_resolve_with_the_last_of_both() {
    check_last_of_both(|scenario| {
        say(scenario, 20, ("DiskFull", 1, 20), "firing");
        scenario.value(25, 97.0);
    });
    check_last_of_both(|scenario| {
        scenario.value(15, 97.0);
        say(scenario, 20, ("DiskFull", 1, 20), "firing");
    });
}

#[test]
fn what_the_rule_leaves_to_people_another_system_does_not_resolve() {
    let mut scenario = scenario(vec![Rule { auto_resolve: false, ..rule("load") }]);
    scenario.value(15, 97.0);
    say(&mut scenario, 20, ("DiskFull", 1, 20), "firing");
    merge(&mut scenario, 30, (2, 1));
    scenario.value(40, 10.0);
    say(&mut scenario, 50, ("DiskFull", 1, 20), "resolved");
    check(&scenario, 1, IncidentState::New, "The rule leaves resolving to people.");
}

#[test]
fn one_that_flaps_holds_open_what_it_was_merged_into_until_it_does_no_more() {
    let mut scenario = scenario(Vec::new());
    let mut last = 0;
    for step in 1..=16 {
        last = step * 300;
        let status = if step % 2 == 1 { "firing" } else { "resolved" };
        say(&mut scenario, last, ("Trembles", 1, last - (1 - step % 2) * 300), status);
    }
    let trembling = scenario.world.incidents.incidents.values().find(|one| one.state.is_open()).expect("it flaps").number;
    say(&mut scenario, last + 10, ("DiskFull", 1, last + 10), "firing");
    merge(&mut scenario, last + 20, (trembling, trembling + 1));
    say(&mut scenario, last + 30, ("DiskFull", 1, last + 10), "resolved");
    check(&scenario, trembling + 1, IncidentState::New, "Another alert of this incident is not over.");
    scenario.tick(last + 15 * 300);
    check(&scenario, trembling + 1, IncidentState::Resolved, "");
}

#[test]
fn an_outage_holds_open_what_it_was_merged_into_until_it_is_over() {
    let silent = Rule { condition: Condition::AgentSilent { after_ms: 180_000 }, ..rule("agent_silent") };
    let mut scenario = Scenario::new(vec![silent]);
    (2..=12).for_each(|n| scenario.add_host(n, &[("location", "hall 1")]));
    (2..=12).for_each(|n| drop(scenario.push(100, n, Vec::new(), Vec::new())));
    (10..=60).for_each(|tick| scenario.tick(tick * 10));
    let outage = scenario.world.alerts.outages.keys().next().expect("they share a hall").clone();
    let number = scenario.world.incidents.incidents[&scenario.world.incidents.live[&outage]].number;
    say(&mut scenario, 610, ("HallDark", 1, 610), "firing");
    let hall = scenario.world.incidents.count;
    merge(&mut scenario, 620, (number, hall));
    say(&mut scenario, 630, ("HallDark", 1, 610), "resolved");
    check(&scenario, hall, IncidentState::New, "Another alert of this incident is not over.");
    for at in (640..=1_300).step_by(10) {
        (2..=12).for_each(|n| drop(scenario.push(at, n, Vec::new(), Vec::new())));
        scenario.tick(at);
    }
    assert!(scenario.world.alerts.outages.is_empty());
    check(&scenario, hall, IncidentState::Resolved, "");
}

#[test]
fn a_person_resolves_what_a_person_opened() {
    let mut scenario = scenario(vec![rule("load")]);
    let new = crate::incident::NewIncident { title: "Slow".into(), ..crate::incident::NewIncident::default() };
    scenario.command(10, &Command::Incident(crate::incident::IncidentCommand::Open(Box::new(new)))).expect("opened");
    say(&mut scenario, 20, ("DiskFull", 1, 20), "firing");
    merge(&mut scenario, 30, (2, 1));
    say(&mut scenario, 40, ("DiskFull", 1, 20), "resolved");
    check(&scenario, 1, IncidentState::New, "a person resolves it");
}

#[test]
fn a_suspicion_that_nobody_measures_any_more_holds_nothing_open() {
    use super::is_going_on;
    use crate::alert::AlertState;
    let mut scenario = scenario(vec![rule("load")]);
    scenario.value(10, 97.0);
    let alert = scenario.world.alerts.alerts.values().next().expect("it fires").clone();
    let unknown = |before| crate::alert::Alert { state: AlertState::Unknown, before_unknown: Some(before), ..alert.clone() };
    assert_eq!([AlertState::Pending, AlertState::Firing].map(|before| is_going_on(&unknown(before))), [false, true]);
}

/// How the incident of the rule is closed, and why, when the rule is written another way.
#[track_caller]
fn check_rewritten(rewritten: Rule, expected: (&str, &str)) {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.seed(|world| world.cmdb.cis.get_mut(&host(1)).expect("a host").tags = ["test".into()].into());
    scenario.value(10, 97.0);
    let update = RuleCommand::Update { rule: Tested::of(rewritten).expect("its tests hold"), expected: None };
    scenario.command(20, &Command::Rule(update)).expect("a proper rule");
    scenario.replay();
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!(incident.state, IncidentState::Resolved);
    let told = (incident.close_code.as_deref(), incident.close_notes.as_deref());
    assert_eq!(told, (Some(expected.0), Some(expected.1)));
    let by = incident.resolved.as_ref().map(|(_, by)| by.clone());
    assert_eq!(by, Some(crate::actor::Actor::Token { id: crate::id::TokenId(7), name: "ada".into() }));
}

/// Hosts with the tag `test` are no matter.
fn excepted() -> Override {
    let selector = Selector { tags: ["test".to_owned()].into(), ..Selector::default() };
    let (levels, for_ms, tier, set_by, set_at) = (None, None, None, None, None);
    Override { selector, reason: "A test host.".into(), levels, for_ms, tier, disabled: true, set_by, set_at }
}

#[test]
fn what_a_rule_is_no_longer_for_has_not_recovered() {
    let excepted = excepted();
    let notes = "The alert was dropped at 1970-01-01T00:00:20.000Z: the rule no longer applies: override 1 by ada: A test host.";
    check_rewritten(Rule { overrides: vec![excepted.clone()], ..rule("load") }, ("rule_not_applied", notes));
    let notes = "The alert was dropped at 1970-01-01T00:00:20.000Z: the rule no longer applies.";
    let others = Selector { tags: ["shop".to_owned()].into(), ..Selector::default() };
    check_rewritten(Rule { selector: others, ..rule("load") }, ("rule_not_applied", notes));
    let notes = "The alert was dropped at 1970-01-01T00:00:20.000Z: the rule was switched off.";
    check_rewritten(Rule { enabled: false, overrides: vec![excepted], ..rule("load") }, ("rule_disabled", notes));
}

#[test]
fn an_item_that_is_tagged_as_an_exception_has_not_recovered() {
    let mut scenario = Scenario::new(vec![Rule { overrides: vec![excepted()], ..rule("load") }]);
    scenario.value(10, 97.0);
    scenario
        .command(20, &Command::Ci(CiCommand::Tag { cis: [host(1)].into(), add: vec!["test".into()], remove: Vec::new(), expected: None }))
        .expect("tagged");
    for at in (30..400).step_by(10) {
        scenario.value(at, 97.0);
        scenario.tick(at);
    }
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!((incident.state, incident.close_code.as_deref()), (IncidentState::Resolved, Some("rule_not_applied")));
    scenario.replay();
}
