//! The command line. Results on standard output, errors on standard error; exit codes 0 done, 1 failed, 2 wrong usage.

mod feed;
mod init;
mod token;
mod verify;

use crate::app::{self, Environment};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::data_directory::DataDirectory;
use crate::entropy::SystemEntropy;
use crate::{ca, observability, tls};
use clap::{Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;
use rollcall_domain::actor::Role;
use rollcall_domain::trust::feed::{FeedKind, FeedName};
use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Something that failed, as text for a person.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

const EXAMPLES: &str = "\
Examples:
  A server for this machine alone:
    rollcall-server init --data /var/lib/rollcall
    rollcall-server run  --data /var/lib/rollcall

  A server for a network:
    rollcall-server init --data /var/lib/rollcall --listen 0.0.0.0:8443 --agent-listen 0.0.0.0:8444 --name rollcall.example

  Let a machine join, and let yourself in:
    rollcall-server token create --data /var/lib/rollcall --kind join --auto-approve > join.token
    rollcall-server token create --data /var/lib/rollcall --kind api --role admin";

/// Rollcall's server: knows every machine you run, notices when one is failing, and files the ticket itself.
#[derive(Debug, Parser)]
#[command(name = "rollcall-server", version, after_help = EXAMPLES, subcommand_required = true, arg_required_else_help = false)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a data directory: configuration, certificate authority, empty store.
    #[command(after_help = init::EXAMPLES)]
    Init(InitArgs),
    /// Serve until SIGTERM or SIGINT.
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Make tokens, whether the server runs or not.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Let other people's agents deliver inventories, whether the server runs or not.
    #[command(subcommand)]
    Feed(FeedCommand),
    /// Replay the whole log; check hashes and the audit chain. The server must be stopped.
    #[command(after_help = verify::EXAMPLES)]
    Verify(VerifyArgs),
}

const RUN_EXAMPLES: &str = "\
Examples:
  rollcall-server run --data /var/lib/rollcall
  ROLLCALL_LOG=debug rollcall-server run --config /etc/rollcall/rollcall.toml

Writes run.json into the data directory when it is ready: the addresses it really listens on, and its process id.";

#[derive(Debug, Args)]
struct InitArgs {
    /// Directory to make; must not exist or be empty.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where the API and the console listen [default: 127.0.0.1:8443].
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Where agents are listened for [default: 127.0.0.1:8444].
    #[arg(long, value_name = "ADDR:PORT")]
    agent_listen: Option<SocketAddr>,
    /// A name or address under which clients reach this server; may be repeated, the first one goes into join tokens.
    #[arg(long, value_name = "DNS-OR-IP", value_parser = parse_name)]
    name: Vec<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct RunArgs {
    /// Data directory made by `init`; its rollcall.toml is read.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Configuration file; its key `data` names the data directory.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token and print it; it is shown this once.
    #[command(after_help = token::EXAMPLES)]
    Create(TokenArgs),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TokenKind {
    /// Lets agents join.
    Join,
    /// Lets people and programs use the API.
    Api,
}

#[derive(Debug, Args)]
struct TokenArgs {
    /// Data directory made by `init`.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// What the token is for.
    #[arg(long, value_enum)]
    kind: TokenKind,
    /// api: what its bearer may do: viewer, operator, asset_manager, auditor or admin [default: viewer].
    #[arg(long, value_parser = parse_role)]
    role: Option<Role>,
    /// api: what people call it [default: cli].
    #[arg(long)]
    name: Option<String>,
    /// join: enrolments it is good for [default: 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    uses: Option<u32>,
    /// How long it lives, such as 90s, 15m, 1h or 30d [default: 1h for join, 30d for api].
    #[arg(long, value_name = "TIME", value_parser = parse_ttl)]
    ttl: Option<Duration>,
    /// join: its agents need no approval by a person.
    #[arg(long)]
    auto_approve: bool,
}

#[derive(Debug, Subcommand)]
enum FeedCommand {
    /// Make a feed and print its secret; it is shown this once.
    #[command(after_help = feed::EXAMPLES)]
    Create(FeedArgs),
}

#[derive(Debug, Args)]
struct FeedArgs {
    /// Data directory made by `init`.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// What its values are said to come from; also the user name of its agents.
    #[arg(long)]
    name: FeedName,
    /// Whose agents deliver: glpi, ocs or fusioninventory.
    #[arg(long, value_parser = parse_feed_kind)]
    kind: FeedKind,
    /// Where its agents may be, such as 10.0.0.0/8; may be repeated [default: anywhere].
    #[arg(long, value_name = "CIDR")]
    network: Vec<IpNet>,
    /// How long it lives, such as 365d [default: for ever].
    #[arg(long, value_name = "TIME", value_parser = parse_ttl)]
    ttl: Option<Duration>,
}

#[derive(Debug, Args)]
struct VerifyArgs {
    /// Data directory made by `init`.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// Carries out a command line; returns the exit code.
pub fn main(line: impl IntoIterator<Item = OsString>, out: &mut dyn Write, errors: &mut dyn Write) -> u8 {
    // Other parts of the tree may ask for the process-wide provider; there is only one that it can be.
    let _ = tls::provider().as_ref().clone().install_default();
    let line = match Line::try_parse_from(line) {
        Ok(line) => line,
        Err(error) => return explain(&error, out, errors),
    };
    match carry_out(line.command, out) {
        Ok(()) => 0,
        Err(failure) => match failure.downcast::<clap::Error>() {
            Ok(usage) => explain(&usage, out, errors),
            Err(failure) => {
                let _ = writeln!(errors, "error: {failure}");
                1
            }
        },
    }
}

/// Help and version are answers; everything else is wrong usage.
fn explain(error: &clap::Error, out: &mut dyn Write, errors: &mut dyn Write) -> u8 {
    let text = error.render();
    let _ = if error.use_stderr() { write!(errors, "{text}") } else { write!(out, "{text}") };
    u8::try_from(error.exit_code()).unwrap_or(2)
}

fn carry_out(command: Command, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        Command::Init(args) => init::init(&args, &environment(), out),
        Command::Run(args) => run(&args),
        Command::Token(TokenCommand::Create(args)) => token::create(args, out),
        Command::Feed(FeedCommand::Create(args)) => feed::create(args, out),
        Command::Verify(args) => verify::verify(&args, out),
    }
}

fn run(args: &RunArgs) -> Result<(), Failure> {
    let config = match (&args.data, &args.config) {
        (Some(data), _) => load(data)?,
        (None, Some(file)) => Config::load(file)?,
        (None, None) => return Err("either --data or --config".into()),
    };
    observability::start(config.log.format, &config.log.level)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(runtime.block_on(app::run(config, environment()))?)
}

/// The configuration in a data directory, which is that directory's whatever it says.
fn load(data: &std::path::Path) -> Result<Config, Failure> {
    let directory = DataDirectory::open(data)?;
    let config = Config::load(&directory.config())?;
    Ok(Config { data: data.to_owned(), ..config })
}

fn environment() -> Environment {
    Environment { clock: Arc::new(SystemClock::new()), entropy: Arc::new(SystemEntropy) }
}

fn parse_name(text: &str) -> Result<String, String> {
    if ca::is_name(text) { Ok(text.to_owned()) } else { Err("neither a DNS name nor an IP address".into()) }
}

fn parse_role(text: &str) -> Result<Role, String> {
    let known = || Role::ALL.map(Role::as_str).join(", ");
    Role::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| format!("one of {}", known()))
}

fn parse_feed_kind(text: &str) -> Result<FeedKind, String> {
    let known = || FeedKind::ALL.map(FeedKind::as_str).join(", ");
    FeedKind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| format!("one of {}", known()))
}

fn parse_ttl(text: &str) -> Result<Duration, String> {
    let bad = || "a number and a unit: s, m, h or d, such as 1h".to_owned();
    let unit = text.chars().next_back().ok_or_else(bad)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(bad()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| bad())?;
    let total = number.checked_mul(seconds).filter(|&total| total > 0 && total <= 100 * 365 * 86_400).ok_or("1s to 36500d")?;
    Ok(Duration::from_secs(total))
}

#[cfg(test)]
mod tests;
