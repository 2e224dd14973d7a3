//! How an agent gets its identity. On the API listener, because whoever enrols has no certificate yet.
//!
//! Use of the token and issue of the certificate are one command of the engine, which judges the token again: of fifty
//! simultaneous uses of a token that is good for one, one succeeds. The answer is read back from the state, so that a retry
//! is answered as the first request was. Unknown, expired, used up and withdrawn tokens take the same path to the same answer.

use super::{body, request_id, with_type};
use crate::answer::{self, ApiError, Code};
use crate::ca::{AgentKey, Authority};
use crate::clock::Clock;
use crate::config::Limits;
use crate::engine::{Engine, EngineError, Request as EngineRequest};
use crate::entropy::Entropy;
use crate::listener::ClientAddress;
use crate::observability;
use crate::rate_limit::RateLimit;
use crate::refusals::Refusals;
use crate::token;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Router, middleware};
use rollcall_domain::trust::Agent;
use rollcall_domain::trust::decide::{Admission, TrustCommand, admit};
use rollcall_domain::{Actor, Command, Rejection};
use rollcall_shared::enrol::{AgentStatus, EnrolReply, EnrolRequest};
use rollcall_shared::{AgentId, endpoint, limits};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;

/// Digits of an enrolment id.
const ENROLMENT_ID_CHARS: usize = 32;

/// Longest host name (RFC 1035: 255 with the length bytes).
const HOSTNAME_BYTES: usize = 255;

/// Longest version text, such as `0.1.0+20261121.abcdef0`.
const VERSION_BYTES: usize = 64;

/// Addresses and tokens remembered for rate limits: a few megabytes.
const RATE_KEYS: usize = 50_000;

const MINUTE: Duration = Duration::from_secs(60);

/// Longer than any commit takes; a store that hangs is not waited for for ever.
const DURABLE_WITHIN: Duration = Duration::from_secs(30);

/// What enrolment needs.
#[derive(Clone)]
pub struct EnrolService {
    engine: Engine,
    authority: Arc<Authority>,
    entropy: Arc<dyn Entropy>,
    agent_url: Arc<str>,
    refusals: Refusals,
    refused: Arc<RateLimit<IpAddr>>,
    per_token: Arc<RateLimit<String>>,
}

/// What [`EnrolService::new`] is made of.
pub struct EnrolParts {
    /// Judges and remembers.
    pub engine: Engine,
    /// Signs.
    pub authority: Arc<Authority>,
    /// Measures rates.
    pub clock: Arc<dyn Clock>,
    /// Draws ids and serial numbers.
    pub entropy: Arc<dyn Entropy>,
    /// Base URL of the agent listener.
    pub agent_url: String,
    /// Counts refusals.
    pub refusals: Refusals,
    /// Rates.
    pub limits: Limits,
}

impl EnrolService {
    /// A service with empty rate limits.
    #[must_use]
    pub fn new(parts: EnrolParts) -> Self {
        let EnrolParts { engine, authority, clock, entropy, agent_url, refusals, limits } = parts;
        let refused = RateLimit::new(clock.clone(), limits.refused_enrolments_per_minute, MINUTE, RATE_KEYS);
        let per_token = RateLimit::new(clock, limits.enrolments_per_token_per_minute, MINUTE, RATE_KEYS);
        let (refused, per_token) = (Arc::new(refused), Arc::new(per_token));
        Self { engine, authority, entropy, agent_url: agent_url.into(), refusals, refused, per_token }
    }
}

/// The enrolment endpoint.
pub fn enrol_router(service: EnrolService) -> Router {
    Router::new()
        .route(endpoint::ENROL, post(take_enrolment))
        .layer(CatchPanicLayer::custom(observability::answer_panic))
        .layer(middleware::from_fn(answer::finish))
        .with_state(service)
}

async fn take_enrolment(State(service): State<EnrolService>, request: Request) -> Response {
    let address = request.extensions().get::<ClientAddress>().map(|address| address.0.ip());
    match service.enrol(address, request).await {
        Ok(reply) => reply,
        Err(error) => service.refuse(address, error),
    }
}

impl EnrolService {
    /// A refusal costs the address one of its attempts; an enrolment that succeeds costs nothing, so that a hundred hosts
    /// behind one address may enrol at once and a guesser may not guess.
    fn refuse(&self, address: Option<IpAddr>, error: ApiError) -> Response {
        self.refusals.count(error.code().as_str());
        if let Some(address) = address.filter(|_| error.code() != Code::TooManyRequests) {
            let _ = self.refused.take(&address);
        }
        error.into_response()
    }

    async fn enrol(&self, address: Option<IpAddr>, request: Request) -> Result<Response, ApiError> {
        if let Some(address) = address {
            self.refused.look(&address).map_err(|wait| ApiError::too_many("too many refused enrolments from this address", wait))?;
        }
        let request_id = request_id(request.headers());
        let asked = read(request).await?;
        let key = AgentKey::from_csr(&asked.csr).map_err(|error| ApiError::new(Code::InvalidCsr, error.to_string()))?;
        let secret_hash = token::hash_of(&asked.token);
        if let Admission::New = self.admit(&asked, &secret_hash, &key)? {
            self.per_token.take(&secret_hash).map_err(|wait| ApiError::too_many("too many enrolments with this token", wait))?;
            let agent = self.certify(&asked, &key, address)?;
            let command = Command::Trust(TrustCommand::Enrol { secret_hash: secret_hash.clone(), agent: Box::new(agent) });
            self.engine.execute(EngineRequest { actor: Actor::Anonymous, request_id, idempotency_key: None, command }).await?;
        }
        // Whoever came first, the state says what was issued.
        match self.admit(&asked, &secret_hash, &key)? {
            Admission::Known(agent) => self.reply(*agent).await,
            Admission::New => Err(ApiError::internal(format!("enrolment {} left no agent", asked.enrolment_id))),
        }
    }

    fn admit(&self, asked: &EnrolRequest, secret_hash: &str, key: &AgentKey) -> Result<Admission, Rejection> {
        let now = self.engine.now();
        self.engine.read(|world| admit(world, secret_hash, &asked.enrolment_id, key.fingerprint(), now))
    }

    fn certify(&self, asked: &EnrolRequest, key: &AgentKey, address: Option<IpAddr>) -> Result<Agent, ApiError> {
        let now = self.engine.now();
        let id = AgentId(self.engine.next_bits());
        let leaf = self.authority.issue_agent(key, id, now, &*self.entropy);
        let leaf = leaf.map_err(|error| ApiError::internal(format!("certificate of {id}: {error}")))?;
        Ok(Agent {
            id,
            status: AgentStatus::Pending,
            enrolment_id: asked.enrolment_id.clone(),
            public_key: key.fingerprint().to_owned(),
            // The decision fills in the token that the secret belongs to.
            token: rollcall_domain::id::TokenId(0),
            hostname: asked.hostname.clone(),
            agent_version: asked.agent_version.clone(),
            address: address.map(|address| address.to_string()),
            enrolled_at: now,
            certificate_expires_at: leaf.expires_at,
            certificate: leaf.certificate,
            ci: None,
            revoked_because: None,
            revision: 0,
        })
    }

    /// Answers once the agent is on stable storage: a retry may see a state that is ahead of the disk.
    async fn reply(&self, agent: Agent) -> Result<Response, ApiError> {
        let mut revisions = self.engine.revisions();
        let durable = tokio::time::timeout(DURABLE_WITHIN, revisions.wait_for(|&durable| durable >= agent.revision)).await;
        if !matches!(durable, Ok(Ok(_))) {
            return Err(EngineError::Unavailable(format!("{} is not on stable storage yet", agent.id)).into());
        }
        let reply = EnrolReply {
            agent_id: agent.id,
            status: agent.status,
            certificate: agent.certificate,
            ca_certificate: self.authority.certificate_pem().to_owned(),
            agent_url: self.agent_url.to_string(),
        };
        let json = serde_json::to_vec(&reply).map_err(|error| ApiError::internal(format!("an enrolment's answer: {error}")))?;
        Ok(with_type("application/json", json))
    }
}

async fn read(request: Request) -> Result<EnrolRequest, ApiError> {
    if body::MediaType::of(request.headers())? != body::MediaType::Json {
        return Err(ApiError::new(Code::UnsupportedMediaType, "content-type must be application/json"));
    }
    body::declared_length(request.headers(), limits::ENROL_BODY_BYTES)?;
    let bytes = body::read(request, limits::ENROL_BODY_BYTES).await?;
    let asked: EnrolRequest = serde_json::from_slice(&bytes).map_err(|error| body::refuse_json(&error))?;
    check(&asked)?;
    Ok(asked)
}

fn check(asked: &EnrolRequest) -> Result<(), ApiError> {
    let id = asked.enrolment_id.as_bytes();
    if id.len() != ENROLMENT_ID_CHARS || !id.iter().all(u8::is_ascii_hexdigit) {
        return Err(ApiError::invalid("enrolment_id", format!("must be {ENROLMENT_ID_CHARS} hexadecimal digits")));
    }
    if asked.hostname.as_ref().is_some_and(|name| name.is_empty() || name.len() > HOSTNAME_BYTES) {
        return Err(ApiError::invalid("hostname", format!("must be 1 to {HOSTNAME_BYTES} bytes, or null when it is unknown")));
    }
    if asked.agent_version.is_empty() || asked.agent_version.len() > VERSION_BYTES {
        return Err(ApiError::invalid("agent_version", format!("must be 1 to {VERSION_BYTES} bytes")));
    }
    Ok(())
}
