use super::super::scene::Scene;
use super::*;
use crate::foreign::prometheus;
use crate::remote_write::encode::{Label, Sample, TimeSeries, WriteRequest};
use prost::Message as _;
use rollcall_domain::Command;
use rollcall_domain::rule::Reduce;
use rollcall_domain::trust::decide::TrustCommand;
use rollcall_domain::trust::feed::FeedKind;

/// Samples of one series of a target.
fn series(name: &str, instance: &str, labels: &[(&str, &str)], samples: &[(i64, f64)]) -> TimeSeries {
    let own = [("__name__", name), ("instance", instance), ("job", "node")];
    let labels = own.iter().chain(labels).map(|(name, value)| Label { name: (*name).into(), value: (*value).into() });
    let samples = samples.iter().map(|(timestamp, value)| Sample { value: *value, timestamp: *timestamp });
    TimeSeries { labels: labels.collect(), samples: samples.collect() }
}

async fn push(scene: &Scene, timeseries: Vec<TimeSeries>) -> u16 {
    let body = snap::raw::Encoder::new().compress_vec(&WriteRequest { timeseries }.encode_to_vec()).unwrap();
    let headers = [("content-type", "application/x-protobuf"), ("content-encoding", "snappy")];
    scene.send(prometheus::PATH, &headers, &body).await.status
}

fn table(scene: &Scene) -> (ContentHash, usize) {
    scene.server.server.engine.read(|world| {
        let voice = world.trust.collectors.of(scene.host).next().unwrap().0;
        let current = world.telemetry.current(voice).unwrap();
        (current.table, current.values.len())
    })
}

#[tokio::test]
async fn a_table_stays_while_a_scrape_comes_in_parts_of_another_cut_each_time() {
    let scene = Scene::start(FeedKind::Prometheus).await;
    let names: Vec<String> = (0..40).map(|number| format!("m{number}")).collect();
    let begin = scene.server.server.engine.now().0 - 100_000;
    let mut tables = Vec::new();
    for scrape in 0..5 {
        let at = begin + scrape * 10_000;
        let all: Vec<TimeSeries> = names.iter().map(|name| series(name, "web-1:9100", &[], &[(at, 1.0)])).collect();
        for part in all.chunks(7 + usize::try_from(scrape).unwrap()) {
            assert_eq!(push(&scene, part.to_vec()).await, 204);
        }
        tables.push(table(&scene));
        assert_eq!(scene.newest(scene.host).len(), 40, "scrape {scrape}");
    }
    assert!(tables.iter().all(|one| *one == tables[0] && one.1 == 40), "{tables:?}");
    assert_eq!(push(&scene, vec![series("m1", "web-1:9100", &[], &[(begin + 40_000, 1.0)])]).await, 204);
    assert_eq!(scene.server.server.engine.counters().duplicates, 1);
}

#[tokio::test]
async fn what_means_no_item_is_refused_and_listed_until_it_does() {
    let scene = Scene::start(FeedKind::Prometheus).await;
    let now = scene.server.server.engine.now().0;
    assert_eq!(push(&scene, vec![series("m", "db-1:9100", &[], &[(now, 1.0)]), series("m", "web-1:9100", &[], &[(now, 2.0)])]).await, 204);
    assert_eq!(scene.newest(scene.host), [("m".to_owned(), 2.0)]);
    assert_eq!(scene.server.server.engine.read(|world| world.trust.collectors.len()), 1);
}

#[tokio::test]
async fn new_series_in_every_push_do_not_make_a_table_each() {
    let scene = Scene::start(FeedKind::Prometheus).await;
    let begin = scene.server.server.engine.now().0 - 100_000;
    for step in 0..20 {
        let pods = series("pod", "web-1:9100", &[("pod", &step.to_string())], &[(begin + step * 1_000, 1.0)]);
        assert_eq!(push(&scene, vec![pods]).await, 204);
    }
    assert_eq!(table(&scene).1, 16);
}

#[tokio::test]
async fn values_that_are_dated_ahead_stay_apart_and_count_once_however_often_they_are_sent() {
    let scene = Scene::start(FeedKind::Prometheus).await;
    scene.add_rule("m", &[], (Reduce::Sum, 600_000), 15.0).await;
    let engine = &scene.server.server.engine;
    let now = engine.now().0;
    let samples = [(now + 60_000, 1.0), (now + 90_000, 2.0), (now + 120_000, 3.0), (now + 150_000, 4.0)];
    for _ in 0..4 {
        assert_eq!(push(&scene, vec![series("m", "web-1:9100", &[], &samples)]).await, 204);
    }
    let voice = engine.read(|world| world.trust.collectors.of(scene.host).next().unwrap().0);
    let stored = engine.samples(voice, Timestamp(0), Timestamp(i64::MAX)).await.unwrap();
    let moments: BTreeMap<i64, f64> = stored.iter().map(|set| (set.at.0, set.values[0].unwrap())).collect();
    assert_eq!(moments, BTreeMap::from(samples));
    assert_eq!((scene.newest(scene.host), scene.open()), (vec![("m".to_owned(), 4.0)], Vec::new()));
}

#[tokio::test]
async fn a_withdrawn_feed_is_not_let_in() {
    let scene = Scene::start(FeedKind::Prometheus).await;
    scene.run(Command::Trust(TrustCommand::RevokeFeed("site".parse().unwrap()))).await;
    assert_eq!(push(&scene, vec![series("m", "web-1:9100", &[], &[(0, 1.0)])]).await, 401);
}

#[test]
fn a_complaint_tells_how_many_and_why() {
    let mut outcome = Outcome { taken: 3, refused: BTreeMap::new(), unplaced: None };
    assert_eq!(outcome.complaint(), None);
    outcome.refuse(Refusal::Delta, 2);
    outcome.refuse(Refusal::Unplaced, 1);
    outcome.unplaced = Some(("host.name=x".into(), "no item".into()));
    let (count, text) = outcome.complaint().unwrap();
    assert_eq!(count, 3);
    for part in ["2 are sums or distributions that are not cumulative", "1 mean no configuration item", "host.name=x: no item"] {
        assert!(text.contains(part), "{text}");
    }
}
