//! The embedded store: one sled tree in a directory, nothing to run beside the server.
//!
//! | key | value |
//! |---|---|
//! | `L` first revision | pack of log records of one commit |
//! | `J` first position | pack of journal entries of one commit |
//! | `C` hash | content |
//! | `A` hash | file that people attached |
//! | `B` hour, agent | block of samples |
//! | `R` grain, metric, period, agent | rows of reduced samples |
//! | `U` agent, hour | mark: the block is not rolled up |
//! | `S` | snapshot |
//! | `F` name | format, compaction watermark |
//!
//! Lower-case letters hold the chunks of values that are too large for one key (`value`). A commit is one atomic batch and one sync
//! (`disk`); where it is too large for one batch, what goes ahead is invisible without the last batch, and swept at the next open.
//!
//! Must never create a store where there should be one already, and never acknowledge after a failed write. What sled may lose silently when its files
//! are damaged is found by counting: log and journal have no gaps, and a `mark` beside the tree tells how far they went.

mod block;
mod disk;
mod files;
mod mark;
mod pack;
mod redact;
mod rollup;
mod tail;
mod upkeep;
mod value;

pub use disk::{Durability, Options, SyncData};

use crate::store::{Commit, Snapshot, Store, StoreError, Unrolled, Usage};
use disk::{Disk, Plan, io_error};
use mark::{Mark, Reached};
use rollcall_domain::journal::JournalEntry;
use rollcall_domain::sample::{Grain, Rolled, Tracks};
use rollcall_shared::sample::SampleSet;
use rollcall_shared::{AgentId, ContentHash, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use tail::Tail;
use value::{Kind, Packed};

/// Layout of keys and values; raised when an older release could not read them.
const FORMAT: u32 = 1;
const FORMAT_ID: &[u8] = b"format";

/// Log and journal are written at full speed and read seldom.
const PACK_LEVEL: i32 = 1;

/// Content is written once and kept for years.
const CONTENT_LEVEL: i32 = 3;

/// The embedded engine.
pub struct SledStore {
    path: PathBuf,
    disk: Disk,
    mark: Mark,
    revision: AtomicU64,
    tail: RwLock<Tail>,
    committing: Mutex<()>,
    upkeep: Mutex<()>,
    saving: Mutex<()>,
    // Held as long as the store is open. Last, so that sled lets go of its files first.
    _lock: File,
}

impl SledStore {
    /// Creates a store in `dir`, which must not exist or be empty, and opens it. It is there completely or not at all.
    ///
    /// # Errors
    /// The directory holds something already, or cannot be written.
    pub fn create(dir: &Path) -> Result<Self, StoreError> {
        Self::create_with(dir, &Options::default())
    }

    /// As [`SledStore::create`], with options.
    ///
    /// # Errors
    /// As [`SledStore::create`].
    pub fn create_with(dir: &Path, options: &Options) -> Result<Self, StoreError> {
        files::check_vacant(dir)?;
        let (parent, unfinished) = files::unfinished(dir)?;
        files::fresh_directory(&unfinished)?;
        write_empty_store(&unfinished, options)?;
        std::fs::rename(&unfinished, dir).map_err(|cause| io_error(dir, &cause))?;
        files::sync_file(&parent)?;
        Self::open_with(dir, options)
    }

    /// Opens the store in `dir`. Never creates one.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when a process holds it, [`StoreError::Corrupt`] when something that was acknowledged is missing or damaged.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(dir, &Options::default())
    }

    /// As [`SledStore::open`], with options.
    ///
    /// # Errors
    /// As [`SledStore::open`].
    pub fn open_with(dir: &Path, options: &Options) -> Result<Self, StoreError> {
        files::check_present(dir)?;
        let lock = files::take_lock(dir)?;
        let (mark, reached) = Mark::open(&dir.join("mark"))?;
        let disk = Disk::open(dir, options)?;
        files::sync_file(dir)?;
        check_format(dir, &disk)?;
        let revision = last_revision(&disk)?;
        let (tail, outlived) = Tail::load(&disk, watermark(&disk)?)?;
        let position = tail.position;
        check_reached(dir, reached, revision, position)?;
        upkeep::remove_packs(&disk, &outlived)?;
        sweep_unfinished(&disk, Kind::Log, revision)?;
        sweep_unfinished(&disk, Kind::Journal, position)?;
        mark.set(Reached { revision, position })?;
        Ok(Self {
            path: dir.to_owned(),
            disk,
            mark,
            revision: AtomicU64::new(revision),
            tail: RwLock::new(tail),
            committing: Mutex::default(),
            upkeep: Mutex::default(),
            saving: Mutex::default(),
            _lock: lock,
        })
    }

    fn plan_commit(&self, commit: &Commit, revision: u64, position: u64) -> Result<(Plan, Vec<(u64, u64)>), StoreError> {
        let mut plan = Plan::default();
        let sections = commit.sections.iter().map(|content| (Kind::Content, content));
        for (kind, (hash, bytes)) in sections.chain(commit.attachments.iter().map(|content| (Kind::Attachment, content))) {
            if ContentHash::of(bytes) != *hash {
                return Err(StoreError::Corrupt {
                    subject: format!("content {hash}"),
                    cause: "what was handed in has another name".into(),
                });
            }
            if self.disk.get(&kind.head_key(&hash.0))?.is_none() {
                let packed = Packed { kind, id: &hash.0, generation: 0, plain: bytes, level: CONTENT_LEVEL };
                packed.plan(&mut plan, true)?;
            }
        }
        plan_packs(&mut plan, Kind::Log, revision, commit.events.iter().map(Vec::as_slice))?;
        let entries: Vec<Vec<u8>> = commit.journal.iter().map(pack::encode_entry).collect::<Result<_, _>>()?;
        let packs = plan_packs(&mut plan, Kind::Journal, position, entries.iter().map(Vec::as_slice))?;
        Ok((plan, packs))
    }

    fn move_mark(&self, revision: u64, position: u64) {
        // The commit is durable; a mark that lags only notices less.
        if let Err(error) = self.mark.set(Reached { revision, position }) {
            tracing::warn!(%error, "the mark beside the store could not be moved");
        }
    }
}

impl Store for SledStore {
    fn commit(&self, commit: &Commit) -> Result<(u64, u64), StoreError> {
        let _turn = turn(&self.committing);
        self.disk.check_not_failed()?;
        let found = self.revision.load(Ordering::Acquire);
        let position = read(&self.tail).position;
        if commit.expected_revision != found {
            return Err(StoreError::Conflict { expected: commit.expected_revision, found });
        }
        let (plan, packs) = self.plan_commit(commit, found, position)?;
        self.disk.write(plan)?;
        let mut tail = self.tail.write().unwrap_or_else(PoisonError::into_inner);
        let mut entries = commit.journal.iter();
        for (first, count) in packs {
            tail.add(first, entries.by_ref().take(usize::try_from(count).unwrap_or(usize::MAX)));
        }
        let (revision, position) = (found + commit.events.len() as u64, tail.position);
        self.revision.store(revision, Ordering::Release);
        self.move_mark(revision, position);
        Ok((revision, position))
    }

    fn read_log(&self, revision: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let last = self.revision.load(Ordering::Acquire);
        let mut records = Vec::new();
        if revision >= last || limit == 0 {
            return Ok(records);
        }
        let first = first_pack(&self.disk, revision + 1)?;
        let mut expected = first;
        for head in self.disk.scan(log_key(first)..=log_key(last)) {
            let (key, head) = head?;
            let number = tail::number(&key)?;
            if number != expected {
                return Err(log_gap(expected, number - 1));
            }
            let events = read_log_pack(&self.disk, number, &head)?;
            expected = number + events.len() as u64;
            records.extend((number..).zip(events).filter(|(number, _)| *number > revision).take(limit - records.len()));
            if records.len() == limit {
                return Ok(records);
            }
        }
        if expected <= last { Err(log_gap(expected, last)) } else { Ok(records) }
    }

    fn section(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, StoreError> {
        content(&self.disk, Kind::Content, hash)
    }

    fn attachment(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, StoreError> {
        content(&self.disk, Kind::Attachment, hash)
    }

    fn attachments(&self) -> Result<BTreeSet<ContentHash>, StoreError> {
        value::names(&self.disk, Kind::Attachment)
    }

    fn forget_attachments(&self, hashes: &BTreeSet<ContentHash>) -> Result<(), StoreError> {
        redact::contents(&self.disk, Kind::Attachment, hashes)
    }

    fn read_journal(&self, position: u64, limit: usize) -> Result<Vec<(u64, JournalEntry)>, StoreError> {
        let (after, packs) = {
            let tail = read(&self.tail);
            let after = position.max(tail.compacted);
            (after, tail.packs_after(after))
        };
        let mut entries = Vec::new();
        for first in packs {
            if entries.len() >= limit {
                break;
            }
            match tail::read_pack(&self.disk, first)? {
                Some(pack) => {
                    let room = limit - entries.len();
                    entries.extend(pack.into_iter().filter(|(place, _)| *place > after).take(room));
                }
                None => upkeep::still_expected(&self.tail, first)?,
            }
        }
        Ok(entries)
    }

    fn samples(&self, agent: AgentId, from: Timestamp, to: Timestamp) -> Result<Vec<SampleSet>, StoreError> {
        upkeep::samples(&self.disk, &self.tail, agent, from, to)
    }

    fn compact(&self, position: u64) -> Result<u64, StoreError> {
        let _turn = turn(&self.upkeep);
        upkeep::compact(&self.disk, &self.tail, position)
    }

    fn expire(&self, before: Timestamp) -> Result<u64, StoreError> {
        let _turn = turn(&self.upkeep);
        upkeep::expire(&self.disk, before)
    }

    fn redact(&self, records: &BTreeMap<u64, Vec<u8>>) -> Result<(), StoreError> {
        let _turn = turn(&self.committing);
        redact::records(&self.disk, records)
    }

    fn forget_sections(&self, hashes: &BTreeSet<ContentHash>) -> Result<(), StoreError> {
        redact::contents(&self.disk, Kind::Content, hashes)
    }

    fn forget_samples(&self, agents: &BTreeSet<AgentId>) -> Result<(), StoreError> {
        let _turn = turn(&self.upkeep);
        upkeep::forget(&self.disk, agents)?;
        rollup::forget_agents(&self.disk, agents)
    }

    fn next_unrolled(&self, after: Option<AgentId>, ended_by: Timestamp) -> Result<Option<Unrolled>, StoreError> {
        rollup::next_unrolled(&self.disk, after, ended_by)
    }

    fn unrolled_hours(&self, agent: AgentId) -> Result<Vec<Timestamp>, StoreError> {
        // The tail first: what is compacted meanwhile is marked before it leaves the tail.
        let tail = read(&self.tail).moments_of(agent);
        rollup::unrolled_hours(&self.disk, agent, &tail)
    }

    fn roll_up(&self, hours: &Unrolled, rows: &[(Grain, Rolled)]) -> Result<(), StoreError> {
        let _turn = turn(&self.upkeep);
        rollup::roll_up(&self.disk, hours, rows)
    }

    fn rows(&self, grain: Grain, metric: &str, agent: AgentId, span: (Timestamp, Timestamp)) -> Result<Tracks, StoreError> {
        rollup::rows(&self.disk, (grain, metric), agent, span)
    }

    fn expire_rows(&self, grain: Grain, before: Timestamp) -> Result<u64, StoreError> {
        let _turn = turn(&self.upkeep);
        rollup::expire(&self.disk, grain, before)
    }

    fn save_snapshot(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let _turn = turn(&self.saving);
        let generation = next_snapshot_generation(&self.disk)?;
        let plain = [&snapshot.revision.to_be_bytes()[..], &snapshot.journal_position.to_be_bytes(), &snapshot.bytes].concat();
        let mut plan = Plan::default();
        Packed { kind: Kind::Snapshot, id: &[], generation, plain: &plain, level: PACK_LEVEL }.plan(&mut plan, false)?;
        self.disk.write(plan)?;
        upkeep::remove_all(&self.disk, value::stale_chunks(&self.disk, Kind::Snapshot, &[], generation)?)
    }

    fn load_snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        let mut plain = match value::get(&self.disk, Kind::Snapshot, &[]) {
            Ok(Some(found)) => found.plain,
            Ok(None) => return Ok(None),
            Err(StoreError::Corrupt { subject, cause }) => {
                tracing::warn!(subject, cause, "the snapshot is damaged and is left aside");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let Some((head, _)) = plain.split_first_chunk::<16>() else { return Ok(None) };
        let word = |at: usize| u64::from_be_bytes(std::array::from_fn(|place| head[at + place]));
        let (revision, journal_position) = (word(0), word(8));
        // In place: of a large fleet it is hundreds of megabytes.
        plain.drain(..16);
        Ok(Some(Snapshot { revision, journal_position, bytes: plain }))
    }

    fn usage(&self) -> Result<Usage, StoreError> {
        let tail = read(&self.tail);
        Ok(Usage { bytes: files::directory_bytes(&self.path)?, journal_records: tail.position - tail.compacted })
    }
}

fn content(disk: &Disk, kind: Kind, hash: &ContentHash) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(found) = value::get(disk, kind, &hash.0)? else { return Ok(None) };
    if ContentHash::of(&found.plain) == *hash {
        Ok(Some(found.plain))
    } else {
        Err(StoreError::Corrupt { subject: format!("content {hash}"), cause: "it has another name".into() })
    }
}

fn turn(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(tail: &RwLock<Tail>) -> std::sync::RwLockReadGuard<'_, Tail> {
    tail.read().unwrap_or_else(PoisonError::into_inner)
}

/// Plans the packs of `records`, which follow number `last`. Returns the first number and the count of each.
fn plan_packs<'a>(
    plan: &mut Plan,
    kind: Kind,
    last: u64,
    records: impl Iterator<Item = &'a [u8]> + Clone,
) -> Result<Vec<(u64, u64)>, StoreError> {
    let total = records.clone().count() as u64;
    let packs = pack::pack(records);
    let ends: Vec<u64> = packs.iter().skip(1).map(|(before, _)| *before).chain([total]).collect();
    let mut placed = Vec::new();
    for ((before, plain), end) in packs.iter().zip(ends) {
        let first = last + 1 + before;
        Packed { kind, id: &first.to_be_bytes(), generation: 0, plain, level: PACK_LEVEL }.plan(plan, false)?;
        placed.push((first, end - before));
    }
    Ok(placed)
}

fn log_key(revision: u64) -> Vec<u8> {
    Kind::Log.head_key(&revision.to_be_bytes())
}

fn log_gap(from: u64, to: u64) -> StoreError {
    StoreError::Corrupt { subject: "log".into(), cause: format!("records {from} to {to} are missing") }
}

/// First revision of the pack that holds `revision`.
fn first_pack(disk: &Disk, revision: u64) -> Result<u64, StoreError> {
    let below = disk.scan(log_key(0)..=log_key(revision)).next_back().transpose()?;
    below.map_or_else(|| Err(log_gap(1, revision)), |(key, _)| tail::number(&key))
}

fn unpack_log(disk: &Disk, first: u64, head: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
    let found = value::unpack(disk, Kind::Log, &first.to_be_bytes(), head)?;
    let records = pack::unpack(&found.plain).filter(|records| !records.is_empty());
    let malformed = || StoreError::Corrupt { subject: format!("log pack {first}"), cause: "it is malformed".into() };
    Ok(records.ok_or_else(malformed)?.into_iter().map(<[u8]>::to_vec).collect())
}

/// As [`unpack_log`], for readers who may meet a redaction: a pack that is replaced under them is read anew.
fn read_log_pack(disk: &Disk, first: u64, head: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
    unpack_log(disk, first, head).or_else(|error| match value::get(disk, Kind::Log, &first.to_be_bytes())? {
        Some(found) => Ok(pack::unpack(&found.plain).ok_or(error)?.into_iter().map(<[u8]>::to_vec).collect()),
        None => Err(error),
    })
}

fn last_revision(disk: &Disk) -> Result<u64, StoreError> {
    let Some((key, head)) = disk.scan_prefix(&Kind::Log.head_key(&[])).next_back().transpose()? else { return Ok(0) };
    let first = tail::number(&key)?;
    Ok(first + unpack_log(disk, first, &head)?.len() as u64 - 1)
}

fn watermark(disk: &Disk) -> Result<u64, StoreError> {
    let malformed = || StoreError::Corrupt { subject: "compaction watermark".into(), cause: "it is missing or malformed".into() };
    let fact = value::get(disk, Kind::Fact, upkeep::WATERMARK)?.ok_or_else(malformed)?;
    fact.plain.try_into().map(u64::from_be_bytes).map_err(|_| malformed())
}

fn check_format(dir: &Path, disk: &Disk) -> Result<(), StoreError> {
    let subject = || dir.display().to_string();
    let Some(fact) = value::get(disk, Kind::Fact, FORMAT_ID)? else {
        return Err(StoreError::Corrupt { subject: subject(), cause: "it does not say which format it has".into() });
    };
    match fact.plain.try_into().map(u32::from_be_bytes) {
        Ok(FORMAT) => Ok(()),
        Ok(other) => {
            Err(StoreError::Io { subject: subject(), cause: format!("it has format {other}, this release reads format {FORMAT}") })
        }
        Err(_) => Err(StoreError::Corrupt { subject: subject(), cause: "its format is malformed".into() }),
    }
}

/// Refuses a store that ends before its mark.
fn check_reached(dir: &Path, reached: Option<Reached>, revision: u64, position: u64) -> Result<(), StoreError> {
    let subject = dir.display().to_string();
    let Some(reached) = reached else {
        tracing::warn!(subject, "the mark beside the store is damaged; a lost end of the log would go unnoticed");
        return Ok(());
    };
    if reached.revision <= revision && reached.position <= position {
        return Ok(());
    }
    let cause = format!(
        "acknowledged data is missing: the log ends at {revision} of {}, the journal at {position} of {}",
        reached.revision, reached.position
    );
    Err(StoreError::Corrupt { subject, cause })
}

/// Removes the chunks of a commit whose last batch was never written.
fn sweep_unfinished(disk: &Disk, kind: Kind, last: u64) -> Result<(), StoreError> {
    let from = kind.chunk_prefix(&(last + 1).to_be_bytes());
    let keys = disk.scan(from..kind.chunk_prefix(&[0xff; 9])).map(|entry| entry.map(|(key, _)| key.to_vec()));
    upkeep::remove_all(disk, keys.collect::<Result<_, _>>()?)
}

fn next_snapshot_generation(disk: &Disk) -> Result<u64, StoreError> {
    let head = disk.get(&Kind::Snapshot.head_key(&[]))?;
    if let Some(current) = head.and_then(|head| value::generation(&head)) {
        return Ok(current + 1);
    }
    let chunks = value::stale_chunks(disk, Kind::Snapshot, &[], u64::MAX)?;
    let highest = chunks.iter().filter_map(|key| tail::number(key).ok()).max();
    Ok(highest.unwrap_or(0) + 1)
}

fn write_empty_store(dir: &Path, options: &Options) -> Result<(), StoreError> {
    let disk = Disk::open(dir, options)?;
    let mut plan = Plan::default();
    let format = FORMAT.to_be_bytes();
    Packed { kind: Kind::Fact, id: FORMAT_ID, generation: 0, plain: &format, level: PACK_LEVEL }.plan(&mut plan, false)?;
    upkeep::put_watermark(&mut plan, 0)?;
    disk.write(plan)?;
    drop(disk);
    Mark::create(&dir.join("mark"))?;
    files::sync_file(&dir.join("conf"))?;
    files::sync_file(&dir.join("db"))?;
    files::sync_file(dir)
}

#[cfg(test)]
mod tests;
