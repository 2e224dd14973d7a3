//! Notifications: what was told to whom, which incidents are told together, and whether anybody would be told at all.

use super::Api;
use super::caller::Caller;
use super::cis::PageQuery;
use super::extract::{Named, Parameters};
use super::format::Format;
use super::incidents::IncidentName;
use super::page::{Page, Paging};
use super::view::notification::{Notification, NotificationGroup, NotificationStatus};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::id::{ChannelId, NotificationGroupId, NotificationId, RouteId};
use rollcall_domain::notification::{self, NotificationCommand, group};
use rollcall_domain::{Command, World};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which notifications are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NotificationQuery {
    /// Through this route.
    route: Option<String>,
    /// Through this channel.
    channel: Option<String>,
    /// Of this group.
    group: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists what was told to whom, newest first: the latest 5,000.
#[utoipa::path(get, path = "/api/v1/notifications", tag = "notifications", params(NotificationQuery),
    responses((status = 200, description = "A page.", body = Page<Notification>)))]
pub async fn list_notifications(
    State(api): State<Api>,
    Parameters(query): Parameters<NotificationQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<NotificationId>::new("notifications", query.limit, query.cursor.as_deref())?;
    let route: Option<RouteId> = read("route", query.route.as_deref())?;
    let channel: Option<ChannelId> = read("channel", query.channel.as_deref())?;
    let group: Option<NotificationGroupId> = read("group", query.group.as_deref())?;
    let keeps = |told: &notification::Notification| {
        route.is_none_or(|id| told.route == Some(id))
            && channel.is_none_or(|id| told.channel == id)
            && group.is_none_or(|id| told.group == Some(id))
    };
    let page = api.engine.read(|world| {
        let told = world.notifications.history.range(paging.descending()).rev().filter(|(_, told)| keeps(told));
        paging.page(told.map(|(id, told)| (*id, Notification::new(world, told))))
    });
    Ok(format.list(&page))
}

/// Shows one notification.
#[utoipa::path(get, path = "/api/v1/notifications/{id}", tag = "notifications",
    responses((status = 200, description = "The notification.", body = Notification)))]
pub async fn get_notification(State(api): State<Api>, Named(id): Named<NotificationId>) -> Result<Response, ApiError> {
    api.engine.read(|world| {
        let told = world.notifications.history.get(&id).ok_or_else(|| ApiError::not_found("notification", &id.to_string()))?;
        Ok(answer::json(&Notification::new(world, told)))
    })
}

/// Lists who was told of an incident, newest first: by routes, by escalation, and as its watchers (`told_as`).
#[utoipa::path(get, path = "/api/v1/incidents/{id}/notifications", tag = "incidents", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<Notification>)))]
pub async fn list_incident_notifications(
    State(api): State<Api>,
    Named(name): Named<IncidentName>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<NotificationId>::new("incident_notifications", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let id = name.find(world)?.id;
        let mut told: Vec<&notification::Notification> = world.notifications.of_incident(id).collect();
        told.reverse();
        let told = told.into_iter().filter(|told| paging.after.is_none_or(|after| told.id < after));
        Ok::<_, ApiError>(paging.page(told.map(|told| (told.id, Notification::new(world, told)))))
    })?;
    Ok(format.list(&page))
}

/// Lists groups of incidents that are told together and not over yet, by id.
#[utoipa::path(get, path = "/api/v1/notification_groups", tag = "notifications", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<NotificationGroup>)))]
pub async fn list_notification_groups(
    State(api): State<Api>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<NotificationGroupId>::new("notification_groups", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let groups = world.notifications.groups.range(paging.ascending());
        paging.page(groups.map(|(id, group)| (*id, NotificationGroup::from(group))))
    });
    Ok(format.list(&page))
}

/// Shows one group of incidents.
#[utoipa::path(get, path = "/api/v1/notification_groups/{id}", tag = "notifications",
    responses((status = 200, description = "The group.", body = NotificationGroup)))]
pub async fn get_notification_group(State(api): State<Api>, Named(id): Named<NotificationGroupId>) -> Result<Response, ApiError> {
    show(&api, id)
}

/// Takes notice of all open incidents of a group: nobody else is told, and nothing is told again.
#[utoipa::path(post, path = "/api/v1/notification_groups/{id}/acknowledge", tag = "notifications",
    responses((status = 200, description = "The group as it is now.", body = NotificationGroup)))]
pub async fn acknowledge_notification_group(
    State(api): State<Api>,
    Named(id): Named<NotificationGroupId>,
    caller: Caller,
) -> Result<Response, ApiError> {
    let command = NotificationCommand::AcknowledgeGroup { group: id };
    caller.execute(&api.engine, Command::Notification(command)).await?;
    show(&api, id)
}

/// Tells whether anybody would be told of a page, and what stands in the way.
#[utoipa::path(get, path = "/api/v1/notification_status", tag = "notifications",
    responses((status = 200, description = "How notification stands.", body = NotificationStatus)))]
pub async fn get_notification_status(State(api): State<Api>) -> Result<Response, ApiError> {
    let now = api.engine.now();
    Ok(answer::json(&api.engine.read(|world| NotificationStatus::new(world, now))))
}

fn read<T: std::str::FromStr>(field: &str, text: Option<&str>) -> Result<Option<T>, ApiError> {
    text.map(str::parse).transpose().map_err(|_| ApiError::invalid(field, "must be the id of one"))
}

fn find(world: &World, id: NotificationGroupId) -> Result<&group::NotificationGroup, ApiError> {
    world.notifications.groups.get(&id).ok_or_else(|| ApiError::not_found("notification group", &id.to_string()))
}

fn show(api: &Api, id: NotificationGroupId) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, id).map(|group| answer::json(&NotificationGroup::from(group))))
}
