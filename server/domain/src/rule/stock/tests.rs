//! What stock rules do where a plain line does not say it.

use super::*;
use crate::alert::AlertState;
use crate::rule::case::{Case, Expectation, Tested, Track};

const DISK: &[(&str, &str)] = &[("mountpoint", "/")];

/// A stock rule over one series of values, and where its alert is when.
#[track_caller]
fn check(id: &str, (metric, attributes): (&str, &[(&str, &str)]), (interval_ms, values): (u64, &str), expected: &[(u64, AlertState)]) {
    check_all(id, attributes, (interval_ms, &[(metric, values)]), expected);
}

/// The same over several series with the same attributes.
#[track_caller]
fn check_all(id: &str, attributes: &[(&str, &str)], (interval_ms, tracks): (u64, &[(&str, &str)]), expected: &[(u64, AlertState)]) {
    let expect = |&(at_ms, state)| Expectation { at_ms, attributes: named(attributes), state, severity: None };
    let track = |&(metric, values): &(&str, &str)| Track { metric: metric.into(), attributes: named(attributes), values: values.into() };
    let case =
        Case { name: id.into(), interval_ms, series: tracks.iter().map(track).collect(), expect: expected.iter().map(expect).collect() };
    check_case(id, case);
}

#[track_caller]
fn check_case(id: &str, case: Case) {
    let rule = stock().into_iter().find(|rule| rule.id.as_str() == id).expect("a stock rule");
    if let Err(error) = Tested::of(Rule { tests: vec![case], ..rule }) {
        panic!("{error}");
    }
}

#[test]
fn a_file_system_that_became_read_only_is_told_about_until_it_can_be_written_to() {
    use AlertState::{Firing, Inactive, Resolved};
    let metric = ("system.filesystem.read_only", DISK);
    check("filesystem_read_only", metric, (10_000, "0x3 1x3 0"), &[(20_000, Inactive), (30_000, Firing), (60_000, Resolved)]);
    let days = |day: u64| day * DAY_MS;
    check("filesystem_read_only", metric, (DAY_MS, "0x2 1x20 0"), &[(days(2), Firing), (days(21), Firing), (days(22), Resolved)]);
    check("filesystem_read_only", metric, (DAY_MS, "1x20"), &[(days(19), Inactive)]);
}

#[test]
fn a_clock_that_is_off_and_stays_so_is_told_about_and_one_that_is_put_right_is_not() {
    use AlertState::{Firing, Inactive};
    let metric = ("system.clock.offset_ms", &[][..]);
    check("clock_offset", metric, (10_000, "0x60 60x150"), &[(1_000_000, Inactive), (2_000_000, Firing)]);
    check("clock_offset", metric, (10_000, "0x60 -60x150"), &[(2_000_000, Firing)]);
    check("clock_offset", metric, (10_000, "0x60 200+-1.5x120"), &[(1_200_000, Inactive), (1_500_000, Inactive), (1_790_000, Inactive)]);
}

#[test]
fn an_unexpected_restart_is_kept_for_a_day_and_a_planned_one_is_only_a_restart() {
    use AlertState::{Firing, Inactive, Resolved};
    let uptime = "60+3600x30";
    let after = |hours: u64| hours * HOUR_MS;
    let crashed = (HOUR_MS, &[("system.boot.unexpected", "1x30"), ("system.uptime", uptime)][..]);
    check_all("restarted_unexpectedly", &[], crashed, &[(after(1), Firing), (after(22), Firing), (after(25), Resolved)]);
    let planned = (HOUR_MS, &[("system.boot.unexpected", "0x30"), ("system.uptime", uptime)][..]);
    check_all("restarted_unexpectedly", &[], planned, &[(after(1), Inactive), (after(29), Inactive)]);
    check_all("restarted_unexpectedly", &[], (HOUR_MS, &[("system.uptime", uptime)]), &[(after(1), Inactive)]);
    check("rebooted", ("system.uptime", &[]), (60_000, "60+60x20"), &[(120_000, Firing), (1_100_000, Resolved)]);
}

#[test]
fn a_third_of_the_memory_swapped_out_in_half_an_hour_is_told_about_whatever_its_pages() {
    use AlertState::{Firing, Inactive};
    let minute = 60_000;
    let out = named(&[("direction", "out")]);
    let track = |metric: &str, attributes: &BTreeMap<_, _>, value: &str| Track {
        metric: metric.into(),
        attributes: attributes.clone(),
        values: format!("{value}x60"),
    };
    for (bytes_a_second, state) in [("3200", Firing), ("2800", Inactive)] {
        let series = vec![track("system.paging.io", &out, bytes_a_second), track("system.memory.limit", &BTreeMap::new(), "18000000")];
        let expect = vec![Expectation { at_ms: 50 * minute, attributes: out.clone(), state, severity: None }];
        check_case("swapped_out", Case { name: bytes_a_second.into(), interval_ms: minute, series, expect });
    }
}

#[test]
fn loudness_is_as_the_signal_asks() {
    let told: Vec<_> = stock()
        .into_iter()
        .filter(|rule| {
            ["raid_member_failed", "restarted_unexpectedly", "drift_hardware", "hardware_removed", "package_removed"]
                .contains(&rule.id.as_str())
        })
        .map(|rule| (rule.id.to_string(), rule.tier))
        .collect();
    let expected = [
        ("raid_member_failed", Tier::Page),
        ("restarted_unexpectedly", Tier::RecordOnly),
        ("drift_hardware", Tier::RecordOnly),
        ("hardware_removed", Tier::Ticket),
        ("package_removed", Tier::RecordOnly),
    ];
    assert_eq!(told, expected.map(|(id, tier)| (id.to_owned(), tier)));
}
