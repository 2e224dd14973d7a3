//! What people may assert.

use super::*;
use crate::Actor;
use crate::ci::Class;
use crate::context::{CountingIds, NoContent};
use crate::id::{CiId, Family, TokenId};
use rollcall_shared::Timestamp;

fn host() -> Ci {
    Ci::new(CiId { family: Family::Host, bits: 1 }, Class::Host, "a", Timestamp(0), 1)
}

fn assert(asserted: BTreeMap<String, Option<AttributeValue>>) -> Result<Vec<CiEvent>, Rejection> {
    let actor = Actor::Token { id: TokenId(1), name: "ada".into() };
    let context = Context { now: Timestamp(5), actor, ids: &mut CountingIds::default(), content: &NoContent };
    attributes(&Reconciliation::default(), &host(), &asserted, &context)
}

#[track_caller]
fn check(name: &str, value: AttributeValue, expected: Option<&str>) {
    let reason = match assert([(name.to_owned(), Some(value))].into()) {
        Ok(events) => (events.len() != 1).then(|| "no event".to_owned()),
        Err(Rejection::Invalid { reason, .. }) => Some(reason),
        Err(other) => Some(other.to_string()),
    };
    assert_eq!(reason.as_deref(), expected, "{name}");
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::Text(text.into())
}

#[test]
fn names_are_short_lower_case_words() {
    let rule = Some("a name begins with a lower-case letter and has 1 to 64 of a-z, 0-9 and _");
    check("cost_centre2", text("x"), None);
    for name in ["", "2x", "_x", "Owner", "a-b", "é", &"a".repeat(65)] {
        check(name, text("x"), rule);
    }
    check("status", text("x"), Some("is a field of the record itself and no attribute"));
}

#[test]
fn values_have_bounds_and_say_something() {
    check("owner", text(&"x".repeat(VALUE_BYTES)), None);
    check("owner", text(&"x".repeat(VALUE_BYTES + 1)), Some("a value has at most 4096 bytes"));
    check("owner", AttributeValue::List(vec!["x".repeat(VALUE_BYTES), "y".into()]), Some("a value has at most 4096 bytes"));
    check("owner", text("  "), Some("an empty text says nothing; withdraw it with null"));
    check("owner", AttributeValue::List(vec![]), Some("an empty list says nothing; withdraw it with null"));
    check("owner", text("a\u{1b}[31m"), Some("must have no control characters"));
    check("rack_units", AttributeValue::Number(f64::NAN), Some("must be a finite number"));
    check("rack_units", AttributeValue::Number(1.5), None);
}

#[test]
fn a_withdrawal_of_nothing_changes_nothing() {
    assert_eq!(assert([("owner".to_owned(), None)].into()), Ok(Vec::new()));
}

#[test]
fn a_record_does_not_grow_without_end() {
    let many = (0..=ASSERTED_ATTRIBUTES).map(|n| (format!("a{n}"), Some(text("x")))).collect();
    assert!(matches!(assert(many), Err(Rejection::Invalid { field, .. }) if field == "attributes"));
}
