use super::*;
use crate::trust::collector::FEED;
use crate::trust::feed::FeedName;
use proptest::prelude::*;
use rollcall_shared::limits;
use std::collections::{BTreeMap, BTreeSet};

fn feed() -> FeedName {
    "prom".parse().expect("a name")
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

/// The key of a resource that was placed by `decisive`, and the attributes of a series of it with labels of its own.
#[track_caller]
fn check_identity(labels: &[(&str, &str)], decisive: Option<&str>, own: &[(&str, &str)], expected: (&str, &[(&str, &str)])) {
    let resource = Resource::of(labels.iter().copied());
    let attributes = resource.attributes(map(own), decisive.unwrap_or(""), &feed());
    let found: Vec<(&str, &str)> = attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!((resource.key(decisive).as_str(), found.as_slice()), expected);
}

#[test]
fn a_target_is_told_by_job_and_instance_and_its_series_by_what_is_not_the_host() {
    let target = [("job", "node"), ("instance", "web-1:9100"), ("device", "eth0"), ("__name__", "x")];
    check_identity(
        &target,
        Some("instance"),
        &[("job", "node"), ("instance", "web-1:9100"), ("device", "eth0"), ("empty", "")],
        ("instance=web-1:9100,job=node", &[("device", "eth0"), ("job", "node"), (FEED, "prom"), (SERVER_PORT, "9100")]),
    );
    check_identity(&target, None, &[], ("instance=web-1:9100,job=node", &[("job", "node"), (FEED, "prom")]));
}

#[test]
fn a_resource_of_opentelemetry_is_told_by_host_and_service() {
    let resource = [("host.name", "web-1"), ("service.name", "shop"), ("os.type", "linux"), ("telemetry.sdk.name", "x")];
    check_identity(
        &resource,
        Some("host.name"),
        &[("state", "used")],
        ("host.name=web-1,service.name=shop", &[(FEED, "prom"), ("service.name", "shop"), ("state", "used")]),
    );
    check_identity(&[("k8s.node.name", "n1")], Some("node"), &[], ("node=n1", &[(FEED, "prom")]));
    let random = [("host.name", "web-9"), ("service.instance.id", "b4c1"), ("service.name", "shop")];
    let own = [(FEED, "prom"), ("service.instance.id", "b4c1"), ("service.name", "shop")];
    check_identity(&random, None, &[], ("host.name=web-9,service.instance.id=b4c1,service.name=shop", &own));
    check_identity(&[("os.type", "linux")], None, &[], ("nameless", &[(FEED, "prom")]));
}

#[test]
fn a_label_that_decided_nothing_is_no_part_of_the_key_and_stays_with_the_series() {
    let labels = [("host", "www.example.com"), ("instance", "10.0.0.1:80")];
    let own = [("host", "www.example.com"), ("instance", "10.0.0.1:80")];
    check_identity(
        &labels,
        Some("instance"),
        &own,
        ("instance=10.0.0.1:80", &[("host", "www.example.com"), (FEED, "prom"), (SERVER_PORT, "80")]),
    );
    check_identity(&labels, Some("host"), &own, ("host=www.example.com", &[("instance", "10.0.0.1:80"), (FEED, "prom")]));
}

fn series(name: u32) -> Series {
    Series { metric: format!("m{name:05}"), attributes: Vec::new() }
}

fn point(name: u32, at: i64, value: f64) -> Point {
    Point { series: series(name), at: Timestamp(at), value: Some(value) }
}

/// The table and sets of points over a table of series 1 and 2.
#[track_caller]
fn check(points: Vec<Point>, growth: Growth, table: Option<&[u32]>, sets: &[(i64, &[Option<f64>])], refused: &[(Refusal, u64)]) {
    let base = [series(1), series(2)];
    let found = compose(Some(Base { series: &base, latest: &[Some(0.0), None] }), growth, points, &mut 100);
    let table = table.map_or(Table::Known, |names| Table::New(names.iter().copied().map(series).collect()));
    let sets: Vec<_> = sets.iter().map(|(at, values)| (Timestamp(*at), values.to_vec())).collect();
    assert_eq!((found.table, found.sets, found.refused), (table, sets, refused.iter().copied().collect()));
}

#[test]
fn a_table_stays_while_parts_of_it_come_and_grows_by_what_is_new() {
    check(vec![point(2, 5, 1.0)], Growth::Free, None, &[(5, &[None, Some(1.0)])], &[]);
    let three = &[(5, &[Some(3.0), None, Some(1.0)][..])];
    check(vec![point(3, 5, 1.0), point(1, 5, 3.0)], Growth::Free, Some(&[1, 2, 3]), three, &[]);
    check(vec![point(3, 5, 1.0), point(1, 5, 3.0)], Growth::Held, None, &[(5, &[Some(3.0), None])], &[(Refusal::NewSeries, 1)]);
}

#[test]
fn what_was_measured_within_a_second_is_of_one_moment() {
    let apart = vec![point(1, 2_000, 1.0), point(2, 2_999, 2.0), point(1, 1_000, 3.0)];
    check(apart, Growth::Free, None, &[(1_000, &[Some(3.0), None]), (2_999, &[Some(1.0), Some(2.0)])], &[]);
    let repeated = vec![point(1, 10, 1.0), point(1, 11, 2.0)];
    check(repeated, Growth::Free, None, &[(10, &[Some(1.0), None]), (11, &[Some(2.0), None])], &[]);
}

#[test]
fn of_several_values_of_one_moment_the_last_told_counts() {
    let told = vec![point(1, 10, 3.0), point(2, 10, 5.0), point(1, 10, 4.0), point(1, 9, 2.0), point(2, 10, 6.0)];
    check(told, Growth::Free, None, &[(9, &[Some(2.0), None]), (10, &[Some(4.0), Some(6.0)])], &[]);
    check(vec![point(3, 9, 1.0), point(3, 9, 2.0)], Growth::Held, None, &[], &[(Refusal::NewSeries, 2)]);
}

#[test]
fn what_ends_is_told_apart_from_values_and_makes_no_table() {
    let base = [series(1), series(2)];
    let ends = |name, at| Point { value: None, ..point(name, at, 0.0) };
    let points = vec![ends(1, 10), point(1, 5, 1.0), ends(2, 10), ends(3, 10)];
    let found = compose(Some(Base { series: &base, latest: &[] }), Growth::Free, points, &mut 100);
    let sets = vec![(Timestamp(5), vec![Some(1.0), None])];
    assert_eq!((found.table, found.sets, found.ended), (Table::Known, sets, vec![(Timestamp(10), vec![0, 1])]));
    assert_eq!((found.taken, found.refused), (1, BTreeMap::new()));
}

#[test]
fn a_full_table_loses_series_without_a_value_for_new_ones() {
    let full: Vec<Series> = (0..limits::SERIES).map(|name| series(u32::try_from(name).expect("small"))).collect();
    let latest: Vec<Option<f64>> = (0..limits::SERIES).map(|name| (name != 7).then_some(1.0)).collect();
    let fresh = vec![point(90_000, 1, 1.0), point(90_001, 1, 1.0)];
    let found = compose(Some(Base { series: &full, latest: &latest }), Growth::Free, fresh, &mut { usize::MAX });
    let Table::New(table) = &found.table else { panic!("the same table") };
    assert_eq!((table.len(), table.contains(&series(7)), table.contains(&series(90_000))), (limits::SERIES, false, true));
    assert_eq!(found.refused, BTreeMap::from([(Refusal::TooManySeries, 1)]));
}

#[test]
fn moments_beyond_the_room_are_refused() {
    let many = (0..200).map(|step| point(1, step * 1_000, 1.0)).collect();
    let base = [series(1), series(2)];
    let mut room = 100;
    let found = compose(Some(Base { series: &base, latest: &[] }), Growth::Free, many, &mut room);
    assert_eq!((found.sets.len(), found.refused, room), (50, BTreeMap::from([(Refusal::TooMuch, 150)]), 0));
}

#[test]
fn a_moment_stays_as_it_was_told_and_what_is_of_another_time_is_refused() {
    let now = Timestamp(1_000_000_000_000);
    assert_eq!(moment(Timestamp(now.0 + 300_000), now), Ok(Timestamp(now.0 + 300_000)));
    assert_eq!(moment(Timestamp(now.0 + 300_001), now), Err(Refusal::TooNew));
    assert_eq!(moment(Timestamp(i64::MAX), now), Err(Refusal::TooNew));
    assert_eq!(moment(Timestamp(now.0 - 1), now), Ok(Timestamp(now.0 - 1)));
    assert_eq!(moment(Timestamp(now.0 - 604_800_001), now), Err(Refusal::TooOld));
    assert_eq!(moment(Timestamp(i64::MIN), now), Err(Refusal::TooOld));
}

#[test]
fn series_have_names_and_attributes_of_a_bound_and_do_not_come_back_here() {
    for (metric, attributes, expected) in [
        ("m", map(&[("a", "")]), Ok(())),
        ("", map(&[]), Err(Refusal::Malformed)),
        ("m\n", map(&[]), Err(Refusal::Malformed)),
        ("m", map(&[("", "x")]), Err(Refusal::Malformed)),
        ("m", map(&[("a", &"x".repeat(1_025))]), Err(Refusal::Malformed)),
        ("m", (0..65).map(|n| (n.to_string(), String::new())).collect(), Err(Refusal::Malformed)),
        ("m", map(&[("rollcall_feed", "prom")]), Err(Refusal::FromHere)),
        ("m", map(&[(FEED, "prom")]), Err(Refusal::FromHere)),
    ] {
        assert_eq!(check_series(metric, &attributes), expected, "{metric:?} {attributes:?}");
    }
}

proptest! {
    #[test]
    fn every_value_is_in_a_set_or_refused_or_told_anew_for_its_moment(points in prop::collection::vec((0_u32..6, 0_i64..5_000, -9.0..9.0_f64), 0..60), held: bool, room in 0_usize..40) {
        let points: Vec<Point> = points.into_iter().map(|(name, at, value)| point(name, at, value)).collect();
        let moments: BTreeSet<_> = points.iter().map(|point| (point.series.clone(), point.at)).collect();
        let (moments, count, base) = (moments.len() as u64, points.len() as u64, [series(1), series(2)]);
        let growth = if held { Growth::Held } else { Growth::Free };
        let found = compose(Some(Base { series: &base, latest: &[None, None] }), growth, points, &mut { room });
        let in_sets = found.sets.iter().flat_map(|(_, values)| values.iter().flatten()).count() as u64;
        prop_assert_eq!(in_sets, found.taken);
        let told = found.taken + found.refused.values().sum::<u64>();
        prop_assert!((moments..=count).contains(&told), "{told} of {count}");
        prop_assert!(found.sets.is_sorted_by_key(|(at, _)| *at));
        if let Table::New(table) = &found.table {
            prop_assert!(table.is_sorted() && table.windows(2).all(|pair| pair[0] != pair[1]));
        }
    }
}
