//! The part of a selector that is written in the query language.
//!
//! It is kept as it was written, and understood once. What cannot be understood, or cannot be answered for one item at any time, is
//! refused when it is written, with its place; should such a text be stored all the same, it selects nothing.
//!
//! A rule's query may ask for nothing that the passing of time or the rule itself changes: ages (`last_seen>7d`, `created<30d`), `agent:` and
//! `incident:`. What it asks of the item itself counts with the item's next push; what it asks of others (groups, relations, names)
//! counts within [`STALE_MS`].

use crate::ci::Ci;
use crate::query::quantity::Moment;
use crate::query::term::AttributeTest;
use crate::query::{Groups, Query, QueryError, Scope, Term};
use crate::{Rejection, World};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// After so long an answer is looked up anew although neither the item nor the rules have changed.
pub const STALE_MS: i64 = 60_000;

/// A query as it was written.
#[derive(Clone, Debug)]
pub struct Written {
    text: String,
    query: Result<Query, QueryError>,
    /// Asked of every rule with every push, so kept.
    is_everything: bool,
}

impl Written {
    /// Whether an item fulfils it.
    #[must_use]
    pub fn means(&self, world: &World, ci: &Ci) -> bool {
        // Nothing that may be asked depends on the moment; a group that was given an age afterwards has no members by it.
        let scope = Scope { world, groups: &world.groups, now: Timestamp(0) };
        self.query.as_ref().is_ok_and(|query| scope.matches(query, ci))
    }

    /// Whether nothing is written.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.text.is_empty()
    }

    /// Judges it as part of a rule, an override, a mute or a problem.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] with the path, what is wrong and where.
    pub fn validate(&self, path: &str) -> Result<(), Rejection> {
        let query = self.query.as_ref().map_err(|error| Rejection::invalid(path, format!("{error}\n{}", error.render(&self.text))))?;
        if query.root().is_none() {
            return Err(Rejection::invalid(path, "must not be empty; leave it out to mean all"));
        }
        match query.terms().into_iter().find_map(unsteady) {
            Some(what) => Err(Rejection::invalid(
                path,
                format!("must not ask for {what}: what holds at any time cannot be selected by what time or alerts change"),
            )),
            None => Ok(()),
        }
    }

    /// Whether it asks nothing: everything fulfils it, whatever there is.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.is_everything
    }

    /// What was understood; `None` for a text that is no query.
    #[must_use]
    pub fn query(&self) -> Option<&Query> {
        self.query.as_ref().ok()
    }

    /// The groups that it names, as they are written.
    pub fn groups(&self) -> impl Iterator<Item = &String> {
        self.query.iter().flat_map(Query::groups)
    }

    /// Judges the groups that it names.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] for one that does not exist.
    pub fn check_groups(&self, world: &World, path: &str) -> Result<(), Rejection> {
        let scope = Scope { world, groups: &world.groups, now: Timestamp(0) };
        let Ok(query) = &self.query else { return Ok(()) };
        scope.check(query).map_err(|error| Rejection::invalid(path, error.to_string()))?;
        match unsteady_group(world, query) {
            Some((name, what)) => Err(Rejection::invalid(path, format!("must not name group {name:?}, whose query asks for {what}"))),
            None => Ok(()),
        }
    }
}

/// A group, of those that a query names or that those name in turn, whose own query is refused in rules. Circles were ruled out before.
fn unsteady_group(world: &World, query: &Query) -> Option<(String, &'static str)> {
    query.groups().find_map(|name| {
        let query = Groups::query(&world.groups, name)?;
        let own = query.terms().into_iter().find_map(unsteady).map(|what| (name.clone(), what));
        own.or_else(|| unsteady_group(world, query))
    })
}

fn unsteady(term: &Term) -> Option<&'static str> {
    match term {
        Term::Agent(_) => Some("agent"),
        Term::Incident(_) => Some("incident"),
        Term::Moment(crate::query::term::MomentField::LastSeen, ..) => Some("last_seen"),
        Term::Moment(_, _, Moment::Age(_)) | Term::Attribute(_, AttributeTest::Moment(_, Moment::Age(_))) => Some("an age"),
        _ => None,
    }
}

impl From<&str> for Written {
    fn from(text: &str) -> Self {
        let query = Query::parse(text);
        Self { text: text.to_owned(), is_everything: query.as_ref().is_ok_and(Query::is_everything), query }
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Written {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?.as_str()))
    }
}

#[cfg(test)]
mod tests;
