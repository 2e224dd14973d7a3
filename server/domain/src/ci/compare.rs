//! What differs between two configuration items, or one at two moments.

use super::{AttributeValue, Ci};
use crate::Content;
use rollcall_shared::section::SectionDiff;
use rollcall_shared::{ContentHash, SectionName};
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
    /// Rows that only the right one has, only the left one has, or that differ; `None` when one side has no content, which is
    /// not the same as having no rows.
    pub rows: Option<SectionDiff>,
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

fn rows(left: Option<ContentHash>, right: Option<ContentHash>, content: &dyn Content) -> Option<SectionDiff> {
    let (left, right) = (content.section(&left?)?, content.section(&right?)?);
    Some(right.diff(&left))
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
        let rows = found.sections.iter().find(|section| section.name == SectionName::Packages).and_then(|section| section.rows.as_ref());
        let rows = rows.expect("both have packages");
        assert_eq!((rows.added.len(), rows.removed.len(), rows.changed.len()), (1, 0, 1));
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
}
