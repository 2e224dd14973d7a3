//! Alerts of other systems, as an Alertmanager tells of them.
//!
//! One record for each source and fingerprint. Its life is that of what the source said last: `firing` begins an episode, `resolved` ends
//! it, and nothing else does. A source that falls silent ends nothing. Saying the same again changes nothing, however often and in
//! whichever order: a repeat is told from a come-back by the moment in which the episode began, as its source says ([`episode`]).
//!
//! They are told about as our own are: mutes, what their item stands on, and acknowledgements are axes of their own ([`suppress`]), and
//! so is flapping (`flap`).
//!
//! Invariants: bounded in records and in the size of each; [`receive`] judges, `Externals::apply` remembers what it is told.

pub mod episode;
pub(super) mod flap;
pub mod place;
pub mod report;
pub mod suppress;

use super::flapping::History;
use super::{Acknowledgement, AlertEvent, Suppression};
use crate::id::{AlertId, CiId, IncidentId};
use crate::incident::Incident;
use crate::rule::{Severity, Tier};
use crate::{Context, Event, Rejection, World};
use episode::Hearing;
pub use episode::Said;
pub use report::{ExternalReport, ExternalState};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Alerts of other systems that are remembered, firing or not: at about 2 KiB each as many as fit into 200 MiB.
pub const EXTERNAL_ALERTS: usize = 100_000;

/// Those of them that are over: what a repeated message can still be about.
pub const OVER: usize = 10_000;

/// An alert of another system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExternalAlert {
    /// Its id; no alert of our own has the same.
    pub id: AlertId,
    /// The feed that tells of it.
    pub source: String,
    /// What the source tells it apart by.
    pub fingerprint: String,
    /// What the source said last.
    pub state: ExternalState,
    /// How bad; `None` for what is but for information and opens no incident.
    pub severity: Option<Severity>,
    /// A line.
    pub title: String,
    /// More, for people.
    pub description: String,
    /// What it is of, in the source's words.
    pub labels: BTreeMap<String, String>,
    /// Where to read on at the source.
    pub link: Option<String>,
    /// What to do about it.
    pub runbook: Option<String>,
    /// The item that the labels mean.
    pub ci: Option<CiId>,
    /// How the item was found, or why none was.
    pub placed: String,
    /// When the episode began, as the source says.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When the source's word last changed something here.
    pub changed_at: Timestamp,
    /// How often it began to fire.
    pub times_fired: u32,
    /// What its source said of the episode.
    #[serde(default, skip_serializing_if = "Said::is_nothing")]
    pub said: Said,
    /// Its live or last incident.
    #[serde(default)]
    pub incident: Option<IncidentId>,
    /// Why it is not told about, by axis; kept by the fold.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub suppressed: BTreeMap<Suppression, String>,
    /// The incident that tells of it instead, while what its item stands on is down; kept by the fold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_by: Option<IncidentId>,
    /// Its last states; kept by the fold.
    #[serde(default, skip_serializing_if = "History::is_empty")]
    pub history: History,
    /// Who looks after it; kept by the fold. See [`ExternalAlert::acknowledgement`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledgement>,
    /// Log revision of the last change; filled in by the fold.
    #[serde(default)]
    pub revision: u64,
}

/// What a message changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum ExternalChange {
    /// An episode began.
    Began,
    /// It is worse or better than before, or goes on with another beginning.
    Graded {
        /// How bad it was.
        before: Option<Severity>,
    },
    /// The episode ended.
    Ended,
    /// It was called firing although it is over: by a late copy, unless that is said again. It is as it was.
    Doubted,
}

/// All alerts of other systems.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Externals {
    /// By [`ExternalAlert::dedup_key`].
    pub alerts: BTreeMap<String, ExternalAlert>,
    /// Those that are over, in the order in which that was told.
    pub over: BTreeSet<(Timestamp, String)>,
    /// Keys by id.
    pub ids: BTreeMap<AlertId, String>,
    /// Keys by the item that is meant.
    pub by_ci: BTreeMap<CiId, BTreeSet<String>>,
}

impl ExternalAlert {
    /// Its key, and that of its incident.
    #[must_use]
    pub fn dedup_key(&self) -> String {
        key(&self.source, &self.fingerprint)
    }

    /// How loud it is: what is critical pages, a warning is a ticket, information is kept for correlation.
    #[must_use]
    pub fn tier(&self) -> Tier {
        match self.severity {
            Some(Severity::Critical) => Tier::Page,
            Some(Severity::Warning) => Tier::Ticket,
            None => Tier::RecordOnly,
        }
    }

    /// What its source calls alerts of this kind.
    #[must_use]
    pub fn name(&self) -> &str {
        self.labels.get("alertname").map_or(&self.title, |name| name)
    }

    /// Whether it fires.
    #[must_use]
    pub fn fires(&self) -> bool {
        self.state == ExternalState::Firing
    }

    /// Whether its source says by the label [`MEANS_DOWN`] that its item is down while it fires. What opens no incident says nothing.
    #[must_use]
    pub fn means_down(&self) -> bool {
        self.severity.is_some() && self.labels.get(MEANS_DOWN).is_some_and(|value| value == "true")
    }

    /// Who looks after it at a moment.
    #[must_use]
    pub fn acknowledgement(&self, now: Timestamp) -> Option<&Acknowledgement> {
        self.acknowledged.as_ref().filter(|one| one.until.is_none_or(|until| now < until))
    }
}

/// The label by which a source says `true` when the item of an alert is down while it fires: what stands on the item is told about there.
pub const MEANS_DOWN: &str = "means_down";

/// Both parts have no slash: see [`crate::trust::feed::FeedName`] and [`report::fingerprint`].
fn key(source: &str, fingerprint: &str) -> String {
    format!("{PREFIX}{source}/{fingerprint}")
}

/// What the dedup keys of other systems' alerts begin with. No rule has a name with a slash.
pub const PREFIX: &str = "external/";

impl Externals {
    /// The alert that a source tells apart by a fingerprint.
    #[must_use]
    pub fn get(&self, source: &str, fingerprint: &str) -> Option<&ExternalAlert> {
        self.alerts.get(&key(source, fingerprint))
    }

    /// The alert with an id.
    #[must_use]
    pub fn by_id(&self, id: AlertId) -> Option<&ExternalAlert> {
        self.alerts.get(self.ids.get(&id)?)
    }

    /// The alert that an incident was opened for.
    #[must_use]
    pub fn of(&self, incident: &Incident) -> Option<&ExternalAlert> {
        self.alerts.get(incident.dedup_key.as_ref()?)
    }

    /// The alerts that mean an item.
    pub fn about(&self, ci: CiId) -> impl Iterator<Item = &ExternalAlert> {
        self.by_ci.get(&ci).into_iter().flatten().filter_map(|key| self.alerts.get(key))
    }

    pub(super) fn apply(&mut self, revision: u64, at: Timestamp, (change, alert): (ExternalChange, &ExternalAlert)) {
        if change == ExternalChange::Doubted {
            return self.hear(revision, alert);
        }
        let key = alert.dedup_key();
        let mut alert = ExternalAlert { revision, changed_at: at, history: History::default(), ..alert.clone() };
        if let Some(known) = self.forget(&key) {
            (alert.incident, alert.suppressed, alert.told_by) = (known.incident, known.suppressed, known.told_by);
            // What was to last until it is over ends with it; what was to last until a moment lasts on.
            alert.acknowledged = known.acknowledged.filter(|one| one.until.is_some() || alert.fires());
            alert.history = known.history;
        }
        alert.history = flap::noted(alert.history, &alert, at);
        // One that flaps is remembered until it does no more: its incident waits for that.
        if !alert.fires() && !alert.flaps() {
            self.over.insert((at, key.clone()));
        }
        self.ids.insert(alert.id, key.clone());
        if let Some(ci) = alert.ci {
            self.by_ci.entry(ci).or_default().insert(key.clone());
        }
        self.alerts.insert(key, alert);
        while self.over.len() > OVER {
            if let Some((_, oldest)) = self.over.first().cloned() {
                self.forget(&oldest);
            }
        }
    }

    pub(super) fn suppress(&mut self, revision: u64, id: AlertId, (axis, reason): (Suppression, Option<&String>), by: Option<IncidentId>) {
        let Some(alert) = self.ids.get(&id).and_then(|key| self.alerts.get_mut(key)) else { return };
        match reason {
            Some(reason) => alert.suppressed.insert(axis, reason.clone()),
            None => alert.suppressed.remove(&axis),
        };
        if axis == Suppression::Dependency {
            alert.told_by = by;
        }
        alert.revision = revision;
        let is_forgettable = !alert.fires() && !alert.flaps();
        let place = (alert.changed_at, alert.dedup_key());
        if is_forgettable {
            self.over.insert(place)
        } else {
            self.over.remove(&place)
        };
    }

    /// An incident in which another goes on.
    pub(crate) fn merged(&mut self, id: AlertId, (duplicate, into): (IncidentId, IncidentId)) {
        let known = self.ids.get(&id).and_then(|key| self.alerts.get_mut(key));
        known.filter(|alert| alert.incident == Some(duplicate)).into_iter().for_each(|alert| alert.incident = Some(into));
    }

    pub(super) fn acknowledge(&mut self, revision: u64, id: AlertId, acknowledgement: Option<&Acknowledgement>) {
        let Some(alert) = self.ids.get(&id).and_then(|key| self.alerts.get_mut(key)) else { return };
        (alert.acknowledged, alert.revision) = (acknowledgement.cloned(), revision);
    }

    fn forget(&mut self, key: &str) -> Option<ExternalAlert> {
        let known = self.alerts.remove(key)?;
        self.over.remove(&(known.changed_at, key.to_owned()));
        self.ids.remove(&known.id);
        if let Some((ci, keys)) = known.ci.and_then(|ci| Some((ci, self.by_ci.get_mut(&ci)?))) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_ci.remove(&ci);
            }
        }
        Some(known)
    }
}

/// Judges what a source says of some alerts, one after the other.
///
/// # Errors
/// [`Rejection::Conflict`] when there are [`EXTERNAL_ALERTS`] that fire already; nothing of the message has taken effect then.
pub fn receive(world: &World, source: &str, reports: &[ExternalReport], context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    let known = &world.alerts.external.alerts;
    let hearing = Hearing { world, source, written_at: episode::written_at(reports) };
    let mut changed: BTreeMap<String, ExternalAlert> = BTreeMap::new();
    let (mut events, mut begun) = (Vec::new(), 0);
    for report in reports {
        let key = key(source, &report.fingerprint);
        let before = changed.get(&key).or_else(|| known.get(&key));
        let is_new = before.is_none();
        let Some((change, alert)) = episode::step(&hearing, before, report, context) else { continue };
        begun += usize::from(is_new);
        if known.len() + begun > EXTERNAL_ALERTS {
            return Err(Rejection::Conflict(format!("{EXTERNAL_ALERTS} alerts of other systems are known, which is the limit")));
        }
        changed.insert(key, alert.clone());
        // What is over needs no reason any more why it is not told about.
        let ends = if change == ExternalChange::Ended { suppress::ends(&alert, context.now) } else { Vec::new() };
        events.push(Event::Alert(AlertEvent::ExternalAlertChanged { change, alert: Box::new(alert) }));
        events.extend(ends);
    }
    Ok(events)
}

#[cfg(test)]
mod tests;
