//! From two package lists to what people want to know: which products are new, and what was upgraded, downgraded, installed, removed.

use crate::IdSource;
use crate::ci::software::{self, PACKAGES_PER_HOST};
use crate::ci::{CiEvent, Class, Cmdb, PackageChange, PackageChangeKind};
use crate::id::{CiId, Family};
use rollcall_shared::section::{Differing, Package};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

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

/// How two package lists differ, row by row: before, after.
pub struct Rows<'a> {
    /// Another version, in whatever direction; installed (nothing before), or removed (nothing after).
    pub software: Vec<(PackageChangeKind, Pair<'a>)>,
    /// The same version with other details.
    pub retold: Vec<Pair<'a>>,
}

/// Holds two lists against each other as [`changes`] does, in order of name.
pub fn rows<'a>(lists: &Lists<'a>) -> Rows<'a> {
    let mut found = Rows { software: Vec::new(), retold: Vec::new() };
    for mut sides in groups(lists).into_values() {
        found.retold.extend(take_retold(&mut sides));
        let version = |row: Option<&'a Package>| row.map(software::version);
        found.software.extend(replaced(sides).into_iter().filter_map(|(before, after)| {
            let manager = &after.or(before)?.manager;
            Some((kind(manager, version(before), version(after)), (before, after)))
        }));
    }
    found
}

fn groups<'a>(lists: &Lists<'a>) -> BTreeMap<SamePackage<'a>, Sides<'a>> {
    let mut groups: BTreeMap<SamePackage<'_>, Sides<'_>> = BTreeMap::new();
    for &row in &lists.differing.gone {
        groups.entry(same_package(row)).or_default().gone.push(row);
    }
    for &row in &lists.differing.come {
        groups.entry(same_package(row)).or_default().come.push(row);
    }
    groups
}

/// What changed from one list to the other. Where several versions of one package are installed side by side (kernels, signing
/// keys), the last one that went was replaced by the last one that came; the others were removed or installed.
pub fn changes(cmdb: &Cmdb, fresh: &BTreeMap<String, CiId>, lists: &Lists<'_>) -> Vec<PackageChange> {
    let product = |row: &Package| {
        let key = software::product_key(row).into_owned();
        fresh.get(&key).copied().or_else(|| cmdb.keys.get(&(Class::SoftwareProduct, key)).copied())
    };
    let mut found = Vec::new();
    for (kind, (before, after)) in rows(lists).software {
        let Some(row) = after.or(before) else { continue };
        let Some(product) = product(row) else { continue };
        let version = |row: Option<&Package>| row.map(|row| software::version(row).to_owned());
        found.push(PackageChange { kind, product, name: software::product_name(row), before: version(before), after: version(after) });
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

/// A row before, and after.
pub type Pair<'a> = (Option<&'a Package>, Option<&'a Package>);

/// The same version with other details (a re-installation) is no change of software.
fn take_retold<'a>(Sides { gone, come }: &mut Sides<'a>) -> Vec<Pair<'a>> {
    let versions: BTreeSet<&str> =
        gone.iter().filter(|row| come.iter().any(|other| other.version == row.version)).map(|row| &*row.version).collect();
    let mut retold = Vec::new();
    for version in versions {
        let of = |rows: &[&'a Package]| rows.iter().copied().filter(|row| row.version == version).collect::<Vec<_>>();
        let (before, after) = (of(gone), of(come));
        let count = before.len().max(after.len());
        retold.extend((0..count).map(|place| (before.get(place).copied(), after.get(place).copied())));
    }
    let is_retold =
        |row: &Package| retold.iter().any(|(before, after): &Pair<'_>| before.or(*after).is_some_and(|other| other.version == row.version));
    gone.retain(|row| !is_retold(row));
    come.retain(|row| !is_retold(row));
    retold
}

fn replaced(Sides { mut gone, mut come }: Sides<'_>) -> Vec<Pair<'_>> {
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
