use super::*;
use crate::alert::scenario::Scenario;
use crate::context::NoContent;
use crate::{Command, Rejection, World};

fn ask(scenario: &mut Scenario, command: ContactCommand) -> Result<(), Rejection> {
    scenario.command(1, &Command::Contact(command))
}

fn add(scenario: &mut Scenario, name: &str, mail: Option<&str>) -> Result<(), Rejection> {
    ask(scenario, ContactCommand::Add { name: name.into(), kind: ContactKind::Team, mail: mail.map(str::to_owned) })
}

fn id(scenario: &Scenario, name: &str) -> ContactId {
    scenario.world.contacts.find(name).expect("there").contact.id
}

fn change(scenario: &mut Scenario, name: &str, change: ContactChange) -> Result<(), Rejection> {
    let id = id(scenario, name);
    ask(scenario, ContactCommand::Change { id, change, expected: None })
}

fn rename(scenario: &mut Scenario, name: &str, to: &str) -> Result<(), Rejection> {
    change(scenario, name, ContactChange { name: Some(to.into()), ..ContactChange::default() })
}

/// Teams that are called so.
fn teams(names: &[&str]) -> Scenario {
    let mut scenario = Scenario::new(vec![]);
    names.iter().for_each(|name| add(&mut scenario, name, None).expect("a contact"));
    scenario
}

/// The field that is wrong, or the words of another refusal.
fn refused(done: Result<(), Rejection>) -> Option<String> {
    match done {
        Ok(()) => None,
        Err(Rejection::Invalid { field, .. }) => Some(field),
        Err(Rejection::Conflict(reason)) => Some(reason),
        Err(other) => panic!("{other}"),
    }
}

#[track_caller]
fn check(name: &str, mail: Option<&str>, expected: Option<&str>) {
    assert_eq!(refused(add(&mut teams(&[]), name, mail)).as_deref(), expected, "{name} {mail:?}");
    let mut scenario = teams(&["Payroll"]);
    let new = ContactChange { name: Some(name.into()), kind: None, mail: Some(mail.map(str::to_owned)) };
    assert_eq!(refused(change(&mut scenario, "payroll", new)).as_deref(), expected, "changed to {name} {mail:?}");
    scenario.replay();
}

#[test]
fn a_contact_has_a_name_and_perhaps_an_address() {
    check("Web team", Some("web@example.org"), None);
    check("Web team", None, None);
    check(" ", None, Some("name"));
    check(&"x".repeat(101), None, Some("name"));
    check("con_00000000000000000000000001", None, Some("name"));
    for mail in ["", "web", "@example.org", "web@", "a@b@c", "Web <web@example.org>", "a@b,c@d", "a b@c"] {
        check("Web team", Some(mail), Some("mail"));
    }
}

#[test]
fn a_name_says_who_is_meant() {
    let mut scenario = teams(&["Web team"]);
    assert!(matches!(add(&mut scenario, "WEB  team", None), Err(Rejection::Conflict(_))));
    let id = id(&scenario, "web team").to_string();
    assert_eq!(scenario.world.contacts.find(&id).map(|known| known.contact.name.as_str()), Some("Web team"));
}

/// A team is called one name after the other; what it is called in the end, and was before.
#[track_caller]
fn check_names(names: &[&str], now: &str, former: &[&str]) {
    let mut scenario = teams(&names[..1]);
    for (before, after) in names.iter().zip(&names[1..]) {
        rename(&mut scenario, before, after).expect("renamed");
    }
    let Contact { name, former_names, .. } = &scenario.world.contacts.find(names[0]).expect("found by every name").contact;
    assert_eq!((name.as_str(), former_names.iter().map(String::as_str).collect::<Vec<_>>().as_slice()), (now, former), "{names:?}");
    for name in names {
        assert_eq!(scenario.world.contacts.called(name), now);
    }
    scenario.replay();
}

#[test]
fn who_is_renamed_keeps_the_names_of_before_and_may_take_them_back() {
    check_names(&["Web team", "Shop"], "Shop", &["Web team"]);
    check_names(&["Web team", "Shop", "Front end"], "Front end", &["Web team", "Shop"]);
    check_names(&["Web team", "Shop", "WEB team"], "WEB team", &["Shop"]);
    check_names(&["Web team", "web TEAM"], "web TEAM", &[]);
}

#[test]
fn a_name_that_another_has_or_had_is_refused_with_who_it_is() {
    let mut scenario = teams(&["Web team", "Storage"]);
    let (web, storage) = (id(&scenario, "web team"), id(&scenario, "storage"));
    assert_eq!(refused(rename(&mut scenario, "storage", "web TEAM")), Some(format!("{web} is called Web team already")));
    rename(&mut scenario, "storage", "Disks").expect("renamed");
    let former = format!("{storage} was called Storage and is called Disks now: what says Storage means it");
    assert_eq!(refused(rename(&mut scenario, "web team", "Storage")), Some(former.clone()));
    assert_eq!(refused(add(&mut scenario, "Storage", None)), Some(former));
    ask(&mut scenario, ContactCommand::Delete { id: storage, expected: None }).expect("deleted");
    for name in ["Storage", "Disks"] {
        assert!(scenario.world.contacts.find(name).is_none());
        add(&mut scenario, name, None).expect("free again");
    }
    scenario.replay();
}

#[test]
fn only_what_is_different_is_written() {
    let mut scenario = teams(&["Web team"]);
    let web = id(&scenario, "web team");
    let seen = scenario.world.contacts.contacts[&web].revision;
    let mail = |text: Option<&str>| ContactChange { mail: Some(text.map(str::to_owned)), ..ContactChange::default() };
    let same = ContactChange { name: Some(" Web team ".into()), kind: Some(ContactKind::Team), mail: Some(None) };
    for nothing in [ContactChange::default(), mail(None), same] {
        change(&mut scenario, "web team", nothing).expect("nothing to do");
        assert_eq!(scenario.world.revision, seen);
    }
    change(&mut scenario, "web team", mail(Some("web@example.org"))).expect("changed");
    assert_eq!(scenario.world.contacts.contacts[&web].contact.mail.as_deref(), Some("web@example.org"));
    change(&mut scenario, "web team", mail(None)).expect("taken away");
    assert_eq!(scenario.world.contacts.contacts[&web].contact.mail, None);
    let person = ContactChange { kind: Some(ContactKind::Person), ..ContactChange::default() };
    assert_eq!(refused(change(&mut scenario, "web team", person)).as_deref(), Some("kind"));
    let stale = |command| matches!(command, Err(Rejection::Stale { .. }));
    let change = ContactChange::default();
    assert!(stale(ask(&mut scenario, ContactCommand::Change { id: web, change: change.clone(), expected: Some(seen) })));
    assert!(stale(ask(&mut scenario, ContactCommand::Delete { id: web, expected: Some(seen) })));
    let absent = ask(&mut scenario, ContactCommand::Change { id: ContactId(9), change, expected: None });
    assert!(matches!(absent, Err(Rejection::NotFound { .. })));
    scenario.replay();
}

#[test]
fn a_name_is_taken_for_ever_so_their_number_has_a_bound() {
    let mut scenario = teams(&["team 0"]);
    for number in 0..FORMER_NAMES {
        rename(&mut scenario, &format!("team {number}"), &format!("team {}", number + 1)).expect("renamed");
    }
    assert!(matches!(rename(&mut scenario, "team 0", "one more"), Err(Rejection::Conflict(reason)) if reason.contains("50 names")));
    rename(&mut scenario, "team 0", "team 7").expect("its own");
}

#[test]
fn records_and_states_of_before_contacts_were_renamed_are_read() {
    let record = r#"{"revision": 1, "at": "2026-01-01T00:00:00Z", "actor": {"kind": "local"}, "subject": "contact", "event": {"type": "contact_added",
        "contact": {"id": "con_00000000000000000000000001", "name": "Web team", "kind": "team", "mail": null}}}"#;
    let record: Record = serde_json::from_str(record).expect("an old record can be read");
    let mut world = World::default();
    world.apply(&record, &NoContent);
    let known = world.contacts.find("web team").expect("there");
    assert_eq!((known.contact.former_names.len(), known.revision), (0, 1));
    let stored = serde_json::to_string(&world.contacts).expect("written");
    let before = r#"{"contacts":{"con_00000000000000000000000001":{"contact":{"id":"con_00000000000000000000000001","name":"Web team","kind":"team","mail":null},"revision":1}},"names":{"web team":"con_00000000000000000000000001"}}"#;
    assert_eq!(stored, before, "what has no former name is written as it was");
    assert_eq!(serde_json::from_str::<Contacts>(before).expect("an old state can be read"), world.contacts);
}
