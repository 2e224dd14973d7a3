//! Which machine is this.
//!
//! A table of identifier entries, tried from the strongest to the weakest; the first that matches decides. A candidate whose
//! cloud instance, serial number or UUID contradicts is rejected (the veto), whatever else agrees, unless one of three changes
//! explains it: the board was replaced, the machine was installed anew, the agent's disk was moved. Names never identify on their
//! own. Pure: a dry run is the same call as the real thing. Invariant: no entry joins two machines whose strong facts contradict.

mod entry;
mod fingerprint;
mod identified;
mod search;
mod veto;

pub use fingerprint::{Boot, Fingerprint, chassis_serial, container_fact, container_id, is_unreported, kind as fingerprint_kind};
pub use identified::Identified;

use super::{Attempt, Ci, Class, DeadLetterCode, Lifecycle, Operation, Reporter};
use crate::World;
use crate::id::CiId;
use rollcall_shared::{AgentId, Section, SectionName, Timestamp};
use search::Search;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// From this number of equal candidates on nothing is written: the identifier is no identifier.
pub const TOO_MANY_CANDIDATES: usize = 5;

/// Sections that say which machine this is.
pub const EVIDENCE: [SectionName; 5] =
    [SectionName::System, SectionName::Os, SectionName::MemoryModules, SectionName::Disks, SectionName::NetworkInterfaces];
/// Entry of the source and its own key for the machine: an agent's is its id, proven by its certificate.
pub const BY_NATIVE_KEY: u16 = 5;

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
    /// Other records of the same machine, which become duplicates of it.
    pub duplicates: Vec<CiId>,
    /// What happened to the machine, when that is why it was taken for what it is.
    pub explained: Option<Explained>,
    /// Why nothing may be written.
    pub refused: Option<Refusal>,
}

/// Something in doubt. A host that is about to be created belongs to it as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Known CIs that it is about.
    pub cis: BTreeSet<CiId>,
    /// Why, in words; equal words about equal CIs are one doubt.
    pub reason: String,
}

/// A change that explains why identifiers are not what they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Explanation {
    /// The certificate and most parts are the same, serial number or UUID are not: the same host.
    BoardReplaced,
    /// The hardware is the same, keys and machine id are new: the same host, and the credential of its old agent is suspended.
    Reimaged,
    /// The certificate is the same, the hardware is not: another host, and the agent must be enrolled anew there.
    DiskMoved,
}

/// An explained change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Which.
    pub explanation: Explanation,
    /// In words.
    pub reason: String,
    /// The record that it is about: the host itself, or the one that the agent is at home in.
    pub other: CiId,
    /// Agents that do not speak for the host any more.
    pub agents: Vec<AgentId>,
}

/// Why nothing may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub code: DeadLetterCode,
    /// For people.
    pub reason: String,
    /// Some of the records that it is about.
    pub candidates: BTreeSet<CiId>,
}

/// Identifies the machine that `reporter` tells of. Of the sections those named in [`EVIDENCE`] count; lists of parts must be complete.
#[must_use]
pub fn identify(world: &World, reporter: &Reporter, sections: &[Arc<Section>], now: Timestamp) -> Identification {
    let mut search = Search::new(world, reporter, Fingerprint::of_sections(sections), now);
    let ci = search.run();
    let known = ci.and_then(|id| world.cmdb.cis.get(&id));
    let class = search.class(known);
    let operation = match known {
        None => Operation::Insert,
        Some(known) if known.class != class => Operation::UpdateWithReclassification,
        Some(known) if bound(world, reporter) == Some(known.id) => Operation::NoChange,
        Some(_) => Operation::Update,
    };
    let Search { attempts, doubts, duplicates, explained, refused, .. } = search;
    Identification { operation, ci, class, attempts, doubts, duplicates, explained, refused }
}

/// The host that a reporter was identified as before.
pub fn bound(world: &World, reporter: &Reporter) -> Option<CiId> {
    match reporter {
        Reporter::Agent(agent) => world.trust.agents.get(agent)?.ci,
        Reporter::Feed { name, key } => world.cmdb.natives.get(&(name.clone(), key.clone())).copied(),
    }
}

/// Other records in use that have an identifier of this one, and that nothing speaks against being the same machine. Only those
/// facts count that are wanted; names never do, nor what too many records have.
pub fn twins(world: &World, ci: &Ci, is_wanted: impl Fn(&str) -> bool) -> BTreeSet<CiId> {
    let policy = &world.cmdb.policy.identification;
    let mine = Fingerprint::of_host(ci).without_junk(policy);
    let identifying = mine.facts().into_iter().filter(|fact| !fact.starts_with("name:") && is_wanted(fact));
    let holders = identifying.filter_map(|fact| world.cmdb.facts.get(&fact)).filter(|holders| holders.len() < TOO_MANY_CANDIDATES);
    let others: BTreeSet<CiId> = holders.flatten().copied().filter(|id| *id != ci.id).collect();
    let others = others.into_iter().filter_map(|id| world.cmdb.cis.get(&id));
    let in_use = others.filter(|other| other.duplicate_of.is_none() && !matches!(other.status, Lifecycle::Retired | Lifecycle::Disposed));
    let fits = |other: &&Ci| mine.may_be(&Fingerprint::of_host(other).without_junk(policy));
    in_use.filter(fits).map(|other| other.id).collect()
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
