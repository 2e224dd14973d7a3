//! Incidents that belong together, and people who belong to them.

use super::NAME_BYTES;
use crate::actor::Actor;
use crate::id::IncidentId;
use crate::incident::compose::word;
use crate::incident::{Incident, IncidentEvent, IncidentState, Party, Who, display_number, priority};
use crate::{Context, Rejection, World};

/// Children that are resolved with their parent at once: as many as the largest storm that is planned for.
const CHILDREN_AT_ONCE: usize = 10_000;

/// Watchers of one incident.
const WATCHERS: usize = 200;

/// Incidents that are merged into one: beyond this a problem is what is meant.
const MERGED: usize = 1_000;

/// Makes an incident part of another one, or of none. A family has one level: whoever asks what belongs together gets one list.
pub(super) fn parent(world: &World, incident: &Incident, parent: Option<IncidentId>) -> Result<Vec<IncidentEvent>, Rejection> {
    if parent == incident.parent {
        return Ok(Vec::new());
    }
    if let Some(parent) = parent {
        if parent == incident.id {
            return Err(Rejection::invalid("parent", "must be another incident"));
        }
        if !incident.children.is_empty() {
            let reason = format!("{} has children; a child has none", incident.id);
            return Err(Rejection::Conflict(reason));
        }
        may_have_children(world, parent)?;
    }
    Ok(vec![IncidentEvent::IncidentParentChanged { incident: incident.id, before: incident.parent, after: parent }])
}

/// Refuses a parent that is over or itself a child.
pub(super) fn may_have_children(world: &World, parent: IncidentId) -> Result<(), Rejection> {
    let parent = world.incidents.incidents.get(&parent).ok_or_else(|| Rejection::unknown("parent", "incident", parent))?;
    if let Some(grandparent) = parent.parent {
        return Err(Rejection::Conflict(format!("{} is part of {grandparent}; give that one as the parent", parent.id)));
    }
    open(parent, "a parent")
}

/// Children that are open, in the order in which they joined.
pub(super) fn open_children<'a>(world: &'a World, parent: &'a Incident) -> impl Iterator<Item = &'a Incident> {
    let children = parent.children.iter().filter_map(|id| world.incidents.incidents.get(id));
    children.filter(|child| child.state.is_open()).take(CHILDREN_AT_ONCE)
}

/// Merges a duplicate into the one that goes on: alerts, affected items and watchers go over, notes stay where they were written and
/// are found through the link. Dedup keys of both lead to the one that goes on.
pub(super) fn merge(world: &World, duplicate: &Incident, into: IncidentId) -> Result<Vec<IncidentEvent>, Rejection> {
    let survivor = world.incidents.incidents.get(&into).ok_or_else(|| Rejection::unknown("into", "incident", into))?;
    if survivor.id == duplicate.id {
        return Err(Rejection::invalid("into", "must be another incident"));
    }
    open(survivor, "what others are merged into")?;
    if !duplicate.children.is_empty() {
        return Err(Rejection::Conflict(format!("{} has children; merge or detach those first", duplicate.id)));
    }
    if survivor.merged.len() >= MERGED {
        return Err(Rejection::Conflict(format!("{MERGED} incidents were merged into {into}, which is the limit")));
    }
    let note = |incident: IncidentId, text: String| IncidentEvent::IncidentNoted { incident, text, public: false };
    let (number, title) = (display_number(duplicate.number), &duplicate.title);
    let merged = [
        note(duplicate.id, format!("The same as {} {}, which goes on.", display_number(survivor.number), survivor.title)),
        IncidentEvent::IncidentMerged { incident: duplicate.id, into },
        note(into, format!("{number} {title} was merged into this one; its notes are there.")),
    ];
    Ok(merged.into_iter().chain(worse(duplicate, survivor)).collect())
}

/// The one that goes on is as bad as the worse of both; a priority that people gave it stays.
fn worse(duplicate: &Incident, survivor: &Incident) -> Vec<IncidentEvent> {
    let (id, number) = (survivor.id, display_number(duplicate.number));
    let mut events = Vec::new();
    if let (Some(gone), Some(own)) = (&duplicate.breach, &survivor.breach)
        && gone.severity > own.severity
    {
        events.push(IncidentEvent::IncidentUpdated {
            incident: id,
            severity: gone.severity,
            value: gone.value,
            reason: format!("Worse, {} with {number}: {}.", word(gone.severity), gone.reason),
            flapped: false,
            measured: Some(gone.reason.clone()),
            title: None,
            measured_at: None,
        });
    }
    let (impact, urgency) = (survivor.impact.max(duplicate.impact), survivor.urgency.max(duplicate.urgency));
    if !survivor.graded_by_hand && (impact, urgency) != (survivor.impact, survivor.urgency) {
        let why = Some(duplicate.impact_reason.as_str()).filter(|reason| impact > survivor.impact && !reason.is_empty());
        let reason = why.map_or_else(|| format!("as that of {number}"), |reason| format!("as that of {number}: {reason}"));
        let priority = priority(impact, urgency);
        events.push(IncidentEvent::IncidentPrioritised { incident: id, impact, urgency, priority, reason, by_hand: false });
    }
    events
}

fn open(incident: &Incident, what: &str) -> Result<(), Rejection> {
    if incident.state.is_open() {
        return Ok(());
    }
    let hint = match (incident.state, incident.duplicate_of) {
        (_, Some(other)) => format!("; it was merged into {other}, give that one"),
        (IncidentState::Resolved, None) => "; reopen it first".to_owned(),
        _ => String::new(),
    };
    Err(Rejection::Conflict(format!("{} is {}: {what} must be open{hint}", incident.id, incident.state.as_str())))
}

/// Adds a watcher; one who watches already stays one.
pub(super) fn watch(world: &World, incident: &Incident, who: Option<&Who>, context: &Context<'_>) -> Result<Vec<IncidentEvent>, Rejection> {
    let watcher = watcher(world, who, context)?;
    if incident.watchers.iter().any(|other| other.is_same(&watcher)) {
        return Ok(Vec::new());
    }
    if incident.watchers.len() >= WATCHERS {
        return Err(Rejection::Conflict(format!("{} has {WATCHERS} watchers, which is the limit", incident.id)));
    }
    Ok(vec![IncidentEvent::WatcherAdded { incident: incident.id, watcher }])
}

/// Takes a watcher away.
pub(super) fn unwatch(
    world: &World,
    incident: &Incident,
    who: Option<&Who>,
    context: &Context<'_>,
) -> Result<Vec<IncidentEvent>, Rejection> {
    let watcher = watcher(world, who, context)?;
    if !incident.watchers.iter().any(|other| other.is_same(&watcher)) {
        return Err(Rejection::not_found("watcher", name(&watcher)));
    }
    Ok(vec![IncidentEvent::WatcherRemoved { incident: incident.id, watcher }])
}

fn watcher(world: &World, who: Option<&Who>, context: &Context<'_>) -> Result<Party, Rejection> {
    match who {
        Some(who @ Who::Contact(_)) => party(world, "watcher", who),
        Some(Who::Named(_)) => Err(Rejection::invalid("watcher", "must be a contact: somebody without an address cannot be told")),
        None if matches!(context.actor, Actor::Token { .. } | Actor::Local) => Ok(Party::Actor { actor: context.actor.clone() }),
        None => Err(Rejection::invalid("watcher", "must be given")),
    }
}

/// Somebody as they are recorded.
pub(super) fn party(world: &World, field: &str, who: &Who) -> Result<Party, Rejection> {
    match who {
        Who::Contact(text) => {
            let unknown = || Rejection::invalid(field, format!("no contact is {}", crate::incident::compose::cut(text, NAME_BYTES)));
            let known = &world.contacts.find(text).ok_or_else(unknown)?.contact;
            Ok(Party::Contact { contact: known.id, name: known.name.clone() })
        }
        Who::Named(name) => {
            super::text(field, name, NAME_BYTES)?;
            Ok(Party::Named { name: name.trim().to_owned() })
        }
    }
}

fn name(party: &Party) -> String {
    match party {
        Party::Actor { actor: Actor::Token { name, .. } } | Party::Contact { name, .. } | Party::Named { name } => name.clone(),
        Party::Actor { .. } => "the caller".into(),
    }
}
