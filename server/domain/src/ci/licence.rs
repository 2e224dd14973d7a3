//! Licences of software products: how many installations people recorded as licensed, and on how many hosts the product is.
//!
//! Installations are counted from the index of packages when somebody asks and are never stored, so that no inventory takes longer for
//! them and no count can be out of date. A machine that is retired or disposed of needs no licence, whatever its last inventory said.

use super::attribute::Attribute;
use super::{AttributeValue, Ci, Class, Cmdb, Lifecycle};
use crate::id::CiId;
use roaring::RoaringBitmap;
use std::cell::OnceCell;

/// The attribute under which people record how many installations are licensed.
pub const LICENSED: &str = "licensed_installations";

/// The attribute under which the number of hosts that have the product is shown.
pub const INSTALLATIONS: &str = "installations";

/// On how many hosts products are, now.
#[derive(Debug)]
pub struct Installations<'a> {
    cmdb: &'a Cmdb,
    /// Hosts that do not count, found when the first product is counted.
    gone: OnceCell<RoaringBitmap>,
}

impl<'a> Installations<'a> {
    /// Costs nothing until something is counted.
    #[must_use]
    pub fn new(cmdb: &'a Cmdb) -> Self {
        Self { cmdb, gone: OnceCell::new() }
    }

    /// Hosts that have a product in any version.
    #[must_use]
    pub fn of(&self, product: CiId) -> u64 {
        let gone = self.gone.get_or_init(|| {
            let statuses = [Lifecycle::Retired, Lifecycle::Disposed].into_iter();
            let ids = statuses.flat_map(|status| self.cmdb.index.with_status(status));
            self.cmdb.software.numbers_of_hosts(ids)
        });
        self.cmdb.software.host_count_without(product, gone)
    }

    /// The same as the value of the attribute [`INSTALLATIONS`]; `None` of what is no product.
    #[must_use]
    pub fn value(&self, ci: &Ci) -> Option<AttributeValue> {
        let count = (ci.class == Class::SoftwareProduct).then(|| self.of(ci.id))?;
        Some(AttributeValue::Integer(i64::try_from(count).unwrap_or(i64::MAX)))
    }
}

/// How many installations of a product are licensed; `None` where nobody recorded it.
#[must_use]
pub fn licensed(ci: &Ci) -> Option<i64> {
    match ci.attributes.get(LICENSED).filter(|_| ci.class == Class::SoftwareProduct).map(Attribute::value) {
        Some(AttributeValue::Integer(number)) => Some(*number),
        _ => None,
    }
}

/// Whether people can say this of something of a class.
///
/// # Errors
/// What would be right, in words that follow the name of the attribute.
pub fn check(class: Class, name: &str, value: &AttributeValue) -> Result<(), String> {
    match (class, name, value) {
        (Class::SoftwareProduct, INSTALLATIONS, _) => Err(format!("is counted from the packages of hosts; say {LICENSED}")),
        (Class::SoftwareProduct, LICENSED, AttributeValue::Integer(..0)) => Err("must be 0 or more".into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
