//! Feeds, and what they deliver, as people see it.

use super::*;
use crate::engine::{DeliveredSection, Delivery};
use rollcall_shared::section::{Package, System, User};
use rollcall_shared::{Outcome, Section};

async fn deliver(fixture: &Fixture, feed: &str, sections: Vec<Section>) {
    let delivered = |section| DeliveredSection { section, outcome: Outcome::Complete, reason: None };
    let sections = sections.into_iter().map(delivered).collect();
    let delivery = Delivery { feed: feed.into(), key: "srv1-2026-11-25-10-00-00".into(), former: None, collected_at: None, sections };
    fixture.engine.deliver(delivery, None).await.unwrap();
}

fn system(name: &str) -> Section {
    let (serial, manufacturer) = (Some("640HP72".into()), Some("Dell Inc.".into()));
    Section::System(vec![System { hostname: Some(name.into()), serial, manufacturer, ..System::default() }])
}

async fn host(fixture: &Fixture) -> String {
    fixture.get("/api/v1/cis?class=host").await.ok().items()[0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_feed_is_made_shown_without_its_secret_and_withdrawn() {
    let fixture = Fixture::new().await;
    let made = fixture.post("/api/v1/feeds", r#"{"name": "branch", "kind": "ocs", "networks": ["10.7.0.0/16"], "ttl_seconds": 60}"#).await;
    assert_eq!((made.status, made.header("location")), (StatusCode::CREATED, "/api/v1/feeds/branch"));
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("rcf_") && secret.len() == 47, "{secret}");
    fixture.post("/api/v1/feeds", r#"{"name": "branch", "kind": "ocs"}"#).await.refused("conflict");
    let list = fixture.get("/api/v1/feeds").await.ok();
    assert_eq!((list.items().len(), &list.items()[0]["kind"], &list.items()[0]["networks"][0]), (1, &"ocs".into(), &"10.7.0.0/16".into()));
    for path in ["/api/v1/feeds", "/api/v1/audit", "/api/v1/events"] {
        let text = fixture.get_as(path, "application/json").await.ok().text();
        assert!(!text.contains(&secret) && !text.contains(&token::hash_of(&secret)) && !text.contains("hash"), "{path}: {text}");
    }
    fixture.put("DELETE", "/api/v1/feeds/branch", &[], "").await.ok();
    assert_eq!(fixture.get("/api/v1/feeds").await.ok().items()[0]["revoked"], true);
    fixture.put("DELETE", "/api/v1/feeds/nobody", &[], "").await.refused("not_found");
    fixture.post("/api/v1/feeds", r#"{"name": "branch", "kind": "glpi"}"#).await.ok();
}

#[tokio::test]
async fn a_feed_that_makes_no_sense_is_refused_by_the_field() {
    let fixture = Fixture::new().await;
    for (body, field) in [
        (r#"{"name": "Branch", "kind": "ocs"}"#, "name"),
        (r#"{"name": "a:b", "kind": "ocs"}"#, "name"),
        (r#"{"name": "b", "kind": "ocs", "networks": ["10.7.0.0/16", "ten"]}"#, "networks[1]"),
        (r#"{"name": "b", "kind": "ocs", "ttl_seconds": 0}"#, "ttl"),
    ] {
        let reply = fixture.post("/api/v1/feeds", body).await;
        reply.refused("invalid_parameter");
        assert_eq!(reply.json()["field"], field);
    }
    fixture.post("/api/v1/feeds", r#"{"name": "b", "kind": "lansweeper"}"#).await.refused("invalid_parameter");
}

#[tokio::test]
async fn what_feeds_deliver_is_seen_with_its_source() {
    let fixture = Fixture::new().await;
    deliver(&fixture, "a", vec![system("srv1"), Section::Users(vec![User { name: "root".into(), ..User::default() }])]).await;
    deliver(&fixture, "b", vec![system("srv1.example")]).await;
    let host = host(&fixture).await;
    let sections = fixture.get(&format!("/api/v1/cis/{host}/sections")).await.ok().items();
    let seen: Vec<(&str, &str)> = sections.iter().map(|row| (row["name"].as_str().unwrap(), row["feed"].as_str().unwrap())).collect();
    assert_eq!(seen, [("system", "a"), ("users", "a")]);
    let rows = |query: &str| format!("/api/v1/cis/{host}/sections/system{query}");
    assert_eq!(fixture.get(&rows("")).await.ok().items()[0]["hostname"], "srv1");
    assert_eq!(fixture.get(&rows("?feed=b")).await.ok().items()[0]["hostname"], "srv1.example");
    fixture.get(&rows("?feed=c")).await.refused("not_found");
    let ci = fixture.get(&format!("/api/v1/cis/{host}")).await.ok().json();
    assert_eq!(ci["attributes"]["hostname"]["proposals"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_inventory_is_exported_for_glpi() {
    let fixture = Fixture::new().await;
    let package = |name: &str| Package { name: name.into(), version: "1".into(), manager: "dpkg".into(), ..Package::default() };
    deliver(&fixture, "a", vec![system("srv1"), Section::Packages(vec![package("curl")])]).await;
    let path = format!("/api/v1/cis/{}/inventory", host(&fixture).await);
    let inventory = fixture.get(&format!("{path}?format=glpi")).await.ok().json();
    assert_eq!(inventory["deviceid"], "srv1-2026-11-25-10-00-00");
    assert_eq!(inventory["content"]["bios"], serde_json::json!({"smanufacturer": "Dell Inc.", "ssn": "640HP72"}));
    assert_eq!(inventory["content"]["softwares"], serde_json::json!([{"from": "deb", "name": "curl", "version": "1"}]));
    fixture.get(&path).await.refused("invalid_parameter");
    fixture.get(&format!("{path}?format=itop")).await.refused("invalid_parameter");
    let product = fixture.get("/api/v1/cis?class=software_product").await.ok().items()[0]["id"].as_str().unwrap().to_owned();
    fixture.get(&format!("/api/v1/cis/{product}/inventory?format=glpi")).await.refused("not_found");
}

/// An alert of another system, told by the feed `am`.
async fn external(fixture: &Fixture, fingerprint: &str, name: &str) {
    use rollcall_domain::alert::decide::AlertCommand;
    use rollcall_domain::alert::external::ExternalReport;
    use rollcall_domain::alert::external::report::Raw;
    let labels = [("alertname", name), ("severity", "critical")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let raw = Raw { status: "firing".into(), labels, fingerprint: Some(fingerprint.into()), ..Raw::default() };
    let reports = vec![ExternalReport::new(raw).unwrap()];
    run(&fixture.engine, Command::Alert(AlertCommand::Receive { source: "am".into(), reports })).await;
}

#[tokio::test]
async fn an_alert_of_another_system_is_silenced_by_its_labels_and_somebody_looks_after_it() {
    let fixture = Fixture::new().await;
    let silence =
        r#"{"reason": "Known", "external": {"sources": ["am"], "labels": {"alertname": "Noise"}}, "expires_at": "2026-12-24T00:00:00Z"}"#;
    let made = fixture.post("/api/v1/silences", silence).await.ok().json();
    assert_eq!(made["external"]["labels"]["alertname"], "Noise");
    external(&fixture, "f1", "Noise").await;
    external(&fixture, "f2", "Down").await;
    let muted = fixture.get("/api/v1/external_alerts?suppressed=true").await.ok().items();
    assert_eq!((muted.len(), &muted[0]["incident"], &muted[0]["tier"]), (1, &Value::Null, &"page".into()));
    assert!(muted[0]["suppressed"]["silence"].as_str().unwrap().starts_with("Known"), "{muted:?}");
    let told = fixture.get("/api/v1/external_alerts?suppressed=false").await.ok().items();
    assert!(told[0]["incident"].is_string(), "{told:?}");
    let place = format!("/api/v1/external_alerts/{}", told[0]["id"].as_str().unwrap());
    let seen = fixture.post(&format!("{place}/acknowledge"), "{}").await.ok().json();
    assert_eq!(seen["acknowledged"]["by"], fixture.get(&place).await.ok().json()["acknowledged"]["by"]);
    assert!(seen["acknowledged"]["by"].is_string(), "{seen}");
    assert_eq!(fixture.post(&format!("{place}/unacknowledge"), "").await.ok().json()["acknowledged"], Value::Null);
    fixture.get("/api/v1/external_alerts/alert_00000000000000000000000000").await.refused("not_found");
    for wrong in [r#"{"labels": {}}"#, r#"{"labels": {"a": 1}}"#, r#"{"name": "x"}"#] {
        let silence = format!(r#"{{"reason": "x", "external": {wrong}, "expires_at": "2026-12-24T00:00:00Z"}}"#);
        assert_eq!(fixture.post("/api/v1/silences", &silence).await.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}
