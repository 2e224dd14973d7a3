//! What people and programs get to see.

use super::*;
use rollcall_shared::sample::Series;
use rollcall_shared::section::{Package, System};
use rollcall_shared::{Outcome, Section};

fn collected(section: Section) -> Collected {
    let name = section.name();
    Collected { name, section: Some(section), outcome: Outcome::Complete, reason: None, duration_us: 1250, bytes_read: 10 }
}

fn package(name: String) -> Package {
    Package { name, version: "1.0".into(), manager: "dpkg".into(), size_bytes: Some(5 << 20), ..Package::default() }
}

#[track_caller]
fn check(collected: &[Collected], expected: &str) {
    assert_eq!(inventory_table(collected), expected);
}

#[test]
fn a_section_has_a_heading_and_aligned_columns() {
    let system = System { manufacturer: Some("Maker".into()), memory_bytes: Some(8 << 30), ..System::default() };
    check(
        &[
            collected(Section::System(vec![system])),
            collected(Section::Packages(vec![package("curl".into()), package("a-longer-name".into())])),
        ],
        "system: complete, 1 row, 1.2 ms\n  manufacturer  Maker\n  memory bytes  8.0 GiB\n\n\
         packages: complete, 2 rows, 1.2 ms\n  name           version  manager     size\n  curl           1.0      dpkg     5.0 MiB\n  a-longer-name  1.0      dpkg     5.0 MiB\n\n",
    );
}

#[test]
fn long_lists_are_cut_unless_asked_for_alone() {
    let many = || collected(Section::Packages((0..40).map(|at| package(format!("p{at}"))).collect()));
    let alone = inventory_table(&[many()]);
    assert_eq!(alone.lines().count(), 43);
    let among = inventory_table(&[many(), many()]);
    assert!(among.contains("… and 28 more (--section packages shows all)"));
}

#[test]
fn what_could_steer_a_terminal_is_escaped() {
    let text = inventory_table(&[collected(Section::Packages(vec![package("\u{1b}[31mred\r\n\u{202e}".into())]))]);
    assert!(text.contains("\\u{1b}[31mred\\u{d}\\u{a}\\u{202e}"), "{text}");
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn a_failed_section_tells_why() {
    let failed = Collected {
        section: None,
        outcome: Outcome::Failed,
        reason: Some("/var/lib/dpkg/status:7: package x without Version".into()),
        ..collected(Section::Packages(Vec::new()))
    };
    check(&[failed], "packages: failed, 1.2 ms\n  /var/lib/dpkg/status:7: package x without Version\n\n");
}

#[test]
fn programs_get_outcome_hash_and_rows() {
    let json = inventory_json(&[collected(Section::Packages(vec![package("curl".into())]))]);
    let section = &json["sections"]["packages"];
    assert_eq!((&section["outcome"], &section["rows"][0]["name"]), (&json!("complete"), &json!("curl")));
    assert_eq!(section["hash"].as_str().map(str::len), Some(64));
}

#[test]
fn health_reads_in_units_of_people() {
    let one = |metric: &str, unit, value| Measurement { series: Series { metric: metric.into(), attributes: Vec::new() }, value, unit };
    let text = health_table(&[
        one("system.cpu.utilization", "1", Some(0.123)),
        one("system.memory.available", "By", Some(1.5 * 1_073_741_824.0)),
        one("system.memory.oom_kills", "{kill}", None),
        one("system.uptime", "s", Some(90_000.0)),
    ]);
    let expected = "  metric                     value\n  system.cpu.utilization    12.3 %\n  system.memory.available  1.5 GiB\n  system.memory.oom_kills        –\n  system.uptime            1 d 1 h\n";
    assert_eq!(text, expected);
}
