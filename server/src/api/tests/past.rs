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
    assert_eq!(
        found["software"],
        serde_json::json!({
            "upgraded": 1, "downgraded": 0, "installed": 0, "removed": 0, "changed": 0, "bookkeeping": 0,
            "changes": [{"change": "upgraded", "name": "openssl", "from": "3.0.13", "to": "3.0.14"}],
        })
    );
    let rows = format!("/api/v1/cis/{id}/differences?left_at={moment}");
    let listed = host.fixture.get(&rows).await.ok().items();
    let told: Vec<String> = listed.iter().map(|row| format!("{} {} {}", row["section"], row["change"], row["after"])).collect();
    assert_eq!(told, [r#""disks" "removed" null"#, r#""packages" "upgraded" "3.0.14""#], "{listed:#?}");
    let upgrades = host.fixture.get_as(&format!("{rows}&section=packages&change=upgraded"), "text/csv").await.ok().text();
    assert!(upgrades.contains("packages,upgraded,openssl,3.0.13,3.0.14"), "{upgrades}");
    assert_eq!(host.fixture.get(&format!("{rows}&change=bookkeeping")).await.ok().items().len(), 0);
    assert!(host.fixture.get(&format!("{rows}&limit=1")).await.ok().json()["next_cursor"].is_string());
    host.fixture.get(&format!("{rows}&section=shoes")).await.refused("invalid_parameter");
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

#[tokio::test]
async fn every_read_of_a_ci_answers_as_of_a_moment() {
    let (mut host, id, moment) = changed().await;
    host.report(vec![system(), os(), packages(&[("bash", "5.3")]), Section::Disks(vec![])]).await;
    let get = async |path: String| host.fixture.get(&path).await.ok();
    let json = async |rest: &str| {
        let now = get(format!("/api/v1/cis/{id}/{rest}")).await.json();
        let joint = if rest.contains('?') { '&' } else { '?' };
        (get(format!("/api/v1/cis/{id}/{rest}{joint}as_of={moment}")).await.json(), now)
    };
    let names = |inventory: &Value| {
        let rows = inventory["content"]["softwares"].as_array().unwrap().clone();
        rows.into_iter().map(|row| format!("{} {}", row["name"].as_str().unwrap(), row["version"].as_str().unwrap())).collect::<Vec<_>>()
    };
    let (then, now) = json("inventory?format=glpi").await;
    assert_eq!((names(&then), names(&now)), (vec!["bash 5.2".into(), "openssl 3.0.13".into()], vec!["bash 5.3".to_owned()]));
    let (then, now) = json("sbom").await;
    assert_eq!((then["components"].as_array().unwrap().len(), now["components"].as_array().unwrap().len()), (3, 2), "with the system");
    let (then, now) = json("explain").await;
    assert_eq!((&then["attributes"]["owner"], &now["attributes"]["owner"]["value"]), (&Value::Null, &"ann".into()));
    assert_eq!(
        (&then["reviews"], &then["facts"][0]["others"], &now["facts"][0]["others"]),
        (&Value::Null, &Value::Null, &Value::Array(vec![]))
    );
    assert_eq!(then["agents"], now["agents"]);
    let (then, _) = json("identification").await;
    assert_eq!((&then["operation"], then["attempts"].as_array().unwrap().len() > 3), (&"INSERT".into(), true), "{then}");
    let (then, now) = json("relations?kind=installed_on").await;
    let count = |page: &Value| page["items"].as_array().unwrap().len();
    assert_eq!((count(&then), count(&now), &then["items"][0]["to_name"]), (2, 1, &"web-1".into()));
    for rest in ["inventory?format=glpi&", "sbom?", "explain?", "identification?", "impact?", "relations?"] {
        host.fixture.get(&format!("/api/v1/cis/{id}/{rest}as_of=2001-01-01T00:00:00Z")).await.refused("not_found");
        host.fixture.get(&format!("/api/v1/cis/{id}/{rest}as_of=yesterday")).await.refused("invalid_parameter");
    }
}

#[tokio::test]
async fn relations_and_what_follows_from_them_are_those_of_the_moment() {
    let (host, id, moment) = changed().await;
    let get = async |path: String| host.fixture.get(&path).await.ok();
    let disk = get(format!("/api/v1/cis/{id}/relations?kind=contains&as_of={moment}")).await.items()[0]["to"].as_str().unwrap().to_owned();
    let impact = format!("/api/v1/cis/{disk}/impact?direction=up");
    assert_eq!(get(impact.clone()).await.json()["items"], serde_json::json!([]));
    let then = get(format!("{impact}&as_of={moment}")).await.json();
    assert_eq!((&then["items"][0]["ci"], &then["items"][0]["name"]), (&id.as_str().into(), &"web-1".into()), "{then}");
    assert_eq!(get("/api/v1/relations".into()).await.items().len(), 0);
    for path in ["", "&kind=contains", &format!("&from={id}"), &format!("&to={disk}")] {
        let listed = get(format!("/api/v1/relations?as_of={moment}{path}")).await.items();
        assert_eq!((listed.len(), &listed[0]["to"]), (1, &disk.as_str().into()), "{path}");
    }
    assert!(get("/api/v1/relations?as_of=2001-01-01T00:00:00Z".into()).await.items().is_empty());
    let product = get("/api/v1/cis?class=software_product".into()).await.items()[0]["id"].as_str().unwrap().to_owned();
    host.fixture.get(&format!("/api/v1/cis/{product}/relations?kind=installed_on&as_of={moment}")).await.refused("invalid_parameter");
}

#[tokio::test]
async fn a_query_finds_what_fulfilled_it_at_a_moment() {
    let (host, id, moment) = changed().await;
    for (query, then, now) in [
        ("package:openssl<3.0.14", 1, 0),
        ("package:openssl>=3.0.14", 0, 1),
        ("class:host owner:ann", 0, 1),
        ("class:host not owner:ann", 1, 0),
        ("class:disk status:operational parent:web-1", 1, 0),
    ] {
        let list = format!("/api/v1/cis?query={}", query.replace(' ', "%20").replace('<', "%3C").replace('>', "%3E"));
        let found = |items: Vec<Value>| items.into_iter().map(|ci| ci["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        let (past, present) = (host.fixture.get(&format!("{list}&as_of={moment}")).await.ok(), host.fixture.get(&list).await.ok());
        assert_eq!((found(past.items()).len(), found(present.items()).len()), (then, now), "{query}");
    }
    let refused = host.fixture.get(&format!("/api/v1/cis?as_of={moment}&query=class:host%20last_seen%3E7d")).await;
    assert!(refused.text().contains("last_seen"), "{}", refused.text());
    refused.refused("invalid_parameter");
    host.fixture.get(&format!("/api/v1/cis?as_of={moment}&sort=name")).await.refused("invalid_parameter");
    host.fixture.get(&format!("/api/v1/cis?as_of={moment}&query=group:nowhere")).await.refused("invalid_parameter");
    assert!(host.path().ends_with(&id));
}

#[tokio::test]
async fn history_is_told_for_an_attribute_or_a_section() {
    let (host, id, _) = changed().await;
    let get = async |query: &str| host.fixture.get(&format!("/api/v1/cis/{id}/history{query}")).await;
    let owner = get("?attribute=owner").await.ok().items();
    assert_eq!(owner.len(), 1, "{owner:#?}");
    let change = &owner[0]["changes"][0];
    assert_eq!((&change["attribute"], &change["before"], &change["after"]), (&"owner".into(), &Value::Null, &"ann".into()));
    assert_eq!((&owner[0]["actor"]["name"], &change["source"]["kind"]), (&"the admin".into(), &"person".into()), "{owner:#?}");
    assert!(!change["why"].as_str().unwrap().is_empty());
    let packages = get("?section=packages").await.ok().items();
    let types: Vec<&str> = packages.iter().map(|record| record["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["software_changed", "section_changed", "section_changed"], "newest first");
    assert_eq!(packages[0]["changes"][0]["packages"]["upgraded"], 1);
    assert_eq!(packages[1]["changes"][0]["before"], packages[2]["changes"][0]["after"]);
    let both = get("?attribute=owner,serial&section=packages&limit=2").await.ok().json();
    let next = both["next_cursor"].as_str().unwrap().to_owned();
    let rest = get(&format!("?attribute=owner,serial&section=packages&cursor={next}")).await.ok().items();
    let older = rest[0]["revision"].as_u64() < both["items"][1]["revision"].as_u64();
    assert_eq!((rest.len(), older), (3, true), "{rest:#?}");
    assert_eq!(get("?limit=1").await.ok().items()[0]["changes"], Value::Null);
    assert!(get("?attribute=rotational").await.ok().items().is_empty(), "known, and nothing of a host");
    let refused = get("?attribute=seriall").await;
    assert!(refused.text().contains("did you mean serial?"), "{}", refused.text());
    refused.refused("invalid_parameter");
    for query in ["?section=shoes", "?section=processes", "?attribute=", "?section=packages,", "?attribute=Ä"] {
        get(query).await.refused("invalid_parameter");
    }
    let disk = host.fixture.get("/api/v1/cis?class=disk").await.ok().items()[0]["id"].as_str().unwrap().to_owned();
    let serial = host.fixture.get(&format!("/api/v1/cis/{disk}/history?attribute=serial")).await.ok().items();
    assert_eq!(serial.len(), 1, "{serial:#?}");
}
