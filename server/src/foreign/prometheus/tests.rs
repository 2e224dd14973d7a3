use super::super::scene::Scene;
use super::*;
use crate::remote_write::encode::{Label, Sample};
use proptest::prelude::*;
use rollcall_domain::rule::Reduce;

fn series(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> TimeSeries {
    let labels = labels.iter().map(|(name, value)| Label { name: (*name).into(), value: (*value).into() }).collect();
    let samples = samples.iter().map(|(timestamp, value)| Sample { value: *value, timestamp: *timestamp }).collect();
    TimeSeries { labels, samples, histograms: Vec::new() }
}

fn body(timeseries: Vec<TimeSeries>) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(&WriteRequest { timeseries }.encode_to_vec()).unwrap()
}

const HEADERS: [(&str, &str); 2] =
    [("content-type", "application/x-protobuf;proto=prometheus.WriteRequest"), ("content-encoding", "snappy")];

/// A series as it is read: metric, number of attributes, values by time.
type Read<'a> = (&'a str, usize, &'a [(i64, Option<f64>)]);

/// What is read of series, and what is refused.
#[track_caller]
fn check(timeseries: Vec<TimeSeries>, expected: &[Read<'_>], refused: &[(Refusal, u64)]) {
    let message = decode(&body(timeseries)).unwrap();
    let found: Vec<&Measured> = message.resources.values().flatten().collect();
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (one, (metric, attributes, values)) in found.iter().zip(expected) {
        let found: Vec<(i64, Option<f64>)> = one.values.iter().map(|(at, value)| (at.0, *value)).collect();
        assert_eq!((one.metric.as_str(), one.attributes.len(), found.as_slice()), (*metric, *attributes, *values));
    }
    assert_eq!(message.refused, refused.iter().copied().collect());
}

#[test]
fn series_are_read_by_their_labels_and_a_stale_marker_is_no_error() {
    let labels = [("__name__", "up"), ("instance", "web-1:9100"), ("job", "node")];
    check(vec![series(&labels, &[(5, 1.0), (6, 0.0)])], &[("up", 2, &[(5, Some(1.0)), (6, Some(0.0))])], &[]);
    check(vec![series(&labels, &[(5, f64::from_bits(STALE))])], &[("up", 2, &[(5, None)])], &[]);
    let others = [(5, f64::NAN), (6, f64::INFINITY), (7, f64::NEG_INFINITY)];
    check(vec![series(&labels, &others)], &[], &[(Refusal::NotFinite, 3)]);
    check(vec![series(&[("job", "x")], &[(5, 1.0)])], &[], &[(Refusal::Malformed, 1)]);
    check(vec![series(&[("__name__", "m"), ("rollcall_feed", "site")], &[(5, 1.0)])], &[], &[(Refusal::FromHere, 1)]);
    check(Vec::new(), &[], &[]);
}

#[test]
fn of_native_histograms_count_and_sum_are_read() {
    let labels = [("__name__", "d"), ("instance", "web-1:9100")];
    let of = |histograms| vec![TimeSeries { histograms, ..series(&labels, &[]) }];
    let whole = Histogram { count_int: Some(7), sum: 0.5, timestamp: 5, ..Histogram::default() };
    let float = Histogram { count_float: Some(8.5), sum: 0.75, timestamp: 6, ..Histogram::default() };
    let ended = Histogram { count_int: Some(0), sum: f64::from_bits(STALE), timestamp: 7, ..Histogram::default() };
    let counts: &[_] = &[(5, Some(7.0)), (6, Some(8.5)), (7, None)];
    let sums: &[_] = &[(5, Some(0.5)), (6, Some(0.75)), (7, None)];
    check(of(vec![whole, float, ended]), &[("d_count", 1, counts), ("d_sum", 1, sums)], &[]);
    let infinite = Histogram { sum: f64::INFINITY, ..whole };
    check(of(vec![infinite]), &[("d_count", 1, &counts[..1])], &[(Refusal::NotFinite, 1)]);
    let nameless = TimeSeries { histograms: vec![whole], ..series(&labels[1..], &[(5, 1.0)]) };
    check(vec![nameless], &[], &[(Refusal::Malformed, 1)]);
}

#[test]
fn bodies_that_are_none_are_refused_by_what_is_wrong() {
    let of = |bytes: &[u8]| decode(bytes).err().map(|error| error.code());
    let pack = |bytes: &[u8]| snap::raw::Encoder::new().compress_vec(bytes).unwrap();
    assert_eq!(of(b"no snappy at all"), Some(Code::MalformedFrame));
    assert_eq!(of(&pack(b"no protobuf")), Some(Code::MalformedFrame));
    assert_eq!(of(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Some(Code::PayloadTooLarge), "a claim of 4 GiB");
    assert_eq!(of(&pack(&vec![0; EXPANDED_BYTES + 1])), Some(Code::PayloadTooLarge));
    assert_eq!(of(&pack(&[0x0a, 0].repeat(wire::MESSAGES + 1))), Some(Code::PayloadTooLarge));
    assert_eq!(of(&pack(&[0x0a, 0])), None);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes);
        let _ = decode(&snap::raw::Encoder::new().compress_vec(&bytes).unwrap());
    }
}

#[tokio::test]
async fn a_counter_of_node_exporter_becomes_a_rate_and_opens_an_incident_of_its_host() {
    let scene = Scene::start(FeedKind::Prometheus).await;
    scene.add_rule("node_network_receive_errs_total", &[("device", "eth0")], (Reduce::Rate, 60_000), 5.0).await;
    let begin = scene.server.server.engine.now().0 - 300_000;
    let labels = [("__name__", "node_network_receive_errs_total"), ("device", "eth0"), ("instance", "web-1:9100"), ("job", "node")];
    // Ten a second; the counter starts again in the middle.
    let counted = (0..20_i32).map(|step| (begin + i64::from(step) * 10_000, f64::from(if step < 10 { step } else { step - 10 } * 100)));
    let counted: Vec<(i64, f64)> = counted.collect();
    for sample in &counted {
        let reply = scene.send(PATH, &HEADERS, &body(vec![series(&labels, &[*sample])])).await;
        assert_eq!(reply.status, 204, "{}", String::from_utf8_lossy(&reply.body));
    }
    assert_eq!(scene.open(), [scene.host]);
    let past = scene.server.server.engine.samples(
        scene.server.server.engine.read(|world| world.trust.collectors.of(scene.host).next().unwrap().0),
        Timestamp(0),
        Timestamp(i64::MAX),
    );
    assert_eq!(past.await.unwrap().len(), 20);
}

#[tokio::test]
async fn what_is_not_version_one_is_sent_away() {
    let scene = Scene::start(FeedKind::Prometheus).await;
    let good = body(vec![series(&[("__name__", "up"), ("instance", "web-1")], &[(0, 1.0)])]);
    for (headers, expected) in [
        (vec![("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"), ("content-encoding", "snappy")], 415),
        (vec![("content-type", "application/json")], 415),
        (vec![("content-type", "application/x-protobuf"), ("content-encoding", "gzip")], 415),
        (HEADERS.to_vec(), 204),
    ] {
        assert_eq!(scene.send(PATH, &headers, &good).await.status, expected, "{headers:?}");
    }
    assert_eq!(scene.send(PATH, &HEADERS, b"\x03abc").await.status, 400);
    assert_eq!(scene.send_as("rcf_other", PATH, &HEADERS, &good).await.status, 401);
    let otlp = Scene::start(FeedKind::Otlp).await;
    assert_eq!(otlp.send(PATH, &HEADERS, &good).await.status, 403);
}
