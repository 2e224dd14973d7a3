//! One host under one rule: which hours count, and what comes of them.

use crate::engine::{History, SectionCache};
use crate::store::{HOUR_MS, StoreError};
use rollcall_domain::Content;
use rollcall_domain::alert::replay::{Episode, Extremes, Reach, Replay};
use rollcall_domain::ci::Ci;
use rollcall_domain::id::CiId;
use rollcall_domain::rule::expression::{self, Function};
use rollcall_domain::rule::select::Variant;
use rollcall_domain::rule::{Condition, Reduce, Rule};
use rollcall_domain::sample::{Grain, Row, Tracks};
use rollcall_shared::sample::{SampleSet, Series};
use rollcall_shared::{AgentId, ContentHash, Section, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Every agent reports it with every sample: where it has rows, the agent spoke.
pub(super) const PULSE: &str = "system.uptime";

/// Rows are read for so many hours at once.
pub(super) const PAGE_HOURS: i64 = 24;

/// A host and the agents that ever spoke for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Which; `None` for agents that are not identified.
    pub ci: Option<CiId>,
    /// Who spoke for it.
    pub agents: Vec<AgentId>,
    /// How the rule counts for it: selectors look at more than the host, and here is nothing else.
    pub variant: Variant,
    /// When its agent was last heard, if it said goodbye then.
    pub goodbye: Option<Timestamp>,
    /// The push interval of its agent, ms; `None` where no agent counts.
    pub interval_ms: Option<u64>,
}

/// One host, one rule, one span.
pub struct Case<'a> {
    /// Its samples.
    pub history: &'a History,
    /// The rule.
    pub rule: &'a Rule,
    /// The host.
    pub ci: Option<&'a Ci>,
    /// Its agents.
    pub agents: &'a [AgentId],
    /// When they were last heard, if that was a goodbye.
    pub goodbye: Option<Timestamp>,
    /// From when to when.
    pub span: (Timestamp, Timestamp),
}

/// Which hours of a host count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Of the first hour, in hours since 1970.
    first: i64,
    /// How many hours.
    count: i64,
    /// Whether something may be raised, a bit an hour: a quarter of a year of 100,000 hosts is 28 MB.
    possible: Box<[u64]>,
    /// For rules on silence: whether a host is known to have been heard throughout an hour that does not count.
    lively: Box<[u64]>,
    /// Hours of samples that windows need before an hour that follows one that was left out.
    memory: i64,
    /// Whether there are samples that the rule judges, as far as rows tell.
    judged: bool,
}

/// What came of a host.
#[derive(Debug)]
pub struct Verdict {
    /// Incidents.
    pub episodes: Vec<Episode>,
    /// Moments replayed.
    pub sets: u64,
    /// Whether there were samples that the rule judges.
    pub judged: bool,
    /// Hours in which nothing can have been raised.
    pub excluded_hours: u64,
}

impl Survey {
    /// How many hours of samples are read because of the hour that begins at `begin`.
    #[must_use]
    pub fn hours_to_read(&self, begin: Timestamp) -> usize {
        let place = begin.0.div_euclid(HOUR_MS) - self.first;
        if !self.is_possible(place) {
            return 0;
        }
        let warm = if self.is_possible(place - 1) { 0 } else { self.memory };
        usize::try_from(warm + 1).unwrap_or(usize::MAX)
    }

    fn new(hours: Hours, memory: i64, judged: bool, possible: impl Fn(usize) -> bool) -> Self {
        let count = i64::try_from(hours.count).unwrap_or(i64::MAX);
        Self { first: hours.first, count, possible: hours.bits(possible), lively: Box::default(), memory, judged }
    }

    /// Of a rule on silence: which hours count, and in which others the host was heard throughout.
    pub(super) fn of_silence(hours: Hours, judged: bool, possible: impl Fn(usize) -> bool, lively: impl Fn(usize) -> bool) -> Self {
        Self { lively: hours.bits(lively), ..Self::new(hours, 0, judged, possible) }
    }

    /// All hours, in hours since 1970.
    pub(super) fn hours(&self) -> std::ops::Range<i64> {
        self.first..self.first.saturating_add(self.count)
    }

    /// Whether an hour, in hours since 1970, counts.
    pub(super) fn counts(&self, hour: i64) -> bool {
        self.is_possible(hour - self.first)
    }

    /// Whether the host was heard throughout an hour, in hours since 1970.
    pub(super) fn is_lively(&self, hour: i64) -> bool {
        is_set(&self.lively, hour - self.first)
    }

    /// Whether there are samples that the rule judges.
    pub(super) fn is_judged(&self) -> bool {
        self.judged
    }

    fn is_possible(&self, place: i64) -> bool {
        is_set(&self.possible, place)
    }
}

fn is_set(bits: &[u64], place: i64) -> bool {
    let place = usize::try_from(place).ok();
    place.and_then(|place| bits.get(place / 64).map(|bits| bits >> (place % 64) & 1 == 1)).unwrap_or(false)
}

impl Case<'_> {
    /// Finds out which hours count.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn survey(&self) -> Result<Survey, StoreError> {
        if let Some(after_ms) = super::silence::after_ms(self.rule) {
            return super::silence::survey(self, after_ms);
        }
        let hours = self.hours();
        let Some(reach) = Reach::of(self.rule) else {
            return Ok(Survey::new(hours, 0, false, |_| true));
        };
        let before = i64::try_from(reach.window_ms()).unwrap_or(i64::MAX).div_euclid(HOUR_MS).saturating_add(1);
        let before = if reach.window_ms() == 0 { 0 } else { before };
        let memory = i64::try_from(reach.memory_ms().div_ceil(HOUR_MS as u64)).unwrap_or(i64::MAX);
        let unknown = self.unknown(hours)?;
        let extremes = self.extremes(&reach, hours)?;
        let window = |place: usize| place.saturating_sub(usize::try_from(before).unwrap_or(usize::MAX))..=place;
        let possible = |place: usize| {
            if window(place).any(|hour| unknown[hour]) {
                return true;
            }
            let here = extremes.iter().all(|read| read[place].is_some());
            let of = |read: &Vec<Option<Extremes>>| window(place).filter_map(|hour| read[hour]).reduce(Extremes::with);
            here && reach.may_raise(&extremes.iter().map(of).collect::<Vec<_>>())
        };
        let judged = extremes.first().is_some_and(|read| read.iter().any(Option::is_some));
        Ok(Survey::new(hours, memory, judged, possible))
    }

    /// The hours of the span.
    pub(super) fn hours(&self) -> Hours {
        let hour = |at: i64| at.div_euclid(HOUR_MS);
        let (first, last) = (hour(self.span.0.0), hour(self.span.1.0.saturating_sub(1)));
        Hours { first, count: usize::try_from(last - first + 1).unwrap_or(0) }
    }

    /// Hours of which rows do not say all yet.
    pub(super) fn unknown(&self, hours: Hours) -> Result<Vec<bool>, StoreError> {
        let mut unknown = vec![false; hours.count];
        for agent in self.agents {
            for begin in self.history.unrolled(*agent)? {
                if let Some(place) = hours.place(begin) {
                    unknown[place] = true;
                }
            }
        }
        Ok(unknown)
    }

    /// For each read, hour by hour, the extremes of all series that it may use.
    fn extremes(&self, reach: &Reach, hours: Hours) -> Result<Vec<Vec<Option<Extremes>>>, StoreError> {
        let mut tracks: BTreeMap<&str, Vec<Tracks>> = BTreeMap::new();
        let mut all = Vec::new();
        for read in reach.reads() {
            if !tracks.contains_key(read.metric.as_str()) {
                let of = |agent: &AgentId| self.history.stored_rows(Grain::Hour, &read.metric, *agent, hours.span());
                tracks.insert(&read.metric, self.agents.iter().map(of).collect::<Result<_, _>>()?);
            }
            let mut found: Vec<Option<Extremes>> = vec![None; hours.count];
            for (attributes, rows) in tracks[read.metric.as_str()].iter().flatten() {
                if !Reach::uses(read, &Series { metric: read.metric.clone(), attributes: attributes.clone() }) {
                    continue;
                }
                for row in rows {
                    let Some(place) = hours.place(row.at) else { continue };
                    let one = Extremes { count: u64::from(row.count), min: row.min, max: row.max };
                    found[place] = Some(found[place].map_or(one, |known| known.with(one)));
                }
            }
            all.push(found);
        }
        Ok(all)
    }

    /// Judges the hours that count; `None` when it was stopped before it came to the end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn judge(&self, survey: &Survey, raw_since: Timestamp, stopped: &dyn Fn() -> bool) -> Result<Option<Verdict>, StoreError> {
        if super::silence::is_silence(self.rule) {
            return super::silence::judge(self, survey, raw_since, stopped);
        }
        let mut replay = Replay::new(self.rule, self.ci);
        let mut source = Source::new(self, raw_since);
        let (mut taken_through, mut excluded_hours) = (i64::MIN, 0);
        for hour in survey.hours() {
            if replay.is_idle() && !survey.counts(hour) {
                excluded_hours += 1;
                continue;
            }
            if stopped() {
                return Ok(None);
            }
            let from = hour.saturating_sub(survey.memory).max(survey.first).max(taken_through.saturating_add(1));
            for earlier in from..hour {
                let sets = source.hour(earlier)?;
                sets.iter().for_each(|set| replay.remember(set, &source.tables));
            }
            let sets = source.hour(hour)?;
            sets.iter().for_each(|set| replay.take(set, &source.tables));
            taken_through = hour;
        }
        let (sets, judged) = (replay.sets(), survey.judged || replay.judged());
        Ok(Some(Verdict { episodes: replay.episodes(), sets, judged, excluded_hours }))
    }
}

/// Consecutive hours.
#[derive(Clone, Copy)]
pub(super) struct Hours {
    pub(super) first: i64,
    pub(super) count: usize,
}

impl Hours {
    /// Each of them, in hours since 1970.
    pub(super) fn all(self) -> std::ops::Range<i64> {
        self.first..self.first.saturating_add(i64::try_from(self.count).unwrap_or(i64::MAX))
    }

    fn bits(self, holds: impl Fn(usize) -> bool) -> Box<[u64]> {
        let mut bits = vec![0_u64; self.count.div_ceil(64)];
        for place in (0..self.count).filter(|place| holds(*place)) {
            bits[place / 64] |= 1 << (place % 64);
        }
        bits.into()
    }

    pub(super) fn place(self, at: Timestamp) -> Option<usize> {
        usize::try_from(at.0.div_euclid(HOUR_MS) - self.first).ok().filter(|place| *place < self.count)
    }

    pub(super) fn span(self) -> (Timestamp, Timestamp) {
        let begin = self.first.saturating_mul(HOUR_MS);
        (Timestamp(begin), Timestamp(begin.saturating_add(i64::try_from(self.count).unwrap_or(0).saturating_mul(HOUR_MS))))
    }
}

/// A host's samples by the hour: as they came, or rows in their place.
pub(super) struct Source<'a> {
    case: &'a Case<'a>,
    raw_since: Timestamp,
    /// The metrics that the rule names, with what stands for five minutes of them.
    metrics: Vec<(String, Reduce)>,
    /// Their series tables.
    pub(super) tables: Tables<'a>,
    /// Begin of the page at hand, and its sets.
    page: Option<(i64, Vec<SampleSet>)>,
}

/// Series tables of the store, and one that was made here.
pub(super) struct Tables<'a> {
    stored: &'a SectionCache,
    made: Option<(ContentHash, Arc<Section>)>,
}

impl Content for Tables<'_> {
    fn section(&self, hash: &ContentHash) -> Option<Arc<Section>> {
        match &self.made {
            Some((made, section)) if made == hash => Some(Arc::clone(section)),
            _ => self.stored.section(hash),
        }
    }
}

impl<'a> Source<'a> {
    pub(super) fn new(case: &'a Case<'a>, raw_since: Timestamp) -> Self {
        let tables = Tables { stored: &case.history.content, made: None };
        Self { case, raw_since, metrics: metrics(case.rule), tables, page: None }
    }

    /// The samples of an hour that are in the span.
    pub(super) fn hour(&mut self, hour: i64) -> Result<Vec<SampleSet>, StoreError> {
        let begin = Timestamp(hour.saturating_mul(HOUR_MS));
        let end = Timestamp(begin.0.saturating_add(HOUR_MS));
        let (from, to) = (begin.max(self.case.span.0), end.min(self.case.span.1));
        if from < self.raw_since {
            let page = self.page(hour)?;
            return Ok(page.iter().filter(|set| from <= set.at && set.at < to).cloned().collect());
        }
        let mut sets = Vec::new();
        for agent in self.case.agents {
            sets.extend(self.case.history.samples(*agent, from, to)?);
        }
        if self.case.agents.len() > 1 {
            sets.sort_by_key(|set| set.at);
        }
        Ok(sets)
    }

    fn page(&mut self, hour: i64) -> Result<&[SampleSet], StoreError> {
        let begin = hour.div_euclid(PAGE_HOURS).saturating_mul(PAGE_HOURS);
        if self.page.as_ref().is_none_or(|(known, _)| *known != begin) {
            let span = Hours { first: begin, count: usize::try_from(PAGE_HOURS).unwrap_or(0) }.span();
            let sets = self.sets_of_rows(span)?;
            self.page = Some((begin, sets));
        }
        Ok(self.page.as_ref().map(|(_, sets)| sets.as_slice()).unwrap_or_default())
    }

    /// A set for each five minutes, dated at their end.
    fn sets_of_rows(&mut self, span: (Timestamp, Timestamp)) -> Result<Vec<SampleSet>, StoreError> {
        let mut series: BTreeMap<Series, BTreeMap<Timestamp, f64>> = BTreeMap::new();
        for (metric, reduce) in &self.metrics {
            for agent in self.case.agents {
                for (attributes, rows) in self.case.history.rows(Grain::FiveMinutes, metric, *agent, span)? {
                    let values = series.entry(Series { metric: metric.clone(), attributes }).or_default();
                    values.extend(rows.iter().map(|row| (row.at, standing_for(row, *reduce))));
                }
            }
        }
        let moments: BTreeSet<Timestamp> = series.values().flat_map(|values| values.keys().copied()).collect();
        let section = Section::Series(series.keys().cloned().collect());
        let (table, _) = section
            .clone()
            .canonical()
            .map_err(|error| StoreError::Corrupt { subject: "rows of a host".into(), cause: error.to_string() })?;
        self.tables.made = Some((table, Arc::new(section)));
        let set = |begin: Timestamp| SampleSet {
            table,
            at: Timestamp(begin.0.saturating_add(Grain::FiveMinutes.step_ms() - 1)),
            values: series.values().map(|values| values.get(&begin).copied()).collect(),
        };
        Ok(moments.into_iter().map(set).collect())
    }
}

/// What stands for the samples of five minutes: their extreme where the rule asks for the extreme, their sum where it adds up, the newest of
/// a counter or a state, else the mean.
fn standing_for(row: &Row, reduce: Reduce) -> f64 {
    match reduce {
        Reduce::Min => row.min,
        Reduce::Max => row.max,
        Reduce::Sum => row.sum,
        Reduce::Increase | Reduce::Rate => row.last,
        Reduce::Last | Reduce::Avg => row.avg(),
    }
}

/// The metrics that a rule names, guards included, each with what is made of it.
fn metrics(rule: &Rule) -> Vec<(String, Reduce)> {
    let mut found: Vec<(String, Reduce)> = Vec::new();
    let mut add = |metric: &str, reduce: Reduce| {
        if found.iter().all(|(known, _)| known != metric) {
            found.push((metric.to_owned(), reduce));
        }
    };
    if let Condition::Absent { metric, .. } = &rule.condition {
        add(PULSE, Reduce::Last);
        add(metric, Reduce::Last);
    }
    let expression = expression::of(&rule.condition);
    for read in expression.iter().flat_map(|expression| expression.reads()) {
        let reduce = match read.function {
            // A check's state is one of four words: no mean of them is one.
            _ if matches!(rule.condition, Condition::Check { .. }) => Reduce::Rate,
            Function::Reduce(reduce) => reduce,
            Function::Forecast { .. } | Function::Baseline => Reduce::Avg,
        };
        add(&read.metric, reduce);
    }
    let overridden = rule.overrides.iter().filter_map(|one| one.levels.as_ref());
    for levels in std::iter::once(&rule.levels).chain(overridden) {
        for guard in [&levels.warning, &levels.critical].into_iter().flatten().filter_map(|level| level.and.as_ref()) {
            add(&guard.metric, Reduce::Last);
        }
    }
    found
}
