//! rpm: a header blob a package, in a database of one of three formats: SQLite (rpm 4.16 and later), ndb (SUSE), Berkeley DB.
//!
//! Read past rpm's locks, for whoever takes a lock as root can leave files behind that keep others from the database. A database
//! that changed while it was read is therefore read again.

use super::super::text::bounded;
use super::super::{Failure, Scope};
use super::super::positioned::Positioned;
use super::owned::Owned;
use super::purl::{Distribution, Purl};
use super::room::Room;
use super::super::sqlite::{self, Database, Value};
use bdb::BerkeleyDb;
use header::Header;
use ndb::Ndb;
use rollcall_shared::Timestamp;
use rollcall_shared::limits::SECTION_ROWS;
use rollcall_shared::section::Package;
use std::collections::BTreeMap;

mod bdb;
mod header;
mod ndb;

/// Where distributions keep it. Systems that moved it leave a link in the old place, or nothing.
const FOLDERS: [&str; 2] = ["/usr/lib/sysimage/rpm", "/var/lib/rpm"];

/// The newer format first: a conversion may leave the older file behind.
const FILES: [&str; 3] = ["rpmdb.sqlite", "Packages.db", "Packages"];

/// Bytes of one header; kernels with all their files have some 2 MiB.
const HEADER_BYTES: usize = 16 << 20;

/// Bytes of a database. The largest hosts have 300 MiB.
const DATABASE_BYTES: u64 = 4 << 30;

/// Read at once: the pages of one header mostly lie one after the other.
const READ_AHEAD: usize = 64 << 10;

/// Readings of a database that changes all the time. A transaction of rpm writes at the end of each package, seconds apart.
const ATTEMPTS: usize = 3;

/// Takes a package: its number and header, or what is wrong with it. False ends the reading.
type Visit<'v> = dyn FnMut(u64, Result<&[u8], String>) -> bool + 'v;

/// A database of header blobs.
trait Blobs {
    /// Hands each blob to `visit`; an error ends the reading.
    fn each(&mut self, visit: &mut Visit<'_>) -> Result<(), String>;

    /// Whether nobody wrote to it since it was opened.
    fn is_steady(&self) -> bool;
}

impl Blobs for Database<'_> {
    fn each(&mut self, visit: &mut Visit<'_>) -> Result<(), String> {
        self.scan("Packages", &mut |number, row| {
            let blob = row.and_then(|row| match sqlite::columns(row)?.get(1) {
                Some(Value::Blob(blob)) => Ok(*blob),
                _ => Err("no header".to_owned()),
            });
            visit(number.cast_unsigned(), blob)
        })
    }

    fn is_steady(&self) -> bool {
        Database::is_steady(self)
    }
}

/// Adds the installed packages.
pub(super) fn read(scope: &Scope<'_>, distribution: &Distribution, owned: &mut Owned, packages: &mut Vec<Package>) -> Result<(), Failure> {
    for (folder, file) in FOLDERS.iter().flat_map(|folder| FILES.map(|file| (folder, file))) {
        let path = format!("{folder}/{file}");
        let mut reading = Reading::default();
        for _ in 0..ATTEMPTS {
            let Some(mut blobs) = open(scope, &path, file)? else { break };
            reading = Reading { exists: true, ..Reading::default() };
            let result = blobs.each(&mut |number, blob| reading.add(number, blob, distribution, owned));
            reading.failure = result.err();
            reading.steady = blobs.is_steady();
            if reading.steady {
                break;
            }
        }
        if reading.exists {
            return reading.finish(scope, &path, packages);
        }
    }
    Ok(())
}

fn open<'s>(scope: &'s Scope<'_>, path: &str, file: &str) -> Result<Option<Box<dyn Blobs + 's>>, Failure> {
    if file == FILES[0] {
        return Ok(Database::open(scope, path)?.map(|database| Box::new(database) as Box<dyn Blobs>));
    }
    let opened = Positioned::open(scope, path, DATABASE_BYTES, READ_AHEAD)?;
    Ok(opened.map(|opened| if file == FILES[1] { Box::new(Ndb(opened)) as Box<dyn Blobs> } else { Box::new(BerkeleyDb(opened)) }))
}

/// What one reading brought; of a reading that was disturbed nothing is kept.
#[derive(Default)]
struct Reading {
    exists: bool,
    steady: bool,
    packages: Vec<Package>,
    room: Room,
    problems: Vec<String>,
    failure: Option<String>,
}

impl Reading {
    /// Takes one package; false when there are more than a section can hold.
    fn add(&mut self, number: u64, blob: Result<&[u8], String>, distribution: &Distribution, owned: &mut Owned) -> bool {
        let package = |blob| {
            let header = Header::parse(blob)?;
            note_files(&header, owned);
            package(&header, distribution)
        };
        match blob.and_then(package) {
            Ok(Some(package)) => match self.room.take(&package) {
                Ok(()) => self.packages.push(package),
                Err(what) => {
                    self.problems.push(what);
                    return false;
                }
            },
            Ok(None) => {}
            Err(what) => self.problems.push(format!("package {number}: {what}")),
        }
        self.packages.len() + self.problems.len() <= SECTION_ROWS
    }

    fn finish(self, scope: &Scope<'_>, path: &str, packages: &mut Vec<Package>) -> Result<(), Failure> {
        packages.extend(self.packages);
        self.problems.iter().for_each(|what| scope.problem(format_args!("{path}: {what}")));
        if !self.steady {
            scope.problem(format_args!("{path}: it changed each time while it was read"));
        }
        self.failure.map_or(Ok(()), |what| Err(Failure::source(path, what)))
    }
}

/// The row of a header; signing keys are kept by rpm as packages and are none.
fn package(header: &Header<'_>, distribution: &Distribution) -> Result<Option<Package>, String> {
    let name = header.text(header::NAME).ok_or("no name")?;
    if name == "gpg-pubkey" {
        return Ok(None);
    }
    let (version, release) = (header.text(header::VERSION).ok_or("no version")?, header.text(header::RELEASE).ok_or("no release")?);
    let epoch = header.number(header::EPOCH).filter(|&epoch| epoch > 0).map(|epoch| epoch.to_string());
    let plain = format!("{version}-{release}");
    let architecture = header.text(header::ARCH);
    let source = header.text(header::SOURCERPM).and_then(|file| source(&file));
    let installed_at = header.number(header::INSTALLTIME).and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1000)).map(Timestamp);
    Ok(Some(Package {
        origin: None,
        location: None,
        purl: Purl::new("rpm", &name, &plain).architecture(architecture.as_deref()).epoch(epoch.as_deref()).of(distribution),
        manager: "rpm".to_owned(),
        source_version: source.as_ref().map(|(_, version)| version.clone()).filter(|source| *source != plain),
        source: source.map(|(name, _)| name),
        vendor: header.text(header::VENDOR).or_else(|| header.text(header::PACKAGER)),
        size_bytes: header.number(header::LONGSIZE).or_else(|| header.number(header::SIZE)),
        installed_at,
        licence: header.text(header::LICENSE),
        name,
        version: bounded(epoch.map_or_else(|| plain.clone(), |epoch| format!("{epoch}:{plain}"))),
        architecture,
    }))
}

/// Files are kept as names, each with the number of its folder.
fn note_files(header: &Header<'_>, owned: &mut Owned) {
    if owned.is_empty() {
        return;
    }
    let folder = |text| std::str::from_utf8(text).ok().filter(|folder| owned.has_folder(folder.trim_end_matches('/')));
    let folders = (0_u32..).zip(header.texts(header::DIRNAMES)).filter_map(|(number, text)| Some((number, folder(text)?)));
    let folders: BTreeMap<u32, &str> = folders.collect();
    if folders.is_empty() {
        return;
    }
    // Once over the names, however many folders there are: hostile lists could name the same one again and again.
    for (number, name) in header.words(header::DIRINDEXES).zip(header.texts(header::BASENAMES)) {
        if let (Some(folder), Ok(name)) = (folders.get(&number), std::str::from_utf8(name)) {
            owned.note(&format!("{folder}{name}"));
        }
    }
}

/// `bash-5.1.8-6.el9.src.rpm`: name, then version-release.
fn source(file: &str) -> Option<(String, String)> {
    let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"))?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    Some((name.to_owned(), format!("{version}-{release}")))
}

/// The row of one header, and the search for owned files in it.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz(bytes: &[u8]) -> usize {
    let Ok(header) = Header::parse(bytes) else { return 0 };
    let mut owned = Owned::among(["/usr/lib/own/METADATA", "/usr/lib/other/METADATA"].into_iter());
    note_files(&header, &mut owned);
    let distribution = Distribution::from(rollcall_shared::section::Os { id: Some("own".to_owned()), ..Default::default() });
    let row = package(&header, &distribution).ok().flatten();
    crate::fuzz::examined_rows(row)
}

#[cfg(test)]
pub(crate) mod tests;
