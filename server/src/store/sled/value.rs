//! Values of any size on a tree of small ones.
//!
//! A value is compressed and has a *head*; what does not fit the head lies in *chunks* under a key space of their own. Chunks are written before
//! the head or with it, and a replaced value's chunks have another generation, so a value is there exactly when its head is.
//! Must never return bytes that are not those that were put: a checksum covers them all.

use super::disk::{Disk, Plan, VALUE_BYTES};
use crate::store::StoreError;
use rollcall_shared::ContentHash;
use std::collections::BTreeSet;

/// Version, generation, chunks, plain length, checksum.
const HEADER_BYTES: usize = 1 + 8 + 4 + 8 + 8;
const VERSION: u8 = 1;

/// A kind of value: the first byte of its heads; chunks have the lower-case letter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A file that people attached.
    Attachment = b'A' as isize,
    /// Compacted samples.
    Block = b'B' as isize,
    /// Content.
    Content = b'C' as isize,
    /// Format and watermark of the store itself.
    Fact = b'F' as isize,
    /// Journal packs.
    Journal = b'J' as isize,
    /// Log packs.
    Log = b'L' as isize,
    /// Reduced samples.
    Rows = b'R' as isize,
    /// Snapshot.
    Snapshot = b'S' as isize,
    /// Marks of hours that are not rolled up.
    Unrolled = b'U' as isize,
}

impl Kind {
    const fn letter(self) -> u8 {
        self as u8
    }

    /// Key of the head.
    pub fn head_key(self, id: &[u8]) -> Vec<u8> {
        [&[self.letter()], id].concat()
    }

    /// What every chunk key of the value begins with.
    pub fn chunk_prefix(self, id: &[u8]) -> Vec<u8> {
        [&[self.letter().to_ascii_lowercase()], id].concat()
    }

    fn chunk_key(self, id: &[u8], generation: u64, chunk: u32) -> Vec<u8> {
        [&self.chunk_prefix(id)[..], &generation.to_be_bytes(), &chunk.to_be_bytes()].concat()
    }

    fn subject(self, id: &[u8]) -> String {
        let digits: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{self:?} {digits}")
    }
}

/// A value to be put.
pub struct Packed<'a> {
    /// What it is.
    pub kind: Kind,
    /// Which one.
    pub id: &'a [u8],
    /// Distinguishes its chunks from those of the value it replaces.
    pub generation: u64,
    /// Its bytes.
    pub plain: &'a [u8],
    /// How hard zstd shall try.
    pub level: i32,
}

impl Packed<'_> {
    /// Plans the put. With `early_head` even the head may be written before the rest of the plan: right for content, which nothing
    /// refers to before the rest is there.
    pub fn plan(&self, plan: &mut Plan, early_head: bool) -> Result<(), StoreError> {
        let stored = zstd::bulk::compress(self.plain, self.level)
            .map_err(|cause| StoreError::Io { subject: self.kind.subject(self.id), cause: cause.to_string() })?;
        let inline = stored.len() <= VALUE_BYTES - HEADER_BYTES;
        let chunks: Vec<&[u8]> = if inline { Vec::new() } else { stored.chunks(VALUE_BYTES).collect() };
        let plain_bytes = self.plain.len() as u64;
        let mut head = Vec::with_capacity(HEADER_BYTES + if inline { stored.len() } else { 0 });
        head.push(VERSION);
        head.extend_from_slice(&self.generation.to_be_bytes());
        head.extend_from_slice(&u32::try_from(chunks.len()).map_err(|_| too_large(self.kind, self.id))?.to_be_bytes());
        head.extend_from_slice(&plain_bytes.to_be_bytes());
        head.extend_from_slice(&checksum(plain_bytes, &stored));
        if inline {
            head.extend_from_slice(&stored);
        }
        for (number, chunk) in (0_u32..).zip(chunks) {
            plan.put_early(self.kind.chunk_key(self.id, self.generation, number), chunk.to_vec());
        }
        let key = self.kind.head_key(self.id);
        if early_head {
            plan.put_early(key, head)
        } else {
            plan.put(key, head)
        }
        Ok(())
    }
}

fn too_large(kind: Kind, id: &[u8]) -> StoreError {
    StoreError::Io { subject: kind.subject(id), cause: "too large to be stored".into() }
}

fn checksum(plain_bytes: u64, stored: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&plain_bytes.to_be_bytes()).update(stored);
    let mut short = [0; 8];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    short
}

/// A value that was read.
pub struct Unpacked {
    /// Its generation.
    pub generation: u64,
    /// Whether it has chunks beside its head.
    pub chunked: bool,
    /// Its bytes.
    pub plain: Vec<u8>,
}

/// How often a value may be replaced under a reader before the reader gives up. Replacing takes a sync, reading does not.
const READ_ATTEMPTS: usize = 8;

/// Reads a value. One that is replaced meanwhile loses its chunks, so a failure counts only while the head stays as it was.
pub fn get(disk: &Disk, kind: Kind, id: &[u8]) -> Result<Option<Unpacked>, StoreError> {
    let key = kind.head_key(id);
    let mut head = disk.get(&key)?;
    for _ in 1..READ_ATTEMPTS {
        let Some(current) = head else { return Ok(None) };
        match unpack(disk, kind, id, &current) {
            Err(StoreError::Corrupt { subject, cause }) => {
                head = disk.get(&key)?;
                if head.as_ref() == Some(&current) {
                    return Err(StoreError::Corrupt { subject, cause });
                }
            }
            outcome => return outcome.map(Some),
        }
    }
    head.map(|head| unpack(disk, kind, id, &head)).transpose()
}

/// Reads the value whose head is at hand and which nobody replaces.
pub fn unpack(disk: &Disk, kind: Kind, id: &[u8], head: &[u8]) -> Result<Unpacked, StoreError> {
    let corrupt = |cause: String| StoreError::Corrupt { subject: kind.subject(id), cause };
    let Header { generation, chunks, plain_bytes, check, inline } =
        Header::read(head).ok_or_else(|| corrupt("its head is malformed".into()))?;
    let mut joined = Vec::new();
    for chunk in 0..chunks {
        let part = disk.get(&kind.chunk_key(id, generation, chunk))?;
        joined.extend_from_slice(&part.ok_or_else(|| corrupt(format!("chunk {chunk} of {chunks} is missing")))?);
    }
    let stored = if chunks == 0 { inline } else { &joined };
    if checksum(plain_bytes, stored) != check {
        return Err(corrupt("its checksum is wrong".into()));
    }
    let capacity = usize::try_from(plain_bytes).map_err(|_| too_large(kind, id))?;
    let plain = zstd::bulk::decompress(stored, capacity).map_err(|cause| corrupt(cause.to_string()))?;
    Ok(Unpacked { generation, chunked: chunks > 0, plain })
}

struct Header<'a> {
    generation: u64,
    chunks: u32,
    plain_bytes: u64,
    check: [u8; 8],
    inline: &'a [u8],
}

impl<'a> Header<'a> {
    fn read(head: &'a [u8]) -> Option<Self> {
        let (&version, rest) = head.split_first()?;
        let (generation, rest) = rest.split_first_chunk::<8>()?;
        let (chunks, rest) = rest.split_first_chunk::<4>()?;
        let (plain_bytes, rest) = rest.split_first_chunk::<8>()?;
        let (check, inline) = rest.split_first_chunk::<8>()?;
        (version == VERSION).then_some(Self {
            generation: u64::from_be_bytes(*generation),
            chunks: u32::from_be_bytes(*chunks),
            plain_bytes: u64::from_be_bytes(*plain_bytes),
            check: *check,
            inline,
        })
    }
}

/// The generation in a head; `None` when it is malformed.
pub fn generation(head: &[u8]) -> Option<u64> {
    Header::read(head).map(|header| header.generation)
}

/// Hashes under which there is a value of a kind, or chunks of one that never came to be. Chunks are stepped over, not read.
pub fn names(disk: &Disk, kind: Kind) -> Result<BTreeSet<ContentHash>, StoreError> {
    let malformed = || StoreError::Corrupt { subject: format!("{kind:?}"), cause: "a key has no hash in it".into() };
    let hash_in = |key: &[u8]| key.get(1..33).and_then(|hash| hash.try_into().ok()).map(ContentHash).ok_or_else(malformed);
    let mut names = BTreeSet::new();
    for entry in disk.scan_prefix(&kind.head_key(&[])) {
        names.insert(hash_in(&entry?.0)?);
    }
    let end = kind.chunk_prefix(&[0xff; 33]);
    let mut from = kind.chunk_prefix(&[]);
    while let Some(entry) = disk.scan(from..end.clone()).next() {
        let hash = hash_in(&entry?.0)?;
        names.insert(hash);
        // The last chunk that there can be of this one, and what comes after it.
        from = [&kind.chunk_prefix(&hash.0)[..], &[0xff; 13]].concat();
    }
    Ok(names)
}

/// Keys of the chunks of a value that do not belong to `generation`: what a replaced value, or a put that a crash cut short, left behind.
pub fn stale_chunks(disk: &Disk, kind: Kind, id: &[u8], generation: u64) -> Result<Vec<Vec<u8>>, StoreError> {
    let prefix = kind.chunk_prefix(id);
    let kept = [&prefix[..], &generation.to_be_bytes()].concat();
    let mut stale = Vec::new();
    for entry in disk.scan_prefix(&prefix) {
        let (key, _) = entry?;
        if !key.starts_with(&kept) {
            stale.push(key.to_vec());
        }
    }
    Ok(stale)
}
