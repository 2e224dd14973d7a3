//! Erasing for legal reasons, from the request to the last byte of the log.

use super::inventory::{Host, os, system};
use super::*;
use crate::log;
use crate::store::Store;
use serde_json::json;

fn body(change: Value) -> String {
    let mut body = json!({"reason": "its owner asked for it", "legal_basis": "GDPR Art. 17 (1) b"});
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    body.to_string()
}

/// Everything in the log as one text.
fn log_of(store: &dyn Store) -> String {
    let records = store.read_log(0, 100_000).unwrap();
    records.iter().map(|(_, bytes)| String::from_utf8_lossy(&bytes[32..]).into_owned()).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn an_erased_host_is_nowhere_and_the_log_still_verifies() {
    let mut host = Host::reported().await;
    host.report(vec![system(), os()]).await;
    let path = host.path();
    let id = path.rsplit('/').next().unwrap().to_owned();
    let erase = format!("{path}/erase");
    let fixture = &host.fixture;
    fixture.put("PATCH", &path, &[], r#"{"attributes": {"owner": "ann of web-1"}}"#).await.ok();
    fixture.post(&erase, &body(json!({}))).await.refused("wrong_state");
    fixture.post(&erase, &body(json!({"force": true, "legal_basis": " "}))).await.refused("invalid_parameter");
    fixture.send(fixture.ask(Role::AssetManager, "POST", &erase, &[], Some(&body(json!({"force": true}))))).await.refused("forbidden");
    let dry = fixture.post(&erase, &body(json!({"force": true, "dry_run": true}))).await.ok().json();
    assert_eq!(
        (&dry["done"], &dry["goes"]["cis"][0], &dry["goes"]["agents"][0]),
        (&Value::Null, &id.clone().into(), &"agent_00000000000000000000000007".into())
    );
    fixture.get(&path).await.ok();
    let done = fixture.post(&erase, &body(json!({"force": true}))).await.ok().json();
    assert!(done["done"]["erased"].as_u64().unwrap() > 3, "{done}");
    fixture.get(&path).await.refused("not_found");
    fixture.post(&erase, &body(json!({"force": true}))).await.refused("not_found");
    let store = fixture.engine.store();
    let text = log_of(store.as_ref());
    let state = fixture.engine.read(|world| log::freeze(log::Head::default(), world)).unwrap();
    for word in ["7XK2M13", "web-1", "agent_00000000000000000000000007", "5a2f7f0cbd6f4d0c9d5a6c1d2e3f4a5b"] {
        assert!(!text.contains(word), "{word} is in the log");
        assert!(!state.windows(word.len()).any(|found| found == word.as_bytes()), "{word} is in the state");
    }
    let told: Vec<&str> = text.lines().filter(|line| line.contains(&id)).collect();
    assert!(told.len() == 1 && told[0].contains("ci_erased") && told[0].contains("GDPR"), "{told:#?}");
    let report = log::verify(store.as_ref()).expect("verifies");
    assert_eq!(report.records, fixture.engine.read(|world| world.revision));
}

#[tokio::test]
async fn a_restart_knows_nothing_of_it_and_a_changed_redaction_is_found_out() {
    let mut host = Host::reported().await;
    let store = host.fixture.engine.store();
    host.report(vec![system(), os()]).await;
    let erase = format!("{}/erase", host.path());
    host.fixture.engine.snapshot().await;
    let old = store.load_snapshot().unwrap().unwrap();
    host.fixture.post(&erase, &body(json!({"force": true}))).await.ok();
    let before = host.fixture.engine.read(|world| world.cmdb.cis.len());
    host.fixture.engine.shutdown().await;
    log::verify(store.as_ref()).expect("verifies");
    let start = || Engine::start(EngineConfig::default(), Arc::clone(&store), host.fixture.clock.clone(), Arc::new(SeededEntropy::new(9)));
    // A snapshot from before the erasure still knows the host: the log is what counts.
    for stale in [None, Some(old)] {
        stale.into_iter().for_each(|old| store.save_snapshot(&old).unwrap());
        let again = start().unwrap();
        assert_eq!(again.read(|world| (world.cmdb.cis.len(), world.trust.agents.len())), (before, 0));
        again.shutdown().await;
    }
    log::verify(store.as_ref()).expect("verifies");
    let records = store.read_log(0, 100_000).unwrap();
    let (revision, bytes) = records.iter().find(|(_, bytes)| log::is_redacted(bytes)).unwrap();
    let mut forged = bytes.clone();
    let place = forged.len() - 3;
    forged[place] ^= 1;
    store.redact(&[(*revision, forged)].into()).unwrap();
    assert!(log::verify(store.as_ref()).is_err());
}
