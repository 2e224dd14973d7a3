//! Silence seen through the API: what is stale, what may be retired, and what comes back.

use super::inventory::{Host, os, system};
use super::*;
use serde_json::json;

/// Lets the server run on while nobody speaks.
async fn pass(host: &Host, hours: u64) {
    for _ in 0..hours * 2 + 2 {
        host.fixture.clock.advance(Duration::from_secs(1_800));
        wake(host).await;
    }
}

/// The first command wakes the writer, which then ticks; the second one comes after that.
async fn wake(host: &Host) {
    for _ in 0..2 {
        host.fixture.put("PATCH", "/api/v1/cis/host_00000000000000000000000001", &[], r#"{"attributes": {}}"#).await.refused("not_found");
    }
}

#[tokio::test]
async fn a_silent_host_becomes_a_candidate_is_retired_and_comes_back() {
    let mut host = Host::reported().await;
    let id = host.path().rsplit('/').next().unwrap().to_owned();
    let rule = json!({"interval_seconds": 3_600, "grace_seconds": 0, "warning_after_seconds": 36_000, "retirement_after_seconds": 72_000});
    host.fixture.put("PUT", "/api/v1/policy", &[], &json!({"lifecycle": {"staleness": [rule]}}).to_string()).await.ok();
    pass(&host, 4).await;
    let stale = host.get("").await.ok().json();
    assert_eq!((&stale["status"], &stale["staleness"][0]["stage"]), (&"stale".into(), &"stale".into()));
    assert_eq!((&stale["staleness"][0]["source"]["kind"], &stale["retirement_candidate"]), (&"agent".into(), &Value::Null));
    let explained = host.get("/explain").await.ok().json().to_string();
    assert!(explained.contains("it is stale: agent_00000000000000000000000007 has said nothing for 5 hours"), "{explained}");
    pass(&host, 17).await;
    let listed = host.fixture.get("/api/v1/retirement_candidates").await.ok().items();
    assert_eq!((listed.len(), &listed[0]["ci"], &listed[0]["status"]), (1, &id.clone().into(), &"missing".into()));
    let found = host.fixture.get("/api/v1/cis?query=retirement_candidate:true").await.ok().items();
    assert_eq!((found.len(), &found[0]["id"]), (1, &id.clone().into()));
    let ask = |dry_run| json!({"query": "retirement_candidate:true", "reason": "swept", "dry_run": dry_run}).to_string();
    for dry_run in [true, false] {
        let outcome = host.fixture.post("/api/v1/retirement_candidates/retire", &ask(dry_run)).await.ok().json();
        assert_eq!((&outcome["retired"], &outcome["dry_run"]), (&1.into(), &dry_run.into()));
        let status = if dry_run { "missing" } else { "retired" };
        assert_eq!(host.get("").await.ok().json()["status"], status);
    }
    let again = json!({"cis": [&id], "reason": "swept"}).to_string();
    let outcome = host.fixture.post("/api/v1/retirement_candidates/retire", &again).await.ok().json();
    assert_eq!((&outcome["refused"], &outcome["items"][0]["code"]), (&1.into(), &"wrong_state".into()));
    assert!(host.fixture.get("/api/v1/retirement_candidates").await.ok().items().is_empty());
    host.report(vec![system(), os()]).await;
    let back = host.get("").await.ok().json();
    assert_eq!((&back["status"], &back["staleness"][0]["stage"]), (&"operational".into(), &"fresh".into()));
    let alive = host.fixture.post("/api/v1/retirement_candidates/retire", &again).await.ok().json();
    assert_eq!(alive["items"][0]["code"], "conflict");
}

#[tokio::test]
async fn a_calendar_that_leaps_ahead_makes_nobody_silent() {
    let host = Host::reported().await;
    let tick = async |minutes: u64| {
        host.fixture.clock.advance(Duration::from_secs(minutes * 60));
        wake(&host).await;
    };
    let silent = async || host.fixture.get("/api/v1/alerts?rule=agent_silent&state=firing").await.ok().items().len();
    tick(1).await;
    host.fixture.clock.leap(Duration::from_secs(3_600));
    tick(1).await;
    tick(1).await;
    assert_eq!(silent().await, 0);
    // Silence counts from then on.
    for _ in 0..20 {
        tick(1).await;
    }
    assert_eq!(silent().await, 1);
}

#[tokio::test]
async fn requests_and_rules_that_make_no_sense_are_refused_by_their_field() {
    let fixture = Fixture::new().await;
    for (body, field) in [
        (json!({"reason": "x"}), "cis"),
        (json!({"cis": [], "query": "class:host", "reason": "x"}), "cis"),
        (json!({"cis": ["nobody"], "reason": "x"}), "cis[0]"),
        (json!({"cis": [], "reason": " "}), "reason"),
    ] {
        let reply = fixture.post("/api/v1/retirement_candidates/retire", &body.to_string()).await;
        reply.refused("invalid_parameter");
        assert_eq!(reply.json()["field"], field);
    }
    let policy = |rule: Value| json!({"lifecycle": {"staleness": [rule]}}).to_string();
    let reply = fixture.put("PUT", "/api/v1/policy", &[], &policy(json!({"source": "agent", "interval_seconds": 1}))).await;
    reply.refused("invalid_parameter");
    assert_eq!(reply.json()["field"], "lifecycle.staleness[0].interval_seconds");
    let rule = json!({"source": "feed:glpi", "class": "workstation", "interval_seconds": 604_800});
    let set = fixture.put("PUT", "/api/v1/policy", &[], &policy(rule.clone())).await.ok().json();
    assert_eq!((&set["lifecycle"]["staleness"][0], &set["lifecycle"]["candidates"]), (&rule, &"list".into()));
}
