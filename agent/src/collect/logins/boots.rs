//! Whether the machine had been shut down before it was started, by what `wtmp` or wtmpdb noted.
//!
//! It must never take a shutdown for a crash: whoever can see nothing says nothing. So the latest start in the records must be the one that
//! the kernel speaks of, there must be something before it, and something on this machine must be known to note shutdowns. What the journal
//! of systemd leaves behind is no sign: where `/var` is a file system of its own, its files are left open by orderly shutdowns too.

use super::record::{self, Layout, Turn};
use super::{architecture, databases, tail};
use crate::collect::{Scope, os, virtualisation};
use rollcall_shared::Timestamp;
use std::io::Read;

/// How far a noted start may lie from the kernel's own, ms: it is noted once file systems are checked and mounted, and a clock that
/// was far off gets set later. Beyond, it is another start.
const SAME_START_MS: u64 = 600_000;

/// How long before its start a machine's panic may be the reason for it, ms: it writes a dump of its memory first, or waits for somebody
/// to press the button. An older one may have been followed by another start.
const PANIC_MS: i64 = 3_600_000;

/// Records of panics in firmware that are looked at; it has room for a handful.
const PANICS: usize = 64;

/// Whether what ran before this start was shut down; none where nothing can be known, as in containers.
pub(crate) fn was_shut_down(scope: &Scope<'_>) -> Option<bool> {
    if virtualisation::guest(scope).is_some() {
        return None;
    }
    let started_at = os::booted_at(scope).ok()??;
    let noted = by_files(scope, started_at).or_else(|| by_database(scope, started_at));
    noted.or_else(|| has_panicked(scope, started_at).then_some(false))
}

fn is_same(noted: Timestamp, started_at: Timestamp) -> bool {
    noted.0.abs_diff(started_at.0) <= SAME_START_MS
}

/// Whether the kernel left a last word in firmware shortly before the start, which only root may see and systemd takes away at the next
/// start: for machines where nobody notes anything.
fn has_panicked(scope: &Scope<'_>, started_at: Timestamp) -> bool {
    const DIRECTORY: &str = "/sys/fs/pstore";
    let names = scope.listed(DIRECTORY).ok().flatten().unwrap_or_default();
    names.iter().filter(|name| name.starts_with("dmesg-")).take(PANICS).any(|name| {
        let path = format!("{DIRECTORY}/{name}");
        let is_recent = scope.root().facts(&path).is_some_and(|facts| (0..=PANIC_MS).contains(&(started_at.0 - facts.modified.0)));
        // What a machine survives is noted there too, as `Oops#`.
        let mut first = [0; 6];
        is_recent && matches!(scope.root().open(&path), Ok(Some(file)) if (&file).read_exact(&mut first).is_ok() && &first == b"Panic#")
    })
}

fn by_files(scope: &Scope<'_>, started_at: Timestamp) -> Option<bool> {
    let layout = Layout::of(architecture(scope).as_deref());
    let notes_shutdowns = scope.root().exists("/run/systemd/system");
    let current = tail(scope, layout, "/var/log/wtmp")?;
    before_last_start(layout, &current, started_at, notes_shutdowns).or_else(|| {
        let mut both = tail(scope, layout, &rotated(scope)?)?;
        both.extend(current);
        before_last_start(layout, &both, started_at, notes_shutdowns)
    })
}

/// The latest `wtmp` that was put aside: under a number, or under its day as Red Hat and SUSE do it.
fn rotated(scope: &Scope<'_>) -> Option<String> {
    const NUMBERED: &str = "/var/log/wtmp.1";
    if scope.root().exists(NUMBERED) {
        return Some(NUMBERED.to_owned());
    }
    let is_dated = |name: &String| name.strip_prefix("wtmp-").is_some_and(|day| !day.is_empty() && day.bytes().all(|byte| byte.is_ascii_digit()));
    let latest = scope.listed("/var/log").ok().flatten()?.into_iter().filter(is_dated).max()?;
    Some(format!("/var/log/{latest}"))
}

/// What the records between the latest start and the one before say.
fn before_last_start(layout: Layout, records: &[u8], started_at: Timestamp, notes_shutdowns: bool) -> Option<bool> {
    let turns: Vec<Turn> = records.chunks_exact(layout.journal_bytes()).filter_map(|record| record::turn(layout, record)).collect();
    let is_start = |turn: &Turn| matches!(turn, Turn::Started(_));
    let latest = turns.iter().rposition(is_start)?;
    let Turn::Started(noted) = turns[latest] else { return None };
    if !is_same(noted, started_at) {
        return None;
    }
    let before = &turns[..latest];
    let run = &before[before.iter().rposition(is_start).unwrap_or(0)..];
    if run.contains(&Turn::Stopping) {
        return Some(true);
    }
    (!run.is_empty() && (notes_shutdowns || before.contains(&Turn::Stopping))).then_some(false)
}

/// wtmpdb notes the end of a run when the machine is shut down.
fn by_database(scope: &Scope<'_>, started_at: Timestamp) -> Option<bool> {
    let runs = databases::runs(scope);
    let [latest, before] = runs.get(..2)? else { return None };
    is_same(latest.started_at, started_at).then_some(before.has_ended)
}

#[cfg(test)]
mod tests;
