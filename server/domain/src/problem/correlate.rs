//! Incidents suggest problems: recurrence, and a common cause.
//!
//! Common cause: hosts with incidents of one rule within a day are compared with all hosts of the same operating system. A fact
//! that most of the affected share, and significantly more often than the others, opens a problem with the statistics and
//! the counter-examples. Where everybody has it there is no contrast and no problem. An incident on a host that has what an
//! open problem suspects joins that problem; only the others are tested for another cause.
//!
//! Bounds: the newest 5,000 incidents, 200 affected hosts and 5,000 hosts compared with; tested while few are affected
//! and then each time their number has doubled, so that a storm of a thousand incidents is tested some twenty times. In a larger one
//! nothing is even counted in between: ten thousand hosts that breach in one second wait for each other.

use super::exposure::{self, Software};
use super::recurrence::{self, blank, evidence, joined, lines, opened, statement};
use super::suspect::{Comparison, hypotheses};
use super::topology;
use super::{Hypothesis, Origin, Problem};
use crate::ci::{Ci, Class, Lifecycle};
use crate::id::{CiId, IncidentId, ProblemId, RuleId};
use crate::incident::{Alarm, Incident, IncidentEvent, compose, storm};
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

/// Up to so many affected hosts each new one is worth a test.
const FEW: usize = 16;

/// Incidents of a storm from which on the hosts of any one system have been tested often enough.
const CROWD: usize = 4 * AFFECTED;

/// What follows from an event that has just been applied.
#[must_use]
pub fn react(world: &World, event: &Event, context: &mut Context<'_>) -> Vec<Event> {
    let Event::Incident(IncidentEvent::IncidentOpened { incident }) = event else { return Vec::new() };
    let Some(incident) = world.incidents.incidents.get(&incident.id) else { return Vec::new() };
    let mut events = recurrence::react(world, incident, context);
    let taken: BTreeSet<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Incident(IncidentEvent::IncidentLinked { incident, .. }) => Some(*incident),
            _ => None,
        })
        .collect();
    let opened_one = events.iter().any(|event| matches!(event, Event::Problem(super::ProblemEvent::ProblemOpened { .. })));
    let mut cause = common_cause(world, &world.cmdb.software, incident, u64::from(opened_one), context);
    cause.retain(|event| !matches!(event, Event::Incident(IncidentEvent::IncidentLinked { incident, .. }) if taken.contains(incident)));
    events.extend(cause);
    if events.is_empty() {
        let never = |_| false;
        events = topology::react(world, incident, 0, if in_crowd(world, incident) { never } else { is_telling }, context);
    }
    events.extend(workaround(world, &events));
    events
}

/// What helps, when the problem that an incident belongs to knows it: whoever opens the incident reads it there.
fn workaround(world: &World, events: &[Event]) -> Vec<Event> {
    let told = |event: &Event| {
        let Event::Incident(IncidentEvent::IncidentLinked { incident, problem }) = event else { return None };
        let problem = world.problems.problems.get(problem)?;
        let workaround = problem.workaround.as_ref()?;
        let word = if problem.known_error { "Known error" } else { "Problem" };
        let text = format!("{word} {}: {}\nWorkaround: {workaround}", super::display_number(problem.number), problem.title);
        Some(Event::Incident(IncidentEvent::IncidentNoted { incident: *incident, text, public: false }))
    };
    events.iter().filter_map(told).collect()
}

/// Looks for a common cause, or joins the problem that suspects one already.
fn common_cause(world: &World, software: &dyn Software, incident: &Incident, ahead: u64, context: &mut Context<'_>) -> Vec<Event> {
    let (Some(breach), Some(host)) = (&incident.breach, incident.primary_ci) else { return Vec::new() };
    let rule = &breach.key.rule;
    let Some(ci) = world.cmdb.cis.get(&host).filter(|ci| is_comparable(ci)) else { return Vec::new() };
    let suspected = suspected(world, software, rule, host);
    let crowded = in_crowd(world, incident);
    if crowded && suspected.is_none() {
        return Vec::new();
    }
    let recent = if crowded { Vec::new() } else { recent(world, rule, ci, context.now) };
    if let Some(problem) = suspected {
        let affected: BTreeSet<CiId> = recent.iter().filter_map(|incident| incident.primary_ci).collect();
        let again = if !crowded && is_telling(affected.len()) { tested(world, software, ci, &recent) } else { Vec::new() };
        let Origin::CommonCause { factor, .. } = &problem.origin else { return Vec::new() };
        return joined(problem.id, incident, format!("the host has {factor}; {}", statement(incident)), again);
    }
    let explained = explained(world, rule);
    let unexplained: Vec<&Incident> = recent.into_iter().filter(|incident| !explained.contains(&incident.id)).collect();
    if !is_telling(unexplained.len()) {
        return Vec::new();
    }
    let found = tested(world, software, ci, &unexplained);
    let Some(first) = found.first() else { return Vec::new() };
    let origin = Origin::CommonCause { rule: rule.clone(), factor: first.factor.clone() };
    if world.problems.live.contains_key(&origin) {
        return Vec::new();
    }
    let texts = BTreeSet::from([first.factor.as_str()]);
    let exposed =
        |incident: &&Incident| incident.primary_ci.is_some_and(|host| !exposure::among(&world.cmdb, software, host, &texts).is_empty());
    let members: Vec<&Incident> = unexplained.into_iter().filter(exposed).collect();
    let mut problem = blank(world, origin, incident, context);
    problem.number += ahead;
    fill(world, &mut problem, rule, &members, found);
    let linked: Vec<_> = members.iter().filter(|incident| incident.problem.is_none()).map(|incident| incident.id).collect();
    opened(problem, linked.into_iter())
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

/// Whether an incident is one of so many of a storm that it tells nothing new; each time their number has doubled, one does.
fn in_crowd(world: &World, incident: &Incident) -> bool {
    let size = incident.breach.as_ref().map_or(0, |breach| storm::size(&world.incidents, &Alarm::Rule { rule: breach.key.rule.clone() }));
    size > CROWD && !size.is_power_of_two()
}

/// Whether so many affected hosts are worth a test.
fn is_telling(affected: usize) -> bool {
    affected <= FEW || affected.is_power_of_two()
}

fn tested(world: &World, software: &dyn Software, like: &Ci, incidents: &[&Incident]) -> Vec<Hypothesis> {
    let onsets: BTreeMap<CiId, Timestamp> =
        incidents.iter().filter_map(|incident| Some((incident.primary_ci?, onset(world, incident)))).collect();
    let affected: BTreeSet<CiId> = onsets.keys().copied().collect();
    if affected.len() < 2 {
        return Vec::new();
    }
    let is_like = alike(like);
    let comparable: Vec<CiId> = world.cmdb.cis.values().filter(|ci| is_like(ci)).map(|ci| ci.id).collect();
    let stride = comparable.len().div_ceil(COMPARED).max(1);
    let population = comparable.into_iter().step_by(stride).chain(affected.iter().copied()).collect();
    hypotheses(&world.cmdb, software, &Comparison { affected, population, onsets })
}

/// About when the first bad value was measured: the incident opened after the time that the rule lets pass.
fn onset(world: &World, incident: &Incident) -> Timestamp {
    let rule = incident.breach.as_ref().and_then(|breach| world.rules.rules.get(&breach.key.rule));
    incident.opened_at.minus(Duration::from_millis(rule.map_or(0, |known| known.rule.for_ms)))
}

/// The open problem that suspects something which this host has.
fn suspected<'a>(world: &'a World, software: &dyn Software, rule: &RuleId, host: CiId) -> Option<&'a Problem> {
    let of_rule = world.problems.live.iter().filter_map(|(origin, id)| match origin {
        Origin::CommonCause { rule: known, factor } if known == rule => Some((factor.as_str(), *id)),
        _ => None,
    });
    let candidates: Vec<(&str, ProblemId)> = of_rule.collect();
    if candidates.is_empty() {
        return None;
    }
    let texts = candidates.iter().map(|(factor, _)| *factor).collect();
    let had = exposure::among(&world.cmdb, software, host, &texts);
    let id = candidates.iter().find(|(factor, _)| had.contains(*factor)).map(|(_, id)| *id)?;
    world.problems.problems.get(&id)
}

/// Incidents that a common cause was found for, open or finished: when people refute it, these are no new evidence.
fn explained(world: &World, rule: &RuleId) -> BTreeSet<IncidentId> {
    let latest = world.problems.problems.values().rev().take(SCANNED);
    let of_rule = latest.filter(|problem| matches!(&problem.origin, Origin::CommonCause { rule: known, .. } if known == rule));
    of_rule.flat_map(|problem| problem.incidents.iter().copied()).collect()
}

fn is_comparable(ci: &Ci) -> bool {
    ci.class.is_a(Class::Host) && ci.status != Lifecycle::Retired && ci.duplicate_of.is_none()
}

fn alike(like: &Ci) -> impl Fn(&Ci) -> bool {
    let system = exposure::attribute(like, "os_id");
    move |ci| is_comparable(ci) && exposure::attribute(ci, "os_id") == system
}

#[cfg(test)]
mod tests;
