//! What people make and look after themselves: records that no machine reports, or not yet; their names, places and tags.
//!
//! Invariant: a natural key is never given twice, and what machines report is never renamed or moved from here.

use super::assert::{self, editable};
use super::twins;
use crate::attribute;
use crate::ci::identify::identify;
use crate::ci::natural::Described;
use crate::ci::normalise::{self, Mac, Uuid};
use crate::ci::{AttributeValue, Ci, CiEvent, Class, Cmdb, Lifecycle, NewCi, Reporter, Source};
use crate::id::{CiId, Family};
use crate::{Context, Rejection, World};
use rollcall_shared::section::{System, Virtualisation};
use rollcall_shared::{Section, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Characters of a name: as long as a host name may be (RFC 1035: 253) and a little more.
pub const NAME_CHARACTERS: usize = 255;

/// Characters of a tag.
pub const TAG_CHARACTERS: usize = 64;

/// Tags of one record; people cannot oversee more.
pub const TAGS_PER_CI: usize = 100;

/// Records whose tags may change at once: a page of the largest list.
pub const TAGGED_AT_ONCE: usize = 1000;

/// How deep places may be within each other: country, site, building, floor, room, row, rack and as many again.
pub const DEPTH: usize = 16;

/// Makes a record.
///
/// # Errors
/// What is wrong with it, or that it is there already.
pub fn create(world: &World, new: &NewCi, context: &mut Context<'_>) -> Result<Vec<CiEvent>, Rejection> {
    if !new.class.is_for_people() {
        return Err(Rejection::invalid(
            "class",
            format!("a {} follows from the package lists of hosts; nobody makes one", new.class.as_str()),
        ));
    }
    let name = name(&new.name)?;
    let status = new.status.unwrap_or_else(|| first_status(new.class));
    if matches!(status, Lifecycle::Missing | Lifecycle::Stale) {
        return Err(Rejection::invalid("status", "missing and stale are what the server concludes; nothing begins so"));
    }
    if let Some(parent) = new.parent {
        check_container(&world.cmdb, parent, new.class)?;
    }
    let attributes = attributes_of(world, new, &name)?;
    let value = |name: &str| attributes.get(name).and_then(Clone::clone);
    let key = Described { class: new.class, name: &name, parent: new.parent, value: &value }.key()?;
    if let Some(known) = key.as_ref().and_then(|key| world.cmdb.keys.get(&(new.class, key.clone()))) {
        return Err(already_there(&world.cmdb, *known, new.class));
    }
    if new.class.family() == Family::Host {
        check_host(world, new.class, &attributes, context.now)?;
    }
    let id = CiId { family: new.class.family(), bits: context.ids.next_bits() };
    let blank = Ci::new(id, new.class, &name, context.now, 0);
    let (parent, source) = (new.parent, Source::of(&context.actor));
    let mut events = vec![CiEvent::CiCreated { ci: id, class: new.class, name, key, parent, source }];
    if status != blank.status {
        events.push(CiEvent::CiStatusChanged { ci: id, before: blank.status, after: status, reason: "recorded so".into() });
    }
    events.extend(assert::attributes(&world.cmdb.policy.reconciliation, &blank, &attributes, context)?);
    events.extend(tags(&blank, &new.tags, &[])?);
    events.extend(twins::doubt(world, None, &with_changes(&blank, &events), context));
    Ok(events)
}

/// Hosts are recorded before they report; what nobody will ever report is in use.
fn first_status(class: Class) -> Lifecycle {
    if class.family() == Family::Host { Lifecycle::Planned } else { Lifecycle::Operational }
}

/// A host that is called by a host name has that host name, so that its agent will find its record.
fn attributes_of(world: &World, new: &NewCi, name: &str) -> Result<BTreeMap<String, Option<AttributeValue>>, Rejection> {
    let mut given: BTreeMap<String, Option<AttributeValue>> = new.attributes.iter().map(|(k, v)| (k.clone(), Some(v.clone()))).collect();
    if new.class.family() == Family::Host && !given.contains_key("hostname") && is_host_name(name) {
        given.insert("hostname".into(), Some(AttributeValue::Text(name.to_owned())));
    }
    let typed = attribute::typed(world, new.class, &given)?;
    attribute::check_required(world, new.class, |name| typed.get(name).is_some_and(Option::is_some))?;
    Ok(typed)
}

/// Whether a name can be that of a machine.
#[must_use]
pub fn is_host_name(name: &str) -> bool {
    normalise::hostname(name).is_some() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

/// Identifiers of a host that cannot identify, or that a known host has, are refused: its agent would never find this record.
fn check_host(world: &World, class: Class, attributes: &BTreeMap<String, Option<AttributeValue>>, now: Timestamp) -> Result<(), Rejection> {
    let text = |name: &str| match attributes.get(name) {
        Some(Some(AttributeValue::Text(text))) => Some(text.clone()),
        _ => None,
    };
    let wrong = |name: &str, reason: &str| Err(Rejection::invalid(format!("attributes.{name}"), reason));
    let manufacturer = text("manufacturer");
    if text("serial").is_some_and(|serial| normalise::serial(&serial, manufacturer.as_deref()).is_none()) {
        return wrong("serial", "identifies nothing: it is a placeholder, or shorter than 7 characters (5 with the manufacturer)");
    }
    if text("uuid").is_some_and(|uuid| Uuid::parse(&uuid).is_none()) {
        return wrong("uuid", "identifies nothing: it must have the form 4c4c4544-0042-3510-8056-b9c04f4d3133 and be no placeholder");
    }
    if text("machine_id").is_some_and(|id| normalise::machine_id(&id).is_none()) {
        return wrong("machine_id", "must be the 32 hexadecimal digits of /etc/machine-id");
    }
    if let Some(Some(AttributeValue::List(macs))) = attributes.get("mac_addresses")
        && let Some(mac) = macs.iter().find(|mac| Mac::parse(mac).is_none())
    {
        return wrong(
            "mac_addresses",
            &format!("{} is no hardware address of one adapter, such as 52:54:00:12:34:56", normalise::cut(mac, 40)),
        );
    }
    let system = System {
        manufacturer,
        serial: text("serial"),
        uuid: text("uuid"),
        machine_id: text("machine_id"),
        hostname: text("hostname"),
        virtualisation: kind_of(class),
        ..System::default()
    };
    // Nobody delivers under this name: what is found is found by what identifies, not by who asks.
    let asker = Reporter::Feed { name: String::new(), key: String::new() };
    match identify(world, &asker, &[Arc::new(Section::System(vec![system]))], now).ci {
        Some(known) => Err(already_there(&world.cmdb, known, class)),
        None => Ok(()),
    }
}

/// What a class says of the kind of machine; a server may be a virtual one that nobody classified.
#[must_use]
pub fn kind_of(class: Class) -> Option<Virtualisation> {
    match class {
        Class::VirtualMachine => Some(Virtualisation::Vm),
        Class::Container => Some(Virtualisation::Container),
        Class::Workstation => Some(Virtualisation::Physical),
        _ => None,
    }
}

fn already_there(cmdb: &Cmdb, known: CiId, class: Class) -> Rejection {
    let name = cmdb.cis.get(&known).map_or("", |ci| &ci.name);
    Rejection::Conflict(format!("this {} is there already: {known} ({name})", class.as_str()))
}

/// A name as it is kept.
///
/// # Errors
/// Empty, or too long.
pub fn name(raw: &str) -> Result<String, Rejection> {
    let wrong = || Rejection::invalid("name", format!("must have 1 to {NAME_CHARACTERS} characters"));
    if raw.chars().any(char::is_control) {
        return Err(Rejection::invalid("name", "must have no control characters"));
    }
    normalise::text(raw).filter(|name| name.chars().count() <= NAME_CHARACTERS).ok_or_else(wrong)
}

/// Whether people and nobody else say what this record is.
#[must_use]
pub fn is_of_people(cmdb: &Cmdb, ci: &Ci) -> bool {
    cmdb.origins.contains_key(&ci.id) && ci.sections.is_empty() && !cmdb.reporters.contains_key(&ci.id)
}

fn refuse_reported(world: &World, ci: &Ci, field: &str, instead: &str) -> Result<(), Rejection> {
    if is_of_people(&world.cmdb, ci) {
        return Ok(());
    }
    Err(Rejection::invalid(field, format!("{} follows from what machines report{instead}", ci.id)))
}

/// Calls a record something else.
///
/// # Errors
/// A name that does not fit or is taken; a record that machines name.
pub fn rename(world: &World, id: CiId, new: &str, expected: Option<u64>) -> Result<Vec<CiEvent>, Rejection> {
    let ci = editable(world, id, expected)?;
    let after = name(new)?;
    if id.family == Family::Host && ci.attributes.contains_key("hostname") {
        return Err(Rejection::invalid("name", "a host is called by its host name: assert the attribute hostname"));
    }
    refuse_reported(world, ci, "name", "; its name does too")?;
    if after == ci.name {
        return Ok(Vec::new());
    }
    let renamed = Ci { name: after.clone(), ..ci.clone() };
    let mut events = vec![CiEvent::CiRenamed { ci: id, before: ci.name.clone(), after }];
    events.extend(rekeyed(world, &renamed)?);
    Ok(events)
}

/// Says what contains a record.
///
/// # Errors
/// A container that cannot contain it, is within it, or holds one of the same name; a record that machines place.
pub fn place(world: &World, id: CiId, parent: Option<CiId>, expected: Option<u64>) -> Result<Vec<CiEvent>, Rejection> {
    let ci = editable(world, id, expected)?;
    refuse_reported(world, ci, "parent", "; where it is does too")?;
    if ci.parent == parent {
        return Ok(Vec::new());
    }
    if let Some(parent) = parent {
        check_container(&world.cmdb, parent, ci.class)?;
        check_cycle(&world.cmdb, ci, parent)?;
    }
    let moved = Ci { parent, ..ci.clone() };
    let mut events = vec![CiEvent::CiMoved { ci: id, before: ci.parent, after: parent }];
    events.extend(rekeyed(world, &moved)?);
    Ok(events)
}

fn check_container(cmdb: &Cmdb, parent: CiId, class: Class) -> Result<(), Rejection> {
    let container = cmdb.cis.get(&parent).ok_or_else(|| Rejection::unknown("parent", "configuration item", parent))?;
    if !container.class.may_contain(class) {
        let (container, class) = (container.class.as_str(), class.as_str());
        let hint = if class == "location" { "a location" } else { "a relation such as hosted_on" };
        return Err(Rejection::invalid("parent", format!("a {container} does not contain a {class}; {hint} may say where it is")));
    }
    if lineage(cmdb, parent).count() >= DEPTH {
        return Err(Rejection::invalid("parent", format!("things are within each other at most {DEPTH} deep")));
    }
    Ok(())
}

/// Refuses a container that is within the thing itself, with the way that leads round.
fn check_cycle(cmdb: &Cmdb, ci: &Ci, parent: CiId) -> Result<(), Rejection> {
    let mut way: Vec<&str> = vec![&ci.name];
    for above in lineage(cmdb, parent) {
        way.push(&above.name);
        if above.id == ci.id {
            return Err(Rejection::invalid("parent", format!("{} would be within itself: {}", ci.name, way.join(" in "))));
        }
    }
    Ok(())
}

/// A thing and what contains it, from the inside out; at most one more than may be.
pub fn lineage(cmdb: &Cmdb, id: CiId) -> impl Iterator<Item = &Ci> {
    std::iter::successors(cmdb.cis.get(&id), |ci| cmdb.cis.get(&ci.parent?)).take(DEPTH + 1)
}

/// The change of key that follows from how a record is to be.
///
/// # Errors
/// Another record has that key, or it would have none any more.
pub fn rekeyed(world: &World, ci: &Ci) -> Result<Option<CiEvent>, Rejection> {
    if !is_of_people(&world.cmdb, ci) {
        return Ok(None);
    }
    let value = |name: &str| ci.attributes.get(name).map(|attribute| attribute.value().clone());
    let after = Described { class: ci.class, name: &ci.name, parent: ci.parent, value: &value }.key()?;
    if after == ci.key {
        return Ok(None);
    }
    let taken = after.as_ref().and_then(|key| world.cmdb.keys.get(&(ci.class, key.clone()))).filter(|other| **other != ci.id);
    match taken {
        Some(other) => Err(already_there(&world.cmdb, *other, ci.class)),
        None => Ok(Some(CiEvent::CiRekeyed { ci: ci.id, before: ci.key.clone(), after })),
    }
}

/// The record as it is after changes of its attributes, for [`rekeyed`].
#[must_use]
pub fn with_changes(ci: &Ci, events: &[CiEvent]) -> Ci {
    let mut after = ci.clone();
    for event in events {
        let CiEvent::AttributesChanged { changes, .. } = event else { continue };
        for change in changes {
            match &change.after {
                Some(attribute) => drop(after.attributes.insert(change.name.as_str().into(), attribute.clone())),
                None => drop(after.attributes.remove(&change.name)),
            }
        }
    }
    after
}

/// Puts tags on records and takes tags off them.
///
/// # Errors
/// A tag that is none, a record that is not there, too many of either.
pub fn tag(
    world: &World,
    cis: &BTreeSet<CiId>,
    add: &[String],
    remove: &[String],
    expected: Option<u64>,
) -> Result<Vec<CiEvent>, Rejection> {
    if cis.is_empty() || cis.len() > TAGGED_AT_ONCE {
        return Err(Rejection::invalid("cis", format!("must be 1 to {TAGGED_AT_ONCE} ids")));
    }
    let mut events = Vec::new();
    for id in cis {
        events.extend(tags(editable(world, *id, expected)?, add, remove)?);
    }
    Ok(events)
}

/// What putting on and taking off means for one record. What is not on it need not be taken off.
///
/// # Errors
/// A tag that is none, or too many.
pub fn tags(ci: &Ci, add: &[String], remove: &[String]) -> Result<Option<CiEvent>, Rejection> {
    if let Some(both) = add.iter().find(|tag| remove.contains(tag)) {
        return Err(Rejection::invalid("add", format!("{} cannot be put on and taken off at once", normalise::cut(both, 80))));
    }
    let mut added = BTreeSet::new();
    for tag in add {
        check_tag(tag)?;
        added.insert(tag.clone());
    }
    added.retain(|tag| !ci.tags.contains(tag));
    let removed: BTreeSet<String> = remove.iter().filter(|tag| ci.tags.contains(*tag)).cloned().collect();
    if ci.tags.len() + added.len() > TAGS_PER_CI + removed.len() {
        return Err(Rejection::invalid("add", format!("a configuration item has at most {TAGS_PER_CI} tags")));
    }
    let (added, removed): (Vec<String>, Vec<String>) = (added.into_iter().collect(), removed.into_iter().collect());
    let news = !added.is_empty() || !removed.is_empty();
    Ok(news.then_some(CiEvent::TagsChanged { ci: ci.id, added, removed }))
}

/// A tag is a word or `key=value`, in lower case, so that `Prod` and `prod` are not two.
fn check_tag(tag: &str) -> Result<(), Rejection> {
    let word = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| (c.is_alphanumeric() && !c.is_uppercase()) || matches!(c, '.' | '_' | '-' | ':' | '/' | '@'))
    };
    let fits = match tag.split_once('=') {
        Some((key, value)) => word(key) && word(value),
        None => word(tag),
    };
    if fits && tag.chars().count() <= TAG_CHARACTERS {
        return Ok(());
    }
    let rule = format!(
        "{:?} is no tag: lower-case letters, digits and . _ - : / @, plain or as key=value, at most {TAG_CHARACTERS} characters",
        normalise::cut(tag, 80)
    );
    Err(Rejection::invalid("add", rule))
}

#[cfg(test)]
mod tests;
