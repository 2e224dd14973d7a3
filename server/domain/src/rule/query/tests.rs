use super::*;
use crate::Command;
use crate::alert::AlertState;
use crate::alert::decide::AlertCommand;
use crate::alert::mute::{MuteKind, NewMute, Schedule};
use crate::alert::scenario::{Scenario, host, rule as load, seconds, text};
use crate::group::{GroupCommand, NewGroup, Selection};
use crate::rule::case::Tested;
use crate::rule::select::Variant;
use crate::rule::{Override, Rule, RuleCommand, Selector, select};

fn selector(query: &str) -> Selector {
    Selector { query: Some(Written::from(query)), ..Selector::default() }
}

fn create(rule: Rule) -> Command {
    Command::Rule(RuleCommand::Create(Tested::of(rule).unwrap()))
}

/// What is said of a query in a rule.
#[track_caller]
fn check(query: &str, expected: Result<(), &str>) {
    let rule = Rule { selector: selector(query), ..load("load") };
    let found = Scenario::new(Vec::new()).command(1, &create(rule));
    match (found, expected) {
        (Ok(()), Ok(())) => {}
        (Err(Rejection::Invalid { field, reason }), Err(wanted)) => {
            assert_eq!(field, "selector.query", "{query}");
            assert!(reason.contains(wanted), "{query}: {reason}");
        }
        (found, expected) => panic!("{query}: {found:?}, not {expected:?}"),
    }
}

#[test]
fn a_query_is_judged_when_it_is_written() {
    check("class:server tag:prod os.id:debian package:openssl<3.0.13", Ok(()));
    check("created>2026-01-01", Ok(()));
    check("class:server and (", Err("column"));
    check("colour:", Err("column"));
    check("", Err("must not be empty"));
    check("last_seen>7d", Err("last_seen"));
    check("last_seen<2026-01-01", Err("last_seen"));
    check("not created<30d", Err("an age"));
    check("agent:silent", Err("agent"));
    check("tag:prod or incident:open", Err("incident"));
    check("group:nobody", Err("there is no group"));
}

#[test]
fn an_override_and_a_mute_are_judged_too_with_their_path() {
    let mut scenario = Scenario::new(vec![load("load")]);
    let wrong = Override {
        selector: selector("agent:silent"),
        reason: "quiet".into(),
        levels: None,
        for_ms: Some(1_000),
        tier: None,
        disabled: false,
        set_by: None,
        set_at: None,
    };
    let refused = scenario.command(1, &create(Rule { overrides: vec![wrong.clone()], ..load("other") })).unwrap_err();
    assert!(matches!(refused, Rejection::Invalid { field, .. } if field == "overrides[0].selector.query"));
    let all = Override { selector: selector("*"), ..wrong };
    let refused = scenario.command(1, &create(Rule { overrides: vec![all], ..load("other") })).unwrap_err();
    assert!(matches!(refused, Rejection::Invalid { field, .. } if field == "overrides[0].selector"));
    let schedule = Schedule::Once { from: seconds(0), to: seconds(900) };
    let mute = |query: &str| {
        let (kind, reason, rules) = (MuteKind::Silence, "known".to_owned(), Vec::new());
        Command::Alert(AlertCommand::Mute(Box::new(NewMute {
            kind,
            reason,
            selector: selector(query),
            rules,
            external: None,
            schedule: schedule.clone(),
        })))
    };
    for query in ["name:web-", "name:(", "group:nobody", "*", "name:* or tag:x"] {
        let made = scenario.command(2, &mute(query));
        assert_eq!(made.is_ok(), query == "name:web-", "{query}: {made:?}");
    }
    scenario.command(3, &mute("name:web-1")).unwrap();
    scenario.value(10, 96.0);
    assert!(scenario.world.incidents.incidents.is_empty());
}

#[test]
fn a_rule_follows_what_its_query_asks_of_the_host_with_the_next_push() {
    let mut scenario = Scenario::new(vec![Rule { selector: selector("os.id:debian"), ..load("load") }]);
    scenario.value(10, 96.0);
    assert_eq!(scenario.state("load", 1), AlertState::Inactive);
    scenario.seed(|world| {
        let ci = world.cmdb.cis.get_mut(&host(1)).unwrap();
        ci.attributes.insert("os_id".into(), text("debian"));
        ci.revision += 1;
    });
    scenario.value(20, 96.0);
    assert_eq!(scenario.state("load", 1), AlertState::Firing);
    // It is no Debian any more: nothing is claimed to have recovered, and nobody waits for it.
    scenario.seed(|world| {
        let ci = world.cmdb.cis.get_mut(&host(1)).unwrap();
        ci.attributes.insert("os_id".into(), text("rocky"));
        ci.revision += 1;
    });
    (3..12).for_each(|n| {
        scenario.value(10 * n, 96.0);
        scenario.tick(10 * n + 1);
    });
    assert_eq!(scenario.state("load", 1), AlertState::Resolved);
    let alert = scenario.world.alerts.alerts.values().next().unwrap();
    assert_eq!(alert.reason, "the rule no longer applies");
    scenario.replay();
}

#[test]
fn what_a_query_asks_of_others_counts_within_a_minute() {
    let mut scenario = Scenario::new(Vec::new());
    let selection = Selection::Members;
    let group = NewGroup { name: "shop".into(), description: None, owner: None, support_group: false, selection };
    scenario.command(1, &Command::Group(GroupCommand::Create { group, members: [].into() })).unwrap();
    let id = *scenario.world.groups.groups.keys().next().unwrap();
    scenario.command(2, &create(Rule { selector: selector("group:shop"), ..load("load") })).unwrap();
    scenario.value(10, 96.0);
    let change = GroupCommand::ChangeMembers { id, add: [host(1)].into(), remove: [].into(), expected: None };
    scenario.command(11, &Command::Group(change)).unwrap();
    scenario.value(20, 96.0);
    scenario.value(69, 96.0);
    assert_eq!(scenario.state("load", 1), AlertState::Inactive);
    scenario.value(70, 96.0);
    assert_eq!(scenario.state("load", 1), AlertState::Firing);
}

#[test]
fn a_group_whose_own_query_asks_for_an_age_is_refused() {
    let mut scenario = Scenario::new(Vec::new());
    let selection = Selection::Query { query: "created<30d".parse().unwrap() };
    let group = NewGroup { name: "new".into(), description: None, owner: None, support_group: false, selection };
    scenario.command(1, &Command::Group(GroupCommand::Create { group, members: [].into() })).unwrap();
    let refused = scenario.command(2, &create(Rule { selector: selector("tag:prod or group:new"), ..load("load") })).unwrap_err();
    assert!(matches!(refused, Rejection::Invalid { field, reason } if field == "selector.query" && reason.contains("an age")));
}

#[test]
fn a_query_is_kept_as_it_was_written_and_one_that_was_stored_wrong_selects_nothing() {
    for query in ["class:server  tag:prod", "(", ""] {
        let stored = serde_json::to_string(&selector(query)).unwrap();
        assert_eq!(stored, format!(r#"{{"query":"{query}"}}"#));
        assert_eq!(serde_json::from_str::<Selector>(&stored).unwrap(), selector(query));
    }
    let scenario = Scenario::new(Vec::new());
    let ci = &scenario.world.cmdb.cis[&host(1)];
    assert!(!selector("(").means(&scenario.world, Some(ci)));
    assert!(selector("name:web-*").means(&scenario.world, Some(ci)));
    assert!(!selector("name:web-*").means(&scenario.world, None), "one that is not identified is meant by the empty selector alone");
    let rule = Rule { selector: selector("name:db-*"), ..load("load") };
    assert_eq!(select::variant(&rule, &scenario.world, Some(ci)), None);
    let settled = select::settled(&Rule { selector: selector("name:web-*"), ..load("load") }, Variant::Plain);
    assert!(settled.selector.is_empty());
    assert!(selector("*").is_empty() && selector("*").means(&scenario.world, None), "what asks nothing is the empty selector");
}
