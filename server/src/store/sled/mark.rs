//! The high-water mark: how far the store had come, in a file beside it.
//!
//! A log-structured tree that lost its end opens as if the end had never been written. The mark is what notices: it is written after each commit is
//! durable, so it is never ahead of what must be there. It is not synced: after a power cut it may be behind, which is harmless, and
//! in every other case (a truncated or restored file) it is exact.

use super::disk::io_error;
use crate::store::StoreError;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"RC-MARK1";
const BYTES: usize = 8 + 8 + 8 + 8;

/// The open file.
pub struct Mark {
    path: PathBuf,
    file: File,
}

/// What the file says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Of the log.
    pub revision: u64,
    /// Of the journal.
    pub position: u64,
}

impl Mark {
    /// Creates the file, on stable storage.
    pub fn create(path: &Path) -> Result<(), StoreError> {
        let failed = |cause| io_error(path, &cause);
        let file = File::create_new(path).map_err(failed)?;
        file.write_all_at(&encode(Reached::default()), 0).map_err(failed)?;
        file.sync_all().map_err(failed)
    }

    /// Opens and reads the file. One that is damaged says nothing: it is no reason to refuse data that is there.
    pub fn open(path: &Path) -> Result<(Self, Option<Reached>), StoreError> {
        let failed = |cause| io_error(path, &cause);
        let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
        let mut bytes = Vec::with_capacity(BYTES);
        (&mut file).take(BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        Ok((Self { path: path.to_owned(), file }, decode(&bytes)))
    }

    /// Moves the mark.
    pub fn set(&self, reached: Reached) -> Result<(), StoreError> {
        self.file.write_all_at(&encode(reached), 0).map_err(|cause| io_error(&self.path, &cause))
    }
}

fn encode(reached: Reached) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..16].copy_from_slice(&reached.revision.to_be_bytes());
    bytes[16..24].copy_from_slice(&reached.position.to_be_bytes());
    let check = blake3::hash(&bytes[..24]);
    bytes[24..].copy_from_slice(&check.as_bytes()[..8]);
    bytes
}

fn decode(bytes: &[u8]) -> Option<Reached> {
    let (revision, rest) = bytes.strip_prefix(&MAGIC)?.split_first_chunk::<8>()?;
    let (position, _) = rest.split_first_chunk::<8>()?;
    let reached = Reached { revision: u64::from_be_bytes(*revision), position: u64::from_be_bytes(*position) };
    (encode(reached) == bytes).then_some(reached)
}
