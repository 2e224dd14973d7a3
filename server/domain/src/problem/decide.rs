//! Decisions on problems: what people may do, in one table.

use super::{Problem, ProblemAction, ProblemCommand, ProblemEvent, ProblemState, Verdict};
use crate::incident::decide::{optional, text};
use crate::{Context, Event, Rejection, World};

/// Bytes of a text.
const TEXT_BYTES: usize = 64 << 10;

/// Bytes of a group or a person's name.
const NAME_BYTES: usize = 200;

/// Notes of one problem.
const NOTES: usize = 10_000;

/// Decides a command.
///
/// # Errors
/// [`Rejection::NotFound`], [`Rejection::Stale`], [`Rejection::WrongState`], [`Rejection::Invalid`], and
/// [`Rejection::Conflict`] when reopening would make two open problems of one origin.
pub fn command(world: &World, command: &ProblemCommand, _context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    let id = command.problem;
    let problem = world.problems.problems.get(&id).ok_or_else(|| Rejection::not_found("problem", id))?;
    if let Some(expected) = command.expected.filter(|expected| *expected != problem.revision) {
        return Err(Rejection::Stale { subject: id.to_string(), current: problem.revision, expected });
    }
    validate(&command.action)?;
    let after = after(problem.state, &command.action).ok_or_else(|| wrong_state(problem, &command.action))?;
    conditions(world, problem, &command.action)?;
    Ok(events(problem, &command.action, after).into_iter().map(Event::Problem).collect())
}

/// The state that an action leads to; `None` where it is not allowed. Work may skip states forward, and go back one at a time
/// when an idea proves wrong.
fn after(state: ProblemState, action: &ProblemAction) -> Option<ProblemState> {
    use ProblemAction::{Acknowledge, Advance, Assign, Cancel, Close, Describe, Judge, Note, Reopen, Resolve};
    use ProblemState::{Assess, Cancelled, Closed, FixInProgress, New, Resolved, RootCauseAnalysis};
    match (state, action) {
        (New, Acknowledge) => Some(Assess),
        (Assess | RootCauseAnalysis | FixInProgress, Acknowledge) => Some(state),
        (New | Assess | RootCauseAnalysis | FixInProgress, Assign { .. }) => Some(state),
        (New | Assess | RootCauseAnalysis | FixInProgress | Resolved | Closed, Note { .. } | Describe { .. } | Judge { .. }) => Some(state),
        (New | RootCauseAnalysis, Advance { state: Assess }) => Some(Assess),
        (New | Assess | FixInProgress, Advance { state: RootCauseAnalysis }) => Some(RootCauseAnalysis),
        (New | Assess | RootCauseAnalysis, Advance { state: FixInProgress }) => Some(FixInProgress),
        (New | Assess | RootCauseAnalysis | FixInProgress, Resolve { .. }) => Some(Resolved),
        (Resolved | Closed, Reopen { .. }) => Some(RootCauseAnalysis),
        (Resolved, Close { .. }) => Some(Closed),
        (New | Assess | RootCauseAnalysis | FixInProgress, Cancel { .. }) => Some(Cancelled),
        (_, Advance { .. }) => None,
        (New | Assess | RootCauseAnalysis | FixInProgress, Reopen { .. } | Close { .. }) => None,
        (Resolved | Closed, Acknowledge | Assign { .. } | Resolve { .. } | Cancel { .. }) => None,
        (Closed, Close { .. }) | (Cancelled, _) => None,
    }
}

fn events(problem: &Problem, action: &ProblemAction, after: ProblemState) -> Vec<ProblemEvent> {
    let id = problem.id;
    let mut events = match action {
        ProblemAction::Acknowledge if problem.acknowledged.is_some() => Vec::new(),
        ProblemAction::Acknowledge => vec![ProblemEvent::ProblemAcknowledged { problem: id }],
        ProblemAction::Assign { group, assignee } => vec![ProblemEvent::ProblemAssigned {
            problem: id,
            group: group.clone().or_else(|| problem.group.clone()),
            assignee: assignee.clone().or_else(|| problem.assignee.clone()),
        }],
        ProblemAction::Note { text } => vec![ProblemEvent::ProblemNoted { problem: id, text: text.clone() }],
        ProblemAction::Describe { known_error, workaround, root_cause } => vec![ProblemEvent::ProblemDescribed {
            problem: id,
            known_error: *known_error,
            workaround: workaround.clone(),
            root_cause: root_cause.clone(),
        }],
        ProblemAction::Judge { factor, verdict } => {
            vec![ProblemEvent::HypothesisJudged { problem: id, factor: factor.clone(), verdict: *verdict }]
        }
        _ => Vec::new(),
    };
    let notes = match action {
        ProblemAction::Resolve { notes } => Some(notes.clone()),
        ProblemAction::Reopen { reason } | ProblemAction::Cancel { reason } => Some(reason.clone()),
        ProblemAction::Close { notes } => notes.clone(),
        _ => None,
    };
    if after != problem.state {
        events.push(ProblemEvent::ProblemStateChanged { problem: id, before: problem.state, after, notes });
    }
    events
}

fn conditions(world: &World, problem: &Problem, action: &ProblemAction) -> Result<(), Rejection> {
    match action {
        ProblemAction::Note { .. } if problem.notes.len() >= NOTES => {
            Err(Rejection::Conflict(format!("{} has {NOTES} notes, which is the limit", problem.id)))
        }
        ProblemAction::Judge { factor, .. } if !problem.hypotheses.iter().any(|hypothesis| hypothesis.factor == *factor) => {
            Err(Rejection::not_found("hypothesis", factor))
        }
        ProblemAction::Reopen { .. } => match world.problems.live.get(&problem.origin) {
            Some(live) => Err(Rejection::Conflict(format!("{live} is open for the same cause"))),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

fn validate(action: &ProblemAction) -> Result<(), Rejection> {
    match action {
        ProblemAction::Acknowledge | ProblemAction::Advance { .. } => Ok(()),
        ProblemAction::Assign { group: None, assignee: None } => Err(Rejection::invalid("assignee", "give a group, an assignee or both")),
        ProblemAction::Assign { group, assignee } => {
            optional("group", group.as_deref(), NAME_BYTES)?;
            optional("assignee", assignee.as_deref(), NAME_BYTES)
        }
        ProblemAction::Note { text: note } => text("text", note, TEXT_BYTES),
        ProblemAction::Describe { known_error: None, workaround: None, root_cause: None } => {
            Err(Rejection::invalid("root_cause", "give known_error, workaround or root_cause"))
        }
        ProblemAction::Describe { workaround, root_cause, .. } => {
            optional("workaround", workaround.as_deref(), TEXT_BYTES)?;
            optional("root_cause", root_cause.as_deref(), TEXT_BYTES)
        }
        ProblemAction::Judge { verdict: Verdict::Suspected, .. } => Err(Rejection::invalid("verdict", "must be confirmed or refuted")),
        ProblemAction::Judge { .. } => Ok(()),
        ProblemAction::Resolve { notes } => text("notes", notes, TEXT_BYTES),
        ProblemAction::Reopen { reason } | ProblemAction::Cancel { reason } => text("reason", reason, TEXT_BYTES),
        ProblemAction::Close { notes } => optional("notes", notes.as_deref(), TEXT_BYTES),
    }
}

fn wrong_state(problem: &Problem, action: &ProblemAction) -> Rejection {
    let asked = match action {
        ProblemAction::Acknowledge => "acknowledged",
        ProblemAction::Assign { .. } => "assigned",
        ProblemAction::Note { .. } => "noted on",
        ProblemAction::Advance { .. } => "moved to that state",
        ProblemAction::Describe { .. } => "described",
        ProblemAction::Judge { .. } => "judged",
        ProblemAction::Resolve { .. } => "resolved",
        ProblemAction::Reopen { .. } => "reopened",
        ProblemAction::Close { .. } => "closed",
        ProblemAction::Cancel { .. } => "cancelled",
    };
    Rejection::WrongState { subject: problem.id.to_string(), state: problem.state.as_str().to_owned(), action: asked }
}

#[cfg(test)]
mod tests;
