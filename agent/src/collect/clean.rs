//! The last look at the texts of rows: whatever a collector let through, none has control characters or is longer than the contract
//! allows.
//!
//! Collectors tidy what they read; names that they put together from several, and one that they forgot, are caught here. Nothing is
//! allocated for a row that is clean.

use super::text::bounded;
use rollcall_shared::limits::TEXT_BYTES;
use rollcall_shared::section::Row;

/// Cleans the texts of a row.
pub(crate) fn mend<R: Row>(row: &mut R) {
    row.each_text(&mut mend_text);
}

/// The replacement character shows that something was there: a name of a file may hold anything but a slash.
fn mend_text(text: &mut String) {
    if text.chars().any(char::is_control) {
        *text = text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
    }
    if text.len() > TEXT_BYTES {
        *text = bounded(std::mem::take(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_shared::section::{Container, Package};

    fn row<R: Row>(mut row: R) -> R {
        mend(&mut row);
        row
    }

    fn named(name: &str) -> Package {
        Package { name: name.to_owned(), version: "1".to_owned(), ..Package::default() }
    }

    #[test]
    fn clean_rows_stay_as_they_are() {
        for name in ["bash", "a \"quoted\\\" name", "…é\u{a0}Ж", &"x".repeat(TEXT_BYTES)] {
            assert_eq!(row(named(name)), named(name));
        }
    }

    #[test]
    fn control_characters_are_replaced_visibly_and_long_texts_are_cut() {
        for (name, expected) in [("a\nb", "a\u{fffd}b"), ("a\u{7f}b", "a\u{fffd}b"), ("a\u{9b}31m", "a\u{fffd}31m"), ("\u{0}", "\u{fffd}")]
        {
            assert_eq!(row(named(name)), named(expected));
        }
        let cut = row(named(&"é".repeat(TEXT_BYTES))).name;
        assert!(cut.len() <= TEXT_BYTES && cut.ends_with('…'));
        let container = Container { labels: vec![("a".to_owned(), "x\ty".to_owned())], name: Some(String::new()), ..Container::default() };
        let container = row(container);
        assert_eq!((container.labels, container.name), (vec![("a".to_owned(), "x\u{fffd}y".to_owned())], None));
    }
}
