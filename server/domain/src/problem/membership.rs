//! Which incidents a problem has.
//!
//! Invariant: an incident has one problem, which is what it says itself. Other problems may list it as evidence when a machine suspects
//! more than one cause; when people give it to a problem, it leaves the one that it had.

use super::{Problem, ProblemEvent, recurrence};
use crate::id::ProblemId;
use crate::incident::Incident;
use crate::{Rejection, World};

/// Whether an incident is this problem's own, not merely evidence of it.
pub(super) fn is_own(problem: &Problem, incident: &Incident) -> bool {
    incident.problem == Some(problem.id)
}

/// What happens to problems when people give an incident to one: it leaves the one that it had, and the new one remembers it.
pub(crate) fn taken_in(world: &World, problem: ProblemId, incident: &Incident, statement: String) -> Vec<ProblemEvent> {
    let lists = world.problems.problems.get(&problem).is_some_and(|problem| problem.incidents.contains(&incident.id));
    let remembered = (!lists).then(|| ProblemEvent::ProblemEvidenceAdded { problem, evidence: recurrence::evidence(incident, statement) });
    left(problem, incident).into_iter().chain(remembered).collect()
}

/// The incident leaves the problem that it had before this one.
pub(super) fn left(problem: ProblemId, incident: &Incident) -> Option<ProblemEvent> {
    let before = incident.problem.filter(|before| *before != problem)?;
    Some(ProblemEvent::ProblemIncidentRemoved { problem: before, incident: incident.id })
}

/// Refuses a problem that is not there or takes no incidents any more.
///
/// # Errors
/// [`Rejection::Invalid`] and [`Rejection::Conflict`].
pub(crate) fn accepts(world: &World, problem: ProblemId) -> Result<(), Rejection> {
    let known = world.problems.problems.get(&problem).ok_or_else(|| Rejection::unknown("problem", "problem", problem))?;
    if known.state.is_open() {
        return Ok(());
    }
    Err(Rejection::Conflict(format!("{problem} is {}: it cannot be given other incidents", known.state.as_str())))
}
