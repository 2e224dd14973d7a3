//! `inventory --diff`: what came, went and changed since an earlier inventory.
//!
//! A section that could not be collected completely now is no proof that anything went: it shows what came and changed, and says why.

use super::table::{safe, short};
use super::{columns, section_json};
use crate::collect::Collected;
use rollcall_shared::{Outcome, SectionName};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Columns that name a row: a process has a number, an owner and a name.
const LABEL: usize = 3;

/// Rows of a section with what identifies each, in order.
type Rows = Vec<(String, Value)>;

/// An earlier inventory as `--format json` wrote it.
#[derive(Debug)]
pub struct Earlier(BTreeMap<SectionName, Rows>);

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
            if section["rows"].is_null() {
                continue;
            }
            earlier.insert(name, keyed(section).ok_or_else(|| format!("section {name}: rows and keys do not go together"))?);
        }
        Ok(Self(earlier))
    }

    fn compare(&self, now: &Collected) -> Compared {
        let why = now.reason.clone().unwrap_or_else(|| now.outcome.as_str().to_owned());
        let after = keyed(&mut section_json(now));
        match (self.0.get(&now.name), after) {
            (None, None) => Compared::Same,
            (None, Some(_)) => Compared::Not("the earlier inventory does not have it".to_owned()),
            (Some(_), None) => Compared::Not(format!("it is {} now: {why}", now.outcome.as_str())),
            (Some(before), Some(after)) => {
                let mut diff = Difference::between(before, &after);
                let proves_absence = now.outcome == Outcome::Complete;
                let unproven = if proves_absence { 0 } else { std::mem::take(&mut diff.removed).len() };
                if diff.is_empty() && unproven == 0 {
                    return Compared::Same;
                }
                Compared::Differs {
                    diff,
                    unproven: (unproven > 0).then(|| format!("{unproven} rows were not seen, but it is partial now: {why}")),
                }
            }
        }
    }
}

/// Rows as `section_json` writes them, with their keys; none when there are none, or not a key for each.
fn keyed(section: &mut Value) -> Option<Rows> {
    let Value::Array(rows) = section["rows"].take() else { return None };
    let keys = section["keys"].as_array().filter(|keys| keys.len() == rows.len())?;
    keys.iter().zip(rows).map(|(key, row)| Some((key.as_str()?.to_owned(), row))).collect()
}

/// What came, went and changed.
#[derive(Debug, Default)]
struct Difference {
    added: Vec<Value>,
    removed: Vec<Value>,
    changed: Vec<(Value, Value)>,
}

impl Difference {
    /// Rows of one key that stand side by side (kernels): what is equal stays, and the last that went became the last that came.
    fn between(before: &Rows, after: &Rows) -> Self {
        let mut sides: BTreeMap<&str, (Vec<&Value>, Vec<&Value>)> = BTreeMap::new();
        before.iter().for_each(|(key, row)| sides.entry(key).or_default().0.push(row));
        after.iter().for_each(|(key, row)| sides.entry(key).or_default().1.push(row));
        let mut diff = Self::default();
        for (gone, come) in sides.into_values() {
            let mut left: Vec<&Value> = gone.iter().copied().filter(|row| !come.contains(row)).collect();
            let mut right: Vec<&Value> = come.iter().copied().filter(|row| !gone.contains(row)).collect();
            if !left.is_empty() && !right.is_empty() {
                diff.changed.extend(left.pop().cloned().zip(right.pop().cloned()));
            }
            diff.removed.extend(left.into_iter().cloned());
            diff.added.extend(right.into_iter().cloned());
        }
        diff
    }

    fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

enum Compared {
    Same,
    Not(String),
    Differs { diff: Difference, unproven: Option<String> },
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

fn lines(text: &mut String, name: SectionName, diff: &Difference) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[(&str, &str)]) -> Rows {
        rows.iter().map(|(key, version)| ((*key).to_owned(), json!({ "name": key, "version": version }))).collect()
    }

    #[track_caller]
    fn check(before: &[(&str, &str)], after: &[(&str, &str)], expected: (usize, usize, usize)) {
        let diff = Difference::between(&rows(before), &rows(after));
        assert_eq!((diff.added.len(), diff.removed.len(), diff.changed.len()), expected);
    }

    #[test]
    fn an_upgrade_is_a_change_also_beside_another_version() {
        check(&[("curl", "8.0"), ("gone", "1")], &[("curl", "8.1"), ("new", "1")], (1, 1, 1));
        check(&[("kernel", "4"), ("kernel", "5")], &[("kernel", "5"), ("kernel", "6")], (0, 0, 1));
        check(&[("kernel", "4")], &[("kernel", "4")], (0, 0, 0));
        check(&[("kernel", "4")], &[("kernel", "5"), ("kernel", "6")], (1, 0, 1));
    }

    #[test]
    fn an_inventory_without_keys_is_refused() {
        let refused = Earlier::parse(r#"{"sections": {"os": {"rows": [{}]}}}"#).expect_err("refused");
        assert!(refused.contains("section os: rows and keys"), "{refused}");
        assert!(Earlier::parse(r#"{"sections": {"os": {"rows": null}, "of_tomorrow": {"rows": [1]}}}"#).is_ok());
        assert!(Earlier::parse("[]").expect_err("refused").contains("not an inventory"));
    }
}
