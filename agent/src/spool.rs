//! The spool: messages on disk until the server has them.
//!
//! Append-only segment files, each named by the first sequence number that it may hold. An append is one write and one sync; it
//! either succeeds or changes nothing. The last segment is never deleted: it carries the next sequence number over restarts.
//! A message leaves in one of two ways only: the server acknowledged it, or a [`Loss`] that names it was made durable first
//! (spool full, too old, damaged on disk, refused by the server). Health samples go before inventories.
//!
//! Invariants: a number is never used twice within an epoch; what a crash tears off was never handed to the uplink; bytes are
//! bounded by [`SpoolLimits`]; every missing number is covered by a loss that is itself a message.

mod index;
pub(crate) mod record;
mod recovery;
mod room;

use crate::clock::Reading;
use crate::platform;
use crate::state::{self, StateError};
use index::{Entry, Segment};
use rollcall_shared::message::{Loss, Message, Payload};
use rollcall_shared::wire::{self, WireError};
use rollcall_shared::{ContentHash, Timestamp};
use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Default bound on disk: more than a week of samples of a common host.
pub const DEFAULT_BYTES: u64 = 64 << 20;

/// Default bound on age. What is older tells nobody anything.
pub const DEFAULT_AGE: Duration = Duration::from_hours(7 * 24);

/// Smallest bound that works: room for a few segments and a large report.
pub const LEAST_BYTES: u64 = 256 << 10;

/// An acknowledged last segment beyond this size is replaced, so that an idle spool is small.
const IDLE_BYTES: u64 = 64 << 10;

/// How much may wait on disk, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolLimits {
    /// Bytes of all segments.
    pub bytes: u64,
    /// Age of a message.
    pub age: Duration,
}

impl Default for SpoolLimits {
    fn default() -> Self {
        Self { bytes: DEFAULT_BYTES, age: DEFAULT_AGE }
    }
}

impl SpoolLimits {
    /// A segment is an eighth of the whole, so that making room drops little at a time; at most 1 MiB, so that reading one is cheap.
    fn segment_bytes(self) -> u64 {
        (self.bytes / 8).min(1 << 20)
    }
}

/// Why the spool could not do it.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The world broke.
    #[error("{}: cannot {what}: {source}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// The attempted action.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// An atomic install failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// A message that has no encoding.
    #[error("a message cannot be encoded: {0}")]
    Encode(#[from] WireError),
    /// Nothing may be dropped at the moment.
    #[error("the spool is full ({limit} bytes) and everything in it is being sent")]
    Full {
        /// The bound.
        limit: u64,
    },
}

fn failed(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> SpoolError {
    let path = path.to_owned();
    move |source| SpoolError::Io { path, what, source }
}

/// A loss that no durable message declares yet.
#[derive(Clone, Debug)]
struct Undeclared {
    /// The numbers; `None` for what never got one: it gets one when it is declared.
    range: Option<(u64, u64)>,
    from: Timestamp,
    to: Timestamp,
    reason: String,
}

/// See the module.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
    limits: SpoolLimits,
    epoch: u64,
    next: u64,
    /// Highest number handed out by [`Self::batch`] since the last answer: not dropped meanwhile.
    in_flight: u64,
    segments: VecDeque<Segment>,
    /// The last segment, open for appending; `None`: the next append starts a segment.
    active: Option<File>,
    undeclared: Vec<Undeclared>,
    /// Segments with damaged bytes, to be rewritten when the losses are declared.
    damaged: Vec<u64>,
}

impl Spool {
    /// Life of this spool: the wall clock in milliseconds when it was created.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Messages that are not acknowledged.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.segments.iter().map(|segment| segment.entries.len()).sum()
    }

    /// Bytes on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// The number that the next message will get.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.next
    }

    /// Makes messages durable, together with losses that are not declared yet. Drops old messages when there is no room.
    ///
    /// # Errors
    /// On any failure nothing has changed: the caller still owns its messages.
    pub fn append(&mut self, payloads: &[Payload], now: Reading) -> Result<(), SpoolError> {
        let plain: Vec<Vec<u8>> = payloads.iter().map(wire::to_bincode).collect::<Result<_, _>>()?;
        let plan = self.plan_room(plain.iter().map(|bytes| bytes.len() as u64 + record::HEADER_BYTES as u64).sum(), now)?;
        let mut batch = Batch::new(self.next);
        for loss in self.undeclared.iter().chain(&plan.losses) {
            batch.declare(loss, now)?;
        }
        for (payload, plain) in payloads.iter().zip(&plain) {
            batch.push(payload, plain, now);
        }
        if !batch.entries.is_empty() {
            self.write(batch)?;
            self.undeclared.clear();
            self.repair();
        }
        self.make_room(plan);
        Ok(())
    }

    /// The oldest messages, for one push: at most `messages` of them and about `bytes`, but at least one when there is one.
    /// A record that has gone bad is left out and becomes a loss.
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub fn batch(&mut self, messages: usize, bytes: usize) -> Result<Vec<Message>, SpoolError> {
        let mut batch = Vec::new();
        let mut size = 0;
        let mut bad = Vec::new();
        'segments: for segment in &self.segments {
            let mut file = None;
            for entry in &segment.entries {
                if batch.len() >= messages || (!batch.is_empty() && size + entry.length as usize > bytes) {
                    break 'segments;
                }
                match segment.read(&mut file, entry)? {
                    Some(payload) => {
                        size += entry.length as usize;
                        batch.push(Message { sequence: entry.sequence, payload });
                    }
                    None => bad.push(entry.sequence),
                }
            }
        }
        for sequence in bad {
            self.set_aside(sequence, "damaged on disk");
        }
        self.in_flight = batch.last().map_or(0, |message: &Message| message.sequence);
        Ok(batch)
    }

    /// The push that [`Self::batch`] was for has ended, however it ended.
    pub fn landed(&mut self) {
        self.in_flight = 0;
    }

    /// Forgets everything up to and including `through`.
    pub fn acknowledge(&mut self, through: u64) {
        let through = through.min(self.next - 1);
        let before = self.unsent();
        for segment in &mut self.segments {
            segment.entries.retain(|entry| entry.sequence > through);
        }
        if self.unsent() == before {
            return;
        }
        if let Some(file) = &mut self.active {
            // Not synced: when it is lost, the messages are sent again, and the server takes them once.
            let mut marker = Vec::new();
            record::write_acknowledgement(&mut marker, through);
            let written = file.write_all(&marker);
            match (written, self.segments.back_mut()) {
                (Ok(()), Some(last)) => last.bytes += marker.len() as u64,
                _ => self.active = None,
            }
        }
        if self.segments.back().is_some_and(|last| last.entries.is_empty() && last.bytes > IDLE_BYTES) {
            self.active = None;
        }
        self.remove_empty_segments();
    }

    /// Gives up on one message; the next append declares it lost.
    pub fn set_aside(&mut self, sequence: u64, reason: &str) {
        for segment in &mut self.segments {
            let Some(place) = segment.entries.iter().position(|entry| entry.sequence == sequence) else { continue };
            let Some(entry) = segment.entries.remove(place) else { continue };
            let range = Some((sequence, sequence));
            self.undeclared.push(Undeclared { range, from: entry.from, to: entry.to, reason: reason.to_owned() });
            return;
        }
    }

    /// Gives up on the first message that names `content`; the next append declares it lost. Whether there was one.
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub fn set_aside_naming(&mut self, content: &ContentHash, reason: &str) -> Result<bool, SpoolError> {
        let Some(sequence) = self.find(|payload| index::contents_of(payload).contains(content))? else { return Ok(false) };
        self.set_aside(sequence, reason);
        Ok(true)
    }

    /// Declares, with the next append, the loss of something that never got a number. While nothing can be appended, losses for one
    /// reason are one loss: their number is bounded by the reasons.
    pub fn declare(&mut self, from: Timestamp, to: Timestamp, reason: &str) {
        match self.undeclared.iter_mut().find(|loss| loss.range.is_none() && loss.reason == reason) {
            Some(loss) => (loss.from, loss.to) = (loss.from.min(from), loss.to.max(to)),
            None => self.undeclared.push(Undeclared { range: None, from, to, reason: reason.to_owned() }),
        }
    }

    /// Whether there are losses that no durable message declares yet.
    #[must_use]
    pub fn has_undeclared(&self) -> bool {
        !self.undeclared.is_empty()
    }

    /// All content that unacknowledged messages name.
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub fn references(&self) -> Result<BTreeSet<ContentHash>, SpoolError> {
        let mut references = BTreeSet::new();
        self.find(|payload| {
            references.extend(index::contents_of(payload));
            false
        })?;
        Ok(references)
    }

    /// Begins a new epoch, because the server knows a later one: above the present one, and not before `at_least`.
    ///
    /// # Errors
    /// When the new epoch cannot be made durable; the old one is then still in force.
    pub fn renew_epoch(&mut self, at_least: u64) -> Result<(), SpoolError> {
        let epoch = at_least.max(self.epoch + 1);
        recovery::install_epoch(&self.directory, epoch)?;
        self.epoch = epoch;
        Ok(())
    }

    fn find(&self, mut wanted: impl FnMut(&Payload) -> bool) -> Result<Option<u64>, SpoolError> {
        for segment in &self.segments {
            let mut file = None;
            for entry in segment.entries.iter().filter(|entry| entry.kind.names_content()) {
                if segment.read(&mut file, entry)?.is_some_and(|payload| wanted(&payload)) {
                    return Ok(Some(entry.sequence));
                }
            }
        }
        Ok(None)
    }

    /// Writes and syncs a batch at the end. On failure the file is cut back and never appended to again: what a failed sync left in
    /// the page cache cannot be trusted.
    fn write(&mut self, batch: Batch) -> Result<(), SpoolError> {
        if self.active.is_none() || self.segments.back().is_none_or(|last| last.bytes >= self.limits.segment_bytes()) {
            self.start_segment()?;
        }
        let (Some(file), Some(last)) = (&mut self.active, self.segments.back_mut()) else {
            return Ok(());
        };
        let written = file.write_all(&batch.bytes).map_err(failed(&last.path, "write")).and_then(|()| {
            file.sync_data().map_err(failed(&last.path, "sync"))?;
            Ok(())
        });
        if let Err(error) = written {
            let _ = file.set_len(last.bytes).and_then(|()| file.sync_data());
            self.active = None;
            return Err(error);
        }
        let start = last.bytes;
        last.bytes += batch.bytes.len() as u64;
        last.entries.extend(batch.entries.into_iter().map(|mut entry| {
            entry.offset += start;
            entry
        }));
        self.next = batch.next;
        self.remove_empty_segments();
        Ok(())
    }

    fn start_segment(&mut self) -> Result<(), SpoolError> {
        let path = index::segment_path(&self.directory, self.next);
        let mut options = OpenOptions::new();
        // A file of this name holds nothing that was ever confirmed: confirmed numbers are below `next`.
        platform::private(options.create(true).write(true).truncate(true));
        let file = options.open(&path).map_err(failed(&path, "create"))?;
        platform::reserve(&file, self.limits.segment_bytes().min(RESERVED_BYTES));
        state::sync_dir(&self.directory)?;
        if self.segments.back().is_some_and(|last| last.first == self.next) {
            self.segments.pop_back();
        }
        self.segments.push_back(Segment { first: self.next, path, bytes: 0, entries: VecDeque::new() });
        self.active = Some(file);
        Ok(())
    }

    /// Deletes segments without messages, but never the last: it carries the next number.
    fn remove_empty_segments(&mut self) {
        let last = self.segments.back().map_or(0, |segment| segment.first);
        self.segments.retain(|segment| {
            let keep = segment.first == last || !segment.entries.is_empty();
            if !keep && let Err(error) = fs::remove_file(&segment.path) {
                tracing::warn!(path = %segment.path.display(), %error, "cannot delete a segment of the spool");
            }
            keep
        });
    }

    /// Rewrites segments that hold damaged bytes, now that the loss is declared.
    fn repair(&mut self) {
        let damaged = std::mem::take(&mut self.damaged);
        for segment in self.segments.iter_mut().filter(|segment| damaged.contains(&segment.first)) {
            if let Err(error) = segment.rewrite(&self.directory) {
                tracing::warn!(path = %segment.path.display(), %error, "cannot repair a segment of the spool");
            }
        }
    }
}

/// Bytes reserved for a segment: a disk that others fill does not stop the messages of the next hours.
const RESERVED_BYTES: u64 = 256 << 10;

/// Records on their way to the end of the last segment; offsets are relative to it.
struct Batch {
    next: u64,
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl Batch {
    fn new(next: u64) -> Self {
        Self { next, bytes: Vec::new(), entries: Vec::new() }
    }

    fn push(&mut self, payload: &Payload, plain: &[u8], now: Reading) {
        let offset = self.bytes.len() as u64;
        record::write_message(&mut self.bytes, self.next, plain);
        self.entries.push(Entry::new(self.next, offset, payload, plain.len(), now.monotonic));
        self.next += 1;
    }

    fn declare(&mut self, loss: &Undeclared, now: Reading) -> Result<(), SpoolError> {
        let (first, last) = loss.range.unwrap_or_else(|| {
            self.next += 1;
            (self.next - 1, self.next - 1)
        });
        let payload = Payload::Loss(Loss { first, last, from: loss.from, to: loss.to, reason: loss.reason.clone() });
        let plain = wire::to_bincode(&payload)?;
        self.push(&payload, &plain, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
