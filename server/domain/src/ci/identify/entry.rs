//! The table of identifiers: what must be equal, in which context, and under which key candidates are found.

use super::fingerprint::{Fingerprint, container_fact, name_fact};
use crate::ci::normalise;
use std::collections::BTreeMap;

/// Attributes that an entry compares, with their normalised values.
pub type Identifiers = BTreeMap<String, String>;

/// One row of the table.
pub struct Entry {
    /// Lower numbers are tried first.
    pub number: u16,
    /// What the machine has of the entry's attributes; the reason why the entry is skipped otherwise.
    pub identifiers: fn(&Fingerprint) -> Result<Identifiers, &'static str>,
    /// Keys in the index of facts under which every candidate is found.
    pub facts: fn(&Fingerprint) -> Vec<String>,
    /// When two machines agree.
    pub agreement: Agreement,
}

/// When two machines agree in an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// All identifiers are equal.
    Equal,
    /// The host name is equal and at least one hardware address is.
    OneMac,
    /// One bears the name of the other. That never identifies a machine of which anything better is known.
    Name,
}

/// The table. Entry 5 is the reporter's own key.
pub const ENTRIES: [Entry; 12] = [
    Entry { number: 10, identifiers: cloud, facts: |found| found.cloud_fact().into_iter().collect(), agreement: Agreement::Equal },
    Entry { number: 20, identifiers: serial_and_uuid, facts: |found| found.uuid_fact().into_iter().collect(), agreement: Agreement::Equal },
    Entry {
        number: 30,
        identifiers: serial_and_manufacturer,
        facts: |found| found.serial_fact().into_iter().collect(),
        agreement: Agreement::Equal,
    },
    Entry { number: 40, identifiers: uuid_and_kind, facts: |found| found.uuid_fact().into_iter().collect(), agreement: Agreement::Equal },
    Entry { number: 50, identifiers: board, facts: |found| found.board_fact().into_iter().collect(), agreement: Agreement::Equal },
    Entry { number: 60, identifiers: chassis, facts: |found| found.chassis_fact().into_iter().collect(), agreement: Agreement::Equal },
    // Who has the whole set has its first address.
    Entry {
        number: 70,
        identifiers: all_macs,
        facts: |found| found.mac_facts().into_iter().take(1).collect(),
        agreement: Agreement::Equal,
    },
    Entry { number: 80, identifiers: mac_and_hostname, facts: Fingerprint::mac_facts, agreement: Agreement::OneMac },
    Entry {
        number: BY_CONTAINER,
        identifiers: container,
        facts: |found| found.container.as_deref().map(container_fact).into_iter().collect(),
        agreement: Agreement::Equal,
    },
    Entry {
        number: 90,
        identifiers: machine_id_and_hostname,
        facts: |found| found.machine_id_fact().into_iter().collect(),
        agreement: Agreement::Equal,
    },
    Entry {
        number: 100,
        identifiers: fqdn,
        facts: |found| found.fqdn.iter().map(|name| name_fact(name)).collect(),
        agreement: Agreement::Name,
    },
    Entry {
        number: 110,
        identifiers: hostname_and_domain,
        facts: |found| found.joined_name().iter().map(|name| name_fact(name)).collect(),
        agreement: Agreement::Name,
    },
];

/// The entry of a container's id. Hosts that were copied have containers of the same ids, so several matches are none.
pub const BY_CONTAINER: u16 = 85;

/// The last entry whose identifiers are those of the whole machine, given by its maker or its cloud.
pub const LAST_OF_MACHINE: u16 = 20;

/// The last entry whose identifiers nobody but the maker of a machine or a part of it sets.
pub const LAST_OF_HARDWARE: u16 = 60;

impl Entry {
    /// Whether a known host agrees with what was found.
    pub fn agrees(&self, found: &Fingerprint, known: &Fingerprint) -> bool {
        match self.agreement {
            Agreement::Equal => match ((self.identifiers)(found), (self.identifiers)(known)) {
                (Ok(mine), Ok(theirs)) => mine == theirs,
                _ => false,
            },
            Agreement::OneMac => found.hostname.is_some() && found.hostname == known.hostname && !found.macs.is_disjoint(&known.macs),
            Agreement::Name => {
                let names = known.names();
                let mine = if self.number == 100 { found.fqdn.clone() } else { found.joined_name() };
                mine.is_some_and(|name| names.contains(&name))
            }
        }
    }
}

const CONTAINED: &str = "not for containers: the hardware that they see is their host's";
const IMAGINED: &str = "only for physical machines: hypervisors make up boards and chassis";

fn cloud(found: &Fingerprint) -> Result<Identifiers, &'static str> {
    not_contained(found)?;
    let (provider, instance) = found.cloud.clone().ok_or("no cloud provider and instance id")?;
    Ok(named([("cloud_instance_id", instance), ("cloud_provider", provider)]))
}

fn serial_and_uuid(found: &Fingerprint) -> Result<Identifiers, &'static str> {
    not_contained(found)?;
    let serial = found.serial.clone().ok_or("no usable serial number")?;
    let uuid = found.uuid.ok_or("no usable UUID")?;
    Ok(named([("serial", serial), ("uuid", uuid.key())]))
}

fn serial_and_manufacturer(found: &Fingerprint) -> Result<Identifiers, &'static str> {
    not_contained(found)?;
    let serial = found.serial.clone().ok_or("no usable serial number")?;
    let manufacturer = found.manufacturer.clone().ok_or("no usable manufacturer")?;
    Ok(named([("manufacturer", normalise::maker(&manufacturer)), ("serial", serial)]))
}

fn uuid_and_kind(found: &Fingerprint) -> Result<Identifiers, &'static str> {
    not_contained(found)?;
    let uuid = found.uuid.ok_or("no usable UUID")?;
    let kind = found.kind.ok_or("it is unknown whether this is a physical machine")?;
    Ok(named([("kind", kind.to_owned()), ("uuid", uuid.key())]))
}

fn board(found: &Fingerprint) -> Result<Identifiers, &'static str> {
    tangible(found)?;
    let (model, serial) = found.board.clone().ok_or("no usable serial number and model of the board")?;
    Ok(named([("board_model", model), ("board_serial", serial)]))
}

fn chassis(found: &Fingerprint) -> Result<Identifiers, &'static str> {
    tangible(found)?;
    let serial = found.chassis_serial.clone();
    Ok(named([("chassis_serial", serial.ok_or("no usable serial number of a chassis that is the machine's own")?)]))
}

fn all_macs(found: &Fingerprint) -> Result<Identifiers, &'static str> {
    not_contained(found)?;
    if found.macs.len() < 2 {
        return Err("fewer than two permanent hardware addresses");
    }
    Ok(named([("permanent_macs", listed(found))]))
}

fn mac_and_hostname(found: &Fingerprint) -> Result<Identifiers, &'static str> {
    not_contained(found)?;
    if found.macs.is_empty() {
        return Err("no permanent hardware address");
    }
    let hostname = found.hostname.clone().ok_or("no usable host name")?;
    Ok(named([("hostname", hostname), ("permanent_macs", listed(found))]))
}

fn container(found: &Fingerprint) -> Result<Identifiers, &'static str> {
    let id = found.container.clone().ok_or("only for containers whose host name is their id")?;
    Ok(named([("container_id", id)]))
}

fn machine_id_and_hostname(found: &Fingerprint) -> Result<Identifiers, &'static str> {
    if !matches!(found.kind, Some("vm" | "container")) {
        return Err("only for virtual machines and containers");
    }
    let machine_id = found.machine_id.clone().ok_or("no usable machine id")?;
    let hostname = found.hostname.clone().ok_or("no usable host name")?;
    Ok(named([("hostname", hostname), ("machine_id", machine_id)]))
}

fn fqdn(found: &Fingerprint) -> Result<Identifiers, &'static str> {
    nameable(found)?;
    Ok(named([("fqdn", found.fqdn.clone().ok_or("no usable fully qualified name")?)]))
}

fn hostname_and_domain(found: &Fingerprint) -> Result<Identifiers, &'static str> {
    nameable(found)?;
    let hostname = found.hostname.clone().ok_or("no usable host name")?;
    let domain = found.domain.clone().ok_or("no usable domain")?;
    Ok(named([("domain", domain), ("hostname", hostname)]))
}

fn not_contained(found: &Fingerprint) -> Result<(), &'static str> {
    if found.kind == Some("container") { Err(CONTAINED) } else { Ok(()) }
}

fn tangible(found: &Fingerprint) -> Result<(), &'static str> {
    not_contained(found)?;
    if found.kind == Some("vm") { Err(IMAGINED) } else { Ok(()) }
}

fn nameable(found: &Fingerprint) -> Result<(), &'static str> {
    if found.kind == Some("container") { Err("not for containers: they may bear the name of their host") } else { Ok(()) }
}

/// The whole set in one text: it is compared as a set.
fn listed(found: &Fingerprint) -> String {
    found.macs.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

fn named<const N: usize>(pairs: [(&str, String); N]) -> Identifiers {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
