//! From a document to sections.
//!
//! A category that is there is a section, one that is not says nothing: agents leave out what they could not read as well as
//! what a machine has none of. What a source gives to the minute, to the megabyte or in words is brought to our units; what it
//! does not give stays unknown.

mod devices;
mod machine;
mod network;
mod software;
mod storage;

pub use devices::{USB_CLASSES, technology};
pub use machine::TECHNOLOGIES;
pub use software::{MANAGERS, STATES};

use super::document::{Document, Row};
use super::units;
use rollcall_shared::{Outcome, Section, Timestamp, limits};
use std::collections::BTreeMap;

/// A section with how it was collected.
#[derive(Clone, Debug, PartialEq)]
pub struct Collected {
    /// Its content.
    pub section: Section,
    /// Complete, or partial.
    pub outcome: Outcome,
    /// Why it is not complete.
    pub reason: Option<String>,
}

/// An inventory in our terms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventory {
    /// When it was collected, when it says so.
    pub collected_at: Option<Timestamp>,
    /// Its sections, each once, in any order.
    pub sections: Vec<Collected>,
}

/// Whether an inventory is all that its agent collects, or some categories of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All.
    Whole,
    /// Some: what is not in it is unknown.
    Some,
}

/// Converts an inventory.
#[must_use]
pub fn convert(document: &Document, extent: Extent) -> Inventory {
    let zone = document.first("operatingsystem").and_then(|row| row.row("timezone")?.text("offset"));
    let mut reading = Reading { document, extent, offset: zone.and_then(|zone| units::offset(&zone)).unwrap_or(0), sections: Vec::new() };
    machine::read(&mut reading);
    devices::read(&mut reading);
    storage::read(&mut reading);
    network::read(&mut reading);
    software::read(&mut reading);
    let logged = document.first("accesslog").and_then(|row| row.text("logdate"));
    let collected_at = logged.and_then(|logged| units::moment(&logged, reading.offset));
    Inventory { collected_at, sections: reading.sections }
}

/// A document being converted.
struct Reading<'d> {
    document: &'d Document,
    extent: Extent,
    /// Minutes east of UTC of the machine's local times.
    offset: i64,
    sections: Vec<Collected>,
}

/// Why a row was dropped, in a few words; `Ok(None)` for one that is no matter of the section.
type Read<T> = Result<Option<T>, &'static str>;

/// Rows of one section, and why others are not among them.
struct Table<T> {
    rows: Vec<T>,
    dropped: BTreeMap<&'static str, usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), dropped: BTreeMap::new() }
    }
}

impl<T> Table<T> {
    fn take(&mut self, read: Read<T>) {
        match read {
            Ok(row) => self.rows.extend(row),
            Err(reason) => *self.dropped.entry(reason).or_default() += 1,
        }
    }

    /// What `read` makes of each row.
    fn of(rows: &[Row], mut read: impl FnMut(&Row) -> Read<T>) -> Self {
        let mut table = Self::default();
        rows.iter().for_each(|row| table.take(read(row)));
        table
    }
}

impl<'d> Reading<'d> {
    /// The rows of a category, when it is there.
    fn rows(&self, category: &str) -> Option<&'d [Row]> {
        self.document.rows(category)
    }

    /// A local moment in UTC.
    fn moment(&self, row: &Row, field: &str) -> Option<Timestamp> {
        units::moment(&row.text(field)?, self.offset)
    }

    fn put<T>(&mut self, table: Table<T>, section: impl FnOnce(Vec<T>) -> Section) {
        self.put_with(table, None, section);
    }

    /// A section that says something about itself beside its rows.
    fn put_with<T>(&mut self, mut table: Table<T>, remark: Option<&str>, section: impl FnOnce(Vec<T>) -> Section) {
        let mut reasons: Vec<String> = remark.map(str::to_owned).into_iter().collect();
        if self.extent == Extent::Some {
            reasons.push("the agent sent a part of its inventory".to_owned());
        }
        if table.rows.len() > limits::SECTION_ROWS {
            reasons.push(format!("{} rows, of which the first {} are kept", table.rows.len(), limits::SECTION_ROWS));
            table.rows.truncate(limits::SECTION_ROWS);
        }
        reasons.extend(table.dropped.iter().map(|(reason, count)| format!("{count} rows dropped: {reason}")));
        let outcome = if reasons.is_empty() { Outcome::Complete } else { Outcome::Partial };
        let reason = (!reasons.is_empty()).then(|| reasons.join("; "));
        self.sections.push(Collected { section: section(table.rows), outcome, reason });
    }
}

/// The text, or why the row is of no use.
fn needed(text: Option<String>, reason: &'static str) -> Result<String, &'static str> {
    text.ok_or(reason)
}

/// Names for things that have none of their own: `base`, then `base#2` and so on.
#[derive(Default)]
struct Ordinals(BTreeMap<String, usize>);

impl Ordinals {
    fn name(&mut self, base: String) -> String {
        let count = self.0.entry(base.clone()).or_default();
        *count += 1;
        if *count == 1 { base } else { format!("{base}#{count}") }
    }
}

#[cfg(test)]
mod tests;
