//! Incidents: list, open by hand, change, work on, one by one or many at once.
//!
//! An incident is named by its id or by the number that people say, such as `INC0000017`.

pub mod bulk;
pub mod chart;
pub mod edit;
pub mod family;
pub mod list;

use super::Api;
use super::caller::Caller;
use super::extract::{Body, Named, PathName, number};
use super::view::incident::Incident;
use super::view::word::HoldReason;
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::id::IncidentId;
use rollcall_domain::incident::{self, Children, IncidentAction, IncidentCommand, IncidentEvent};
use rollcall_domain::{Command, Event, Record, World};
use serde::Deserialize;
use std::str::FromStr;
use utoipa::ToSchema;

/// How an incident is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentName {
    /// By its id.
    Id(IncidentId),
    /// By its number.
    Number(u64),
}

impl FromStr for IncidentName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match number("INC", text) {
            Some(number) => Ok(Self::Number(number)),
            None => text.parse().map(Self::Id).map_err(drop),
        }
    }
}

impl PathName for IncidentName {
    const KIND: &'static str = "incident";
}

impl IncidentName {
    /// The incident, when there is one.
    pub fn find(self, world: &World) -> Result<&incident::Incident, ApiError> {
        let (id, text) = match self {
            Self::Id(id) => (Some(id), id.to_string()),
            Self::Number(number) => (world.incidents.numbers.get(&number).copied(), incident::display_number(number)),
        };
        let found = id.and_then(|id| world.incidents.incidents.get(&id));
        found.ok_or_else(|| ApiError::not_found("incident", &text))
    }
}

/// The incident that a field names.
pub fn named(world: &World, field: &str, text: &str) -> Result<IncidentId, ApiError> {
    let name: Option<IncidentName> = text.parse().ok();
    let found = name.and_then(|name| name.find(world).ok());
    found.map(|incident| incident.id).ok_or_else(|| ApiError::invalid(field, "must be the id or number of an incident, such as INC0000017"))
}

/// Who gets it; at least one of both. What is left out stays, and null takes off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"group": "storage", "assignee": "ada"}))]
pub struct Assignment {
    /// Team, by name or id; any name as long as no team is among the contacts.
    #[serde(default, deserialize_with = "edit::given")]
    #[schema(value_type = Option<String>)]
    pub group: Option<Option<String>>,
    /// Person, by name or id, or the name of a token; any name as long as no person is among the contacts.
    #[serde(default, deserialize_with = "edit::given")]
    #[schema(value_type = Option<String>)]
    pub assignee: Option<Option<String>>,
}

/// A note.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "Cleaned /var/log"}))]
pub struct NewNote {
    /// What.
    text: String,
    /// Whether the caller may read it; not unless said.
    #[serde(default)]
    public: bool,
}

/// Why it waits.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "parts", "note": "ordered a disk"}))]
pub struct Holding {
    /// For what.
    reason: HoldReason,
    /// In words.
    note: Option<String>,
}

/// How it was resolved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"close_code": "fixed", "notes": "Rotated the logs"}))]
pub struct Resolution {
    /// How, such as `fixed`.
    close_code: String,
    /// In words.
    notes: String,
    /// Whether the open incidents that are part of it are resolved with it, in the same words; they stay as they are unless said.
    #[serde(default)]
    with_children: bool,
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "It came back"}))]
pub struct Reason {
    /// In words.
    pub reason: String,
}

/// Last words.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"notes": "Confirmed by the caller"}))]
pub struct Closing {
    /// In words.
    pub notes: Option<String>,
}

/// Shows one incident.
#[utoipa::path(get, path = "/api/v1/incidents/{id}", tag = "incidents", responses((status = 200, description = "The incident.", body = Incident)))]
pub async fn get_incident(State(api): State<Api>, Named(id): Named<IncidentName>) -> Result<Response, ApiError> {
    show(&api, id)
}

/// Takes notice of an incident.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/acknowledge", tag = "incidents",
    responses((status = 200, description = "The incident as it is now.", body = Incident)))]
pub async fn acknowledge_incident(State(api): State<Api>, Named(id): Named<IncidentName>, caller: Caller) -> Result<Response, ApiError> {
    act(&api, id, &caller, IncidentAction::Acknowledge).await
}

/// Gives an incident to a group, a person or both, or takes it from one.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/assign", tag = "incidents", request_body = Assignment,
    responses((status = 200, description = "The incident as it is now.", body = Incident)))]
pub async fn assign_incident(
    State(api): State<Api>,
    Named(id): Named<IncidentName>,
    caller: Caller,
    Body(body): Body<Assignment>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, IncidentAction::Assign { group: body.group, assignee: body.assignee }).await
}

/// Writes something down.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/notes", tag = "incidents", request_body = NewNote,
    responses((status = 200, description = "The incident as it is now.", body = Incident)))]
pub async fn note_incident(
    State(api): State<Api>,
    Named(id): Named<IncidentName>,
    caller: Caller,
    Body(body): Body<NewNote>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, IncidentAction::Note { text: body.text, public: body.public }).await
}

/// Lets an incident wait.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/hold", tag = "incidents", request_body = Holding,
    responses((status = 200, description = "The incident as it is now.", body = Incident)))]
pub async fn hold_incident(
    State(api): State<Api>,
    Named(id): Named<IncidentName>,
    caller: Caller,
    Body(body): Body<Holding>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, IncidentAction::Hold { reason: body.reason.0, note: body.note }).await
}

/// Goes on with an incident that waited.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/resume", tag = "incidents",
    responses((status = 200, description = "The incident as it is now.", body = Incident)))]
pub async fn resume_incident(State(api): State<Api>, Named(id): Named<IncidentName>, caller: Caller) -> Result<Response, ApiError> {
    act(&api, id, &caller, IncidentAction::Resume).await
}

/// Resolves an incident.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/resolve", tag = "incidents", request_body = Resolution,
    responses((status = 200, description = "The incident as it is now.", body = Incident)))]
pub async fn resolve_incident(
    State(api): State<Api>,
    Named(id): Named<IncidentName>,
    caller: Caller,
    Body(body): Body<Resolution>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, body.into_action()).await
}

/// Reopens an incident that was resolved within the last 5 days. One that was resolved earlier or is closed is over for ever: another
/// one takes its place, which `follows` it.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/reopen", tag = "incidents", request_body = Reason,
    responses((status = 200, description = "The incident as it is now.", body = Incident),
        (status = 201, description = "The incident that follows it.", body = Incident)))]
pub async fn reopen_incident(
    State(api): State<Api>,
    Named(id): Named<IncidentName>,
    caller: Caller,
    Body(body): Body<Reason>,
) -> Result<Response, ApiError> {
    let records = acted(&api, id, &caller, IncidentAction::Reopen { reason: body.reason }).await?;
    match opened(&records) {
        Some(copy) => created(&api, copy),
        None => show(&api, id),
    }
}

/// Closes a resolved incident for ever.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/close", tag = "incidents", request_body = Closing,
    responses((status = 200, description = "The incident as it is now.", body = Incident)))]
pub async fn close_incident(
    State(api): State<Api>,
    Named(id): Named<IncidentName>,
    caller: Caller,
    Body(body): Body<Closing>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, IncidentAction::Close { notes: body.notes }).await
}

/// Says that it never was an incident.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/cancel", tag = "incidents", request_body = Reason,
    responses((status = 200, description = "The incident as it is now.", body = Incident)))]
pub async fn cancel_incident(
    State(api): State<Api>,
    Named(id): Named<IncidentName>,
    caller: Caller,
    Body(body): Body<Reason>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, IncidentAction::Cancel { reason: body.reason }).await
}

async fn act(api: &Api, name: IncidentName, caller: &Caller, action: IncidentAction) -> Result<Response, ApiError> {
    acted(api, name, caller, action).await?;
    show(api, name)
}

async fn acted(api: &Api, name: IncidentName, caller: &Caller, action: IncidentAction) -> Result<Vec<Record>, ApiError> {
    let incident = api.engine.read(|world| name.find(world).map(|incident| incident.id))?;
    let command = IncidentCommand::Act { incident, action, expected: caller.expected };
    Ok(caller.execute(&api.engine, Command::Incident(command)).await?.records)
}

fn show(api: &Api, name: IncidentName) -> Result<Response, ApiError> {
    let now = api.engine.now();
    api.engine.read(|world| name.find(world).map(|incident| answer::resource(&Incident::new(world, incident, now), incident.revision)))
}

fn created(api: &Api, id: IncidentId) -> Result<Response, ApiError> {
    let now = api.engine.now();
    api.engine.read(|world| {
        let incident = IncidentName::Id(id).find(world)?;
        Ok(answer::created(&format!("/api/v1/incidents/{id}"), &Incident::new(world, incident, now), Some(incident.revision)))
    })
}

impl Resolution {
    fn into_action(self) -> IncidentAction {
        let children = if self.with_children { Children::Resolve } else { Children::Leave };
        IncidentAction::Resolve { close_code: self.close_code, notes: self.notes, children }
    }
}

fn opened(records: &[Record]) -> Option<IncidentId> {
    records.iter().find_map(|record| match &record.event {
        Event::Incident(IncidentEvent::IncidentOpened { incident }) => Some(incident.id),
        _ => None,
    })
}
