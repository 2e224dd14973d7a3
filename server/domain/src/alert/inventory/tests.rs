use super::*;
use crate::alert::scenario::{Scenario, host, rule as load, seconds, text};
use crate::ci::SectionState;
use crate::rule::{Level, Levels};
use rollcall_shared::section::Outcome;
use rollcall_shared::{ContentHash, message::Side};

pub(super) fn rule(predicate: Predicate, raise: f64) -> Rule {
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
fn values_of_different_types_say_nothing_about_each_other() {
    let compare = |operator, value| rule(Predicate::Attribute { name: "a".into(), operator, value: Some(value) }, 0.0);
    let word = Some(("a", AttributeValue::Text("web-1".into())));
    for operator in [Comparison::Greater, Comparison::Less, Comparison::NotEqual, Comparison::Contains] {
        check(compare(operator, AttributeValue::Integer(5)), word.clone(), word.clone(), &[]);
    }
    let five = Some(("a", AttributeValue::Integer(5)));
    let unknown = "43210 inventory: Firing → Unknown Warning";
    check(compare(Comparison::Equal, AttributeValue::Integer(5)), five, word, &[FIRES, unknown]);
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
fn what_went_is_told_about_until_it_is_back_and_what_can_be_unplugged_is_not() {
    use rollcall_shared::section::Disk;
    let disk = |name: &str, removable| Disk { name: name.into(), removable: Some(removable), ..Disk::default() };
    let part = |name: &str| disk(name, false);
    let stick = disk("sdz", true);
    let gone = rule(Predicate::Removed { names: vec!["disks".into()], within_ms: 3_600_000 }, 0.0);
    let mut scenario = Scenario::new(vec![gone]);
    let contents =
        [vec![part("sda"), part("sdb"), stick], vec![part("sda"), part("sdb")], vec![part("sda")], vec![part("sda"), part("sdb")]];
    let hashes = contents.map(|rows| scenario.tables.put(rollcall_shared::Section::Disks(rows)));
    let mut history = Vec::new();
    for (at, hash) in (0..).map(|n| n * 100).zip(hashes) {
        history.push((seconds(at), hash));
        let history = history.clone();
        scenario.seed(move |world| {
            let since = seconds(at);
            let (history, outcome) = (history.clone(), Outcome::Complete);
            let state = SectionState { hash: None, partial: None, outcome, reason: None, since, history, reverted: false };
            world.cmdb.cis.get_mut(&host(1)).expect("a host").sections.insert(SectionName::Disks, state);
        });
        scenario.tick(at + 50);
    }
    let story: Vec<String> = scenario.story().into_iter().filter(|line| line.contains("inventory: ")).collect();
    assert_eq!(story, ["250 inventory: Inactive → Firing Warning", "350 inventory: Firing → Resolved"]);
}

#[test]
fn software_that_was_ruled_out_is_told_about_by_name() {
    use crate::catalogue::{CatalogueCommand, Category};
    use crate::ci::testing::{Fleet, packages, server, system};
    use crate::rule::{RuleEvent, stock::stock};
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1)), packages(&[("telnetd", "0.17"), ("bash", "5.2")])]);
    let rule = stock().into_iter().find(|rule| rule.id.as_str() == "software_denied").expect("a stock rule");
    fleet.append(crate::Actor::System, vec![Event::Rule(RuleEvent::RuleSet { rule: Box::new(rule) })]);
    let is_it = |ci: &&Ci| ci.class == Class::SoftwareProduct && ci.name == "telnetd";
    let product = fleet.world.cmdb.cis.values().find(is_it).expect("a product").id;
    let said = |fleet: &Fleet| fleet.world.alerts.alerts.values().map(|alert| (alert.state, alert.reason.clone())).next();
    fleet.tick();
    assert_eq!(said(&fleet), None);
    for (category, expected) in [
        (Category::Denied, (AlertState::Firing, "denied software is installed: telnetd")),
        (Category::Approved, (AlertState::Resolved, "denied software is not installed")),
    ] {
        let ruling = CatalogueCommand::RuleOnProduct { product, category: Some(category), reason: "clear text".into(), expected: None };
        fleet.decide("ada", &crate::Command::Catalogue(ruling)).expect("ruled");
        fleet.tick();
        assert_eq!(said(&fleet), Some((expected.0, expected.1.to_owned())));
    }
}

#[test]
fn licences_that_are_over_used_are_told_about_with_both_numbers_until_they_are_not() {
    use crate::ci::CiCommand;
    use crate::ci::testing::{Fleet, packages, server, system};
    use crate::rule::{RuleEvent, stock::stock};
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(1, [system(server(1)), packages(&[("bash", "5.1")])]);
    fleet.report(2, [system(server(2)), packages(&[("bash", "5.2"), ("zsh", "5.9")])]);
    let rule = stock().into_iter().find(|rule| rule.id.as_str() == "licence_overused").expect("a stock rule");
    fleet.append(crate::Actor::System, vec![Event::Rule(RuleEvent::RuleSet { rule: Box::new(rule) })]);
    let is_it = |ci: &&Ci| ci.class == Class::SoftwareProduct && ci.name == "bash";
    let product = fleet.world.cmdb.cis.values().find(is_it).expect("a product").id;
    let said = |fleet: &Fleet| {
        let alert = fleet.world.alerts.alerts.values().next()?;
        Some((alert.key.ci == product, alert.state, alert.reason.clone()))
    };
    fleet.tick();
    assert_eq!(said(&fleet), None, "nothing is recorded");
    for (licensed, state, reason) in [
        (Some(2), None, ""),
        (Some(1), Some(AlertState::Firing), "2 installations, 1 licensed"),
        (Some(5), Some(AlertState::Resolved), "2 installations, 5 licensed"),
        (Some(0), Some(AlertState::Firing), "2 installations, 0 licensed"),
        (None, Some(AlertState::Resolved), "the rule no longer applies"),
    ] {
        let attributes = [("licensed_installations".to_owned(), licensed.map(AttributeValue::Integer))].into();
        fleet.command("ada", CiCommand::AssertAttributes { ci: product, attributes, expected: None }).expect("said");
        fleet.tick();
        assert_eq!(said(&fleet), state.map(|state| (true, state, reason.to_owned())), "{licensed:?}");
        let titles: Vec<&str> = fleet.world.incidents.incidents.values().map(|incident| &*incident.title).collect();
        assert_eq!(titles.first().copied(), state.map(|_| "Licences over-used warning on bash: 2 installations, 1 licensed"));
    }
    fleet.check();
}

#[test]
fn a_check_that_is_no_line_above_is_not_mistaken_for_one() {
    assert_eq!(rule(Predicate::DaysLeft { attribute: "a".into() }, 1.0).condition.side(), Side::Below);
}
