//! Incidents that follow one another: at most one of such a line is open.

use crate::id::IncidentId;
use crate::incident::{Incident, display_number};
use crate::{Rejection, World};
use std::collections::BTreeSet;

/// Refuses to open it anew while another one of its line is open: one that follows it, that it follows, or that follows the same.
pub(super) fn alone(world: &World, incident: &Incident) -> Result<(), Rejection> {
    let find = |id: &IncidentId| world.incidents.incidents.get(id);
    let mut seen = BTreeSet::from([incident.id]);
    let mut next = vec![incident];
    while let Some(one) = next.pop() {
        if one.id != incident.id && one.state.is_open() {
            let number = display_number(one.number);
            return Err(Rejection::Conflict(format!("{} ({number}) took its place and is open; work on that one", one.id)));
        }
        next.extend(one.follows.iter().chain(&one.followed_by).filter(|id| seen.insert(**id)).filter_map(find));
    }
    Ok(())
}
