//! What the server says that changed, with the rows that differ.

use anyhow::{Context, Result};
use rollcall_tests::harness::Api;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Rows shown of one change and side: enough to see of what kind they are.
const EXAMPLES: usize = 5;

/// Position of the newest record in the host's history.
pub async fn newest(api: &Api, host: &str) -> Result<u64> {
    let history = api.get(&format!("/api/v1/cis/{host}/history?limit=1")).await?;
    history["items"][0]["revision"].as_u64().context("a host has a history")
}

/// The changes of sections after a position, oldest first.
pub async fn since(api: &Api, host: &str, position: u64) -> Result<Vec<Value>> {
    let mut changes = Vec::new();
    for record in api.list(&format!("/api/v1/cis/{host}/history?limit=500")).await?.iter().rev() {
        let is_later = record["revision"].as_u64().is_some_and(|revision| revision > position);
        if is_later && record["type"] == "section_changed" {
            changes.push(with_rows(api, host, record).await?);
        }
    }
    Ok(changes)
}

/// One entry for each section that changed.
pub fn by_section(changes: &[Value]) -> Value {
    let mut sections: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for change in changes {
        sections.entry(change["section"].as_str().unwrap_or_default()).or_default().push(change);
    }
    json!(sections)
}

async fn with_rows(api: &Api, host: &str, record: &Value) -> Result<Value> {
    let event = &record["event"];
    let section = event["section"].as_str().context("a section")?;
    let at = record["at"].as_str().context("a moment")?;
    let at: rollcall_shared::Timestamp = at.parse().map_err(|_| anyhow::anyhow!("{at} is no moment"))?;
    let after = rows(api, host, section, at).await?;
    let before = rows(api, host, section, rollcall_shared::Timestamp(at.0 - 1)).await?;
    let only = |these: &[Value], those: &[Value]| -> Vec<Value> {
        these.iter().filter(|row| !those.contains(row)).take(EXAMPLES).cloned().collect()
    };
    Ok(json!({
        "section": section,
        "at": at,
        "outcome": event["outcome"],
        "reason": event["reason"],
        "added": event["added"],
        "removed": event["removed"],
        "changed": event["changed"],
        "only_before": only(&before, &after),
        "only_after": only(&after, &before),
    }))
}

/// The rows that held at a moment; none when there was no content.
async fn rows(api: &Api, host: &str, section: &str, at: rollcall_shared::Timestamp) -> Result<Vec<Value>> {
    let path = format!("/api/v1/cis/{host}/sections/{section}?limit=1000&as_of={at}");
    let answer = api.send(reqwest::Method::GET, &path, &[], None).await?;
    if answer.status == reqwest::StatusCode::NOT_FOUND { Ok(Vec::new()) } else { api.list(&path).await }
}
