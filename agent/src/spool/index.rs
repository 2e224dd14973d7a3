//! What the spool knows of its segments without reading them again.

use super::{SpoolError, failed, record};
use crate::{platform, state};
use rollcall_shared::message::Payload;
use rollcall_shared::{ContentHash, Timestamp, wire};
use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What may be dropped first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Samples,
    Report,
    Loss,
    Other,
}

impl Kind {
    pub fn of(payload: &Payload) -> Self {
        match payload {
            Payload::Samples(_) => Self::Samples,
            Payload::Report(_) => Self::Report,
            Payload::Loss(_) => Self::Loss,
            Payload::Started { .. } | Payload::Goodbye { .. } => Self::Other,
        }
    }

    pub fn names_content(self) -> bool {
        matches!(self, Self::Samples | Self::Report)
    }
}

/// One unacknowledged message.
#[derive(Clone, Debug)]
pub struct Entry {
    pub sequence: u64,
    /// Of the record's header in its segment.
    pub offset: u64,
    /// Of the payload.
    pub length: u32,
    pub kind: Kind,
    /// When the oldest and the newest thing in it was made, by the wall clock.
    pub from: Timestamp,
    pub to: Timestamp,
    /// When it was made, by the monotonic clock of this process; zero for what an earlier process left.
    pub born: Duration,
    /// How old it was then.
    pub age_then: Duration,
}

impl Entry {
    pub fn new(sequence: u64, offset: u64, payload: &Payload, length: usize, born: Duration) -> Self {
        let (from, to) = times_of(payload);
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        Self { sequence, offset, length, kind: Kind::of(payload), from, to, born, age_then: Duration::ZERO }
    }

    pub fn age(&self, monotonic: Duration) -> Duration {
        self.age_then + monotonic.saturating_sub(self.born)
    }

    fn record_bytes(&self) -> usize {
        record::HEADER_BYTES + self.length as usize
    }
}

fn times_of(payload: &Payload) -> (Timestamp, Timestamp) {
    match payload {
        Payload::Samples(sets) => {
            let at = |set: Option<&rollcall_shared::sample::SampleSet>| set.map_or(Timestamp(0), |set| set.at);
            (at(sets.first()), at(sets.last()))
        }
        Payload::Report(report) => (report.collected_at, report.collected_at),
        Payload::Loss(loss) => (loss.from, loss.to),
        Payload::Started { at, .. } | Payload::Goodbye { at, .. } => (*at, *at),
    }
}

/// Content that a message names: it is deliverable only with it.
pub fn contents_of(payload: &Payload) -> Vec<ContentHash> {
    match payload {
        Payload::Samples(sets) => {
            let mut tables: Vec<ContentHash> = sets.iter().map(|set| set.table).collect();
            tables.dedup();
            tables
        }
        Payload::Report(report) => report.sections.iter().filter_map(|entry| entry.hash).collect(),
        Payload::Loss(_) | Payload::Started { .. } | Payload::Goodbye { .. } => Vec::new(),
    }
}

/// One file.
#[derive(Debug)]
pub struct Segment {
    /// The lowest number that it may hold; its name.
    pub first: u64,
    pub path: PathBuf,
    pub bytes: u64,
    pub entries: VecDeque<Entry>,
}

const EXTENSION: &str = "segment";

pub fn segment_path(directory: &Path, first: u64) -> PathBuf {
    directory.join(format!("{first:020}.{EXTENSION}"))
}

/// The number in a segment's name; `None` for other files.
pub fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(EXTENSION)?.strip_suffix('.')?;
    if digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

impl Segment {
    /// The message of `entry`; `None` when the disk gives something else back. `file` holds the open file between calls.
    pub fn read(&self, file: &mut Option<File>, entry: &Entry) -> Result<Option<Payload>, SpoolError> {
        let Some(bytes) = self.read_record(file, entry)? else { return Ok(None) };
        match record::scan(&bytes).as_slice() {
            [record::Found::Message { sequence, payload, .. }] if *sequence == entry.sequence => Ok(wire::from_bincode(payload).ok()),
            _ => Ok(None),
        }
    }

    /// `None` when the file is shorter than it was.
    fn read_record(&self, file: &mut Option<File>, entry: &Entry) -> Result<Option<Vec<u8>>, SpoolError> {
        let file = match file {
            Some(file) => file,
            None => file.insert(File::open(&self.path).map_err(failed(&self.path, "open"))?),
        };
        let mut bytes = vec![0; entry.record_bytes()];
        match platform::read_exact_at(file, &mut bytes, entry.offset) {
            Ok(()) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(failed(&self.path, "read")(error)),
        }
    }

    /// Replaces the file by one with the remaining messages only.
    pub fn rewrite(&mut self, directory: &Path) -> Result<(), SpoolError> {
        let mut file = None;
        let mut bytes = Vec::new();
        let mut entries = VecDeque::with_capacity(self.entries.len());
        for entry in &self.entries {
            let Some(record) = self.read_record(&mut file, entry)? else { continue };
            entries.push_back(Entry { offset: bytes.len() as u64, ..entry.clone() });
            bytes.extend_from_slice(&record);
        }
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        state::install(directory, &name, &bytes)?;
        self.bytes = bytes.len() as u64;
        self.entries = entries;
        Ok(())
    }
}
