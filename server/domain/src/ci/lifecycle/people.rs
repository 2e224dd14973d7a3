//! What people may do to the life of an item: move it along a table, and retire what is gone, many at once.

use super::{Stage, Staleness, anchor, is_away, is_out_of_use, moved, verdict};
use crate::ci::{Ci, CiEvent, Lifecycle};
use crate::id::CiId;
use crate::{Rejection, World};
use rollcall_shared::Timestamp;

/// Moves items out of use that have been silent, all those of which it is true that they may be; retires nothing else.
///
/// # Errors
/// [`Rejection::Invalid`] without a reason.
pub fn retire(world: &World, cis: &[CiId], reason: &str, now: Timestamp) -> Result<Vec<CiEvent>, Rejection> {
    let reason = crate::ci::decide::assert::checked_reason(reason)?;
    if cis.len() > RETIRED_AT_ONCE {
        return Err(Rejection::invalid("cis", format!("must be at most {RETIRED_AT_ONCE}")));
    }
    let fit = cis.iter().filter_map(|id| retirable(world, *id, now).ok());
    Ok(fit.map(|ci| moved(ci, Lifecycle::Retired, reason.clone())).collect())
}

/// Items that one request may retire: a page of the largest list.
pub const RETIRED_AT_ONCE: usize = 1_000;

/// The item, when it may be retired together with others.
///
/// # Errors
/// [`Rejection::NotFound`], [`Rejection::WrongState`] for what is out of use already, [`Rejection::Conflict`] for what is alive.
pub fn retirable(world: &World, id: CiId, now: Timestamp) -> Result<&Ci, Rejection> {
    let ci = world.cmdb.cis.get(&id).ok_or_else(|| Rejection::not_found("configuration item", id))?;
    if let Some(main) = ci.duplicate_of {
        return Err(Rejection::Conflict(format!("{id} is a duplicate of {main}: retire that one")));
    }
    if is_out_of_use(ci.status) {
        return Err(Rejection::WrongState { subject: id.to_string(), state: ci.status.as_str().into(), action: "retired" });
    }
    let alive = verdict(world, ci, now).filter(|verdict| verdict.freshest.stage == Stage::Fresh && !verdict.freshest.source.is_of_people());
    if let Some(verdict) = alive {
        let Staleness { source, last_seen, .. } = verdict.freshest;
        let why = format!("{source} spoke of {id} at {last_seen}: it is not gone; to retire it nevertheless, set its status alone");
        return Err(Rejection::Conflict(why));
    }
    Ok(ci)
}

/// Whether people may move an item from one point of its life to another.
///
/// # Errors
/// [`Rejection::WrongState`] names both.
pub fn check_transition(world: &World, ci: &Ci, after: Lifecycle, now: Timestamp) -> Result<(), Rejection> {
    use Lifecycle as L;
    let allowed = match ci.status {
        L::Planned => matches!(after, L::InStock | L::Operational | L::Retired | L::Disposed),
        L::InStock => matches!(after, L::Planned | L::Operational | L::Maintenance | L::Retired | L::Disposed),
        L::Operational | L::Maintenance | L::Stale | L::Missing => {
            matches!(after, L::InStock | L::Operational | L::Maintenance | L::Retired | L::Disposed)
        }
        L::Retired => matches!(after, L::InStock | L::Operational | L::Maintenance | L::Disposed),
        L::Disposed => matches!(after, L::Retired),
    };
    if !allowed {
        let (subject, state) = (ci.id.to_string(), ci.status.as_str().to_owned());
        return Err(Rejection::WrongState { subject, state, action: moved_to(after) });
    }
    let is_silent = verdict(world, ci, now).is_some_and(|verdict| verdict.freshest.stage > Stage::Fresh);
    let follows = anchor(&world.cmdb, ci).is_some_and(|host| is_away(host.status));
    if after == L::Operational && matches!(ci.status, L::Stale | L::Missing) && (is_silent || follows) {
        let why = "is what silence took away and the next report gives back; maintenance and in_stock say that it is known to be away";
        return Err(Rejection::invalid("status", why));
    }
    Ok(())
}

fn moved_to(after: Lifecycle) -> &'static str {
    match after {
        Lifecycle::Planned => "moved to planned",
        Lifecycle::InStock => "moved to in_stock",
        Lifecycle::Operational => "moved to operational",
        Lifecycle::Maintenance => "moved to maintenance",
        Lifecycle::Stale => "moved to stale",
        Lifecycle::Missing => "moved to missing",
        Lifecycle::Retired => "retired",
        Lifecycle::Disposed => "disposed of",
    }
}
