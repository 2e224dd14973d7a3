//! Sources of values, and what taking back one of them does.

use super::Time;
use super::ci::Value;
use super::word::InsertRight;
use rollcall_domain::World;
use rollcall_domain::ci::decide::revert::Forecast;
use rollcall_domain::ci::policy::may_insert;
use rollcall_domain::ci::{self as domain, Class};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A source of values.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ValueSource {
    /// Its name in policies and paths: `person:NAME`, `feed:NAME`, or the id of an agent.
    #[schema(example = "feed:glpi")]
    pub id: String,
    /// Who it is.
    #[schema(value_type = super::ci::Source)]
    pub source: super::ci::Source,
    /// Values that it proposes and attributes that it has locked.
    pub proposals: u64,
    /// Configuration items of which it has said something.
    pub cis: u64,
    /// When an agent was last heard of, and when others last said something new; null when that was not noted.
    pub last_seen: Option<Time>,
    /// What becomes of a host that it brings and nobody knows.
    pub insert: InsertRight,
    /// The same for the classes for which it is another.
    #[schema(value_type = BTreeMap<String, InsertRight>)]
    pub insert_by_class: BTreeMap<&'static str, InsertRight>,
    /// How far taking it back has come; null when nobody does.
    pub revert: Option<Revert>,
}

/// A source being taken back.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Revert {
    /// Why.
    pub reason: String,
    /// Who wants it.
    pub by: super::Actor,
    /// When it began.
    pub started_at: Time,
    /// Configuration items that are done.
    pub cis: u64,
}

impl ValueSource {
    /// The view of a source.
    pub fn new(world: &World, source: &domain::Source) -> Self {
        let cmdb = &world.cmdb;
        let insert = may_insert(&cmdb.policy, source, Class::Host);
        let others = Class::ALL.into_iter().map(|class| (class.as_str(), may_insert(&cmdb.policy, source, class)));
        let last_seen = match source {
            domain::Source::Agent { id } => world.telemetry.last_seen(*id),
            domain::Source::Person { .. } | domain::Source::Feed { .. } => cmdb.heard.get(source).copied(),
        };
        let revert = cmdb.reverts.get(source).map(|revert| Revert {
            reason: revert.reason.clone(),
            by: (&revert.by).into(),
            started_at: Time(revert.started_at),
            cis: revert.cis,
        });
        Self {
            id: source.to_string(),
            source: source.into(),
            proposals: cmdb.ledger.proposals_of(source),
            cis: cmdb.ledger.ci_count(source) as u64,
            last_seen: last_seen.map(Time),
            insert: insert.into(),
            insert_by_class: others.filter(|(_, right)| *right != insert).map(|(class, right)| (class, right.into())).collect(),
            revert,
        }
    }
}

/// What taking back a source does.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RevertOutcome {
    /// Which source.
    #[schema(example = "feed:glpi")]
    pub source: String,
    /// Whether this is only what would happen.
    pub dry_run: bool,
    /// Configuration items of which it has said something.
    pub cis: u64,
    /// Its values and locks.
    pub proposals: u64,
    /// Configuration items that were looked at for the rest: the first 10,000 at most.
    pub examined: u64,
    /// Attributes that get another value.
    pub changed: u64,
    /// Attributes that have no value any more.
    pub lost: u64,
    /// Relations that it told; those that no other source tells are there no more.
    pub relations: u64,
    /// The first hundred of both.
    pub sample: Vec<RevertedValue>,
}

/// A value that changes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RevertedValue {
    /// Of which configuration item.
    pub ci: String,
    /// Name of the attribute.
    pub attribute: String,
    /// The value that counts.
    pub before: Value,
    /// The value that counts then; null for none.
    pub after: Option<Value>,
}

impl RevertOutcome {
    /// The view of a forecast.
    pub fn new(source: &domain::Source, forecast: &Forecast, dry_run: bool) -> Self {
        let changes = forecast.sample.iter().map(|(ci, attribute, before, after)| RevertedValue {
            ci: ci.to_string(),
            attribute: attribute.clone(),
            before: Value(before.clone()),
            after: after.clone().map(Value),
        });
        Self {
            source: source.to_string(),
            dry_run,
            cis: forecast.cis as u64,
            proposals: forecast.proposals,
            examined: forecast.examined as u64,
            changed: forecast.changed,
            lost: forecast.lost,
            relations: forecast.relations,
            sample: changes.collect(),
        }
    }
}
