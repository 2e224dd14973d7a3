//! What only privileges can read, as a small helper without network brings it to an agent that runs without them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

    /// What the helper learned of a disk.
    pub(crate) fn disk_health(&self, name: &str) -> Option<&DiskHealth> {
        self.disk_health.get(name)
    }

    /// Which process holds a socket.
    pub(crate) fn socket_owner(&self, inode: u64) -> Option<u32> {
        self.socket_owners.get(&inode).copied()
    }
}
