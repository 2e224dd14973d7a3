//! Configuration items: one record per real thing, and a reason for every value.

pub mod attribute;
pub mod changes;
pub mod class;
pub mod compare;
pub mod dead_letter;
pub mod decide;
pub mod explain;
pub mod fold;
pub mod identify;
pub mod impact;
pub mod ledger;
pub mod merge;
pub mod natural;
pub mod normalise;
pub mod parking;
pub mod past;
pub mod policy;
pub mod relation;
pub mod review;
pub mod software;
pub mod topology;
pub mod upkeep;

#[cfg(test)]
pub(crate) mod testing;

pub use attribute::{Attribute, Attributes, Lock, Method, Proposal};
pub use class::Class;
pub use dead_letter::{DeadLetter, DeadLetterCode};
pub use merge::Merge;
pub use review::ReviewTask;

use crate::actor::Actor;
use crate::id::{CiId, DeadLetterId, ParkedId, TaskId};
use rollcall_shared::message::{Loss, Report};
use rollcall_shared::{AgentId, ContentHash, Outcome, SectionName, Timestamp};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
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

/// A value of an attribute. Numbers are finite.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AttributeValue {
    /// Yes or no.
    Boolean(bool),
    /// A whole number; sizes are in bytes.
    Integer(i64),
    /// Another number.
    Number(f64),
    /// Text.
    Text(String),
    /// Several texts.
    List(Vec<String>),
}

impl std::fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Text(value) => f.write_str(value),
            Self::List(values) => f.write_str(&values.join(", ")),
        }
    }
}

impl Ord for AttributeValue {
    fn cmp(&self, other: &Self) -> Ordering {
        let kind = |value: &Self| match value {
            Self::Boolean(_) => 0,
            Self::Integer(_) => 1,
            Self::Number(_) => 2,
            Self::Text(_) => 3,
            Self::List(_) => 4,
        };
        match (self, other) {
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(b),
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::List(a), Self::List(b)) => a.cmp(b),
            _ => kind(self).cmp(&kind(other)),
        }
    }
}

impl PartialOrd for AttributeValue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for AttributeValue {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for AttributeValue {}

/// Where a value comes from, in descending trust when nothing else decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// A person asserted it.
    Person {
        /// Name of the token that the person used.
        name: String,
    },
    /// An agent measured it.
    Agent {
        /// Which.
        id: AgentId,
    },
    /// Another system delivered it: somebody else's agent, an import, another CMDB.
    Feed {
        /// Its name in the configuration, such as `glpi` or `import:racks`.
        name: String,
    },
}

/// Who delivers an inventory: the part of a [`Source`] that has inventories.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reporter {
    /// An agent, proven by its certificate.
    Agent(AgentId),
    /// Another system, under its own key for the machine.
    Feed {
        /// Its name in the configuration.
        name: String,
        /// What it calls the machine.
        key: String,
    },
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

/// What happened to configuration items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CiEvent {
    /// A CI came into being.
    CiCreated {
        /// Its id.
        ci: CiId,
        /// What it is.
        class: Class,
        /// What it is called.
        name: String,
        /// Natural key.
        key: Option<String>,
        /// Container.
        parent: Option<CiId>,
        /// Who reported it.
        source: Source,
    },
    /// An agent was identified as a host.
    HostIdentified {
        /// The agent.
        agent: AgentId,
        /// The host.
        ci: CiId,
        /// What was done.
        operation: Operation,
        /// Every try, in order.
        attempts: Vec<Attempt>,
    },
    /// What a feed calls a machine was identified as a host.
    FeedIdentified {
        /// The feed.
        feed: String,
        /// Its own key for the machine.
        key: String,
        /// The host.
        ci: CiId,
        /// What was done.
        operation: Operation,
        /// Every try, in order.
        attempts: Vec<Attempt>,
    },
    /// An agent at home in one host told of another machine: its state was moved or copied there. It stays at home.
    ForeignHostIdentified {
        /// The agent.
        agent: AgentId,
        /// The host that it told of.
        ci: CiId,
        /// The host that it is at home in.
        home: CiId,
        /// What was done.
        operation: Operation,
        /// Every try, in order.
        attempts: Vec<Attempt>,
    },
    /// A host was recognised although what identifies it changed, or was not although its agent is known.
    IdentityExplained {
        /// The host.
        ci: CiId,
        /// Who reported it.
        agent: AgentId,
        /// What happened to it.
        explanation: identify::Explanation,
        /// In words.
        reason: String,
    },
    /// A record turned out to be another record of the same machine.
    DuplicateFound {
        /// The younger record.
        ci: CiId,
        /// The record that stands for the machine.
        duplicate_of: CiId,
    },
    /// An input was refused in a way that people should know of.
    DeadLettered {
        /// What.
        letter: Box<DeadLetter>,
    },
    /// A feed delivered an inventory; the state of the host says what was in it.
    FeedDelivered {
        /// The feed.
        feed: String,
        /// Its own key for the machine.
        key: String,
        /// The host.
        ci: CiId,
        /// When the inventory was collected; never later than when it came.
        collected_at: Timestamp,
    },
    /// A CI changed its class.
    CiReclassified {
        /// Which.
        ci: CiId,
        /// Before.
        before: Class,
        /// After.
        after: Class,
    },
    /// A CI moved on in its life.
    CiStatusChanged {
        /// Which.
        ci: CiId,
        /// Before.
        before: Lifecycle,
        /// After.
        after: Lifecycle,
        /// Why.
        reason: String,
    },
    /// A component is contained in another host than before.
    CiMoved {
        /// Which.
        ci: CiId,
        /// Before.
        before: Option<CiId>,
        /// After.
        after: Option<CiId>,
    },
    /// A CI that people look after is called something else.
    CiRenamed {
        /// Which.
        ci: CiId,
        /// Before.
        before: String,
        /// After.
        after: String,
    },
    /// What makes a CI the thing that it is was put right.
    CiRekeyed {
        /// Which.
        ci: CiId,
        /// Natural key before.
        before: Option<String>,
        /// Natural key after.
        after: Option<String>,
    },
    /// Words of people came or went.
    TagsChanged {
        /// Of which CI.
        ci: CiId,
        /// Those that came, in order.
        added: Vec<String>,
        /// Those that went, in order.
        removed: Vec<String>,
    },
    /// Attributes changed.
    AttributesChanged {
        /// Of which CI.
        ci: CiId,
        /// In order of their names.
        changes: Vec<AttributeChange>,
    },
    /// A section of a host has other content, or its collection went differently.
    SectionChanged {
        /// Of which host.
        ci: CiId,
        /// Which section.
        section: SectionName,
        /// The feed that delivered it; `None` for the host's agent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        feed: Option<String>,
        /// Content before.
        before: Option<ContentHash>,
        /// Content after; unchanged when the collection failed.
        after: Option<ContentHash>,
        /// How the collection went.
        outcome: Outcome,
        /// Why it was not complete.
        reason: Option<String>,
        /// Rows that came.
        added: u64,
        /// Rows that went.
        removed: u64,
        /// Rows that changed.
        changed: u64,
    },
    /// Packages of a host changed; not written for a host's first inventory.
    SoftwareChanged {
        /// Of which host.
        ci: CiId,
        /// At most the first 5,000 changes in order of name.
        changes: Vec<PackageChange>,
    },
    /// Products that no host had before.
    ProductsDiscovered {
        /// Each with its id, name and key (purl without version).
        products: Vec<(CiId, String, String)>,
    },
    /// Relations that are stored came or went: discovered ones and those of people. Containment and installations follow
    /// from elsewhere and are not among them.
    RelationsChanged {
        /// In any order; each names one relation of one source.
        changes: Vec<relation::Change>,
    },
    /// A person decided that an attribute has this value for now.
    AttributeLocked {
        /// Of which CI.
        ci: CiId,
        /// Name of the attribute.
        attribute: String,
        /// The value that counted before.
        before: Option<AttributeValue>,
        /// The decision.
        lock: Lock,
    },
    /// The computed value of an attribute counts again.
    AttributeUnlocked {
        /// Of which CI.
        ci: CiId,
        /// Name of the attribute.
        attribute: String,
        /// Why.
        cause: UnlockCause,
        /// The value that was locked.
        before: AttributeValue,
        /// The value that counts now.
        after: Option<AttributeValue>,
    },
    /// A source said again all that it had said of these CIs; written for sources whose words go stale, some times in each
    /// refresh duration.
    SourceConfirmed {
        /// Who.
        source: Source,
        /// Of what.
        cis: Vec<CiId>,
    },
    /// The proposals for these CIs were weighed anew under the policy as it is; what that changed came before.
    CisWeighed {
        /// Which.
        cis: Vec<CiId>,
    },
    /// A person began to withdraw all that a source has said.
    RevertStarted {
        /// Which source.
        source: Source,
        /// Why.
        reason: String,
    },
    /// All that a source had said of these CIs was withdrawn; what that changed came before.
    SourceReverted {
        /// Which source.
        source: Source,
        /// By id.
        cis: Vec<CiId>,
        /// Whether that was all.
        complete: bool,
    },
    /// A report of a machine that its source may not bring waits for one that may.
    ReportParked {
        /// As it is.
        parked: Box<parking::Parked>,
    },
    /// Parked reports were held against the hosts that have changed, and are of none of them.
    ParkedExamined {
        /// Which.
        parked: Vec<ParkedId>,
    },
    /// A parked report waits no more.
    ParkedEnded {
        /// Which.
        parked: ParkedId,
        /// What became of it.
        #[serde(flatten)]
        end: parking::ParkedEnd,
    },
    /// How things are identified and reconciled was decided anew.
    PolicySet {
        /// The whole of it.
        policy: Box<policy::Policy>,
    },
    /// Something is in doubt.
    ReviewOpened {
        /// What.
        task: ReviewTask,
    },
    /// People settled a doubt.
    ReviewSettled {
        /// Which.
        task: TaskId,
        /// How.
        settled: review::Settled,
    },
    /// A record was merged into another one.
    CiMerged {
        /// The record that does not count any more.
        ci: CiId,
        /// Into which, and what it takes to undo it.
        merge: Box<Merge>,
    },
    /// A merge was taken back.
    CiUnmerged {
        /// The record that counts again.
        ci: CiId,
        /// The record that it had been merged into.
        from: CiId,
        /// Agents that report as it again.
        agents: Vec<AgentId>,
        /// Why.
        reason: String,
    },
    /// An agent declared a loss of messages.
    DataLost {
        /// Which agent.
        agent: AgentId,
        /// What.
        loss: Loss,
    },
}

/// Why a lock ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnlockCause {
    /// Its time was over.
    Expired,
    /// A person ended it.
    Withdrawn,
    /// A person accepted what was observed.
    Accepted,
    /// All that the person who locked it had said was withdrawn.
    Reverted,
}

/// A source whose words are being withdrawn, in portions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revert {
    /// Why.
    pub reason: String,
    /// Who wants it.
    pub by: Actor,
    /// When it began; what the source says of CIs that came later stays.
    pub started_at: Timestamp,
    /// The last CI that is done.
    pub after: Option<CiId>,
    /// CIs that are done.
    pub cis: u64,
}

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

/// Everything known of configuration items.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cmdb {
    /// By id.
    pub cis: BTreeMap<CiId, Ci>,
    /// By class and natural key: components and products.
    #[serde(with = "crate::world::pairs")]
    pub keys: BTreeMap<(Class, String), CiId>,
    /// Identifier facts of hosts (`cloud:…`, `serial:…`, `uuid:…`, `board:…`, `chassis:…`, `mac:…`, `machine_id:…`, `name:…`), for
    /// identification.
    pub facts: BTreeMap<String, Vec<CiId>>,
    /// Components by the host that contains them.
    pub components: BTreeMap<CiId, BTreeSet<CiId>>,
    /// When each component was first and last seen in its host.
    pub contained: BTreeMap<CiId, (Timestamp, Timestamp)>,
    /// How each host was last identified.
    pub identifications: BTreeMap<CiId, (Operation, Vec<Attempt>)>,
    /// Which agent was last identified as each host.
    #[serde(default)]
    pub reporters: BTreeMap<CiId, AgentId>,
    /// Which host each key of a feed is: feed, key.
    #[serde(default, with = "crate::world::pairs")]
    pub natives: BTreeMap<(String, String), CiId>,
    /// Who made the records that no machine made: people, and their imports.
    #[serde(default)]
    pub origins: BTreeMap<CiId, Source>,
    /// When the newest inventory of each key of a feed was collected.
    #[serde(default, with = "crate::world::pairs")]
    pub deliveries: BTreeMap<(String, String), Timestamp>,
    /// Relations that are stored.
    #[serde(default)]
    pub links: relation::Links,
    /// How things are identified and reconciled.
    #[serde(default)]
    pub policy: policy::Policy,
    /// Log revision of the policy; its ETag.
    #[serde(default)]
    pub policy_revision: u64,
    /// Records that were merged into others, with what it takes to undo that.
    #[serde(default)]
    pub merges: BTreeMap<CiId, Merge>,
    /// What changed lately in the fleet, bundled.
    #[serde(default)]
    pub changes: changes::Changes,
    /// When the policy was set.
    #[serde(default)]
    pub policy_set_at: Timestamp,
    /// Items whose proposals are to be weighed anew, as the policy or their class has changed.
    #[serde(default)]
    pub unsettled: BTreeSet<CiId>,
    /// When sources last confirmed all that they had said of an item; for sources with a refresh duration.
    #[serde(default)]
    pub confirmed: BTreeMap<CiId, Vec<(Source, Timestamp)>>,
    /// When people and feeds last said something new. When agents were last heard is known from their signs of life.
    #[serde(default, with = "crate::world::pairs")]
    pub heard: BTreeMap<Source, Timestamp>,
    /// Reports of machines that their source may not bring.
    #[serde(default)]
    pub parking: parking::Parking,
    /// Sources whose words are being withdrawn.
    #[serde(default, with = "crate::world::pairs")]
    pub reverts: BTreeMap<Source, Revert>,
    /// Work for people: open, and settled lately.
    pub reviews: BTreeMap<TaskId, ReviewTask>,
    /// Refused inputs that people should know of, oldest first; at most [`dead_letter::DEAD_LETTERS`].
    #[serde(default)]
    pub dead_letters: BTreeMap<DeadLetterId, DeadLetter>,
    /// Declared losses, latest last, at most 100 an agent.
    pub losses: BTreeMap<AgentId, Vec<(Timestamp, Loss)>>,
    /// How many CIs have each tag: a projection, rebuilt and never stored.
    #[serde(skip)]
    pub tags: BTreeMap<String, u64>,
    /// Which packages are installed where: a projection of section content, rebuilt and never stored.
    #[serde(skip)]
    pub software: software::SoftwareIndex,
    /// Whose word is where: a projection of the attributes, rebuilt and never stored.
    #[serde(skip)]
    pub ledger: ledger::Ledger,
    /// Who has which address and who calls whom: a projection as well.
    #[serde(skip)]
    pub topology: topology::Topology,
    /// Which records have what, for queries: a projection, rebuilt and never stored.
    #[serde(skip)]
    pub index: crate::query::Index,
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

impl Cmdb {
    /// The record that stands for a thing: the CI itself, or the one that it is a duplicate of (there are no chains).
    #[must_use]
    pub fn record(&self, id: CiId) -> Option<&Ci> {
        let ci = self.cis.get(&id)?;
        ci.duplicate_of.and_then(|main| self.cis.get(&main)).or(Some(ci))
    }
}

impl Reporter {
    /// As the source of values.
    #[must_use]
    pub fn source(&self) -> Source {
        match self {
            Self::Agent(id) => Source::Agent { id: *id },
            Self::Feed { name, .. } => Source::Feed { name: name.clone() },
        }
    }

    /// Name of the feed; `None` for an agent.
    #[must_use]
    pub fn feed(&self) -> Option<&str> {
        match self {
            Self::Agent(_) => None,
            Self::Feed { name, .. } => Some(name),
        }
    }

    /// The agent, if it is one.
    #[must_use]
    pub fn agent(&self) -> Option<AgentId> {
        match self {
            Self::Agent(id) => Some(*id),
            Self::Feed { .. } => None,
        }
    }
}

impl std::fmt::Display for Reporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Agent(id) => id.fmt(f),
            Self::Feed { name, key } => write!(f, "{name} ({key})"),
        }
    }
}

impl Source {
    /// Whether it is a person.
    #[must_use]
    pub fn is_person(&self) -> bool {
        matches!(self, Self::Person { .. })
    }

    /// What the names of feeds begin with that people load from files.
    pub const IMPORT: &'static str = "import:";

    /// Whether people stand behind it: themselves, or a file of theirs.
    #[must_use]
    pub fn is_of_people(&self) -> bool {
        match self {
            Self::Person { .. } => true,
            Self::Agent { .. } => false,
            Self::Feed { name } => name.starts_with(Self::IMPORT),
        }
    }

    /// The source that an actor stands for.
    #[must_use]
    pub fn of(actor: &Actor) -> Self {
        match actor {
            Actor::Agent { id } => Self::Agent { id: *id },
            Actor::Feed { name } => Self::Feed { name: name.clone() },
            Actor::Token { name, .. } => Self::Person { name: name.clone() },
            Actor::System | Actor::Local | Actor::Rule { .. } | Actor::Anonymous => Self::Person { name: "local operator".into() },
        }
    }
}
