//! Health: what can be measured, under the names of OpenTelemetry's semantic conventions.
//!
//! Sources give gauges and counters; counters become rates against the reading before (see `rates`). What is cheap is read with every
//! sample, the rest at its own pace on threads of its own (see `slow`). Invariants: a counter that went backwards yields no value, never
//! a negative or a spike; unknown is none, never zero; values are finite, and told to the digit that means something (see `precision`); utilisations are ratios from 0 to 1; a series that a machine
//! has is in every reading, with or without a value, so that the table stays the same; no source can push out another's series (see
//! `room`). It must never wait for another machine: remote file systems are not asked.

use crate::clock::{Clock, Reading, SystemClock};
use crate::collect::Setup;
use crate::root::Root;
use rollcall_shared::sample::Series;
use std::sync::Arc;

mod options;
mod precision;
mod rates;
pub(crate) mod room;
mod series;
#[cfg(linux)]
pub(crate) mod slow;

#[cfg(linux)]
mod boot;
#[cfg(linux)]
mod certificates;
#[cfg(linux)]
mod clock;
#[cfg(linux)]
mod cpu;
#[cfg(linux)]
mod disk_health;
#[cfg(linux)]
mod disks;
#[cfg(linux)]
mod filesystems;
#[cfg(linux)]
mod hardware;
#[cfg(linux)]
mod links;
#[cfg(linux)]
mod memory;
#[cfg(linux)]
mod network;
#[cfg(linux)]
mod own;
#[cfg(linux)]
mod pressure;
#[cfg(linux)]
mod processes;
#[cfg(linux)]
mod protocols;
#[cfg(linux)]
mod resources;
#[cfg(linux)]
mod sensors;
#[cfg(linux)]
mod services;
#[cfg(linux)]
mod sources;
#[cfg(linux)]
mod units;

#[cfg(any(not(linux), test))]
mod elsewhere;

pub use options::HealthOptions;
use series::{Raw, float};

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
    steady: rates::Rates,
    #[cfg(linux)]
    setup: Arc<Setup>,
    #[cfg(linux)]
    slow: Vec<slow::Slow>,
    #[cfg(not(linux))]
    machine: elsewhere::Machine,
}

impl Sampler {
    /// A sampler without a reading yet, of what every machine has.
    #[must_use]
    pub fn new(root: Root) -> Self {
        Self::with(Arc::new(root.into()), HealthOptions::default(), Arc::new(SystemClock::new()))
    }

    /// A sampler without a reading yet. The clock is the helper's patience.
    #[cfg(linux)]
    #[must_use]
    pub fn with(setup: Arc<Setup>, options: HealthOptions, clock: Arc<dyn Clock>) -> Self {
        let slow = sources::slow(&sources::Subject { setup: setup.clone(), options, clock });
        Self { steady: rates::Rates::default(), slow, setup }
    }

    /// A sampler without a reading yet; this platform has nothing to choose from.
    #[cfg(not(linux))]
    #[must_use]
    pub fn with(_setup: Arc<Setup>, _options: HealthOptions, _clock: Arc<dyn Clock>) -> Self {
        Self { steady: rates::Rates::default(), machine: elsewhere::Machine::default() }
    }

    /// One reading; rates come from the difference to the reading before. Sorted by series, each once.
    pub fn sample(&mut self, now: Reading) -> Vec<Measurement> {
        let raw = room::shared_out(self.read(), room::STEADY);
        self.steady.take(now.monotonic, raw, room::STEADY);
        let mut measurements: Vec<Measurement> = self.steady.measurements().collect();
        #[cfg(linux)]
        self.slow.iter_mut().for_each(|slow| slow.sample(now, &mut measurements));
        measurements.sort_by(|a, b| a.series.cmp(&b.series));
        measurements.dedup_by(|later, earlier| later.series == earlier.series);
        for Measurement { series, value, unit } in &mut measurements {
            *value = value.map(|value| precision::told(&series.metric, unit, value));
        }
        measurements
    }

    #[cfg(linux)]
    fn read(&self) -> Vec<Vec<Raw>> {
        let scope = crate::collect::Scope::with(&self.setup.root, &self.setup.options, crate::probe::Privileged::none_ref());
        sources::STEADY.iter().map(|(_, read)| read(&scope)).collect()
    }

    #[cfg(not(linux))]
    fn read(&mut self) -> Vec<Vec<Raw>> {
        vec![self.machine.read()]
    }
}

#[cfg(test)]
mod tests;
