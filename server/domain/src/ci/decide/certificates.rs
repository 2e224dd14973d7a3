//! Certificates: one item for each fingerprint, on however many hosts it is found.
//!
//! Links of a chain that no server shows as its own are left out. A certificate that its last host has no more is missing.

use super::attributes::{plain, words};
use super::components::{Component, name};
use super::links::Key;
use crate::ci::normalise::{cut, folded, text};
use crate::ci::{AttributeValue, Class, RelationKind};
use crate::id::CiId;
use rollcall_shared::section::Certificate;

/// Certificates of one host that become items; servers for many tenants have more, and their section has them all.
const PER_HOST: usize = 512;

/// Names of one certificate that are kept.
const NAMES: usize = 32;

/// The certificates that the section tells.
#[must_use]
pub fn certificates(rows: &[Certificate]) -> Vec<Component> {
    /// Of a SHA-256 sum.
    const DIGITS: usize = 64;
    let has_fingerprint = |row: &&Certificate| row.fingerprint.len() == DIGITS && row.fingerprint.bytes().all(|b| b.is_ascii_hexdigit());
    rows.iter().filter(|row| !row.is_chain_only).filter(has_fingerprint).take(PER_HOST).map(certificate).collect()
}

/// How a host has a certificate.
#[must_use]
pub fn key(certificate: CiId, host: CiId) -> Key {
    (certificate, RelationKind::InstalledOn, host)
}

fn certificate(row: &Certificate) -> Component {
    let subject = row.subject.as_deref().and_then(text);
    let common_name = subject.as_deref().and_then(|subject| subject.split(',').find_map(|part| part.trim().strip_prefix("CN=")));
    let first_name = row.sans.iter().find_map(|san| text(san));
    let name = name([common_name.and_then(text), first_name, subject.clone(), text(cut(&row.fingerprint, 16))]);
    let sans: Vec<String> = row.sans.iter().filter_map(|san| text(san)).take(NAMES).collect();
    let attributes = vec![
        ("issuer", plain(&row.issuer)),
        ("key_type", plain(&row.key_type)),
        ("not_after", row.not_after.map(|at| AttributeValue::Text(at.to_string()))),
        ("sans", (!sans.is_empty()).then_some(AttributeValue::List(sans))),
        ("subject", words(subject)),
    ];
    Component { class: Class::Certificate, key: folded(&row.fingerprint), name, attributes }
}
