//! What kinds of configuration items there are. The order and the names are frozen: they are in logs.

pub mod model;

use crate::id::Family;
use serde::{Deserialize, Serialize};

/// Classes of configuration items; single inheritance, see [`Class::parent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Any machine with an operating system.
    Host,
    /// A physical or unclassified server.
    Server,
    /// A desktop or laptop.
    Workstation,
    /// A virtual machine.
    VirtualMachine,
    /// A container: with an agent of its own, or seen from its host.
    Container,
    /// A disk.
    Disk,
    /// A memory module.
    MemoryModule,
    /// A network adapter.
    NetworkAdapter,
    /// A product that packages install.
    SoftwareProduct,
    /// A switch, router, firewall or access point.
    NetworkDevice,
    /// A printer.
    Printer,
    /// A storage array or a network attached storage.
    StorageDevice,
    /// A server that runs virtual machines.
    Hypervisor,
    /// A host that runs containers.
    ContainerHost,
    /// A graphics adapter.
    Gpu,
    /// A power supply.
    PowerSupply,
    /// A monitor.
    Monitor,
    /// A battery.
    Battery,
    /// A running database engine.
    DatabaseInstance,
    /// A running web server.
    WebServer,
    /// A program that listens on a host.
    ApplicationService,
    /// Several machines that do one thing together.
    Cluster,
    /// A certificate found on a host.
    Certificate,
    /// What people outside pay for or depend on; defined by people.
    BusinessService,
    /// A site, building, room or rack.
    Location,
    /// A network by its prefix.
    Network,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 26] = [
        Self::Host,
        Self::Server,
        Self::Workstation,
        Self::VirtualMachine,
        Self::Container,
        Self::Disk,
        Self::MemoryModule,
        Self::NetworkAdapter,
        Self::SoftwareProduct,
        Self::NetworkDevice,
        Self::Printer,
        Self::StorageDevice,
        Self::Hypervisor,
        Self::ContainerHost,
        Self::Gpu,
        Self::PowerSupply,
        Self::Monitor,
        Self::Battery,
        Self::DatabaseInstance,
        Self::WebServer,
        Self::ApplicationService,
        Self::Cluster,
        Self::Certificate,
        Self::BusinessService,
        Self::Location,
        Self::Network,
    ];

    /// The name in JSON and queries.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Server => "server",
            Self::Workstation => "workstation",
            Self::VirtualMachine => "virtual_machine",
            Self::Container => "container",
            Self::Disk => "disk",
            Self::MemoryModule => "memory_module",
            Self::NetworkAdapter => "network_adapter",
            Self::SoftwareProduct => "software_product",
            Self::NetworkDevice => "network_device",
            Self::Printer => "printer",
            Self::StorageDevice => "storage_device",
            Self::Hypervisor => "hypervisor",
            Self::ContainerHost => "container_host",
            Self::Gpu => "gpu",
            Self::PowerSupply => "power_supply",
            Self::Monitor => "monitor",
            Self::Battery => "battery",
            Self::DatabaseInstance => "database_instance",
            Self::WebServer => "web_server",
            Self::ApplicationService => "application_service",
            Self::Cluster => "cluster",
            Self::Certificate => "certificate",
            Self::BusinessService => "business_service",
            Self::Location => "location",
            Self::Network => "network",
        }
    }

    /// The class it inherits from.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        match self {
            Self::Server | Self::Workstation | Self::VirtualMachine | Self::Container => Some(Self::Host),
            Self::Hypervisor | Self::ContainerHost => Some(Self::Server),
            Self::DatabaseInstance | Self::WebServer => Some(Self::ApplicationService),
            _ => None,
        }
    }

    /// Whether it is `other` or inherits from it.
    #[must_use]
    pub fn is_a(self, other: Self) -> bool {
        self == other || self.parent().is_some_and(|parent| parent.is_a(other))
    }

    /// Which id prefix its items have.
    #[must_use]
    pub fn family(self) -> Family {
        match self {
            Self::Host
            | Self::Server
            | Self::Workstation
            | Self::VirtualMachine
            | Self::Container
            | Self::Hypervisor
            | Self::ContainerHost => Family::Host,
            Self::Disk => Family::Disk,
            Self::MemoryModule => Family::Memory,
            Self::NetworkAdapter => Family::Network,
            Self::SoftwareProduct => Family::Software,
            Self::ApplicationService | Self::DatabaseInstance | Self::WebServer | Self::BusinessService => Family::Service,
            Self::NetworkDevice
            | Self::Printer
            | Self::StorageDevice
            | Self::Gpu
            | Self::PowerSupply
            | Self::Monitor
            | Self::Battery
            | Self::Cluster
            | Self::Certificate
            | Self::Location
            | Self::Network => Family::Other,
        }
    }
}

/// A text that names no class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no class of configuration items; GET /api/v1/classes lists them")]
pub struct UnknownClass;

impl std::str::FromStr for Class {
    type Err = UnknownClass;

    fn from_str(text: &str) -> Result<Self, UnknownClass> {
        Self::ALL.into_iter().find(|class| class.as_str() == text).ok_or(UnknownClass)
    }
}
