//! This machine with a package database of any size: one that is made, mounted over the real one in a namespace of its own.

use anyhow::{Context, Result};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// Names of an ordinary description: what a stanza holds beside what is read.
const DESCRIPTION: &str = "Description: a package of a fleet that does not exist\n It stands for the text that a real one has, of which there is\n \
    more than of all other fields together: some five hundred bytes in each\n stanza, wrapped and indented, with a full stop between paragraphs.\n .\n \
    The second paragraph says what the first one did not.\nHomepage: https://packages.example/\n";

/// The command that runs the agent on it, and the directory that must live as long; none when this machine cannot.
pub fn command(agent: &Path, packages: u32) -> Result<Option<(tempfile::TempDir, Command)>> {
    if !rustix::process::geteuid().is_root() || !Path::new("/var/lib/dpkg").is_dir() {
        return Ok(None);
    }
    let directory = tempfile::tempdir()?;
    plant(directory.path(), packages)?;
    let mut command = Command::new("unshare");
    let script = "mount --bind \"$1\" /var/lib/dpkg && shift && exec \"$@\"";
    command.args(["--mount", "sh", "-c", script, "sh"]).arg(directory.path()).arg(agent);
    let works = Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|status| status.success());
    Ok(works.then_some((directory, command)))
}

fn plant(directory: &Path, packages: u32) -> Result<()> {
    std::fs::create_dir(directory.join("info"))?;
    let mut status = String::new();
    for number in 0..packages {
        let (name, source) = (format!("package-{number:05}"), format!("source-{:04}", number / 3));
        write!(
            status,
            "Package: {name}\nStatus: install ok installed\nPriority: optional\nSection: libs\nInstalled-Size: {}\n\
             Maintainer: Maintainers of {source} <{source}@packages.example>\nArchitecture: amd64\nMulti-Arch: same\nSource: {source}\n\
             Version: {}.{}.{}-1+deb12u{}\nDepends: libc6 (>= 2.34), package-{:05} (= 1.0)\n{DESCRIPTION}\n",
            number % 977 + 12,
            number % 7,
            number % 31,
            number % 13,
            number % 5,
            number.saturating_sub(1),
        )?;
        std::fs::write(directory.join(format!("info/{name}:amd64.list")), "/.\n")?;
    }
    std::fs::write(directory.join("status"), status).context("the database cannot be written")
}
