//! Notification routes: which incidents are told to whom, together with which others, and when.

use super::Api;
use super::caller::Caller;
use super::cis::PageQuery;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::notification::{NotificationRoute, NotificationRouteInput};
use super::view::route_test::{self, RouteTest, RouteTestInput, RouteVerdict, TemplateInput, TemplatePreview};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::id::{CiId, IncidentId, RouteId, RuleId};
use rollcall_domain::incident::{self, Incident};
use rollcall_domain::notification::explain::{self, Outcome};
use rollcall_domain::notification::route::{GROUP_INTERVAL_MS, GroupBy, KnownRoute, REPEAT_INTERVAL_MS, Route, Subject};
use rollcall_domain::notification::template::{PLACEHOLDERS, Template};
use rollcall_domain::notification::{NotificationCommand, NotificationEvent};
use rollcall_domain::rule::Tier;
use rollcall_domain::{Command, Event, World};
use std::collections::BTreeSet;

/// Where a route stands whose writer does not say.
const POSITION: u32 = 100;

/// The longest preview: what a message has room for.
const PREVIEW_CHARACTERS: usize = 8_000;

/// Lists notification routes, by id. They are looked at by position.
#[utoipa::path(get, path = "/api/v1/notification_routes", tag = "notifications", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<NotificationRoute>)))]
pub async fn list_routes(State(api): State<Api>, Parameters(query): Parameters<PageQuery>, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<RouteId>::new("notification_routes", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let routes = world.notifications.routes.range(paging.ascending());
        paging.page(routes.map(|(id, known)| (*id, NotificationRoute::plain(known, world))))
    });
    Ok(format.list(&page))
}

/// Makes a notification route. What is open and waits for somebody is told through it as if it opened now.
#[utoipa::path(post, path = "/api/v1/notification_routes", tag = "notifications", request_body = NotificationRouteInput,
    responses((status = 201, description = "The route.", body = NotificationRoute)))]
pub async fn create_route(State(api): State<Api>, caller: Caller, Body(input): Body<NotificationRouteInput>) -> Result<Response, ApiError> {
    let command = NotificationCommand::SetRoute { id: None, route: Box::new(input.into_domain()?), expected: None };
    let executed = caller.execute(&api.engine, Command::Notification(command)).await?;
    let made = executed.records.iter().find_map(|record| match &record.event {
        Event::Notification(NotificationEvent::RouteSet { route }) => Some(route.id),
        _ => None,
    });
    let id = made.ok_or_else(|| ApiError::internal("a route was made and no record says so"))?;
    api.engine.read(|world| {
        let known = find(world, id)?;
        Ok(answer::created(&format!("/api/v1/notification_routes/{id}"), &NotificationRoute::new(known, world), Some(known.revision)))
    })
}

/// Shows one notification route.
#[utoipa::path(get, path = "/api/v1/notification_routes/{id}", tag = "notifications",
    responses((status = 200, description = "The route.", body = NotificationRoute)))]
pub async fn get_route(State(api): State<Api>, Named(id): Named<RouteId>) -> Result<Response, ApiError> {
    show(&api, id)
}

/// Says anew what a notification route is; what is left out gets its default. What is open, waits for somebody and was not told through it is told.
#[utoipa::path(put, path = "/api/v1/notification_routes/{id}", tag = "notifications", request_body = NotificationRouteInput,
    responses((status = 200, description = "The route as it is now.", body = NotificationRoute)))]
pub async fn put_route(
    State(api): State<Api>,
    Named(id): Named<RouteId>,
    caller: Caller,
    Body(input): Body<NotificationRouteInput>,
) -> Result<Response, ApiError> {
    let route = Box::new(input.into_domain()?);
    let command = NotificationCommand::SetRoute { id: Some(id), route, expected: caller.expected };
    caller.execute(&api.engine, Command::Notification(command)).await?;
    show(&api, id)
}

/// Ends a notification route. Who was told through it is told `resolved`, though the incidents stay as they are; then nothing more.
#[utoipa::path(delete, path = "/api/v1/notification_routes/{id}", tag = "notifications", responses((status = 204, description = "Ended.")))]
pub async fn delete_route(State(api): State<Api>, Named(id): Named<RouteId>, caller: Caller) -> Result<Response, ApiError> {
    let command = NotificationCommand::DeleteRoute { id, expected: caller.expected };
    caller.execute(&api.engine, Command::Notification(command)).await?;
    Ok(answer::done())
}

/// Tells who would be told of an incident, when and why: of one that is there, or of one that might be. Nothing is sent.
#[utoipa::path(post, path = "/api/v1/notification_routes/test", tag = "notifications", request_body = RouteTestInput,
    responses((status = 200, description = "All routes with what came of each.", body = RouteTest)))]
pub async fn test_routes(State(api): State<Api>, Body(input): Body<RouteTestInput>) -> Result<Response, ApiError> {
    let now = api.engine.now();
    let verdicts = api.engine.read(|world| match &input.incident {
        Some(id) => {
            let incident = incident_of(world, id)?;
            Ok(explain::explain(world, &Subject::of(world, incident), &explain::told(world, incident), now))
        }
        None => {
            let subject = imagined(world, &input)?;
            Ok::<_, ApiError>(explain::explain(world, &subject, &explain::imagined(&subject, now), now))
        }
    })?;
    let told = verdicts.iter().any(|verdict| matches!(&verdict.outcome, Outcome::Taken(plan) if plan.reaches));
    Ok(answer::json(&RouteTest { told, routes: verdicts.into_iter().map(RouteVerdict::from).collect() }))
}

/// Shows what templates say, of an incident or an example, and what they may hold.
#[utoipa::path(post, path = "/api/v1/notification_routes/preview", tag = "notifications", request_body = TemplateInput,
    responses((status = 200, description = "What they say.", body = TemplatePreview)))]
pub async fn preview_templates(State(api): State<Api>, Body(input): Body<TemplateInput>) -> Result<Response, ApiError> {
    let mut message = explain::example(api.engine.now());
    if let Some(id) = &input.incident {
        let incident = api.engine.read(|world| incident_of(world, id).map(|incident| explain::told(world, incident)))?;
        message = route_test::alone(incident, message);
    }
    let render = |field: &str, text: Option<&str>| {
        let Some(text) = text else { return Ok(None) };
        let wrong = |error: rollcall_domain::notification::template::TemplateError| {
            ApiError::invalid(field, error.to_string()).at(error.column - 1, 1)
        };
        Template::parse(text).map(|template| Some(template.render(&message, PREVIEW_CHARACTERS))).map_err(wrong)
    };
    let (title, text) = (render("title", input.title.as_deref())?, render("text", input.text.as_deref())?);
    let placeholders = PLACEHOLDERS.map(|(name, about)| (name.to_owned(), about.to_owned())).into();
    Ok(answer::json(&TemplatePreview { title, text, placeholders }))
}

fn incident_of<'a>(world: &'a World, text: &str) -> Result<&'a Incident, ApiError> {
    let id: Option<IncidentId> = text.parse().ok();
    let found = id.and_then(|id| world.incidents.incidents.get(&id));
    found.ok_or_else(|| ApiError::invalid("incident", "must be the id of an incident"))
}

fn imagined<'a>(world: &'a World, input: &'a RouteTestInput) -> Result<Subject<'a>, ApiError> {
    let ci = match &input.ci {
        Some(text) => {
            let id: Option<CiId> = text.parse().ok();
            let found = id.and_then(|id| world.cmdb.cis.get(&id));
            Some(found.ok_or_else(|| ApiError::invalid("ci", "must be the id of a configuration item"))?)
        }
        None => None,
    };
    let rule: Option<RuleId> = input.rule.as_deref().map(str::parse).transpose().map_err(|_| ApiError::invalid("rule", "is no rule"))?;
    if rule.as_ref().is_some_and(|rule| !world.rules.rules.contains_key(rule)) {
        return Err(ApiError::invalid("rule", "is no rule"));
    }
    let priority = input.priority.unwrap_or(2);
    if !(1..=5).contains(&priority) {
        return Err(ApiError::invalid("priority", "must be 1 to 5"));
    }
    let is_heard = rule.is_some() || input.source.is_some();
    let origin = if is_heard { incident::Channel::Monitoring } else { incident::Channel::Api };
    Ok(Subject {
        ci,
        category: input.category.clone().or_else(|| rule.as_ref().map(ToString::to_string)),
        rule,
        tier: input.tier.map_or(Tier::Page, |tier| tier.0),
        severity: input.severity.map(|severity| severity.0),
        priority,
        group: input.group.as_ref().map(|group| world.contacts.called(group)),
        service: None,
        origin,
        source: input.source.clone(),
        alert_labels: input.labels.as_ref(),
    })
}

fn find(world: &World, id: RouteId) -> Result<&KnownRoute, ApiError> {
    world.notifications.routes.get(&id).ok_or_else(|| ApiError::not_found("notification route", &id.to_string()))
}

fn show(api: &Api, id: RouteId) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, id).map(|known| answer::resource(&NotificationRoute::new(known, world), known.revision)))
}

impl NotificationRouteInput {
    fn into_domain(self) -> Result<Route, ApiError> {
        let channel = |(position, text): (usize, &String)| {
            text.parse().map_err(|_| ApiError::invalid(format!("channels[{position}]"), "must be the id of a channel"))
        };
        let escalation = self.escalation.as_deref().map(str::parse).transpose();
        let group_by = self.group_by.map(|words| words.into_iter().map(|word| word.0).collect());
        Ok(Route {
            id: RouteId(0),
            name: self.name,
            position: self.position.unwrap_or(POSITION),
            enabled: self.enabled.unwrap_or(true),
            when: self.when,
            continues: self.continues.unwrap_or(false),
            channels: self.channels.iter().enumerate().map(channel).collect::<Result<_, _>>()?,
            escalation: escalation.map_err(|_| ApiError::invalid("escalation", "must be the id of an escalation policy"))?,
            group_by: group_by.unwrap_or_else(|| BTreeSet::from([GroupBy::Rule])),
            group_wait_ms: self.group_wait_ms,
            group_interval_ms: self.group_interval_ms.unwrap_or(GROUP_INTERVAL_MS),
            repeat_interval_ms: Some(self.repeat_interval_ms.unwrap_or(REPEAT_INTERVAL_MS)).filter(|ms| *ms > 0),
            quiet_hours: self.quiet_hours,
            tell_resolved: self.tell_resolved.unwrap_or(true),
            tell_acknowledged: self.tell_acknowledged.unwrap_or(true),
            title: self.title,
            text: self.text,
        })
    }
}
