//! On-call schedules: who is on call when, who stands in, who is on call now.

use super::Api;
use super::caller::Caller;
use super::cis::PageQuery;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::Time;
use super::view::on_call::{OnCall, OnCallLayer, OnCallOverrideInput, OnCallSchedule, OnCallScheduleInput, OnCallShift};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::id::{ContactId, OverrideId, ScheduleId};
use rollcall_domain::notification::schedule::{KnownSchedule, Layer, RENDERED, Rotation, Schedule};
use rollcall_domain::notification::weekly::Span;
use rollcall_domain::notification::{NotificationCommand, NotificationEvent};
use rollcall_domain::{Command, Event, World};
use rollcall_shared::Timestamp;
use serde::Deserialize;
use std::time::Duration;
use utoipa::IntoParams;

/// What is rendered unless somebody says how far.
const FORTNIGHT: Duration = Duration::from_secs(14 * 86_400);

/// Which shifts are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ShiftQuery {
    /// From this moment on; now unless given.
    #[param(value_type = Option<Time>)]
    from: Option<Timestamp>,
    /// Up to this moment, at most 100 days later; two weeks later unless given.
    #[param(value_type = Option<Time>)]
    to: Option<Timestamp>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists on-call schedules, by id.
#[utoipa::path(get, path = "/api/v1/on_call_schedules", tag = "on-call", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<OnCallSchedule>)))]
pub async fn list_schedules(
    State(api): State<Api>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<ScheduleId>::new("on_call_schedules", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let schedules = world.notifications.schedules.range(paging.ascending());
        paging.page(schedules.map(|(id, known)| (*id, OnCallSchedule::from(known))))
    });
    Ok(format.list(&page))
}

/// Makes an on-call schedule.
#[utoipa::path(post, path = "/api/v1/on_call_schedules", tag = "on-call", request_body = OnCallScheduleInput,
    responses((status = 201, description = "The schedule.", body = OnCallSchedule)))]
pub async fn create_schedule(State(api): State<Api>, caller: Caller, Body(input): Body<OnCallScheduleInput>) -> Result<Response, ApiError> {
    let schedule = Box::new(api.engine.read(|world| input.into_domain(world))?);
    let command = NotificationCommand::SetSchedule { id: None, schedule, expected: None };
    let executed = caller.execute(&api.engine, Command::Notification(command)).await?;
    let made = executed.records.iter().find_map(|record| match &record.event {
        Event::Notification(NotificationEvent::ScheduleSet { schedule }) => Some(schedule.id),
        _ => None,
    });
    let id = made.ok_or_else(|| ApiError::internal("a schedule was made and no record says so"))?;
    created(&api, id)
}

/// Shows one on-call schedule.
#[utoipa::path(get, path = "/api/v1/on_call_schedules/{id}", tag = "on-call",
    responses((status = 200, description = "The schedule.", body = OnCallSchedule)))]
pub async fn get_schedule(State(api): State<Api>, Named(id): Named<ScheduleId>) -> Result<Response, ApiError> {
    show(&api, id)
}

/// Says anew what an on-call schedule is. Overrides stay.
#[utoipa::path(put, path = "/api/v1/on_call_schedules/{id}", tag = "on-call", request_body = OnCallScheduleInput,
    responses((status = 200, description = "The schedule as it is now.", body = OnCallSchedule)))]
pub async fn put_schedule(
    State(api): State<Api>,
    Named(id): Named<ScheduleId>,
    caller: Caller,
    Body(input): Body<OnCallScheduleInput>,
) -> Result<Response, ApiError> {
    let schedule = Box::new(api.engine.read(|world| input.into_domain(world))?);
    let command = NotificationCommand::SetSchedule { id: Some(id), schedule, expected: caller.expected };
    caller.execute(&api.engine, Command::Notification(command)).await?;
    show(&api, id)
}

/// Ends an on-call schedule that no escalation policy asks.
#[utoipa::path(delete, path = "/api/v1/on_call_schedules/{id}", tag = "on-call", responses((status = 204, description = "Ended.")))]
pub async fn delete_schedule(State(api): State<Api>, Named(id): Named<ScheduleId>, caller: Caller) -> Result<Response, ApiError> {
    let command = NotificationCommand::DeleteSchedule { id, expected: caller.expected };
    caller.execute(&api.engine, Command::Notification(command)).await?;
    Ok(answer::done())
}

/// Lets somebody stand in.
#[utoipa::path(post, path = "/api/v1/on_call_schedules/{id}/overrides", tag = "on-call", request_body = OnCallOverrideInput,
    responses((status = 201, description = "The schedule with the override, the last one.", body = OnCallSchedule)))]
pub async fn create_override(
    State(api): State<Api>,
    Named(id): Named<ScheduleId>,
    caller: Caller,
    Body(input): Body<OnCallOverrideInput>,
) -> Result<Response, ApiError> {
    let OnCallOverrideInput { from, to, contact } = input;
    let command = NotificationCommand::AddOverride { id, from, to, contact, expected: caller.expected };
    caller.execute(&api.engine, Command::Notification(command)).await?;
    created(&api, id)
}

/// Takes an override back.
#[utoipa::path(delete, path = "/api/v1/on_call_schedules/{id}/overrides/{name}", tag = "on-call",
    responses((status = 204, description = "Taken back.")))]
pub async fn delete_override(
    State(api): State<Api>,
    Named(id): Named<ScheduleId>,
    Named(standing_in): Named<OverrideId>,
    caller: Caller,
) -> Result<Response, ApiError> {
    let command = NotificationCommand::DeleteOverride { id, standing_in, expected: caller.expected };
    caller.execute(&api.engine, Command::Notification(command)).await?;
    Ok(answer::done())
}

/// Lists who is on call now in each schedule, and who is next.
#[utoipa::path(get, path = "/api/v1/on_call", tag = "on-call", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<OnCall>)))]
pub async fn list_on_call(State(api): State<Api>, Parameters(query): Parameters<PageQuery>, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<ScheduleId>::new("on_call", query.limit, query.cursor.as_deref())?;
    let at = api.engine.now();
    let page = api.engine.read(|world| {
        let view = |known: &KnownSchedule| {
            let (now, next) = known.schedule.now_and_next(at);
            let shift = |shift: Option<_>| shift.map(|shift| OnCallShift::new(world, shift));
            OnCall { schedule: known.schedule.id.to_string(), name: known.schedule.name.clone(), now: shift(now), next: shift(next) }
        };
        paging.page(world.notifications.schedules.range(paging.ascending()).map(|(id, known)| (*id, view(known))))
    });
    Ok(format.list(&page))
}

/// Lists who is on call in a schedule from one moment to another, gaps included.
#[utoipa::path(get, path = "/api/v1/on_call/{id}", tag = "on-call", params(ShiftQuery),
    responses((status = 200, description = "A page.", body = Page<OnCallShift>)))]
pub async fn list_shifts(
    State(api): State<Api>,
    Named(id): Named<ScheduleId>,
    Parameters(query): Parameters<ShiftQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<i64>::new("shifts", query.limit, query.cursor.as_deref())?;
    let from = query.from.unwrap_or_else(|| api.engine.now());
    let to = query.to.unwrap_or_else(|| from.plus(FORTNIGHT));
    if to <= from || to.since(from) > RENDERED {
        return Err(ApiError::invalid("to", format!("must be after from, by at most {} days", RENDERED.as_secs() / 86_400)));
    }
    let page = api.engine.read(|world| {
        let shifts = find(world, id)?.schedule.shifts(Span { from, to }).into_iter();
        let shifts = shifts.filter(|shift| paging.after.is_none_or(|after| shift.span.from.0 > after));
        Ok::<_, ApiError>(paging.page(shifts.map(|shift| (shift.span.from.0, OnCallShift::new(world, shift)))))
    })?;
    Ok(format.list(&page))
}

fn find(world: &World, id: ScheduleId) -> Result<&KnownSchedule, ApiError> {
    world.notifications.schedules.get(&id).ok_or_else(|| ApiError::not_found("on-call schedule", &id.to_string()))
}

fn show(api: &Api, id: ScheduleId) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, id).map(|known| answer::resource(&OnCallSchedule::from(known), known.revision)))
}

fn created(api: &Api, id: ScheduleId) -> Result<Response, ApiError> {
    api.engine.read(|world| {
        let known = find(world, id)?;
        Ok(answer::created(&format!("/api/v1/on_call_schedules/{id}"), &OnCallSchedule::from(known), Some(known.revision)))
    })
}

impl OnCallScheduleInput {
    fn into_domain(self, world: &World) -> Result<Schedule, ApiError> {
        let layers = self.layers.into_iter().enumerate().map(|(position, layer)| layer.into_domain(world, position));
        let layers = layers.collect::<Result<_, _>>()?;
        Ok(Schedule { id: ScheduleId(0), name: self.name, time_zone: self.time_zone, layers, overrides: Vec::new() })
    }
}

impl OnCallLayer {
    fn into_domain(self, world: &World, position: usize) -> Result<Layer, ApiError> {
        let member = |(number, text): (usize, &String)| -> Result<ContactId, ApiError> {
            let field = format!("layers[{position}].members[{number}]");
            let unknown = || ApiError::invalid(field, "must be the id or name of a contact; POST /api/v1/contacts makes one");
            Ok(world.contacts.find(text).ok_or_else(unknown)?.contact.id)
        };
        let members = self.members.iter().enumerate().map(member).collect::<Result<_, _>>()?;
        let rotation = Rotation { every: self.rotation.every, unit: self.rotation.unit.0 };
        Ok(Layer { name: self.name, members, starts_at: self.starts_at, rotation, hours: self.hours })
    }
}
