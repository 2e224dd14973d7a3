//! `rollcall-agent enrol`.

use super::{CliError, runtime};
use crate::clock::SystemClock;
use crate::enrol;
use crate::identity::{AGENT_FILE, AgentFile};
use crate::state::StateDir;
use clap::Args;
use rollcall_shared::enrol::AgentStatus;
use std::io::Write;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct EnrolArgs {
    /// Base URL of the server's API, such as `https://rollcall.example:8443`. It must show the authority that the token names.
    #[arg(long, value_name = "URL")]
    server: String,
    /// File with the join token; `-` for standard input.
    #[arg(long, value_name = "FILE|-")]
    token_file: PathBuf,
    /// State directory; made, private to this user, when it is absent.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
}

pub(super) fn enrol_here(args: &EnrolArgs, out: &mut impl Write) -> Result<(), CliError> {
    enrol::server_url(&args.server).map_err(CliError::Arguments)?;
    let state = StateDir::open(&args.state)?;
    if let Some(agent) = state.read_json::<AgentFile>(AGENT_FILE)? {
        writeln!(out, "already enrolled as {} with {}; nothing was changed", agent.agent_id, agent.server_url)?;
        writeln!(out, "to enrol anew, stop the agent, remove {} and run this again", args.state.display())?;
        return Ok(());
    }
    let token = enrol::read_token(&args.token_file).map_err(CliError::Arguments)?;
    let clock = SystemClock::new();
    let runtime = runtime()?;
    let agent = runtime.block_on(enrol::enrol(&state, &args.server, &token, &clock))?;
    runtime.shutdown_background();
    writeln!(out, "enrolled as {}", agent.agent_id)?;
    match agent.status_at_enrolment {
        AgentStatus::Approved => writeln!(out, "status: approved, its data counts from now on")?,
        AgentStatus::Pending => writeln!(
            out,
            "status: pending, an operator has to approve it on {} (console, or POST /api/v1/agents/{}/approve)",
            agent.server_url, agent.agent_id
        )?,
        AgentStatus::Suspended => writeln!(out, "status: suspended, an operator must approve this agent again before its data counts")?,
        AgentStatus::Revoked => writeln!(out, "status: revoked, the server will take nothing from it")?,
    }
    writeln!(out, "next: rollcall-agent run --state {}", args.state.display())?;
    Ok(())
}
