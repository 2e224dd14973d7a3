//! Tokens: make, show without secret, withdraw; and who one is.

use super::Api;
use super::caller::Caller;
use super::cis::PageQuery;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::gate::Principal;
use super::page::{Page, Paging};
use super::view::token::{Me, NewToken, Token};
use super::view::word::Role;
use crate::answer::{self, ApiError};
use crate::token;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::id::TokenId;
use rollcall_domain::trust::TrustEvent;
use rollcall_domain::trust::decide::TrustCommand;
use rollcall_domain::{Actor, Command, Event, Record, World};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use utoipa::ToSchema;

/// A join token is used right after it is made.
const JOIN_TTL_SECONDS: u64 = 3600;

/// The token that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(example = json!({"kind": "api", "name": "nightly export", "role": "viewer", "ttl_seconds": 2_592_000}))]
pub enum TokenRequest {
    /// Lets agents join.
    Join {
        /// Enrolments it is good for; 1 unless given.
        uses: Option<u32>,
        /// How long it lives; 3600 unless given, at most 86400.
        ttl_seconds: Option<u64>,
        /// Whether its agents need no approval by a person; not unless said.
        auto_approve: Option<bool>,
    },
    /// Lets a person's program use this API.
    Api {
        /// What people call it.
        name: String,
        /// What it may do.
        role: Role,
        /// How long it lives; for ever unless given.
        ttl_seconds: Option<u64>,
    },
}

/// Shows who asks: the token that was sent, and its role.
#[utoipa::path(get, path = "/api/v1/me", tag = "tokens", responses((status = 200, description = "The principal.", body = Me)))]
pub async fn get_me(State(api): State<Api>, Extension(principal): Extension<Principal>) -> Result<Response, ApiError> {
    let Actor::Token { id, .. } = principal.actor else { return Err(ApiError::internal("a principal without a token")) };
    let token = api.engine.read(|world| find(world, id));
    let token = token.ok_or_else(|| ApiError::internal("a principal whose token is gone"))?;
    Ok(answer::json(&Me { token, role: principal.role.into() }))
}

/// Lists tokens of both kinds, by id, without their secrets.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", params(PageQuery), responses((status = 200, description = "A page.", body = Page<Token>)))]
pub async fn list_tokens(State(api): State<Api>, Parameters(query): Parameters<PageQuery>, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<TokenId>::new("tokens", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        // One more than a page of each kind is enough to fill a page and know whether there is another.
        let join = world.trust.join_tokens.range(paging.ascending()).take(paging.limit + 1).map(|(id, token)| (*id, token.into()));
        let api = world.trust.api_tokens.range(paging.ascending()).take(paging.limit + 1).map(|(id, token)| (*id, token.into()));
        let both: BTreeMap<TokenId, Token> = join.chain(api).collect();
        paging.page(both.into_iter())
    });
    Ok(format.list(&page))
}

/// Makes a token. Its text is in this answer and never shown again.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = TokenRequest,
    responses((status = 201, description = "The token with its text.", body = NewToken)))]
pub async fn create_token(State(api): State<Api>, caller: Caller, Body(request): Body<TokenRequest>) -> Result<Response, ApiError> {
    let (command, secret) = request.into_command(&api);
    let executed = caller.execute(&api.engine, Command::Trust(command)).await?;
    let id = made(&executed.records).ok_or_else(|| ApiError::internal("a token was made and no record says so"))?;
    let token = api.engine.read(|world| find(world, id)).ok_or_else(|| ApiError::internal("a token was made and is not there"))?;
    let secret = (!executed.replayed).then_some(secret);
    Ok(answer::created(&format!("/api/v1/tokens/{id}"), &NewToken { token, secret }, None))
}

/// Withdraws a token at once.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", responses((status = 204, description = "Withdrawn.")))]
pub async fn delete_token(State(api): State<Api>, Named(id): Named<TokenId>, caller: Caller) -> Result<Response, ApiError> {
    caller.execute(&api.engine, Command::Trust(TrustCommand::RevokeToken(id))).await?;
    Ok(answer::done())
}

fn find(world: &World, id: TokenId) -> Option<Token> {
    let join = world.trust.join_tokens.get(&id).map(Token::from);
    join.or_else(|| world.trust.api_tokens.get(&id).map(Token::from))
}

fn made(records: &[Record]) -> Option<TokenId> {
    records.iter().find_map(|record| match &record.event {
        Event::Trust(TrustEvent::JoinTokenCreated { token }) => Some(token.id),
        Event::Trust(TrustEvent::ApiTokenCreated { token }) => Some(token.id),
        _ => None,
    })
}

impl TokenRequest {
    fn into_command(self, api: &Api) -> (TrustCommand, String) {
        match self {
            Self::Join { uses, ttl_seconds, auto_approve } => {
                let token = token::new_join_token(api.site.entropy.as_ref(), &api.site.ca_pin, &api.site.url);
                let ttl = Duration::from_secs(ttl_seconds.unwrap_or(JOIN_TTL_SECONDS));
                let (uses, auto_approve) = (uses.unwrap_or(1), auto_approve.unwrap_or(false));
                (TrustCommand::CreateJoinToken { secret_hash: token.secret_hash, uses, ttl, auto_approve }, token.text)
            }
            Self::Api { name, role, ttl_seconds } => {
                let token = token::new_api_token(api.site.entropy.as_ref());
                let ttl = ttl_seconds.map(Duration::from_secs);
                (TrustCommand::CreateApiToken { secret_hash: token.secret_hash, name, role: role.0, ttl }, token.text)
            }
        }
    }
}
