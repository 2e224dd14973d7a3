//! What would be told of an incident, to whom and when; what templates say.

use super::Time;
use super::word::{Severity, Tier};
use rollcall_domain::delivery::{Message, MessageIncident};
use rollcall_domain::id::ContactId;
use rollcall_domain::notification::explain::{Outcome, PlannedStep, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An incident to hold routes against: one that is there, or one that might be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"rule": "filesystem_space", "tier": "page", "severity": "critical"}))]
pub struct RouteTestInput {
    /// Id of one that is there; then nothing else is given.
    pub incident: Option<String>,
    /// Id of its item.
    pub ci: Option<String>,
    /// Which rule opens it.
    pub rule: Option<String>,
    /// How loud; a page unless given.
    pub tier: Option<Tier>,
    /// How bad.
    pub severity: Option<Severity>,
    /// 1 to 5; 2 unless given.
    pub priority: Option<u8>,
    /// Its category; the rule unless given.
    pub category: Option<String>,
    /// Who works on it.
    pub group: Option<String>,
    /// The feed that tells of it, for an alert of another system.
    pub source: Option<String>,
    /// The labels of that alert.
    pub labels: Option<BTreeMap<String, String>>,
}

/// What would be told of an incident.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RouteTest {
    /// Whether anybody would be told, or was.
    pub told: bool,
    /// All routes in their order, with what came of each.
    pub routes: Vec<RouteVerdict>,
}

/// How a route takes an incident, or why it does not.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RouteVerdict {
    /// Which route.
    pub route: String,
    /// How it is called.
    pub name: String,
    /// Whether it takes the incident.
    pub taken: bool,
    /// Why not, or when and why then.
    pub reason: String,
    /// When it would be told first, or was told last; null when it is not told now.
    pub tell_at: Option<Time>,
    /// What it would be told together with: those that share this.
    pub key: BTreeMap<String, String>,
    /// The route's own channels.
    pub channels: Vec<String>,
    /// Whom each step of escalation would reach if nobody takes notice.
    pub steps: Vec<RouteStep>,
    /// What would be said.
    pub title: Option<String>,
    /// More of it.
    pub text: Option<String>,
}

/// Whom a step of escalation would reach.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RouteStep {
    /// From 1.
    pub step: u32,
    /// When.
    pub at: Time,
    /// Who, in words.
    pub who: Vec<String>,
    /// Who is not reached, and why.
    pub missed: Vec<String>,
    /// Where.
    pub addresses: Vec<RouteAddress>,
}

/// Where somebody is told.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RouteAddress {
    /// Through which channel.
    pub channel: String,
    /// To whom on it; null for all that it reaches.
    pub recipient: Option<String>,
    /// Whose address it is.
    pub contact: Option<String>,
}

impl From<Verdict> for RouteVerdict {
    fn from(verdict: Verdict) -> Self {
        let blank = Self {
            route: verdict.route.to_string(),
            name: verdict.name,
            taken: false,
            reason: String::new(),
            tell_at: None,
            key: BTreeMap::new(),
            channels: Vec::new(),
            steps: Vec::new(),
            title: None,
            text: None,
        };
        match verdict.outcome {
            Outcome::Skipped(reason) | Outcome::Mismatch(reason) => Self { reason, ..blank },
            Outcome::Taken(plan) => Self {
                taken: true,
                reason: plan.because,
                tell_at: plan.tell_at.map(Time),
                key: plan.key,
                channels: super::texts(plan.channels),
                steps: plan.steps.into_iter().map(Into::into).collect(),
                title: Some(plan.message.title),
                text: Some(plan.message.text),
                ..blank
            },
        }
    }
}

impl From<PlannedStep> for RouteStep {
    fn from(step: PlannedStep) -> Self {
        let addresses = step.reached.addresses.into_iter().map(|address| RouteAddress {
            channel: address.channel.to_string(),
            recipient: address.recipient,
            contact: address.contact.as_ref().map(ContactId::to_string),
        });
        let addresses = addresses.collect();
        Self { step: step.step, at: Time(step.at), who: step.reached.who, missed: step.reached.missed, addresses }
    }
}

/// Templates to look at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "{severity}: {count} × {label.rule}", "text": "{incidents}"}))]
pub struct TemplateInput {
    /// Template of the title.
    pub title: Option<String>,
    /// Template of the text.
    pub text: Option<String>,
    /// Id of an incident to try them on; an example of three incidents unless given.
    pub incident: Option<String>,
}

/// What templates say, and what they may hold.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TemplatePreview {
    /// What the title says.
    pub title: Option<String>,
    /// What the text says.
    pub text: Option<String>,
    /// What may stand in braces, with what it is.
    pub placeholders: BTreeMap<String, String>,
}

/// A message about one incident.
pub fn alone(incident: MessageIncident, example: Message) -> Message {
    let labels = incident.labels.clone();
    Message { incidents: vec![incident], labels, omitted: 0, ..example }
}
