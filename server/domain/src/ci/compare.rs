//! What differs between two configuration items, or one at two moments.

use super::decide::packages::{self, Lists};
use super::{AttributeValue, Ci, PackageChangeKind};
use crate::Content;
use rollcall_shared::section::{Package, SectionDiff};
use rollcall_shared::{ContentHash, Section, SectionName};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// What differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Attributes that differ, by name: left, right.
    pub attributes: Vec<(String, Option<AttributeValue>, Option<AttributeValue>)>,
    /// How many attributes are equal.
    pub equal_attributes: usize,
    /// Sections that differ, by name.
    pub sections: Vec<SectionDifference>,
    /// Sections that are equal, by name.
    pub equal_sections: Vec<SectionName>,
    /// Tags that only the left one has.
    pub left_tags: Vec<String>,
    /// Tags that only the right one has.
    pub right_tags: Vec<String>,
}

/// A section that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct SectionDifference {
    /// Which.
    pub name: SectionName,
    /// The left content; `None` when there is none.
    pub left: Option<ContentHash>,
    /// The right content.
    pub right: Option<ContentHash>,
    /// Rows that differ; `None` when one side has no content, which is not the same as having no rows.
    pub rows: Option<Vec<RowDifference>>,
}

impl SectionDifference {
    /// How many rows differ so; `None` when one side has no content.
    #[must_use]
    pub fn count(&self, change: RowChange) -> Option<u64> {
        self.rows.as_ref().map(|rows| rows.iter().filter(|row| row.change == change).count() as u64)
    }
}

/// How a row differs, seen from the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowChange {
    /// A package in a later version.
    Upgraded,
    /// A package in an earlier version.
    Downgraded,
    /// Only the right side has it.
    Added,
    /// Only the left side has it.
    Removed,
    /// Other fields of it differ.
    Changed,
    /// Only what is noted about it differs, such as when a package was installed.
    Bookkeeping,
}

impl RowChange {
    /// All of them, in the order in which rows are listed.
    pub const ALL: [Self; 6] = [Self::Upgraded, Self::Downgraded, Self::Added, Self::Removed, Self::Changed, Self::Bookkeeping];

    /// The name in JSON and parameters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upgraded => "upgraded",
            Self::Downgraded => "downgraded",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Bookkeeping => "bookkeeping",
        }
    }
}

/// A row that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct RowDifference {
    /// How.
    pub change: RowChange,
    /// What it is called, where it has a name.
    pub name: Option<String>,
    /// Of a package: the left version.
    pub before: Option<String>,
    /// Of a package: the right version.
    pub after: Option<String>,
    /// The left row.
    pub left: Option<Value>,
    /// The right row.
    pub right: Option<Value>,
}

/// Compares. Content that cannot be read counts as absent.
#[must_use]
pub fn compare(left: &Ci, right: &Ci, content: &dyn Content) -> Comparison {
    let names: BTreeSet<&str> = left.attributes.keys().chain(right.attributes.keys()).collect();
    let value = |ci: &Ci, name: &str| ci.attributes.get(name).map(|attribute| attribute.value().clone());
    let pairs = names.into_iter().map(|name| (name.to_owned(), value(left, name), value(right, name)));
    let (equal, attributes): (Vec<_>, Vec<_>) = pairs.partition(|(_, left, right)| left == right);
    let (mut sections, mut equal_sections) = (Vec::new(), Vec::new());
    for &name in SectionName::ALL {
        let hash = |ci: &Ci| ci.section(name).and_then(|state| state.hash);
        match (hash(left), hash(right)) {
            (None, None) => {}
            (one, other) if one == other => equal_sections.push(name),
            (left, right) => sections.push(SectionDifference { name, left, right, rows: rows(left, right, content) }),
        }
    }
    let only = |one: &Ci, other: &Ci| one.tags.difference(&other.tags).cloned().collect();
    Comparison {
        attributes,
        equal_attributes: equal.len(),
        sections,
        equal_sections,
        left_tags: only(left, right),
        right_tags: only(right, left),
    }
}

/// Rows in the order of [`RowChange::ALL`], and of their names within.
fn rows(left: Option<ContentHash>, right: Option<ContentHash>, content: &dyn Content) -> Option<Vec<RowDifference>> {
    let (left, right) = (content.section(&left?)?, content.section(&right?)?);
    let mut rows = match (&*left, &*right) {
        (Section::Packages(left), Section::Packages(right)) => package_rows(left, right),
        (left, right) => other_rows(&right.diff(left)),
    };
    rows.sort_by_key(|row| row.change);
    Some(rows)
}

/// What history calls an upgrade is one here: the same function says so.
fn package_rows(left: &[Package], right: &[Package]) -> Vec<RowDifference> {
    let found = packages::rows(&Lists::new(left, right));
    let json = |row: Option<&Package>| row.and_then(|row| serde_json::to_value(row).ok());
    let difference = |change, (left, right): packages::Pair<'_>| RowDifference {
        change,
        name: right.or(left).map(|row| row.name.clone()),
        before: left.map(|row| row.version.clone()),
        after: right.map(|row| row.version.clone()),
        left: json(left),
        right: json(right),
    };
    let software = found.software.into_iter().map(|(kind, pair)| {
        let change = match kind {
            PackageChangeKind::Installed => RowChange::Added,
            PackageChangeKind::Removed => RowChange::Removed,
            PackageChangeKind::Upgraded => RowChange::Upgraded,
            PackageChangeKind::Downgraded => RowChange::Downgraded,
            PackageChangeKind::Changed => RowChange::Changed,
        };
        difference(change, pair)
    });
    let retold = found.retold.into_iter().map(|pair| difference(told_anew(pair), pair));
    software.chain(retold).collect()
}

/// When it was installed says nothing of what is installed.
fn told_anew(pair: packages::Pair<'_>) -> RowChange {
    let bare = |row: &Package| Package { installed_at: None, ..row.clone() };
    match pair {
        (Some(left), Some(right)) if bare(left) == bare(right) => RowChange::Bookkeeping,
        _ => RowChange::Changed,
    }
}

fn other_rows(diff: &SectionDiff) -> Vec<RowDifference> {
    let name = |row: Option<&Value>| row.and_then(|row| row["name"].as_str()).map(str::to_owned);
    let difference = |change, left: Option<&Value>, right: Option<&Value>| RowDifference {
        change,
        name: name(right.or(left)),
        before: None,
        after: None,
        left: left.cloned(),
        right: right.cloned(),
    };
    let added = diff.added.iter().map(|row| difference(RowChange::Added, None, Some(row)));
    let removed = diff.removed.iter().map(|row| difference(RowChange::Removed, Some(row), None));
    let changed = diff.changed.iter().map(|(left, right)| difference(RowChange::Changed, Some(left), Some(right)));
    added.chain(removed).chain(changed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::testing::*;

    #[test]
    fn two_hosts_differ_in_what_they_are_and_in_what_they_have() {
        let mut fleet = Fleet::with_agents([1, 2]);
        fleet.report(1, [system(server(1)), os("12"), packages(&[("bash", "5.2"), ("openssl", "3.0.13")])]);
        fleet.report(2, [system(server(2)), os("12"), packages(&[("bash", "5.2"), ("openssl", "3.0.14"), ("vim", "9")])]);
        let found = compare(fleet.host_of(1), fleet.host_of(2), &fleet.content);
        let names: Vec<&str> = found.attributes.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["hostname", "machine_id", "serial", "uuid"]);
        assert!(found.equal_attributes > 3);
        assert_eq!(found.equal_sections, [SectionName::Os]);
        let packages = found.sections.iter().find(|section| section.name == SectionName::Packages).expect("both have packages");
        let counts = RowChange::ALL.map(|change| packages.count(change).expect("both have packages"));
        assert_eq!(counts, [1, 0, 1, 0, 0, 0]);
        let same = compare(fleet.host_of(1), fleet.host_of(1), &fleet.content);
        assert_eq!((same.attributes.len(), same.sections.len()), (0, 0));
    }

    #[test]
    fn a_section_that_one_side_lacks_is_not_an_empty_one() {
        let mut fleet = Fleet::with_agents([1, 2]);
        fleet.report(1, [system(server(1)), packages(&[("bash", "5.2")])]);
        fleet.report(2, [system(server(2))]);
        let found = compare(fleet.host_of(1), fleet.host_of(2), &fleet.content);
        let packages = found.sections.iter().find(|section| section.name == SectionName::Packages).expect("differs");
        assert_eq!((packages.right, &packages.rows), (None, &None));
    }

    #[test]
    fn what_is_only_noted_about_a_package_is_told_apart_from_what_it_is() {
        let row = |name: &str, version: &str| Package {
            name: name.into(),
            version: version.into(),
            manager: "dpkg".into(),
            ..Package::default()
        };
        let at = |row: Package, seconds: i64| Package { installed_at: Some(rollcall_shared::Timestamp(seconds * 1_000)), ..row };
        let left = [at(row("bash", "5.2"), 1), at(row("curl", "8.10"), 1), row("gone", "1"), row("vim", "9")];
        let right = [
            at(row("bash", "5.2"), 2),
            at(row("curl", "8.9"), 2),
            row("new", "1"),
            Package { vendor: Some("V".into()), ..row("vim", "9") },
        ];
        let found: Vec<_> = package_rows(&left, &right).into_iter().map(|row| (row.change, row.name.expect("named"))).collect();
        let expected = [
            (RowChange::Downgraded, "curl"),
            (RowChange::Removed, "gone"),
            (RowChange::Added, "new"),
            (RowChange::Bookkeeping, "bash"),
            (RowChange::Changed, "vim"),
        ];
        assert_eq!(found, expected.map(|(change, name)| (change, name.to_owned())));
    }
}
