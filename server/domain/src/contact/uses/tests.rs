use super::*;
use crate::Command;
use crate::alert::decide::AlertCommand;
use crate::alert::mute::{MuteKind, NewMute, Schedule as MuteSchedule};
use crate::alert::scenario::{Scenario, rule, seconds};
use crate::ci::testing::Fleet;
use crate::ci::{CiCommand, Class, Lifecycle};
use crate::contact::{ContactCommand, ContactKind};
use crate::group::{GroupCommand, NewGroup};
use crate::id::{ContactId, PolicyId, RouteId, ScheduleId};
use crate::incident::assignment::{Conditions, NewAssignmentRule};
use crate::incident::{IncidentAction, IncidentCommand, NewIncident, Who};
use crate::notification::NotificationCommand;
use crate::notification::escalation::Step;
use crate::notification::route::{GROUP_INTERVAL_MS, When};
use crate::notification::schedule::{Layer, Rotation, Unit};
use crate::problem::{ProblemAction, ProblemCommand};
use crate::rule::case::Tested;
use crate::rule::{Comparison, Override, RuleCommand};
use std::collections::{BTreeMap, BTreeSet};

fn add(scenario: &mut Scenario, name: &str, kind: ContactKind) -> ContactId {
    scenario.command(1, &Command::Contact(ContactCommand::Add { name: name.into(), kind, mail: None })).expect("a contact");
    scenario.world.contacts.find(name).expect("made").contact.id
}

/// Why a contact is not deleted; nothing when it is.
fn refusal(scenario: &mut Scenario, at: i64, id: ContactId) -> String {
    match scenario.command(at, &Command::Contact(ContactCommand::Delete { id, expected: None })) {
        Ok(()) => String::new(),
        Err(Rejection::Conflict(reason)) => reason,
        Err(other) => panic!("{other}"),
    }
}

/// A world with the team `Web`, the person `Ada` and what these commands make of it; who forbids to delete each of the two.
#[track_caller]
fn check(make: impl Fn(ContactId, ContactId) -> Vec<Command>, (team, person): (&str, &str)) {
    let mut scenario = Scenario::new(vec![rule("load")]);
    let (web, ada) = (add(&mut scenario, "Web", ContactKind::Team), add(&mut scenario, "Ada", ContactKind::Person));
    for command in make(web, ada) {
        scenario.command(2, &command).expect("made");
    }
    let said = |name: &str, users: &str| match users {
        "" => String::new(),
        users => format!("{name} cannot be deleted: it is named by {users}; take it out of them first"),
    };
    assert_eq!(refusal(&mut scenario, 3, web), said("Web", team));
    assert_eq!(refusal(&mut scenario, 3, ada), said("Ada", person));
    scenario.replay();
}

fn by(query: &str) -> Selector {
    Selector { query: Some(query.into()), ..Selector::default() }
}

fn open(group: Option<&str>, assignee: Option<&str>, caller: Option<Who>) -> Command {
    let (group, assignee) = (group.map(str::to_owned), assignee.map(str::to_owned));
    let new = NewIncident { title: "It is slow".into(), group, assignee, caller, ..NewIncident::default() };
    Command::Incident(IncidentCommand::Open(Box::new(new)))
}

#[test]
fn nobody_is_missed_whom_nothing_names() {
    check(|_, _| vec![open(None, None, None)], ("", ""));
}

#[test]
fn incidents_and_problems_that_are_not_over_name_whoever_has_them() {
    check(|_, _| vec![open(Some("web"), Some("ada"), None)], ("incident INC0000001", "incident INC0000001"));
    check(|_, _| vec![open(None, None, Some(Who::Contact("web".into())))], ("incident INC0000001", ""));
    let problem = |_: ContactId, _: ContactId| {
        let (title, description, group) = ("It is slow".to_owned(), String::new(), Some("web".to_owned()));
        vec![Command::Problem(ProblemCommand::Open { title, description, priority: 3, group, applies_to: None, incidents: vec![] })]
    };
    check(problem, ("problem PRB0000001", ""));
    let mut scenario = Scenario::new(vec![]);
    let web = add(&mut scenario, "Web", ContactKind::Team);
    problem(web, web).iter().chain(&[open(Some("web"), None, None)]).for_each(|command| scenario.command(2, command).expect("made"));
    scenario.act(3, 1, IncidentAction::Watch { watcher: Some(Who::Contact("web".into())) }).expect("watched");
    scenario.act(4, 1, IncidentAction::Cancel { reason: "none".into() }).expect("cancelled");
    assert!(refusal(&mut scenario, 5, web).contains("by problem PRB0000001; "));
    scenario.work(6, 1, ProblemAction::Cancel { reason: "none".into() }).expect("cancelled");
    assert_eq!(refusal(&mut scenario, 7, web), "");
    assert_eq!(scenario.world.incidents.incidents[&scenario.incident(1)].group.as_deref(), Some("Web"), "what is over keeps the name");
    scenario.replay();
}

#[test]
fn who_watches_an_incident_is_named_by_it() {
    let mut scenario = Scenario::new(vec![]);
    let web = add(&mut scenario, "Web", ContactKind::Team);
    scenario.command(2, &open(None, None, None)).expect("opened");
    scenario.act(3, 1, IncidentAction::Watch { watcher: Some(Who::Contact("web".into())) }).expect("watched");
    assert!(refusal(&mut scenario, 4, web).contains("by incident INC0000001; "));
}

#[test]
fn rules_name_a_team_as_group_and_in_what_they_select_and_ask() {
    let create = |rule: Rule| vec![Command::Rule(RuleCommand::Create(Tested::of(rule).expect("no tests")))];
    let text = |text: &str| AttributeValue::Text(text.into());
    let all = ("rule disk", "");
    check(|_, _| create(Rule { group: Some("web".into()), ..rule("disk") }), all);
    check(|_, _| create(Rule { selector: by("class:server owner:WEB"), ..rule("disk") }), all);
    check(|_, _| create(Rule { selector: by("not support_group:(storage,web)"), ..rule("disk") }), all);
    let attributes = BTreeMap::from([("owner".to_owned(), text("Web"))]);
    check(|_, _| create(Rule { selector: Selector { attributes: attributes.clone(), ..Selector::default() }, ..rule("disk") }), all);
    let quiet = Override {
        selector: by("owner=Web"),
        reason: "busy".into(),
        levels: None,
        for_ms: None,
        tier: None,
        disabled: true,
        set_by: None,
        set_at: None,
    };
    check(|_, _| create(Rule { overrides: vec![quiet.clone()], ..rule("disk") }), all);
    let predicate = Predicate::Attribute { name: "owner".into(), operator: Comparison::Equal, value: Some(text("web")) };
    check(|_, _| create(Rule { condition: Condition::Inventory { predicate: predicate.clone() }, ..rule("disk") }), all);
    check(|_, _| create(Rule { selector: by("owner:we* name:web"), ..rule("disk") }), ("", ""));
}

#[test]
fn assignment_rules_and_mutes_name_contacts_too() {
    let (group, assignee, conditions) = (Some("web".to_owned()), Some("ada".to_owned()), Conditions::default());
    let new = NewAssignmentRule { name: "All".into(), position: 1, enabled: true, conditions, group, assignee };
    check(
        |_, _| vec![Command::Incident(IncidentCommand::CreateAssignmentRule(Box::new(new.clone())))],
        ("assignment rule All", "assignment rule All"),
    );
    let mut scenario = Scenario::new(vec![]);
    let web = add(&mut scenario, "Web", ContactKind::Team);
    let schedule = MuteSchedule::Once { from: seconds(0), to: seconds(600) };
    let (selector, reason, kind) = (by("owner:web"), "Move".to_owned(), MuteKind::Maintenance);
    let new = NewMute { kind, reason, selector, rules: vec![], external: None, schedule };
    scenario.command(1, &Command::Alert(AlertCommand::Mute(Box::new(new)))).expect("muted");
    assert!(refusal(&mut scenario, 500, web).contains("(Move)"));
    assert_eq!(refusal(&mut scenario, 601, web), "", "what is over selects nothing");
}

#[test]
fn groups_name_their_owners_and_whom_their_queries_ask_for() {
    let group = |owner: Option<&str>, selection: Selection| {
        let owner = owner.map(str::to_owned);
        let group = NewGroup { name: "Web servers".into(), description: None, owner, support_group: false, selection };
        vec![Command::Group(GroupCommand::Create { group, members: [].into() })]
    };
    check(|_, _| group(Some("ada"), Selection::Members), ("", "group Web servers"));
    let query = || Selection::Query { query: "class:server owner:(ada,web)".parse().expect("a query") };
    check(|_, _| group(None, query()), ("group Web servers", "group Web servers"));
}

fn policy(contact: ContactId) -> NotificationCommand {
    let steps = vec![Step { after_ms: 0, targets: vec![Target::Contact { contact }] }];
    let policy = Policy { id: PolicyId(0), name: "Steps".into(), steps, repeat: 0, repeat_after_ms: 900_000, mail_channel: None };
    NotificationCommand::SetPolicy { id: None, policy: Box::new(policy), expected: None }
}

fn on_call(members: Vec<ContactId>) -> NotificationCommand {
    let layer = Layer {
        name: "Days".into(),
        members,
        starts_at: "2026-01-01T09:00".into(),
        rotation: Rotation { every: 1, unit: Unit::Week },
        hours: vec![],
    };
    let schedule = Schedule { id: ScheduleId(0), name: "Ops".into(), time_zone: "UTC".into(), layers: vec![layer], overrides: vec![] };
    NotificationCommand::SetSchedule { id: None, schedule: Box::new(schedule), expected: None }
}

#[test]
fn who_is_told_or_on_call_is_named_by_what_says_so() {
    let ask = |command| Command::Notification(command);
    check(|web, _| vec![ask(policy(web))], ("escalation policy Steps", ""));
    check(|_, ada| vec![ask(on_call(vec![ada]))], ("", "on-call schedule Ops"));
    let mut scenario = Scenario::new(vec![]);
    let (web, ada) = (add(&mut scenario, "Web", ContactKind::Team), add(&mut scenario, "Ada", ContactKind::Person));
    scenario.command(2, &ask(on_call(vec![web]))).expect("a schedule");
    let id = *scenario.world.notifications.schedules.keys().next().expect("one");
    let (from, to, contact) = (seconds(0), seconds(600), "ada".to_owned());
    scenario.command(3, &ask(NotificationCommand::AddOverride { id, from, to, contact, expected: None })).expect("stands in");
    assert!(refusal(&mut scenario, 500, ada).contains("by on-call schedule Ops; "));
    assert_eq!(refusal(&mut scenario, 601, ada), "", "who stood in is but history");
    scenario.replay();
}

/// A route through no channel yet.
pub(in crate::contact) fn route(when: When) -> Route {
    Route {
        id: RouteId(0),
        name: "Pages".into(),
        position: 10,
        enabled: true,
        when,
        continues: false,
        channels: BTreeSet::new(),
        escalation: None,
        group_by: BTreeSet::new(),
        group_wait_ms: None,
        group_interval_ms: GROUP_INTERVAL_MS,
        repeat_interval_ms: None,
        quiet_hours: None,
        tell_resolved: true,
        tell_acknowledged: true,
        title: None,
        text: None,
    }
}

#[test]
fn routes_name_teams_in_their_conditions() {
    for when in [
        When { groups: ["web".to_owned()].into(), ..When::default() },
        When { selector: by("owner:web"), ..When::default() },
        When { query: Some("support_group:web".parse().expect("a query")), ..When::default() },
    ] {
        let mut scenario = Scenario::new(vec![]);
        let (web, ada) = (add(&mut scenario, "Web", ContactKind::Team), add(&mut scenario, "Ada", ContactKind::Person));
        scenario.command(2, &Command::Notification(policy(ada))).expect("a policy");
        let policy = *scenario.world.notifications.policies.keys().next().expect("one");
        let set =
            NotificationCommand::SetRoute { id: None, route: Box::new(Route { escalation: Some(policy), ..route(when) }), expected: None };
        scenario.command(2, &Command::Notification(set)).expect("a route");
        assert!(refusal(&mut scenario, 3, web).contains("by notification route Pages; "));
    }
}

#[test]
fn items_are_counted_and_the_query_finds_them() {
    for name in ["Web team", "Web", "\"Web\" (shop), 1\\2", "and"] {
        check_items(name);
    }
}

#[track_caller]
fn check_items(name: &str) {
    let mut fleet = Fleet::with_agents([]);
    let web = ContactCommand::Add { name: name.into(), kind: ContactKind::Team, mail: None };
    fleet.decide("ada", &Command::Contact(web)).expect("a contact");
    let id = fleet.world.contacts.find(name).expect("made").contact.id;
    let cis = ["one", "two", "three"].map(|name| fleet.register(Class::Cluster, name));
    for (ci, attribute) in cis.into_iter().zip(["owner", "support_group", "owner"]) {
        let attributes = BTreeMap::from([(attribute.to_owned(), Some(AttributeValue::Text(name.into())))]);
        fleet.command("ada", CiCommand::AssertAttributes { ci, attributes, expected: None }).expect("asserted");
    }
    let retire = CiCommand::SetStatus { ci: cis[2], status: Lifecycle::Retired, reason: "gone".into(), expected: None };
    fleet.command("ada", retire).expect("retired");
    let Err(Rejection::Conflict(reason)) = fleet.decide("ada", &Command::Contact(ContactCommand::Delete { id, expected: None })) else {
        panic!("it is named")
    };
    let (_, rest) = reason.split_once("2 configuration items (the query ").expect("so many");
    let (query, _) = rest.split_once("); take it out of them first").expect("nothing else");
    let scope = Scope { world: &fleet.world, groups: &fleet.world.groups, now: fleet.now };
    assert_eq!(scope.find(&query.parse().expect("a query")).expect("answered").page(None, 10), cis[..2]);
}

#[test]
fn a_refusal_names_a_hundred_and_counts_the_rest() {
    let mut scenario = Scenario::new(vec![]);
    let web = add(&mut scenario, "Web", ContactKind::Team);
    (0..103).for_each(|_| scenario.command(2, &open(Some("web"), None, None)).expect("opened"));
    let reason = refusal(&mut scenario, 3, web);
    assert!(reason.contains("INC0000100 and 3 more; ") && !reason.contains("INC0000101"), "{reason}");
}
