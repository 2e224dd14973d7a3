//! The SMBIOS structure table (DSP0134), types 0 to 4, 16, 17 and 39.
//!
//! The table is firmware's word and hostile input: every length is checked against what is left, every step moves forward, and where
//! it stops making sense the reading stops and says at which byte. Texts are raw but trimmed; judging placeholders is the server's
//! business.

use super::{Failure, Scope, virtualisation};

mod memory;
mod names;
mod table;

pub(crate) use memory::{MemoryArray, MemoryDevice};
pub(crate) use table::{Defect, Entry};
use table::{Structure, structures};

/// Where the kernel shows the table; needs privileges.
pub(crate) const TABLE: &str = "/sys/firmware/dmi/tables/DMI";

const ENTRY_POINT: &str = "/sys/firmware/dmi/tables/smbios_entry_point";

/// Bytes of a structure table; the length field of the 64-bit entry point would allow 4 GiB, real ones have some 10 KiB.
const TABLE_BYTES: usize = 1 << 20;

/// What firmware says of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Smbios {
    pub(crate) bios: Option<Bios>,
    pub(crate) system: Option<SystemInformation>,
    pub(crate) board: Option<Board>,
    pub(crate) chassis: Option<Chassis>,
    /// Of populated sockets.
    pub(crate) processors: Vec<Processor>,
    pub(crate) memory_arrays: Vec<MemoryArray>,
    pub(crate) memory: Vec<MemoryDevice>,
    pub(crate) power_supplies: Vec<PowerSupply>,
    /// What is wrong with the table; there is one of a broken walk at most.
    pub(crate) defects: Vec<Defect>,
    /// What is wrong with its memory devices only.
    pub(crate) memory_defects: Vec<Defect>,
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
    /// Handle of the chassis that it is in.
    chassis: Option<u16>,
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
    pub(crate) part_number: Option<String>,
}

/// Type 39.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PowerSupply {
    pub(crate) location: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) manufacturer: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) asset_tag: Option<String>,
    pub(crate) part_number: Option<String>,
    pub(crate) revision: Option<String>,
    pub(crate) max_watts: Option<u32>,
    pub(crate) present: Option<bool>,
    pub(crate) hot_replaceable: Option<bool>,
}

/// Reads the table and notes what is wrong with it; none when the machine has none. Without privileges it is there and may not be
/// read: an error.
pub(crate) fn read(scope: &Scope<'_>) -> Result<Option<Smbios>, Failure> {
    let Some(table) = scope.bytes(TABLE, TABLE_BYTES)? else { return Ok(None) };
    let entry = scope.bytes(ENTRY_POINT, 64)?;
    let found = parse(&table, entry.as_deref().and_then(table::entry));
    note(scope, &found.defects);
    Ok(Some(found))
}

/// Notes what is wrong, with its place.
pub(crate) fn note(scope: &Scope<'_>, defects: &[Defect]) {
    for defect in defects {
        scope.problem(Failure::malformed(TABLE, defect.at, defect.what.clone()));
    }
}

/// The table for a section that has no other source; why there is none, otherwise. `what` completes "the … are the host's".
pub(crate) fn required(scope: &Scope<'_>, what: &str) -> Result<Smbios, Failure> {
    if virtualisation::container(scope).is_some() {
        return Err(Failure::Skipped(format!("in a container: the {what} are the host's")));
    }
    match read(scope) {
        Ok(Some(table)) => Ok(table),
        // The kernel's copy of some of it shows that there is one; who captures a tree without privileges gets no more.
        Ok(None) if scope.root().exists("/sys/class/dmi/id") => Err(Failure::Skipped(format!("this machine has SMBIOS, but {TABLE} is not there"))),
        Ok(None) => Err(Failure::Skipped("this machine has no SMBIOS".to_owned())),
        Err(Failure::Read(error)) if error.is_denied() => Err(Failure::Skipped(format!("needs privileges: {error}"))),
        Err(failure) => Err(failure),
    }
}

/// The standard's word for a chassis type.
pub(crate) fn chassis_type(code: u8) -> Option<&'static str> {
    names::chassis(code & 0x7f)
}

/// Reads a structure table; the entry point's version decides the byte order of the UUID.
pub(crate) fn parse(table: &[u8], entry: Option<Entry>) -> Smbios {
    let (all, broken) = structures(table, entry);
    let of = |kind: u8| all.iter().filter(move |structure| structure.kind == kind);
    let board = main_board(of(2));
    let chassis = own_chassis(of(3), board.as_ref().and_then(|board| board.chassis));
    let memory_arrays: Vec<MemoryArray> = of(16).map(MemoryArray::read).collect();
    let mut memory_defects = Vec::new();
    let mut found = Smbios {
        bios: of(0).next().map(bios),
        system: of(1).next().map(|structure| system(structure, entry)),
        board,
        chassis,
        processors: of(4).filter_map(processor).collect(),
        memory: memory::devices(&all, &memory_arrays, &mut memory_defects),
        memory_arrays,
        power_supplies: of(39).map(power_supply).collect(),
        defects: broken.into_iter().collect(),
        memory_defects,
    };
    // One tells that the table lies about its texts; a list of them would tell no more.
    found.defects.extend(all.iter().find_map(Structure::defect));
    found
}

fn bios(s: &Structure<'_>) -> Bios {
    Bios { vendor: s.text(0x04), version: s.text(0x05), date: s.text(0x08) }
}

fn system(s: &Structure<'_>, entry: Option<Entry>) -> SystemInformation {
    // From 2.6 on the first three fields are little-endian; a table without entry point is of our days.
    let little_endian = entry.is_none_or(|entry| entry.version >= (2, 6));
    SystemInformation {
        manufacturer: s.text(0x04),
        product: s.text(0x05),
        version: s.text(0x06),
        serial: s.text(0x07),
        uuid: s.formatted.get(0x08..0x18).and_then(|bytes| uuid(bytes, little_endian)),
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

/// Risers, controllers and other nodes have board records too: the motherboard's wins, then one that hosts others, then the first.
fn main_board<'a>(boards: impl Iterator<Item = &'a Structure<'a>>) -> Option<Board> {
    let rank = |s: &&Structure<'_>| {
        let place = match s.byte(0x0d) {
            // Motherboard.
            Some(0x0a) => 0,
            // Server blade; processor with memory or I/O.
            Some(0x03 | 0x0b | 0x0c) => 1,
            // Unknown, other, or a record from before there were types.
            None | Some(0..=2) => 2,
            Some(_) => 3,
        };
        let hosts_others = s.byte(0x09).is_some_and(|features| features & 1 != 0);
        (place, !hosts_others)
    };
    let s = boards.min_by_key(rank)?;
    Some(Board {
        manufacturer: s.text(0x04),
        product: s.text(0x05),
        version: s.text(0x06),
        serial: s.text(0x07),
        chassis: s.word(0x0b),
    })
}

/// The chassis that travels with the machine. A docking station's never is; one that several machines share (multi-system chassis,
/// blade enclosure) or that holds parts only (expansion, peripherals, RAID) counts only when there is no other.
fn own_chassis<'a>(chassis: impl Iterator<Item = &'a Structure<'a>>, of_board: Option<u16>) -> Option<Chassis> {
    const DOCKING_STATION: u8 = 0x0c;
    let kind = |s: &Structure<'_>| s.byte(0x05).unwrap_or_default() & 0x7f;
    let rank = |s: &&Structure<'_>| (matches!(kind(s), 0x12..=0x16 | 0x19 | 0x1d), Some(s.handle) != of_board);
    let s = chassis.filter(|s| kind(s) != DOCKING_STATION).min_by_key(rank)?;
    Some(Chassis {
        kind: s.byte(0x05).and_then(chassis_type).map(str::to_owned),
        manufacturer: s.text(0x04),
        serial: s.text(0x07),
        asset_tag: s.text(0x08),
    })
}

fn processor(s: &Structure<'_>) -> Option<Processor> {
    const POPULATED: u8 = 1 << 6;
    let populated = s.byte(0x18)? & POPULATED != 0;
    populated.then(|| Processor { manufacturer: s.text(0x07), version: s.text(0x10), part_number: s.text(0x22) })
}

fn power_supply(s: &Structure<'_>) -> PowerSupply {
    const UNKNOWN_WATTS: u16 = 0x8000;
    const HOT_REPLACEABLE: u16 = 1;
    const PRESENT: u16 = 1 << 1;
    let flag = |mask: u16| s.word(0x0e).map(|flags| flags & mask != 0);
    PowerSupply {
        location: s.text(0x05),
        name: s.text(0x06),
        manufacturer: s.text(0x07),
        serial: s.text(0x08),
        asset_tag: s.text(0x09),
        part_number: s.text(0x0a),
        revision: s.text(0x0b),
        max_watts: s.word(0x0c).filter(|&watts| watts != UNKNOWN_WATTS && watts > 0).map(u32::from),
        present: flag(PRESENT),
        hot_replaceable: flag(HOT_REPLACEABLE),
    }
}

#[cfg(test)]
mod tests;
