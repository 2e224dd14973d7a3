//! What several collectors of one inventory need, read once: the processes and the sockets that they hold.
//!
//! It lives as long as one inventory's collectors, a second on an ordinary host: whatever else is read of a process may find it gone.
//! The first section that asks bears the costs in the report.

use super::processes::Running;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// See the module.
#[derive(Default)]
pub(crate) struct Round {
    /// Processes without the kernel's own threads, in the order of their numbers.
    pub(crate) processes: OnceCell<Vec<Running>>,
    /// What was seen of the open files of each process that was looked at.
    pub(crate) descriptors: RefCell<BTreeMap<u32, Rc<Descriptors>>>,
}

/// The open files of one process.
#[derive(Debug, Default)]
pub(crate) struct Descriptors {
    /// How many there are.
    pub(crate) count: usize,
    /// Inodes of those that are sockets, sorted.
    pub(crate) sockets: Vec<u64>,
    /// Whether they may not be seen.
    pub(crate) is_denied: bool,
}
