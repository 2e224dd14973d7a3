//! Where an item is.
//!
//! People say it in two ways, of which the first that is there counts: the location that the item is hosted on, which is what an import
//! writes, or the attribute `location`. The attribute may be the path of a recorded location, such as `Berlin/Hall 2`: then it is that one,
//! so that items of which it is said either way are in one place. Invariant: nothing is guessed; a text that names nothing is a place of
//! its own.

use super::decide::manual::DEPTH;
use super::natural::place;
use super::{Ci, Class, Cmdb, RelationKind};

/// Where an item is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place<'a> {
    /// At a recorded location.
    Recorded(&'a Ci),
    /// Where its attribute says, which names no recorded one.
    Said(&'a str),
}

/// Where an item is; `None` when nobody says.
#[must_use]
pub fn of<'a>(cmdb: &'a Cmdb, ci: &'a Ci) -> Option<Place<'a>> {
    let hosted = cmdb.links.from(ci.id).filter(|relation| relation.kind == RelationKind::HostedOn);
    let mut locations = hosted.filter_map(|relation| cmdb.record(relation.to)).filter(|to| to.class == Class::Location);
    if let Some(location) = locations.next() {
        return Some(Place::Recorded(location));
    }
    let said = ci.attributes.get("location")?.text()?.trim();
    let named = recorded(cmdb, said).map(Place::Recorded);
    named.or_else(|| (!said.is_empty()).then_some(Place::Said(said)))
}

/// The recorded location of a path, such as `Berlin/Hall 2`.
fn recorded<'a>(cmdb: &'a Cmdb, path: &str) -> Option<&'a Ci> {
    let mut here = None;
    for name in path.split('/').map(str::trim).take(DEPTH) {
        let key = (Class::Location, place(here, name).ok()?);
        here = Some(*cmdb.keys.get(&key)?);
    }
    cmdb.record(here?)
}
