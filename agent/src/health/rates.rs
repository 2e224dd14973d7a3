//! Counters against the reading before.
//!
//! Time is the monotonic clock, which stands still while the machine is suspended. So do the counters: processor ticks, busy time,
//! bytes. A rate over a night's suspend is therefore the rate of the seconds that the machine was awake, neither a spike nor a zero;
//! a paused virtual machine whose clock went on has a rate that is too low for one reading, never one that is too high.
//!
//! Invariants: a counter that went backwards gives no value, nor does any other counter of the same device in that reading, since
//! the device is a new one under an old name; a series that is gone stays in the table, without a value, for [`LINGER`].

use super::Measurement;
use super::series::{Count, Figure, Raw, float};
use rollcall_shared::sample::Series;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::iter::Peekable;
use std::time::Duration;

/// A new table is uploaded whenever the set of series changes; services that come and go, and USB disks, would change it all day.
pub(super) const LINGER: Duration = Duration::from_hours(1);

/// The readings of some sources, always taken together.
#[derive(Debug, Default)]
pub(super) struct Rates {
    at: Option<Duration>,
    /// Sorted by series.
    known: Vec<Known>,
    /// In the order of `known`.
    values: Vec<Option<f64>>,
}

#[derive(Debug)]
struct Known {
    series: Series,
    unit: &'static str,
    /// None for gauges, and for what the latest reading did not have.
    count: Option<Count>,
    seen: Duration,
}

impl Rates {
    /// Takes a reading. Afterwards at most `room` series are known.
    pub(super) fn take(&mut self, now: Duration, mut raw: Vec<Raw>, room: usize) {
        raw.sort_unstable_by(|a, b| a.series.cmp(&b.series));
        raw.dedup_by(|later, earlier| later.series == earlier.series);
        raw.truncate(room);
        let elapsed = self.at.and_then(|at| now.checked_sub(at)).unwrap_or_default();
        let spare = room - raw.len();
        let pairs = paired(raw, std::mem::take(&mut self.known));
        let replaced = replaced_devices(&pairs);
        let gone_since = spare_for_gone(&pairs, now, spare);
        self.values.clear();
        for pair in pairs {
            let (known, value) = match pair {
                Pair::Gone(known) if known.seen < gone_since => continue,
                Pair::Gone(known) => (Known { count: None, ..known }, None),
                Pair::Present(raw, before) => {
                    let is_replaced = raw.series.attributes.first().is_some_and(|device| replaced.contains(device));
                    let (count, value) = match raw.figure {
                        Figure::Gauge(value) => (None, value),
                        Figure::Counter(count) => (Some(count), before.and_then(|before| grown(before, count, elapsed))),
                    };
                    (Known { series: raw.series, unit: raw.unit, count, seen: now }, value.filter(|_| !is_replaced || count.is_none()))
                }
            };
            self.known.push(known);
            self.values.push(value.filter(|value| value.is_finite()));
        }
        self.at = Some(now);
    }

    /// Whether anything needs a reading before.
    #[cfg(any(linux, test))]
    pub(super) fn has_counters(&self) -> bool {
        self.known.iter().any(|known| known.count.is_some())
    }

    /// What the latest reading said.
    pub(super) fn measurements(&self) -> impl Iterator<Item = Measurement> {
        self.known.iter().zip(&self.values).map(|(known, &value)| known.measured(value))
    }

    /// The same said again: growth has been told once and would be counted twice.
    #[cfg(any(linux, test))]
    pub(super) fn repeated(&self) -> impl Iterator<Item = Measurement> {
        let is_growth = |known: &Known| matches!(known.count, Some(Count::Growth { .. }));
        self.known.iter().zip(&self.values).map(move |(known, &value)| known.measured(value.filter(|_| !is_growth(known))))
    }

    /// The same series without values: what was read is too old.
    #[cfg(any(linux, test))]
    pub(super) fn outdated(&self) -> impl Iterator<Item = Measurement> {
        self.known.iter().map(|known| known.measured(None))
    }
}

impl Known {
    fn measured(&self, value: Option<f64>) -> Measurement {
        Measurement { series: self.series.clone(), value, unit: self.unit }
    }
}

/// A series of both readings or the later one, or of the earlier one only.
enum Pair {
    Present(Raw, Option<Count>),
    Gone(Known),
}

/// Both are sorted by series, and so is the result.
fn paired(raw: Vec<Raw>, known: Vec<Known>) -> Vec<Pair> {
    let mut pairs = Vec::with_capacity(raw.len().max(known.len()));
    let mut known: Peekable<_> = known.into_iter().peekable();
    for raw in raw {
        while let Some(gone) = known.next_if(|known| known.series < raw.series) {
            pairs.push(Pair::Gone(gone));
        }
        let before = known.next_if(|known| known.series.cmp(&raw.series) == Ordering::Equal).and_then(|known| known.count);
        pairs.push(Pair::Present(raw, before));
    }
    pairs.extend(known.map(Pair::Gone));
    pairs
}

/// The first attribute of every series whose counter went backwards: the device, unit or group that it belongs to.
fn replaced_devices(pairs: &[Pair]) -> BTreeSet<(String, String)> {
    let went_back = |pair: &Pair| match pair {
        Pair::Present(Raw { series, figure: Figure::Counter(count), .. }, Some(before)) if went_backwards(*before, *count) => {
            series.attributes.first().cloned()
        }
        _ => None,
    };
    pairs.iter().filter_map(went_back).collect()
}

/// The moment since when a series that is gone must have been seen to be kept: as many of the latest as there is room for.
fn spare_for_gone(pairs: &[Pair], now: Duration, spare: usize) -> Duration {
    let linger = now.saturating_sub(LINGER);
    let mut seen: Vec<Duration> = pairs
        .iter()
        .filter_map(|pair| if let Pair::Gone(known) = pair { Some(known.seen) } else { None })
        .filter(|&seen| seen >= linger)
        .collect();
    if seen.len() <= spare {
        return linger;
    }
    seen.sort_unstable();
    // Those seen at one moment stay or go together.
    seen[seen.len() - spare - 1].saturating_add(Duration::from_nanos(1))
}

fn went_backwards(before: Count, now: Count) -> bool {
    match (before, now) {
        (Count::Rate { counter: earlier, .. }, Count::Rate { counter, .. })
        | (Count::Busy { counter: earlier, .. }, Count::Busy { counter, .. })
        | (Count::Growth { counter: earlier }, Count::Growth { counter }) => counter < earlier,
        (Count::Share { part: earlier, whole: earlier_whole }, Count::Share { part: now, whole })
        | (Count::Average { sum: earlier, count: earlier_whole, .. }, Count::Average { sum: now, count: whole, .. }) => {
            now < earlier || whole < earlier_whole
        }
        _ => true,
    }
}

/// What a counter's growth means; none when it went backwards or no time has passed.
fn grown(before: Count, now: Count, elapsed: Duration) -> Option<f64> {
    let seconds = elapsed.as_secs_f64();
    let a_second = |earlier: u64, later: u64, factor: f64| {
        let growth = float(later.checked_sub(earlier)?) * factor;
        (seconds > 0.0).then(|| growth / seconds)
    };
    match (before, now) {
        (Count::Rate { counter: earlier, .. }, Count::Rate { counter, factor }) => a_second(earlier, counter, factor),
        (Count::Busy { counter: earlier, .. }, Count::Busy { counter, factor }) => Some(a_second(earlier, counter, factor)?.min(1.0)),
        (Count::Growth { counter: earlier }, Count::Growth { counter }) => counter.checked_sub(earlier).map(float),
        (Count::Share { part: earlier, whole: earlier_whole }, Count::Share { part, whole }) => {
            let (part, whole) = (part.checked_sub(earlier)?, whole.checked_sub(earlier_whole)?);
            (whole > 0).then(|| (float(part) / float(whole)).min(1.0))
        }
        (Count::Average { sum: earlier, count: earlier_count, .. }, Count::Average { sum, count, factor }) => {
            let (sum, count) = (sum.checked_sub(earlier)?, count.checked_sub(earlier_count)?);
            (count > 0).then(|| float(sum) * factor / float(count))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
