//! Failures pass along relations, in the direction of the table, without end or repetition.

use super::*;
use crate::ci::testing::rows::*;
use crate::ci::testing::*;
use crate::ci::{CiEvent, Relation, Source, relation::Change};
use crate::{Actor, Event, Record};
use rollcall_shared::Timestamp;

/// Items by name, made as they are named; relations as `name kind name`.
struct Graph(Fleet);

impl Graph {
    fn new(items: &[(&str, Class)], relations: &[&str]) -> Self {
        let mut graph = Self(Fleet::default());
        for (number, (name, class)) in items.iter().enumerate() {
            let ci = CiId { family: class.family(), bits: number as u128 };
            let source = Source::Person { name: "ann".into() };
            graph.append(CiEvent::CiCreated { ci, class: *class, name: (*name).into(), key: None, parent: None, source });
        }
        for relation in relations {
            let words: Vec<&str> = relation.split(' ').collect();
            let kind = RelationKind::ALL.into_iter().find(|kind| kind.as_str() == words[1]).unwrap();
            let (from, to, source) = (graph.id(words[0]), graph.id(words[2]), Source::Person { name: "ann".into() });
            let relation = Relation { from, kind, to, source, first_seen: Timestamp(0), last_seen: Timestamp(0) };
            graph.append(CiEvent::RelationsChanged { changes: vec![Change::Set { relation }] });
        }
        graph
    }

    fn append(&mut self, event: CiEvent) {
        let revision = self.0.world.revision + 1;
        let record =
            Record { revision, at: Timestamp(1), actor: Actor::System, request_id: None, idempotency_key: None, event: Event::Ci(event) };
        self.0.world.apply(&record, &self.0.content);
    }

    fn id(&self, name: &str) -> CiId {
        self.0.named(name).id
    }

    fn walk(&self, start: &str, direction: Direction, depth: usize) -> Vec<String> {
        let impact = walk(&self.0.world.cmdb, self.id(start), direction, depth);
        assert!(!impact.truncated);
        impact.hits.iter().map(|hit| format!("{} {}", self.0.world.cmdb.cis[&hit.ci].name, hit.path.len())).collect()
    }

    #[track_caller]
    fn check(&self, start: &str, direction: Direction, expected: &[&str]) {
        assert_eq!(self.walk(start, direction, DEPTH), expected, "{start} {direction:?}");
    }
}

use Direction::{Down, Up};

fn shop() -> Graph {
    Graph::new(
        &[
            ("hv", Class::Hypervisor),
            ("vm", Class::VirtualMachine),
            ("db", Class::DatabaseInstance),
            ("app", Class::ApplicationService),
            ("web", Class::Server),
            ("shop", Class::BusinessService),
            ("switch", Class::NetworkDevice),
            ("core", Class::NetworkDevice),
            ("cert", Class::Certificate),
            ("room", Class::Location),
        ],
        &[
            "vm runs_on hv",
            "db runs_on vm",
            "app depends_on db",
            "app runs_on web",
            "app member_of shop",
            "hv connects_to switch",
            "switch connects_to core",
            "cert installed_on web",
            "hv hosted_on room",
            "hv managed_by web",
        ],
    )
}

#[test]
fn a_failure_affects_what_depends_on_it() {
    let shop = shop();
    shop.check("hv", Up, &["vm 1", "db 2", "app 3", "shop 4"]);
    shop.check("switch", Up, &["hv 1", "vm 2", "db 3", "app 4", "shop 5"]);
    shop.check("room", Up, &["hv 1", "vm 2", "db 3", "app 4", "shop 5"]);
    shop.check("cert", Up, &["web 1", "app 2", "shop 3"]);
    shop.check("core", Up, &[]);
    shop.check("shop", Up, &[]);
    shop.check("web", Up, &["app 1", "shop 2"]);
    assert_eq!(upstream(&shop.0.world.cmdb, shop.id("hv")).hits.len(), 4);
}

#[test]
fn a_thing_needs_what_it_depends_on() {
    let shop = shop();
    shop.check("shop", Down, &["app 1", "web 2", "db 2", "cert 3", "vm 3", "hv 4", "room 5", "switch 5"]);
    shop.check("hv", Down, &["room 1", "switch 1"]);
    shop.check("core", Down, &[]);
}

#[test]
fn a_path_tells_the_relations_as_they_are_recorded() {
    let shop = shop();
    let impact = walk(&shop.0.world.cmdb, shop.id("hv"), Up, DEPTH);
    let texts: Vec<String> =
        impact.hits[2].path.iter().map(|step| format!("{} {} {}", shop.name(step.from), step.kind.as_str(), shop.name(step.to))).collect();
    assert_eq!(texts, ["vm runs_on hv", "db runs_on vm", "app depends_on db"]);
}

impl Graph {
    fn name(&self, id: CiId) -> &str {
        &self.0.world.cmdb.cis[&id].name
    }
}

#[test]
fn depth_has_bounds() {
    let shop = shop();
    assert_eq!(shop.walk("switch", Up, 2), ["hv 1", "vm 2"]);
    assert_eq!(shop.walk("switch", Up, 0), ["hv 1"]);
    assert_eq!(shop.walk("switch", Up, usize::MAX).len(), 5);
}

#[test]
fn cycles_end() {
    let items = [("a", Class::Server), ("b", Class::Server), ("c", Class::Server)];
    let ring = Graph::new(&items, &["a depends_on b", "b depends_on c", "c depends_on a", "a depends_on a"]);
    for direction in [Up, Down] {
        assert_eq!(ring.walk("a", direction, DEPTH_MAX).len(), 2);
    }
}

#[test]
fn what_is_not_there_any_more_passes_nothing_on() {
    let mut shop = shop();
    let ci = shop.id("vm");
    let (before, reason) = (Lifecycle::Operational, "gone".to_owned());
    shop.append(CiEvent::CiStatusChanged { ci, before, after: Lifecycle::Retired, reason });
    shop.check("hv", Up, &[]);
    shop.check("vm", Up, &["db 1", "app 2", "shop 3"]);
}

#[test]
fn more_than_the_bound_is_said_to_be_more() {
    let names: Vec<String> = (0..HITS + 50).map(|n| format!("s{n}")).collect();
    let mut items: Vec<(&str, Class)> = names.iter().map(|name| (name.as_str(), Class::Server)).collect();
    items.push(("db", Class::DatabaseInstance));
    let mut graph = Graph::new(&items, &[]);
    let to = CiId { family: Class::DatabaseInstance.family(), bits: (items.len() - 1) as u128 };
    let changes = (0..HITS + 50).map(|n| {
        let from = CiId { family: Class::Server.family(), bits: n as u128 };
        let source = Source::Person { name: "ann".into() };
        Change::Set {
            relation: Relation { from, kind: RelationKind::DependsOn, to, source, first_seen: Timestamp(0), last_seen: Timestamp(0) },
        }
    });
    graph.append(CiEvent::RelationsChanged { changes: changes.collect() });
    let impact = walk(&graph.0.world.cmdb, to, Up, DEPTH);
    assert_eq!((impact.hits.len(), impact.truncated), (HITS, true));
    assert!(impact.hits.iter().map(|hit| hit.ci).eq((0..HITS).map(|n| CiId { family: Class::Server.family(), bits: n as u128 })));
}

#[test]
fn a_disk_affects_its_host_and_what_runs_there() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(
        1,
        [
            system(server(1)),
            rollcall_shared::Section::Disks(vec![disk("sda", "PHAX0001")]),
            listeners(&["tcp/0.0.0.0:22 ssh.service sshd"]),
        ],
    );
    let disk = fleet.of_class(Class::Disk)[0].id;
    let names = |start, direction| -> Vec<String> {
        walk(&fleet.world.cmdb, start, direction, DEPTH).hits.iter().map(|hit| fleet.world.cmdb.cis[&hit.ci].name.clone()).collect()
    };
    assert_eq!(names(disk, Up), ["srv1", "ssh"]);
    assert_eq!(names(fleet.id_of(1), Up), ["ssh"]);
    assert_eq!(names(fleet.named("ssh").id, Down), ["srv1", "SSDPF2KX038TZ"]);
}
