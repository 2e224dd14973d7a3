use super::*;
use crate::alert::replay::Replay;
use crate::alert::scenario::{Scenario, rule as load};
use crate::rule::{Levels, Term};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn threshold(reduce: Reduce, window_ms: u64, side: Side) -> Condition {
    Condition::Threshold { metric: "m".into(), attributes: BTreeMap::new(), reduce, window_ms, side }
}

fn line(condition: Condition, raise: f64) -> Rule {
    let mut rule = Rule { condition, ..load("load") };
    let level = rule.levels.warning.clone().map(|level| crate::rule::Level { raise, clear: raise, ..level });
    rule.levels = Levels { warning: level, critical: None };
    rule
}

#[track_caller]
fn check(condition: Condition, raise: f64, extremes: &[(u64, f64, f64)], expected: Option<bool>) {
    let reach = Reach::of(&line(condition, raise));
    let extremes: Vec<_> = extremes.iter().map(|&(count, min, max)| Some(Extremes { count, min, max })).collect();
    assert_eq!(reach.map(|reach| reach.may_raise(&extremes)), expected);
}

#[test]
fn extremes_short_of_the_line_prove_that_nothing_is_raised() {
    use Reduce::{Avg, Increase, Last, Max, Min, Rate, Sum};
    for reduce in [Last, Min, Max, Avg] {
        check(threshold(reduce, 60_000, Side::Above), 5.0, &[(9, 1.0, 4.9)], Some(false));
        check(threshold(reduce, 60_000, Side::Above), 5.0, &[(9, 1.0, 5.1)], Some(true));
        check(threshold(reduce, 60_000, Side::Below), 1.0, &[(9, 1.1, 9.0)], Some(false));
        check(threshold(reduce, 60_000, Side::Below), 1.0, &[(9, 0.9, 9.0)], Some(true));
    }
    check(threshold(Avg, 60_000, Side::Above), 0.9, &[(9, 0.9, 0.9)], Some(true));
    check(threshold(Sum, 60_000, Side::Above), 5.0, &[(3, 0.0, 1.0)], Some(false));
    check(threshold(Sum, 60_000, Side::Above), 5.0, &[(6, 0.0, 1.0)], Some(true));
    check(threshold(Increase, 60_000, Side::Above), 5.0, &[(6, 10.0, 14.0)], Some(false));
    check(threshold(Increase, 60_000, Side::Above), 5.0, &[(6, 10.0, 16.0)], Some(true));
    check(threshold(Rate, 60_000, Side::Above), 5.0, &[(6, 0.0, 0.0)], None);
    check(Condition::Check { check: None }, 5.0, &[(6, 0.0, 0.0)], Some(false));
    check(Condition::Check { check: None }, 5.0, &[(6, 0.0, 3.0)], Some(true));
    let absent = Condition::Absent { metric: "m".into(), attributes: BTreeMap::new(), after_ms: 1 };
    check(absent, 5.0, &[], None);
}

#[test]
fn arithmetic_is_held_within_its_intervals_and_a_possible_division_by_nothing_proves_nothing() {
    let formula = |value: &str| Condition::Expression { value: value.into(), side: Side::Above };
    check(formula("last(a) + last(b)"), 5.0, &[(1, 0.0, 2.0), (1, 0.0, 2.9)], Some(false));
    check(formula("last(a) - last(b)"), 5.0, &[(1, 0.0, 6.0), (1, 0.0, 2.0)], Some(true));
    check(formula("last(a) * last(b)"), 5.0, &[(1, -3.0, 1.0), (1, -2.0, 1.0)], Some(true));
    check(formula("abs(-last(a))"), 5.0, &[(1, -4.0, 4.0)], Some(false));
    check(formula("last(a) / last(b)"), 5.0, &[(1, 0.0, 4.0), (1, 1.0, 2.0)], Some(false));
    check(formula("last(a) / last(b)"), 5.0, &[(1, 0.0, 0.0), (1, 0.0, 2.0)], Some(true));
    check(formula("ratio(last(a), last(b), 100)"), 0.05, &[(1, 0.0, 4.0), (1, 0.0, 900.0)], Some(false));
    check(formula("ratio(last(a), last(b), 100)"), 0.05, &[(1, 0.0, 40.0), (1, 0.0, 99.0)], Some(false));
    check(formula("ratio(last(a), last(b), 100)"), 0.05, &[(1, 0.0, 40.0), (1, 0.0, 900.0)], Some(true));
    let term = |metric: &str| Term { metric: metric.into(), attributes: BTreeMap::new(), reduce: Reduce::Avg, window_ms: 0 };
    let unbounded = Condition::Ratio { part: term("a"), whole: term("b"), floor: 0.0, side: Side::Above };
    check(unbounded, 0.5, &[(1, 0.0, 0.0), (1, 0.0, 5.0)], Some(true));
    let reach = Reach::of(&line(threshold(Reduce::Last, 0, Side::Above), 5.0)).unwrap();
    assert!(!reach.may_raise(&[None]), "without samples nothing is raised");
}

fn any_condition() -> impl Strategy<Value = Condition> {
    use Reduce::{Avg, Increase, Last, Max, Min, Sum};
    let reduce = prop::sample::select(vec![Last, Min, Max, Avg, Sum, Increase]);
    (reduce, prop_oneof![Just(0_u64), Just(30_000), Just(120_000), Just(600_000)], any::<bool>())
        .prop_map(|(reduce, window_ms, above)| threshold(reduce, window_ms, if above { Side::Above } else { Side::Below }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_proved_impossible_does_not_happen(
        condition in any_condition(), raise in -20_i32..120, values in prop::collection::vec((1_i64..200, -10_i32..100), 1..80),
    ) {
        let rule = line(condition, f64::from(raise) / 3.0);
        let extremes = values.iter().map(|(_, value)| f64::from(*value) / 3.0).map(|value| Extremes { count: 1, min: value, max: value });
        let extremes = extremes.reduce(Extremes::with);
        let mut scenario = Scenario::new(Vec::new());
        let mut replay = Replay::new(&rule, None);
        let mut at = 0;
        for (step, value) in &values {
            at += step;
            let set = scenario.set(at, &[("", Some(f64::from(*value) / 3.0))]);
            replay.take(&set, &scenario.tables);
        }
        let raised = replay.has_raised() || !replay.episodes().is_empty();
        prop_assert!(!raised || Reach::of(&rule).unwrap().may_raise(&[extremes]));
    }
}
