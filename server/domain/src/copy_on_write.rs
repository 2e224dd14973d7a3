//! Records that two copies of the state share until one of them changes its own.
//!
//! A snapshot is made of a copy of the state while the state goes on. Of a large fleet the records themselves are most of it, so a
//! copy takes over a reference to each, and whoever changes a record that is still referred to changes a copy of that record.
//!
//! Invariants: no change of one copy is ever seen in another; a record that nobody else refers to is changed where it lies, at the
//! price of one look at its count. Two words a record are what that costs in memory.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A record that is copied when it is changed while another copy of the state refers to it. Reading it mutably counts as a change:
/// take `&mut` only where one is made.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CopyOnWrite<T>(Arc<T>);

impl<T> CopyOnWrite<T> {
    /// A record that nobody else refers to.
    #[must_use]
    pub fn new(record: T) -> Self {
        Self(Arc::new(record))
    }
}

impl<T: Clone> CopyOnWrite<T> {
    /// The record itself, copied if another copy of the state refers to it.
    #[must_use]
    pub fn into_inner(self) -> T {
        Arc::unwrap_or_clone(self.0)
    }
}

/// Another reference: cheap, whatever the record is.
impl<T> Clone for CopyOnWrite<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for CopyOnWrite<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for CopyOnWrite<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

/// As the record itself.
impl<T: Serialize> Serialize for CopyOnWrite<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_ref().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for CopyOnWrite<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_in_no_other_copy() {
        let mut live = CopyOnWrite::new(vec![1]);
        let still = live.clone();
        live.push(2);
        assert_eq!((live.as_slice(), still.as_slice()), (&[1, 2][..], &[1][..]));
    }

    #[test]
    fn a_record_that_nobody_else_refers_to_is_changed_where_it_lies() {
        let mut record = CopyOnWrite::new([0_u8; 64]);
        let lies_at = record.as_ptr();
        record[0] = 1;
        assert_eq!(record.as_ptr(), lies_at);
        drop(record.clone());
        record[0] = 2;
        assert_eq!(record.as_ptr(), lies_at, "a copy that is gone counts for nothing");
    }
}
