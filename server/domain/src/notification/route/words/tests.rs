use super::*;
use crate::Command;
use crate::alert::scenario::text;
use crate::contact::{ContactCommand, ContactKind};
use crate::notification::NotificationCommand;
use crate::notification::route::{Route, When};
use crate::notification::tests::{Desk, loud, route};
use crate::rule::Rule;

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A desk with two teams, and an item that serves the shop.
fn desk(rules: Vec<Rule>) -> Desk {
    let mut desk = Desk::under(rules);
    desk.s.seed(|world| {
        let first = world.cmdb.cis.keys().next().copied().expect("a host");
        world.cmdb.cis.get_mut(&first).expect("there").attributes.insert("service".into(), text("Shop"));
        world.rebuild_projections(&crate::context::NoContent);
    });
    for name in ["Web team", "Storage"] {
        let command = ContactCommand::Add { name: name.into(), kind: ContactKind::Team, mail: None };
        desk.s.command(0, &Command::Contact(command)).expect("a team");
    }
    desk
}

/// The conditions as they are kept, or the words of their refusal that matter.
#[track_caller]
fn check(desk: &mut Desk, when: When, expected: Result<(&[&str], &[&str]), &str>) {
    let made = Route { when, ..route(desk.channel) };
    match (desk.ask(1, NotificationCommand::SetRoute { id: None, route: Box::new(made), expected: None }), expected) {
        (Ok(()), Ok((groups, services))) => {
            let known = desk.s.world.notifications.routes.values().next().expect("one").route.clone();
            assert_eq!((known.when.groups, known.when.services), (set(groups), set(services)));
            desk.ask(1, NotificationCommand::DeleteRoute { id: known.id, expected: None }).expect("deleted");
        }
        (Err(refused), Err(expected)) => assert!(refused.to_string().contains(expected), "{refused}"),
        (found, expected) => panic!("{found:?}, not {expected:?}"),
    }
}

#[test]
fn groups_and_services_are_those_that_are_there() {
    let mut desk = desk(vec![loud("load")]);
    let id = desk.s.world.contacts.find("storage").expect("there").contact.id.to_string();
    check(&mut desk, When { groups: set(&["WEB team", &id]), ..When::default() }, Ok((&["Storage", "Web team"], &[])));
    check(&mut desk, When { services: set(&["shop"]), ..When::default() }, Ok((&[], &["Shop"])));
    check(
        &mut desk,
        When { groups: set(&["webteam"]), ..When::default() },
        Err("when.groups: there is no team webteam; did you mean Web team?"),
    );
    check(&mut desk, When { services: set(&["shpo"]), ..When::default() }, Err("when.services: no item serves shpo"));
}

#[test]
fn where_nothing_serves_anything_any_service_will_do() {
    let mut desk = Desk::new();
    check(&mut desk, When { services: set(&["shop"]), ..When::default() }, Ok((&[], &["shop"])));
}

#[test]
fn a_word_that_a_route_has_may_stay() {
    let mut desk = Desk::new();
    let when = When { groups: set(&["payroll"]), ..When::default() };
    desk.set_route(Route { when: when.clone(), ..route(desk.channel) });
    let command = ContactCommand::Add { name: "Web team".into(), kind: ContactKind::Team, mail: None };
    desk.s.command(0, &Command::Contact(command)).expect("a team");
    let id = *desk.s.world.notifications.routes.keys().next().expect("one");
    let again = Route { name: "Payroll".into(), when, ..route(desk.channel) };
    desk.ask(1, NotificationCommand::SetRoute { id: Some(id), route: Box::new(again), expected: None }).expect("renamed");
}

#[test]
fn an_incident_is_told_to_its_group_however_the_group_is_written() {
    let mut desk = Desk::under(vec![Rule { group: Some("web TEAM".into()), ..loud("load") }]);
    desk.set_route(Route { when: When { groups: set(&["web team"]), ..When::default() }, ..route(desk.channel) });
    desk.breach(0, [1]);
    assert_eq!(desk.told().len(), 1);
}

#[test]
fn a_category_that_nothing_has_brought_is_worth_a_word() {
    let desk = desk(vec![loud("filesystem_space")]);
    let when = When { categories: set(&["filesystem_spce", "filesystem_space", "HostDown", "duplicate_identity"]), ..When::default() };
    let expected = [
        "no rule and no incident has the category HostDown",
        "no rule and no incident has the category filesystem_spce; did you mean filesystem_space?",
    ];
    assert_eq!(when.warnings(&desk.s.world), expected);
}
