//! The SMBIOS structure table (DSP0134), types 0 to 4, 16 and 17.
//!
//! The table is firmware's word and hostile input: every length is checked against what is left, every step moves forward, and what
//! cannot be read is left out. Texts are raw but trimmed; judging placeholders is the server's business.

use super::text::tidy;
use super::{Failure, Scope};

mod names;

/// Bytes of a structure table; the length field of the 64-bit entry point would allow 4 GiB, real ones have some 10 KiB.
const TABLE_BYTES: usize = 1 << 20;

/// Structures looked at; handles are 16-bit.
const STRUCTURES: usize = 1 << 16;

/// What firmware says of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Smbios {
    pub(crate) bios: Option<Bios>,
    pub(crate) system: Option<SystemInformation>,
    pub(crate) board: Option<Board>,
    pub(crate) chassis: Option<Chassis>,
    pub(crate) processors: Vec<Processor>,
    pub(crate) memory: Vec<MemoryDevice>,
    /// Whether the table ended before its end marker.
    pub(crate) truncated: bool,
}

/// Type 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bios {
    pub(crate) vendor: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) date: Option<String>,
}

/// Type 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SystemInformation {
    pub(crate) manufacturer: Option<String>,
    pub(crate) product: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) uuid: Option<String>,
    pub(crate) sku: Option<String>,
    pub(crate) family: Option<String>,
}

/// Type 2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Board {
    pub(crate) manufacturer: Option<String>,
    pub(crate) product: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) serial: Option<String>,
}

/// Type 3.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chassis {
    pub(crate) kind: Option<String>,
    pub(crate) manufacturer: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) asset_tag: Option<String>,
}

/// Type 4, of a populated socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Processor {
    pub(crate) manufacturer: Option<String>,
    pub(crate) version: Option<String>,
}

/// Type 17.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemoryDevice {
    pub(crate) slot: Option<String>,
    pub(crate) bank: Option<String>,
    pub(crate) size_bytes: Option<u64>,
    pub(crate) form_factor: Option<String>,
    pub(crate) memory_type: Option<String>,
    pub(crate) speed_mts: Option<u32>,
    pub(crate) configured_speed_mts: Option<u32>,
    pub(crate) manufacturer: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) part_number: Option<String>,
    pub(crate) ecc: Option<bool>,
}

/// Reads the table; none when the machine has none. Without privileges it is there and may not be read: an error.
pub(crate) fn read(scope: &Scope<'_>) -> Result<Option<Smbios>, Failure> {
    let Some(table) = scope.bytes("/sys/firmware/dmi/tables/DMI", TABLE_BYTES)? else { return Ok(None) };
    let entry = scope.bytes("/sys/firmware/dmi/tables/smbios_entry_point", 64)?;
    Ok(Some(parse(&table, entry.as_deref().and_then(version))))
}

/// The standard's word for a chassis type.
pub(crate) fn chassis_type(code: u8) -> Option<&'static str> {
    names::chassis(code & 0x7f)
}

/// The standard's version that an entry point names.
pub(crate) fn version(entry: &[u8]) -> Option<(u8, u8)> {
    let at = if entry.starts_with(b"_SM3_") { 7 } else if entry.starts_with(b"_SM_") { 6 } else { return None };
    Some((*entry.get(at)?, *entry.get(at + 1)?))
}

/// Reads a structure table; `version` decides the byte order of the UUID (2.6 and later: little-endian fields).
pub(crate) fn parse(table: &[u8], version: Option<(u8, u8)>) -> Smbios {
    let mut found = Smbios { truncated: true, ..Smbios::default() };
    let mut board_is_main = false;
    let mut arrays: Vec<(u16, Option<bool>)> = Vec::new();
    let mut devices: Vec<(Option<u16>, MemoryDevice)> = Vec::new();
    for structure in structures(table) {
        match structure.kind {
            0 if found.bios.is_none() => found.bios = Some(bios(&structure)),
            1 if found.system.is_none() => found.system = Some(system(&structure, version)),
            2 => keep_main_board(&mut found.board, &mut board_is_main, &structure),
            3 if found.chassis.is_none() && !is_dock(&structure) => found.chassis = Some(chassis(&structure)),
            4 => found.processors.extend(processor(&structure)),
            16 => arrays.push((structure.handle, ecc(&structure))),
            17 => devices.push((structure.word(0x04), memory_device(&structure))),
            127 => found.truncated = false,
            _ => {}
        }
    }
    found.memory = devices
        .into_iter()
        .map(|(array, device)| {
            let ecc = array.and_then(|array| arrays.iter().find(|(handle, _)| *handle == array)).and_then(|(_, ecc)| *ecc);
            MemoryDevice { ecc, ..device }
        })
        .collect();
    found
}

struct Structure<'a> {
    kind: u8,
    handle: u16,
    formatted: &'a [u8],
    strings: &'a [u8],
}

impl Structure<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.formatted.get(at).copied()
    }

    fn word(&self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes([self.byte(at)?, self.byte(at + 1)?]))
    }

    fn double(&self, at: usize) -> Option<u32> {
        Some(u32::from(self.word(at)?) | u32::from(self.word(at + 2)?) << 16)
    }

    /// The string whose number, from 1, is at this offset.
    fn text(&self, at: usize) -> Option<String> {
        let number = usize::from(self.byte(at)?).checked_sub(1)?;
        let raw = self.strings.split(|&byte| byte == 0).nth(number)?;
        tidy(&String::from_utf8_lossy(raw))
    }
}

/// Walks the table up to its end marker or to the first structure that does not fit.
fn structures(table: &[u8]) -> impl Iterator<Item = Structure<'_>> {
    let mut rest = table;
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let &[kind, length, low, high, ..] = rest else { return None };
        // A header has four bytes; a shorter length would stand still.
        let (formatted, tail) = rest.split_at_checked(usize::from(length).max(4))?;
        let end = tail.windows(2).position(|pair| pair == [0, 0]).unwrap_or(tail.len());
        rest = tail.get(end + 2..).unwrap_or_default();
        ended = kind == 127;
        Some(Structure { kind, handle: u16::from_le_bytes([low, high]), formatted, strings: &tail[..end] })
    })
    .take(STRUCTURES)
}

fn bios(s: &Structure<'_>) -> Bios {
    Bios { vendor: s.text(0x04), version: s.text(0x05), date: s.text(0x08) }
}

fn system(s: &Structure<'_>, version: Option<(u8, u8)>) -> SystemInformation {
    SystemInformation {
        manufacturer: s.text(0x04),
        product: s.text(0x05),
        version: s.text(0x06),
        serial: s.text(0x07),
        uuid: s.formatted.get(0x08..0x18).and_then(|bytes| uuid(bytes, version.is_none_or(|version| version >= (2, 6)))),
        sku: s.text(0x19),
        family: s.text(0x1a),
    }
}

/// All zeros: not set; all ones: not present. Neither is an identity.
fn uuid(bytes: &[u8], little_endian: bool) -> Option<String> {
    let mut order: [usize; 16] = std::array::from_fn(|at| at);
    if little_endian {
        order[..8].copy_from_slice(&[3, 2, 1, 0, 5, 4, 7, 6]);
    }
    if bytes.len() != 16 || bytes.iter().all(|&byte| byte == 0) || bytes.iter().all(|&byte| byte == 0xff) {
        return None;
    }
    let mut text = String::with_capacity(36);
    for (position, &from) in order.iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{:02x}", bytes[from]));
    }
    Some(text)
}

/// Blades and risers have board records too: the motherboard's wins over the first.
fn keep_main_board(kept: &mut Option<Board>, kept_is_main: &mut bool, s: &Structure<'_>) {
    const MOTHERBOARD: u8 = 0x0a;
    let is_main = s.byte(0x0d) == Some(MOTHERBOARD);
    if kept.is_none() || (is_main && !*kept_is_main) {
        *kept_is_main = is_main;
        *kept = Some(Board { manufacturer: s.text(0x04), product: s.text(0x05), version: s.text(0x06), serial: s.text(0x07) });
    }
}

/// A second chassis record is a dock's: its serial travels between machines.
fn is_dock(s: &Structure<'_>) -> bool {
    const DOCKING_STATION: u8 = 0x0c;
    s.byte(0x05).is_some_and(|kind| kind & 0x7f == DOCKING_STATION)
}

fn chassis(s: &Structure<'_>) -> Chassis {
    Chassis {
        kind: s.byte(0x05).and_then(|kind| names::chassis(kind & 0x7f)).map(str::to_owned),
        manufacturer: s.text(0x04),
        serial: s.text(0x07),
        asset_tag: s.text(0x08),
    }
}

fn processor(s: &Structure<'_>) -> Option<Processor> {
    const POPULATED: u8 = 1 << 6;
    let populated = s.byte(0x18)? & POPULATED != 0;
    populated.then(|| Processor { manufacturer: s.text(0x07), version: s.text(0x10) })
}

fn ecc(s: &Structure<'_>) -> Option<bool> {
    // Error correction: 3 none, 4 parity, 5 single-bit, 6 multi-bit, 7 CRC; 1 and 2 say nothing.
    match s.byte(0x06)? {
        3 | 4 => Some(false),
        5..=7 => Some(true),
        _ => None,
    }
}

fn memory_device(s: &Structure<'_>) -> MemoryDevice {
    MemoryDevice {
        slot: s.text(0x10),
        bank: s.text(0x11),
        size_bytes: memory_size(s),
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
fn memory_size(s: &Structure<'_>) -> Option<u64> {
    match s.word(0x0c)? {
        0 | 0xffff => None,
        0x7fff => Some(u64::from(s.double(0x1c)? & 0x7fff_ffff) << 20).filter(|&size| size > 0),
        size if size & 0x8000 != 0 => Some(u64::from(size & 0x7fff) << 10),
        size => Some(u64::from(size) << 20),
    }
}

/// 0: unknown; 0xffff: see the extended field.
fn speed(s: &Structure<'_>, at: usize, extended: usize) -> Option<u32> {
    match s.word(at)? {
        0 => None,
        0xffff => s.double(extended).filter(|&speed| speed > 0),
        speed => Some(u32::from(speed)),
    }
}

#[cfg(test)]
mod tests;
