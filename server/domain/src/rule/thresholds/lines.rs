//! The lines of single series whose crossing tells that a rule may be about to judge otherwise.
//!
//! An agent sees its newest values and nothing else. So a rule has lines where it holds one series of a host against constants: a threshold,
//! the state of a check, and arithmetic on one series that can be solved for it, such as `abs(system.clock.offset_ms)`. What a window gives
//! is taken to be the newest value, and what a series rose by to be all of it or nothing of it, so that a flag that turns is seen whatever it
//! was before. What divides one series by another, what is extrapolated and what is compared with what is usual has no lines: it comes with
//! the next push.
//!
//! Invariant: too many lines make an agent hurry in vain, too few never make a judgement wrong.

use super::{SHORT_MS, threshold};
use crate::rule::expression::{self, Expression, Function, Operator, Read};
use crate::rule::plan::TARGET_STATE;
use crate::rule::{Asks, Condition, Guard, Level, Reduce, Rule};
use rollcall_shared::message::{Side, Threshold};
use std::collections::BTreeMap;

/// The metric of checks about the host itself: 0 to 3 as plugins end.
const STATE: &str = "check.state";

/// Between the state OK and those that are worse.
const ABOVE_OK: f64 = 0.0;

/// Between the state WARNING and those that are worse.
const ABOVE_WARNING: f64 = 1.0;

/// The lines of a rule, the worst first; none when an agent cannot see what it is about.
pub(super) fn of(rule: &Rule) -> Vec<Threshold> {
    let levels = [&rule.levels.critical, &rule.levels.warning].into_iter().flatten();
    let mut lines: Vec<Threshold> = match &rule.condition {
        Condition::Threshold { metric, attributes, reduce, window_ms, side } => {
            let clears = *reduce == Reduce::Last || *window_ms <= SHORT_MS;
            let values = levels.clone().flat_map(|level| values(level, clears));
            values.map(|value| threshold(metric, attributes, *side, value)).collect()
        }
        Condition::Expression { value, side } => {
            let Ok(value) = expression::parse(value) else { return Vec::new() };
            let Some(read) = only_series(&value) else { return Vec::new() };
            let clears = value.reads().iter().any(|read| read.window_ms <= SHORT_MS);
            let values = levels.clone().flat_map(|level| values(level, clears));
            let solved = values.flat_map(|line| solved(&value, (*side, line)));
            solved.map(|(side, line)| threshold(&read.metric, &read.attributes, side, line)).collect()
        }
        Condition::Check { check } => {
            let attributes = named(check.as_deref(), None);
            let critical = rule.levels.critical.as_ref().map(|_| ABOVE_WARNING);
            let warning = rule.levels.warning.as_ref().map(|_| ABOVE_OK);
            critical.into_iter().chain(warning).map(|line| threshold(STATE, &attributes, Side::Above, line)).collect()
        }
        // What an override changes of the levels depends on the item that is looked at, which is another for each check.
        Condition::TargetCheck { asks, check } => {
            let attributes = named(check.as_deref(), Some(*asks));
            let lines: &[f64] = match asks {
                Asks::Up => &[ABOVE_WARNING],
                Asks::State => &[ABOVE_WARNING, ABOVE_OK],
            };
            lines.iter().map(|&line| threshold(TARGET_STATE, &attributes, Side::Above, line)).collect()
        }
        Condition::Absent { .. }
        | Condition::Ratio { .. }
        | Condition::Forecast { .. }
        | Condition::Baseline { .. }
        | Condition::Inventory { .. }
        | Condition::AgentSilent { .. }
        | Condition::HostSilent { .. }
        | Condition::CollectorSilent { .. } => return Vec::new(),
    };
    if !lines.is_empty() {
        lines.extend(levels.filter_map(|level| level.and.as_ref()).map(guard));
    }
    lines
}

/// The clear lines of longer windows are left out: crossing one by a single sample changes nothing soon.
fn values(level: &Level, clears: bool) -> impl Iterator<Item = f64> + use<> {
    [Some(level.raise), clears.then_some(level.clear)].into_iter().flatten()
}

/// A level may wait for its guard alone.
fn guard(guard: &Guard) -> Threshold {
    threshold(&guard.metric, &BTreeMap::new(), guard.side, guard.value)
}

fn named(check: Option<&str>, asks: Option<Asks>) -> BTreeMap<String, String> {
    let pairs = [("check", check), ("asks", asks.map(Asks::as_str))];
    pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect()
}

/// The series that all of an expression is about; `None` when there are several.
fn only_series(expression: &Expression) -> Option<Read> {
    let reads = expression.reads();
    let first = *reads.first()?;
    reads.iter().all(|read| (&read.metric, &read.attributes) == (&first.metric, &first.attributes)).then(|| first.clone())
}

/// Where the series is when the expression is at a line, each with the side that is then bad.
fn solved(expression: &Expression, (side, line): (Side, f64)) -> Vec<(Side, f64)> {
    match expression {
        Expression::Negate(inner) => solved(inner, (other(side), -line)),
        Expression::Absolute(_) if line < 0.0 => Vec::new(),
        Expression::Absolute(inner) => [solved(inner, (side, line)), solved(inner, (other(side), -line))].concat(),
        _ => {
            let mut found = Vec::new();
            for straight in [1.0, 0.0].into_iter().filter_map(|grown| Straight::of(expression, grown)) {
                let value = (line - straight.offset) / straight.slope;
                let side = if straight.slope < 0.0 { other(side) } else { side };
                if value.is_finite() && !found.contains(&(side, value)) {
                    found.push((side, value));
                }
            }
            found
        }
    }
}

fn other(side: Side) -> Side {
    match side {
        Side::Above => Side::Below,
        Side::Below => Side::Above,
    }
}

/// What an expression on one series is of the newest value: slope times the value, and the offset.
#[derive(Clone, Copy)]
struct Straight {
    slope: f64,
    offset: f64,
}

impl Straight {
    /// `grown` is how much of the value it rose by within windows. `None` for what is no straight line.
    fn of(expression: &Expression, grown: f64) -> Option<Self> {
        match expression {
            Expression::Number(number) => Some(Self { slope: 0.0, offset: *number }),
            Expression::Read(read) => match read.function {
                Function::Reduce(Reduce::Rate) | Function::Forecast { .. } | Function::Baseline => None,
                Function::Reduce(Reduce::Increase) => Some(Self { slope: grown, offset: 0.0 }),
                Function::Reduce(_) => Some(Self { slope: 1.0, offset: 0.0 }),
            },
            Expression::Negate(inner) => Some(Self::of(inner, grown)?.times(-1.0)),
            Expression::Absolute(_) => None,
            Expression::Binary(operator, left, right) => Self::combined(*operator, Self::of(left, grown)?, Self::of(right, grown)?),
            Expression::Ratio(part, whole, floor) => {
                let whole = Self::of(whole, grown)?.constant().filter(|whole| whole >= floor)?;
                Some(Self::of(part, grown)?.times(1.0 / whole))
            }
        }
    }

    fn combined(operator: Operator, left: Self, right: Self) -> Option<Self> {
        match operator {
            Operator::Add => Some(Self { slope: left.slope + right.slope, offset: left.offset + right.offset }),
            Operator::Subtract => Some(Self { slope: left.slope - right.slope, offset: left.offset - right.offset }),
            Operator::Multiply => match (left.constant(), right.constant()) {
                (Some(factor), _) => Some(right.times(factor)),
                (None, factor) => Some(left.times(factor?)),
            },
            Operator::Divide => Some(left.times(1.0 / right.constant()?)),
        }
    }

    fn times(self, factor: f64) -> Self {
        Self { slope: self.slope * factor, offset: self.offset * factor }
    }

    fn constant(self) -> Option<f64> {
        self.slope.abs().total_cmp(&0.0).is_eq().then_some(self.offset)
    }
}

#[cfg(test)]
mod tests;
