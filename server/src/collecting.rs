//! What feeds measure, counted: values taken and refused by reason, and resources that mean no item.
//!
//! What means no item is not kept, but people must see that there is such and why: so many of these resources are remembered, in memory
//! alone, for they come again with the next push. Bounded: when the table is full, what was not heard for an hour makes room.

use rollcall_domain::collect::Refusal;
use rollcall_domain::id::CiId;
use rollcall_domain::trust::feed::FeedName;
use rollcall_shared::{AgentId, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Resources without an item that are remembered: at about 1 KiB each 10 MiB.
const UNPLACED: usize = 10_000;

/// For how long one that is not heard any more is remembered when others need its place.
const LATELY: Duration = Duration::from_secs(3_600);

/// A resource that means no item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unplaced {
    /// The feed that tells of it.
    pub feed: FeedName,
    /// What the feed tells it apart by.
    pub key: String,
    /// Why it means none.
    pub reason: String,
    /// Series of its last push.
    pub series: usize,
    /// When it was first heard since the server's start.
    pub since: Timestamp,
    /// When it was last heard.
    pub last: Timestamp,
}

/// Counters and resources; clones share them.
#[derive(Clone, Default)]
pub struct Collecting(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    taken: u64,
    refused: BTreeMap<Refusal, u64>,
    unplaced: BTreeMap<AgentId, Unplaced>,
}

impl Collecting {
    /// Counts what became of values.
    pub fn count(&self, taken: u64, refused: &BTreeMap<Refusal, u64>) {
        let mut known = self.lock();
        known.taken = known.taken.saturating_add(taken);
        for (reason, count) in refused {
            let counted = known.refused.entry(*reason).or_default();
            *counted = counted.saturating_add(*count);
        }
    }

    /// Remembers a resource that means no item.
    pub fn miss(&self, (feed, key): (&FeedName, &str), reason: &str, series: usize, now: Timestamp) {
        let id = id(feed, key);
        let mut known = self.lock();
        if !known.unplaced.contains_key(&id) && known.unplaced.len() >= UNPLACED {
            known.unplaced.retain(|_, one| now.since(one.last) <= LATELY);
            if known.unplaced.len() >= UNPLACED {
                return;
            }
        }
        let fresh = || Unplaced { feed: feed.clone(), key: key.to_owned(), reason: String::new(), series, since: now, last: now };
        let one = known.unplaced.entry(id).or_insert_with(fresh);
        (one.reason, one.series, one.last) = (reason.to_owned(), series, now);
    }

    /// Forgets a resource that means an item now.
    pub fn found(&self, feed: &FeedName, key: &str) {
        self.lock().unplaced.remove(&id(feed, key));
    }

    /// The resources that mean no item, by the ids that they are listed under.
    #[must_use]
    pub fn unplaced(&self) -> BTreeMap<AgentId, Unplaced> {
        self.lock().unplaced.clone()
    }

    /// Values taken, values refused by reason, resources that mean no item.
    #[must_use]
    pub fn figures(&self) -> (u64, BTreeMap<Refusal, u64>, usize) {
        let known = self.lock();
        (known.taken, known.refused.clone(), known.unplaced.len())
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name for a resource that has no voice: the same for as long as it is called the same.
fn id(feed: &FeedName, key: &str) -> AgentId {
    let nobody = CiId { family: rollcall_domain::id::Family::Other, bits: 0 };
    let spoken = rollcall_domain::trust::collector::Spoken { feed: feed.clone(), key: key.to_owned(), ci: nobody, placed: String::new() };
    spoken.voice()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    #[test]
    fn values_are_counted_and_a_resource_is_listed_until_it_means_an_item() {
        let collecting = Collecting::default();
        let feed: FeedName = "site".parse().unwrap();
        collecting.count(3, &BTreeMap::from([(Refusal::Unplaced, 2)]));
        collecting.count(1, &BTreeMap::from([(Refusal::Unplaced, 1), (Refusal::Delta, 1)]));
        collecting.miss((&feed, "host.name=x"), "first", 2, NOW);
        collecting.miss((&feed, "host.name=x"), "second", 3, Timestamp(NOW.0 + 1));
        let listed: Vec<Unplaced> = collecting.unplaced().into_values().collect();
        let expected = Unplaced {
            feed: feed.clone(),
            key: "host.name=x".into(),
            reason: "second".into(),
            series: 3,
            since: NOW,
            last: Timestamp(NOW.0 + 1),
        };
        assert_eq!(listed, [expected]);
        assert_eq!(collecting.figures(), (4, BTreeMap::from([(Refusal::Unplaced, 3), (Refusal::Delta, 1)]), 1));
        collecting.found(&feed, "host.name=x");
        assert!(collecting.unplaced().is_empty());
    }

    #[test]
    fn the_table_is_bounded_and_what_is_heard_no_more_makes_room() {
        let collecting = Collecting::default();
        let feed: FeedName = "site".parse().unwrap();
        (0..UNPLACED + 5).for_each(|number| collecting.miss((&feed, &number.to_string()), "why", 1, NOW));
        assert_eq!(collecting.figures().2, UNPLACED);
        collecting.miss((&feed, "late"), "why", 1, NOW.plus(LATELY * 2));
        assert_eq!(collecting.figures().2, 1);
    }
}
