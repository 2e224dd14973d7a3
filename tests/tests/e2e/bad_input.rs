//! What no proper agent or program sends: a clear answer, nothing half-applied, and the server lives.

use crate::scene::Scene;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use rollcall_shared::message::{Content, Message, Payload, Push, SCHEMA, Upload};
use rollcall_shared::sample::SampleSet;
use rollcall_shared::{ContentHash, Timestamp, endpoint, limits, wire};
use rollcall_tests::harness::connection::{self, Connection};
use rollcall_tests::harness::{SimulatedAgent, clock};
use serde_json::{Value, json};

const FRAME: &str = endpoint::FRAME_TYPE;
const JSON: &str = "application/json";

/// Statuses that say "your input": anything else is either acceptance or a failure of the server.
fn is_refusal(status: u16) -> bool {
    (400..500).contains(&status)
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bodies_are_refused_with_a_code_and_change_nothing() -> Result<()> {
    let mut scene = Scene::start()?;
    let mut agent = scene.simulated(0).await?;
    agent.introduce().await?;
    let revision = newest_revision(&scene).await?;
    let rss = scene.server.process()?.consumption()?.rss_bytes;

    for (what, path, media_type, body) in hostile_bodies(&mut agent)? {
        let reply = agent.exchange(path, media_type, &body).await.with_context(|| what.to_owned())?;
        let problem: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        ensure!(is_refusal(reply.status), "{what}: {} {problem}", reply.status);
        ensure!(problem["code"].as_str().is_some_and(|code| !code.is_empty()), "{what}: no code in {problem}");
        ensure!(problem["detail"].as_str().is_some(), "{what}: no detail in {problem}");
    }
    let grown = scene.server.process()?.consumption()?.peak_rss_bytes.saturating_sub(rss);
    ensure!(grown < 160 << 20, "hostile bodies cost {} MiB", grown >> 20);
    assert_eq!(newest_revision(&scene).await?, revision, "nothing of them was written");
    agent.sample(clock::now()).await?;
    Ok(())
}

type Case = (&'static str, &'static str, &'static str, Vec<u8>);

fn hostile_bodies(agent: &mut SimulatedAgent) -> Result<Vec<Case>> {
    let good = frame_of(agent, vec![])?;
    let mut wrong_version = good.clone();
    wrong_version[2..4].copy_from_slice(&999_u16.to_be_bytes());
    let mut unknown_flags = good.clone();
    unknown_flags[4] = 0x80;
    let mut trailing = good.clone();
    trailing.push(0);
    let broken_compression = [b"RC\x00\x01\x01".as_slice(), b"not zstd at all"].concat();
    let set = |values| SampleSet { table: ContentHash::of(b"x"), at: Timestamp(0), values };
    let not_a_number = frame_of(agent, vec![Payload::Samples(vec![set(vec![Some(f64::NAN)])])])?;
    let too_many = frame_of(agent, vec![Payload::Goodbye { reason: String::new(), at: Timestamp(0) }; limits::PUSH_MESSAGES + 1])?;
    let mut forged = agent.host.report(Timestamp(0));
    forged.root = ContentHash::of(b"forged");
    let forged = frame_of(agent, vec![Payload::Report(forged)])?;
    let garbage = wire::encode(SCHEMA, &Upload { sections: vec![Content(b"RS\xff\xff\x00\x01".to_vec())] })?;
    let mut swapped = agent.host.contents().iter().find(|content| content.bytes.len() > 2_000).context("a section")?.bytes.to_vec();
    swapped.truncate(1_500);
    let swapped = wire::encode(SCHEMA, &Upload { sections: vec![Content(swapped)] })?;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes();
    Ok(vec![
        ("an empty body", endpoint::PUSH, FRAME, Vec::new()),
        ("no frame", endpoint::PUSH, FRAME, b"GET / HTTP/1.1".to_vec()),
        ("half a header", endpoint::PUSH, FRAME, b"RC\x00".to_vec()),
        ("half a frame", endpoint::PUSH, FRAME, good[..good.len() / 2].to_vec()),
        ("another version", endpoint::PUSH, FRAME, wrong_version),
        ("unknown flags", endpoint::PUSH, FRAME, unknown_flags),
        ("bytes after the frame", endpoint::PUSH, FRAME, trailing),
        ("broken compression", endpoint::PUSH, FRAME, broken_compression),
        ("a bomb", endpoint::PUSH, FRAME, bomb()?),
        ("a bomb as upload", endpoint::SECTIONS, FRAME, bomb()?),
        ("a huge length prefix", endpoint::PUSH, FRAME, b"RC\x00\x01\x00\x01\x00\x00\xfd\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()),
        ("a value that is no number", endpoint::PUSH, FRAME, not_a_number),
        ("too many messages", endpoint::PUSH, FRAME, too_many),
        ("a forged root", endpoint::PUSH, FRAME, forged),
        ("an unknown section", endpoint::SECTIONS, FRAME, garbage),
        ("a truncated section", endpoint::SECTIONS, FRAME, swapped),
        ("JSON that is none", endpoint::PUSH, JSON, b"{\"epoch\":".to_vec()),
        ("deep JSON", endpoint::PUSH, JSON, deep),
        ("JSON of another shape", endpoint::PUSH, JSON, b"{\"epoch\":\"1\"}".to_vec()),
        ("another media type", endpoint::PUSH, "text/xml", b"<x/>".to_vec()),
        ("an unknown path", "/agent/v1/run", FRAME, good),
    ])
}

fn frame_of(agent: &SimulatedAgent, payloads: Vec<Payload>) -> Result<Vec<u8>> {
    let messages = (agent.next..).zip(payloads).map(|(sequence, payload)| Message { sequence, payload }).collect();
    Ok(wire::encode(SCHEMA, &Push { epoch: agent.epoch, sent_at: clock::now(), settings_version: 0, messages })?)
}

/// Small on the wire, large when expanded.
fn bomb() -> Result<Vec<u8>> {
    let mut frame = b"RC\x00\x01\x01".to_vec();
    frame.extend(zstd::bulk::compress(&vec![0; limits::FRAME_BYTES + (1 << 20)], 3)?);
    Ok(frame)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_the_limit_is_refused_before_it_is_read() -> Result<()> {
    let scene = Scene::start()?;
    let agent = scene.simulated(0).await?;
    let identity = (agent.identity.certificate.as_str(), agent.identity.key.as_str());
    let tls = connection::tls(agent.identity.authority.as_bytes(), Some(identity))?;
    let mut connection = Connection::open(agent.identity.address, tls).await?;
    let length = limits::BODY_BYTES + 1;
    let head = format!("POST {} HTTP/1.1\r\nhost: x\r\ncontent-type: {FRAME}\r\ncontent-length: {length}\r\n\r\n", endpoint::PUSH);
    connection.send(head.as_bytes()).await?;
    assert_eq!(connection.receive().await?.status, 413);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_nobody_uploaded_is_wanted_and_not_acknowledged() -> Result<()> {
    let scene = Scene::start()?;
    let mut agent = scene.simulated(0).await?;
    let table = ContentHash::of(b"a table that does not exist");
    let set = SampleSet { table, at: clock::now(), values: vec![Some(1.0)] };
    let reply = agent.push(vec![Message { sequence: 1, payload: Payload::Samples(vec![set]) }]).await?;
    assert_eq!((reply.acknowledged, reply.wanted), (0, vec![table]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn other_peoples_agents_may_speak_json() -> Result<()> {
    let scene = Scene::start()?;
    let mut agent = scene.simulated(0).await?;
    let upload = Upload { sections: agent.host.contents().iter().map(|content| Content(content.bytes.to_vec())).collect() };
    let reply = agent.exchange(endpoint::SECTIONS, JSON, &serde_json::to_vec(&upload)?).await?;
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    let messages = vec![Message { sequence: 1, payload: Payload::Report(agent.host.report(clock::now())) }];
    let push = Push { epoch: agent.epoch, sent_at: clock::now(), settings_version: 0, messages };
    let reply = agent.exchange(endpoint::PUSH, JSON, &serde_json::to_vec(&push)?).await?;
    let answer: Value = serde_json::from_slice(&reply.body)?;
    assert_eq!((reply.status, &answer["acknowledged"]), (200, &json!(1)), "{answer}");
    scene.host_of(agent.id()).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_refuses_with_a_code_and_lives() -> Result<()> {
    let mut scene = Scene::start()?;
    let absent = "inc_00000000000000000000000000";
    let cases: Vec<(Method, String, Option<Value>, u16, &str)> = vec![
        (Method::GET, "/api/v1/cis?colour=red".into(), None, 400, "unknown_parameter"),
        (Method::GET, "/api/v1/cis?limit=1000000000".into(), None, 400, "invalid_parameter"),
        (Method::GET, "/api/v1/cis?cursor=nonsense".into(), None, 400, "invalid_parameter"),
        (Method::GET, "/api/v1/cis/host_00000000000000000000000000".into(), None, 404, "not_found"),
        (Method::GET, "/api/v1/cis/..%2f..%2fetc".into(), None, 404, "not_found"),
        (Method::GET, format!("/api/v1/incidents/{absent}"), None, 404, "not_found"),
        (Method::POST, format!("/api/v1/incidents/{absent}/acknowledge"), Some(json!({})), 404, "not_found"),
        (Method::POST, "/api/v1/incidents".into(), Some(json!({"title": "x", "id": absent, "opened_by": "root"})), 400, ""),
        (Method::DELETE, "/api/v1/incidents".into(), None, 405, "method_not_allowed"),
        (Method::GET, "/api/v1/nothing".into(), None, 404, "not_found"),
    ];
    for (method, path, body, status, code) in cases {
        let answer = scene.api.send(method.clone(), &path, &[], body).await?;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {}", answer.text);
        assert!(answer.content_type.starts_with("application/problem+json"), "{method} {path}: {}", answer.content_type);
        assert!(code.is_empty() || answer.code() == code, "{method} {path}: {}", answer.text);
    }
    for body in [b"{".to_vec(), b"[1,2".to_vec(), vec![0xff, 0xfe], "[".repeat(100_000).into_bytes()] {
        let answer = scene.api.send_raw("/api/v1/incidents", JSON, body).await?;
        // JSON of another shape is found out before its end is missed.
        assert!(answer.status == 400 && ["malformed_json", "invalid_parameter"].contains(&answer.code().as_str()), "{}", answer.text);
    }
    for token in [None, Some("rca_wrong"), Some("")] {
        let answer = scene.server.api_as(token)?.send(Method::GET, "/api/v1/cis", &[], None).await?;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "unauthenticated"), "{token:?}");
    }
    scene.server.process()?.ensure_alive()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_enrolments_get_one_answer_for_every_bad_token() -> Result<()> {
    let scene = Scene::start()?;
    let token = scene.server.join_token(1)?;
    let used = rollcall_tests::harness::simulated::read_token(&token)?.secret;
    rollcall_tests::harness::simulated::enrol(&scene.api, &used, "first").await?;
    let mut answers = Vec::new();
    for secret in [used.as_str(), "", &"0".repeat(64), &"x".repeat(64)] {
        let refused =
            rollcall_tests::harness::simulated::enrol(&scene.api, secret, "second").await.err().context("a bad token was taken")?;
        let refusal = refused.downcast_ref::<rollcall_tests::harness::Refusal>().with_context(|| format!("{refused:#}"))?;
        answers.push((refusal.status, refusal.code.clone()));
    }
    answers.dedup();
    assert_eq!(answers, [(401, "unauthenticated".to_owned())]);
    for body in [b"{}".to_vec(), b"null".to_vec(), vec![b' '; limits::ENROL_BODY_BYTES + 1]] {
        let answer = scene.api.send_raw(endpoint::ENROL, JSON, body).await?;
        assert!(is_refusal(answer.status.as_u16()), "{}", answer.text);
    }
    Ok(())
}

async fn newest_revision(scene: &Scene) -> Result<u64> {
    let records = scene.api.list("/api/v1/audit?limit=1000").await?;
    Ok(records.iter().filter_map(|record| record["revision"].as_u64()).max().unwrap_or_default())
}
