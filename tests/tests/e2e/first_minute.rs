//! From nothing to a configuration item with real inventory.

use crate::scene::Scene;
use anyhow::{Context, Result, ensure};
use rollcall_shared::Timestamp;
use rollcall_tests::harness::clock::{self, PATIENCE};
use rollcall_tests::harness::{Agent, until_async};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn the_machine_of_a_real_agent_becomes_a_ci_with_its_real_inventory() -> Result<()> {
    let scene = Scene::start()?;
    let began = clock::now();
    let mut agent = Agent::enrol(scene.path(), &scene.server)?;
    agent.hurry(0.5)?;
    agent.run()?;

    let host = enrolled_host(&scene).await.with_context(|| agent.process().map(|process| process.tail()).unwrap_or_default())?;
    let ci = scene.api.get(&format!("/api/v1/cis/{host}")).await?;
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname")?;
    assert_eq!(ci["name"].as_str(), Some(hostname.trim()), "{ci}");

    check_sections(&scene, &host).await?;
    check_packages(&scene, &host).await?;
    check_graph(&scene, &host).await?;
    check_samples(&scene, &host, began).await?;
    agent.stop()
}

async fn enrolled_host(scene: &Scene) -> Result<String> {
    until_async(PATIENCE, "the machine to be a CI", async || {
        let agents = scene.api.list("/api/v1/agents").await?;
        Ok(agents.first().and_then(|agent| agent["ci"].as_str()).map(str::to_owned))
    })
    .await
}

async fn check_sections(scene: &Scene, host: &str) -> Result<()> {
    let sections = scene.api.list(&format!("/api/v1/cis/{host}/sections")).await?;
    let find = |name: &str| sections.iter().find(|section| section["name"] == name).with_context(|| format!("no section {name}"));
    for name in
        ["system", "os", "cpus", "disks", "filesystems", "network_interfaces", "packages", "services", "users", "processes", "listeners"]
    {
        find(name)?;
    }
    for name in ["os", "cpus", "filesystems", "network_interfaces", "users"] {
        assert_eq!(find(name)?["outcome"], "complete", "{name}");
        let content = scene.api.list(&format!("/api/v1/cis/{host}/sections/{name}")).await?;
        ensure!(!content.is_empty(), "section {name} has no rows");
    }
    Ok(())
}

async fn check_packages(scene: &Scene, host: &str) -> Result<()> {
    let Some(installed) = installed_by_dpkg() else { return Ok(()) };
    let packages = scene.api.list(&format!("/api/v1/cis/{host}/sections/packages?limit=500")).await?;
    let of_dpkg = packages.iter().filter(|package| package["manager"] == "dpkg").count();
    assert_eq!(of_dpkg, installed, "packages against dpkg's own status file");
    let dpkg = packages.iter().find(|package| package["name"] == "dpkg").context("dpkg installs itself")?;
    ensure!(dpkg["version"].as_str().is_some_and(|version| !version.is_empty()), "{dpkg}");

    let products = scene.api.list("/api/v1/software?limit=500").await?;
    ensure!(!products.is_empty(), "installed packages make software products");
    let id = products[0]["id"].as_str().context("a product has an id")?;
    let installations = scene.api.list(&format!("/api/v1/software/{id}/installations")).await?;
    ensure!(installations.iter().any(|installation| mentions(installation, host)), "{installations:?} does not name {host}");
    Ok(())
}

/// Packages that dpkg calls installed; none on other distributions.
fn installed_by_dpkg() -> Option<usize> {
    let status = std::fs::read_to_string("/var/lib/dpkg/status").ok()?;
    Some(status.lines().filter(|line| line.starts_with("Status: ") && line.ends_with(" installed")).count())
}

async fn check_graph(scene: &Scene, host: &str) -> Result<()> {
    let history = scene.api.list(&format!("/api/v1/cis/{host}/history")).await?;
    ensure!(!history.is_empty(), "a CI that came to be has a history");
    let relations = scene.api.list(&format!("/api/v1/cis/{host}/relations?limit=500")).await?;
    ensure!(relations.iter().any(|relation| mentions(relation, host)), "the host is related to nothing");
    Ok(())
}

async fn check_samples(scene: &Scene, host: &str, began: Timestamp) -> Result<()> {
    let values = until_async(PATIENCE, "samples", async || {
        let values = scene.values(host, "system.memory.utilization", began, clock::now()).await?;
        Ok((values.len() >= 2).then_some(values))
    })
    .await?;
    ensure!(values.iter().all(|(_, value)| (0.0..=1.0).contains(value)), "{values:?}");
    Ok(())
}

fn mentions(document: &Value, text: &str) -> bool {
    match document {
        Value::String(found) => found == text,
        Value::Array(items) => items.iter().any(|item| mentions(item, text)),
        Value::Object(fields) => fields.values().any(|field| mentions(field, text)),
        _ => false,
    }
}
