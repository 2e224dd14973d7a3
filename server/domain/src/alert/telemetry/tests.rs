use crate::alert::scenario::{Scenario, agent, rule, seconds};
use crate::journal::{JournalEntry, Sign};
use crate::rule::{Condition, Reduce};
use crate::{Record, World};
use rollcall_shared::Timestamp;
use rollcall_shared::message::Side;
use std::collections::BTreeMap;

fn windowed() -> crate::rule::Rule {
    let condition = Condition::Threshold {
        metric: "m".into(),
        attributes: BTreeMap::new(),
        reduce: Reduce::Avg,
        window_ms: 600_000,
        side: Side::Above,
    };
    crate::rule::Rule { condition, ..rule("average") }
}

#[test]
fn progress_freshness_and_values_are_those_of_the_last_entry() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    assert_eq!(scenario.world.telemetry.progress(agent(1)), None);
    scenario.values(10, 1, &[("/", Some(3.0)), ("/var", None)]);
    let telemetry = &scenario.world.telemetry;
    assert_eq!(telemetry.progress(agent(1)), Some((1, 1)));
    assert_eq!(telemetry.last_seen(agent(1)), Some(seconds(10)));
    assert_eq!(telemetry.skew_ms(agent(1)), Some(0));
    let latest: Vec<_> = telemetry.latest(agent(1)).into_iter().map(|(series, value, at)| (series.attributes, value, at)).collect();
    let mount = |path: &str| vec![("mountpoint".to_owned(), path.to_owned())];
    assert_eq!(latest, [(mount("/"), Some(3.0), seconds(10)), (mount("/var"), None, seconds(10))]);
    assert!(!telemetry.is_silent(agent(1)));
}

#[test]
fn a_newer_epoch_counts_anew_and_an_older_sequence_does_not_go_back() {
    let mut world = World::default();
    let mut hear = |epoch, through| {
        let entry =
            JournalEntry { agent: agent(1), epoch, through, received_at: seconds(1), skew_ms: 0, sets: Vec::new(), signs: Vec::new() };
        world.recall(&entry, &crate::context::NoContent);
        world.telemetry.progress(agent(1))
    };
    assert_eq!(hear(1, 5), Some((1, 5)));
    assert_eq!(hear(1, 3), Some((1, 5)));
    assert_eq!(hear(2, 1), Some((2, 1)));
    assert_eq!(hear(1, 9), Some((2, 1)));
}

/// The journal of a script, replayed over its log, must lead to the same telemetry as living through it.
#[track_caller]
fn check(script: impl Fn(&mut Scenario) -> Vec<JournalEntry>) {
    let mut scenario = Scenario::new(vec![rule("load"), windowed()]);
    let fresh = scenario.world.clone();
    let journal = script(&mut scenario);
    let mut again = fresh;
    for record in &scenario.log {
        let record: Record = record.clone();
        again.apply(&record, &scenario.tables);
    }
    for entry in &journal {
        again.recall(entry, &scenario.tables);
    }
    assert_eq!(again.telemetry, scenario.world.telemetry);
    assert_eq!(again.alerts, scenario.world.alerts);
}

#[test]
fn a_recalled_journal_leads_to_the_same_telemetry() {
    check(|scenario| {
        (1..60)
            .map(|step| {
                let set = scenario.set(step * 10, &[("", Some(if step > 40 { 99.0 } else { 2.0 }))]);
                let signs = if step == 59 { vec![Sign::Goodbye("upgrade".into())] } else { Vec::new() };
                scenario.push(step * 10, 1, vec![set], signs)
            })
            .collect()
    });
}

#[test]
fn a_snapshot_keeps_windows_and_values() {
    let mut scenario = Scenario::new(vec![windowed()]);
    (1..=40).for_each(|step| scenario.value(step * 10, 99.0));
    let bytes = serde_json::to_vec(&scenario.world).unwrap();
    let mut again: World = serde_json::from_slice(&bytes).unwrap();
    again.rebuild_projections(&scenario.tables);
    assert_eq!(again, scenario.world);
    assert_eq!(again.telemetry.latest(agent(1)), scenario.world.telemetry.latest(agent(1)));
    assert_eq!(again.telemetry.latest(agent(1)).len(), 1);
}

#[test]
fn sets_that_come_twice_too_early_or_from_the_future_do_no_harm() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    let (late, early) = (scenario.set(20, &[("", Some(10.0))]), scenario.set(10, &[("", Some(99.0))]));
    let mut future = scenario.set(30, &[("", Some(10.0))]);
    future.at = Timestamp(i64::MAX);
    scenario.push(20, 1, vec![late.clone(), late, early], Vec::new());
    scenario.push(30, 1, vec![future], Vec::new());
    assert_eq!(scenario.story(), [""; 0]);
    scenario.value(40, 99.0);
    assert_eq!(scenario.story().len(), 2);
}

#[test]
fn a_server_clock_that_was_set_back_does_not_shut_samples_out() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    scenario.value(1_000_000, 10.0);
    scenario.value(100, 99.0);
    assert_eq!(scenario.story().len(), 2);
}

#[test]
fn values_that_are_no_numbers_are_no_values() {
    let mut scenario = Scenario::new(vec![rule("load"), windowed()]);
    for (step, value) in (1..).zip([f64::NAN, f64::INFINITY, f64::NEG_INFINITY]) {
        scenario.value(step * 10, value);
    }
    assert_eq!(scenario.story(), [""; 0]);
    assert_eq!(scenario.world.telemetry.latest(agent(1))[0].1, None);
}
