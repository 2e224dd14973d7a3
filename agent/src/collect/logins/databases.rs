//! The databases that replace `wtmp` and `lastlog`, in SQLite: of wtmpdb with a row for each session, of lastlog2 with a row for each account.

use super::keep;
use crate::collect::sqlite::{Database, Value};
use crate::collect::text::tidy;
use crate::collect::{Failure, Scope};
use rollcall_shared::Timestamp;
use rollcall_shared::section::Login;
use std::collections::BTreeMap;

/// wtmpdb, and where its first releases kept it.
const SESSIONS: [&str; 2] = ["/var/lib/wtmpdb/wtmp.db", "/var/log/wtmp.db"];

/// lastlog2.
const LAST: &str = "/var/lib/lastlog/lastlog2.db";

/// Newest sessions that are looked at: as many as the end of a `wtmp` holds.
const NEWEST: usize = 10_000;

/// Rows of lastlog2 that are looked at; it keeps those of accounts that are gone.
const ACCOUNTS: usize = 100_000;

/// What wtmpdb calls a run of the machine from its start to its shutdown.
const BOOT_TIME: i64 = 1;

/// What wtmpdb calls a session of somebody.
const USER_PROCESS: i64 = 3;

/// A run of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) started_at: Timestamp,
    /// Whether its end was noted, which a shutdown does.
    pub(super) has_ended: bool,
}

/// Readings of a database that changes all the time; each takes milliseconds.
const ATTEMPTS: usize = 3;

/// Adds what they hold; one that cannot be read is a problem.
pub(super) fn read(scope: &Scope<'_>, logins: &mut BTreeMap<String, Login>) {
    for path in SESSIONS {
        each(scope, path, logins, sessions);
    }
    each(scope, LAST, logins, accounts);
}

type Read = fn(&mut Database<'_>, &mut Vec<Login>) -> Result<(), String>;

/// The log-ins of one database. A transaction that was under way while it was read may have left any of its pages in the reading.
fn each(scope: &Scope<'_>, path: &str, logins: &mut BTreeMap<String, Login>, read: Read) {
    for _ in 0..ATTEMPTS {
        let mut found = Vec::new();
        let mut database = match Database::open(scope, path) {
            Ok(Some(database)) => database,
            Ok(None) => return,
            Err(failure) => return scope.problem(failure),
        };
        let result = read(&mut database, &mut found);
        if !database.is_steady() {
            continue;
        }
        // The newest is found first, and what is kept last stays.
        found.into_iter().rev().for_each(|login| keep(logins, login));
        return result.unwrap_or_else(|what| scope.problem(Failure::source(path, what)));
    }
    scope.problem(format_args!("{path}: it changed each time while it was read"));
}

fn sessions(database: &mut Database<'_>, found: &mut Vec<Login>) -> Result<(), String> {
    let (mut looked_at, mut strange) = (0, None);
    database.select("wtmp", ["Type", "User", "Login", "TTY", "RemoteHost"], &mut |row| {
        looked_at += 1;
        match row {
            Ok([kind, user, at, terminal, from]) if kind == Value::Integer(USER_PROCESS) => {
                found.extend(login(user, time(at).map(|micros| micros / 1_000_000), terminal, from));
            }
            Ok(_) => {}
            Err(what) => strange = Some(what),
        }
        looked_at < NEWEST
    })?;
    strange.map_or(Ok(()), Err)
}

/// The latest two runs that wtmpdb noted, the newest first; fewer where there are fewer, or where it changed while it was read.
pub(super) fn runs(scope: &Scope<'_>) -> Vec<Run> {
    let one = |path: &str| {
        let mut database = Database::open(scope, path).ok().flatten()?;
        let mut found = Vec::new();
        let mut looked_at = 0;
        let read = database.select("wtmp", ["Type", "Login", "Logout"], &mut |row| {
            looked_at += 1;
            if let Ok([kind, started, ended]) = row {
                let started = time(started).filter(|_| kind == Value::Integer(BOOT_TIME));
                found.extend(started.map(|micros| Run { started_at: Timestamp(micros / 1_000), has_ended: time(ended).is_some() }));
            }
            found.len() < 2 && looked_at < NEWEST
        });
        (read.is_ok() && database.is_steady()).then_some(found)
    };
    SESSIONS.into_iter().find_map(one).unwrap_or_default()
}

fn accounts(database: &mut Database<'_>, found: &mut Vec<Login>) -> Result<(), String> {
    let (mut looked_at, mut strange) = (0, None);
    database.select("Lastlog2", ["Name", "Time", "TTY", "RemoteHost"], &mut |row| {
        looked_at += 1;
        match row {
            Ok([user, at, terminal, from]) => found.extend(login(user, time(at), terminal, from)),
            Err(what) => strange = Some(what),
        }
        looked_at < ACCOUNTS
    })?;
    strange.map_or(Ok(()), Err)
}

/// A time since 1970, in the unit of the table; none for zero, which is never.
fn time(value: Value<'_>) -> Option<i64> {
    if let Value::Integer(time) = value { Some(time).filter(|&time| time > 0) } else { None }
}

/// Times are of whole seconds, as those of the files are, so that one session has one time in all of them.
fn login(user: Value<'_>, at: Option<i64>, terminal: Value<'_>, from: Value<'_>) -> Option<Login> {
    let at = at.filter(|&seconds| seconds > 0)?;
    Some(Login { user: text(user)?, last_login_at: Some(Timestamp(at.saturating_mul(1000))), terminal: text(terminal), from: text(from) })
}

fn text(value: Value<'_>) -> Option<String> {
    if let Value::Text(text) = value { tidy(&String::from_utf8_lossy(text)) } else { None }
}

#[cfg(test)]
mod tests;
