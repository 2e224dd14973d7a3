//! Rules as code, their versions, back-tests, and what keeps alerts quiet.

use super::inventory::Host;
use super::*;
use std::time::Duration;

const FILE: &str = r#"
[[rule]]
id = "queue_length"
title = "Queue"
description = "The queue is long. Look at the workers."
enabled = true
tier = "ticket"
impact = "medium"
auto_resolve = true
for_ms = 60_000
condition = { kind = "expression", value = "avg(queue.length, 1m) / workers", side = "above" }
levels.warning = { raise = 10, clear = 5.0 }

[[rule.overrides]]
selector.tags = ["batch"]
reason = "long queues are its nature"
levels.warning = { raise = 100, clear = 50 }

[[rule.tests]]
name = "a long queue fires after a minute"
interval_ms = 10_000
series = [{ metric = "queue.length", values = "1x6 500x20" }, { metric = "workers", values = "2x26" }]
expect = [{ at_ms = 50_000, state = "inactive" }, { at_ms = 200_000, state = "firing", severity = "warning" }]
"#;

async fn send(fixture: &Fixture, path: &str, file: &str) -> Reply {
    let mut request = fixture.ask(Role::Admin, "POST", path, &[], Some(file));
    request.headers_mut().insert(header::CONTENT_TYPE, "application/toml".parse().unwrap());
    fixture.send(request).await
}

#[tokio::test]
async fn a_file_of_rules_is_tried_taken_and_given_back() {
    let fixture = Fixture::new().await;
    let tried = send(&fixture, "/api/v1/rules/import?dry_run=true", FILE).await.ok().json();
    assert_eq!((&tried["applied"], &tried["rules"][0]["outcome"]), (&false.into(), &"created".into()), "{tried}");
    fixture.get("/api/v1/rules/queue_length").await.refused("not_found");
    let taken = send(&fixture, "/api/v1/rules/import", FILE).await.ok().json();
    assert_eq!((&taken["applied"], &taken["rules"][0]["tests"]), (&true.into(), &1.into()), "{taken}");
    let rule = fixture.get("/api/v1/rules/queue_length").await.ok().json();
    assert!(rule["overrides"][0]["set_by"].is_string(), "{rule}");
    let text = fixture.get("/api/v1/rules/export").await.ok().text();
    let again = send(&fixture, "/api/v1/rules/import", &text).await.ok().json();
    assert!(again["rules"].as_array().unwrap().iter().all(|rule| rule["outcome"] == "unchanged"), "{again}");
}

#[tokio::test]
async fn a_failing_test_refuses_the_file_and_says_what_was_found_when() {
    let fixture = Fixture::new().await;
    let failing = FILE.replace("at_ms = 200_000", "at_ms = 70_000");
    let report = send(&fixture, "/api/v1/rules/test", &failing).await.ok().json();
    assert_eq!(report["rules"][0]["outcome"], "refused");
    assert_eq!(report["rules"][0]["field"], "tests[0].expect[1]");
    let reason = report["rules"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("failed at 70000 ms: expected firing (warning), found"), "{reason}");
    send(&fixture, "/api/v1/rules/import", &failing).await.refused("invalid_parameter");
    fixture.get("/api/v1/rules/queue_length").await.refused("not_found");
}

#[tokio::test]
async fn a_wrong_file_is_refused_with_its_place() {
    let fixture = Fixture::new().await;
    let broken = send(&fixture, "/api/v1/rules/import", "[[rule]]\nid = \"x\"\ntitle = \n").await;
    broken.refused("invalid_parameter");
    assert!(broken.json()["detail"].as_str().unwrap().contains("line 3"), "{}", broken.text());
    let wrong = send(&fixture, "/api/v1/rules/import", &FILE.replace("/ workers", "/ ")).await;
    wrong.refused("invalid_parameter");
    assert_eq!(wrong.json()["field"], "rule[0].condition.value");
    assert!(wrong.json()["detail"].as_str().unwrap().contains("at character"), "{}", wrong.text());
    fixture.post("/api/v1/rules/import", "{}").await.refused("unsupported_media_type");
}

#[tokio::test]
async fn every_version_of_a_rule_is_shown_with_who_made_it() {
    let fixture = Fixture::new().await;
    fixture.post("/api/v1/rules/oom_kill/disable", "").await.ok();
    let versions = fixture.get("/api/v1/rules/oom_kill/versions").await.ok().items();
    let told: Vec<_> = versions.iter().map(|version| (version["version"].clone(), version["rule"]["enabled"].clone())).collect();
    assert_eq!(told, [(1.into(), true.into()), (2.into(), false.into())]);
    assert_eq!(versions[1]["actor"]["kind"], "token");
    let second = fixture.get("/api/v1/rules/oom_kill/versions?limit=1").await.ok().json();
    let next = format!("/api/v1/rules/oom_kill/versions?cursor={}", second["next_cursor"].as_str().unwrap());
    assert_eq!(fixture.get(&next).await.ok().items()[0]["version"], 2);
}

#[tokio::test]
async fn a_deleted_rule_keeps_its_versions_and_goes_on_counting_when_it_is_made_again() {
    let fixture = Fixture::new().await;
    let versions = "/api/v1/rules/queue_length/versions";
    fixture.get(versions).await.refused("not_found");
    for _ in 0..2 {
        send(&fixture, "/api/v1/rules/import", FILE).await.ok();
        fixture.put("DELETE", "/api/v1/rules/queue_length", &[], "").await.ok();
        fixture.get("/api/v1/rules/queue_length").await.refused("not_found");
    }
    let versions = fixture.get(versions).await.ok().items();
    let told: Vec<_> = versions.iter().map(|one| (one["version"].as_u64().unwrap(), one["rule"]["enabled"].as_bool().unwrap())).collect();
    // It is switched off before it goes, so that its alerts end.
    assert_eq!(told, [(1, true), (2, false), (3, true), (4, false)]);
}

#[tokio::test]
async fn a_back_test_says_what_cannot_be_replayed_and_what_has_no_samples() {
    let fixture = Fixture::new().await;
    let empty = fixture.post("/api/v1/rules/backtest", r#"{"id": "cpu_utilization", "from": "-14d"}"#).await.ok().json();
    assert_eq!((&empty["incidents"], &empty["hosts_judged"]), (&0.into(), &0.into()), "{empty}");
    let short = fixture.post("/api/v1/rules/backtest", r#"{"id": "cpu_utilization", "from": "-15m"}"#).await.ok().json();
    assert!(short["warnings"].to_string().contains("looks back over 10 min"), "{short}");
    assert!(!empty["warnings"].to_string().contains("looks back"), "{empty}");
    for body in [
        r#"{"from": "-1d"}"#,
        r#"{"id": "cpu_utilization", "from": "-93d"}"#,
        r#"{"id": "cpu_utilization", "from": "-1d", "hosts": ["fridge"]}"#,
        r#"{"id": "cpu_utilization", "from": "-1d", "hosts": ["host_00000000000000000000000001"]}"#,
    ] {
        fixture.post("/api/v1/rules/backtest", body).await.refused("invalid_parameter");
    }
    fixture.post("/api/v1/rules/backtest", r#"{"id": "nothing", "from": "-1d"}"#).await.refused("invalid_parameter");
    send(&fixture, "/api/v1/rules/import", FILE).await.ok();
    let unheard = fixture.post("/api/v1/rules/backtest", r#"{"id": "queue_length", "from": "-1d"}"#).await.ok().json();
    assert!(unheard["warnings"][0].as_str().unwrap().contains("no host sends queue.length"), "{unheard}");
}

#[tokio::test]
async fn a_dry_run_says_what_the_import_says_and_both_heed_the_revision_that_was_seen() {
    let fixture = Fixture::new().await;
    let twice = format!("{FILE}{FILE}");
    let tried = send(&fixture, "/api/v1/rules/import?dry_run=true", &twice).await.ok().json();
    assert_eq!((&tried["refused"], &tried["rules"][1]["field"]), (&1.into(), &"id".into()), "{tried}");
    let refused = send(&fixture, "/api/v1/rules/import", &twice).await;
    refused.refused("invalid_parameter");
    assert_eq!(refused.json()["field"], "rule[1].id");
    let tag = fixture.get("/api/v1/rules/export").await.ok().header("etag").to_owned();
    for (tag, path, is_fine) in [
        ("\"1\"", "/api/v1/rules/import?dry_run=true", false),
        ("\"1\"", "/api/v1/rules/import", false),
        (tag.as_str(), "/api/v1/rules/import", true),
    ] {
        let mut request = fixture.ask(Role::Admin, "POST", path, &[("if-match", tag)], Some(FILE));
        request.headers_mut().insert(header::CONTENT_TYPE, "application/toml".parse().unwrap());
        let reply = fixture.send(request).await;
        if is_fine { drop(reply.ok()) } else { reply.refused("stale") }
    }
}

#[tokio::test]
async fn a_file_with_more_tests_than_there_is_time_for_is_refused() {
    let fixture = Fixture::new().await;
    let one = |n: usize| {
        let values = FILE.replace("2x26", "2x10000").replace("queue_length", &format!("queue_{n}"));
        format!("{values}{}", FILE.split("[[rule.tests]]").nth(1).map(|test| format!("\n[[rule.tests]]{test}")).unwrap_or_default())
    };
    let many: String = (0..210).map(one).collect();
    let refused = send(&fixture, "/api/v1/rules/test", &many).await;
    refused.refused("invalid_parameter");
    assert!(refused.json()["field"].as_str().unwrap().ends_with(".tests"), "{}", refused.text());
}

#[tokio::test]
async fn rules_are_found_removed_and_reset() {
    let fixture = Fixture::new().await;
    send(&fixture, "/api/v1/rules/import", FILE).await.ok();
    let names = async |query: &str| -> Vec<String> {
        let items = fixture.get(&format!("/api/v1/rules?{query}")).await.ok().items();
        items.iter().map(|rule| rule["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("stock=false").await, ["queue_length"]);
    assert_eq!(names("q=QUEUE+is+long").await, ["queue_length"]);
    assert_eq!(names("tier=page&q=raid").await, ["raid_degraded", "raid_member_failed"]);
    fixture.post("/api/v1/rules/oom_kill/disable", "").await.ok();
    assert_eq!(names("enabled=false").await, ["oom_kill"]);
    fixture.post("/api/v1/rules/oom_kill/reset", "").await.ok();
    assert_eq!(names("enabled=false").await, [""; 0]);
    fixture.put("DELETE", "/api/v1/rules/oom_kill", &[], "").await.refused("wrong_state");
    fixture.put("DELETE", "/api/v1/rules/queue_length", &[("if-match", "\"1\"")], "").await.refused("stale");
    assert_eq!(fixture.put("DELETE", "/api/v1/rules/queue_length", &[], "").await.status, StatusCode::NO_CONTENT);
    fixture.get("/api/v1/rules/queue_length").await.refused("not_found");
}

#[tokio::test]
async fn an_item_shows_the_rules_that_count_for_it_and_where_they_come_from() {
    let host = Host::reported().await;
    let mut rule = host.fixture.get("/api/v1/rules/filesystem_inodes").await.ok().json();
    for shown_only in ["stock", "updated_at", "revision"] {
        rule.as_object_mut().unwrap().remove(shown_only);
    }
    let levels = serde_json::json!({"critical": {"raise": 0.5, "clear": 0.4}});
    rule["overrides"] =
        serde_json::json!([{"selector": {"query": "package:openssl"}, "reason": "small disks", "levels": levels, "tier": "ticket"}]);
    host.fixture.put("PUT", "/api/v1/rules/filesystem_inodes", &[], &rule.to_string()).await.ok();
    let items = host.fixture.get(&format!("{}/rules?limit=1000", host.path())).await.ok().items();
    let of = |name: &str| items.iter().find(|rule| rule["id"] == name).unwrap_or_else(|| panic!("{name}"));
    let inodes = of("filesystem_inodes");
    assert_eq!((&inodes["levels"]["critical"]["raise"], &inodes["tier"]), (&0.5.into(), &"ticket".into()), "{inodes}");
    assert_eq!(inodes["override"]["reason"], "small disks");
    assert!(inodes["override"]["set_by"].is_string(), "{inodes}");
    assert_eq!((&of("cpu_utilization")["judged"], &of("cpu_utilization")["override"]), (&true.into(), &Value::Null));
}

#[tokio::test]
async fn what_is_wrong_within_a_predicate_is_named_by_its_path() {
    let fixture = Fixture::new().await;
    let body = |predicate: &str| {
        format!(
            r#"{{"id": "odd", "title": "Odd", "description": "Odd.", "enabled": true, "tier": "ticket", "impact": "low", "auto_resolve": true,
            "condition": {{"kind": "inventory", "predicate": {predicate}}}, "levels": {{"warning": {{"raise": 0, "clear": 0}}}}}}"#
        )
    };
    for (predicate, field) in [
        (r#"{"name": "hostname"}"#, "condition.predicate.test"),
        (r#"{"test": "attribute", "name": "hostname"}"#, "condition.predicate.operator"),
        (r#"{"test": "attribute", "name": "hostname", "operator": "equal", "value": {"a": 1}}"#, "condition.predicate.value"),
        (r#"{"test": "attribute", "name": "hostname", "operator": "greater", "value": 5}"#, "condition.predicate.value"),
    ] {
        let reply = fixture.post("/api/v1/rules", &body(predicate)).await;
        reply.refused("invalid_parameter");
        assert_eq!(reply.json()["field"], field, "{}", reply.text());
        assert!(!reply.text().contains("untagged"), "{}", reply.text());
    }
    let past = r#"{"reason": "Known", "rules": ["oom_kill"], "expires_at": "2001-01-01T00:00:00Z"}"#;
    assert_eq!(fixture.post("/api/v1/silences", past).await.json()["field"], "expires_at");
}

#[tokio::test]
async fn rules_in_a_file_select_by_query_and_a_wrong_one_is_refused_with_its_place() {
    let fixture = Fixture::new().await;
    let file = FILE.replace(r#"selector.tags = ["batch"]"#, r#"selector.query = "tag:batch os.id:debian""#);
    send(&fixture, "/api/v1/rules/import", &file).await.ok();
    let rule = fixture.get("/api/v1/rules/queue_length").await.ok().json();
    assert_eq!(rule["overrides"][0]["selector"]["query"], "tag:batch os.id:debian");
    let text = fixture.get("/api/v1/rules/export").await.ok().text();
    assert!(text.contains("tag:batch os.id:debian"));
    for (query, said) in [("tag:batch and (", "column"), ("agent:silent", "agent"), ("group:nobody", "group")] {
        let file = FILE.replace(r#"selector.tags = ["batch"]"#, &format!("selector.query = \"{query}\""));
        let reply = send(&fixture, "/api/v1/rules/import", &file).await;
        let text = reply.text();
        reply.refused("invalid_parameter");
        assert!(text.contains("overrides[0].selector.query") && text.contains(said), "{text}");
        let tried = send(&fixture, "/api/v1/rules/import?dry_run=true", &file).await.ok().json();
        assert_eq!(tried["rules"][0]["outcome"], "refused", "{tried}");
    }
}

#[tokio::test]
async fn an_agent_shows_which_lines_it_should_have_and_has() {
    let mut host = Host::reported().await;
    host.measure(&[("system.filesystem.inodes.utilization", "/")], vec![Some(0.5)]).await;
    let agents = host.fixture.get("/api/v1/agents").await.ok().items();
    let thresholds = &agents[0]["thresholds"];
    assert_eq!(thresholds["applied"], 0, "it said that it has none: {thresholds}");
    assert!(thresholds["version"].as_u64().unwrap() > 0 && thresholds["lines"].as_u64().unwrap() > 0, "{thresholds}");
    let here = format!("/api/v1/agents/{}/thresholds", agents[0]["id"].as_str().unwrap());
    let table = host.fixture.get(&here).await.ok().json();
    assert_eq!((&table["version"], &table["applied"]), (&thresholds["version"], &thresholds["applied"]));
    let lines = table["lines"].as_array().unwrap();
    assert_eq!(lines.len(), thresholds["lines"].as_u64().unwrap() as usize);
    assert_eq!((&table["left_out"], &thresholds["left_out"]), (&0.into(), &0.into()));
    let read_only = lines.iter().filter(|line| line["rules"] == serde_json::json!(["filesystem_read_only"])).count();
    assert!(read_only > 0, "a file system that turns read-only is pushed at once: {table}");
    let inodes = lines.iter().find(|line| line["rules"] == serde_json::json!(["filesystem_inodes"])).unwrap();
    assert_eq!((&inodes["metric"], &inodes["side"]), (&"system.filesystem.inodes.utilization".into(), &"above".into()), "{inodes}");
    host.fixture.put("POST", "/api/v1/rules/filesystem_inodes/disable", &[], "").await.ok();
    let after = host.fixture.get("/api/v1/agents").await.ok().items();
    assert_ne!(after[0]["thresholds"]["version"], thresholds["version"], "the rule has lines no more");
}

#[tokio::test]
async fn a_host_with_more_than_is_judged_for_one_says_which_rules_leave_out_how_much_of_it() {
    let mut host = Host::reported().await;
    let levels = serde_json::json!({"warning": {"raise": 4.0, "clear": 2.0}});
    let condition = serde_json::json!({"kind": "baseline", "metric": "queue.depth", "side": "above"});
    for id in ["depth", "depth_too"] {
        let rule = serde_json::json!({"id": id, "title": id, "description": "Look.", "enabled": true, "tier": "ticket", "impact": "low",
            "auto_resolve": true, "condition": condition, "levels": levels});
        host.fixture.post("/api/v1/rules", &rule.to_string()).await.ok();
    }
    let mounts: Vec<String> = (0..66).map(|n| format!("/{n:02}")).collect();
    let series: Vec<(&str, &str)> = mounts.iter().map(|mount| ("queue.depth", mount.as_str())).collect();
    host.measure(&series, vec![Some(1.0); 66]).await;
    let agents = host.fixture.get("/api/v1/agents").await.ok().items();
    let here = format!("/api/v1/cis/{}/rules", agents[0]["ci"].as_str().unwrap());
    let rules = host.fixture.get(&here).await.ok().items();
    for (id, judged, left_out) in [("depth", true, 2), ("depth_too", false, 66), ("filesystem_space", true, 0)] {
        let rule = rules.iter().find(|rule| rule["id"] == id).unwrap();
        assert_eq!((&rule["judged"], &rule["unjudged_series"]), (&judged.into(), &left_out.into()), "{rule}");
        let reason = (left_out > 0).then(|| format!("{left_out} series are not judged: limit of 64 baselines for one host"));
        assert_eq!(rule["reason"].as_str(), reason.as_deref(), "{rule}");
    }
    let figures = host.fixture.get_as("/metrics", "text/plain").await.ok().text();
    assert!(figures.contains("rollcall_overfull_agents 1\n") && figures.contains("rollcall_unjudged_series 68\n"), "{figures}");
    host.fixture.put("POST", "/api/v1/rules/depth_too/disable", &[], "").await.ok();
    host.measure(&series[..63], vec![Some(1.0); 63]).await;
    let figures = host.fixture.get_as("/metrics", "text/plain").await.ok().text();
    assert!(figures.contains("rollcall_overfull_agents 0\n") && figures.contains("rollcall_unjudged_series 0\n"), "{figures}");
}

#[tokio::test]
async fn a_back_test_replays_a_rule_for_the_hosts_that_its_query_selects() {
    let mut host = Host::reported().await;
    for value in [0.5, 0.95, 0.95, 0.5] {
        host.fixture.clock.advance(Duration::from_secs(300));
        host.measure(&[("system.filesystem.inodes.utilization", "/")], vec![Some(value)]).await;
    }
    let mut rule = host.fixture.get("/api/v1/rules/filesystem_inodes").await.ok().json();
    for shown_only in ["stock", "updated_at", "revision"] {
        rule.as_object_mut().unwrap().remove(shown_only);
    }
    for (query, hosts, incidents) in [("package:openssl<3.0.14", 1, 1), ("package:openssl<3.0.13", 0, 0)] {
        rule["selector"] = serde_json::json!({ "query": query });
        let body = serde_json::json!({"rule": rule, "from": "-1d"}).to_string();
        let found = host.fixture.post("/api/v1/rules/backtest", &body).await.ok().json();
        assert_eq!((&found["hosts"], &found["incidents"]), (&hosts.into(), &incidents.into()), "{query}: {found}");
    }
}

#[tokio::test]
async fn a_back_test_finds_the_incidents_that_were_opened_live_and_those_of_another_line() {
    let mut host = Host::reported().await;
    let series = [("system.filesystem.inodes.utilization", "/"), ("system.filesystem.inodes.utilization", "/var")];
    for value in [0.5, 0.95, 0.95, 0.5, 0.7, 0.99, 0.99] {
        host.fixture.clock.advance(Duration::from_secs(300));
        host.measure(&series, vec![Some(value), Some(0.1)]).await;
    }
    let live = host.fixture.get("/api/v1/incidents").await.ok().items();
    let live: Vec<&Value> = live.iter().filter(|one| one["title"].as_str().unwrap().starts_with("Filesystem inodes")).collect();
    assert_eq!(live.len(), 2, "{live:#?}");
    let known = host.fixture.post("/api/v1/rules/backtest", r#"{"id": "filesystem_inodes", "from": "-1d", "to": "now"}"#).await.ok().json();
    let figures = |found: &Value| (found["incidents"].clone(), found["cleared_within_10_minutes"].clone(), found["hosts_judged"].clone());
    assert_eq!(figures(&known), (2.into(), 1.into(), 1.into()), "{known:#}");
    assert_eq!(known["items"][0]["attributes"]["mountpoint"], "/");
    assert_eq!(known["summary"], "would have opened 2 incidents in 1 d on 1 hosts; 1 cleared within 10 minutes");
    let mut rule = host.fixture.get("/api/v1/rules/filesystem_inodes").await.ok().json();
    for shown_only in ["stock", "updated_at", "revision"] {
        rule.as_object_mut().unwrap().remove(shown_only);
    }
    rule["levels"]["warning"] = serde_json::json!({"raise": 0.05, "clear": 0.05});
    let body = serde_json::json!({"rule": rule, "from": "-1d"}).to_string();
    let strict = host.fixture.post("/api/v1/rules/backtest", &body).await.ok().json();
    assert_eq!(figures(&strict), (2.into(), 0.into(), 1.into()), "{strict:#}");
}

#[tokio::test]
async fn a_back_test_of_silence_lists_the_gaps_and_says_what_the_past_does_not_tell() {
    let mut host = Host::reported().await;
    for wait in [10, 300, 1_700, 60] {
        host.fixture.clock.advance(Duration::from_secs(wait));
        host.measure(&[("system.uptime", "")], vec![Some(1.0)]).await;
    }
    let ask = async |host: &Host| host.fixture.post("/api/v1/rules/backtest", r#"{"id": "host_silent", "from": "-1d"}"#).await.ok().json();
    let found = ask(&host).await;
    assert_eq!((&found["hosts_judged"], &found["incidents"]), (&1.into(), &1.into()), "{found:#}");
    let one = &found["items"][0];
    assert_eq!((&one["value"], &one["peak"], one["resolved_at"].is_string()), (&600.0.into(), &1700.0.into(), true), "{one:#}");
    let warnings = found["warnings"].as_array().unwrap();
    assert!(warnings.len() == 3 && warnings.iter().any(|text| text.as_str().unwrap().contains("goodbye")), "{warnings:?}");
    host.fixture.clock.advance(Duration::from_secs(3_600));
    let found = ask(&host).await;
    assert_eq!((&found["incidents"], &found["items"][1]["resolved_at"]), (&2.into(), &Value::Null), "{found:#}");
}

#[tokio::test]
async fn a_back_test_of_the_inventory_is_judged_by_the_changes_of_each_item() {
    let mut host = Host::reported().await;
    host.fixture.clock.advance(Duration::from_secs(3_600));
    host.report(vec![super::inventory::packages(&[("bash", "5.2"), ("openssl", "3.0.14")])]).await;
    host.fixture.clock.advance(Duration::from_secs(3_600));
    let rule = |predicate: &str| {
        format!(
            r#"{{"from": "-1d", "rule": {{"id": "it", "title": "It", "description": "Look.", "enabled": true, "tier": "ticket", "impact": "medium",
            "auto_resolve": true, "levels": {{"warning": {{"raise": 0, "clear": 0}}}},
            "condition": {{"kind": "inventory", "predicate": {predicate}}}}}}}"#
        )
    };
    let ask = async |predicate: &str| host.fixture.post("/api/v1/rules/backtest", &rule(predicate)).await.ok().json();
    let found = ask(r#"{"test": "package_below", "package": "openssl", "version": "3.0.14"}"#).await;
    assert_eq!((&found["hosts_judged"], &found["incidents"], &found["complete"]), (&1.into(), &1.into(), &true.into()), "{found:#}");
    let one = &found["items"][0];
    assert_eq!((host.path(), one["resolved_at"].is_string()), (format!("/api/v1/cis/{}", one["ci"].as_str().unwrap()), true), "{one:#}");
    assert_eq!((&found["judged_by"][0]["resolution"], &found["warnings"]), (&"changes".into(), &Value::Array(Vec::new())), "{found:#}");
    let found = ask(r#"{"test": "drift", "names": ["packages"], "within_ms": 600000}"#).await;
    let cleared = &found["items"][0]["resolved_at"];
    assert!(found["incidents"] == 1 && cleared.is_string(), "a change counts for ten minutes: {found:#}");
    let found = ask(r#"{"test": "attribute", "name": "os_version", "operator": "equal", "value": "12"}"#).await;
    assert_eq!((&found["incidents"], &found["items"][0]["resolved_at"]), (&1.into(), &Value::Null), "{found:#}");
    let denied = ask(r#"{"test": "software", "category": "denied"}"#).await;
    assert!(denied["incidents"] == 0 && denied["warnings"][0].as_str().unwrap().contains("catalogue"), "{denied:#}");
}

#[tokio::test]
async fn a_back_test_of_checks_about_other_items_is_judged_by_what_all_that_look_said() {
    let mut host = Host::reported().await;
    for state in [0.0, 2.0, 2.0, 0.0] {
        host.fixture.clock.advance(Duration::from_secs(60));
        host.probe("ping", "web-1", state).await;
    }
    host.fixture.clock.advance(Duration::from_secs(60));
    let found = host.fixture.post("/api/v1/rules/backtest", r#"{"id": "target_down", "from": "-1d"}"#).await.ok().json();
    assert_eq!((&found["hosts"], &found["incidents"]), (&1.into(), &1.into()), "{found:#}");
    let one = &found["items"][0];
    assert_eq!((&one["attributes"]["check"], one["resolved_at"].is_string()), (&"ping".into(), true), "{one:#}");
    assert!(found["warnings"][0].as_str().unwrap().contains("name of a target"), "{found:#}");
}

#[tokio::test]
async fn the_catalogue_tells_units_and_readers_and_what_came_besides() {
    let mut host = Host::reported().await;
    host.measure(&[("queue.length", "/spool"), ("system.filesystem.utilization", "/")], vec![Some(7.0), Some(0.5)]).await;
    let fixture = &host.fixture;
    let all = fixture.get("/api/v1/metric_catalogue?limit=1000").await.ok().items();
    let of = |name: &str| all.iter().find(|metric| metric["name"] == name).unwrap_or_else(|| panic!("{name}"));
    let space = of("system.filesystem.utilization");
    assert_eq!((&space["unit"], &space["kind"], &space["attributes"][0]), (&"1".into(), &"gauge".into(), &"mountpoint".into()));
    assert!(space["rules"].as_array().unwrap().contains(&"filesystem_space".into()), "{space}");
    let queue = of("queue.length");
    assert_eq!((&queue["unit"], &queue["catalogued"], &queue["attributes"][0]), (&Value::Null, &false.into(), &"mountpoint".into()));
    assert_eq!(fixture.get("/api/v1/metric_catalogue?catalogued=false").await.ok().items(), std::slice::from_ref(queue));
    let found = fixture.get("/api/v1/metric_catalogue?q=PSI").await.ok().items();
    assert_eq!(
        found.iter().map(|metric| metric["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["system.linux.psi.full", "system.linux.psi.some"]
    );
    let newest = fixture.get(&format!("{}/samples", host.path())).await.ok().items();
    let unit = |name: &str| newest.iter().find(|series| series["metric"] == name).unwrap()["unit"].clone();
    assert_eq!((unit("system.filesystem.utilization"), unit("queue.length")), ("1".into(), Value::Null));
}

#[tokio::test]
async fn a_rule_about_a_metric_that_nobody_sends_is_taken_with_a_warning() {
    let fixture = Fixture::new().await;
    let taken = send(&fixture, "/api/v1/rules/import", FILE).await.ok().json();
    let warnings = taken["rules"][0]["warnings"].as_array().unwrap();
    assert!(warnings.len() == 2 && warnings[0].as_str().unwrap().contains("queue.length"), "{taken}");
    let mut rule = fixture.get("/api/v1/rules/memory_utilization").await.ok().json();
    assert_eq!(rule["warnings"], Value::Null);
    for field in ["stock", "updated_at", "revision"] {
        rule.as_object_mut().unwrap().remove(field);
    }
    rule["id"] = "memory_misspelt".into();
    rule["condition"]["metric"] = "system.memory.utilisation".into();
    let made = fixture.post("/api/v1/rules", &rule.to_string()).await.ok().json();
    let warning = made["warnings"][0].as_str().unwrap();
    assert!(warning.ends_with("did you mean system.memory.utilization?"), "{warning}");
}

#[tokio::test]
async fn no_rule_is_judged_for_an_item_that_is_out_of_use() {
    let host = Host::reported().await;
    let rules = host.get("/rules").await.ok().items();
    assert!(!rules.is_empty() && rules.iter().all(|rule| rule["judged"] == true && rule["reason"].is_null()), "{rules:?}");
    host.fixture.put("PATCH", &host.path(), &[], r#"{"status": "retired", "reason": "sold"}"#).await.ok();
    let retired = host.get("/rules").await.ok().items();
    assert_eq!(retired.len(), rules.len());
    for rule in retired {
        assert_eq!((&rule["judged"], &rule["reason"]), (&false.into(), &"the item is retired".into()), "{rule}");
    }
}
