//! What is pushed to a remote, as its receiver reads it.

use super::inventory::Host;
use super::*;
use crate::config::RemoteWrite;
use crate::delivery::{Guard, SystemNames};
use crate::remote_write::encode::WriteRequest;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use prost::Message as _;
use std::sync::Mutex;

type Seen = Arc<Mutex<Vec<(HeaderMap, WriteRequest)>>>;

/// A remote that answers so.
async fn remote(status: u16) -> (String, Seen) {
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    let take = move |headers: HeaderMap, body: Bytes| async move {
        let message = snap::raw::Decoder::new().decompress_vec(&body).unwrap();
        kept.lock().unwrap().push((headers, WriteRequest::decode(message.as_slice()).unwrap()));
        (StatusCode::from_u16(status).unwrap(), [("retry-after", "120")])
    };
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/push", socket.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(socket, axum::Router::new().route("/push", post(take))).await });
    (url, seen)
}

fn remotes(url: &str, token_file: Option<std::path::PathBuf>) -> Remotes {
    let wanted = vec!["system.filesystem.*".to_owned()];
    Remotes::new(&[RemoteWrite {
        name: "mimir".into(),
        url: url.into(),
        interval: Duration::from_secs(30),
        token_file,
        wanted,
        query: Some("class:host".into()),
    }])
}

async fn host() -> Host {
    let mut host = Host::reported().await;
    host.measure(&[("system.filesystem.utilization", "/"), ("system.paging.faults", "/")], vec![Some(0.5), Some(1.0)]).await;
    host
}

#[tokio::test]
async fn newest_values_reach_a_remote_in_its_form_with_the_token() {
    let host = host().await;
    let (url, seen) = remote(204).await;
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "secret\n").unwrap();
    let remotes = remotes(&url, Some(token));
    let guard = Guard::new(&["127.0.0.0/8".parse().unwrap()], Arc::new(SystemNames));
    let push = remotes.push(0, &host.fixture.engine, &guard);
    push.settle(Ok(0));
    assert_eq!((remotes.figures()[0].up, remotes.figures()[0].sent_at_s), (true, 0), "nothing was taken yet");
    let sent = push.round().await.unwrap();
    push.settle(Ok(sent));
    assert!(remotes.figures()[0].sent_at_s > 0);
    let (headers, request) = seen.lock().unwrap().pop().unwrap();
    for (name, value) in [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
        ("x-prometheus-remote-write-version", "0.1.0"),
        ("authorization", "Bearer secret"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    let found: Vec<(Vec<&str>, f64)> =
        request.timeseries.iter().map(|one| (one.labels.iter().map(|label| label.name.as_str()).collect(), one.samples[0].value)).collect();
    assert_eq!(found, [(vec!["__name__", "ci", "host"], 1.0), (vec!["__name__", "ci", "host", "mountpoint"], 0.5)]);
    let figures = &remotes.figures()[0];
    assert_eq!((figures.samples, figures.failures, figures.up), (2, 0, true));
}

#[tokio::test]
async fn a_remote_that_refuses_is_waited_for_and_nothing_behind_the_guard_is_called() {
    let host = host().await;
    let (url, seen) = remote(503).await;
    let remotes = remotes(&url, None);
    let open = Guard::new(&["127.0.0.0/8".parse().unwrap()], Arc::new(SystemNames));
    let push = remotes.push(0, &host.fixture.engine, &open);
    let (reason, retry_after) = push.round().await.unwrap_err();
    assert_eq!((reason.as_str(), retry_after), ("the receiver answered 503", Some(Duration::from_secs(120))));
    assert_eq!(push.settle(Err((reason, retry_after))), Duration::from_secs(120));
    assert_eq!((remotes.figures()[0].failures, remotes.figures()[0].up, seen.lock().unwrap().len()), (1, false, 1));
    let closed = Guard::new(&[], Arc::new(SystemNames));
    let (reason, _) = remotes.push(0, &host.fixture.engine, &closed).round().await.unwrap_err();
    assert!(reason.contains("delivery.allowed_networks"), "{reason}");
    assert_eq!(seen.lock().unwrap().len(), 1);
}
