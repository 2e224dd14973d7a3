//! Virtual machines that this host has: libvirt's and Proxmox's definitions and what runs of them, LXD's and Incus' by their folders,
//! and QEMU, Firecracker and Cloud Hypervisor processes that none of these started.
//!
//! Definitions hold passwords of consoles and disks; nothing but what a row has is taken out of them.

use super::processes::Daemon;
use super::text::tidy;
use super::{Failure, Scope, processes};
use rollcall_shared::section::VirtualMachine;

mod libvirt;
mod proxmox;

/// Machines of one host.
const MACHINES: usize = 10_000;

/// Short names of processes that are one machine each (15 bytes are all that the kernel keeps).
const PROCESSES: [(&str, &str); 5] =
    [("qemu-system-", "qemu"), ("qemu-kvm", "qemu"), ("kvm", "qemu"), ("firecracker", "firecracker"), ("cloud-hyperviso", "cloud_hypervisor")];

/// Runtimes that have a folder for each machine.
const FOLDERS: [(&str, &str); 3] =
    [("lxd", "/var/snap/lxd/common/lxd/virtual-machines"), ("lxd", "/var/lib/lxd/virtual-machines"), ("incus", "/var/lib/incus/virtual-machines")];

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<VirtualMachine>, Failure> {
    if !scope.root().exists("/etc") && !scope.root().exists("/proc/1") {
        return Err(Failure::Skipped("there are neither definitions nor processes to look at".to_owned()));
    }
    let mut machines = libvirt::read(scope);
    machines.extend(proxmox::read(scope));
    machines.extend(in_folders(scope));
    let found = processes::daemons(scope, |name| runtime(name).is_some());
    let others: Vec<VirtualMachine> = found.iter().filter(|daemon| !is_managed(daemon)).filter_map(of_process).filter(|one| machines.iter().all(|known| known.id != one.id)).collect();
    machines.extend(others);
    if machines.len() > MACHINES {
        scope.problem(format_args!("{} virtual machines left out beyond the limit of {MACHINES}", machines.len() - MACHINES));
        machines.truncate(MACHINES);
    }
    Ok(machines)
}

fn in_folders(scope: &Scope<'_>) -> Vec<VirtualMachine> {
    let there = FOLDERS.iter().filter(|(_, folder)| scope.root().exists(folder));
    let names = there.flat_map(|(runtime, folder)| scope.list(folder).into_iter().map(move |name| (*runtime, name)));
    let row = |(runtime, name): (&str, String)| {
        let name = tidy(&name)?;
        Some(VirtualMachine { runtime: runtime.to_owned(), id: name.clone(), name: Some(name), ..VirtualMachine::default() })
    };
    names.take(MACHINES).filter_map(row).collect()
}

fn runtime(process: &str) -> Option<&'static str> {
    let is_its = |name: &str| if name.ends_with('-') { process.starts_with(name) } else { process == name };
    PROCESSES.iter().find(|(name, _)| is_its(name)).map(|(_, runtime)| *runtime)
}

/// Whether a manager that is read by its definitions started it.
fn is_managed(daemon: &Daemon) -> bool {
    const MARKS: [&str; 4] = ["/qemu-server/", "/var/lib/libvirt/", "/lxd/", "/incus/"];
    daemon.arguments.iter().any(|argument| MARKS.iter().any(|mark| argument.contains(mark)))
}

fn of_process(daemon: &Daemon) -> Option<VirtualMachine> {
    let runtime = runtime(&daemon.name)?;
    let name = daemon.option(&["-name", "--id"]).and_then(|name| tidy(first_or(name, "guest")));
    let uuid = daemon.option(&["-uuid"]).and_then(tidy).map(|uuid| uuid.to_ascii_lowercase());
    let macs = daemon.arguments.iter().flat_map(|argument| argument.split(',')).filter_map(|option| mac(option.strip_prefix("mac=")?));
    let mut macs: Vec<String> = macs.collect();
    macs.sort_unstable();
    macs.dedup();
    Some(VirtualMachine {
        runtime: runtime.to_owned(),
        // Without a name of its own a machine is told by its process, as far as that goes.
        id: uuid.or_else(|| name.clone()).unwrap_or_else(|| format!("pid-{}", daemon.pid)),
        name,
        state: Some("running".to_owned()),
        vcpus: daemon.option(&["-smp"]).and_then(|value| first_or(value, "cpus").parse().ok()),
        memory_bytes: daemon.option(&["-m"]).and_then(|value| memory(first_or(value, "size"))),
        macs,
        ..VirtualMachine::default()
    })
}

/// `VALUE,…` or `…,key=VALUE,…`, as QEMU's options are written.
fn first_or<'a>(options: &'a str, key: &str) -> &'a str {
    let named = options.split(',').find_map(|option| option.strip_prefix(key)?.strip_prefix('='));
    named.unwrap_or_else(|| options.split(',').next().unwrap_or_default())
}

/// Mebibytes, or a number with a letter for its unit.
fn memory(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let factor: u64 = match text.get(digits.len()..)?.to_ascii_lowercase().as_str() {
        "k" => 1 << 10,
        "" | "m" => 1 << 20,
        "g" => 1 << 30,
        "t" => 1 << 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// A hardware address, lower-case; none for another text.
fn mac(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(':').collect();
    let is_part = |part: &&str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    (parts.len() == 6 && parts.iter().all(is_part)).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::super::testing::plant;
    use super::*;
    use crate::root::Root;
    use proptest::prelude::*;

    #[test]
    fn machines_without_a_manager_are_found_by_their_processes() {
        let process = |pid: u32, name: &str, command: &str| {
            format!("=== /proc/{pid}/stat\n{pid} ({name}) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0\n=== /proc/{pid}/cmdline\n{command}\n")
        };
        let tree = [
            "=== /etc/hostname\n".to_owned(),
            process(7, "qemu-system-x86", "qemu-system-x86_64\\0-name\\0guest=a,debug-threads=on\\0-m\\0size=2G\\0-smp\\04,sockets=1\\0-device\\0virtio-net,mac=52:54:00:00:00:01"),
            process(8, "firecracker", "firecracker\\0--id=vm-1\\0--api-sock\\0/x"),
            process(9, "qemu-system-x86", "qemu-system-x86_64\\0-chardev\\0socket,path=/var/lib/libvirt/qemu/x"),
        ];
        let directory = plant(&tree.concat());
        let root = Root::new(directory.path());
        let machines = collect(&Scope::new(&root)).expect("collected");
        let short: Vec<_> = machines.iter().map(|row| (row.runtime.as_str(), row.id.as_str(), row.vcpus, row.memory_bytes)).collect();
        assert_eq!(short, [("qemu", "a", Some(4), Some(2 << 30)), ("firecracker", "vm-1", None, None)]);
        assert_eq!(machines[0].macs, ["52:54:00:00:00:01"]);
    }

    #[test]
    fn a_machine_with_no_guests_has_none() {
        let directory = plant("=== /etc/hostname\n");
        let root = Root::new(directory.path());
        assert_eq!(collect(&Scope::new(&root)).expect("collected"), []);
    }

    proptest! {
        #[test]
        fn no_option_panics(text in "[a-z=,0-9é:GM]{0,20}") {
            let _ = (first_or(&text, "size"), memory(&text), mac(&text));
        }
    }
}
