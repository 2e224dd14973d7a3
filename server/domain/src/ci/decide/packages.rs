//! From two package lists to what people want to know: which products are new, and what was upgraded, downgraded, installed, removed.

use crate::IdSource;
use crate::ci::software::{self, PACKAGES_PER_HOST};
use crate::ci::{CiEvent, Class, Cmdb, PackageChange, PackageChangeKind};
use crate::id::{CiId, Family};
use rollcall_shared::section::{Differing, Package};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Package changes in one event. A release upgrade of a large host changes fewer; the sections have them all.
pub const SOFTWARE_CHANGES: usize = 5_000;

/// Products in one event, so that no record of the log is larger than stores like.
const PRODUCTS_PER_EVENT: usize = 250;

/// The packages that a host had and those that it has, held against each other.
pub struct Lists<'a> {
    before: &'a [Package],
    after: &'a [Package],
    differing: Differing<'a, Package>,
}

impl<'a> Lists<'a> {
    /// Of two lists in the order that sections have; an empty one where nothing was known.
    pub fn new(before: &'a [Package], after: &'a [Package]) -> Self {
        Self { before, after, differing: Differing::of(before, after) }
    }

    /// Rows whose products may be new. Rows that the host had before were discovered then, save those that a longer list left out.
    fn undiscovered(&self) -> Vec<&'a Package> {
        if self.before.len().max(self.after.len()) <= PACKAGES_PER_HOST {
            return self.differing.come.clone();
        }
        self.after.iter().take(PACKAGES_PER_HOST).collect()
    }
}

/// Products that no host had before, as events; and the ids of those that are new.
pub fn discover(cmdb: &Cmdb, lists: &Lists<'_>, ids: &mut dyn IdSource) -> (Vec<CiEvent>, BTreeMap<String, CiId>) {
    let mut fresh: BTreeMap<String, &Package> = BTreeMap::new();
    for package in lists.undiscovered() {
        let key = (Class::SoftwareProduct, software::product_key(package).into_owned());
        if !cmdb.keys.contains_key(&key) {
            fresh.entry(key.1).or_insert(package);
        }
    }
    let products: Vec<(CiId, String, String)> = fresh
        .into_iter()
        .map(|(key, package)| (CiId { family: Family::Software, bits: ids.next_bits() }, software::product_name(package), key))
        .collect();
    let known = products.iter().map(|(id, _, key)| (key.clone(), *id)).collect();
    let events = products.chunks(PRODUCTS_PER_EVENT).map(|chunk| CiEvent::ProductsDiscovered { products: chunk.to_vec() }).collect();
    (events, known)
}

/// What changed from one list to the other. Where several versions of one package are installed side by side (kernels, signing
/// keys), the last one that went was replaced by the last one that came; the others were removed or installed.
pub fn changes(cmdb: &Cmdb, fresh: &BTreeMap<String, CiId>, lists: &Lists<'_>) -> Vec<PackageChange> {
    let mut groups: BTreeMap<SamePackage<'_>, Sides<'_>> = BTreeMap::new();
    for &row in &lists.differing.gone {
        groups.entry(same_package(row)).or_default().gone.push(row);
    }
    for &row in &lists.differing.come {
        groups.entry(same_package(row)).or_default().come.push(row);
    }
    let product = |row: &Package| {
        let key = software::product_key(row).into_owned();
        fresh.get(&key).copied().or_else(|| cmdb.keys.get(&(Class::SoftwareProduct, key)).copied())
    };
    let mut found = Vec::new();
    for sides in groups.into_values() {
        for (before, after) in pair(sides) {
            let Some(row) = after.or(before) else { continue };
            let Some(product) = product(row) else { continue };
            let version = |row: Option<&Package>| row.map(|row| software::version(row).to_owned());
            let (before, after) = (version(before), version(after));
            let kind = kind(&row.manager, before.as_deref(), after.as_deref());
            found.push(PackageChange { kind, product, name: software::product_name(row), before, after });
        }
    }
    found.truncate(SOFTWARE_CHANGES);
    found
}

fn kind(manager: &str, before: Option<&str>, after: Option<&str>) -> PackageChangeKind {
    let (Some(before), Some(after)) = (before, after) else {
        return if before.is_none() { PackageChangeKind::Installed } else { PackageChangeKind::Removed };
    };
    match software::compare(manager, before, after) {
        Ordering::Less => PackageChangeKind::Upgraded,
        Ordering::Greater => PackageChangeKind::Downgraded,
        Ordering::Equal => PackageChangeKind::Changed,
    }
}

/// Rows of one package that only one of the two lists has.
#[derive(Default)]
struct Sides<'a> {
    gone: Vec<&'a Package>,
    come: Vec<&'a Package>,
}

/// Name, manager, architecture and place: what one program brought with it is not an upgrade of what another did.
type SamePackage<'a> = (&'a str, &'a str, Option<&'a str>, Option<&'a str>);

fn same_package(row: &Package) -> SamePackage<'_> {
    (&row.name, &row.manager, row.architecture.as_deref(), row.location.as_deref())
}

type Pair<'a> = (Option<&'a Package>, Option<&'a Package>);

fn pair(Sides { mut gone, mut come }: Sides<'_>) -> Vec<Pair<'_>> {
    // The same version with other details (a re-installation) is no change of software.
    let is_in = |rows: &[&Package], row: &Package| rows.iter().any(|other| other.version == row.version);
    let same: Vec<&Package> = gone.iter().copied().filter(|row| is_in(&come, row)).collect();
    gone.retain(|row| !is_in(&same, row));
    come.retain(|row| !is_in(&same, row));
    let replaced = match (gone.last(), come.last()) {
        (Some(_), Some(_)) => Some((gone.pop(), come.pop())),
        _ => None,
    };
    let removed = gone.into_iter().map(|row| (Some(row), None));
    let installed = come.into_iter().map(|row| (None, Some(row)));
    removed.chain(installed).chain(replaced).collect()
}

#[cfg(test)]
mod tests;
