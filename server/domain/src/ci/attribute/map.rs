//! Attributes by name: a sorted slice, because a fleet holds millions of such maps, most of them of ten entries, and a tree has
//! room for as many again as are in it.

use super::Attribute;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::ops::Index;
use std::sync::Arc;

/// Attributes by name, in order of the names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes(Vec<(Arc<str>, Attribute)>);

/// Goes over attributes in order of their names.
pub type Iter<'a> = std::iter::Map<std::slice::Iter<'a, (Arc<str>, Attribute)>, fn(&'a (Arc<str>, Attribute)) -> (&'a str, &'a Attribute)>;

impl Attributes {
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

    /// The attribute of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Attribute> {
        self.place(name).ok().map(|place| &self.0[place].1)
    }

    /// Whether there is one of this name.
    #[must_use]
    pub fn contains_key(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    /// Sets an attribute; the one of this name before.
    pub fn insert(&mut self, name: Arc<str>, attribute: Attribute) -> Option<Attribute> {
        match self.place(&name) {
            Ok(place) => Some(std::mem::replace(&mut self.0[place].1, attribute)),
            Err(place) => {
                self.0.insert(place, (name, attribute));
                None
            }
        }
    }

    /// Removes an attribute.
    pub fn remove(&mut self, name: &str) -> Option<Attribute> {
        self.place(name).ok().map(|place| self.0.remove(place).1)
    }

    /// All, in order of the names.
    pub fn iter(&self) -> Iter<'_> {
        self.0.iter().map(|(name, attribute)| (name.as_ref(), attribute))
    }

    /// All names, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    /// All attributes, in order of the names.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Attribute> {
        self.0.iter().map(|(_, attribute)| attribute)
    }

    /// Those that come in order of their names.
    pub(super) fn of_sorted(sorted: Vec<(Arc<str>, Attribute)>) -> Self {
        debug_assert!(sorted.is_sorted_by(|(a, _), (b, _)| a < b));
        Self(sorted)
    }

    /// All with their names as they are held.
    pub(in crate::ci) fn entries(&self) -> &[(Arc<str>, Attribute)] {
        &self.0
    }

    /// Gives back what growing has reserved.
    pub(in crate::ci) fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }

    /// All, to be shared with others.
    pub(in crate::ci) fn iter_mut(&mut self) -> impl Iterator<Item = (&mut Arc<str>, &mut Attribute)> {
        self.0.iter_mut().map(|(name, attribute)| (name, attribute))
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_ref().cmp(name))
    }
}

impl<'a> IntoIterator for &'a Attributes {
    type Item = (&'a str, &'a Attribute);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<N: Into<Arc<str>>> FromIterator<(N, Attribute)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (N, Attribute)>>(entries: I) -> Self {
        let map: BTreeMap<Arc<str>, Attribute> = entries.into_iter().map(|(name, attribute)| (name.into(), attribute)).collect();
        Self(map.into_iter().collect())
    }
}

impl Index<&str> for Attributes {
    type Output = Attribute;

    fn index(&self, name: &str) -> &Attribute {
        self.get(name).unwrap_or_else(|| panic!("there is no attribute {name}"))
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, attribute)| (name.as_ref(), attribute)))
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(BTreeMap::<String, Attribute>::deserialize(deserializer)?.into_iter().collect())
    }
}
