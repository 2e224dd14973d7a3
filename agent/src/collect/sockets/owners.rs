//! Whose a socket is: one pass over the links in `/proc/<pid>/fd`, ended as soon as all wanted sockets are found.
//!
//! A socket that a parent and its children hold is the parent's: workers come and go. Process 1 holds what it passes on to services
//! that it activates, so it is the owner only when nobody else is. What may not be read comes from the privileged helper.

use super::super::round::Descriptors;
use super::super::{Scope, processes, units};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// File descriptors looked at for all processes together: a busy proxy has 100,000.
const DESCRIPTORS: usize = 500_000;

/// Generations that are climbed; deeper trees of processes that share one socket do not exist.
const GENERATIONS: usize = 32;

/// systemd or whatever else starts everything.
const INIT: u32 = 1;

/// The process behind a socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    /// Process id.
    pub(crate) pid: u32,
    /// Process name.
    pub(crate) process: Option<String>,
    /// Control group or unit.
    pub(crate) unit: Option<String>,
    /// Id of the container it runs in.
    pub(crate) container: Option<String>,
}

/// Owners by the inodes of sockets.
pub(crate) struct Owners<'a> {
    scope: &'a Scope<'a>,
    by_inode: BTreeMap<u64, u32>,
    is_exhaustive: bool,
    known: RefCell<BTreeMap<u32, Rc<Owner>>>,
}

impl<'a> Owners<'a> {
    /// Looks for the owners of `wanted`; what stays unknown for want of privileges is a problem.
    pub(crate) fn find(scope: &'a Scope<'a>, wanted: impl IntoIterator<Item = u64>) -> Self {
        let mut wanted: Vec<u64> = wanted.into_iter().filter(|&inode| inode > 0).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut search = Search { scope, wanted: &wanted, looked_at: 0, denied: 0 };
        let mut by_inode = search.holders();
        let open = wanted.iter().filter(|inode| !by_inode.contains_key(inode));
        let helped: Vec<(u64, u32)> = open.filter_map(|&inode| Some((inode, scope.privileged().socket_owner(inode)?))).collect();
        let missing = wanted.len() - by_inode.len() - helped.len();
        if missing > 0 && search.denied > 0 && helped.is_empty() {
            scope.problem("/proc/<pid>/fd: may not be read for all processes, so that the owners of some sockets are unknown; CAP_SYS_PTRACE or the privileged helper would tell");
        }
        search.climb(&mut by_inode);
        by_inode.extend(helped);
        let is_exhaustive = search.denied == 0 && search.looked_at > 0 && search.looked_at <= DESCRIPTORS;
        Self { scope, by_inode, is_exhaustive, known: RefCell::default() }
    }

    /// The process that has a socket.
    pub(crate) fn pid(&self, inode: u64) -> Option<u32> {
        self.by_inode.get(&inode).copied()
    }

    /// Whether a socket is known to be no process's: the kernel's own.
    pub(crate) fn is_kernels(&self, inode: u64) -> bool {
        self.is_exhaustive && !self.by_inode.contains_key(&inode)
    }

    /// What is known of a process.
    pub(crate) fn owner(&self, pid: u32) -> Rc<Owner> {
        if let Some(known) = self.known.borrow().get(&pid) {
            return Rc::clone(known);
        }
        let cgroup = self.scope.text(&format!("/proc/{pid}/cgroup")).ok().flatten();
        let owner = Rc::new(Owner {
            pid,
            process: processes::name(self.scope, pid),
            unit: cgroup.as_deref().and_then(units::of_cgroup),
            container: cgroup.as_deref().and_then(units::container_of_cgroup),
        });
        self.known.borrow_mut().insert(pid, Rc::clone(&owner));
        owner
    }

    /// The one owner of several sockets on the same address and port: processes of one name that a process of that name started are
    /// workers, and it is their parent; else the one that runs longest, as far as process ids tell.
    pub(crate) fn of_group(&self, inodes: &[u64]) -> Option<Rc<Owner>> {
        let mut pids: Vec<u32> = inodes.iter().filter_map(|&inode| self.pid(inode)).collect();
        pids.sort_unstable();
        pids.dedup();
        let first = self.owner(*pids.first()?);
        let parent_of = |pid: u32| parent(self.scope, pid).filter(|&parent| parent > INIT);
        let Some(shared) = parent_of(first.pid).filter(|_| pids.len() > 1) else { return Some(first) };
        let parent = self.owner(shared);
        let are_workers = parent.process == first.process && pids.iter().all(|&pid| parent_of(pid) == Some(shared));
        Some(if are_workers { parent } else { first })
    }
}

struct Search<'a> {
    scope: &'a Scope<'a>,
    wanted: &'a [u64],
    looked_at: usize,
    denied: usize,
}

impl Search<'_> {
    /// Any process for each socket, in the order of process ids, process 1 last.
    fn holders(&mut self) -> BTreeMap<u64, u32> {
        let mut found = BTreeMap::new();
        if self.wanted.is_empty() {
            return found;
        }
        let pids = processes::pids(self.scope);
        let last = pids.iter().copied().filter(|&pid| pid == INIT);
        for pid in pids.iter().copied().filter(|&pid| pid != INIT).chain(last) {
            let descriptors = descriptors(self.scope, pid);
            self.looked_at += descriptors.count;
            self.denied += usize::from(descriptors.is_denied);
            for &inode in descriptors.sockets.iter().filter(|inode| self.wanted.binary_search(inode).is_ok()) {
                found.entry(inode).or_insert(pid);
            }
            if found.len() == self.wanted.len() {
                break;
            }
            if self.looked_at > DESCRIPTORS {
                self.scope.problem(format_args!("/proc/<pid>/fd: descriptors beyond the limit of {DESCRIPTORS} were not looked at"));
                break;
            }
        }
        found
    }

    /// Replaces each owner by its oldest ancestor that holds the socket too.
    fn climb(&self, by_inode: &mut BTreeMap<u64, u32>) {
        let mut parents: BTreeMap<u32, Option<u32>> = BTreeMap::new();
        for (inode, pid) in by_inode {
            for _ in 0..GENERATIONS {
                let above = *parents.entry(*pid).or_insert_with(|| parent(self.scope, *pid));
                match above.filter(|&above| above > INIT) {
                    Some(above) if descriptors(self.scope, above).sockets.binary_search(inode).is_ok() => *pid = above,
                    _ => break,
                }
            }
        }
    }
}

/// The open files of a process, looked at once for all collectors of an inventory. Other users' need privileges.
fn descriptors(scope: &Scope<'_>, pid: u32) -> Rc<Descriptors> {
    if let Some(known) = scope.round().descriptors.borrow().get(&pid) {
        return Rc::clone(known);
    }
    let folder = format!("/proc/{pid}/fd");
    let mut found = Descriptors::default();
    match scope.root().list(&folder) {
        Ok(names) => {
            let names = names.unwrap_or_default();
            let directory = if names.is_empty() { None } else { scope.root().directory(&folder) };
            found.count = names.len();
            found.sockets = names.iter().filter_map(|name| socket_inode(&directory.as_ref()?.link(name)?)).collect();
            found.sockets.sort_unstable();
        }
        Err(error) => found.is_denied = error.is_denied(),
    }
    let found = Rc::new(found);
    scope.round().descriptors.borrow_mut().insert(pid, Rc::clone(&found));
    found
}

/// `socket:[4711]`.
fn socket_inode(target: &str) -> Option<u64> {
    target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// `pid (name) state ppid …`, proc(5): the name may hold blanks and parentheses.
fn parent(scope: &Scope<'_>, pid: u32) -> Option<u32> {
    let stat = scope.text(&format!("/proc/{pid}/stat")).ok()??;
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests;
