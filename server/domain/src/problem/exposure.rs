//! Who has what: the facts that a common cause can be found in, and since when.
//!
//! Every attribute counts, also those that people define; what tells machines apart, and what follows from another fact, does not.
//! Packages come from an index that is behind a small interface, so that the statistics can be tested without inventories.
//! Hosts of which a kind of fact is not known are neither exposed nor unexposed: they are left out of that comparison.

mod facts;

pub use facts::{Facts, Shared, tallied};

use crate::ci::changes::Arrival;
use crate::ci::relation::beginning_at;
use crate::ci::software::SoftwareIndex;
use crate::ci::{AttributeValue, Ci, Class, Cmdb, RelationKind};
use crate::id::CiId;
use rollcall_shared::{ContentHash, SectionName, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// What is first seen so soon after an item came is part of its discovery: what a first inventory has comes in several messages, and what
/// is on the other end tells of itself within the hour.
const DISCOVERY: Duration = Duration::from_secs(3_600);

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
    /// A value of an attribute; of a list, one of its members.
    Attribute {
        /// Its name.
        name: String,
        /// The value, as text.
        value: String,
        /// The value as people read it: the name of an item, where the value is its id.
        shown: String,
    },
    /// A value of an attribute that a part of the host has, such as the firmware of its disks.
    Part {
        /// The part's class.
        class: Class,
        /// The attribute's name.
        name: String,
        /// The value, as text.
        value: String,
    },
    /// Another item that they all have the same relation to, such as a switch.
    Related {
        /// How.
        kind: RelationKind,
        /// What it is called.
        name: String,
        /// Which.
        other: CiId,
    },
    /// The content of a section of their inventory.
    Content {
        /// Which section.
        section: SectionName,
        /// Its name.
        hash: ContentHash,
    },
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package { name, version, .. } => write!(f, "package {name} {version}"),
            Self::Attribute { name, shown, .. } => write!(f, "{} {shown}", name.replace('_', " ")),
            Self::Part { class, name, value } => write!(f, "{} {} {value}", class.as_str().replace('_', " "), name.replace('_', " ")),
            Self::Related { kind, name, .. } => write!(f, "{} {name}", kind.as_str().replace('_', " ")),
            Self::Content { section, hash } => write!(f, "{} as in {}", section.as_str().replace('_', " "), &hash.to_string()[..12]),
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
    /// One more host, by its [`mark`].
    pub fn add(&mut self, mark: u64) {
        self.hosts += 1;
        self.signature ^= mark;
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
    let ci = cmdb.cis.get(&host);
    match factor {
        Factor::Package { product, version, .. } => software.has(host, *product, version),
        Factor::Attribute { name, value, .. } => ci.is_some_and(|ci| facts::has_value(ci, name, value)),
        Factor::Part { class, name, value } => facts::parts(cmdb, host, *class).any(|part| facts::has_value(part, name, value)),
        Factor::Related { kind, other, .. } => !cmdb.links.told(host, *kind, *other).is_empty() || stands_on(cmdb, host, *kind, *other),
        Factor::Content { section, hash } => ci.and_then(|ci| ci.section(*section)).and_then(|state| state.hash) == Some(*hash),
    }
}

fn stands_on(cmdb: &Cmdb, host: CiId, kind: RelationKind, other: CiId) -> bool {
    beginning_at(cmdb, host, Some(kind)).any(|relation| relation.to == other)
}

/// The factors among `texts` that a host has.
#[must_use]
pub fn among(cmdb: &Cmdb, software: &dyn Software, host: CiId, texts: &BTreeSet<&str>) -> BTreeSet<String> {
    let alone = BTreeSet::from([host]);
    let packages = software.tally(&alone).into_keys().map(|(product, version)| package(cmdb, product, version));
    let others = facts::of_host(cmdb, host).into_iter().map(|fact| fact.factor(cmdb));
    packages.chain(others).map(|factor| factor.to_string()).filter(|text| texts.contains(text.as_str())).collect()
}

/// A package as a factor, by its product's key.
#[must_use]
pub fn package(cmdb: &Cmdb, product: CiId, version: String) -> Factor {
    let name = cmdb.cis.get(&product).and_then(|ci| ci.key.clone()).unwrap_or_else(|| product.to_string());
    Factor::Package { name, version, product }
}

/// When a host came to have a factor. `None` when it had it as long as is remembered.
#[must_use]
pub fn arrival(cmdb: &Cmdb, host: CiId, factor: &Factor) -> Option<Timestamp> {
    let ci = cmdb.cis.get(&host)?;
    match factor {
        Factor::Package { product, version, .. } => {
            let arrival = cmdb.changes.came_to_version(host, *product, version)?;
            Some(narrowed(ci, SectionName::Packages, &arrival))
        }
        Factor::Attribute { name, value, .. } => {
            let is_list = matches!(ci.attributes.get(name)?.value(), AttributeValue::List(_));
            let came = if is_list { cmdb.changes.came_to_member(host, name, value) } else { cmdb.changes.came_to_value(host, name, value) };
            Some(came?.first_at)
        }
        Factor::Part { class, name, value } => facts::came_to_part(cmdb, ci, *class, (name, value)),
        Factor::Content { section, hash } => {
            let history = &ci.section(*section)?.history;
            let place = history.iter().rposition(|(_, content)| content == hash)?;
            (place > 0).then(|| history[place].0)
        }
        Factor::Related { kind, other, .. } => related_since(cmdb, ci, *kind, *other),
    }
}

/// When a host was first seen to stand on, or hang on, another item. `None` when that is about as old as what is known of either: it was
/// discovered then, and may have been so for ever.
fn related_since(cmdb: &Cmdb, host: &Ci, kind: RelationKind, other: CiId) -> Option<Timestamp> {
    let told = beginning_at(cmdb, host.id, Some(kind)).filter(|relation| relation.to == other);
    let since = told.map(|relation| relation.first_seen).min()?;
    let known = cmdb.cis.get(&other).map_or(host.created_at, |other| other.created_at.max(host.created_at));
    (since > known.plus(DISCOVERY)).then_some(since)
}

/// When within the span the host's own section changed: the summary knows the day and who, the section knows when.
fn narrowed(ci: &Ci, section: SectionName, arrival: &Arrival) -> Timestamp {
    let history = ci.section(section).map_or(&[][..], |state| &state.history);
    let within = history.iter().map(|(at, _)| *at).filter(|at| (arrival.first_at..=arrival.last_at).contains(at));
    within.max().unwrap_or(arrival.first_at)
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
