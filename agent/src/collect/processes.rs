//! Running processes, `/proc/<pid>`; kernel threads are left out, and on the running machine the agent itself with all that it started,
//! so that a restart of the agent is no change of the host.
//!
//! A process that ends while it is read is absent, not an error. Nothing of its use of the machine is kept: that changes all the time.
//! What lives for seconds (a cron job, a shell's command) is in the inventory that meets it and not in the next: processes are what
//! runs at one moment. A process is told from a later one with its number by when it started: the boot plus the ticks since.

use super::text::tidy;
use super::{Failure, Scope, os, secrets, units, users};
use rollcall_shared::Timestamp;
use rollcall_shared::limits::SECTION_ROWS;
use rollcall_shared::section::Process;
use std::collections::BTreeMap;

/// Bytes of a command line that are read; arguments beyond are cut off.
const COMMAND_BYTES: usize = 64 << 10;

/// `USER_HZ`: the unit of times in `/proc`, the same on every architecture that Linux runs on today.
const TICKS_A_SECOND: i64 = 100;

/// Generations between a process and the agent that are followed: a check's shell has a few.
const GENERATIONS: usize = 64;

/// Servers of the kinds that somebody looks for, worker processes among them.
const DAEMONS: usize = 10_000;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Process>, Failure> {
    let booted = os::booted_at(scope)?;
    let names = users::names(scope);
    // Not being able to list the processes is no machine without any.
    scope.listed("/proc")?;
    // As many as a section has rows are opened; the others have higher numbers.
    let rows = running(scope).iter().filter_map(|process| row(scope, process, booted, &names));
    let mut found: Vec<Process> = rows.take(SECTION_ROWS + 1).collect();
    if found.len() > SECTION_ROWS {
        scope.problem(format_args!("processes beyond {SECTION_ROWS} are left out"));
        found.truncate(SECTION_ROWS);
    }
    if found.is_empty() {
        return Err(Failure::Skipped("there are no processes in /proc".to_owned()));
    }
    if scope.root().is_live() {
        leave_out(&mut found, std::process::id());
    }
    Ok(found)
}

/// None for one that has ended since it was listed.
fn row(scope: &Scope<'_>, process: &Running, booted: Option<Timestamp>, names: &BTreeMap<u32, String>) -> Option<Process> {
    let Running { pid, stat } = process;
    let uid = user(scope, *pid)?;
    let cgroup = scope.text(&format!("/proc/{pid}/cgroup")).ok().flatten();
    Some(Process {
        pid: *pid,
        started_at: booted.map(|booted| Timestamp(booted.0.saturating_add((stat.started_ticks / TICKS_A_SECOND).saturating_mul(1000)))),
        command: arguments(scope, *pid).and_then(|arguments| secrets::redacted(arguments.iter().map(String::as_str))),
        user: uid.map(|uid| names.get(&uid).cloned().unwrap_or_else(|| uid.to_string())),
        parent: Some(stat.parent).filter(|&parent| parent > 0),
        unit: cgroup.as_deref().and_then(units::of_cgroup),
        name: stat.name.clone(),
    })
}

/// The effective user. The kernel gives a process's directory to it, and lets everybody see that; to write `status`, which says it too,
/// costs the kernel more than all else that is asked of a process. A captured directory belongs to whoever captured it.
#[expect(clippy::option_option, reason = "a process that is gone is not one whose user is unknown")]
fn user(scope: &Scope<'_>, pid: u32) -> Option<Option<u32>> {
    if scope.root().is_live() {
        return scope.root().owner(&format!("/proc/{pid}")).map(Some);
    }
    Some(scope.text(&format!("/proc/{pid}/status")).ok().flatten().as_deref().and_then(effective_uid))
}

/// Leaves out a process and all that descends from it.
fn leave_out(processes: &mut Vec<Process>, ancestor: u32) {
    let parents: BTreeMap<u32, u32> = processes.iter().filter_map(|process| Some((process.pid, process.parent?))).collect();
    let descends = |pid: u32| std::iter::successors(Some(pid), |pid| parents.get(pid).copied()).take(GENERATIONS).any(|pid| pid == ancestor);
    processes.retain(|process| !descends(process.pid));
}

/// A server that runs, as far as its kind and place are told by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Daemon {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    pub(crate) name: String,
    /// As it was started, secrets and all: to look for options in, never to be kept.
    pub(crate) arguments: Vec<String>,
    pub(crate) unit: Option<String>,
    pub(crate) container: Option<String>,
}

impl Daemon {
    /// The value of an option, given as the next argument or after `=`.
    pub(crate) fn option(&self, names: &[&str]) -> Option<&str> {
        self.arguments.iter().enumerate().find_map(|(at, argument)| {
            let rest = names.iter().find_map(|name| argument.strip_prefix(*name))?;
            if rest.is_empty() { self.arguments.get(at + 1).map(String::as_str) } else { rest.strip_prefix('=') }
        })
    }
}

/// The processes whose short name is wanted, without the children of one of the same name: of a server and its workers, the server.
pub(crate) fn daemons(scope: &Scope<'_>, is_wanted: impl Fn(&str) -> bool) -> Vec<Daemon> {
    let wanted = running(scope).iter().filter(|process| is_wanted(&process.stat.name));
    let stats: BTreeMap<u32, &Stat> = wanted.map(|process| (process.pid, &process.stat)).take(DAEMONS).collect();
    let is_worker = |stat: &&Stat| stats.get(&stat.parent).is_some_and(|parent| parent.name == stat.name);
    let servers = stats.iter().filter(|(_, stat)| !is_worker(stat));
    servers
        .map(|(&pid, stat)| {
            let cgroup = scope.text(&format!("/proc/{pid}/cgroup")).ok().flatten().unwrap_or_default();
            Daemon {
                pid,
                parent: stat.parent,
                name: stat.name.clone(),
                arguments: words(arguments(scope, pid).unwrap_or_default()),
                container: units::container_of_cgroup(&cgroup),
                unit: units::of_cgroup(&cgroup),
            }
        })
        .collect()
}

/// All process ids, in order.
pub(crate) fn pids(scope: &Scope<'_>) -> Vec<u32> {
    numbers(&scope.list("/proc"))
}

fn numbers(names: &[String]) -> Vec<u32> {
    let mut pids: Vec<u32> = names.iter().filter_map(|name| name.parse().ok()).collect();
    pids.sort_unstable();
    pids
}

/// A process that is none of the kernel's own threads.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) pid: u32,
    stat: Stat,
}

/// The processes, read once for all collectors of an inventory.
fn running<'s>(scope: &'s Scope<'_>) -> &'s [Running] {
    scope.round().processes.get_or_init(|| {
        let stat = |pid: u32| Stat::parse(&scope.text(&format!("/proc/{pid}/stat")).ok()??).filter(|stat| !stat.is_kernel_thread);
        pids(scope).into_iter().filter_map(|pid| Some(Running { pid, stat: stat(pid)? })).collect()
    })
}

/// The short name of a process.
pub(crate) fn name(scope: &Scope<'_>, pid: u32) -> Option<String> {
    tidy(&scope.text(&format!("/proc/{pid}/comm")).ok()??)
}

#[derive(Debug)]
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
        let mut fields = after.split_ascii_whitespace();
        let parent = fields.nth(1)?.parse().ok()?;
        let flags: u32 = fields.nth(4)?.parse().ok()?;
        Some(Self {
            name: tidy(before.split_once('(')?.1).unwrap_or_else(|| "?".to_owned()),
            parent,
            is_kernel_thread: flags & KERNEL_THREAD != 0,
            started_ticks: fields.nth(12)?.parse().ok()?,
        })
    }
}

/// `Uid: real effective saved file-system`.
fn effective_uid(status: &str) -> Option<u32> {
    status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().nth(1)?.parse().ok()
}

/// A server that writes a title over its arguments has them all in one: `nginx: master process /usr/sbin/nginx -c …`.
fn words(arguments: Vec<String>) -> Vec<String> {
    match arguments.as_slice() {
        [title] => title.split_whitespace().map(str::to_owned).collect(),
        _ => arguments,
    }
}

/// Arguments of a process. A command line longer than the bound is cut to the word that says so.
fn arguments(scope: &Scope<'_>, pid: u32) -> Option<Vec<String>> {
    let path = format!("/proc/{pid}/cmdline");
    let bytes = match scope.bytes(&path, COMMAND_BYTES) {
        Ok(bytes) => bytes?,
        // Longer than the bound: that it is long is all that is said of it.
        Err(crate::root::ReadError::TooLarge { .. }) => return Some(vec!["…".to_owned()]),
        Err(_) => return None,
    };
    let text = String::from_utf8_lossy(&bytes);
    Some(text.split('\0').filter(|argument| !argument.is_empty()).map(str::to_owned).collect())
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

    #[test]
    fn the_agent_and_what_it_started_are_left_out() {
        let process = |pid: u32, parent: u32| Process { pid, parent: Some(parent), ..Process::default() };
        let mut processes = vec![process(1, 0), process(10, 1), process(11, 10), process(12, 11), process(13, 1), process(20, 21), process(21, 20)];
        leave_out(&mut processes, 10);
        assert_eq!(processes.iter().map(|process| process.pid).collect::<Vec<_>>(), [1, 13, 20, 21]);
    }

    #[test]
    fn this_agent_is_no_process_of_the_host() {
        let root = crate::root::Root::live();
        let own = std::process::id();
        let Ok(processes) = collect(&Scope::new(&root)) else { return };
        assert!(processes.iter().all(|process| process.pid != own && process.parent != Some(own)));
    }

    #[test]
    fn the_owner_of_a_process_is_its_effective_user() {
        let root = crate::root::Root::live();
        let scope = Scope::new(&root);
        for pid in pids(&scope) {
            let (Some(Some(owner)), Ok(Some(status))) = (user(&scope, pid), scope.text(&format!("/proc/{pid}/status"))) else { continue };
            assert_eq!(Some(owner), effective_uid(&status), "{status}");
        }
    }

    #[test]
    fn a_step_of_the_clock_changes_no_process() {
        let tree = |seconds: u32, boot: &str| {
            let stat = "7 (a) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 500 0 0";
            super::super::testing::plant(&format!(
                "=== /proc/stat\nbtime {seconds}\n=== /proc/sys/kernel/random/boot_id\n{boot}\n=== /proc/7/stat\n{stat}\n"
            ))
        };
        let boots = super::super::Boots::default();
        let started = |tree: tempfile::TempDir| {
            let root = crate::root::Root::new(tree.path());
            collect(&Scope::new(&root).knowing(&boots)).expect("processes")[0].started_at
        };
        let looks = [tree(1000, "one"), tree(1001, "one"), tree(940, "one"), tree(1001, "two")].map(started);
        assert_eq!(looks, [1005, 1005, 1005, 1006].map(|seconds| Some(Timestamp(seconds * 1000))));
    }

    #[test]
    fn processes_are_read_once_in_an_inventory() {
        let stat = "=== /proc/7/stat\n7 (nginx) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 500 0 0\n";
        let tree = super::super::testing::plant(stat);
        let root = crate::root::Root::new(tree.path());
        let round = std::rc::Rc::default();
        assert_eq!(collect(&Scope::new(&root).within(&round)).expect("processes").len(), 1);
        let scope = Scope::new(&root).within(&round);
        assert_eq!(daemons(&scope, |name| name == "nginx").len(), 1);
        assert_eq!(scope.bytes_read(), 0);
    }

    #[test]
    fn of_a_server_and_its_workers_the_server_is_found() {
        let stat = |pid: u32, name: &str, parent: u32| format!("=== /proc/{pid}/stat\n{pid} ({name}) S {parent} 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0\n");
        let tree = [
            stat(7, "nginx", 1),
            stat(8, "nginx", 7),
            stat(9, "sshd", 1),
            "=== /proc/7/cmdline\nnginx\\0-c\\0/etc/x.conf\\0--a=b\\0\n=== /proc/7/cgroup\n0::/system.slice/nginx.service\n".to_owned(),
        ];
        let directory = super::super::testing::plant(&tree.concat());
        let root = crate::root::Root::new(directory.path());
        let found = daemons(&Scope::new(&root), |name| name == "nginx");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].pid, found[0].unit.as_deref()), (7, Some("nginx.service")));
        assert_eq!((found[0].option(&["-c"]), found[0].option(&["--a"]), found[0].option(&["-z"])), (Some("/etc/x.conf"), Some("b"), None));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9]{0,4} \\([ -~]{0,10}\\)?( -?[0-9A-Z]{1,12}){0,24}") {
            let _ = (Stat::parse(&text), effective_uid(&text), units::of_cgroup(&text));
        }
    }
}
