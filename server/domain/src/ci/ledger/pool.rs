//! Values that many hold, held once.

use std::collections::BTreeSet;
use std::sync::Arc;

/// Entries below which nothing is swept.
const SMALL: usize = 1024;

/// Entries that are held at most: beyond it looking for an equal one costs more than it saves.
const LARGE: usize = 200_000;

/// A pool. What nobody holds any more is swept after as many values came as there were, so that it follows what is in use.
#[derive(Debug)]
pub struct Pool<T: ?Sized> {
    held: BTreeSet<Arc<T>>,
    /// Values that may come before the next sweep.
    room: usize,
}

/// Places of values that came last: most of what an item holds, the items before it hold as well.
const RECENT: usize = 1 << 14;

/// Where values that were recalled are in memory.
pub struct Seen {
    all: BTreeSet<*const ()>,
    recent: Vec<*const ()>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { all: BTreeSet::new(), recent: vec![std::ptr::null(); RECENT] }
    }
}

impl Seen {
    /// Whether it came for the first time.
    fn is_first(&mut self, place: *const ()) -> bool {
        // Allocations are sixteen bytes apart.
        let recent = &mut self.recent[(place.addr() >> 4) % RECENT];
        std::mem::replace(recent, place) != place && self.all.insert(place)
    }
}

impl<T: Ord + ?Sized> Pool<T> {
    /// Takes note of a value that several hold already. What was `seen` is told by its place: that is cheaper than to compare.
    pub fn recall(&mut self, value: &Arc<T>, seen: &mut Seen) {
        let is_shared = Arc::strong_count(value) > 1;
        if is_shared && seen.is_first(Arc::as_ptr(value).cast()) && self.held.len() < LARGE {
            self.held.insert(Arc::clone(value));
        }
    }

    /// The value as others hold it.
    pub fn share(&mut self, value: &T, make: impl FnOnce(&T) -> Arc<T>) -> Arc<T> {
        if let Some(held) = self.held.get(value) {
            return Arc::clone(held);
        }
        if self.room == 0 {
            self.held.retain(|held| Arc::strong_count(held) > 1);
            self.room = self.held.len().max(SMALL);
        }
        self.room -= 1;
        let made = make(value);
        if self.held.len() < LARGE {
            self.held.insert(Arc::clone(&made));
        }
        made
    }
}

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Self {
        Self { held: BTreeSet::new(), room: SMALL }
    }
}

impl<T: ?Sized> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Self { held: self.held.clone(), room: self.room }
    }
}

/// What is held says nothing of the items: any two pools are equal.
impl<T: ?Sized> PartialEq for Pool<T> {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one_and_what_nobody_holds_is_swept() {
        let mut pool = Pool::<str>::default();
        let kept = pool.share("kept", |text| Arc::from(text));
        for number in 0..100_000 {
            pool.share(&number.to_string(), |text| Arc::from(text));
        }
        assert!(pool.held.len() <= 2 * SMALL);
        assert!(Arc::ptr_eq(&kept, &pool.share("kept", |_| unreachable!("it is held"))));
    }
}
