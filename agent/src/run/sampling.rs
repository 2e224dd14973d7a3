//! Health samples between two pushes: gathered in memory, bounded, made durable together; and the lines whose crossing makes
//! the agent hurry.

use crate::clock::Reading;
use crate::health::Measurement;
use crate::sections::SectionCache;
use crate::spool::Spool;
use crate::uplink::UplinkError;
use rollcall_shared::message::{Payload, Side, Threshold};
use rollcall_shared::sample::{SampleSet, Series};
use rollcall_shared::section::{Section, SectionError};
use rollcall_shared::{ContentHash, Timestamp, limits};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Sets that wait in memory while the spool takes nothing: an hour at the default interval, about 1 MB.
const GATHERED: usize = limits::MESSAGE_SAMPLE_SETS;

/// A line that some series is beyond.
type Crossed = (Series, bool, u64);

/// See the module.
#[derive(Debug, Default)]
pub struct Sampling {
    gathered: VecDeque<SampleSet>,
    series: Vec<Series>,
    table: Option<ContentHash>,
    /// Tables that are not on disk yet.
    unsaved: Vec<(ContentHash, Vec<u8>)>,
    beyond: BTreeSet<Crossed>,
    dropped: Option<Dropped>,
}

/// Sets that memory had no room for.
#[derive(Debug)]
struct Dropped {
    from: Timestamp,
    to: Timestamp,
}

impl Sampling {
    /// Takes one reading. Whether a line was crossed, in either direction.
    ///
    /// # Errors
    /// When the series make no table, which is a bug of the sampler.
    pub fn take(&mut self, measurements: Vec<Measurement>, at: Timestamp, thresholds: &[Threshold]) -> Result<bool, SectionError> {
        let finite = |value: Option<f64>| value.filter(|number| number.is_finite());
        let mut values: BTreeMap<Series, Option<f64>> =
            measurements.into_iter().map(|measurement| (measurement.series, finite(measurement.value))).collect();
        while values.len() > limits::SERIES {
            values.pop_last();
        }
        let crossed = self.judge(&values, thresholds);
        let table = self.table_of(values.keys())?;
        if self.gathered.len() >= GATHERED {
            self.drop_oldest();
        }
        self.gathered.push_back(SampleSet { table, at, values: values.into_values().collect() });
        Ok(crossed)
    }

    /// Whether anything waits in memory.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gathered.is_empty() && self.dropped.is_none()
    }

    /// The names of all series tables that are in use.
    #[must_use]
    pub fn tables(&self) -> BTreeSet<ContentHash> {
        self.gathered.iter().map(|set| set.table).chain(self.table).collect()
    }

    /// Makes what was gathered durable, tables first, and in front of `more`: what is pushed at once brings the values that it is about. On
    /// failure it stays in memory.
    ///
    /// # Errors
    /// When cache or spool cannot be written.
    pub fn flush(&mut self, more: Option<Payload>, spool: &mut Spool, cache: &SectionCache, now: Reading) -> Result<(), UplinkError> {
        if self.is_empty() && more.is_none() {
            return Ok(());
        }
        cache.put(&self.unsaved)?;
        self.unsaved.clear();
        if let Some(Dropped { from, to }) = self.dropped.take() {
            spool.declare(from, to, "the spool could not be written, and memory had no more room for samples");
        }
        let sets: Vec<SampleSet> = self.gathered.iter().cloned().collect();
        let samples = sets.chunks(limits::MESSAGE_SAMPLE_SETS).map(|chunk| Payload::Samples(chunk.to_vec()));
        let payloads: Vec<Payload> = samples.chain(more).collect();
        spool.append(&payloads, now)?;
        self.gathered.clear();
        Ok(())
    }

    fn drop_oldest(&mut self) {
        let Some(gone) = self.gathered.pop_front() else { return };
        let dropped = self.dropped.get_or_insert(Dropped { from: gone.at, to: gone.at });
        dropped.to = gone.at;
    }

    fn table_of<'a>(&mut self, series: impl ExactSizeIterator<Item = &'a Series> + Clone) -> Result<ContentHash, SectionError> {
        if let Some(table) = self.table
            && self.series.iter().eq(series.clone())
        {
            return Ok(table);
        }
        self.series = series.cloned().collect();
        let (hash, bytes) = Section::Series(self.series.clone()).canonical()?;
        self.table = Some(hash);
        self.unsaved.push((hash, bytes));
        Ok(hash)
    }

    /// A value that cannot be measured crosses nothing: it stays on the side where it was.
    fn judge(&mut self, values: &BTreeMap<Series, Option<f64>>, thresholds: &[Threshold]) -> bool {
        let mut beyond = BTreeSet::new();
        for (series, value) in values {
            for threshold in thresholds.iter().filter(|threshold| applies(threshold, series)) {
                let line = (series.clone(), threshold.side == Side::Above, threshold.value.to_bits());
                let is_beyond = value.map_or_else(|| self.beyond.contains(&line), |value| threshold.side.is_bad(value, threshold.value));
                if is_beyond {
                    beyond.insert(line);
                }
            }
        }
        let crossed = beyond != self.beyond;
        self.beyond = beyond;
        crossed
    }
}

fn applies(threshold: &Threshold, series: &Series) -> bool {
    threshold.metric == series.metric && threshold.attributes.iter().all(|wanted| series.attributes.contains(wanted))
}

#[cfg(test)]
mod tests;
