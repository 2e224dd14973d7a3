//! `rollcall-agent inventory` and `rollcall-agent health`.

use super::CliError;
use crate::clock::{Clock, SystemClock};
use crate::collect::{COLLECTED, Collected, Runner, Setup, explain};
use crate::config::Config;
use crate::health::{Measurement, Sampler};
use crate::render;
use crate::root::Root;
use crate::state;
use clap::{Args, ValueEnum};
use rollcall_shared::SectionName;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Between the two readings of `health`: rates need a distance.
const HEALTH_DISTANCE: Duration = Duration::from_secs(1);

/// Bytes of an earlier inventory: a host with 10,000 packages and processes has some 10 MiB.
const EARLIER_BYTES: u64 = 256 << 20;

#[derive(Debug, Args)]
pub(super) struct InventoryArgs {
    /// Describe this directory tree instead of the running host.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Only this section; may be given more than once.
    #[arg(long = "section", value_name = "NAME", value_parser = section, conflicts_with = "explain")]
    sections: Vec<SectionName>,
    /// How to show it.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Show what differs from an earlier inventory that `--format json` wrote.
    #[arg(long, value_name = "FILE", conflicts_with = "explain")]
    diff: Option<PathBuf>,
    /// Show which sources a section was read from, and what was missing.
    #[arg(long, value_name = "SECTION", value_parser = section)]
    explain: Option<SectionName>,
    /// Leave out and look where this configuration file says.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    /// Describe this directory tree instead of the running host.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// How to show it.
    #[arg(long, value_enum, default_value_t = HealthFormat::Table)]
    format: HealthFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// For programs, and for a later `--diff`.
    Json,
    /// A software bill of materials, CycloneDX 1.6 in JSON.
    Cyclonedx,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum HealthFormat {
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

fn root_of(path: Option<&Path>) -> Result<Root, CliError> {
    let Some(path) = path else { return Ok(Root::live()) };
    if !path.is_dir() {
        return Err(CliError::Directory { path: path.to_owned(), why: "not a directory" });
    }
    Ok(Root::new(path))
}

pub(super) fn show_inventory(args: &InventoryArgs, out: &mut impl Write) -> Result<(), CliError> {
    let mut config = args.config.as_deref().map_or_else(|| Ok(Config::default()), Config::options_from)?;
    if let Some(root) = &args.root {
        config.root = Some(root_of(Some(root))?.path().to_owned());
    }
    let setup = config.setup();
    let clock = SystemClock::new();
    if let Some(name) = args.explain {
        let (collected, sources) = explain(&setup, name, &clock);
        match args.format {
            Format::Json => writeln!(out, "{:#}", render::explanation_json(&collected, &sources))?,
            _ => write!(out, "{}", render::explanation_table(&collected, &sources))?,
        }
        return Ok(());
    }
    let earlier = args.diff.as_deref().map(earlier).transpose()?;
    let excluded = &setup.options.exclude.sections;
    let is_wanted = |name: &SectionName| (args.sections.is_empty() || args.sections.contains(name)) && !excluded.contains(name);
    let wanted: Vec<SectionName> = match (args.format, args.sections.is_empty()) {
        // What a bill of materials is made of; the rest would be collected for nothing.
        (Format::Cyclonedx, true) => render::BILL_SECTIONS.iter().copied().filter(is_wanted).collect(),
        _ => COLLECTED.iter().copied().filter(is_wanted).collect(),
    };
    let collected = run(setup, &wanted);
    match (args.format, &earlier) {
        (Format::Table, None) => write!(out, "{}", render::inventory_table(&collected))?,
        (Format::Json, None) => writeln!(out, "{:#}", render::inventory_json(&collected))?,
        (Format::Cyclonedx, _) => writeln!(out, "{:#}", render::bill_of_materials(&collected, clock.now().wall))?,
        (Format::Table, Some(earlier)) => write!(out, "{}", render::difference_table(earlier, &collected))?,
        (Format::Json, Some(earlier)) => writeln!(out, "{:#}", render::difference_json(earlier, &collected))?,
    }
    Ok(())
}

/// Collects, and tells a person who waits what is being waited for.
pub(super) fn run(setup: Setup, wanted: &[SectionName]) -> Vec<Collected> {
    let mut runner = Runner::new(Arc::new(setup), Arc::new(SystemClock::new()));
    let mut progress = io::stderr();
    if !progress.is_terminal() {
        return runner.run(wanted);
    }
    let mut collected = Vec::with_capacity(wanted.len());
    for name in wanted {
        let _ = write!(progress, "\r\x1b[K{name} …");
        collected.extend(runner.run(std::slice::from_ref(name)));
    }
    let _ = write!(progress, "\r\x1b[K");
    collected
}

fn earlier(path: &Path) -> Result<render::Earlier, CliError> {
    let refuse = |why: String| CliError::File { path: path.to_owned(), why };
    let text = state::read_within(path, EARLIER_BYTES)?.ok_or_else(|| refuse("no such file".to_owned()))?;
    render::Earlier::parse(&text).map_err(refuse)
}

pub(super) fn show_health(args: &HealthArgs, out: &mut impl Write) -> Result<(), CliError> {
    let measurements = two_readings(root_of(args.root.as_deref())?);
    match args.format {
        HealthFormat::Table => write!(out, "{}", render::health_table(&measurements))?,
        HealthFormat::Json => writeln!(out, "{:#}", render::health_json(&measurements))?,
    }
    Ok(())
}

/// Rates need two readings; of a captured tree both would be the same.
pub(super) fn two_readings(root: Root) -> Vec<Measurement> {
    let clock = SystemClock::new();
    let is_live = root.is_live();
    let mut sampler = Sampler::new(root);
    let measurements = sampler.sample(clock.now());
    if !is_live {
        return measurements;
    }
    std::thread::sleep(HEALTH_DISTANCE);
    sampler.sample(clock.now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sections_that_the_agent_collects_can_be_asked_for() {
        assert_eq!(section("packages"), Ok(SectionName::Packages));
        assert!(section("series").is_err());
        assert!(section("packges").unwrap_err().contains("packages"));
    }
}
