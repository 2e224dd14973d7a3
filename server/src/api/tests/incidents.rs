//! Incidents that people open, change, join and hand out.

use super::*;
use serde_json::json;

const OPEN: &str = r#"{"title": "Printer on fire", "description": "Third floor", "impact": "high", "urgency": "high"}"#;

async fn open(fixture: &Fixture, title: &str) -> String {
    fixture.post("/api/v1/incidents", &OPEN.replace("Printer on fire", title)).await.ok().header("location").to_owned()
}

#[tokio::test]
async fn an_incident_is_found_by_the_number_that_people_say() {
    let fixture = Fixture::new().await;
    let path = open(&fixture, "one").await;
    let by_number = fixture.get("/api/v1/incidents/INC0000001").await.ok();
    assert_eq!(by_number.json(), fixture.get(&path).await.ok().json());
    assert_eq!(fixture.get("/api/v1/incidents?q=inc0000001").await.ok().items().len(), 1);
    for wrong in ["INC0000002", "INC", "INC-1", "INC99999999999"] {
        fixture.get(&format!("/api/v1/incidents/{wrong}")).await.refused("not_found");
    }
}

#[tokio::test]
async fn all_that_is_known_of_one_can_be_said_when_it_opens() {
    let fixture = Fixture::new().await;
    fixture.post("/api/v1/contacts", r#"{"name": "Ada", "kind": "person"}"#).await.ok();
    let body = json!({"title": "Wiki is slow", "description": "Since noon", "channel": "portal", "caller": {"contact": "ada"},
        "category": "network", "assignee": "ada", "caused_by_change": "CHG0000042", "knowledge": ["KB0000007"]});
    let made = fixture.post("/api/v1/incidents", &body.to_string()).await.ok().json();
    for (field, expected) in [
        ("channel", json!("portal")),
        ("state", json!("assigned")),
        ("priority", json!(3)),
        ("category", json!("network")),
        ("assignee", json!("Ada")),
        ("caused_by_change", json!("CHG0000042")),
        ("knowledge", json!(["KB0000007"])),
    ] {
        assert_eq!(made[field], expected, "{field}");
    }
    assert_eq!((&made["caller"]["name"], &made["sla"][0]["state"]), (&json!("Ada"), &json!("running")));
    for (field, value) in [
        ("channel", json!("monitoring")),
        ("caller", json!({"contact": "ada", "name": "Ada"})),
        ("service", json!("x")),
        ("parent", json!("INC0000099")),
        ("affected_cis", json!(["x"])),
        ("assignee", json!("bo")),
    ] {
        let mut wrong = body.clone();
        wrong[field] = value;
        let reply = fixture.post("/api/v1/incidents", &wrong.to_string()).await;
        let named = reply.json()["field"].as_str().unwrap_or_default().to_owned();
        assert!(named.starts_with(field), "{field}: {named}");
        reply.refused("invalid_parameter");
    }
}

#[tokio::test]
async fn a_title_is_enough_and_what_is_wrong_is_named() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.post("/api/v1/incidents", r#"{"title": "Mail is down"}"#).await.ok().json()["description"], "");
    assert_eq!(fixture.post("/api/v1/problems", r#"{"title": "Mail is slow"}"#).await.ok().json()["description"], "");
    for (body, field) in [
        ("{}", "title"),
        (r#"{"title": 5}"#, "title"),
        (r#"{"title": "t", "impact": "huge"}"#, "impact"),
        (r#"{"title": "t", "caller": "ann"}"#, "caller"),
        (r#"{"title": "t", "affected_cis": [5]}"#, "affected_cis[0]"),
    ] {
        let reply = fixture.post("/api/v1/incidents", body).await;
        assert_eq!(reply.json()["field"], field, "{body}");
        reply.refused("invalid_parameter");
    }
    let reply = fixture.get("/api/v1/incidents?limit=many").await;
    assert_eq!(reply.json()["detail"], "limit: must be a whole number");
    let reply = fixture.get("/api/v1/cis/compare").await;
    assert_eq!((&reply.json()["field"], &reply.json()["detail"]), (&json!("left"), &json!("left: is required")));
}

#[tokio::test]
async fn fields_are_changed_one_by_one_and_null_empties() {
    let fixture = Fixture::new().await;
    let path = open(&fixture, "one").await;
    let tag = fixture.get(&path).await.header("etag").to_owned();
    let patch = async |json: &str| fixture.put("PATCH", &path, &[], json).await;
    let changed = fixture.put("PATCH", &path, &[("if-match", &tag)], r#"{"category": "print", "change": "CHG0000001"}"#).await.ok().json();
    assert_eq!((&changed["category"], &changed["change"], &changed["title"]), (&json!("print"), &json!("CHG0000001"), &json!("one")));
    fixture.put("PATCH", &path, &[("if-match", &tag)], r#"{"title": "two"}"#).await.refused("stale");
    assert_eq!(patch(r#"{"category": null}"#).await.ok().json()["category"], Value::Null);
    patch(r#"{"urgency": "low"}"#).await.refused("invalid_parameter");
    let graded = patch(r#"{"urgency": "low", "reason": "The shop is closed"}"#).await.ok().json();
    assert_eq!((&graded["priority"], &graded["graded_by_hand"]), (&json!(3), &json!(true)));
    patch(r#"{"number": "INC1"}"#).await.refused("unknown_parameter");
}

#[tokio::test]
async fn null_takes_off_what_can_be_without_and_is_refused_for_the_rest() {
    let fixture = Fixture::new().await;
    let body = json!({"title": "Wiki is slow", "description": "Since noon", "category": "network", "caused_by_change": "CHG0000042",
        "knowledge": ["KB0000007"], "channel": "portal"});
    let path = fixture.post("/api/v1/incidents", &body.to_string()).await.ok().header("location").to_owned();
    fixture.post("/api/v1/problems", r#"{"title": "Wiki", "incidents": ["INC0000001"]}"#).await.ok();
    let patch = async |body: Value| fixture.put("PATCH", &path, &[], &body.to_string()).await;
    patch(json!({"change": "CHG0000001"})).await.ok();
    for (field, empty) in [
        ("description", json!("")),
        ("primary_ci", Value::Null),
        ("affected_cis", json!([])),
        ("service", Value::Null),
        ("category", Value::Null),
        ("change", Value::Null),
        ("caused_by_change", Value::Null),
        ("knowledge", json!([])),
        ("problem", Value::Null),
    ] {
        assert_eq!(patch(json!({field: null})).await.ok().json()[field], empty, "{field}");
    }
    assert!(fixture.get("/api/v1/problems/PRB0000001/incidents").await.ok().items().is_empty());
    let before = fixture.get(&path).await.ok().json();
    for field in ["title", "channel", "caller", "impact", "urgency", "reason"] {
        let refused = patch(json!({field: null})).await;
        assert_eq!(refused.json()["field"], field);
        assert!(refused.json()["detail"].as_str().unwrap().contains("must not be null"), "{}", refused.text());
        refused.refused("invalid_parameter");
    }
    for field in ["parent", "group", "state"] {
        patch(json!({field: null})).await.refused("unknown_parameter");
    }
    let refused = patch(json!({"reason": "Because"})).await;
    assert_eq!(refused.json()["field"], "reason", "a reason for nothing");
    assert_eq!(fixture.get(&path).await.ok().json(), before);
}

#[tokio::test]
async fn incidents_are_found_by_who_reported_them() {
    let fixture = Fixture::new().await;
    let ada = fixture.post("/api/v1/contacts", r#"{"name": "Ada", "kind": "person"}"#).await.ok().json()["id"].clone();
    for (title, caller) in [("one", json!({"contact": "ada"})), ("two", json!({"name": "Grace of accounting"})), ("three", Value::Null)] {
        fixture.post("/api/v1/incidents", &json!({"title": title, "caller": caller}).to_string()).await.ok();
    }
    let ada = ada.as_str().unwrap();
    for (caller, expected) in [
        (ada, vec!["one"]),
        ("ADA", vec!["one"]),
        ("grace%20of%20accounting", vec!["two"]),
        ("me", vec!["three"]),
        ("The%20admin", vec!["three"]),
        ("nobody", vec![]),
    ] {
        let found = fixture.get(&format!("/api/v1/incidents?caller={caller}")).await.ok().items();
        assert_eq!(found.iter().map(|item| item["title"].as_str().unwrap()).collect::<Vec<_>>(), expected, "{caller}");
    }
}

#[tokio::test]
async fn incidents_are_joined_merged_and_watched() {
    let fixture = Fixture::new().await;
    let paths = [open(&fixture, "one").await, open(&fixture, "two").await, open(&fixture, "three").await];
    let child = fixture.post(&format!("{}/parent", paths[1]), r#"{"parent": "INC0000001"}"#).await.ok().json();
    let parent = fixture.get(&paths[0]).await.ok().json();
    assert_eq!((&child["parent"], &parent["children"][0], &parent["open_child_count"]), (&parent["id"], &child["id"], &json!(1)));
    fixture.post(&format!("{}/parent", paths[0]), r#"{"parent": "INC0000003"}"#).await.refused("conflict");
    let merged = fixture.post(&format!("{}/merge", paths[2]), r#"{"into": "INC0000002"}"#).await.ok().json();
    assert_eq!((&merged["state"], &merged["duplicate_of"], &merged["close_code"]), (&json!("closed"), &child["id"], &json!("duplicate")));
    fixture.clock.advance(Duration::from_secs(1));
    fixture.post(&format!("{}/watch", paths[0]), "{}").await.ok();
    for (query, expected) in [
        // Who reported what was merged goes on to hear of it.
        ("watcher=me", vec!["two", "one"]),
        ("parent=INC0000001", vec!["two"]),
        ("parent=none&open=true", vec!["one"]),
        ("sort=number", vec!["one", "two", "three"]),
        ("sort=-updated&limit=1", vec!["one"]),
        ("opened_to=2020-01-01T00:00:00Z", vec![]),
        ("channel=api&opened_from=2020-01-01T00:00:00Z&q=THIRD", vec!["three", "two", "one"]),
    ] {
        let found = fixture.get(&format!("/api/v1/incidents?{query}")).await.ok().items();
        assert_eq!(found.iter().map(|item| item["title"].as_str().unwrap()).collect::<Vec<_>>(), expected, "{query}");
    }
    for query in ["sort=title", "parent=x", "watcher=nobody", "service=x", "channel=fax", "opened_from=noon"] {
        fixture.get(&format!("/api/v1/incidents?{query}")).await.refused("invalid_parameter");
    }
    fixture.post(&format!("{}/unwatch", paths[0]), "{}").await.ok();
    assert_eq!(fixture.get("/api/v1/incidents?watcher=me").await.ok().items().len(), 1);
    let resolve = r#"{"close_code": "fixed", "notes": "water", "with_children": true}"#;
    fixture.post(&format!("{}/resolve", paths[0]), resolve).await.ok();
    assert_eq!(fixture.get(&paths[1]).await.ok().json()["state"], "resolved");
}

#[tokio::test]
async fn a_list_in_any_order_is_walked_page_by_page() {
    let fixture = Fixture::new().await;
    for urgency in ["low", "high", "medium", "high"] {
        fixture.post("/api/v1/incidents", &OPEN.replace(r#""urgency": "high""#, &format!(r#""urgency": "{urgency}""#))).await.ok();
    }
    for (query, expected) in [
        ("sort=priority", vec![4, 2, 3, 1]),
        ("sort=-number", vec![4, 3, 2, 1]),
        ("sort=number", vec![1, 2, 3, 4]),
        ("sort=number&priority=1", vec![2, 4]),
        ("priority=1", vec![4, 2]),
    ] {
        let mut cursor = String::new();
        let mut seen = Vec::new();
        for _ in &expected {
            let page = fixture.get(&format!("/api/v1/incidents?{query}&limit=1{cursor}")).await.ok().json();
            seen.push(page["items"][0]["number"].as_str().unwrap().to_owned());
            cursor = page["next_cursor"].as_str().map(|next| format!("&cursor={next}")).unwrap_or_default();
        }
        assert_eq!(seen, expected.iter().map(|number| format!("INC{number:07}")).collect::<Vec<_>>(), "{query}");
        assert!(cursor.is_empty(), "{query}");
    }
}

#[tokio::test]
async fn one_action_on_many_tells_what_became_of_each() {
    let fixture = Fixture::new().await;
    open(&fixture, "one").await;
    open(&fixture, "two").await;
    fixture.post("/api/v1/incidents/INC0000002/cancel", r#"{"reason": "a drill"}"#).await.ok();
    let body = r#"{"incidents": ["INC0000001", "INC0000002", "INC0000003", "x"], "action": {"assign": {"group": "web"}}}"#;
    let once = [("idempotency-key", "k")];
    let result = fixture.put("POST", "/api/v1/incidents/bulk", &once, body).await.ok().json();
    let codes: Vec<&Value> = result["items"].as_array().unwrap().iter().map(|item| &item["error"]["code"]).collect();
    assert_eq!(codes, [&Value::Null, &json!("wrong_state"), &json!("not_found"), &json!("not_found")]);
    assert_eq!((&result["done"], &result["refused"]), (&json!(1), &json!(3)));
    let again = fixture.put("POST", "/api/v1/incidents/bulk", &once, body).await.ok().json();
    assert_eq!(again["items"][0], result["items"][0], "done once");
    fixture.post("/api/v1/incidents/bulk", r#"{"incidents": [], "action": {"resume": {}}}"#).await.refused("invalid_parameter");
    fixture.put("POST", "/api/v1/incidents/bulk", &[("if-match", "\"1\"")], body).await.refused("invalid_parameter");
}

#[tokio::test]
async fn one_that_is_closed_is_followed_by_another() {
    let fixture = Fixture::new().await;
    let path = open(&fixture, "one").await;
    fixture.post(&format!("{path}/resolve"), r#"{"close_code": "fixed", "notes": "water"}"#).await.ok();
    fixture.post(&format!("{path}/close"), "{}").await.ok();
    let copy = fixture.post(&format!("{path}/reopen"), r#"{"reason": "It burns again"}"#).await;
    assert_eq!(copy.status, StatusCode::CREATED);
    assert_ne!(copy.header("location"), path);
    let copy = copy.json();
    assert_eq!((&copy["follows"], &copy["number"]), (&fixture.get(&path).await.json()["id"], &json!("INC0000002")));
}

#[tokio::test]
async fn assignment_rules_are_kept_in_order_tried_and_used() {
    let fixture = Fixture::new().await;
    let any = r#"{"name": "Rest", "position": 99, "group": "desk"}"#;
    let made = fixture.post("/api/v1/assignment_rules", any).await.ok();
    let path = made.header("location").to_owned();
    let urgent = r#"{"name": "Urgent", "position": 1, "conditions": {"priorities": [1]}, "group": "duty", "assignee": "ada"}"#;
    fixture.post("/api/v1/assignment_rules", urgent).await.ok();
    let names = |items: Vec<Value>| items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(fixture.get("/api/v1/assignment_rules").await.ok().items()), ["Urgent", "Rest"]);
    let page = fixture.get("/api/v1/assignment_rules?limit=1").await.ok().json();
    let next = page["next_cursor"].as_str().unwrap();
    assert_eq!(names(fixture.get(&format!("/api/v1/assignment_rules?cursor={next}")).await.ok().items()), ["Rest"]);
    let tried = fixture.post("/api/v1/assignment_rules/test", r#"{"impact": "low"}"#).await.ok().json();
    assert_eq!((&tried["group"], &tried["rules"][0]["because"]), (&json!("desk"), &json!("priorities: 4 is none of them")));
    let incident = fixture.post("/api/v1/incidents", OPEN).await.ok().json();
    assert_eq!((&incident["group"], &incident["assignee"]), (&json!("duty"), &json!("ada")));
    assert_eq!(incident["suggested_group"]["because"], "assignment rule Urgent");
    let changed = fixture.put("PUT", &path, &[("if-match", made.header("etag"))], &any.replace("desk", "hall")).await.ok().json();
    assert_eq!((&changed["version"], &changed["group"]), (&json!(2), &json!("hall")));
    fixture.put("PUT", &path, &[("if-match", made.header("etag"))], any).await.refused("stale");
    fixture
        .post("/api/v1/assignment_rules", r#"{"name": "x", "position": 1, "conditions": {"rules": ["none"]}}"#)
        .await
        .refused("invalid_parameter");
    fixture.put("DELETE", &path, &[], "").await.ok();
    fixture.get(&path).await.refused("not_found");
}

#[tokio::test]
async fn an_incident_goes_to_a_team_that_is_there_and_is_found_by_its_name_and_its_id() {
    let fixture = Fixture::new().await;
    let web = fixture.post("/api/v1/contacts", r#"{"name": "Web team", "kind": "team"}"#).await.ok().json();
    let id = web["id"].as_str().unwrap();
    let (one, other) = (open(&fixture, "one").await, open(&fixture, "other").await);
    let refused = fixture.post(&format!("{one}/assign"), r#"{"group": "web tema"}"#).await;
    let told = refused.json();
    assert_eq!(told["field"], "group");
    assert!(told["detail"].as_str().unwrap().contains("did you mean Web team?"), "{told}");
    refused.refused("invalid_parameter");
    for (path, group) in [(&one, id), (&other, "WEB TEAM")] {
        let assigned = fixture.post(&format!("{path}/assign"), &json!({"group": group}).to_string()).await.ok().json();
        assert_eq!(assigned["group"], "Web team");
    }
    let assign = format!("{one}/assign");
    fixture.post(&assign, r#"{"assignee": "ada"}"#).await.ok();
    let kept = fixture.post(&assign, r#"{"assignee": null}"#).await.ok().json();
    assert_eq!((&kept["group"], &kept["assignee"]), (&json!("Web team"), &json!(null)), "null takes off, and what is left out stays");
    fixture.post(&assign, "{}").await.refused("invalid_parameter");
    for group in [id, "Web%20team", "web%20team"] {
        assert_eq!(fixture.get(&format!("/api/v1/incidents?group={group}")).await.ok().items().len(), 2, "{group}");
    }
    let problem = fixture.post("/api/v1/problems", &json!({"title": "It is slow", "group": id}).to_string()).await.ok().json();
    assert_eq!(problem["group"], "Web team");
    assert_eq!(fixture.get(&format!("/api/v1/problems?group={id}")).await.ok().items().len(), 1);
}
