use super::super::scene::Scene;
use super::message::{
    AnyValue, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, ResourceInfo, ResourceMetrics,
    ScopeMetrics, Sum, Summary, SummaryDataPoint, ValueAtQuantile,
};
use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use rollcall_domain::rule::Reduce;
use std::io::Write;

/// When what the tests of reading read has arrived.
const NOW: Timestamp = Timestamp(7_000_000);

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { string_value: Some(value.into()), ..AnyValue::default() }) }
}

fn double(at_ms: i64, value: f64, attributes: &[KeyValue]) -> NumberDataPoint {
    let time_unix_nano = u64::try_from(at_ms).unwrap() * 1_000_000;
    NumberDataPoint { time_unix_nano, as_double: Some(value), attributes: attributes.to_vec(), ..NumberDataPoint::default() }
}

fn gauge(name: &str, data_points: Vec<NumberDataPoint>) -> Metric {
    Metric { name: name.into(), gauge: Some(Gauge { data_points }), ..Metric::default() }
}

fn sum(name: &str, aggregation_temporality: i32, data_points: Vec<NumberDataPoint>) -> Metric {
    Metric { name: name.into(), sum: Some(Sum { data_points, aggregation_temporality }), ..Metric::default() }
}

fn of_host(host: &str, metrics: Vec<Metric>) -> ExportRequest {
    let resource = Some(ResourceInfo { attributes: vec![text("host.name", host), text("os.type", "linux")] });
    ExportRequest { resource_metrics: vec![ResourceMetrics { resource, scope_metrics: vec![ScopeMetrics { metrics }] }] }
}

/// What is read of metrics: name, attributes and the one value of each series; and what is refused.
#[track_caller]
fn check(metrics: Vec<Metric>, expected: &[(&str, &str, Option<f64>)], refused: &[(Refusal, u64)]) {
    let message = decode(&of_host("web-1", metrics).encode_to_vec(), Form::Protobuf, NOW).unwrap();
    let found: Vec<(String, String, Option<f64>)> = message
        .resources
        .values()
        .flatten()
        .map(|one| {
            let attributes = one.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",");
            (one.metric.clone(), attributes, one.values[0].1)
        })
        .collect();
    let expected: Vec<_> = expected.iter().map(|(name, attributes, value)| ((*name).into(), (*attributes).into(), *value)).collect();
    assert_eq!((found, message.refused), (expected, refused.iter().copied().collect()));
}

#[test]
fn gauges_and_cumulative_sums_are_read_and_differences_are_counted() {
    let int = NumberDataPoint { as_int: Some(-7), ..double(1, 0.0, &[]) };
    let int = NumberDataPoint { as_double: None, ..int };
    check(vec![gauge("jvm.threads", vec![int])], &[("jvm.threads", "", Some(-7.0))], &[]);
    let points = vec![double(1, 0.5, &[text("state", "used")]), double(1, 1.5, &[text("state", "free")])];
    check(vec![gauge("m", points.clone())], &[("m", "state=used", Some(0.5)), ("m", "state=free", Some(1.5))], &[]);
    check(vec![sum("c", CUMULATIVE, vec![double(1, 9.0, &[])])], &[("c", "", Some(9.0))], &[]);
    check(vec![sum("c", 1, points.clone()), sum("c", 0, points)], &[], &[(Refusal::Delta, 4)]);
}

#[test]
fn of_distributions_count_sum_and_quantiles_are_read() {
    let get = || vec![text("http.request.method", "GET")];
    let point = HistogramDataPoint { count: 7, sum: Some(0.5), attributes: get(), ..HistogramDataPoint::default() };
    let histogram = |aggregation_temporality, point: &HistogramDataPoint| Metric {
        name: "d".into(),
        histogram: Some(Histogram { data_points: vec![point.clone()], aggregation_temporality }),
        ..Metric::default()
    };
    let both = [("d.count", "http.request.method=GET", Some(7.0)), ("d.sum", "http.request.method=GET", Some(0.5))];
    check(vec![histogram(CUMULATIVE, &point)], &both, &[]);
    check(vec![histogram(1, &point)], &[], &[(Refusal::Delta, 1)]);
    check(vec![histogram(CUMULATIVE, &HistogramDataPoint { sum: None, ..point.clone() })], &both[..1], &[]);
    let ended = both.map(|(name, attributes, _)| (name, attributes, None));
    check(vec![histogram(CUMULATIVE, &HistogramDataPoint { flags: 1, ..point.clone() })], &ended, &[]);
    let infinite = HistogramDataPoint { sum: Some(f64::INFINITY), ..point.clone() };
    check(vec![histogram(CUMULATIVE, &infinite)], &both[..1], &[(Refusal::NotFinite, 1)]);
    check(vec![Metric { name: String::new(), ..histogram(CUMULATIVE, &point) }], &[], &[(Refusal::Malformed, 2)]);

    let data_points = vec![ExponentialHistogramDataPoint { count: 7, sum: Some(0.5), attributes: get(), ..Default::default() }];
    let exponential = Some(ExponentialHistogram { data_points, aggregation_temporality: CUMULATIVE });
    check(vec![Metric { name: "d".into(), exponential_histogram: exponential, ..Metric::default() }], &both, &[]);

    let quantile = |quantile, value| ValueAtQuantile { quantile, value };
    let quantile_values = vec![quantile(0.5, 0.1), quantile(0.99, 0.25), quantile(1.0, f64::NAN)];
    let data_points = vec![SummaryDataPoint { count: 7, sum: 0.5, attributes: get(), quantile_values, ..Default::default() }];
    let summary = Metric { name: "d".into(), summary: Some(Summary { data_points }), ..Metric::default() };
    let quantiles = [("d", "http.request.method=GET,quantile=0.5", Some(0.1)), ("d", "http.request.method=GET,quantile=0.99", Some(0.25))];
    check(vec![summary], &[&both[..], &quantiles[..]].concat(), &[]);
}

#[test]
fn values_that_are_none_are_refused_or_end_their_series() {
    let infinite = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(|value| double(1, value, &[])).to_vec();
    check(vec![gauge("m", infinite)], &[], &[(Refusal::NotFinite, 3)]);
    check(vec![gauge("m", vec![NumberDataPoint { as_double: None, ..double(1, 0.0, &[]) }])], &[], &[(Refusal::NotFinite, 1)]);
    check(vec![gauge("m", vec![NumberDataPoint { flags: 1, as_double: None, ..double(1, 0.0, &[]) }])], &[("m", "", None)], &[]);
    let list = KeyValue { key: "list".into(), value: Some(AnyValue::default()) };
    check(vec![gauge("m", vec![double(1, 0.0, &[list])])], &[], &[(Refusal::Malformed, 1)]);
    check(vec![gauge("", vec![double(1, 0.0, &[])])], &[], &[(Refusal::Malformed, 1)]);
    let truth = KeyValue { key: "b".into(), value: Some(AnyValue { bool_value: Some(true), ..AnyValue::default() }) };
    let whole = KeyValue { key: "i".into(), value: Some(AnyValue { int_value: Some(3), ..AnyValue::default() }) };
    check(vec![gauge("m", vec![double(1, 0.0, &[truth, whole])])], &[("m", "b=true,i=3", Some(0.0))], &[]);
}

const JSON: &str = r#"{"resourceMetrics": [{"resource": {"attributes": [
      {"key": "host.name", "value": {"stringValue": "web-1"}}, {"key": "args", "value": {"arrayValue": {"values": []}}}]},
    "schemaUrl": "x", "scopeMetrics": [{"scope": {"name": "s"}, "metrics": [
      {"name": "m", "unit": "1", "gauge": {"dataPoints": [
        {"timeUnixNano": "@@", "asDouble": 99.5, "attributes": [{"key": "cpu", "value": {"intValue": "3"}}]},
        {"timeUnixNano": "@@", "asInt": "12"}, {"timeUnixNano": 5, "asDouble": "NaN"}]}},
      {"name": "c", "sum": {"aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [{"timeUnixNano": "@@", "asInt": 7}]}},
      {"name": "d", "sum": {"aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA", "dataPoints": [{"asInt": 7}]}},
      {"name": "h", "histogram": {"dataPoints": [{"timeUnixNano": "@@", "count": "3", "sum": 1.5, "bucketCounts": ["1", "2"],
        "explicitBounds": [0.5]}], "aggregationTemporality": 2}}]}]}]}"#;

#[test]
fn json_is_the_same_message() {
    let message = decode(JSON.replace("@@", "5000000").as_bytes(), Form::Json, NOW).unwrap();
    let found: Vec<_> = message.resources.values().flatten().map(|one| (one.metric.as_str(), one.values[0])).collect();
    let expected = [("m", 99.5), ("m", 12.0), ("c", 7.0), ("h.count", 3.0), ("h.sum", 1.5)];
    assert_eq!(found, expected.map(|(name, value)| (name, (Timestamp(5), Some(value)))));
    assert_eq!(message.refused, BTreeMap::from([(Refusal::Delta, 1), (Refusal::NotFinite, 1)]));
    assert_eq!(message.units, BTreeMap::from([("m".to_owned(), "1".to_owned())]));
}

#[test]
fn units_come_with_their_metrics() {
    let unit = |metric: Metric| Metric { unit: "ms".into(), ..metric };
    let histogram = Histogram {
        data_points: vec![HistogramDataPoint { count: 3, sum: Some(1.5), ..HistogramDataPoint::default() }],
        aggregation_temporality: 2,
    };
    let times = Metric { name: "t".into(), histogram: Some(histogram), ..Metric::default() };
    let sent = of_host("web-1", vec![unit(gauge("m", vec![double(1, 1.0, &[])])), gauge("n", Vec::new()), unit(times)]);
    let message = decode(&sent.encode_to_vec(), Form::Protobuf, NOW).unwrap();
    let told: Vec<(&str, &str)> = message.units.iter().map(|(name, unit)| (name.as_str(), unit.as_str())).collect();
    assert_eq!(told, [("m", "ms"), ("t", "ms"), ("t.sum", "ms")]);
}

#[test]
fn a_value_without_a_time_is_of_its_arrival() {
    let message = decode(&of_host("web-1", vec![gauge("m", vec![double(0, 1.0, &[])])]).encode_to_vec(), Form::Protobuf, NOW).unwrap();
    assert_eq!(message.resources.values().flatten().map(|one| one.values[0].0).collect::<Vec<_>>(), [NOW]);
}

#[test]
fn bodies_that_are_none_are_refused_by_what_is_wrong() {
    let of = |bytes: &[u8], form| decode(bytes, form, NOW).err().map(|error| error.code());
    assert_eq!(of(b"no protobuf", Form::Protobuf), Some(Code::MalformedFrame));
    assert_eq!(of(b"{\"resourceMetrics\": 3}", Form::Json), Some(Code::MalformedJson));
    assert_eq!(of(b"", Form::Protobuf), None);
    assert_eq!(of(b"{}", Form::Json), None);
    let pack = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    assert_eq!(of(&pack(&vec![0; EXPANDED_BYTES + 1]), Form::Protobuf), Some(Code::PayloadTooLarge));
    assert_eq!(of(&pack(&[0x0a, 0].repeat(wire::MESSAGES + 1)), Form::Protobuf), Some(Code::PayloadTooLarge));
    let many = format!("{{\"resourceMetrics\": [{}{{}}]}}", "{},".repeat(wire::MESSAGES));
    assert_eq!(of(&pack(many.as_bytes()), Form::Json), Some(Code::PayloadTooLarge));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes, Form::Protobuf, NOW);
        let _ = decode(&bytes, Form::Json, NOW);
    }

    #[test]
    fn no_message_panics(at in any::<u64>(), value in any::<f64>(), whole in any::<Option<i64>>(), flags in any::<u32>(), name in ".{0,9}") {
        let point = NumberDataPoint { time_unix_nano: at, as_double: Some(value), as_int: whole, flags, attributes: vec![text(&name, &name)] };
        let bytes = of_host(&name, vec![gauge(&name, vec![point.clone()]), sum(&name, 2, vec![point])]).encode_to_vec();
        prop_assert!(decode(&bytes, Form::Protobuf, NOW).is_ok());
    }
}

const PROTOBUF: [(&str, &str); 1] = [("content-type", "application/x-protobuf")];

async fn export(scene: &Scene, request: &ExportRequest) -> Option<PartialSuccess> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&request.encode_to_vec()).unwrap();
    let headers = [PROTOBUF[0], ("content-encoding", "gzip")];
    let reply = scene.send(PATH, &headers, &encoder.finish().unwrap()).await;
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    ExportResponse::decode(reply.body.as_slice()).unwrap().partial_success
}

#[tokio::test]
async fn a_collectors_metrics_open_and_end_an_incident_of_the_host_that_they_name() {
    let scene = Scene::start(FeedKind::Otlp).await;
    scene.add_rule("system.memory.utilization", &[("state", "used"), ("rollcall.feed", "site")], (Reduce::Last, 0), 0.9).await;
    let now = scene.server.server.engine.now().0;
    let memory = |at, used: f64| {
        let points = vec![double(at, used, &[text("state", "used")]), double(at, 1.0 - used, &[text("state", "free")])];
        of_host("web-1", vec![gauge("system.memory.utilization", points)])
    };
    assert_eq!(export(&scene, &memory(now - 30_000, 0.5)).await, None);
    assert_eq!(scene.open(), []);
    assert_eq!(export(&scene, &memory(now - 20_000, 0.95)).await, None);
    assert_eq!(scene.open(), [scene.host]);
    let json = JSON.replace("@@", &format!("{}000000", now - 15_000));
    let reply = scene.send(PATH, &[("content-type", "application/json")], json.as_bytes()).await;
    assert_eq!((reply.status, &reply.json()["partialSuccess"]["rejectedDataPoints"]), (200, &"2".into()));
    let told = export(&scene, &memory(now + 600_000, 0.5)).await.unwrap();
    assert!(told.rejected_data_points == 2 && told.error_message.contains("later than now"), "{told:?}");
    assert_eq!(scene.open(), [scene.host], "what is of later says nothing of now");
    assert_eq!(export(&scene, &memory(now - 10_000, 0.5)).await, None);
    assert_eq!(scene.open(), []);
}

#[tokio::test]
async fn what_is_not_taken_is_told_in_a_partial_success() {
    let scene = Scene::start(FeedKind::Otlp).await;
    let now = scene.server.server.engine.now().0;
    let mut request = of_host("nowhere", vec![gauge("m", vec![double(now, 1.0, &[])])]);
    request.resource_metrics.extend(of_host("web-1", vec![sum("d", 1, vec![double(now, 1.0, &[])])]).resource_metrics);
    request.resource_metrics.extend(of_host("web-1", vec![gauge("old", vec![double(5, 1.0, &[])])]).resource_metrics);
    let told = export(&scene, &request).await.unwrap();
    assert_eq!(told.rejected_data_points, 3);
    for part in ["cumulative", "host.name=nowhere", "seven days"] {
        assert!(told.error_message.contains(part), "{}", told.error_message);
    }
}

#[tokio::test]
async fn refusals_are_in_the_words_of_the_protocol() {
    let scene = Scene::start(FeedKind::Otlp).await;
    let reply = scene.send(PATH, &PROTOBUF, b"no protobuf").await;
    let status = Status::decode(reply.body.as_slice()).unwrap();
    assert!(reply.status == 400 && status.message.starts_with("malformed_frame: "), "{status:?}");
    let reply = scene.send(PATH, &[("content-type", "application/json")], b"{").await;
    assert_eq!((reply.status, reply.json()["message"].as_str().unwrap().starts_with("malformed_json: ")), (400, true));
    assert_eq!(scene.send(PATH, &[("content-type", "text/plain")], b"").await.status, 415);
    assert_eq!(scene.send(PATH, &[PROTOBUF[0], ("content-encoding", "zstd")], b"").await.status, 415);
    assert_eq!(scene.send_as("rcf_other", PATH, &PROTOBUF, b"").await.status, 401);
    let prometheus = Scene::start(FeedKind::Prometheus).await;
    assert_eq!(prometheus.send(PATH, &PROTOBUF, b"").await.status, 403);
}
