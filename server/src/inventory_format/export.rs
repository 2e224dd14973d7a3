//! From sections to GLPI's JSON.
//!
//! Only what is known is written: a field that is unknown is left out, a category whose schema demands figures that are no
//! inventory (the free space and extents of physical volumes and volume groups) is left out as a whole. Times are in UTC and say
//! so. What came in by [`super::convert`] goes out as it came, up to the units of the format.

mod devices;
mod software;

use super::convert::TECHNOLOGIES;
use super::units;
use rollcall_shared::section::{Cpu, Disk, Filesystem, MemoryModule, NetworkInterface, Os, System, Virtualisation, Volume};
use rollcall_shared::{Section, Timestamp};
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// What writes the document.
const CLIENT: &str = concat!("Rollcall_v", env!("CARGO_PKG_VERSION"));

/// An inventory in GLPI's format.
#[must_use]
pub fn export(device: &str, collected_at: Option<Timestamp>, sections: &[Section]) -> Value {
    let mut writing = Writing::default();
    writing.content.insert("versionclient".into(), CLIENT.into());
    if let Some(at) = collected_at {
        writing.content.insert("accesslog".into(), json!({ "logdate": units::written(at) }));
    }
    sections.iter().for_each(|section| writing.section(section));
    for (category, fields) in [("bios", writing.bios), ("hardware", writing.hardware), ("operatingsystem", writing.os)] {
        if !fields.0.is_empty() {
            writing.content.insert(category.into(), fields.0.into());
        }
    }
    json!({ "action": "inventory", "deviceid": device, "itemtype": "Computer", "content": writing.content })
}

/// Fields of one row; what is unknown is not among them.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn text(mut self, name: &str, text: Option<impl Into<String>>) -> Self {
        if let Some(text) = text {
            self.0.insert(name.to_owned(), Value::String(text.into()));
        }
        self
    }

    fn number(mut self, name: &str, number: Option<impl Into<u64>>) -> Self {
        if let Some(number) = number {
            self.0.insert(name.to_owned(), Value::from(number.into()));
        }
        self
    }

    fn flag(mut self, name: &str, flag: Option<bool>) -> Self {
        if let Some(flag) = flag {
            self.0.insert(name.to_owned(), Value::Bool(flag));
        }
        self
    }
}

fn mebibytes(bytes: Option<u64>) -> Option<u64> {
    bytes.map(|bytes| bytes >> 20)
}

fn megabytes(bytes: Option<u64>) -> Option<u64> {
    bytes.map(|bytes| bytes / 1_000_000)
}

#[derive(Default)]
struct Writing {
    content: Map<String, Value>,
    /// Parts that several sections contribute to.
    bios: Fields,
    hardware: Fields,
    os: Fields,
}

impl Writing {
    fn section(&mut self, section: &Section) {
        match section {
            Section::System(rows) => rows.iter().for_each(|row| self.system(row)),
            Section::Os(rows) => rows.iter().for_each(|row| self.os(row)),
            Section::Firmware(rows) => {
                for row in rows {
                    let secure_boot = row.secure_boot.map(|on| if on { "enabled" } else { "disabled" });
                    if row.component == "system" {
                        self.bios = std::mem::take(&mut self.bios).text("secure_boot", secure_boot);
                    }
                }
                let others: Vec<_> = rows.iter().filter(|row| row.component != "system").cloned().collect();
                self.put("firmwares", &others, devices::firmware);
            }
            Section::Cpus(rows) => self.put("cpus", rows, cpu),
            Section::MemoryModules(rows) => self.put("memories", rows, memory),
            Section::Disks(rows) => self.put("storages", rows, disk),
            Section::Filesystems(rows) => self.put("drives", rows, filesystem),
            Section::NetworkInterfaces(rows) => {
                let rows: Vec<Fields> = rows.iter().flat_map(interface).collect();
                self.insert("networks", rows);
            }
            Section::Volumes(rows) => self.volumes(rows),
            Section::PciDevices(rows) => self.put("controllers", rows, devices::controller),
            Section::UsbDevices(rows) => self.put("usbdevices", rows, devices::usb_device),
            Section::Gpus(rows) => self.put("videos", rows, devices::video),
            Section::Monitors(rows) => self.put("monitors", rows, devices::monitor),
            Section::Batteries(rows) => self.put("batteries", rows, devices::battery),
            Section::PowerSupplies(rows) => self.put("powersupplies", rows, devices::power_supply),
            Section::Packages(rows) => self.put("softwares", rows, software::package),
            Section::Users(rows) => self.put("local_users", rows, software::user),
            Section::Groups(rows) => self.put("local_groups", rows, software::group),
            Section::VirtualMachines(rows) => self.put("virtualmachines", rows, software::virtual_machine),
            Section::Containers(rows) => self.put("virtualmachines", rows, software::container),
            Section::Databases(rows) => self.databases(rows),
            _ => {}
        }
    }

    fn put<R>(&mut self, category: &str, rows: &[R], fields: impl Fn(&R) -> Fields) {
        self.insert(category, rows.iter().map(fields).collect());
    }

    /// Adds rows to a category; none make none.
    fn insert(&mut self, category: &str, rows: Vec<Fields>) {
        if rows.is_empty() {
            return;
        }
        let known = self.content.entry(category).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(known) = known {
            known.extend(rows.into_iter().map(|row| Value::Object(row.0)));
        }
    }

    fn system(&mut self, row: &System) {
        let text = |field: &Option<String>| field.clone();
        self.bios = std::mem::take(&mut self.bios)
            .text("assettag", text(&row.chassis_asset_tag))
            .text("bdate", row.bios_date.as_deref().and_then(units::iso_date))
            .text("bmanufacturer", text(&row.bios_vendor))
            .text("bversion", text(&row.bios_version))
            .text("enclosureserial", text(&row.chassis_serial))
            .text("mmanufacturer", text(&row.board_manufacturer))
            .text("mmodel", text(&row.board_product))
            .text("msn", text(&row.board_serial))
            .text("skunumber", text(&row.sku))
            .text("smanufacturer", text(&row.manufacturer))
            .text("smodel", text(&row.product))
            .text("ssn", text(&row.serial));
        self.hardware = std::mem::take(&mut self.hardware)
            .text("chassis_type", row.chassis_type.as_deref().map(units::title))
            .text("name", text(&row.hostname))
            .text("uuid", text(&row.uuid))
            .text("vmsystem", row.virtualisation.map(|kind| vmsystem(kind, row.virtualisation_technology.as_deref())))
            .number("memory", mebibytes(row.memory_bytes));
        self.os = std::mem::take(&mut self.os).text("dns_domain", text(&row.domain)).text("fqdn", text(&row.fqdn));
    }

    fn os(&mut self, row: &Os) {
        let text = |field: &Option<String>| field.clone();
        self.os = std::mem::take(&mut self.os)
            .text("arch", text(&row.architecture))
            .text("boot_time", row.booted_at.map(units::written))
            .text("full_name", text(&row.pretty_name))
            .text("install_date", row.installed_at.map(units::written))
            .text("kernel_name", row.kernel_name.as_deref().map(str::to_lowercase))
            .text("kernel_version", text(&row.kernel_release))
            .text("name", text(&row.name))
            .text("version", text(&row.version));
    }

    /// Logical volumes alone: the schema wants the free space of the others, which is use and no inventory.
    fn volumes(&mut self, rows: &[Volume]) {
        let logical = rows.iter().filter(|row| row.kind == "lvm_lv" && row.uuid.is_some() && row.size_bytes.is_some());
        let group_id = |name: &str| rows.iter().find(|row| row.kind == "lvm_vg" && row.name == name).and_then(|row| row.uuid.clone());
        let fields = logical.map(|row| {
            let name = row.group.as_ref().and_then(|group| row.name.strip_prefix(group.as_str())?.strip_prefix('/'));
            Fields::default()
                .text("lv_name", Some(name.unwrap_or(&row.name)))
                .text("lv_uuid", row.uuid.clone())
                .text("vg_name", row.group.clone())
                .text("vg_uuid", row.group.as_deref().and_then(group_id))
                .number("size", megabytes(row.size_bytes))
        });
        self.insert("logical_volumes", fields.collect());
    }

    /// A version is what the schema asks of a database.
    fn databases(&mut self, rows: &[rollcall_shared::section::Database]) {
        self.insert("databases_services", rows.iter().filter(|row| row.version.is_some()).map(software::database).collect());
    }
}

fn vmsystem(kind: Virtualisation, technology: Option<&str>) -> String {
    let known = TECHNOLOGIES.iter().find(|(_, of, name)| *of == kind && Some(*name) == technology).map(|(word, ..)| *word);
    let fallback = match kind {
        Virtualisation::Physical => "Physical",
        Virtualisation::Vm | Virtualisation::Wsl => "Virtual Machine",
        Virtualisation::Container => "lxc",
    };
    known.or(technology.filter(|_| kind != Virtualisation::Physical)).unwrap_or(fallback).to_owned()
}

fn cpu(row: &Cpu) -> Fields {
    Fields::default()
        .number("core", row.cores)
        .text("familynumber", row.family.map(|number| number.to_string()))
        .text("manufacturer", row.manufacturer.clone())
        .text("model", row.model_number.map(|number| number.to_string()))
        .text("name", row.model.clone())
        .number("speed", row.max_mhz)
        .number("stepping", row.stepping.as_deref().and_then(|stepping| stepping.parse::<u32>().ok()))
        .number("thread", row.threads)
}

fn memory(row: &MemoryModule) -> Fields {
    let numbered = row.slot.rsplit_once('#').and_then(|(caption, number)| Some((caption, number.parse::<u32>().ok()?)));
    Fields::default()
        .number("capacity", mebibytes(row.size_bytes))
        .text("caption", Some(numbered.map_or(row.slot.as_str(), |(caption, _)| caption)))
        .text("description", row.form_factor.clone())
        .text("manufacturer", row.manufacturer.clone())
        .text("memorycorrection", row.ecc.filter(|ecc| !ecc).map(|_| "None"))
        .text("model", row.part_number.clone())
        .number("numslots", numbered.map(|(_, number)| number))
        .text("serialnumber", row.serial.clone())
        .text("speed", row.speed_mts.map(|speed| format!("{speed} MT/s")))
        .text("type", row.memory_type.clone())
}

fn disk(row: &Disk) -> Fields {
    Fields::default()
        .text("description", row.interface.as_deref().map(str::to_uppercase))
        .number("disksize", megabytes(row.size_bytes))
        .text("firmware", row.firmware.clone())
        .text("manufacturer", row.vendor.clone())
        .text("model", row.model.clone())
        .text("name", Some(row.name.clone()))
        .text("serial", row.serial.clone())
        .text("wwn", row.wwn.clone())
}

fn filesystem(row: &Filesystem) -> Fields {
    let is_letter = row.mount_point.len() == 2 && row.mount_point.ends_with(':');
    Fields::default()
        .text("encrypt_status", row.encrypted.map(|encrypted| if encrypted { "Yes" } else { "No" }))
        .text("filesystem", Some(row.fs_type.clone()))
        .text("label", row.label.clone())
        .text("serial", row.uuid.clone())
        .number("total", mebibytes(row.size_bytes))
        .text(if is_letter { "letter" } else { "type" }, Some(row.mount_point.clone()))
        .text("volumn", row.device.clone())
}

/// A row an address, or one without.
fn interface(row: &NetworkInterface) -> Vec<Fields> {
    const STATUS: [&str; 7] = ["up", "down", "dormant", "notpresent", "lowerlayerdown", "unknown", "testing"];
    const TYPES: [&str; 9] = ["ethernet", "wifi", "infiniband", "loopback", "bridge", "alias", "fibrechannel", "bluetooth", "dialup"];
    let kind = if row.kind == "bond" { Some("aggregate") } else { TYPES.into_iter().find(|word| *word == row.kind) };
    let state = row.state.as_deref().filter(|state| STATUS.contains(state));
    let base = || {
        Fields::default()
            .text("description", Some(row.name.clone()))
            .text("driver", row.driver.clone())
            .text("firmware", row.firmware.clone())
            .text("mac", row.mac.clone())
            .number("mtu", row.mtu)
            .text("pcislot", row.bus_path.clone())
            .text("slaves", (!row.members.is_empty()).then(|| row.members.join(",")))
            .text("speed", row.speed_mbps.map(|speed| speed.to_string()))
            .text("status", state)
            .text("type", kind)
            .flag("virtualdev", row.is_virtual)
    };
    if row.addresses.is_empty() {
        return vec![base()];
    }
    let addressed = row.addresses.iter().map(|address| match address.address {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(address.prefix.min(32))).unwrap_or(0);
            let (mask, network) = (std::net::Ipv4Addr::from_bits(mask), std::net::Ipv4Addr::from_bits(ip.to_bits() & mask));
            base()
                .text("ipaddress", Some(ip.to_string()))
                .text("ipmask", Some(mask.to_string()))
                .text("ipsubnet", Some(network.to_string()))
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(address.prefix.min(128))).unwrap_or(0);
            let (mask, network) = (std::net::Ipv6Addr::from_bits(mask), std::net::Ipv6Addr::from_bits(ip.to_bits() & mask));
            base()
                .text("ipaddress6", Some(ip.to_string()))
                .text("ipmask6", Some(mask.to_string()))
                .text("ipsubnet6", Some(network.to_string()))
        }
    });
    addressed.collect()
}
