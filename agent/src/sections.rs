//! Section cache: the content that spooled messages name, by its hash.
//!
//! Invariants: content is on stable storage before a message that names it; what is read back is what the hash says, or it is
//! absent; only what nothing names any more is deleted.

use crate::state::{self, StateError};
use rollcall_shared::{ContentHash, limits};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// zstd's default: an inventory shrinks to an eighth in well under a millisecond.
const ZSTD_LEVEL: i32 = 3;

/// See the module. Cheap to clone: it is a path.
#[derive(Clone, Debug)]
pub struct SectionCache {
    directory: PathBuf,
}

impl SectionCache {
    /// Opens the cache, creating its directory when it is absent.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn open(directory: PathBuf) -> Result<Self, StateError> {
        state::create_private_dir(&directory)?;
        Ok(Self { directory })
    }

    /// Makes contents durable. What is there already costs one look.
    ///
    /// # Errors
    /// When one cannot be written; then none may be named.
    pub fn put(&self, contents: &[(ContentHash, Vec<u8>)]) -> Result<(), StateError> {
        let mut wrote = false;
        for (hash, bytes) in contents {
            if self.path(hash).exists() {
                continue;
            }
            let packed = zstd::bulk::compress(bytes, ZSTD_LEVEL).map_err(|source| self.failed(hash, "compress", source))?;
            state::install_unsynced(&self.directory, &hash.to_string(), &packed)?;
            wrote = true;
        }
        if wrote { state::sync_dir(&self.directory) } else { Ok(()) }
    }

    /// The content of that name; `None` when it is absent or damaged (then it is deleted, so that it can be put again).
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn get(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, StateError> {
        let path = self.path(hash);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(self.failed(hash, "open", source)),
        };
        let bytes = unpack(file).unwrap_or_default();
        if ContentHash::of(&bytes) == *hash {
            return Ok(Some(bytes));
        }
        tracing::warn!(path = %path.display(), "a cached section is damaged; it is deleted");
        fs::remove_file(&path).map_err(|source| self.failed(hash, "delete", source))?;
        Ok(None)
    }

    /// Deletes everything that `named` does not hold, and leftovers of writes that were cut short.
    ///
    /// # Errors
    /// When the directory cannot be listed.
    pub fn retain(&self, named: &BTreeSet<ContentHash>) -> Result<(), StateError> {
        let failed = |source| StateError::Io { path: self.directory.clone(), what: "list", source };
        for entry in fs::read_dir(&self.directory).map_err(failed)?.flatten() {
            let hash: Option<ContentHash> = entry.file_name().to_str().and_then(|name| name.parse().ok());
            if hash.is_none_or(|hash| !named.contains(&hash)) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    fn path(&self, hash: &ContentHash) -> PathBuf {
        self.directory.join(hash.to_string())
    }

    fn failed(&self, hash: &ContentHash, what: &'static str, source: io::Error) -> StateError {
        StateError::Io { path: self.path(hash), what, source }
    }

    /// Where it is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

fn unpack(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    zstd::stream::read::Decoder::new(file)?.take(limits::SECTION_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(bytes: &[u8]) -> (ContentHash, Vec<u8>) {
        (ContentHash::of(bytes), bytes.to_vec())
    }

    #[test]
    fn what_was_put_is_got_back_and_what_nothing_names_is_deleted() {
        let directory = tempfile::tempdir().unwrap();
        let cache = SectionCache::open(directory.path().join("sections")).unwrap();
        let (kept, gone) = (named(b"kept"), named(&[7; 10_000]));
        cache.put(&[kept.clone(), gone.clone()]).unwrap();
        cache.put(std::slice::from_ref(&kept)).unwrap();
        fs::write(cache.directory().join("x.new"), "torn").unwrap();
        cache.retain(&BTreeSet::from([kept.0])).unwrap();
        assert_eq!(cache.get(&kept.0).unwrap(), Some(kept.1));
        assert_eq!(cache.get(&gone.0).unwrap(), None);
        assert_eq!(fs::read_dir(cache.directory()).unwrap().count(), 1);
    }

    #[test]
    fn damaged_content_is_absent_and_can_be_put_again() {
        let directory = tempfile::tempdir().unwrap();
        let cache = SectionCache::open(directory.path().to_owned()).unwrap();
        let content = named(b"some content");
        cache.put(std::slice::from_ref(&content)).unwrap();
        fs::write(directory.path().join(content.0.to_string()), "rubbish").unwrap();
        assert_eq!(cache.get(&content.0).unwrap(), None);
        cache.put(std::slice::from_ref(&content)).unwrap();
        assert_eq!(cache.get(&content.0).unwrap(), Some(content.1));
    }
}
