//! Which machine is this.
//!
//! A table of identifier entries, tried from the strongest to the weakest; the first that matches decides. A candidate whose
//! serial number or UUID contradicts is rejected (the veto), whatever else agrees. Names never identify on their own. Pure: a
//! dry run is the same call as the real thing. Invariant: no entry joins two machines whose strong facts contradict.

mod fingerprint;

pub use fingerprint::{Fingerprint, kind as fingerprint_kind};

use super::{Attempt, AttemptResult, Ci, Class, Lifecycle, Operation, Reporter};
use crate::World;
use crate::id::CiId;
use rollcall_shared::AgentId;
use rollcall_shared::enrol::AgentStatus;
use rollcall_shared::section::System;
use std::collections::{BTreeMap, BTreeSet};

/// From this number of equal candidates on nothing is written: the identifier is no identifier.
pub const TOO_MANY_CANDIDATES: usize = 5;

/// Entry of the source and its own key for the machine: an agent's is its id, proven by its certificate.
const BY_NATIVE_KEY: u16 = 5;

/// What a report was identified as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identification {
    /// What is to be done.
    pub operation: Operation,
    /// The known host; `None` for a new one.
    pub ci: Option<CiId>,
    /// What kind of host it is now.
    pub class: Class,
    /// Every try, in order.
    pub attempts: Vec<Attempt>,
    /// What people should look at.
    pub doubts: Vec<Doubt>,
    /// Why nothing may be written.
    pub refused: Option<String>,
}

/// Something in doubt. A host that is about to be created belongs to it as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Known CIs that it is about.
    pub cis: BTreeSet<CiId>,
    /// Why, in words; equal words about equal CIs are one doubt.
    pub reason: String,
}

/// One row of the table of identifiers.
struct Entry {
    number: u16,
    /// Attributes that must all be equal; a missing one (named) skips the entry.
    identifiers: fn(&Fingerprint) -> Result<BTreeMap<String, String>, &'static str>,
    /// Key in the index of facts under which candidates are found.
    fact: fn(&Fingerprint) -> Option<String>,
}

/// The table. Entry 5 is the reporter's own key, see [`Search::by_native_key`].
const ENTRIES: [Entry; 4] = [
    Entry { number: 20, identifiers: Fingerprint::serial_and_uuid, fact: Fingerprint::serial_fact },
    Entry { number: 30, identifiers: Fingerprint::serial_and_manufacturer, fact: Fingerprint::serial_fact },
    Entry { number: 40, identifiers: Fingerprint::uuid_and_kind, fact: Fingerprint::uuid_fact },
    Entry { number: 90, identifiers: Fingerprint::machine_id_and_hostname, fact: Fingerprint::machine_id_fact },
];

/// Identifies the machine that `reporter` describes as `system`; `None` when it could not read that section.
#[must_use]
pub fn identify(world: &World, reporter: &Reporter, system: Option<&System>) -> Identification {
    let found = system.map(Fingerprint::of_system).unwrap_or_default();
    let mut search = Search { world, reporter, found, attempts: Vec::new(), doubts: Vec::new(), refused: None };
    let ci = search.by_native_key().or_else(|| search.by_facts());
    let known = ci.and_then(|id| world.cmdb.cis.get(&id));
    let class = class_of(search.found.class, known.map(|known| known.class));
    let bound = bound(world, reporter);
    let operation = match known {
        None => Operation::Insert,
        Some(known) if known.class != class => Operation::UpdateWithReclassification,
        Some(known) if bound == Some(known.id) => Operation::NoChange,
        Some(_) => Operation::Update,
    };
    Identification { operation, ci, class, attempts: search.attempts, doubts: search.doubts, refused: search.refused }
}

/// What a machine is, from what its report says and what it is known as. A server that was seen to run virtual machines or containers
/// stays what it was found to be: the report of the machine alone does not tell.
fn class_of(found: Option<Class>, known: Option<Class>) -> Class {
    let refined = known.filter(|known| found.is_some_and(|found| known.is_a(found)));
    refined.or(found).or(known).unwrap_or(Class::Host)
}

struct Search<'a> {
    world: &'a World,
    reporter: &'a Reporter,
    found: Fingerprint,
    attempts: Vec<Attempt>,
    doubts: Vec<Doubt>,
    refused: Option<String>,
}

impl<'a> Search<'a> {
    /// Entry 5: the host that this reporter was identified as before.
    fn by_native_key(&mut self) -> Option<CiId> {
        let attributes = match self.reporter {
            Reporter::Agent(id) => BTreeMap::from([("agent".to_owned(), id.to_string())]),
            Reporter::Feed { name, key } => BTreeMap::from([("feed".to_owned(), name.clone()), ("key".to_owned(), key.clone())]),
        };
        let mut attempt = Attempt { entry: BY_NATIVE_KEY, attributes, result: AttemptResult::NoMatch, candidates: Vec::new(), note: None };
        let host = bound(self.world, self.reporter).and_then(|id| self.world.cmdb.record(id));
        let Some(host) = host else {
            attempt.note = Some("this reporter was not identified before".into());
            self.attempts.push(attempt);
            return None;
        };
        attempt.candidates.push(host.id);
        attempt.note = self.found.contradiction(&Fingerprint::of_host(host)).map(|veto| format!("{} is vetoed: {veto}", host.id));
        let vetoed = attempt.note.is_some();
        if !vetoed {
            attempt.result = AttemptResult::Matched;
        }
        self.attempts.push(attempt);
        if vetoed {
            self.doubt([host.id], format!("{} reports from two machines: its state was copied, or its disk was moved", self.reporter));
            return None;
        }
        self.look_for_twins(host);
        Some(host.id)
    }

    /// A known host may turn out to have the identifiers of another one once its agent may read them.
    fn look_for_twins(&mut self, host: &Ci) {
        let mut twins: BTreeSet<CiId> = ENTRIES[..3].iter().flat_map(|entry| self.matches(entry)).map(|twin| twin.id).collect();
        twins.retain(|&id| self.veto_of(id).is_none());
        twins.insert(host.id);
        if twins.len() > 1 {
            self.doubt(twins, "these records have the same hardware identifiers and may be one machine".into());
        }
    }

    fn by_facts(&mut self) -> Option<CiId> {
        ENTRIES.iter().find_map(|entry| self.by_entry(entry))
    }

    fn by_entry(&mut self, entry: &Entry) -> Option<CiId> {
        if self.refused.is_some() {
            return None;
        }
        let mut attempt = Attempt {
            entry: entry.number,
            attributes: BTreeMap::new(),
            result: AttemptResult::Skipped,
            candidates: Vec::new(),
            note: None,
        };
        match (entry.identifiers)(&self.found) {
            Err(missing) => attempt.note = Some(missing.into()),
            Ok(attributes) => attempt.attributes = attributes,
        }
        let mut vetoes = Vec::new();
        let mut candidates: Vec<&Ci> = Vec::new();
        for candidate in self.matches(entry) {
            attempt.candidates.push(candidate.id);
            match self.veto_of(candidate.id) {
                Some(veto) => vetoes.push(format!("{} is vetoed: {veto}", candidate.id)),
                None => candidates.push(candidate),
            }
        }
        candidates.sort_by_key(|host| (host.status == Lifecycle::Retired, host.created_at, host.id));
        if !attempt.attributes.is_empty() {
            attempt.result = result(candidates.len());
            attempt.note = (!vetoes.is_empty()).then(|| vetoes.join("; "));
        }
        self.attempts.push(attempt);
        let host = *candidates.first()?;
        self.judge_match(entry, host, &candidates)
    }

    fn judge_match(&mut self, entry: &Entry, host: &Ci, candidates: &[&Ci]) -> Option<CiId> {
        if candidates.len() >= TOO_MANY_CANDIDATES {
            self.refused = Some(format!(
                "{} hosts match identifier entry {}, among them {}: an identifier that so many machines share identifies none",
                candidates.len(),
                entry.number,
                host.id
            ));
            return None;
        }
        if candidates.len() > 1 {
            let cis: BTreeSet<CiId> = candidates.iter().map(|host| host.id).collect();
            self.doubt(cis, format!("several records match identifier entry {}; the oldest active one was taken", entry.number));
        }
        if self.reporter.agent().is_some()
            && let Some(other) = self.other_live_agent(host.id)
        {
            let reason =
                format!("{other} and {} report as this one host: revoke the one that is out of use, or tell them apart", self.reporter);
            self.doubt([host.id], reason);
        }
        Some(host.id)
    }

    /// Hosts whose identifiers of this entry are all equal, by id.
    fn matches(&self, entry: &Entry) -> Vec<&'a Ci> {
        let Ok(wanted) = (entry.identifiers)(&self.found) else { return Vec::new() };
        let known = (entry.fact)(&self.found).and_then(|fact| self.world.cmdb.facts.get(&fact));
        let hosts: BTreeSet<CiId> = known.into_iter().flatten().filter_map(|&id| Some(self.world.cmdb.record(id)?.id)).collect();
        let hosts = hosts.into_iter().filter_map(|id| self.world.cmdb.cis.get(&id));
        hosts.filter(|host| (entry.identifiers)(&Fingerprint::of_host(host)).is_ok_and(|theirs| theirs == wanted)).collect()
    }

    /// Why this machine cannot be that host.
    fn veto_of(&self, host: CiId) -> Option<String> {
        let theirs = Fingerprint::of_host(self.world.cmdb.cis.get(&host)?);
        self.found.contradiction(&theirs).or_else(|| self.clone_of(host, &theirs))
    }

    /// A virtual machine with the identifiers of one whose agent may still be alive, but with another name and another machine id, is a copy.
    fn clone_of(&self, host: CiId, theirs: &Fingerprint) -> Option<String> {
        let differs = |mine: &Option<String>, theirs: &Option<String>| mine.is_some() && theirs.is_some() && mine != theirs;
        let looks_copied = self.found.class == Some(Class::VirtualMachine)
            && differs(&self.found.hostname, &theirs.hostname)
            && differs(&self.found.machine_id, &theirs.machine_id);
        let other = looks_copied.then(|| self.other_live_agent(host)).flatten()?;
        Some(format!("{other} reports as it from another host name and machine id"))
    }

    /// Another agent that may speak for this host.
    fn other_live_agent(&self, host: CiId) -> Option<AgentId> {
        let agents = &self.world.trust.agents;
        let mut bound = agents.values().filter(|agent| agent.ci == Some(host) && agent.status == AgentStatus::Approved);
        bound.find(|agent| Some(agent.id) != self.reporter.agent()).map(|agent| agent.id)
    }

    fn doubt(&mut self, cis: impl IntoIterator<Item = CiId>, reason: String) {
        self.doubts.push(Doubt { cis: cis.into_iter().collect(), reason });
    }
}

/// The host that a reporter was identified as before.
pub fn bound(world: &World, reporter: &Reporter) -> Option<CiId> {
    match reporter {
        Reporter::Agent(agent) => world.trust.agents.get(agent)?.ci,
        Reporter::Feed { name, key } => world.cmdb.natives.get(&(name.clone(), key.clone())).copied(),
    }
}

fn result(matches: usize) -> AttemptResult {
    match matches {
        0 => AttemptResult::NoMatch,
        1 => AttemptResult::Matched,
        _ => AttemptResult::MultiMatch,
    }
}

#[cfg(test)]
mod tests;
