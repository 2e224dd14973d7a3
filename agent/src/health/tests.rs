//! Whole samples.

use super::*;
use crate::collect::testing::plant;
use rollcall_shared::{Timestamp, limits};
use std::path::Path;
use std::time::Duration;

fn at(seconds: u64) -> Reading {
    Reading { wall: Timestamp(0), monotonic: Duration::from_secs(seconds) }
}

#[test]
#[cfg(linux)]
fn this_machine_is_measured_within_bounds() {
    let mut sampler = Sampler::new(Root::live());
    sampler.sample(at(0));
    let second = sampler.sample(at(10));
    let of = |metric: &str| second.iter().find(|one| one.series.metric == metric).and_then(|one| one.value);
    assert!(of("system.memory.utilization").is_some_and(|value| value > 0.0 && value < 1.0));
    assert!(of("rollcall.agent.memory").is_some_and(|bytes| bytes > 1e6));
    assert!(second.is_sorted_by(|a, b| a.series < b.series));
    assert!(
        second
            .iter()
            .filter(|one| one.series.metric.ends_with("utilization"))
            .filter_map(|one| one.value)
            .all(|value| (0.0..=1.0).contains(&value))
    );
}

#[test]
#[cfg(linux)]
fn a_rate_over_a_suspend_is_that_of_the_time_awake() {
    let traffic = |bytes| format!("=== /proc/net/dev\nInter-|\n face |\n eth0: {bytes} 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
    let directory = plant(&traffic(1_000));
    let mut sampler = Sampler::new(Root::new(directory.path()));
    sampler.sample(at(0));
    std::fs::copy(plant(&traffic(3_000)).path().join("proc/net/dev"), directory.path().join("proc/net/dev")).expect("copied");
    let eight_hours_later = Reading { wall: Timestamp(8 * 3_600_000), monotonic: Duration::from_secs(10) };
    let measured = sampler.sample(eight_hours_later);
    let received = measured.iter().find(|one| one.series.metric == "system.network.io").and_then(|one| one.value);
    assert_eq!(received, Some(200.0));
}

#[test]
#[cfg(linux)]
fn a_machine_with_ten_thousand_of_everything_is_still_measured() {
    use std::fmt::Write as _;
    let mut tree = String::from(
        "=== /proc/meminfo\nMemTotal: 1000 kB\nMemAvailable: 500 kB\n=== /proc/stat\ncpu  1 2 3 4\n=== /proc/net/dev\nInter-|\n face |\n",
    );
    for number in 0..10_000 {
        let _ = writeln!(tree, " eth{number}: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0");
    }
    tree += "=== /proc/1/mountinfo\n";
    for number in 0..10_000 {
        let _ = writeln!(tree, "{number} 1 8:{number} / /srv/{number} rw - ext4 /dev/sd{number} rw");
    }
    tree += "=== /proc/diskstats\n";
    for number in 0..1_000 {
        let _ = writeln!(tree, "8 {number} sd{number} 1 1 1 1 1 1 1 1 1 1 1");
    }
    for number in 0..1_000 {
        let _ = write!(
            tree,
            "=== /sys/block/sd{number}/size\n1\n=== /sys/fs/cgroup/memory/system.slice/{number}.service/memory.usage_in_bytes\n1\n"
        );
    }
    let directory = plant(&tree);
    let mut sampler = Sampler::new(Root::new(directory.path()));
    let measured = sampler.sample(at(0));
    assert!(measured.len() <= limits::SERIES - room::CHECKS, "{}", measured.len());
    for metric in [
        "system.memory.utilization",
        "system.cpu.utilization",
        "system.network.io",
        "system.disk.io",
        "system.filesystem.read_only",
        "system.systemd.unit.memory",
    ] {
        assert!(measured.iter().any(|one| one.series.metric == metric), "{metric}");
    }
    assert_eq!(
        sampler.sample(at(10)).iter().map(|one| &one.series).collect::<Vec<_>>(),
        measured.iter().map(|one| &one.series).collect::<Vec<_>>()
    );
}

/// Names of metrics that a source file writes out.
fn names_in(text: &str) -> impl Iterator<Item = &str> {
    let is_name = |name: &&str| {
        ["check.", "hw.", "process.", "rollcall.agent.", "system."].iter().any(|start| name.starts_with(start))
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._".contains(&byte))
            && ![".", ".slice", ".service"].iter().any(|end| name.ends_with(end))
    };
    text.split('"').filter(is_name)
}

#[test]
fn the_catalogue_has_what_the_sources_name_and_nothing_else() {
    use rollcall_shared::metric::METRICS;
    use std::collections::BTreeSet;
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = std::fs::read_dir(sources.join("health")).expect("sources").map(|entry| entry.expect("an entry").path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "rs")).chain([sources.join("checks.rs")]);
    let texts: Vec<String> = files.map(|path| std::fs::read_to_string(path).expect("a source")).collect();
    let written: BTreeSet<&str> = texts.iter().flat_map(|text| names_in(text)).collect();
    let known: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(written, known);
}

/// What each source costs on this machine: `ROLLCALL_BENCH=1 cargo test --release -p rollcall-agent --lib health -- --nocapture`.
#[test]
#[cfg(linux)]
fn every_source_can_be_timed() {
    const ROUNDS: u32 = 200;
    use crate::clock::{Clock, SystemClock};
    if std::env::var_os("ROLLCALL_BENCH").is_none() {
        return;
    }
    let clock = SystemClock::new();
    let time = |name: &str, each: &mut dyn FnMut()| {
        let start = clock.now().monotonic;
        (0..ROUNDS).for_each(|_| each());
        println!("{name:<16} {:>8} µs", ((clock.now().monotonic - start) / ROUNDS).as_micros());
    };
    let root = Root::live();
    let scope = || crate::collect::Scope::new(&root);
    for (name, read) in sources::STEADY {
        time(name, &mut || drop(read(&scope())));
    }
    let mut processes = processes::Processes::new(&[]);
    time("  processes", &mut || drop(processes.read(&scope())));
    let options = HealthOptions::default();
    time("  units", &mut || drop(units::read(&scope(), &options)));
    let slow: [(&str, sources::Read); 6] = [
        ("  links", links::read),
        ("  sensors", sensors::read),
        ("  arrays", hardware::arrays),
        ("  supplies", hardware::supplies),
        ("  memory_errors", hardware::memory_errors),
        ("  services", services::read),
    ];
    for (name, read) in slow {
        time(name, &mut || drop(read(&scope())));
    }
    let mut sampler = Sampler::new(Root::live());
    time("a sample", &mut || drop(sampler.sample(clock.now())));
}
