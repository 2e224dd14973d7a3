//! The state directory: everything an agent must not forget.
//!
//! | name | what it is |
//! |---|---|
//! | `agent.json` | who this agent is and whom it talks to; its presence means "enrolled" |
//! | `agent.key`, `agent.pem`, `ca.pem` | private key, certificate, the only authority it trusts |
//! | `enrolment.json` | the attempt in progress, so that a retry is the same attempt |
//! | `settings.json` | what the server last asked for |
//! | `spool/` | messages that are not acknowledged |
//! | `sections/` | content that reports name |
//! | `status.json` | what the running agent says of itself; a note that may be missing |
//! | `boot.json` | when the machine booted; a note that may be missing |
//! | `lock` | held by the one agent that runs here |
//!
//! Invariants: a file is either the old one or the new one, never a torn one; nothing here is used when somebody else could
//! have written it, and the refusal names the path.

use crate::platform;
use serde::{Serialize, de::DeserializeOwned};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Files here are small; anything larger is not ours (certificates and settings stay far below).
const FILE_BYTES: u64 = 1 << 20;

/// Why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The world broke.
    #[error("{}: cannot {what}: {source}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// The attempted action.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else could have written it.
    #[error("{}: refused: {why}", path.display())]
    Untrusted {
        /// What was refused.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        why: String,
    },
    /// Another agent runs here.
    #[error("{}: another agent is running on this state directory", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A file does not hold what it should.
    #[error("{}: {why}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

fn failed(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> StateError {
    let path = path.to_owned();
    move |source| StateError::Io { path, what, source }
}

/// A state directory that this process may use, and holds the lock of.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    _lock: File,
}

impl StateDir {
    /// Opens the directory, after creating it (0700) when it is absent, and takes its lock.
    ///
    /// # Errors
    /// When it, or one of its parts, is a symbolic link or writable by others, or when another agent holds the lock.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        create_private_dir(path)?;
        check_ancestors(path)?;
        check_private(path)?;
        for part in ["agent.json", "agent.key", "agent.pem", "ca.pem", "settings.json", "enrolment.json", "boot.json", "spool", "sections"]
        {
            let part = path.join(part);
            if part.symlink_metadata().is_ok() {
                check_private(&part)?;
            }
        }
        let lock = take_lock(&path.join("lock"))?;
        let state = Self { path: path.to_owned(), _lock: lock };
        state.remove_leftovers()?;
        Ok(state)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of one of its parts.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The text of a part; `None` when it is absent.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<String>, StateError> {
        read_bounded(&self.join(name))
    }

    /// A JSON part; `None` when it is absent.
    ///
    /// # Errors
    /// When it is there and is not what it should be.
    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StateError> {
        let Some(text) = self.read(name)? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| StateError::Malformed { path: self.join(name), why: error.to_string() })
    }

    /// Replaces a part so that a power cut leaves the old one or the new one.
    ///
    /// # Errors
    /// When any step fails; the old part is then still there.
    pub fn install(&self, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        install(&self.path, name, bytes)
    }

    /// [`Self::install`] of a value as JSON.
    ///
    /// # Errors
    /// As for [`Self::install`].
    pub fn install_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StateError> {
        let text = serde_json::to_vec_pretty(value);
        let mut bytes = text.map_err(|error| StateError::Malformed { path: self.join(name), why: error.to_string() })?;
        bytes.push(b'\n');
        self.install(name, &bytes)
    }

    /// Replaces a note as JSON: readers see the old one or the new one, and a power cut may take both.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StateError> {
        let malformed = |error: serde_json::Error| StateError::Malformed { path: self.join(name), why: error.to_string() };
        let bytes = serde_json::to_vec(value).map_err(malformed)?;
        let (temporary, target) = (self.join(&format!("{name}{TEMPORARY}")), self.join(name));
        open_for_writing(&temporary)?.write_all(&bytes).map_err(failed(&temporary, "write"))?;
        fs::rename(&temporary, &target).map_err(failed(&target, "install"))
    }

    /// Temporary files of installs that a crash cut short.
    fn remove_leftovers(&self) -> Result<(), StateError> {
        let entries = fs::read_dir(&self.path).map_err(failed(&self.path, "list"))?;
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().ends_with(TEMPORARY) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }
}

const TEMPORARY: &str = ".new";

/// Writes `directory/name` atomically: temporary file, sync, rename, sync of the directory.
///
/// # Errors
/// When any step fails; an earlier file of that name is then still there.
pub fn install(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), StateError> {
    install_unsynced(directory, name, bytes)?;
    sync_dir(directory)
}

/// [`install`] without the last step: for many files, followed by one [`sync_dir`].
///
/// # Errors
/// As for [`install`].
pub fn install_unsynced(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), StateError> {
    let temporary = directory.join(format!("{name}{TEMPORARY}"));
    let target = directory.join(name);
    let written = write_synced(&temporary, bytes).and_then(|()| fs::rename(&temporary, &target).map_err(failed(&target, "install")));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn open_for_writing(path: &Path) -> Result<File, StateError> {
    let mut options = OpenOptions::new();
    platform::private(options.write(true).create(true).truncate(true)).open(path).map_err(failed(path, "create"))
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), StateError> {
    let mut file = open_for_writing(path)?;
    file.write_all(bytes).map_err(failed(path, "write"))?;
    file.sync_all().map_err(failed(path, "sync"))
}

/// Makes names in `directory` durable.
///
/// # Errors
/// When the system cannot.
pub fn sync_dir(directory: &Path) -> Result<(), StateError> {
    platform::sync_directory(directory).map_err(failed(directory, "sync"))
}

/// Creates a directory (0700) with its parents and makes it durable; fine when it exists.
///
/// # Errors
/// When it cannot be created.
pub fn create_private_dir(path: &Path) -> Result<(), StateError> {
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    platform::private_directories().create(path).map_err(failed(path, "create"))?;
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => sync_dir(Path::new(".")),
        Some(parent) => sync_dir(parent),
        None => Ok(()),
    }
}

/// Refuses what somebody else could have written: a symbolic link, a foreign owner, group or world write permission; for the
/// private key also read permission.
///
/// # Errors
/// [`StateError::Untrusted`], naming the path and the remedy.
pub fn check_private(path: &Path) -> Result<(), StateError> {
    let refuse = |why: String| Err(StateError::Untrusted { path: path.to_owned(), why });
    let metadata = path.symlink_metadata().map_err(failed(path, "inspect"))?;
    if metadata.is_symlink() {
        return refuse("it is a symbolic link; put the real file or directory there".into());
    }
    platform::not_private(path, &metadata).map_or(Ok(()), refuse)
}

/// Refuses a directory under one in which anybody may replace it. The sticky bit (as on /tmp) prevents that.
fn check_ancestors(path: &Path) -> Result<(), StateError> {
    let real = path.canonicalize().map_err(failed(path, "resolve"))?;
    for ancestor in real.ancestors().skip(1) {
        let metadata = ancestor.metadata().map_err(failed(ancestor, "inspect"))?;
        if let Some(mode) = platform::open_to_anybody(&metadata) {
            let why = format!("anybody may write to this parent of {} (mode {mode:04o})", path.display());
            return Err(StateError::Untrusted { path: ancestor.to_owned(), why });
        }
    }
    Ok(())
}

fn take_lock(path: &Path) -> Result<File, StateError> {
    let mut options = OpenOptions::new();
    let file = platform::private(options.write(true).create(true).truncate(false)).open(path).map_err(failed(path, "open"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StateError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(StateError::Io { path: path.to_owned(), what: "lock", source }),
    }
}

/// The text of a file; `None` when it is absent. Bounded: nothing here is large.
///
/// # Errors
/// When it cannot be read, is too large or is not UTF-8.
pub fn read_bounded(path: &Path) -> Result<Option<String>, StateError> {
    read_within(path, FILE_BYTES)
}

/// The text of a file of at most `limit` bytes; `None` when it is absent.
///
/// # Errors
/// When it cannot be read, is too large or is not UTF-8.
pub fn read_within(path: &Path, limit: u64) -> Result<Option<String>, StateError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StateError::Io { path: path.to_owned(), what: "open", source }),
    };
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed(path, "read"))?;
    let malformed = |why: String| StateError::Malformed { path: path.to_owned(), why };
    if bytes.len() as u64 > limit {
        return Err(malformed(format!("larger than {} MiB", limit >> 20)));
    }
    String::from_utf8(bytes).map(Some).map_err(|_| malformed("not UTF-8".to_owned()))
}

#[cfg(test)]
mod tests;
