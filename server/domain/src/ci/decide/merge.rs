//! Merging two records of one thing, and taking that back.
//!
//! Only people merge, and never what cannot be one thing: records whose strong facts contradict stay two, whoever asks.

use super::assert;
use super::reconcile::Weighing;
use super::voice::{Parting, joined};
use crate::actor::Actor;
use crate::ci::identify::Fingerprint;
use crate::ci::merge::{Merge, came_with};
use crate::ci::policy::Reconciliation;
use crate::ci::relation::Change;
use crate::ci::{Attribute, AttributeChange, Ci, CiEvent, Class, Lifecycle, Proposal, Relation, SectionState, Source};
use crate::id::{CiId, Family};
use crate::{Context, Rejection, World};
use rollcall_shared::{AgentId, SectionName, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Records that one request merges: more than two of one thing are rare, more than this are a mistake.
pub const MERGED_AT_ONCE: usize = 16;

/// Merges records into one that stays.
///
/// # Errors
/// [`Rejection::NotFound`], [`Rejection::Stale`], [`Rejection::Invalid`] names the record that cannot be merged and why.
pub fn merge(
    world: &World,
    into: CiId,
    from: &[CiId],
    reason: &str,
    expected: Option<u64>,
    context: &Context<'_>,
) -> Result<Vec<CiEvent>, Rejection> {
    let kept = assert::editable(world, into, expected)?;
    let reason = assert::checked_reason(reason)?;
    if from.is_empty() || from.len() > MERGED_AT_ONCE {
        return Err(Rejection::invalid("duplicates", format!("1 to {MERGED_AT_ONCE} records can be merged at once")));
    }
    for (place, id) in from.iter().enumerate() {
        let field = format!("duplicates[{place}]");
        if from[..place].contains(id) {
            return Err(Rejection::invalid(field, format!("{id} is named twice")));
        }
        let lost = world.cmdb.cis.get(id).ok_or_else(|| Rejection::unknown(&field, "configuration item", id))?;
        if world.cmdb.merges.contains_key(id) {
            let main = lost.duplicate_of.unwrap_or(*id);
            return Err(Rejection::invalid(field, format!("{id} is already merged into {main}")));
        }
        check_pair(kept, lost).map_err(|why| Rejection::invalid(field, why))?;
        for other in &from[..place] {
            let other = Ci { duplicate_of: None, ..world.cmdb.cis[other].clone() };
            let lost = Ci { duplicate_of: None, ..lost.clone() };
            check_pair(&other, &lost).map_err(|why| Rejection::invalid(format!("duplicates[{place}]"), why))?;
        }
    }
    let mut staying = kept.clone();
    let mut events = Vec::new();
    for id in from {
        let joining =
            Joining { world, kept: staying.clone(), lost: &world.cmdb.cis[id], now: context.now, actor: &context.actor, reason: &reason };
        events.extend(joining.events(&mut staying));
    }
    Ok(events)
}

/// Why two records cannot be one thing.
fn check_pair(kept: &Ci, lost: &Ci) -> Result<(), String> {
    if kept.id == lost.id {
        return Err("a record cannot be merged into itself".into());
    }
    if let Some(main) = kept.duplicate_of {
        return Err(format!("{} is a duplicate of {main} itself", kept.id));
    }
    // What identification found to be a duplicate is not merged yet.
    if let Some(main) = lost.duplicate_of.filter(|&main| main != kept.id) {
        return Err(format!("{} is a duplicate of {main}", lost.id));
    }
    if lost.class == Class::SoftwareProduct || kept.class == Class::SoftwareProduct {
        return Err("products are told apart by their packages; a rule of the catalogue joins them".into());
    }
    if kept.id.family != lost.id.family {
        return Err(format!("{} is a {}, {} a {}", kept.id, kept.class.as_str(), lost.id, lost.class.as_str()));
    }
    if kept.id.family == Family::Host {
        return match Fingerprint::of_host(lost).contradiction(&Fingerprint::of_host(kept)) {
            Some(why) => Err(format!("{} and {} are two machines: {why}", lost.id, kept.id)),
            None => Ok(()),
        };
    }
    if kept.class != lost.class {
        return Err(format!("{} is a {}, {} a {}", kept.id, kept.class.as_str(), lost.id, lost.class.as_str()));
    }
    let serial = |ci: &Ci| ci.observed_text("serial").map(str::to_lowercase);
    match (serial(kept), serial(lost)) {
        (Some(kept), Some(lost)) if kept != lost => Err(format!("their serial numbers differ: {kept} and {lost}")),
        _ => Ok(()),
    }
}

/// One record being merged into another.
struct Joining<'a> {
    world: &'a World,
    kept: Ci,
    lost: &'a Ci,
    now: Timestamp,
    actor: &'a Actor,
    reason: &'a str,
}

impl Joining<'_> {
    /// What happens, the merge itself last; `staying` becomes what the kept record then is.
    fn events(&self, staying: &mut Ci) -> Vec<CiEvent> {
        let (kept, lost) = (self.kept.id, self.lost.id);
        let mut events = Vec::new();
        let (changes, gained) = self.attributes();
        for change in &changes {
            if let Some(after) = &change.after {
                staying.attributes.insert(change.name.as_str().into(), after.clone());
            }
        }
        if !changes.is_empty() {
            events.push(CiEvent::AttributesChanged { ci: kept, changes });
        }
        if ended(self.kept.status) && !ended(self.lost.status) {
            let reason = format!("{lost} was merged into it");
            events.push(CiEvent::CiStatusChanged { ci: kept, before: self.kept.status, after: self.lost.status, reason });
            staying.status = self.lost.status;
        }
        let parts = self.parts();
        events.extend(parts.keys().map(|&ci| CiEvent::CiMoved { ci, before: Some(lost), after: Some(kept) }));
        let (lost_links, gained_links, changes) = self.links();
        if !changes.is_empty() {
            events.push(CiEvent::RelationsChanged { changes });
        }
        let known = sources(&self.kept);
        let merge = Merge {
            into: kept,
            at: self.now,
            by: self.actor.clone(),
            reason: self.reason.to_owned(),
            gained,
            new_sources: sources(self.lost).difference(&known).cloned().collect(),
            tags: self.lost.tags.difference(&self.kept.tags).cloned().collect(),
            parts,
            lost_links,
            gained_links,
            sections: self.sections(),
            natives: self.natives(),
            agents: self.agents(),
            collectors: self.world.trust.collectors.of(self.lost.id).map(|(voice, _)| voice).collect(),
            reporter: self.world.cmdb.reporters.get(&kept).copied(),
            name: self.kept.name.clone(),
            status: self.kept.status,
        };
        staying.tags.extend(merge.tags.iter().cloned());
        staying.sections.extend(merge.sections.clone());
        events.push(CiEvent::CiMerged { ci: lost, merge: Box::new(merge) });
        events
    }

    /// Of what a source says of both records, what it says of the kept one counts.
    fn attributes(&self) -> (Vec<AttributeChange>, BTreeMap<String, Vec<Source>>) {
        let mut changes = Vec::new();
        let mut gained = BTreeMap::new();
        for (name, theirs) in &self.lost.attributes {
            let known = self.kept.attributes.get(name);
            let says = |source: &Source| known.is_some_and(|known| known.proposal_of(source).is_some());
            let fresh: Vec<Proposal> = theirs.proposals().iter().filter(|proposal| !says(proposal.source())).cloned().collect();
            if fresh.is_empty() {
                continue;
            }
            gained.insert(name.to_owned(), fresh.iter().map(|proposal| proposal.source().clone()).collect());
            let all = known.map(|known| known.proposals().to_vec()).unwrap_or_default().into_iter().chain(fresh).collect();
            let lock = known.and_then(Attribute::lock).cloned();
            let before = known.map(|known| known.value().clone());
            changes.push(AttributeChange { name: name.to_owned(), before, after: self.weighing(name).resolve(all, lock) });
        }
        (changes, gained)
    }

    fn weighing(&self, attribute: &str) -> Weighing<'_> {
        Weighing::new(&self.world.cmdb.policy.reconciliation, self.kept.class, attribute)
    }

    fn parts(&self) -> BTreeMap<CiId, (Timestamp, Timestamp)> {
        let cmdb = &self.world.cmdb;
        let parts = cmdb.components.get(&self.lost.id).into_iter().flatten();
        parts.filter_map(|id| Some((*id, *cmdb.contained.get(id)?))).collect()
    }

    /// Relations of the lost record, with what takes their place.
    fn links(&self) -> (Vec<Relation>, Vec<Relation>, Vec<Change>) {
        let (kept, lost) = (self.kept.id, self.lost.id);
        let links = &self.world.cmdb.links;
        let other = |id: CiId| if id == lost { kept } else { id };
        let (mut taken, mut given, mut changes) = (Vec::new(), Vec::new(), Vec::new());
        for relation in links.of(lost) {
            changes.push(removed(relation));
            taken.push(relation.clone());
            let moved = Relation { from: other(relation.from), to: other(relation.to), ..relation.clone() };
            let is_told = links.told(moved.from, moved.kind, moved.to).iter().any(|told| told.source == moved.source);
            if moved.from != moved.to && !is_told && !given.contains(&moved) {
                changes.push(Change::Set { relation: moved.clone() });
                given.push(moved);
            }
        }
        (taken, given, changes)
    }

    fn sections(&self) -> BTreeMap<SectionName, SectionState> {
        let fresh = self.lost.sections.iter().filter(|(name, _)| !self.kept.sections.contains_key(name));
        fresh.map(|(name, state)| (*name, state.clone())).collect()
    }

    fn natives(&self) -> Vec<(String, String)> {
        let natives = self.world.cmdb.natives.iter();
        natives.filter(|&(_, &ci)| ci == self.lost.id).map(|(key, _)| key.clone()).collect()
    }

    fn agents(&self) -> Vec<AgentId> {
        self.world.trust.of_host(self.lost.id).map(|agent| agent.id).collect()
    }
}

fn ended(status: Lifecycle) -> bool {
    !matches!(status, Lifecycle::Operational | Lifecycle::Maintenance)
}

fn sources(ci: &Ci) -> BTreeSet<Source> {
    ci.attributes.values().flat_map(Attribute::proposals).map(|proposal| proposal.source().clone()).collect()
}

fn removed(relation: &Relation) -> Change {
    Change::Removed { from: relation.from, kind: relation.kind, to: relation.to, source: relation.source.clone() }
}

/// Takes a merge back.
///
/// # Errors
/// [`Rejection::NotFound`], [`Rejection::Stale`], [`Rejection::WrongState`] for a record that is not merged, [`Rejection::Invalid`].
pub fn unmerge(world: &World, from: CiId, reason: &str, expected: Option<u64>) -> Result<Vec<CiEvent>, Rejection> {
    let lost = assert::editable(world, from, expected)?;
    let reason = assert::checked_reason(reason)?;
    let wrong = || Rejection::WrongState { subject: from.to_string(), state: "not merged".into(), action: "taken apart" };
    let merge = world.cmdb.merges.get(&from).ok_or_else(wrong)?;
    let kept = world.cmdb.cis.get(&merge.into).ok_or_else(wrong)?;
    if let Some(main) = kept.duplicate_of {
        let state = format!("merged into {}, which is merged into {main}", kept.id);
        return Err(Rejection::WrongState { subject: from.to_string(), state, action: "taken apart before that one" });
    }
    let later = world.cmdb.merges.values().find(|other| other.into == kept.id && other.at > merge.at);
    let mut events = Vec::new();
    let parting = Parting::new(&world.cmdb, kept, lost, merge);
    let changes = attributes_before(&world.cmdb.policy.reconciliation, kept, merge, &parting, later.is_some());
    if !changes.is_empty() {
        events.push(CiEvent::AttributesChanged { ci: kept.id, changes });
    }
    let changes = parting.lost_changes(&world.cmdb.policy.reconciliation);
    if !changes.is_empty() {
        events.push(CiEvent::AttributesChanged { ci: from, changes });
    }
    if merge.status != kept.status && kept.status == lost.status && ended(merge.status) {
        let reason = format!("{from} is a record of its own again");
        events.push(CiEvent::CiStatusChanged { ci: kept.id, before: kept.status, after: merge.status, reason });
    }
    let still_there = |part: &CiId| world.cmdb.cis.get(part).is_some_and(|part| part.parent == Some(kept.id));
    let parts = merge.parts.keys().filter(|part| still_there(part));
    events.extend(parts.map(|&ci| CiEvent::CiMoved { ci, before: Some(kept.id), after: Some(from) }));
    let is_told = |relation: &&Relation| {
        world.cmdb.links.told(relation.from, relation.kind, relation.to).iter().any(|told| told.source == relation.source)
    };
    let mut changes: Vec<Change> = merge.gained_links.iter().filter(is_told).map(removed).collect();
    changes.extend(merge.lost_links.iter().map(|relation| Change::Set { relation: relation.clone() }));
    if !changes.is_empty() {
        events.push(CiEvent::RelationsChanged { changes });
    }
    let agents = merge.agents.iter().chain(&merge.collectors).filter(|id| world.trust.host_of(**id) == Some(kept.id));
    events.push(CiEvent::CiUnmerged { ci: from, from: kept.id, agents: agents.copied().collect(), feeds: parting.respoken(), reason });
    Ok(events)
}

/// The attributes of the kept record without what came with the merge. What a source of the lost record says of both since a
/// later merge belongs to that one and stays.
fn attributes_before(policy: &Reconciliation, kept: &Ci, merge: &Merge, parting: &Parting<'_>, merged_again: bool) -> Vec<AttributeChange> {
    let mut own = parting.own_words();
    let names: BTreeSet<String> = kept.attributes.keys().map(ToString::to_string).chain(own.keys().map(ToString::to_string)).collect();
    let mut changes = Vec::new();
    for name in names {
        let known = kept.attributes.get(&name);
        let goes = |proposal: &Proposal| match (proposal.source(), merged_again) {
            (Source::Feed { .. }, _) => parting.came_with(&name, proposal, merged_again),
            (_, true) => merge.gained.get(&name).is_some_and(|sources| sources.contains(proposal.source())),
            (_, false) => came_with(merge, &name, proposal),
        };
        let words = known.map(Attribute::proposals).unwrap_or_default();
        let left: Vec<Proposal> = words.iter().filter(|proposal| !goes(proposal)).cloned().collect();
        let own = own.remove(name.as_str()).unwrap_or_default();
        if left.len() == words.len() && own.is_empty() {
            continue;
        }
        let lock = known.and_then(Attribute::lock).cloned();
        let after = Weighing::new(policy, kept.class, &name).resolve(joined(left, own), lock);
        if after.as_ref() != known {
            changes.push(AttributeChange { name, before: known.map(|known| known.value().clone()), after });
        }
    }
    changes
}

#[cfg(test)]
mod tests;
