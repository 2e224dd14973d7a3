//! When each account last logged in, and from where: `lastlog`, which is indexed by number and sparse, the end of `wtmp`, and the databases
//! of lastlog2 and wtmpdb that replace them. The latest of all is what counts.
//!
//! All grow without a bound or look enormous (a number from a directory makes `lastlog` some hundred gigabytes of nothing), so only the
//! records of known accounts and the newest ones are read.

use super::{Failure, Scope, users};
use crate::collect::trace::Found;
use crate::kernel;
use crate::root::ReadError;
use record::Layout;
use rollcall_shared::section::Login;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

mod boots;
mod databases;
mod record;

pub(crate) use boots::was_shut_down;

/// Bytes read of the end of one `wtmp`: some 10,000 log-ins.
const TAIL_BYTES: u64 = 4 << 20;

/// Log-ins kept; accounts of directories come on top of local ones.
const LOGINS: usize = 50_000;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Login>, Failure> {
    if !scope.root().exists("/var/log") && !scope.root().exists("/var/lib") {
        return Err(Failure::Skipped("there is no /var that could hold log-ins".to_owned()));
    }
    let layout = Layout::of(architecture(scope).as_deref());
    let mut logins = BTreeMap::new();
    by_number(scope, layout, &mut logins);
    for path in ["/var/log/wtmp.1", "/var/log/wtmp"] {
        journal(scope, layout, path, &mut logins);
    }
    databases::read(scope, &mut logins);
    Ok(logins.into_values().collect())
}

fn architecture(scope: &Scope<'_>) -> Option<String> {
    if scope.root().is_live() { kernel::architecture() } else { scope.attribute("/proc/sys/kernel/arch") }
}

/// The later of two log-ins stays.
fn keep(logins: &mut BTreeMap<String, Login>, login: Login) {
    if logins.len() >= LOGINS && !logins.contains_key(&login.user) {
        return;
    }
    let kept = logins.entry(login.user.clone()).or_default();
    if kept.last_login_at <= login.last_login_at {
        *kept = login;
    }
}

/// Opens a file of records; not being allowed to is a problem, its absence is not.
fn opened(scope: &Scope<'_>, path: &str) -> Option<(File, u64)> {
    let result = scope.root().open(path);
    let size = |file: &File| file.metadata().map_or(0, |metadata| metadata.len());
    scope.asked(path, Found::of(&result, |file| usize::try_from(size(file)).unwrap_or(usize::MAX)));
    match result {
        Ok(file) => file.map(|file| {
            let size = size(&file);
            (file, size)
        }),
        Err(error) => {
            scope.problem(error);
            None
        }
    }
}

/// `lastlog` has a record for each number, most of them holes.
fn by_number(scope: &Scope<'_>, layout: Layout, logins: &mut BTreeMap<String, Login>) {
    const PATH: &str = "/var/log/lastlog";
    let Some((file, size)) = opened(scope, PATH) else { return };
    let mut record = vec![0; layout.last_bytes()];
    for (number, name) in users::names(scope) {
        let Some(offset) = u64::from(number).checked_mul(record.len() as u64).filter(|offset| *offset < size) else { continue };
        match file.read_exact_at(&mut record, offset) {
            Ok(()) => scope.count(record.len()),
            Err(source) => return scope.problem(ReadError::Io { path: PATH.to_owned(), source }),
        }
        if let Some(login) = record::last(layout, &record, &name) {
            keep(logins, login);
        }
    }
}

/// The last whole records of a `wtmp`; none when there is no such file or it cannot be read, which is a problem.
fn tail(scope: &Scope<'_>, layout: Layout, path: &str) -> Option<Vec<u8>> {
    let (file, size) = opened(scope, path)?;
    let length = layout.journal_bytes() as u64;
    let whole = size - size % length;
    if whole == 0 && size > 0 {
        scope.problem(Failure::malformed(path, 0, "shorter than one record"));
        return None;
    }
    let read = whole.min(TAIL_BYTES - TAIL_BYTES % length);
    let mut bytes = vec![0; usize::try_from(read).unwrap_or(0)];
    if let Err(source) = file.read_exact_at(&mut bytes, whole - read) {
        scope.problem(ReadError::Io { path: path.to_owned(), source });
        return None;
    }
    scope.count(bytes.len());
    Some(bytes)
}

/// `wtmp` has a record for each log-in, the latest at the end.
fn journal(scope: &Scope<'_>, layout: Layout, path: &str, logins: &mut BTreeMap<String, Login>) {
    let Some(bytes) = tail(scope, layout, path) else { return };
    let mut strange = 0_usize;
    for record in bytes.chunks_exact(layout.journal_bytes()) {
        match record::journal(layout, record) {
            Ok(login) => login.into_iter().for_each(|login| keep(logins, login)),
            Err(record::Strange) => strange += 1,
        }
    }
    if strange > 0 {
        scope.problem(format_args!("{path}: {strange} records are none of a log-in's"));
    }
}

#[cfg(test)]
mod tests;
