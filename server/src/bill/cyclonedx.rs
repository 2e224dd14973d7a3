//! CycloneDX 1.6, JSON.

use super::{Bill, Component, Machine, without_nothing};
use serde_json::{Value, json};

pub(super) fn write(bill: &Bill) -> Value {
    let one = if bill.machines.len() == 1 { bill.machines.first() } else { None };
    let mut components: Vec<Value> = one.and_then(operating_system).into_iter().collect();
    let references = bill.references();
    components.extend(bill.components.iter().zip(references).map(|(part, reference)| component(bill, part, reference, one.is_none())));
    let gaps: Vec<Value> = bill.gaps.iter().map(|gap| property("incomplete", gap)).collect();
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", bill.uuid()),
        "version": 1,
        "metadata": {
            "timestamp": bill.at,
            "tools": { "components": [{ "type": "application", "name": "rollcall-server", "version": env!("CARGO_PKG_VERSION") }] },
            "component": one.map_or_else(|| json!({ "type": "platform", "bom-ref": "selection", "name": bill.title }), device),
            "properties": gaps,
        },
        "components": components,
    })
}

fn device(machine: &Machine) -> Value {
    let mut properties: Vec<Value> = machine.facts.iter().map(|(name, value)| property(name, value)).collect();
    properties.push(property("ci", &machine.id));
    json!({ "type": "device", "bom-ref": machine.id, "name": machine.name, "properties": properties })
}

fn operating_system(machine: &Machine) -> Option<Value> {
    let (name, version) = machine.os.as_ref()?;
    Some(without_nothing(json!({ "type": "operating-system", "bom-ref": "os", "name": name, "version": version })))
}

fn component(bill: &Bill, part: &Component, reference: String, with_hosts: bool) -> Value {
    let mut properties = vec![property("manager", &part.manager)];
    properties.extend(part.facts.iter().map(|(name, value)| property(name, value)));
    if with_hosts {
        let machines = part.machines.iter().filter_map(|place| bill.machines.get(*place));
        properties.extend(machines.map(|machine| property("host", &format!("{} {}", machine.id, machine.name))));
    }
    without_nothing(json!({
        "type": if part.is_program() { "application" } else { "library" },
        "bom-ref": reference,
        "name": part.name,
        "version": part.version,
        "publisher": part.vendor,
        "purl": part.purl,
        "licenses": part.licence.as_ref().map(|licence| json!([{ "license": { "name": licence } }])),
        "properties": properties,
    }))
}

fn property(name: &str, value: &str) -> Value {
    json!({ "name": format!("rollcall:{name}"), "value": value })
}
