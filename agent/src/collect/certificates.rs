//! X.509 certificates in configured paths and in files that servers' configurations name: what expires, and whose it is.
//!
//! Private keys often stand in the same files. They are never decoded, and what was read of such a file is wiped. The trust stores of
//! distributions are not inventoried: they are the packages' business, and hundreds of rows that nobody on this host chose.

use super::users::remote::{Place, RemoteMounts};
use super::{Failure, Scope};
use crate::root::Kind;
use rollcall_shared::Timestamp;
use rollcall_shared::section::Certificate;
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

mod name;
mod named;
pub(crate) mod parse;

/// Bytes of one file. A chain of sixteen with keys of 16,384 bits has some 100 kB.
const FILE_BYTES: usize = 1 << 20;

/// Certificates of one file; a file with more is not a chain but a trust store.
const CHAIN: usize = 16;

/// Files that are opened in one run; a host of a hosting company has some thousands of sites.
const FILES: usize = 20_000;

/// Folders below a configured path: `live/NAME/` of an ACME client is one, `certificates/AUTHORITY/NAME/` of Caddy two.
const DEPTH: usize = 4;

/// Trust stores, links followed.
const TRUST_STORES: [&str; 9] = [
    "/etc/ca-certificates/",
    "/etc/pki/ca-trust/",
    "/etc/ssl/certs/ca-",
    "/usr/lib/ssl/certs/",
    "/usr/local/share/ca-certificates/",
    "/usr/share/ca-certificates/",
    "/usr/share/pki/",
    "/var/lib/ca-certificates/",
    "/usr/share/ca-certs/",
];

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Certificate>, Failure> {
    if !scope.root().exists("/etc") {
        return Err(Failure::Skipped("there is no /etc that could name certificates".to_owned()));
    }
    Ok(find(scope).into_iter().map(Found::into_row).collect())
}

/// When what stands first in each file expires, by the first path of it: the label outlives a renewal, which changes the fingerprint.
pub(crate) fn expiries(scope: &Scope<'_>) -> Vec<(String, Timestamp)> {
    let found = find(scope);
    let mut expiries: Vec<_> = found.iter().filter_map(|one| Some((one.leads.first()?.clone(), one.certificate.not_after?))).collect();
    expiries.sort_unstable();
    expiries
}

/// One certificate and where it was found.
#[derive(Debug, Default)]
struct Found {
    certificate: Certificate,
    paths: BTreeSet<String>,
    used_by: BTreeSet<&'static str>,
    /// Files whose first it is.
    leads: BTreeSet<String>,
}

impl Found {
    fn into_row(self) -> Certificate {
        Certificate {
            paths: self.paths.into_iter().collect(),
            used_by: self.used_by.into_iter().map(str::to_owned).collect(),
            is_chain_only: self.leads.is_empty(),
            ..self.certificate
        }
    }
}

fn find(scope: &Scope<'_>) -> Vec<Found> {
    let mut search = Search { scope, mounts: RemoteMounts::read(scope), seen: BTreeMap::new(), found: BTreeMap::new(), files: 0 };
    // What is named comes first: that it holds no certificate is worth a word, and a file is opened once.
    for (path, user) in named::files(scope) {
        search.visit(&path, user, Manner::Named);
    }
    for path in &scope.options().collect.certificate_paths {
        search.visit(path, "configuration", Manner::Walk);
    }
    search.found.into_values().collect()
}

/// Whether a file was named, and so must hold a certificate, or only lies in a folder that was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Named,
    Walk,
}

struct Search<'a, 'b> {
    scope: &'a Scope<'b>,
    mounts: RemoteMounts,
    /// Fingerprints by file, links followed, so that a file is opened once however often it is named.
    seen: BTreeMap<String, Vec<String>>,
    found: BTreeMap<String, Found>,
    files: usize,
}

impl Search<'_, '_> {
    fn visit(&mut self, path: &str, user: &'static str, manner: Manner) {
        self.descend(path, user, manner, &mut Vec::new());
    }

    fn descend(&mut self, path: &str, user: &'static str, manner: Manner, above: &mut Vec<String>) {
        if self.scope.options().exclude.has_path(path) {
            return;
        }
        let target = match self.mounts.place(self.scope, path) {
            Place::Here(target) => target,
            Place::Remote(point) => {
                return self.scope.problem(format_args!("{path}: not read, because {point} is a file system of another machine"));
            }
            Place::Loop => return self.scope.problem(format_args!("{path}: a loop of links")),
        };
        // Links of a folder of certificates lead into the trust store by the hundred.
        if TRUST_STORES.iter().any(|store| target.starts_with(store)) || self.scope.options().exclude.has_path(&target) {
            return;
        }
        match self.scope.root().facts(path) {
            Some(facts) if facts.kind == Kind::Directory => self.list(path, target, user, above),
            Some(facts) if facts.kind == Kind::File && (manner == Manner::Named || is_worth_reading(path, facts.size)) => {
                self.file(path, target, user, manner);
            }
            Some(_) => {}
            None => self.missing(path),
        }
    }

    /// Names what may not be seen; that something is not there is nothing to speak of, a package's sample may name it.
    fn missing(&self, path: &str) {
        if let Err(error) = self.scope.root().open(path) {
            self.scope.problem(error);
        }
    }

    fn list(&mut self, path: &str, target: String, user: &'static str, above: &mut Vec<String>) {
        if above.len() >= DEPTH || above.contains(&target) {
            return;
        }
        above.push(target);
        for name in self.scope.list(path) {
            self.descend(&format!("{}/{name}", path.trim_end_matches('/')), user, Manner::Walk, above);
        }
        above.pop();
    }

    fn file(&mut self, path: &str, target: String, user: &'static str, manner: Manner) {
        if !self.seen.contains_key(&target) {
            if self.files >= FILES {
                return self.scope.problem(format_args!("certificates beyond {FILES} files are left out"));
            }
            self.files += 1;
            let fingerprints = self.read(path, manner);
            self.seen.insert(target.clone(), fingerprints);
        }
        for (at, fingerprint) in self.seen.get(&target).into_iter().flatten().enumerate() {
            let Some(found) = self.found.get_mut(fingerprint) else { continue };
            found.paths.insert(path.to_owned());
            found.used_by.insert(user);
            if at == 0 {
                found.leads.insert(path.to_owned());
            }
        }
    }

    /// The fingerprints of a file's certificates, in its order.
    fn read(&mut self, path: &str, manner: Manner) -> Vec<String> {
        let bytes = match self.scope.bytes(path, FILE_BYTES) {
            Ok(bytes) => Zeroizing::new(bytes.unwrap_or_default()),
            Err(error) => {
                self.scope.problem(error);
                return Vec::new();
            }
        };
        let blocks = parse::certificates(&bytes);
        if blocks.len() > CHAIN {
            return Vec::new();
        }
        if blocks.is_empty() && manner == Manner::Named {
            self.scope.problem(format_args!("{path}: no certificate in it"));
        }
        let mut fingerprints = Vec::new();
        for (line, block) in blocks {
            match block.and_then(|der| parse::describe(&der)) {
                Ok(certificate) => {
                    fingerprints.push(certificate.fingerprint.clone());
                    let fingerprint = certificate.fingerprint.clone();
                    self.found.entry(fingerprint).or_insert_with(|| Found { certificate, ..Found::default() });
                }
                Err(what) => self.scope.problem(Failure::malformed(path, line, what)),
            }
        }
        fingerprints
    }
}

/// By its name: keys, requests, key stores and texts are not opened when nobody named them.
fn is_worth_reading(path: &str, size: u64) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let is_key = name.contains("privkey") || name.ends_with("key.pem");
    let is_kind = ["pem", "crt", "cer", "cert", "der"].iter().any(|kind| name.rsplit_once('.').is_some_and(|(_, end)| end == *kind));
    is_kind && !is_key && size <= FILE_BYTES as u64
}

#[cfg(test)]
mod tests;
