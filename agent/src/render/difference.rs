//! `inventory --diff`: what came, went and changed since an earlier inventory.
//!
//! A section that could not be collected completely now is no proof that anything went: it shows what came and changed, and says why.

use super::table::{safe, short};
use super::{columns, section_json};
use crate::collect::Collected;
use rollcall_shared::section::SectionDiff;
use rollcall_shared::{Outcome, Section, SectionName};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Columns that name a row: a process has a number, an owner and a name.
const LABEL: usize = 3;

/// An earlier inventory as `--format json` wrote it.
#[derive(Debug)]
pub struct Earlier(BTreeMap<SectionName, Section>);

impl Earlier {
    /// Reads one. Sections that this release does not know are left out.
    ///
    /// # Errors
    /// A text that is no such inventory, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut value: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        let sections = value.get_mut("sections").and_then(Value::as_object_mut).ok_or("not an inventory: it has no `sections`")?;
        let mut earlier = BTreeMap::new();
        for (name, section) in sections {
            let Ok(name) = name.parse::<SectionName>() else { continue };
            let Some(rows) = section.get_mut("rows").map(Value::take).filter(|rows| !rows.is_null()) else { continue };
            let mut section = Section::from_json_rows(name, rows).map_err(|error| format!("section {name}: {error}"))?;
            section.sort();
            earlier.insert(name, section);
        }
        Ok(Self(earlier))
    }

    fn compare(&self, now: &Collected) -> Compared {
        let why = now.reason.clone().unwrap_or_else(|| now.outcome.as_str().to_owned());
        match (self.0.get(&now.name), &now.section) {
            (None, None) => Compared::Same,
            (None, Some(_)) => Compared::Not("the earlier inventory does not have it".to_owned()),
            (Some(_), None) => Compared::Not(format!("it is {} now: {why}", now.outcome.as_str())),
            (Some(before), Some(after)) => {
                let mut after = after.clone();
                after.sort();
                let mut diff = after.diff(before);
                let proves_absence = now.outcome == Outcome::Complete;
                let unproven = if proves_absence { 0 } else { std::mem::take(&mut diff.removed).len() };
                match (diff.is_empty(), unproven) {
                    (true, 0) => Compared::Same,
                    _ => Compared::Differs {
                        diff,
                        unproven: (unproven > 0).then(|| format!("{unproven} rows were not seen, but it is partial now: {why}")),
                    },
                }
            }
        }
    }
}

enum Compared {
    Same,
    Not(String),
    Differs { diff: SectionDiff, unproven: Option<String> },
}

/// For people.
#[must_use]
pub fn difference_table(earlier: &Earlier, collected: &[Collected]) -> String {
    let mut text = String::new();
    for now in collected {
        match earlier.compare(now) {
            Compared::Same => {}
            Compared::Not(why) => {
                let _ = writeln!(text, "{}: cannot be compared: {}\n", now.name, safe(&why));
            }
            Compared::Differs { diff, unproven } => {
                let counts = [(diff.added.len(), "added"), (diff.removed.len(), "removed"), (diff.changed.len(), "changed")];
                let counts: Vec<String> =
                    counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
                let _ = writeln!(text, "{}: {}", now.name, counts.join(", "));
                lines(&mut text, now.name, &diff);
                if let Some(unproven) = unproven {
                    let _ = writeln!(text, "  ? {}", safe(&unproven));
                }
                text.push('\n');
            }
        }
    }
    if text.is_empty() { "no difference\n".to_owned() } else { text }
}

fn lines(text: &mut String, name: SectionName, diff: &SectionDiff) {
    for (sign, rows) in [('+', &diff.added), ('-', &diff.removed)] {
        for row in rows {
            let _ = writeln!(text, "  {sign} {}", label(name, row));
        }
    }
    for (before, after) in &diff.changed {
        let changes: Vec<String> = changes(before, after).map(|(key, before, after)| format!("{key} {before} → {after}")).collect();
        let _ = writeln!(text, "  ~ {}: {}", label(name, before), changes.join(", "));
    }
}

/// What people call a row: its first telling columns.
fn label(name: SectionName, row: &Value) -> String {
    let cells = columns::of(name).into_iter().map(|field| columns::cell(field.key, &row[field.key])).filter(|cell| !cell.is_empty());
    let label = cells.take(LABEL).map(|cell| short(&cell)).collect::<Vec<_>>().join(" ");
    if label.is_empty() { name.to_string() } else { label }
}

fn changes<'a>(before: &'a Value, after: &'a Value) -> impl Iterator<Item = (&'a str, String, String)> {
    let fields = after.as_object().into_iter().flatten();
    let shown = |key: &str, value: &Value| {
        let cell = columns::cell(key, value);
        if cell.is_empty() { "unknown".to_owned() } else { short(&cell) }
    };
    fields
        .filter(|(key, after)| before[key.as_str()] != **after)
        .map(move |(key, after)| (key.as_str(), shown(key, &before[key.as_str()]), shown(key, after)))
}

/// For programs.
#[must_use]
pub fn difference_json(earlier: &Earlier, collected: &[Collected]) -> Value {
    let one = |now: &Collected| match earlier.compare(now) {
        Compared::Same => None,
        Compared::Not(why) => Some(json!({ "compared": false, "why": why })),
        Compared::Differs { diff, unproven } => {
            let changed: Vec<Value> = diff.changed.iter().map(|(before, after)| json!({ "before": before, "after": after })).collect();
            let hash = section_json(now)["hash"].take();
            Some(
                json!({ "compared": true, "added": diff.added, "removed": diff.removed, "changed": changed, "not_seen": unproven, "hash": hash }),
            )
        }
    };
    let sections: Map<String, Value> = collected.iter().filter_map(|now| Some((now.name.as_str().to_owned(), one(now)?))).collect();
    json!({ "sections": sections })
}
