//! Hosts that fall silent together have one incident, on what they share.
//!
//! Invariant: it resolves when the outage is over, which takes a sign of life of every host (or people who no longer expect one).

use super::compose::{self, word};
use super::react::{note, tier};
use super::{Incident, IncidentEvent, ending, priority};
use crate::alert::outage::Outage;
use crate::alert::{Alert, AlertEvent};
use crate::id::{AlertId, CiId};
use crate::rule::{Rule, Severity};
use crate::{Context, World};
use std::collections::BTreeMap;

/// What follows from an event of an outage; `None` for other events.
pub(super) fn react(world: &World, event: &AlertEvent, context: &mut Context<'_>) -> Option<Vec<IncidentEvent>> {
    let live = |key: &String| world.incidents.live.get(key).and_then(|id| world.incidents.incidents.get(id));
    let events = match event {
        AlertEvent::OutageBegan { outage } => match (live(&outage.dedup_key()), loudest(world, outage.alerts.iter())) {
            (None, Some(alert)) => {
                let incident = compose::outage_began(world, outage, alert, context);
                vec![IncidentEvent::IncidentOpened { incident: Box::new(incident) }]
            }
            (Some(incident), _) => vec![note(incident, format!("Again: {}.", outage.title()))],
            (None, None) => Vec::new(),
        },
        AlertEvent::OutageGrew { outage, alerts } => {
            let known = world.alerts.outages.get(outage);
            live(outage).zip(known).map(|(incident, outage)| grew(world, incident, outage, alerts)).unwrap_or_default()
        }
        AlertEvent::OutageShrank { outage, returned, .. } => {
            let known = world.alerts.outages.get(outage);
            let said = |(incident, outage): (&Incident, &Outage)| {
                note(incident, format!("{} of {} hosts are back.", returned.len(), outage.hosts.len()))
            };
            live(outage).zip(known).map(said).into_iter().collect()
        }
        AlertEvent::OutageEnded { outage, .. } => live(outage).map(|incident| ended(world, incident, context)).unwrap_or_default(),
        _ => return None,
    };
    Some(events)
}

/// Of these alerts the one that is told the loudest; of equals the first.
fn loudest<'a>(world: &'a World, alerts: impl Iterator<Item = &'a AlertId>) -> Option<(&'a Alert, &'a Rule)> {
    let known = alerts.filter_map(|id| {
        let alert = world.alerts.alerts.get(id)?;
        Some((alert, &world.rules.rules.get(&alert.key.rule)?.rule))
    });
    let loudness = |alert: &Alert, rule: &Rule| (tier(rule, alert.severity.unwrap_or(Severity::Critical)), alert.severity);
    known.min_by_key(|(alert, rule)| std::cmp::Reverse(loudness(alert, rule)))
}

fn grew(world: &World, incident: &Incident, outage: &Outage, alerts: &BTreeMap<AlertId, CiId>) -> Vec<IncidentEvent> {
    let reason = "fell silent together with the others";
    let attach =
        |(&alert, &ci): (&AlertId, &CiId)| IncidentEvent::AlertAttached { incident: incident.id, alert, ci, reason: reason.into() };
    let new = alerts.iter().filter(|(alert, _)| !incident.alerts.contains(alert));
    let mut events: Vec<IncidentEvent> = new.map(attach).collect();
    let hosts = alerts.values().filter(|ci| !incident.affected_cis.contains(ci)).count();
    if hosts > 0 {
        events.push(note(incident, format!("{hosts} more: {}.", outage.title())));
    }
    let before = incident.breach.as_ref().and_then(|breach| Some((breach, &world.rules.rules.get(&breach.key.rule)?.rule)));
    if let (Some((alert, rule)), Some((breach, known))) = (loudest(world, alerts.keys()), before) {
        let severity = alert.severity.unwrap_or(Severity::Critical);
        if (tier(rule, severity), severity) > (tier(known, breach.severity), breach.severity) {
            let text = format!("Worse, now {}: {}.", word(severity), rule.title);
            let id = incident.id;
            let (value, measured) = (alert.value, Some(alert.reason.clone()));
            let (reason, title, measured_at) = (text, None, None);
            let flapped = false;
            events.push(IncidentEvent::IncidentUpdated { incident: id, severity, value, reason, flapped, measured, title, measured_at });
            let (urgency, impact) = (compose::urgency(severity), incident.impact.max(rule.impact));
            if (impact, urgency) != (incident.impact, incident.urgency) {
                let (priority, reason) = (priority(impact, urgency), format!("the alert is {}", word(severity)));
                events.push(IncidentEvent::IncidentPrioritised { incident: id, impact, urgency, priority, reason, by_hand: false });
            }
        }
    }
    events
}

fn ended(world: &World, incident: &Incident, context: &Context<'_>) -> Vec<IncidentEvent> {
    let rule = incident.breach.as_ref().and_then(|breach| world.rules.rules.get(&breach.key.rule)).map(|known| &known.rule);
    let text = format!("The alert resolved at {}: none of the hosts is silent any more.", context.now);
    ending::ended(world, incident, ending::Ending { rule, dropped: None }, text)
}
