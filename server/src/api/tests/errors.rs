//! Errors that teach: they name the field with what it is in, say what is taken there, and tell what to do next.

use super::inventory::Host;
use super::*;
use serde_json::json;

const NOBODY: &str = "host_00000000000000000000000001";

/// A request that is refused because of a field.
#[track_caller]
fn check(reply: &Reply, (code, field, detail): (&str, &str, &str)) {
    reply.refused(code);
    let problem = reply.json();
    assert_eq!(problem["field"], field, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains(detail), "{detail}: {problem}");
}

#[tokio::test]
async fn a_mistake_deep_in_a_body_is_named_with_its_path() {
    let fixture = Fixture::new().await;
    let rule = |change: Value| {
        let mut rule = json!({"id": "x", "title": "X", "description": "X.", "enabled": true, "tier": "ticket", "impact": "low",
            "auto_resolve": true, "condition": {"kind": "expression", "value": "m", "side": "above"},
            "levels": {"warning": {"raise": 1.0, "clear": 0.5}}});
        rule.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        rule.to_string()
    };
    let levels = rule(json!({"levels": {"warning": {"raise": "high", "clear": 1.0}}}));
    check(&fixture.post("/api/v1/rules", &levels).await, ("invalid_parameter", "levels.warning.raise", "expected a number"));
    let missing = rule(json!({"levels": {"warning": {"raise": 1.0}}}));
    check(&fixture.post("/api/v1/rules", &missing).await, ("invalid_parameter", "levels.warning.clear", "is required"));
    let unknown = rule(json!({"overrides": [{"reason": "r", "selector": {"tgas": []}}]}));
    check(&fixture.post("/api/v1/rules", &unknown).await, ("unknown_parameter", "overrides[0].selector.tgas", "unknown field"));
    for (change, field) in [
        (json!({"levels": [{"raise": 1.0, "clear": 0.5}, null]}), "levels"),
        (json!({"levels": {"warning": [1.0, 0.5]}}), "levels.warning"),
        (json!({"overrides": [[{}, "r"]]}), "overrides[0]"),
        (json!({"selector": []}), "selector"),
    ] {
        check(&fixture.post("/api/v1/rules", &rule(change)).await, ("invalid_parameter", field, "must be an object, not a list"));
    }
    fixture.get("/api/v1/rules/x").await.refused("not_found");
    let layers = json!({"name": "Ops", "time_zone": "Europe/Berlin", "layers": [{"name": "Week", "members": [7]}]}).to_string();
    let reply = fixture.post("/api/v1/on_call_schedules", &layers).await;
    check(&reply, ("invalid_parameter", "layers[0].members[0]", "expected a string"));
    let policy = json!({"name": "Ops", "steps": "none"}).to_string();
    check(&fixture.post("/api/v1/escalation_policies", &policy).await, ("invalid_parameter", "steps", "expected a list"));
    let route = json!({"name": "All", "channels": ["chan_00000000000000000000000001"]}).to_string();
    check(&fixture.post("/api/v1/notification_routes", &route).await, ("invalid_parameter", "channels", "no channel"));
}

#[tokio::test]
async fn an_action_on_many_says_what_it_takes() {
    let fixture = Fixture::new().await;
    fixture.post("/api/v1/incidents", r#"{"title": "It smokes"}"#).await.ok();
    let bulk = async |action: Value| {
        let body = json!({"incidents": ["INC0000001"], "action": action}).to_string();
        fixture.post("/api/v1/incidents/bulk", &body).await
    };
    check(&bulk(json!("assign")).await, ("invalid_parameter", "action", "assign takes more: {\"assign\": {\"group\""));
    check(&bulk(json!("explode")).await, ("invalid_parameter", "action", "explode is no action; there are {\"acknowledge\": {}}"));
    check(&bulk(json!({"explode": {}})).await, ("invalid_parameter", "action", "merge"));
    check(&bulk(json!({})).await, ("invalid_parameter", "action", "one action, such as"));
    check(&bulk(json!(7)).await, ("invalid_parameter", "action", "one action, such as"));
    check(&bulk(json!({"acknowledge": {}, "resume": {}})).await, ("invalid_parameter", "action", "one action at a time"));
    check(&bulk(json!({"assign": {"grup": "x"}})).await, ("unknown_parameter", "action.assign.grup", "group"));
    check(&bulk(json!({"hold": {}})).await, ("invalid_parameter", "action.hold.reason", "is required"));
    check(&bulk(json!({"merge": {"into": "INC0000009"}})).await, ("invalid_parameter", "action.into", "INC0000017"));
    for action in [json!("acknowledge"), json!({"assign": {"group": "storage"}})] {
        assert_eq!(bulk(action).await.ok().json()["done"], 1);
    }
}

#[tokio::test]
async fn a_caller_that_is_but_a_text_is_told_which_shapes_are_taken() {
    let fixture = Fixture::new().await;
    for caller in [json!("ann"), json!({}), json!({"contact": "ann", "name": "Ann"})] {
        let reply = fixture.post("/api/v1/incidents", &json!({"title": "It smokes", "caller": caller}).to_string()).await;
        check(&reply, ("invalid_parameter", "caller", "{\"contact\": \"id or name of a contact\"} or {\"name\":"));
    }
}

#[tokio::test]
async fn what_a_body_names_and_what_is_not_there_is_a_wrong_field() {
    let host = Host::reported().await;
    let fixture = &host.fixture;
    let (id, other) = (host.path().rsplit('/').next().unwrap().to_owned(), "prb_00000000000000000000000001");
    fixture.post("/api/v1/incidents", r#"{"title": "It smokes"}"#).await.ok();
    fixture.post("/api/v1/problems", r#"{"title": "It always smokes"}"#).await.ok();
    let problem = fixture.get("/api/v1/problems").await.ok().items()[0]["id"].as_str().unwrap().to_owned();
    let problem = format!("/api/v1/problems/{problem}");
    let incident = "inc_00000000000000000000000001";
    for (method, path, body, field) in [
        ("POST", "/api/v1/incidents", json!({"title": "t", "primary_ci": NOBODY}), "primary_ci"),
        ("POST", "/api/v1/incidents", json!({"title": "t", "affected_cis": [id, NOBODY]}), "affected_cis[1]"),
        ("POST", "/api/v1/incidents", json!({"title": "t", "service": NOBODY}), "service"),
        ("POST", "/api/v1/incidents", json!({"title": "t", "parent": incident}), "parent"),
        ("PATCH", "/api/v1/incidents/INC0000001", json!({"primary_ci": NOBODY}), "primary_ci"),
        ("PATCH", "/api/v1/incidents/INC0000001", json!({"problem": other}), "problem"),
        ("POST", "/api/v1/incidents/INC0000001/merge", json!({"into": incident}), "into"),
        ("POST", "/api/v1/problems", json!({"title": "t", "incidents": [incident]}), "incidents[0]"),
        ("POST", &format!("{problem}/link"), json!({"incidents": [incident]}), "incidents[0]"),
        ("POST", &format!("{problem}/unlink"), json!({"incident": incident}), "incident"),
        ("POST", &format!("{problem}/duplicate"), json!({"of": other}), "of"),
        ("POST", &format!("{problem}/judge"), json!({"factor": "gremlins", "verdict": "refuted"}), "factor"),
        ("POST", "/api/v1/relations", json!({"from": id, "kind": "depends_on", "to": NOBODY}), "to"),
        ("POST", "/api/v1/relations", json!({"from": NOBODY, "kind": "depends_on", "to": id}), "from"),
        ("POST", &format!("{}/merge", host.path()), json!({"duplicates": [NOBODY], "reason": "the same"}), "duplicates[0]"),
        ("POST", "/api/v1/tags", json!({"cis": [id, NOBODY], "add": ["x"]}), "cis[1]"),
        ("POST", "/api/v1/assignment_rules/test", json!({"ci": NOBODY}), "ci"),
        ("POST", "/api/v1/rules/backtest", json!({"id": "no_such_rule", "from": "-1d"}), "id"),
    ] {
        let reply = fixture.put(method, path, &[], &body.to_string()).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{method} {path} {body}: {}", reply.text());
        check(&reply, ("invalid_parameter", field, ""));
    }
    fixture.post(&format!("/api/v1/problems/{other}/link"), &json!({"incidents": []}).to_string()).await.refused("not_found");
}

#[tokio::test]
async fn a_query_with_two_operators_is_refused_where_the_second_stands() {
    let fixture = Fixture::new().await;
    let reply = fixture.get("/api/v1/queries/check?query=package:bash%3C%3C6").await;
    check(&reply, ("invalid_parameter", "query", "an operator stands here after another"));
    assert_eq!((&reply.json()["position"], &reply.json()["length"]), (&json!(13), &json!(1)));
    fixture.get("/api/v1/queries/check?query=package:bash%3C6").await.ok();
    fixture.get("/api/v1/queries/completions?query=class:ser").await.ok();
}

#[tokio::test]
async fn a_test_through_a_channel_that_rests_says_why_and_how_to_go_on() {
    use rollcall_domain::delivery::{DeliveryCommand, Outcome, Told};
    let fixture = Fixture::new().await;
    let hook = r#"{"kind": "webhook", "name": "bridge", "url": "https://receiver.example/hook"}"#;
    let made = fixture.post("/api/v1/channels", hook).await.ok();
    let (path, id) = (made.header("location").to_owned(), made.json()["channel"]["id"].as_str().unwrap().to_owned());
    let (channel, revision) = (id.parse().unwrap(), fixture.engine.read(|world| world.revision));
    let outcome = Outcome::Gone { reason: "the receiver answered 410".into() };
    let gone = DeliveryCommand::Conclude { channel, told: Told::Feed { revisions: vec![revision] }, outcome };
    run(&fixture.engine, Command::Delivery(gone)).await;
    let test = format!("{path}/test");
    for detail in ["suspended (the receiver answered 410; PUT it again", "disabled (PUT it with enabled: true"] {
        let reply = fixture.post(&test, "").await;
        reply.refused("wrong_state");
        assert!(reply.json()["detail"].as_str().unwrap().contains(detail), "{}", reply.text());
        fixture.put("PUT", &path, &[], &hook.replace("\"kind\"", "\"enabled\": false, \"kind\"")).await.ok();
    }
}
