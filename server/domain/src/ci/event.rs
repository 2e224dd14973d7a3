//! What happens to configuration items: the words of the log.

use super::{
    Attempt, AttributeChange, AttributeValue, Class, DeadLetter, Lifecycle, Lock, Merge, Operation, PackageChange, ReviewTask, Source,
    health, identify, parking, policy, relation, review, voice,
};
use crate::id::{CiId, ParkedId, TaskId};
use rollcall_shared::message::Loss;
use rollcall_shared::{AgentId, ContentHash, Outcome, SectionName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// A CI has been silent for so long that it may be retired. Its next change of status ends that.
    RetirementSuggested {
        /// Which.
        ci: CiId,
        /// The source that spoke of it last.
        source: Source,
        /// When that was.
        last_seen: Timestamp,
    },
    /// A CI may not be retired for silence any more, though nothing moved it.
    RetirementWithdrawn {
        /// Which.
        ci: CiId,
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
    /// The relations that a source had told, and that begin at CIs up to one, were withdrawn; the changes came before.
    RelationsReverted {
        /// Which source.
        source: Source,
        /// The last CI whose relations were looked at.
        through: Option<CiId>,
        /// Whether that was all.
        complete: bool,
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
        /// Agents that report as it again, and collectors that mean it again.
        agents: Vec<AgentId>,
        /// What feeds say of the two from now on, where both had keys of one feed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        feeds: Vec<voice::Respoken>,
        /// Why.
        reason: String,
    },
    /// What a feed says in these sections of a record that others were merged into is what it says of one of them from now on.
    VoiceChanged {
        /// The record that stays.
        ci: CiId,
        /// The feed.
        feed: String,
        /// The record that the feed means by its key: the one that stays, or one that was merged into it.
        of: CiId,
        /// Which sections.
        sections: Vec<SectionName>,
    },
    /// A CI was erased for legal reasons, with all that was known of it: nothing but this is left. The records that spoke of
    /// it were redacted before.
    CiErased {
        /// Which.
        ci: CiId,
        /// Why.
        reason: String,
        /// On which legal basis.
        legal_basis: String,
        /// Whether it was in use when it was erased.
        forced: bool,
        /// Records that spoke of it and are empty now.
        erased: u64,
        /// Records that spoke of it among others and do so no more.
        rewritten: u64,
        /// Over all records of the log that were ever redacted, as they are now: whoever changes one of them afterwards is
        /// found out.
        proof: ContentHash,
    },
    /// What this record said was erased.
    RecordErased {
        /// The record of the erasure.
        by: u64,
    },
    /// A portion of the CMDB was looked at for today's measurement of its health.
    HealthExamined {
        /// The last CI that was looked at.
        through: CiId,
        /// What was counted, by class.
        classes: BTreeMap<Class, health::Tally>,
    },
    /// The health of the CMDB was measured; once a day.
    HealthMeasured {
        /// All of it.
        measurement: Box<health::Measurement>,
    },
    /// An agent declared a loss of messages.
    DataLost {
        /// Which agent.
        agent: AgentId,
        /// What.
        loss: Loss,
    },
}

impl CiEvent {
    /// Who a reporter was identified as, what was done, and every try; of events that say so.
    #[must_use]
    pub fn identification(&self) -> Option<(CiId, Operation, &[Attempt])> {
        match self {
            Self::HostIdentified { ci, operation, attempts, .. }
            | Self::ForeignHostIdentified { ci, operation, attempts, .. }
            | Self::FeedIdentified { ci, operation, attempts, .. } => Some((*ci, *operation, attempts)),
            _ => None,
        }
    }
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
