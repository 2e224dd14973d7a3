//! Notification: routes, schedules, policies, what was told.

use super::*;
use serde_json::json;

const PAGE: &str = r#"{"title": "Shop is down", "description": "All of it", "impact": "high", "urgency": "high"}"#;

impl Fixture {
    /// Makes something as an administrator; its id.
    async fn set(&self, path: &str, body: &Value) -> String {
        let made = self.post(path, &body.to_string()).await.ok();
        assert_eq!(made.status, StatusCode::CREATED);
        made.json()["id"].as_str().unwrap().to_owned()
    }

    async fn channel(&self, name: &str) -> String {
        let body = json!({"kind": "webhook", "name": name, "url": "https://receiver.example/hook"});
        let made = self.post("/api/v1/channels", &body.to_string()).await.ok().json();
        made["channel"]["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn without_a_route_the_status_says_that_nobody_is_told() {
    let fixture = Fixture::new().await;
    let status = fixture.get("/api/v1/notification_status").await.ok().json();
    assert_eq!(status["works"], false);
    assert!(status["problems"][0].as_str().unwrap().contains("POST /api/v1/notification_routes"), "{status}");
}

#[tokio::test]
async fn a_route_whose_escalation_reaches_nobody_does_not_work_and_says_whom_it_misses() {
    let fixture = Fixture::new().await;
    let ann = fixture.set("/api/v1/contacts", &json!({"kind": "person", "name": "Ann"})).await;
    let steps = json!([{"after_ms": 0, "targets": [{"kind": "contact", "contact": ann}]}]);
    let policy = fixture.set("/api/v1/escalation_policies", &json!({"name": "Ops", "steps": steps})).await;
    fixture.set("/api/v1/notification_routes", &json!({"name": "Pages", "escalation": policy})).await;
    let status = fixture.get("/api/v1/notification_status").await.ok().json();
    assert_eq!(status["works"], false);
    assert!(status["problems"][0].as_str().unwrap().starts_with("Pages: Ops, step 1: Ann cannot be reached"), "{status}");
    let tested = fixture.post("/api/v1/notification_routes/test", r#"{"tier": "page"}"#).await.ok().json();
    assert_eq!((&tested["told"], &tested["routes"][0]["taken"]), (&false.into(), &true.into()));
}

#[tokio::test]
async fn what_is_open_is_told_when_a_route_is_made_and_the_test_says_so() {
    let fixture = Fixture::new().await;
    let channel = fixture.channel("ops").await;
    let incident = fixture.set("/api/v1/incidents", &serde_json::from_str(PAGE).unwrap()).await;
    let path = format!("/api/v1/incidents/{incident}");
    assert_eq!(fixture.get(&format!("{path}/notifications")).await.ok().items().len(), 0);
    fixture.set("/api/v1/notification_routes", &json!({"name": "Pages", "channels": [channel]})).await;
    let told = fixture.get(&format!("{path}/notifications")).await.ok().items();
    assert_eq!((told.len(), &told[0]["cause"]), (1, &"opened".into()));
    let test = async || fixture.post("/api/v1/notification_routes/test", &json!({"incident": incident}).to_string()).await.ok().json();
    let tested = test().await;
    assert_eq!((&tested["told"], &tested["routes"][0]["tell_at"]), (&true.into(), &told[0]["at"]));
}

#[tokio::test]
async fn a_page_is_told_at_once_and_acknowledged_as_a_group() {
    let fixture = Fixture::new().await;
    let channel = fixture.channel("ops").await;
    let route = json!({"name": "Pages", "channels": [channel]});
    fixture.set("/api/v1/notification_routes", &route).await;
    assert_eq!(fixture.get("/api/v1/notification_status").await.ok().json()["works"], true);
    let incident = fixture.set("/api/v1/incidents", &serde_json::from_str(PAGE).unwrap()).await;
    let told = fixture.get(&format!("/api/v1/incidents/{incident}/notifications")).await.ok().items();
    assert_eq!(told.len(), 1, "{told:?}");
    let one = &told[0];
    assert_eq!((&one["title"], &one["cause"], &one["state"]), (&"Shop is down".into(), &"opened".into(), &"waiting".into()));
    let delivery = format!("/api/v1/deliveries/{}", one["delivery"].as_str().unwrap());
    assert_eq!(fixture.get(&delivery).await.ok().json()["content"], "notification");
    let group = format!("/api/v1/notification_groups/{}", one["group"].as_str().unwrap());
    assert_eq!(fixture.get(&group).await.ok().json()["told"], 1);
    let acknowledged = fixture.post(&format!("{group}/acknowledge"), "").await.ok().json();
    assert_eq!((&acknowledged["told"], &acknowledged["attended"]), (&0.into(), &1.into()));
    let incident = fixture.get(&format!("/api/v1/incidents/{incident}")).await.ok().json();
    assert_eq!(incident["acknowledged"]["by"]["name"], "the admin");
    let told = fixture.get("/api/v1/notifications").await.ok().items();
    let statuses: Vec<&str> = told.iter().map(|told| told["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["acknowledged", "firing"]);
    let page = fixture.get("/api/v1/notifications?limit=1").await.ok().json();
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(fixture.get(&format!("/api/v1/notifications?limit=1&cursor={cursor}")).await.ok().items(), told[1..]);
    fixture.get("/api/v1/notifications?route=x").await.refused("invalid_parameter");
    fixture.post("/api/v1/notification_groups/ngrp_00000000000000000000000001/acknowledge", "").await.refused("not_found");
}

#[tokio::test]
async fn a_route_is_made_changed_at_its_revision_and_ended() {
    let fixture = Fixture::new().await;
    let channel = fixture.channel("ops").await;
    let body = json!({"name": "Pages", "channels": [channel], "repeat_interval_ms": 0, "group_by": ["location"],
        "when": {"tiers": ["page", "ticket"], "query": "class:server", "origins": ["api"]},
        "quiet_hours": {"time_zone": "Europe/Berlin", "hours": [{"weekdays": ["sunday"], "from": "22:00", "to": "06:00"}]}});
    let made = fixture.post("/api/v1/notification_routes", &body.to_string()).await.ok();
    let (path, tag) = (made.header("location").to_owned(), made.header("etag").to_owned());
    assert_eq!(made.json()["repeat_interval_ms"], 0);
    assert_eq!(made.json()["when"]["query"], "class:server");
    let now = fixture.put("PUT", &path, &[("if-match", &tag)], &json!({"name": "Pages", "channels": [channel]}).to_string()).await.ok();
    assert_eq!((&now.json()["group_by"], &now.json()["when"]["tiers"]), (&json!(["rule"]), &json!(["page"])));
    fixture.put("PUT", &path, &[("if-match", &tag)], &body.to_string()).await.refused("stale");
    fixture.put("DELETE", &path, &[("if-match", &tag)], "").await.refused("stale");
    for (field, value) in [
        ("channels", json!(["x"])),
        ("channels", json!(["chan_00000000000000000000000001"])),
        ("escalation", json!("x")),
        ("title", json!("{colour}")),
        ("group_interval_ms", json!(5)),
        ("colour", json!(1)),
    ] {
        let mut wrong = body.clone();
        wrong[field] = value;
        let reply = fixture.put("PUT", &path, &[], &wrong.to_string()).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{field}");
        assert!(reply.json()["field"].as_str().unwrap().starts_with(field), "{}", reply.text());
    }
    fixture.put("DELETE", &path, &[], "").await.ok();
    fixture.get(&path).await.refused("not_found");
}

#[tokio::test]
async fn somebody_is_on_call_stands_in_and_is_told_by_a_policy() {
    let fixture = Fixture::new().await;
    let channel = fixture.channel("mail").await;
    for name in ["ada", "grace"] {
        fixture.set("/api/v1/contacts", &json!({"name": name, "kind": "person", "mail": format!("{name}@example.org")})).await;
    }
    let schedule = json!({"name": "Web", "time_zone": "Europe/Berlin", "layers": [
        {"name": "Week", "members": ["ada"], "starts_at": "2026-01-05T09:00", "rotation": {"every": 1, "unit": "week"}}]});
    let id = fixture.set("/api/v1/on_call_schedules", &schedule).await;
    let on_call = fixture.get("/api/v1/on_call").await.ok().items();
    assert_eq!((&on_call[0]["now"]["name"], &on_call[0]["now"]["layer"]), (&"ada".into(), &"Week".into()));
    // The clock of these tests stands at 2026-11-21T04:31:00Z.
    let over = json!({"from": "2026-11-21T04:00:00Z", "to": "2026-11-21T06:00:00Z", "contact": "grace"});
    fixture.post(&format!("/api/v1/on_call_schedules/{id}/overrides"), &over.to_string()).await.ok();
    let shifts = fixture.get(&format!("/api/v1/on_call/{id}?from=2026-11-21T00:00:00Z&to=2026-11-22T00:00:00Z")).await.ok().items();
    let names: Vec<&str> = shifts.iter().map(|shift| shift["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["ada", "grace", "ada"]);
    for wrong in ["to=2020-01-01T00:00:00Z", "from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z", "from=x"] {
        fixture.get(&format!("/api/v1/on_call/{id}?{wrong}")).await.refused("invalid_parameter");
    }
    let policy = json!({"name": "Web", "mail_channel": channel, "steps": [
        {"after_ms": 0, "targets": [{"kind": "schedule", "schedule": id}]}]});
    let policy = fixture.set("/api/v1/escalation_policies", &policy).await;
    fixture.set("/api/v1/notification_routes", &json!({"name": "Pages", "escalation": policy})).await;
    let tested = fixture.post("/api/v1/notification_routes/test", r#"{"tier": "page", "severity": "critical"}"#).await.ok().json();
    let step = &tested["routes"][0]["steps"][0];
    assert_eq!((&tested["told"], &step["addresses"][0]["recipient"]), (&true.into(), &"grace@example.org".into()));
    let quiet = fixture.post("/api/v1/notification_routes/test", r#"{"tier": "ticket"}"#).await.ok().json();
    assert_eq!((&quiet["told"], &quiet["routes"][0]["reason"]), (&false.into(), &"its tier is another".into()));
    fixture.post("/api/v1/incidents", PAGE).await.ok();
    let told = fixture.get("/api/v1/notifications").await.ok().items();
    assert_eq!(told[0]["recipients"], json!(["grace@example.org"]));
    let standing_in = fixture.get(&format!("/api/v1/on_call_schedules/{id}")).await.ok().json()["overrides"][0]["id"].clone();
    let path = format!("/api/v1/on_call_schedules/{id}/overrides/{}", standing_in.as_str().unwrap());
    fixture.put("DELETE", &path, &[], "").await.ok();
    assert_eq!(fixture.get("/api/v1/on_call").await.ok().items()[0]["now"]["name"], "ada");
    fixture.put("DELETE", &path, &[], "").await.refused("not_found");
    fixture.put("DELETE", &format!("/api/v1/on_call_schedules/{id}"), &[], "").await.refused("conflict");
}

#[tokio::test]
async fn a_contact_says_how_it_is_reached() {
    let fixture = Fixture::new().await;
    let channel = fixture.channel("chat").await;
    let contact = fixture.set("/api/v1/contacts", &json!({"name": "ada", "kind": "person"})).await;
    let path = format!("/api/v1/contacts/{contact}/methods");
    assert_eq!(fixture.get(&path).await.ok().json()["methods"], json!([]));
    let body = json!({"methods": [{"channel": channel, "address": "@ada"}]}).to_string();
    let tag = fixture.put("PUT", &path, &[], &body).await.ok().header("etag").to_owned();
    assert_eq!(fixture.get(&path).await.ok().json()["methods"][0]["address"], "@ada");
    fixture.put("PUT", &path, &[("if-match", "\"1\"")], &body).await.refused("stale");
    fixture.put("PUT", &path, &[("if-match", &tag)], r#"{"methods": [{"channel": "x"}]}"#).await.refused("invalid_parameter");
}

#[tokio::test]
async fn who_was_told_of_an_incident_names_its_watchers_too() {
    let fixture = Fixture::new().await;
    let (ops, chat) = (fixture.channel("ops").await, fixture.channel("chat").await);
    fixture.set("/api/v1/notification_routes", &json!({"name": "Pages", "channels": [ops]})).await;
    let ada = fixture.set("/api/v1/contacts", &json!({"name": "ada", "kind": "person"})).await;
    let methods = json!({"methods": [{"channel": chat, "address": "@ada"}]});
    fixture.put("PUT", &format!("/api/v1/contacts/{ada}/methods"), &[], &methods.to_string()).await.ok();
    let incident = fixture.set("/api/v1/incidents", &serde_json::from_str(PAGE).unwrap()).await;
    let path = format!("/api/v1/incidents/{incident}");
    fixture.post(&format!("{path}/watch"), r#"{"contact": "ada"}"#).await.ok();
    fixture.post(&format!("{path}/hold"), r#"{"reason": "vendor"}"#).await.ok();
    fixture.clock.advance(Duration::from_secs(61));
    fixture.post(&format!("{path}/notes"), r#"{"text": "for us"}"#).await.ok();
    let told = fixture.get(&format!("{path}/notifications")).await.ok().items();
    let roles: Vec<&Value> = told.iter().map(|told| &told["told_as"]).collect();
    assert_eq!(roles, ["watcher", "route"], "{told:#?}");
    for (field, expected) in [
        ("channel", json!(chat)),
        ("recipients", json!(["@ada"])),
        ("contacts", json!([ada])),
        ("incidents", json!([incident])),
        ("cause", json!("changed")),
        ("state", json!("waiting")),
        ("group", Value::Null),
        ("route", Value::Null),
    ] {
        assert_eq!(told[0][field], expected, "{field}");
    }
    let delivery = format!("/api/v1/deliveries/{}", told[0]["delivery"].as_str().unwrap());
    assert_eq!(fixture.get(&delivery).await.ok().json()["channel"], json!(chat));
    assert_eq!(fixture.get(&format!("/api/v1/notifications?channel={chat}")).await.ok().items(), told[..1]);
    assert_eq!(fixture.get(&format!("/api/v1/notifications/{}", told[0]["id"].as_str().unwrap())).await.ok().json(), told[0]);
}

#[tokio::test]
async fn a_watcher_whom_nothing_reaches_is_named_with_the_reason() {
    let fixture = Fixture::new().await;
    let chat = fixture.channel("chat").await;
    let ada = fixture.set("/api/v1/contacts", &json!({"name": "ada", "kind": "person"})).await;
    let incident = fixture.set("/api/v1/incidents", &serde_json::from_str(PAGE).unwrap()).await;
    let path = format!("/api/v1/incidents/{incident}");
    let watched = fixture.post(&format!("{path}/watch"), r#"{"contact": "ada"}"#).await.ok().json();
    let reason = format!("ada has no notification method; PUT /api/v1/contacts/{ada}/methods gives them one");
    assert_eq!((&watched["watchers"][0]["name"], &watched["watchers"][0]["unreached"]), (&json!("ada"), &json!(reason)));
    let methods = json!({"methods": [{"channel": chat, "address": "@ada"}]});
    fixture.put("PUT", &format!("/api/v1/contacts/{ada}/methods"), &[], &methods.to_string()).await.ok();
    assert_eq!(fixture.get(&path).await.ok().json()["watchers"][0]["unreached"], Value::Null);
}

#[tokio::test]
async fn templates_are_looked_at_before_they_are_used() {
    let fixture = Fixture::new().await;
    let ask = async |body: Value| fixture.post("/api/v1/notification_routes/preview", &body.to_string()).await;
    let seen = ask(json!({"title": "{severity}: {count} × {label.rule}", "text": "{incidents}"})).await.ok().json();
    assert_eq!(seen["title"], "critical: 3 × filesystem_space");
    assert!(seen["placeholders"]["incident.title"].is_string());
    let wrong = ask(json!({"title": "x {colour}"})).await;
    wrong.refused("invalid_parameter");
    assert_eq!((&wrong.json()["field"], &wrong.json()["position"]), (&"title".into(), &3.into()));
    let incident = fixture.set("/api/v1/incidents", &serde_json::from_str(PAGE).unwrap()).await;
    let seen = ask(json!({"title": "{incident.title}!", "incident": incident})).await.ok().json();
    assert_eq!(seen["title"], "Shop is down!");
}
