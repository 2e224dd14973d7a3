//! What is wrong with a query, and where.

use std::fmt;
use std::ops::Range;

/// Characters of a query shown before and after the place of an error.
const EXCERPT: usize = 60;

/// Why a text is not a query. Says what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// What is wrong and what would be right, without the place.
    pub message: String,
    /// The place in the text, in bytes. Empty at the end of the text.
    pub span: Range<usize>,
    /// The place in the text, in characters, from 1.
    pub column: usize,
}

impl QueryError {
    /// An error at a place of `text`.
    #[must_use]
    pub fn new(text: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        Self { message: message.into(), column: before.chars().count() + 1, span }
    }

    /// The part of the query around the place, and below it carets under the place: two lines for a terminal. Line breaks and tabs
    /// are shown as blanks, so that the carets stand where they should.
    #[must_use]
    pub fn render(&self, text: &str) -> String {
        let shown = |part: &str| -> String { part.chars().map(|c| if c.is_control() { ' ' } else { c }).collect() };
        let start = self.span.start.min(text.len());
        let end = self.span.end.clamp(start, text.len());
        let (Some(before), Some(place), Some(after)) = (text.get(..start), text.get(start..end), text.get(end..)) else {
            return shown(text);
        };
        let skipped = before.chars().count().saturating_sub(EXCERPT);
        let before: String = before.chars().skip(skipped).collect();
        let after: String = after.chars().take(EXCERPT).collect();
        let place: String = place.chars().take(EXCERPT).collect();
        let (indent, carets) = (" ".repeat(before.chars().count()), "^".repeat(place.chars().count().max(1)));
        format!("{}{}{}\n{indent}{carets}", shown(&before), shown(&place), shown(&after))
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at column {}", self.message, self.column)
    }
}

impl std::error::Error for QueryError {}
