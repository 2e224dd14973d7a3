use super::*;
use proptest::prelude::*;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

#[track_caller]
fn check(reduce: Reduce, length_ms: i64, samples: &[(i64, f64)], expected: Option<(f64, bool, bool)>) {
    let mut window = Window::new(0);
    let shape = Shape { function: Function::Reduce(reduce), length_ms };
    for &(at_s, value) in samples {
        window.push(Timestamp(at_s * SECOND), value, shape);
    }
    let found = window.read(shape, Side::Above).map(|reading| (reading.value, reading.may_raise, reading.may_clear));
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

#[test]
fn a_rate_is_growth_a_second_and_survives_a_restart_of_the_counter() {
    let steady: Vec<(i64, f64)> = (0..=60).map(|n| (n * 10, f64::from(u32::try_from(n).unwrap()) * 50.0)).collect();
    check(Reduce::Rate, 10 * MINUTE, &steady, Some((5.0, true, true)));
    let restarted: Vec<(i64, f64)> = steady.iter().map(|&(at, value)| (at, if at >= 300 { value - 1_500.0 } else { value })).collect();
    check(Reduce::Rate, 10 * MINUTE, &restarted, Some((4.916_666_666_666_667, true, true)));
    check(Reduce::Rate, 10 * MINUTE, &[(0, 7.0)], None);
}

#[track_caller]
fn check_forecast(value: impl Fn(f64) -> f64, target: f64, side: Side, expected_hours: f64) {
    let mut window = Window::new(0);
    let shape = Shape { function: Function::Forecast { target, side }, length_ms: 6 * 60 * MINUTE };
    for n in 0..=2_160_u32 {
        window.push(Timestamp(i64::from(n) * 10 * SECOND), value(f64::from(n) / 360.0), shape);
    }
    let reading = window.read(shape, Side::Below).unwrap();
    assert!((reading.value / 3_600.0 - expected_hours).abs() < 1e-3, "{} h", reading.value / 3_600.0);
    assert!(reading.may_raise && reading.may_clear);
}

#[test]
fn a_forecast_follows_the_line_through_the_window() {
    check_forecast(|hours| 0.5 + 0.05 * hours, 1.0, Side::Above, 4.0);
    check_forecast(|hours| 100.0 - 10.0 * hours, 0.0, Side::Below, 4.0);
    check_forecast(|hours| 0.5 - 0.05 * hours, 1.0, Side::Above, FOREVER_S / 3_600.0);
    check_forecast(|_| 0.5, 1.0, Side::Above, FOREVER_S / 3_600.0);
    check_forecast(|_| 1.0, 1.0, Side::Above, 0.0);
}

proptest! {
    #[test]
    fn a_window_is_bounded_finite_and_survives_every_order(
        samples in prop::collection::vec((any::<i64>(), any::<f64>()), 0..200), length_ms in 1_i64..2_592_000_000,
    ) {
        let reduces = [Reduce::Last, Reduce::Min, Reduce::Max, Reduce::Avg, Reduce::Sum, Reduce::Increase, Reduce::Rate];
        let functions = reduces.map(Function::Reduce).into_iter().chain([Function::Forecast { target: 1.0, side: Side::Above }]);
        for function in functions {
            let shape = Shape { function, length_ms };
            let mut window = Window::new(0);
            for &(at, value) in &samples {
                window.push(Timestamp(at), value, shape);
                prop_assert!(window.buckets.len() <= 12);
                prop_assert!(window.read(shape, Side::Below).is_none_or(|reading| reading.value.is_finite()));
            }
        }
    }
}

#[test]
fn a_window_takes_half_a_kilobyte_at_most() {
    let buckets = usize::try_from(BUCKETS).expect("a dozen").next_power_of_two();
    assert!(size_of::<Window>() + buckets * size_of::<Bucket>() <= 512);
}
