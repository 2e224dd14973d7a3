//! Values, spans and reasons as people read them.

use super::AlertState;
use super::machine::Position;
use crate::World;
use crate::ci::Ci;
use crate::rule::select::{self, Variant};
use crate::rule::{Condition, Level, Predicate, Reduce, Rule, Severity};
use rollcall_shared::Timestamp;
use rollcall_shared::message::Side;
use rollcall_shared::metric::{self, Kind, Metric};

/// A value in the unit of its metric: ratios are shown as percentages, sizes in decimal units as disks are sold. Of a metric that is in
/// no catalogue the name tells.
#[must_use]
pub fn value(metric: &str, value: f64) -> String {
    if let Some(known) = metric::find(metric) {
        return in_unit(known, value);
    }
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

fn in_unit(metric: &Metric, value: f64) -> String {
    match metric.unit {
        Some("1") if metric.kind != Kind::State => format!("{} %", short(value * 100.0)),
        Some("By") => bytes(value),
        Some("By/s") => format!("{}/s", bytes(value)),
        Some("s") if value.abs() < 1.0 => format!("{} ms", short(value * 1_000.0)),
        Some("s") if value > 0.0 => seconds(value),
        Some("Cel") => format!("{} °C", short(value)),
        Some(unit @ ("A" | "V" | "W" | "bit/s" | "d" | "ms" | "rpm")) => format!("{} {unit}", short(value)),
        // What is counted, the name says.
        Some(unit) if unit.starts_with('{') && unit.ends_with("/s") => format!("{}/s", short(value)),
        _ => short(value),
    }
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

/// The number of a condition in its unit.
#[must_use]
pub fn number(condition: &Condition, number: f64) -> String {
    match condition {
        Condition::Threshold { metric, reduce: Reduce::Rate, .. } => format!("{}/s", value(metric, number)),
        Condition::Threshold { metric, .. } => value(metric, number),
        Condition::Ratio { .. } => format!("{} %", short(number * 100.0)),
        Condition::Forecast { .. } => seconds(number),
        Condition::Baseline { .. } => format!("{} deviations", short(number)),
        Condition::Inventory { predicate: Predicate::DaysLeft { .. } | Predicate::DaysSince { .. } } => format!("{} d", short(number)),
        Condition::Absent { .. } => seconds(number),
        _ => short(number),
    }
}

/// Why an alert on what an agent measures has nothing to be judged by any more.
pub(super) fn unreported(condition: &Condition) -> &'static str {
    match condition {
        Condition::Expression { .. } | Condition::Ratio { .. } => {
            "the host no longer reports all that this value is made of, or what it comes to is no number"
        }
        Condition::Baseline { .. } => "the host no longer reports this value, or too little is known of what is usual at this hour",
        _ => "the host no longer reports this value",
    }
}

/// The same of what collectors measure.
pub(super) fn unmeasured(condition: Option<&Condition>) -> &'static str {
    match condition {
        Some(Condition::Expression { .. } | Condition::Ratio { .. }) => {
            "no collector measures all that this value is made of any more, or what it comes to is no number"
        }
        Some(Condition::Baseline { .. }) => {
            "no collector measures this value any more, or too little is known of what is usual at this hour"
        }
        _ => "no collector measures this value any more",
    }
}

/// Why a measurement led where it did: value, line, window, and the override that set the line.
pub(crate) fn measured(rule: &Rule, (world, ci): (&World, Option<&Ci>), after: Position, value: f64) -> String {
    let variant = select::variant(rule, world, ci).unwrap_or(Variant::Plain);
    let varied = select::varied(rule, variant);
    let text = plainly(&varied, after, value);
    let Variant::Overridden(position) = variant else { return text };
    let Some(one) = rule.overrides.get(position) else { return text };
    let by = one.set_by.as_deref().map(|name| format!(" by {name}")).unwrap_or_default();
    format!("{text} (override {}{by}: {})", position + 1, one.reason)
}

fn plainly(rule: &Rule, after: Position, value: f64) -> String {
    let condition = &rule.condition;
    let what = what(condition);
    let must_last = match after.state {
        AlertState::Pending => format!("; it must last {}", span(rule.for_ms)),
        AlertState::Recovering => format!("; it must last {}", span(rule.keep_firing_for_ms)),
        _ => String::new(),
    };
    match condition {
        Condition::Check { .. } | Condition::TargetCheck { .. } => return format!("{what} {}{must_last}", state_of_check(value)),
        Condition::Absent { .. } if value > 0.0 => return format!("{what} has not come for {}{must_last}", seconds(value)),
        Condition::Absent { .. } => return format!("{what} comes again{must_last}"),
        Condition::Inventory { predicate: Predicate::Software { .. } } => {
            return format!("{what} is {}installed{must_last}", if value > 0.0 { "" } else { "not " });
        }
        Condition::Inventory { predicate: Predicate::Attribute { .. } | Predicate::PackageBelow { .. } } => {
            let holds = if value > 0.0 { "holds" } else { "does not hold" };
            return format!("{what} {holds}{must_last}");
        }
        _ => {}
    }
    let shown = number(condition, value);
    let level = match after.severity {
        Some(Severity::Critical) => rule.levels.critical.as_ref(),
        _ => rule.levels.warning.as_ref().or(rule.levels.critical.as_ref()),
    };
    let Some(level) = level else { return format!("{what} is {shown}") };
    let is = compared(condition, level, value);
    format!("{what} is {shown}, {is}{must_last}")
}

/// What a condition judges.
#[must_use]
pub fn what(condition: &Condition) -> String {
    match condition {
        Condition::Threshold { metric, reduce, window_ms, .. } => format!("{}{metric}", reduced(*reduce, *window_ms)),
        Condition::Expression { value, .. } => value.clone(),
        Condition::Ratio { part, whole, .. } => format!(
            "{}{} as a share of {}{}",
            reduced(part.reduce, part.window_ms),
            part.metric,
            reduced(whole.reduce, whole.window_ms),
            whole.metric
        ),
        Condition::Forecast { metric, window_ms, target, .. } => {
            format!("time until {metric} reaches {} as it went for {}", value(metric, *target), span(*window_ms))
        }
        Condition::Absent { metric, .. } => metric.clone(),
        Condition::Baseline { metric, side: Side::Above, .. } => format!("distance of {metric} from what is usual at this hour"),
        Condition::Baseline { metric, side: Side::Below, .. } => format!("distance of {metric} below what is usual at this hour"),
        Condition::Check { .. } | Condition::TargetCheck { .. } => "the check says".into(),
        Condition::Inventory { predicate } => match predicate {
            Predicate::Attribute { name, operator, value } => {
                let operator = format!("{operator:?}").to_lowercase();
                format!("{name} {operator}{}", value.as_ref().map(|value| format!(" {value}")).unwrap_or_default())
            }
            Predicate::DaysLeft { attribute } => format!("time until {attribute}"),
            Predicate::DaysSince { attribute } => format!("time since {attribute}"),
            Predicate::PackageBelow { package, version } => format!("{package} below {version}"),
            Predicate::Software { category } => format!("{category:?} software").to_lowercase(),
            Predicate::Licences {} => "number of hosts beyond those that are licensed".into(),
            Predicate::Removed { names, within_ms } => {
                format!("number of {} that went within {}", names.join(", ").replace('_', " "), span(*within_ms))
            }
            Predicate::Drift { names, within_ms } => format!("number of changes of {} within {}", names.join(", "), span(*within_ms)),
        },
        Condition::AgentSilent { .. } | Condition::HostSilent { .. } | Condition::CollectorSilent { .. } => String::new(),
    }
}

/// What the number of a check's state means.
pub(super) fn state_of_check(state: f64) -> &'static str {
    match state {
        0.0 => "OK",
        1.0 => "WARNING",
        2.0 => "CRITICAL",
        _ => "UNKNOWN",
    }
}

fn seconds(number: f64) -> String {
    span(std::time::Duration::try_from_secs_f64(number).map_or(0, |span| span.as_secs() * 1_000))
}

/// Why an agent counts as silent.
pub(super) fn silent(last_seen: Timestamp, quiet_ms: u64, goodbye: Option<&str>) -> String {
    match goodbye {
        Some(reason) => format!("the agent stopped on purpose at {last_seen}: {reason}"),
        None => format!("nothing has come since {last_seen} ({})", span(quiet_ms)),
    }
}

/// Why a feed counts as silent that was known by a key.
pub(super) fn collector_silent((feed, key): (&str, &str), last: Timestamp, quiet_ms: u64) -> String {
    format!("feed {feed} has told nothing of it since {last} ({}); it came as {key}", span(quiet_ms))
}

fn compared(condition: &Condition, level: &Level, value: f64) -> String {
    let side = condition.side();
    let (bad, good) = match side {
        Side::Above => ("above", "not above"),
        Side::Below => ("below", "not below"),
    };
    if side.is_bad(value, level.raise) {
        return format!("{bad} {}", number(condition, level.raise));
    }
    let word = if side.is_bad(value, level.clear) { "not back at the clear line" } else { good };
    format!("{word} {}", number(condition, level.clear))
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
        Reduce::Rate => format!("rate over {over} of "),
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
