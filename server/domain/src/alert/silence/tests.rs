//! Agents that push less often than others are given as many pushes, and no fewer seconds.

use super::*;
use crate::alert::scenario::{Scenario, agent, rule as load};
use crate::rule::stock::stock;

/// The stock rules on silence beside one on `m`; the agent told its interval.
fn scenario(interval_s: u64) -> Scenario {
    let mut rules: Vec<Rule> = stock().into_iter().filter(|rule| matches!(rule.id.as_str(), "agent_silent" | "host_silent")).collect();
    rules.push(load("load"));
    let mut scenario = Scenario::new(rules);
    scenario.tell_interval(0, 1, Some(interval_s * 1_000));
    scenario.story();
    scenario
}

/// It pushes a value that fires at each of these seconds, and is silent then; the clock ticks every ten seconds. Tells what became of silence.
#[track_caller]
fn check(interval_s: u64, pushes: impl IntoIterator<Item = i64>, until: i64, expected: &[&str]) {
    let mut scenario = scenario(interval_s);
    let pushes: Vec<i64> = pushes.into_iter().collect();
    for at in (0..=until).step_by(10) {
        if pushes.contains(&at) {
            scenario.value(at, 97.0);
        }
        scenario.tick(at);
    }
    let story = scenario.story();
    let told: Vec<&str> = story.iter().map(String::as_str).filter(|line| line.contains("silent") && line.contains("Firing")).collect();
    assert_eq!(told, expected, "{story:#?}");
    let is_unknown = story.iter().any(|line| line.contains("load: Firing → Unknown"));
    assert_eq!(is_unknown, !expected.is_empty(), "{story:#?}");
}

#[test]
fn the_default_is_silent_after_three_and_ten_minutes() {
    let fired = ["180 agent_silent: Inactive → Firing Warning", "600 host_silent: Inactive → Firing Critical"];
    check(60, [0], 700, &fired);
    check(5, [0], 700, &fired);
}

#[test]
fn an_agent_that_pushes_every_five_minutes_is_not_silent_in_between() {
    check(300, (0..=3_000).step_by(300), 3_290, &[]);
    check(300, [0, 600, 1_490], 2_380, &[]);
}

#[test]
fn an_agent_that_pushes_every_hour_is_not_silent_in_between() {
    check(3_600, [0, 3_600, 7_200, 18_000], 28_790, &[]);
}

#[test]
fn a_slow_agent_is_missed_after_three_pushes_and_its_host_after_ten() {
    check(300, [0], 3_100, &["900 agent_silent: Inactive → Firing Warning", "3000 host_silent: Inactive → Firing Critical"]);
    check(300, [0, 1_000], 1_890, &["900 agent_silent: Inactive → Firing Warning", "1000 agent_silent: Firing → Resolved"]);
}

#[test]
fn only_the_agent_that_said_so_is_given_more_time() {
    let mut scenario = scenario(300);
    scenario.add_host(2, &[]);
    [1, 2].into_iter().for_each(|n| drop(scenario.push(0, n, Vec::new(), Vec::new())));
    scenario.tick(180);
    assert!(scenario.world.telemetry.is_silent(agent(2)) && !scenario.world.telemetry.is_silent(agent(1)));
}

#[test]
fn an_agent_that_is_told_to_push_often_again_is_judged_by_that() {
    let mut scenario = scenario(300);
    scenario.tell_interval(300, 1, None);
    scenario.value(300, 97.0);
    scenario.tick(470);
    assert!(!scenario.world.telemetry.is_silent(agent(1)));
    scenario.tick(480);
    assert!(scenario.world.telemetry.is_silent(agent(1)));
}

#[test]
fn a_longer_interval_that_is_told_does_not_end_a_silence_that_is_known() {
    let mut scenario = scenario(60);
    scenario.push(0, 1, Vec::new(), Vec::new());
    scenario.tick(180);
    scenario.story();
    // What comes with a push ends it; the word alone, as of another server on the same log, does not.
    scenario.tell_interval(190, 1, Some(3_600_000));
    scenario.tick(200);
    assert!(scenario.world.telemetry.is_silent(agent(1)));
    let story = scenario.story();
    assert!(!story.iter().any(|line| line.contains("Resolved")), "{story:#?}");
}
