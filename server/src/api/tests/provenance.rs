//! Whose value counts, seen through the API: locks, drift, sources, what is parked, and the policy.

use super::inventory::{Host, os, system};
use super::*;
use rollcall_domain::ci::CiCommand;
use rollcall_shared::message::{Report, SectionEntry, root_hash};
use rollcall_shared::{Outcome, Section};
use serde_json::json;

/// Lets the clock go on and the engine take note of it.
async fn wait(fixture: &Fixture, by: Duration) {
    fixture.clock.advance(by);
    // The first command wakes the writer, which then ticks; the second one comes after that.
    for _ in 0..2 {
        fixture.put("PATCH", "/api/v1/cis/host_00000000000000000000000001", &[], r#"{"attributes": {}}"#).await.refused("not_found");
    }
}

/// A feed delivers these sections of the machine that it calls `key`.
async fn deliver(fixture: &Fixture, key: &str, sections: Vec<Section>) {
    let mut entries = Vec::new();
    for section in sections {
        let name = section.name();
        let (hash, bytes) = section.canonical().unwrap();
        let upload = rollcall_shared::message::Upload { sections: vec![rollcall_shared::message::Content(bytes)] };
        fixture.engine.upload(rollcall_shared::AgentId(7), upload).await.unwrap();
        entries.push(SectionEntry { name, outcome: Outcome::Complete, hash: Some(hash), reason: None, duration_us: 0, bytes_read: 0 });
    }
    entries.sort_by_key(|entry| entry.name);
    let report = Report { collected_at: fixture.engine.now(), root: root_hash(&entries), sections: entries };
    run(&fixture.engine, Command::Ci(CiCommand::Deliver { feed: "glpi".into(), key: key.into(), former: None, report: Box::new(report) }))
        .await;
}

fn named(model: &str) -> Section {
    let Section::System(mut rows) = system() else { unreachable!() };
    rows[0].product = Some(model.into());
    Section::System(rows)
}

#[tokio::test]
async fn a_lock_is_seen_with_its_reason_and_ends_by_itself_or_by_a_person() {
    let host = Host::reported().await;
    let path = format!("{}/locks/model", host.path());
    let body = json!({"value": "R640 (leased)", "reason": "audit", "expires_at": "2026-11-22T00:00:00Z"}).to_string();
    let locked = host.fixture.send(host.fixture.ask(Role::AssetManager, "PUT", &path, &[], Some(&body))).await.ok();
    let model = &locked.json()["attributes"]["model"];
    assert_eq!((&model["value"], &model["lock"]["reason"], &model["drift"]), (&"R640 (leased)".into(), &"audit".into(), &true.into()));
    assert_eq!(model["reason"], "person:the asset_manager locked it until 2026-11-22T00:00:00.000Z: audit");
    assert_eq!(model["proposals"][0]["method"], "section system");
    host.fixture.put("PUT", &path, &[("if-match", "\"1\"")], &body).await.refused("stale");
    for (body, field) in [
        (json!({"reason": "x", "expires_at": "tomorrow"}), "expires_at"),
        (json!({"reason": "x", "expires_at": "2026-11-20T00:00:00Z"}), "expires_at"),
        (json!({"reason": " ", "expires_at": "2026-11-23T00:00:00Z"}), "reason"),
        (json!({"value": [], "reason": "x", "expires_at": "2026-11-23T00:00:00Z"}), "value"),
    ] {
        let reply = host.fixture.put("PUT", &path, &[], &body.to_string()).await;
        reply.refused("invalid_parameter");
        assert_eq!(reply.json()["field"], field);
    }
    wait(&host.fixture, DAY - Duration::from_secs(1)).await;
    let model = &host.get("").await.ok().json()["attributes"]["model"];
    assert_eq!((&model["value"], &model["lock"]), (&"PowerEdge R640".into(), &Value::Null));
    let history = host.get("/history").await.ok().items();
    assert_eq!((&history[0]["type"], &history[0]["event"]["cause"]), (&"attribute_unlocked".into(), &"expired".into()));
    assert_eq!(history[1]["type"], "attribute_locked");
    host.fixture.put("DELETE", &path, &[], "").await.refused("not_found");
}

#[tokio::test]
async fn drift_is_listed_and_what_is_observed_accepted() {
    let host = Host::reported().await;
    let path = host.path();
    host.fixture.put("PATCH", &path, &[], r#"{"attributes": {"model": "R640xs", "os_id": "ubuntu", "owner": "web"}}"#).await.ok();
    let drift = host.fixture.get("/api/v1/drift").await.ok().items();
    let told: Vec<_> = drift
        .iter()
        .map(|row| {
            (row["attribute"].as_str().unwrap(), row["asserted"]["value"].as_str().unwrap(), row["observed"]["value"].as_str().unwrap())
        })
        .collect();
    assert_eq!(told, [("model", "R640xs", "PowerEdge R640"), ("os_id", "ubuntu", "debian")]);
    assert_eq!((&drift[0]["asserted"]["source"]["name"], &drift[0]["observed"]["source"]["kind"]), (&"the admin".into(), &"agent".into()));
    assert_eq!(drift[0]["asserted"]["at"], "2026-11-21T04:31:00.000Z");
    let page = host.fixture.get("/api/v1/drift?limit=1").await.ok().json();
    let next = host.fixture.get(&format!("/api/v1/drift?limit=1&cursor={}", page["next_cursor"].as_str().unwrap())).await.ok().items();
    assert_eq!(next[0]["attribute"], "os_id");
    assert_eq!(host.fixture.get("/api/v1/drift?attribute=os_id&class=host").await.ok().items().len(), 1);
    assert!(host.fixture.get("/api/v1/drift?class=printer").await.ok().items().is_empty());
    let accepted = host.fixture.post(&format!("{path}/drift/model/accept"), "").await.ok().json();
    assert_eq!(
        (&accepted["attributes"]["model"]["value"], &accepted["attributes"]["model"]["drift"]),
        (&"PowerEdge R640".into(), &false.into())
    );
    host.fixture.post(&format!("{path}/drift/model/accept"), "").await.refused("wrong_state");
    host.fixture.post(&format!("{path}/drift/colour/accept"), "").await.refused("not_found");
}

#[tokio::test]
async fn sources_are_counted_and_one_is_taken_back_as_a_whole() {
    let host = Host::reported().await;
    let fixture = &host.fixture;
    fixture.put("PUT", "/api/v1/policy", &[], &json!({"reconciliation": {"sources": ["feed", "agent"]}}).to_string()).await.ok();
    deliver(fixture, "k1", vec![named("R640 by hand")]).await;
    let sources = fixture.get("/api/v1/sources").await.ok().items();
    let ids: Vec<_> = sources.iter().map(|source| source["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["agent_00000000000000000000000007", "feed:glpi"]);
    assert_eq!(
        (&sources[1]["cis"], &sources[1]["insert"], &sources[1]["last_seen"]),
        (&1.into(), &"allow".into(), &"2026-11-21T04:31:00.000Z".into())
    );
    assert_eq!(host.get("").await.ok().json()["attributes"]["model"]["value"], "R640 by hand");
    let before = fixture.engine.read(|world| world.revision);
    let dry = fixture.post("/api/v1/sources/feed:glpi/revert", r#"{"reason": "test data", "dry_run": true}"#).await.ok().json();
    assert_eq!((&dry["changed"], &dry["lost"], &dry["sample"][0]["after"]), (&1.into(), &0.into(), &"PowerEdge R640".into()));
    assert_eq!(fixture.engine.read(|world| world.revision), before);
    fixture.post("/api/v1/sources/feed:glpi/revert", "{}").await.refused("invalid_parameter");
    let once = [("idempotency-key", "k")];
    for _ in 0..2 {
        fixture.put("POST", "/api/v1/sources/feed:glpi/revert", &once, r#"{"reason": "test data"}"#).await.ok();
        wait(fixture, Duration::from_secs(2)).await;
    }
    assert_eq!(host.get("").await.ok().json()["attributes"]["model"]["value"], "PowerEdge R640");
    for path in ["/api/v1/sources/feed:glpi", "/api/v1/sources/nobody", "/api/v1/sources/person:"] {
        fixture.get(path).await.refused("not_found");
    }
    fixture.post("/api/v1/sources/feed:glpi/revert", r#"{"reason": "again"}"#).await.refused("not_found");
    let audit = fixture.get("/api/v1/audit").await.ok().text();
    assert!(audit.contains("revert_started") && audit.contains("test data"), "{audit}");
    assert_eq!(host.get("/history").await.ok().items()[0]["type"], "source_reverted");
}

#[tokio::test]
async fn what_may_not_be_inserted_is_listed_until_it_is_discarded() {
    let host = Host::reported().await;
    let fixture = &host.fixture;
    let policy = json!({"reconciliation": {"insert": [{"source": "feed:glpi", "class": "host", "right": "park"}]}}).to_string();
    fixture.put("PUT", "/api/v1/policy", &[], &policy).await.ok();
    let Section::System(mut rows) = system() else { unreachable!() };
    (rows[0].serial, rows[0].uuid, rows[0].hostname) = (Some("NEW0001".into()), None, Some("new-1".into()));
    deliver(fixture, "k9", vec![Section::System(rows), os()]).await;
    let parked = fixture.get("/api/v1/parked").await.ok().items();
    assert_eq!((&parked[0]["name"], &parked[0]["key"], &parked[0]["class"]), (&"new-1".into(), &"k9".into(), &"server".into()));
    assert_eq!(parked[0]["reason"], "feed:glpi may not insert a server; it waits for a source that may");
    assert_eq!((&parked[0]["expires_at"], &parked[0]["sections"]), (&"2027-02-19T04:31:00.000Z".into(), &json!(["system", "os"])));
    let source = fixture.get("/api/v1/sources/agent_00000000000000000000000007").await.ok().json();
    assert_eq!(source["insert"], "allow");
    let path = format!("/api/v1/parked/{}", parked[0]["id"].as_str().unwrap());
    assert_eq!(fixture.put("DELETE", &path, &[], "").await.ok().status, StatusCode::NO_CONTENT);
    fixture.put("DELETE", &path, &[], "").await.refused("not_found");
    assert!(fixture.get("/api/v1/parked").await.ok().items().is_empty());
}

#[tokio::test]
async fn a_policy_is_replaced_as_a_whole_by_who_saw_it_and_errors_name_the_path() {
    let fixture = Fixture::new().await;
    let first = fixture.get("/api/v1/policy").await.ok();
    assert_eq!((first.header("etag"), &first.json()["set_at"]), ("\"0\"", &Value::Null));
    let rules = json!({
        "attributes": [{"attribute": "owner", "class": "server", "sources": ["feed:cmdb", "person:ada", "feed:import:*"]}],
        "classes": [{"class": "host", "sources": ["agent_00000000000000000000000007", "agent"]}],
        "sources": ["person", "feed"],
        "refresh": [{"source": "agent", "seconds": 86_400}, {"class": "printer", "seconds": 604_800}],
        "insert": [{"source": "feed", "right": "refuse"}],
    });
    let body = json!({"reconciliation": rules}).to_string();
    let set = fixture.put("PUT", "/api/v1/policy", &[("if-match", "\"0\"")], &body).await.ok();
    assert_eq!((&set.json()["reconciliation"], &set.json()["set_at"]), (&rules, &"2026-11-21T04:31:00.000Z".into()));
    fixture.put("PUT", "/api/v1/policy", &[("if-match", "\"0\"")], "{}").await.refused("stale");
    let same = fixture.put("PUT", "/api/v1/policy", &[("if-match", set.header("etag"))], &body).await.ok();
    assert_eq!(same.header("etag"), set.header("etag"));
    for (rules, field) in [
        (json!({"attributes": [{"attribute": "owner", "sources": ["agent", "robots"]}]}), "reconciliation.attributes[0].sources[1]"),
        (json!({"refresh": [{"source": "feed:", "seconds": 400}]}), "reconciliation.refresh[0].source"),
        (json!({"refresh": [{"seconds": 1}]}), "reconciliation.refresh[0].seconds"),
        (json!({"classes": [{"class": "host", "sources": []}]}), "reconciliation.classes[0].sources"),
    ] {
        let reply = fixture.put("PUT", "/api/v1/policy", &[], &json!({"reconciliation": rules}).to_string()).await;
        reply.refused("invalid_parameter");
        assert_eq!(reply.json()["field"], field);
    }
    for body in [
        r#"{"colour": {}}"#,
        r#"{"reconciliation": {"colour": 1}}"#,
        r#"{"reconciliation": {"insert": [{"right": "allow", "colour": 1}]}}"#,
    ] {
        fixture.put("PUT", "/api/v1/policy", &[], body).await.refused("unknown_parameter");
    }
    let audit = fixture.get("/api/v1/audit").await.ok().text();
    assert!(audit.contains("policy_set"), "{audit}");
    fixture.put("PUT", "/api/v1/policy", &[], "{}").await.ok();
    assert_eq!(fixture.get("/api/v1/policy").await.ok().json()["reconciliation"]["sources"], json!([]));
}
