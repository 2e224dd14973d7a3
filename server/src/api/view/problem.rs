//! Problems.

use super::attachment::Attachment;
use super::incident::Note;
use super::word::{ProblemState, Verdict};
use super::{Actor, Stamp, Time, texts};
use rollcall_domain::World;
use rollcall_domain::problem as domain;
use serde::Serialize;
use utoipa::ToSchema;

/// Which stated rule opened a problem.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Origin {
    /// The same dedup key three times in 7 days.
    Recurrence {
        /// Dedup key.
        dedup_key: String,
    },
    /// One rule on several configuration items that share what the rest of the fleet does not.
    CommonCause {
        /// The rule.
        rule: String,
        /// What they share, such as `package dpkg/openssl 3.0.13`.
        factor: String,
    },
    /// Configuration items with incidents that stand behind one thing.
    Topology {
        /// The thing.
        ci: String,
    },
    /// A person.
    Person,
}

impl From<&domain::Origin> for Origin {
    fn from(origin: &domain::Origin) -> Self {
        match origin {
            domain::Origin::Recurrence { dedup_key } => Self::Recurrence { dedup_key: dedup_key.clone() },
            domain::Origin::CommonCause { rule, factor } => Self::CommonCause { rule: rule.to_string(), factor: factor.clone() },
            domain::Origin::Topology { ci } => Self::Topology { ci: ci.to_string() },
            domain::Origin::Person => Self::Person,
        }
    }
}

/// A suspected cause with its statistics: affected against comparable unaffected configuration items.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Hypothesis {
    /// What they share, in words.
    pub factor: String,
    /// Changes with one and the same set of hosts; one hypothesis.
    pub bundle: Vec<String>,
    /// Affected ones that have it.
    pub affected_exposed: u64,
    /// Affected ones.
    pub affected: u64,
    /// Compared ones that have it.
    pub exposed: u64,
    /// Compared ones.
    pub population: u64,
    /// One-sided Fisher exact test.
    pub p_value: f64,
    /// Benjamini-Hochberg over all bundles tested.
    pub q_value: f64,
    /// How much more often affected with it than on average.
    pub lift: f64,
    /// Affected ones that came to have it within the last month, before their trouble began.
    pub arrived: u64,
    /// Median time from that to the trouble, ms.
    pub lag_ms: Option<u64>,
    /// Configuration items that have it and are healthy.
    pub counter_examples: Vec<String>,
    /// Judged by people.
    pub verdict: Verdict,
}

impl From<&domain::Hypothesis> for Hypothesis {
    fn from(hypothesis: &domain::Hypothesis) -> Self {
        Self {
            factor: hypothesis.factor.clone(),
            bundle: hypothesis.bundle.clone(),
            affected_exposed: hypothesis.affected_exposed,
            affected: hypothesis.affected,
            exposed: hypothesis.exposed,
            population: hypothesis.population,
            p_value: hypothesis.p_value,
            q_value: hypothesis.q_value,
            lift: hypothesis.lift,
            arrived: hypothesis.arrived,
            lag_ms: hypothesis.lag_ms,
            counter_examples: texts(&hypothesis.counter_examples),
            verdict: hypothesis.verdict.into(),
        }
    }
}

/// A row of evidence.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Evidence {
    /// When.
    pub at: Time,
    /// The incident.
    pub incident: String,
    /// Its configuration item.
    pub ci: Option<String>,
    /// In words; how long the incident lasted, or whether it is open, as it is now.
    pub statement: String,
}

impl Evidence {
    /// As it is by now.
    pub fn new(world: &World, evidence: &domain::Evidence) -> Self {
        Self {
            at: Time(evidence.at),
            incident: evidence.incident.to_string(),
            ci: evidence.ci.map(|id| id.to_string()),
            statement: evidence.by_now(world),
        }
    }
}

/// A problem.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Its id.
    #[schema(example = "prb_00000000000000000000000001")]
    pub id: String,
    /// Its number for people.
    #[schema(example = "PRB0000001")]
    pub number: String,
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
    pub opened_at: Time,
    /// Who opened it.
    pub opened_by: Actor,
    /// When somebody took notice, and who.
    pub acknowledged: Option<Stamp>,
    /// When it was resolved, and by whom.
    pub resolved: Option<Stamp>,
    /// When it was closed, and by whom.
    pub closed: Option<Stamp>,
    /// When it last changed.
    pub updated_at: Time,
    /// Whether the cause is known though not fixed.
    pub known_error: bool,
    /// What helps until it is fixed.
    pub workaround: Option<String>,
    /// The cause, as people found it.
    pub root_cause: Option<String>,
    /// The configuration items that it applies to, in the query language: while it is a known error, their incidents say so as they open.
    pub applies_to: Option<String>,
    /// Why people live with it.
    pub risk_accepted: Option<String>,
    /// The problem that this one turned out to be.
    pub duplicate_of: Option<String>,
    /// Suspected causes, most likely first.
    pub hypotheses: Vec<Hypothesis>,
    /// Number of its incidents; see `/problems/{id}/incidents`.
    pub incident_count: u64,
    /// Number of its rows of evidence; see `/problems/{id}/evidence`.
    pub evidence_count: u64,
    /// Work notes, oldest first.
    pub notes: Vec<Note>,
    /// Files that are attached, oldest first; see `/problems/{id}/attachments/{name}`.
    pub attachments: Vec<Attachment>,
    /// Revision of the last change; also its entity tag.
    pub revision: u64,
}

impl Problem {
    /// As it is, with who has it as they are called now.
    pub fn new(world: &World, problem: &domain::Problem) -> Self {
        let called = |text: &String| world.contacts.called(text);
        Self {
            id: problem.id.to_string(),
            number: domain::display_number(problem.number),
            title: problem.title.clone(),
            description: problem.description.clone(),
            state: problem.state.into(),
            origin: (&problem.origin).into(),
            priority: problem.priority,
            group: problem.group.as_ref().map(called),
            assignee: problem.assignee.as_ref().map(called),
            opened_at: Time(problem.opened_at),
            opened_by: (&problem.opened_by).into(),
            acknowledged: problem.acknowledged.as_ref().map(Into::into),
            resolved: problem.resolved.as_ref().map(Into::into),
            closed: problem.closed.as_ref().map(Into::into),
            updated_at: Time(problem.updated_at),
            known_error: problem.known_error,
            workaround: problem.workaround.clone(),
            root_cause: problem.root_cause.clone(),
            applies_to: problem.applies_to.as_ref().map(ToString::to_string),
            risk_accepted: problem.risk_accepted.clone(),
            duplicate_of: problem.duplicate_of.map(|id| id.to_string()),
            hypotheses: problem.hypotheses.iter().map(Into::into).collect(),
            incident_count: problem.incidents.len() as u64,
            evidence_count: problem.evidence.len() as u64,
            notes: problem.notes.iter().map(Into::into).collect(),
            attachments: problem.attachments.iter().map(Into::into).collect(),
            revision: problem.revision,
        }
    }
}

/// How problems of one kind and one rule ended.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Precision {
    /// Kind of suspicion: recurrence, common_cause or topology.
    pub origin: &'static str,
    /// Rule of the first incident; null when people opened that.
    pub rule: Option<String>,
    /// Opened by the machine.
    pub opened: u64,
    /// Nobody has said yet whether it was right.
    pub undecided: u64,
    /// People confirmed a cause, whatever others they refuted, or fixed what came back.
    pub confirmed: u64,
    /// People refuted the cause that it was opened for, or all that are left, or cancelled the problem.
    pub refuted: u64,
    /// Share of those decided that were right; null while nothing is decided.
    pub precision: Option<f64>,
}

impl Precision {
    /// A row.
    #[must_use]
    pub fn new(kind: domain::precision::Suspicion, rule: String, row: &domain::precision::Precision) -> Self {
        Self {
            origin: kind.as_str(),
            rule: (!rule.is_empty()).then_some(rule),
            opened: row.opened,
            undecided: row.undecided,
            confirmed: row.confirmed,
            refuted: row.refuted,
            precision: row.share(),
        }
    }
}
