//! Problems: why incidents happen. A machine only suspects, people confirm.

pub mod correlate;
pub mod decide;
pub mod exposure;
pub mod fisher;
pub mod fold;
pub mod membership;
pub mod past;
pub mod precision;
pub mod recurrence;
pub mod suspect;
pub mod topology;
pub mod verdict;
pub mod watch;
pub mod workaround;

use crate::actor::Actor;
use crate::attachment::{Attachment, NewAttachment};
use crate::id::{AttachmentId, CiId, IncidentId, ProblemId, RuleId};
use crate::incident::Note;
use crate::rule::query::Written;
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemState {
    /// Nobody has looked.
    New,
    /// Somebody looks whether it is one.
    Assess,
    /// The cause is looked for.
    RootCauseAnalysis,
    /// The cause is known, the fix is made.
    FixInProgress,
    /// Fixed.
    Resolved,
    /// Done; may go back to analysis.
    Closed,
    /// It never was one.
    Cancelled,
}

impl ProblemState {
    /// Whether work remains.
    #[must_use]
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Resolved | Self::Closed | Self::Cancelled)
    }
}

/// Which stated rule opened it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Origin {
    /// The same dedup key three times in 7 days.
    Recurrence {
        /// Dedup key.
        dedup_key: String,
    },
    /// One rule on several CIs that share what the rest of the fleet does not.
    CommonCause {
        /// The rule.
        rule: RuleId,
        /// What they share, such as `package dpkg/openssl 3.0.13`.
        factor: String,
    },
    /// Items with incidents that stand behind one thing.
    Topology {
        /// The thing.
        ci: CiId,
    },
    /// A person.
    Person,
}

/// How a suspected cause is judged by people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Suspected by the machine.
    Suspected,
    /// Confirmed by a person.
    Confirmed,
    /// Refuted by a person.
    Refuted,
}

/// A suspected cause with its statistics: affected against comparable unaffected CIs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hypothesis {
    /// What they share, in words; a bundle of deltas with one host set is one hypothesis.
    pub factor: String,
    /// Members of the bundle, at most 50.
    pub bundle: Vec<String>,
    /// Affected CIs that have it.
    pub affected_exposed: u64,
    /// Affected CIs.
    pub affected: u64,
    /// Compared CIs that have it.
    pub exposed: u64,
    /// Compared CIs (same class and operating system).
    pub population: u64,
    /// One-sided Fisher exact test.
    pub p_value: f64,
    /// Benjamini-Hochberg over all bundles tested.
    pub q_value: f64,
    /// How much more often affected with it than on average.
    pub lift: f64,
    /// Affected CIs that came to have it within the last month, before their trouble began.
    #[serde(default)]
    pub arrived: u64,
    /// Median time from that to the trouble, ms.
    #[serde(default)]
    pub lag_ms: Option<u64>,
    /// CIs that have it and are healthy, at most 20.
    pub counter_examples: Vec<CiId>,
    /// Judged by people.
    pub verdict: Verdict,
}

/// A row of evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// When.
    pub at: Timestamp,
    /// The incident.
    pub incident: IncidentId,
    /// Its CI.
    pub ci: Option<CiId>,
    /// In words, as it was when it was written down; see [`Evidence::by_now`].
    pub statement: String,
}

/// A problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// Its id.
    pub id: ProblemId,
    /// Its number for people; shown as PRB0000001.
    pub number: u64,
    /// A line.
    pub title: String,
    /// Already filled in.
    pub description: String,
    /// Where it is.
    pub state: ProblemState,
    /// Why it was opened.
    pub origin: Origin,
    /// 1 (highest) to 5.
    pub priority: u8,
    /// Group that has it.
    pub group: Option<String>,
    /// Person who has it.
    pub assignee: Option<String>,
    /// When it opened.
    pub opened_at: Timestamp,
    /// Who opened it.
    pub opened_by: Actor,
    /// When somebody took notice, and who.
    pub acknowledged: Option<(Timestamp, Actor)>,
    /// When it was resolved, and by whom.
    pub resolved: Option<(Timestamp, Actor)>,
    /// When it was closed, and by whom.
    pub closed: Option<(Timestamp, Actor)>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Whether the cause is known though not fixed.
    pub known_error: bool,
    /// What helps until it is fixed.
    pub workaround: Option<String>,
    /// The cause, as people found it.
    pub root_cause: Option<String>,
    /// The CIs whose incidents it may explain: such as those with a version of a package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applies_to: Option<Written>,
    /// Why people live with it.
    #[serde(default)]
    pub risk_accepted: Option<String>,
    /// The problem that this one turned out to be.
    #[serde(default)]
    pub duplicate_of: Option<ProblemId>,
    /// Suspected causes, most likely first.
    pub hypotheses: Vec<Hypothesis>,
    /// Why the machine thinks so.
    pub evidence: Vec<Evidence>,
    /// Its incidents, oldest first.
    pub incidents: Vec<IncidentId>,
    /// Work notes.
    pub notes: Vec<Note>,
    /// Files that are attached to it, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Log revision of the last change; its ETag.
    pub revision: u64,
    /// Revisions that changed it, oldest first.
    pub history: Vec<u64>,
}

/// What happened to a problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ProblemEvent {
    /// It opened.
    ProblemOpened {
        /// As it is; revision and history are filled in by the fold.
        problem: Box<Problem>,
    },
    /// It went from one state to another.
    ProblemStateChanged {
        /// Which.
        problem: ProblemId,
        /// Before.
        before: ProblemState,
        /// After.
        after: ProblemState,
        /// In words.
        notes: Option<String>,
    },
    /// Somebody took notice.
    ProblemAcknowledged {
        /// Which.
        problem: ProblemId,
    },
    /// It changed hands.
    ProblemAssigned {
        /// Which.
        problem: ProblemId,
        /// Group.
        group: Option<String>,
        /// Person.
        assignee: Option<String>,
    },
    /// A note.
    ProblemNoted {
        /// Which.
        problem: ProblemId,
        /// What.
        text: String,
    },
    /// What is known of it changed.
    ProblemDescribed {
        /// Which.
        problem: ProblemId,
        /// New value; `None` leaves it.
        known_error: Option<bool>,
        /// New value; `None` leaves it, and an empty one takes it away.
        workaround: Option<String>,
        /// New value; `None` leaves it, and an empty one takes it away.
        root_cause: Option<String>,
    },
    /// People put what is written down of it another way.
    ProblemEdited {
        /// Which.
        problem: ProblemId,
        /// New value; `None` leaves it.
        title: Option<String>,
        /// New value; `None` leaves it.
        description: Option<String>,
        /// New value; `None` leaves it.
        priority: Option<u8>,
        /// New value; `None` leaves it, and an empty one takes it away.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        applies_to: Option<Written>,
    },
    /// Another incident belongs to it.
    ProblemEvidenceAdded {
        /// Which.
        problem: ProblemId,
        /// The incident and why.
        evidence: Evidence,
    },
    /// What is suspected was tested again with incidents that came later.
    HypothesesTested {
        /// Which.
        problem: ProblemId,
        /// All of them, most likely first.
        hypotheses: Vec<Hypothesis>,
    },
    /// People decided to live with it, or no longer to.
    ProblemRiskAccepted {
        /// Which.
        problem: ProblemId,
        /// Why; `None` for no longer.
        reason: Option<String>,
    },
    /// It is another problem, which has its incidents now.
    ProblemDuplicated {
        /// Which.
        problem: ProblemId,
        /// What it is.
        of: ProblemId,
    },
    /// An incident does not belong to it.
    ProblemIncidentRemoved {
        /// Which.
        problem: ProblemId,
        /// What.
        incident: IncidentId,
    },
    /// A person judged a hypothesis.
    HypothesisJudged {
        /// Which.
        problem: ProblemId,
        /// Its factor.
        factor: String,
        /// The judgement.
        verdict: Verdict,
    },
    /// A file was attached; its content is in the store.
    ProblemAttachmentAdded {
        /// To which.
        problem: ProblemId,
        /// The file.
        attachment: Attachment,
    },
    /// A file that was attached is no more; its content goes too unless another attachment has the same.
    ProblemAttachmentRemoved {
        /// From which.
        problem: ProblemId,
        /// Which.
        attachment: AttachmentId,
        /// Why.
        reason: String,
    },
}

/// What people ask of a problem.
#[derive(Clone, Debug, PartialEq)]
pub enum ProblemAction {
    /// Take notice: `new` becomes `assess`.
    Acknowledge,
    /// Give it to a group, a person or both, or take it from one; `None` leaves what is there, and at least one must be given.
    Assign {
        /// Group; `Some(None)` for none any more.
        group: Option<Option<String>>,
        /// Person; `Some(None)` for none any more.
        assignee: Option<Option<String>>,
    },
    /// Write something down.
    Note {
        /// What.
        text: String,
    },
    /// Move on to the next state of work: assess, root_cause_analysis or fix_in_progress.
    Advance {
        /// To.
        state: ProblemState,
    },
    /// Write down what is known.
    Describe {
        /// Cause known though not fixed.
        known_error: Option<bool>,
        /// What helps; an empty one takes it away.
        workaround: Option<String>,
        /// The cause; an empty one takes it away.
        root_cause: Option<String>,
    },
    /// Change what is written down; what is `None` stays.
    Edit {
        /// A line.
        title: Option<String>,
        /// More.
        description: Option<String>,
        /// 1 (highest) to 5.
        priority: Option<u8>,
        /// The CIs that it applies to; `Some(None)` takes that away.
        applies_to: Option<Option<Written>>,
    },
    /// Judge a hypothesis.
    Judge {
        /// Its factor.
        factor: String,
        /// Confirmed or refuted.
        verdict: Verdict,
    },
    /// Live with it, for a reason; `None` for no longer.
    AcceptRisk {
        /// Why.
        reason: Option<String>,
    },
    /// It is another problem: that one gets its incidents.
    Duplicate {
        /// Which.
        of: ProblemId,
    },
    /// These incidents belong to it, and to no other one any more.
    Link {
        /// Which.
        incidents: Vec<IncidentId>,
    },
    /// This incident does not.
    Unlink {
        /// Which.
        incident: IncidentId,
    },
    /// Fixed.
    Resolve {
        /// How.
        notes: String,
        /// Whether its own open incidents are resolved with it; those of another problem that are evidence here are not.
        incidents: bool,
    },
    /// Not fixed: back to analysis.
    Reopen {
        /// Why.
        reason: String,
    },
    /// Done.
    Close {
        /// In words.
        notes: Option<String>,
    },
    /// It never was one.
    Cancel {
        /// Why.
        reason: String,
    },
    /// Attach a file.
    Attach(Box<NewAttachment>),
    /// Remove a file that is attached, for ever.
    Detach {
        /// Which.
        attachment: AttachmentId,
        /// Why.
        reason: String,
    },
}

/// What people ask about problems.
#[derive(Clone, Debug, PartialEq)]
pub enum ProblemCommand {
    /// Open one by hand.
    Open {
        /// A line.
        title: String,
        /// More.
        description: String,
        /// 1 (highest) to 5.
        priority: u8,
        /// Group.
        group: Option<String>,
        /// The CIs that it applies to.
        applies_to: Option<Written>,
        /// Incidents that belong to it.
        incidents: Vec<IncidentId>,
    },
    /// Work on one.
    Act {
        /// Which.
        problem: ProblemId,
        /// What.
        action: ProblemAction,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
}

/// All problems.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Problems {
    /// By id.
    pub problems: BTreeMap<ProblemId, Problem>,
    /// The open problem of each origin.
    #[serde(with = "crate::world::pairs")]
    pub live: BTreeMap<Origin, ProblemId>,
    /// Opened so far.
    pub count: u64,
    /// Incidents that wait to be looked at together: never stored.
    #[serde(skip)]
    pub watch: watch::Watch,
}

impl ProblemState {
    /// The name in JSON and in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Assess => "assess",
            Self::RootCauseAnalysis => "root_cause_analysis",
            Self::FixInProgress => "fix_in_progress",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The number as people say it.
#[must_use]
pub fn display_number(number: u64) -> String {
    format!("PRB{number:07}")
}
