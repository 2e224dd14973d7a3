//! The privileged helper: what only root may read, for an agent that runs without privileges.
//!
//! `rollcall-agent probe` reads a fixed list of things and writes one frame to standard output. systemd starts it for each connection
//! to a socket (`rollcall-agent-probe.socket`); `probe --listen` does the same without systemd. It takes nothing from whoever
//! connects: no argument, no byte. It needs no network, and it has none in its unit. The agent takes the answer only from a
//! process of root's.
//!
//! Invariants: password hashes never leave the helper; an answer is bounded in size and time; without a helper everything else works.

use crate::clock::Clock;
use rollcall_shared::wire::WireError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

#[cfg(linux)]
mod answer;
#[cfg(unix_like)]
mod ask;

#[cfg(linux)]
pub use answer::{answer, listen};

/// Where the agent looks for the helper, unless its configuration says otherwise.
pub const DEFAULT_SOCKET: &str = "/run/rollcall-agent-probe.sock";

/// How to grant what is missing; it ends every report of a section that lacks it.
pub const HOW_TO_GRANT: &str = "run as root, grant CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE, or enable rollcall-agent-probe.socket";

/// Version of the frame.
const SCHEMA: u16 = 1;

/// Bytes of an answer: an SMBIOS table has at most 64 KiB in practice, owners of 100,000 sockets 1 MiB.
const ANSWER_BYTES: usize = 8 << 20;

/// An answer serves all sections of one inventory.
const FRESH: Duration = Duration::from_secs(30);

/// Everything is optional: without the helper the rest works.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Privileged {
    /// Contents of a fixed list of files, by path.
    files: BTreeMap<String, Vec<u8>>,
    /// By kernel name.
    disk_health: BTreeMap<String, DiskHealth>,
    /// Process that holds a socket, by the socket's inode.
    socket_owners: BTreeMap<u64, u32>,
}

/// One disk's word on itself. Counters only grow; absent is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiskHealth {
    /// The disk's own judgement.
    pub(crate) passed: Option<bool>,
    /// Degrees Celsius.
    pub(crate) temperature_celsius: Option<i32>,
    /// Hours with power.
    pub(crate) power_on_hours: Option<u64>,
    /// Share of the rated life that is used, percent; may exceed 100.
    pub(crate) percentage_used: Option<u8>,
    /// Spare blocks left, percent.
    pub(crate) available_spare_percent: Option<u8>,
    /// Errors that reached the medium.
    pub(crate) media_errors: Option<u64>,
    /// Sectors that were replaced by spare ones.
    pub(crate) reallocated_sectors: Option<u64>,
    /// Sectors that wait for it.
    pub(crate) pending_sectors: Option<u64>,
    /// Sectors that could not be corrected.
    pub(crate) uncorrectable_sectors: Option<u64>,
    /// Errors on the cable.
    pub(crate) crc_errors: Option<u64>,
    /// Power losses without warning.
    pub(crate) unsafe_shutdowns: Option<u64>,
}

impl Privileged {
    /// No helper.
    pub(crate) fn none_ref() -> &'static Self {
        static NONE: Privileged = Privileged { files: BTreeMap::new(), disk_health: BTreeMap::new(), socket_owners: BTreeMap::new() };
        &NONE
    }

    /// The content of a file that the agent may not read.
    pub(crate) fn file(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    /// The names in a directory that the agent may not list; none when the helper has nothing in it.
    pub(crate) fn names(&self, directory: &str) -> Option<Vec<String>> {
        let prefix = format!("{}/", directory.trim_end_matches('/'));
        let below = self.files.range(prefix.clone()..).map_while(|(path, _)| path.strip_prefix(&prefix));
        let names: Vec<String> = below.filter(|name| !name.contains('/')).map(str::to_owned).collect();
        (!names.is_empty()).then_some(names)
    }

    /// What the helper learned of a disk.
    pub(crate) fn disk_health(&self, name: &str) -> Option<&DiskHealth> {
        self.disk_health.get(name)
    }

    /// Which process holds a socket.
    pub(crate) fn socket_owner(&self, inode: u64) -> Option<u32> {
        self.socket_owners.get(&inode).copied()
    }
}

/// Why the helper gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The socket.
    #[error("{}: cannot {what}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// The attempted action.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// Whoever listens there is not root.
    #[error("{}: refused: user {uid} listens there, and only root's word counts", path.display())]
    NotRoot {
        /// The socket.
        path: PathBuf,
        /// Whose.
        uid: u32,
    },
    /// Not an answer.
    #[error("{}: {why}", path.display())]
    Malformed {
        /// The socket.
        path: PathBuf,
        /// What is wrong.
        why: WireError,
    },
}

/// Asks the helper, and keeps its answer for one inventory.
#[derive(Debug)]
pub struct ProbeSource {
    socket: Option<PathBuf>,
    latest: Mutex<Latest>,
}

#[derive(Debug, Default)]
struct Latest {
    asked_at: Option<Duration>,
    answer: Arc<Privileged>,
    /// Whether the last attempt failed: each change is one line in the log.
    failed: bool,
}

impl ProbeSource {
    /// Never asks: root needs no helper, and a captured tree has none.
    #[must_use]
    pub fn none() -> Self {
        Self { socket: None, latest: Mutex::default() }
    }

    /// Asks at a socket, whenever there is one.
    #[must_use]
    pub fn at(socket: &Path) -> Self {
        Self { socket: Some(socket.to_owned()), latest: Mutex::default() }
    }

    /// What the helper says now; nothing when there is none.
    pub(crate) fn current(&self, clock: &dyn Clock) -> Arc<Privileged> {
        let Some(socket) = &self.socket else { return Arc::default() };
        let now = clock.now().monotonic;
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.asked_at.is_none_or(|at| now.saturating_sub(at) > FRESH) {
            latest.asked_at = Some(now);
            latest.take(ask_at(socket));
        }
        latest.answer.clone()
    }
}

impl Latest {
    fn take(&mut self, answer: Result<Option<Privileged>, ProbeError>) {
        let failed = answer.is_err();
        match answer {
            Ok(answer) => self.answer = Arc::new(answer.unwrap_or_default()),
            Err(error) => {
                self.answer = Arc::default();
                if !self.failed {
                    tracing::warn!(%error, "the privileged helper does not answer; what needs it is left out");
                }
            }
        }
        self.failed = failed;
    }
}

#[cfg(unix_like)]
fn ask_at(socket: &Path) -> Result<Option<Privileged>, ProbeError> {
    ask::ask(socket)
}

#[cfg(not(unix_like))]
fn ask_at(_socket: &Path) -> Result<Option<Privileged>, ProbeError> {
    Ok(None)
}

/// The helper's answer.
#[cfg(all(linux, any(test, feature = "fuzzing")))]
pub(crate) fn fuzz(bytes: &[u8]) -> usize {
    let answer = rollcall_shared::wire::decode_within::<Privileged>(SCHEMA, bytes, ANSWER_BYTES).unwrap_or_default();
    answer.files.len() + answer.disk_health.len() + answer.socket_owners.len() + answer::without_hashes(bytes).len().min(1)
}

#[cfg(all(test, linux))]
mod tests;
