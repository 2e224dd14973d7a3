//! An Alertmanager against a whole server.

use crate::admin::Ask;
use crate::testing::{Reply, TestServer, post};
use rollcall_domain::trust::feed::FeedKind;
use serde_json::{Value, json};

struct Scene {
    server: TestServer,
    secret: String,
}

impl Scene {
    async fn start(kind: FeedKind) -> Self {
        let server = TestServer::start().await;
        let ask = Ask::CreateFeed { name: "am".parse().unwrap(), kind, networks: Vec::new(), ttl_s: None };
        let secret = server.server.tokens.create(ask).await.unwrap();
        Self { server, secret }
    }

    async fn send(&self, body: &[u8]) -> Reply {
        let mut connection = self.server.connect(self.server.server.api, None).await.unwrap();
        let bearer = format!("Bearer {}", self.secret);
        let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
        post(&mut connection, super::PATH, &headers, body).await.unwrap()
    }

    async fn alerts(&self, alerts: Value) -> Reply {
        let message = json!({"version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing", "receiver": "rollcall",
            "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "https://am", "alerts": alerts});
        self.send(message.to_string().as_bytes()).await
    }

    fn open(&self) -> usize {
        self.server.server.engine.read(|world| world.incidents.live.len())
    }
}

fn alert(status: &str, number: usize) -> Value {
    json!({"status": status, "labels": {"alertname": "HostDown", "instance": format!("h{number}:9100"), "severity": "critical"},
        "annotations": {"summary": "Host is down"}, "startsAt": "2026-01-01T00:00:00.123456789Z", "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "https://prometheus/graph?g0.expr=up", "fingerprint": format!("{number:016x}"), "values": null})
}

/// What became of each, in order.
#[track_caller]
fn check(reply: &Reply, expected: &[&str]) {
    let json = reply.json();
    let found: Vec<&str> = json["items"].as_array().unwrap().iter().map(|item| item["outcome"].as_str().unwrap()).collect();
    assert_eq!((reply.status, found.as_slice()), (200, expected), "{json}");
}

#[tokio::test]
async fn alerts_begin_and_end_and_repeats_change_nothing() {
    let scene = Scene::start(FeedKind::Alertmanager).await;
    let both = json!([alert("firing", 1), alert("firing", 2)]);
    let began = scene.alerts(both.clone()).await;
    check(&began, &["began", "began"]);
    let item = &began.json()["items"][0];
    assert!(item["incident"].as_str().unwrap().starts_with("inc_") && item["reason"].as_str().unwrap().contains("instance"), "{item}");
    check(&scene.alerts(both).await, &["unchanged", "unchanged"]);
    assert_eq!(scene.open(), 2);
    check(&scene.alerts(json!([alert("resolved", 1), alert("firing", 2)])).await, &["ended", "unchanged"]);
    check(&scene.alerts(json!([alert("resolved", 1)])).await, &["unchanged"]);
    check(&scene.alerts(json!([alert("firing", 1)])).await, &["unchanged"]);
    assert_eq!(scene.open(), 1);
}

#[tokio::test]
async fn a_late_copy_changes_nothing_and_is_told_as_one_until_it_is_said_again() {
    let scene = Scene::start(FeedKind::Alertmanager).await;
    let wait = |seconds| scene.server.clock.advance(std::time::Duration::from_secs(seconds));
    check(&scene.alerts(json!([alert("firing", 1)])).await, &["began"]);
    check(&scene.alerts(json!([alert("resolved", 1)])).await, &["ended"]);
    wait(900);
    let late = scene.alerts(json!([alert("firing", 1)])).await;
    check(&late, &["unchanged"]);
    assert_eq!(late.json()["changed"], 0);
    let reason = late.json()["items"][0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("a late copy, unless that is said again from"), "{reason}");
    assert_eq!(scene.open(), 0);
    wait(60);
    check(&scene.alerts(json!([alert("firing", 1)])).await, &["began"]);
    assert_eq!(scene.open(), 1);
}

#[tokio::test]
async fn one_that_makes_no_sense_holds_up_no_other() {
    let scene = Scene::start(FeedKind::Alertmanager).await;
    let mut unlabelled = alert("firing", 3);
    unlabelled["labels"] = json!({});
    let reply = scene.alerts(json!([alert("suppressed", 1), alert("firing", 2), unlabelled])).await;
    check(&reply, &["refused", "began", "refused"]);
    assert_eq!(reply.json()["items"][0]["reason"], "status: must be firing or resolved");
    assert_eq!((&reply.json()["refused"], scene.open()), (&json!(2), 1));
}

#[tokio::test]
async fn what_is_no_message_is_refused_whole() {
    let scene = Scene::start(FeedKind::Alertmanager).await;
    let crowd = format!(r#"{{"alerts": [{}{{}}]}}"#, "{},".repeat(100_000));
    for (body, code) in [
        ("{\"alerts\": [{\"labels\": {\"a\": NaN}}]}", "malformed_json"),
        ("[]", "malformed_json"),
        ("{}", "malformed_json"),
        ("{\"version\": \"5\", \"alerts\": []}", "invalid_parameter"),
        (crowd.as_str(), "malformed_json"),
    ] {
        let reply = scene.send(body.as_bytes()).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, code), "{}", &body[..body.len().min(80)]);
    }
    assert_eq!(scene.send(&vec![b' '; (8 << 20) + 1]).await.status, 413);
    assert_eq!(scene.open(), 0);
}

#[tokio::test]
async fn only_a_feed_of_the_kind_may_bring_alerts() {
    let scene = Scene::start(FeedKind::Glpi).await;
    assert_eq!(scene.alerts(json!([])).await.code(), "forbidden");
    let nobody = Scene { secret: "rcf_wrong".into(), ..scene };
    assert_eq!(nobody.alerts(json!([])).await.code(), "unauthenticated");
}
