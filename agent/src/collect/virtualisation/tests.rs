//! Small trees, each with the marks that one technology leaves.

use super::*;
use crate::collect::testing::plant;
use crate::root::Root;
use proptest::prelude::*;

fn recognise(scope: &Scope<'_>, hardware: &Hardware<'_>) -> (Option<Virtualisation>, Option<String>) {
    guest(scope).map_or_else(|| of_machine(scope, hardware), |(kind, technology)| (Some(kind), Some(technology)))
}

#[track_caller]
fn check(tree: &str, hardware: &Hardware<'_>, expected: (Option<Virtualisation>, Option<&str>)) {
    let directory = plant(tree);
    let root = Root::new(directory.path());
    let (kind, technology) = recognise(&Scope::new(&root), hardware);
    assert_eq!((kind, technology.as_deref()), expected, "{tree} {hardware:?}");
}

#[track_caller]
fn check_tree(tree: &str, kind: Virtualisation, technology: &str) {
    check(tree, &Hardware::default(), (Some(kind), Some(technology)));
}

const VM_FLAG: &str = "=== /proc/cpuinfo\nflags\t\t: fpu hypervisor aes\n";
const NO_FLAG: &str = "=== /proc/cpuinfo\nflags\t\t: fpu aes\n";
const KVM_CLOCK: &str = "=== /sys/devices/system/clocksource/clocksource0/available_clocksource\nkvm-clock tsc acpi_pm\n";
const DISK_ROOT: &str = "=== /proc/self/mountinfo\n27 1 254:1 / / rw - ext4 /dev/vda1 rw\n";

#[track_caller]
fn check_words(tree: &str, manufacturer: &str, product: &str, technology: Option<&str>) {
    let hardware = Hardware { manufacturer: Some(manufacturer), product: Some(product), ..Hardware::default() };
    let kind = if technology.is_some() { Virtualisation::Vm } else { Virtualisation::Physical };
    check(tree, &hardware, (Some(kind), technology));
}

#[test]
fn firmware_names_the_hypervisor() {
    let kvm = format!("{VM_FLAG}{KVM_CLOCK}");
    check_words(&kvm, "QEMU", "Standard PC (Q35 + ICH9, 2009)", Some("kvm"));
    check_words(VM_FLAG, "QEMU", "Standard PC (i440FX + PIIX, 1996)", Some("qemu"));
    check_words("", "QEMU", "QEMU Virtual Machine", Some("qemu"));
    check_words(&kvm, "Red Hat", "KVM", Some("kvm"));
    check_words(VM_FLAG, "VMware, Inc.", "VMware Virtual Platform", Some("vmware"));
    check_words(VM_FLAG, "VMware, Inc.", "VMware20,1", Some("vmware"));
    check_words(VM_FLAG, "Microsoft Corporation", "Virtual Machine", Some("hyperv"));
    check_words(NO_FLAG, "Microsoft Corporation", "Surface Pro 7", None);
    check_words(VM_FLAG, "innotek GmbH", "VirtualBox", Some("virtualbox"));
    check_words(VM_FLAG, "Xen", "HVM domU", Some("xen_hvm"));
    check_words(VM_FLAG, "Parallels Software International Inc.", "Parallels Virtual Platform", Some("parallels"));
    check_words(VM_FLAG, "FreeBSD", "BHYVE", Some("bhyve"));
    check_words(VM_FLAG, "Nutanix", "AHV", Some("nutanix"));
    check_words(NO_FLAG, "Nutanix", "NX-3060-G5", None);
    check_words("", "Apple Inc.", "Apple Virtualization Generic Platform", Some("apple"));
    check_words(VM_FLAG, "OpenStack Foundation", "OpenStack Nova", Some("kvm"));
    check_words(VM_FLAG, "Bochs", "Bochs", Some("bochs"));
}

#[test]
fn rented_whole_machines_are_physical() {
    check_words(VM_FLAG, "Amazon EC2", "t3.micro", Some("nitro"));
    check_words(NO_FLAG, "Amazon EC2", "m5.metal", None);
    check_words(NO_FLAG, "Amazon EC2", "c7i.metal-24xl", None);
    check_words(VM_FLAG, "Google", "Google Compute Engine", Some("kvm"));
    check_words(NO_FLAG, "Google", "Google Compute Engine", None);
    check_words(VM_FLAG, "Hetzner", "vServer", Some("kvm"));
    check_words(NO_FLAG, "Hetzner", "AX41", None);
    check_words(NO_FLAG, "Dell Inc.", "PowerEdge R630", None);
}

#[test]
fn hypervisors_without_firmware_leave_other_marks() {
    use Virtualisation::Vm;
    // DSDT, length, revision and checksum, then the OEM.
    check_tree("=== /sys/firmware/acpi/tables/DSDT (hex)\n44534454 10000000 02 00 464952 45434b", Vm, "firecracker");
    check_tree("=== /sys/hypervisor/type\nxen\n=== /sys/hypervisor/guest_type\nPV", Vm, "xen_pv");
    check_tree("=== /sys/hypervisor/type\nxen\n=== /sys/hypervisor/guest_type\nHVM", Vm, "xen_hvm");
    check_tree("=== /sys/hypervisor/type\nxen", Vm, "xen");
    check_tree("=== /sys/bus/vmbus/devices/a/class_id\nx", Vm, "hyperv");
    check_tree("=== /sys/firmware/qemu_fw_cfg/rev\n3", Vm, "qemu");
    check_tree("=== /proc/device-tree/hypervisor/compatible\nlinux,kvm\\0", Vm, "kvm");
    check_tree("=== /proc/device-tree/hypervisor/compatible\nxen,xen-4.17\\0xen,xen\\0", Vm, "xen");
    check_tree("=== /proc/device-tree/compatible\nlinux,dummy-virt\\0", Vm, "qemu");
    check_tree("=== /proc/device-tree/ibm,partition-name\nlpar7\\0", Vm, "powervm");
    check_tree("=== /proc/device-tree/ibm,partition-name\nguest\\0\n=== /proc/device-tree/chosen/qemu,graphic-width\nx", Vm, "qemu");
    check_tree("=== /proc/sysinfo\nManufacturer:         IBM\nVM00 Control Program: z/VM    7.2.0", Vm, "zvm");
    check_tree("=== /proc/sysinfo\nVM00 Control Program: KVM/Linux", Vm, "kvm");
    check_tree(&format!("{VM_FLAG}{KVM_CLOCK}"), Vm, "kvm");
    check(VM_FLAG, &Hardware::default(), (Some(Vm), None));
}

#[test]
fn the_first_domain_of_xen_is_the_machine() {
    let tree = format!("{VM_FLAG}=== /sys/hypervisor/type\nxen\n=== /proc/xen/capabilities\ncontrol_d\n");
    check_words(&tree, "Dell Inc.", "PowerEdge R630", None);
}

#[test]
fn nothing_says_nothing() {
    check("", &Hardware::default(), (None, None));
    check(NO_FLAG, &Hardware::default(), (None, None));
}

#[test]
fn container_managers_leave_their_marks() {
    use Virtualisation::Container;
    let overlay = |layers: &str, rest: &str| format!("=== /proc/self/mountinfo\n1 0 0:9 / / rw - overlay overlay rw,{layers}\n{rest}\n");
    check_tree("=== /run/systemd/container\nlxc", Container, "lxc");
    check_tree("=== /run/systemd/container\nsystemd-nspawn", Container, "systemd-nspawn");
    check_tree("=== /proc/1/environ\nTERM=linux\\0container=lxc\\0", Container, "lxc");
    check_tree("=== /proc/1/environ\ncontainer=podman\\0", Container, "podman");
    check_tree("=== /proc/1/environ\nKUBERNETES_SERVICE_HOST=10.0.0.1\\0container=podman\\0", Container, "kubernetes");
    check_tree("=== /.dockerenv\n\n", Container, "docker");
    check_tree("=== /run/.containerenv\n\n", Container, "podman");
    check_tree("=== /proc/vz/veinfo\nx", Container, "openvz");
    check_tree("=== /proc/1/cgroup\n12:pids:/docker/0123\n0::/docker/0123", Container, "docker");
    check_tree("=== /proc/1/cgroup\n0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-1.scope", Container, "kubernetes");
    check_tree("=== /proc/1/cgroup\n0::/system.slice/cri-containerd-0123.scope", Container, "containerd");
    check_tree("=== /proc/1/cgroup\n0::/system.slice/crio-0123.scope/x\n", Container, "cri-o");
    check_tree("=== /proc/1/cgroup\n0::/lxc.payload.web/init.scope", Container, "lxc");
    check_tree(&overlay("lowerdir=/var/lib/docker/overlay2/l/A,upperdir=/x", ""), Container, "docker");
    check_tree(&overlay("lowerdir=/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs", ""), Container, "containerd");
    check_tree(&overlay("lowerdir=/home/u/.local/share/containers/storage/overlay/l/A", ""), Container, "podman");
    let in_pod = "2 1 8:1 /var/lib/kubelet/pods/0123/etc-hosts /etc/hosts rw - ext4 /dev/sda1 rw";
    check_tree(&format!("=== /.dockerenv\n\n{}", overlay("lowerdir=/var/lib/docker/overlay2/l/A", in_pod)), Container, "kubernetes");
}

#[test]
fn hosts_of_containers_are_none() {
    let nothing = (None, None);
    let hardware = Hardware::default();
    // A container's image that was turned into a virtual machine.
    check(&format!("=== /.dockerenv\n\n{DISK_ROOT}"), &hardware, nothing);
    check(&format!("{DISK_ROOT}30 27 0:50 / /var/lib/docker/overlay2/a/merged rw - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A"), &hardware, nothing);
    check(&format!("{DISK_ROOT}31 27 0:51 / /var/lib/kubelet/pods/0123/volumes rw - tmpfs tmpfs rw"), &hardware, nothing);
    check("=== /proc/1/cgroup\n0::/init.scope", &hardware, nothing);
    check("=== /proc/vz/x\n\n=== /proc/bc/x\n\n", &hardware, nothing);
    // A live system on a stick has an overlay for its root too.
    check("=== /proc/self/mountinfo\n1 0 0:9 / / rw - overlay overlay rw,lowerdir=/run/live/rootfs", &hardware, nothing);
}

#[test]
fn windows_subsystem_for_linux_has_two_versions() {
    use Virtualisation::{Container, Wsl};
    check_tree("=== /proc/sys/kernel/osrelease\n4.4.0-19041-Microsoft", Wsl, "wsl1");
    check_tree("=== /proc/sys/kernel/osrelease\n5.15.153.1-microsoft-standard-WSL2", Wsl, "wsl2");
    check_tree("=== /run/systemd/container\nwsl\n=== /proc/sys/kernel/osrelease\n6.6.36.3-microsoft-standard-WSL2", Wsl, "wsl2");
    check_tree("=== /proc/sys/kernel/osrelease\n6.9.0-own\n=== /proc/sys/fs/binfmt_misc/WSLInterop\nenabled", Wsl, "wsl2");
    check_tree("=== /.dockerenv\n\n=== /proc/sys/kernel/osrelease\n5.15.153.1-microsoft-standard-WSL2", Container, "docker");
}

proptest! {
    // Each case plants a tree.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_tree_panics(cgroup in ".{0,60}", environment in ".{0,60}", mountinfo in "[0-9]{0,2} 1 8:1 /[a-z/]{0,9} /(etc/hosts)? rw - [a-z]{0,7} [a-z/]{0,6} [a-z=,]{0,9}") {
        let directory = plant(&format!("=== /proc/1/cgroup\n{cgroup}\n=== /proc/1/environ\n{environment}\n=== /proc/self/mountinfo\n{mountinfo}"));
        let root = Root::new(directory.path());
        let _ = recognise(&Scope::new(&root), &Hardware::default());
    }
}

#[test]
fn a_container_is_not_asked_for_what_its_host_has() {
    use crate::collect::{disks, kernel_modules, security, volumes};
    let directory = plant(
        "=== /.dockerenv
=== /sys/block/sda/size = 41943040
=== /sys/block/sda/device/serial = HOSTDISK1
=== /proc/modules = zfs 4000000 6 - Live 0x0
=== /proc/mdstat = md0 : active raid1 sda1[0]
=== /etc/selinux/config = SELINUX=enforcing
=== /sys/kernel/security/lockdown = none [integrity] confidentiality
=== /sys/firmware/
",
    );
    let root = Root::new(directory.path());
    let scope = Scope::new(&root);
    let reason = |said: Result<usize, Failure>| said.expect_err("nothing of the host").to_string();
    assert_eq!(reason(disks::collect(&scope).map(|rows| rows.len())), "in a container: the disks are the host's");
    assert_eq!(reason(volumes::collect(&scope).map(|rows| rows.len())), "in a container: the volumes are the host's");
    assert_eq!(reason(kernel_modules::collect(&scope).map(|rows| rows.len())), "in a container: the kernel and its modules are the host's");
    let controls = security::collect(&scope).expect("controls");
    let of_host = ["selinux", "apparmor", "lockdown", "secure_boot", "core_dumps"];
    assert!(controls.iter().all(|row| !of_host.contains(&row.control.as_str())), "{controls:?}");
}
