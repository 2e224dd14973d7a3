//! The last look at the texts of rows: whatever a collector let through, none has control characters or is longer than the contract
//! allows.
//!
//! Collectors tidy what they read; names that they put together from several, and one that they forgot, are caught here. Rows are
//! written as JSON into a sink that only looks, and nothing is allocated for a row that is clean.

use super::text::tidy;
use rollcall_shared::limits::TEXT_BYTES;
use rollcall_shared::section::Row;
use serde_json::Value;
use std::io;

/// The row with clean texts; none when it cannot be mended, which is a bug of its type.
pub(crate) fn row<R: Row>(row: R) -> Option<R> {
    let mut look = Look::default();
    serde_json::to_writer(&mut look, &row).ok()?;
    if !look.is_dirty {
        return Some(row);
    }
    let mut value = serde_json::to_value(&row).ok()?;
    mend(&mut value);
    serde_json::from_value(value).ok()
}

fn mend(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > TEXT_BYTES || text.chars().any(char::is_control) => *text = tidy(text).unwrap_or_default(),
        Value::Array(values) => values.iter_mut().for_each(mend),
        Value::Object(fields) => fields.values_mut().for_each(mend),
        _ => {}
    }
}

/// Reads JSON byte by byte, as serde writes it: a control character below the blank is escaped, the others are not.
#[derive(Default)]
struct Look {
    is_dirty: bool,
    in_text: bool,
    is_escaped: bool,
    length: usize,
    before: u8,
}

impl Look {
    fn at(&mut self, byte: u8) {
        const DELETE: u8 = 0x7f;
        if !self.in_text {
            (self.in_text, self.length) = (byte == b'"', 0);
        } else if self.is_escaped {
            self.is_escaped = false;
            self.length += 1;
            self.is_dirty |= !matches!(byte, b'"' | b'\\');
        } else if byte == b'"' {
            self.in_text = false;
        } else if byte == b'\\' {
            self.is_escaped = true;
        } else {
            self.length += 1;
            // U+0080 to U+009F.
            self.is_dirty |= byte == DELETE || self.before == 0xc2 && (0x80..=0x9f).contains(&byte);
        }
        self.is_dirty |= self.length > TEXT_BYTES;
        self.before = byte;
    }
}

impl io::Write for Look {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        bytes.iter().for_each(|&byte| self.at(byte));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rollcall_shared::section::{Container, Package};

    fn named(name: &str) -> Package {
        Package { name: name.to_owned(), version: "1".to_owned(), ..Package::default() }
    }

    #[test]
    fn clean_rows_stay_as_they_are() {
        for name in ["bash", "a \"quoted\\\" name", "…é\u{a0}Ж", &"x".repeat(TEXT_BYTES)] {
            assert_eq!(row(named(name)), Some(named(name)));
        }
    }

    #[test]
    fn control_characters_become_blanks_and_long_texts_are_cut() {
        for (name, expected) in [("a\nb", "a b"), ("a\u{7f}b", "a b"), ("a\u{9b}31m", "a 31m"), ("\u{0}", "")] {
            assert_eq!(row(named(name)), Some(named(expected)));
        }
        let cut = row(named(&"é".repeat(TEXT_BYTES))).expect("a row").name;
        assert!(cut.len() <= TEXT_BYTES && cut.ends_with('…'));
        let container = Container { labels: vec![("a".to_owned(), "x\ty".to_owned())], ..Container::default() };
        assert_eq!(row(container).expect("a row").labels, [("a".to_owned(), "x y".to_owned())]);
    }

    proptest! {
        #[test]
        fn the_look_sees_what_a_search_would(text in any::<String>()) {
            let mut look = Look::default();
            serde_json::to_writer(&mut look, &text).expect("written");
            prop_assert_eq!(look.is_dirty, text.chars().any(char::is_control));
        }
    }
}
