//! A check of a host's own: what the plugin says is an incident with its words, and ends when the plugin says that all is well.

use crate::scene::{Scene, only, time};
use anyhow::{Context, Result, ensure};
use rollcall_tests::harness::clock::{self, PATIENCE};
use rollcall_tests::harness::{Agent, until_async};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

const RULE: &str = "check_result";

/// Between two pushes that nothing hurries.
const PUSHES: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_fails_on_the_real_machine_is_an_incident_in_its_own_words_until_it_passes() -> Result<()> {
    let scene = Scene::start()?;
    let place = open_to_all()?;
    let state = place.path().join("state");
    fs::write(&state, "0 OK - both disks are in the array\n")?;
    fs::set_permissions(&state, Permissions::from_mode(0o644))?;
    let mut agent = Agent::enrol(scene.path(), &scene.server)?;
    agent.configure(&configuration(&state)?)?;
    agent.run()?;
    passes(&scene).await?;
    ensure!(scene.incidents_of(RULE).await?.is_empty(), "a check that passes is no incident");

    // What it said was in a push just now: the next one is due in twenty seconds.
    let failed = clock::now();
    replace(&state, "2 CRITICAL - disk 2 has left the array\n")?;
    let opened = until_async(PATIENCE, "an incident with what the plugin printed", async || {
        let incident = scene.incidents_of(RULE).await?.pop();
        Ok(incident.filter(|incident| incident["description"].as_str().is_some_and(|text| text.contains("disk 2 has left the array"))))
    })
    .await?;
    ensure!(opened["title"].as_str().is_some_and(|title| title.contains("array")), "the check is named: {opened}");
    assert_eq!(opened["breach"]["severity"], "critical");
    let took = time(&opened["opened_at"])?.since(failed);
    ensure!(took < PUSHES / 2, "an agent pushes at once when a check fails: {took:?}");

    replace(&state, "0 OK - both disks are in the array\n")?;
    until_async(PATIENCE, "the incident to resolve", async || {
        let incident = only(scene.incidents_of(RULE).await?)?;
        Ok((incident["state"] == "resolved").then_some(()))
    })
    .await?;
    agent.stop()
}

/// Plugins of an agent that is root run as `nobody`, who comes into no private directory.
fn open_to_all() -> Result<TempDir> {
    let place = tempfile::tempdir()?;
    fs::set_permissions(place.path(), Permissions::from_mode(0o755))?;
    Ok(place)
}

/// A plugin that says what a file says: its state, and then its words.
fn configuration(state: &Path) -> Result<String> {
    let script = format!("read code words < {}; echo \"$words\"; exit $code", state.to_str().context("a path in UTF-8")?);
    Ok(format!(
        "sample_interval_seconds = 1.0\npush_interval_seconds = {}\n\n[[check]]\nname = \"array\"\ncommand = [\"/bin/sh\", \"-c\", '''{script}''']\n\
         interval_seconds = 1\ntimeout_seconds = 1\n",
        PUSHES.as_secs()
    ))
}

/// At once, so that no plugin reads half of it.
fn replace(state: &Path, content: &str) -> Result<()> {
    let new = state.with_extension("new");
    fs::write(&new, content)?;
    fs::set_permissions(&new, Permissions::from_mode(0o644))?;
    Ok(fs::rename(new, state)?)
}

/// Waits until the check has been heard to pass.
async fn passes(scene: &Scene) -> Result<()> {
    let enrolled = only(scene.api.list("/api/v1/agents").await?)?;
    let host = scene.host_of(enrolled["id"].as_str().context("id")?.parse()?).await?;
    let from = clock::now().minus(Duration::from_secs(600));
    until_async(PATIENCE, "the check's first result", async || {
        let to = clock::now().plus(Duration::from_secs(1));
        let series = scene.api.list(&format!("/api/v1/cis/{host}/samples?metric=check.state&from={from}&to={to}&step=raw")).await?;
        let points = series.iter().filter_map(|series| series["points"].as_array()).flatten();
        Ok(points.into_iter().any(|point| point["last"] == 0.0).then_some(()))
    })
    .await
}
