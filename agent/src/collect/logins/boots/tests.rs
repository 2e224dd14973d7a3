use super::*;
use crate::collect::testing::plant;
use crate::root::Root;
use rusqlite::Connection;
use std::path::Path;

/// When the machine was started, in seconds.
const START: u32 = 1_700_000_000;

const SYSTEMD: &str = "=== /run/systemd/system/x\n";

fn planted(more: &str) -> tempfile::TempDir {
    plant(&format!("=== /proc/stat\nbtime {START}\n=== /var/log/dmesg\n{more}"))
}

/// A `wtmp` of (what, seconds): `boot`, `shutdown`, `halt` (run level 0 of sysvinit), `level` (run level 5), `login`, `logout`, `empty`.
fn journal(layout: Layout, turns: &[(&str, u32)]) -> Vec<u8> {
    let one = |&(what, seconds): &(&str, u32)| {
        let (kind, user, level) = match what {
            "boot" => (2, "reboot", 0),
            "shutdown" => (1, "shutdown", 0),
            "halt" => (1, "runlevel", b'0'),
            "level" => (1, "runlevel", b'5'),
            "login" => (7, "ann", 0),
            "logout" => (8, "", 0),
            _ => return vec![0; layout.journal_bytes()],
        };
        let mut record = super::super::tests::journal_record(layout, kind, user, "~", "6.12.48", [0; 4], seconds);
        // sysvinit puts the earlier level into the second byte.
        record[4..8].copy_from_slice(&(i32::from(level) | i32::from(b'2') << 8).to_ne_bytes());
        record
    };
    turns.iter().flat_map(one).collect()
}

fn asked(folder: &Path) -> Option<bool> {
    was_shut_down(&Scope::new(&Root::new(folder)))
}

/// What is said of a machine with this `wtmp.1` and `wtmp`.
#[track_caller]
fn check(more: &str, rotated: &[(&str, u32)], current: &[(&str, u32)], expected: Option<bool>) {
    for (architecture, layout) in [("x86_64", Layout::Narrow), ("aarch64", Layout::Wide)] {
        let tree = planted(&format!("=== /proc/sys/kernel/arch\n{architecture}\n{more}"));
        for (name, turns) in [("wtmp.1", rotated), ("wtmp", current)] {
            if !turns.is_empty() {
                std::fs::write(tree.path().join("var/log").join(name), journal(layout, turns)).expect("written");
            }
        }
        assert_eq!(asked(tree.path()), expected, "{architecture}: {rotated:?} {current:?}");
    }
}

#[test]
fn a_shutdown_before_the_start_is_orderly_whoever_noted_it() {
    for end in ["shutdown", "halt"] {
        check("", &[], &[("boot", START - 9_000), ("login", START - 8_000), (end, START - 60), ("logout", START - 59), ("boot", START)], Some(true));
    }
    check("", &[], &[("boot", START - 9_000), ("shutdown", START - 60), ("boot", START + 120), ("level", START + 130), ("login", START + 200)], Some(true));
}

#[test]
fn a_start_after_which_no_shutdown_was_noted_ended_in_a_crash() {
    check(SYSTEMD, &[], &[("boot", START - 9_000), ("level", START - 8_990), ("boot", START)], Some(false));
    // The shutdown of an earlier run is none of the latest one, but shows that shutdowns are noted here.
    let two = [("boot", START - 9_000), ("shutdown", START - 5_000), ("boot", START - 4_900), ("login", START - 4_000), ("boot", START)];
    check("", &[], &two, Some(false));
    check(SYSTEMD, &[], &[("login", START - 4_000), ("empty", 0), ("boot", START)], Some(false));
}

#[test]
fn where_nothing_can_be_known_nothing_is_said() {
    check(SYSTEMD, &[], &[], None);
    check(SYSTEMD, &[], &[("boot", START), ("login", START + 100)], None);
    // Nothing shows that shutdowns are noted.
    check("", &[], &[("boot", START - 9_000), ("boot", START)], None);
    // This start is not among the records.
    check(SYSTEMD, &[], &[("boot", START - 90_000), ("boot", START - 9_000)], None);
    let crashed = [("boot", START - 9_000), ("boot", START)];
    check(&format!("{SYSTEMD}=== /run/systemd/container\nlxc\n"), &[], &crashed, None);
    check(&format!("{SYSTEMD}=== /proc/sys/kernel/osrelease\n5.15.90.1-microsoft-standard-WSL2\n"), &[], &crashed, None);
}

#[test]
fn records_that_were_put_aside_are_looked_into() {
    check("", &[("boot", START - 9_000), ("shutdown", START - 60)], &[("boot", START)], Some(true));
    check(SYSTEMD, &[("boot", START - 9_000)], &[("boot", START)], Some(false));
    check(SYSTEMD, &[("boot", START - 9_000), ("boot", START)], &[("login", START + 100)], Some(false));
    let tree = planted(SYSTEMD);
    let write = |name: &str, turns| std::fs::write(tree.path().join("var/log").join(name), journal(Layout::Narrow, turns)).expect("written");
    write("wtmp-20231001", &[("boot", START - 9_000)]);
    write("wtmp-20231101", &[("boot", START - 9_000), ("shutdown", START - 60)]);
    write("wtmp-20231101.gz", &[]);
    write("wtmp", &[("boot", START)]);
    assert_eq!(asked(tree.path()), Some(true));
}

#[test]
fn wtmpdb_is_asked_where_wtmp_says_nothing() {
    for (ended, expected) in [("NULL", Some(false)), ("1699999990000000", Some(true))] {
        let tree = planted("=== /var/lib/wtmpdb/x\n");
        let connection = Connection::open(tree.path().join("var/lib/wtmpdb/wtmp.db")).expect("a database");
        let setup = format!(
            "CREATE TABLE wtmp(ID INTEGER PRIMARY KEY, Type INTEGER, User TEXT NOT NULL, Login INTEGER, Logout INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT) STRICT;
            INSERT INTO wtmp (Type, User, Login, Logout, TTY) VALUES (1, 'reboot', 1600000000000000, NULL, '~'), (1, 'reboot', 1699990000000000, {ended}, '~'),
            (3, 'ann', 1699990100000000, NULL, 'tty1'), (1, 'reboot', {START}000000, NULL, '~'), (3, 'ann', 1700000100000000, NULL, 'tty1');"
        );
        connection.execute_batch(&setup).expect("set up");
        assert_eq!(asked(tree.path()), expected);
        connection.execute_batch("DELETE FROM wtmp WHERE Login < 1700000000000000").expect("deleted");
        assert_eq!(asked(tree.path()), None);
    }
}

#[test]
fn a_panic_that_firmware_kept_is_a_crash_unless_it_was_survived_or_is_old() {
    let check = |name: &str, text: &str, seconds_before: u32, expected| {
        let tree = planted(&format!("=== /sys/fs/pstore/{name}\n{text}\n"));
        let file = std::fs::File::options().write(true).open(tree.path().join("sys/fs/pstore").join(name)).expect("a file");
        let modified = std::time::UNIX_EPOCH + std::time::Duration::from_secs(u64::from(START - seconds_before));
        file.set_modified(modified).expect("dated");
        assert_eq!(asked(tree.path()), expected, "{name} {text} {seconds_before}");
    };
    check("dmesg-efi_pstore-170000000001001", "Panic#2 Part1\n<0>[ 1.0] Kernel panic", 30, Some(false));
    check("dmesg-efi_pstore-170000000001001", "Oops#1 Part1\n<0>[ 1.0] BUG", 30, None);
    check("dmesg-efi_pstore-170000000001001", "Panic#2 Part1\n", 200_000, None);
    check("console-ramoops-0", "Panic#2 Part1\n", 30, None);
}
