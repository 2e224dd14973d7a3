//! A database as rpm writes it, real ones, and headers that lie.

use super::header::{ARCH, EPOCH, INSTALLTIME, NAME, RELEASE, SIZE, SOURCERPM, VENDOR, VERSION};
use super::*;
use crate::root::Root;
use proptest::prelude::*;
use std::path::Path;

/// A header with text (`Err`) and 32-bit (`Ok`) tags.
fn header(tags: &[(u32, Result<u32, &str>)]) -> Vec<u8> {
    let (mut index, mut store) = (Vec::new(), Vec::new());
    for (tag, value) in tags {
        let kind: u32 = if value.is_ok() { 4 } else { 6 };
        for word in [*tag, kind, u32::try_from(store.len()).expect("small"), 1] {
            index.extend(word.to_be_bytes());
        }
        match value {
            Ok(number) => store.extend(number.to_be_bytes()),
            Err(text) => store.extend([text.as_bytes(), &[0]].concat()),
        }
    }
    let mut blob = Vec::new();
    blob.extend(u32::try_from(tags.len()).expect("small").to_be_bytes());
    blob.extend(u32::try_from(store.len()).expect("small").to_be_bytes());
    [blob, index, store].concat()
}

fn database(folder: &Path, blobs: &[Vec<u8>]) {
    std::fs::create_dir_all(folder.join("var/lib/rpm")).expect("a folder");
    let connection = Connection::open(folder.join("var/lib/rpm/rpmdb.sqlite")).expect("a database");
    connection.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)", []).expect("a table");
    for blob in blobs {
        connection.execute("INSERT INTO Packages (blob) VALUES (?1)", [blob]).expect("a row");
    }
}

fn read_tree(folder: &Path) -> (Result<Vec<Package>, String>, Option<String>) {
    let root = Root::new(folder);
    let scope = Scope::new(&root);
    let mut packages = Vec::new();
    let result = read(&scope, &Distribution::default(), &mut packages).map(|()| packages).map_err(|failure| failure.to_string());
    (result, scope.problems())
}

/// A database with one package, for whole trees.
pub(crate) fn plant(folder: &Path) {
    let text = [(NAME, "bash"), (VERSION, "5.2.32"), (RELEASE, "1.fc41"), (ARCH, "x86_64"), (VENDOR, "Fedora Project"), (SOURCERPM, "bash-5.2.32-1.fc41.src.rpm")];
    let numbers = [(SIZE, 8_435_272), (INSTALLTIME, 1_729_000_000)];
    let tags: Vec<_> = text.map(|(tag, text)| (tag, Err(text))).into_iter().chain(numbers.map(|(tag, number)| (tag, Ok(number)))).collect();
    database(folder, &[header(&tags)]);
}

#[test]
fn packages_are_read_and_a_broken_one_is_named() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let bash = header(&[
        (NAME, Err("bash")),
        (VERSION, Err("5.1.8")),
        (RELEASE, Err("6.el9")),
        (EPOCH, Ok(2)),
        (SIZE, Ok(4096)),
        (INSTALLTIME, Ok(1_700_000_000)),
        (ARCH, Err("x86_64")),
        (SOURCERPM, Err("bash-5.1.8-5.el9.src.rpm")),
        (VENDOR, Err("(none)")),
    ]);
    database(directory.path(), &[bash, b"nonsense".to_vec(), header(&[(NAME, Err("gpg-pubkey")), (VERSION, Err("1")), (RELEASE, Err("1"))])]);
    let (packages, problems) = read_tree(directory.path());
    let packages = packages.expect("read");
    assert_eq!(packages.len(), 1);
    assert_eq!((packages[0].name.as_str(), packages[0].version.as_str()), ("bash", "2:5.1.8-6.el9"));
    assert_eq!((packages[0].source.as_deref(), packages[0].source_version.as_deref()), (Some("bash"), Some("5.1.8-5.el9")));
    assert_eq!((packages[0].vendor.as_deref(), packages[0].size_bytes), (None, Some(4096)));
    assert_eq!(packages[0].installed_at, Some(Timestamp(1_700_000_000_000)));
    assert_eq!(problems.as_deref(), Some("/var/lib/rpm/rpmdb.sqlite: package 2: the index is larger than the header"));
}

#[test]
fn reading_leaves_the_files_beside_the_database_alone() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    database(directory.path(), &[]);
    let wal = directory.path().join("var/lib/rpm/rpmdb.sqlite-wal");
    std::fs::write(&wal, "a transaction in progress").expect("a log");
    let (_, problems) = read_tree(directory.path());
    assert_eq!(std::fs::read(&wal).expect("still there"), b"a transaction in progress");
    assert!(problems.expect("a problem").contains("rpmdb.sqlite-wal"));
}

#[test]
fn a_file_that_is_no_database_is_an_error() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::create_dir_all(directory.path().join("var/lib/rpm")).expect("a folder");
    std::fs::write(directory.path().join("var/lib/rpm/rpmdb.sqlite"), "no database at all, only text that is long enough").expect("a file");
    assert!(read_tree(directory.path()).0.expect_err("not a database").starts_with("/var/lib/rpm/rpmdb.sqlite: "));
}

#[test]
fn real_databases_read_as_expected_or_say_why_not() {
    let Some(data) = std::env::var_os("ROLLCALL_TEST_DATA") else { return };
    let folder = Path::new(&data).join("rpm");
    let expected: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("expected.json")).expect("expected")).expect("JSON");
    for (name, file) in [("rpm-sqlite", "rpmdb.sqlite"), ("rpm-ndb", "Packages.db"), ("rpm-bdb", "Packages")] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir_all(directory.path().join("var/lib/rpm")).expect("a folder");
        std::fs::copy(folder.join(name).join(file), directory.path().join("var/lib/rpm").join(file)).expect("copied");
        let (packages, problems) = read_tree(directory.path());
        if name != "rpm-sqlite" {
            assert!(packages.expect_err("not read yet").contains("not read yet"));
            continue;
        }
        let mut found: Vec<(String, String)> =
            packages.expect("read").into_iter().map(|p| (p.name, p.version.split('-').next().unwrap_or_default().to_owned())).collect();
        found.sort();
        let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let mut listed: Vec<(String, String)> =
            expected[name].as_array().expect("a list").iter().map(|row| (text(row, "name"), text(row, "version"))).collect();
        listed.sort();
        assert_eq!((found, problems), (listed, None));
    }
}

proptest! {
    #[test]
    fn no_header_panics(blob in proptest::collection::vec(any::<u8>(), 0..200), entries in 0_u32..6, length in 0_u32..100) {
        let _ = Header::parse(&blob);
        let framed = [&entries.to_be_bytes()[..], &length.to_be_bytes(), &blob].concat();
        if let Ok(header) = Header::parse(&framed) {
            let _ = package(&header, &Distribution::default());
        }
    }

    #[test]
    fn no_tag_panics(tag in 1000_u32..1012, kind in 0_u32..10, offset in 0_u32..40, store in proptest::collection::vec(any::<u8>(), 0..40)) {
        let entry: Vec<u8> = [tag, kind, offset, 1].iter().flat_map(|word| word.to_be_bytes()).collect();
        let blob = [&1_u32.to_be_bytes()[..], &u32::try_from(store.len()).expect("small").to_be_bytes(), &entry, &store].concat();
        let header = Header::parse(&blob).expect("lengths fit");
        let _ = (header.text(tag), header.number(tag));
    }
}
