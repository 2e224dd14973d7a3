//! Which sources a collector asked, and what came of it: the material of `inventory --explain`.

use crate::root::ReadError;
use std::cell::RefCell;

/// Sources that are noted; a package collector opens some thousands of files.
const SOURCES: usize = 10_000;

/// What came of asking a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It was read: bytes of a file, entries of a directory, rows of an answer.
    Read(usize),
    /// There is no such thing on this machine.
    Absent,
    /// Privileges are missing.
    Denied,
    /// It is there and could not be used.
    Failed(String),
}

impl Found {
    /// Of a reading, with the size of what was read.
    pub(crate) fn of<T>(result: &Result<Option<T>, ReadError>, length: impl Fn(&T) -> usize) -> Self {
        match result {
            Ok(Some(read)) => Self::Read(length(read)),
            Ok(None) => Self::Absent,
            Err(error) if error.is_denied() => Self::Denied,
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}

/// The sources in the order in which they were asked.
#[derive(Clone, Debug, Default)]
pub struct Trace(RefCell<Vec<(String, Found)>>);

impl Trace {
    /// Notes one; beyond the bound nothing is.
    pub(crate) fn note(&self, source: &str, found: Found) {
        let mut sources = self.0.borrow_mut();
        if sources.len() < SOURCES && sources.last().is_none_or(|(last, was)| last != source || *was != found) {
            sources.push((source.to_owned(), found));
        }
    }

    /// All of them.
    #[must_use]
    pub fn into_sources(self) -> Vec<(String, Found)> {
        self.0.into_inner()
    }
}
