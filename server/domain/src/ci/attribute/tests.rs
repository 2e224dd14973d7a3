//! What is stored of an attribute, and what follows from it.

use super::*;
use rollcall_shared::AgentId;

fn proposal(source: Source, value: &str, at: i64) -> Proposal {
    Proposal::new(AttributeValue::Text(value.into()), source, Timestamp(at), Method::Api)
}

fn person(name: &str) -> Source {
    Source::Person { name: name.into() }
}

fn agent() -> Source {
    Source::Agent { id: AgentId(1) }
}

fn lock(value: &str) -> Lock {
    Lock {
        value: AttributeValue::Text(value.into()),
        source: person("eve"),
        reason: "audit".into(),
        locked_at: Timestamp(7),
        expires_at: Timestamp(9),
    }
}

/// A serial of `measured` by an agent and `asserted` by a person, who counts.
fn contested(asserted: &str, measured: &str) -> Attribute {
    Attribute::new(vec![proposal(person("ada"), asserted, 1), proposal(agent(), measured, 2)], 0, Some(1), None).unwrap()
}

#[test]
fn an_attribute_reads_back_as_it_was_written_whatever_is_written_beside_it() {
    for attribute in [contested("a", "b"), contested("a", "b").locked(lock("c")), Attribute::only_locked(lock("c"))] {
        let stored = serde_json::to_string(&attribute).unwrap();
        assert_eq!(serde_json::from_str::<Attribute>(&stored).unwrap(), attribute);
        let mut shown = Vec::new();
        serialize_shown(&Some(attribute.clone()), &mut serde_json::Serializer::new(&mut shown)).unwrap();
        let read: serde_json::Value = serde_json::from_slice(&shown).unwrap();
        assert_eq!(read["value"], serde_json::to_value(attribute.value()).unwrap());
        assert_eq!(serde_json::from_value::<Attribute>(read).unwrap(), attribute);
    }
}

#[test]
fn a_stored_attribute_that_points_nowhere_is_refused() {
    for text in [
        r#"{"proposals": [], "winner": 0}"#,
        r#"{"proposals": [{"value": 1, "source": {"kind": "person", "name": "a"}, "observed_at": "1970-01-01T00:00:00Z", "method": "api"}], "winner": 1}"#,
        r#"{"proposals": [{"value": 1, "source": {"kind": "person", "name": "a"}, "observed_at": "1970-01-01T00:00:00Z", "method": "api"}], "winner": 0, "observed": 1}"#,
    ] {
        assert!(serde_json::from_str::<Attribute>(text).is_err(), "{text}");
    }
}

#[test]
fn drift_is_between_the_newest_assertion_or_the_lock_and_what_machines_say() {
    assert!(contested("a", "b").drifts());
    assert!(!contested("a", "a").drifts());
    assert!(!contested("a", "b").locked(lock("b")).drifts());
    let two = vec![proposal(person("ada"), "a", 1), proposal(person("bob"), "b", 2), proposal(agent(), "b", 3)];
    assert!(!Attribute::new(two, 1, Some(2), None).unwrap().drifts());
    assert!(!Attribute::new(vec![proposal(person("ada"), "a", 1)], 0, None, None).unwrap().drifts());
}

#[test]
fn a_lock_hides_the_winner_and_gives_it_back() {
    let locked = contested("a", "b").locked(lock("c"));
    assert_eq!((locked.text(), locked.source()), (Some("c"), &person("eve")));
    assert_eq!(locked.unlocked(), Some(contested("a", "b")));
    let alone = Attribute::only_locked(lock("c"));
    assert_eq!(alone.text(), Some("c"));
    assert_eq!(alone.unlocked(), None);
}

#[test]
fn every_method_reads_back_from_its_name() {
    let sections = rollcall_shared::SectionName::ALL.iter().map(|name| Method::Section(*name));
    for method in sections.chain([Method::Api, Method::Import, Method::Derived]) {
        assert_eq!(method.to_string().parse(), Ok(method));
    }
    assert!("section of nothing".parse::<Method>().is_err());
}

#[test]
fn attributes_are_found_by_name_and_kept_in_order() {
    let mut attributes = Attributes::default();
    for name in ["serial", "model", "uuid", "model"] {
        attributes.insert(name.into(), contested(name, "x"));
    }
    assert_eq!(attributes.keys().collect::<Vec<&str>>(), ["model", "serial", "uuid"]);
    assert_eq!(attributes["uuid"].text(), Some("uuid"));
    let stored = serde_json::to_string(&attributes).unwrap();
    assert_eq!(serde_json::from_str::<Attributes>(&stored).unwrap(), attributes);
    assert!(attributes.remove("model").is_some() && attributes.remove("model").is_none());
    assert_eq!(attributes.len(), 2);
}

#[test]
fn a_proposal_is_small() {
    // Millions of them are held: a new field is paid for by every host.
    assert!(size_of::<Proposal>() <= 32 && size_of::<Attribute>() <= 32, "{} {}", size_of::<Proposal>(), size_of::<Attribute>());
}
