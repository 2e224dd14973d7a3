//! Which attributes the items of a class should have: a table, what people defined as required, and what the policy adds and takes away.
//!
//! Expected of a class is what is expected of those that it inherits from as well; of containers only what is said of them: a
//! container that its host alone reports has no system of its own to tell of.

use crate::World;
use crate::attribute::Definition;
use crate::ci::Class;
use std::collections::BTreeSet;

/// What is expected of the items of a class, and of those that inherit from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassExpectation {
    /// The class.
    pub class: Class,
    /// An item without one of these is incomplete.
    pub required: &'static [&'static str],
    /// An item without one of these could be better known.
    pub recommended: &'static [&'static str],
}

const fn of(class: Class, required: &'static [&'static str], recommended: &'static [&'static str]) -> ClassExpectation {
    ClassExpectation { class, required, recommended }
}

/// The table; classes that are not in it are complete as they are.
pub const BUILT_IN: &[ClassExpectation] = &[
    of(Class::Host, &["hostname", "os_name"], &["architecture", "ip_addresses", "kernel", "memory_bytes", "os_version"]),
    of(Class::Server, &["manufacturer", "model", "serial"], &["cpu_model"]),
    of(Class::Workstation, &["manufacturer", "model", "serial"], &["cpu_model"]),
    of(Class::VirtualMachine, &["uuid"], &[]),
    of(Class::Container, &[], &["image"]),
    of(Class::Disk, &["size_bytes"], &["model", "serial"]),
    of(Class::MemoryModule, &["size_bytes"], &["manufacturer", "serial"]),
    of(Class::NetworkAdapter, &[], &["driver", "mac"]),
    of(Class::Gpu, &["model"], &["manufacturer"]),
    of(Class::PowerSupply, &[], &["model", "serial"]),
    of(Class::Monitor, &["model"], &["serial"]),
    of(Class::Battery, &[], &["model"]),
    of(Class::NetworkDevice, &[], &["management_address", "manufacturer", "model", "serial"]),
    of(Class::Printer, &["model"], &["manufacturer", "serial"]),
    of(Class::StorageDevice, &["model"], &["manufacturer", "serial"]),
    of(Class::Certificate, &["not_after", "subject"], &["issuer"]),
    of(Class::Network, &["prefix"], &[]),
    of(Class::ApplicationService, &["endpoints"], &["process"]),
    of(Class::DatabaseInstance, &["engine"], &["version"]),
    of(Class::WebServer, &["engine"], &["version"]),
    of(Class::BusinessService, &["owner"], &["criticality", "support_group"]),
];

/// What is expected of the items of exactly one class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected<'a> {
    /// An item without one of these is incomplete.
    pub required: BTreeSet<&'a str>,
    /// An item without one of these could be better known; none of the required ones.
    pub recommended: BTreeSet<&'a str>,
}

/// What is expected of the items of a class as things are decided now.
#[must_use]
pub fn expected(world: &World, class: Class) -> Expected<'_> {
    let heirs = |of: Class| if class == Class::Container { of == class } else { class.is_a(of) };
    let mut found = Expected::default();
    for known in BUILT_IN.iter().filter(|known| heirs(known.class)) {
        found.required.extend(known.required);
        found.recommended.extend(known.recommended);
    }
    let definitions = world.attributes.definitions.values().map(|known| &known.definition);
    let required = definitions.filter(|definition| definition.required && Definition::applies_to(definition, class));
    found.required.extend(required.map(|definition| definition.name.as_str()));
    let rules = &world.cmdb.policy.health.expectations;
    for rule in rules.iter().filter(|rule| class.is_a(rule.class)) {
        found.required.retain(|name| !rule.ignored.contains(*name));
        found.recommended.retain(|name| !rule.ignored.contains(*name));
    }
    for rule in rules.iter().filter(|rule| class.is_a(rule.class)) {
        found.required.extend(rule.required.iter().map(String::as_str));
        found.recommended.extend(rule.recommended.iter().map(String::as_str));
    }
    found.recommended.retain(|name| !found.required.contains(name));
    found
}
