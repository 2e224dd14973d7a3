//! Schedule, states and series, without a plugin; `tests/agent/checks.rs` runs real ones.

use super::*;
use rollcall_shared::Timestamp;

fn at(seconds: u64) -> Reading {
    Reading { wall: Timestamp(i64::try_from(seconds).expect("small") * 1000), monotonic: Duration::from_secs(seconds) }
}

fn slot(name: &str) -> Slot {
    let config = toml::from_str(&format!("name = {name:?}\ncommand = ['/bin/true']")).expect("a check");
    Slot::new(config, None, Duration::ZERO)
}

fn finished(started: u64, state: State, output: &str) -> Finished {
    Finished { slot: 0, started: at(started), ended: at(started + 2), ran: Ran { state, reason: None, output: output.to_owned() } }
}

#[track_caller]
fn check_values(slot: &Slot, now: u64, expected: &[(&str, Option<f64>)]) {
    let measured = slot.measurements(at(now));
    let last = |one: &Measurement| one.series.attributes.last().map(|(_, value)| value.clone()).unwrap_or_default();
    let found: Vec<(String, Option<f64>)> = measured.iter().map(|one| (last(one), one.value)).collect();
    let expected: Vec<(String, Option<f64>)> = expected.iter().map(|(label, value)| ((*label).to_owned(), *value)).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_text_is_the_one_with_which_the_state_began() {
    let mut slot = slot("disk");
    assert_eq!(slot.row(), None);
    assert!(slot.take(finished(0, State::Ok, "5 % used"), 8));
    assert!(!slot.take(finished(60, State::Ok, "6 % used"), 8));
    assert_eq!(slot.row().and_then(|row| row.output), Some("5 % used".into()));
    assert!(slot.take(finished(120, State::Critical, "99 % used\nmore"), 8));
    let expected = Check { name: "disk".into(), state: "critical".into(), output: Some("99 % used".into()), interval_s: 60, target: None };
    assert_eq!(slot.row(), Some(expected));
}

#[test]
fn a_check_about_something_else_says_nothing_of_this_host() {
    let told = |keys: &str| {
        let config = toml::from_str(&format!("name = 'ping'\ncommand = ['/bin/true']\n{keys}")).expect("a check");
        let mut slot = Slot::new(config, None, Duration::ZERO);
        slot.take(finished(0, State::Critical, "no answer"), 8);
        let first = slot.measurements(at(1)).swap_remove(0);
        let attributes: Vec<String> = first.series.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (slot.row().and_then(|row| row.target), format!("{} {}", first.series.metric, attributes.join(" ")))
    };
    let target = Some("sw-1".to_owned());
    assert_eq!(told(""), (None, "check.state check=ping".into()));
    assert_eq!(told("target = 'sw-1'"), (target.clone(), "check.target_state asks=up check=ping target=sw-1".into()));
    let service = told("target = 'sw-1'\nmeans_down = false");
    assert_eq!(service, (target, "check.target_state asks=state check=ping target=sw-1".into()));
}

#[test]
fn a_reason_goes_before_what_the_plugin_said() {
    assert_eq!(summary(&Ran::unknown("exit code 7", String::new()), Some("x".into())), Some("exit code 7: x".into()));
    assert_eq!(summary(&Ran::unknown("exit code 7", String::new()), None), Some("exit code 7".into()));
    assert_eq!(summary(&Ran { state: State::Ok, reason: None, output: String::new() }, None), None);
}

#[test]
fn a_result_that_is_too_old_is_no_value() {
    let mut slot = slot("disk");
    check_values(&slot, 0, &[("disk", None), ("disk", None)]);
    slot.take(finished(100, State::Warning, "x | a=1"), 8);
    // Two intervals of 60 s and a timeout of 10 s.
    check_values(&slot, 230, &[("disk", Some(1.0)), ("disk", Some(2.0)), ("a", Some(1.0))]);
    check_values(&slot, 231, &[("disk", None), ("disk", None), ("a", None)]);
    let after_sleep = Reading { wall: Timestamp(9_999_000), monotonic: Duration::from_secs(110) };
    assert!(slot.measurements(after_sleep).iter().all(|one| one.value.is_none()));
}

#[test]
fn labels_stay_counters_become_rates_and_room_is_bounded() {
    let mut slot = slot("disk");
    slot.take(finished(0, State::Ok, "x | in=100c a=1"), 2);
    check_values(&slot, 1, &[("disk", Some(0.0)), ("disk", Some(2.0)), ("a", Some(1.0)), ("in", None)]);
    slot.take(finished(10, State::Ok, "x | new=5 in=150c"), 2);
    check_values(&slot, 11, &[("disk", Some(0.0)), ("disk", Some(2.0)), ("a", None), ("in", Some(5.0))]);
    slot.take(finished(20, State::Ok, "x | in=3c"), 2);
    check_values(&slot, 21, &[("disk", Some(0.0)), ("disk", Some(2.0)), ("a", None), ("in", None)]);
}

#[test]
fn missed_runs_are_skipped_and_the_place_in_the_interval_is_kept() {
    let seconds = Duration::from_secs;
    let next_of = |due, now| next(seconds(due), seconds(60), seconds(now));
    assert_eq!([next_of(7, 7), next_of(7, 66), next_of(7, 67), next_of(7, 1000)], [67, 67, 127, 1027].map(seconds));
}

#[test]
fn checks_are_spread_over_the_interval() {
    let places: Vec<f64> = (0..100).map(|number| fraction(&format!("check{number}"))).collect();
    for tenth in 0..10 {
        let within = |&&place: &&f64| place >= f64::from(tenth) / 10.0 && place < f64::from(tenth + 1) / 10.0;
        assert!((2..=25).contains(&places.iter().filter(within).count()), "{places:?}");
    }
    assert!(slot("x").due < FIRST_RUNS);
}
