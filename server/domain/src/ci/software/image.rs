//! Distinct package lists and the pairs in them, both under small numbers.

use super::package::Details;
use crate::id::CiId;
use roaring::RoaringBitmap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Images {
    images: Vec<Image>,
    by_pairs: BTreeMap<Arc<[u32]>, u32>,
    free_images: Vec<u32>,
    pairs: Vec<Pair>,
    free_pairs: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Image {
    pairs: Arc<[u32]>,
    hosts: RoaringBitmap,
}

/// A product in one version as one packager made it.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) product: CiId,
    pub(super) version: Box<str>,
    pub(super) details: Arc<Details>,
    images: RoaringBitmap,
}

impl Pair {
    pub(super) fn new(product: CiId, version: Box<str>, details: Arc<Details>) -> Self {
        Self { product, version, details, images: RoaringBitmap::new() }
    }
}

impl Images {
    /// A number for a pair that has none. It must be part of an image before the next [`Self::leave`].
    pub(super) fn new_pair(&mut self, pair: Pair) -> u32 {
        place(&mut self.pairs, &mut self.free_pairs, pair)
    }

    /// The image with exactly these pairs, sorted and without repetition; made when there is none. It must be entered before the next [`Self::leave`].
    pub(super) fn of(&mut self, pairs: Vec<u32>) -> u32 {
        if let Some(&known) = self.by_pairs.get(&pairs[..]) {
            return known;
        }
        let pairs: Arc<[u32]> = pairs.into();
        let image = Image { pairs: Arc::clone(&pairs), hosts: RoaringBitmap::new() };
        let number = place(&mut self.images, &mut self.free_images, image);
        for &pair in &*pairs {
            self.pairs[pair as usize].images.insert(number);
        }
        self.by_pairs.insert(pairs, number);
        number
    }

    /// One more host has the image.
    pub(super) fn enter(&mut self, image: u32, host: u32) {
        self.images[image as usize].hosts.insert(host);
    }

    /// A host has the image no more. Returns the pairs that no image has any more, with their numbers.
    pub(super) fn leave(&mut self, image: u32, host: u32) -> Vec<(u32, Pair)> {
        let left = &mut self.images[image as usize];
        left.hosts.remove(host);
        if !left.hosts.is_empty() {
            return Vec::new();
        }
        let pairs = std::mem::replace(&mut left.pairs, Arc::new([]));
        self.by_pairs.remove(&pairs);
        self.free_images.push(image);
        let mut gone = Vec::new();
        for &number in &*pairs {
            let pair = &mut self.pairs[number as usize];
            pair.images.remove(image);
            if pair.images.is_empty() {
                self.free_pairs.push(number);
                let nothing = Pair::new(pair.product, Box::default(), Arc::default());
                gone.push((number, std::mem::replace(pair, nothing)));
            }
        }
        gone
    }

    /// A pair that some image has.
    pub(super) fn pair(&self, number: u32) -> Option<&Pair> {
        self.pairs.get(number as usize).filter(|pair| !pair.images.is_empty())
    }

    /// Whether a pair is part of an image.
    pub(super) fn has(&self, pair: u32, image: u32) -> bool {
        self.pairs.get(pair as usize).is_some_and(|pair| pair.images.contains(image))
    }

    /// Images that have at least one of these pairs.
    pub(super) fn with_any(&self, pairs: impl Iterator<Item = u32>) -> RoaringBitmap {
        let mut images = RoaringBitmap::new();
        for pair in pairs.filter_map(|pair| self.pairs.get(pair as usize)) {
            images |= &pair.images;
        }
        images
    }

    /// Hosts with one of these images.
    pub(super) fn hosts(&self, images: &RoaringBitmap) -> RoaringBitmap {
        let mut hosts = RoaringBitmap::new();
        for image in images.iter().filter_map(|image| self.images.get(image as usize)) {
            hosts |= &image.hosts;
        }
        hosts
    }

    /// How many hosts have at least one of these pairs. A host has one image, so the counts add up.
    pub(super) fn host_count(&self, pairs: impl Iterator<Item = u32>) -> u64 {
        self.with_any(pairs).iter().filter_map(|image| self.images.get(image as usize)).map(|image| image.hosts.len()).sum()
    }

    /// The same without some hosts.
    pub(super) fn host_count_without(&self, pairs: impl Iterator<Item = u32>, left_out: &RoaringBitmap) -> u64 {
        let images = self.with_any(pairs);
        let images = images.iter().filter_map(|image| self.images.get(image as usize));
        images.map(|image| image.hosts.len() - image.hosts.intersection_len(left_out)).sum()
    }

    /// For each pair of these images, the sum of the counts and the exclusive or of the marks of the images that have it. Added
    /// up by number: a fleet has millions of (image, pair) and only thousands of pairs.
    pub(super) fn sums(&self, images: &BTreeMap<u32, (u64, u64)>) -> BTreeMap<(CiId, &str), (u64, u64)> {
        let mut sums = vec![(0, 0); self.pairs.len()];
        for (&image, (count, marks)) in images {
            for &pair in self.images.get(image as usize).map_or(&[][..], |image| &image.pairs) {
                let sum: &mut (u64, u64) = &mut sums[pair as usize];
                sum.0 += count;
                sum.1 ^= marks;
            }
        }
        let mut found: BTreeMap<(CiId, &str), (u64, u64)> = BTreeMap::new();
        for (pair, (count, marks)) in self.pairs.iter().zip(sums).filter(|(_, (count, _))| *count > 0) {
            // An image has a product in one version once, so nobody is counted twice.
            let sum = found.entry((pair.product, &pair.version)).or_default();
            sum.0 += count;
            sum.1 ^= marks;
        }
        found
    }

    /// The pairs of an image, with their numbers.
    pub(super) fn pairs(&self, image: u32) -> impl Iterator<Item = (u32, &Pair)> {
        let numbers = self.images.get(image as usize).map_or(&[][..], |image| &image.pairs);
        numbers.iter().map(|&number| (number, &self.pairs[number as usize]))
    }
}

/// Puts an item on a free place, or on a new one. There are fewer than 2³² of either: each takes far more than a byte of memory.
pub(super) fn place<T>(items: &mut Vec<T>, free: &mut Vec<u32>, item: T) -> u32 {
    match free.pop() {
        Some(number) => {
            items[number as usize] = item;
            number
        }
        None => {
            items.push(item);
            u32::try_from(items.len() - 1).expect("fewer than 2^32 items fit into memory")
        }
    }
}
