//! Which packages are installed where: a projection of the `packages` sections of all hosts.
//!
//! Hosts with the same list of *pairs* (a product, its version, and what the package says of itself) share one *image*, so that a
//! fleet made from few images costs little more than those. An image holds the sorted numbers of its pairs and the bitmap of its
//! hosts; a pair holds the bitmap of images that have it. Invariants: nothing here is stored, everything follows from the hashes in
//! the hosts' section states; an image has a product in one version once; a number that nothing uses any more is used again, so
//! memory follows what is installed now and not what ever was.

mod hosts;
mod image;
mod package;
pub mod version;

pub use self::hosts::HostSet;
pub use self::package::{Details, Installed, product_key, product_name, version};
pub use self::version::{Scheme, compare};

use self::hosts::HostNumbers;
use self::image::{Images, Pair};
use crate::id::CiId;
use roaring::RoaringBitmap;
use rollcall_shared::ContentHash;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// Packages of one host that count; the largest real hosts have about 10,000. More stay in the section.
pub const PACKAGES_PER_HOST: usize = 20_000;

/// The index.
#[derive(Clone, Debug, Default)]
pub struct SoftwareIndex {
    products: BTreeMap<CiId, Versions>,
    images: Images,
    /// Image of each host and the contents that it follows from.
    hosts: BTreeMap<CiId, Placed>,
    numbers: HostNumbers,
    /// Hosts by what they run: `ID` and `VERSION_ID` of os-release.
    releases: BTreeMap<Release, RoaringBitmap>,
    /// Images by the contents that led to them, with the number of hosts that have those.
    contents: BTreeMap<Contents, (u32, u32)>,
    /// Details that some pair has.
    details: BTreeSet<Arc<Details>>,
    /// Pairs that came or went since somebody last asked.
    changed: Vec<u32>,
}

/// Numbers of a product's pairs by version; nearly always one each.
type Versions = BTreeMap<Box<str>, Vec<u32>>;

/// What a host runs: `ID` and `VERSION_ID` of os-release, empty where unknown.
pub type Release = (Box<str>, Box<str>);

/// Names of the section contents that a host's packages follow from: the complete one, and a partial one read since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Contents {
    /// The complete content.
    pub complete: ContentHash,
    /// The partial content on top of it.
    pub partial: Option<ContentHash>,
}

#[derive(Clone, Copy, Debug)]
struct Placed {
    contents: Contents,
    image: u32,
    number: u32,
}

/// A pair as others see it.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Its number; another pair may have it once no host has this one any more.
    pub number: u32,
    /// The product.
    pub product: CiId,
    /// Its version.
    pub version: &'a str,
    /// What else the package says of itself.
    pub details: &'a Details,
}

impl SoftwareIndex {
    /// Whether these contents are known, so that nobody needs to read them.
    #[must_use]
    pub fn knows(&self, contents: &Contents) -> bool {
        self.contents.contains_key(contents)
    }

    /// Sets a host's packages to those of contents that are known; `false` when they are not.
    pub fn set_known(&mut self, host: CiId, contents: Contents) -> bool {
        if self.hosts.get(&host).is_some_and(|placed| placed.contents == contents) {
            return true;
        }
        let Some(&(image, _)) = self.contents.get(&contents) else { return false };
        self.put(host, contents, image);
        true
    }

    /// Sets a host's packages.
    pub fn set(&mut self, host: CiId, contents: Contents, packages: Vec<Installed>) {
        if self.set_known(host, contents) {
            return;
        }
        let mut numbers = self.numbers_of(packages);
        numbers.sort_unstable();
        let image = self.images.of(numbers);
        self.put(host, contents, image);
    }

    /// Changes a host's packages to those of these contents: they differ from those that it has in these products alone, of which
    /// it has `fresh` now.
    pub fn change(&mut self, host: CiId, contents: Contents, products: &BTreeSet<CiId>, fresh: Vec<Installed>) {
        let Some(image) = self.image_of(host) else { return };
        let stays = |&(_, pair): &(u32, &Pair)| !products.contains(&pair.product);
        let mut numbers: Vec<u32> = self.images.pairs(image).filter(stays).map(|(number, _)| number).collect();
        numbers.extend(self.numbers_of(fresh));
        numbers.sort_unstable();
        let image = self.images.of(numbers);
        self.put(host, contents, image);
    }

    /// The contents that a host's packages follow from.
    #[must_use]
    pub fn contents_of(&self, host: CiId) -> Option<Contents> {
        self.hosts.get(&host).map(|placed| placed.contents)
    }

    fn numbers_of(&mut self, mut packages: Vec<Installed>) -> Vec<u32> {
        packages.sort_unstable();
        // Of rows that differ in their details alone the first counts.
        packages.dedup_by(|next, kept| next.product == kept.product && next.version == kept.version);
        packages.iter().map(|installed| self.number(installed)).collect()
    }

    /// Forgets a host's packages.
    pub fn remove(&mut self, host: CiId) {
        let Some(placed) = self.hosts.remove(&host) else { return };
        self.leave(placed);
        self.leave_release(placed.number);
        self.numbers.take_back(placed.number);
    }

    /// Notes what a host runs; nothing for a host without packages.
    pub fn set_release(&mut self, host: CiId, release: Release) {
        let Some(&Placed { number, .. }) = self.hosts.get(&host) else { return };
        if self.releases.get(&release).is_some_and(|hosts| hosts.contains(number)) {
            return;
        }
        self.leave_release(number);
        self.releases.entry(release).or_default().insert(number);
    }

    /// There are some dozen releases in a fleet, so all are looked through.
    fn leave_release(&mut self, number: u32) {
        self.releases.retain(|_, hosts| {
            hosts.remove(number);
            !hosts.is_empty()
        });
    }

    fn put(&mut self, host: CiId, contents: Contents, image: u32) {
        let before = self.hosts.get(&host).copied();
        let number = before.map_or_else(|| self.numbers.give(host), |placed| placed.number);
        // Enter before leaving: what both sides share must not be dropped in between.
        self.contents.entry(contents).or_insert((image, 0)).1 += 1;
        self.images.enter(image, number);
        match before {
            Some(before) if before.image == image => self.forget_contents(&before.contents),
            Some(before) => self.leave(before),
            None => {}
        }
        self.hosts.insert(host, Placed { contents, image, number });
    }

    fn leave(&mut self, placed: Placed) {
        self.forget_contents(&placed.contents);
        for (number, pair) in self.images.leave(placed.image, placed.number) {
            self.changed.push(number);
            self.forget_pair(number, pair);
        }
    }

    fn forget_contents(&mut self, contents: &Contents) {
        if let Some(uses) = self.contents.get_mut(contents) {
            uses.1 -= 1;
            if uses.1 == 0 {
                self.contents.remove(contents);
            }
        }
    }

    fn forget_pair(&mut self, number: u32, Pair { product, version, details, .. }: Pair) {
        // One of the two is the pool's.
        if Arc::strong_count(&details) == 2 {
            self.details.remove(&details);
        }
        let Some(versions) = self.products.get_mut(&product) else { return };
        if let Some(numbers) = versions.get_mut(&version) {
            numbers.retain(|known| *known != number);
            if numbers.is_empty() {
                versions.remove(&version);
            }
        }
        if versions.is_empty() {
            self.products.remove(&product);
        }
    }

    fn number(&mut self, installed: &Installed) -> u32 {
        let Installed { product, version, details } = installed;
        let known = self.products.get(product).and_then(|versions| versions.get(version));
        let same = |&&number: &&u32| self.images.pair(number).is_some_and(|pair| *pair.details == *details);
        if let Some(&number) = known.and_then(|numbers| numbers.iter().find(same)) {
            return number;
        }
        let details = match self.details.get(details) {
            Some(known) => Arc::clone(known),
            None => {
                let details = Arc::new(details.clone());
                self.details.insert(Arc::clone(&details));
                details
            }
        };
        let number = self.images.new_pair(Pair::new(*product, version.clone(), details));
        let numbers = self.products.entry(*product).or_default().entry(version.clone()).or_default();
        numbers.reserve_exact(1);
        numbers.push(number);
        self.changed.push(number);
        number
    }

    /// Numbers of the pairs that came or went since this was last called; a number may be named more than once.
    pub fn take_changed(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.changed)
    }

    /// The pair with this number, while some host has it.
    #[must_use]
    pub fn pair(&self, number: u32) -> Option<Known<'_>> {
        self.images.pair(number).map(|pair| known(number, pair))
    }

    /// Every pair that some host has, in order of product and version.
    pub fn pairs(&self) -> impl Iterator<Item = Known<'_>> {
        self.products.keys().flat_map(|&product| self.pairs_of_product(product))
    }

    /// Products that some host has, in order of their ids.
    pub fn products(&self) -> impl Iterator<Item = CiId> {
        self.products.keys().copied()
    }

    /// Pairs of a product, in order of the versions' texts.
    pub fn pairs_of_product(&self, product: CiId) -> impl Iterator<Item = Known<'_>> {
        self.numbers_where(product, |_| true).filter_map(|number| self.pair(number))
    }

    /// Versions of a product with the number of hosts that have each, in order of their texts.
    pub fn product_versions(&self, product: CiId) -> impl Iterator<Item = (&str, u64)> {
        let versions = self.products.get(&product).into_iter().flatten();
        versions.map(|(version, numbers)| (&**version, self.images.host_count(numbers.iter().copied())))
    }

    /// How many hosts have a product in any version.
    #[must_use]
    pub fn host_count(&self, product: CiId) -> u64 {
        self.images.host_count(self.numbers_where(product, |_| true))
    }

    /// How many hosts have a product in any version, without those of these numbers.
    #[must_use]
    pub fn host_count_without(&self, product: CiId, left_out: &RoaringBitmap) -> u64 {
        self.images.host_count_without(self.numbers_where(product, |_| true), left_out)
    }

    /// The numbers of those of these hosts whose packages are known.
    #[must_use]
    pub fn numbers_of_hosts(&self, hosts: impl Iterator<Item = CiId>) -> RoaringBitmap {
        hosts.filter_map(|host| self.hosts.get(&host)).map(|placed| placed.number).collect()
    }

    /// Hosts that have a product in a version that fits: bitmaps over images, whatever the size of the fleet.
    pub fn hosts_where(&self, product: CiId, fits: impl Fn(&str) -> bool) -> HostSet<'_> {
        let images = self.images.with_any(self.numbers_where(product, fits));
        HostSet { index: self, numbers: self.images.hosts(&images) }
    }

    /// Hosts that have one of these pairs.
    pub fn hosts_of_pairs(&self, pairs: impl Iterator<Item = u32>) -> HostSet<'_> {
        let images = self.images.with_any(pairs);
        HostSet { index: self, numbers: self.images.hosts(&images) }
    }

    /// No hosts, to begin with.
    #[must_use]
    pub fn no_hosts(&self) -> HostSet<'_> {
        HostSet { index: self, numbers: RoaringBitmap::new() }
    }

    /// Those of some pairs that a host has.
    #[must_use]
    pub fn pairs_of_host_among(&self, host: CiId, pairs: &RoaringBitmap) -> Vec<Known<'_>> {
        let Some(placed) = self.hosts.get(&host) else { return Vec::new() };
        pairs.iter().filter(|&number| self.images.has(number, placed.image)).filter_map(|number| self.pair(number)).collect()
    }

    fn numbers_where<'a>(&'a self, product: CiId, fits: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = u32> + 'a {
        let versions = self.products.get(&product).into_iter().flatten();
        versions.filter(move |(version, _)| fits(version)).flat_map(|(_, numbers)| numbers.iter().copied())
    }

    /// Hosts that have a product, with the version of each, in order of host and version.
    #[must_use]
    pub fn installations(&self, product: CiId) -> Vec<(CiId, String)> {
        self.installations_where(product, |_| true, Bound::Unbounded).map(|(host, version)| (host, version.to_owned())).collect()
    }

    /// Hosts from some host on that have a product in a version that fits, with the version, in order of host and version. Lazy: what is
    /// not asked for costs nothing.
    pub fn installations_where<'a>(
        &'a self,
        product: CiId,
        fits: impl Fn(&str) -> bool,
        from: Bound<CiId>,
    ) -> impl Iterator<Item = (CiId, &'a str)> + 'a {
        let mut by_image: BTreeMap<u32, Vec<&'a str>> = BTreeMap::new();
        for (version, numbers) in self.products.get(&product).into_iter().flatten().filter(|(version, _)| fits(version)) {
            for image in &self.images.with_any(numbers.iter().copied()) {
                by_image.entry(image).or_default().push(version);
            }
        }
        let hosts = HostSet { index: self, numbers: self.images.hosts(&by_image.keys().copied().collect()) };
        hosts.ordered(from).flat_map(move |host| {
            let versions = self.hosts.get(&host).and_then(|placed| by_image.get(&placed.image)).cloned();
            versions.into_iter().flatten().map(move |version| (host, version))
        })
    }

    /// Hosts that have a product in exactly this version.
    #[must_use]
    pub fn hosts_with(&self, product: CiId, version: &str) -> BTreeSet<CiId> {
        self.hosts_where(product, |known| known == version).ids()
    }

    /// The images with one of these products in a wanted version. Each product comes with something of the caller's that its versions
    /// are judged by.
    #[must_use]
    pub fn images_with_any<T: Copy>(&self, products: impl Iterator<Item = (CiId, T)>, wanted: impl Fn(T, &str) -> bool) -> RoaringBitmap {
        let mut pairs = Vec::new();
        for (product, by) in products {
            let versions = self.products.get(&product).into_iter().flatten();
            pairs.extend(versions.filter(|(version, _)| wanted(by, version)).flat_map(|(_, numbers)| numbers.iter().copied()));
        }
        self.images.with_any(pairs.into_iter())
    }

    /// The number of a host's image, which other hosts with the same packages share.
    #[must_use]
    pub fn image_of(&self, host: CiId) -> Option<u32> {
        self.hosts.get(&host).map(|installed| installed.image)
    }

    /// How many of `within` have a product in exactly this version.
    #[must_use]
    pub fn count_with(&self, product: CiId, version: &str, within: &BTreeSet<CiId>) -> u64 {
        let Some(numbers) = self.products.get(&product).and_then(|versions| versions.get(version)) else { return 0 };
        let has =
            |host: &&CiId| self.hosts.get(host).is_some_and(|placed| numbers.iter().any(|&number| self.images.has(number, placed.image)));
        within.iter().filter(has).count() as u64
    }

    /// Packages of a host: product and version, in order of both.
    #[must_use]
    pub fn packages_of(&self, host: CiId) -> Vec<(CiId, &str)> {
        let mut found: Vec<(CiId, &str)> = self.versions_of(host).collect();
        found.sort_unstable();
        found
    }

    /// Packages of a host in no meaningful order: for counting.
    pub fn versions_of(&self, host: CiId) -> impl Iterator<Item = (CiId, &str)> {
        self.pairs_of(host).map(|pair| (pair.product, pair.version))
    }

    /// Packages of a host with all that is known of them, in no meaningful order.
    pub fn pairs_of(&self, host: CiId) -> impl Iterator<Item = Known<'_>> {
        let pairs = self.hosts.get(&host).into_iter().flat_map(|placed| self.images.pairs(placed.image));
        pairs.map(|(number, pair)| known(number, pair))
    }

    /// Every (product, version) that some of `hosts` have, in order of both, with how many of them have it and the exclusive or of
    /// their marks: pairs that the same hosts have show the same. What a correlation compares.
    #[must_use]
    pub fn exposures(&self, hosts: &BTreeSet<CiId>, mark: impl Fn(CiId) -> u64) -> BTreeMap<(CiId, &str), (u64, u64)> {
        // Images first: hosts that share one share all of its pairs.
        let mut by_image: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        for (&host, placed) in hosts.iter().filter_map(|host| self.hosts.get_key_value(host)) {
            let (count, marks) = by_image.entry(placed.image).or_default();
            *count += 1;
            *marks ^= mark(host);
        }
        self.images.sums(&by_image)
    }

    /// Whether the packages of a host are known.
    #[must_use]
    pub fn has_host(&self, host: CiId) -> bool {
        self.hosts.contains_key(&host)
    }
}

fn known(number: u32, pair: &Pair) -> Known<'_> {
    Known { number, product: pair.product, version: &pair.version, details: &pair.details }
}

/// Numbers depend on the order in which hosts came; what the index says does not. Equal contents have equal packages.
impl PartialEq for SoftwareIndex {
    fn eq(&self, other: &Self) -> bool {
        let contents = |index: &Self| index.hosts.iter().map(|(&host, placed)| (host, placed.contents)).collect::<Vec<_>>();
        contents(self) == contents(other) && self.products.keys().eq(other.products.keys())
    }
}

#[cfg(test)]
mod tests;
