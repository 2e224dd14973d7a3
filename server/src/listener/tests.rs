use super::*;
use crate::testing::{Identity, TestServer, post, sign};
use axum::routing::get;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};
use rollcall_domain::trust::decide::TrustCommand;
use rollcall_shared::endpoint;
use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const EMPTY_PUSH: &[u8] = br#"{"epoch":1,"sent_at":"2026-11-21T04:31:00Z","settings_version":0,"messages":[]}"#;
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// The status of an empty push over a new connection; an error when TLS refused it. In TLS 1.3 a client learns that its
/// certificate was refused when it first reads.
async fn push_as(test: &TestServer, identity: Option<&Identity>) -> std::io::Result<u16> {
    let mut stream = test.connect(test.server.agents, identity).await?;
    post(&mut stream, endpoint::PUSH, &JSON, EMPTY_PUSH).await.map(|reply| reply.status)
}

type Spoil = fn(&mut CertificateParams);

/// What the authority would say of an agent, to be spoiled by a test.
fn leaf(agent: AgentId) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(format!("{}{agent}", endpoint::AGENT_URI).try_into().unwrap())];
    params.is_ca = IsCa::ExplicitNoCa;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

#[tokio::test]
async fn an_enrolled_agent_gets_through() {
    let test = TestServer::start().await;
    let agent = test.enrol().await;
    assert_eq!(push_as(&test, Some(&agent.identity)).await.unwrap(), 200);
}

#[tokio::test]
async fn a_client_without_certificate_is_refused() {
    let test = TestServer::start().await;
    assert!(push_as(&test, None).await.is_err());
}

#[tokio::test]
async fn tls_1_2_is_refused_on_the_agent_port_and_taken_on_the_api_port() {
    let test = TestServer::start().await;
    let agent = test.enrol().await;
    assert!(test.connect_with(test.server.agents, test.client(Some(&agent.identity), &[&TLS12])).await.is_err());
    assert!(test.connect_with(test.server.api, test.client(None, &[&TLS12])).await.is_ok());
}

#[tokio::test]
async fn plain_text_gets_no_answer() {
    let test = TestServer::start().await;
    let mut stream = TcpStream::connect(test.server.agents).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn a_certificate_of_a_foreign_authority_is_refused() {
    let test = TestServer::start().await;
    let agent = test.enrol().await;
    let mut foreign = CertificateParams::default();
    foreign.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let foreign = Issuer::new(foreign, KeyPair::generate().unwrap());
    assert!(push_as(&test, Some(&sign(&leaf(agent.id), &foreign))).await.is_err());
}

#[tokio::test]
async fn certificates_that_our_key_signed_for_other_ends_are_refused() {
    let test = TestServer::start().await;
    let agent = test.enrol().await;
    assert_eq!(push_as(&test, Some(&test.sign(&leaf(agent.id)))).await.unwrap(), 200, "the unspoiled leaf");
    let spoil: [(&str, Spoil); 6] = [
        ("server authentication", |leaf| leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        ("both", |leaf| leaf.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth)),
        ("no purpose", |leaf| leaf.extended_key_usages.clear()),
        ("an authority", |leaf| leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
        ("a DNS name", |leaf| leaf.subject_alt_names = vec![SanType::DnsName("web-1".try_into().unwrap())]),
        ("two agents", |leaf| leaf.subject_alt_names.extend(leaf.subject_alt_names.clone())),
    ];
    for (what, spoil) in spoil {
        let mut params = leaf(agent.id);
        spoil(&mut params);
        assert!(push_as(&test, Some(&test.sign(&params))).await.is_err(), "{what}");
    }
}

#[tokio::test]
async fn a_certificate_of_an_agent_that_is_not_known_is_refused() {
    let test = TestServer::start().await;
    assert!(push_as(&test, Some(&test.sign(&leaf(AgentId(7))))).await.is_err());
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let test = TestServer::start().await;
    let agent = test.enrol().await;
    test.clock.advance(Duration::from_secs(8 * 24 * 3600));
    assert!(push_as(&test, Some(&agent.identity)).await.is_err());
}

#[tokio::test]
async fn a_long_chain_is_refused() {
    let test = TestServer::start().await;
    let mut agent = test.enrol().await;
    let leaf = agent.identity.chain[0].clone();
    agent.identity.chain.extend(std::iter::repeat_n(leaf, 200));
    assert!(push_as(&test, Some(&agent.identity)).await.is_err());
}

#[tokio::test]
async fn an_agents_session_is_never_resumed() {
    let test = TestServer::start().await;
    let agent = test.enrol().await;
    let client = test.client(Some(&agent.identity), &[&TLS13]);
    for _ in 0..2 {
        let mut stream = test.connect_with(test.server.agents, client.clone()).await.unwrap();
        assert_eq!(post(&mut stream, endpoint::PUSH, &JSON, EMPTY_PUSH).await.unwrap().status, 200);
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
    }
}

#[tokio::test]
async fn the_presented_chain_includes_the_authority() {
    let test = TestServer::start().await;
    let stream = test.connect(test.server.api, None).await.unwrap();
    assert_eq!(stream.get_ref().1.peer_certificates().map(<[_]>::len), Some(2));
}

#[tokio::test]
async fn a_revoked_agents_open_connection_is_cut_and_no_new_one_is_taken() {
    let test = TestServer::start().await;
    let (agent, other) = (test.enrol().await, test.enrol().await);
    let mut stream = test.connect(test.server.agents, Some(&agent.identity)).await.unwrap();
    assert_eq!(post(&mut stream, endpoint::PUSH, &JSON, EMPTY_PUSH).await.unwrap().status, 200);
    test.trust(TrustCommand::RevokeAgent { agent: agent.id, reason: "lost".into() }).await;
    // The client says nothing more: what ends the connection is the server.
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert_eq!(test.server.refusals.snapshot(), [("agent_revoked", 1)]);
    assert!(push_as(&test, Some(&agent.identity)).await.is_err());
    assert_eq!(push_as(&test, Some(&other.identity)).await.unwrap(), 200);
}

#[tokio::test]
async fn clients_that_stay_silent_keep_nobody_waiting() {
    let test = TestServer::start().await;
    let agent = test.enrol().await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(test.server.agents).await.unwrap());
    }
    assert_eq!(push_as(&test, Some(&agent.identity)).await.unwrap(), 200);
}

#[tokio::test]
async fn an_agent_has_a_limited_number_of_connections() {
    let test = TestServer::start_with("connections_per_agent = 2\n").await;
    let agent = test.enrol().await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = test.connect(test.server.agents, Some(&agent.identity)).await.unwrap();
        assert_eq!(post(&mut stream, endpoint::PUSH, &JSON, EMPTY_PUSH).await.unwrap().status, 200);
        open.push(stream);
    }
    assert!(push_as(&test, Some(&agent.identity)).await.is_err());
    assert_eq!(test.server.refusals.snapshot(), [("agent_connection_limit", 1)]);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_at_once() {
    let test = TestServer::start_with("agent_connections = 1\n").await;
    let agent = test.enrol().await;
    let mut first = test.connect(test.server.agents, Some(&agent.identity)).await.unwrap();
    assert_eq!(post(&mut first, endpoint::PUSH, &JSON, EMPTY_PUSH).await.unwrap().status, 200);
    assert!(push_as(&test, Some(&agent.identity)).await.is_err());
    assert_eq!(post(&mut first, endpoint::PUSH, &JSON, EMPTY_PUSH).await.unwrap().status, 200);
}

/// A listener of its own around a router of the test's, with everything that the application puts around routers.
async fn serve(router: Router) -> (TestServer, SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
    let test = TestServer::start().await;
    let authority = crate::ca::Authority::open(&test.directory).unwrap();
    let config = crate::config::Config::load(&test.directory.config()).unwrap();
    let now = crate::clock::Clock::now(&*test.clock);
    let names = crate::app::certificate_names(&config);
    let identity = authority.server_identity(&test.directory, &names, now, &crate::entropy::SystemEntropy).unwrap();
    let stop = CancellationToken::new();
    let router = router
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(crate::observability::answer_panic))
        .layer(axum::middleware::from_fn_with_state(stop.clone(), end_streams));
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let listener = Listener {
        name: "test",
        socket,
        tls: crate::tls::api(&identity, test.clock.clone()).unwrap(),
        router,
        door: Door::Open,
        max_connections: 10,
        refusals: Refusals::default(),
    };
    (test, address, stop.clone(), tokio::spawn(listener.serve(stop)))
}

#[tokio::test]
async fn a_panic_in_one_request_is_a_500_and_the_connection_lives() {
    let boom = || async {
        if true {
            panic!("boom")
        }
    };
    let router = Router::new().route("/boom", axum::routing::post(boom)).route("/fine", axum::routing::post(|| async { "fine" }));
    let (test, address, _stop, _task) = serve(router).await;
    let mut stream = test.connect(address, None).await.unwrap();
    let reply = post(&mut stream, "/boom", &[], b"").await.unwrap();
    assert_eq!(reply.status, 500);
    assert!(!String::from_utf8_lossy(&reply.body).contains("boom"));
    assert_eq!(post(&mut stream, "/fine", &[], b"").await.unwrap().status, 200);
}

#[tokio::test]
async fn an_event_stream_ends_when_the_server_stops() {
    let endless = || async {
        let body = Body::from_stream(futures_util::stream::pending::<Result<String, std::io::Error>>());
        ([("content-type", "text/event-stream")], body)
    };
    let (test, address, stop, task) = serve(Router::new().route("/events", get(endless))).await;
    let mut stream = test.connect(address, None).await.unwrap();
    stream.write_all(b"GET /events HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 64];
    assert!(stream.read(&mut first).await.unwrap() > 0);
    stop.cancel();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    task.await.unwrap();
}

#[tokio::test]
async fn a_request_in_flight_is_answered_when_the_server_stops() {
    let (entered, leave) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let (inside, wait) = (entered.clone(), leave.clone());
    let handler = move || async move {
        inside.notify_one();
        wait.notified().await;
        "done"
    };
    let (test, address, stop, task) = serve(Router::new().route("/slow", axum::routing::post(handler))).await;
    let mut stream = test.connect(address, None).await.unwrap();
    let reply = tokio::spawn(async move { post(&mut stream, "/slow", &[], b"").await });
    entered.notified().await;
    stop.cancel();
    leave.notify_one();
    assert_eq!(reply.await.unwrap().unwrap().body, b"done");
    task.await.unwrap();
}

#[tokio::test]
async fn a_request_id_comes_back_and_a_malformed_one_is_replaced() {
    let test = TestServer::start().await;
    let agent = test.enrol().await;
    let mut stream = test.connect(test.server.agents, Some(&agent.identity)).await.unwrap();
    let reply = post(&mut stream, endpoint::PUSH, &[JSON[0], ("x-request-id", "abc-123")], EMPTY_PUSH).await.unwrap();
    assert!(reply.head.contains("x-request-id: abc-123\r\n"), "{}", reply.head);
    let reply = post(&mut stream, endpoint::PUSH, &[JSON[0], ("x-request-id", "a b")], EMPTY_PUSH).await.unwrap();
    assert!(reply.head.contains("x-request-id: req_"), "{}", reply.head);
}

/// Posts over HTTP/2; status, code, and how many megabytes of the body were taken before the stream ended.
async fn post_over_2(test: &TestServer, path: &str, headers: &[(&str, &str)], megabytes: usize) -> (u16, String, usize) {
    let mut client = test.client(None, &[&TLS13]);
    client.alpn_protocols = vec![b"h2".to_vec()];
    let stream = test.connect_with(test.server.api, client).await.unwrap();
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    let taken = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    let count = Arc::clone(&taken);
    let pieces = futures_util::stream::iter(0..megabytes).map(move |_| {
        let _until_let_go = &ended;
        count.fetch_add(1, Ordering::SeqCst);
        Ok::<_, std::io::Error>(axum::body::Bytes::from(vec![b' '; 1 << 20]))
    });
    let mut request = hyper::Request::post(format!("https://127.0.0.1{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = sender.send_request(request.body(Body::from_stream(pieces)).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(Body::new(response.into_body()), 1 << 20).await.unwrap();
    let _ = end.await;
    let code = serde_json::from_slice::<serde_json::Value>(&body).unwrap()["code"].as_str().unwrap().to_owned();
    (status, code, taken.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_body_over_the_limit_gets_its_answer_over_http_2_and_is_read_to_its_end() {
    use crate::admin::Ask;
    use rollcall_domain::trust::feed::FeedKind;
    let test = TestServer::start().await;
    let kind = FeedKind::Glpi;
    let feed = Ask::CreateFeed { name: "site".parse().unwrap(), kind, networks: Vec::new(), ttl_s: None };
    let feed = format!("Bearer {}", test.server.tokens.create(feed).await.unwrap());
    let person = Ask::CreateApiToken { name: "ann".into(), role: rollcall_domain::actor::Role::Admin, ttl_s: 3600 };
    let person = format!("Bearer {}", test.server.tokens.create(person).await.unwrap());
    for (path, authorization, megabytes) in [("/glpi", &feed, 13), ("/api/v1/cis", &person, 3), ("/api/v1/imports?name=racks", &person, 47)]
    {
        let media_type = if path.contains("imports") { "text/csv" } else { "application/json" };
        let headers = [("content-type", media_type), ("authorization", authorization.as_str()), ("idempotency-key", "one")];
        let headers = if path == "/glpi" { &headers[..2] } else { &headers[..] };
        let found = post_over_2(&test, path, headers, megabytes).await;
        assert_eq!(found, (413, "payload_too_large".to_owned(), megabytes), "{path}");
    }
}

#[tokio::test]
async fn a_body_that_was_refused_unread_costs_no_answer_over_http_1_and_the_connection_lives() {
    let test = TestServer::start().await;
    let mut stream = test.connect(test.server.api, None).await.unwrap();
    let body = vec![b' '; 3 << 20];
    for (path, status) in [("/api/v1/groups", 401), ("/api/v1/incidents/x", 405), ("/api/v1/nothing", 404), ("/api/v1/groups", 401)] {
        assert_eq!(post(&mut stream, path, &JSON[..1], &body).await.unwrap().status, status, "{path}");
    }
}
