//! What is remembered of whose word counts: locks, confirmations, reverted sources, and the ledger over all of it.

use super::super::attribute::Attribute;
use super::super::ledger::{Clockwork, Ledger, Seen};
use super::super::{AttributeChange, Ci, CiEvent, Cmdb, Revert, Source};
use super::{alter, touch};
use crate::id::CiId;
use crate::{Content, Record};
use std::collections::BTreeSet;

/// Remembers an event of this subject. Total.
pub fn apply(cmdb: &mut Cmdb, record: &Record, event: &CiEvent, content: &dyn Content) {
    match event {
        CiEvent::AttributeLocked { ci, attribute: name, lock, .. } => {
            alter(cmdb, record, *ci, |ci, ledger| {
                let locked = match ci.attributes.get(name) {
                    Some(known) => known.clone().locked(lock.clone()),
                    None => Attribute::only_locked(lock.clone()),
                };
                set(ci, ledger, name, Some(locked));
            });
            if cmdb.cis.contains_key(ci) {
                hear(cmdb, record, &lock.source);
            }
        }
        CiEvent::AttributeUnlocked { ci, attribute: name, .. } => alter(cmdb, record, *ci, |ci, ledger| {
            let unlocked = ci.attributes.get(name).cloned().and_then(Attribute::unlocked);
            set(ci, ledger, name, unlocked);
        }),
        CiEvent::SourceConfirmed { source, cis } => {
            cis.iter().for_each(|id| confirm(cmdb, record, *id, source));
            hear(cmdb, record, source);
        }
        CiEvent::CisWeighed { cis } => cmdb.unsettled.retain(|id| !cis.contains(id)),
        CiEvent::RevertStarted { source, reason } => {
            let (reason, by) = (reason.clone(), record.actor.clone());
            let (after, relations_after) = (None, None);
            let revert = Revert { reason, by, started_at: record.at, after, cis: 0, relations_after, relations_done: false };
            cmdb.reverts.insert(source.clone(), revert);
        }
        CiEvent::RelationsReverted { source, through, complete } => {
            if let Some(revert) = cmdb.reverts.get_mut(source) {
                revert.relations_after = through.or(revert.relations_after);
                revert.relations_done = *complete;
            }
        }
        CiEvent::SourceReverted { source, cis, complete } => {
            cis.iter().for_each(|id| forget_inventory(cmdb, record, *id, source, content));
            if let Some(revert) = cmdb.reverts.get_mut(source) {
                revert.after = cis.last().copied().or(revert.after);
                revert.cis += cis.len() as u64;
            }
            if *complete {
                cmdb.reverts.remove(source);
                cmdb.heard.remove(source);
            }
        }
        CiEvent::ReportParked { parked } => cmdb.parking.park((**parked).clone()),
        CiEvent::ParkedExamined { parked } => parked.iter().for_each(|id| cmdb.parking.rest(*id)),
        CiEvent::ParkedEnded { parked, .. } => cmdb.parking.end(*parked),
        _ => {}
    }
}

/// A feed delivered an inventory of an item.
pub fn delivered(cmdb: &mut Cmdb, record: &Record, id: CiId, feed: &str) {
    if !cmdb.cis.contains_key(&id) {
        return;
    }
    let of_item = cmdb.delivered.entry(id).or_default();
    match of_item.get_mut(feed) {
        Some(at) => *at = record.at.max(*at),
        None => drop(of_item.insert(feed.to_owned(), record.at)),
    }
}

/// A person or feed says something new.
pub fn hear(cmdb: &mut Cmdb, record: &Record, source: &Source) {
    if matches!(source, Source::Agent { .. }) {
        return;
    }
    match cmdb.heard.get_mut(source) {
        Some(at) => *at = record.at.max(*at),
        None => drop(cmdb.heard.insert(source.clone(), record.at)),
    }
}

/// Takes note of who speaks in these changes and did not say the same before.
pub fn hear_changes(cmdb: &mut Cmdb, record: &Record, id: CiId, changes: &[AttributeChange]) {
    let Some(ci) = cmdb.cis.get(&id) else { return };
    let mut speakers: BTreeSet<Source> = BTreeSet::new();
    for change in changes {
        let known = ci.attributes.get(&change.name);
        let words = change.after.iter().flat_map(Attribute::proposals).filter(|word| !word.is_stale());
        let fresh = words.filter(|word| known.and_then(|known| known.proposal_of(word.source())) != Some(*word));
        speakers.extend(fresh.map(|word| word.source().clone()).filter(|source| !matches!(source, Source::Agent { .. })));
    }
    for source in &speakers {
        hear(cmdb, record, source);
    }
}

/// Sets or removes an attribute.
pub fn set(ci: &mut Ci, ledger: &mut Ledger, name: &str, attribute: Option<Attribute>) {
    let name = ledger.name(name);
    let before = ci.attributes.remove(&name);
    ledger.replace(ci.id, &name, before.as_ref(), attribute.as_ref());
    if let Some(mut attribute) = attribute {
        ledger.share(&name, &mut attribute);
        ci.attributes.insert(name, attribute);
    }
}

/// Brings what is due for an item up to date.
pub fn settle(cmdb: &mut Cmdb, id: CiId) {
    let Cmdb { cis, ledger, policy, policy_set_at, confirmed, .. } = cmdb;
    let clockwork = Clockwork { policy: &policy.reconciliation, policy_set_at: *policy_set_at, confirmed };
    if let Some(ci) = cis.get(&id) {
        ledger.settle(ci, &clockwork);
    }
}

/// The class of an item has changed: other rules may apply.
pub fn unsettle(cmdb: &mut Cmdb, id: CiId) {
    if cmdb.ledger.contested().contains(&id) {
        cmdb.unsettled.insert(id);
    }
    settle(cmdb, id);
}

/// The policy has changed: whatever several sources speak of is weighed anew.
pub fn weigh_anew(cmdb: &mut Cmdb, record: &Record) {
    cmdb.policy_set_at = record.at;
    if cmdb.policy.reconciliation.refresh.is_empty() {
        cmdb.confirmed.clear();
    }
    cmdb.unsettled.clone_from(cmdb.ledger.contested());
    for id in cmdb.unsettled.clone() {
        settle(cmdb, id);
    }
}

fn confirm(cmdb: &mut Cmdb, record: &Record, id: CiId, source: &Source) {
    if !cmdb.cis.contains_key(&id) {
        return;
    }
    let confirmed = cmdb.confirmed.entry(id).or_default();
    match confirmed.iter_mut().find(|(known, _)| known == source) {
        Some((_, at)) => *at = record.at,
        None => confirmed.push((source.clone(), record.at)),
    }
    settle(cmdb, id);
}

/// The inventories of a source that was reverted: those of a feed are gone, those of an agent count as not read yet, so that
/// its next report is taken in whole.
fn forget_inventory(cmdb: &mut Cmdb, record: &Record, id: CiId, source: &Source, content: &dyn Content) {
    if let Some(confirmed) = cmdb.confirmed.get_mut(&id) {
        confirmed.retain(|(known, _)| known != source);
        if confirmed.is_empty() {
            cmdb.confirmed.remove(&id);
        }
    }
    let reporter = cmdb.reporters.get(&id).copied();
    let Some(ci) = touch(cmdb, record, id) else { return };
    match source {
        Source::Agent { id: agent } if reporter == Some(*agent) => ci.sections.values_mut().for_each(|state| state.reverted = true),
        Source::Feed { name } if ci.feeds.remove(name).is_some() => {
            if let Some(delivered) = cmdb.delivered.get_mut(&id) {
                delivered.remove(name);
            }
            if let Some(voices) = cmdb.voices.get_mut(&id) {
                voices.remove(name);
            }
            cmdb.ledger.undeliver(id, source);
            cmdb.index_software(id, content);
        }
        Source::Person { .. } | Source::Agent { .. } | Source::Feed { .. } => {}
    }
}

impl Cmdb {
    /// The ledger of all items.
    pub(super) fn ledger_anew(&self) -> Ledger {
        let Self { cis, policy, policy_set_at, confirmed, .. } = self;
        let clockwork = Clockwork { policy: &policy.reconciliation, policy_set_at: *policy_set_at, confirmed };
        let mut ledger = Ledger::default();
        let mut seen = Seen::default();
        for ci in cis.values() {
            ledger.recall(ci, &mut seen);
            ledger.settle(ci, &clockwork);
        }
        ledger
    }
}
