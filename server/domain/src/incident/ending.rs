//! The end of an alert resolves its incident, when nothing else that the incident is about goes on.
//!
//! An incident is about what its dedup keys name: the alert or the outage that opened it, and those that joined it or were merged into it.
//! What merely hangs on it, because what it depends on is what the incident is about, has no say in when it resolves.
//!
//! Invariant: whatever holds an incident open calls [`ended`] again when it is over itself, in whichever order they end.

use super::react::{RECOVERED, note};
use super::{Incident, IncidentEvent, IncidentState};
use crate::World;
use crate::alert::dropped::Dropped;
use crate::alert::external::{ExternalAlert, PREFIX};
use crate::alert::{Alert, AlertState};
use crate::ci::lifecycle::is_out_of_use;
use crate::rule::Rule;

/// What ends: an alert or an outage that an incident is about.
#[derive(Clone, Copy, Default)]
pub(super) struct Ending<'a> {
    /// The rule that judged; none for what another system tells of.
    pub rule: Option<&'a Rule>,
    /// Why it was dropped; none where it is over.
    pub dropped: Option<Dropped>,
}

/// What follows when that has ended, as a text says.
pub(super) fn ended(world: &World, incident: &Incident, Ending { rule, dropped }: Ending<'_>, text: String) -> Vec<IncidentEvent> {
    let said = |more: &str| vec![note(incident, format!("{text} {more}"))];
    if incident.storm.is_some() {
        return said("It was merged into this incident, which resolves when all of its parts have.");
    }
    if incident.breach.is_none() && !is_external(incident) {
        return said("A person opened this incident, and a person resolves it.");
    }
    if goes_on(world, incident) {
        return said("Another alert of this incident is not over.");
    }
    if rule.is_some_and(|rule| !rule.auto_resolve) {
        return said("The rule leaves resolving to people.");
    }
    let dropped = match rule {
        Some(rule) if !rule.enabled => Some(Dropped::SwitchedOff),
        Some(_) if is_retired(world, incident) => Some(Dropped::OutOfUse),
        _ => dropped,
    };
    let code = dropped.map_or(RECOVERED, Dropped::close_code);
    vec![IncidentEvent::IncidentStateChanged {
        incident: incident.id,
        before: incident.state,
        after: IncidentState::Resolved,
        hold_reason: None,
        close_code: Some(code.to_owned()),
        notes: Some(text),
    }]
}

/// Whether a close code says that nobody resolved it: the machine did.
pub(super) fn is_of_machine(code: &str) -> bool {
    code == RECOVERED || Dropped::ALL.iter().any(|dropped| dropped.close_code() == code)
}

/// Whether what it was measured on is out of use: nothing has recovered there.
fn is_retired(world: &World, incident: &Incident) -> bool {
    let ci = incident.breach.as_ref().and_then(|breach| world.cmdb.cis.get(&breach.key.ci));
    ci.is_some_and(|ci| is_out_of_use(ci.status))
}

/// Whether another system's alert opened it. The incident of a rule may have a key that begins alike.
pub(super) fn is_external(incident: &Incident) -> bool {
    incident.breach.is_none() && incident.dedup_key.as_ref().is_some_and(|key| key.starts_with(PREFIX))
}

/// Whether something that the incident is about is not over. What flaps may be back any moment, and is told of when it does no more.
fn goes_on(world: &World, incident: &Incident) -> bool {
    let of_external = |alert: &ExternalAlert| alert.fires() || alert.flaps();
    let alerts = &world.alerts;
    let told = |key: &String| alerts.external.alerts.get(key).is_some_and(of_external) || alerts.outages.contains_key(key);
    let mut own = incident.alerts.iter().filter_map(|id| alerts.alerts.get(id)).filter(|alert| is_going_on(alert));
    incident.keys().any(told) || own.any(|alert| incident.keys().any(|key| *key == alert.key.dedup_key()))
}

/// A suspicion has never been told of, whether or not it is still measured.
fn is_going_on(alert: &Alert) -> bool {
    let fires = match alert.state {
        AlertState::Firing | AlertState::Recovering => true,
        AlertState::Unknown => alert.before_unknown != Some(AlertState::Pending),
        AlertState::Inactive | AlertState::Pending | AlertState::Resolved => false,
    };
    fires || alert.flaps()
}

#[cfg(test)]
mod tests;
