//! What stands beside a host comes, changes, goes missing and is told once.

use crate::ci::testing::rows::*;
use crate::ci::testing::*;
use crate::ci::{AttributeValue, Class, Lifecycle, RelationKind, relation};
use rollcall_shared::section::{Database, Listener, PublishedPort, WebServer};
use rollcall_shared::{Section, SectionName};

/// Services of all hosts as `class name: endpoints`, missing ones left out.
#[track_caller]
fn check(fleet: &Fleet, expected: &[&str]) {
    fleet.check();
    fleet.check_model();
    let services = fleet.world.cmdb.cis.values().filter(|ci| ci.class.is_a(Class::ApplicationService) && ci.status != Lifecycle::Missing);
    let endpoints = |ci: &crate::ci::Ci| match ci.observed("endpoints").map(|proposal| proposal.value().clone()) {
        Some(AttributeValue::List(texts)) => texts.join(" "),
        _ => String::new(),
    };
    let mut found: Vec<String> = services.map(|ci| format!("{} {}: {}", ci.class.as_str(), ci.name, endpoints(ci))).collect();
    found.sort();
    assert_eq!(found, expected);
}

fn database(engine: &str, port: u16, unit: &str) -> Database {
    Database { engine: engine.into(), port: Some(port), unit: Some(unit.into()), version: Some("15.4".into()), ..Database::default() }
}

#[test]
fn a_service_is_one_program_and_not_one_socket() {
    let mut fleet = Fleet::with_agents([1]);
    let sockets = ["tcp/0.0.0.0:22 ssh.service sshd", "tcp/:::22 ssh.service sshd", "udp/127.0.0.1:323 chrony.service chronyd"];
    let strays = [
        "tcp/0.0.0.0:8080 session-3.scope java",
        "tcp/0.0.0.0:9999 - -",
        "tcp/127.0.0.1:40001 containerd.service containerd",
        "tcp/0.0.0.0:45000 session-3.scope nc",
        "tcp/10.0.0.1:50000 sapinit.service sapstart",
    ];
    fleet.report(1, [system(server(1)), listeners(&[&sockets[..], &strays].concat())]);
    check(
        &fleet,
        &[
            "application_service chrony: udp/127.0.0.1:323",
            "application_service java: tcp/0.0.0.0:8080",
            "application_service sapinit: tcp/10.0.0.1:50000",
            "application_service ssh: tcp/*:22 tcp/0.0.0.0:22",
            "application_service tcp/9999: tcp/0.0.0.0:9999",
        ],
    );
    let only = |name| fleet.named(name).attributes.contains_key("loopback_only");
    assert_eq!([only("chrony"), only("ssh")], [true, false]);
    let relations = relation::relations(&fleet.world.cmdb, fleet.id_of(1));
    assert!(relations.iter().all(|relation| relation.kind == RelationKind::RunsOn && relation.to == fleet.id_of(1)));
    assert_eq!(relations.len(), 5);
}

#[test]
fn a_database_and_a_web_server_are_told_once_with_their_sockets() {
    let mut fleet = Fleet::with_agents([1]);
    let sockets = listeners(&[
        "tcp/0.0.0.0:5432 postgresql@15-main.service postgres",
        "tcp/0.0.0.0:80 nginx.service nginx",
        "tcp/0.0.0.0:443 nginx.service nginx",
        "tcp/0.0.0.0:6379 omnibus.service redis",
        "tcp/0.0.0.0:8000 omnibus.service nginx",
        "tcp/0.0.0.0:9000 omnibus.service puma",
    ]);
    let databases =
        Section::Databases(vec![database("postgresql", 5432, "postgresql@15-main.service"), database("redis", 6379, "omnibus.service")]);
    let web = |ports: &[u16], unit: &str| WebServer {
        engine: "nginx".into(),
        ports: ports.to_vec(),
        unit: Some(unit.into()),
        ..WebServer::default()
    };
    let web_servers = Section::WebServers(vec![web(&[80, 443], "nginx.service"), web(&[8000], "omnibus.service")]);
    let expected = [
        "application_service omnibus: tcp/0.0.0.0:9000",
        "database_instance omnibus: tcp/0.0.0.0:6379",
        "database_instance postgresql@15-main: tcp/0.0.0.0:5432",
        "web_server nginx: tcp/0.0.0.0:443 tcp/0.0.0.0:80",
        "web_server omnibus: tcp/0.0.0.0:8000",
    ];
    fleet.report(1, [system(server(1)), sockets.clone(), databases.clone(), web_servers.clone()]);
    check(&fleet, &expected);
    assert!(fleet.report(1, [system(server(1)), sockets, databases.clone(), web_servers.clone()]).is_empty());
    // The sockets change alone: what the other sections said still holds.
    let fewer = listeners(&["tcp/0.0.0.0:5433 postgresql@15-main.service postgres"]);
    fleet.report(1, [system(server(1)), fewer, databases, web_servers]);
    check(
        &fleet,
        &[
            "database_instance omnibus: ",
            "database_instance postgresql@15-main: tcp/0.0.0.0:5433",
            "web_server nginx: ",
            "web_server omnibus: ",
        ],
    );
}

#[test]
fn services_go_missing_with_a_complete_section_only_and_come_back() {
    let mut fleet = Fleet::with_agents([1]);
    let both = || listeners(&["tcp/0.0.0.0:22 ssh.service sshd", "tcp/0.0.0.0:80 nginx.service nginx"]);
    let one = || listeners(&["tcp/0.0.0.0:22 ssh.service sshd"]);
    fleet.report(1, [system(server(1)), both()]);
    let id = fleet.named("nginx").id;
    for collected in [Collected::Failed(SectionName::Listeners), Collected::Partial(one())] {
        fleet.report(1, [Collected::from(system(server(1))), collected]);
        assert_eq!(fleet.named("nginx").status, Lifecycle::Operational);
    }
    fleet.report(1, [system(server(1)), one()]);
    assert_eq!((fleet.named("nginx").status, fleet.named("ssh").status), (Lifecycle::Missing, Lifecycle::Operational));
    assert!(relation::relations(&fleet.world.cmdb, id).is_empty());
    fleet.report(1, [system(server(1)), both()]);
    assert_eq!((fleet.named("nginx").id, fleet.named("nginx").status), (id, Lifecycle::Operational));
    fleet.check();
}

#[test]
fn a_container_keeps_its_item_when_it_is_made_anew_and_has_the_ports_that_it_publishes() {
    let mut fleet = Fleet::with_agents([1]);
    let publishing = |id: &str| {
        let Section::Containers(mut rows) = containers(&["web running", "job exited"]) else { unreachable!() };
        rows[0].id = id.repeat(64);
        rows[0].ports = vec![PublishedPort { container_port: 80, host_port: Some(8080), protocol: "tcp".into() }];
        Section::Containers(rows)
    };
    let proxy = listeners(&["tcp/0.0.0.0:8080 docker.service docker-proxy"]);
    fleet.report(1, [system(server(1)), proxy.clone(), publishing("a")]);
    check(&fleet, &["application_service web: tcp/0.0.0.0:8080"]);
    let host = fleet.host_of(1);
    assert_eq!((host.class, fleet.of_class(Class::Container).len()), (Class::ContainerHost, 1));
    let id = fleet.of_class(Class::Container)[0].id;
    fleet.report(1, [system(server(1)), proxy, publishing("b")]);
    assert_eq!(fleet.of_class(Class::Container)[0].id, id);
    fleet.report(1, [system(server(1)), listeners(&[]), containers(&["web exited"])]);
    assert_eq!(fleet.of_class(Class::Container)[0].status, Lifecycle::Operational);
    fleet.report(1, [system(server(1)), listeners(&[]), containers(&[])]);
    assert_eq!(fleet.of_class(Class::Container)[0].status, Lifecycle::Missing);
    fleet.check();
}

#[test]
fn what_runs_on_a_server_makes_it_more_than_a_server_and_no_other_machine() {
    let running = || containers(&["web running"]);
    let hosted = || guests(&["0b4e2f6a-1111-4222-8333-000000000001 web"]);
    let desk = rollcall_shared::section::System { chassis_type: Some("notebook".into()), ..server(1) };
    for (found, sections, expected) in [
        (server(1), vec![running()], Class::ContainerHost),
        (server(1), vec![hosted()], Class::Hypervisor),
        (server(1), vec![running(), hosted()], Class::Hypervisor),
        (server(1), vec![containers(&["job exited"])], Class::Server),
        (vm(1), vec![running(), hosted()], Class::VirtualMachine),
        (desk, vec![running(), hosted()], Class::Workstation),
    ] {
        let mut fleet = Fleet::with_agents([1]);
        fleet.report(1, [vec![system(found.clone())], sections].concat());
        assert_eq!(fleet.host_of(1).class, expected);
        // The machine's own report alone does not take it back.
        let renamed = rollcall_shared::section::System { hostname: Some("other".into()), ..found };
        fleet.report(1, [system(renamed)]);
        assert_eq!(fleet.host_of(1).class, expected);
        fleet.check();
        fleet.check_model();
    }
}

#[test]
fn a_certificate_is_one_item_on_all_its_hosts_and_missing_when_the_last_one_drops_it() {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(1, [system(server(1)), certificates("ab")]);
    fleet.report(2, [system(server(2)), certificates("b")]);
    assert_eq!(fleet.links(RelationKind::InstalledOn), ["wwwa.example -> srv1", "wwwb.example -> srv1", "wwwb.example -> srv2"]);
    assert_eq!(fleet.named("wwwb.example").attributes["subject"].proposals().len(), 1);
    fleet.report(1, [system(server(1)), certificates("")]);
    assert_eq!(fleet.links(RelationKind::InstalledOn), ["wwwb.example -> srv2"]);
    assert_eq!((fleet.named("wwwa.example").status, fleet.named("wwwb.example").status), (Lifecycle::Missing, Lifecycle::Operational));
    fleet.report(2, [Collected::from(system(server(2))), Collected::Failed(SectionName::Certificates)]);
    assert_eq!(fleet.links(RelationKind::InstalledOn), ["wwwb.example -> srv2"]);
    fleet.report(2, [system(server(2)), certificates("a")]);
    assert_eq!((fleet.named("wwwa.example").status, fleet.named("wwwb.example").status), (Lifecycle::Operational, Lifecycle::Missing));
    fleet.check();
    fleet.check_model();
}

#[test]
fn a_neighbour_is_a_known_host_or_a_network_device() {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(2, [system(server(2)), addresses("3c:ec:ef:00:00:02", &["10.0.0.2"])]);
    let heard =
        neighbours(&["00:1b:21:00:00:09 sw1 bridge", "3c:ec:ef:00:00:02 srv2 station", "00:1b:21:00:00:10 phone telephone", "x y bridge"]);
    fleet.report(1, [system(server(1)), heard]);
    assert_eq!(fleet.links(RelationKind::ConnectsTo), ["srv1 -> srv2", "srv1 -> sw1"]);
    fleet.report(
        2,
        [system(server(2)), addresses("3c:ec:ef:00:00:02", &["10.0.0.2"]), neighbours(&["00:1B:21:00:00:09 sw1-renamed bridge"])],
    );
    assert_eq!(fleet.of_class(Class::NetworkDevice).len(), 1);
    fleet.report(1, [system(server(1)), neighbours(&[])]);
    assert_eq!(fleet.links(RelationKind::ConnectsTo), ["srv2 -> sw1"]);
    assert_eq!(fleet.named("sw1").status, Lifecycle::Operational);
    fleet.check();
    fleet.check_model();
}

#[test]
fn a_host_cannot_invent_services_or_guests_without_end() {
    let mut fleet = Fleet::with_agents([1]);
    let sockets = |from: u16| {
        let row = |port: u16| Listener {
            protocol: "tcp".into(),
            address: "0.0.0.0".into(),
            port,
            unit: Some(format!("u{port}.service")),
            ..Listener::default()
        };
        Section::Listeners((from..from + 1000).map(row).collect())
    };
    let machines: Vec<String> = (0..3000).map(|n| format!("0b4e2f6a-1111-4222-8333-{n:012x} vm")).collect();
    let machines: Vec<&str> = machines.iter().map(String::as_str).collect();
    for from in [1000, 2000, 3000] {
        fleet.report(1, [system(server(1)), sockets(from), guests(&machines)]);
    }
    assert_eq!(fleet.of_class(Class::ApplicationService).len(), crate::ci::decide::COMPONENTS_PER_HOST);
    assert_eq!(fleet.of_class(Class::VirtualMachine).len(), super::super::guests::GUESTS_PER_HOST);
    fleet.check();
}
