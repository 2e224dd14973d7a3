//! pacman's order: epoch, version, release. Like rpm's, but letters right after a number make it older (`1.0rc` before `1.0`), and how
//! many separators stand before a segment counts before the segment itself.

use super::{Number, by_parts, by_segments, digits, split_while};
use std::cmp::Ordering;

/// What comes next. The variants are in order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Segment<'a> {
    /// Letters without a separator before them.
    Joined(&'a str),
    End,
    /// How many separators, and what follows them.
    Separated(usize, Word<'a>),
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Word<'a> {
    Nothing,
    Letters(&'a str),
    Digits(Number<'a>),
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    by_parts(a, b, |a, b| by_segments(a, b, next, &Segment::End))
}

fn next(text: &str) -> (Segment<'_>, &str) {
    let (separators, text) = split_while(text, |character| !character.is_ascii_alphanumeric());
    let count = separators.chars().count();
    match text.bytes().next() {
        None if count == 0 => (Segment::End, ""),
        None => (Segment::Separated(count, Word::Nothing), ""),
        Some(byte) if byte.is_ascii_digit() => {
            let (number, rest) = digits(text);
            (Segment::Separated(count, Word::Digits(Number::of(number))), rest)
        }
        Some(_) => {
            let (letters, rest) = split_while(text, |character| character.is_ascii_alphabetic());
            let segment = if count == 0 { Segment::Joined(letters) } else { Segment::Separated(count, Word::Letters(letters)) };
            (segment, rest)
        }
    }
}
