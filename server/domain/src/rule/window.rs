//! Windows of samples, reduced as they come.
//!
//! A window is at most [`BUCKETS`] buckets of equal width aligned to the epoch, so its memory does not depend on how often
//! samples come. It never looks further back than its length, and by the width of one bucket less at worst.
//!
//! Invariants: a value enters once and in order of time: repeated, earlier and non-finite ones change nothing; nothing in
//! here ever becomes infinite.

use super::Reduce;
use rollcall_shared::Timestamp;
use rollcall_shared::message::Side;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Buckets of one window: the error at the far end is a twelfth of the window.
pub const BUCKETS: i64 = 12;

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

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Bucket {
    number: i64,
    count: u32,
    min: f64,
    max: f64,
    sum: f64,
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
    pub fn push(&mut self, at: Timestamp, value: f64, length_ms: i64) {
        if !value.is_finite() || (!self.buckets.is_empty() && at <= self.newest_at) {
            return;
        }
        if self.buckets.is_empty() || at.0.saturating_sub(self.newest_at.0) > length_ms / 2 {
            self.since = at;
        }
        let number = at.0.div_euclid(bucket_ms(length_ms));
        while self.buckets.front().is_some_and(|oldest| oldest.number <= number.saturating_sub(BUCKETS)) {
            self.buckets.pop_front();
        }
        match self.buckets.back_mut().filter(|bucket| bucket.number == number) {
            Some(bucket) => bucket.add(value),
            None => self.buckets.push_back(Bucket { number, count: 1, min: value, max: value, sum: value }),
        }
        (self.newest, self.newest_at) = (value, at);
    }

    /// The value as of the newest sample; `None` when there is none.
    #[must_use]
    pub fn read(&self, reduce: Reduce, side: Side, length_ms: i64) -> Option<Reading> {
        let min = || self.buckets.iter().fold(f64::INFINITY, |least, bucket| least.min(bucket.min));
        let sum = || self.buckets.iter().map(|bucket| bucket.sum).sum::<f64>();
        if self.buckets.is_empty() {
            return None;
        }
        let value = match reduce {
            Reduce::Last => self.newest,
            Reduce::Min => min(),
            Reduce::Max => self.buckets.iter().fold(f64::NEG_INFINITY, |most, bucket| most.max(bucket.max)),
            Reduce::Avg => sum() / self.buckets.iter().map(|bucket| f64::from(bucket.count)).sum::<f64>(),
            Reduce::Sum => sum(),
            Reduce::Increase => self.newest - min(),
        };
        let covered = length_ms <= SHORT_MS || self.covered_ms(length_ms) >= length_ms / 2;
        let (raise_at_once, clear_at_once) = one_sample_suffices(reduce, side);
        let value = value.clamp(f64::MIN, f64::MAX);
        Some(Reading { value, may_raise: covered || raise_at_once, may_clear: covered || clear_at_once })
    }

    /// Forgets all samples: the clock they were dated by was wrong.
    pub fn clear(&mut self) {
        self.buckets.clear();
    }

    fn covered_ms(&self, length_ms: i64) -> i64 {
        let begin = self.newest_at.0.saturating_sub(length_ms);
        self.newest_at.0.saturating_sub(self.since.0.max(begin))
    }
}

impl Bucket {
    fn add(&mut self, value: f64) {
        self.count = self.count.saturating_add(1);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum = (self.sum + value).clamp(f64::MIN, f64::MAX);
    }
}

fn bucket_ms(length_ms: i64) -> i64 {
    (length_ms / BUCKETS).max(1)
}

/// Whether one sample is enough to raise, and to clear. Where it is not, samples must have come for half the window without a
/// gap of half a window: an average over ten minutes says nothing after ten seconds. A sum and an increase can only grow
/// as more of the window is known; an increase may clear at once because a series that is back at its minimum has recovered.
fn one_sample_suffices(reduce: Reduce, side: Side) -> (bool, bool) {
    match (reduce, side) {
        (Reduce::Last, _) | (Reduce::Increase, Side::Above) => (true, true),
        (Reduce::Avg, _) => (false, false),
        (Reduce::Max | Reduce::Sum, Side::Above) | (Reduce::Min, Side::Below) => (true, false),
        (Reduce::Max | Reduce::Sum | Reduce::Increase, Side::Below) | (Reduce::Min, Side::Above) => (false, true),
    }
}

#[cfg(test)]
mod tests;
