//! Inventory is content-addressed: what a fleet has in common travels once.

use crate::scene::Scene;
use anyhow::{Context, Result, ensure};
use rollcall_shared::message::{Message, Payload};
use rollcall_shared::{Section, SectionName};
use rollcall_tests::harness::clock;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn machines_from_one_image_upload_it_once() -> Result<()> {
    let scene = Scene::start()?;
    scene.simulated(0).await?.introduce().await?;

    // Machine 4 is installed from the same image as machine 0.
    let mut twin = scene.simulated(4).await?;
    let report = twin.host.report(clock::now());
    let reply = twin.push(vec![Message { sequence: 1, payload: Payload::Report(report) }]).await?;
    let name = |hash| twin.host.contents().iter().find(|content| content.hash == hash).map(|content| content.name);
    let wanted: Vec<Option<SectionName>> = reply.wanted.iter().map(|&hash| name(hash)).collect();
    assert_eq!(reply.acknowledged, 0, "content is missing");
    assert_eq!(wanted.len(), 3, "{wanted:?}");
    ensure!(!wanted.contains(&Some(SectionName::Packages)), "{wanted:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_is_a_change_in_history_and_the_past_stays_readable() -> Result<()> {
    let scene = Scene::start()?;
    let mut agent = scene.simulated(0).await?;
    agent.introduce().await?;
    let host = scene.host_of(agent.id()).await?;
    let before = clock::now();
    let old = packages(&agent)?;

    let mut new = old.clone();
    let upgraded = new[0].name.clone();
    new[0].version = "99.0-1".into();
    agent.host.replace(Section::Packages(new))?;
    let report = agent.host.report(clock::now());
    agent.deliver(vec![Payload::Report(report)]).await?;

    let path = format!("/api/v1/cis/{host}/sections/packages");
    let now = scene.api.list(&format!("{path}?limit=500")).await?;
    let then = scene.api.list(&format!("{path}?limit=500&as_of={before}")).await?;
    assert_eq!((now.len(), then.len()), (old.len(), old.len()));
    assert_eq!(version_of(&now, &upgraded), Some("99.0-1"));
    assert_eq!(version_of(&then, &upgraded), Some(old[0].version.as_str()));
    let history = scene.api.list(&format!("/api/v1/cis/{host}/history")).await?;
    ensure!(history.iter().any(|entry| entry.to_string().contains("99.0-1")), "the upgrade is not in the history: {history:?}");
    Ok(())
}

fn packages(agent: &rollcall_tests::harness::SimulatedAgent) -> Result<Vec<rollcall_shared::section::Package>> {
    let content = agent.host.contents().iter().find(|content| content.name == SectionName::Packages).context("packages")?;
    match Section::decode(&content.bytes)? {
        Section::Packages(rows) => Ok(rows),
        other => anyhow::bail!("{} is not packages", other.name()),
    }
}

fn version_of<'a>(rows: &'a [Value], name: &str) -> Option<&'a str> {
    rows.iter().find(|row| row["name"] == name).and_then(|row| row["version"].as_str())
}
