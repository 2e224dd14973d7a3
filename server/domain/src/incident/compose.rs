//! What an incident says when it opens: everything that the server knows and a person would otherwise look up.
//!
//! Texts from hosts are put in verbatim and cut to a length; showing them as text is the edges' duty.

use super::{Breach, Channel, Incident, IncidentState, RecentChange, display_number, priority};
use crate::actor::Actor;
use crate::alert::{Alert, wording};
use crate::ci::{AttributeValue, Ci};
use crate::id::{CiId, IncidentId};
use crate::rule::{Grade, Rule, Severity};
use crate::{Context, World};
use rollcall_shared::{AgentId, Timestamp};
use std::time::Duration;

/// How far back changes on the CI are told.
const CHANGES_BACK: Duration = Duration::from_secs(72 * 3600);

/// Related incidents named at most: more is a list to query, not to read.
const RELATED: usize = 20;

/// Characters of a title.
const TITLE_CHARS: usize = 200;

/// Attributes of a CI that tell people whom to ask and where to go.
const FACTS: [&str; 4] = ["owner", "support_group", "location", "service"];

/// The incident of an alert that fires.
pub(super) fn opened(world: &World, alert: &Alert, rule: &Rule, severity: Severity, context: &mut Context<'_>) -> Incident {
    let actor = Actor::Rule { id: rule.id.clone() };
    let ci = world.cmdb.cis.get(&alert.key.ci);
    let urgency = urgency(severity);
    let recent_changes = changes(world, alert.key.ci, context.now);
    let related = related(world, alert.key.ci);
    let mut incident = Incident {
        primary_ci: Some(alert.key.ci),
        category: Some(rule.id.to_string()),
        channel: Channel::Monitoring,
        group: rule.group.clone().or_else(|| ci.and_then(|ci| fact(ci, "support_group"))),
        dedup_key: Some(alert.key.dedup_key()),
        breach: Some(breach(alert, rule, severity)),
        alerts: vec![alert.id],
        follows: follows(world, alert),
        recent_changes,
        related,
        ..blank(world, (rule.impact, urgency), actor, context)
    };
    incident.title = title(alert, rule, severity, ci);
    incident.description = description(world, &incident, alert, rule, ci);
    incident
}

/// The incident of hosts that fell silent together; the breach is that of its loudest alert.
pub(super) fn outage_began(
    world: &World,
    outage: &crate::alert::outage::Outage,
    (alert, rule): (&Alert, &Rule),
    context: &mut Context<'_>,
) -> Incident {
    let name = |ci: &CiId| world.cmdb.cis.get(ci).map_or_else(|| ci.to_string(), |ci| ci.name.clone());
    let mut names: Vec<String> = outage.hosts.iter().take(RELATED).map(|ci| format!("- {}", name(ci))).collect();
    if outage.hosts.len() > RELATED {
        names.push(format!("- and {} more: see the affected items", outage.hosts.len() - RELATED));
    }
    let description = format!(
        "{}: they fell silent within one interval of each other and share this. What is wrong is more likely there than on each of them.\n\n\
         Silent:\n{}\n\nWhat to do: see whether what they share is up and can be reached: switch, uplink, power, hypervisor, firewall; the \
         server itself when it is the whole fleet. The hosts are attached; one that stays silent when the others are back is told here.",
        outage.title(),
        names.join("\n")
    );
    let severity = alert.severity.unwrap_or(Severity::Critical);
    let primary_ci = outage.shared.ci();
    let primary = primary_ci.and_then(|ci| world.cmdb.cis.get(&ci));
    Incident {
        title: cut(&outage.title(), TITLE_CHARS),
        description,
        primary_ci,
        affected_cis: outage.hosts.iter().copied().collect(),
        category: Some(rule.id.to_string()),
        channel: Channel::Monitoring,
        group: rule.group.clone().or_else(|| primary.and_then(|ci| fact(ci, "support_group"))),
        dedup_key: Some(outage.dedup_key()),
        breach: Some(breach(alert, rule, severity)),
        alerts: outage.alerts.iter().copied().collect(),
        recent_changes: primary_ci.map_or_else(Vec::new, |ci| changes(world, ci, context.now)),
        related: primary_ci.map_or_else(Vec::new, |ci| related(world, ci)),
        // Several hosts at once are never one person's matter.
        ..blank(world, (rule.impact.max(Grade::Medium), urgency(severity)), Actor::Rule { id: rule.id.clone() }, context)
    }
}

/// The incident of an agent whose identity two machines use.
pub(super) fn clone_found(world: &World, (agent, key): (AgentId, String), evidence: &str, context: &mut Context<'_>) -> Incident {
    let home = world.trust.agents.get(&agent).and_then(|agent| agent.ci);
    let ci = home.and_then(|home| world.cmdb.record(home));
    let name = ci.map_or_else(|| agent.to_string(), |ci| ci.name.clone());
    let description = format!(
        "Two machines report as {agent}: {evidence}.\nNothing of the copy was written to {name}; its reports are refused.\n\nWhat to do: find the \
         machine that was copied from {name} or its backup, and enrol it anew. If it is {name} that must get another identity, revoke {agent}."
    );
    Incident {
        title: cut(&format!("Duplicate identity: two machines report as {name}"), TITLE_CHARS),
        description,
        primary_ci: ci.map(|ci| ci.id),
        category: Some(super::react::DUPLICATE_IDENTITY.to_owned()),
        channel: Channel::Monitoring,
        group: ci.and_then(|ci| fact(ci, "support_group")),
        dedup_key: Some(key),
        recent_changes: ci.map_or_else(Vec::new, |ci| changes(world, ci.id, context.now)),
        related: ci.map_or_else(Vec::new, |ci| related(world, ci.id)),
        ..blank(world, (Grade::Medium, Grade::High), Actor::System, context)
    }
}

/// An incident with nothing filled in but its number, its grades and who opened it.
pub(super) fn blank(world: &World, (impact, urgency): (Grade, Grade), actor: Actor, context: &mut Context<'_>) -> Incident {
    Incident {
        id: IncidentId(context.ids.next_bits()),
        number: world.incidents.count + 1,
        title: String::new(),
        description: String::new(),
        state: IncidentState::New,
        hold_reason: None,
        impact,
        urgency,
        priority: priority(impact, urgency),
        primary_ci: None,
        affected_cis: Vec::new(),
        category: None,
        channel: Channel::Api,
        caller: actor.clone(),
        group: None,
        assignee: None,
        opened_at: context.now,
        opened_by: actor,
        acknowledged: None,
        resolved: None,
        closed: None,
        updated_at: context.now,
        reopen_count: 0,
        reassignment_count: 0,
        flap_count: 0,
        close_code: None,
        close_notes: None,
        dedup_key: None,
        breach: None,
        alerts: Vec::new(),
        recent_changes: Vec::new(),
        related: Vec::new(),
        problem: None,
        follows: None,
        notes: Vec::new(),
        revision: 0,
        history: Vec::new(),
    }
}

/// A critical breach is urgent; a warning can wait for the day.
pub(super) fn urgency(severity: Severity) -> Grade {
    match severity {
        Severity::Critical => Grade::High,
        Severity::Warning => Grade::Medium,
    }
}

pub(super) fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
    }
}

fn breach(alert: &Alert, rule: &Rule, severity: Severity) -> Breach {
    Breach {
        alert: alert.id,
        key: alert.key.clone(),
        severity,
        value: alert.value,
        reason: alert.reason.clone(),
        guidance: rule.description.clone(),
        runbook: rule.runbook.clone(),
        metric: rule.condition.metric(),
    }
}

/// Such as `Filesystem space critical on web-1: /var 98.4 %`.
fn title(alert: &Alert, rule: &Rule, severity: Severity, ci: Option<&Ci>) -> String {
    let name = ci.map_or_else(|| alert.key.ci.to_string(), |ci| ci.name.clone());
    let mut details: Vec<String> = alert.key.attributes.values().cloned().collect();
    if let Some(value) = alert.value.filter(|_| rule.condition.has_lines()) {
        details.push(wording::number(&rule.condition, value));
    }
    let title = format!("{} {} on {name}", rule.title, word(severity));
    let title = if details.is_empty() { title } else { format!("{title}: {}", details.join(" ")) };
    cut(&title, TITLE_CHARS)
}

fn description(world: &World, incident: &Incident, alert: &Alert, rule: &Rule, ci: Option<&Ci>) -> String {
    let mut lines = vec![format!("{}.", alert.reason), format!("Measured at {}.", alert.since)];
    if let Some(ci) = ci {
        lines.push(host_line(ci));
    }
    lines.push(format!("\nWhat to do: {}", rule.description));
    if let Some(runbook) = &rule.runbook {
        lines.push(format!("Runbook: {runbook}"));
    }
    if !incident.recent_changes.is_empty() {
        lines.push("\nChanged on it in the 72 hours before:".to_owned());
        lines.extend(incident.recent_changes.iter().rev().map(|change| format!("- {}: {}", change.at, change.summary)));
    }
    let others: Vec<String> = incident.related.iter().filter_map(|id| world.incidents.incidents.get(id)).map(line).collect();
    if !others.is_empty() {
        lines.push("\nOther open incidents on it:".to_owned());
        lines.extend(others);
    }
    if let Some(earlier) = incident.follows.and_then(|id| world.incidents.incidents.get(&id)) {
        lines.push(format!("\nIt follows:\n{}", line(earlier)));
    }
    lines.join("\n")
}

fn line(incident: &Incident) -> String {
    format!("- {} {}", display_number(incident.number), incident.title)
}

fn host_line(ci: &Ci) -> String {
    let mut facts = vec![format!("class {}", ci.class.as_str())];
    facts.extend(FACTS.into_iter().filter_map(|name| Some(format!("{} {}", name.replace('_', " "), fact(ci, name)?))));
    format!("{}: {}.", ci.name, facts.join(", "))
}

fn fact(ci: &Ci, name: &str) -> Option<String> {
    match ci.attributes.get(name)?.value() {
        AttributeValue::Text(text) if !text.trim().is_empty() => Some(cut(text, TITLE_CHARS)),
        _ => None,
    }
}

fn changes(world: &World, ci: CiId, now: Timestamp) -> Vec<RecentChange> {
    let since = now.minus(CHANGES_BACK);
    world.incidents.changes.get(&ci).into_iter().flatten().filter(|change| change.at >= since).cloned().collect()
}

fn related(world: &World, ci: CiId) -> Vec<IncidentId> {
    let all = world.incidents.by_ci.get(&ci).into_iter().flatten().rev().take(50 * RELATED);
    let open = all.filter(|id| world.incidents.incidents.get(id).is_some_and(|incident| incident.state.is_open()));
    open.take(RELATED).copied().collect()
}

/// The incident that this breach had before, when it resolved so recently that a person would have reopened it.
fn follows(world: &World, alert: &Alert) -> Option<IncidentId> {
    let earlier = world.incidents.incidents.get(&alert.incident?)?;
    let (resolved_at, _) = earlier.resolved.as_ref()?;
    (alert.since.since(*resolved_at) <= super::decide::REOPENABLE).then_some(earlier.id)
}

/// At most so many characters, with a mark where something is missing.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    text.chars().take(limit.saturating_sub(1)).chain(['…']).collect()
}
