//! Which machine is this, seen through the API.

use super::inventory::Host;
use super::*;
use rollcall_shared::Section;
use rollcall_shared::section::{System, Virtualisation};

/// The host of the agent, and a record that another system delivered of a machine that may be the same.
async fn two_records() -> (Host, String, String) {
    let host = Host::reported().await;
    let row = System { hostname: Some("web-one".into()), chassis_asset_tag: Some("A-0815".into()), ..System::default() };
    host.deliver("web-one-2026-11-21-10-00-00", vec![Section::System(vec![row])]).await;
    let hosts = host.fixture.get("/api/v1/cis?class=host").await.ok().items();
    let id = |name: &str| hosts.iter().find(|host| host["name"] == name).unwrap_or_else(|| panic!("{name} in {hosts:#?}"))["id"].clone();
    let (known, other) = (id("web-1"), id("web-one"));
    (host, known.as_str().unwrap().to_owned(), other.as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_dry_run_tells_what_identification_would_do_and_writes_nothing() {
    let (host, known, _) = two_records().await;
    let section = host.fixture.get(&format!("/api/v1/cis/{known}/sections/system")).await.ok().json();
    let before = host.fixture.engine.read(|world| world.revision);
    let body = serde_json::json!({"sections": {"system": section["items"]}}).to_string();
    let found = host.fixture.post("/api/v1/identify", &body).await.ok().json();
    assert_eq!((&found["ci"], &found["operation"]), (&known.into(), &"UPDATE".into()), "{found}");
    assert!(found["attempts"].as_array().unwrap().len() >= 2);
    assert_eq!(host.fixture.engine.read(|world| world.revision), before);
    for (body, code) in [
        (r#"{"sections": {}}"#, "invalid_parameter"),
        (r#"{"sections": {"fridge": []}}"#, "invalid_parameter"),
        (r#"{"sections": {"system": [{"serial": 7}]}}"#, "invalid_parameter"),
        (r#"{"sections": {"system": [{"serial": "1"}]}, "agent": "x"}"#, "invalid_parameter"),
    ] {
        host.fixture.post("/api/v1/identify", body).await.refused(code);
    }
}

#[tokio::test]
async fn records_are_merged_and_taken_apart() {
    let (host, known, other) = two_records().await;
    let merge = format!("/api/v1/cis/{known}/merge");
    let body = format!(r#"{{"duplicates": ["{other}"], "reason": "One machine"}}"#);
    let merged = host.fixture.post(&merge, &body).await.ok().json();
    assert_eq!(merged["attributes"]["asset_tag"]["value"], "A-0815");
    assert_eq!(merged["attributes"]["hostname"]["value"], "web-1");
    assert_eq!(merged["attributes"]["hostname"]["proposals"].as_array().unwrap().len(), 2);
    let lost = host.fixture.get(&format!("/api/v1/cis/{other}")).await.ok().json();
    assert_eq!(lost["duplicate_of"], known.as_str());
    let explained = host.fixture.get(&format!("/api/v1/cis/{known}/explain")).await.ok().json();
    assert_eq!(explained["merged"], serde_json::json!([other]));
    assert_eq!(explained["feeds"][0]["feed"], "glpi");
    let body_of = |ci: &str| serde_json::json!({"title": "Slow", "description": "Since noon", "primary_ci": ci}).to_string();
    host.fixture.post("/api/v1/incidents", &body_of(&other)).await.ok();
    assert_eq!(host.fixture.get(&format!("/api/v1/incidents?ci={known}")).await.ok().items().len(), 1, "of what was merged into it");
    let asked = host.fixture.get("/api/v1/cis?query=incident:open").await.ok().items();
    assert!(asked.iter().any(|ci| ci["id"] == known.as_str()), "{asked:#?}");
    assert!(explained["attributes"]["hostname"]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    host.fixture.post(&merge, &body).await.refused("invalid_parameter");
    let apart = host.fixture.post(&format!("/api/v1/cis/{other}/unmerge"), r#"{"reason": "Two"}"#).await.ok().json();
    assert_eq!(apart["duplicate_of"], Value::Null);
    let kept = host.fixture.get(&format!("/api/v1/cis/{known}")).await.ok().json();
    assert_eq!(kept["attributes"]["asset_tag"], Value::Null);
    host.fixture.post(&format!("/api/v1/cis/{other}/unmerge"), r#"{"reason": "Two"}"#).await.refused("wrong_state");
}

#[tokio::test]
async fn a_doubt_is_listed_until_somebody_settles_it() {
    let (host, known, _) = two_records().await;
    let machine = |serial: Option<&str>, hostname: &str| {
        let serial = serial.map(str::to_owned);
        let virtualisation = Some(Virtualisation::Physical);
        let (manufacturer, hostname) = (Some("Dell Inc.".into()), Some(hostname.into()));
        let row = System { manufacturer, serial, hostname, virtualisation, ..System::default() };
        vec![Section::System(vec![row])]
    };
    host.deliver("a", machine(None, "db-a")).await;
    host.deliver_as("ocs", "b", machine(Some("SRVB00017"), "db-b")).await;
    assert!(host.fixture.get("/api/v1/reviews?open=true").await.ok().items().is_empty());
    host.deliver("a", machine(Some("SRVB00017"), "db-a")).await;
    let open = host.fixture.get("/api/v1/reviews?open=true").await.ok().items();
    assert_eq!(open.len(), 1, "{open:#?}");
    let path = format!("/api/v1/reviews/{}", open[0]["id"].as_str().unwrap());
    let cis = open[0]["cis"].as_array().unwrap().clone();
    assert_eq!((cis.len(), &host.fixture.get(&path).await.ok().json()), (2, &open[0]));
    assert_eq!(host.fixture.get(&format!("/api/v1/reviews?ci={}", cis[0].as_str().unwrap())).await.ok().items().len(), 1);
    assert!(host.fixture.get(&format!("/api/v1/reviews?ci={known}")).await.ok().items().is_empty());
    let resolve = format!("{path}/resolve");
    for body in [
        r#"{"resolution": "merged", "reason": "one"}"#.to_owned(),
        r#"{"resolution": "distinct", "keep": "host_00000000000000000000000001", "reason": "two"}"#.to_owned(),
        format!(r#"{{"resolution": "merged", "keep": "{known}", "reason": "one"}}"#),
        r#"{"resolution": "dismissed", "reason": " "}"#.to_owned(),
    ] {
        host.fixture.post(&resolve, &body).await.refused("invalid_parameter");
    }
    let keep = cis[0].as_str().unwrap();
    let body = format!(r#"{{"resolution": "merged", "keep": "{keep}", "reason": "One machine"}}"#);
    let settled = host.fixture.post(&resolve, &body).await.ok().json();
    assert_eq!(
        (&settled["resolution"], &settled["kept"], &settled["settled_by"]["name"]),
        (&"merged".into(), &keep.into(), &"the admin".into())
    );
    let lost = host.fixture.get(&format!("/api/v1/cis/{}", cis[1].as_str().unwrap())).await.ok().json();
    assert_eq!(lost["duplicate_of"], keep);
    assert!(host.fixture.get("/api/v1/reviews?open=true").await.ok().items().is_empty());
    assert_eq!(host.fixture.get("/api/v1/reviews?open=false").await.ok().items().len(), 1);
    host.fixture.post(&resolve, &body).await.refused("wrong_state");
}

#[tokio::test]
async fn lists_that_a_dry_run_leaves_out_are_empty_and_an_empty_system_is_none() {
    let fixture = Fixture::new().await;
    let machine = r#"{"sections": {"system": [{"serial": "SRV00001", "manufacturer": "Dell Inc.", "virtualisation": "physical"}],
        "network_interfaces": [{"name": "eno1", "kind": "ethernet", "mac": "0c:c4:7a:00:00:01"}]}}"#;
    fixture.post("/api/v1/identify", machine).await.ok();
    let refused = fixture.post("/api/v1/identify", r#"{"sections": {"system": []}}"#).await;
    assert_eq!(refused.json()["field"], "sections.system");
    refused.refused("invalid_parameter");
}
