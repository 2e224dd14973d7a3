//! What the extremes of an hour leave possible: whether a rule can raise anything from samples of which only count, smallest and
//! largest are known.
//!
//! The answer "no" is a proof, "yes" is not. It is what lets a back-test leave out the hours in which nothing can have happened:
//!
//! * A machine that is inactive or resolved stays so while nothing is raised ([`crate::alert::machine::step`]), whatever else is judged.
//! * `last`, `min`, `max` and `avg` of a window lie between the extremes of the samples that the window can hold.
//! * `sum` adds between one and all of them; `increase` is at most their spread and never below zero.
//! * A check raises at the states 1 and 2: not while its largest state is below 1.
//! * Arithmetic of such numbers lies within the arithmetic of their intervals. What may divide by zero or leaves the finite numbers is
//!   taken as possible.
//! * A guard (`and`) can only make raising rarer.
//! * A rate, a forecast and a baseline depend on the order of samples or on weeks of them, an absence on gaps: nothing is proved of them.
//!
//! Means and sums are rounded, so every interval is widened by [`SLACK`] of its magnitude, which is a million times what the rounding of
//! an hour's samples comes to.

use crate::rule::expression::{self, Expression, Function, Operator, Read};
use crate::rule::{Condition, Reduce, Rule};
use rollcall_shared::message::Side;
use rollcall_shared::sample::Series;

/// By how much of its magnitude an interval is widened.
const SLACK: f64 = 1e-9;

/// A window's state depends on nothing further back than this many of its lengths: its buckets end after one, and since when samples
/// have come without a gap counts for at most one more half.
const MEMORY: u64 = 2;

/// Of the samples of all series that a read may use, in some span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extremes {
    /// How many.
    pub count: u64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

impl Extremes {
    /// Of both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self { count: self.count.saturating_add(other.count), min: self.min.min(other.min), max: self.max.max(other.max) }
    }
}

/// How far a rule's numbers can reach.
#[derive(Clone, Debug)]
pub struct Reach {
    expression: Expression,
    side: Side,
    /// The raise line that is reached first.
    line: f64,
    window_ms: u64,
}

#[derive(Clone, Copy, Debug)]
struct Interval {
    low: f64,
    high: f64,
}

impl Reach {
    /// Of a rule as it counts for a configuration item; `None` when extremes prove nothing of it.
    #[must_use]
    pub fn of(rule: &Rule) -> Option<Self> {
        let expression = expression::of(&rule.condition)?;
        let provable = |read: &&Read| {
            let Function::Reduce(reduce) = read.function else { return false };
            !matches!(reduce, Reduce::Rate)
        };
        if !expression.reads().iter().all(provable) {
            return None;
        }
        let side = rule.condition.side();
        let raises = [&rule.levels.warning, &rule.levels.critical].into_iter().flatten().map(|level| level.raise);
        let line = match (&rule.condition, side) {
            (Condition::Check { .. }, _) => 0.5,
            (_, Side::Above) => raises.fold(f64::INFINITY, f64::min),
            (_, Side::Below) => raises.fold(f64::NEG_INFINITY, f64::max),
        };
        let window_ms = expression.reads().iter().map(|read| read.window_ms).max().unwrap_or(0);
        Some(Self { expression, side, line, window_ms })
    }

    /// What it reads, in the order that [`Reach::may_raise`] takes extremes in.
    #[must_use]
    pub fn reads(&self) -> Vec<&Read> {
        self.expression.reads()
    }

    /// Whether a series is one that a read may use.
    #[must_use]
    pub fn uses(read: &Read, series: &Series) -> bool {
        let value = |name: &str| series.attributes.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value);
        series.metric == read.metric && read.attributes.iter().all(|(name, wanted)| value(name) == wanted)
    }

    /// How far back its longest window looks, ms.
    #[must_use]
    pub fn window_ms(&self) -> u64 {
        self.window_ms
    }

    /// From how far back samples must be taken in for its windows to be what they would be had all been taken in, ms.
    #[must_use]
    pub fn memory_ms(&self) -> u64 {
        self.window_ms.saturating_mul(MEMORY)
    }

    /// Whether it may raise something in a span, given for each read the extremes of all samples from a window's length before the span to
    /// its end. A read without samples says nothing, and neither does what it is a part of.
    #[must_use]
    pub fn may_raise(&self, extremes: &[Option<Extremes>]) -> bool {
        let Some(extremes) = extremes.iter().copied().collect::<Option<Vec<Extremes>>>() else { return false };
        match interval(&self.expression, &mut extremes.into_iter()) {
            Some(Interval { low, high }) => match self.side {
                Side::Above => high > self.line,
                Side::Below => low < self.line,
            },
            None => true,
        }
    }
}

/// The interval of an expression; `None` when it has no bounds.
fn interval(expression: &Expression, extremes: &mut impl Iterator<Item = Extremes>) -> Option<Interval> {
    let found = match expression {
        Expression::Number(number) => Interval { low: *number, high: *number },
        Expression::Read(read) => reduced(read.function, extremes.next()?)?,
        Expression::Negate(inner) => {
            let inner = interval(inner, extremes)?;
            Interval { low: -inner.high, high: -inner.low }
        }
        Expression::Absolute(inner) => {
            let inner = interval(inner, extremes)?;
            let low = if inner.low <= 0.0 && inner.high >= 0.0 { 0.0 } else { inner.low.abs().min(inner.high.abs()) };
            Interval { low, high: inner.low.abs().max(inner.high.abs()) }
        }
        Expression::Binary(operator, left, right) => {
            // Both, so that the reads keep their order whatever the left side comes to.
            let (left, right) = (interval(left, extremes), interval(right, extremes));
            combine(*operator, left?, right?)?
        }
        Expression::Ratio(part, whole, floor) => {
            let (part, whole) = (interval(part, extremes), interval(whole, extremes));
            ratio(part?, whole?, *floor)?
        }
    };
    found.widened()
}

fn reduced(function: Function, of: Extremes) -> Option<Interval> {
    let Function::Reduce(reduce) = function else { return None };
    #[expect(clippy::cast_precision_loss, reason = "a bound; widened afterwards")]
    let count = of.count.max(1) as f64;
    match reduce {
        Reduce::Last | Reduce::Min | Reduce::Max | Reduce::Avg => Some(Interval { low: of.min, high: of.max }),
        Reduce::Sum => Some(Interval { low: of.min.min(of.min * count), high: of.max.max(of.max * count) }),
        Reduce::Increase => Some(Interval { low: 0.0, high: of.max - of.min }),
        Reduce::Rate => None,
    }
}

fn combine(operator: Operator, left: Interval, right: Interval) -> Option<Interval> {
    match operator {
        Operator::Add => Some(Interval { low: left.low + right.low, high: left.high + right.high }),
        Operator::Subtract => Some(Interval { low: left.low - right.high, high: left.high - right.low }),
        Operator::Multiply => Some(corners(left, right, |a, b| a * b)),
        Operator::Divide if right.low <= 0.0 && right.high >= 0.0 => None,
        Operator::Divide => Some(corners(left, right, |a, b| a / b)),
    }
}

/// Zero where the whole is below the floor, else a quotient.
fn ratio(part: Interval, whole: Interval, floor: f64) -> Option<Interval> {
    let nothing = Interval { low: 0.0, high: 0.0 };
    if whole.high < floor {
        return Some(nothing);
    }
    let divisor = Interval { low: whole.low.max(floor), high: whole.high };
    let quotient = combine(Operator::Divide, part, divisor)?;
    let below = whole.low < floor;
    Some(if below { Interval { low: quotient.low.min(0.0), high: quotient.high.max(0.0) } } else { quotient })
}

fn corners(left: Interval, right: Interval, of: impl Fn(f64, f64) -> f64) -> Interval {
    let all = [of(left.low, right.low), of(left.low, right.high), of(left.high, right.low), of(left.high, right.high)];
    let nan = all.iter().any(|corner| corner.is_nan());
    let bound = |start: f64, pick: fn(f64, f64) -> f64| if nan { f64::NAN } else { all.into_iter().fold(start, pick) };
    Interval { low: bound(f64::INFINITY, f64::min), high: bound(f64::NEG_INFINITY, f64::max) }
}

impl Interval {
    fn widened(self) -> Option<Self> {
        let slack = self.low.abs().max(self.high.abs()) * SLACK;
        let wide = Self { low: self.low - slack, high: self.high + slack };
        (wide.low.is_finite() && wide.high.is_finite()).then_some(wide)
    }
}

#[cfg(test)]
mod tests;
