use super::*;
use proptest::prelude::*;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

#[track_caller]
fn check(reduce: Reduce, length_ms: i64, samples: &[(i64, f64)], expected: Option<(f64, bool, bool)>) {
    let mut window = Window::new(0);
    for &(at_s, value) in samples {
        window.push(Timestamp(at_s * SECOND), value, length_ms);
    }
    let found = window.read(reduce, Side::Above, length_ms).map(|reading| (reading.value, reading.may_raise, reading.may_clear));
    assert_eq!(found, expected);
}

#[test]
fn an_empty_window_has_no_value() {
    check(Reduce::Avg, MINUTE, &[], None);
}

#[test]
fn an_average_raises_only_once_half_the_window_is_covered() {
    check(Reduce::Avg, 10 * MINUTE, &[(0, 1.0), (299, 1.0)], Some((1.0, false, false)));
    check(Reduce::Avg, 10 * MINUTE, &[(0, 1.0), (299, 1.0), (300, 1.0)], Some((1.0, true, true)));
}

#[test]
fn a_gap_of_half_a_window_starts_the_coverage_again() {
    check(Reduce::Avg, 10 * MINUTE, &[(0, 1.0), (301, 1.0)], Some((1.0, false, false)));
}

#[test]
fn a_sum_raises_at_once_and_forgets_what_is_older_than_the_window() {
    check(Reduce::Sum, 30 * MINUTE, &[(0, 0.0), (10, 2.0), (20, 0.0)], Some((2.0, true, false)));
    let later: Vec<(i64, f64)> = (0..=200).map(|n| (n * 10, if n == 1 { 2.0 } else { 0.0 })).collect();
    check(Reduce::Sum, 30 * MINUTE, &later, Some((0.0, true, true)));
}

#[test]
fn an_increase_is_the_newest_minus_the_smallest() {
    check(Reduce::Increase, 7 * 24 * 60 * MINUTE, &[(0, 0.0), (60, 1.0)], Some((1.0, true, true)));
    check(Reduce::Increase, 7 * 24 * 60 * MINUTE, &[(0, 1.0), (60, 1.0)], Some((0.0, true, true)));
}

#[test]
fn repeated_earlier_and_non_finite_values_change_nothing() {
    let samples = [(10, 1.0), (10, 5.0), (5, 7.0), (20, f64::NAN), (30, f64::INFINITY)];
    check(Reduce::Sum, MINUTE, &samples, Some((1.0, true, true)));
}

#[test]
fn the_largest_numbers_do_not_become_infinite() {
    check(Reduce::Sum, MINUTE, &[(1, f64::MAX), (2, f64::MAX), (59, f64::MAX)], Some((f64::MAX, true, true)));
}

proptest! {
    #[test]
    fn a_window_is_bounded_finite_and_survives_every_order(
        samples in prop::collection::vec((any::<i64>(), any::<f64>()), 0..200), length_ms in 1_i64..2_592_000_000,
    ) {
        let mut window = Window::new(0);
        for (at, value) in samples {
            window.push(Timestamp(at), value, length_ms);
            prop_assert!(window.buckets.len() <= 12);
            for reduce in [Reduce::Last, Reduce::Min, Reduce::Max, Reduce::Avg, Reduce::Sum, Reduce::Increase] {
                prop_assert!(window.read(reduce, Side::Below, length_ms).is_none_or(|reading| reading.value.is_finite()));
            }
        }
    }
}
