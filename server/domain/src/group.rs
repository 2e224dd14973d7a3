//! Groups of configuration items: those that people put in one by one, and those that a query finds.
//!
//! The text of a query is kept as it is; what it means is the business of the query language, which stands behind [`Queries`].
//! Invariant: a group that a query fills has a query that the language took when the group was made.

mod decide;

pub use decide::command;

use crate::id::{CiId, ContactId, GroupId};
use crate::{Record, Rejection, World};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What finds the members of groups by query.
pub trait Queries: Sync {
    /// Whether a text is a query.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] of the field `query`, with the place in the text.
    fn check(&self, text: &str) -> Result<(), Rejection>;

    /// The configuration items that a query finds, by id: those after one, at most so many.
    ///
    /// # Errors
    /// As [`Queries::check`].
    fn select(&self, world: &World, text: &str, after: Option<CiId>, limit: usize) -> Result<Vec<CiId>, Rejection>;
}

/// The query language of this server.
pub const LANGUAGE: &dyn Queries = &NoQueries;

/// A server without a query language: it has no groups by query.
struct NoQueries;

impl Queries for NoQueries {
    fn check(&self, _text: &str) -> Result<(), Rejection> {
        Err(Rejection::invalid("query", "groups by query are not available on this server yet; make a group with members"))
    }

    fn select(&self, _world: &World, text: &str, _after: Option<CiId>, _limit: usize) -> Result<Vec<CiId>, Rejection> {
        self.check(text).map(|()| Vec::new())
    }
}

/// Who is in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Selection {
    /// Those that people put in.
    Members,
    /// Those that a query finds.
    Query {
        /// Its text.
        query: String,
    },
}

/// What people say of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// A query that the language does not take any more.
    pub fn select(&self, world: &World, after: Option<CiId>, limit: usize) -> Result<Vec<CiId>, Rejection> {
        match &self.group.selection {
            Selection::Query { query } => LANGUAGE.select(world, query, after, limit),
            Selection::Members => {
                let later = self.members.iter().copied().filter(|id| after.is_none_or(|after| *id > after));
                Ok(later.filter(|id| world.cmdb.cis.contains_key(id)).take(limit).collect())
            }
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

impl Groups {
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
