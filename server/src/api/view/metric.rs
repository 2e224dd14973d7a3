//! Metrics with their units.

use super::word::MetricKind;
use rollcall_shared::metric as shared;
use serde::Serialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// A metric that agents send, or that came from somewhere else.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Metric {
    /// Its name, that of the OpenTelemetry semantic conventions where these have it.
    #[schema(example = "system.filesystem.utilization")]
    pub name: String,
    /// Unit in UCUM notation: `By`, `s`, `1` for ratios and states, `{packet}/s`; null where it is not known, or differs by series. That of
    /// others' metrics is as OTLP tells it.
    pub unit: Option<String>,
    /// How its values come about; null where it is not known.
    pub kind: Option<MetricKind>,
    /// What it is; null where it is not known.
    pub description: Option<&'static str>,
    /// What tells its series apart.
    pub attributes: Vec<String>,
    /// Rules that read it.
    pub rules: Vec<String>,
    /// Whether it is of the catalogue: one of those that agents of this release send. The others came from collectors of the site, checks and
    /// other systems.
    pub catalogued: bool,
}

impl Metric {
    /// One of the catalogue.
    pub fn catalogued(metric: &shared::Metric, rules: Vec<String>) -> Self {
        Self {
            name: metric.name.to_owned(),
            unit: metric.unit.map(str::to_owned),
            kind: Some(metric.kind.into()),
            description: Some(metric.about),
            attributes: metric.attributes.iter().map(|name| (*name).to_owned()).collect(),
            rules,
            catalogued: true,
        }
    }

    /// One that came all the same.
    pub fn foreign((name, unit): (&str, Option<&str>), attributes: &BTreeSet<String>, rules: Vec<String>) -> Self {
        let attributes = attributes.iter().cloned().collect();
        Self { name: name.to_owned(), unit: unit.map(str::to_owned), kind: None, description: None, attributes, rules, catalogued: false }
    }
}
