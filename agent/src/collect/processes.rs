//! Running processes, `/proc/<pid>`; kernel threads are left out.
//!
//! A process that ends while it is read is absent, not an error. Nothing of its use of the machine is kept: that changes all the time.

use super::text::tidy;
use super::{Failure, Scope, os, secrets, units, users};
use rollcall_shared::Timestamp;
use rollcall_shared::section::Process;

/// Bytes of a command line that are read; arguments beyond are cut off.
const COMMAND_BYTES: usize = 64 << 10;

/// `USER_HZ`: the unit of times in `/proc`, the same on every architecture that Linux runs on today.
const TICKS_A_SECOND: i64 = 100;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Process>, Failure> {
    let booted = os::booted_at(scope)?;
    let names = users::names(scope);
    let mut found = Vec::new();
    for pid in pids(scope) {
        let Some(stat) = scope.text(&format!("/proc/{pid}/stat")).ok().flatten().as_deref().and_then(Stat::parse) else { continue };
        if stat.is_kernel_thread {
            continue;
        }
        let read = |name: &str| scope.text(&format!("/proc/{pid}/{name}")).ok().flatten();
        let uid = read("status").as_deref().and_then(effective_uid);
        found.push(Process {
            pid,
            started_at: booted.map(|booted| Timestamp(booted.0.saturating_add(stat.started_ticks / TICKS_A_SECOND * 1000))),
            command: command(scope, pid),
            user: uid.map(|uid| names.get(&uid).cloned().unwrap_or_else(|| uid.to_string())),
            parent: Some(stat.parent).filter(|&parent| parent > 0),
            unit: read("cgroup").as_deref().and_then(units::of_cgroup),
            name: stat.name,
        });
    }
    if found.is_empty() {
        return Err(Failure::Skipped("there are no processes in /proc".to_owned()));
    }
    Ok(found)
}

/// All process ids, in order.
pub(crate) fn pids(scope: &Scope<'_>) -> Vec<u32> {
    let mut pids: Vec<u32> = scope.list("/proc").iter().filter_map(|name| name.parse().ok()).collect();
    pids.sort_unstable();
    pids
}

/// The short name of a process.
pub(crate) fn name(scope: &Scope<'_>, pid: u32) -> Option<String> {
    tidy(&scope.text(&format!("/proc/{pid}/comm")).ok()??)
}

struct Stat {
    name: String,
    parent: u32,
    is_kernel_thread: bool,
    started_ticks: i64,
}

impl Stat {
    /// `pid (name) state ppid … flags … starttime …`, proc(5): the name may hold blanks and parentheses.
    fn parse(text: &str) -> Option<Self> {
        const KERNEL_THREAD: u32 = 0x0020_0000;
        let (before, after) = text.rsplit_once(')')?;
        let fields: Vec<&str> = after.split_whitespace().collect();
        let flags: u32 = fields.get(6)?.parse().ok()?;
        Some(Self {
            name: tidy(before.split_once('(')?.1).unwrap_or_else(|| "?".to_owned()),
            parent: fields.get(1)?.parse().ok()?,
            is_kernel_thread: flags & KERNEL_THREAD != 0,
            started_ticks: fields.get(19)?.parse().ok()?,
        })
    }
}

/// `Uid: real effective saved file-system`.
fn effective_uid(status: &str) -> Option<u32> {
    status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().nth(1)?.parse().ok()
}

fn command(scope: &Scope<'_>, pid: u32) -> Option<String> {
    let path = format!("/proc/{pid}/cmdline");
    let bytes = match scope.bytes(&path, COMMAND_BYTES) {
        Ok(bytes) => bytes?,
        // Longer than the bound: that it is long is all that is said of it.
        Err(crate::root::ReadError::TooLarge { .. }) => return Some("…".to_owned()),
        Err(_) => return None,
    };
    let text = String::from_utf8_lossy(&bytes);
    secrets::redacted(text.split('\0').filter(|argument| !argument.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_may_hold_anything() {
        let text = "42 (a) b (c) S 1 42 42 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0";
        let stat = Stat::parse(text).expect("a process");
        assert_eq!((stat.name.as_str(), stat.parent, stat.is_kernel_thread, stat.started_ticks), ("a) b (c", 1, false, 12345));
    }

    #[test]
    fn kernel_threads_are_known_by_their_flag() {
        assert!(Stat::parse("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 1 0 0").expect("a process").is_kernel_thread);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9]{0,4} \\([ -~]{0,10}\\)?( -?[0-9A-Z]{1,12}){0,24}") {
            let _ = (Stat::parse(&text), effective_uid(&text), units::of_cgroup(&text));
        }
    }
}
