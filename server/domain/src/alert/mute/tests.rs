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
