//! Opening an incident by hand, and changing what is written down of one.

use super::{IncidentName, act, created, named, opened};
use crate::answer::ApiError;
use crate::api::caller::Caller;
use crate::api::extract::{Body, Named};
use crate::api::view::incident::Incident;
use crate::api::view::word::{Grade, IncidentChannel};
use crate::api::{Api, problems};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::id::CiId;
use rollcall_domain::incident::{self, Edit, IncidentAction, IncidentCommand, Who};
use rollcall_domain::{Command, World};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

/// Who reported it: a contact or but a name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "{\"contact\": \"id or name of a contact\"} or {\"name\": \"somebody who is no contact\"}")]
#[schema(example = json!({"name": "Grace of accounting"}))]
pub struct CallerInput {
    /// A contact, by id or name.
    contact: Option<String>,
    /// Somebody who is no contact.
    name: Option<String>,
}

/// An incident opened by hand. What is left out is filled in from what is known of the configuration item.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "Printer on fire", "description": "Third floor", "impact": "medium", "urgency": "high"}))]
pub struct NewIncident {
    /// A line.
    title: String,
    /// More; empty unless given.
    #[serde(default)]
    description: String,
    /// The configuration item.
    primary_ci: Option<String>,
    /// Others affected, besides those that depend on it.
    #[serde(default)]
    affected_cis: Vec<String>,
    /// The business service that suffers.
    service: Option<String>,
    /// How far it reaches; from the criticality of the configuration item and of what depends on it unless given.
    impact: Option<Grade>,
    /// How fast it must be dealt with; medium unless given.
    urgency: Option<Grade>,
    /// What kind it is of.
    category: Option<String>,
    /// How it came: api unless given.
    channel: Option<IncidentChannel>,
    /// Who reported it; whoever opens it unless given.
    caller: Option<CallerInput>,
    /// Team that gets it, by name or id; by the assignment rules unless given. Any name as long as no team is among the contacts.
    group: Option<String>,
    /// Person who gets it, by name or id, or the name of a token; any name as long as no person is among the contacts.
    assignee: Option<String>,
    /// The incident that it is part of, by id or number.
    parent: Option<String>,
    /// The change that caused it.
    #[schema(example = "CHG0000042")]
    caused_by_change: Option<String>,
    /// Articles that help: addresses or numbers such as `KB0000007`.
    #[serde(default)]
    knowledge: Vec<String>,
}

/// What is to be different: fields that are left out stay, null empties. What an incident always has is not taken away by null.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"urgency": "low", "reason": "The shop is closed today"}))]
pub struct IncidentChange {
    /// A line.
    #[serde(default, deserialize_with = "never_null")]
    #[schema(value_type = String)]
    title: Option<String>,
    /// More.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    /// The configuration item; only of what people opened.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    primary_ci: Option<Option<String>>,
    /// Others affected.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    affected_cis: Option<Option<Vec<String>>>,
    /// The business service that suffers.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    service: Option<Option<String>>,
    /// What kind it is of; only of what people opened.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    category: Option<Option<String>>,
    /// How it came; only of what people opened.
    #[serde(default, deserialize_with = "never_null")]
    #[schema(value_type = IncidentChannel)]
    channel: Option<IncidentChannel>,
    /// Who reported it; only of what people opened.
    #[serde(default, deserialize_with = "never_null")]
    #[schema(value_type = CallerInput)]
    caller: Option<CallerInput>,
    /// The change that resolves it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    change: Option<Option<String>>,
    /// The change that caused it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    caused_by_change: Option<Option<String>>,
    /// Articles that help.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    knowledge: Option<Option<Vec<String>>>,
    /// Its problem, by id or number.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    problem: Option<Option<String>>,
    /// How far it reaches; needs a reason.
    #[serde(default, deserialize_with = "never_null")]
    #[schema(value_type = Grade)]
    impact: Option<Grade>,
    /// How fast it must be dealt with; needs a reason.
    #[serde(default, deserialize_with = "never_null")]
    #[schema(value_type = Grade)]
    urgency: Option<Grade>,
    /// Why impact or urgency are to be different, with which it comes.
    #[serde(default, deserialize_with = "never_null")]
    #[schema(value_type = String)]
    reason: Option<String>,
}

/// Tells null, which takes away, from a field that is left out.
pub(in crate::api) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Refuses null where there is always a value: it would look as if it had taken that away.
pub(in crate::api) fn never_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let value: Option<T> = Option::deserialize(deserializer)?;
    value.map(Some).ok_or_else(|| D::Error::custom("must not be null: it cannot be taken away; leave it out and it stays as it is"))
}

/// Opens an incident by hand.
#[utoipa::path(post, path = "/api/v1/incidents", tag = "incidents", request_body = NewIncident,
    responses((status = 201, description = "The incident.", body = Incident)))]
pub async fn create_incident(State(api): State<Api>, caller: Caller, Body(body): Body<NewIncident>) -> Result<Response, ApiError> {
    let new = api.engine.read(|world| body.into_domain(world))?;
    let executed = caller.execute(&api.engine, Command::Incident(IncidentCommand::Open(Box::new(new)))).await?;
    let id = opened(&executed.records).ok_or_else(|| ApiError::internal("an incident was opened and no record says so"))?;
    created(&api, id)
}

/// Changes what is written down of an incident. A priority by hand needs a reason, and no alert moves it any more.
#[utoipa::path(patch, path = "/api/v1/incidents/{id}", tag = "incidents", request_body = IncidentChange,
    responses((status = 200, description = "The incident as it is now.", body = Incident)))]
pub async fn patch_incident(
    State(api): State<Api>,
    Named(id): Named<IncidentName>,
    caller: Caller,
    Body(body): Body<IncidentChange>,
) -> Result<Response, ApiError> {
    let edit = api.engine.read(|world| body.into_domain(world))?;
    act(&api, id, &caller, IncidentAction::Edit(Box::new(edit))).await
}

impl CallerInput {
    fn into_domain(self) -> Result<Who, ApiError> {
        match (self.contact, self.name) {
            (Some(contact), None) => Ok(Who::Contact(contact)),
            (None, Some(name)) => Ok(Who::Named(name)),
            _ => {
                let shapes =
                    "must be {\"contact\": \"id or name of a contact\"} or {\"name\": \"somebody who is no contact\"}, and not both";
                Err(ApiError::invalid("caller", shapes))
            }
        }
    }
}

impl NewIncident {
    fn into_domain(self, world: &World) -> Result<incident::NewIncident, ApiError> {
        let defaults = incident::NewIncident::default();
        Ok(incident::NewIncident {
            title: self.title,
            description: self.description,
            primary_ci: self.primary_ci.as_deref().map(|text| item("primary_ci", text)).transpose()?,
            affected_cis: items(&self.affected_cis)?,
            service: self.service.as_deref().map(|text| item("service", text)).transpose()?,
            impact: self.impact.map(|grade| grade.0),
            urgency: self.urgency.map(|grade| grade.0),
            category: self.category,
            channel: self.channel.map_or(defaults.channel, |channel| channel.0),
            caller: self.caller.map(CallerInput::into_domain).transpose()?,
            group: self.group,
            assignee: self.assignee,
            parent: self.parent.as_deref().map(|text| named(world, "parent", text)).transpose()?,
            caused_by_change: self.caused_by_change,
            knowledge: self.knowledge,
        })
    }
}

impl IncidentChange {
    fn into_domain(self, world: &World) -> Result<Edit, ApiError> {
        let nullable = |field: &'static str, given: Option<Option<String>>| {
            let read = |text: Option<String>| text.map(|text| item(field, &text)).transpose();
            given.map(read).transpose()
        };
        let problem = |text: Option<String>| text.map(|text| problems::named(world, "problem", &text)).transpose();
        Ok(Edit {
            title: self.title,
            description: self.description.map(Option::unwrap_or_default),
            primary_ci: nullable("primary_ci", self.primary_ci)?,
            affected_cis: self.affected_cis.map(|given| items(&given.unwrap_or_default())).transpose()?,
            service: nullable("service", self.service)?,
            category: self.category,
            channel: self.channel.map(|channel| channel.0),
            caller: self.caller.map(CallerInput::into_domain).transpose()?,
            change: self.change,
            caused_by_change: self.caused_by_change,
            knowledge: self.knowledge.map(Option::unwrap_or_default),
            problem: self.problem.map(problem).transpose()?,
            impact: self.impact.map(|grade| grade.0),
            urgency: self.urgency.map(|grade| grade.0),
            reason: self.reason,
        })
    }
}

fn item(field: &str, text: &str) -> Result<CiId, ApiError> {
    text.parse().map_err(|_| ApiError::invalid(field, "must be the id of a configuration item"))
}

fn items(texts: &[String]) -> Result<Vec<CiId>, ApiError> {
    texts.iter().enumerate().map(|(place, text)| item(&format!("affected_cis[{place}]"), text)).collect()
}
