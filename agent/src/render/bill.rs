//! A software bill of materials in the form of CycloneDX 1.6 (ECMA-424).
//!
//! Two bills of one inventory are equal but for their time: the serial number follows from the content.

use crate::collect::Collected;
use rollcall_shared::section::{Container, Firmware, Os, Package, System};
use rollcall_shared::{ContentHash, Section, SectionName, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The sections that a bill is made of.
pub const BILL_SECTIONS: &[SectionName] =
    &[SectionName::System, SectionName::Os, SectionName::Firmware, SectionName::Packages, SectionName::Containers];

/// The bill of what was collected.
#[must_use]
pub fn bill_of_materials(collected: &[Collected], at: Timestamp) -> Value {
    let mut components = Vec::new();
    let mut subject = json!({ "type": "device", "bom-ref": "host", "name": "unknown" });
    for section in collected.iter().filter_map(|one| one.section.as_ref()) {
        match section {
            Section::System(rows) => rows.iter().for_each(|row| subject = host(row)),
            Section::Os(rows) => components.extend(rows.iter().map(operating_system)),
            Section::Firmware(rows) => components.extend(rows.iter().filter(|row| row.version.is_some()).map(firmware)),
            Section::Packages(rows) => components.extend(packages(rows)),
            Section::Containers(rows) => components.extend(rows.iter().map(container)),
            _ => {}
        }
    }
    let incomplete = collected
        .iter()
        .filter_map(|one| Some(json!({ "name": format!("rollcall:incomplete:{}", one.name), "value": one.reason.as_ref()? })));
    let content = ContentHash::of(json!([subject, components]).to_string().as_bytes());
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", uuid(&content)),
        "version": 1,
        "metadata": {
            "timestamp": at,
            "tools": { "components": [{ "type": "application", "name": "rollcall-agent", "version": env!("CARGO_PKG_VERSION") }] },
            "component": subject,
            "properties": incomplete.collect::<Vec<_>>(),
        },
        "components": components,
    })
}

/// Version 8 of RFC 9562: the bits are ours.
fn uuid(hash: &ContentHash) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.0[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn host(row: &System) -> Value {
    let name = row.fqdn.as_ref().or(row.hostname.as_ref()).map_or("unknown", String::as_str);
    let facts = [("manufacturer", &row.manufacturer), ("model", &row.product), ("serial", &row.serial), ("uuid", &row.uuid)];
    without_nothing(json!({ "type": "device", "bom-ref": "host", "name": name, "properties": properties(&facts) }))
}

fn operating_system(row: &Os) -> Value {
    let name = row.id.as_ref().or(row.name.as_ref()).or(row.kernel_name.as_ref()).map_or("unknown", String::as_str);
    let facts = [("pretty_name", &row.pretty_name), ("kernel_release", &row.kernel_release), ("architecture", &row.architecture)];
    without_nothing(
        json!({ "type": "operating-system", "bom-ref": "os", "name": name, "version": row.version, "properties": properties(&facts) }),
    )
}

fn firmware(row: &Firmware) -> Value {
    let reference = format!("firmware/{}", row.component);
    without_nothing(
        json!({ "type": "firmware", "bom-ref": reference, "name": row.component, "version": row.version, "publisher": row.vendor }),
    )
}

fn container(row: &Container) -> Value {
    let name = row.image.as_ref().or(row.name.as_ref()).unwrap_or(&row.id);
    let facts = [("runtime", &Some(row.runtime.clone())), ("container", &Some(row.id.clone())), ("digest", &row.image_digest)];
    let reference = format!("container/{}/{}", row.runtime, row.id);
    json!({ "type": "container", "bom-ref": reference, "name": name, "properties": properties(&facts) })
}

/// Several instances of one package at one place (kernels side by side, rows that differ in nothing that a purl tells) are numbered.
fn packages(rows: &[Package]) -> impl Iterator<Item = Value> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    rows.iter().map(move |row| {
        let name = row.purl.clone().unwrap_or_else(|| format!("{}/{}@{}", row.manager, row.name, row.version));
        let reference = row.location.as_ref().map_or(name.clone(), |location| format!("{name}#{location}"));
        let times = seen.entry(reference.clone()).or_default();
        *times += 1;
        let reference = if *times == 1 { reference } else { format!("{reference}#{times}") };
        let is_program = matches!(row.manager.as_str(), "snap" | "flatpak");
        let source = row.source.as_ref().map(|source| match &row.source_version {
            Some(version) => format!("{source} {version}"),
            None => source.clone(),
        });
        let facts = [
            ("manager", &Some(row.manager.clone())),
            ("architecture", &row.architecture),
            ("source", &source),
            ("origin", &row.origin),
            ("location", &row.location),
        ];
        without_nothing(json!({
            "type": if is_program { "application" } else { "library" },
            "bom-ref": reference,
            "name": row.name,
            "version": row.version,
            "publisher": row.vendor,
            "purl": row.purl,
            "licenses": row.licence.as_ref().map(|licence| json!([{ "license": { "name": licence } }])),
            "properties": properties(&facts),
        }))
    })
}

fn properties(facts: &[(&str, &Option<String>)]) -> Vec<Value> {
    facts.iter().filter_map(|(name, value)| Some(json!({ "name": format!("rollcall:{name}"), "value": value.as_ref()? }))).collect()
}

/// Unknown is absent in this format, never null.
fn without_nothing(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    value
}
