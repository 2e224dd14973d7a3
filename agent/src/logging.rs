//! Where log lines go: standard error, text for people or JSON for machines.

use crate::config::{LogConfig, LogFormat};
use std::io::{IsTerminal, stderr};
use tracing_subscriber::EnvFilter;

/// The environment variable that goes before the configured level; its form is that of `tracing` filters, such as `debug`.
pub const FILTER_VARIABLE: &str = "ROLLCALL_LOG";

/// Starts logging. Later calls change nothing.
pub fn start(config: &LogConfig) {
    let filter = EnvFilter::try_from_env(FILTER_VARIABLE);
    // Other people's crates speak up only when something is wrong.
    let filter = filter.unwrap_or_else(|_| EnvFilter::new(format!("warn,rollcall_agent={}", config.level.as_str())));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_target(false);
    let started = match config.format {
        LogFormat::Text => builder.with_ansi(stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if let Err(error) = started {
        tracing::debug!(error, "logging was started already");
    }
}
