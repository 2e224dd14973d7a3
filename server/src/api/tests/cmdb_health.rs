//! How good the CMDB is, as people see it.

use super::inventory::{Host, disks, os, system};
use super::*;
use serde_json::json;

fn reasons(reply: &Reply) -> Vec<String> {
    let texts = |item: &Value| {
        let reasons = item["reasons"].as_array().unwrap().iter();
        let shown = reasons.map(|one| format!("{} {}", one["reason"].as_str().unwrap(), one["attribute"].as_str().unwrap_or("-")));
        shown.collect::<Vec<_>>().join(", ")
    };
    reply.items().iter().map(texts).collect()
}

#[tokio::test]
async fn every_figure_leads_to_the_items_behind_it() {
    let host = Host::reported().await;
    let fixture = &host.fixture;
    let all = fixture.get("/api/v1/cmdb_health").await.ok().items();
    assert_eq!(all[0]["class"], Value::Null);
    let names: Vec<&str> = all[1..].iter().map(|row| row["class"].as_str().unwrap()).collect();
    assert!(names.is_sorted() && names.contains(&"host") && names.contains(&"server"), "{names:?}");
    let of = |class: &str| all.iter().find(|row| row["class"] == class).unwrap().clone();
    assert_eq!((&of("host")["cis"], &of("server")["cis"]), (&1.into(), &1.into()), "a class has what inherits from it");
    for row in &all {
        let class = row["class"].as_str().map(|class| format!("?class={class}")).unwrap_or_default();
        for metric in row["metrics"].as_array().unwrap() {
            let name = metric["metric"].as_str().unwrap();
            let found = fixture.get(&format!("/api/v1/cmdb_health/{name}/cis{class}")).await.ok();
            let failing =
                found.items().iter().filter(|item| item.to_string().replace("lacks_recommended", "").contains("\"reason\":\"")).count();
            assert!(failing as u64 >= metric["failing"].as_u64().unwrap(), "{row} {found:?}", found = found.text());
            for counted in metric["reasons"].as_array().unwrap() {
                let reason = counted["reason"].as_str().unwrap();
                let sign = if class.is_empty() { "?" } else { "&" };
                let found = fixture.get(&format!("/api/v1/cmdb_health/{name}/cis{class}{sign}reason={reason}")).await.ok();
                assert_eq!(found.items().len() as u64, counted["cis"].as_u64().unwrap(), "{class} {reason}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_expected_is_extended_by_the_policy_and_the_score_follows() {
    let mut host = Host::reported().await;
    let score = async |host: &Host| {
        let rows = host.fixture.get("/api/v1/cmdb_health?class=server").await.ok().items();
        (rows[0]["metrics"][0]["score"].as_f64().unwrap(), rows[0]["lacking"].clone())
    };
    let before = score(&host).await;
    let policy = json!({"health": {"expectations": [{"class": "server", "required": ["cost_centre"]}]}}).to_string();
    let set = host.fixture.put("PUT", "/api/v1/policy", &[], &policy).await.ok().json();
    assert_eq!(set["health"]["expectations"][0]["required"], json!(["cost_centre"]));
    let after = score(&host).await;
    assert!(after.0 < before.0 && after.1.to_string().contains("cost_centre"), "{after:?}");
    let found = host.fixture.get("/api/v1/cmdb_health/completeness/cis?reason=lacks_required&class=server").await.ok();
    assert!(reasons(&found)[0].contains("lacks_required cost_centre"), "{:?}", reasons(&found));
    host.fixture.put("PATCH", &host.path(), &[], r#"{"attributes": {"cost_centre": "4711"}}"#).await.ok();
    assert!(score(&host).await.0 > after.0);
    host.report(vec![system(), os(), disks()]).await;
    let wrong = json!({"health": {"expectations": [{"class": "server", "required": ["Cost"]}]}}).to_string();
    let refused = host.fixture.put("PUT", "/api/v1/policy", &[], &wrong).await;
    refused.refused("invalid_parameter");
    assert_eq!(refused.json()["field"], "health.expectations[0].required");
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_by_name() {
    let fixture = Fixture::new().await;
    fixture.get("/api/v1/cmdb_health/beauty/cis").await.refused("not_found");
    fixture.get("/api/v1/cmdb_health/orphans/cis?reason=drifts").await.refused("invalid_parameter");
    fixture.get("/api/v1/cmdb_health/orphans/cis?class=fridge").await.refused("invalid_parameter");
    fixture.get("/api/v1/cmdb_health/history?from=yesterday").await.refused("invalid_parameter");
    for kind in ["application/json", "text/csv", "application/x-ndjson"] {
        fixture.get_as("/api/v1/cmdb_health/orphans/cis", kind).await.ok();
    }
}

#[tokio::test]
async fn a_walk_over_the_pages_of_a_class_sees_each_item_once() {
    let fixture = Fixture::new().await;
    for number in 0..7 {
        fixture.post("/api/v1/cis", &format!(r#"{{"class": "location", "name": "Hall {number}"}}"#)).await.ok();
        fixture.post("/api/v1/cis", &format!(r#"{{"class": "cluster", "name": "k{number}"}}"#)).await.ok();
    }
    let mut seen: Vec<String> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = fixture.get(&format!("/api/v1/cmdb_health/orphans/cis?class=location&limit=2{cursor}")).await.ok().json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    seen.sort();
    assert_eq!(seen, (0..7).map(|number| format!("Hall {number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_says_when_it_was_measured_and_when_it_will_be() {
    let host = Host::reported().await;
    let page = host.fixture.get("/api/v1/cmdb_health").await.ok().json();
    assert_eq!((page["measured_at"].is_string(), &page["next_measurement_at"], &page["note"]), (true, &Value::Null, &Value::Null));
}
