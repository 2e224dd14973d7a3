//! Problems through the API: how they are named, and what people write down of them.

use super::*;
use serde_json::json;

#[tokio::test]
async fn a_problem_and_its_incidents_are_named_as_people_say_them() {
    let fixture = Fixture::new().await;
    fixture.post("/api/v1/incidents", r#"{"title": "Mail is down"}"#).await.ok();
    fixture.post("/api/v1/problems", &json!({"title": "Mail", "incidents": ["INC0000001"]}).to_string()).await.ok();
    let problem = fixture.get("/api/v1/problems/PRB0000001").await.ok().json();
    assert_eq!(fixture.get(&format!("/api/v1/problems/{}", problem["id"].as_str().unwrap())).await.ok().json(), problem);
    for path in ["/api/v1/problems/prb1/incidents", "/api/v1/incidents?problem=PRB0000001"] {
        assert_eq!(fixture.get(path).await.ok().items().len(), 1, "{path}");
    }
    assert!(fixture.get("/api/v1/incidents/INC0000001/notifications").await.ok().items().is_empty());
    fixture.post("/api/v1/problems/PRB0000001/unlink", r#"{"incident": "INC0000001"}"#).await.ok();
    fixture.post("/api/v1/problems/PRB0000001/link", r#"{"incidents": ["INC0000001"]}"#).await.ok();
    fixture.put("PATCH", "/api/v1/incidents/INC0000001", &[], r#"{"problem": "PRB0000001"}"#).await.ok();
    fixture.post("/api/v1/problems", r#"{"title": "Mail again"}"#).await.ok();
    fixture.post("/api/v1/problems/PRB0000002/duplicate", r#"{"of": "PRB0000001"}"#).await.ok();
    fixture.get("/api/v1/problems/PRB0000003").await.refused("not_found");
    let reply = fixture.get("/api/v1/incidents?problem=PRB0000003").await;
    assert_eq!(reply.json()["field"], "problem");
}

#[tokio::test]
async fn what_is_written_down_of_a_problem_can_be_put_another_way() {
    let fixture = Fixture::new().await;
    fixture.post("/api/v1/problems", r#"{"title": "Mail", "description": "Slow."}"#).await.ok();
    let patch = async |body: Value| fixture.put("PATCH", "/api/v1/problems/PRB0000001", &[], &body.to_string()).await;
    let changed = patch(json!({"title": " Mail on Mondays ", "priority": 1})).await.ok().json();
    assert_eq!((&changed["title"], &changed["description"], &changed["priority"]), (&"Mail on Mondays".into(), &"Slow.".into(), &1.into()));
    assert_eq!(patch(json!({"description": ""})).await.ok().json()["description"], "");
    for (body, field) in [(json!({}), "title"), (json!({"title": " "}), "title"), (json!({"priority": 0}), "priority")] {
        let reply = patch(body).await;
        assert_eq!(reply.json()["field"], field);
        reply.refused("invalid_parameter");
    }
    let describe = async |body: Value| fixture.post("/api/v1/problems/PRB0000001/describe", &body.to_string()).await;
    describe(json!({"workaround": "Wait.", "root_cause": "The plug."})).await.ok();
    let described = describe(json!({"root_cause": null})).await.ok().json();
    assert_eq!((&described["workaround"], &described["root_cause"]), (&"Wait.".into(), &Value::Null), "null takes away");
    fixture.post("/api/v1/problems/PRB0000001/cancel", r#"{"reason": "It was the plug"}"#).await.ok();
    patch(json!({"priority": 2})).await.refused("wrong_state");
}

#[tokio::test]
async fn null_empties_a_description_and_is_refused_for_what_a_problem_always_has() {
    let fixture = Fixture::new().await;
    fixture.post("/api/v1/problems", r#"{"title": "Mail", "description": "Slow."}"#).await.ok();
    let path = "/api/v1/problems/PRB0000001";
    let patch = async |body: Value| fixture.put("PATCH", path, &[], &body.to_string()).await;
    assert_eq!(patch(json!({"description": null})).await.ok().json()["description"], "");
    for field in ["title", "priority"] {
        let refused = patch(json!({field: null, "description": "Slow again."})).await;
        assert_eq!(refused.json()["field"], field);
        refused.refused("invalid_parameter");
    }
    let refused = fixture.post(&format!("{path}/describe"), r#"{"known_error": null, "workaround": "Wait."}"#).await;
    assert_eq!(refused.json()["field"], "known_error");
    refused.refused("invalid_parameter");
    let problem = fixture.get(path).await.ok().json();
    assert_eq!((&problem["description"], &problem["workaround"]), (&"".into(), &Value::Null));
}

#[tokio::test]
async fn problems_are_found_by_what_incidents_are_found_by() {
    let fixture = Fixture::new().await;
    for (title, priority) in [("one", 1), ("two", 2)] {
        fixture.post("/api/v1/problems", &json!({"title": title, "description": "Disks", "priority": priority}).to_string()).await.ok();
    }
    fixture.post("/api/v1/problems/PRB0000002/assign", r#"{"assignee": "ada"}"#).await.ok();
    for (query, expected) in [
        ("priority=1", vec!["one"]),
        ("assignee=ADA", vec!["two"]),
        ("q=disks", vec!["two", "one"]),
        ("q=prb0000002", vec!["two"]),
        ("opened_from=2020-01-01T00:00:00Z&q=ONE", vec!["one"]),
        ("opened_to=2020-01-01T00:00:00Z", vec![]),
    ] {
        let found = fixture.get(&format!("/api/v1/problems?{query}")).await.ok().items();
        assert_eq!(found.iter().map(|item| item["title"].as_str().unwrap()).collect::<Vec<_>>(), expected, "{query}");
    }
    for query in ["opened_from=noon", "priority=high", "origin=luck"] {
        fixture.get(&format!("/api/v1/problems?{query}")).await.refused("invalid_parameter");
    }
}

#[tokio::test]
async fn what_a_known_error_applies_to_is_set_validated_with_its_place_and_taken_away() {
    let fixture = Fixture::new().await;
    let body = json!({"title": "openssl leaks", "applies_to": "package:openssl=3.0.14"}).to_string();
    let opened = fixture.post("/api/v1/problems", &body).await.ok().json();
    assert_eq!(opened["applies_to"], "package:openssl=3.0.14");
    let patch = async |body: Value| fixture.put("PATCH", "/api/v1/problems/PRB0000001", &[], &body.to_string()).await;
    let refused = patch(json!({"applies_to": "class:server package:"})).await;
    let told = refused.json();
    assert!(told["field"] == "applies_to" && told["detail"].as_str().is_some_and(|detail| detail.contains('^')), "{told}");
    refused.refused("invalid_parameter");
    assert_eq!(patch(json!({"priority": 2})).await.ok().json()["applies_to"], "package:openssl=3.0.14", "what is left out stays");
    assert_eq!(patch(json!({"applies_to": null})).await.ok().json()["applies_to"], Value::Null);
}
