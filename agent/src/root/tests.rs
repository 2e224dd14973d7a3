//! A captured tree is a closed world.

use super::*;
use std::os::unix::fs::symlink;

fn tree() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::create_dir(directory.path().join("etc")).expect("etc");
    std::fs::write(directory.path().join("etc/name"), "inside").expect("name");
    directory
}

#[track_caller]
fn check(root: &Root, path: &str, expected: Option<&str>) {
    assert_eq!(root.read(path, 100).expect("readable").as_deref(), expected.map(str::as_bytes));
}

#[test]
fn absolute_and_climbing_links_stay_in_the_tree() {
    let directory = tree();
    symlink("/etc/name", directory.path().join("absolute")).expect("link");
    symlink("../../../../../../etc/name", directory.path().join("climbing")).expect("link");
    symlink("/etc/passwd", directory.path().join("outside")).expect("link");
    let root = Root::new(directory.path());
    check(&root, "/absolute", Some("inside"));
    check(&root, "/climbing", Some("inside"));
    check(&root, "/outside", None);
    check(&root, "/../../etc/passwd", None);
    assert_eq!(root.link("/outside").as_deref(), Some("/etc/passwd"));
}

#[test]
fn a_pipe_is_refused_and_does_not_block() {
    let directory = tree();
    let path = directory.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).expect("a pipe");
    assert!(matches!(Root::new(directory.path()).open("/pipe"), Err(ReadError::NotRegular { .. })));
}

#[test]
fn a_large_file_is_an_error_that_names_it() {
    let directory = tree();
    let error = Root::new(directory.path()).read("/etc/name", 5).expect_err("six bytes");
    assert_eq!(error.to_string(), "/etc/name: larger than 5 bytes");
}

#[test]
fn a_root_that_is_not_there_is_an_error_and_not_an_empty_machine() {
    assert!(Root::new("/no/such/root").read("/etc/name", 5).is_err());
    assert!(Root::new("/no/such/root").list("/etc").is_err());
}

#[test]
fn a_link_loop_is_an_error() {
    let directory = tree();
    symlink("/loop", directory.path().join("loop")).expect("link");
    assert!(Root::new(directory.path()).read("/loop", 5).is_err());
}

#[test]
fn names_are_listed_in_order() {
    let directory = tree();
    std::fs::write(directory.path().join("etc/a"), "").expect("file");
    assert_eq!(Root::new(directory.path()).list("/etc").expect("listed"), Some(vec!["a".to_owned(), "name".to_owned()]));
    assert_eq!(Root::new(directory.path()).list("/var").expect("listed"), None);
}

#[test]
fn what_is_left_out_of_a_listing_is_said() {
    use std::os::unix::ffi::OsStrExt;
    let directory = tree();
    for name in [&b"a"[..], b"b", b"n\xff", b"o\xfe"] {
        std::fs::write(directory.path().join("etc").join(std::ffi::OsStr::from_bytes(name)), "").expect("a file");
    }
    let names = |limit| Root::new(directory.path()).names("/etc", limit).expect("readable").expect("there");
    let all = names(3);
    assert_eq!((all.names, all.has_more), (vec!["a".to_owned(), "b".to_owned(), "name".to_owned()], false));
    assert!(matches!(all.unspeakable, Some((2, shown)) if shown.ends_with('\u{fffd}')));
    let some = names(2);
    assert_eq!((some.names.len(), some.has_more), (2, true));
}

#[test]
fn files_of_every_size_are_read_whole_within_the_limit() {
    let directory = tree();
    let root = Root::new(directory.path());
    for size in [0, 1, PAGE_BYTES - 1, PAGE_BYTES, PAGE_BYTES + 1, 5 * PAGE_BYTES] {
        let content: Vec<u8> = (0..size).map(|at| at as u8).collect();
        std::fs::write(directory.path().join("etc/sized"), &content).expect("file");
        assert_eq!(root.read("/etc/sized", size).expect("readable"), Some(content));
        assert!(size == 0 || root.read("/etc/sized", size - 1).is_err());
    }
}

#[test]
fn a_directory_that_is_larger_than_what_is_read_at_once_is_listed_whole() {
    let directory = tree();
    std::fs::create_dir(directory.path().join("many")).expect("folder");
    let names: Vec<String> = (0..3000).map(|number| format!("a-name-of-some-length-{number:04}")).collect();
    names.iter().for_each(|name| std::fs::write(directory.path().join("many").join(name), "").expect("file"));
    let root = Root::new(directory.path());
    assert_eq!(root.list("/many").expect("listed").as_ref(), Some(&names));
    let listing = root.entries("/many").expect("listed").expect("there");
    assert_eq!(listing.entries, names.into_iter().map(|name| (name, Kind::File)).collect::<Vec<_>>());
}
