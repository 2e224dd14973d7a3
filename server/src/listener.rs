//! Our own accept loop: TLS in a task of its own per connection, so that a client that stays silent keeps nobody waiting.
//!
//! A request that reaches a router carries [`ClientAddress`] and, on the agent listener, [`Peer`]: the identity that the
//! connection's certificate proved. Nothing a client sends can set either. Every wait here has an end, every table a limit.

mod discard;

use crate::ca::agent_of;
use crate::connections::{self, Connections, Registration};
use crate::engine::Engine;
use crate::ingest::Peer;
use crate::refusals::Refusals;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Version, header};
use axum::middleware::Next;
use axum::response::Response;
use discard::Discarding;
use futures_util::StreamExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rollcall_shared::AgentId;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use tower_http::timeout::TimeoutBody;

/// A handshake takes two round trips; a client that needs longer than this is not going to finish.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// From the handshake's end to the first complete request head.
const FIRST_REQUEST: Duration = Duration::from_secs(10);

/// HTTP/1.1: from the end of one exchange to the next complete request head.
const NEXT_HEAD: Duration = Duration::from_secs(90);

/// Between two pieces of a request's body.
const BODY_PIECE: Duration = Duration::from_secs(30);

/// HTTP/2: how often a quiet connection is asked whether anybody is there, and how long the answer may take.
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));

/// HTTP/2: requests at once on one connection. A browser rarely has more than twenty.
const STREAMS: u32 = 64;

/// Bytes of a request's head.
const HEAD_BYTES: u32 = 16 << 10;

/// HTTP/2 flow control: one full inventory is a few hundred kilobytes.
const STREAM_WINDOW: u32 = 1 << 20;

/// What requests in flight get to finish when the server stops.
pub const DRAIN: Duration = Duration::from_secs(10);

/// When the process is out of descriptors, accepting fails at once and for ever: this is how long it pauses.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where a request came from, as the kernel saw it. Proxy headers are not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub SocketAddr);

/// Who may come in.
#[derive(Clone)]
pub enum Door {
    /// Anybody; who they are is the router's business.
    Open,
    /// Agents, by certificate.
    Agents {
        /// Knows who is revoked.
        engine: Engine,
        /// Where open connections are noted.
        connections: Connections,
        /// Connections of one agent.
        per_agent: usize,
    },
}

/// A bound socket and what is behind it.
pub struct Listener {
    /// For logs: `api` or `agents`.
    pub name: &'static str,
    /// Bound.
    pub socket: TcpListener,
    /// Versions, certificates, verifier.
    pub tls: Arc<rustls::ServerConfig>,
    /// What answers.
    pub router: Router,
    /// Who may come in.
    pub door: Door,
    /// Connections at once; more are closed at once, because a queue would make everybody slow.
    pub max_connections: usize,
    /// Where refusals are counted.
    pub refusals: Refusals,
}

/// One accepted connection's circumstances.
struct Visit {
    name: &'static str,
    tls: TlsAcceptor,
    router: Router,
    door: Door,
    refusals: Refusals,
    stop: CancellationToken,
    address: SocketAddr,
}

impl Listener {
    /// Accepts until `stop`, then waits until the open connections are done, [`DRAIN`] at most.
    pub async fn serve(self, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(self.max_connections));
        let visits = TaskTracker::new();
        let tls = TlsAcceptor::from(self.tls.clone());
        while let Some(accepted) = stop.run_until_cancelled(self.socket.accept()).await {
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.refusals.count("accept_failed");
                    tracing::warn!(listener = self.name, %error, "accepting a connection failed");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(place) = places.clone().try_acquire_owned() else {
                self.refusals.count("connection_limit");
                tracing::debug!(listener = self.name, %address, "closed: too many connections");
                continue;
            };
            let visit = Visit {
                name: self.name,
                tls: tls.clone(),
                router: self.router.clone(),
                door: self.door.clone(),
                refusals: self.refusals.clone(),
                stop: stop.clone(),
                address,
            };
            visits.spawn(visit.receive(stream, place));
        }
        drop(self.socket);
        visits.close();
        visits.wait().await;
    }
}

impl Visit {
    async fn receive(self, stream: TcpStream, _place: OwnedSemaphorePermit) {
        // Small answers must not wait for the acknowledgement of earlier ones.
        let _ = stream.set_nodelay(true);
        let handshake = tokio::time::timeout(HANDSHAKE, self.tls.accept(stream));
        let stream = match self.stop.run_until_cancelled(handshake).await {
            None => return,
            Some(Ok(Ok(stream))) => stream,
            Some(Ok(Err(error))) => return self.refuse("tls_handshake", &error),
            Some(Err(_)) => return self.refuse("tls_handshake_timeout", &"the handshake took too long"),
        };
        match self.admit(&stream) {
            Ok(None) => self.serve(stream, None, std::future::pending()).await,
            Ok(Some((agent, registration))) => self.serve(stream, Some(agent), registration.cut()).await,
            Err((reason, error)) => self.refuse(reason, &error),
        }
    }

    /// The agent behind the connection, with its place in the registry. It is looked up after it was registered: a revocation
    /// in between is seen by one side or the other.
    fn admit(&self, stream: &TlsStream<TcpStream>) -> Result<Option<(AgentId, Registration)>, (&'static str, String)> {
        let Door::Agents { engine, connections, per_agent } = &self.door else { return Ok(None) };
        let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).ok_or(("no_certificate", String::new()))?;
        let agent = agent_of(leaf).map_err(|error| ("certificate_identity", error.to_string()))?;
        let registration = connections.register(agent, *per_agent).map_err(|error| ("agent_connection_limit", error.to_string()))?;
        if !connections::may_connect(engine, agent) {
            return Err(("agent_revoked", format!("{agent} is revoked or unknown")));
        }
        Ok(Some((agent, registration)))
    }

    async fn serve(&self, stream: TlsStream<TcpStream>, peer: Option<AgentId>, cut: impl Future<Output = ()>) {
        let builder = protocol(stream.get_ref().1.alpn_protocol() == Some(b"h2"));
        let spoke = AtomicBool::new(false);
        let service = service_fn(|request: hyper::Request<Incoming>| {
            spoke.store(true, Ordering::Relaxed);
            self.router.clone().oneshot(self.introduce(request, peer))
        });
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let mut cut = pin!(cut);
        let mut silence = pin!(sleep(FIRST_REQUEST));
        let (mut waiting, mut draining) = (true, false);
        let mut end = pin!(async {
            self.stop.cancelled().await;
            sleep(DRAIN).await;
        });
        loop {
            tokio::select! {
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(listener = self.name, address = %self.address, error, "a connection broke");
                    }
                    return;
                }
                () = cut.as_mut() => return self.refuse("agent_revoked", &"cut"),
                () = end.as_mut() => return,
                () = silence.as_mut(), if waiting => {
                    waiting = false;
                    if !spoke.load(Ordering::Relaxed) {
                        return self.refuse("no_request", &"no request after the handshake");
                    }
                }
                () = self.stop.cancelled(), if !draining => {
                    draining = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    fn introduce(&self, request: hyper::Request<Incoming>, peer: Option<AgentId>) -> Request {
        // Who asks whether to send a body does not send it after a refusal, and there is no rest to wait for.
        let sends_anyway = request.version() == Version::HTTP_2 || !request.headers().contains_key(header::EXPECT);
        let mut request = request.map(|body| match sends_anyway {
            true => Body::new(TimeoutBody::new(BODY_PIECE, Discarding::new(body))),
            false => Body::new(TimeoutBody::new(BODY_PIECE, body)),
        });
        request.extensions_mut().insert(ClientAddress(self.address));
        if let Some(agent) = peer {
            request.extensions_mut().insert(Peer(agent));
        }
        request
    }

    fn refuse(&self, reason: &'static str, error: &dyn std::fmt::Display) {
        self.refusals.count(reason);
        tracing::debug!(listener = self.name, address = %self.address, reason, %error, "connection refused");
    }
}

/// One HTTP version, as TLS negotiated it: guessing it from the first bytes would need a time-out of its own.
fn protocol(two: bool) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(NEXT_HEAD).max_buf_size(64 << 10);
    let mut http2 = builder.http2();
    http2.timer(TokioTimer::new()).keep_alive_interval(PING.0).keep_alive_timeout(PING.1);
    http2.max_concurrent_streams(STREAMS).max_header_list_size(HEAD_BYTES);
    http2.initial_stream_window_size(STREAM_WINDOW).initial_connection_window_size(STREAM_WINDOW);
    if two { builder.http2_only() } else { builder.http1_only() }
}

/// Ends event streams when the server stops: they never end by themselves, and a drain would wait for them in vain.
pub async fn end_streams(State(stop): State<CancellationToken>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let endless = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    if !endless {
        return response;
    }
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(stop.cancelled_owned())))
}

#[cfg(test)]
mod tests;
