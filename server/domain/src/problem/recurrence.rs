//! Recurrence: the third incident of one breach within seven days opens a problem, later ones join it.
//!
//! One open problem per breach. Incidents that a finished problem has explained do not count again: a fix that did not hold
//! shows itself by three new ones.

use super::{Evidence, Origin, Problem, ProblemEvent, ProblemState};
use crate::actor::Actor;
use crate::alert::wording;
use crate::id::{IncidentId, ProblemId};
use crate::incident::{Incident, IncidentEvent, compose, display_number};
use crate::{Context, Event, World};
use rollcall_shared::Timestamp;
use std::time::Duration;

/// How far back incidents count.
const WITHIN: Duration = Duration::from_secs(7 * 24 * 3600);

/// Incidents that make a recurrence.
const INCIDENTS: usize = 3;

/// Incidents of one CI that are looked at: what is further back in a week than this repeats in any case.
const LOOKED_AT: usize = 1_000;

/// What follows from an incident that has just opened.
#[must_use]
pub fn react(world: &World, incident: &Incident, context: &mut Context<'_>) -> Vec<Event> {
    let (Some(key), Some(ci)) = (&incident.dedup_key, incident.primary_ci) else { return Vec::new() };
    let origin = Origin::Recurrence { dedup_key: key.clone() };
    if let Some(problem) = world.problems.live.get(&origin) {
        return joined(*problem, incident, statement(incident));
    }
    let since = context.now.minus(WITHIN);
    let latest = world.incidents.by_ci.get(&ci).into_iter().flatten().rev().take(LOOKED_AT);
    let mut repeats: Vec<&Incident> = latest
        .filter_map(|id| world.incidents.incidents.get(id))
        .filter(|other| other.dedup_key.as_ref() == Some(key) && other.opened_at >= since && !is_explained(world, other))
        .collect();
    if repeats.len() < INCIDENTS {
        return Vec::new();
    }
    repeats.reverse();
    let name = world.cmdb.cis.get(&ci).map_or_else(|| ci.to_string(), |ci| ci.name.clone());
    let rule = incident.breach.as_ref().and_then(|breach| world.rules.rules.get(&breach.key.rule));
    let what = rule.map_or_else(|| incident.title.clone(), |known| known.rule.title.clone());
    let mut problem = blank(world, origin, incident, context);
    problem.title = compose::cut(&format!("{what} keeps coming back on {name}"), 200);
    problem.description = format!("{} incidents of the same breach within 7 days:\n{}", repeats.len(), lines(&repeats));
    problem.evidence = repeats.iter().map(|incident| evidence(incident, statement(incident))).collect();
    problem.incidents = repeats.iter().map(|incident| incident.id).collect();
    problem.priority = repeats.iter().map(|incident| incident.priority).min().unwrap_or(problem.priority);
    opened(problem, repeats.iter().filter(|incident| incident.problem.is_none()).map(|incident| incident.id))
}

/// A problem with nothing filled in but its origin and what the incident that led to it says.
pub(super) fn blank(world: &World, origin: Origin, incident: &Incident, context: &mut Context<'_>) -> Problem {
    Problem {
        priority: incident.priority,
        group: incident.group.clone(),
        opened_by: incident.breach.as_ref().map_or(Actor::System, |breach| Actor::Rule { id: breach.key.rule.clone() }),
        ..Problem::blank(ProblemId(context.ids.next_bits()), world.problems.count + 1, origin, context.now)
    }
}

impl Problem {
    /// A problem with nothing filled in.
    pub(super) fn blank(id: ProblemId, number: u64, origin: Origin, now: Timestamp) -> Self {
        Self {
            id,
            number,
            title: String::new(),
            description: String::new(),
            state: ProblemState::New,
            origin,
            priority: 5,
            group: None,
            assignee: None,
            opened_at: now,
            opened_by: Actor::System,
            acknowledged: None,
            resolved: None,
            closed: None,
            updated_at: now,
            known_error: false,
            workaround: None,
            root_cause: None,
            applies_to: None,
            risk_accepted: None,
            duplicate_of: None,
            hypotheses: Vec::new(),
            evidence: Vec::new(),
            incidents: Vec::new(),
            notes: Vec::new(),
            attachments: Vec::new(),
            revision: 0,
            history: Vec::new(),
        }
    }
}

/// The events of a new problem and its incidents.
pub(super) fn opened(problem: Problem, linked: impl Iterator<Item = IncidentId>) -> Vec<Event> {
    let id = problem.id;
    let links = linked.map(|incident| Event::Incident(IncidentEvent::IncidentLinked { incident, problem: id }));
    std::iter::once(Event::Problem(ProblemEvent::ProblemOpened { problem: Box::new(problem) })).chain(links).collect()
}

/// The events of an incident that joins a problem; the first problem that it joined stays its own.
pub(super) fn joined(problem: ProblemId, incident: &Incident, statement: String) -> Vec<Event> {
    let evidence = evidence(incident, statement);
    let mut events = vec![Event::Problem(ProblemEvent::ProblemEvidenceAdded { problem, evidence })];
    if incident.problem.is_none() {
        events.push(Event::Incident(IncidentEvent::IncidentLinked { incident: incident.id, problem }));
    }
    events
}

pub(super) fn evidence(incident: &Incident, statement: String) -> Evidence {
    Evidence { at: incident.opened_at, incident: incident.id, ci: incident.primary_ci, statement }
}

/// What a statement ends with of an incident that is open as it is written down, or as it is read.
const OPEN_THEN: &str = "open then";
const STILL_OPEN: &str = "still open";

/// Such as `98.4 %, lasted 12 min`. It is written down, so it speaks of that moment.
pub(super) fn statement(incident: &Incident) -> String {
    let breach = incident.breach.as_ref();
    let value = breach.and_then(|breach| Some(wording::value(breach.metric.as_deref()?, breach.value?)));
    value.into_iter().chain([lasted(incident).unwrap_or_else(|| OPEN_THEN.to_owned())]).collect::<Vec<_>>().join(", ")
}

/// Such as `lasted 12 min`; none of one that is open.
fn lasted(incident: &Incident) -> Option<String> {
    let (ended, _) = incident.resolved.as_ref().or(incident.closed.as_ref())?;
    let ms = u64::try_from(ended.since(incident.opened_at).as_millis()).unwrap_or(u64::MAX);
    Some(format!("lasted {}", wording::span(ms)))
}

impl Evidence {
    /// The statement as it was when it was written down. Logs of earlier versions have `still open` where it was open then.
    #[must_use]
    pub fn as_written(&self) -> String {
        self.ending(OPEN_THEN)
    }

    /// The statement as it is by now: of an incident that was open when it was written down, how long it lasted or that it is open still.
    #[must_use]
    pub fn by_now(&self, world: &World) -> String {
        let incident = world.incidents.incidents.get(&self.incident);
        match incident {
            Some(incident) if incident.state.is_open() => self.ending(STILL_OPEN),
            Some(incident) => self.ending(&lasted(incident).unwrap_or_else(|| OPEN_THEN.to_owned())),
            None => self.as_written(),
        }
    }

    /// The statement with these words in place of those that it was open.
    fn ending(&self, words: &str) -> String {
        let open = [OPEN_THEN, STILL_OPEN].into_iter().find_map(|open| self.statement.strip_suffix(open));
        // The name of whoever linked it may end alike: the machine's words stand alone or behind a sign.
        let open = open.filter(|before| before.is_empty() || before.ends_with(", ") || before.ends_with("; "));
        open.map_or_else(|| self.statement.clone(), |before| format!("{before}{words}"))
    }
}

pub(super) fn lines(incidents: &[&Incident]) -> String {
    let line = |incident: &&Incident| {
        format!("- {} {} {} ({})", incident.opened_at, display_number(incident.number), incident.title, statement(incident))
    };
    incidents.iter().take(50).map(line).collect::<Vec<_>>().join("\n")
}

fn is_explained(world: &World, incident: &Incident) -> bool {
    let problem = incident.problem.and_then(|id| world.problems.problems.get(&id));
    problem.is_some_and(|problem| !problem.state.is_open())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::scenario::{Scenario, rule};

    fn third() -> Scenario {
        let mut scenario = Scenario::new(vec![rule("load")]);
        for hour in 1..=3 {
            scenario.value(hour * 3_600, 97.0);
            if hour < 3 {
                scenario.value(hour * 3_600 + 60, 1.0);
            }
        }
        scenario
    }

    #[track_caller]
    fn check(scenario: &Scenario, (written, expected): (&str, &str)) {
        let problem = &scenario.world.problems.problems[&scenario.problem(1)];
        let row = Evidence { statement: written.into(), ..problem.evidence[2].clone() };
        assert_eq!(row.by_now(&scenario.world), expected);
    }

    #[test]
    fn evidence_speaks_of_an_incident_as_it_is_by_now() {
        let mut scenario = third();
        let problem = &scenario.world.problems.problems[&scenario.problem(1)];
        assert_eq!(problem.evidence[2].statement, "97, open then");
        assert!(problem.description.ends_with("(97, open then)"), "{}", problem.description);
        // The second is how earlier versions wrote it down.
        for written in ["97, open then", "97, still open"] {
            check(&scenario, (written, "97, still open"));
        }
        check(&scenario, ("linked by mrs still open", "linked by mrs still open"));
        scenario.value(3 * 3_600 + 720, 1.0);
        scenario.replay();
        for written in ["97, open then", "97, still open"] {
            check(&scenario, (written, "97, lasted 12 min"));
        }
        check(&scenario, ("open then", "lasted 12 min"));
        check(&scenario, ("linked by ada", "linked by ada"));
        let row = &scenario.world.problems.problems[&scenario.problem(1)].evidence[2];
        assert_eq!((row.as_written().as_str(), row.by_now(&crate::World::default()).as_str()), ("97, open then", "97, open then"));
    }
}
