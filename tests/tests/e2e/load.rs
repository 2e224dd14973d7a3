//! The fleet simulator against a real server: what it counts is what is there.

use crate::scene::{SEED, Scene};
use anyhow::Result;
use rollcall_tests::fleet::{Plan, Target, drive};
use rollcall_tests::harness::clock;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_push_of_a_fleet_is_read_back_once() -> Result<()> {
    let scene = Scene::start()?;
    let target = Target {
        api: scene.api.clone(),
        tokens: vec![scene.server.join_token(20)?],
        proc: None,
        data: Some(scene.server.data().to_owned()),
    };
    let plan = Plan { agents: 20, duration: Duration::from_secs(2), interval: Some(Duration::from_millis(200)), seed: SEED };
    let began = clock::now();
    let (report, agents) = drive(plan, &target, |_| {}).await?;
    assert_eq!((report.errors, report.duplicates), (0, 0), "{:?}", report.errors_by_reason);
    let mut found = 0;
    for agent in &agents {
        let host = scene.host_of(agent.id()).await?;
        found += scene.values(&host, "system.uptime", began, clock::now()).await?.len() as u64;
    }
    assert_eq!(found, report.pushes);
    Ok(())
}
