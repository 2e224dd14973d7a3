//! Connections and listeners become dependencies, in whichever order they are reported.

use crate::ci::testing::rows::*;
use crate::ci::testing::*;
use crate::ci::{RelationKind, Source};
use crate::id::CiId;
use proptest::prelude::*;
use rollcall_shared::section::Connection;
use rollcall_shared::{Section, SectionName, Timestamp};
use std::collections::BTreeSet;

const DAY_MS: i64 = 24 * 3600 * 1000;

/// An application server (agent 1) that calls a database server (agent 2).
fn application(calls: &[&str]) -> Vec<Section> {
    vec![
        system(server(1)),
        addresses("3c:ec:ef:00:00:01", &["10.0.0.1"]),
        listeners(&["tcp/0.0.0.0:8080 app.service java", "tcp/127.0.0.1:6379 redis.service redis-server"]),
        connections(calls),
    ]
}

fn database(listens: &[&str], own: &[&str]) -> Vec<Section> {
    vec![system(server(2)), addresses("3c:ec:ef:00:00:02", own), listeners(listens)]
}

/// What is depended on, in both orders of the two hosts.
#[track_caller]
fn check(calls: &[&str], listens: &[&str], own: &[&str], expected: &[&str]) {
    for first in [1, 2] {
        let mut fleet = Fleet::with_agents([1, 2]);
        let reports = [(1, application(calls)), (2, database(listens, own))];
        let order = if first == 1 { [0, 1] } else { [1, 0] };
        for at in order {
            fleet.report(reports[at].0, reports[at].1.clone());
        }
        assert_eq!(fleet.links(RelationKind::DependsOn), expected, "host {first} first");
        fleet.check();
        fleet.check_model();
    }
}

const POSTGRES: &[&str] = &["tcp/0.0.0.0:5432 postgresql.service postgres"];

#[test]
fn a_connection_relates_the_services_and_with_them_the_hosts() {
    let both = ["app -> postgresql", "srv1 -> srv2"];
    check(&["tcp/10.0.0.2:5432 app.service java"], POSTGRES, &["10.0.0.2"], &both);
    check(&["tcp/::ffff:10.0.0.2:5432 app.service java"], POSTGRES, &["10.0.0.2"], &both);
    check(&["tcp/10.0.0.2:5432 - java"], POSTGRES, &["10.0.0.2"], &["srv1 -> postgresql", "srv1 -> srv2"]);
    check(&["tcp/10.0.0.2:5432 cron.service python3"], POSTGRES, &["10.0.0.2"], &["srv1 -> postgresql", "srv1 -> srv2"]);
    let six = ["tcp/:::5432 postgresql.service postgres"];
    check(&["tcp/10.0.0.2:5432 app.service java"], &six, &["10.0.0.2"], &both);
    check(&["tcp/fd00::2:5432 app.service java"], &six, &["fd00::2"], &both);
}

#[test]
fn the_listener_of_the_very_address_and_protocol_counts() {
    let two = ["tcp/10.0.0.2:5432 postgresql.service postgres", "tcp/0.0.0.0:5432 pgbouncer.service pgbouncer"];
    check(&["tcp/10.0.0.2:5432 app.service java"], &two, &["10.0.0.2", "10.0.0.3"], &["app -> postgresql", "srv1 -> srv2"]);
    check(&["tcp/10.0.0.3:5432 app.service java"], &two, &["10.0.0.2", "10.0.0.3"], &["app -> pgbouncer", "srv1 -> srv2"]);
    check(&["udp/10.0.0.2:5432 app.service java", "tcp/10.0.0.2:5433 app.service java"], &two, &["10.0.0.2"], &[]);
    check(&["tcp/10.0.0.2:5432 app.service java"], &["tcp/127.0.0.1:5432 postgresql.service postgres"], &["10.0.0.2"], &[]);
    check(&["tcp/fd00::2:5432 app.service java"], POSTGRES, &["fd00::2"], &[]);
}

#[test]
fn addresses_that_many_hosts_have_relate_no_hosts() {
    for ambiguous in ["172.17.0.1", "192.168.122.1", "169.254.1.1", "127.0.0.2"] {
        check(&[&format!("tcp/{ambiguous}:5432 app.service java")], POSTGRES, &[ambiguous], &[]);
    }
    let mut fleet = Fleet::with_agents([1, 2, 3]);
    let twin = vec![system(server(3)), addresses("3c:ec:ef:00:00:03", &["10.0.0.2"])];
    fleet.report(3, twin);
    fleet.report(2, database(POSTGRES, &["10.0.0.2"]));
    fleet.report(1, application(&["tcp/10.0.0.2:5432 app.service java"]));
    assert!(fleet.links(RelationKind::DependsOn).is_empty());
    // The other one gets an address of its own: now it is clear who is meant.
    fleet.report(3, [system(server(3)), addresses("3c:ec:ef:00:00:03", &["10.0.0.33"])]);
    fleet.report(1, application(&["tcp/10.0.0.2:5432 app.service java", "tcp/10.0.0.9:1 - x"]));
    assert_eq!(fleet.links(RelationKind::DependsOn), ["app -> postgresql", "srv1 -> srv2"]);
    fleet.check();
}

#[test]
fn loopback_relates_the_services_of_one_host() {
    check(&["tcp/127.0.0.1:6379 app.service java"], POSTGRES, &["10.0.0.2"], &["app -> redis"]);
    check(&["tcp/10.0.0.1:8080 app.service java", "tcp/10.0.0.1:8080 - curl"], POSTGRES, &["10.0.0.2"], &[]);
}

#[test]
fn what_people_and_this_agent_do_is_no_dependency() {
    check(&["tcp/10.0.0.2:5432 session-7.scope psql", "tcp/10.0.0.2:5432 - rollcall-agent"], POSTGRES, &["10.0.0.2"], &[]);
}

#[test]
fn a_service_that_appears_later_is_found_by_those_that_call_it() {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(1, application(&["tcp/10.0.0.2:5432 app.service java"]));
    fleet.report(2, database(&[], &["10.0.0.9"]));
    fleet.report(2, database(POSTGRES, &["10.0.0.9"]));
    assert!(fleet.links(RelationKind::DependsOn).is_empty());
    fleet.report(2, database(POSTGRES, &["10.0.0.9", "10.0.0.2"]));
    assert_eq!(fleet.links(RelationKind::DependsOn), ["app -> postgresql", "srv1 -> srv2"]);
    let told = fleet.world.cmdb.links.told(fleet.id_of(1), RelationKind::DependsOn, fleet.id_of(2));
    assert_eq!(told[0].source, Source::Agent { id: rollcall_shared::AgentId(1) });
    fleet.check();
}

#[test]
fn a_dependency_outlasts_its_connection_by_a_week() {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(2, database(POSTGRES, &["10.0.0.2"]));
    let calls: &[&str] = &["tcp/10.0.0.2:5432 app.service java"];
    fleet.report(1, application(calls));
    fleet.now = Timestamp(fleet.now.0 + 30 * DAY_MS);
    // It was there until now, however long ago that was written down.
    fleet.report(1, application(&[]));
    let both = ["app -> postgresql", "srv1 -> srv2"];
    assert_eq!(fleet.links(RelationKind::DependsOn), both);
    fleet.now = Timestamp(fleet.now.0 + 6 * DAY_MS);
    fleet.report(1, application(&["tcp/10.0.0.7:1 app.service java"]));
    assert_eq!(fleet.links(RelationKind::DependsOn), both);
    fleet.now = Timestamp(fleet.now.0 + 2 * DAY_MS);
    fleet.report(1, [Collected::from(system(server(1))), Collected::Failed(SectionName::Connections)]);
    fleet.report(1, [Collected::from(system(server(1))), Collected::Partial(connections(&["tcp/10.0.0.7:2 app.service java"]))]);
    assert_eq!(fleet.links(RelationKind::DependsOn), both);
    fleet.report(1, application(&[]));
    assert!(fleet.links(RelationKind::DependsOn).is_empty());
    fleet.check();
}

#[test]
fn what_is_seen_again_is_written_down_once_a_day() {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(2, database(POSTGRES, &["10.0.0.2"]));
    let mut written = Vec::new();
    for port in 1..50_u16 {
        let before = fleet.log.len();
        fleet.report(1, application(&["tcp/10.0.0.2:5432 app.service java", &format!("tcp/10.0.0.2:{port} app.service java")]));
        let changes = fleet.log[before..].iter().filter(|record| format!("{:?}", record.event).contains("RelationsChanged")).count();
        written.push(changes);
        fleet.now = Timestamp(fleet.now.0 + DAY_MS / 24);
    }
    assert_eq!(written.iter().sum::<usize>(), 1 + 2, "at first, and after one and two days: {written:?}");
}

#[test]
fn hosts_that_depend_on_each_other_settle() {
    let mut fleet = Fleet::with_agents([1, 2]);
    for _ in 0..2 {
        let mut second = database(POSTGRES, &["10.0.0.2"]);
        second.push(connections(&["tcp/10.0.0.1:8080 postgresql.service postgres"]));
        fleet.report(2, second);
        fleet.report(1, application(&["tcp/10.0.0.2:5432 app.service java"]));
    }
    assert_eq!(fleet.links(RelationKind::DependsOn), ["app -> postgresql", "postgresql -> app", "srv1 -> srv2", "srv2 -> srv1"]);
    fleet.check();
}

#[test]
fn a_crowd_of_callers_is_bounded_and_nobody_is_lost() {
    let mut fleet = Fleet::with_agents(1..=40);
    for agent in 3..=40_u32 {
        let own = format!("10.0.1.{agent}");
        let mac = format!("3c:ec:ef:00:01:{agent:02x}");
        let report = vec![system(server(agent)), addresses(&mac, &[&own]), connections(&["tcp/10.0.0.2:5432 app.service java"])];
        fleet.report(u128::from(agent), report);
    }
    fleet.report(2, database(POSTGRES, &["10.0.0.2"]));
    assert_eq!(fleet.links(RelationKind::DependsOn).len(), 38 * 2);
    let events = fleet.log.iter().filter(|record| format!("{:?}", record.event).contains("RelationsChanged"));
    assert!(events.clone().count() > 0 && events.clone().all(|record| serde_json::to_string(record).unwrap().len() < 64 << 10));
    fleet.check();
}

#[test]
fn a_section_of_thousands_of_connections_is_taken_in() {
    let row = |n: u32| Connection {
        direction: "outbound".into(),
        protocol: "tcp".into(),
        remote_address: format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255),
        remote_port: Some(443),
        count: 1,
        ..Connection::default()
    };
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1)), Section::Connections((0..4096).map(row).collect())]);
    fleet.check();
}

/// Ends and sources of all relations, whatever their ids and times.
fn relations(fleet: &Fleet) -> BTreeSet<String> {
    let name = |id: CiId| fleet.world.cmdb.cis[&id].name.clone();
    fleet.world.cmdb.links.iter().map(|one| format!("{} {:?} {} {:?}", name(one.from), one.kind, name(one.to), one.source)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_order_of_hosts_does_not_matter_for_relations(order in Just((1_u32..6).collect::<Vec<_>>()).prop_shuffle(), calls in proptest::collection::vec((1_u32..6, 1_u32..6), 0..12)) {
        let run = |order: &[u32]| {
            let mut fleet = Fleet::with_agents(1..6);
            for &n in order {
                let mac = format!("3c:ec:ef:00:00:{n:02x}");
                let to: Vec<String> = calls.iter().filter(|(from, _)| *from == n).map(|(_, to)| format!("tcp/10.0.0.{to}:80 web{n}.service w")).collect();
                let to: Vec<&str> = to.iter().map(String::as_str).collect();
                let serves = format!("tcp/0.0.0.0:80 web{n}.service w");
                let guest = format!("4c4c4544-0042-3510-8056-{:012x} guest", n + 1);
                let heard = format!("3c:ec:ef:00:00:{:02x} peer station", n % 5 + 1);
                fleet.report(u128::from(n), [
                    system(if n % 2 == 0 { vm(n) } else { server(n) }),
                    addresses(&mac, &[&format!("10.0.0.{n}")]),
                    listeners(&[&serves]),
                    connections(&to),
                    guests(if n % 2 == 1 { vec![guest.as_str()] } else { Vec::new() }.as_slice()),
                    neighbours(&[heard.as_str(), "00:1b:21:00:00:09 sw bridge"]),
                    certificates("ab"),
                ]);
            }
            // What is heard on the wire is matched with hosts that are known: a second round knows all of them.
            for &n in order {
                fleet.report(u128::from(n), [neighbours(&["00:1b:21:00:00:09 sw bridge"])]);
            }
            fleet.check();
            relations(&fleet)
        };
        let sorted: Vec<u32> = (1..6).collect();
        prop_assert_eq!(run(&order), run(&sorted));
    }
}
