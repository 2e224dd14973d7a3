//! dpkg's order, as Debian policy 5.6.12 describes it: epoch, upstream version, revision; text and numbers in turn; `~` before the
//! end of a part, letters before other characters.

use super::{Number, digits, epoch, revision, split_while};
use std::cmp::Ordering;

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let ((epoch_a, a), (epoch_b, b)) = (epoch(a.trim()), epoch(b.trim()));
    let ((upstream_a, revision_a), (upstream_b, revision_b)) = (revision(a), revision(b));
    epoch_a.cmp(&epoch_b).then_with(|| parts(upstream_a, upstream_b)).then_with(|| parts(revision_a, revision_b))
}

fn parts(mut a: &str, mut b: &str) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let ((text_a, rest_a), (text_b, rest_b)) = (text(a), text(b));
        let ((number_a, rest_a), (number_b, rest_b)) = (digits(rest_a), digits(rest_b));
        let found = texts(text_a, text_b).then_with(|| Number::of(number_a).cmp(&Number::of(number_b)));
        if found.is_ne() {
            return found;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

fn text(part: &str) -> (&str, &str) {
    split_while(part, |character| !character.is_ascii_digit())
}

/// Character by character; where one text has ended the other goes on against the end.
fn texts(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.bytes(), b.bytes());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (one, other) if rank(one) != rank(other) => return rank(one).cmp(&rank(other)),
            _ => {}
        }
    }
}

fn rank(byte: Option<u8>) -> u16 {
    match byte {
        Some(b'~') => 0,
        None => 1,
        Some(letter) if letter.is_ascii_alphabetic() => u16::from(letter),
        Some(other) => u16::from(other) + 256,
    }
}
