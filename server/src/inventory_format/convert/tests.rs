//! Real inventories in and out again, and what is made of odd ones.

use super::*;
use crate::inventory_format::export::export;
use crate::inventory_format::{json, units, xml};
use proptest::prelude::*;
use rollcall_shared::SectionName;
use serde_json::{Map, Value};
use std::path::PathBuf;

const EXAMPLES: [&str; 5] =
    ["computer_1.json", "computer_1_partial_softs.json", "computer_1_partial_volumes.json", "computer_3.json", "computer_3_updated.json"];

fn folder() -> Option<PathBuf> {
    Some(PathBuf::from(std::env::var_os("ROLLCALL_TEST_DATA")?).join("inventory_format"))
}

fn file(name: &str) -> Option<String> {
    Some(std::fs::read_to_string(folder()?.join(name)).unwrap())
}

fn inventory(text: &str) -> Inventory {
    let message = json::read(text.as_bytes()).unwrap();
    let extent = if message.partial { Extent::Some } else { Extent::Whole };
    convert(&message.content.unwrap(), extent)
}

fn of_xml(content: &str) -> Inventory {
    let text =
        format!("<REQUEST><DEVICEID>vm-2026-11-25-21-42-39</DEVICEID><QUERY>INVENTORY</QUERY><CONTENT>{content}</CONTENT></REQUEST>");
    convert(&xml::read(text.as_bytes()).unwrap().content.unwrap(), Extent::Whole)
}

fn find(inventory: &Inventory, name: SectionName) -> &Collected {
    let found = inventory.sections.iter().find(|collected| collected.section.name() == name);
    found.unwrap_or_else(|| panic!("no section {name}"))
}

macro_rules! rows {
    ($inventory:expr, $kind:ident) => {
        match &find(&$inventory, SectionName::$kind).section {
            Section::$kind(rows) => rows.clone(),
            other => panic!("{other:?}"),
        }
    };
}

/// What of each category is modelled; the rest is use, passes, or is nobody's inventory.
const MODELLED: [(&str, &[&str]); 16] = [
    (
        "bios",
        &[
            "assettag",
            "bdate",
            "bmanufacturer",
            "bversion",
            "mmanufacturer",
            "mmodel",
            "msn",
            "skunumber",
            "smanufacturer",
            "smodel",
            "ssn",
        ],
    ),
    ("hardware", &["chassis_type", "memory", "name", "uuid", "vmsystem"]),
    ("operatingsystem", &["arch", "boot_time", "dns_domain", "fqdn", "full_name", "kernel_name", "kernel_version", "name", "version"]),
    ("cpus", &["core", "familynumber", "manufacturer", "model", "name", "speed", "stepping", "thread"]),
    ("memories", &["capacity", "caption", "description", "manufacturer", "memorycorrection", "serialnumber", "speed", "type"]),
    ("storages", &["description", "disksize", "firmware", "manufacturer", "model", "name", "serial"]),
    ("drives", &["encrypt_status", "filesystem", "serial", "total", "type", "volumn"]),
    (
        "networks",
        &[
            "description",
            "driver",
            "ipaddress",
            "ipaddress6",
            "ipmask",
            "ipmask6",
            "ipsubnet",
            "ipsubnet6",
            "mac",
            "pcislot",
            "speed",
            "status",
            "type",
            "virtualdev",
        ],
    ),
    (
        "controllers",
        &["caption", "driver", "manufacturer", "name", "pciclass", "pcislot", "pcisubsystemid", "productid", "rev", "type", "vendorid"],
    ),
    ("usbdevices", &["caption", "class", "manufacturer", "productid", "serial", "vendorid"]),
    ("monitors", &["caption", "description", "manufacturer", "serial"]),
    ("batteries", &["capacity", "chemistry", "manufacturer", "name", "serial", "voltage"]),
    ("softwares", &["arch", "filesize", "from", "install_date", "name", "publisher", "version"]),
    ("logical_volumes", &["lv_name", "lv_uuid", "size", "vg_uuid"]),
    ("virtualmachines", &["memory", "name", "status", "uuid", "vcpu", "vmtype"]),
    ("accesslog", &["logdate"]),
];

/// Rows of a category with the fields that are modelled, in the form in which they are compared; in any order.
fn modelled(message: &Value, category: &str, fields: &[&str]) -> Vec<String> {
    let offset = message["content"]["operatingsystem"]["timezone"]["offset"].as_str().and_then(units::offset).unwrap_or(0);
    let category_rows = match &message["content"][category] {
        Value::Array(rows) => rows.clone(),
        Value::Null => Vec::new(),
        row => vec![row.clone()],
    };
    let is_root_hub = |row: &Value| category == "usbdevices" && row["vendorid"] == "1d6b" && row["class"] == "9";
    let kept = category_rows.iter().filter(|row| !is_root_hub(row)).map(|row| {
        let compared = fields.iter().filter_map(|field| Some((*field, comparable(field, &row[*field], offset)?)));
        compared.map(|(field, value)| format!("{field}={value}")).collect::<Vec<_>>().join(" ")
    });
    let mut kept: Vec<String> = kept.collect();
    kept.sort_unstable();
    kept
}

/// One value in the form in which both sides write the same; `None` for what stands for unknown.
fn comparable(field: &str, value: &Value, offset: i64) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Null => return None,
        other => other.to_string(),
    };
    match field {
        "boot_time" | "install_date" | "logdate" => Some(units::moment(&text, offset)?.to_string()),
        "uuid" | "description" => Some(text.to_lowercase()),
        "speed" => text.split(' ').next().filter(|number| !matches!(*number, "0" | "-1")).map(str::to_owned),
        "mac" => Some(text).filter(|mac| mac != "00:00:00:00:00:00"),
        "arch" => Some(text).filter(|word| word != "(none)"),
        "fqdn" => Some(text).filter(|name| name.contains('.')),
        "chemistry" => Some(technology(&text)),
        _ => Some(text),
    }
}

#[test]
fn every_example_goes_out_as_it_came_in_and_is_valid() {
    let Some(schema) = file("inventory.schema.json") else { return };
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    for example in EXAMPLES {
        let text = file(example).unwrap();
        let input: Value = serde_json::from_str(&text).unwrap();
        let converted = inventory(&text);
        let sections: Vec<Section> = converted.sections.into_iter().map(|collected| collected.section).collect();
        let output = export(input["deviceid"].as_str().unwrap(), converted.collected_at, &sections);
        let errors: Vec<String> = schema.iter_errors(&output).map(|error| format!("{} at {}", error, error.instance_path())).collect();
        assert!(errors.is_empty(), "{example}: {errors:#?}");
        for (category, fields) in MODELLED {
            assert_eq!(modelled(&output, category, fields), modelled(&input, category, fields), "{example}: {category}");
        }
        assert_eq!(output["deviceid"], input["deviceid"]);
    }
}

#[test]
fn every_row_of_the_examples_is_of_use_and_partial_ones_say_that_they_are() {
    if folder().is_none() {
        return;
    }
    for example in EXAMPLES {
        let converted = inventory(&file(example).unwrap());
        for collected in &converted.sections {
            let name = collected.section.name();
            let is_whole = !example.contains("partial") && name != SectionName::Volumes;
            assert_eq!(collected.outcome == Outcome::Complete, is_whole, "{example}: {name}: {:?}", collected.reason);
            assert!(!collected.reason.as_deref().unwrap_or_default().contains("dropped"), "{example}: {name}: {:?}", collected.reason);
        }
    }
}

#[test]
fn a_real_machine_is_described_in_our_terms() {
    let Some(text) = file("computer_3_updated.json") else { return };
    let converted = inventory(&text);
    assert_eq!(converted.collected_at.map(|at| at.to_string()).as_deref(), Some("2017-06-09T07:00:49.000Z"));
    let system = rows!(converted, System).remove(0);
    assert_eq!(
        (
            system.serial.as_deref(),
            system.uuid.as_deref(),
            system.chassis_type.as_deref(),
            system.memory_bytes,
            system.bios_date.as_deref()
        ),
        (Some("8C554721F"), Some("0055adc9-1d3a-e411-8043-b05d95113232"), Some("notebook"), Some(7908 << 20), Some("01/07/2016"))
    );
    let os = rows!(converted, Os).remove(0);
    assert_eq!((os.id.as_deref(), os.booted_at.map(|at| at.to_string()).as_deref()), (Some("fedora"), Some("2017-06-08T05:06:47.000Z")));
    let packages = rows!(converted, Packages);
    assert_eq!(packages.len(), 3184);
    let kernel = packages.iter().find(|package| package.name == "libwbclient").unwrap();
    assert_eq!(kernel.purl.as_deref(), Some("pkg:rpm/fedora/libwbclient@4.5.10-0.fc25?arch=x86_64"));
    let interfaces = rows!(converted, NetworkInterfaces);
    let wired = interfaces.iter().find(|interface| interface.name == "enp0s25").unwrap();
    assert_eq!((wired.mac.as_deref(), wired.is_virtual, wired.permanent_mac.as_deref()), (Some("b8:6b:23:e0:5c:81"), Some(false), None));
    assert!(interfaces.iter().any(|interface| interface.addresses.len() == 2), "rows of one interface are one");
    assert_eq!(rows!(converted, VirtualMachines).len(), 3);
    let volumes = rows!(converted, Volumes);
    assert!(volumes.iter().any(|volume| volume.name == "fedora/root" && volume.size_bytes == Some(53_687_000_000)), "{volumes:?}");
    assert!(rows!(converted, UsbDevices).iter().all(|device| device.vendor_id.as_deref() != Some("1d6b")));
}

#[test]
fn the_oldest_form_is_understood() {
    let converted = of_xml(
        "<HARDWARE><NAME>vm</NAME><OSNAME>Debian GNU/Linux 12</OSNAME><OSVERSION>12</OSVERSION><OSCOMMENTS>Debian GNU/Linux 12 (bookworm)</OSCOMMENTS>
         <DESCRIPTION>x86_64/00-00-00 03:24:58</DESCRIPTION><MEMORY>24105</MEMORY><VMSYSTEM>Hyper-V</VMSYSTEM></HARDWARE>
         <BIOS><SSN>1519-7810-4472</SSN><TYPE>Desktop</TYPE></BIOS>
         <CONTROLLERS><MANUFACTURER>Red Hat, Inc. Virtio 1.0 memory balloon</MANUFACTURER><NAME>Host bridge [0600]</NAME><PCIID>1AF4:1045</PCIID><PCISLOT>00:01.0</PCISLOT><TYPE>rev 01</TYPE></CONTROLLERS>
         <SOFTWARES><NAME>zlib1g:amd64</NAME><VERSION>1:1.2</VERSION><FROM>deb</FROM><ARCHITECTURE>amd64</ARCHITECTURE></SOFTWARES>
         <SOFTWARES><NAME>adduser</NAME><VERSION>3.134</VERSION><FROM>deb</FROM><ARCHITECTURE>all</ARCHITECTURE><INSTALLDATE>2025/04/20 00:00:00</INSTALLDATE></SOFTWARES>
         <STORAGES></STORAGES><STORAGES><NAME>zram0</NAME><TYPE>disk</TYPE></STORAGES><STORAGES><NAME>vda</NAME><DISKSIZE>274877.906944</DISKSIZE><TYPE>disk</TYPE></STORAGES>
         <LOCAL_USERS><LOGIN>root</LOGIN></LOCAL_USERS><LOCAL_USERS><LOGIN>daemon</LOGIN><ID_USER>1</ID_USER><GID>1</GID></LOCAL_USERS><LOCAL_USERS><LOGIN>who</LOGIN></LOCAL_USERS>
         <NETWORKS><DESCRIPTION>eth0</DESCRIPTION><TYPE>ether</TYPE><STATUS>Up</STATUS><SPEED>1 Gbps</SPEED><MACADDR>02:FC:00:00:00:01</MACADDR></NETWORKS>",
    );
    let system = rows!(converted, System).remove(0);
    assert_eq!(
        (system.serial.as_deref(), system.chassis_type.as_deref(), system.virtualisation_technology.as_deref()),
        (Some("1519-7810-4472"), Some("desktop"), Some("hyperv"))
    );
    let os = rows!(converted, Os).remove(0);
    assert_eq!((os.id.as_deref(), os.version.as_deref(), os.architecture.as_deref()), (Some("debian"), Some("12"), Some("x86_64")));
    let device = rows!(converted, PciDevices).remove(0);
    assert_eq!(
        (device.class.as_deref(), device.class_name.as_deref(), device.device_id.as_deref(), device.revision.as_deref()),
        (Some("0600"), Some("Host bridge"), Some("1045"), Some("01"))
    );
    let named: Vec<String> = rows!(converted, Packages).into_iter().map(|package| package.name).collect();
    assert_eq!(named, ["zlib1g", "adduser"]);
    let package = rows!(converted, Packages).remove(1);
    assert_eq!((package.manager.as_str(), package.purl.as_deref()), ("dpkg", Some("pkg:deb/debian/adduser@3.134?arch=all")));
    assert_eq!(rows!(converted, Disks).iter().map(|disk| disk.size_bytes).collect::<Vec<_>>(), [Some(274_877_906_944)]);
    assert_eq!(rows!(converted, Users).iter().map(|user| (user.uid, user.gid)).collect::<Vec<_>>(), [(0, None), (1, Some(1))]);
    let users = find(&converted, SectionName::Users);
    assert_eq!((users.outcome, users.reason.as_deref()), (Outcome::Partial, Some("1 rows dropped: an account without a number")));
    let interface = rows!(converted, NetworkInterfaces).remove(0);
    assert_eq!(
        (interface.kind.as_str(), interface.state.as_deref(), interface.speed_mbps, interface.mac.as_deref()),
        ("ethernet", Some("up"), Some(1000), Some("02:fc:00:00:00:01"))
    );
}

#[test]
fn what_is_not_said_is_unknown() {
    let converted = inventory(
        r#"{"deviceid": "x", "content": {"drives": [{"type": "/", "filesystem": "ext4"}], "storages": [{"name": "sda", "disksize": 0}]}}"#,
    );
    assert_eq!(converted.sections.len(), 2, "a category that is not there says nothing: {converted:?}");
    let filesystem = rows!(converted, Filesystems).remove(0);
    assert_eq!((filesystem.read_only, filesystem.encrypted, filesystem.size_bytes), (None, None, None));
    assert_eq!(rows!(converted, Disks).remove(0).size_bytes, None);
    assert_eq!(converted.collected_at, None);
}

#[test]
fn secrets_on_command_lines_are_not_kept() {
    let json = r#"{"deviceid": "x", "content": {"processes": [{"cmd": "/usr/bin/mysql --password=geheim", "pid": 7, "user": "root", "started": "2026-11-25 18:17"}, {"cmd": "[kthreadd]", "pid": 2, "user": "root"}], "envs": [{"key": "TOKEN", "val": "geheim"}]}}"#;
    let converted = inventory(json);
    assert!(!format!("{converted:?}").contains("geheim"));
    assert_eq!(rows!(converted, Processes).iter().map(|process| process.name.as_str()).collect::<Vec<_>>(), ["mysql"]);
}

#[test]
fn containers_are_told_from_virtual_machines() {
    let json = r#"{"deviceid": "x", "content": {"virtualmachines": [{"name": "web", "vmtype": "docker", "uuid": "abc", "image": "nginx", "status": "running"}, {"name": "db", "vmtype": "libvirt", "status": "off", "uuid": "C37F7CE8-AF95-4676-B454-0959F2C5E162"}]}}"#;
    let converted = inventory(json);
    assert_eq!(rows!(converted, Containers)[0].image.as_deref(), Some("nginx"));
    let machine = rows!(converted, VirtualMachines).remove(0);
    assert_eq!((machine.id.as_str(), machine.state.as_deref()), ("c37f7ce8-af95-4676-b454-0959f2c5e162", Some("shut_off")));
}

proptest! {
    /// Whatever stands in the fields, nothing panics, every section has a canonical form, and the export of it is JSON.
    #[test]
    fn no_content_panics(fields in proptest::collection::vec((0_usize..MODELLED.len(), 0_usize..14, "\\PC{0,12}|-?[0-9]{0,20}|[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9:]{0,8})?|([0-9a-f]{1,4}:){0,8}|\\x00|é…"), 0..40)) {
        let mut content: Map<String, Value> = Map::new();
        for (category, field, value) in fields {
            let (category, names) = MODELLED[category];
            let rows = content.entry(category).or_insert_with(|| Value::Array(vec![Value::Object(Map::new())]));
            rows[0][names[field % names.len()]] = Value::String(value);
        }
        let text = serde_json::json!({"deviceid": "x", "content": content}).to_string();
        let converted = inventory(&text);
        for collected in &converted.sections {
            prop_assert!(collected.section.clone().canonical().is_ok());
        }
        let sections: Vec<Section> = converted.sections.into_iter().map(|collected| collected.section).collect();
        let _ = export("x", converted.collected_at, &sections).to_string();
    }
}
