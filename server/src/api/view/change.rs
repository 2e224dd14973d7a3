//! Changes in the fleet and differences between configuration items.

use super::ci::Value;
use super::word::SectionName;
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
pub struct Side {
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
    /// How many rows differ.
    pub changed_count: Option<u64>,
    /// The first 500 of them.
    #[schema(value_type = Vec<Object>)]
    pub added: Vec<serde_json::Value>,
    /// The first 500 of them.
    #[schema(value_type = Vec<Object>)]
    pub removed: Vec<serde_json::Value>,
    /// The first 500 of them.
    pub changed: Vec<ChangedRow>,
}

impl From<&compare::SectionDifference> for SectionDifference {
    fn from(section: &compare::SectionDifference) -> Self {
        let rows = section.rows.as_ref();
        let some = |rows: Option<&Vec<serde_json::Value>>| rows.map(|rows| rows.iter().take(ROWS).cloned().collect()).unwrap_or_default();
        let changed = rows.map(|rows| rows.changed.as_slice()).unwrap_or_default().iter().take(ROWS);
        Self {
            name: section.name.into(),
            left: section.left.map(|hash| hash.to_string()),
            right: section.right.map(|hash| hash.to_string()),
            added_count: rows.map(|rows| rows.added.len() as u64),
            removed_count: rows.map(|rows| rows.removed.len() as u64),
            changed_count: rows.map(|rows| rows.changed.len() as u64),
            added: some(rows.map(|rows| &rows.added)),
            removed: some(rows.map(|rows| &rows.removed)),
            changed: changed.map(|(left, right)| ChangedRow { left: left.clone(), right: right.clone() }).collect(),
        }
    }
}

/// What differs between two configuration items, or one at two moments.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Comparison {
    /// The one.
    pub left: Side,
    /// The other.
    pub right: Side,
    /// Attributes that differ, by name.
    pub attributes: Vec<Difference>,
    /// How many attributes are equal.
    pub equal_attributes: u64,
    /// Tags that only the left one has.
    pub left_tags: Vec<String>,
    /// Tags that only the right one has.
    pub right_tags: Vec<String>,
    /// Sections that differ.
    pub sections: Vec<SectionDifference>,
    /// Sections that are equal.
    pub equal_sections: Vec<SectionName>,
}

impl Comparison {
    /// The view of a comparison of two sides, each with its moment.
    pub fn new(left: (&ci::Ci, Option<Timestamp>), right: (&ci::Ci, Option<Timestamp>), found: &compare::Comparison) -> Self {
        let side = |(ci, at): (&ci::Ci, Option<Timestamp>)| Side { id: ci.id.to_string(), name: ci.name.clone(), at: at.map(Time) };
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
            sections: found.sections.iter().map(Into::into).collect(),
            equal_sections: found.equal_sections.iter().map(|&name| name.into()).collect(),
        }
    }
}
