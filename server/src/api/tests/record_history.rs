//! What changed incidents and problems, record by record.

use super::*;
use serde_json::json;

const OPEN: &str = r#"{"title": "Shop is slow", "impact": "high", "urgency": "medium", "group": "web"}"#;

async fn act(fixture: &Fixture, action: &str, body: Value) {
    fixture.post(&format!("/api/v1/incidents/INC0000001/{action}"), &body.to_string()).await.ok();
}

/// An incident that people worked on, resolved, reopened and gave to a problem.
async fn worked_on() -> Fixture {
    let fixture = Fixture::new().await;
    fixture.post("/api/v1/incidents", OPEN).await.ok();
    act(&fixture, "assign", json!({"assignee": "ada"})).await;
    let graded = r#"{"urgency": "high", "reason": "The sale began"}"#;
    fixture.put("PATCH", "/api/v1/incidents/INC0000001", &[("x-request-id", "call-7")], graded).await.ok();
    act(&fixture, "assign", json!({"group": "db", "assignee": null})).await;
    act(&fixture, "acknowledge", json!({})).await;
    act(&fixture, "resolve", json!({"close_code": "fixed", "notes": "Restarted it"})).await;
    act(&fixture, "reopen", json!({"reason": "It is back"})).await;
    fixture.post("/api/v1/problems", r#"{"title": "Leak", "incidents": ["INC0000001"]}"#).await.ok();
    fixture
}

/// Type and fields of each record.
fn lines(items: &[Value]) -> Vec<String> {
    let line = |item: &Value| {
        let fields: Vec<&str> = item["changes"].as_array().unwrap().iter().map(|change| change["field"].as_str().unwrap()).collect();
        format!("{} {}", item["type"].as_str().unwrap(), fields.join(" "))
    };
    items.iter().map(line).collect()
}

fn field<'a>(item: &'a Value, name: &str) -> (&'a Value, &'a Value) {
    let change = item["changes"].as_array().unwrap().iter().find(|change| change["field"] == name).unwrap();
    (&change["before"], &change["after"])
}

#[tokio::test]
async fn the_past_of_an_incident_says_who_did_what_and_what_was_before() {
    let fixture = worked_on().await;
    let told = fixture.get("/api/v1/incidents/INC0000001/history").await.ok().items();
    assert_eq!(
        lines(&told),
        [
            "incident_opened title state priority impact impact_reason urgency graded_by_hand group channel caller",
            "incident_assigned assignee",
            "incident_prioritised priority impact_reason urgency",
            "incident_assigned group assignee",
            "incident_acknowledged acknowledged",
            "incident_state_changed state",
            "incident_state_changed state resolved close_code close_notes",
            "incident_state_changed state resolved close_code close_notes reopen_count",
            "incident_linked problem",
        ]
    );
    assert!(told.iter().all(|one| one["by"]["name"] == "the admin" && one["at"].is_string()), "{told:#?}");
    assert_eq!((field(&told[0], "state"), field(&told[0], "group")), ((&Value::Null, &json!("assigned")), (&Value::Null, &json!("web"))));
    assert_eq!((field(&told[2], "priority"), &told[2]["reason"]), ((&json!(2), &json!(1)), &json!("The sale began")));
    assert_eq!((field(&told[3], "group"), field(&told[3], "assignee")), ((&json!("web"), &json!("db")), (&json!("ada"), &Value::Null)));
    assert_eq!(field(&told[4], "acknowledged").1["by"]["name"], "the admin");
    assert_eq!(field(&told[7], "close_notes"), (&json!("Restarted it"), &Value::Null), "how it was resolved before it was reopened");
    assert_eq!(told[7]["reason"], "It is back");
    assert!(field(&told[8], "problem").1.as_str().unwrap().starts_with("prb_"));
}

#[tokio::test]
async fn a_past_is_walked_page_by_page_and_comes_as_a_table() {
    let fixture = worked_on().await;
    let whole = fixture.get("/api/v1/incidents/INC0000001/history").await.ok().items();
    for limit in [1, 3, 10] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = fixture.get(&format!("/api/v1/incidents/INC0000001/history?limit={limit}{cursor}")).await.ok().json();
            seen.extend(page["items"].as_array().unwrap().clone());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, whole, "pages of {limit}");
    }
    let table = fixture.get_as("/api/v1/incidents/INC0000001/history", "text/csv").await.ok().text();
    assert!(table.lines().next().unwrap().starts_with("revision,at,type,by"), "{table}");
    fixture.get("/api/v1/incidents/INC0000002/history").await.refused("not_found");
    fixture.get("/api/v1/incidents/INC0000001/history?limit=0").await.refused("invalid_parameter");
    fixture.get("/api/v1/incidents/INC0000001/history?since=5").await.refused("unknown_parameter");
}

#[tokio::test]
async fn the_past_of_a_problem_is_told_alike() {
    let fixture = worked_on().await;
    fixture.post("/api/v1/problems/PRB0000001/describe", r#"{"workaround": "Restart it"}"#).await.ok();
    fixture.post("/api/v1/problems/PRB0000001/describe", r#"{"workaround": "Restart it at night"}"#).await.ok();
    fixture.post("/api/v1/problems/PRB0000001/unlink", r#"{"incident": "INC0000001"}"#).await.ok();
    let told = fixture.get("/api/v1/problems/PRB0000001/history").await.ok().items();
    assert_eq!(
        lines(&told),
        [
            "problem_opened title state priority incidents",
            "problem_described workaround",
            "problem_described workaround",
            "problem_incident_removed incidents"
        ]
    );
    assert_eq!(field(&told[2], "workaround"), (&json!("Restart it"), &json!("Restart it at night")));
    let incident = fixture.get("/api/v1/incidents/INC0000001").await.ok().json()["id"].clone();
    assert_eq!(field(&told[3], "incidents"), (&json!([incident]), &json!([])), "what went");
}
