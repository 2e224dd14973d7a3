//! `rollcall-agent probe`.

use super::CliError;
use crate::probe;
use crate::root::Root;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct ProbeArgs {
    /// Answer at this socket (mode 0660) until stopped, instead of once on standard output.
    #[arg(long, value_name = "PATH")]
    listen: Option<PathBuf>,
}

/// Says once, or to everyone who connects, what the helper reads.
pub(super) fn answer(args: &ProbeArgs, out: &mut impl Write) -> Result<(), CliError> {
    let root = Root::live();
    if let Some(path) = &args.listen {
        return Ok(probe::listen(path, &root)?);
    }
    let frame = probe::answer(&root).map_err(std::io::Error::other)?;
    Ok(out.write_all(&frame)?)
}
