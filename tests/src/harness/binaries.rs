//! The programs under test: built once a process, in the profile and the target directory that the test itself came from.
//!
//! A stale program must never be tested, so cargo is asked every time; it answers in a moment when nothing changed.

use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// `rollcall-server`.
    pub server: PathBuf,
    /// `rollcall-agent`.
    pub agent: PathBuf,
}

/// Builds them, once.
///
/// # Panics
/// When they do not build: no test can go on.
pub fn binaries() -> &'static Binaries {
    static BUILT: OnceLock<Binaries> = OnceLock::new();
    BUILT.get_or_init(|| build().unwrap_or_else(|error| panic!("the programs under test: {error:#}")))
}

/// The workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace")
}

/// The directory that this program's profile is built into, such as `target/debug`.
///
/// # Errors
/// When the program does not lie in a target directory.
pub fn profile_directory() -> Result<PathBuf> {
    let program = std::env::current_exe().context("this program's path")?;
    let beside = program.parent().context("this program's directory")?;
    let directory = if beside.ends_with("deps") { beside.parent().context("the profile's directory")? } else { beside };
    Ok(directory.to_owned())
}

/// Builds programs with a profile into the target directory that this program came from. Which packages are named decides which features
/// their dependencies have.
///
/// # Errors
/// When cargo fails; its output goes to standard error.
pub fn cargo_build(profile: &str, packages: &[&str], programs: &[&str]) -> Result<PathBuf> {
    let own = profile_directory()?;
    let target = own.parent().context("the target directory")?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()));
    cargo.current_dir(workspace()).args(["build", "--quiet", "--profile", profile, "--target-dir"]).arg(target);
    cargo.args(packages.iter().flat_map(|package| ["--package", package]));
    cargo.args(programs.iter().flat_map(|program| ["--bin", program]));
    let status = cargo.stdin(std::process::Stdio::null()).status().context("cargo cannot be started")?;
    ensure!(status.success(), "cargo build --profile {profile} failed: {status}");
    Ok(target.join(if profile == "dev" { "debug" } else { profile }))
}

fn build() -> Result<Binaries> {
    let name = profile_directory()?.file_name().and_then(|name| name.to_str()).map(str::to_owned).context("the profile's name")?;
    let profile = if name == "debug" { "dev" } else { &name };
    // This package too, so that cargo chooses the same features of dependencies as for the test itself and builds none twice.
    let directory = cargo_build(profile, &["rollcall-server", "rollcall-agent", "rollcall-tests"], &["rollcall-server", "rollcall-agent"])?;
    let found = Binaries { server: directory.join("rollcall-server"), agent: directory.join("rollcall-agent") };
    for program in [&found.server, &found.agent] {
        if !program.is_file() {
            bail!("{} was not built", program.display());
        }
    }
    Ok(found)
}
