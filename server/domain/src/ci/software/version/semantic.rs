//! Semantic versioning 2.0, leniently: a leading `v`, any count of numbers (absent ones are zero), a pre-release without its hyphen
//! (`1.2.3beta`). Build metadata orders nothing.

use super::{Number, digits};
use std::cmp::Ordering;

/// The variants are in order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Release<'a> {
    /// Identifiers of a pre-release.
    Before(Vec<Identifier<'a>>),
    Final,
}

/// The variants are in order: numbers below texts.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Identifier<'a> {
    Number(Number<'a>),
    Text(&'a str),
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    key(a).cmp(&key(b))
}

fn key(text: &str) -> (Vec<Number<'_>>, Release<'_>) {
    let text = text.trim();
    let text = text.strip_prefix(['v', 'V', '=']).unwrap_or(text);
    let mut rest = text.split('+').next().unwrap_or(text);
    let mut numbers = Vec::new();
    loop {
        let (number, after) = digits(rest);
        if number.is_empty() {
            break;
        }
        numbers.push(Number::of(number));
        rest = after;
        match rest.strip_prefix('.') {
            Some(next) if next.starts_with(|next: char| next.is_ascii_digit()) => rest = next,
            _ => break,
        }
    }
    while numbers.last().is_some_and(|number| number.is_zero()) {
        numbers.pop();
    }
    let rest = rest.trim_start_matches(['-', '.']);
    let release = if rest.is_empty() { Release::Final } else { Release::Before(rest.split('.').map(identifier).collect()) };
    (numbers, release)
}

fn identifier(text: &str) -> Identifier<'_> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { Identifier::Number(Number::of(text)) } else { Identifier::Text(text) }
}
