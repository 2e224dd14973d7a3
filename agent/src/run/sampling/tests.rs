use super::*;
use crate::spool::SpoolLimits;
use std::time::Duration;

fn series(metric: &str, attributes: &[(&str, &str)]) -> Series {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Series { metric: metric.to_owned(), attributes }
}

fn measured(metric: &str, value: Option<f64>) -> Measurement {
    Measurement { series: series(metric, &[("mountpoint", "/var")]), value, unit: "1" }
}

fn above(metric: &str, value: f64) -> Threshold {
    Threshold { metric: metric.to_owned(), attributes: Vec::new(), side: Side::Above, value }
}

/// Feeds values of one series; which of them hurry.
#[track_caller]
fn check(thresholds: &[Threshold], values: &[Option<f64>], expected: &[bool]) {
    let mut sampling = Sampling::default();
    let found: Vec<bool> =
        values.iter().map(|value| sampling.take(vec![measured("disk", *value)], Timestamp(0), thresholds).unwrap()).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_crossed_line_hurries_in_either_direction_and_once() {
    let values = [Some(0.5), Some(0.95), Some(0.96), Some(0.5), Some(0.5)];
    check(&[above("disk", 0.9)], &values, &[false, true, false, true, false]);
}

#[test]
fn an_unmeasured_value_crosses_nothing() {
    check(&[above("disk", 0.9)], &[Some(0.95), None, Some(0.95), None, Some(0.5)], &[true, false, false, false, true]);
}

#[test]
fn lines_of_other_series_do_not_count() {
    check(&[above("memory", 0.1)], &[Some(0.5)], &[false]);
    let elsewhere = Threshold { attributes: vec![("mountpoint".into(), "/".into())], ..above("disk", 0.1) };
    check(&[elsewhere], &[Some(0.5)], &[false]);
    let here = Threshold { attributes: vec![("mountpoint".into(), "/var".into())], ..above("disk", 0.1) };
    check(&[here], &[Some(0.5)], &[true]);
}

#[test]
fn a_line_that_the_server_lowers_below_the_value_is_crossed_at_the_next_sample() {
    let mut sampling = Sampling::default();
    let mut take = |line| sampling.take(vec![measured("disk", Some(0.5))], Timestamp(0), &[above("disk", line)]).unwrap();
    assert_eq!([take(0.9), take(0.4), take(0.4), take(0.9)], [false, true, false, true]);
}

fn bench() -> (tempfile::TempDir, Spool, SectionCache, Reading) {
    let directory = tempfile::tempdir().unwrap();
    let now = Reading { wall: Timestamp(1_800_000_000_000), monotonic: Duration::ZERO };
    let spool = Spool::open(&directory.path().join("spool"), SpoolLimits::default(), 0, now).unwrap();
    let cache = SectionCache::open(directory.path().join("sections")).unwrap();
    (directory, spool, cache, now)
}

#[test]
fn samples_become_durable_with_the_table_that_explains_them() {
    let (_directory, mut spool, cache, now) = bench();
    let mut sampling = Sampling::default();
    let readings = vec![measured("z", Some(1.0)), measured("a", Some(f64::NAN)), measured("m", None)];
    sampling.take(readings, Timestamp(5), &[]).unwrap();
    sampling.flush(None, &mut spool, &cache, now).unwrap();
    assert!(sampling.is_empty());
    let Payload::Samples(sets) = spool.batch(1, 1 << 20).unwrap().remove(0).payload else { panic!("no samples") };
    let table = Section::decode(&cache.get(&sets[0].table).unwrap().unwrap()).unwrap();
    let names = ["a", "m", "z"].map(|metric| series(metric, &[("mountpoint", "/var")]));
    assert_eq!(table, Section::Series(names.to_vec()));
    assert_eq!(sets[0].values, [None, None, Some(1.0)]);
}

#[test]
fn what_is_pushed_at_once_takes_the_samples_before_it_along() {
    let (_directory, mut spool, cache, now) = bench();
    let mut sampling = Sampling::default();
    let goodbye = |reason: &str| Payload::Goodbye { reason: reason.to_owned(), at: Timestamp(7) };
    sampling.take(vec![measured("a", Some(1.0))], Timestamp(5), &[]).unwrap();
    sampling.flush(Some(goodbye("first")), &mut spool, &cache, now).unwrap();
    sampling.flush(Some(goodbye("second")), &mut spool, &cache, now).unwrap();
    let payloads: Vec<Payload> = spool.batch(9, 1 << 20).unwrap().into_iter().map(|message| message.payload).collect();
    assert!(matches!(&payloads[0], Payload::Samples(sets) if sets[0].at == Timestamp(5)), "{payloads:?}");
    assert_eq!(payloads[1..], [goodbye("first"), goodbye("second")]);
}

#[test]
fn memory_is_bounded_and_what_did_not_fit_is_declared() {
    let (_directory, mut spool, cache, now) = bench();
    let mut sampling = Sampling::default();
    for second in 0..GATHERED as i64 + 5 {
        sampling.take(vec![measured("a", Some(1.0))], Timestamp(second), &[]).unwrap();
    }
    assert_eq!(sampling.gathered.len(), GATHERED);
    sampling.flush(None, &mut spool, &cache, now).unwrap();
    let Payload::Loss(loss) = spool.batch(1, 1 << 20).unwrap().remove(0).payload else { panic!("no loss") };
    assert_eq!((loss.first, loss.from, loss.to), (1, Timestamp(0), Timestamp(4)));
    assert!(loss.reason.contains("memory had no more room"), "{}", loss.reason);
}
