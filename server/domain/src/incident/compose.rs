//! An incident that a machine opens, filled in with everything that the server knows and a person would otherwise look up. How it is put
//! in words, and what its chart shows, have modules of their own.

use super::assignment::Case;
use super::description::{self, fact};
use super::surroundings::{self, Affected};
use super::{Breach, Channel, Incident, IncidentState, KnownError, Party, Similar, Suggestion, chart, ending, history, priority, similar};
use crate::actor::Actor;
use crate::alert::Alert;
use crate::contact::ContactKind;
use crate::id::{CiId, IncidentId, RuleId};
use crate::problem::{Origin, Problem, exposure, verdict};
use crate::rule::{Grade, Rule, Severity};
use crate::{Context, World};
use rollcall_shared::{AgentId, Timestamp};
use std::collections::BTreeSet;

/// Characters of a title.
pub(super) const TITLE_CHARS: usize = 200;

/// Known errors told: more would not be read.
const KNOWN_ERRORS: usize = 5;

/// Silent hosts named: more is a list to query, not to read.
const SILENT: usize = 20;

/// Problems looked at for known errors, newest first.
const PROBLEMS: usize = 1_000;

/// Why the impact of an incident without an item is what it is.
pub(super) const UNKNOWN: &str = "nothing is known of what it affects";

/// The incident of an alert that fires.
pub(super) fn opened(world: &World, alert: &Alert, rule: &Rule, severity: Severity, context: &mut Context<'_>) -> Incident {
    let actor = Actor::Rule { id: rule.id.clone() };
    let ci = world.cmdb.cis.get(&alert.key.ci);
    let mut incident = Incident {
        primary_ci: Some(alert.key.ci),
        category: Some(rule.id.to_string()),
        channel: Channel::Monitoring,
        dedup_key: Some(alert.key.dedup_key()),
        breach: Some(breach(world, alert, rule, severity, context.now)),
        alerts: vec![alert.id],
        follows: follows(world, alert.incident, alert.since),
        ..blank(world, (rule.impact, urgency(severity)), actor, context)
    };
    incident.title = description::title(alert, rule, severity, ci);
    surround(world, &mut incident, context.now);
    assign(world, &mut incident, rule.group.as_deref());
    incident.description = description::of(world, &incident, alert, rule, ci);
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
    let mut names: Vec<String> = outage.hosts.iter().take(SILENT).map(|ci| format!("- {}", name(ci))).collect();
    if outage.hosts.len() > SILENT {
        names.push(format!("- and {} more: see the affected items", outage.hosts.len() - SILENT));
    }
    let description = format!(
        "{}: they fell silent within one interval of each other and share this. What is wrong is more likely there than on each of them.\n\n\
         Silent:\n{}\n\nWhat to do: see whether what they share is up and can be reached: switch, uplink, power, hypervisor, firewall; the \
         server itself when it is the whole fleet. The hosts are attached; one that stays silent when the others are back is told here.",
        outage.title(),
        names.join("\n")
    );
    let severity = alert.severity.unwrap_or(Severity::Critical);
    let mut incident = Incident {
        title: cut(&outage.title(), TITLE_CHARS),
        description,
        primary_ci: outage.shared.ci(),
        affected_cis: outage.hosts.iter().copied().collect(),
        category: Some(rule.id.to_string()),
        channel: Channel::Monitoring,
        dedup_key: Some(outage.dedup_key()),
        breach: Some(breach(world, alert, rule, severity, context.now)),
        alerts: outage.alerts.iter().copied().collect(),
        ..blank(world, (rule.impact.max(Grade::Medium), urgency(severity)), Actor::Rule { id: rule.id.clone() }, context)
    };
    surround(world, &mut incident, context.now);
    // Several hosts at once are never one person's matter.
    incident.impact = incident.impact.max(Grade::Medium);
    incident.priority = priority(incident.impact, incident.urgency);
    assign(world, &mut incident, rule.group.as_deref());
    incident
}

/// Fills in what is known of the item and around it, and what changed on it before a moment. People's grade of impact stays.
pub(super) fn surround(world: &World, incident: &mut Incident, before: Timestamp) {
    let named = incident.affected_cis.iter().copied().chain(incident.service);
    let mut weight = surroundings::weigh(world, named);
    let ci = incident.primary_ci.and_then(|ci| world.cmdb.cis.get(&ci));
    if let Some(ci) = ci {
        let Affected { reach, further, service, weight: own } = surroundings::affected(world, ci);
        weight = own.and(weight);
        let others = reach.iter().map(|one| one.ci).filter(|id| !incident.affected_cis.contains(id)).collect::<Vec<_>>();
        incident.affected_cis.extend(others);
        (incident.reach, incident.reaches_further) = (reach, further);
        incident.service = incident.service.or(service);
        incident.recent_changes = history::recent(world, ci.id, before);
        incident.related = surroundings::related(world, ci.id);
    }
    if let Some((grade, reason)) = weight.grade(incident.impact).filter(|_| !incident.graded_by_hand) {
        (incident.impact, incident.impact_reason) = (grade, cut(&reason, TITLE_CHARS));
        incident.priority = priority(grade, incident.urgency);
    }
    incident.similar = similar::similar(world, incident);
    incident.known_errors = known_errors(world, incident);
}

/// The impact as what an incident affects by now says, with the reason.
pub(super) fn weighed(world: &World, incident: &Incident) -> Option<(Grade, String)> {
    let items = incident.primary_ci.into_iter().chain(incident.affected_cis.iter().copied()).chain(incident.service);
    let of_rule = incident.rule().and_then(|rule| world.rules.rules.get(rule)).map_or(Grade::Medium, |known| known.rule.impact);
    surroundings::weigh(world, items).grade(of_rule)
}

/// Suggests a group, and gives the incident to it when somebody said so beforehand; that others resolved similar ones is but a hint.
pub(super) fn assign(world: &World, incident: &mut Incident, of_rule: Option<&str>) {
    let chosen = world.incidents.assignment.choose(&Case::of(world, incident));
    // A rule or an item may have been written before the team was recorded. What nobody recorded stays as it is: an incident is
    // opened, whatever it says.
    let suggested = |group: String, because: &str| Some(Suggestion { group: world.contacts.called(&group), because: because.to_owned() });
    let said = match chosen {
        Some(rule) => rule.group.clone().and_then(|group| suggested(group, &format!("assignment rule {}", rule.name))),
        None => of_rule
            .and_then(|group| suggested(group.to_owned(), "the rule that opened it"))
            .or_else(|| supporter(world, incident).and_then(|(group, because)| suggested(group, &because))),
    };
    if incident.group.is_none() && incident.assignee.is_none() {
        incident.group = said.as_ref().map(|said| said.group.clone());
        incident.assignee = chosen.and_then(|rule| rule.assignee.as_ref()).map(|assignee| world.contacts.called(assignee));
    }
    if incident.state == IncidentState::New && (incident.group.is_some() || incident.assignee.is_some()) {
        incident.state = IncidentState::Assigned;
    }
    let by_people = |similar: &&Similar| similar.close_code.as_deref().is_some_and(|code| !ending::is_of_machine(code));
    let resolved = |similar: &Similar| suggested(similar.group.clone()?, "it resolved a similar one");
    incident.suggested_group = said.or_else(|| incident.similar.iter().filter(by_people).find_map(resolved));
}

/// Who supports the item: as it says itself, or the team that looks after a group which it is in, of several the one that was made first.
fn supporter(world: &World, incident: &Incident) -> Option<(String, String)> {
    let ci = world.cmdb.cis.get(&incident.primary_ci?)?;
    if let Some(group) = fact(world, ci, "support_group") {
        return Some((group, "it supports the item".to_owned()));
    }
    world.groups.groups.values().filter(|known| known.group.support_group).find_map(|known| {
        let owner = &world.contacts.contacts.get(&known.group.owner?)?.contact;
        let supports = owner.kind == ContactKind::Team && known.has(world, incident.opened_at, ci);
        supports.then(|| (owner.name.clone(), format!("it supports {}", cut(&known.group.name, TITLE_CHARS))))
    })
}

/// Problems whose cause is known: of this very breach, of its rule with what the item has, of incidents of this item, or that people said
/// apply to it.
fn known_errors(world: &World, incident: &Incident) -> Vec<KnownError> {
    let problems = world.problems.problems.values().rev().take(PROBLEMS).filter(|problem| problem.known_error && problem.state.is_open());
    let told = |problem: &Problem| KnownError::of(problem, due_to(world, incident, problem)?);
    problems.filter_map(told).take(KNOWN_ERRORS).collect()
}

fn due_to(world: &World, incident: &Incident, problem: &Problem) -> Option<String> {
    let ci = incident.primary_ci?;
    let found = match &problem.origin {
        Origin::Recurrence { dedup_key } => (incident.dedup_key.as_ref() == Some(dedup_key)).then(|| "it is the same breach".into()),
        Origin::CommonCause { rule, .. } => has_cause(world, incident, ci, (problem, rule)),
        Origin::Topology { .. } | Origin::Person => {
            let own = world.incidents.by_ci.get(&ci);
            let is_of_item = own.is_some_and(|own| problem.incidents.iter().any(|id| own.contains(id)));
            is_of_item.then(|| "an earlier incident of the item is due to it".into())
        }
    };
    found.or_else(|| {
        let query = problem.applies_to.as_ref()?;
        let fulfils = world.cmdb.cis.get(&ci).is_some_and(|ci| query.means(world, ci));
        fulfils.then(|| format!("it applies to {}", cut(&query.to_string(), TITLE_CHARS)))
    })
}

fn has_cause(world: &World, incident: &Incident, ci: CiId, (problem, rule): (&Problem, &RuleId)) -> Option<String> {
    incident.breach.as_ref().filter(|breach| breach.key.rule == *rule)?;
    let causes: BTreeSet<&str> = verdict::causes(problem).into_iter().map(|(_, factor)| factor).collect();
    let had = exposure::among(&world.cmdb, &world.cmdb.software, ci, &causes).into_iter().next();
    had.map(|factor| format!("the item has {factor}"))
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
    let mut incident = Incident {
        title: cut(&format!("Duplicate identity: two machines report as {name}"), TITLE_CHARS),
        description,
        primary_ci: ci.map(|ci| ci.id),
        category: Some(super::react::DUPLICATE_IDENTITY.to_owned()),
        channel: Channel::Monitoring,
        dedup_key: Some(key),
        ..blank(world, (Grade::Medium, Grade::High), Actor::System, context)
    };
    surround(world, &mut incident, context.now);
    assign(world, &mut incident, None);
    incident
}

/// An incident with nothing filled in but its number, its grades and who opened it.
pub(super) fn blank(world: &World, (impact, urgency): (Grade, Grade), actor: Actor, context: &mut Context<'_>) -> Incident {
    Incident {
        id: IncidentId(context.ids.next_bits()),
        number: world.incidents.count + 1,
        title: String::new(),
        titled_by_hand: false,
        description: String::new(),
        state: IncidentState::New,
        hold_reason: None,
        impact,
        impact_reason: String::new(),
        urgency,
        graded_by_hand: false,
        priority: priority(impact, urgency),
        primary_ci: None,
        affected_cis: Vec::new(),
        reach: Vec::new(),
        reaches_further: false,
        category: None,
        channel: Channel::Api,
        caller: Party::Actor { actor: actor.clone() },
        service: None,
        service_by_hand: false,
        group: None,
        suggested_group: None,
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
        similar: Vec::new(),
        known_errors: Vec::new(),
        problem: None,
        change: None,
        caused_by_change: None,
        knowledge: Vec::new(),
        parent: None,
        children: Vec::new(),
        open_children: 0,
        storm: None,
        duplicate_of: None,
        merged: Vec::new(),
        merged_keys: Vec::new(),
        watchers: Vec::new(),
        course: Vec::new(),
        follows: None,
        followed_by: Vec::new(),
        notes: Vec::new(),
        attachments: Vec::new(),
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

fn breach(world: &World, alert: &Alert, rule: &Rule, severity: Severity, now: Timestamp) -> Breach {
    Breach {
        alert: alert.id,
        key: alert.key.clone(),
        severity,
        value: alert.value,
        reason: alert.reason.clone(),
        guidance: rule.description.clone(),
        runbook: rule.runbook.clone(),
        metric: rule.condition.metric(),
        chart: chart::of(world, alert, rule, now),
    }
}

/// The incident that an alert had before, when it ended so recently that a person would have reopened it.
pub(super) fn follows(world: &World, last: Option<IncidentId>, since: Timestamp) -> Option<IncidentId> {
    let earlier = world.incidents.incidents.get(&last?)?;
    (since.since(earlier.ended_at()?) <= super::decide::REOPENABLE).then_some(earlier.id)
}

/// At most so many characters, with a mark where something is missing.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    text.chars().take(limit.saturating_sub(1)).chain(['…']).collect()
}

/// At most so many bytes, whole characters.
pub(super) fn cut_bytes(mut text: String, limit: usize) -> String {
    let end = crate::ci::normalise::cut(&text, limit).len();
    text.truncate(end);
    text
}
