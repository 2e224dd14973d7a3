use super::*;
use crate::alert::scenario::{Scenario, host, rule as load, seconds, text};
use crate::ci::SectionState;
use crate::rule::{Level, Levels};
use rollcall_shared::section::Outcome;
use rollcall_shared::{ContentHash, message::Side};

fn rule(predicate: Predicate, raise: f64) -> Rule {
    let level = Some(Level { raise, clear: raise, and: None, for_ms: None });
    Rule { condition: Condition::Inventory { predicate }, levels: Levels { warning: level, critical: None }, ..load("inventory") }
}

/// Days are told from 1970-01-01: what an attribute says, what follows at noon of that day, and after it says something else.
#[track_caller]
fn check(rule: Rule, first: Option<(&str, AttributeValue)>, second: Option<(&str, AttributeValue)>, expected: &[&str]) {
    let mut scenario = Scenario::new(vec![rule]);
    let set = |scenario: &mut Scenario, value: Option<(&str, AttributeValue)>| {
        let changed = value.map(|(name, value)| (name.to_owned(), value));
        scenario.seed(move |world| {
            let ci = world.cmdb.cis.get_mut(&host(1)).expect("a host");
            let known: Vec<String> = ci.attributes.iter().map(|(name, _)| name.to_string()).collect();
            known.iter().for_each(|name| drop(ci.attributes.remove(name)));
            if let Some((name, value)) = changed.clone() {
                let mut attribute = text("");
                if let AttributeValue::Text(word) = &value {
                    attribute = text(word);
                } else {
                    let proposal = attribute.winner().expect("a word").clone();
                    let (source, method) = (proposal.source().clone(), proposal.method());
                    attribute = crate::ci::Attribute::sole(crate::ci::Proposal::new(value, source, Timestamp(0), method));
                }
                ci.attributes.insert(name.into(), attribute);
            }
        });
    };
    set(&mut scenario, first);
    scenario.tick(43_200);
    set(&mut scenario, second);
    scenario.tick(43_205);
    scenario.tick(43_210);
    let alerts = scenario.story().into_iter().filter(|line| line.contains("inventory: "));
    assert_eq!(alerts.collect::<Vec<_>>(), expected);
}

fn day(text: &str) -> Option<(&'static str, AttributeValue)> {
    Some(("os_support_end", AttributeValue::Text(text.into())))
}

const FIRES: &str = "43200 inventory: Inactive → Firing Warning";
const RESOLVES: &str = "43210 inventory: Firing → Resolved";

#[test]
fn days_left_are_counted_and_what_is_no_longer_said_does_not_resolve() {
    let rule = || rule(Predicate::DaysLeft { attribute: "os_support_end".into() }, 90.0);
    check(rule(), day("1970-03-31"), day("1971-01-01"), &[FIRES, RESOLVES]);
    check(rule(), day("1969-03-31"), None, &[FIRES, "43210 inventory: Firing → Unknown Warning"]);
    check(rule(), day("1970-04-02"), day("soon"), &[]);
}

#[test]
fn attributes_are_compared_by_number_by_text_and_by_being_there() {
    let compare = |operator, value| rule(Predicate::Attribute { name: "a".into(), operator, value }, 0.0);
    let number = |value| Some(("a", AttributeValue::Integer(value)));
    let is = |value| Some(AttributeValue::Number(value));
    check(compare(Comparison::Less, is(4.5)), number(4), number(5), &[FIRES, RESOLVES]);
    check(compare(Comparison::GreaterOrEqual, is(4.0)), number(4), number(3), &[FIRES, RESOLVES]);
    check(compare(Comparison::NotEqual, is(4.0)), None, number(4), &[]);
    check(compare(Comparison::Absent, None), None, number(4), &[FIRES, RESOLVES]);
    let word = |value: &str| Some(("a", AttributeValue::Text(value.into())));
    check(compare(Comparison::Contains, Some(AttributeValue::Text("bc".into()))), word("abcd"), word("acbd"), &[FIRES, RESOLVES]);
}

#[test]
fn a_section_that_changed_counts_for_a_while_and_its_first_content_does_not() {
    let drifts = rule(Predicate::Drift { names: vec!["users".into()], within_ms: 3_600_000 }, 0.0);
    let mut scenario = Scenario::new(vec![drifts]);
    scenario.seed(|world| {
        let history = vec![(seconds(0), ContentHash::of(b"a")), (seconds(100), ContentHash::of(b"b"))];
        let state = SectionState {
            hash: None,
            partial: None,
            outcome: Outcome::Complete,
            reason: None,
            since: seconds(100),
            history,
            reverted: false,
        };
        world.cmdb.cis.get_mut(&host(1)).expect("a host").sections.insert(SectionName::Users, state);
    });
    scenario.tick(110);
    scenario.tick(3_699);
    scenario.tick(3_709);
    assert_eq!(scenario.story()[0], "110 inventory: Inactive → Firing Warning");
    assert_eq!(scenario.state("inventory", 1), AlertState::Resolved);
}

#[test]
fn a_check_that_is_no_line_above_is_not_mistaken_for_one() {
    assert_eq!(rule(Predicate::DaysLeft { attribute: "a".into() }, 1.0).condition.side(), Side::Below);
}
