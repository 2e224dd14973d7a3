//! Opening by hand, and opening anew what is over for ever.

use super::{NAME_BYTES, TEXT_BYTES, edit, family, line, named, optional, text};
use crate::incident::{Channel, Incident, IncidentEvent, NewIncident, Party, compose, priority};
use crate::rule::Grade;
use crate::{Context, Rejection, World};

/// Opens one as people say, with what is known of its item filled in.
pub(super) fn by_hand(world: &World, new: &NewIncident, context: &mut Context<'_>) -> Result<IncidentEvent, Rejection> {
    line("title", &new.title, None)?;
    // A line may be all that there is to say.
    if !new.description.is_empty() {
        text("description", &new.description, TEXT_BYTES)?;
    }
    optional("category", new.category.as_deref(), NAME_BYTES)?;
    let (group, assignee) = named(world, (new.group.as_deref(), None), (new.assignee.as_deref(), None))?;
    edit::channel(new.channel)?;
    edit::item(world, new.primary_ci)?;
    edit::items(world, &new.affected_cis)?;
    edit::service(world, new.service)?;
    edit::change("caused_by_change", new.caused_by_change.as_deref())?;
    edit::knowledge(&new.knowledge)?;
    if let Some(parent) = new.parent {
        family::may_have_children(world, parent)?;
    }
    let caller = new.caller.as_ref().map(|who| family::party(world, "caller", who)).transpose()?;
    let actor = context.actor.clone();
    let grades = (new.impact.unwrap_or(Grade::Medium), new.urgency.unwrap_or(Grade::Medium));
    let mut incident = compose::blank(world, grades, actor.clone(), context);
    incident.title = new.title.trim().to_owned();
    incident.description.clone_from(&new.description);
    incident.primary_ci = new.primary_ci;
    incident.affected_cis = distinct(&new.affected_cis);
    (incident.service, incident.service_by_hand) = (new.service, new.service.is_some());
    incident.category.clone_from(&new.category);
    incident.channel = new.channel;
    incident.caller = caller.unwrap_or(Party::Actor { actor });
    (incident.group, incident.assignee) = (group, assignee);
    incident.parent = new.parent;
    incident.caused_by_change.clone_from(&new.caused_by_change);
    incident.knowledge.clone_from(&new.knowledge);
    incident.graded_by_hand = new.impact.is_some();
    incident.impact_reason = if incident.graded_by_hand { "as it was reported" } else { compose::UNKNOWN }.to_owned();
    compose::surround(world, &mut incident, context.now);
    incident.priority = priority(incident.impact, incident.urgency);
    compose::assign(world, &mut incident, None);
    Ok(IncidentEvent::IncidentOpened { incident: Box::new(incident) })
}

/// Opens the one that takes the place of one that is over for ever: what was known then, and what is known now.
pub(super) fn following(world: &World, earlier: &Incident, reason: &str, context: &mut Context<'_>) -> IncidentEvent {
    let actor = context.actor.clone();
    let mut incident = Incident {
        title: earlier.title.clone(),
        description: format!(
            "{reason}\n\nIt follows {}, which is over for ever and said:\n{}",
            crate::incident::display_number(earlier.number),
            earlier.description
        ),
        primary_ci: earlier.primary_ci,
        affected_cis: earlier.affected_cis.clone(),
        service: earlier.service,
        service_by_hand: earlier.service_by_hand,
        category: earlier.category.clone(),
        // Whoever reopens opens it, not the rule.
        channel: if earlier.channel == Channel::Monitoring { Channel::Api } else { earlier.channel },
        caller: earlier.caller.clone(),
        group: earlier.group.clone(),
        dedup_key: earlier.dedup_key.clone(),
        breach: earlier.breach.clone(),
        alerts: earlier.alerts.clone(),
        problem: earlier.problem,
        knowledge: earlier.knowledge.clone(),
        watchers: earlier.watchers.clone(),
        graded_by_hand: earlier.graded_by_hand,
        impact_reason: earlier.impact_reason.clone(),
        follows: Some(earlier.id),
        ..compose::blank(world, (earlier.impact, earlier.urgency), actor, context)
    };
    compose::surround(world, &mut incident, context.now);
    compose::assign(world, &mut incident, None);
    incident.description = compose::cut_bytes(incident.description, TEXT_BYTES);
    IncidentEvent::IncidentOpened { incident: Box::new(incident) }
}

fn distinct<T: Copy + PartialEq>(items: &[T]) -> Vec<T> {
    items.iter().fold(Vec::new(), |mut found, item| {
        if !found.contains(item) {
            found.push(*item);
        }
        found
    })
}
