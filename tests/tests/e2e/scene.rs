//! What most tests begin with: a directory, a server, an administrator.

use anyhow::{Context, Result};
use rollcall_shared::{AgentId, Timestamp};
use rollcall_tests::harness::clock::PATIENCE;
use rollcall_tests::harness::{Api, Host, Server, SimulatedAgent, until_async};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// Seed of every simulated machine here.
pub const SEED: u64 = 20_261_121;

/// Samples are read in pieces that stay below the bound of one answer.
const PIECE: Duration = Duration::from_secs(10);

/// A server on loopback. Fields are dropped in order: the directory goes last.
pub struct Scene {
    pub server: Server,
    pub api: Api,
    directory: TempDir,
}

impl Scene {
    pub fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let server = Server::start(directory.path())?;
        let api = server.api()?;
        Ok(Self { server, api, directory })
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// An approved simulated machine that has not said anything yet.
    pub async fn simulated(&self, number: u64) -> Result<SimulatedAgent> {
        SimulatedAgent::enrol(&self.api, &self.server.join_token(1)?, Host::new(SEED, number)?).await
    }

    /// The host that an agent was identified as, as soon as it is one.
    pub async fn host_of(&self, agent: AgentId) -> Result<String> {
        let path = format!("/api/v1/agents/{agent}");
        until_async(PATIENCE, "the agent's host", async || {
            let agent = self.api.get(&path).await?;
            Ok(agent["ci"].as_str().map(str::to_owned))
        })
        .await
    }

    /// All raw values of a metric without attributes: when, how much.
    pub async fn values(&self, host: &str, metric: &str, from: Timestamp, to: Timestamp) -> Result<Vec<(Timestamp, f64)>> {
        values(&self.api, host, metric, (from, to)).await
    }

    /// Incidents that a rule opened, oldest first.
    pub async fn incidents_of(&self, rule: &str) -> Result<Vec<Value>> {
        let mut incidents = self.api.list("/api/v1/incidents").await?;
        incidents.retain(|incident| incident["breach"]["rule"] == rule);
        incidents.sort_by_key(|incident| incident["number"].as_str().unwrap_or_default().to_owned());
        Ok(incidents)
    }

    /// Changes a rule, as an administrator would in an editor.
    pub async fn edit_rule(&self, rule: &str, change: impl FnOnce(&mut Value)) -> Result<Value> {
        let shown_only = ["stock", "updated_at", "revision"];
        self.api
            .edit(&format!("/api/v1/rules/{rule}"), |value| {
                if let Some(fields) = value.as_object_mut() {
                    fields.retain(|name, _| !shown_only.contains(&name.as_str()));
                }
                change(value);
            })
            .await
    }
}

/// All raw values of a metric without attributes: when, how much.
pub async fn values(api: &Api, host: &str, metric: &str, (from, to): (Timestamp, Timestamp)) -> Result<Vec<(Timestamp, f64)>> {
    let mut found = Vec::new();
    let mut begin = from;
    while begin < to {
        let end = begin.plus(PIECE).min(to);
        let path = format!("/api/v1/cis/{host}/samples?metric={metric}&from={begin}&to={end}&step=raw");
        for series in api.list(&path).await? {
            let points = series["points"].as_array().with_context(|| format!("{series} has no points"))?;
            for point in points {
                found.push((time(&point["at"])?, point["last"].as_f64().with_context(|| format!("{point} has no value"))?));
            }
        }
        begin = end;
    }
    Ok(found)
}

/// A time in a document.
pub fn time(value: &Value) -> Result<Timestamp> {
    Ok(value.as_str().with_context(|| format!("{value} is no time"))?.parse()?)
}

/// The only message.
pub fn only<T>(mut items: Vec<T>) -> Result<T> {
    anyhow::ensure!(items.len() == 1, "{} where one was expected", items.len());
    items.pop().context("one")
}
