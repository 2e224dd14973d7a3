//! How people say that things belong together.

use super::*;
use crate::ci::testing::Fleet;
use crate::ci::{CiCommand, NewCi};
use crate::id::Family;

#[track_caller]
fn check(kind: RelationKind, from: Class, to: Class, expected: bool) {
    assert_eq!(check_classes(kind, from, to).is_ok(), expected, "{} {} {}", from.as_str(), kind.as_str(), to.as_str());
}

#[test]
fn a_kind_joins_what_it_makes_sense_for() {
    for (kind, from, to, expected) in [
        (RelationKind::DependsOn, Class::BusinessService, Class::Server, true),
        (RelationKind::DependsOn, Class::BusinessService, Class::SoftwareProduct, true),
        (RelationKind::DependsOn, Class::BusinessService, Class::BusinessService, true),
        (RelationKind::DependsOn, Class::DatabaseInstance, Class::StorageDevice, true),
        (RelationKind::DependsOn, Class::Disk, Class::Server, false),
        (RelationKind::RunsOn, Class::VirtualMachine, Class::Hypervisor, true),
        (RelationKind::RunsOn, Class::WebServer, Class::VirtualMachine, true),
        (RelationKind::RunsOn, Class::Location, Class::Server, false),
        (RelationKind::HostedOn, Class::Server, Class::Location, true),
        (RelationKind::HostedOn, Class::Location, Class::Location, false),
        (RelationKind::HostedOn, Class::BusinessService, Class::Location, false),
        (RelationKind::Contains, Class::Location, Class::Location, true),
        (RelationKind::Contains, Class::Server, Class::Disk, true),
        (RelationKind::Contains, Class::Location, Class::Server, false),
        (RelationKind::InstalledOn, Class::SoftwareProduct, Class::Server, false),
        (RelationKind::ConnectsTo, Class::Server, Class::NetworkDevice, true),
        (RelationKind::ConnectsTo, Class::BusinessService, Class::NetworkDevice, false),
        (RelationKind::MemberOf, Class::Server, Class::Cluster, true),
        (RelationKind::MemberOf, Class::Cluster, Class::Server, false),
        (RelationKind::ManagedBy, Class::NetworkDevice, Class::Server, true),
    ] {
        check(kind, from, to, expected);
    }
}

#[test]
fn a_refused_kind_tells_what_it_leads_to() {
    let error = check_classes(RelationKind::HostedOn, Class::Server, Class::Server).expect_err("refused").to_string();
    assert_eq!(error, "kind: hosted_on does not lead from a server to a server, but to: location, cluster");
    let error = check_classes(RelationKind::HostedOn, Class::Location, Class::Location).expect_err("refused").to_string();
    assert_eq!(error, "kind: hosted_on does not begin at a location");
}

struct Things {
    fleet: Fleet,
}

impl Things {
    fn make(&mut self, class: Class, name: &str) -> CiId {
        let new = NewCi { class, name: name.into(), status: None, parent: None, attributes: BTreeMap::new(), tags: Vec::new() };
        match &self.fleet.command("ada", CiCommand::Create(Box::new(new))).expect("made")[0] {
            CiEvent::CiCreated { ci, .. } => *ci,
            other => panic!("{other:?}"),
        }
    }

    fn relate(&mut self, person: &str, from: CiId, kind: RelationKind, to: CiId) -> Result<usize, String> {
        let done = self.fleet.command(person, CiCommand::Relate { from, kind, to });
        self.fleet.check();
        done.map(|events| events.len()).map_err(|error| error.to_string())
    }

    fn unrelate(&mut self, from: CiId, kind: RelationKind, to: CiId) -> Result<usize, String> {
        let done = self.fleet.command("ben", CiCommand::Unrelate { from, kind, to });
        self.fleet.check();
        done.map(|events| events.len()).map_err(|error| error.to_string())
    }
}

#[test]
fn a_relation_is_said_once_and_taken_back() {
    let mut things = Things { fleet: Fleet::with_agents([]) };
    let (shop, web) = (things.make(Class::BusinessService, "Shop"), things.make(Class::Server, "web-1"));
    let kind = RelationKind::DependsOn;
    assert_eq!(things.relate("ada", shop, kind, web), Ok(1));
    assert_eq!(things.relate("ada", shop, kind, web), Ok(0), "said again it changes nothing");
    assert_eq!(things.relate("ben", shop, kind, web), Ok(1), "somebody else says so too");
    assert_eq!(things.relate("ada", shop, kind, shop), Err("to: nothing is related to itself".into()));
    assert_eq!(things.unrelate(shop, kind, web), Ok(1));
    assert!(things.unrelate(shop, kind, web).is_err(), "it is gone, whoever said it");
    let absent = CiId { family: Family::Host, bits: 99 };
    assert!(things.relate("ada", shop, kind, absent).is_err());
}

#[test]
fn people_take_back_only_what_people_said() {
    let mut things = Things { fleet: Fleet::with_agents([]) };
    let (shop, web) = (things.make(Class::BusinessService, "Shop"), things.make(Class::Server, "web-1"));
    let source = Source::Feed { name: "netbox".into() };
    let kind = RelationKind::DependsOn;
    let seen = things.fleet.now;
    let relation = Relation { from: shop, kind, to: web, source, first_seen: seen, last_seen: seen };
    things.fleet.world.cmdb.links.apply(&Change::Set { relation });
    let done = things.fleet.command("ben", CiCommand::Unrelate { from: shop, kind, to: web });
    let expected = "netbox discovered it and would bring it back; nobody asserted it";
    assert_eq!(done.map_err(|error| error.to_string()), Err(expected.into()));
}

#[test]
fn nothing_runs_on_itself_by_way_of_others() {
    let mut things = Things { fleet: Fleet::with_agents([]) };
    let [a, b, c] = ["a", "b", "c"].map(|name| things.make(Class::VirtualMachine, name));
    let kind = RelationKind::RunsOn;
    assert_eq!(things.relate("ada", a, kind, b), Ok(1));
    assert_eq!(things.relate("ada", b, kind, c), Ok(1));
    assert_eq!(things.relate("ada", c, kind, a), Err("to: c would run on itself: c runs on a runs on b runs on c".into()));
}

#[test]
fn a_wire_has_no_direction() {
    let mut things = Things { fleet: Fleet::with_agents([]) };
    let (core, edge) = (things.make(Class::NetworkDevice, "core"), things.make(Class::NetworkDevice, "edge"));
    assert_eq!(things.relate("ada", core, RelationKind::ConnectsTo, edge), Ok(1));
    assert!(things.relate("ada", edge, RelationKind::ConnectsTo, core).is_err());
}

#[test]
fn containment_is_where_the_part_is() {
    let mut things = Things { fleet: Fleet::with_agents([]) };
    let [city, hall, rack] = ["Berlin", "Hall", "Rack"].map(|name| things.make(Class::Location, name));
    let kind = RelationKind::Contains;
    assert!(things.relate("ada", city, kind, hall).is_ok());
    assert!(things.relate("ada", hall, kind, rack).is_ok());
    assert_eq!(things.fleet.world.cmdb.cis[&rack].parent, Some(hall));
    let circle = things.relate("ada", rack, kind, city);
    assert_eq!(circle, Err("parent: Berlin would be within itself: Berlin in Rack in Hall in Berlin".into()));
    assert!(things.relate("ada", city, kind, rack).is_err(), "it is in the hall");
    assert!(things.unrelate(hall, kind, rack).is_ok());
    assert_eq!(things.fleet.world.cmdb.cis[&rack].parent, None);
    assert!(things.unrelate(hall, kind, rack).is_err());
}
