//! Decisions on configuration items: reports of agents and assertions of people become events.
//!
//! Nothing here changes state or loses a source's word: every proposal is kept, and one visible function,
//! [`reconcile::Weighing`], says which one counts.

pub mod assert;
mod attributes;
mod certificates;
pub(crate) mod components;
mod confirm;
mod containers;
mod deliver;
mod dependencies;
mod dependents;
mod guests;
mod links;
mod lock;
pub mod manual;
mod merge;
mod neighbours;
mod networks;
pub(in crate::ci) mod packages;
pub mod park;
pub mod reconcile;
pub mod relate;
mod report;
pub mod revert;
mod review;
mod services;
mod shared;
mod twins;
mod voice;

pub use assert::{ASSERTED_ATTRIBUTES, VALUE_BYTES, check_attribute_name};
pub use components::COMPONENTS_PER_HOST;
pub use deliver::is_older;
pub use dependencies::react;
pub use lock::ended as lock_ended;
pub use merge::MERGED_AT_ONCE;
pub use packages::SOFTWARE_CHANGES;
pub use report::{refused, report};
pub use twins::doubt as doubt_of_twins;

#[cfg(test)]
pub(crate) use attributes::of_section as observations_of;

use super::{CiCommand, CiEvent, lifecycle, normalise};
use crate::{Context, Event, Rejection, World, attribute};
use rollcall_shared::message::Loss;
use rollcall_shared::{AgentId, Timestamp};

/// Decides a command.
///
/// # Errors
/// The rejection that applies.
pub fn command(world: &World, command: &CiCommand, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    let events = match command {
        CiCommand::AssertAttributes { ci, attributes, expected } => {
            let ci = assert::editable(world, *ci, *expected)?;
            let typed = attribute::typed_change(world, ci, attributes)?;
            let mut events = assert::attributes(&world.cmdb.policy.reconciliation, ci, &typed, context)?;
            let after = manual::with_changes(ci, &events);
            events.extend(manual::rekeyed(world, &after)?);
            events.extend(twins::doubt(world, Some(ci), &after, context));
            events
        }
        CiCommand::SetStatus { ci, status, reason, expected } => {
            let ci = assert::editable(world, *ci, *expected)?;
            assert::status(world, ci, *status, reason, context.now)?
        }
        CiCommand::Retire { cis, reason } => lifecycle::retire(world, cis, reason, context.now)?,
        CiCommand::Lock { ci, attribute, value, reason, expires_at, expected } => {
            let ci = assert::editable(world, *ci, *expected)?;
            let wanted = lock::Wanted { attribute, value: value.as_ref(), reason, expires_at: *expires_at };
            lock::lock(ci, &wanted, context)?
        }
        CiCommand::Unlock { ci, attribute, expected } => lock::unlock(assert::editable(world, *ci, *expected)?, attribute)?,
        CiCommand::AcceptObserved { ci, attribute, expected } => {
            let ci = assert::editable(world, *ci, *expected)?;
            lock::accept_observed(&world.cmdb.policy.reconciliation, ci, attribute)?
        }
        CiCommand::RevertSource { source, reason } => revert::begin(world, source, reason)?,
        CiCommand::Create(new) => manual::create(world, new, context)?,
        CiCommand::Rename { ci, name, expected } => manual::rename(world, *ci, name, *expected)?,
        CiCommand::Place { ci, parent, expected } => manual::place(world, *ci, *parent, *expected)?,
        CiCommand::Tag { cis, add, remove, expected } => manual::tag(world, cis, add, remove, *expected)?,
        CiCommand::Relate { from, kind, to } => relate::relate(world, *from, *kind, *to, context)?,
        CiCommand::Unrelate { from, kind, to } => relate::unrelate(world, *from, *kind, *to)?,
        CiCommand::DiscardParked { parked } => park::discard(world, *parked)?,
        CiCommand::Deliver { feed, key, former, report } => {
            return deliver::deliver(world, &deliver::Delivery { feed, key, former: former.as_deref(), report }, context);
        }
        CiCommand::SetAside { feed, key, code, answered, reason } => {
            let refused = deliver::Unread { feed, key, code: *code, answered, reason };
            return Ok(deliver::set_aside(world, &refused, context));
        }
        CiCommand::Merge { into, from, reason, expected } => {
            let mut events = merge::merge(world, *into, from, reason, *expected, context)?;
            events.extend(review::answered(world, *into, from, reason, context));
            events
        }
        CiCommand::Unmerge { ci, reason, expected } => merge::unmerge(world, *ci, reason, *expected)?,
        CiCommand::ResolveReview { task, resolution, reason } => review::resolve(world, *task, resolution, reason, context)?,
        CiCommand::SetPolicy { policy, expected } => {
            if let Some(expected) = expected.filter(|&expected| expected != world.cmdb.policy_revision) {
                return Err(Rejection::Stale { subject: "policy".into(), current: world.cmdb.policy_revision, expected });
            }
            policy.validate()?;
            let policy = policy.checked()?;
            let news = policy != world.cmdb.policy;
            news.then(|| CiEvent::PolicySet { policy: Box::new(policy) }).into_iter().collect()
        }
    };
    Ok(events.into_iter().map(Event::Ci).collect())
}

/// Takes note of a declared loss.
#[must_use]
pub fn loss(agent: AgentId, loss: &Loss) -> Vec<Event> {
    let reason = normalise::text(&loss.reason).unwrap_or_else(|| "no reason given".into());
    let loss = Loss { from: written(loss.from), to: written(loss.to), reason, ..*loss };
    vec![Event::Ci(CiEvent::DataLost { agent, loss })]
}

/// A moment that an agent claims, within what the log can write down: a replay must read back what was live.
fn written(claimed: Timestamp) -> Timestamp {
    const YEAR_9999: Timestamp = Timestamp(253_370_764_800_000);
    claimed.clamp(Timestamp(0), YEAR_9999)
}

#[cfg(test)]
mod tests;
