//! Other people's agents and monitoring: GLPI's, OCS Inventory's, FusionInventory's, an Alertmanager, OpenTelemetry's collector, Prometheus.
//! On the API listener, because they have no certificate.
//!
//! They speak for whoever holds their feed's secret, never for one machine: which machine it is, identification decides, and
//! what they say counts less than what an agent of ours says. This module bounds, decodes and answers in their words; what an
//! inventory means is the domain's business. It must never import the API or the ingest: three trust domains.
//!
//! Order of the walls: the rate of refusals, the secret, the rate of requests, the declared length, the memory budget, the bytes
//! that come, the bytes that they expand to, the values in them. Nothing is decoded for somebody who is not let in.

mod access;
mod alertmanager;
mod body;
mod collect;
pub mod description;
mod otlp;
mod prometheus;
mod refusal;
#[cfg(test)]
mod scene;
mod wire;

use crate::answer::{self, ApiError, Code};
use crate::clock::Clock;
use crate::collecting::Collecting;
use crate::engine::{DeliveredSection, Delivery, Engine, EngineError, Request as EngineRequest};
use crate::inventory_format::convert::{Extent, Inventory, convert};
use crate::inventory_format::{Message, json, xml};
use crate::listener::ClientAddress;
use crate::observability;
use crate::rate_limit::RateLimit;
use crate::refusals::Refusals;
use access::Credential;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Router, middleware};
use body::{Form, Intake, Packing, Undecoded};
use collect::Collect;
use rollcall_domain::ci::{CiCommand, DeadLetterCode, Reporter};
use rollcall_domain::trust::decide::TrustCommand;
use rollcall_domain::trust::feed::{FeedKind, authenticate};
use rollcall_domain::{Actor, Command, Rejection};
use serde_json::{Value, json as object};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;

/// Where these agents look for their servers. The slash at the end is part of what people configure.
pub const PATHS: [&str; 7] =
    ["/glpi", "/glpi/", "/front/inventory.php", "/ocsinventory", "/ocsinventory/", "/plugins/fusioninventory", "/plugins/fusioninventory/"];

/// Says that an agent speaks GLPI's JSON, whatever its first message looks like.
const GLPI_AGENT: &str = "glpi-agent-id";

/// Hours until an agent is expected again.
const HOURS: u64 = 24;

/// What GLPI's agents take for a server that they can talk to.
const GLPI_VERSION: &str = "10.0.17";

const MINUTE: Duration = Duration::from_secs(60);

/// Refused requests of one address in a minute: guessing 256 bits needs more, mistyping less.
const REFUSED_PER_MINUTE: u32 = 30;

/// Requests of one address in a minute. A site behind one address has some hundred machines, which choose their times by chance.
const REQUESTS_PER_ADDRESS: u32 = 600;

/// Requests of one feed in a minute: 100,000 machines that report twice a day make 140, with what surrounds an inventory 420.
const REQUESTS_PER_FEED: u32 = 3_000;

/// Refusals written to the audit log in a minute, of strangers and of each feed; the rest is counted only, so that nobody can fill the disk by being refused.
const AUDITED_PER_MINUTE: u32 = 60;

/// Addresses remembered for rates: a few megabytes.
const ADDRESSES: usize = 50_000;

/// What the handlers share.
#[derive(Clone)]
pub struct ForeignService {
    engine: Engine,
    intake: Intake,
    refusals: Refusals,
    limits: Arc<Limits>,
    collect: Arc<Collect>,
}

struct Limits {
    refused: RateLimit<IpAddr>,
    by_address: RateLimit<IpAddr>,
    by_feed: RateLimit<String>,
    audited: RateLimit<()>,
    set_aside: RateLimit<String>,
}

impl ForeignService {
    /// A service with empty rate limits.
    #[must_use]
    pub fn new(engine: Engine, clock: Arc<dyn Clock>, refusals: Refusals, collecting: Collecting) -> Self {
        let collect = Arc::new(Collect::new(&clock, collecting, ADDRESSES));
        let limits = Limits {
            refused: RateLimit::new(clock.clone(), REFUSED_PER_MINUTE, MINUTE, ADDRESSES),
            by_address: RateLimit::new(clock.clone(), REQUESTS_PER_ADDRESS, MINUTE, ADDRESSES),
            by_feed: RateLimit::new(clock.clone(), REQUESTS_PER_FEED, MINUTE, ADDRESSES),
            audited: RateLimit::new(clock.clone(), AUDITED_PER_MINUTE, MINUTE, 1),
            set_aside: RateLimit::new(clock, AUDITED_PER_MINUTE, MINUTE, ADDRESSES),
        };
        Self { engine, intake: Intake::default(), refusals, limits: Arc::new(limits), collect }
    }
}

/// The endpoints of other people's agents.
pub fn router(service: ForeignService) -> Router {
    PATHS
        .iter()
        .fold(Router::new(), |router, path| router.route(path, post(take)))
        .route(alertmanager::PATH, post(alertmanager::take))
        .route(otlp::PATH, post(otlp::take))
        .route(prometheus::PATH, post(prometheus::take))
        .layer(CatchPanicLayer::custom(observability::answer_panic))
        .layer(middleware::from_fn(answer::finish))
        .with_state(service)
}

async fn take(State(service): State<ForeignService>, request: Request) -> Response {
    let answered = service.take(request).await;
    answered.unwrap_or_else(|error| {
        service.refusals.count(error.code().as_str());
        error.into_response()
    })
}

/// The feed that a request speaks for.
struct Speaker {
    name: String,
    kind: FeedKind,
    request_id: Option<String>,
}

impl Speaker {
    /// Whether the feed is of a kind that brings such.
    fn must(&self, brings: bool, what: &str) -> Result<(), ApiError> {
        let reason = || format!("feed {} is of kind {}, which brings no {what}", self.name, self.kind.as_str());
        if brings { Ok(()) } else { Err(ApiError::new(Code::Forbidden, reason())) }
    }
}

/// Why a feed that was let in was not answered, and which machine it spoke of as far as that is known.
struct Unheard {
    error: Box<ApiError>,
    device: Option<String>,
}

impl From<ApiError> for Unheard {
    fn from(error: ApiError) -> Self {
        Self { error: Box::new(error), device: None }
    }
}

impl From<Undecoded> for Unheard {
    fn from(Undecoded { error, device }: Undecoded) -> Self {
        Self { error, device }
    }
}

/// A message with how it came and how its answer goes.
struct Received {
    message: Message,
    form: Form,
    packing: Packing,
}

impl ForeignService {
    async fn take(&self, request: Request) -> Result<Response, ApiError> {
        let address = request.extensions().get::<ClientAddress>().map(|address| address.0.ip());
        let speaks_glpi = request.headers().contains_key(GLPI_AGENT);
        let Some(credential) = Credential::of(request.headers()) else {
            // Agents send everything once without, to be asked: an answer that cuts their body short would be lost.
            self.intake.discard(request).await;
            return Err(ApiError::new(Code::Unauthenticated, "this needs a feed's name and secret").asking_for_basic());
        };
        let speaker = self.admit(&credential, address, request.headers(), request.uri().path()).await?;
        match self.hear(&speaker, request, speaks_glpi).await {
            Ok(answered) => Ok(answered),
            Err(Unheard { error, device }) => {
                self.set_aside(&speaker, device, &error).await;
                Err(*error)
            }
        }
    }

    /// The answer to a feed that was let in.
    async fn hear(&self, speaker: &Speaker, request: Request, speaks_glpi: bool) -> Result<Response, Unheard> {
        speaker.must(speaker.kind.brings_inventories(), "inventories")?;
        let received = self.intake.read(request, |bytes, form| match form {
            Form::Json => json::read(bytes),
            Form::Xml => xml::read(bytes),
        });
        let (message, form, packing) = received.await?;
        let device = message.device.clone();
        let answered = self.answer(speaker, Received { message, form, packing }, speaks_glpi).await;
        answered.map_err(|error| Unheard { error: Box::new(error), device })
    }

    /// What a feed was refused is a dead letter, so that people see it: agents of others tell nobody. What the server cannot take
    /// just now comes again, and of an older inventory than is known nothing is lost.
    async fn set_aside(&self, speaker: &Speaker, device: Option<String>, error: &ApiError) {
        let code = match error.code() {
            Code::TooManyRequests | Code::Unavailable | Code::Internal | Code::Conflict => return,
            Code::MalformedInventory => DeadLetterCode::MalformedInventory,
            Code::Forbidden => DeadLetterCode::Forbidden,
            _ => DeadLetterCode::ReportRefused,
        };
        if self.limits.set_aside.take(&speaker.name).is_err() {
            return;
        }
        let (answered, reason) = (error.code().as_str().to_owned(), error.detail().to_owned());
        let (feed, key) = (speaker.name.clone(), device.unwrap_or_default());
        let command = Command::Ci(CiCommand::SetAside { feed: feed.clone(), key, code, answered, reason });
        let request =
            EngineRequest { actor: Actor::Feed { name: feed }, request_id: speaker.request_id.clone(), idempotency_key: None, command };
        if let Err(error) = self.engine.execute(request).await {
            tracing::warn!(%error, "a refused inventory could not be set aside");
        }
    }

    async fn admit(&self, credential: &Credential, address: Option<IpAddr>, headers: &HeaderMap, path: &str) -> Result<Speaker, ApiError> {
        let speaker = self.recognise(credential, address, headers, path).await?;
        limit(&self.limits.by_address, &self.limits.by_feed, address, &speaker)?;
        Ok(speaker)
    }

    /// As [`ForeignService::admit`], by the rates of who sends all the time.
    async fn admit_collector(
        &self,
        credential: &Credential,
        address: Option<IpAddr>,
        headers: &HeaderMap,
        path: &str,
    ) -> Result<Speaker, ApiError> {
        let speaker = self.recognise(credential, address, headers, path).await?;
        limit(&self.collect.by_address, &self.collect.by_feed, address, &speaker)?;
        Ok(speaker)
    }

    async fn recognise(
        &self,
        credential: &Credential,
        address: Option<IpAddr>,
        headers: &HeaderMap,
        path: &str,
    ) -> Result<Speaker, ApiError> {
        let request_id = headers.get(answer::REQUEST_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
        if let Some(address) = address {
            self.limits.refused.look(&address).map_err(|wait| ApiError::too_many("too many refused requests from this address", wait))?;
        }
        let now = self.engine.now();
        let found = self.engine.read(|world| {
            let feed = authenticate(world, credential.name.as_deref(), &credential.secret_hash, address, now)?;
            Ok::<_, Rejection>((feed.name.to_string(), feed.kind))
        });
        if let Ok((name, kind)) = found {
            return Ok(Speaker { name, kind, request_id });
        }
        if let Some(address) = address {
            let _ = self.limits.refused.take(&address);
        }
        let claim: String = credential.name.as_deref().unwrap_or("a bearer token").chars().take(64).collect();
        let detail = format!("POST {path} as feed {claim:?} without a valid secret");
        self.audit(Actor::Anonymous, Code::Unauthenticated, detail, request_id).await;
        Err(ApiError::new(Code::Unauthenticated, "the feed's name or secret is not valid").asking_for_basic())
    }

    fn count_refusal(&self, code: Code) {
        self.refusals.count(code.as_str());
    }

    async fn answer(&self, speaker: &Speaker, received: Received, speaks_glpi: bool) -> Result<Response, ApiError> {
        let Received { message, form, packing } = received;
        if form == Form::Json && speaker.kind != FeedKind::Glpi {
            return Err(ApiError::new(
                Code::Forbidden,
                format!("feed {} is of kind {}, whose agents send XML", speaker.name, speaker.kind.as_str()),
            ));
        }
        match (form, message.action.as_str()) {
            (Form::Json, "contact") => Ok(answer::json(&welcome())),
            (Form::Xml, "prolog") if speaks_glpi => Ok(answer::json(&welcome())),
            (Form::Xml, "prolog") => packing.answer(&format!("<REPLY><PROLOG_FREQ>{HOURS}</PROLOG_FREQ><RESPONSE>SEND</RESPONSE></REPLY>")),
            (Form::Json, "inventory") => {
                let refused = self.deliver(speaker, message).await?;
                refused.map_or_else(
                    || Ok(answer::json(&object!({ "status": "ok", "expiration": HOURS }))),
                    |reason| Ok(refusal::json(&reason)),
                )
            }
            (Form::Xml, "inventory") => {
                let refused = self.deliver(speaker, message).await?;
                refused.map_or_else(
                    || packing.answer("<REPLY><RESPONSE>NO_ACCOUNT_UPDATE</RESPONSE></REPLY>"),
                    |reason| refusal::xml(&reason, packing),
                )
            }
            (_, action) => {
                let action: String = action.chars().take(64).collect();
                Err(ApiError::new(
                    Code::UnsupportedAction,
                    format!("the action {action:?} is not done here; contact, prolog and inventory are"),
                ))
            }
        }
    }

    /// Takes an inventory in; why it was set aside when nothing of it counts.
    async fn deliver(&self, speaker: &Speaker, message: Message) -> Result<Option<String>, ApiError> {
        let (Some(key), Some(content)) = (message.device, message.content) else {
            return Err(ApiError::new(Code::MalformedInventory, "an inventory names its device and has content"));
        };
        if let Some(kind) = message.item_type.filter(|kind| kind != "Computer") {
            let kind: String = kind.chars().take(64).collect();
            return Err(ApiError::new(
                Code::UnsupportedAction,
                format!("inventories of the item type {kind:?} are not taken; of Computer they are"),
            ));
        }
        let extent = if message.partial { Extent::Some } else { Extent::Whole };
        let converted = tokio::task::spawn_blocking(move || convert(&content, extent)).await;
        let Inventory { collected_at, sections } = converted.map_err(|error| ApiError::internal(format!("converting: {error}")))?;
        let sections = sections.into_iter().map(|collected| DeliveredSection {
            section: collected.section,
            outcome: collected.outcome,
            reason: collected.reason,
        });
        let reporter = Reporter::Feed { name: speaker.name.clone(), key: key.clone() };
        let delivery =
            Delivery { feed: speaker.name.clone(), key, former: message.former_device, collected_at, sections: sections.collect() };
        match self.engine.deliver(delivery, speaker.request_id.clone()).await {
            Ok(_) => {
                let refused =
                    self.engine.read(|world| world.cmdb.refusal_of(&reporter).map(|letter| (letter.code, refusal::reason(letter))));
                Ok(refused.map(|(code, reason)| {
                    self.refusals.count(code.as_str());
                    reason
                }))
            }
            Err(error) => {
                if let EngineError::Rejected(Rejection::Conflict(reason)) = &error {
                    // Older than what is known: a note for people, and nothing that they have to do anything about.
                    let detail = format!("an inventory of feed {}: {reason}", speaker.name);
                    self.audit(Actor::Feed { name: speaker.name.clone() }, Code::Conflict, detail, speaker.request_id.clone()).await;
                }
                Err(error.into())
            }
        }
    }

    /// The refusal stands whether or not it could be written down.
    async fn audit(&self, actor: Actor, code: Code, detail: String, request_id: Option<String>) {
        if self.limits.audited.take(&()).is_err() {
            return;
        }
        let command = Command::Trust(TrustCommand::Refuse { code: code.as_str().to_owned(), detail });
        if let Err(error) = self.engine.execute(EngineRequest { actor, request_id, idempotency_key: None, command }).await {
            tracing::warn!(%error, "a refusal could not be written to the audit log");
        }
    }
}

/// One request of an address and of a feed, as far as they may have one now.
fn limit(by_address: &RateLimit<IpAddr>, by_feed: &RateLimit<String>, address: Option<IpAddr>, speaker: &Speaker) -> Result<(), ApiError> {
    if let Some(address) = address {
        by_address.take(&address).map_err(|wait| ApiError::too_many("too many requests from this address", wait))?;
    }
    by_feed.take(&speaker.name).map_err(|wait| ApiError::too_many("too many requests of this feed", wait))
}

/// The answer to an agent that asks what there is to do.
fn welcome() -> Value {
    object!({ "status": "ok", "expiration": HOURS, "tasks": { "inventory": { "server": "glpi", "version": GLPI_VERSION } } })
}

#[cfg(test)]
mod tests;
