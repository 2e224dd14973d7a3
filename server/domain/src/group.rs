//! Groups of configuration items: those that people put in one by one, and those that a query finds.
//!
//! Invariant: a group that a query fills has a query that could be answered when the group was made: no group is defined by
//! itself.

mod decide;
mod uses;

pub use decide::command;

use crate::ci::Ci;
use crate::ci::normalise::folded;
use crate::id::{CiId, ContactId, GroupId};
use crate::query::{self, Query, Scope};
use crate::{Record, Rejection, World};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Who is in a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Selection {
    /// Those that people put in.
    Members,
    /// Those that a query finds.
    Query {
        /// Written down as its text.
        query: Query,
    },
}

/// What people say of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Its id for ever.
    pub id: GroupId,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Who looks after it.
    pub owner: Option<ContactId>,
    /// Whether its owner supports its members.
    pub support_group: bool,
    /// Who is in it.
    pub selection: Selection,
}

/// A group with its members and history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownGroup {
    /// What people say of it.
    pub group: Group,
    /// Those that people put in.
    pub members: BTreeSet<CiId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Log revision of the last change; its ETag.
    pub revision: u64,
}

impl KnownGroup {
    /// Its members that are there, by id: those after one, at most so many.
    ///
    /// # Errors
    /// A query that names a group which is there no more.
    pub fn select(&self, world: &World, now: Timestamp, after: Option<CiId>, limit: usize) -> Result<Vec<CiId>, Rejection> {
        match &self.group.selection {
            Selection::Query { query } => {
                let scope = Scope { world, groups: &world.groups, now };
                let found = scope.find(query).map_err(|error| Rejection::invalid("query", error.to_string()))?;
                Ok(found.page(after, limit))
            }
            Selection::Members => {
                let later = self.members.iter().copied().filter(|id| after.is_none_or(|after| *id > after));
                Ok(later.filter(|id| world.cmdb.cis.contains_key(id)).take(limit).collect())
            }
        }
    }
}

impl KnownGroup {
    /// Whether an item is in it. Only this one is looked at.
    #[must_use]
    pub fn has(&self, world: &World, now: Timestamp, ci: &Ci) -> bool {
        match &self.group.selection {
            Selection::Query { query } => Scope { world, groups: &world.groups, now }.matches(query, ci),
            Selection::Members => self.members.contains(&ci.id),
        }
    }
}

/// What happened to groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum GroupEvent {
    /// One was made or changed; carried whole, save for its members.
    GroupSet {
        /// As it is now.
        group: Box<Group>,
    },
    /// Members came or went.
    GroupMembersChanged {
        /// Of which group.
        group: GroupId,
        /// Those that came, by id.
        added: Vec<CiId>,
        /// Those that went, by id.
        removed: Vec<CiId>,
    },
    /// It is no more.
    GroupDeleted {
        /// Which.
        group: GroupId,
    },
}

/// What people ask of groups.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupCommand {
    /// Make one.
    Create {
        /// What it is to be.
        group: NewGroup,
        /// Whom to put in.
        members: BTreeSet<CiId>,
    },
    /// Say anew what it is; members stay.
    Update {
        /// Which.
        id: GroupId,
        /// What it is to be.
        group: NewGroup,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Put members in and take members out.
    ChangeMembers {
        /// Of which group.
        id: GroupId,
        /// To put in.
        add: BTreeSet<CiId>,
        /// To take out.
        remove: BTreeSet<CiId>,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// End it; its members stay what they are.
    Delete {
        /// Which.
        id: GroupId,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
}

/// What people say of a group, as they say it.
#[derive(Clone, Debug, PartialEq)]
pub struct NewGroup {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Id or name of the contact that looks after it.
    pub owner: Option<String>,
    /// Whether its owner supports its members.
    pub support_group: bool,
    /// Who is in it.
    pub selection: Selection,
}

/// All groups.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Groups {
    /// By id.
    pub groups: BTreeMap<GroupId, KnownGroup>,
}

impl query::Groups for Groups {
    fn query(&self, name: &str) -> Option<&Query> {
        match &self.named(name)?.group.selection {
            Selection::Query { query } => Some(query),
            Selection::Members => None,
        }
    }

    fn members(&self, name: &str) -> Option<&BTreeSet<CiId>> {
        self.named(name).map(|known| &known.members)
    }

    fn names(&self, beginning: &str) -> Vec<String> {
        let beginning = folded(beginning);
        let names = self.groups.values().map(|known| &known.group.name).filter(|name| folded(name).starts_with(&beginning));
        let mut names: Vec<String> = names.cloned().collect();
        names.sort();
        names
    }
}

impl Groups {
    /// The group that people call so, or that has this id.
    fn named(&self, name: &str) -> Option<&KnownGroup> {
        let by_id = name.parse().ok().and_then(|id: GroupId| self.groups.get(&id));
        by_id.or_else(|| self.groups.values().find(|known| folded(&known.group.name) == folded(name)))
    }

    /// Remembers an event. Total.
    pub fn apply(&mut self, record: &Record, event: &GroupEvent) {
        match event {
            GroupEvent::GroupSet { group } => match self.groups.get_mut(&group.id) {
                Some(known) => {
                    known.group.clone_from(group);
                    (known.updated_at, known.revision) = (record.at, record.revision);
                    if group.selection != Selection::Members {
                        known.members.clear();
                    }
                }
                None => {
                    let (group, at) = ((**group).clone(), record.at);
                    let known = KnownGroup { group, members: BTreeSet::new(), created_at: at, updated_at: at, revision: record.revision };
                    self.groups.insert(known.group.id, known);
                }
            },
            GroupEvent::GroupMembersChanged { group, added, removed } => {
                let Some(known) = self.groups.get_mut(group) else { return };
                known.members.retain(|member| !removed.contains(member));
                known.members.extend(added.iter().copied());
                (known.updated_at, known.revision) = (record.at, record.revision);
            }
            GroupEvent::GroupDeleted { group } => drop(self.groups.remove(group)),
        }
    }
}

#[cfg(test)]
mod tests;
