//! Unix: modes and owners, `pread`, signals.

use super::Told;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Who may write: nobody but the owner.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Makes what is created readable by its owner alone, and refuses to follow a link.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
}

/// Makes directories that their owner alone may enter.
pub(crate) fn private_directories() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
}

/// Why somebody else could have written this file or directory, or read this private key.
pub(crate) fn not_private(path: &Path, metadata: &Metadata) -> Option<String> {
    let me = rustix::process::geteuid().as_raw();
    if metadata.uid() != me && metadata.uid() != 0 {
        return Some(format!("it belongs to user {}, and this is user {me}", metadata.uid()));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & WRITABLE_BY_OTHERS != 0 {
        return Some(format!("others may write to it (mode {mode:04o}); chmod go-w it and check what is inside"));
    }
    let is_key = path.extension().is_some_and(|extension| extension == "key");
    (is_key && mode & 0o077 != 0).then(|| format!("others may read this private key (mode {mode:04o}); enrol again with a new one"))
}

/// The mode of a directory in which anybody may replace what is in it. The sticky bit (as on /tmp) prevents that.
pub(crate) fn open_to_anybody(directory: &Metadata) -> Option<u32> {
    let mode = directory.mode();
    (mode & 0o002 != 0 && mode & 0o1000 == 0).then_some(mode & 0o7777)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Fills `buffer` from `offset` on.
pub(crate) fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(buffer, offset)
}

/// Reserves space, so that a disk that others fill does not stop what is written next. Not every file system can; no matter.
pub(crate) fn reserve(file: &File, bytes: u64) {
    #[cfg(linux)]
    let _ = rustix::fs::fallocate(file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, bytes);
    #[cfg(not(linux))]
    let _ = (file, bytes);
}

/// Whether this process may read everything.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The node name.
pub(crate) fn node_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    (!name.is_empty() && name != "(none)").then_some(name)
}

/// Signals that an agent listens to.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Listens from now on.
    pub(crate) fn listen() -> io::Result<Self> {
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt, hangup: signal(SignalKind::hangup())? })
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop("told to stop (SIGTERM)"),
            _ = self.interrupt.recv() => Told::Stop("told to stop (SIGINT)"),
            Some(()) = self.hangup.recv() => Told::Report,
        }
    }
}
