//! Incidents: list, open by hand, work on.

use super::Api;
use super::caller::Caller;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::incident::Incident;
use super::view::word::{Grade, HoldReason, IncidentState};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::id::{CiId, IncidentId, ProblemId};
use rollcall_domain::incident::{self, IncidentAction, IncidentCommand, IncidentEvent};
use rollcall_domain::{Command, Event, Record, World};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Which incidents are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct IncidentQuery {
    /// In this state.
    state: Option<IncidentState>,
    /// Whether work remains.
    open: Option<bool>,
    /// Of this priority, 1 (highest) to 5.
    priority: Option<u8>,
    /// Of this configuration item, or affecting it.
    ci: Option<String>,
    /// That this group has.
    group: Option<String>,
    /// That this person has.
    assignee: Option<String>,
    /// Of this category; for monitoring the rule's id.
    category: Option<String>,
    /// Of this problem.
    problem: Option<String>,
    /// With this text in their title, whatever the case.
    q: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// An incident opened by hand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "Printer on fire", "description": "Third floor", "impact": "medium", "urgency": "high"}))]
pub struct NewIncident {
    /// A line.
    title: String,
    /// More.
    description: String,
    /// The configuration item.
    primary_ci: Option<String>,
    /// How far it reaches.
    impact: Grade,
    /// How fast it must be dealt with.
    urgency: Grade,
    /// Group that gets it.
    group: Option<String>,
}

/// Who gets it; at least one of both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"group": "storage", "assignee": "ada"}))]
pub struct Assignment {
    /// Group.
    pub group: Option<String>,
    /// Person.
    pub assignee: Option<String>,
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

/// Lists incidents, newest first.
#[utoipa::path(get, path = "/api/v1/incidents", tag = "incidents", params(IncidentQuery),
    responses((status = 200, description = "A page.", body = Page<Incident>)))]
pub async fn list_incidents(
    State(api): State<Api>,
    Parameters(query): Parameters<IncidentQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<u64>::new("incidents", query.limit, query.cursor.as_deref())?;
    let filter = Filter::new(&query)?;
    let page = api.engine.read(|world| {
        let incidents = world.incidents.incidents.values().filter(|incident| filter.keeps(incident));
        paging.newest_first(incidents, |incident| incident.number, Incident::from)
    });
    Ok(format.list(&page))
}

/// Opens an incident by hand.
#[utoipa::path(post, path = "/api/v1/incidents", tag = "incidents", request_body = NewIncident,
    responses((status = 201, description = "The incident.", body = Incident)))]
pub async fn create_incident(State(api): State<Api>, caller: Caller, Body(body): Body<NewIncident>) -> Result<Response, ApiError> {
    let executed = caller.execute(&api.engine, Command::Incident(body.into_command()?)).await?;
    let id = opened(&executed.records).ok_or_else(|| ApiError::internal("an incident was opened and no record says so"))?;
    api.engine.read(|world| {
        let incident = find(world, id)?;
        Ok(answer::created(&format!("/api/v1/incidents/{id}"), &Incident::from(incident), Some(incident.revision)))
    })
}

/// Shows one incident.
#[utoipa::path(get, path = "/api/v1/incidents/{id}", tag = "incidents", responses((status = 200, description = "The incident.", body = Incident)))]
pub async fn get_incident(State(api): State<Api>, Named(id): Named<IncidentId>) -> Result<Response, ApiError> {
    show(&api, id)
}

/// Takes notice of an incident.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/acknowledge", tag = "incidents",
    responses((status = 200, description = "The incident as it is now.", body = Incident)))]
pub async fn acknowledge_incident(State(api): State<Api>, Named(id): Named<IncidentId>, caller: Caller) -> Result<Response, ApiError> {
    act(&api, id, &caller, IncidentAction::Acknowledge).await
}

/// Gives an incident to a group, a person or both.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/assign", tag = "incidents", request_body = Assignment,
    responses((status = 200, description = "The incident as it is now.", body = Incident)))]
pub async fn assign_incident(
    State(api): State<Api>,
    Named(id): Named<IncidentId>,
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
    Named(id): Named<IncidentId>,
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
    Named(id): Named<IncidentId>,
    caller: Caller,
    Body(body): Body<Holding>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, IncidentAction::Hold { reason: body.reason.0, note: body.note }).await
}

/// Goes on with an incident that waited.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/resume", tag = "incidents",
    responses((status = 200, description = "The incident as it is now.", body = Incident)))]
pub async fn resume_incident(State(api): State<Api>, Named(id): Named<IncidentId>, caller: Caller) -> Result<Response, ApiError> {
    act(&api, id, &caller, IncidentAction::Resume).await
}

/// Resolves an incident.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/resolve", tag = "incidents", request_body = Resolution,
    responses((status = 200, description = "The incident as it is now.", body = Incident)))]
pub async fn resolve_incident(
    State(api): State<Api>,
    Named(id): Named<IncidentId>,
    caller: Caller,
    Body(body): Body<Resolution>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, IncidentAction::Resolve { close_code: body.close_code, notes: body.notes }).await
}

/// Reopens an incident that was resolved within the last 5 days.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/reopen", tag = "incidents", request_body = Reason,
    responses((status = 200, description = "The incident as it is now.", body = Incident)))]
pub async fn reopen_incident(
    State(api): State<Api>,
    Named(id): Named<IncidentId>,
    caller: Caller,
    Body(body): Body<Reason>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, IncidentAction::Reopen { reason: body.reason }).await
}

/// Closes a resolved incident for ever.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/close", tag = "incidents", request_body = Closing,
    responses((status = 200, description = "The incident as it is now.", body = Incident)))]
pub async fn close_incident(
    State(api): State<Api>,
    Named(id): Named<IncidentId>,
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
    Named(id): Named<IncidentId>,
    caller: Caller,
    Body(body): Body<Reason>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, IncidentAction::Cancel { reason: body.reason }).await
}

async fn act(api: &Api, id: IncidentId, caller: &Caller, action: IncidentAction) -> Result<Response, ApiError> {
    let command = IncidentCommand::Act { incident: id, action, expected: caller.expected };
    caller.execute(&api.engine, Command::Incident(command)).await?;
    show(api, id)
}

fn find(world: &World, id: IncidentId) -> Result<&incident::Incident, ApiError> {
    world.incidents.incidents.get(&id).ok_or_else(|| ApiError::not_found("incident", &id.to_string()))
}

fn show(api: &Api, id: IncidentId) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, id).map(|incident| answer::resource(&Incident::from(incident), incident.revision)))
}

fn opened(records: &[Record]) -> Option<IncidentId> {
    records.iter().find_map(|record| match &record.event {
        Event::Incident(IncidentEvent::IncidentOpened { incident }) => Some(incident.id),
        _ => None,
    })
}

impl NewIncident {
    fn into_command(self) -> Result<IncidentCommand, ApiError> {
        let primary_ci = self.primary_ci.as_deref().map(str::parse).transpose();
        Ok(IncidentCommand::Open {
            title: self.title,
            description: self.description,
            primary_ci: primary_ci.map_err(|_| ApiError::invalid("primary_ci", "must be the id of a configuration item"))?,
            impact: self.impact.0,
            urgency: self.urgency.0,
            group: self.group,
        })
    }
}

struct Filter<'a> {
    query: &'a IncidentQuery,
    ci: Option<CiId>,
    problem: Option<ProblemId>,
    text: Option<String>,
}

impl<'a> Filter<'a> {
    fn new(query: &'a IncidentQuery) -> Result<Self, ApiError> {
        let ci = query.ci.as_deref().map(str::parse).transpose();
        let problem = query.problem.as_deref().map(str::parse).transpose();
        Ok(Self {
            query,
            ci: ci.map_err(|_| ApiError::invalid("ci", "must be the id of a configuration item"))?,
            problem: problem.map_err(|_| ApiError::invalid("problem", "must be the id of a problem"))?,
            text: query.q.as_ref().map(|text| text.to_lowercase()),
        })
    }

    fn keeps(&self, incident: &incident::Incident) -> bool {
        let query = self.query;
        query.state.is_none_or(|state| incident.state == state.0)
            && query.open.is_none_or(|open| incident.state.is_open() == open)
            && query.priority.is_none_or(|priority| incident.priority == priority)
            && self.ci.is_none_or(|ci| incident.primary_ci == Some(ci) || incident.affected_cis.contains(&ci))
            && query.group.as_ref().is_none_or(|group| incident.group.as_ref() == Some(group))
            && query.assignee.as_ref().is_none_or(|assignee| incident.assignee.as_ref() == Some(assignee))
            && query.category.as_ref().is_none_or(|category| incident.category.as_ref() == Some(category))
            && self.problem.is_none_or(|problem| incident.problem == Some(problem))
            && self.text.as_ref().is_none_or(|text| incident.title.to_lowercase().contains(text))
    }
}
