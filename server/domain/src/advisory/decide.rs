//! Decisions on advisories.

use super::{Advisories, Advisory, AdvisoryCommand, AdvisoryEvent};
use crate::{Event, Rejection, World};

/// Advisories known at most: those of all distributions that are matched are about 150,000.
pub const ADVISORIES: usize = 300_000;

/// Advisories of one import.
pub const ADVISORIES_PER_IMPORT: usize = 50_000;

/// Advisories in one event, so that no record of the log is larger than stores like.
const ADVISORIES_PER_EVENT: usize = 100;

/// Decides a command.
///
/// # Errors
/// [`Rejection::Invalid`] for too many at once, [`Rejection::Conflict`] at the limit of all.
pub fn command(world: &World, command: &AdvisoryCommand) -> Result<Vec<Event>, Rejection> {
    let AdvisoryCommand::Import { advisories } = command;
    if advisories.len() > ADVISORIES_PER_IMPORT {
        let reason = format!("are more than {ADVISORIES_PER_IMPORT}; send them in several imports");
        return Err(Rejection::invalid("rows", reason));
    }
    let known = &world.advisories;
    let fresh: Vec<&Advisory> = advisories.iter().filter(|advisory| is_news(known, advisory)).collect();
    let count = known.advisories.len() + fresh.iter().filter(|advisory| !known.advisories.contains_key(&advisory.id)).count();
    if count > ADVISORIES {
        return Err(Rejection::Conflict(format!("with these there would be {count} advisories; the limit is {ADVISORIES}")));
    }
    let event = |chunk: &[&Advisory]| AdvisoryEvent::AdvisoriesImported { advisories: chunk.iter().map(|one| (*one).clone()).collect() };
    Ok(fresh.chunks(ADVISORIES_PER_EVENT).map(|chunk| Event::Advisory(event(chunk))).collect())
}

/// Whether an advisory says something new; an older copy of one that is known does not.
#[must_use]
pub fn is_news(known: &Advisories, advisory: &Advisory) -> bool {
    known.advisories.get(&advisory.id).is_none_or(|known| known.advisory.modified <= advisory.modified && known.advisory != *advisory)
}
