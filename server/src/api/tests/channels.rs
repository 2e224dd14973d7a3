//! Channels and deliveries.

use super::*;

const CHANNEL: &str =
    r#"{"kind": "webhook", "name": "bridge", "url": "https://receiver.example/hook?key=hidden", "subjects": ["incident"]}"#;

#[tokio::test]
async fn a_secret_is_shown_once_and_again_when_it_is_made_anew() {
    let fixture = Fixture::new().await;
    let once = [("idempotency-key", "k")];
    let made = fixture.put("POST", "/api/v1/channels", &once, CHANNEL).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let (path, first) = (made.header("location").to_owned(), made.json()["secret"].as_str().unwrap().to_owned());
    assert!(first.starts_with("whsec_"), "{first}");
    assert_eq!(fixture.put("POST", "/api/v1/channels", &once, CHANNEL).await.ok().json()["secret"], Value::Null);
    let rotated = fixture.post(&format!("{path}/secret"), "").await.ok().json();
    assert_ne!(rotated["secret"], first.as_str());
    assert_eq!(rotated["channel"]["secret_generation"], 2);
    assert!(rotated["channel"]["previous_secret_until"].is_string());
    for path in [path.as_str(), "/api/v1/channels", "/api/v1/events", "/api/v1/audit"] {
        let text = fixture.get_as(path, "application/json").await.ok().text();
        assert!(!text.contains("whsec_") && !text.contains(&first[6..]), "{path}: {text}");
    }
}

#[tokio::test]
async fn addresses_of_channels_are_for_administrators_and_auditors() {
    let fixture = Fixture::new().await;
    fixture.post("/api/v1/channels", CHANNEL).await.ok();
    let events = |role| fixture.ask(role, "GET", "/api/v1/events?subject=delivery", &[("accept", "application/json")], None);
    assert!(fixture.send(events(Role::Viewer)).await.ok().items().is_empty());
    assert_eq!(fixture.send(events(Role::Auditor)).await.ok().items().len(), 1);
    fixture.send(fixture.ask(Role::Operator, "GET", "/api/v1/channels", &[], None)).await.refused("forbidden");
}

#[tokio::test]
async fn a_channel_is_read_changed_under_its_tag_and_ended() {
    let fixture = Fixture::new().await;
    let made = fixture.post("/api/v1/channels", CHANNEL).await.ok();
    let (path, tag) = (made.header("location").to_owned(), made.header("etag").to_owned());
    let shown = fixture.get(&path).await.ok();
    assert_eq!((shown.header("etag"), &shown.json()), (tag.as_str(), &made.json()["channel"]));
    assert_eq!(shown.json()["health"]["state"], "healthy");
    let changed = fixture.put("PUT", &path, &[("if-match", &tag)], &CHANNEL.replace("\"incident\"", "\"ci\"")).await.ok().json();
    assert_eq!(changed["subjects"], serde_json::json!(["ci"]));
    fixture.put("PUT", &path, &[("if-match", &tag)], CHANNEL).await.refused("stale");
    fixture.put("DELETE", &path, &[], "").await.ok();
    fixture.get(&path).await.refused("not_found");
}

#[tokio::test]
async fn a_channel_that_cannot_be_is_refused_by_field() {
    let fixture = Fixture::new().await;
    for (from, to, field) in [
        ("https://receiver.example/hook?key=hidden", "http://receiver.example/", "url"),
        ("https://receiver.example/hook?key=hidden", "https://169.254.169.254/latest", "url"),
        ("https://receiver.example/hook?key=hidden", "file:///etc/passwd", "url"),
        ("\"incident\"", "\"delivery\"", "subjects"),
        ("\"bridge\"", "\"\"", "name"),
        ("[\"incident\"]", "[], \"after\": 999999", "after"),
    ] {
        let refused = fixture.post("/api/v1/channels", &CHANNEL.replace(from, to)).await;
        refused.refused("invalid_parameter");
        assert_eq!(refused.json()["field"], field, "{to}");
    }
    for body in [CHANNEL.replace("webhook", "pigeon"), CHANNEL.replace("\"name\"", "\"secret\": \"x\", \"name\"")] {
        assert_eq!(fixture.post("/api/v1/channels", &body).await.status, StatusCode::BAD_REQUEST, "{body}");
    }
    let path = fixture.post("/api/v1/channels", CHANNEL).await.ok().header("location").to_owned();
    fixture.post("/api/v1/channels", CHANNEL).await.refused("conflict");
    let again = CHANNEL.replace("[\"incident\"]", "[], \"after\": 0");
    fixture.put("PUT", &path, &[], &again).await.refused("invalid_parameter");
}

#[tokio::test]
async fn a_test_is_a_delivery_that_can_be_looked_at() {
    let fixture = Fixture::new().await;
    let path = fixture.post("/api/v1/channels", CHANNEL).await.ok().header("location").to_owned();
    let test = fixture.post(&format!("{path}/test"), "").await.ok().json();
    assert_eq!((&test["content"], &test["state"]), (&"test".into(), &"waiting".into()));
    let id = test["id"].as_str().unwrap();
    assert_eq!(fixture.get(&format!("/api/v1/deliveries/{id}")).await.ok().json(), test);
    assert_eq!(fixture.get("/api/v1/deliveries?state=waiting").await.ok().items().len(), 1);
    assert!(fixture.get("/api/v1/deliveries?state=dead").await.ok().items().is_empty());
    fixture.get("/api/v1/deliveries?channel=x").await.refused("invalid_parameter");
    fixture.post(&format!("/api/v1/deliveries/{id}/resend"), "").await.refused("wrong_state");
    let metrics = fixture.get("/metrics").await.ok().text();
    assert!(metrics.contains("rollcall_channels{state=\"healthy\"} 1\n"), "{metrics}");
    assert!(metrics.contains("# TYPE rollcall_channel_lag gauge\nrollcall_channel_lag{channel=\"chan_"), "{metrics}");
}

#[tokio::test]
async fn the_feed_is_read_page_by_page_as_lines() {
    let fixture = Fixture::new().await;
    for number in 0..7 {
        fixture.post("/api/v1/contacts", &format!(r#"{{"name": "team {number}", "kind": "team"}}"#)).await.ok();
    }
    let (mut path, mut revisions) = ("/api/v1/events?subject=contact&limit=3".to_owned(), Vec::new());
    loop {
        let page = fixture.get_as(&path, "application/x-ndjson").await.ok();
        let lines = page.text();
        revisions.extend(lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["revision"].as_u64().unwrap()));
        let cursor = page.header("x-next-cursor");
        if cursor.is_empty() {
            break;
        }
        path = format!("/api/v1/events?subject=contact&limit=3&cursor={cursor}");
    }
    assert_eq!(revisions.len(), 7);
    let after = format!("/api/v1/events?subject=contact&after={}", revisions[5]);
    assert_eq!(fixture.get_as(&after, "application/x-ndjson").await.ok().text().lines().count(), 1);
}

/// A channel of each kind that needs a credential, with the credential and its field.
const KINDS: [(&str, &str, &str); 3] = [
    (r#"{"kind": "slack", "name": "chat", "url": "https://hooks.slack.example/T0/B0/hunter2"}"#, "url", "hunter2"),
    (r#"{"kind": "pagerduty", "name": "pager", "routing_key": "hunter2"}"#, "routing_key", "hunter2"),
    (
        r#"{"kind": "mail", "name": "post", "host": "mail.example", "username": "u", "password": "hunter2",
            "sender": "rollcall@example.org", "recipients": ["ops@example.org"]}"#,
        "password",
        "hunter2",
    ),
];

#[tokio::test]
async fn a_credential_is_given_once_and_shown_nowhere() {
    let fixture = Fixture::new().await;
    for (body, field, secret) in KINDS {
        let made = fixture.post("/api/v1/channels", body).await.ok();
        let path = made.header("location").to_owned();
        assert_eq!((&made.json()["secret"], &made.json()["channel"]["credential"]), (&Value::Null, &"sealed".into()));
        let mut without: Value = serde_json::from_str(body).unwrap();
        without.as_object_mut().unwrap().remove(field);
        fixture
            .post("/api/v1/channels", &without.to_string().replace("\"name\":\"", "\"name\":\"another "))
            .await
            .refused("invalid_parameter");
        without["enabled"] = false.into();
        let changed = fixture.put("PUT", &path, &[], &without.to_string()).await.ok().json();
        assert_eq!((&changed["credential"], &changed["enabled"]), (&"sealed".into(), &false.into()), "it stays");
        fixture.post(&format!("{path}/secret"), "").await.refused("conflict");
        for path in [path.as_str(), "/api/v1/channels", "/api/v1/events", "/api/v1/audit"] {
            let text = fixture.get_as(path, "application/json").await.ok().text();
            assert!(!text.contains(secret) && !text.contains("\"sealed\":"), "{path}: {text}");
        }
    }
    let log = fixture.engine.records(0, 1_000).await.unwrap();
    assert!(!serde_json::to_string(&log).unwrap().contains("hunter2"));
}

#[tokio::test]
async fn a_credential_is_not_shown_to_another_receiver_than_it_was_given_for() {
    let fixture = Fixture::new().await;
    let made = fixture.post("/api/v1/channels", KINDS[2].0).await.ok();
    let moved = KINDS[2].0.replace("\"password\": \"hunter2\",", "").replace("mail.example", "mail.attacker.example");
    let refused = fixture.put("PUT", made.header("location"), &[], &moved).await;
    refused.refused("invalid_parameter");
    assert_eq!(refused.json()["field"], "password");
}

#[tokio::test]
async fn a_channel_of_another_kind_that_cannot_be_is_refused_by_field() {
    let fixture = Fixture::new().await;
    for (kind, from, to, field) in [
        (0, "https://hooks.slack.example/T0/B0/hunter2", "https://10.0.0.1/", "url"),
        (0, "hunter2", "hunter2\", \"credential_file\": \"x", "credential_file"),
        (1, "\"routing_key\": \"hunter2\"", "\"credential_file\": \"none\"", "credential_file"),
        (1, "hunter2", "a\\nb", "routing_key"),
        (2, "mail.example", "127.0.0.1", "host"),
        (2, "mail.example", "mail.example\", \"security\": \"none", "security"),
        (2, "ops@example.org", "ops@example.org\\r\\nBcc: x@y", "recipients"),
        (2, "\"username\": \"u\", ", "", "username"),
    ] {
        let refused = fixture.post("/api/v1/channels", &KINDS[kind].0.replace(from, to)).await;
        refused.refused("invalid_parameter");
        assert_eq!(refused.json()["field"], field, "{to}");
    }
    let here = KINDS[2].0.replace("mail.example", "localhost\", \"security\": \"none");
    fixture.post("/api/v1/channels", &here).await.ok();
}

#[tokio::test]
async fn a_webhook_follows_what_it_is_told_to() {
    let fixture = Fixture::new().await;
    let made = fixture.post("/api/v1/channels", CHANNEL).await.ok();
    assert_eq!(made.json()["channel"]["follows"], "both");
    let told = CHANNEL.replace("\"kind\"", "\"follows\": \"notifications\", \"kind\"");
    let changed = fixture.put("PUT", made.header("location"), &[], &told).await.ok().json();
    assert_eq!((&changed["follows"], &changed["health"]["lag"]), (&"notifications".into(), &0.into()));
}
