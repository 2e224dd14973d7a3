use super::*;
use crate::Command;
use crate::alert::AlertState;
use crate::alert::decide::AlertCommand;
use crate::alert::scenario::{Scenario, rule, seconds};

fn weekly(weekdays: &[Day], start: &str, duration_ms: u64, time_zone: &str) -> Schedule {
    Schedule::Weekly { weekdays: weekdays.to_vec(), start: start.into(), duration_ms, time_zone: time_zone.into(), from: None, to: None }
}

/// First and last covered minute of each stretch within a span, in UTC.
#[track_caller]
fn check(schedule: &Schedule, from: &str, to: &str, expected: &[(&str, &str)]) {
    let (from, to): (Timestamp, Timestamp) = (from.parse().unwrap(), to.parse().unwrap());
    let mut stretches: Vec<(Timestamp, Timestamp)> = Vec::new();
    for at in (from.0..to.0).step_by(60_000).map(Timestamp).filter(|at| schedule.covers(*at)) {
        match stretches.last_mut().filter(|stretch| stretch.1.0 + 60_000 == at.0) {
            Some(stretch) => stretch.1 = at,
            None => stretches.push((at, at)),
        }
    }
    let found: Vec<(String, String)> = stretches.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
    let expected: Vec<(String, String)> =
        expected.iter().map(|(a, b)| (format!("2026-{a}:00.000Z"), format!("2026-{b}:00.000Z"))).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_weekly_window_follows_the_wall_clock_over_both_switches() {
    let hours = |hours: u64| hours * 3_600_000;
    let sundays = weekly(&[Day::Sunday], "02:30", hours(2), "Europe/Berlin");
    // Summer time begins on 29 March at 02:00, so that 02:30 is missing: the window begins at 03:30 local time.
    check(
        &sundays,
        "2026-03-22T00:00:00Z",
        "2026-04-06T00:00:00Z",
        &[("03-22T01:30", "03-22T03:29"), ("03-29T01:30", "03-29T03:29"), ("04-05T00:30", "04-05T02:29")],
    );
    // It ends on 25 October at 03:00: of the two 02:30 the first counts.
    check(&sundays, "2026-10-25T00:00:00Z", "2026-11-02T00:00:00Z", &[("10-25T00:30", "10-25T02:29"), ("11-01T01:30", "11-01T03:29")]);
    let over_midnight = weekly(&[Day::Saturday], "22:00", hours(10), "UTC");
    check(&over_midnight, "2026-11-27T00:00:00Z", "2026-11-30T00:00:00Z", &[("11-28T22:00", "11-29T07:59")]);
}

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

#[test]
fn windows_around_both_switches_begin_and_end_by_the_wall_clock_and_last_as_long_as_they_say() {
    let hours = |hours: u64| hours * 3_600_000;
    // Begins before the gap of 29 March and ends behind it: an hour less by the wall clock, none by the length.
    let early = weekly(&[Day::Sunday], "01:00", hours(3), "Europe/Berlin");
    check(&early, "2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z", &[("03-29T00:00", "03-29T02:59")]);
    // Begins before the overlap of 25 October and ends in its second pass.
    let overlap = weekly(&[Day::Sunday], "01:30", hours(2), "Europe/Berlin");
    check(&overlap, "2026-10-24T22:00:00Z", "2026-10-25T12:00:00Z", &[("10-24T23:30", "10-25T01:29")]);
    // A day of 23 hours and one of 25: a window of 24 hours that recurs daily leaves no gap and doubles nothing.
    let all = [Day::Monday, Day::Tuesday, Day::Wednesday, Day::Thursday, Day::Friday, Day::Saturday, Day::Sunday];
    let daily = weekly(&all, "00:00", hours(24), "Europe/Berlin");
    check(&daily, "2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z", &[("03-28T00:00", "03-30T23:59")]);
    // Where there are no switches, and where the switch is at midnight.
    let tokyo = weekly(&[Day::Monday], "00:00", hours(1), "Asia/Tokyo");
    check(&tokyo, "2026-03-29T00:00:00Z", "2026-03-31T00:00:00Z", &[("03-29T15:00", "03-29T15:59")]);
    let beirut = weekly(&[Day::Sunday], "00:00", hours(1), "Asia/Beirut");
    check(&beirut, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", &[("03-28T22:00", "03-28T22:59")]);
}
