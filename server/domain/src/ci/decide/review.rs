//! Work that people settle: what a machine must not decide.

use super::{assert, merge};
use crate::ci::CiEvent;
use crate::ci::review::{Resolution, ReviewTask, Settled};
use crate::id::{CiId, TaskId};
use crate::{Context, Rejection, World};

/// Settles a task.
///
/// # Errors
/// [`Rejection::NotFound`], [`Rejection::WrongState`] for one that is settled, [`Rejection::Invalid`], and those of a merge.
pub fn resolve(world: &World, id: TaskId, resolution: &Resolution, reason: &str, context: &Context<'_>) -> Result<Vec<CiEvent>, Rejection> {
    let task = world.cmdb.reviews.get(&id).ok_or_else(|| Rejection::not_found("review", id))?;
    if task.settled.is_some() {
        return Err(Rejection::WrongState { subject: id.to_string(), state: "settled".into(), action: "settled again" });
    }
    let mut events = match resolution {
        Resolution::Merged { keep } => {
            let others = others(task, *keep)?;
            let open: Vec<CiId> = others.into_iter().filter(|id| !is_merged_into(world, *id, *keep)).collect();
            if open.is_empty() { Vec::new() } else { merge::merge(world, *keep, &open, reason, None, context)? }
        }
        Resolution::Distinct => unmarked(world, task, reason).into_iter().chain(told_apart(world, task, reason, context)).collect(),
        Resolution::Dismissed => Vec::new(),
    };
    let reason = assert::checked_reason(reason)?;
    let settled = Settled { resolution: resolution.clone(), reason, at: context.now, by: context.actor.clone() };
    events.push(CiEvent::ReviewSettled { task: id, settled });
    Ok(events)
}

/// Open tasks whose records a merge makes one: what they ask is answered by it.
pub fn answered(world: &World, into: CiId, from: &[CiId], reason: &str, context: &Context<'_>) -> Vec<CiEvent> {
    let is_one = |id: &CiId| {
        let record = world.cmdb.record(*id).map_or(*id, |ci| ci.id);
        record == into || from.contains(&record) || from.contains(id)
    };
    let open = world.cmdb.reviews.values().filter(|task| task.settled.is_none() && task.cis.len() > 1 && task.cis.iter().all(is_one));
    let settle = |task: &ReviewTask| {
        let (resolution, reason) = (Resolution::Merged { keep: into }, reason.trim().to_owned());
        CiEvent::ReviewSettled { task: task.id, settled: Settled { resolution, reason, at: context.now, by: context.actor.clone() } }
    };
    open.map(settle).collect()
}

/// Open tasks about records that people have told apart by settling this one.
fn told_apart(world: &World, settled: &ReviewTask, reason: &str, context: &Context<'_>) -> Vec<CiEvent> {
    let is_same = |task: &&ReviewTask| task.cis.len() > 1 && task.cis.iter().all(|id| settled.cis.contains(id));
    let open = world.cmdb.reviews.values().filter(|task| task.id != settled.id && task.settled.is_none());
    let settle = |task: &ReviewTask| {
        let (resolution, reason) = (Resolution::Distinct, reason.trim().to_owned());
        CiEvent::ReviewSettled { task: task.id, settled: Settled { resolution, reason, at: context.now, by: context.actor.clone() } }
    };
    open.filter(is_same).map(settle).collect()
}

/// Records that were found to be duplicates of others of the task, and are none.
fn unmarked(world: &World, task: &ReviewTask, reason: &str) -> Vec<CiEvent> {
    let marked = task.cis.iter().filter_map(|id| world.cmdb.cis.get(id)).filter(|ci| !world.cmdb.merges.contains_key(&ci.id));
    let marked = marked.filter_map(|ci| Some((ci.id, ci.duplicate_of.filter(|main| task.cis.contains(main))?)));
    marked
        .map(|(ci, from)| CiEvent::CiUnmerged { ci, from, agents: Vec::new(), feeds: Vec::new(), reason: reason.trim().to_owned() })
        .collect()
}

fn others(task: &ReviewTask, keep: CiId) -> Result<Vec<CiId>, Rejection> {
    if !task.cis.contains(&keep) {
        return Err(Rejection::invalid("keep", format!("{keep} is none of the records of this task")));
    }
    let others: Vec<CiId> = task.cis.iter().copied().filter(|&id| id != keep).collect();
    if others.is_empty() {
        return Err(Rejection::invalid("resolution", "this task is about one record: there is nothing to merge"));
    }
    Ok(others)
}

fn is_merged_into(world: &World, id: CiId, keep: CiId) -> bool {
    world.cmdb.cis.get(&id).is_some_and(|ci| ci.duplicate_of == Some(keep)) && world.cmdb.merges.contains_key(&id)
}
