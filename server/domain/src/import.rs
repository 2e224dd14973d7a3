//! Files that people load: each row one thing, taken in on its own.
//!
//! A file is a feed, called `import:` and a name; what it says is its word beside everybody else's, under its own key for each
//! thing. Machines are identified by the same table of identifiers as everywhere, other things by their natural key, and a name
//! never identifies anything. What a decision on a row reads besides the state are the [`Run`]'s claims: what earlier rows
//! of the same file were taken for. A dry run and the real one therefore decide alike, row for row; they differ only in whether
//! the events are written. Invariants: two rows of a file are never one thing, and a file that is loaded again changes nothing.

mod decide;
mod mapping;
mod queue;
mod reference;
mod row;

pub use decide::{ROWS, command, tick};
pub use mapping::{COLUMNS, Mapping, Plan, Target};
pub use queue::Queue;
pub use row::{Row, Run, Taken, Work, take};

use crate::Record;
use crate::actor::Actor;
use crate::ci::{Class, Lifecycle};
use crate::id::{CiId, ImportId};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Refused rows that a run remembers; the log has all of them.
pub const REFUSED: usize = 200;

/// Runs remembered; the log has all of them.
const RUNS: usize = 500;

/// What came of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A new record.
    Inserted,
    /// A known record that changed.
    Updated,
    /// A known record that did not.
    Unchanged,
    /// Nothing of it was taken in.
    Refused,
    /// No row at all: a record that is not in the file any more.
    Missing,
}

/// What came of one row, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowResult {
    /// Line of the file at which it begins, from 1; the headings of a CSV are line 1. 0 for what is not in the file.
    pub row: u32,
    /// The file's own key for the thing, as far as it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
    /// The record; not of one that a dry run would insert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci: Option<CiId>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}

/// Why a row was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Stable word, such as `duplicate_key`.
    pub code: String,
    /// The column that is wrong, when it is one.
    pub column: Option<String>,
    /// In words.
    pub reason: String,
}

/// How many rows came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// New records.
    pub inserted: u32,
    /// Known records that changed.
    pub updated: u32,
    /// Known records that did not.
    pub unchanged: u32,
    /// Rows that were refused.
    pub refused: u32,
    /// Records that are not in the file any more.
    pub missing: u32,
}

impl Counts {
    /// Counts one more.
    pub fn add(&mut self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Inserted => &mut self.inserted,
            Outcome::Updated => &mut self.updated,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Refused => &mut self.refused,
            Outcome::Missing => &mut self.missing,
        };
        *count = count.saturating_add(1);
    }
}

/// What is to be done with a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Name of the feed, without what names of feeds of files begin with.
    pub name: String,
    /// Whether only to say what would be done.
    pub dry_run: bool,
    /// Whether records that are not in the file any more are missing.
    pub mirror: bool,
    /// How many rows it has.
    pub rows: u32,
    /// Columns that nothing is made of.
    pub ignored: Vec<String>,
}

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Rows are being taken in.
    Running,
    /// All rows were looked at.
    Finished,
    /// It ended early; what was taken in stays, and loading the file again does the rest.
    Interrupted,
}

/// A file that was, or is being, taken in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownRun {
    /// Its id for ever.
    pub id: ImportId,
    /// What was to be done.
    pub order: Order,
    /// Who loaded it.
    pub by: Actor,
    /// When it began.
    pub started_at: Timestamp,
    /// When something last came of it.
    pub updated_at: Timestamp,
    /// Where it is.
    pub state: State,
    /// Why it ended early.
    pub reason: Option<String>,
    /// So far.
    pub counts: Counts,
    /// What people should know of the run as a whole.
    #[serde(default)]
    pub note: Option<String>,
    /// The first rows that were refused.
    pub refused: Vec<RowResult>,
    /// Revisions that tell what came of rows.
    pub told: Vec<u64>,
    /// Log revision of the last change; its ETag.
    pub revision: u64,
}

/// A mapping with its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownMapping {
    /// As it is now.
    pub mapping: Mapping,
    /// Log revision of the last change; its ETag.
    pub revision: u64,
}

/// What happened to files and mappings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ImportEvent {
    /// A file began to be taken in.
    ImportStarted {
        /// Its id.
        import: ImportId,
        /// What is to be done.
        order: Order,
    },
    /// Some of its rows were.
    ImportProgressed {
        /// Which file.
        import: ImportId,
        /// All so far.
        counts: Counts,
        /// What came of rows of this step; those that are not told of were unchanged.
        results: Vec<RowResult>,
        /// What people should know of the run as a whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// All of them were, or it ended early.
    ImportEnded {
        /// Which file.
        import: ImportId,
        /// Where it is.
        state: State,
        /// Why it ended early.
        reason: Option<String>,
    },
    /// What the columns of a feed mean was said.
    MappingSet {
        /// Of which feed.
        name: String,
        /// What they mean.
        mapping: Box<Mapping>,
    },
    /// What the columns of a feed mean was withdrawn.
    MappingWithdrawn {
        /// Of which feed.
        name: String,
    },
}

/// What people ask of files and mappings. Rows are not commands: see [`take`].
#[derive(Clone, Debug, PartialEq)]
pub enum ImportCommand {
    /// Begin to take a file in.
    Start(Order),
    /// There are no more rows, or they cannot be taken in.
    End {
        /// Which file.
        import: ImportId,
        /// Why it ends early; `None` when it does not.
        reason: Option<String>,
    },
    /// Say what the columns of a feed mean.
    SetMapping {
        /// Of which feed.
        name: String,
        /// What they mean.
        mapping: Box<Mapping>,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Withdraw what the columns of a feed mean.
    WithdrawMapping {
        /// Of which feed.
        name: String,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
}

/// All files and mappings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Imports {
    /// By id; the latest 500.
    pub runs: BTreeMap<ImportId, KnownRun>,
    /// By name of the feed.
    pub mappings: BTreeMap<String, KnownMapping>,
}

impl Imports {
    /// Remembers an event. Total.
    pub fn apply(&mut self, record: &Record, event: &ImportEvent) {
        match event {
            ImportEvent::ImportStarted { import, order } => self.start(record, *import, order),
            ImportEvent::ImportProgressed { import, counts, results, note } => {
                let Some(run) = self.touch(record, *import) else { return };
                run.counts = *counts;
                if note.is_some() {
                    run.note.clone_from(note);
                }
                let room = REFUSED.saturating_sub(run.refused.len());
                run.refused.extend(results.iter().filter(|result| result.outcome == Outcome::Refused).take(room).cloned());
                if !results.is_empty() {
                    run.told.push(record.revision);
                }
            }
            ImportEvent::ImportEnded { import, state, reason } => {
                let Some(run) = self.touch(record, *import) else { return };
                run.state = *state;
                run.reason.clone_from(reason);
            }
            ImportEvent::MappingSet { name, mapping } => {
                self.mappings.insert(name.clone(), KnownMapping { mapping: (**mapping).clone(), revision: record.revision });
            }
            ImportEvent::MappingWithdrawn { name } => drop(self.mappings.remove(name)),
        }
    }

    fn start(&mut self, record: &Record, id: ImportId, order: &Order) {
        let run = KnownRun {
            id,
            order: order.clone(),
            by: record.actor.clone(),
            started_at: record.at,
            updated_at: record.at,
            state: State::Running,
            reason: None,
            counts: Counts::default(),
            note: None,
            refused: Vec::new(),
            told: Vec::new(),
            revision: record.revision,
        };
        self.runs.insert(id, run);
        while self.runs.len() > RUNS {
            self.runs.pop_first();
        }
    }

    fn touch(&mut self, record: &Record, id: ImportId) -> Option<&mut KnownRun> {
        let run = self.runs.get_mut(&id)?;
        (run.updated_at, run.revision) = (record.at, record.revision);
        Some(run)
    }
}

/// The class that people call so in a file: its name, with blanks or dashes as well.
#[must_use]
pub fn class_named(text: &str) -> Option<Class> {
    let word = word(text);
    Class::ALL.into_iter().find(|class| class.as_str() == word)
}

/// The word of a life that people write in a file.
#[must_use]
pub fn status_named(text: &str) -> Option<Lifecycle> {
    serde_json::from_value(serde_json::Value::String(word(text))).ok()
}

/// A heading or word as names are written here.
fn word(text: &str) -> String {
    let folded = text.trim().to_lowercase();
    let joined: String = folded.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    joined.split('_').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests;
