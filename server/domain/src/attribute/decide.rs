//! Decisions on definitions, and on values that are asserted of defined attributes.

use super::value::fit;
use super::{AttributeCommand, AttributeEvent, BuiltIn, Definition, Kind, KnownDefinition};
use crate::ci::decide::check_attribute_name;
use crate::ci::{AttributeValue, Ci, Class, licence, normalise};
use crate::{Event, Rejection, World};
use std::collections::{BTreeMap, BTreeSet};

/// Definitions of people; each is asked for by every form.
pub const DEFINITIONS: usize = 1_000;

/// Words of one enumeration.
pub const WORDS: usize = 500;

/// Characters of a label, a word or a unit.
const LABEL_CHARACTERS: usize = 100;

/// Decides a command.
///
/// # Errors
/// The rejection that applies.
pub fn command(world: &World, command: &AttributeCommand) -> Result<Vec<Event>, Rejection> {
    let event = match command {
        AttributeCommand::Define(definition) => define(world, definition)?,
        AttributeCommand::Change { definition, expected } => return change(world, definition, *expected),
        AttributeCommand::Withdraw { name, expected } => {
            find(world, name, *expected)?;
            AttributeEvent::AttributeWithdrawn { name: name.clone() }
        }
    };
    Ok(vec![Event::Attribute(event)])
}

fn find<'a>(world: &'a World, name: &str, expected: Option<u64>) -> Result<&'a KnownDefinition, Rejection> {
    if BuiltIn::find(name).is_some() {
        return Err(Rejection::Conflict(format!("{name} comes with Rollcall and stays as it is")));
    }
    let known = world.attributes.definitions.get(name).ok_or_else(|| Rejection::not_found("attribute", normalise::cut(name, 80)))?;
    match expected {
        Some(expected) if expected != known.revision => {
            Err(Rejection::Stale { subject: name.to_owned(), current: known.revision, expected })
        }
        _ => Ok(known),
    }
}

fn define(world: &World, definition: &Definition) -> Result<AttributeEvent, Rejection> {
    check_attribute_name(&definition.name, "name")?;
    if BuiltIn::find(&definition.name).is_some() {
        return Err(Rejection::Conflict(format!("{} comes with Rollcall; choose another name", definition.name)));
    }
    if world.attributes.definitions.contains_key(&definition.name) {
        return Err(Rejection::Conflict(format!("{} is defined already", definition.name)));
    }
    if world.attributes.definitions.len() >= DEFINITIONS {
        return Err(Rejection::invalid("name", format!("at most {DEFINITIONS} attributes can be defined")));
    }
    let definition = checked(definition)?;
    check_asserted(world, &definition, None)?;
    Ok(AttributeEvent::AttributeDefined { definition: Box::new(definition) })
}

fn change(world: &World, definition: &Definition, expected: Option<u64>) -> Result<Vec<Event>, Rejection> {
    let known = &find(world, &definition.name, expected)?.definition;
    if known.kind.as_str() != definition.kind.as_str() {
        let reason = format!("stays {}: define another attribute for another type", known.kind.as_str());
        return Err(Rejection::invalid("type", reason));
    }
    let definition = checked(definition)?;
    if definition == *known {
        return Ok(Vec::new());
    }
    check_asserted(world, &definition, Some(known))?;
    Ok(vec![Event::Attribute(AttributeEvent::AttributeDefined { definition: Box::new(definition) })])
}

fn checked(definition: &Definition) -> Result<Definition, Rejection> {
    let kind = match &definition.kind {
        Kind::Enumeration { values } => Kind::Enumeration { values: words(values)? },
        Kind::Contact | Kind::List => return Err(Rejection::invalid("type", "is a type of attributes that come with Rollcall alone")),
        kind => kind.clone(),
    };
    let unit = definition.unit.as_ref().map(|unit| label("unit", unit)).transpose()?;
    if unit.is_some() && !matches!(kind, Kind::Integer | Kind::Number) {
        return Err(Rejection::invalid("unit", "is what a number counts; this type has none"));
    }
    if let Some(class) = definition.classes.iter().find(|class| !class.is_for_people()) {
        return Err(Rejection::invalid("classes", format!("nobody asserts anything of a {}", class.as_str())));
    }
    Ok(Definition { label: label("label", &definition.label)?, kind, unit, ..definition.clone() })
}

fn label(field: &str, raw: &str) -> Result<String, Rejection> {
    let text = normalise::text(raw).filter(|text| text.chars().count() <= LABEL_CHARACTERS);
    text.ok_or_else(|| Rejection::invalid(field, format!("must have 1 to {LABEL_CHARACTERS} characters")))
}

fn words(values: &[String]) -> Result<Vec<String>, Rejection> {
    if values.is_empty() || values.len() > WORDS {
        return Err(Rejection::invalid("values", format!("must be 1 to {WORDS} words")));
    }
    let words: Vec<String> = values.iter().map(|word| label("values", word)).collect::<Result<_, _>>()?;
    let mut seen = BTreeSet::new();
    match words.iter().find(|word| !seen.insert(normalise::folded(word))) {
        Some(twice) => Err(Rejection::invalid("values", format!("{twice} is there twice"))),
        None => Ok(words),
    }
}

/// A definition that what people assert already contradicts is refused, with how many records do and the first of them. When only what
/// cannot contradict changes, nothing is looked at: this is the one place that reads every record.
fn check_asserted(world: &World, definition: &Definition, known: Option<&Definition>) -> Result<(), Rejection> {
    if known.is_some_and(|known| known.kind == definition.kind) {
        return Ok(());
    }
    let misfit = |ci: &Ci| {
        let asserted = ci.attributes.get(&definition.name)?.proposals().iter().filter(|proposal| proposal.source().is_person());
        let reason = asserted.filter_map(|proposal| fit(world, &definition.kind, proposal.value()).err()).next()?;
        Some(format!("{} has a value that does not fit: it {reason}", ci.id))
    };
    let mut misfits = world.cmdb.cis.values().filter(|ci| definition.applies_to(ci.class)).filter_map(misfit);
    let Some(first) = misfits.next() else { return Ok(()) };
    let reason = match misfits.count() {
        0 => format!("{first}; withdraw it with null first"),
        more => format!("{first}; so have {more} others: the query has:{} finds all that have one", definition.name),
    };
    let field = if matches!(definition.kind, Kind::Enumeration { .. }) { "values" } else { "type" };
    Err(Rejection::invalid(field, reason))
}

/// What values an attribute takes on things of a class; `None` when nobody said.
#[must_use]
pub fn kind_of(world: &World, class: Class, name: &str) -> Option<Kind> {
    if let Some(known) = world.attributes.definitions.get(name) {
        return Some(known.definition.kind.clone()).filter(|_| known.definition.applies_to(class));
    }
    BuiltIn::find(name).map(BuiltIn::kind)
}

/// Asserted values as they are kept.
///
/// # Errors
/// The attribute whose value does not fit its type, or that this class does not have.
pub fn typed(
    world: &World,
    class: Class,
    asserted: &BTreeMap<String, Option<AttributeValue>>,
) -> Result<BTreeMap<String, Option<AttributeValue>>, Rejection> {
    let mut typed = BTreeMap::new();
    for (name, value) in asserted {
        let value = value.as_ref().map(|value| typed_value(world, class, name, value)).transpose()?;
        typed.insert(name.clone(), value);
    }
    Ok(typed)
}

/// One value as it is kept.
///
/// # Errors
/// See [`typed`].
pub fn typed_value(world: &World, class: Class, name: &str, value: &AttributeValue) -> Result<AttributeValue, Rejection> {
    let field = || format!("attributes.{}", normalise::cut(name, 80));
    if let Some(known) = world.attributes.definitions.get(name)
        && !known.definition.applies_to(class)
    {
        let classes: Vec<&str> = known.definition.classes.iter().map(|class| class.as_str()).collect();
        return Err(Rejection::invalid(field(), format!("is defined for {}, not for a {}", classes.join(", "), class.as_str())));
    }
    let Some(kind) = kind_of(world, class, name) else { return Ok(value.clone()) };
    let kept = fit(world, &kind, value).map_err(|reason| Rejection::invalid(field(), reason))?;
    licence::check(class, name, &kept).map_err(|reason| Rejection::invalid(field(), reason))?;
    Ok(kept)
}

/// [`typed`], for a record that is there: what is required is not withdrawn either.
///
/// # Errors
/// See [`typed`].
pub fn typed_change(
    world: &World,
    ci: &Ci,
    asserted: &BTreeMap<String, Option<AttributeValue>>,
) -> Result<BTreeMap<String, Option<AttributeValue>>, Rejection> {
    for (name, _) in asserted.iter().filter(|(_, value)| value.is_none()) {
        let required = world.attributes.definitions.get(name).is_some_and(|known| is_required(known, ci.class));
        let remains = ci.observed(name).is_some();
        if required && !remains {
            return Err(Rejection::invalid(format!("attributes.{name}"), "is required; it can be changed, not withdrawn"));
        }
    }
    let mut typed = typed(world, ci.class, asserted)?;
    for (name, value) in &mut typed {
        *value = value.take().map(|value| world.contacts.kept(name, ci.attributes.get(name), value));
    }
    Ok(typed)
}

fn is_required(known: &KnownDefinition, class: Class) -> bool {
    known.definition.required && known.definition.applies_to(class)
}

/// Whether a new record has what is required.
///
/// # Errors
/// The attribute that is missing.
pub fn check_required(world: &World, class: Class, has: impl Fn(&str) -> bool) -> Result<(), Rejection> {
    let missing = world.attributes.definitions.values().find(|known| is_required(known, class) && !has(&known.definition.name));
    match missing {
        Some(missing) => {
            let field = format!("attributes.{}", missing.definition.name);
            Err(Rejection::invalid(field, format!("is required for a {} ({})", class.as_str(), missing.definition.label)))
        }
        None => Ok(()),
    }
}
