//! Two records of one thing become one, and one becomes two again.
//!
//! The record that is merged away is kept as it was, with `duplicate_of` pointing at the one that stays; there are no chains.
//! What the other one gained is noted in a [`Merge`], so that taking the merge back leaves both as they were before, save for
//! what their sources have said since.

use super::fold::{touch, voices};
use super::voice::Respoken;
use super::{Cmdb, Lifecycle, Proposal, Relation, SectionState, Source};
use crate::actor::Actor;
use crate::id::CiId;
use crate::{Content, Record};
use rollcall_shared::{AgentId, SectionName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a record gained when another one was merged into it, and what the other one lost: all that is needed to take it back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Merge {
    /// The record that stays.
    pub into: CiId,
    /// When it was merged.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// Why.
    pub reason: String,
    /// Attributes in which the staying record gained proposals, with the sources of those.
    pub gained: BTreeMap<String, Vec<Source>>,
    /// Sources that the staying record had not heard of before: whatever they say of it is about the other one.
    pub new_sources: BTreeSet<Source>,
    /// Tags that it gained.
    pub tags: BTreeSet<String>,
    /// Parts that moved to it, with when each was first and last seen in the other one.
    pub parts: BTreeMap<CiId, (Timestamp, Timestamp)>,
    /// Relations of the other one that were taken from it.
    pub lost_links: Vec<Relation>,
    /// Relations that it got in their place.
    pub gained_links: Vec<Relation>,
    /// Sections that only the other one had.
    pub sections: BTreeMap<SectionName, SectionState>,
    /// Keys of other systems that led to the other one.
    pub natives: Vec<(String, String)>,
    /// Agents that reported as the other one.
    pub agents: Vec<AgentId>,
    /// Collectors that meant the other one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collectors: Vec<AgentId>,
    /// Who reported as the staying one before.
    pub reporter: Option<AgentId>,
    /// What the staying one was called before.
    pub name: String,
    /// Where in its life it was before.
    pub status: Lifecycle,
}

/// Remembers that `from` was merged. Its parts, relations and attributes have moved by events of their own.
pub(super) fn merged(cmdb: &mut Cmdb, record: &Record, from: CiId, merge: &Merge, content: &dyn Content) {
    if let Some(lost) = touch(cmdb, record, from) {
        lost.duplicate_of = Some(merge.into);
    }
    for duplicate in cmdb.cis.values_mut().filter(|ci| ci.duplicate_of == Some(from)) {
        duplicate.duplicate_of = Some(merge.into);
    }
    if let Some(kept) = touch(cmdb, record, merge.into) {
        for (name, state) in &merge.sections {
            kept.sections.entry(*name).or_insert_with(|| state.clone());
        }
        kept.tags.extend(merge.tags.iter().cloned());
    }
    for key in &merge.natives {
        cmdb.natives.insert(key.clone(), merge.into);
    }
    if merge.reporter.is_none()
        && let Some(&agent) = merge.agents.first()
    {
        cmdb.reporters.insert(merge.into, agent);
    }
    cmdb.candidates.remove(&from);
    cmdb.software.remove(from);
    cmdb.index_software(merge.into, content);
    cmdb.merges.insert(from, merge.clone());
}

/// Remembers that a merge was taken back.
pub(super) fn unmerged(cmdb: &mut Cmdb, record: &Record, from: CiId, feeds: &[Respoken], content: &dyn Content) {
    let Some(merge) = cmdb.merges.remove(&from) else {
        // Found to be a duplicate and never merged.
        if let Some(lost) = touch(cmdb, record, from) {
            lost.duplicate_of = None;
        }
        return cmdb.index_software(from, content);
    };
    // What had been merged into `from` before goes with it.
    let followed: Vec<CiId> = cmdb.merges.iter().filter(|(_, other)| other.into == from).map(|(&id, _)| id).collect();
    for id in followed {
        if let Some(duplicate) = cmdb.cis.get_mut(&id) {
            duplicate.duplicate_of = Some(from);
        }
    }
    if let Some(lost) = touch(cmdb, record, from) {
        lost.duplicate_of = None;
    }
    if let Some(kept) = touch(cmdb, record, merge.into) {
        for (name, state) in &merge.sections {
            if kept.sections.get(name) == Some(state) {
                kept.sections.remove(name);
            }
        }
        kept.tags.retain(|tag| !merge.tags.contains(tag));
        if kept.attributes.get("hostname").is_none() {
            kept.name.clone_from(&merge.name);
        }
    }
    for (part, seen) in &merge.parts {
        if cmdb.cis.get(part).is_some_and(|part| part.parent == Some(from)) {
            cmdb.contained.insert(*part, *seen);
        }
    }
    for key in &merge.natives {
        if cmdb.natives.get(key) == Some(&merge.into) {
            cmdb.natives.insert(key.clone(), from);
        }
    }
    match merge.reporter {
        Some(agent) => drop(cmdb.reporters.insert(merge.into, agent)),
        None => drop(cmdb.reporters.remove(&merge.into)),
    }
    voices::part(cmdb, record, from, merge.into, feeds);
    cmdb.software.remove(merge.into);
    cmdb.index_software(merge.into, content);
    cmdb.index_software(from, content);
}

/// Whether a proposal came to the staying record with the merge or from a source that came with it.
pub(super) fn came_with(merge: &Merge, attribute: &str, proposal: &Proposal) -> bool {
    let source = proposal.source();
    merge.new_sources.contains(source) || merge.gained.get(attribute).is_some_and(|sources| sources.contains(source))
}
