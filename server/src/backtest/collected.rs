//! A rule on feeds that fall silent over stored samples: a feed was silent of an item where none of its collectors has any for longer than
//! the rule waits.
//!
//! An hour whose longest pause is short, and whose neighbours' are, is not looked into ([`PAUSE`]); where rows of five minutes stand for
//! samples, five minutes with a sample were heard throughout. When the item's own agent was silent is found out only where a feed was.

use super::host::{Case, Host, PULSE, Survey, Verdict};
use super::silence::{self, Listened};
use super::{Report, Task};
use crate::store::StoreError;
use rollcall_domain::World;
use rollcall_domain::alert::collected::past::{Awaited, Speech, Voice, awaited};
use rollcall_domain::alert::replay::{Quiet, Stretch};
use rollcall_domain::rule::Rule;
use rollcall_domain::rule::select::settled;
use rollcall_domain::sample::{Grain, PAUSE};
use rollcall_shared::{AgentId, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Whom a rule may miss.
#[derive(Clone, Debug)]
pub struct Feeds {
    awaited: Awaited,
    quiet: Quiet,
}

impl Feeds {
    /// As a world has them now.
    #[must_use]
    pub fn of(world: &World, rule: &Rule) -> Self {
        Self { awaited: awaited(world, rule), quiet: Quiet::new(world) }
    }
}

/// Which hours of an item's collectors count.
type Surveys = BTreeMap<AgentId, Survey>;

impl Task {
    pub(super) fn over_feeds(&self, feeds: &Feeds, now: Timestamp) -> Result<Report, StoreError> {
        let survey = |host: &Host| if self.is_late() { Ok(None) } else { self.survey_feeds(feeds, host).map(Some) };
        let surveys = self.shared_out(&self.question.hosts, survey)?;
        let each = || surveys.iter().flatten().flat_map(Surveys::values);
        let raw_since = self.raw_from(now, &|begin| each().map(|survey| survey.hours_to_read(begin)).sum());
        let work: Vec<(&Host, &Option<Surveys>)> = self.question.hosts.iter().zip(&surveys).collect();
        let report = Mutex::new(Report { raw_since, ..Report::default() });
        self.shared_out(&work, |(host, surveys)| {
            let judge = |surveys| self.judge_feeds((feeds, surveys), host, raw_since);
            let verdict = surveys.as_ref().filter(|_| !self.is_late()).map_or(Ok(None), judge)?;
            report.lock().unwrap_or_else(PoisonError::into_inner).add(verdict);
            Ok(())
        })?;
        Ok(report.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn survey_feeds(&self, feeds: &Feeds, host: &Host) -> Result<Surveys, StoreError> {
        let Some(bridged) = Voice::bridged(&self.question.rule) else { return Ok(Surveys::new()) };
        let voices = host.ci.and_then(|ci| feeds.awaited.get(&ci)).into_iter().flat_map(BTreeMap::values).flatten();
        voices.map(|(voice, _)| Ok((*voice, survey(&self.of_agents(&self.question.rule, &[*voice]), bridged)?))).collect()
    }

    /// What came of an item's feeds; `None` when there was no time for all of them.
    fn judge_feeds(&self, (feeds, surveys): (&Feeds, &Surveys), host: &Host, raw_since: Timestamp) -> Result<Option<Verdict>, StoreError> {
        let rule = Rule { enabled: true, ..settled(&self.question.rule, host.variant) };
        let (end, mut verdict) = (self.question.span.1, Verdict { episodes: Vec::new(), sets: 0, judged: false, excluded_hours: 0 });
        let mut hushed: Option<Vec<Stretch>> = None;
        let Some((ci, spoken)) = host.ci.and_then(|ci| Some((ci, feeds.awaited.get(&ci)?))) else { return Ok(Some(verdict)) };
        let own = host.interval_ms.map_or_else(|| feeds.quiet.clone(), |interval_ms| feeds.quiet.clone().paced(interval_ms));
        for (feed, collectors) in spoken {
            let mut voices = Vec::new();
            for (collector, placed_at) in collectors {
                let known = surveys.get(collector).zip(Voice::new(&rule, *placed_at));
                let Some((survey, mut voice)) = known else { continue };
                let (one, from) = ([*collector], (PAUSE, raw_since));
                let case = self.of_agents(&rule, &one);
                let heard = &mut |from, through| voice.heard(from, through);
                let listened = silence::listen(&case, survey, from, &|| self.is_late(), heard)?;
                let Some(Listened { sets, excluded_hours }) = listened else { return Ok(None) };
                verdict.judged |= voice.is_known();
                (verdict.sets, verdict.excluded_hours) = (verdict.sets + sets, verdict.excluded_hours + excluded_hours);
                voices.push(voice);
            }
            let speech = Speech { ci, feed, voices: &voices, hushed: &[] };
            if hushed.is_none() && speech.has_gaps(&rule, end) {
                let Some(found) = self.quiet(own.clone(), &self.of_agents(&rule, &host.agents), raw_since)? else { return Ok(None) };
                hushed = Some(found);
            }
            let hushed = hushed.as_deref().unwrap_or_default();
            verdict.episodes.extend(Speech { hushed, ..speech }.judge(&rule, end));
        }
        Ok(Some(verdict))
    }

    fn of_agents<'c>(&'c self, rule: &'c Rule, agents: &'c [AgentId]) -> Case<'c> {
        Case { history: &self.history, rule, ci: None, agents, goodbye: None, span: self.question.span }
    }

    /// When a host was silent itself; `None` when there was no time for it.
    fn quiet(&self, mut quiet: Quiet, case: &Case<'_>, raw_since: Timestamp) -> Result<Option<Vec<Stretch>>, StoreError> {
        let patience = u64::try_from(quiet.patience().as_millis()).unwrap_or(u64::MAX);
        let survey = silence::survey(case, patience)?;
        let heard = &mut |from, through| quiet.heard(from, through);
        let listened = silence::listen(case, &survey, (PULSE, raw_since), &|| self.is_late(), heard)?;
        Ok(listened.map(|_| quiet.until(case.span.1)))
    }
}

/// Which hours have to be looked into, and in which others a collector was heard without a pause that counts.
fn survey(case: &Case<'_>, bridged: Duration) -> Result<Survey, StoreError> {
    let hours = case.hours();
    let unknown = case.unknown(hours)?;
    let mut pauses: Vec<Option<f64>> = vec![None; hours.count];
    for collector in case.agents {
        for row in case.history.stored_rows(Grain::Hour, PAUSE, *collector, hours.span())?.values().flatten() {
            if let Some(place) = hours.place(row.at) {
                pauses[place] = Some(row.max);
            }
        }
    }
    // Two that meet are no pause that counts, either.
    let is_full = |place: usize| !unknown[place] && pauses[place].is_some_and(|longest| longest * 2.0 < bridged.as_secs_f64());
    let is_empty = |place: usize| !unknown[place] && pauses[place].is_none();
    // Of the first and the last hour something may be out of the span.
    let is_lively = |place: usize| place > 0 && place + 1 < hours.count && (place - 1..=place + 1).all(is_full);
    let judged = pauses.iter().any(Option::is_some);
    Ok(Survey::of_silence(hours, judged, |place| !is_empty(place) && !is_lively(place), is_lively))
}

#[cfg(test)]
mod tests;
