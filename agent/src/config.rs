//! Configuration: a TOML file, read and checked whole before anything starts. Unknown keys are errors that name file, line and key.

#[cfg(linux)]
use crate::checks::CheckConfig;
use crate::collect::options::{Collect, Exclude};
use crate::collect::{Boots, Options, Setup};
use crate::health::HealthOptions;
use crate::platform;
use crate::probe::{DEFAULT_SOCKET, ProbeSource};
use crate::root::Root;
use crate::spool::{LEAST_BYTES, SpoolLimits};
use crate::state::{self, StateError};
use serde::{Deserialize, Deserializer, de};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What `run --state DIR` reads in that directory when it is there.
pub const FILE_IN_STATE: &str = "agent.toml";

/// How the agent is set up.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The state directory; from the command line when absent.
    pub state: Option<PathBuf>,
    /// Directory tree to describe instead of this host, for captured trees; absent for the host itself.
    pub root: Option<PathBuf>,
    /// Socket of the privileged helper; absent for [`DEFAULT_SOCKET`].
    pub probe_socket: Option<PathBuf>,
    /// Bound of the spool on disk, in bytes; absent for 64 MiB.
    #[serde(deserialize_with = "spool_bytes")]
    pub spool_max_bytes: Option<u64>,
    /// Time between samples, in place of the server's wish.
    #[serde(deserialize_with = "seconds")]
    pub sample_interval_seconds: Option<Duration>,
    /// Time between pushes, in place of the server's wish.
    #[serde(deserialize_with = "seconds")]
    pub push_interval_seconds: Option<Duration>,
    /// Time between inventories, in place of the server's wish.
    #[serde(deserialize_with = "seconds")]
    pub inventory_interval_seconds: Option<Duration>,
    /// What never leaves the host.
    pub exclude: Exclude,
    /// Where collectors look.
    pub collect: Collect,
    /// What is measured beyond what every machine has.
    pub health: HealthOptions,
    /// Local checks.
    #[cfg(linux)]
    pub check: Vec<CheckConfig>,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Where this was read from.
    #[serde(skip)]
    pub file: Option<PathBuf>,
}

/// `[log]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// Text for people or JSON for machines.
    pub format: LogFormat,
    /// How much.
    pub level: LogLevel,
}

/// Form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One line a message, for people.
    #[default]
    Text,
    /// One object a line, for machines.
    Json,
}

/// Least severity that is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Failures that need somebody.
    Error,
    /// And what is out of order.
    Warn,
    /// And changes of state.
    #[default]
    Info,
    /// And every exchange.
    Debug,
    /// And everything else.
    Trace,
}

impl LogLevel {
    /// The name in a filter.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] StateError),
    /// The named file is not there.
    #[error("{}: no such configuration file", .0.display())]
    Absent(PathBuf),
    /// What it says is not a configuration.
    #[error("{}:{line}: {}{why}", path.display(), key.as_ref().map(|key| format!("{key}: ")).unwrap_or_default())]
    Content {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// The key on that line, when there is one.
        key: Option<String>,
        /// What is wrong.
        why: String,
    },
    /// There is no state directory.
    #[error("{}: state: missing; say where the state directory is", .0.display())]
    NoState(PathBuf),
}

impl Config {
    /// Reads the file that the command line names; it must say where the state is.
    ///
    /// # Errors
    /// Every [`ConfigError`].
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let config = Self::read(path)?.ok_or_else(|| ConfigError::Absent(path.to_owned()))?;
        if config.state.is_none() { Err(ConfigError::NoState(path.to_owned())) } else { Ok(config) }
    }

    /// The defaults, or what `agent.toml` in the state directory says.
    ///
    /// # Errors
    /// Every [`ConfigError`].
    pub fn from_state(state: &Path) -> Result<Self, ConfigError> {
        let config = Self::read(&state.join(FILE_IN_STATE))?.unwrap_or_default();
        Ok(Self { state: Some(state.to_owned()), ..config })
    }

    /// What a file says of collecting; it need not say where the state is.
    ///
    /// # Errors
    /// Every [`ConfigError`] but a missing state directory.
    pub fn options_from(path: &Path) -> Result<Self, ConfigError> {
        Self::read(path)?.ok_or_else(|| ConfigError::Absent(path.to_owned()))
    }

    /// The spool's bounds.
    #[must_use]
    pub fn spool_limits(&self) -> SpoolLimits {
        let default = SpoolLimits::default();
        SpoolLimits { bytes: self.spool_max_bytes.unwrap_or(default.bytes), ..default }
    }

    /// What the collectors are told.
    #[must_use]
    pub fn setup(&self) -> Setup {
        let root = self.root.clone().map_or_else(Root::live, Root::new);
        let socket = self.probe_socket.as_deref().unwrap_or(Path::new(DEFAULT_SOCKET));
        let probe = if root.is_live() && !platform::is_root() { ProbeSource::at(socket) } else { ProbeSource::none() };
        Setup { root, options: Options { exclude: self.exclude.clone(), collect: self.collect.clone() }, probe, boots: Boots::default() }
    }

    fn read(path: &Path) -> Result<Option<Self>, ConfigError> {
        let Some(text) = state::read_bounded(path)? else { return Ok(None) };
        state::check_private(path)?;
        let config = Self::parse(path, &text)?;
        Ok(Some(Self { file: Some(path.to_owned()), ..config }))
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text[..at].matches('\n').count() + 1;
            let key = text.lines().nth(line - 1).and_then(|line| line.split_once('=')).map(|(key, _)| key.trim().to_owned());
            ConfigError::Content { path: path.to_owned(), line, key, why: error.message().to_owned() }
        })
    }
}

/// Seconds, with fractions; at least a tenth, at most a day: beyond either the server could not judge the host.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if (0.1..=86_400.0).contains(&number) {
        Ok(Some(Duration::from_secs_f64(number)))
    } else {
        Err(de::Error::custom(format!("{number} is not between 0.1 and 86400 seconds")))
    }
}

fn spool_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let number = u64::deserialize(deserializer)?;
    if number >= LEAST_BYTES { Ok(Some(number)) } else { Err(de::Error::custom(format!("{number} is below {LEAST_BYTES} bytes"))) }
}

#[cfg(test)]
mod tests;
