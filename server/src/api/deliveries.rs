//! Deliveries: what is on its way through channels, and what was given up.

use super::Api;
use super::caller::Caller;
use super::extract::{Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::delivery::Delivery;
use super::view::word::DeliveryState;
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::delivery::DeliveryCommand;
use rollcall_domain::id::{ChannelId, DeliveryId};
use rollcall_domain::{Command, World, delivery};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which deliveries are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryQuery {
    /// In this state.
    state: Option<DeliveryState>,
    /// Through this channel.
    channel: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists notifications, tests and dead letters, by id. What a channel reads of the feed is no delivery of its own: see its `health`.
#[utoipa::path(get, path = "/api/v1/deliveries", tag = "deliveries", params(DeliveryQuery),
    responses((status = 200, description = "A page.", body = Page<Delivery>)))]
pub async fn list_deliveries(
    State(api): State<Api>,
    Parameters(query): Parameters<DeliveryQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<DeliveryId>::new("deliveries", query.limit, query.cursor.as_deref())?;
    let channel = query.channel.as_deref().map(str::parse::<ChannelId>).transpose();
    let channel = channel.map_err(|_| ApiError::invalid("channel", "must be the id of a channel"))?;
    let keeps = |delivery: &delivery::Delivery| {
        query.state.is_none_or(|state| delivery.state == state.0) && channel.is_none_or(|channel| delivery.channel == channel)
    };
    let page = api.engine.read(|world| {
        let deliveries = world.delivery.deliveries.range(paging.ascending()).filter(|(_, delivery)| keeps(delivery));
        paging.page(deliveries.map(|(id, delivery)| (*id, Delivery::from(delivery))))
    });
    Ok(format.list(&page))
}

/// Shows one delivery.
#[utoipa::path(get, path = "/api/v1/deliveries/{id}", tag = "deliveries",
    responses((status = 200, description = "The delivery.", body = Delivery)))]
pub async fn get_delivery(State(api): State<Api>, Named(id): Named<DeliveryId>) -> Result<Response, ApiError> {
    show(&api, id)
}

/// Sends a dead letter again: the same content under the same id.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/resend", tag = "deliveries",
    responses((status = 200, description = "The delivery on its way.", body = Delivery)))]
pub async fn resend_delivery(State(api): State<Api>, Named(id): Named<DeliveryId>, caller: Caller) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, id).and_then(|known| caller.check_precondition(&id.to_string(), known.revision)))?;
    caller.execute(&api.engine, Command::Delivery(DeliveryCommand::Resend { id })).await?;
    show(&api, id)
}

fn find(world: &World, id: DeliveryId) -> Result<&delivery::Delivery, ApiError> {
    world.delivery.deliveries.get(&id).ok_or_else(|| ApiError::not_found("delivery", &id.to_string()))
}

fn show(api: &Api, id: DeliveryId) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, id).map(|known| answer::resource(&Delivery::from(known), known.revision)))
}
