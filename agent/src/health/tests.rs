//! Rates, shares and what is not measured.

use super::*;
use rollcall_shared::Timestamp;

fn at(seconds: u64) -> Reading {
    Reading { wall: Timestamp(0), monotonic: Duration::from_secs(seconds) }
}

fn sampler() -> Sampler {
    Sampler::new(Root::new("/no/such/root"))
}

/// Feeds two readings of one series, ten seconds apart.
#[track_caller]
fn check(before: Raw, after: Raw, expected: Option<f64>) {
    let mut sampler = sampler();
    assert_eq!(
        sampler.compare(at(0), vec![before.clone()])[0].value,
        if matches!(before.figure, Figure::Gauge(_)) { expected } else { None }
    );
    let measured = sampler.compare(at(10), vec![after]);
    assert_eq!(measured[0].value, expected);
}

#[test]
fn counters_become_rates_and_shares() {
    let rate = |counter| Raw::rate("system.disk.io", &[], "By/s", counter, 512.0);
    check(rate(100), rate(120), Some(1024.0));
    let busy = |counter| Raw::busy("system.disk.utilization", &[], counter, 1e-3);
    check(busy(0), busy(2500), Some(0.25));
    check(busy(0), busy(99_000), Some(1.0));
    let growth = |counter| Raw::growth("system.memory.oom_kills", "{kill}", counter);
    check(growth(3), growth(5), Some(2.0));
    let share = |part, whole| Raw::share("system.cpu.utilization", &[], part, whole);
    check(share(10, 100), share(40, 200), Some(0.3));
}

#[test]
fn a_counter_that_went_backwards_is_no_value() {
    let rate = |counter| Raw::rate("system.network.io", &[], "By/s", counter, 1.0);
    check(rate(100), rate(99), None);
    let share = |part, whole| Raw::share("system.cpu.utilization", &[], part, whole);
    check(share(10, 100), share(9, 200), None);
    check(share(10, 100), share(10, 100), None);
    check(share(10, 100), share(11, 90), None);
}

#[test]
fn no_time_is_no_rate() {
    let mut sampler = sampler();
    let rate = |counter| vec![Raw::rate("system.network.io", &[], "By/s", counter, 1.0)];
    sampler.compare(at(5), rate(1));
    assert_eq!(sampler.compare(at(5), rate(9))[0].value, None);
    assert_eq!(sampler.compare(at(4), rate(9))[0].value, None);
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
#[cfg(target_os = "linux")]
fn this_machine_is_measured_within_bounds() {
    let mut sampler = Sampler::new(Root::live());
    sampler.sample(at(0));
    let second = sampler.sample(at(10));
    assert!(
        second
            .iter()
            .any(|one| one.series.metric == "system.memory.utilization" && one.value.is_some_and(|value| value > 0.0 && value < 1.0))
    );
    assert!(
        second
            .iter()
            .filter(|one| one.series.metric.ends_with("utilization"))
            .filter_map(|one| one.value)
            .all(|value| (0.0..=1.0).contains(&value))
    );
}
