//! What people and programs ask of configuration items.

use super::{AttributeValue, Class, DeadLetterCode, Lifecycle, RelationKind, Source, policy, review};
use crate::id::{CiId, ParkedId, TaskId};
use rollcall_shared::Timestamp;
use rollcall_shared::message::Report;
use std::collections::{BTreeMap, BTreeSet};

/// What people ask of configuration items.
#[derive(Clone, Debug, PartialEq)]
pub enum CiCommand {
    /// Assert attributes; `None` withdraws an assertion.
    AssertAttributes {
        /// Of which CI.
        ci: CiId,
        /// By name.
        attributes: BTreeMap<String, Option<AttributeValue>>,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Move a CI on in its life.
    SetStatus {
        /// Which.
        ci: CiId,
        /// To.
        status: Lifecycle,
        /// Why.
        reason: String,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Move those of these CIs out of use that nothing speaks of any more.
    Retire {
        /// Which; those that are alive or out of use already stay as they are.
        cis: Vec<CiId>,
        /// Why.
        reason: String,
    },
    /// Decide that an attribute has a value for now, whatever anybody says.
    Lock {
        /// Of which CI.
        ci: CiId,
        /// Name of the attribute.
        attribute: String,
        /// The value; the one that counts now unless given.
        value: Option<AttributeValue>,
        /// Why.
        reason: String,
        /// When the computed value counts again.
        expires_at: Timestamp,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Let the computed value of an attribute count again.
    Unlock {
        /// Of which CI.
        ci: CiId,
        /// Name of the attribute.
        attribute: String,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Withdraw what people say of an attribute, because what machines observe is right.
    AcceptObserved {
        /// Of which CI.
        ci: CiId,
        /// Name of the attribute.
        attribute: String,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Withdraw all that a source has said.
    RevertSource {
        /// Which.
        source: Source,
        /// Why.
        reason: String,
    },
    /// Make a CI that no machine reports, or not yet.
    Create(Box<NewCi>),
    /// Call a CI that people look after something else.
    Rename {
        /// Which.
        ci: CiId,
        /// What it is to be called.
        name: String,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Say what contains a CI that people look after.
    Place {
        /// Which.
        ci: CiId,
        /// What contains it; `None` for nothing.
        parent: Option<CiId>,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Put tags on CIs and take tags off them: on all of them or on none.
    Tag {
        /// Which.
        cis: BTreeSet<CiId>,
        /// To put on.
        add: Vec<String>,
        /// To take off.
        remove: Vec<String>,
        /// Revision of the only one that the person saw.
        expected: Option<u64>,
    },
    /// Say that two CIs belong together.
    Relate {
        /// One.
        from: CiId,
        /// How.
        kind: RelationKind,
        /// The other.
        to: CiId,
    },
    /// Take back what people said of how two CIs belong together.
    Unrelate {
        /// One.
        from: CiId,
        /// How.
        kind: RelationKind,
        /// The other.
        to: CiId,
    },
    /// Give a parked report up.
    DiscardParked {
        /// Which.
        parked: ParkedId,
    },
    /// Take in an inventory from another system; its content is stored.
    Deliver {
        /// Name of the feed.
        feed: String,
        /// Its own key for the machine.
        key: String,
        /// What it called the machine before, when it says that it calls it anew.
        former: Option<String>,
        /// The inventory.
        report: Box<Report>,
    },
    /// Set aside that an inventory from another system was refused before anybody could judge what it says.
    SetAside {
        /// Name of the feed.
        feed: String,
        /// Its own key for the machine; empty when nobody could read it.
        key: String,
        /// Why, for programs.
        code: DeadLetterCode,
        /// Why, in the words of the audit log: the code that the sender was answered with.
        answered: String,
        /// Why, for people.
        reason: String,
    },
    /// Merge records of one thing.
    Merge {
        /// The record that stays.
        into: CiId,
        /// The others.
        from: Vec<CiId>,
        /// Why.
        reason: String,
        /// Revision of the staying one that the person saw.
        expected: Option<u64>,
    },
    /// Take a merge back.
    Unmerge {
        /// The record that was merged.
        ci: CiId,
        /// Why.
        reason: String,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Settle a doubt.
    ResolveReview {
        /// Which.
        task: TaskId,
        /// How.
        resolution: review::Resolution,
        /// Why.
        reason: String,
    },
    /// Decide anew how things are identified and reconciled.
    SetPolicy {
        /// The whole of it.
        policy: Box<policy::Policy>,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
}

/// A CI that a person describes.
#[derive(Clone, Debug, PartialEq)]
pub struct NewCi {
    /// What it is.
    pub class: Class,
    /// What it is called.
    pub name: String,
    /// Where it is in its life; unless given, hosts are planned and everything else is operational.
    pub status: Option<Lifecycle>,
    /// What contains it.
    pub parent: Option<CiId>,
    /// Asserted values by name.
    pub attributes: BTreeMap<String, AttributeValue>,
    /// For selecting.
    pub tags: Vec<String>,
}
