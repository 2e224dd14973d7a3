//! `rollcall-agent status`: what the state directory tells, without disturbing the agent that runs there.

use super::CliError;
use crate::clock::{Clock, SystemClock};
use crate::identity::{AGENT_FILE, AgentFile, CERTIFICATE_FILE, IdentityError};
use crate::render;
use crate::run::status::{STATUS_FILE, Status};
use crate::state;
use clap::{Args, ValueEnum};
use rollcall_shared::Timestamp;
use serde::de::DeserializeOwned;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// State directory of an enrolled agent.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// How to show it.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

pub(super) fn show_status(args: &StatusArgs, out: &mut impl Write) -> Result<(), CliError> {
    let standing = read(&args.state)?;
    match args.format {
        Format::Table => write!(out, "{}", render::status_table(&standing, SystemClock::new().now().wall))?,
        Format::Json => writeln!(out, "{:#}", render::status_json(&standing))?,
    }
    Ok(())
}

/// What is known of the agent of a state directory.
pub(super) fn read(directory: &Path) -> Result<render::Standing, CliError> {
    if !directory.is_dir() {
        return Err(CliError::Directory { path: directory.to_owned(), why: "no such state directory; enrol first" });
    }
    let agent: AgentFile = json(directory, AGENT_FILE)?.ok_or_else(|| IdentityError::NotEnrolled { path: directory.to_owned() })?;
    let status: Option<Status> = json(directory, STATUS_FILE)?;
    let is_running = status.as_ref().is_some_and(|status| is_agent(status.pid));
    let certificate = state::read_bounded(&directory.join(CERTIFICATE_FILE))?;
    Ok(render::Standing { agent, status, is_running, certificate_ends_at: certificate.as_deref().and_then(not_after) })
}

fn json<T: DeserializeOwned>(directory: &Path, name: &str) -> Result<Option<T>, CliError> {
    let path = directory.join(name);
    let Some(text) = state::read_bounded(&path)? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|error| CliError::File { path, why: error.to_string() })
}

/// Whether a process is there and is this program: numbers are given anew.
fn is_agent(pid: u32) -> bool {
    let own = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    own(&pid.to_string()).is_some_and(|name| Some(name) == own("self"))
}

/// When a PEM certificate ends.
fn not_after(pem: &str) -> Option<Timestamp> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok()?;
    Some(Timestamp(pem.parse_x509().ok()?.validity().not_after.timestamp().saturating_mul(1000)))
}
