//! The fields of the language: their names, what they take, and what they mean in a line.

use super::term::{Listing, MomentField, Relationship, TextField};
use crate::ci::normalise::folded;

/// A field.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// Class, with inheritance.
    Class,
    /// Point of life.
    Status,
    /// Id.
    Id,
    /// A text of the record.
    Text(TextField),
    /// Member of a group.
    Group,
    /// Has an attribute.
    Has,
    /// An attribute by its name.
    Attribute(String, Kind),
    /// IP addresses.
    Address,
    /// Packages.
    Package,
    /// Listening sockets.
    Listener,
    /// Names in a section.
    Listed(Listing),
    /// State of the agent.
    Agent,
    /// Drift.
    Drift,
    /// Candidate for retirement.
    RetirementCandidate,
    /// Incidents.
    Incident,
    /// A moment of the record.
    Moment(MomentField),
    /// Container.
    Parent,
    /// A stored relation.
    Related(Relationship),
}

/// What the values of an attribute are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Not known to the language: what people assert, or a text.
    Open,
    /// Numbers.
    Number,
    /// Bytes.
    Size,
    /// Yes or no.
    Boolean,
    /// Moments.
    Moment,
}

/// A line of the list of fields.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub about: &'static str,
    /// Something to write.
    pub example: &'static str,
    make: fn() -> Field,
}

macro_rules! fields {
    ($($name:literal $make:expr, $about:literal, $example:literal;)*) => {
        /// Fields of records, in the order in which people look for them.
        pub const FIELDS: &[Entry] = &[$(Entry { name: $name, about: $about, example: $example, make: || $make },)*];
    };
}

fields! {
    "class" Field::Class, "class, or one that inherits from it", "class:server";
    "status" Field::Status, "where it is in its life", "status:operational";
    "name" Field::Text(TextField::Name), "what people call it", "name:web-*";
    "tag" Field::Text(TextField::Tag), "a word of people", "tag:prod";
    "group" Field::Group, "member of a group", "group:web";
    "id" Field::Id, "its id", "id:host_00000000000000000000000001";
    "has" Field::Has, "has an attribute", "has:serial";
    "ip" Field::Address, "an IP address, or a network with all in it", "ip:10.0.0.0/8";
    "mac" attribute("mac"), "a hardware address", "mac:52:54:00:*";
    "package" Field::Package, "an installed package, in any version or some", "package:openssl<3.0.13";
    "listener" Field::Listener, "a port on which it listens", "listener:443/tcp";
    "service" Field::Listed(Listing::Service), "a system service", "service:nginx";
    "user" Field::Listed(Listing::User), "a local user account", "user:alice";
    "agent" Field::Agent, "whether its agent reports", "agent:silent";
    "source" Field::Text(TextField::Source), "where a value comes from: agent, person, or a feed", "source:glpi";
    "drift" Field::Drift, "whether a person's word and a measured value differ", "drift:true";
    "retirement_candidate" Field::RetirementCandidate, "whether it has been silent for so long that it may be retired", "retirement_candidate:true";
    "incident" Field::Incident, "whether it has incidents", "incident:open";
    "last_seen" Field::Moment(MomentField::LastSeen), "when it was last heard of", "last_seen>7d";
    "created" Field::Moment(MomentField::Created), "when the record was made", "created>2026-01-01";
    "updated" Field::Moment(MomentField::Updated), "when the record last changed", "updated<1h";
    "parent" Field::Parent, "what contains it, by name or id", "parent:web-1";
}

/// Other names of fields and attributes.
const ALIASES: [(&str, &str); 21] = [
    ("address", "ip"),
    ("ip_addresses", "ip"),
    ("mac_addresses", "mac"),
    ("tags", "tag"),
    ("groups", "group"),
    ("packages", "package"),
    ("software", "package"),
    ("port", "listener"),
    ("services", "service"),
    ("users", "user"),
    ("incidents", "incident"),
    ("created_at", "created"),
    ("updated_at", "updated"),
    ("host", "parent"),
    ("memory", "memory_bytes"),
    ("size", "size_bytes"),
    ("cores", "cpu_cores"),
    ("os", "os_id"),
    ("arch", "architecture"),
    ("vendor", "manufacturer"),
    ("region", "cloud_region"),
];

/// Attributes that inventories fill, with what their values are: they are known before the first host reports.
pub const ATTRIBUTES: [(&str, Kind); 55] = [
    ("architecture", Kind::Open),
    ("asset_tag", Kind::Open),
    ("bios_version", Kind::Open),
    ("board_model", Kind::Open),
    ("booted_at", Kind::Moment),
    ("chassis_type", Kind::Open),
    ("cloud_instance_id", Kind::Open),
    ("cloud_provider", Kind::Open),
    ("cloud_region", Kind::Open),
    ("cloud_type", Kind::Open),
    ("cloud_zone", Kind::Open),
    ("configured_speed_mts", Kind::Number),
    ("cpu_cores", Kind::Number),
    ("cpu_manufacturer", Kind::Open),
    ("cpu_model", Kind::Open),
    ("cpu_sockets", Kind::Number),
    ("cpu_threads", Kind::Number),
    ("device", Kind::Open),
    ("domain", Kind::Open),
    ("driver", Kind::Open),
    ("firmware", Kind::Open),
    ("form_factor", Kind::Open),
    ("fqdn", Kind::Open),
    ("hostname", Kind::Open),
    ("init", Kind::Open),
    ("installations", Kind::Number),
    ("installed_at", Kind::Moment),
    ("interface", Kind::Open),
    ("kernel", Kind::Open),
    ("kind", Kind::Open),
    ("licence_ends", Kind::Moment),
    ("licensed_installations", Kind::Number),
    ("machine_id", Kind::Open),
    ("manufacturer", Kind::Open),
    ("memory_bytes", Kind::Size),
    ("memory_type", Kind::Open),
    ("model", Kind::Open),
    ("os_codename", Kind::Open),
    ("os_id", Kind::Open),
    ("os_name", Kind::Open),
    ("os_pretty_name", Kind::Open),
    ("os_support_end", Kind::Moment),
    ("os_version", Kind::Open),
    ("purl", Kind::Open),
    ("reboot_required", Kind::Boolean),
    ("removable", Kind::Boolean),
    ("rotational", Kind::Boolean),
    ("serial", Kind::Open),
    ("size_bytes", Kind::Size),
    ("slot", Kind::Open),
    ("speed_mbps", Kind::Number),
    ("speed_mts", Kind::Number),
    ("time_zone", Kind::Open),
    ("uuid", Kind::Open),
    ("virtualisation", Kind::Open),
];

/// Longest name of an attribute, as for asserted ones.
const NAME_BYTES: usize = 64;

/// Before the name of an attribute that is called like a field.
pub const PREFIX: &str = "attribute.";

/// The field of a name as written, in lower case. A name that is no field is that of an attribute, with `_` for `.`.
#[must_use]
pub fn find(written: &str) -> Option<Field> {
    if let Some(name) = written.strip_prefix(PREFIX) {
        return plain_name(name).map(|name| attribute(&name));
    }
    let plain = plain_name(written)?;
    let name = ALIASES.iter().find(|(alias, _)| *alias == plain).map_or(&*plain, |(_, name)| name);
    if let Some(entry) = FIELDS.iter().find(|entry| entry.name == name) {
        return Some((entry.make)());
    }
    Some(Relationship::find(name).map_or_else(|| attribute(name), Field::Related))
}

/// The attribute that a name means where only attributes are meant.
#[must_use]
pub fn attribute_name(written: &str) -> Option<String> {
    match find(written)? {
        Field::Attribute(name, _) => Some(name),
        Field::Address => Some("ip_addresses".to_owned()),
        _ => plain_name(written),
    }
}

/// How to write an attribute's name where only attributes are meant.
#[must_use]
pub fn written_name(attribute: &str) -> String {
    if attribute_name(attribute).as_deref() == Some(attribute) { attribute.to_owned() } else { format!("{PREFIX}{attribute}") }
}

/// The attributes that a name of an attribute stands for: hardware addresses are one thing, whether a host has several or an
/// adapter one.
#[must_use]
pub fn sources(attribute: &str) -> Vec<&str> {
    if attribute == "mac" { vec!["mac", "mac_addresses"] } else { vec![attribute] }
}

fn plain_name(written: &str) -> Option<String> {
    let name = written.replace('.', "_");
    let first = name.starts_with(|c: char| c.is_ascii_lowercase());
    let fits = first && name.len() <= NAME_BYTES && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    fits.then_some(name)
}

fn attribute(name: &str) -> Field {
    Field::Attribute(name.to_owned(), kind(name))
}

/// What the values of an attribute are, as far as its name tells.
#[must_use]
pub fn kind(name: &str) -> Kind {
    let known = ATTRIBUTES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
    known.unwrap_or_else(|| if name.ends_with("_bytes") { Kind::Size } else { Kind::Open })
}

/// How to write an attribute's name as a field so that it is read as such.
#[must_use]
pub fn written(attribute: &str) -> String {
    match find(attribute) {
        Some(Field::Attribute(name, _)) if name == attribute => attribute.to_owned(),
        _ => format!("{PREFIX}{attribute}"),
    }
}

/// The known name that somebody who wrote this may have meant.
#[must_use]
pub fn similar(written: &str) -> Option<&'static str> {
    let name = written.replace('.', "_");
    let known = FIELDS.iter().map(|entry| entry.name).chain(Relationship::all().map(Relationship::as_str));
    let all = known.chain(ATTRIBUTES.iter().map(|(name, _)| *name)).chain(ALIASES.iter().map(|(alias, _)| *alias));
    // A third of the letters may be wrong, and two at most.
    let allowed = (name.len() / 3).min(2);
    let near = all.map(|known| (distance(&name, known), known)).filter(|(distance, _)| (1..=allowed).contains(distance));
    near.min().map(|(_, known)| known)
}

/// The name that was probably meant, whatever the case: a third of its letters may be wrong, or the rest of it missing.
#[must_use]
pub fn nearest<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let written = folded(written);
    let length = written.chars().count();
    let near = names.take(COMPARED).filter_map(|name| {
        let known = folded(name);
        if length >= 3 && known.starts_with(&written) {
            return Some((1, name));
        }
        let could = known.chars().count().abs_diff(length) <= length / 3;
        let wrong = could.then(|| distance(&written, &known)).filter(|wrong| *wrong <= length / 3)?;
        Some((wrong, name))
    });
    near.min().map(|(_, name)| name)
}

/// Names that a misspelt one is compared with: some milliseconds of work.
const COMPARED: usize = 10_000;

/// Letters to change, insert or leave out (Levenshtein).
#[must_use]
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &b) in b.iter().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, attribute: Option<&str>) {
        let found = match find(written) {
            Some(Field::Attribute(name, _)) => Some(name),
            _ => None,
        };
        assert_eq!(found.as_deref(), attribute, "{written}");
    }

    #[test]
    fn dots_and_other_names_lead_to_attributes() {
        check("os.id", Some("os_id"));
        check("os", Some("os_id"));
        check("cpu.cores", Some("cpu_cores"));
        check("memory", Some("memory_bytes"));
        check("rack", Some("rack"));
        check("attribute.group", Some("group"));
        check("class", None);
        check("runs_on", None);
        check("9lives", None);
    }

    #[test]
    fn every_name_is_found_and_written_so_that_it_is_found() {
        for entry in FIELDS {
            assert!(find(entry.name).is_some(), "{}", entry.name);
        }
        for (_, name) in ALIASES {
            assert!(FIELDS.iter().any(|entry| entry.name == name) || ATTRIBUTES.iter().any(|(known, _)| *known == name), "{name}");
        }
        for name in ["os_id", "class", "ip_addresses", "memory", "mac", "created_at"] {
            check(&written(name), Some(name));
            assert_eq!(attribute_name(&written_name(name)).as_deref(), Some(name));
        }
        assert!(ATTRIBUTES.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        for (written, expected) in [("clas", Some("class")), ("lst_seen", Some("last_seen")), ("os_idd", Some("os_id")), ("rack", None)] {
            assert_eq!(similar(written), expected, "{written}");
        }
    }
}
