//! Hosts under small numbers, so that sets of them are bitmaps.

use super::SoftwareIndex;
use crate::id::CiId;
use roaring::RoaringBitmap;
use std::collections::BTreeSet;

/// The numbers that are given out. A number that no host has any more is given to the next one.
#[derive(Clone, Debug, Default)]
pub(super) struct HostNumbers {
    ids: Vec<CiId>,
    free: Vec<u32>,
}

impl HostNumbers {
    /// A number for a host that has none.
    pub(super) fn give(&mut self, host: CiId) -> u32 {
        super::image::place(&mut self.ids, &mut self.free, host)
    }

    /// Takes a number back.
    pub(super) fn take_back(&mut self, number: u32) {
        self.free.push(number);
    }

    fn host(&self, number: u32) -> Option<CiId> {
        self.ids.get(number as usize).copied()
    }
}

/// Hosts that an answer of the index consists of.
#[derive(Clone, Debug)]
pub struct HostSet<'a> {
    pub(super) index: &'a SoftwareIndex,
    pub(super) numbers: RoaringBitmap,
}

impl<'a> HostSet<'a> {
    /// How many.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.numbers.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Whether a host is one of them.
    #[must_use]
    pub fn contains(&self, host: CiId) -> bool {
        self.index.hosts.get(&host).is_some_and(|placed| self.numbers.contains(placed.number))
    }

    /// The hosts, in no meaningful order.
    pub fn iter(&self) -> impl Iterator<Item = CiId> {
        self.numbers.iter().filter_map(|number| self.index.numbers.host(number))
    }

    /// The hosts in order of their ids.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<CiId> {
        self.iter().collect()
    }

    /// The hosts that are in both sets of one index.
    #[must_use]
    pub fn and(mut self, other: &HostSet<'_>) -> HostSet<'a> {
        self.numbers &= &other.numbers;
        self
    }
}
