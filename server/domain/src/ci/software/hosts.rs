//! Hosts under small numbers, so that sets of them are bitmaps.

use super::SoftwareIndex;
use crate::id::CiId;
use roaring::RoaringBitmap;
use std::collections::BTreeSet;
use std::ops::Bound;

/// Where it is cheaper to sort the hosts of an answer than to walk over all: one in so many.
const SPARSE: u64 = 8;

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

    /// The hosts from some host on, in order of their ids. Lazy where there are many.
    pub fn ordered(self, from: Bound<CiId>) -> impl Iterator<Item = CiId> + 'a {
        let Self { index, numbers } = self;
        let is_few = numbers.len() * SPARSE < index.hosts.len() as u64;
        let few: BTreeSet<CiId> =
            if is_few { numbers.iter().filter_map(|number| index.numbers.host(number)).collect() } else { BTreeSet::new() };
        let few = few.into_iter().filter(move |host| match from {
            Bound::Included(first) => *host >= first,
            Bound::Excluded(last) => *host > last,
            Bound::Unbounded => true,
        });
        let walk = (!is_few).then(|| index.hosts.range((from, Bound::Unbounded)));
        let many = walk.into_iter().flatten().filter(move |(_, placed)| numbers.contains(placed.number)).map(|(&host, _)| host);
        few.chain(many)
    }

    /// Those that run a release that fits.
    #[must_use]
    pub fn on(mut self, fits: impl Fn(&str, &str) -> bool) -> HostSet<'a> {
        let mut running = RoaringBitmap::new();
        for (_, hosts) in self.index.releases.iter().filter(|((os_id, os_version), _)| fits(os_id, os_version)) {
            running |= hosts;
        }
        self.numbers &= running;
        self
    }

    /// The hosts that are in either set of one index.
    #[must_use]
    pub fn or(mut self, other: &HostSet<'_>) -> HostSet<'a> {
        self.numbers |= &other.numbers;
        self
    }

    /// The hosts that are in both sets of one index.
    #[must_use]
    pub fn and(mut self, other: &HostSet<'_>) -> HostSet<'a> {
        self.numbers &= &other.numbers;
        self
    }
}
