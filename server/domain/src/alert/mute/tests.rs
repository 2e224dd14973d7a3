use super::schedule::tests::weekly;
use super::*;
use crate::Command;
use crate::alert::AlertState;
use crate::alert::decide::AlertCommand;
use crate::alert::scenario::{Scenario, rule, seconds};

fn create(kind: MuteKind, schedule: Schedule) -> Command {
    let rules = vec!["load".parse().unwrap()];
    let new = NewMute { kind, reason: "disks are swapped".into(), selector: Selector::default(), rules, external: None, schedule };
    Command::Alert(AlertCommand::Mute(Box::new(new)))
}

#[test]
fn a_muted_alert_fires_without_an_incident_and_opens_it_when_the_window_is_over() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    let window = Schedule::Once { from: seconds(100), to: seconds(200) };
    scenario.command(50, &create(MuteKind::Maintenance, window)).unwrap();
    scenario.value(110, 96.0);
    scenario.tick(111);
    scenario.value(190, 97.0);
    scenario.tick(199);
    scenario.tick(200);
    assert_eq!(
        scenario.story(),
        [
            "50 Maintenance set",
            "110 load: Inactive → Firing Critical",
            "110 Maintenance begins",
            "200 Maintenance ends",
            "200 INC1 opened P2: Load critical on web-1: 96",
        ]
    );
}

#[test]
fn a_silence_that_outlives_the_alert_leaves_no_trace_of_an_incident() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.command(50, &create(MuteKind::Silence, Schedule::Once { from: seconds(0), to: seconds(900) })).unwrap();
    scenario.value(110, 96.0);
    scenario.tick(111);
    scenario.value(120, 10.0);
    scenario.tick(121);
    scenario.tick(900);
    assert_eq!(
        scenario.story(),
        ["50 Silence set", "110 load: Inactive → Firing Critical", "110 Silence begins", "120 load: Firing → Resolved", "121 Silence ends",]
    );
    scenario.tick(900 + 7 * 86_400);
    assert_eq!(scenario.story(), ["605700 mute ended"]);
}

#[test]
fn mutes_that_make_no_sense_are_refused_by_field() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    let mut check = |kind, schedule, expected: &str| match scenario.command(1_000, &create(kind, schedule)) {
        Err(Rejection::Invalid { field, .. }) => assert_eq!(field, expected),
        other => panic!("{other:?}"),
    };
    let once = |from, to| Schedule::Once { from: seconds(from), to: seconds(to) };
    check(MuteKind::Maintenance, once(2_000, 2_000), "schedule.to");
    check(MuteKind::Silence, once(2_000, 2_000), "expires_at");
    check(MuteKind::Silence, once(0, 900), "expires_at");
    check(MuteKind::Silence, once(0, 86_400 * 400), "expires_at");
    check(MuteKind::Silence, weekly(&[Day::Monday], "01:00", 3_600_000, "UTC"), "schedule.repeats");
    check(MuteKind::Maintenance, weekly(&[], "01:00", 3_600_000, "UTC"), "schedule.weekdays");
    check(MuteKind::Maintenance, weekly(&[Day::Monday], "25:00", 3_600_000, "UTC"), "schedule.start");
    check(MuteKind::Maintenance, weekly(&[Day::Monday], "01:00", 1, "UTC"), "schedule.duration_ms");
    check(MuteKind::Maintenance, weekly(&[Day::Monday], "01:00", 3_600_000, "Europe/Atlantis"), "schedule.time_zone");
}

/// The one mute there is, said anew.
fn change(scenario: &Scenario, edit: impl FnOnce(&mut NewMute)) -> Command {
    let mute = scenario.world.alerts.mutes.values().next().expect("a mute").clone();
    let Mute { kind, reason, selector, rules, external, schedule, .. } = mute;
    let mut new = NewMute { kind, reason, selector, rules, external, schedule };
    edit(&mut new);
    let change = Change { new: Box::new(new), expected: Some(mute.revision) };
    Command::Alert(AlertCommand::ChangeMute { mute: mute.id, change })
}

fn until(scenario: &Scenario, from: i64, to: i64) -> Command {
    change(scenario, |new| new.schedule = Schedule::Once { from: seconds(from), to: seconds(to) })
}

#[test]
fn a_window_that_holds_is_extended_and_ended_at_once_and_what_fires_then_opens_its_incident() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.command(50, &create(MuteKind::Maintenance, Schedule::Once { from: seconds(100), to: seconds(200) })).unwrap();
    scenario.value(110, 96.0);
    scenario.command(150, &until(&scenario, 100, 900)).unwrap();
    scenario.value(190, 97.0);
    scenario.tick(200);
    scenario.value(290, 97.0);
    scenario.command(300, &until(&scenario, 100, 300)).unwrap();
    scenario.tick(301);
    assert_eq!(
        scenario.story(),
        [
            "50 Maintenance set",
            "110 load: Inactive → Firing Critical",
            "110 Maintenance begins",
            "150 Maintenance changed",
            "300 Maintenance changed",
            "301 Maintenance ends",
            "301 INC1 opened P2: Load critical on web-1: 96",
        ]
    );
    let mute = scenario.world.alerts.mutes.values().next().unwrap();
    assert_eq!((mute.created_at, mute.changed_at, mute.changed_by.as_ref()), (seconds(50), Some(seconds(300)), Some(&mute.created_by)));
    scenario.replay();
}

#[test]
fn what_a_mute_is_about_and_why_changes_with_the_next_tick() {
    let mut scenario = Scenario::new(vec![rule("load"), rule("other")]);
    scenario.command(50, &create(MuteKind::Silence, Schedule::Once { from: seconds(0), to: seconds(900) })).unwrap();
    scenario.command(60, &change(&scenario, |new| new.rules.push("other".parse().unwrap()))).unwrap();
    scenario.value(110, 96.0);
    scenario.tick(111);
    assert!(scenario.world.incidents.incidents.is_empty());
    scenario.command(120, &change(&scenario, |new| new.reason = "known since Monday".into())).unwrap();
    scenario.tick(121);
    let told = |scenario: &Scenario, rule: &str| {
        let alert = scenario.world.alerts.alerts.values().find(|alert| alert.key.rule.as_str() == rule).expect("it fires");
        alert.suppressed.get(&Suppression::Silence).cloned().unwrap_or_default()
    };
    assert!(told(&scenario, "load").starts_with("known since Monday"), "{}", told(&scenario, "load"));
    scenario.command(130, &change(&scenario, |new| _ = new.rules.remove(0))).unwrap();
    scenario.tick(131);
    assert_eq!((told(&scenario, "load"), scenario.world.incidents.incidents.len()), (String::new(), 1));
    assert!(told(&scenario, "other").starts_with("known"));
    scenario.replay();
}

#[test]
fn a_change_is_judged_as_what_is_made_and_what_is_over_stays_so() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.command(50, &create(MuteKind::Silence, Schedule::Once { from: seconds(0), to: seconds(900) })).unwrap();
    let all = change(&scenario, |new| new.rules.clear());
    let nothing = change(&scenario, |new| new.reason = " ".into());
    let other = change(&scenario, |new| new.kind = MuteKind::Freeze);
    let unknown = change(&scenario, |new| new.rules.push("nobody".parse().unwrap()));
    let stale = change(&scenario, |new| new.reason = "first".into());
    for (command, expected) in [
        (&all, "selector: must say which"),
        (&nothing, "reason: must have"),
        (&other, "does not exist"),
        (&unknown, "rules[1]: is no rule"),
        (&until(&scenario, 0, 500), "expires_at: has passed already"),
        (&until(&scenario, 600, 600), "expires_at: must be after"),
        (&until(&scenario, 0, 86_400 * 400), "expires_at: must be a minute to 366 days"),
    ] {
        let said = scenario.command(600, command).expect_err(expected).to_string();
        assert!(said.contains(expected), "{said}, not {expected}");
    }
    let log = scenario.log.len();
    scenario.command(600, &until(&scenario, 0, 900)).unwrap();
    assert_eq!(scenario.log.len(), log, "it is so already");
    scenario.command(600, &stale).unwrap();
    assert!(matches!(scenario.command(601, &stale), Err(Rejection::Stale { .. })));
    // Its end was a moment ago by the clock of whoever says so.
    scenario.command(602, &until(&scenario, 0, 590)).unwrap();
    assert!(matches!(scenario.command(603, &until(&scenario, 0, 900)), Err(Rejection::WrongState { .. })));
}

#[test]
fn an_acknowledgement_ends_with_the_alert_or_with_its_time() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.value(10, 96.0);
    let alert = *scenario.world.alerts.live.first().unwrap();
    let acknowledge = |until| Command::Alert(AlertCommand::Acknowledge { alert, until });
    scenario.command(20, &acknowledge(None)).unwrap();
    let holds = |scenario: &Scenario, at| scenario.world.alerts.alerts[&alert].acknowledgement(seconds(at)).is_some();
    assert!(holds(&scenario, 1_000_000));
    scenario.value(30, 10.0);
    assert!(!holds(&scenario, 31));
    assert!(matches!(scenario.command(32, &acknowledge(None)), Err(Rejection::WrongState { .. })));
    scenario.value(40, 96.0);
    scenario.command(41, &acknowledge(Some(seconds(100)))).unwrap();
    scenario.value(50, 10.0);
    scenario.value(60, 96.0);
    assert!(holds(&scenario, 99) && !holds(&scenario, 100));
    scenario.replay();
    assert_eq!(scenario.world.alerts.alerts[&alert].state, AlertState::Firing);
}

#[test]
fn an_incident_stays_open_through_flapping_and_tells_the_state_when_it_is_over() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    for n in 0..12 {
        scenario.value(60 * n, if n % 2 == 0 { 96.0 } else { 10.0 });
    }
    let first = scenario.story();
    let begins = first.iter().position(|line| line.ends_with("Flapping begins")).expect("it flaps");
    assert!(first[begins..].iter().all(|line| !line.contains("→ resolved")), "{first:#?}");
    for n in 12..60 {
        scenario.value(60 * n, 10.0);
    }
    let then = scenario.story();
    let last: Vec<&str> = then.iter().map(String::as_str).collect();
    assert!(matches!(last[..], [ends, resolved] if ends.ends_with("Flapping ends") && resolved.ends_with("→ resolved")), "{then:#?}");
}

/// A freeze over `load` from 100 to 200, an alert of a tier at 110, and what was opened when.
#[track_caller]
fn check_freeze(tier: Tier, warning_tier: Option<Tier>, values: &[(i64, f64)], expected: &[&str]) {
    let mut scenario = Scenario::new(vec![Rule { tier, warning_tier, ..rule("load") }]);
    scenario.command(50, &create(MuteKind::Freeze, Schedule::Once { from: seconds(100), to: seconds(200) })).unwrap();
    for at in 0..22 {
        let at = 10 * at;
        values.iter().filter(|(moment, _)| *moment == at).for_each(|(_, value)| scenario.value(at, *value));
        scenario.tick(at + 1);
    }
    let story = scenario.story();
    let told: Vec<&str> = story.iter().map(String::as_str).filter(|line| line.contains("INC")).collect();
    assert_eq!(told, expected);
}

#[test]
fn a_freeze_holds_back_what_does_not_page_until_it_is_over() {
    check_freeze(Tier::Ticket, None, &[(110, 96.0)], &["201 INC1 opened P2: Load critical on web-1: 96"]);
    check_freeze(Tier::Page, None, &[(110, 96.0)], &["110 INC1 opened P2: Load critical on web-1: 96"]);
    // What clears before the end was never told.
    check_freeze(Tier::Ticket, None, &[(110, 96.0), (150, 10.0)], &[]);
    // A warning waits; when it becomes critical it pages, and passes.
    check_freeze(Tier::Page, Some(Tier::Ticket), &[(110, 86.0)], &["201 INC1 opened P3: Load warning on web-1: 86"]);
    let passes = ["150 INC1 opened P2: Load critical on web-1: 96", "151 INC1 noted"];
    check_freeze(Tier::Page, Some(Tier::Ticket), &[(110, 86.0), (150, 96.0)], &passes);
}

#[test]
fn an_override_says_how_loud_an_alert_is_in_a_freeze_and_without() {
    let louder = crate::rule::Override {
        selector: Selector { cis: [crate::alert::scenario::host(1)].into(), ..Selector::default() },
        reason: "the till".into(),
        levels: None,
        for_ms: None,
        tier: Some(Tier::RecordOnly),
        disabled: false,
        set_by: None,
        set_at: None,
    };
    let mut scenario = Scenario::new(vec![Rule { overrides: vec![louder], ..rule("load") }]);
    scenario.value(10, 96.0);
    assert_eq!(scenario.story(), ["10 load: Inactive → Firing Critical"]);
}
