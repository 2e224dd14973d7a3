use super::*;
use crate::alert::scenario::{self, Scenario};
use crate::rule::{Level, Levels};

fn asking(predicate: Predicate) -> Rule {
    let level = Level { raise: 0.0, clear: 0.0, and: None, for_ms: None };
    let levels = Levels { warning: Some(level), critical: None };
    Rule { condition: Condition::Inventory { predicate }, levels, ..scenario::rule("load") }
}

fn attribute(name: &str, operator: Comparison, value: AttributeValue) -> Rule {
    asking(Predicate::Attribute { name: name.into(), operator, value: Some(value) })
}

/// A rule, and what is said against it.
#[track_caller]
fn check_refused(rule: &Rule, expected: Option<&str>) {
    let scenario = Scenario::new(Vec::new());
    assert_eq!(check(&scenario.world, rule).err().map(|error| error.to_string()).as_deref(), expected);
}

#[test]
fn a_value_of_another_type_than_its_attribute_is_refused() {
    let number = AttributeValue::Integer;
    let text = |text: &str| AttributeValue::Text(text.into());
    check_refused(
        &attribute("hostname", Comparison::Greater, number(5)),
        Some("condition.predicate.value: must be a text, as hostname is of type text"),
    );
    check_refused(
        &attribute("reboot_required", Comparison::Equal, text("yes")),
        Some("condition.predicate.value: must be true or false, as reboot_required is of type boolean"),
    );
    check_refused(&attribute("cpu_cores", Comparison::Less, AttributeValue::Number(4.5)), None);
    check_refused(&attribute("hostname", Comparison::Contains, text("web")), None);
    check_refused(&attribute("ip_addresses", Comparison::Contains, text("10.0.0.1")), None);
    check_refused(&attribute("nobody_defined_it", Comparison::Less, number(4)), None);
    check_refused(
        &asking(Predicate::DaysLeft { attribute: "cpu_cores".into() }),
        Some("condition.predicate.attribute: must hold a day or a moment; cpu_cores is of type integer"),
    );
}

#[test]
fn what_nobody_has_reported_is_worth_a_word() {
    let scenario = Scenario::new(Vec::new());
    let said = |rule: &Rule| warnings(&scenario.world, rule);
    assert_eq!(
        said(&attribute("host_name", Comparison::Equal, AttributeValue::Text("a".into()))),
        ["no item has an attribute host_name, and nobody defined it; did you mean hostname?"]
    );
    assert_eq!(said(&attribute("hostname", Comparison::Equal, AttributeValue::Text("a".into()))), [""; 0]);
    assert_eq!(
        said(&asking(Predicate::PackageBelow { package: "opensl".into(), version: "latest".into() })),
        ["no host has a package opensl", "version \"latest\" has no number: whether another is below it cannot be told"]
    );
    let nobody = scenario::host(77);
    let selector = Selector { cis: [nobody].into(), ..Selector::default() };
    let rule = Rule { selector, condition: Condition::AgentSilent { after_ms: 60_000 }, ..scenario::rule("load") };
    assert_eq!(said(&rule), [format!("selector.cis: there is no configuration item {nobody}")]);
}

#[test]
fn what_a_selector_asks_for_and_nothing_has_is_said_with_its_field() {
    let asking = |query: &str| Selector { query: Some(Written::from(query)), ..Selector::default() };
    let one = |query: &str| crate::rule::Override {
        selector: asking(query),
        reason: "louder".into(),
        levels: None,
        for_ms: Some(1_000),
        tier: None,
        disabled: false,
        set_by: None,
        set_at: None,
    };
    let condition = Condition::AgentSilent { after_ms: 60_000 };
    let rule =
        Rule { selector: asking("tagg:web"), overrides: vec![one("os.id:debian"), one("has:os.idd")], condition, ..scenario::rule("load") };
    let scenario = Scenario::new(Vec::new());
    assert_eq!(
        warnings(&scenario.world, &rule),
        [
            "selector.query: no configuration item has an attribute tagg; did you mean tag?",
            "overrides[1].selector.query: no configuration item has an attribute os_idd; did you mean os_id?",
        ]
    );
}
