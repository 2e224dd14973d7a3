//! Real tables against another parser's reading of them, and tables that lie.

use super::super::text::tidy;
use super::*;
use proptest::prelude::*;

/// A structure with its strings.
fn structure(kind: u8, handle: u16, formatted: &[u8], strings: &[&str]) -> Vec<u8> {
    let mut bytes = vec![kind, u8::try_from(formatted.len() + 4).expect("short")];
    bytes.extend(handle.to_le_bytes());
    bytes.extend(formatted);
    for string in strings {
        bytes.extend(string.as_bytes());
        bytes.push(0);
    }
    bytes.extend(if strings.is_empty() { &[0_u8, 0][..] } else { &[0] });
    bytes
}

fn end() -> Vec<u8> {
    structure(127, 0xffff, &[], &[])
}

/// An entry point of version 2 that counts structures.
fn counting(version: (u8, u8), structures: u8) -> Vec<u8> {
    let mut bytes = b"_SM_\0\x1f".to_vec();
    bytes.extend([version.0, version.1]);
    bytes.resize(0x1f, 0);
    bytes[0x1c] = structures;
    bytes
}

fn of_version(version: (u8, u8)) -> Option<Entry> {
    table::entry(&[b"_SM3_\0\x18".as_slice(), &[version.0, version.1, 0]].concat())
}

#[track_caller]
fn check_chassis(chassis: &[Vec<u8>], expected: Option<(&str, &str)>) {
    let board = structure(2, 0x50, &[0, 0, 0, 0, 0, 1, 0, 0x31, 0, 0x0a], &[]);
    let found = parse(&[board, chassis.concat(), end()].concat(), None).chassis;
    let found = found.as_ref().map(|chassis| (chassis.kind.as_deref().unwrap_or_default(), chassis.serial.as_deref().unwrap_or_default()));
    assert_eq!(found, expected);
}

#[test]
fn the_chassis_is_the_machines_own() {
    let chassis = |handle, kind, serial| structure(3, handle, &[1, kind, 0, 2], &["Maker", serial]);
    let (dock, laptop) = (chassis(0x30, 0x0c, "DOCK123"), chassis(0x32, 0x8a, "LAP123"));
    check_chassis(&[dock.clone(), laptop.clone()], Some(("notebook", "LAP123")));
    check_chassis(&[laptop, dock.clone()], Some(("notebook", "LAP123")));
    check_chassis(&[dock], None);
    let (enclosure, node) = (chassis(0x30, 0x19, "SHARED"), chassis(0x31, 0x17, "NODE1"));
    check_chassis(&[enclosure.clone(), node], Some(("rack_mount_chassis", "NODE1")));
    check_chassis(&[enclosure], Some(("multi_system_chassis", "SHARED")));
    check_chassis(&[chassis(0x30, 3, "OTHER"), chassis(0x31, 3, "BOARDS")], Some(("desktop", "BOARDS")));
    check_chassis(&[chassis(0x30, 3, "FIRST"), chassis(0x33, 3, "LAST")], Some(("desktop", "FIRST")));
}

#[track_caller]
fn check_board(boards: &[(u8, u8, &str)], expected: &str) {
    let boards = boards.iter().enumerate().map(|(at, &(kind, features, serial))| {
        structure(2, u16::try_from(at).expect("few"), &[0, 0, 0, 1, 0, features, 0, 0, 0, kind], &[serial])
    });
    let found = parse(&boards.chain([end()]).collect::<Vec<_>>().concat(), None).board.and_then(|board| board.serial);
    assert_eq!(found.as_deref(), Some(expected));
}

#[test]
fn the_board_is_the_motherboard() {
    check_board(&[(0x0b, 0, "RISER"), (0x0a, 1, "MAIN"), (0x0a, 1, "SECOND NODE")], "MAIN");
    check_board(&[(0x07, 0, "CONTROLLER"), (0x02, 0, "UNKNOWN")], "UNKNOWN");
    check_board(&[(0x02, 0, "PART"), (0x02, 1, "HOST")], "HOST");
    check_board(&[(0x07, 0, "ONLY")], "ONLY");
}

#[test]
fn the_version_decides_the_byte_order_of_the_uuid() {
    let mut formatted = vec![0; 0x14];
    formatted[4..].copy_from_slice(&(0x11..=0x20).collect::<Vec<u8>>());
    let table = [structure(1, 1, &formatted, &[]), end()].concat();
    let read = |entry| parse(&table, entry).system.and_then(|system| system.uuid);
    for new in [of_version((3, 3)), table::entry(&counting((2, 8), 2)), table::entry(&counting((2, 0x33), 2)), None] {
        assert_eq!(read(new).as_deref(), Some("14131211-1615-1817-191a-1b1c1d1e1f20"), "{new:?}");
    }
    let legacy = table::entry(b"_DMI_\0\0\0\0\0\0\0\x02\0\x20");
    for old in [table::entry(&counting((2, 4), 2)), table::entry(&counting((2, 0x1f), 2)), legacy] {
        assert_eq!(read(old).as_deref(), Some("11121314-1516-1718-191a-1b1c1d1e1f20"), "{old:?}");
    }
}

#[test]
fn an_unset_uuid_is_unknown() {
    for byte in [0, 0xff] {
        let table = structure(1, 1, &[&[0; 4][..], &[byte; 16]].concat(), &[]);
        assert_eq!(parse(&table, None).system.expect("a system").uuid, None);
    }
}

#[track_caller]
fn check_size(size: u16, extended: u32, expected: Option<u64>) {
    let mut formatted = vec![0; 0x50];
    formatted[0x08..0x0a].copy_from_slice(&size.to_le_bytes());
    formatted[0x0c] = 1;
    formatted[0x18..0x1c].copy_from_slice(&extended.to_le_bytes());
    let device = &parse(&structure(17, 1, &formatted, &["DIMM 0"]), None).memory[0];
    assert_eq!((device.slot.as_deref(), device.size_bytes, device.volatile_bytes), (Some("DIMM 0"), expected, expected));
}

#[test]
fn sizes_have_two_units_and_an_extension() {
    check_size(0, 0, None);
    check_size(0xffff, 0, None);
    check_size(0x4000, 0, Some(16 << 30));
    check_size(0x8200, 0, Some(512 << 10));
    check_size(0x8000, 0, None);
    check_size(0x7fff, 0x8000, Some(32 << 30));
    check_size(0x7fff, 0x8000_8000, Some(32 << 30));
    check_size(0x7fff, 0, None);
}

#[test]
fn error_correction_is_that_of_the_array_a_module_names() {
    let array = |handle, usage, correction| structure(16, handle, &[3, usage, correction, 0, 0, 0x10, 0, 0xfe, 0xff, 2, 0], &[]);
    let module = |handle, named: u16| {
        let [low, high] = named.to_le_bytes();
        structure(17, handle, &[&[low, high, 0, 0, 64, 0, 64, 0, 0, 4][..], &[0; 13]].concat(), &[])
    };
    let arrays = [array(0x10, 3, 6), array(0x11, 3, 3), array(0x12, 5, 3)].concat();
    let modules = [module(0x20, 0x10), module(0x21, 0x11), module(0x22, 0x12), module(0x23, 0x23)].concat();
    let found = parse(&[arrays, modules, end()].concat(), None);
    let ecc: Vec<_> = found.memory.iter().map(|device| device.ecc).collect();
    assert_eq!(ecc, [Some(true), Some(false), None], "firmware's flash is left out");
    let said: Vec<_> = found.memory_defects.iter().map(|defect| defect.what.as_str()).collect();
    assert_eq!(said, ["memory device 0x0023 names 0x0023, which is no memory array"]);
    assert_eq!(found.memory_arrays[0].maximum_bytes, Some(1 << 30));
    assert!(found.defects.is_empty());
}

#[track_caller]
fn check_defect(table: &[u8], entry: Option<Entry>, expected: Option<(usize, &str)>) {
    let found = parse(table, entry);
    assert_eq!(found.defects.first().map(|defect| (defect.at, defect.what.as_str())), expected);
}

#[test]
fn a_table_that_lies_is_read_up_to_the_lie() {
    let bios = structure(0, 7, &[1, 0, 0, 0, 0], &["Maker"]);
    let length = bios.len();
    let with = |rest: &[u8]| [&bios, rest].concat();
    check_defect(&with(&end()), None, None);
    check_defect(&bios, None, Some((length, "the table ends before its end marker")));
    check_defect(&bios, table::entry(&counting((2, 1), 1)), None);
    check_defect(&bios, table::entry(&counting((2, 1), 2)), Some((length, "the table ends before its end marker")));
    let short = "structure 0x0005 says that it has 0 bytes, less than a header; the rest is left out";
    check_defect(&with(&[1, 0, 5, 0, 0, 0, 1, 4, 0, 0, 0, 0]), None, Some((length, short)));
    check_defect(&with(&[1, 200, 5, 0, 0, 0]), None, Some((length, "structure 0x0005 says that it has 200 bytes, the table has 6 more")));
    check_defect(&with(&[1, 4, 5, 0, b'a', 0, b'b']), None, Some((length, "the texts of structure 0x0005 do not end")));
    check_defect(&[17, 0, 0, 0].repeat(1000), None, Some((0, "structure 0x0000 says that it has 0 bytes, less than a header; the rest is left out")));
    check_defect(&[], None, Some((0, "the table ends before its end marker")));
    let missing = [structure(1, 3, &[9, 1], &["Maker"]), end()].concat();
    check_defect(&missing, None, Some((0, "structure 0x0003 of type 1 names a text that it does not have")));
}

#[test]
fn a_power_supply_tells_its_power_and_presence() {
    let table = [structure(39, 1, &[1, 1, 2, 3, 4, 0, 5, 0, 0xee, 2, 3, 0], &["Bay 1", "PSU", "Maker", "S1", "P1"]), end()].concat();
    let expected = PowerSupply {
        location: Some("Bay 1".to_owned()),
        name: Some("PSU".to_owned()),
        manufacturer: Some("Maker".to_owned()),
        serial: Some("S1".to_owned()),
        part_number: Some("P1".to_owned()),
        max_watts: Some(750),
        present: Some(true),
        hot_replaceable: Some(true),
        ..PowerSupply::default()
    };
    assert_eq!(parse(&table, None).power_supplies, [expected]);
    let empty = [structure(39, 1, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0], &[]), end()].concat();
    assert_eq!((parse(&empty, None).power_supplies[0].max_watts, parse(&empty, None).power_supplies[0].present), (None, Some(false)));
}

#[test]
fn real_tables_read_as_another_parser_reads_them() {
    let Some(data) = std::env::var_os("ROLLCALL_TEST_DATA") else { return };
    let folder = std::path::Path::new(&data).join("smbios");
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).expect("smbios test data").flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "dmi") {
            let table = std::fs::read(entry.path()).expect("a table");
            let expected = std::fs::read(entry.path().with_extension("json")).expect("its reading");
            check_table(&table, &serde_json::from_slice(&expected).expect("JSON"));
            checked += 1;
        }
    }
    assert!(checked > 0);
}

/// The other parser turns this placeholder into no text; judging it is the server's business here.
fn shown(found: Option<&String>) -> Option<&str> {
    found.map(String::as_str).filter(|text| !text.eq_ignore_ascii_case("To Be Filled By O.E.M."))
}

#[track_caller]
fn same_texts(expected: &serde_json::Value, fields: &[(&str, &Option<String>)]) {
    for (key, found) in fields {
        let expected = expected[key].as_str().and_then(tidy);
        assert_eq!(shown(found.as_ref()), expected.as_deref(), "{key}");
    }
}

#[track_caller]
fn check_table(table: &[u8], expected: &serde_json::Value) {
    let number = |path: &str| expected.pointer(path).and_then(serde_json::Value::as_u64).and_then(|number| u8::try_from(number).ok());
    let version = (number("/Version/Major").expect("a version"), number("/Version/Minor").expect("a version"));
    let found = parse(table, of_version(version));
    let bios = found.bios.expect("type 0");
    same_texts(&expected["BIOSInformation"], &[("Vendor", &bios.vendor), ("Version", &bios.version), ("ReleaseDate", &bios.date)]);
    let system = found.system.expect("type 1");
    same_texts(
        &expected["SystemInformation"],
        &[
            ("Manufacturer", &system.manufacturer),
            ("ProductName", &system.product),
            ("Version", &system.version),
            ("SerialNumber", &system.serial),
            ("UUID", &system.uuid),
            ("SKUNumber", &system.sku),
            ("Family", &system.family),
        ],
    );
    let board = found.board.expect("type 2");
    same_texts(
        &expected["BaseboardInformation"],
        &[
            ("Manufacturer", &board.manufacturer),
            ("Product", &board.product),
            ("Version", &board.version),
            ("SerialNumber", &board.serial),
        ],
    );
    let chassis = found.chassis.expect("type 3");
    // The other parser leaves the asset tag out of this record.
    same_texts(&expected["SystemEnclosure"], &[("Manufacturer", &chassis.manufacturer), ("SerialNumber", &chassis.serial)]);
    check_processors(&found.processors, &expected["ProcessorInformation"]);
    check_memory(&found.memory_arrays, &found.memory, expected);
}

#[track_caller]
fn check_processors(found: &[Processor], expected: &serde_json::Value) {
    let expected = expected.as_array().cloned().unwrap_or_default();
    let populated: Vec<_> = expected.iter().filter(|processor| processor["Status"].as_u64().is_some_and(|status| status & 64 != 0)).collect();
    assert_eq!(found.len(), populated.len());
    for (found, expected) in found.iter().zip(populated) {
        same_texts(
            expected,
            &[
                ("ProcessorManufacturer", &found.manufacturer),
                ("ProcessorVersion", &found.version),
                ("PartNumber", &found.part_number),
            ],
        );
    }
}

#[track_caller]
fn check_memory(arrays: &[MemoryArray], found: &[MemoryDevice], expected: &serde_json::Value) {
    let array = &expected["PhysicalMemoryArray"];
    let correction = array["MemoryErrorCorrection"].as_u64().filter(|&code| code > 0);
    let maximum = match array["MaximumCapacity"].as_u64() {
        Some(0x8000_0000) => array["ExtendedMaximumCapacity"].as_u64(),
        kibibytes => kibibytes.filter(|&size| size > 0).map(|size| size << 10),
    };
    let slots = array["NumberOfMemoryDevices"].as_u64().filter(|&slots| slots > 0);
    let first = arrays.first();
    assert_eq!(first.and_then(|array| array.ecc), correction.map(|code| code >= 5));
    assert_eq!(first.and_then(|array| array.maximum_bytes), maximum);
    assert_eq!(first.and_then(|array| array.devices).map(u64::from), slots);
    let devices = expected["MemoryDevices"].as_array().cloned().unwrap_or_default();
    assert_eq!(found.len(), devices.len());
    for (device, expected) in found.iter().zip(&devices) {
        same_texts(
            expected,
            &[
                ("DeviceLocator", &device.slot),
                ("BankLocator", &device.bank),
                ("Manufacturer", &device.manufacturer),
                ("SerialNumber", &device.serial),
                ("PartNumber", &device.part_number),
            ],
        );
        let code = |key: &str| expected[key].as_u64().and_then(|code| u8::try_from(code).ok()).expect("a code");
        assert_eq!(device.form_factor.as_deref(), names::form_factor(code("FormFactor")));
        assert_eq!(device.memory_type.as_deref(), names::memory_type(code("MemoryType")));
        let above_zero = |key: &str| expected[key].as_u64().filter(|&number| number > 0);
        assert_eq!(device.speed_mts.map(u64::from), above_zero("Speed"));
        assert_eq!(device.configured_speed_mts.map(u64::from), above_zero("ConfiguredMemorySpeed"));
        let size = match expected["Size"].as_u64() {
            Some(0x7fff) => expected["ExtendedSize"].as_u64(),
            size => size.filter(|&size| size > 0),
        };
        assert_eq!(device.size_bytes, size.map(|mebibytes| mebibytes << 20));
        assert_eq!(device.ecc, correction.map(|code| code >= 5));
    }
}

#[test]
fn a_real_server_shows_its_power_supplies_and_a_broken_table_says_where() {
    let Some(data) = std::env::var_os("ROLLCALL_TEST_DATA") else { return };
    let read = |name: &str| parse(&std::fs::read(std::path::Path::new(&data).join("smbios").join(name)).expect("a table"), None);
    let server = read("Dell-PowerEdge-R630-Dual-Xeon.dmi");
    let supplies: Vec<_> = server.power_supplies.iter().map(|one| (one.serial.as_deref(), one.max_watts, one.hot_replaceable)).collect();
    assert_eq!(supplies, [(Some("PH1629861A00DA"), Some(750), Some(true)), (Some("PH1629861A00D8"), Some(750), Some(true))]);
    assert_eq!((server.defects, server.memory_defects), (Vec::new(), Vec::new()));
    let broken = read("HyperV.dmi");
    assert_eq!(broken.defects.first().map(|defect| defect.at), Some(478));
    let chassis = broken.chassis.expect("a chassis");
    assert_eq!((chassis.kind.as_deref(), chassis.asset_tag.as_deref()), (Some("desktop"), Some("1519-7810-4472-8775-7272-8851-12")));
    assert_eq!(server.chassis.and_then(|chassis| chassis.kind).as_deref(), Some("rack_mount_chassis"));
}

proptest! {
    #[test]
    fn no_table_panics(table in proptest::collection::vec(any::<u8>(), 0..600), entry in proptest::collection::vec(any::<u8>(), 0..40)) {
        let _ = parse(&table, None);
        let _ = parse(&table, table::entry(&[b"_SM_".as_slice(), &entry].concat()));
        let _ = (table::entry(&[b"_SM3_".as_slice(), &entry].concat()), table::entry(&[b"_DMI_".as_slice(), &entry].concat()));
    }

    #[test]
    fn no_structure_panics(kind in 0_u8..40, formatted in proptest::collection::vec(any::<u8>(), 0..120), cut in 0_usize..140) {
        let mut table = structure(kind, 1, &formatted, &["a", "b"]);
        table.truncate(cut);
        let _ = parse(&table, None);
    }
}
