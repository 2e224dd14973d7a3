//! The log's vocabulary. Stored as JSON, so that a field can be added; a variant, once released, is kept for ever.

pub mod kinds;

use crate::actor::Actor;
use crate::advisory::AdvisoryEvent;
use crate::alert::AlertEvent;
use crate::attribute::AttributeEvent;
use crate::catalogue::CatalogueEvent;
use crate::ci::CiEvent;
use crate::contact::ContactEvent;
use crate::delivery::DeliveryEvent;
use crate::group::GroupEvent;
use crate::import::ImportEvent;
use crate::incident::IncidentEvent;
use crate::notification::NotificationEvent;
use crate::problem::ProblemEvent;
use crate::rule::RuleEvent;
use crate::trust::TrustEvent;
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "subject", content = "event", rename_all = "snake_case")]
pub enum Event {
    /// To agents and tokens.
    Trust(TrustEvent),
    /// To configuration items.
    Ci(CiEvent),
    /// To definitions of attributes.
    Attribute(AttributeEvent),
    /// To people and teams.
    Contact(ContactEvent),
    /// To groups.
    Group(GroupEvent),
    /// To files that people load.
    Import(ImportEvent),
    /// To rules.
    Rule(RuleEvent),
    /// To alert instances.
    Alert(AlertEvent),
    /// To incidents.
    Incident(IncidentEvent),
    /// To problems.
    Problem(ProblemEvent),
    /// To the software catalogue.
    Catalogue(CatalogueEvent),
    /// To advisories.
    Advisory(AdvisoryEvent),
    /// To channels and what they deliver.
    Delivery(DeliveryEvent),
    /// To who is told of what.
    Notification(NotificationEvent),
}

/// What events are about, as the log names it.
pub const SUBJECTS: [&str; 14] = [
    "trust",
    "ci",
    "attribute",
    "contact",
    "group",
    "import",
    "rule",
    "alert",
    "incident",
    "problem",
    "catalogue",
    "advisory",
    "delivery",
    "notification",
];

impl Event {
    /// What it is about: one of [`SUBJECTS`].
    #[must_use]
    pub fn subject(&self) -> &'static str {
        match self {
            Self::Trust(_) => "trust",
            Self::Ci(_) => "ci",
            Self::Attribute(_) => "attribute",
            Self::Contact(_) => "contact",
            Self::Group(_) => "group",
            Self::Import(_) => "import",
            Self::Rule(_) => "rule",
            Self::Alert(_) => "alert",
            Self::Incident(_) => "incident",
            Self::Problem(_) => "problem",
            Self::Catalogue(_) => "catalogue",
            Self::Advisory(_) => "advisory",
            Self::Delivery(_) => "delivery",
            Self::Notification(_) => "notification",
        }
    }
}

/// An event in the log: numbered, dated, with its actor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Position in the log, from 1 without gaps.
    pub revision: u64,
    /// The server's clock when it was decided.
    pub at: Timestamp,
    /// Who stands behind it.
    pub actor: Actor,
    /// Id of the request that caused it.
    #[serde(default)]
    pub request_id: Option<String>,
    /// The caller's key for "do this once".
    #[serde(default)]
    pub idempotency_key: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}
