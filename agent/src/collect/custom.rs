//! Rows that the operator's own tools declare, as JSON files in one folder: `/etc/rollcall/extensions.d/*.json`.
//!
//! The files are read and never executed. They speak for the host, so only root may have written them: a file of anyone else, or that
//! anyone may write, is refused and said so. So is what has no place in a table: lists and objects as values.

use super::{Failure, Scope};
use crate::collect::trace::Found;
use crate::root::{ReadError, Root};
use rollcall_shared::section::Custom;
use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::fs::MetadataExt;

mod document;

/// Bytes of one file.
const FILE_BYTES: u64 = 1 << 20;

/// Files read; each is one table of the operator's.
const FILES: usize = 200;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Custom>, Failure> {
    let folder = scope.options().collect.extensions.trim_end_matches('/');
    let Some(names) = scope.root().list(folder)? else {
        // On a machine that once had extensions their rows are to go.
        return if scope.root().exists("/etc") { Ok(Vec::new()) } else { Err(Failure::Skipped(format!("there is no {folder}"))) };
    };
    let names: Vec<String> = names.into_iter().filter(|name| name.ends_with(".json") && !name.starts_with('.')).collect();
    if names.len() > FILES {
        scope.problem(format_args!("{folder}: files beyond {FILES} are left out"));
    }
    let mut rows = Vec::new();
    for name in names.iter().take(FILES) {
        let path = format!("{folder}/{name}");
        if scope.options().exclude.has_path(&path) {
            continue;
        }
        match trusted(scope, &path) {
            Ok(text) => rows.extend(declared(scope, &path, name.trim_end_matches(".json"), text.as_deref().unwrap_or_default())),
            Err(failure) => scope.problem(failure),
        }
    }
    Ok(rows)
}

fn declared(scope: &Scope<'_>, path: &str, extension: &str, text: &str) -> Vec<Custom> {
    let (rows, mistakes) = document::read(extension, text);
    for mistake in mistakes {
        scope.problem(format_args!("{path}:{}:{}: {}", mistake.line, mistake.column, mistake.what));
    }
    let mut seen = BTreeSet::new();
    let (rows, again): (Vec<Custom>, Vec<Custom>) = rows.into_iter().partition(|row| seen.insert(row.key.clone()));
    for row in again {
        scope.problem(format_args!("{path}: a second row with the key {:?}", row.key));
    }
    rows
}

/// The text of a file that root alone can have written; owner and mode are those of the file that is read, not of one that took its place.
fn trusted(scope: &Scope<'_>, path: &str) -> Result<Option<String>, Failure> {
    let opened = scope.root().open(path);
    scope.asked(path, Found::of(&opened, |file| file.metadata().map_or(0, |facts| usize::try_from(facts.len()).unwrap_or(usize::MAX))));
    let Some(file) = opened? else { return Ok(None) };
    let io = |source| Failure::from(ReadError::Io { path: path.to_owned(), source });
    let facts = file.metadata().map_err(io)?;
    if !is_owner(scope.root(), facts.uid()) {
        return Err(Failure::source(path, format_args!("refused, because it belongs to user {} and not to root", facts.uid())));
    }
    if facts.mode() & 0o002 != 0 {
        return Err(Failure::source(path, "refused, because everyone may write it"));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    scope.count(bytes.len());
    if bytes.len() as u64 > FILE_BYTES {
        return Err(ReadError::TooLarge { path: path.to_owned(), limit: usize::try_from(FILE_BYTES).unwrap_or(usize::MAX) }.into());
    }
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|error| Failure::source(path, format_args!("not UTF-8 at byte {}", error.utf8_error().valid_up_to())))
}

/// Root; in a captured tree also whoever captured it, who owns all of it.
fn is_owner(root: &Root, user: u32) -> bool {
    user == 0 || !root.is_live() && std::fs::metadata(root.path()).is_ok_and(|facts| facts.uid() == user)
}

#[cfg(test)]
mod tests;
