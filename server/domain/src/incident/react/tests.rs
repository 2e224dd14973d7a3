use crate::Actor;
use crate::alert::scenario::{Scenario, host, rule, seconds, text};
use crate::ci::{AttributeChange, AttributeValue, CiEvent, PackageChange, PackageChangeKind};
use crate::event::Event;
use crate::id::{CiId, Family};
use crate::incident::{Children, IncidentAction};
use crate::rule::{Rule, Tier};

/// Values of one host at ten-second steps under one rule, and what happens.
#[track_caller]
fn check(rule: Rule, values: &[f64], expected: &[&str]) -> Scenario {
    let mut scenario = Scenario::new(vec![rule]);
    for (step, value) in (1..).zip(values) {
        scenario.value(step * 10, *value);
    }
    assert_eq!(scenario.story(), expected);
    scenario
}

fn resolve() -> IncidentAction {
    IncidentAction::Resolve { close_code: "fixed".into(), notes: "Restarted it.".into(), children: Children::Leave }
}

#[test]
fn a_breach_opens_an_incident_that_resolves_by_itself() {
    let expected = [
        "20 load: Inactive → Firing Critical",
        "20 INC1 opened P2: Load critical on web-1: 97",
        "40 load: Firing → Resolved",
        "40 INC1 new → resolved",
    ];
    let scenario = check(rule("load"), &[10.0, 97.0, 97.0, 10.0], &expected);
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!(incident.close_code.as_deref(), Some("recovered_by_itself"));
    assert_eq!(incident.resolved, Some((seconds(40), Actor::Rule { id: "load".parse().unwrap() })));
    assert_eq!(incident.close_notes.as_deref(), Some("The alert resolved at 1970-01-01T00:00:40.000Z: m is 10, not above 80."));
    assert_eq!(scenario.world.alerts.alerts.values().next().unwrap().incident, Some(incident.id));
}

#[test]
fn worse_and_better_move_the_priority_with_one_note_each() {
    let expected = [
        "10 load: Inactive → Firing Warning",
        "10 INC1 opened P3: Load warning on web-1: 86",
        "20 load: Firing → Firing Critical",
        "20 INC1 Critical",
        "20 INC1 P2",
        "40 load: Firing → Firing Warning",
        "40 INC1 Warning",
        "40 INC1 P3",
    ];
    let scenario = check(rule("load"), &[86.0, 97.0, 96.0, 86.0], &expected);
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    let notes: Vec<&str> = incident.notes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(notes, ["Worse, now critical: m is 97, above 95.", "Better, now warning: m is 86, above 85."]);
    let breach = incident.breach.as_ref().unwrap();
    assert_eq!((breach.value, breach.reason.as_str()), (Some(86.0), "m is 86, above 85"));
}

#[test]
fn a_title_says_how_bad_it_is_by_now_unless_people_wrote_it() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    let title = |scenario: &Scenario| scenario.world.incidents.incidents[&scenario.incident(1)].title.clone();
    scenario.value(10, 86.0);
    scenario.value(20, 97.0);
    assert_eq!(title(&scenario), "Load critical on web-1: 97");
    let edit = crate::incident::Edit { title: Some("Backup runs wild".into()), ..crate::incident::Edit::default() };
    scenario.act(30, 1, IncidentAction::Edit(Box::new(edit))).unwrap();
    scenario.value(40, 86.0);
    assert_eq!(title(&scenario), "Backup runs wild");
    scenario.replay();
}

#[test]
fn a_description_says_how_bad_it_is_by_now_and_keeps_what_people_wrote() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    let description = |scenario: &Scenario| scenario.world.incidents.incidents[&scenario.incident(1)].description.clone();
    let write = |scenario: &mut Scenario, at: i64, text: String| {
        let edit = crate::incident::Edit { description: Some(text), ..crate::incident::Edit::default() };
        scenario.act(at, 1, IncidentAction::Edit(Box::new(edit))).unwrap();
    };
    scenario.value(10, 86.0);
    let before = description(&scenario);
    let rest = before.strip_prefix("m is 86, above 85.\nMeasured at 1970-01-01T00:00:10.000Z.\n").unwrap().to_owned();
    scenario.value(20, 97.0);
    let worse = format!("m is 97, above 95.\nMeasured at 1970-01-01T00:00:20.000Z.\n{rest}");
    assert_eq!(description(&scenario), worse);
    write(&mut scenario, 21, format!("{worse}\nAnn looks at the backup."));
    scenario.value(40, 86.0);
    let better = format!("m is 86, above 85.\nMeasured at 1970-01-01T00:00:40.000Z.\n{rest}\nAnn looks at the backup.");
    assert_eq!(description(&scenario), better);
    write(&mut scenario, 41, "The backup runs wild.".into());
    scenario.value(50, 97.0);
    assert_eq!(description(&scenario), "The backup runs wild.");
    scenario.replay();
}

#[test]
fn a_grade_that_is_confirmed_with_a_reason_is_people_s_and_what_resumes_waits_for_nothing() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.value(10, 86.0);
    let incident = |scenario: &Scenario| scenario.world.incidents.incidents[&scenario.incident(1)].clone();
    let impact = Some(incident(&scenario).impact);
    let confirm = || crate::incident::Edit { impact, reason: Some("It is so.".into()), ..crate::incident::Edit::default() };
    scenario.act(20, 1, IncidentAction::Edit(Box::new(confirm()))).unwrap();
    scenario.act(21, 1, IncidentAction::Edit(Box::new(confirm()))).unwrap();
    let known = incident(&scenario);
    assert!(known.graded_by_hand);
    assert_eq!(known.notes.iter().map(|note| note.text.as_str()).collect::<Vec<_>>(), ["Priority 3: It is so."]);
    scenario.act(30, 1, IncidentAction::Hold { reason: crate::incident::HoldReason::Vendor, note: None }).unwrap();
    scenario.act(40, 1, IncidentAction::Resume).unwrap();
    assert_eq!(incident(&scenario).hold_reason, None);
    scenario.replay();
}

#[test]
fn a_record_only_warning_opens_an_incident_when_it_escalates() {
    let quiet = Rule { warning_tier: Some(Tier::RecordOnly), ..rule("load") };
    check(
        quiet,
        &[86.0, 97.0],
        &["10 load: Inactive → Firing Warning", "20 load: Firing → Firing Critical", "20 INC1 opened P2: Load critical on web-1: 97"],
    );
}

#[test]
fn a_flapping_breach_keeps_one_incident_with_a_counter() {
    let patient = Rule { keep_firing_for_ms: 60_000, ..rule("load") };
    let mut scenario = Scenario::new(vec![patient]);
    for step in 1..=9 {
        scenario.value(step * 10, if step % 2 == 1 { 97.0 } else { 10.0 });
    }
    let lines = scenario.story();
    assert_eq!(lines.iter().filter(|line| line.ends_with("INC1 Critical, back")).count(), 4);
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!((incident.flap_count, incident.notes.len(), scenario.world.incidents.count), (4, 1, 1), "one note: it flaps");
}

#[test]
fn an_incident_that_a_person_resolved_stays_resolved_until_the_breach_begins_again() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.value(10, 97.0);
    scenario.act(20, 1, resolve()).unwrap();
    [86.0, 97.0, 10.0].into_iter().zip(3..).for_each(|(value, step)| scenario.value(step * 10, value));
    scenario.value(60, 97.0);
    assert_eq!(
        scenario.story(),
        [
            "10 load: Inactive → Firing Critical",
            "10 INC1 opened P2: Load critical on web-1: 97",
            "20 INC1 new → resolved",
            "20 INC1 noted",
            "30 load: Firing → Firing Warning",
            "40 load: Firing → Firing Critical",
            "50 load: Firing → Resolved",
            "60 load: Resolved → Firing Critical",
            "60 INC2 opened P2: Load critical on web-1: 97",
        ]
    );
}

#[test]
fn an_alert_that_gets_worse_than_what_a_person_ended_opens_an_incident_that_follows() {
    let cancel = || IncidentAction::Cancel { reason: "Nothing.".into() };
    for (end, state) in [(resolve(), "resolved"), (cancel(), "cancelled")] {
        let mut scenario = Scenario::new(vec![Rule { tier: Tier::Page, ..rule("load") }]);
        scenario.value(10, 86.0);
        scenario.act(20, 1, end).unwrap();
        [86.0, 97.0].into_iter().zip(3..).for_each(|(value, step)| scenario.value(step * 10, value));
        let story = scenario.story();
        assert_eq!(
            story[2..],
            [
                format!("20 INC1 new → {state}"),
                "20 INC1 noted".into(),
                "40 load: Firing → Firing Critical".into(),
                "40 INC2 opened P2: Load critical on web-1: 97".into(),
            ]
        );
        let incident = |number| &scenario.world.incidents.incidents[&scenario.incident(number)];
        assert_eq!(incident(2).follows, Some(incident(1).id));
        let note = "It still fires: m is 86, above 85. Nothing more is told until the alert is critical, or is over and begins again.";
        assert_eq!(incident(1).notes.last().map(|note| note.text.as_str()), Some(note));
        // What a person ends as critical does not come back with the next critical value.
        scenario.act(50, 2, resolve()).unwrap();
        [86.0, 97.0].into_iter().zip(6..).for_each(|(value, step)| scenario.value(step * 10, value));
        assert_eq!(scenario.world.incidents.count, 2);
    }
}

#[test]
fn a_breach_that_returns_within_five_days_opens_an_incident_that_follows_the_first() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    let day = 24 * 3_600;
    for (at, value) in [(10, 97.0), (20, 1.0), (5 * day, 97.0), (5 * day + 10, 1.0), (11 * day, 97.0)] {
        scenario.value(at, value);
    }
    let follows = |number| scenario.world.incidents.incidents[&scenario.incident(number)].follows;
    assert_eq!([follows(1), follows(2), follows(3)], [None, Some(scenario.incident(1)), None]);
}

#[test]
fn a_resolved_incident_closes_after_five_days() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.value(10, 97.0);
    scenario.value(20, 1.0);
    scenario.story();
    let due = 20 + 5 * 24 * 3_600;
    scenario.tick(due - 1);
    scenario.tick(due);
    scenario.tick(due + 1);
    assert_eq!(scenario.story(), [format!("{due} INC1 resolved → closed")]);
}

#[test]
fn it_is_already_filled_in() {
    let mut scenario = Scenario::new(vec![Rule { runbook: Some("https://wiki/load".into()), ..rule("load") }]);
    scenario.seed(|world| {
        let ci = world.cmdb.cis.get_mut(&host(1)).unwrap();
        ci.attributes.insert("owner".into(), text("ada"));
        ci.attributes.insert("support_group".into(), text("web"));
    });
    let product = CiId { family: Family::Software, bits: 1 };
    let package = PackageChange {
        kind: PackageChangeKind::Upgraded,
        product,
        name: "openssl".into(),
        before: Some("3.0.13".into()),
        after: Some("3.0.14".into()),
    };
    let after = Some(text("6.12.1"));
    let kernel = AttributeChange { name: "kernel".into(), before: Some(AttributeValue::Text("6.1.0".into())), after };
    let hour = 3_600;
    scenario.commit(hour, &Actor::System, vec![Event::Ci(CiEvent::AttributesChanged { ci: host(1), changes: vec![kernel] })]);
    scenario.commit(70 * hour, &Actor::System, vec![Event::Ci(CiEvent::SoftwareChanged { ci: host(1), changes: vec![package] })]);
    scenario.values(80 * hour, 1, &[("/var", Some(86.0))]);
    scenario.values(80 * hour + 10, 1, &[("/var", Some(86.0)), ("/", Some(97.0))]);
    let incident = &scenario.world.incidents.incidents[&scenario.incident(2)];
    let expected = "\
m is 97, above 95.
Measured at 1970-01-04T08:00:10.000Z.
web-1: class server, owner ada, support group web.

What to do: Look at it.
Runbook: https://wiki/load

Changed on it in the 72 hours before:
- 1970-01-03T22:00:00.000Z: openssl 3.0.13 → 3.0.14

Other open incidents on it:
- INC0000001 Load warning on web-1: /var 86";
    assert_eq!(incident.description, expected);
    let related: Vec<_> = incident.related.iter().map(|one| (one.incident, one.path.len())).collect();
    assert_eq!((incident.group.as_deref(), related), (Some("web"), vec![(scenario.incident(1), 0)]));
    assert_eq!(incident.recent_changes.len(), 1);
}

#[test]
fn an_agent_and_its_host_that_say_nothing_share_an_incident() {
    use crate::rule::{Condition, Level, Levels};
    let level = || Some(Level { raise: 0.0, clear: 0.0, and: None, for_ms: None });
    let agent = Rule {
        condition: Condition::AgentSilent { after_ms: 180_000 },
        levels: Levels { warning: level(), critical: None },
        ..rule("agent")
    };
    let whole = Rule {
        condition: Condition::HostSilent { after_ms: 600_000 },
        levels: Levels { warning: None, critical: level() },
        tier: Tier::Page,
        ..rule("whole")
    };
    let mut scenario = Scenario::new(vec![agent, whole]);
    scenario.value(1, 1.0);
    (1..=70).for_each(|tick| scenario.tick(1 + tick * 10));
    scenario.replay();
    let incidents = &scenario.world.incidents;
    assert_eq!((incidents.incidents.len(), incidents.live.len()), (1, 2));
    let one = incidents.incidents.values().next().expect("one");
    assert_eq!((one.alerts.len(), one.state.is_open(), one.priority), (2, true, 2));
    scenario.value(800, 1.0);
    scenario.replay();
    assert!(scenario.world.incidents.live.is_empty());
    assert!(scenario.world.incidents.incidents.values().all(|one| !one.state.is_open()));
}

fn mute(kind: crate::alert::mute::MuteKind, from: i64, to: i64) -> crate::Command {
    use crate::alert::decide::AlertCommand;
    use crate::alert::mute::{NewMute, Schedule};
    let schedule = Schedule::Once { from: seconds(from), to: seconds(to) };
    let (selector, rules) = (crate::rule::Selector::default(), vec!["load".parse().unwrap()]);
    let new = NewMute { kind, reason: "disks are swapped".into(), selector, rules, external: None, schedule };
    crate::Command::Alert(AlertCommand::Mute(Box::new(new)))
}

fn last_note(scenario: &Scenario, number: u64) -> String {
    scenario.world.incidents.incidents[&scenario.incident(number)].notes.last().map(|note| note.text.clone()).unwrap_or_default()
}

#[test]
fn what_is_told_about_again_is_told_as_it_is_known() {
    use crate::alert::mute::MuteKind;
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.pair(10, Some(97.0), Some(1.0));
    scenario.command(15, &mute(MuteKind::Silence, 15, 80)).unwrap();
    scenario.tick(20);
    for at in (30..80).step_by(10) {
        scenario.pair(at, Some(91.0), Some(1.0));
    }
    scenario.tick(80);
    let fires =
        "It is told about again; it fires since 1970-01-01T00:00:10.000Z, and when it last changed it was critical: m is 97, above 95.";
    assert_eq!(last_note(&scenario, 1), fires);
    scenario.command(85, &mute(MuteKind::Silence, 85, 300)).unwrap();
    for at in (90..300).step_by(10) {
        scenario.pair(at, None, Some(1.0));
        scenario.tick(at + 1);
    }
    scenario.tick(300);
    let last = last_note(&scenario, 1);
    assert!(
        last.starts_with("It is told about again; nothing is known of it since ") && last.contains(", before that it was critical: "),
        "{last}"
    );
}

#[test]
fn what_opens_when_it_may_be_told_about_is_not_told_about_again() {
    use crate::alert::mute::MuteKind;
    let mut scenario = Scenario::new(vec![rule("load")]);
    for kind in [MuteKind::Maintenance, MuteKind::Silence] {
        scenario.command(5, &mute(kind, 5, 100)).unwrap();
    }
    scenario.value(10, 97.0);
    scenario.tick(11);
    scenario.tick(100);
    assert_eq!(last_note(&scenario, 1), "");
}

#[test]
fn who_ends_an_incident_of_two_warnings_is_told_that_a_worse_one_is_told() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.values(10, 1, &[("/", Some(86.0)), ("/var", Some(86.0))]);
    scenario.act(20, 2, IncidentAction::Merge { into: scenario.incident(1) }).unwrap();
    scenario.act(30, 1, resolve()).unwrap();
    let expected = "It still fires: m is 86, above 85. Nothing more is told until an alert of it that is a warning is critical, or one is over \
                    and begins again.";
    assert_eq!(last_note(&scenario, 1), expected);
    scenario.values(40, 1, &[("/", Some(86.0)), ("/var", Some(97.0))]);
    assert_eq!(scenario.story().last().map(String::as_str), Some("40 INC3 opened P2: Load critical on web-1: /var 97"));
}

#[test]
fn nothing_has_recovered_on_an_item_that_is_out_of_use() {
    use crate::ci::Lifecycle;
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.value(10, 97.0);
    let (before, after) = (scenario.world.cmdb.cis[&host(1)].status, Lifecycle::Retired);
    let retired = CiEvent::CiStatusChanged { ci: host(1), before, after, reason: "Sold.".into() };
    scenario.commit(20, &Actor::Local, vec![Event::Ci(retired)]);
    assert_eq!(scenario.story().last().map(String::as_str), Some("20 INC1 new → resolved"));
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!(incident.close_code.as_deref(), Some("item_retired"));
}
