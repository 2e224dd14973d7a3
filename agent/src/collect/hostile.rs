//! Trees that are very large, that lead in circles, or whose names are no text: each section ends, says so, and shows what it can.

use super::*;
use crate::clock::Reading;
use rollcall_shared::Timestamp;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> Reading {
        Reading { wall: Timestamp(0), monotonic: Duration::ZERO }
    }
}

/// In memory where there is such a place: these trees have many files.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary directory")
}

fn write(root: &Path, path: impl AsRef<OsStr>, content: impl AsRef<[u8]>) {
    let path = root.join(Path::new(path.as_ref()));
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(path, content).expect("a file");
}

fn gather(root: &Path, name: SectionName) -> Collected {
    collect_one(&Root::new(root).into(), name, &std::rc::Rc::default(), &StandingClock)
}

/// The rows as JSON, to search in.
fn shown(collected: &Collected) -> String {
    let rows = collected.section.as_ref().map(|section| section.to_json_rows().expect("JSON"));
    serde_json::to_string(&rows).expect("JSON")
}

fn reason(collected: &Collected) -> &str {
    collected.reason.as_deref().unwrap_or_default()
}

#[test]
fn a_machine_with_120_000_processes_and_threads_is_read_whole_and_by_a_few_bytes_each() {
    let tree = folder();
    let stat = |flags: u32| {
        format!(
            "1 (own) S 0 1 1 0 -1 {flags} 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0
"
        )
    };
    write(
        tree.path(),
        "proc/stat",
        "btime 1700000000
",
    );
    write(tree.path(), "proc/process/stat", stat(0x0040_0100));
    write(tree.path(), "proc/thread/stat", stat(0x0020_8040));
    for pid in 1..=120_000 {
        symlink(if pid % 8 == 0 { "process" } else { "thread" }, tree.path().join(format!("proc/{pid}"))).expect("a link");
    }
    let collected = gather(tree.path(), SectionName::Processes);
    assert_eq!((collected.outcome, collected.section.as_ref().map(Section::len)), (Outcome::Complete, Some(15_000)));
    assert!(collected.bytes_read < 120_000 * 100, "{} bytes", collected.bytes_read);
}

#[test]
fn ten_thousand_interfaces_are_read_and_one_more_is_said_to_be_left_out() {
    use std::fmt::Write;
    let tree = folder();
    let mut inet6 = String::new();
    for index in 1..=10_001 {
        write(tree.path(), format!("sys/class/net/own{index}/ifindex"), format!("{index}\n"));
        let _ = writeln!(inet6, "20010db80000000000000000{index:08x} {index:02x} 40 00 80 own{index}");
    }
    write(tree.path(), "proc/net/if_inet6", inet6);
    write(tree.path(), "proc/net/fib_trie", "Main:\n");
    let collected = gather(tree.path(), SectionName::NetworkInterfaces);
    assert_eq!(collected.section.as_ref().map(Section::len), Some(10_000));
    assert_eq!((collected.outcome, reason(&collected)), (Outcome::Partial, "1 interfaces beyond the limit of 10000 are left out"));
    let Some(Section::NetworkInterfaces(rows)) = collected.section else { panic!("interfaces") };
    assert!(rows.iter().all(|row| row.addresses.len() == 1));
}

#[test]
fn links_in_circles_end_every_section() {
    let tree = testing::plant(
        "=== /etc/os-release -> /etc/os-release\n=== /etc/passwd -> /etc/group\n=== /etc/group -> /etc/passwd\n=== /etc/sudoers\n@includedir /etc/sudoers.d\n\
         @include /etc/sudoers\n=== /etc/sudoers.d/again -> ../sudoers\n=== /etc/sudoers.d/self -> self\n=== /etc/nginx/nginx.conf\ninclude /etc/nginx/*.conf;\n\
         === /etc/nginx/again.conf -> nginx.conf\n=== /etc/apache2/apache2.conf\nInclude /etc/apache2/\n=== /etc/apache2/self -> .\n=== /etc/ssl/private/up -> ..\n\
         === /etc/letsencrypt/live/self -> .\n=== /opt/self -> /opt\n=== /opt/a/b -> /opt/a\n=== /usr/lib/node_modules/own/node_modules -> /usr/lib/node_modules\n\
         === /var/lib/dpkg/status -> status\n=== /var/lib/rpm/Packages -> ../rpm/Packages\n=== /proc/1 -> 2\n=== /proc/2 -> 1\n=== /proc/mounts -> self/mounts\n\
         === /proc/self -> self\n=== /sys/block/sda -> sda\n=== /sys/class/net/eth0 -> ../../class/net/eth0\n=== /sys/class/drm/card0-DP-1 -> .\n\
         === /etc/systemd/system/a.service -> b.service\n=== /etc/systemd/system/b.service -> a.service\n=== /etc/my.cnf\n!include /etc/my.cnf\n!includedir /etc\n",
    );
    for collected in collect(&Root::new(tree.path()).into(), COLLECTED, &StandingClock) {
        assert!(!reason(&collected).contains("panicked"), "{}: {}", collected.name, reason(&collected));
        assert!(collected.bytes_read < 1 << 20, "{} read {} bytes", collected.name, collected.bytes_read);
    }
}

#[test]
fn names_that_are_no_text_are_shown_as_far_as_they_can_be() {
    let tree = folder();
    let root = tree.path();
    write(root, "etc/passwd", b"r\xffot:x:0:0:A\x1bB:/root:/bin/sh\n");
    write(root, "proc/stat", "btime 1700000000\n");
    write(root, "proc/7/stat", b"7 (a\nb\xff) S 0 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0\n");
    write(root, "proc/7/cmdline", b"/usr/bin/a\xfe\0two\nlines\0");
    write(root, "var/lib/dpkg/status", b"Package: own\nStatus: install ok installed\nVersion: 1\xff\n\n");
    write(root, "etc/os-release", "ID=own\n");
    write(root, "sys/class/net/eth\n0/ifindex", "1\n");
    write(root, OsStr::from_bytes(b"sys/class/net/eth\xff/ifindex"), "2\n");
    write(root, "proc/net/fib_trie", "Main:\n");
    write(root, OsStr::from_bytes(b"etc/cron.d/j\xffb"), "* * * * * root x\n");
    write(root, "etc/cron.d/new\nline", "* * * * * root x\n");
    write(root, "proc/self/mountinfo", b"1 0 8:1 / /srv/new\\012line\xff rw - ext4 /dev/sda1 rw\n");
    let check = |name: SectionName, row: &str, problem: &str| {
        let collected = gather(root, name);
        assert!(shown(&collected).contains(row), "{name}: no {row:?} in {} ({})", shown(&collected), reason(&collected));
        assert!(reason(&collected).contains(problem), "{name}: {}", reason(&collected));
    };
    check(SectionName::Users, "r\u{fffd}ot", "");
    check(SectionName::Processes, "a b\u{fffd}", "");
    check(SectionName::Processes, "/usr/bin/a\u{fffd}", "");
    check(SectionName::Packages, "1\u{fffd}", "");
    check(
        SectionName::NetworkInterfaces,
        "eth\u{fffd}0",
        "/sys/class/net: names that are not UTF-8 are left out, such as \"eth\u{fffd}\"; there are 1",
    );
    check(
        SectionName::ScheduledTasks,
        "new\u{fffd}line",
        "/etc/cron.d: names that are not UTF-8 are left out, such as \"j\u{fffd}b\"; there are 1",
    );
    check(SectionName::Filesystems, "/srv/new\u{fffd}line\u{fffd}", "");
}

#[test]
fn no_name_of_a_file_brings_a_control_character_into_a_row() {
    let tree = folder();
    let root = tree.path();
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f ann\n";
    for (path, content) in [
        ("etc/os-release", "ID=own\n"),
        ("etc/passwd", "ann:x:1:1::/home/a\tnn:/bin/sh\n"),
        ("home/a\tnn/.ssh/authorized_keys", key),
        ("etc/ssh/ssh_host_a\nb_key.pub", key),
        ("etc/sudoers", "@includedir /etc/sudoers.d\n"),
        ("etc/sudoers.d/a\nb", "ann ALL=(ALL) ALL\n"),
        ("etc/cron.d/a\nb", "* * * * * root x\n"),
        ("etc/cron.daily/a\nb", "#!/bin/sh\n"),
        ("var/spool/cron/crontabs/a\nnn", "* * * * * x\n"),
        ("etc/systemd/system/a\nb.service", "[Service]\nExecStart=/x\n"),
        ("etc/systemd/system/a\nb.timer", "[Timer]\nOnCalendar=daily\n"),
        ("etc/init.d/a\nb", "#!/bin/sh\n"),
        ("etc/nginx/nginx.conf", "include /etc/nginx/*.conf;\n"),
        ("etc/nginx/a\nb.conf", "http { server { listen 80; server_name x; root /a; } }\n"),
        ("etc/apache2/sites-enabled/a\nb.conf", "<VirtualHost *:80>\nServerName x\n</VirtualHost>\n"),
        ("etc/rollcall/extensions.d/a\nb.json", "[{\"key\":\"a\"}]"),
        ("etc/libvirt/qemu/a\nb.xml", "<domain type='kvm'><name>a&#10;b</name><uuid>1</uuid></domain>"),
        ("etc/pve/qemu-server/1.conf", "name: a\u{1b}b\n"),
        ("opt/a\nb/node_modules/own/package.json", "{\"name\":\"own\",\"version\":\"1\"}"),
        ("opt/a\nb/site-packages/own.dist-info/METADATA", "Name: own\nVersion: 1\n"),
        ("sys/block/sd\na/size", "8\n"),
        ("sys/class/block/sd\na/size", "8\n"),
        ("sys/class/net/eth\n0/ifindex", "1\n"),
        ("sys/class/power_supply/BAT\n0/type", "Battery\n"),
        ("sys/class/drm/card0-\nDP-1/edid", "x"),
        ("sys/class/tpm/tpm\n0/tpm_version_major", "2\n"),
        ("sys/bus/pci/devices/0000:00:01.0\n/vendor", "0x8086\n"),
        ("sys/bus/usb/devices/1-1\n/idVendor", "8086\n"),
        ("sys/module/a\nb/initstate", "live\n"),
        ("proc/modules", "own 1 0 - Live 0x0\n"),
        ("proc/sys/kernel/own", "1\n"),
        ("var/lib/docker/containers/a\nb/config.v2.json", "{\"ID\":\"x\",\"Name\":\"/a\\nb\"}"),
        ("var/lib/machines/a\nb/etc/os-release", "ID=x\n"),
        ("var/lib/lxc/a\nb/config", "lxc.uts.name = a\u{1b}b\n"),
        ("var/lib/flatpak/app/a\nb/x86_64/sta\nble/active/deploy", "own\0"),
        ("var/db/pkg/a\nb/own-1/SLOT", "0\n"),
        ("snap/README", "x"),
        ("etc/lvm/backup/a\nb", "nonsense"),
        ("etc/letsencrypt/live/a\nb/cert.pem", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"),
    ] {
        write(root, path, content);
    }
    let certificate =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/certificates/armoured")).expect("a certificate");
    write(root, "etc/ssl/private/a\nb.pem", certificate);
    let found: Vec<(SectionName, usize)> =
        collect(&Root::new(root).into(), COLLECTED, &StandingClock).iter().map(|one| (one.name, crate::fuzz::examined(one))).collect();
    for wanted in [
        SectionName::Packages,
        SectionName::SshKeys,
        SectionName::Sudoers,
        SectionName::ScheduledTasks,
        SectionName::Certificates,
        SectionName::Custom,
    ] {
        assert!(found.iter().any(|(name, rows)| *name == wanted && *rows > 0), "{wanted} has no row: {found:?}");
    }
}

#[test]
fn a_program_that_claims_large_tables_is_read_by_a_few_bytes() {
    let tree = folder();
    // Class 64, little-endian, tables at 64 and 1 MiB, entries of 65,535 bytes, 65,535 of each.
    let mut head = b"\x7fELF\x02\x01\x01".to_vec();
    head.resize(32, 0);
    head.extend(64_u64.to_le_bytes());
    head.extend((1_u64 << 20).to_le_bytes());
    head.resize(54, 0);
    head.extend([0xff; 10]);
    write(tree.path(), "etc/os-release", "ID=own\n");
    write(tree.path(), "opt/own/own", &head);
    std::fs::OpenOptions::new().write(true).open(tree.path().join("opt/own/own")).expect("opened").set_len(1 << 30).expect("a hole");
    let collected = gather(tree.path(), SectionName::Packages);
    assert!(collected.bytes_read < 4 << 20, "{} bytes", collected.bytes_read);
}
