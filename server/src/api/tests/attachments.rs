//! Files attached to incidents and problems, from the upload to the last byte of the store.

use super::inventory::{Host, os, system};
use super::*;
use crate::log;
use rollcall_domain::attachment::BYTES;
use rollcall_shared::ContentHash;
use serde_json::json;

const INCIDENT: &str = r#"{"title": "Printer on fire", "description": "Third floor"}"#;

/// Opens an incident; where its attachments are.
async fn incident(fixture: &Fixture) -> String {
    let made = fixture.post("/api/v1/incidents", INCIDENT).await.ok();
    format!("{}/attachments", made.header("location"))
}

impl Fixture {
    /// Sends a file as an operator.
    async fn upload(&self, path: &str, headers: &[(&str, &str)], bytes: &[u8]) -> Reply {
        let mut request = self.ask(Role::Operator, "POST", path, headers, None);
        *request.body_mut() = Body::from(bytes.to_vec());
        self.send(request).await
    }
}

fn form(parts: &[(&str, &str, &str)]) -> Vec<u8> {
    let mut body = String::new();
    for (disposition, kind, content) in parts {
        let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        body += &format!("--b\r\nContent-Disposition: form-data; {disposition}\r\n{kind}\r\n{content}\r\n");
    }
    (body + "--b--\r\n").into_bytes()
}

const FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=b");

#[tokio::test]
async fn a_file_comes_back_as_it_was_and_is_never_shown() {
    let fixture = Fixture::new().await;
    let path = incident(&fixture).await;
    let html = b"<script>alert(1)</script>";
    let made = fixture.upload(&format!("{path}?name=/tmp/Bericht%20%C3%BCber%22.html"), &[("content-type", "text/html")], html).await.ok();
    assert_eq!(made.status, StatusCode::CREATED);
    let attachment = made.json();
    let hash = ContentHash::of(html).to_string();
    assert_eq!(
        (&attachment["name"], &attachment["media_type"], &attachment["size"]),
        (&json!("Bericht über\".html"), &json!("text/html"), &json!(25))
    );
    assert_eq!((&attachment["hash"], &attachment["by"]["name"]), (&json!(hash), &json!("the operator")));
    let file = fixture.get(made.header("location")).await.ok();
    assert_eq!(file.body, html);
    for (name, value) in [
        ("content-type", "text/html"),
        ("content-disposition", "attachment; filename=\"Bericht _ber_.html\"; filename*=UTF-8''Bericht%20%C3%BCber%22.html"),
        ("x-content-type-options", "nosniff"),
        ("etag", &format!("\"{hash}\"")),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(file.header(name), value);
    }
    assert!(file.header("content-security-policy").starts_with("sandbox; default-src 'none';"));
    let known = fixture.put("GET", made.header("location"), &[("if-none-match", file.header("etag"))], "").await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
    let shown = fixture.get(path.trim_end_matches("/attachments")).await.ok().json();
    assert_eq!(shown["attachments"], json!([attachment]));
    assert_eq!(fixture.get(&path).await.ok().items(), [attachment]);
    let newest = &fixture.get("/api/v1/audit").await.ok().items()[0];
    assert_eq!(newest["type"], "attachment_added");
}

#[tokio::test]
async fn a_body_as_it_is_and_a_form_are_both_taken() {
    let fixture = Fixture::new().await;
    let path = incident(&fixture).await;
    let curl = ("content-type", "application/x-www-form-urlencoded");
    let kind = async |path: &str, headers: &[(&str, &str)], bytes: &[u8]| {
        let made = fixture.upload(path, headers, bytes).await.ok().json();
        (made["name"].as_str().unwrap().to_owned(), made["media_type"].as_str().unwrap().to_owned())
    };
    let of = |name: &str, kind: &str| (name.to_owned(), kind.to_owned());
    assert_eq!(kind(&format!("{path}?name=dmesg.log"), &[curl], b"1").await, of("dmesg.log", "text/plain"));
    assert_eq!(kind(&format!("{path}?name=shot.PNG"), &[], b"2").await, of("shot.PNG", "image/png"));
    assert_eq!(kind(&format!("{path}?name=core"), &[curl], b"3").await, of("core", "application/octet-stream"));
    let one = form(&[("name=\"file\"; filename=\"C:\\\\trace.txt\"", "text/plain", "four")]);
    assert_eq!(kind(&path, &[FORM], &one).await, of("trace.txt", "text/plain"));
    let bare = form(&[("name=\"file\"; filename=\"a.json\"", "", "{}")]);
    assert_eq!(kind(&format!("{path}?name=b.json"), &[FORM], &bare).await, of("b.json", "application/json"));
    let all = fixture.get(&path).await.ok().items();
    assert_eq!((all.len(), &all.iter().find(|one| one["name"] == "b.json").unwrap()["size"]), (5, &json!(2)));
}

#[tokio::test]
async fn what_cannot_be_attached_is_refused_in_clear_words() {
    let fixture = Fixture::new().await;
    let path = incident(&fixture).await;
    let named = format!("{path}?name=a.log");
    let before = fixture.engine.read(|world| world.revision);
    let text = ("content-type", "text/plain");
    for (path, headers, body, code, field) in [
        (&path, vec![text], &b"x"[..], "invalid_parameter", json!("name")),
        (&format!("{path}?name=.."), vec![text], b"x", "invalid_parameter", json!("name")),
        (&named, vec![text], b"", "invalid_parameter", json!("body")),
        (&named, vec![("content-type", "banana")], b"x", "unsupported_media_type", Value::Null),
        (&named, vec![("content-type", "multipart/mixed")], b"x", "unsupported_media_type", Value::Null),
        (&named, vec![("content-type", "multipart/form-data")], b"x", "unsupported_media_type", Value::Null),
        (&path, vec![FORM], &form(&[]), "invalid_parameter", json!("file")),
        (&path, vec![FORM], &form(&[("name=\"note\"", "", "hello")]), "invalid_parameter", json!("note")),
        (&path, vec![FORM], b"nonsense", "invalid_parameter", Value::Null),
        (&named, vec![text], &vec![b'x'; BYTES as usize + 1], "payload_too_large", Value::Null),
        (
            &path,
            vec![FORM],
            &form(&[("name=\"f\"; filename=\"f\"", "", &"x".repeat(BYTES as usize + 1))]),
            "payload_too_large",
            Value::Null,
        ),
    ] {
        let reply = fixture.upload(path, &headers, body).await;
        reply.refused(code);
        assert_eq!(reply.json()["field"], field, "{}", reply.text());
    }
    fixture.upload("/api/v1/incidents/INC0000099/attachments?name=a", &[text], b"x").await.refused("not_found");
    let mut request = fixture.ask(Role::Viewer, "POST", &named, &[text], None);
    *request.body_mut() = Body::from("x");
    fixture.send(request).await.refused("forbidden");
    let refused = fixture.engine.read(|world| world.revision) - before;
    assert_eq!(refused, 1, "only the refusal of the role is written down");
    assert!(fixture.engine.store().attachments().unwrap().is_empty());
    fixture.upload(&named, &[text], &vec![b'x'; BYTES as usize]).await.ok();
    for number in 1..50 {
        fixture.upload(&format!("{path}?name={number}"), &[text], b"x").await.ok();
    }
    let full = fixture.upload(&format!("{path}?name=50"), &[text], b"x").await;
    full.refused("conflict");
    assert!(full.json()["detail"].as_str().unwrap().contains("50 attachments"), "{}", full.text());
}

#[tokio::test]
async fn the_same_file_is_attached_once_and_a_key_takes_effect_once() {
    let fixture = Fixture::new().await;
    let path = incident(&fixture).await;
    let named = format!("{path}?name=a.log");
    let once = [("idempotency-key", "k")];
    let first = fixture.upload(&named, &once, b"one").await.ok();
    for headers in [&once[..], &[]] {
        let again = fixture.upload(&named, headers, b"one").await.ok();
        assert_eq!((again.json(), again.header("location")), (first.json(), first.header("location")));
    }
    fixture.upload(&named, &once, b"another").await.refused("conflict");
    assert_eq!(fixture.engine.store().attachments().unwrap(), [ContentHash::of(b"one")].into());
    let stale = fixture.upload(&named, &[("if-match", "\"1\"")], b"two").await;
    stale.refused("stale");
}

#[tokio::test]
async fn removing_the_last_one_that_names_a_content_forgets_it() {
    let fixture = Fixture::new().await;
    let path = incident(&fixture).await;
    let problem =
        fixture.post("/api/v1/problems", r#"{"title": "Fires", "description": "Again."}"#).await.ok().header("location").to_owned();
    let problem = format!("{problem}/attachments");
    let here = fixture.upload(&format!("{path}?name=a.log"), &[], b"one").await.ok().header("location").to_owned();
    let there = fixture.upload(&format!("{problem}?name=b.log"), &[], b"one").await.ok().header("location").to_owned();
    assert_eq!(fixture.get(&there).await.ok().body, b"one");
    let store = fixture.engine.store();
    let metrics = fixture.get("/metrics").await.ok().text();
    assert!(metrics.contains("rollcall_attachments 2\n") && metrics.contains("rollcall_attachment_bytes 3\n"), "{metrics}");
    assert_eq!(log::verify(store.as_ref()).expect("verifies").attachments, 1);
    fixture.put("DELETE", &here, &[], "").await.refused("invalid_parameter");
    fixture.put("DELETE", &format!("{here}?reason=%20"), &[], "").await.refused("invalid_parameter");
    fixture.post(&format!("{}/cancel", path.trim_end_matches("/attachments")), r#"{"reason": "A test."}"#).await.ok();
    fixture.upload(&format!("{path}?name=c.log"), &[], b"three").await.refused("wrong_state");
    fixture.put("DELETE", &format!("{here}?reason=wrong%20ticket"), &[], "").await.ok();
    fixture.get(&here).await.refused("not_found");
    assert_eq!(fixture.get(&there).await.ok().body, b"one");
    fixture.put("DELETE", &format!("{there}?reason=shows%20a%20password"), &[], "").await.ok();
    fixture.get(&there).await.refused("not_found");
    assert!(store.attachments().unwrap().is_empty());
    log::verify(store.as_ref()).expect("verifies without it");
    let again = fixture.upload(&format!("{problem}?name=b.log"), &[], b"one").await.ok();
    assert_eq!(fixture.get(again.header("location")).await.ok().body, b"one");
    let told = fixture.get("/api/v1/audit").await.ok().items();
    assert!(told.iter().any(|record| record["type"] == "problem_attachment_removed" && record["event"]["reason"] == "shows a password"));
}

#[tokio::test]
async fn what_was_attached_to_a_duplicate_stays_there() {
    let fixture = Fixture::new().await;
    let (path, other) = (incident(&fixture).await, incident(&fixture).await);
    let file = fixture.upload(&format!("{path}?name=a.log"), &[], b"one").await.ok().header("location").to_owned();
    let into = other.trim_end_matches("/attachments").rsplit('/').next().unwrap();
    let merge = format!("{}/merge", path.trim_end_matches("/attachments"));
    fixture.post(&merge, &json!({"into": into}).to_string()).await.ok();
    assert_eq!(fixture.get(&file).await.ok().body, b"one");
}

#[tokio::test]
async fn a_restart_keeps_what_is_named_and_forgets_what_is_not() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let fixture = Fixture::on(store.clone()).await;
    let path = incident(&fixture).await;
    fixture.upload(&format!("{path}?name=a.log"), &[], b"one").await.ok();
    fixture.engine.shutdown().await;
    let orphan = crate::store::Commit {
        expected_revision: fixture.engine.read(|world| world.revision),
        attachments: vec![(ContentHash::of(b"left behind"), b"left behind".to_vec())],
        ..crate::store::Commit::default()
    };
    store.commit(&orphan).unwrap();
    let again = Engine::start(EngineConfig::default(), store.clone(), fixture.clock.clone(), Arc::new(SeededEntropy::new(9))).unwrap();
    assert_eq!(store.attachments().unwrap(), [ContentHash::of(b"one")].into());
    again.shutdown().await;
    store.forget_attachments(&[ContentHash::of(b"one")].into()).unwrap();
    let missing = log::verify(store.as_ref()).expect_err("it is missing").to_string();
    assert!(missing.contains("attachment") && missing.contains("missing"), "{missing}");
}

#[tokio::test]
async fn erasing_an_item_takes_what_is_attached_to_its_incidents() {
    let mut host = Host::reported().await;
    host.report(vec![system(), os()]).await;
    let item = host.path();
    let id = item.rsplit('/').next().unwrap().to_owned();
    let fixture = &host.fixture;
    let about = json!({"title": "It smokes", "description": "Badly.", "primary_ci": id}).to_string();
    let about = format!("{}/attachments", fixture.post("/api/v1/incidents", &about).await.ok().header("location"));
    let beside = incident(fixture).await;
    for (path, content) in [(&about, "alone"), (&about, "shared"), (&beside, "shared"), (&beside, "other")] {
        fixture.upload(&format!("{path}?name={content}-of-web-1.log"), &[], content.as_bytes()).await.ok();
    }
    let body = json!({"reason": "its owner asked for it", "legal_basis": "GDPR Art. 17 (1) b", "force": true}).to_string();
    let done = fixture.post(&format!("{item}/erase"), &body).await.ok().json();
    assert_eq!((&done["goes"]["attachments"], &done["done"]["attachments"]), (&json!(2), &json!(1)));
    let store = fixture.engine.store();
    assert_eq!(store.attachments().unwrap(), [ContentHash::of(b"shared"), ContentHash::of(b"other")].into());
    assert_eq!(fixture.get(&about).await.ok().items().len(), 0);
    assert_eq!(fixture.get(&beside).await.ok().items().len(), 2);
    log::verify(store.as_ref()).expect("verifies");
}
