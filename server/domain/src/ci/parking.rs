//! Reports of machines that their source may not bring: they wait until a source that may brings the machine.
//!
//! Nothing of a parked report counts, and nothing of it is lost: it is a list of names of stored sections. Invariant: a reporter
//! has at most one parked report, its latest.

use super::{Class, Reporter};
use crate::id::{CiId, ParkedId};
use rollcall_shared::Timestamp;
use rollcall_shared::message::Report;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long a report waits, counted from when its machine was first reported.
pub const PARKED_FOR: Duration = Duration::from_secs(90 * 86_400);

/// Reports that wait at most, of some 3 kB each: a source that reports more machines than this has the wrong right.
pub const PARKED: usize = 10_000;

/// A report that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parked {
    /// Its id.
    pub id: ParkedId,
    /// Who reported.
    pub reporter: Reporter,
    /// What kind of machine it seems to be.
    pub class: Class,
    /// What it is called.
    pub name: String,
    /// Why it waits, in words for people.
    pub reason: String,
    /// When the machine was first reported.
    pub parked_at: Timestamp,
    /// When this was reported.
    pub reported_at: Timestamp,
    /// When it is given up.
    pub expires_at: Timestamp,
    /// Facts by which a host with the same identifiers is noticed.
    pub facts: Vec<String>,
    /// What was reported.
    pub report: Report,
}

/// Why a report waits no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ParkedEnd {
    /// It is of a host that another source brought; what it says counts there now.
    Joined {
        /// Which host.
        ci: CiId,
    },
    /// Its source may bring it by now.
    Inserted {
        /// As which host.
        ci: CiId,
    },
    /// Nobody brought the machine in time.
    Expired,
    /// A person discarded it.
    Discarded,
}

/// All reports that wait.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "Stored", from = "Stored")]
pub struct Parking {
    by_id: BTreeMap<ParkedId, Parked>,
    by_reporter: BTreeMap<Reporter, ParkedId>,
    by_fact: BTreeMap<String, BTreeSet<ParkedId>>,
    by_expiry: BTreeSet<(Timestamp, ParkedId)>,
    /// Those that may be of a host that has changed since they were looked at.
    woken: BTreeSet<ParkedId>,
}

/// What cannot be computed from something else.
#[derive(Serialize, Deserialize)]
struct Stored {
    parked: Vec<Parked>,
    woken: BTreeSet<ParkedId>,
}

impl Parking {
    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// All, by id.
    #[must_use]
    pub fn by_id(&self) -> &BTreeMap<ParkedId, Parked> {
        &self.by_id
    }

    /// The one of a reporter.
    #[must_use]
    pub fn of(&self, reporter: &Reporter) -> Option<&Parked> {
        self.by_reporter.get(reporter).and_then(|id| self.by_id.get(id))
    }

    /// Those whose time is over, the longest first.
    pub fn expired(&self, now: Timestamp) -> impl Iterator<Item = ParkedId> {
        self.by_expiry.iter().take_while(move |(at, _)| *at <= now).map(|(_, id)| *id)
    }

    /// Those that are worth a look.
    pub fn woken(&self) -> impl Iterator<Item = &Parked> {
        self.woken.iter().filter_map(|id| self.by_id.get(id))
    }

    /// A report waits; an earlier one of its reporter does no more.
    pub(super) fn park(&mut self, parked: Parked) {
        if let Some(before) = self.by_reporter.get(&parked.reporter).copied() {
            self.end(before);
        }
        self.by_reporter.insert(parked.reporter.clone(), parked.id);
        self.by_expiry.insert((parked.expires_at, parked.id));
        for fact in &parked.facts {
            self.by_fact.entry(fact.clone()).or_default().insert(parked.id);
        }
        self.by_id.insert(parked.id, parked);
    }

    /// A report waits no more.
    pub(super) fn end(&mut self, id: ParkedId) {
        let Some(parked) = self.by_id.remove(&id) else { return };
        self.by_reporter.remove(&parked.reporter);
        self.by_expiry.remove(&(parked.expires_at, id));
        self.woken.remove(&id);
        for fact in parked.facts {
            if let Some(ids) = self.by_fact.get_mut(&fact) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.by_fact.remove(&fact);
                }
            }
        }
    }

    /// A host has this fact now.
    pub(super) fn wake(&mut self, fact: &str) {
        self.woken.extend(self.by_fact.get(fact).into_iter().flatten());
    }

    /// This one was looked at.
    pub(super) fn rest(&mut self, id: ParkedId) {
        self.woken.remove(&id);
    }
}

impl From<Stored> for Parking {
    fn from(stored: Stored) -> Self {
        let mut parking = Self::default();
        stored.parked.into_iter().for_each(|parked| parking.park(parked));
        parking.woken = stored.woken;
        parking
    }
}

impl From<Parking> for Stored {
    fn from(parking: Parking) -> Self {
        Self { parked: parking.by_id.into_values().collect(), woken: parking.woken }
    }
}
