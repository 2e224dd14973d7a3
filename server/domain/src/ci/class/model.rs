//! What each class of configuration items is: as data, for people, programs and exports.
//!
//! The model says how items of a class are recognised, what they depend on and which attributes to expect. It judges nothing:
//! people may assert attributes beyond it. Invariant: every attribute that discovery writes is in it, with the type that
//! discovery gives it.

use super::Class;

/// One class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// Which.
    pub class: Class,
    /// What people call it.
    pub label: &'static str,
    /// What belongs to it, in a sentence.
    pub about: &'static str,
    /// What its items hang on.
    pub dependence: Dependence,
    /// What identifies an item, in words.
    pub identity: &'static str,
    /// Attributes that it has beside the inherited ones, in order of their names.
    pub attributes: &'static [Expected],
    /// The class that stands for it in ServiceNow's CMDB.
    pub servicenow: &'static str,
}

/// What items of a class hang on. Dependent ones are keyed one level deep: on a host and a natural key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependence {
    /// Nothing: they are identified on their own.
    Independent,
    /// A host contains them.
    Component,
    /// They run on a host.
    Runs,
}

/// An attribute that items of a class usually have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its name.
    pub name: &'static str,
    /// Of its values.
    pub kind: Kind,
    /// Of its numbers, as a word.
    pub unit: Option<&'static str>,
    /// What it says.
    pub about: &'static str,
}

/// Type of an attribute's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Yes or no.
    Boolean,
    /// A whole number.
    Integer,
    /// Text.
    Text,
    /// Several texts.
    List,
}

impl Dependence {
    /// The name in JSON; `None` for what depends on nothing.
    #[must_use]
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Independent => None,
            Self::Component => Some("component"),
            Self::Runs => Some("runs_on"),
        }
    }
}

impl Kind {
    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Text => "text",
            Self::List => "list",
        }
    }
}

impl Class {
    /// What it is, as data.
    #[must_use]
    pub fn model(self) -> &'static Model {
        MODELS.iter().find(|model| model.class == self).expect("a test checks that every class has a model")
    }

    /// Expected attributes, each with the class that brings it: its own and the inherited ones, in order of their names.
    #[must_use]
    pub fn expected(self) -> Vec<(Self, &'static Expected)> {
        let line = std::iter::successors(Some(self), |class| class.parent());
        let mut found: Vec<_> = line.flat_map(|class| class.model().attributes.iter().map(move |one| (class, one))).collect();
        found.sort_by_key(|(_, one)| one.name);
        found
    }

    /// What its items hang on.
    #[must_use]
    pub fn dependence(self) -> Dependence {
        self.model().dependence
    }
}

const fn text(name: &'static str, about: &'static str) -> Expected {
    Expected { name, kind: Kind::Text, unit: None, about }
}

const fn list(name: &'static str, about: &'static str) -> Expected {
    Expected { name, kind: Kind::List, unit: None, about }
}

const fn flag(name: &'static str, about: &'static str) -> Expected {
    Expected { name, kind: Kind::Boolean, unit: None, about }
}

const fn count(name: &'static str, about: &'static str) -> Expected {
    Expected { name, kind: Kind::Integer, unit: None, about }
}

const fn measure(name: &'static str, unit: &'static str, about: &'static str) -> Expected {
    Expected { name, kind: Kind::Integer, unit: Some(unit), about }
}

const HOST: &[Expected] = &[
    text("architecture", "Of the running kernel, such as x86_64."),
    text("asset_tag", "As the firmware has it."),
    text("bios_version", "Of the firmware."),
    text("board_model", "Of the main board."),
    text("board_serial", "Of the main board."),
    text("booted_at", "When the system was started, RFC 3339."),
    text("chassis_serial", "Of the chassis; of blades and multi-node chassis many machines have it."),
    text("chassis_type", "As SMBIOS names it, such as rack_mount_chassis."),
    text("cloud_instance_id", "The provider's id of the machine."),
    text("cloud_provider", "Such as aws."),
    text("cloud_region", "As the provider names it."),
    text("cloud_type", "The provider's machine type."),
    text("cloud_zone", "As the provider names it."),
    count("cpu_cores", "Of all sockets."),
    text("cpu_manufacturer", "Maker of the processors."),
    text("cpu_model", "Of the processors."),
    count("cpu_sockets", "Processors."),
    count("cpu_threads", "Hardware threads of all sockets."),
    text("domain", "DNS domain."),
    text("fqdn", "Fully qualified domain name."),
    text("hostname", "Node name."),
    text("init", "Such as systemd."),
    text("installed_at", "When the system was installed, RFC 3339."),
    list("ip_addresses", "All but loopback and link-local ones."),
    text("kernel", "Release of the running kernel."),
    list("mac_addresses", "Of physical adapters."),
    text("machine_id", "As in /etc/machine-id."),
    text("manufacturer", "Of the machine."),
    measure("memory_bytes", "bytes", "Physical memory."),
    text("model", "Of the machine."),
    text("os_codename", "Such as bookworm."),
    text("os_id", "Such as debian."),
    text("os_name", "Of the operating system."),
    text("os_pretty_name", "Of the operating system, with its version."),
    text("os_support_end", "Day on which its maker's support ends."),
    text("os_version", "Of the operating system."),
    list("permanent_macs", "Of adapters that are built in: those that identify the machine."),
    flag("reboot_required", "Whether an update waits for a restart."),
    text("serial", "Of the machine."),
    text("time_zone", "IANA name."),
    text("uuid", "Of the machine."),
    text("virtualisation", "physical, vm or container."),
    text("virtualisation_technology", "Such as kvm."),
];

const GUEST: &[Expected] = &[
    count("assigned_cpus", "Virtual processors, as its hypervisor says."),
    measure("assigned_memory_bytes", "bytes", "Memory, as its hypervisor says."),
    text("power_state", "running, shut_off or paused, as its hypervisor says."),
];

const CONTAINER: &[Expected] = &[
    text("container_id", "As its runtime gives it."),
    text("image", "Reference of its image."),
    text("state", "As its runtime says, such as running."),
];

const SERVICE: &[Expected] = &[
    list("endpoints", "Where it listens, as protocol/address:port; * stands for all addresses, 0.0.0.0 for all of IPv4."),
    flag("loopback_only", "Present when only its own host reaches it."),
    text("process", "Name of the program."),
    text("unit", "Unit it runs in."),
];

const DATABASE: &[Expected] =
    &[text("data_directory", "Where its data is."), text("engine", "Such as postgresql."), text("version", "Of the engine.")];

const WEB_SERVER: &[Expected] =
    &[text("engine", "Such as nginx."), list("sites", "Names that it serves."), text("version", "Of the engine.")];

const DISK: &[Expected] = &[
    text("device", "Kernel name."),
    text("firmware", "Revision."),
    text("interface", "Such as nvme."),
    text("manufacturer", "Maker."),
    text("model", "Model."),
    flag("removable", "Whether its medium can be taken out."),
    flag("rotational", "Whether it spins."),
    text("serial", "Serial number."),
    measure("size_bytes", "bytes", "Capacity."),
    text("wwn", "World-wide name."),
];

const MEMORY_MODULE: &[Expected] = &[
    measure("configured_speed_mts", "megatransfers per second", "Speed it runs at."),
    text("form_factor", "Such as DIMM."),
    text("manufacturer", "Maker."),
    text("memory_type", "Such as DDR4."),
    text("model", "Part number."),
    text("serial", "Serial number."),
    measure("size_bytes", "bytes", "Capacity."),
    text("slot", "Where it is."),
    measure("speed_mts", "megatransfers per second", "Highest speed."),
];

const NETWORK_ADAPTER: &[Expected] = &[
    text("bus_path", "Address of the device."),
    text("driver", "Kernel driver."),
    text("interface", "Kernel name."),
    text("kind", "ethernet, wifi or infiniband."),
    text("mac", "Permanent hardware address."),
    measure("speed_mbps", "megabits per second", "Speed of the link."),
];

const GPU: &[Expected] = &[
    text("address", "On the bus."),
    text("driver", "Kernel driver."),
    text("firmware", "Version of its video BIOS."),
    text("manufacturer", "Maker."),
    measure("memory_bytes", "bytes", "Own memory."),
    text("model", "Model."),
    text("serial", "Serial number."),
];

const POWER_SUPPLY: &[Expected] = &[
    flag("hot_replaceable", "Whether it can be replaced while the machine runs."),
    text("location", "Where it is."),
    text("manufacturer", "Maker."),
    measure("max_watts", "watts", "Highest power."),
    text("model", "Part number."),
    text("serial", "Serial number."),
];

const MONITOR: &[Expected] = &[
    text("connector", "Where it is plugged in."),
    measure("height_mm", "millimetres", "Of the picture."),
    count("made_year", "Year of manufacture, or model year."),
    text("manufacturer", "Maker."),
    text("model", "Model."),
    text("resolution", "Preferred one."),
    text("serial", "Serial number."),
    measure("width_mm", "millimetres", "Of the picture."),
];

const BATTERY: &[Expected] = &[
    measure("design_capacity_mwh", "milliwatt-hours", "Capacity by design."),
    text("device", "Kernel name."),
    text("manufacturer", "Maker."),
    text("model", "Model."),
    text("serial", "Serial number."),
    text("technology", "Such as li_ion."),
];

const SOFTWARE_PRODUCT: &[Expected] = &[
    count("installations", "Hosts that have it now, counted from their packages; retired ones do not count."),
    text("licence_ends", "Day on which its licence ends, as people recorded it."),
    count("licensed_installations", "Hosts that may have it, as people recorded it."),
    text("manager", "Of its packages, such as dpkg."),
    text("name", "Of its packages."),
    text("purl", "Package URL without version."),
];

const CERTIFICATE: &[Expected] = &[
    text("issuer", "Who signed it."),
    text("key_type", "Such as ecdsa."),
    text("not_after", "When it expires, RFC 3339."),
    list("sans", "Names and addresses that it is for."),
    text("subject", "Whose it is."),
];

const NETWORK_DEVICE: &[Expected] = &[
    list("capabilities", "As it says of itself, such as bridge or router."),
    text("description", "As it says of itself."),
    text("management_address", "As it says of itself."),
];

const NETWORK: &[Expected] = &[
    text("gateway", "Address of the way out of it."),
    text("gateway_mac", "Hardware address that tells it from others with its prefix."),
    text("prefix", "Address and length, such as 192.0.2.0/24."),
];

const NONE: &[Expected] = &[];

use Dependence::{Component, Independent, Runs};

/// What a machine's agent proves, and what its hardware says.
const BY_IDENTIFIERS: &str = "the agent's certificate, else hardware identifiers; see GET /api/v1/cis/{id}/identification";
const BY_NUMBER: &str = "maker's number on physical machines, else host and place";
const BY_NAME: &str = "people make it";

macro_rules! models {
    ($($class:ident $label:literal, $dependence:ident, $servicenow:literal, $attributes:ident, $identity:expr, $about:literal;)*) => {
        [$(Model {
            class: Class::$class,
            label: $label,
            about: $about,
            dependence: $dependence,
            identity: $identity,
            attributes: $attributes,
            servicenow: $servicenow,
        },)*]
    };
}

/// All of them, in the order of [`Class::ALL`].
pub const MODELS: [Model; 26] = models! {
    Host "Host", Independent, "cmdb_ci_computer", HOST, BY_IDENTIFIERS, "Any machine with an operating system.";
    Server "Server", Independent, "cmdb_ci_server", NONE, BY_IDENTIFIERS, "A physical or unclassified server.";
    Workstation "Workstation", Independent, "cmdb_ci_pc_hardware", NONE, BY_IDENTIFIERS, "A desktop or laptop.";
    VirtualMachine "Virtual machine", Independent, "cmdb_ci_vm_instance", GUEST,
        "as a host, or UUID in either byte order, or hardware addresses, as its hypervisor has them",
        "A virtual machine: with an agent of its own, seen by its hypervisor, or both.";
    Container "Container", Runs, "cmdb_ci_oslv_container", CONTAINER, "host, runtime and name; its own agent by the container's id, else as a host",
        "A container: with an agent of its own, or seen from its host.";
    Disk "Disk", Component, "cmdb_ci_disk", DISK, BY_NUMBER, "A disk.";
    MemoryModule "Memory module", Component, "cmdb_ci_memory_module", MEMORY_MODULE, BY_NUMBER, "A memory module.";
    NetworkAdapter "Network adapter", Component, "cmdb_ci_network_adapter", NETWORK_ADAPTER, BY_NUMBER, "A network adapter.";
    SoftwareProduct "Software product", Independent, "cmdb_ci_spkg", SOFTWARE_PRODUCT, "package URL without version",
        "A product that packages install.";
    NetworkDevice "Network device", Independent, "cmdb_ci_netgear", NETWORK_DEVICE, "chassis id, as it announces it by LLDP",
        "A switch, router, firewall or access point.";
    Printer "Printer", Independent, "cmdb_ci_printer", NONE, BY_NAME, "A printer.";
    StorageDevice "Storage device", Independent, "cmdb_ci_storage_server", NONE, BY_NAME, "A storage array or a network attached storage.";
    Hypervisor "Hypervisor", Independent, "cmdb_ci_virtualization_server", NONE, BY_IDENTIFIERS, "A server that runs virtual machines.";
    ContainerHost "Container host", Independent, "cmdb_ci_server", NONE, BY_IDENTIFIERS, "A server that runs containers.";
    Gpu "Graphics adapter", Component, "cmdb_ci_peripheral", GPU, BY_NUMBER, "A graphics adapter.";
    PowerSupply "Power supply", Component, "cmdb_ci_peripheral", POWER_SUPPLY, BY_NUMBER, "A power supply.";
    Monitor "Monitor", Component, "cmdb_ci_display_hardware", MONITOR, BY_NUMBER, "A monitor.";
    Battery "Battery", Component, "cmdb_ci_peripheral", BATTERY, BY_NUMBER, "A battery.";
    DatabaseInstance "Database instance", Runs, "cmdb_ci_db_instance", DATABASE, "host, engine and name or port", "A running database engine.";
    WebServer "Web server", Runs, "cmdb_ci_web_server", WEB_SERVER, "host, engine and first port", "A running web server.";
    ApplicationService "Application service", Runs, "cmdb_ci_appl", SERVICE, "host and unit, container, or program and first port",
        "A program that listens on a host.";
    Cluster "Cluster", Independent, "cmdb_ci_cluster", NONE, BY_NAME, "Several machines that do one thing together.";
    Certificate "Certificate", Independent, "cmdb_ci_certificate", CERTIFICATE, "SHA-256 fingerprint", "A certificate found on hosts.";
    BusinessService "Business service", Independent, "cmdb_ci_service_business", NONE, BY_NAME, "What people outside pay for or depend on.";
    Location "Location", Independent, "cmn_location", NONE, BY_NAME, "A site, building, room or rack.";
    Network "Network", Independent, "cmdb_ci_ip_network", NETWORK,
        "prefix; of private ones with the gateway's hardware address or the site, by people with the routing table",
        "A network by its prefix.";
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::class::UnknownClass;
    use crate::ci::decide::observations_of;
    use rollcall_shared::Section;
    use rollcall_shared::section::{Cpu, NetworkInterface, Os, System};

    #[test]
    fn every_class_has_a_model_in_its_place() {
        assert!(MODELS.iter().map(|model| model.class).eq(Class::ALL));
        for class in Class::ALL {
            assert_eq!(class.as_str().parse(), Ok(class));
            assert!(class.model().attributes.is_sorted_by(|a, b| a.name < b.name), "{class:?}");
            let expected = class.expected();
            assert!(expected.is_sorted_by(|(_, a), (_, b)| a.name < b.name), "{class:?} inherits what it has itself");
        }
        assert_eq!("fridge".parse::<Class>(), Err(UnknownClass));
    }

    #[test]
    fn a_class_has_what_its_ancestors_have() {
        let hypervisor = Class::Hypervisor.expected();
        assert!(hypervisor.iter().any(|(class, one)| (*class, one.name) == (Class::Host, "serial")));
        let database = Class::DatabaseInstance.expected();
        assert!(database.iter().any(|(class, one)| (*class, one.name) == (Class::ApplicationService, "endpoints")));
        assert!(database.iter().any(|(class, one)| (*class, one.name) == (Class::DatabaseInstance, "engine")));
    }

    #[test]
    fn what_discovery_says_of_hosts_is_in_the_model() {
        let sections = [
            Section::System(vec![System::default()]),
            Section::Os(vec![Os::default()]),
            Section::Cpus(vec![Cpu::default()]),
            Section::NetworkInterfaces(vec![NetworkInterface::default()]),
        ];
        let written: Vec<&str> = sections.iter().flat_map(observations_of).map(|(name, _)| name).collect();
        for name in &written {
            assert!(HOST.iter().any(|expected| expected.name == *name), "{name}");
        }
        assert_eq!(written.len(), HOST.len());
    }
}
