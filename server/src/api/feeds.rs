//! Feeds: let other people's agents deliver inventories, show who may, withdraw.

use super::Api;
use super::caller::Caller;
use super::cis::PageQuery;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::feed::{Feed, NewFeed};
use super::view::word::FeedKind;
use crate::answer::{self, ApiError};
use crate::token;
use axum::extract::State;
use axum::response::Response;
use ipnet::IpNet;
use rollcall_domain::Command;
use rollcall_domain::trust::decide::TrustCommand;
use rollcall_domain::trust::feed::{self, FeedName};
use serde::Deserialize;
use std::time::Duration;
use utoipa::ToSchema;

/// The feed that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "branch-office", "kind": "glpi", "networks": ["10.7.0.0/16"], "ttl_seconds": 31_536_000}))]
pub struct FeedRequest {
    /// 1 to 64 lower-case letters, digits, dashes and underscores.
    name: String,
    /// Whose agents deliver.
    kind: FeedKind,
    /// Networks that its agents may be in; anywhere unless given.
    networks: Option<Vec<String>>,
    /// How long it lives; for ever unless given.
    ttl_seconds: Option<u64>,
}

/// Lists feeds, by name, without their secrets.
#[utoipa::path(get, path = "/api/v1/feeds", tag = "feeds", params(PageQuery), responses((status = 200, description = "A page.", body = Page<Feed>)))]
pub async fn list_feeds(State(api): State<Api>, Parameters(query): Parameters<PageQuery>, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<FeedName>::new("feeds", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let feeds = world.trust.feeds.iter().filter(|(name, _)| paging.after.as_ref().is_none_or(|after| *name > after));
        paging.page(feeds.map(|(name, feed)| (name.clone(), feed.into())))
    });
    Ok(format.list::<Feed>(&page))
}

/// Makes a feed, or renews one that was withdrawn. Its secret is in this answer and never shown again.
#[utoipa::path(post, path = "/api/v1/feeds", tag = "feeds", request_body = FeedRequest,
    responses((status = 201, description = "The feed with its secret.", body = NewFeed)))]
pub async fn create_feed(State(api): State<Api>, caller: Caller, Body(request): Body<FeedRequest>) -> Result<Response, ApiError> {
    let secret = token::new_feed_secret(api.site.entropy.as_ref());
    let wanted = request.into_feed(secret.secret_hash)?;
    let name = wanted.name.clone();
    let executed = caller.execute(&api.engine, Command::Trust(TrustCommand::CreateFeed(wanted))).await?;
    let feed = api.engine.read(|world| world.trust.feeds.get(&name).map(Feed::from));
    let feed = feed.ok_or_else(|| ApiError::internal("a feed was made and is not there"))?;
    let secret = (!executed.replayed).then_some(secret.text);
    Ok(answer::created(&format!("/api/v1/feeds/{name}"), &NewFeed { feed, secret }, None))
}

/// Withdraws a feed at once. What it delivered stays, with its name as source.
#[utoipa::path(delete, path = "/api/v1/feeds/{id}", tag = "feeds", responses((status = 204, description = "Withdrawn.")))]
pub async fn delete_feed(State(api): State<Api>, Named(name): Named<FeedName>, caller: Caller) -> Result<Response, ApiError> {
    caller.execute(&api.engine, Command::Trust(TrustCommand::RevokeFeed(name))).await?;
    Ok(answer::done())
}

impl FeedRequest {
    fn into_feed(self, secret_hash: String) -> Result<feed::NewFeed, ApiError> {
        let name = self.name.parse().map_err(|error: feed::NotAFeedName| ApiError::invalid("name", error.to_string()))?;
        let networks: Result<Vec<IpNet>, ApiError> = self.networks.unwrap_or_default().iter().enumerate().map(network).collect();
        Ok(feed::NewFeed { name, kind: self.kind.0, secret_hash, networks: networks?, ttl: self.ttl_seconds.map(Duration::from_secs) })
    }
}

fn network((place, text): (usize, &String)) -> Result<IpNet, ApiError> {
    text.parse()
        .map_err(|_| ApiError::invalid(format!("networks[{place}]"), "must be an address with a prefix length, such as 10.7.0.0/16"))
}
