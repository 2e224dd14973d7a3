//! Escalation policies, and how contacts are reached.

use super::Api;
use super::caller::Caller;
use super::cis::PageQuery;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::on_call::{ContactMethod, ContactMethods, ContactMethodsInput, EscalationPolicy, EscalationPolicyInput};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::id::{ContactId, PolicyId};
use rollcall_domain::notification::escalation::{KnownPolicy, Method, Policy};
use rollcall_domain::notification::{NotificationCommand, NotificationEvent};
use rollcall_domain::{Command, Event, World};

/// Between two rounds of a policy whose writer does not say.
const REPEAT_AFTER_MS: u64 = 30 * 60_000;

/// Lists escalation policies, by id.
#[utoipa::path(get, path = "/api/v1/escalation_policies", tag = "on-call", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<EscalationPolicy>)))]
pub async fn list_escalation_policies(
    State(api): State<Api>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<PolicyId>::new("escalation_policies", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let policies = world.notifications.policies.range(paging.ascending());
        paging.page(policies.map(|(id, known)| (*id, EscalationPolicy::from(known))))
    });
    Ok(format.list(&page))
}

/// Makes an escalation policy.
#[utoipa::path(post, path = "/api/v1/escalation_policies", tag = "on-call", request_body = EscalationPolicyInput,
    responses((status = 201, description = "The policy.", body = EscalationPolicy)))]
pub async fn create_escalation_policy(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<EscalationPolicyInput>,
) -> Result<Response, ApiError> {
    let command = NotificationCommand::SetPolicy { id: None, policy: Box::new(input.into_domain()?), expected: None };
    let executed = caller.execute(&api.engine, Command::Notification(command)).await?;
    let made = executed.records.iter().find_map(|record| match &record.event {
        Event::Notification(NotificationEvent::PolicySet { policy }) => Some(policy.id),
        _ => None,
    });
    let id = made.ok_or_else(|| ApiError::internal("a policy was made and no record says so"))?;
    api.engine.read(|world| {
        let known = find(world, id)?;
        Ok(answer::created(&format!("/api/v1/escalation_policies/{id}"), &EscalationPolicy::from(known), Some(known.revision)))
    })
}

/// Shows one escalation policy.
#[utoipa::path(get, path = "/api/v1/escalation_policies/{id}", tag = "on-call",
    responses((status = 200, description = "The policy.", body = EscalationPolicy)))]
pub async fn get_escalation_policy(State(api): State<Api>, Named(id): Named<PolicyId>) -> Result<Response, ApiError> {
    show(&api, id)
}

/// Says anew what an escalation policy is.
#[utoipa::path(put, path = "/api/v1/escalation_policies/{id}", tag = "on-call", request_body = EscalationPolicyInput,
    responses((status = 200, description = "The policy as it is now.", body = EscalationPolicy)))]
pub async fn put_escalation_policy(
    State(api): State<Api>,
    Named(id): Named<PolicyId>,
    caller: Caller,
    Body(input): Body<EscalationPolicyInput>,
) -> Result<Response, ApiError> {
    let policy = Box::new(input.into_domain()?);
    let command = NotificationCommand::SetPolicy { id: Some(id), policy, expected: caller.expected };
    caller.execute(&api.engine, Command::Notification(command)).await?;
    show(&api, id)
}

/// Ends an escalation policy that no route names.
#[utoipa::path(delete, path = "/api/v1/escalation_policies/{id}", tag = "on-call", responses((status = 204, description = "Ended.")))]
pub async fn delete_escalation_policy(State(api): State<Api>, Named(id): Named<PolicyId>, caller: Caller) -> Result<Response, ApiError> {
    let command = NotificationCommand::DeletePolicy { id, expected: caller.expected };
    caller.execute(&api.engine, Command::Notification(command)).await?;
    Ok(answer::done())
}

/// Shows how a contact is reached.
#[utoipa::path(get, path = "/api/v1/contacts/{id}/methods", tag = "contacts",
    responses((status = 200, description = "How it is reached.", body = ContactMethods)))]
pub async fn get_methods(State(api): State<Api>, Named(id): Named<ContactId>) -> Result<Response, ApiError> {
    show_methods(&api, id)
}

/// Says how a contact is reached when it is on call or a step of escalation names it.
#[utoipa::path(put, path = "/api/v1/contacts/{id}/methods", tag = "contacts", request_body = ContactMethodsInput,
    responses((status = 200, description = "How it is reached now.", body = ContactMethods)))]
pub async fn put_methods(
    State(api): State<Api>,
    Named(id): Named<ContactId>,
    caller: Caller,
    Body(input): Body<ContactMethodsInput>,
) -> Result<Response, ApiError> {
    let method = |(position, method): (usize, ContactMethod)| {
        let wrong = |_| ApiError::invalid(format!("methods[{position}].channel"), "must be the id of a channel");
        Ok::<_, ApiError>(Method { channel: method.channel.parse().map_err(wrong)?, address: method.address })
    };
    let methods = input.methods.into_iter().enumerate().map(method).collect::<Result<_, _>>()?;
    let command = NotificationCommand::SetMethods { contact: id, methods, expected: caller.expected };
    caller.execute(&api.engine, Command::Notification(command)).await?;
    show_methods(&api, id)
}

fn find(world: &World, id: PolicyId) -> Result<&KnownPolicy, ApiError> {
    world.notifications.policies.get(&id).ok_or_else(|| ApiError::not_found("escalation policy", &id.to_string()))
}

fn show(api: &Api, id: PolicyId) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, id).map(|known| answer::resource(&EscalationPolicy::from(known), known.revision)))
}

fn show_methods(api: &Api, id: ContactId) -> Result<Response, ApiError> {
    api.engine.read(|world| {
        if !world.contacts.contacts.contains_key(&id) {
            return Err(ApiError::not_found("contact", &id.to_string()));
        }
        let known = world.notifications.methods.get(&id);
        let view = |method: &Method| ContactMethod { channel: method.channel.to_string(), address: method.address.clone() };
        let methods = known.into_iter().flat_map(|known| &known.methods).map(view).collect();
        let revision = known.map_or(0, |known| known.revision);
        Ok(answer::resource(&ContactMethods { contact: id.to_string(), methods, revision }, revision))
    })
}

impl EscalationPolicyInput {
    fn into_domain(self) -> Result<Policy, ApiError> {
        let mail_channel = self.mail_channel.as_deref().map(str::parse).transpose();
        Ok(Policy {
            id: PolicyId(0),
            name: self.name,
            steps: self.steps,
            repeat: self.repeat.unwrap_or(0),
            repeat_after_ms: self.repeat_after_ms.unwrap_or(REPEAT_AFTER_MS),
            mail_channel: mail_channel.map_err(|_| ApiError::invalid("mail_channel", "must be the id of a channel"))?,
        })
    }
}
