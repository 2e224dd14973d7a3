//! Decisions on files and mappings.

use super::{ImportCommand, ImportEvent, Mapping, Order, State};
use crate::id::ImportId;
use crate::{Context, Event, Rejection, World};
use std::time::Duration;

/// Rows of one file. A file of more is not edited by people any more; it can be cut.
pub const ROWS: u32 = 100_000;

/// Mappings at most; each is somebody's spreadsheet.
const MAPPINGS: usize = 1_000;

/// A run that nothing came of for so long was cut off by a restart.
const SILENCE: Duration = Duration::from_secs(600);

/// Decides a command.
///
/// # Errors
/// The rejection that applies.
pub fn command(world: &World, command: &ImportCommand, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    let event = match command {
        ImportCommand::Start(order) => start(world, order, context)?,
        ImportCommand::End { import, reason } => {
            let run = world.imports.runs.get(import).ok_or_else(|| Rejection::not_found("import", import))?;
            if run.state != State::Running {
                return Ok(Vec::new());
            }
            let state = if reason.is_some() { State::Interrupted } else { State::Finished };
            ImportEvent::ImportEnded { import: *import, state, reason: reason.clone() }
        }
        ImportCommand::SetMapping { name, mapping, expected } => return set_mapping(world, name, mapping, *expected),
        ImportCommand::WithdrawMapping { name, expected } => {
            let known = world.imports.mappings.get(name).ok_or_else(|| Rejection::not_found("mapping", name))?;
            check_seen(name, known.revision, *expected)?;
            ImportEvent::MappingWithdrawn { name: name.clone() }
        }
    };
    Ok(vec![Event::Import(event)])
}

/// One run of a feed at a time: two would take each other's things for their own.
fn start(world: &World, order: &Order, context: &mut Context<'_>) -> Result<ImportEvent, Rejection> {
    check_feed(&order.name)?;
    if order.rows == 0 || order.rows > ROWS {
        return Err(Rejection::invalid("rows", format!("a file has 1 to {ROWS} rows")));
    }
    let mut others = world.imports.runs.values().filter(|run| run.state == State::Running && run.order.name == order.name);
    if let Some(other) = others.find(|run| !run.order.dry_run && !order.dry_run) {
        return Err(Rejection::Conflict(format!("{} is loading {} already; wait for it", other.id, order.name)));
    }
    Ok(ImportEvent::ImportStarted { import: ImportId(context.ids.next_bits()), order: order.clone() })
}

fn set_mapping(world: &World, name: &str, mapping: &Mapping, expected: Option<u64>) -> Result<Vec<Event>, Rejection> {
    check_feed(name)?;
    mapping.check()?;
    let known = world.imports.mappings.get(name);
    check_seen(name, known.map_or(0, |known| known.revision), expected)?;
    if known.is_none() && world.imports.mappings.len() >= MAPPINGS {
        return Err(Rejection::invalid("name", format!("there are at most {MAPPINGS} mappings")));
    }
    if known.is_some_and(|known| known.mapping == *mapping) {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Import(ImportEvent::MappingSet { name: name.to_owned(), mapping: Box::new(mapping.clone()) })])
}

fn check_seen(name: &str, current: u64, expected: Option<u64>) -> Result<(), Rejection> {
    match expected {
        Some(expected) if expected != current => Err(Rejection::Stale { subject: format!("mapping {name}"), current, expected }),
        _ => Ok(()),
    }
}

fn check_feed(name: &str) -> Result<(), Rejection> {
    let fits =
        (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
    if fits { Ok(()) } else { Err(Rejection::invalid("name", "must be 1 to 64 lower-case letters, digits, _ and -, such as racks")) }
}

/// Runs that a restart cut off.
#[must_use]
pub fn tick(world: &World, context: &Context<'_>) -> Vec<Event> {
    let silent = |at| context.now.since(at) > SILENCE;
    let cut_off = world.imports.runs.values().filter(|run| run.state == State::Running && silent(run.updated_at));
    let reason = || Some("nothing came of it any more; load the file again for the rest".to_owned());
    cut_off.map(|run| Event::Import(ImportEvent::ImportEnded { import: run.id, state: State::Interrupted, reason: reason() })).collect()
}
