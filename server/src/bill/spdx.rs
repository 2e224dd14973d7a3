//! SPDX 2.3, JSON: machines and software are packages, and machines contain software.

use super::{Bill, Component, Machine, without_nothing};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const UNKNOWN: &str = "NOASSERTION";

const DOCUMENT: &str = "SPDXRef-DOCUMENT";

pub(super) fn write(bill: &Bill) -> Value {
    let licences = Licences::of(bill);
    let mut packages: Vec<Value> = bill.machines.iter().enumerate().map(|(place, machine)| machine_package(machine, place)).collect();
    packages.extend(bill.components.iter().enumerate().map(|(place, part)| package(part, place, &licences)));
    let described: Vec<String> = (0..bill.machines.len()).map(machine_id).collect();
    let mut document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": DOCUMENT,
        "name": bill.title,
        "documentNamespace": format!("{}/spdx/{}", bill.server.trim_end_matches('/'), bill.uuid()),
        "creationInfo": { "created": seconds(bill), "creators": [format!("Tool: rollcall-server-{}", env!("CARGO_PKG_VERSION"))] },
        "documentDescribes": described,
        "packages": packages,
        "relationships": relationships(bill),
    });
    if !licences.ids.is_empty() {
        document["hasExtractedLicensingInfos"] = licences.extracted();
    }
    if !bill.gaps.is_empty() {
        document["comment"] = format!("Incomplete: {}", bill.gaps.join("; ")).into();
    }
    document
}

/// The format has no fractions of a second.
fn seconds(bill: &Bill) -> String {
    let text = bill.at.to_string();
    text.get(..19).map_or_else(|| text.clone(), |whole| format!("{whole}Z"))
}

fn machine_id(place: usize) -> String {
    format!("SPDXRef-Machine-{place}")
}

fn package_id(place: usize) -> String {
    format!("SPDXRef-Package-{place}")
}

fn machine_package(machine: &Machine, place: usize) -> Value {
    let facts = machine.facts.iter().map(|(name, value)| format!("{name}: {value}"));
    let os =
        machine.os.iter().map(|(name, version)| format!("os: {name} {}", version.as_deref().unwrap_or_default()).trim_end().to_owned());
    let about: Vec<String> = std::iter::once(format!("ci: {}", machine.id)).chain(os).chain(facts).collect();
    json!({
        "SPDXID": machine_id(place),
        "name": machine.name,
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": false,
        "primaryPackagePurpose": "DEVICE",
        "comment": about.join("\n"),
    })
}

fn package(part: &Component, place: usize, licences: &Licences) -> Value {
    let purl = part
        .purl
        .as_ref()
        .map(|purl| json!([{ "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl }]));
    let facts: Vec<String> = part.facts.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    without_nothing(json!({
        "SPDXID": package_id(place),
        "name": part.name,
        "versionInfo": part.version,
        "supplier": part.vendor.as_ref().map_or_else(|| UNKNOWN.to_owned(), |vendor| format!("Organization: {vendor}")),
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": false,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": part.licence.as_ref().map_or(UNKNOWN.to_owned(), |licence| licences.id(licence)),
        "copyrightText": UNKNOWN,
        "primaryPackagePurpose": if part.is_program() { "APPLICATION" } else { "LIBRARY" },
        "externalRefs": purl,
        "sourceInfo": Some(facts).filter(|facts| !facts.is_empty()).map(|facts| facts.join("\n")),
    }))
}

fn relationships(bill: &Bill) -> Vec<Value> {
    let related =
        |from: String, kind: &str, to: String| json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to });
    let described = (0..bill.machines.len()).map(|place| related(DOCUMENT.to_owned(), "DESCRIBES", machine_id(place)));
    let contained =
        bill.components.iter().enumerate().flat_map(|(place, part)| {
            part.machines.iter().map(move |machine| related(machine_id(*machine), "CONTAINS", package_id(place)))
        });
    described.chain(contained).collect()
}

/// Licences are quoted, not recognised: what a package states is no expression of SPDX until somebody has looked at it.
struct Licences<'a> {
    ids: BTreeMap<&'a str, usize>,
}

impl<'a> Licences<'a> {
    fn of(bill: &'a Bill) -> Self {
        let mut ids = BTreeMap::new();
        for licence in bill.components.iter().filter_map(|part| part.licence.as_deref()) {
            let next = ids.len();
            ids.entry(licence).or_insert(next);
        }
        Self { ids }
    }

    fn id(&self, licence: &str) -> String {
        self.ids.get(licence).map_or_else(|| UNKNOWN.to_owned(), |number| format!("LicenseRef-{number}"))
    }

    fn extracted(&self) -> Value {
        self.ids.keys().map(|licence| json!({ "licenseId": self.id(licence), "extractedText": licence, "name": licence })).collect()
    }
}
