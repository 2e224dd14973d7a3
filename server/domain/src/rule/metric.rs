//! Which metrics rules read, and which of these nobody has heard of.
//!
//! A rule about a metric that never came is no error: it may be written before the first host sends it. It is worth a word, because most of
//! the time the name is misspelt, and such a rule says nothing for ever.

use super::{Condition, Rule, expression};
use crate::World;
use crate::query::field::distance;
use rollcall_shared::metric;
use std::collections::BTreeSet;

/// The metrics that a condition reads.
#[must_use]
pub fn of(condition: &Condition) -> BTreeSet<String> {
    match condition {
        Condition::Absent { metric, .. } => [metric.clone()].into(),
        _ => expression::of(condition).iter().flat_map(|read| read.reads()).map(|read| read.metric.clone()).collect(),
    }
}

/// What people should know about a rule that is right as far as it goes.
#[must_use]
pub fn warnings(world: &World, rule: &Rule) -> Vec<String> {
    let is_known = |name: &String| metric::find(name).is_some() || world.telemetry.foreign_metrics().contains_key(name.as_str());
    let unknown = of(&rule.condition).into_iter().filter(|name| !is_known(name));
    unknown.map(|name| format!("no host sends {name}, and agents do not know it{}", hint(world, &name))).collect()
}

fn hint(world: &World, name: &str) -> String {
    let known = metric::METRICS.iter().map(|metric| metric.name).chain(world.telemetry.foreign_metrics().keys().map(String::as_str));
    let near = known.map(|known| (distance(name, known), known)).min();
    match near {
        // A quarter of the letters may be wrong: names are long and differ in a word.
        Some((wrong, known)) if wrong <= name.len() / 4 => format!("; did you mean {known}?"),
        _ => "; GET /api/v1/metric_catalogue lists what there is".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::scenario::{self, Scenario};
    use crate::rule::stock;
    use rollcall_shared::message::Side;

    #[test]
    fn every_metric_of_a_stock_rule_is_in_the_catalogue() {
        for rule in stock::stock() {
            for name in of(&rule.condition) {
                assert!(metric::find(&name).is_some(), "{}: {name}", rule.id);
            }
        }
    }

    /// Warnings of a rule with this expression, in a fleet that sends `m` and `n`.
    #[track_caller]
    fn check(value: &str, expected: &[&str]) {
        let mut scenario = Scenario::new(vec![scenario::rule("load")]);
        scenario.pair(10, Some(1.0), Some(2.0));
        let condition = Condition::Expression { value: value.into(), side: Side::Above };
        let rule = Rule { condition, ..scenario::rule("load") };
        assert_eq!(warnings(&scenario.world, &rule), expected);
    }

    #[test]
    fn a_metric_that_nobody_knows_is_worth_a_word_and_one_that_came_is_not() {
        check("system.cpu.utilization + m / n", &[]);
        check(
            "system.cpu.utilisation",
            &["no host sends system.cpu.utilisation, and agents do not know it; did you mean system.cpu.utilization?"],
        );
        check(
            "m / queue.depth",
            &["no host sends queue.depth, and agents do not know it; GET /api/v1/metric_catalogue lists what there is"],
        );
    }
}
