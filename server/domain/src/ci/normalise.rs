//! Identifiers made comparable; placeholders made absent.
//!
//! Pure functions from what firmware says to what identification may compare. Everything that vendors write in place of a
//! value becomes `None`; the raw value stays in the section's content. Invariant: two values that this module makes equal name
//! the same thing, and no value that many machines share passes as an identifier.

pub mod junk;

use rollcall_shared::limits;
use rollcall_shared::section::NetworkInterface;
use std::fmt;
use unicode_normalization::UnicodeNormalization as _;

/// Characters a serial number needs when its manufacturer is known.
const SERIAL_LENGTH_WITH_MANUFACTURER: usize = 5;
/// Characters a serial number needs on its own (ServiceNow's default).
const SERIAL_LENGTH_ALONE: usize = 7;
/// Digits of a machine id (machine-id(5)).
const MACHINE_ID_DIGITS: usize = 32;

/// Text for people and comparison: in Unicode's normalisation form C, control characters stripped, blanks collapsed, trimmed, cut at the
/// contract's limit. `None` when nothing is left.
#[must_use]
pub fn text(raw: &str) -> Option<String> {
    // One look first: a hostile text may be as long as a section.
    let raw = cut(raw, limits::TEXT_BYTES);
    let visible = |c: char| if c.is_whitespace() { Some(' ') } else { Some(c).filter(|c| !c.is_control()) };
    let kept: String = if raw.is_ascii() { raw.chars().filter_map(visible).collect() } else { raw.nfc().filter_map(visible).collect() };
    let words: Vec<&str> = kept.split(' ').filter(|word| !word.is_empty()).collect();
    // The normal form of a text may be longer than the text.
    (!words.is_empty()).then(|| cut(&words.join(" "), limits::TEXT_BYTES).to_owned())
}

/// The longest beginning of `raw` that has at most `bytes` bytes.
#[must_use]
pub fn cut(raw: &str, bytes: usize) -> &str {
    let mut end = raw.len().min(bytes);
    while !raw.is_char_boundary(end) {
        end -= 1;
    }
    &raw[..end]
}

/// The form in which texts are compared: without case. By way of capitals, which joins what has several small forms (ß and ss, σ and ς).
#[must_use]
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.to_uppercase().to_lowercase().nfc().collect()
}

/// A manufacturer, model, version or asset tag; placeholders are absent.
#[must_use]
pub fn label(raw: &str) -> Option<String> {
    text(raw).filter(|text| !junk::is_placeholder(&folded(text)))
}

/// Words that a company writes behind its name or leaves out, as its lawyers and its firmware engineers have it.
const FORMS: [&str; 22] = [
    "ab",
    "ag",
    "bv",
    "co",
    "company",
    "computer",
    "computers",
    "corp",
    "corporation",
    "electronics",
    "gmbh",
    "inc",
    "incorporated",
    "international",
    "limited",
    "llc",
    "ltd",
    "oy",
    "plc",
    "pte",
    "sa",
    "technologies",
];

/// Makers that are written in more ways than with and without their legal form.
const MAKERS: [(&str, &str); 4] =
    [("hewlett packard", "hp"), ("hewlett packard enterprise", "hpe"), ("international business machines", "ibm"), ("asustek", "asus")];

/// A manufacturer made comparable: without case, punctuation and legal form, so that `Dell` is `Dell Inc.`.
#[must_use]
pub fn maker(text: &str) -> String {
    let folded = folded(text);
    let words: Vec<&str> = folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let kept = words.iter().rposition(|word| !FORMS.contains(word)).map_or(words.len(), |last| last + 1);
    let name = words[..kept].join(" ");
    let known = MAKERS.iter().find(|(long, _)| *long == name);
    // A name of nothing but signs is itself.
    if name.is_empty() { folded } else { known.map_or(name, |(_, short)| (*short).to_owned()) }
}

/// A serial number that may identify a thing: no placeholder, and 5 usable characters with a manufacturer, 7 without.
#[must_use]
pub fn serial(raw: &str, manufacturer: Option<&str>) -> Option<String> {
    let text = label(raw)?;
    let usable = text.chars().filter(|c| c.is_alphanumeric()).count();
    let needed = if manufacturer.is_some() { SERIAL_LENGTH_WITH_MANUFACTURER } else { SERIAL_LENGTH_ALONE };
    (usable >= needed && !junk::is_serial_placeholder(&folded(&text))).then_some(text)
}

/// A universally unique identifier of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// Reads the canonical form in either case; `None` for malformed, all-same-digit and listed ones.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        let raw = raw.trim();
        let dashes_fit = raw.len() == 36 && raw.bytes().enumerate().all(|(i, b)| (b == b'-') == matches!(i, 8 | 13 | 18 | 23));
        if !dashes_fit {
            return None;
        }
        let digits: Option<Vec<u8>> = raw.chars().filter(|&c| c != '-').map(|c| c.to_digit(16)?.try_into().ok()).collect();
        let digits = digits?;
        if digits.windows(2).all(|pair| pair[0] == pair[1]) {
            return None;
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        let found = Self(bytes);
        let listed = junk::UUIDS.contains(&found.to_string().as_str()) || junk::UUIDS.contains(&found.swapped().to_string().as_str());
        (!listed).then_some(found)
    }

    /// The first three fields in the other byte order, as old firmware and some hypervisors write them.
    #[must_use]
    pub fn swapped(self) -> Self {
        let mut bytes = self.0;
        bytes[0..4].reverse();
        bytes[4..6].reverse();
        bytes[6..8].reverse();
        Self(bytes)
    }

    /// One text for both byte orders: what identification compares.
    #[must_use]
    pub fn key(self) -> String {
        self.min(self.swapped()).to_string()
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// A machine id: 32 hexadecimal digits, not all the same (`uninitialized` and zeros are absent).
#[must_use]
pub fn machine_id(raw: &str) -> Option<String> {
    let text = raw.trim().to_ascii_lowercase();
    let fits = text.len() == MACHINE_ID_DIGITS && text.bytes().all(|b| b.is_ascii_hexdigit());
    (fits && text.bytes().any(|b| Some(&b) != text.as_bytes().first())).then_some(text)
}

/// A host name that tells hosts apart at all; names that installers give to every machine are absent.
#[must_use]
pub fn hostname(raw: &str) -> Option<String> {
    let text = folded(&text(raw)?);
    let text = text.trim_end_matches('.');
    (!matches!(text, "" | "localhost" | "localhost.localdomain" | "localhost4" | "localhost6" | "(none)")).then(|| text.to_owned())
}

/// A DNS domain; what resolvers fill in for none is absent.
#[must_use]
pub fn domain(raw: &str) -> Option<String> {
    let text = folded(&text(raw)?);
    let text = text.trim_matches('.');
    (!matches!(text, "" | "(none)" | "localdomain" | "localhost")).then(|| text.to_owned())
}

/// A fully qualified name: a host name that tells hosts apart, in a domain that is one.
#[must_use]
pub fn fqdn(raw: &str) -> Option<String> {
    let whole = hostname(raw)?;
    let (host, rest) = whole.split_once('.')?;
    (hostname(host).is_some() && domain(rest).is_some()).then_some(whole)
}

/// What a cloud calls itself or an instance.
#[must_use]
pub fn cloud_name(raw: &str) -> Option<String> {
    label(raw).map(|text| folded(&text))
}

/// Drivers of adapters on USB: docks and dongles, which go from machine to machine.
const USB_DRIVERS: &[&str] = &[
    "aqc111",
    "asix",
    "ax88179_178a",
    "cdc_eem",
    "cdc_ether",
    "cdc_mbim",
    "cdc_ncm",
    "dm9601",
    "ipheth",
    "lan78xx",
    "qmi_wwan",
    "r8152",
    "r8153_ecm",
    "rndis_host",
    "smsc75xx",
    "smsc95xx",
    "sr9700",
    "sr9800",
];

/// The hardware address that may be evidence of which machine this is: permanent, on a device of its own that is neither on USB nor Bluetooth.
/// Locally administered ones are returned too: they count for virtual machines alone.
#[must_use]
pub fn permanent_mac(interface: &NetworkInterface) -> Option<Mac> {
    let driver = interface.driver.as_deref().unwrap_or_default();
    let has_device = matches!(interface.kind.as_str(), "ethernet" | "wifi") && interface.is_virtual == Some(false);
    let on_usb = interface.bus_path.as_deref().is_some_and(|path| path.starts_with("usb")) || USB_DRIVERS.contains(&driver);
    let bluetooth = interface.name.starts_with("bnep") || matches!(driver, "bnep" | "btusb" | "bluetooth");
    if !has_device || on_usb || bluetooth {
        return None;
    }
    Mac::parse(interface.permanent_mac.as_deref()?)
}

/// A hardware address: lower-case with colons.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mac {
    /// As text.
    pub text: String,
    /// Set by software, not by the maker: unique at most within one hypervisor.
    pub locally_administered: bool,
}

impl Mac {
    /// Reads six hexadecimal octets; `None` for malformed, multicast, all-same and listed ones.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        let octets = octets(raw)?;
        let text = mac_text(&octets);
        let shared = octets[0] & 1 == 1 || octets.iter().all(|&octet| octet == octets[0]) || junk::is_shared_mac(&text);
        (!shared).then_some(Self { text, locally_administered: octets[0] & 2 == 2 })
    }

    /// Whether an address in text form was set by software.
    #[must_use]
    pub fn is_locally_administered(text: &str) -> bool {
        octets(text).is_some_and(|octets| octets[0] & 2 == 2)
    }

    /// The text form of any address, also of one that is no evidence.
    #[must_use]
    pub fn canonical(raw: &str) -> Option<String> {
        octets(raw).map(|octets| mac_text(&octets))
    }
}

fn octets(raw: &str) -> Option<[u8; 6]> {
    let raw = raw.trim();
    if raw.len() != 17 {
        return None;
    }
    let octets: Option<Vec<u8>> = raw.split([':', '-']).map(octet).collect();
    octets?.try_into().ok()
}

fn mac_text(octets: &[u8; 6]) -> String {
    octets.map(|octet| format!("{octet:02x}")).join(":")
}

fn octet(text: &str) -> Option<u8> {
    (text.len() == 2 && text.bytes().all(|b| b.is_ascii_hexdigit())).then(|| u8::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests;
