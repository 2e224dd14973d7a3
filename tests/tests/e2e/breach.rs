//! A machine fails: incidents open and resolve by themselves, and repeats become a problem.

use crate::scene::{Scene, only, time};
use anyhow::{Context, Result, ensure};
use rollcall_tests::harness::clock::{self, PATIENCE};
use rollcall_tests::harness::{Agent, until_async};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const RULE: &str = "memory_utilization";
const INTERVAL: Duration = Duration::from_secs(1);

/// Below and above what any running machine uses of its memory.
const BREACHED: f64 = 0.000_1;
const UNREACHED: f64 = 0.999_9;

#[tokio::test(flavor = "multi_thread")]
async fn a_breach_on_the_real_machine_opens_an_incident_that_resolves_and_whose_third_repeat_is_a_problem() -> Result<()> {
    let scene = Scene::start()?;
    let mut agent = Agent::enrol(scene.path(), &scene.server)?;
    agent.hurry(INTERVAL.as_secs_f64())?;
    agent.run()?;
    let enrolled = only(scene.api.list("/api/v1/agents").await?)?;
    let host = scene.host_of(enrolled["id"].as_str().context("id")?.parse()?).await?;

    let mut seen = BTreeSet::new();
    for round in 1..=3 {
        let rule = lower_or_raise(&scene, BREACHED).await?;
        let incident = newest(&scene, round, true).await?;
        let took = time(&incident["opened_at"])?.since(time(&rule["updated_at"])?);
        // The threshold travels with the answer to the next push; the next sample crosses it and is pushed at once.
        ensure!(took <= INTERVAL + INTERVAL + Duration::from_secs(1), "round {round}: the incident opened after {took:?}");
        assert_eq!(incident["primary_ci"].as_str(), Some(host.as_str()));
        ensure!(seen.insert(incident["id"].as_str().context("id")?.to_owned()), "one incident a breach");

        lower_or_raise(&scene, UNREACHED).await?;
        newest(&scene, round, false).await?;
    }
    check_problem(&scene, &seen).await?;
    agent.stop()
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_data_never_resolves_an_incident() -> Result<()> {
    let scene = Scene::start()?;
    lower_or_raise(&scene, 0.5).await?;
    let mut agent = scene.simulated(1).await?;
    agent.introduce().await?;
    agent.sample_with(clock::now(), "system.memory.utilization", 0.9).await?;
    let before = newest(&scene, 1, true).await?;

    // Samples without the value: what cannot be measured is unknown, not well.
    for _ in 0..10 {
        let mut set = agent.host.sample(clock::now());
        set.values.iter_mut().for_each(|value| *value = None);
        agent.deliver(vec![rollcall_shared::message::Payload::Samples(vec![set])]).await?;
    }
    let after = only(scene.incidents_of(RULE).await?)?;
    assert_eq!(after["state"], before["state"]);
    assert_eq!(after["resolved"], Value::Null);

    agent.sample_with(clock::now(), "system.memory.utilization", 0.1).await?;
    newest(&scene, 1, false).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stock_rule_says_what_it_means_and_what_to_do() -> Result<()> {
    let scene = Scene::start()?;
    let rules = scene.api.list("/api/v1/rules").await?;
    ensure!(rules.len() >= 10, "{} stock rules", rules.len());
    for rule in rules {
        let text = |field: &str| rule[field].as_str().unwrap_or_default().len();
        ensure!(text("title") > 3 && text("description") > 100, "{rule}");
        ensure!(rule["tier"].is_string() && rule["impact"].is_string(), "{rule}");
    }
    Ok(())
}

/// The latest of `count` incidents, when it is as open as wanted.
async fn newest(scene: &Scene, count: usize, open: bool) -> Result<Value> {
    let what = format!("incident {count} to be {}", if open { "open" } else { "resolved" });
    until_async(PATIENCE, &what, async || {
        let mut incidents = scene.incidents_of(RULE).await?;
        ensure!(incidents.len() <= count, "{} incidents after {count} breaches", incidents.len());
        if incidents.len() < count {
            return Ok(None);
        }
        let last = incidents.pop().context("the newest")?;
        let is_open = !matches!(last["state"].as_str(), Some("resolved" | "closed" | "cancelled"));
        Ok((is_open == open).then_some(last))
    })
    .await
}

async fn lower_or_raise(scene: &Scene, raise: f64) -> Result<Value> {
    scene
        .edit_rule(RULE, |rule| {
            rule["enabled"] = json!(true);
            rule["tier"] = json!("ticket");
            rule["for_ms"] = json!(0);
            rule["keep_firing_for_ms"] = json!(0);
            rule["condition"]["reduce"] = json!("last");
            rule["condition"]["window_ms"] = json!(0);
            rule["levels"] = json!({"critical": {"raise": raise, "clear": raise}});
        })
        .await
}

async fn check_problem(scene: &Scene, incidents: &BTreeSet<String>) -> Result<()> {
    let problem = until_async(PATIENCE, "a problem", async || {
        let problems = scene.api.list("/api/v1/problems").await?;
        Ok(problems.into_iter().find(|problem| problem["origin"]["kind"] == "recurrence"))
    })
    .await?;
    let id = problem["id"].as_str().context("id")?;
    let linked = scene.api.list(&format!("/api/v1/problems/{id}/incidents")).await?;
    let linked: BTreeSet<String> = linked.iter().filter_map(|incident| incident["id"].as_str()).map(str::to_owned).collect();
    assert_eq!(&linked, incidents, "the problem links the incidents that it was opened for");
    let evidence = scene.api.list(&format!("/api/v1/problems/{id}/evidence")).await?;
    for incident in incidents {
        ensure!(evidence.iter().any(|row| row["incident"] == incident.as_str()), "no evidence for {incident}");
    }
    Ok(())
}
