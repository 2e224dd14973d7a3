//! ZIP archives: the central directory, and single files from them, stored or deflated (APPNOTE.TXT of PKWARE; without ZIP64's sizes
//! of single files, which no library has).

use super::super::super::positioned::{Order, word16, word32, word64};

/// The end record, and a comment of at most 64 KiB behind it.
const END: usize = 22;
const COMMENT: u64 = 1 << 16;

/// Bytes of a directory; an archive of 100,000 classes has some 10 MiB.
const DIRECTORY_BYTES: usize = 64 << 20;

/// Files that are kept of a directory: those that say something.
const ENTRIES: usize = 10_000;

/// A file in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    method: u16,
    packed: usize,
    offset: u64,
}

/// The files of an archive that can describe packages.
pub(super) struct Archive {
    pub(super) entries: Vec<Entry>,
    /// Bytes before the archive, such as a starting script.
    shift: u64,
}

impl Archive {
    /// Reads the directory of an archive of `length` bytes.
    pub(super) fn read(length: u64, mut at: impl FnMut(u64, usize) -> Result<Vec<u8>, String>) -> Result<Self, String> {
        let start = length.saturating_sub(COMMENT + END as u64);
        // Mostly there is no comment.
        let short = length.checked_sub(END as u64).ok_or("not an archive")?;
        let mut tail_at = short;
        let mut tail = at(short, END)?;
        if !tail.starts_with(b"PK\x05\x06") {
            tail_at = start;
            tail = at(start, usize::try_from(length - start).unwrap_or_default())?;
        }
        let end = tail.windows(4).rposition(|window| window == b"PK\x05\x06").ok_or("not an archive")?;
        let word = |position: usize| word32(&tail, end + position, Order::Little).map(u64::from);
        let (mut size, mut offset) = word(12).zip(word(16)).ok_or("its end is truncated")?;
        let mut end_at = tail_at + end as u64;
        if size == u64::from(u32::MAX) || offset == u64::from(u32::MAX) {
            (size, offset, end_at) = wide_end(end_at, &mut at)?;
        }
        let shift = end_at.checked_sub(size).and_then(|begins| begins.checked_sub(offset)).ok_or("its directory lies outside")?;
        let bytes = usize::try_from(size).ok().filter(|&size| size <= DIRECTORY_BYTES).ok_or("its directory is too large")?;
        Ok(Self { entries: entries(&at(end_at - size, bytes)?), shift })
    }

    /// The content of a file, `limit` bytes at most.
    pub(super) fn content(&self, entry: &Entry, limit: usize, mut at: impl FnMut(u64, usize) -> Result<Vec<u8>, String>) -> Result<Vec<u8>, String> {
        const HEAD: usize = 30;
        let begins = entry.offset.checked_add(self.shift).ok_or("a file outside the archive")?;
        let head = at(begins, HEAD)?;
        if !head.starts_with(b"PK\x03\x04") {
            return Err(format!("{}: not where the directory says", entry.name));
        }
        let length = |position| word16(&head, position, Order::Little).map_or(0, u64::from);
        if entry.packed > limit {
            return Err(format!("{}: larger than {limit} bytes", entry.name));
        }
        let packed = at(begins + HEAD as u64 + length(26) + length(28), entry.packed)?;
        match entry.method {
            0 => Ok(packed),
            8 => miniz_oxide::inflate::decompress_to_vec_with_limit(&packed, limit)
                .map_err(|error| format!("{}: cannot be unfolded: {:?}", entry.name, error.status)),
            method => Err(format!("{}: packed by method {method}", entry.name)),
        }
    }
}

/// The end record of ZIP64, to which a locator just before the plain one points.
fn wide_end(end_at: u64, at: &mut impl FnMut(u64, usize) -> Result<Vec<u8>, String>) -> Result<(u64, u64, u64), String> {
    const LOCATOR: usize = 20;
    let locator = at(end_at.checked_sub(LOCATOR as u64).ok_or("its end is truncated")?, LOCATOR)?;
    let place = word64(&locator, 8, Order::Little).filter(|_| locator.starts_with(b"PK\x06\x07")).ok_or("its end is truncated")?;
    let record = at(place, 56)?;
    let word = |position| word64(&record, position, Order::Little);
    let ends = word(40).zip(word(48)).filter(|_| record.starts_with(b"PK\x06\x06")).ok_or("its end is truncated")?;
    Ok((ends.0, ends.1, place))
}

/// What of the directory can describe packages: descriptions, and archives inside this one.
fn entries(mut directory: &[u8]) -> Vec<Entry> {
    const HEAD: usize = 46;
    let mut found = Vec::new();
    while directory.starts_with(b"PK\x01\x02") && found.len() < ENTRIES {
        let short = |at| word16(directory, at, Order::Little).map_or(0, usize::from);
        let word = |at| word32(directory, at, Order::Little).unwrap_or_default();
        let Some(name) = directory.get(HEAD..HEAD + short(28)) else { break };
        if name.starts_with(b"META-INF/M") || name.starts_with(b"META-INF/maven/") || name.ends_with(b".jar") || name.ends_with(b".war") {
            let name = String::from_utf8_lossy(name).into_owned();
            let packed = usize::try_from(word(20)).unwrap_or(usize::MAX);
            found.push(Entry { name, method: u16::try_from(short(10)).unwrap_or(u16::MAX), packed, offset: u64::from(word(42)) });
        }
        directory = directory.get(HEAD + short(28) + short(30) + short(32)..).unwrap_or_default();
    }
    found
}
