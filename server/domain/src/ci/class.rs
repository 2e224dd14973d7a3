//! What kinds of configuration items there are. The order and the names are frozen: they are in logs.

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
    /// A container with an agent of its own.
    Container,
    /// A disk.
    Disk,
    /// A memory module.
    MemoryModule,
    /// A network adapter.
    NetworkAdapter,
    /// A product that packages install.
    SoftwareProduct,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Host,
        Self::Server,
        Self::Workstation,
        Self::VirtualMachine,
        Self::Container,
        Self::Disk,
        Self::MemoryModule,
        Self::NetworkAdapter,
        Self::SoftwareProduct,
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
        }
    }

    /// The class it inherits from.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        match self {
            Self::Server | Self::Workstation | Self::VirtualMachine | Self::Container => Some(Self::Host),
            Self::Host | Self::Disk | Self::MemoryModule | Self::NetworkAdapter | Self::SoftwareProduct => None,
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
            Self::Host | Self::Server | Self::Workstation | Self::VirtualMachine | Self::Container => Family::Host,
            Self::Disk => Family::Disk,
            Self::MemoryModule => Family::Memory,
            Self::NetworkAdapter => Family::Network,
            Self::SoftwareProduct => Family::Software,
        }
    }
}
