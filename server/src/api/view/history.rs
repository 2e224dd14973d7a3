//! What changed a configuration item.

use super::ci::{Source, Value};
use super::record::Record;
use super::word::{Outcome, SectionName};
use super::{Actor, Time};
use rollcall_domain::World;
use rollcall_domain::ci::decide::reconcile;
use rollcall_domain::ci::past::Step;
use rollcall_domain::ci::{self, PackageChangeKind};
use serde::Serialize;
use utoipa::ToSchema;

/// A record of the log that changed a configuration item.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HistoryRecord {
    /// Its position in the log.
    pub revision: u64,
    /// When it was decided, by the server's clock.
    pub at: Time,
    /// What it is about.
    #[schema(example = "ci")]
    pub subject: String,
    /// What happened.
    #[schema(example = "attributes_changed")]
    pub r#type: String,
    /// Who stands behind it.
    pub actor: Actor,
    /// Id of the request that caused it.
    pub request_id: Option<String>,
    /// What it changed of the attributes and sections that were asked for; null when none were.
    pub changes: Option<Vec<HistoryChange>>,
    /// The event's own fields.
    #[schema(value_type = Object)]
    pub event: serde_json::Value,
}

/// A change of an attribute or a section.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HistoryChange {
    /// Which attribute; null for a section.
    #[schema(example = "serial")]
    pub attribute: Option<String>,
    /// Which section; null for an attribute.
    pub section: Option<SectionName>,
    /// The value before; of a section the name of its content. Null when there was none.
    pub before: Option<Value>,
    /// The value after.
    pub after: Option<Value>,
    /// Whose value it is, or who told of the section; null when nobody does any more.
    pub source: Option<Source>,
    /// Why: why the value counts, by the policy as it is now, or how the section was collected.
    pub why: String,
    /// Of packages: what was installed, upgraded, downgraded and removed.
    pub packages: Option<PackageCounts>,
}

/// Changes of packages, counted. The event has each of them.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct PackageCounts {
    /// Not there before.
    pub installed: u64,
    /// In a later version.
    pub upgraded: u64,
    /// In an earlier version.
    pub downgraded: u64,
    /// In another version that is neither.
    pub changed: u64,
    /// Gone.
    pub removed: u64,
}

impl HistoryRecord {
    /// The view of a record with what it changed.
    pub fn new(record: &rollcall_domain::Record, changes: Option<Vec<HistoryChange>>) -> Self {
        let Record { revision, at, subject, r#type, actor, request_id, event } = record.into();
        Self { revision, at, subject, r#type, actor, request_id, changes, event }
    }
}

impl HistoryChange {
    /// The view of a change that a record made.
    pub fn new(world: &World, record: &rollcall_domain::Record, step: &Step) -> Self {
        let none = Self { attribute: None, section: None, before: None, after: None, source: None, why: String::new(), packages: None };
        match step {
            Step::Attribute { name, before, after, ci } => {
                let value = |attribute: Option<&ci::Attribute>| attribute.map(|attribute| Value(attribute.value().clone()));
                let policy = &world.cmdb.policy.reconciliation;
                let why = after.as_ref().map(|after| reconcile::reason(policy, ci, name, after));
                Self {
                    attribute: Some(name.clone()),
                    before: value(before.as_ref()),
                    after: value(after.as_ref()),
                    source: after.as_ref().map(|after| after.source().into()),
                    why: why.unwrap_or_else(|| "no source says anything of it any more".to_owned()),
                    ..none
                }
            }
            Step::Section { name, feed, before, after, outcome, reason, rows: [added, removed, changed] } => {
                let source = feed.clone().map_or_else(|| ci::Source::of(&record.actor), |name| ci::Source::Feed { name });
                let hash = |hash: Option<rollcall_shared::ContentHash>| hash.map(|hash| Value(ci::AttributeValue::Text(hash.to_string())));
                let outcome = Outcome::from(*outcome).0.as_str();
                let reason = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
                Self {
                    section: Some((*name).into()),
                    before: hash(*before),
                    after: hash(*after),
                    source: Some((&source).into()),
                    why: format!("collected: {outcome}{reason}; {added} rows came, {removed} went, {changed} changed"),
                    ..none
                }
            }
            Step::Software { changes } => {
                let count = |kind| changes.iter().filter(|change| change.kind == kind).count() as u64;
                let packages = PackageCounts {
                    installed: count(PackageChangeKind::Installed),
                    upgraded: count(PackageChangeKind::Upgraded),
                    downgraded: count(PackageChangeKind::Downgraded),
                    changed: count(PackageChangeKind::Changed),
                    removed: count(PackageChangeKind::Removed),
                };
                Self {
                    section: Some(rollcall_shared::SectionName::Packages.into()),
                    source: Some((&ci::Source::of(&record.actor)).into()),
                    why: "the package list was held against the one before".to_owned(),
                    packages: Some(packages),
                    ..none
                }
            }
        }
    }
}
