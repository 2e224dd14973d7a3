//! A container's own agent and its host's, in either order.

use crate::ci::testing::*;
use crate::ci::{Class, RelationKind};
use rollcall_shared::section::{Container, Os, System, Virtualisation};
use rollcall_shared::{Section, Timestamp};

const ID: &str = "3f4e5d6c7b8a00112233445566778899aabbccddeeff00112233445566778899";
const SHORT: &str = "3f4e5d6c7b8a";
const BOOT: i64 = 1_700_000_000_000;

fn kernel(release: &str, booted_at: i64) -> Section {
    Section::Os(vec![Os { kernel_release: Some(release.into()), booted_at: Some(Timestamp(booted_at)), ..Os::default() }])
}

fn docker(id: &str, name: &str) -> Section {
    let (id, name, state) = (id.into(), Some(name.into()), Some("running".into()));
    Section::Containers(vec![Container { runtime: "docker".into(), id, name, state, ..Container::default() }])
}

/// What the agent of a host tells.
fn outside(number: u32, os: Section) -> Vec<Section> {
    vec![system(server(number)), os, docker(ID, "web")]
}

/// What an agent within a container tells.
fn inside(hostname: &str, os: Section) -> Vec<Section> {
    let system = System { virtualisation: Some(Virtualisation::Container), hostname: Some(hostname.into()), ..System::default() };
    vec![Section::System(vec![system]), os]
}

struct Case {
    hostname: &'static str,
    within: Section,
    around: Section,
    one: bool,
}

/// Agent 1 is the host's, agent 2 the container's; both orders.
#[track_caller]
fn check(case: &Case) {
    for host_first in [true, false] {
        let mut fleet = Fleet::with_agents([1, 2]);
        let mut reports = vec![(1, outside(1, case.around.clone())), (2, inside(case.hostname, case.within.clone()))];
        if !host_first {
            reports.reverse();
        }
        for (agent, sections) in reports.clone() {
            fleet.report(agent, sections);
        }
        let containers = fleet.of_class(Class::Container);
        assert_eq!(containers.len(), if case.one { 1 } else { 2 }, "{} host first: {host_first}", case.hostname);
        if case.one {
            let container = containers[0];
            assert_eq!((container.id, container.name.as_str()), (fleet.id_of(2), "web"));
            assert_eq!(container.parent, Some(fleet.id_of(1)));
            assert_eq!(container.observed_text("container_id"), Some(ID));
            let relations = crate::ci::relation::relations(&fleet.world.cmdb, container.id);
            assert!(relations.iter().any(|one| (one.kind, one.to) == (RelationKind::RunsOn, fleet.id_of(1))));
        }
        assert!(fleet.world.cmdb.reviews.is_empty(), "{:?}", fleet.world.cmdb.reviews);
        for (agent, sections) in reports {
            assert!(fleet.report(agent, sections).is_empty(), "the same again is no news");
        }
        fleet.check();
        fleet.check_model();
    }
}

#[test]
fn a_containers_id_makes_both_views_one_item_and_another_kernel_keeps_them_apart() {
    let os = || kernel("6.1.0-28", BOOT);
    let nothing = || Section::Os(vec![Os::default()]);
    for (hostname, within, around, one) in [
        (SHORT, os(), os(), true),
        (ID, os(), os(), true),
        (SHORT, nothing(), os(), true),
        (SHORT, os(), nothing(), true),
        (SHORT, kernel("6.1.0-28", BOOT + 2_000), os(), true),
        // The host was restarted since it reported.
        (SHORT, kernel("6.1.0-28", BOOT + 86_400_000), os(), true),
        (SHORT, kernel("5.10.0-9", BOOT), os(), false),
        ("web", os(), os(), false),
        ("3f4e5d6c7b8b", os(), os(), false),
        ("3f4e5d6c7b8", os(), os(), false),
        ("3F4E5D6C7B8A", os(), os(), false),
    ] {
        check(&Case { hostname, within, around, one });
    }
}

#[test]
fn the_host_name_of_a_machine_that_is_no_container_is_no_containers_id() {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(1, outside(1, kernel("6.1.0-28", BOOT)));
    fleet.report(2, [system(System { hostname: Some(SHORT.into()), ..server(2) })]);
    assert_eq!((fleet.of_class(Class::Container).len(), fleet.host_of(2).class), (1, Class::Server));
    fleet.check();
}

/// Hosts 1 and 2 are copies and report a container of the same id.
fn copies(first: Section, second: Section) -> Fleet {
    let mut fleet = Fleet::with_agents([1, 2, 3]);
    fleet.report(1, outside(1, first));
    fleet.report(2, outside(2, second));
    fleet
}

#[test]
fn one_id_on_two_hosts_is_a_doubt_and_merges_nothing() {
    let mut fleet = copies(kernel("6.1.0-28", BOOT), kernel("6.1.0-28", BOOT));
    assert_eq!(fleet.of_class(Class::Container).len(), 2);
    let reviews: Vec<usize> = fleet.world.cmdb.reviews.values().map(|task| task.cis.len()).collect();
    assert_eq!(reviews, [2], "the container that was known, and the host that tells of another one");
    fleet.report(3, inside(SHORT, kernel("6.1.0-28", BOOT)));
    assert_eq!(fleet.of_class(Class::Container).len(), 3, "which of them it is, nobody knows");
    assert!(fleet.world.cmdb.reviews.values().any(|task| task.reason.contains("identifier entry 85")));
    assert!(fleet.host_of(3).parent.is_none());
    fleet.check();
}

#[test]
fn of_two_hosts_with_one_id_the_one_that_was_started_at_the_same_moment_has_it() {
    let mut fleet = copies(kernel("6.1.0-28", BOOT), kernel("6.1.0-28", BOOT + 3_600_000));
    fleet.report(3, inside(SHORT, kernel("6.1.0-28", BOOT + 3_600_000)));
    assert_eq!((fleet.of_class(Class::Container).len(), fleet.host_of(3).parent), (2, Some(fleet.id_of(2))));
    fleet.check();
}

#[test]
fn two_containers_agents_with_one_id_are_not_taken_over_by_chance() {
    let mut fleet = Fleet::with_agents([1, 2, 3]);
    fleet.report(2, inside(SHORT, kernel("6.1.0-28", BOOT)));
    fleet.report(3, inside(SHORT, kernel("5.10.0-9", BOOT)));
    assert_eq!(fleet.of_class(Class::Container).len(), 2);
    fleet.report(1, outside(1, kernel("5.10.0-9", BOOT)));
    assert_eq!((fleet.host_of(2).parent, fleet.host_of(3).parent), (None, Some(fleet.id_of(1))));
    fleet.check();
}
