//! The form of PagerDuty's Events API, version 2: one event for each notification, one alert for each group. What opens an alert has a
//! payload, and so has what acknowledges one, to say who did.
//!
//! <https://developer.pagerduty.com/docs/events-api-v2/trigger-events/>. What is too large is cut by rule: texts first, each to its
//! own bound; then incidents are left out, the least important first, until the event fits; and it says so.

use super::{BY, Telling, line, paragraph, severity_word};
use crate::token::hexadecimal;
use rollcall_domain::delivery::{Message, MessageIncident, MessageStatus};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Characters of a `dedup_key`.
const KEY: usize = 255;

/// Characters of a `summary`.
const SUMMARY: usize = 1_024;

/// Bytes of an event.
pub const EVENT_BYTES: usize = 512_000;

/// Characters of the fields without a bound of PagerDuty's.
const FIELD: usize = 255;

/// Characters of the text of a group, and of an incident's description.
const TEXT: usize = 5_000;

/// Labels that are told.
const LABELS: usize = 50;

/// The body of a request: at most [`EVENT_BYTES`].
pub fn body(telling: &Telling<'_>, routing_key: &str) -> Vec<u8> {
    let whole = telling.message.incidents.len();
    let mut shown = whole;
    loop {
        let bytes = event(telling, routing_key, shown).to_string().into_bytes();
        if bytes.len() <= EVENT_BYTES || shown == 0 {
            return bytes;
        }
        // Half of the excess goes in each step at least: a handful of attempts, each of half a megabyte.
        shown = (shown * EVENT_BYTES / bytes.len()).min(shown - 1);
    }
}

fn event(telling: &Telling<'_>, routing_key: &str, shown: usize) -> Value {
    let message = telling.message;
    let action = match message.status {
        MessageStatus::Firing => "trigger",
        MessageStatus::Acknowledged => "acknowledge",
        MessageStatus::Resolved => "resolve",
    };
    let mut event = json!({"routing_key": routing_key, "event_action": action, "dedup_key": dedup_key(&message.group)});
    if message.status == MessageStatus::Firing {
        event["payload"] = payload(telling, shown);
        event["links"] = links(telling).into();
        event["client"] = "Rollcall".into();
        if let Some(base) = telling.links.base() {
            event["client_url"] = base.into();
        }
    }
    if let Some(by) = acknowledged_by(message) {
        event["payload"] = payload(telling, shown);
        event["payload"]["summary"] = line(&format!("Acknowledged by {by}: {}", message.title), SUMMARY).into();
        event["payload"]["custom_details"]["acknowledged_by"] = by.into();
    }
    event
}

/// Who has taken notice, where that is what is told.
fn acknowledged_by(message: &Message) -> Option<String> {
    let by = message.incidents.iter().filter_map(MessageIncident::looked_after_by).map(|by| line(by, BY));
    let by: BTreeSet<String> = by.filter(|by| message.status == MessageStatus::Acknowledged && !by.is_empty()).collect();
    let by: Vec<String> = by.into_iter().collect();
    (!by.is_empty()).then(|| line(&by.join(", "), FIELD))
}

/// A key that is too long keeps its beginning, and a code of the whole.
fn dedup_key(group: &str) -> String {
    let key = line(group, usize::MAX);
    if key.chars().count() <= KEY && key == group {
        return key;
    }
    let code = hexadecimal(&Sha256::digest(group));
    let beginning: String = key.chars().take(KEY - code.len() - 1).collect();
    format!("{beginning}#{code}")
}

fn payload(telling: &Telling<'_>, shown: usize) -> Value {
    let message = telling.message;
    let opened = message.incidents.iter().map(|incident| incident.opened_at).min().unwrap_or(telling.at);
    let mut payload = json!({
        "summary": summary(message),
        "source": source(message),
        "severity": severity_word(message.severity),
        "timestamp": opened,
        "custom_details": details(telling, shown),
    });
    let mut set = |name: &str, value: Option<&String>| {
        if let Some(value) = value.map(|value| line(value, FIELD)).filter(|value| !value.is_empty()) {
            payload[name] = value.into();
        }
    };
    set("component", message.incidents.first().and_then(|incident| incident.ci_name.as_ref()));
    set("group", message.labels.get("service").or_else(|| message.labels.get("location")));
    set("class", message.labels.get("rule"));
    payload
}

fn summary(message: &Message) -> String {
    let summary = line(&message.title, SUMMARY);
    if summary.is_empty() { "An incident without a title".into() } else { summary }
}

/// The item that is affected, or how many incidents there are.
fn source(message: &Message) -> String {
    let first = message.incidents.first().and_then(|incident| incident.ci_name.as_deref()).map(|name| line(name, FIELD));
    match first.filter(|name| !name.is_empty()) {
        Some(name) if message.incidents.len() == 1 && message.omitted == 0 => name,
        Some(name) => format!("{name} and others"),
        None => "rollcall".into(),
    }
}

fn details(telling: &Telling<'_>, shown: usize) -> Value {
    let message = telling.message;
    let incidents: Vec<Value> = message.incidents.iter().take(shown).map(|incident| incident_details(telling, incident)).collect();
    let left_out = message.incidents.len().saturating_sub(shown);
    let mut details = json!({
        "text": paragraph(&message.text, TEXT),
        "labels": labels(&message.labels),
        "incidents": incidents,
        "more_incidents": left_out as u64 + u64::from(message.omitted),
    });
    if left_out > 0 {
        details["cut"] = format!("{left_out} incidents were left out, since an event has at most {EVENT_BYTES} bytes").into();
    }
    if let Some(look) = telling.where_to_look() {
        details["where"] = look.into();
    }
    details
}

fn incident_details(telling: &Telling<'_>, incident: &MessageIncident) -> Value {
    json!({
        "number": line(&incident.number, FIELD),
        "title": line(&incident.title, SUMMARY),
        "description": paragraph(&incident.description, TEXT),
        "priority": incident.priority,
        "item": incident.ci_name.as_deref().map(|name| line(name, FIELD)),
        "opened_at": incident.opened_at,
        "acknowledged_by": incident.looked_after_by().map(|by| line(by, FIELD)),
        "runbook": incident.runbook.as_deref().map(|runbook| line(runbook, SUMMARY)),
        "url": telling.look(incident.id),
    })
}

fn labels(labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    labels.iter().take(LABELS).map(|(name, value)| (line(name, FIELD), line(value, FIELD))).collect()
}

fn links(telling: &Telling<'_>) -> Vec<Value> {
    let first = telling.message.incidents.first();
    let incident = first.and_then(|one| Some(json!({"href": telling.look(one.id)?, "text": line(&one.number, FIELD)})));
    let acknowledge = telling.acknowledge().map(|url| json!({"href": url, "text": "Acknowledge in Rollcall"}));
    [incident, acknowledge].into_iter().flatten().collect()
}
