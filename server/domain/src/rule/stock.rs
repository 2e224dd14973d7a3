//! The rules that come with the release.
//!
//! Each is an ordinary rule that people may change or switch off. Lines are those that proved themselves in monitoring systems
//! of long standing: far apart, with a clear line of their own, and loud only where a host is about to stop working.

mod compute;
mod hardware;
mod network;
mod storage;
mod system;

use super::{Condition, Flapping, Grade, Level, Levels, NoData, Reduce, Rule, Selector, Term, Tier};
use rollcall_shared::message::Side;
use std::collections::BTreeMap;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

const NETDATA: &str = "Netdata's stock alarms (health.d)";
const NODE_MIXIN: &str = "The Prometheus node exporter's mixin";

/// All of them.
#[must_use]
pub fn stock() -> Vec<Rule> {
    let parts = [compute::rules(), storage::rules(), network::rules(), hardware::rules(), system::rules()];
    parts.into_iter().flatten().collect()
}

fn above(metric: &str, reduce: Reduce, window_ms: u64) -> Condition {
    above_of(metric, &[], reduce, window_ms)
}

/// Of the series with these attributes; an empty value stands for an attribute that the series does not have.
fn above_of(metric: &str, attributes: &[(&str, &str)], reduce: Reduce, window_ms: u64) -> Condition {
    Condition::Threshold { metric: metric.into(), attributes: named(attributes), reduce, window_ms, side: Side::Above }
}

fn newest(metric: &str) -> Condition {
    above(metric, Reduce::Last, 0)
}

fn formula(value: &str) -> Condition {
    Condition::Expression { value: value.into(), side: Side::Above }
}

/// Averages of two rates over one window; `floor` is the least of the second.
fn share(part: &str, whole: &str, window_ms: u64, floor: f64) -> Condition {
    let term = |metric: &str| Term { metric: metric.into(), attributes: BTreeMap::new(), reduce: Reduce::Avg, window_ms };
    Condition::Ratio { part: term(part), whole: term(whole), floor, side: Side::Above }
}

fn named(attributes: &[(&str, &str)]) -> BTreeMap<String, String> {
    attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Each level as (raise, clear).
fn levels(warning: Option<(f64, f64)>, critical: Option<(f64, f64)>) -> Levels {
    let level = |(raise, clear)| Level { raise, clear, and: None, for_ms: None };
    Levels { warning: warning.map(level), critical: critical.map(level) }
}

/// Anything above zero is bad.
fn any(critical: bool) -> Levels {
    if critical { levels(None, Some((0.0, 0.0))) } else { levels(Some((0.0, 0.0)), None) }
}

/// Loud when critical, a ticket when not.
fn paging(rule: Rule) -> Rule {
    let warning_tier = rule.levels.warning.as_ref().map(|_| Tier::Ticket);
    Rule { tier: Tier::Page, warning_tier, ..rule }
}

fn recorded(rule: Rule) -> Rule {
    Rule { tier: Tier::RecordOnly, ..rule }
}

fn lasting(for_ms: u64, rule: Rule) -> Rule {
    Rule { for_ms, ..rule }
}

fn sourced(source: &str, rule: Rule) -> Rule {
    Rule { threshold_source: Some(source.into()), ..rule }
}

fn rule(id: &str, title: &str, description: &str, condition: Condition, levels: Levels) -> Rule {
    Rule {
        id: id.parse().expect("a stock rule has a proper name"),
        title: title.into(),
        description: description.into(),
        enabled: true,
        tier: Tier::Ticket,
        warning_tier: None,
        classes: Vec::new(),
        condition,
        levels,
        for_ms: 0,
        keep_firing_for_ms: 0,
        no_data: NoData::Unknown,
        impact: Grade::Medium,
        group: None,
        runbook: None,
        auto_resolve: true,
        selector: Selector::default(),
        threshold_source: None,
        flapping: Flapping::default(),
        overrides: Vec::new(),
        tests: Vec::new(),
        means_down: false,
        stock: true,
    }
}

#[cfg(test)]
mod tests;
