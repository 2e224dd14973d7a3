//! The data directory: where each file of a server lives, and how a file is written so that a power cut leaves the old one or
//! the new one.
//!
//! `rollcall.toml` is written last: a directory without it was never finished and is no data directory. Nothing here ever
//! overwrites what an earlier `init` made, except the server's own certificate, its run file and its socket.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Paths below one root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDirectory {
    root: PathBuf,
}

/// What is wrong with a data directory.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// `init` where something is already.
    #[error("{0} already is a Rollcall data directory; nothing was changed. Start it with `rollcall-server run --data {0}`")]
    Exists(String),
    /// `init` where something else is.
    #[error("{0} is not empty; nothing was changed. Name a new or an empty directory")]
    NotEmpty(String),
    /// Anything but `init` where nothing is.
    #[error("{0} is not a Rollcall data directory: it has no rollcall.toml. Make one with `rollcall-server init --data {0}`")]
    NotInitialised(String),
    /// A secret that others can read.
    #[error("{path} has mode {mode:04o}: others could read the key. Run `chmod 600 {path}`")]
    Exposed {
        /// The file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// The disk said no.
    #[error("{path}: {cause}")]
    Io {
        /// The file or directory.
        path: String,
        /// What it said.
        cause: io::Error,
    },
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// The owner alone (0600).
    Secret,
    /// Everybody who may enter the directory (0644).
    Open,
}

impl DataDirectory {
    /// Paths below `root`; touches nothing.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Makes the directory, mode 0700.
    ///
    /// # Errors
    /// When it is a data directory, or holds anything else.
    pub fn create(root: &Path) -> Result<Self, DirectoryError> {
        let directory = Self::at(root);
        match fs::read_dir(root) {
            Ok(mut entries) => match entries.next() {
                None => {}
                Some(_) if directory.config().exists() => return Err(DirectoryError::Exists(root.display().to_string())),
                Some(_) => return Err(DirectoryError::NotEmpty(root.display().to_string())),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(failed(root)(cause)),
        }
        make_private(root)?;
        Ok(directory)
    }

    /// The directory that an earlier `init` finished.
    ///
    /// # Errors
    /// When it did not.
    pub fn open(root: &Path) -> Result<Self, DirectoryError> {
        let directory = Self::at(root);
        if !directory.config().is_file() {
            return Err(DirectoryError::NotInitialised(root.display().to_string()));
        }
        Ok(directory)
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.root.join("rollcall.toml")
    }

    /// Directory of the certificate authority and the server's certificate.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.root.join("ca")
    }

    /// The authority's key.
    #[must_use]
    pub fn ca_key(&self) -> PathBuf {
        self.ca().join("ca.key")
    }

    /// The authority's certificate, for people who want to trust it.
    #[must_use]
    pub fn ca_certificate(&self) -> PathBuf {
        self.ca().join("ca.crt")
    }

    /// The server's key and certificate in one file, so that they change together.
    #[must_use]
    pub fn server_identity(&self) -> PathBuf {
        self.ca().join("server.pem")
    }

    /// The key that the secrets of channels are derived from.
    #[must_use]
    pub fn delivery_key(&self) -> PathBuf {
        self.root.join("delivery.key")
    }

    /// Where the embedded store lives.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// The local socket of a running server.
    #[must_use]
    pub fn admin_socket(&self) -> PathBuf {
        self.root.join("admin.sock")
    }

    /// Addresses and process id of a running server.
    #[must_use]
    pub fn run_file(&self) -> PathBuf {
        self.root.join("run.json")
    }
}

/// Makes a directory with mode 0700 and its parents; one that is there gets mode 0700.
///
/// # Errors
/// Those of the file system, with the path.
pub fn make_private(path: &Path) -> Result<(), DirectoryError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed(path))?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(path, mode).map_err(failed(path))?;
    sync_directory(path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// Reads a text file.
///
/// # Errors
/// Those of the file system, with the path.
pub fn read(path: &Path) -> Result<String, DirectoryError> {
    fs::read_to_string(path).map_err(failed(path))
}

/// Reads a text file that nobody else may be able to read.
///
/// # Errors
/// Those of the file system, and [`DirectoryError::Exposed`].
pub fn read_secret(path: &Path) -> Result<String, DirectoryError> {
    let mode = fs::metadata(path).map_err(failed(path))?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(DirectoryError::Exposed { path: path.display().to_string(), mode });
    }
    read(path)
}

/// Writes a file: into a temporary one beside it, synced, renamed, directory synced.
///
/// # Errors
/// Those of the file system, with the path.
pub fn write_atomically(path: &Path, bytes: &[u8], secrecy: Secrecy) -> Result<(), DirectoryError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    let mode = match secrecy {
        Secrecy::Secret => 0o600,
        Secrecy::Open => 0o644,
    };
    // A left-over of a crash may have another mode: it goes first, so that `create_new` sets ours.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&temporary)(error)),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary).map_err(failed(&temporary))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed(&temporary))?;
    fs::rename(&temporary, path).map_err(failed(path))?;
    sync_directory(path.parent().unwrap_or(Path::new(".")))
}

fn sync_directory(path: &Path) -> Result<(), DirectoryError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(failed(path))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> DirectoryError {
    let path = path.display().to_string();
    |cause| DirectoryError::Io { path, cause }
}

#[cfg(test)]
mod tests;
