//! How many processes there are, which of them nobody waits for, and what named groups of them use: `/proc/<pid>`.

use super::{Raw, float};
use crate::collect::Scope;
use std::collections::BTreeMap;

/// Processes looked at; the kernel's default limit is 32,768, raised by systemd to 4,194,304.
const PROCESSES: usize = 65_536;

/// Members of one group whose open files are counted one by one, which kernels before 6.2 make necessary.
const COUNTED_MEMBERS: usize = 64;

/// A tick is a hundredth of a second in everything that the kernel shows (`USER_HZ`), whatever its own clock runs at.
pub(super) const TICK: f64 = 0.01;

/// Bytes of a process's name; the kernel cuts longer ones.
const NAME_BYTES: usize = 15;

/// Named groups, and the processor time of their members so far.
#[derive(Debug)]
pub(super) struct Processes {
    groups: Vec<Group>,
    /// The start of the latest process of the reading before; none before the first.
    newest: Option<u64>,
}

#[derive(Debug)]
struct Group {
    name: String,
    /// Ticks of members, by process and start.
    members: BTreeMap<(u32, u64), u64>,
    /// Ticks that members spent since the first reading. Unlike their sum, it does not go back when one of them ends.
    spent: u64,
}

/// What `/proc/<pid>/stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process<'a> {
    name: &'a str,
    state: u8,
    ticks: u64,
    started: u64,
}

/// What the members of a group add up to.
#[derive(Default)]
struct Sum {
    members: BTreeMap<(u32, u64), u64>,
    memory: u64,
    /// None once one of them could not be counted.
    open_files: Option<u64>,
}

impl Processes {
    /// Groups of these names.
    pub(super) fn new(names: &[String]) -> Self {
        let group = |name: &String| Group { name: name.clone(), members: BTreeMap::new(), spent: 0 };
        Self { groups: names.iter().map(group).collect(), newest: None }
    }

    /// Reads the series.
    pub(super) fn read(&mut self, scope: &Scope<'_>) -> Vec<Raw> {
        let (mut count, mut zombies, mut newest) = (0_u64, 0_u64, 0);
        let mut sums: Vec<Sum> = self.groups.iter().map(|_| Sum { open_files: Some(0), ..Sum::default() }).collect();
        for pid in scope.list("/proc").iter().filter_map(|name| name.parse::<u32>().ok()).take(PROCESSES) {
            // It may have ended since it was listed.
            let Ok(Some(text)) = scope.text(&format!("/proc/{pid}/stat")) else { continue };
            let Some(process) = parse(&text) else { continue };
            count += 1;
            zombies += u64::from(process.state == b'Z');
            newest = newest.max(process.started);
            for (_, sum) in self.groups.iter().zip(&mut sums).filter(|(group, _)| is_named(process.name, &group.name)) {
                let is_counted = sum.members.len() < COUNTED_MEMBERS;
                sum.members.insert((pid, process.started), process.ticks);
                sum.memory = sum.memory.saturating_add(memory(scope, pid).unwrap_or(0));
                sum.open_files = sum.open_files.zip(open_files(scope, pid, is_counted)).map(|(sum, files)| sum.saturating_add(files));
            }
        }
        if count == 0 {
            return Vec::new();
        }
        let before = self.newest.replace(newest);
        let mut raw = vec![
            Raw::count("system.processes.count", &[], "{process}", count),
            Raw::count("system.processes.zombies", &[], "{process}", zombies),
        ];
        raw.extend(self.groups.iter_mut().zip(sums).flat_map(|(group, sum)| group.take(sum, before)));
        raw
    }
}

impl Group {
    /// A process that was not a member before counts whole when it is new; one that only took the name has spent its time elsewhere.
    fn take(&mut self, sum: Sum, newest_before: Option<u64>) -> Vec<Raw> {
        for (process, &ticks) in &sum.members {
            let is_new = newest_before.is_some_and(|newest| process.1 > newest);
            let spent_before = self.members.get(process).copied().unwrap_or(if is_new { 0 } else { ticks });
            self.spent = self.spent.saturating_add(ticks.saturating_sub(spent_before));
        }
        let process = [("process", self.name.as_str())];
        let raw = vec![
            Raw::count("process.count", &process, "{process}", sum.members.len() as u64),
            Raw::rate("process.cpu.time", &process, "s/s", self.spent, TICK),
            Raw::count("process.memory.usage", &process, "By", sum.memory),
            Raw::gauge("process.open_file_descriptor.count", &process, "{file_descriptor}", sum.open_files.map(float)),
        ];
        self.members = sum.members;
        raw
    }
}

fn is_named(shown: &str, name: &str) -> bool {
    shown.as_bytes() == &name.as_bytes()[..name.len().min(NAME_BYTES)]
}

/// `123 (name) S 1 …`: the name may hold blanks and parentheses, so it ends at the last one. From the state on, fields are counted
/// from 3 as in proc(5): user time is 14, system time 15, the start 22.
fn parse(text: &str) -> Option<Process<'_>> {
    let (name, rest) = text.split_once('(')?.1.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    let user: u64 = fields.nth(10)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let started = fields.nth(6)?.parse().ok()?;
    Some(Process { name, state, ticks: user.saturating_add(system), started })
}

/// Processor time so far, in ticks.
pub(super) fn ticks(scope: &Scope<'_>, process: &str) -> Option<u64> {
    Some(parse(&scope.text(&format!("/proc/{process}/stat")).ok()??)?.ticks)
}

/// Resident bytes; kernel threads have none.
pub(super) fn memory(scope: &Scope<'_>, process: impl std::fmt::Display) -> Option<u64> {
    let status = scope.text(&format!("/proc/{process}/status")).ok()??;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok())?;
    kilobytes.checked_mul(1024)
}

/// Open files; none where they may not be seen, or would have to be counted one by one and may not.
pub(super) fn open_files(scope: &Scope<'_>, process: impl std::fmt::Display, may_list: bool) -> Option<u64> {
    let folder = format!("/proc/{process}/fd");
    // Since Linux 6.2 the folder's size is the number.
    match scope.root().facts(&folder)?.size {
        0 if may_list => Some(scope.root().list(&folder).ok()??.len() as u64),
        0 => None,
        number => Some(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;
    use proptest::prelude::*;

    fn stat(name: &str, state: char, ticks: u64, started: u64) -> String {
        format!("1 ({name}) {state} 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 {started} 0 0\n")
    }

    #[test]
    fn a_name_may_hold_what_separates_fields() {
        let expected = Process { name: "a) b (c", state: b'Z', ticks: 5, started: 9 };
        assert_eq!(parse(&stat("a) b (c", 'Z', 5, 9)), Some(expected));
        assert_eq!(parse("1 (a) S 1 2"), None);
    }

    #[test]
    fn a_long_name_is_compared_as_the_kernel_cuts_it() {
        assert!(is_named("systemd-journal", "systemd-journald") && is_named("nginx", "nginx"));
        assert!(!is_named("nginx2", "nginx") && !is_named("ngin", "nginx"));
    }

    /// What a group has spent after each reading; a reading is (pid, ticks, start) of its members.
    #[track_caller]
    fn check(readings: &[&[(u32, u64, u64)]], expected: &[u64]) {
        let mut processes = Processes::new(&["web".to_owned()]);
        let spent: Vec<u64> = readings
            .iter()
            .map(|members| {
                let files: String = members
                    .iter()
                    .map(|(pid, ticks, start)| format!("=== /proc/{pid}/stat\n{}", stat("web", 'S', *ticks, *start)))
                    .collect();
                let directory = plant(&format!("{files}=== /proc/1/stat\n{}", stat("init", 'S', 1, 0)));
                let root = Root::new(directory.path());
                processes.read(&Scope::new(&root));
                processes.groups[0].spent
            })
            .collect();
        assert_eq!(spent, expected);
    }

    #[test]
    fn a_groups_time_does_not_go_back_when_a_member_ends() {
        check(&[&[(10, 500, 1), (11, 100, 1)], &[(10, 520, 1)], &[(10, 520, 1), (12, 7, 9)]], &[0, 20, 27]);
    }

    #[test]
    fn a_process_that_only_took_the_name_brings_no_past() {
        check(&[&[(10, 5, 7)], &[(10, 5, 7), (11, 90_000, 3)], &[(10, 5, 7), (11, 90_010, 3)]], &[0, 0, 10]);
    }

    #[test]
    fn a_reused_number_is_another_process() {
        check(&[&[(10, 500, 1)], &[(10, 3, 8)]], &[0, 3]);
    }

    #[test]
    fn zombies_are_counted() {
        let directory =
            plant(&format!("=== /proc/1/stat\n{}=== /proc/2/stat\n{}=== /proc/uptime\n1 1\n", stat("a", 'S', 1, 1), stat("b", 'Z', 1, 1)));
        let root = Root::new(directory.path());
        let raw = Processes::new(&[]).read(&Scope::new(&root));
        let expected =
            [Raw::count("system.processes.count", &[], "{process}", 2), Raw::count("system.processes.zombies", &[], "{process}", 1)];
        assert_eq!(raw, expected);
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "[0-9]* ?\\(?[ -~]{0,20}\\)?( [A-Z0-9-]{1,20}){0,24}") {
            let _ = parse(&line);
        }
    }
}
