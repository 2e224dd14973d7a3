use super::*;
use crate::context::Content;
use proptest::prelude::*;
use rollcall_shared::sample::Series;

/// A content that is one table: `a`, and `b` of two mount points.
struct OneTable(ContentHash, Arc<Section>);

impl OneTable {
    fn new() -> Self {
        let of = |metric: &str, mount: &[&str]| Series {
            metric: metric.into(),
            attributes: mount.iter().map(|mount| ("mountpoint".to_owned(), (*mount).to_owned())).collect(),
        };
        let section = Section::Series(vec![of("a", &[]), of("b", &["/"]), of("b", &["/var"])]);
        let (hash, bytes) = section.canonical().unwrap();
        Self(hash, Arc::new(Section::decode(&bytes).unwrap()))
    }

    fn set(&self, at: i64, values: [Option<f64>; 3]) -> SampleSet {
        SampleSet { table: self.0, at: Timestamp(at), values: values.to_vec() }
    }
}

impl Content for OneTable {
    fn section(&self, hash: &ContentHash) -> Option<Arc<Section>> {
        (*hash == self.0).then(|| Arc::clone(&self.1))
    }
}

fn all(sets: &[SampleSet], grain: Grain, content: &OneTable) -> Rolled {
    fold(sets, grain, &|_| true, content)
}

#[track_caller]
fn check(values: &[(i64, Option<f64>)], expected: &[(i64, u32, f64, f64, f64, f64)]) {
    let table = OneTable::new();
    let sets: Vec<SampleSet> = values.iter().map(|(at, value)| table.set(*at, [*value, None, None])).collect();
    let rolled = all(&sets, Grain::FiveMinutes, &table);
    let rows = rolled.get("a").map(|tracks| tracks[&Vec::new()].clone()).unwrap_or_default();
    let found: Vec<_> = rows.iter().map(|row| (row.at.0, row.count, row.min, row.max, row.avg(), row.last)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_row_holds_count_extremes_mean_and_newest_and_a_gap_has_no_row() {
    check(&[(0, Some(1.0)), (299_999, Some(5.0)), (300_000, Some(2.0))], &[(0, 2, 1.0, 5.0, 3.0, 5.0), (300_000, 1, 2.0, 2.0, 2.0, 2.0)]);
    check(&[(0, None), (10, Some(f64::NAN)), (20, Some(f64::INFINITY))], &[]);
    check(&[(0, Some(1.0)), (900_000, Some(0.0))], &[(0, 1, 1.0, 1.0, 1.0, 1.0), (900_000, 1, 0.0, 0.0, 0.0, 0.0)]);
    check(&[(-1, Some(3.0))], &[(-300_000, 1, 3.0, 3.0, 3.0, 3.0)]);
    check(&[(0, Some(f64::MAX)), (1, Some(f64::MAX))], &[(0, 2, f64::MAX, f64::MAX, f64::MAX, f64::MAX)]);
}

#[test]
fn samples_of_one_moment_are_shown_each_and_reduced_together() {
    let table = OneTable::new();
    let sets = [table.set(7, [Some(1.0), None, None]), table.set(7, [Some(2.0), None, None]), table.set(8, [Some(3.0), None, None])];
    let shown = points(&sets, &|_| true, &table)["a"][&Vec::new()].iter().map(|row| (row.at.0, row.last)).collect::<Vec<_>>();
    assert_eq!(shown, [(7, 1.0), (7, 2.0), (8, 3.0)]);
    check(&[(7, Some(1.0)), (7, Some(2.0)), (8, Some(3.0))], &[(0, 3, 1.0, 3.0, 2.0, 3.0)]);
}

#[test]
fn what_a_collector_tells_again_counts_once_and_as_it_was_told_last() {
    let feed = (collector::FEED.to_owned(), "prom".to_owned());
    let series = Series { metric: "c".into(), attributes: vec![feed] };
    let (hash, bytes) = Section::Series(vec![series.clone()]).canonical().unwrap();
    let table = OneTable(hash, Arc::new(Section::decode(&bytes).unwrap()));
    let set = |at, value| SampleSet { table: hash, at: Timestamp(at), values: vec![Some(value)] };
    let sets = [set(7, 1.0), set(7, 1.0), set(8, 2.0), set(8, 3.0), set(9, 4.0), set(7, 1.0)];
    let shown = &points(&sets, &|_| true, &table)["c"][&series.attributes];
    assert_eq!(shown.iter().map(|row| (row.at.0, row.last)).collect::<Vec<_>>(), [(7, 1.0), (8, 3.0), (9, 4.0)]);
    let row = all(&sets, Grain::FiveMinutes, &table)["c"][&series.attributes][0];
    assert_eq!((row.at.0, row.count, row.min, row.max, row.sum, row.last), (0, 3, 1.0, 4.0, 8.0, 4.0));
}

#[test]
fn series_are_told_apart_by_their_attributes_and_unwanted_metrics_are_left_out() {
    let table = OneTable::new();
    let sets = [table.set(0, [Some(1.0), Some(2.0), Some(3.0)])];
    let rolled = fold(&sets, Grain::Hour, &|metric| metric == "b", &table);
    assert_eq!(rolled.keys().collect::<Vec<_>>(), ["b"]);
    let lasts: Vec<_> = rolled["b"].iter().map(|(attributes, rows)| (attributes[0].1.as_str(), rows[0].last)).collect();
    assert_eq!(lasts, [("/", 2.0), ("/var", 3.0)]);
}

#[test]
fn what_is_left_of_a_forgotten_bucket_does_not_replace_its_row() {
    let whole = Row { at: Timestamp(0), count: 30, min: 0.0, max: 9.0, sum: 60.0, last: 1.0 };
    let rest = Row { at: Timestamp(300_000), ..whole };
    let mut known = Tracks::from([(Vec::new(), vec![whole])]);
    merge(&mut known, Tracks::from([(Vec::new(), vec![Row::of(Timestamp(0), 7.0), rest])]));
    assert_eq!(known[&Vec::new()], [whole, rest]);
    let richer = Row { count: 31, ..whole };
    merge(&mut known, Tracks::from([(Vec::new(), vec![richer])]));
    assert_eq!(known[&Vec::new()], [richer, rest]);
}

fn any_sets() -> impl Strategy<Value = Vec<(i64, [Option<f64>; 3])>> {
    let value = || prop_oneof![Just(None), (-50_i32..50).prop_map(|n| Some(f64::from(n)))];
    proptest::collection::vec((0_i64..4 * 3_600_000, [value(), value(), value()]), 0..60)
}

proptest! {
    #[test]
    fn rows_made_hour_by_hour_in_any_order_and_twice_are_those_made_at_once(mut sets in any_sets(), order in any::<u64>()) {
        let table = OneTable::new();
        sets.sort_by_key(|(at, _)| *at);
        let sets: Vec<SampleSet> = sets.into_iter().map(|(at, values)| table.set(at, values)).collect();
        for grain in Grain::ALL {
            let mut pieces = Rolled::new();
            for turn in 0..8_i64 {
                let hour = (turn * 3 + (order % 4) as i64) % 4;
                let within: Vec<SampleSet> = sets.iter().filter(|set| set.at.0 / 3_600_000 == hour).cloned().collect();
                for (metric, tracks) in all(&within, grain, &table) {
                    merge(pieces.entry(metric).or_default(), tracks);
                }
            }
            prop_assert_eq!(&pieces, &all(&sets, grain, &table));
        }
    }

    #[test]
    fn hours_are_what_their_five_minutes_come_to(mut sets in any_sets()) {
        let table = OneTable::new();
        sets.sort_by_key(|(at, _)| *at);
        let sets: Vec<SampleSet> = sets.into_iter().map(|(at, values)| table.set(at, values)).collect();
        let mut coarser = Rolled::new();
        for (metric, tracks) in all(&sets, Grain::FiveMinutes, &table) {
            for (attributes, rows) in tracks {
                let hours = coarser.entry(metric.clone()).or_default().entry(attributes).or_default();
                extend(hours, rows.into_iter().map(|row| Row { at: Grain::Hour.begin(row.at), ..row }).collect());
            }
        }
        prop_assert_eq!(coarser, all(&sets, Grain::Hour, &table));
    }
}
