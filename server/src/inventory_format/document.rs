//! The tree that both forms are read into, and what bounds it.

use rollcall_shared::limits;
use std::collections::BTreeMap;

/// Values of one message. 20,000 packages with ten fields each are two fifths of it; a value takes about a hundred bytes.
const VALUES: usize = 500_000;

/// Nesting below a category: `operatingsystem.timezone.name`, `local_groups.members[]`.
pub const ROW_DEPTH: usize = 4;

/// Categories that something is made of; all others are skipped without being kept. Environment variables and command lines
/// are among those: they hold secrets.
const CATEGORIES: [&str; 26] = [
    "accesslog",
    "antivirus",
    "batteries",
    "bios",
    "controllers",
    "cpus",
    "databases_services",
    "drives",
    "firmwares",
    "hardware",
    "local_groups",
    "local_users",
    "logical_volumes",
    "memories",
    "monitors",
    "networks",
    "operatingsystem",
    "physical_volumes",
    "powersupplies",
    "processes",
    "softwares",
    "storages",
    "usbdevices",
    "videos",
    "virtualmachines",
    "volume_groups",
];

/// Why bytes are no message of this format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Not JSON, or not of the expected shape.
    #[error("not the expected JSON: {0}")]
    Json(String),
    /// Not XML.
    #[error("not well-formed XML at byte {position}: {reason}")]
    Xml {
        /// Offset.
        position: u64,
        /// What is wrong.
        reason: String,
    },
    /// A document type or entity, which no agent needs and attackers do.
    #[error("XML with {0} is not taken")]
    Forbidden(&'static str),
    /// Another encoding than declared or allowed.
    #[error("the text is not valid UTF-8 and does not declare ISO-8859-1")]
    Encoding,
    /// More values than allowed.
    #[error("more than {VALUES} values")]
    TooManyValues,
    /// Deeper than allowed.
    #[error("nested too deeply")]
    TooDeep,
    /// A field that must be there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field that makes no sense.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What would be right.
        reason: &'static str,
    },
}

/// Values that may still come.
#[derive(Debug)]
pub struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(VALUES)
    }
}

impl Budget {
    /// Takes one value.
    ///
    /// # Errors
    /// When there are none left.
    pub fn spend(&mut self) -> Result<(), FormatError> {
        self.0 = self.0.checked_sub(1).ok_or(FormatError::TooManyValues)?;
        Ok(())
    }
}

/// A field's value. Numbers and booleans are texts: the two forms differ in which they use, not in what they mean.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Anything that has no parts.
    Text(String),
    /// Several values.
    List(Vec<Value>),
    /// Named parts.
    Row(Row),
}

/// A row of a category: names in lower case with their values, a name possibly several times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row(Vec<(String, Value)>);

/// Categories of rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document(BTreeMap<&'static str, Vec<Row>>);

impl Document {
    /// The category of this name, when it is one that is kept.
    #[must_use]
    pub fn known(name: &str) -> Option<&'static str> {
        CATEGORIES.into_iter().find(|known| *known == name)
    }

    /// Adds a row.
    pub fn push(&mut self, category: &'static str, row: Row) {
        self.0.entry(category).or_default().push(row);
    }

    /// Notes that a category was there, with or without rows.
    pub fn note(&mut self, category: &'static str) {
        self.0.entry(category).or_default();
    }

    /// The rows of a category; `None` when the message has no such category.
    #[must_use]
    pub fn rows(&self, category: &str) -> Option<&[Row]> {
        self.0.get(category).map(Vec::as_slice)
    }

    /// The first row of a category, for those that have one.
    #[must_use]
    pub fn first(&self, category: &str) -> Option<&Row> {
        self.rows(category)?.first()
    }
}

impl Row {
    /// Adds a field.
    pub fn push(&mut self, name: &str, value: Value) {
        self.0.push((name.to_ascii_lowercase(), value));
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// A field as a clean text; `None` when it is not there or empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Value::Text(text) => clean(text),
            Value::List(_) | Value::Row(_) => None,
        }
    }

    /// The first of several fields that says something.
    #[must_use]
    pub fn text_of(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.text(name))
    }

    /// All values of a field as clean texts, sorted, each once.
    #[must_use]
    pub fn texts(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        for (_, value) in self.0.iter().filter(|(known, _)| known == name) {
            match value {
                Value::Text(text) => found.extend(clean(text)),
                Value::List(values) => found.extend(values.iter().filter_map(|value| match value {
                    Value::Text(text) => clean(text),
                    Value::List(_) | Value::Row(_) => None,
                })),
                Value::Row(_) => {}
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// A field that has parts.
    #[must_use]
    pub fn row(&self, name: &str) -> Option<&Row> {
        match self.get(name)? {
            Value::Row(row) => Some(row),
            Value::Text(_) | Value::List(_) => None,
        }
    }

    /// A field as a whole number; a fraction is cut off.
    #[must_use]
    pub fn number<N: TryFrom<u64>>(&self, name: &str) -> Option<N> {
        let text = self.text(name)?;
        let whole = text.split(['.', ',']).next().unwrap_or_default();
        N::try_from(whole.parse::<u64>().ok()?).ok()
    }

    /// A field as yes or no.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.text(name)?.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => Some(true),
            "0" | "false" | "no" | "off" => Some(false),
            _ => None,
        }
    }
}

/// Text as it is kept: trimmed, without control characters, at most as long as a section's texts may be. What somebody wrote
/// into it stays as it is; escaping is the business of whoever shows it.
#[must_use]
pub fn clean(raw: &str) -> Option<String> {
    let raw = raw.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    let cut = rollcall_domain::ci::normalise::cut(raw, limits::TEXT_BYTES - '…'.len_utf8());
    let kept =
        cut.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c });
    let mut text: String = kept.collect();
    // A replaced character takes more bytes than the one before.
    if text.len() > limits::TEXT_BYTES {
        text.truncate(rollcall_domain::ci::normalise::cut(&text, limits::TEXT_BYTES - '…'.len_utf8()).len());
        text.push('…');
    } else if cut.len() < raw.len() {
        text.push('…');
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &str, expected: Option<&str>) {
        assert_eq!(clean(raw).as_deref(), expected, "{raw:?}");
    }

    #[test]
    fn texts_are_kept_as_they_are_but_for_what_no_text_has() {
        check("  <script>alert('Ж')</script> ", Some("<script>alert('Ж')</script>"));
        check("two\nlines\tand a tab", Some("two lines and a tab"));
        check("\u{1b}[31m", Some("\u{fffd}[31m"));
        check(" \0 ", None);
        let long = clean(&"\u{1}é".repeat(limits::TEXT_BYTES)).expect("a text");
        assert!(long.len() <= limits::TEXT_BYTES && long.ends_with('…'));
        assert_eq!(clean(&"x".repeat(limits::TEXT_BYTES + 1)).map(|text| text.len()), Some(limits::TEXT_BYTES));
    }

    #[test]
    fn numbers_and_flags_that_make_no_sense_are_unknown() {
        let mut row = Row::default();
        for (name, value) in [("size", "274877.906944"), ("speed", "-1"), ("cores", "many"), ("on", "Yes"), ("off", "False"), ("odd", "2")]
        {
            row.push(name, Value::Text(value.into()));
        }
        assert_eq!((row.number("size"), row.number::<u32>("speed"), row.number::<u32>("cores")), (Some(274_877_u64), None, None));
        assert_eq!((row.flag("on"), row.flag("off"), row.flag("odd"), row.number::<u8>("size")), (Some(true), Some(false), None, None));
    }
}
