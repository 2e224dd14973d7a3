//! Systems that are no Unix: the directory's own access list has to keep others out, which the installer sets.

use super::Told;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Access lists are inherited from the directory.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Access lists are inherited from the directory above.
pub(crate) fn private_directories() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    builder
}

/// Files have no modes here.
pub(crate) fn not_private(_path: &Path, _metadata: &Metadata) -> Option<String> {
    None
}

/// Directories have no modes here.
pub(crate) fn open_to_anybody(_directory: &Metadata) -> Option<u32> {
    None
}

/// A renamed file is durable when it is synced itself.
pub(crate) fn sync_directory(_directory: &Path) -> io::Result<()> {
    Ok(())
}

/// Fills `buffer` from `offset` on.
pub(crate) fn read_exact_at(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(buffer)
}

/// Space cannot be reserved.
pub(crate) fn reserve(_file: &File, _bytes: u64) {}

/// There is no helper to ask, so it makes no difference.
pub(crate) fn is_root() -> bool {
    true
}

/// The name of the computer.
pub(crate) fn node_name() -> Option<String> {
    std::env::var("COMPUTERNAME").ok().filter(|name| !name.is_empty())
}

/// What an agent listens to: Ctrl-C alone.
pub(crate) struct Signals;

impl Signals {
    /// Listens from now on.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Told {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Told::Stop("told to stop (Ctrl-C)"),
            Err(_) => std::future::pending().await,
        }
    }
}
