//! Public keys: those that open accounts, and those that name this host.
//!
//! The keys themselves never leave this module, only their fingerprints; of options only the names, for their values hold commands and
//! addresses. Homes on the file systems of other machines are not touched: that would wait for a server, or mount what is not mounted.

use super::users::remote::RemoteMounts;
use super::{Failure, Scope, users};
use crate::root::ReadError;
use rollcall_shared::limits::SECTION_ROWS;
use rollcall_shared::section::SshKey;
use std::collections::BTreeSet;

mod key;
pub(crate) mod server;

/// Bytes of one file of keys; a shared account of a large company has some thousand keys of 0.4 kB.
const FILE_BYTES: usize = 4 << 20;

/// Keys of one file.
const KEYS: usize = 10_000;

/// What sshd does when it is not told, sshd_config(5).
const USUAL_FILES: &str = ".ssh/authorized_keys .ssh/authorized_keys2";

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<SshKey>, Failure> {
    if !scope.root().exists("/etc") {
        return Err(Failure::Skipped("there is no /etc that could name accounts".to_owned()));
    }
    let server = server::Settings::read(scope);
    let mut keys = host_keys(scope, &server);
    let places = places(&server);
    let mounts = RemoteMounts::read(scope);
    for user in users::accounts(scope) {
        let home = user.home.as_deref().unwrap_or("/");
        let files: BTreeSet<String> = places.iter().map(|place| expand(place, &user.name, user.uid, home)).collect();
        for path in files {
            if keys.len() >= SECTION_ROWS {
                return Ok(keys);
            }
            if let Some(text) = readable(scope, &mounts, &path) {
                keys.extend(authorized(scope, &path, &text, &user.name));
            }
        }
    }
    Ok(keys)
}

/// Where keys of accounts are, in sshd's notation. What `Match` blocks say counts too: such a file may open the account.
fn places(server: &server::Settings) -> Vec<String> {
    let set: Vec<&str> = server.everywhere("authorizedkeysfile").collect();
    let usual = if server.first("authorizedkeysfile").is_some() { None } else { Some(USUAL_FILES) };
    let words = set.into_iter().chain(usual).flat_map(str::split_whitespace).map(|word| word.trim_matches('"'));
    words.filter(|word| !word.is_empty() && *word != "none").map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
}

/// `%h`, `%u`, `%U` and `%%`; what does not begin with a slash counts from the home.
fn expand(place: &str, name: &str, uid: u32, home: &str) -> String {
    let mut path = String::new();
    let mut characters = place.chars();
    while let Some(character) = characters.next() {
        match (character, if character == '%' { characters.next() } else { None }) {
            ('%', Some('h')) => path.push_str(home),
            ('%', Some('u')) => path.push_str(name),
            ('%', Some('U')) => path.push_str(&uid.to_string()),
            ('%', Some(other)) => path.push(other),
            _ => path.push(character),
        }
    }
    if path.starts_with('/') { path } else { format!("{}/{path}", home.trim_end_matches('/')) }
}

fn readable(scope: &Scope<'_>, mounts: &RemoteMounts, path: &str) -> Option<String> {
    if scope.options().exclude.has_path(path) {
        return None;
    }
    if let Some(point) = mounts.holds(scope, path) {
        scope.problem(format_args!("{point}: keys on a file system of another machine are not read"));
        return None;
    }
    match scope.bytes(path, FILE_BYTES) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes?).into_owned()),
        // `/dev/null` as a home, or as the file.
        Err(ReadError::NotRegular { .. }) => None,
        // One home is one problem, however many files of keys it may have.
        Err(error) if error.is_denied() => {
            let folder = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
            scope.problem(format_args!("{folder}: keys may not be read: Permission denied"));
            None
        }
        Err(error) => {
            scope.problem(error);
            None
        }
    }
}

fn authorized(scope: &Scope<'_>, path: &str, text: &str, user: &str) -> Vec<SshKey> {
    let mut seen = BTreeSet::new();
    let mut keys = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if keys.len() >= KEYS {
            scope.problem(format_args!("{path}: keys beyond {KEYS} are left out"));
            break;
        }
        match key::parse(line) {
            // Of equal keys the first one's options hold.
            Ok(Some(key)) if seen.insert(key.fingerprint.clone()) => {
                keys.push(SshKey { kind: "authorized".to_owned(), user: Some(user.to_owned()), path: path.to_owned(), ..key });
            }
            Ok(_) => {}
            Err(what) => scope.problem(Failure::malformed(path, number, what)),
        }
    }
    keys
}

/// The public halves of the host's keys: those by the usual names, and those that sshd is told of.
fn host_keys(scope: &Scope<'_>, server: &server::Settings) -> Vec<SshKey> {
    const FOLDER: &str = "/etc/ssh";
    let usual = scope
        .list(FOLDER)
        .into_iter()
        .filter(|name| name.starts_with("ssh_host_") && name.ends_with("_key.pub"))
        .map(|name| format!("{FOLDER}/{name}"));
    let told = server.everywhere("hostkey").map(|path| format!("{}.pub", path.trim_matches('"'))).filter(|path| path.starts_with('/'));
    let paths: BTreeSet<String> = usual.chain(told).filter(|path| !scope.options().exclude.has_path(path)).collect();
    let mut keys = Vec::new();
    for path in paths {
        for (number, line) in (1..).zip(scope.text_or_problem(&path).unwrap_or_default().lines()) {
            match key::parse(line) {
                Ok(key) => keys.extend(key.map(|key| SshKey { kind: "host".to_owned(), path: path.clone(), ..key })),
                Err(what) => scope.problem(Failure::malformed(&path, number, what)),
            }
        }
    }
    keys
}

#[cfg(test)]
mod tests;
