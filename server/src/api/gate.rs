//! What stands before every handler: who asks, may they, are the parameters known, is the wanted media type served.
//!
//! A route exists only through [`mount`], so none can be without a gate: denied unless allowed.

use super::Api;
use super::format::Format;
use super::routes::{Access, Route};
use crate::answer::{self, ApiError, Code};
use crate::engine;
use crate::token::{self, API_TOKEN_CHARS, API_TOKEN_PREFIX};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use rollcall_domain::actor::Role;
use rollcall_domain::trust::decide::{self, TrustCommand};
use rollcall_domain::{Actor, Command};
use rollcall_shared::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};
use utoipa::openapi::RefOr;
use utoipa::openapi::path::ParameterIn;
use utoipa_axum::router::UtoipaMethodRouter;

/// Refusals written to the audit log in a minute; the rest is counted only, so that nobody can fill the disk by being refused.
const AUDITED_PER_MINUTE: u32 = 60;

/// Who asks, proven.
#[derive(Clone, Debug)]
pub struct Principal {
    /// As the log names it.
    pub actor: Actor,
    /// What it may do.
    pub role: Role,
}

/// How many refusals were audited in the current minute.
#[derive(Default)]
pub struct Audited(Mutex<(i64, u32)>);

impl Audited {
    fn admits(&self, now: Timestamp) -> bool {
        let minute = now.0.div_euclid(60_000);
        let mut audited = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if audited.0 != minute {
            *audited = (minute, 0);
        }
        audited.1 = audited.1.saturating_add(1);
        audited.1 <= AUDITED_PER_MINUTE
    }
}

struct Gate {
    api: Api,
    route: &'static Route,
    parameters: Vec<String>,
}

/// Puts the gate of `route` before its handler.
pub fn mount(api: &Api, route: &'static Route, mounted: UtoipaMethodRouter<Api>) -> UtoipaMethodRouter<Api> {
    let (schemas, paths, handler) = mounted;
    let operations = paths.paths.values().flat_map(|item| [&item.get, &item.put, &item.post, &item.patch, &item.delete]).flatten();
    let parameters = operations.flat_map(|operation| operation.parameters.iter().flatten()).filter_map(|parameter| match parameter {
        RefOr::T(parameter) if matches!(parameter.parameter_in, ParameterIn::Query) => Some(parameter.name.clone()),
        _ => None,
    });
    let gate = Arc::new(Gate { api: api.clone(), route, parameters: parameters.collect() });
    (schemas, paths, handler.route_layer(middleware::from_fn_with_state(gate, pass)))
}

async fn pass(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Result<Response, ApiError> {
    if gate.route.access != Access::Public {
        let principal = gate.authorise(request.headers()).await?;
        request.extensions_mut().insert(principal);
    }
    gate.check_parameters(request.uri().query().unwrap_or_default())?;
    let format = Format::negotiate(gate.route.shape, request.headers())?;
    request.extensions_mut().insert(format);
    Ok(next.run(request).await)
}

impl Gate {
    async fn authorise(&self, headers: &HeaderMap) -> Result<Principal, ApiError> {
        let Some(principal) = authenticate(&self.api, headers) else {
            self.audit(headers, Actor::Anonymous, Code::Unauthenticated, "without a valid token".into()).await;
            return Err(ApiError::new(Code::Unauthenticated, "this needs a valid API token: Authorization: Bearer rca_…"));
        };
        if self.route.access.allows(principal.role) {
            return Ok(principal);
        }
        let role = principal.role.as_str();
        self.audit(headers, principal.actor, Code::Forbidden, format!("by a {role}")).await;
        let needed: Vec<&str> = self.route.access.roles().iter().map(|role| role.as_str()).collect();
        Err(ApiError::new(Code::Forbidden, format!("the role {role} may not do this; it needs {}", needed.join(" or "))))
    }

    /// The refusal stands whether or not it could be written down.
    async fn audit(&self, headers: &HeaderMap, actor: Actor, code: Code, how: String) {
        if !self.api.audited.admits(self.api.engine.now()) {
            return;
        }
        let detail = format!("{} {} {how}", self.route.method, self.route.path);
        let command = Command::Trust(TrustCommand::Refuse { code: code.as_str().into(), detail });
        let request_id = headers.get(answer::REQUEST_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
        let request = engine::Request { actor, request_id, idempotency_key: None, command };
        if let Err(error) = self.api.engine.execute(request).await {
            tracing::warn!(%error, "a refusal could not be written to the audit log");
        }
    }

    fn check_parameters(&self, query: &str) -> Result<(), ApiError> {
        let names = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split('=').next().unwrap_or_default());
        for name in names {
            if !self.parameters.iter().any(|known| known == name) {
                let name: String = name.chars().take(64).collect();
                let known = if self.parameters.is_empty() { "none".into() } else { self.parameters.join(", ") };
                return Err(ApiError::unknown(name.clone(), format!("unknown parameter {name:?}; known here: {known}")));
            }
        }
        Ok(())
    }
}

fn authenticate(api: &Api, headers: &HeaderMap) -> Option<Principal> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || !token.starts_with(API_TOKEN_PREFIX) || token.len() != API_TOKEN_CHARS {
        return None;
    }
    let hash = token::hash_of(token);
    let now = api.engine.now();
    let (actor, role) = api.engine.read(|world| decide::authenticate(world, &hash, now)).ok()?;
    Some(Principal { actor, role })
}

/// Whether a principal that was let in may still be here: tokens end while streams go on.
pub fn still_valid(api: &Api, principal: &Principal) -> bool {
    let Actor::Token { id, .. } = &principal.actor else { return false };
    let now = api.engine.now();
    api.engine
        .read(|world| world.trust.api_tokens.get(id).is_some_and(|token| !token.revoked && token.expires_at.is_none_or(|end| end > now)))
}
