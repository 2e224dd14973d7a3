//! The command line: what can be asked, and what is answered.

use crate::clock::SystemClock;
use crate::config::{Config, ConfigError, LogFormat, LogLevel};
use crate::enrol::EnrolError;
use crate::identity::IdentityError;
use crate::logging;
use crate::run::{self, RunError};
use crate::state::{StateDir, StateError};
use clap::{Args, Parser, Subcommand};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod bundle;
mod enrol;
mod inventory;
#[cfg(linux)]
mod probe;
mod status;

use bundle::BundleArgs;
use enrol::EnrolArgs;
use inventory::{HealthArgs, InventoryArgs};
use status::StatusArgs;

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
    /// Not enrolled, or not whole.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A file that was given is not what it should be.
    #[error("{}: {why}", path.display())]
    File {
        /// As given.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The privileged helper.
    #[error(transparent)]
    Probe(#[from] crate::probe::ProbeError),
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
            rollcall-agent inventory --section packages\n  \
            rollcall-agent inventory --format json > monday.json\n  \
            rollcall-agent inventory --diff monday.json            what changed since\n  \
            rollcall-agent inventory --explain packages            which sources were read, and what was missing\n  \
            rollcall-agent inventory --format cyclonedx            a software bill of materials\n  \
            rollcall-agent inventory --root /mnt/image")]
    Inventory(InventoryArgs),
    /// Show the health of this host, or of a directory tree. No server needed.
    #[command(after_help = "Takes two readings a second apart, so that rates exist.\n\n\
            Examples:\n  \
            rollcall-agent health\n  \
            rollcall-agent health --format json")]
    Health(HealthArgs),
    /// Show how the agent on this host is doing: identity, last push, spool, collectors.
    #[command(after_help = "Reads the state directory; the running agent is not disturbed.\n\n\
            Examples:\n  \
            rollcall-agent status --state /var/lib/rollcall-agent\n  \
            rollcall-agent status --state /var/lib/rollcall-agent --format json")]
    Status(StatusArgs),
    /// Write everything that support needs into one archive. It holds no key, no token and no secret of the configuration.
    #[command(after_help = "Look into it before you send it:\n  tar --zstd -tvf rollcall-support.tar.zst\n\n\
            Examples:\n  \
            rollcall-agent support-bundle --state /var/lib/rollcall-agent --output rollcall-support.tar.zst")]
    SupportBundle(BundleArgs),
    /// The privileged helper: writes what only root may read to standard output. It takes no arguments from whoever asks.
    ///
    /// An agent that runs without privileges asks it through a socket. systemd starts it for each connection
    /// (rollcall-agent-probe.socket); --listen does the same without systemd. It needs no network.
    #[cfg(linux)]
    #[command(after_help = "Examples:\n  \
            systemctl enable --now rollcall-agent-probe.socket\n  \
            rollcall-agent probe --listen /run/rollcall-agent-probe.sock")]
    Probe(probe::ProbeArgs),
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
                enrol::enrol_here(&args, out)
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
                inventory::show_inventory(&args, out)
            }
            Command::Health(args) => {
                start_logging(&Config::default());
                inventory::show_health(&args, out)
            }
            Command::Status(args) => {
                start_logging(&Config::default());
                status::show_status(&args, out)
            }
            Command::SupportBundle(args) => {
                start_logging(&Config::default());
                bundle::write_bundle(&args, out)
            }
            #[cfg(linux)]
            Command::Probe(args) => {
                start_logging(&Config::default());
                probe::answer(&args, out)
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
