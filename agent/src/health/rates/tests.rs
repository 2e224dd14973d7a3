//! Rates, shares and what is not measured.

use super::*;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn values(rates: &Rates) -> Vec<Option<f64>> {
    rates.measurements().map(|one| one.value).collect()
}

/// Feeds two readings of one series, ten seconds apart.
#[track_caller]
fn check(before: Raw, after: Raw, expected: Option<f64>) {
    let mut rates = Rates::default();
    let is_gauge = matches!(before.figure, Figure::Gauge(_));
    rates.take(at(0), vec![before], 10);
    assert_eq!(values(&rates), [if is_gauge { expected } else { None }]);
    rates.take(at(10), vec![after], 10);
    assert_eq!(values(&rates), [expected]);
}

fn rate(device: &str, direction: &str, counter: u64) -> Raw {
    Raw::rate("system.network.io", &[("device", device), ("direction", direction)], "By/s", counter, 1.0)
}

#[test]
fn counters_become_rates_and_shares() {
    let sectors = |counter| Raw::rate("system.disk.io", &[], "By/s", counter, 512.0);
    check(sectors(100), sectors(120), Some(1024.0));
    let busy = |counter| Raw::busy("system.disk.utilization", &[], counter, 1e-3);
    check(busy(0), busy(2500), Some(0.25));
    check(busy(0), busy(99_000), Some(1.0));
    let growth = |counter| Raw::growth("system.memory.oom_kills", &[], "{kill}", counter);
    check(growth(3), growth(5), Some(2.0));
    let share = |part, whole| Raw::share("system.cpu.utilization", &[], part, whole);
    check(share(10, 100), share(40, 200), Some(0.3));
    let average = |sum, count| Raw::average("system.disk.latency", &[], "s", (sum, count), 1e-3);
    check(average(10, 5), average(40, 15), Some(0.003));
    check(average(10, 5), average(10, 5), None);
}

#[test]
fn a_counter_that_went_backwards_is_no_value() {
    check(rate("a", "in", 100), rate("a", "in", 99), None);
    let share = |part, whole| Raw::share("system.cpu.utilization", &[], part, whole);
    check(share(10, 100), share(9, 200), None);
    check(share(10, 100), share(10, 100), None);
    check(share(10, 100), share(11, 90), None);
    let average = |sum, count| Raw::average("system.disk.latency", &[], "s", (sum, count), 1.0);
    check(average(10, 5), average(11, 4), None);
}

#[test]
fn all_counters_of_a_device_that_was_plugged_in_again_are_no_values() {
    let mut rates = Rates::default();
    rates.take(at(0), vec![rate("sda", "read", 100), rate("sda", "write", 5), rate("sdb", "read", 7)], 10);
    rates.take(at(10), vec![rate("sda", "read", 3), rate("sda", "write", 60), rate("sdb", "read", 17)], 10);
    assert_eq!(values(&rates), [None, None, Some(1.0)]);
    rates.take(at(20), vec![rate("sda", "read", 13), rate("sda", "write", 60), rate("sdb", "read", 17)], 10);
    assert_eq!(values(&rates), [Some(1.0), Some(0.0), Some(0.0)]);
}

#[test]
fn no_time_is_no_rate() {
    let mut rates = Rates::default();
    rates.take(at(5), vec![rate("a", "in", 1)], 10);
    for seconds in [5, 4] {
        rates.take(at(seconds), vec![rate("a", "in", 9)], 10);
        assert_eq!(values(&rates), [None]);
    }
}

#[test]
fn a_value_that_is_not_finite_is_no_value() {
    check(Raw::gauge("x", &[], "1", Some(f64::NAN)), Raw::gauge("x", &[], "1", Some(f64::INFINITY)), None);
}

#[test]
fn a_whole_of_nothing_is_no_ratio() {
    check(Raw::ratio("x", &[], 0, 0), Raw::ratio("x", &[], 5, 0), None);
}

#[test]
fn what_is_gone_stays_without_a_value_for_an_hour() {
    let mut rates = Rates::default();
    rates.take(at(0), vec![rate("a", "in", 1), rate("b", "in", 1)], 10);
    rates.take(at(10), vec![rate("a", "in", 1)], 10);
    assert_eq!(values(&rates), [Some(0.0), None]);
    // Back again, with a counter that is larger by chance: nothing is known of the time between.
    rates.take(at(20), vec![rate("a", "in", 1), rate("b", "in", 90)], 10);
    assert_eq!(values(&rates), [Some(0.0), None]);
    rates.take(at(20) + LINGER, vec![rate("a", "in", 1)], 10);
    assert_eq!(values(&rates), [Some(0.0), None]);
    rates.take(at(21) + LINGER, vec![rate("a", "in", 1)], 10);
    assert_eq!(values(&rates), [Some(0.0)]);
}

#[test]
fn what_is_gone_takes_no_room_from_what_is_there() {
    let mut rates = Rates::default();
    for round in 0..20 {
        let devices: Vec<String> = (0..3).map(|number| format!("{:02}", round * 3 + number)).collect();
        rates.take(at(round * 10), devices.iter().map(|device| rate(device, "in", 1)).collect(), 7);
        let known: Vec<String> = rates.measurements().map(|one| one.series.attributes[0].1.clone()).collect();
        assert!(known.len() <= 7 && devices.iter().all(|device| known.contains(device)), "{known:?}");
        if round > 0 {
            assert_eq!(known.len(), 6, "the three of the round before are kept, the three before them not");
        }
    }
}

#[test]
fn growth_is_told_once() {
    let mut rates = Rates::default();
    let growth = |counter| Raw::growth("hw.memory.errors", &[], "{error}", counter);
    rates.take(at(0), vec![growth(1), rate("a", "in", 1)], 10);
    rates.take(at(10), vec![growth(4), rate("a", "in", 11)], 10);
    assert_eq!(values(&rates), [Some(3.0), Some(1.0)]);
    assert_eq!(rates.repeated().map(|one| one.value).collect::<Vec<_>>(), [None, Some(1.0)]);
    assert_eq!(rates.outdated().map(|one| one.value).collect::<Vec<_>>(), [None, None]);
}
