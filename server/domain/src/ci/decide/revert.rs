//! Taking back all that a source has said: a feed that delivered rubbish, a person who mistyped a thousand times, an agent that
//! was not what it claimed.
//!
//! It goes on in portions, by the clock, so that a source with a million words neither blocks the server nor makes one
//! enormous record. What the source says afterwards counts: whoever must be kept out is revoked or gets no right to insert.
//! Items that it brought stay, without what it said of them. Relations that it told go first: what an item is related to by nobody
//! else's word must not be followed while its attributes go.

use super::reconcile::Weighing;
use super::{links, lock};
use crate::ci::relation::Change;
use crate::ci::{AttributeChange, AttributeValue, Ci, CiEvent, Revert, Source, UnlockCause};
use crate::id::CiId;
use crate::{Rejection, World};
use std::collections::BTreeSet;
use std::ops::Bound;

/// Items of one portion: a second's worth, and a record of 31 kB.
pub const PORTION: usize = 1_000;

/// Stored relations looked at in one portion: a millisecond's worth.
pub const RELATIONS_EXAMINED: usize = 20_000;

/// Items that a dry run looks at.
pub const DRY_RUN: usize = 10_000;

/// Begins to take back what a source has said. Again while it goes on, nothing more happens.
///
/// # Errors
/// [`Rejection::Invalid`] without a reason, [`Rejection::NotFound`] for a source that has said nothing.
pub fn begin(world: &World, source: &Source, reason: &str) -> Result<Vec<CiEvent>, Rejection> {
    let reason = super::assert::checked_reason(reason)?;
    if world.cmdb.reverts.contains_key(source) {
        return Ok(Vec::new());
    }
    if !has_spoken(world, source) {
        return Err(Rejection::not_found("source", source));
    }
    Ok(vec![CiEvent::RevertStarted { source: source.clone(), reason }])
}

/// Whether a source has said something of an item, or of how two belong together.
fn has_spoken(world: &World, source: &Source) -> bool {
    world.cmdb.ledger.knows(source) || world.cmdb.links.iter().any(|relation| relation.source == *source)
}

/// The next portion of a source that is being reverted, up to the first item in `touched`: those have changed in this tick already.
#[must_use]
pub fn portion(world: &World, source: &Source, revert: &Revert, touched: &mut BTreeSet<CiId>) -> Vec<CiEvent> {
    relations(world, source, revert).unwrap_or_else(|| attributes(world, source, revert, touched))
}

/// The next portion of the relations that the source told before it was reverted; `None` when there are no more.
fn relations(world: &World, source: &Source, revert: &Revert) -> Option<Vec<CiEvent>> {
    if revert.relations_done {
        return None;
    }
    let links = &world.cmdb.links;
    let mut left =
        links.beginning_at(revert.relations_after).flatten().skip_while(|one| Some(one.from) == revert.relations_after).peekable();
    let (mut changes, mut through, mut examined): (Vec<Change>, Option<CiId>, usize) = (Vec::new(), None, 0);
    // All that begins at one item is of one portion.
    while let Some(told) = left.next_if(|one| through == Some(one.from) || (examined < RELATIONS_EXAMINED && changes.len() < PORTION)) {
        (examined, through) = (examined + 1, Some(told.from));
        if told.source == *source && told.first_seen <= revert.started_at {
            changes.push(links::removed(told));
        }
    }
    let complete = left.peek().is_none();
    if complete && changes.is_empty() {
        return None;
    }
    let done = CiEvent::RelationsReverted { source: source.clone(), through, complete };
    Some(links::events(changes).chain([done]).collect())
}

fn attributes(world: &World, source: &Source, revert: &Revert, touched: &mut BTreeSet<CiId>) -> Vec<CiEvent> {
    let after = revert.after.map_or(Bound::Unbounded, Bound::Excluded);
    let known = world.cmdb.ledger.cis_of(source, (after, Bound::Unbounded)).filter_map(|id| world.cmdb.cis.get(&id));
    let mut left = known.filter(|ci| ci.created_at <= revert.started_at).peekable();
    let mut cis: Vec<CiId> = Vec::new();
    let mut events = Vec::new();
    while let Some(ci) = left.next_if(|ci| cis.len() < PORTION && !touched.contains(&ci.id)) {
        cis.push(ci.id);
        events.extend(withdrawn(world, ci, source));
    }
    let complete = left.peek().is_none();
    if cis.is_empty() && !complete {
        return Vec::new();
    }
    touched.extend(&cis);
    events.push(CiEvent::SourceReverted { source: source.clone(), cis, complete });
    events
}

fn withdrawn(world: &World, ci: &Ci, source: &Source) -> Vec<CiEvent> {
    let mut events = Vec::new();
    let mut changes = Vec::new();
    for (name, attribute) in ci.attributes.iter() {
        let ends = attribute.lock().is_some_and(|lock| lock.source == *source);
        events.extend(ends.then(|| lock::ended(ci, name, attribute, UnlockCause::Reverted)).flatten());
        if attribute.proposal_of(source).is_none() {
            continue;
        }
        let Some(known) = (if ends { attribute.clone().unlocked() } else { Some(attribute.clone()) }) else { continue };
        let after = Weighing::new(&world.cmdb.policy.reconciliation, ci.class, name).withdraw(&known, |other| other == source);
        changes.push(AttributeChange { name: name.to_string(), before: Some(known.value().clone()), after });
    }
    if !changes.is_empty() {
        events.push(CiEvent::AttributesChanged { ci: ci.id, changes });
    }
    events
}

/// What a revert would do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forecast {
    /// Items that the source has said something of.
    pub cis: usize,
    /// Its proposals and locks.
    pub proposals: u64,
    /// Items that were looked at for the rest of this: at most [`DRY_RUN`].
    pub examined: usize,
    /// Attributes whose value would become another source's.
    pub changed: u64,
    /// Attributes that would have no value any more.
    pub lost: u64,
    /// Relations that it told, and that go unless another source tells them too.
    pub relations: u64,
    /// The first of both: item, attribute, value now, value then.
    pub sample: Vec<(CiId, String, AttributeValue, Option<AttributeValue>)>,
}

/// Changes that a forecast shows one by one.
const SAMPLE: usize = 100;

/// What reverting a source would do now. Changes nothing.
///
/// # Errors
/// [`Rejection::NotFound`] for a source that has said nothing.
pub fn forecast(world: &World, source: &Source) -> Result<Forecast, Rejection> {
    let ledger = &world.cmdb.ledger;
    if !has_spoken(world, source) {
        return Err(Rejection::not_found("source", source));
    }
    let relations = world.cmdb.links.iter().filter(|relation| relation.source == *source).count() as u64;
    let mut forecast = Forecast { cis: ledger.ci_count(source), proposals: ledger.proposals_of(source), relations, ..Forecast::default() };
    for ci in ledger.cis_of(source, ..).take(DRY_RUN).filter_map(|id| world.cmdb.cis.get(&id)) {
        forecast.examined += 1;
        for (name, attribute) in ci.attributes.iter().filter(|(_, attribute)| attribute.source() == source) {
            let weighing = Weighing::new(&world.cmdb.policy.reconciliation, ci.class, name);
            let unlocked = attribute.clone().unlocked();
            let after = unlocked.and_then(|unlocked| weighing.withdraw(&unlocked, |other| other == source));
            match &after {
                Some(after) if after.value() == attribute.value() => continue,
                Some(_) => forecast.changed += 1,
                None => forecast.lost += 1,
            }
            if forecast.sample.len() < SAMPLE {
                let after = after.map(|after| after.value().clone());
                forecast.sample.push((ci.id, name.to_string(), attribute.value().clone(), after));
            }
        }
    }
    Ok(forecast)
}
