//! The fleet's newest values and alerts, in Prometheus' text format.
//!
//! Names, labels and values come from hosts: names are brought into Prometheus' alphabet and values are escaped, so that no host can write
//! lines of its own. Values carry no time; one that is not of the last minutes is left out, as a target that is down would have none.

use super::super::Api;
use super::super::extract::Parameters;
use super::super::selection::Selection;
use crate::answer::{self, ApiError};
use crate::engine::Engine;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::World;
use rollcall_domain::alert::{Alert, AlertState};
use rollcall_domain::ci::Ci;
use rollcall_domain::id::CiId;
use rollcall_domain::rule::Severity;
use rollcall_shared::Timestamp;
use rollcall_shared::metric::{METRICS, Metric};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;
use utoipa::IntoParams;

/// Series of one answer: 2,000 hosts of 100 series, 30 MB of text.
const SERIES: usize = 200_000;

/// A value that is older is left out; what Prometheus itself looks back for is five minutes.
const FRESH: Duration = Duration::from_secs(300);

/// Records looked at in one piece: components are among them, and a host has a hundred series.
const PORTION: usize = 1_000;

/// Which values are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FleetMetricsQuery {
    /// Only metrics of these names, separated by commas; an asterisk at the end stands for any rest.
    #[serde(rename = "match")]
    #[param(rename = "match", example = "system.cpu.*,system.memory.utilization")]
    wanted: Option<String>,
    /// Only configuration items that this query selects.
    #[param(example = "tag:web")]
    query: Option<String>,
}

/// Shows the newest values of all hosts for Prometheus, whether each host reports, and the alerts that fire or are about to. Names have
/// underscores for dots; every series has the labels `ci` and `host` and its own attributes.
#[utoipa::path(get, path = "/api/v1/fleet_metrics", tag = "probes", params(FleetMetricsQuery),
    responses((status = 200, description = "Prometheus text format 0.0.4.", content_type = "text/plain", body = String)))]
pub async fn get_fleet_metrics(State(api): State<Api>, Parameters(query): Parameters<FleetMetricsQuery>) -> Result<Response, ApiError> {
    let now = api.engine.now();
    let selection = Selection::new(query.query.as_deref(), now)?;
    let wanted: Vec<&str> = query.wanted.as_deref().into_iter().flat_map(|text| text.split(',')).map(str::trim).collect();
    let families = api.engine.read(|world| {
        let units = world.trust.units.iter().map(|(name, unit)| (in_alphabet(name), unit.to_owned())).collect();
        let mut families = Families { units, ..Families::default() };
        for ci in selection.all(world)? {
            host(world, ci, (&wanted, now), &mut |name, labels, value, _| families.put(name, &line(labels), value));
            if families.count > SERIES {
                return Err(ApiError::invalid(
                    "match",
                    format!("selects more than {SERIES} series: ask for fewer metrics, or narrow `query`"),
                ));
            }
        }
        Ok(families)
    })?;
    Ok(answer::body("text/plain; version=0.0.4; charset=utf-8", families.text()))
}

/// Series by name, so that a name's lines stand together.
#[derive(Default)]
struct Families {
    by_name: BTreeMap<String, BTreeMap<String, f64>>,
    /// Units of metrics that are in no catalogue.
    units: BTreeMap<String, String>,
    count: usize,
}

impl Families {
    fn put(&mut self, name: &str, labels: &str, value: f64) {
        let family = match self.by_name.get_mut(name) {
            Some(family) => family,
            None => self.by_name.entry(name.to_owned()).or_default(),
        };
        // Two series that the alphabet makes one stay one: a line that comes twice would spoil the whole answer.
        if family.insert(labels.to_owned(), value).is_none() {
            self.count += 1;
        }
    }

    fn text(&self) -> String {
        let mut text = String::with_capacity(self.count * 128);
        let catalogue: BTreeMap<String, &Metric> = METRICS.iter().map(|metric| (in_alphabet(metric.name), metric)).collect();
        for (name, family) in &self.by_name {
            // Writing to a string cannot fail.
            if let Some(metric) = catalogue.get(name) {
                let _ = writeln!(text, "# HELP {name} {} [{}]", metric.about, metric.unit.unwrap_or("differs"));
            } else if let Some(unit) = self.units.get(name) {
                let _ = writeln!(text, "# HELP {name} As a feed tells it. [{}]", unit.replace('\\', "\\\\"));
            }
            let _ = writeln!(text, "# TYPE {name} {}", if name.starts_with("rollcall_") { "gauge" } else { "untyped" });
            for (labels, value) in family {
                let _ = writeln!(text, "{name}{{{labels}}} {value}");
            }
        }
        text
    }
}

/// Takes a series with its value: name, labels, value, and when it was measured.
pub type Take<'t> = dyn FnMut(&str, &BTreeMap<String, &str>, f64, Timestamp) + 't;

/// Shows the series of a host.
fn host<T: AsRef<str>>(world: &World, ci: &Ci, (wanted, now): (&[T], Timestamp), take: &mut Take<'_>) {
    let id = ci.id.to_string();
    let own = [("ci", id.as_str()), ("host", ci.name.as_str())];
    if let Some(agent) = world.telemetry.speaker(ci.id) {
        take("rollcall_host_up", &labels(&own, &[]), f64::from(u8::from(!world.telemetry.is_silent(agent))), now);
    }
    let voices = world.telemetry.speaker(ci.id).into_iter().chain(world.trust.collectors.of(ci.id).map(|(voice, _)| voice));
    let newest = voices.filter_map(|voice| world.telemetry.newest(voice)).flat_map(|newest| newest.within(FRESH, now));
    for (series, value, at) in newest.filter(|(series, ..)| is_wanted(wanted, &series.metric)) {
        take(&in_alphabet(&series.metric), &labels(&own, &series.attributes), value, at);
    }
    let known = world.alerts.by_ci.get(&ci.id).into_iter().flat_map(|known| &known.alerts);
    for alert in known.filter_map(|id| world.alerts.alerts.get(id)) {
        let Some(state) = state(alert) else { continue };
        let severity = match alert.severity {
            Some(Severity::Critical) => "critical",
            Some(Severity::Warning) | None => "warning",
        };
        let named = [&own[..], &[("alertname", alert.key.rule.as_str()), ("alertstate", state), ("severity", severity)]].concat();
        let attributes: Vec<(String, String)> = alert.key.attributes.clone().into_iter().collect();
        take("rollcall_alert", &labels(&named, &attributes), 1.0, now);
    }
}

/// The series of the fleet, so many hosts at a time: between two portions the state is free for who writes it.
pub struct FleetSeries {
    query: Option<String>,
    wanted: Vec<String>,
    after: Option<CiId>,
}

impl FleetSeries {
    /// Those of the hosts that a query selects, and of these metrics; of all without.
    #[must_use]
    pub fn new(query: Option<String>, wanted: Vec<String>) -> Self {
        Self { query, wanted, after: None }
    }

    /// Shows the next portion of hosts; whether there are more.
    ///
    /// # Errors
    /// The query can no longer be answered, for people.
    pub fn portion(&mut self, engine: &Engine, take: &mut Take<'_>) -> Result<bool, String> {
        let now = engine.now();
        let selection = Selection::new(self.query.as_deref(), now).map_err(|error| error.detail().to_owned())?;
        engine.read(|world| {
            let cis = selection.after(world, self.after, PORTION).map_err(|error| error.detail().to_owned())?;
            let mut shown = 0;
            for ci in cis.take(PORTION) {
                host(world, ci, (&self.wanted, now), take);
                (self.after, shown) = (Some(ci.id), shown + 1);
            }
            Ok(shown == PORTION)
        })
    }
}

/// How Prometheus calls the state of an alert that is one.
fn state(alert: &Alert) -> Option<&'static str> {
    match alert.state {
        AlertState::Firing | AlertState::Recovering => Some("firing"),
        AlertState::Pending => Some("pending"),
        AlertState::Inactive | AlertState::Resolved | AlertState::Unknown => None,
    }
}

fn is_wanted<T: AsRef<str>>(wanted: &[T], metric: &str) -> bool {
    let fits = |name: &str| name.strip_suffix('*').map_or(metric == name, |begin| metric.starts_with(begin));
    wanted.is_empty() || wanted.iter().any(|name| fits(name.as_ref()))
}

fn labels<'a>(own: &[(&str, &'a str)], attributes: &'a [(String, String)]) -> BTreeMap<String, &'a str> {
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    for (name, value) in own {
        known.insert((*name).to_owned(), value);
    }
    for (name, value) in attributes {
        let name = in_alphabet(name);
        let name = if own.iter().any(|(taken, _)| *taken == name) { format!("attribute_{name}") } else { name };
        known.entry(name).or_insert(value);
    }
    known
}

/// Labels as they stand between the braces.
fn line(labels: &BTreeMap<String, &str>) -> String {
    let mut text = String::new();
    for (name, value) in labels {
        let separator = if text.is_empty() { "" } else { "," };
        let _ = write!(text, "{separator}{name}=\"");
        for character in value.chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            }
        }
        text.push('"');
    }
    text
}

/// Letters, digits and underscores, not beginning with a digit and not with two underscores, which Prometheus keeps for itself.
fn in_alphabet(name: &str) -> String {
    let mut text: String = name.chars().map(|one| if one.is_ascii_alphanumeric() { one } else { '_' }).collect();
    if text.starts_with("__") || text.is_empty() || text.starts_with(|first: char| first.is_ascii_digit()) {
        text.insert_str(0, "x_");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_of_hosts_stay_within_their_line() {
        let attributes = [("mount.point", "/a\"b\\c\nd"), ("ci", "fake"), ("0", ""), ("__name__", "x")];
        let attributes: Vec<(String, String)> = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let expected = r#"attribute_ci="fake",ci="host_1",mount_point="/a\"b\\c\nd",x_0="",x___name__="x""#;
        assert_eq!(line(&labels(&[("ci", "host_1")], &attributes)), expected);
        assert_eq!(in_alphabet("system.cpu.utilization"), "system_cpu_utilization");
        assert_eq!(in_alphabet("größe\n}"), "gr__e__");
    }

    #[test]
    fn metrics_are_chosen_by_name_or_by_its_begin() {
        for (wanted, metric, expected) in [
            (Vec::<&str>::new(), "m", true),
            (vec!["m"], "m", true),
            (vec!["m"], "mm", false),
            (vec!["x", "m*"], "mm", true),
            (vec!["m*"], "n", false),
        ] {
            assert_eq!(is_wanted(&wanted, metric), expected, "{wanted:?} {metric}");
        }
    }
}
