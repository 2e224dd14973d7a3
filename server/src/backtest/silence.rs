//! A rule on silence over stored samples: a host was silent where it has none for longer than the rule waits.
//!
//! Every agent sends a value of [`PULSE`] with every sample. An hour that has nearly as many of them as an hour can have misses no stretch
//! that matters, and is not looked into; where rows of five minutes stand for samples, five minutes with a sample were heard throughout.
//! Hours beside one that is not proved are read as well, for a silence may reach over the full hour.

use super::host::{Case, Hours, PAGE_HOURS, PULSE, Survey, Verdict};
use crate::store::{HOUR_MS, StoreError};
use rollcall_domain::alert::replay::Silences;
use rollcall_domain::rule::{Condition, Rule};
use rollcall_domain::sample::Grain;
use rollcall_domain::trust::pace::counted;
use rollcall_shared::Timestamp;
use rollcall_shared::message::Settings;
use std::collections::BTreeSet;

/// Samples that an hour may have beyond what its time makes: the ends of the stretches that have some, and clocks that are set right.
const BEYOND: i64 = 3;

/// Whether a rule is on the silence of agents or hosts.
pub(super) fn is_silence(rule: &Rule) -> bool {
    after_ms(rule).is_some()
}

/// Whether a rule is on what is not there: of a time of which nothing is kept it can say nothing.
pub(super) fn is_of_gaps(rule: &Rule) -> bool {
    is_silence(rule) || matches!(rule.condition, Condition::CollectorSilent { .. })
}

/// How long a host has to be silent under a rule, ms; `None` for a rule on something else.
pub(super) fn after_ms(rule: &Rule) -> Option<u64> {
    match rule.condition {
        Condition::AgentSilent { after_ms } | Condition::HostSilent { after_ms } => Some(after_ms),
        _ => None,
    }
}

/// A rule as it counts for a host whose agent pushes at an interval, ms.
pub(super) fn paced(mut rule: Rule, interval_ms: Option<u64>) -> Rule {
    if let (Condition::AgentSilent { after_ms } | Condition::HostSilent { after_ms }, Some(interval_ms)) =
        (&mut rule.condition, interval_ms)
    {
        *after_ms = counted(*after_ms, interval_ms);
    }
    rule
}

/// How many samples an hour has at least when it misses less than half of a silence.
fn enough(after_ms: u64) -> i64 {
    let interval = i64::try_from(Settings::default().sample_interval_ms).unwrap_or(i64::MAX);
    let missed = i64::try_from(after_ms / 2).unwrap_or(i64::MAX).min(HOUR_MS);
    (HOUR_MS - missed) / interval + BEYOND + 1
}

/// Which hours have to be looked into for silences of so long, ms, and in which others the host was heard throughout.
pub(super) fn survey(case: &Case<'_>, after_ms: u64) -> Result<Survey, StoreError> {
    let hours = case.hours();
    let unknown = case.unknown(hours)?;
    let mut counts = vec![0_i64; hours.count];
    for agent in case.agents {
        for row in case.history.stored_rows(Grain::Hour, PULSE, *agent, hours.span())?.values().flatten() {
            if let Some(place) = hours.place(row.at) {
                counts[place] = counts[place].max(i64::from(row.count));
            }
        }
    }
    let enough = enough(after_ms);
    let is_full = |place: usize| !unknown[place] && counts[place] >= enough;
    let is_empty = |place: usize| !unknown[place] && counts[place] == 0;
    let around = |place: usize| place.saturating_sub(1)..=(place + 1).min(hours.count - 1);
    let is_lively = |place: usize| around(place).all(is_full);
    let judged = counts.iter().any(|count| *count > 0);
    Ok(Survey::of_silence(hours, judged, |place| !is_empty(place) && !is_lively(place), is_lively))
}

/// What came of the hours; `None` when it was stopped before it came to the end.
pub(super) fn judge(
    case: &Case<'_>,
    survey: &Survey,
    raw_since: Timestamp,
    stopped: &dyn Fn() -> bool,
) -> Result<Option<Verdict>, StoreError> {
    let to = case.span.1;
    let Some(mut silences) = Silences::new(case.rule, case.ci.map(|ci| ci.id)) else { return Ok(None) };
    let listened = listen(case, survey, (PULSE, raw_since), stopped, &mut |from, through| silences.heard(from, through))?;
    let Some(Listened { sets, excluded_hours }) = listened else { return Ok(None) };
    let judged = survey.is_judged() || silences.is_known();
    let said_goodbye = case.goodbye.is_some_and(|at| at <= to);
    Ok(Some(Verdict { episodes: silences.until(to, said_goodbye), sets, judged, excluded_hours }))
}

/// What it took to hear somebody.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Listened {
    /// Moments.
    pub(super) sets: u64,
    /// Hours that were not looked into.
    pub(super) excluded_hours: u64,
}

/// Tells in order when somebody was heard: throughout from one moment to another, which may be the same. Where samples do not count, rows of
/// five minutes of a metric stand for them. `None` when it was stopped before it came to the end.
pub(super) fn listen(
    case: &Case<'_>,
    survey: &Survey,
    (metric, raw_since): (&str, Timestamp),
    stopped: &dyn Fn() -> bool,
    heard: &mut dyn FnMut(Timestamp, Timestamp),
) -> Result<Option<Listened>, StoreError> {
    let (from, to) = case.span;
    let mut pulse = Pulse { case, metric, raw_since, page: None };
    let mut listened = Listened::default();
    for hour in survey.hours() {
        let (begin, end) = Hours { first: hour, count: 1 }.span();
        if !survey.counts(hour) {
            listened.excluded_hours += 1;
            if survey.is_lively(hour) {
                heard(begin.max(from), end.min(to));
            }
            continue;
        }
        if stopped() {
            return Ok(None);
        }
        for (first, last) in pulse.hour(hour)? {
            listened.sets += 1;
            heard(first.max(from), last.min(to));
        }
    }
    Ok(Some(listened))
}

/// When somebody was heard.
struct Pulse<'a> {
    case: &'a Case<'a>,
    /// What has a row where they were.
    metric: &'a str,
    raw_since: Timestamp,
    /// Begin of the page at hand, and the five minutes in it that have samples.
    page: Option<(i64, BTreeSet<Timestamp>)>,
}

impl Pulse<'_> {
    /// Stretches of an hour in which they were heard, in order.
    fn hour(&mut self, hour: i64) -> Result<Vec<(Timestamp, Timestamp)>, StoreError> {
        let (begin, end) = Hours { first: hour, count: 1 }.span();
        let (from, to) = (begin.max(self.case.span.0), end.min(self.case.span.1));
        if from >= self.raw_since {
            let mut moments = Vec::new();
            for agent in self.case.agents {
                moments.extend(self.case.history.samples(*agent, from, to)?.iter().map(|set| set.at));
            }
            moments.sort_unstable();
            return Ok(moments.into_iter().map(|at| (at, at)).collect());
        }
        let whole = |at: &Timestamp| (*at, Timestamp(at.0.saturating_add(Grain::FiveMinutes.step_ms())));
        let page = self.page(hour)?;
        Ok(page.range(begin..end).map(whole).filter(|(first, last)| *last > from && *first < to).collect())
    }

    fn page(&mut self, hour: i64) -> Result<&BTreeSet<Timestamp>, StoreError> {
        let first = hour.div_euclid(PAGE_HOURS).saturating_mul(PAGE_HOURS);
        if self.page.as_ref().is_none_or(|(known, _)| *known != first) {
            let span = Hours { first, count: usize::try_from(PAGE_HOURS).unwrap_or(0) }.span();
            let mut heard = BTreeSet::new();
            for agent in self.case.agents {
                let tracks = self.case.history.rows(Grain::FiveMinutes, self.metric, *agent, span)?;
                heard.extend(tracks.values().flatten().map(|row| row.at));
            }
            self.page = Some((first, heard));
        }
        Ok(&self.page.get_or_insert_with(|| (first, BTreeSet::new())).1)
    }
}
