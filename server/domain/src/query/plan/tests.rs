//! What the index answers is what a look at every record would.

use crate::ci::testing::{Fleet, adapter, disk, os, packages, server, system, vm};
use crate::ci::{AttributeValue, Ci, CiCommand, Lifecycle, RelationKind, Source, relation};
use crate::id::CiId;
use crate::incident::{IncidentCommand, NewIncident};
use crate::query::{Groups, Query, Scope, Unanswerable};
use crate::rule::Grade;
use crate::{Command, Event};
use proptest::prelude::*;
use rollcall_shared::section::{InterfaceAddress, Listener, NetworkInterface, Service, User};
use rollcall_shared::{Section, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// More hosts than an index keeps distinct texts, and than candidates are looked at one by one.
const HOSTS: u32 = 640;

#[derive(Default)]
struct Named {
    queries: BTreeMap<String, Query>,
    members: BTreeMap<String, BTreeSet<CiId>>,
}

impl Groups for Named {
    fn query(&self, name: &str) -> Option<&Query> {
        self.queries.get(name)
    }

    fn members(&self, name: &str) -> Option<&BTreeSet<CiId>> {
        self.members.get(name)
    }

    fn names(&self, beginning: &str) -> Vec<String> {
        self.queries.keys().chain(self.members.keys()).filter(|name| name.starts_with(beginning)).cloned().collect()
    }
}

fn services(number: u32) -> Section {
    let names =
        [Some("ssh.service"), (number.is_multiple_of(3)).then_some("nginx.service"), (number.is_multiple_of(7)).then_some("Backup.timer")];
    let row = |name: &str| Service { name: name.into(), restarts: Some(number % 5), ..Service::default() };
    Section::Services(names.into_iter().flatten().map(row).collect())
}

fn listeners(number: u32) -> Section {
    let row = |port: u16| Listener {
        protocol: if port == 53 { "udp".into() } else { "tcp".into() },
        address: "::".into(),
        port,
        ..Listener::default()
    };
    Section::Listeners([22, if number.is_multiple_of(3) { 443 } else { 53 }].into_iter().map(row).collect())
}

fn users(number: u32) -> Section {
    let row = |name: &str| User { name: name.into(), ..User::default() };
    Section::Users(["root", ["alice", "bob"][number as usize % 2]].into_iter().map(row).collect())
}

fn interfaces(number: u32) -> Section {
    let mac = format!("52:54:00:00:{:02x}:{:02x}", number / 256, number % 256);
    let address = format!("10.{}.{}.{}", number % 4, number / 256, number % 256);
    let addresses = [address, format!("2001:db8::{number:x}")];
    let addresses = addresses
        .iter()
        .map(|address| InterfaceAddress { address: address.parse().unwrap(), prefix: 24, scope: "global".into() })
        .collect();
    Section::NetworkInterfaces(vec![NetworkInterface { addresses, ..adapter("eth0", &mac) }])
}

fn report(fleet: &mut Fleet, number: u32) {
    let machine = if number.is_multiple_of(4) { vm(number) } else { server(number) };
    let memory = u64::from(1 + number % 5) << 33;
    let machine = crate::ci::testing::system(rollcall_shared::section::System { memory_bytes: Some(memory), ..machine });
    let versions = ["3.0.11-1", "3.0.13-1~deb12u1", "3.0.13-1", "3.1.0"];
    let software =
        packages(&[("openssl", versions[number as usize % 4]), ("bash", "5.2"), (["nginx", "nginx-full"][number as usize % 2], "1.22")]);
    let disks = Section::Disks(vec![disk("sda", &format!("PHAX{number:06}"))]);
    let sections = vec![
        machine,
        os(["11", "12", "13"][number as usize % 3]),
        software,
        disks,
        interfaces(number),
        services(number),
        listeners(number),
        users(number),
    ];
    fleet.report(u128::from(number), sections);
}

/// A world in which every kind of term finds something and leaves something.
fn world() -> &'static (Fleet, Named) {
    static WORLD: OnceLock<(Fleet, Named)> = OnceLock::new();
    WORLD.get_or_init(|| {
        let mut fleet = Fleet::with_agents((0..HOSTS).map(u128::from));
        (0..HOSTS).for_each(|number| report(&mut fleet, number));
        let id = |fleet: &Fleet, number: u32| fleet.id_of(u128::from(number));
        for number in (0..HOSTS).step_by(5) {
            let rack = ["A1", "A12", "b2", "B10"][number as usize / 5 % 4];
            let values = [
                ("rack", AttributeValue::Text(rack.into())),
                (
                    "units",
                    if number.is_multiple_of(2) {
                        AttributeValue::Integer(i64::from(number % 11))
                    } else {
                        AttributeValue::Text(format!("{}", number % 9))
                    },
                ),
                ("weight", AttributeValue::Number(f64::from(number) / 4.0)),
                ("warranty", AttributeValue::Text(format!("2027-{:02}-01", number % 12 + 1))),
                ("owners", AttributeValue::List(vec!["Ann".into(), ["ben", "Chris"][number as usize / 5 % 2].into()])),
                ("os_version", AttributeValue::Text("12".into())),
                ("inventory_number", AttributeValue::Text(format!("INV-{number}"))),
            ];
            let attributes = values.into_iter().map(|(name, value)| (name.to_owned(), Some(value))).collect();
            let ci = id(&fleet, number);
            fleet.command("ann", CiCommand::AssertAttributes { ci, attributes, expected: None }).unwrap();
        }
        for number in (0..HOSTS).step_by(9) {
            let ci = id(&fleet, number);
            fleet.command("ann", CiCommand::SetStatus { ci, status: Lifecycle::Retired, reason: "old".into(), expected: None }).unwrap();
        }
        // A disk goes missing.
        fleet.report(1, [Section::Disks(vec![])]);
        relate(&mut fleet);
        hear(&mut fleet);
        open_incidents(&mut fleet);
        tag(&mut fleet);
        // Nobody was silent for so long: it is said so last.
        let (ci, source) = (id(&fleet, 3), Source::Person { name: "ann".into() });
        fleet.ci_events([crate::ci::CiEvent::RetirementSuggested { ci, source, last_seen: rollcall_shared::Timestamp(0) }]);
        let named = groups(&fleet);
        (fleet, named)
    })
}

fn relate(fleet: &mut Fleet) {
    let hosts: Vec<CiId> = (0..HOSTS).map(|number| fleet.id_of(u128::from(number))).collect();
    for number in (8..HOSTS as usize).step_by(4) {
        let source = Source::Person { name: "ann".into() };
        let (from, kind, to) =
            (hosts[number], if number.is_multiple_of(8) { RelationKind::RunsOn } else { RelationKind::DependsOn }, hosts[number % 7 + 1]);
        let at = fleet.now;
        fleet
            .world
            .cmdb
            .links
            .apply(&relation::Change::Set { relation: crate::ci::Relation { from, kind, to, source, first_seen: at, last_seen: at } });
    }
}

fn hear(fleet: &mut Fleet) {
    for number in (0..HOSTS).filter(|number| !number.is_multiple_of(6)) {
        let received_at = Timestamp(fleet.now.0 + i64::from(number) * 1_000);
        fleet.heard(u128::from(number), received_at);
    }
    fleet.now = Timestamp(fleet.now.0 + 700_000);
    fleet.tick();
    fleet.now = Timestamp(fleet.now.0 + 300_000);
}

fn open_incidents(fleet: &mut Fleet) {
    for number in (0..HOSTS).step_by(13) {
        let primary_ci = Some(fleet.id_of(u128::from(number)));
        let (impact, urgency) = (Some(Grade::Low), Some(Grade::Low));
        let new = NewIncident { title: "fire".into(), description: "Smoke.".into(), primary_ci, impact, urgency, ..NewIncident::default() };
        let opened = fleet.carry_out(Command::Incident(IncidentCommand::Open(Box::new(new))));
        let Some(Event::Incident(crate::incident::IncidentEvent::IncidentOpened { incident, .. })) = opened.first() else {
            panic!("{opened:?}")
        };
        if number.is_multiple_of(2) {
            let action = crate::incident::IncidentAction::Cancel { reason: "a drill".into() };
            fleet.carry_out(Command::Incident(IncidentCommand::Act { incident: incident.id, action, expected: None }));
        }
    }
}

/// No event sets tags yet.
fn tag(fleet: &mut Fleet) {
    for (place, ci) in fleet.world.cmdb.cis.values_mut().enumerate().filter(|(place, _)| place.is_multiple_of(3)) {
        ci.tags.insert(["prod", "Test", "pci-dss"][place / 3 % 3].to_owned());
    }
    fleet.world.rebuild_projections(&fleet.content);
}

fn groups(fleet: &Fleet) -> Named {
    let mut named = Named::default();
    let members = (0..HOSTS).step_by(17).map(|number| fleet.id_of(u128::from(number))).collect();
    named.members.insert("put".into(), members);
    for (name, query) in [
        ("web", "service:nginx"),
        ("nested", "group:web class:server"),
        ("loop", "group:pool"),
        ("pool", "tag:x or group:loop"),
        ("lost", "group:nowhere"),
    ] {
        named.queries.insert(name.into(), Query::parse(query).unwrap());
    }
    named
}

const TERMS: &[&str] = &[
    "",
    "srv1",
    "srv1*",
    "VM",
    "10.1.0.5",
    "2001:db8::a",
    "SRV00013",
    "*",
    "class:server",
    "class:(host,disk)",
    "class:virtual_machine",
    "class:software_product",
    "installations>100",
    "class:software_product installations<=400",
    "has:installations",
    "status:retired",
    "status:(operational,missing)",
    "name:srv7",
    "name:SRV7",
    "name=SRV7",
    "name=srv7",
    "name~9",
    "name:*4?",
    "name:(srv1,vm4,nothing)",
    "tag:prod",
    "tag:PROD",
    "tag=PROD",
    "tag:p*",
    "tag~ss",
    "group:web",
    "group:put",
    "group:(put,nested)",
    "has:rack",
    "has:(serial,uuid)",
    "has:mac",
    "has:nothing",
    "ip:10.1.0.0/16",
    "ip:10.0.0.4",
    "ip:(2001:db8::/120,10.3.0.0/24)",
    "ip:0.0.0.0/0",
    "mac:52:54:00:00:00:*",
    "mac~00:01",
    "package:openssl",
    "package:openssl<3.0.13-1",
    "package:openssl>=3.0.13-1",
    "package:openssl=3.1.0",
    "package:nginx*",
    "package:(bash>6,NGINX)",
    "package:nothing",
    "listener:443/tcp",
    "listener:53",
    "listener:53/tcp",
    "listener:(22/tcp,9)",
    "service:nginx",
    "service:nginx.service",
    "service:backup*",
    "service:*.timer",
    "user:alice",
    "user:(bob,carol)",
    "agent:online",
    "agent:silent",
    "agent:none",
    "agent:(none,silent)",
    "source:agent",
    "source:person",
    "source~gen",
    "drift:true",
    "drift:false",
    "retirement_candidate:true",
    "retirement_candidate:false",
    "incident:open",
    "incident:any",
    "incident:none",
    "last_seen>20m",
    "last_seen<=20m",
    "last_seen>=1970-01-01",
    "last_seen<1970-01-01",
    "created>1h",
    "created<12h",
    "updated<30m",
    "updated>1970-01-01T00:30:00Z",
    "parent:srv1",
    "parent:*",
    "parent:srv1*",
    "depends_on:srv1",
    "runs_on:*",
    "used_by:*8",
    "runs:vm*",
    "depends_on:(srv2,srv3)",
    "memory>=16GiB",
    "memory:8GiB",
    "memory<24G",
    "os.id:debian",
    "os.id!=debian",
    "os.version<12",
    "os.version>=12",
    "os.version:12",
    "rack:A1",
    "rack=a1",
    "rack:a*",
    "rack<b",
    "units>4",
    "units<=7",
    "units:7",
    "weight>10.5",
    "weight<=3",
    "weight:2.5",
    "warranty<2027-06-01",
    "warranty>=2027-06-01",
    "owners:ann",
    "owners:chris",
    "owners=ann",
    "owners~en",
    "inventory_number:inv-5",
    "inventory_number=INV-5",
    "inventory_number~-1",
    "serial:SRV00001",
    "serial:srv000*",
    "serial~99",
    "serial=srv00001",
    "uuid~00000000001f",
    "machine_id:0123*",
    "model:*PowerEdge*",
    "model:ssd*",
    "hostname:vm*",
    "size>1TB",
    "reboot_required:true",
];

fn naive(scope: &Scope<'_>, query: &Query) -> Vec<CiId> {
    scope.world.cmdb.cis.values().filter(|ci: &&Ci| scope.matches(query, ci)).map(|ci| ci.id).collect()
}

#[track_caller]
fn check(text: &str) -> usize {
    let (fleet, named) = world();
    let scope = Scope { world: &fleet.world, groups: named, now: fleet.now };
    let query = Query::parse(text).unwrap_or_else(|error| panic!("{error}\n{}", error.render(text)));
    let matches = scope.find(&query).unwrap();
    let expected = naive(&scope, &query);
    let mut found: Vec<CiId> = matches.ids().collect();
    found.sort_unstable();
    assert_eq!(found, expected, "{text}");
    let mut paged = Vec::new();
    loop {
        let page = matches.page(paged.last().copied(), 97);
        paged.extend(&page);
        if page.len() < 97 {
            break;
        }
    }
    assert_eq!(paged, expected, "{text}");
    expected.len()
}

#[test]
fn every_term_finds_what_a_look_at_every_record_finds() {
    // Nobody is spelled so, or has that.
    let deserted = [
        "name=SRV7",
        "tag=PROD",
        "has:nothing",
        "package:nothing",
        "listener:53/tcp",
        "last_seen<1970-01-01",
        "rack=a1",
        "owners=ann",
        "serial=srv00001",
        "reboot_required:true",
    ];
    let empty: Vec<&str> = TERMS.iter().copied().filter(|text| check(text) == 0).collect();
    assert_eq!(empty, deserted);
}

#[test]
fn groups_that_lead_nowhere_or_in_circles_are_refused() {
    let (fleet, named) = world();
    let scope = Scope { world: &fleet.world, groups: named, now: fleet.now };
    for (text, expected) in [
        ("group:loop", Unanswerable::CircularGroup("loop".into())),
        ("name:x or not group:pool", Unanswerable::CircularGroup("pool".into())),
        ("group:nowhere", Unanswerable::UnknownGroup("nowhere".into())),
        ("group:lost", Unanswerable::UnknownGroup("nowhere".into())),
    ] {
        assert_eq!(scope.find(&Query::parse(text).unwrap()).map(|found| found.len()), Err(expected), "{text}");
    }
}

#[test]
fn an_index_that_followed_every_change_is_the_one_that_is_built_at_once() {
    let mut fleet = Fleet::with_agents(1..4);
    for number in 1..4 {
        report(&mut fleet, number);
    }
    let ci = fleet.id_of(2);
    let assert = |value: Option<AttributeValue>| CiCommand::AssertAttributes {
        ci,
        attributes: BTreeMap::from([("rack".to_owned(), value)]),
        expected: None,
    };
    fleet.command("ann", assert(Some(AttributeValue::Text("A1".into())))).unwrap();
    fleet.command("ann", assert(None)).unwrap();
    fleet.report(2, [system(rollcall_shared::section::System { hostname: Some("renamed".into()), ..server(2) })]);
    fleet.report(3, [services(21), users(2)]);
    fleet.report(1, [Section::Disks(vec![])]);
    fleet.check();
    assert!(fleet.world.cmdb.index.len() > 10);
}

fn text() -> impl Strategy<Value = String> {
    let term = prop::sample::select(TERMS[1..].to_vec()).prop_map(str::to_owned);
    term.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|text| format!("not ({text})")),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| format!("({})", parts.join(" "))),
            prop::collection::vec(inner, 1..4).prop_map(|parts| format!("({})", parts.join(" or "))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_query_finds_what_a_look_at_every_record_finds(text in text()) {
        check(&text);
    }
}
