//! The machine itself: system, firmware, operating system, processors, memory modules.

use super::{Ordinals, Reading, Table, needed};
use crate::inventory_format::document::Row;
use crate::inventory_format::units;
use rollcall_shared::Section;
use rollcall_shared::section::{Cpu, Firmware, MemoryModule, Os, System, Virtualisation};

/// The format's words for what a machine runs on, and ours.
pub const TECHNOLOGIES: [(&str, Virtualisation, &str); 17] = [
    ("KVM", Virtualisation::Vm, "kvm"),
    ("QEMU", Virtualisation::Vm, "qemu"),
    ("VMware", Virtualisation::Vm, "vmware"),
    ("VirtualBox", Virtualisation::Vm, "virtualbox"),
    ("Xen", Virtualisation::Vm, "xen"),
    ("Hyper-V", Virtualisation::Vm, "hyperv"),
    ("Virtual Machine", Virtualisation::Vm, "hyperv"),
    ("Parallels", Virtualisation::Vm, "parallels"),
    ("Amazon EC2", Virtualisation::Vm, "nitro"),
    ("BHYVE", Virtualisation::Vm, "bhyve"),
    ("AIX_LPAR", Virtualisation::Vm, "powervm"),
    ("Docker", Virtualisation::Container, "docker"),
    ("lxc", Virtualisation::Container, "lxc"),
    ("OpenVZ", Virtualisation::Container, "openvz"),
    ("SolarisZone", Virtualisation::Container, "zone"),
    ("BSDJail", Virtualisation::Container, "jail"),
    ("systemd-nspawn", Virtualisation::Container, "systemd-nspawn"),
];

/// How distributions are called, in lower case, and their `ID` of os-release. The longer name comes first.
const DISTRIBUTIONS: [(&str, &str); 20] = [
    ("red hat enterprise", "rhel"),
    ("redhat", "rhel"),
    ("oracle linux", "ol"),
    ("opensuse leap", "opensuse-leap"),
    ("opensuse tumbleweed", "opensuse-tumbleweed"),
    ("suse linux enterprise server", "sles"),
    ("amazon linux", "amzn"),
    ("linux mint", "linuxmint"),
    ("linuxmint", "linuxmint"),
    ("almalinux", "almalinux"),
    ("rocky", "rocky"),
    ("centos", "centos"),
    ("fedora", "fedora"),
    ("debian", "debian"),
    ("ubuntu", "ubuntu"),
    ("raspbian", "raspbian"),
    ("alpine", "alpine"),
    ("arch", "arch"),
    ("gentoo", "gentoo"),
    ("freebsd", "freebsd"),
];

pub(super) fn read(reading: &mut Reading<'_>) {
    system(reading);
    firmware(reading);
    os(reading);
    cpus(reading);
    memory(reading);
}

fn one<T>(row: T) -> Table<T> {
    Table { rows: vec![row], ..Table::default() }
}

fn system(reading: &mut Reading<'_>) {
    let empty = Row::default();
    let first = |category: &str| reading.document.first(category).unwrap_or(&empty);
    let (hardware, bios, os) = (first("hardware"), first("bios"), first("operatingsystem"));
    if hardware.is_empty() && bios.is_empty() {
        return;
    }
    let kind = hardware.text("vmsystem").map(|word| virtualisation(&word));
    let fqdn = os.text("fqdn").filter(|name| name.contains('.'));
    let system = System {
        manufacturer: bios.text("smanufacturer"),
        product: bios.text("smodel"),
        sku: bios.text("skunumber"),
        serial: bios.text("ssn"),
        uuid: hardware.text("uuid").map(|uuid| uuid.to_lowercase()),
        chassis_type: hardware.text("chassis_type").or_else(|| bios.text("type")).map(|word| units::snake(&word)),
        chassis_serial: bios.text("enclosureserial"),
        chassis_asset_tag: bios.text("assettag"),
        board_manufacturer: bios.text("mmanufacturer"),
        board_product: bios.text("mmodel"),
        board_serial: bios.text("msn"),
        bios_vendor: bios.text("bmanufacturer"),
        bios_version: bios.text("bversion"),
        bios_date: bios.text("bdate").map(|date| units::firmware_date(&date)),
        virtualisation: kind.as_ref().map(|(kind, _)| *kind),
        virtualisation_technology: kind.and_then(|(_, technology)| technology),
        hostname: hardware.text("name"),
        domain: os.text("dns_domain"),
        fqdn,
        memory_bytes: hardware.number("memory").and_then(units::mebibytes),
        ..System::default()
    };
    reading.put(one(system), Section::System);
}

fn virtualisation(word: &str) -> (Virtualisation, Option<String>) {
    if word.eq_ignore_ascii_case("physical") {
        return (Virtualisation::Physical, None);
    }
    let known = TECHNOLOGIES.iter().find(|(name, ..)| name.eq_ignore_ascii_case(word));
    // The list of container words is complete; hypervisors come and go.
    known.map_or_else(|| (Virtualisation::Vm, Some(units::snake(word))), |(_, kind, technology)| (*kind, Some((*technology).to_owned())))
}

fn firmware(reading: &mut Reading<'_>) {
    let mut table = Table::default();
    if let Some(bios) = reading.document.first("bios") {
        let secure_boot = match bios.text("secure_boot").as_deref() {
            Some("enabled") => Some(true),
            Some("disabled") => Some(false),
            _ => None,
        };
        let row = Firmware {
            component: "system".into(),
            vendor: bios.text("bmanufacturer"),
            version: bios.text("bversion"),
            date: bios.text("bdate").map(|date| units::firmware_date(&date)),
            secure_boot,
            ..Firmware::default()
        };
        let says_something = row != Firmware { component: row.component.clone(), ..Firmware::default() };
        table.rows.extend(says_something.then_some(row));
    }
    let mut names = Ordinals::default();
    for row in reading.rows("firmwares").unwrap_or_default() {
        let component = needed(row.text_of(&["type", "name"]), "firmware without type and name");
        table.take(component.map(|component| {
            Some(Firmware {
                component: names.name(units::snake(&component)),
                vendor: row.text("manufacturer"),
                version: row.text("version"),
                date: row.text("date").map(|date| units::firmware_date(&date)),
                ..Firmware::default()
            })
        }));
    }
    if !table.rows.is_empty() || !table.dropped.is_empty() {
        reading.put(table, Section::Firmware);
    }
}

fn os(reading: &mut Reading<'_>) {
    let empty = Row::default();
    let hardware = reading.document.first("hardware").unwrap_or(&empty);
    let row = match reading.document.first("operatingsystem") {
        Some(os) => of_operating_system(reading, os),
        None => of_hardware(hardware),
    };
    if row != Os::default() {
        reading.put(one(row), Section::Os);
    }
}

fn of_operating_system(reading: &Reading<'_>, os: &Row) -> Os {
    let zone = os.row("timezone").and_then(|zone| zone.text("name"));
    Os {
        id: os.text("name").and_then(|name| distribution(&name)),
        name: os.text("name"),
        version: os.text("version"),
        pretty_name: os.text("full_name"),
        kernel_name: os.text("kernel_name").map(|name| if name == "linux" { "Linux".to_owned() } else { name }),
        kernel_release: os.text("kernel_version"),
        architecture: os.text("arch"),
        installed_at: reading.moment(os, "install_date"),
        booted_at: reading.moment(os, "boot_time"),
        // Abbreviations are no names: CST is three zones.
        time_zone: zone.filter(|name| name == "UTC" || name.contains('/')),
        ..Os::default()
    }
}

/// The oldest form keeps the system's name with the hardware.
fn of_hardware(hardware: &Row) -> Os {
    let name = hardware.text("osname");
    let architecture = hardware.text("description").and_then(|text| text.split_once('/').map(|(architecture, _)| architecture.to_owned()));
    Os {
        id: name.as_deref().and_then(distribution),
        version: hardware.text("osversion"),
        pretty_name: hardware.text("oscomments").filter(|text| !text.starts_with('#')),
        architecture: architecture.filter(|word| !word.is_empty() && !word.contains(' ')),
        name,
        ..Os::default()
    }
}

/// `ID` of os-release for a distribution's name.
pub fn distribution(name: &str) -> Option<String> {
    let name = name.to_lowercase();
    DISTRIBUTIONS.iter().find(|(known, _)| name.starts_with(known)).map(|(_, id)| (*id).to_owned())
}

fn cpus(reading: &mut Reading<'_>) {
    let Some(rows) = reading.rows("cpus") else { return };
    let mut socket = 0;
    let table = Table::of(rows, |row| {
        let cpu = Cpu {
            socket,
            manufacturer: row.text("manufacturer"),
            model: row.text_of(&["name", "type"]),
            family: row.number("familynumber"),
            model_number: row.number("model"),
            stepping: row.text("stepping"),
            cores: row.number("core").or_else(|| row.number("cores")),
            threads: row.number("thread").or_else(|| row.number("threads")),
            max_mhz: row.number("speed").filter(|&mhz| mhz > 0),
            ..Cpu::default()
        };
        socket += 1;
        Ok(Some(cpu))
    });
    reading.put(table, Section::Cpus);
}

fn memory(reading: &mut Reading<'_>) {
    let Some(rows) = reading.rows("memories") else { return };
    let captions: Vec<Option<String>> = rows.iter().map(|row| row.text("caption")).collect();
    let is_one = |caption: &String| captions.iter().flatten().filter(|other| *other == caption).count() == 1;
    let table = Table::of(rows, |row| {
        let number = row.text("numslots");
        let slot = match (row.text("caption"), number) {
            (Some(caption), Some(number)) if !is_one(&caption) => format!("{caption}#{number}"),
            (Some(caption), _) => caption,
            (None, Some(number)) => number,
            (None, None) => return Err("a memory module without a slot"),
        };
        let corrects = row.text("memorycorrection").map(|word| !word.eq_ignore_ascii_case("none"));
        Ok(Some(MemoryModule {
            slot,
            size_bytes: row.number("capacity").and_then(units::mebibytes),
            memory_type: row.text("type"),
            form_factor: row.text("description"),
            speed_mts: row.text("speed").and_then(|speed| speed.split(' ').next()?.parse().ok()),
            manufacturer: row.text("manufacturer"),
            part_number: row.text("model"),
            serial: row.text("serialnumber"),
            ecc: corrects,
            ..MemoryModule::default()
        }))
    });
    reading.put(table, Section::MemoryModules);
}
