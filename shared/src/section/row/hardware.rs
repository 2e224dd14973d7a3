//! Hardware: what the machine is made of.

use crate::section::{Row, Texts};
use serde::{Deserialize, Serialize};

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
        /// Such as `kvm`, `vmware`, `xen_hvm`, `nitro`, `firecracker`, `docker`, `kubernetes`, `lxc`, `wsl2`.
        virtualisation_technology: Option<String>,
        /// `/etc/machine-id`.
        machine_id: Option<String>,
        /// Node name.
        hostname: Option<String>,
        /// Fully qualified name as configured locally.
        fqdn: Option<String>,
        /// DNS domain.
        domain: Option<String>,
        /// `aws`, `gcp`, `azure`, … from DMI, cloud-init or the metadata service.
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
        /// Slots for memory modules (SMBIOS type 16).
        memory_slots: Option<u32>,
        /// Most memory that the machine takes, bytes (SMBIOS type 16).
        memory_maximum_bytes: Option<u64>,
    } key(_row) { String::new() }

    /// One component of the firmware.
    Firmware {
        /// `system`, `embedded_controller`, `tpm` (a second one `tpm1`), `microcode`.
        component: String,
        /// Maker.
        vendor: Option<String>,
        /// Version; of a TPM the version of the specification it follows.
        version: Option<String>,
        /// Release date, as written there (usually MM/DD/YYYY).
        date: Option<String>,
        /// How the system was started: `efi` or `bios`.
        mode: Option<String>,
        /// UEFI Secure Boot is on.
        secure_boot: Option<bool>,
    } key(row) { row.component.clone() }

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
        /// Stepping: a number, or the variant and revision of an ARM core such as `r1p2`.
        stepping: Option<String>,
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
        #[serde(default)]
        flags: Vec<String>,
        /// Known vulnerabilities and the kernel's word on each, sorted.
        #[serde(default)]
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
        /// Bytes of one logical sector.
        logical_sector_bytes: Option<u32>,
        /// Bytes of one physical sector.
        physical_sector_bytes: Option<u32>,
        /// `failing` when the disk itself says so (SMART, NVMe critical warning), which needs privileges; that it passes is health.
        health: Option<String>,
    } key(row) { row.wwn.as_ref().or(row.serial.as_ref()).unwrap_or(&row.name).clone() }

    /// One PCI device. Ids are four hexadecimal digits; names come from the host's own id database, when it has one.
    PciDevice {
        /// Address, such as `0000:00:1f.2`.
        address: String,
        /// Class and subclass, four hexadecimal digits.
        class: Option<String>,
        /// Name of the class.
        class_name: Option<String>,
        /// Vendor id.
        vendor_id: Option<String>,
        /// Device id.
        device_id: Option<String>,
        /// Vendor's name.
        vendor: Option<String>,
        /// Device's name.
        product: Option<String>,
        /// Subsystem vendor id.
        subsystem_vendor_id: Option<String>,
        /// Subsystem device id.
        subsystem_device_id: Option<String>,
        /// Revision, two hexadecimal digits.
        revision: Option<String>,
        /// Kernel driver bound to it.
        driver: Option<String>,
    } key(row) { row.address.clone() }

    /// One USB device; root hubs are left out.
    UsbDevice {
        /// Place on the bus, such as `1-1.2`; of a source that does not tell it vendor and product id, numbered from the second on.
        path: String,
        /// Vendor id.
        vendor_id: Option<String>,
        /// Product id.
        product_id: Option<String>,
        /// Vendor's name, as the device says, else from the id database.
        vendor: Option<String>,
        /// Product's name, as the device says, else from the id database.
        product: Option<String>,
        /// Serial number.
        serial: Option<String>,
        /// Class of the device, or of its first interface, such as `hid`, `mass_storage`.
        class: Option<String>,
        /// Speed, Mbit/s (1.5 is given as 1).
        speed_mbps: Option<u32>,
        /// Kernel drivers of its interfaces, sorted.
        #[serde(default)]
        drivers: Vec<String>,
    } key(row) { match &row.serial { Some(serial) => format!("{}:{}/{serial}", row.vendor_id.as_deref().unwrap_or_default(), row.product_id.as_deref().unwrap_or_default()), None => row.path.clone() } }

    /// One graphics processor.
    Gpu {
        /// PCI address, or the platform device's name.
        address: String,
        /// Vendor's name.
        vendor: Option<String>,
        /// Model.
        model: Option<String>,
        /// Kernel driver.
        driver: Option<String>,
        /// Own memory.
        memory_bytes: Option<u64>,
        /// Serial number or unique id.
        serial: Option<String>,
        /// Version of its firmware (video BIOS).
        firmware: Option<String>,
    } key(row) { row.serial.as_ref().unwrap_or(&row.address).clone() }

    /// One monitor, from its EDID.
    Monitor {
        /// Connector, such as `card0-HDMI-A-1`.
        connector: String,
        /// PNP id, three letters.
        manufacturer: Option<String>,
        /// Name of the maker, where known.
        manufacturer_name: Option<String>,
        /// Display product name.
        model: Option<String>,
        /// Product code, four hexadecimal digits.
        product_code: Option<String>,
        /// Serial text, else serial number.
        serial: Option<String>,
        /// Week of manufacture.
        made_week: Option<u8>,
        /// Year of manufacture, or model year.
        made_year: Option<u16>,
        /// Width of the picture, millimetres.
        width_mm: Option<u32>,
        /// Height of the picture, millimetres.
        height_mm: Option<u32>,
        /// Preferred resolution, such as `1920x1080`.
        resolution: Option<String>,
        /// EDID version, such as `1.4`.
        edid_version: Option<String>,
    } key(row) {
        match &row.serial {
            Some(serial) => format!("{}/{}/{serial}", row.manufacturer.as_deref().unwrap_or_default(), row.product_code.as_deref().unwrap_or_default()),
            None => row.connector.clone(),
        }
    }

    /// One battery. What wears and changes with use (charge, cycles, full capacity) is health, not inventory.
    Battery {
        /// Kernel name, such as `BAT0`.
        name: String,
        /// Maker.
        manufacturer: Option<String>,
        /// Model.
        model: Option<String>,
        /// Serial number.
        serial: Option<String>,
        /// Chemistry, such as `li_ion`.
        technology: Option<String>,
        /// Capacity by design, milliwatt-hours (or milliampere-hours times the design voltage).
        design_capacity_mwh: Option<u32>,
        /// Voltage by design, millivolts.
        design_voltage_mv: Option<u32>,
    } key(row) { row.serial.as_ref().unwrap_or(&row.name).clone() }

    /// One power supply (SMBIOS type 39).
    PowerSupply {
        /// Location; a number where firmware names none.
        location: String,
        /// Name of the device.
        name: Option<String>,
        /// Maker.
        manufacturer: Option<String>,
        /// Model part number.
        part_number: Option<String>,
        /// Serial number.
        serial: Option<String>,
        /// Asset tag.
        asset_tag: Option<String>,
        /// Revision.
        revision: Option<String>,
        /// Highest power, watts.
        max_watts: Option<u32>,
        /// Whether one is there.
        present: Option<bool>,
        /// Whether it can be replaced while the machine runs.
        hot_replaceable: Option<bool>,
    } key(row) { row.serial.as_ref().unwrap_or(&row.location).clone() }
}
