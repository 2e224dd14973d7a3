//! Large files are read within little memory: the program runs with a bound that the system holds it to.

use std::io::Write;
use std::path::Path;
use std::process::Command;

/// What `inventory` says of a tree's packages while it may have so much memory of its own.
fn packages(tree: &Path, kibibytes: usize) -> serde_json::Value {
    let script = format!("ulimit -d {kibibytes} && exec \"$0\" inventory --root \"$1\" --section packages --format json");
    let output = Command::new("sh").args(["-c", &script, env!("CARGO_BIN_EXE_rollcall-agent")]).arg(tree).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap_or_else(|_| panic!("{said}"))["sections"]["packages"].take()
}

/// A tree with a status file that begins and ends with a package; between the two comes what `fill` writes.
fn tree(fill: impl FnOnce(&mut std::fs::File)) -> tempfile::TempDir {
    let tree = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    std::fs::create_dir_all(tree.path().join("var/lib/dpkg")).unwrap();
    std::fs::create_dir_all(tree.path().join("etc")).unwrap();
    std::fs::write(tree.path().join("etc/os-release"), "ID=own\n").unwrap();
    let mut file = std::fs::File::create(tree.path().join("var/lib/dpkg/status")).unwrap();
    file.write_all(b"Package: first\nStatus: install ok installed\nVersion: 1\nDescription: x\n").unwrap();
    fill(&mut file);
    file.write_all(b"\n\nPackage: last\nStatus: install ok installed\nVersion: 2\n").unwrap();
    tree
}

#[test]
fn a_status_file_of_200_mib_is_streamed() {
    let line = [&[b' '][..], &[b'x'; (256 << 10) - 2], b"\n"].concat();
    let tree = tree(|file| (0..800).for_each(|_| file.write_all(&line).unwrap()));
    let found = packages(tree.path(), 64 << 10);
    assert_eq!((found["outcome"].as_str(), found["rows"].as_array().map(Vec::len)), (Some("complete"), Some(2)), "{found}");
    assert!(found["bytes_read"].as_u64().unwrap() > 200 << 20);
}

#[test]
fn a_status_file_of_a_gigabyte_without_a_line_is_named_and_read_no_further() {
    let tree = tree(|file| {
        use std::io::{Seek, SeekFrom};
        file.seek(SeekFrom::Start(1 << 30)).unwrap();
    });
    let found = packages(tree.path(), 64 << 10);
    let reason = found["reason"].as_str().unwrap_or_default();
    assert!(found["outcome"] != "complete" && reason.contains("/var/lib/dpkg/status:5: "), "{found}");
    assert!(found["bytes_read"].as_u64().unwrap() < 8 << 20, "{found}");
}
