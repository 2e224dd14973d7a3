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
fn texts_that_look_alike_are_alike_and_case_does_not_count() {
    assert_eq!(text("Mu\u{308}ller").as_deref(), Some("M\u{fc}ller"));
    assert_eq!(text(&"\u{1d160}".repeat(1000)).map(|text| text.len() <= limits::TEXT_BYTES), Some(true));
    for (one, other) in [("DELL", "dell"), ("Straße", "STRASSE"), ("ΣΑΣ", "σας"), ("M\u{fc}", "m\u{dc}")] {
        assert_eq!(folded(one), folded(other));
    }
}

#[test]
fn names_need_a_domain_that_is_one() {
    for (raw, expected) in [
        ("DB1.Example.com.", Some("db1.example.com")),
        ("db1", None),
        ("localhost.example.com", None),
        ("db1.localdomain", None),
        ("db1.(none)", None),
        ("localhost.localdomain", None),
        (".example.com", None),
    ] {
        assert_eq!(fqdn(raw).as_deref(), expected, "{raw}");
    }
    assert_eq!((domain("Example.COM.").as_deref(), domain("(none)"), domain(" ")), (Some("example.com"), None, None));
}

#[test]
fn only_a_permanent_address_of_a_built_in_device_is_evidence() {
    let built_in = NetworkInterface {
        name: "eno1".into(),
        kind: "ethernet".into(),
        is_virtual: Some(false),
        bus_path: Some("0000:00:1f.6".into()),
        driver: Some("e1000e".into()),
        mac: Some("52:54:00:00:00:01".into()),
        permanent_mac: Some("3C:EC:EF:01:02:03".into()),
        ..NetworkInterface::default()
    };
    assert_eq!(permanent_mac(&built_in).map(|mac| mac.text).as_deref(), Some("3c:ec:ef:01:02:03"));
    let text = |text: &str| Some(text.to_owned());
    for no_evidence in [
        NetworkInterface { permanent_mac: None, ..built_in.clone() },
        NetworkInterface { permanent_mac: text("01:00:5e:00:00:01"), ..built_in.clone() },
        NetworkInterface { permanent_mac: text("00:1A:7D:DA:71:0A"), ..built_in.clone() },
        NetworkInterface { is_virtual: Some(true), ..built_in.clone() },
        NetworkInterface { is_virtual: None, ..built_in.clone() },
        NetworkInterface { kind: "bond".into(), ..built_in.clone() },
        NetworkInterface { bus_path: text("usb"), ..built_in.clone() },
        NetworkInterface { driver: text("r8152"), ..built_in.clone() },
        NetworkInterface { name: "bnep0".into(), ..built_in.clone() },
    ] {
        assert_eq!(permanent_mac(&no_evidence), None, "{no_evidence:?}");
    }
}

#[test]
fn real_serials_pass() {
    for raw in ["5CG7123ABC", "VMware-56 4d 2b 01", "J2KMR42", "PF0XYZ12", "CZC123"] {
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
    for raw in [
        "To Be Filled By O.E.M.",
        "OEM_Serial",
        "0123456789",
        "  DEFAULT  string ",
        "xxxxxxxx",
        "7777777",
        "Rev 1.02",
        "",
        "$(SERIAL)",
        "ROEM0042",
    ] {
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
    for raw in each("mac").iter().filter(|raw| raw.starts_with('/')) {
        assert_eq!(raw, "/00:50:56:C0:[0-9a-f]+:[0-9a-f]+/i");
        assert_eq!((Mac::parse("00:50:56:C0:12:34"), Mac::parse("00:50:56:c0:ff:01")), (None, None));
    }
    each("ip").iter().for_each(|raw| assert!(junk::is_idle_address(raw), "{raw}"));
    for pattern in each("serial_regex") {
        let samples = PATTERNS.iter().find(|(known, _)| *known == pattern).unwrap_or_else(|| panic!("{pattern} is not turned into code"));
        samples.1.iter().for_each(|raw| check_serial(raw, None));
    }
}

/// Each collected pattern with texts that it finds.
const PATTERNS: [(&str, &[&str]); 11] = [
    ("^0+$", &["00000", "000000000000"]),
    ("^1+$", &["11111", "1111111111"]),
    (r"\d\.\d(\.\d)?", &["Rev 1.02", "ABC 1.2.3 DEF", "V0.0.0"]),
    ("^(0|1)+$", &["0101010", "1000000"]),
    (r"^(.)\1*$", &["AAAAAAA", "7777777", "#######", "éééééééé"]),
    (r"^[.\-_ x]+$", &["..-- __", "xxXXxxXX", "x-x-x-x"]),
    ("^0?123456789", &["0123456789AB", "123456789XYZ", "1234567890"]),
    (r"o\.?e\.?m", &["OEM12345", "SERIAL-O.E.M.", "XO.EM1234", "OE.M-4711", "POEMS1234"]),
    ("default string", &["Default string 4711", "a DEFAULT  STRING"]),
    ("to be filled", &["To be filled by somebody", "4711 to be filled"]),
    (r"\$\(.*\)", &["$(SERIAL)", "AB$(X)4711"]),
];
