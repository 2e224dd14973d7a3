//! The helper's answer as the agent takes it.

use super::*;
use crate::clock::SystemClock;
use crate::collect::{Setup, collect_one, testing::plant};
use crate::root::Root;
use rollcall_shared::wire;
use rollcall_shared::{Outcome, Section, SectionName};
use std::io::Write;
use std::os::unix::net::UnixListener;

const TREE: &str = "\
=== /etc/passwd
root:x:0:0:root:/root:/bin/sh
web:x:33:33::/srv:/usr/sbin/nologin
=== /etc/shadow
root:$6$salt$hash:19000:0:99999:7:::
web:!$6$salt$other:19000::::::
none::19000::::::
=== /etc/sudoers
root ALL=(ALL) ALL
=== /etc/sudoers.d/web
web ALL=(root) NOPASSWD: /usr/bin/systemctl
=== /proc/7/fd/3 -> socket:[4711]
=== /proc/9/fd/3 -> socket:[4711]
";

/// A helper that says `answer` to the first who connects.
fn helper(answer: Vec<u8>) -> (tempfile::TempDir, PathBuf, std::thread::JoinHandle<()>) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("probe.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    let thread = std::thread::spawn(move || {
        let (mut caller, _) = listener.accept().expect("a caller");
        let _ = caller.write_all(&answer);
    });
    (directory, path, thread)
}

#[test]
fn the_answer_holds_the_fixed_list_and_no_hash() {
    let tree = plant(TREE);
    let frame = answer(&Root::new(tree.path())).expect("encodes");
    let read: Privileged = wire::decode_within(SCHEMA, &frame, ANSWER_BYTES).expect("decodes");
    assert_eq!(read.file("/etc/shadow"), Some(&b"root:x:19000:0:99999:7:::\nweb:!:19000::::::\nnone::19000::::::\n"[..]));
    assert_eq!(read.names("/etc/sudoers.d"), Some(vec!["web".to_owned()]));
    assert!(read.file("/etc/sudoers").is_some_and(|text| text.starts_with(b"root ALL")));
    assert_eq!(read.socket_owner(4711), Some(7), "of a server and its workers, the one that opened it");
    assert!(!String::from_utf8_lossy(&wire::to_bincode(&read).expect("encodes")).contains("salt"));
}

#[test]
fn the_agent_takes_the_answer_and_keeps_it_for_one_inventory() {
    let (_directory, path, thread) = helper(answer(&Root::new(plant(TREE).path())).expect("encodes"));
    let source = ProbeSource::at(&path);
    let clock = SystemClock::new();
    assert_eq!(source.current(&clock).socket_owner(4711), Some(7));
    thread.join().expect("answered");
    assert_eq!(source.current(&clock).socket_owner(4711), Some(7), "the helper answers once and is not asked again");
}

#[test]
fn nothing_rubbish_and_silence_are_no_answer_and_no_panic() {
    let clock = SystemClock::new();
    let nothing = ProbeSource::at(Path::new("/no/such/socket"));
    assert_eq!(*nothing.current(&clock), Privileged::default());
    for rubbish in [Vec::new(), b"hello".to_vec(), vec![0; 100_000], b"RC\0\x01\x01(\xb5/\xfd".to_vec()] {
        let (_directory, path, thread) = helper(rubbish);
        assert_eq!(*ProbeSource::at(&path).current(&clock), Privileged::default());
        thread.join().expect("answered");
    }
}

#[test]
fn what_is_denied_comes_from_the_helper() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    // As root nothing is denied, so the files are simply not there for the agent: it must not take the helper's word for that.
    let tree = plant("=== /etc/passwd\nroot:x:0:0::/root:/bin/sh\n");
    let (_directory, path, thread) = helper(answer(&Root::new(plant(TREE).path())).expect("encodes"));
    let setup = Setup { probe: ProbeSource::at(&path), ..Setup::from(Root::new(tree.path())) };
    let users = collect_one(&setup, SectionName::Users, &std::rc::Rc::default(), &SystemClock::new());
    thread.join().expect("answered");
    assert_eq!(users.outcome, Outcome::Complete);
    let Some(Section::Users(rows)) = users.section else { panic!("users") };
    assert_eq!(rows[0].locked, None, "absence is absence, whatever a helper says");
}
