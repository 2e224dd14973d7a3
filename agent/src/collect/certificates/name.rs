//! Names in certificates as text: distinguished names after RFC 4514, alternative names bare.

use crate::collect::text::{bounded, tidy};
use std::fmt::Write;
use std::net::IpAddr;
use x509_parser::asn1_rs::Tag;
use x509_parser::extensions::GeneralName;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// Parts of one name that are written out; real ones have up to ten.
const PARTS: usize = 64;

/// `CN=example.org,O=Example,C=DE`: the most telling part first. None for an empty name.
pub(super) fn distinguished(name: &X509Name<'_>) -> Option<String> {
    let parts: Vec<_> = name.iter_rdn().take(PARTS).collect();
    let texts: Vec<String> = parts.iter().rev().map(|part| part.iter().take(PARTS).map(attribute).collect::<Vec<_>>().join("+")).collect();
    tidy(&texts.join(",")).map(bounded)
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let kind = attribute.attr_type().to_id_string();
    format!("{}={}", short(&kind).unwrap_or(&kind), escaped(&value(attribute)))
}

/// RFC 4514 §3, and the ones that certificates have beside them under the names that people know.
fn short(identifier: &str) -> Option<&'static str> {
    Some(match identifier {
        "2.5.4.3" => "CN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.15" => "businessCategory",
        "2.5.4.17" => "postalCode",
        "2.5.4.97" => "organizationIdentifier",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        _ => return None,
    })
}

fn value(attribute: &AttributeTypeAndValue<'_>) -> String {
    let any = attribute.attr_value();
    if any.tag() == Tag::BmpString {
        let units: Vec<u16> = any.data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        return String::from_utf16_lossy(&units);
    }
    String::from_utf8_lossy(any.data).into_owned()
}

/// RFC 4514 §2.4.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, character) in value.chars().enumerate() {
        let is_special = matches!(character, '"' | '+' | ',' | ';' | '<' | '>' | '\\');
        if is_special || at == 0 && matches!(character, ' ' | '#') || at == last && character == ' ' {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

/// One alternative name; none for kinds that have no common text form.
pub(super) fn alternative(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => tidy(text),
        GeneralName::IPAddress(bytes) => address(bytes),
        GeneralName::DirectoryName(name) => distinguished(name),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from).ok();
    four.or_else(|| <[u8; 16]>::try_from(bytes).map(IpAddr::from).ok()).map(|address| address.to_string())
}

/// Lower-case hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_with_a_meaning_are_escaped() {
        assert_eq!(escaped("Example, Inc."), "Example\\, Inc.");
        assert_eq!(escaped(" #a "), "\\ #a\\ ");
        assert_eq!(escaped("#a+b"), "\\#a\\+b");
    }

    #[test]
    fn addresses_are_written_as_addresses() {
        assert_eq!(address(&[192, 0, 2, 1]).as_deref(), Some("192.0.2.1"));
        assert_eq!(address(&[0; 16]).as_deref(), Some("::"));
        assert_eq!(address(&[1, 2, 3]), None);
    }
}
