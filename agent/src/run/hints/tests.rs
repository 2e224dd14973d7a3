//! Which announcements hint at which sections.

use super::*;
use proptest::prelude::*;

#[track_caller]
fn check_file(folder: &str, name: &str, expected: &[SectionName]) {
    let folder = FOLDERS.iter().find(|known| known.path == folder).expect("a watched folder");
    assert_eq!(of_file(folder.files, name), expected, "{name}");
}

#[test]
fn a_package_database_hints_at_packages_and_its_temporary_files_do_not() {
    check_file("/var/lib/dpkg", "status", PACKAGES);
    check_file("/var/lib/dpkg", "lock", &[]);
    check_file("/var/lib/rpm", "rpmdb.sqlite-wal", PACKAGES);
    check_file("/var/lib/rpm", ".rpm.lock", &[]);
    check_file("/etc", "group", GROUPS);
    check_file("/etc", "passwd-", &[]);
    check_file("/etc/cron.d", "backup~", &[]);
}

#[test]
fn devices_that_come_and_go_are_hints_and_those_that_change_are_not() {
    let event =
        |action: &str, subsystem: &str| format!("{action}@/devices/x\0ACTION={action}\0SUBSYSTEM={subsystem}\0SEQNUM=1\0").into_bytes();
    assert_eq!(of_device_event(&event("add", "usb")), [SectionName::UsbDevices]);
    assert_eq!(of_device_event(&event("change", "power_supply")), []);
    assert_eq!(of_device_event(&event("remove", "block")), [SectionName::Disks, SectionName::Volumes, SectionName::Filesystems]);
    assert_eq!(of_device_event(b"libudev\0\xfe\xed"), []);
}

#[test]
fn a_datagram_may_hold_several_messages() {
    let message = |kind: u16| [&20_u32.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 14]].concat();
    assert_eq!(message_types(&[message(16), message(24)].concat()), [16, 24]);
    assert_eq!(of_route_message(24), [SectionName::Routes, SectionName::Neighbours]);
    let endless = [&0_u32.to_ne_bytes()[..], &[16, 0], &[0; 30]].concat();
    assert_eq!(message_types(&endless).len(), 1, "a message without length ends the reading");
}

#[tokio::test]
async fn a_changed_file_is_announced() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut sources = Sources::of_folder(directory.path().to_str().expect("UTF-8"), &[("status", PACKAGES)]);
    std::fs::write(directory.path().join("other"), "x").expect("written");
    std::fs::write(directory.path().join("status-new"), "x").expect("written");
    std::fs::rename(directory.path().join("status-new"), directory.path().join("status")).expect("renamed");
    let mut hinted = Vec::new();
    while hinted.is_empty() {
        hinted = sources.next().await;
    }
    assert_eq!(hinted, PACKAGES);
}

#[tokio::test]
async fn what_was_gathered_is_told_however_often_the_waiting_is_interrupted() {
    let mut hints = Hints { gathered: BTreeSet::from([SectionName::Packages]), ..Hints::default() };
    let mut told = None;
    for _ in 0..10 {
        // Another part of the agent has something to do before the pause ends.
        told = tokio::time::timeout(GATHER / 3, hints.next()).await.ok().or(told);
    }
    assert_eq!(told, Some(BTreeSet::from([SectionName::Packages])));
}

proptest! {
    #[test]
    fn no_announcement_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = (of_device_event(&bytes), message_types(&bytes));
    }
}
