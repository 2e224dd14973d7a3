use super::*;
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::fs::{PermissionsExt, symlink};

#[track_caller]
fn check(prepare: impl FnOnce(&Path), expected: Option<&str>) {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    DirBuilder::new().mode(0o700).create(&state).unwrap();
    prepare(&state);
    let found = StateDir::open(&state).err().map(|error| error.to_string());
    match expected {
        None => assert_eq!(found, None),
        Some(text) => assert!(found.as_ref().is_some_and(|found| found.contains(text)), "{found:?}"),
    }
}

fn write(path: &Path, mode: u32) {
    fs::write(path, "x").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_private_directory_is_accepted() {
    check(|_| {}, None);
    check(|state| write(&state.join("agent.key"), 0o600), None);
}

#[test]
fn what_others_may_write_is_refused_by_name() {
    check(|state| fs::set_permissions(state, fs::Permissions::from_mode(0o777)).unwrap(), Some("others may write to it (mode 0777)"));
    check(|state| write(&state.join("agent.key"), 0o620), Some("agent.key: refused: others may write"));
    check(|state| write(&state.join("ca.pem"), 0o666), Some("ca.pem: refused"));
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    check(|state| write(&state.join("agent.key"), 0o644), Some("others may read this private key"));
}

#[test]
fn a_symbolic_link_is_refused_by_name() {
    check(|state| symlink("/tmp", state.join("spool")).unwrap(), Some("spool: refused: it is a symbolic link"));
}

#[test]
fn a_directory_under_a_parent_that_anybody_may_write_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let error = StateDir::open(&directory.path().join("state")).unwrap_err().to_string();
    assert!(error.contains("anybody may write to this parent"), "{error}");
}

#[test]
fn a_new_directory_is_private_and_only_one_agent_may_hold_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a/b");
    let state = StateDir::open(&path).unwrap();
    assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o700);
    assert!(matches!(StateDir::open(&path), Err(StateError::Locked { .. })));
    drop(state);
    StateDir::open(&path).unwrap();
}

#[test]
fn an_install_replaces_the_whole_file_and_leaves_no_temporary() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("settings.json.new"), "torn").unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let state = StateDir::open(directory.path()).unwrap();
    state.install("settings.json", b"first").unwrap();
    state.install("settings.json", b"second").unwrap();
    assert_eq!(state.read("settings.json").unwrap().as_deref(), Some("second"));
    assert!(!state.join("settings.json.new").exists());
    assert_eq!(state.join("settings.json").metadata().unwrap().mode() & 0o7777, 0o600);
}

#[test]
fn a_malformed_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let state = StateDir::open(&directory.path().join("s")).unwrap();
    state.install("agent.json", b"{").unwrap();
    let error = state.read_json::<Vec<u8>>("agent.json").unwrap_err().to_string();
    assert!(error.contains("agent.json: invalid type"), "{error}");
    assert_eq!(state.read_json::<Vec<u8>>("absent.json").unwrap(), None);
}
