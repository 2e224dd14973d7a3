//! Records by id, of which a copy of the state takes over references alone.
//!
//! A tree whose nodes are half empty on average must not hold large records itself: each is one allocation beside it, which copies of
//! the state share until one of them changes it ([`CopyOnWrite`]).

use crate::copy_on_write::CopyOnWrite;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, btree_map};
use std::ops::{Index, RangeBounds};

/// Records in order of their ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent, bound(deserialize = "K: Deserialize<'de> + Ord, V: Deserialize<'de>"))]
pub struct Records<K, V>(BTreeMap<K, CopyOnWrite<V>>);

/// Goes over records in order of their ids.
pub type Iter<'a, K, V, I> = std::iter::Map<I, fn((&'a K, &'a CopyOnWrite<V>)) -> (&'a K, &'a V)>;

fn pair<'a, K, V>((id, record): (&'a K, &'a CopyOnWrite<V>)) -> (&'a K, &'a V) {
    (id, record)
}

impl<K, V> Default for Records<K, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord, V> Records<K, V> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The record of this id.
    #[must_use]
    pub fn get(&self, id: &K) -> Option<&V> {
        self.0.get(id).map(|record| &**record)
    }

    /// Whether there is a record of this id.
    #[must_use]
    pub fn contains_key(&self, id: &K) -> bool {
        self.0.contains_key(id)
    }

    /// All, in order of the ids.
    pub fn iter(&self) -> Iter<'_, K, V, btree_map::Iter<'_, K, CopyOnWrite<V>>> {
        self.0.iter().map(pair)
    }

    /// Those whose ids are in a range, in order.
    pub fn range(&self, ids: impl RangeBounds<K>) -> Iter<'_, K, V, btree_map::Range<'_, K, CopyOnWrite<V>>> {
        self.0.range(ids).map(pair)
    }

    /// All ids, in order.
    pub fn keys(&self) -> btree_map::Keys<'_, K, CopyOnWrite<V>> {
        self.0.keys()
    }

    /// All records, in order of the ids.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + ExactSizeIterator + Clone {
        self.0.values().map(|record| &**record)
    }

    /// All records, in order of the ids; each is there to be changed.
    pub fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut CopyOnWrite<V>> {
        self.0.values_mut()
    }
}

impl<K: Ord, V: Clone> Records<K, V> {
    /// The record of this id, to be changed: another copy of the state that refers to it keeps what it was.
    pub fn get_mut(&mut self, id: &K) -> Option<&mut V> {
        self.0.get_mut(id).map(|record| &mut **record)
    }

    /// Sets a record; the one of this id before.
    pub fn insert(&mut self, id: K, record: V) -> Option<V> {
        self.0.insert(id, CopyOnWrite::new(record)).map(CopyOnWrite::into_inner)
    }

    /// Removes a record.
    pub fn remove(&mut self, id: &K) -> Option<V> {
        self.0.remove(id).map(CopyOnWrite::into_inner)
    }
}

impl<K: Ord, V> Index<&K> for Records<K, V> {
    type Output = V;

    fn index(&self, id: &K) -> &V {
        &self.0[id]
    }
}

impl<'a, K: Ord, V> IntoIterator for &'a Records<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V, btree_map::Iter<'a, K, CopyOnWrite<V>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Records<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(records: I) -> Self {
        records.into_iter().map(|(id, record)| (id, CopyOnWrite::new(record))).collect()
    }
}

/// Of records that have their place on the heap already.
impl<K: Ord, V> FromIterator<(K, CopyOnWrite<V>)> for Records<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, CopyOnWrite<V>)>>(records: I) -> Self {
        Self(records.into_iter().collect())
    }
}
