//! What people say of configuration items.

use super::reconcile::Weighing;
use crate::ci::attribute::{Method, Proposal};
use crate::ci::policy::Reconciliation;
use crate::ci::{AttributeChange, AttributeValue, Ci, CiEvent, Lifecycle, Source, lifecycle};
use crate::id::CiId;
use crate::{Context, Rejection, World};
use rollcall_shared::Timestamp;
use std::collections::BTreeMap;

/// Bytes of one asserted value: a paragraph, not a document.
pub const VALUE_BYTES: usize = 4 << 10;

/// Attributes that one CI may have by assertion and measurement together.
pub const ASSERTED_ATTRIBUTES: usize = 256;

/// Sources that may speak of one attribute: agents and feeds of one machine are few, this is for people with many tokens.
const PROPOSALS: usize = 64;

/// Characters of the reason for a change.
const REASON_CHARACTERS: usize = 1000;

/// Fields of the record itself: an attribute of that name would be mistaken for them.
const FIELDS: [&str; 12] =
    ["id", "class", "name", "status", "key", "parent", "attributes", "sections", "created_at", "updated_at", "revision", "duplicate_of"];

/// The CI, when it exists and nobody changed it since it was read.
///
/// # Errors
/// [`Rejection::NotFound`], [`Rejection::Stale`].
pub fn editable(world: &World, id: CiId, expected: Option<u64>) -> Result<&Ci, Rejection> {
    let ci = world.cmdb.cis.get(&id).ok_or_else(|| Rejection::not_found("configuration item", id))?;
    match expected {
        Some(expected) if expected != ci.revision => Err(Rejection::Stale { subject: id.to_string(), current: ci.revision, expected }),
        _ => Ok(ci),
    }
}

/// Asserts and withdraws attributes.
///
/// # Errors
/// [`Rejection::Invalid`] names the attribute.
pub fn attributes(
    policy: &Reconciliation,
    ci: &Ci,
    asserted: &BTreeMap<String, Option<AttributeValue>>,
    context: &Context<'_>,
) -> Result<Vec<CiEvent>, Rejection> {
    let mut changes = Vec::new();
    for (name, value) in asserted {
        let field = format!("attributes.{}", crate::ci::normalise::cut(name, 80));
        check_attribute_name(name, &field)?;
        let known = ci.attributes.get(name);
        let weighing = Weighing::new(policy, ci.class, name);
        let after = match value {
            None => known.and_then(|known| weighing.withdraw(known, Source::is_person)),
            Some(value) => {
                let (value, source) = (checked(value, &field)?, Source::of(&context.actor));
                let said = known.and_then(|known| known.proposal_of(&source));
                let counts = known.and_then(|known| known.winner()).is_some_and(|winner| *winner.source() == source);
                if counts && said.is_some_and(|said| *said.value() == value && !said.is_stale()) {
                    continue;
                }
                if said.is_none() && known.is_some_and(|known| known.proposals().len() >= PROPOSALS) {
                    return Err(Rejection::invalid(field, format!("{PROPOSALS} sources speak of it already; withdraw one")));
                }
                weighing.propose(known, Proposal::new(value, source, context.now, Method::Api))
            }
        };
        if after.as_ref() != known {
            changes.push(AttributeChange { name: name.clone(), before: known.map(|known| known.value().clone()), after });
        }
    }
    let fresh = changes.iter().filter(|change| change.before.is_none()).count();
    if fresh > 0 && ci.attributes.len() + fresh > ASSERTED_ATTRIBUTES {
        return Err(Rejection::invalid("attributes", format!("a configuration item has at most {ASSERTED_ATTRIBUTES}")));
    }
    Ok(if changes.is_empty() { Vec::new() } else { vec![CiEvent::AttributesChanged { ci: ci.id, changes }] })
}

/// Moves a CI on in its life.
///
/// # Errors
/// [`Rejection::Invalid`] without a reason, or for a status that only inventories conclude.
pub fn status(world: &World, ci: &Ci, after: Lifecycle, reason: &str, now: Timestamp) -> Result<Vec<CiEvent>, Rejection> {
    if matches!(after, Lifecycle::Missing | Lifecycle::Stale) {
        return Err(Rejection::invalid("status", "missing and stale are what the server concludes from silence; people retire"));
    }
    let reason = checked_reason(reason)?;
    if ci.status == after {
        return Ok(Vec::new());
    }
    lifecycle::check_transition(world, ci, after, now)?;
    Ok(vec![CiEvent::CiStatusChanged { ci: ci.id, before: ci.status, after, reason }])
}

/// The reason for a change, trimmed.
///
/// # Errors
/// [`Rejection::Invalid`] without one.
pub fn checked_reason(reason: &str) -> Result<String, Rejection> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARACTERS || reason.chars().any(|c| c.is_control() && c != '\n') {
        return Err(Rejection::invalid("reason", format!("must have 1 to {REASON_CHARACTERS} characters and no control characters")));
    }
    Ok(reason.to_owned())
}

/// Checks the name of an attribute.
///
/// # Errors
/// [`Rejection::Invalid`] under the name of `field`.
pub fn check_attribute_name(name: &str, field: &str) -> Result<(), Rejection> {
    let fits = (1..=64).contains(&name.len())
        && name.bytes().enumerate().all(|(i, b)| b.is_ascii_lowercase() || (i > 0 && (b.is_ascii_digit() || b == b'_')));
    if !fits {
        return Err(Rejection::invalid(field, "a name begins with a lower-case letter and has 1 to 64 of a-z, 0-9 and _"));
    }
    if FIELDS.contains(&name) {
        return Err(Rejection::invalid(field, "is a field of the record itself and no attribute"));
    }
    Ok(())
}

/// An asserted value, trimmed.
///
/// # Errors
/// [`Rejection::Invalid`] under the name of `field`.
pub fn checked(value: &AttributeValue, field: &str) -> Result<AttributeValue, Rejection> {
    match value {
        AttributeValue::Boolean(_) | AttributeValue::Integer(_) => Ok(value.clone()),
        AttributeValue::Number(number) if number.is_finite() => Ok(value.clone()),
        AttributeValue::Number(_) => Err(Rejection::invalid(field, "must be a finite number")),
        AttributeValue::Text(text) => checked_text(text, VALUE_BYTES, field).map(AttributeValue::Text),
        AttributeValue::List(texts) if texts.is_empty() => {
            Err(Rejection::invalid(field, "an empty list says nothing; withdraw it with null"))
        }
        AttributeValue::List(texts) => {
            let mut left = VALUE_BYTES;
            let mut checked = Vec::with_capacity(texts.len().min(VALUE_BYTES));
            for text in texts {
                let text = checked_text(text, left, field)?;
                left -= text.len();
                checked.push(text);
            }
            Ok(AttributeValue::List(checked))
        }
    }
}

fn checked_text(text: &str, room: usize, field: &str) -> Result<String, Rejection> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Rejection::invalid(field, "an empty text says nothing; withdraw it with null"));
    }
    if text.len() > room {
        return Err(Rejection::invalid(field, format!("a value has at most {VALUE_BYTES} bytes")));
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(Rejection::invalid(field, "must have no control characters"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
