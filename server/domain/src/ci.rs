//! Configuration items: one record per real thing, and a reason for every value.

pub mod changes;
pub mod class;
pub mod compare;
pub mod decide;
pub mod explain;
pub mod fold;
pub mod identify;
pub mod merge;
pub mod normalise;
pub mod past;
pub mod policy;
pub mod relation;
pub mod review;
pub mod software;
pub mod upkeep;

#[cfg(test)]
mod testing;

pub use class::Class;
pub use merge::Merge;
pub use review::ReviewTask;

use crate::actor::Actor;
use crate::id::{CiId, TaskId};
use rollcall_shared::message::{Loss, Report};
use rollcall_shared::{AgentId, ContentHash, Outcome, SectionName, Timestamp};
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

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// What one source says of one attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// The value.
    pub value: AttributeValue,
    /// Who says so.
    pub source: Source,
    /// When it was measured or asserted; only moves forward for one source.
    pub observed_at: Timestamp,
    /// How, such as `section system` or `api`.
    pub method: String,
}

/// An attribute with every source's proposal. Asserted (by people) and observed (by agents) values that differ are drift.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attribute {
    /// The value that counts.
    pub value: AttributeValue,
    /// Whose value it is.
    pub source: Source,
    /// Why it won, in words for people.
    pub reason: String,
    /// All proposals, at most one a source.
    pub proposals: Vec<Proposal>,
    /// Whether an asserted and an observed proposal differ.
    pub drift: bool,
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
    pub attributes: BTreeMap<String, Attribute>,
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
    /// Number of the identifier entry: 5, 20, 30, 40, 90.
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
    pub after: Option<Attribute>,
}

/// One package in a change of software.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageChange {
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
    /// Take in an inventory from another system; its content is stored.
    Deliver {
        /// Name of the feed.
        feed: String,
        /// Its own key for the machine.
        key: String,
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

/// Everything known of configuration items.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cmdb {
    /// By id.
    pub cis: BTreeMap<CiId, Ci>,
    /// By class and natural key: components and products.
    #[serde(with = "crate::world::pairs")]
    pub keys: BTreeMap<(Class, String), CiId>,
    /// Identifier facts of hosts (`serial:…`, `uuid:…`, `machine_id:…`), for identification.
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
    /// Work for people: open, and settled lately.
    pub reviews: BTreeMap<TaskId, ReviewTask>,
    /// Declared losses, latest last, at most 100 an agent.
    pub losses: BTreeMap<AgentId, Vec<(Timestamp, Loss)>>,
    /// Which packages are installed where: a projection of section content, rebuilt and never stored.
    #[serde(skip)]
    pub software: software::SoftwareIndex,
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
            attributes: BTreeMap::new(),
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

    /// What the newest agent says of an attribute, else the newest feed; whatever people assert.
    #[must_use]
    pub fn observed(&self, name: &str) -> Option<&Proposal> {
        let measured = self.attributes.get(name)?.proposals.iter().filter(|proposal| !decide::reconcile::is_person(&proposal.source));
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
        match &self.observed(name)?.value {
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
    /// The source that an actor stands for.
    #[must_use]
    pub fn of(actor: &Actor) -> Self {
        match actor {
            Actor::Agent { id } => Self::Agent { id: *id },
            Actor::Token { name, .. } => Self::Person { name: name.clone() },
            Actor::System | Actor::Local | Actor::Rule { .. } | Actor::Anonymous => Self::Person { name: "local operator".into() },
        }
    }
}
