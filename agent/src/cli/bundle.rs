//! `rollcall-agent support-bundle`: one archive with what helps to find a fault, and nothing that opens anything.
//!
//! Invariants: the private key, join tokens and the content of the spool are never opened; what the operator wrote as a command is
//! redacted as command lines of processes are.

use super::{CliError, inventory, status};
use crate::clock::{Clock, SystemClock};
use crate::collect::{COLLECTED, explain, secrets};
use crate::config::{Config, FILE_IN_STATE};
use crate::render;
use crate::state;
use clap::Args;
use rollcall_shared::Timestamp;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

mod tar;

/// zstd's default.
const ZSTD_LEVEL: i32 = 3;

/// Files of the spool and the section cache that are listed.
const LISTED: usize = 10_000;

const ABOUT: &str = "\
What is in this archive:
  status.json       identity, last push, spool, how each collector fared
  configuration.json  the agent's configuration, commands without their secrets
  settings.json     what the server asked for: intervals and thresholds
  inventory.json    every section, as it would be reported
  sources.json      which sources each section was read from, and what was missing
  health.json       two readings of all series, a second apart
  files.txt         names, sizes and modes in the state directory; no content

What is not: the private key, tokens, the content of the spool.
";

#[derive(Debug, Args)]
pub(super) struct BundleArgs {
    /// State directory of an enrolled agent.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The archive to write (tar, zstd). An existing file is not replaced.
    #[arg(long, value_name = "FILE", default_value = "rollcall-support.tar.zst")]
    output: PathBuf,
}

pub(super) fn write_bundle(args: &BundleArgs, out: &mut impl Write) -> Result<(), CliError> {
    let standing = status::read(&args.state)?;
    let config = Config::from_state(&args.state)?;
    let now = SystemClock::new().now().wall;
    let mut archive = tar::Archive::new(now);
    archive.add("README", format!("rollcall-agent {}, {now}\n\n{ABOUT}", env!("CARGO_PKG_VERSION")).as_bytes());
    archive.add("status.json", pretty(&render::status_json(&standing)).as_bytes());
    if let Some(text) = state::read_bounded(&args.state.join(FILE_IN_STATE))? {
        archive.add("configuration.json", pretty(&without_secrets(&text)).as_bytes());
    }
    if let Some(text) = state::read_bounded(&args.state.join("settings.json"))? {
        archive.add("settings.json", text.as_bytes());
    }
    archive.add("inventory.json", pretty(&render::inventory_json(&inventory::run(config.setup(), COLLECTED))).as_bytes());
    archive.add("sources.json", pretty(&sources(&config)).as_bytes());
    archive.add("health.json", pretty(&render::health_json(&inventory::two_readings(config.setup().root))).as_bytes());
    archive.add("files.txt", listing(&args.state).as_bytes());
    let packed = zstd::bulk::compress(&archive.finish(), ZSTD_LEVEL)?;
    let mut file = fs::OpenOptions::new();
    let file = file.write(true).create_new(true).open(&args.output);
    let failed = |error: std::io::Error| CliError::File { path: args.output.clone(), why: format!("cannot be written: {error}") };
    file.and_then(|mut file| file.write_all(&packed)).map_err(failed)?;
    writeln!(
        out,
        "{}: {} bytes; look into it with: tar --zstd -xOf {} README",
        args.output.display(),
        packed.len(),
        args.output.display()
    )?;
    Ok(())
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Every section's sources. A collector that hangs was left out of the inventory and would hang here too.
fn sources(config: &Config) -> Value {
    let (setup, clock) = (config.setup(), SystemClock::new());
    let excluded = &setup.options.exclude.sections;
    let names = COLLECTED.iter().filter(|name| !excluded.contains(name));
    let one = |&name| {
        let (collected, sources) = explain(&setup, name, &clock);
        (name.as_str().to_owned(), render::explanation_json(&collected, &sources))
    };
    Value::Object(names.map(one).collect::<Map<String, Value>>())
}

/// The configuration with what stands in `command` arrays redacted like a process's command line; of a text that is no TOML, why.
fn without_secrets(text: &str) -> Value {
    fn visit(value: &mut Value) {
        match value {
            Value::Object(fields) => fields.iter_mut().for_each(|(key, value)| match value {
                Value::Array(words) if key == "command" => {
                    *value = secrets::redacted(words.iter().filter_map(Value::as_str)).unwrap_or_default().into();
                }
                _ => visit(value),
            }),
            Value::Array(values) => values.iter_mut().for_each(visit),
            _ => {}
        }
    }
    match toml::from_str::<Value>(text) {
        Ok(mut value) => {
            visit(&mut value);
            value
        }
        Err(error) => format!("not TOML: {}", error.message()).into(),
    }
}

/// Names, sizes and modes below the state directory.
fn listing(directory: &Path) -> String {
    let mut text = String::new();
    for folder in ["", "spool", "sections"] {
        let Ok(entries) = fs::read_dir(directory.join(folder)) else { continue };
        let mut lines: Vec<String> = entries.flatten().take(LISTED).filter_map(|entry| line(folder, &entry)).collect();
        lines.sort_unstable();
        lines.iter().for_each(|line| {
            let _ = writeln!(text, "{line}");
        });
    }
    text
}

fn line(folder: &str, entry: &fs::DirEntry) -> Option<String> {
    let facts = entry.metadata().ok()?;
    let modified =
        facts.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok()).map_or(0, |since| since.as_secs());
    let modified = Timestamp(i64::try_from(modified).unwrap_or(0).saturating_mul(1000));
    let kind = if facts.is_dir() { 'd' } else { '-' };
    Some(format!("{kind} {:>10} {modified} {}", facts.len(), Path::new(folder).join(entry.file_name()).display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_the_configuration_lose_their_secrets() {
        let text =
            "state = \"/s\"\n[[check]]\nname = \"db\"\ncommand = [\"/usr/lib/check_db\", \"--password\", \"hunter2\", \"-w\", \"5\"]\n";
        let shown = without_secrets(text).to_string();
        assert!(
            !shown.contains("hunter2") && shown.contains("check_db") && shown.contains("redacted") && shown.contains("-w 5"),
            "{shown}"
        );
        assert!(without_secrets("not = [toml").to_string().contains("not TOML"));
    }
}
