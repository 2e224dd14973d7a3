//! What the passing of time means for configuration items.

use super::attribute::Proposal;
use super::decide::reconcile::Weighing;
use super::decide::{lock_ended, park, revert};
use super::health;
use super::ledger::Clockwork;
use super::{AttributeChange, Ci, CiEvent, Cmdb, UnlockCause};
use crate::id::CiId;
use crate::{Context, Event, World};
use rollcall_shared::Timestamp;
use std::collections::BTreeSet;

/// Items looked at in one tick for one duty: what is due beyond it waits for the next second.
const PORTION: usize = 1_000;

/// What is due now, as events; called every second, so each duty first asks cheaply whether anything is due. All are decided on
/// one state, so an item that one duty has changed is left to the next tick by the others.
#[must_use]
pub fn tick(world: &World, context: &mut Context<'_>) -> Vec<Event> {
    let mut touched = BTreeSet::new();
    let mut events = due(&world.cmdb, context.now, &mut touched);
    events.extend(unsettled(&world.cmdb, &mut touched));
    let going = world.cmdb.reverts.iter().next();
    events.extend(going.into_iter().flat_map(|(source, going)| revert::portion(world, source, going, &mut touched)));
    events.extend(health::due(world, context.now));
    let mut events: Vec<Event> = events.into_iter().map(Event::Ci).collect();
    events.extend(park::tick(world, &mut touched, context));
    events
}

/// Locks that are over, and words that nobody confirmed in time.
fn due(cmdb: &Cmdb, now: Timestamp, touched: &mut BTreeSet<CiId>) -> Vec<CiEvent> {
    let cis: Vec<&Ci> = cmdb.ledger.due(now).take(PORTION).filter_map(|id| cmdb.cis.get(&id)).collect();
    touched.extend(cis.iter().map(|ci| ci.id));
    cis.into_iter().flat_map(|ci| due_of(cmdb, ci, now)).collect()
}

fn due_of(cmdb: &Cmdb, ci: &Ci, now: Timestamp) -> Vec<CiEvent> {
    let policy = &cmdb.policy.reconciliation;
    let clockwork = Clockwork { policy, policy_set_at: cmdb.policy_set_at, confirmed: &cmdb.confirmed };
    let (mut events, mut changes) = (Vec::new(), Vec::new());
    for (name, attribute) in ci.attributes.iter() {
        let expired = attribute.lock().is_some_and(|lock| lock.expires_at <= now);
        events.extend(expired.then(|| lock_ended(ci, name, attribute, UnlockCause::Expired)).flatten());
        let old: Vec<&Proposal> = clockwork.ageing(ci, attribute).filter(|(_, at)| *at <= now).map(|(word, _)| word).collect();
        if old.is_empty() {
            continue;
        }
        let age = |word: Proposal| if old.iter().any(|old| old.source() == word.source()) { word.aged() } else { word };
        let known = if expired { attribute.clone().unlocked() } else { Some(attribute.clone()) };
        let after = known.as_ref().and_then(|known| Weighing::new(policy, ci.class, name).revise(known, age));
        changes.push(AttributeChange { name: name.to_string(), before: known.as_ref().map(|known| known.value().clone()), after });
    }
    if !changes.is_empty() {
        events.push(CiEvent::AttributesChanged { ci: ci.id, changes });
    }
    events
}

/// Items whose proposals are to be weighed anew.
fn unsettled(cmdb: &Cmdb, touched: &mut BTreeSet<CiId>) -> Vec<CiEvent> {
    let cis: Vec<CiId> = cmdb.unsettled.iter().copied().filter(|id| !touched.contains(id)).take(PORTION).collect();
    if cis.is_empty() {
        return Vec::new();
    }
    let mut events: Vec<CiEvent> = cis.iter().filter_map(|id| weighed(cmdb, cmdb.cis.get(id)?)).collect();
    touched.extend(&cis);
    events.push(CiEvent::CisWeighed { cis });
    events
}

/// Attributes whose winner is another one under the policy as it is.
fn weighed(cmdb: &Cmdb, ci: &Ci) -> Option<CiEvent> {
    let mut changes = Vec::new();
    for (name, attribute) in ci.attributes.iter().filter(|(_, attribute)| attribute.proposals().len() > 1) {
        let after = Weighing::new(&cmdb.policy.reconciliation, ci.class, name).revise(attribute, refresh_unless_it_ages(cmdb, ci));
        if after.as_ref() != Some(attribute) {
            changes.push(AttributeChange { name: name.to_string(), before: Some(attribute.value().clone()), after });
        }
    }
    (!changes.is_empty()).then_some(CiEvent::AttributesChanged { ci: ci.id, changes })
}

/// A word whose refresh duration was taken out of the policy is not stale any more.
fn refresh_unless_it_ages<'a>(cmdb: &'a Cmdb, ci: &'a Ci) -> impl Fn(Proposal) -> Proposal + use<'a> {
    |word| match cmdb.policy.reconciliation.refresh(word.source(), ci.class) {
        None if word.is_stale() => word.refreshed(),
        _ => word,
    }
}

#[cfg(test)]
mod tests;
