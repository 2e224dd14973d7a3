use super::*;
use crate::Command;
use crate::alert::scenario::{Scenario, agent, rule as load};
use crate::ci::Class;
use crate::rule::case::Tested;
use crate::rule::stock::stock;
use crate::rule::{Condition, Guard, Level, Override, Reduce, Selector, Tier, thresholds};
use rollcall_shared::Timestamp;
use rollcall_shared::message::Side;
use std::collections::BTreeMap;

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

fn tagged(tag: &str) -> Selector {
    Selector { tags: [tag.to_owned()].into(), ..Selector::default() }
}

fn overridden(selector: Selector) -> Override {
    let level = Level { raise: 99.0, clear: 98.0, and: None, for_ms: None };
    let levels = Some(crate::rule::Levels { warning: None, critical: Some(level) });
    Override { selector, reason: "busy by nature".into(), levels, for_ms: None, tier: None, disabled: false, set_by: None, set_at: None }
}

fn critical(rule: &mut Rule) -> &mut Level {
    rule.levels.critical.as_mut().unwrap()
}

fn create(rule: Rule) -> Command {
    Command::Rule(RuleCommand::Create(Tested::of(rule).unwrap()))
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
    let formula = |value: &str| Condition::Expression { value: value.into(), side: Side::Above };
    check(|rule| rule.condition = formula("m / n"), None);
    check(|rule| rule.condition = formula("m / "), Some("condition.value"));
    check(|rule| rule.condition = formula("avg(m, 1s)"), Some("condition.value"));
    check(|rule| rule.condition = formula(&vec!["m"; 1_000_000].join("+")), Some("condition.value"));
    check(|rule| rule.flapping.stop_percent = 31.0, Some("flapping.stop_percent"));
    check(|rule| rule.overrides = vec![overridden(Selector::default())], Some("overrides[0].selector"));
    check(|rule| rule.overrides = vec![Override { levels: None, ..overridden(tagged("db")) }], Some("overrides[0]"));
    let mut wrong = overridden(tagged("db"));
    wrong.levels = Some(crate::rule::Levels { warning: Some(Level { raise: 80.0, clear: 90.0, and: None, for_ms: None }), critical: None });
    check(|rule| rule.overrides = vec![wrong], Some("overrides[0].levels.warning.clear"));
    check(
        |rule| {
            let Condition::Threshold { reduce, .. } = &mut rule.condition else { return };
            *reduce = Reduce::Avg;
        },
        Some("condition.window_ms"),
    );
}

#[test]
fn a_window_in_an_expression_that_is_too_long_is_named_with_its_place() {
    let condition = Condition::Expression { value: "max(m, 1h) / avg(m, 40d)".into(), side: Side::Above };
    let refused = validate::rule(&Rule { condition, ..load("load") }).unwrap_err().to_string();
    let expected = "condition.value: the window of m, at character 18, must be 10000 to 2592000000 milliseconds (30 days), not 3456000000";
    assert_eq!(refused, expected);
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
    let update = |id: &str| Command::Rule(RuleCommand::Update { rule: Tested::of(load(id)).unwrap(), expected: None });
    scenario.command(6, &update("load")).unwrap();
    assert!(matches!(scenario.command(7, &update("other")), Err(Rejection::NotFound { .. })));
    assert_eq!(scenario.story(), ["1 rule load set", "4 rule load set", "6 rule load set"]);
    assert_eq!(scenario.world.rules.rules[&id].history, [1, 2, 3]);
}

#[test]
fn a_rule_that_is_removed_ends_its_alerts_as_one_that_is_switched_off() {
    let mut scenario = Scenario::new(vec![load("load")]);
    scenario.value(10, 96.0);
    let live = scenario.world.incidents.live.len();
    let id = load("load").id;
    let remove = |expected| Command::Rule(RuleCommand::Remove { rule: id.clone(), expected });
    assert!(matches!(scenario.command(20, &remove(Some(77))), Err(Rejection::Stale { .. })));
    scenario.command(20, &remove(None)).unwrap();
    assert!(live == 1 && scenario.world.incidents.live.is_empty(), "{:?}", scenario.world.incidents.live);
    let incident = scenario.world.incidents.incidents.values().next().unwrap();
    assert_eq!(incident.close_code.as_deref(), Some("rule_disabled"));
    assert!(!scenario.world.rules.rules.contains_key(&id) && scenario.world.alerts.live.is_empty());
    assert!(scenario.story().contains(&"20 rule load removed".to_owned()));
    assert!(matches!(scenario.command(30, &remove(None)), Err(Rejection::NotFound { .. })));
    scenario.value(40, 99.0);
    assert!(scenario.world.alerts.live.is_empty());
    scenario.command(50, &create(load("load"))).unwrap();
}

#[test]
fn a_stock_rule_goes_back_to_what_it_was_and_is_never_removed() {
    let mut scenario = Scenario::new(stock());
    let original = stock().remove(0);
    let id = original.id.clone();
    let remove = Command::Rule(RuleCommand::Remove { rule: id.clone(), expected: None });
    assert!(matches!(scenario.command(1, &remove), Err(Rejection::WrongState { .. })));
    let changed = Rule { title: "Busy".into(), enabled: false, overrides: vec![overridden(tagged("db"))], ..original.clone() };
    scenario.command(2, &Command::Rule(RuleCommand::Update { rule: Tested::of(changed).unwrap(), expected: None })).unwrap();
    let reset = |rule: crate::id::RuleId| Command::Rule(RuleCommand::Reset { rule, expected: None });
    scenario.command(3, &reset(id.clone())).unwrap();
    assert_eq!(scenario.world.rules.rules[&id].rule, original);
    scenario.command(4, &create(load("load"))).unwrap();
    assert!(matches!(scenario.command(5, &reset(load("load").id)), Err(Rejection::WrongState { .. })));
}

#[test]
fn what_an_import_would_do_is_what_it_does() {
    let mut scenario = Scenario::new(vec![load("known")]);
    let import = |rules: &[Rule], expected| {
        let rules = rules.iter().map(|rule| Tested::of(rule.clone()).unwrap()).collect();
        Command::Rule(RuleCommand::Import { rules, expected })
    };
    let mut check = |rules: Vec<Rule>, wanted: &[&str]| {
        let mut ids = crate::context::CountingIds::default();
        let content = crate::context::NoContent;
        let context = Context { now: Timestamp(0), actor: Actor::System, ids: &mut ids, content: &content };
        let examined = examine(&scenario.world, &rules, &context);
        let told: Vec<String> =
            examined.iter().map(|one| one.as_ref().map_or_else(ToString::to_string, |one| format!("{one:?}"))).collect();
        assert_eq!(told, wanted);
        assert_eq!(scenario.command(1, &import(&rules, None)).is_err(), examined.iter().any(Result::is_err));
    };
    check(vec![load("a"), load("a")], &["Created", "id: names a twice"]);
    check(
        vec![load("known"), Rule { title: String::new(), ..load("b") }],
        &["Unchanged", "title: must have 1 to 200 bytes, not only blanks"],
    );
    let many: Vec<Rule> = (0..validate::RULES).map(|n| load(&format!("r{n}"))).collect();
    let limit = "there would be more than 1000 rules, which is the limit";
    let wanted: Vec<&str> = (0..validate::RULES).map(|n| if n + 1 == validate::RULES { limit } else { "Created" }).collect();
    check(many, &wanted);
    check(vec![Rule { title: "Other".into(), ..load("known") }], &["Updated"]);
    assert!(matches!(scenario.command(2, &import(&[load("c")], Some(77))), Err(Rejection::Stale { expected: 77, .. })));
}

#[test]
fn a_person_cannot_make_a_rule_a_stock_rule_nor_stop_it_from_being_one() {
    let mut scenario = Scenario::new(stock());
    scenario.command(1, &create(Rule { stock: true, ..load("load") })).unwrap();
    let mut changed = stock().remove(0);
    (changed.stock, changed.title) = (false, "Busy".into());
    let id = changed.id.clone();
    scenario.command(2, &Command::Rule(RuleCommand::Update { rule: Tested::of(changed).unwrap(), expected: None })).unwrap();
    assert!(!scenario.world.rules.rules[&load("load").id].rule.stock);
    assert!(scenario.world.rules.rules[&id].rule.stock);
}

#[test]
fn every_stock_rule_is_in_order_and_says_what_to_do_and_where_its_lines_come_from() {
    let rules = stock();
    let names: std::collections::BTreeSet<_> = rules.iter().map(|rule| rule.id.clone()).collect();
    assert_eq!((rules.len(), names.len()), (57, 57));
    for rule in &rules {
        validate::rule(rule).unwrap_or_else(|error| panic!("{}: {error}", rule.id));
        assert!(rule.stock && rule.enabled && rule.description.len() > 100 && rule.threshold_source.is_some(), "{}", rule.id);
    }
}

#[test]
fn settings_have_the_lines_of_the_rules_that_apply() {
    let mut scenario = Scenario::new(vec![load("load"), Rule { enabled: false, ..load("off") }]);
    let lines = |scenario: &Scenario| -> Vec<f64> {
        thresholds::settings(&scenario.world, agent(1), Timestamp(0)).thresholds.iter().map(|line| line.value).collect()
    };
    assert_eq!(lines(&scenario), [95.0, 90.0, 85.0, 80.0]);
    scenario.command(1, &create(Rule { classes: vec![Class::Workstation], ..load("desk") })).unwrap();
    let mut long = load("long");
    let Condition::Threshold { reduce, window_ms, metric, .. } = &mut long.condition else { panic!("a threshold rule") };
    (*reduce, *window_ms, *metric) = (Reduce::Avg, 600_000, "n".into());
    scenario.command(2, &create(long)).unwrap();
    assert_eq!(lines(&scenario), [95.0, 90.0, 85.0, 80.0, 95.0, 85.0]);
    assert_eq!(thresholds::settings(&scenario.world, agent(9), Timestamp(0)).thresholds.len(), 6);
}

#[test]
fn an_override_keeps_its_origin_and_the_reason_of_an_alert_names_it() {
    let mut scenario = Scenario::new(Vec::new());
    let claimed = Override { set_by: Some("eve".into()), ..overridden(tagged("busy")) };
    scenario.command(1, &create(Rule { overrides: vec![claimed], ..load("load") })).unwrap();
    let known = |scenario: &Scenario| scenario.world.rules.rules[&load("load").id].rule.clone();
    assert_eq!(known(&scenario).overrides[0].set_by.as_deref(), Some("ada"));
    scenario.value(10, 96.0);
    assert_eq!(scenario.state("load", 1), crate::alert::AlertState::Firing);
    scenario.seed(|world| {
        let ci = world.cmdb.cis.get_mut(&crate::alert::scenario::host(1)).unwrap();
        ci.tags.insert("busy".into());
        ci.revision += 1;
    });
    scenario.value(20, 96.0);
    assert_eq!(scenario.state("load", 1), crate::alert::AlertState::Resolved);
    scenario.value(30, 99.5);
    let alert = scenario.world.alerts.alerts.values().next().unwrap();
    assert!(alert.reason.ends_with("above 99 (override 1 by ada: busy by nature)"), "{}", alert.reason);
    let update = RuleCommand::Update { rule: Tested::of(Rule { title: "Other".into(), ..known(&scenario) }).unwrap(), expected: None };
    scenario.command(40, &Command::Rule(update)).unwrap();
    assert_eq!(known(&scenario).overrides[0].set_at, Some(crate::alert::scenario::seconds(1)));
}

/// What samples of `m` and `n`, one a second from the first on, lead to under a condition with a warning above zero.
#[track_caller]
fn check_condition(condition: Condition, samples: &[(Option<f64>, Option<f64>)], expected: &[&str]) {
    let level = Level { raise: 0.0, clear: 0.0, and: None, for_ms: None };
    let levels = crate::rule::Levels { warning: Some(level), critical: None };
    let mut scenario = Scenario::new(vec![Rule { condition, levels, ..load("r") }]);
    for (at, (m, n)) in (1..).zip(samples) {
        scenario.pair(at, *m, *n);
    }
    let alerts = scenario.story().into_iter().filter(|line| line.contains(" r: "));
    assert_eq!(alerts.collect::<Vec<_>>(), expected);
}

#[test]
fn what_cannot_be_computed_moves_nothing() {
    let formula = |value: &str| Condition::Expression { value: value.into(), side: Side::Above };
    let some = |m, n| (Some(m), Some(n));
    check_condition(
        formula("m / n"),
        &[some(1.0, 0.0), some(1.0, 1.0), (Some(-1.0), None), some(1.0, 0.0)],
        &["2 r: Inactive → Firing Warning"],
    );
    check_condition(formula("m * m * m"), &[some(1e200, 0.0), some(-1.0, 0.0), some(1.0, 0.0)], &["3 r: Inactive → Firing Warning"]);
    check_condition(formula("m + unknown.metric"), &[some(1.0, 1.0)], &[]);
    check_condition(
        formula("abs(m) - 1"),
        &[some(-3.0, 0.0), some(1.0, 0.0)],
        &["1 r: Inactive → Firing Warning", "2 r: Firing → Resolved"],
    );
    let term = |metric: &str| super::super::Term { metric: metric.into(), attributes: BTreeMap::new(), reduce: Reduce::Last, window_ms: 0 };
    let ratio = Condition::Ratio { part: term("m"), whole: term("n"), floor: 10.0, side: Side::Above };
    check_condition(
        ratio,
        &[some(5.0, 9.0), some(5.0, 10.0), some(0.0, 10.0)],
        &["2 r: Inactive → Firing Warning", "3 r: Firing → Resolved"],
    );
}

#[test]
fn an_absence_ends_with_a_value_and_nothing_else() {
    let absent = Condition::Absent { metric: "n".into(), attributes: BTreeMap::new(), after_ms: 10_000 };
    let mut samples = vec![(Some(1.0), Some(1.0))];
    samples.extend([(Some(1.0), None); 12]);
    samples.push((Some(1.0), Some(1.0)));
    check_condition(absent, &samples, &["11 r: Inactive → Firing Warning", "14 r: Firing → Resolved"]);
}

#[test]
fn a_new_rule_is_not_called_as_the_keys_of_other_incidents_begin() {
    let mut scenario = Scenario::new(vec![load("external")]);
    for name in ["export", "external", "storm", "duplicate_identity"] {
        let refused = scenario.command(1, &create(load(name)));
        assert!(matches!(&refused, Err(Rejection::Invalid { field, .. }) if field == "id"), "{name}: {refused:?}");
    }
    let again = Tested::of(Rule { title: "Again".into(), ..load("external") }).unwrap();
    scenario.command(2, &Command::Rule(RuleCommand::Update { rule: again, expected: None })).expect("one that is there stays");
}
