//! Java archives: Maven's `pom.properties` where there are any, else the manifest, else nothing is known but a name.
//!
//! An archive may contain archives: applications as Spring Boot and application servers pack them. One level of those is read.

use super::super::super::text::tidy;
use super::super::super::{Failure, Scope};
use super::super::super::positioned::Positioned;
use super::super::purl::Purl;
use super::archive::{Archive, Entry};
use super::{Result, package};
use rollcall_shared::section::Package;

/// Bytes of an archive.
const ARCHIVE_BYTES: u64 = 4 << 30;

/// Read at once.
const READ_AHEAD: usize = 16 << 10;

/// Bytes of a manifest or of properties; signed archives have a manifest of some MiB.
const TEXT_BYTES: usize = 4 << 20;

/// Bytes of an archive inside another; the largest libraries have some 60 MiB.
const NESTED_BYTES: usize = 96 << 20;

/// Archives inside one archive.
const NESTED: usize = 2000;

/// Adds what an archive is and contains; `room` is how much archives may still unfold to.
pub(super) fn read(scope: &Scope<'_>, path: &str, room: &mut usize, packages: &mut Vec<Package>) -> Result {
    let Some(mut file) = Positioned::open(scope, path, ARCHIVE_BYTES, READ_AHEAD)? else { return Ok(()) };
    let length = file.length();
    let fail = |what: String| Failure::source(path, what);
    let mut at = |at, length| file.at(at, length).map(<[u8]>::to_vec);
    let archive = Archive::read(length, &mut at).map_err(fail)?;
    let name = path.rsplit('/').next().unwrap_or(path);
    packages.extend(describe(&archive, name, path, &mut |entry, limit| unfold(&archive, entry, limit, room, &mut at)).map_err(fail)?);
    for entry in archive.entries.iter().filter(|entry| is_archive(&entry.name)).take(NESTED) {
        let inner = format!("{path}!/{}", entry.name);
        let bytes = unfold(&archive, entry, NESTED_BYTES, room, &mut at);
        match bytes.and_then(|bytes| nested(&bytes, &entry.name, &inner, room)) {
            Ok(found) => packages.extend(found),
            Err(what) => scope.problem(format_args!("{inner}: {what}")),
        }
    }
    Ok(())
}

/// The content of a file, within what archives may still unfold to: a small one may be listed again and again.
fn unfold(
    archive: &Archive,
    entry: &Entry,
    limit: usize,
    room: &mut usize,
    at: impl FnMut(u64, usize) -> std::result::Result<Vec<u8>, String>,
) -> std::result::Result<Vec<u8>, String> {
    let limit = limit.min(*room);
    let content = archive.content(entry, limit, at);
    // What did not unfold within the limit took as long as if it had.
    *room -= content.as_ref().map_or(limit, Vec::len).min(*room);
    content
}

/// Whether a name is that of a Java archive.
pub(super) fn is_archive(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| matches!(end, "jar" | "war" | "ear"))
}

fn nested(bytes: &[u8], name: &str, location: &str, room: &mut usize) -> std::result::Result<Vec<Package>, String> {
    let slice = |at: u64, length: usize| {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        bytes.get(at..at.saturating_add(length)).map(<[u8]>::to_vec).ok_or_else(|| "truncated".to_owned())
    };
    let archive = Archive::read(bytes.len() as u64, slice)?;
    let name = name.rsplit('/').next().unwrap_or(name);
    describe(&archive, name, location, &mut |entry, limit| unfold(&archive, entry, limit, room, slice))
}

type Open<'o> = dyn FnMut(&Entry, usize) -> std::result::Result<Vec<u8>, String> + 'o;

/// The packages of one archive: several where libraries were merged into one file.
fn describe(archive: &Archive, name: &str, location: &str, open: &mut Open<'_>) -> std::result::Result<Vec<Package>, String> {
    let mut found = Vec::new();
    let is_properties = |entry: &&Entry| entry.name.starts_with("META-INF/maven/") && entry.name.ends_with("/pom.properties");
    for entry in archive.entries.iter().filter(is_properties) {
        found.extend(of_properties(&String::from_utf8_lossy(&open(entry, TEXT_BYTES)?), location));
    }
    if found.is_empty()
        && let Some(entry) = archive.entries.iter().find(|entry| entry.name == "META-INF/MANIFEST.MF")
    {
        found.extend(of_manifest(&String::from_utf8_lossy(&open(entry, TEXT_BYTES)?), name, location));
    }
    Ok(found)
}

/// `groupId=…`, `artifactId=…`, `version=…`.
fn of_properties(text: &str, location: &str) -> Option<Package> {
    let property = |wanted: &str| text.lines().find_map(|line| line.trim().strip_prefix(wanted)?.trim_start().strip_prefix('=').and_then(tidy));
    let (group, artifact, version) = (property("groupId")?, property("artifactId")?, property("version")?);
    let purl = Purl::new("maven", &artifact, &version).namespace(Some(&group)).text();
    Some(package("maven", format!("{group}:{artifact}"), version, location, purl))
}

/// A manifest states a version, and a name that may be one for people: then the file's name is the better one.
fn of_manifest(text: &str, name: &str, location: &str) -> Option<Package> {
    // A line that is longer than 72 bytes goes on behind a blank in the next one.
    let text = text.replace("\r\n", "\n").replace("\n ", "");
    let main = text.split("\n\n").next().unwrap_or_default();
    let attribute = |wanted: &str| main.lines().find_map(|line| line.strip_prefix(wanted)?.strip_prefix(':').and_then(tidy));
    let version = attribute("Implementation-Version").or_else(|| attribute("Bundle-Version")).or_else(|| attribute("Specification-Version"))?;
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let stem = stem.strip_suffix(&version).and_then(|stem| stem.strip_suffix('-')).unwrap_or(stem);
    let artifact = tidy(stem)?;
    let group = attribute("Implementation-Vendor-Id").filter(|group| !group.contains(' '));
    let purl = match &group {
        Some(group) => Purl::new("maven", &artifact, &version).namespace(Some(group)).text(),
        // A Maven package without a group is none.
        None => Purl::new("generic", &artifact, &version).text(),
    };
    let vendor = attribute("Implementation-Vendor").or_else(|| attribute("Bundle-Vendor"));
    let name = group.map_or_else(|| artifact.clone(), |group| format!("{group}:{artifact}"));
    Some(Package { vendor, licence: attribute("Bundle-License"), ..package("maven", name, version, location, purl) })
}

#[cfg(test)]
mod tests;
