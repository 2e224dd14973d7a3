//! The form of Alertmanager's webhooks, version 4: one alert for each incident of the group.
//!
//! <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>. Receivers know alerts again by fingerprint, so it
//! follows from the incident alone, whatever becomes of its labels. An incident of which somebody took notice is still firing;
//! that somebody did is an annotation. As with Alertmanager, what a group is called by are labels that all its alerts have.

use super::{Telling, line, paragraph, severity_word};
use rollcall_domain::delivery::{MessageIncident, MessageStatus};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What Alertmanager writes for an end that is not known yet: Go's zero time.
const NO_END: &str = "0001-01-01T00:00:00Z";

/// Characters of a label's value.
const LABEL: usize = 300;

/// Characters of an annotation.
const ANNOTATION: usize = 4_000;

/// The body of a request.
pub fn body(telling: &Telling<'_>) -> Value {
    let message = telling.message;
    let alerts: Vec<Alert> = message.incidents.iter().map(|incident| alert(telling, incident)).collect();
    let shown: Vec<Value> = alerts.iter().map(|alert| shown(telling, alert)).collect();
    let common_labels = common(alerts.iter().map(|alert| &alert.labels));
    let mut group_labels = labels(message.labels.iter());
    group_labels.retain(|name, value| common_labels.get(name).and_then(Value::as_str) == Some(value));
    json!({
        "version": "4",
        "groupKey": line(&message.group, LABEL),
        "truncatedAlerts": message.omitted,
        "status": status(message.status != MessageStatus::Resolved),
        "receiver": line(&telling.channel.name, LABEL),
        "groupLabels": group_labels,
        "commonLabels": common_labels,
        "commonAnnotations": common(alerts.iter().map(|alert| &alert.annotations)),
        "externalURL": telling.links.base().unwrap_or_default(),
        "alerts": shown,
    })
}

type Texts = BTreeMap<String, String>;

struct Alert<'a> {
    incident: &'a MessageIncident,
    labels: Texts,
    annotations: Texts,
}

fn alert<'a>(telling: &Telling<'_>, incident: &'a MessageIncident) -> Alert<'a> {
    let mut labels = labels(incident.labels.iter());
    let name = incident.labels.get("rule").cloned().unwrap_or_else(|| "incident".into());
    labels.insert("alertname".into(), line(&name, LABEL));
    labels.insert("incident".into(), line(&incident.number, LABEL));
    if let Some(ci) = &incident.ci_name {
        labels.insert("instance".into(), line(ci, LABEL));
    }
    labels.insert("severity".into(), severity_word(incident.how_bad()).into());
    let mut annotations = Texts::new();
    let mut note =
        |name: &str, text: Option<String>| text.filter(|text| !text.is_empty()).map(|text| annotations.insert(name.into(), text));
    note("summary", Some(line(&incident.title, ANNOTATION)));
    note("description", Some(paragraph(&incident.description, ANNOTATION)));
    note("runbook_url", incident.runbook.as_deref().map(|runbook| line(runbook, ANNOTATION)));
    note("acknowledged", (telling.message.status == MessageStatus::Acknowledged).then(|| "true".into()));
    note("acknowledged_by", incident.looked_after_by().map(|by| line(by, ANNOTATION)));
    note("acknowledge_url", telling.acknowledge());
    Alert { incident, labels, annotations }
}

fn shown(telling: &Telling<'_>, alert: &Alert<'_>) -> Value {
    let incident = alert.incident;
    json!({
        "status": status(incident.open),
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": incident.opened_at,
        "endsAt": incident.resolved_at.map_or_else(|| NO_END.to_owned(), |at| at.to_string()),
        "generatorURL": telling.look(incident.id).unwrap_or_default(),
        "fingerprint": format!("{:016x}", fingerprint(&incident.id.to_string())),
    })
}

fn status(firing: bool) -> &'static str {
    if firing { "firing" } else { "resolved" }
}

/// Labels under names that Prometheus takes (`[a-zA-Z_][a-zA-Z0-9_]*`).
fn labels<'a>(labels: impl Iterator<Item = (&'a String, &'a String)>) -> Texts {
    let named = labels.map(|(name, value)| {
        let mut name: String = name.chars().take(LABEL).map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            name.insert(0, '_');
        }
        (name, line(value, LABEL))
    });
    named.collect()
}

/// What all have alike.
fn common<'a>(mut texts: impl Iterator<Item = &'a Texts>) -> Map<String, Value> {
    let mut common = texts.next().cloned().unwrap_or_default();
    texts.for_each(|one| common.retain(|name, text| one.get(name) == Some(text)));
    common.into_iter().map(|(name, text)| (name, Value::from(text))).collect()
}

/// FNV-1a, as Prometheus makes fingerprints.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
