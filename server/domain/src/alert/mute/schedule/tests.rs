use super::*;

pub(in crate::alert::mute) fn weekly(weekdays: &[Day], start: &str, duration_ms: u64, time_zone: &str) -> Schedule {
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

fn monthly(days: &[i8], weekdays: &[(i8, Day)], start: &str, hours: u64) -> Schedule {
    let weekdays = weekdays.iter().map(|(nth, weekday)| NthDay { nth: *nth, weekday: *weekday }).collect();
    let (start, duration_ms, time_zone) = (start.into(), hours * 3_600_000, "Europe/Berlin".into());
    Schedule::Monthly { days: days.to_vec(), weekdays, start, duration_ms, time_zone, from: None, to: None }
}

#[test]
fn a_monthly_window_comes_on_days_of_the_month_and_leaves_out_those_that_are_not_there() {
    let patches = monthly(&[], &[(2, Day::Tuesday)], "22:00", 4);
    let expected = [("09-08T20:00", "09-08T23:59"), ("10-13T20:00", "10-13T23:59"), ("11-10T21:00", "11-11T00:59")];
    check(&patches, "2026-09-01T00:00:00Z", "2026-12-01T00:00:00Z", &expected);
    let thirty_first = monthly(&[31], &[], "00:00", 1);
    check(&thirty_first, "2026-02-01T00:00:00Z", "2026-06-30T00:00:00Z", &[("03-30T22:00", "03-30T22:59"), ("05-30T22:00", "05-30T22:59")]);
    let last = monthly(&[-1], &[], "00:00", 1);
    check(
        &last,
        "2026-02-01T00:00:00Z",
        "2026-05-01T00:00:00Z",
        &[("02-27T23:00", "02-27T23:59"), ("03-30T22:00", "03-30T22:59"), ("04-29T22:00", "04-29T22:59")],
    );
    let last_friday = monthly(&[1], &[(-1, Day::Friday), (5, Day::Monday)], "12:00", 1);
    check(
        &last_friday,
        "2026-11-01T00:00:00Z",
        "2026-12-01T00:00:00Z",
        &[("11-01T11:00", "11-01T11:59"), ("11-27T11:00", "11-27T11:59"), ("11-30T11:00", "11-30T11:59")],
    );
}

#[track_caller]
fn check_next(schedule: &Schedule, now: &str, expected: Option<(&str, &str)>) {
    let now: Timestamp = now.parse().unwrap();
    let found = schedule.next(now).map(|(from, to)| (from.to_string(), to.to_string()));
    assert_eq!(found, expected.map(|(from, to)| (format!("{from}:00.000Z"), format!("{to}:00.000Z"))));
}

#[test]
fn what_holds_now_or_comes_next_is_told() {
    let once = Schedule::Once { from: Timestamp(60_000), to: Timestamp(120_000) };
    check_next(&once, "1970-01-01T00:00:00Z", Some(("1970-01-01T00:01", "1970-01-01T00:02")));
    check_next(&once, "1970-01-01T00:02:00Z", None);
    let patches = monthly(&[], &[(2, Day::Tuesday)], "22:00", 4);
    check_next(&patches, "2026-11-11T00:59:00Z", Some(("2026-11-10T21:00", "2026-11-11T01:00")));
    check_next(&patches, "2026-11-11T01:00:00Z", Some(("2026-12-08T21:00", "2026-12-09T01:00")));
    let fifth = monthly(&[], &[(5, Day::Sunday)], "02:30", 1);
    check_next(&fifth, "2026-11-30T00:00:00Z", Some(("2027-01-31T01:30", "2027-01-31T02:30")));
    let bounded = |from: &str, to: &str| match weekly(&[Day::Friday], "10:00", 7_200_000, "UTC") {
        Schedule::Weekly { weekdays, start, duration_ms, time_zone, .. } => {
            Schedule::Weekly { weekdays, start, duration_ms, time_zone, from: from.parse().ok(), to: to.parse().ok() }
        }
        other => other,
    };
    check_next(&bounded("2027-06-01T00:00:00Z", ""), "2026-11-30T00:00:00Z", Some(("2027-06-04T10:00", "2027-06-04T12:00")));
    check_next(&bounded("2026-12-04T11:00:00Z", ""), "2026-11-30T00:00:00Z", Some(("2026-12-04T11:00", "2026-12-04T12:00")));
    check_next(&bounded("", "2026-12-04T11:00:00Z"), "2026-11-30T00:00:00Z", Some(("2026-12-04T10:00", "2026-12-04T11:00")));
    check_next(&bounded("", "2026-12-04T10:00:00Z"), "2026-11-30T00:00:00Z", None);
}

#[track_caller]
fn refused(schedule: &Schedule, field: &str) {
    let now = "2026-11-26T00:00:00Z".parse().unwrap();
    let found = schedule.validate(MuteKind::Maintenance, Standing::Ahead, now).expect_err("never holds");
    assert!(matches!(&found, Rejection::Invalid { field: found, .. } if found == field), "{found:?}");
}

#[test]
fn what_never_comes_is_refused_with_the_field() {
    let now = "2026-11-26T00:00:00Z".parse().unwrap();
    for fine in [monthly(&[31, -1], &[(-5, Day::Sunday)], "00:00", 168), weekly(&[Day::Sunday], "23:59", 60_000, "Asia/Tokyo")] {
        assert_eq!(fine.validate(MuteKind::Maintenance, Standing::Ahead, now), Ok(()));
        assert!(fine.validate(MuteKind::Silence, Standing::Ahead, now).is_err(), "a silence happens once");
    }
    refused(&monthly(&[], &[], "00:00", 1), "schedule.days");
    refused(&monthly(&[1, 0], &[], "00:00", 1), "schedule.days[1]");
    refused(&monthly(&[-32], &[], "00:00", 1), "schedule.days[0]");
    refused(&monthly(&[1], &[(6, Day::Friday)], "00:00", 1), "schedule.weekdays[0].nth");
    refused(&monthly(&[1], &[], "24:00", 1), "schedule.start");
    refused(&monthly(&[1], &[], "00:00", 0), "schedule.duration_ms");
    refused(&monthly(&[1], &[], "00:00", 169), "schedule.duration_ms");
    refused(&weekly(&[], "00:00", 60_000, "UTC"), "schedule.weekdays");
    refused(&weekly(&[Day::Friday], "00:00", 60_000, "Berlin"), "schedule.time_zone");
    let Schedule::Monthly { weekdays, start, duration_ms, time_zone, .. } = monthly(&[], &[], "00:00", 1) else { panic!("monthly") };
    let (from, to) = ("2026-12-05T00:00:00Z".parse().ok(), "2026-12-20T00:00:00Z".parse().ok());
    refused(&Schedule::Monthly { days: vec![31], weekdays, start, duration_ms, time_zone, from, to }, "schedule");
}

#[test]
fn one_that_has_begun_may_end_at_once_and_one_that_has_not_must_still_come() {
    let now: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
    let check = |schedule: &Schedule, [ahead, begun]: [bool; 2]| {
        let fits = |standing| schedule.validate(MuteKind::Maintenance, standing, now).is_ok();
        assert_eq!([fits(Standing::Ahead), fits(Standing::Begun)], [ahead, begun], "{schedule:?}");
    };
    let after = |seconds: i64| Timestamp(now.0 + 1_000 * seconds);
    let once = |from, to| Schedule::Once { from: after(from), to: after(to) };
    check(&once(-10, 0), [false, true]);
    check(&once(-100, -60), [false, true]);
    check(&once(-100, -61), [false, false]);
    check(&once(0, 0), [false, false]);
    check(&once(-10, 30), [false, true]);
    check(&once(-10, 60), [true, true]);
    check(&once(0, 400 * 86_400), [false, false]);
    for (end, expected) in [(0, [false, true]), (-61, [false, false]), (3_600, [false, false]), (7 * 86_400, [true, true])] {
        let mut recurring = weekly(&[Day::Sunday], "02:00", 3_600_000, "UTC");
        if let Schedule::Weekly { to, .. } = &mut recurring {
            *to = Some(after(end));
        }
        check(&recurring, expected);
    }
}

/// How a schedule is read: as what it is stored as, or with what is wrong.
#[track_caller]
fn check_read(written: &str, expected: Result<&str, &str>) {
    let found = serde_json::from_str::<Schedule>(written);
    let found = found.map(|schedule| serde_json::to_string(&schedule).unwrap()).map_err(|error| error.to_string());
    match (&found, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected),
        (Err(found), Err(expected)) => assert!(found.starts_with(expected), "{found}, not {expected}"),
        _ => panic!("{found:?}, not {expected:?}"),
    }
}

#[test]
fn a_schedule_is_read_as_it_is_stored_and_what_does_not_belong_to_its_form_is_named() {
    let once = r#"{"repeats":"once","from":"1970-01-01T00:00:01.000Z","to":"1970-01-01T00:00:02.000Z"}"#;
    let wall = r#""start":"02:00","duration_ms":60000,"time_zone":"UTC""#;
    let (weekly, monthly) =
        (format!(r#"{{"repeats":"weekly","weekdays":["sunday"],{wall}"#), format!(r#"{{"repeats":"monthly","days":[-1],{wall}}}"#));
    check_read(once, Ok(once));
    let whole = format!(r#"{weekly},"from":null,"to":null}}"#);
    check_read(&format!("{weekly}}}"), Ok(&whole));
    check_read(&whole, Ok(&whole));
    let whole = format!(r#"{{"repeats":"monthly","days":[-1],"weekdays":[],{wall},"from":null,"to":null}}"#);
    check_read(&monthly, Ok(&whole));
    check_read(&whole, Ok(&whole));
    let nth = r#""weekdays":[{"nth":2,"weekday":"tuesday"}]"#;
    check_read(&monthly.replace(r#""days":[-1]"#, nth), Ok(&whole.replace(r#""days":[-1],"weekdays":[]"#, &format!(r#""days":[],{nth}"#))));
    check_read(&monthly.replace(r#""days":[-1]"#, r#""weekdays":["sunday"]"#), Err("within weekdays[0]: must be one of the month"));
    check_read(&format!("{weekly}}}").replace(r#""weekdays":["sunday"]"#, nth), Err("within weekdays[0]: must be a weekday"));
    check_read(&monthly.replace("monthly", "weekly"), Err("unknown field `days`"));
    check_read(&format!("{weekly}}}").replace("weekly", "once"), Err("unknown field `weekdays`"));
    check_read(r#"{"repeats":"once","from":"1970-01-01T00:00:01Z"}"#, Err("missing field `to`"));
    check_read(r#"{"repeats":"weekly","weekdays":["sunday"]}"#, Err("missing field `start`"));
    check_read(r#"{"from":"1970-01-01T00:00:01.000Z","to":"1970-01-01T00:00:02.000Z"}"#, Err("missing field `repeats`"));
}
