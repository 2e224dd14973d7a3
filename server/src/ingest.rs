//! What agents say: enrolment on the API listener, everything else on the agent listener.
//!
//! Who a request speaks for comes from [`Peer`] alone, which the listener takes from the verified certificate. This module
//! bounds and decodes; what a message may look like and what it means is the engine's business. It must never import the API: operators
//! and agents are different trust domains.
//!
//! A pending agent is answered `agent_pending` and nothing of it is stored: its data is quarantined in its own bounded spool,
//! on its own disk, and arrives whole once it is approved. A flood of unapproved agents so costs the server no storage.

pub mod body;
pub mod enrol;

pub use enrol::{EnrolService, enrol_router};

use crate::answer::{self, ApiError, Code};
use crate::clock::Clock;
use crate::engine::{Engine, EngineError, Request as EngineRequest};
use crate::observability;
use crate::rate_limit::RateLimit;
use crate::refusals::Refusals;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Router, middleware};
use body::{Intake, MediaType};
use rollcall_domain::trust::decide::{TrustCommand, authorise};
use rollcall_domain::{Actor, Command};
use rollcall_shared::message::{Push, Upload};
use rollcall_shared::{AgentId, endpoint, limits};
use std::sync::Arc;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;

/// The agent behind a request, proven by its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub AgentId);

/// A client may say which agent it believes to be; when the certificate says otherwise, something is badly wrong.
pub const AGENT_HEADER: &str = "rollcall-agent";

/// Audit entries that one agent's false claims may cause: the first few tell the story, and the log is for ever.
const CLAIMS_PER_MINUTE: u32 = 3;

/// Agents remembered for that.
const CLAIMANTS: usize = 1_000;

/// What the agent listener's handlers share.
#[derive(Clone)]
pub struct AgentService {
    engine: Engine,
    intake: Intake,
    refusals: Refusals,
    claims: Arc<RateLimit<AgentId>>,
}

/// Everything on the agent listener.
pub fn agent_router(engine: Engine, clock: Arc<dyn Clock>, refusals: Refusals, memory_mib: u32) -> Router {
    let claims = Arc::new(RateLimit::new(clock, CLAIMS_PER_MINUTE, Duration::from_secs(60), CLAIMANTS));
    let service = AgentService { engine, intake: Intake::new(memory_mib), refusals, claims };
    Router::new()
        .route(endpoint::PUSH, post(take_push))
        .route(endpoint::SECTIONS, post(take_sections))
        .fallback(no_such_place)
        .layer(CatchPanicLayer::custom(observability::answer_panic))
        .layer(middleware::from_fn(answer::finish))
        .with_state(service)
}

async fn take_push(State(service): State<AgentService>, Extension(peer): Extension<Peer>, request: Request) -> Response {
    service.answer(service.push(peer, request).await)
}

async fn take_sections(State(service): State<AgentService>, Extension(peer): Extension<Peer>, request: Request) -> Response {
    service.answer(service.upload(peer, request).await)
}

async fn no_such_place() -> ApiError {
    ApiError::new(Code::NotFound, format!("agents talk to {} and {}", endpoint::PUSH, endpoint::SECTIONS))
}

impl AgentService {
    async fn push(&self, peer: Peer, request: Request) -> Result<Response, ApiError> {
        // Nothing is read from whom the server does not take it; while the writer is at work, it says so when it comes to the push.
        self.engine.glance(|world| authorise(world, peer.0).map(drop)).transpose()?;
        self.check_claim(peer, request.headers()).await?;
        let media = MediaType::of(request.headers())?;
        let interval_ms = interval_ms(request.headers())?;
        let arriving = self.engine.arriving();
        let push: Push = self.intake.read(media, request, limits::PUSH_FRAME_BYTES).await?;
        drop(arriving);
        media.answer(&self.engine.push_every(peer.0, push, interval_ms).await?)
    }

    async fn upload(&self, peer: Peer, request: Request) -> Result<Response, ApiError> {
        self.admit(peer)?;
        self.check_claim(peer, request.headers()).await?;
        let media = MediaType::of(request.headers())?;
        let upload: Upload = self.intake.read(media, request, limits::FRAME_BYTES).await?;
        media.answer(&self.engine.upload(peer.0, upload).await?)
    }

    /// Asked for every request, not once a connection: a revocation takes effect on the next one.
    fn admit(&self, peer: Peer) -> Result<(), ApiError> {
        Ok(self.engine.read(|world| authorise(world, peer.0).map(drop))?)
    }

    async fn check_claim(&self, peer: Peer, headers: &HeaderMap) -> Result<(), ApiError> {
        let Some(claim) = headers.get(AGENT_HEADER) else { return Ok(()) };
        if claim.to_str().ok().and_then(|text| text.parse().ok()) == Some(peer.0) {
            return Ok(());
        }
        self.admit(peer)?;
        if self.claims.take(&peer.0).is_ok() {
            self.audit_claim(peer, claim.as_bytes(), headers).await?;
        }
        Err(ApiError::new(Code::IdentityMismatch, format!("the certificate is that of {}; {AGENT_HEADER} says otherwise", peer.0)))
    }

    async fn audit_claim(&self, peer: Peer, claim: &[u8], headers: &HeaderMap) -> Result<(), EngineError> {
        let claim: String = String::from_utf8_lossy(claim).chars().take(64).collect();
        let detail = format!("{} sent a request in the name of {claim:?}", peer.0);
        let command = Command::Trust(TrustCommand::Refuse { code: Code::IdentityMismatch.as_str().to_owned(), detail });
        let request_id = request_id(headers);
        let request = EngineRequest { actor: Actor::Agent { id: peer.0 }, request_id, idempotency_key: None, command };
        self.engine.execute(request).await.map(drop)
    }

    fn answer(&self, result: Result<Response, ApiError>) -> Response {
        result.unwrap_or_else(|error| {
            self.refusals.count(error.code().as_str());
            error.into_response()
        })
    }
}

/// The push interval that an agent tells, ms; what no agent may be configured with is bounded where it is judged.
fn interval_ms(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(told) = headers.get(endpoint::PUSH_INTERVAL) else { return Ok(None) };
    let refuse = || ApiError::invalid(endpoint::PUSH_INTERVAL, "must be a number of milliseconds");
    told.to_str().ok().and_then(|text| text.parse().ok()).map(Some).ok_or_else(refuse)
}

/// The id that the edge gave to a request.
fn request_id(headers: &HeaderMap) -> Option<String> {
    headers.get(answer::REQUEST_ID).and_then(|id| id.to_str().ok()).map(str::to_owned)
}

/// An answer with a body of the given type.
fn with_type(media_type: &'static str, bytes: Vec<u8>) -> Response {
    answer::body(media_type, Body::from(bytes))
}

#[cfg(test)]
mod tests;
