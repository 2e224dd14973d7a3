//! Inventory on platforms other than Linux: what `sysinfo` knows. The other sections are skipped and say so.
//!
//! Compiled for tests on Linux too, so that it stays in step.

use super::text::tidy;
use super::{Failure, Scope, ordered, secrets};
use rollcall_shared::section::{Cpu, Filesystem, InterfaceAddress, NetworkInterface, Os, Process, System, User};
use rollcall_shared::{Section, SectionName, Timestamp};
use std::collections::BTreeSet;
use std::net::IpAddr;
use sysinfo::{Disks, Motherboard, Networks, ProcessRefreshKind, ProcessesToUpdate, Product, System as Machine, UpdateKind, Users};

/// Collects one section.
pub(crate) fn gather(scope: &Scope<'_>, name: SectionName) -> Result<Section, Failure> {
    if !scope.root().is_live() {
        return Err(Failure::Skipped("captured trees are read on Linux only".to_owned()));
    }
    Ok(match name {
        SectionName::System => Section::System(vec![system()?]),
        SectionName::Os => Section::Os(vec![os()]),
        SectionName::Cpus => Section::Cpus(ordered(scope, vec![cpu()?])),
        SectionName::Filesystems => Section::Filesystems(ordered(scope, filesystems()?)),
        SectionName::NetworkInterfaces => Section::NetworkInterfaces(ordered(scope, network_interfaces()?)),
        SectionName::Users => Section::Users(ordered(scope, users()?)),
        SectionName::Processes => Section::Processes(ordered(scope, processes()?)),
        other => return Err(Failure::Skipped(format!("{other} is not collected on {} yet", std::env::consts::OS))),
    })
}

fn said(value: Result<String, sysinfo::Error>) -> Option<String> {
    tidy(&value.ok()?)
}

fn machine() -> Result<Machine, Failure> {
    Machine::new().map_err(|error| Failure::source("sysinfo", error))
}

fn system() -> Result<System, Failure> {
    let mut machine = machine()?;
    machine.refresh_memory();
    let board = Motherboard::new().ok();
    let board = |read: fn(&Motherboard) -> Option<String>| board.as_ref().and_then(read).as_deref().and_then(tidy);
    Ok(System {
        manufacturer: said(Product::vendor_name()),
        product: said(Product::name()),
        version: said(Product::version()),
        sku: said(Product::stock_keeping_unit()),
        family: said(Product::family()),
        serial: said(Product::serial_number()),
        uuid: said(Product::uuid()).map(|uuid| uuid.to_ascii_lowercase()),
        board_manufacturer: board(Motherboard::vendor_name),
        board_product: board(Motherboard::name),
        board_version: board(Motherboard::version),
        board_serial: board(Motherboard::serial_number),
        hostname: said(Machine::host_name()),
        memory_bytes: Some(machine.total_memory()).filter(|&bytes| bytes > 0),
        ..System::default()
    })
}

fn os() -> Os {
    let seconds = Machine::boot_time().ok().and_then(|seconds| i64::try_from(seconds).ok());
    Os {
        id: tidy(&Machine::distribution_id()),
        name: said(Machine::name()),
        version: said(Machine::os_version()),
        pretty_name: said(Machine::long_os_version()),
        kernel_name: tidy(std::env::consts::OS),
        kernel_release: said(Machine::kernel_version()),
        architecture: tidy(&Machine::cpu_arch()),
        booted_at: seconds.filter(|&seconds| seconds > 0).map(|seconds| Timestamp(seconds.saturating_mul(1000))),
        ..Os::default()
    }
}

/// `sysinfo` does not tell sockets apart: all of them are one row.
fn cpu() -> Result<Cpu, Failure> {
    let mut machine = machine()?;
    machine.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
    let first = machine.cpus().first();
    Ok(Cpu {
        manufacturer: first.and_then(|cpu| tidy(cpu.vendor_id())),
        model: first.and_then(|cpu| tidy(cpu.brand())),
        cores: Machine::physical_core_count().ok().and_then(|cores| u32::try_from(cores).ok()),
        threads: u32::try_from(machine.cpus().len()).ok().filter(|&threads| threads > 0),
        ..Cpu::default()
    })
}

fn filesystems() -> Result<Vec<Filesystem>, Failure> {
    let disks = Disks::new_with_refreshed_list().map_err(|error| Failure::source("sysinfo", error))?;
    let row = |disk: &sysinfo::Disk| {
        Some(Filesystem {
            mount_point: tidy(&disk.mount_point().to_string_lossy())?,
            device: tidy(&disk.name().to_string_lossy()),
            fs_type: tidy(&disk.file_system().to_string_lossy())?,
            size_bytes: Some(disk.total_space()).filter(|&bytes| bytes > 0),
            read_only: Some(disk.is_read_only()),
            ..Filesystem::default()
        })
    };
    Ok(disks.iter().filter_map(row).collect())
}

fn network_interfaces() -> Result<Vec<NetworkInterface>, Failure> {
    let networks = Networks::new_with_refreshed_list().map_err(|error| Failure::source("sysinfo", error))?;
    let row = |(name, network): (&std::ffi::OsString, &sysinfo::NetworkData)| {
        let addresses: BTreeSet<InterfaceAddress> = network.ip_networks().iter().map(|ip| address(ip.addr, ip.prefix)).collect();
        Some(NetworkInterface {
            name: tidy(&name.to_string_lossy())?,
            mac: Some(network.mac_address()).filter(|mac| *mac != sysinfo::MacAddr::UNSPECIFIED).map(|mac| mac.to_string()),
            // No platform but Linux says what kind it is; a loopback address gives that one away.
            kind: if network.ip_networks().iter().any(|ip| ip.addr.is_loopback()) { "loopback" } else { "other" }.to_owned(),
            mtu: u32::try_from(network.mtu()).ok().filter(|&mtu| mtu > 0),
            addresses: addresses.into_iter().collect(),
            ..NetworkInterface::default()
        })
    };
    Ok(networks.iter().filter_map(row).collect())
}

fn address(address: IpAddr, prefix: u8) -> InterfaceAddress {
    let is_link = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    let scope = if address.is_loopback() {
        "host"
    } else if is_link {
        "link"
    } else {
        "global"
    };
    InterfaceAddress { address, prefix, scope: scope.to_owned() }
}

/// Accounts whose id is a number; Windows' are not.
fn users() -> Result<Vec<User>, Failure> {
    let users = Users::new_with_refreshed_list().map_err(|error| Failure::source("sysinfo", error))?;
    let row = |user: &sysinfo::User| {
        let mut groups: Vec<String> = user.groups().iter().filter_map(|group| tidy(group.name())).collect();
        groups.sort_unstable();
        groups.dedup();
        let (uid, gid) = (user.id().to_string().parse().ok()?, user.group_id().to_string().parse().ok()?);
        Some(User { name: tidy(user.name())?, uid, gid: Some(gid), groups, ..User::default() })
    };
    let rows: Vec<User> = users.iter().filter_map(row).collect();
    if rows.is_empty() { Err(Failure::Skipped("accounts on this platform have no numeric ids".to_owned())) } else { Ok(rows) }
}

fn processes() -> Result<Vec<Process>, Failure> {
    let mut machine = machine()?;
    // Without tasks: threads are no processes, and reading them takes five times as long.
    let what = ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always).without_tasks();
    machine.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
    let row = |process: &sysinfo::Process| {
        let arguments: Vec<String> = process.cmd().iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
        Some(Process {
            pid: process.pid().as_u32(),
            started_at: i64::try_from(process.start_time()).ok().map(|seconds| Timestamp(seconds.saturating_mul(1000))),
            name: tidy(&process.name().to_string_lossy())?,
            command: secrets::redacted(arguments.iter().map(String::as_str)),
            parent: process.parent().map(sysinfo::Pid::as_u32),
            ..Process::default()
        })
    };
    Ok(machine.processes().values().filter_map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::Root;

    #[test]
    fn every_section_is_there_or_says_why_not() {
        let root = Root::live();
        let scope = Scope::new(&root);
        for &name in super::super::COLLECTED {
            match gather(&scope, name) {
                Ok(section) => assert!(section.canonical().is_ok(), "{name}"),
                Err(failure) => assert!(!failure.to_string().is_empty()),
            }
        }
        assert!(matches!(gather(&scope, SectionName::Os), Ok(Section::Os(rows)) if rows[0].architecture.is_some()));
    }
}
