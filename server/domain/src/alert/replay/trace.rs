//! The number that a condition makes of samples, moment by moment, as it was judged: for charts.

use super::Replay;
use crate::rule::{Condition, Flapping, Grade, Levels, NoData, Rule, Selector, Tier, plan};
use std::collections::BTreeMap;

impl Replay<'_> {
    /// The number that is made of the newest samples of the series that an alert with these attributes would be named after; `None` when they
    /// make none.
    #[must_use]
    pub fn number(&mut self, attributes: &BTreeMap<String, String>) -> Option<f64> {
        let named = attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        self.state.number(plan::tag(&self.rule.id, named))
    }
}

/// A rule that says nothing but a condition, for a replay that is but asked for its number; `None` when the condition is none of samples.
#[must_use]
pub fn bare(condition: &Condition) -> Option<Rule> {
    condition.is_of_samples().then_some(())?;
    Some(Rule {
        id: "chart".parse().ok()?,
        title: String::new(),
        description: String::new(),
        enabled: true,
        tier: Tier::RecordOnly,
        warning_tier: None,
        classes: Vec::new(),
        selector: Selector::default(),
        condition: condition.clone(),
        levels: Levels::default(),
        for_ms: 0,
        keep_firing_for_ms: 0,
        no_data: NoData::Keep,
        impact: Grade::Low,
        group: None,
        runbook: None,
        auto_resolve: false,
        threshold_source: None,
        means_down: false,
        flapping: Flapping::default(),
        overrides: Vec::new(),
        tests: Vec::new(),
        stock: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::scenario::Scenario;
    use crate::rule::{Reduce, Term};
    use rollcall_shared::Timestamp;
    use rollcall_shared::message::Side;
    use rollcall_shared::sample::{SampleSet, Series};

    /// The number of a condition after each pair of values of `m` and `n`, one every minute.
    #[track_caller]
    fn check(condition: &Condition, values: &[(Option<f64>, Option<f64>)], expected: &[Option<f64>]) {
        let mut scenario = Scenario::new(Vec::new());
        let series = |metric: &str| Series { metric: metric.into(), attributes: Vec::new() };
        let table = scenario.table(vec![series("m"), series("n")]);
        let mut replay = Replay::new(&bare(condition).expect("a condition of samples"), None);
        let sets = (0..).zip(values).map(|(minute, (m, n))| SampleSet { table, at: Timestamp(minute * 60_000), values: vec![*m, *n] });
        let found: Vec<Option<f64>> = sets
            .map(|set| {
                replay.remember(&set, &scenario.tables);
                replay.number(&BTreeMap::new())
            })
            .collect();
        assert_eq!(found, expected);
    }

    fn term(metric: &str, reduce: Reduce, window_ms: u64) -> Term {
        Term { metric: metric.into(), attributes: BTreeMap::new(), reduce, window_ms }
    }

    #[test]
    fn a_condition_makes_the_number_of_each_moment_that_it_judges_and_gaps_stay_gaps() {
        let values = [(Some(1.0), Some(2.0)), (Some(3.0), Some(2.0)), (None, Some(2.0)), (Some(5.0), Some(2.0))];
        let ratio =
            Condition::Ratio { part: term("m", Reduce::Avg, 600_000), whole: term("n", Reduce::Last, 0), floor: 0.0, side: Side::Above };
        check(&ratio, &values, &[Some(0.5), Some(1.0), None, Some(1.5)]);
        let sum = Condition::Expression { value: "m + n".into(), side: Side::Above };
        check(&sum, &values, &[Some(3.0), Some(5.0), None, Some(7.0)]);
        let absent = Condition::Absent { metric: "m".into(), attributes: BTreeMap::new(), after_ms: 60_000 };
        check(&absent, &[(Some(1.0), Some(2.0)), (None, Some(2.0)), (None, Some(2.0))], &[Some(0.0), Some(60.0), Some(120.0)]);
        let forecast =
            Condition::Forecast { metric: "n".into(), attributes: BTreeMap::new(), window_ms: 720_000, target: 10.0, side: Side::Above };
        check(&forecast, &[(None, Some(0.0)), (None, Some(1.0))], &[Some(crate::rule::window::FOREVER_S), Some(540.0)]);
    }

    #[test]
    fn what_is_none_of_samples_has_no_number() {
        assert_eq!(bare(&Condition::HostSilent { after_ms: 60_000 }), None);
    }
}
