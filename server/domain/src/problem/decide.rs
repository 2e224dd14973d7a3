//! Decisions on problems: what people may do, in one table.

use super::membership::{is_own, left, taken_in};
use super::{Problem, ProblemAction, ProblemCommand, ProblemEvent, ProblemState, Verdict, recurrence, workaround};
use crate::id::{IncidentId, ProblemId};
use crate::incident::decide::{handed, line, named, optional, text};
use crate::incident::react::still_fires;
use crate::incident::{Incident, IncidentEvent, IncidentState};
use crate::rule::query::Written;
use crate::{Context, Event, Rejection, World, attachment};
use std::collections::BTreeSet;

/// Bytes of a text.
const TEXT_BYTES: usize = 64 << 10;

/// Notes of one problem.
const NOTES: usize = 10_000;

/// Incidents that one command links, or that are resolved with a problem.
const INCIDENTS: usize = 10_000;

/// The field of the items that a problem applies to.
const APPLIES_TO: &str = "applies_to";

/// How an incident is closed that is resolved with its problem.
const FIXED: &str = "problem_resolved";

/// Decides a command.
///
/// # Errors
/// [`Rejection::NotFound`], [`Rejection::Stale`], [`Rejection::WrongState`], [`Rejection::Invalid`], and
/// [`Rejection::Conflict`] when reopening would make two open problems of one origin.
pub fn command(world: &World, command: &ProblemCommand, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    let ProblemCommand::Act { problem: id, action, expected } = command else { return open(world, command, context) };
    let problem = world.problems.problems.get(id).ok_or_else(|| Rejection::not_found("problem", id))?;
    if let Some(expected) = expected.filter(|expected| *expected != problem.revision) {
        return Err(Rejection::Stale { subject: id.to_string(), current: problem.revision, expected });
    }
    validate(problem, action)?;
    let after = after(problem.state, action).ok_or_else(|| wrong_state(problem, action))?;
    conditions(world, problem, action)?;
    match action {
        ProblemAction::Attach(new) => {
            let attached = attachment::attach(&problem.attachments, problem.id, new, context)?;
            let added = attached.map(|attachment| ProblemEvent::ProblemAttachmentAdded { problem: problem.id, attachment });
            return Ok(added.map(Event::Problem).into_iter().collect());
        }
        ProblemAction::Detach { attachment, reason } => {
            attachment::detach(&problem.attachments, *attachment, reason)?;
            let (problem, attachment, reason) = (problem.id, *attachment, reason.trim().to_owned());
            return Ok(vec![Event::Problem(ProblemEvent::ProblemAttachmentRemoved { problem, attachment, reason })]);
        }
        ProblemAction::Assign { group, assignee } => {
            let before = (problem.group.as_deref(), problem.assignee.as_deref());
            let (group, assignee) = handed(world, (group.as_ref(), assignee.as_ref()), before)?;
            let assigned = events(problem, &ProblemAction::Assign { group: Some(group), assignee: Some(assignee) }, after);
            return Ok(assigned.into_iter().map(Event::Problem).collect());
        }
        _ => {}
    }
    let mut all: Vec<Event> = events(problem, action, after).into_iter().map(Event::Problem).collect();
    all.extend(incidents(world, problem, action, context)?);
    Ok(all)
}

fn open(world: &World, command: &ProblemCommand, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    let ProblemCommand::Open { title, description, priority, group, applies_to, incidents } = command else { return Ok(Vec::new()) };
    line("title", title, None)?;
    // A line may be all that there is to say.
    if !description.is_empty() {
        text("description", description, TEXT_BYTES)?;
    }
    let (group, _) = named(world, (group.as_deref(), None), (None, None))?;
    graded(*priority)?;
    applicable(world, applies_to.as_ref())?;
    let members = known(world, incidents)?;
    let (id, actor) = (ProblemId(context.ids.next_bits()), context.actor.clone());
    let by = crate::rule::decide::who(&actor);
    let problem = Problem {
        title: title.trim().to_owned(),
        description: description.clone(),
        priority: *priority,
        group,
        applies_to: applies_to.clone(),
        opened_by: actor,
        evidence: members.iter().map(|incident| recurrence::evidence(incident, format!("linked by {by}"))).collect(),
        incidents: members.iter().map(|incident| incident.id).collect(),
        ..Problem::blank(id, world.problems.count + 1, super::Origin::Person, context.now)
    };
    let leave: Vec<Event> = members.iter().filter_map(|incident| left(id, incident)).map(Event::Problem).collect();
    Ok(leave.into_iter().chain(recurrence::opened(problem, members.iter().map(|incident| incident.id))).collect())
}

fn graded(priority: u8) -> Result<(), Rejection> {
    if (1..=5).contains(&priority) { Ok(()) } else { Err(Rejection::invalid("priority", "must be 1 (highest) to 5")) }
}

/// Judges the query for the items that a problem applies to.
fn applicable(world: &World, query: Option<&Written>) -> Result<(), Rejection> {
    let Some(query) = query else { return Ok(()) };
    query.validate(APPLIES_TO)?;
    query.check_groups(world, APPLIES_TO)
}

/// The incidents that are named, each once.
fn known<'a>(world: &'a World, ids: &[IncidentId]) -> Result<Vec<&'a Incident>, Rejection> {
    if ids.len() > INCIDENTS {
        return Err(Rejection::invalid("incidents", format!("must be at most {INCIDENTS}")));
    }
    let find = |(place, id): (usize, &IncidentId)| {
        let unknown = || Rejection::unknown(format!("incidents[{place}]"), "incident", id);
        world.incidents.incidents.get(id).ok_or_else(unknown)
    };
    let mut seen = BTreeSet::new();
    ids.iter().enumerate().filter(|(_, id)| seen.insert(**id)).map(find).collect()
}

/// What an action on a problem means for incidents.
fn incidents(world: &World, problem: &Problem, action: &ProblemAction, context: &Context<'_>) -> Result<Vec<Event>, Rejection> {
    let listed = || problem.incidents.iter().filter_map(|id| world.incidents.incidents.get(id));
    let own = || listed().filter(|incident| is_own(problem, incident));
    let linked = |incident: &Incident, problem| Event::Incident(IncidentEvent::IncidentLinked { incident: incident.id, problem });
    Ok(match action {
        ProblemAction::Resolve { notes, incidents: true } => {
            let open = own().filter(|incident| incident.state.is_open()).take(INCIDENTS);
            open.flat_map(|incident| resolved(world, problem, incident, notes)).map(Event::Incident).collect()
        }
        ProblemAction::Describe { known_error, workaround, .. } => workaround::changed(world, problem, *known_error, workaround.as_deref()),
        ProblemAction::Duplicate { of } => {
            let moved = listed().flat_map(|incident| recurrence::joined(*of, incident, format!("from PRB{:07}", problem.number)));
            let helped = world.problems.problems.get(of).map(|of| workaround::given(of, own())).unwrap_or_default();
            moved.chain(own().map(|incident| linked(incident, *of))).chain(helped).collect()
        }
        ProblemAction::Link { incidents } => {
            let by = crate::rule::decide::who(&context.actor);
            let new = known(world, incidents)?.into_iter().filter(|incident| !is_own(problem, incident));
            let given = |incident: &Incident| {
                let taken_in = taken_in(world, problem.id, incident, format!("linked by {by}")).into_iter().map(Event::Problem);
                taken_in.chain([linked(incident, problem.id)]).collect::<Vec<_>>()
            };
            let new: Vec<&Incident> = new.collect();
            let helped = workaround::given(problem, new.iter().copied());
            new.into_iter().flat_map(given).chain(helped).collect()
        }
        ProblemAction::Unlink { incident } if problem.incidents.contains(incident) => {
            let removed = Event::Problem(ProblemEvent::ProblemIncidentRemoved { problem: problem.id, incident: *incident });
            // What was but evidence here stays with its problem.
            let unlinked = own().find(|own| own.id == *incident);
            let unlinked = unlinked.map(|own| Event::Incident(IncidentEvent::IncidentUnlinked { incident: own.id, problem: problem.id }));
            std::iter::once(removed).chain(unlinked).collect()
        }
        ProblemAction::Unlink { incident } => {
            return Err(Rejection::invalid("incident", format!("{incident} does not belong to this problem")));
        }
        _ => Vec::new(),
    })
}

fn resolved(world: &World, problem: &Problem, incident: &Incident, notes: &str) -> impl Iterator<Item = IncidentEvent> {
    let resolved = IncidentEvent::IncidentStateChanged {
        incident: incident.id,
        before: incident.state,
        after: IncidentState::Resolved,
        hold_reason: None,
        close_code: Some(FIXED.to_owned()),
        notes: Some(format!("Resolved with {}: {notes}", super::display_number(problem.number))),
    };
    std::iter::once(resolved).chain(still_fires(world, incident))
}

/// The state that an action leads to; `None` where it is not allowed. Work may skip states forward, and go back one at a time
/// when an idea proves wrong.
fn after(state: ProblemState, action: &ProblemAction) -> Option<ProblemState> {
    use ProblemAction::{
        AcceptRisk, Acknowledge, Advance, Assign, Attach, Cancel, Close, Describe, Detach, Duplicate, Edit, Judge, Link, Note, Reopen,
        Resolve, Unlink,
    };
    use ProblemState::{Assess, Cancelled, Closed, FixInProgress, New, Resolved, RootCauseAnalysis};
    match (state, action) {
        (New, Acknowledge) => Some(Assess),
        (Assess | RootCauseAnalysis | FixInProgress, Acknowledge) => Some(state),
        (New | Assess | RootCauseAnalysis | FixInProgress, Assign { .. } | AcceptRisk { .. } | Link { .. } | Unlink { .. }) => Some(state),
        (New | Assess | RootCauseAnalysis | FixInProgress, Duplicate { .. }) => Some(Cancelled),
        (New | Assess | RootCauseAnalysis | FixInProgress | Resolved, Note { .. } | Describe { .. } | Edit { .. } | Attach(_)) => {
            Some(state)
        }
        // Whether a suspicion was right may show when everything is done.
        (New | Assess | RootCauseAnalysis | FixInProgress | Resolved | Closed, Judge { .. }) => Some(state),
        // What should never have been attached can be taken away whenever that is noticed.
        (_, Detach { .. }) => Some(state),
        (New | RootCauseAnalysis, Advance { state: Assess }) => Some(Assess),
        (New | Assess | FixInProgress, Advance { state: RootCauseAnalysis }) => Some(RootCauseAnalysis),
        (New | Assess | RootCauseAnalysis, Advance { state: FixInProgress }) => Some(FixInProgress),
        (New | Assess | RootCauseAnalysis | FixInProgress, Resolve { .. }) => Some(Resolved),
        (Resolved | Closed, Reopen { .. }) => Some(RootCauseAnalysis),
        (Resolved, Close { .. }) => Some(Closed),
        (New | Assess | RootCauseAnalysis | FixInProgress, Cancel { .. }) => Some(Cancelled),
        (_, Advance { .. }) => None,
        (New | Assess | RootCauseAnalysis | FixInProgress, Reopen { .. } | Close { .. }) => None,
        (Resolved | Closed, Acknowledge | Assign { .. } | Resolve { .. } | Cancel { .. } | Duplicate { .. }) => None,
        (Resolved | Closed, AcceptRisk { .. } | Link { .. } | Unlink { .. }) => None,
        (Closed, Close { .. } | Note { .. } | Describe { .. } | Edit { .. } | Attach(_)) | (Cancelled, _) => None,
    }
}

fn events(problem: &Problem, action: &ProblemAction, after: ProblemState) -> Vec<ProblemEvent> {
    let id = problem.id;
    let mut events = match action {
        ProblemAction::Acknowledge if problem.acknowledged.is_some() => Vec::new(),
        ProblemAction::Acknowledge => vec![ProblemEvent::ProblemAcknowledged { problem: id }],
        ProblemAction::Assign { group, assignee } => vec![ProblemEvent::ProblemAssigned {
            problem: id,
            group: group.clone().unwrap_or_else(|| problem.group.clone()),
            assignee: assignee.clone().unwrap_or_else(|| problem.assignee.clone()),
        }],
        ProblemAction::Note { text } => vec![ProblemEvent::ProblemNoted { problem: id, text: text.clone() }],
        ProblemAction::Describe { known_error, workaround, root_cause } => vec![ProblemEvent::ProblemDescribed {
            problem: id,
            known_error: *known_error,
            workaround: workaround.clone(),
            root_cause: root_cause.clone(),
        }],
        ProblemAction::Edit { title, description, priority, applies_to } => {
            let edited = ProblemEvent::ProblemEdited {
                problem: id,
                title: title.as_deref().map(str::trim).filter(|title| *title != problem.title).map(str::to_owned),
                description: description.clone().filter(|description| *description != problem.description),
                priority: priority.filter(|priority| *priority != problem.priority),
                applies_to: applies_to.clone().filter(|query| *query != problem.applies_to).map(|query| query.unwrap_or_else(|| "".into())),
            };
            let is_nothing =
                matches!(&edited, ProblemEvent::ProblemEdited { title: None, description: None, priority: None, applies_to: None, .. });
            if is_nothing { Vec::new() } else { vec![edited] }
        }
        ProblemAction::AcceptRisk { reason } => vec![ProblemEvent::ProblemRiskAccepted { problem: id, reason: reason.clone() }],
        ProblemAction::Duplicate { of } => vec![ProblemEvent::ProblemDuplicated { problem: id, of: *of }],
        ProblemAction::Judge { factor, verdict } => {
            vec![ProblemEvent::HypothesisJudged { problem: id, factor: factor.clone(), verdict: *verdict }]
        }
        _ => Vec::new(),
    };
    let notes = match action {
        ProblemAction::Resolve { notes, .. } => Some(notes.clone()),
        ProblemAction::Reopen { reason } | ProblemAction::Cancel { reason } => Some(reason.clone()),
        ProblemAction::Close { notes } => notes.clone(),
        _ => None,
    };
    // What it turned out to be says its state as well.
    if after != problem.state && !matches!(action, ProblemAction::Duplicate { .. }) {
        events.push(ProblemEvent::ProblemStateChanged { problem: id, before: problem.state, after, notes });
    }
    events
}

fn conditions(world: &World, problem: &Problem, action: &ProblemAction) -> Result<(), Rejection> {
    match action {
        ProblemAction::Edit { applies_to: Some(query), .. } => applicable(world, query.as_ref()),
        ProblemAction::Note { .. } if problem.notes.len() >= NOTES => {
            Err(Rejection::Conflict(format!("{} has {NOTES} notes, which is the limit", problem.id)))
        }
        ProblemAction::Judge { factor, .. } if !problem.hypotheses.iter().any(|hypothesis| hypothesis.factor == *factor) => {
            Err(Rejection::unknown("factor", "hypothesis", factor))
        }
        ProblemAction::Duplicate { of } if *of == problem.id => Err(Rejection::invalid("of", "must be another problem")),
        ProblemAction::Duplicate { of } => match world.problems.problems.get(of) {
            None => Err(Rejection::unknown("of", "problem", of)),
            Some(other) if !other.state.is_open() => Err(Rejection::Conflict(format!("{of} is {}", other.state.as_str()))),
            Some(_) => Ok(()),
        },
        ProblemAction::Reopen { .. } => match world.problems.live.get(&problem.origin) {
            Some(live) => Err(Rejection::Conflict(format!("{live} is open for the same cause"))),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

fn validate(problem: &Problem, action: &ProblemAction) -> Result<(), Rejection> {
    match action {
        ProblemAction::Acknowledge | ProblemAction::Advance { .. } | ProblemAction::Attach(_) | ProblemAction::Detach { .. } => Ok(()),
        ProblemAction::AcceptRisk { reason } => optional("reason", reason.as_deref(), TEXT_BYTES),
        ProblemAction::Link { incidents } if incidents.is_empty() => Err(Rejection::invalid("incidents", "must name at least one")),
        ProblemAction::Duplicate { .. } | ProblemAction::Link { .. } | ProblemAction::Unlink { .. } => Ok(()),
        ProblemAction::Assign { group: None, assignee: None } => {
            Err(Rejection::invalid("assignee", "give a group, an assignee or both; null takes one off"))
        }
        // Whom it names is looked up when the state allows it.
        ProblemAction::Assign { .. } => Ok(()),
        ProblemAction::Note { text: note } => text("text", note, TEXT_BYTES),
        ProblemAction::Describe { known_error: None, workaround: None, root_cause: None } => {
            Err(Rejection::invalid("root_cause", "give known_error, workaround or root_cause"))
        }
        ProblemAction::Describe { workaround, root_cause, .. } => {
            let told = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
            optional("workaround", told(workaround).as_deref(), TEXT_BYTES)?;
            optional("root_cause", told(root_cause).as_deref(), TEXT_BYTES)
        }
        ProblemAction::Edit { title: None, description: None, priority: None, applies_to: None } => {
            Err(Rejection::invalid("title", "give title, description, priority or applies_to"))
        }
        ProblemAction::Edit { title, description, priority, .. } => {
            title.as_deref().map_or(Ok(()), |title| line("title", title, Some(&problem.title)))?;
            let described = description.as_deref().filter(|description| !description.is_empty());
            optional("description", described, TEXT_BYTES)?;
            priority.map_or(Ok(()), graded)
        }
        ProblemAction::Judge { verdict: Verdict::Suspected, .. } => Err(Rejection::invalid("verdict", "must be confirmed or refuted")),
        ProblemAction::Judge { .. } => Ok(()),
        ProblemAction::Resolve { notes, .. } => text("notes", notes, TEXT_BYTES),
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
        ProblemAction::Describe { .. } | ProblemAction::Edit { .. } => "described",
        ProblemAction::Judge { .. } => "judged",
        ProblemAction::AcceptRisk { .. } => "accepted as a risk",
        ProblemAction::Duplicate { .. } => "declared a duplicate",
        ProblemAction::Link { .. } | ProblemAction::Unlink { .. } => "given other incidents",
        ProblemAction::Resolve { .. } => "resolved",
        ProblemAction::Reopen { .. } => "reopened",
        ProblemAction::Close { .. } => "closed",
        ProblemAction::Cancel { .. } => "cancelled",
        ProblemAction::Attach(_) => "given an attachment",
        ProblemAction::Detach { .. } => "relieved of an attachment",
    };
    Rejection::WrongState { subject: problem.id.to_string(), state: problem.state.as_str().to_owned(), action: asked }
}

#[cfg(test)]
mod tests;
