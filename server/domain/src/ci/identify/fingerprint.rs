//! The identifying facts of one machine, normalised: of a report, or of a known host.

use crate::ci::normalise::{self, Uuid, folded};
use crate::ci::{Ci, Class};
use rollcall_shared::section::{System, Virtualisation};
use std::collections::BTreeMap;

/// What tells machines apart. Containers have neither serial nor UUID here: those that they see are their host's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// Class that the report implies; `None` when it does not say what kind of machine it is.
    pub class: Option<Class>,
    /// `physical`, `vm` or `container`.
    pub kind: Option<&'static str>,
    /// Folded.
    pub serial: Option<String>,
    /// Folded.
    pub manufacturer: Option<String>,
    /// Either byte order.
    pub uuid: Option<Uuid>,
    /// 32 digits.
    pub machine_id: Option<String>,
    /// Folded.
    pub hostname: Option<String>,
}

/// SMBIOS chassis types of machines that people sit at.
const DESKS: [&str; 18] = [
    "all_in_one",
    "convertible",
    "desktop",
    "detachable",
    "hand_held",
    "laptop",
    "low_profile_desktop",
    "lunch_box",
    "mini_pc",
    "mini_tower",
    "notebook",
    "portable",
    "sealed_case_pc",
    "space_saving",
    "stick_pc",
    "sub_notebook",
    "tablet",
    "tower",
];

/// The word for a kind of machine in attributes and identifiers.
#[must_use]
pub fn kind(virtualisation: Virtualisation) -> &'static str {
    match virtualisation {
        Virtualisation::Physical => "physical",
        Virtualisation::Vm | Virtualisation::Wsl => "vm",
        Virtualisation::Container => "container",
    }
}

fn class(system: &System) -> Option<Class> {
    Some(match system.virtualisation? {
        Virtualisation::Container => Class::Container,
        Virtualisation::Vm | Virtualisation::Wsl => Class::VirtualMachine,
        Virtualisation::Physical if system.chassis_type.as_deref().is_some_and(|word| DESKS.contains(&word)) => Class::Workstation,
        Virtualisation::Physical => Class::Server,
    })
}

impl Fingerprint {
    /// Of a report.
    #[must_use]
    pub fn of_system(system: &System) -> Self {
        let contained = system.virtualisation == Some(Virtualisation::Container);
        let hardware = |field: &Option<String>| field.clone().filter(|_| !contained);
        let manufacturer = hardware(&system.manufacturer).and_then(|raw| normalise::label(&raw));
        Self {
            class: class(system),
            kind: system.virtualisation.map(kind),
            serial: hardware(&system.serial).and_then(|raw| normalise::serial(&raw, manufacturer.as_deref())).map(|text| folded(&text)),
            manufacturer: manufacturer.map(|text| folded(&text)),
            uuid: hardware(&system.uuid).and_then(|raw| Uuid::parse(&raw)),
            machine_id: system.machine_id.as_deref().and_then(normalise::machine_id),
            hostname: system.hostname.as_deref().and_then(normalise::hostname),
        }
    }

    /// Of a known host, from what agents measured: what people assert identifies nothing.
    #[must_use]
    pub fn of_host(host: &Ci) -> Self {
        let kind = ["physical", "vm", "container"].into_iter().find(|&kind| host.observed_text("virtualisation") == Some(kind));
        Self {
            class: Some(host.class),
            kind,
            serial: host.observed_text("serial").map(folded),
            manufacturer: host.observed_text("manufacturer").map(folded),
            uuid: host.observed_text("uuid").and_then(Uuid::parse),
            machine_id: host.observed_text("machine_id").and_then(normalise::machine_id),
            hostname: host.observed_text("hostname").and_then(normalise::hostname),
        }
    }

    /// Why these two cannot be one machine: a strong fact that both have and that differs.
    #[must_use]
    pub fn contradiction(&self, other: &Self) -> Option<String> {
        if let (Some(mine), Some(theirs)) = (&self.serial, &other.serial)
            && mine != theirs
        {
            return Some(format!("its serial number is {theirs}, not {mine}"));
        }
        match (self.uuid, other.uuid) {
            (Some(mine), Some(theirs)) if mine.key() != theirs.key() => Some(format!("its UUID is {theirs}, not {mine}")),
            _ => None,
        }
    }

    /// Keys in the index of facts.
    #[must_use]
    pub fn facts(&self) -> Vec<String> {
        [self.serial_fact(), self.uuid_fact(), self.machine_id_fact()].into_iter().flatten().collect()
    }

    pub(super) fn serial_fact(&self) -> Option<String> {
        self.serial.as_ref().map(|serial| format!("serial:{serial}"))
    }

    pub(super) fn uuid_fact(&self) -> Option<String> {
        self.uuid.map(|uuid| format!("uuid:{}", uuid.key()))
    }

    pub(super) fn machine_id_fact(&self) -> Option<String> {
        self.machine_id.as_ref().map(|id| format!("machine_id:{id}"))
    }

    pub(super) fn serial_and_uuid(&self) -> Result<BTreeMap<String, String>, &'static str> {
        let serial = self.serial.clone().ok_or("no usable serial number")?;
        let uuid = self.uuid.ok_or("no usable UUID")?;
        Ok(named([("serial", serial), ("uuid", uuid.key())]))
    }

    pub(super) fn serial_and_manufacturer(&self) -> Result<BTreeMap<String, String>, &'static str> {
        let serial = self.serial.clone().ok_or("no usable serial number")?;
        let manufacturer = self.manufacturer.clone().ok_or("no usable manufacturer")?;
        Ok(named([("manufacturer", manufacturer), ("serial", serial)]))
    }

    pub(super) fn uuid_and_kind(&self) -> Result<BTreeMap<String, String>, &'static str> {
        let uuid = self.uuid.ok_or("no usable UUID")?;
        let kind = self.kind.ok_or("it is unknown whether this is a physical machine")?;
        Ok(named([("kind", kind.to_owned()), ("uuid", uuid.key())]))
    }

    pub(super) fn machine_id_and_hostname(&self) -> Result<BTreeMap<String, String>, &'static str> {
        if !matches!(self.kind, Some("vm" | "container")) {
            return Err("only for virtual machines and containers");
        }
        let machine_id = self.machine_id.clone().ok_or("no usable machine id")?;
        let hostname = self.hostname.clone().ok_or("no usable host name")?;
        Ok(named([("hostname", hostname), ("machine_id", machine_id)]))
    }
}

fn named<const N: usize>(pairs: [(&str, String); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
