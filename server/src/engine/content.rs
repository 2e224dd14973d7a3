//! Decoded sections in memory, the store behind them.

use crate::store::{Store, StoreError};
use rollcall_domain::Content;
use rollcall_shared::message::Payload;
use rollcall_shared::{ContentHash, Section};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of memory for each byte of text in the canonical form: a text is an allocation of its own, most of them short.
const BYTES_PER_TEXT_BYTE: usize = 2;

/// Decoded sections, at most so many bytes of memory. The one that came first goes first, unless somebody asked for it since: what many
/// hosts share stays, what one host alone has passes through. Clones share it.
#[derive(Clone)]
pub struct SectionCache {
    store: Arc<dyn Store>,
    held: Arc<Mutex<Held>>,
}

struct Held {
    sections: BTreeMap<ContentHash, Entry>,
    order: VecDeque<ContentHash>,
    bytes: usize,
    limit: usize,
}

struct Entry {
    section: Arc<Section>,
    bytes: usize,
    /// Whether it was asked for since its last turn to go.
    was_used: bool,
}

impl Held {
    fn get(&mut self, hash: &ContentHash) -> Option<Arc<Section>> {
        let entry = self.sections.get_mut(hash)?;
        entry.was_used = true;
        Some(Arc::clone(&entry.section))
    }

    fn add(&mut self, hash: ContentHash, section: Arc<Section>, bytes: usize) {
        if self.sections.contains_key(&hash) {
            return;
        }
        self.make_room(bytes);
        self.sections.insert(hash, Entry { section, bytes, was_used: false });
        self.order.push_back(hash);
        self.bytes += bytes;
    }

    /// Ends: who is spared is not spared again.
    fn make_room(&mut self, bytes: usize) {
        while self.bytes + bytes > self.limit {
            let Some(oldest) = self.order.pop_front() else { break };
            match self.sections.get_mut(&oldest) {
                Some(entry) if entry.was_used => {
                    entry.was_used = false;
                    self.order.push_back(oldest);
                }
                _ => self.bytes -= self.sections.remove(&oldest).map_or(0, |gone| gone.bytes),
            }
        }
    }
}

impl SectionCache {
    /// An empty cache of at most `limit` bytes of memory.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, limit: usize) -> Self {
        let held = Held { sections: BTreeMap::new(), order: VecDeque::new(), bytes: 0, limit };
        Self { store, held: Arc::new(Mutex::new(held)) }
    }

    /// Keeps a section; `canonical` is the size of its canonical form. Decoded it takes several times as much.
    pub fn remember(&self, hash: ContentHash, section: Arc<Section>, canonical: usize) {
        let bytes = section.row_bytes() + canonical * BYTES_PER_TEXT_BYTE;
        self.held.lock().unwrap_or_else(PoisonError::into_inner).add(hash, section, bytes);
    }

    /// Forgets sections.
    pub fn forget(&self, hashes: &BTreeSet<ContentHash>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for hash in hashes {
            if let Some(gone) = held.sections.remove(hash) {
                held.bytes -= gone.bytes;
                held.order.retain(|known| known != hash);
            }
        }
    }

    /// Bytes of memory that it holds, estimated.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }

    /// Whether it is in memory.
    #[must_use]
    pub fn knows(&self, hash: &ContentHash) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).sections.contains_key(hash)
    }

    /// What is in memory.
    #[must_use]
    pub fn cached(&self, hash: &ContentHash) -> Option<Arc<Section>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).get(hash)
    }

    /// From memory, else from the store. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read or what it holds is no section.
    pub fn load(&self, hash: &ContentHash) -> Result<Option<Arc<Section>>, StoreError> {
        if let Some(section) = self.cached(hash) {
            return Ok(Some(section));
        }
        let Some((section, size)) = read(self.store.as_ref(), hash)? else { return Ok(None) };
        self.remember(*hash, Arc::clone(&section), size);
        Ok(Some(section))
    }
}

impl Content for SectionCache {
    fn section(&self, hash: &ContentHash) -> Option<Arc<Section>> {
        found(hash, self.load(hash))
    }
}

/// Sections straight from a store, for one pass over everything.
pub struct StoredContent<'a>(&'a dyn Store);

impl<'a> StoredContent<'a> {
    /// Reads from `store`.
    #[must_use]
    pub fn new(store: &'a dyn Store) -> Self {
        Self(store)
    }
}

impl Content for StoredContent<'_> {
    fn section(&self, hash: &ContentHash) -> Option<Arc<Section>> {
        found(hash, read(self.0, hash).map(|read| read.map(|(section, _)| section)))
    }
}

fn read(store: &dyn Store, hash: &ContentHash) -> Result<Option<(Arc<Section>, usize)>, StoreError> {
    let Some(bytes) = store.section(hash)? else { return Ok(None) };
    let section = Section::decode_own(&bytes)
        .map_err(|error| StoreError::Corrupt { subject: format!("section {hash}"), cause: error.to_string() })?;
    Ok(Some((Arc::new(section), bytes.len())))
}

fn found(hash: &ContentHash, read: Result<Option<Arc<Section>>, StoreError>) -> Option<Arc<Section>> {
    read.unwrap_or_else(|error| {
        tracing::error!(%hash, %error, "section content cannot be read");
        None
    })
}

/// The content that a message names.
pub(super) fn named(payload: &Payload) -> Vec<ContentHash> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::MemoryStore;

    fn content(byte: u8) -> (ContentHash, Arc<Section>) {
        (ContentHash([byte; 32]), Arc::new(Section::Users(Vec::new())))
    }

    /// A cache with room for `room` sections of ten bytes after steps: `Ok` keeps a section, `Err` asks for one.
    #[track_caller]
    fn check(room: usize, steps: &[Result<u8, u8>], held: &[u8]) {
        let cache = SectionCache::new(Arc::new(MemoryStore::new()), room * 10);
        for step in steps {
            match *step {
                Ok(kept) => cache.remember(content(kept).0, content(kept).1, 5),
                Err(asked) => drop(cache.cached(&content(asked).0)),
            }
        }
        let found: Vec<u8> = (0..=u8::MAX).filter(|&byte| cache.knows(&content(byte).0)).collect();
        assert_eq!(found, held);
        assert_eq!(cache.bytes(), held.len() * 10);
    }

    #[test]
    fn the_section_that_came_first_goes_first() {
        check(2, &[Ok(1), Ok(2), Ok(3)], &[2, 3]);
        check(2, &[Ok(1), Ok(1), Ok(2)], &[1, 2]);
    }

    #[test]
    fn what_was_asked_for_is_spared_once() {
        check(2, &[Ok(1), Ok(2), Err(1), Ok(3)], &[1, 3]);
        check(2, &[Ok(1), Ok(2), Err(1), Ok(3), Ok(4), Ok(5)], &[4, 5]);
        check(2, &[Ok(1), Ok(2), Err(1), Err(2), Ok(3)], &[2, 3]);
    }

    #[test]
    fn the_last_section_stays_however_large() {
        check(0, &[Ok(1), Ok(2)], &[2]);
    }
}
