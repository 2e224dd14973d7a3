//! All configuration items by id.
//!
//! A tree whose nodes are half empty on average must not hold large records itself: each item is one allocation beside it, which
//! copies of the state share until one of them changes it.

mod frozen;

pub use frozen::packed;

use super::Ci;
use crate::copy_on_write::CopyOnWrite;
use crate::id::CiId;
use std::collections::{BTreeMap, btree_map};
use std::ops::{Index, RangeBounds};

/// Items in order of their ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Items(BTreeMap<CiId, CopyOnWrite<Ci>>);

/// Goes over items in order of their ids.
pub type Iter<'a, I> = std::iter::Map<I, fn((&'a CiId, &'a CopyOnWrite<Ci>)) -> (&'a CiId, &'a Ci)>;

fn pair<'a>((id, ci): (&'a CiId, &'a CopyOnWrite<Ci>)) -> (&'a CiId, &'a Ci) {
    (id, ci)
}

impl Items {
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

    /// The item of this id.
    #[must_use]
    pub fn get(&self, id: &CiId) -> Option<&Ci> {
        self.0.get(id).map(|ci| &**ci)
    }

    /// The item of this id, to be changed.
    pub fn get_mut(&mut self, id: &CiId) -> Option<&mut Ci> {
        self.0.get_mut(id).map(|ci| &mut **ci)
    }

    /// Whether there is an item of this id.
    #[must_use]
    pub fn contains_key(&self, id: &CiId) -> bool {
        self.0.contains_key(id)
    }

    /// Sets an item; the one of this id before.
    pub fn insert(&mut self, id: CiId, ci: Ci) -> Option<Ci> {
        self.0.insert(id, CopyOnWrite::new(ci)).map(CopyOnWrite::into_inner)
    }

    /// Removes an item.
    pub fn remove(&mut self, id: &CiId) -> Option<Ci> {
        self.0.remove(id).map(CopyOnWrite::into_inner)
    }

    /// All, in order of the ids.
    pub fn iter(&self) -> Iter<'_, btree_map::Iter<'_, CiId, CopyOnWrite<Ci>>> {
        self.0.iter().map(pair)
    }

    /// Those whose ids are in a range, in order.
    pub fn range(&self, ids: impl RangeBounds<CiId>) -> Iter<'_, btree_map::Range<'_, CiId, CopyOnWrite<Ci>>> {
        self.0.range(ids).map(pair)
    }

    /// All ids, in order.
    pub fn keys(&self) -> btree_map::Keys<'_, CiId, CopyOnWrite<Ci>> {
        self.0.keys()
    }

    /// All items, in order of the ids.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Ci> + ExactSizeIterator + Clone {
        self.0.values().map(|ci| &**ci)
    }

    /// All items, in order of the ids; each is there to be changed.
    pub fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut CopyOnWrite<Ci>> {
        self.0.values_mut()
    }
}

impl Index<&CiId> for Items {
    type Output = Ci;

    fn index(&self, id: &CiId) -> &Ci {
        &self.0[id]
    }
}

impl<'a> IntoIterator for &'a Items {
    type Item = (&'a CiId, &'a Ci);
    type IntoIter = Iter<'a, btree_map::Iter<'a, CiId, CopyOnWrite<Ci>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromIterator<(CiId, Ci)> for Items {
    fn from_iter<I: IntoIterator<Item = (CiId, Ci)>>(items: I) -> Self {
        Self(items.into_iter().map(|(id, ci)| (id, CopyOnWrite::new(ci))).collect())
    }
}
