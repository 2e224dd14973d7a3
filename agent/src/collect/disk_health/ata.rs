//! SMART of ATA disks: the commands as SCSI's ATA PASS-THROUGH (16) carries them, the table of attributes with its thresholds, and
//! the registers that come back in the sense data.
//!
//! ATA/ATAPI Command Set and SCSI/ATA Translation; the meaning of an attribute is its vendor's, so that only those are read on which
//! vendors agree. Pure functions of bytes.

use crate::probe::DiskHealth;

/// Bytes of one sector, which both tables fill.
pub(super) const TABLE_BYTES: usize = 512;

/// READ DATA: the table of attributes.
pub(super) const READ_DATA: [u8; 16] = smart(0xd0, Transfer::OneSector);
/// READ THRESHOLDS: the table that belongs to it.
pub(super) const READ_THRESHOLDS: [u8; 16] = smart(0xd1, Transfer::OneSector);
/// RETURN STATUS: the disk's own judgement.
pub(super) const RETURN_STATUS: [u8; 16] = smart(0xda, Transfer::Registers);
/// CHECK POWER MODE: the one question that wakes no disk.
pub(super) const CHECK_POWER_MODE: [u8; 16] = {
    let mut command = smart(0, Transfer::Registers);
    (command[10], command[12], command[14]) = (0, 0, 0xe5);
    command
};

enum Transfer {
    OneSector,
    Registers,
}

/// ATA PASS-THROUGH (16) of a SMART command: protocol, flags, feature, count, the signature 4Fh C2h in the address, the command.
const fn smart(feature: u8, transfer: Transfer) -> [u8; 16] {
    let (protocol, flags, count) = match transfer {
        // PIO data-in; length in the count, in blocks, from the device.
        Transfer::OneSector => (4 << 1, 0x0e, 1),
        // Non-data; registers are wanted back.
        Transfer::Registers => (3 << 1, 0x20, 0),
    };
    [0x85, protocol, flags, 0, feature, 0, count, 0, 0, 0, 0x4f, 0, 0xc2, 0, 0xb0, 0]
}

/// The registers that a command left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Registers {
    count: u8,
    address_middle: u8,
    address_high: u8,
    status: u8,
}

impl Registers {
    /// From sense data in either format; none when it carries no registers.
    pub(super) fn parse(sense: &[u8]) -> Option<Self> {
        match sense.first()? & 0x7f {
            // Descriptors from byte 8; the one of ATA has code 9 and 12 bytes after its head.
            0x72 => {
                let mut rest = sense.get(8..)?;
                while let [code, length, ..] = rest {
                    let descriptor = rest.get(..usize::from(*length) + 2)?;
                    if (*code, *length) == (0x09, 0x0c) {
                        let &[_, _, _, _, _, count, _, _, _, address_middle, _, address_high, _, status] = descriptor else { return None };
                        return Some(Self { count, address_middle, address_high, status });
                    }
                    rest = rest.get(descriptor.len()..)?;
                }
                None
            }
            // Fixed: registers in the information fields, marked by "ATA PASS THROUGH INFORMATION AVAILABLE".
            0x70 => {
                let marked = sense.get(12..14)? == [0x00, 0x1d];
                let &[_, _, _, _, status, _, count, _, _, _, address_middle, address_high, ..] = sense else { return None };
                marked.then_some(Self { count, address_middle, address_high, status })
            }
            _ => None,
        }
    }

    /// The answer to RETURN STATUS; none when it is neither signature.
    pub(super) fn passed(self) -> Option<bool> {
        match (self.address_middle, self.address_high) {
            (0x4f, 0xc2) => Some(true),
            (0xf4, 0x2c) => Some(false),
            _ => None,
        }
    }

    /// The answer to CHECK POWER MODE: standby modes are 00h and 01h.
    pub(super) fn is_in_standby(self) -> bool {
        !self.is_error() && self.count <= 0x01
    }

    /// Whether the disk refused the command: SMART switched off, or not known to it.
    pub(super) fn is_error(self) -> bool {
        self.status & 0x01 != 0
    }
}

/// One attribute.
#[derive(Clone, Copy, Debug)]
struct Attribute {
    id: u8,
    /// Bit 0: falling to its threshold predicts a failure, not only age.
    flags: u16,
    /// Normalised: from 1 (worst) to 253, vendors begin at 100 or 200.
    value: u8,
    raw: [u8; 6],
}

/// Entries of a table.
const ATTRIBUTES: usize = 30;

/// Why a table was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TableError {
    /// Not a whole sector.
    #[error("the SMART table is cut short")]
    CutShort,
    /// Its bytes do not sum up to zero.
    #[error("the checksum of the SMART table is wrong")]
    Checksum,
    /// A disk without attributes has none.
    #[error("the SMART table is empty")]
    Empty,
}

/// The entries of 12 bytes of a table, after its two bytes of version.
fn entries(table: &[u8]) -> Result<impl Iterator<Item = &[u8; 12]>, TableError> {
    let table = table.get(..TABLE_BYTES).ok_or(TableError::CutShort)?;
    if table.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) != 0 {
        return Err(TableError::Checksum);
    }
    Ok(table[2..].as_chunks().0.iter().take(ATTRIBUTES).filter(|entry| entry[0] != 0))
}

/// What the table of attributes says. `thresholds` decide where the disk does not judge itself.
pub(super) fn parse(table: &[u8], thresholds: Option<&[u8]>, rotational: Option<bool>) -> Result<DiskHealth, TableError> {
    let attributes: Vec<Attribute> = entries(table)?.map(attribute).collect();
    if attributes.is_empty() {
        return Err(TableError::Empty);
    }
    let find = |id: u8| attributes.iter().find(|attribute| attribute.id == id);
    // Vendors that use the upper bytes put another count there.
    let count = |id: u8| find(id).map(|attribute| u64::from(u32::from_le_bytes([attribute.raw[0], attribute.raw[1], attribute.raw[2], attribute.raw[3]])));
    // Numbers that mean wear on solid-state disks meant other things on spinning ones.
    let solid = |id: u8| find(id).filter(|attribute| rotational == Some(false) && (1..=100).contains(&attribute.value));
    Ok(DiskHealth {
        passed: thresholds.and_then(|thresholds| judged(&attributes, thresholds)),
        temperature_celsius: find(194).and_then(temperature).or_else(|| find(190).and_then(temperature)),
        // The uppermost byte counts minutes or milliseconds on some: 24 bits of hours are 1,900 years.
        power_on_hours: count(9).map(|hours| hours & 0x00ff_ffff),
        percentage_used: [231, 177, 233].into_iter().find_map(solid).map(|attribute| 100 - attribute.value),
        available_spare_percent: solid(232).map(|attribute| attribute.value),
        media_errors: count(187),
        reallocated_sectors: count(5),
        pending_sectors: count(197),
        uncorrectable_sectors: count(198),
        crc_errors: count(199),
        unsafe_shutdowns: (rotational == Some(false)).then(|| count(174).or_else(|| count(192))).flatten(),
    })
}

fn attribute(entry: &[u8; 12]) -> Attribute {
    let [id, flags_low, flags_high, value, _worst, raw @ .., _reserved] = *entry;
    Attribute { id, flags: u16::from_le_bytes([flags_low, flags_high]), value, raw }
}

/// Degrees in the lowest byte; the rest holds extremes. A disk that says zero does not know.
fn temperature(attribute: &Attribute) -> Option<i32> {
    const PLAUSIBLE: std::ops::RangeInclusive<i32> = -40..=125;
    Some(i32::from(attribute.raw[0].cast_signed())).filter(|degrees| *degrees != 0 && PLAUSIBLE.contains(degrees))
}

/// Whether no attribute that predicts a failure has fallen to its threshold; none without usable thresholds.
fn judged(attributes: &[Attribute], thresholds: &[u8]) -> Option<bool> {
    const PREDICTS_FAILURE: u16 = 1;
    // FEh and FFh are test values; 0 never fails.
    let usable: Vec<(u8, u8)> = entries(thresholds).ok()?.map(|entry| (entry[0], entry[1])).filter(|(_, limit)| (1..=0xfd).contains(limit)).collect();
    let fallen = |attribute: &Attribute| {
        let limit = usable.iter().find(|(id, _)| *id == attribute.id).map(|(_, limit)| *limit);
        attribute.flags & PREDICTS_FAILURE != 0 && (1..=0xfd).contains(&attribute.value) && limit.is_some_and(|limit| attribute.value <= limit)
    };
    (!usable.is_empty()).then(|| !attributes.iter().any(fallen))
}

#[cfg(test)]
mod tests;
