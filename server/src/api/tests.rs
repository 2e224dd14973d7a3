//! The API in process: a real engine on the memory store, a clock that stands still, requests without a network.

mod access;
mod attachments;
mod channels;
mod charts;
mod cmdb_health;
mod collectors;
mod contacts;
mod conventions;
mod description;
mod erasure;
mod errors;
mod export;
mod feed;
mod foreign;
mod identity;
mod imports;
mod incidents;
mod inventory;
mod lifecycle;
mod mutes;
mod notifications;
mod past;
mod people;
mod problems;
mod provenance;
mod queries;
mod record_history;
mod remote_write;
mod resources;
mod rules;
mod software;

use super::{Api, Site, route};
use crate::clock::ManualClock;
use crate::collecting::Collecting;
use crate::delivery::{Dispatch, Guard, Signer, SystemNames};
use crate::engine::{Engine, EngineConfig, Executed, Request as Asked};
use crate::entropy::SeededEntropy;
use crate::refusals::Refusals;
use crate::remote_write::Remotes;
use crate::store::Store;
use crate::store::memory::MemoryStore;
use crate::token;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use rollcall_domain::actor::Role;
use rollcall_domain::trust::decide::TrustCommand;
use rollcall_domain::{Actor, Command};
use rollcall_shared::Timestamp;
use serde_json::Value;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tower::ServiceExt as _;

const NOW: Timestamp = Timestamp(1_795_235_460_000);
const DAY: Duration = Duration::from_secs(86_400);

/// A server with one token of each role.
struct Fixture {
    router: Router,
    api: Api,
    engine: Engine,
    clock: Arc<ManualClock>,
    tokens: Vec<(Role, String)>,
}

/// What came back.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Fixture {
    async fn new() -> Self {
        Self::on(Arc::new(MemoryStore::new())).await
    }

    async fn on(store: Arc<dyn Store>) -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let entropy = Arc::new(SeededEntropy::new(1));
        let engine = Engine::start(EngineConfig::default(), store, clock.clone(), entropy.clone()).unwrap();
        let mut tokens = Vec::new();
        for role in Role::ALL {
            let new = token::new_api_token(entropy.as_ref());
            let name = format!("the {}", role.as_str());
            let command = TrustCommand::CreateApiToken { secret_hash: new.secret_hash, name, role, ttl: Some(DAY) };
            run(&engine, Command::Trust(command)).await;
            tokens.push((role, new.text));
        }
        let dispatch = Dispatch::new(Signer::new([7; 32]), Guard::new(&[], Arc::new(SystemNames)));
        let site = Site {
            url: "https://rollcall.example:8443".into(),
            ca_pin: "ab".repeat(32),
            entropy,
            refusals: Refusals::default(),
            dispatch,
            remotes: Remotes::default(),
            collecting: Collecting::default(),
        };
        let api = Api::new(engine.clone(), site);
        Self { router: route(&api), api, engine, clock, tokens }
    }

    fn token(&self, role: Role) -> &str {
        &self.tokens.iter().find(|(known, _)| *known == role).unwrap().1
    }

    /// Sends it; an answer with a status that the description does not have is a failure.
    async fn send(&self, request: Request<Body>) -> Reply {
        static DOCUMENT: OnceLock<Value> = OnceLock::new();
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let reply = self.send_unseen(request).await;
        let describe = || serde_json::to_value(super::openapi::describe(super::routes::mount(&self.api)).into_openapi()).unwrap();
        let fits = |route: &&super::routes::Route| route.method == method && is_of(&path, route.path);
        if let Some(route) = super::routes::ROUTES.iter().filter(fits).min_by_key(|route| route.path.matches('{').count()) {
            let described = &DOCUMENT.get_or_init(describe)["paths"][route.path][method.to_lowercase()]["responses"];
            let status = reply.status.as_str();
            assert!(described[status].is_object(), "{method} {path} answers {status}, which is not described: {}", reply.text());
        }
        reply
    }

    async fn send_unseen(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), 64 << 20).await.unwrap().to_vec();
        Reply { status, headers, body }
    }

    /// Asks as an administrator.
    async fn get(&self, path: &str) -> Reply {
        self.send(self.ask(Role::Admin, "GET", path, &[], None)).await
    }

    /// Asks as an administrator for something else than JSON.
    async fn get_as(&self, path: &str, accept: &str) -> Reply {
        self.send(self.ask(Role::Admin, "GET", path, &[("accept", accept)], None)).await
    }

    /// Sends JSON as an administrator.
    async fn put(&self, method: &str, path: &str, headers: &[(&str, &str)], json: &str) -> Reply {
        self.send(self.ask(Role::Admin, method, path, headers, Some(json))).await
    }

    async fn post(&self, path: &str, json: &str) -> Reply {
        self.put("POST", path, &[], json).await
    }

    fn ask(&self, role: Role, method: &str, path: &str, headers: &[(&str, &str)], json: Option<&str>) -> Request<Body> {
        let mut request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, format!("Bearer {}", self.token(role)));
        if json.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(json.map_or_else(Body::empty, |json| Body::from(json.to_owned()))).unwrap()
    }
}

/// Whether a path is one of a template.
fn is_of(path: &str, template: &str) -> bool {
    let (parts, wanted) = (path.split('/'), template.split('/'));
    parts.clone().count() == wanted.clone().count() && parts.zip(wanted).all(|(part, wanted)| wanted.starts_with('{') || part == wanted)
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn items(&self) -> Vec<Value> {
        self.json()["items"].as_array().unwrap().clone()
    }

    /// Is a success.
    #[track_caller]
    fn ok(self) -> Self {
        assert!(self.status.is_success(), "{}: {}", self.status, self.text());
        self
    }

    /// Is a problem with this code, in the one media type and with a status that agrees.
    #[track_caller]
    fn refused(&self, code: &str) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}: {}", self.status, self.text());
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["type"], format!("urn:rollcall:problem:{code}"));
        assert!(!problem["detail"].as_str().unwrap().is_empty() && !problem["title"].as_str().unwrap().is_empty());
    }
}

async fn run(engine: &Engine, command: Command) -> Executed {
    engine.execute(Asked { actor: Actor::Local, request_id: None, idempotency_key: None, command }).await.unwrap()
}
