//! The attributes that come with Rollcall: what machines report, and what every inventory has people say.

use super::Kind;
use crate::ci::Class;

/// An attribute that comes with Rollcall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// Classes that have it; none for all.
    pub classes: &'static [Class],
    /// What its number counts.
    pub unit: Option<&'static str>,
    /// Whether machines report it, rather than people.
    pub measured: bool,
    /// Name of its type; the words of an enumeration are in [`BuiltIn::kind`].
    kind: Type,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Text,
    Integer,
    Boolean,
    Date,
    List,
    Contact,
    Criticality,
}

/// How much depends on a business service, the least first.
pub const CRITICALITIES: [&str; 4] = ["low", "medium", "high", "mission_critical"];

impl BuiltIn {
    /// What values it takes.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.kind {
            Type::Text => Kind::Text,
            Type::Integer => Kind::Integer,
            Type::Boolean => Kind::Boolean,
            Type::Date => Kind::Date,
            Type::List => Kind::List,
            Type::Contact => Kind::Contact,
            Type::Criticality => Kind::Enumeration { values: CRITICALITIES.map(str::to_owned).to_vec() },
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        BUILT_IN.iter().find(|known| known.name == name)
    }
}

const HOSTS: &[Class] = &[Class::Host];
const DISKS: &[Class] = &[Class::Disk];
const MEMORY: &[Class] = &[Class::MemoryModule];
const ADAPTERS: &[Class] = &[Class::NetworkAdapter];
const SOFTWARE: &[Class] = &[Class::SoftwareProduct];
const ALL: &[Class] = &[];

const fn measured(name: &'static str, label: &'static str, kind: Type, classes: &'static [Class]) -> BuiltIn {
    BuiltIn { name, label, kind, classes, unit: None, measured: true }
}

const fn sized(name: &'static str, label: &'static str, unit: &'static str, classes: &'static [Class]) -> BuiltIn {
    BuiltIn { name, label, kind: Type::Integer, classes, unit: Some(unit), measured: true }
}

const fn asserted(name: &'static str, label: &'static str, kind: Type, classes: &'static [Class]) -> BuiltIn {
    BuiltIn { name, label, kind, classes, unit: None, measured: false }
}

/// All of them, in order of their names.
pub const BUILT_IN: &[BuiltIn] = &[
    measured("architecture", "Architecture", Type::Text, HOSTS),
    measured("asset_tag", "Asset tag", Type::Text, ALL),
    measured("bios_version", "BIOS version", Type::Text, HOSTS),
    measured("board_model", "Board model", Type::Text, HOSTS),
    measured("booted_at", "Booted at", Type::Text, HOSTS),
    measured("bus_path", "Bus path", Type::Text, ADAPTERS),
    measured("chassis_type", "Chassis type", Type::Text, HOSTS),
    measured("cloud_instance_id", "Cloud instance", Type::Text, HOSTS),
    measured("cloud_provider", "Cloud provider", Type::Text, HOSTS),
    measured("cloud_region", "Cloud region", Type::Text, HOSTS),
    measured("cloud_type", "Cloud instance type", Type::Text, HOSTS),
    measured("cloud_zone", "Cloud zone", Type::Text, HOSTS),
    sized("configured_speed_mts", "Configured speed", "MT/s", MEMORY),
    sized("cpu_cores", "Processor cores", "cores", HOSTS),
    measured("cpu_manufacturer", "Processor manufacturer", Type::Text, HOSTS),
    measured("cpu_model", "Processor model", Type::Text, HOSTS),
    sized("cpu_sockets", "Processor sockets", "sockets", HOSTS),
    sized("cpu_threads", "Processor threads", "threads", HOSTS),
    asserted("criticality", "Criticality", Type::Criticality, ALL),
    measured("device", "Device", Type::Text, DISKS),
    measured("domain", "Domain", Type::Text, HOSTS),
    measured("driver", "Driver", Type::Text, ADAPTERS),
    asserted("fingerprint", "SHA-256 fingerprint", Type::Text, &[Class::Certificate]),
    measured("firmware", "Firmware", Type::Text, ALL),
    measured("form_factor", "Form factor", Type::Text, MEMORY),
    measured("fqdn", "Fully qualified name", Type::Text, HOSTS),
    measured("hostname", "Host name", Type::Text, HOSTS),
    measured("init", "Init system", Type::Text, HOSTS),
    measured("installations", "Installations", Type::Integer, SOFTWARE),
    measured("installed_at", "Installed at", Type::Text, HOSTS),
    measured("interface", "Interface", Type::Text, ALL),
    measured("ip_addresses", "Addresses", Type::List, ALL),
    measured("kernel", "Kernel", Type::Text, HOSTS),
    asserted("licence_ends", "Licence ends", Type::Date, SOFTWARE),
    asserted("licensed_installations", "Licensed installations", Type::Integer, SOFTWARE),
    measured("mac", "Hardware address", Type::Text, ADAPTERS),
    measured("mac_addresses", "Hardware addresses", Type::List, ALL),
    measured("machine_id", "Machine id", Type::Text, HOSTS),
    measured("manufacturer", "Manufacturer", Type::Text, ALL),
    sized("memory_bytes", "Memory", "bytes", HOSTS),
    measured("memory_type", "Memory type", Type::Text, MEMORY),
    measured("model", "Model", Type::Text, ALL),
    measured("os_codename", "System code name", Type::Text, HOSTS),
    measured("os_id", "System", Type::Text, HOSTS),
    measured("os_name", "System name", Type::Text, HOSTS),
    measured("os_pretty_name", "System in words", Type::Text, HOSTS),
    measured("os_support_end", "System supported until", Type::Text, HOSTS),
    measured("os_version", "System version", Type::Text, HOSTS),
    asserted("owner", "Owner", Type::Contact, ALL),
    asserted("prefix", "Prefix", Type::Text, &[Class::Network]),
    measured("reboot_required", "Reboot required", Type::Boolean, HOSTS),
    measured("removable", "Removable", Type::Boolean, DISKS),
    measured("rotational", "Rotational", Type::Boolean, DISKS),
    measured("serial", "Serial number", Type::Text, ALL),
    sized("size_bytes", "Size", "bytes", ALL),
    measured("slot", "Slot", Type::Text, ALL),
    sized("speed_mbps", "Speed", "Mbit/s", ADAPTERS),
    sized("speed_mts", "Speed", "MT/s", MEMORY),
    asserted("support_group", "Support group", Type::Contact, ALL),
    measured("time_zone", "Time zone", Type::Text, HOSTS),
    measured("uuid", "UUID", Type::Text, HOSTS),
    measured("virtualisation", "Kind of machine", Type::Text, HOSTS),
    measured("virtualisation_technology", "Virtualisation technology", Type::Text, HOSTS),
    asserted("vrf", "Routing table", Type::Text, &[Class::Network]),
    measured("wwn", "World wide name", Type::Text, DISKS),
];
