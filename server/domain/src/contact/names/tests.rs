use super::*;
use crate::alert::scenario::{Scenario, rule};
use crate::attribute::{BUILT_IN, Kind};
use crate::ci::testing::Fleet;
use crate::ci::{CiCommand, Class, Proposal};
use crate::contact::{ContactChange, ContactCommand, ContactKind};
use crate::delivery::{ChannelKind, DeliveryCommand, NewChannel, Wanted};
use crate::id::{CiId, ContactId};
use crate::incident::assignment::{Conditions, NewAssignmentRule};
use crate::incident::{IncidentAction, IncidentCommand, NewIncident, Party, Who};
use crate::notification::NotificationCommand;
use crate::notification::route::{GroupBy, Route, When};
use crate::problem::ProblemCommand;
use crate::query::complete::complete;
use crate::query::{NoGroups, Query, Scope};
use crate::rule::case::Tested;
use crate::rule::{Rule, RuleCommand, Selector, Tier};
use crate::{Command, World};
use std::collections::BTreeMap;

fn added(name: &str, kind: ContactKind) -> Command {
    Command::Contact(ContactCommand::Add { name: name.into(), kind, mail: None })
}

fn renamed(world: &World, name: &str, to: &str) -> Command {
    let id: ContactId = world.contacts.find(name).expect("there").contact.id;
    let change = ContactChange { name: Some(to.into()), ..ContactChange::default() };
    Command::Contact(ContactCommand::Change { id, change, expected: None })
}

#[test]
fn the_attributes_that_name_contacts_are_those_of_that_type() {
    let of_contacts = BUILT_IN.iter().filter(|one| one.kind() == Kind::Contact).map(|one| one.name);
    assert_eq!(of_contacts.collect::<Vec<_>>(), ATTRIBUTES);
}

/// Clusters whose owners were written before the team had its name, and after.
fn fleet() -> (Fleet, [CiId; 3]) {
    let mut fleet = Fleet::with_agents([]);
    for name in ["Web team", "Storage"] {
        fleet.decide("ada", &added(name, ContactKind::Team)).expect("a contact");
    }
    let [one, two, three] = ["one", "two", "three"].map(|name| fleet.register(Class::Cluster, name));
    own(&mut fleet, "ada", one, "Web team");
    own(&mut fleet, "ada", three, "Storage");
    let command = renamed(&fleet.world, "Web team", "Shop");
    fleet.decide("ada", &command).expect("renamed");
    own(&mut fleet, "ada", two, "Shop");
    (fleet, [one, two, three])
}

fn own(fleet: &mut Fleet, person: &str, ci: CiId, owner: &str) -> usize {
    let attributes = BTreeMap::from([("owner".to_owned(), Some(AttributeValue::Text(owner.into())))]);
    fleet.command(person, CiCommand::AssertAttributes { ci, attributes, expected: None }).expect("asserted").len()
}

#[test]
fn queries_find_items_by_every_name_of_their_owner() {
    let (fleet, [one, two, three]) = fleet();
    let scope = Scope { world: &fleet.world, groups: &NoGroups, now: fleet.now };
    #[track_caller]
    fn check(scope: &Scope<'_>, text: &str, expected: &[CiId]) {
        let query: Query = text.parse().expect("a query");
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(scope.find(&query).expect("answered").page(None, 10), expected, "{text}");
        let looked = scope.world.cmdb.cis.values().filter(|ci| scope.matches(&query, ci)).map(|ci| ci.id);
        assert_eq!(looked.collect::<Vec<_>>(), expected, "{text}, one by one");
    }
    for text in ["owner:shop", "owner:\"web team\"", "owner=\"Web team\"", "owner=Shop", "owner:web*", "owner~sho", "owner!=storage"] {
        check(&scope, text, &[one, two]);
    }
    check(&scope, "owner:(web*,storage)", &[one, two, three]);
    check(&scope, "owner:storage", &[three]);
    check(&scope, "owner=shop", &[]);
    check(&scope, "support_group:shop", &[]);
}

#[test]
fn whoever_writes_a_query_is_offered_the_names_of_now() {
    let (fleet, _) = fleet();
    let scope = Scope { world: &fleet.world, groups: &NoGroups, now: fleet.now };
    for (written, expected) in [("owner:", &["Storage", "Shop"][..]), ("owner:we", &["Shop"]), ("owner:sh", &["Shop"])] {
        let found: BTreeSet<String> = complete(&scope, written, written.len()).items.into_iter().map(|item| item.text).collect();
        assert_eq!(found, expected.iter().map(|name| (*name).to_owned()).collect(), "{written}");
    }
}

#[test]
fn selectors_mean_an_owner_by_every_name() {
    let (fleet, [one, two, three]) = fleet();
    for name in ["Shop", "Web team", "web TEAM"] {
        let attributes = BTreeMap::from([("owner".to_owned(), AttributeValue::Text(name.into()))]);
        let selector = Selector { attributes, ..Selector::default() };
        let meant = [one, two, three].map(|id| selector.means(&fleet.world, fleet.world.cmdb.cis.get(&id)));
        assert_eq!(meant, [true, true, false], "{name}");
    }
}

#[test]
fn an_owner_is_shown_as_it_is_called_and_written_down_once() {
    let (mut fleet, [one, ..]) = fleet();
    let shown = |fleet: &Fleet| fleet.world.contacts.text_of(&fleet.world.cmdb.cis[&one], "owner");
    assert_eq!(shown(&fleet).as_deref(), Some("Shop"));
    for name in ["Shop", "Web team", "shop"] {
        assert_eq!(own(&mut fleet, "ada", one, name), 0, "{name} is nothing new");
    }
    own(&mut fleet, "bo", one, "Shop");
    let said: Vec<_> = fleet.world.cmdb.cis[&one].attributes.get("owner").expect("there").proposals().iter().map(Proposal::value).collect();
    assert_eq!(said, [&AttributeValue::Text("Web team".into()); 2], "two who say the same do not differ");
    assert_eq!(own(&mut fleet, "ada", one, "Storage"), 1);
    assert_eq!(shown(&fleet).as_deref(), Some("Storage"));
    fleet.check();
}

#[test]
fn what_is_nobodys_name_is_but_that_text() {
    let contacts = &fleet().0.world.contacts;
    assert_eq!(contacts.called("payroll"), "payroll");
    assert!(contacts.meant("Payroll").has("payroll") && !contacts.meant("Payroll").has("Shop"));
    assert!(contacts.meant("Shop").has("WEB team") && contacts.meant("web team").has("Shop"));
    assert!(contacts.is_same("WEB team", "shop") && !contacts.is_same("Storage", "shop"));
    let other = AttributeValue::Text("Web team".into());
    assert_eq!(*contacts.shown("description", &other), other);
}

/// A team and a person with an incident, a problem, a rule and an assignment rule; then both are renamed.
fn desk() -> Scenario {
    let mut scenario = Scenario::new(vec![rule("load")]);
    for (name, kind) in [("Web team", ContactKind::Team), ("Ada Byron", ContactKind::Person)] {
        scenario.command(1, &added(name, kind)).expect("a contact");
    }
    let (group, assignee) = (Some("web team".to_owned()), Some("ada byron".to_owned()));
    let new = NewIncident { title: "Slow".into(), group: group.clone(), assignee: assignee.clone(), ..NewIncident::default() };
    scenario.command(2, &Command::Incident(IncidentCommand::Open(Box::new(new)))).expect("an incident");
    scenario.act(2, 1, IncidentAction::Watch { watcher: Some(Who::Contact("ada byron".into())) }).expect("watched");
    let (title, description) = ("Slow".to_owned(), String::new());
    let problem = ProblemCommand::Open { title, description, priority: 3, group: group.clone(), applies_to: None, incidents: vec![] };
    scenario.command(2, &Command::Problem(problem)).expect("a problem");
    let disk = Rule { group: group.clone(), ..rule("disk") };
    scenario.command(2, &Command::Rule(RuleCommand::Create(Tested::of(disk).expect("no tests")))).expect("a rule");
    scenario.command(2, &Command::Incident(IncidentCommand::CreateAssignmentRule(Box::new(all_to(group, assignee))))).expect("a rule");
    for (name, to) in [("Web team", "Shop"), ("Ada Byron", "Ada Lovelace")] {
        let command = renamed(&scenario.world, name, to);
        scenario.command(3, &command).expect("renamed");
    }
    scenario
}

fn all_to(group: Option<String>, assignee: Option<String>) -> NewAssignmentRule {
    NewAssignmentRule { name: "All".into(), position: 1, enabled: true, conditions: Conditions::default(), group, assignee }
}

#[test]
fn who_has_something_by_a_former_name_has_it_still() {
    let mut scenario = desk();
    let names = [(Some("Shop".to_owned()), Some("Ada Lovelace".to_owned())), (Some("web team".to_owned()), Some("ADA byron".to_owned()))];
    for (group, assignee) in names.clone() {
        scenario.act(4, 1, IncidentAction::Assign { group: Some(group), assignee: Some(assignee) }).expect("the same");
    }
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!((incident.group.as_deref(), incident.reassignment_count), (Some("Web team"), 0));
    let before = scenario.world.revision;
    for (group, assignee) in names {
        let known = *scenario.world.incidents.assignment.rules.keys().next().expect("one");
        let new = Box::new(all_to(group.clone(), assignee));
        let update = IncidentCommand::UpdateAssignmentRule { rule: known, new, expected: None };
        scenario.command(5, &Command::Incident(update)).expect("the same");
        let disk = Rule { group, ..rule("disk") };
        let import = RuleCommand::Import { rules: vec![Tested::of(disk).expect("no tests")], expected: None };
        scenario.command(5, &Command::Rule(import)).expect("the same");
    }
    assert_eq!(scenario.world.revision, before, "that it is called otherwise is no change");
    scenario.replay();
}

#[test]
fn what_opens_later_carries_the_name_of_now() {
    let mut scenario = desk();
    scenario.value(10, 97.0);
    let incident = &scenario.world.incidents.incidents[&scenario.incident(2)];
    assert_eq!((incident.group.as_deref(), incident.assignee.as_deref()), (Some("Shop"), Some("Ada Lovelace")));
    let subject = crate::notification::route::Subject::of(&scenario.world, &scenario.world.incidents.incidents[&scenario.incident(1)]);
    assert_eq!(subject.labels().get("group").map(String::as_str), Some("Shop"), "what was there is told of by that name too");
    scenario.replay();
}

#[test]
fn what_is_told_together_by_team_stays_together_when_the_team_is_renamed() {
    let mut scenario = Scenario::new(vec![Rule { group: Some("web team".into()), tier: Tier::Page, ..rule("load") }]);
    scenario.add_host(2, &[]);
    scenario.command(1, &added("Web team", ContactKind::Team)).expect("a contact");
    let channel = NewChannel {
        name: "ops".into(),
        kind: ChannelKind::Webhook { url: "https://receiver.example/hook".into() },
        enabled: true,
        wanted: Wanted::default(),
    };
    scenario.command(1, &Command::Delivery(DeliveryCommand::Create { id: None, channel, after: None })).expect("a channel");
    let channels = scenario.world.delivery.channels.keys().copied().collect();
    let route =
        Route { group_by: [GroupBy::Group].into(), channels, escalation: None, ..crate::contact::uses::tests::route(When::default()) };
    let set = NotificationCommand::SetRoute { id: None, route: Box::new(route), expected: None };
    scenario.command(1, &Command::Notification(set)).expect("a route");
    scenario.values(10, 1, &[("", Some(97.0))]);
    let command = renamed(&scenario.world, "Web team", "Shop");
    scenario.command(11, &command).expect("renamed");
    scenario.values(12, 2, &[("", Some(97.0))]);
    let groups: Vec<usize> = scenario.world.notifications.groups.values().map(|group| group.waiting.len()).collect();
    assert_eq!(groups, [2]);
    scenario.replay();
}

#[test]
fn a_watcher_is_the_same_whatever_it_was_called() {
    let mut scenario = desk();
    let before = scenario.world.revision;
    scenario.act(4, 1, IncidentAction::Watch { watcher: Some(Who::Contact("Ada Lovelace".into())) }).expect("watches already");
    assert_eq!(scenario.world.revision, before);
    scenario.act(5, 1, IncidentAction::Unwatch { watcher: Some(Who::Contact("ada byron".into())) }).expect("watches no more");
    assert!(scenario.world.incidents.incidents[&scenario.incident(1)].watchers.is_empty());
    let id = ContactId(1);
    let party = |name: &str| Party::Contact { contact: id, name: name.into() };
    assert!(party("a").is_same(&party("b")) && !party("a").is_same(&Party::Named { name: "a".into() }));
    scenario.replay();
}

#[test]
fn items_under_rules_are_judged_by_every_name() {
    use crate::rule::{Comparison, Condition, Level, Levels, Predicate};
    let predicate =
        Predicate::Attribute { name: "owner".into(), operator: Comparison::Equal, value: Some(AttributeValue::Text("Web team".into())) };
    let levels = Levels { warning: Some(Level { raise: 0.0, clear: 0.0, and: None, for_ms: None }), critical: None };
    let mut scenario = Scenario::new(vec![Rule { condition: Condition::Inventory { predicate }, levels, ..rule("owned") }]);
    scenario.add_host(2, &[("owner", "Shop")]);
    scenario.command(1, &added("Web team", ContactKind::Team)).expect("a contact");
    let command = renamed(&scenario.world, "Web team", "Shop");
    scenario.command(2, &command).expect("renamed");
    scenario.tick(1_000);
    assert_eq!(scenario.world.alerts.alerts.len(), 1);
}
