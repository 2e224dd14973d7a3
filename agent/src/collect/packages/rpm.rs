//! rpm: the sqlite database of rpm 4.16 and later, a header blob a package.
//!
//! The database is opened read-only and `immutable`: an ordinary reader would create or delete the files that rpm keeps beside it.
//! The older formats are recognised and named, not read.

use super::super::{Failure, Scope};
use super::purl::{Distribution, Purl};
use header::Header;
use rollcall_shared::limits::SECTION_ROWS;
use rollcall_shared::section::Package;
use rollcall_shared::Timestamp;
use rusqlite::{Connection, OpenFlags};
use std::os::fd::AsRawFd;

mod header;

/// Where distributions keep it.
const FOLDERS: [&str; 2] = ["/usr/lib/sysimage/rpm", "/var/lib/rpm"];

/// Bytes of one header; kernels with all their files have some 2 MiB.
const HEADER_BYTES: i64 = 16 << 20;

/// Adds the installed packages.
pub(super) fn read(scope: &Scope<'_>, distribution: &Distribution, packages: &mut Vec<Package>) -> Result<(), Failure> {
    for folder in FOLDERS {
        let path = format!("{folder}/rpmdb.sqlite");
        if scope.root().exists(&path) {
            if scope.root().facts(&format!("{path}-wal")).is_some_and(|facts| facts.size > 0) {
                scope.problem(format_args!("{path}-wal: a transaction is not in the database yet"));
            }
            return read_sqlite(scope, &path, distribution, packages);
        }
        for (file, format) in [("Packages.db", "ndb"), ("Packages", "Berkeley DB")] {
            if scope.root().exists(&format!("{folder}/{file}")) {
                return Err(Failure::source(format!("{folder}/{file}"), format_args!("rpm databases in {format} format are not read yet")));
            }
        }
    }
    Ok(())
}

fn read_sqlite(scope: &Scope<'_>, path: &str, distribution: &Distribution, packages: &mut Vec<Package>) -> Result<(), Failure> {
    let Some(file) = scope.root().open(path)? else { return Ok(()) };
    let fail = |error: rusqlite::Error| Failure::source(path, error);
    // By descriptor, so that sqlite opens the very file that was found below the root.
    let uri = format!("file:/proc/self/fd/{}?immutable=1", file.as_raw_fd());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(uri, flags).map_err(fail)?;
    let mut query = connection.prepare("SELECT hnum, length(blob), CASE WHEN length(blob) <= ?1 THEN blob END FROM Packages").map_err(fail)?;
    let mut rows = query.query([HEADER_BYTES]).map_err(fail)?;
    while let Some(row) = rows.next().map_err(fail)? {
        let number: i64 = row.get(0).map_err(fail)?;
        let blob = row.get_ref(2).map_err(fail)?.as_blob_or_null().ok().flatten();
        let Some(blob) = blob else {
            scope.problem(format_args!("{path}: package {number} has no header within {HEADER_BYTES} bytes"));
            continue;
        };
        scope.count(blob.len());
        match Header::parse(blob).and_then(|header| package(&header, distribution)) {
            Ok(package) => packages.extend(package),
            Err(what) => scope.problem(format_args!("{path}: package {number}: {what}")),
        }
        if packages.len() > SECTION_ROWS {
            break;
        }
    }
    Ok(())
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
    let purl = Purl { kind: "rpm", name: &name, version: &plain, architecture: architecture.as_deref(), epoch: epoch.as_deref() }.of(distribution);
    let source = header.text(header::SOURCERPM).and_then(|file| source(&file));
    let version = epoch.map_or_else(|| plain.clone(), |epoch| format!("{epoch}:{plain}"));
    let installed_at = header.number(header::INSTALLTIME).and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1000)).map(Timestamp);
    Ok(Some(Package {
        origin: None,
        location: None,
        purl,
        manager: "rpm".to_owned(),
        source_version: source.as_ref().map(|(_, version)| version.clone()).filter(|source| *source != plain),
        source: source.map(|(name, _)| name),
        vendor: header.text(header::VENDOR).or_else(|| header.text(header::PACKAGER)),
        size_bytes: header.number(header::LONGSIZE).or_else(|| header.number(header::SIZE)),
        installed_at,
        licence: header.text(header::LICENSE),
        name,
        version,
        architecture,
    }))
}

/// `bash-5.1.8-6.el9.src.rpm`: name, then version-release.
fn source(file: &str) -> Option<(String, String)> {
    let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"))?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    Some((name.to_owned(), format!("{version}-{release}")))
}

#[cfg(test)]
pub(crate) mod tests;
