//! What compares equal, and what is absent.

use super::*;
use serde_json::Value;

#[track_caller]
fn check_serial(raw: &str, expected: Option<&str>) {
    assert_eq!(serial(raw, Some("Dell Inc.")).as_deref(), expected, "{raw:?}");
}

#[track_caller]
fn check_uuid(raw: &str, expected: Option<&str>) {
    assert_eq!(Uuid::parse(raw).map(|uuid| uuid.to_string()).as_deref(), expected, "{raw:?}");
}

#[test]
fn texts_are_trimmed_collapsed_and_free_of_control_characters() {
    assert_eq!(text("  Dell\t Inc.\0 \u{1b}x ").as_deref(), Some("Dell Inc. x"));
    assert_eq!(text(" \0\t"), None);
    assert_eq!(text(&"é".repeat(5000)).map(|text| text.len()), Some(limits::TEXT_BYTES));
}

#[test]
fn real_serials_pass() {
    for raw in ["5CG7123ABC", "VMware-56 4d 2b 01", "J2KMR42", "PF0XYZ12", "ROEM0042", "CZC123"] {
        check_serial(raw, Some(raw));
    }
}

#[test]
fn serials_need_five_characters_with_a_manufacturer_and_seven_without() {
    check_serial("AB12C", Some("AB12C"));
    check_serial("AB1-2", None);
    assert_eq!(serial("AB12CD", None), None);
    assert_eq!(serial("AB12CDE", None).as_deref(), Some("AB12CDE"));
}

#[test]
fn placeholders_are_no_serials() {
    for raw in
        ["To Be Filled By O.E.M.", "OEM_Serial", "0123456789", "  DEFAULT  string ", "xxxxxxxx", "7777777", "Rev 1.02", "", "$(SERIAL)"]
    {
        check_serial(raw, None);
    }
}

#[test]
fn models_may_look_like_versions_but_not_like_placeholders() {
    assert_eq!(label("ThinkSystem SR650 V2.1").as_deref(), Some("ThinkSystem SR650 V2.1"));
    assert_eq!(label("System Product Name"), None);
    assert_eq!(label("OEM"), None);
}

#[test]
fn both_byte_orders_of_a_uuid_have_one_key() {
    let one = Uuid::parse("564D2B01-1234-5678-9ABC-DEF012345678").unwrap();
    let other = Uuid::parse("012b4d56-3412-7856-9abc-def012345678").unwrap();
    assert_eq!(one.swapped(), other);
    assert_eq!(one.key(), other.key());
    assert_ne!(one.key(), Uuid::parse("564D2B01-1234-5678-9ABC-DEF012345679").unwrap().key());
}

#[test]
fn malformed_repeated_and_listed_uuids_are_absent() {
    check_uuid("564D2B01-1234-5678-9ABC-DEF012345678", Some("564d2b01-1234-5678-9abc-def012345678"));
    for raw in [
        "2",
        "",
        "Not Present",
        "564D2B0112345678-9ABC-DEF0-12345678",
        "564G2B01-1234-5678-9ABC-DEF012345678",
        "00020003-0004-0005-0006-000700080009",
    ] {
        check_uuid(raw, None);
    }
}

#[test]
fn machine_ids_are_32_digits_that_differ() {
    let good = "0123456789abcdef0123456789abcdef";
    assert_eq!(machine_id(&good.to_uppercase()).as_deref(), Some(good));
    for raw in ["uninitialized", "", &"0".repeat(32), &"é".repeat(16)] {
        assert_eq!(machine_id(raw), None, "{raw}");
    }
}

#[test]
fn shared_and_multicast_addresses_are_absent() {
    assert_eq!(Mac::parse("3C-EC-EF-01-02-03").map(|mac| mac.text).as_deref(), Some("3c:ec:ef:01:02:03"));
    assert!(Mac::parse("52:54:00:01:02:03").is_some_and(|mac| mac.locally_administered));
    for raw in ["00:50:56:c0:00:7f", "01:00:5e:00:00:01", "11", "3c:ec:ef:01:02:0g", "+1:ec:ef:01:02:03"] {
        assert_eq!(Mac::parse(raw), None, "{raw}");
    }
}

#[test]
fn the_placeholder_table_is_sorted() {
    assert!(junk::TEXTS.is_sorted());
}

/// The collected list of placeholders, when the test data are there.
#[test]
fn every_collected_placeholder_is_absent() {
    let Some(data) = std::env::var_os("ROLLCALL_TEST_DATA") else { return };
    let path = std::path::Path::new(&data).join("junk_identifiers.json");
    let listed: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let each = |kind: &str| -> Vec<String> {
        let lists = listed[kind].as_object().unwrap().values();
        lists.flat_map(|list| list.as_array().unwrap()).map(|value| value.as_str().unwrap().to_owned()).collect()
    };
    assert!(each("serial_exact").len() > 90);
    each("serial_exact").iter().for_each(|raw| check_serial(raw, None));
    each("uuid").iter().for_each(|raw| check_uuid(raw, None));
    for raw in each("mac").iter().filter(|raw| !raw.starts_with('/')) {
        assert_eq!(Mac::parse(raw), None, "{raw}");
    }
    for raw in each("model").iter().chain(&each("manufacturer")) {
        assert_eq!(label(raw), None, "{raw}");
    }
    each("ip").iter().for_each(|raw| assert!(junk::is_idle_address(raw), "{raw}"));
}
