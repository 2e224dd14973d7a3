//! Queries: what they mean, and what could be written next.

use rollcall_domain::query::complete;
use serde::Serialize;
use utoipa::ToSchema;

/// What a query means and finds.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct QueryCheck {
    /// The query in its one form, in which it is stored.
    #[schema(example = "class:server os_id:debian package:openssl<3.0.13")]
    pub query: String,
    /// The query in words.
    pub explanation: String,
    /// How many configuration items fulfil it now.
    pub count: u64,
    /// What is no mistake and yet suspicious, such as an attribute that nothing has.
    pub warnings: Vec<String>,
}

/// What fits at a place of an unfinished query.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct QueryCompletions {
    /// Where what would be replaced begins, in characters from 0.
    pub from: usize,
    /// Where it ends, in characters from 0.
    pub to: usize,
    /// What fits, the best first.
    pub items: Vec<QueryCompletion>,
}

/// Something that fits.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct QueryCompletion {
    /// What to write between `from` and `to`.
    #[schema(example = "class:")]
    pub text: String,
    /// `field`, `operator`, `value` or `keyword`.
    pub kind: &'static str,
    /// What it means, for fields and operators.
    pub about: Option<String>,
    /// How many configuration items have the value, where that is known.
    pub count: Option<u64>,
}

impl QueryCompletions {
    /// The view of completions of a text.
    pub fn new(text: &str, found: complete::Completions) -> Self {
        let characters = |bytes: usize| text.get(..bytes).unwrap_or(text).chars().count();
        let item =
            |one: complete::Completion| QueryCompletion { text: one.text, kind: one.part.as_str(), about: one.about, count: one.count };
        let (from, to) = (characters(found.span.start), characters(found.span.end));
        Self { from, to, items: found.items.into_iter().map(item).collect() }
    }
}
