//! The one door to sled: every read and every write of the embedded store passes here.
//!
//! What sled 0.34.7 does and does not promise decides how it is used (read in its source, checked by power cuts):
//!
//! * `flush` ends in `sync_file_range`, which is no promise. Every [`Disk::write`] ends in `sync_data` on the `db` file.
//! * A batch on one tree is atomic over a crash: it begins with a manifest that names the position of its last message, recovery stops
//!   at a manifest whose end it cannot reach, and nothing inside an unfinished batch counts as stable.
//! * A page of more than a quarter of a segment goes to a blob file that is never synced and may never be deleted. A leaf holds up
//!   to 20 values (it splits above 16; merging adds a small neighbour), so 20 × [`VALUE_BYTES`] stays below a quarter of [`SEGMENT_BYTES`].
//! * A freed segment is overwritten two segments later at the earliest, by sled's own idea of stable. So no more than
//!   [`BATCH_BYTES`] and [`BATCH_OPS`] are written between two real syncs, which is well below one segment.
//! * It may panic on damage; a panic here becomes [`StoreError::Corrupt`].
//!
//! Invariant: after a write that failed, no write succeeds. What a failed sync left in the kernel's cache is unknown, and a second
//! `sync_data` that returns success would vouch for pages that the first one dropped.

use crate::store::StoreError;
use std::fs::File;
use std::io;
use std::ops::RangeBounds;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Unit of sled's log and of its space reclamation. Four times the default: see the module's text for what hangs on it.
const SEGMENT_BYTES: usize = 2 << 20;

/// Largest value in the tree.
pub const VALUE_BYTES: usize = 24 << 10;

/// Most bytes of keys and values between two syncs: a quarter of a segment, because splitting and consolidating pages writes
/// each byte up to four times.
const BATCH_BYTES: usize = SEGMENT_BYTES / 4;

/// Most operations between two syncs: one in ten rewrites a leaf.
pub const BATCH_OPS: usize = 64;

/// Attempts to take sled's lock, 10 ms apart: its worker threads may hold the file a moment longer than the store that was dropped.
const LOCK_ATTEMPTS: u32 = 200;

/// How written bytes reach stable storage. A test may pass one that fails.
pub trait Durability: Send + Sync {
    /// Returns when everything written to `file` is on stable storage.
    ///
    /// # Errors
    /// When that is not known to be so.
    fn sync(&self, file: &File) -> io::Result<()>;
}

/// The real thing.
#[derive(Clone, Copy, Debug, Default)]
pub struct SyncData;

impl Durability for SyncData {
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// How to run the embedded store.
#[derive(Clone)]
pub struct Options {
    /// Memory that sled may use for pages. Its own default of 1 GiB is more than a small server has.
    pub cache_bytes: u64,
    /// Where durability comes from.
    pub durability: Arc<dyn Durability>,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 128 << 20, durability: Arc::new(SyncData) }
    }
}

/// Puts and removals that belong together.
///
/// What is planned `early` may reach the disk before the rest does, and must mean nothing without it. When all of it fits one batch,
/// it is one batch.
#[derive(Default)]
pub struct Plan {
    early: Vec<Operation>,
    last: Vec<Operation>,
    bytes: usize,
}

type Operation = (Vec<u8>, Option<Vec<u8>>);

impl Plan {
    /// Plans a put that means nothing before [`Plan::put`] has made it visible.
    pub fn put_early(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.bytes += checked_size(&key, &value);
        self.early.push((key, Some(value)));
    }

    /// Plans a put of the final, atomic batch.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.bytes += checked_size(&key, &value);
        self.last.push((key, Some(value)));
    }

    /// Plans a removal in the final, atomic batch.
    pub fn remove(&mut self, key: Vec<u8>) {
        self.bytes += key.len();
        self.last.push((key, None));
    }

    /// True when another small value may push it over the size of one batch.
    pub fn is_full(&self) -> bool {
        self.bytes > BATCH_BYTES / 2 || self.early.len() + self.last.len() >= BATCH_OPS / 2
    }

    /// True when there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.early.is_empty() && self.last.is_empty()
    }

    fn into_batches(self) -> Vec<::sled::Batch> {
        let fits = self.bytes <= BATCH_BYTES && self.early.len() + self.last.len() <= BATCH_OPS;
        let mut batches = vec![::sled::Batch::default()];
        let (mut bytes, mut operations) = (0, 0);
        for operation in self.early {
            let size = operation_size(&operation);
            if !fits && operations > 0 && (bytes + size > BATCH_BYTES || operations >= BATCH_OPS) {
                batches.push(::sled::Batch::default());
                (bytes, operations) = (0, 0);
            }
            (bytes, operations) = (bytes + size, operations + 1);
            add(&mut batches, operation);
        }
        if !fits && operations > 0 {
            batches.push(::sled::Batch::default());
        }
        for operation in self.last {
            add(&mut batches, operation);
        }
        batches
    }
}

fn operation_size((key, value): &Operation) -> usize {
    key.len() + value.as_ref().map_or(0, Vec::len)
}

fn add(batches: &mut [::sled::Batch], (key, value): Operation) {
    let Some(batch) = batches.last_mut() else { return };
    match value {
        Some(value) => batch.insert(key, value),
        None => batch.remove(key),
    }
}

fn checked_size(key: &[u8], value: &[u8]) -> usize {
    assert!(value.len() <= VALUE_BYTES, "a value of {} bytes reached sled; larger ones must be chunked", value.len());
    key.len() + value.len()
}

/// An open sled tree and the file beneath it.
pub struct Disk {
    path: PathBuf,
    db: ::sled::Db,
    file: File,
    durability: Arc<dyn Durability>,
    write: Mutex<()>,
    failed: OnceLock<String>,
}

impl Disk {
    /// Opens or creates sled's files in `path`.
    pub fn open(path: &Path, options: &Options) -> Result<Self, StoreError> {
        let config = ::sled::Config::new()
            .path(path)
            .cache_capacity(options.cache_bytes)
            .mode(::sled::Mode::HighThroughput)
            .segment_size(SEGMENT_BYTES)
            .flush_every_ms(None);
        let db = open_patiently(path, &config)?;
        let db_path = path.join("db");
        let file = File::open(&db_path).map_err(|cause| io_error(&db_path, &cause))?;
        let disk = Self {
            path: path.to_owned(),
            db,
            file,
            durability: Arc::clone(&options.durability),
            write: Mutex::new(()),
            failed: OnceLock::new(),
        };
        // Recovery may have written: what is read from here on must not depend on it being lost again.
        disk.sync()?;
        Ok(disk)
    }

    /// Writes a plan; all of it is on stable storage on return. Writers take turns, a batch at a time, so that a long write never keeps
    /// a commit waiting for more than one sync.
    pub fn write(&self, plan: Plan) -> Result<(), StoreError> {
        self.check_not_failed()?;
        if plan.is_empty() {
            return Ok(());
        }
        plan.into_batches().into_iter().try_for_each(|batch| self.write_batch(batch))
    }

    fn write_batch(&self, batch: ::sled::Batch) -> Result<(), StoreError> {
        let _turn = self.write.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_not_failed()?;
        let outcome = self.guarded(|| self.db.apply_batch(batch)).and_then(|()| self.sync());
        outcome.inspect_err(|error| {
            self.failed.get_or_init(|| error.to_string());
        })
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.guarded(|| self.db.flush())?;
        self.durability.sync(&self.file).map_err(|cause| io_error(&self.path.join("db"), &cause))
    }

    /// Refuses once a write has failed.
    pub fn check_not_failed(&self) -> Result<(), StoreError> {
        match self.failed.get() {
            None => Ok(()),
            Some(first) => Err(StoreError::Io {
                subject: self.path.display().to_string(),
                cause: format!("an earlier write failed, nothing is written until the store is opened again; it was: {first}"),
            }),
        }
    }

    /// The value under `key`.
    pub fn get(&self, key: &[u8]) -> Result<Option<::sled::IVec>, StoreError> {
        self.guarded(|| self.db.get(key))
    }

    /// Keys and values of a range, in order, from both ends.
    pub fn scan(&self, range: impl RangeBounds<Vec<u8>>) -> Scan<'_> {
        Scan { disk: self, iter: self.db.range(range) }
    }

    /// Keys and values whose key begins with `prefix`, in order.
    pub fn scan_prefix(&self, prefix: &[u8]) -> Scan<'_> {
        Scan { disk: self, iter: self.db.scan_prefix(prefix) }
    }

    fn guarded<T>(&self, action: impl FnOnce() -> ::sled::Result<T>) -> Result<T, StoreError> {
        guarded(&self.path, action)
    }
}

/// A range of keys; see [`Disk::scan`].
pub struct Scan<'a> {
    disk: &'a Disk,
    iter: ::sled::Iter,
}

impl Iterator for Scan<'_> {
    type Item = Result<(::sled::IVec, ::sled::IVec), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.disk.guarded(|| self.iter.next().transpose()).transpose()
    }
}

impl DoubleEndedIterator for Scan<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.disk.guarded(|| self.iter.next_back().transpose()).transpose()
    }
}

fn open_patiently(path: &Path, config: &::sled::Config) -> Result<::sled::Db, StoreError> {
    for _ in 1..LOCK_ATTEMPTS {
        match guarded(path, || config.open()) {
            Err(StoreError::InUse(_)) => std::thread::sleep(Duration::from_millis(10)),
            outcome => return outcome,
        }
    }
    guarded(path, || config.open())
}

fn guarded<T>(path: &Path, action: impl FnOnce() -> ::sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(action)) {
        Ok(outcome) => outcome.map_err(|error| sled_error(path, error)),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
            let cause = format!("sled panicked: {}", text.unwrap_or("without a text"));
            Err(StoreError::Corrupt { subject: path.display().to_string(), cause })
        }
    }
}

fn sled_error(path: &Path, error: ::sled::Error) -> StoreError {
    let subject = path.display().to_string();
    match error {
        ::sled::Error::Io(cause) if cause.to_string().starts_with("could not acquire lock") => StoreError::InUse(subject),
        ::sled::Error::Io(cause) if cause.kind() != io::ErrorKind::UnexpectedEof => StoreError::Io { subject, cause: cause.to_string() },
        other => StoreError::Corrupt { subject, cause: other.to_string() },
    }
}

/// An operating system's error about a path.
pub fn io_error(path: &Path, cause: &io::Error) -> StoreError {
    StoreError::Io { subject: path.display().to_string(), cause: cause.to_string() }
}
