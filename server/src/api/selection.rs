//! Configuration items that a query selects, page by page, in the order that is asked for.

use super::page::{Page, Paging};
use super::queries;
use super::view::ci::CiSummary;
use crate::answer::ApiError;
use rollcall_domain::World;
use rollcall_domain::ci::Ci;
use rollcall_domain::ci::licence::Installations;
use rollcall_domain::id::CiId;
use rollcall_domain::query::{Matches, Query};
use rollcall_shared::Timestamp;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Bytes of a name by which a list is ordered; a cursor has room for them.
const NAME_BYTES: usize = 128;

/// What a query selects; everything without one.
#[derive(Default)]
pub struct Selection<'a> {
    query: Option<(&'a str, Query)>,
    now: Timestamp,
}

impl<'a> Selection<'a> {
    /// Reads the query.
    pub fn new(text: Option<&'a str>, now: Timestamp) -> Result<Self, ApiError> {
        let query = text.map(|text| Ok::<_, ApiError>((text, queries::parse(text)?))).transpose()?;
        Ok(Self { query, now })
    }

    /// What a query selects; `None` without one.
    ///
    /// # Errors
    /// A query that cannot be answered.
    pub fn matches<'w>(&self, world: &'w World) -> Result<Option<Matches<'w>>, ApiError> {
        let Some((text, query)) = &self.query else { return Ok(None) };
        queries::scope(world, self.now).find(query).map(Some).map_err(|error| queries::unanswerable(text, &error))
    }

    /// Those after one, in order of their ids. They are looked up a page at a time, as far as they are taken.
    pub fn after<'w>(
        &self,
        world: &'w World,
        after: Option<CiId>,
        limit: usize,
    ) -> Result<Box<dyn Iterator<Item = &'w Ci> + 'w>, ApiError> {
        let Some(matches) = self.matches(world)? else {
            let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
            return Ok(Box::new(world.cmdb.cis.range((from, std::ops::Bound::Unbounded)).map(|(_, ci)| ci)));
        };
        let pages = std::iter::successors(Some(matches.page(after, limit + 1)), move |page| {
            let last = *page.get(limit)?;
            Some(matches.page(Some(last), limit + 1))
        });
        Ok(Box::new(pages.flatten().filter_map(|id| world.cmdb.cis.get(&id))))
    }

    /// All of them, in no meaningful order.
    pub fn all<'w>(&self, world: &'w World) -> Result<Box<dyn Iterator<Item = &'w Ci> + 'w>, ApiError> {
        Ok(match self.matches(world)? {
            None => Box::new(world.cmdb.cis.values()),
            Some(matches) => {
                let ids: Vec<CiId> = matches.ids().collect();
                Box::new(ids.into_iter().filter_map(|id| world.cmdb.cis.get(&id)))
            }
        })
    }
}

/// What a list is ordered by; equal ones by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Key {
    /// The id.
    #[default]
    Id,
    /// The name, whatever the case.
    Name,
    /// When the record was made.
    Created,
    /// When it last changed.
    Updated,
}

/// An order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    key: Key,
    descending: bool,
}

/// The place of an item in an order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    key: String,
    id: CiId,
}

impl Order {
    /// Reads `name`, `-updated`, ….
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let key = match name {
            "id" => Key::Id,
            "name" => Key::Name,
            "created" => Key::Created,
            "updated" => Key::Updated,
            _ => return Err(ApiError::invalid("sort", "must be id, name, created or updated, with - before it for descending")),
        };
        Ok(Self { key, descending })
    }

    /// The name under which cursors of this order count.
    pub fn list(self) -> &'static str {
        match (self.key, self.descending) {
            (Key::Id, false) => "cis",
            (Key::Id, true) => "cis-by-id-down",
            (Key::Name, false) => "cis-by-name",
            (Key::Name, true) => "cis-by-name-down",
            (Key::Created, false) => "cis-by-created",
            (Key::Created, true) => "cis-by-created-down",
            (Key::Updated, false) => "cis-by-updated",
            (Key::Updated, true) => "cis-by-updated-down",
        }
    }

    /// A page of items that come in no order. Only as many as fit are kept while they come.
    pub fn page<'w>(
        self,
        paging: &Paging<Place>,
        known: (&World, &Installations<'_>),
        cis: impl Iterator<Item = &'w Ci>,
    ) -> Page<CiSummary> {
        let shown = |ci| CiSummary::current(known, ci);
        if self.descending {
            let kept = self.kept(paging, cis, Reverse);
            paging.page(kept.into_iter().map(|(place, ci)| (place.0, shown(ci))))
        } else {
            let kept = self.kept(paging, cis, |place| place);
            paging.page(kept.into_iter().map(|(place, ci)| (place, shown(ci))))
        }
    }

    fn kept<'w, P: Ord>(
        self,
        paging: &Paging<Place>,
        cis: impl Iterator<Item = &'w Ci>,
        ordered: impl Fn(Place) -> P,
    ) -> BTreeMap<P, &'w Ci> {
        let after = paging.after.clone().map(&ordered);
        let mut kept = BTreeMap::new();
        for ci in cis {
            let place = ordered(self.place(ci));
            if after.as_ref().is_some_and(|after| place <= *after)
                || (kept.len() > paging.limit && kept.last_key_value().is_some_and(|(last, _)| place > *last))
            {
                continue;
            }
            kept.insert(place, ci);
            if kept.len() > paging.limit + 1 {
                kept.pop_last();
            }
        }
        kept
    }

    fn place(self, ci: &Ci) -> Place {
        // The order of the texts is that of the moments; those before 1970 do not happen to records.
        let moment = |at: Timestamp| format!("{:020}", at.0.max(0));
        let key = match self.key {
            Key::Id => String::new(),
            Key::Name => {
                let name = ci.name.to_lowercase();
                name.get(..name.floor_char_boundary(NAME_BYTES)).unwrap_or_default().to_owned()
            }
            Key::Created => moment(ci.created_at),
            Key::Updated => moment(ci.updated_at),
        };
        Place { key, id: ci.id }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.key)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (id, key) = text.split_once(' ').ok_or(())?;
        Ok(Self { key: key.to_owned(), id: id.parse().map_err(drop)? })
    }
}
