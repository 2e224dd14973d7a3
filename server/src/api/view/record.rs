//! Records of the log, without secrets: neither hashes of credentials nor certificates leave the server.

use super::{Actor, Time};
use rollcall_domain::actor::Role;
use rollcall_domain::delivery::DeliveryEvent;
use rollcall_domain::trust::TrustEvent;
use rollcall_domain::{Event, Record as Stored};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Fields that no reader of the log needs and no log may tell.
const SECRET_FIELDS: [&str; 5] = ["secret_hash", "enrolment_id", "certificate", "public_key", "credential"];

/// A record of the log.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Record {
    /// Its position in the log.
    pub revision: u64,
    /// When it was decided, by the server's clock.
    pub at: Time,
    /// What it is about: `trust`, `ci`, `attribute`, `catalogue`, `advisory`, `contact`, `group`,
    /// `import`, `rule`, `alert`, `incident`, `problem`, `delivery` or `notification`.
    #[schema(example = "incident")]
    pub subject: String,
    /// What happened.
    #[schema(example = "incident_opened")]
    pub r#type: String,
    /// Who stands behind it.
    pub actor: Actor,
    /// Id of the request that caused it.
    pub request_id: Option<String>,
    /// The event's own fields.
    #[schema(value_type = Object)]
    pub event: Value,
}

impl From<&Stored> for Record {
    fn from(record: &Stored) -> Self {
        let mut whole = serde_json::to_value(&record.event).unwrap_or_default();
        let subject = whole["subject"].as_str().unwrap_or_default().to_owned();
        let mut event = whole["event"].take();
        if matches!(record.event, Event::Trust(_) | Event::Delivery(DeliveryEvent::ChannelSet { .. })) {
            redact(&mut event);
        }
        let kind = event.as_object_mut().and_then(|fields| fields.remove("type"));
        Self {
            revision: record.revision,
            at: Time(record.at),
            subject,
            r#type: kind.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned(),
            actor: (&record.actor).into(),
            request_id: record.request_id.clone(),
            event,
        }
    }
}

/// Events about trust and channels are at most four levels deep, so is this recursion.
fn redact(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !SECRET_FIELDS.contains(&name.as_str()));
            fields.values_mut().for_each(redact);
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        _ => {}
    }
}

/// A record as other systems are told of it: what every reader of this API may see; `None` for the rest.
#[must_use]
pub fn show_to_outsiders(record: &Stored) -> Option<Value> {
    may_read(Role::Viewer, record).then(|| serde_json::to_value(Record::from(record)).ok()).flatten()
}

/// Whether a role may read a record: tokens are for administrators and auditors, refusals for auditors too. Addresses of channels
/// may hold secrets of their receivers.
pub fn may_read(role: Role, record: &Stored) -> bool {
    let guarded = matches!(
        record.event,
        Event::Trust(
            TrustEvent::JoinTokenCreated { .. }
                | TrustEvent::ApiTokenCreated { .. }
                | TrustEvent::TokenRevoked { .. }
                | TrustEvent::FeedCreated { .. }
                | TrustEvent::FeedRevoked { .. }
                | TrustEvent::Refused { .. }
        ) | Event::Delivery(DeliveryEvent::ChannelSet { .. })
    );
    !guarded || matches!(role, Role::Auditor | Role::Admin)
}
