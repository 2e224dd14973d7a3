//! Windows of samples, reduced as they come.
//!
//! A window is at most [`BUCKETS`] buckets of equal width aligned to the epoch, each of 24 bytes whatever it is reduced to, so its
//! memory (less than 0.5 KB) does not depend on how often samples come. It never looks further back than its length, and by the width of
//! one bucket less at worst.
//!
//! Invariants: a value enters once and in order of time: repeated, earlier and non-finite ones change nothing; nothing in
//! here ever becomes infinite.

use super::Reduce;
use super::expression::Function;
use rollcall_shared::Timestamp;
use rollcall_shared::message::Side;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// Buckets of one window: the error at the far end is a twelfth of the window.
pub const BUCKETS: i64 = 12;

/// What a forecast says of a series that does not move towards its target, and the longest that it says at all: ten years, s.
pub const FOREVER_S: f64 = 10.0 * 365.25 * 86_400.0;

/// Windows up to this length (one default push interval) hold so few samples that they count as covered from the first.
const SHORT_MS: i64 = 60_000;

/// A window reduced to a value, and what may be concluded from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// The reduced value; finite.
    pub value: f64,
    /// Whether it may raise an alert.
    pub may_raise: bool,
    /// Whether it may clear an alert.
    pub may_clear: bool,
}

impl Reading {
    /// A single value, judged at once.
    #[must_use]
    pub fn newest(value: f64) -> Self {
        Self { value, may_raise: true, may_clear: true }
    }
}

/// What a window is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// What is made of it.
    pub function: Function,
    /// Its length.
    pub length_ms: i64,
}

/// A fitted line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// Time of a point on it: that of the newest sample.
    pub at: Timestamp,
    /// Its value there.
    pub value: f64,
    /// How it goes on, a second.
    pub per_second: f64,
}

impl Trend {
    /// When it meets a value; `None` when it does not within ten years from its point.
    #[must_use]
    pub fn reaches(self, target: f64) -> Option<Timestamp> {
        let seconds = self.seconds_to(target);
        (0.0..FOREVER_S).contains(&seconds).then(|| self.at.plus(Duration::from_secs_f64(seconds)))
    }

    /// Seconds from its point to where it meets a value; below zero when that is past, no number when it never does.
    fn seconds_to(self, target: f64) -> f64 {
        (target - self.value) / self.per_second
    }
}

/// `held` is what the reduction needs of the bucket: the smallest, the largest, the sum, or the growth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Bucket {
    number: i64,
    held: f64,
    count: u32,
    /// Mean time of its samples, ms from its begin.
    middle: f32,
}

/// The window of one series under one rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Names the series, the rule and the window's shape: a window is kept over changes that leave these alone.
    pub tag: u64,
    buckets: VecDeque<Bucket>,
    newest: f64,
    newest_at: Timestamp,
    /// Since when samples have come without a gap of half a window.
    since: Timestamp,
}

impl Window {
    /// An empty window.
    #[must_use]
    pub fn new(tag: u64) -> Self {
        Self { tag, buckets: VecDeque::new(), newest: 0.0, newest_at: Timestamp(0), since: Timestamp(0) }
    }

    /// Takes a value in.
    pub fn push(&mut self, at: Timestamp, value: f64, shape: Shape) {
        if !value.is_finite() || (!self.buckets.is_empty() && at <= self.newest_at) {
            return;
        }
        let length_ms = shape.length_ms;
        let begins = self.buckets.is_empty() || at.0.saturating_sub(self.newest_at.0) > length_ms / 2;
        if begins {
            self.since = at;
        }
        let entering = match shape.function {
            // A counter that went back started again; what it counted across a gap cannot be told from what it counted before.
            Function::Reduce(Reduce::Rate) if begins => 0.0,
            Function::Reduce(Reduce::Rate) if value < self.newest => value.max(0.0),
            Function::Reduce(Reduce::Rate) => value - self.newest,
            _ => value,
        };
        // Growth belongs to where it began, so that what the buckets hold began within them.
        let grew = matches!(shape.function, Function::Reduce(Reduce::Rate)) && !begins;
        let number = if grew { self.newest_at } else { at }.0.div_euclid(bucket_ms(length_ms));
        while self.buckets.front().is_some_and(|oldest| oldest.number <= number.saturating_sub(BUCKETS)) {
            self.buckets.pop_front();
        }
        #[expect(clippy::cast_precision_loss, reason = "milliseconds within a bucket")]
        let offset = at.0.wrapping_sub(number.wrapping_mul(bucket_ms(length_ms))) as f32;
        match self.buckets.back_mut().filter(|bucket| bucket.number == number) {
            Some(bucket) => bucket.add(entering, offset, shape.function),
            None => self.buckets.push_back(Bucket { number, held: entering.clamp(f64::MIN, f64::MAX), count: 1, middle: offset }),
        }
        (self.newest, self.newest_at) = (value, at);
    }

    /// The value as of the newest sample; `None` when there is none.
    #[must_use]
    pub fn read(&self, shape: Shape, side: Side) -> Option<Reading> {
        let Shape { function, length_ms } = shape;
        let held = || self.buckets.iter().map(|bucket| bucket.held);
        if self.buckets.is_empty() {
            return None;
        }
        let value = match function {
            Function::Reduce(Reduce::Last) | Function::Baseline => self.newest,
            Function::Reduce(Reduce::Min) => held().fold(f64::INFINITY, f64::min),
            Function::Reduce(Reduce::Max) => held().fold(f64::NEG_INFINITY, f64::max),
            Function::Reduce(Reduce::Avg) => held().sum::<f64>() / self.buckets.iter().map(|bucket| f64::from(bucket.count)).sum::<f64>(),
            Function::Reduce(Reduce::Sum) => held().sum(),
            Function::Reduce(Reduce::Increase) => self.newest - held().fold(f64::INFINITY, f64::min),
            Function::Reduce(Reduce::Rate) => held().sum::<f64>() / self.spanned_s(length_ms)?,
            Function::Forecast { target, side } => self.seconds_to(target, side, length_ms),
        };
        let covered = length_ms <= SHORT_MS || self.covered_ms(length_ms) >= length_ms / 2;
        let (raise_at_once, clear_at_once) = one_sample_suffices(function, side);
        let value = value.clamp(f64::MIN, f64::MAX);
        if value.is_nan() {
            return None;
        }
        Some(Reading { value, may_raise: covered || raise_at_once, may_clear: covered || clear_at_once })
    }

    /// Whether samples have come for half the window without a gap of half a window.
    #[must_use]
    pub fn is_covered(&self, length_ms: i64) -> bool {
        length_ms <= SHORT_MS || self.covered_ms(length_ms) >= length_ms / 2
    }

    /// Forgets all samples: the clock they were dated by was wrong.
    pub fn clear(&mut self) {
        self.buckets.clear();
    }

    fn covered_ms(&self, length_ms: i64) -> i64 {
        let begin = self.newest_at.0.saturating_sub(length_ms);
        self.newest_at.0.saturating_sub(self.since.0.max(begin))
    }

    /// Seconds over which the buckets' growth happened; `None` for a single moment.
    fn spanned_s(&self, length_ms: i64) -> Option<f64> {
        let oldest = self.buckets.front()?.number.saturating_mul(bucket_ms(length_ms));
        let ms = self.newest_at.0.saturating_sub(self.since.0.max(oldest));
        if ms > 0 { Some(float(ms) / 1_000.0) } else { None }
    }

    /// The smallest value, for windows that remember that.
    pub fn smallest(&self) -> Option<f64> {
        self.buckets.iter().map(|bucket| bucket.held).reduce(f64::min).filter(|value| value.is_finite())
    }

    /// The least squares line through the buckets' means, weighted by their samples, for windows of a forecast; `None` while there is none.
    pub fn trend(&self, length_ms: i64) -> Option<Trend> {
        let points = || {
            self.buckets.iter().map(|bucket| {
                let begin = bucket.number.saturating_mul(bucket_ms(length_ms)).saturating_sub(self.newest_at.0);
                let weight = f64::from(bucket.count);
                (weight, (float(begin) + f64::from(bucket.middle)) / 1_000.0, bucket.held / weight)
            })
        };
        let weight: f64 = points().map(|(weight, ..)| weight).sum();
        let mean_at = points().map(|(weight, at, _)| weight * at).sum::<f64>() / weight;
        let mean = points().map(|(weight, _, value)| weight * value).sum::<f64>() / weight;
        let spread: f64 = points().map(|(weight, at, _)| weight * (at - mean_at).powi(2)).sum();
        let per_second = points().map(|(weight, at, value)| weight * (at - mean_at) * (value - mean)).sum::<f64>() / spread;
        let value = mean - per_second * mean_at;
        (value.is_finite() && per_second.is_finite()).then_some(Trend { at: self.newest_at, value, per_second })
    }

    /// Where the line meets the target.
    fn seconds_to(&self, target: f64, side: Side, length_ms: i64) -> f64 {
        if side.is_bad(self.newest, target) || self.newest.total_cmp(&target).is_eq() {
            return 0.0;
        }
        let towards = |trend: &Trend| match side {
            Side::Above => trend.per_second > 0.0,
            Side::Below => trend.per_second < 0.0,
        };
        let seconds = self.trend(length_ms).filter(towards).map_or(FOREVER_S, |trend| trend.seconds_to(target));
        if seconds.is_finite() { seconds.clamp(0.0, FOREVER_S) } else { FOREVER_S }
    }
}

impl Bucket {
    fn add(&mut self, value: f64, offset: f32, function: Function) {
        self.count = self.count.saturating_add(1);
        #[expect(clippy::cast_precision_loss, reason = "a share of a mean")]
        let share = self.count as f32;
        self.middle += (offset - self.middle) / share;
        self.held = match function {
            Function::Reduce(Reduce::Min | Reduce::Increase) => self.held.min(value),
            Function::Reduce(Reduce::Max) => self.held.max(value),
            Function::Reduce(Reduce::Last) | Function::Baseline => value,
            Function::Reduce(Reduce::Avg | Reduce::Sum | Reduce::Rate) | Function::Forecast { .. } => {
                (self.held + value).clamp(f64::MIN, f64::MAX)
            }
        };
    }
}

fn bucket_ms(length_ms: i64) -> i64 {
    (length_ms / BUCKETS).max(1)
}

#[expect(clippy::cast_precision_loss, reason = "spans of a month in milliseconds are exact; absurd ones may be rounded")]
fn float(ms: i64) -> f64 {
    ms as f64
}

/// Whether one sample is enough to raise, and to clear. Where it is not, samples must have come for half the window without a
/// gap of half a window: an average over ten minutes says nothing after ten seconds. A sum and an increase can only grow
/// as more of the window is known; an increase may clear at once because a series that is back at its minimum has recovered.
fn one_sample_suffices(function: Function, side: Side) -> (bool, bool) {
    let Function::Reduce(reduce) = function else {
        return (matches!(function, Function::Baseline), matches!(function, Function::Baseline));
    };
    match (reduce, side) {
        (Reduce::Last, _) | (Reduce::Increase, Side::Above) => (true, true),
        (Reduce::Avg | Reduce::Rate, _) => (false, false),
        (Reduce::Max | Reduce::Sum, Side::Above) | (Reduce::Min, Side::Below) => (true, false),
        (Reduce::Max | Reduce::Sum | Reduce::Increase, Side::Below) | (Reduce::Min, Side::Above) => (false, true),
    }
}

#[cfg(test)]
mod tests;
