//! Decisions on groups.

use super::uses::{self, Use};
use super::{Group, GroupCommand, GroupEvent, KnownGroup, NewGroup, Selection};
use crate::ci::normalise::{self, folded};
use crate::id::{CiId, GroupId};
use crate::query::{Query, Scope};
use crate::{Context, Event, Rejection, World};
use rollcall_shared::Timestamp;
use std::collections::BTreeSet;

/// Groups at most.
pub const GROUPS: usize = 10_000;

/// Members that people put in; more is what a query is for.
pub const MEMBERS: usize = 10_000;

/// Members that come or go at once: a page of the largest list.
const MEMBERS_AT_ONCE: usize = 1_000;

/// Characters of a name.
const NAME_CHARACTERS: usize = 100;

/// Characters of a description.
const DESCRIPTION_CHARACTERS: usize = 1_000;

/// Decides a command.
///
/// # Errors
/// The rejection that applies.
pub fn command(world: &World, command: &GroupCommand, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    let events = match command {
        GroupCommand::Create { group, members } => create(world, group, members, context)?,
        GroupCommand::Update { id, group, expected } => update(world, context.now, (*id, *expected), group)?,
        GroupCommand::ChangeMembers { id, add, remove, expected } => {
            let known = find(world, *id, *expected)?;
            change_members(world, &known.group, &known.members, add, remove)?
        }
        GroupCommand::Delete { id, expected } => {
            let known = find(world, *id, *expected)?;
            uses::refuse(world, context.now, &known.group, Use::Any)?;
            vec![GroupEvent::GroupDeleted { group: *id }]
        }
    };
    Ok(events.into_iter().map(Event::Group).collect())
}

fn find(world: &World, id: GroupId, expected: Option<u64>) -> Result<&KnownGroup, Rejection> {
    let known = world.groups.groups.get(&id).ok_or_else(|| Rejection::not_found("group", id))?;
    match expected {
        Some(expected) if expected != known.revision => {
            Err(Rejection::Stale { subject: id.to_string(), current: known.revision, expected })
        }
        _ => Ok(known),
    }
}

fn create(world: &World, new: &NewGroup, members: &BTreeSet<CiId>, context: &mut Context<'_>) -> Result<Vec<GroupEvent>, Rejection> {
    if world.groups.groups.len() >= GROUPS {
        return Err(Rejection::invalid("name", format!("there are at most {GROUPS} groups")));
    }
    let group = checked(world, GroupId(context.ids.next_bits()), new)?;
    let mut events = vec![GroupEvent::GroupSet { group: Box::new(group.clone()) }];
    events.extend(change_members(world, &group, &BTreeSet::new(), members, &BTreeSet::new())?);
    Ok(events)
}

fn update(world: &World, now: Timestamp, (id, expected): (GroupId, Option<u64>), new: &NewGroup) -> Result<Vec<GroupEvent>, Rejection> {
    let known = find(world, id, expected)?;
    let group = checked(world, id, new)?;
    if group == known.group {
        return Ok(Vec::new());
    }
    if group.selection != Selection::Members && !known.members.is_empty() {
        return Err(Rejection::invalid("query", "this group has members that people put in: take them out first"));
    }
    if folded(&group.name) != folded(&known.group.name) {
        uses::refuse(world, now, &known.group, Use::ByName)?;
    }
    Ok(vec![GroupEvent::GroupSet { group: Box::new(group) }])
}

fn checked(world: &World, id: GroupId, new: &NewGroup) -> Result<Group, Rejection> {
    let limited = |field: &str, raw: &str, most: usize| {
        let text = normalise::text(raw).filter(|text| text.chars().count() <= most);
        text.ok_or_else(|| Rejection::invalid(field, format!("must have 1 to {most} characters")))
    };
    let name = limited("name", &new.name, NAME_CHARACTERS)?;
    let mut others = world.groups.groups.values().filter(|known| known.group.id != id);
    if let Some(other) = others.find(|known| folded(&known.group.name) == folded(&name)) {
        return Err(Rejection::Conflict(format!("{} is called {} already", other.group.id, other.group.name)));
    }
    let description = new.description.as_ref().map(|text| limited("description", text, DESCRIPTION_CHARACTERS)).transpose()?;
    let unknown = || Rejection::invalid("owner", "must be the id or name of a contact; POST /api/v1/contacts makes one");
    let owner = new.owner.as_ref().map(|owner| world.contacts.find(owner).map(|known| known.contact.id).ok_or_else(unknown)).transpose()?;
    if new.support_group && owner.is_none() {
        return Err(Rejection::invalid("owner", "is needed for a support group: it is who supports"));
    }
    let group = Group { id, name, description, owner, support_group: new.support_group, selection: new.selection.clone() };
    if let Selection::Query { query } = &new.selection {
        // Judged as it will be, so that a group which leads back to itself is found.
        let mut groups = world.groups.clone();
        let (at, members) = (Timestamp(0), BTreeSet::new());
        let known = KnownGroup { group: group.clone(), members, created_at: at, updated_at: at, revision: 0 };
        groups.groups.insert(id, known);
        let scope = Scope { world, groups: &groups, now: at };
        scope.check(query).map_err(|error| Rejection::invalid("query", error.to_string()))?;
        let defined = format!("group:{id}");
        let itself = Query::parse(&defined).map_err(|error| Rejection::invalid("query", error.to_string()))?;
        scope.check(&itself).map_err(|error| Rejection::invalid("query", error.to_string()))?;
    }
    Ok(group)
}

fn change_members(
    world: &World,
    group: &Group,
    members: &BTreeSet<CiId>,
    add: &BTreeSet<CiId>,
    remove: &BTreeSet<CiId>,
) -> Result<Vec<GroupEvent>, Rejection> {
    if group.selection != Selection::Members && !(add.is_empty() && remove.is_empty()) {
        return Err(Rejection::invalid("members", "a query says who is in this group"));
    }
    if add.len() + remove.len() > MEMBERS_AT_ONCE {
        return Err(Rejection::invalid("members", format!("at most {MEMBERS_AT_ONCE} come and go at once")));
    }
    if let Some(both) = add.intersection(remove).next() {
        return Err(Rejection::invalid("members", format!("{both} cannot come and go at once")));
    }
    if let Some(absent) = add.iter().find(|id| !world.cmdb.cis.contains_key(id)) {
        return Err(Rejection::unknown("add", "configuration item", absent));
    }
    let added: Vec<CiId> = add.difference(members).copied().collect();
    let removed: Vec<CiId> = remove.intersection(members).copied().collect();
    if members.len() + added.len() > MEMBERS + removed.len() {
        return Err(Rejection::invalid("members", format!("a group has at most {MEMBERS} members; a query finds any number")));
    }
    if added.is_empty() && removed.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![GroupEvent::GroupMembersChanged { group: group.id, added, removed }])
}
