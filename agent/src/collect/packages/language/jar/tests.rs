//! Archives made here, stored and deflated, nested and damaged.

use super::*;
use crate::root::Root;
use proptest::prelude::*;

/// An archive; content is deflated when that makes it shorter.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut body, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let deflated = miniz_oxide::deflate::compress_to_vec(content, 6);
        let (method, packed) = if deflated.len() < content.len() { (8_u16, deflated) } else { (0, content.to_vec()) };
        let sizes: Vec<u8> = [0, u32::try_from(packed.len()).expect("small"), u32::try_from(content.len()).expect("small")].iter().flat_map(|word| word.to_le_bytes()).collect();
        let name_length = u16::try_from(name.len()).expect("small").to_le_bytes();
        let common = [&[20, 0, 0, 0][..], &method.to_le_bytes(), &[0; 4], &sizes, &name_length, &[0, 0]].concat();
        directory.extend([&b"PK\x01\x02\x14\x00"[..], &common, &[0; 10], &u32::try_from(body.len()).expect("small").to_le_bytes(), name.as_bytes()].concat());
        body.extend([&b"PK\x03\x04"[..], &common, name.as_bytes(), &packed].concat());
    }
    let word = |length: usize| u32::try_from(length).expect("small").to_le_bytes();
    let count = u16::try_from(files.len()).expect("small").to_le_bytes();
    let end = [&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &word(directory.len()), &word(body.len()), &[0, 0]].concat();
    [body, directory, end].concat()
}

fn read_bytes(bytes: &[u8]) -> (Vec<(String, String)>, Option<String>) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("app-1.0.jar"), bytes).expect("an archive");
    let root = Root::new(directory.path());
    let scope = Scope::new(&root);
    let mut packages = Vec::new();
    if let Err(failure) = read(&scope, "/app-1.0.jar", &mut { ROOM }, &mut packages) {
        scope.problem(failure);
    }
    let rows = packages.into_iter().map(|package| (package.purl.unwrap_or_default(), package.location.unwrap_or_default()));
    (rows.collect(), scope.problems())
}

#[track_caller]
fn check(bytes: &[u8], expected: &[(&str, &str)]) {
    let (found, problems) = read_bytes(bytes);
    let found: Vec<_> = found.iter().map(|(purl, location)| (purl.as_str(), location.as_str())).collect();
    assert_eq!((found.as_slice(), problems), (expected, None));
}

const ROOM: usize = 1 << 30;

const POM: &[u8] = b"#Generated\ngroupId=org.apache.logging.log4j\nartifactId=log4j-core\nversion=2.14.1\n# and so on, and so on, and so on, and so on\n";
const POM_PATH: &str = "META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties";
const MANIFEST: &[u8] = b"Manifest-Version: 1.0\r\nImplementation-Version: 1.0\r\nImplementation-Vendor-Id: org.exa\r\n mple\r\n\r\nName: x\r\nImplementation-Version: 3\r\n";

#[test]
fn an_archive_of_maven_is_a_package() {
    check(&zip(&[("META-INF/MANIFEST.MF", MANIFEST), (POM_PATH, POM)]), &[("pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", "/app-1.0.jar")]);
}

#[test]
fn a_manifest_alone_gives_version_and_group() {
    check(&zip(&[("META-INF/MANIFEST.MF", MANIFEST)]), &[("pkg:maven/org.example/app@1.0", "/app-1.0.jar")]);
    check(&zip(&[("META-INF/MANIFEST.MF", b"Bundle-Version: 1.0\n")]), &[("pkg:generic/app@1.0", "/app-1.0.jar")]);
    check(&zip(&[("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\n")]), &[]);
}

#[test]
fn archives_inside_an_archive_are_packages_of_their_own() {
    let inner = zip(&[(POM_PATH, POM), ("x.class", b"x")]);
    let expected = [
        ("pkg:maven/org.example/app@1.0", "/app-1.0.jar"),
        ("pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", "/app-1.0.jar!/BOOT-INF/lib/log4j.jar"),
    ];
    let outer = zip(&[("META-INF/MANIFEST.MF", MANIFEST), ("BOOT-INF/lib/log4j.jar", &inner)]);
    check(&outer, &expected);
    // Executable archives begin with a script.
    check(&[b"#!/bin/sh\nexec java -jar $0\n".to_vec(), outer].concat(), &expected);
}

/// The archive with its directory so many times.
fn listing_again(archive: &[u8], times: usize) -> Vec<u8> {
    let (rest, end) = archive.split_at(archive.len() - 22);
    let at = u32::from_le_bytes(end[16..20].try_into().expect("four bytes")) as usize;
    let (body, directory) = rest.split_at(at);
    let directory = directory.repeat(times);
    let end = [&end[..12], &u32::try_from(directory.len()).expect("small").to_le_bytes(), &end[16..]].concat();
    [body, &directory, &end].concat()
}

#[test]
fn a_file_that_an_inner_archive_lists_again_and_again_counts_each_time() {
    let inner = listing_again(&zip(&[(POM_PATH, &[POM, &vec![b'#'; 1 << 20]].concat())]), 100);
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("app.jar"), zip(&[("lib/inner.jar", &inner)])).expect("an archive");
    let root = Root::new(directory.path());
    let (scope, mut room, mut packages) = (Scope::new(&root), 10 << 20, Vec::new());
    read(&scope, "/app.jar", &mut room, &mut packages).expect("read");
    assert_eq!((room, packages.len()), (0, 0));
    assert!(scope.problems().is_some_and(|problems| problems.contains("/app.jar!/lib/inner.jar: ")));
}

#[test]
fn what_unfolds_without_end_is_named() {
    let bomb = zip(&[("META-INF/MANIFEST.MF", &vec![b' '; 5 << 20])]);
    let (found, problems) = read_bytes(&bomb);
    assert!(bomb.len() < 10_000 && found.is_empty() && problems.is_some_and(|problems| problems.contains("cannot be unfolded")));
    assert!(read_bytes(b"no archive").1.is_some_and(|problems| problems.contains("not an archive")));
}

#[test]
fn archives_unfold_to_no_more_than_there_is_room_for() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("a.jar"), zip(&[("META-INF/MANIFEST.MF", &vec![b' '; 5000]), ("b.jar", &vec![0; 5000])])).expect("an archive");
    let root = Root::new(directory.path());
    let scope = Scope::new(&root);
    let (mut room, mut packages) = (6000, Vec::new());
    read(&scope, "/a.jar", &mut room, &mut packages).expect("read");
    assert_eq!((room, packages.len()), (0, 0));
    assert!(scope.problems().is_some_and(|problems| problems.contains("/a.jar!/b.jar: b.jar: cannot be unfolded")));
}

proptest! {
    #[test]
    fn no_damage_panics(flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..10), cut in any::<prop::sample::Index>()) {
        let mut bytes = zip(&[("META-INF/MANIFEST.MF", MANIFEST), (POM_PATH, POM), ("a.jar", &zip(&[(POM_PATH, POM)]))]);
        for (at, value) in &flips {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        bytes.truncate(bytes.len() - cut.index(4));
        let _ = read_bytes(&bytes);
    }
}
