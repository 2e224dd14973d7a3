//! What is particular to each resource.

use super::*;

const OPEN: &str =
    r#"{"title": "Printer on fire", "description": "Third floor", "impact": "high", "urgency": "high", "group": "facilities"}"#;

#[tokio::test]
async fn an_incident_lives_through_its_states() {
    let fixture = Fixture::new().await;
    let made = fixture.post("/api/v1/incidents", OPEN).await.ok();
    let incident = made.json();
    assert_eq!((&incident["number"], &incident["priority"], &incident["channel"]), (&"INC0000001".into(), &1.into(), &"api".into()));
    let path = made.header("location").to_owned();
    for (action, body, state) in [
        ("assign", r#"{"assignee": "ada"}"#, Some("assigned")),
        ("acknowledge", "", Some("in_progress")),
        ("notes", r#"{"text": "<b>smoke</b>", "public": true}"#, None),
        ("hold", r#"{"reason": "parts", "note": "ordered"}"#, Some("on_hold")),
        ("resume", "", Some("in_progress")),
        ("resolve", r#"{"close_code": "fixed", "notes": "water"}"#, Some("resolved")),
        ("reopen", r#"{"reason": "still warm"}"#, Some("in_progress")),
        ("resolve", r#"{"close_code": "fixed", "notes": "more water"}"#, Some("resolved")),
        ("close", r#"{"notes": "cold"}"#, Some("closed")),
    ] {
        let now = fixture.post(&format!("{path}/{action}"), body).await.ok().json();
        assert!(state.is_none_or(|state| now["state"] == state), "{action}: {now}");
    }
    fixture.post(&format!("{path}/hold"), r#"{"reason": "parts"}"#).await.refused("wrong_state");
    let incident = fixture.get(&path).await.ok().json();
    assert_eq!(incident["acknowledged"]["by"]["name"], "the admin");
    assert_eq!(incident["reopen_count"], 1);
    assert!(incident["notes"].as_array().unwrap().iter().any(|note| note["text"] == "<b>smoke</b>" && note["public"] == true));
}

#[tokio::test]
async fn incidents_are_listed_newest_first_and_filtered() {
    let fixture = Fixture::new().await;
    for title in ["one", "two", "three"] {
        fixture.post("/api/v1/incidents", &OPEN.replace("Printer on fire", title)).await.ok();
    }
    let all = fixture.get("/api/v1/incidents").await.ok().items();
    assert_eq!(all.iter().map(|incident| incident["title"].as_str().unwrap()).collect::<Vec<_>>(), ["three", "two", "one"]);
    let id = all[0]["id"].as_str().unwrap();
    fixture.post(&format!("/api/v1/incidents/{id}/cancel"), r#"{"reason": "a drill"}"#).await.ok();
    for (query, expected) in [
        ("open=true", 2),
        ("open=false", 1),
        ("state=cancelled", 1),
        ("q=TW", 1),
        ("priority=1", 3),
        ("priority=2", 0),
        ("group=facilities&q=one", 1),
    ] {
        assert_eq!(fixture.get(&format!("/api/v1/incidents?{query}")).await.ok().items().len(), expected, "{query}");
    }
    for query in ["open=maybe", "state=lost", "ci=fridge", "priority=x"] {
        fixture.get(&format!("/api/v1/incidents?{query}")).await.refused("invalid_parameter");
    }
}

#[tokio::test]
async fn a_rule_is_made_replaced_and_switched() {
    let fixture = Fixture::new().await;
    let rule = serde_json::json!({
        "id": "too_warm", "title": "Too warm", "description": "Open a window.", "enabled": true, "tier": "ticket",
        "condition": {"kind": "threshold", "metric": "hw.temperature", "reduce": "avg", "window_ms": 60_000, "side": "above"},
        "levels": {"warning": {"raise": 70.0, "clear": 60.0}}, "impact": "low", "auto_resolve": true
    });
    let made = fixture.post("/api/v1/rules", &rule.to_string()).await;
    assert_eq!((made.status, made.header("location")), (StatusCode::CREATED, "/api/v1/rules/too_warm"), "{}", made.text());
    let tag = made.header("etag").to_owned();
    fixture.post("/api/v1/rules", &rule.to_string()).await.refused("conflict");
    let mut changed = rule.clone();
    changed["levels"]["warning"]["raise"] = 75.0.into();
    let path = "/api/v1/rules/too_warm";
    let now = fixture.put("PUT", path, &[("if-match", &tag)], &changed.to_string()).await.ok();
    assert_eq!(now.json()["levels"]["warning"]["raise"], 75.0);
    fixture.put("PUT", path, &[("if-match", &tag)], &changed.to_string()).await.refused("stale");
    assert_eq!(fixture.post(&format!("{path}/disable"), "").await.ok().json()["enabled"], false);
    assert_eq!(fixture.post(&format!("{path}/enable"), "").await.ok().json()["enabled"], true);
    for (field, value) in [("stock", true.into()), ("revision", 1.into()), ("id", "other_name".into())] {
        let mut wrong = changed.clone();
        wrong[field] = value;
        let reply = fixture.put("PUT", path, &[], &wrong.to_string()).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{field}");
    }
    let mut wrong = changed.clone();
    wrong["levels"]["warning"]["clear"] = 80.0.into();
    fixture.put("PUT", path, &[], &wrong.to_string()).await.refused("invalid_parameter");
    fixture.put("PUT", "/api/v1/rules/absent", &[], &rule.to_string().replace("too_warm", "absent")).await.refused("not_found");
}

#[tokio::test]
async fn the_stock_rules_are_there() {
    let fixture = Fixture::new().await;
    let rules = fixture.get("/api/v1/rules").await.ok().items();
    assert!(rules.len() >= 10 && rules.iter().all(|rule| rule["stock"] == true), "{}", rules.len());
}

#[tokio::test]
async fn a_join_token_carries_what_an_agent_needs_and_is_good_for_it() {
    let fixture = Fixture::new().await;
    let made = fixture.post("/api/v1/tokens", r#"{"kind": "join", "uses": 3, "ttl_seconds": 600, "auto_approve": true}"#).await.ok().json();
    let token = token::read_join_token(made["secret"].as_str().unwrap()).unwrap();
    assert_eq!((token.url.as_str(), token.ca_pin), ("https://rollcall.example:8443", "ab".repeat(32)));
    let hash = token::hash_of(&token.secret);
    let admitted = fixture.engine.read(|world| rollcall_domain::trust::decide::admit(world, &hash, &"0".repeat(32), "key", NOW));
    assert_eq!(admitted, Ok(rollcall_domain::trust::decide::Admission::New));
    assert_eq!((&made["token"]["uses"], &made["token"]["auto_approve"]), (&3.into(), &true.into()));
    for body in
        [r#"{"kind": "join", "uses": 0}"#, r#"{"kind": "join", "ttl_seconds": 86401}"#, r#"{"kind": "api", "name": " ", "role": "viewer"}"#]
    {
        fixture.post("/api/v1/tokens", body).await.refused("invalid_parameter");
    }
}

#[tokio::test]
async fn an_api_token_works_with_its_role() {
    let fixture = Fixture::new().await;
    let made =
        fixture.post("/api/v1/tokens", r#"{"kind": "api", "name": "export", "role": "auditor", "ttl_seconds": 60}"#).await.ok().json();
    let ask = |path: &str| {
        let bearer = format!("bearer {}", made["secret"].as_str().unwrap());
        Request::get(path).header(header::AUTHORIZATION, bearer).body(Body::empty()).unwrap()
    };
    let me = fixture.send(ask("/api/v1/me")).await.ok().json();
    assert_eq!((&me["role"], &me["token"]["name"]), (&"auditor".into(), &"export".into()));
    fixture.send(ask("/api/v1/audit")).await.ok();
    fixture.send(ask("/api/v1/tokens")).await.refused("forbidden");
}

#[tokio::test]
async fn the_audit_log_goes_back_page_by_page() {
    let fixture = Fixture::new().await;
    for _ in 0..4 {
        fixture.post("/api/v1/incidents", OPEN).await.ok();
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/audit?limit=3".to_owned();
    loop {
        let page = fixture.get(&path).await.ok().json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|record| record["revision"].as_u64().unwrap()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/audit?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
    // Five tokens by the local operator, four incidents by the administrator.
    assert_eq!(seen.len(), 9, "{seen:?}");
}

#[tokio::test]
async fn the_probes_tell_how_the_server_is() {
    let fixture = Fixture::new().await;
    let ask = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    assert_eq!(fixture.send(ask("/healthz")).await.ok().json()["status"], "ok");
    fixture.send(ask("/readyz")).await.ok();
    fixture.engine.shutdown().await;
    fixture.send(ask("/healthz")).await.ok();
    fixture.send(ask("/readyz")).await.refused("unavailable");
    let refused = fixture.post("/api/v1/incidents", OPEN).await;
    refused.refused("unavailable");
    assert!(!refused.header("retry-after").is_empty());
    fixture.get("/api/v1/incidents").await.ok();
}

#[tokio::test]
async fn problems_are_opened_by_hand_given_incidents_merged_and_resolved_with_them() {
    let fixture = Fixture::new().await;
    let incident = fixture.post("/api/v1/incidents", OPEN).await.ok().json();
    let first = fixture.post("/api/v1/problems", r#"{"title": "Fires", "description": "Again.", "priority": 2}"#).await.ok().json();
    let second = fixture.post("/api/v1/problems", r#"{"title": "Smoke", "description": "Again."}"#).await.ok().json();
    let at = |problem: &Value, action: &str| format!("/api/v1/problems/{}/{action}", problem["id"].as_str().unwrap());

    let linked = fixture.post(&at(&first, "link"), &format!(r#"{{"incidents": [{}]}}"#, incident["id"])).await.ok().json();
    assert_eq!(linked["incident_count"], 1);
    fixture.post(&at(&first, "accept_risk"), r#"{"reason": "Replaced in March."}"#).await.ok();
    fixture.post(&at(&first, "duplicate"), &format!(r#"{{"of": {}}}"#, first["id"])).await.refused("invalid_parameter");
    let merged = fixture.post(&at(&first, "duplicate"), &format!(r#"{{"of": {}}}"#, second["id"])).await.ok().json();
    assert_eq!((&merged["state"], &merged["duplicate_of"]), (&"cancelled".into(), &second["id"]));
    let resolved = fixture.post(&at(&second, "resolve"), r#"{"notes": "New printer.", "incidents": true}"#).await.ok().json();
    assert_eq!((&resolved["state"], &resolved["incident_count"]), (&"resolved".into(), &1.into()));
    let after = fixture.get(&format!("/api/v1/incidents/{}", incident["id"].as_str().unwrap())).await.ok().json();
    assert_eq!((&after["state"], &after["problem"]), (&"resolved".into(), &second["id"]));
    assert_eq!(fixture.get("/api/v1/problems?origin=person").await.items().len(), 2);
    fixture.get("/api/v1/problems?origin=nobody").await.refused("invalid_parameter");
    assert!(fixture.get("/api/v1/problem_precision").await.items().is_empty());
}
