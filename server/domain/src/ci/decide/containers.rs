//! Containers as their host sees them.
//!
//! A container is keyed on its host, runtime and name: made anew under the same name it is the same item. One that has stopped
//! before anybody saw it is no item: build machines leave thousands.

use super::attributes::plain;
use super::components::{COMPONENTS_PER_HOST, Component, Parts};
use super::services::{label, runs};
use crate::ci::Class;
use crate::ci::normalise::text;
use rollcall_shared::section::Container;
use std::collections::BTreeSet;

impl Parts<'_> {
    /// The containers that the section tells.
    #[must_use]
    pub fn containers(&self, rows: &[Container]) -> Vec<Component> {
        let mut named = BTreeSet::new();
        let mut found = Vec::new();
        for row in rows {
            let name = label(row);
            let by_name = self.place(&format!("{}/{name}", row.runtime));
            // Runtimes with name spaces have one name twice.
            let key = if named.insert(by_name.clone()) { by_name } else { self.place(&format!("{}/{}", row.runtime, row.id)) };
            let is_known = self.cmdb.keys.contains_key(&(Class::Container, key.clone()));
            if is_known || runs(row) {
                let attributes = vec![("image", plain(&row.image.as_deref().and_then(text))), ("state", plain(&row.state))];
                found.push(Component { class: Class::Container, key, name, attributes });
            }
        }
        found.truncate(COMPONENTS_PER_HOST);
        found
    }
}
