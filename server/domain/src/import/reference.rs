//! What a cell refers to, and what is known of things while a file is taken in.
//!
//! Everything here looks at the run's claims first and at the state behind them: what an earlier row made is there for a later
//! one whether or not it was written.

use super::row::Run;
use crate::World;
use crate::ci::natural::place;
use crate::ci::normalise::folded;
use crate::ci::{Class, decide::manual::DEPTH};
use crate::id::CiId;

/// A thing as rows of this run left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    /// What it is.
    pub class: Class,
    /// What it is called.
    pub name: String,
    /// What contains it.
    pub parent: Option<CiId>,
}

/// The state with a run's claims before it.
pub struct Seen<'a> {
    /// The state.
    pub world: &'a World,
    /// The claims.
    pub run: &'a Run,
}

impl Seen<'_> {
    /// What is known of a thing.
    pub fn thing(&self, id: CiId) -> Option<Thing> {
        let of_state = || {
            let ci = self.world.cmdb.cis.get(&id)?;
            Some(Thing { class: ci.class, name: ci.name.clone(), parent: ci.parent })
        };
        self.run.claims.things.get(&id).cloned().or_else(of_state)
    }

    /// What has a natural key.
    pub fn keyed(&self, class: Class, key: &str) -> Option<CiId> {
        let key = (class, key.to_owned());
        let of_state = || self.world.cmdb.keys.get(&key).copied().filter(|_| !self.run.claims.freed.contains(&key));
        self.run.claims.natural.get(&key).copied().or_else(of_state)
    }

    /// What this feed calls so.
    pub fn native(&self, key: &str) -> Option<CiId> {
        let of_state = || self.world.cmdb.natives.get(&(self.run.feed(), key.to_owned())).copied();
        let id = self.run.claims.made.get(key).copied().or_else(of_state)?;
        // A duplicate stands for the record that it is one of.
        Some(self.world.cmdb.record(id).map_or(id, |ci| ci.id))
    }

    /// What a cell refers to: an id, a key of this feed, or a natural key of the class that is meant; for a location its path.
    pub fn resolve(&self, text: &str, class: Option<Class>) -> Option<CiId> {
        let by_id = text.parse::<CiId>().ok().filter(|id| self.thing(*id).is_some());
        by_id.or_else(|| self.native(text)).or_else(|| match class? {
            Class::Location => self.location(text),
            class => self.keyed(class, &folded(text)),
        })
    }

    fn location(&self, path: &str) -> Option<CiId> {
        let mut here = None;
        for name in path.split('/').map(str::trim).filter(|name| !name.is_empty()).take(DEPTH) {
            here = Some(self.keyed(Class::Location, &place(here, name).ok()?)?);
        }
        here
    }

    /// The names from a thing outwards up to `end`, when that contains it; an error when it is too deep.
    pub fn way_out(&self, from: CiId, end: CiId) -> Result<Option<Vec<String>>, ()> {
        let mut names = Vec::new();
        let mut next = Some(from);
        while let Some((id, thing)) = next.and_then(|id| Some((id, self.thing(id)?))) {
            if names.len() >= DEPTH {
                return Err(());
            }
            names.push(thing.name);
            if id == end {
                return Ok(Some(names));
            }
            next = thing.parent;
        }
        // The thing itself is one more.
        if names.len() >= DEPTH { Err(()) } else { Ok(None) }
    }
}
