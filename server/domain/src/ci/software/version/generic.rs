//! Maven's "version order specification", made whole where it contradicts itself, for everything that has no rule of its own.
//!
//! Numbers and words in turn; the words of pre-releases sort before the end, `sp` and all other words after it; a number after a
//! hyphen is a revision, below a number after a dot. A `~` sorts before everything. Case counts for nothing. Zeros that stand at the end,
//! before a word or before a hyphen are left out: Maven pads them with what the other side happens to have, which orders three
//! versions in a circle.

use super::{Number, digits, split_while};
use std::borrow::Cow;
use std::cmp::Ordering;

/// What a version is made of. The variants are in order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Token<'a> {
    Tilde,
    /// Position among the words of pre-releases.
    Before(usize),
    End,
    ServicePack,
    Word(Cow<'a, str>),
    /// After a hyphen, or right after a word.
    Revision(Number<'a>),
    Number(Number<'a>),
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    tokens(a).cmp(&tokens(b))
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let text = text.trim();
    let numbered = |rest: &str| rest.starts_with(|first: char| first.is_ascii_digit());
    let mut rest = text.strip_prefix(['v', 'V']).filter(|rest| numbered(rest)).unwrap_or(text);
    let mut found = Vec::new();
    let mut after_dot = true;
    while let Some(first) = rest.chars().next() {
        if first.is_ascii_digit() {
            let (number, after) = digits(rest);
            let number = Number::of(number);
            if !after_dot {
                trim(&mut found);
            }
            found.push(if after_dot { Token::Number(number) } else { Token::Revision(number) });
            (rest, after_dot) = (after, false);
        } else if first.is_alphanumeric() {
            let (word, after) = split_while(rest, |character| character.is_alphanumeric() && !character.is_ascii_digit());
            trim(&mut found);
            found.extend(qualifier(word, numbered(after)));
            (rest, after_dot) = (after, false);
        } else {
            if first == '~' {
                trim(&mut found);
                found.push(Token::Tilde);
            }
            after_dot = !matches!(first, '-' | '_' | '+' | '~');
            rest = &rest[first.len_utf8()..];
        }
    }
    trim(&mut found);
    found.push(Token::End);
    found
}

/// A word; one that says "as released" is none. Single letters are short for a pre-release only before a number.
fn qualifier(word: &str, before_number: bool) -> Option<Token<'_>> {
    let word = if word.chars().any(char::is_uppercase) { Cow::Owned(word.to_lowercase()) } else { Cow::Borrowed(word) };
    let token = match &*word {
        "ga" | "final" | "release" => return None,
        "dev" => Token::Before(0),
        "alpha" => Token::Before(1),
        "a" if before_number => Token::Before(1),
        "beta" => Token::Before(2),
        "b" if before_number => Token::Before(2),
        "milestone" => Token::Before(3),
        "m" if before_number => Token::Before(3),
        "pre" | "preview" => Token::Before(4),
        "rc" | "cr" => Token::Before(5),
        "snapshot" => Token::Before(6),
        "sp" => Token::ServicePack,
        _ => Token::Word(word),
    };
    Some(token)
}

fn trim(tokens: &mut Vec<Token<'_>>) {
    while tokens.last().is_some_and(|last| matches!(last, Token::Number(number) | Token::Revision(number) if number.is_zero())) {
        tokens.pop();
    }
}
