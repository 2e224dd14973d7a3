//! Tests that a rule carries: given these samples, then these states at these times.
//!
//! They are run by the code that judges live whenever the rule is written. A rule whose tests fail is not taken: commands carry rules that
//! are [`Tested`], so that running them, which may take a second, holds up no decision.

use super::{Override, Rule, Severity, validate};
use crate::alert::AlertState;
use crate::alert::replay::Replay;
use crate::{Content, Rejection};
use rollcall_shared::sample::{SampleSet, Series};
use rollcall_shared::{ContentHash, Section, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

/// Tests of one rule.
const CASES: usize = 20;

/// Series of one test.
const SERIES: usize = 10;

/// Moments of one test: a week of minutes.
const MOMENTS: usize = 10_080;

const EXPECTATIONS: usize = 100;

/// Values of the tests of all rules of one file: as many as a single rule can carry, about a second of one core.
pub const VALUES: usize = CASES * SERIES * MOMENTS;

/// A test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows, as a sentence.
    pub name: String,
    /// Time from one sample to the next, ms.
    pub interval_ms: u64,
    /// What is measured.
    pub series: Vec<Track>,
    /// What follows.
    pub expect: Vec<Expectation>,
}

/// The values of one series, one a sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Track {
    /// Metric name.
    pub metric: String,
    /// Attributes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Values with blanks between: `0.9`, `0.9x30` (thirty times), `0.5+0.01x30` (thirty steps up), `_` (missing).
    pub values: String,
}

/// Where an alert is to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// After the last sample up to this moment, ms from the first sample.
    pub at_ms: u64,
    /// Of which series; the one without attributes unless given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Where.
    pub state: AlertState,
    /// How bad; not looked at unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
}

/// A rule that holds what its tests ask of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tested(Box<Rule>);

impl Tested {
    /// Runs the tests of a rule, if it carries any and makes sense.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] with the path of the first field that is wrong or test that fails.
    pub fn of(rule: Rule) -> Result<Self, Rejection> {
        if !rule.tests.is_empty() {
            validate::rule(&rule)?;
            run_all(&rule)?;
        }
        Ok(Self(Box::new(rule)))
    }

    /// The rule with other origins of its overrides, which no test sees.
    pub(super) fn written(&self, overrides: Vec<Override>, stock: bool) -> Rule {
        Rule { stock, overrides, ..(*self.0).clone() }
    }
}

impl Deref for Tested {
    type Target = Rule;

    fn deref(&self) -> &Rule {
        &self.0
    }
}

struct Table(ContentHash, Arc<Section>);

/// A series and its values, one a moment.
type Column = (Series, Vec<Option<f64>>);

impl Content for Table {
    fn section(&self, hash: &ContentHash) -> Option<Arc<Section>> {
        (*hash == self.0).then(|| Arc::clone(&self.1))
    }
}

/// Runs the tests of a rule. The first that is wrong or fails is refused with its path, and what was expected and found at which time.
fn run_all(rule: &Rule) -> Result<(), Rejection> {
    if rule.tests.len() > CASES {
        return Err(Rejection::invalid("tests", format!("must be at most {CASES}")));
    }
    if !rule.tests.is_empty() && !rule.condition.is_of_samples() {
        return Err(Rejection::invalid("tests", "are for conditions on samples"));
    }
    rule.tests.iter().enumerate().try_for_each(|(position, case)| run(rule, case, &format!("tests[{position}]")))
}

/// How many values the tests of a rule have, as far as they can be read.
#[must_use]
pub fn values_of(rule: &Rule) -> usize {
    let tracks = rule.tests.iter().flat_map(|case| &case.series);
    tracks.map(|track| values(&track.values).map_or(0, |values| values.len())).sum()
}

fn run(rule: &Rule, case: &Case, path: &str) -> Result<(), Rejection> {
    let (table, columns) = tracks(case, path)?;
    let moments = columns.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
    if case.expect.is_empty() || case.expect.len() > EXPECTATIONS {
        return Err(Rejection::invalid(format!("{path}.expect"), format!("must be 1 to {EXPECTATIONS}")));
    }
    if !(1_000..=86_400_000).contains(&case.interval_ms) {
        return Err(Rejection::invalid(format!("{path}.interval_ms"), "must be a second to a day, in milliseconds"));
    }
    // Overrides are for hosts, and a test has none.
    let plain = Rule { classes: Vec::new(), selector: super::Selector::default(), overrides: Vec::new(), ..rule.clone() };
    let mut replay = Replay::new(&plain, None).sampled(case.interval_ms);
    let mut expected: Vec<(usize, &Expectation)> = case.expect.iter().enumerate().collect();
    expected.sort_by_key(|(_, expectation)| expectation.at_ms);
    let mut waiting = expected.into_iter().peekable();
    for moment in 0..moments {
        let at_ms = case.interval_ms.saturating_mul(moment as u64);
        while let Some((position, due)) = waiting.next_if(|(_, one)| one.at_ms < at_ms) {
            held(&replay, due, &format!("{path}.expect[{position}]"), &case.name)?;
        }
        let values = columns.iter().map(|(_, values)| values.get(moment).copied().flatten()).collect();
        // The first moment is a Monday at midnight.
        let at = Timestamp(4 * 86_400_000 + i64::try_from(at_ms).unwrap_or(i64::MAX / 2));
        replay.take(&SampleSet { table: table.0, at, values }, &table);
    }
    waiting.try_for_each(|(position, due)| held(&replay, due, &format!("{path}.expect[{position}]"), &case.name))
}

fn held(replay: &Replay<'_>, due: &Expectation, path: &str, name: &str) -> Result<(), Rejection> {
    let found = replay.position(&due.attributes);
    let state = found.map_or(AlertState::Inactive, |position| position.state);
    // An alert that never fired and one that no longer does are both clear.
    let clear = |state| if state == AlertState::Resolved { AlertState::Inactive } else { state };
    let severity = found.and_then(|position| position.severity);
    if clear(state) == clear(due.state) && due.severity.is_none_or(|wanted| severity == Some(wanted)) {
        return Ok(());
    }
    let shown = |state: AlertState, severity: Option<Severity>| {
        let severity = severity.map(|severity| format!(" ({severity:?})")).unwrap_or_default();
        format!("{state:?}{severity}").to_lowercase()
    };
    let missing = if found.is_none() { ": no series with these attributes is judged" } else { "" };
    let (wanted, found) = (shown(due.state, due.severity), shown(state, severity));
    Err(Rejection::invalid(path, format!("test \"{name}\" failed at {} ms: expected {wanted}, found {found}{missing}", due.at_ms)))
}

/// The table, and the values of each of its series in its order.
fn tracks(case: &Case, path: &str) -> Result<(Table, Vec<Column>), Rejection> {
    if !(1..=SERIES).contains(&case.series.len()) {
        return Err(Rejection::invalid(format!("{path}.series"), format!("must be 1 to {SERIES}")));
    }
    let mut columns = Vec::with_capacity(case.series.len());
    for (position, track) in case.series.iter().enumerate() {
        let values = values(&track.values).map_err(|reason| Rejection::invalid(format!("{path}.series[{position}].values"), reason))?;
        let attributes = track.attributes.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        columns.push((Series { metric: track.metric.clone(), attributes }, values));
    }
    columns.sort_by(|a, b| a.0.cmp(&b.0));
    let section = Section::Series(columns.iter().map(|(series, _)| series.clone()).collect());
    let wrong = |_| Rejection::invalid(format!("{path}.series"), "must be series that differ, with names and values of a sensible length");
    let (hash, _) = section.clone().canonical().map_err(wrong)?;
    Ok((Table(hash, Arc::new(section)), columns))
}

fn values(text: &str) -> Result<Vec<Option<f64>>, String> {
    let mut values = Vec::new();
    for (position, word) in text.split_whitespace().enumerate() {
        let wrong = || format!("word {}: must be a number, _, or either with a count such as 0.9x30 or 0.5+0.01x30", position + 1);
        let (what, count) = match word.rsplit_once('x') {
            Some((what, count)) => (what, count.parse::<usize>().map_err(|_| wrong())?),
            None => (word, 1),
        };
        if values.len().saturating_add(count) > MOMENTS {
            return Err(format!("word {}: there are more than {MOMENTS} values", position + 1));
        }
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(wrong);
        if what == "_" {
            values.extend(std::iter::repeat_n(None, count));
            continue;
        }
        let (begin, step) = match what.split_once('+') {
            Some((begin, step)) => (number(begin)?, number(step)?),
            None => (number(what)?, 0.0),
        };
        #[expect(clippy::cast_precision_loss, reason = "at most ten thousand steps")]
        values.extend((0..count).map(|n| Some(begin + step * n as f64)));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::scenario::rule as load;
    use crate::rule::NoData;

    fn case(values: &str, expect: &[(u64, AlertState)]) -> Case {
        let track = Track { metric: "m".into(), attributes: BTreeMap::new(), values: values.into() };
        let expect = expect.iter().map(|&(at_ms, state)| Expectation { at_ms, attributes: BTreeMap::new(), state, severity: None });
        Case { name: "it is as it should be".into(), interval_ms: 10_000, series: vec![track], expect: expect.collect() }
    }

    #[track_caller]
    fn check(values: &str, expect: &[(u64, AlertState)], expected: Option<&str>) {
        let rule = Rule { for_ms: 60_000, tests: vec![case(values, expect)], ..load("load") };
        assert_eq!(run_all(&rule).err().map(|error| error.to_string()).as_deref(), expected);
    }

    #[test]
    fn states_are_held_against_what_is_expected_at_a_time() {
        use AlertState::{Firing, Inactive, Pending, Resolved};
        check("10x6 96x7 10", &[(0, Inactive), (60_000, Pending), (119_999, Pending), (120_000, Firing), (130_000, Resolved)], None);
        check(
            "96x7",
            &[(50_000, Firing)],
            Some("tests[0].expect[0]: test \"it is as it should be\" failed at 50000 ms: expected firing, found pending (critical)"),
        );
        check("80+1x20 _x4", &[(1_000_000, Firing)], None);
    }

    #[test]
    fn a_series_that_stops_beside_one_that_goes_on_makes_its_alert_unknown_as_live() {
        use AlertState::{Firing, Unknown};
        let track = |metric: &str, values: &str| Track { metric: metric.into(), attributes: BTreeMap::new(), values: values.into() };
        let mut stops = case("96x10 _x90", &[(130_000, Firing), (140_000, Unknown), (990_000, Unknown)]);
        stops.series.push(track("other", "1x100"));
        let rule = |no_data, case: &Case| Rule { tests: vec![case.clone()], no_data, ..load("load") };
        assert_eq!(run_all(&rule(NoData::Unknown, &stops)), Ok(()));
        let failed = run_all(&rule(NoData::Keep, &stops)).unwrap_err().to_string();
        assert!(failed.ends_with("expected unknown, found firing (critical)"), "{failed}");
        let mut slow = case("96x10 _x4 96", &[(780_000, Firing), (840_000, Firing)]);
        (slow.interval_ms, slow.series) = (60_000, [slow.series, vec![track("other", "1x15")]].concat());
        assert_eq!(run_all(&rule(NoData::Unknown, &slow)), Ok(()));
    }

    /// A rule on an expression of `m` and `n` with these values every ten seconds, and where it is at a time.
    #[track_caller]
    fn check_expression(value: &str, (m, n): (&str, &str), expect: &[(u64, AlertState)]) {
        let mut case = case(m, expect);
        case.series.push(Track { metric: "n".into(), attributes: BTreeMap::new(), values: n.into() });
        let condition = crate::rule::Condition::Expression { value: value.into(), side: load("x").condition.side() };
        let rule = Rule { condition, tests: vec![case], no_data: NoData::Unknown, ..load("load") };
        assert_eq!(run_all(&rule), Ok(()), "{value}");
    }

    #[test]
    fn what_can_no_longer_be_computed_becomes_unknown_whichever_part_is_missing() {
        use AlertState::{Firing, Resolved, Unknown};
        let lost = [(60_000, Firing), (70_000, Unknown), (600_000, Unknown)];
        check_expression("m + n", ("96x80", "1x3 _x77"), &lost);
        check_expression("m + n", ("96x3 _x77", "1x80"), &lost);
        check_expression("m / n", ("96x80", "1x3 0x77"), &lost);
        check_expression("m + n", ("96x80", "1x3 _x4 1x73"), &[(60_000, Firing), (600_000, Firing)]);
        check_expression("m + n", ("96x70 9x10", "1x3 _x67 1x10"), &[(690_000, Unknown), (700_000, Resolved)]);
    }

    #[test]
    fn a_rule_whose_tests_fail_is_never_one_that_is_tested() {
        let rule = Rule { tests: vec![case("10", &[(0, AlertState::Firing)])], ..load("load") };
        assert!(Tested::of(rule.clone()).is_err());
        assert_eq!(*Tested::of(Rule { tests: Vec::new(), ..rule.clone() }).unwrap(), Rule { tests: Vec::new(), ..rule });
    }

    #[test]
    fn a_test_that_makes_no_sense_is_refused() {
        let wrong = "must be a number, _, or either with a count such as 0.9x30 or 0.5+0.01x30";
        check("1 two", &[(0, AlertState::Inactive)], Some(&format!("tests[0].series[0].values: word 2: {wrong}")));
        check("1x99999999", &[(0, AlertState::Inactive)], Some("tests[0].series[0].values: word 1: there are more than 10080 values"));
        check("NaN", &[(0, AlertState::Inactive)], Some(&format!("tests[0].series[0].values: word 1: {wrong}")));
        check("1", &[], Some("tests[0].expect: must be 1 to 100"));
    }
}
