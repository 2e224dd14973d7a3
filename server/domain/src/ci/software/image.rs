//! Distinct package lists and the pairs in them, both under small numbers.

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
    hosts: u32,
}

#[derive(Clone, Debug)]
struct Pair {
    product: CiId,
    version: Box<str>,
    images: RoaringBitmap,
}

impl Images {
    /// A number for a pair that has none. It must be part of an image before the next [`Self::leave`].
    pub(super) fn new_pair(&mut self, product: CiId, version: Box<str>) -> u32 {
        let pair = Pair { product, version, images: RoaringBitmap::new() };
        place(&mut self.pairs, &mut self.free_pairs, pair)
    }

    /// The image with exactly these pairs, sorted and without repetition; made when there is none. It must be entered before the next [`Self::leave`].
    pub(super) fn of(&mut self, pairs: Vec<u32>) -> u32 {
        if let Some(&known) = self.by_pairs.get(&pairs[..]) {
            return known;
        }
        let pairs: Arc<[u32]> = pairs.into();
        let number = place(&mut self.images, &mut self.free_images, Image { pairs: Arc::clone(&pairs), hosts: 0 });
        for &pair in &*pairs {
            self.pairs[pair as usize].images.insert(number);
        }
        self.by_pairs.insert(pairs, number);
        number
    }

    /// One more host has the image.
    pub(super) fn enter(&mut self, image: u32) {
        self.images[image as usize].hosts += 1;
    }

    /// One host less has the image. Returns the pairs that no image has any more.
    pub(super) fn leave(&mut self, image: u32) -> Vec<(CiId, Box<str>)> {
        let left = &mut self.images[image as usize];
        left.hosts -= 1;
        if left.hosts > 0 {
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
                gone.push((pair.product, std::mem::take(&mut pair.version)));
            }
        }
        gone
    }

    /// Whether a pair is part of an image.
    pub(super) fn has(&self, pair: u32, image: u32) -> bool {
        self.pairs.get(pair as usize).is_some_and(|pair| pair.images.contains(image))
    }

    /// Images that have a pair.
    pub(super) fn with_pair(&self, pair: u32) -> impl Iterator<Item = u32> {
        self.pairs.get(pair as usize).into_iter().flat_map(|pair| &pair.images)
    }

    /// Hosts with a pair.
    pub(super) fn host_count(&self, pair: u32) -> u64 {
        self.host_count_of_any([pair].into_iter())
    }

    /// Hosts with at least one of these pairs.
    pub(super) fn host_count_of_any(&self, pairs: impl Iterator<Item = u32>) -> u64 {
        let mut images = RoaringBitmap::new();
        for pair in pairs {
            images |= &self.pairs[pair as usize].images;
        }
        images.iter().map(|image| u64::from(self.images[image as usize].hosts)).sum()
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
        let pairs = self.pairs.iter().zip(sums).filter(|(_, (count, _))| *count > 0);
        pairs.map(|(pair, sum)| ((pair.product, &*pair.version), sum)).collect()
    }

    /// The pairs of an image.
    pub(super) fn pairs(&self, image: u32) -> impl Iterator<Item = (CiId, &str)> {
        let numbers = self.images.get(image as usize).map_or(&[][..], |image| &image.pairs);
        numbers.iter().map(|&number| {
            let pair = &self.pairs[number as usize];
            (pair.product, &*pair.version)
        })
    }
}

/// Puts an item on a free place, or on a new one. There are fewer than 2³² of either: each takes far more than a byte of memory.
fn place<T>(items: &mut Vec<T>, free: &mut Vec<u32>, item: T) -> u32 {
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
