//! Real tables against another parser's reading of them, and tables that lie.

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

#[test]
fn a_dock_is_never_the_chassis() {
    let dock = structure(3, 1, &[1, 0x0c, 0, 2], &["Dock Maker", "DOCK123"]);
    let laptop = structure(3, 2, &[1, 0x8a, 0, 2], &["Maker", "LAP123"]);
    let found = parse(&[dock, laptop, end()].concat(), None);
    let chassis = found.chassis.expect("a chassis");
    assert_eq!((chassis.kind.as_deref(), chassis.serial.as_deref()), (Some("notebook"), Some("LAP123")));
    assert!(!found.truncated);
}

#[test]
fn the_version_decides_the_byte_order_of_the_uuid() {
    let mut formatted = vec![0; 0x14];
    formatted[4..].copy_from_slice(&(0x11..=0x20).collect::<Vec<u8>>());
    let table = [structure(1, 1, &formatted, &[]), end()].concat();
    let read = |version| parse(&table, version).system.and_then(|system| system.uuid);
    assert_eq!(read(Some((2, 8))).as_deref(), Some("14131211-1615-1817-191a-1b1c1d1e1f20"));
    assert_eq!(read(Some((2, 4))).as_deref(), Some("11121314-1516-1718-191a-1b1c1d1e1f20"));
}

#[test]
fn an_unset_uuid_is_unknown() {
    for byte in [0, 0xff] {
        let table = structure(1, 1, &[&[0; 4][..], &[byte; 16]].concat(), &[]);
        assert_eq!(parse(&table, None).system.expect("a system").uuid, None);
    }
}

#[test]
fn an_empty_slot_has_no_size() {
    let mut formatted = vec![0; 0x18];
    formatted[0x0c] = 1;
    let device = &parse(&structure(17, 1, &formatted, &["DIMM 0"]), None).memory[0];
    assert_eq!((device.slot.as_deref(), device.size_bytes), (Some("DIMM 0"), None));
}

#[test]
fn a_table_that_stands_still_or_ends_early_ends() {
    assert!(parse(&[17, 0, 0, 0, 0, 0].repeat(1000), None).truncated);
    assert!(parse(&[1, 200, 0, 0], None).truncated);
    assert!(parse(&[], None).truncated);
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

#[track_caller]
fn check_table(table: &[u8], expected: &serde_json::Value) {
    let found = parse(table, Some((3, 3)));
    let text = |path: &str| expected.pointer(path).and_then(|value| value.as_str()).and_then(tidy);
    // The other parser leaves placeholders out, which are the server's to judge here.
    let same = |found: Option<String>, path: &str| assert!(text(path).is_none() || found == text(path), "{path}: {found:?}");
    let system = found.system.expect("type 1");
    same(system.manufacturer, "/SystemInformation/Manufacturer");
    same(system.product, "/SystemInformation/ProductName");
    same(system.serial, "/SystemInformation/SerialNumber");
    same(system.uuid, "/SystemInformation/UUID");
    same(system.sku, "/SystemInformation/SKUNumber");
    let board = found.board.expect("type 2");
    same(board.product, "/BaseboardInformation/Product");
    same(board.serial, "/BaseboardInformation/SerialNumber");
    same(found.chassis.expect("type 3").serial, "/SystemEnclosure/SerialNumber");
    same(found.bios.expect("type 0").date, "/BIOSInformation/ReleaseDate");
    let devices = expected["MemoryDevices"].as_array().cloned().unwrap_or_default();
    // The other parser skips devices in a form that it does not know; slots that it lists are compared.
    for (device, expected) in found.memory.iter().zip(&devices) {
        let text = |key: &str| expected[key].as_str().and_then(tidy);
        assert_eq!((&device.slot, &device.bank), (&text("DeviceLocator"), &text("BankLocator")));
        assert_eq!((&device.serial, &device.part_number), (&text("SerialNumber"), &text("PartNumber")));
        let size = match expected["Size"].as_u64() {
            Some(0x7fff) => expected["ExtendedSize"].as_u64(),
            size => size.filter(|&size| size > 0),
        };
        assert_eq!(device.size_bytes, size.map(|mebibytes| mebibytes << 20));
    }
    assert!(found.memory.len() >= devices.len());
}

proptest! {
    #[test]
    fn no_table_panics(table in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = parse(&table, None);
        let _ = version(&table);
    }

    #[test]
    fn no_structure_panics(kind in 0_u8..20, formatted in proptest::collection::vec(any::<u8>(), 0..120), cut in 0_usize..140) {
        let mut table = structure(kind, 1, &formatted, &["a", "b"]);
        table.truncate(cut);
        let _ = parse(&table, None);
    }
}
