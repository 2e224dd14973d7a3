//! Whole trees: what the collectors make of captured machines, kept as golden files that people can read.
//!
//! A changed golden file is accepted with `ROLLCALL_UPDATE_GOLDEN=1`.

use super::*;
use crate::clock::Reading;
use crate::health::Sampler;
use crate::render;
use rollcall_shared::Timestamp;
use std::path::{Path, PathBuf};
use std::time::Duration;

struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> Reading {
        Reading { wall: Timestamp(0), monotonic: Duration::ZERO }
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn plant(name: &str) -> tempfile::TempDir {
    testing::plant(&std::fs::read_to_string(fixtures().join(format!("{name}.tree"))).expect("a tree"))
}

#[track_caller]
fn check(name: &str, found: &str) {
    let path = fixtures().join(name);
    if std::env::var_os("ROLLCALL_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).expect("written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{name} differs; with ROLLCALL_UPDATE_GOLDEN=1 it becomes:\n{found}");
}

#[track_caller]
fn check_tree(name: &str, root: &Path) {
    let collected = collect(&Root::new(root).into(), COLLECTED, &StandingClock);
    let again = collect(&Root::new(root).into(), COLLECTED, &StandingClock);
    let mut json = render::inventory_json(&collected);
    assert_eq!(json, render::inventory_json(&again), "two inventories of one tree are equal");
    // Keys repeat what the rows say.
    json["sections"]
        .as_object_mut()
        .expect("sections")
        .values_mut()
        .for_each(|section| drop(section.as_object_mut().and_then(|section| section.remove("keys"))));
    let text = format!("{json:#}\n");
    // The trees' passwords, hashes and tokens.
    for secret in ["hunter2", "notahash", "token abcdef", "token=abcdef", "never to be taken"] {
        assert!(!text.contains(secret), "{name} gives {secret} away");
    }
    check(&format!("{name}.golden.json"), &text);
}

#[test]
fn a_debian_server_is_read() {
    check_tree("debian", plant("debian").path());
}

#[test]
fn a_bare_metal_server_shows_its_sockets_modules_arrays_and_bonds() {
    check_tree("server", plant("server").path());
}

#[test]
fn a_container_host_shows_what_runs_on_it_and_no_interface_of_a_container() {
    check_tree("container_host", plant("container_host").path());
}

#[test]
fn a_laptop_is_itself_and_not_its_dock() {
    check_tree("laptop", plant("laptop").path());
}

#[test]
fn a_guest_is_a_virtual_machine_in_its_cloud() {
    check_tree("guest", plant("guest").path());
}

#[test]
fn a_board_is_known_by_its_device_tree() {
    check_tree("board", plant("board").path());
}

#[test]
fn an_alpine_machine_is_read() {
    check_tree("alpine", plant("alpine").path());
}

#[test]
fn a_container_does_not_show_its_hosts_hardware() {
    let directory = plant("container");
    check_tree("container", directory.path());
    let text = render::inventory_json(&collect(&Root::new(directory.path()).into(), COLLECTED, &StandingClock)).to_string();
    for of_host in ["Example Computing", "EXHOST1", "HOSTSERIAL", "HOSTDISK1", "deadbeef", "md0", "zfs"] {
        assert!(!text.contains(of_host), "{of_host} is the host's");
    }
}

#[test]
fn a_machine_with_rpm_is_read() {
    let directory = plant("fedora");
    packages::plant_rpm_database(directory.path());
    check_tree("fedora", directory.path());
}

/// All machines, as they are on disk.
fn machines() -> Vec<(&'static str, tempfile::TempDir)> {
    const NAMES: [&str; 9] = ["alpine", "board", "container", "container_host", "debian", "fedora", "guest", "laptop", "server"];
    NAMES
        .into_iter()
        .map(|name| {
            let directory = plant(name);
            if name == "fedora" {
                packages::plant_rpm_database(directory.path());
            }
            (name, directory)
        })
        .collect()
}

#[test]
fn every_tree_is_of_a_machine_that_is_checked() {
    let trees = std::fs::read_dir(fixtures()).expect("fixtures").flatten();
    let mut names: Vec<String> = trees.filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".tree")?.to_owned())).collect();
    names.sort_unstable();
    assert_eq!(names, machines().iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

/// A section without a row anywhere is one whose golden files say nothing.
#[test]
fn every_section_has_rows_in_some_captured_machine() {
    let mut missing: Vec<SectionName> = COLLECTED.to_vec();
    for (_, directory) in machines() {
        for one in collect(&Root::new(directory.path()).into(), COLLECTED, &StandingClock) {
            let has_rows = one.section.is_some_and(|section| !section.is_empty());
            missing.retain(|name| *name != one.name || !has_rows);
        }
    }
    assert_eq!(missing, []);
}

/// What two machines have in common must not be what they are known by.
#[test]
fn no_two_captured_machines_are_known_by_the_same() {
    let mut seen = std::collections::BTreeMap::new();
    for (name, directory) in machines() {
        let json = render::inventory_json(&collect(&Root::new(directory.path()).into(), COLLECTED, &StandingClock));
        let system = &json["sections"]["system"]["rows"][0];
        for field in ["serial", "uuid", "chassis_serial", "board_serial", "machine_id"] {
            if let Some(value) = system[field].as_str() {
                let before = seen.insert(value.to_owned(), name);
                assert!(before.is_none_or(|before| before == name), "{field} {value} is of {name} and of {before:?}");
            }
        }
    }
    assert!(seen.len() > 9, "machines show what they are known by: {seen:?}");
}

#[track_caller]
fn check_health(name: &str, later: &[(&str, &str)]) {
    let directory = plant(name);
    let mut sampler = Sampler::new(Root::new(directory.path()));
    let at = |seconds| Reading { wall: Timestamp(0), monotonic: Duration::from_secs(seconds) };
    let first = sampler.sample(at(0));
    for (path, content) in later {
        std::fs::write(directory.path().join(path), content).expect("written");
    }
    let second = sampler.sample(at(10));
    let series = |measured: &[crate::health::Measurement]| measured.iter().map(|one| one.series.clone()).collect::<Vec<_>>();
    assert_eq!(series(&first), series(&second));
    assert!(series(&first).is_sorted_by(|a, b| a < b));
    check(&format!("{name}.health.golden.txt"), &render::health_table(&second));
}

#[test]
fn the_health_of_a_tree_is_read() {
    let processors = "cpu  1100 20 300 8900 100 10 20 50 0 0\ncpu0 1\ncpu1 1\n";
    check_health("debian", &[("proc/stat", processors), ("proc/vmstat", "pswpin 5\npswpout 30\noom_kill 3\n")]);
}

#[test]
fn the_health_of_arrays_bonds_memory_and_sensors_is_read() {
    let each: String = (0..8).map(|number| format!("cpu{number} 1\n")).collect();
    let processors = format!("cpu  91000 200 30500 886000 1000 0 500 0 0 0\n{each}ctxt 143456\nbtime 1764000000\nprocesses 9100\n");
    let disks =
        "   8       0 sda 1100 0 22000 1300 600 0 6000 2600 0 2700 3900\n   8      16 sdb 900 0 19000 290 500 0 4000 600 0 690 890\n";
    let degraded = [
        ("proc/stat", processors.as_str()),
        ("proc/diskstats", disks),
        ("sys/devices/virtual/block/md0/md/degraded", "1\n"),
        ("sys/devices/virtual/block/md0/md/dev-sdb2/state", "faulty\n"),
        ("sys/devices/system/edac/mc/mc0/ce_count", "12\n"),
    ];
    check_health("server", &degraded);
}

#[test]
fn an_empty_tree_is_no_machine_and_no_panic() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let collected = collect(&Root::new(directory.path()).into(), COLLECTED, &StandingClock);
    assert_eq!(collected.len(), COLLECTED.len());
    assert!(Sampler::new(Root::new(directory.path())).sample(StandingClock.now()).iter().all(|one| one.value.is_none()));
}

#[test]
fn a_root_that_is_missing_fails_every_section_that_is_tried() {
    for one in collect(&Root::new("/no/such/root").into(), COLLECTED, &StandingClock) {
        assert!(one.outcome != Outcome::Complete, "{} is {:?}", one.name, one.outcome);
    }
}

#[test]
fn this_machine_is_collected_without_a_failure() {
    for one in collect(&Root::live().into(), COLLECTED, &StandingClock) {
        assert_ne!(one.outcome, Outcome::Failed, "{}: {:?}", one.name, one.reason);
        if let Some(section) = one.section {
            assert!(section.canonical().is_ok(), "{}", one.name);
        }
    }
}

#[test]
fn a_panic_is_one_sections_failure() {
    let (section, outcome, reason) = judge(Err(Failure::Panicked), None);
    assert_eq!((section, outcome), (None, Outcome::Failed));
    assert!(reason.is_some_and(|reason| reason.contains("bug")));
}

#[test]
fn every_section_is_collected_or_the_samplers() {
    let missing: Vec<_> = SectionName::ALL.iter().filter(|name| !COLLECTED.contains(name)).collect();
    assert_eq!(missing, [&SectionName::Series, &SectionName::Checks]);
}
