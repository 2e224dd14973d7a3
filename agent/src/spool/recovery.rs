//! Opening a spool: reading what an earlier process left, and saying what is missing.

use super::index::{Entry, Kind, Segment, first_of};
use super::record::{Found, scan};
use super::{Spool, SpoolError, SpoolLimits, Undeclared, failed};
use crate::clock::Reading;
use crate::state;
use rollcall_shared::message::Payload;
use rollcall_shared::wire;
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

const EPOCH_FILE: &str = "epoch";

/// What scanning the segments found.
#[derive(Default)]
struct Recovered {
    segments: VecDeque<Segment>,
    acknowledged: u64,
    next: u64,
    /// First, last, and the number of the message that declares them lost.
    losses: Vec<(u64, u64, u64)>,
    damaged: Vec<u64>,
}

impl Spool {
    /// Opens the spool in `directory`, or creates it; a new one gets an epoch above `epoch_floor`. Declares what is missing.
    ///
    /// # Errors
    /// When the directory cannot be read or created. Damaged content is no error: it becomes a loss.
    pub fn open(directory: &Path, limits: SpoolLimits, epoch_floor: u64, now: Reading) -> Result<Self, SpoolError> {
        state::create_private_dir(directory)?;
        let epoch = open_epoch(directory, epoch_floor, now)?;
        let mut recovered = recover(directory, now)?;
        let undeclared = recovered.missing(now);
        recovered.forget();
        let mut spool = Self {
            directory: directory.to_owned(),
            limits,
            epoch,
            next: recovered.next.max(1),
            in_flight: 0,
            segments: recovered.segments,
            active: None,
            undeclared,
            damaged: recovered.damaged,
        };
        spool.remove_empty_segments();
        for missing in &spool.undeclared {
            tracing::warn!(range = ?missing.range, reason = missing.reason, "the spool lost messages");
        }
        if spool.has_undeclared()
            && let Err(error) = spool.append(&[], now)
        {
            tracing::warn!(%error, "the loss cannot be written down yet");
        }
        Ok(spool)
    }
}

impl Recovered {
    /// The loss message, if there is one, that declares `sequence`.
    fn declared(&self, sequence: u64) -> Option<(u64, u64)> {
        let covering = |(first, last, by): &&(u64, u64, u64)| (*first..=*last).contains(&sequence) && sequence < *by;
        self.losses.iter().find(covering).map(|(first, last, _)| (*first, *last))
    }

    /// Numbers that are neither there, nor acknowledged, nor declared lost. A gap counts even where no byte is damaged: the
    /// message that declared it may be what is damaged.
    fn missing(&self, now: Reading) -> Vec<Undeclared> {
        let mut missing = Vec::new();
        let mut expected = self.acknowledged.max(self.segments.front().map_or(0, |segment| segment.first.saturating_sub(1))) + 1;
        let mut from = now.wall;
        let entries = self.segments.iter().flat_map(|segment| &segment.entries);
        let end = (self.next, now.wall, now.wall);
        for (sequence, start, stop) in entries.map(|entry| (entry.sequence, entry.from, entry.to)).chain([end]) {
            missing.extend(self.gap(expected, sequence).map(|range| Undeclared {
                range: Some(range),
                from: from.min(start),
                to: start,
                reason: "damaged on disk, or cut short by a crash".to_owned(),
            }));
            expected = expected.max(sequence + 1);
            from = stop;
        }
        missing
    }

    /// What of `first..end` is not declared, as one range.
    fn gap(&self, mut first: u64, end: u64) -> Option<(u64, u64)> {
        let mut last = end.checked_sub(1)?;
        while first <= last
            && let Some((_, declared)) = self.declared(first)
        {
            first = declared + 1;
        }
        while first <= last
            && let Some((declared, _)) = self.declared(last)
        {
            last = declared.checked_sub(1)?;
        }
        (first <= last).then_some((first, last))
    }

    /// Drops what was acknowledged, and what a loss covers: its deletion was cut short.
    fn forget(&mut self) {
        let mut segments = std::mem::take(&mut self.segments);
        for segment in &mut segments {
            segment.entries.retain(|entry| entry.sequence > self.acknowledged && self.declared(entry.sequence).is_none());
        }
        self.segments = segments;
    }
}

fn recover(directory: &Path, now: Reading) -> Result<Recovered, SpoolError> {
    let mut recovered = Recovered::default();
    let files = list(directory)?;
    for (position, (first, path)) in files.iter().enumerate() {
        // What a failed append left behind was written again, in the next segment.
        let end = files.get(position + 1).map(|(first, _)| *first);
        let bytes = fs::read(path).map_err(failed(path, "read"))?;
        recovered.next = recovered.next.max(*first);
        let mut segment = Segment { first: *first, path: path.clone(), bytes: bytes.len() as u64, entries: VecDeque::new() };
        recovered.scan_segment(&mut segment, &bytes, end, now);
        recovered.segments.push_back(segment);
    }
    recovered.next = recovered.next.max(recovered.acknowledged + 1);
    Ok(recovered)
}

impl Recovered {
    fn scan_segment(&mut self, segment: &mut Segment, bytes: &[u8], end: Option<u64>, now: Reading) {
        let mut found = scan(bytes).into_iter();
        while let Some(item) = found.next() {
            match item {
                Found::Acknowledged(through) => self.acknowledged = self.acknowledged.max(through),
                Found::Message { sequence, offset, payload } => {
                    if sequence < self.next || end.is_some_and(|end| sequence >= end) {
                        continue;
                    }
                    self.next = sequence + 1;
                    if let Ok(message) = wire::from_bincode::<Payload>(payload) {
                        self.keep(segment, sequence, offset, &message, payload.len(), now);
                    }
                }
                Found::Damage { messages, .. } => {
                    let is_message = |found: &Found<'_>| matches!(found, Found::Message { sequence, .. } if *sequence >= self.next);
                    // What follows tells the numbers; at the very end only the size does.
                    if !found.clone().any(|later| is_message(&later)) && end.is_none() {
                        self.next += messages;
                    }
                    self.damaged.push(segment.first);
                }
            }
        }
    }

    fn keep(&mut self, segment: &mut Segment, sequence: u64, offset: usize, message: &Payload, length: usize, now: Reading) {
        let mut entry = Entry::new(sequence, offset as u64, message, length, now.monotonic);
        entry.age_then = now.wall.since(entry.to);
        if let (Kind::Loss, Payload::Loss(loss)) = (entry.kind, message) {
            self.losses.push((loss.first, loss.last, sequence));
        }
        segment.entries.push_back(entry);
    }
}

/// Segments in order; temporary files of rewrites that a crash cut short are deleted.
fn list(directory: &Path) -> Result<Vec<(u64, PathBuf)>, SpoolError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed(directory, "list"))? {
        let entry = entry.map_err(failed(directory, "list"))?;
        let name = entry.file_name();
        match name.to_str().and_then(first_of) {
            Some(first) => files.push((first, entry.path())),
            None if name.to_string_lossy().ends_with(".new") => {
                let _ = fs::remove_file(entry.path());
            }
            None => {}
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn open_epoch(directory: &Path, floor: u64, now: Reading) -> Result<u64, SpoolError> {
    let path = directory.join(EPOCH_FILE);
    let text = state::read_bounded(&path)?;
    if let Some(epoch) = text.as_deref().and_then(parse_epoch) {
        return Ok(epoch);
    }
    if text.is_some() {
        tracing::warn!(path = %path.display(), "the spool's epoch is damaged; a new one begins");
    }
    let epoch = u64::try_from(now.wall.0).unwrap_or(0).max(floor.saturating_add(1));
    install_epoch(directory, epoch)?;
    Ok(epoch)
}

/// The number and, after a blank, its own check: a flipped bit must not look like another epoch.
fn parse_epoch(text: &str) -> Option<u64> {
    let (number, check) = text.trim_end().split_once(' ')?;
    let epoch = number.parse().ok()?;
    (check == epoch_check(epoch)).then_some(epoch)
}

fn epoch_check(epoch: u64) -> String {
    blake3::hash(&epoch.to_le_bytes()).to_hex()[..16].to_owned()
}

pub fn install_epoch(directory: &Path, epoch: u64) -> Result<(), SpoolError> {
    Ok(state::install(directory, EPOCH_FILE, format!("{epoch} {}\n", epoch_check(epoch)).as_bytes())?)
}
