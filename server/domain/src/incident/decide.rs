//! Decisions on incidents: what people may do, in one table.

use super::{Incident, IncidentAction, IncidentCommand, IncidentEvent, IncidentState, compose};
use crate::{Context, Event, Rejection, World};
use rollcall_shared::Timestamp;
use std::time::Duration;

/// How long a resolved incident may be reopened; after that it closes, and a return opens a new one that follows it.
pub const REOPENABLE: Duration = Duration::from_secs(5 * 24 * 3600);

/// Bytes of a text.
const TEXT_BYTES: usize = 64 << 10;

/// Characters of a title, a group, a person's name, a close code.
const NAME_BYTES: usize = 200;

/// Notes of one incident that people write: beyond this it is no incident any more.
const NOTES: usize = 10_000;

/// Incidents that close in one tick: the rest follows with the next.
const CLOSED_AT_ONCE: usize = 100;

/// Decides a command.
///
/// # Errors
/// [`Rejection::NotFound`], [`Rejection::Stale`], [`Rejection::WrongState`], [`Rejection::Invalid`], and
/// [`Rejection::Conflict`] when reopening would make two live incidents of one breach.
pub fn command(world: &World, command: &IncidentCommand, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    match command {
        IncidentCommand::Open { .. } => open(world, command, context),
        IncidentCommand::Act { incident: id, action, expected } => {
            let incident = world.incidents.incidents.get(id).ok_or_else(|| Rejection::not_found("incident", id))?;
            if let Some(expected) = expected.filter(|expected| *expected != incident.revision) {
                return Err(Rejection::Stale { subject: id.to_string(), current: incident.revision, expected });
            }
            validate(action)?;
            let after = after(incident.state, action).ok_or_else(|| wrong_state(incident, action))?;
            conditions(world, incident, action, context.now)?;
            Ok(events(incident, action, after).into_iter().map(Event::Incident).collect())
        }
    }
}

/// The state that an action leads to; `None` where it is not allowed.
fn after(state: IncidentState, action: &IncidentAction) -> Option<IncidentState> {
    use IncidentAction::{Acknowledge, Assign, Cancel, Close, Hold, Note, Reopen, Resolve, Resume};
    use IncidentState::{Assigned, Cancelled, Closed, InProgress, New, OnHold, Resolved};
    match (state, action) {
        (New | Assigned | InProgress, Acknowledge) => Some(InProgress),
        (OnHold, Acknowledge) => Some(OnHold),
        (New | Assigned, Assign { .. }) => Some(Assigned),
        (InProgress | OnHold, Assign { .. }) => Some(state),
        (New | Assigned | InProgress | OnHold | Resolved, Note { .. }) => Some(state),
        (New | Assigned | InProgress | OnHold, Hold { .. }) => Some(OnHold),
        (OnHold, Resume) => Some(InProgress),
        (New | Assigned | InProgress | OnHold, Resolve { .. }) => Some(Resolved),
        (Resolved, Reopen { .. }) => Some(InProgress),
        (Resolved, Close { .. }) => Some(Closed),
        (New | Assigned | InProgress | OnHold, Cancel { .. }) => Some(Cancelled),
        (Resolved, Acknowledge | Assign { .. } | Hold { .. } | Resume | Resolve { .. } | Cancel { .. }) => None,
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

fn open(world: &World, command: &IncidentCommand, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    let IncidentCommand::Open { title, description, primary_ci, impact, urgency, group } = command else { return Ok(Vec::new()) };
    text("title", title, NAME_BYTES)?;
    text("description", description, TEXT_BYTES)?;
    optional("group", group.as_deref(), NAME_BYTES)?;
    if let Some(ci) = primary_ci.filter(|ci| !world.cmdb.cis.contains_key(ci)) {
        return Err(Rejection::not_found("configuration item", ci));
    }
    let actor = context.actor.clone();
    let mut incident = compose::blank(world, (*impact, *urgency), actor, context);
    incident.title = title.trim().to_owned();
    incident.description.clone_from(description);
    incident.primary_ci = *primary_ci;
    incident.group.clone_from(group);
    Ok(vec![Event::Incident(IncidentEvent::IncidentOpened { incident: Box::new(incident) })])
}

fn events(incident: &Incident, action: &IncidentAction, after: IncidentState) -> Vec<IncidentEvent> {
    let id = incident.id;
    let mut events = match action {
        IncidentAction::Acknowledge if incident.acknowledged.is_some() => Vec::new(),
        IncidentAction::Acknowledge => vec![IncidentEvent::IncidentAcknowledged { incident: id }],
        IncidentAction::Assign { group, assignee } => {
            vec![IncidentEvent::IncidentAssigned {
                incident: id,
                group: group.clone().or_else(|| incident.group.clone()),
                assignee: assignee.clone().or_else(|| incident.assignee.clone()),
            }]
        }
        IncidentAction::Note { text, public } => vec![IncidentEvent::IncidentNoted { incident: id, text: text.clone(), public: *public }],
        _ => Vec::new(),
    };
    let (hold_reason, close_code, notes) = match action {
        IncidentAction::Hold { reason, note } => (Some(*reason), None, note.clone()),
        IncidentAction::Resolve { close_code, notes } => (None, Some(close_code.clone()), Some(notes.clone())),
        IncidentAction::Reopen { reason } | IncidentAction::Cancel { reason } => (None, None, Some(reason.clone())),
        IncidentAction::Close { notes } => (None, None, notes.clone()),
        _ => (incident.hold_reason, None, None),
    };
    if after != incident.state || hold_reason != incident.hold_reason {
        events.push(IncidentEvent::IncidentStateChanged { incident: id, before: incident.state, after, hold_reason, close_code, notes });
    }
    events
}

fn conditions(world: &World, incident: &Incident, action: &IncidentAction, now: Timestamp) -> Result<(), Rejection> {
    match action {
        IncidentAction::Note { .. } if incident.notes.len() >= NOTES => {
            Err(Rejection::Conflict(format!("{} has {NOTES} notes, which is the limit", incident.id)))
        }
        IncidentAction::Reopen { .. } => {
            let resolved = incident.resolved.as_ref().map(|(at, _)| *at);
            if resolved.is_none_or(|at| now.since(at) > REOPENABLE) {
                return Err(Rejection::Conflict(format!("{} was resolved more than 5 days ago; open a new one", incident.id)));
            }
            match incident.dedup_key.as_ref().and_then(|key| world.incidents.live.get(key)) {
                Some(live) => Err(Rejection::Conflict(format!("{live} is open for the same breach"))),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn validate(action: &IncidentAction) -> Result<(), Rejection> {
    match action {
        IncidentAction::Acknowledge | IncidentAction::Resume => Ok(()),
        IncidentAction::Assign { group: None, assignee: None } => Err(Rejection::invalid("assignee", "give a group, an assignee or both")),
        IncidentAction::Assign { group, assignee } => {
            optional("group", group.as_deref(), NAME_BYTES)?;
            optional("assignee", assignee.as_deref(), NAME_BYTES)
        }
        IncidentAction::Note { text: note, .. } => text("text", note, TEXT_BYTES),
        IncidentAction::Hold { note, .. } => optional("note", note.as_deref(), TEXT_BYTES),
        IncidentAction::Resolve { close_code, notes } => {
            text("close_code", close_code, NAME_BYTES)?;
            text("notes", notes, TEXT_BYTES)
        }
        IncidentAction::Reopen { reason } | IncidentAction::Cancel { reason } => text("reason", reason, TEXT_BYTES),
        IncidentAction::Close { notes } => optional("notes", notes.as_deref(), TEXT_BYTES),
    }
}

fn wrong_state(incident: &Incident, action: &IncidentAction) -> Rejection {
    let asked = match action {
        IncidentAction::Acknowledge => "acknowledged",
        IncidentAction::Assign { .. } => "assigned",
        IncidentAction::Note { .. } => "noted on",
        IncidentAction::Hold { .. } => "put on hold",
        IncidentAction::Resume => "resumed",
        IncidentAction::Resolve { .. } => "resolved",
        IncidentAction::Reopen { .. } => "reopened",
        IncidentAction::Close { .. } => "closed",
        IncidentAction::Cancel { .. } => "cancelled",
    };
    Rejection::WrongState { subject: incident.id.to_string(), state: incident.state.as_str().to_owned(), action: asked }
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

#[cfg(test)]
mod tests;
