//! Channels: where other systems are told what happens.

use super::Api;
use super::caller::Caller;
use super::cis::PageQuery;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::delivery::{Channel, ChannelSecret, Delivery};
use super::view::word::Class;
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::delivery::{ChannelKind, DeliveryCommand, DeliveryEvent, KnownChannel, NewChannel, Wanted};
use rollcall_domain::id::ChannelId;
use rollcall_domain::{Command, Event, World};
use serde::Deserialize;
use utoipa::ToSchema;

/// What a channel is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(example = json!({"kind": "webhook", "name": "Ticket bridge", "url": "https://receiver.example/rollcall", "subjects": ["incident", "problem"]}))]
pub enum ChannelInput {
    /// Requests with JSON, signed as Standard Webhooks says: at most 100 records each, in order, each at least once.
    Webhook {
        /// What people call it; no two channels have one name.
        name: String,
        /// Where requests go: HTTPS, to a public address, unless the server's configuration allows others.
        url: String,
        /// Whether anything is sent; it is unless said.
        enabled: Option<bool>,
        /// Only records about these, such as `ci` or `incident`; all but deliveries unless given.
        subjects: Option<Vec<String>>,
        /// Only records that tell this, such as `incident_opened`; all unless given.
        types: Option<Vec<String>>,
        /// Only records about configuration items of these classes, or of those that inherit from them.
        classes: Option<Vec<Class>>,
        /// When it is made: only records after this revision, 0 for all; those from now on unless given.
        after: Option<u64>,
    },
}

/// Lists channels, by id, without their secrets.
#[utoipa::path(get, path = "/api/v1/channels", tag = "channels", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<Channel>)))]
pub async fn list_channels(State(api): State<Api>, Parameters(query): Parameters<PageQuery>, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<ChannelId>::new("channels", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let channels = world.delivery.channels.range(paging.ascending());
        paging.page(channels.map(|(id, known)| (*id, Channel::new(world, known, &api.site.dispatch))))
    });
    Ok(format.list(&page))
}

/// Makes a channel. Its secret is in this answer and never shown again.
#[utoipa::path(post, path = "/api/v1/channels", tag = "channels", request_body = ChannelInput,
    responses((status = 201, description = "The channel with its secret.", body = ChannelSecret)))]
pub async fn create_channel(State(api): State<Api>, caller: Caller, Body(input): Body<ChannelInput>) -> Result<Response, ApiError> {
    let (channel, after) = input.into_domain(&api)?;
    let executed = caller.execute(&api.engine, Command::Delivery(DeliveryCommand::Create { channel, after })).await?;
    let made = executed.records.iter().find_map(|record| match &record.event {
        Event::Delivery(DeliveryEvent::ChannelSet { channel, .. }) => Some(channel.id),
        _ => None,
    });
    let id = made.ok_or_else(|| ApiError::internal("a channel was made and no record says so"))?;
    let with_secret = with_secret(&api, id, executed.replayed)?;
    let revision = with_secret.channel.revision;
    Ok(answer::created(&format!("/api/v1/channels/{id}"), &with_secret, Some(revision)))
}

/// Shows one channel with its health.
#[utoipa::path(get, path = "/api/v1/channels/{id}", tag = "channels",
    responses((status = 200, description = "The channel.", body = Channel)))]
pub async fn get_channel(State(api): State<Api>, Named(id): Named<ChannelId>) -> Result<Response, ApiError> {
    show(&api, id)
}

/// Says anew what a channel is. It goes on where it was; one whose receiver said that it is gone is tried again.
#[utoipa::path(put, path = "/api/v1/channels/{id}", tag = "channels", request_body = ChannelInput,
    responses((status = 200, description = "The channel as it is now.", body = Channel)))]
pub async fn put_channel(
    State(api): State<Api>,
    Named(id): Named<ChannelId>,
    caller: Caller,
    Body(input): Body<ChannelInput>,
) -> Result<Response, ApiError> {
    let (channel, after) = input.into_domain(&api)?;
    if after.is_some() {
        return Err(ApiError::invalid("after", "is for a new channel: this one goes on where it was"));
    }
    let command = DeliveryCommand::Update { id, channel, expected: caller.expected };
    caller.execute(&api.engine, Command::Delivery(command)).await?;
    show(&api, id)
}

/// Ends a channel, and what waits for it.
#[utoipa::path(delete, path = "/api/v1/channels/{id}", tag = "channels", responses((status = 204, description = "Ended.")))]
pub async fn delete_channel(State(api): State<Api>, Named(id): Named<ChannelId>, caller: Caller) -> Result<Response, ApiError> {
    caller.execute(&api.engine, Command::Delivery(DeliveryCommand::Delete { id, expected: caller.expected })).await?;
    Ok(answer::done())
}

/// Sends a test through a channel. How it went is told by `GET /api/v1/deliveries/{id}` of the delivery in this answer.
#[utoipa::path(post, path = "/api/v1/channels/{id}/test", tag = "channels",
    responses((status = 200, description = "The test on its way.", body = Delivery)))]
pub async fn test_channel(State(api): State<Api>, Named(id): Named<ChannelId>, caller: Caller) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, id).and_then(|known| caller.check_precondition(&id.to_string(), known.revision)))?;
    let executed = caller.execute(&api.engine, Command::Delivery(DeliveryCommand::Test { id })).await?;
    let queued = executed.records.iter().find_map(|record| match &record.event {
        Event::Delivery(DeliveryEvent::DeliveryQueued { delivery }) => Some((record.revision, delivery)),
        _ => None,
    });
    let (revision, delivery) = queued.ok_or_else(|| ApiError::internal("a test was queued and no record says so"))?;
    let now = api.engine.read(|world| world.delivery.deliveries.get(&delivery.id).map(Delivery::from));
    let now = now.unwrap_or_else(|| Delivery { revision, ..Delivery::from(&**delivery) });
    Ok(answer::resource(&now, now.revision))
}

/// Makes a new secret. It is in this answer and never shown again; the one before signs beside it for a day.
#[utoipa::path(post, path = "/api/v1/channels/{id}/secret", tag = "channels",
    responses((status = 200, description = "The channel with its new secret.", body = ChannelSecret)))]
pub async fn rotate_channel_secret(State(api): State<Api>, Named(id): Named<ChannelId>, caller: Caller) -> Result<Response, ApiError> {
    let command = DeliveryCommand::RotateSecret { id, expected: caller.expected };
    let executed = caller.execute(&api.engine, Command::Delivery(command)).await?;
    let with_secret = with_secret(&api, id, executed.replayed)?;
    Ok(answer::resource(&with_secret, with_secret.channel.revision))
}

fn find(world: &World, id: ChannelId) -> Result<&KnownChannel, ApiError> {
    world.delivery.channels.get(&id).ok_or_else(|| ApiError::not_found("channel", &id.to_string()))
}

fn show(api: &Api, id: ChannelId) -> Result<Response, ApiError> {
    api.engine.read(|world| {
        let known = find(world, id)?;
        Ok(answer::resource(&Channel::new(world, known, &api.site.dispatch), known.revision))
    })
}

fn with_secret(api: &Api, id: ChannelId, replayed: bool) -> Result<ChannelSecret, ApiError> {
    api.engine.read(|world| {
        let known = find(world, id)?;
        let secret = (!replayed).then(|| api.site.dispatch.signer.secret(id, known.secret.generation));
        Ok(ChannelSecret { channel: Channel::new(world, known, &api.site.dispatch), secret })
    })
}

impl ChannelInput {
    fn into_domain(self, api: &Api) -> Result<(NewChannel, Option<u64>), ApiError> {
        let Self::Webhook { name, url, enabled, subjects, types, classes, after } = self;
        api.site.dispatch.guard.check(&url).map_err(|refusal| ApiError::invalid("url", refusal.to_string()))?;
        let wanted = Wanted {
            subjects: subjects.into_iter().flatten().collect(),
            types: types.into_iter().flatten().collect(),
            classes: classes.into_iter().flatten().map(|class| class.0).collect(),
        };
        Ok((NewChannel { name, kind: ChannelKind::Webhook { url }, enabled: enabled.unwrap_or(true), wanted }, after))
    }
}
