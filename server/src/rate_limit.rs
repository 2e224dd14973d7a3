//! Rate limits by key, in bounded memory.
//!
//! A bucket holds as many tokens as may be used at once and refills evenly. A full bucket is as good as none, so only keys
//! that used something lately are remembered. When the table is full of such keys the ones nearest to full go: a limit
//! gets laxer under a flood from many addresses, it never locks out somebody who did nothing.

use crate::clock::Clock;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Buckets of tokens.
pub struct RateLimit<K> {
    clock: Arc<dyn Clock>,
    /// Time to refill one token.
    step: Duration,
    /// Time to refill a whole bucket.
    full: Duration,
    /// Keys remembered at most.
    capacity: usize,
    /// For each key when its bucket will be full again (monotonic).
    full_at: Mutex<BTreeMap<K, Duration>>,
}

impl<K: Ord + Clone> RateLimit<K> {
    /// `burst` at once, as many again in each `period`; at most `capacity` keys in memory.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, burst: u32, period: Duration, capacity: usize) -> Self {
        Self { clock, step: period / burst.max(1), full: period, capacity, full_at: Mutex::default() }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// With the time until there is one.
    pub fn take(&self, key: &K) -> Result<(), Duration> {
        let now = self.clock.monotonic();
        let mut table = self.lock();
        let full_at = table.get(key).copied().unwrap_or(now).max(now) + self.step;
        if full_at > now + self.full {
            return Err(full_at - (now + self.full));
        }
        if table.len() >= self.capacity && !table.contains_key(key) {
            make_room(&mut table, now);
        }
        table.insert(key.clone(), full_at);
        Ok(())
    }

    /// Whether there is a token, without taking it.
    ///
    /// # Errors
    /// With the time until there is one.
    pub fn look(&self, key: &K) -> Result<(), Duration> {
        let now = self.clock.monotonic();
        let full_at = self.lock().get(key).copied().unwrap_or(now).max(now) + self.step;
        if full_at > now + self.full { Err(full_at - (now + self.full)) } else { Ok(()) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<K, Duration>> {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets full buckets; when there are none, the fuller half, so that this is done rarely.
fn make_room<K: Ord>(table: &mut BTreeMap<K, Duration>, now: Duration) {
    let before = table.len();
    table.retain(|_, full_at| *full_at > now);
    if table.len() == before {
        let mut times: Vec<Duration> = table.values().copied().collect();
        times.sort_unstable();
        let median = times.get(times.len() / 2).copied().unwrap_or(now);
        table.retain(|_, full_at| *full_at > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use rollcall_shared::Timestamp;

    fn limit(capacity: usize) -> (Arc<ManualClock>, RateLimit<u32>) {
        let clock = Arc::new(ManualClock::at(Timestamp(0)));
        (clock.clone(), RateLimit::new(clock, 3, Duration::from_secs(60), capacity))
    }

    #[test]
    fn a_burst_is_allowed_and_the_next_must_wait() {
        let (_, limit) = limit(10);
        assert!((0..3).all(|_| limit.take(&1).is_ok()));
        assert_eq!(limit.take(&1), Err(Duration::from_secs(20)));
        assert_eq!(limit.take(&2), Ok(()));
    }

    #[test]
    fn tokens_come_back_evenly() {
        let (clock, limit) = limit(10);
        while limit.take(&1).is_ok() {}
        clock.advance(Duration::from_secs(20));
        assert_eq!((limit.take(&1), limit.take(&1)), (Ok(()), Err(Duration::from_secs(20))));
    }

    #[test]
    fn looking_takes_nothing() {
        let (_, limit) = limit(10);
        assert!((0..9).all(|_| limit.look(&1).is_ok()));
        while limit.take(&1).is_ok() {}
        assert_eq!(limit.look(&1), Err(Duration::from_secs(20)));
    }

    #[test]
    fn the_table_has_a_bound_and_a_flood_of_keys_locks_nobody_out() {
        let (_, limit) = limit(100);
        assert!((0..10_000).all(|key| limit.take(&key).is_ok()));
        assert!(limit.lock().len() <= 100);
    }
}
