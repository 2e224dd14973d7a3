//! Bills in both forms.

use super::*;
use serde_json::json;

fn bill() -> Bill {
    let row = |name: &str, purl: Option<&str>, licence: Option<&str>| Package {
        name: name.into(),
        version: "1.0+b1".into(),
        manager: "dpkg".into(),
        architecture: Some("amd64".into()),
        purl: purl.map(Into::into),
        licence: licence.map(Into::into),
        vendor: Some("Debian <x@debian.org>".into()),
        ..Package::default()
    };
    let purl = Some("pkg:deb/debian/bash@1.0%2Bb1?arch=amd64");
    let rows = [row("bash", purl, Some("GPLv3+")), row("bash", purl, Some("GPLv3+")), row("zsh", None, None)];
    let machine = |n: u32| Machine {
        id: format!("host_{n}"),
        name: format!("web-{n}"),
        os: Some(("debian".into(), Some("12".into()))),
        facts: vec![("serial", "7XK2M13".into())],
    };
    Bill {
        title: "web-1".into(),
        machines: vec![machine(1)],
        components: rows.iter().map(Component::of).collect(),
        gaps: vec!["packages: partial (permission denied)".into()],
        at: Timestamp(1_795_235_460_123),
        server: "https://rollcall.example:8443/".into(),
    }
}

#[test]
fn cyclonedx_has_one_reference_for_each_component_and_nothing_unknown() {
    let document = bill().write(Form::CycloneDx);
    assert_eq!((&document["bomFormat"], &document["specVersion"]), (&json!("CycloneDX"), &json!("1.6")));
    let components = document["components"].as_array().unwrap();
    let references: Vec<&str> = components.iter().map(|one| one["bom-ref"].as_str().unwrap()).collect();
    let purl = "pkg:deb/debian/bash@1.0%2Bb1?arch=amd64";
    assert_eq!(references, ["os", purl, &format!("{purl}#2"), "dpkg/zsh@1.0+b1"]);
    assert_eq!(components[1]["licenses"], json!([{ "license": { "name": "GPLv3+" } }]));
    assert!(components[3].get("licenses").is_none() && components[3].get("purl").is_none());
    assert_eq!(document["metadata"]["component"]["name"], "web-1");
    assert_eq!(document["metadata"]["properties"][0]["value"], "packages: partial (permission denied)");
}

#[test]
fn spdx_quotes_licences_and_relates_machines_to_software() {
    let document = bill().write(Form::Spdx);
    assert_eq!(document["creationInfo"]["created"], "2026-11-21T04:31:00Z");
    assert!(document["documentNamespace"].as_str().unwrap().starts_with("https://rollcall.example:8443/spdx/"));
    let packages = document["packages"].as_array().unwrap();
    assert_eq!(
        (packages.len(), &packages[1]["licenseDeclared"], &packages[3]["licenseDeclared"]),
        (4, &json!("LicenseRef-0"), &json!("NOASSERTION"))
    );
    assert_eq!(document["hasExtractedLicensingInfos"][0]["extractedText"], "GPLv3+");
    let kinds: Vec<&str> =
        document["relationships"].as_array().unwrap().iter().map(|one| one["relationshipType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["DESCRIBES", "CONTAINS", "CONTAINS", "CONTAINS"]);
}

#[test]
fn a_bill_of_many_names_the_hosts_of_each_component() {
    let mut many = bill();
    many.machines.push(Machine { id: "host_2".into(), name: "web-2".into(), ..Machine::default() });
    many.components[2].machines = vec![0, 1];
    let document = many.write(Form::CycloneDx);
    let hosts: Vec<&str> = document["components"][2]["properties"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|property| property["name"] == "rollcall:host")
        .map(|property| property["value"].as_str().unwrap())
        .collect();
    assert_eq!(hosts, ["host_1 web-1", "host_2 web-2"]);
    assert_eq!(many.write(Form::Spdx)["relationships"].as_array().unwrap().len(), 2 + 4);
}

#[test]
fn the_serial_number_follows_from_the_content_alone() {
    let (one, mut later) = (bill(), bill());
    later.at = Timestamp(later.at.0 + 1);
    assert_eq!(one.uuid(), later.uuid());
    later.components.pop();
    assert_ne!(one.uuid(), later.uuid());
}

#[test]
fn a_package_url_gets_its_version() {
    assert_eq!(purl_of("pkg:deb/debian/bash", "1:5.2~rc+b1 x").as_deref(), Some("pkg:deb/debian/bash@1:5.2~rc%2Bb1%20x"));
    assert_eq!(purl_of("dpkg/bash", "5"), None);
}
