use super::*;
use crate::collect::testing::plant;
use crate::root::Root;
use std::os::unix::fs::PermissionsExt;

const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn gather(tree: &tempfile::TempDir) -> (Vec<String>, Option<String>) {
    let root = Root::new(tree.path());
    let scope = Scope::new(&root);
    let keys = collect(&scope).expect("collected");
    assert!(!format!("{keys:?}").contains(KEY), "no key is shown");
    (keys.iter().map(|key| format!("{} {} {}", key.kind, key.user.as_deref().unwrap_or("-"), key.path)).collect(), scope.problems())
}

#[test]
fn homes_and_hosts_have_keys() {
    let tree = plant(&format!(
        "=== /etc/passwd\nroot:x:0:0::/root:/bin/sh\nann:x:1:1::/home/ann:/bin/sh\nnone:x:2:2::/dev/null:/bin/false\n=== /dev/null/\n\
         === /etc/ssh/ssh_host_ed25519_key.pub\nssh-ed25519 {KEY} root@a\n=== /etc/ssh/ssh_host_ed25519_key\nsecret\n\
         === /root/.ssh/authorized_keys2\n# x\n\nrestrict ssh-ed25519 {KEY}\nssh-ed25519 {KEY} again\n=== /home/ann/.ssh/authorized_keys\nnonsense\nssh-ed25519 {KEY}\n"
    ));
    let (keys, problems) = gather(&tree);
    let expected = [
        "host - /etc/ssh/ssh_host_ed25519_key.pub",
        "authorized root /root/.ssh/authorized_keys2",
        "authorized ann /home/ann/.ssh/authorized_keys",
    ];
    assert_eq!(keys, expected);
    assert_eq!(problems.as_deref(), Some("/home/ann/.ssh/authorized_keys:1: not a public key"));
}

#[test]
fn sshd_says_where_keys_are() {
    let tree = plant(&format!(
        "=== /etc/passwd\nann:x:1:1::/home/ann:/bin/sh\n=== /etc/ssh/sshd_config\nAuthorizedKeysFile /etc/keys/%u .ssh/%%x%U\nHostKey /etc/k\n\
         === /etc/k.pub\nssh-ed25519 {KEY}\n=== /etc/keys/ann\nssh-ed25519 {KEY}\n=== /home/ann/.ssh/authorized_keys\nssh-ed25519 {KEY}\n\
         === /home/ann/.ssh/%x1\nssh-ed25519 {KEY}\n"
    ));
    let expected = ["host - /etc/k.pub", "authorized ann /etc/keys/ann", "authorized ann /home/ann/.ssh/%x1"];
    assert_eq!(gather(&tree), (expected.map(str::to_owned).to_vec(), None));
}

#[test]
fn homes_of_other_machines_are_not_touched() {
    let tree = plant(&format!(
        "=== /etc/passwd\nann:x:1:1::/home/ann:/bin/sh\nbob:x:2:2::/home/bob:/bin/sh\n=== /proc/self/mountinfo\n1 0 0:4 / /home rw - autofs systemd-1 rw\n\
         === /home/ann/.ssh/authorized_keys\nssh-ed25519 {KEY}\n"
    ));
    assert_eq!(gather(&tree), (vec![], Some("/home: keys on a file system of another machine are not read".to_owned())));
}

#[test]
fn ssh_keygen_says_the_same() {
    let directory = plant("=== /etc/passwd\nann:x:1:1::/home/ann:/bin/sh\n=== /home/ann/.ssh/\n");
    let folder = directory.path().join("home/ann/.ssh");
    let mut all = String::new();
    for (kind, bits) in [("rsa", "2048"), ("ecdsa", "384"), ("ed25519", "256")] {
        let file = folder.join(kind);
        let made = std::process::Command::new("ssh-keygen").args(["-q", "-N", "", "-t", kind, "-b", bits, "-f"]).arg(&file).status();
        // Not every machine has it.
        if !made.is_ok_and(|made| made.success()) {
            return;
        }
        all += &std::fs::read_to_string(file.with_extension("pub")).expect("a key");
    }
    let file = folder.join("authorized_keys");
    std::fs::write(&file, all).expect("written");
    let said = std::process::Command::new("ssh-keygen").args(["-l", "-E", "sha256", "-f"]).arg(&file).output().expect("run");
    let said: Vec<String> =
        String::from_utf8_lossy(&said.stdout).lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    let root = Root::new(directory.path());
    let keys = collect(&Scope::new(&root)).expect("collected");
    let ours: Vec<String> = keys.iter().map(|key| format!("{} {}", key.bits.unwrap_or(256), key.fingerprint)).collect();
    assert_eq!(ours, said);
}

#[test]
fn a_home_that_is_closed_is_one_problem() {
    let tree = plant("=== /etc/passwd\nann:x:1:1::/home/ann:/bin/sh\n=== /home/ann/.ssh/authorized_keys\n");
    let home = tree.path().join("home/ann");
    std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o000)).expect("closed");
    let (keys, problems) = gather(&tree);
    std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o755)).expect("opened");
    assert_eq!(keys, [""; 0]);
    // Root may see everything.
    if let Some(problems) = problems {
        assert_eq!(problems, "/home/ann/.ssh: keys may not be read: Permission denied");
    }
}
