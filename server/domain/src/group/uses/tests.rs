use super::*;
use crate::Command;
use crate::alert::decide::AlertCommand;
use crate::alert::mute::{MuteKind, NewMute, Schedule};
use crate::alert::scenario::{Scenario, rule, seconds};
use crate::group::{GroupCommand, NewGroup, Selection};
use crate::incident::IncidentCommand;
use crate::incident::assignment::{Conditions, NewAssignmentRule};
use crate::problem::ProblemCommand;
use crate::rule::case::Tested;
use crate::rule::{Rule, RuleCommand};

fn group_called(name: &str, selection: Selection) -> NewGroup {
    NewGroup { name: name.into(), description: None, owner: None, support_group: false, selection }
}

fn by(query: &str) -> Selector {
    Selector { query: Some(query.into()), ..Selector::default() }
}

fn id(scenario: &Scenario, name: &str) -> GroupId {
    *scenario.world.groups.groups.iter().find(|(_, known)| known.group.name == name).expect("made").0
}

/// A world with the group `Web` and what this makes of it; who forbids to delete it, and who to rename it.
#[track_caller]
fn check(make: impl Fn(GroupId) -> Command, expected: (&str, &str)) {
    let mut scenario = Scenario::new(vec![rule("load")]);
    let group = group_called("Web", Selection::Members);
    scenario.command(1, &Command::Group(GroupCommand::Create { group, members: [].into() })).expect("a group");
    let web = id(&scenario, "Web");
    scenario.command(2, &make(web)).expect("made");
    let refused = |done: Result<(), Rejection>| match done {
        Ok(()) => String::new(),
        Err(Rejection::Conflict(reason)) => reason,
        Err(other) => panic!("{other}"),
    };
    let group = group_called("Shop", Selection::Members);
    let delete = Command::Group(GroupCommand::Delete { id: web, expected: None });
    let deleted = refused(scenario.command(3, &delete));
    if deleted.is_empty() {
        assert_eq!(("", ""), expected);
        return scenario.replay();
    }
    let renamed = refused(scenario.command(4, &Command::Group(GroupCommand::Update { id: web, group, expected: None })));
    assert_eq!((deleted.as_str(), renamed.as_str()), expected);
    scenario.replay();
}

#[test]
fn a_group_that_something_selects_by_is_neither_deleted_nor_renamed() {
    let renamed = "Web cannot be renamed: it is named in the queries of rule disk; name it by its id there first";
    let deleted = "Web cannot be deleted: it is named in the queries of rule disk; take it out of them first";
    let disk = |query: String| {
        let rule = Rule { selector: by(&query), ..rule("disk") };
        Command::Rule(RuleCommand::Create(Tested::of(rule).expect("no tests")))
    };
    check(|_| disk("group:web".into()), (deleted, renamed));
    check(|web| disk(format!("group:{web}")), (deleted, ""));
    check(|_| disk("class:server".into()), ("", ""));
}

#[test]
fn groups_assignment_rules_and_mutes_select_by_groups_too() {
    let all = |who: &str| {
        let deleted = format!("Web cannot be deleted: it is named in the queries of {who}; take it out of them first");
        (deleted.clone(), deleted.replace("deleted", "renamed").replace("take it out of them", "name it by its id there"))
    };
    let (deleted, renamed) = all("group All");
    let selection = Selection::Query { query: "group:web or class:server".parse().expect("a query") };
    check(
        |_| Command::Group(GroupCommand::Create { group: group_called("All", selection.clone()), members: [].into() }),
        (&deleted, &renamed),
    );
    let (deleted, renamed) = all("assignment rule Web");
    let conditions = Conditions { selector: by("group:web"), ..Conditions::default() };
    let new = NewAssignmentRule { name: "Web".into(), position: 1, enabled: true, conditions, group: Some("web".into()), assignee: None };
    check(|_| Command::Incident(IncidentCommand::CreateAssignmentRule(Box::new(new.clone()))), (&deleted, &renamed));
    let mute = |to: i64| {
        let schedule = Schedule::Once { from: seconds(0), to: seconds(to) };
        let (selector, reason) = (by("group:web"), "Move".to_owned());
        let new = NewMute { kind: MuteKind::Maintenance, reason, selector, rules: vec![], external: None, schedule };
        Command::Alert(AlertCommand::Mute(Box::new(new)))
    };
    let mut scenario = Scenario::new(vec![]);
    let group = group_called("Web", Selection::Members);
    scenario.command(1, &Command::Group(GroupCommand::Create { group, members: [].into() })).expect("a group");
    scenario.command(1, &mute(600)).expect("muted");
    let web = id(&scenario, "Web");
    let delete = Command::Group(GroupCommand::Delete { id: web, expected: None });
    assert!(matches!(scenario.command(500, &delete), Err(Rejection::Conflict(reason)) if reason.contains("(Move)")));
    scenario.command(601, &delete).expect("what is over selects nothing");
}

#[test]
fn a_group_that_an_open_problem_applies_to_is_neither_deleted_nor_renamed() {
    let open = |_| {
        let (title, applies_to) = ("Leaks".to_owned(), Some("group:web".into()));
        let problem = ProblemCommand::Open { title, description: String::new(), priority: 3, group: None, applies_to, incidents: vec![] };
        Command::Problem(problem)
    };
    let renamed = "Web cannot be renamed: it is named in the queries of problem PRB0000001; name it by its id there first";
    let deleted = "Web cannot be deleted: it is named in the queries of problem PRB0000001; take it out of them first";
    check(open, (deleted, renamed));
}
