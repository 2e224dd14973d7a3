//! Charts of incidents that rules of several kinds opened, from the samples of a host.

use super::inventory::Host;
use super::*;
use rollcall_shared::sample::Series;
use serde_json::json;

const MINUTE: Duration = Duration::from_secs(60);

/// A rule of a site on a condition with one line.
fn rule(id: &str, condition: Value, raise: f64) -> String {
    let levels = json!({"warning": {"raise": raise, "clear": raise}});
    json!({"id": id, "title": id, "description": "Look.", "enabled": true, "tier": "ticket", "impact": "low", "auto_resolve": true,
        "condition": condition, "levels": levels})
    .to_string()
}

/// A host whose queue fails more and more, fills up, and at last does not tell its age any more: a set a minute, one of them without a total.
async fn failing() -> Host {
    let mut host = Host::reported().await;
    let last = |metric: &str| json!({"metric": metric, "reduce": "last"});
    let ratio = json!({"kind": "ratio", "part": last("queue.errors"), "whole": last("queue.messages"), "side": "above"});
    let forecast = json!({"kind": "forecast", "metric": "queue.depth", "window_ms": 720_000, "target": 100, "side": "above"});
    let absent = json!({"kind": "absent", "metric": "queue.age", "after_ms": 300_000});
    for (id, condition, raise) in [("failing", ratio, 0.5), ("filling", forecast, 86_400.0), ("ageless", absent, 0.0)] {
        host.fixture.post("/api/v1/rules", &rule(id, condition, raise)).await.ok();
    }
    let series = |metric: &str| Series { metric: metric.into(), attributes: Vec::new() };
    for minute in 0..8_u32 {
        host.fixture.clock.advance(MINUTE);
        let table = ["queue.age", "queue.depth", "queue.errors", "queue.messages"].map(series).to_vec();
        let (age, total) = ((minute < 2).then_some(5.0), (minute != 4).then_some(10.0));
        let errors = if minute == 7 { 6.0 } else { 1.0 };
        host.sample(table, vec![age, Some(f64::from(minute)), Some(errors), total]).await;
    }
    host
}

async fn incident(host: &Host, rule: &str) -> Value {
    let found = host.fixture.get("/api/v1/incidents").await.ok().items();
    found.into_iter().find(|incident| incident["category"] == rule).unwrap_or_else(|| panic!("{rule} opened nothing"))
}

async fn drawn(host: &Host, incident: &Value) -> Value {
    host.fixture.get(&format!("/api/v1/incidents/{}/chart", incident["id"].as_str().unwrap())).await.ok().json()
}

/// The values of all buckets that have one, and how many have none.
fn values(of: &Value) -> (Vec<f64>, usize) {
    let points = of["points"].as_array().unwrap();
    let values: Vec<f64> = points.iter().filter_map(|point| point["avg"].as_f64()).collect();
    let empty = points.iter().filter(|point| point["avg"].is_null() && point["count"] == 0).count();
    assert_eq!(values.len() + empty, points.len(), "a bucket has a value or is empty");
    (values, empty)
}

#[tokio::test]
async fn a_threshold_is_drawn_with_the_series_of_its_alert_alone_and_with_lines_of_it() {
    let mut host = Host::reported().await;
    let condition = json!({"kind": "threshold", "metric": "queue.depth", "reduce": "last", "window_ms": 0, "side": "above"});
    host.fixture.post("/api/v1/rules", &rule("deep", condition, 85.0)).await.ok();
    for depth in [10.0, 20.0, 90.0] {
        host.fixture.clock.advance(MINUTE);
        host.measure(&[("queue.depth", "/a"), ("queue.depth", "/b")], vec![Some(1.0), Some(depth)]).await;
    }
    let incident = incident(&host, "deep").await;
    let chart = &incident["breach"]["chart"];
    assert_eq!((&chart["metric"], &chart["attributes"]), (&json!("queue.depth"), &json!({"mountpoint": "/b"})));
    assert_eq!((&chart["lines_of"], &chart["warning"], &chart["references"]), (&json!("series"), &json!(85.0), &json!([])));
    let drawn = drawn(&host, &incident).await;
    assert_eq!(drawn["series"].as_array().unwrap().len(), 1);
    assert_eq!((values(&drawn["series"][0]).0, values(&drawn["judged"]).0), (vec![10.0, 20.0, 90.0], vec![10.0, 20.0, 90.0]));
}

#[tokio::test]
async fn a_ratio_is_drawn_with_both_of_its_series_and_with_lines_of_the_ratio() {
    let host = failing().await;
    let incident = incident(&host, "failing").await;
    let chart = &incident["breach"]["chart"];
    assert_eq!((&chart["metric"], &incident["breach"]["metric"]), (&json!("queue.errors"), &json!("queue.errors")));
    assert_eq!((&chart["lines_of"], &chart["warning"], &chart["judged"]["unit"]), (&json!("judged"), &json!(0.5), &json!("1")));
    let drawn = drawn(&host, &incident).await;
    let of = |place: usize| (drawn["series"][place]["metric"].as_str().unwrap(), values(&drawn["series"][place]));
    let (errors, messages) = (of(0), of(1));
    assert_eq!((errors.0, errors.1.0), ("queue.errors", vec![1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 6.0]));
    assert_eq!((messages.0, messages.1.0), ("queue.messages", vec![10.0; 7]));
    assert_eq!(messages.1.1, errors.1.1 + 1, "the minute without a total is a gap");
    let judged = &drawn["judged"];
    assert_eq!(judged["what"], "queue.errors as a share of queue.messages");
    assert_eq!(values(judged), (vec![0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.6], messages.1.1));
    assert_eq!((&drawn["from"], &drawn["to"], &drawn["step_ms"]), (&chart["from"], &chart["to"], &json!(36_000)));
}

#[tokio::test]
async fn a_forecast_is_drawn_with_the_line_that_meets_its_target() {
    let host = failing().await;
    let incident = incident(&host, "filling").await;
    let drawn = drawn(&host, &incident).await;
    assert_eq!((&drawn["series"][0]["read_as"], &drawn["series"][0]["window_ms"]), (&json!("forecast"), &json!(720_000)));
    assert_eq!(values(&drawn["series"][0]).0, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    assert_eq!(drawn["references"][0], json!({"kind": "target", "series": 0, "value": 100.0}));
    let trend = &drawn["references"][1];
    let (value, per_second) = (trend["value"].as_f64().unwrap(), trend["per_second"].as_f64().unwrap());
    assert!((value - 6.0).abs() < 1e-6 && (per_second - 1.0 / 60.0).abs() < 1e-9, "{trend}");
    assert_eq!(trend["reaches_at"], json!(NOW.plus(7 * MINUTE).plus(94 * MINUTE).to_string()));
    // Seconds that were left by each minute; the first sample has no line yet.
    let (left, _) = values(&drawn["judged"]);
    assert!((left[1] - 99.0 * 60.0).abs() < 1e-3 && (left[7] - 93.0 * 60.0).abs() < 1e-3, "{left:?}");
}

#[tokio::test]
async fn an_absence_is_drawn_with_what_fell_silent_and_when_it_was_last_seen() {
    let host = failing().await;
    let incident = incident(&host, "ageless").await;
    let drawn = drawn(&host, &incident).await;
    assert_eq!(values(&drawn["series"][0]).0, [5.0, 5.0]);
    assert_eq!(drawn["references"], json!([{"kind": "last_seen", "at": NOW.plus(2 * MINUTE).to_string()}]));
    assert_eq!(values(&drawn["judged"]).0, [0.0, 0.0, 60.0, 120.0, 180.0, 240.0, 300.0, 360.0]);
    assert_eq!((&drawn["warning"], &drawn["series"][0]["read_as"]), (&Value::Null, &json!("absence")));
    assert_eq!(drawn["judged"]["what"], "time since queue.age came");
}

#[tokio::test]
async fn a_chart_of_long_ago_is_drawn_from_what_is_kept_and_no_rule_is_needed_for_it() {
    let host = failing().await;
    let incident = incident(&host, "failing").await;
    host.fixture.put("DELETE", "/api/v1/rules/failing", &[], "").await.ok();
    host.fixture.clock.advance(20 * DAY);
    // Tokens are older than they may be by now.
    let question = format!("/api/v1/incidents/{}/chart", incident["number"].as_str().unwrap());
    let made = token::new_api_token(&SeededEntropy::new(2));
    let command = TrustCommand::CreateApiToken { secret_hash: made.secret_hash, name: "late".into(), role: Role::Viewer, ttl: Some(DAY) };
    run(&host.fixture.engine, Command::Trust(command)).await;
    let request = Request::builder().uri(&question).header(header::AUTHORIZATION, format!("Bearer {}", made.text));
    let drawn = host.fixture.send(request.body(Body::empty()).unwrap()).await.ok().json();
    assert_eq!((&drawn["step_ms"], &drawn["resolution"]), (&json!(300_000), &json!("5m")));
    assert!(!values(&drawn["series"][0]).0.is_empty() && !values(&drawn["judged"]).0.is_empty(), "{drawn}");
}

#[tokio::test]
async fn what_has_no_chart_says_why() {
    let fixture = Fixture::new().await;
    fixture.post("/api/v1/incidents", r#"{"title": "Printer on fire"}"#).await.ok();
    let refused = fixture.get("/api/v1/incidents/INC0000001/chart").await;
    assert_eq!(refused.json()["detail"], "incident INC0000001 has no chart: it is of no alert of a rule");
    refused.refused("not_found");
}
