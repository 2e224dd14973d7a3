//! The letters of a query: blanks, bare and quoted texts, operators, each with its place.

use super::error::QueryError;
use super::quantity::Comparison;
use std::ops::Range;

/// An operator between a field and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `:`: is, whatever the case, with wildcards.
    Is,
    /// `=`: is to the letter.
    Exactly,
    /// `!=`: is not.
    IsNot,
    /// `~`: contains.
    Contains,
    /// `<`, `<=`, `>=`, `>`.
    Compare(Comparison),
}

impl Operator {
    /// All that there are, as written and in a word; the longer first where one begins with the other.
    pub const ALL: [(&str, Self, &str); 8] = [
        ("!=", Self::IsNot, "is not"),
        ("<=", Self::Compare(Comparison::AtMost), "at most"),
        (">=", Self::Compare(Comparison::AtLeast), "at least"),
        (":", Self::Is, "is, whatever the case; * and ? are wildcards"),
        ("=", Self::Exactly, "is to the letter"),
        ("<", Self::Compare(Comparison::Less), "less than"),
        (">", Self::Compare(Comparison::Greater), "more than"),
        ("~", Self::Contains, "contains"),
    ];

    /// As written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, operator, _)| *operator == self).map_or(":", |(text, ..)| text)
    }

    /// The operator that a text begins with.
    #[must_use]
    pub fn at_start(text: &str) -> Option<(Self, usize)> {
        // `created:>2026-01-01` is what other languages want: the colon says nothing then.
        let plain = text.strip_prefix(':').filter(|rest| rest.starts_with(['<', '>'])).unwrap_or(text);
        let skipped = text.len() - plain.len();
        Self::ALL.iter().find(|(written, ..)| plain.starts_with(written)).map(|(written, operator, _)| (*operator, skipped + written.len()))
    }
}

/// A text as it stands in the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// What it says, without quotes.
    pub text: String,
    /// Whether it had quotes.
    pub quoted: bool,
    /// Its place, quotes included.
    pub span: Range<usize>,
}

/// A place in a query, moving forward.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    /// The whole query.
    pub text: &'a str,
    /// The place, in bytes.
    pub at: usize,
}

impl<'a> Scanner<'a> {
    /// At the beginning.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// What is left.
    #[must_use]
    pub fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next character.
    #[must_use]
    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Moves over blanks.
    pub fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Moves over a text if it comes next.
    pub fn take(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        self.at += if found { wanted.len() } else { 0 };
        found
    }

    /// A field's name, if one comes next: letters, digits, `_` and `.`, a letter first.
    #[must_use]
    pub fn name(&self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len());
        rest.get(..end).filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic())).unwrap_or_default()
    }

    /// Everything up to a blank, a parenthesis, a quotation mark or a comma, if it comes next.
    #[must_use]
    pub fn chunk(&self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"' | ',')).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    /// A bare or quoted text that ends before `stop` at the latest; `None` when there is none.
    ///
    /// # Errors
    /// Quotation marks that do not end, and what cannot stand in them.
    pub fn written(&mut self, stop: &[char]) -> Result<Option<Written>, QueryError> {
        if self.peek() == Some('"') {
            return self.quoted().map(Some);
        }
        let chunk = self.chunk();
        let chunk = chunk.find(stop).and_then(|end| chunk.get(..end)).unwrap_or(chunk);
        let start = self.at;
        self.at += chunk.len();
        Ok((!chunk.is_empty()).then(|| Written { text: chunk.to_owned(), quoted: false, span: start..self.at }))
    }

    fn quoted(&mut self) -> Result<Written, QueryError> {
        let start = self.at;
        let mut text = String::new();
        let mut escaped = false;
        for (place, c) in self.rest().char_indices().skip(1) {
            let here = start + place;
            match c {
                _ if c.is_control() => return Err(self.error(here..here + c.len_utf8(), "a control character cannot be searched for")),
                '"' | '\\' if escaped => (escaped, text) = (false, text + c.encode_utf8(&mut [0; 4])),
                _ if escaped => {
                    return Err(self.error(here - 1..here + c.len_utf8(), "in quotation marks only \\\" and \\\\ are written with \\"));
                }
                '\\' => escaped = true,
                '"' => {
                    self.at = here + 1;
                    return Ok(Written { text, quoted: true, span: start..self.at });
                }
                _ => text.push(c),
            }
        }
        Err(self.error(start..start + 1, "the quotation marks that begin here do not end"))
    }

    /// An error at a place.
    #[must_use]
    pub fn error(&self, span: Range<usize>, message: impl Into<String>) -> QueryError {
        QueryError::new(self.text, span, message)
    }

    /// An error at the next word, or at the end.
    #[must_use]
    pub fn error_here(&self, message: impl Into<String>) -> QueryError {
        let length = self.chunk().len().max(self.peek().map_or(0, char::len_utf8));
        self.error(self.at..self.at + length, message)
    }
}
