//! Decisions on incidents: what people may do, in one table.

mod edit;
mod family;
mod follow;
mod open;
mod surround;

use super::{Children, Incident, IncidentAction, IncidentCommand, IncidentEvent, IncidentState, assignment, react};
use crate::contact::responsible::Naming;
use crate::{Context, Event, Rejection, World, attachment};
use rollcall_shared::Timestamp;
use std::time::Duration;

/// How long a resolved incident may be reopened; after that it closes, and a return opens a new one that follows it.
pub const REOPENABLE: Duration = Duration::from_secs(5 * 24 * 3600);

/// How an incident is closed that is the same as another one.
pub const DUPLICATE: &str = "duplicate";

/// Bytes of a text.
const TEXT_BYTES: usize = 64 << 10;

/// Characters of a title, a group, a person's name, a close code.
const NAME_BYTES: usize = 200;

/// Notes of one incident that people write, and states that it goes through: beyond this it is no incident any more.
const NOTES: usize = 10_000;

/// Incidents that close in one tick: the rest follows with the next.
const CLOSED_AT_ONCE: usize = 100;

/// Decides a command.
///
/// # Errors
/// [`Rejection::NotFound`], [`Rejection::Stale`], [`Rejection::WrongState`], [`Rejection::Invalid`], and
/// [`Rejection::Conflict`] when reopening would make two live incidents of one thing, or a family would have more than one level.
pub fn command(world: &World, command: &IncidentCommand, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    let events = match command {
        IncidentCommand::Open(new) => vec![open::by_hand(world, new, context)?],
        IncidentCommand::Act { incident, action, expected } => act(world, (*incident, *expected), action, context)?,
        IncidentCommand::CreateAssignmentRule(new) => vec![assignment::create(world, new, context)?],
        IncidentCommand::UpdateAssignmentRule { rule, new, expected } => {
            assignment::update(world, *rule, new, *expected)?.into_iter().collect()
        }
        IncidentCommand::DeleteAssignmentRule { rule, expected } => {
            assignment::find(world, *rule, *expected)?;
            vec![IncidentEvent::AssignmentRuleDeleted { rule: *rule }]
        }
    };
    let moved: Vec<Event> = events.iter().flat_map(|event| edit::moved(world, event)).map(Event::Problem).collect();
    Ok(moved.into_iter().chain(events.into_iter().map(Event::Incident)).collect())
}

fn act(
    world: &World,
    (id, expected): (crate::id::IncidentId, Option<u64>),
    action: &IncidentAction,
    context: &mut Context<'_>,
) -> Result<Vec<IncidentEvent>, Rejection> {
    let incident = world.incidents.incidents.get(&id).ok_or_else(|| Rejection::not_found("incident", id))?;
    if let Some(expected) = expected.filter(|expected| *expected != incident.revision) {
        return Err(Rejection::Stale { subject: id.to_string(), current: incident.revision, expected });
    }
    validate(action)?;
    let after = after(incident.state, action).ok_or_else(|| wrong_state(incident, action))?;
    conditions(world, incident, action)?;
    match action {
        IncidentAction::Assign { group, assignee } => {
            let before = (incident.group.as_deref(), incident.assignee.as_deref());
            let (group, assignee) = handed(world, (group.as_ref(), assignee.as_ref()), before)?;
            let is_nobodys = group.is_none() && assignee.is_none();
            if is_nobodys && before == (None, None) {
                return Ok(Vec::new());
            }
            // What nobody has waits for somebody to take it.
            let after = if is_nobodys && after == IncidentState::Assigned { IncidentState::New } else { after };
            Ok(events(incident, &IncidentAction::Assign { group: Some(group), assignee: Some(assignee) }, after))
        }
        IncidentAction::Reopen { reason } if is_for_ever(incident, context.now) => {
            Ok(vec![open::following(world, incident, reason, context)])
        }
        IncidentAction::Edit(edit) => edit::events(world, incident, edit),
        IncidentAction::SetParent { parent } => family::parent(world, incident, *parent),
        IncidentAction::Merge { into } => family::merge(world, incident, *into),
        IncidentAction::Watch { watcher } => family::watch(world, incident, watcher.as_ref(), context),
        IncidentAction::Unwatch { watcher } => family::unwatch(world, incident, watcher.as_ref(), context),
        IncidentAction::Attach(new) => {
            let attached = attachment::attach(&incident.attachments, id, new, context)?;
            Ok(attached.map(|attachment| IncidentEvent::AttachmentAdded { incident: id, attachment }).into_iter().collect())
        }
        IncidentAction::Detach { attachment, reason } => {
            attachment::detach(&incident.attachments, *attachment, reason)?;
            Ok(vec![IncidentEvent::AttachmentRemoved { incident: id, attachment: *attachment, reason: reason.trim().to_owned() }])
        }
        IncidentAction::Resolve { children: Children::Resolve, .. } => {
            // Itself first: a storm that is resolved by hand is not resolved by its last child.
            let all = std::iter::once(incident).chain(family::open_children(world, incident));
            Ok(all.flat_map(|one| events(one, action, after).into_iter().chain(react::still_fires(world, one))).collect())
        }
        IncidentAction::Resolve { .. } | IncidentAction::Cancel { .. } => {
            Ok(events(incident, action, after).into_iter().chain(react::still_fires(world, incident)).collect())
        }
        _ => Ok(events(incident, action, after)),
    }
}

/// Whether it is too late to reopen it: a new one takes its place.
fn is_for_ever(incident: &Incident, now: Timestamp) -> bool {
    let resolved = incident.resolved.as_ref().map(|(at, _)| *at);
    incident.state == IncidentState::Closed || resolved.is_none_or(|at| now.since(at) > REOPENABLE)
}

/// The state that an action leads to; `None` where it is not allowed.
fn after(state: IncidentState, action: &IncidentAction) -> Option<IncidentState> {
    use IncidentAction::{
        Acknowledge, Assign, Attach, Cancel, Close, Detach, Edit, Hold, Merge, Note, Reopen, Resolve, Resume, SetParent, Unwatch, Watch,
    };
    use IncidentState::{Assigned, Cancelled, Closed, InProgress, New, OnHold, Resolved};
    match (state, action) {
        (New | Assigned | InProgress, Acknowledge) => Some(InProgress),
        (OnHold, Acknowledge) => Some(OnHold),
        (New | Assigned, Assign { .. }) => Some(Assigned),
        (InProgress | OnHold, Assign { .. }) => Some(state),
        (New | Assigned | InProgress | OnHold | Resolved, Note { .. } | Edit(_) | Attach(_)) => Some(state),
        // What should never have been attached can be taken away whenever that is noticed.
        (_, Watch { .. } | Unwatch { .. } | Detach { .. }) => Some(state),
        (New | Assigned | InProgress | OnHold, SetParent { .. }) => Some(state),
        (New | Assigned | InProgress | OnHold, Merge { .. }) => Some(Closed),
        (New | Assigned | InProgress | OnHold, Hold { .. }) => Some(OnHold),
        (OnHold, Resume) => Some(InProgress),
        (New | Assigned | InProgress | OnHold, Resolve { .. }) => Some(Resolved),
        // After five days, or closed: another one takes its place.
        (Resolved | Closed, Reopen { .. }) => Some(InProgress),
        (Resolved, Close { .. }) => Some(Closed),
        (New | Assigned | InProgress | OnHold, Cancel { .. }) => Some(Cancelled),
        (
            Resolved,
            Acknowledge | Assign { .. } | Hold { .. } | Resume | Resolve { .. } | Cancel { .. } | SetParent { .. } | Merge { .. },
        ) => None,
        (New | Assigned | InProgress, Resume) => None,
        (New | Assigned | InProgress | OnHold, Reopen { .. } | Close { .. }) => None,
        (Closed | Cancelled, _) => None,
    }
}

/// Closes what has been resolved for long enough.
#[must_use]
pub fn tick(world: &World, now: Timestamp) -> Vec<Event> {
    let due = world.incidents.resolved.iter().take_while(|(at, _)| now.since(*at) >= REOPENABLE).take(CLOSED_AT_ONCE);
    due.map(|(_, incident)| {
        Event::Incident(IncidentEvent::IncidentStateChanged {
            incident: *incident,
            before: IncidentState::Resolved,
            after: IncidentState::Closed,
            hold_reason: None,
            close_code: None,
            notes: None,
        })
    })
    .collect()
}

fn events(incident: &Incident, action: &IncidentAction, after: IncidentState) -> Vec<IncidentEvent> {
    let id = incident.id;
    let mut events = match action {
        IncidentAction::Acknowledge if incident.acknowledged.is_some() => Vec::new(),
        IncidentAction::Acknowledge => vec![IncidentEvent::IncidentAcknowledged { incident: id }],
        IncidentAction::Assign { group, assignee } => {
            vec![IncidentEvent::IncidentAssigned {
                incident: id,
                group: group.clone().unwrap_or_else(|| incident.group.clone()),
                assignee: assignee.clone().unwrap_or_else(|| incident.assignee.clone()),
            }]
        }
        IncidentAction::Note { text, public } => vec![IncidentEvent::IncidentNoted { incident: id, text: text.clone(), public: *public }],
        _ => Vec::new(),
    };
    let (hold_reason, close_code, notes) = match action {
        IncidentAction::Hold { reason, note } => (Some(*reason), None, note.clone()),
        IncidentAction::Resolve { close_code, notes, .. } => (None, Some(close_code.clone()), Some(notes.clone())),
        IncidentAction::Reopen { reason } | IncidentAction::Cancel { reason } => (None, None, Some(reason.clone())),
        IncidentAction::Close { notes } => (None, None, notes.clone()),
        // What it waited for is over when it waits no more.
        _ => (incident.hold_reason.filter(|_| after == IncidentState::OnHold), None, None),
    };
    if after != incident.state || hold_reason != incident.hold_reason {
        events.push(IncidentEvent::IncidentStateChanged { incident: id, before: incident.state, after, hold_reason, close_code, notes });
    }
    events
}

fn conditions(world: &World, incident: &Incident, action: &IncidentAction) -> Result<(), Rejection> {
    let limit = |what: &str| Err(Rejection::Conflict(format!("{} has {NOTES} {what}, which is the limit", incident.id)));
    match action {
        IncidentAction::Note { .. } if incident.notes.len() >= NOTES => limit("notes"),
        // What ends it is always possible.
        IncidentAction::Hold { .. } | IncidentAction::Resume if incident.course.len() >= NOTES => limit("changes of state"),
        IncidentAction::Reopen { .. } => match incident.keys().find_map(|key| world.incidents.live.get(key)) {
            Some(live) => Err(Rejection::Conflict(format!("{live} is open for the same breach; work on that one"))),
            None => follow::alone(world, incident),
        },
        _ => Ok(()),
    }
}

fn validate(action: &IncidentAction) -> Result<(), Rejection> {
    match action {
        IncidentAction::Acknowledge
        | IncidentAction::Resume
        | IncidentAction::SetParent { .. }
        | IncidentAction::Merge { .. }
        | IncidentAction::Watch { .. }
        | IncidentAction::Unwatch { .. }
        | IncidentAction::Attach(_)
        | IncidentAction::Detach { .. }
        | IncidentAction::Edit(_) => Ok(()),
        IncidentAction::Assign { group: None, assignee: None } => {
            Err(Rejection::invalid("assignee", "give a group, an assignee or both; null takes one off"))
        }
        // Whom it names is looked up when the state allows it.
        IncidentAction::Assign { .. } => Ok(()),
        IncidentAction::Note { text: note, .. } => text("text", note, TEXT_BYTES),
        IncidentAction::Hold { note, .. } => optional("note", note.as_deref(), TEXT_BYTES),
        IncidentAction::Resolve { close_code, notes, .. } => {
            text("close_code", close_code, NAME_BYTES)?;
            text("notes", notes, TEXT_BYTES)
        }
        IncidentAction::Reopen { reason } | IncidentAction::Cancel { reason } => text("reason", reason, TEXT_BYTES),
        IncidentAction::Close { notes } => optional("notes", notes.as_deref(), TEXT_BYTES),
    }
}

/// What people can do, with a word for it and the participle of it.
fn every_action() -> [(&'static str, IncidentAction); 16] {
    use IncidentAction as A;
    let text = String::new;
    let file = attachment::NewAttachment { name: text(), media_type: text(), size: 0, hash: rollcall_shared::ContentHash([0; 32]) };
    [
        ("acknowledge", A::Acknowledge),
        ("assign", A::Assign { group: None, assignee: None }),
        ("note", A::Note { text: text(), public: false }),
        ("edit", A::Edit(Box::default())),
        ("hold", A::Hold { reason: super::HoldReason::Caller, note: None }),
        ("resume", A::Resume),
        ("resolve", A::Resolve { close_code: text(), notes: text(), children: Children::Leave }),
        ("reopen", A::Reopen { reason: text() }),
        ("close", A::Close { notes: None }),
        ("cancel", A::Cancel { reason: text() }),
        ("set the parent", A::SetParent { parent: None }),
        ("merge", A::Merge { into: crate::id::IncidentId(0) }),
        ("watch", A::Watch { watcher: None }),
        ("unwatch", A::Unwatch { watcher: None }),
        ("attach", A::Attach(Box::new(file))),
        ("detach", A::Detach { attachment: crate::id::AttachmentId(0), reason: text() }),
    ]
}

fn wrong_state(incident: &Incident, action: &IncidentAction) -> Rejection {
    let asked = match action {
        IncidentAction::Acknowledge => "acknowledged",
        IncidentAction::Assign { .. } => "assigned",
        IncidentAction::Note { .. } => "noted on",
        IncidentAction::Edit(_) => "edited",
        IncidentAction::Hold { .. } => "put on hold",
        IncidentAction::Resume => "resumed",
        IncidentAction::Resolve { .. } => "resolved",
        IncidentAction::Reopen { .. } => "reopened",
        IncidentAction::Close { .. } => "closed",
        IncidentAction::Cancel { .. } => "cancelled",
        IncidentAction::SetParent { .. } => "made part of another one",
        IncidentAction::Merge { .. } => "merged",
        IncidentAction::Watch { .. } => "watched",
        IncidentAction::Unwatch { .. } => "unwatched",
        IncidentAction::Attach(_) => "given an attachment",
        IncidentAction::Detach { .. } => "relieved of an attachment",
    };
    let possible = every_action().into_iter().filter(|(_, action)| after(incident.state, action).is_some());
    let possible: Vec<&str> = possible.map(|(word, _)| word).collect();
    let state = format!("{} (possible now: {})", incident.state.as_str(), possible.join(", "));
    Rejection::WrongState { subject: incident.id.to_string(), state, action: asked }
}

/// Group and assignee as they are kept, each given with what is there.
///
/// # Errors
/// [`Rejection::Invalid`]: nobody is called so.
pub(crate) fn named(
    world: &World,
    (group, own): (Option<&str>, Option<&str>),
    (assignee, whose): (Option<&str>, Option<&str>),
) -> Result<(Option<String>, Option<String>), Rejection> {
    let group = group.map(|text| Naming { field: "group", before: own }.team(world, text)).transpose()?;
    let assignee = assignee.map(|text| Naming { field: "assignee", before: whose }.person(world, text)).transpose()?;
    Ok((group, assignee))
}

/// Group and assignee as they are when they have changed; what is not given stays, and what is given as none goes.
///
/// # Errors
/// [`Rejection::Invalid`]: nobody is called so.
pub(crate) fn handed(
    world: &World,
    (group, assignee): (Option<&Option<String>>, Option<&Option<String>>),
    (own, whose): (Option<&str>, Option<&str>),
) -> Result<(Option<String>, Option<String>), Rejection> {
    let name = |given: Option<&Option<String>>| given.cloned().flatten();
    let (team, person) = named(world, (name(group).as_deref(), own), (name(assignee).as_deref(), whose))?;
    let kept = |before: Option<&str>| before.map(str::to_owned);
    Ok((if group.is_some() { team } else { kept(own) }, if assignee.is_some() { person } else { kept(whose) }))
}

pub(crate) fn optional(field: &str, value: Option<&str>, limit: usize) -> Result<(), Rejection> {
    value.map_or(Ok(()), |value| text(field, value, limit))
}

pub(crate) fn text(field: &str, text: &str, limit: usize) -> Result<(), Rejection> {
    if text.trim().is_empty() || text.len() > limit {
        return Err(Rejection::invalid(field, format!("must have 1 to {limit} bytes and not only blanks")));
    }
    Ok(())
}

/// A text of one line, as it is to be kept. What is kept already stays, whatever it is.
pub(crate) fn line(field: &str, line: &str, before: Option<&str>) -> Result<(), Rejection> {
    if before == Some(line.trim()) {
        return Ok(());
    }
    text(field, line, NAME_BYTES)?;
    if line.trim().chars().any(char::is_control) {
        return Err(Rejection::invalid(field, "must have no control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
