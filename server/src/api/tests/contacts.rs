//! People and teams that are found, renamed and deleted.

use super::*;
use serde_json::json;

/// A contact; its id.
async fn contact(fixture: &Fixture, body: Value) -> String {
    fixture.post("/api/v1/contacts", &body.to_string()).await.ok().json()["id"].as_str().unwrap().to_owned()
}

async fn patch(fixture: &Fixture, id: &str, body: Value) -> Reply {
    fixture.put("PATCH", &format!("/api/v1/contacts/{id}"), &[], &body.to_string()).await
}

/// Something made; its id.
async fn made(fixture: &Fixture, path: &str, body: Value) -> String {
    fixture.post(path, &body.to_string()).await.ok().json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_contact_is_changed_at_the_revision_that_was_seen() {
    let fixture = Fixture::new().await;
    let id = contact(&fixture, json!({"name": "Web team", "kind": "team", "mail": "web@example.org"})).await;
    let path = format!("/api/v1/contacts/{id}");
    let seen = fixture.get(&path).await.ok().header("etag").to_owned();
    let now = fixture.put("PATCH", &path, &[("if-match", &seen)], r#"{"name": "Shop"}"#).await.ok();
    let shown = json!({"id": id, "name": "Shop", "kind": "team", "mail": "web@example.org", "former_names": ["Web team"], "revision": now.json()["revision"]});
    assert_eq!(now.json(), shown);
    fixture.put("PATCH", &path, &[("if-match", &seen)], r#"{"name": "Shops"}"#).await.refused("stale");
    fixture.put("DELETE", &path, &[("if-match", &seen)], "").await.refused("stale");
    let again = patch(&fixture, &id, json!({"name": "Shop", "kind": "team"})).await.ok();
    assert_eq!(again.header("etag"), now.header("etag"), "what changes nothing is no change");
    assert_eq!(patch(&fixture, &id, json!({"mail": null})).await.ok().json()["mail"], Value::Null);
    for (body, code, field) in [
        (json!({"kind": "person"}), "invalid_parameter", "kind"),
        (json!({"kind": "robot"}), "invalid_parameter", "kind"),
        (json!({"name": null}), "invalid_parameter", "name"),
        (json!({"name": " "}), "invalid_parameter", "name"),
        (json!({"mail": "shop"}), "invalid_parameter", "mail"),
        (json!({"former_names": []}), "unknown_parameter", "former_names"),
    ] {
        let reply = patch(&fixture, &id, body.clone()).await;
        reply.refused(code);
        assert_eq!(reply.json()["field"], field, "{body}");
    }
    let taken = fixture.post("/api/v1/contacts", r#"{"name": "web TEAM", "kind": "team"}"#).await;
    taken.refused("conflict");
    assert!(taken.text().contains(&id), "{}", taken.text());
    let back = patch(&fixture, &id, json!({"name": "Web team"})).await.ok().json();
    assert_eq!((&back["name"], &back["former_names"]), (&json!("Web team"), &json!(["Shop"])));
    patch(&fixture, "con_00000000000000000000000009", json!({"name": "x"})).await.refused("not_found");
}

#[tokio::test]
async fn contacts_are_found_by_kind_and_text() {
    let fixture = Fixture::new().await;
    for (name, kind, mail) in [
        ("Web team", "team", json!("shop@example.org")),
        ("Storage", "team", Value::Null),
        ("Ada Web", "person", Value::Null),
        ("Bo", "person", json!("bo@web.example")),
    ] {
        contact(&fixture, json!({"name": name, "kind": kind, "mail": mail})).await;
    }
    let names = async |query: &str| {
        let items = fixture.get(&format!("/api/v1/contacts{query}")).await.ok().items();
        let mut names: Vec<String> = items.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names("?kind=team").await, ["Storage", "Web team"]);
    assert_eq!(names("?q=WEB").await, ["Ada Web", "Bo", "Web team"]);
    assert_eq!(names("?kind=person&q=web").await, ["Ada Web", "Bo"]);
    assert_eq!(names("?q=shop@").await, ["Web team"]);
    assert!(names("?q=nobody").await.is_empty());
    let storage = fixture.get("/api/v1/contacts?q=storage").await.ok().items()[0]["id"].as_str().unwrap().to_owned();
    patch(&fixture, &storage, json!({"name": "Disks"})).await.ok();
    assert_eq!(names("?q=storage").await, ["Disks"], "by a name of before too");
    fixture.get("/api/v1/contacts?kind=robot").await.refused("invalid_parameter");
    fixture.get("/api/v1/contacts?mail=x").await.refused("unknown_parameter");
}

#[tokio::test]
async fn what_named_a_contact_before_shows_and_finds_it_by_its_name_of_now() {
    let fixture = Fixture::new().await;
    let team = contact(&fixture, json!({"name": "Web team", "kind": "team"})).await;
    let person = contact(&fixture, json!({"name": "Ada Byron", "kind": "person"})).await;
    let service = json!({"class": "business_service", "name": "Shop", "attributes": {"owner": "Web team", "support_group": "Web team"}});
    let service = made(&fixture, "/api/v1/cis", service).await;
    let open = json!({"title": "Slow", "group": "web team", "assignee": "ada byron", "caller": {"contact": "ada byron"}});
    let incident = made(&fixture, "/api/v1/incidents", open).await;
    fixture.post(&format!("/api/v1/incidents/{incident}/watch"), r#"{"contact": "ada byron"}"#).await.ok();
    let problem = made(&fixture, "/api/v1/problems", json!({"title": "Slow", "group": "web team"})).await;
    let all = json!({"name": "All", "position": 1, "conditions": {}, "group": "web team", "assignee": "ada byron"});
    let all = made(&fixture, "/api/v1/assignment_rules", all).await;
    patch(&fixture, &team, json!({"name": "Shop team"})).await.ok();
    patch(&fixture, &person, json!({"name": "Ada Lovelace"})).await.ok();

    let incident = fixture.get(&format!("/api/v1/incidents/{incident}")).await.ok().json();
    assert_eq!((&incident["group"], &incident["assignee"]), (&json!("Shop team"), &json!("Ada Lovelace")));
    assert_eq!((&incident["caller"]["name"], &incident["watchers"][0]["name"]), (&json!("Ada Lovelace"), &json!("Ada Lovelace")));
    assert_eq!(fixture.get(&format!("/api/v1/problems/{problem}")).await.ok().json()["group"], "Shop team");
    let rule = fixture.get(&format!("/api/v1/assignment_rules/{all}")).await.ok();
    assert_eq!((&rule.json()["group"], &rule.json()["assignee"]), (&json!("Shop team"), &json!("Ada Lovelace")));
    let same = json!({"name": "All", "position": 1, "conditions": {}, "group": "Shop team", "assignee": "Ada Lovelace"});
    let put = fixture.put("PUT", &format!("/api/v1/assignment_rules/{all}"), &[], &same.to_string()).await.ok();
    assert_eq!(put.header("etag"), rule.header("etag"), "written back as it is shown it is the same");
    let item = fixture.get(&format!("/api/v1/cis/{service}")).await.ok().json();
    assert_eq!(item["attributes"]["owner"]["value"], "Shop team");
    assert_eq!(item["attributes"]["owner"]["proposals"][0]["value"], "Shop team");
    assert_eq!(fixture.get("/api/v1/services").await.ok().items()[0]["support_group"], "Shop team");
    let exported = fixture.get("/api/v1/export/cis?class=business_service").await.ok().items();
    assert_eq!(exported[0]["owner"], "Shop team");

    let of_team = [team.as_str(), "Web%20team", "shop%20TEAM"];
    let of_person = [person.as_str(), "Ada%20Byron", "ada%20lovelace"];
    let mut queries: Vec<String> = of_team
        .iter()
        .flat_map(|name| {
            [
                format!("incidents?group={name}"),
                format!("problems?group={name}"),
                format!("services?owner={name}"),
                format!("cis?attribute=owner:{name}"),
            ]
        })
        .collect();
    queries.extend(of_person.iter().flat_map(|name| [format!("incidents?assignee={name}"), format!("incidents?watcher={name}")]));
    queries.extend(of_team[1..].iter().map(|name| format!("cis?query=support_group:%22{name}%22")));
    for query in queries {
        let found = fixture.get(&format!("/api/v1/{query}")).await.ok().items();
        assert_eq!(found.len(), 1, "{query}");
        if query.starts_with("cis") {
            assert_eq!(found[0]["attributes"]["owner"], "Shop team", "{query}");
        }
    }
}

#[tokio::test]
async fn a_contact_that_something_names_stays_and_its_name_is_free_afterwards() {
    let fixture = Fixture::new().await;
    let team = contact(&fixture, json!({"name": "Web team", "kind": "team"})).await;
    let path = format!("/api/v1/contacts/{team}");
    let incident = made(&fixture, "/api/v1/incidents", json!({"title": "Slow", "group": "web team"})).await;
    let cluster = json!({"class": "cluster", "name": "k8s", "attributes": {"owner": "Web team"}});
    let cluster = made(&fixture, "/api/v1/cis", cluster).await;
    let refused = fixture.put("DELETE", &path, &[], "").await;
    refused.refused("conflict");
    assert_eq!(refused.status, StatusCode::CONFLICT);
    let told = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(told.contains("1 configuration item (the query ") && told.contains("incident INC0000001"), "{told}");
    fixture.put("PATCH", &format!("/api/v1/cis/{cluster}"), &[], r#"{"attributes": {"owner": null}}"#).await.ok();
    fixture.post(&format!("/api/v1/incidents/{incident}/cancel"), r#"{"reason": "a drill"}"#).await.ok();
    let gone = fixture.put("DELETE", &path, &[], "").await.ok();
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    fixture.get(&path).await.refused("not_found");
    assert_eq!(fixture.get(&format!("/api/v1/incidents/{incident}")).await.ok().json()["group"], "Web team", "as a text");
    contact(&fixture, json!({"name": "Web team", "kind": "person"})).await;
}

#[tokio::test]
async fn changes_of_contacts_are_events_and_in_the_audit() {
    let fixture = Fixture::new().await;
    let team = contact(&fixture, json!({"name": "Web team", "kind": "team"})).await;
    patch(&fixture, &team, json!({"name": "Shop"})).await.ok();
    fixture.put("DELETE", &format!("/api/v1/contacts/{team}"), &[], "").await.ok();
    let expected = json!([
        ["contact_added", {"contact": {"id": team, "name": "Web team", "kind": "team", "mail": null}}],
        ["contact_changed", {"contact": {"id": team, "name": "Shop", "kind": "team", "mail": null, "former_names": ["Web team"]}}],
        ["contact_deleted", {"contact": team, "name": "Shop"}],
    ]);
    let events = fixture.get_as("/api/v1/events?subject=contact&after=0&limit=3", "application/json").await.ok().items();
    assert_eq!(Value::from_iter(events.iter().map(|one| json!([one["type"], one["event"]]))), expected);
    let audit = fixture.get("/api/v1/audit").await.ok().items();
    assert_eq!((&audit[0]["type"], &audit[0]["actor"]["name"]), (&json!("contact_deleted"), &json!("the admin")));
}
