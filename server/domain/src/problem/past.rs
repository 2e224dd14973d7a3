//! What changed a problem, record by record: see [`crate::incident::past`].

use super::fold::change;
use super::{Hypothesis, Problem, ProblemEvent};
use crate::field_change::{FieldChange, FieldValue as V, Fields, Step, differences};
use crate::id::ProblemId;
use crate::{Actor, Event, Record};

/// What each of these records did to a problem, from a revision on. They are its history from the first to any later one, oldest first.
#[must_use]
pub fn steps(id: ProblemId, records: &[Record], since: u64) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut now: Option<Problem> = None;
    let mut shown: Option<Fields> = None;
    for record in records {
        let Event::Problem(event) = &record.event else { continue };
        let is_told = record.revision >= since;
        if is_told && shown.is_none() {
            shown = now.as_ref().map(fields);
        }
        match (&mut now, event) {
            (Some(problem), _) => change(problem, record, event),
            (now, ProblemEvent::ProblemOpened { problem }) if problem.id == id => *now = Some((**problem).clone()),
            (None, _) => {}
        }
        if let Some(problem) = now.as_ref().filter(|_| is_told) {
            let after = fields(problem);
            let mut changes = differences(shown.take(), &after);
            changes.extend(noted(event));
            steps.push(Step { revision: record.revision, by: by(record), reason: reason(event), changes });
            shown = Some(after);
        }
    }
    steps
}

/// Who brought a sample or an alert suspects nothing: the machine does.
fn by(record: &Record) -> Actor {
    match &record.actor {
        Actor::Agent { .. } | Actor::Feed { .. } => Actor::System,
        actor => actor.clone(),
    }
}

fn noted(event: &ProblemEvent) -> Option<FieldChange> {
    let ProblemEvent::ProblemNoted { text, .. } = event else { return None };
    let note = V::Note { text: text.clone(), public: false };
    Some(FieldChange { field: "notes", before: V::Several(Vec::new()), after: V::Several(vec![note]) })
}

/// Why, in words, where that is not among the fields.
fn reason(event: &ProblemEvent) -> Option<String> {
    match event {
        ProblemEvent::ProblemStateChanged { notes, .. } => notes.clone(),
        ProblemEvent::ProblemEvidenceAdded { evidence, .. } => Some(evidence.as_written()),
        ProblemEvent::ProblemAttachmentRemoved { reason, .. } => Some(reason.clone()),
        _ => None,
    }
}

/// All that is told of a problem.
fn fields(problem: &Problem) -> Fields {
    let hypothesis = |one: &Hypothesis| V::Hypothesis { factor: one.factor.clone(), verdict: one.verdict };
    vec![
        ("title", V::Text(problem.title.clone())),
        ("description", V::Text(problem.description.clone())),
        ("state", V::word(Some(problem.state))),
        ("priority", V::Count(problem.priority.into())),
        ("group", V::text(problem.group.as_ref())),
        ("assignee", V::text(problem.assignee.as_ref())),
        ("acknowledged", V::stamp(problem.acknowledged.as_ref())),
        ("resolved", V::stamp(problem.resolved.as_ref())),
        ("closed", V::stamp(problem.closed.as_ref())),
        ("known_error", V::Flag(problem.known_error)),
        ("workaround", V::text(problem.workaround.as_ref())),
        ("root_cause", V::text(problem.root_cause.as_ref())),
        ("applies_to", V::text(problem.applies_to.as_ref().map(ToString::to_string).as_ref())),
        ("risk_accepted", V::text(problem.risk_accepted.as_ref())),
        ("duplicate_of", problem.duplicate_of.map_or(V::Nothing, V::Problem)),
        ("hypotheses", V::several(&problem.hypotheses, hypothesis)),
        ("incidents", V::several(&problem.incidents, |id| V::Incident(*id))),
        ("attachments", V::several(&problem.attachments, |file| V::Text(file.name.clone()))),
    ]
}

#[cfg(test)]
mod tests;
