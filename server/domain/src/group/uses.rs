//! Who names a group in a query: without it they would select nothing, and nobody would notice.

use super::Group;
use crate::alert::mute::Mute;
use crate::ci::normalise::folded;
use crate::id::GroupId;
use crate::problem::display_number;
use crate::query::Query;
use crate::rule::Selector;
use crate::{Rejection, World};
use rollcall_shared::Timestamp;

/// Who uses a group, as many as a refusal names: more is a list that nobody reads.
const NAMED: usize = 100;

/// Which uses of a group count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// By its id or its name.
    Any,
    /// By its name alone.
    ByName,
}

/// Refuses to take a group, or its name, away from those that use it.
///
/// # Errors
/// [`Rejection::Conflict`], which names them.
pub(super) fn refuse(world: &World, now: Timestamp, group: &Group, which: Use) -> Result<(), Rejection> {
    let users = users(world, now, group, which);
    if users.is_empty() {
        return Ok(());
    }
    let more = users.len().saturating_sub(NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let first: Vec<String> = users.into_iter().take(NAMED).collect();
    let (action, way) = match which {
        Use::Any => ("deleted", "take it out of them first"),
        Use::ByName => ("renamed", "name it by its id there first"),
    };
    Err(Rejection::Conflict(format!("{} cannot be {action}: it is named in the queries of {}{rest}; {way}", group.name, first.join(", "))))
}

/// Everything with a query that names a group, in words.
fn users(world: &World, now: Timestamp, group: &Group, which: Use) -> Vec<String> {
    let is_meant = |text: &String| match text.parse::<GroupId>() {
        Ok(id) if id == group.id => which == Use::Any,
        _ => folded(text) == folded(&group.name),
    };
    let by_query = |query: &Query| query.groups().any(is_meant);
    let by_selector = |selector: &Selector| selector.query.iter().any(|query| query.groups().any(is_meant));
    let rules = world.rules.rules.values().map(|known| &known.rule);
    let rules = rules.filter(|rule| by_selector(&rule.selector) || rule.overrides.iter().any(|one| by_selector(&one.selector)));
    let routes = world.notifications.in_order().filter(|route| by_selector(&route.when.selector) || route.when.query.iter().any(by_query));
    let assignment = world.incidents.assignment.in_order().map(|known| &known.rule).filter(|rule| by_selector(&rule.conditions.selector));
    let counts = |mute: &&Mute| mute.schedule.ends_at().is_none_or(|end| end > now);
    let mutes = world.alerts.mutes.values().filter(counts).filter(|mute| by_selector(&mute.selector));
    let groups = world.groups.groups.values().map(|known| &known.group).filter(|other| other.id != group.id);
    let groups = groups.filter(|other| matches!(&other.selection, super::Selection::Query { query } if by_query(query)));
    let problems = world.problems.problems.values().filter(|problem| problem.state.is_open());
    let problems = problems.filter(|problem| problem.applies_to.iter().any(|query| query.groups().any(is_meant)));
    let rules = rules.map(|rule| format!("rule {}", rule.id));
    let routes = routes.map(|route| format!("notification route {}", route.name));
    let assignment = assignment.map(|rule| format!("assignment rule {}", rule.name));
    let mutes = mutes.map(|mute| format!("{} ({})", mute.id, mute.reason));
    let problems = problems.map(|problem| format!("problem {}", display_number(problem.number)));
    let groups = groups.map(|other| format!("group {}", other.name));
    rules.chain(routes).chain(assignment).chain(mutes).chain(groups).chain(problems).collect()
}

#[cfg(test)]
mod tests;
