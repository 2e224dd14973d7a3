//! rpm's own database format, ndb: a list of slots, each of which points to one blob. All numbers are little-endian.

use super::super::super::positioned::{Order, Positioned, word32};
use super::{Blobs, HEADER_BYTES, Visit};
use rollcall_shared::limits::SECTION_ROWS;

/// Slots lie on pages of this size at the beginning of the file.
const PAGE: u64 = 4096;

const SLOT: usize = 16;

/// Offsets and lengths of blobs are counted in blocks.
const BLOCK: u64 = 16;

/// Magic, package number, generation, length.
const BLOB_HEAD: usize = 16;

/// Checksum, length, magic.
const BLOB_TAIL: usize = 12;

/// A database in ndb format.
pub(super) struct Ndb<'s>(pub(super) Positioned<'s>);

#[derive(Clone, Copy)]
struct Slot {
    package: u32,
    offset: u64,
    length: u64,
}

impl Blobs for Ndb<'_> {
    fn each(&mut self, visit: &mut Visit<'_>) -> Result<(), String> {
        // Slots that overlap could make hostile input cost more than its size.
        let mut room = self.0.length();
        for slot in self.slots()? {
            room = room.checked_sub(slot.length).ok_or("its blobs overlap")?;
            let blob = self.blob(slot);
            if !visit(u64::from(slot.package), blob) {
                break;
            }
        }
        Ok(())
    }

    fn is_steady(&self) -> bool {
        self.0.is_steady()
    }
}

impl Ndb<'_> {
    fn slots(&mut self) -> Result<Vec<Slot>, String> {
        let head = self.0.at(0, 2 * SLOT).map_err(|_| "not an ndb database")?;
        let word = |at| word32(head, at, Order::Little).unwrap_or_default();
        if !head.starts_with(b"RpmP") || word(4) != 0 {
            return Err("not an ndb database, or of a version that is not known".to_owned());
        }
        let end = u64::from(word(12)) * PAGE;
        let mut slots = Vec::new();
        // The header takes the room of the first two slots.
        for at in (2 * SLOT as u64..end).step_by(SLOT) {
            let slot = self.0.at(at, SLOT)?;
            let word = |at| word32(slot, at, Order::Little).unwrap_or_default();
            if !slot.starts_with(b"Slot") {
                return Err(format!("no slot at {at}"));
            }
            let (package, offset, length) = (word(4), u64::from(word(8)) * BLOCK, u64::from(word(12)) * BLOCK);
            if slots.len() > SECTION_ROWS {
                return Err(format!("more than {SECTION_ROWS} packages"));
            }
            if package != 0 && offset != 0 {
                slots.push(Slot { package, offset, length });
            }
        }
        slots.sort_unstable_by_key(|slot| slot.offset);
        Ok(slots)
    }

    fn blob(&mut self, slot: Slot) -> Result<&[u8], String> {
        let whole = usize::try_from(slot.length).ok().filter(|&length| length <= HEADER_BYTES + BLOB_HEAD + BLOB_TAIL + SLOT);
        let whole = self.0.at(slot.offset, whole.ok_or_else(|| format!("larger than {HEADER_BYTES} bytes"))?)?;
        let (body, tail) = whole.len().checked_sub(BLOB_TAIL).and_then(|at| whole.split_at_checked(at)).ok_or("the blob is truncated")?;
        let head = |at| word32(body, at, Order::Little);
        let end = |at| word32(tail, at, Order::Little);
        if !body.starts_with(b"BlbS") || !tail.ends_with(b"BlbE") || head(4) != Some(slot.package) || head(12) != end(4) {
            return Err("not the blob that its slot promises".to_owned());
        }
        if end(0) != Some(adler32(body)) {
            return Err("its checksum is wrong".to_owned());
        }
        let length = head(12).and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
        body.get(BLOB_HEAD..).and_then(|blob| blob.get(..length)).ok_or_else(|| "the blob is truncated".to_owned())
    }
}

/// RFC 1950, section 8.2.
pub(super) fn adler32(bytes: &[u8]) -> u32 {
    const BASE: u32 = 65_521;
    // So many bytes cannot overflow the sums.
    const SPAN: usize = 5552;
    let (mut low, mut high) = (1_u32, 0_u32);
    for span in bytes.chunks(SPAN) {
        for &byte in span {
            low += u32::from(byte);
            high += low;
        }
        (low, high) = (low % BASE, high % BASE);
    }
    high << 16 | low
}
