//! Configuration items as they were.
//!
//! A CI at a moment is the fold of its own records up to that moment: the same function that made it what it is. Its volatile
//! sections are not in its history, see [`fold::is_volatile`]; they come from what each section remembers.

use super::{Ci, Cmdb, SectionState, fold};
use crate::context::NoContent;
use crate::id::CiId;
use crate::{Event, Record};
use rollcall_shared::Timestamp;

/// What these records, in order, say of configuration items: those up to the last one at or before the moment.
#[must_use]
pub fn replay(records: &[Record], moment: Timestamp) -> Cmdb {
    let mut cmdb = Cmdb::default();
    // The last one decides: should the server's clock have jumped back, earlier records are not skipped.
    let count = records.iter().rposition(|record| record.at <= moment).map_or(0, |last| last + 1);
    for record in &records[..count] {
        if let Event::Ci(event) = &record.event {
            fold::apply(&mut cmdb, record, event, &NoContent);
        }
    }
    cmdb
}

/// A CI at a moment, from the records of its history; `None` when it did not exist yet.
#[must_use]
pub fn at(now: &Ci, records: &[Record], moment: Timestamp) -> Option<Ci> {
    let mut then = replay(records, moment).cis.remove(&now.id)?;
    for (name, state) in now.sections.iter().filter(|(name, _)| fold::is_volatile(**name)) {
        if let Some(state) = section_at(state, moment) {
            then.sections.insert(*name, state);
        }
    }
    Some(then)
}

/// A section as it was, as far as it remembers.
fn section_at(now: &SectionState, moment: Timestamp) -> Option<SectionState> {
    let history: Vec<_> = now.history.iter().filter(|(since, _)| *since <= moment).copied().collect();
    let &(since, hash) = history.last()?;
    Some(SectionState { hash: Some(hash), partial: None, since, history, ..now.clone() })
}

/// Whether records of a CI's history are all of them: the first one made it.
#[must_use]
pub fn is_whole(id: CiId, records: &[Record]) -> bool {
    records.first().is_some_and(|record| matches!(&record.event, Event::Ci(event) if fold::creates(event, id)))
}

/// Whether a record belongs to the history of a CI.
#[must_use]
pub fn concerns(record: &Record, id: CiId) -> bool {
    matches!(&record.event, Event::Ci(event) if fold::concerns(event, id))
}

#[cfg(test)]
mod tests;
