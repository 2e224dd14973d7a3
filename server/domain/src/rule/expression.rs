//! Arithmetic over reduced metrics.
//!
//! ```text
//! expression = product { ("+" | "-") product }
//! product    = factor { ("*" | "/") factor }
//! factor     = "-" factor | number | "(" expression ")" | call | selector
//! call       = ("last" | "min" | "max" | "avg" | "sum" | "increase" | "rate") "(" selector [ "," span ] ")"
//!            | "time_to" "(" selector "," span "," number "," ("above" | "below") ")"
//!            | "baseline" "(" selector ")"
//!            | "abs" "(" expression ")"
//!            | "ratio" "(" expression "," expression [ "," number ] ")"
//! selector   = metric [ "{" pair { "," pair } "}" ] | "{" quoted { "," pair } "}"
//! pair       = ( name | quoted ) "=" quoted
//! span       = digits ("s" | "m" | "h" | "d")
//! ```
//!
//! A metric is letters, digits, dots, underscores and colons. One with anything else in its name is quoted within the braces, as Prometheus
//! writes it: `{"disk/busy", device="sda"}`. A bare slash always divides: what a rule means must not depend on what some host has sent.
//!
//! Cost is bounded: text, terms and depth have limits, and an expression names metrics only, never rules or alerts, so that no rule can
//! refer to itself. What divides by nothing or leaves the finite numbers says nothing at all.

use super::condition::{Condition, Reduce, Term};
use rollcall_shared::message::Side;
use std::collections::BTreeMap;

/// Bytes of a text: sixteen terms with long names.
pub const TEXT_BYTES: usize = 4_096;

/// Metrics and numbers of one expression: each is read for every matching series of every host with every sample.
pub const LEAVES: usize = 16;

/// Parentheses within each other.
const DEPTH: usize = 16;

/// What may be in the bare name of a metric besides letters and digits.
const METRIC: &str = "._:";

/// What may be in the bare name of an attribute besides letters and digits.
const ATTRIBUTE: &str = "._:/";

/// A number or a way to one.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// A constant.
    Number(f64),
    /// A metric.
    Read(Read),
    /// With the other sign.
    Negate(Box<Expression>),
    /// Without its sign.
    Absolute(Box<Expression>),
    /// Two and an operator.
    Binary(Operator, Box<Expression>, Box<Expression>),
    /// Part, whole, and the least whole that is worth dividing by.
    Ratio(Box<Expression>, Box<Expression>, f64),
}

/// Arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

/// What a window gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function {
    /// A reduction.
    Reduce(Reduce),
    /// Seconds until the target is reached.
    Forecast {
        /// What must not be reached.
        target: f64,
        /// Its bad side.
        side: Side,
    },
    /// Deviations from what is usual.
    Baseline,
}

/// A metric, which of its series, and what is made of its window.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// Metric name.
    pub metric: String,
    /// Only series that have all of these.
    pub attributes: BTreeMap<String, String>,
    /// What.
    pub function: Function,
    /// Length of the window; 0 for the newest value alone.
    pub window_ms: u64,
}

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {position}: {reason}")]
pub struct SyntaxError {
    /// Counted from 1.
    pub position: usize,
    /// What is wrong, and what would be right.
    pub reason: String,
}

/// The expression that a condition stands for; `None` for one that is not made of values, or whose text is wrong.
#[must_use]
pub fn of(condition: &Condition) -> Option<Expression> {
    let read = |metric: &String, attributes: &BTreeMap<String, String>, function, window_ms| {
        Expression::Read(Read { metric: metric.clone(), attributes: attributes.clone(), function, window_ms })
    };
    let term = |term: &Term| read(&term.metric, &term.attributes, Function::Reduce(term.reduce), term.window_ms);
    match condition {
        Condition::Threshold { metric, attributes, reduce, window_ms, .. } => {
            Some(read(metric, attributes, Function::Reduce(*reduce), *window_ms))
        }
        Condition::Expression { value, .. } => parse(value).ok(),
        Condition::Ratio { part, whole, floor, .. } => Some(Expression::Ratio(Box::new(term(part)), Box::new(term(whole)), *floor)),
        Condition::Forecast { metric, attributes, window_ms, target, side } => {
            Some(read(metric, attributes, Function::Forecast { target: *target, side: *side }, *window_ms))
        }
        // A distance is above zero on the side that is bad.
        Condition::Baseline { metric, attributes, side } => {
            let deviation = read(metric, attributes, Function::Baseline, 0);
            Some(if *side == Side::Below { Expression::Negate(Box::new(deviation)) } else { deviation })
        }
        Condition::Check { check } => {
            let attributes = check.iter().map(|check| ("check".to_owned(), check.clone())).collect();
            Some(read(&"check.state".to_owned(), &attributes, Function::Reduce(Reduce::Last), 0))
        }
        Condition::Absent { .. }
        | Condition::TargetCheck { .. }
        | Condition::Inventory { .. }
        | Condition::AgentSilent { .. }
        | Condition::HostSilent { .. }
        | Condition::CollectorSilent { .. } => None,
    }
}

impl Expression {
    /// Its metrics, from left to right. The first names the alerts.
    #[must_use]
    pub fn reads(&self) -> Vec<&Read> {
        match self {
            Self::Number(_) => Vec::new(),
            Self::Read(read) => vec![read],
            Self::Negate(inner) | Self::Absolute(inner) => inner.reads(),
            Self::Binary(_, left, right) | Self::Ratio(left, right, _) => {
                let mut reads = left.reads();
                reads.extend(right.reads());
                reads
            }
        }
    }

    fn leaves(&self) -> usize {
        match self {
            Self::Number(_) | Self::Read(_) => 1,
            Self::Negate(inner) | Self::Absolute(inner) => inner.leaves(),
            Self::Binary(_, left, right) | Self::Ratio(left, right, _) => left.leaves() + right.leaves(),
        }
    }
}

/// Reads a text.
///
/// # Errors
/// With the position of the first thing that is wrong.
pub fn parse(text: &str) -> Result<Expression, SyntaxError> {
    if text.len() > TEXT_BYTES {
        return Err(SyntaxError { position: TEXT_BYTES + 1, reason: format!("an expression has at most {TEXT_BYTES} bytes") });
    }
    let mut parser = Parser { text, at: 0, depth: 0, leaves: 0 };
    let expression = parser.expression()?;
    parser.blanks();
    if parser.at < text.len() {
        return Err(parser.wrong("the expression should end here, or go on with + - * /"));
    }
    debug_assert!(expression.leaves() <= LEAVES, "the parser counts leaves");
    if expression.reads().is_empty() {
        return Err(SyntaxError { position: 1, reason: "names no metric".into() });
    }
    Ok(expression)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    leaves: usize,
}

impl<'a> Parser<'a> {
    fn expression(&mut self) -> Result<Expression, SyntaxError> {
        let mut left = self.product()?;
        loop {
            let operator = if self.takes("+") {
                Operator::Add
            } else if self.takes("-") {
                Operator::Subtract
            } else {
                return Ok(left);
            };
            left = Expression::Binary(operator, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Expression, SyntaxError> {
        let mut left = self.factor()?;
        loop {
            let operator = if self.takes("*") {
                Operator::Multiply
            } else if self.takes("/") {
                Operator::Divide
            } else {
                return Ok(left);
            };
            left = Expression::Binary(operator, Box::new(left), Box::new(self.factor()?));
        }
    }

    fn factor(&mut self) -> Result<Expression, SyntaxError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.wrong(format!("is nested deeper than {DEPTH}")));
        }
        let factor = self.unguarded_factor();
        self.depth -= 1;
        factor
    }

    fn unguarded_factor(&mut self) -> Result<Expression, SyntaxError> {
        if self.takes("-") {
            return Ok(Expression::Negate(Box::new(self.factor()?)));
        }
        if self.takes("(") {
            let inner = self.expression()?;
            self.needs(")")?;
            return Ok(inner);
        }
        if self.rest().starts_with(|c: char| c.is_ascii_digit()) {
            self.leaf()?;
            return Ok(Expression::Number(self.number()?));
        }
        self.blanks();
        if self.rest().starts_with('{') {
            self.leaf()?;
            let (metric, attributes) = self.selector("a metric")?;
            return Ok(read(&metric, attributes, Function::Reduce(Reduce::Last), 0));
        }
        let begin = self.at;
        let word = self.word("a metric, a number, a function or (", METRIC)?;
        if !self.takes("(") {
            self.leaf()?;
            let attributes = if self.takes("{") { self.attributes()? } else { BTreeMap::new() };
            return Ok(read(word, attributes, Function::Reduce(Reduce::Last), 0));
        }
        let call = self.call(word, begin)?;
        self.needs(")")?;
        Ok(call)
    }

    fn call(&mut self, name: &str, begin: usize) -> Result<Expression, SyntaxError> {
        if name == "abs" {
            return Ok(Expression::Absolute(Box::new(self.expression()?)));
        }
        if name == "ratio" {
            let part = self.expression()?;
            self.needs(",")?;
            let whole = self.expression()?;
            let floor = if self.takes(",") { self.number()? } else { 0.0 };
            return Ok(Expression::Ratio(Box::new(part), Box::new(whole), floor));
        }
        let reduce = match name {
            "last" => Some(Reduce::Last),
            "min" => Some(Reduce::Min),
            "max" => Some(Reduce::Max),
            "avg" => Some(Reduce::Avg),
            "sum" => Some(Reduce::Sum),
            "increase" => Some(Reduce::Increase),
            "rate" => Some(Reduce::Rate),
            "time_to" | "baseline" => None,
            _ => {
                self.at = begin;
                let known = "last, min, max, avg, sum, increase, rate, time_to, baseline, ratio and abs";
                return Err(self.wrong(format!("{} is no function; there are {known}", shown(name))));
            }
        };
        self.leaf()?;
        let (metric, attributes) = self.selector("a metric")?;
        let metric = metric.as_str();
        match reduce {
            Some(Reduce::Last) => Ok(read(metric, attributes, Function::Reduce(Reduce::Last), 0)),
            Some(reduce) => {
                self.needs(",")?;
                let window_ms = self.span()?;
                Ok(read(metric, attributes, Function::Reduce(reduce), window_ms))
            }
            None if name == "baseline" => Ok(read(metric, attributes, Function::Baseline, 0)),
            None => {
                self.needs(",")?;
                let window_ms = self.span()?;
                self.needs(",")?;
                let sign = if self.takes("-") { -1.0 } else { 1.0 };
                let target = sign * self.number()?;
                self.needs(",")?;
                let side = match self.word("above or below", METRIC)? {
                    "above" => Side::Above,
                    "below" => Side::Below,
                    _ => return Err(self.wrong("the side of the target that is bad must be above or below")),
                };
                Ok(read(metric, attributes, Function::Forecast { target, side }, window_ms))
            }
        }
    }

    /// A metric and its attributes, its name before the braces or quoted within them.
    fn selector(&mut self, expected: &str) -> Result<(String, BTreeMap<String, String>), SyntaxError> {
        if !self.takes("{") {
            let metric = self.word(expected, METRIC)?.to_owned();
            let attributes = if self.takes("{") { self.attributes()? } else { BTreeMap::new() };
            return Ok((metric, attributes));
        }
        let metric = self.quoted()?;
        if self.takes(",") {
            return Ok((metric, self.attributes()?));
        }
        self.needs("}")?;
        Ok((metric, BTreeMap::new()))
    }

    /// A text in quotation marks.
    fn quoted(&mut self) -> Result<String, SyntaxError> {
        self.needs("\"")?;
        let Some(end) = self.rest().find('"') else { return Err(self.wrong("the quotation mark is not closed")) };
        let text = self.rest()[..end].to_owned();
        self.at += end + 1;
        Ok(text)
    }

    /// What is between braces, of which the first is read.
    fn attributes(&mut self) -> Result<BTreeMap<String, String>, SyntaxError> {
        let mut attributes = BTreeMap::new();
        loop {
            self.blanks();
            let is_quoted = self.rest().starts_with('"');
            let name = if is_quoted { self.quoted()? } else { self.word("the name of an attribute", ATTRIBUTE)?.to_owned() };
            self.needs("=")?;
            let value = self.quoted()?;
            if attributes.insert(name, value).is_some() {
                return Err(self.wrong("names an attribute twice"));
            }
            if !self.takes(",") {
                break;
            }
        }
        self.needs("}")?;
        Ok(attributes)
    }

    fn span(&mut self) -> Result<u64, SyntaxError> {
        self.blanks();
        let begin = self.at;
        let digits = self.digits(|c| c.is_ascii_digit());
        let unit = self.rest().chars().next();
        let unit_ms = match unit {
            Some('s') => 1_000_u64,
            Some('m') => 60_000,
            Some('h') => 3_600_000,
            Some('d') => 86_400_000,
            _ => 0,
        };
        let span = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit_ms)).filter(|span| *span > 0);
        match span {
            Some(span) => {
                self.at += 1;
                Ok(span)
            }
            None => {
                self.at = begin;
                Err(self.wrong("expected a span such as 30s, 10m, 6h or 7d"))
            }
        }
    }

    fn number(&mut self) -> Result<f64, SyntaxError> {
        self.blanks();
        let begin = self.at;
        let mut digits = self.digits(|c| c.is_ascii_digit() || c == '.');
        if self.rest().starts_with(['e', 'E']) {
            self.at += 1;
            let signed = self.rest().starts_with(['+', '-']);
            self.at += usize::from(signed);
            self.digits(|c| c.is_ascii_digit());
            digits = &self.text[begin..self.at];
        }
        match digits.parse::<f64>().ok().filter(|number| number.is_finite()) {
            Some(number) => Ok(number),
            None => {
                self.at = begin;
                Err(self.wrong("expected a finite number"))
            }
        }
    }

    fn word(&mut self, expected: &str, others: &str) -> Result<&'a str, SyntaxError> {
        self.blanks();
        let text = self.text;
        let begin = self.at;
        let length = text[begin..].find(|c: char| !(c.is_ascii_alphanumeric() || others.contains(c))).unwrap_or(text.len() - begin);
        if length == 0 {
            return Err(self.wrong(format!("expected {expected}")));
        }
        self.at += length;
        Ok(&text[begin..begin + length])
    }

    fn digits(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let text = self.text;
        let begin = self.at;
        let length = text[begin..].find(|c: char| !fits(c)).unwrap_or(text.len() - begin);
        self.at += length;
        &text[begin..begin + length]
    }

    fn leaf(&mut self) -> Result<(), SyntaxError> {
        self.leaves += 1;
        if self.leaves > LEAVES { Err(self.wrong(format!("has more than {LEAVES} metrics and numbers"))) } else { Ok(()) }
    }

    fn takes(&mut self, token: &str) -> bool {
        self.blanks();
        let taken = self.rest().starts_with(token);
        self.at += if taken { token.len() } else { 0 };
        taken
    }

    fn needs(&mut self, token: &str) -> Result<(), SyntaxError> {
        if self.takes(token) { Ok(()) } else { Err(self.wrong(format!("expected {token}"))) }
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn wrong(&self, reason: impl Into<String>) -> SyntaxError {
        SyntaxError { position: self.text[..self.at].chars().count() + 1, reason: reason.into() }
    }
}

fn read(metric: &str, attributes: BTreeMap<String, String>, function: Function, window_ms: u64) -> Expression {
    Expression::Read(Read { metric: metric.to_owned(), attributes, function, window_ms })
}

fn shown(word: &str) -> String {
    word.chars().take(40).collect()
}

#[cfg(test)]
mod tests;
