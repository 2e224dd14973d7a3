//! Cleaning of texts as sources give them: trimmed, without control characters, within the contract's length. Empty becomes none.

use rollcall_shared::limits::TEXT_BYTES;

/// The text without surrounding blanks and NULs, control characters as blanks, cut at the limit; none when nothing is left.
pub(crate) fn tidy(raw: &str) -> Option<String> {
    let trimmed = raw.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    if trimmed.is_empty() {
        return None;
    }
    let clean = if trimmed.chars().any(char::is_control) {
        trimmed.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    } else {
        trimmed.to_owned()
    };
    Some(bounded(clean))
}

/// The text cut at the contract's limit, the cut marked.
pub(crate) fn bounded(mut text: String) -> String {
    const CUT: &str = "…";
    if text.len() > TEXT_BYTES {
        let mut end = TEXT_BYTES - CUT.len();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(CUT);
    }
    text
}

/// `KEY=value` lines as in os-release: quotes are taken off, comments and other lines skipped.
pub(crate) fn assignments(text: &str) -> impl Iterator<Item = (&str, String)> {
    text.lines().filter_map(|line| {
        let line = line.trim();
        let (key, value) = line.split_once('=')?;
        (!line.starts_with('#') && !key.is_empty()).then(|| (key.trim(), unquoted(value.trim())))
    })
}

fn unquoted(value: &str) -> String {
    let inner = ['"', '\''].iter().find_map(|&quote| value.strip_prefix(quote)?.strip_suffix(quote));
    match inner {
        Some(inner) => {
            let mut plain = String::with_capacity(inner.len());
            let mut characters = inner.chars();
            while let Some(character) = characters.next() {
                plain.extend(if character == '\\' { characters.next() } else { Some(character) });
            }
            plain
        }
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blanks_and_control_characters_are_no_text() {
        assert_eq!(tidy(" \0\t\n"), None);
        assert_eq!(tidy(" a\u{1b}[31m \0"), Some("a [31m".to_owned()));
    }

    #[test]
    fn a_long_text_is_cut_at_a_character_and_marked() {
        let cut = tidy(&"é".repeat(TEXT_BYTES)).expect("text");
        assert!(cut.len() <= TEXT_BYTES && cut.ends_with('…'));
    }

    #[test]
    fn quotes_of_assignments_are_taken_off() {
        let read: Vec<_> = assignments("A=\"b \\\"c\\\"\"\n# X=1\nD='e'\nF=g\nnonsense").collect();
        assert_eq!(read, [("A", "b \"c\"".to_owned()), ("D", "e".to_owned()), ("F", "g".to_owned())]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            prop_assert!(tidy(&text).is_none_or(|clean| !clean.chars().any(char::is_control)));
            let _ = assignments(&text).count();
        }
    }
}
