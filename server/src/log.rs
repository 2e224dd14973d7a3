//! The log on stable storage: how a record becomes bytes, and how anybody can tell that no byte was touched since.
//!
//! A stored record is 32 bytes of chain and the record as JSON. The chain is BLAKE3 over the chain before it and the JSON, so
//! that an edited, reordered, inserted or removed record breaks every later one. The snapshot remembers a head: a log that is
//! cut short behind it is noticed too.
//!
//! What the law wants to be erased is erased here as well. A redacted record keeps its chain, so that the ones behind it hold as
//! before, and is marked; that nobody else put it there is proven by the youngest erasure in the log, whose own record is chained
//! and names the hash over all records that are redacted ([`Proof`]).

use crate::store::{Snapshot, Store, StoreError};
use rollcall_domain::ci::CiEvent;
use rollcall_domain::{Event, Record, World, attachment};
use rollcall_shared::ContentHash;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// What the whole log up to a record hashes to. Text form: 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head(pub [u8; 32]);

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Records read at once: a page is a few hundred kilobytes.
pub const PAGE: usize = 1_000;

/// Why a stored log is not what was written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record is not what was written, or something before it is gone.
    #[error("log record {revision}: {cause}")]
    Broken {
        /// Which.
        revision: u64,
        /// What is wrong.
        cause: String,
    },
    /// The snapshot cannot be read.
    #[error("the snapshot of record {revision} cannot be read: {cause}")]
    Snapshot {
        /// Of which record.
        revision: u64,
        /// What is wrong.
        cause: String,
    },
    /// The log ends before a revision that was known to be durable.
    #[error("the log ends at record {found}, but a snapshot of record {known} exists: its tail is gone")]
    CutShort {
        /// Last record.
        found: u64,
        /// Of the snapshot.
        known: u64,
    },
}

impl Head {
    /// The head after `json` was appended.
    #[must_use]
    pub fn after(self, json: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0).update(json);
        Self(*hasher.finalize().as_bytes())
    }
}

/// Encodes a record behind `head`; returns the new head and the bytes to store.
///
/// # Errors
/// When the record has no JSON form, which is a bug in its type.
pub fn encode(head: Head, record: &Record) -> Result<(Head, Vec<u8>), serde_json::Error> {
    let json = serde_json::to_vec(record)?;
    let head = head.after(&json);
    let mut bytes = Vec::with_capacity(32 + json.len());
    bytes.extend_from_slice(&head.0);
    bytes.extend_from_slice(&json);
    Ok((head, bytes))
}

/// What stands between the chain and the JSON of a record that was redacted; JSON begins otherwise.
const REDACTED: u8 = b'R';

/// Whether a stored record was redacted.
#[must_use]
pub fn is_redacted(bytes: &[u8]) -> bool {
    bytes.get(32) == Some(&REDACTED)
}

/// The bytes to store in the place of `stored`, of which `record` is left.
///
/// # Errors
/// When the record has no JSON form, which is a bug in its type.
pub fn redact(stored: &[u8], record: &Record) -> Result<Vec<u8>, serde_json::Error> {
    let chain = stored.get(..32).unwrap_or_default();
    Ok([chain, &[REDACTED], &serde_json::to_vec(record)?].concat())
}

/// A hash over all redacted records of a log, in order: each with its revision and all its bytes.
#[derive(Default)]
pub struct Proof(blake3::Hasher);

impl Proof {
    /// Takes in the next redacted record.
    pub fn add(&mut self, revision: u64, bytes: &[u8]) {
        self.0.update(&revision.to_be_bytes()).update(&(bytes.len() as u64).to_be_bytes()).update(bytes);
    }

    /// What an erasure says.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        ContentHash(*self.0.finalize().as_bytes())
    }
}

/// Holds a record against the head before it; the head after it.
///
/// # Errors
/// [`LogError::Broken`] when it does not follow. A redacted record is taken at its word: see [`Proof`].
pub fn continued(head: Head, revision: u64, bytes: &[u8]) -> Result<Head, LogError> {
    let broken = |cause: &str| LogError::Broken { revision, cause: cause.into() };
    let chain = bytes.first_chunk::<32>().ok_or_else(|| broken("shorter than its chain"))?;
    if is_redacted(bytes) || *chain == head.after(&bytes[32..]).0 {
        Ok(Head(*chain))
    } else {
        Err(broken("does not continue the chain: it or a record before it was changed"))
    }
}

/// Decodes a stored record without checking the chain.
///
/// # Errors
/// [`LogError::Broken`] when the bytes are no record, or another one.
pub fn decode(revision: u64, bytes: &[u8]) -> Result<(Head, Record), LogError> {
    let broken = |cause: String| LogError::Broken { revision, cause };
    let (chain, json) = bytes.split_first_chunk::<32>().ok_or_else(|| broken("shorter than its chain".into()))?;
    let json = json.strip_prefix(&[REDACTED]).unwrap_or(json);
    let record: Record = serde_json::from_slice(json).map_err(|error| broken(format!("not a record: {error}")))?;
    if record.revision != revision {
        return Err(broken(format!("is record {} of the log", record.revision)));
    }
    Ok((Head(*chain), record))
}

/// Grows with each change of the state's types.
const LAYOUT: u32 = 6;

/// Freezes the state.
///
/// # Errors
/// When it cannot be encoded, which is a bug in its types.
pub fn freeze(head: Head, world: &World) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    let mut bytes = Vec::new();
    // Tagged enums lose the "binary" hint on the way back, so both ways use the readable forms of ids and times.
    let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_struct_map().with_human_readable();
    (LAYOUT, head, world).serialize(&mut serializer)?;
    Ok(bytes)
}

/// Why a snapshot is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unthawed {
    /// It is of another release, as every snapshot is once after an upgrade that changed the state's types.
    #[error("it is of another release")]
    OtherLayout,
    /// It is damaged, or this release cannot read what it writes, which is a bug in the state's types.
    #[error("{0}")]
    Unreadable(String),
}

/// Thaws a snapshot.
///
/// # Errors
/// When it is of another layout, damaged, or not of its revision.
pub fn thaw(snapshot: &Snapshot) -> Result<(Head, World), Unthawed> {
    let mut deserializer = rmp_serde::Deserializer::new(&snapshot.bytes[..]).with_human_readable();
    let thawed = <(u32, Head, World)>::deserialize(&mut deserializer);
    let layout = || {
        let mut deserializer = rmp_serde::Deserializer::new(&snapshot.bytes[..]).with_human_readable();
        <(u32, IgnoredAny, IgnoredAny)>::deserialize(&mut deserializer).map(|(layout, _, _)| layout)
    };
    match thawed {
        Ok((LAYOUT, head, world)) if world.revision == snapshot.revision => Ok((head, world)),
        Ok((LAYOUT, _, world)) => Err(Unthawed::Unreadable(format!("it is of revision {}, not {}", world.revision, snapshot.revision))),
        Ok(_) => Err(Unthawed::OtherLayout),
        Err(_) if layout().is_ok_and(|layout| layout != LAYOUT) => Err(Unthawed::OtherLayout),
        Err(error) => Err(Unthawed::Unreadable(error.to_string())),
    }
}

/// What a check of the whole log found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Records read, each with an intact chain.
    pub records: u64,
    /// Section contents that the state refers to, each read and found to have its name.
    pub sections: u64,
    /// Attached files that the state names, each read and found to have its name.
    pub attachments: u64,
    /// Head of the chain.
    pub head: Head,
}

/// Replays the whole log: every record readable, in order and chained, every content and every attached file that the state refers to
/// present and intact, the snapshot, with what is made of it at a start, equal to the fold up to its revision.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(store: &dyn Store) -> Result<Report, LogError> {
    let content = crate::engine::StoredContent::new(store);
    let mut frozen = match store.load_snapshot()?.map(|snapshot| (snapshot.revision, thaw(&snapshot))) {
        Some((revision, Err(Unthawed::Unreadable(cause)))) => return Err(LogError::Snapshot { revision, cause }),
        Some((_, thawed)) => thawed.ok(),
        None => None,
    };
    if let Some((_, snapshot)) = &mut frozen {
        snapshot.rebuild_projections(&content);
    }
    let mut world = World::default();
    let mut head = Head::default();
    let mut redactions = Redactions::default();
    loop {
        let page = store.read_log(world.revision, PAGE)?;
        if page.is_empty() {
            break;
        }
        for (revision, bytes) in page {
            let record;
            (head, record) = follow(head, &mut world, revision, &bytes, &content)?;
            redactions.note(&record, &bytes);
            if let Some((known, snapshot)) = &frozen
                && snapshot.revision == revision
            {
                compare_with_snapshot(&world, head, snapshot, *known)?;
            }
        }
    }
    redactions.check()?;
    if let Some((_, snapshot)) = frozen
        && snapshot.revision > world.revision
    {
        return Err(LogError::CutShort { found: world.revision, known: snapshot.revision });
    }
    let sections = check_sections(store, &world)?;
    let attachments = check_attachments(store, &world)?;
    Ok(Report { records: world.revision, sections, attachments, head })
}

fn follow(
    head: Head,
    world: &mut World,
    revision: u64,
    bytes: &[u8],
    content: &dyn rollcall_domain::Content,
) -> Result<(Head, Record), LogError> {
    if revision != world.revision + 1 {
        return Err(LogError::Broken { revision: world.revision + 1, cause: "is missing".into() });
    }
    let (_, record) = decode(revision, bytes)?;
    let head = continued(head, revision, bytes)?;
    world.apply(&record, content);
    Ok((head, record))
}

/// Redacted records, and what the last erasure says of them.
#[derive(Default)]
struct Redactions {
    proof: Proof,
    last: Option<u64>,
    said: Option<ContentHash>,
}

impl Redactions {
    fn note(&mut self, record: &Record, bytes: &[u8]) {
        if is_redacted(bytes) {
            self.proof.add(record.revision, bytes);
            self.last = Some(record.revision);
        } else if let Event::Ci(CiEvent::CiErased { proof, .. }) = &record.event {
            self.said = Some(*proof);
        }
    }

    fn check(&self) -> Result<(), LogError> {
        let Some(revision) = self.last else { return Ok(()) };
        let cause = match self.said {
            Some(said) if said == self.proof.hash() => return Ok(()),
            Some(_) => {
                "redacted records are not those of the last erasure: one was changed, or an erasure was cut short and has to be repeated"
            }
            None => "it is redacted and no erasure says so: it was changed, or an erasure was cut short and has to be repeated",
        };
        Err(LogError::Broken { revision, cause: cause.into() })
    }
}

fn compare_with_snapshot(world: &World, head: Head, snapshot: &World, known: Head) -> Result<(), LogError> {
    let revision = world.revision;
    if known != head {
        return Err(LogError::Broken { revision, cause: "the chain differs from the one that the snapshot remembers".into() });
    }
    let same = world.trust == snapshot.trust
        && world.cmdb.cis == snapshot.cmdb.cis
        && world.rules == snapshot.rules
        && world.alerts == snapshot.alerts
        && world.incidents == snapshot.incidents
        && world.problems == snapshot.problems;
    if same { Ok(()) } else { Err(LogError::Broken { revision, cause: "replay and snapshot disagree on the state".into() }) }
}

fn check_sections(store: &dyn Store, world: &World) -> Result<u64, LogError> {
    let mut named = std::collections::BTreeSet::new();
    for ci in world.cmdb.cis.values() {
        for section in ci.sections.values().chain(ci.feeds.values().flat_map(|sections| sections.values())) {
            named.extend(section.hash);
            named.extend(section.history.iter().map(|(_, hash)| *hash));
        }
    }
    let parked = world.cmdb.parking.by_id().values().flat_map(|parked| &parked.report.sections);
    named.extend(parked.filter_map(|entry| entry.hash));
    for hash in &named {
        if store.section(hash)?.is_none() {
            return Err(LogError::Broken { revision: world.revision, cause: format!("section content {hash} is missing") });
        }
    }
    Ok(named.len() as u64)
}

fn check_attachments(store: &dyn Store, world: &World) -> Result<u64, LogError> {
    let named = attachment::named(world);
    for hash in &named {
        if store.attachment(hash)?.is_none() {
            return Err(LogError::Broken { revision: world.revision, cause: format!("attachment {hash} is missing") });
        }
    }
    Ok(named.len() as u64)
}

#[cfg(test)]
mod tests;
