//! Whole trees: what the collectors make of four machines, kept as golden files that people can read.
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
    let json = render::inventory_json(&collected);
    assert_eq!(json, render::inventory_json(&again), "two inventories of one tree are equal");
    check(&format!("{name}.golden.json"), &format!("{json:#}\n"));
}

#[test]
fn a_debian_server_is_read() {
    check_tree("debian", plant("debian").path());
}

#[test]
fn an_alpine_machine_is_read() {
    check_tree("alpine", plant("alpine").path());
}

#[test]
fn a_container_does_not_show_its_hosts_hardware() {
    check_tree("container", plant("container").path());
}

#[test]
fn a_machine_with_rpm_is_read() {
    let directory = plant("fedora");
    packages::plant_rpm_database(directory.path());
    check_tree("fedora", directory.path());
}

#[test]
fn the_health_of_a_tree_is_read() {
    let directory = plant("debian");
    let mut sampler = Sampler::new(Root::new(directory.path()));
    let at = |seconds| Reading { wall: Timestamp(0), monotonic: Duration::from_secs(seconds) };
    let first = sampler.sample(at(0));
    std::fs::write(directory.path().join("proc/stat"), "cpu  1100 20 300 8900 100 10 20 50 0 0\ncpu0 1\ncpu1 1\n").expect("written");
    std::fs::write(directory.path().join("proc/vmstat"), "pswpin 5\npswpout 30\noom_kill 3\n").expect("written");
    let second = sampler.sample(at(10));
    let series = |measured: &[crate::health::Measurement]| measured.iter().map(|one| one.series.clone()).collect::<Vec<_>>();
    assert_eq!(series(&first), series(&second));
    assert!(series(&first).is_sorted_by(|a, b| a < b));
    check("debian.health.golden.txt", &render::health_table(&second));
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
