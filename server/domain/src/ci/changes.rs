//! What changed in the fleet, day by day, the same change on many hosts told once: "41 hosts: openssl 3.0.13 → 3.0.14".
//!
//! The log has every change for ever; this is a summary of the last weeks for people. A host's first inventory is no change,
//! and what changes all the time (processes, connections) is not in it. Changes that the same hosts went through on one day
//! are one bundle: an upgrade run is one thing that somebody did, not three hundred.

use super::{Attribute, AttributeChange, AttributeValue, CiEvent, Class, Cmdb, Lifecycle, PackageChange, normalise};
use crate::Record;
use crate::id::{CiId, Family};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Days that are kept, today included.
pub const DAYS: i64 = 31;

/// Different changes of one day. A fleet that upgrades its distribution has about 2,000.
const CHANGES_PER_DAY: usize = 50_000;

/// Bytes of a shown value.
pub(crate) const VALUE_BYTES: usize = 120;

const DAY_MS: i64 = 86_400_000;

/// Attributes whose values are a host's own: that they changed is one change, whatever the values.
const OWN_VALUES: [&str; 11] = [
    "booted_at",
    "cloud_instance_id",
    "domain",
    "fqdn",
    "hostname",
    "installed_at",
    "ip_addresses",
    "mac_addresses",
    "machine_id",
    "serial",
    "uuid",
];

/// Attributes of parts whose change is one of the host.
pub(crate) const OF_PARTS: [&str; 3] = ["driver", "firmware", "version"];

/// One change, as it can happen on many hosts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// A package.
    Package {
        /// Product.
        product: CiId,
        /// Package name.
        name: String,
        /// Version before; `None` for an installation.
        before: Option<String>,
        /// Version after; `None` for a removal.
        after: Option<String>,
    },
    /// An attribute of the host.
    Attribute {
        /// Which.
        name: String,
        /// The value before; `None` when there was none, or when it is each host's own.
        before: Option<String>,
        /// The value after.
        after: Option<String>,
    },
    /// A part, service or other CI of the host came, went or moved.
    Part {
        /// Its class.
        class: Class,
        /// What happened to it: `added`, `missing`, `returned`, `moved_in`, `moved_out`.
        what: String,
        /// Its name, for parts of one model the model.
        name: String,
    },
    /// The host moved on in its life.
    Status {
        /// Before.
        before: Lifecycle,
        /// After.
        after: Lifecycle,
    },
    /// A part of the host, or a service on it, came to another firmware, driver or version.
    PartValue {
        /// Its class.
        class: Class,
        /// Which attribute.
        attribute: String,
        /// Its name, for parts of one model the model.
        name: String,
        /// The value before; `None` when there was none.
        before: Option<String>,
        /// The value after.
        after: Option<String>,
    },
}

/// Where and when a change happened on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    /// In the order in which changes first happened.
    number: u64,
    /// In order, each once.
    cis: Vec<CiId>,
    first_at: Timestamp,
    last_at: Timestamp,
}

/// The summary.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    /// By day since 1970 in UTC.
    days: BTreeMap<i64, Day>,
    next: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Day {
    #[serde(with = "crate::world::pairs")]
    changes: BTreeMap<Change, Seen>,
    /// Changes beyond the bound.
    dropped: u64,
}

/// Changes that the same CIs went through on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Of its first change; unique and ascending in time.
    pub number: u64,
    /// In order.
    pub cis: Vec<CiId>,
    /// In order of kind and name.
    pub changes: Vec<Change>,
    /// When the first of them happened to the first CI.
    pub first_at: Timestamp,
    /// When the last of them happened to the last CI.
    pub last_at: Timestamp,
}

/// That an item came to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Not before.
    pub first_at: Timestamp,
    /// Not after.
    pub last_at: Timestamp,
}

/// Takes note of what an event changes; `cmdb` is the state before it.
pub(super) fn note(cmdb: &mut Cmdb, record: &Record, event: &CiEvent) {
    for (ci, change) in changes(cmdb, record, event) {
        cmdb.changes.add(record.at, ci, change);
    }
}

fn changes(cmdb: &Cmdb, record: &Record, event: &CiEvent) -> Vec<(CiId, Change)> {
    let is_old = |id: CiId| cmdb.cis.get(&id).is_some_and(|ci| ci.created_at != record.at);
    match event {
        CiEvent::SoftwareChanged { ci, changes } if is_old(*ci) => changes.iter().map(|change| (*ci, package(change))).collect(),
        CiEvent::AttributesChanged { ci, changes } if ci.family == Family::Host && is_old(*ci) => {
            changes.iter().filter_map(|change| Some((*ci, attribute(change)?))).collect()
        }
        CiEvent::AttributesChanged { ci, changes } => part_values(cmdb, record, *ci, changes),
        CiEvent::CiStatusChanged { ci, before, after, .. } if ci.family == Family::Host && is_old(*ci) => {
            vec![(*ci, Change::Status { before: *before, after: *after })]
        }
        CiEvent::CiStatusChanged { ci, before, after, .. } => {
            let what = match (before, after) {
                (_, Lifecycle::Missing) => "missing",
                (Lifecycle::Missing, Lifecycle::Operational) => "returned",
                _ => return Vec::new(),
            };
            part(cmdb, *ci, cmdb.cis.get(ci).and_then(|part| part.parent), what)
        }
        CiEvent::CiCreated { class, name, parent: Some(parent), .. } if is_old(*parent) => {
            vec![(*parent, Change::Part { class: *class, what: "added".into(), name: shown(name) })]
        }
        CiEvent::CiMoved { ci, before, after } => {
            let mut found = part(cmdb, *ci, *before, "moved_out");
            found.extend(part(cmdb, *ci, *after, "moved_in"));
            found
        }
        _ => Vec::new(),
    }
}

fn part(cmdb: &Cmdb, part: CiId, host: Option<CiId>, what: &str) -> Vec<(CiId, Change)> {
    let (Some(host), Some(part)) = (host, cmdb.cis.get(&part)) else { return Vec::new() };
    vec![(host, Change::Part { class: part.class, what: what.into(), name: shown(&part.name) })]
}

fn part_values(cmdb: &Cmdb, record: &Record, part: CiId, changes: &[AttributeChange]) -> Vec<(CiId, Change)> {
    let Some(part) = cmdb.cis.get(&part).filter(|part| part.created_at != record.at) else { return Vec::new() };
    let Some(host) = part.parent else { return Vec::new() };
    let of_part = |change: &AttributeChange| {
        let Change::Attribute { name: attribute, before, after } = self::attribute(change)? else { return None };
        Some((host, Change::PartValue { class: part.class, attribute, name: shown(&part.name), before, after }))
    };
    changes.iter().filter(|change| OF_PARTS.contains(&change.name.as_str())).filter_map(of_part).collect()
}

fn package(change: &PackageChange) -> Change {
    let version = |version: &Option<String>| version.as_deref().map(shown);
    Change::Package { product: change.product, name: shown(&change.name), before: version(&change.before), after: version(&change.after) }
}

/// `None` when only the proposals differ and the value that counts does not.
fn attribute(change: &AttributeChange) -> Option<Change> {
    let after = change.after.as_ref().map(Attribute::value);
    if change.before.as_ref() == after {
        return None;
    }
    let is_own = OWN_VALUES.contains(&change.name.as_str());
    let text = |value: Option<&AttributeValue>| value.filter(|_| !is_own).map(|value| shown(&value.to_string()));
    Some(Change::Attribute { name: change.name.clone(), before: text(change.before.as_ref()), after: text(after) })
}

fn shown(text: &str) -> String {
    normalise::cut(text, VALUE_BYTES).to_owned()
}

impl Changes {
    fn add(&mut self, at: Timestamp, ci: CiId, change: Change) {
        let today = at.0.div_euclid(DAY_MS);
        let day = self.days.entry(today).or_default();
        if day.changes.len() >= CHANGES_PER_DAY && !day.changes.contains_key(&change) {
            day.dropped += 1;
            return;
        }
        let number = self.next;
        let seen = day.changes.entry(change).or_insert_with(|| {
            self.next += 1;
            Seen { number, cis: Vec::new(), first_at: at, last_at: at }
        });
        (seen.first_at, seen.last_at) = (seen.first_at.min(at), seen.last_at.max(at));
        if let Err(place) = seen.cis.binary_search(&ci) {
            seen.cis.insert(place, ci);
        }
        while let Some((&oldest, _)) = self.days.first_key_value() {
            if oldest > self.days.last_key_value().map_or(oldest, |(&newest, _)| newest) - DAYS {
                break;
            }
            self.days.remove(&oldest);
        }
    }

    /// Bundles of the days that have something of this time, newest first.
    #[must_use]
    pub fn bundles(&self, from: Timestamp, to: Timestamp) -> Vec<Bundle> {
        let mut found = Vec::new();
        if from > to {
            return found;
        }
        for day in self.days.range(from.0.div_euclid(DAY_MS)..=to.0.div_euclid(DAY_MS)).map(|(_, day)| day) {
            let mut by_cis: BTreeMap<&[CiId], Bundle> = BTreeMap::new();
            for (change, seen) in &day.changes {
                let fresh = || Bundle {
                    number: seen.number,
                    cis: seen.cis.clone(),
                    changes: Vec::new(),
                    first_at: seen.first_at,
                    last_at: seen.last_at,
                };
                let bundle = by_cis.entry(&seen.cis).or_insert_with(fresh);
                bundle.number = bundle.number.min(seen.number);
                bundle.first_at = bundle.first_at.min(seen.first_at);
                bundle.last_at = bundle.last_at.max(seen.last_at);
                bundle.changes.push(change.clone());
            }
            found.extend(by_cis.into_values().filter(|bundle| bundle.first_at <= to && bundle.last_at >= from));
        }
        found.sort_by_key(|bundle| std::cmp::Reverse(bundle.number));
        found
    }

    /// When an item came to a version of a product, within the span of the first and the last item that did so on one day; the latest
    /// time. `None` when that was before the summary begins, or with its first inventory.
    #[must_use]
    pub fn came_to_version(&self, ci: CiId, product: CiId, version: &str) -> Option<Arrival> {
        let from = Change::Package { product, name: String::new(), before: None, after: None };
        self.latest(ci, &from, |change| match change {
            Change::Package { product: of, after, .. } if *of == product => Some(after.as_deref() == Some(version)),
            _ => None,
        })
    }

    /// The same for a value of an attribute.
    #[must_use]
    pub fn came_to_value(&self, ci: CiId, attribute: &str, value: &str) -> Option<Arrival> {
        let from = Change::Attribute { name: attribute.to_owned(), before: None, after: None };
        self.latest(ci, &from, |change| match change {
            Change::Attribute { name, after, .. } if name == attribute => {
                Some(after.as_deref() == Some(normalise::cut(value, VALUE_BYTES)))
            }
            _ => None,
        })
    }

    /// The same for a member of an attribute that is a list. A list is kept cut: what stands further behind is not found.
    #[must_use]
    pub fn came_to_member(&self, ci: CiId, attribute: &str, member: &str) -> Option<Arrival> {
        let from = Change::Attribute { name: attribute.to_owned(), before: None, after: None };
        let has = |list: &Option<String>| list.as_deref().is_some_and(|list| list.split(", ").any(|one| one == member));
        self.latest(ci, &from, |change| match change {
            Change::Attribute { name, before, after } if name == attribute => Some(has(after) && !has(before)),
            _ => None,
        })
    }

    /// The same for a value of an attribute of a part of a class.
    #[must_use]
    pub fn came_to_part_value(&self, ci: CiId, class: Class, (attribute, value): (&str, &str)) -> Option<Arrival> {
        let from = Change::PartValue { class, attribute: attribute.to_owned(), name: String::new(), before: None, after: None };
        self.latest(ci, &from, |change| match change {
            Change::PartValue { class: of, attribute: name, after, .. } if *of == class && name == attribute => {
                Some(after.as_deref() == Some(value))
            }
            _ => None,
        })
    }

    /// Versions of products that some of `hosts` got without having had the product before, with how many of them did.
    #[must_use]
    pub fn newly_installed(&self, hosts: &BTreeSet<CiId>) -> BTreeMap<(CiId, &str), u64> {
        let mut found = BTreeMap::new();
        for (change, seen) in self.days.values().flat_map(|day| &day.changes) {
            let Change::Package { product, before: None, after: Some(version), .. } = change else { continue };
            let among = seen.cis.iter().filter(|ci| hosts.contains(ci)).count() as u64;
            if among > 0 {
                *found.entry((*product, version.as_str())).or_default() += among;
            }
        }
        found
    }

    /// The latest change of an item, from `from` on, that `reads` takes for an arrival; the walk of a day ends where it says `None`.
    fn latest(&self, ci: CiId, from: &Change, reads: impl Fn(&Change) -> Option<bool>) -> Option<Arrival> {
        self.days.values().rev().find_map(|day| {
            let of_thing = day.changes.range(from..).map_while(|(change, seen)| Some((reads(change)?, seen)));
            let arrivals = of_thing.filter(|(_, seen)| seen.cis.binary_search(&ci).is_ok());
            let arrivals =
                arrivals.filter(|(arrives, _)| *arrives).map(|(_, seen)| Arrival { first_at: seen.first_at, last_at: seen.last_at });
            arrivals.max_by_key(|one| one.last_at)
        })
    }

    /// Changes that were not kept because their day had too many different ones.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.days.values().map(|day| day.dropped).sum()
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Package { name, before: Some(before), after: Some(after), .. } => write!(f, "{name} {before} → {after}"),
            Self::Package { name, before: None, after: Some(after), .. } => write!(f, "{name} {after} installed"),
            Self::Package { name, before: Some(before), after: None, .. } => write!(f, "{name} {before} removed"),
            Self::Package { name, .. } => f.write_str(name),
            Self::Attribute { name, before: None, after: None } => write!(f, "{name} changed"),
            Self::Attribute { name, before, after } => {
                write!(f, "{name} {} → {}", before.as_deref().unwrap_or("nothing"), after.as_deref().unwrap_or("nothing"))
            }
            Self::PartValue { class, attribute, name, before, after } => {
                let (before, after) = (before.as_deref().unwrap_or("nothing"), after.as_deref().unwrap_or("nothing"));
                write!(f, "{} {name}: {} {before} → {after}", class.as_str().replace('_', " "), attribute.replace('_', " "))
            }
            Self::Part { class, what, name } => write!(f, "{} {name} {}", class.as_str().replace('_', " "), what.replace('_', " ")),
            Self::Status { before, after } => write!(f, "{} → {}", before.as_str(), after.as_str()),
        }
    }
}

impl std::fmt::Display for Bundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hosts = if self.cis.len() == 1 { "1 host".to_owned() } else { format!("{} hosts", self.cis.len()) };
        let Some(first) = self.changes.first() else { return f.write_str(&hosts) };
        write!(f, "{hosts}: {first}")?;
        match self.changes.len() - 1 {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests;
