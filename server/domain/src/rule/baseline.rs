//! What is usual for a series at an hour of the week.
//!
//! For each hour of the week (UTC; a switch to or from summer time shifts it by one) the means of the latest five weeks are kept: 168 · (5 · 4 + 4) =
//! 4,032 bytes a series and 0.1 KB besides, and at most [`SERIES`] series a host. Usual is their median; the scale is the
//! median absolute deviation, at least a hundredth of the median, so that a series that never moves does not alarm by a hair's breadth.
//! The current hour is compared and enters only when it is over. It is kept in snapshots: a server that lost them learns anew.

mod hours;

use hours::Hours;
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};

/// Baselines of one host, 270 KB at most: both directions of 32 interfaces under one rule. More rules or series than that, in order of the rules'
/// names, are not judged, which is said where the rules of a host are listed.
pub const SERIES: usize = 64;

/// Weeks without which nothing is said.
const WEEKS_NEEDED: usize = 3;

const HOUR_MS: i64 = 3_600_000;
const HOURS_OF_WEEK: i64 = hours::HOURS as i64;

/// The baseline of one series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Names the series and the rule.
    pub tag: u64,
    hours: Hours,
    hour: i64,
    sum: f64,
    count: u32,
    newest_at: Timestamp,
}

/// What is usual in one hour of the week.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Usual {
    /// Median of the hour's means.
    pub median: f64,
    /// One deviation: the median absolute one, and a hundredth of the median at least.
    pub deviation: f64,
}

impl Usual {
    /// How many deviations a value is from the median; `None` when that is no number.
    #[must_use]
    pub fn deviation(self, value: f64) -> Option<f64> {
        let deviation = (value - self.median) / self.deviation;
        deviation.is_finite().then_some(deviation)
    }
}

impl Baseline {
    /// Nothing known yet.
    #[must_use]
    pub fn new(tag: u64) -> Self {
        Self { tag, hours: Hours::default(), hour: i64::MIN, sum: 0.0, count: 0, newest_at: Timestamp(i64::MIN) }
    }

    /// Takes a value in; one that is not newer changes nothing.
    pub fn push(&mut self, at: Timestamp, value: f64) {
        if !value.is_finite() || at <= self.newest_at {
            return;
        }
        self.newest_at = at;
        let hour = at.0.div_euclid(HOUR_MS);
        if hour != self.hour {
            self.close_hour();
            (self.hour, self.sum, self.count) = (hour, 0.0, 0);
        }
        self.sum = (self.sum + value).clamp(f64::MIN, f64::MAX);
        self.count = self.count.saturating_add(1);
    }

    /// Deviations of a value from what is usual at the newest sample's hour; `None` while too little is known.
    #[must_use]
    pub fn deviation(&self, value: f64) -> Option<f64> {
        self.of_hour(self.hour)?.deviation(value)
    }

    /// What is usual in the hour of a moment; `None` while too little is known.
    #[must_use]
    pub fn usual(&self, at: Timestamp) -> Option<Usual> {
        self.of_hour(at.0.div_euclid(HOUR_MS))
    }

    fn of_hour(&self, hour: i64) -> Option<Usual> {
        let known = Some(self.hours.of(of_week(hour))).filter(|known| known.len() >= WEEKS_NEEDED)?;
        let median_value = median(known.iter().map(|&mean| f64::from(mean)).collect());
        let spread = median(known.iter().map(|&mean| (f64::from(mean) - median_value).abs()).collect());
        Some(Usual { median: median_value, deviation: spread.max(median_value.abs() / 100.0) })
    }

    fn close_hour(&mut self) {
        if self.count == 0 {
            return;
        }
        #[expect(clippy::cast_possible_truncation, reason = "seven digits are plenty for what is usual")]
        let mean = (self.sum / f64::from(self.count)) as f32;
        self.hours.push(of_week(self.hour), mean);
    }
}

fn of_week(hour: i64) -> usize {
    usize::try_from(hour.rem_euclid(HOURS_OF_WEEK)).unwrap_or(0)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WEEK_MS: i64 = HOURS_OF_WEEK * HOUR_MS;

    /// One value an hour at the same hour of successive weeks, and the deviation of the last.
    #[track_caller]
    fn check(weeks: &[f64], now: f64, expected: Option<f64>) {
        let mut baseline = Baseline::new(0);
        for (week, value) in (0..).zip(weeks) {
            baseline.push(Timestamp(week * WEEK_MS), *value);
            baseline.push(Timestamp(week * WEEK_MS + HOUR_MS), 1_000.0);
        }
        baseline.push(Timestamp(i64::try_from(weeks.len()).unwrap() * WEEK_MS), now);
        assert_eq!(baseline.deviation(now), expected);
    }

    #[test]
    fn a_value_is_compared_with_the_same_hour_of_earlier_weeks() {
        check(&[100.0, 110.0], 500.0, None);
        check(&[100.0, 110.0, 120.0], 110.0, Some(0.0));
        check(&[100.0, 110.0, 120.0], 150.0, Some(4.0));
        check(&[100.0, 110.0, 120.0], 70.0, Some(-4.0));
        check(&[900.0, 100.0, 110.0, 120.0, 110.0, 110.0], 121.0, Some(10.0));
    }

    #[test]
    fn a_series_that_never_moves_is_measured_by_a_hundredth() {
        check(&[50.0; 4], 52.0, Some(4.0));
        check(&[0.0; 4], 1.0, None);
    }

    proptest! {
        #[test]
        fn memory_is_bounded_and_answers_finite(samples in prop::collection::vec((any::<i64>(), any::<f64>()), 0..300)) {
            let mut baseline = Baseline::new(0);
            for (at, value) in samples {
                baseline.push(Timestamp(at), value);
                prop_assert!((0..hours::HOURS).all(|hour| baseline.hours.of(hour).len() <= hours::WEEKS));
                prop_assert!(baseline.deviation(value).is_none_or(f64::is_finite));
            }
        }
    }
}
