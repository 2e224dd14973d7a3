//! The same change on many hosts is told once.

use super::*;
use crate::ci::testing::*;
use rollcall_shared::Section;
use rollcall_shared::section::System;

/// The bundles of a fleet, newest first, as people read them.
#[track_caller]
fn check(fleet: &Fleet, expected: &[&str]) {
    let found: Vec<String> = fleet.world.cmdb.changes.bundles(Timestamp(0), fleet.now).iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
    fleet.check();
}

#[test]
fn an_upgrade_run_over_many_hosts_is_one_bundle() {
    let mut fleet = Fleet::with_agents(1..=5);
    for agent in 1..=5 {
        let number = u32::try_from(agent).expect("small");
        fleet.report(agent, [system(server(number)), packages(&[("bash", "5.2"), ("libssl3", "3.0.13"), ("openssl", "3.0.13")])]);
    }
    check(&fleet, &[]);
    for agent in 1..=3 {
        let number = u32::try_from(agent).expect("small");
        fleet.report(agent, [system(server(number)), packages(&[("bash", "5.2"), ("libssl3", "3.0.14"), ("openssl", "3.0.14")])]);
    }
    check(&fleet, &["3 hosts: libssl3 3.0.13 → 3.0.14 and 1 more"]);
    fleet.report(4, [system(server(4)), packages(&[("bash", "5.2"), ("libssl3", "3.0.13")])]);
    check(&fleet, &["1 host: openssl 3.0.13 removed", "3 hosts: libssl3 3.0.13 → 3.0.14 and 1 more"]);
}

#[test]
fn attributes_and_parts_are_told_with_the_host_that_has_them() {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(1, [system(server(1)), Section::Disks(vec![disk("sda", "S5XBNJ0R1")])]);
    fleet.report(2, [system(server(2)), Section::Disks(vec![])]);
    fleet.report(1, [system(System { memory_bytes: Some(128 << 30), ..server(1) }), Section::Disks(vec![])]);
    fleet.report(2, [system(server(2)), Section::Disks(vec![disk("sdb", "S5XBNJ0R1")])]);
    let ids = (fleet.id_of(1), fleet.id_of(2));
    let bundles = fleet.world.cmdb.changes.bundles(Timestamp(0), fleet.now);
    let of = |ci: CiId| -> Vec<String> {
        bundles.iter().filter(|bundle| bundle.cis == [ci]).flat_map(|bundle| &bundle.changes).map(ToString::to_string).collect()
    };
    let first = of(ids.0);
    assert!(first.iter().any(|change| change.starts_with("memory_bytes 68719476736 → 137438953472")), "{first:#?}");
    assert!(first.contains(&"disk SSDPF2KX038TZ missing".to_owned()) && first.contains(&"disk SSDPF2KX038TZ moved out".to_owned()));
    assert!(of(ids.1).contains(&"disk SSDPF2KX038TZ moved in".to_owned()), "{:#?}", of(ids.1));
}

#[test]
fn values_that_are_each_hosts_own_are_not_told() {
    let mut fleet = Fleet::with_agents([1, 2]);
    for round in ["a", "b"] {
        for agent in 1..=2 {
            let number = u32::try_from(agent).expect("small");
            fleet.report(agent, [system(System { hostname: Some(format!("{round}{agent}")), ..server(number) })]);
        }
    }
    check(&fleet, &["2 hosts: hostname changed"]);
}

#[test]
fn a_month_is_kept_and_a_time_can_be_asked_for() {
    let change = |name: &str| Change::Attribute { name: name.into(), before: None, after: None };
    let ci = CiId { family: Family::Host, bits: 1 };
    let mut changes = Changes::default();
    for day in 0..40 {
        changes.add(Timestamp(day * DAY_MS), ci, change(&day.to_string()));
    }
    assert_eq!(changes.bundles(Timestamp(0), Timestamp(40 * DAY_MS)).len(), 31);
    assert_eq!(changes.bundles(Timestamp(20 * DAY_MS), Timestamp(21 * DAY_MS)).len(), 2);
    assert!(changes.bundles(Timestamp(21 * DAY_MS), Timestamp(20 * DAY_MS)).is_empty());
    assert!(changes.bundles(Timestamp(20 * DAY_MS + 1), Timestamp(20 * DAY_MS + 2)).is_empty());
}
