//! Maintenance windows, freezes and silences, as people make, change and end them.

use super::inventory::Host;
use super::*;

#[tokio::test]
async fn maintenance_windows_and_silences_are_made_shown_and_ended() {
    let fixture = Fixture::new().await;
    let window = r#"{"reason": "Patch Sunday", "selector": {"tags": ["web"]}, "schedule": {"repeats": "weekly", "weekdays": ["sunday"],
        "start": "02:00", "duration_ms": 7200000, "time_zone": "Europe/Berlin"}}"#;
    let made = fixture.post("/api/v1/maintenance_windows", window).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let place = made.header("location").to_owned();
    assert_eq!(fixture.get(&place).await.ok().json()["schedule"]["time_zone"], "Europe/Berlin");
    let silence = r#"{"reason": "Known", "rules": ["filesystem_space"], "expires_at": "2099-01-01T00:00:00Z"}"#;
    fixture.post("/api/v1/silences", silence).await.refused("invalid_parameter");
    assert_eq!(fixture.get("/api/v1/silences").await.ok().items().len(), 0);
    assert_eq!(fixture.get("/api/v1/maintenance_windows").await.ok().items().len(), 1);
    fixture.get(&place.replace("maintenance_windows", "silences")).await.refused("not_found");
    assert_eq!(fixture.put("DELETE", &place, &[], "").await.status, StatusCode::NO_CONTENT);
    fixture.get(&place).await.refused("not_found");
    fixture.post("/api/v1/maintenance_windows", &window.replace("{\"tags\": [\"web\"]}", "{}")).await.refused("invalid_parameter");
}

#[tokio::test]
async fn a_misspelt_selector_is_taken_with_the_warning_that_a_check_of_its_query_gives() {
    let host = Host::reported().await;
    let fixture = &host.fixture;
    let check = fixture.get("/api/v1/queries/check?query=tagg:web").await.ok().json();
    let said = check["warnings"][0].as_str().unwrap();
    assert_eq!(said, "no configuration item has an attribute tagg; did you mean tag?");
    let begin = r#"{"reason": "Patches", "selector": {"query": "tagg:web"}, "#;
    let once = r#""schedule": {"repeats": "once", "from": "2098-12-20T00:00:00Z", "to": "2099-01-03T00:00:00Z"}}"#;
    let until = r#""expires_at": "2026-12-24T00:00:00Z"}"#;
    for (path, rest) in [("maintenance_windows", once), ("freezes", once), ("silences", until)] {
        let path = format!("/api/v1/{path}");
        let made = fixture.post(&path, &format!("{begin}{rest}")).await.ok();
        let named = format!("selector.query: {said}");
        let expected = serde_json::json!([named, "selector: means no configuration item now"]);
        assert_eq!(made.json()["warnings"], expected, "{path}");
        assert_eq!(fixture.get(made.header("location")).await.ok().json()["warnings"], expected);
        assert_eq!(fixture.get(&path).await.ok().items()[0]["warnings"], serde_json::json!([named]));
        let right = fixture.post(&path, &format!("{begin}{rest}").replace("tagg:web", "class:host")).await.ok().json();
        assert_eq!(right["warnings"], serde_json::json!([]), "{path}");
        let all = fixture.post(&path, &format!("{begin}{rest}").replace("tagg:web", "*")).await;
        all.refused("invalid_parameter");
        assert_eq!(all.json()["field"], "selector");
    }
    let mut rule = fixture.get("/api/v1/rules/memory_utilization").await.ok().json();
    for field in ["stock", "updated_at", "revision", "warnings"] {
        rule.as_object_mut().unwrap().remove(field);
    }
    rule["id"] = "memory_of_web".into();
    rule["selector"] = serde_json::json!({"query": "tagg:web"});
    rule["overrides"] = serde_json::json!([{"selector": {"query": "tagg:web"}, "reason": "slow", "for_ms": 1000}]);
    let made = fixture.post("/api/v1/rules", &rule.to_string()).await.ok().json();
    let warnings: Vec<&str> = made["warnings"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let named = [format!("selector.query: {said}"), format!("overrides[0].selector.query: {said}")];
    assert!(warnings.ends_with(&[&named[0], &named[1]]), "{warnings:?}");
}

#[tokio::test]
async fn a_mute_is_changed_by_whoever_saw_it_as_it_is_and_keeps_who_made_it() {
    let fixture = Fixture::new().await;
    let once = |from: &str, to: &str| format!(r#""schedule": {{"repeats": "once", "from": "{from}", "to": "{to}"}}"#);
    let now = fixture.engine.now();
    let (earlier, later) = (Timestamp(now.0 - 1_000).to_string(), Timestamp(now.0 + 3_600_000).to_string());
    for (path, first, end) in [
        ("maintenance_windows", once(&earlier, &later), once(&earlier, &now.to_string())),
        ("freezes", once(&earlier, &later), once(&earlier, &now.to_string())),
        ("silences", format!(r#""expires_at": "{later}""#), format!(r#""starts_at": "{earlier}", "expires_at": "{now}""#)),
    ] {
        let body = |reason: &str, time: &str| format!(r#"{{"reason": "{reason}", "rules": ["oom_kill"], {time}}}"#);
        let made = fixture.post(&format!("/api/v1/{path}"), &body("Patches", &first)).await.ok();
        let (place, tag) = (made.header("location").to_owned(), made.header("etag").to_owned());
        assert_eq!((&made.json()["changed_by"], &made.json()["changed_at"]), (&Value::Null, &Value::Null));
        let changed = fixture.put("PUT", &place, &[("if-match", &tag)], &body("More patches", &first)).await.ok();
        let (before, after) = (made.json(), changed.json());
        assert_eq!((&after["reason"], &after["active"]), (&"More patches".into(), &true.into()), "{after}");
        assert_eq!((&after["created_by"], &after["created_at"]), (&before["created_by"], &before["created_at"]));
        assert_eq!(after["starts_at"], before["starts_at"], "it began when it began");
        assert!(after["changed_by"].is_string() && after["changed_at"].is_string(), "{after}");
        assert!(changed.header("etag") != tag && fixture.get(&place).await.ok().json() == after);
        fixture.put("PUT", &place, &[("if-match", &tag)], &body("Older", &first)).await.refused("stale");
        fixture.put("PUT", &place, &[], &body("", &first)).await.refused("invalid_parameter");
        let other = if path == "freezes" { "maintenance_windows" } else { "freezes" };
        fixture.put("PUT", &place.replace(path, other), &[], &body("x", &once(&earlier, &later))).await.refused("not_found");
        let ended = fixture.put("PUT", &place, &[], &body("Done", &end)).await.ok().json();
        assert_eq!(ended["active"], false, "{ended}");
        fixture.put("PUT", &place, &[], &body("Again", &first)).await.refused("wrong_state");
    }
    let feed = fixture.get_as("/api/v1/events?limit=1000", "application/json").await.ok().text();
    let (made, changed) = (feed.matches("mute_set").count(), feed.matches("mute_changed").count());
    assert!(made > 0 && changed == 2 * made, "{feed}");
}

#[tokio::test]
async fn what_is_wrong_within_a_schedule_is_named_by_its_path() {
    let fixture = Fixture::new().await;
    let wall = r#""start": "02:00", "duration_ms": 3600000, "time_zone": "UTC""#;
    for (schedule, field) in [
        (r#""repeats": "once", "from": "yesterday", "to": "2099-01-01T00:00:00Z""#.to_owned(), "schedule.from"),
        (r#""repeats": "once", "from": "2098-01-01T00:00:00Z", "to": "2099-13-01T00:00:00Z""#.to_owned(), "schedule.to"),
        (r#""repeats": "once", "from": "2098-01-01T00:00:00Z""#.to_owned(), "schedule.to"),
        (r#""repeats": "daily""#.to_owned(), "schedule.repeats"),
        (r#""from": "2098-01-01T00:00:00Z""#.to_owned(), "schedule.repeats"),
        (format!(r#""repeats": "weekly", "weekdays": ["monday", "tewsday"], {wall}"#), "schedule.weekdays[1]"),
        (format!(r#""repeats": "weekly", "weekdays": [{{"nth": 1, "weekday": "monday"}}], {wall}"#), "schedule.weekdays[0]"),
        (format!(r#""repeats": "weekly", {wall}"#), "schedule.weekdays"),
        (format!(r#""repeats": "weekly", "weekdays": ["monday"], "day": 1, {wall}"#), "schedule.day"),
        (format!(r#""repeats": "weekly", "weekdays": ["monday"], "days": [1], {wall}"#), "schedule.days"),
        (format!(r#""repeats": "monthly", "weekdays": [{{"nth": 1, "weekday": "mon"}}], {wall}"#), "schedule.weekdays[0].weekday"),
        (format!(r#""repeats": "monthly", "days": [1, "last"], {wall}"#), "schedule.days[1]"),
        (
            wall.replace("\"start\"", "\"repeats\": \"monthly\", \"days\": [1], \"start\"").replace("3600000", "\"1h\""),
            "schedule.duration_ms",
        ),
    ] {
        let body = format!(r#"{{"reason": "Patches", "rules": ["oom_kill"], "schedule": {{{schedule}}}}}"#);
        let refused = fixture.post("/api/v1/maintenance_windows", &body).await;
        assert_eq!((refused.status, &refused.json()["field"]), (StatusCode::BAD_REQUEST, &field.into()), "{body}: {}", refused.text());
    }
}

#[tokio::test]
async fn a_freeze_is_made_shown_and_ended_and_is_no_maintenance_window() {
    let fixture = Fixture::new().await;
    let freeze = r#"{"reason": "Year's end", "selector": {"query": "class:server tag:prod"},
        "schedule": {"repeats": "once", "from": "2026-12-20T00:00:00Z", "to": "2027-01-03T00:00:00Z"}}"#;
    let made = fixture.post("/api/v1/freezes", freeze).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let place = made.header("location").to_owned();
    assert_eq!(fixture.get(&place).await.ok().json()["selector"]["query"], "class:server tag:prod");
    assert_eq!(fixture.get("/api/v1/freezes").await.ok().items().len(), 1);
    assert_eq!(fixture.get("/api/v1/maintenance_windows").await.ok().items().len(), 0);
    let wrong = fixture.post("/api/v1/freezes", &freeze.replace("tag:prod", "last_seen>7d")).await;
    wrong.refused("invalid_parameter");
    assert_eq!(fixture.put("DELETE", &place, &[], "").await.status, StatusCode::NO_CONTENT);
}
