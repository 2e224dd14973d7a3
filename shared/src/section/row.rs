//! The rows of each section, format 1. Field names follow the GLPI inventory format where it has one.
//!
//! Sizes are in bytes, speeds in megabits per second for networks and megatransfers per second for memory, texts as the source
//! gives them after trimming. Every type is ordered so that a section has one order.

use super::Row;
use crate::Timestamp;
use serde::{Deserialize, Serialize};

macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* } key($row:ident) $key:block)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

            impl Row for $name {
                fn key(&self) -> String {
                    let $row = self;
                    $key
                }
            }
        )*
    };
}

/// What kind of machine this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Virtualisation {
    /// Bare metal.
    Physical,
    /// A virtual machine.
    Vm,
    /// A container: its DMI identifiers are the host's.
    Container,
    /// Windows Subsystem for Linux.
    Wsl,
}

/// An address of a network interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterfaceAddress {
    /// IPv4 or IPv6 address.
    pub address: std::net::IpAddr,
    /// Prefix length in bits.
    pub prefix: u8,
    /// `global`, `site`, `link` or `host`.
    pub scope: String,
}

/// A published port of a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedPort {
    /// Port inside the container.
    pub container_port: u16,
    /// Port on the host, when published.
    pub host_port: Option<u16>,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

impl Row for crate::sample::Series {
    fn key(&self) -> String {
        let attributes: Vec<String> = self.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{}{{{}}}", self.metric, attributes.join(","))
    }
}

rows! {
    /// The machine: SMBIOS types 1 to 3 (or device tree), and what the system says of itself. Identifiers are raw: the server judges placeholders.
    System {
        /// SMBIOS type 1.
        manufacturer: Option<String>,
        /// SMBIOS type 1, product name.
        product: Option<String>,
        /// SMBIOS type 1.
        version: Option<String>,
        /// SMBIOS type 1.
        sku: Option<String>,
        /// SMBIOS type 1.
        family: Option<String>,
        /// SMBIOS type 1; needs privileges.
        serial: Option<String>,
        /// SMBIOS type 1, lower-case with dashes; needs privileges.
        uuid: Option<String>,
        /// SMBIOS type 3, as the standard's word in snake_case, such as `rack_mount_chassis` or `notebook`.
        chassis_type: Option<String>,
        /// SMBIOS type 3.
        chassis_manufacturer: Option<String>,
        /// SMBIOS type 3.
        chassis_serial: Option<String>,
        /// SMBIOS type 3.
        chassis_asset_tag: Option<String>,
        /// SMBIOS type 2.
        board_manufacturer: Option<String>,
        /// SMBIOS type 2.
        board_product: Option<String>,
        /// SMBIOS type 2.
        board_version: Option<String>,
        /// SMBIOS type 2.
        board_serial: Option<String>,
        /// SMBIOS type 0.
        bios_vendor: Option<String>,
        /// SMBIOS type 0.
        bios_version: Option<String>,
        /// SMBIOS type 0, as written there (usually MM/DD/YYYY).
        bios_date: Option<String>,
        /// Physical, vm, container or wsl.
        virtualisation: Option<Virtualisation>,
        /// Such as `kvm`, `vmware`, `firecracker`, `docker`, `lxc`.
        virtualisation_technology: Option<String>,
        /// `/etc/machine-id`.
        machine_id: Option<String>,
        /// Node name.
        hostname: Option<String>,
        /// Fully qualified name as configured locally.
        fqdn: Option<String>,
        /// DNS domain.
        domain: Option<String>,
        /// `aws`, `gcp`, `azure`, … from DMI.
        cloud_provider: Option<String>,
        /// The provider's id of the instance.
        cloud_instance_id: Option<String>,
        /// The provider's region.
        cloud_region: Option<String>,
        /// The provider's zone.
        cloud_zone: Option<String>,
        /// The provider's machine type.
        cloud_type: Option<String>,
        /// Physical memory, bytes.
        memory_bytes: Option<u64>,
    } key(_row) { String::new() }

    /// The operating system.
    Os {
        /// `ID` of os-release, such as `debian`.
        id: Option<String>,
        /// `NAME`.
        name: Option<String>,
        /// `VERSION_ID`.
        version: Option<String>,
        /// `VERSION_CODENAME`.
        codename: Option<String>,
        /// `PRETTY_NAME`.
        pretty_name: Option<String>,
        /// `Linux`.
        kernel_name: Option<String>,
        /// `uname -r`.
        kernel_release: Option<String>,
        /// `uname -v`.
        kernel_version: Option<String>,
        /// `uname -m`.
        architecture: Option<String>,
        /// When the system was installed, as far as files tell.
        installed_at: Option<Timestamp>,
        /// When the system was started, from `/proc/stat` (whole seconds).
        booted_at: Option<Timestamp>,
        /// IANA name.
        time_zone: Option<String>,
        /// System locale.
        locale: Option<String>,
        /// `systemd`, `openrc`, `sysv`, ….
        init: Option<String>,
        /// Whether an update waits for a reboot.
        reboot_required: Option<bool>,
        /// `SUPPORT_END` of os-release, YYYY-MM-DD.
        support_end: Option<String>,
    } key(_row) { String::new() }

    /// One processor socket.
    Cpu {
        /// Socket number.
        socket: u32,
        /// Vendor as a person would write it.
        manufacturer: Option<String>,
        /// Model name.
        model: Option<String>,
        /// Family number.
        family: Option<u32>,
        /// Model number.
        model_number: Option<u32>,
        /// Stepping.
        stepping: Option<u32>,
        /// Cores in this socket.
        cores: Option<u32>,
        /// Hardware threads in this socket.
        threads: Option<u32>,
        /// Highest frequency, MHz.
        max_mhz: Option<u32>,
        /// Microcode revision.
        microcode: Option<String>,
        /// All level-1 data caches of the socket, bytes.
        l1d_bytes: Option<u64>,
        /// All level-1 instruction caches of the socket, bytes.
        l1i_bytes: Option<u64>,
        /// All level-2 caches of the socket, bytes.
        l2_bytes: Option<u64>,
        /// All level-3 caches of the socket, bytes.
        l3_bytes: Option<u64>,
        /// Feature flags, sorted.
        flags: Vec<String>,
        /// Known vulnerabilities and the kernel's word on each, sorted.
        vulnerabilities: Vec<(String, String)>,
    } key(row) { row.socket.to_string() }

    /// One memory slot (SMBIOS type 17).
    MemoryModule {
        /// Device locator.
        slot: String,
        /// Bank locator.
        bank: Option<String>,
        /// Size; none for an empty slot.
        size_bytes: Option<u64>,
        /// `DDR4`, ….
        memory_type: Option<String>,
        /// `DIMM`, `SODIMM`, ….
        form_factor: Option<String>,
        /// Highest speed, MT/s.
        speed_mts: Option<u32>,
        /// Configured speed, MT/s.
        configured_speed_mts: Option<u32>,
        /// Maker.
        manufacturer: Option<String>,
        /// Part number.
        part_number: Option<String>,
        /// Serial number.
        serial: Option<String>,
        /// Whether the array corrects errors (SMBIOS type 16).
        ecc: Option<bool>,
    } key(row) { format!("{}/{}", row.bank.as_deref().unwrap_or_default(), row.slot) }

    /// One whole disk.
    Disk {
        /// Kernel name, such as `sda`.
        name: String,
        /// Model.
        model: Option<String>,
        /// Vendor.
        vendor: Option<String>,
        /// Serial number.
        serial: Option<String>,
        /// World-wide name.
        wwn: Option<String>,
        /// Firmware revision.
        firmware: Option<String>,
        /// Capacity.
        size_bytes: Option<u64>,
        /// `nvme`, `sata`, `sas`, `usb`, `virtio`, ….
        interface: Option<String>,
        /// Spinning.
        rotational: Option<bool>,
        /// Removable medium.
        removable: Option<bool>,
        /// Path of the controller in sysfs.
        controller: Option<String>,
    } key(row) { row.wwn.as_ref().or(row.serial.as_ref()).unwrap_or(&row.name).clone() }

    /// One mounted file system.
    Filesystem {
        /// Mount point.
        mount_point: String,
        /// Source device or remote.
        device: Option<String>,
        /// `ext4`, `xfs`, ….
        fs_type: String,
        /// Total size.
        size_bytes: Option<u64>,
        /// Label.
        label: Option<String>,
        /// UUID.
        uuid: Option<String>,
        /// Mount options, sorted.
        options: Vec<String>,
        /// Mounted read-only.
        read_only: bool,
        /// On an encrypted device.
        encrypted: Option<bool>,
    } key(row) { row.mount_point.clone() }

    /// One network interface.
    NetworkInterface {
        /// Kernel name.
        name: String,
        /// Current hardware address, lower-case with colons.
        mac: Option<String>,
        /// Permanent hardware address.
        permanent_mac: Option<String>,
        /// `ethernet`, `wifi`, `loopback`, `bond`, `bridge`, `vlan`, `tunnel`, `veth`, ….
        kind: String,
        /// Without a device behind it.
        is_virtual: Option<bool>,
        /// Bus address of the device, such as `0000:00:03.0` or `usb`.
        bus_path: Option<String>,
        /// Kernel driver.
        driver: Option<String>,
        /// Speed, Mbit/s.
        speed_mbps: Option<u32>,
        /// `full` or `half`.
        duplex: Option<String>,
        /// MTU in bytes.
        mtu: Option<u32>,
        /// `up`, `down`, `unknown`, ….
        state: Option<String>,
        /// Addresses, sorted; temporary ones left out.
        addresses: Vec<InterfaceAddress>,
        /// Bond or bridge it belongs to.
        master: Option<String>,
        /// Members, when it is a bond or bridge, sorted.
        members: Vec<String>,
        /// VLAN id.
        vlan_id: Option<u16>,
    } key(row) { row.name.clone() }

    /// One installed package.
    Package {
        /// Name.
        name: String,
        /// Full version, with epoch and revision.
        version: String,
        /// Architecture.
        architecture: Option<String>,
        /// `dpkg`, `rpm`, `apk`, ….
        manager: String,
        /// Source package.
        source: Option<String>,
        /// Version of the source package, when it differs.
        source_version: Option<String>,
        /// Maintainer or vendor.
        vendor: Option<String>,
        /// Installed size.
        size_bytes: Option<u64>,
        /// When it was installed.
        installed_at: Option<Timestamp>,
        /// Licence as the package states it.
        licence: Option<String>,
        /// Package URL with version (purl specification).
        purl: Option<String>,
    } key(row) { format!("{}/{}/{}", row.manager, row.name, row.architecture.as_deref().unwrap_or_default()) }

    /// One system service.
    Service {
        /// Unit or script name, such as `ssh.service`.
        name: String,
        /// Description.
        description: Option<String>,
        /// `loaded`, `not-found`, `masked`, ….
        load_state: Option<String>,
        /// `active`, `inactive`, `failed`, ….
        active_state: Option<String>,
        /// `running`, `exited`, `dead`, ….
        sub_state: Option<String>,
        /// `enabled`, `disabled`, `static`, `masked`, ….
        enabled: Option<String>,
        /// User it runs as.
        user: Option<String>,
        /// Command it runs, secrets redacted.
        command: Option<String>,
    } key(row) { row.name.clone() }

    /// One local account.
    User {
        /// Login name.
        name: String,
        /// Numeric id.
        uid: u32,
        /// Numeric id of the primary group.
        gid: u32,
        /// Full name or comment.
        comment: Option<String>,
        /// Home directory.
        home: Option<String>,
        /// Login shell.
        shell: Option<String>,
        /// Names of its groups, sorted.
        groups: Vec<String>,
        /// Whether a password log-in is impossible; unknown without the privilege to read it.
        locked: Option<bool>,
    } key(row) { row.name.clone() }

    /// One running process; kernel threads are left out.
    Process {
        /// Process id.
        pid: u32,
        /// When it started, whole seconds.
        started_at: Option<Timestamp>,
        /// Short name.
        name: String,
        /// Command line, secrets redacted, cut at the limit.
        command: Option<String>,
        /// Owner.
        user: Option<String>,
        /// Parent process id.
        parent: Option<u32>,
        /// Control group or unit.
        unit: Option<String>,
    } key(row) { format!("{}@{}", row.pid, row.started_at.unwrap_or_default()) }

    /// One listening socket.
    Listener {
        /// `tcp` or `udp`.
        protocol: String,
        /// Address it is bound to.
        address: String,
        /// Port.
        port: u16,
        /// Process id, when it may be known.
        pid: Option<u32>,
        /// Process name.
        process: Option<String>,
        /// Control group or unit.
        unit: Option<String>,
    } key(row) { format!("{}/{}/{}", row.protocol, row.address, row.port) }

    /// One container.
    Container {
        /// `docker`, `podman`, `lxc`, ….
        runtime: String,
        /// Id within the runtime.
        id: String,
        /// Name.
        name: Option<String>,
        /// Image reference.
        image: Option<String>,
        /// Image digest.
        image_digest: Option<String>,
        /// `running`, `exited`, ….
        state: Option<String>,
        /// When it was created.
        created_at: Option<Timestamp>,
        /// Published ports, sorted.
        ports: Vec<PublishedPort>,
        /// Labels, sorted.
        labels: Vec<(String, String)>,
    } key(row) { format!("{}/{}", row.runtime, row.id) }
}
