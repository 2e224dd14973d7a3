//! Databases with the tables of wtmpdb and lastlog2, as SQLite writes them.

use super::*;
use crate::root::Root;
use rusqlite::{Connection, params};
use std::path::Path;

const WTMP: &str = "CREATE TABLE wtmp(ID INTEGER PRIMARY KEY, Type INTEGER, User TEXT NOT NULL, Login INTEGER, Logout INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT) STRICT";

/// Of the first releases, with other columns in other places.
const EARLY_WTMP: &str = "CREATE TABLE wtmp(Type INTEGER, User TEXT NOT NULL, PID INTEGER, Login INTEGER, Logout INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT) STRICT";

const LASTLOG2: &str = "CREATE TABLE Lastlog2(Name TEXT PRIMARY KEY, Time INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT)";

fn database(folder: &Path, path: &str, setup: &str) -> Connection {
    let path = folder.join(path.trim_start_matches('/'));
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let connection = Connection::open(path).expect("a database");
    connection.execute_batch(setup).expect("set up");
    connection
}

fn session(connection: &Connection, kind: i64, user: &str, micros: i64, terminal: &str, from: Option<&str>) {
    let insert = "INSERT INTO wtmp (Type, User, Login, TTY, RemoteHost, Service) VALUES (?1, ?2, ?3, ?4, ?5, 'sshd')";
    connection.execute(insert, params![kind, user, micros, terminal, from]).expect("a session");
}

fn account(connection: &Connection, user: &str, seconds: i64, terminal: &str, from: &str) {
    connection.execute("REPLACE INTO Lastlog2 VALUES (?1, ?2, ?3, ?4, 'login')", params![user, seconds, terminal, from]).expect("an account");
}

fn gather(folder: &Path) -> (Vec<Login>, Option<String>) {
    let root = Root::new(folder);
    let scope = Scope::new(&root);
    let mut logins = BTreeMap::new();
    read(&scope, &mut logins);
    (logins.into_values().collect(), scope.problems())
}

fn login(user: &str, seconds: i64, terminal: &str, from: Option<&str>) -> Login {
    Login { user: user.into(), last_login_at: Some(Timestamp(seconds * 1000)), terminal: Some(terminal.into()), from: from.map(str::to_owned) }
}

#[test]
fn the_latest_session_of_each_account_is_found_whatever_the_release() {
    for create in [WTMP, EARLY_WTMP] {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let connection = database(folder.path(), SESSIONS[0], create);
        session(&connection, 1, "reboot", 1_000_000, "~", Some("6.12.48"));
        session(&connection, 3, "ann", 2_000_000, "pts/0", Some("192.0.2.1"));
        session(&connection, 3, "ann", 3_900_000, "tty1", None);
        session(&connection, 3, "bob", 1_700_000_000_123_456, "ssh", Some("2001:db8::7"));
        session(&connection, 3, "never", 0, "ssh", None);
        let expected = vec![login("ann", 3, "tty1", None), login("bob", 1_700_000_000, "ssh", Some("2001:db8::7"))];
        assert_eq!(gather(folder.path()), (expected, None), "{create}");
    }
}

#[test]
fn accounts_and_sessions_are_put_together() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let sessions = database(folder.path(), SESSIONS[0], WTMP);
    session(&sessions, 3, "ann", 9_000_000, "pts/0", Some("new"));
    session(&sessions, 3, "bob", 5_000_000, "pts/1", Some("old"));
    let accounts = database(folder.path(), LAST, LASTLOG2);
    account(&accounts, "ann", 8, "pts/7", "older");
    account(&accounts, "bob", 6, "tty2", "");
    account(&accounts, "never", 0, "", "");
    let expected = vec![login("ann", 9, "pts/0", Some("new")), login("bob", 6, "tty2", None)];
    assert_eq!(gather(folder.path()), (expected, None));
}

#[test]
fn a_session_that_lies_in_the_log_only_is_found() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let connection = database(folder.path(), SESSIONS[0], &format!("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; {WTMP}"));
    session(&connection, 3, "ann", 1_000_000, "pts/0", None);
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("checkpoint");
    session(&connection, 3, "ann", 2_000_000, "pts/1", None);
    assert_eq!(gather(folder.path()), (vec![login("ann", 2, "pts/1", None)], None));
}

#[test]
fn only_the_newest_sessions_of_a_long_table_are_looked_at() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let connection = database(folder.path(), SESSIONS[0], WTMP);
    connection.execute_batch("BEGIN").expect("begun");
    session(&connection, 3, "first", 1_000_000, "tty1", None);
    for second in 2..=30_000 {
        session(&connection, 3, "robot", second * 1_000_000, "ssh", None);
    }
    connection.execute_batch("COMMIT").expect("committed");
    assert_eq!(gather(folder.path()), (vec![login("robot", 30_000, "ssh", None)], None));
    let root = Root::new(folder.path());
    let scope = Scope::new(&root);
    read(&scope, &mut BTreeMap::new());
    let size = root.facts(SESSIONS[0]).expect("a database").size;
    assert!(scope.bytes_read() < size * 2 / 3, "{} of {size} bytes are read", scope.bytes_read());
}

#[test]
fn what_is_no_such_database_is_named() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    database(folder.path(), SESSIONS[0], "CREATE TABLE wtmp (Type, Account, Login, TTY, RemoteHost)");
    std::fs::create_dir_all(folder.path().join("var/lib/lastlog")).expect("a folder");
    std::fs::write(folder.path().join("var/lib/lastlog/lastlog2.db"), "text").expect("a file");
    let (logins, problems) = gather(folder.path());
    let expected = "/var/lib/wtmpdb/wtmp.db: table wtmp has no column User; /var/lib/lastlog/lastlog2.db: not an SQLite database";
    assert_eq!((logins, problems.as_deref()), (vec![], Some(expected)));
}
