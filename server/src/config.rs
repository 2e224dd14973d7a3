//! Configuration: read whole and judged whole before anything is bound.
//!
//! Every error names file, line and key. Unknown keys are errors: a misspelt limit must not silently be no limit. The sample
//! that `init` writes holds every key; a test compares the two.

mod sample;

pub use sample::render;

use crate::ca;
use crate::delivery::{Guard, SystemNames};
use crate::observability::{self, LogFormat};
use ipnet::IpNet;
use rollcall_domain::query::Query;
use rollcall_domain::trust::feed::FeedName;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use toml::Spanned;

/// Where the API and, later, the console are served unless said otherwise.
pub const API_ADDRESS: &str = "127.0.0.1:8443";

/// Where agents are served unless said otherwise.
pub const AGENT_ADDRESS: &str = "127.0.0.1:8444";

/// A valid configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Data directory.
    pub data: PathBuf,
    /// API listener.
    pub listen: SocketAddr,
    /// Agent listener.
    pub agent_listen: SocketAddr,
    /// Names in the server's certificate besides the machine's own.
    pub names: Vec<String>,
    /// What join tokens carry, `None` to derive it; without it messages hold no links.
    pub public_url: Option<String>,
    /// What enrolled agents are told; `None` to derive it.
    pub agent_url: Option<String>,
    /// Log lines.
    pub log: Log,
    /// Days that raw samples are kept.
    pub raw_samples_days: u32,
    /// Days that samples reduced to five minutes are kept.
    pub five_minute_samples_days: u32,
    /// Days that samples reduced to an hour are kept.
    pub hourly_samples_days: u32,
    /// Upper bounds.
    pub limits: Limits,
    /// Networks that are not public and that channels may call all the same.
    pub delivery_networks: Vec<IpNet>,
    /// Files of credentials that channels may use, by name.
    pub credential_files: BTreeMap<String, PathBuf>,
    /// Where the fleet's newest values are pushed to.
    pub remote_writes: Vec<RemoteWrite>,
}

/// A system that the fleet's newest values are pushed to, by Prometheus remote write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteWrite {
    /// What people call it: plain.
    pub name: String,
    /// Where it takes samples.
    pub url: String,
    /// Time between two pushes.
    pub interval: Duration,
    /// A file with a bearer token.
    pub token_file: Option<PathBuf>,
    /// Only these metrics; an asterisk at the end stands for any rest. All when empty.
    pub wanted: Vec<String>,
    /// Only of configuration items that this query selects.
    pub query: Option<String>,
}

/// Log lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Shape.
    pub format: LogFormat,
    /// Filter.
    pub level: String,
}

/// Upper bounds that an operator may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections of the API listener.
    pub api_connections: u32,
    /// Connections of the agent listener.
    pub agent_connections: u32,
    /// Connections of one agent.
    pub connections_per_agent: u32,
    /// Refused enrolments of one address in a minute.
    pub refused_enrolments_per_minute: u32,
    /// Enrolments with one token in a minute.
    pub enrolments_per_token_per_minute: u32,
    /// Bodies of agents in memory at once, MiB.
    pub ingest_memory_mib: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A descriptor and about 50 KiB each; the usual limit of descriptors is 1,024 soft and much more hard.
            api_connections: 512,
            // One or two per agent.
            agent_connections: 16_384,
            // One in use, one being replaced, and head-room for a copied state directory to be noticed rather than locked out.
            connections_per_agent: 4,
            // A person mistypes a few times; guessing 256 bits needs more.
            refused_enrolments_per_minute: 30,
            // A rack being imaged.
            enrolments_per_token_per_minute: 1_000,
            // 32 bodies of the largest size allowed, thousands of usual ones.
            ingest_memory_mib: 256,
        }
    }
}

/// What is wrong with a configuration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {cause}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the file system said.
        cause: String,
    },
    /// A key or its value.
    #[error("{path}:{line}: {key}: {reason}")]
    Key {
        /// The file.
        path: String,
        /// From 1.
        line: usize,
        /// With its table, such as `log.level`; `syntax` when there is none.
        key: String,
        /// What is wrong and what would be right.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data: Option<PathBuf>,
    listen: Option<Spanned<String>>,
    agent_listen: Option<Spanned<String>>,
    #[serde(default)]
    names: Vec<Spanned<String>>,
    public_url: Option<Spanned<String>>,
    agent_url: Option<Spanned<String>>,
    #[serde(default)]
    log: LogTable,
    #[serde(default)]
    retention: RetentionTable,
    #[serde(default)]
    limits: LimitsTable,
    #[serde(default)]
    delivery: DeliveryTable,
    #[serde(default)]
    remote_writes: BTreeMap<Spanned<String>, RemoteWriteTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoteWriteTable {
    url: Spanned<String>,
    interval_seconds: Option<Spanned<u32>>,
    token_file: Option<PathBuf>,
    #[serde(default, rename = "match")]
    wanted: Vec<String>,
    query: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogTable {
    #[serde(default)]
    format: LogFormat,
    level: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetentionTable {
    raw_samples_days: Option<Spanned<u32>>,
    five_minute_samples_days: Option<Spanned<u32>>,
    hourly_samples_days: Option<Spanned<u32>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeliveryTable {
    #[serde(default)]
    allowed_networks: Vec<Spanned<String>>,
    #[serde(default)]
    credential_files: BTreeMap<String, PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsTable {
    api_connections: Option<Spanned<u32>>,
    agent_connections: Option<Spanned<u32>>,
    connections_per_agent: Option<Spanned<u32>>,
    refused_enrolments_per_minute: Option<Spanned<u32>>,
    enrolments_per_token_per_minute: Option<Spanned<u32>>,
    ingest_memory_mib: Option<Spanned<u32>>,
}

impl Config {
    /// Reads a file. Its directory is the data directory unless it names another.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |cause: std::io::Error| ConfigError::Unreadable { path: path.display().to_string(), cause: cause.to_string() };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(path, &text)
    }

    /// Judges the text of the file at `path`.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let source = Source { path, text };
        let file: File = toml::from_str(text).map_err(|error| source.refuse(error.span().map_or(0, |span| span.start), error.message()))?;
        let beside = path.parent().unwrap_or(Path::new("."));
        let (raw_samples_days, five_minute_samples_days, hourly_samples_days) = source.retention(&file.retention)?;
        let delivery_networks: Vec<IpNet> =
            file.delivery.allowed_networks.iter().map(|network| source.network(network)).collect::<Result<_, _>>()?;
        let guard = Guard::new(&delivery_networks, Arc::new(SystemNames));
        let remote_writes = file.remote_writes.iter().map(|(name, table)| source.remote_write(name, table, (&guard, beside)));
        let remote_writes = remote_writes.collect::<Result<_, _>>()?;
        Ok(Self {
            data: file.data.map_or_else(|| beside.to_owned(), |data| beside.join(data)),
            listen: source.address(file.listen.as_ref(), API_ADDRESS)?,
            agent_listen: source.address(file.agent_listen.as_ref(), AGENT_ADDRESS)?,
            names: file.names.iter().map(|name| source.name(name)).collect::<Result<_, _>>()?,
            public_url: source.url(file.public_url.as_ref())?,
            agent_url: source.url(file.agent_url.as_ref())?,
            log: Log { format: file.log.format, level: source.filter(file.log.level.as_ref())? },
            raw_samples_days,
            five_minute_samples_days,
            hourly_samples_days,
            limits: source.limits(&file.limits)?,
            credential_files: file.delivery.credential_files.iter().map(|(name, file)| (name.clone(), beside.join(file))).collect(),
            delivery_networks,
            remote_writes,
        })
    }

    /// Base URL of the API for people and agents, given the port that is really bound.
    #[must_use]
    pub fn public_url(&self, port: u16, hostname: Option<&str>) -> String {
        self.public_url.clone().unwrap_or_else(|| self.derived_url(self.listen.ip(), port, hostname))
    }

    /// Base URL of the agent listener, given the port that is really bound.
    #[must_use]
    pub fn agent_url(&self, port: u16, hostname: Option<&str>) -> String {
        self.agent_url.clone().unwrap_or_else(|| self.derived_url(self.agent_listen.ip(), port, hostname))
    }

    /// The first configured name, else the address that is listened on, else the machine's name.
    fn derived_url(&self, address: IpAddr, port: u16, hostname: Option<&str>) -> String {
        let bound = (!address.is_unspecified()).then(|| address.to_string());
        let host = self.names.first().cloned().or(bound).or_else(|| hostname.map(str::to_owned)).unwrap_or_else(|| "localhost".into());
        match host.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("https://[{address}]:{port}"),
            _ => format!("https://{host}:{port}"),
        }
    }
}

/// A file's text, for finding out where a key is.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn refuse(&self, offset: usize, reason: impl Into<String>) -> ConfigError {
        let (line, key) = locate(self.text, offset);
        ConfigError::Key { path: self.path.display().to_string(), line, key, reason: reason.into() }
    }

    fn address(&self, value: Option<&Spanned<String>>, default: &str) -> Result<SocketAddr, ConfigError> {
        let text = value.map_or(default, |value| value.as_ref());
        text.parse().map_err(|_| {
            let offset = value.map_or(0, |value| value.span().start);
            self.refuse(offset, format!("{text:?} is not an address and a port such as {API_ADDRESS:?} or \"[::]:8443\""))
        })
    }

    fn name(&self, value: &Spanned<String>) -> Result<String, ConfigError> {
        let name = value.as_ref();
        if ca::is_name(name) {
            Ok(name.clone())
        } else {
            Err(self.refuse(value.span().start, format!("{name:?} is neither a DNS name nor an IP address")))
        }
    }

    /// Days of samples as they came, of five minutes and of an hour. What is shorter is never kept longer: back-tests rely on the hours.
    fn retention(&self, table: &RetentionTable) -> Result<(u32, u32, u32), ConfigError> {
        // A year of raw samples of one host is about 300 MB; ten years are a mistake.
        let days = |key: Option<&Spanned<u32>>, default| self.number(key, default, 1..=3_650);
        let raw = days(table.raw_samples_days.as_ref(), 14)?;
        let five_minutes = days(table.five_minute_samples_days.as_ref(), raw.max(90))?;
        let hours = days(table.hourly_samples_days.as_ref(), five_minutes.max(730))?;
        let offset = |key: Option<&Spanned<u32>>| key.map_or(0, |key| key.span().start);
        if five_minutes < raw {
            let reason = format!("must be at least raw_samples_days, {raw}, not {five_minutes}");
            return Err(self.refuse(offset(table.five_minute_samples_days.as_ref()), reason));
        }
        if hours < five_minutes {
            let reason = format!("must be at least five_minute_samples_days, {five_minutes}, not {hours}");
            return Err(self.refuse(offset(table.hourly_samples_days.as_ref()), reason));
        }
        Ok((raw, five_minutes, hours))
    }

    fn network(&self, value: &Spanned<String>) -> Result<IpNet, ConfigError> {
        let text = value.as_ref();
        text.parse()
            .map_err(|_| self.refuse(value.span().start, format!("{text:?} is not a network such as \"10.0.0.0/8\" or \"fd00::/8\"")))
    }

    fn remote_write(
        &self,
        name: &Spanned<String>,
        table: &RemoteWriteTable,
        (guard, beside): (&Guard, &Path),
    ) -> Result<RemoteWrite, ConfigError> {
        let refuse = |offset: usize, reason: String| Err(self.refuse(offset, reason));
        if let Err(error) = name.as_ref().parse::<FeedName>() {
            return refuse(name.span().start, error.to_string());
        }
        if let Err(refusal) = guard.check(table.url.as_ref()) {
            return refuse(table.url.span().start, refusal.to_string());
        }
        if let Some(query) = &table.query
            && let Err(error) = Query::parse(query.as_ref())
        {
            return refuse(query.span().start, error.to_string());
        }
        // More often than every ten seconds there is nothing new; a system that asks for less than hourly values is an archive.
        let seconds = self.number(table.interval_seconds.as_ref(), 30, 10..=3_600)?;
        Ok(RemoteWrite {
            name: name.as_ref().clone(),
            url: table.url.as_ref().clone(),
            interval: Duration::from_secs(seconds.into()),
            token_file: table.token_file.as_ref().map(|file| beside.join(file)),
            wanted: table.wanted.clone(),
            query: table.query.as_ref().map(|query| query.as_ref().clone()),
        })
    }

    fn url(&self, value: Option<&Spanned<String>>) -> Result<Option<String>, ConfigError> {
        let Some(value) = value else { return Ok(None) };
        let text = value.as_ref().trim_end_matches('/');
        let good = text.parse::<axum::http::Uri>().is_ok_and(|uri| {
            uri.scheme_str() == Some("https")
                && uri.host().is_some_and(|host| !host.is_empty())
                && matches!(uri.path(), "" | "/")
                && uri.query().is_none()
        });
        if good && !text.contains('@') {
            Ok(Some(text.to_owned()))
        } else {
            Err(self.refuse(value.span().start, format!("{text:?} is not a base URL such as \"https://rollcall.example:8443\"")))
        }
    }

    fn filter(&self, value: Option<&Spanned<String>>) -> Result<String, ConfigError> {
        let Some(value) = value else { return Ok("info".into()) };
        if observability::is_filter(value.as_ref()) {
            Ok(value.as_ref().clone())
        } else {
            Err(self
                .refuse(value.span().start, "must be error, warn, info, debug, trace, or a filter such as \"info,rollcall_server=debug\""))
        }
    }

    fn number(&self, value: Option<&Spanned<u32>>, default: u32, range: std::ops::RangeInclusive<u32>) -> Result<u32, ConfigError> {
        let number = value.map_or(default, |value| *value.as_ref());
        if range.contains(&number) {
            return Ok(number);
        }
        let offset = value.map_or(0, |value| value.span().start);
        Err(self.refuse(offset, format!("must be {} to {}, not {number}", range.start(), range.end())))
    }

    fn limits(&self, table: &LimitsTable) -> Result<Limits, ConfigError> {
        let default = Limits::default();
        let many = 1..=1_000_000;
        Ok(Limits {
            api_connections: self.number(table.api_connections.as_ref(), default.api_connections, many.clone())?,
            agent_connections: self.number(table.agent_connections.as_ref(), default.agent_connections, many.clone())?,
            connections_per_agent: self.number(table.connections_per_agent.as_ref(), default.connections_per_agent, 1..=64)?,
            refused_enrolments_per_minute: self.number(
                table.refused_enrolments_per_minute.as_ref(),
                default.refused_enrolments_per_minute,
                many.clone(),
            )?,
            enrolments_per_token_per_minute: self.number(
                table.enrolments_per_token_per_minute.as_ref(),
                default.enrolments_per_token_per_minute,
                many,
            )?,
            // At least one body of the largest size.
            ingest_memory_mib: self.number(table.ingest_memory_mib.as_ref(), default.ingest_memory_mib, 8..=65_536)?,
        })
    }
}

/// Line and dotted key at an offset of a TOML text: the key left of `=` on the nearest line above, below the nearest table head.
fn locate(text: &str, offset: usize) -> (usize, String) {
    let offset = (0..=offset.min(text.len())).rev().find(|&offset| text.is_char_boundary(offset)).unwrap_or(0);
    let line = text[..offset].bytes().filter(|&byte| byte == b'\n').count();
    let lines: Vec<&str> = text.lines().take(line + 1).collect();
    let code = |line: &&str| line.split('#').next().unwrap_or_default().trim().to_owned();
    let key = lines.iter().map(code).filter_map(|line| line.split_once('=').map(|(key, _)| key.trim().to_owned())).next_back();
    let own = lines.last().map(code).unwrap_or_default();
    let table = lines.iter().map(code).rfind(|line| line.starts_with('[') && line.ends_with(']') && !line.contains('='));
    let table = table.map(|head| head.trim_matches(['[', ']', ' ']).to_owned());
    let key = match (table, key) {
        (Some(table), _) if own.starts_with('[') && own.ends_with(']') => table,
        (Some(table), Some(key)) => format!("{table}.{key}"),
        (None, Some(key)) => key,
        _ => "syntax".to_owned(),
    };
    (line + 1, key)
}

#[cfg(test)]
mod tests;
