//! Changes in the fleet and differences between configuration items.

use super::ci::Value;
use super::word::{RowChange, SectionName};
use super::{Time, texts};
use rollcall_domain::ci::{self, changes, compare};
use rollcall_shared::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Ids of hosts in one bundle; `hosts` counts them all.
const CIS: usize = 100;

/// Changes in one bundle; `change_count` counts them all.
const CHANGES: usize = 500;

/// Rows of one kind in one section of a comparison; the counts are of all.
const ROWS: usize = 500;

/// Changes of software in a comparison: as many as one record of the log has.
const SOFTWARE: usize = ci::decide::SOFTWARE_CHANGES;

/// Changes that the same hosts went through on one day.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Bundle {
    /// In a sentence.
    #[schema(example = "41 hosts: openssl 3.0.13 → 3.0.14")]
    pub summary: String,
    /// How many hosts.
    pub hosts: u64,
    /// The first 100 of them.
    pub cis: Vec<String>,
    /// How many changes.
    pub change_count: u64,
    /// The first 500 of them, each in words.
    pub changes: Vec<String>,
    /// When the first of them happened to the first host.
    pub first_at: Time,
    /// When the last of them happened to the last host.
    pub last_at: Time,
}

impl From<&changes::Bundle> for Bundle {
    fn from(bundle: &changes::Bundle) -> Self {
        Self {
            summary: bundle.to_string(),
            hosts: bundle.cis.len() as u64,
            cis: texts(bundle.cis.iter().take(CIS)),
            change_count: bundle.changes.len() as u64,
            changes: texts(bundle.changes.iter().take(CHANGES)),
            first_at: Time(bundle.first_at),
            last_at: Time(bundle.last_at),
        }
    }
}

/// One side of a comparison.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ComparedCi {
    /// Which configuration item.
    pub id: String,
    /// What it was called.
    pub name: String,
    /// At which moment; null for now.
    pub at: Option<Time>,
}

/// A value that differs.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Difference {
    /// Which attribute.
    pub name: String,
    /// The left value; null when there is none.
    pub left: Option<Value>,
    /// The right value.
    pub right: Option<Value>,
}

/// A row that differs.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChangedRow {
    /// The left row.
    #[schema(value_type = Object)]
    pub left: serde_json::Value,
    /// The right row.
    #[schema(value_type = Object)]
    pub right: serde_json::Value,
}

/// A section that differs.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SectionDifference {
    /// Which.
    pub name: SectionName,
    /// The left content; null when there is none.
    pub left: Option<String>,
    /// The right content.
    pub right: Option<String>,
    /// How many rows only the right one has; null when one side has no content.
    pub added_count: Option<u64>,
    /// How many rows only the left one has.
    pub removed_count: Option<u64>,
    /// How many rows differ in what they say; of packages that is the version, up or down, or a detail.
    pub changed_count: Option<u64>,
    /// How many rows differ only in what is noted about them, such as when a package was installed; they are not among the others.
    pub bookkeeping_count: Option<u64>,
    /// The first 500 of them.
    #[schema(value_type = Vec<Object>)]
    pub added: Vec<serde_json::Value>,
    /// The first 500 of them.
    #[schema(value_type = Vec<Object>)]
    pub removed: Vec<serde_json::Value>,
    /// The first 500 of them.
    pub changed: Vec<ChangedRow>,
}

/// How a row counts in a section's lists.
fn has_other_fields(change: compare::RowChange) -> bool {
    use compare::RowChange as C;
    matches!(change, C::Upgraded | C::Downgraded | C::Changed)
}

impl From<&compare::SectionDifference> for SectionDifference {
    fn from(section: &compare::SectionDifference) -> Self {
        use compare::RowChange as C;
        let rows = section.rows.as_deref().unwrap_or_default();
        let added = rows.iter().filter(|row| row.change == C::Added).filter_map(|row| row.right.clone());
        let removed = rows.iter().filter(|row| row.change == C::Removed).filter_map(|row| row.left.clone());
        let changed = || rows.iter().filter(|row| has_other_fields(row.change));
        let pair = |row: &compare::RowDifference| ChangedRow {
            left: row.left.clone().unwrap_or_default(),
            right: row.right.clone().unwrap_or_default(),
        };
        Self {
            name: section.name.into(),
            left: section.left.map(|hash| hash.to_string()),
            right: section.right.map(|hash| hash.to_string()),
            added_count: section.count(C::Added),
            removed_count: section.count(C::Removed),
            changed_count: section.rows.as_ref().map(|_| changed().count() as u64),
            bookkeeping_count: section.count(C::Bookkeeping),
            added: added.take(ROWS).collect(),
            removed: removed.take(ROWS).collect(),
            changed: changed().take(ROWS).map(pair).collect(),
        }
    }
}

/// A row in which a section differs.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RowDifference {
    /// Which section.
    pub section: SectionName,
    /// How.
    pub change: RowChange,
    /// What it is called, where it has a name.
    #[schema(example = "openssl")]
    pub name: Option<String>,
    /// Of a package: the left version.
    pub before: Option<String>,
    /// Of a package: the right version.
    pub after: Option<String>,
    /// The left row; null when it has none.
    #[schema(value_type = Option<Object>)]
    pub left: Option<serde_json::Value>,
    /// The right row; null when it has none.
    #[schema(value_type = Option<Object>)]
    pub right: Option<serde_json::Value>,
}

impl RowDifference {
    /// The view of a row of a section.
    pub fn new(section: rollcall_shared::SectionName, row: &compare::RowDifference) -> Self {
        Self {
            section: section.into(),
            change: row.change.into(),
            name: row.name.clone(),
            before: row.before.clone(),
            after: row.after.clone(),
            left: row.left.clone(),
            right: row.right.clone(),
        }
    }
}

/// How software differs.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SoftwareDifference {
    /// Packages in a later version.
    pub upgraded: u64,
    /// Packages in an earlier version.
    pub downgraded: u64,
    /// Packages that only the right one has.
    pub installed: u64,
    /// Packages that only the left one has.
    pub removed: u64,
    /// Packages of which other details differ.
    pub changed: u64,
    /// Packages of which only the time of installation differs.
    pub bookkeeping: u64,
    /// The first 5,000 of them, upgrades first, but for those that only `bookkeeping` counts.
    pub changes: Vec<SoftwareChange>,
}

/// A package that differs.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SoftwareChange {
    /// How.
    pub change: RowChange,
    /// The package.
    #[schema(example = "openssl")]
    pub name: Option<String>,
    /// The left version; null when it was not there.
    #[schema(example = "3.0.13")]
    pub from: Option<String>,
    /// The right version; null when it is not there.
    #[schema(example = "3.0.14")]
    pub to: Option<String>,
}

impl SoftwareDifference {
    fn of(section: &compare::SectionDifference) -> Option<Self> {
        use compare::RowChange as C;
        let rows = section.rows.as_ref()?;
        let told = rows.iter().filter(|row| row.change != C::Bookkeeping).take(SOFTWARE).map(|row| SoftwareChange {
            change: row.change.into(),
            name: row.name.clone(),
            from: row.before.clone(),
            to: row.after.clone(),
        });
        Some(Self {
            upgraded: section.count(C::Upgraded)?,
            downgraded: section.count(C::Downgraded)?,
            installed: section.count(C::Added)?,
            removed: section.count(C::Removed)?,
            changed: section.count(C::Changed)?,
            bookkeeping: section.count(C::Bookkeeping)?,
            changes: told.collect(),
        })
    }
}

/// What differs between two configuration items, or one at two moments.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CiComparison {
    /// The one.
    pub left: ComparedCi,
    /// The other.
    pub right: ComparedCi,
    /// Attributes that differ, by name.
    pub attributes: Vec<Difference>,
    /// How many attributes are equal.
    pub equal_attributes: u64,
    /// Tags that only the left one has.
    pub left_tags: Vec<String>,
    /// Tags that only the right one has.
    pub right_tags: Vec<String>,
    /// How software differs; null when it does not, or when one side has no package list.
    pub software: Option<SoftwareDifference>,
    /// Sections that differ.
    pub sections: Vec<SectionDifference>,
    /// Sections that are equal.
    pub equal_sections: Vec<SectionName>,
}

impl CiComparison {
    /// The view of a comparison of two sides, each with its moment.
    pub fn new(left: (&ci::Ci, Option<Timestamp>), right: (&ci::Ci, Option<Timestamp>), found: &compare::Comparison) -> Self {
        let side = |(ci, at): (&ci::Ci, Option<Timestamp>)| ComparedCi { id: ci.id.to_string(), name: ci.name.clone(), at: at.map(Time) };
        let difference = |(name, left, right): &(String, Option<ci::AttributeValue>, Option<ci::AttributeValue>)| Difference {
            name: name.clone(),
            left: left.clone().map(Value),
            right: right.clone().map(Value),
        };
        Self {
            left: side(left),
            right: side(right),
            attributes: found.attributes.iter().map(difference).collect(),
            equal_attributes: found.equal_attributes as u64,
            left_tags: found.left_tags.clone(),
            right_tags: found.right_tags.clone(),
            software: found
                .sections
                .iter()
                .find(|section| section.name == rollcall_shared::SectionName::Packages)
                .and_then(SoftwareDifference::of),
            sections: found.sections.iter().map(Into::into).collect(),
            equal_sections: found.equal_sections.iter().map(|&name| name.into()).collect(),
        }
    }
}
