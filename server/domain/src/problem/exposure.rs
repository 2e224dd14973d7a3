//! Who has what: the facts that a common cause can be found in, and since when.
//!
//! Packages come from an index that is behind a small interface, so that the statistics can be tested without inventories.
//! Hosts of which a kind of fact is not known are neither exposed nor unexposed: they are left out of that comparison.

use crate::ci::changes::Arrival;
use crate::ci::relation::beginning_at;
use crate::ci::software::SoftwareIndex;
use crate::ci::{AttributeValue, Ci, Cmdb, RelationKind};
use crate::id::CiId;
use rollcall_shared::{ContentHash, SectionName, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Attributes of hosts that can be a cause.
const ATTRIBUTES: [&str; 9] =
    ["bios_version", "board_model", "cloud_zone", "cpu_model", "kernel", "location", "model", "os_version", "virtualisation_technology"];

/// Sections whose whole content is configuration: hosts that have the same are set up the same.
const SECTIONS: [SectionName; 5] =
    [SectionName::KernelModules, SectionName::MountOptions, SectionName::Security, SectionName::Sysctls, SectionName::Firewall];

/// What a host stands on, hangs on, needs or belongs to.
const RELATIONS: [RelationKind; 5] =
    [RelationKind::ConnectsTo, RelationKind::DependsOn, RelationKind::HostedOn, RelationKind::MemberOf, RelationKind::RunsOn];

/// Relations of one host that are looked at.
const RELATED: usize = 200;

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

/// A kind of fact: whoever has none of it is not compared by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// An attribute.
    Attribute(&'static str),
    /// A relation.
    Related(RelationKind),
    /// A section.
    Content(SectionName),
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package { name, version, .. } => write!(f, "package {name} {version}"),
            Self::Attribute { name, value } => write!(f, "{} {value}", name.replace('_', " ")),
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
    let ci = cmdb.cis.get(&host);
    match factor {
        Factor::Package { product, version, .. } => software.has(host, *product, version),
        Factor::Attribute { name, value } => ci.and_then(|ci| attribute(ci, name)) == Some(value),
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
    let facts = facts(cmdb, host).into_iter().map(|(_, factor)| factor);
    packages.chain(facts).map(|factor| factor.to_string()).filter(|text| texts.contains(text.as_str())).collect()
}

/// A package as a factor, by its product's key.
#[must_use]
pub fn package(cmdb: &Cmdb, product: CiId, version: String) -> Factor {
    let name = cmdb.cis.get(&product).and_then(|ci| ci.key.clone()).unwrap_or_else(|| product.to_string());
    Factor::Package { name, version, product }
}

/// What else than packages a host has, each once.
fn facts(cmdb: &Cmdb, host: CiId) -> BTreeSet<(Dimension, Factor)> {
    let Some(ci) = cmdb.cis.get(&host) else { return BTreeSet::new() };
    let attributes = ATTRIBUTES.into_iter().filter_map(|name| {
        let value = attribute(ci, name)?.to_owned();
        Some((Dimension::Attribute(name), Factor::Attribute { name, value }))
    });
    let sections = SECTIONS.into_iter().filter_map(|section| {
        let hash = ci.section(section)?.hash?;
        Some((Dimension::Content(section), Factor::Content { section, hash }))
    });
    let related = beginning_at(cmdb, host, None).filter(|relation| relation.from == host && RELATIONS.contains(&relation.kind));
    let related = related.take(RELATED).map(|relation| {
        let (kind, other) = (relation.kind, relation.to);
        let name = cmdb.cis.get(&other).map_or_else(|| other.to_string(), |ci| ci.name.clone());
        (Dimension::Related(kind), Factor::Related { kind, name, other })
    });
    attributes.chain(sections).chain(related).collect()
}

/// Facts of one kind among some hosts.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Hosts that have any.
    pub known: BTreeSet<CiId>,
    /// Which of them have which.
    pub tallies: BTreeMap<Factor, Tally>,
    /// Which of those that were asked for have which.
    pub affected: BTreeMap<Factor, u64>,
}

/// For each kind of fact but packages, the hosts that have it at all, and of those which have each one.
#[must_use]
pub fn tallied(cmdb: &Cmdb, population: &BTreeSet<CiId>, affected: &BTreeSet<CiId>) -> BTreeMap<Dimension, Facts> {
    let mut found = BTreeMap::<Dimension, Facts>::new();
    for &host in population {
        for (dimension, factor) in facts(cmdb, host) {
            let of_kind = found.entry(dimension).or_default();
            of_kind.known.insert(host);
            if affected.contains(&host) {
                *of_kind.affected.entry(factor.clone()).or_default() += 1;
            }
            of_kind.tallies.entry(factor).or_default().add(host);
        }
    }
    found
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
        Factor::Attribute { name, value } => Some(cmdb.changes.came_to_value(host, name, value)?.first_at),
        Factor::Content { section, hash } => {
            let history = &ci.section(*section)?.history;
            let place = history.iter().rposition(|(_, content)| content == hash)?;
            (place > 0).then(|| history[place].0)
        }
        // A relation is first seen with the first inventory, as a rule: that is no arrival.
        Factor::Related { .. } => None,
    }
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
