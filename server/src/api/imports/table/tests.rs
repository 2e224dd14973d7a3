//! Files as people write them.

use super::*;
use proptest::prelude::*;

/// Each row as its cells, `-` for an empty one, or its fault with the column.
fn read(bytes: &[u8], written: Written) -> Result<(Vec<String>, Vec<String>), String> {
    let table = Table::read(bytes, written, None).map_err(|error| format!("{error:?}"))?;
    let cell = |cell: &Option<AttributeValue>| match cell {
        None => "-".to_owned(),
        Some(AttributeValue::Text(text)) => text.clone(),
        Some(other) => format!("{other:?}"),
    };
    let row = |row: &Row| match &row.fault {
        Some(fault) => format!("{}: {} {}", row.number, fault.code, fault.column.as_deref().unwrap_or("-")),
        None => format!("{}: {}", row.number, row.cells.iter().map(cell).collect::<Vec<_>>().join("|")),
    };
    Ok((table.columns.clone(), table.rows.iter().map(row).collect()))
}

#[track_caller]
fn check(bytes: impl AsRef<[u8]>, columns: &[&str], rows: &[&str]) {
    let found = read(bytes.as_ref(), Written::Csv).unwrap();
    assert_eq!((found.0, found.1), (columns.iter().map(|c| (*c).to_owned()).collect(), rows.iter().map(|r| (*r).to_owned()).collect()));
}

#[track_caller]
fn check_json(text: &str, columns: &[&str], rows: &[&str]) {
    let found = read(text.as_bytes(), Written::Ndjson).unwrap();
    assert_eq!((found.0, found.1), (columns.iter().map(|c| (*c).to_owned()).collect(), rows.iter().map(|r| (*r).to_owned()).collect()));
}

#[track_caller]
fn refused(bytes: impl AsRef<[u8]>, written: Written, expected: &str) {
    let error = read(bytes.as_ref(), written).unwrap_err();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn spreadsheets_write_csv_in_many_ways() {
    let columns = &["key", "name"];
    check("key,name\n1,a\n2,b\n", columns, &["2: 1|a", "3: 2|b"]);
    check("key;name\r\n1;\"a;b\"\r\n", columns, &["2: 1|a;b"]);
    check("key\tname\n1\ta,b", columns, &["2: 1|a,b"]);
    check("\"key, or so\";name\n1;a", &["key, or so", "name"], &["2: 1|a"]);
    check("\u{feff}key,name\n1,a", columns, &["2: 1|a"]);
    check("key,name\n1,\"a \"\"b\"\"\nc\"\n", columns, &["2: 1|a \"b\"\nc"]);
    check(" key , name ,,\n1, a ,,\n", columns, &["2: 1|a"]);
    check("key,name\n1,a\n,\n\r\n3,c", columns, &["2: 1|a", "5: 3|c"]);
    check("key,name\n1,\"a\nb\"\n3,c", columns, &["2: 1|a\nb", "4: 3|c"]);
    check("name\nweb-1", &["name"], &["2: web-1"]);
}

#[test]
fn what_is_wrong_with_a_row_is_its_own_fault() {
    let columns = &["key", "name"];
    check("key,name\n1\n2,b,c\n3,c,\n", columns, &["2: ragged -", "3: ragged -", "4: 3|c"]);
    check([b"key,name\n1,", &[0xff, 0xfe][..], b"\n2,b"].concat(), columns, &["2: not_utf8 name", "3: 2|b"]);
    check(format!("key,name\n1,{}\n2,b", "x".repeat(VALUE_BYTES + 1)), columns, &["2: too_long name", "3: 2|b"]);
    check(format!("key,name\n1,\"open\n{}", "2,b\n".repeat(2000)), columns, &["2: too_long name"]);
}

#[test]
fn cells_that_an_export_defused_are_read_as_they_were() {
    check("key,name\n1,'=1+1\n2,'-5\n3,'quoted'\n4,=1+1", &["key", "name"], &["2: 1|=1+1", "3: 2|-5", "4: 3|'quoted'", "5: 4|=1+1"]);
}

#[test]
fn what_is_wrong_with_the_file_refuses_it() {
    for (bytes, expected) in [
        (&b""[..], "is empty"),
        (b"key,name\n", "has no rows"),
        (b"key,key\n1,2", "two columns"),
        (b"key,,name\n1,2,3", "column 2 has no heading"),
        (b",,\n1,2,3", "columns"),
        (&[0xff, 0xfe, b'k', 0], "UTF-16"),
        (&[b'k', 0xff, b'\n', b'1'], "heading 1 is not UTF-8"),
        (b"k\0y,name\n1,2", "control characters"),
    ] {
        refused(bytes, Written::Csv, expected);
    }
    refused(format!("{}\n1", (0..300).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",")), Written::Csv, "columns");
    refused(format!("key\n{}", "x\n".repeat(100_001)), Written::Csv, "rows");
    refused(format!("a,b\n{}", ",".repeat(2_000_001)), Written::Csv, "cells");
}

#[test]
fn each_line_of_ndjson_is_a_row_with_fields_of_its_own() {
    check_json(
        "{\"key\": 1, \"name\": \"a\"}\n\n{\"key\": \"2\", \"up\": true, \"n\": 1.5, \"macs\": [\"x\", \"y\"]}\r\n{\"key\": null}",
        &["key", "name", "macs", "n", "up"],
        &["1: Integer(1)|a", "3: 2|-|List([\"x\", \"y\"])|Number(1.5)|Boolean(true)", "4: -"],
    );
    check_json(
        "{\"a\": {}}\n[1]\n{\"a\": 1\n{\"a\": [1]}\n{\"a\": 2}",
        &["a"],
        &["1: invalid a", "2: malformed_json -", "3: malformed_json -", "4: invalid a", "5: Integer(2)"],
    );
    refused("[1]\n2", Written::Ndjson, "no line");
    refused("", Written::Ndjson, "no line");
    refused((0..300).map(|n| format!("{{\"c{n}\": 1}}\n")).collect::<String>(), Written::Ndjson, "different fields");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_file_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "[a,;\"'\n\r\t|{}:0=\\[\\]]{0,200}") {
        for bytes in [bytes.as_slice(), text.as_bytes()] {
            let _ = Table::read(bytes, Written::Csv, None);
            let _ = Table::read(bytes, Written::Ndjson, None);
        }
    }

    #[test]
    fn what_is_written_as_csv_is_read_as_it_was(rows in prop::collection::vec(prop::collection::vec("[ -~é\n]{0,12}", 3), 1..6)) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["a", "b", "c"]).unwrap();
        rows.iter().for_each(|row| writer.write_record(row).unwrap());
        let table = Table::read(&writer.into_inner().unwrap(), Written::Csv, Some(Delimiter::Comma));
        let wanted: Vec<Vec<Option<AttributeValue>>> = rows
            .iter()
            .filter(|row| row.iter().any(|cell| !cell.as_bytes().trim_ascii().is_empty()))
            .map(|row| row.iter().map(|cell| text_cell(cell.as_bytes(), "a").unwrap()).collect())
            .collect();
        let found: Vec<_> = table.map(|table| table.rows.into_iter().map(|row| row.cells).collect()).unwrap_or_default();
        prop_assert_eq!(wanted, found);
    }
}
