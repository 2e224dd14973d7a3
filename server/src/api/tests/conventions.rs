//! What holds for every resource: parameters, pages, media types, entity tags, idempotency, errors, headers.

use super::*;
use crate::api::routes::{Access, ROUTES, Shape};
use rollcall_domain::contact::{ContactCommand, ContactKind};
use serde_json::json;
use std::collections::BTreeSet;

const INCIDENT: &str = r#"{"title": "Printer on fire", "description": "Third floor", "impact": "medium", "urgency": "high"}"#;

#[tokio::test]
async fn every_route_refuses_a_parameter_that_it_does_not_know() {
    let fixture = Fixture::new().await;
    for route in ROUTES.iter().filter(|route| route.access != Access::Public) {
        let path = route.path.replace("{id}", "x").replace("{name}", "os");
        let reply = fixture.put(route.method, &format!("{path}?colour=green"), &[], "{}").await;
        reply.refused("unknown_parameter");
        assert_eq!(reply.json()["field"], "colour");
    }
}

#[test]
fn every_path_is_in_snake_case() {
    let wrong: Vec<&str> =
        ROUTES.iter().map(|route| route.path).filter(|path| path.contains('-') || path.contains(char::is_uppercase)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[tokio::test]
async fn every_list_refuses_unbounded_pages_and_foreign_cursors() {
    let fixture = Fixture::new().await;
    let lists = ROUTES.iter().filter(|route| matches!(route.shape, Shape::List | Shape::Stream) && !route.path.contains('{'));
    for path in lists.map(|route| route.path) {
        for query in [
            "limit=1000000000",
            "limit=0",
            "limit=-1",
            "limit=x",
            "limit=99999999999999999999",
            "limit=",
            "cursor=",
            "cursor=%2e%2e",
            "cursor=Zm9vOjE",
        ] {
            fixture.get_as(&format!("{path}?{query}"), "application/json").await.refused("invalid_parameter");
        }
        fixture.get_as(&format!("{path}?limit=1&limit=2"), "application/json").await.refused("invalid_parameter");
        fixture.get_as(&format!("{path}?limit=1000"), "application/json").await.ok();
    }
}

#[tokio::test]
async fn a_walk_over_the_pages_sees_everything_once_whatever_comes_meanwhile() {
    let fixture = Fixture::new().await;
    for number in 0..50 {
        fixture.post("/api/v1/tokens", &format!(r#"{{"kind": "api", "name": "n{number}", "role": "viewer"}}"#)).await.ok();
    }
    let expected: BTreeSet<String> = fixture.engine.read(|world| world.trust.api_tokens.keys().map(ToString::to_string).collect());
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let next = cursor.map_or_else(String::new, |cursor: String| format!("&cursor={cursor}"));
        let page = fixture.get(&format!("/api/v1/tokens?limit=7{next}")).await.ok().json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        fixture.post("/api/v1/tokens", r#"{"kind": "join"}"#).await.ok();
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert!(seen.is_sorted_by(|a, b| a < b));
    let seen: BTreeSet<String> = seen.into_iter().collect();
    assert!(seen.is_superset(&expected));
}

#[tokio::test]
async fn lists_come_as_csv_and_ndjson_with_formulas_defused() {
    let fixture = Fixture::new().await;
    let name = r#"=HYPERLINK(\"http://evil\"),\n<script>"#;
    fixture.post("/api/v1/tokens", &format!(r#"{{"kind": "api", "name": "{name}", "role": "viewer"}}"#)).await.ok();
    let csv = fixture.get_as("/api/v1/tokens", "text/csv").await.ok();
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let mut reader = csv::Reader::from_reader(csv.body.as_slice());
    assert_eq!(&reader.headers().unwrap()[0], "id");
    let names: Vec<String> = reader.records().map(|row| row.unwrap()[2].to_owned()).collect();
    assert!(names.iter().any(|name| name == "'=HYPERLINK(\"http://evil\"),\n<script>"), "{names:?}");
    let lines = fixture.get_as("/api/v1/tokens?limit=2", "application/x-ndjson").await.ok();
    let rows: Vec<Value> = lines.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2);
    assert!(!lines.header("x-next-cursor").is_empty());
}

#[tokio::test]
async fn every_list_is_served_in_three_formats_and_an_empty_one_has_a_header_line() {
    let fixture = Fixture::new().await;
    for route in ROUTES.iter().filter(|route| matches!(route.shape, Shape::List | Shape::Stream) && !route.path.contains('{')) {
        for kind in ["application/json", "text/csv", "application/x-ndjson"] {
            let reply = fixture.get_as(route.path, kind).await.ok();
            let expected = if kind == "text/csv" { "text/csv; charset=utf-8" } else { kind };
            assert_eq!(reply.header("content-type"), expected, "{}", route.path);
            assert!(kind != "text/csv" || reply.text().lines().next().is_some_and(|line| line.contains(',')), "{}", route.path);
        }
        fixture.get_as(route.path, "text/html").await.refused("not_acceptable");
    }
}

#[tokio::test]
async fn a_change_needs_the_revision_that_the_caller_saw() {
    let fixture = Fixture::new().await;
    let made = fixture.post("/api/v1/incidents", INCIDENT).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let (path, tag) = (made.header("location").to_owned(), made.header("etag").to_owned());
    assert_eq!(tag, format!("\"{}\"", made.json()["revision"]));
    let same = fixture.put("GET", &path, &[("if-none-match", &tag)], "").await;
    assert_eq!((same.status, same.header("etag"), same.body.len()), (StatusCode::NOT_MODIFIED, tag.as_str(), 0));
    let note = format!("{path}/notes");
    let changed = fixture.put("POST", &note, &[("if-match", &tag)], r#"{"text": "one"}"#).await.ok();
    assert_ne!(changed.header("etag"), tag);
    let stale = fixture.put("POST", &note, &[("if-match", &tag)], r#"{"text": "two"}"#).await;
    stale.refused("stale");
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    fixture.put("POST", &note, &[("if-match", "*")], r#"{"text": "three"}"#).await.ok();
    fixture.put("POST", &note, &[("if-match", "W/\"1\"")], r#"{"text": "four"}"#).await.refused("invalid_parameter");
    let now = fixture.put("GET", &path, &[("if-none-match", &tag)], "").await.ok().json();
    assert_eq!(now["notes"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_repeated_key_takes_effect_once_for_its_token_and_path() {
    let fixture = Fixture::new().await;
    let once = [("idempotency-key", "order 66")];
    let first = fixture.put("POST", "/api/v1/incidents", &once, INCIDENT).await.ok();
    let again = fixture.put("POST", "/api/v1/incidents", &once, INCIDENT).await;
    assert_eq!(again.status, StatusCode::CREATED);
    assert_eq!(first.json(), again.json());
    assert_eq!(first.header("location"), again.header("location"));
    fixture.put("POST", "/api/v1/incidents", &once, r#"{"title": "Another"}"#).await.refused("conflict");
    let other = fixture.send(fixture.ask(Role::Operator, "POST", "/api/v1/incidents", &once, Some(INCIDENT))).await.ok();
    assert_ne!(other.json()["id"], first.json()["id"]);
    let acknowledge = format!("{}/acknowledge", first.header("location"));
    fixture.put("POST", &acknowledge, &once, "").await.ok();
    fixture.put("POST", &acknowledge, &once, "").await.ok();
    assert_eq!(fixture.engine.read(|world| world.incidents.incidents.len()), 2);
    for key in ["", "é", &"x".repeat(129)] {
        let request = fixture.put("POST", "/api/v1/incidents", &[("idempotency-key", key)], INCIDENT).await;
        request.refused("invalid_parameter");
    }
}

impl Fixture {
    /// Sends something of this type under the key `once`.
    async fn once(&self, path: &str, kind: &str, body: &str) -> Reply {
        let mut request = self.ask(Role::Admin, "POST", path, &[("idempotency-key", "once"), ("content-type", kind)], None);
        *request.body_mut() = Body::from(body.to_owned());
        self.send(request).await
    }

    /// What is asked under a key is done once, and something else under it is refused and does nothing.
    async fn check_once(&self, asked: (&str, &str, &str), other: (&str, &str, &str)) {
        let first = self.once(asked.0, asked.1, asked.2).await.ok();
        let known = self.engine.read(|world| world.revision);
        let again = self.once(asked.0, asked.1, asked.2).await.ok();
        assert_eq!(first.status, again.status);
        self.once(other.0, other.1, other.2).await.refused("conflict");
        assert_eq!(self.engine.read(|world| world.revision), known, "{}", asked.0);
    }
}

#[tokio::test]
async fn a_repeated_key_with_another_file_or_query_is_refused() {
    let fixture = Fixture::new().await;
    let eol = "/api/v1/software/end_of_life/import";
    let table = "product,cycle,eol\nopenssl,3.0,2026-09-07\n";
    fixture.check_once((eol, "text/csv", table), (eol, "text/csv", "product,cycle,eol\nopenssl,3.5,2026-09-07\n")).await;
    let lines = |cycle: &str| format!("{{\"product\": \"curl\", \"cycle\": \"{cycle}\", \"eol\": \"2026-09-07\"}}\n");
    let other = Fixture::new().await;
    other.check_once((eol, "application/x-ndjson", &lines("1")), (eol, "application/x-ndjson", &lines("2"))).await;
    let events = json!([{"introduced": "0"}]);
    let affected = json!({"package": {"ecosystem": "Debian:12", "name": "bash"}, "ranges": [{"type": "ECOSYSTEM", "events": events}]});
    let advisory = |id: &str| json!({"id": id, "modified": "2026-11-01T00:00:00Z", "affected": [affected]}).to_string();
    let path = "/api/v1/advisories/import";
    fixture.check_once((path, "application/json", &advisory("A-1")), (path, "application/json", &advisory("A-2"))).await;
    let rules = fixture.get("/api/v1/rules/export").await.ok().text();
    let changed = |title: &str| rules.replacen("title = \"", &format!("title = \"{title} "), 1);
    let path = "/api/v1/rules/import";
    fixture.check_once((path, "application/toml", &changed("My")), (path, "application/toml", &changed("Our"))).await;
    let path = "/api/v1/imports?name=racks&dry_run=true";
    let racks = "key,class,name\n1,cluster,a\n";
    fixture.check_once((path, "text/csv", racks), ("/api/v1/imports?name=racks&dry_run=false", "text/csv", racks)).await;
    fixture.once(path, "text/csv", "key,class,name\n1,cluster,b\n").await.refused("conflict");
    let path = format!("{}/attachments", fixture.post("/api/v1/incidents", INCIDENT).await.ok().header("location"));
    let (one, two) = (format!("{path}?name=one.log"), format!("{path}?name=two.log"));
    fixture.check_once((&one, "text/plain", "first"), (&one, "text/plain", "second")).await;
    fixture.once(&two, "text/plain", "first").await.refused("conflict");
}

#[tokio::test]
async fn a_form_is_the_same_whatever_its_boundary() {
    let fixture = Fixture::new().await;
    let path = format!("{}/attachments", fixture.post("/api/v1/incidents", INCIDENT).await.ok().header("location"));
    let kind = |boundary: &str| format!("multipart/form-data; boundary={boundary}");
    let form = |boundary: &str, name: &str, content: &str| {
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{content}\r\n--{boundary}--\r\n")
    };
    let first = fixture.once(&path, &kind("a"), &form("a", "one.log", "x")).await.ok().json();
    assert_eq!(fixture.once(&path, &kind("b"), &form("b", "one.log", "x")).await.ok().json(), first);
    fixture.once(&path, &kind("b"), &form("b", "one.log", "y")).await.refused("conflict");
    fixture.once(&path, &kind("b"), &form("b", "two.log", "x")).await.refused("conflict");
}

#[tokio::test]
async fn a_key_that_an_earlier_release_kept_stands_for_what_comes_under_it() {
    let fixture = Fixture::new().await;
    let path = format!("{}/acknowledge", fixture.post("/api/v1/incidents", INCIDENT).await.ok().header("location"));
    let owner = fixture.engine.read(|world| {
        let admin = world.trust.api_tokens.values().find(|token| token.role == Role::Admin);
        admin.unwrap().id.to_string()
    });
    let command = Command::Contact(ContactCommand::Add { name: "Ada".into(), kind: ContactKind::Person, mail: None });
    let key = Some(format!("{owner} POST {path} once"));
    let kept = Asked { actor: Actor::Local, request_id: None, idempotency_key: key, command };
    fixture.engine.execute(kept).await.unwrap();
    let before = fixture.engine.read(|world| world.revision);
    fixture.once(&path, "application/json", "").await.ok();
    assert_eq!(fixture.engine.read(|world| world.revision), before, "it was done before");
}

#[tokio::test]
async fn a_repeated_token_request_does_not_show_the_secret_again() {
    let fixture = Fixture::new().await;
    let once = [("idempotency-key", "k")];
    let first = fixture.put("POST", "/api/v1/tokens", &once, r#"{"kind": "join"}"#).await.ok().json();
    let again = fixture.put("POST", "/api/v1/tokens", &once, r#"{"kind": "join"}"#).await.ok().json();
    assert!(first["secret"].as_str().unwrap().starts_with("rcj_"));
    assert_eq!((&again["token"], &again["secret"]), (&first["token"], &Value::Null));
}

#[tokio::test]
async fn bad_bodies_are_refused_with_their_reason_and_change_nothing() {
    let fixture = Fixture::new().await;
    let before = fixture.engine.read(|world| world.revision);
    let path = "/api/v1/incidents";
    for (body, code) in [
        ("", "malformed_json"),
        ("{", "malformed_json"),
        ("[]", "invalid_parameter"),
        (r#"["Printer on fire", "Third floor"]"#, "invalid_parameter"),
        (&"[".repeat(500_000), "malformed_json"),
        (&"{\"a\":".repeat(100_000), "malformed_json"),
        (&format!("{{\"title\": \"{}\"}}", "x".repeat(1 << 20)), "payload_too_large"),
        (r#"{"title": "\ud800", "description": "y", "impact": "low", "urgency": "low"}"#, "malformed_json"),
        (r#"{"title": 1e999, "description": "y", "impact": "low", "urgency": "low"}"#, "malformed_json"),
        (r#"{"description": "y", "impact": "low", "urgency": "low"}"#, "invalid_parameter"),
        (r#"{"title": "x", "description": "y", "impact": "huge", "urgency": "low"}"#, "invalid_parameter"),
        (r#"{"title": "x", "description": "y", "impact": "low", "urgency": "low", "id": "inc_1"}"#, "unknown_parameter"),
        (r#"{"title": "x", "description": "y", "impact": "low", "urgency": "low", "caller": {"kind": "system"}}"#, "unknown_parameter"),
        (r#"{"title": "x", "description": "y", "impact": "low", "urgency": "low", "primary_ci": "fridge"}"#, "invalid_parameter"),
    ] {
        fixture.post(path, body).await.refused(code);
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let mut request = fixture.ask(Role::Admin, "POST", path, &[], Some(INCIDENT));
        request.headers_mut().insert(header::CONTENT_TYPE, kind.parse().unwrap());
        fixture.send(request).await.refused("unsupported_media_type");
    }
    for body in [r#"{"kind": "api", "name": "x", "role": "viewer", "id": "tok_1"}"#, r#"{"kind": "join", "role": "admin"}"#] {
        fixture.post("/api/v1/tokens", body).await.refused("unknown_parameter");
    }
    assert_eq!(fixture.engine.read(|world| world.revision), before);
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too_and_carries_the_request_id() {
    let fixture = Fixture::new().await;
    let lost = fixture.put("GET", "/api/v1/nothing", &[("x-request-id", "req-7")], "").await;
    lost.refused("not_found");
    assert_eq!(lost.json()["request_id"], "req-7");
    let method = fixture.put("DELETE", "/api/v1/incidents", &[], "").await;
    method.refused("method_not_allowed");
    assert!(method.header("allow").contains("POST"), "{:?}", method.headers);
    fixture.get_as("/api/v1/me", "application/xml").await.refused("not_acceptable");
    fixture.get("/api/docs/no-such-file").await.refused("not_found");
    fixture.get("/").await.refused_or_moved();
}

impl Reply {
    #[track_caller]
    fn refused_or_moved(&self) {
        assert_eq!((self.status, self.header("location")), (StatusCode::TEMPORARY_REDIRECT, "/api/docs/"));
    }
}

#[tokio::test]
async fn every_answer_is_hardened() {
    let fixture = Fixture::new().await;
    for path in ["/api/v1/cis", "/api/v1/nothing", "/api/v1/openapi.json", "/api/docs/", "/healthz", "/metrics", "/"] {
        let reply = fixture.get(path).await;
        for (name, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("cache-control", "no-store")] {
            assert_eq!(reply.header(name), value, "{path}");
        }
        let policy = reply.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none';"), "{path}: {policy}");
        assert_eq!(policy.contains("script-src"), path == "/api/docs/", "{path}: {policy}");
        assert!(reply.header("strict-transport-security").starts_with("max-age="), "{path}");
    }
}

#[tokio::test]
async fn refusals_are_counted_by_code() {
    let fixture = Fixture::new().await;
    for _ in 0..3 {
        fixture.get("/api/v1/cis?colour=green").await;
    }
    let text = fixture.get("/metrics").await.ok().text();
    assert!(text.contains("rollcall_refused_total{reason=\"unknown_parameter\"} 3\n"), "{text}");
    assert!(text.contains("# TYPE rollcall_pushes_total counter\nrollcall_pushes_total 0\n"), "{text}");
}
