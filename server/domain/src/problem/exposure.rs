//! Who has what: the facts that a common cause can be found in.
//!
//! Packages come from an index that is behind a small interface, so that the statistics can be tested without inventories.
//! Hosts whose packages are not known are neither exposed nor unexposed: they are left out of the comparison.

use crate::ci::software::SoftwareIndex;
use crate::ci::{AttributeValue, Ci, Cmdb};
use crate::id::CiId;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Attributes of hosts that can be a cause.
const ATTRIBUTES: [&str; 5] = ["bios_version", "cpu_model", "kernel", "model", "os_version"];

/// What several hosts may share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Factor {
    /// A package in one version.
    Package {
        /// The product's key, such as `dpkg/openssl`.
        name: String,
        /// Version.
        version: String,
        /// The product.
        product: CiId,
    },
    /// A value of an attribute.
    Attribute {
        /// Its name.
        name: &'static str,
        /// The value.
        value: String,
    },
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package { name, version, .. } => write!(f, "package {name} {version}"),
            Self::Attribute { name, value } => write!(f, "{} {value}", name.replace('_', " ")),
        }
    }
}

/// How many of some hosts have something, and which: hosts enter the signature by exclusive or of [`mark`], so that equal sets
/// have equal signatures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub hosts: u64,
    /// Which.
    pub signature: u64,
}

impl Tally {
    /// One more host.
    pub fn add(&mut self, host: CiId) {
        self.hosts += 1;
        self.signature ^= mark(host);
    }
}

/// A number that stands for a host in signatures.
#[must_use]
pub fn mark(host: CiId) -> u64 {
    let hash = blake3::hash(&host.bits.to_be_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_be_bytes(bytes)
}

/// What the statistics need of the software index.
pub trait Software {
    /// Whether a host's packages are known.
    fn knows(&self, host: CiId) -> bool;
    /// Whether a host has this package.
    fn has(&self, host: CiId, product: CiId, version: &str) -> bool;
    /// Packages that at least one of `hosts` has, with which of them.
    fn tally(&self, hosts: &BTreeSet<CiId>) -> BTreeMap<(CiId, String), Tally>;
}

/// An attribute's text.
#[must_use]
pub fn attribute<'a>(ci: &'a Ci, name: &str) -> Option<&'a str> {
    match ci.attributes.get(name)?.value() {
        AttributeValue::Text(text) => Some(text),
        _ => None,
    }
}

/// Whether a host has a factor.
#[must_use]
pub fn has(cmdb: &Cmdb, software: &dyn Software, host: CiId, factor: &Factor) -> bool {
    match factor {
        Factor::Package { product, version, .. } => software.has(host, *product, version),
        Factor::Attribute { name, value } => cmdb.cis.get(&host).and_then(|ci| attribute(ci, name)) == Some(value),
    }
}

/// The factors among `texts` that a host has.
#[must_use]
pub fn among(cmdb: &Cmdb, software: &dyn Software, host: CiId, texts: &BTreeSet<&str>) -> BTreeSet<String> {
    let alone = BTreeSet::from([host]);
    let packages = software.tally(&alone).into_keys().map(|(product, version)| package(cmdb, product, version));
    let attributes = ATTRIBUTES.into_iter().filter_map(|name| {
        let value = attribute(cmdb.cis.get(&host)?, name)?.to_owned();
        Some(Factor::Attribute { name, value })
    });
    packages.chain(attributes).map(|factor| factor.to_string()).filter(|text| texts.contains(text.as_str())).collect()
}

/// A package as a factor, by its product's key.
#[must_use]
pub fn package(cmdb: &Cmdb, product: CiId, version: String) -> Factor {
    let name = cmdb.cis.get(&product).and_then(|ci| ci.key.clone()).unwrap_or_else(|| product.to_string());
    Factor::Package { name, version, product }
}

/// For each attribute, the hosts that have it at all, and of those which have each value.
#[must_use]
pub fn attributes(cmdb: &Cmdb, hosts: &BTreeSet<CiId>) -> Vec<(&'static str, BTreeSet<CiId>, BTreeMap<String, Tally>)> {
    let one = |name| {
        let (mut known, mut tallies) = (BTreeSet::new(), BTreeMap::<String, Tally>::new());
        for &host in hosts {
            if let Some(value) = cmdb.cis.get(&host).and_then(|ci| attribute(ci, name)) {
                known.insert(host);
                tallies.entry(value.to_owned()).or_default().add(host);
            }
        }
        (name, known, tallies)
    };
    ATTRIBUTES.into_iter().map(one).collect()
}

impl Software for SoftwareIndex {
    fn knows(&self, host: CiId) -> bool {
        self.has_host(host)
    }

    fn has(&self, host: CiId, product: CiId, version: &str) -> bool {
        self.count_with(product, version, &BTreeSet::from([host])) > 0
    }

    fn tally(&self, hosts: &BTreeSet<CiId>) -> BTreeMap<(CiId, String), Tally> {
        let found = self.exposures(hosts, mark).into_iter();
        found.map(|((product, version), (hosts, signature))| ((product, version.to_owned()), Tally { hosts, signature })).collect()
    }
}
