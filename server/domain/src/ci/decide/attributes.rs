//! Which attributes of a host each section says something of.
//!
//! A section lists all of its attributes every time, absent ones as `None`: that is how a complete section withdraws a value.
//! Nothing here changes while the host is idle.

use crate::ci::AttributeValue;
use crate::ci::identify::{chassis_serial, fingerprint_kind};
use crate::ci::normalise::{self, Mac, Uuid, junk, label, text};
use rollcall_shared::section::{Cpu, NetworkInterface, Os, System, Virtualisation};
use rollcall_shared::{Section, Timestamp};
use std::collections::BTreeSet;

/// Values of an attribute that is a list, at most: a host with more addresses is a router, and its section has them all.
const LIST_LENGTH: usize = 256;

/// What a section says of the attributes that are its own.
pub type Observations = Vec<(&'static str, Option<AttributeValue>)>;

/// The attributes of the host that this section is the source of.
#[must_use]
pub fn of_section(section: &Section) -> Observations {
    match section {
        Section::System(rows) => rows.first().map(of_system).unwrap_or_default(),
        Section::Os(rows) => rows.first().map(of_os).unwrap_or_default(),
        Section::Cpus(rows) => of_cpus(rows),
        Section::NetworkInterfaces(rows) => of_network(rows),
        _ => Vec::new(),
    }
}

fn of_system(system: &System) -> Observations {
    // In a container the hardware that shows through is the host's.
    let contained = system.virtualisation == Some(Virtualisation::Container);
    let hardware = |raw: &Option<String>| raw.clone().filter(|_| !contained);
    let manufacturer = hardware(&system.manufacturer).and_then(|raw| label(&raw));
    let serial = hardware(&system.serial).and_then(|raw| normalise::serial(&raw, manufacturer.as_deref()));
    let uuid = hardware(&system.uuid).and_then(|raw| Uuid::parse(&raw)).map(|uuid| uuid.to_string());
    let board_model = hardware(&system.board_product).and_then(|raw| label(&raw));
    let board_serial = hardware(&system.board_serial).and_then(|raw| normalise::serial(&raw, board_model.as_deref()));
    // What a dock says of its own chassis is not said of the machine.
    let docked = system.chassis_type.as_deref() == Some("docking_station");
    let of_chassis = |raw: &Option<String>| raw.clone().filter(|_| !docked);
    let hardware_label = |raw: &Option<String>| words(hardware(raw).and_then(|raw| label(&raw)));
    vec![
        ("asset_tag", hardware_label(&of_chassis(&system.chassis_asset_tag))),
        ("bios_version", hardware_label(&system.bios_version)),
        ("board_model", words(board_model)),
        ("board_serial", words(board_serial)),
        ("chassis_serial", words(chassis_serial(system).filter(|_| !contained))),
        ("chassis_type", hardware_label(&of_chassis(&system.chassis_type))),
        ("cloud_instance_id", plain(&system.cloud_instance_id)),
        ("cloud_provider", plain(&system.cloud_provider)),
        ("cloud_region", plain(&system.cloud_region)),
        ("cloud_type", plain(&system.cloud_type)),
        ("cloud_zone", plain(&system.cloud_zone)),
        ("domain", plain(&system.domain)),
        ("fqdn", plain(&system.fqdn)),
        ("hostname", plain(&system.hostname)),
        ("machine_id", words(system.machine_id.as_deref().and_then(normalise::machine_id))),
        ("manufacturer", words(manufacturer)),
        ("memory_bytes", system.memory_bytes.map(integer)),
        ("model", hardware_label(&system.product)),
        ("serial", words(serial)),
        ("uuid", words(uuid)),
        ("virtualisation", system.virtualisation.map(|virtualisation| AttributeValue::Text(fingerprint_kind(virtualisation).into()))),
        ("virtualisation_technology", plain(&system.virtualisation_technology)),
    ]
}

fn of_os(os: &Os) -> Observations {
    vec![
        ("architecture", plain(&os.architecture)),
        ("booted_at", os.booted_at.map(moment)),
        ("init", plain(&os.init)),
        ("installed_at", os.installed_at.map(moment)),
        ("kernel", plain(&os.kernel_release)),
        ("os_codename", plain(&os.codename)),
        ("os_id", plain(&os.id)),
        ("os_name", plain(&os.name)),
        ("os_pretty_name", plain(&os.pretty_name)),
        ("os_support_end", plain(&os.support_end)),
        ("os_version", plain(&os.version)),
        ("reboot_required", os.reboot_required.map(AttributeValue::Boolean)),
        ("time_zone", plain(&os.time_zone)),
    ]
}

fn of_cpus(cpus: &[Cpu]) -> Observations {
    // A sum with an unknown part is unknown.
    let sum = |of: fn(&Cpu) -> Option<u32>| -> Option<AttributeValue> {
        let parts: Option<Vec<u64>> = cpus.iter().map(|cpu| of(cpu).map(u64::from)).collect();
        parts.filter(|parts| !parts.is_empty()).map(|parts| integer(parts.iter().sum()))
    };
    vec![
        ("cpu_cores", sum(|cpu| cpu.cores)),
        ("cpu_manufacturer", cpus.first().and_then(|cpu| plain(&cpu.manufacturer))),
        ("cpu_model", cpus.first().and_then(|cpu| plain(&cpu.model))),
        ("cpu_sockets", (!cpus.is_empty()).then(|| integer(cpus.len() as u64))),
        ("cpu_threads", sum(|cpu| cpu.threads)),
    ]
}

fn of_network(interfaces: &[NetworkInterface]) -> Observations {
    let addresses = interfaces.iter().filter(|interface| interface.kind != "loopback").flat_map(|interface| &interface.addresses);
    let addresses = addresses.filter(|address| matches!(address.scope.as_str(), "global" | "site")).map(|address| address.address);
    let addresses: BTreeSet<std::net::IpAddr> = addresses.filter(|address| !junk::is_idle_address(&address.to_string())).collect();
    let physical = interfaces.iter().filter(|interface| interface.is_virtual != Some(true));
    let macs = physical.filter_map(|interface| Mac::parse(interface.permanent_mac.as_deref().or(interface.mac.as_deref())?));
    let macs: BTreeSet<String> = macs.map(|mac| mac.text).collect();
    let permanent: BTreeSet<String> = interfaces.iter().filter_map(normalise::permanent_mac).map(|mac| mac.text).collect();
    vec![
        ("ip_addresses", list(addresses.iter().map(ToString::to_string))),
        ("mac_addresses", list(macs.into_iter())),
        ("permanent_macs", list(permanent.into_iter())),
    ]
}

fn list(values: impl Iterator<Item = String>) -> Option<AttributeValue> {
    let values: Vec<String> = values.take(LIST_LENGTH).collect();
    (!values.is_empty()).then_some(AttributeValue::List(values))
}

/// A text as it is, trimmed; for fields that vendors do not fill with placeholders.
pub fn plain(raw: &Option<String>) -> Option<AttributeValue> {
    words(raw.as_deref().and_then(text))
}

/// A text, when there is one.
pub fn words(text: Option<String>) -> Option<AttributeValue> {
    text.map(AttributeValue::Text)
}

/// A whole number; sizes beyond 8 EiB are no sizes and stay at the limit.
pub fn integer(number: u64) -> AttributeValue {
    AttributeValue::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn moment(at: Timestamp) -> AttributeValue {
    AttributeValue::Text(at.to_string())
}

#[cfg(test)]
mod tests;
