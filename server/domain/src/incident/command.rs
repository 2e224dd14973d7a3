//! What people ask of incidents.

use super::assignment::NewAssignmentRule;
use super::model::{Channel, HoldReason};
use crate::attachment::NewAttachment;
use crate::id::{AssignmentRuleId, AttachmentId, CiId, IncidentId, ProblemId};
use crate::rule::Grade;

/// What people ask of incidents.
#[derive(Clone, Debug, PartialEq)]
pub enum IncidentAction {
    /// Take notice.
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
        /// Whether the caller may read it.
        public: bool,
    },
    /// Let it wait.
    Hold {
        /// For what.
        reason: HoldReason,
        /// In words.
        note: Option<String>,
    },
    /// Go on.
    Resume,
    /// It is over.
    Resolve {
        /// How.
        close_code: String,
        /// In words.
        notes: String,
        /// What becomes of the open incidents that are part of it.
        children: Children,
    },
    /// It is not over.
    Reopen {
        /// Why.
        reason: String,
    },
    /// It is over for ever.
    Close {
        /// In words.
        notes: Option<String>,
    },
    /// It never was one.
    Cancel {
        /// Why.
        reason: String,
    },
    /// Change what is written down of it.
    Edit(Box<Edit>),
    /// Make it part of another one, or of none.
    SetParent {
        /// Of which.
        parent: Option<IncidentId>,
    },
    /// It is the same as another one, which goes on.
    Merge {
        /// Which.
        into: IncidentId,
    },
    /// Tell somebody what becomes of it.
    Watch {
        /// Whom; the caller when left out.
        watcher: Option<Who>,
    },
    /// Tell somebody no more.
    Unwatch {
        /// Whom; the caller when left out.
        watcher: Option<Who>,
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

/// What becomes of the children of an incident that is resolved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Children {
    /// They stay as they are.
    #[default]
    Leave,
    /// Those that are open are resolved with it, in the same words.
    Resolve,
}

/// Somebody, as people name them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A contact, by id or name.
    Contact(String),
    /// Somebody who is not recorded.
    Named(String),
}

/// What is to be different; `None` leaves a field, `Some(None)` empties it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edit {
    /// A line.
    pub title: Option<String>,
    /// More; may be empty.
    pub description: Option<String>,
    /// The CI.
    pub primary_ci: Option<Option<CiId>>,
    /// Others affected.
    pub affected_cis: Option<Vec<CiId>>,
    /// The business service that suffers.
    pub service: Option<Option<CiId>>,
    /// What kind it is of.
    pub category: Option<Option<String>>,
    /// How it came; only of what people opened.
    pub channel: Option<Channel>,
    /// Who reported it; only of what people opened.
    pub caller: Option<Who>,
    /// The change that resolves it.
    pub change: Option<Option<String>>,
    /// The change that caused it.
    pub caused_by_change: Option<Option<String>>,
    /// Articles that help.
    pub knowledge: Option<Vec<String>>,
    /// Its problem.
    pub problem: Option<Option<ProblemId>>,
    /// How far it reaches.
    pub impact: Option<Grade>,
    /// How fast it must be dealt with.
    pub urgency: Option<Grade>,
    /// Why impact or urgency are to be different.
    pub reason: Option<String>,
}

/// An incident as people open it. What is left out is filled in from what is known.
#[derive(Clone, Debug, PartialEq)]
pub struct NewIncident {
    /// A line.
    pub title: String,
    /// More.
    pub description: String,
    /// The CI.
    pub primary_ci: Option<CiId>,
    /// Others affected, besides those that the graph tells.
    pub affected_cis: Vec<CiId>,
    /// The business service that suffers.
    pub service: Option<CiId>,
    /// How far it reaches; computed from the CI and what depends on it when left out.
    pub impact: Option<Grade>,
    /// How fast it must be dealt with; medium when left out.
    pub urgency: Option<Grade>,
    /// What kind it is of.
    pub category: Option<String>,
    /// How it came.
    pub channel: Channel,
    /// Who reported it; whoever opens it when left out.
    pub caller: Option<Who>,
    /// Group.
    pub group: Option<String>,
    /// Person.
    pub assignee: Option<String>,
    /// The incident that it is part of.
    pub parent: Option<IncidentId>,
    /// The change that caused it.
    pub caused_by_change: Option<String>,
    /// Articles that help.
    pub knowledge: Vec<String>,
}

impl Default for NewIncident {
    fn default() -> Self {
        Self {
            title: String::new(),
            description: String::new(),
            primary_ci: None,
            affected_cis: Vec::new(),
            service: None,
            impact: None,
            urgency: None,
            category: None,
            channel: Channel::Api,
            caller: None,
            group: None,
            assignee: None,
            parent: None,
            caused_by_change: None,
            knowledge: Vec::new(),
        }
    }
}

/// What people ask about incidents.
#[derive(Clone, Debug, PartialEq)]
pub enum IncidentCommand {
    /// Open one by hand.
    Open(Box<NewIncident>),
    /// Work on one.
    Act {
        /// Which.
        incident: IncidentId,
        /// What.
        action: IncidentAction,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Make a rule that says who gets incidents.
    CreateAssignmentRule(Box<NewAssignmentRule>),
    /// Say anew what such a rule says.
    UpdateAssignmentRule {
        /// Which.
        rule: AssignmentRuleId,
        /// What it is to say.
        new: Box<NewAssignmentRule>,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Do away with such a rule.
    DeleteAssignmentRule {
        /// Which.
        rule: AssignmentRuleId,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
}
