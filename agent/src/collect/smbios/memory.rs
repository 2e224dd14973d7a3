//! Memory arrays (type 16) and the modules in them (type 17).

use super::names;
use super::table::{Defect, Structure};

/// Type 16.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MemoryArray {
    pub(super) handle: u16,
    /// What the memory is used for.
    usage: u8,
    /// Whether errors are corrected; none when firmware does not say.
    pub(crate) ecc: Option<bool>,
    /// Most that the array takes.
    pub(crate) maximum_bytes: Option<u64>,
    /// Slots.
    pub(crate) devices: Option<u16>,
}

/// Type 17.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemoryDevice {
    pub(crate) slot: Option<String>,
    pub(crate) bank: Option<String>,
    pub(crate) size_bytes: Option<u64>,
    /// The part of it that is working memory: not all of a persistent module is.
    pub(crate) volatile_bytes: Option<u64>,
    pub(crate) form_factor: Option<String>,
    pub(crate) memory_type: Option<String>,
    pub(crate) speed_mts: Option<u32>,
    pub(crate) configured_speed_mts: Option<u32>,
    pub(crate) manufacturer: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) part_number: Option<String>,
    pub(crate) ecc: Option<bool>,
}

impl MemoryArray {
    pub(super) fn read(s: &Structure<'_>) -> Self {
        // 0x80000000: see the extended field, in bytes; else in KiB.
        let maximum = match s.double(0x07) {
            Some(0x8000_0000) => s.quad(0x0f),
            kibibytes => kibibytes.map(|size| u64::from(size) << 10),
        };
        Self {
            handle: s.handle,
            usage: s.byte(0x05).unwrap_or_default(),
            ecc: ecc(s),
            maximum_bytes: maximum.filter(|&bytes| bytes > 0),
            devices: s.word(0x0d),
        }
    }

    /// Video memory, firmware's flash and caches are listed as arrays too.
    pub(crate) fn is_working_memory(&self) -> bool {
        const VIDEO: u8 = 4;
        const FLASH: u8 = 5;
        const NON_VOLATILE: u8 = 6;
        const CACHE: u8 = 7;
        !matches!(self.usage, VIDEO | FLASH | NON_VOLATILE | CACHE)
    }
}

fn ecc(s: &Structure<'_>) -> Option<bool> {
    // Error correction: 3 none, 4 parity, 5 single-bit, 6 multi-bit, 7 CRC; 1 and 2 say nothing.
    match s.byte(0x06)? {
        3 | 4 => Some(false),
        5..=7 => Some(true),
        _ => None,
    }
}

/// The modules of working memory with what their arrays say of them. An array is named by handle, one step, so that no reference
/// can lead in a circle; one that leads to no array leaves error correction unknown.
pub(super) fn devices(structures: &[Structure<'_>], arrays: &[MemoryArray], defects: &mut Vec<Defect>) -> Vec<MemoryDevice> {
    let mut found = Vec::new();
    for structure in structures.iter().filter(|structure| structure.kind == 17) {
        let named = structure.word(0x04);
        let array = arrays.iter().find(|array| Some(array.handle) == named);
        if array.is_some_and(|array| !array.is_working_memory()) {
            continue;
        }
        let device = MemoryDevice { ecc: array.and_then(|array| array.ecc), ..device(structure) };
        if array.is_none() && device.size_bytes.is_some() && !arrays.is_empty() {
            let what = format!("memory device {:#06x} names {:#06x}, which is no memory array", structure.handle, named.unwrap_or_default());
            defects.push(Defect { at: structure.at, what });
        }
        found.push(device);
    }
    found
}

fn device(s: &Structure<'_>) -> MemoryDevice {
    let size_bytes = size(s);
    MemoryDevice {
        slot: s.text(0x10),
        bank: s.text(0x11),
        size_bytes,
        volatile_bytes: volatile(s, size_bytes),
        form_factor: s.byte(0x0e).and_then(names::form_factor).map(str::to_owned),
        memory_type: s.byte(0x12).and_then(names::memory_type).map(str::to_owned),
        speed_mts: speed(s, 0x15, 0x54),
        configured_speed_mts: speed(s, 0x20, 0x58),
        manufacturer: s.text(0x17),
        serial: s.text(0x18),
        part_number: s.text(0x1a),
        ecc: None,
    }
}

/// 0: empty slot; 0xffff: unknown; 0x7fff: see the extended field, in MiB; bit 15: KiB instead of MiB.
fn size(s: &Structure<'_>) -> Option<u64> {
    match s.word(0x0c)? {
        0 | 0xffff => None,
        0x7fff => Some(u64::from(s.double(0x1c)? & 0x7fff_ffff) << 20).filter(|&size| size > 0),
        size if size & 0x8000 != 0 => Some(u64::from(size & 0x7fff) << 10).filter(|&size| size > 0),
        size => Some(u64::from(size) << 20),
    }
}

/// Persistent modules (technologies 4 to 7) tell how much of them is working memory; all of any other is.
fn volatile(s: &Structure<'_>, size: Option<u64>) -> Option<u64> {
    match s.byte(0x28) {
        Some(4..=7) => s.quad(0x3c).filter(|&bytes| bytes != u64::MAX && bytes != 0),
        _ => size,
    }
}

/// 0: unknown; 0xffff: see the extended field.
fn speed(s: &Structure<'_>, at: usize, extended: usize) -> Option<u32> {
    match s.word(at)? {
        0 => None,
        0xffff => s.double(extended).map(|speed| speed & 0x7fff_ffff).filter(|&speed| speed > 0),
        speed => Some(u32::from(speed)),
    }
}
