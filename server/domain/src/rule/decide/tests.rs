use super::*;
use crate::Command;
use crate::alert::scenario::{Scenario, agent, rule as load};
use crate::ci::Class;
use crate::rule::stock::stock;
use crate::rule::{Guard, Tier};

/// A rule with one thing changed, and the path of the field that is refused.
#[track_caller]
fn check(change: impl FnOnce(&mut Rule), expected: Option<&str>) {
    let mut rule = load("load");
    change(&mut rule);
    let found = match validate::rule(&rule) {
        Ok(()) => None,
        Err(Rejection::Invalid { field, .. }) => Some(field),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(found.as_deref(), expected);
}

fn critical(rule: &mut Rule) -> &mut Level {
    rule.levels.critical.as_mut().unwrap()
}

fn create(rule: Rule) -> Command {
    Command::Rule(RuleCommand::Create(Box::new(rule)))
}

#[test]
fn a_wrong_field_is_named_by_its_path() {
    check(|_| {}, None);
    check(|rule| rule.title = " ".into(), Some("title"));
    check(|rule| rule.description = "x".repeat(20_000), Some("description"));
    check(|rule| rule.runbook = Some("javascript:alert(1)".into()), Some("runbook"));
    check(|rule| rule.warning_tier = Some(Tier::Page), Some("warning_tier"));
    check(|rule| rule.classes = vec![Class::Host, Class::Disk], Some("classes[1]"));
    check(|rule| rule.for_ms = 31 * 24 * 3_600_000, Some("for_ms"));
    check(|rule| rule.levels = crate::rule::Levels::default(), Some("levels"));
    check(|rule| critical(rule).raise = f64::NAN, Some("levels.critical.raise"));
    check(|rule| critical(rule).clear = f64::INFINITY, Some("levels.critical.clear"));
    check(|rule| critical(rule).clear = 95.5, Some("levels.critical.clear"));
    check(|rule| (critical(rule).raise, critical(rule).clear) = (84.0, 84.0), Some("levels.critical.raise"));
    check(
        |rule| critical(rule).and = Some(Guard { metric: String::new(), side: Side::Below, value: 1.0 }),
        Some("levels.critical.and.metric"),
    );
    check(|rule| rule.condition = Condition::AgentSilent { after_ms: 9_999 }, Some("condition.after_ms"));
    check(
        |rule| {
            let Condition::Threshold { reduce, .. } = &mut rule.condition else { return };
            *reduce = Reduce::Avg;
        },
        Some("condition.window_ms"),
    );
}

#[test]
fn below_is_the_mirror_of_above() {
    let below = |clear| {
        move |rule: &mut Rule| {
            let Condition::Threshold { side, .. } = &mut rule.condition else { return };
            *side = Side::Below;
            rule.levels.warning = None;
            (critical(rule).raise, critical(rule).clear) = (5.0, clear);
        }
    };
    check(below(10.0), None);
    check(below(4.0), Some("levels.critical.clear"));
}

#[test]
fn rules_are_made_changed_and_switched_with_the_revision_that_was_seen() {
    let mut scenario = Scenario::new(Vec::new());
    scenario.command(1, &create(load("load"))).unwrap();
    assert!(matches!(scenario.command(2, &create(load("load"))), Err(Rejection::Conflict(_))));
    let id = load("load").id;
    let enable = |enabled, expected| Command::Rule(RuleCommand::Enable { rule: id.clone(), enabled, expected });
    assert!(matches!(scenario.command(3, &enable(false, Some(7))), Err(Rejection::Stale { current: 1, .. })));
    scenario.command(4, &enable(false, Some(1))).unwrap();
    scenario.command(5, &enable(false, Some(2))).unwrap();
    let update = |id: &str| Command::Rule(RuleCommand::Update { rule: Box::new(load(id)), expected: None });
    scenario.command(6, &update("load")).unwrap();
    assert!(matches!(scenario.command(7, &update("other")), Err(Rejection::NotFound { .. })));
    assert_eq!(scenario.story(), ["1 rule load set", "4 rule load set", "6 rule load set"]);
    assert_eq!(scenario.world.rules.rules[&id].history, [1, 2, 3]);
}

#[test]
fn a_person_cannot_make_a_rule_a_stock_rule_nor_stop_it_from_being_one() {
    let mut scenario = Scenario::new(stock());
    scenario.command(1, &create(Rule { stock: true, ..load("load") })).unwrap();
    let mut changed = stock().remove(0);
    (changed.stock, changed.title) = (false, "Busy".into());
    let id = changed.id.clone();
    scenario.command(2, &Command::Rule(RuleCommand::Update { rule: Box::new(changed), expected: None })).unwrap();
    assert!(!scenario.world.rules.rules[&load("load").id].rule.stock);
    assert!(scenario.world.rules.rules[&id].rule.stock);
}

#[test]
fn there_are_ten_stock_rules_and_all_are_in_order() {
    let rules = stock();
    let names: std::collections::BTreeSet<_> = rules.iter().map(|rule| rule.id.clone()).collect();
    assert_eq!((rules.len(), names.len()), (10, 10));
    for rule in &rules {
        validate::rule(rule).unwrap();
        assert!(rule.stock && rule.enabled && rule.description.len() > 100, "{}", rule.id);
    }
}

#[test]
fn settings_have_the_lines_of_the_rules_that_apply() {
    let mut scenario = Scenario::new(vec![load("load"), Rule { enabled: false, ..load("off") }]);
    let lines = |scenario: &Scenario| -> Vec<f64> { scenario.world.settings(agent(1)).thresholds.iter().map(|line| line.value).collect() };
    assert_eq!(lines(&scenario), [95.0, 90.0, 85.0, 80.0]);
    assert_eq!(scenario.world.settings(agent(1)).version, scenario.world.rules.revision);
    scenario.command(1, &create(Rule { classes: vec![Class::Workstation], ..load("desk") })).unwrap();
    let mut long = load("long");
    let Condition::Threshold { reduce, window_ms, metric, .. } = &mut long.condition else { panic!("a threshold rule") };
    (*reduce, *window_ms, *metric) = (Reduce::Avg, 600_000, "n".into());
    scenario.command(2, &create(long)).unwrap();
    assert_eq!(lines(&scenario), [95.0, 90.0, 85.0, 80.0, 95.0, 85.0]);
    assert_eq!(scenario.world.settings(agent(9)).thresholds.len(), 6);
}
