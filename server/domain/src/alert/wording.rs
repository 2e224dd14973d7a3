//! Values, spans and reasons as people read them.

use super::AlertState;
use super::machine::Position;
use crate::rule::{Condition, Level, Reduce, Rule, Severity};
use rollcall_shared::Timestamp;
use rollcall_shared::message::Side;

/// A value in the unit of its metric: utilisations are ratios and shown as percentages, sizes in decimal units as disks are sold.
#[must_use]
pub fn value(metric: &str, value: f64) -> String {
    if metric.ends_with(".utilization") {
        return format!("{} %", short(value * 100.0));
    }
    if metric.ends_with(".available") || metric.ends_with(".usage") {
        return bytes(value);
    }
    if metric.ends_with("_ms") {
        return format!("{} ms", short(value));
    }
    short(value)
}

/// A span in its two largest units.
#[must_use]
pub fn span(ms: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    let mut parts = Vec::new();
    let mut rest = ms;
    for (size, unit) in UNITS {
        if rest >= size && parts.len() < 2 {
            parts.push(format!("{} {unit}", rest / size));
            rest %= size;
        }
    }
    if parts.is_empty() { format!("{ms} ms") } else { parts.join(" ") }
}

/// Why a measurement led where it did: value, line, window.
pub(super) fn measured(rule: &Rule, after: Position, number: f64) -> String {
    let Condition::Threshold { metric, reduce, window_ms, side, .. } = &rule.condition else { return String::new() };
    let (shown, what) = (value(metric, number), reduced(*reduce, *window_ms));
    let level = match after.severity {
        Some(Severity::Critical) => rule.levels.critical.as_ref(),
        _ => rule.levels.warning.as_ref().or(rule.levels.critical.as_ref()),
    };
    let Some(level) = level else { return format!("{what}{metric} is {shown}") };
    let is = compared(metric, *side, level, number);
    match after.state {
        AlertState::Pending => format!("{what}{metric} is {shown}, {is}; it must last {}", span(rule.for_ms)),
        AlertState::Recovering => format!("{what}{metric} is {shown}, {is}; it must last {}", span(rule.keep_firing_for_ms)),
        _ => format!("{what}{metric} is {shown}, {is}"),
    }
}

/// Why an agent counts as silent.
pub(super) fn silent(last_seen: Timestamp, quiet_ms: u64, goodbye: Option<&str>) -> String {
    match goodbye {
        Some(reason) => format!("the agent stopped on purpose at {last_seen}: {reason}"),
        None => format!("nothing has come since {last_seen} ({})", span(quiet_ms)),
    }
}

fn compared(metric: &str, side: Side, level: &Level, number: f64) -> String {
    let (bad, good) = match side {
        Side::Above => ("above", "not above"),
        Side::Below => ("below", "not below"),
    };
    if side.is_bad(number, level.raise) {
        return format!("{bad} {}", value(metric, level.raise));
    }
    let word = if side.is_bad(number, level.clear) { "not back at the clear line" } else { good };
    format!("{word} {}", value(metric, level.clear))
}

fn reduced(reduce: Reduce, window_ms: u64) -> String {
    let over = span(window_ms);
    match reduce {
        Reduce::Last => String::new(),
        Reduce::Min => format!("minimum over {over} of "),
        Reduce::Max => format!("maximum over {over} of "),
        Reduce::Avg => format!("average over {over} of "),
        Reduce::Sum => format!("sum over {over} of "),
        Reduce::Increase => format!("increase over {over} of "),
    }
}

fn bytes(value: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let unit = UNITS.into_iter().find(|(size, _)| value.abs() >= *size);
    unit.map_or_else(|| format!("{} B", short(value)), |(size, name)| format!("{} {name}", short(value / size)))
}

/// One decimal place, and none where it says nothing.
fn short(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.05 {
        return format!("{value:.4}");
    }
    let text = if value.abs() < 1e15 { format!("{value:.1}") } else { format!("{value:e}") };
    text.strip_suffix(".0").map_or_else(|| text.clone(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests;
