//! Channels: where other systems are told what happens.

use super::Api;
use super::caller::Caller;
use super::cis::PageQuery;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::delivery::{Channel, ChannelSecret, Delivery};
use super::view::word::{Class, Follows, Security};
use crate::answer::{self, ApiError};
use crate::delivery::Refusal;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::delivery::{
    self as domain, ChannelKind, Credential, DeliveryCommand, DeliveryEvent, KnownChannel, NewChannel, PAGERDUTY_URL, Wanted,
};
use rollcall_domain::id::ChannelId;
use rollcall_domain::{Command, Event, World};
use serde::Deserialize;
use utoipa::ToSchema;

/// What a channel is to be. Credentials are given and never shown again; one that is left out when a channel is changed stays.
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
        /// Whether it is told of records of the log, of notifications, or of both; both unless given.
        follows: Option<Follows>,
        /// Only records about these, such as `ci` or `incident`; all but deliveries unless given.
        subjects: Option<Vec<String>>,
        /// Only records that tell this, such as `incident_opened`; all unless given.
        types: Option<Vec<String>>,
        /// Only records about configuration items of these classes, or of those that inherit from them.
        classes: Option<Vec<Class>>,
        /// When it is made: only records after this revision, 0 for all; those from now on unless given.
        after: Option<u64>,
    },
    /// Notifications in the form of Alertmanager's webhooks (version 4), signed as Standard Webhooks says.
    Alertmanager {
        /// What people call it; no two channels have one name.
        name: String,
        /// Where requests go: HTTPS, to a public address, unless the server's configuration allows others.
        url: String,
        /// Whether anything is sent; it is unless said.
        enabled: Option<bool>,
    },
    /// Notifications through an incoming webhook of Slack, or of what takes the same.
    Slack {
        /// What people call it; no two channels have one name.
        name: String,
        /// The address of the webhook: its credential, never shown again.
        url: Option<String>,
        /// Or the file that holds it, by its name in the server's configuration (`delivery.credential_files`).
        credential_file: Option<String>,
        /// Whether anything is sent; it is unless said.
        enabled: Option<bool>,
    },
    /// Notifications as events of PagerDuty's Events API, version 2.
    Pagerduty {
        /// What people call it; no two channels have one name.
        name: String,
        /// Where events go: `https://events.pagerduty.com/v2/enqueue` unless given; in Europe
        /// `https://events.eu.pagerduty.com/v2/enqueue`.
        url: Option<String>,
        /// The integration's key: its credential, never shown again.
        routing_key: Option<String>,
        /// Or the file that holds it, by its name in the server's configuration (`delivery.credential_files`).
        credential_file: Option<String>,
        /// Whether anything is sent; it is unless said.
        enabled: Option<bool>,
    },
    /// Notifications by mail.
    Mail {
        /// What people call it; no two channels have one name.
        name: String,
        /// The server that takes mail: a name, or an address, that is public unless the server's configuration allows others.
        host: String,
        /// Its port: 587 unless given, 465 for `tls`.
        port: Option<u16>,
        /// How the connection is protected: `starttls` unless given. `none` is for this machine itself alone (`localhost`, `127.0.0.1`, `::1`) and refused for others.
        security: Option<Security>,
        /// As whom this server logs in; not at all unless given.
        username: Option<String>,
        /// The password of that user, never shown again.
        password: Option<String>,
        /// Or the file that holds it, by its name in the server's configuration (`delivery.credential_files`).
        credential_file: Option<String>,
        /// Whom mail comes from.
        sender: String,
        /// Whom it goes to, unless a notification names others.
        recipients: Vec<String>,
        /// Whether anything is sent; it is unless said.
        enabled: Option<bool>,
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

/// Makes a channel. The secret that signs its requests, if they are signed, is in this answer and never shown again.
#[utoipa::path(post, path = "/api/v1/channels", tag = "channels", request_body = ChannelInput,
    responses((status = 201, description = "The channel with its secret.", body = ChannelSecret)))]
pub async fn create_channel(State(api): State<Api>, caller: Caller, Body(input): Body<ChannelInput>) -> Result<Response, ApiError> {
    let id = ChannelId(api.engine.next_bits());
    let (channel, after) = input.into_domain(&api, id)?;
    let executed = caller.execute(&api.engine, Command::Delivery(DeliveryCommand::Create { id: Some(id), channel, after })).await?;
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

/// Says anew what a channel is. It goes on where it was; one whose receiver said that it is gone is tried again. Of what it did not tell
/// while it was disabled or gone, it tells what is still true.
#[utoipa::path(put, path = "/api/v1/channels/{id}", tag = "channels", request_body = ChannelInput,
    responses((status = 200, description = "The channel as it is now.", body = Channel)))]
pub async fn put_channel(
    State(api): State<Api>,
    Named(id): Named<ChannelId>,
    caller: Caller,
    Body(input): Body<ChannelInput>,
) -> Result<Response, ApiError> {
    let (channel, after) = input.into_domain(&api, id)?;
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
        let is_shown = !replayed && known.channel.kind.is_signed();
        let secret = is_shown.then(|| api.site.dispatch.signer.secret(id, known.secret.generation));
        Ok(ChannelSecret { channel: Channel::new(world, known, &api.site.dispatch), secret })
    })
}

impl ChannelInput {
    /// As the domain has it, for the channel with this id; and after which revision it is to begin.
    fn into_domain(self, api: &Api, id: ChannelId) -> Result<(NewChannel, Option<u64>), ApiError> {
        let guard = &api.site.dispatch.guard;
        let refused = |field: &'static str| move |refusal: Refusal| ApiError::invalid(field, refusal.to_string());
        let credential = |field, given: Option<String>, file| credential(api, id, Given { field, given, file });
        let mut wanted = Wanted::default();
        let (name, enabled, kind, begin) = match self {
            Self::Webhook { name, url, enabled, follows, subjects, types, classes, after } => {
                guard.check(&url).map_err(refused("url"))?;
                wanted = Wanted {
                    follows: follows.map_or_else(Default::default, |follows| follows.0),
                    subjects: subjects.into_iter().flatten().collect(),
                    types: types.into_iter().flatten().collect(),
                    classes: classes.into_iter().flatten().map(|class| class.0).collect(),
                };
                (name, enabled, ChannelKind::Webhook { url }, after)
            }
            Self::Alertmanager { name, url, enabled } => {
                guard.check(&url).map_err(refused("url"))?;
                (name, enabled, ChannelKind::Alertmanager { url }, None)
            }
            Self::Slack { name, url, credential_file, enabled } => {
                url.as_deref().map_or(Ok(()), |url| guard.check(url).map(drop)).map_err(refused("url"))?;
                (name, enabled, ChannelKind::Slack { credential: credential("url", url, credential_file)? }, None)
            }
            Self::Pagerduty { name, url, routing_key, credential_file, enabled } => {
                let url = url.unwrap_or_else(|| PAGERDUTY_URL.to_owned());
                guard.check(&url).map_err(refused("url"))?;
                let credential = credential("routing_key", routing_key, credential_file)?;
                (name, enabled, ChannelKind::PagerDuty { url, credential }, None)
            }
            Self::Mail { name, host, port, security, username, password, credential_file, sender, recipients, enabled } => {
                guard.check_host(&host).map_err(refused("host"))?;
                let security = security.map_or(domain::Security::Starttls, |security| security.0);
                if security == domain::Security::None && !is_this_machine(&host) {
                    return Err(ApiError::invalid(
                        "security",
                        "must be starttls or tls; none is for this machine itself alone, such as 127.0.0.1",
                    ));
                }
                let port = port.unwrap_or(if security == domain::Security::Tls { 465 } else { 587 });
                let credential = credential("password", password, credential_file)?;
                (name, enabled, ChannelKind::Mail { host, port, security, username, sender, recipients, credential }, None)
            }
        };
        Ok((NewChannel { name, kind, enabled: enabled.unwrap_or(true), wanted }, begin))
    }
}

/// Whether a mail server is this machine by what it is called. What a name means by then is looked at again when mail leaves.
fn is_this_machine(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    address.map_or_else(|_| host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}

/// A credential as people gave it.
struct Given {
    field: &'static str,
    given: Option<String>,
    file: Option<String>,
}

fn credential(api: &Api, id: ChannelId, given: Given) -> Result<Option<Credential>, ApiError> {
    let vault = &api.site.dispatch.vault;
    match (given.given, given.file) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(ApiError::invalid("credential_file", format!("must not be given with {}", given.field))),
        (Some(text), None) => {
            let sealed = vault.seal(id, &text, api.site.entropy.secret());
            sealed.map(Some).map_err(|error| ApiError::invalid(given.field, error.to_string()))
        }
        (None, Some(name)) => {
            let file = Credential::File { name };
            vault.open(id, Some(&file)).map_err(|error| ApiError::invalid("credential_file", error.to_string()))?;
            Ok(Some(file))
        }
    }
}
