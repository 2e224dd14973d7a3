//! How often each section is worth a look, and how long a look may take.
//!
//! Intervals are multiples of the inventory interval that the server (or the configuration) sets; a hint that something changed
//! brings a section forward, whatever its turn.

use rollcall_shared::SectionName;
use std::time::Duration;

/// How often a section changes on an ordinary host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volatility {
    /// What runs and who talks to whom: four times an inventory interval.
    High,
    /// What administrators change: once an inventory interval.
    Usual,
    /// What somebody has to open the case or install software for: every sixth inventory interval; hints tell the rest.
    Low,
}

/// One section's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How often.
    pub volatility: Volatility,
    /// How long it may take before the report goes without it. Ordinary hosts need less than a hundredth of it.
    pub budget: Duration,
}

const QUICK: Duration = Duration::from_secs(10);

/// Collectors that walk over many files, or wait for another program's answer.
const THOROUGH: Duration = Duration::from_secs(60);

impl Plan {
    /// The plan of a section.
    #[must_use]
    pub fn of(name: SectionName) -> Self {
        use SectionName as S;
        let (volatility, budget) = match name {
            S::Processes | S::Listeners | S::Connections | S::Containers | S::Services => (Volatility::High, QUICK),
            S::System | S::Firmware | S::Cpus | S::MemoryModules | S::PciDevices | S::UsbDevices => (Volatility::Low, QUICK),
            S::Gpus | S::Monitors | S::Batteries | S::PowerSupplies | S::Disks | S::Volumes => (Volatility::Low, QUICK),
            S::Packages | S::Certificates | S::SshKeys => (Volatility::Low, THOROUGH),
            S::Images | S::Logins | S::Filesystems => (Volatility::Usual, THOROUGH),
            S::Os | S::NetworkInterfaces | S::Routes | S::Dns | S::Neighbours | S::Firewall => (Volatility::Usual, QUICK),
            S::Users | S::Groups | S::Sudoers | S::ScheduledTasks | S::KernelModules | S::Sysctls => (Volatility::Usual, QUICK),
            S::MountOptions | S::Security | S::Custom | S::VirtualMachines | S::Databases | S::WebServers => (Volatility::Usual, QUICK),
            // These come from the sampler and the checks, not from a collector.
            S::Series | S::Checks => (Volatility::High, QUICK),
        };
        Self { volatility, budget }
    }

    /// Time between two looks.
    #[must_use]
    pub fn interval(self, inventory: Duration) -> Duration {
        match self.volatility {
            Volatility::High => inventory / 4,
            Volatility::Usual => inventory,
            Volatility::Low => inventory * 6,
        }
    }
}
