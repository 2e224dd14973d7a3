//! Records that people gave the same identifiers.
//!
//! A machine that is expected is written down with what will identify it. When a second record has the same number, both wait for
//! one machine, and only people know which is right: nothing is refused and nothing merged, but the doubt is a task.

use super::report::review;
use crate::ci::identify::{self, Doubt, Fingerprint, TOO_MANY_CANDIDATES, is_unreported};
use crate::ci::{Attribute, Ci, CiEvent, Class, normalise};
use crate::id::{CiId, Family};
use crate::{Context, World};
use std::collections::BTreeSet;

/// The review of a record that was given identifiers of others; `before` is what it was, `None` when it is new.
pub fn doubt(world: &World, before: Option<&Ci>, after: &Ci, context: &mut Context<'_>) -> Option<CiEvent> {
    if after.id.family != Family::Host {
        return device_doubt(world, before, after, context);
    }
    if !is_unreported(after) {
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

/// A device with a serial number and one with the same number, of which only one has a manufacturer: their keys differ.
fn device_doubt(world: &World, before: Option<&Ci>, after: &Ci, context: &mut Context<'_>) -> Option<CiEvent> {
    if !matches!(after.class, Class::NetworkDevice | Class::Printer | Class::StorageDevice) {
        return None;
    }
    let serial = serial_of(after).filter(|serial| before.and_then(serial_of).as_ref() != Some(serial))?;
    let keys = world.cmdb.keys.range((after.class, String::new())..).take_while(|((class, _), _)| *class == after.class);
    let same = keys.filter(|((_, key), id)| **id != after.id && key.ends_with(&serial)).filter_map(|(_, id)| world.cmdb.cis.get(id));
    let may_be = |other: &&Ci| serial_of(other).as_ref() == Some(&serial) && (maker_of(other).is_none() || maker_of(after).is_none());
    let cis: BTreeSet<CiId> = same.filter(may_be).map(|other| other.id).take(TOO_MANY_CANDIDATES).collect();
    if cis.is_empty() {
        return None;
    }
    let doubt = Doubt { cis, reason: "these records were given the same serial number and may be one device".into() };
    review(world, &doubt, Some(after.id), context).map(|task| CiEvent::ReviewOpened { task })
}

fn text_of<'a>(ci: &'a Ci, name: &str) -> Option<&'a str> {
    ci.attributes.get(name).and_then(Attribute::text)
}

fn maker_of(ci: &Ci) -> Option<String> {
    text_of(ci, "manufacturer").and_then(normalise::label)
}

fn serial_of(ci: &Ci) -> Option<String> {
    let serial = text_of(ci, "serial").and_then(|raw| normalise::serial(raw, maker_of(ci).as_deref()))?;
    Some(normalise::folded(&serial))
}
