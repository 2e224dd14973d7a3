//! apk's order, and Portage's: `1.2.3b_rc1_p2~hash-r4`. Numbers, then a letter, suffixes (those of pre-releases before no suffix, the
//! others after), the revision. A number with a leading zero after the first is a fraction: `1.02` is before `1.1`.

use super::{Number, digits, split_while};
use std::cmp::Ordering;

/// What comes next. The variants are in order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    /// Position among suffixes of pre-releases, and its number.
    Before(usize, Option<Number<'a>>),
    End,
    Revision(Number<'a>),
    /// What the rules do not know, by its text.
    Other(&'a str),
    /// Position among other suffixes, and its number.
    After(usize, Option<Number<'a>>),
    Letter(char),
    Fraction(&'a str),
    Number(Number<'a>),
}

const BEFORE: [&str; 4] = ["alpha", "beta", "pre", "rc"];
const AFTER: [&str; 5] = ["cvs", "svn", "git", "hg", "p"];

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (first_a, mut a) = digits(a.trim());
    let (first_b, mut b) = digits(b.trim());
    let first = Number::of(first_a).cmp(&Number::of(first_b));
    if first.is_ne() {
        return first;
    }
    loop {
        let ((one, rest_a), (other, rest_b)) = (next(a), next(b));
        match one.cmp(&other) {
            Ordering::Equal if one == Part::End => return Ordering::Equal,
            Ordering::Equal => (a, b) = (rest_a, rest_b),
            found => return found,
        }
    }
}

fn next(text: &str) -> (Part<'_>, &str) {
    let Some(first) = text.chars().next() else { return (Part::End, "") };
    let rest = &text[first.len_utf8()..];
    match first {
        '.' if rest.starts_with('0') => {
            let (number, rest) = digits(rest);
            (Part::Fraction(number.trim_end_matches('0')), rest)
        }
        '.' if rest.starts_with(|next: char| next.is_ascii_digit()) => {
            let (number, rest) = digits(rest);
            (Part::Number(Number::of(number)), rest)
        }
        '_' => suffix(rest),
        '-' if rest.starts_with('r') => {
            let (number, rest) = digits(&rest[1..]);
            (Part::Revision(Number::of(number)), rest)
        }
        // A commit tells versions apart and orders nothing: what follows it does.
        '~' => next_after_commit(rest),
        letter if letter.is_ascii_lowercase() => (Part::Letter(letter), rest),
        _ => other(text),
    }
}

fn next_after_commit(text: &str) -> (Part<'_>, &str) {
    let (_, rest) = split_while(text, |character| character.is_ascii_hexdigit());
    // At most one commit is skipped, so this does not go on.
    if rest.starts_with('~') { other(rest) } else { next(rest) }
}

fn suffix(text: &str) -> (Part<'_>, &str) {
    let (word, rest) = split_while(text, |character| character.is_ascii_lowercase());
    let (number, end) = digits(rest);
    let number = Some(number).filter(|number| !number.is_empty()).map(Number::of);
    let position = |words: &[&str]| words.iter().position(|known| *known == word);
    match (position(&BEFORE), position(&AFTER)) {
        (Some(position), _) => (Part::Before(position, number), end),
        (None, Some(position)) => (Part::After(position, number), end),
        (None, None) => other(text),
    }
}

/// Up to the next separator, at least one character.
fn other(text: &str) -> (Part<'_>, &str) {
    let Some(first) = text.chars().next() else { return (Part::Other(""), "") };
    let end = text[first.len_utf8()..].find(['.', '_', '-', '~']).map_or(text.len(), |at| at + first.len_utf8());
    let (part, rest) = text.split_at(end);
    (Part::Other(part), rest)
}
