//! Real monitors against a decoder's reading of them, and blocks that lie.

use super::*;
use proptest::prelude::*;

/// A base block with sound checksum.
fn base(change: impl FnOnce(&mut [u8; BLOCK_BYTES])) -> Vec<u8> {
    let mut block = [0; BLOCK_BYTES];
    block[1..7].fill(0xff);
    block[8..10].copy_from_slice(&[0x10, 0xac]);
    change(&mut block);
    sealed(block)
}

fn sealed(mut block: [u8; BLOCK_BYTES]) -> Vec<u8> {
    block[127] = 0;
    block[127] = block.iter().fold(0_u8, |sum, &byte| sum.wrapping_sub(byte));
    block.to_vec()
}

fn descriptor(kind: u8, text: &[u8]) -> [u8; DESCRIPTOR_BYTES] {
    let mut bytes = [b' '; DESCRIPTOR_BYTES];
    bytes[..5].copy_from_slice(&[0, 0, 0, kind, 0]);
    bytes[5..5 + text.len()].copy_from_slice(text);
    bytes
}

#[track_caller]
fn check_defect(bytes: &[u8], expected: Option<(usize, &str)>) {
    let (_, defects) = parse(bytes);
    assert_eq!(defects.first().map(|defect| (defect.at, defect.what.as_str())), expected);
}

#[test]
fn the_extensions_that_are_there_count_and_not_their_number() {
    check_defect(&base(|_| {}), None);
    check_defect(&base(|block| block[126] = 255), Some((126, "there are to be 255 extension blocks, here are 0")));
    let mut wrong = base(|block| block[126] = 1);
    wrong.extend([1; BLOCK_BYTES]);
    check_defect(&wrong, Some((255, "the checksum of extension block 1 is wrong")));
    let mut cut = base(|block| block[126] = 1);
    cut.extend([0; BLOCK_BYTES - 1]);
    check_defect(&cut, Some((126, "there are to be 1 extension blocks, here are 0")));
}

#[test]
fn a_base_block_that_cannot_be_trusted_is_no_monitor() {
    let mut wrong = base(|_| {});
    wrong[20] ^= 1;
    assert_eq!(parse(&wrong).0, None);
    check_defect(&wrong, Some((127, "the checksum of the base block is wrong")));
    check_defect(&[0; BLOCK_BYTES], Some((0, "this is no EDID: its first eight bytes are others")));
    check_defect(&[], Some((0, "the base block has 128 bytes, here are 0")));
}

#[test]
fn an_extension_may_carry_the_serial() {
    let mut bytes = base(|block| block[126] = 1);
    let mut extension = [0; BLOCK_BYTES];
    extension[..4].copy_from_slice(&[2, 3, 4, 0]);
    extension[4..22].copy_from_slice(&descriptor(0xff, b"EXT123\n"));
    bytes.extend(sealed(extension));
    assert_eq!(parse(&bytes).0.and_then(|monitor| monitor.serial).as_deref(), Some("EXT123"));
    // Descriptors that are to begin behind the end of the block.
    for start in [0, 3, 126, 127, 255] {
        let mut bytes = base(|block| block[126] = 1);
        extension[2] = start;
        bytes.extend(sealed(extension));
        assert_eq!(parse(&bytes).0.and_then(|monitor| monitor.serial), None);
    }
}

#[test]
fn a_model_year_and_an_unknown_size_are_told_from_dates_and_sizes() {
    let monitor = parse(&base(|block| {
        block[16..18].copy_from_slice(&[0xff, 30]);
        block[21..23].copy_from_slice(&[79, 0]);
        block[72..90].copy_from_slice(&descriptor(0xfc, b"AB\x00C\n"));
    }));
    let monitor = monitor.0.expect("a monitor");
    assert_eq!((monitor.made_week, monitor.made_year, monitor.width_mm, monitor.resolution), (None, Some(2020), None, None));
    assert_eq!((monitor.manufacturer.as_deref(), monitor.manufacturer_name.as_deref()), (Some("DEL"), Some("Dell")));
    assert_eq!((monitor.model.as_deref(), monitor.serial), (Some("AB"), None));
}

/// The hexadecimal digits between the decoder's heading and its first rule.
fn hexadecimal(file: &str) -> Vec<u8> {
    let (_, rest) = file.split_once("edid-decode (hex):").expect("a heading");
    let (digits, _) = rest.split_once("----------------").expect("a rule");
    crate::collect::testing::bytes_of(digits)
}

fn said<'a>(file: &'a str, key: &str) -> Option<&'a str> {
    file.lines().find_map(|line| line.trim_start().strip_prefix(key)?.strip_prefix(": "))
}

/// What stands in quotation marks; the decoder shows blanks, and three dots for what the collection's keepers blotted out.
fn quoted(text: &str) -> Option<String> {
    tidy(text.strip_prefix('\'')?.strip_suffix('\'')?)
}

#[track_caller]
fn check_serial(found: Option<&str>, file: &str) {
    let said = said(file, "Display Product Serial Number").map(|text| quoted(text).unwrap_or(text.to_owned()));
    match said.as_deref().or(self::said(file, "Serial Number")) {
        Some("...") => assert!(found.is_some()),
        expected => assert_eq!(found, expected),
    }
}

#[track_caller]
fn check_date(monitor: &Monitor, file: &str) {
    let made = match (monitor.made_week, monitor.made_year) {
        (Some(week), Some(year)) => format!("week {week} of {year}"),
        (_, year) => year.expect("a year").to_string(),
    };
    assert_eq!(Some(made.as_str()), said(file, "Made in"));
}

/// `48 cm x 27 cm`, and `(410 mm x 256 mm)` of the first timing where that says the same more exactly.
#[track_caller]
fn check_size(monitor: &Monitor, file: &str) {
    let numbers = |text: &str| {
        let numbers: Vec<u32> = text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
        (numbers[0], numbers[1])
    };
    let (width, height) = numbers(said(file, "Maximum image size").expect("a size"));
    let timing = said(file, "DTD 1").expect("a timing");
    let exact = numbers(timing.rsplit_once('(').expect("a size").1.rsplit_once(',').map_or(timing.rsplit_once('(').expect("a size").1, |(_, size)| size));
    let fits = exact.0.abs_diff(width * 10) < 10 && exact.1.abs_diff(height * 10) < 10;
    let expected = if fits { exact } else { (width * 10, height * 10) };
    assert_eq!((monitor.width_mm, monitor.height_mm), (Some(expected.0), Some(expected.1)));
    let resolution = timing.split_whitespace().next().map(|text| text.trim_end_matches('i'));
    assert_eq!(monitor.resolution.as_deref(), resolution);
}

#[track_caller]
fn check_file(file: &str) {
    let (monitor, defects) = parse(&hexadecimal(file));
    assert_eq!(defects, []);
    let monitor = monitor.expect("a monitor");
    assert_eq!(monitor.manufacturer.as_deref(), said(file, "Manufacturer"));
    let code = u16::from_str_radix(monitor.product_code.as_deref().expect("a code"), 16).expect("a number");
    assert_eq!(Some(code.to_string().as_str()), said(file, "Model"));
    assert_eq!(monitor.edid_version.as_deref(), said(file, "EDID Structure Version & Revision"));
    let others = file.lines().filter_map(|line| line.trim_start().strip_prefix("Alphanumeric Data String: ")).filter_map(quoted);
    let name = said(file, "Display Product Name").and_then(quoted).or_else(|| tidy(&others.collect::<Vec<_>>().join(" ")));
    assert_eq!(monitor.model, name);
    check_serial(monitor.serial.as_deref(), file);
    check_date(&monitor, file);
    check_size(&monitor, file);
}

#[test]
fn real_monitors_read_as_a_decoder_reads_them() {
    let Some(data) = std::env::var_os("ROLLCALL_TEST_DATA") else { return };
    let folder = std::path::Path::new(&data).join("edid");
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).expect("edid test data").flatten() {
        check_file(&std::fs::read_to_string(entry.path()).expect("a file"));
        checked += 1;
    }
    assert!(checked > 0);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_sound_blocks_panic(first in proptest::collection::vec(any::<u8>(), 110), second in proptest::collection::vec(any::<u8>(), BLOCK_BYTES)) {
        let mut bytes = base(|block| block[10..120].copy_from_slice(&first));
        let mut extension: [u8; BLOCK_BYTES] = second.try_into().expect("a block");
        extension[0] = 2;
        bytes.extend(sealed(extension));
        let _ = parse(&bytes);
    }
}
