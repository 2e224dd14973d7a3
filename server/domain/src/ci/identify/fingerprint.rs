//! The identifying facts of one machine, normalised: of a report, or of a known host.

use crate::ci::normalise::{self, Mac, Uuid, folded};
use crate::ci::policy::Identification as Policy;
use crate::ci::{AttributeValue, Ci, Class, Cmdb, Lifecycle};
use crate::id::CiId;
use rollcall_shared::section::{Disk, MemoryModule, NetworkInterface, Os, System, Virtualisation};
use rollcall_shared::{Section, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What tells machines apart. Containers have no hardware here: what they see is their host's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// Class that the report implies; `None` when it does not say what kind of machine it is.
    pub class: Option<Class>,
    /// `physical`, `vm` or `container`.
    pub kind: Option<&'static str>,
    /// Provider and instance, folded.
    pub cloud: Option<(String, String)>,
    /// Folded.
    pub serial: Option<String>,
    /// Folded.
    pub manufacturer: Option<String>,
    /// Either byte order.
    pub uuid: Option<Uuid>,
    /// Model and serial number of the main board, folded.
    pub board: Option<(String, String)>,
    /// Serial number of a chassis that is this machine's own, folded.
    pub chassis_serial: Option<String>,
    /// Permanent hardware addresses of built-in devices; locally administered ones of virtual machines alone.
    pub macs: BTreeSet<String>,
    /// 32 digits.
    pub machine_id: Option<String>,
    /// Folded.
    pub hostname: Option<String>,
    /// Folded.
    pub domain: Option<String>,
    /// Folded.
    pub fqdn: Option<String>,
    /// Serial numbers of disks, folded; of physical machines alone, for hypervisors make theirs up.
    pub disks: BTreeSet<String>,
    /// Serial numbers of memory modules, folded.
    pub memory_modules: BTreeSet<String>,
    /// The beginning of a container's id, as its runtime gives it and as its host name is unless somebody chose another.
    pub container: Option<String>,
    /// Of a container: the system that it shares with its host.
    pub boot: Boot,
}

/// One run of a kernel: what a container and its host have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Boot {
    /// Release of the kernel.
    pub kernel: Option<String>,
    /// When it was started.
    pub at: Option<Timestamp>,
}

impl Boot {
    /// Clocks that are set right after the start move the moment of the start by so much.
    const TOLERANCE_MS: i64 = 5_000;

    /// Of the system that a section tells.
    #[must_use]
    pub fn of_system(os: &Os) -> Self {
        Self { kernel: os.kernel_release.clone(), at: os.booted_at }
    }

    /// Of a host as it is known.
    #[must_use]
    pub fn of_host(host: &Ci) -> Self {
        let text = |name: &str| host.observed_text(name);
        Self { kernel: text("kernel").map(str::to_owned), at: text("booted_at").and_then(|text| text.parse().ok()) }
    }

    /// Whether these cannot be one: nothing runs two kernels.
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        self.kernel.is_some() && other.kernel.is_some() && self.kernel != other.kernel
    }

    /// Whether these are one: the same kernel, started at the same moment. That it is another moment proves nothing, as one of
    /// them may be of before a restart.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let near = self.at.zip(other.at).is_some_and(|(mine, theirs)| mine.0.abs_diff(theirs.0) <= Self::TOLERANCE_MS as u64);
        near && self.kernel.is_some() && self.kernel == other.kernel
    }
}

/// The beginning of a container's id, when a text is one: 12 hexadecimal digits (as it is shortened for people) or 64.
#[must_use]
pub fn container_id(text: &str) -> Option<String> {
    const SHORT: usize = 12;
    let text = text.trim();
    let is_id = matches!(text.len(), SHORT | 64) && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    is_id.then(|| text[..SHORT].to_owned())
}

/// Key of a container's id in the index of facts.
#[must_use]
pub fn container_fact(id: &str) -> String {
    format!("container:{id}")
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

/// SMBIOS chassis types that are not one machine's own: docks, blades and enclosures of several nodes, boxes beside the machine.
const FOREIGN_CHASSIS: [&str; 9] = [
    "blade",
    "blade_enclosure",
    "bus_expansion_chassis",
    "docking_station",
    "expansion_chassis",
    "multi_system_chassis",
    "peripheral_chassis",
    "raid_chassis",
    "sub_chassis",
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

/// The serial number of a chassis, when the chassis is the machine's own.
#[must_use]
pub fn chassis_serial(system: &System) -> Option<String> {
    let own = system.chassis_type.as_deref().is_none_or(|word| !FOREIGN_CHASSIS.contains(&word));
    normalise::serial(system.chassis_serial.as_deref().filter(|_| own)?, system.chassis_manufacturer.as_deref())
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
    /// Of the sections of one report. Lists of parts must be complete ones; what is absent says nothing.
    #[must_use]
    pub fn of_sections(sections: &[Arc<Section>]) -> Self {
        let system = sections.iter().find_map(|section| match &**section {
            Section::System(rows) => rows.first(),
            _ => None,
        });
        let mut found = system.map(Self::of_system).unwrap_or_default();
        for section in sections {
            match &**section {
                Section::Os(rows) => found.boot = rows.first().map(Boot::of_system).unwrap_or_default(),
                Section::NetworkInterfaces(rows) => found.macs = macs(rows),
                Section::Disks(rows) => found.disks = disks(rows),
                Section::MemoryModules(rows) => found.memory_modules = memory_modules(rows),
                _ => {}
            }
        }
        found.only_its_own()
    }

    /// Of what a report says of the machine as a whole, without its parts.
    #[must_use]
    pub fn of_system(system: &System) -> Self {
        let contained = system.virtualisation == Some(Virtualisation::Container);
        let hardware = |field: &Option<String>| field.clone().filter(|_| !contained);
        let manufacturer = hardware(&system.manufacturer).and_then(|raw| normalise::label(&raw));
        let serial = |field: &Option<String>, maker: Option<&str>| hardware(field).and_then(|raw| normalise::serial(&raw, maker));
        let board_model = hardware(&system.board_product).and_then(|raw| normalise::label(&raw));
        let cloud = |field: &Option<String>| hardware(field).and_then(|raw| normalise::cloud_name(&raw));
        Self {
            class: class(system),
            kind: system.virtualisation.map(kind),
            cloud: cloud(&system.cloud_provider).zip(cloud(&system.cloud_instance_id)),
            serial: serial(&system.serial, manufacturer.as_deref()).map(|text| folded(&text)),
            uuid: hardware(&system.uuid).and_then(|raw| Uuid::parse(&raw)),
            board: pair(board_model.as_deref(), serial(&system.board_serial, board_model.as_deref()).as_deref()),
            chassis_serial: chassis_serial(system).filter(|_| !contained).map(|text| folded(&text)),
            manufacturer: manufacturer.map(|text| folded(&text)),
            machine_id: system.machine_id.as_deref().and_then(normalise::machine_id),
            hostname: system.hostname.as_deref().and_then(normalise::hostname),
            domain: system.domain.as_deref().and_then(normalise::domain),
            fqdn: system.fqdn.as_deref().and_then(normalise::fqdn),
            container: system.hostname.as_deref().filter(|_| contained).and_then(container_id),
            ..Self::default()
        }
    }

    /// Of a known host, from what agents and other systems measured: what people assert identifies nothing, save for a record that nobody
    /// has reported yet.
    #[must_use]
    pub fn of_host(host: &Ci) -> Self {
        let text = |name: &str| known_text(host, name);
        let macs = match host.observed("permanent_macs").map(|proposal| proposal.value()) {
            Some(AttributeValue::List(macs)) => macs.iter().cloned().collect(),
            _ => BTreeSet::new(),
        };
        let fqdn = text("fqdn").and_then(normalise::fqdn);
        // Its host knows better than whoever set its host name.
        let container = host.observed_text("container_id").or_else(|| host.observed_text("hostname")).and_then(container_id);
        let found = Self {
            class: Some(host.class),
            kind: ["physical", "vm", "container"].into_iter().find(|&kind| text("virtualisation") == Some(kind)),
            cloud: text("cloud_provider").and_then(normalise::cloud_name).zip(text("cloud_instance_id").and_then(normalise::cloud_name)),
            serial: text("serial").map(folded),
            manufacturer: text("manufacturer").map(folded),
            uuid: text("uuid").and_then(Uuid::parse),
            board: pair(text("board_model"), text("board_serial")),
            chassis_serial: text("chassis_serial").map(folded),
            macs,
            machine_id: text("machine_id").and_then(normalise::machine_id),
            hostname: text("hostname").and_then(normalise::hostname),
            domain: text("domain").and_then(normalise::domain),
            fqdn: fqdn.or_else(|| normalise::fqdn(&host.name).filter(|_| is_unreported(host))),
            disks: BTreeSet::new(),
            memory_modules: BTreeSet::new(),
            container: container.filter(|_| host.class == Class::Container),
            boot: Boot::of_host(host),
        };
        found.only_its_own()
    }

    /// With the system that a container shares with the host that runs it.
    #[must_use]
    pub fn with_host(mut self, cmdb: &Cmdb, ci: &Ci) -> Self {
        let host = ci.parent.filter(|_| ci.class == Class::Container).and_then(|host| cmdb.record(host));
        if let Some(host) = host {
            self.boot = Boot::of_host(host);
        }
        self
    }

    /// With the numbers of the parts that are known to be in the host.
    #[must_use]
    pub fn with_parts(mut self, cmdb: &Cmdb, host: CiId) -> Self {
        let parts = cmdb.components.get(&host).into_iter().flatten().filter_map(|id| cmdb.cis.get(id));
        for part in parts.filter(|part| part.status != Lifecycle::Missing) {
            let Some(serial) = part.observed_text("serial").map(folded) else { continue };
            match part.class {
                Class::Disk => drop(self.disks.insert(serial)),
                Class::MemoryModule => drop(self.memory_modules.insert(serial)),
                _ => {}
            }
        }
        self.only_its_own()
    }

    /// Without what the policy knows to be shared.
    #[must_use]
    pub fn without_junk(mut self, policy: &Policy) -> Self {
        self.serial = self.serial.filter(|serial| !policy.lists_serial(serial));
        self.manufacturer = self.manufacturer.filter(|text| !policy.lists_text(text));
        self.uuid = self.uuid.filter(|&uuid| !policy.lists_uuid(uuid));
        self.board = self.board.filter(|(model, serial)| !policy.lists_text(model) && !policy.lists_serial(serial));
        self.chassis_serial = self.chassis_serial.filter(|serial| !policy.lists_serial(serial));
        self.cloud = self.cloud.filter(|(_, instance)| !policy.lists_text(instance));
        self.macs.retain(|mac| !policy.lists_mac(mac));
        self.disks.retain(|serial| !policy.lists_serial(serial));
        self.memory_modules.retain(|serial| !policy.lists_serial(serial));
        self
    }

    /// Drops what a machine of this kind only seems to have.
    fn only_its_own(mut self) -> Self {
        if self.kind != Some("vm") {
            self.macs.retain(|mac| !Mac::is_locally_administered(mac));
        }
        if self.kind != Some("physical") {
            self.disks.clear();
            self.memory_modules.clear();
        }
        if self.kind == Some("container") {
            self.macs.clear();
        }
        if self.container.is_none() {
            self.boot = Boot::default();
        }
        self
    }

    /// Whether something is known that only one machine has.
    #[must_use]
    pub fn has_hardware(&self) -> bool {
        let named = self.cloud.is_some() || self.serial.is_some() || self.uuid.is_some();
        named || self.board.is_some() || self.chassis_serial.is_some() || !self.macs.is_empty()
    }

    /// Fully qualified names, as configured and as put together.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        self.fqdn.iter().cloned().chain(self.joined_name()).collect()
    }

    /// Host name and domain in one.
    #[must_use]
    pub fn joined_name(&self) -> Option<String> {
        let (hostname, domain) = (self.hostname.as_ref()?, self.domain.as_ref()?);
        let suffix = format!(".{domain}");
        Some(if hostname.ends_with(&suffix) { hostname.clone() } else { format!("{hostname}{suffix}") })
    }

    /// Keys in the index of facts.
    #[must_use]
    pub fn facts(&self) -> Vec<String> {
        let single =
            [self.cloud_fact(), self.serial_fact(), self.uuid_fact(), self.board_fact(), self.chassis_fact(), self.machine_id_fact()];
        let container = self.container.as_deref().map(container_fact);
        single
            .into_iter()
            .chain([container])
            .flatten()
            .chain(self.mac_facts())
            .chain(self.names().iter().map(|name| name_fact(name)))
            .collect()
    }

    pub(super) fn cloud_fact(&self) -> Option<String> {
        self.cloud.as_ref().map(|(provider, instance)| format!("cloud:{provider}/{instance}"))
    }

    pub(super) fn serial_fact(&self) -> Option<String> {
        self.serial.as_ref().map(|serial| format!("serial:{serial}"))
    }

    pub(super) fn uuid_fact(&self) -> Option<String> {
        self.uuid.map(|uuid| format!("uuid:{}", uuid.key()))
    }

    pub(super) fn board_fact(&self) -> Option<String> {
        self.board.as_ref().map(|(model, serial)| format!("board:{model}/{serial}"))
    }

    pub(super) fn chassis_fact(&self) -> Option<String> {
        self.chassis_serial.as_ref().map(|serial| format!("chassis:{serial}"))
    }

    pub(super) fn machine_id_fact(&self) -> Option<String> {
        self.machine_id.as_ref().map(|id| format!("machine_id:{id}"))
    }

    pub(super) fn mac_facts(&self) -> Vec<String> {
        self.macs.iter().map(|mac| format!("mac:{mac}")).collect()
    }
}

/// Key of a fully qualified name in the index of facts.
pub(super) fn name_fact(name: &str) -> String {
    format!("name:{name}")
}

/// Whether nobody has reported an inventory of this record yet: a person or an import wrote it down.
#[must_use]
pub fn is_unreported(host: &Ci) -> bool {
    host.sections.is_empty() && host.feeds.is_empty()
}

fn known_text<'a>(host: &'a Ci, name: &str) -> Option<&'a str> {
    let asserted = || match host.attributes.get(name)?.value() {
        AttributeValue::Text(text) if is_unreported(host) => Some(text.as_str()),
        _ => None,
    };
    host.observed_text(name).or_else(asserted)
}

fn pair(model: Option<&str>, serial: Option<&str>) -> Option<(String, String)> {
    Some((folded(model?), folded(serial?)))
}

fn macs(rows: &[NetworkInterface]) -> BTreeSet<String> {
    rows.iter().filter_map(normalise::permanent_mac).map(|mac| mac.text).collect()
}

fn disks(rows: &[Disk]) -> BTreeSet<String> {
    let serial = |row: &Disk| normalise::serial(row.serial.as_deref()?, row.vendor.as_deref().or(row.model.as_deref()));
    let fixed = rows.iter().filter(|row| row.removable != Some(true) && row.interface.as_deref() != Some("usb"));
    fixed.filter_map(serial).map(|serial| folded(&serial)).collect()
}

fn memory_modules(rows: &[MemoryModule]) -> BTreeSet<String> {
    let serial = |row: &MemoryModule| normalise::serial(row.serial.as_deref()?, row.part_number.as_deref().or(row.manufacturer.as_deref()));
    rows.iter().filter(|row| row.size_bytes.is_some()).filter_map(serial).map(|serial| folded(&serial)).collect()
}
