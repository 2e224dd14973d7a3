//! Webhooks of an Alertmanager, version 4 of its payload; Grafana and others send the same.
//!
//! Each alert is judged for itself, and the answer says what became of each. The whole is refused only when it cannot be read: an
//! Alertmanager sends what was refused with 4xx never again, and with 5xx or 429 until it is taken.

use super::access::Credential;
use super::{ForeignService, Speaker};
use crate::answer::{self, ApiError, Code};
use crate::engine::Request as EngineRequest;
use crate::listener::ClientAddress;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use rollcall_domain::alert::AlertEvent;
use rollcall_domain::alert::decide::AlertCommand;
use rollcall_domain::alert::external::report::Raw;
use rollcall_domain::alert::external::{ExternalAlert, ExternalChange, ExternalReport, ExternalState};
use rollcall_domain::trust::feed::FeedKind;
use rollcall_domain::{Actor, Command, Event};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, de};
use std::collections::BTreeMap;
use std::fmt;

/// Where an Alertmanager sends to.
pub const PATH: &str = "/api/v1/alertmanager";

/// Alerts of one message. One message is of one group, and nobody reads more.
const ALERTS: usize = 10_000;

/// Alerts judged in one piece: finding the item of one takes up to three milliseconds with 100,000 hosts, and agents wait meanwhile.
const TOGETHER: usize = 25;

/// What is read of a message. What else is in it is passed over: newer versions add fields.
#[derive(Debug, Deserialize)]
struct Payload {
    version: Option<String>,
    alerts: Alerts,
    #[serde(default, rename = "truncatedAlerts")]
    truncated: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    #[serde(default)]
    status: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    #[serde(rename = "generatorURL")]
    generator_url: Option<String>,
    fingerprint: Option<String>,
}

/// No more than [`ALERTS`], counted while they are read.
#[derive(Debug)]
struct Alerts(Vec<Alert>);

impl<'de> Deserialize<'de> for Alerts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counted;

        impl<'de> Visitor<'de> for Counted {
            type Value = Alerts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {ALERTS} alerts")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut alerts: A) -> Result<Alerts, A::Error> {
                let mut found = Vec::new();
                while let Some(alert) = alerts.next_element()? {
                    if found.len() >= ALERTS {
                        return Err(de::Error::custom(format!("more than {ALERTS} alerts; set max_alerts of the receiver")));
                    }
                    found.push(alert);
                }
                Ok(Alerts(found))
            }
        }

        deserializer.deserialize_seq(Counted)
    }
}

/// What became of a message.
#[derive(Debug, Serialize)]
struct Answer {
    /// Alerts in it.
    received: usize,
    /// Those that changed something.
    changed: usize,
    /// Those that were refused.
    refused: usize,
    /// Alerts that the sender left out.
    truncated: u64,
    /// One each, in their order.
    items: Vec<Item>,
}

/// What became of one alert.
#[derive(Debug, Serialize)]
struct Item {
    fingerprint: Option<String>,
    /// `began`, `graded`, `ended`, `unchanged` or `refused`.
    outcome: &'static str,
    /// Its live or last incident.
    incident: Option<String>,
    /// The item that its labels mean.
    ci: Option<String>,
    /// How the item was found or why none was; why the alert was refused, or is not believed to fire.
    reason: Option<String>,
}

impl Item {
    fn refused(fingerprint: Option<String>, reason: String) -> Self {
        Self { fingerprint, outcome: "refused", incident: None, ci: None, reason: Some(reason) }
    }
}

/// Takes a message in.
pub async fn take(State(service): State<ForeignService>, request: Request) -> Response {
    service.alerts(request).await.unwrap_or_else(|error| {
        service.refusals.count(error.code().as_str());
        error.into_response()
    })
}

impl ForeignService {
    async fn alerts(&self, request: Request) -> Result<Response, ApiError> {
        let address = request.extensions().get::<ClientAddress>().map(|address| address.0.ip());
        let Some(credential) = Credential::of(request.headers()) else {
            return Err(ApiError::new(Code::Unauthenticated, "this needs a feed's name and secret").asking_for_basic());
        };
        let speaker = self.admit(&credential, address, request.headers(), PATH).await?;
        speaker.must(speaker.kind == FeedKind::Alertmanager, "alerts")?;
        let payload = self.intake.read_plain(request, read).await?;
        let mut items: Vec<Item> = Vec::with_capacity(payload.alerts.0.len());
        let mut alerts = payload.alerts.0.into_iter().peekable();
        while alerts.peek().is_some() {
            let some: Vec<Alert> = alerts.by_ref().take(TOGETHER).collect();
            items.extend(self.receive(&speaker, some).await?);
        }
        let count = |outcomes: &[&str]| items.iter().filter(|item| outcomes.contains(&item.outcome)).count();
        let (changed, refused) = (count(&["began", "graded", "ended"]), count(&["refused"]));
        if let Some(first) = items.iter().find_map(|item| item.reason.as_ref().filter(|_| item.outcome == "refused")) {
            let detail = format!("{refused} of {} alerts of feed {}: {first}", items.len(), speaker.name);
            let actor = Actor::Feed { name: speaker.name.clone() };
            self.audit(actor, Code::InvalidParameter, detail, speaker.request_id.clone()).await;
        }
        Ok(answer::json(&Answer { received: items.len(), changed, refused, truncated: payload.truncated, items }))
    }

    /// Has some alerts judged; one answer each, in their order.
    async fn receive(&self, speaker: &Speaker, alerts: Vec<Alert>) -> Result<Vec<Item>, ApiError> {
        let checked = alerts.into_iter().map(|alert| {
            let fingerprint = alert.fingerprint.as_ref().map(|text| text.chars().take(64).collect());
            ExternalReport::new(alert.into()).map_err(|rejection| Item::refused(fingerprint, rejection.to_string()))
        });
        let checked: Vec<Result<ExternalReport, Item>> = checked.collect();
        let reports: Vec<ExternalReport> = checked.iter().filter_map(|one| one.as_ref().ok()).cloned().collect();
        let command = Command::Alert(AlertCommand::Receive { source: speaker.name.clone(), reports });
        let actor = Actor::Feed { name: speaker.name.clone() };
        let request = EngineRequest { actor, request_id: speaker.request_id.clone(), idempotency_key: None, command };
        let executed = self.engine.execute(request).await?;
        let mut outcomes: BTreeMap<&str, &'static str> = BTreeMap::new();
        for record in &executed.records {
            if let Event::Alert(AlertEvent::ExternalAlertChanged { change, alert }) = &record.event {
                outcomes.insert(&alert.fingerprint, word(*change));
            }
        }
        Ok(self.engine.read(|world| {
            let known = &world.alerts.external;
            let item = |report: ExternalReport| {
                let alert = known.get(&speaker.name, &report.fingerprint);
                let doubt = alert.filter(|_| report.state == ExternalState::Firing).and_then(ExternalAlert::doubt);
                Item {
                    outcome: outcomes.get(report.fingerprint.as_str()).copied().unwrap_or("unchanged"),
                    incident: alert.and_then(|alert| alert.incident).map(|incident| incident.to_string()),
                    ci: alert.and_then(|alert| alert.ci).map(|ci| ci.to_string()),
                    reason: doubt.or_else(|| alert.map(|alert| alert.placed.clone())),
                    fingerprint: Some(report.fingerprint),
                }
            };
            checked.into_iter().map(|one| one.map_or_else(|refused| refused, item)).collect()
        }))
    }
}

fn word(change: ExternalChange) -> &'static str {
    match change {
        ExternalChange::Began => "began",
        ExternalChange::Graded { .. } => "graded",
        ExternalChange::Ended => "ended",
        // Nothing changed for anybody; the reason says what is doubtful.
        ExternalChange::Doubted => "unchanged",
    }
}

fn read(bytes: &[u8]) -> Result<Payload, ApiError> {
    let payload: Payload = serde_json::from_slice(bytes).map_err(|error| {
        let text: String = error.to_string().chars().take(300).collect();
        ApiError::new(Code::MalformedJson, format!("this is no message of an Alertmanager: {text}"))
    })?;
    match payload.version.as_deref() {
        None | Some("4" | "1") => Ok(payload),
        Some(other) => {
            let other: String = other.chars().take(16).collect();
            Err(ApiError::invalid("version", format!("is {other:?}; messages of version 4 are taken")))
        }
    }
}

impl From<Alert> for Raw {
    fn from(alert: Alert) -> Self {
        Self {
            status: alert.status,
            labels: alert.labels,
            annotations: alert.annotations,
            starts_at: alert.starts_at,
            ends_at: alert.ends_at,
            generator_url: alert.generator_url,
            fingerprint: alert.fingerprint,
        }
    }
}

#[cfg(test)]
mod tests;
