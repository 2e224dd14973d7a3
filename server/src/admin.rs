//! The operator at the server's own machine: a Unix socket in the data directory, for the owner of the server's process and
//! root alone.
//!
//! One request a connection: a line of JSON in, a line of JSON out. What can be asked is [`Ask`] and nothing else. The same
//! [`TokenMaker`] serves the command line when no server runs.

use crate::engine::{Engine, EngineError, Request};
use crate::entropy::Entropy;
use crate::token::{self, NewToken};
use ipnet::IpNet;
use rollcall_domain::actor::Role;
use rollcall_domain::trust::decide::TrustCommand;
use rollcall_domain::trust::feed::{FeedKind, FeedName, NewFeed};
use rollcall_domain::{Actor, Command};
use serde::{Deserialize, Serialize};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Longest line either way: a join token is about 300 characters.
const LINE_BYTES: u64 = 8 << 10;

/// Both sides are on one machine; what takes longer is stuck.
const PATIENCE: Duration = Duration::from_secs(30);

/// Requests at once.
const VISITORS: usize = 4;

/// Longest path that fits a socket address (108 bytes with the final zero).
const SOCKET_PATH_BYTES: usize = 107;

/// What the operator asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// Make a join token.
    CreateJoinToken {
        /// Enrolments it is good for.
        uses: u32,
        /// How long it lives.
        ttl_s: u64,
        /// Whether its agents need no approval.
        auto_approve: bool,
    },
    /// Make an API token.
    CreateApiToken {
        /// What people call it.
        name: String,
        /// What it may do.
        role: Role,
        /// How long it lives.
        ttl_s: u64,
    },
    /// Make a feed.
    CreateFeed {
        /// Its name.
        name: FeedName,
        /// Whose agents deliver.
        kind: FeedKind,
        /// Where they may be; empty for anywhere.
        networks: Vec<IpNet>,
        /// How long it lives; for ever unless given.
        ttl_s: Option<u64>,
    },
}

/// What the operator is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// The token's text, shown once.
    Token(String),
    /// Why not.
    Error(String),
}

/// What makes tokens.
#[derive(Clone)]
pub struct TokenMaker {
    /// Remembers them.
    pub engine: Engine,
    /// Draws their secrets.
    pub entropy: Arc<dyn Entropy>,
    /// Pin of the authority that join tokens carry.
    pub ca_pin: String,
    /// Base URL of the API that join tokens carry.
    pub url: String,
}

impl TokenMaker {
    /// Makes a token and returns its text; durable when it returns.
    ///
    /// # Errors
    /// The engine's.
    pub async fn create(&self, ask: Ask) -> Result<String, EngineError> {
        let (NewToken { text, .. }, command) = match ask {
            Ask::CreateJoinToken { uses, ttl_s, auto_approve } => {
                let token = token::new_join_token(&*self.entropy, &self.ca_pin, &self.url);
                let secret_hash = token.secret_hash.clone();
                (token, TrustCommand::CreateJoinToken { secret_hash, uses, ttl: Duration::from_secs(ttl_s), auto_approve })
            }
            Ask::CreateApiToken { name, role, ttl_s } => {
                let token = token::new_api_token(&*self.entropy);
                let secret_hash = token.secret_hash.clone();
                (token, TrustCommand::CreateApiToken { secret_hash, name, role, ttl: Some(Duration::from_secs(ttl_s)) })
            }
            Ask::CreateFeed { name, kind, networks, ttl_s } => {
                let token = token::new_feed_secret(&*self.entropy);
                let (secret_hash, ttl) = (token.secret_hash.clone(), ttl_s.map(Duration::from_secs));
                (token, TrustCommand::CreateFeed(NewFeed { name, kind, secret_hash, networks, ttl }))
            }
        };
        let command = Command::Trust(command);
        self.engine.execute(Request { actor: Actor::Local, request_id: None, idempotency_key: None, command }).await?;
        Ok(text)
    }
}

/// Binds the socket, mode 0600. The caller holds the store, so a socket that is there was left by a killed server and goes.
///
/// # Errors
/// Those of the file system.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = with_short_path(path, |short| UnixListener::bind(short))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers until `stop`.
pub async fn serve(listener: UnixListener, maker: TokenMaker, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(VISITORS));
    loop {
        let Some(Ok(place)) = stop.run_until_cancelled(places.clone().acquire_owned()).await else { return };
        let Some(accepted) = stop.run_until_cancelled(listener.accept()).await else { return };
        match accepted {
            Ok((stream, _)) => {
                let maker = maker.clone();
                tokio::spawn(async move {
                    let _place = place;
                    if let Ok(Err(error)) = timeout(PATIENCE, answer(stream, &maker)).await {
                        tracing::debug!(%error, "the local socket's client went away");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accepting on the local socket failed");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn answer(mut stream: UnixStream, maker: &TokenMaker) -> io::Result<()> {
    let told = match read_ask(&mut stream).await? {
        Ok(ask) => maker.create(ask).await.map_or_else(|error| Told::Error(error.to_string()), Told::Token),
        Err(refusal) => Told::Error(refusal),
    };
    write_line(&mut stream, &told).await
}

async fn read_ask(stream: &mut UnixStream) -> io::Result<Result<Ask, String>> {
    // The directory's and the socket's modes keep others out already; a mode can be changed by mistake, a peer's id cannot.
    let (peer, own) = (stream.peer_cred()?.uid(), rustix::process::geteuid().as_raw());
    if peer != own && peer != 0 {
        tracing::warn!(peer, "refused a user on the local socket");
        return Ok(Err("only the user that runs the server, or root, may do this".into()));
    }
    let line = read_line(stream).await?;
    Ok(serde_json::from_str(&line).map_err(|error| format!("not understood: {error}")))
}

/// Asks the server that runs on a data directory; `None` when none does.
///
/// # Errors
/// A server that is there and does not answer.
pub async fn ask(path: &Path, ask: &Ask) -> io::Result<Option<Told>> {
    let path = path.to_owned();
    let connected = with_short_path(&path, |short| std::os::unix::net::UnixStream::connect(short));
    let stream = match connected {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => return Err(error),
    };
    stream.set_nonblocking(true)?;
    let mut stream = UnixStream::from_std(stream)?;
    let exchange = async {
        write_line(&mut stream, ask).await?;
        let line = read_line(&mut stream).await?;
        serde_json::from_str(&line).map(Some).map_err(io::Error::other)
    };
    timeout(PATIENCE, exchange).await.unwrap_or_else(|_| Err(io::Error::other("the server does not answer on its local socket")))
}

async fn read_line(stream: &mut UnixStream) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(stream.take(LINE_BYTES)).read_line(&mut line).await?;
    if line.ends_with('\n') { Ok(line) } else { Err(io::Error::other("an incomplete line on the local socket")) }
}

async fn write_line<T: Serialize>(stream: &mut UnixStream, value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value).map_err(io::Error::other)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

/// Calls `action` with a path to the socket that fits a socket address: through a descriptor of its directory when need be.
fn with_short_path<T>(path: &Path, action: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().len() <= SOCKET_PATH_BYTES {
        return action(path);
    }
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return action(path) };
    let directory = std::fs::File::open(directory)?;
    action(&PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name))
}

#[cfg(test)]
mod tests;
