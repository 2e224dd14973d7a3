//! The query language through the API.

use super::inventory::Host;
use super::*;

/// A text as it stands in an address.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02x}") }).collect()
}

#[tokio::test]
async fn a_query_selects_and_goes_together_with_the_other_filters() {
    let host = Host::reported().await;
    for (query, expected) in [
        ("", 4),
        ("class:server", 1),
        ("class:host os.id:debian package:openssl<3.0.14 last_seen<1h", 1),
        ("package:openssl<3.0.13", 0),
        ("class:software_product name:b*", 1),
        ("web-1", 1),
        ("parent:web-1", 1),
        ("not class:host", 3),
    ] {
        let found = host.fixture.get(&format!("/api/v1/cis?query={}", encoded(query))).await.ok().items();
        assert_eq!(found.len(), expected, "{query}");
    }
    let both = host.fixture.get(&format!("/api/v1/cis?class=disk&query={}", encoded("not class:host"))).await.ok().items();
    assert_eq!(both.len(), 1);
}

#[tokio::test]
async fn a_wrong_query_is_refused_with_its_place() {
    let host = Host::reported().await;
    for (query, position, length) in
        [("été class:sever", 10, 5), ("class:server last_seen>yesterday", 23, 9), ("group:web", 6, 3), ("a or", 4, 0)]
    {
        for path in ["/api/v1/cis", "/api/v1/queries/check"] {
            let reply = host.fixture.get(&format!("{path}?query={}", encoded(query))).await;
            reply.refused("invalid_parameter");
            let problem = reply.json();
            assert_eq!(
                (&problem["field"], &problem["position"], &problem["length"]),
                (&"query".into(), &position.into(), &length.into()),
                "{problem}"
            );
        }
    }
}

#[tokio::test]
async fn a_query_is_told_in_its_one_form_in_words_and_in_numbers() {
    let host = Host::reported().await;
    let told =
        host.fixture.get(&format!("/api/v1/queries/check?query={}", encoded("class:server memory>=1G or rack.row:x"))).await.ok().json();
    assert_eq!(told["query"], "class:server memory_bytes>=1GiB or rack_row:x");
    assert!(told["explanation"].as_str().unwrap().contains("at least 1GiB"));
    assert_eq!(told["warnings"].as_array().unwrap().len(), 1);
    let all = host.fixture.get("/api/v1/queries/check").await.ok().json();
    assert_eq!((&all["query"], &all["count"]), (&"".into(), &4.into()));
}

#[tokio::test]
async fn what_could_be_written_next_is_offered() {
    let host = Host::reported().await;
    let ask = |text: &str, position: usize| format!("/api/v1/queries/completions?query={}&position={position}", encoded(text));
    let offered = host.fixture.get(&ask("é os.id:deb tag:x", 11)).await.ok().json();
    assert_eq!((&offered["from"], &offered["to"]), (&8.into(), &11.into()));
    assert_eq!(
        (&offered["items"][0]["text"], &offered["items"][0]["kind"], &offered["items"][0]["count"]),
        (&"debian".into(), &"value".into(), &1.into())
    );
    let fields = host.fixture.get("/api/v1/queries/completions").await.ok().json();
    assert_eq!(fields["items"][0]["text"], "class:");
    host.fixture.get(&format!("/api/v1/queries/completions?query={}", "a".repeat(5000))).await.refused("invalid_parameter");
}

#[tokio::test]
async fn lists_are_ordered_as_asked_and_paged_in_that_order() {
    let host = Host::reported().await;
    for query in ["", "&query=not%20class:disk"] {
        for sort in ["id", "-id", "name", "-name", "created", "-created", "updated", "-updated"] {
            let path = format!("/api/v1/cis?sort={sort}{query}");
            let all: Vec<Value> = host.fixture.get(&path).await.ok().items();
            // Ids are ordered by what they are of first, which their texts are not; moments are equal here.
            if sort.ends_with("name") {
                let keys: Vec<&str> = all.iter().map(|item| item["name"].as_str().unwrap()).collect();
                assert!(if sort.starts_with('-') { keys.is_sorted_by(|a, b| a >= b) } else { keys.is_sorted() }, "{sort}: {keys:?}");
            }
            let mut paged = Vec::new();
            let mut cursor = String::new();
            loop {
                let page = host.fixture.get(&format!("{path}&limit=1{cursor}")).await.ok().json();
                paged.extend(page["items"].as_array().unwrap().clone());
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            assert_eq!(paged, all, "{path}");
        }
    }
    host.fixture.get("/api/v1/cis?sort=colour").await.refused("invalid_parameter");
}
