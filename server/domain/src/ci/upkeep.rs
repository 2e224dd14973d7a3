//! What the passing of time means for configuration items.

use crate::{Context, Event, World};

/// What is due now, as events; called every second, so each duty first asks cheaply whether anything is due.
#[must_use]
pub fn tick(_world: &World, _context: &mut Context<'_>) -> Vec<Event> {
    Vec::new()
}
