//! Assignment rules: who gets which incidents.

use super::Api;
use super::caller::Caller;
use super::cis::PageQuery;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::assignment::{AssignmentAnswer, AssignmentCase, AssignmentRule, AssignmentRuleInput};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::id::AssignmentRuleId;
use rollcall_domain::incident::assignment::KnownAssignmentRule;
use rollcall_domain::incident::{IncidentCommand, IncidentEvent};
use rollcall_domain::{Command, Event, World};

/// Lists assignment rules in the order in which they are asked: the first that fits decides.
#[utoipa::path(get, path = "/api/v1/assignment_rules", tag = "incidents", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<AssignmentRule>)))]
pub async fn list_assignment_rules(
    State(api): State<Api>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<Place>::new("assignment-rules", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let rules = world.incidents.assignment.in_order().map(|known| (Place(known.rule.position, known.rule.id), known));
        let later = rules.filter(|(place, _)| paging.after.as_ref().is_none_or(|after| place > after));
        paging.page(later.map(|(place, known)| (place, AssignmentRule::new(world, known))))
    });
    Ok(format.list(&page))
}

/// Makes an assignment rule.
#[utoipa::path(post, path = "/api/v1/assignment_rules", tag = "incidents", request_body = AssignmentRuleInput,
    responses((status = 201, description = "The rule.", body = AssignmentRule)))]
pub async fn create_assignment_rule(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<AssignmentRuleInput>,
) -> Result<Response, ApiError> {
    let command = IncidentCommand::CreateAssignmentRule(Box::new(input.into_domain()?));
    let executed = caller.execute(&api.engine, Command::Incident(command)).await?;
    let made = executed.records.iter().find_map(|record| match &record.event {
        Event::Incident(IncidentEvent::AssignmentRuleSet { rule }) => Some(rule.id),
        _ => None,
    });
    let id = made.ok_or_else(|| ApiError::internal("an assignment rule was made and no record says so"))?;
    api.engine.read(|world| {
        let known = find(world, id)?;
        Ok(answer::created(&format!("/api/v1/assignment_rules/{id}"), &AssignmentRule::new(world, known), Some(known.revision)))
    })
}

/// Says which rule would decide on an incident, and of each other one why it does not fit.
#[utoipa::path(post, path = "/api/v1/assignment_rules/test", tag = "incidents", request_body = AssignmentCase,
    responses((status = 200, description = "What each rule says.", body = AssignmentAnswer)))]
pub async fn test_assignment_rules(State(api): State<Api>, Body(case): Body<AssignmentCase>) -> Result<Response, ApiError> {
    api.engine.read(|world| Ok(answer::json(&case.answer(world)?)))
}

/// Shows one assignment rule.
#[utoipa::path(get, path = "/api/v1/assignment_rules/{id}", tag = "incidents",
    responses((status = 200, description = "The rule.", body = AssignmentRule)))]
pub async fn get_assignment_rule(State(api): State<Api>, Named(id): Named<AssignmentRuleId>) -> Result<Response, ApiError> {
    show(&api, id)
}

/// Says anew what an assignment rule says. Incidents that are open stay where they are.
#[utoipa::path(put, path = "/api/v1/assignment_rules/{id}", tag = "incidents", request_body = AssignmentRuleInput,
    responses((status = 200, description = "The rule as it is now.", body = AssignmentRule)))]
pub async fn put_assignment_rule(
    State(api): State<Api>,
    Named(id): Named<AssignmentRuleId>,
    caller: Caller,
    Body(input): Body<AssignmentRuleInput>,
) -> Result<Response, ApiError> {
    let new = Box::new(input.into_domain()?);
    let command = IncidentCommand::UpdateAssignmentRule { rule: id, new, expected: caller.expected };
    caller.execute(&api.engine, Command::Incident(command)).await?;
    show(&api, id)
}

/// Does away with an assignment rule.
#[utoipa::path(delete, path = "/api/v1/assignment_rules/{id}", tag = "incidents", responses((status = 204, description = "It is gone.")))]
pub async fn delete_assignment_rule(
    State(api): State<Api>,
    Named(id): Named<AssignmentRuleId>,
    caller: Caller,
) -> Result<Response, ApiError> {
    let command = IncidentCommand::DeleteAssignmentRule { rule: id, expected: caller.expected };
    caller.execute(&api.engine, Command::Incident(command)).await?;
    Ok(answer::done())
}

/// Where a rule stands in the order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place(u32, AssignmentRuleId);

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.0, self.1)
    }
}

impl std::str::FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (position, id) = text.split_once(' ').ok_or(())?;
        Ok(Self(position.parse().map_err(drop)?, id.parse().map_err(drop)?))
    }
}

fn find(world: &World, id: AssignmentRuleId) -> Result<&KnownAssignmentRule, ApiError> {
    world.incidents.assignment.rules.get(&id).ok_or_else(|| ApiError::not_found("assignment rule", &id.to_string()))
}

fn show(api: &Api, id: AssignmentRuleId) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, id).map(|known| answer::resource(&AssignmentRule::new(world, known), known.revision)))
}
