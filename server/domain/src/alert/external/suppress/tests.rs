use super::super::tests::{raw, receive, scenario};
use super::*;
use crate::alert::decide::AlertCommand;
use crate::alert::external::MEANS_DOWN;
use crate::alert::external::report::Raw;
use crate::alert::mute::{MuteKind, NewMute, Schedule};
use crate::alert::scenario::{Scenario, host, rule, seconds};
use crate::ci::relation::Change;
use crate::ci::{Class, Relation, RelationKind, Source};
use crate::incident::{Incident, IncidentState};
use crate::rule::{Condition, Rule, RuleEvent, Selector};
use crate::{Actor, Command, Rejection};
use proptest::prelude::*;

/// Labels, each by its name.
fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn on(n: u128) -> Selector {
    Selector { cis: [host(n)].into(), ..Selector::default() }
}

fn mute(kind: MuteKind, selector: Selector, external: Option<ExternalSelector>) -> NewMute {
    let schedule = Schedule::Once { from: seconds(0), to: seconds(500) };
    NewMute { kind, reason: "work".into(), selector, rules: Vec::new(), external, schedule }
}

fn set(scenario: &mut Scenario, mute: NewMute) -> Result<(), Rejection> {
    scenario.command(10, &Command::Alert(AlertCommand::Mute(Box::new(mute))))
}

/// An alert of web-1 comes at 20 while something is muted until 500, with ticks around its end.
#[track_caller]
fn check_muted(mute: NewMute, severity: &str, expected: &[&str]) {
    let mut scenario = scenario();
    set(&mut scenario, mute).expect("a proper mute");
    scenario.story();
    receive(&mut scenario, 20, vec![raw("firing", severity, "10.0.0.1")]).expect("a proper message");
    [21, 499, 500, 501].into_iter().for_each(|at| scenario.tick(at));
    assert_eq!(scenario.story(), expected);
}

const BEGAN: &str = "20 external alert: Began";

#[test]
fn one_that_is_muted_opens_its_incident_when_the_mute_is_over() {
    let opened = "500 INC1 opened P2: Disk is full on web-1";
    check_muted(mute(MuteKind::Maintenance, on(1), None), "critical", &[BEGAN, "20 Maintenance begins", "500 Maintenance ends", opened]);
    check_muted(mute(MuteKind::Silence, on(1), None), "critical", &[BEGAN, "20 Silence begins", "500 Silence ends", opened]);
    check_muted(mute(MuteKind::Silence, on(2), None), "critical", &[BEGAN, "20 INC1 opened P2: Disk is full on web-1"]);
}

#[test]
fn a_freeze_holds_back_a_ticket_and_no_page() {
    let freeze = || mute(MuteKind::Freeze, on(1), None);
    check_muted(freeze(), "page", &[BEGAN, "20 INC1 opened P2: Disk is full on web-1"]);
    let opened = "500 INC1 opened P3: Disk is full on web-1";
    check_muted(freeze(), "warning", &[BEGAN, "20 Freeze begins", "500 Freeze ends", opened]);
    check_muted(freeze(), "info", &[BEGAN, "21 Freeze begins", "500 Freeze ends"]);
}

#[test]
fn a_mute_may_mean_alerts_by_what_they_are_and_then_means_no_others() {
    let of = |external: ExternalSelector| mute(MuteKind::Silence, Selector::default(), Some(external));
    let selector = ExternalSelector::default;
    let opened = "20 INC1 opened P2: Disk is full on web-1";
    let muted = &[BEGAN, "20 Silence begins", "500 Silence ends", "500 INC1 opened P2: Disk is full on web-1"];
    check_muted(of(ExternalSelector { labels: labels(&[("alertname", "DiskFull")]), ..selector() }), "critical", muted);
    check_muted(
        of(ExternalSelector { fingerprints: ["f1".to_owned()].into(), sources: ["am".to_owned()].into(), ..selector() }),
        "critical",
        muted,
    );
    check_muted(of(ExternalSelector { sources: ["am".to_owned()].into(), ..selector() }), "critical", muted);
    let other = ExternalSelector { sources: ["other".to_owned()].into(), labels: labels(&[("alertname", "DiskFull")]), ..selector() };
    check_muted(of(other), "critical", &[BEGAN, opened]);
    let mut scenario = Scenario::new(vec![rule("load")]);
    set(&mut scenario, of(ExternalSelector { sources: ["am".to_owned()].into(), ..selector() })).expect("a proper mute");
    scenario.value(20, 97.0);
    assert!(scenario.story().contains(&"20 INC1 opened P2: Load critical on web-1: 97".to_owned()));
}

#[test]
fn a_mute_that_means_nothing_in_particular_is_refused_by_its_field() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    let mut check = |new: NewMute, expected: &str| match set(&mut scenario, new) {
        Err(Rejection::Invalid { field, .. }) => assert_eq!(field, expected),
        other => panic!("{other:?}"),
    };
    let external = |external| mute(MuteKind::Silence, Selector::default(), Some(external));
    check(external(ExternalSelector::default()), "external");
    let am = || ExternalSelector { sources: ["am".to_owned()].into(), ..ExternalSelector::default() };
    check(NewMute { rules: vec!["load".parse().expect("a name")], ..external(am()) }, "rules");
    let one = ["f1".to_owned()].into();
    check(external(ExternalSelector { fingerprints: one, ..ExternalSelector::default() }), "external.sources");
    let crowd = (0..=100).map(|n| n.to_string()).collect();
    check(external(ExternalSelector { fingerprints: crowd, ..am() }), "external.fingerprints");
    check(external(ExternalSelector { labels: labels(&[("a", &"x".repeat(1_025))]), ..am() }), "external");
}

#[test]
fn one_that_fires_when_the_mute_begins_keeps_its_incident_and_its_end_ends_the_mute_for_it() {
    let mut scenario = scenario();
    receive(&mut scenario, 5, vec![raw("firing", "critical", "10.0.0.1")]).expect("a proper message");
    set(&mut scenario, mute(MuteKind::Silence, on(1), None)).expect("a proper mute");
    scenario.tick(11);
    scenario.story();
    assert_eq!(alert(&scenario).suppressed.len(), 1);
    receive(&mut scenario, 100, vec![raw("resolved", "critical", "10.0.0.1")]).expect("a proper message");
    assert_eq!(scenario.story(), ["100 external alert: Ended", "100 INC1 new → resolved", "100 Silence ends"]);
    [101, 500, 501].into_iter().for_each(|at| scenario.tick(at));
    assert_eq!(scenario.story(), Vec::<String>::new());
}

fn alert(scenario: &Scenario) -> &ExternalAlert {
    &scenario.world.alerts.external.alerts["external/am/f1"]
}

#[test]
fn somebody_may_look_after_one_until_it_is_over() {
    let mut scenario = scenario();
    receive(&mut scenario, 20, vec![raw("firing", "critical", "10.0.0.1")]).expect("a proper message");
    let id = alert(&scenario).id;
    let acknowledge = |until| Command::Alert(AlertCommand::Acknowledge { alert: id, until });
    scenario.command(30, &acknowledge(None)).expect("it fires");
    scenario.command(31, &acknowledge(None)).expect("again is nothing new");
    assert_eq!(alert(&scenario).acknowledgement(seconds(90)).map(|one| one.by.as_str()), Some("ada"));
    receive(&mut scenario, 100, vec![raw("resolved", "critical", "10.0.0.1")]).expect("a proper message");
    assert_eq!(alert(&scenario).acknowledged, None);
    assert!(matches!(scenario.command(101, &acknowledge(None)), Err(Rejection::WrongState { .. })));
    let lines = scenario.story();
    assert_eq!(lines.iter().filter(|line| line.contains("alert acknowledged")).count(), 1);
}

/// As many alerts of one name, of nobody's item, in messages of 25.
fn crowd(scenario: &mut Scenario, at: i64, status: &str, names: &[&str], count: usize) {
    let one = |n: usize| {
        let labels = labels(&[("alertname", names[n % names.len()]), ("severity", "warning"), ("pod", &n.to_string())]);
        let begins = (status == "firing").then(|| seconds(at).to_string());
        let known = raw(status, "warning", "nowhere");
        Raw { fingerprint: Some(format!("f{n}")), labels, starts_at: begins.or(known.starts_at.clone()), ..known }
    };
    let all: Vec<Raw> = (0..count).map(one).collect();
    for some in all.chunks(25) {
        receive(scenario, at, some.to_vec()).expect("a proper message");
    }
}

fn storms(scenario: &Scenario) -> Vec<&Incident> {
    scenario.world.incidents.incidents.values().filter(|incident| incident.storm.is_some()).collect()
}

#[test]
fn a_thousand_of_one_name_in_a_minute_are_one_storm_that_ends_with_the_last_of_them() {
    let mut scenario = scenario();
    crowd(&mut scenario, 20, "firing", &["PodDown"], 1_000);
    crowd(&mut scenario, 25, "firing", &["PodDown"], 1_000);
    let [storm] = storms(&scenario)[..] else { panic!("not one storm") };
    assert_eq!((storm.title.as_str(), storm.children.len()), ("Storm: PodDown, 1000 alerts of am", 1_000));
    let alone = scenario.world.incidents.incidents.values().filter(|one| one.parent.is_none()).count();
    assert_eq!((alone, scenario.world.incidents.incidents.len()), (1, 1_001));
    let id = storm.id;
    crowd(&mut scenario, 100, "resolved", &["PodDown"], 999);
    assert!(scenario.world.incidents.incidents[&id].state.is_open());
    crowd(&mut scenario, 100, "resolved", &["PodDown"], 1_000);
    assert_eq!(scenario.world.incidents.incidents[&id].state, IncidentState::Resolved);
    assert_eq!(scenario.world.incidents.live.len(), 0);
    scenario.replay();
}

#[test]
fn names_have_storms_of_their_own_and_few_of_each_have_none() {
    let mut scenario = scenario();
    let names: Vec<String> = (0..50).map(|n| format!("Alert{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    crowd(&mut scenario, 20, "firing", &names, 500);
    assert!(storms(&scenario).is_empty());
    crowd(&mut scenario, 30, "firing", &names[..2], 22);
    crowd(&mut scenario, 120, "resolved", &names, 500);
    crowd(&mut scenario, 300, "firing", &names[..2], 22);
    assert_eq!(storms(&scenario).len(), 2);
}

#[test]
fn names_that_nobody_uses_any_more_take_no_room() {
    let mut scenario = scenario();
    for n in 0..2_500_u32 {
        let at = i64::from(n) * 100 + 1_000;
        let labels = labels(&[("alertname", &n.to_string()), ("severity", "warning")]);
        let one = Raw { labels, fingerprint: Some(format!("f{n}")), ..raw("firing", "warning", "nowhere") };
        receive(&mut scenario, at, vec![one]).expect("a proper message");
    }
    assert!(scenario.world.incidents.bursts.len() <= 1_000);
}

/// web-1 is connected to the switch web-2, on which a silent agent means that it is down.
fn behind_a_switch(kind: RelationKind) -> Scenario {
    let mut scenario = scenario();
    let silent = Rule { title: "Agent silent".into(), condition: Condition::AgentSilent { after_ms: 180_000 }, ..rule("agent_silent") };
    scenario.commit(0, &Actor::System, vec![Event::Rule(RuleEvent::RuleSet { rule: Box::new(silent) })]);
    let (source, first_seen, last_seen) = (Source::Person { name: "ada".into() }, seconds(0), seconds(0));
    let relation = Relation { from: host(1), kind, to: host(2), source, first_seen, last_seen };
    scenario.seed(|world| {
        world.cmdb.links.apply(&Change::Set { relation: relation.clone() });
        world.cmdb.cis.get_mut(&host(2)).expect("a host").class = Class::NetworkDevice;
    });
    scenario.story();
    scenario
}

#[test]
fn one_on_an_item_whose_parent_is_down_is_told_in_the_incident_of_the_parent() {
    let mut scenario = behind_a_switch(RelationKind::ConnectsTo);
    scenario.push(0, 2, Vec::new(), Vec::new());
    scenario.tick(190);
    scenario.story();
    receive(&mut scenario, 200, vec![raw("firing", "critical", "10.0.0.1")]).expect("a proper message");
    assert_eq!(scenario.story(), ["200 external alert: Began", "200 Dependency begins", "200 INC1 attached"]);
    let incident = scenario.incident(1);
    assert_eq!(alert(&scenario).told_by, Some(incident));
    assert_eq!(scenario.world.incidents.incidents[&incident].affected_cis, [host(1)]);
    // The switch is back: what is behind it is held for an interval, and told when it still fires.
    scenario.push(300, 2, Vec::new(), Vec::new());
    [301, 310, 400].into_iter().for_each(|at| scenario.tick(at));
    let lines = scenario.story();
    assert_eq!(lines.last().map(String::as_str), Some("400 INC2 opened P2: Disk is full on web-1"), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.contains("opened")).count(), 1);
}

#[test]
fn another_system_may_say_that_an_item_is_down_and_what_stands_on_it_is_told_there() {
    let mut scenario = behind_a_switch(RelationKind::ConnectsTo);
    let down = |status: &str| {
        let labels = labels(&[("alertname", "SwitchDown"), ("severity", "critical"), ("instance", "10.0.0.2"), (MEANS_DOWN, "true")]);
        Raw { labels, fingerprint: Some("switch".into()), ..raw(status, "critical", "10.0.0.2") }
    };
    receive(&mut scenario, 20, vec![down("firing"), raw("firing", "critical", "10.0.0.1")]).expect("a proper message");
    assert_eq!(
        scenario.story(),
        [
            "20 external alert: Began",
            "20 INC1 opened P2: Disk is full on web-2",
            "20 external alert: Began",
            "20 Dependency begins",
            "20 INC1 attached",
        ]
    );
    receive(&mut scenario, 100, vec![down("resolved")]).expect("a proper message");
    scenario.tick(101);
    assert_eq!(scenario.story()[..2], ["100 external alert: Ended", "100 INC1 new → resolved"]);
    let until = 100 + i64::try_from(crate::alert::dependency::interval().as_secs()).expect("short");
    scenario.tick(until - 1);
    assert!(!scenario.story().iter().any(|line| line.contains("opened")));
    scenario.tick(until);
    assert!(scenario.story().iter().any(|line| line.contains("INC2 opened P2: Disk is full on web-1")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// An alert that fires has one incident or a reason for none; one that is over has neither, unless it flaps.
    #[test]
    fn one_that_fires_has_an_incident_or_a_reason_whatever_is_muted(steps in prop::collection::vec((1_i64..90, 0_u8..5), 1..40)) {
        let mut scenario = behind_a_switch(RelationKind::ConnectsTo);
        let (mut at, mut began, mut fires) = (1_000, 0, false);
        for (wait, what) in steps {
            at += wait;
            match what {
                0 | 1 => {
                    if what == 1 && !fires {
                        began = at;
                    }
                    fires = what == 1;
                    let message = Raw {
                        starts_at: Some(Timestamp(began * 1_000).to_string()),
                        ends_at: (!fires).then(|| Timestamp(at * 1_000).to_string()),
                        ..raw(if fires { "firing" } else { "resolved" }, "critical", "10.0.0.1")
                    };
                    receive(&mut scenario, at, vec![message.clone(), message]).expect("a proper message");
                }
                2 => {
                    let schedule = Schedule::Once { from: seconds(at), to: seconds(at + 61) };
                    let mute = NewMute { schedule, ..mute(MuteKind::Silence, on(1), None) };
                    scenario.command(at, &Command::Alert(AlertCommand::Mute(Box::new(mute)))).expect("a proper mute");
                }
                3 => drop(scenario.push(at, 2, Vec::new(), Vec::new())),
                _ => {}
            }
            scenario.tick(at);
            let of_alert = scenario.world.incidents.live.contains_key("external/am/f1");
            let known = scenario.world.alerts.external.alerts.get("external/am/f1");
            let flaps = known.is_some_and(ExternalAlert::flaps);
            let is_quiet = known.is_some_and(|alert| alert.suppressed.keys().any(|axis| *axis != Suppression::Flapping));
            prop_assert!(if fires { of_alert || is_quiet } else { (!of_alert || flaps) && !is_quiet }, "at {}: {}", at, fires);
        }
        scenario.replay();
    }
}
