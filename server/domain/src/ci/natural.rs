//! Natural keys: what makes a thing of a class the same thing, whoever tells of it.
//!
//! A class whose things have a number or a place of their own has a key; two records of one class never share one. Hosts have
//! none: identification compares many facts of them. Nothing here reads the state but through what it is handed, so that a dry
//! run and the real thing find the same key.

use super::normalise::{self, Mac, folded};
use super::{AttributeValue, Class};
use crate::Rejection;
use crate::id::{CiId, Family};
use std::net::IpAddr;

/// Hexadecimal digits of a SHA-256 fingerprint.
const FINGERPRINT_DIGITS: usize = 64;

/// What a key may follow from.
pub struct Described<'a> {
    /// The class.
    pub class: Class,
    /// What people call it.
    pub name: &'a str,
    /// What contains it.
    pub parent: Option<CiId>,
    /// The value that counts of each attribute, by name.
    pub value: &'a dyn Fn(&str) -> Option<AttributeValue>,
}

impl Described<'_> {
    /// The natural key; `None` for a class without one, or a thing whose number is not known.
    ///
    /// # Errors
    /// The attribute that a thing of this class cannot be without, or that is none.
    pub fn key(&self) -> Result<Option<String>, Rejection> {
        Ok(match self.class {
            Class::Network => Some(self.network()?),
            Class::Certificate => Some(self.certificate()?),
            Class::Location => Some(place(self.parent, self.name)?),
            Class::BusinessService => Some(folded(self.name)),
            // As the inventory of the host that holds it will name it.
            Class::Disk => self.text("wwn").or_else(|| self.text("serial")).map(|number| folded(&number)),
            Class::MemoryModule => self.text("model").zip(self.text("serial")).map(|(model, serial)| folded(&format!("{model}/{serial}"))),
            Class::NetworkAdapter => self.text("mac").and_then(|mac| Mac::parse(&mac)).map(|mac| mac.text),
            Class::NetworkDevice | Class::Printer | Class::StorageDevice => self.device(),
            _ => None,
        })
    }

    fn text(&self, name: &str) -> Option<String> {
        match (self.value)(name)? {
            AttributeValue::Text(text) => Some(text),
            _ => None,
        }
    }

    fn network(&self) -> Result<String, Rejection> {
        let prefix = self.text("prefix").ok_or_else(|| Rejection::invalid("attributes.prefix", "a network is its prefix: give it"))?;
        let prefix = canonical_prefix(&prefix).map_err(|reason| Rejection::invalid("attributes.prefix", reason))?;
        Ok(match self.text("vrf") {
            Some(vrf) => format!("{}/{prefix}", folded(&vrf)),
            None => prefix,
        })
    }

    fn certificate(&self) -> Result<String, Rejection> {
        let field = "attributes.fingerprint";
        let raw = self.text("fingerprint").ok_or_else(|| Rejection::invalid(field, "a certificate is its SHA-256 fingerprint: give it"))?;
        let digits: String = raw.chars().filter(|c| *c != ':').collect::<String>().to_ascii_lowercase();
        if digits.len() != FINGERPRINT_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Rejection::invalid(field, "must be the 64 hexadecimal digits of a SHA-256, with or without colons"));
        }
        Ok(digits)
    }

    fn device(&self) -> Option<String> {
        let maker = self.text("manufacturer").and_then(|raw| normalise::label(&raw));
        let serial = self.text("serial").and_then(|raw| normalise::serial(&raw, maker.as_deref()))?;
        Some(format!("{}/{}", maker.map(|maker| normalise::maker(&maker)).unwrap_or_default(), folded(&serial)))
    }
}

/// The key of a location: what it is called within what contains it.
///
/// # Errors
/// A name with the character that separates the parts of a path.
pub fn place(parent: Option<CiId>, name: &str) -> Result<String, Rejection> {
    if name.contains('/') {
        return Err(Rejection::invalid(
            "name",
            "a location's name has no `/`: that separates the parts of a path, such as `Berlin/Hall 2`",
        ));
    }
    let within = parent.map_or_else(|| "-".to_owned(), |parent| parent.to_string());
    Ok(format!("{within}/{}", folded(name)))
}

/// A network's prefix with its host bits cleared is refused, not cleared: the person may have meant an address.
fn canonical_prefix(text: &str) -> Result<String, String> {
    let example = "must be a prefix such as 192.0.2.0/24 or 2001:db8::/32";
    let (address, length) = text.trim().split_once('/').ok_or(example)?;
    let address: IpAddr = address.parse().map_err(|_| example)?;
    let length: u32 = length.parse().map_err(|_| example)?;
    let (bits, width) = match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    if length > width {
        return Err(example.into());
    }
    let host_bits = width - length;
    let mask = if host_bits == 128 { u128::MAX } else { (1_u128 << host_bits) - 1 };
    if bits & mask != 0 {
        return Err(format!("{address} is an address within a /{length}, not the network's first address"));
    }
    Ok(format!("{address}/{length}"))
}

impl Class {
    /// Whether people may make records of it. Products follow from package lists alone.
    #[must_use]
    pub fn is_for_people(self) -> bool {
        self != Self::SoftwareProduct
    }

    /// Whether it is a part that a machine contains.
    #[must_use]
    pub fn is_part(self) -> bool {
        matches!(
            self,
            Self::Disk | Self::MemoryModule | Self::NetworkAdapter | Self::Gpu | Self::PowerSupply | Self::Monitor | Self::Battery
        )
    }

    /// Whether a thing of this class may contain one of the other.
    #[must_use]
    pub fn may_contain(self, part: Self) -> bool {
        match self {
            Self::Location => part == Self::Location,
            Self::NetworkDevice | Self::StorageDevice => part.is_part(),
            _ => self.family() == Family::Host && part.is_part(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(class: Class, attributes: &[(&str, &str)], expected: Result<Option<&str>, &str>) {
        let value = |name: &str| attributes.iter().find(|(known, _)| *known == name).map(|(_, text)| AttributeValue::Text((*text).into()));
        let found = Described { class, name: "Hall 2", parent: None, value: &value }.key();
        let found = found.map_err(|rejection| match rejection {
            Rejection::Invalid { field, .. } => field,
            other => other.to_string(),
        });
        assert_eq!(found.as_ref().map(|key| key.as_deref()).map_err(String::as_str), expected);
    }

    #[test]
    fn a_network_is_its_prefix_within_its_routing_table() {
        check(Class::Network, &[("prefix", "192.0.2.0/24")], Ok(Some("192.0.2.0/24")));
        check(Class::Network, &[("prefix", "2001:0DB8::/32")], Ok(Some("2001:db8::/32")));
        check(Class::Network, &[("prefix", "0.0.0.0/0")], Ok(Some("0.0.0.0/0")));
        check(Class::Network, &[("prefix", "::/0")], Ok(Some("::/0")));
        check(Class::Network, &[("prefix", "10.0.0.0/8"), ("vrf", "Guests")], Ok(Some("guests/10.0.0.0/8")));
        for wrong in ["192.0.2.1/24", "192.0.2.0/33", "192.0.2.0", "x/8", "::1/64", "1.2.3.4/-1"] {
            check(Class::Network, &[("prefix", wrong)], Err("attributes.prefix"));
        }
        check(Class::Network, &[], Err("attributes.prefix"));
    }

    #[test]
    fn a_certificate_is_its_fingerprint_however_it_is_written() {
        let digits = "ab".repeat(32);
        check(Class::Certificate, &[("fingerprint", &digits)], Ok(Some(&digits)));
        check(Class::Certificate, &[("fingerprint", &["AB"; 32].join(":"))], Ok(Some(&digits)));
        check(Class::Certificate, &[("fingerprint", "abcd")], Err("attributes.fingerprint"));
    }

    #[test]
    fn what_has_a_number_of_its_own_is_known_by_it() {
        check(Class::Disk, &[("serial", "S4NB123")], Ok(Some("s4nb123")));
        check(Class::Disk, &[], Ok(None));
        check(Class::NetworkAdapter, &[("mac", "52-54-00-12-34-56")], Ok(Some("52:54:00:12:34:56")));
        check(Class::Printer, &[("manufacturer", "HP"), ("serial", "CNB9K12345")], Ok(Some("hp/cnb9k12345")));
        check(Class::Printer, &[("manufacturer", "HP"), ("serial", "0000000")], Ok(None));
        check(Class::Location, &[], Ok(Some("-/hall 2")));
        check(Class::BusinessService, &[], Ok(Some("hall 2")));
        check(Class::Server, &[("serial", "SRV00001")], Ok(None));
    }
}
