//! What was, seen through the API.

use super::inventory::{Host, os, packages, system};
use super::*;
use rollcall_shared::Section;

/// A host whose software and disks changed an hour after it was first seen; its id and the moment before the change.
async fn changed() -> (Host, String, String) {
    let mut host = Host::reported().await;
    let id = host.fixture.get("/api/v1/cis?class=host").await.ok().items()[0]["id"].as_str().unwrap().to_owned();
    let moment = host.fixture.engine.now().to_string();
    host.fixture.clock.advance(Duration::from_secs(3600));
    let path = format!("/api/v1/cis/{id}");
    host.fixture.put("PATCH", &path, &[], r#"{"attributes": {"owner": "ann"}}"#).await.ok();
    host.report(vec![system(), os(), packages(&[("bash", "5.2"), ("openssl", "3.0.14")]), Section::Disks(vec![])]).await;
    (host, id, moment)
}

#[tokio::test]
async fn a_ci_its_sections_and_its_relations_are_shown_as_they_were() {
    let (host, id, moment) = changed().await;
    let get = async |path: String| host.fixture.get(&path).await.ok();
    assert_eq!(get(format!("/api/v1/cis/{id}")).await.json()["attributes"]["owner"]["value"], "ann");
    let then = get(format!("/api/v1/cis/{id}?as_of={moment}")).await.json();
    assert_eq!((&then["attributes"]["owner"], &then["name"]), (&Value::Null, &"web-1".into()));
    let openssl = |items: Vec<Value>| items.into_iter().find(|row| row["name"] == "openssl").unwrap()["version"].clone();
    let packages = format!("/api/v1/cis/{id}/sections/packages");
    assert_eq!(openssl(get(format!("{packages}?as_of={moment}")).await.items()), "3.0.13");
    assert_eq!(openssl(get(packages).await.items()), "3.0.14");
    let sections = format!("/api/v1/cis/{id}/sections");
    let hash = |items: Vec<Value>| items.into_iter().find(|section| section["name"] == "disks").unwrap()["hash"].clone();
    assert_ne!(hash(get(format!("{sections}?as_of={moment}")).await.items()), hash(get(sections.clone()).await.items()));
    let contained = format!("/api/v1/cis/{id}/relations?kind=contains");
    assert_eq!(get(contained.clone()).await.items().len(), 0);
    assert_eq!(get(format!("{contained}&as_of={moment}")).await.items().len(), 1);
    let listed = get(format!("/api/v1/cis?class=host&as_of={moment}")).await.items();
    assert_eq!((listed.len(), &listed[0]["attributes"]["owner"]), (1, &Value::Null));
    host.fixture.get(&format!("/api/v1/cis/{id}?as_of=2001-01-01T00:00:00Z")).await.refused("not_found");
    host.fixture.get(&format!("/api/v1/cis/{id}?as_of=yesterday")).await.refused("invalid_parameter");
    assert!(get("/api/v1/cis?as_of=2001-01-01T00:00:00Z".into()).await.items().is_empty());
}

#[tokio::test]
async fn one_ci_is_compared_with_what_it_was() {
    let (host, id, moment) = changed().await;
    let found = host.fixture.get(&format!("/api/v1/cis/compare?left={id}&left_at={moment}")).await.ok().json();
    assert_eq!(found["attributes"], serde_json::json!([{"name": "owner", "left": null, "right": "ann"}]));
    let sections = found["sections"].as_array().unwrap();
    let names: Vec<&str> = sections.iter().map(|section| section["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["disks", "packages"]);
    assert_eq!(
        (&sections[1]["changed"][0]["left"]["version"], &sections[1]["changed"][0]["right"]["version"]),
        (&"3.0.13".into(), &"3.0.14".into())
    );
    assert_eq!((&sections[0]["removed_count"], &sections[1]["changed_count"]), (&1.into(), &1.into()));
    host.fixture.get("/api/v1/cis/compare?left=fridge").await.refused("invalid_parameter");
    host.fixture.get("/api/v1/cis/compare?left=host_00000000000000000000000009").await.refused("not_found");
}

#[tokio::test]
async fn changes_of_the_fleet_are_listed_bundled() {
    let (host, id, moment) = changed().await;
    let bundles = host.fixture.get("/api/v1/changes").await.ok().items();
    assert_eq!(bundles.len(), 1, "{bundles:#?}");
    assert_eq!((&bundles[0]["hosts"], &bundles[0]["cis"][0]), (&1.into(), &id.as_str().into()));
    let changes = bundles[0]["changes"].as_array().unwrap();
    assert!(changes.contains(&"openssl 3.0.13 → 3.0.14".into()) && changes.contains(&"owner nothing → ann".into()), "{changes:#?}");
    for (query, count) in [
        (format!("ci={id}"), 1),
        ("kind=package&q=OPENSSL".into(), 1),
        ("kind=status".into(), 0),
        ("min_hosts=2".into(), 0),
        (format!("to={moment}"), 0),
        ("ci=host_00000000000000000000000009".into(), 0),
    ] {
        assert_eq!(host.fixture.get(&format!("/api/v1/changes?{query}")).await.ok().items().len(), count, "{query}");
    }
    host.fixture.get("/api/v1/changes?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z").await.refused("invalid_parameter");
}
