//! Defined attributes.

use super::*;
use crate::ci::testing::Fleet;
use crate::ci::{AttributeValue, CiCommand, CiEvent, NewCi};
use crate::contact::{ContactCommand, ContactKind};
use crate::id::CiId;
use crate::{Command, Event, Rejection};

fn definition(name: &str, kind: Kind) -> Definition {
    Definition { name: name.into(), label: name.into(), kind, classes: BTreeSet::new(), required: false, unit: None }
}

fn words(words: &[&str]) -> Kind {
    Kind::Enumeration { values: words.iter().map(|word| (*word).to_owned()).collect() }
}

fn define(fleet: &mut Fleet, definition: Definition) -> Result<Vec<Event>, Rejection> {
    let done = fleet.decide("ada", &Command::Attribute(AttributeCommand::Define(Box::new(definition))));
    fleet.check();
    done
}

fn make(fleet: &mut Fleet, class: Class, name: &str, attributes: &[(&str, AttributeValue)]) -> Result<CiId, Rejection> {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let new = NewCi { class, name: name.into(), status: None, parent: None, attributes, tags: Vec::new() };
    let events = fleet.command("ada", CiCommand::Create(Box::new(new)))?;
    let CiEvent::CiCreated { ci, .. } = &events[0] else { panic!("{events:?}") };
    Ok(*ci)
}

fn assert_value(fleet: &mut Fleet, ci: CiId, name: &str, value: Option<AttributeValue>) -> Result<Vec<CiEvent>, Rejection> {
    fleet.command("ada", CiCommand::AssertAttributes { ci, attributes: [(name.to_owned(), value)].into(), expected: None })
}

fn why<T>(outcome: Result<T, Rejection>) -> Option<String> {
    outcome.err().map(|error| match error {
        Rejection::Invalid { field, .. } => field,
        Rejection::Conflict(_) => "conflict".into(),
        other => other.to_string(),
    })
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::Text(text.into())
}

#[track_caller]
fn check(definition: Definition, expected: Option<&str>) {
    let subject = format!("{definition:?}");
    assert_eq!(why(define(&mut Fleet::with_agents([]), definition)).as_deref(), expected, "{subject}");
}

#[test]
fn a_definition_has_a_name_a_type_and_what_goes_with_it() {
    check(definition("cost_centre", Kind::Text), None);
    check(definition("Cost", Kind::Text), Some("name"));
    check(definition("status", Kind::Text), Some("name"));
    check(definition("serial", Kind::Text), Some("conflict"));
    check(definition("tier", words(&["gold", "silver"])), None);
    check(definition("tier", words(&[])), Some("values"));
    check(definition("tier", words(&["gold", "Gold"])), Some("values"));
    check(definition("tier", words(&[" "])), Some("values"));
    check(Definition { unit: Some("W".into()), ..definition("power", Kind::Integer) }, None);
    check(Definition { unit: Some("W".into()), ..definition("power", Kind::Text) }, Some("unit"));
    check(Definition { label: String::new(), ..definition("power", Kind::Text) }, Some("label"));
    check(Definition { classes: [Class::SoftwareProduct].into(), ..definition("x", Kind::Text) }, Some("classes"));
    check(definition("boss", Kind::Contact), Some("type"));
}

#[test]
fn what_is_asserted_fits_the_type() {
    let mut fleet = Fleet::with_agents([]);
    let cluster = make(&mut fleet, Class::Cluster, "k8s", &[]).expect("made");
    define(&mut fleet, definition("rack_units", Kind::Integer)).expect("defined");
    define(&mut fleet, Definition { classes: [Class::Host].into(), ..definition("warranty_end", Kind::Date) }).expect("defined");
    for (name, value, expected) in [
        ("rack_units", AttributeValue::Integer(2), None),
        ("rack_units", text("two"), Some("attributes.rack_units")),
        ("warranty_end", text("2027-01-01"), Some("attributes.warranty_end")),
        ("nobody_defined", text("anything"), None),
        ("memory_bytes", text("lots"), Some("attributes.memory_bytes")),
        ("criticality", text("high"), None),
        ("criticality", text("High"), Some("attributes.criticality")),
    ] {
        assert_eq!(why(assert_value(&mut fleet, cluster, name, Some(value.clone()))).as_deref(), expected, "{name} {value:?}");
    }
    let error = assert_value(&mut fleet, cluster, "warranty_end", Some(text("2027-01-01"))).expect_err("refused").to_string();
    assert_eq!(error, "attributes.warranty_end: is defined for host, not for a cluster");
    let server = make(&mut fleet, Class::Server, "web-1", &[("warranty_end", text("2027-01-01"))]);
    assert!(server.is_ok(), "a server is a host: {server:?}");
}

#[test]
fn a_definition_does_not_contradict_what_is_there() {
    let mut fleet = Fleet::with_agents([]);
    let cluster = make(&mut fleet, Class::Cluster, "k8s", &[("cost", text("dear"))]).expect("made");
    let error = define(&mut fleet, definition("cost", Kind::Integer)).expect_err("refused").to_string();
    assert_eq!(error, format!("type: {cluster} has a value that does not fit: it must be a whole number; withdraw it with null first"));
    make(&mut fleet, Class::Cluster, "dev", &[("cost", text("dear"))]).expect("made");
    let error = define(&mut fleet, definition("cost", Kind::Integer)).expect_err("refused").to_string();
    assert!(error.ends_with("so have 1 others: the query has:cost finds all that have one"), "{error}");
    assert_eq!(why(define(&mut fleet, definition("cost", words(&["cheap"])))).as_deref(), Some("values"));
    define(&mut fleet, definition("cost", words(&["cheap", "dear"]))).expect("defined");
    let change = |kind| {
        let definition = Box::new(Definition { label: "What it costs".into(), ..definition("cost", kind) });
        Command::Attribute(AttributeCommand::Change { definition, expected: None })
    };
    assert_eq!(why(fleet.decide("ada", &change(Kind::Integer))).as_deref(), Some("type"));
    assert_eq!(why(fleet.decide("ada", &change(words(&["cheap"])))).as_deref(), Some("values"));
    assert_eq!(fleet.decide("ada", &change(words(&["cheap", "dear", "free"]))).map(|events| events.len()), Ok(1));
    assert_eq!(fleet.decide("ada", &change(words(&["cheap", "dear", "free"]))).map(|events| events.len()), Ok(0));
    fleet.decide("ada", &Command::Attribute(AttributeCommand::Withdraw { name: "cost".into(), expected: None })).expect("withdrawn");
    assert_eq!(fleet.world.cmdb.cis[&cluster].attributes["cost"].value(), &text("dear"), "values stay");
    assert_value(&mut fleet, cluster, "cost", Some(AttributeValue::Integer(5))).expect("of no type any more");
    fleet.check();
}

#[test]
fn what_is_required_is_given_at_once_and_kept() {
    let mut fleet = Fleet::with_agents([]);
    let classes = BTreeSet::from([Class::BusinessService]);
    define(&mut fleet, Definition { classes, required: true, ..definition("cost_centre", Kind::Text) }).expect("defined");
    assert_eq!(why(make(&mut fleet, Class::BusinessService, "Shop", &[])).as_deref(), Some("attributes.cost_centre"));
    let shop = make(&mut fleet, Class::BusinessService, "Shop", &[("cost_centre", text("4711"))]).expect("made");
    assert_eq!(why(assert_value(&mut fleet, shop, "cost_centre", None)).as_deref(), Some("attributes.cost_centre"));
    assert_value(&mut fleet, shop, "cost_centre", Some(text("4712"))).expect("changed");
    make(&mut fleet, Class::Cluster, "k8s", &[]).expect("not required of clusters");
}

#[test]
fn owners_are_known_as_soon_as_anybody_is() {
    let mut fleet = Fleet::with_agents([]);
    let cluster = make(&mut fleet, Class::Cluster, "k8s", &[("owner", text("whoever"))]).expect("made");
    let add = ContactCommand::Add { name: "Web team".into(), kind: ContactKind::Team, mail: None };
    fleet.decide("ada", &Command::Contact(add)).expect("added");
    assert_eq!(why(assert_value(&mut fleet, cluster, "owner", Some(text("somebody")))).as_deref(), Some("attributes.owner"));
    assert_value(&mut fleet, cluster, "owner", Some(text("WEB team"))).expect("known");
    assert_eq!(fleet.world.cmdb.cis[&cluster].attributes["owner"].value(), &text("Web team"));
    let id = fleet.world.contacts.find("web team").expect("there").contact.id.to_string();
    assert_value(&mut fleet, cluster, "support_group", Some(text(&id))).expect("known");
    assert_eq!(fleet.world.cmdb.cis[&cluster].attributes["support_group"].value(), &text("Web team"));
    fleet.check();
}

#[test]
fn built_in_attributes_are_in_order_and_each_is_there_once() {
    assert!(BUILT_IN.is_sorted_by(|a, b| a.name < b.name));
}

#[test]
fn every_attribute_that_machines_report_is_listed() {
    use crate::ci::testing::{os, server, system};
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1)), os("12")]);
    for name in fleet.host_of(1).attributes.keys() {
        assert!(BuiltIn::find(name).is_some_and(|known| known.measured), "{name}");
    }
}
