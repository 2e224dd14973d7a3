//! The machine itself: SMBIOS, else `/sys/class/dmi/id`, else the device tree; then what the system says of itself.
//!
//! A container and WSL report no hardware: it is the host's, and two of them would look like one machine.

use super::text::tidy;
use super::virtualisation::{self, Hardware};
use super::{Failure, Scope};
use crate::kernel;
use rollcall_shared::section::System;

pub(crate) mod cloud;
mod hardware;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<System, Failure> {
    let mut row = match virtualisation::guest(scope) {
        Some((kind, technology)) => {
            let technology = Some(technology);
            System { virtualisation: Some(kind), virtualisation_technology: technology, memory_bytes: memory_of_guest(scope), ..System::default() }
        }
        None => machine(scope),
    };
    row.machine_id = scope.attribute("/etc/machine-id").filter(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    name(scope, &mut row);
    if row == System::default() { Err(Failure::Skipped("nothing here says what machine this is".to_owned())) } else { Ok(row) }
}

fn machine(scope: &Scope<'_>) -> System {
    let mut row = hardware::read(scope);
    let (kind, technology) = virtualisation::of_machine(scope, &hardware_words(&row));
    row.virtualisation = kind;
    row.virtualisation_technology = technology;
    cloud::recognise(scope, &mut row);
    row.memory_bytes = row.memory_bytes.or_else(|| memory_of_kernel(scope));
    row
}

fn hardware_words(row: &System) -> Hardware<'_> {
    Hardware {
        manufacturer: row.manufacturer.as_deref(),
        product: row.product.as_deref(),
        board: row.board_manufacturer.as_deref(),
        bios: row.bios_vendor.as_deref(),
        bios_version: row.bios_version.as_deref(),
    }
}

fn name(scope: &Scope<'_>, row: &mut System) {
    let live = if scope.root().is_live() { kernel::node_name().as_deref().and_then(tidy) } else { None };
    let hostname = live.or_else(|| scope.attribute("/proc/sys/kernel/hostname")).or_else(|| scope.attribute("/etc/hostname"));
    let hostname = hostname.filter(|name| name != "(none)");
    let hosts = scope.text_or_problem("/etc/hosts").unwrap_or_default();
    row.fqdn = hostname.as_deref().and_then(|name| fqdn(name, &hosts));
    row.domain = match &row.fqdn {
        Some(fqdn) => fqdn.split_once('.').map(|(_, domain)| domain.to_owned()),
        None => scope.text_or_problem("/etc/resolv.conf").and_then(|text| resolver_domain(&text)),
    };
    row.hostname = hostname;
}

/// As `hostname -f` resolves it without asking the network: the host name itself when it has a dot, else the first name with a dot
/// on the line of `/etc/hosts` that names this host.
fn fqdn(hostname: &str, hosts: &str) -> Option<String> {
    if hostname.contains('.') {
        return Some(hostname.to_owned());
    }
    hosts
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().split_whitespace().skip(1))
        .filter(|names| names.clone().any(|name| name.eq_ignore_ascii_case(hostname)))
        .flat_map(|mut names| names.find(|name| name.split_once('.').is_some_and(|(first, _)| first.eq_ignore_ascii_case(hostname))))
        .find_map(tidy)
}

fn resolver_domain(text: &str) -> Option<String> {
    text.lines().find_map(|line| tidy(line.trim().strip_prefix("domain")?.strip_prefix([' ', '\t'])?))
}

/// The kernel's memory blocks count what firmware gave, unlike `MemTotal`, which depends on the kernel's own size.
fn memory_of_kernel(scope: &Scope<'_>) -> Option<u64> {
    const FOLDER: &str = "/sys/devices/system/memory";
    /// A terabyte in blocks of 128 MiB has 8,192.
    const BLOCKS: usize = 8192;
    let blocks = scope.root().list(FOLDER).ok().flatten().unwrap_or_default();
    let block_bytes = scope.attribute(&format!("{FOLDER}/block_size_bytes")).and_then(|hex| u64::from_str_radix(&hex, 16).ok());
    let numbered = |name: &&String| name.strip_prefix("memory").is_some_and(|number| number.parse::<u32>().is_ok());
    let count = blocks.iter().filter(numbered).count();
    match block_bytes {
        Some(bytes) if (1..=BLOCKS).contains(&count) => Some(bytes.saturating_mul(count as u64)),
        _ => total_memory(scope),
    }
}

/// A container sees all memory of its host, and may use what its control group allows.
fn memory_of_guest(scope: &Scope<'_>) -> Option<u64> {
    const LIMITS: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    // No limit is written as `max`, or as a number beyond any memory.
    let limit = LIMITS.iter().find_map(|path| scope.attribute(path)?.parse::<u64>().ok());
    total_memory(scope).map(|total| limit.map_or(total, |limit| limit.min(total)))
}

fn total_memory(scope: &Scope<'_>) -> Option<u64> {
    let text = scope.text_or_problem("/proc/meminfo")?;
    let kibibytes: u64 = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse().ok())?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;
    use rollcall_shared::section::Virtualisation;

    #[track_caller]
    fn check(hostname: &str, hosts: &str, expected: Option<&str>) {
        assert_eq!(fqdn(hostname, hosts).as_deref(), expected);
    }

    #[test]
    fn the_full_name_comes_from_the_line_of_this_host() {
        check("web1", "127.0.0.1 localhost.localdomain localhost\n127.0.1.1 web1.example.org web1", Some("web1.example.org"));
        check("web1", "127.0.0.1 other.example.org other", None);
        check("web1", "# 127.0.1.1 web1.example.org web1", None);
        check("web1.example.net", "", Some("web1.example.net"));
    }

    /// The identity that a tree with firmware's words and these marks shows.
    #[track_caller]
    fn check_identity(marks: &str, kind: Virtualisation, technology: Option<&str>, serial: Option<&str>) {
        let firmware = "=== /sys/class/dmi/id/sys_vendor\nMaker\n=== /sys/class/dmi/id/product_serial\nSN-4711\n=== /sys/class/dmi/id/chassis_serial\nSN-4711";
        let own = "=== /etc/machine-id\n0123456789abcdef0123456789abcdef\n=== /etc/hostname\nweb1\n=== /proc/meminfo\nMemTotal: 1000 kB\n";
        let directory = plant(&format!("{own}{marks}\n{firmware}"));
        let row = collect(&Scope::new(&Root::new(directory.path()))).expect("collected");
        assert_eq!((row.virtualisation, row.virtualisation_technology.as_deref()), (Some(kind), technology));
        assert_eq!((row.serial.as_deref(), row.chassis_serial.as_deref(), row.manufacturer.is_some()), (serial, serial, serial.is_some()));
        assert_eq!((row.hostname.as_deref(), row.machine_id.is_some(), row.memory_bytes), (Some("web1"), true, Some(1_024_000)));
    }

    #[test]
    fn firmware_identifies_only_machines_of_their_own() {
        let serial = Some("SN-4711");
        check_identity("=== /.dockerenv\n", Virtualisation::Container, Some("docker"), None);
        check_identity("=== /run/systemd/container\nlxc", Virtualisation::Container, Some("lxc"), None);
        check_identity("=== /proc/sys/kernel/osrelease\n5.15.153.1-microsoft-standard-WSL2", Virtualisation::Wsl, Some("wsl2"), None);
        check_identity("=== /proc/cpuinfo\nflags: hypervisor\n=== /sys/hypervisor/type\nxen", Virtualisation::Vm, Some("xen"), serial);
        check_identity("=== /proc/cpuinfo\nflags: fpu", Virtualisation::Physical, None, serial);
    }

    #[test]
    fn a_container_has_the_memory_that_its_control_group_allows() {
        let memory = |limit: &str| {
            let directory = plant(&format!("=== /run/.containerenv\n=== /proc/meminfo = MemTotal: 1000 kB\n{limit}"));
            let root = Root::new(directory.path());
            let scope = Scope::new(&root);
            let row = collect(&scope).expect("collected");
            (row.memory_bytes, scope.problems())
        };
        assert_eq!(memory(""), (Some(1_024_000), None));
        assert_eq!(memory("=== /sys/fs/cgroup/memory.max = 524288"), (Some(524_288), None));
        assert_eq!(memory("=== /sys/fs/cgroup/memory.max = max"), (Some(1_024_000), None));
        assert_eq!(memory("=== /sys/fs/cgroup/memory/memory.limit_in_bytes = 9223372036854771712"), (Some(1_024_000), None));
    }

    #[test]
    fn a_resolver_domain_is_a_directive_and_not_a_prefix() {
        assert_eq!(resolver_domain("search a.example\ndomain b.example").as_deref(), Some("b.example"));
        assert_eq!(resolver_domain("domainx b.example"), None);
    }
}
