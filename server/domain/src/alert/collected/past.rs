//! A rule on feeds that fall silent over what was heard of them: for back-tests.
//!
//! Invariant: the same as live counts, where a tick looks every second: how long a feed told nothing of an item by any of its collectors,
//! whether one of them had told for long enough before, and whether the host itself was heard meanwhile. A feed that was never heard is
//! never silent.

use super::super::replay::Episode;
use super::super::replay::episodes::Track;
use super::super::replay::silence::{Gaps, Stretch};
use super::super::telemetry::STEADY;
use super::silent;
use crate::World;
use crate::id::CiId;
use crate::rule::{Condition, Rule};
use crate::trust::collector::FEED;
use rollcall_shared::{AgentId, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// Collectors by item and feed, each with when it was first heard.
pub type Awaited = BTreeMap<CiId, BTreeMap<String, Vec<(AgentId, Timestamp)>>>;

/// Whom a rule may miss, as a world has it now: collectors of feeds that are not withdrawn, on items that are in use.
#[must_use]
pub fn awaited(world: &World, rule: &Rule) -> Awaited {
    let Condition::CollectorSilent { feed: asked, .. } = &rule.condition else { return Awaited::new() };
    let mut found = Awaited::new();
    for (voice, collector) in world.trust.collectors.iter() {
        let is_asked = asked.as_deref().is_none_or(|asked| asked == collector.feed.as_str());
        if is_asked && silent::counts(world, &collector.feed) && silent::is_in_use(world, collector.ci) {
            let feeds = found.entry(collector.ci).or_default();
            feeds.entry(collector.feed.to_string()).or_default().push((voice, collector.placed_at));
        }
    }
    found
}

/// One collector of a feed on an item, and when it was heard.
#[derive(Clone, Debug)]
pub struct Voice {
    placed_at: Timestamp,
    bridged: Duration,
    stretches: Vec<Stretch>,
}

impl Voice {
    /// A collector that was first heard then; nothing is known of it yet. `None` when the rule is on something else.
    #[must_use]
    pub fn new(rule: &Rule, placed_at: Timestamp) -> Option<Self> {
        Some(Self { placed_at, bridged: Self::bridged(rule)?, stretches: Vec::new() })
    }

    /// A pause that is shorter than this is none. `None` when the rule is on something else.
    #[must_use]
    pub fn bridged(rule: &Rule) -> Option<Duration> {
        silent::patience_ms(&rule.condition).map(|patience| Duration::from_millis(patience).min(STEADY))
    }

    /// It was heard throughout these moments, or at the one that both are. They come in order.
    pub fn heard(&mut self, from: Timestamp, through: Timestamp) {
        let bridged = self.bridged;
        match self.stretches.last_mut().filter(|(_, last)| from.since(*last) < bridged) {
            Some((_, last)) => *last = through.max(*last),
            None => self.stretches.push((from, through)),
        }
    }

    /// Whether it was heard at all.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !self.stretches.is_empty()
    }
}

/// How long a collector had been heard when it fell silent.
#[derive(Clone, Copy, Debug)]
struct Told {
    steady_since: Timestamp,
    last: Timestamp,
}

/// What one feed said of one item.
#[derive(Clone, Copy, Debug)]
pub struct Speech<'a> {
    /// The item.
    pub ci: CiId,
    /// The feed.
    pub feed: &'a str,
    /// Its collectors.
    pub voices: &'a [Voice],
    /// When the item's own agent was silent, in order: then that is told.
    pub hushed: &'a [Stretch],
}

impl Speech<'_> {
    /// Whether it was ever silent for as long as a rule waits, so that it is worth finding out when its host was.
    #[must_use]
    pub fn has_gaps(&self, rule: &Rule, end: Timestamp) -> bool {
        let Some(patience) = silent::patience_ms(&rule.condition).map(Duration::from_millis) else { return false };
        let mut covered: Option<Timestamp> = None;
        let is_gap = |covered: Option<Timestamp>, at: Timestamp| covered.is_some_and(|last| at.since(last) >= patience);
        let mut found = false;
        for (from, through, _) in self.in_order() {
            found |= is_gap(covered, from);
            covered = covered.max(Some(through));
        }
        found || is_gap(covered, end)
    }

    /// Incidents until a moment, oldest first; none of a rule on something else or another feed.
    #[must_use]
    pub fn judge(&self, rule: &Rule, end: Timestamp) -> Vec<Episode> {
        let Condition::CollectorSilent { after_ms, feed } = &rule.condition else { return Vec::new() };
        if feed.as_deref().is_some_and(|asked| asked != self.feed) {
            return Vec::new();
        }
        let after = Duration::from_millis(*after_ms);
        let attributes = BTreeMap::from([(FEED.to_owned(), self.feed.to_owned())]);
        let mut gaps = Gaps::new(Track::new(rule, Some(self.ci), attributes), rule, after);
        let mut told: Vec<Option<Told>> = vec![None; self.voices.len()];
        let minds = |told: &[Option<Told>]| {
            let known = told.iter().zip(self.voices).filter_map(|(told, voice)| Some((voice, (*told)?)));
            let mut times = known.map(|(voice, told)| [told.steady_since, voice.placed_at].map(|since| told.last.since(since).as_millis()));
            times.any(|[steady, whole]| silent::is_awaited(*after_ms, (steady, whole))).then_some(self.hushed)
        };
        for (from, through, number) in self.in_order() {
            gaps.heard(from, through, minds(&told));
            let before = told[number].filter(|before| from.since(before.last) < STEADY);
            told[number] = Some(Told { steady_since: before.map_or(from, |before| before.steady_since), last: through });
        }
        gaps.until(end, minds(&told))
    }

    /// When any of its collectors was heard, by the begin.
    fn in_order(&self) -> Vec<(Timestamp, Timestamp, usize)> {
        let of = |(number, voice): (usize, &Voice)| voice.stretches.iter().map(move |&(from, through)| (from, through, number)).collect();
        let mut all: Vec<_> = self.voices.iter().enumerate().flat_map(|one| -> Vec<_> { of(one) }).collect();
        all.sort_unstable();
        all
    }
}

#[cfg(test)]
mod tests;
