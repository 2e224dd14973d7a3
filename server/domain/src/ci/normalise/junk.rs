//! What vendors write where a value should be.
//!
//! Collected from the sources of GLPI, OCS, osquery and from 10,048 real SMBIOS tables (linuxhw/DMI). Texts are compared folded
//! and with blanks collapsed. To add one: a value that several unrelated machines share.

/// Placeholders in any text field, sorted.
pub(super) const TEXTS: &[&str] = &[
    "#a123456789",
    "(null string)",
    "*",
    "<bad index>",
    "[empty]",
    "all series",
    "asset-1234567890",
    "base board asset tag",
    "base board product name",
    "chassis manufacture",
    "chassis manufacturer",
    "chassis serial number",
    "chassis version",
    "empty",
    "empty/no dimm",
    "eval",
    "iatpass",
    "invalid",
    "memundefined",
    "n/a",
    "no asset information",
    "no asset tag",
    "none",
    "not applicable",
    "not available",
    "not defined",
    "not installed",
    "not present",
    "not specified",
    "product name",
    "rev 1.xx",
    "rev x.0x",
    "s26361-kxxx-vyyy",
    "standard",
    "system manufacturer",
    "system name",
    "system product name",
    "system serial number",
    "system sku",
    "system sku#",
    "system skunumber",
    "system version",
    "systemserialnumb",
    "tulip computers",
    "type2 - board product name1",
    "undefined",
    "unknow",
    "unknown",
    "x.x",
];

/// Placeholders wherever they appear in a text.
const PARTS: &[&str] = &["default string", "to be filled", "tbd by oem", "<out of spec>", "serial number xxx"];

/// Serial numbers that many machines share and that no pattern covers.
const SERIALS: &[&str] = &["sn-123456fvgv3i0b8o5n6n7k"];

/// UUIDs that many machines share, in canonical form; the byte-swapped ones are covered too.
pub const UUIDS: &[&str] = &[
    "03000200-0400-0500-0006-000700080009",
    "03020100-0504-0706-0809-0a0b0c0d0e0f",
    "10000000-0000-8000-0040-000000000000",
    "6ab5b300-538d-1014-9fb5-b0684d007b53",
    "01010101-0101-0101-0101-010101010101",
];

/// Hardware addresses that many machines share: virtual adapters, modems, cheap dongles, firmware that lost its own.
const MACS: &[&str] = &[
    "00:01:02:7d:9b:1c",
    "00:08:a1:46:06:35",
    "00:08:a1:66:e2:1a",
    "00:09:dd:10:37:68",
    "00:0b:ca:fe:00:00",
    "00:0f:ea:9a:e2:f0",
    "00:10:5a:72:71:f3",
    "00:11:11:85:08:8b",
    "00:1a:7d:da:71:0a",
    "00:a0:c6:00:00:00",
    "02:00:4e:43:50:49",
    "02:80:37:ec:02:00",
    "0a:00:27:00:00:00",
    "10:11:11:11:11:11",
    "20:41:53:59:4e:ff",
    "24:b6:20:52:41:53",
    "44:45:53:54:00:00",
    "44:45:53:54:00:01",
    "44:45:53:54:61:6f",
    "50:50:54:50:30:30",
    "d2:0a:2d:a0:04:be",
    "d2:6b:25:2f:2c:e7",
    "e2:e6:16:20:0a:35",
    "fe:ff:ff:ff:ff:ff",
];

/// VMware's host adapters (`vmnet1`, `vmnet8`, …) have the same addresses on every workstation.
const VMWARE_HOST_ADAPTERS: &str = "00:50:56:c0:";

/// Addresses that say nothing of where a host is.
const ADDRESSES: &[&str] = &["", "0.0.0.0", "127.0.0.1", "::", "::1"];

/// Whether a folded text stands for "no value".
#[must_use]
pub fn is_placeholder(folded: &str) -> bool {
    TEXTS.binary_search(&folded).is_ok()
        || PARTS.iter().any(|part| folded.contains(part))
        || folded.chars().all(|c| matches!(c, '.' | '-' | '_' | ' ' | 'x' | '*' | '0'))
        || folded.contains("$(")
        || says_oem(folded)
}

/// Whether a folded text cannot be a serial number, though it may be a model: counting digits, versions, one repeated character.
#[must_use]
pub fn is_serial_placeholder(folded: &str) -> bool {
    is_placeholder(folded)
        || SERIALS.contains(&folded)
        || is_counting(folded)
        || folded.chars().all(|c| matches!(c, '0' | '1'))
        || folded.chars().all(|c| folded.starts_with(c))
        || has_version_number(folded)
        || mentions_oem(folded)
}

/// Whether a MAC in text form is one that many machines have.
#[must_use]
pub fn is_shared_mac(mac: &str) -> bool {
    MACS.contains(&mac) || mac.starts_with(VMWARE_HOST_ADAPTERS)
}

/// Whether an IP address says nothing.
#[must_use]
pub fn is_idle_address(address: &str) -> bool {
    ADDRESSES.contains(&address)
}

/// `oem` or `o.e.m.` as a word of its own: within a longer word it may be part of a real name.
fn says_oem(folded: &str) -> bool {
    let plain = folded.replace("o.e.m", "oem");
    plain.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "oem")
}

/// `o\.?e\.?m` anywhere. Of real serial numbers one in some thousands is lost by it, and found by its UUID; one placeholder that passed would
/// bring strangers together.
fn mentions_oem(folded: &str) -> bool {
    ["oem", "o.em", "oe.m", "o.e.m"].iter().any(|word| folded.contains(word))
}

/// Digits that count up from 0 or 1 (`123456`, `0123456789AB`, `12345678901234567`), after a prefix such as `SYS-`; and `9876543210`.
fn is_counting(folded: &str) -> bool {
    let tail = ["sys-", "sn-", "mb-"].iter().find_map(|prefix| folded.strip_prefix(prefix)).unwrap_or(folded);
    if tail == "9876543210" || tail.starts_with("0123456789") || tail.starts_with("123456789") {
        return true;
    }
    tail.len() >= 5 && ("0123456789".starts_with(tail) || "123456789".starts_with(tail))
}

/// `\d\.\d`: a version that was written into the field of the serial number.
fn has_version_number(folded: &str) -> bool {
    folded.as_bytes().windows(3).any(|w| w[0].is_ascii_digit() && w[1] == b'.' && w[2].is_ascii_digit())
}
