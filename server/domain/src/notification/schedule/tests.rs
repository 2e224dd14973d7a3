use super::*;
use crate::alert::mute::Day;
use proptest::prelude::*;

const WEEK: [Day; 7] = [Day::Monday, Day::Tuesday, Day::Wednesday, Day::Thursday, Day::Friday, Day::Saturday, Day::Sunday];

fn moment(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().expect("a moment").as_millisecond())
}

fn layer(name: &str, members: &[u128], starts_at: &str, (every, unit): (u32, Unit)) -> Layer {
    let members = members.iter().map(|n| ContactId(*n)).collect();
    Layer { name: name.into(), members, starts_at: starts_at.into(), rotation: Rotation { every, unit }, hours: Vec::new() }
}

fn schedule(layers: Vec<Layer>) -> Schedule {
    Schedule { id: ScheduleId(1), name: "Ops".into(), time_zone: "Europe/Berlin".into(), layers, overrides: Vec::new() }
}

fn hours(weekdays: &[Day], from: &str, to: &str) -> WeeklyHours {
    WeeklyHours { weekdays: weekdays.to_vec(), from: from.into(), to: to.into() }
}

/// Shifts as `begin who`, and that every moment's answer is that of its shift.
#[track_caller]
fn check(schedule: &Schedule, from: &str, to: &str, expected: &[&str]) {
    let range = Span { from: moment(from), to: moment(to) };
    let shifts = schedule.shifts(range);
    let line = |shift: &Shift| {
        let who = shift.duty.as_ref().map_or("nobody".to_owned(), |(contact, _)| contact.0.to_string());
        format!("{} {who}", jiff::Timestamp::from_millisecond(shift.span.from.0).expect("a moment"))
    };
    assert_eq!(shifts.iter().map(line).collect::<Vec<_>>(), expected);
    holds_together(schedule, range, &shifts);
}

fn holds_together(schedule: &Schedule, range: Span, shifts: &[Shift]) {
    assert_eq!((shifts[0].span.from, shifts[shifts.len() - 1].span.to), (range.from, range.to));
    for pair in shifts.windows(2) {
        assert_eq!(pair[0].span.to, pair[1].span.from);
        assert_ne!(pair[0].duty, pair[1].duty);
    }
    for shift in shifts {
        let middle = Timestamp(shift.span.from.0.midpoint(shift.span.to.0));
        for at in [shift.span.from, middle, Timestamp(shift.span.to.0 - 1)] {
            assert_eq!(schedule.on_call(at), shift.duty, "{at}");
        }
    }
}

#[test]
fn a_weekly_rotation_hands_off_at_nine_by_the_wall_clock_through_both_switches() {
    let ops = schedule(vec![layer("Week", &[1, 2, 3], "2026-03-16T09:00", (1, Unit::Week))]);
    check(
        &ops,
        "2026-03-16T08:00:00Z",
        "2026-04-06T07:00:00Z",
        // Summer time begins on March 29: nine o'clock is an hour earlier in UTC.
        &["2026-03-16T08:00:00Z 1", "2026-03-23T08:00:00Z 2", "2026-03-30T07:00:00Z 3"],
    );
    check(&ops, "2026-10-19T07:00:00Z", "2026-11-02T08:00:00Z", &["2026-10-19T07:00:00Z 2", "2026-10-26T08:00:00Z 3"]);
}

#[test]
fn a_day_of_a_rotation_is_an_hour_longer_or_shorter_at_a_switch() {
    let ops = schedule(vec![layer("Day", &[1, 2], "2026-10-23T09:00", (1, Unit::Day))]);
    check(
        &ops,
        "2026-10-24T07:00:00Z",
        "2026-10-26T12:00:00Z",
        &["2026-10-24T07:00:00Z 2", "2026-10-25T08:00:00Z 1", "2026-10-26T08:00:00Z 2"],
    );
}

#[test]
fn a_hand_off_in_the_hour_that_comes_twice_happens_once_and_one_in_the_missing_hour_when_the_clock_has_jumped() {
    let autumn = schedule(vec![layer("Day", &[1, 2], "2026-10-24T02:30", (1, Unit::Day))]);
    check(&autumn, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", &["2026-10-24T12:00:00Z 1", "2026-10-25T00:30:00Z 2"]);
    let spring = schedule(vec![layer("Day", &[1, 2], "2026-03-28T02:30", (1, Unit::Day))]);
    check(&spring, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", &["2026-03-28T12:00:00Z 1", "2026-03-29T01:30:00Z 2"]);
}

#[test]
fn turns_of_hours_follow_each_other() {
    let ops = schedule(vec![layer("Shift", &[1, 2, 3], "2026-11-30T06:00", (8, Unit::Hour))]);
    check(
        &ops,
        "2026-11-30T05:00:00Z",
        "2026-12-01T05:30:00Z",
        &["2026-11-30T05:00:00Z 1", "2026-11-30T13:00:00Z 2", "2026-11-30T21:00:00Z 3", "2026-12-01T05:00:00Z 1"],
    );
}

#[test]
fn before_the_first_turn_and_outside_the_hours_there_is_a_gap() {
    let mut day = layer("Office", &[1], "2026-11-30T00:00", (1, Unit::Week));
    day.hours = vec![hours(&WEEK[..5], "09:00", "17:00")];
    check(
        &schedule(vec![day]),
        "2026-11-27T12:00:00Z",
        "2026-12-01T12:00:00Z",
        &["2026-11-27T12:00:00Z nobody", "2026-11-30T08:00:00Z 1", "2026-11-30T16:00:00Z nobody", "2026-12-01T08:00:00Z 1"],
    );
}

#[test]
fn a_higher_layer_counts_where_it_has_somebody() {
    let mut nights = layer("Nights", &[9], "2026-11-01T00:00", (1, Unit::Week));
    nights.hours = vec![hours(&WEEK, "22:00", "06:00")];
    let ops = schedule(vec![layer("Everything", &[1], "2026-11-01T00:00", (1, Unit::Week)), nights]);
    check(
        &ops,
        "2026-11-30T12:00:00Z",
        "2026-12-01T12:00:00Z",
        &["2026-11-30T12:00:00Z 1", "2026-11-30T21:00:00Z 9", "2026-12-01T05:00:00Z 1"],
    );
    let because = |at: &str| ops.on_call(moment(at)).map(|(_, because)| because);
    assert_eq!(because("2026-11-30T23:00:00Z"), Some(Because::Layer("Nights".into())));
    let (now, next) = ops.now_and_next(moment("2026-11-30T12:00:00Z"));
    assert_eq!(now.and_then(|shift| shift.duty).map(|(contact, _)| contact), Some(ContactId(1)));
    assert_eq!(next.and_then(|shift| shift.duty).map(|(contact, _)| contact), Some(ContactId(9)));
}

#[test]
fn the_last_override_counts_above_all_layers() {
    let mut ops = schedule(vec![layer("Week", &[1], "2026-11-01T00:00", (1, Unit::Week))]);
    let over = |id, from: &str, to: &str, who| Override { id: OverrideId(id), from: moment(from), to: moment(to), contact: ContactId(who) };
    ops.overrides =
        vec![over(1, "2026-11-30T10:00:00Z", "2026-11-30T20:00:00Z", 7), over(2, "2026-11-30T12:00:00Z", "2026-11-30T14:00:00Z", 8)];
    check(
        &ops,
        "2026-11-30T08:00:00Z",
        "2026-12-01T00:00:00Z",
        &["2026-11-30T08:00:00Z 1", "2026-11-30T10:00:00Z 7", "2026-11-30T12:00:00Z 8", "2026-11-30T14:00:00Z 7", "2026-11-30T20:00:00Z 1"],
    );
}

proptest! {
    #[test]
    fn shifts_leave_no_hole_and_say_what_every_moment_says(
        start in 0_i64..400, every in 1_u32..9, unit in 0_usize..3, members in 1_usize..4, from in 0_i64..9_000, days in 1_i64..60,
        night in any::<bool>(),
    ) {
        let unit = [Unit::Hour, Unit::Day, Unit::Week][unit];
        let begin = jiff::civil::date(2026, 1, 1).at(2, 30, 0, 0).checked_add(SignedDuration::from_hours(start * 24)).expect("a date");
        let members: Vec<u128> = (1..=members as u128).collect();
        let mut one = layer("One", &members, &begin.to_string(), (every, unit));
        if night {
            one.hours = vec![hours(&WEEK[2..], "22:00", "02:30")];
        }
        let ops = schedule(vec![one]);
        let from = moment("2026-01-01T00:00:00Z").plus(Duration::from_secs(from.unsigned_abs() * 3_600));
        let range = Span { from, to: from.plus(Duration::from_secs(days.unsigned_abs() * 86_400)) };
        holds_together(&ops, range, &ops.shifts(range));
    }
}
