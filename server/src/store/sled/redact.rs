//! Taking out of the store what the law wants to be erased: the one place that changes what was acknowledged.
//!
//! What sled has freed it overwrites when it needs the room, so that the bytes may be found on the disk for some time still; whoever
//! must be sure of those keeps the directory on an encrypted device, or copies it to a fresh one.

use super::disk::{Disk, Plan};
use super::value::{self, Kind, Packed};
use super::{PACK_LEVEL, first_pack, pack, upkeep};
use crate::store::StoreError;
use rollcall_shared::ContentHash;
use std::collections::{BTreeMap, BTreeSet};

/// Replaces log records, pack by pack.
pub fn records(disk: &Disk, records: &BTreeMap<u64, Vec<u8>>) -> Result<(), StoreError> {
    disk.check_not_failed()?;
    let mut next = records.keys().next().copied();
    while let Some(revision) = next {
        let first = first_pack(disk, revision)?;
        let id = first.to_be_bytes();
        let malformed = || StoreError::Corrupt { subject: format!("log pack {first}"), cause: "it is missing or malformed".into() };
        let found = value::get(disk, Kind::Log, &id)?.ok_or_else(malformed)?;
        let known = pack::unpack(&found.plain).ok_or_else(malformed)?;
        let end = first + known.len() as u64;
        if revision >= end {
            return Err(StoreError::Corrupt { subject: "log".into(), cause: format!("record {revision} is missing") });
        }
        let kept = (first..).zip(known).map(|(revision, bytes)| records.get(&revision).map_or(bytes, Vec::as_slice));
        let plain: Vec<u8> = kept.flat_map(framed).collect();
        let generation = found.generation + 1;
        let mut plan = Plan::default();
        Packed { kind: Kind::Log, id: &id, generation, plain: &plain, level: PACK_LEVEL }.plan(&mut plan, false)?;
        disk.write(plan)?;
        upkeep::remove_all(disk, value::stale_chunks(disk, Kind::Log, &id, generation)?)?;
        next = records.range(end..).next().map(|(revision, _)| *revision);
    }
    Ok(())
}

/// A record as it lies in a pack. One pack stays one pack, whatever its records grow to: its number is that of its first.
fn framed(record: &[u8]) -> Vec<u8> {
    let length = u32::try_from(record.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length, record].concat()
}

/// Removes contents.
pub fn contents(disk: &Disk, kind: Kind, hashes: &BTreeSet<ContentHash>) -> Result<(), StoreError> {
    disk.check_not_failed()?;
    for hash in hashes {
        let mut keys = vec![kind.head_key(&hash.0)];
        keys.extend(value::stale_chunks(disk, kind, &hash.0, u64::MAX)?);
        upkeep::remove_all(disk, keys)?;
    }
    Ok(())
}
