//! Databases that SQLite itself wrote, compared with what SQLite reads from them, and then damaged.

use super::*;
use crate::root::Root;
use proptest::prelude::*;
use rusqlite::Connection;
use std::path::{Path, PathBuf};

type Rows = Vec<(i64, Vec<u8>)>;

struct Fixture {
    directory: tempfile::TempDir,
    connection: Connection,
}

/// An empty database with pages of `page` bytes, in a mode of journalling.
fn fixture(page: u32, mode: &str) -> Fixture {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let connection = Connection::open(directory.path().join("db")).expect("a database");
    let create = "CREATE TABLE other (a); CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL);";
    let setup = format!("PRAGMA page_size={page}; PRAGMA journal_mode={mode}; PRAGMA wal_autocheckpoint=0; {create}");
    connection.execute_batch(&setup).expect("set up");
    Fixture { directory, connection }
}

impl Fixture {
    fn path(&self) -> PathBuf {
        self.directory.path().join("db")
    }

    fn insert(&self, blobs: &[Vec<u8>]) {
        self.connection.execute_batch("BEGIN").expect("begun");
        for blob in blobs {
            self.connection.execute("INSERT INTO Packages (blob) VALUES (?1)", [blob]).expect("a row");
        }
        self.connection.execute_batch("COMMIT").expect("committed");
    }

    fn truth(&self) -> Rows {
        let mut query = self.connection.prepare("SELECT hnum, blob FROM Packages").expect("a query");
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        rows.map(|row| row.expect("a row")).collect()
    }
}

fn read(folder: &Path) -> Result<Rows, String> {
    let root = Root::new(folder);
    let scope = Scope::new(&root);
    let mut database = Database::open(&scope, "/db").expect("opened").expect("there");
    let mut rows = Rows::new();
    database.scan("packages", &mut |number, row| {
        let blob = match row.and_then(columns) {
            Ok(columns) => match columns.get(1) {
                Some(Value::Blob(blob)) => blob.to_vec(),
                _ => b"not a blob".to_vec(),
            },
            Err(what) => what.into_bytes(),
        };
        rows.push((number, blob));
        true
    })?;
    Ok(rows)
}

/// Blobs whose lengths lie around every limit of the format, for pages of `page` bytes.
fn blobs(page: usize) -> Vec<Vec<u8>> {
    let around = |length: usize| (length.saturating_sub(40)..length + 6).step_by(3);
    let lengths = [0, 20, page / 4, page, 2 * page, 5 * page].into_iter().flat_map(around);
    lengths.enumerate().map(|(seed, length)| (0..length).map(|at| (at * 7 + seed) as u8).collect()).collect()
}

#[test]
fn rows_are_read_as_sqlite_reads_them_for_every_page_size() {
    for page in [512, 1024, 4096, 65_536] {
        let fixture = fixture(page, "DELETE");
        fixture.insert(&blobs(page as usize));
        fixture.connection.execute("DELETE FROM Packages WHERE hnum % 5 = 0", []).expect("deleted");
        fixture.insert(&blobs(page as usize));
        assert_eq!(read(fixture.directory.path()), Ok(fixture.truth()), "pages of {page}");
    }
}

#[test]
fn a_table_of_many_levels_is_read_whole_and_in_order() {
    let fixture = fixture(512, "DELETE");
    fixture.insert(&vec![vec![7; 60]; 20_000]);
    let rows = read(fixture.directory.path()).expect("read");
    assert!(rows.len() == 20_000 && rows.is_sorted());
}

#[test]
fn transactions_in_the_log_count_and_the_files_stay_as_they_are() {
    let fixture = fixture(4096, "WAL");
    fixture.insert(&blobs(4096));
    fixture.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("checkpoint");
    fixture.connection.execute("DELETE FROM Packages WHERE hnum % 3 = 0", []).expect("deleted");
    fixture.insert(&[b"only in the log".to_vec()]);
    let log = fixture.directory.path().join("db-wal");
    let before = (std::fs::read(fixture.path()).expect("database"), std::fs::read(&log).expect("log"));
    assert_eq!(read(fixture.directory.path()), Ok(fixture.truth()));
    assert_eq!((std::fs::read(fixture.path()).expect("database"), std::fs::read(&log).expect("log")), before);
    std::fs::write(&log, b"").expect("emptied");
    assert!(read(fixture.directory.path()).expect("read") != fixture.truth(), "without the log it is another state");
}

#[test]
fn a_database_that_was_never_written_back_is_read_from_its_log() {
    let fixture = fixture(4096, "WAL");
    fixture.insert(&blobs(4096));
    assert_eq!(std::fs::metadata(fixture.path()).expect("facts").len(), 4096, "all but the mode of the journal is in the log");
    assert_eq!(read(fixture.directory.path()), Ok(fixture.truth()));
}

#[test]
fn what_was_not_committed_or_is_left_over_does_not_count() {
    let fixture = fixture(4096, "WAL");
    fixture.insert(&blobs(4096));
    let committed = fixture.truth();
    fixture.connection.execute_batch("PRAGMA cache_size=2; BEGIN").expect("begun");
    for blob in blobs(4096) {
        fixture.connection.execute("INSERT INTO Packages (blob) VALUES (?1)", [blob]).expect("a row");
    }
    assert_eq!(read(fixture.directory.path()), Ok(committed.clone()), "a transaction that spilled and is open");
    fixture.connection.execute_batch("ROLLBACK; PRAGMA wal_checkpoint(RESTART)").expect("rolled back");
    fixture.connection.execute("DELETE FROM Packages WHERE hnum = 1", []).expect("deleted");
    assert_eq!(read(fixture.directory.path()), Ok(fixture.truth()), "frames of the log's earlier use follow the new ones");
    assert_eq!(fixture.truth().len(), committed.len() - 1);
}

#[test]
fn a_frame_with_a_wrong_checksum_ends_the_log() {
    let fixture = fixture(4096, "WAL");
    fixture.insert(&[b"first".to_vec()]);
    let log = fixture.directory.path().join("db-wal");
    let first = std::fs::metadata(&log).expect("facts").len();
    fixture.insert(&[b"second".to_vec()]);
    let mut bytes = std::fs::read(&log).expect("a log");
    bytes[usize::try_from(first).expect("small") + 24 + 3000] ^= 1;
    let copy = tempfile::tempdir().expect("a temporary directory");
    std::fs::copy(fixture.path(), copy.path().join("db")).expect("copied");
    std::fs::write(copy.path().join("db-wal"), bytes).expect("damaged");
    assert_eq!(read(copy.path()), Ok(vec![(1, b"first".to_vec())]));
}

#[track_caller]
fn check_error(change: impl FnOnce(&mut Vec<u8>), expected: &str) {
    let fixture = fixture(512, "DELETE");
    fixture.insert(&vec![vec![1; 3000]; 40]);
    let mut bytes = std::fs::read(fixture.path()).expect("a database");
    change(&mut bytes);
    let copy = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(copy.path().join("db"), bytes).expect("damaged");
    let error = read(copy.path()).map(|rows| rows.len()).expect_err("damaged");
    assert!(error.contains(expected), "{error}");
}

#[test]
fn damage_is_named() {
    check_error(|bytes| bytes.truncate(50), "not an SQLite database");
    check_error(|bytes| bytes[0] = b'X', "not an SQLite database");
    check_error(|bytes| bytes[17] = 3, "no valid size");
    check_error(|bytes| bytes[59] = 2, "not in UTF-8");
    check_error(|bytes| bytes.truncate(6 * 512), "more children than there are pages");
    check_error(|bytes| bytes.truncate(100 * 512), "does not exist");
    let text = |bytes: &[u8]| bytes.windows(8).position(|window| window == b"Packages").expect("the name");
    check_error(|bytes| while bytes[..512].windows(8).any(|window| window == b"Packages") { let at = text(bytes); bytes[at] = b'X' }, "no table packages");
}

#[test]
fn overflow_pages_that_form_a_circle_end() {
    check_error(
        |bytes| {
            for page in bytes.chunks_exact_mut(512).skip(4).filter(|page| page[0] == 0) {
                let own = [0, 0, 0, 6];
                page[..4].copy_from_slice(&own);
            }
            // Rows that claim to be larger than they are.
            for leaf in bytes.chunks_exact_mut(512).skip(3).filter(|page| page[0] == 13) {
                for cell in 0..usize::from(leaf[4]) {
                    let at = usize::from(u16::from_be_bytes([leaf[8 + 2 * cell], leaf[9 + 2 * cell]]));
                    // Twenty overflow pages more, so that as much of the row as before lies in the leaf.
                    let size = (u16::from(leaf[at] & 0x7f) << 7 | u16::from(leaf[at + 1])) + 20 * 508;
                    leaf[at..at + 2].copy_from_slice(&[0x80 | u8::try_from(size >> 7).expect("14 bits"), u8::try_from(size & 0x7f).expect("7 bits")]);
                }
            }
        },
        "circle",
    );
}

#[test]
fn an_interior_page_that_is_its_own_child_ends() {
    check_error(
        |bytes| {
            let count = bytes.len() / 512;
            for number in 1..count {
                let page = &mut bytes[number * 512..][..512];
                if page[0] == 5 {
                    page[8..12].copy_from_slice(&u32::try_from(number + 1).expect("small").to_be_bytes());
                }
            }
        },
        "pages",
    );
}

#[test]
fn numbers_of_every_size_are_read() {
    assert_eq!(integer(&[0xff]), -1);
    assert_eq!(integer(&[0x80, 0]), -32_768);
    assert_eq!(integer(&[0, 0, 1, 0, 0, 0]), 1 << 24);
    let mut bytes = &[0x81, 0x00, 0xff][..];
    assert_eq!((varint(&mut bytes), bytes.len()), (Some(128), 1));
    let mut bytes = &[0xff; 9][..];
    assert_eq!(varint(&mut bytes), Some(u64::MAX));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_damage_panics(flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12), length in any::<prop::sample::Index>(), cut in any::<bool>()) {
        let fixture = fixture(512, "WAL");
        fixture.insert(&vec![vec![1; 700]; 10]);
        fixture.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("checkpoint");
        fixture.insert(&vec![vec![2; 90]; 10]);
        let copy = tempfile::tempdir().expect("a temporary directory");
        for name in ["db", "db-wal"] {
            let mut bytes = std::fs::read(fixture.directory.path().join(name)).expect("a file");
            for (at, value) in &flips {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            if cut {
                bytes.truncate(length.index(bytes.len()));
            }
            std::fs::write(copy.path().join(name), bytes).expect("damaged");
        }
        let _ = read(copy.path());
    }

    #[test]
    fn no_row_panics(row in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = columns(&row);
    }
}
