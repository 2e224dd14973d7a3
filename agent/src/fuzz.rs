//! Every parser that takes bytes which somebody else wrote, under one name each: what libFuzzer and the test over the corpus run.
//!
//! Compiled for tests and with the feature `fuzzing` only: no agent that runs on a host has any of it. A target hands the bytes to the
//! parser the way the agent does, through a tree that has them in the place of the real file where there is such a place. Invariants
//! that it checks: no panic, also none that a collector survives; texts of rows are clean and bounded; a section that was collected
//! has an encoding that is read back as the same section. Bounds of memory and time are the fuzzer's own to watch.

use crate::clock::{Clock, Reading};
use crate::collect::{self, Collected};
use crate::root::Root;
use crate::{checks, probe, run, spool};
use rollcall_shared::limits::{MESSAGE_SAMPLE_SETS, SERIES, TEXT_BYTES};
use rollcall_shared::message::SCHEMA;
use rollcall_shared::sample::{SampleSet, packed};
use rollcall_shared::section::{Row, SectionName};
use rollcall_shared::{ContentHash, Outcome, Section, Timestamp, message, wire};
use serde_json::Value;
use std::time::Duration;

pub(crate) mod mend;

/// One parser.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of the folder with its corpus.
    pub name: &'static str,
    /// Parses; how much came of it (rows, values), so that a corpus that reaches nothing is found out.
    pub run: fn(&[u8]) -> usize,
}

macro_rules! targets {
    ($($name:ident: $run:expr;)*) => {
        /// All of them.
        pub const TARGETS: &[Target] = &[$(Target { name: stringify!($name), run: $run }),*];
    };
}

use SectionName as S;

targets! {
    // Firmware and devices.
    smbios: |bytes| in_tree(&[("sys/firmware/dmi/tables/DMI", bytes)], FROM_SMBIOS);
    smbios_entry_point: |bytes| in_tree(&[("sys/firmware/dmi/tables/DMI", TABLE), ("sys/firmware/dmi/tables/smbios_entry_point", bytes)], FROM_SMBIOS);
    edid: edid;
    scsi_vital_product_data: vital_product_data;
    disk_health: collect::disk_health::fuzz;
    efi_variable: efi_variable;
    superblock: collect::filesystems::fuzz;
    lvm_device: collect::volumes::lvm::fuzz_device;
    lvm_metadata: collect::volumes::lvm::fuzz_text;
    // Package databases, archives, programs.
    rpm_header: collect::packages::rpm::fuzz;
    rpm_sqlite: |bytes| in_tree(&[OS_RELEASE, ("var/lib/rpm/rpmdb.sqlite", bytes)], &[S::Packages]);
    rpm_sqlite_log: sqlite_log;
    rpm_ndb: |bytes| in_tree(&[OS_RELEASE, ("var/lib/rpm/Packages.db", bytes)], &[S::Packages]);
    rpm_berkeley: |bytes| in_tree(&[OS_RELEASE, ("var/lib/rpm/Packages", bytes)], &[S::Packages]);
    program: |bytes| in_tree(&[OS_RELEASE, ("opt/own/own", bytes)], &[S::Packages]);
    java_archive: |bytes| in_tree(&[OS_RELEASE, ("opt/own/own-1.jar", bytes)], &[S::Packages]);
    flatpak: |bytes| in_tree(&[OS_RELEASE, ("var/lib/flatpak/app/org.x.App/x86_64/stable/active/deploy", bytes)], &[S::Packages]);
    package_texts: package_texts;
    // The kernel's answers, and what comes from the network.
    netlink: collect::netlink::fuzz;
    netlink_links: collect::network_interfaces::fuzz;
    netlink_routes: collect::routes::kernel::fuzz;
    netlink_neighbours: collect::neighbours::tables::fuzz;
    netlink_sockets: collect::sockets::fuzz;
    netlink_filters: collect::firewall::nftables::fuzz;
    hints: run::hints::fuzz;
    lldp: |bytes| in_tree(&[("sys/class/net/eth0/ifindex", b"2\n"), ("run/systemd/netif/lldp/2", bytes)], &[S::Neighbours]);
    dbus: collect::bus::fuzz;
    container_engine: collect::containers::fuzz;
    cloud_metadata: collect::system::cloud::metadata::fuzz;
    server_answer: server_answer;
    // Accounts, keys, log-ins, processes.
    login_records: login_records;
    login_databases: login_databases;
    certificates: collect::certificates::parse::fuzz;
    ssh_keys: |bytes| in_tree(&[PASSWD, ("root/.ssh/authorized_keys", bytes)], &[S::SshKeys]);
    processes: processes;
    // The operator's own files, and the agent's.
    extension: |bytes| in_tree(&[("etc/rollcall/extensions.d/own.json", bytes)], &[S::Custom]);
    xml: |bytes| in_tree(&[("etc/libvirt/qemu/own.xml", bytes)], &[S::VirtualMachines]);
    check_output: check_output;
    probe_answer: probe::fuzz;
    spool_record: spool::record::fuzz;
    sample_sets: sample_sets;
    section: section;
}

/// The target of a name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

const FROM_SMBIOS: &[SectionName] = &[S::System, S::MemoryModules, S::Firmware, S::PowerSupplies, S::Cpus];

/// A table of one structure, type 1, with a UUID.
const TABLE: &[u8] =
    b"\x01\x19\x01\0\x01\0\0\0\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20\0Maker\0\0\x7f\x04\xff\xff\0\0";

const OS_RELEASE: (&str, &[u8]) = ("etc/os-release", b"ID=own\nVERSION_ID=1\n");
const PASSWD: (&str, &[u8]) = ("etc/passwd", b"root:x:0:0::/root:/bin/sh\nann:x:1:1::/home/ann:/bin/sh\n");

struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> Reading {
        Reading { wall: Timestamp(0), monotonic: Duration::ZERO }
    }
}

/// What the collectors make of a tree of these files: the number of rows.
fn in_tree(files: &[(&str, &[u8])], sections: &[SectionName]) -> usize {
    // Memory rather than a disk, where there is such a place: some hundred times faster.
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary directory");
    for (path, content) in files {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }
    let setup = Root::new(directory.path()).into();
    collect::collect(&setup, sections, &StandingClock).iter().map(examined).sum()
}

/// Checks what a collector brought; the number of its rows.
///
/// # Panics
/// When it keeps one of the invariants not.
pub(crate) fn examined(collected: &Collected) -> usize {
    let reason = collected.reason.as_deref().unwrap_or_default();
    assert!(!reason.contains("panicked"), "{}: {reason}", collected.name);
    assert!(collected.outcome == Outcome::Complete || !reason.is_empty(), "{}: nothing says why it is not complete", collected.name);
    let Some(section) = &collected.section else { return 0 };
    section.to_json_rows().expect("rows have a JSON form").iter().for_each(check_texts);
    let (_, bytes) = section.clone().canonical().expect("a canonical form");
    assert_eq!(Section::decode(&bytes).expect("read back").len(), section.len());
    section.len()
}

/// Checks the texts of rows that a parser returned; how many there are. As in a section, long names made of several are cut first.
///
/// # Panics
/// When a text is not clean, or longer than the contract allows.
pub(crate) fn examined_rows<R: Row>(rows: impl IntoIterator<Item = R>) -> usize {
    let rows = rows.into_iter().map(|mut row| {
        collect::clean(&mut row);
        row
    });
    rows.map(|row| check_texts(&serde_json::to_value(row).expect("a row has a JSON form"))).count()
}

fn check_texts(value: &Value) {
    match value {
        Value::String(text) => {
            assert!(!text.chars().any(char::is_control), "a control character in {text:?}");
            assert!(text.len() <= TEXT_BYTES, "{} bytes in one text", text.len());
        }
        Value::Array(values) => values.iter().for_each(check_texts),
        Value::Object(fields) => fields.values().for_each(check_texts),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// As they are, and with every checksum right: random bytes would hardly ever come past the first one.
fn edid(bytes: &[u8]) -> usize {
    let monitors = |bytes: &[u8]| in_tree(&[("sys/class/drm/card0-DP-1/edid", bytes)], &[S::Monitors]);
    monitors(bytes) + monitors(&mend::edid(bytes))
}

fn vital_product_data(bytes: &[u8]) -> usize {
    const FOLDER: &str = "sys/block/sda/device";
    let pages = [0x80, 0x83, 0x89].map(|code| (format!("{FOLDER}/vpd_pg{code:02x}"), mend::page(bytes, code)));
    let mut files = vec![("sys/block/sda/size", &b"8\n"[..])];
    files.extend(pages.iter().map(|(path, page)| (path.as_str(), page.as_slice())));
    in_tree(&files, &[S::Disks])
}

fn efi_variable(bytes: &[u8]) -> usize {
    let path = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    in_tree(&[(path, bytes), ("sys/class/dmi/id/bios_vendor", b"own\n")], &[S::Firmware, S::Security])
}

/// The length of the database in four bytes, little-endian, the database, its log.
fn sqlite_log(bytes: &[u8]) -> usize {
    let Some((length, rest)) = bytes.split_first_chunk() else { return 0 };
    let (database, log) = rest.split_at(rest.len().min(u32::from_le_bytes(*length) as usize));
    let packages =
        |log: &[u8]| in_tree(&[OS_RELEASE, ("var/lib/rpm/rpmdb.sqlite", database), ("var/lib/rpm/rpmdb.sqlite-wal", log)], &[S::Packages]);
    packages(log) + packages(&mend::sqlite_log(log))
}

/// Databases that are texts: the same bytes stand for each.
fn package_texts(bytes: &[u8]) -> usize {
    let files = [
        OS_RELEASE,
        ("var/lib/dpkg/status", bytes),
        ("lib/apk/db/installed", bytes),
        ("var/lib/pacman/local/own-1-1/desc", bytes),
        ("var/lib/snapd/state.json", bytes),
        ("nix/var/nix/profiles/default/manifest.json", bytes),
        ("usr/lib/python3/site-packages/own.dist-info/METADATA", bytes),
        ("usr/lib/node_modules/own/package.json", bytes),
        ("usr/local/lib/ruby/specifications/own.gemspec", bytes),
    ];
    in_tree(&files, &[S::Packages])
}

fn login_records(bytes: &[u8]) -> usize {
    let logins = |architecture: &[u8]| {
        let files = [PASSWD, ("proc/sys/kernel/arch", architecture), ("var/log/wtmp", bytes), ("var/log/lastlog", bytes)];
        in_tree(&files, &[S::Logins])
    };
    logins(b"x86_64\n") + logins(b"aarch64\n")
}

/// A database with either table, in the place of both.
fn login_databases(bytes: &[u8]) -> usize {
    in_tree(&[PASSWD, ("var/lib/wtmpdb/wtmp.db", bytes), ("var/lib/lastlog/lastlog2.db", bytes)], &[S::Logins])
}

/// A process chooses its name, its arguments and its group.
fn processes(bytes: &[u8]) -> usize {
    let stat = [b"1 (".as_slice(), bytes, b") S 0 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0\n"].concat();
    let files = [
        ("proc/stat", &b"btime 1700000000\n"[..]),
        ("proc/1/stat", &stat),
        ("proc/1/cmdline", bytes),
        ("proc/1/cgroup", bytes),
        ("proc/1/status", b"Uid: 0 0 0 0\n"),
        ("proc/2/stat", bytes),
        ("proc/2/status", bytes),
    ];
    in_tree(&files, &[S::Processes])
}

fn check_output(bytes: &[u8]) -> usize {
    let output = checks::output::Output::parse(&String::from_utf8_lossy(bytes));
    let texts = output.summary.iter().chain(&output.details).chain(output.perfdata.iter().map(|value| &value.label));
    texts.for_each(|text| check_texts(&Value::from(text.as_str())));
    assert!(output.perfdata.iter().all(|value| value.value.is_none_or(f64::is_finite)));
    output.perfdata.len()
}

fn server_answer(bytes: &[u8]) -> usize {
    let pushed = wire::decode::<message::PushReply>(SCHEMA, bytes).is_ok();
    let uploaded = wire::decode::<message::UploadReply>(SCHEMA, bytes).is_ok();
    usize::from(pushed) + usize::from(uploaded)
}

/// What is read is bit for bit what can be written, and no more than the limits of a message.
fn sample_sets(bytes: &[u8]) -> usize {
    let Some(sets) = packed::unpack(bytes) else { return 0 };
    let bits =
        |sets: &[SampleSet]| -> Vec<Option<u64>> { sets.iter().flat_map(|set| &set.values).map(|value| value.map(f64::to_bits)).collect() };
    let again = packed::unpack(&packed::pack(&sets)).expect("what was written can be read");
    assert!(bits(&again) == bits(&sets), "values were lost");
    assert!(sets.len() <= MESSAGE_SAMPLE_SETS && sets.iter().all(|set| set.values.len() <= SERIES), "beyond the limits");
    sets.len()
}

/// One content has one name: what is decoded has the same bytes again.
fn section(bytes: &[u8]) -> usize {
    let Ok(section) = Section::decode(bytes) else { return 0 };
    let rows = section.len();
    let (hash, again) = section.canonical().expect("what was decoded can be encoded");
    assert!(again == bytes && hash == ContentHash::of(bytes), "two forms of one content");
    rows
}

#[cfg(test)]
mod tests;
