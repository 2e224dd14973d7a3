//! What problems remember. Total: what refers to something unknown changes nothing.

use super::{Evidence, Hypothesis, Origin, Problem, ProblemEvent, ProblemState, Problems, Verdict};
use crate::Record;
use crate::id::ProblemId;
use crate::incident::Note;

/// Rows of evidence kept: the first ones say why it was opened, and people need no more; its incidents are all kept.
const EVIDENCE: usize = 500;

/// Remembers an event.
pub fn apply(problems: &mut Problems, record: &Record, event: &ProblemEvent) {
    if let ProblemEvent::ProblemOpened { problem } = event {
        open(problems, record, problem);
        return;
    }
    let Some(problem) = problems.problems.get_mut(&id(event)) else { return };
    change(problem, record, event);
    problem.updated_at = record.at;
    problem.revision = record.revision;
    problem.history.push(record.revision);
    let (origin, id, is_open) = (problem.origin.clone(), problem.id, problem.state.is_open());
    reindex(problems, origin, id, is_open);
}

fn open(problems: &mut Problems, record: &Record, problem: &Problem) {
    let problem = Problem { revision: record.revision, history: vec![record.revision], ..problem.clone() };
    problems.count = problems.count.max(problem.number);
    reindex(problems, problem.origin.clone(), problem.id, problem.state.is_open());
    problems.problems.insert(problem.id, problem);
}

fn reindex(problems: &mut Problems, origin: Origin, id: ProblemId, is_open: bool) {
    if is_open && origin != Origin::Person {
        problems.live.insert(origin, id);
    } else if problems.live.get(&origin) == Some(&id) {
        problems.live.remove(&origin);
    }
}

fn id(event: &ProblemEvent) -> ProblemId {
    match event {
        ProblemEvent::ProblemOpened { problem } => problem.id,
        ProblemEvent::ProblemStateChanged { problem, .. }
        | ProblemEvent::ProblemAcknowledged { problem }
        | ProblemEvent::ProblemAssigned { problem, .. }
        | ProblemEvent::ProblemNoted { problem, .. }
        | ProblemEvent::ProblemDescribed { problem, .. }
        | ProblemEvent::ProblemEdited { problem, .. }
        | ProblemEvent::ProblemEvidenceAdded { problem, .. }
        | ProblemEvent::ProblemRiskAccepted { problem, .. }
        | ProblemEvent::ProblemDuplicated { problem, .. }
        | ProblemEvent::ProblemIncidentRemoved { problem, .. }
        | ProblemEvent::ProblemAttachmentAdded { problem, .. }
        | ProblemEvent::ProblemAttachmentRemoved { problem, .. }
        | ProblemEvent::HypothesesTested { problem, .. }
        | ProblemEvent::HypothesisJudged { problem, .. } => *problem,
    }
}

pub(super) fn change(problem: &mut Problem, record: &Record, event: &ProblemEvent) {
    match event {
        ProblemEvent::ProblemOpened { .. } => {}
        ProblemEvent::ProblemStateChanged { after, notes, .. } => change_state(problem, record, *after, notes.as_deref()),
        ProblemEvent::ProblemAcknowledged { .. } => problem.acknowledged = Some((record.at, record.actor.clone())),
        ProblemEvent::ProblemAssigned { group, assignee, .. } => {
            problem.group.clone_from(group);
            problem.assignee.clone_from(assignee);
        }
        ProblemEvent::ProblemNoted { text, .. } => note(problem, record, text),
        ProblemEvent::ProblemDescribed { known_error, workaround, root_cause, .. } => {
            problem.known_error = known_error.unwrap_or(problem.known_error);
            for (kept, told) in [(&mut problem.workaround, workaround), (&mut problem.root_cause, root_cause)] {
                if let Some(told) = told {
                    *kept = Some(told.clone()).filter(|text| !text.is_empty());
                }
            }
        }
        ProblemEvent::ProblemEdited { title, description, priority, applies_to, .. } => {
            title.iter().for_each(|title| problem.title.clone_from(title));
            description.iter().for_each(|description| problem.description.clone_from(description));
            problem.priority = priority.unwrap_or(problem.priority);
            if let Some(told) = applies_to {
                problem.applies_to = Some(told.clone()).filter(|query| !query.is_blank());
            }
        }
        ProblemEvent::ProblemRiskAccepted { reason, .. } => problem.risk_accepted.clone_from(reason),
        ProblemEvent::ProblemDuplicated { of, .. } => {
            problem.duplicate_of = Some(*of);
            change_state(problem, record, ProblemState::Cancelled, None);
        }
        ProblemEvent::ProblemIncidentRemoved { incident, .. } => {
            problem.incidents.retain(|id| id != incident);
            problem.evidence.retain(|row| row.incident != *incident);
        }
        ProblemEvent::ProblemEvidenceAdded { evidence, .. } => add(problem, evidence),
        ProblemEvent::HypothesesTested { hypotheses, .. } => replace(problem, hypotheses),
        ProblemEvent::ProblemAttachmentAdded { attachment, .. } => problem.attachments.push(attachment.clone()),
        ProblemEvent::ProblemAttachmentRemoved { attachment, .. } => problem.attachments.retain(|other| other.id != *attachment),
        ProblemEvent::HypothesisJudged { factor, verdict, .. } => {
            problem.hypotheses.iter_mut().filter(|known| known.factor == *factor).for_each(|known| known.verdict = *verdict);
        }
    }
}

fn change_state(problem: &mut Problem, record: &Record, after: ProblemState, notes: Option<&str>) {
    problem.state = after;
    match after {
        ProblemState::Resolved => problem.resolved = Some((record.at, record.actor.clone())),
        ProblemState::Closed => problem.closed = Some((record.at, record.actor.clone())),
        ProblemState::Cancelled => {}
        ProblemState::New | ProblemState::Assess | ProblemState::RootCauseAnalysis | ProblemState::FixInProgress => {
            (problem.resolved, problem.closed) = (None, None);
        }
    }
    if let Some(notes) = notes {
        note(problem, record, notes);
    }
}

fn add(problem: &mut Problem, evidence: &Evidence) {
    if problem.evidence.len() < EVIDENCE {
        problem.evidence.push(evidence.clone());
    }
    if !problem.incidents.contains(&evidence.incident) {
        problem.incidents.push(evidence.incident);
    }
}

/// Hypotheses tested again replace the old ones; what people judged stays judged.
fn replace(problem: &mut Problem, hypotheses: &[Hypothesis]) {
    let judged = problem.hypotheses.iter().filter(|known| known.verdict != Verdict::Suspected);
    let mut now: Vec<Hypothesis> = hypotheses.to_vec();
    for known in judged {
        match now.iter_mut().find(|hypothesis| hypothesis.factor == known.factor) {
            Some(hypothesis) => hypothesis.verdict = known.verdict,
            None => now.push(known.clone()),
        }
    }
    problem.hypotheses = now;
}

fn note(problem: &mut Problem, record: &Record, text: &str) {
    problem.notes.push(Note { at: record.at, by: record.actor.clone(), text: text.to_owned(), public: false });
}
