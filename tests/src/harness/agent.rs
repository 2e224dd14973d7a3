//! A real agent in a state directory of its own, describing the machine that the test runs on.

use super::binaries;
use super::process::Process;
use super::server::{Server, rollcall_agent, succeed, text};
use anyhow::{Context, Result, ensure};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// An enrolled agent.
pub struct Agent {
    state: PathBuf,
    process: Option<Process>,
}

impl Agent {
    /// Enrols with a fresh token that needs no approval; starts nothing.
    ///
    /// # Errors
    /// When enrolment fails.
    pub fn enrol(parent: &Path, server: &Server) -> Result<Self> {
        Self::enrol_with(parent, &server.url(), &server.join_token(1)?)
    }

    /// Enrols with a token.
    ///
    /// # Errors
    /// When enrolment fails.
    pub fn enrol_with(parent: &Path, url: &str, token: &str) -> Result<Self> {
        let state = parent.join("agent");
        let file = parent.join("join.token");
        write_private(&file, token)?;
        succeed(rollcall_agent(&["enrol", "--server", url, "--token-file", text(&file)?, "--state", text(&state)?])?)?;
        Ok(Self { state, process: None })
    }

    /// Writes its configuration, `agent.toml` in the state directory.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn configure(&self, toml: &str) -> Result<()> {
        write_private(&self.state.join("agent.toml"), toml)
    }

    /// Samples and pushes every `interval` seconds.
    ///
    /// # Errors
    /// When the configuration cannot be written.
    pub fn hurry(&self, interval: f64) -> Result<()> {
        self.configure(&format!("sample_interval_seconds = {interval:?}\npush_interval_seconds = {interval:?}\n"))
    }

    /// Starts it.
    ///
    /// # Errors
    /// When it runs already or cannot be started.
    pub fn run(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "the agent runs already");
        let log = self.state.with_extension("log");
        self.process = Some(Process::start(&binaries().agent, &["run", "--state", text(&self.state)?], &log)?);
        Ok(())
    }

    /// Starts it by a program that is given its command line, with a variable of the environment.
    ///
    /// # Errors
    /// When it runs already or cannot be started.
    pub fn run_by(&mut self, program: &Path, variable: Option<(&str, &Path)>) -> Result<()> {
        ensure!(self.process.is_none(), "the agent runs already");
        let log = self.state.with_extension("log");
        let arguments = [text(&binaries().agent)?, "run", "--state", text(&self.state)?];
        self.process = Some(Process::start_with(program, &arguments, &log, variable)?);
        Ok(())
    }

    /// Its process.
    ///
    /// # Errors
    /// When it does not run.
    pub fn process(&mut self) -> Result<&mut Process> {
        self.process.as_mut().context("the agent does not run")
    }

    /// kill -9.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().context("the agent does not run")?.kill()
    }

    /// Asks it to end and waits until it did, with exit code 0.
    ///
    /// # Errors
    /// When it does not run, does not end in time, or fails.
    pub fn stop(&mut self) -> Result<()> {
        let mut process = self.process.take().context("the agent does not run")?;
        let status = process.terminate()?;
        ensure!(status.success(), "the agent stopped with {status}\n{}", process.tail());
        Ok(())
    }

    /// Its state directory.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }
}

/// Writes a file that only its owner may read.
///
/// # Errors
/// When it cannot be written.
pub fn write_private(path: &Path, content: &str) -> Result<()> {
    let options = &mut std::fs::OpenOptions::new();
    let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(path).with_context(|| path.display().to_string())?;
    Ok(file.write_all(content.as_bytes())?)
}
