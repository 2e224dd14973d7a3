//! Reading a large file by position: databases of hundreds of MiB, archives and programs of which a few pages matter.
//!
//! Never more than a window of the file is held. A file that grows beyond its bound, or shrinks while it is read, is an error.

use super::trace::Found;
use super::{Failure, Scope};
use crate::root::ReadError;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

/// What tells one state of a file from another: length, and change of content and of inode in nanoseconds.
type Stamp = (u64, i64, i64, i64, i64);

/// An open regular file.
pub(crate) struct Positioned<'s> {
    scope: &'s Scope<'s>,
    file: File,
    opened: Stamp,
    window: Vec<u8>,
    window_at: u64,
    step: usize,
}

impl<'s> Positioned<'s> {
    /// Opens a file of at most `limit` bytes that is read in steps of `step` bytes; none when there is no such file.
    pub(crate) fn open(scope: &'s Scope<'s>, path: &str, limit: u64, step: usize) -> Result<Option<Self>, Failure> {
        if scope.options().exclude.has_path(path) {
            return Ok(None);
        }
        let opened = scope.root().open(path).and_then(|file| match file {
            Some(file) => stamp(&file).map(|stamp| Some((file, stamp))).map_err(|source| ReadError::Io { path: path.to_owned(), source }),
            None => Ok(None),
        });
        scope.asked(path, Found::of(&opened, |(_, stamp)| usize::try_from(stamp.0).unwrap_or(usize::MAX)));
        let Some((file, opened)) = opened? else { return Ok(None) };
        if opened.0 > limit {
            return Err(ReadError::TooLarge { path: path.to_owned(), limit: usize::try_from(limit).unwrap_or(usize::MAX) }.into());
        }
        Ok(Some(Self { scope, file, opened, window: Vec::new(), window_at: 0, step: step.max(1) }))
    }

    /// Length when it was opened.
    pub(crate) fn length(&self) -> u64 {
        self.opened.0
    }

    /// Whether nobody wrote to the file since it was opened.
    pub(crate) fn is_steady(&self) -> bool {
        stamp(&self.file).is_ok_and(|now| now == self.opened)
    }

    /// The bytes at an offset. The caller bounds `length`.
    pub(crate) fn at(&mut self, offset: u64, length: usize) -> Result<&[u8], String> {
        let end = offset.checked_add(length as u64).filter(|&end| end <= self.opened.0);
        let end = end.ok_or_else(|| format!("{length} bytes at {offset} lie beyond its end"))?;
        let held = self.window_at + self.window.len() as u64;
        if offset < self.window_at || end > held {
            self.fill(offset, length).map_err(|error| format!("at {offset}: {error}"))?;
        }
        let start = usize::try_from(offset - self.window_at).unwrap_or(usize::MAX);
        self.window.get(start..start.saturating_add(length)).ok_or_else(|| format!("no bytes at {offset}"))
    }

    /// Reads the whole steps that the bytes lie in: whoever comes from the end finds what stands before them as well.
    fn fill(&mut self, offset: u64, length: usize) -> io::Result<()> {
        let step = self.step as u64;
        let start = offset - offset % step;
        let end = (offset + length as u64).next_multiple_of(step).min(self.opened.0);
        self.window.resize(usize::try_from(end - start).unwrap_or(usize::MAX), 0);
        self.window_at = start;
        let read = self.file.read_exact_at(&mut self.window, start);
        if read.is_err() {
            self.window.clear();
        }
        self.scope.count(self.window.len());
        read
    }
}

fn stamp(file: &File) -> io::Result<Stamp> {
    let facts = file.metadata()?;
    Ok((facts.len(), facts.mtime(), facts.mtime_nsec(), facts.ctime(), facts.ctime_nsec()))
}

/// A number in the byte order of the format, at a place that may not be there.
pub(crate) fn word32(bytes: &[u8], at: usize, order: Order) -> Option<u32> {
    let word: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(if order == Order::Big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
}

/// As [`word32`], of two bytes.
pub(crate) fn word16(bytes: &[u8], at: usize, order: Order) -> Option<u16> {
    let word: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(if order == Order::Big { u16::from_be_bytes(word) } else { u16::from_le_bytes(word) })
}

/// As [`word32`], of eight bytes.
pub(crate) fn word64(bytes: &[u8], at: usize, order: Order) -> Option<u64> {
    let word: [u8; 8] = bytes.get(at..at.checked_add(8)?)?.try_into().ok()?;
    Some(if order == Order::Big { u64::from_be_bytes(word) } else { u64::from_le_bytes(word) })
}

/// The order of the bytes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Most significant first.
    Big,
    /// Least significant first.
    Little,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::Root;

    #[test]
    fn bytes_are_read_by_position_and_never_beyond_the_end() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(directory.path().join("f"), b"0123456789").expect("a file");
        let root = Root::new(directory.path());
        let scope = Scope::new(&root);
        let mut file = Positioned::open(&scope, "/f", 10, 4).expect("opened").expect("there");
        assert_eq!(file.at(8, 2), Ok(&b"89"[..]));
        assert_eq!(file.at(0, 6), Ok(&b"012345"[..]));
        assert_eq!(file.at(2, 3), Ok(&b"234"[..]));
        assert!(file.at(8, 3).is_err() && file.at(u64::MAX, 1).is_err());
        assert_eq!(file.at(9, 1), Ok(&b"9"[..]));
        let before = scope.bytes_read();
        for (at, expected) in [(7, b"7"), (6, b"6"), (5, b"5"), (4, b"4")] {
            assert_eq!(file.at(at, 1), Ok(&expected[..]));
        }
        assert_eq!(scope.bytes_read() - before, 4, "from behind it is one step as well");
        assert!(file.is_steady());
        std::fs::write(directory.path().join("f"), b"01234").expect("a shorter file");
        assert!(!file.is_steady() && file.at(8, 2).is_err());
    }

    #[test]
    fn a_file_beyond_its_bound_is_not_opened() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(directory.path().join("f"), b"0123456789").expect("a file");
        let root = Root::new(directory.path());
        let scope = Scope::new(&root);
        assert!(Positioned::open(&scope, "/f", 9, 4).is_err());
        assert!(Positioned::open(&scope, "/g", 9, 4).expect("absence is no error").is_none());
    }
}
