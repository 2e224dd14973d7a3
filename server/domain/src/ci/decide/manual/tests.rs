//! Records that people make and look after.

use super::*;
use crate::ci::relation::relations;
use crate::ci::testing::{Fleet, server, system};
use crate::ci::{CiCommand, RelationKind};

fn text(text: &str) -> AttributeValue {
    AttributeValue::Text(text.into())
}

fn new(class: Class, name: &str, attributes: &[(&str, &str)]) -> NewCi {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect();
    NewCi { class, name: name.into(), status: None, parent: None, attributes, tags: Vec::new() }
}

fn make(fleet: &mut Fleet, new: NewCi) -> Result<CiId, Rejection> {
    let events = fleet.command("ada", CiCommand::Create(Box::new(new)))?;
    fleet.check();
    match &events[0] {
        CiEvent::CiCreated { ci, .. } => Ok(*ci),
        other => panic!("{other:?}"),
    }
}

/// The field that was refused, or the kind of refusal.
fn why<T>(outcome: Result<T, Rejection>) -> Option<String> {
    match outcome {
        Ok(_) => None,
        Err(Rejection::Invalid { field, .. }) => Some(field),
        Err(Rejection::Conflict(_)) => Some("conflict".into()),
        Err(Rejection::NotFound { .. }) => Some("not found".into()),
        Err(Rejection::Stale { .. }) => Some("stale".into()),
        Err(other) => Some(other.to_string()),
    }
}

#[track_caller]
fn check(new: NewCi, expected: Option<&str>) {
    let subject = format!("{new:?}");
    assert_eq!(why(make(&mut Fleet::with_agents([]), new)).as_deref(), expected, "{subject}");
}

#[test]
fn people_make_what_no_machine_reports() {
    check(new(Class::BusinessService, "Shop", &[("criticality", "mission_critical")]), None);
    check(new(Class::BusinessService, "Shop", &[("criticality", "huge")]), Some("attributes.criticality"));
    check(new(Class::SoftwareProduct, "bash", &[]), Some("class"));
    check(new(Class::Location, "Berlin/Hall 2", &[]), Some("name"));
    check(new(Class::Network, "Guests", &[]), Some("attributes.prefix"));
    check(new(Class::Cluster, " ", &[]), Some("name"));
    check(new(Class::Cluster, &"x".repeat(256), &[]), Some("name"));
    check(new(Class::Cluster, "a\u{7}b", &[]), Some("name"));
    check(new(Class::Cluster, &"é".repeat(255), &[]), None);
    check(NewCi { status: Some(Lifecycle::Missing), ..new(Class::Cluster, "k8s", &[]) }, Some("status"));
    check(NewCi { tags: vec!["Prod".into()], ..new(Class::Cluster, "k8s", &[]) }, Some("add"));
    check(NewCi { parent: Some(CiId { family: Family::Other, bits: 9 }), ..new(Class::Location, "Hall", &[]) }, Some("parent"));
}

#[test]
fn a_host_is_recorded_before_it_reports_under_what_will_identify_it() {
    let mut fleet = Fleet::with_agents([]);
    let id = make(&mut fleet, new(Class::Server, "web-1", &[("serial", "SRV00001")])).expect("made");
    let host = &fleet.world.cmdb.cis[&id];
    assert_eq!((host.status, host.attributes["hostname"].value().clone()), (Lifecycle::Planned, text("web-1")));
    assert_eq!(host.attributes["serial"].source(), &Source::Person { name: "ada".into() });
    let named = make(&mut fleet, new(Class::Server, "The new web server", &[])).expect("made");
    assert!(!fleet.world.cmdb.cis[&named].attributes.contains_key("hostname"), "that is no host name");
    for (attribute, value) in [("serial", "To be filled by O.E.M."), ("serial", "0000"), ("uuid", "x"), ("machine_id", "abc")] {
        check(new(Class::Server, "web-2", &[(attribute, value)]), Some(&format!("attributes.{attribute}")));
    }
}

#[test]
fn a_host_that_reports_already_is_not_made_again() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(7))]);
    let same = new(Class::Server, "web-1", &[("serial", "srv00007"), ("manufacturer", "Dell Inc.")]);
    assert_eq!(why(make(&mut fleet, same)).as_deref(), Some("conflict"));
    let same_name = new(Class::Server, "srv7", &[]);
    assert_eq!(why(make(&mut fleet, same_name)), None, "a name identifies nothing");
}

#[track_caller]
fn check_doubt(first: NewCi, second: NewCi, expected: bool) {
    let mut fleet = Fleet::with_agents([]);
    let ids = [make(&mut fleet, first).expect("made"), make(&mut fleet, second).expect("made")];
    let open: Vec<Vec<CiId>> = fleet.world.cmdb.reviews.values().map(|task| task.cis.clone()).collect();
    assert_eq!(open, if expected { vec![ids.to_vec()] } else { vec![] });
}

#[test]
fn two_planned_hosts_with_one_number_are_a_doubt() {
    let serial = [("serial", "SRV00001")];
    let uuid = ("uuid", "4c4c4544-0042-3510-8056-b9c04f4d3133");
    check_doubt(new(Class::Server, "web-1", &serial), new(Class::Server, "web-2", &serial), true);
    check_doubt(new(Class::Server, "web-1", &[uuid]), new(Class::Server, "web-2", &[uuid]), true);
    check_doubt(new(Class::Server, "web-1", &[]), new(Class::Server, "web-1", &[]), false);
    check_doubt(new(Class::Server, "web-1", &serial), new(Class::Server, "web-2", &[("serial", "SRV00002")]), false);
    let of = |maker| [("serial", "SRV00001"), ("manufacturer", maker)];
    check_doubt(new(Class::Server, "web-1", &of("Dell Inc.")), new(Class::Server, "web-2", &of("Lenovo")), false);
    let other = [serial[0], ("uuid", "4c4c4544-0042-3510-8056-b9c04f4d3134")];
    check_doubt(new(Class::Server, "web-1", &[serial[0], uuid]), new(Class::Server, "web-2", &other), false);
    check_doubt(new(Class::Printer, "lp-1", &serial), new(Class::Printer, "lp-2", &of("HP Inc.")), true);
    check_doubt(new(Class::Printer, "lp-1", &of("HP")), new(Class::Printer, "lp-2", &serial), true);
    check_doubt(new(Class::Printer, "lp-1", &of("HP")), new(Class::Printer, "lp-2", &of("Brother")), false);
    check_doubt(new(Class::Printer, "lp-1", &of("HP")), new(Class::NetworkDevice, "sw-1", &serial), false);
}

#[test]
fn a_device_with_a_known_serial_number_is_there_already() {
    let mut fleet = Fleet::with_agents([]);
    let serial = ("serial", "SRV00001");
    make(&mut fleet, new(Class::Printer, "lp-1", &[serial])).expect("made");
    assert!(matches!(make(&mut fleet, new(Class::Printer, "lp-2", &[serial])), Err(Rejection::Conflict(_))));
    make(&mut fleet, new(Class::Printer, "lp-3", &[("serial", "SRV00002"), ("manufacturer", "HP")])).expect("made");
    let again = new(Class::Printer, "lp-4", &[("serial", "SRV00002"), ("manufacturer", "Hewlett-Packard")]);
    assert!(matches!(make(&mut fleet, again), Err(Rejection::Conflict(_))), "a maker is one however its name is written");
}

#[test]
fn a_planned_host_that_is_given_anothers_number_is_a_doubt_once() {
    let mut fleet = Fleet::with_agents([]);
    let first = make(&mut fleet, new(Class::Server, "web-1", &[("serial", "SRV00001")])).expect("made");
    let second = make(&mut fleet, new(Class::Server, "web-2", &[])).expect("made");
    let assert = |name: &str, value: &str| {
        let attributes = [(name.to_owned(), Some(text(value)))].into();
        CiCommand::AssertAttributes { ci: second, attributes, expected: None }
    };
    fleet.command("ada", assert("serial", "SRV00001")).expect("taken");
    fleet.command("ada", assert("model", "R650")).expect("taken");
    fleet.command("ada", assert("serial", "SRV00002")).expect("taken");
    fleet.command("ada", assert("serial", "SRV00001")).expect("taken");
    let open: Vec<&Vec<CiId>> = fleet.world.cmdb.reviews.values().map(|task| &task.cis).collect();
    assert_eq!(open, [&vec![first, second]]);
    fleet.check();
}

#[test]
fn no_two_things_have_one_key() {
    let mut fleet = Fleet::with_agents([]);
    make(&mut fleet, new(Class::Network, "Guests", &[("prefix", "192.0.2.0/24")])).expect("made");
    let twice = new(Class::Network, "Visitors", &[("prefix", "192.0.2.0/24")]);
    assert_eq!(why(make(&mut fleet, twice)).as_deref(), Some("conflict"));
    let other = make(&mut fleet, new(Class::Network, "Visitors", &[("prefix", "192.0.2.0/25")])).expect("made");
    let assert = |prefix: Option<&str>| CiCommand::AssertAttributes {
        ci: other,
        attributes: [("prefix".to_owned(), prefix.map(text))].into(),
        expected: None,
    };
    assert_eq!(why(fleet.command("ada", assert(Some("192.0.2.0/24")))).as_deref(), Some("conflict"));
    assert_eq!(why(fleet.command("ada", assert(None))).as_deref(), Some("attributes.prefix"));
    fleet.command("ada", assert(Some("198.51.100.0/24"))).expect("moved");
    assert_eq!(fleet.world.cmdb.keys.get(&(Class::Network, "198.51.100.0/24".into())), Some(&other));
    make(&mut fleet, new(Class::Network, "Again", &[("prefix", "192.0.2.0/25")])).expect("the key is free again");
    fleet.check();
}

#[test]
fn places_are_within_each_other_and_never_in_a_circle() {
    let mut fleet = Fleet::with_agents([]);
    let within = |name: &str, parent| NewCi { parent, ..new(Class::Location, name, &[]) };
    let city = make(&mut fleet, within("Berlin", None)).expect("made");
    let hall = make(&mut fleet, within("Hall 2", Some(city))).expect("made");
    let rack = make(&mut fleet, within("Rack 7", Some(hall))).expect("made");
    assert_eq!(why(make(&mut fleet, within("HALL 2", Some(city)))).as_deref(), Some("conflict"), "the same place");
    let place = |ci, parent| CiCommand::Place { ci, parent, expected: None };
    let circle = fleet.command("ada", place(city, Some(rack)));
    let expected = "parent: Berlin would be within itself: Berlin in Rack 7 in Hall 2 in Berlin";
    assert_eq!(circle.map_err(|error| error.to_string()), Err(expected.into()));
    assert_eq!(why(fleet.command("ada", place(city, Some(city)))).as_deref(), Some("parent"));
    let source =
        relations(&fleet.world.cmdb, hall).into_iter().find(|relation| relation.kind == RelationKind::Contains && relation.to == hall);
    assert_eq!(source.map(|relation| relation.source), Some(Source::Person { name: "ada".into() }));
    fleet.command("ada", place(rack, Some(city))).expect("moved");
    assert!(make(&mut fleet, within("Rack 7", Some(hall))).is_ok(), "the place is free again");
    let mut deep = city;
    for level in 1..DEPTH {
        deep = make(&mut fleet, within(&format!("level {level}"), Some(deep))).expect("made");
    }
    assert_eq!(why(make(&mut fleet, within("too deep", Some(deep)))).as_deref(), Some("parent"));
}

#[test]
fn people_rename_what_is_theirs() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(7))]);
    let host = fleet.id_of(1);
    let shop = make(&mut fleet, new(Class::BusinessService, "Shop", &[])).expect("made");
    make(&mut fleet, new(Class::BusinessService, "Intranet", &[])).expect("made");
    let rename = |ci, name: &str, expected| CiCommand::Rename { ci, name: name.into(), expected };
    for (ci, name, expected) in [
        (shop, "Web shop", None),
        (shop, "Web shop", None),
        (shop, "intranet", Some("conflict")),
        (shop, "", Some("name")),
        (host, "web", Some("name")),
        (CiId { family: Family::Other, bits: 9 }, "x", Some("not found")),
    ] {
        assert_eq!(why(fleet.command("ada", rename(ci, name, None))).as_deref(), expected, "{name}");
    }
    assert_eq!(why(fleet.command("ada", rename(shop, "x", Some(1)))).as_deref(), Some("stale"));
    assert_eq!(fleet.world.cmdb.cis[&shop].name, "Web shop");
    assert_eq!(fleet.world.cmdb.keys.get(&(Class::BusinessService, "web shop".into())), Some(&shop));
    assert!(!fleet.world.cmdb.keys.contains_key(&(Class::BusinessService, "shop".into())));
    fleet.check();
}

#[test]
fn tags_are_words_that_come_and_go_on_all_records_or_on_none() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(7))]);
    let host = fleet.id_of(1);
    let tag = |cis: &[CiId], add: &[&str], remove: &[&str]| {
        let owned = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
        CiCommand::Tag { cis: cis.iter().copied().collect(), add: owned(add), remove: owned(remove), expected: None }
    };
    let tags = |fleet: &Fleet| fleet.world.cmdb.cis[&host].tags.iter().cloned().collect::<Vec<_>>().join(" ");
    fleet.command("ada", tag(&[host], &["prod", "env=live", "prod"], &["absent"])).expect("tagged");
    assert_eq!(tags(&fleet), "env=live prod");
    assert_eq!(fleet.command("ada", tag(&[host], &["prod"], &[])), Ok(Vec::new()), "said again it changes nothing");
    fleet.command("ada", tag(&[host], &["équipe", "日本"], &["prod"])).expect("tagged");
    assert_eq!(tags(&fleet), "env=live équipe 日本");
    for wrong in ["", "Prod", "a b", "=x", "x=", "a=b=c", "a,b", "x\n", &"x".repeat(65)] {
        assert_eq!(why(fleet.command("ada", tag(&[host], &[wrong], &[]))).as_deref(), Some("add"), "{wrong:?}");
    }
    assert_eq!(why(fleet.command("ada", tag(&[host], &["x"], &["x"]))).as_deref(), Some("add"));
    let absent = CiId { family: Family::Host, bits: 99 };
    assert_eq!(why(fleet.command("ada", tag(&[host, absent], &["x"], &[]))).as_deref(), Some("not found"));
    assert_eq!(tags(&fleet), "env=live équipe 日本", "nothing of a refused change took effect");
    let many: Vec<String> = (0..=TAGS_PER_CI).map(|n| format!("t{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(why(fleet.command("ada", tag(&[host], &many, &[]))).as_deref(), Some("add"));
    fleet.check();
}

#[test]
fn what_people_assert_of_a_new_record_is_theirs() {
    let mut fleet = Fleet::with_agents([]);
    let id = make(&mut fleet, new(Class::Printer, "Third floor", &[("model", "LaserJet")])).expect("made");
    let ci = &fleet.world.cmdb.cis[&id];
    let model = &ci.attributes["model"];
    let reason = crate::ci::decide::reconcile::reason(&fleet.world.cmdb.policy.reconciliation, ci, "model", model);
    assert_eq!(
        (model.source(), reason.as_str()),
        (&Source::Person { name: "ada".into() }, "ada asserted it; nobody else says anything of it")
    );
}
