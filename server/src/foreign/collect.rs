//! What collectors measured, from a decoded message to the engine: which item each resource means, tables, sets, portions.
//!
//! One request of a feed at a time: a table is made of the one before, and a moment may come in parts. Which item a resource means is looked
//! up once in a while, not with every push: finding a name takes up to three milliseconds with 100,000 hosts. Invariant: every value of a
//! message is taken or counted as refused.

mod placing;

use super::Speaker;
use super::body::Intake;
use crate::answer::{ApiError, Code};
use crate::clock::Clock;
use crate::collecting::Collecting;
use crate::engine::{Collected, Engine};
use crate::rate_limit::RateLimit;
use placing::{Placing, Target};
use rollcall_domain::Rejection;
use rollcall_domain::collect::{Base, Composed, Growth, Point, Refusal, Resource, Table, check_series, compose, moment};
use rollcall_domain::journal::Sign;
use rollcall_domain::trust::collector::{Spoken, VOICES};
use rollcall_domain::trust::feed::FeedName;
use rollcall_shared::sample::{SampleSet, Series};
use rollcall_shared::{AgentId, ContentHash, Section, Timestamp};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Requests of one address in a minute: Prometheus alone sends some twenty a second while it catches up.
const REQUESTS_PER_ADDRESS: u32 = 6_000;

/// Requests of one feed in a minute.
const REQUESTS_PER_FEED: u32 = 12_000;

/// Tables that a collector may have anew in an hour: a table is kept for good, and one of 4,096 series is half a megabyte.
const TABLES_PER_HOUR: u32 = 16;

/// Values, given or not, of all sets of a request: 64 MiB, as for agents.
const VALUES: usize = 4 << 20;

/// Units of one message: as many metrics as are remembered.
const UNITS: usize = 10_000;

/// Values judged in one piece, given or not: some milliseconds.
const PORTION_VALUES: usize = 50_000;

/// Resources judged in one piece.
const PORTION_VOICES: usize = 50;

/// One series of a resource with its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Its metric.
    pub metric: String,
    /// Its own attributes.
    pub attributes: BTreeMap<String, String>,
    /// Values by time; `None` ends the series.
    pub values: Vec<(Timestamp, Option<f64>)>,
}

/// A decoded message: what was measured by resource, and what of it cannot be taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// By resource.
    pub resources: BTreeMap<Resource, Vec<Measured>>,
    /// Values that were refused while it was read.
    pub refused: BTreeMap<Refusal, u64>,
    /// Units of metrics, where they are told.
    pub units: BTreeMap<String, String>,
}

impl Message {
    /// Takes note of a metric's unit.
    pub fn measured_in(&mut self, metric: &str, unit: &str) {
        if !metric.is_empty() && !unit.is_empty() && self.units.len() < UNITS {
            self.units.insert(metric.to_owned(), unit.to_owned());
        }
    }

    /// Counts refused values.
    pub fn refuse(&mut self, reason: Refusal, values: usize) {
        if values > 0 {
            add(&mut self.refused, reason, values as u64);
        }
    }

    /// Takes a series in, or counts its values as refused.
    pub fn take(&mut self, resource: &Resource, measured: Measured) {
        if let Err(reason) = check_series(&measured.metric, &measured.attributes) {
            return self.refuse(reason, measured.values.len());
        }
        match self.resources.get_mut(resource) {
            Some(known) => known.push(measured),
            None => drop(self.resources.insert(resource.clone(), vec![measured])),
        }
    }
}

/// What became of a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Values taken.
    pub taken: u64,
    /// Values refused.
    pub refused: BTreeMap<Refusal, u64>,
    /// The first resource that means no item, and why.
    pub unplaced: Option<(String, String)>,
}

impl Outcome {
    /// Values refused, and why, for people; `None` when there are none.
    #[must_use]
    pub fn complaint(&self) -> Option<(u64, String)> {
        let total: u64 = self.refused.values().sum();
        let reasons = self.refused.iter().map(|(reason, count)| format!("{count} {}", reason.reason()));
        let first = self.unplaced.iter().map(|(key, why)| format!("the first of those without an item is {key}: {why}"));
        let text: Vec<String> = reasons.chain(first).collect();
        (total > 0).then(|| (total, format!("values that were not taken: {}", text.join("; "))))
    }

    fn refuse(&mut self, reason: Refusal, values: u64) {
        if values > 0 {
            add(&mut self.refused, reason, values);
        }
    }
}

fn add(counts: &mut BTreeMap<Refusal, u64>, reason: Refusal, values: u64) {
    let count = counts.entry(reason).or_default();
    *count = count.saturating_add(values);
}

/// Limits and memory of what collectors measure.
pub struct Collect {
    /// Bodies of collectors, apart from those of inventories.
    pub intake: Intake,
    /// Requests by address.
    pub by_address: RateLimit<IpAddr>,
    /// Requests by feed.
    pub by_feed: RateLimit<String>,
    /// Counts, and resources without an item.
    pub collecting: Collecting,
    growth: RateLimit<AgentId>,
    placing: Placing,
    turns: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// A resource whose item is known, with all its series as they are called here.
struct Voice {
    spoken: Spoken,
    points: Vec<Point>,
}

/// A resource on its way to the engine.
struct Prepared {
    spoken: Spoken,
    composed: Composed,
    /// The table that it had.
    base: Option<ContentHash>,
}

impl Prepared {
    /// The table that is to be stored before its sets.
    fn fresh(&mut self) -> Option<Vec<Series>> {
        match std::mem::replace(&mut self.composed.table, Table::Known) {
            Table::New(series) if !self.composed.sets.is_empty() => Some(series),
            Table::New(_) | Table::Known => None,
        }
    }
}

impl Collect {
    /// Empty limits and memory.
    pub fn new(clock: &Arc<dyn Clock>, collecting: Collecting, addresses: usize) -> Self {
        let minute = Duration::from_secs(60);
        Self {
            intake: Intake::default(),
            by_address: RateLimit::new(clock.clone(), REQUESTS_PER_ADDRESS, minute, addresses),
            by_feed: RateLimit::new(clock.clone(), REQUESTS_PER_FEED, minute, addresses),
            collecting,
            growth: RateLimit::new(clock.clone(), TABLES_PER_HOUR, Duration::from_secs(3_600), VOICES),
            placing: Placing::default(),
            turns: Mutex::default(),
        }
    }

    /// Takes in what a feed measured.
    ///
    /// # Errors
    /// Those of the engine. What came before the error is taken; sent again it is known.
    pub async fn take(self: &Arc<Self>, engine: &Engine, speaker: &Speaker, message: Message) -> Result<Outcome, ApiError> {
        let feed: FeedName = speaker.name.parse().map_err(|_| ApiError::internal("a feed with a name that is none"))?;
        let turn = self.turn(&speaker.name);
        let _turn = turn.lock().await;
        let mut outcome = Outcome { refused: message.refused, ..Outcome::default() };
        let voices = {
            let (this, engine, feed) = (Arc::clone(self), engine.clone(), feed.clone());
            let found = tokio::task::spawn_blocking(move || this.place(&engine, &feed, message.resources)).await;
            let (voices, missed) = found.map_err(|error| ApiError::internal(format!("placing: {error}")))?;
            outcome.unplaced = missed.unplaced;
            missed.refused.into_iter().for_each(|(reason, count)| outcome.refuse(reason, count));
            voices
        };
        let (mut room, mut units) = (VALUES, message.units);
        let mut voices = voices.into_iter().peekable();
        while voices.peek().is_some() {
            let mut some = Vec::new();
            let mut values = 0;
            while let Some(voice) = voices.next_if(|_| values < PORTION_VALUES && some.len() < PORTION_VOICES) {
                values += voice.points.len();
                some.push(voice);
            }
            let done = self.portion(engine, some, (room, &mut units), speaker.request_id.clone()).await;
            match done {
                Ok((part, left)) => {
                    room = left;
                    outcome.taken += part.taken;
                    part.refused.into_iter().for_each(|(reason, count)| outcome.refuse(reason, count));
                }
                Err(error) => {
                    self.collecting.count(outcome.taken, &outcome.refused);
                    return Err(error);
                }
            }
        }
        self.collecting.count(outcome.taken, &outcome.refused);
        Ok(outcome)
    }

    fn turn(&self, feed: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(feed.to_owned()).or_default())
    }

    /// Finds the item of each resource. What means the same item under the same key is one voice.
    fn place(&self, engine: &Engine, feed: &FeedName, resources: BTreeMap<Resource, Vec<Measured>>) -> (Vec<Voice>, Outcome) {
        let now = engine.now();
        let (mut outcome, mut voices) = (Outcome::default(), BTreeMap::<(String, _), Voice>::new());
        let targets = self.placing.find(engine, feed, resources.keys());
        for ((resource, measured), target) in resources.into_iter().zip(targets) {
            let (ci, label) = match target {
                Target::Item(ci, label) => (ci, label),
                Target::Nobody(reason) => {
                    let key = resource.key(None);
                    self.collecting.miss((feed, &key), &reason, measured.len(), now);
                    outcome.refuse(Refusal::Unplaced, measured.iter().map(|one| one.values.len() as u64).sum());
                    outcome.unplaced.get_or_insert((key, reason));
                    continue;
                }
            };
            let key = resource.key(Some(&label));
            self.collecting.found(feed, &key);
            let voice = voices.entry((key.clone(), ci)).or_insert_with(|| Voice {
                spoken: Spoken { feed: feed.clone(), key, ci, placed: format!("label {label}") },
                points: Vec::new(),
            });
            for Measured { metric, attributes, values } in measured {
                let series = Series { metric, attributes: resource.attributes(attributes, &label, feed) };
                for (at, value) in values {
                    match moment(at, now) {
                        Ok(at) => voice.points.push(Point { series: series.clone(), at, value }),
                        Err(reason) => outcome.refuse(reason, 1),
                    }
                }
            }
        }
        (voices.into_values().filter(|voice| !voice.points.is_empty()).collect(), outcome)
    }

    async fn portion(
        self: &Arc<Self>,
        engine: &Engine,
        voices: Vec<Voice>,
        (room, units): (usize, &mut BTreeMap<String, String>),
        request_id: Option<String>,
    ) -> Result<(Outcome, usize), ApiError> {
        let (this, reader) = (Arc::clone(self), engine.clone());
        let composed = tokio::task::spawn_blocking(move || this.compose(&reader, voices, room)).await;
        let (mut prepared, room) = composed.map_err(|error| ApiError::internal(format!("composing: {error}")))?;
        let (mut fresh, mut has_fresh) = (Vec::new(), Vec::with_capacity(prepared.len()));
        for one in &mut prepared {
            let series = one.fresh();
            has_fresh.push(series.is_some());
            fresh.extend(series);
        }
        let mut names = engine.store_tables(fresh).await?.into_iter();
        let mut outcome = Outcome::default();
        let (mut portion, mut values) = (Vec::new(), Vec::new());
        for (Prepared { spoken, composed, base }, is_fresh) in prepared.into_iter().zip(has_fresh) {
            composed.refused.into_iter().for_each(|(reason, count)| outcome.refuse(reason, count));
            let table = if is_fresh { names.next() } else { base };
            let Some(table) = table.filter(|_| !composed.sets.is_empty() || !composed.ended.is_empty()) else { continue };
            let ended = composed.ended.into_iter().map(|(at, series)| Sign::Ended { table, at, series }).collect();
            let sets = composed.sets.into_iter().map(|(at, values)| SampleSet { table, at, values }).collect();
            values.push((composed.taken, spoken.ci));
            // They are of the feed: whichever of its voices brings them.
            portion.push(Collected { spoken, sets, ended, units: std::mem::take(units) });
        }
        let heard = engine.collect(portion, request_id).await?;
        for (heard, (taken, ci)) in heard.into_iter().zip(values) {
            match heard {
                Ok(()) => outcome.taken += taken,
                Err(Rejection::BadCredential) => return Err(ApiError::new(Code::Unauthenticated, "the feed was withdrawn")),
                Err(Rejection::NotFound { .. }) => {
                    self.placing.forget(ci);
                    outcome.refuse(Refusal::Unplaced, taken);
                }
                Err(_) => outcome.refuse(Refusal::Voices, taken),
            }
        }
        Ok((outcome, room))
    }

    /// Makes sets, each of the table that the voice has or of one that grew out of it.
    fn compose(&self, engine: &Engine, voices: Vec<Voice>, mut room: usize) -> (Vec<Prepared>, usize) {
        let mut prepared = Vec::with_capacity(voices.len());
        for Voice { spoken, points } in voices {
            let id = spoken.voice();
            let known = engine.read(|world| {
                let current = world.telemetry.current(id)?;
                Some((current.table, Arc::clone(current.section), current.values))
            });
            let base = known.as_ref().and_then(|(_, section, latest)| match section.as_ref() {
                Section::Series(series) => Some(Base { series, latest }),
                _ => None,
            });
            let growth = if self.growth.look(&id).is_ok() { Growth::Free } else { Growth::Held };
            let composed = compose(base, growth, points, &mut room);
            if matches!(composed.table, Table::New(_)) {
                let _ = self.growth.take(&id);
            }
            prepared.push(Prepared { spoken, composed, base: known.map(|(hash, ..)| hash) });
        }
        (prepared, room)
    }
}

#[cfg(test)]
mod tests;
