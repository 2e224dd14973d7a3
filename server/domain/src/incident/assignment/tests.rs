use super::*;
use crate::Command;
use crate::alert::scenario::{Scenario, rule, text as attribute};
use crate::ci::Class;
use crate::contact::{ContactCommand, ContactKind};
use crate::incident::{Edit, IncidentAction, IncidentCommand, IncidentState, NewIncident};
use crate::rule::Rule;

fn new(position: u32, group: &str, conditions: Conditions) -> NewAssignmentRule {
    NewAssignmentRule { name: format!("To {group}"), position, enabled: true, conditions, group: Some(group.into()), assignee: None }
}

fn create(rule: NewAssignmentRule) -> Command {
    Command::Incident(IncidentCommand::CreateAssignmentRule(Box::new(rule)))
}

fn of_rule(id: &str) -> Conditions {
    Conditions { rules: BTreeSet::from([id.parse().unwrap()]), ..Conditions::default() }
}

/// The group of an incident of `load` on a server that `web` supports, under these rules, and why.
#[track_caller]
fn check(rules: Vec<NewAssignmentRule>, expected: (&str, &str)) {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.seed(|world| {
        let ci = world.cmdb.cis.values_mut().next().unwrap();
        ci.attributes.insert("support_group".into(), attribute("web"));
    });
    for (at, rule) in (1..).zip(rules) {
        scenario.command(at, &create(rule)).unwrap();
    }
    scenario.value(100, 97.0);
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    let why = incident.suggested_group.as_ref().map(|one| one.because.as_str());
    assert_eq!((incident.group.as_deref(), why), (Some(expected.0), Some(expected.1)));
    scenario.story();
}

#[test]
fn the_first_rule_that_fits_decides() {
    check(vec![], ("web", "it supports the item"));
    check(vec![new(20, "any", Conditions::default()), new(10, "load", of_rule("load"))], ("load", "assignment rule To load"));
    let printers = Conditions { selector: Selector { classes: vec![Class::Printer], ..Selector::default() }, ..Conditions::default() };
    check(vec![new(1, "printers", printers), new(2, "any", Conditions::default())], ("any", "assignment rule To any"));
    let low = Conditions { priorities: BTreeSet::from([4, 5]), ..Conditions::default() };
    check(vec![new(1, "low", low)], ("web", "it supports the item"));
    check(vec![NewAssignmentRule { enabled: false, ..new(1, "off", Conditions::default()) }], ("web", "it supports the item"));
}

#[test]
fn the_rule_that_opened_it_comes_before_the_support_group() {
    let mut scenario = Scenario::new(vec![Rule { group: Some("storage".into()), ..rule("load") }]);
    scenario.value(10, 97.0);
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!(incident.group.as_deref(), Some("storage"));
}

#[test]
fn what_a_rule_may_not_say_is_refused() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    let wrong = [
        (new(1, "x", of_rule("none")), "conditions.rules"),
        (new(1, "x", Conditions { priorities: BTreeSet::from([0]), ..Conditions::default() }), "conditions.priorities"),
        (NewAssignmentRule { name: " ".into(), ..new(1, "x", Conditions::default()) }, "name"),
        (new(1, " ", Conditions::default()), "group"),
    ];
    for (rule, expected) in wrong {
        let refused = scenario.command(5, &create(rule));
        assert!(matches!(&refused, Err(Rejection::Invalid { field, .. }) if field == expected), "{expected}: {refused:?}");
    }
    let (name, kind) = ("Web team".to_owned(), ContactKind::Team);
    scenario.command(6, &Command::Contact(ContactCommand::Add { name, kind, mail: None })).unwrap();
    let refused = scenario.command(7, &create(new(1, "webb", Conditions::default())));
    assert!(matches!(refused, Err(Rejection::Invalid { field, .. }) if field == "group"), "from the first team on, a group is one");
    scenario.command(8, &create(new(1, "web team", Conditions::default()))).unwrap();
    let rules = &scenario.world.incidents.assignment;
    assert_eq!(rules.in_order().next().unwrap().rule.group.as_deref(), Some("Web team"), "as the team is called");
}

#[test]
fn a_change_needs_the_revision_and_counts_a_version() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.command(1, &create(new(1, "a", Conditions::default()))).unwrap();
    let id = *scenario.world.incidents.assignment.rules.keys().next().unwrap();
    let update = |expected| {
        let new = Box::new(new(7, "b", Conditions::default()));
        Command::Incident(IncidentCommand::UpdateAssignmentRule { rule: id, new, expected })
    };
    assert!(matches!(scenario.command(2, &update(Some(999))), Err(Rejection::Stale { .. })));
    scenario.command(3, &update(None)).unwrap();
    let rules = &scenario.world.incidents.assignment;
    assert_eq!((rules.rules[&id].version, rules.order.iter().next()), (2, Some(&(7, id))));
    scenario.command(4, &Command::Incident(IncidentCommand::DeleteAssignmentRule { rule: id, expected: None })).unwrap();
    assert!(scenario.world.incidents.assignment.order.is_empty());
    scenario.replay();
}

#[test]
fn each_rule_says_why_it_does_not_fit() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.command(1, &create(new(1, "a", of_rule("load")))).unwrap();
    let case = Case { world: &scenario.world, rule: None, category: None, priority: 3, channel: Channel::Api, ci: None };
    let answers = scenario.world.incidents.assignment.explain(&case);
    assert_eq!(answers[0].misfit.as_deref(), Some("rules: no rule is none of them"));
}

#[test]
fn the_name_of_a_rule_is_one_line() {
    let mut scenario = Scenario::new(Vec::new());
    let named = |name: &str| create(NewAssignmentRule { name: name.into(), ..new(1, "a", Conditions::default()) });
    for wrong in ["a\0b", "a\nb"] {
        let refused = Rejection::invalid("name", "must have no control characters");
        assert_eq!(scenario.command(1, &named(wrong)), Err(refused), "{wrong:?}");
    }
    scenario.command(1, &named("To a\n")).unwrap();
}

#[test]
fn the_rules_are_asked_when_an_item_is_named_later_and_nobody_has_it() {
    let mut scenario = Scenario::new(Vec::new());
    let servers = Conditions { selector: Selector { classes: vec![Class::Server], ..Selector::default() }, ..Conditions::default() };
    let rule = NewAssignmentRule { assignee: Some("ada".into()), ..new(1, "servers", servers) };
    scenario.command(1, &create(rule)).unwrap();
    for group in [None, Some("desk".to_owned())] {
        let new = NewIncident { title: "Slow".into(), group, ..NewIncident::default() };
        scenario.command(2, &Command::Incident(IncidentCommand::Open(Box::new(new)))).unwrap();
    }
    scenario.story();
    let edit = Edit { primary_ci: Some(Some(crate::alert::scenario::host(1))), ..Edit::default() };
    for number in [1, 2] {
        scenario.act(10, number, IncidentAction::Edit(Box::new(edit.clone()))).unwrap();
    }
    assert_eq!(scenario.story(), ["10 INC1 edited", "10 INC1 assigned", "10 INC1 new → assigned", "10 INC2 edited"]);
    let incident = |number| &scenario.world.incidents.incidents[&scenario.incident(number)];
    assert_eq!((incident(1).group.as_deref(), incident(1).assignee.as_deref()), (Some("servers"), Some("ada")));
    assert_eq!((incident(2).group.as_deref(), incident(2).state), (Some("desk"), IncidentState::Assigned));
    assert_eq!(incident(2).suggested_group.as_ref().map(|one| one.group.as_str()), Some("servers"), "who has it keeps it");
}

#[test]
fn who_had_one_that_recovered_by_itself_is_not_said_to_have_resolved_it() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    let resolve = || IncidentAction::Resolve {
        close_code: "fixed".into(),
        notes: "Restarted it.".into(),
        children: crate::incident::Children::Leave,
    };
    for (number, group, by_hand) in [(1, "storage", false), (2, "web", true)] {
        let at = i64::try_from(number).unwrap() * 100;
        scenario.value(at, 97.0);
        let incident = &scenario.world.incidents.incidents[&scenario.incident(number)];
        assert_eq!(incident.suggested_group, None, "{number}");
        let assign = IncidentAction::Assign { group: Some(Some(group.into())), assignee: None };
        scenario.act(at + 1, number, assign).unwrap();
        if by_hand {
            scenario.act(at + 2, number, resolve()).unwrap();
        }
        scenario.value(at + 10, 1.0);
    }
    scenario.value(300, 97.0);
    let suggested = scenario.world.incidents.incidents[&scenario.incident(3)].suggested_group.clone().unwrap();
    assert_eq!((suggested.group.as_str(), suggested.because.as_str()), ("web", "it resolved a similar one"));
    scenario.story();
}

#[test]
fn the_team_that_supports_a_group_of_the_item_gets_it() {
    use crate::group::{GroupCommand, NewGroup, Selection as Members};
    let host = crate::alert::scenario::host(1);
    let by_query = |query: &str| Members::Query { query: query.parse().unwrap() };
    let cases = [
        (Members::Members, true, Some(("Web", "it supports Shop"))),
        (by_query("class:server"), true, Some(("Web", "it supports Shop"))),
        (by_query("class:printer"), true, None),
        (Members::Members, false, None),
    ];
    for (selection, support_group, expected) in cases {
        let mut scenario = Scenario::new(vec![rule("load")]);
        for (name, kind) in [("Web", ContactKind::Team), ("ada", ContactKind::Person)] {
            scenario.command(1, &Command::Contact(ContactCommand::Add { name: name.into(), kind, mail: None })).unwrap();
        }
        let members = if selection == Members::Members { BTreeSet::from([host]) } else { BTreeSet::new() };
        let group = |name: &str, owner: &str| {
            let (name, owner, selection) = (name.to_owned(), Some(owner.to_owned()), selection.clone());
            let group = NewGroup { name, description: None, owner, support_group, selection };
            Command::Group(GroupCommand::Create { group, members: members.clone() })
        };
        scenario.command(2, &group("Of a person", "ada")).unwrap();
        scenario.command(3, &group("Shop", "Web")).unwrap();
        scenario.value(10, 97.0);
        let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
        let suggested = incident.suggested_group.as_ref().map(|one| (one.group.as_str(), one.because.as_str()));
        assert_eq!((suggested, incident.group.as_deref()), (expected, expected.map(|(group, _)| group)), "{selection:?} {support_group}");
        let state = if expected.is_some() { IncidentState::Assigned } else { IncidentState::New };
        assert_eq!(incident.state, state);
        scenario.replay();
    }
}
