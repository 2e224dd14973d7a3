//! The command line: what can be asked, and what is answered.

use crate::clock::{Clock, SystemClock};
use crate::collect::{COLLECTED, Runner, Setup};
use crate::config::{Config, ConfigError, LogFormat, LogLevel};
use crate::enrol::{self, EnrolError};
use crate::health::Sampler;
use crate::identity::{AGENT_FILE, AgentFile};
use crate::root::Root;
use crate::run::{self, RunError};
use crate::state::{StateDir, StateError};
use crate::{logging, render};
use clap::{Args, Parser, Subcommand, ValueEnum};
use rollcall_shared::SectionName;
use rollcall_shared::enrol::AgentStatus;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Between the two readings of `health`: rates need a distance.
const HEALTH_DISTANCE: Duration = Duration::from_secs(1);

/// Sampler, collectors and name look-ups; one more for the next.
const BLOCKING_THREADS: usize = 4;

/// Why a command failed; the text is for people.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// State directory.
    #[error(transparent)]
    State(#[from] StateError),
    /// The command line is well-formed and still asks for something impossible.
    #[error("{0}")]
    Arguments(EnrolError),
    /// Enrolment.
    #[error("enrolment failed, and can safely be tried again: {0}")]
    Enrol(#[from] EnrolError),
    /// The running agent.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A directory that is not there.
    #[error("{}: {why}", path.display())]
    Directory {
        /// As given.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
    /// The asynchronous runtime.
    #[error("cannot start: {0}")]
    Start(io::Error),
    /// Standard output.
    #[error("cannot write the result: {0}")]
    Output(#[from] io::Error),
}

impl CliError {
    /// Whether whoever read the output has seen enough, as in `rollcall-agent inventory | head`.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// Rollcall's agent: tells the server what this host is made of and how it feels.
///
/// It collects hardware and software inventory and health, keeps them on disk until the server has them, and pushes them over
/// mutual TLS. It takes no commands: there is no way for a server to make it run anything.
#[derive(Debug, Parser)]
#[command(
    name = "rollcall-agent",
    version,
    after_help = "First steps on a new host:\n  \
        rollcall-agent inventory                      what it would report; no server needed\n  \
        rollcall-agent enrol --server https://rollcall.example:8443 --token-file join.token --state /var/lib/rollcall-agent\n  \
        rollcall-agent run --state /var/lib/rollcall-agent\n\n\
        Exit codes: 0 done, 1 failed, 2 wrong usage. Errors and log lines go to standard error.\n\
        ROLLCALL_LOG sets the log filter (such as `debug`) and goes before --log-level."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Form of log lines on standard error.
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// Least severity that is logged.
    #[arg(long, global = true, value_enum, value_name = "LEVEL")]
    log_level: Option<LogLevel>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Give this host an identity: exchange a join token for a certificate.
    #[command(
        visible_alias = "enroll",
        after_help = "The token comes from `rollcall-server token create --kind join` or the console. It is read from a file or from \
            standard input, never from the command line, and is not kept. An attempt that fails can simply be made again.\n\n\
            Examples:\n  \
            rollcall-agent enrol --server https://rollcall.example:8443 --token-file join.token --state /var/lib/rollcall-agent\n  \
            ssh server rollcall-server token create --data /var/lib/rollcall --kind join |\n    \
            rollcall-agent enrol --server https://rollcall.example:8443 --token-file - --state /var/lib/rollcall-agent"
    )]
    Enrol(EnrolArgs),
    /// Run in the foreground until SIGTERM or SIGINT.
    #[command(after_help = "SIGHUP takes an inventory now and pushes it.\n\n\
            Examples:\n  \
            rollcall-agent run --state /var/lib/rollcall-agent\n  \
            rollcall-agent run --config /etc/rollcall/agent.toml --log-format json")]
    Run(RunArgs),
    /// Show the inventory of this host, or of a directory tree. No server needed.
    #[command(after_help = "Run as root to see everything; without, the sections say what was missing.\n\n\
            Examples:\n  \
            rollcall-agent inventory\n  \
            rollcall-agent inventory --section packages --section os --format json\n  \
            rollcall-agent inventory --root /mnt/image")]
    Inventory(InventoryArgs),
    /// Show the health of this host, or of a directory tree. No server needed.
    #[command(after_help = "Takes two readings a second apart, so that rates exist.\n\n\
            Examples:\n  \
            rollcall-agent health\n  \
            rollcall-agent health --format json")]
    Health(HealthArgs),
}

#[derive(Debug, Args)]
struct EnrolArgs {
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

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct RunArgs {
    /// State directory of an enrolled agent; `agent.toml` in it is read when it is there.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Configuration file (TOML); its `state` says where the state directory is.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct InventoryArgs {
    /// Describe this directory tree instead of the running host.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Only this section; may be given more than once.
    #[arg(long = "section", value_name = "NAME", value_parser = section)]
    sections: Vec<SectionName>,
    /// How to show it.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Args)]
struct HealthArgs {
    /// Describe this directory tree instead of the running host.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
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

/// A section that the agent collects.
fn section(text: &str) -> Result<SectionName, String> {
    let known = || COLLECTED.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    text.parse().ok().filter(|name| COLLECTED.contains(name)).ok_or_else(|| format!("known sections are {}", known()))
}

impl Cli {
    /// Does what was asked; results go to `out`.
    ///
    /// # Errors
    /// When it failed; the message is for people.
    pub fn execute(self, out: &mut impl Write) -> Result<(), CliError> {
        let (log_format, log_level) = (self.log_format, self.log_level);
        let start_logging = |config: &Config| {
            let mut log = config.log.clone();
            log.format = log_format.unwrap_or(log.format);
            log.level = log_level.unwrap_or(log.level);
            logging::start(&log);
        };
        match self.command {
            Command::Enrol(args) => {
                start_logging(&Config::default());
                enrol_here(&args, out)
            }
            Command::Run(args) => {
                let config = match (&args.config, &args.state) {
                    (Some(file), _) => Config::from_file(file)?,
                    (None, state) => Config::from_state(state.as_deref().unwrap_or(Path::new(".")))?,
                };
                start_logging(&config);
                run_here(config)
            }
            Command::Inventory(args) => {
                start_logging(&Config::default());
                show_inventory(&args, out)
            }
            Command::Health(args) => {
                start_logging(&Config::default());
                show_health(&args, out)
            }
        }
    }
}

fn enrol_here(args: &EnrolArgs, out: &mut impl Write) -> Result<(), CliError> {
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
        AgentStatus::Revoked => writeln!(out, "status: revoked, the server will take nothing from it")?,
    }
    writeln!(out, "next: rollcall-agent run --state {}", args.state.display())?;
    Ok(())
}

fn run_here(config: Config) -> Result<(), CliError> {
    let path = config.state.clone().unwrap_or_default();
    // Running creates nothing: an empty directory there would only hide a wrong path.
    if !path.exists() {
        return Err(CliError::Directory { path, why: "no such state directory; enrol first" });
    }
    let state = StateDir::open(&path)?;
    let runtime = runtime()?;
    let result = runtime.block_on(run::run(state, config, Arc::new(SystemClock::new())));
    // A collector that hangs on a dead mount must not keep the process.
    runtime.shutdown_background();
    Ok(result?)
}

fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().max_blocking_threads(BLOCKING_THREADS).build().map_err(CliError::Start)
}

fn root_of(path: Option<&Path>) -> Result<Root, CliError> {
    let Some(path) = path else { return Ok(Root::live()) };
    if !path.is_dir() {
        return Err(CliError::Directory { path: path.to_owned(), why: "not a directory" });
    }
    Ok(Root::new(path))
}

fn show_inventory(args: &InventoryArgs, out: &mut impl Write) -> Result<(), CliError> {
    let root = root_of(args.root.as_deref())?;
    let wanted: Vec<SectionName> =
        COLLECTED.iter().copied().filter(|name| args.sections.is_empty() || args.sections.contains(name)).collect();
    let collected = Runner::new(Arc::new(Setup::from(root)), Arc::new(SystemClock::new())).run(&wanted);
    match args.format {
        Format::Table => write!(out, "{}", render::inventory_table(&collected))?,
        Format::Json => writeln!(out, "{:#}", render::inventory_json(&collected))?,
    }
    Ok(())
}

fn show_health(args: &HealthArgs, out: &mut impl Write) -> Result<(), CliError> {
    let root = root_of(args.root.as_deref())?;
    let clock = SystemClock::new();
    let is_live = root.is_live();
    let mut sampler = Sampler::new(root);
    let mut measurements = sampler.sample(clock.now());
    if is_live {
        std::thread::sleep(HEALTH_DISTANCE);
        measurements = sampler.sample(clock.now());
    }
    match args.format {
        Format::Table => write!(out, "{}", render::health_table(&measurements))?,
        Format::Json => writeln!(out, "{:#}", render::health_json(&measurements))?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn only_sections_that_the_agent_collects_can_be_asked_for() {
        assert_eq!(section("packages"), Ok(SectionName::Packages));
        assert!(section("series").is_err());
        assert!(section("packges").unwrap_err().contains("packages"));
    }
}
