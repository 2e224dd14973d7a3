use super::*;
use crate::collect::testing::plant;
use crate::root::Root;
use rollcall_shared::Timestamp;

const PASSWD: &str = "=== /etc/passwd\nroot:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nfar:x:4000000000:1::/:/bin/sh\n";

/// A record of `wtmp`.
pub(super) fn journal_record(layout: Layout, kind: u16, user: &str, line: &str, host: &str, address: [u8; 4], seconds: u32) -> Vec<u8> {
    let mut record = vec![0; layout.journal_bytes()];
    let mut put = |at: usize, bytes: &[u8]| record[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &kind.to_ne_bytes());
    put(8, line.as_bytes());
    put(44, user.as_bytes());
    put(76, host.as_bytes());
    match layout {
        Layout::Narrow => put(340, &seconds.to_ne_bytes()),
        Layout::Wide => put(344, &u64::from(seconds).to_ne_bytes()),
    }
    put(if layout == Layout::Narrow { 348 } else { 360 }, &address);
    record
}

fn last_record(seconds: u32, line: &str, host: &str) -> Vec<u8> {
    let mut record = vec![0; Layout::Narrow.last_bytes()];
    record[..4].copy_from_slice(&seconds.to_ne_bytes());
    record[4..4 + line.len()].copy_from_slice(line.as_bytes());
    record[36..36 + host.len()].copy_from_slice(host.as_bytes());
    record
}

fn gather(tree: &tempfile::TempDir) -> (Vec<Login>, Option<String>) {
    let root = Root::new(tree.path());
    let scope = Scope::new(&root);
    let logins = collect(&scope).expect("collected");
    assert!(scope.bytes_read() < 2 * TAIL_BYTES, "little is read of large files");
    (logins, scope.problems())
}

fn login(user: &str, seconds: i64, terminal: &str, from: Option<&str>) -> Login {
    Login {
        user: user.into(),
        last_login_at: Some(Timestamp(seconds * 1000)),
        terminal: Some(terminal.into()),
        from: from.map(str::to_owned),
    }
}

#[test]
fn a_file_of_a_terabyte_that_is_mostly_holes_is_read_where_it_matters() {
    let tree = plant(&format!("{PASSWD}=== /var/log/lastlog\n"));
    let file = File::create(tree.path().join("var/log/lastlog")).expect("a file");
    file.write_all_at(&last_record(1_700_000_000, "tty1", ""), 0).expect("written");
    // Not every file system takes files as large.
    if file.write_all_at(&last_record(1_600_000_000, "pts/1", "gate.example.org"), 4_000_000_000 * 292).is_err() {
        return;
    }
    let expected = vec![login("far", 1_600_000_000, "pts/1", Some("gate.example.org")), login("root", 1_700_000_000, "tty1", None)];
    assert_eq!(gather(&tree), (expected, None));
}

#[test]
fn the_latest_of_all_sources_stays() {
    let tree = plant(&format!("{PASSWD}=== /var/log/wtmp\n=== /var/log/wtmp.1\n=== /var/log/lastlog\n"));
    let record = |user: &str, host: &str, seconds| journal_record(Layout::Narrow, 7, user, "pts/0", host, [0; 4], seconds);
    let write = |name: &str, bytes: &[u8]| std::fs::write(tree.path().join("var/log").join(name), bytes).expect("written");
    write("wtmp.1", &[record("ann", "old", 10), record("directory\\bob", "b", 20)].concat());
    // The last one is still being written.
    write("wtmp", &[record("ann", "new", 40), record("ann", "older", 30), vec![7; 100]].concat());
    write("lastlog", &last_record(50, "tty1", ""));
    let expected =
        vec![login("ann", 40, "pts/0", Some("new")), login("directory\\bob", 20, "pts/0", Some("b")), login("root", 50, "tty1", None)];
    assert_eq!(gather(&tree), (expected, None));
}

#[test]
fn only_the_end_of_a_long_journal_is_read() {
    let tree = plant("=== /var/log/wtmp\n");
    let file = File::create(tree.path().join("var/log/wtmp")).expect("a file");
    file.set_len(384 * 1_000_000).expect("long");
    file.write_all_at(&journal_record(Layout::Narrow, 7, "ann", "pts/0", "a", [0; 4], 5), 384 * 999_999).expect("written");
    assert_eq!(gather(&tree), (vec![login("ann", 5, "pts/0", Some("a"))], None));
}

#[test]
fn what_is_no_journal_and_no_database_is_said() {
    let tree = plant("=== /var/log/wtmp\nnonsense\n=== /var/lib/wtmpdb/wtmp.db\nSQLite\n");
    let (logins, problems) = gather(&tree);
    assert_eq!(logins, []);
    let problems = problems.expect("problems");
    assert!(
        problems.contains("/var/log/wtmp:0: shorter than one record") && problems.contains("/var/lib/wtmpdb/wtmp.db: not an SQLite database"),
        "{problems}"
    );
    std::fs::write(tree.path().join("var/log/wtmp"), [0xff; 384]).expect("written");
    assert!(gather(&tree).1.is_some_and(|problems| problems.contains("1 records are none")));
}

#[test]
fn a_machine_without_either_file_has_no_log_ins() {
    assert_eq!(gather(&plant("=== /var/log/messages\n")), (vec![], None));
}
