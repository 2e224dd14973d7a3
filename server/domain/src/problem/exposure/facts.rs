//! What a host has beside packages: attributes of its own and of its parts, sections of its inventory, and what it belongs to.
//!
//! Bounds: facts are counted only of kinds that at least two of the affected hosts agree in, and are borrowed from the records until
//! something is to be told of them.

use super::{Factor, Tally, mark};
use crate::ci::changes::{OF_PARTS, VALUE_BYTES};
use crate::ci::relation::beginning_at;
use crate::ci::{AttributeValue, Ci, Class, Cmdb, RelationKind};
use crate::id::CiId;
use rollcall_shared::{ContentHash, SectionName, Timestamp};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Attributes that are no causes: they tell machines apart, or say again what another fact says. In order.
const NO_CAUSES: [&str; 20] = [
    "asset_tag",
    "board_serial",
    "booted_at",
    "chassis_serial",
    "cloud_instance_id",
    "fqdn",
    "hostname",
    "installed_at",
    "ip_addresses",
    "mac_addresses",
    "machine_id",
    "os_codename",
    "os_id",
    "os_name",
    "os_pretty_name",
    "os_support_end",
    "permanent_macs",
    "reboot_required",
    "serial",
    "uuid",
];

/// An attribute of parts that can be a cause though it does not change: another model is another part. Of the others the changes are known.
const MODEL: &str = "model";

/// Sections whose whole content is configuration: hosts that have the same are set up the same.
const SECTIONS: [SectionName; 5] =
    [SectionName::KernelModules, SectionName::MountOptions, SectionName::Security, SectionName::Sysctls, SectionName::Firewall];

/// What a host stands on, hangs on, needs or belongs to.
const RELATIONS: [RelationKind; 5] =
    [RelationKind::ConnectsTo, RelationKind::DependsOn, RelationKind::HostedOn, RelationKind::MemberOf, RelationKind::RunsOn];

/// Relations, and parts, of one host that are looked at.
const RELATED: usize = 200;

/// Affected hosts that must agree before a kind of fact is looked at.
const AGREEING: u64 = 2;

/// A factor as it stands in the records.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fact<'a> {
    /// Of the host itself: name and value.
    Attribute(&'a str, Cow<'a, str>),
    /// Of a part of a class: name and value.
    Part(Class, &'a str, Cow<'a, str>),
    /// The content of a section.
    Content(SectionName, ContentHash),
    /// A relation to another item.
    Related(RelationKind, CiId),
}

/// A kind of fact: whoever has none of it is not compared by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Dimension<'a> {
    Attribute(&'a str),
    Part(Class, &'a str),
    Content(SectionName),
    Related(RelationKind),
}

/// Facts of one kind among some hosts.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Hosts that have any.
    pub known: u64,
    /// Of the affected ones.
    pub affected: u64,
    /// How many hosts have each fact, fewest first.
    pub answers: Vec<u64>,
    /// Those that several of the affected have.
    pub shared: Vec<Shared>,
}

/// A fact that several of the affected hosts have.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Which.
    pub factor: Factor,
    /// Which hosts have it.
    pub tally: Tally,
    /// How many of the affected.
    pub affected: u64,
}

/// What is counted of one kind.
#[derive(Default)]
struct Count<'a> {
    known: u64,
    affected: u64,
    tallies: BTreeMap<Fact<'a>, Tally>,
}

impl<'a> Fact<'a> {
    fn dimension(&self) -> Dimension<'a> {
        match self {
            Self::Attribute(name, _) => Dimension::Attribute(name),
            Self::Part(class, name, _) => Dimension::Part(*class, name),
            Self::Content(section, _) => Dimension::Content(*section),
            Self::Related(kind, _) => Dimension::Related(*kind),
        }
    }

    /// Of its own, and with names in place of ids.
    pub(super) fn factor(&self, cmdb: &Cmdb) -> Factor {
        let named = |id: CiId| cmdb.cis.get(&id).map(|ci| ci.name.clone());
        match self {
            Self::Attribute(name, value) => {
                let shown = value.parse().ok().and_then(named).unwrap_or_else(|| value.to_string());
                Factor::Attribute { name: (*name).to_owned(), value: value.to_string(), shown }
            }
            Self::Part(class, name, value) => Factor::Part { class: *class, name: (*name).to_owned(), value: value.to_string() },
            Self::Content(section, hash) => Factor::Content { section: *section, hash: *hash },
            Self::Related(kind, other) => {
                Factor::Related { kind: *kind, name: named(*other).unwrap_or_else(|| other.to_string()), other: *other }
            }
        }
    }
}

/// All facts of a host, in order, each once.
pub(super) fn of_host(cmdb: &Cmdb, host: CiId) -> Vec<Fact<'_>> {
    let Some(ci) = cmdb.cis.get(&host) else { return Vec::new() };
    let own = ci.attributes.iter().filter(|(name, _)| NO_CAUSES.binary_search(name).is_err());
    let own = own.flat_map(|(name, attribute)| values(attribute.value()).map(move |value| Fact::Attribute(name, value)));
    let parts = cmdb.components.get(&host).into_iter().flatten().take(RELATED).filter_map(|part| cmdb.cis.get(part));
    let parts = parts.flat_map(|part| {
        let known = OF_PARTS.into_iter().chain([MODEL]).filter_map(|name| Some((name, part.attributes.get(name)?.value())));
        known.flat_map(move |(name, value)| values(value).map(move |value| Fact::Part(part.class, name, value)))
    });
    let sections = SECTIONS.into_iter().filter_map(|section| Some(Fact::Content(section, ci.section(section)?.hash?)));
    let related = beginning_at(cmdb, host, None).filter(|relation| relation.from == host && RELATIONS.contains(&relation.kind));
    let related = related.take(RELATED).map(|relation| Fact::Related(relation.kind, relation.to));
    let mut facts: Vec<Fact<'_>> = own.chain(parts).chain(sections).chain(related).collect();
    facts.sort_unstable();
    facts.dedup();
    facts
}

/// The values of an attribute that hosts can have in common: the one that it has, or each of a list. Texts too long for the summary of
/// changes are prose, which two hosts have in common only as a copy.
fn values(value: &AttributeValue) -> impl Iterator<Item = Cow<'_, str>> {
    let (one, several): (Option<Cow<'_, str>>, &[String]) = match value {
        AttributeValue::List(members) => (None, members),
        AttributeValue::Text(text) => (Some(Cow::Borrowed(text)), &[]),
        AttributeValue::Boolean(_) | AttributeValue::Integer(_) | AttributeValue::Number(_) => (Some(Cow::Owned(value.to_string())), &[]),
    };
    one.into_iter().chain(several.iter().map(|member| Cow::Borrowed(member.as_str()))).filter(|text| text.len() <= VALUE_BYTES)
}

/// Whether an item has a value: as the only one, or as one of a list.
pub(super) fn has_value(ci: &Ci, name: &str, value: &str) -> bool {
    ci.attributes.get(name).is_some_and(|attribute| values(attribute.value()).any(|known| known == value))
}

/// The parts of a host that are of a class.
pub(super) fn parts(cmdb: &Cmdb, host: CiId, class: Class) -> impl Iterator<Item = &Ci> {
    let all = cmdb.components.get(&host).into_iter().flatten().take(RELATED).filter_map(|part| cmdb.cis.get(part));
    all.filter(move |part| part.class == class)
}

/// When a host first had a part with a value: since the part came to the value, or came itself. `None` when that was always so.
pub(super) fn came_to_part(cmdb: &Cmdb, host: &Ci, class: Class, (name, value): (&str, &str)) -> Option<Timestamp> {
    if let Some(changed) = cmdb.changes.came_to_part_value(host.id, class, (name, value)) {
        return Some(changed.first_at);
    }
    let having = parts(cmdb, host.id, class).filter(|part| has_value(part, name, value));
    let came = having.map(|part| cmdb.contained.get(&part.id).map_or(part.created_at, |(first, _)| *first)).min()?;
    (came > host.created_at).then_some(came)
}

/// For each kind of fact but packages in which several of the affected hosts agree: who has it at all, and who has what. In order.
#[must_use]
pub fn tallied(cmdb: &Cmdb, population: &BTreeSet<CiId>, affected: &BTreeSet<CiId>) -> Vec<Facts> {
    let mut of_affected = BTreeMap::<Fact<'_>, u64>::new();
    for &host in affected.intersection(population) {
        of_host(cmdb, host).into_iter().for_each(|fact| *of_affected.entry(fact).or_default() += 1);
    }
    of_affected.retain(|_, hosts| *hosts >= AGREEING);
    let mut counts: BTreeMap<Dimension<'_>, Count<'_>> = of_affected.keys().map(|fact| (fact.dimension(), Count::default())).collect();
    for &host in population {
        let (mark, is_affected) = (mark(host), affected.contains(&host));
        // In order, so that facts of one kind stand together.
        for of_kind in of_host(cmdb, host).chunk_by(|a, b| a.dimension() == b.dimension()) {
            let Some(count) = counts.get_mut(&of_kind[0].dimension()) else { continue };
            count.known += 1;
            count.affected += u64::from(is_affected);
            of_kind.iter().for_each(|fact| count.tallies.entry(fact.clone()).or_default().add(mark));
        }
    }
    counts.into_values().map(|count| count.facts(cmdb, &of_affected)).collect()
}

impl Count<'_> {
    fn facts(self, cmdb: &Cmdb, of_affected: &BTreeMap<Fact<'_>, u64>) -> Facts {
        let mut answers: Vec<u64> = self.tallies.values().map(|tally| tally.hosts).collect();
        answers.sort_unstable();
        let shared = self.tallies.iter().filter_map(|(fact, tally)| {
            let affected = *of_affected.get(fact)?;
            Some(Shared { factor: fact.factor(cmdb), tally: *tally, affected })
        });
        Facts { known: self.known, affected: self.affected, answers, shared: shared.collect() }
    }
}

#[cfg(test)]
mod tests;
