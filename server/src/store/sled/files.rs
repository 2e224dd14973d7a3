//! The files and directories around sled: whether a store is there, who holds it, how large it is.

use super::disk::io_error;
use crate::store::StoreError;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// What a creation in progress is called; removed by the next one.
pub fn unfinished(dir: &Path) -> Result<(PathBuf, PathBuf), StoreError> {
    let name = dir.file_name().ok_or_else(|| io_error(dir, &io::ErrorKind::InvalidInput.into()))?;
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((parent.to_owned(), parent.join(format!(".{}.creating", name.to_string_lossy()))))
}

/// Refuses a directory that holds something.
pub fn check_vacant(dir: &Path) -> Result<(), StoreError> {
    match fs::read_dir(dir).map(|mut entries| entries.next()) {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(StoreError::Io { subject: dir.display().to_string(), cause: "it exists and is not empty".into() }),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(io_error(dir, &cause)),
    }
}

/// Makes a fresh directory in the place of what a creation that did not finish left there.
pub fn fresh_directory(dir: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(dir) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(io_error(dir, &cause)),
        _ => {}
    }
    fs::create_dir_all(dir).map_err(|cause| io_error(dir, &cause))
}

/// Brings a file and all that is known of it to stable storage.
pub fn sync_file(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|cause| io_error(path, &cause))
}

/// sled takes a missing or empty `conf` for a new store and begins it anew; here it is damage.
pub fn check_present(dir: &Path) -> Result<(), StoreError> {
    let length = |name: &str| match fs::metadata(dir.join(name)) {
        Ok(metadata) => Ok(metadata.len()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(cause) => Err(io_error(&dir.join(name), &cause)),
    };
    let lengths = [("conf", length("conf")?), ("db", length("db")?), ("mark", length("mark")?)];
    if lengths.iter().all(|(_, length)| *length == 0) {
        return Err(StoreError::Io { subject: dir.display().to_string(), cause: "there is no store here".into() });
    }
    // sled's `conf` is a line for each setting and a checksum; it treats up to 8 bytes as absent.
    match lengths.iter().find(|(name, length)| *length == 0 || (*name == "conf" && *length <= 8)) {
        Some((name, _)) => {
            Err(StoreError::Corrupt { subject: dir.join(name).display().to_string(), cause: "it is empty or missing beside data".into() })
        }
        None => Ok(()),
    }
}

/// Takes the store for this process, until the file is dropped.
pub fn take_lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let lock = OpenOptions::new().create(true).write(true).truncate(false).open(&path).map_err(|cause| io_error(&path, &cause))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(dir.display().to_string())),
        Err(TryLockError::Error(cause)) => Err(io_error(&path, &cause)),
    }
}

/// Size of all files.
pub fn directory_bytes(dir: &Path) -> Result<u64, StoreError> {
    let failed = |cause| io_error(dir, &cause);
    let mut total = 0;
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => total += directory_bytes(&entry.path())?,
            Ok(metadata) => total += metadata.len(),
            // sled removes files as it goes.
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(failed(cause)),
        }
    }
    Ok(total)
}
