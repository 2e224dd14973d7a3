//! What helps until a problem is fixed, told to whoever has its incidents.
//!
//! Invariant: an open incident says of the errors that it may be due to what is known by now, in what is read of it and in a note for each
//! change. What has ended is left as it was.

use super::{Problem, ProblemEvent, display_number};
use crate::incident::{Incident, IncidentEvent, KnownError, compose};
use crate::{Event, World};
use std::borrow::Cow;

/// Incidents that are told of one change, newest first. More notes at once are a flood that nobody reads: the others show it all the same.
const TOLD: usize = 200;

/// Characters told of a workaround beside an incident.
const CHARACTERS: usize = 1_000;

/// Why an incident may be due to the problem that it has.
const OWN: &str = "it belongs to this problem";

impl KnownError {
    /// A problem whose cause is known, as it is told beside an incident; none of any other.
    pub(crate) fn of(problem: &Problem, because: String) -> Option<Self> {
        let workaround = problem.workaround.as_deref().map(|text| compose::cut(text, CHARACTERS));
        let is_known = problem.known_error && problem.state.is_open();
        is_known.then(|| Self { problem: problem.id, title: problem.title.clone(), workaround, because })
    }

    /// The line of a description that tells of it.
    pub(crate) fn line(&self) -> String {
        let workaround = self.workaround.as_ref().map(|text| format!(". Workaround: {text}")).unwrap_or_default();
        format!("- {} ({}){workaround}", self.title, self.because)
    }
}

/// What an incident is told that comes to a problem: what helps. None where that is not known.
pub(super) fn text(problem: &Problem) -> Option<String> {
    Some(helping(&heading(problem, problem.known_error), problem.workaround.as_ref()?))
}

/// The note of an open incident that people give to a problem whose workaround is known.
pub(crate) fn taken_in(problem: &Problem, incident: &Incident) -> Option<IncidentEvent> {
    Some(note(incident, text(problem).filter(|_| incident.state.is_open())?))
}

/// The notes of incidents that a problem is given several of.
pub(super) fn given<'a>(problem: &Problem, incidents: impl Iterator<Item = &'a Incident>) -> Vec<Event> {
    text(problem).map_or_else(Vec::new, |text| told(problem, incidents, &text))
}

/// The notes of a problem's open incidents when what is known of it changes.
pub(super) fn changed(world: &World, problem: &Problem, known_error: Option<bool>, workaround: Option<&str>) -> Vec<Event> {
    let before = (problem.known_error, problem.workaround.as_deref());
    let workaround = workaround.map_or(before.1, |text| Some(text).filter(|text| !text.is_empty()));
    let after = (known_error.unwrap_or(before.0), workaround);
    let heading = heading(problem, after.0);
    let text = match (before, after) {
        _ if before == after || !problem.state.is_open() => return Vec::new(),
        ((true, same), (false, other)) if same == other => format!("{heading}\nIt is no known error any more."),
        (_, (_, Some(workaround))) => helping(&heading, workaround),
        ((_, Some(_)), (_, None)) => format!("{heading}\nIts workaround was taken back."),
        _ => format!("{heading}\nIts cause is known. No workaround is written down yet."),
    };
    told(problem, problem.incidents.iter().rev().filter_map(|id| world.incidents.incidents.get(id)), &text)
}

/// The errors that an incident may be due to, as they are known by now while it is open, or were when it opened.
#[must_use]
pub fn known_by_now(world: &World, incident: &Incident) -> Vec<KnownError> {
    if !incident.state.is_open() {
        return incident.known_errors.clone();
    }
    let by_now = incident.known_errors.iter().filter_map(|known| again(world, known));
    let own = incident.problem.filter(|own| incident.known_errors.iter().all(|known| known.problem != *own));
    let own = own.and_then(|own| KnownError::of(world.problems.problems.get(&own)?, OWN.to_owned()));
    by_now.chain(own).collect()
}

/// The description of an incident with the errors that it names as they are known by now. What people wrote in place of them stays.
#[must_use]
pub fn described_by_now<'a>(world: &World, incident: &'a Incident) -> Cow<'a, str> {
    let mut description = Cow::Borrowed(incident.description.as_str());
    for known in incident.known_errors.iter().filter(|_| incident.state.is_open()) {
        let by_now = again(world, known).map_or_else(|| over(world, known), |now| now.line());
        let line = known.line();
        if by_now != line && description.contains(&line) {
            description = Cow::Owned(description.replacen(&line, &by_now, 1));
        }
    }
    description
}

fn again(world: &World, known: &KnownError) -> Option<KnownError> {
    KnownError::of(world.problems.problems.get(&known.problem)?, known.because.clone())
}

/// The line of what was a known error when the incident opened, and is none any more.
fn over(world: &World, known: &KnownError) -> String {
    let finished = world.problems.problems.get(&known.problem).filter(|problem| !problem.state.is_open());
    let why = finished.map_or_else(|| "no known error any more".to_owned(), |problem| format!("{} by now", problem.state.as_str()));
    format!("- {} ({why})", known.title)
}

fn heading(problem: &Problem, known_error: bool) -> String {
    let word = if known_error { "Known error" } else { "Problem" };
    format!("{word} {}: {}", display_number(problem.number), problem.title)
}

fn helping(heading: &str, workaround: &str) -> String {
    format!("{heading}\nWorkaround: {workaround}")
}

fn told<'a>(problem: &Problem, incidents: impl Iterator<Item = &'a Incident>, text: &str) -> Vec<Event> {
    let open: Vec<&Incident> = incidents.filter(|incident| incident.state.is_open()).collect();
    let mut events: Vec<Event> = open.iter().take(TOLD).map(|incident| Event::Incident(note(incident, text.to_owned()))).collect();
    if open.len() > TOLD {
        let rest = open.len() - TOLD;
        let text = format!("{TOLD} of {} open incidents have a note of this; the other {rest} show it when they are read.", open.len());
        events.push(Event::Problem(ProblemEvent::ProblemNoted { problem: problem.id, text }));
    }
    events
}

fn note(incident: &Incident, text: String) -> IncidentEvent {
    IncidentEvent::IncidentNoted { incident: incident.id, text, public: false }
}

#[cfg(test)]
mod tests;
