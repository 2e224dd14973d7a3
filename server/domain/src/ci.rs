//! Configuration items: one record per real thing, and a reason for every value.

pub mod attribute;
pub mod changes;
pub mod class;
mod cmdb;
mod command;
pub mod compare;
pub mod dead_letter;
pub mod decide;
pub mod erase;
mod event;
pub mod explain;
pub mod fold;
pub mod health;
pub mod identify;
pub mod impact;
mod items;
pub mod ledger;
pub mod licence;
pub mod lifecycle;
pub mod merge;
pub mod natural;
pub mod network;
pub mod normalise;
pub mod parking;
pub mod past;
pub mod place;
pub mod policy;
pub mod relation;
pub mod review;
pub mod software;
mod source;
pub mod topology;
pub mod upkeep;
mod value;
pub mod voice;

#[cfg(test)]
pub(crate) mod testing;

pub use attribute::{Attribute, Attributes, Lock, Method, Proposal};
pub use class::Class;
pub use cmdb::{Cmdb, Revert};
pub use command::{CiCommand, NewCi};
pub use dead_letter::{DeadLetter, DeadLetterCode};
pub use event::{CiEvent, UnlockCause};
pub use identify::Identified;
pub use items::{Items, packed};
pub use merge::Merge;
pub use review::ReviewTask;
pub use source::{Reporter, Source};
pub use value::AttributeValue;

use crate::id::CiId;
use rollcall_shared::{ContentHash, Outcome, SectionName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where a CI is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// Expected, not yet seen.
    Planned,
    /// Bought, not yet in use.
    InStock,
    /// In use.
    Operational,
    /// In maintenance.
    Maintenance,
    /// In use as far as anybody knows, but not heard of for longer than its sources should take.
    Stale,
    /// Was there, is not found any more by a complete inventory.
    Missing,
    /// Out of use; nothing of it is deleted, a return revives it.
    Retired,
    /// Gone for good.
    Disposed,
}

impl Lifecycle {
    /// The name in JSON and queries.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::InStock => "in_stock",
            Self::Operational => "operational",
            Self::Maintenance => "maintenance",
            Self::Stale => "stale",
            Self::Missing => "missing",
            Self::Retired => "retired",
            Self::Disposed => "disposed",
        }
    }
}

/// What is known of one section of a host now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectionState {
    /// Name of the last complete content; of the last partial one as long as there never was a complete one.
    pub hash: Option<ContentHash>,
    /// Name of the partial content that was read since; it adds to `hash` and takes nothing away. Equal to `hash` when there never was a complete one.
    #[serde(default)]
    pub partial: Option<ContentHash>,
    /// How the last collection went.
    pub outcome: Outcome,
    /// Why it was not complete.
    pub reason: Option<String>,
    /// Since when the content is what it is.
    pub since: Timestamp,
    /// Earlier contents, oldest first: from when each held. The current one is last. At most [`fold::SECTION_HISTORY`]; the log has them all.
    pub history: Vec<(Timestamp, ContentHash)>,
    /// Whether what followed from it was withdrawn, so that the same content is news once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reverted: bool,
}

/// A configuration item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ci {
    /// Its id for ever.
    pub id: CiId,
    /// What it is.
    pub class: Class,
    /// What people call it.
    pub name: String,
    /// Where it is in its life.
    pub status: Lifecycle,
    /// Natural key within its class (for components: serial, or host and slot), as identification built it.
    pub key: Option<String>,
    /// The CI that contains it, for components.
    pub parent: Option<CiId>,
    /// By name.
    pub attributes: Attributes,
    /// For hosts: what their agent reports.
    pub sections: BTreeMap<SectionName, SectionState>,
    /// For hosts: what other systems deliver, by the name of the feed. It counts where the agent says nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub feeds: BTreeMap<String, BTreeMap<SectionName, SectionState>>,
    /// Words of people, for selecting.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Log revision of the last change; its ETag.
    pub revision: u64,
    /// The other record of the same thing, when this one is a duplicate.
    pub duplicate_of: Option<CiId>,
    /// Revisions of the log that changed it, oldest first, without those of volatile sections. At most the latest
    /// [`fold::CI_HISTORY`]; the log has them all.
    pub history: Vec<u64>,
}

/// How two CIs belong together (forward reading).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    /// A host contains a component.
    Contains,
    /// A product is installed on a host.
    InstalledOn,
    /// A service, virtual machine or container runs on a host; the other way round: runs.
    RunsOn,
    /// Something stands at a location, or lives on a cluster; the other way round: hosts.
    HostedOn,
    /// Something does not work without something else; the other way round: used by.
    DependsOn,
    /// Two devices are wired together; the other way round reads the same.
    ConnectsTo,
    /// Something belongs to a cluster, a network or a service; the other way round: has member.
    MemberOf,
    /// Something is managed by something else; the other way round: manages.
    ManagedBy,
}

impl RelationKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Contains,
        Self::InstalledOn,
        Self::RunsOn,
        Self::HostedOn,
        Self::DependsOn,
        Self::ConnectsTo,
        Self::MemberOf,
        Self::ManagedBy,
    ];

    /// The name in JSON and queries, read from `from` to `to`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contains => "contains",
            Self::InstalledOn => "installed_on",
            Self::RunsOn => "runs_on",
            Self::HostedOn => "hosted_on",
            Self::DependsOn => "depends_on",
            Self::ConnectsTo => "connects_to",
            Self::MemberOf => "member_of",
            Self::ManagedBy => "managed_by",
        }
    }

    /// The name read from `to` to `from`.
    #[must_use]
    pub fn reverse(self) -> &'static str {
        match self {
            Self::Contains => "contained_by",
            Self::InstalledOn => "has_installed",
            Self::RunsOn => "runs",
            Self::HostedOn => "hosts",
            Self::DependsOn => "used_by",
            Self::ConnectsTo => "connected_by",
            Self::MemberOf => "has_member",
            Self::ManagedBy => "manages",
        }
    }
}

/// Two CIs that belong together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Relation {
    /// Container or product.
    pub from: CiId,
    /// How.
    pub kind: RelationKind,
    /// Component or host.
    pub to: CiId,
    /// Who says so.
    pub source: Source,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last confirmed by a change of either side.
    pub last_seen: Timestamp,
}

/// One try to identify a thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Number of the identifier entry: 5 (the reporter's own key), 10 (cloud instance) to 60 (hardware), 70 to 90 (addresses and
    /// machine id), 100 and 110 (names).
    pub entry: u16,
    /// Attributes it compares, with the normalised values.
    pub attributes: BTreeMap<String, String>,
    /// What came of it.
    pub result: AttemptResult,
    /// CIs that matched.
    pub candidates: Vec<CiId>,
    /// Why it was skipped or a candidate was vetoed.
    pub note: Option<String>,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AttemptResult {
    /// Exactly one.
    Matched,
    /// Several.
    MultiMatch,
    /// None.
    NoMatch,
    /// Not tried: an identifier is absent or may not be used here.
    Skipped,
}

/// What identification led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Operation {
    /// A new CI.
    Insert,
    /// A known CI.
    Update,
    /// A known CI, nothing to change.
    NoChange,
    /// A known CI with another class.
    UpdateWithReclassification,
}

/// A changed attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttributeChange {
    /// Which.
    pub name: String,
    /// The value that counted before.
    pub before: Option<AttributeValue>,
    /// As it is now, proposals included; `None` when it is gone.
    #[serde(serialize_with = "attribute::serialize_shown")]
    pub after: Option<Attribute>,
}

/// What became of a package, by the order of versions of the manager that installed it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageChangeKind {
    /// It was not there before.
    Installed,
    /// It is not there any more.
    Removed,
    /// A newer version took its place.
    Upgraded,
    /// An older version took its place.
    Downgraded,
    /// Another version took its place that its manager takes for the same one, or nobody said which is newer.
    #[default]
    Changed,
}

/// One package in a change of software.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageChange {
    /// What became of it.
    #[serde(default)]
    pub kind: PackageChangeKind,
    /// Product.
    pub product: CiId,
    /// Package name.
    pub name: String,
    /// Version before; `None` for an installation.
    pub before: Option<String>,
    /// Version after; `None` for a removal.
    pub after: Option<String>,
}

impl Ci {
    /// A record of which nothing is known yet but what it is.
    #[must_use]
    pub fn new(id: CiId, class: Class, name: &str, at: Timestamp, revision: u64) -> Self {
        Self {
            id,
            class,
            name: name.to_owned(),
            status: Lifecycle::Operational,
            key: None,
            parent: None,
            attributes: Attributes::default(),
            sections: BTreeMap::new(),
            feeds: BTreeMap::new(),
            tags: BTreeSet::new(),
            created_at: at,
            updated_at: at,
            revision,
            duplicate_of: None,
            history: vec![revision],
        }
    }

    /// What the newest agent says of an attribute, else the newest feed; whatever people assert and the policy prefers. What
    /// identifies a machine is decided by this alone.
    #[must_use]
    pub fn observed(&self, name: &str) -> Option<&Proposal> {
        let measured = self.attributes.get(name)?.proposals().iter().filter(|proposal| !proposal.source().is_person());
        measured.max_by_key(|proposal| decide::reconcile::precedence(proposal))
    }

    /// What is known of a section: what the agent says, else the first feed that says something.
    #[must_use]
    pub fn section(&self, name: SectionName) -> Option<&SectionState> {
        self.sections.get(&name).or_else(|| self.feeds.values().find_map(|sections| sections.get(&name)))
    }

    /// What one reporter says of the sections.
    #[must_use]
    pub fn sections_of(&self, feed: Option<&str>) -> Option<&BTreeMap<SectionName, SectionState>> {
        match feed {
            None => Some(&self.sections),
            Some(feed) => self.feeds.get(feed),
        }
    }

    /// What the newest agent says of an attribute that is a text.
    #[must_use]
    pub fn observed_text(&self, name: &str) -> Option<&str> {
        match self.observed(name)?.value() {
            AttributeValue::Text(text) => Some(text),
            _ => None,
        }
    }
}
