use super::*;
use crate::testing::{Enrolled, TestServer, csr, enrol_request, post};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, PKCS_ECDSA_P384_SHA384, SanType};
use rollcall_domain::Event;
use rollcall_domain::trust::TrustEvent;
use rollcall_shared::enrol::EnrolReply;
use rollcall_shared::message::{Message, Payload, PushReply, SCHEMA};
use rollcall_shared::sample::SampleSet;
use rollcall_shared::{ContentHash, Timestamp, wire};

fn push() -> Push {
    let goodbye = Payload::Goodbye { reason: "x".repeat(1000), at: Timestamp(0) };
    Push { epoch: 1, sent_at: Timestamp(0), settings_version: 0, messages: vec![Message { sequence: 1, payload: goodbye }] }
}

fn frame() -> Vec<u8> {
    wire::encode(SCHEMA, &push()).unwrap()
}

/// Sends `body` as `media_type` and expects a status and a code, and that the server goes on living.
#[track_caller]
fn check(media_type: &str, body: &[u8], status: u16, code: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let reply = runtime.block_on(async {
        let test = TestServer::start().await;
        let agent = test.enrol().await;
        let reply = send(&test, &agent, endpoint::PUSH, &[("content-type", media_type)], body).await;
        assert_eq!(send(&test, &agent, endpoint::PUSH, &[("content-type", endpoint::FRAME_TYPE)], &frame()).await.status, 200);
        assert_eq!(test.server.refusals.snapshot(), [(reply.code().leak() as &str, 1)]);
        reply
    });
    assert_eq!((reply.status, reply.code().as_str()), (status, code), "{}", String::from_utf8_lossy(&reply.body));
    assert!(reply.json()["request_id"].is_string());
}

async fn send(test: &TestServer, agent: &Enrolled, path: &str, headers: &[(&str, &str)], body: &[u8]) -> crate::testing::Reply {
    let mut stream = test.connect(test.server.agents, Some(&agent.identity)).await.unwrap();
    post(&mut stream, path, headers, body).await.unwrap()
}

#[test]
fn a_truncated_frame_is_named_as_such() {
    check(endpoint::FRAME_TYPE, b"RC\0", 400, "frame_truncated");
    let mut plain = b"RC\0\x01\0".to_vec();
    plain.extend_from_slice(&wire::to_bincode(&push()).unwrap()[..10]);
    check(endpoint::FRAME_TYPE, &plain, 400, "frame_truncated");
}

#[test]
fn bytes_that_are_no_frame_are_malformed() {
    check(endpoint::FRAME_TYPE, b"hello, is this a frame?", 400, "malformed_frame");
    check(endpoint::FRAME_TYPE, b"", 400, "malformed_frame");
    check(endpoint::FRAME_TYPE, b"RC\0\x01\x80rest", 400, "malformed_frame");
    check(endpoint::FRAME_TYPE, b"RC\0\x01\x01not zstd", 400, "malformed_frame");
    let mut trailing = b"RC\0\x01\0".to_vec();
    trailing.extend_from_slice(&wire::to_bincode(&push()).unwrap());
    trailing.push(0);
    check(endpoint::FRAME_TYPE, &trailing, 400, "malformed_frame");
}

#[test]
fn a_frame_of_another_schema_asks_for_an_upgrade() {
    let mut later = frame();
    later[3] = 99;
    check(endpoint::FRAME_TYPE, &later, 426, "frame_unsupported_schema");
}

#[test]
fn a_bomb_is_too_large() {
    let mut bomb = b"RC\0\x01\x01".to_vec();
    bomb.extend(zstd::bulk::compress(&vec![0; 64 << 20], 3).unwrap());
    assert!(bomb.len() < 64 << 10);
    check(endpoint::FRAME_TYPE, &bomb, 413, "frame_too_large");
}

#[test]
fn a_body_beyond_the_limit_is_refused_by_its_length() {
    check(endpoint::FRAME_TYPE, &vec![0; rollcall_shared::limits::BODY_BYTES + 1], 413, "payload_too_large");
}

#[test]
fn other_media_types_are_refused() {
    check("text/plain", b"hello", 415, "unsupported_media_type");
    check("", b"hello", 415, "unsupported_media_type");
}

#[test]
fn broken_json_is_named() {
    check("application/json", b"{", 400, "malformed_json");
    check("application/json", "[".repeat(100_000).as_bytes(), 400, "malformed_json");
    check("application/json", br#"{"epoch":1,"sent_at":"soon","settings_version":0,"messages":[]}"#, 400, "malformed_json");
    let samples = |value: &str| {
        let table = "00".repeat(32);
        let set = format!(r#"{{"table":"{table}","at":"2026-11-21T04:31:00Z","values":[{value}]}}"#);
        format!(
            r#"{{"epoch":1,"sent_at":"2026-11-21T04:31:00Z","settings_version":0,"messages":[{{"sequence":1,"payload":{{"samples":[{set}]}}}}]}}"#
        )
    };
    for value in ["1e999", "NaN", "\"\\ud800\""] {
        check("application/json", samples(value).as_bytes(), 400, "malformed_json");
    }
}

#[test]
fn a_push_of_a_wrong_shape_is_refused_before_the_engine_sees_it() {
    let mut twice = push();
    twice.messages.push(twice.messages[0].clone());
    check(endpoint::FRAME_TYPE, &wire::encode(SCHEMA, &twice).unwrap(), 400, "malformed_frame");
}

#[tokio::test]
async fn json_is_answered_with_json_and_a_frame_with_a_frame() {
    let test = TestServer::start().await;
    let agent = test.enrol().await;
    let reply = send(&test, &agent, endpoint::PUSH, &[("content-type", endpoint::FRAME_TYPE)], &frame()).await;
    assert!(reply.head.contains(&format!("content-type: {}", endpoint::FRAME_TYPE)), "{}", reply.head);
    assert_eq!(wire::decode::<PushReply>(SCHEMA, &reply.body).unwrap().acknowledged, 1);
    let json = serde_json::to_vec(&push()).unwrap();
    let reply = send(&test, &agent, endpoint::PUSH, &[("content-type", "application/json; charset=utf-8")], &json).await;
    assert_eq!(reply.json()["acknowledged"], 1);
}

#[tokio::test]
async fn a_body_without_a_type_is_a_frame_and_so_is_its_answer() {
    let test = TestServer::start().await;
    let agent = test.enrol().await;
    let reply = send(&test, &agent, endpoint::PUSH, &[], &frame()).await;
    assert!(!reply.head.contains("content-type") && !reply.head.contains("x-request-id"), "{}", reply.head);
    assert_eq!(wire::decode::<PushReply>(SCHEMA, &reply.body).unwrap().acknowledged, 1);
    let json = serde_json::to_vec(&push()).unwrap();
    let reply = send(&test, &agent, endpoint::PUSH, &[], &json).await;
    assert_eq!((reply.status, reply.json()["code"].as_str().unwrap()), (400, "malformed_frame"));
}

#[test]
fn a_push_of_more_values_than_a_push_may_have_is_refused_before_they_take_memory() {
    let set = SampleSet { table: ContentHash([1; 32]), at: Timestamp(1), values: vec![Some(0.0); limits::SERIES] };
    let sets = vec![set; limits::MESSAGE_SAMPLE_SETS];
    let message = |sequence| Message { sequence, payload: Payload::Samples(sets.clone()) };
    let push = Push { messages: (1..=3).map(message).collect(), ..push() };
    let frame = wire::encode(SCHEMA, &push).unwrap();
    assert!(frame.len() < 10_000, "{}", frame.len());
    check(endpoint::FRAME_TYPE, &frame, 400, "malformed_frame");
}

#[tokio::test]
async fn a_large_json_body_is_decoded_too() {
    let test = TestServer::start().await;
    let agent = test.enrol().await;
    let mut large = push();
    large.messages =
        (1..=400).map(|sequence| Message { sequence, payload: Payload::Goodbye { reason: "y".repeat(4000), at: Timestamp(0) } }).collect();
    let json = serde_json::to_vec(&large).unwrap();
    assert_eq!(send(&test, &agent, endpoint::PUSH, &[("content-type", "application/json")], &json).await.status, 200);
}

#[tokio::test]
async fn a_place_that_does_not_exist_is_a_404() {
    let test = TestServer::start().await;
    let agent = test.enrol().await;
    let reply = send(&test, &agent, "/agent/v1/commands", &[], b"").await;
    assert_eq!((reply.status, reply.code().as_str()), (404, "not_found"));
}

#[tokio::test]
async fn a_claim_to_be_another_agent_is_refused_and_audited_but_not_without_end() {
    let test = TestServer::start().await;
    let (agent, other) = (test.enrol().await, test.enrol().await);
    let claim = other.id.to_string();
    let headers = [("content-type", endpoint::FRAME_TYPE), (AGENT_HEADER, claim.as_str())];
    for _ in 0..10 {
        let reply = send(&test, &agent, endpoint::PUSH, &headers, &frame()).await;
        assert_eq!((reply.status, reply.code().as_str()), (403, "identity_mismatch"));
    }
    let records = test.server.engine.records(0, 100).await.unwrap();
    let refused = |event: &Event| matches!(event, Event::Trust(TrustEvent::Refused { code, .. }) if code == "identity_mismatch");
    let audited: Vec<_> = records.iter().filter(|record| refused(&record.event)).collect();
    assert_eq!(audited.len(), CLAIMS_PER_MINUTE as usize);
    assert_eq!(audited[0].actor, Actor::Agent { id: agent.id });
    assert!(audited[0].request_id.is_some());
    let own = agent.id.to_string();
    let headers = [("content-type", endpoint::FRAME_TYPE), (AGENT_HEADER, own.as_str())];
    assert_eq!(send(&test, &agent, endpoint::PUSH, &headers, &frame()).await.status, 200);
}

#[tokio::test]
async fn an_agent_may_tell_its_push_interval_and_what_is_none_is_refused() {
    let test = TestServer::start().await;
    let agent = test.enrol().await;
    let known = || test.server.engine.read(|world| world.trust.push_interval_ms(agent.id));
    let told = [
        (None, 200, 60_000),
        (Some("300000"), 200, 300_000),
        (Some("soon"), 400, 300_000),
        (Some("-1"), 400, 300_000),
        (Some("1e3"), 400, 300_000),
        (Some("99999999999999999999999"), 400, 300_000),
    ];
    for (interval, status, expected) in told {
        let headers = interval.map(|interval| (endpoint::PUSH_INTERVAL, interval));
        let headers: Vec<_> = [("content-type", endpoint::FRAME_TYPE)].into_iter().chain(headers).collect();
        let reply = send(&test, &agent, endpoint::PUSH, &headers, &frame()).await;
        assert_eq!((reply.status, known()), (status, expected), "{interval:?}");
        if status == 400 {
            assert!(reply.json()["detail"].as_str().is_some_and(|detail| detail.contains(endpoint::PUSH_INTERVAL)), "{interval:?}");
        }
    }
    let hostile = test.enrol().await;
    let headers = [("content-type", endpoint::FRAME_TYPE), (endpoint::PUSH_INTERVAL, "18446744073709551615")];
    assert_eq!(send(&test, &hostile, endpoint::PUSH, &headers, &frame()).await.status, 200);
    assert_eq!(test.server.engine.read(|world| world.trust.push_interval_ms(hostile.id)), limits::PUSH_INTERVAL_MS.1);
}

#[tokio::test]
async fn when_the_memory_for_bodies_is_used_up_agents_are_asked_to_wait() {
    let test = TestServer::start_with("ingest_memory_mib = 8\n").await;
    let (slow, quick) = (test.enrol().await, test.enrol().await);
    let mut stream = test.connect(test.server.agents, Some(&slow.identity)).await.unwrap();
    // A client that announces the largest body holds the whole budget from its head on; the answer to `expect` tells that the
    // server is reading.
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n",
        endpoint::PUSH,
        endpoint::FRAME_TYPE,
        rollcall_shared::limits::BODY_BYTES
    );
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
    let mut interim = [0; 64];
    assert!(tokio::io::AsyncReadExt::read(&mut stream, &mut interim).await.unwrap() > 0);
    let reply = send(&test, &quick, endpoint::PUSH, &[("content-type", endpoint::FRAME_TYPE)], &frame()).await;
    assert_eq!((reply.status, reply.code().as_str()), (429, "too_many_requests"));
    assert!(reply.head.contains("retry-after: 5\r\n"), "{}", reply.head);
}

mod enrolment {
    use super::*;

    fn reply(reply: &crate::testing::Reply) -> EnrolReply {
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
        serde_json::from_slice(&reply.body).unwrap()
    }

    #[tokio::test]
    async fn a_retry_is_answered_as_the_first_request_was() {
        let test = TestServer::start().await;
        let (secret, key) = (test.join_secret(1, false).await, KeyPair::generate().unwrap());
        let first = reply(&test.post_enrol(&enrol_request(&secret, 1, &key)).await);
        let again = reply(&test.post_enrol(&enrol_request(&secret, 1, &key)).await);
        assert_eq!(first, again);
        assert!(first.agent_url.starts_with("https://127.0.0.1:"));
        assert_eq!(test.server.engine.read(|world| world.trust.agents.len()), 1);
    }

    #[tokio::test]
    async fn the_same_enrolment_with_another_key_is_a_conflict() {
        let test = TestServer::start().await;
        let secret = test.join_secret(2, true).await;
        reply(&test.post_enrol(&enrol_request(&secret, 1, &KeyPair::generate().unwrap())).await);
        let other = test.post_enrol(&enrol_request(&secret, 1, &KeyPair::generate().unwrap())).await;
        assert_eq!((other.status, other.code().as_str()), (409, "conflict"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_token_for_one_that_is_used_fifty_times_at_once_makes_one_agent() {
        let test = Arc::new(TestServer::start_with("refused_enrolments_per_minute = 1000\n").await);
        let secret = test.join_secret(1, true).await;
        let attempts = (0..50).map(|number| {
            let (test, request) = (test.clone(), enrol_request(&secret, number, &KeyPair::generate().unwrap()));
            tokio::spawn(async move { test.post_enrol(&request).await.status })
        });
        let mut statuses = Vec::new();
        for attempt in attempts.collect::<Vec<_>>() {
            statuses.push(attempt.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses[0], 200);
        assert!(statuses[1..].iter().all(|&status| status == 401), "{statuses:?}");
        assert_eq!(test.server.engine.read(|world| world.trust.agents.len()), 1);
    }

    #[tokio::test]
    async fn unknown_used_expired_and_withdrawn_tokens_get_the_same_answer() {
        let test = TestServer::start().await;
        let key = KeyPair::generate().unwrap();
        let (used, expired, withdrawn) =
            (test.join_secret(1, true).await, test.join_secret(1, true).await, test.join_secret(1, true).await);
        reply(&test.post_enrol(&enrol_request(&used, 1, &key)).await);
        let hash = crate::token::hash_of(&withdrawn);
        let find =
            |world: &rollcall_domain::World| world.trust.join_tokens.values().find(|token| token.secret_hash == hash).map(|token| token.id);
        let id = test.server.engine.read(find).unwrap();
        test.trust(TrustCommand::RevokeToken(id)).await;
        let mut answers = Vec::new();
        for secret in [used.as_str(), withdrawn.as_str(), &"0".repeat(64), ""] {
            answers.push(test.post_enrol(&enrol_request(secret, 2, &key)).await);
        }
        test.clock.advance(Duration::from_secs(3601));
        answers.push(test.post_enrol(&enrol_request(&expired, 2, &key)).await);
        for answer in answers {
            let mut body = answer.json();
            body.as_object_mut().unwrap().remove("request_id");
            assert_eq!(
                (answer.status, body["code"].as_str(), body["detail"].as_str()),
                (401, Some("unauthenticated"), Some("the token is not valid"))
            );
        }
    }

    #[tokio::test]
    async fn a_request_for_an_authoritys_certificate_gets_an_agents() {
        let test = TestServer::start().await;
        let (secret, key) = (test.join_secret(1, true).await, KeyPair::generate().unwrap());
        let mut wish = CertificateParams::new(["evil.example".to_owned()]).unwrap();
        wish.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        wish.subject_alt_names.push(SanType::URI("rollcall:agent:agent_00000000000000000000000007".try_into().unwrap()));
        let csr = wish.serialize_request(&key).unwrap().pem().unwrap();
        let reply = reply(&test.post_enrol(&rollcall_shared::enrol::EnrolRequest { csr, ..enrol_request(&secret, 1, &key) }).await);
        let leaf = crate::testing::identity(&reply.certificate, &key).chain.remove(0);
        assert_eq!(crate::ca::agent_of(&leaf), Ok(reply.agent_id));
        assert_ne!(reply.agent_id, AgentId(7));
    }

    #[tokio::test]
    async fn a_pending_agent_is_told_so_until_it_is_approved() {
        let test = TestServer::start().await;
        let (secret, key) = (test.join_secret(1, false).await, KeyPair::generate().unwrap());
        let reply = reply(&test.post_enrol(&enrol_request(&secret, 1, &key)).await);
        let agent = Enrolled { id: reply.agent_id, identity: crate::testing::identity(&reply.certificate, &key) };
        let mut stream = test.connect(test.server.agents, Some(&agent.identity)).await.unwrap();
        let headers = [("content-type", endpoint::FRAME_TYPE)];
        let refused = post(&mut stream, endpoint::PUSH, &headers, &frame()).await.unwrap();
        assert_eq!((refused.status, refused.code().as_str()), (403, "agent_pending"));
        test.trust(TrustCommand::ApproveAgent(agent.id)).await;
        assert_eq!(post(&mut stream, endpoint::PUSH, &headers, &frame()).await.unwrap().status, 200);
    }

    #[tokio::test]
    async fn bad_requests_are_named() {
        let test = TestServer::start().await;
        let key = KeyPair::generate().unwrap();
        let good = enrol_request(&test.join_secret(1, true).await, 1, &key);
        let large = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let mut spoiled_csr = csr(&key);
        spoiled_csr.replace_range(100..101, if &spoiled_csr[100..101] == "A" { "B" } else { "A" });
        let cases = [
            (rollcall_shared::enrol::EnrolRequest { csr: "hello".into(), ..good.clone() }, "invalid_csr"),
            (rollcall_shared::enrol::EnrolRequest { csr: csr(&large), ..good.clone() }, "invalid_csr"),
            (rollcall_shared::enrol::EnrolRequest { csr: spoiled_csr, ..good.clone() }, "invalid_csr"),
            (rollcall_shared::enrol::EnrolRequest { enrolment_id: "7".into(), ..good.clone() }, "invalid_parameter"),
            (rollcall_shared::enrol::EnrolRequest { hostname: Some(String::new()), ..good.clone() }, "invalid_parameter"),
            (rollcall_shared::enrol::EnrolRequest { agent_version: "v".repeat(65), ..good.clone() }, "invalid_parameter"),
        ];
        for (request, code) in cases {
            let refused = test.post_enrol(&request).await;
            assert_eq!((refused.status, refused.code().as_str()), (400, code), "{request:?}");
        }
        let bytes =
            [("application/json", &b"{\"token\":1}"[..], 400, "malformed_json"), ("text/plain", b"", 415, "unsupported_media_type")];
        for (media_type, body, status, code) in bytes {
            let refused = test.post_enrol_bytes(media_type, body).await;
            assert_eq!((refused.status, refused.code().as_str()), (status, code));
        }
        let refused = test.post_enrol_bytes("application/json", &vec![b' '; rollcall_shared::limits::ENROL_BODY_BYTES + 1]).await;
        assert_eq!((refused.status, refused.code().as_str()), (413, "payload_too_large"));
        reply(&test.post_enrol(&good).await);
    }

    #[tokio::test]
    async fn guessing_is_slowed_down_and_time_heals() {
        let test = TestServer::start_with("refused_enrolments_per_minute = 3\n").await;
        let (secret, key) = (test.join_secret(1, true).await, KeyPair::generate().unwrap());
        for number in 0..3 {
            assert_eq!(test.post_enrol(&enrol_request("guess", number, &key)).await.status, 401);
        }
        let refused = test.post_enrol(&enrol_request(&secret, 9, &key)).await;
        assert_eq!((refused.status, refused.code().as_str()), (429, "too_many_requests"));
        assert!(refused.head.contains("retry-after: 20\r\n"), "{}", refused.head);
        test.clock.advance(Duration::from_secs(20));
        reply(&test.post_enrol(&enrol_request(&secret, 9, &key)).await);
    }

    #[tokio::test]
    async fn a_token_is_used_so_many_times_a_minute() {
        let test = TestServer::start_with("enrolments_per_token_per_minute = 2\n").await;
        let secret = test.join_secret(10, true).await;
        for number in 0..2 {
            reply(&test.post_enrol(&enrol_request(&secret, number, &KeyPair::generate().unwrap())).await);
        }
        assert_eq!(test.post_enrol(&enrol_request(&secret, 2, &KeyPair::generate().unwrap())).await.status, 429);
    }
}
