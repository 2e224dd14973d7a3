//! Where log lines go: standard error, text for people or JSON for machines.

use crate::config::{LogConfig, LogFormat};
use std::io::stderr;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The environment variable that goes before the configured level: `debug`, or `warn,rollcall_agent=trace`.
pub const FILTER_VARIABLE: &str = "ROLLCALL_LOG";

/// Starts logging. Later calls change nothing.
pub fn start(config: &LogConfig) {
    let asked = std::env::var(FILTER_VARIABLE).ok().and_then(|filter| filter.parse::<Targets>().ok());
    let level: LevelFilter = config.level.as_str().parse().unwrap_or(LevelFilter::INFO);
    // Other people's crates speak up only when something is wrong.
    let filter = asked.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN).with_target("rollcall_agent", level));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr).with_target(false);
    let started = match config.format {
        LogFormat::Text => registry.with(lines.with_ansi(false)).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    if let Err(error) = started {
        tracing::debug!(%error, "logging was started already");
    }
}
