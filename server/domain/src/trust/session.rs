//! One identity, one machine: what an agent's epochs tell of copies of its state.
//!
//! An epoch is one life of an agent's spool, so two machines with one identity soon speak in two epochs, and can be told apart by them:
//! the certificate alone cannot. A copy shows itself in two ways. It reports other hardware than the host that the agent is at home in; or,
//! on hardware that looks the same, each of the two machines replaces the other's epoch, and both go on. The later one is quarantined: its
//! epoch is refused and it is told to enrol anew, while the host goes on to be heard. Invariant: nothing here touches a host's record, and an
//! epoch in which the host itself reported last is never quarantined.

use super::TrustEvent;
use crate::ci::{CiEvent, DeadLetterCode};
use crate::{Event, Rejection, World};
use rollcall_shared::AgentId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Quarantined epochs remembered of one agent: a copy stays in one, for nothing tells it to begin another.
const QUARANTINED: usize = 64;

/// What the epochs of one agent tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions {
    /// The epoch in which the agent's host reported last.
    pub current: Option<u64>,
    /// This epoch and those before it are nobody's.
    pub spent: Option<u64>,
    /// The last time that an epoch spoke after another had replaced it: the older, the later.
    pub diverged: Option<(u64, u64)>,
    /// Epochs of copies, with what showed that they are.
    #[serde(with = "crate::world::pairs")]
    pub quarantined: BTreeMap<u64, String>,
    /// Copies that were quarantined and did not yet turn out to live beside the host: a disk that was moved is no clone.
    pub suspected: u64,
}

impl Sessions {
    /// Remembers an event. Total.
    pub(super) fn apply(&mut self, event: &TrustEvent) {
        match event {
            TrustEvent::SessionBegan { epoch, .. } => self.current = Some(*epoch),
            TrustEvent::SessionSpent { epoch, .. } => self.spent = self.spent.max(Some(*epoch)),
            TrustEvent::SessionDiverged { found, known, .. } => self.diverged = Some((*found, *known)),
            TrustEvent::SessionQuarantined { epoch, reason, .. } => {
                self.quarantined.insert(*epoch, reason.clone());
                self.suspected = self.suspected.saturating_add(1);
                if self.quarantined.len() > QUARANTINED {
                    self.quarantined.pop_first();
                }
            }
            TrustEvent::CloneDetected { .. } => (self.suspected, self.diverged) = (0, None),
            _ => {}
        }
    }
}

/// A push that is not taken in, with what is to be remembered of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Turned {
    /// What the agent hears.
    pub rejection: Rejection,
    /// What the log says.
    pub events: Vec<Event>,
}

/// How far an agent had come in the epoch of a push; the push is not taken in when its epoch is over, or that of a copy.
///
/// # Errors
/// [`Rejection::StaleEpoch`] tells the agent to begin a new epoch, [`Rejection::DuplicateIdentity`] to enrol anew.
pub fn begin(world: &World, agent: AgentId, epoch: u64) -> Result<u64, Turned> {
    let turned = |rejection| Turned { rejection, events: Vec::new() };
    let sessions = world.trust.sessions.get(&agent);
    if let Some(reason) = sessions.and_then(|sessions| sessions.quarantined.get(&epoch)) {
        return Err(turned(Rejection::DuplicateIdentity { agent, reason: reason.clone() }));
    }
    if let Some(spent) = sessions.and_then(|sessions| sessions.spent).filter(|&spent| epoch <= spent) {
        return Err(turned(Rejection::StaleEpoch { found: epoch, known: spent.saturating_add(1) }));
    }
    match world.telemetry.progress(agent) {
        Some((known, _)) if epoch < known => Err(diverged(agent, sessions, epoch, known)),
        Some((known, through)) if epoch == known => Ok(through),
        _ => Ok(0),
    }
}

/// An epoch that was replaced speaks again. Once is a restored backup, whose agent begins a new epoch. When the epoch that had replaced
/// it is replaced in its turn and speaks again, there are two machines.
fn diverged(agent: AgentId, sessions: Option<&Sessions>, found: u64, known: u64) -> Turned {
    let stale = Rejection::StaleEpoch { found, known };
    let last = sessions.and_then(|sessions| sessions.diverged);
    if last.is_some_and(|(_, replaced_by)| replaced_by == found) {
        let reason = format!("two machines take turns in its epochs, the last of them {found} and {known}");
        let quarantined = TrustEvent::SessionQuarantined { agent, epoch: found, reason: reason.clone() };
        let detected = TrustEvent::CloneDetected { agent, evidence: reason.clone() };
        let events = vec![Event::Trust(quarantined), Event::Trust(detected)];
        return Turned { rejection: Rejection::DuplicateIdentity { agent, reason }, events };
    }
    // The epoch of a copy that was found out replaced it, or it says so again: nothing new.
    let is_known = last == Some((found, known)) || sessions.is_some_and(|sessions| sessions.quarantined.contains_key(&known));
    let news = (!is_known).then_some(Event::Trust(TrustEvent::SessionDiverged { agent, found, known }));
    Turned { rejection: stale, events: news.into_iter().collect() }
}

/// What a report tells of the epoch that it came in; `events` is what it was decided to cause.
#[must_use]
pub fn reported(world: &World, agent: AgentId, epoch: u64, events: &[Event]) -> Vec<Event> {
    let sessions = world.trust.sessions.get(&agent);
    let current = sessions.and_then(|sessions| sessions.current);
    let told = match events.iter().find_map(foreign) {
        // The host itself spoke in this epoch: its copy has the same spool, and both must begin anew.
        Some(_) if current == Some(epoch) => vec![TrustEvent::SessionSpent { agent, epoch }],
        Some(reason) => vec![TrustEvent::SessionQuarantined { agent, epoch, reason }],
        None => {
            let began = (current != Some(epoch)).then_some(TrustEvent::SessionBegan { agent, epoch });
            let suspected = sessions.is_some_and(|sessions| sessions.suspected > 0);
            let proven = suspected.then(|| {
                let reason = sessions.and_then(|sessions| sessions.quarantined.values().next_back()).cloned().unwrap_or_default();
                TrustEvent::CloneDetected { agent, evidence: format!("its host goes on to report, and yet {reason}") }
            });
            began.into_iter().chain(proven).collect()
        }
    };
    told.into_iter().map(Event::Trust).collect()
}

/// Whether an event says that an agent told of another machine than its host, and how that was seen.
fn foreign(event: &Event) -> Option<String> {
    match event {
        Event::Ci(CiEvent::ForeignHostIdentified { ci, home, .. }) => Some(format!("a machine reported as it that is {ci} and not {home}")),
        Event::Ci(CiEvent::DeadLettered { letter }) if letter.code == DeadLetterCode::DuplicateIdentity => Some(letter.reason.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
