//! Records that people gave the same identifiers.
//!
//! A machine that is expected is written down with what will identify it. When a second record has the same number, both wait for
//! one machine, and only people know which is right: nothing is refused and nothing merged, but the doubt is a task.

use super::report::review;
use crate::ci::identify::{self, Doubt, Fingerprint, is_unreported};
use crate::ci::{Ci, CiEvent};
use crate::id::Family;
use crate::{Context, World};
use std::collections::BTreeSet;

/// The review of a record that was given identifiers of others; `before` is what it was, `None` when it is new.
pub fn doubt(world: &World, before: Option<&Ci>, after: &Ci, context: &mut Context<'_>) -> Option<CiEvent> {
    if after.id.family != Family::Host || !is_unreported(after) {
        return None;
    }
    let known: BTreeSet<String> = before.map(|before| Fingerprint::of_host(before).facts().into_iter().collect()).unwrap_or_default();
    let cis = identify::twins(world, after, |fact| !known.contains(fact));
    if cis.is_empty() {
        return None;
    }
    let doubt = Doubt { cis, reason: "these records were given the same identifiers and may be one machine".into() };
    review(world, &doubt, Some(after.id), context).map(|task| CiEvent::ReviewOpened { task })
}
