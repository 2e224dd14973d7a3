use super::*;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_new_directory_is_for_the_owner_alone() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("deep/data");
    DataDirectory::create(&root).unwrap();
    assert_eq!(fs::metadata(&root).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn an_empty_directory_may_become_a_data_directory() {
    let root = tempfile::tempdir().unwrap();
    assert!(DataDirectory::create(root.path()).is_ok());
}

#[test]
fn a_finished_directory_is_never_made_again() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("rollcall.toml"), "").unwrap();
    assert!(matches!(DataDirectory::create(root.path()), Err(DirectoryError::Exists(_))));
}

#[test]
fn a_directory_with_other_things_in_it_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("letter.txt"), "dear").unwrap();
    assert!(matches!(DataDirectory::create(root.path()), Err(DirectoryError::NotEmpty(_))));
}

#[test]
fn a_directory_without_configuration_cannot_be_opened() {
    let root = tempfile::tempdir().unwrap();
    let error = DataDirectory::open(root.path()).unwrap_err().to_string();
    assert!(error.contains("rollcall-server init"), "{error}");
}

#[test]
fn a_secret_is_written_with_mode_0600_even_over_a_left_over() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("key");
    fs::write(root.path().join("key.new"), "left over").unwrap();
    write_atomically(&path, b"secret", Secrecy::Secret).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(read_secret(&path).unwrap(), "secret");
}

#[test]
fn a_secret_that_others_can_read_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("key");
    fs::write(&path, "secret").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = read_secret(&path).unwrap_err().to_string();
    assert!(error.contains("key has mode 0640"), "{error}");
}
