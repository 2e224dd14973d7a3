//! The language in which people, groups, rules and programs select configuration items.
//!
//! ```text
//! class:server os.id:debian package:openssl<3.0.13 tag:prod not status:retired last_seen>7d
//! ```
//!
//! - Conditions next to each other must all hold; `or`, `and`, `not` (or `-`) and parentheses put them together otherwise.
//! - `:` is "is", whatever the case, with the wildcards `*` and `?`; `=` is "is to the letter"; `!=` is `not …:…`, so it also holds
//!   for what has no such value; `~` is "contains"; `<`, `<=`, `>=`, `>` compare. `field:(a,b)` is one of several.
//! - Quotation marks take everything in them as it is: `name:"web *"`. A bare word is searched for in the name, host name, serial
//!   number and addresses.
//! - Ages are `30s`, `90m`, `36h`, `7d`, `2w`, `1y` and sums such as `1d12h`, measured back from now: `last_seen>7d` is *more than
//!   seven days ago*. Dates are days in UTC and whole: `created>2026-01-01` begins with January 2nd, `>=` with January 1st. What has no
//!   such moment fulfils none of them.
//! - Sizes are `16GiB` or `16G` (binary), `500GB` (decimal), or bytes.
//! - Attributes are fields by their names, with `.` for `_`: `os.id`, `cpu.cores`. [`field`] lists the others.
//!
//! Invariants: [`Query::parse`] never panics and its errors say where and what would be right; `parse(print(query))` is the query;
//! what the indexes answer is what a look at every record would.

mod build;
pub mod complete;
pub mod doubt;
pub mod error;
pub mod evaluate;
pub mod everything;
mod explain;
pub mod field;
pub mod index;
mod parser;
pub mod past;
pub mod pattern;
pub mod plan;
mod print;
pub mod quantity;
mod scanner;
pub mod term;

pub use error::QueryError;
pub use evaluate::{Groups, NoGroups, Scope, Unanswerable};
pub use index::Index;
pub use parser::{DEPTH, LENGTH, TERMS};
pub use plan::Matches;
pub use term::{Expression, Term};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// A query that was understood. As JSON it is its text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    root: Option<Expression>,
}

impl Query {
    /// Reads a query. An empty one is fulfilled by everything.
    ///
    /// # Errors
    /// What is wrong, where, and what would be right.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let query = Self { root: parser::parse(text)? };
        // Its printed form must be readable again, and may be longer than what was written.
        if query.to_string().len() > LENGTH {
            return Err(QueryError::new(text, 0..text.len(), format!("written out in full the query has more than {LENGTH} bytes")));
        }
        Ok(query)
    }

    /// What must hold; `None` when everything fulfils it.
    #[must_use]
    pub fn root(&self) -> Option<&Expression> {
        self.root.as_ref()
    }

    /// This and that.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { root: Expression::all(self.root.into_iter().chain(other.root).collect()) }
    }

    /// What it selects, in words.
    #[must_use]
    pub fn explain(&self) -> String {
        explain::explain(self.root())
    }

    /// Whether it asks nothing, in whatever words: see [`everything`].
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.root.as_ref().is_none_or(everything::is_everything)
    }

    /// The groups that it names, as they are written.
    pub fn groups(&self) -> impl Iterator<Item = &String> {
        self.terms().into_iter().filter_map(|term| if let Term::Group(names) = term { Some(names) } else { None }).flatten()
    }

    /// Every condition in it.
    #[must_use]
    pub fn terms(&self) -> Vec<&Term> {
        self.root.iter().flat_map(Expression::terms).collect()
    }
}

impl From<Term> for Query {
    fn from(term: Term) -> Self {
        Self { root: Some(Expression::Term(term)) }
    }
}

impl FromStr for Query {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        Self::parse(text)
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.as_ref().map_or(Ok(()), |root| root.fmt(f))
    }
}

impl Serialize for Query {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Query {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
