//! What the index takes from a package row.

use crate::ci::normalise::{cut, text};
use crate::id::CiId;
use rollcall_shared::limits;
use rollcall_shared::section::Package;
use std::borrow::Cow;

/// Bytes of a name, key, version or other text in the index.
const TEXT_BYTES: usize = 255;

/// What identifies a product: the package URL without version and qualifiers, else manager and name.
#[must_use]
pub fn product_key(package: &Package) -> Cow<'_, str> {
    let purl = package.purl.as_deref().filter(|purl| purl.starts_with("pkg:") && purl.len() <= limits::TEXT_BYTES);
    let key = match purl {
        Some(purl) => {
            let purl = purl.split(['?', '#']).next().unwrap_or(purl);
            // An `@` before the last `/` belongs to a namespace.
            let name = purl.rfind('/').unwrap_or(0);
            purl.rfind('@').filter(|&at| at > name).map_or(purl, |at| &purl[..at])
        }
        None => return cut(&format!("{}/{}", package.manager, package.name), TEXT_BYTES).to_owned().into(),
    };
    cut(key, TEXT_BYTES).into()
}

/// What people call the product.
#[must_use]
pub fn product_name(package: &Package) -> String {
    let name = text(&package.name).unwrap_or_else(|| "unnamed".into());
    cut(&name, TEXT_BYTES).to_owned()
}

/// The version as it counts.
#[must_use]
pub fn version(package: &Package) -> &str {
    cut(&package.version, TEXT_BYTES)
}

/// What a package says of itself beside name and version: the same on every host that has it, so it is held once.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Details {
    /// Source package, when it has another name.
    pub source: Option<Box<str>>,
    /// Version of the source package, when it differs.
    pub source_version: Option<Box<str>>,
    /// Maintainer or vendor.
    pub vendor: Option<Box<str>>,
    /// Licence as the package states it.
    pub licence: Option<Box<str>>,
    /// Repository or channel.
    pub origin: Option<Box<str>>,
}

impl Details {
    /// Those of a row.
    #[must_use]
    pub fn of(package: &Package) -> Self {
        let other = |raw: &Option<String>, than: &str| short(raw.as_deref().filter(|raw| *raw != than)?);
        let said = |raw: &Option<String>| short(raw.as_deref()?);
        Self {
            source: other(&package.source, &package.name),
            source_version: other(&package.source_version, &package.version),
            vendor: said(&package.vendor),
            licence: said(&package.licence),
            origin: said(&package.origin),
        }
    }
}

/// A text as the index keeps it. Nearly all are regular already, and a host has thousands: those are only copied.
fn short(raw: &str) -> Option<Box<str>> {
    let is_regular = !raw.is_empty()
        && raw.len() <= TEXT_BYTES
        && raw.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
        && !raw.starts_with(' ')
        && !raw.ends_with(' ')
        && !raw.contains("  ");
    if is_regular { Some(raw.into()) } else { Some(cut(&text(raw)?, TEXT_BYTES).into()) }
}

/// One package as the index takes it in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Installed {
    /// The product.
    pub product: CiId,
    /// Its version.
    pub version: Box<str>,
    /// What else it says of itself.
    pub details: Details,
}

impl Installed {
    /// A row of a product.
    #[must_use]
    pub fn new(product: CiId, package: &Package) -> Self {
        Self { product, version: version(package).into(), details: Details::of(package) }
    }
}
