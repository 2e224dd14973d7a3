use super::*;
use crate::rule::Severity::{Critical, Warning};

const TIMING: Timing = Timing { for_ms: Some(30_000), critical_for_ms: 30_000, keep_firing_for_ms: 20_000 };
const AT_ONCE: Timing = Timing { for_ms: Some(0), critical_for_ms: 0, keep_firing_for_ms: 0 };

/// A script of `seconds word` steps, where the word is the measurement, and the states after each.
#[track_caller]
fn check(timing: Timing, script: &str, expected: &str) {
    let mut position = Position::INACTIVE;
    let mut states = Vec::new();
    for step in script.split(", ") {
        let (at, word) = step.split_once(' ').expect("a time and a word");
        let at = Timestamp(at.parse::<i64>().expect("seconds") * 1_000);
        position = match word {
            "gone" => lose(position, at),
            "dropped" => drop_it(position, at),
            word => step_of(position, word, at, timing),
        };
        states.push(format!("{:?}{}", position.state, position.severity.map(|severity| format!(" {severity:?}")).unwrap_or_default()));
    }
    assert_eq!(states.join(", "), expected);
}

fn step_of(position: Position, word: &str, at: Timestamp, timing: Timing) -> Position {
    let level = |raised, held| Judged::Level { raised, held };
    let judged = match word {
        "critical" => level(Some(Critical), Some(Critical)),
        "warning" => level(Some(Warning), Some(Warning)),
        // Between the clear line and the raise line.
        "between" => level(None, position.severity),
        "clear" => level(None, None),
        _ => Judged::Nothing,
    };
    step(position, judged, at, timing)
}

#[test]
fn a_breach_must_last_and_a_recovery_too() {
    check(
        TIMING,
        "0 critical, 20 critical, 30 critical, 40 clear, 50 clear, 60 clear",
        "Pending Critical, Pending Critical, Firing Critical, Recovering Critical, Recovering Critical, Resolved",
    );
}

#[test]
fn a_breach_that_does_not_last_comes_to_nothing() {
    check(TIMING, "0 critical, 20 clear, 30 critical, 50 between", "Pending Critical, Inactive, Pending Critical, Inactive");
}

#[test]
fn a_recovery_that_is_not_clear_throughout_fires_again() {
    check(
        TIMING,
        "0 warning, 30 warning, 40 clear, 50 between, 60 clear, 79 clear, 80 clear",
        "Pending Warning, Firing Warning, Recovering Warning, Firing Warning, Recovering Warning, Recovering Warning, Resolved",
    );
}

#[test]
fn without_waiting_times_it_fires_and_resolves_at_once_and_severity_follows() {
    check(
        AT_ONCE,
        "0 warning, 1 critical, 2 between, 3 warning, 4 clear",
        "Firing Warning, Firing Critical, Firing Critical, Firing Warning, Resolved",
    );
}

#[test]
fn each_level_waits_for_its_own_time() {
    let timing = Timing { for_ms: Some(0), critical_for_ms: 30_000, keep_firing_for_ms: 20_000 };
    check(
        timing,
        "0 critical, 29 critical, 30 critical, 40 warning, 50 critical, 79 critical, 80 critical",
        "Firing Warning, Firing Warning, Firing Critical, Firing Warning, Firing Warning, Firing Warning, Firing Critical",
    );
    check(
        timing,
        "0 warning, 10 critical, 20 warning, 30 critical, 59 critical, 60 critical",
        "Firing Warning, Firing Warning, Firing Warning, Firing Warning, Firing Warning, Firing Critical",
    );
    // What was critical and recovers is critical again at once.
    check(
        timing,
        "0 critical, 30 critical, 40 clear, 50 critical, 60 between, 70 clear, 90 clear",
        "Firing Warning, Firing Critical, Recovering Critical, Firing Critical, Firing Critical, Recovering Critical, Resolved",
    );
    let patient_warning = Timing { for_ms: Some(60_000), critical_for_ms: 10_000, ..timing };
    check(
        patient_warning,
        "0 warning, 10 critical, 19 critical, 20 critical",
        "Pending Warning, Pending Critical, Pending Critical, Firing Critical",
    );
    check(
        patient_warning,
        "0 warning, 55 critical, 60 critical, 65 critical",
        "Pending Warning, Pending Critical, Firing Warning, Firing Critical",
    );
    let critical_alone = Timing { for_ms: None, ..timing };
    check(critical_alone, "0 critical, 29 critical, 30 critical", "Pending Critical, Pending Critical, Firing Critical");
}

#[test]
fn missing_data_is_unknown_and_never_resolves() {
    check(
        AT_ONCE,
        "0 critical, 1 nothing, 2 gone, 900 nothing, 901 gone",
        "Firing Critical, Firing Critical, Unknown Critical, Unknown Critical, Unknown Critical",
    );
}

#[test]
fn what_comes_after_unknown_is_judged_by_what_was_before_it() {
    check(TIMING, "0 critical, 30 critical, 40 gone, 50 between", "Pending Critical, Firing Critical, Unknown Critical, Firing Critical");
    check(TIMING, "0 critical, 30 critical, 40 gone, 50 clear", "Pending Critical, Firing Critical, Unknown Critical, Recovering Critical");
    check(
        TIMING,
        "0 critical, 40 gone, 50 critical, 60 critical",
        "Pending Critical, Unknown Critical, Pending Critical, Pending Critical",
    );
    check(TIMING, "0 critical, 40 gone, 50 clear", "Pending Critical, Unknown Critical, Inactive");
    check(AT_ONCE, "0 critical, 1 gone, 2 clear", "Firing Critical, Unknown Critical, Resolved");
}

#[test]
fn what_is_nothing_cannot_be_lost_and_what_people_drop_is_over() {
    check(TIMING, "0 gone, 1 dropped, 2 critical, 3 dropped", "Inactive, Inactive, Pending Critical, Inactive");
    check(AT_ONCE, "0 critical, 1 gone, 2 dropped, 3 dropped", "Firing Critical, Unknown Critical, Resolved, Resolved");
}

#[test]
fn a_clock_that_goes_back_shortens_no_wait() {
    check(
        TIMING,
        "100 critical, 50 critical, 129 critical, 130 critical",
        "Pending Critical, Pending Critical, Pending Critical, Firing Critical",
    );
}
