//! A real server in a directory of its own.

use super::api::Api;
use super::clock::{self, PATIENCE};
use super::process::Process;
use super::{binaries, binaries::Binaries};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU16, Ordering};

/// What the server writes when it is ready.
#[derive(Clone, Debug, Deserialize)]
struct RunFile {
    api: String,
    agents: String,
    pid: u32,
}

/// A server. When it is dropped it is stopped, and its log is replayed: a test that leaves a broken log behind has failed.
pub struct Server {
    data: PathBuf,
    process: Option<Process>,
    api: SocketAddr,
    agents: SocketAddr,
    admin_token: String,
    check_log: bool,
}

impl Server {
    /// Makes a data directory below `parent`, starts a server on it and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be made or started.
    pub fn start(parent: &Path) -> Result<Self> {
        let mut server = Self::init(parent)?;
        server.run()?;
        Ok(server)
    }

    /// Makes a data directory below `parent` and an administrator's token; starts nothing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn init(parent: &Path) -> Result<Self> {
        let data = parent.join("server");
        let (api, agents) = (free_address()?, free_address()?);
        let (api_text, agents_text) = (api.to_string(), agents.to_string());
        succeed(rollcall_server(&["init", "--data", text(&data)?, "--listen", &api_text, "--agent-listen", &agents_text])?)?;
        let mut server = Self { data, process: None, api, agents, admin_token: String::new(), check_log: true };
        server.admin_token = server.token(&["--kind", "api", "--role", "admin"])?;
        Ok(server)
    }

    /// Starts it on its directory and waits until it is ready.
    ///
    /// # Errors
    /// When it ends, or is not ready in time.
    pub fn run(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "the server runs already");
        let log = self.data.with_extension("log");
        let mut process = Process::start(&binaries().server, &["run", "--data", text(&self.data)?], &log)?;
        let file = self.data.join("run.json");
        let ready = clock::until(PATIENCE, "the server to be ready", || {
            // A server that ended will not become ready: tell at once.
            if process.ended()?.is_some() {
                return Ok(Some(None));
            }
            let run: RunFile = serde_json::from_slice(&std::fs::read(&file)?)?;
            Ok((run.pid == process.id()).then_some(Some(run)))
        });
        let Some(run) = ready.with_context(|| process.tail())? else {
            process.ensure_alive()?;
            unreachable!("it was found to have ended");
        };
        self.api = address(&run.api)?;
        self.agents = address(&run.agents)?;
        self.process = Some(process);
        Ok(())
    }

    /// Its data directory.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Base URL of the API listener.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.api)
    }

    /// Address of the agent listener.
    #[must_use]
    pub fn agents(&self) -> SocketAddr {
        self.agents
    }

    /// The certificate authority's certificate, PEM.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn authority(&self) -> Result<Vec<u8>> {
        let path = self.data.join("ca/ca.crt");
        std::fs::read(&path).with_context(|| path.display().to_string())
    }

    /// An administrator's client.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn api(&self) -> Result<Api> {
        Api::new(&self.url(), &self.authority()?, Some(&self.admin_token))
    }

    /// A client with another token, or none.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn api_as(&self, token: Option<&str>) -> Result<Api> {
        Api::new(&self.url(), &self.authority()?, token)
    }

    /// `rollcall-server token create`; works whether the server runs or not.
    ///
    /// # Errors
    /// When the command fails.
    pub fn token(&self, arguments: &[&str]) -> Result<String> {
        let mut all = vec!["token", "create", "--data", text(&self.data)?];
        all.extend_from_slice(arguments);
        Ok(succeed(rollcall_server(&all)?)?.trim().to_owned())
    }

    /// A join token for `uses` agents that need no approval.
    ///
    /// # Errors
    /// When the command fails.
    pub fn join_token(&self, uses: u32) -> Result<String> {
        self.token(&["--kind", "join", "--uses", &uses.to_string(), "--auto-approve"])
    }

    /// Its process.
    ///
    /// # Errors
    /// When it does not run.
    pub fn process(&mut self) -> Result<&mut Process> {
        self.process.as_mut().context("the server does not run")
    }

    /// kill -9.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().context("the server does not run")?.kill()
    }

    /// Asks it to end and waits until it did, with exit code 0.
    ///
    /// # Errors
    /// When it does not run, does not end in time, or fails.
    pub fn stop(&mut self) -> Result<()> {
        let mut process = self.process.take().context("the server does not run")?;
        let status = process.terminate()?;
        ensure!(status.success(), "the server stopped with {status}\n{}", process.tail());
        Ok(())
    }

    /// `rollcall-server verify` on its directory; it must not run.
    ///
    /// # Errors
    /// When the log, the contents or the snapshot are not what was written.
    pub fn verify(&self) -> Result<String> {
        succeed(rollcall_server(&["verify", "--data", text(&self.data)?])?)
    }

    /// Leaves out the check at the end, for tests that damage the log on purpose.
    pub fn leave_log_unchecked(&mut self) {
        self.check_log = false;
    }

    fn close(&mut self) -> Result<()> {
        if self.process.is_some() {
            self.stop()?;
        }
        if self.check_log { self.verify().map(drop) } else { Ok(()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let tail = self.process.as_ref().map(Process::tail);
            crate::harness::process::tell(&tail.unwrap_or_default());
            return;
        }
        if let Err(error) = self.close() {
            panic!("the server's end: {error:#}");
        }
    }
}

/// Runs `rollcall-server` to its end.
///
/// # Errors
/// When it cannot be started.
pub fn rollcall_server(arguments: &[&str]) -> Result<Output> {
    let Binaries { server, .. } = binaries();
    Command::new(server).args(arguments).output().with_context(|| server.display().to_string())
}

/// Runs `rollcall-agent` to its end.
///
/// # Errors
/// When it cannot be started.
pub fn rollcall_agent(arguments: &[&str]) -> Result<Output> {
    let Binaries { agent, .. } = binaries();
    Command::new(agent).args(arguments).output().with_context(|| agent.display().to_string())
}

/// Standard output of a command that must have succeeded.
///
/// # Errors
/// With its standard error when it did not.
pub fn succeed(output: Output) -> Result<String> {
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the command failed: {}: {error}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// A path as text.
///
/// # Errors
/// When it is not UTF-8.
pub fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| path.display().to_string())
}

fn address(text: &str) -> Result<SocketAddr> {
    let bare = text.trim_start_matches("https://").trim_end_matches('/');
    bare.parse().with_context(|| format!("{text:?} is no address"))
}

/// A free port that stays the server's own over restarts: agents remember it. Below the kernel's ephemeral range, so that no
/// outgoing connection takes it while the server is down.
///
/// # Errors
/// When none is free.
pub fn free_address() -> Result<SocketAddr> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    let start = u16::try_from(std::process::id() % u32::from(COUNT))?;
    for _ in 0..COUNT {
        let offset = (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
        let candidate = SocketAddr::from(([127, 0, 0, 1], FIRST + offset));
        if TcpListener::bind(candidate).is_ok() {
            return Ok(candidate);
        }
    }
    anyhow::bail!("no free port")
}
