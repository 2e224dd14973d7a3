//! PEP 440: `1!2.3rc1.post4.dev5+local.6`, with all the spellings that it allows. What it does not allow is older than everything that
//! it does, as Python's own tools had it, in the generic order.

use super::{Number, digits, generic, split_while};
use std::cmp::Ordering;

/// A version that PEP 440 defines. The fields are in order of their weight.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    epoch: Number<'a>,
    release: Vec<Number<'a>>,
    before: Before<'a>,
    post: Option<Number<'a>>,
    development: Development<'a>,
    local: Option<Vec<Local<'a>>>,
}

/// The variants are in order: a development release of a final release is before all of its pre-releases.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Before<'a> {
    DevelopmentOnly,
    Phase(u8, Number<'a>),
    None,
}

/// The variants are in order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Development<'a> {
    Number(Number<'a>),
    None,
}

/// The variants are in order: numbers above texts.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Local<'a> {
    Text(&'a str),
    Number(Number<'a>),
}

/// Longer spellings first, so that `a` does not hide `alpha`.
const PHASES: [(&str, u8); 8] = [("alpha", 0), ("a", 0), ("beta", 1), ("b", 1), ("preview", 2), ("pre", 2), ("rc", 2), ("c", 2)];
const POST: [(&str, u8); 3] = [("post", 0), ("rev", 0), ("r", 0)];
const DEVELOPMENT: [(&str, u8); 1] = [("dev", 0)];

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (lower_a, lower_b) = (a.trim().to_ascii_lowercase(), b.trim().to_ascii_lowercase());
    match (key(&lower_a), key(&lower_b)) {
        (None, None) => generic::compare(a, b),
        (one, other) => one.cmp(&other),
    }
}

fn key(text: &str) -> Option<Key<'_>> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (public, local) = match text.split_once('+') {
        Some((public, local)) => (public, Some(locals(local)?)),
        None => (text, None),
    };
    let (epoch, rest) = match public.split_once('!') {
        Some((epoch, rest)) => (number(epoch)?, rest),
        None => (Number::ZERO, public),
    };
    let (release, rest) = release(rest)?;
    let (phase, rest) = marked(rest, &PHASES);
    let (post, rest) = post(rest);
    let (development, rest) = marked(rest, &DEVELOPMENT);
    if !rest.is_empty() {
        return None;
    }
    let before = match phase {
        Some((phase, number)) => Before::Phase(phase, number),
        None if post.is_none() && development.is_some() => Before::DevelopmentOnly,
        None => Before::None,
    };
    let development = development.map_or(Development::None, |(_, number)| Development::Number(number));
    Some(Key { epoch, release, before, post, development, local })
}

/// Numbers between dots, without the zeros at the end.
fn release(text: &str) -> Option<(Vec<Number<'_>>, &str)> {
    let (first, mut rest) = digits(text);
    let mut numbers = vec![number(first)?];
    while let Some(after) = rest.strip_prefix('.').filter(|after| after.starts_with(|next: char| next.is_ascii_digit())) {
        let (next, after) = digits(after);
        numbers.push(Number::of(next));
        rest = after;
    }
    while numbers.last().is_some_and(|number| number.is_zero()) {
        numbers.pop();
    }
    Some((numbers, rest))
}

/// One of these words with a number, separators before either; without a number zero.
fn marked<'a>(text: &'a str, words: &[(&str, u8)]) -> (Option<(u8, Number<'a>)>, &'a str) {
    let start = unseparated(text);
    let Some((rest, phase)) = words.iter().find_map(|(word, phase)| Some((start.strip_prefix(word)?, *phase))) else {
        return (None, text);
    };
    let (number, rest) = digits(unseparated(rest));
    (Some((phase, Number::of(number))), rest)
}

/// `.post4` in all its spellings, and `-4`.
fn post(text: &str) -> (Option<Number<'_>>, &str) {
    let implicit = text.strip_prefix('-').map(digits).filter(|(number, _)| !number.is_empty());
    if let Some((number, rest)) = implicit {
        return (Some(Number::of(number)), rest);
    }
    let (found, rest) = marked(text, &POST);
    (found.map(|(_, number)| number), rest)
}

fn unseparated(text: &str) -> &str {
    text.strip_prefix(['-', '_', '.']).unwrap_or(text)
}

fn number(text: &str) -> Option<Number<'_>> {
    let (number, rest) = digits(text);
    (!number.is_empty() && rest.is_empty()).then(|| Number::of(number))
}

fn locals(text: &str) -> Option<Vec<Local<'_>>> {
    let segment = |segment| {
        let (_, rest) = split_while(segment, |character| character.is_ascii_alphanumeric());
        (!segment.is_empty() && rest.is_empty()).then(|| number(segment).map_or(Local::Text(segment), Local::Number))
    };
    text.split(['-', '_', '.']).map(segment).collect()
}
