//! Locks: a person's word that counts whatever anybody says, for a reason and for a time.
//!
//! A lock is an exception with an end; what should hold for good is a rule of the policy.

use super::assert::{self, ASSERTED_ATTRIBUTES};
use super::reconcile::Weighing;
use crate::ci::attribute::{Attribute, Lock};
use crate::ci::policy::Reconciliation;
use crate::ci::{AttributeChange, AttributeValue, Ci, CiEvent, Source, UnlockCause};
use crate::{Context, Rejection};
use rollcall_shared::Timestamp;
use std::time::Duration;

/// The longest time that an attribute may be locked for.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// What a person wants to lock.
pub struct Wanted<'a> {
    /// Name of the attribute.
    pub attribute: &'a str,
    /// The value; the one that counts now unless given.
    pub value: Option<&'a AttributeValue>,
    /// Why.
    pub reason: &'a str,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Locks an attribute; again with other words, the lock is replaced.
///
/// # Errors
/// [`Rejection::Invalid`] names the field.
pub fn lock(ci: &Ci, wanted: &Wanted<'_>, context: &Context<'_>) -> Result<Vec<CiEvent>, Rejection> {
    assert::check_attribute_name(wanted.attribute, "attribute")?;
    let known = ci.attributes.get(wanted.attribute);
    let value = match (wanted.value, known) {
        (Some(value), _) => assert::checked(value, "value")?,
        (None, Some(known)) => known.value().clone(),
        (None, None) => return Err(Rejection::invalid("value", "is needed: the attribute has no value yet that could be kept")),
    };
    let reason = assert::checked_reason(wanted.reason)?;
    if wanted.expires_at <= context.now || wanted.expires_at > context.now.plus(LONGEST) {
        return Err(Rejection::invalid(
            "expires_at",
            "must be in the future and at most 366 days away: a lock is an exception, what holds for good is a rule of the policy",
        ));
    }
    if known.is_none() && ci.attributes.len() >= ASSERTED_ATTRIBUTES {
        return Err(Rejection::invalid("attribute", format!("a configuration item has at most {ASSERTED_ATTRIBUTES} attributes")));
    }
    let source = Source::of(&context.actor);
    let lock = Lock { value, source, reason, locked_at: context.now, expires_at: wanted.expires_at };
    let same = |held: &Lock| Lock { locked_at: lock.locked_at, ..held.clone() } == lock;
    if known.and_then(Attribute::lock).is_some_and(same) {
        return Ok(Vec::new());
    }
    let (attribute, before) = (wanted.attribute.to_owned(), known.map(|known| known.value().clone()));
    Ok(vec![CiEvent::AttributeLocked { ci: ci.id, attribute, before, lock }])
}

/// Ends a lock.
///
/// # Errors
/// [`Rejection::NotFound`] without a lock.
pub fn unlock(ci: &Ci, attribute: &str) -> Result<Vec<CiEvent>, Rejection> {
    let ended = ci.attributes.get(attribute).and_then(|known| ended(ci, attribute, known, UnlockCause::Withdrawn));
    let ended =
        ended.ok_or_else(|| Rejection::not_found("lock", format!("of {} on {}", crate::ci::normalise::cut(attribute, 64), ci.id)))?;
    Ok(vec![ended])
}

/// Withdraws what people say of an attribute, their lock included.
///
/// # Errors
/// [`Rejection::NotFound`] without the attribute, [`Rejection::WrongState`] when it does not drift.
pub fn accept_observed(policy: &Reconciliation, ci: &Ci, attribute: &str) -> Result<Vec<CiEvent>, Rejection> {
    let shown = || crate::ci::normalise::cut(attribute, 64).to_owned();
    let known = ci.attributes.get(attribute).ok_or_else(|| Rejection::not_found("attribute", format!("{} of {}", shown(), ci.id)))?;
    if !known.drifts() {
        let (subject, state) = (format!("attribute {} of {}", shown(), ci.id), "not in drift".to_owned());
        return Err(Rejection::WrongState { subject, state, action: "accepted as observed" });
    }
    let mut events: Vec<CiEvent> = ended(ci, attribute, known, UnlockCause::Accepted).into_iter().collect();
    if known.proposals().iter().any(|proposal| proposal.source().is_person()) {
        let unlocked = known.clone().unlocked();
        let before = unlocked.as_ref().map(|unlocked| unlocked.value().clone());
        let after = unlocked.and_then(|unlocked| Weighing::new(policy, ci.class, attribute).withdraw(&unlocked, Source::is_person));
        let changes = vec![AttributeChange { name: attribute.to_owned(), before, after }];
        events.push(CiEvent::AttributesChanged { ci: ci.id, changes });
    }
    Ok(events)
}

/// The end of the lock on an attribute; `None` without one.
#[must_use]
pub fn ended(ci: &Ci, name: &str, attribute: &Attribute, cause: UnlockCause) -> Option<CiEvent> {
    let before = attribute.lock()?.value.clone();
    let after = attribute.winner().map(|winner| winner.value().clone());
    Some(CiEvent::AttributeUnlocked { ci: ci.id, attribute: name.to_owned(), cause, before, after })
}
