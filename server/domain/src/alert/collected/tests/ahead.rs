//! Values that are dated later than they come, and several of one moment.

use super::*;

/// A rule on the sum of a metric's values over ten minutes.
fn sum_of(metric: &str) -> Rule {
    let side = rule("x").condition.side();
    let condition =
        Condition::Threshold { metric: metric.into(), attributes: BTreeMap::new(), reduce: Reduce::Sum, window_ms: 600_000, side };
    Rule { condition, ..rule("load") }
}

/// Values with their moments in seconds.
type Dated = Vec<(f64, i64)>;

/// Values of metric `m` of one voice as they are known now: the newest one, and all that are stored.
fn told(collected: &Collected, voice: AgentId) -> (Dated, Dated) {
    let newest = collected.scenario.world.telemetry.newest(voice).expect("values");
    let newest = newest.values().map(|(_, value, at)| (value, at.0 / 1_000)).collect();
    let mut sets: Vec<SampleSet> = collected.journal.iter().flat_map(|entry| &entry.sets).cloned().collect();
    sets.sort_by_key(|set| set.at);
    let points = crate::sample::points(&sets, &|_| true, &collected.scenario.tables);
    (newest, points["m"].values().flatten().map(|row| (row.last, row.at.0 / 1_000)).collect())
}

#[test]
fn what_is_dated_a_little_ahead_and_sent_again_counts_once() {
    let mut collected = Collected::new(vec![sum_of("m")]);
    let line = 30.0;
    let voice = (0..4).map(|retry| collected.deliver(10 + retry * 7, 110, 1, &[("m", &[], Some(line))])).last().expect("one");
    assert_eq!(collected.scenario.state("load", 1), AlertState::Inactive, "one value of {line} is no {}", 4.0 * line);
    assert_eq!(told(&collected, voice), (vec![(line, 110)], vec![(line, 110)]));
    collected.deliver(40, 120, 1, &[("m", &[], Some(99.0))]);
    assert_eq!(collected.scenario.state("load", 1), AlertState::Firing);
    assert_eq!(collected.scenario.world.alerts.alerts.values().next().expect("one").since, seconds(40), "not before its time");
    collected.scenario.replay();
}

#[test]
fn values_of_one_request_that_are_dated_ahead_stay_apart_and_the_last_is_the_newest() {
    let mut collected = Collected::new(vec![on("m", &[])]);
    let points: [(i64, f64); 4] = [(70, 1.0), (100, 2.0), (130, 3.0), (160, 99.0)];
    for received in [10, 17] {
        let voice = collected.send("node", received, 1, &points.map(|(at, value)| (at, "m", &[][..], Some(value))));
        let (newest, stored) = told(&collected, voice);
        assert_eq!((newest, stored), (vec![(99.0, 160)], points.map(|(at, value)| (value, at)).to_vec()));
    }
    assert_eq!(collected.scenario.story().iter().filter(|line| line.contains("Firing")).count(), 1);
}

#[test]
fn of_two_values_of_one_moment_the_last_told_is_newest_and_judged_where_it_is_stored() {
    let mut collected = Collected::new(vec![on("m", &[])]);
    let voice = collected.send("node", 10, 1, &[(9, "m", &[], Some(3.0)), (9, "m", &[], Some(99.0))]);
    assert_eq!(told(&collected, voice), (vec![(99.0, 9)], vec![(99.0, 9)]));
    assert_eq!(collected.scenario.state("load", 1), AlertState::Firing);
    collected.deliver(11, 9, 1, &[("m", &[], Some(4.0))]);
    assert_eq!(told(&collected, voice), (vec![(4.0, 9)], vec![(4.0, 9)]));
    assert_eq!(collected.scenario.state("load", 1), AlertState::Firing, "a moment is judged once");
    collected.deliver(12, 9, 1, &[("m", &[], None)]);
    collected.deliver(13, 9, 1, &[("m", &[], Some(5.0))]);
    assert_eq!(told(&collected, voice).0, [], "what has ended at a moment stays so");
}

#[test]
fn series_of_a_clock_that_is_ahead_are_judged_beside_others_by_the_servers() {
    let sum = Condition::Expression { value: "r.a + r.b".into(), side: rule("x").condition.side() };
    let absent = Condition::Absent { metric: "r.b".into(), attributes: BTreeMap::new(), after_ms: 60_000 };
    let pending = Rule { id: "late".parse().expect("an id"), for_ms: 60_000, ..on("r.a", &[]) };
    let absent = Rule { id: "absent".parse().expect("an id"), condition: absent, ..rule("x") };
    let mut collected = Collected::new(vec![Rule { condition: sum, ..rule("load") }, pending, absent]);
    for at in (10..60).step_by(10) {
        collected.deliver(at, at, 1, &[("r.b", &[], Some(1.0))]);
        collected.deliver(at, at + 299, 1, &[("r.a", &[], Some(99.0))]);
    }
    let states = |collected: &Collected| ["load", "late", "absent"].map(|id| collected.scenario.state(id, 1));
    assert_eq!(states(&collected), [AlertState::Firing, AlertState::Pending, AlertState::Inactive]);
    collected.deliver(70, 369, 1, &[("r.a", &[], Some(99.0))]);
    assert_eq!(states(&collected), [AlertState::Firing, AlertState::Firing, AlertState::Inactive]);
    collected.deliver(111, 410, 1, &[("r.a", &[], Some(99.0))]);
    assert_eq!(states(&collected)[2], AlertState::Firing, "a minute after the last of the other");
    collected.scenario.replay();
}
