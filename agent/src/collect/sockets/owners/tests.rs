use super::super::super::testing;
use super::*;
use crate::root::Root;
use proptest::prelude::*;

const PROCESSES: &str = "
=== /proc/1/stat
1 (systemd) S 0 1
=== /proc/1/fd/9 -> socket:[70]
=== /proc/1/fd/8 -> socket:[71]
=== /proc/30/stat
30 (nginx) S 40 40
=== /proc/30/comm
nginx
=== /proc/30/fd/3 -> socket:[50]
=== /proc/30/fd/4 -> /dev/null
=== /proc/40/stat
40 (nginx) S 1 40
=== /proc/40/comm
nginx
=== /proc/40/cgroup
0::/system.slice/nginx.service
=== /proc/40/fd/3 -> socket:[50]
=== /proc/90/stat
90 (sshd) S 1 90
=== /proc/90/fd/3 -> socket:[70]
=== /proc/91/stat
91 (worker) S 95 90
=== /proc/91/comm
worker
=== /proc/91/fd/3 -> socket:[81]
=== /proc/92/stat
92 (worker) S 95 90
=== /proc/92/comm
worker
=== /proc/92/fd/3 -> socket:[82]
=== /proc/95/stat
95 (worker) S 1 90
=== /proc/95/comm
worker
";

#[track_caller]
fn check(inodes: &[u64], expected: Option<u32>) {
    let tree = testing::plant(PROCESSES);
    let root = Root::new(tree.path());
    let scope = Scope::new(&root);
    let owners = Owners::find(&scope, inodes.iter().copied());
    assert_eq!(owners.of_group(inodes).map(|owner| owner.pid), expected);
    assert_eq!(scope.problems(), None);
}

#[test]
fn a_socket_that_parent_and_child_hold_is_the_parents() {
    check(&[50], Some(40));
}

#[test]
fn a_socket_that_was_passed_on_is_not_process_ones() {
    check(&[70], Some(90));
    check(&[71], Some(1));
}

#[test]
fn workers_with_sockets_of_their_own_stand_for_their_parent() {
    check(&[81, 82], Some(95));
    check(&[81], Some(91));
}

#[test]
fn a_socket_that_no_process_holds_is_the_kernels() {
    check(&[99], None);
    let tree = testing::plant(PROCESSES);
    let root = Root::new(tree.path());
    let scope = Scope::new(&root);
    let owners = Owners::find(&scope, [99, 50]);
    assert!(owners.is_kernels(99) && !owners.is_kernels(50));
}

#[test]
fn the_owner_is_named_with_its_unit() {
    let tree = testing::plant(PROCESSES);
    let root = Root::new(tree.path());
    let scope = Scope::new(&root);
    let owner = Owners::find(&scope, [50]).owner(40);
    assert_eq!((owner.process.as_deref(), owner.unit.as_deref(), owner.container.as_deref()), (Some("nginx"), Some("nginx.service"), None));
}

#[test]
fn runtimes_write_container_ids_in_many_ways() {
    let id = "0123456789abcdef".repeat(4);
    for path in [
        format!("0::/docker/{id}"),
        format!("0::/system.slice/docker-{id}.scope"),
        format!("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope"),
        format!("0::/machine.slice/libpod-{id}.scope/container"),
        format!("0::/machine.slice/libpod-conmon-{}.scope/libpod-{id}.scope", "f".repeat(64)),
        format!("12:pids:/docker/{id}\n1:name=systemd:/docker/{id}"),
        format!("0::/kubepods/burstable/pod1/{id}"),
    ] {
        assert_eq!(units::container_of_cgroup(&path).as_deref(), Some(id.as_str()), "{path}");
    }
    for (path, expected) in [
        ("0::/lxc.payload.web/system.slice/ssh.service".to_owned(), Some("web")),
        ("4:cpu:/lxc/web".to_owned(), Some("web")),
        ("0::/lxc.monitor.web".to_owned(), None),
        ("0::/system.slice/ssh.service".to_owned(), None),
        (format!("0::/machine.slice/crio-conmon-{id}.scope"), None),
        (format!("0::/user.slice/{}", id.to_uppercase()), None),
    ] {
        assert_eq!(units::container_of_cgroup(&path).as_deref(), expected, "{path}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "([0-9]:[a-z]{0,3}:)?(/lxc|/é?[a-f0-9]{60,66}|-|.scope|\n|:){0,8}") {
        let _ = (units::container_of_cgroup(&text), socket_inode(&text));
    }
}
