//! What an incident says when it opens: everything that the server knows and a person would otherwise look up.
//!
//! Texts from hosts are put in verbatim and cut to a length; showing them as text is the edges' duty.

use super::assignment::Case;
use super::surroundings::{self, Affected};
use super::{
    Breach, Channel, Chart, Incident, IncidentState, KnownError, Party, Related, Similar, Suggestion, display_number, ending, history,
    priority, similar,
};
use crate::actor::Actor;
use crate::alert::{Alert, target, wording};
use crate::ci::{Ci, impact};
use crate::contact::ContactKind;
use crate::id::{CiId, IncidentId};
use crate::problem::{Origin, Problem, exposure};
use crate::rule::select::effective;
use crate::rule::{Condition, Grade, Predicate, Rule, Severity};
use crate::trust::collector;
use crate::{Context, World};
use rollcall_shared::{AgentId, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;

/// Characters of a title.
pub(super) const TITLE_CHARS: usize = 200;

/// Characters told of a workaround.
const WORKAROUND_CHARS: usize = 1_000;

/// Known errors told: more would not be read.
const KNOWN_ERRORS: usize = 5;

/// Silent hosts named: more is a list to query, not to read.
const SILENT: usize = 20;

/// Problems looked at for known errors, newest first.
const PROBLEMS: usize = 1_000;

/// What a chart shows before and after the moment of the breach: how it came about, and the first minutes of what became of it.
const CHART: (Duration, Duration) = (Duration::from_secs(3 * 3600), Duration::from_secs(15 * 60));

/// Why the impact of an incident without an item is what it is.
pub(super) const UNKNOWN: &str = "nothing is known of what it affects";

/// Attributes of a CI that tell people whom to ask and where to go.
const FACTS: [&str; 4] = ["owner", "support_group", "location", "service"];

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
    incident.title = title(alert, rule, severity, ci);
    surround(world, &mut incident, context.now);
    assign(world, &mut incident, rule.group.as_deref());
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

/// Problems whose cause is known: of this very breach, of its rule with what the item has, or of incidents of this item.
fn known_errors(world: &World, incident: &Incident) -> Vec<KnownError> {
    let problems = world.problems.problems.values().rev().take(PROBLEMS).filter(|problem| problem.known_error && problem.state.is_open());
    let told = |problem: &Problem| {
        Some(KnownError {
            problem: problem.id,
            title: problem.title.clone(),
            workaround: problem.workaround.as_deref().map(|text| cut(text, WORKAROUND_CHARS)),
            because: due_to(world, incident, problem)?,
        })
    };
    problems.filter_map(told).take(KNOWN_ERRORS).collect()
}

fn due_to(world: &World, incident: &Incident, problem: &Problem) -> Option<String> {
    let ci = incident.primary_ci?;
    if let Origin::Recurrence { dedup_key } = &problem.origin {
        return (incident.dedup_key.as_ref() == Some(dedup_key)).then(|| "it is the same breach".into());
    }
    if let Origin::CommonCause { rule, factor } = &problem.origin {
        incident.breach.as_ref().filter(|breach| breach.key.rule == *rule)?;
        let texts = BTreeSet::from([factor.as_str()]);
        let has = !exposure::among(&world.cmdb, &world.cmdb.software, ci, &texts).is_empty();
        return has.then(|| format!("the item has {factor}"));
    }
    let own = world.incidents.by_ci.get(&ci)?;
    let is_of_item = problem.incidents.iter().any(|id| own.contains(id));
    is_of_item.then(|| "an earlier incident of the item is due to it".into())
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
        chart: chart(world, alert, rule, now),
    }
}

/// The window and the lines as they count for this item.
fn chart(world: &World, alert: &Alert, rule: &Rule, now: Timestamp) -> Option<Chart> {
    let rule = effective(rule, world, world.cmdb.cis.get(&alert.key.ci))?;
    let levels = &rule.levels;
    Some(Chart {
        metric: rule.condition.metric()?,
        attributes: alert.key.attributes.clone(),
        from: alert.since.min(now).minus(CHART.0),
        to: now.plus(CHART.1),
        side: rule.condition.side(),
        warning: levels.warning.as_ref().map(|level| level.raise),
        critical: levels.critical.as_ref().map(|level| level.raise),
    })
}

/// Such as `Filesystem space critical on web-1: /var 98.4 %`.
pub(super) fn title(alert: &Alert, rule: &Rule, severity: Severity, ci: Option<&Ci>) -> String {
    let name = ci.map_or_else(|| alert.key.ci.to_string(), |ci| ci.name.clone());
    let is_of_feed = matches!(rule.condition, Condition::CollectorSilent { .. });
    let instance: Vec<String> =
        alert.key.attributes.iter().filter(|(name, _)| *name != collector::FEED || is_of_feed).map(instance).collect();
    use Predicate::{Attribute, Licences, PackageBelow};
    let in_words = matches!(rule.condition, Condition::Inventory { predicate: Attribute { .. } | Licences {} | PackageBelow { .. } });
    let value = match alert.value.filter(|_| rule.condition.has_lines()) {
        // That something holds is no number to people, and of licences there are two.
        Some(_) if in_words => Some(alert.reason.clone()),
        value => value.map(|value| wording::number(&rule.condition, value)),
    };
    let named = alert.key.attributes.iter().any(|(name, value)| name != collector::FEED && !tells_by_itself(name, value));
    let details: Vec<String> = instance.into_iter().chain(value).collect();
    let title = format!("{} {} on {name}", rule.title, word(severity));
    let title = if details.is_empty() { title } else { format!("{title}: {}", details.join(if named { ", " } else { " " })) };
    cut(&title, TITLE_CHARS)
}

/// Such as `core 0`, by the last part of the name; `/var` says what it is.
fn instance((name, value): (&String, &String)) -> String {
    if tells_by_itself(name, value) {
        return value.clone();
    }
    format!("{} {value}", name.rsplit('.').next().unwrap_or(name))
}

/// Whether people see what a value is without its name: a path, a check, and what is checked.
fn tells_by_itself(name: &str, value: &str) -> bool {
    value.starts_with('/') || matches!(name, target::CHECK | target::TARGET)
}

/// What the line after that of the breach begins with.
const MEASURED: &str = "Measured at ";

fn breach_line(reason: &str) -> String {
    format!("{reason}.")
}

/// A description that says what a breach is by now; none where it does not begin as the machine wrote it of what the breach was before.
pub(super) fn measured_again(description: &str, before: &str, (now, at): (&str, Timestamp)) -> Option<String> {
    let rest = description.strip_prefix(&breach_line(before))?.strip_prefix('\n')?;
    let (measured, rest) = rest.find('\n').map_or((rest, ""), |end| rest.split_at(end));
    measured.strip_prefix(MEASURED)?;
    Some(format!("{}\n{MEASURED}{at}.{rest}", breach_line(now)))
}

fn description(world: &World, incident: &Incident, alert: &Alert, rule: &Rule, ci: Option<&Ci>) -> String {
    let mut lines = vec![breach_line(&alert.reason), format!("{MEASURED}{}.", alert.since)];
    if let Some(ci) = ci {
        lines.push(host_line(world, ci));
    }
    lines.push(format!("\nWhat to do: {}", rule.description));
    if let Some(runbook) = &rule.runbook {
        lines.push(format!("Runbook: {runbook}"));
    }
    lines.extend(known(incident));
    lines.extend(nearby(world, incident));
    if let Some(earlier) = incident.follows.and_then(|id| world.incidents.incidents.get(&id)) {
        lines.push(format!("\nIt follows:\n{}", line(earlier)));
    }
    lines.join("\n")
}

/// What is affected, what changed, and what helped before.
pub(super) fn known(incident: &Incident) -> Vec<String> {
    let mut lines = Vec::new();
    if !incident.known_errors.is_empty() {
        lines.push("\nKnown errors:".to_owned());
        let workaround = |error: &KnownError| error.workaround.as_ref().map(|text| format!(". Workaround: {text}")).unwrap_or_default();
        lines.extend(incident.known_errors.iter().map(|error| format!("- {} ({}){}", error.title, error.because, workaround(error))));
    }
    if !incident.recent_changes.is_empty() {
        lines.push("\nChanged on it in the 72 hours before:".to_owned());
        let also = |count: u32| if count == 0 { String::new() } else { format!(" (also on {count} others)") };
        let line = |change: &super::RecentChange| format!("- {}: {}{}", change.at, change.summary, also(change.also_on));
        lines.extend(incident.recent_changes.iter().rev().map(line));
    }
    let helped = incident.similar.iter().filter_map(|one| Some((one.close_code.as_ref()?, one.close_notes.as_ref()?)));
    let mut helped = helped.filter(|(code, _)| !ending::is_of_machine(code)).peekable();
    if helped.peek().is_some() {
        lines.push("\nHow similar ones were resolved:".to_owned());
        lines.extend(helped.map(|(code, notes)| format!("- {code}: {notes}")));
    }
    lines
}

/// What else is wrong, and what suffers.
pub(super) fn nearby(world: &World, incident: &Incident) -> Vec<String> {
    let mut lines = Vec::new();
    let (own, around): (Vec<_>, Vec<_>) = incident.related.iter().partition(|related| related.path.is_empty());
    let told = |related: &&Related| Some(line(world.incidents.incidents.get(&related.incident)?));
    for (heading, related) in [("\nOther open incidents on it:", own), ("\nOpen incidents around it:", around)] {
        let found: Vec<String> = related.iter().filter_map(told).collect();
        if !found.is_empty() {
            lines.push(heading.to_owned());
            lines.extend(found);
        }
    }
    let services = incident.reach.iter().filter_map(|one| Some((world.cmdb.cis.get(&one.ci)?, &one.path)));
    let services = services.filter(|(ci, _)| ci.class == crate::ci::Class::BusinessService);
    let services: Vec<String> = services.map(|(ci, path)| format!("- {}: {}", ci.name, along(world, path))).collect();
    if !services.is_empty() {
        lines.push("\nBusiness services that depend on it:".to_owned());
        lines.extend(services);
    }
    lines
}

/// Such as `shop depends on web-1`.
fn along(world: &World, path: &[impact::Step]) -> String {
    let name = |id: CiId| world.cmdb.cis.get(&id).map_or_else(|| id.to_string(), |ci| ci.name.clone());
    let step = |step: &impact::Step| format!("{} {} {}", name(step.from), step.kind.as_str().replace('_', " "), name(step.to));
    path.iter().rev().map(step).collect::<Vec<_>>().join(", ")
}

fn line(incident: &Incident) -> String {
    format!("- {} {}", display_number(incident.number), incident.title)
}

pub(super) fn host_line(world: &World, ci: &Ci) -> String {
    let mut facts = vec![format!("class {}", ci.class.as_str())];
    facts.extend(FACTS.into_iter().filter_map(|name| Some(format!("{} {}", name.replace('_', " "), fact(world, ci, name)?))));
    format!("{}: {}.", ci.name, facts.join(", "))
}

fn fact(world: &World, ci: &Ci, name: &str) -> Option<String> {
    let text = world.contacts.text_of(ci, name)?;
    (!text.trim().is_empty()).then(|| cut(&text, TITLE_CHARS))
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
