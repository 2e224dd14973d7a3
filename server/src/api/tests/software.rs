//! The catalogue, advisories and bills of materials, seen through the API.

use super::inventory::{Host, os, system};
use super::*;
use rollcall_shared::Section;
use rollcall_shared::section::Package;
use serde_json::json;
use std::time::Duration;

/// Two kernels, openssl and bash.
fn packages() -> Section {
    let row = |name: &str, version: &str, source: Option<&str>| Package {
        name: name.into(),
        version: version.into(),
        manager: "dpkg".into(),
        architecture: Some("amd64".into()),
        source: source.map(Into::into),
        vendor: Some("Debian".into()),
        licence: Some("GPL-2".into()),
        purl: Some(format!("pkg:deb/debian/{name}@{version}?arch=amd64&distro=debian-12")),
        ..Package::default()
    };
    Section::Packages(vec![
        row("bash", "5.2.15-2", None),
        row("libssl3", "3.0.9-1", Some("openssl")),
        row("linux-image-6.1.0-13-amd64", "6.1.55-1", Some("linux-signed-amd64")),
        row("linux-image-6.1.0-9-amd64", "6.1.27-1", Some("linux-signed-amd64")),
    ])
}

/// A host that has them.
async fn host() -> Host {
    let mut host = Host::reported().await;
    host.report(vec![system(), os(), packages()]).await;
    host
}

async fn product(host: &Host, name: &str) -> Value {
    host.fixture.get(&format!("/api/v1/software?name={name}&manager=dpkg&installed=true")).await.ok().items().remove(0)
}

async fn path_of(host: &Host, name: &str) -> String {
    format!("/api/v1/software/{}", product(host, name).await["id"].as_str().unwrap())
}

#[tokio::test]
async fn products_are_shown_under_their_catalogue_name_and_decided_about() {
    let host = host().await;
    assert_eq!(host.fixture.get("/api/v1/software?installed=false").await.ok().items().len(), 2, "those of the first report");
    let kernels = host.fixture.get("/api/v1/software?product=linux%20kernel").await.ok().items();
    assert_eq!(kernels.len(), 2);
    let bash = product(&host, "bash").await;
    assert_eq!(
        (&bash["product"], &bash["vendor"], &bash["licences"], &bash["category"]),
        (&json!("bash"), &json!("Debian"), &json!(["GPL-2"]), &json!("unclassified"))
    );
    let rule = json!({"name": "bas?", "category": "approved", "reason": "everybody needs one", "product": "GNU Bash"});
    let made = host.fixture.post("/api/v1/software/rules", &rule.to_string()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let rule_path = made.header("location").to_owned();
    assert_eq!(host.fixture.get("/api/v1/software?category=approved").await.ok().items()[0]["product"], "GNU Bash");
    let path = path_of(&host, "bash").await;
    let tag = host.fixture.get(&path).await.ok().header("etag").to_owned();
    let decision = r#"{"category": "denied", "reason": "zsh is the standard"}"#;
    let denied = host.fixture.put("PATCH", &path, &[("if-match", &tag)], decision).await.ok().json();
    assert_eq!((&denied["category"], &denied["category_because"]), (&json!("denied"), &json!("the admin decided it: zsh is the standard")));
    assert_eq!(denied["rulings"][0]["by"]["name"], "the admin");
    host.fixture.put("PATCH", &path, &[("if-match", &tag)], decision).await.refused("stale");
    host.fixture.put("PATCH", &path, &[], r#"{"category": "by_rules", "reason": "both may stay"}"#).await.ok();
    assert_eq!(host.fixture.get(&path).await.ok().json()["category"], "approved");
    host.fixture.put("DELETE", &rule_path, &[], "").await.ok();
    host.fixture.get(&rule_path).await.refused("not_found");
    assert_eq!(host.fixture.get(&path).await.ok().json()["category"], "unclassified");
    host.fixture.put("PATCH", &path, &[], r#"{"category": "denied", "reason": " "}"#).await.refused("invalid_parameter");
    host.fixture.put("PATCH", &host.path().replace("cis", "software"), &[], decision).await.refused("not_found");
}

#[tokio::test]
async fn licences_are_recorded_by_hand_and_by_file_and_held_against_what_is_counted() {
    let host = host().await;
    let id = product(&host, "bash").await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/cis/{id}");
    let shown = host.fixture.put("PATCH", &path, &[], r#"{"attributes": {"licensed_installations": 0}}"#).await.ok().json();
    let attributes = &shown["attributes"];
    assert_eq!((&attributes["installations"]["value"], &attributes["licensed_installations"]["value"]), (&json!(1), &json!(0)));
    assert_eq!(attributes["installations"]["source"], json!({"kind": "counted"}));
    assert!(attributes["installations"]["reason"].as_str().unwrap().ends_with(&format!("/api/v1/software/{id}/installations")));
    assert_eq!(host.fixture.get(&format!("{path}/explain")).await.ok().json()["attributes"]["installations"], attributes["installations"]);
    for (wrong, field) in [("{\"licensed_installations\": -1}", "licensed_installations"), ("{\"installations\": 1}", "installations")] {
        let refused = host.fixture.put("PATCH", &path, &[], &format!("{{\"attributes\": {wrong}}}")).await;
        refused.refused("invalid_parameter");
        assert_eq!(refused.json()["field"], format!("attributes.{field}"));
    }
    let overused = "/api/v1/cis?query=has:licensed_installations%20installations%3E0";
    for sort in ["", "&sort=name", "&sort=-name"] {
        let found = host.fixture.get(&format!("{overused}{sort}")).await.ok().items();
        assert_eq!((found.len(), &found[0]["attributes"]["installations"]), (1, &json!(1)), "{sort}");
    }
    let file = "key,licensed_installations,licence_ends\npkg:deb/debian/libssl3,40,2027-01-31\npkg:deb/debian/nothing,1,\npkg:deb/debian/bash@5.2.15-2,7,\n";
    let load = "/api/v1/imports?name=licences&class=software_product";
    let import = send(&host.fixture, load, "text/csv", file).await.json();
    assert_eq!((&import["updated"], &import["inserted"], &import["refused"]), (&json!(2), &json!(0), &json!(1)), "{import}");
    let refused = &import["refused_rows"][0];
    assert_eq!((&refused["code"], &refused["column"]), (&json!("unknown_product"), &json!("key")));
    assert_eq!(product(&host, "libssl3").await["licensed_installations"], 40);
    let said = host.fixture.get(&path).await.ok().json()["attributes"]["licensed_installations"].clone();
    assert_eq!((&said["value"], said["proposals"].as_array().unwrap().len()), (&json!(0), 2), "people count before files");
    let csv = host.fixture.get_as("/api/v1/export/cis?class=software_product", "text/csv").await.ok().text();
    assert!(csv.lines().next().unwrap().contains(",installations,licence_ends,licensed_installations,"), "{csv}");
    assert!(csv.contains(",1,2027-01-31,40,"), "{csv}");
}

#[tokio::test]
async fn a_back_test_counts_the_hosts_that_had_a_product_and_holds_them_against_its_licences_of_then() {
    let mut host = host().await;
    let id = product(&host, "bash").await["id"].as_str().unwrap().to_owned();
    let record = async |host: &Host, licensed: &str| {
        host.fixture.clock.advance(Duration::from_secs(3_600));
        let body = format!(r#"{{"attributes": {{"licensed_installations": {licensed}}}}}"#);
        host.fixture.put("PATCH", &format!("/api/v1/cis/{id}"), &[], &body).await.ok();
    };
    let ask = async |host: &Host, body: &str| host.fixture.post("/api/v1/rules/backtest", body).await.ok().json();
    let none = ask(&host, r#"{"id": "licence_overused", "from": "-1d"}"#).await;
    assert_eq!((&none["hosts"], &none["hosts_judged"], &none["incidents"]), (&json!(6), &json!(0), &json!(0)), "{none:#}");
    record(&host, "0").await;
    host.fixture.clock.advance(Duration::from_secs(3_600));
    host.report(vec![Section::Packages(Vec::new())]).await;
    host.fixture.clock.advance(Duration::from_secs(300));
    host.report(vec![packages()]).await;
    record(&host, "null").await;
    host.fixture.clock.advance(Duration::from_secs(60));
    let found = ask(&host, r#"{"id": "licence_overused", "from": "-1d"}"#).await;
    let figures = ["hosts_judged", "incidents", "cleared_within_10_minutes", "complete"].map(|name| found[name].clone());
    assert_eq!(figures, [json!(1), json!(2), json!(0), json!(true)], "{found:#}");
    assert_eq!((&found["items"][0]["ci"], &found["judged_by"][0]["resolution"]), (&json!(id), &json!("changes")), "{found:#}");
    assert!(found["items"].as_array().unwrap().iter().all(|one| one["resolved_at"].is_string() && one["peak"] == 1.0), "{found:#}");
    assert!(found["warnings"][0].as_str().unwrap().contains("erased"), "{found:#}");
    assert_eq!(found["summary"], "would have opened 2 incidents in 1 d on 1 items; 0 cleared within 10 minutes");
    let other = product(&host, "libssl3").await["id"].as_str().unwrap().to_owned();
    for (wanted, incidents) in [(&id, 2), (&other, 0)] {
        let body = json!({"id": "licence_overused", "from": "-1d", "hosts": [wanted]}).to_string();
        let found = ask(&host, &body).await;
        assert_eq!((&found["hosts"], &found["incidents"]), (&json!(1), &json!(incidents)), "{found:#}");
    }
}

#[tokio::test]
async fn rules_are_listed_in_their_order_with_those_of_rollcall_last() {
    let fixture = Fixture::new().await;
    for (position, name) in [(20, "b"), (10, "a")] {
        fixture.post("/api/v1/software/rules", &json!({"position": position, "name": name, "product": "X"}).to_string()).await.ok();
    }
    let rules = fixture.get("/api/v1/software/rules?limit=1000").await.ok().items();
    assert_eq!((&rules[0]["name"], &rules[1]["name"], &rules[2]["stock"]), (&json!("a"), &json!("b"), &json!(true)));
    assert_eq!(rules[0]["set_by"]["name"], "the admin");
    let stock = format!("/api/v1/software/rules/{}", rules[2]["id"].as_str().unwrap());
    fixture.put("DELETE", &stock, &[], "").await.refused("conflict");
    let own = format!("/api/v1/software/rules/{}", rules[0]["id"].as_str().unwrap());
    let changed = fixture.put("PUT", &own, &[], r#"{"name": "a*", "product": "Y"}"#).await.ok().json();
    assert_eq!((&changed["name"], &changed["position"]), (&json!("a*"), &json!(100)));
    let refused = fixture.post("/api/v1/software/rules", r#"{"name": "x"}"#).await;
    refused.refused("invalid_parameter");
    assert_eq!(refused.json()["field"], "product");
}

#[tokio::test]
async fn versions_and_installations_are_in_the_order_of_their_package_manager() {
    let mut host = host().await;
    let path = path_of(&host, "libssl3").await;
    for (query, count) in
        [("below=3.0.13", 1), ("below=3.0.9-1", 0), ("at_least=3.0.9~rc1", 1), ("at_least=3.0.10", 0), ("below=3.0.13&at_least=3.0.9-1", 1)]
    {
        assert_eq!(host.fixture.get(&format!("{path}/installations?{query}")).await.ok().items().len(), count, "{query}");
    }
    let row = |version: &str, place: &str| Package {
        name: "lodash".into(),
        version: version.into(),
        manager: "npm".into(),
        location: Some(place.into()),
        ..Package::default()
    };
    host.report(vec![system(), os(), Section::Packages(vec![row("4.9.0", "/a"), row("4.17.21", "/b"), row("4.17.21-rc.1", "/c")])]).await;
    let lodash = host.fixture.get("/api/v1/software?name=lodash").await.ok().items().remove(0);
    let path = format!("/api/v1/software/{}", lodash["id"].as_str().unwrap());
    let versions = |items: Vec<Value>| items.iter().map(|item| item["version"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(versions(host.fixture.get(&format!("{path}/versions")).await.ok().items()), ["4.9.0", "4.17.21-rc.1", "4.17.21"]);
    for list in ["versions", "installations"] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = host.fixture.get(&format!("{path}/{list}?limit=1{cursor}")).await.ok().json();
            seen.extend(versions(page["items"].as_array().unwrap().clone()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen.len(), 3, "{list}: {seen:?}");
    }
}

/// Sends a body of another type than JSON.
async fn send(fixture: &Fixture, path: &str, kind: &str, body: &str) -> Reply {
    let mut request = fixture.ask(Role::AssetManager, "POST", path, &[], Some(body));
    request.headers_mut().insert(header::CONTENT_TYPE, kind.parse().unwrap());
    fixture.send(request).await
}

#[tokio::test]
async fn ends_of_life_come_as_a_table_row_by_row() {
    let host = host().await;
    let path = "/api/v1/software/end_of_life/import";
    let table = "product,cycle,eol\nOpenSSL,3.0,2026-09-07\nopenssl,1.1.1,soon\n,2,2026-01-01\nLinux kernel,6.1,2027-12-31\n";
    let report = send(&host.fixture, path, "text/csv", table).await.ok().json();
    assert_eq!((&report["rows"], &report["accepted"], &report["refused"]), (&json!(4), &json!(2), &json!(2)));
    assert_eq!((&report["refusals"][0]["row"], &report["refusals"][0]["field"]), (&json!(3), &json!("end_of_life")));
    let again =
        send(&host.fixture, path, "application/x-ndjson", "{\"product\":\"openssl\",\"cycle\":3.0,\"eol\":\"2026-09-07\"}\nnonsense\n")
            .await
            .ok()
            .json();
    assert_eq!((&again["refused"], &again["refusals"][0]["row"]), (&json!(1), &json!(2)));
    let names = |items: Vec<Value>| items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(host.fixture.get("/api/v1/software?eol_before=2027-01-01").await.ok().items()), ["libssl3"]);
    assert_eq!(host.fixture.get("/api/v1/software?eol_before=2028-01-01").await.ok().items().len(), 3);
    host.fixture.get("/api/v1/software?eol_before=soon").await.refused("invalid_parameter");
    assert_eq!(product(&host, "libssl3").await["end_of_life"], "2026-09-07");
    let installed = host.fixture.get(&format!("{}/installations", path_of(&host, "libssl3").await)).await.ok().items();
    assert_eq!(installed[0]["end_of_life"], "2026-09-07");
    assert_eq!(host.fixture.get("/api/v1/software/end_of_life?product=OPENSSL").await.ok().items().len(), 1);
    for (kind, body, code) in [
        ("text/plain", table, "unsupported_media_type"),
        ("text/csv", "", "invalid_parameter"),
        ("application/json", "{", "malformed_json"),
    ] {
        send(&host.fixture, path, kind, body).await.refused(code);
    }
}

fn advisory(id: &str, name: &str, fixed: &str) -> Value {
    json!({
        "id": id, "modified": "2026-01-01T00:00:00Z", "summary": "<b>bad</b>", "aliases": ["CVE-2024-1"],
        "severity": [{ "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H" }],
        "affected": [{ "package": { "ecosystem": "Debian:12", "name": name }, "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": fixed }] }] }]
    })
}

#[tokio::test]
async fn advisories_name_the_hosts_that_they_mean() {
    let host = host().await;
    let path = "/api/v1/advisories/import";
    let lines = [advisory("DSA-1", "openssl", "3.0.13-1~deb12u1"), advisory("DSA-2", "openssl", "3.0.9-1"), json!({"id": "X"})];
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let report = send(&host.fixture, path, "application/x-ndjson", &lines).await.ok().json();
    assert_eq!((&report["accepted"], &report["refused"], &report["refusals"][0]["subject"]), (&json!(2), &json!(1), &json!("X")));
    let again =
        send(&host.fixture, path, "application/json", &advisory("DSA-1", "openssl", "3.0.13-1~deb12u1").to_string()).await.ok().json();
    assert_eq!((&again["accepted"], &again["unchanged"]), (&json!(0), &json!(1)));
    send(&host.fixture, path, "text/csv", "id\nx\n").await.refused("unsupported_media_type");
    let affecting = host.fixture.get("/api/v1/advisories?affecting=true&severity=high&q=cve-2024").await.ok().items();
    assert_eq!(
        (affecting.len(), &affecting[0]["id"], &affecting[0]["hosts"], &affecting[0]["score"]),
        (1, &json!("DSA-1"), &json!(1), &json!(7.5))
    );
    assert_eq!(host.fixture.get("/api/v1/advisories?affecting=false").await.ok().items()[0]["id"], "DSA-2");
    let affected = host.fixture.get("/api/v1/advisories/DSA-1/affected").await.ok().items();
    assert_eq!((affected.len(), &affected[0]["name"], &affected[0]["package"]), (1, &json!("web-1"), &json!("libssl3")));
    assert_eq!((&affected[0]["version"], &affected[0]["fixed_version"]), (&json!("3.0.9-1"), &json!("3.0.13-1~deb12u1")));
    let on_host = host.get("/advisories").await.ok().items();
    assert_eq!((on_host.len(), &on_host[0]["id"], &on_host[0]["severity"]), (1, &json!("DSA-1"), &json!("high")));
    host.fixture.get("/api/v1/advisories/DSA-9/affected").await.refused("not_found");
}

#[tokio::test]
async fn bills_of_materials_come_in_both_forms() {
    let host = host().await;
    let bill = host.get("/sbom").await.ok().json();
    assert_eq!((&bill["bomFormat"], bill["components"].as_array().unwrap().len()), (&json!("CycloneDX"), 1 + 4));
    assert_eq!(bill["components"][1]["purl"], "pkg:deb/debian/bash@5.2.15-2?arch=amd64&distro=debian-12");
    let spdx = host.get("/sbom?format=spdx").await.ok().json();
    assert_eq!((&spdx["spdxVersion"], spdx["packages"].as_array().unwrap().len()), (&json!("SPDX-2.3"), 1 + 4));
    host.get("/sbom?format=xml").await.refused("invalid_parameter");
    let id = host.path().rsplit('/').next().unwrap().to_owned();
    // One host has its operating system among the components.
    for (query, count) in [("", 5), ("class=host", 5), ("class=virtual_machine", 0), (&*format!("ids={id}"), 5), ("tag=web", 0)] {
        let bill = host.fixture.get(&format!("/api/v1/software/sbom?{query}")).await.ok().json();
        assert_eq!(bill["components"].as_array().unwrap().len(), count, "{query}");
    }
    host.fixture.get("/api/v1/software/sbom?ids=fridge").await.refused("invalid_parameter");
}
