use super::*;
use crate::alert::scenario::rule;
use crate::rule::Levels;
use crate::rule::stock::stock;

/// A line for people: `m{a=b} > 1`.
fn shown(line: &Threshold) -> String {
    let attributes: Vec<String> = line.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let attributes = if attributes.is_empty() { String::new() } else { format!("{{{}}}", attributes.join(",")) };
    format!("{}{attributes} {} {}", line.metric, if line.side == Side::Above { '>' } else { '<' }, line.value)
}

/// The lines of a rule with this condition that is critical beyond 4 and clear at 2.
#[track_caller]
fn check_condition(condition: Condition, expected: &[&str]) {
    let critical = Some(Level { raise: 4.0, clear: 2.0, and: None, for_ms: None });
    let rule = Rule { condition, levels: Levels { warning: None, critical }, ..rule("r") };
    assert_eq!(of(&rule).iter().map(shown).collect::<Vec<_>>(), expected);
}

#[track_caller]
fn check(value: &str, expected: &[&str]) {
    check_condition(Condition::Expression { value: value.into(), side: Side::Above }, expected);
}

#[track_caller]
fn check_stock(id: &str, expected: &[&str]) {
    let rule = stock().into_iter().find(|rule| rule.id.as_str() == id).expect("a stock rule");
    assert_eq!(of(&rule).iter().map(shown).collect::<Vec<_>>(), expected, "{id}");
}

#[test]
fn arithmetic_on_one_series_is_solved_for_it() {
    check("m", &["m > 4", "m > 2"]);
    check("last(m{a=\"b\"})", &["m{a=b} > 4", "m{a=b} > 2"]);
    check("m * 2 + 1", &["m > 1.5", "m > 0.5"]);
    check("(10 - m) / 2", &["m < 2", "m < 6"]);
    check("ratio(m, 8, 1)", &["m > 32", "m > 16"]);
    check("-m", &["m < -4", "m < -2"]);
    check("m * -(2)", &["m < -2", "m < -1"]);
    check("abs(m)", &["m > 4", "m < -4", "m > 2", "m < -2"]);
    check("abs(m - 10)", &["m > 14", "m < 6", "m > 12", "m < 8"]);
    check("-abs(m)", &[]);
}

#[test]
fn the_side_that_is_bad_stays_so() {
    check_condition(Condition::Expression { value: "2 * m".into(), side: Side::Below }, &["m < 2", "m < 1"]);
    check_condition(Condition::Expression { value: "abs(m)".into(), side: Side::Below }, &["m < 4", "m > -4", "m < 2", "m > -2"]);
}

#[test]
fn a_window_is_taken_for_its_newest_value_and_a_rise_for_all_or_nothing_of_it() {
    check("avg(m, 10m)", &["m > 4"]);
    check("avg(m, 1m)", &["m > 4", "m > 2"]);
    check("m + increase(m, 7d)", &["m > 2", "m > 4", "m > 1", "m > 2"]);
    check("increase(m, 7d)", &["m > 4"]);
}

#[test]
fn what_an_agent_cannot_see_has_no_lines() {
    for value in ["m / n", "m{a=\"1\"} - m{a=\"2\"}", "rate(m, 5m)", "baseline(m)", "time_to(m, 6h, 1, above)", "m * m", "1 / m", "m / 0"] {
        check(value, &[]);
    }
    check_condition(Condition::HostSilent { after_ms: 60_000 }, &[]);
}

#[test]
fn a_check_has_a_line_below_each_state_that_its_levels_tell_apart() {
    check_condition(Condition::Check { check: None }, &["check.state > 1"]);
    check_condition(Condition::Check { check: Some("disk".into()) }, &["check.state{check=disk} > 1"]);
    check_condition(Condition::TargetCheck { asks: Asks::Up, check: None }, &["check.target_state{asks=up} > 1"]);
    let both = ["check.target_state{asks=state,check=http} > 1", "check.target_state{asks=state,check=http} > 0"];
    check_condition(Condition::TargetCheck { asks: Asks::State, check: Some("http".into()) }, &both);
}

#[test]
fn stock_rules_that_are_told_at_once_have_lines() {
    let read_only = ["0.75", "1.5", "0.25", "0.5"].map(|value| format!("system.filesystem.read_only > {value}"));
    check_stock("filesystem_read_only", &read_only.each_ref().map(String::as_str));
    check_stock("check_result", &["check.state > 1", "check.state > 0"]);
    check_stock("target_down", &["check.target_state{asks=up} > 1"]);
    let space = "system.filesystem.utilization";
    let expected = [0.98, 0.9, 0.9, 0.8].map(|value| format!("{space} > {value}"));
    let expected: Vec<&str> = expected.iter().map(String::as_str).chain(["system.filesystem.available < 5000000000"]).collect();
    check_stock("filesystem_space", &expected);
}
