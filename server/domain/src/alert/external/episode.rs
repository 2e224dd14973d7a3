//! Episodes: what a source's word means for an alert.
//!
//! An episode is known by what the source says of its begin, in the source's own time, whose clock may be ahead of ours. What begins later
//! than the episode that is known is another one. What calls an episode firing that has ended is a copy that comes late, from the other node
//! of a pair or a queue, or takes back an end that was a mistake: an Alertmanager that its Prometheus could not reach for some minutes calls
//! all over and then, with the same begins, firing again. The messages are the same to the byte, so it is
//! - ignored for a minute after the end;
//! - after that noted, on the alert and in its incident, and nothing more: a copy comes once;
//! - a begin when it is said again a minute later or more, which a source does as long as an alert fires: after `repeat_interval`, or when
//!   its group changes;
//! - a begin at once when the message tells of something that began or ended after that end: it was written after it.
//!
//! A source that tells no begin cannot be told late from new: a minute after the end its word counts. Nothing that fires is lost for
//! longer than its source takes to repeat itself.

use super::{ExternalAlert, ExternalChange, ExternalReport, ExternalState, Externals, place};
use crate::id::AlertId;
use crate::{Context, World};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// For how long after its end an episode is not begun again, nor after it was first called firing again: in so short a time copies come
/// from both nodes of a pair. An Alertmanager tells of one group no more often than this.
pub(super) const LATE: Duration = Duration::from_secs(60);

/// What a source said of an episode, in its own time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// When it began; `None` when it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// When, in our time, it was called firing though it had ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_at: Option<Timestamp>,
}

impl Said {
    /// Whether it said nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl ExternalAlert {
    /// When it was called firing though it is over; `None` when it was not, or fires.
    #[must_use]
    pub fn doubted_at(&self) -> Option<Timestamp> {
        self.said.again_at.filter(|_| !self.fires())
    }

    /// Why it does not fire though it was called firing; `None` when it was not, or fires.
    #[must_use]
    pub fn doubt(&self) -> Option<String> {
        let again_at = self.doubted_at()?;
        let from = again_at.plus(LATE);
        Some(format!(
            "it was called firing at {again_at}, with the begin of an episode that is over: a late copy, unless that is said again from \
             {from} on"
        ))
    }

    fn said_begin(&self) -> Timestamp {
        self.said.began_at.unwrap_or(self.began_at)
    }

    /// Whether a message was written after its end, as both are told in the source's time.
    fn ended_before(&self, written_at: Option<Timestamp>) -> bool {
        let known = self.said.ended_at.map(|at| at.max(self.said_begin()));
        written_at.zip(known).is_some_and(|(written, ended)| written > ended)
    }
}

impl Externals {
    /// Remembers what was said of an alert that it does not change.
    pub(super) fn hear(&mut self, revision: u64, alert: &ExternalAlert) {
        if let Some(known) = self.alerts.get_mut(&alert.dedup_key()) {
            (known.said, known.revision) = (alert.said, revision);
        }
    }
}

/// The latest moment that reports of one message tell of, in their source's time; it was written after that. When something that fires
/// will end is not known by anybody.
pub(super) fn written_at(reports: &[ExternalReport]) -> Option<Timestamp> {
    let ended = |report: &ExternalReport| report.ended_at.filter(|_| report.state == ExternalState::Resolved);
    reports.iter().flat_map(|report| [report.began_at, ended(report)]).flatten().max()
}

/// What a report is judged by.
pub(super) struct Hearing<'a> {
    pub(super) world: &'a World,
    pub(super) source: &'a str,
    /// See [`written_at`].
    pub(super) written_at: Option<Timestamp>,
}

/// What one report changes; `None` when it says what is known, or is late.
pub(super) fn step(
    hearing: &Hearing<'_>,
    known: Option<&ExternalAlert>,
    report: &ExternalReport,
    context: &mut Context<'_>,
) -> Option<(ExternalChange, ExternalAlert)> {
    let now = context.now;
    match (known, report.state) {
        (None, ExternalState::Resolved) => None,
        (None, ExternalState::Firing) => Some((ExternalChange::Began, begin(hearing, None, report, context))),
        (Some(known), ExternalState::Firing) if known.fires() => goes_on(known, report, now),
        (Some(known), ExternalState::Firing) => match verdict(hearing, known, report, now) {
            Verdict::Late => None,
            Verdict::Doubtful => {
                let said = Said { again_at: Some(now), ..known.said };
                Some((ExternalChange::Doubted, ExternalAlert { said, ..known.clone() }))
            }
            Verdict::New => Some((ExternalChange::Began, begin(hearing, Some(known), report, context))),
        },
        (Some(known), ExternalState::Resolved) => end(known, report, now).map(|alert| (ExternalChange::Ended, alert)),
    }
}

fn goes_on(known: &ExternalAlert, report: &ExternalReport, now: Timestamp) -> Option<(ExternalChange, ExternalAlert)> {
    let later = report.began_at.filter(|at| *at > known.said_begin());
    if known.severity == report.severity && later.is_none() {
        return None;
    }
    let alert = ExternalAlert {
        severity: report.severity,
        title: report.title.clone(),
        description: report.description.clone(),
        began_at: later.map_or(known.began_at, |at| at.min(now)),
        changed_at: now,
        said: Said { began_at: later.or(known.said.began_at), ..known.said },
        ..known.clone()
    };
    Some((ExternalChange::Graded { before: known.severity }, alert))
}

/// What a word means that calls firing what has ended.
enum Verdict {
    Late,
    Doubtful,
    New,
}

fn verdict(hearing: &Hearing<'_>, known: &ExternalAlert, report: &ExternalReport, now: Timestamp) -> Verdict {
    if report.began_at.is_some_and(|at| at > known.said_begin()) {
        return Verdict::New;
    }
    if now.since(known.changed_at) < LATE {
        return Verdict::Late;
    }
    if report.began_at.is_none() || known.ended_before(hearing.written_at) {
        return Verdict::New;
    }
    match known.said.again_at {
        None => Verdict::Doubtful,
        Some(first) if now.since(first) < LATE => Verdict::Late,
        Some(_) => Verdict::New,
    }
}

fn end(known: &ExternalAlert, report: &ExternalReport, now: Timestamp) -> Option<ExternalAlert> {
    let begin = known.said_begin();
    // The end of an episode that is over says nothing about the one that fires. Two that watch the same see it begin at moments
    // that differ a little.
    let is_earlier = report.ended_at.is_some_and(|at| at < begin) || report.began_at.is_some_and(|at| begin.since(at) > LATE);
    if !known.fires() || is_earlier {
        return None;
    }
    // What is said to end after now has ended now, and what is said to end before it began here ended when it did.
    let ended_at = report.ended_at.map_or(now, |at| at.min(now).max(known.began_at));
    let said = Said { ended_at: report.ended_at, ..known.said };
    Some(ExternalAlert { state: ExternalState::Resolved, ended_at: Some(ended_at), changed_at: now, said, ..known.clone() })
}

pub(super) fn begin(
    hearing: &Hearing<'_>,
    known: Option<&ExternalAlert>,
    report: &ExternalReport,
    context: &mut Context<'_>,
) -> ExternalAlert {
    let now = context.now;
    let (ci, placed) = match place::place(hearing.world, &report.labels, now) {
        Ok((ci, how)) => (Some(ci), how),
        Err(why) => (None, why),
    };
    ExternalAlert {
        id: known.map_or_else(|| AlertId(context.ids.next_bits()), |known| known.id),
        source: hearing.source.to_owned(),
        fingerprint: report.fingerprint.clone(),
        state: ExternalState::Firing,
        severity: report.severity,
        title: report.title.clone(),
        description: report.description.clone(),
        labels: report.labels.clone(),
        link: report.link.clone(),
        runbook: report.runbook.clone(),
        ci,
        placed,
        // What is said to begin after now is beginning now.
        began_at: report.began_at.map_or(now, |at| at.min(now)),
        ended_at: None,
        changed_at: now,
        times_fired: known.map_or(0, |known| known.times_fired).saturating_add(1),
        said: Said { began_at: report.began_at, ..Said::default() },
        incident: None,
        suppressed: BTreeMap::new(),
        told_by: None,
        history: super::History::default(),
        acknowledged: None,
        revision: 0,
    }
}

#[cfg(test)]
mod tests;
