//! The fold of samples into rows.
//!
//! What a collector tells again of one moment of a series counts once.
//!
//! Invariants: a bucket without a value has no row (a gap is never a zero); rows do not depend on the order in which samples arrived;
//! merging a row that is known changes nothing, so that work which a crash cut short is simply done again.

use super::pause::{PAUSE, pauses};
use crate::Content;
use crate::trust::collector;
use rollcall_shared::sample::SampleSet;
use rollcall_shared::{ContentHash, Section, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What tells the series of one metric apart, in order of the names.
pub type Attributes = Vec<(String, String)>;

/// The rows of a metric's series, oldest first.
pub type Tracks = BTreeMap<Attributes, Vec<Row>>;

/// The rows of an agent, by metric.
pub type Rolled = BTreeMap<String, Tracks>;

/// How long a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Grain {
    /// Five minutes.
    #[serde(rename = "5m")]
    FiveMinutes,
    /// An hour.
    #[serde(rename = "1h")]
    Hour,
}

impl Grain {
    /// Both, the finer one first.
    pub const ALL: [Self; 2] = [Self::FiveMinutes, Self::Hour];

    /// Length of a row, ms.
    #[must_use]
    pub fn step_ms(self) -> i64 {
        match self {
            Self::FiveMinutes => 300_000,
            Self::Hour => 3_600_000,
        }
    }

    /// As people write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FiveMinutes => "5m",
            Self::Hour => "1h",
        }
    }

    /// Begin of the row that a moment belongs to.
    #[must_use]
    pub fn begin(self, at: Timestamp) -> Timestamp {
        Timestamp(at.0.div_euclid(self.step_ms()).saturating_mul(self.step_ms()))
    }
}

/// What the values of one series in one bucket come to. All numbers are finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Begin of the bucket.
    pub at: Timestamp,
    /// How many values; at least one.
    pub count: u32,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Of all, clamped to the finite numbers.
    pub sum: f64,
    /// Newest.
    pub last: f64,
}

impl Row {
    /// Of one value.
    #[must_use]
    pub fn of(at: Timestamp, value: f64) -> Self {
        Self { at, count: 1, min: value, max: value, sum: value, last: value }
    }

    /// The mean, never beyond the extremes.
    #[must_use]
    pub fn avg(&self) -> f64 {
        (self.sum / f64::from(self.count)).clamp(self.min, self.max)
    }

    /// Takes in what came later.
    pub fn absorb(&mut self, later: &Self) {
        self.count = self.count.saturating_add(later.count);
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.sum = (self.sum + later.sum).clamp(f64::MIN, f64::MAX);
        self.last = later.last;
    }
}

/// Folds sample sets in order of time into rows; of metrics that `wanted` names, [`PAUSE`] among them for a collector. Values that are not
/// finite are gaps. Samples whose table is not stored mean nothing to anybody and are passed over.
#[must_use]
pub fn fold(sets: &[SampleSet], grain: Grain, wanted: &dyn Fn(&str) -> bool, content: &dyn Content) -> Rolled {
    let mut rolled = fold_by(sets, &|at| Some(grain.begin(at)), wanted, content);
    let pauses = if wanted(PAUSE) { pauses(sets, grain, content) } else { Tracks::new() };
    // The name is nobody else's.
    rolled.remove(PAUSE);
    if !pauses.is_empty() {
        rolled.insert(PAUSE.to_owned(), pauses);
    }
    rolled
}

/// As [`fold`], with a row for each sample, though several may be of one moment.
#[must_use]
pub fn points(sets: &[SampleSet], wanted: &dyn Fn(&str) -> bool, content: &dyn Content) -> Rolled {
    fold_by(sets, &|_| None, wanted, content)
}

fn fold_by(
    sets: &[SampleSet],
    bucket: &dyn Fn(Timestamp) -> Option<Timestamp>,
    wanted: &dyn Fn(&str) -> bool,
    content: &dyn Content,
) -> Rolled {
    let mut rolled = Rolled::new();
    let mut tables: BTreeMap<ContentHash, Option<Arc<Section>>> = BTreeMap::new();
    for run in sets.chunk_by(|a, b| a.table == b.table) {
        let Some(first) = run.first() else { continue };
        let table = tables.entry(first.table).or_insert_with(|| content.section(&first.table));
        let Some(Section::Series(series)) = table.as_deref() else { continue };
        for (column, one) in series.iter().enumerate().filter(|(_, one)| wanted(&one.metric)) {
            let told_again = collector::is_of_collector(&one.attributes);
            let rows = fold_column(run, column, if told_again { &|_| None } else { bucket });
            if rows.is_empty() {
                continue;
            }
            let tracks = rolled.entry(one.metric.clone()).or_default();
            let known = tracks.entry(one.attributes.clone()).or_default();
            match rows.first().and_then(|row| bucket(row.at)).filter(|_| !told_again) {
                Some(_) => extend(known, rows),
                None => known.extend(rows),
            }
        }
    }
    for (attributes, rows) in rolled.values_mut().flatten() {
        if collector::is_of_collector(attributes) {
            *rows = once(std::mem::take(rows), bucket);
        }
    }
    rolled
}

/// A collector that heard no answer tells again what it told: of several values of one moment the last counts.
fn once(mut told: Vec<Row>, bucket: &dyn Fn(Timestamp) -> Option<Timestamp>) -> Vec<Row> {
    told.sort_by_key(|row| row.at);
    let mut rows = Vec::with_capacity(told.len());
    for moment in told.chunk_by(|a, b| a.at == b.at) {
        let Some(&last) = moment.last() else { continue };
        match bucket(last.at) {
            Some(begin) => push(&mut rows, Row { at: begin, ..last }),
            None => rows.push(last),
        }
    }
    rows
}

fn fold_column(run: &[SampleSet], column: usize, bucket: &dyn Fn(Timestamp) -> Option<Timestamp>) -> Vec<Row> {
    let mut rows = Vec::new();
    for set in run {
        let Some(value) = set.values.get(column).copied().flatten().filter(|value| value.is_finite()) else { continue };
        match bucket(set.at) {
            Some(begin) => push(&mut rows, Row::of(begin, value)),
            None => rows.push(Row::of(set.at, value)),
        }
    }
    rows
}

fn extend(rows: &mut Vec<Row>, later: Vec<Row>) {
    later.into_iter().for_each(|row| push(rows, row));
}

fn push(rows: &mut Vec<Row>, row: Row) {
    match rows.last_mut().filter(|newest| newest.at == row.at) {
        Some(newest) => newest.absorb(&row),
        None => rows.push(row),
    }
}

/// Takes rows that were made anew into those that are known. Of two rows of one bucket the one that knows more values counts, the new
/// one when both know as many: samples that come late make a row richer, and what is left of a bucket whose samples are forgotten
/// for the most part does not make it poorer.
pub fn merge(known: &mut Tracks, fresh: Tracks) {
    for (attributes, rows) in fresh {
        let track = known.entry(attributes).or_default();
        let after = track.last().is_none_or(|newest| rows.first().is_some_and(|first| first.at > newest.at));
        if after {
            track.extend(rows);
            continue;
        }
        let mut by_begin: BTreeMap<Timestamp, Row> = track.drain(..).map(|row| (row.at, row)).collect();
        for row in rows {
            if by_begin.get(&row.at).is_none_or(|known| row.count >= known.count) {
                by_begin.insert(row.at, row);
            }
        }
        track.extend(by_begin.into_values());
    }
}

#[cfg(test)]
mod tests;
