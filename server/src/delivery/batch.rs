//! Batches: which records of the log go into the next request.

use super::worker::Courier;
use crate::engine::EngineError;
use rollcall_domain::Record;
use rollcall_domain::delivery::Channel;
use rollcall_domain::delivery::feed::Wanted;
use rollcall_shared::Timestamp;

/// Bytes of the records of one request; one that is larger goes alone.
const BYTES: usize = 256 << 10;

/// Records read at once.
const READ: usize = 200;

/// Records of one request, each with its JSON, in the order of the log. Never empty.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Revision and text of each.
    pub records: Vec<(u64, String)>,
    /// When the last of them was decided.
    pub at: Timestamp,
}

impl Batch {
    /// Revision of the first record.
    pub fn first(&self) -> u64 {
        self.records.first().map_or(0, |(revision, _)| *revision)
    }

    /// Revision of the last record.
    pub fn last(&self) -> u64 {
        self.records.last().map_or(0, |(revision, _)| *revision)
    }
}

/// The next records that a channel wants, after `position` and up to `end`. What it does not want before the first of them is
/// behind it for good: `position` moves past that.
///
/// # Errors
/// When the log cannot be read.
pub async fn collect(
    courier: &Courier,
    channel: &Channel,
    position: &mut u64,
    end: u64,
    limit: usize,
) -> Result<Option<Batch>, EngineError> {
    let (mut records, mut bytes, mut after, mut at) = (Vec::new(), 0, *position, Timestamp(0));
    'read: while after < end && records.len() < limit {
        let read = courier.engine.records(after, READ).await?;
        if read.is_empty() {
            break;
        }
        for (record, text) in read.iter().zip(wanted(courier, &channel.wanted, &read)) {
            if let Some(text) = text {
                bytes += text.len();
                if records.len() == limit || (bytes > BYTES && !records.is_empty()) {
                    break 'read;
                }
                records.push((record.revision, text));
                at = record.at;
            }
            after = record.revision;
            if records.is_empty() {
                *position = after;
            }
        }
    }
    Ok((!records.is_empty()).then_some(Batch { records, at }))
}

/// The text of each record that is wanted.
fn wanted(courier: &Courier, wanted: &Wanted, read: &[Record]) -> Vec<Option<String>> {
    let shown: Vec<_> = read.iter().map(|record| (courier.show)(record)).collect();
    courier.engine.read(|world| {
        let texts = read.iter().zip(&shown).map(|(record, shown)| {
            let shown = shown.as_ref()?;
            let kind = shown["type"].as_str().unwrap_or_default();
            wanted.keeps(world, record, kind).then(|| shown.to_string())
        });
        texts.collect()
    })
}
