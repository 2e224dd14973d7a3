//! Virtual machines: what hypervisors write into firmware, device tree, ACPI and the kernel's files.

use super::super::Scope;
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

/// What firmware's words make of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Of(&'static str),
    /// The same maker rents out whole machines, which are named otherwise.
    Physical,
    Silent,
}

/// Kind and technology of a machine that is no container.
pub(crate) fn of_machine(scope: &Scope<'_>, hardware: &Hardware<'_>) -> (Option<Virtualisation>, Option<String>) {
    let vm = |name: &str| (Some(Virtualisation::Vm), Some(name.to_owned()));
    // The first domain of Xen sees the hardware as it is, and its firmware's words.
    if scope.attribute("/proc/xen/capabilities").is_some_and(|text| text.contains("control_d")) {
        return (Some(Virtualisation::Physical), None);
    }
    if let Some(name) = of_xen(scope) {
        return vm(name);
    }
    let flag = hypervisor_flag(scope);
    let by_firmware = match of_firmware(hardware) {
        // Rented whole machines have the same words in firmware; their processors have no hypervisor.
        Word::Of("google") if flag == Some(false) => Word::Physical,
        word => word,
    };
    match by_firmware {
        Word::Physical => return (Some(Virtualisation::Physical), None),
        // QEMU names itself whether it emulates or lets KVM run the machine.
        Word::Of("qemu") => return vm(of_clock_source(scope).or_else(|| of_device_tree(scope)).unwrap_or("qemu")),
        Word::Of("google") => return vm("kvm"),
        Word::Of(name) => return vm(name),
        Word::Silent => {}
    }
    if let Some(name) = of_kernel(scope).or_else(|| of_device_tree(scope)).or_else(|| of_mainframe(scope)) {
        return vm(name);
    }
    if flag == Some(true) {
        return (Some(Virtualisation::Vm), of_clock_source(scope).map(str::to_owned));
    }
    let sees_hardware = hardware.manufacturer.is_some() || hardware.product.is_some() || hardware.bios.is_some();
    (sees_hardware.then_some(Virtualisation::Physical), None)
}

fn of_firmware(hardware: &Hardware<'_>) -> Word {
    let (manufacturer, product) = (hardware.manufacturer.unwrap_or_default(), hardware.product.unwrap_or_default());
    // Makers whose words are on their own hardware too.
    match manufacturer {
        "Microsoft Corporation" if product.starts_with("Virtual Machine") => return Word::Of("hyperv"),
        "Microsoft Corporation" => return Word::Physical,
        "Amazon EC2" if product.contains(".metal") => return Word::Physical,
        "Amazon EC2" => return Word::Of("nitro"),
        "Hetzner" if product.contains("vServer") => return Word::Of("kvm"),
        "Hetzner" => return Word::Physical,
        "Nutanix" if product.starts_with("AHV") => return Word::Of("nutanix"),
        "Nutanix" => return Word::Physical,
        _ => {}
    }
    const MARKS: [(&str, &str); 28] = [
        ("Google Compute Engine", "google"),
        ("KVM", "kvm"),
        ("OpenStack", "kvm"),
        ("KubeVirt", "kvm"),
        ("RHEV Hypervisor", "kvm"),
        ("oVirt", "kvm"),
        ("AHV", "nutanix"),
        ("SmartDC HVM", "kvm"),
        ("Alibaba Cloud ECS", "kvm"),
        ("CVM", "kvm"),
        ("DigitalOcean", "kvm"),
        ("UpCloud", "kvm"),
        ("Vultr", "kvm"),
        ("SCW-", "kvm"),
        ("Linode", "kvm"),
        ("Akamai", "kvm"),
        ("VMware", "vmware"),
        ("VMW", "vmware"),
        ("innotek GmbH", "virtualbox"),
        ("VirtualBox", "virtualbox"),
        ("HVM domU", "xen_hvm"),
        ("Xen", "xen"),
        ("Parallels", "parallels"),
        ("BHYVE", "bhyve"),
        ("Apple Virtualization", "apple"),
        ("ACRN", "acrn"),
        ("QEMU", "qemu"),
        ("Bochs", "bochs"),
    ];
    let words = [hardware.product, hardware.manufacturer, hardware.board, hardware.bios, hardware.bios_version];
    let named = MARKS.iter().find(|(mark, _)| words.iter().flatten().any(|word| word.starts_with(mark)));
    named.map_or(Word::Silent, |(_, name)| Word::Of(name))
}

/// A guest of Xen knows how much of the machine is made for it.
fn of_xen(scope: &Scope<'_>) -> Option<&'static str> {
    if scope.attribute("/sys/hypervisor/type").as_deref() != Some("xen") {
        return None;
    }
    Some(match scope.attribute("/sys/hypervisor/guest_type").as_deref() {
        Some("PV") => "xen_pv",
        Some("HVM") => "xen_hvm",
        Some("PVH") => "xen_pvh",
        _ => "xen",
    })
}

fn of_kernel(scope: &Scope<'_>) -> Option<&'static str> {
    /// A description table has its OEM's name at byte 10.
    const OEM: std::ops::Range<usize> = 10..16;
    const TABLE_BYTES: usize = 1 << 20;
    let table = scope.bytes("/sys/firmware/acpi/tables/DSDT", TABLE_BYTES).ok().flatten();
    let by_table = match table.as_deref().and_then(|table| table.get(OEM)) {
        Some(b"FIRECK") => Some("firecracker"),
        Some(b"CLOUDH") => Some("cloud-hypervisor"),
        _ => None,
    };
    let by_folder = || {
        const FOLDERS: [(&str, &str); 2] = [("/sys/bus/vmbus/devices", "hyperv"), ("/sys/firmware/qemu_fw_cfg", "qemu")];
        FOLDERS.iter().find(|(folder, _)| scope.root().list(folder).ok().flatten().is_some_and(|names| !names.is_empty())).map(|(_, name)| *name)
    };
    // The driver's folder in sysfs is there on any kernel that has it built in: only devices in it count.
    by_table.or_else(|| by_folder().map(|name| if name == "qemu" { of_clock_source(scope).unwrap_or(name) } else { name }))
}

/// ARM, RISC-V and POWER.
fn of_device_tree(scope: &Scope<'_>) -> Option<&'static str> {
    const TREE: &str = "/proc/device-tree";
    if let Some(hypervisor) = scope.attribute(&format!("{TREE}/hypervisor/compatible")) {
        return Some(match hypervisor.as_str() {
            name if name.contains("xen") => "xen",
            name if name.contains("kvm") => "kvm",
            name if name.contains("vmware") => "vmware",
            _ => "powervm",
        });
    }
    let emulated = scope.attribute(&format!("{TREE}/compatible")).is_some_and(|text| text.contains("qemu") || text.contains("linux,dummy-virt"));
    if emulated || scope.root().exists(&format!("{TREE}/chosen/qemu,graphic-width")) {
        return Some("qemu");
    }
    // Every machine below a POWER hypervisor is a partition with a name, the whole machine as one partition too.
    scope.root().exists(&format!("{TREE}/ibm,partition-name")).then_some("powervm")
}

/// Mainframes: the innermost layer is numbered 00. A logical partition without one is as much of a machine as there is.
fn of_mainframe(scope: &Scope<'_>) -> Option<&'static str> {
    let text = scope.text("/proc/sysinfo").ok()??;
    let program = text.lines().find_map(|line| line.strip_prefix("VM00 Control Program:"))?;
    Some(if program.contains("KVM") { "kvm" } else { "zvm" })
}

/// The kernel offers a paravirtual clock only where its hypervisor does.
fn of_clock_source(scope: &Scope<'_>) -> Option<&'static str> {
    let sources = scope.attribute("/sys/devices/system/clocksource/clocksource0/available_clocksource")?;
    let offered = |name: &str| sources.split_whitespace().any(|source| source.starts_with(name));
    let marks = [("kvm-clock", "kvm"), ("hyperv_", "hyperv"), ("xen", "xen"), ("vmware", "vmware")];
    marks.iter().find(|(mark, _)| offered(mark)).map(|(_, name)| *name)
}

/// Whether an x86 processor says that it is a guest's; none on other architectures.
fn hypervisor_flag(scope: &Scope<'_>) -> Option<bool> {
    /// Lines of one processor; x86 has 30, with the flags in their middle.
    const LINES: usize = 64;
    let mut found = None;
    // The flags of the first processor are those of all.
    let _ = scope.lines("/proc/cpuinfo", |number, line| {
        let Some(flags) = line.strip_prefix("flags") else { return Ok(number < LINES) };
        found = Some(flags.split_whitespace().any(|flag| flag == "hypervisor"));
        Ok(false)
    });
    found
}
