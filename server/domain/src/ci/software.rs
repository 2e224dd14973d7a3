//! Which packages are installed where: a projection of the `packages` sections of all hosts.
//!
//! Hosts with the same list of (product, version) pairs share one *image*, so that a fleet made from few images costs little
//! more than those. An image holds the sorted numbers of its pairs; a pair holds the bitmap of images that have it. Invariants:
//! nothing here is stored, everything follows from the hashes in the hosts' section states; a number that nothing uses any
//! more is used again, so memory follows what is installed now and not what ever was.

mod image;
pub mod version;

pub use self::version::{Scheme, compare};

use self::image::Images;
use crate::id::CiId;
use rollcall_shared::section::Package;
use rollcall_shared::{ContentHash, limits};
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Packages of one host that count; the largest real hosts have about 10,000. More stay in the section.
pub const PACKAGES_PER_HOST: usize = 20_000;

/// Bytes of a name, key or version in the index.
const TEXT_BYTES: usize = 255;

/// What identifies a product: the package URL without version and qualifiers, else manager and name.
#[must_use]
pub fn product_key(package: &Package) -> String {
    let purl = package.purl.as_deref().filter(|purl| purl.starts_with("pkg:") && purl.len() <= limits::TEXT_BYTES);
    let key = match purl {
        Some(purl) => {
            let purl = purl.split(['?', '#']).next().unwrap_or(purl);
            // An `@` before the last `/` belongs to a namespace.
            let name = purl.rfind('/').unwrap_or(0);
            purl.rfind('@').filter(|&at| at > name).map_or(purl, |at| &purl[..at]).to_owned()
        }
        None => format!("{}/{}", package.manager, package.name),
    };
    crate::ci::normalise::cut(&key, TEXT_BYTES).to_owned()
}

/// What people call the product.
#[must_use]
pub fn product_name(package: &Package) -> String {
    let name = crate::ci::normalise::text(&package.name).unwrap_or_else(|| "unnamed".into());
    crate::ci::normalise::cut(&name, TEXT_BYTES).to_owned()
}

/// The version as it counts.
#[must_use]
pub fn version(package: &Package) -> &str {
    crate::ci::normalise::cut(&package.version, TEXT_BYTES)
}

/// The index.
#[derive(Clone, Debug, Default)]
pub struct SoftwareIndex {
    /// Number of each pair, by product and version.
    products: BTreeMap<CiId, BTreeMap<Box<str>, u32>>,
    images: Images,
    /// Image of each host and the contents that it follows from.
    hosts: BTreeMap<CiId, Installed>,
    /// Images by the contents that led to them, with the number of hosts that have those.
    contents: BTreeMap<Contents, (u32, u32)>,
}

/// Names of the section contents that a host's packages follow from: the complete one, and a partial one read since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Contents {
    /// The complete content.
    pub complete: ContentHash,
    /// The partial content on top of it.
    pub partial: Option<ContentHash>,
}

#[derive(Clone, Copy, Debug)]
struct Installed {
    contents: Contents,
    image: u32,
}

impl SoftwareIndex {
    /// Whether these contents are known, so that nobody needs to read them.
    #[must_use]
    pub fn knows(&self, contents: &Contents) -> bool {
        self.contents.contains_key(contents)
    }

    /// Sets a host's packages to those of contents that are known; `false` when they are not.
    pub fn set_known(&mut self, host: CiId, contents: Contents) -> bool {
        if self.hosts.get(&host).is_some_and(|installed| installed.contents == contents) {
            return true;
        }
        let Some(&(image, _)) = self.contents.get(&contents) else { return false };
        self.put(host, contents, image);
        true
    }

    /// Sets a host's packages.
    pub fn set(&mut self, host: CiId, contents: Contents, pairs: impl Iterator<Item = (CiId, Box<str>)>) {
        if self.set_known(host, contents) {
            return;
        }
        let mut numbers: Vec<u32> = pairs.map(|(product, version)| self.number(product, version)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let image = self.images.of(numbers);
        self.put(host, contents, image);
    }

    /// Forgets a host's packages.
    pub fn remove(&mut self, host: CiId) {
        let Some(installed) = self.hosts.remove(&host) else { return };
        if let Some(uses) = self.contents.get_mut(&installed.contents) {
            uses.1 -= 1;
            if uses.1 == 0 {
                self.contents.remove(&installed.contents);
            }
        }
        for (product, version) in self.images.leave(installed.image) {
            let Some(versions) = self.products.get_mut(&product) else { continue };
            versions.remove(&version);
            if versions.is_empty() {
                self.products.remove(&product);
            }
        }
    }

    fn put(&mut self, host: CiId, contents: Contents, image: u32) {
        // Enter before leaving: an image that both sides share must not be dropped in between.
        self.images.enter(image);
        self.contents.entry(contents).or_insert((image, 0)).1 += 1;
        self.remove(host);
        self.hosts.insert(host, Installed { contents, image });
    }

    fn number(&mut self, product: CiId, version: Box<str>) -> u32 {
        let versions = self.products.entry(product).or_default();
        if let Some(&number) = versions.get(&version) {
            return number;
        }
        let number = self.images.new_pair(product, version.clone());
        versions.insert(version, number);
        number
    }

    /// Products that some host has, in order of their ids.
    pub fn products(&self) -> impl Iterator<Item = CiId> {
        self.products.keys().copied()
    }

    /// Versions of a product with the number of hosts that have each, in order of their texts.
    pub fn product_versions(&self, product: CiId) -> impl Iterator<Item = (&str, u64)> {
        let versions = self.products.get(&product).into_iter().flatten();
        versions.map(|(version, &number)| (&**version, self.images.host_count(number)))
    }

    /// How many hosts have a product in any version.
    #[must_use]
    pub fn host_count(&self, product: CiId) -> u64 {
        let Some(versions) = self.products.get(&product) else { return 0 };
        self.images.host_count_of_any(versions.values().copied())
    }

    /// Hosts that have a product, with the version of each, in order of host and version.
    #[must_use]
    pub fn installations(&self, product: CiId) -> Vec<(CiId, String)> {
        let mut by_image: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
        for (version, &number) in self.products.get(&product).into_iter().flatten() {
            for image in self.images.with_pair(number) {
                by_image.entry(image).or_default().push(version);
            }
        }
        let mut found = Vec::new();
        for (&host, installed) in &self.hosts {
            let versions = by_image.get(&installed.image).into_iter().flatten();
            found.extend(versions.map(|&version| (host, version.to_owned())));
        }
        found.sort_unstable();
        found
    }

    /// Hosts that have a product in exactly this version.
    #[must_use]
    pub fn hosts_with(&self, product: CiId, version: &str) -> BTreeSet<CiId> {
        let number = self.products.get(&product).and_then(|versions| versions.get(version));
        number.into_iter().flat_map(|&number| self.hosts_of_pair(number)).collect()
    }

    /// How many of `within` have a product in exactly this version.
    #[must_use]
    pub fn count_with(&self, product: CiId, version: &str, within: &BTreeSet<CiId>) -> u64 {
        let Some(&number) = self.products.get(&product).and_then(|versions| versions.get(version)) else { return 0 };
        let has = |host: &&CiId| self.hosts.get(host).is_some_and(|installed| self.images.has(number, installed.image));
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
        self.hosts.get(&host).into_iter().flat_map(|installed| self.images.pairs(installed.image))
    }

    /// Every (product, version) that some of `hosts` have, in order of both, with how many of them have it and the exclusive or of
    /// their marks: pairs that the same hosts have show the same. What a correlation compares.
    #[must_use]
    pub fn exposures(&self, hosts: &BTreeSet<CiId>, mark: impl Fn(CiId) -> u64) -> BTreeMap<(CiId, &str), (u64, u64)> {
        // Images first: hosts that share one share all of its pairs.
        let mut by_image: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        for (&host, installed) in hosts.iter().filter_map(|host| self.hosts.get_key_value(host)) {
            let (count, marks) = by_image.entry(installed.image).or_default();
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

    fn hosts_of_pair(&self, number: u32) -> impl Iterator<Item = CiId> {
        let hosts = self.hosts.iter();
        hosts.filter(move |(_, installed)| self.images.has(number, installed.image)).map(|(&host, _)| host)
    }
}

/// Numbers depend on the order in which hosts came; what the index says does not. Equal contents have equal packages.
impl PartialEq for SoftwareIndex {
    fn eq(&self, other: &Self) -> bool {
        let contents = |index: &Self| index.hosts.iter().map(|(&host, installed)| (host, installed.contents)).collect::<Vec<_>>();
        contents(self) == contents(other) && self.products.keys().eq(other.products.keys())
    }
}

#[cfg(test)]
mod tests;
