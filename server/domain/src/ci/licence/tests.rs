use super::*;
use crate::Rejection;
use crate::ci::CiCommand;
use crate::ci::testing::{Fleet, packages, server, system};
use crate::query::{NoGroups, Query, Scope};

/// Three hosts: bash in two versions, and on the first one zsh, which nobody else has.
fn fleet() -> Fleet {
    let mut fleet = Fleet::with_agents([1, 2, 3]);
    fleet.report(1, [system(server(1)), packages(&[("bash", "5.1"), ("bash", "5.2"), ("zsh", "5.9")])]);
    fleet.report(2, [system(server(2)), packages(&[("bash", "5.2")])]);
    fleet.report(3, [system(server(3)), packages(&[("bash", "5.2")])]);
    fleet
}

fn product(fleet: &Fleet, name: &str) -> CiId {
    fleet.world.cmdb.cis.values().find(|ci| ci.class == Class::SoftwareProduct && ci.name == name).expect("a product").id
}

fn say(fleet: &mut Fleet, ci: CiId, name: &str, value: AttributeValue) -> Result<(), Rejection> {
    let attributes = [(name.to_owned(), Some(value))].into();
    let done = fleet.command("ada", CiCommand::AssertAttributes { ci, attributes, expected: None });
    fleet.check();
    done.map(drop)
}

#[track_caller]
fn check_query(fleet: &Fleet, text: &str, expected: &[&str]) {
    let query = Query::parse(text).expect("a query");
    let scope = Scope { world: &fleet.world, groups: &NoGroups, now: fleet.now };
    let mut ids: Vec<CiId> = scope.find(&query).expect("found").ids().collect();
    ids.sort_unstable();
    let one_by_one: Vec<CiId> = fleet.world.cmdb.cis.values().filter(|ci| scope.matches(&query, ci)).map(|ci| ci.id).collect();
    assert_eq!(ids, one_by_one, "{text}");
    let mut names: Vec<&str> = ids.iter().map(|id| &*fleet.world.cmdb.cis[id].name).collect();
    names.sort_unstable();
    assert_eq!(names, expected, "{text}");
}

#[test]
fn a_host_counts_once_whatever_its_versions_and_not_once_it_is_retired() {
    let mut fleet = fleet();
    let (bash, zsh) = (product(&fleet, "bash"), product(&fleet, "zsh"));
    let counts = |fleet: &Fleet| {
        let installations = Installations::new(&fleet.world.cmdb);
        (installations.of(bash), installations.of(zsh))
    };
    assert_eq!(counts(&fleet), (3, 1));
    fleet.report(2, [system(server(2)), packages(&[("vim", "9")])]);
    assert_eq!(counts(&fleet), (2, 1));
    let host = fleet.id_of(1);
    // A machine whose agent still reports is not retired.
    fleet.ci_events([super::super::CiEvent::CiStatusChanged {
        ci: host,
        before: Lifecycle::Operational,
        after: Lifecycle::Retired,
        reason: "sold".into(),
    }]);
    assert_eq!(counts(&fleet), (1, 0));
    let installations = Installations::new(&fleet.world.cmdb);
    assert_eq!(installations.value(&fleet.world.cmdb.cis[&host]), None);
}

#[test]
fn installations_and_licences_are_asked_for_as_other_attributes_are() {
    let mut fleet = fleet();
    let bash = product(&fleet, "bash");
    say(&mut fleet, bash, LICENSED, AttributeValue::Integer(2)).expect("said");
    check_query(&fleet, "installations>1", &["bash"]);
    check_query(&fleet, "installations>=1 class:software_product", &["bash", "zsh"]);
    check_query(&fleet, "not installations:3 class:software_product", &["zsh"]);
    check_query(&fleet, "has:licensed_installations installations>2", &["bash"]);
    check_query(&fleet, "licensed_installations<3", &["bash"]);
    check_query(&fleet, "has:installations", &["bash", "zsh"]);
    check_query(&fleet, "name:zsh (installations<2 or licensed_installations>9)", &["zsh"]);
}

#[test]
fn what_is_recorded_is_a_number_a_day_and_nothing_that_is_counted() {
    let mut fleet = fleet();
    let bash = product(&fleet, "bash");
    let mut check = |name: &str, value: AttributeValue, expected: Option<&str>| {
        let said = say(&mut fleet, bash, name, value).err().map(|error| error.to_string());
        assert_eq!(said.is_none(), expected.is_none(), "{name}: {said:?}");
        assert!(said.iter().all(|said| said.contains(expected.unwrap_or_default())), "{said:?}");
    };
    let text = |text: &str| AttributeValue::Text(text.into());
    check(LICENSED, AttributeValue::Integer(0), None);
    check(LICENSED, AttributeValue::Integer(-1), Some("must be 0 or more"));
    check(LICENSED, text("ten"), Some("must be a whole number"));
    check("licence_ends", text("2027-01-31"), None);
    check("licence_ends", text("soon"), Some("must be a day"));
    check(INSTALLATIONS, AttributeValue::Integer(5), Some("is counted from the packages of hosts"));
}
