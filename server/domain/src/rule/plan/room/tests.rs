use super::*;
use crate::alert::scenario::{Scenario, rule};
use crate::rule::plan::{Judges, Plan, PlanKey};
use crate::rule::stock::stock;
use crate::rule::{Condition, Rule};
use rollcall_shared::message::Side;
use rollcall_shared::{ContentHash, Section};
use std::sync::Arc;

fn plan(rules: Vec<Rule>, series: Vec<Series>) -> Plan {
    let world = Scenario::new(rules).world;
    let key = PlanKey { table: ContentHash::of(b"table"), class: None, scope: 0 };
    Plan::compile(&world.rules, key, Arc::new(Section::Series(series)), (&world, None), &mut Judges::default())
}

fn series(metric: &str, attributes: &[(&str, &str)]) -> Series {
    Series { metric: metric.into(), attributes: attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect() }
}

/// A rule on what an expression makes of `m`.
fn formula(id: &str, value: &str) -> Rule {
    Rule { condition: Condition::Expression { value: value.into(), side: Side::Above }, ..rule(id) }
}

/// As many series of `m`.
fn many(count: usize) -> Vec<Series> {
    (0..count).map(|n| series("m", &[("device", &format!("{n:05}"))])).collect()
}

/// What agents measure of a host with so many interfaces, file systems, disks and units.
fn host(interfaces: usize, mounts: usize, disks: usize, units: usize) -> Vec<Series> {
    let mut table: Vec<Series> = stock().iter().filter_map(|rule| rule.condition.metric()).map(|metric| series(&metric, &[])).collect();
    for device in (0..interfaces).map(|n| format!("bond0.{n}")) {
        for direction in ["receive", "transmit"] {
            let named = [("device", device.as_str()), ("direction", direction)];
            for metric in ["io", "packets", "errors", "dropped", "utilization"] {
                table.push(series(&format!("system.network.{metric}"), &named));
            }
        }
    }
    for mount in (0..mounts).map(|n| format!("/srv/{n}")) {
        for metric in ["read_only", "utilization", "available", "limit", "inodes.utilization"] {
            table.push(series(&format!("system.filesystem.{metric}"), &[("mountpoint", &mount)]));
        }
    }
    table.extend((0..disks).map(|n| series("system.disk.utilization", &[("device", &format!("sd{n}"))])));
    table.extend((0..units).map(|n| series("system.systemd.unit.restarts", &[("unit", &format!("{n}.service"))])));
    table.sort();
    table.dedup();
    table
}

#[test]
fn a_host_with_many_interfaces_file_systems_and_units_is_judged_whole() {
    for (interfaces, mounts, disks, units, windows) in [(2, 4, 2, 0, 60), (50, 20, 12, 60, 650), (200, 60, 60, 120, 2_400)] {
        let plan = plan(stock(), host(interfaces, mounts, disks, units));
        assert_eq!(plan.left_out, [], "{interfaces} interfaces");
        assert!(plan.windows.len() <= windows, "{interfaces} interfaces need {} windows", plan.windows.len());
    }
    let most = plan(stock(), host(256, 256, 256, 128));
    assert_eq!((most.left_out.len(), most.series().len() > limits::SERIES - 4), (0, true), "as much as an agent measures");
}

#[test]
fn what_is_beyond_a_limit_is_said_with_its_rule() {
    let of = |id: &str, series, limit| LeftOut { rule: rule(id).id, series, limit };
    let windowed = [formula("a", "avg(m, 10m)"), formula("b", "max(m, 10m)"), formula("c", "m")];
    let found = plan(windowed.to_vec(), many(3_000));
    assert_eq!(found.left_out, [of("b", 6_000 - WINDOWS, Limit::Windows)]);
    assert_eq!((found.windows.len(), found.entries.len()), (WINDOWS, WINDOWS + 3_000), "what remembers nothing has room");

    let usual = [formula("a", "baseline(m)")];
    let found = plan(usual.to_vec(), many(baseline::SERIES + 2));
    assert_eq!(found.left_out, [of("a", 2, Limit::Baselines)]);

    let newest: Vec<Rule> = ["a", "b", "c", "d", "e"].map(rule).to_vec();
    assert_eq!(plan(newest, many(limits::SERIES)).left_out, [of("e", limits::SERIES, Limit::Judgements)]);
    assert_eq!(Limit::Windows.to_string(), "limit of 4096 windows for one host");
}

#[test]
fn a_series_that_finds_no_room_for_all_that_it_needs_takes_none() {
    let rules = [formula("a", "avg(m, 10m)"), formula("b", "avg(m, 10m) - min(m, 1h)"), formula("c", "sum(m, 1h)")];
    let found = plan(rules.to_vec(), many(1_639));
    // 1,639 of the first rule, 1,228 pairs of the second: one window is left for the third.
    assert_eq!((found.entries.len(), found.windows.len()), (1_639 + 1_228 + 1, WINDOWS));
    let left: Vec<usize> = found.left_out.iter().map(|one| one.series).collect();
    assert_eq!(left, [1_639 - 1_228, 1_638]);
}

#[test]
fn what_a_rule_reads_twice_is_remembered_once() {
    let found = plan(vec![formula("a", "avg(m, 5m) / (avg(m, 5m) + avg(m, 10m))")], many(1));
    assert_eq!((found.entries.len(), found.windows.len()), (1, 2));
}
