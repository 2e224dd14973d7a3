//! What products are called, whether they may be used, until when they are cared for.

use super::*;
use crate::ci::testing::{Fleet, packages, server, system};
use crate::ci::{Ci, Class};
use crate::{Command, Event, Rejection};
use proptest::prelude::*;
use rollcall_shared::Section;
use rollcall_shared::section::Package;

/// A host with these packages.
fn fleet(list: &[(&str, &str)]) -> Fleet {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1)), packages(list)]);
    fleet
}

fn ask(fleet: &mut Fleet, command: CatalogueCommand) -> Result<Vec<CatalogueEvent>, Rejection> {
    let events = fleet.decide("ada", &Command::Catalogue(command))?;
    let ours = events.into_iter().map(|event| match event {
        Event::Catalogue(event) => event,
        other => panic!("{other:?}"),
    });
    Ok(ours.collect())
}

fn rule(position: u32, name: &str) -> Rule {
    Rule {
        id: SoftwareRuleId(0),
        position,
        pattern: Pattern { name: Some(name.into()), ..Pattern::default() },
        product: None,
        vendor: None,
        edition: None,
        category: None,
        reason: None,
    }
}

#[track_caller]
fn set(fleet: &mut Fleet, rule: Rule) -> SoftwareRuleId {
    match &ask(fleet, CatalogueCommand::CreateRule { rule: Box::new(rule) }).unwrap()[..] {
        [CatalogueEvent::SoftwareRuleSet { rule }] => rule.id,
        other => panic!("{other:?}"),
    }
}

fn product<'a>(fleet: &'a Fleet, name: &str) -> &'a Ci {
    let is_it = |ci: &&Ci| ci.class == Class::SoftwareProduct && ci.name == name;
    fleet.world.cmdb.cis.values().find(is_it).unwrap()
}

fn standing<'a>(fleet: &'a Fleet, name: &str) -> Standing<'a> {
    let catalogue = &fleet.world.catalogue;
    catalogue.standing(&fleet.world.cmdb, &catalogue.ordered_rules(), product(fleet, name))
}

#[test]
fn products_are_called_by_the_first_rule_that_says_so() {
    let mut fleet = fleet(&[("linux-image-6.1.0-13-amd64", "6.1.55-1"), ("linux-image-6.1.0-17-amd64", "6.1.69-1"), ("bash", "5.2")]);
    assert_eq!(standing(&fleet, "linux-image-6.1.0-17-amd64").product, "Linux kernel");
    assert_eq!((standing(&fleet, "bash").product, standing(&fleet, "bash").product_because), ("bash", Because::Nothing));
    set(&mut fleet, Rule { product: Some("Kernel".into()), edition: Some("LTS".into()), ..rule(20, "linux-image-6.*") });
    set(&mut fleet, Rule { product: Some("Linux".into()), vendor: Some("kernel.org".into()), ..rule(10, "linux-*-6.1.0-17-*") });
    let found = standing(&fleet, "linux-image-6.1.0-17-amd64");
    assert_eq!((found.product, found.vendor, found.edition), ("Linux", Some("kernel.org"), Some("LTS")));
    assert_eq!(standing(&fleet, "linux-image-6.1.0-13-amd64").product, "Kernel");
    fleet.check();
}

#[test]
fn rules_tell_managers_and_vendors_apart() {
    let row = |name: &str, manager: &str, vendor: &str| Package {
        name: name.into(),
        version: "1".into(),
        manager: manager.into(),
        vendor: Some(vendor.into()),
        ..Package::default()
    };
    let mut fleet = Fleet::with_agents([1]);
    let rows = vec![row("agent", "dpkg", "Acme Inc. <it@acme.example>"), row("agent", "rpm", "Other"), row("tool", "pacman", "Acme Inc.")];
    fleet.report(1, [system(server(1)), Section::Packages(rows)]);
    let pattern = Pattern { manager: Some("deb".into()), name: None, vendor: Some("acme*".into()) };
    set(&mut fleet, Rule { pattern, vendor: Some("Acme".into()), ..rule(1, "") });
    let by_key = |key: &str| {
        let catalogue = &fleet.world.catalogue;
        let ci = &fleet.world.cmdb.cis[&fleet.world.cmdb.keys[&(Class::SoftwareProduct, key.to_owned())]];
        catalogue.standing(&fleet.world.cmdb, &catalogue.ordered_rules(), ci).vendor
    };
    assert_eq!((by_key("dpkg/agent"), by_key("rpm/agent"), by_key("pacman/tool")), (Some("Acme"), Some("Other"), Some("Acme Inc.")));
}

#[test]
fn a_ruling_on_a_product_outweighs_rules_and_can_be_left_to_them_again() {
    let mut fleet = fleet(&[("telnetd", "0.17"), ("telnet", "0.17")]);
    let denied = Rule { category: Some(Category::Denied), reason: Some("clear text".into()), ..rule(1, "telnet*") };
    let id = set(&mut fleet, denied);
    assert_eq!(standing(&fleet, "telnetd").category, Category::Denied);
    let product = product(&fleet, "telnet").id;
    let decide = |category, reason: &str, expected| CatalogueCommand::RuleOnProduct { product, category, reason: reason.into(), expected };
    let seen = fleet.world.catalogue.revision_of(&fleet.world.cmdb.cis[&product]);
    ask(&mut fleet, decide(Some(Category::Approved), "for the lab", Some(seen))).unwrap();
    let found = standing(&fleet, "telnet");
    let Because::Ruling(ruling) = found.category_because else { panic!("{found:?}") };
    assert_eq!((found.category, ruling.reason.as_str(), ruling.at), (Category::Approved, "for the lab", fleet.now));
    assert!(matches!(ask(&mut fleet, decide(None, "over", Some(seen))), Err(Rejection::Stale { .. })));
    assert_eq!(ask(&mut fleet, decide(Some(Category::Approved), "for the lab", None)), Ok(Vec::new()), "said before");
    ask(&mut fleet, decide(None, "the lab is closed", None)).unwrap();
    assert_eq!(standing(&fleet, "telnet").category, Category::Denied);
    ask(&mut fleet, CatalogueCommand::RemoveRule { rule: id, expected: None }).unwrap();
    assert_eq!(standing(&fleet, "telnet").category, Category::Unclassified);
    assert_eq!(fleet.world.catalogue.rulings[&product].len(), 2);
    fleet.check();
}

#[test]
fn products_of_a_category_are_those_that_stand_so() {
    let mut fleet = fleet(&[("telnetd", "0.17"), ("telnet", "0.17"), ("bash", "5.2")]);
    let denied = |fleet: &Fleet| -> Vec<String> {
        let found = fleet.world.catalogue.products_of(&fleet.world.cmdb, Category::Denied);
        found.into_iter().map(|product| product.name.clone()).collect()
    };
    assert_eq!(denied(&fleet), [""; 0]);
    let product = product(&fleet, "telnet").id;
    let decide = |category| CatalogueCommand::RuleOnProduct { product, category: Some(category), reason: "said so".into(), expected: None };
    ask(&mut fleet, decide(Category::Denied)).unwrap();
    assert_eq!(denied(&fleet), ["telnet"]);
    ask(&mut fleet, decide(Category::Approved)).unwrap();
    set(&mut fleet, Rule { category: Some(Category::Denied), reason: Some("clear text".into()), ..rule(1, "telnet*") });
    assert_eq!(denied(&fleet), ["telnetd"]);
    let unclassified = fleet.world.catalogue.products_of(&fleet.world.cmdb, Category::Unclassified);
    assert_eq!(unclassified.into_iter().map(|product| product.name.as_str()).collect::<Vec<_>>(), ["bash"]);
}

#[track_caller]
fn refuse(change: impl FnOnce(&mut Rule), field: &str) {
    let mut wrong = Rule { product: Some("x".into()), ..rule(1, "x") };
    change(&mut wrong);
    match ask(&mut Fleet::default(), CatalogueCommand::CreateRule { rule: Box::new(wrong) }) {
        Err(Rejection::Invalid { field: found, .. }) => assert_eq!(found, field),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_rule_that_says_nothing_or_too_much_is_refused_by_its_field() {
    refuse(|rule| rule.pattern = Pattern::default(), "pattern");
    refuse(|rule| rule.pattern.name = Some(" ".into()), "pattern.name");
    refuse(|rule| rule.product = None, "product");
    refuse(|rule| rule.vendor = Some("x".repeat(201)), "vendor");
    refuse(|rule| rule.category = Some(Category::Denied), "reason");
    refuse(|rule| rule.position = stock::POSITION, "position");
}

#[test]
fn rules_that_rollcall_brings_cannot_be_withdrawn() {
    let id = stock::rules()[0].id;
    let refused = ask(&mut Fleet::default(), CatalogueCommand::RemoveRule { rule: id, expected: None });
    assert!(matches!(refused, Err(Rejection::Conflict(_))), "{refused:?}");
    let ids: std::collections::BTreeSet<SoftwareRuleId> = stock::rules().iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), stock::rules().len());
}

#[test]
fn only_a_change_is_written_and_only_of_what_exists() {
    let mut fleet = fleet(&[("bash", "5.2")]);
    let id = set(&mut fleet, Rule { product: Some("Bash".into()), ..rule(1, "bash") });
    let known = fleet.world.catalogue.rules[&id].rule.clone();
    assert_eq!(ask(&mut fleet, CatalogueCommand::UpdateRule { rule: Box::new(known), expected: None }), Ok(Vec::new()));
    let absent = Rule { id: SoftwareRuleId(9_999), product: Some("x".into()), ..rule(1, "x") };
    assert!(matches!(
        ask(&mut fleet, CatalogueCommand::UpdateRule { rule: Box::new(absent), expected: None }),
        Err(Rejection::NotFound { .. })
    ));
    let host = fleet.id_of(1);
    let on_host = CatalogueCommand::RuleOnProduct { product: host, category: None, reason: "x".into(), expected: None };
    assert!(matches!(ask(&mut fleet, on_host), Err(Rejection::NotFound { .. })));
}

fn cycles(rows: &[(&str, &str, &str)]) -> CatalogueCommand {
    CatalogueCommand::ImportEndOfLife {
        cycles: rows.iter().map(|(product, cycle, day)| Cycle::read(product, cycle, day).unwrap()).collect(),
    }
}

#[track_caller]
fn check_cycle(fleet: &Fleet, names: &[&str], version: &str, expected: Option<&str>) {
    let found = fleet.world.catalogue.cycle_of(names, version).map(|cycle| cycle.cycle.as_str());
    assert_eq!(found, expected, "{names:?} {version}");
}

#[test]
fn a_version_belongs_to_the_longest_cycle_that_it_begins_with() {
    let mut fleet = Fleet::default();
    let table =
        [("OpenSSL", "3", "2030-01-01"), ("openssl", "3.0", "2026-09-07"), ("openssl", "1.1.1", "2023-09-11"), ("bash", "5", "2031-01-01")];
    ask(&mut fleet, cycles(&table)).unwrap();
    check_cycle(&fleet, &["openssl"], "3.0.13-1~deb12u1", Some("3.0"));
    check_cycle(&fleet, &["OPENSSL"], "1:3.2.2-6.el9", Some("3"));
    check_cycle(&fleet, &["libssl1.1", "OpenSSL"], "1.1.1k-1", Some("1.1.1"));
    check_cycle(&fleet, &["openssl"], "30.0", None);
    check_cycle(&fleet, &["openssl"], "3.01", Some("3"));
    check_cycle(&fleet, &["zsh"], "5.9", None);
    assert_eq!(ask(&mut fleet, cycles(&table)), Ok(Vec::new()), "nothing new");
    ask(&mut fleet, cycles(&[("openssl", "3.0", "")])).unwrap();
    check_cycle(&fleet, &["openssl"], "3.0.13", Some("3"));
    ask(&mut fleet, cycles(&[("bash", "5", "")])).unwrap();
    assert_eq!(fleet.world.catalogue.end_of_life.len(), 1);
    fleet.check();
}

#[test]
fn a_wrong_row_is_named_by_its_column() {
    let field = |product: &str, cycle: &str, day: &str| match Cycle::read(product, cycle, day) {
        Err(Rejection::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field("", "1", "2026-01-01"), "product");
    assert_eq!(field("x", &"1".repeat(65), "2026-01-01"), "cycle");
    assert_eq!(field("x", "1", "soon"), "end_of_life");
}

#[test]
fn too_many_cycles_are_refused() {
    let cycle = |number: usize| Cycle { product: "x".into(), cycle: number.to_string(), end_of_life: Some("2026-01-01".parse().unwrap()) };
    let mut fleet = Fleet::default();
    let full: Vec<Cycle> = (0..end_of_life::CYCLES).map(cycle).collect();
    assert_eq!(ask(&mut fleet, CatalogueCommand::ImportEndOfLife { cycles: full }).unwrap().len(), 20);
    let more = CatalogueCommand::ImportEndOfLife { cycles: vec![cycle(end_of_life::CYCLES)] };
    assert!(matches!(ask(&mut fleet, more), Err(Rejection::Conflict(_))));
}

proptest! {
    #[test]
    fn no_version_and_no_table_is_too_odd(product in ".{0,20}", cycle in ".{0,8}", version in ".{0,20}", day in "[0-9-]{0,12}") {
        let mut catalogue = Catalogue::default();
        if let Ok(read) = Cycle::read(&product, &cycle, &day) {
            let (key, name) = read.key();
            catalogue.end_of_life.entry(key).or_default().insert(name, read);
        }
        let found = catalogue.cycle_of(&[&product], &version);
        prop_assert!(found.is_none_or(|found| version.contains(&found.cycle)));
    }
}
