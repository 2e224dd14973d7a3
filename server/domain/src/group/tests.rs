//! Groups of configuration items.

use super::*;
use crate::Command;
use crate::ci::testing::{Fleet, server, system};
use crate::contact::{ContactCommand, ContactKind};

fn new(name: &str) -> NewGroup {
    NewGroup { name: name.into(), description: None, owner: None, support_group: false, selection: Selection::Members }
}

fn order(fleet: &mut Fleet, command: GroupCommand) -> Result<usize, String> {
    let done = fleet.decide("ada", &Command::Group(command));
    fleet.check();
    done.map(|events| events.len()).map_err(|error| match error {
        Rejection::Invalid { field, .. } => field,
        Rejection::Conflict(_) => "conflict".into(),
        Rejection::Stale { .. } => "stale".into(),
        Rejection::NotFound { kind, .. } => kind.into(),
        other => other.to_string(),
    })
}

fn create(group: NewGroup, members: impl IntoIterator<Item = CiId>) -> GroupCommand {
    GroupCommand::Create { group, members: members.into_iter().collect() }
}

fn fleet() -> (Fleet, CiId, CiId) {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(1, [system(server(1))]);
    fleet.report(2, [system(server(2))]);
    let (one, two) = (fleet.id_of(1), fleet.id_of(2));
    (fleet, one, two)
}

#[track_caller]
fn check(group: NewGroup, expected: Result<usize, &str>) {
    let subject = format!("{group:?}");
    assert_eq!(order(&mut fleet().0, create(group, [])), expected.map_err(str::to_owned), "{subject}");
}

#[test]
fn a_group_has_a_name_and_who_supports_has_an_owner() {
    check(new("Web servers"), Ok(1));
    check(new(" "), Err("name"));
    check(new(&"x".repeat(101)), Err("name"));
    check(NewGroup { owner: Some("nobody".into()), ..new("Web servers") }, Err("owner"));
    check(NewGroup { support_group: true, ..new("Web servers") }, Err("owner"));
    check(NewGroup { description: Some("x".repeat(1001)), ..new("Web servers") }, Err("description"));
}

#[test]
fn a_group_by_query_has_what_it_finds_and_never_itself() {
    let by_query = |name: &str, query: &str| {
        let selection = Selection::Query { query: query.parse().expect("a query") };
        create(NewGroup { selection, ..new(name) }, [])
    };
    let (mut fleet, one, two) = fleet();
    assert_eq!(order(&mut fleet, by_query("Hosts", "class:host")), Ok(1));
    assert_eq!(order(&mut fleet, by_query("Some", "group:Hosts or group:none")), Err("query".into()));
    assert_eq!(order(&mut fleet, by_query("Circle", "not group:circle")), Err("query".into()));
    assert_eq!(order(&mut fleet, by_query("All", "group:hosts")), Ok(1));
    for known in fleet.world.groups.groups.values() {
        let found = known.select(&fleet.world, fleet.now, None, 10).expect("answered");
        assert!(found.contains(&one) && found.contains(&two), "{found:?}");
    }
    fleet.check();
}

#[test]
fn members_come_and_go() {
    let (mut fleet, one, two) = fleet();
    assert_eq!(order(&mut fleet, create(new("Web servers"), [one])), Ok(2));
    assert_eq!(order(&mut fleet, create(new("WEB servers"), [])), Err("conflict".into()));
    let id = *fleet.world.groups.groups.keys().next().expect("there");
    let absent = CiId { family: crate::id::Family::Host, bits: 99 };
    let change = |add: &[CiId], remove: &[CiId], expected| GroupCommand::ChangeMembers {
        id,
        add: add.iter().copied().collect(),
        remove: remove.iter().copied().collect(),
        expected,
    };
    for (command, expected) in [
        (change(&[two], &[one], None), Ok(1)),
        (change(&[two], &[one], None), Ok(0)),
        (change(&[two], &[two], None), Err("members".into())),
        (change(&[absent], &[], None), Err("add".into())),
        (change(&[one], &[], Some(1)), Err("stale".into())),
    ] {
        assert_eq!(order(&mut fleet, command), expected);
    }
    let group = &fleet.world.groups.groups[&id];
    assert_eq!(group.select(&fleet.world, fleet.now, None, 10), Ok(vec![two]));
    assert_eq!(group.select(&fleet.world, fleet.now, Some(two), 10), Ok(vec![]));
}

#[test]
fn a_group_is_said_anew_and_ended() {
    let (mut fleet, one, _) = fleet();
    let add = ContactCommand::Add { name: "Web team".into(), kind: ContactKind::Team, mail: None };
    fleet.decide("ada", &Command::Contact(add)).expect("added");
    assert_eq!(order(&mut fleet, create(new("Web servers"), [one])), Ok(2));
    let id = *fleet.world.groups.groups.keys().next().expect("there");
    let group = NewGroup { owner: Some("web team".into()), support_group: true, ..new("Front end") };
    let update = |expected| GroupCommand::Update { id, group: group.clone(), expected };
    assert_eq!(order(&mut fleet, update(Some(1))), Err("stale".into()));
    assert_eq!(order(&mut fleet, update(None)), Ok(1));
    assert_eq!(order(&mut fleet, update(None)), Ok(0));
    assert_eq!(fleet.world.groups.groups[&id].members, BTreeSet::from([one]), "members stay");
    assert_eq!(order(&mut fleet, GroupCommand::Delete { id, expected: None }), Ok(1));
    assert_eq!(order(&mut fleet, GroupCommand::Delete { id, expected: None }), Err("group".into()));
    assert!(fleet.world.cmdb.cis.contains_key(&one));
}
