//! rpm's order: epoch, version, release; segments of letters or digits, a number above letters; `~` sorts before the end, `^` after
//! the end and before everything else. A version without release is older than the same with one.

use super::{Number, by_parts, by_segments, digits, split_while};
use std::cmp::Ordering;

/// What comes next. The variants are in order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Segment<'a> {
    Tilde,
    End,
    Caret,
    Letters(&'a str),
    Digits(Number<'a>),
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    by_parts(a, b, |a, b| by_segments(a, b, next, &Segment::End))
}

/// Separators divide and count for nothing else.
fn next(text: &str) -> (Segment<'_>, &str) {
    let text = text.trim_start_matches(|character: char| !(character.is_ascii_alphanumeric() || matches!(character, '~' | '^')));
    match text.bytes().next() {
        None => (Segment::End, ""),
        Some(b'~') => (Segment::Tilde, &text[1..]),
        Some(b'^') => (Segment::Caret, &text[1..]),
        Some(byte) if byte.is_ascii_digit() => {
            let (number, rest) = digits(text);
            (Segment::Digits(Number::of(number)), rest)
        }
        Some(_) => {
            let (letters, rest) = split_while(text, |character| character.is_ascii_alphabetic());
            (Segment::Letters(letters), rest)
        }
    }
}
