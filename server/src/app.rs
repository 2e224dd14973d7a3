//! The composition root: the only place that knows all the parts.
//!
//! Configuration → authority and TLS → store → engine → sockets → routers → listeners. Stopping goes the other way: listeners
//! accept nothing more, requests in flight finish, then the engine, then the store. One token tells everybody.

use crate::acknowledge::{self, AcknowledgeService};
use crate::admin::{self, TokenMaker};
use crate::api;
use crate::ca::{self, Authority, CaError};
use crate::clock::Clock;
use crate::collecting::Collecting;
use crate::config::Config;
use crate::connections::{self, Connections};
use crate::data_directory::{self, DataDirectory, DirectoryError, Secrecy};
use crate::delivery::{Courier, Dispatch, Guard, KeyError, MailSender, Sender, Signer, SystemNames};
use crate::engine::{Engine, EngineConfig, Retention, StartError};
use crate::entropy::Entropy;
use crate::foreign::{self, ForeignService};
use crate::ingest::{self, EnrolService, enrol::EnrolParts};
use crate::listener::{self, Door, Listener};
use crate::observability::{self, Companion};
use crate::refusals::Refusals;
use crate::remote_write::Remotes;
use crate::store::sled::SledStore;
use crate::store::{Store, StoreError};
use crate::tls::{self, TlsError};
use axum::{Extension, Router, middleware};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Files.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Certificates.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] StartError),
    /// The key of channels' secrets.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// An address.
    #[error("{what} {address}: {cause}")]
    Bind {
        /// Configuration key.
        what: &'static str,
        /// Its value.
        address: String,
        /// What the kernel said.
        cause: std::io::Error,
    },
    /// A thread ended that must not.
    #[error("starting: {0}")]
    Broken(String),
}

/// Time and randomness.
#[derive(Clone)]
pub struct Environment {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where secrets come from.
    pub entropy: Arc<dyn Entropy>,
}

/// A server that runs.
pub struct Server {
    /// Where the API really listens.
    pub api: SocketAddr,
    /// Where agents are really listened for.
    pub agents: SocketAddr,
    /// The engine, for tests and tools in the same process.
    pub engine: Engine,
    /// Refusals so far.
    pub refusals: Refusals,
    /// Makes tokens.
    pub tokens: TokenMaker,
    directory: DataDirectory,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Runs a server until it is told to stop by a signal.
///
/// # Errors
/// When it does not start.
pub async fn run(config: Config, environment: Environment) -> Result<(), AppError> {
    let directory = DataDirectory::open(&config.data)?;
    raise_descriptor_limit();
    let path = directory.store();
    let store =
        tokio::task::spawn_blocking(move || SledStore::open(&path)).await.map_err(|error| AppError::Broken(error.to_string()))??;
    let broken = |cause: std::io::Error| AppError::Broken(format!("signals: {cause}"));
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate()).map_err(broken)?, signal(SignalKind::interrupt()).map_err(broken)?);
    let server = Server::start(config, Arc::new(store), environment).await?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    server.stop().await;
    Ok(())
}

impl Server {
    /// Starts everything on an open store.
    ///
    /// # Errors
    /// When a part does not start; nothing keeps running then.
    pub async fn start(config: Config, store: Arc<dyn Store>, environment: Environment) -> Result<Self, AppError> {
        let directory = DataDirectory::open(&config.data)?;
        // Whoever waits for this file must not find that of a server which was killed. The caller holds the store.
        let _ = std::fs::remove_file(directory.run_file());
        let authority = Arc::new(Authority::open(&directory)?);
        let now = environment.clock.now();
        let identity = authority.server_identity(&directory, &certificate_names(&config), now, &*environment.entropy)?;
        if identity.renewed {
            tracing::info!(path = %directory.server_identity().display(), "made a new certificate for this server");
        }
        let api_tls = tls::api(&identity, environment.clock.clone())?;
        let agent_tls = tls::agents(&identity, &authority, environment.clock.clone())?;
        let signer = Signer::open(&directory, &*environment.entropy)?;
        let dispatch = Dispatch::new(signer, Guard::new(&config.delivery_networks, Arc::new(SystemNames)))
            .with_files(config.credential_files.clone())
            .with_links(config.public_url.as_deref());
        let engine = start_engine(&config, store, &environment).await?;
        let bound = async { Ok::<_, AppError>((bind("listen", config.listen).await?, bind("agent_listen", config.agent_listen).await?)) };
        let parts = match bound.await {
            Ok((api_socket, agent_socket)) => {
                Parts { config, environment, directory, authority, engine, dispatch, api_socket, agent_socket, api_tls, agent_tls }
            }
            Err(error) => {
                engine.shutdown().await;
                return Err(error);
            }
        };
        let engine = parts.engine.clone();
        match parts.serve() {
            Ok(server) => Ok(server),
            Err(error) => {
                engine.shutdown().await;
                Err(error)
            }
        }
    }

    /// Stops accepting, lets requests in flight finish, then stops the engine.
    pub async fn stop(self) {
        tracing::info!("stopping");
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.engine.shutdown().await;
        for path in [self.directory.run_file(), self.directory.admin_socket()] {
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::debug!(path = %path.display(), %error, "nothing to remove");
            }
        }
        tracing::info!("stopped");
    }
}

/// Everything that was opened and not yet put to work.
struct Parts {
    config: Config,
    environment: Environment,
    directory: DataDirectory,
    authority: Arc<Authority>,
    engine: Engine,
    dispatch: Dispatch,
    api_socket: TcpListener,
    agent_socket: TcpListener,
    api_tls: Arc<rustls::ServerConfig>,
    agent_tls: Arc<rustls::ServerConfig>,
}

impl Parts {
    fn serve(self) -> Result<Server, AppError> {
        let (api, agents) = (local(&self.api_socket)?, local(&self.agent_socket)?);
        let hostname = hostname();
        let api_url = self.config.public_url(api.port(), hostname.as_deref());
        let agent_url = self.config.agent_url(agents.port(), hostname.as_deref());
        let (stop, tasks, refusals, open) = (CancellationToken::new(), TaskTracker::new(), Refusals::default(), Connections::default());
        let tokens = TokenMaker {
            engine: self.engine.clone(),
            entropy: self.environment.entropy.clone(),
            ca_pin: self.authority.pin().to_owned(),
            url: api_url.clone(),
        };
        let admin_path = self.directory.admin_socket();
        let admin_socket = admin::bind(&admin_path).map_err(|cause| AppError::Bind {
            what: "the local socket",
            address: admin_path.display().to_string(),
            cause,
        })?;
        write_run_file(&self.directory, api, agents)?;
        let remotes = Remotes::new(&self.config.remote_writes);
        let (api_router, agent_router) =
            (self.api_router((&api_url, &agent_url), &refusals, &remotes, &stop), self.agent_router(&refusals));
        let limits = self.config.limits;
        let api_listener = Listener {
            name: "api",
            socket: self.api_socket,
            tls: self.api_tls,
            router: api_router,
            door: Door::Open,
            max_connections: limits.api_connections as usize,
            refusals: refusals.clone(),
        };
        let per_agent = limits.connections_per_agent as usize;
        let agent_listener = Listener {
            name: "agents",
            socket: self.agent_socket,
            tls: self.agent_tls,
            router: agent_router,
            door: Door::Agents { engine: self.engine.clone(), connections: open.clone(), per_agent },
            max_connections: limits.agent_connections as usize,
            refusals: refusals.clone(),
        };
        tasks.spawn(api_listener.serve(stop.clone()));
        tasks.spawn(agent_listener.serve(stop.clone()));
        tasks.spawn(connections::follow(self.engine.clone(), open, stop.clone()));
        let courier = Courier {
            engine: self.engine.clone(),
            clock: self.environment.clock.clone(),
            sender: Sender::new(self.dispatch.guard.clone()),
            mails: MailSender::new(self.dispatch.guard.clone()),
            dispatch: self.dispatch.clone(),
            show: api::show_to_outsiders,
        };
        tasks.spawn(courier.run(stop.clone()));
        tasks.spawn(remotes.run(self.engine.clone(), self.dispatch.guard.clone(), stop.clone()));
        tasks.spawn(admin::serve(admin_socket, tokens.clone(), stop.clone()));
        tracing::info!("ready api={api_url} agents={agent_url}");
        Ok(Server { api, agents, engine: self.engine, refusals, tokens, directory: self.directory, stop, tasks })
    }

    fn api_router(&self, (api_url, agent_url): (&str, &str), refusals: &Refusals, remotes: &Remotes, stop: &CancellationToken) -> Router {
        let enrolment = EnrolService::new(EnrolParts {
            engine: self.engine.clone(),
            authority: self.authority.clone(),
            clock: self.environment.clock.clone(),
            entropy: self.environment.entropy.clone(),
            agent_url: agent_url.to_owned(),
            refusals: refusals.clone(),
            limits: self.config.limits,
        });
        let collecting = Collecting::default();
        let site = api::Site {
            url: api_url.to_owned(),
            ca_pin: self.authority.pin().to_owned(),
            entropy: self.environment.entropy.clone(),
            refusals: refusals.clone(),
            dispatch: self.dispatch.clone(),
            remotes: remotes.clone(),
            collecting: collecting.clone(),
        };
        let router = api::router(self.engine.clone(), site)
            .merge(ingest::enrol_router(enrolment))
            .merge(acknowledge::router(AcknowledgeService::new(
                self.engine.clone(),
                self.dispatch.links.clone(),
                self.environment.clock.clone(),
            )))
            .merge(foreign::router(ForeignService::new(self.engine.clone(), self.environment.clock.clone(), refusals.clone(), collecting)))
            .layer(Extension(refusals.clone()))
            .layer(CatchPanicLayer::custom(observability::answer_panic))
            .layer(middleware::from_fn_with_state(stop.clone(), listener::end_streams));
        self.accompanied(router)
    }

    fn agent_router(&self, refusals: &Refusals) -> Router {
        let memory = self.config.limits.ingest_memory_mib;
        self.accompanied(ingest::agent_router(self.engine.clone(), self.environment.clock.clone(), refusals.clone(), memory))
    }

    fn accompanied(&self, router: Router) -> Router {
        let companion = Companion { clock: self.environment.clock.clone(), entropy: self.environment.entropy.clone() };
        router.layer(middleware::from_fn_with_state(companion, observability::accompany))
    }
}

/// A connection is a descriptor, and the usual soft limit of 1,024 is far below what the hard limit allows.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// Starts the engine on a thread that may block: a replay reads the whole log.
///
/// # Errors
/// The engine's.
pub async fn start_engine(config: &Config, store: Arc<dyn Store>, environment: &Environment) -> Result<Engine, AppError> {
    let Environment { clock, entropy } = environment.clone();
    let settings = engine_config(config);
    let started = tokio::task::spawn_blocking(move || Engine::start(settings, store, clock, entropy)).await;
    Ok(started.map_err(|error| AppError::Broken(error.to_string()))??)
}

fn engine_config(config: &Config) -> EngineConfig {
    let days = |days: u32| Duration::from_secs(u64::from(days) * 86_400);
    let retention = Retention {
        raw: days(config.raw_samples_days),
        five_minutes: days(config.five_minute_samples_days),
        hours: days(config.hourly_samples_days),
    };
    EngineConfig { retention, ..EngineConfig::default() }
}

async fn bind(what: &'static str, address: SocketAddr) -> Result<TcpListener, AppError> {
    TcpListener::bind(address).await.map_err(|cause| AppError::Bind { what, address: address.to_string(), cause })
}

fn local(socket: &TcpListener) -> Result<SocketAddr, AppError> {
    socket.local_addr().map_err(|cause| AppError::Bind { what: "a bound socket", address: "its own".into(), cause })
}

fn write_run_file(directory: &DataDirectory, api: SocketAddr, agents: SocketAddr) -> Result<(), DirectoryError> {
    let content = serde_json::json!({ "api": api, "agents": agents, "pid": std::process::id() });
    data_directory::write_atomically(&directory.run_file(), format!("{content}\n").as_bytes(), Secrecy::Open)
}

/// Every name under which clients may reach this server.
#[must_use]
pub fn certificate_names(config: &Config) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    names.extend(config.names.iter().cloned());
    names.extend(hostname().filter(|name| ca::is_name(name)));
    let bound = [config.listen.ip(), config.agent_listen.ip()];
    names.extend(bound.iter().filter(|address| !address.is_unspecified()).map(ToString::to_string));
    let urls = [&config.public_url, &config.agent_url];
    let hosts = urls.into_iter().flatten().filter_map(|url| url.parse::<axum::http::Uri>().ok()?.host().map(str::to_owned));
    names.extend(hosts.map(|host| host.trim_matches(['[', ']']).to_owned()).filter(|host| ca::is_name(host)));
    names
}

/// What the machine calls itself.
#[must_use]
pub fn hostname() -> Option<String> {
    rustix::system::uname().nodename().to_str().ok().filter(|name| !name.is_empty() && *name != "(none)").map(str::to_owned)
}
