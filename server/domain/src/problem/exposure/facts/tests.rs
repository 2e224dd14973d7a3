//! What people define counts like what machines report, with the time since when.

use super::*;
use crate::ci::CiCommand;
use crate::ci::software::SoftwareIndex;
use crate::ci::testing::{Fleet, disk, server, system};
use crate::problem::Hypothesis;
use crate::problem::suspect::{Comparison, hypotheses};
use rollcall_shared::Section;
use rollcall_shared::section::Disk;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

fn fleet() -> Fleet {
    let mut fleet = Fleet::with_agents(1..=60);
    (1..=60).for_each(|n| drop(fleet.report(n, [system(server(number(n)))])));
    fleet
}

fn number(agent: u128) -> u32 {
    u32::try_from(agent).expect("small")
}

fn say(fleet: &mut Fleet, agents: impl IntoIterator<Item = u128>, name: &str, value: impl Fn(u128) -> AttributeValue) {
    for agent in agents {
        let attributes = BTreeMap::from([(name.to_owned(), Some(value(agent)))]);
        let command = CiCommand::AssertAttributes { ci: fleet.id_of(agent), attributes, expected: None };
        fleet.command("ada", command).expect("asserted");
    }
}

fn suspected(fleet: &Fleet, affected: u128, onset: Timestamp) -> Vec<Hypothesis> {
    let hosts = |agents: std::ops::RangeInclusive<u128>| agents.map(|n| fleet.id_of(n)).collect::<BTreeSet<_>>();
    let onsets = hosts(1..=affected).into_iter().map(|host| (host, onset)).collect();
    let comparison = Comparison { affected: hosts(1..=affected), population: hosts(1..=60), onsets };
    hypotheses(&fleet.world.cmdb, &SoftwareIndex::default(), &comparison)
}

/// What is suspected when the first four hosts suffer a day after the last word, with on how many it arrived before.
#[track_caller]
fn check(fleet: &Fleet, expected: &[&str]) {
    let found = suspected(fleet, 4, fleet.now.plus(DAY));
    let shown: Vec<String> = found.iter().map(|one| format!("{} {}", one.bundle.join(" = "), one.arrived)).collect();
    assert_eq!(shown, expected);
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::Text(value.into())
}

#[test]
fn attributes_that_people_define_can_be_the_cause_whatever_their_type() {
    let check = |of_first: AttributeValue, of_others: AttributeValue, expected: &[&str]| {
        let mut fleet = fleet();
        say(&mut fleet, 1..=60, "feed", |n| if n <= 5 { of_first.clone() } else { of_others.clone() });
        check(&fleet, expected);
    };
    let list = |members: &[&str]| AttributeValue::List(members.iter().map(|one| (*one).to_owned()).collect());
    check(text("A"), text("B"), &["feed A 4"]);
    check(AttributeValue::Boolean(true), AttributeValue::Boolean(false), &["feed true 4"]);
    check(AttributeValue::Integer(7), AttributeValue::Integer(8), &["feed 7 4"]);
    check(AttributeValue::Number(0.5), AttributeValue::Number(1.5), &["feed 0.5 4"]);
    check(list(&["web", "canary"]), list(&["web"]), &["feed canary 4"]);
    // Everybody has it, or it is a text that somebody copied.
    check(text("A"), text("A"), &[]);
    check(text(&"long ".repeat(40)), text("B"), &[]);
}

#[test]
fn an_item_that_an_attribute_names_is_told_by_its_name() {
    let mut fleet = fleet();
    let rack = fleet.register(Class::Location, "rack 12").to_string();
    say(&mut fleet, 1..=60, "rack", |n| if n <= 5 { text(&rack) } else { text("elsewhere") });
    check(&fleet, &["rack rack 12 4"]);
}

#[test]
fn what_was_said_of_hosts_after_their_trouble_began_is_no_cause() {
    let mut fleet = fleet();
    let onset = fleet.now;
    fleet.pass(DAY);
    say(&mut fleet, 1..=60, "state", |n| text(if n <= 5 { "broken" } else { "fine" }));
    let roles = |n| AttributeValue::List(if n <= 5 { vec!["web".into(), "broken".into()] } else { vec!["web".into()] });
    say(&mut fleet, 1..=60, "roles", roles);
    assert_eq!(suspected(&fleet, 4, onset), []);
}

#[test]
fn a_member_that_a_list_has_had_for_long_did_not_come_with_the_next_one() {
    let mut fleet = fleet();
    let say_roles = |fleet: &mut Fleet, of_first: &[&str]| {
        let list = |n| AttributeValue::List(if n <= 5 { of_first } else { &["web"] }.iter().map(|one| (*one).to_owned()).collect());
        say(fleet, 1..=60, "roles", list);
    };
    say_roles(&mut fleet, &["canary", "web"]);
    fleet.pass(DAY);
    let onset = fleet.now;
    fleet.pass(DAY);
    say_roles(&mut fleet, &["canary", "ticket", "web"]);
    let found = suspected(&fleet, 4, onset);
    assert_eq!(found.iter().map(|one| (one.factor.as_str(), one.arrived)).collect::<Vec<_>>(), [("roles canary", 4)]);
}

#[test]
fn what_tells_machines_apart_is_no_cause_and_values_that_each_host_has_alone_cost_nothing() {
    assert!(NO_CAUSES.is_sorted(), "they are looked up");
    let mut fleet = fleet();
    say(&mut fleet, 1..=60, "cabinet_unit", |n| AttributeValue::Integer(i64::try_from(n).expect("small")));
    check(&fleet, &[]);
    let hosts: BTreeSet<CiId> = (1..=60).map(|n| fleet.id_of(n)).collect();
    let affected: BTreeSet<CiId> = (1..=4).map(|n| fleet.id_of(n)).collect();
    let kinds = tallied(&fleet.world.cmdb, &hosts, &affected);
    let told: Vec<String> = kinds.iter().flat_map(|facts| &facts.shared).map(|one| one.factor.to_string()).collect();
    assert!(told.iter().any(|one| one.starts_with("memory bytes")), "{told:#?}");
    assert!(told.iter().all(|one| !one.contains("cabinet") && !one.contains("serial") && !one.contains("hostname")), "{told:#?}");
}

fn drive(n: u128, firmware: &str) -> Section {
    let known = disk("sda", &format!("S5XBNJ0R{n:04}"));
    Section::Disks(vec![Disk { firmware: Some(firmware.into()), ..known }])
}

#[test]
fn firmware_of_parts_can_be_the_cause_if_it_came_before_the_trouble() {
    let mut fleet = Fleet::with_agents(1..=60);
    (1..=60).for_each(|n| drop(fleet.report(n, [system(server(number(n))), drive(n, "1.0")])));
    check(&fleet, &[]);
    let onset = fleet.now;
    fleet.pass(DAY);
    (1..=5).for_each(|n| drop(fleet.report(n, [system(server(number(n))), drive(n, "1.1")])));
    check(&fleet, &["disk firmware 1.1 4"]);
    assert_eq!(suspected(&fleet, 4, onset), []);
    let told = fleet.world.cmdb.changes.bundles(onset, fleet.now);
    assert_eq!(told.iter().map(ToString::to_string).collect::<Vec<_>>(), ["5 hosts: disk SSDPF2KX038TZ: firmware 1.0 → 1.1"]);
    fleet.check();
}

#[test]
fn a_part_of_a_model_that_came_later_is_dated_by_its_coming() {
    let mut fleet = fleet();
    let onset = fleet.now;
    fleet.pass(DAY);
    (1..=5).for_each(|n| drop(fleet.report(n, [system(server(number(n))), drive(n, "1.0")])));
    (6..=60).for_each(|n| {
        let Section::Disks(mut disks) = drive(n, "1.0") else { unreachable!("it is of disks") };
        disks[0].model = Some("other".into());
        fleet.report(n, [system(server(number(n))), Section::Disks(disks)]);
    });
    check(&fleet, &["disk model SSDPF2KX038TZ 4"]);
    assert_eq!(suspected(&fleet, 4, onset), []);
}
