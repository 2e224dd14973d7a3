//! Samples as broken agents and clocks send them: nothing is opened twice, and nothing resolves by accident.

use super::scenario::{Scenario, rule as load, seconds};
use crate::rule::Rule;
use rollcall_shared::sample::SampleSet;

/// One push: when it arrives, and its sets by when they were measured.
type Push<'a> = (i64, &'a [(i64, f64)]);

fn set(scenario: &mut Scenario, (at, value): (i64, f64)) -> SampleSet {
    scenario.set(at, &[("", Some(value))])
}

/// What a rule without waiting times says to pushes as they come.
#[track_caller]
fn check(pushes: &[Push<'_>], expected: &[&str]) {
    check_rule(load("load"), pushes, expected);
}

#[track_caller]
fn check_rule(rule: Rule, pushes: &[Push<'_>], expected: &[&str]) {
    let mut scenario = Scenario::new(vec![rule]);
    for (at, sets) in pushes {
        let sets = sets.iter().map(|&one| set(&mut scenario, one)).collect();
        scenario.push(*at, 1, sets, Vec::new());
        scenario.tick(*at);
    }
    assert_eq!(scenario.story(), expected, "{pushes:?}");
    assert!(scenario.world.incidents.live.len() <= 1);
}

const FIRES: &str = "10 load: Inactive → Firing Critical";
const OPENS: &str = "10 INC1 opened P2: Load critical on web-1: 96";

#[test]
fn what_is_no_number_moves_nothing() {
    for nonsense in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        check(&[(10, &[(10, nonsense)])], &[]);
        check(&[(10, &[(10, 96.0)]), (20, &[(20, nonsense)]), (30, &[(30, nonsense)])], &[FIRES, OPENS]);
        // It neither breaks a wait nor fulfils it.
        let patient = Rule { for_ms: 20_000, ..load("load") };
        check_rule(
            patient,
            &[(10, &[(10, 96.0)]), (20, &[(20, nonsense)]), (30, &[(30, 96.0)])],
            &[
                "10 load: Inactive → Pending Critical",
                "30 load: Pending → Firing Critical",
                "30 INC1 opened P2: Load critical on web-1: 96",
            ],
        );
    }
}

#[test]
fn the_largest_numbers_are_numbers() {
    check(
        &[(10, &[(10, f64::MAX)]), (20, &[(20, f64::MIN)])],
        &[
            FIRES,
            &format!("10 INC1 opened P2: Load critical on web-1: {}", crate::alert::wording::value("m", f64::MAX)),
            "20 load: Firing → Resolved",
            "20 INC1 new → resolved",
        ],
    );
    check(&[(10, &[(10, -0.0)]), (20, &[(20, f64::MIN_POSITIVE)])], &[]);
}

#[test]
fn a_set_that_comes_again_or_late_changes_nothing() {
    check(&[(10, &[(10, 96.0)]), (20, &[(10, 96.0)]), (30, &[(10, 96.0), (10, 10.0)])], &[FIRES, OPENS]);
    // A good value from before does not resolve, a bad one from before does not raise.
    check(&[(10, &[(10, 96.0)]), (20, &[(5, 10.0)]), (30, &[(9, 10.0)])], &[FIRES, OPENS]);
    check(&[(10, &[(10, 10.0)]), (20, &[(5, 96.0)])], &[]);
    // Out of order in one push: what is older than the newest is passed over.
    check(&[(10, &[(10, 96.0), (8, 10.0), (9, 10.0)])], &[FIRES, OPENS]);
}

#[test]
fn a_set_from_the_future_counts_as_of_now_and_shuts_nothing_out() {
    check(&[(10, &[(90_000, 96.0)]), (20, &[(20, 10.0)])], &[FIRES, OPENS, "20 load: Firing → Resolved", "20 INC1 new → resolved"]);
    // Two of them in one push are one moment: the first counts.
    check(&[(10, &[(80_000, 96.0), (90_000, 10.0)])], &[FIRES, OPENS]);
}

#[test]
fn a_server_clock_that_jumps_opens_nothing_twice_and_resolves_nothing() {
    // Forward by a year, and back again.
    let year = 366 * 86_400;
    check(&[(10, &[(10, 96.0)]), (year, &[(year, 96.0)]), (20, &[(20, 96.0)]), (30, &[(30, 97.0)])], &[FIRES, OPENS]);
    // The wait of a breach is not cut short by a jump back.
    let patient = Rule { for_ms: 60_000, ..load("load") };
    check_rule(
        patient,
        &[(1_000, &[(1_000, 96.0)]), (500, &[(500, 96.0)]), (540, &[(540, 96.0)])],
        &["1000 load: Inactive → Pending Critical"],
    );
}

#[test]
fn a_value_that_trembles_on_the_line_opens_one_incident() {
    let pushes: Vec<(i64, [(i64, f64); 1])> = (1..40).map(|n| (n * 10, [(n * 10, if n % 2 == 0 { 94.9 } else { 95.1 })])).collect();
    let pushes: Vec<Push<'_>> = pushes.iter().map(|(at, sets)| (*at, sets.as_slice())).collect();
    check(&pushes, &[FIRES, "10 INC1 opened P2: Load critical on web-1: 95.1"]);
}

#[test]
fn a_host_whose_clock_is_before_the_epoch_is_judged_all_the_same() {
    let mut scenario = Scenario::new(vec![load("load")]);
    let one = set(&mut scenario, (-5, 96.0));
    scenario.push(10, 1, vec![one], Vec::new());
    let two = SampleSet { at: rollcall_shared::Timestamp(i64::MIN), ..set(&mut scenario, (0, 10.0)) };
    scenario.push(20, 1, vec![two], Vec::new());
    let three = SampleSet { at: rollcall_shared::Timestamp(i64::MAX), ..set(&mut scenario, (0, 96.0)) };
    scenario.push(30, 1, vec![three], Vec::new());
    scenario.tick(31);
    assert_eq!(scenario.world.incidents.live.len(), 1);
    assert!(scenario.world.alerts.alerts.values().all(|alert| alert.since <= seconds(31)));
    scenario.replay();
}
