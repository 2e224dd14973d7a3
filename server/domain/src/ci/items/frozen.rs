//! Items as a snapshot holds them.
//!
//! A snapshot of a large fleet is read before anybody gets an answer, so items are written in portions that are read side by
//! side, in a form without names. A snapshot is a cache: one that another release wrote is told by its [`words`] and left aside.

use super::Items;
use crate::ci::attribute::{FrozenAttributes, Reading, Tables, Writing};
use crate::ci::{Ci, Class, Lifecycle, SectionState};
use crate::copy_on_write::CopyOnWrite;
use crate::id::CiId;
use rollcall_shared::{ContentHash, Outcome, SectionName, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Items of one portion.
const PORTION: usize = 8_192;

/// Portions that are read at once; more than a small server has processors.
const READERS: usize = 4;

/// What the numbers in frozen items stand for.
#[derive(Serialize, Deserialize)]
struct Preface<'a> {
    words: Vec<String>,
    tables: Tables<'a>,
}

#[derive(Serialize, Deserialize)]
struct FrozenItem<'a> {
    id: CiId,
    class: Class,
    name: Cow<'a, str>,
    status: Lifecycle,
    key: Option<Cow<'a, str>>,
    parent: Option<CiId>,
    attributes: FrozenAttributes<'a>,
    sections: Vec<FrozenSection<'a>>,
    feeds: Vec<(Cow<'a, str>, Vec<FrozenSection<'a>>)>,
    tags: Cow<'a, BTreeSet<String>>,
    created_at: Timestamp,
    updated_at: Timestamp,
    revision: u64,
    duplicate_of: Option<CiId>,
    history: Cow<'a, [u64]>,
}

#[derive(Serialize, Deserialize)]
struct FrozenSection<'a> {
    name: SectionName,
    hash: Option<ContentHash>,
    partial: Option<ContentHash>,
    outcome: Outcome,
    reason: Option<Cow<'a, str>>,
    since: Timestamp,
    history: Cow<'a, [(Timestamp, ContentHash)]>,
    reverted: bool,
}

/// The words whose places in their lists the frozen form holds in their stead.
fn words() -> Vec<String> {
    let classes = Class::ALL.iter().map(|class| class.as_str());
    classes.chain(SectionName::ALL.iter().map(|name| name.as_str())).map(str::to_owned).collect()
}

/// Writes them.
///
/// # Errors
/// Those of the serializer, and items that have no such form.
pub fn serialize<S: Serializer>(items: &Items, serializer: S) -> Result<S::Ok, S::Error> {
    let mut writing = Writing::default();
    let mut portions = vec![Bytes(Vec::new())];
    let items: Vec<&Ci> = items.values().collect();
    for portion in items.chunks(PORTION) {
        let frozen: Vec<FrozenItem<'_>> = portion.iter().map(|ci| FrozenItem::new(ci, &mut writing)).collect();
        portions.push(Bytes(encode(&frozen).map_err(ser::Error::custom)?));
    }
    portions[0] = Bytes(encode(&Preface { words: words(), tables: writing.tables() }).map_err(ser::Error::custom)?);
    portions.serialize(serializer)
}

/// Reads them.
///
/// # Errors
/// Those of the deserializer, and items that another release wrote.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Items, D::Error> {
    let portions = Vec::<Bytes>::deserialize(deserializer)?;
    let Some((Bytes(preface), portions)) = portions.split_first() else { return Ok(Items::default()) };
    let preface: Preface<'_> = decode(preface).map_err(de::Error::custom)?;
    if preface.words != words() {
        return Err(de::Error::custom("the items are those of another release"));
    }
    thaw(&Reading::new(preface.tables), portions).map_err(de::Error::custom)
}

/// Reads all portions, some side by side.
fn thaw(reading: &Reading, portions: &[Bytes]) -> Result<Items, String> {
    let mut items: Vec<(CiId, CopyOnWrite<Ci>)> = Vec::new();
    let each = portions.len().div_ceil(READERS).max(1);
    std::thread::scope(|scope| {
        let readers: Vec<_> = portions.chunks(each).map(|portions| scope.spawn(|| thaw_some(reading, portions))).collect();
        for reader in readers {
            items.extend(reader.join().unwrap_or_else(|_| Err("a reader of items panicked".into()))?);
        }
        Ok::<_, String>(())
    })?;
    Ok(items.into_iter().collect())
}

fn thaw_some(reading: &Reading, portions: &[Bytes]) -> Result<Vec<(CiId, CopyOnWrite<Ci>)>, String> {
    let mut items = Vec::with_capacity(portions.len() * PORTION);
    for Bytes(portion) in portions {
        for frozen in decode::<Vec<FrozenItem<'_>>>(portion)? {
            let ci = frozen.thaw(reading).ok_or("an attribute refers to what is not there")?;
            items.push((ci.id, CopyOnWrite::new(ci)));
        }
    }
    Ok(items)
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, String> {
    bincode::serde::encode_to_vec(value, bincode::config::standard()).map_err(|error| error.to_string())
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let decoded = bincode::serde::decode_from_slice(bytes, bincode::config::standard()).map_err(|error| error.to_string())?;
    Ok(decoded.0)
}

impl<'a> FrozenItem<'a> {
    fn new(ci: &'a Ci, writing: &mut Writing<'a>) -> Self {
        let Ci {
            id,
            class,
            name,
            status,
            key,
            parent,
            attributes,
            sections,
            feeds,
            tags,
            created_at,
            updated_at,
            revision,
            duplicate_of,
            history,
        } = ci;
        Self {
            id: *id,
            class: *class,
            name: name.into(),
            status: *status,
            key: key.as_ref().map(Into::into),
            parent: *parent,
            attributes: writing.attributes(attributes),
            sections: freeze_sections(sections),
            feeds: feeds.iter().map(|(feed, sections)| (feed.into(), freeze_sections(sections))).collect(),
            tags: Cow::Borrowed(tags),
            created_at: *created_at,
            updated_at: *updated_at,
            revision: *revision,
            duplicate_of: *duplicate_of,
            history: history.into(),
        }
    }

    fn thaw(self, reading: &Reading) -> Option<Ci> {
        Some(Ci {
            id: self.id,
            class: self.class,
            name: self.name.into_owned(),
            status: self.status,
            key: self.key.map(Cow::into_owned),
            parent: self.parent,
            attributes: reading.attributes(self.attributes)?,
            sections: thaw_sections(self.sections),
            feeds: self.feeds.into_iter().map(|(feed, sections)| (feed.into_owned(), thaw_sections(sections))).collect(),
            tags: self.tags.into_owned(),
            created_at: self.created_at,
            updated_at: self.updated_at,
            revision: self.revision,
            duplicate_of: self.duplicate_of,
            history: self.history.into_owned(),
        })
    }
}

impl<'a> FrozenSection<'a> {
    fn new(name: SectionName, state: &'a SectionState) -> Self {
        let SectionState { hash, partial, outcome, reason, since, history, reverted } = state;
        Self {
            name,
            hash: *hash,
            partial: *partial,
            outcome: *outcome,
            reason: reason.as_ref().map(Into::into),
            since: *since,
            history: history.into(),
            reverted: *reverted,
        }
    }
}

fn freeze_sections(sections: &BTreeMap<SectionName, SectionState>) -> Vec<FrozenSection<'_>> {
    sections.iter().map(|(name, state)| FrozenSection::new(*name, state)).collect()
}

fn thaw_sections(sections: Vec<FrozenSection<'_>>) -> BTreeMap<SectionName, SectionState> {
    let thaw = |frozen: FrozenSection<'_>| {
        let FrozenSection { name, hash, partial, outcome, reason, since, history, reverted } = frozen;
        let (reason, history) = (reason.map(Cow::into_owned), history.into_owned());
        (name, SectionState { hash, partial, outcome, reason, since, history, reverted })
    };
    sections.into_iter().map(thaw).collect()
}

/// Bytes in whatever form a format has for them.
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(BytesVisitor).map(Self)
    }
}

struct BytesVisitor;

impl<'de> de::Visitor<'de> for BytesVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut numbers: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = numbers.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}

/// A map in the same form: for maps as large as the fleet, of plain keys and values.
pub mod packed {
    use super::{BTreeMap, Bytes, Deserialize, DeserializeOwned, Deserializer, Serialize, Serializer, de, decode, encode, ser};

    /// Writes it.
    ///
    /// # Errors
    /// Those of the serializer, and values that have no such form.
    pub fn serialize<K: Serialize, V: Serialize, S: Serializer>(map: &BTreeMap<K, V>, serializer: S) -> Result<S::Ok, S::Error> {
        Bytes(encode(map).map_err(ser::Error::custom)?).serialize(serializer)
    }

    /// Reads it: a list of pairs has the same form, and a tree is built of a whole list in a fraction of the time that one pair after
    /// the other takes.
    ///
    /// # Errors
    /// Those of the deserializer, and bytes that are no such map.
    pub fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: DeserializeOwned + Ord,
        V: DeserializeOwned,
        D: Deserializer<'de>,
    {
        let Bytes(bytes) = Bytes::deserialize(deserializer)?;
        let pairs: Vec<(K, V)> = decode(&bytes).map_err(de::Error::custom)?;
        Ok(pairs.into_iter().collect())
    }
}
