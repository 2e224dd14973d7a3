//! One collector's run: its access to files, what it read, and what went wrong on the way.
//!
//! A problem that is noted makes the section `partial`; a [`Failure`] that is returned makes it `failed` or `skipped`. What the
//! agent may not read itself is taken from the privileged helper, when there is one. What the operator excluded is as good as absent:
//! it is neither read nor listed here. A collector that goes past these methods, to [`Scope::root`], has to ask for itself.

use super::boot::Boots;
use super::options::Options;
use super::trace::{Found, Trace};
use crate::probe::{HOW_TO_GRANT, Privileged};
use crate::root::{ReadError, Root};
use std::cell::{Cell, RefCell};
use std::fmt::{self, Write};
use std::io::{self, Read};
use std::rc::Rc;

#[cfg(linux)]
pub(crate) use super::round::Round;

/// Nothing is read twice on this platform.
#[cfg(not(linux))]
#[derive(Default)]
pub(crate) struct Round;

/// Why a collector has no section.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A source could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A source is not what it should be.
    #[error("{path}:{line}: {what}")]
    Malformed {
        /// Path below the root.
        path: String,
        /// Line, from 1; byte offset in binary sources.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A source said no in another way: a socket, a database.
    #[error("{subject}: {what}")]
    Source {
        /// Which source.
        subject: String,
        /// What it said.
        what: String,
    },
    /// Not tried.
    #[error("{0}")]
    Skipped(String),
    /// It exceeded its budget.
    #[error("took longer than {seconds} s; a file system, device or service does not answer")]
    OutOfTime {
        /// The budget.
        seconds: u64,
    },
    /// It exceeded its budget at an earlier turn and has not come back.
    #[error("still busy since an earlier inventory; a file system, device or service does not answer")]
    StillBusy,
    /// A bug; the message is in the log.
    #[error("the collector panicked, which is a bug")]
    Panicked,
}

impl Failure {
    /// A malformed line of a text source.
    pub(crate) fn malformed(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self::Malformed { path: path.to_owned(), line, what: what.into() }
    }

    /// A source other than a file.
    pub(crate) fn source(subject: impl Into<String>, what: impl fmt::Display) -> Self {
        Self::Source { subject: subject.into(), what: what.to_string() }
    }
}

/// Problems that are spelled out; beyond, they are counted.
const SPELLED_OUT: usize = 4;

/// Bytes of a text file in `/proc`, `/sys` or `/etc`; the largest usual one, `/proc/cpuinfo` of 512 processors, has 0.8 MiB.
pub(crate) const TEXT_FILE_BYTES: usize = 4 << 20;

/// Bytes of one line of a streamed file; a longer one is cut there.
const LINE_BYTES: usize = 1 << 20;

/// Bytes of a streamed file that are held, unless a line is longer.
const HELD_BYTES: usize = 32 << 10;

/// Access to files for one collector.
pub(crate) struct Scope<'a> {
    root: &'a Root,
    options: &'a Options,
    privileged: &'a Privileged,
    #[cfg_attr(not(linux), allow(dead_code, reason = "only Linux shows its boot as a time that moves"))]
    boots: Option<&'a Boots>,
    #[cfg_attr(not(linux), allow(dead_code, reason = "only collectors of Linux share what they read"))]
    round: Rc<Round>,
    trace: Option<Trace>,
    bytes: Cell<u64>,
    problems: RefCell<Vec<String>>,
    more: Cell<usize>,
    /// Whether a source said that privileges are missing.
    denied: Cell<bool>,
}

impl<'a> Scope<'a> {
    /// A fresh run on `root`, with nothing excluded and without a helper.
    pub(crate) fn new(root: &'a Root) -> Self {
        Self::with(root, Options::default_ref(), Privileged::none_ref())
    }

    /// A fresh run on `root`.
    pub(crate) fn with(root: &'a Root, options: &'a Options, privileged: &'a Privileged) -> Self {
        Self {
            root,
            options,
            privileged,
            boots: None,
            round: Rc::default(),
            trace: None,
            bytes: Cell::new(0),
            problems: RefCell::new(Vec::new()),
            more: Cell::new(0),
            denied: Cell::new(false),
        }
    }

    /// The same, with what is known of the machine's boot.
    pub(crate) fn knowing(mut self, boots: &'a Boots) -> Self {
        self.boots = Some(boots);
        self
    }

    /// The same, with what other collectors read for all.
    pub(crate) fn within(mut self, round: &Rc<Round>) -> Self {
        self.round = Rc::clone(round);
        self
    }

    /// The same, noting every source that is asked.
    pub(crate) fn traced(mut self) -> Self {
        self.trace = Some(Trace::default());
        self
    }

    /// Which sources were asked, and what came of it; empty unless the run is traced.
    pub(crate) fn into_trace(self) -> Trace {
        self.trace.unwrap_or_default()
    }

    /// What the operator configured.
    pub(crate) fn options(&self) -> &'a Options {
        self.options
    }

    /// What the privileged helper brought.
    pub(crate) fn privileged(&self) -> &'a Privileged {
        self.privileged
    }

    /// What is known of the machine's boot, where somebody keeps it.
    #[cfg(linux)]
    pub(crate) fn boots(&self) -> Option<&'a Boots> {
        self.boots
    }

    /// What collectors read for all of this inventory.
    #[cfg(linux)]
    pub(crate) fn round(&self) -> &Round {
        &self.round
    }

    /// Notes a source that is no file of the root (a socket, netlink, an ioctl) and what came of asking it.
    pub(crate) fn asked(&self, source: &str, found: Found) {
        if let Some(trace) = &self.trace {
            trace.note(source, found);
        }
    }

    fn noted<T>(&self, path: &str, result: Result<Option<T>, ReadError>, length: impl Fn(&T) -> usize) -> Result<Option<T>, ReadError> {
        if matches!(&result, Err(error) if error.is_denied()) {
            self.denied.set(true);
        }
        if self.trace.is_some() {
            self.asked(path, Found::of(&result, length));
        }
        result
    }

    /// For look-ups that read no content.
    pub(crate) fn root(&self) -> &'a Root {
        self.root
    }

    /// Bytes read so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes.get()
    }

    /// Counts bytes that were read past this scope.
    pub(crate) fn count(&self, bytes: usize) {
        self.bytes.set(self.bytes.get().saturating_add(bytes as u64));
    }

    /// Notes that something is missing from the section.
    pub(crate) fn problem(&self, what: impl fmt::Display) {
        let what = what.to_string();
        let mut problems = self.problems.borrow_mut();
        if problems.contains(&what) {
            return;
        }
        if problems.len() < SPELLED_OUT { problems.push(what) } else { self.more.set(self.more.get() + 1) }
    }

    /// All problems in one line; none when there were none.
    pub(crate) fn problems(&self) -> Option<String> {
        let problems = self.problems.borrow();
        if problems.is_empty() {
            return None;
        }
        let mut text = problems.join("; ");
        if self.more.get() > 0 {
            let _ = write!(text, "; and {} more", self.more.get());
        }
        if self.denied.get() {
            let _ = write!(text, " ({HOW_TO_GRANT})");
        }
        Some(text)
    }

    /// The whole of a file.
    pub(crate) fn bytes(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, ReadError> {
        if self.options.exclude.has_path(path) {
            return Ok(None);
        }
        let result = match self.root.read(path, limit) {
            Err(error) if error.is_denied() => match self.privileged.file(path).filter(|bytes| bytes.len() <= limit) {
                Some(bytes) => Ok(Some(bytes.to_vec())),
                None => Err(error),
            },
            result => result,
        };
        let bytes = self.noted(path, result, Vec::len)?;
        self.count(bytes.as_ref().map_or(0, Vec::len));
        Ok(bytes)
    }

    /// The whole of a text file; bytes that are not UTF-8 are replaced.
    pub(crate) fn text(&self, path: &str) -> Result<Option<String>, ReadError> {
        let Some(bytes) = self.bytes(path, TEXT_FILE_BYTES)? else { return Ok(None) };
        Ok(Some(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())))
    }

    /// A text file that the section can do without: not being able to read it is a problem.
    pub(crate) fn text_or_problem(&self, path: &str) -> Option<String> {
        self.text(path).unwrap_or_else(|error| {
            self.problem(error);
            None
        })
    }

    /// A one-line attribute of sysfs or procfs, trimmed; none when absent, empty or not supported by the device.
    pub(crate) fn attribute(&self, path: &str) -> Option<String> {
        match self.text(path) {
            Ok(text) => super::text::tidy(&text?),
            Err(error) => {
                if error.is_denied() {
                    self.problem(error);
                }
                None
            }
        }
    }

    /// A numeric attribute; a text that is no number is a problem.
    pub(crate) fn number<N: std::str::FromStr>(&self, path: &str) -> Option<N> {
        let text = self.attribute(path)?;
        let number = text.parse().ok();
        if number.is_none() {
            self.problem(format_args!("{path}: {:?} is not a number in range", text.chars().take(32).collect::<String>()));
        }
        number
    }

    /// The names in a directory; an unreadable one is a problem.
    #[cfg(linux)]
    pub(crate) fn list(&self, path: &str) -> Vec<String> {
        let listed = self.listed(path).unwrap_or_else(|error| {
            self.problem(error);
            None
        });
        listed.unwrap_or_default()
    }

    /// The names in a directory; none when there is no such directory. That some of them are left out is a problem: those beyond the
    /// bound, and those that are not UTF-8, under which nothing can be looked up.
    #[cfg(linux)]
    pub(crate) fn listed(&self, path: &str) -> Result<Option<Vec<String>>, ReadError> {
        use crate::root::{DIRECTORY_ENTRIES, Names};
        if self.options.exclude.has_path(path) {
            return Ok(None);
        }
        let result = match self.root.names(path, DIRECTORY_ENTRIES) {
            Err(error) if error.is_denied() => {
                self.privileged.names(path).map_or(Err(error), |names| Ok(Some(Names { names, ..Names::default() })))
            }
            result => result,
        };
        let Some(mut found) = self.noted(path, result, |found| found.names.len())? else { return Ok(None) };
        self.options.exclude.strip(path, &mut found.names);
        if found.has_more {
            self.problem(format_args!("{path}: entries beyond {DIRECTORY_ENTRIES} are left out"));
        }
        if let Some((count, one)) = found.unspeakable {
            self.problem(format_args!("{path}: names that are not UTF-8 are left out, such as {one:?}; there are {count}"));
        }
        Ok(Some(found.names))
    }

    /// Hands the lines of a file to `each` without ever holding the whole of it; false from `each` ends the reading.
    /// Returns whether the file exists.
    pub(crate) fn lines(&self, path: &str, mut each: impl FnMut(usize, &str) -> Result<bool, Failure>) -> Result<bool, Failure> {
        let Some(source) = self.opened(path)? else { return Ok(false) };
        let mut lines = Lines { source, held: vec![0; HELD_BYTES], filled: 0, number: 0 };
        let mut bytes = 0;
        loop {
            let read = lines.read().map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
            self.count(read);
            bytes += read;
            if !lines.hand_on(read == 0, &mut each)? || read == 0 {
                break;
            }
        }
        self.asked(path, Found::Read(bytes));
        Ok(true)
    }

    /// The file itself, or what the helper has of it.
    fn opened(&self, path: &str) -> Result<Option<Box<dyn Read + 'a>>, ReadError> {
        if self.options.exclude.has_path(path) {
            return Ok(None);
        }
        match self.root.open(path) {
            Ok(Some(file)) => Ok(Some(Box::new(file))),
            Err(error) if error.is_denied() && self.privileged.file(path).is_some() => {
                Ok(self.privileged.file(path).map(|bytes| Box::new(bytes) as Box<dyn Read>))
            }
            // Absent or failed: there is nothing whose length would matter.
            other => self.noted(path, other, |_| 0).map(|_| None),
        }
    }
}

/// A file of which some lines are held.
struct Lines<'a> {
    source: Box<dyn Read + 'a>,
    held: Vec<u8>,
    filled: usize,
    number: usize,
}

impl Lines<'_> {
    /// Reads more, as much as there is room for; 0 at the end.
    fn read(&mut self) -> io::Result<usize> {
        if self.filled == self.held.len() {
            self.held.resize((2 * self.filled).min(LINE_BYTES), 0);
        }
        loop {
            match self.source.read(&mut self.held[self.filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => {
                    self.filled += read.as_ref().unwrap_or(&0);
                    return read;
                }
            }
        }
    }

    /// Hands on the lines that are whole; all at the end of the file. False when enough was read.
    fn hand_on(&mut self, is_end: bool, each: &mut impl FnMut(usize, &str) -> Result<bool, Failure>) -> Result<bool, Failure> {
        let held = &self.held[..self.filled];
        let whole = match held.iter().rposition(|&byte| byte == b'\n') {
            Some(end) if !is_end => end + 1,
            None if !is_end && self.filled < LINE_BYTES => 0,
            _ => self.filled,
        };
        // A chunk that is UTF-8, as nearly all are, is not looked at again.
        let text = std::str::from_utf8(&held[..whole]).map_or_else(|_| String::from_utf8_lossy(&held[..whole]), Into::into);
        let mut rest = &*text;
        while !rest.is_empty() {
            let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
            rest = behind;
            self.number += 1;
            if !each(self.number, line)? {
                return Ok(false);
            }
        }
        self.held.copy_within(whole..self.filled, 0);
        self.filled -= whole;
        Ok(true)
    }
}

#[cfg(all(test, linux))]
mod tests;
