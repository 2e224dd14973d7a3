//! What random sequences brought to light, each told by itself.

use crate::Command;
use crate::alert::AlertState;
use crate::alert::decide::AlertCommand;
use crate::alert::mute::{MuteKind, NewMute, Schedule};
use crate::alert::scenario::{Scenario, rule, seconds};
use crate::rule::{Condition, Rule, Selector, Severity};

fn mute(scenario: &mut Scenario, at: i64, kind: MuteKind, (from, to): (i64, i64)) {
    let (rules, schedule) = (vec![rule("load").id], Schedule::Once { from: seconds(from), to: seconds(to) });
    let new = NewMute { kind, reason: "disks are swapped".into(), selector: Selector::default(), rules, external: None, schedule };
    scenario.command(at, &Command::Alert(AlertCommand::Mute(Box::new(new)))).expect("a proper mute");
}

#[test]
fn a_suspicion_is_as_bad_as_it_is_measured() {
    let mut scenario = Scenario::new(vec![Rule { for_ms: 30_000, ..rule("load") }]);
    let mut check = |at, value, expected| {
        scenario.value(at, value);
        scenario.replay();
        assert_eq!(scenario.world.alerts.alerts.values().next().expect("a suspicion").severity, Some(expected), "{value} at {at}");
    };
    check(10, 86.0, Severity::Warning);
    check(20, 96.0, Severity::Critical);
    check(30, 86.0, Severity::Warning);
}

#[test]
fn one_that_began_quietly_and_nearly_recovered_is_told_of_when_it_is_back() {
    let mut scenario = Scenario::new(vec![Rule { keep_firing_for_ms: 30_000, ..rule("load") }]);
    mute(&mut scenario, 1, MuteKind::Maintenance, (2, 100));
    scenario.value(10, 96.0);
    scenario.value(90, 10.0);
    scenario.tick(100);
    scenario.value(105, 96.0);
    assert_eq!(
        scenario.story(),
        [
            "1 Maintenance set",
            "10 load: Inactive → Firing Critical",
            "10 Maintenance begins",
            "90 load: Firing → Recovering Critical",
            "100 Maintenance ends",
            "105 load: Recovering → Firing Critical",
            "105 INC1 opened P2: Load critical on web-1: 96",
        ]
    );
}

#[test]
fn an_incident_that_ended_by_itself_told_nothing_of_what_began_after_it() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.value(10, 96.0);
    mute(&mut scenario, 50, MuteKind::Maintenance, (50, 121));
    // They come late: it began again at 70, and by the server's clock the incident ended after that.
    let sets = vec![scenario.set(60, &[("", Some(10.0))]), scenario.set(70, &[("", Some(96.0))])];
    scenario.push(100, 1, sets, Vec::new());
    scenario.values(130, 1, &[("", None)]);
    scenario.tick(130);
    assert_eq!(scenario.state("load", 1), AlertState::Unknown);
    _ = scenario.story();
    scenario.value(135, 96.0);
    assert_eq!(scenario.story(), ["135 load: Unknown → Firing Critical", "135 INC2 opened P2: Load critical on web-1: 96"]);
}

#[test]
fn a_silence_that_follows_a_window_begins_once() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    mute(&mut scenario, 1, MuteKind::Maintenance, (2, 100));
    mute(&mut scenario, 1, MuteKind::Silence, (100, 200));
    scenario.value(10, 96.0);
    _ = scenario.story();
    scenario.tick(100);
    assert_eq!(scenario.story(), ["100 Silence begins", "100 Maintenance ends"]);
}

#[test]
fn of_two_silences_the_one_that_was_made_first_is_named() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    mute(&mut scenario, 1, MuteKind::Silence, (2, 100));
    mute(&mut scenario, 2, MuteKind::Silence, (2, 200));
    scenario.value(10, 96.0);
    _ = scenario.story();
    scenario.tick(11);
    assert_eq!(scenario.story(), [""; 0]);
}

#[test]
fn a_breach_that_a_wrong_clock_dated_need_not_wait_for_that_moment() {
    let mut scenario = Scenario::new(vec![Rule { for_ms: 60_000, ..rule("load") }]);
    scenario.values(100_000, 1, &[("/a", Some(96.0)), ("/b", Some(10.0))]);
    // What becomes of another alert of the host does not begin the wait anew.
    for (at, other) in [(500, 96.0), (530, 10.0), (559, 96.0), (560, 96.0)] {
        assert_eq!(scenario.state("load", 1), AlertState::Pending, "before {at}");
        scenario.values(at, 1, &[("/a", Some(96.0)), ("/b", Some(other))]);
    }
    assert_eq!(scenario.state("load", 1), AlertState::Firing);
    scenario.replay();
}

#[test]
fn a_recovery_that_a_wrong_clock_dated_need_not_wait_for_that_moment() {
    let mut scenario = Scenario::new(vec![Rule { keep_firing_for_ms: 60_000, ..rule("load") }]);
    scenario.value(99_000, 96.0);
    scenario.value(99_010, 10.0);
    scenario.value(500, 10.0);
    assert_eq!(scenario.state("load", 1), AlertState::Recovering);
    scenario.value(560, 10.0);
    assert_eq!(scenario.state("load", 1), AlertState::Resolved);
    scenario.replay();
}

#[test]
fn values_that_a_wrong_clock_dated_are_missed_all_the_same() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.value(100_000, 96.0);
    scenario.values(500, 1, &[("", None)]);
    scenario.values(550, 1, &[("", None)]);
    scenario.tick(550);
    assert_eq!(scenario.state("load", 1), AlertState::Unknown);
    scenario.replay();
}

#[test]
fn silence_is_noticed_though_the_clock_was_set_back() {
    let silent = Rule { condition: Condition::AgentSilent { after_ms: 180_000 }, ..rule("silent") };
    let mut scenario = Scenario::new(vec![silent]);
    scenario.world.telemetry.resume(seconds(90_000));
    scenario.value(100_000, 10.0);
    scenario.tick(500);
    scenario.tick(679);
    assert_eq!(scenario.state("silent", 1), AlertState::Inactive);
    scenario.tick(680);
    assert_eq!(scenario.state("silent", 1), AlertState::Firing);
    scenario.replay();
}
