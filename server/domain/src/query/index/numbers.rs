//! The numbers of one field of all records: sizes, counts, moments.
//!
//! Few distinct numbers have a bitmap each; many are kept by record and looked through, which takes a millisecond for a
//! hundred thousand.

use roaring::RoaringBitmap;
use std::collections::{BTreeMap, BTreeSet};

/// Distinct numbers up to which each has a bitmap: memory sizes and core counts of a fleet, not moments.
const FEW: usize = 256;

/// A number under which numbers are ordered as bits are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(u64);

impl Key {
    /// The key of a number.
    #[must_use]
    pub fn new(number: f64) -> Self {
        // Minus zero is zero.
        let bits = (number + 0.0).to_bits();
        Self(if bits >> 63 == 1 { !bits } else { bits | 1 << 63 })
    }
}

/// Numbers with the records that have them, one a record.
#[derive(Clone, Debug)]
pub enum Numbers {
    /// By number.
    Few(BTreeMap<Key, RoaringBitmap>),
    /// By record.
    Many(BTreeMap<u32, Key>),
}

impl Default for Numbers {
    fn default() -> Self {
        Self::Few(BTreeMap::new())
    }
}

impl Numbers {
    /// A record has a number.
    pub fn insert(&mut self, record: u32, key: Key) {
        match self {
            Self::Few(numbers) => {
                numbers.entry(key).or_default().insert(record);
                if numbers.len() > FEW {
                    let pairs = numbers.iter().flat_map(|(&key, records)| records.iter().map(move |record| (record, key)));
                    *self = Self::Many(pairs.collect());
                }
            }
            Self::Many(records) => drop(records.insert(record, key)),
        }
    }

    /// A record has a number no more.
    pub fn remove(&mut self, record: u32, key: Key) {
        match self {
            Self::Few(numbers) => {
                let Some(records) = numbers.get_mut(&key) else { return };
                records.remove(record);
                if records.is_empty() {
                    numbers.remove(&key);
                }
            }
            Self::Many(records) if records.get(&record) == Some(&key) => drop(records.remove(&record)),
            Self::Many(_) => {}
        }
    }

    /// Records whose number is wanted.
    #[must_use]
    pub fn find(&self, wanted: impl Fn(Key) -> bool) -> RoaringBitmap {
        match self {
            Self::Few(numbers) => {
                let wanted = numbers.iter().filter(|(key, _)| wanted(**key));
                wanted.fold(RoaringBitmap::new(), |found, (_, records)| found | records)
            }
            Self::Many(records) => {
                let found = records.iter().filter(|(_, key)| wanted(**key)).map(|(record, _)| *record);
                RoaringBitmap::from_sorted_iter(found).expect("records are in order")
            }
        }
    }

    /// Every number with every record that has it, for comparing.
    #[must_use]
    pub fn dump(&self) -> BTreeSet<(Key, u32)> {
        match self {
            Self::Few(numbers) => numbers.iter().flat_map(|(&key, records)| records.iter().map(move |record| (key, record))).collect(),
            Self::Many(records) => records.iter().map(|(&record, &key)| (key, record)).collect(),
        }
    }

    /// Bytes of memory, estimated.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Few(numbers) => numbers.values().map(|records| 60 + records.serialized_size()).sum(),
            Self::Many(records) => records.len() * 24,
        }
    }
}
