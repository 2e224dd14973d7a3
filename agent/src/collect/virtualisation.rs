//! Physical machine, virtual machine, container or WSL, and whose.
//!
//! Hints only, from most to least certain; without any the kind is unknown on a tree that shows no hardware, physical otherwise.

use super::{Failure, Scope, mounts};
use rollcall_shared::section::Virtualisation;

/// Firmware's words that hypervisors put their name in.
#[derive(Debug, Default)]
pub(crate) struct Hardware<'a> {
    pub(crate) manufacturer: Option<&'a str>,
    pub(crate) product: Option<&'a str>,
    pub(crate) board: Option<&'a str>,
    pub(crate) bios: Option<&'a str>,
    pub(crate) bios_version: Option<&'a str>,
}

/// The container technology when this is a container.
pub(crate) fn container(scope: &Scope<'_>) -> Option<String> {
    if let Some(manager) = scope.attribute("/run/systemd/container") {
        return Some(manager).filter(|manager| manager != "wsl");
    }
    let marked = [("/run/.containerenv", "podman"), ("/.dockerenv", "docker")].into_iter().find(|(mark, _)| scope.root().exists(mark));
    if let Some((_, name)) = marked.filter(|_| !has_disk_of_its_own(scope)) {
        return Some(name.to_owned());
    }
    if let Some(name) = environment_of_init(scope) {
        return Some(name).filter(|name| name != "wsl");
    }
    let cgroup = scope.text("/proc/1/cgroup").ok().flatten()?;
    container_of_cgroup(&cgroup).map(str::to_owned)
}

/// Fails in a container, whose sysfs shows its host's hardware; `what` completes "the … are the host's".
pub(crate) fn outside_containers(scope: &Scope<'_>, what: &str) -> Result<(), Failure> {
    if container(scope).is_some() {
        return Err(Failure::Skipped(format!("in a container: the {what} are the host's")));
    }
    Ok(())
}

/// Images are turned into virtual machines with the marker file still in them: whoever mounts a whole disk as its root is no container.
fn has_disk_of_its_own(scope: &Scope<'_>) -> bool {
    let mut found = false;
    let _ = scope.lines("/proc/self/mountinfo", |_, line| {
        let root = mounts::parse(line).filter(|mount| mount.mount_point == "/");
        found = root.map_or(found, |mount| mount.root == "/" && mount.source.starts_with("/dev/"));
        Ok(true)
    });
    found
}

/// LXC, nspawn and podman set `container=` for process 1; readable with privileges only, and its absence is no problem.
fn environment_of_init(scope: &Scope<'_>) -> Option<String> {
    const ENVIRONMENT_BYTES: usize = 256 << 10;
    let environment = scope.bytes("/proc/1/environ", ENVIRONMENT_BYTES).ok()??;
    let value = environment.split(|&byte| byte == 0).find_map(|entry| entry.strip_prefix(b"container="))?;
    super::text::tidy(&String::from_utf8_lossy(value))
}

/// Process 1 of a container sits below its runtime's control group unless it has a namespace of its own.
fn container_of_cgroup(text: &str) -> Option<&'static str> {
    const MARKS: [(&str, &str); 6] = [
        ("/docker", "docker"),
        ("/kubepods", "kubernetes"),
        ("/libpod", "podman"),
        ("/lxc", "lxc"),
        ("/machine.slice", "systemd-nspawn"),
        ("/garden/", "garden"),
    ];
    let paths = || text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    MARKS.iter().find(|(mark, _)| paths().any(|path| path.contains(mark))).map(|(_, name)| *name)
}

/// Kind and technology of a machine that is no container.
pub(crate) fn of_machine(scope: &Scope<'_>, hardware: &Hardware<'_>) -> (Option<Virtualisation>, Option<String>) {
    let release = scope.attribute("/proc/sys/kernel/osrelease").unwrap_or_default();
    if release.contains("Microsoft") || release.contains("WSL") {
        return (Some(Virtualisation::Wsl), Some("wsl".to_owned()));
    }
    if let Some(name) = of_hardware(hardware).or_else(|| of_kernel(scope)) {
        // QEMU names itself in firmware whether it emulates or lets KVM run the machine.
        let by_clock = if name == "qemu" { of_clock_source(scope) } else { None };
        return (Some(Virtualisation::Vm), Some(by_clock.unwrap_or(name).to_owned()));
    }
    if has_hypervisor_flag(scope) {
        return (Some(Virtualisation::Vm), of_clock_source(scope).map(str::to_owned));
    }
    let sees_hardware = hardware.manufacturer.is_some() || hardware.product.is_some();
    (sees_hardware.then_some(Virtualisation::Physical), None)
}

fn of_hardware(hardware: &Hardware<'_>) -> Option<&'static str> {
    let product = hardware.product.unwrap_or_default();
    // The same vendor names are on its own hardware.
    if hardware.manufacturer == Some("Microsoft Corporation") {
        return product.starts_with("Virtual Machine").then_some("hyperv");
    }
    if hardware.manufacturer == Some("Amazon EC2") {
        return (!product.ends_with(".metal")).then_some("kvm");
    }
    const MARKS: [(&str, &str); 16] = [
        ("KVM", "kvm"),
        ("OpenStack", "kvm"),
        ("KubeVirt", "kvm"),
        ("Google Compute Engine", "kvm"),
        ("QEMU", "qemu"),
        ("VMware", "vmware"),
        ("VMW", "vmware"),
        ("innotek GmbH", "virtualbox"),
        ("VirtualBox", "virtualbox"),
        ("Xen", "xen"),
        ("Bochs", "bochs"),
        ("Parallels", "parallels"),
        ("BHYVE", "bhyve"),
        ("Apple Virtualization", "apple"),
        ("DigitalOcean", "kvm"),
        ("Hetzner", "kvm"),
    ];
    let words = [hardware.product, hardware.manufacturer, hardware.board, hardware.bios, hardware.bios_version];
    // Hetzner's dedicated machines carry their maker's name; only `vServer` is a virtual one.
    let counts = |name: &str, word: &str| word.starts_with(name) && (name != "Hetzner" || product.contains("vServer"));
    MARKS.iter().find(|(mark, _)| words.iter().flatten().any(|word| counts(mark, word))).map(|(_, name)| *name)
}

fn of_kernel(scope: &Scope<'_>) -> Option<&'static str> {
    /// A description table has its OEM's name at byte 10.
    const OEM: std::ops::Range<usize> = 10..16;
    const TABLE_BYTES: usize = 1 << 20;
    let table = scope.bytes("/sys/firmware/acpi/tables/DSDT", TABLE_BYTES).ok().flatten();
    if table.as_deref().and_then(|table| table.get(OEM)) == Some(b"FIRECK") {
        return Some("firecracker");
    }
    if scope.attribute("/sys/hypervisor/type").as_deref() == Some("xen") {
        return Some("xen");
    }
    let tree = scope.attribute("/proc/device-tree/hypervisor/compatible")?;
    Some(if tree.contains("xen") { "xen" } else if tree.contains("kvm") { "kvm" } else { "vmware" })
}

/// The kernel offers a paravirtual clock only where its hypervisor does.
fn of_clock_source(scope: &Scope<'_>) -> Option<&'static str> {
    let sources = scope.attribute("/sys/devices/system/clocksource/clocksource0/available_clocksource")?;
    let offered = |name: &str| sources.split_whitespace().any(|source| source.starts_with(name));
    let marks = [("kvm-clock", "kvm"), ("hyperv_", "hyperv"), ("xen", "xen"), ("vmware", "vmware")];
    marks.iter().find(|(mark, _)| offered(mark)).map(|(_, name)| *name)
}

fn has_hypervisor_flag(scope: &Scope<'_>) -> bool {
    let mut found = false;
    // The flags of the first processor are those of all.
    let _ = scope.lines("/proc/cpuinfo", |_, line| {
        let Some(flags) = line.strip_prefix("flags") else { return Ok(true) };
        found = flags.split_whitespace().any(|flag| flag == "hypervisor");
        Ok(false)
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(manufacturer: &str, product: &str, expected: Option<&str>) {
        let hardware = Hardware { manufacturer: Some(manufacturer), product: Some(product), ..Hardware::default() };
        assert_eq!(of_hardware(&hardware), expected);
    }

    #[test]
    fn hypervisors_are_told_from_their_vendors_hardware() {
        check("QEMU", "Standard PC (i440FX + PIIX, 1996)", Some("qemu"));
        check("Red Hat", "KVM", Some("kvm"));
        check("VMware, Inc.", "VMware Virtual Platform", Some("vmware"));
        check("Microsoft Corporation", "Virtual Machine", Some("hyperv"));
        check("Microsoft Corporation", "Surface Pro 7", None);
        check("Amazon EC2", "t3.micro", Some("kvm"));
        check("Amazon EC2", "m5.metal", None);
        check("Hetzner", "vServer", Some("kvm"));
        check("Dell Inc.", "PowerEdge R630", None);
    }

    #[test]
    fn a_control_group_below_a_runtime_is_a_container() {
        assert_eq!(container_of_cgroup("12:pids:/docker/0123\n0::/docker/0123"), Some("docker"));
        assert_eq!(container_of_cgroup("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-1.scope"), Some("kubernetes"));
        assert_eq!(container_of_cgroup("0::/init.scope"), None);
    }
}
