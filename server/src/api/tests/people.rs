//! What people record and look after themselves.

use super::*;
use serde_json::json;

impl Fixture {
    /// Makes something as an asset manager; its id.
    async fn make(&self, path: &str, body: Value) -> String {
        let made = self.send(self.ask(Role::AssetManager, "POST", path, &[], Some(&body.to_string()))).await.ok();
        assert_eq!(made.status, StatusCode::CREATED);
        made.json()["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn people_record_what_no_machine_reports_once() {
    let fixture = Fixture::new().await;
    let body =
        json!({"class": "server", "name": "web-7", "attributes": {"serial": "7XK2M13", "manufacturer": "Dell Inc."}, "tags": ["env=live"]})
            .to_string();
    let once = [("idempotency-key", "k")];
    let made = fixture.put("POST", "/api/v1/cis", &once, &body).await.ok();
    assert_eq!(made.status, StatusCode::CREATED);
    let ci = made.json();
    assert_eq!((&ci["status"], &ci["tags"]), (&"planned".into(), &json!(["env=live"])));
    assert_eq!(ci["attributes"]["hostname"]["value"], "web-7");
    assert_eq!(made.header("etag"), format!("\"{}\"", ci["revision"]));
    let again = fixture.put("POST", "/api/v1/cis", &once, &body).await.ok();
    assert_eq!((again.json()["id"].clone(), again.header("location")), (ci["id"].clone(), made.header("location")));
    for (body, code, field) in [
        (json!({"class": "software_product", "name": "x"}), "invalid_parameter", "class"),
        (json!({"class": "network", "name": "x", "attributes": {"prefix": "192.0.2.1/24"}}), "invalid_parameter", "attributes.prefix"),
        (json!({"class": "server", "name": "x", "attributes": {"serial": "0"}}), "invalid_parameter", "attributes.serial"),
        (json!({"class": "cluster", "name": "x", "tags": ["Two Words"]}), "invalid_parameter", "add"),
        (json!({"class": "cluster", "name": "x", "colour": 1}), "unknown_parameter", "colour"),
        (json!({"class": "cluster", "name": "x", "parent": "fridge"}), "invalid_parameter", "parent"),
    ] {
        let refused = fixture.post("/api/v1/cis", &body.to_string()).await;
        refused.refused(code);
        assert_eq!(refused.json()["field"], field, "{body}");
    }
}

#[tokio::test]
async fn people_rename_and_move_what_is_theirs() {
    let fixture = Fixture::new().await;
    let city = fixture.make("/api/v1/cis", json!({"class": "location", "name": "Berlin"})).await;
    let rack = fixture.make("/api/v1/cis", json!({"class": "location", "name": "Rack 7", "parent": city})).await;
    let path = format!("/api/v1/cis/{rack}");
    let renamed = fixture.put("PATCH", &path, &[], r#"{"name": "Rack 8"}"#).await.ok();
    assert_eq!(renamed.json()["name"], "Rack 8");
    let seen = renamed.header("etag").to_owned();
    fixture.put("PATCH", &path, &[("if-match", &seen)], r#"{"parent": null}"#).await.ok();
    fixture.put("PATCH", &path, &[("if-match", &seen)], r#"{"name": "Rack 9"}"#).await.refused("stale");
    fixture.put("PATCH", &path, &[], r#"{"name": "x", "parent": null}"#).await.refused("invalid_parameter");
    fixture.put("PATCH", &format!("/api/v1/cis/{city}"), &[], &format!(r#"{{"parent": "{city}"}}"#)).await.refused("invalid_parameter");
    fixture.put("PATCH", &path, &[], &format!(r#"{{"parent": "{city}"}}"#)).await.ok();
    let locations = fixture.get("/api/v1/locations?q=rack").await.ok().items();
    assert_eq!((&locations[0]["path"], locations.len()), (&"Berlin/Rack 8".into(), 1));
    assert_eq!(fixture.get(&format!("/api/v1/locations?parent={city}")).await.ok().items().len(), 1);
    let history = fixture.get(&format!("{path}/history")).await.ok().items();
    assert!(history.iter().any(|record| record["type"] == "ci_renamed" && record["event"]["before"] == "Rack 7"));
}

#[tokio::test]
async fn relations_are_asserted_listed_and_taken_back() {
    let fixture = Fixture::new().await;
    let service =
        json!({"class": "business_service", "name": "Shop", "attributes": {"criticality": "mission_critical", "owner": "Web team"}});
    let shop = fixture.make("/api/v1/cis", service).await;
    let web = fixture.make("/api/v1/cis", json!({"class": "web_server", "name": "nginx on web-1"})).await;
    let host = fixture.make("/api/v1/cis", json!({"class": "server", "name": "web-1"})).await;
    let relate = |from: &str, kind: &str, to: &str| json!({"from": from, "kind": kind, "to": to}).to_string();
    let made = fixture.post("/api/v1/relations", &relate(&shop, "depends_on", &web)).await.ok();
    assert_eq!((made.status, &made.json()["source"]["kind"]), (StatusCode::CREATED, &"person".into()));
    fixture.post("/api/v1/relations", &relate(&web, "runs_on", &host)).await.ok();
    fixture.post("/api/v1/relations", &relate(&web, "runs_on", &host)).await.ok();
    for (from, kind, to, code) in [
        (&shop, "depends_on", &shop, "invalid_parameter"),
        (&host, "runs_on", &shop, "invalid_parameter"),
        (&shop, "eats", &host, "invalid_parameter"),
        (&shop, "depends_on", &"fridge".to_owned(), "invalid_parameter"),
        (&shop, "depends_on", &"host_00000000000000000000000009".to_owned(), "invalid_parameter"),
    ] {
        fixture.post("/api/v1/relations", &relate(from, kind, to)).await.refused(code);
    }
    let services = fixture.get("/api/v1/services?criticality=mission_critical").await.ok().items();
    assert_eq!((&services[0]["owner"], &services[0]["depends_on"], &services[0]["beneath"]), (&"Web team".into(), &1.into(), &2.into()));
    assert!(fixture.get("/api/v1/services?criticality=low").await.ok().items().is_empty());
    let name = format!("/api/v1/relations?from={shop}&kind=depends_on&to={web}");
    assert_eq!(fixture.put("DELETE", &name, &[], "").await.ok().status, StatusCode::NO_CONTENT);
    fixture.put("DELETE", &name, &[], "").await.refused("not_found");
    fixture.put("DELETE", "/api/v1/relations", &[], "").await.refused("invalid_parameter");
    assert!(fixture.get(&format!("/api/v1/cis/{shop}/relations")).await.ok().items().is_empty());
}

#[tokio::test]
async fn tags_come_and_go_on_one_and_on_many() {
    let fixture = Fixture::new().await;
    let one = fixture.make("/api/v1/cis", json!({"class": "cluster", "name": "a"})).await;
    let two = fixture.make("/api/v1/cis", json!({"class": "cluster", "name": "b"})).await;
    fixture.post(&format!("/api/v1/cis/{one}/tags"), r#"{"add": ["prod", "site=berlin"]}"#).await.ok();
    let many = |ids: &[&str]| json!({"cis": ids, "add": ["prod"], "remove": ["site=berlin"]}).to_string();
    let changed = fixture.post("/api/v1/tags", &many(&[&one, &two])).await.ok().json();
    assert_eq!(changed, json!({"cis": 2, "changed": 2}));
    assert_eq!(fixture.get("/api/v1/tags").await.ok().items(), [json!({"tag": "prod", "cis": 2})]);
    fixture.post("/api/v1/tags", &many(&[&one, "ci_00000000000000000000000009"])).await.refused("invalid_parameter");
    fixture.post("/api/v1/tags", &many(&[])).await.refused("invalid_parameter");
    fixture.post(&format!("/api/v1/cis/{one}/tags"), r#"{"add": ["PROD"]}"#).await.refused("invalid_parameter");
}

#[tokio::test]
async fn attributes_have_types_that_are_held() {
    let fixture = Fixture::new().await;
    let cluster = fixture.make("/api/v1/cis", json!({"class": "cluster", "name": "k8s"})).await;
    let body = json!({"name": "tier", "label": "Tier", "type": "enumeration", "values": ["gold", "silver"]}).to_string();
    let made = fixture.post("/api/v1/attributes", &body).await.ok();
    assert_eq!((made.status, made.header("location")), (StatusCode::CREATED, "/api/v1/attributes/tier"));
    fixture.post("/api/v1/attributes", &body).await.refused("conflict");
    fixture.post("/api/v1/attributes", &body.replace("tier", "serial")).await.refused("conflict");
    fixture.post("/api/v1/attributes", r#"{"name": "x", "type": "enumeration"}"#).await.refused("invalid_parameter");
    let ci = format!("/api/v1/cis/{cluster}");
    let refused = fixture.put("PATCH", &ci, &[], r#"{"attributes": {"tier": "tin"}}"#).await;
    refused.refused("invalid_parameter");
    assert_eq!(refused.json()["detail"], "attributes.tier: must be one of: gold, silver");
    fixture.put("PATCH", &ci, &[], r#"{"attributes": {"tier": "gold"}}"#).await.ok();
    let path = "/api/v1/attributes/tier";
    fixture.put("PATCH", path, &[], r#"{"values": ["silver"]}"#).await.refused("invalid_parameter");
    let tag = made.header("etag").to_owned();
    fixture.put("PATCH", path, &[("if-match", &tag)], r#"{"label": "Level"}"#).await.ok();
    fixture.put("PATCH", path, &[("if-match", &tag)], r#"{"label": "Rank"}"#).await.refused("stale");
    fixture.put("PATCH", "/api/v1/attributes/serial", &[], r#"{"label": "x"}"#).await.refused("conflict");
    fixture.put("DELETE", "/api/v1/attributes/serial", &[], "").await.refused("conflict");
    let listed = fixture.get("/api/v1/attributes?built_in=false").await.ok().items();
    assert_eq!((listed.len(), &listed[0]["label"], &listed[0]["values"]), (1, &"Level".into(), &json!(["gold", "silver"])));
    let of_hosts = fixture.get("/api/v1/attributes?class=host&limit=1000").await.ok().items();
    assert!(of_hosts.iter().any(|one| one["name"] == "kernel" && one["measured"] == true));
    assert!(!of_hosts.iter().any(|one| one["name"] == "wwn"));
    fixture.put("DELETE", path, &[], "").await.ok();
    fixture.get(path).await.refused("not_found");
    fixture.put("PATCH", &ci, &[], r#"{"attributes": {"tier": "tin"}}"#).await.ok();
}

#[tokio::test]
async fn groups_have_owners_and_members() {
    let fixture = Fixture::new().await;
    let host = fixture.make("/api/v1/cis", json!({"class": "server", "name": "web-1"})).await;
    let team = fixture.make("/api/v1/contacts", json!({"name": "Web team", "kind": "team", "mail": "web@example.org"})).await;
    fixture.post("/api/v1/contacts", r#"{"name": "web TEAM", "kind": "person"}"#).await.refused("conflict");
    assert_eq!(fixture.get(&format!("/api/v1/contacts/{team}")).await.ok().json()["name"], "Web team");
    let group = fixture.make("/api/v1/groups", json!({"name": "Web", "owner": "web team", "support_group": true, "members": [host]})).await;
    let path = format!("/api/v1/groups/{group}");
    let seen = fixture.get(&path).await.ok();
    assert_eq!((&seen.json()["owner"], &seen.json()["members"]), (&team.into(), &1.into()));
    assert_eq!(fixture.get(&format!("{path}/members")).await.ok().items()[0]["id"], host);
    let tag = seen.header("etag").to_owned();
    fixture.put("PUT", &path, &[("if-match", &tag)], r#"{"name": "Front end"}"#).await.ok();
    fixture.put("PUT", &path, &[("if-match", &tag)], r#"{"name": "Back end"}"#).await.refused("stale");
    let refused = fixture.post("/api/v1/groups", r#"{"name": "By query", "query": "class:fridge"}"#).await;
    refused.refused("invalid_parameter");
    assert_eq!((&refused.json()["field"], &refused.json()["position"]), (&"query".into(), &6.into()));
    let by_query = fixture.make("/api/v1/groups", json!({"name": "By query", "query": "class:host"})).await;
    assert_eq!(fixture.get(&format!("/api/v1/groups/{by_query}/members")).await.ok().items()[0]["id"], host);
    let found = fixture.get("/api/v1/cis?query=group:%22By%20query%22").await.ok().items();
    assert_eq!((found.len(), &found[0]["id"]), (1, &host.as_str().into()));
    let now = fixture.post(&format!("{path}/members"), &json!({"remove": [host]}).to_string()).await.ok().json();
    assert_eq!(now["members"], 0);
    fixture.put("DELETE", &path, &[], "").await.ok();
    fixture.get(&path).await.refused("not_found");
}
