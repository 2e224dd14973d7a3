//! Packages of programming languages: Python, npm, gems, jars, and what Go and Rust programs say they were built from.
//!
//! First a walk finds the files that describe packages, then those that the distribution's package managers list are dropped, and
//! only what is left is opened. Nothing is executed, no interpreter is asked.

use super::super::{Failure, Scope};
use super::owned::Owned;
use super::room::Room;
use rollcall_shared::limits::SECTION_ROWS;
use rollcall_shared::section::Package;

mod archive;
mod elf;
mod gem;
mod jar;
mod npm;
mod program;
mod python;
mod walk;

/// Bytes of files that are read for languages. Servers of applications have some 10,000 descriptions of a few KiB, and the directories
/// of their archives; this bound is for folders into which others write.
const READ_BYTES: u64 = 1 << 30;

/// Bytes that archives may unfold to, all together: a second or two of work. Libraries inside applications are mostly stored as they are.
const UNFOLDED_BYTES: usize = 512 << 20;

/// What kind of file describes packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// `METADATA`, `PKG-INFO`, or a plain `.egg-info`.
    Python,
    /// `package.json` in a package's folder.
    Npm,
    /// `NAME-VERSION.gemspec`.
    Gem,
    /// A Java archive.
    Jar,
    /// What may be a program.
    Program,
}

/// A file that describes a package, or contains descriptions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub(super) path: String,
    pub(super) kind: Kind,
}

/// Finds the files, without opening any.
pub(super) fn find(scope: &Scope<'_>) -> Vec<Candidate> {
    walk::find(scope)
}

/// Adds the packages of the files that no distribution's package owns.
pub(super) fn read(scope: &Scope<'_>, candidates: &[Candidate], owned: &Owned, packages: &mut Vec<Package>) {
    let before = scope.bytes_read();
    let mut room = UNFOLDED_BYTES;
    let mut texts = Room::default();
    for Candidate { path, kind } in candidates.iter().filter(|candidate| !owned.has(&candidate.path)) {
        if packages.len() > SECTION_ROWS {
            return scope.problem(format_args!("{path}: packages beyond {SECTION_ROWS} are left out"));
        }
        if scope.bytes_read() - before > READ_BYTES || room == 0 {
            return scope.problem(format_args!("{path}: language packages are read no further, after {READ_BYTES} bytes or {UNFOLDED_BYTES} unfolded"));
        }
        let known = packages.len();
        let result = match kind {
            Kind::Python => python::read(scope, path, packages),
            Kind::Npm => npm::read(scope, path, packages),
            Kind::Gem => gem::read(scope, path, packages),
            Kind::Jar => jar::read(scope, path, &mut room, packages),
            Kind::Program => program::read(scope, path, packages),
        };
        if let Err(failure) = result {
            scope.problem(failure);
        }
        if let Some((at, what)) = (known..).zip(packages.iter().skip(known)).find_map(|(at, package)| Some((at, texts.take(package).err()?))) {
            packages.truncate(at);
            return scope.problem(format_args!("{path}: {what}"));
        }
    }
}

/// What every row of a language package has.
fn package(manager: &str, name: String, version: String, location: &str, purl: String) -> Package {
    Package { manager: manager.to_owned(), name, version, location: Some(location.to_owned()), purl: Some(purl), ..Package::default() }
}

/// A file that vanished while it was read, or is not what its name says, is no package; one that may not be read is a problem.
type Result = std::result::Result<(), Failure>;
