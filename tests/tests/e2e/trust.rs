//! Who may speak: approval, revocation, other people's certificates.

use crate::scene::{SEED, Scene};
use anyhow::{Context, Result, ensure};
use rollcall_shared::endpoint;
use rollcall_shared::enrol::AgentStatus;
use rollcall_tests::harness::connection::{self, Connection};
use rollcall_tests::harness::simulated::{enrol, read_token};
use rollcall_tests::harness::{Host, Refusal, SimulatedAgent, clock};
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn revocation_cuts_an_open_connection_and_stays_over_a_restart() -> Result<()> {
    let mut scene = Scene::start()?;
    let mut agent = scene.simulated(0).await?;
    agent.introduce().await?;
    ensure!(agent.connection().is_some(), "the server keeps connections open");
    scene.api.post(&format!("/api/v1/agents/{}/revoke", agent.id()), json!({"reason": "stolen"})).await?;

    let connection = agent.connection().context("an open connection")?;
    tokio::time::timeout(Duration::from_secs(5), connection.closed()).await.context("the connection is open 5 s after the revocation")?;
    agent.disconnect();
    ensure!(agent.sample(clock::now()).await.is_err(), "a revoked agent was heard");

    scene.server.stop()?;
    scene.server.run()?;
    agent.disconnect();
    ensure!(agent.sample(clock::now()).await.is_err(), "a revoked agent was heard after a restart");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_pending_agent_takes_effect_until_it_is_approved() -> Result<()> {
    let scene = Scene::start()?;
    let token = scene.server.token(&["--kind", "join", "--uses", "1"])?;
    let mut agent = SimulatedAgent::enrol(&scene.api, &token, Host::new(SEED, 0)?).await?;
    assert_eq!(agent.identity.status, AgentStatus::Pending);
    let refusal = agent.introduce().await.err().context("a pending agent was heard")?;
    let refusal = refusal.downcast_ref::<Refusal>().with_context(|| format!("{refusal:#}"))?;
    assert_eq!((refusal.status, refusal.code.as_str()), (403, "agent_pending"));
    assert_eq!(scene.api.list("/api/v1/cis").await?, Vec::<serde_json::Value>::new());

    scene.api.post(&format!("/api/v1/agents/{}/approve", agent.id()), json!({})).await?;
    agent.next = 1;
    agent.introduce().await?;
    scene.host_of(agent.id()).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_token_is_good_for_as_many_agents_as_it_says() -> Result<()> {
    let scene = Scene::start()?;
    let token = scene.server.join_token(1)?;
    let secret = read_token(&token)?.secret;
    let attempts = (0..20).map(|number| {
        let (api, secret) = (scene.api.clone(), secret.clone());
        tokio::spawn(async move { enrol(&api, &secret, &format!("host-{number}")).await })
    });
    let mut enrolled = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await? {
            Ok(_) => enrolled += 1,
            Err(error) => assert_eq!(error.downcast_ref::<Refusal>().map(|refusal| refusal.status), Some(401), "{error:#}"),
        }
    }
    assert_eq!(enrolled, 1);
    assert_eq!(scene.api.list("/api/v1/agents").await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_certificates_of_the_own_authority_are_let_in() -> Result<()> {
    let scene = Scene::start()?;
    let agent = scene.simulated(0).await?;
    let authority = scene.server.authority()?;

    let key = rcgen::KeyPair::generate()?;
    let foreign = rcgen::CertificateParams::new(vec!["agent".to_owned()])?.self_signed(&key)?;
    let (certificate, key) = (foreign.pem(), key.serialize_pem());
    for identity in [None, Some((certificate.as_str(), key.as_str()))] {
        let tls = connection::tls(&authority, identity)?;
        // With TLS 1.3 the client learns of the refusal only when it reads.
        let answer = match Connection::open(agent.identity.address, tls).await {
            Ok(mut open) => open.post(endpoint::PUSH, endpoint::FRAME_TYPE, b"RC").await,
            Err(refused) => Err(refused),
        };
        ensure!(answer.is_err(), "somebody else's certificate was answered: {answer:?}");
    }
    Ok(())
}
