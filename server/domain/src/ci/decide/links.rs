//! Relations that a host's sections tell, brought in line with those that are stored.
//!
//! A relation that is told again is written down again at most once a day: what was seen last matters to the day, and the log is
//! kept for ever. Only what a complete collection does not have any more is taken back.

use crate::ci::relation::Change;
use crate::ci::{CiEvent, Relation, RelationKind, Reporter, Source};
use crate::id::CiId;
use rollcall_shared::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;

/// How old the last sighting may get before it is written down again.
pub const SEEN_AGAIN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Changes of one event. Each is some 300 bytes in the log, whose records should stay below 64 KiB.
const CHANGES_PER_EVENT: usize = 150;

/// Both ends and the kind of a relation.
pub type Key = (CiId, RelationKind, CiId);

/// Who tells relations, and when.
pub struct Teller {
    /// Whose word it is.
    pub source: Source,
    /// The server's clock.
    pub now: Timestamp,
}

impl Teller {
    /// Whether a stored relation is of this teller's host. An agent that took another's place takes over what that one told.
    #[must_use]
    pub fn owns(&self, relation: &Relation) -> bool {
        relation.source == self.source || matches!((&relation.source, &self.source), (Source::Agent { .. }, Source::Agent { .. }))
    }

    /// What makes `told` (as stored: what each source says of one relation) say that this teller sees it now.
    #[must_use]
    pub fn set(&self, (from, kind, to): Key, told: &[Relation]) -> Option<Change> {
        let known = told.iter().find(|relation| relation.source == self.source);
        let is_fresh = known.is_some_and(|known| known.last_seen.plus(SEEN_AGAIN_AFTER) > self.now);
        let relation = Relation { from, kind, to, source: self.source.clone(), first_seen: self.now, last_seen: self.now };
        (!is_fresh).then_some(Change::Set { relation })
    }
}

/// Takes a relation back.
#[must_use]
pub fn removed(relation: &Relation) -> Change {
    let Relation { from, kind, to, source, .. } = relation.clone();
    Change::Removed { from, kind, to, source }
}

/// Brings stored relations of one host (`known`, those of others among them) in line with the `wanted` ones.
#[must_use]
pub fn settle<'a>(
    teller: &Teller,
    known: impl Iterator<Item = &'a Relation>,
    wanted: &BTreeSet<Key>,
    told: impl Fn(&Key) -> &'a [Relation],
    complete: bool,
) -> Vec<Change> {
    let mut changes: Vec<Change> = wanted.iter().filter_map(|key| teller.set(*key, told(key))).collect();
    if complete {
        let gone = |relation: &&Relation| {
            let is_wanted = wanted.contains(&(relation.from, relation.kind, relation.to)) && relation.source == teller.source;
            teller.owns(relation) && !is_wanted
        };
        changes.extend(known.filter(gone).map(removed));
    }
    changes
}

/// The events of changes, each small enough for one record.
pub fn events(changes: Vec<Change>) -> impl Iterator<Item = CiEvent> {
    let mut changes = changes.into_iter();
    std::iter::from_fn(move || {
        let changes: Vec<Change> = changes.by_ref().take(CHANGES_PER_EVENT).collect();
        (!changes.is_empty()).then_some(CiEvent::RelationsChanged { changes })
    })
}

/// The source that stands for a reporter's relations.
#[must_use]
pub fn teller(reporter: &Reporter, now: Timestamp) -> Teller {
    Teller { source: reporter.source(), now }
}
