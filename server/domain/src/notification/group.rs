//! Incidents that are told together, from the first until the last has ended.
//!
//! `waiting → told → attended → ended`, each incident for itself; the group is told when somebody is to know more than was told.
//!
//! Invariants: an incident is in one standing of a group at a time; a group that has ended takes no one in any more, so that a link in an
//! old message means what it meant.

use super::escalation::Address;
use crate::delivery::MessageStatus;
use crate::delivery::message::NAMED;
use crate::id::{IncidentId, NotificationGroupId, RouteId};
use crate::incident::Incident;
use crate::rule::Tier;
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where an incident is in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Open, and to be told.
    Waiting,
    /// Open, and told.
    Told,
    /// Open, and somebody acknowledged it, works on it, or let it wait.
    Attended,
    /// Over.
    Ended,
}

/// When something is to be done about a group next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timers {
    /// Something new is told.
    pub tell_at: Option<Timestamp>,
    /// The next step of escalation.
    pub step_at: Option<Timestamp>,
    /// The same is told again.
    pub repeat_at: Option<Timestamp>,
    /// It is over.
    pub end_at: Option<Timestamp>,
    /// It is said that somebody took notice of a part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_at: Option<Timestamp>,
}

impl Timers {
    /// The first of them.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        [self.tell_at, self.step_at, self.repeat_at, self.end_at, self.notice_at].into_iter().flatten().min()
    }
}

/// How far escalation has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done in this round.
    pub step: u32,
    /// Rounds done.
    pub round: u32,
}

/// Incidents that are told together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationGroup {
    /// Its id, which is what receivers join messages by.
    pub id: NotificationGroupId,
    /// Through which route.
    pub route: RouteId,
    /// What its incidents share, by the route.
    pub key: BTreeMap<String, String>,
    /// Whether it gathers what came in quiet hours.
    pub digest: bool,
    /// The loudest of its incidents so far.
    pub tier: Tier,
    /// Open and to be told, with their priorities.
    pub waiting: BTreeMap<IncidentId, u8>,
    /// Open and told, with the priorities that were told.
    pub told: BTreeMap<IncidentId, u8>,
    /// Open, and somebody acknowledged it, works on it, or let it wait.
    pub attended: BTreeSet<IncidentId>,
    /// Of those that were told, the attended ones of which it has not been said yet.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unsaid: BTreeSet<IncidentId>,
    /// The latest that have ended, oldest first; at most as many as a message names.
    pub ended: Vec<IncidentId>,
    /// How many have ended.
    pub ended_count: u32,
    /// What was told last.
    pub status: Option<MessageStatus>,
    /// When.
    pub told_at: Option<Timestamp>,
    /// Who has been told.
    pub told_to: BTreeSet<Address>,
    /// Whom the last of it did not reach: their channel took nothing, or gave it up.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub missed: BTreeSet<Address>,
    /// How many parts each of its open storms had when that was told.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sizes: BTreeMap<IncidentId, u32>,
    /// How far escalation has come.
    pub progress: Progress,
    /// Whether it has waited for others that were on their way.
    pub held: bool,
    /// When something is to be done next.
    pub timers: Timers,
    /// When it began.
    pub opened_at: Timestamp,
}

impl NotificationGroup {
    /// Where an incident is in it.
    #[must_use]
    pub fn standing(&self, incident: IncidentId) -> Option<Standing> {
        if self.waiting.contains_key(&incident) {
            return Some(Standing::Waiting);
        }
        if self.told.contains_key(&incident) {
            return Some(Standing::Told);
        }
        if self.attended.contains(&incident) {
            return Some(Standing::Attended);
        }
        self.ended.contains(&incident).then_some(Standing::Ended)
    }

    /// Whether any of its incidents is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !(self.waiting.is_empty() && self.told.is_empty() && self.attended.is_empty())
    }

    /// Whether all of it is over, and has been told to be: what comes now is news.
    #[must_use]
    pub fn is_told_over(&self) -> bool {
        !self.is_open() && self.status == Some(MessageStatus::Resolved)
    }

    /// Whether the next telling is the first of what is open, or of what was open when nobody could be told.
    #[must_use]
    pub fn begins(&self) -> bool {
        self.told.is_empty() || self.told_to.is_empty()
    }

    /// Whether a storm that nobody has taken notice of has more than twice the parts that were told.
    #[must_use]
    pub fn has_outgrown(&self, storm: &Incident) -> bool {
        let told = self.sizes.get(&storm.id).filter(|_| self.told.contains_key(&storm.id));
        told.is_some_and(|told| storm.children.len() > *told as usize * 2)
    }

    /// Open incidents that nobody has taken notice of.
    pub fn unattended(&self) -> impl Iterator<Item = IncidentId> {
        self.waiting.keys().chain(self.told.keys()).copied()
    }

    /// Open incidents.
    pub fn open(&self) -> impl Iterator<Item = IncidentId> {
        self.unattended().chain(self.attended.iter().copied())
    }

    /// Moves an incident. Total.
    pub(super) fn put(&mut self, incident: IncidentId, to: Standing, priority: u8) {
        self.waiting.remove(&incident);
        let was_told = self.told.remove(&incident).is_some() | self.attended.remove(&incident);
        self.unsaid.remove(&incident);
        if self.ended.contains(&incident) {
            self.ended.retain(|known| *known != incident);
            self.ended_count = self.ended_count.saturating_sub(1);
        }
        match to {
            Standing::Waiting => drop(self.waiting.insert(incident, priority)),
            Standing::Told => drop(self.told.insert(incident, priority)),
            Standing::Attended => {
                self.attended.insert(incident);
                self.unsaid.extend(was_told.then_some(incident));
            }
            Standing::Ended => {
                self.sizes.remove(&incident);
                self.ended_count = self.ended_count.saturating_add(1);
                self.ended.push(incident);
                if self.ended.len() > NAMED {
                    self.ended.remove(0);
                }
            }
        }
    }
}
