use super::*;
use crate::Command;
use crate::alert::scenario::{Scenario, rule};
use crate::contact::ContactCommand;
use crate::group::{GroupCommand, NewGroup, Selection};
use crate::id::{ContactId, IncidentId};
use crate::incident::{IncidentAction, IncidentCommand, NewIncident};
use crate::problem::ProblemCommand;
use crate::rule::case::Tested;
use crate::rule::{Rule, RuleCommand};
use ContactKind::{Person, Team};

fn add(scenario: &mut Scenario, name: &str, kind: ContactKind) -> ContactId {
    let command = ContactCommand::Add { name: name.into(), kind, mail: None };
    scenario.command(1, &Command::Contact(command)).expect("a contact");
    scenario.world.contacts.find(name).expect("made").contact.id
}

fn staffed() -> Scenario {
    let mut scenario = Scenario::new(vec![rule("load")]);
    add(&mut scenario, "Web team", Team);
    add(&mut scenario, "Storage", Team);
    add(&mut scenario, "Ada Lovelace", Person);
    scenario
}

fn make_group(scenario: &mut Scenario, name: &str, owner: &str, support_group: bool) -> GroupId {
    let group = NewGroup { name: name.into(), description: None, owner: Some(owner.into()), support_group, selection: Selection::Members };
    scenario.command(2, &Command::Group(GroupCommand::Create { group, members: [].into() })).expect("a group");
    *scenario.world.groups.groups.iter().find(|(_, known)| known.group.name == name).expect("made").0
}

/// What is kept of a text, or the words of its refusal that matter.
#[track_caller]
fn check(scenario: &Scenario, kind: ContactKind, text: &str, expected: Result<&str, &str>) {
    let naming = Naming::new("field");
    let found = match kind {
        Team => naming.team(&scenario.world, text),
        Person => naming.person(&scenario.world, text),
    };
    match (found, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected),
        (Err(Rejection::Invalid { field, reason }), Err(expected)) => {
            assert!(field == "field" && reason.contains(expected), "{text}: {field}: {reason}");
        }
        (found, expected) => panic!("{text}: {found:?}, not {expected:?}"),
    }
}

#[test]
fn a_team_is_kept_by_its_name_however_it_is_named() {
    let mut scenario = staffed();
    let id = scenario.world.contacts.find("Web team").expect("there").contact.id.to_string();
    let supported = make_group(&mut scenario, "Web servers", "Web team", true).to_string();
    let owned = make_group(&mut scenario, "Attic", "Web team", false).to_string();
    for text in ["Web team", "web TEAM", " web team ", &id, &supported] {
        check(&scenario, Team, text, Ok("Web team"));
    }
    check(&scenario, Team, "web taem", Err("there is no team web taem; did you mean Web team? (POST /api/v1/contacts"));
    check(&scenario, Team, "web", Err("did you mean Web team?"));
    check(&scenario, Team, "payroll", Err("there is no team payroll (POST"));
    check(&scenario, Team, "Ada Lovelace", Err("as assignee"));
    check(&scenario, Team, &owned, Err("Attic, which no team supports"));
    check(&scenario, Team, &GroupId(9).to_string(), Err("there is no group"));
    check(&scenario, Team, " ", Err("not only blanks"));
    check(&scenario, Team, &"x".repeat(201), Err("1 to 200 bytes"));
}

#[test]
fn a_person_is_a_contact_or_whoever_acts_with_a_token() {
    let mut scenario = staffed();
    let id = scenario.world.contacts.find("Ada Lovelace").expect("there").contact.id.to_string();
    for text in ["ada lovelace", &id] {
        check(&scenario, Person, text, Ok("Ada Lovelace"));
    }
    check(&scenario, Person, "ada lovelaec", Err("did you mean Ada Lovelace?"));
    check(&scenario, Person, "bo", Err("there is no person bo (POST"));
    check(&scenario, Person, "storage", Err("Storage is a team and no person"));
    scenario.seed(|world| {
        let token = crate::trust::ApiToken {
            id: crate::id::TokenId(1),
            name: "bo".into(),
            secret_hash: String::new(),
            role: crate::actor::Role::Operator,
            expires_at: None,
            created_by: crate::Actor::Local,
            created_at: rollcall_shared::Timestamp(0),
            revoked: false,
        };
        world.trust.api_tokens.insert(token.id, token);
    });
    check(&scenario, Person, "bo", Ok("bo"));
}

#[test]
fn as_long_as_nobody_is_recorded_any_name_will_do() {
    let mut scenario = Scenario::new(vec![]);
    check(&scenario, Team, " payroll ", Ok("payroll"));
    check(&scenario, Person, "bo", Ok("bo"));
    add(&mut scenario, "Ada", Person);
    check(&scenario, Team, "payroll", Ok("payroll"));
    check(&scenario, Person, "bo", Err("no person bo"));
}

#[test]
fn what_is_there_already_may_stay() {
    let scenario = staffed();
    let kept = Naming { field: "group", before: Some("payroll") };
    assert_eq!(kept.team(&scenario.world, "payroll"), Ok("payroll".into()));
    assert!(kept.team(&scenario.world, "payrol").is_err());
    assert_eq!(Naming { before: Some("bo"), ..kept }.person(&scenario.world, "bo"), Ok("bo".into()));
}

fn field_of(done: Result<(), Rejection>) -> Option<String> {
    match done {
        Ok(()) => None,
        Err(Rejection::Invalid { field, .. }) => Some(field),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn incidents_and_problems_go_to_somebody_who_is_there() {
    let mut scenario = staffed();
    let open = |group: &str, assignee: Option<&str>| {
        let new = NewIncident {
            title: "It is slow".into(),
            group: Some(group.into()),
            assignee: assignee.map(str::to_owned),
            ..NewIncident::default()
        };
        Command::Incident(IncidentCommand::Open(Box::new(new)))
    };
    assert_eq!(field_of(scenario.command(3, &open("strage", None))).as_deref(), Some("group"));
    assert_eq!(field_of(scenario.command(3, &open("storage", Some("bob")))).as_deref(), Some("assignee"));
    scenario.command(4, &open("storage", Some("ADA lovelace"))).expect("opened");
    let incident = scenario.world.incidents.incidents.values().next().expect("one");
    assert_eq!((incident.group.as_deref(), incident.assignee.as_deref()), (Some("Storage"), Some("Ada Lovelace")));
    let id: IncidentId = incident.id;
    let assign = |group: &str| {
        let action = IncidentAction::Assign { group: Some(Some(group.into())), assignee: None };
        Command::Incident(IncidentCommand::Act { incident: id, action, expected: None })
    };
    assert_eq!(field_of(scenario.command(5, &assign("webteam"))).as_deref(), Some("group"));
    let web = scenario.world.contacts.find("web team").expect("there").contact.id.to_string();
    scenario.command(6, &assign(&web)).expect("assigned");
    assert_eq!(scenario.world.incidents.incidents[&id].group.as_deref(), Some("Web team"));
    let problem = |group: &str| {
        let (title, group) = ("It is slow".to_owned(), Some(group.to_owned()));
        Command::Problem(ProblemCommand::Open {
            title,
            description: String::new(),
            priority: 3,
            group,
            applies_to: None,
            incidents: vec![],
        })
    };
    assert_eq!(field_of(scenario.command(7, &problem("strage"))).as_deref(), Some("group"));
    scenario.command(8, &problem("STORAGE")).expect("opened");
    assert_eq!(scenario.world.problems.problems.values().next().expect("one").group.as_deref(), Some("Storage"));
    scenario.replay();
}

#[test]
fn a_rule_names_a_team_that_is_there_and_a_file_says_which_rule_does_not() {
    let mut scenario = staffed();
    let of = |group: &str| Tested::of(Rule { group: Some(group.into()), ..rule("disk") }).expect("no tests");
    let import = |group: &str| Command::Rule(RuleCommand::Import { rules: vec![of(group)], expected: None });
    assert_eq!(field_of(scenario.command(3, &Command::Rule(RuleCommand::Create(of("strage"))))).as_deref(), Some("group"));
    assert_eq!(field_of(scenario.command(3, &import("strage"))).as_deref(), Some("rule[0].group"));
    scenario.command(4, &import("storage")).expect("imported");
    let revision = scenario.world.rules.revision;
    scenario.command(5, &import("STORAGE")).expect("the same");
    assert_eq!(
        (scenario.world.rules.revision, scenario.world.rules.rules.values().find_map(|known| known.rule.group.clone())),
        (revision, Some("Storage".into()))
    );
}

#[test]
fn what_was_written_before_there_were_teams_is_the_same_teams_now() {
    let mut scenario = Scenario::new(vec![Rule { group: Some("web team".into()), ..rule("load") }]);
    add(&mut scenario, "Web team", Team);
    scenario.value(10, 97.0);
    assert_eq!(scenario.world.incidents.incidents[&scenario.incident(1)].group.as_deref(), Some("Web team"));
    let contacts = &scenario.world.contacts;
    assert!(contacts.is_same("WEB team", "Web team") && contacts.is_same("Payroll", "payroll") && !contacts.is_same("Payroll", "Web team"));
    scenario.replay();
}
