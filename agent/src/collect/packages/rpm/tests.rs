//! A database as rpm writes it, real ones, and headers that lie.

use super::header::{ARCH, EPOCH, INSTALLTIME, NAME, RELEASE, SIZE, SOURCERPM, VENDOR, VERSION};
use super::*;
use crate::root::Root;
use proptest::prelude::*;
use rusqlite::Connection;
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
    let result = read(&scope, &Distribution::default(), &mut Owned::default(), &mut packages).map(|()| packages).map_err(|failure| failure.to_string());
    (result, scope.problems())
}

/// A database with one package, for whole trees.
pub(crate) fn plant(folder: &Path) {
    let text = [(NAME, "bash"), (VERSION, "5.2.32"), (RELEASE, "1.fc41"), (ARCH, "x86_64"), (VENDOR, "Fedora Project"), (SOURCERPM, "bash-5.2.32-1.fc41.src.rpm")];
    let numbers = [(SIZE, 8_435_272), (INSTALLTIME, 1_729_000_000)];
    let tags: Vec<_> = text.map(|(tag, text)| (tag, Err(text))).into_iter().chain(numbers.map(|(tag, number)| (tag, Ok(number)))).collect();
    database(folder, &[header(&tags)]);
}

/// A database whose package has two files, the second one as given.
pub(crate) fn plant_with_file(folder: &Path, directory: &str, name: &str) {
    let lists: [(u32, u32, u32, Vec<u8>); 6] = [
        (NAME, 6, 1, b"python3-own\0".to_vec()),
        (VERSION, 6, 1, b"1\0".to_vec()),
        (RELEASE, 6, 1, b"1\0\0".to_vec()),
        (header::DIRINDEXES, 4, 2, [0_u32, 1].iter().flat_map(|word| word.to_be_bytes()).collect()),
        (header::BASENAMES, 8, 2, format!("{name}\0{name}\0").into_bytes()),
        (header::DIRNAMES, 8, 2, format!("/elsewhere/\0{directory}\0").into_bytes()),
    ];
    let (mut index, mut store) = (Vec::new(), Vec::new());
    for (tag, kind, count, data) in lists {
        index.extend([tag, kind, u32::try_from(store.len()).expect("small"), count].iter().flat_map(|word| word.to_be_bytes()));
        store.extend(data);
    }
    let lengths: Vec<u8> = [6, u32::try_from(store.len()).expect("small")].iter().flat_map(|word| word.to_be_bytes()).collect();
    database(folder, &[[lengths, index, store].concat()]);
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
fn a_log_that_is_none_is_left_alone() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    database(directory.path(), &[]);
    let wal = directory.path().join("var/lib/rpm/rpmdb.sqlite-wal");
    std::fs::write(&wal, "a transaction in progress, of which only nonsense is there").expect("a log");
    let read = read_tree(directory.path());
    assert_eq!(read, (Ok(vec![]), None));
    assert_eq!(std::fs::read(&wal).expect("still there"), b"a transaction in progress, of which only nonsense is there");
}

#[test]
fn a_file_that_is_no_database_is_an_error() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::create_dir_all(directory.path().join("var/lib/rpm")).expect("a folder");
    std::fs::write(directory.path().join("var/lib/rpm/rpmdb.sqlite"), "no database at all, only text that is long enough").expect("a file");
    assert!(read_tree(directory.path()).0.expect_err("not a database").starts_with("/var/lib/rpm/rpmdb.sqlite: "));
}

/// A tree with one of the real databases, changed.
fn real(name: &str, file: &str, change: impl FnOnce(&mut Vec<u8>)) -> Option<tempfile::TempDir> {
    let data = std::env::var_os("ROLLCALL_TEST_DATA")?;
    let mut bytes = std::fs::read(Path::new(&data).join("rpm").join(name).join(file)).expect("a database");
    change(&mut bytes);
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::create_dir_all(directory.path().join("var/lib/rpm")).expect("a folder");
    std::fs::write(directory.path().join("var/lib/rpm").join(file), bytes).expect("written");
    Some(directory)
}

const REAL: [(&str, &str); 3] = [("rpm-sqlite", "rpmdb.sqlite"), ("rpm-ndb", "Packages.db"), ("rpm-bdb", "Packages")];

#[test]
fn real_databases_of_all_formats_read_as_expected() {
    let Some(data) = std::env::var_os("ROLLCALL_TEST_DATA") else { return };
    let expected = std::fs::read(Path::new(&data).join("rpm/expected.json")).expect("expected");
    let expected: serde_json::Value = serde_json::from_slice(&expected).expect("JSON");
    for (name, file) in REAL {
        let directory = real(name, file, |_| ()).expect("data");
        let (packages, problems) = read_tree(directory.path());
        let packages = packages.expect("read");
        let plain = |version: &str| version.rsplit_once(':').map_or(version, |(_, rest)| rest).split('-').next().unwrap_or_default().to_owned();
        let mut found: Vec<(String, String)> = packages.iter().map(|p| (p.name.clone(), plain(&p.version))).collect();
        found.sort();
        let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let mut listed: Vec<(String, String)> =
            expected[name].as_array().expect("a list").iter().map(|row| (text(row, "name"), text(row, "version"))).collect();
        listed.sort();
        assert_eq!((found, problems), (listed, None), "{name}");
        for package in packages {
            assert!(package.installed_at.is_some() && package.source.is_some() && package.licence.is_some(), "{package:?}");
            assert!(package.size_bytes.is_some_and(|size| size > 0) && package.architecture.is_some(), "{package:?}");
        }
    }
}

/// An ndb database of one blob, with room for damage.
fn ndb(blob: &[u8]) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let length = u32::try_from(blob.len()).expect("small");
    let mut body = [b"BlbS".to_vec(), words(&[1, 1, length]), blob.to_vec()].concat();
    body.resize((body.len() + 12).next_multiple_of(16) - 12, 0);
    let sum = ndb::adler32(&body);
    let whole = [body, words(&[sum, length]), b"BlbE".to_vec()].concat();
    let mut file = [b"RpmP".to_vec(), words(&[0, 1, 1, 2, 0, 0, 0]), b"Slot".to_vec(), words(&[1, 256, u32::try_from(whole.len() / 16).expect("small")])].concat();
    while file.len() < 4096 {
        file.extend([b"Slot".to_vec(), words(&[0, 0, 0])].concat());
    }
    [file, whole].concat()
}

/// A Berkeley DB hash database, in either byte order: one value inside its page, one in two overflow pages.
fn berkeley(inside: &[u8], outside: &[u8], order: fn(u32) -> [u8; 4], short: fn(u16) -> [u8; 2]) -> Vec<u8> {
    const PAGE: usize = 512;
    let page = |kind: u8, next: u32, entries: usize, offset: usize| {
        let mut page = vec![0; PAGE];
        page[16..20].copy_from_slice(&order(next));
        page[20..22].copy_from_slice(&short(u16::try_from(entries).expect("small")));
        page[22..24].copy_from_slice(&short(u16::try_from(offset).expect("small")));
        page[25] = kind;
        page
    };
    let mut meta = page(8, 0, 0, 0);
    for (at, word) in [(12, 0x0006_1561), (16, 9), (20, 512), (72, 0), (96, 1)] {
        meta[at..at + 4].copy_from_slice(&order(word));
    }
    (meta[24], meta[25]) = (0, 8);
    let (first, second) = outside.split_at(outside.len().min(PAGE - 26));
    let long = [vec![3, 0, 0, 0], order(2).to_vec(), order(u32::try_from(outside.len()).expect("small")).to_vec()].concat();
    let key = |number: u32| [vec![1], order(number).to_vec()].concat();
    let items = [key(0), key(7), key(1), [vec![1], inside.to_vec()].concat(), key(2), long];
    let mut bucket = page(13, 0, items.len(), 0);
    let mut end = PAGE;
    for (position, item) in items.iter().enumerate() {
        bucket[end - item.len()..end].copy_from_slice(item);
        end -= item.len();
        bucket[26 + 2 * position..][..2].copy_from_slice(&short(u16::try_from(end).expect("small")));
    }
    let overflow = |data: &[u8], next| {
        let mut page = page(7, next, 1, data.len());
        page[26..26 + data.len()].copy_from_slice(data);
        page
    };
    [meta, bucket, overflow(first, 3), overflow(second, 0)].concat()
}

#[track_caller]
fn check_file(file: &str, bytes: &[u8], expected: Result<&[&str], &str>, problem: Option<&str>) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::create_dir_all(directory.path().join("var/lib/rpm")).expect("a folder");
    std::fs::write(directory.path().join("var/lib/rpm").join(file), bytes).expect("written");
    let (packages, problems) = read_tree(directory.path());
    let names = packages.as_ref().map(|packages| packages.iter().map(|p| p.name.as_str()).collect::<Vec<_>>());
    match expected {
        Ok(expected) => assert_eq!(names.as_deref(), Ok(expected)),
        Err(expected) => assert!(names.as_ref().expect_err("damaged").contains(expected), "{names:?}"),
    }
    assert!(problem.is_none_or(|problem| problems.as_ref().is_some_and(|problems| problems.contains(problem))), "{problems:?}");
    assert_eq!(problem.is_some(), problems.is_some(), "{problems:?}");
}

fn small(name: &str, padding: usize) -> Vec<u8> {
    let padding = "x".repeat(padding);
    header(&[(NAME, Err(name)), (VERSION, Err("1")), (RELEASE, Err("2")), (VENDOR, Err(&padding))])
}

#[test]
fn berkeley_databases_of_both_byte_orders_are_read() {
    let (inside, outside) = (small("inside", 3), small("outside", 600));
    check_file("Packages", &berkeley(&inside, &outside, u32::to_le_bytes, u16::to_le_bytes), Ok(&["inside", "outside"]), None);
    check_file("Packages", &berkeley(&inside, &outside, u32::to_be_bytes, u16::to_be_bytes), Ok(&["inside", "outside"]), None);
}

#[test]
fn damaged_berkeley_databases_are_named() {
    let whole = berkeley(&small("inside", 3), &small("outside", 600), u32::to_le_bytes, u16::to_le_bytes);
    let changed = |at: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[at] = value;
        bytes
    };
    check_file("Packages", b"short", Err("not a Berkeley DB"), None);
    check_file("Packages", &changed(24, 1), Err("encrypted"), None);
    check_file("Packages", &changed(26, 1), Err("checksums"), None);
    check_file("Packages", &changed(72, 200), Err("more buckets"), None);
    check_file("Packages", &changed(512 + 16, 1), Err("circle"), Some("circle"));
    check_file("Packages", &changed(512 + 26 + 3, 255), Err("outside the page"), None);
    check_file("Packages", &changed(2 * 512 + 16, 0), Ok(&["inside"]), Some("not a page of its value"));
    check_file("Packages", &changed(3 * 512 + 25, 13), Ok(&["inside"]), Some("not a page of its value"));
    check_file("Packages", &whole[..3 * 512], Ok(&["inside"]), Some("beyond its end"));
}

#[test]
fn an_ndb_database_is_read_and_its_damage_named() {
    let whole = ndb(&small("one", 5));
    let changed = |at: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[at] = value;
        bytes
    };
    check_file("Packages.db", &whole, Ok(&["one"]), None);
    check_file("Packages.db", b"RpmP", Err("not an ndb database"), None);
    check_file("Packages.db", &changed(4, 9), Err("version"), None);
    check_file("Packages.db", &changed(12, 200), Err("no slot"), None);
    check_file("Packages.db", &whole[..4000], Err("beyond its end"), None);
    check_file("Packages.db", &changed(48, b'X'), Err("no slot"), None);
    check_file("Packages.db", &changed(32 + 15, 200), Err("overlap"), None);
    check_file("Packages.db", &changed(4096 + 4, 9), Ok(&[]), Some("not the blob"));
    check_file("Packages.db", &changed(4096 + 20, 9), Ok(&[]), Some("checksum"));
    check_file("Packages.db", &whole[..whole.len() - 1], Ok(&[]), Some("beyond its end"));
}

#[test]
fn large_sizes_and_packagers_are_read() {
    let mut blob = Vec::new();
    blob.extend([4_u32, 0].iter().flat_map(|word| word.to_be_bytes()));
    let mut store = b"a\x001\x002\x00\x00\x00".to_vec();
    store.extend(5_000_000_000_u64.to_be_bytes());
    for (tag, kind, offset) in [(NAME, 6_u32, 0_u32), (VERSION, 6, 2), (RELEASE, 6, 4), (header::LONGSIZE, 5, 8)] {
        blob.extend([tag, kind, offset, 1].iter().flat_map(|word| word.to_be_bytes()));
    }
    blob[4..8].copy_from_slice(&u32::try_from(store.len()).expect("small").to_be_bytes());
    blob.extend(store);
    let package = package(&Header::parse(&blob).expect("a header"), &Distribution::default()).expect("read").expect("a package");
    assert_eq!((package.version.as_str(), package.size_bytes), ("1-2", Some(5_000_000_000)));
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
    #[test]
    fn no_damage_to_a_made_database_panics(flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12), length in any::<prop::sample::Index>()) {
        let (inside, outside) = (small("inside", 3), small("outside", 600));
        for (file, mut bytes) in [("Packages.db", ndb(&outside)), ("Packages", berkeley(&inside, &outside, u32::to_be_bytes, u16::to_be_bytes))] {
            flips.iter().for_each(|(at, value)| { let at = at.index(bytes.len()); bytes[at] = *value; });
            bytes.truncate(length.index(bytes.len()) + 1);
            let directory = tempfile::tempdir().expect("a temporary directory");
            std::fs::create_dir_all(directory.path().join("var/lib/rpm")).expect("a folder");
            std::fs::write(directory.path().join("var/lib/rpm").join(file), bytes).expect("written");
            let _ = read_tree(directory.path());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_damage_to_a_real_database_panics(flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..40), length in any::<prop::sample::Index>(), cut in any::<bool>()) {
        for (name, file) in REAL {
            let damage = |bytes: &mut Vec<u8>| {
                for (at, value, near) in &flips {
                    // Half of the damage where the structure is: at the beginnings of pages.
                    let at = at.index(bytes.len());
                    let at = if *near { at / 4096 * 4096 + at % 64 } else { at };
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = *value;
                    }
                }
                if cut {
                    bytes.truncate(length.index(bytes.len()));
                }
            };
            if let Some(directory) = real(name, file, damage) {
                let _ = read_tree(directory.path());
            }
        }
    }
}
