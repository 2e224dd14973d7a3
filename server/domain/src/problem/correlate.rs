//! Incidents suggest problems: recurrence, and a common cause.
//!
//! Common cause: hosts with incidents of one rule within a day are compared with all hosts of the same operating system. A fact
//! that most of the affected share, and significantly more often than the others, opens a problem with the statistics and
//! the counter-examples. Where everybody has it there is no contrast and no problem. An incident on a host that has what an
//! open problem suspects, or people confirmed, joins that problem as it opens; only the others are tested for another cause, and only once
//! they have [settled](super::watch). What people refuted takes no incidents and explains none, though its problem is open.
//!
//! Bounds: the newest 5,000 incidents, 200 affected hosts and 5,000 hosts compared with; one rule a tick.

use super::exposure::{self, Software};
use super::recurrence::{self, blank, evidence, joined, lines, opened, statement};
use super::suspect::{Comparison, hypotheses};
use super::topology;
use super::verdict::{self, Standing};
use super::watch::Settled;
use super::{Hypothesis, Origin, Problem, ProblemEvent};
use crate::alert::machine::Timing;
use crate::ci::{Ci, Class, Lifecycle};
use crate::id::{CiId, IncidentId, ProblemId, RuleId};
use crate::incident::{Breach, Incident, IncidentEvent, compose};
use crate::rule::Severity;
use crate::rule::select::effective;
use crate::{Context, Event, World};
use rollcall_shared::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How far back incidents of the rule count.
const WITHIN: Duration = Duration::from_secs(24 * 3600);

/// Incidents looked at, newest first.
const SCANNED: usize = 5_000;

/// Affected hosts compared: more do not make a cause any surer.
const AFFECTED: usize = 200;

/// Hosts compared with, drawn evenly from the fleet.
const COMPARED: usize = 5_000;

/// What follows at once from an event that has just been applied: an incident joins the problem that it belongs to.
#[must_use]
pub fn react(world: &World, event: &Event, context: &mut Context<'_>) -> Vec<Event> {
    let Event::Incident(IncidentEvent::IncidentOpened { incident }) = event else { return Vec::new() };
    let Some(incident) = world.incidents.incidents.get(&incident.id) else { return Vec::new() };
    let mut events = recurrence::react(world, incident, context);
    let is_taken = events.iter().any(|event| links(event, incident.id));
    let mut cause = joins(world, &world.cmdb.software, incident);
    cause.retain(|event| !(is_taken && links(event, incident.id)));
    events.extend(cause);
    if events.is_empty() {
        events = topology::joins(world, incident);
    }
    events.extend(workaround(world, &events));
    events
}

fn links(event: &Event, id: IncidentId) -> bool {
    matches!(event, Event::Incident(IncidentEvent::IncidentLinked { incident, .. }) if *incident == id)
}

/// Looks at the incidents of one rule that have settled: what is suspected of them is tested again, and what nobody suspects yet may be
/// found.
pub fn tick(world: &mut World, context: &mut Context<'_>) -> Vec<Event> {
    let Some(settled) = world.problems.watch.settled(context.now) else { return Vec::new() };
    judge(world, &settled, context)
}

fn judge(world: &World, settled: &Settled, context: &mut Context<'_>) -> Vec<Event> {
    let of_rule = |incident: &&Incident| incident.breach.as_ref().map(|breach| &breach.key.rule) == settled.rule.as_ref();
    let newest = world.incidents.incidents.values().rev().take(SCANNED).take_while(|incident| incident.opened_at >= settled.since);
    let fresh: Vec<&Incident> = newest.filter(of_rule).collect();
    let mut events = Vec::new();
    if let Some(rule) = &settled.rule {
        for like in systems(world, &fresh) {
            let ahead = events.iter().filter(|event| is_new(event)).count() as u64;
            events.extend(common_cause(world, (rule, settled.since), like, ahead, context));
        }
    }
    if !events.iter().any(is_new) {
        events.extend(topology::judge(world, settled.rule.as_ref(), &fresh, context));
    }
    events
}

fn is_new(event: &Event) -> bool {
    matches!(event, Event::Problem(ProblemEvent::ProblemOpened { .. }))
}

/// One host of each operating system that has incidents.
fn systems<'a>(world: &'a World, incidents: &[&Incident]) -> Vec<&'a Ci> {
    let hosts = incidents.iter().filter_map(|incident| world.cmdb.cis.get(&incident.primary_ci?)).filter(|ci| is_comparable(ci));
    let by_system: BTreeMap<Option<&str>, &Ci> = hosts.map(|ci| (exposure::attribute(ci, "os_id"), ci)).collect();
    by_system.into_values().collect()
}

/// What helps, when the problem that an incident belongs to knows it: whoever opens the incident reads it there.
fn workaround(world: &World, events: &[Event]) -> Vec<Event> {
    let told = |event: &Event| {
        let Event::Incident(IncidentEvent::IncidentLinked { incident, problem }) = event else { return None };
        let text = super::workaround::text(world.problems.problems.get(problem)?)?;
        Some(Event::Incident(IncidentEvent::IncidentNoted { incident: *incident, text, public: false }))
    };
    events.iter().filter_map(told).collect()
}

/// The incident joins the problem that suspects something which its host has.
fn joins(world: &World, software: &dyn Software, incident: &Incident) -> Vec<Event> {
    let (Some(breach), Some(host)) = (&incident.breach, incident.primary_ci) else { return Vec::new() };
    if !world.cmdb.cis.get(&host).is_some_and(is_comparable) {
        return Vec::new();
    }
    let Some((problem, factor)) = suspected(world, software, &breach.key.rule, host) else { return Vec::new() };
    joined(problem, incident, format!("the host has {factor}; {}", statement(incident)))
}

/// Looks for a common cause of what a rule has opened on hosts like this one, the newest of it since a moment.
fn common_cause(world: &World, (rule, since): (&RuleId, Timestamp), like: &Ci, ahead: u64, context: &mut Context<'_>) -> Vec<Event> {
    let software = &world.cmdb.software;
    let recent = recent(world, rule, like, context.now);
    let mut events = tested_again(world, (rule, since), like, &recent);
    let explained = explained(world, rule);
    let unexplained: Vec<&Incident> = recent.into_iter().filter(|incident| !explained.contains(&incident.id)).collect();
    let Some(newest) = unexplained.last().filter(|incident| incident.opened_at >= since) else { return events };
    let mut found = tested(world, software, like, &unexplained);
    found.retain(|hypothesis| open(world, rule).all(|problem| !verdict::is_refuted(problem, &hypothesis.factor)));
    let Some(first) = found.first() else { return events };
    let origin = Origin::CommonCause { rule: rule.clone(), factor: first.factor.clone() };
    if world.problems.live.contains_key(&origin) {
        return events;
    }
    let texts = BTreeSet::from([first.factor.as_str()]);
    let exposed =
        |incident: &&Incident| incident.primary_ci.is_some_and(|host| !exposure::among(&world.cmdb, software, host, &texts).is_empty());
    let members: Vec<&Incident> = unexplained.iter().copied().filter(exposed).collect();
    let mut problem = blank(world, origin, newest, context);
    problem.number += ahead;
    fill(world, &mut problem, rule, &members, found);
    let linked: Vec<_> = members.iter().filter(|incident| incident.problem.is_none()).map(|incident| incident.id).collect();
    events.extend(opened(problem, linked.into_iter()));
    events
}

/// Open problems of the rule that incidents have joined since a moment are tested with them.
fn tested_again(world: &World, (rule, since): (&RuleId, Timestamp), like: &Ci, recent: &[&Incident]) -> Vec<Event> {
    let fresh: BTreeSet<IncidentId> = recent.iter().filter(|incident| incident.opened_at >= since).map(|incident| incident.id).collect();
    let grown: Vec<&Problem> = open(world, rule).filter(|problem| problem.incidents.iter().rev().any(|id| fresh.contains(id))).collect();
    if grown.is_empty() {
        return Vec::new();
    }
    let hypotheses = tested(world, &world.cmdb.software, like, recent);
    if hypotheses.is_empty() {
        return Vec::new();
    }
    let event = |problem: &Problem| Event::Problem(ProblemEvent::HypothesesTested { problem: problem.id, hypotheses: hypotheses.clone() });
    grown.into_iter().map(event).collect()
}

fn fill(world: &World, problem: &mut Problem, rule: &RuleId, members: &[&Incident], found: Vec<Hypothesis>) {
    let title = world.rules.rules.get(rule).map_or_else(|| rule.to_string(), |known| known.rule.title.clone());
    let first = &found[0];
    let more = if first.bundle.len() > 1 { format!(" and {} more with the same hosts", first.bundle.len() - 1) } else { String::new() };
    problem.title = compose::cut(&format!("{title} on {} hosts that share {}", first.affected_exposed, first.factor), 200);
    let hosts: Vec<String> = first.counter_examples.iter().filter_map(|ci| Some(world.cmdb.cis.get(ci)?.name.clone())).collect();
    let healthy = if hosts.is_empty() { String::new() } else { format!("\nHealthy hosts that have it too: {}.", hosts.join(", ")) };
    problem.description = format!(
        "{} of {} affected hosts have {}{more}; of {} comparable hosts {} have it. By chance this happens with probability {:.1e}; \
         hosts that have it are affected {:.1} times as often. It is suspected, not proven.{healthy}\n\n{}",
        first.affected_exposed,
        first.affected,
        first.factor,
        first.population,
        first.exposed,
        first.p_value,
        first.lift,
        lines(members)
    );
    problem.evidence =
        members.iter().map(|incident| evidence(incident, format!("the host has {}; {}", first.factor, statement(incident)))).collect();
    problem.incidents = members.iter().map(|incident| incident.id).collect();
    problem.priority = members.iter().map(|incident| incident.priority).min().unwrap_or(problem.priority);
    problem.hypotheses = found;
}

/// Incidents of the rule within a day on hosts comparable with `like`, oldest first; the newest of each host.
fn recent<'a>(world: &'a World, rule: &RuleId, like: &Ci, now: Timestamp) -> Vec<&'a Incident> {
    let since = now.minus(WITHIN);
    let is_like = alike(like);
    let mut hosts = BTreeSet::new();
    let mut found: Vec<&Incident> = world
        .incidents
        .incidents
        .values()
        .rev()
        .take(SCANNED)
        .filter(|other| other.opened_at >= since && other.breach.as_ref().is_some_and(|breach| breach.key.rule == *rule))
        .filter(|other| other.primary_ci.and_then(|ci| world.cmdb.cis.get(&ci)).is_some_and(&is_like))
        .filter(|other| other.primary_ci.is_some_and(|ci| hosts.insert(ci)))
        .take(AFFECTED)
        .collect();
    found.reverse();
    found
}

fn tested(world: &World, software: &dyn Software, like: &Ci, incidents: &[&Incident]) -> Vec<Hypothesis> {
    let comparison = comparison(world, incidents, alike(like));
    if comparison.affected.len() < 2 {
        return Vec::new();
    }
    hypotheses(&world.cmdb, software, &comparison)
}

/// The hosts of incidents, beside all that are like them.
pub(super) fn comparison(world: &World, incidents: &[&Incident], is_like: impl Fn(&Ci) -> bool) -> Comparison {
    let onsets: BTreeMap<CiId, Timestamp> =
        incidents.iter().filter_map(|incident| Some((incident.primary_ci?, onset(world, incident)))).collect();
    let affected: BTreeSet<CiId> = onsets.keys().copied().collect();
    let comparable: Vec<CiId> = world.cmdb.hosts().filter(|ci| is_like(ci)).map(|ci| ci.id).collect();
    let stride = comparable.len().div_ceil(COMPARED).max(1);
    let population = comparable.into_iter().step_by(stride).chain(affected.iter().copied()).collect();
    Comparison { affected, population, onsets }
}

/// When the first bad value was measured, as the alert knows: an incident may open long after it, when a maintenance window, a silence or
/// what the item depends on held it back. Where the alert does not know, or has been through another breach since: before the incident
/// opened, the time that its level must last.
fn onset(world: &World, incident: &Incident) -> Timestamp {
    let Some(breach) = &incident.breach else { return incident.opened_at };
    let began = world.alerts.alerts.get(&breach.alert).and_then(|alert| alert.began_at).filter(|at| *at <= incident.opened_at);
    began.unwrap_or_else(|| incident.opened_at.minus(Duration::from_millis(lasted(world, breach))))
}

/// How long a breach lasted at least before its incident opened, ms.
fn lasted(world: &World, breach: &Breach) -> u64 {
    let Some(known) = world.rules.rules.get(&breach.key.rule) else { return 0 };
    let of_item = effective(&known.rule, world, world.cmdb.cis.get(&breach.key.ci));
    let timing = Timing::of(of_item.as_deref().unwrap_or(&known.rule));
    match breach.severity {
        Severity::Critical => timing.critical_for_ms,
        Severity::Warning => timing.for_ms.unwrap_or(timing.critical_for_ms),
    }
}

/// The open problem of a cause that this host has, and the cause: a confirmed one before one that is suspected.
fn suspected<'a>(world: &'a World, software: &dyn Software, rule: &RuleId, host: CiId) -> Option<(ProblemId, &'a str)> {
    let causes = open(world, rule).flat_map(|problem| verdict::causes(problem).into_iter().map(|cause| (cause, problem.id)));
    let mut candidates: Vec<((Standing, &str), ProblemId)> = causes.collect();
    if candidates.is_empty() {
        return None;
    }
    candidates.sort_by_key(|((standing, _), _)| *standing);
    let texts = candidates.iter().map(|((_, factor), _)| *factor).collect();
    let had = exposure::among(&world.cmdb, software, host, &texts);
    candidates.into_iter().find(|((_, factor), _)| had.contains(*factor)).map(|((_, factor), id)| (id, factor))
}

/// Open problems of hosts with incidents of a rule that share something.
fn open<'a>(world: &'a World, rule: &RuleId) -> impl Iterator<Item = &'a Problem> {
    let of_rule = world.problems.live.iter().filter(move |(origin, _)| is_of(origin, rule));
    of_rule.filter_map(|(_, id)| world.problems.problems.get(id))
}

fn is_of(origin: &Origin, rule: &RuleId) -> bool {
    matches!(origin, Origin::CommonCause { rule: known, .. } if known == rule)
}

/// Incidents that a common cause was found for. Those of an open problem whose cause people refuted may have another one; those of a
/// finished one, whatever became of it, are no new evidence.
fn explained(world: &World, rule: &RuleId) -> BTreeSet<IncidentId> {
    let latest = world.problems.problems.values().rev().take(SCANNED).filter(|problem| is_of(&problem.origin, rule));
    let explaining = latest.filter(|problem| !problem.state.is_open() || !verdict::causes(problem).is_empty());
    explaining.flat_map(|problem| problem.incidents.iter().copied()).collect()
}

pub(super) fn is_comparable(ci: &Ci) -> bool {
    ci.class.is_a(Class::Host) && ci.status != Lifecycle::Retired && ci.duplicate_of.is_none()
}

fn alike(like: &Ci) -> impl Fn(&Ci) -> bool {
    let system = exposure::attribute(like, "os_id");
    move |ci| is_comparable(ci) && exposure::attribute(ci, "os_id") == system
}

#[cfg(test)]
mod tests;
