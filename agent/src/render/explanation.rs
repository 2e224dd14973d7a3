//! `inventory --explain`: which sources a section was read from, and what was missing.

use super::table::{self, Column, table};
use super::{heading, section_json};
use crate::collect::Collected;
use crate::collect::trace::Found;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Sources that are shown one by one; of more in one folder, how many there are.
const IN_ONE_FOLDER: usize = 12;

/// For people.
#[must_use]
pub fn explanation_table(collected: &Collected, sources: &[(String, Found)]) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}", heading(collected));
    if let Some(reason) = &collected.reason {
        let _ = writeln!(text, "  {}", table::safe(reason));
    }
    let rows: Vec<Vec<String>> = grouped(sources).into_iter().map(|(what, found)| vec![found.0, found.1, what]).collect();
    if rows.is_empty() {
        text.push_str("  no source was asked\n");
    } else {
        text.push_str(&table(&[Column::left(""), Column::right(""), Column::left("source")], &rows));
    }
    text
}

/// Sources in their order; many of one folder with one fate are one line.
fn grouped(sources: &[(String, Found)]) -> Vec<(String, (String, String))> {
    let folder = |path: &str| path.rsplit_once('/').map_or_else(|| path.to_owned(), |(folder, _)| with_numbers_as_one(folder));
    let fate = |found: &Found| std::mem::discriminant(found);
    let key = |path: &str, found: &Found| (folder(path), format!("{:?}", fate(found)));
    let mut counts: BTreeMap<_, (usize, usize)> = BTreeMap::new();
    for (path, found) in sources {
        let count = counts.entry(key(path, found)).or_default();
        *count = (count.0 + 1, count.1.saturating_add(size(found)));
    }
    let mut lines = Vec::new();
    for (path, found) in sources {
        let key = key(path, found);
        match counts.get(&key).copied() {
            Some((count, _)) if count <= IN_ONE_FOLDER => lines.push((path.clone(), words(found))),
            // The first of many speaks for all.
            Some((count, bytes)) => {
                counts.remove(&key);
                let (word, _) = words(found);
                lines.push((
                    format!("{}/* ({count} sources)", key.0),
                    (word, if bytes > 0 { table::bytes(super::float(bytes)) } else { String::new() }),
                ));
            }
            None => {}
        }
    }
    lines
}

/// `/proc/123/fd` and `/proc/124/fd` are one kind of place.
fn with_numbers_as_one(folder: &str) -> String {
    let part =
        |part: &str| if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) { "*".to_owned() } else { part.to_owned() };
    folder.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn size(found: &Found) -> usize {
    if let Found::Read(size) = found { *size } else { 0 }
}

fn words(found: &Found) -> (String, String) {
    match found {
        Found::Read(size) => ("read".to_owned(), table::bytes(super::float(*size))),
        Found::Absent => ("absent".to_owned(), String::new()),
        Found::Denied => ("denied".to_owned(), String::new()),
        Found::Failed(why) => (format!("failed: {why}"), String::new()),
    }
}

/// For programs.
#[must_use]
pub fn explanation_json(collected: &Collected, sources: &[(String, Found)]) -> Value {
    let one = |(path, found): &(String, Found)| match found {
        Found::Read(size) => json!({ "source": path, "found": "read", "size": size }),
        Found::Absent => json!({ "source": path, "found": "absent" }),
        Found::Denied => json!({ "source": path, "found": "denied" }),
        Found::Failed(why) => json!({ "source": path, "found": "failed", "why": why }),
    };
    let mut section = section_json(collected);
    if let Some(fields) = section.as_object_mut() {
        fields.remove("keys");
        let rows = fields.remove("rows").and_then(|rows| rows.as_array().map(Vec::len));
        fields.insert("rows".to_owned(), json!(rows));
        fields.insert("sources".to_owned(), sources.iter().map(one).collect());
    }
    section
}
