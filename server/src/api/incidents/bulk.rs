//! One action on many incidents. Each is decided on its own: what one of them refuses does not hold up the others.

use super::{Assignment, Holding, IncidentName, NewNote, Reason, Resolution, named};
use crate::answer::{self, ApiError};
use crate::api::Api;
use crate::api::caller::Caller;
use crate::api::extract::Body;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::incident::{self, IncidentAction, IncidentCommand};
use rollcall_domain::{Command, World};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Incidents of one request: a page of a list.
const INCIDENTS: usize = 200;

/// An action.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum BulkAction {
    /// Take notice.
    Acknowledge(Nothing),
    /// Give to a group, a person or both.
    Assign(Assignment),
    /// Write something down.
    Note(NewNote),
    /// Let wait.
    Hold(Holding),
    /// Go on.
    Resume(Nothing),
    /// Resolve.
    Resolve(Resolution),
    /// Say that they never were incidents.
    Cancel(Reason),
    /// Make them part of one incident.
    Parent(super::family::IncidentParent),
    /// Merge them into one incident.
    Merge(super::family::IncidentMerge),
}

/// The actions with what each takes.
const ACTIONS: [(&str, &str); 9] = [
    ("acknowledge", "{}"),
    ("assign", r#"{"group": "storage", "assignee": "ada"}"#),
    ("note", r#"{"text": "Seen it", "public": false}"#),
    ("hold", r#"{"reason": "vendor", "note": "waits for a disk"}"#),
    ("resume", "{}"),
    ("resolve", r#"{"close_code": "fixed", "notes": "Rotated the logs"}"#),
    ("cancel", r#"{"reason": "a test"}"#),
    ("parent", r#"{"parent": "INC0000017"}"#),
    ("merge", r#"{"into": "INC0000017"}"#),
];

/// Reads an object with the name of one action, whose value is what the action takes; one that takes nothing may stand by itself.
struct ActionVisitor;

impl<'de> Visitor<'de> for ActionVisitor {
    type Value = BulkAction;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one action, such as {\"assign\": {\"group\": \"storage\"}}")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<BulkAction, E> {
        match name {
            "acknowledge" => Ok(BulkAction::Acknowledge(Nothing {})),
            "resume" => Ok(BulkAction::Resume(Nothing {})),
            _ => Err(ACTIONS
                .iter()
                .find(|(known, _)| *known == name)
                .map_or_else(|| unknown(name), |(_, takes)| E::custom(format!("{name} takes more: {{\"{name}\": {takes}}}")))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<BulkAction, A::Error> {
        let Some(name) = map.next_key::<String>()? else {
            return Err(de::Error::invalid_length(0, &self));
        };
        let action = match name.as_str() {
            "acknowledge" => BulkAction::Acknowledge(map.next_value()?),
            "assign" => BulkAction::Assign(map.next_value()?),
            "note" => BulkAction::Note(map.next_value()?),
            "hold" => BulkAction::Hold(map.next_value()?),
            "resume" => BulkAction::Resume(map.next_value()?),
            "resolve" => BulkAction::Resolve(map.next_value()?),
            "cancel" => BulkAction::Cancel(map.next_value()?),
            "parent" => BulkAction::Parent(map.next_value()?),
            "merge" => BulkAction::Merge(map.next_value()?),
            other => return Err(unknown(other)),
        };
        match map.next_key::<String>()? {
            Some(_) => Err(de::Error::custom("is one action at a time; send another request for the other one")),
            None => Ok(action),
        }
    }
}

fn unknown<E: de::Error>(name: &str) -> E {
    let name: String = name.chars().take(64).collect();
    let known: Vec<String> = ACTIONS.iter().map(|(known, takes)| format!("{{\"{known}\": {takes}}}")).collect();
    E::custom(format!("{name} is no action; there are {}", known.join(", ")))
}

impl<'de> Deserialize<'de> for BulkAction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ActionVisitor)
    }
}

/// Nothing more to say: `{}`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Many incidents and what to do with each.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"incidents": ["INC0000017", "INC0000018"], "action": {"assign": {"group": "storage"}}}))]
pub struct Bulk {
    /// Ids or numbers; at most 200.
    incidents: Vec<String>,
    /// What to do with each.
    action: BulkAction,
}

/// Why it was not done with one of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkError {
    /// Stable code.
    code: &'static str,
    /// In words.
    detail: String,
}

/// What became of one.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkItem {
    /// As it was asked for.
    incident: String,
    /// Its revision now; null when it does not exist.
    revision: Option<u64>,
    /// Why it was not done; null when it was.
    error: Option<BulkError>,
}

/// What became of all.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkResult {
    /// With how many it was done.
    done: u64,
    /// How many refused.
    refused: u64,
    /// One each, in the order in which they were asked for.
    items: Vec<BulkItem>,
}

/// Does one thing with many incidents, each on its own.
#[utoipa::path(post, path = "/api/v1/incidents/bulk", tag = "incidents", request_body = Bulk,
    responses((status = 200, description = "What became of each.", body = BulkResult)))]
pub async fn act_on_incidents(State(api): State<Api>, caller: Caller, Body(body): Body<Bulk>) -> Result<Response, ApiError> {
    if caller.expected.is_some() {
        return Err(ApiError::invalid("if-match", "is about one incident; leave it out here"));
    }
    if !(1..=INCIDENTS).contains(&body.incidents.len()) {
        return Err(ApiError::invalid("incidents", format!("must be 1 to {INCIDENTS}")));
    }
    let action = api.engine.read(|world| body.action.into_domain(world))?;
    let mut items = Vec::with_capacity(body.incidents.len());
    for (place, text) in body.incidents.into_iter().enumerate() {
        let error = act(&api, &caller, (place, &text), action.clone()).await.err();
        let error = error.map(|error| BulkError { code: error.code().as_str(), detail: error.detail().to_owned() });
        let revision = api.engine.read(|world| find(world, &text).ok().map(|incident| incident.revision));
        items.push(BulkItem { incident: text.chars().take(64).collect(), revision, error });
    }
    let refused = items.iter().filter(|item| item.error.is_some()).count() as u64;
    Ok(answer::json(&BulkResult { done: items.len() as u64 - refused, refused, items }))
}

async fn act(api: &Api, caller: &Caller, (place, text): (usize, &str), action: IncidentAction) -> Result<(), ApiError> {
    let incident = api.engine.read(|world| find(world, text).map(|incident| incident.id))?;
    let command = Command::Incident(IncidentCommand::Act { incident, action, expected: None });
    caller.execute_part(&api.engine, place, command).await.map(drop)
}

fn find<'w>(world: &'w World, text: &str) -> Result<&'w incident::Incident, ApiError> {
    let name: IncidentName = text.parse().map_err(|()| ApiError::not_found("incident", text))?;
    name.find(world)
}

impl BulkAction {
    fn into_domain(self, world: &World) -> Result<IncidentAction, ApiError> {
        Ok(match self {
            Self::Acknowledge(Nothing {}) => IncidentAction::Acknowledge,
            Self::Assign(assignment) => IncidentAction::Assign { group: assignment.group, assignee: assignment.assignee },
            Self::Note(note) => IncidentAction::Note { text: note.text, public: note.public },
            Self::Hold(holding) => IncidentAction::Hold { reason: holding.reason.0, note: holding.note },
            Self::Resume(Nothing {}) => IncidentAction::Resume,
            Self::Resolve(resolution) => resolution.into_action(),
            Self::Cancel(reason) => IncidentAction::Cancel { reason: reason.reason },
            Self::Parent(one) => {
                IncidentAction::SetParent { parent: one.parent.as_deref().map(|text| named(world, "action.parent", text)).transpose()? }
            }
            Self::Merge(merging) => IncidentAction::Merge { into: named(world, "action.into", &merging.into)? },
        })
    }
}
