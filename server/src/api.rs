//! The REST interface for people and their programs.
//!
//! Handlers parse, call the engine and show what came of it: they hold no judgement and never touch a store. Which routes
//! there are, in which shape and for which roles, is one list in `routes`; statuses are chosen in [`crate::answer`].
//! Agents speak to another router on another listener: this module and that one never import each other.

mod advisories;
mod agents;
mod alerts;
mod assignment_rules;
mod attachments;
mod attributes;
mod audit;
mod bills;
mod caller;
mod changes;
mod channels;
mod cis;
mod classes;
mod cmdb_health;
mod collectors;
mod contacts;
mod dead_letters;
mod deliveries;
mod erasure;
mod escalation;
mod events;
mod export;
mod external_alerts;
mod extract;
mod feeds;
mod format;
mod gate;
mod groups;
mod history;
mod identity;
mod import;
mod imports;
mod incidents;
mod inventory;
mod locks;
mod manual;
mod metric_catalogue;
mod metrics;
mod mutes;
mod notification_routes;
mod notifications;
mod on_call;
mod openapi;
mod page;
mod parked;
mod past;
mod policy;
mod probes;
mod problems;
mod queries;
mod record_history;
mod relate;
mod relations;
mod retirement;
mod reviews;
mod routes;
mod rules;
mod samples;
mod sections;
mod selection;
mod services;
mod software;
mod software_rules;
mod sources;
mod tokens;
mod view;

use crate::answer::{self, ApiError, Code};
use crate::collecting::Collecting;
use crate::delivery::Dispatch;
use crate::engine::Engine;
use crate::entropy::Entropy;
use crate::observability;
use crate::refusals::Refusals;
use crate::remote_write::Remotes;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

pub use metrics::fleet::FleetSeries;
pub use page::LIMIT_MAX;
pub use view::record::show_to_outsiders;

/// Event streams open at once: each holds a connection and a batch of records.
const EVENT_STREAMS: usize = 256;

/// Files taken in at once: each holds its rows in memory.
const IMPORTS: usize = 2;

/// Files being attached or read at once: each is in memory as a whole, up to 10 MiB.
const ATTACHMENTS: usize = 8;

/// What join tokens tell agents of this server, and where secrets come from.
#[derive(Clone)]
pub struct Site {
    /// Base URL of the API listener, as agents reach it.
    pub url: String,
    /// SHA-256 of the certificate authority's public key (SubjectPublicKeyInfo, DER), hexadecimal.
    pub ca_pin: String,
    /// Where the secrets of new tokens come from.
    pub entropy: Arc<dyn Entropy>,
    /// Refused input of all listeners; counted here, shown by `/metrics`.
    pub refusals: Refusals,
    /// Secrets of channels, which addresses they may call, and how far they have come.
    pub dispatch: Dispatch,
    /// Where samples are pushed to, and how that goes.
    pub remotes: Remotes,
    /// What feeds measure, counted.
    pub collecting: Collecting,
}

/// What handlers share.
#[derive(Clone)]
struct Api {
    engine: Engine,
    site: Arc<Site>,
    audited: Arc<gate::Audited>,
    streams: Arc<Semaphore>,
    imports: Arc<Semaphore>,
    attachments: Arc<Semaphore>,
}

/// Everything under `/api`, and the probes.
pub fn router(engine: Engine, site: Site) -> Router {
    route(&Api::new(engine, site))
}

impl Api {
    fn new(engine: Engine, site: Site) -> Self {
        let (streams, imports) = (Arc::new(Semaphore::new(EVENT_STREAMS)), Arc::new(Semaphore::new(IMPORTS)));
        let attachments = Arc::new(Semaphore::new(ATTACHMENTS));
        Self { engine, site: Arc::new(site), audited: Arc::default(), streams, imports, attachments }
    }
}

fn route(api: &Api) -> Router {
    let (resources, document) = openapi::describe(routes::mount(api)).split_for_parts();
    Router::new()
        .merge(resources)
        .merge(openapi::interactive(document))
        .method_not_allowed_fallback(refuse_method)
        .fallback(refuse_path)
        .layer(CatchPanicLayer::custom(observability::answer_panic))
        .layer(middleware::from_fn(answer::finish))
        .layer(middleware::from_fn_with_state(api.clone(), count_and_harden))
        .with_state(api.clone())
}

async fn refuse_method() -> ApiError {
    ApiError::new(Code::MethodNotAllowed, "this method does not exist here; the Allow header lists those that do")
}

async fn refuse_path() -> ApiError {
    ApiError::new(Code::NotFound, "there is nothing at this path; /api/v1/openapi.json lists what there is")
}

/// Nothing here is ever framed, sniffed, cached or sent on.
const HARDENING: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
];

/// The interactive documentation is a script of this server that reads from this server; its widgets set inline styles.
const DOCUMENTATION_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// A file that people attached is shown by nothing and nobody: what opens it in a browser after all gets a page without rights.
const FILE_POLICY: &str = "sandbox; default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

async fn count_and_harden(State(api): State<Api>, request: Request, next: Next) -> Response {
    let documentation = request.uri().path().starts_with(openapi::DOCS);
    let mut response = next.run(request).await;
    if let Some(code) = response.extensions().get::<Code>() {
        api.site.refusals.count(code.as_str());
    }
    for (name, value) in HARDENING {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if response.extensions().get::<answer::OfPeople>().is_some() {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(FILE_POLICY));
    }
    if documentation {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(DOCUMENTATION_POLICY));
    }
    response
}

#[cfg(test)]
mod tests;
