//! What collectors measured, as people see it.

use super::*;
use crate::engine::Collected;
use rollcall_domain::collect::Resource;
use rollcall_domain::id::CiId;
use rollcall_domain::trust::collector::Spoken;
use rollcall_domain::trust::feed::FeedName;
use rollcall_shared::sample::{SampleSet, Series};
use std::collections::BTreeMap;

fn feed() -> FeedName {
    "prom".parse().unwrap()
}

/// A host that a feed measured: ten values of `node_load1`, ten seconds apart.
async fn measured() -> (Fixture, CiId) {
    let fixture = Fixture::new().await;
    fixture.post("/api/v1/feeds", r#"{"name": "prom", "kind": "prometheus"}"#).await.ok();
    let made = fixture.post("/api/v1/cis", r#"{"class": "server", "name": "web-1"}"#).await.ok().json();
    let ci: CiId = made["id"].as_str().unwrap().parse().unwrap();
    let resource = Resource::of([("instance", "web-1:9100"), ("job", "node")]);
    let attributes = resource.attributes(BTreeMap::new(), "instance", &feed());
    let table = fixture.engine.store_tables(vec![vec![Series { metric: "node_load1".into(), attributes }]]).await.unwrap()[0];
    let set =
        |step: i32| SampleSet { table, at: Timestamp(NOW.0 - 100_000 + i64::from(step) * 10_000), values: vec![Some(f64::from(step))] };
    let spoken = Spoken { feed: feed(), key: resource.key(Some("instance")), ci, placed: "label instance".into() };
    let units = BTreeMap::from([("node_load1".to_owned(), "{process}".to_owned())]);
    let heard =
        fixture.engine.collect(vec![Collected { spoken, sets: (0..10).map(set).collect(), ended: Vec::new(), units }], None).await.unwrap();
    assert!(heard.iter().all(Result::is_ok), "{heard:?}");
    (fixture, ci)
}

#[tokio::test]
async fn collectors_are_listed_with_what_they_measure_and_those_without_an_item_with_the_reason() {
    let (fixture, ci) = measured().await;
    let listed = fixture.get(&format!("/api/v1/collectors?ci={ci}&feed=prom")).await.ok().items();
    assert_eq!(listed.len(), 1);
    let one = &listed[0];
    assert_eq!((&one["key"], &one["ci"], &one["series"]), (&"instance=web-1:9100,job=node".into(), &ci.to_string().into(), &1.into()));
    assert_eq!((&one["reason"], &one["ended"]), (&"label instance".into(), &false.into()));
    for path in ["/api/v1/collectors?feed=other", "/api/v1/collectors?placed=false"] {
        assert_eq!(fixture.get(path).await.ok().items().len(), 0, "{path}");
    }
    fixture.api.site.collecting.miss((&feed(), "instance=x"), "no item is called so", 3, NOW);
    let unplaced = fixture.get("/api/v1/collectors?placed=false&feed=prom").await.ok().items();
    assert_eq!((unplaced.len(), &unplaced[0]["reason"], &unplaced[0]["ci"]), (1, &"no item is called so".into(), &Value::Null));
    let figures = fixture.get_as("/metrics", "text/plain").await.ok().text();
    assert!(figures.contains("rollcall_collectors{state=\"unplaced\"} 1"), "{figures}");
    fixture.put("DELETE", "/api/v1/feeds/prom", &[], "").await.ok();
    assert_eq!(fixture.get("/api/v1/collectors").await.ok().items()[0]["ended"], true);
}

#[tokio::test]
async fn what_a_collector_measured_is_read_as_what_an_agent_measured() {
    let (fixture, ci) = measured().await;
    let newest = fixture.get(&format!("/api/v1/cis/{ci}/samples")).await.ok().items();
    assert_eq!((newest.len(), &newest[0]["metric"], &newest[0]["attributes"]["server.port"]), (1, &"node_load1".into(), &"9100".into()));
    let past = fixture.get(&format!("/api/v1/cis/{ci}/samples?metric=node_load1&from=-5m&step=raw")).await.ok().items();
    let buckets = fixture.get(&format!("/api/v1/cis/{ci}/samples?metric=node_load1")).await.ok().items();
    let highest = fixture.get("/api/v1/samples/top?metric=node_load1").await.ok().items();
    let catalogue = fixture.get("/api/v1/metric_catalogue?q=node_load1").await.ok().items();
    for one in [&newest[0], &past[0], &buckets[0], &highest[0], &catalogue[0]] {
        assert_eq!(one["unit"], "{process}", "{one}");
    }
    let exposed = fixture.get_as("/api/v1/fleet_metrics", "text/plain").await.ok().text();
    assert!(exposed.contains("# HELP node_load1 As a feed tells it. [{process}]\n"), "{exposed}");
    assert_eq!(past[0]["points"].as_array().unwrap().len(), 10);
    let top = fixture.get("/api/v1/samples/top?metric=node_load1").await.ok().items();
    assert_eq!((top.len(), &top[0]["value"]), (1, &9.0.into()));
    assert_eq!(fixture.get("/api/v1/samples?metric=node_load1").await.ok().items()[0]["series"].as_array().unwrap().len(), 1);
    let text = fixture.get_as("/api/v1/fleet_metrics", "text/plain").await.ok().text();
    assert!(text.contains("node_load1{") && text.contains("rollcall_feed=\"prom\"") && !text.contains("rollcall_host_up"), "{text}");
    let rule = r#"{"from": "-1h", "rule": {"id": "load", "title": "Load", "description": "Look.", "enabled": true, "tier": "ticket",
        "condition": {"kind": "threshold", "metric": "node_load1", "reduce": "last", "window_ms": 0, "side": "above"}, "levels": {"critical": {"raise": 5, "clear": 5}}, "impact": "medium", "auto_resolve": true}}"#;
    let replayed = fixture.post("/api/v1/rules/backtest", rule).await.ok().json();
    assert_eq!((&replayed["incidents"], &replayed["items"][0]["ci"]), (&1.into(), &ci.to_string().into()), "{replayed}");
    assert!(replayed["warnings"].to_string().contains("the end of a series"), "{replayed}");
}

#[tokio::test]
async fn a_back_test_tells_which_feeds_would_have_been_missed() {
    let (fixture, ci) = measured().await;
    let ask = async |feed: &str| {
        let condition = format!(r#"{{"kind": "collector_silent", "after_ms": 60000{feed}}}"#);
        let rule = format!(
            r#"{{"id": "quiet", "title": "Quiet", "description": "Look.", "enabled": true, "tier": "ticket", "condition": {condition}, "levels": {{"warning": {{"raise": 1, "clear": 1}}}}, "impact": "medium", "auto_resolve": true}}"#
        );
        fixture.post("/api/v1/rules/backtest", &format!(r#"{{"from": "-1h", "rule": {rule}}}"#)).await.ok().json()
    };
    fixture.clock.advance(Duration::from_secs(60));
    let found = ask("").await;
    assert_eq!((&found["hosts"], &found["hosts_judged"], &found["incidents"]), (&1.into(), &1.into(), &1.into()), "{found:#}");
    let one = &found["items"][0];
    let expected = (&ci.to_string().into(), &"prom".into(), &60.0.into(), &Value::Null);
    assert_eq!((&one["ci"], &one["attributes"]["rollcall.feed"], &one["value"], &one["resolved_at"]), expected, "{one:#}");
    assert!(found["warnings"].as_array().unwrap().len() == 2, "{found:#}");
    assert_eq!(ask(r#", "feed": "other""#).await["hosts"], 0);
    fixture.put("DELETE", "/api/v1/feeds/prom", &[], "").await.ok();
    assert_eq!(ask("").await["hosts"], 0, "nobody waits for what was withdrawn");
}

#[tokio::test]
async fn an_erased_host_takes_its_collectors_and_their_samples_with_it() {
    let (fixture, ci) = measured().await;
    let voice = fixture.engine.read(|world| world.trust.collectors.of(ci).next().unwrap().0);
    let erase = r#"{"reason": "its owner asked for it", "legal_basis": "GDPR Art. 17 (1) b", "force": true}"#;
    fixture.post(&format!("/api/v1/cis/{ci}/erase"), erase).await.ok();
    let samples = fixture.engine.samples(voice, Timestamp(0), Timestamp(i64::MAX)).await.unwrap();
    assert_eq!((samples.len(), fixture.engine.read(|world| world.trust.collectors.len())), (0, 0));
    let store = fixture.engine.store();
    let log = store.read_log(0, 100_000).unwrap();
    assert!(!log.iter().any(|(_, bytes)| String::from_utf8_lossy(bytes).contains("web-1")), "the log");
    assert_eq!(fixture.engine.read(|world| world.telemetry.heard().count()), 0);
}

/// Metric, state, value.
type Told<'a> = (&'a str, Option<&'a str>, f64);

/// A host, and values of one moment before now that a feed told of it, each request one set.
async fn told(requests: &[(i64, &[Told<'_>])]) -> (Fixture, CiId) {
    let (fixture, ci) = measured().await;
    let resource = Resource::of([("instance", "web-1:9200"), ("job", "queue")]);
    let mut values: Vec<(&str, Option<&str>)> = requests.iter().flat_map(|(_, set)| set.iter().map(|one| (one.0, one.1))).collect();
    values.sort_unstable();
    values.dedup();
    let series = |(metric, state): &(&str, Option<&str>)| {
        let own = state.iter().map(|state| ("state".to_owned(), (*state).to_owned())).collect();
        Series { metric: (*metric).into(), attributes: resource.attributes(own, "instance", &feed()) }
    };
    let table = fixture.engine.store_tables(vec![values.iter().map(series).collect()]).await.unwrap()[0];
    for (before, set) in requests {
        let value = |one: &(&str, Option<&str>)| set.iter().find(|told| (told.0, told.1) == *one).map(|told| told.2);
        let sets = vec![SampleSet { table, at: Timestamp(NOW.0 - before), values: values.iter().map(value).collect() }];
        let spoken = Spoken { feed: feed(), key: resource.key(Some("instance")), ci, placed: "label instance".into() };
        let heard =
            fixture.engine.collect(vec![Collected { spoken, sets, ended: Vec::new(), units: BTreeMap::new() }], None).await.unwrap();
        assert!(heard.iter().all(Result::is_ok), "{heard:?}");
    }
    (fixture, ci)
}

#[tokio::test]
async fn metrics_of_one_host_that_come_apart_are_read_together() {
    let (fixture, _) = told(&[(400_000, &[("q.old", None, 1.0)]), (3_000, &[("q.a", None, 5.0)]), (1_000, &[("q.b", None, 6.0)])]).await;
    for (metric, expected) in [("q.a", 1), ("q.b", 1), ("q.old", 0)] {
        let top = fixture.get(&format!("/api/v1/samples/top?metric={metric}")).await.ok().items();
        assert_eq!(top.len(), expected, "{metric}");
    }
    let text = fixture.get_as("/api/v1/fleet_metrics", "text/plain").await.ok().text();
    assert!(text.contains("q_a{") && text.contains("q_b{") && !text.contains("q_old{"), "{text}");
}

#[tokio::test]
async fn what_is_told_again_counts_once() {
    let [first, second, third] = [30_000, 20_000, 10_000].map(|before| (before, [("q.a", None, 2.0)]));
    let once = [(first.0, &first.1[..]), (second.0, &second.1[..]), (third.0, &third.1[..])];
    let (fixture, ci) = told(&[once, once, once].concat()).await;
    for (step, expected) in [("raw", 3), ("5m", 3)] {
        let found = fixture.get(&format!("/api/v1/cis/{ci}/samples?metric=q.a&from=-5m&step={step}")).await.ok().items();
        let points = found[0]["points"].as_array().unwrap();
        let count: u64 = points.iter().map(|point| point["count"].as_u64().unwrap_or(0)).sum();
        assert_eq!(count, expected, "{step}: {points:?}");
    }
}

#[tokio::test]
async fn a_total_stands_for_its_parts_at_the_top_unless_these_are_asked_for() {
    let set: &[(&str, Option<&str>, f64)] =
        &[("q", None, 3.0), ("q", Some("a"), 9.0), ("q", Some("b"), 8.0), ("p", Some("a"), 1.0), ("p", Some("b"), 2.0)];
    let (fixture, ci) = told(&[(1_000, set)]).await;
    for (asked, expected) in [
        ("metric=q", &[3.0][..]),
        ("metric=q&window=1h", &[3.0]),
        ("metric=q&attribute=state:", &[3.0]),
        ("metric=q&attribute=state:b", &[8.0]),
        ("metric=q&attribute=job:queue", &[9.0, 8.0, 3.0]),
        ("metric=p", &[2.0, 1.0]),
    ] {
        let top = fixture.get(&format!("/api/v1/samples/top?{asked}")).await.ok().items();
        assert_eq!(top.iter().map(|one| one["value"].as_f64().unwrap()).collect::<Vec<_>>(), expected, "{asked}");
    }
    let own = fixture.get(&format!("/api/v1/cis/{ci}/samples?attribute=state:,job:queue")).await.ok().items();
    assert_eq!(own.len(), 1);
}
