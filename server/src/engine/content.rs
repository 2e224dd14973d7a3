//! Decoded sections in memory, the store behind them.

use crate::store::{Store, StoreError};
use rollcall_domain::Content;
use rollcall_shared::{ContentHash, Section};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of memory for each byte of text in the canonical form: a text is an allocation of its own, most of them short.
const BYTES_PER_TEXT_BYTE: usize = 2;

/// Decoded sections, at most so many bytes of memory; the one that came first goes first. Clones share it.
#[derive(Clone)]
pub struct SectionCache {
    store: Arc<dyn Store>,
    held: Arc<Mutex<Held>>,
}

struct Held {
    sections: BTreeMap<ContentHash, (Arc<Section>, usize)>,
    order: VecDeque<ContentHash>,
    bytes: usize,
    limit: usize,
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
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.sections.insert(hash, (section, bytes)).is_none() {
            held.order.push_back(hash);
            held.bytes += bytes;
        }
        while held.bytes > held.limit && held.order.len() > 1 {
            let Some(oldest) = held.order.pop_front() else { break };
            if let Some((_, size)) = held.sections.remove(&oldest) {
                held.bytes -= size;
            }
        }
    }

    /// Forgets sections.
    pub fn forget(&self, hashes: &BTreeSet<ContentHash>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for hash in hashes {
            if let Some((_, size)) = held.sections.remove(hash) {
                held.bytes -= size;
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
        self.held.lock().unwrap_or_else(PoisonError::into_inner).sections.get(hash).map(|(section, _)| Arc::clone(section))
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
    let section =
        Section::decode(&bytes).map_err(|error| StoreError::Corrupt { subject: format!("section {hash}"), cause: error.to_string() })?;
    Ok(Some((Arc::new(section), bytes.len())))
}

fn found(hash: &ContentHash, read: Result<Option<Arc<Section>>, StoreError>) -> Option<Arc<Section>> {
    read.unwrap_or_else(|error| {
        tracing::error!(%hash, %error, "section content cannot be read");
        None
    })
}
