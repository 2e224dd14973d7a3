//! From single values to a table of series and sample sets.
//!
//! A collector's table has every series that it ever brought, in their order, and stays as it is from push to push although each push may
//! bring other parts of it; so hosts that are alike share one table, and rules keep what they remember. It grows by new series and loses
//! those without a value when it is full.

use super::{Point, Refusal};
use rollcall_shared::sample::Series;
use rollcall_shared::{Timestamp, limits};
use std::collections::{BTreeMap, BTreeSet};

/// Moments closer than this are one: a collector reads processors, disks and adapters one after the other and means one moment.
const ONE_MOMENT_MS: i64 = 1_000;

/// The table that a collector has, and its newest values.
#[derive(Clone, Copy, Debug)]
pub struct Base<'a> {
    /// In their order.
    pub series: &'a [Series],
    /// In the same order.
    pub latest: &'a [Option<f64>],
}

/// Whether a table may grow now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// It may.
    Free,
    /// It grew too often of late: every new table is kept for as long as its samples.
    Held,
}

/// The table that the sets are of.
#[derive(Clone, Debug, PartialEq)]
pub enum Table {
    /// The one that the collector has.
    Known,
    /// Another one.
    New(Vec<Series>),
}

/// What became of some values.
#[derive(Clone, Debug, PartialEq)]
pub struct Composed {
    /// The table.
    pub table: Table,
    /// Values by moment, oldest first, in the table's order. Of several of one series and moment the last told is there.
    pub sets: Vec<(Timestamp, Vec<Option<f64>>)>,
    /// Series that have ended, by their places in the table, oldest first.
    pub ended: Vec<(Timestamp, Vec<u32>)>,
    /// Values in sets.
    pub taken: u64,
    /// Values that are not, for another reason than a later word of the same moment.
    pub refused: BTreeMap<Refusal, u64>,
}

/// Makes sets of a collector's values. `room` is how many values, given or not, sets may still have; what is used is taken from it.
#[must_use]
pub fn compose(base: Option<Base<'_>>, growth: Growth, points: Vec<Point>, room: &mut usize) -> Composed {
    let table = table(base, growth, &points);
    let series: &[Series] = match (&table, base) {
        (Table::New(series), _) => series,
        (Table::Known, Some(base)) => base.series,
        (Table::Known, None) => &[],
    };
    let mut composed = Composed { table: Table::Known, sets: Vec::new(), ended: Vec::new(), taken: 0, refused: BTreeMap::new() };
    let mut moment = Moment::default();
    for (at, place, value) in in_order(series, points) {
        let Some(value) = value else {
            composed.end(place, at);
            continue;
        };
        let Some(place) = place else {
            let refusal = if growth == Growth::Held { Refusal::NewSeries } else { Refusal::TooManySeries };
            *composed.refused.entry(refusal).or_default() += 1;
            continue;
        };
        if !moment.fits(place, at) {
            if *room < series.len() {
                *composed.refused.entry(Refusal::TooMuch).or_default() += 1;
                continue;
            }
            *room -= series.len();
            composed.sets.extend(std::mem::replace(&mut moment, Moment::new(at, series.len())).into_set());
        }
        moment.take(place, at, value);
        composed.taken += 1;
    }
    composed.sets.extend(moment.into_set());
    composed.table = table;
    composed
}

impl Composed {
    /// A series has ended; one that never was does not matter.
    fn end(&mut self, place: Option<usize>, at: Timestamp) {
        let Some(place) = place.and_then(|place| u32::try_from(place).ok()) else { return };
        match self.ended.last_mut().filter(|(last, _)| *last == at) {
            Some((_, places)) => places.push(place),
            None => self.ended.push((at, vec![place])),
        }
    }
}

/// Values by moment and place in the table, each once: of several of one moment the last told counts, as it does where they are stored.
fn in_order(series: &[Series], points: Vec<Point>) -> Vec<(Timestamp, Option<usize>, Option<f64>)> {
    let place = |point: &Point| series.binary_search(&point.series).ok();
    let mut told: Vec<_> = points.into_iter().map(|point| (point.at, place(&point), point.value)).collect();
    told.sort_by_key(|&(at, place, _)| (at, place));
    told.dedup_by(|later, earlier| {
        let is_again = later.0 == earlier.0 && later.1.is_some() && later.1 == earlier.1 && later.2.is_some() && earlier.2.is_some();
        if is_again {
            earlier.2 = later.2;
        }
        is_again
    });
    told
}

fn table(base: Option<Base<'_>>, growth: Growth, points: &[Point]) -> Table {
    let known = base.map_or(&[][..], |base| base.series);
    let named: BTreeSet<&Series> = points.iter().filter(|point| point.value.is_some()).map(|point| &point.series).collect();
    let fresh: Vec<&Series> = named.iter().copied().filter(|series| known.binary_search(series).is_err()).collect();
    if fresh.is_empty() || growth == Growth::Held {
        return Table::Known;
    }
    let mut kept: BTreeSet<&Series> = known.iter().collect();
    if kept.len() + fresh.len() > limits::SERIES {
        let lives = |(place, series): (usize, &Series)| {
            let has_value = base.is_some_and(|base| base.latest.get(place).is_some_and(Option::is_some));
            has_value || named.contains(series)
        };
        kept = known.iter().enumerate().filter(|(place, series)| lives((*place, series))).map(|(_, series)| series).collect();
    }
    let room = limits::SERIES.saturating_sub(kept.len());
    kept.extend(fresh.into_iter().take(room));
    if kept.iter().copied().eq(known) { Table::Known } else { Table::New(kept.into_iter().cloned().collect()) }
}

/// Values that count as of one moment.
#[derive(Default)]
struct Moment {
    begin: Timestamp,
    end: Timestamp,
    values: Vec<Option<f64>>,
}

impl Moment {
    fn new(at: Timestamp, series: usize) -> Self {
        Self { begin: at, end: at, values: vec![None; series] }
    }

    /// Whether nothing was said of the series yet, and the moment is the same.
    fn fits(&self, place: usize, at: Timestamp) -> bool {
        self.values.get(place).is_some_and(Option::is_none) && at.0.saturating_sub(self.begin.0) < ONE_MOMENT_MS
    }

    fn take(&mut self, place: usize, at: Timestamp, value: f64) {
        self.values[place] = Some(value);
        self.end = self.end.max(at);
    }

    fn into_set(self) -> Option<(Timestamp, Vec<Option<f64>>)> {
        self.values.iter().any(Option::is_some).then_some((self.end, self.values))
    }
}
