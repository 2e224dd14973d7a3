//! The change feed.

use super::*;
use futures_util::StreamExt as _;

const OPEN: &str = r#"{"title": "Printer on fire", "description": "Third floor", "impact": "low", "urgency": "low"}"#;

/// Reads a stream until it has told `count` events.
async fn read(fixture: &Fixture, path: &str, headers: &[(&str, &str)], count: usize) -> Vec<(u64, Value)> {
    let response = fixture.router.clone().oneshot(fixture.ask(Role::Admin, "GET", path, headers, None)).await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut stream = response.into_body().into_data_stream();
    let mut text = String::new();
    while text.matches("\n\n").count() < count {
        text.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
    }
    text.split_terminator("\n\n").map(parse).collect()
}

fn parse(event: &str) -> (u64, Value) {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    (field("id:").parse().unwrap(), serde_json::from_str(&field("data:")).unwrap())
}

#[tokio::test]
async fn a_stream_goes_on_where_its_reader_was() {
    let fixture = Fixture::new().await;
    for _ in 0..5 {
        fixture.post("/api/v1/incidents", OPEN).await.ok();
    }
    let last = fixture.engine.read(|world| world.revision);
    let all = read(&fixture, "/api/v1/events?after=0", &[], usize::try_from(last).unwrap()).await;
    assert_eq!(all.iter().map(|(id, _)| *id).collect::<Vec<u64>>(), (1..=last).collect::<Vec<u64>>());
    let id = (last - 2).to_string();
    let rest = read(&fixture, "/api/v1/events?after=0", &[("last-event-id", &id)], 2).await;
    assert_eq!(rest, all[all.len() - 2..]);
    assert_eq!(rest[1].1["type"], "incident_opened");
}

#[tokio::test]
async fn a_stream_without_a_beginning_begins_now_and_tells_what_comes() {
    let fixture = Fixture::new().await;
    fixture.post("/api/v1/incidents", OPEN).await.ok();
    let reader = read(&fixture, "/api/v1/events?subject=incident", &[], 1);
    let writer = async {
        // The reader subscribes on its first poll, before this one runs.
        fixture.post("/api/v1/incidents", OPEN).await.ok().json()
    };
    let (events, made) = tokio::join!(reader, writer);
    assert_eq!(events[0].1["event"]["incident"]["id"], made["id"]);
}

#[tokio::test]
async fn a_stream_ends_when_its_token_does() {
    let fixture = Fixture::new().await;
    let id =
        fixture.send(fixture.ask(Role::Viewer, "GET", "/api/v1/me", &[], None)).await.json()["token"]["id"].as_str().unwrap().to_owned();
    let response =
        fixture.router.clone().oneshot(fixture.ask(Role::Viewer, "GET", "/api/v1/events?subject=incident", &[], None)).await.unwrap();
    let mut stream = response.into_body().into_data_stream();
    let path = format!("/api/v1/tokens/{id}");
    let (end, _) = tokio::join!(stream.next(), fixture.put("DELETE", &path, &[], ""));
    assert!(end.is_none());
}

#[tokio::test]
async fn the_feed_is_a_list_too_filtered_by_subject() {
    let fixture = Fixture::new().await;
    for _ in 0..3 {
        fixture.post("/api/v1/incidents", OPEN).await.ok();
    }
    let first = fixture.get_as("/api/v1/events?subject=incident&limit=2", "application/json").await.ok();
    assert_eq!(first.items().len(), 2);
    let cursor = first.json()["next_cursor"].as_str().unwrap().to_owned();
    let rest = fixture.get_as(&format!("/api/v1/events?subject=incident&limit=2&cursor={cursor}"), "application/json").await.ok();
    assert_eq!(rest.items().len(), 1);
    assert!(rest.items().iter().all(|record| record["subject"] == "incident"));
    for query in ["subject=weather", "subject=", "after=x", "after=-1"] {
        fixture.get(&format!("/api/v1/events?{query}")).await.refused("invalid_parameter");
    }
    fixture.put("GET", "/api/v1/events", &[("last-event-id", "x")], "").await.refused("invalid_parameter");
}
