//! What is wrong with items, and that what is counted is what is found.

use super::*;
use crate::ci::testing::*;
use crate::ci::{AttributeValue, CiCommand, CiEvent, Class, Lifecycle, NewCi, RelationKind};
use crate::command::Command;
use crate::group::{GroupCommand, NewGroup, Selection};
use crate::id::{CiId, Family};
use rollcall_shared::section::System;
use rollcall_shared::{Section, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// Longer than a source may be silent unless somebody decides otherwise.
const SILENT: Duration = Duration::from_secs(7 * 86_400);

/// Reasons of one item, in words that programs read; an attribute after a colon.
fn reasons(fleet: &Fleet, id: CiId) -> Option<Vec<String>> {
    let mut examiner = Examiner::new(&fleet.world, fleet.now);
    let examined = examiner.examine(&fleet.world.cmdb.cis[&id])?;
    let shown = |reason: &Reason<'_>| match reason.attribute() {
        Some(name) => format!("{}:{name}", reason.code().as_str()),
        None => reason.code().as_str().to_owned(),
    };
    Some(examined.reasons.iter().map(shown).collect())
}

/// The reasons of `id` that count against a metric.
#[track_caller]
fn check(fleet: &Fleet, id: CiId, metric: Metric, expected: &[&str]) {
    let mut examiner = Examiner::new(&fleet.world, fleet.now);
    let of_metric: BTreeSet<&str> = ReasonCode::ALL.into_iter().filter(|code| code.metric() == metric).map(ReasonCode::as_str).collect();
    let found = reasons(fleet, id).expect("counts");
    let found: Vec<&String> = found.iter().filter(|text| of_metric.contains(text.split(':').next().unwrap())).collect();
    assert_eq!(found, expected);
    let words: Vec<String> = examiner.examine(&fleet.world.cmdb.cis[&id]).unwrap().reasons.iter().map(ToString::to_string).collect();
    assert!(words.iter().all(|text| text.len() > 10), "{words:?}");
}

fn make(fleet: &mut Fleet, class: Class, name: &str, attributes: &[(&str, &str)]) -> CiId {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), AttributeValue::Text((*value).into()))).collect();
    let new = NewCi { class, name: name.into(), status: Some(Lifecycle::Operational), parent: None, attributes, tags: Vec::new() };
    match &fleet.command("ada", CiCommand::Create(Box::new(new))).expect("made")[0] {
        CiEvent::CiCreated { ci, .. } => *ci,
        other => panic!("{other:?}"),
    }
}

fn assert(ci: CiId, name: &str, value: &str) -> CiCommand {
    let attributes = [(name.to_owned(), Some(AttributeValue::Text(value.into())))].into();
    CiCommand::AssertAttributes { ci, attributes, expected: None }
}

fn retire(ci: CiId) -> CiCommand {
    CiCommand::SetStatus { ci, status: Lifecycle::Retired, reason: "sold".into(), expected: None }
}

/// One server with a system and a disk.
fn fleet() -> (Fleet, CiId) {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1)), os("12"), Section::Disks(vec![disk("nvme0n1", "S6CKNX0T1")])]);
    let host = fleet.id_of(1);
    (fleet, host)
}

#[test]
fn an_item_is_complete_when_it_has_what_its_class_and_those_above_it_expect() {
    let (mut fleet, host) = fleet();
    let lacks = |required: &[&str], more: &[&str]| -> Vec<String> {
        let required = required.iter().map(|name| format!("lacks_required:{name}"));
        required.chain(more.iter().map(|name| format!("lacks_recommended:{name}"))).collect()
    };
    let texts = |texts: &[String]| -> Vec<String> { texts.to_vec() };
    let expected = lacks(&["os_name"], &["architecture", "cpu_model", "ip_addresses", "kernel"]);
    assert_eq!(reasons(&fleet, host).unwrap()[..5], texts(&expected)[..]);
    let mut examiner = Examiner::new(&fleet.world, fleet.now);
    let completeness = examiner.examine(&fleet.world.cmdb.cis[&host]).unwrap().completeness;
    // Five required and six recommended attributes: 16 points, of which two and four times one are missing.
    assert_eq!(completeness, 1_000 * 10 / 16);
    let policy = serde_json::json!({"health": {"expectations": [
        {"class": "host", "required": ["cost_centre"], "ignored": ["os_name", "kernel", "architecture"]},
        {"class": "server", "ignored": ["cpu_model", "ip_addresses"]},
    ]}});
    let policy = Box::new(serde_json::from_value(policy).unwrap());
    fleet.command("ada", CiCommand::SetPolicy { policy, expected: None }).unwrap();
    check(&fleet, host, Metric::Completeness, &["lacks_required:cost_centre"]);
    fleet.command("ada", assert(host, "cost_centre", "4711")).unwrap();
    check(&fleet, host, Metric::Completeness, &[]);
    let container = expected_of(&fleet, Class::Container);
    assert_eq!(container, (vec!["cost_centre".to_owned()], vec!["image".to_owned()]), "a container tells of no system");
}

fn expected_of(fleet: &Fleet, class: Class) -> (Vec<String>, Vec<String>) {
    let found = expected(&fleet.world, class);
    let texts = |names: &BTreeSet<&str>| names.iter().map(|name| (*name).to_owned()).collect();
    (texts(&found.required), texts(&found.recommended))
}

#[test]
fn the_table_expects_attributes_that_there_are() {
    for known in BUILT_IN {
        for name in known.required.iter().chain(known.recommended) {
            let in_model = known.class.expected().iter().any(|(_, one)| one.name == *name);
            assert!(in_model || crate::attribute::BuiltIn::find(name).is_some(), "{name} of {:?}", known.class);
        }
    }
}

#[test]
fn what_people_and_machines_say_is_weighed_for_correctness() {
    let (mut fleet, host) = fleet();
    check(&fleet, host, Metric::Correctness, &[]);
    fleet.command("ada", assert(host, "model", "R650xs")).unwrap();
    check(&fleet, host, Metric::Correctness, &["drifts:model"]);
    fleet.deliver("glpi", "k", [system(System { hostname: Some("other".into()), ..server(1) })]).unwrap();
    check(&fleet, host, Metric::Correctness, &["contradicted:hostname", "drifts:model"]);
    let policy = serde_json::json!({"identification": {"junk_serials": ["SRV00001"]}});
    let policy = Box::new(serde_json::from_value(policy).unwrap());
    fleet.command("ada", CiCommand::SetPolicy { policy, expected: None }).unwrap();
    check(&fleet, host, Metric::Correctness, &["contradicted:hostname", "drifts:model", "junk_identifier:serial"]);
}

#[test]
fn a_value_that_was_said_before_its_type_is_wrong() {
    use crate::attribute::{AttributeCommand, Definition, Kind};
    let (mut fleet, host) = fleet();
    fleet.command("ada", assert(host, "warranty_end", "soon")).unwrap();
    let definition = Definition {
        name: "warranty_end".into(),
        label: "Warranty".into(),
        kind: Kind::Date,
        classes: BTreeSet::new(),
        required: true,
        unit: None,
    };
    // Defined while nobody looked: a definition that a value contradicts is refused.
    let event = crate::attribute::AttributeEvent::AttributeDefined { definition: Box::new(definition.clone()) };
    fleet.append(crate::Actor::System, vec![crate::Event::Attribute(event)]);
    check(&fleet, host, Metric::Correctness, &["wrong_type:warranty_end"]);
    assert!(expected_of(&fleet, Class::Disk).0.contains(&"warranty_end".to_owned()), "what people require is expected");
    let withdraw = AttributeCommand::Withdraw { name: definition.name, expected: None };
    fleet.carry_out(Command::Attribute(withdraw));
    check(&fleet, host, Metric::Correctness, &[]);
}

#[test]
fn a_host_that_is_not_heard_of_is_stale_and_its_parts_are_not_counted_again() {
    let (mut fleet, host) = fleet();
    let part = fleet.of_class(Class::Disk)[0].id;
    check(&fleet, host, Metric::Staleness, &[]);
    fleet.tick();
    fleet.pass(DAY);
    check(&fleet, host, Metric::Staleness, &[]);
    fleet.pass(SILENT);
    check(&fleet, host, Metric::Staleness, &["not_seen"]);
    check(&fleet, part, Metric::Staleness, &[]);
    fleet.report(1, [system(server(1)), os("12"), Section::Disks(vec![])]);
    check(&fleet, host, Metric::Staleness, &[]);
    check(&fleet, part, Metric::Staleness, &["absent"]);
    fleet.deliver("glpi", "k", [system(server(9))]).unwrap();
    let foreign = fleet.world.cmdb.natives[&("glpi".to_owned(), "k".to_owned())];
    fleet.pass(SILENT);
    check(&fleet, foreign, Metric::Staleness, &["not_seen"]);
    fleet.deliver("glpi", "k", [system(server(9))]).unwrap();
    check(&fleet, foreign, Metric::Staleness, &[]);
    let recorded = make(&mut fleet, Class::Server, "by-hand", &[]);
    check(&fleet, recorded, Metric::Staleness, &[]);
}

#[test]
fn doubts_about_two_records_are_possible_duplicates() {
    let mut fleet = Fleet::with_agents([]);
    let serial = [("serial", "SRV00001")];
    let (one, two) = (make(&mut fleet, Class::Server, "one", &serial), make(&mut fleet, Class::Server, "two", &serial));
    check(&fleet, one, Metric::Duplicates, &["may_be_duplicate"]);
    check(&fleet, two, Metric::Duplicates, &["may_be_duplicate"]);
    fleet.ci_events([CiEvent::DuplicateFound { ci: two, duplicate_of: one }]);
    assert_eq!(reasons(&fleet, two).unwrap(), ["is_duplicate", "may_be_duplicate"]);
    let task = *fleet.world.cmdb.reviews.keys().next().unwrap();
    let resolution = crate::ci::review::Resolution::Merged { keep: one };
    fleet.command("ada", CiCommand::ResolveReview { task, resolution, reason: "one machine".into() }).unwrap();
    check(&fleet, one, Metric::Duplicates, &[]);
    assert_eq!(reasons(&fleet, two), None, "merged records are no items any more");
    let serial = [("serial", "SRV00002")];
    let (three, four) = (make(&mut fleet, Class::Server, "three", &serial), make(&mut fleet, Class::Server, "four", &serial));
    check(&fleet, three, Metric::Duplicates, &["may_be_duplicate"]);
    let merge = CiCommand::Merge { into: three, from: vec![four], reason: "one machine".into(), expected: None };
    fleet.command("ada", merge).unwrap();
    check(&fleet, three, Metric::Duplicates, &[]);
    assert!(fleet.world.cmdb.reviews.values().all(|task| task.settled.is_some()), "a merge answers what was asked");
}

#[test]
fn what_belongs_to_nothing_and_nobody_is_an_orphan_as_its_class_has_it() {
    let (mut fleet, host) = fleet();
    let part = fleet.of_class(Class::Disk)[0].id;
    check(&fleet, host, Metric::Orphans, &["nobody_responsible"]);
    let query = Selection::Query { query: crate::query::Query::parse("class:server").unwrap() };
    let group = |selection| NewGroup { name: "all".into(), description: None, owner: None, support_group: false, selection };
    fleet.carry_out(Command::Group(GroupCommand::Create { group: group(query), members: BTreeSet::new() }));
    check(&fleet, host, Metric::Orphans, &[]);
    check(&fleet, part, Metric::Orphans, &[]);
    let place = make(&mut fleet, Class::Location, "Hall 2", &[]);
    check(&fleet, place, Metric::Orphans, &["unrelated"]);
    fleet.command("ada", CiCommand::Relate { from: host, kind: RelationKind::HostedOn, to: place }).unwrap();
    check(&fleet, place, Metric::Orphans, &[]);
    fleet.command("ada", retire(place)).unwrap();
    check(&fleet, host, Metric::Orphans, &["related_to_out_of_use"]);
    let service = make(&mut fleet, Class::BusinessService, "Shop", &[]);
    check(&fleet, service, Metric::Orphans, &["unrelated", "nobody_responsible"]);
    let loose = make(&mut fleet, Class::Disk, "spare", &[("serial", "S6CKNX0T2")]);
    check(&fleet, loose, Metric::Orphans, &["no_host"]);
    fleet.command("ada", retire(host)).unwrap();
    check(&fleet, part, Metric::Orphans, &["host_out_of_use"]);
    assert_eq!(reasons(&fleet, host), None, "what is out of use does not count");
}

#[test]
fn a_product_that_nobody_has_is_an_orphan() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1)), packages(&[("bash", "5.2"), ("vim", "9")])]);
    fleet.report(1, [system(server(1)), packages(&[("bash", "5.2")])]);
    check(&fleet, fleet.named("bash").id, Metric::Orphans, &[]);
    check(&fleet, fleet.named("vim").id, Metric::Orphans, &["not_installed"]);
}

#[test]
fn scores_are_what_the_formula_says() {
    let mut tally = Tally::default();
    assert_eq!(tally.scores(), None, "of nothing there is no score");
    for failing in [&[][..], &[Reason::Itself(ReasonCode::Unrelated), Reason::Attribute(ReasonCode::LacksRecommended, "model")]] {
        let completeness = if failing.is_empty() { 1_000 } else { 500 };
        tally.count(&Examined { completeness, reasons: failing.to_vec() });
    }
    let scores = tally.scores().unwrap();
    assert_eq!((scores.metrics, scores.health), ([75.0, 100.0, 100.0, 100.0, 50.0], 85.0));
    assert_eq!((tally.failing(Metric::Completeness), tally.lacking["model"]), (0, 1));
    let almost = Tally { cis: 10_000, completeness: 10_000_000, failing: [(Metric::Orphans, 1)].into(), ..Tally::default() };
    assert_eq!(almost.scores().unwrap().metrics[4], 99.9, "100 says that nothing is wrong");
}

/// Some servers with a disk each and some of each kind of trouble, and so many products.
fn large(products: usize) -> Fleet {
    let mut fleet = Fleet::with_agents([]);
    for number in 0..20 {
        let sections = [system(server(number)), Section::Disks(vec![disk("nvme0n1", &format!("S6CKNX0T{number:05}"))])];
        fleet.deliver("glpi", &number.to_string(), sections).unwrap();
    }
    let hosts: Vec<CiId> = fleet.world.cmdb.cis.keys().copied().take(3).collect();
    fleet.command("ada", assert(hosts[0], "model", "other")).unwrap();
    fleet.command("ada", retire(hosts[1])).unwrap();
    fleet.command("ada", assert(hosts[2], "owner", "ada")).unwrap();
    let product = |bits: u128| (CiId { family: Family::Software, bits }, format!("p{bits}"), format!("pkg:deb/p{bits}"));
    let products = (0..products as u128).map(|number| product(1 << 100 | number)).collect();
    fleet.ci_events([CiEvent::ProductsDiscovered { products }]);
    fleet
}

#[test]
fn a_large_cmdb_is_measured_in_portions_that_come_to_the_whole() {
    let mut fleet = large(LIVE * PRODUCTS);
    assert_eq!(next(&fleet.world, fleet.now).map(|at| at > fleet.now), Some(true), "an hour after its first item");
    fleet.pass(DAY);
    assert!(current(&fleet.world, fleet.now).is_none(), "never measured, and too large to be measured now");
    assert_eq!(next(&fleet.world, fleet.now), Some(fleet.now));
    let mut portions = 0;
    while fleet.world.cmdb.health.last().is_none() {
        fleet.wait(1);
        portions += 1;
    }
    assert_eq!((portions, fleet.world.cmdb.health.sweep.is_none()), (6, true));
    let measured = fleet.world.cmdb.health.last().unwrap().clone();
    let mut counted: BTreeMap<Class, Tally> = BTreeMap::new();
    let mut examiner = Examiner::new(&fleet.world, fleet.now);
    for ci in fleet.world.cmdb.cis.values() {
        if let Some(examined) = examiner.examine(ci) {
            counted.entry(ci.class).or_default().count(&examined);
        }
    }
    assert_eq!(measured.classes, counted);
    let counted = [Some(Class::Host), Some(Class::Disk), None].map(|class| measured.of(class).cis);
    assert_eq!(counted, [19, 20, 39], "everything is everything but products");
    assert_eq!(current(&fleet.world, fleet.now).as_ref(), Some(&measured));
    let size = serde_json::to_vec(fleet.log.last().unwrap()).unwrap().len();
    assert!(size < 2_000, "{size} bytes");
    fleet.check();
}

#[test]
fn the_software_of_a_few_hosts_does_not_make_a_cmdb_large() {
    let fleet = large(LIVE + 300);
    assert_eq!((is_live(&fleet.world), next(&fleet.world, fleet.now)), (true, None));
    assert_eq!(current(&fleet.world, fleet.now).map(|measured| measured.of(Some(Class::Disk)).cis), Some(20));
    assert!(!is_live(&large(LIVE * PRODUCTS).world));
}

#[test]
fn it_is_measured_once_a_day_and_days_are_kept_for_two_years() {
    let (mut fleet, _) = fleet();
    fleet.wait(60);
    assert!(fleet.world.cmdb.health.days.is_empty(), "whoever tries it out is still filling it");
    for _ in 0..3 {
        fleet.wait(3_600);
    }
    assert_eq!(fleet.world.cmdb.health.days.len(), 1);
    for _ in 0..DAYS_KEPT + 5 {
        fleet.pass(DAY);
        fleet.wait(1);
        fleet.wait(1);
    }
    let days = &fleet.world.cmdb.health.days;
    assert_eq!(days.len(), DAYS_KEPT);
    let measured = fleet.log.iter().filter(|record| matches!(record.event, crate::Event::Ci(CiEvent::HealthMeasured { .. })));
    assert_eq!(measured.count(), DAYS_KEPT + 6);
    assert!(days.values().all(|day| day.at <= fleet.now && day.at > Timestamp(0)));
}

#[test]
fn every_reason_has_a_name_and_a_metric() {
    for code in ReasonCode::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        assert!(Metric::ALL.contains(&code.metric()));
    }
    for metric in Metric::ALL {
        assert_eq!(metric.as_str().parse(), Ok(metric));
        assert_eq!(serde_json::to_value(metric).unwrap(), metric.as_str());
    }
}
