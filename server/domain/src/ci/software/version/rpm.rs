//! rpm's order: epoch, version, release; segments of letters or digits, a number above letters; `~` sorts before the end, `^` after
//! the end and before everything else. A version without release is older than the same with one.

use super::{Number, digits, epoch, revision, split_while};
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
    let ((epoch_a, a), (epoch_b, b)) = (epoch(a.trim()), epoch(b.trim()));
    let ((version_a, release_a), (version_b, release_b)) = (revision(a), revision(b));
    epoch_a.cmp(&epoch_b).then_with(|| segments(version_a, version_b)).then_with(|| segments(release_a, release_b))
}

fn segments(mut a: &str, mut b: &str) -> Ordering {
    loop {
        let ((one, rest_a), (other, rest_b)) = (next(a), next(b));
        match one.cmp(&other) {
            Ordering::Equal if one == Segment::End => return Ordering::Equal,
            Ordering::Equal => (a, b) = (rest_a, rest_b),
            found => return found,
        }
    }
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
