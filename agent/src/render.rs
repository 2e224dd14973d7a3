//! What the commands print: tables for people, JSON for programs.
//!
//! Names come from the host's files and processes: everything that could steer a terminal is escaped. Long lists are cut with a count.

use crate::collect::Collected;
use crate::health::Measurement;
use rollcall_shared::{Outcome, SectionName};
use serde_json::{Map, Value, json};
use std::fmt::Write;
use table::{Column, table};

mod bill;
mod columns;
mod difference;
mod explanation;
mod standing;
mod table;

pub use bill::{BILL_SECTIONS, bill_of_materials};
pub use difference::{Earlier, difference_json, difference_table};
pub use explanation::{explanation_json, explanation_table};
pub use standing::{Standing, status_json, status_table};

/// Rows of a section that are shown among others; a section that was asked for alone is shown whole.
const ROWS: usize = 12;

/// Sizes for display.
#[expect(clippy::cast_precision_loss, reason = "people read three digits of it")]
fn float(number: usize) -> f64 {
    number as f64
}

/// Sections for people: a heading with how it went, then the columns that matter. Among others, sections without rows are named at
/// the end, in short.
#[must_use]
pub fn inventory_table(collected: &[Collected]) -> String {
    let alone = collected.len() == 1;
    let has_something = |one: &&Collected| alone || has_rows(one) || matches!(one.outcome, Outcome::Partial | Outcome::Failed);
    let mut text = String::new();
    for one in collected.iter().filter(has_something) {
        let _ = writeln!(text, "{}", heading(one));
        if let Some(reason) = &one.reason {
            let _ = writeln!(text, "  {}", table::safe(reason));
        }
        let rows = one.section.as_ref().and_then(|section| section.to_json_rows().ok()).unwrap_or_default();
        text.push_str(&section(one.name, &rows, if alone { usize::MAX } else { ROWS }));
        text.push('\n');
    }
    if !alone {
        text.push_str(&nothing(collected));
    }
    text
}

fn has_rows(one: &Collected) -> bool {
    one.section.as_ref().is_some_and(|section| !section.is_empty())
}

/// What was looked for and is not there, and what could not be looked for.
fn nothing(collected: &[Collected]) -> String {
    let mut text = String::new();
    let empty: Vec<&str> =
        collected.iter().filter(|one| one.outcome == Outcome::Complete && !has_rows(one)).map(|one| one.name.as_str()).collect();
    if !empty.is_empty() {
        let _ = writeln!(text, "none: {}", empty.join(", "));
    }
    let skipped: Vec<Vec<String>> = collected
        .iter()
        .filter(|one| one.outcome == Outcome::Skipped)
        .map(|one| vec![one.name.to_string(), one.reason.clone().unwrap_or_default()])
        .collect();
    if !skipped.is_empty() {
        let _ = write!(text, "skipped:\n{}", table(&[Column::left(""), Column::left("")], &skipped));
    }
    text
}

fn heading(one: &Collected) -> String {
    let count = one.section.as_ref().map_or(0, rollcall_shared::Section::len);
    let rows = if count == 1 { "1 row".to_owned() } else { format!("{count} rows") };
    let rows = if one.section.is_some() { format!(", {rows}") } else { String::new() };
    format!("{}: {}{rows}, {}", one.name, one.outcome.as_str(), duration(one.duration_us))
}

fn duration(microseconds: u64) -> String {
    match microseconds {
        0..10_000 => format!("{}.{} ms", microseconds / 1000, microseconds % 1000 / 100),
        _ => format!("{} ms", microseconds / 1000),
    }
}

/// Sections of one row read best downwards, the others across.
fn section(name: SectionName, rows: &[Value], shown: usize) -> String {
    let [only] = rows else { return columns_of(name, rows, shown) };
    match (name, only) {
        (SectionName::System | SectionName::Os, Value::Object(fields)) => downwards(fields),
        _ => columns_of(name, rows, shown),
    }
}

fn downwards(fields: &Map<String, Value>) -> String {
    let known = fields.iter().filter(|(_, value)| !value.is_null());
    let rows: Vec<Vec<String>> = known.map(|(key, value)| vec![key.replace('_', " "), columns::cell(key, value)]).collect();
    table(&[Column::left(""), Column::left("")], &rows)
}

fn columns_of(name: SectionName, rows: &[Value], shown: usize) -> String {
    let fields = columns::of(name);
    let cells = |row: &Value| fields.iter().map(|field| columns::cell(field.key, &row[field.key])).collect();
    let shown_rows: Vec<Vec<String>> = rows.iter().take(shown).map(cells).collect();
    let headings: Vec<Column> = fields.iter().map(|field| Column { title: field.title.replace('_', " "), right: field.right }).collect();
    let mut text = table(&headings, &shown_rows);
    if rows.len() > shown_rows.len() {
        let _ = writeln!(text, "  … and {} more (--section {name} shows all)", rows.len() - shown_rows.len());
    }
    text
}

/// Sections for programs: outcome, figures, content hash and rows by name.
#[must_use]
pub fn inventory_json(collected: &[Collected]) -> Value {
    let sections: Map<String, Value> = collected.iter().map(|one| (one.name.as_str().to_owned(), section_json(one))).collect();
    json!({ "sections": sections })
}

fn section_json(one: &Collected) -> Value {
    let hash = one.section.as_ref().and_then(|section| section.content().ok()).map(|(hash, _)| hash);
    let rows = one.section.as_ref().and_then(|section| section.to_json_rows().ok());
    json!({
        "outcome": one.outcome,
        "reason": one.reason,
        "duration_us": one.duration_us,
        "bytes_read": one.bytes_read,
        "hash": hash,
        "keys": one.section.as_ref().map(rollcall_shared::Section::keys),
        "rows": rows,
    })
}

/// Measurements for people: sizes and shares in units that can be compared at a glance.
#[must_use]
pub fn health_table(measurements: &[Measurement]) -> String {
    let row = |measurement: &Measurement| {
        let attributes: Vec<String> = measurement.series.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        vec![measurement.series.metric.clone(), attributes.join(" "), measured(measurement)]
    };
    let rows: Vec<Vec<String>> = measurements.iter().map(row).collect();
    table(&[Column::left("metric"), Column::left("of"), Column::right("value")], &rows)
}

fn measured(measurement: &Measurement) -> String {
    let Some(value) = measurement.value else { return "–".to_owned() };
    match measurement.unit {
        "1" if is_ratio(&measurement.series.metric) => format!("{:.1} %", value * 100.0),
        "1" => format!("{value}"),
        "By" => table::bytes(value),
        "By/s" => format!("{}/s", table::bytes(value)),
        "Cel" => format!("{value:.1} °C"),
        "s" => table::seconds(value),
        unit if unit.starts_with('{') => format!("{} {}", number(value), unit.replace(['{', '}'], "")),
        unit => format!("{} {unit}", number(value)),
    }
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

fn is_ratio(metric: &str) -> bool {
    metric.ends_with(".utilization") || metric.starts_with("system.linux.psi.")
}

/// Measurements for programs.
#[must_use]
pub fn health_json(measurements: &[Measurement]) -> Value {
    let one = |measurement: &Measurement| {
        let attributes: Map<String, Value> =
            measurement.series.attributes.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        json!({ "metric": measurement.series.metric, "attributes": attributes, "value": measurement.value, "unit": measurement.unit })
    };
    json!({ "measurements": measurements.iter().map(one).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests;
