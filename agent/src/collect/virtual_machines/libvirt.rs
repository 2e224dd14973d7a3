//! libvirt: definitions in `/etc/libvirt`, and what runs in `/run/libvirt`.

use super::super::text::tidy;
use super::super::xml::Element;
use super::super::{Failure, Scope};
use super::{MACHINES, mac};
use rollcall_shared::section::VirtualMachine;
use std::collections::BTreeMap;

/// Drivers that keep definitions, by the names of their folders.
const DRIVERS: [&str; 4] = ["qemu", "lxc", "libxl", "ch"];

/// Bytes of one definition; a large one has 50 KiB, the status of one that runs twice that.
const DEFINITION_BYTES: usize = 4 << 20;

/// The machines of all drivers.
pub(super) fn read(scope: &Scope<'_>) -> Vec<VirtualMachine> {
    DRIVERS.iter().flat_map(|driver| of_driver(scope, driver)).take(MACHINES).collect()
}

fn of_driver(scope: &Scope<'_>, driver: &str) -> Vec<VirtualMachine> {
    let definitions = format!("/etc/libvirt/{driver}");
    let running = format!("/run/libvirt/{driver}");
    let autostart = scope.list(&format!("{definitions}/autostart"));
    let mut machines: BTreeMap<String, VirtualMachine> = BTreeMap::new();
    for file in documents(scope, &definitions) {
        let Some(machine) = document(scope, &format!("{definitions}/{file}")).and_then(|domain| machine(&domain)) else { continue };
        let state = scope.root().exists("/run/libvirt").then(|| "shut_off".to_owned());
        machines.insert(machine.id.clone(), VirtualMachine { state, autostart: Some(autostart.contains(&file)), ..machine });
    }
    // What runs without a definition was never defined to last: that is a machine too.
    for file in documents(scope, &running) {
        let Some(status) = document(scope, &format!("{running}/{file}")).filter(|status| status.name == "domstatus") else { continue };
        let Some(machine) = status.child("domain").and_then(machine) else { continue };
        let state = status.attribute("state").and_then(tidy).map(|state| if state == "shutoff" { "shut_off".to_owned() } else { state });
        machines.entry(machine.id.clone()).or_insert(machine).state = state;
    }
    machines.into_values().collect()
}

fn documents(scope: &Scope<'_>, folder: &str) -> Vec<String> {
    scope.list(folder).into_iter().filter(|name| name.ends_with(".xml")).take(MACHINES).collect()
}

fn document(scope: &Scope<'_>, path: &str) -> Option<Element> {
    let bytes = scope.bytes(path, DEFINITION_BYTES).unwrap_or_else(|error| {
        scope.problem(error);
        None
    })?;
    match Element::parse(&String::from_utf8_lossy(&bytes)) {
        Ok(document) => Some(document),
        Err(what) => {
            scope.problem(Failure::malformed(path, 1, what));
            None
        }
    }
}

/// A domain, libvirt's "Domain XML format".
fn machine(domain: &Element) -> Option<VirtualMachine> {
    let name = domain.text_of("name").and_then(tidy);
    let vcpu = domain.child("vcpu");
    let mut macs: Vec<String> = domain.descendants("interface").iter().filter_map(|interface| mac(interface.child("mac")?.attribute("address")?)).collect();
    macs.sort_unstable();
    macs.dedup();
    let mut disks: Vec<String> = domain.descendants("disk").iter().filter_map(|disk| source(disk)).collect();
    disks.sort_unstable();
    disks.dedup();
    let os = domain.descendants("libosinfo:os");
    Some(VirtualMachine {
        runtime: "libvirt".to_owned(),
        id: domain.text_of("uuid").and_then(tidy).map(|uuid| uuid.to_ascii_lowercase()).or_else(|| name.clone())?,
        name,
        vcpus: vcpu.and_then(|vcpu| vcpu.attribute("current").unwrap_or(&vcpu.text).parse().ok()),
        memory_bytes: domain.child("memory").and_then(|memory| bytes(&memory.text, memory.attribute("unit").unwrap_or("KiB"))),
        macs,
        disks,
        os: os.first().and_then(|os| tidy(os.attribute("id")?)),
        ..VirtualMachine::default()
    })
}

/// Where a disk lies; media that are put in and taken out are none.
fn source(disk: &Element) -> Option<String> {
    if disk.attribute("device").is_some_and(|device| device == "cdrom" || device == "floppy") {
        return None;
    }
    let source = disk.child("source")?;
    if let (Some(pool), Some(volume)) = (source.attribute("pool"), source.attribute("volume")) {
        return tidy(&format!("{pool}/{volume}"));
    }
    ["file", "dev", "name", "dir"].iter().find_map(|kind| tidy(source.attribute(kind)?))
}

/// Powers of 1024 with an `i` or alone, of 1000 with a `B`.
fn bytes(number: &str, unit: &str) -> Option<u64> {
    let factor: u64 = match unit {
        "b" | "bytes" => 1,
        "KB" => 1000,
        "k" | "K" | "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "M" | "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "G" | "GiB" => 1 << 30,
        "TB" => 1_000_000_000_000,
        "T" | "TiB" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::plant;
    use super::*;
    use crate::root::Root;

    #[test]
    fn definitions_and_what_runs_are_one_machine_each() {
        let directory = plant(
            "=== /etc/libvirt/qemu/web.xml\n<!--\nWARNING: THIS IS AN AUTO-GENERATED FILE.\n-->\n<domain type='kvm'><name>web</name><uuid>0B4E2F6A-0000-4000-8000-000000000001</uuid>\
             <metadata><libosinfo:libosinfo xmlns:libosinfo=\"http://libosinfo.org/xmlns/libvirt/domain/1.0\"><libosinfo:os id=\"http://debian.org/debian/12\"/></libosinfo:libosinfo></metadata>\
             <memory unit='KiB'>4194304</memory><vcpu placement='static' current='2'>4</vcpu><devices>\
             <disk type='file' device='disk'><source file='/var/lib/libvirt/images/web.qcow2'/></disk><disk device='cdrom'><source file='/x.iso'/></disk>\
             <interface type='bridge'><mac address='52:54:00:AA:bb:01'/></interface></devices></domain>\n\
             === /etc/libvirt/qemu/autostart/web.xml -> /etc/libvirt/qemu/web.xml\n=== /etc/libvirt/qemu/off.xml\n<domain><name>off</name></domain>\n=== /etc/libvirt/qemu/bad.xml\n<domain>\n\
             === /run/libvirt/qemu/web.xml\n<domstatus state='paused' reason='user' pid='7'><domain type='kvm' id='1'><name>web</name><uuid>0b4e2f6a-0000-4000-8000-000000000001</uuid></domain></domstatus>\n\
             === /run/libvirt/qemu/passing.xml\n<domstatus state='running'><domain><name>passing</name></domain></domstatus>\n",
        );
        let root = Root::new(directory.path());
        let scope = Scope::new(&root);
        let machines = read(&scope);
        let short: Vec<_> = machines.iter().map(|row| (row.name.as_deref().unwrap_or_default(), row.state.as_deref(), row.autostart)).collect();
        assert_eq!(short, [("web", Some("paused"), Some(true)), ("off", Some("shut_off"), Some(false)), ("passing", Some("running"), None)]);
        let web = &machines[0];
        assert_eq!((web.vcpus, web.memory_bytes, web.os.as_deref()), (Some(2), Some(4 << 30), Some("http://debian.org/debian/12")));
        assert_eq!((web.macs.as_slice(), web.disks.as_slice()), (&["52:54:00:aa:bb:01".to_owned()][..], &["/var/lib/libvirt/images/web.qcow2".to_owned()][..]));
        assert!(scope.problems().is_some_and(|problems| problems.contains("/etc/libvirt/qemu/bad.xml")));
    }

    #[test]
    fn units_of_memory_are_told_apart() {
        assert_eq!([bytes("2", "GiB"), bytes("2", "GB"), bytes("x", "KiB"), bytes("1", "?"), bytes("99999999999999", "TiB")], [Some(2 << 30), Some(2_000_000_000), None, None, None]);
    }
}
