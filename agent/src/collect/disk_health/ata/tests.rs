use super::*;
use proptest::prelude::*;

/// A table of entries (id, flags, value, raw) with its checksum.
fn table(attributes: &[(u8, u8, u8, &[u8])]) -> Vec<u8> {
    let mut table = vec![0; TABLE_BYTES];
    table[0] = 1;
    for (at, (id, flags, value, raw)) in attributes.iter().enumerate() {
        let start = 2 + at * 12;
        table[start..start + 5].copy_from_slice(&[*id, *flags, 0, *value, *value]);
        table[start + 5..start + 5 + raw.len()].copy_from_slice(raw);
    }
    sealed(table)
}

fn thresholds(limits: &[(u8, u8)]) -> Vec<u8> {
    let mut table = vec![0; TABLE_BYTES];
    for (at, (id, limit)) in limits.iter().enumerate() {
        (table[2 + at * 12], table[3 + at * 12]) = (*id, *limit);
    }
    sealed(table)
}

fn sealed(mut table: Vec<u8>) -> Vec<u8> {
    let sum = table.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    table[TABLE_BYTES - 1] = sum.wrapping_neg();
    table
}

#[test]
fn a_spinning_disks_table_is_read() {
    let table = table(&[
        (5, 0x33, 100, &[8]),
        (9, 0x32, 60, &[0x40, 0x9c, 0, 0x12]),
        (187, 0x32, 97, &[3]),
        (190, 0x22, 64, &[36]),
        (194, 0x22, 36, &[37, 0, 20, 0, 45]),
        (197, 0x12, 100, &[2]),
        (198, 0x10, 100, &[1]),
        (199, 0x3e, 200, &[11]),
        (231, 0x22, 60, &[36]),
    ]);
    let expected = DiskHealth {
        temperature_celsius: Some(37),
        power_on_hours: Some(40_000),
        media_errors: Some(3),
        reallocated_sectors: Some(8),
        pending_sectors: Some(2),
        uncorrectable_sectors: Some(1),
        crc_errors: Some(11),
        ..DiskHealth::default()
    };
    assert_eq!(parse(&table, None, Some(true)), Ok(expected));
}

#[test]
fn the_wear_of_a_solid_disk_is_what_is_gone_of_its_life() {
    let wear = |attributes: &[(u8, u8, u8, &[u8])]| parse(&table(attributes), None, Some(false)).expect("health").percentage_used;
    assert_eq!(wear(&[(177, 0x13, 98, &[40])]), Some(2));
    assert_eq!(wear(&[(233, 0x32, 91, &[])]), Some(9));
    // 233 counts bytes on disks that have 231, and then has no normalised value.
    assert_eq!(wear(&[(231, 0x13, 90, &[]), (233, 0x32, 0, &[1])]), Some(10));
    assert_eq!(wear(&[(233, 0x32, 0, &[1])]), None);
}

#[test]
fn an_attribute_at_its_threshold_is_a_failure_only_if_it_predicts_one() {
    let passed = |flags, value, limit| parse(&table(&[(5, flags, value, &[])]), Some(&thresholds(&[(5, limit)])), None).expect("health").passed;
    assert_eq!(passed(0x33, 37, 36), Some(true));
    assert_eq!(passed(0x33, 36, 36), Some(false));
    assert_eq!(passed(0x32, 36, 36), Some(true));
    assert_eq!(passed(0x33, 36, 0), None);
}

#[test]
fn a_broken_table_is_an_error() {
    let mut broken = table(&[(5, 0x33, 100, &[8])]);
    broken[20] ^= 1;
    assert_eq!(parse(&broken, None, None), Err(TableError::Checksum));
    assert_eq!(parse(&broken[..100], None, None), Err(TableError::CutShort));
    assert_eq!(parse(&[0; TABLE_BYTES], None, None), Err(TableError::Empty));
}

#[test]
fn a_zero_is_no_temperature() {
    assert_eq!(parse(&table(&[(194, 0x22, 100, &[0]), (190, 0x22, 66, &[34])]), None, None).expect("health").temperature_celsius, Some(34));
    assert_eq!(parse(&table(&[(194, 0x22, 100, &[0])]), None, None).expect("health").temperature_celsius, None);
}

fn descriptor(count: u8, middle: u8, high: u8, status: u8) -> Vec<u8> {
    let head = [0x72, 0x01, 0x00, 0x1d, 0, 0, 0, 14];
    [&head[..], &[0x09, 0x0c, 0, 0, 0, count, 0, 0, 0, middle, 0, high, 0, status]].concat()
}

#[test]
fn both_formats_of_sense_data_carry_registers() {
    let fixed = [0xf0, 0, 1, 0, 0x50, 0, 0xff, 10, 0, 0, 0x4f, 0xc2, 0, 0x1d, 0, 0, 0, 0];
    let registers = Registers::parse(&fixed).expect("registers");
    assert_eq!((registers.passed(), registers.is_in_standby()), (Some(true), false));
    assert_eq!(Registers::parse(&descriptor(0, 0xf4, 0x2c, 0x50)).and_then(Registers::passed), Some(false));
    assert_eq!(Registers::parse(&descriptor(0, 0, 0, 0x50)).and_then(Registers::passed), None);
    assert_eq!(Registers::parse(&[0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0]), None);
}

#[test]
fn only_standby_modes_are_standby() {
    let standby = |count, status| Registers::parse(&descriptor(count, 0, 0, status)).expect("registers").is_in_standby();
    assert!(standby(0x00, 0x50) && standby(0x01, 0x50));
    assert!(!standby(0x80, 0x50) && !standby(0xff, 0x50) && !standby(0x00, 0x51));
}

proptest! {
    #[test]
    fn no_bytes_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..600), sense in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = (parse(&bytes, Some(&bytes), Some(false)), Registers::parse(&sense));
        bytes.resize(TABLE_BYTES, 0xa5);
        let sealed = sealed(bytes);
        let _ = parse(&sealed, Some(&sealed), Some(false));
    }
}
