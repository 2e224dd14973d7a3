//! What travels on the agent listener.
//!
//! An agent numbers its messages within an epoch (one life of its spool) from 1 without gaps. A message takes effect once,
//! however often it is sent. A reply says up to which number everything is on stable storage: only then may the agent forget.
//! A message that names content the server has never seen is not acknowledged; the reply lists the wanted hashes, the agent
//! uploads them and sends the same push again.

use crate::limits::PUSH_VALUES;
use crate::sample::{SampleSet, packed};
use crate::{ContentHash, Outcome, SectionName, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, de};

/// Version of the messages in this module, carried by every frame.
pub const SCHEMA: u16 = 1;

/// Body of [`crate::endpoint::PUSH`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Push {
    /// When the agent's spool was created, its wall clock in milliseconds; never decreases for one agent.
    pub epoch: u64,
    /// The agent's wall clock when this request was made: the server measures skew and age against it.
    pub sent_at: Timestamp,
    /// Which version of [`Settings`] the agent works with; 0 for none.
    pub settings_version: u64,
    /// In ascending order of their sequence; may be empty (a sign of life). At most [`PUSH_VALUES`] health values in all of them together.
    #[serde(deserialize_with = "bounded")]
    pub messages: Vec<Message>,
}

/// One numbered message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Number within the epoch, from 1.
    pub sequence: u64,
    /// What it says.
    pub payload: Payload,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// Health values, oldest first; packed in a frame.
    Samples(#[serde(with = "packed")] Vec<SampleSet>),
    /// An inventory.
    Report(Report),
    /// Messages that a full spool had to drop.
    Loss(Loss),
    /// The agent began to run.
    Started {
        /// Its version.
        agent_version: String,
        /// When, by its wall clock.
        at: Timestamp,
    },
    /// The agent is about to stop because it was told to; its silence is no host failure.
    Goodbye {
        /// Why, for people.
        reason: String,
        /// When, by its wall clock.
        at: Timestamp,
    },
}

/// An inventory: which sections there are, by name of their content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The agent's wall clock when collection ended.
    pub collected_at: Timestamp,
    /// [`root_hash`] over `sections`.
    pub root: ContentHash,
    /// In order of their names, each name once.
    pub sections: Vec<SectionEntry>,
}

/// One collector's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectionEntry {
    /// Which section.
    pub name: SectionName,
    /// How it went. Only `complete` may make something disappear.
    pub outcome: Outcome,
    /// Name of the content; present for `complete` and `partial`.
    pub hash: Option<ContentHash>,
    /// Why it is not complete, for people; names the path or permission that was missing.
    pub reason: Option<String>,
    /// How long the collector ran.
    pub duration_us: u64,
    /// How much it read.
    pub bytes_read: u64,
}

/// The name of a whole inventory: BLAKE3 over name, outcome and hash of each section in order. Durations do not count.
#[must_use]
pub fn root_hash(sections: &[SectionEntry]) -> ContentHash {
    let mut hasher = blake3::Hasher::new();
    for entry in sections {
        hasher.update(entry.name.as_str().as_bytes());
        hasher.update(&[0, entry.outcome as u8, u8::from(entry.hash.is_some())]);
        hasher.update(entry.hash.as_ref().map_or(&[][..], |hash| &hash.0));
    }
    ContentHash(*hasher.finalize().as_bytes())
}

/// A declared loss: these messages will never come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// First dropped sequence.
    pub first: u64,
    /// Last dropped sequence.
    pub last: u64,
    /// When the oldest dropped message was made.
    pub from: Timestamp,
    /// When the newest dropped message was made.
    pub to: Timestamp,
    /// Why, such as `spool full (64 MiB)`.
    pub reason: String,
}

/// Answer to a push.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PushReply {
    /// Every message of this epoch up to and including this number is on stable storage with all its effects; 0 for none.
    pub acknowledged: u64,
    /// Content that the first unacknowledged message needs; upload it, then push again.
    pub wanted: Vec<ContentHash>,
    /// Present when the agent's version is not the current one.
    pub settings: Option<Settings>,
    /// The server's wall clock, so that the agent can tell its own skew.
    pub server_time: Timestamp,
}

/// How an agent is to behave. It holds until a newer version arrives, over restarts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Names the content: equal settings have equal versions, and none is 0.
    pub version: u64,
    /// Time between two samples; default 10 s.
    pub sample_interval_ms: u64,
    /// Time between two pushes when nothing is urgent; default 60 s.
    pub push_interval_ms: u64,
    /// Time between two inventories; default 1 h.
    pub inventory_interval_ms: u64,
    /// When to push at once.
    pub thresholds: Vec<Threshold>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { version: 0, sample_interval_ms: 10_000, push_interval_ms: 60_000, inventory_interval_ms: 3_600_000, thresholds: Vec::new() }
    }
}

/// A line that a value must cross, in either direction, for the agent to hurry. It decides nothing else: the server judges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// Metric it applies to, all instances.
    pub metric: String,
    /// Only series that have all of these attributes; empty for all.
    pub attributes: Vec<(String, String)>,
    /// Which side is bad.
    pub side: Side,
    /// The line.
    pub value: f64,
}

/// Which side of a threshold is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Values above the line.
    Above,
    /// Values below the line.
    Below,
}

impl Side {
    /// Whether `value` lies strictly on the bad side of `line`.
    #[must_use]
    pub fn is_bad(self, value: f64, line: f64) -> bool {
        match self {
            Self::Above => value > line,
            Self::Below => value < line,
        }
    }
}

/// Body of [`crate::endpoint::SECTIONS`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Canonical bytes of sections; each is stored under the hash that the server computes itself.
    pub sections: Vec<Content>,
}

/// Canonical bytes of one section; base 16 in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content(pub Vec<u8>);

/// Answer to an upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadReply {
    /// What is now on stable storage, in the order of the upload.
    pub stored: Vec<ContentHash>,
}

/// Messages, as long as their values are no more than a push may have: packed values take far less room than read ones.
fn bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Message>, D::Error> {
    deserializer.deserialize_seq(Messages)
}

struct Messages;

impl<'de> de::Visitor<'de> for Messages {
    type Value = Vec<Message>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("messages")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut messages: Vec<Message> = Vec::new();
        let mut values = 0;
        while let Some(message) = elements.next_element::<Message>()? {
            if let Payload::Samples(sets) = &message.payload {
                values += sets.iter().map(|set| set.values.len()).sum::<usize>();
            }
            if values > PUSH_VALUES {
                return Err(de::Error::custom(format_args!("more than {PUSH_VALUES} health values in one push")));
            }
            messages.push(message);
        }
        Ok(messages)
    }
}

mod content {
    use super::Content;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
    use std::fmt::Write;

    impl Serialize for Content {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if !serializer.is_human_readable() {
                return serializer.serialize_bytes(&self.0);
            }
            let mut text = String::with_capacity(self.0.len() * 2);
            self.0.iter().try_for_each(|byte| write!(text, "{byte:02x}")).map_err(serde::ser::Error::custom)?;
            text.serialize(serializer)
        }
    }

    impl<'de> Deserialize<'de> for Content {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            if !deserializer.is_human_readable() {
                return deserializer.deserialize_byte_buf(Bytes);
            }
            let text = String::deserialize(deserializer)?;
            let digits = text.as_bytes();
            if digits.len() % 2 != 0 {
                return Err(de::Error::custom("an odd number of hexadecimal digits"));
            }
            let byte = |pair: &[u8]| {
                let high = char::from(pair[0]).to_digit(16)?;
                let low = char::from(pair[1]).to_digit(16)?;
                u8::try_from(high << 4 | low).ok()
            };
            let bytes: Option<Vec<u8>> = digits.chunks_exact(2).map(byte).collect();
            bytes.map(Self).ok_or_else(|| de::Error::custom("not hexadecimal"))
        }
    }

    struct Bytes;

    impl de::Visitor<'_> for Bytes {
        type Value = Content;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Content, E> {
            Ok(Content(bytes.to_vec()))
        }

        fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Content, E> {
            Ok(Content(bytes))
        }
    }
}
