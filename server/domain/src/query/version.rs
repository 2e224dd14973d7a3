//! Which of two package versions is the later one. The one place where queries ask that.

use std::cmp::Ordering;

/// Compares two versions of one package as the software that installed it would.
///
/// Everything is ordered as `dpkg` does (deb-version(7)): an epoch before `:`, then the upstream version, then the revision behind
/// the last `-`; `~` sorts before the end. That is right for Debian and close for all others.
#[must_use]
pub fn compare(_manager: &str, a: &str, b: &str) -> Ordering {
    let (a_epoch, a_upstream, a_revision) = split(a);
    let (b_epoch, b_upstream, b_revision) = split(b);
    let epochs = digits(a_epoch, b_epoch);
    epochs.then_with(|| part(a_upstream, b_upstream)).then_with(|| part(a_revision, b_revision))
}

/// Epoch, upstream version and revision; an absent epoch or revision is empty, which equals 0.
fn split(version: &str) -> (&str, &str, &str) {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (epoch, rest) = version.split_once(':').filter(|(epoch, _)| is_number(epoch)).unwrap_or(("", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, upstream, revision)
}

/// Compares alternating runs of other characters and of digits.
fn part(mut a: &str, mut b: &str) -> Ordering {
    while !(a.is_empty() && b.is_empty()) {
        let (a_text, b_text);
        (a_text, a) = take(a, false);
        (b_text, b) = take(b, false);
        let (a_number, b_number);
        (a_number, a) = take(a, true);
        (b_number, b) = take(b, true);
        let order = letters(a_text, b_text).then_with(|| digits(a_number, b_number));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// The longest beginning that has only digits, or none, and the rest.
fn take(text: &str, wanted: bool) -> (&str, &str) {
    let end = text.find(|c: char| c.is_ascii_digit() != wanted).unwrap_or(text.len());
    text.split_at(end)
}

/// Letters before everything else, `~` before even the end.
fn letters(a: &str, b: &str) -> Ordering {
    let weight = |c: Option<char>| match c {
        Some('~') => (0, '~'),
        None => (1, ' '),
        Some(c) if c.is_ascii_alphabetic() => (2, c),
        Some(c) => (3, c),
    };
    let (mut a, mut b) = (a.chars(), b.chars());
    loop {
        let (left, right) = (a.next(), b.next());
        let order = weight(left).cmp(&weight(right));
        if order.is_ne() || (left.is_none() && right.is_none()) {
            return order;
        }
    }
}

/// Compares runs of digits of any length as numbers.
fn digits(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ascending: &[&str]) {
        for (place, a) in ascending.iter().enumerate() {
            for (other, b) in ascending.iter().enumerate() {
                assert_eq!(compare("dpkg", a, b), place.cmp(&other), "{a} and {b}");
            }
        }
    }

    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        check(&["1.0~rc1-1", "1.0-1~deb12u1", "1.0-1", "1.0-1+b1", "1.0-2", "1.0a-1", "1.0.1-1", "1.9", "1.10", "1:0.1"]);
        check(&["3.0.11-1~deb12u2", "3.0.13", "3.0.13-1", "3.1.0"]);
        assert_eq!(compare("dpkg", "0:1.0", "1.00"), Ordering::Equal);
    }
}
