//! RubyGems' order: segments of digits or letters, letters below numbers, absent segments zero; a hyphen announces a pre-release.

use super::{Number, digits, split_while};
use std::cmp::Ordering;

/// The variants are in order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Segment<'a> {
    Letters(&'a str),
    Digits(Number<'a>),
}

const ZERO: Segment<'static> = Segment::Digits(Number::ZERO);

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (segments(a), segments(b));
    let length = a.len().max(b.len());
    let at = |segments: &'_ [Segment<'_>], place: usize, other: &Segment<'_>| segments.get(place).unwrap_or(&ZERO).cmp(other);
    (0..length).map(|place| at(&a, place, b.get(place).unwrap_or(&ZERO))).find(|found| found.is_ne()).unwrap_or(Ordering::Equal)
}

/// Without the zeros that stand at the end or right before the first letters.
fn segments(text: &str) -> Vec<Segment<'_>> {
    let mut found: Vec<Segment<'_>> = Vec::new();
    let mut has_letters = false;
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        if first.is_ascii_digit() {
            let (number, after) = digits(rest);
            found.push(Segment::Digits(Number::of(number)));
            rest = after;
        } else if first.is_ascii_alphabetic() || first == '-' {
            if !has_letters {
                trim(&mut found);
                has_letters = true;
            }
            let (letters, after) = split_while(rest, |character| character.is_ascii_alphabetic());
            // A hyphen stands for `.pre.`.
            found.push(Segment::Letters(if first == '-' { "pre" } else { letters }));
            rest = if first == '-' { &rest[1..] } else { after };
        } else {
            rest = &rest[first.len_utf8()..];
        }
    }
    trim(&mut found);
    found
}

fn trim(segments: &mut Vec<Segment<'_>>) {
    while segments.last() == Some(&ZERO) {
        segments.pop();
    }
}
