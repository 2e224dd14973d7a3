//! File access below one root directory: `/` on a live machine, a captured tree with `--root`.
//!
//! Everything that collectors read goes through here. Invariants: every read has a bound; only regular files are read (a pipe or
//! device in a captured tree cannot block the agent); below a captured tree every symbolic link, absolute ones too, is resolved inside
//! that tree by the kernel. It must never write.

use rollcall_shared::Timestamp;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Where files are read from.
#[derive(Clone, Debug)]
pub struct Root {
    path: PathBuf,
    live: bool,
}

/// Why a file or directory could not be read. Absence is not among the reasons: it is a value.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system said no.
    #[error("{path}: {source}")]
    Io {
        /// Path below the root.
        path: String,
        /// What it said.
        source: io::Error,
    },
    /// Larger than whoever reads it is prepared for.
    #[error("{path}: larger than {limit} bytes")]
    TooLarge {
        /// Path below the root.
        path: String,
        /// The bound.
        limit: usize,
    },
    /// A directory with more entries than anybody is prepared for.
    #[error("{path}: more than {limit} entries")]
    TooManyEntries {
        /// Path below the root.
        path: String,
        /// The bound.
        limit: usize,
    },
    /// A directory, device, pipe or socket.
    #[error("{path}: not a regular file")]
    NotRegular {
        /// Path below the root.
        path: String,
    },
}

impl ReadError {
    /// Whether privileges are what is missing.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// Anything else.
    Other,
}

/// What is known of a file without reading it.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// What it is.
    pub kind: Kind,
    /// Bytes.
    pub size: u64,
    /// Last change of its content.
    pub modified: Timestamp,
}

/// One directory, as a walk over a tree sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Names and what they are, sorted; links are not followed and are [`Kind::Other`].
    pub entries: Vec<(String, Kind)>,
    /// The file system it lies on.
    pub device: u64,
    /// Whether that is reached over a network or served by another process: a walk there is slow for us and a burden for others.
    pub remote: bool,
}

/// Names in a directory, as far as they are looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Sorted.
    pub names: Vec<String>,
    /// Whether there are more.
    pub has_more: bool,
    /// How many are not UTF-8, so that nothing can be looked up under them, and one of them as far as it can be shown.
    pub unspeakable: Option<(usize, String)>,
}

/// Entries of one directory that are looked at. The largest that collectors list are dpkg's info with some 10,000, and `/proc` of a host
/// with more processes than a section has rows.
pub const DIRECTORY_ENTRIES: usize = 250_000;

/// What a file in `/sys` has at most, and nearly every one in `/proc`.
const PAGE_BYTES: usize = 4096;

/// Bytes that are read of a directory at once.
#[cfg(linux)]
const LISTING_BYTES: usize = 32 << 10;

impl Root {
    /// A captured tree, or the live machine when `path` is `/`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let live = path == Path::new("/");
        Self { path, live }
    }

    /// This machine.
    #[must_use]
    pub fn live() -> Self {
        Self::new("/")
    }

    /// Whether this is the running machine, whose kernel and sockets may be asked.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// The directory that stands for `/`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a regular file; none when there is no such file.
    ///
    /// # Errors
    /// When it exists and cannot be opened, or is not a regular file.
    pub fn open(&self, path: &str) -> Result<Option<File>, ReadError> {
        Ok(self.open_sized(path)?.map(|(file, _)| file))
    }

    /// With the size that it claims.
    fn open_sized(&self, path: &str) -> Result<Option<(File, u64)>, ReadError> {
        let Some(file) = absent_as_none(self.open_raw(path, Access::Read)).map_err(|source| failed(path, source))? else { return Ok(None) };
        let metadata = file.metadata().map_err(|source| failed(path, source))?;
        if metadata.is_file() { Ok(Some((file, metadata.len()))) } else { Err(ReadError::NotRegular { path: path.to_owned() }) }
    }

    /// The whole of a file; none when there is no such file.
    ///
    /// # Errors
    /// As [`Root::open`], and when it is larger than `limit`.
    pub fn read(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, ReadError> {
        let Some((file, size)) = self.open_sized(path)? else { return Ok(None) };
        // The kernel's own files claim to have no bytes, or a page. With room for one more than there are, two reads do: all, and the end.
        let room = usize::try_from(size).unwrap_or(usize::MAX).max(PAGE_BYTES).min(limit);
        let mut bytes = Vec::with_capacity(room.saturating_add(1));
        file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(|source| failed(path, source))?;
        if bytes.len() > limit { Err(ReadError::TooLarge { path: path.to_owned(), limit }) } else { Ok(Some(bytes)) }
    }

    /// What a path leads to, links followed; none when there is nothing or it may not be seen.
    #[must_use]
    pub fn facts(&self, path: &str) -> Option<Facts> {
        let metadata = self.open_raw(path, Access::Look).ok()?.metadata().ok()?;
        Some(facts_of(&metadata))
    }

    /// Whether a path leads anywhere.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        self.facts(path).is_some()
    }
}

enum Access {
    Read,
    Look,
    List,
}

fn failed(path: &str, source: io::Error) -> ReadError {
    ReadError::Io { path: path.to_owned(), source }
}

/// A missing path component, or a process that ended while it was read, is absence.
fn absent_as_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    const ESRCH: i32 = 3;
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) if cfg!(unix) && error.raw_os_error() == Some(ESRCH) => Ok(None),
        Err(error) => Err(error),
    }
}

fn facts_of(metadata: &std::fs::Metadata) -> Facts {
    let kind = match metadata.file_type() {
        kind if kind.is_file() => Kind::File,
        kind if kind.is_dir() => Kind::Directory,
        _ => Kind::Other,
    };
    let since = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok()).unwrap_or_default();
    Facts { kind, size: metadata.len(), modified: Timestamp(i64::try_from(since.as_secs()).unwrap_or(0).saturating_mul(1000)) }
}

#[cfg(linux)]
mod linux {
    use super::{Access, DIRECTORY_ENTRIES, Kind, LISTING_BYTES, Listing, Names, ReadError, Root, absent_as_none, failed};
    use rollcall_shared::Timestamp;
    use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, ResolveFlags};
    use std::fs::File;
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;

    /// An open directory, for many look-ups in it.
    #[derive(Debug)]
    pub struct Directory(OwnedFd);

    /// Magic numbers of NFS, SMB (three), Ceph, AFS, 9P, FUSE and Lustre, from `linux/magic.h` and their own headers.
    const REMOTE: [u64; 9] = [0x6969, 0x517b, 0xfe53_4d42, 0xff53_4d42, 0x00c3_6400, 0x5346_414f, 0x0102_1997, 0x6573_5546, 0x0bd0_0bd0];

    fn kind_of(kind: FileType) -> Kind {
        match kind {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            _ => Kind::Other,
        }
    }

    /// Hands on each entry of a directory that has a name in UTF-8.
    fn each_entry(directory: &OwnedFd, path: &str, mut each: impl FnMut(&str, FileType)) -> Result<(), ReadError> {
        let mut buffer = [MaybeUninit::uninit(); LISTING_BYTES];
        let mut listing = RawDir::new(directory, &mut buffer);
        let mut count = 0;
        while let Some(entry) = listing.next() {
            let entry = entry.map_err(|error| failed(path, error.into()))?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name == "." || name == ".." {
                continue;
            }
            if count >= DIRECTORY_ENTRIES {
                return Err(ReadError::TooManyEntries { path: path.to_owned(), limit: DIRECTORY_ENTRIES });
            }
            count += 1;
            each(name, entry.file_type());
        }
        Ok(())
    }

    impl Root {
        /// `openat2` resolves everything inside the captured tree; it needs Linux 5.6, which only `--root` asks for.
        pub(super) fn open_raw(&self, path: &str, access: Access) -> io::Result<File> {
            let flags = OFlags::CLOEXEC
                | match access {
                    Access::Read => OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY,
                    Access::Look => OFlags::PATH,
                    Access::List => OFlags::RDONLY | OFlags::DIRECTORY,
                };
            let opened = if self.live {
                rustix::fs::openat(CWD, path, flags, Mode::empty())?
            } else {
                rustix::fs::openat2(self.anchor()?, path, flags, Mode::empty(), ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)?
            };
            Ok(File::from(opened))
        }

        fn anchor(&self) -> io::Result<OwnedFd> {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            // A root that is not there must not look like a machine without files.
            rustix::fs::openat(CWD, &self.path, flags, Mode::empty())
                .map_err(|error| io::Error::other(format!("root {}: {}", self.path.display(), io::Error::from(error))))
        }

        /// The names in a directory, sorted; none when there is no such directory. Names that are not UTF-8 are left out.
        ///
        /// # Errors
        /// When it exists and cannot be listed, or not as a whole.
        pub fn list(&self, path: &str) -> Result<Option<Vec<String>>, ReadError> {
            match self.names(path, DIRECTORY_ENTRIES)? {
                Some(Names { has_more: true, .. }) => Err(ReadError::TooManyEntries { path: path.to_owned(), limit: DIRECTORY_ENTRIES }),
                found => Ok(found.map(|found| found.names)),
            }
        }

        /// As [`Root::list`], `limit` names at most, with word of what is left out instead of an error.
        ///
        /// # Errors
        /// When it exists and cannot be listed.
        pub fn names(&self, path: &str, limit: usize) -> Result<Option<Names>, ReadError> {
            let fail = |source| failed(path, source);
            let Some(directory) = absent_as_none(self.open_raw(path, Access::List)).map_err(fail)? else { return Ok(None) };
            let mut found = Names::default();
            for entry in rustix::fs::Dir::new(OwnedFd::from(directory)).map_err(|error| fail(error.into()))? {
                let entry = entry.map_err(|error| fail(error.into()))?;
                let name = entry.file_name();
                if matches!(name.to_bytes(), b"." | b"..") {
                    continue;
                }
                if found.names.len() >= limit {
                    found.has_more = true;
                    break;
                }
                match name.to_str() {
                    Ok(name) => found.names.push(name.to_owned()),
                    Err(_) => found.unspeakable.get_or_insert_with(|| (0, name.to_string_lossy().into_owned())).0 += 1,
                }
            }
            found.names.sort_unstable();
            Ok(Some(found))
        }

        /// The entries of a directory with their kinds; none when there is no such directory. Names that are not UTF-8 are left out.
        ///
        /// # Errors
        /// When it exists and cannot be listed.
        pub fn entries(&self, path: &str) -> Result<Option<Listing>, ReadError> {
            let fail = |error: rustix::io::Errno| failed(path, error.into());
            let opened = absent_as_none(self.open_raw(path, Access::List)).map_err(|source| failed(path, source))?;
            let Some(directory) = opened.map(OwnedFd::from) else { return Ok(None) };
            let device = rustix::fs::fstat(&directory).map_err(fail)?.st_dev;
            // What lies on a block device of this machine has a number of its kind, and is nobody else's.
            let may_be_remote = rustix::fs::major(device) == 0;
            let is_remote = || rustix::fs::fstatfs(&directory).is_ok_and(|facts| REMOTE.contains(&(facts.f_type as u64 & 0xffff_ffff)));
            let remote = may_be_remote && is_remote();
            let mut entries = Vec::new();
            each_entry(&directory, path, |name, kind| {
                let kind = match kind {
                    // Some file systems do not keep kinds in their directories.
                    FileType::Unknown => rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)
                        .map_or(FileType::Unknown, |facts| FileType::from_raw_mode(facts.st_mode)),
                    kind => kind,
                };
                entries.push((name.to_owned(), kind_of(kind)));
            })?;
            entries.sort_unstable();
            Ok(Some(Listing { entries, device, remote }))
        }

        /// The user a path belongs to, on the running machine; none when there is nothing or it may not be seen.
        #[must_use]
        pub fn owner(&self, path: &str) -> Option<u32> {
            if !self.live {
                return None;
            }
            Some(rustix::fs::statat(CWD, path, AtFlags::empty()).ok()?.st_uid)
        }

        /// Where a symbolic link points, as written in it; none when it is not a link.
        #[must_use]
        pub fn link(&self, path: &str) -> Option<String> {
            let (parent, name) = path.rsplit_once('/')?;
            let parent = if parent.is_empty() { "/" } else { parent };
            let directory = if self.live {
                rustix::fs::openat(CWD, parent, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?
            } else {
                OwnedFd::from(self.open_raw(parent, Access::Look).ok()?)
            };
            rustix::fs::readlinkat(directory, name, Vec::new()).ok()?.into_string().ok()
        }

        /// Opens a directory for many look-ups.
        #[must_use]
        pub fn directory(&self, path: &str) -> Option<Directory> {
            Some(Directory(OwnedFd::from(self.open_raw(path, Access::List).ok()?)))
        }
    }

    impl Directory {
        /// Where a symbolic link in it points, as written in it.
        #[must_use]
        pub fn link(&self, name: &str) -> Option<String> {
            rustix::fs::readlinkat(&self.0, name, Vec::new()).ok()?.into_string().ok()
        }

        /// When the content of a file in it last changed, whole seconds.
        #[must_use]
        pub fn modified(&self, name: &str) -> Option<Timestamp> {
            let stat = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
            Some(Timestamp(stat.st_mtime.saturating_mul(1000)))
        }
    }
}

#[cfg(linux)]
pub use linux::Directory;

#[cfg(not(linux))]
impl Root {
    fn open_raw(&self, path: &str, _access: Access) -> io::Result<File> {
        File::open(self.path.join(path.trim_start_matches('/')))
    }
}

#[cfg(all(test, linux))]
mod tests;
