//! Health: what can be measured without privileges, under the names of OpenTelemetry's semantic conventions.
//!
//! Sources give gauges and counters; counters become rates against the reading before, on the monotonic clock. Invariants: a counter
//! that went backwards yields no value, never a negative or a spike; unknown is none, never zero; values are finite; utilisations are
//! ratios from 0 to 1; a series that a machine has is in every reading, with or without a value, so that the table stays the same.
//! It must never wait for another machine: remote file systems are not asked.

use crate::clock::Reading;
use crate::root::Root;
use rollcall_shared::limits;
use rollcall_shared::sample::Series;
use std::collections::BTreeMap;
use std::time::Duration;

#[cfg(target_os = "linux")]
mod clock;
#[cfg(target_os = "linux")]
mod cpu;
#[cfg(target_os = "linux")]
mod disks;
#[cfg(target_os = "linux")]
mod filesystems;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod network;
#[cfg(target_os = "linux")]
mod pressure;
#[cfg(target_os = "linux")]
mod resources;
#[cfg(target_os = "linux")]
mod services;
mod temperatures;

#[cfg(any(not(target_os = "linux"), test))]
mod elsewhere;

/// One value, or that there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// What is measured.
    pub series: Series,
    /// Finite; none where nothing could be measured.
    pub value: Option<f64>,
    /// Unit in UCUM notation, as OpenTelemetry uses it.
    pub unit: &'static str,
}

/// Takes readings and remembers the counters of the one before.
#[derive(Debug)]
pub struct Sampler {
    root: Root,
    before: Option<Before>,
    temperatures: temperatures::Temperatures,
    #[cfg(not(target_os = "linux"))]
    machine: elsewhere::Machine,
}

#[derive(Debug)]
struct Before {
    at: Duration,
    counters: BTreeMap<Series, Count>,
}

/// What a source read, before it is compared with the reading before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Raw {
    series: Series,
    unit: &'static str,
    figure: Figure,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Figure {
    Gauge(Option<f64>),
    Counter(Count),
}

/// A counter, and what its growth is divided by.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Count {
    /// Growth times a factor, a second.
    Rate { counter: u64, factor: f64 },
    /// As a rate, which cannot exceed 1: time that something was busy.
    Busy { counter: u64, factor: f64 },
    /// Growth as such.
    Growth { counter: u64 },
    /// Growth against the growth of a whole.
    Share { part: u64, whole: u64 },
}

impl Raw {
    fn new(metric: &str, attributes: &[(&str, &str)], unit: &'static str, figure: Figure) -> Self {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { series: Series { metric: metric.to_owned(), attributes }, unit, figure }
    }

    /// A value of the moment.
    pub(crate) fn gauge(metric: &str, attributes: &[(&str, &str)], unit: &'static str, value: Option<f64>) -> Self {
        Self::new(metric, attributes, unit, Figure::Gauge(value))
    }

    /// A part of a whole, as a ratio; none when the whole is nothing.
    pub(crate) fn ratio(metric: &str, attributes: &[(&str, &str)], part: u64, whole: u64) -> Self {
        let value = (whole > 0).then(|| float(part) / float(whole));
        Self::gauge(metric, attributes, "1", value.map(|value| value.min(1.0)))
    }

    /// A counter that becomes `factor` times its growth a second.
    pub(crate) fn rate(metric: &str, attributes: &[(&str, &str)], unit: &'static str, counter: u64, factor: f64) -> Self {
        Self::new(metric, attributes, unit, Figure::Counter(Count::Rate { counter, factor }))
    }

    /// A counter of busy time that becomes a ratio of the time that passed.
    pub(crate) fn busy(metric: &str, attributes: &[(&str, &str)], counter: u64, factor: f64) -> Self {
        Self::new(metric, attributes, "1", Figure::Counter(Count::Busy { counter, factor }))
    }

    /// A counter that becomes its growth since the reading before.
    pub(crate) fn growth(metric: &str, unit: &'static str, counter: u64) -> Self {
        Self::new(metric, &[], unit, Figure::Counter(Count::Growth { counter }))
    }

    /// Two counters that become the ratio of their growths.
    pub(crate) fn share(metric: &str, attributes: &[(&str, &str)], part: u64, whole: u64) -> Self {
        Self::new(metric, attributes, "1", Figure::Counter(Count::Share { part, whole }))
    }
}

/// Counters are far below 2^53 within the life of a machine; beyond, a rate does not need the last bit.
#[expect(clippy::cast_precision_loss, reason = "stated above")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

impl Sampler {
    /// A sampler without a reading yet.
    #[must_use]
    pub fn new(root: Root) -> Self {
        let temperatures = temperatures::Temperatures::new(root.is_live());
        Self {
            root,
            before: None,
            temperatures,
            #[cfg(not(target_os = "linux"))]
            machine: elsewhere::Machine::default(),
        }
    }

    /// One reading; rates come from the difference to the reading before. Sorted by series, each once.
    pub fn sample(&mut self, now: Reading) -> Vec<Measurement> {
        let mut raw = self.read();
        raw.extend(self.temperatures.read());
        raw.sort_by(|a, b| a.series.cmp(&b.series));
        raw.dedup_by(|later, earlier| later.series == earlier.series);
        raw.truncate(limits::SERIES);
        self.compare(now, raw)
    }

    fn compare(&mut self, now: Reading, raw: Vec<Raw>) -> Vec<Measurement> {
        let mut counters = BTreeMap::new();
        let mut measurements = Vec::with_capacity(raw.len());
        for Raw { series, unit, figure } in raw {
            let value = match figure {
                Figure::Gauge(value) => value,
                Figure::Counter(count) => {
                    counters.insert(series.clone(), count);
                    let before = self.before.as_ref();
                    before.and_then(|before| compared(*before.counters.get(&series)?, count, now.monotonic.checked_sub(before.at)?))
                }
            };
            measurements.push(Measurement { series, value: value.filter(|value| value.is_finite()), unit });
        }
        self.before = Some(Before { at: now.monotonic, counters });
        measurements
    }

    #[cfg(target_os = "linux")]
    fn read(&self) -> Vec<Raw> {
        let scope = crate::collect::Scope::new(&self.root);
        let sources = [
            clock::read,
            cpu::read,
            disks::read,
            filesystems::read,
            memory::read,
            network::read,
            pressure::read,
            resources::read,
            services::read,
        ];
        sources.iter().flat_map(|read| read(&scope)).collect()
    }

    #[cfg(not(target_os = "linux"))]
    fn read(&mut self) -> Vec<Raw> {
        self.machine.read()
    }
}

/// What a counter's growth means; none when it went backwards or no time has passed.
fn compared(before: Count, now: Count, elapsed: Duration) -> Option<f64> {
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
        _ => None,
    }
}

#[cfg(test)]
mod tests;
