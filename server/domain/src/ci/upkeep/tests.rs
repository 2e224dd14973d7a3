//! Locks that expire, words that go stale, policies that change, sources that are reverted.

use crate::Rejection;
use crate::ci::policy::Policy;
use crate::ci::testing::*;
use crate::ci::{Attribute, AttributeValue, CiCommand, CiEvent, RelationKind, Source, UnlockCause};
use crate::id::CiId;
use proptest::prelude::*;
use rollcall_shared::section::System;
use rollcall_shared::{Outcome, SectionName, Timestamp};
use std::time::Duration;

const DAY: i64 = 86_400;

fn text(text: &str) -> AttributeValue {
    AttributeValue::Text(text.into())
}

fn source(text: &str) -> Source {
    text.parse().unwrap()
}

fn kinds(events: &[CiEvent]) -> Vec<String> {
    events.iter().map(|event| serde_json::to_value(event).unwrap()["type"].as_str().unwrap().to_owned()).collect()
}

/// A fleet of one server with the model `PowerEdge R650`, measured by agent 1.
fn fleet() -> (Fleet, CiId) {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1))]);
    let ci = fleet.id_of(1);
    (fleet, ci)
}

fn model(fleet: &Fleet) -> &Attribute {
    &fleet.host_of(1).attributes["model"]
}

/// The model as `glpi` delivers it: the same machine, another word for it.
fn delivered(fleet: &mut Fleet, model: &str) -> Vec<CiEvent> {
    fleet.deliver("glpi", "k1", [system(System { product: Some(model.into()), ..server(1) })]).unwrap()
}

fn assert(ci: CiId, value: &str) -> CiCommand {
    CiCommand::AssertAttributes { ci, attributes: [("model".to_owned(), Some(text(value)))].into(), expected: None }
}

fn set_policy(fleet: &mut Fleet, reconciliation: serde_json::Value) {
    let policy: Policy = serde_json::from_value(serde_json::json!({"reconciliation": reconciliation})).unwrap();
    fleet.command("root", CiCommand::SetPolicy { policy: Box::new(policy), expected: None }).unwrap();
}

fn lock(fleet: &Fleet, value: Option<&str>, seconds: i64) -> CiCommand {
    let expires_at = Timestamp(fleet.now.0 + seconds * 1000);
    CiCommand::Lock {
        ci: fleet.id_of(1),
        attribute: "model".into(),
        value: value.map(text),
        reason: "audit".into(),
        expires_at,
        expected: None,
    }
}

#[track_caller]
fn check(fleet: &Fleet, value: &str, by: &str) {
    assert_eq!((model(fleet).text(), model(fleet).source().to_string().as_str()), (Some(value), by));
    fleet.check();
}

const AGENT_1: &str = "agent_00000000000000000000000001";

#[test]
fn a_lock_counts_until_it_expires_whatever_is_reported_and_its_end_is_in_the_history() {
    let (mut fleet, _) = fleet();
    let command = lock(&fleet, Some("R650 (leased)"), DAY);
    fleet.command("eve", command).unwrap();
    check(&fleet, "R650 (leased)", "person:eve");
    fleet.report(1, [system(System { product: Some("PowerEdge R660".into()), ..server(1) })]);
    check(&fleet, "R650 (leased)", "person:eve");
    assert!(fleet.wait(DAY - 200).is_empty());
    let before = fleet.host_of(1).history.len();
    let events = fleet.wait(200);
    let [CiEvent::AttributeUnlocked { cause: UnlockCause::Expired, before: was, after, .. }] = &events[..] else { panic!("{events:#?}") };
    assert_eq!((was, after), (&text("R650 (leased)"), &Some(text("PowerEdge R660"))));
    assert_eq!(fleet.host_of(1).history.len(), before + 1);
    check(&fleet, "PowerEdge R660", AGENT_1);
    assert!(fleet.wait(1).is_empty());
}

#[test]
fn a_lock_without_a_value_keeps_the_one_that_counts_and_a_new_one_replaces_it() {
    let (mut fleet, ci) = fleet();
    let command = lock(&fleet, None, 10 * DAY);
    fleet.command("eve", command).unwrap();
    delivered(&mut fleet, "R650");
    fleet.command("ada", assert(ci, "R650xs")).unwrap();
    check(&fleet, "PowerEdge R650", "person:eve");
    let command = lock(&fleet, Some("other"), DAY);
    assert_eq!(kinds(&fleet.command("bob", command.clone()).unwrap()), ["attribute_locked"]);
    let CiCommand::Lock { expires_at, .. } = command else { panic!() };
    let again =
        CiCommand::Lock { ci, attribute: "model".into(), value: Some(text("other")), reason: "audit".into(), expires_at, expected: None };
    assert!(fleet.command("bob", again).unwrap().is_empty());
    check(&fleet, "other", "person:bob");
    fleet.command("cyd", CiCommand::Unlock { ci, attribute: "model".into(), expected: None }).unwrap();
    check(&fleet, "R650xs", "person:ada");
    let again = fleet.command("cyd", CiCommand::Unlock { ci, attribute: "model".into(), expected: None });
    assert!(matches!(again, Err(Rejection::NotFound { kind: "lock", .. })));
    assert!(fleet.wait(20 * DAY).is_empty());
}

#[test]
fn a_lock_on_an_attribute_that_nobody_speaks_of_is_gone_with_its_end() {
    let (mut fleet, ci) = fleet();
    let expires_at = Timestamp(fleet.now.0 + DAY * 1000);
    let lock = |value: Option<&str>, reason: &str, expires_at| CiCommand::Lock {
        ci,
        attribute: "owner".into(),
        value: value.map(text),
        reason: reason.into(),
        expires_at,
        expected: None,
    };
    let field = |outcome: Result<Vec<CiEvent>, Rejection>| match outcome {
        Err(Rejection::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(fleet.command("eve", lock(None, "audit", expires_at))), "value");
    assert_eq!(field(fleet.command("eve", lock(Some("web"), "  ", expires_at))), "reason");
    assert_eq!(field(fleet.command("eve", lock(Some("web"), "audit", Timestamp(0)))), "expires_at");
    assert_eq!(field(fleet.command("eve", lock(Some("web"), "audit", Timestamp(i64::MAX)))), "expires_at");
    fleet.command("eve", lock(Some("web"), "audit", expires_at)).unwrap();
    assert_eq!(fleet.host_of(1).attributes["owner"].text(), Some("web"));
    fleet.check();
    fleet.wait(2 * DAY);
    assert!(!fleet.host_of(1).attributes.contains_key("owner"));
    fleet.check();
}

#[test]
fn a_lower_source_counts_once_the_winner_was_not_confirmed_in_time_and_no_longer_than_that() {
    let (mut fleet, _) = fleet();
    set_policy(&mut fleet, serde_json::json!({"refresh": [{"source": "agent", "seconds": DAY}]}));
    delivered(&mut fleet, "R650");
    check(&fleet, "PowerEdge R650", AGENT_1);
    assert!(fleet.wait(DAY - 300).is_empty());
    assert_eq!(kinds(&fleet.wait(300)), ["attributes_changed"]);
    check(&fleet, "R650", "feed:glpi");
    assert!(fleet.wait(1).is_empty());
    let events = fleet.report(1, [system(server(1))]);
    assert_eq!(kinds(&events), ["source_confirmed", "attributes_changed"]);
    check(&fleet, "PowerEdge R650", AGENT_1);
}

#[test]
fn a_source_that_reports_the_same_again_stays_fresh_at_the_cost_of_few_records() {
    let (mut fleet, _) = fleet();
    set_policy(&mut fleet, serde_json::json!({"refresh": [{"source": "agent", "seconds": DAY}]}));
    delivered(&mut fleet, "R650");
    let mut records = 0;
    for _ in 0..10 * 24 {
        assert!(fleet.wait(3600 - 60).is_empty());
        records += fleet.report(1, [system(server(1))]).len();
    }
    assert!((30..=45).contains(&records), "{records}");
    check(&fleet, "PowerEdge R650", AGENT_1);
    // What could not be read is not confirmed.
    for _ in 0..30 {
        fleet.wait(3600);
        fleet.report(1, [Collected::Failed(SectionName::System)]);
    }
    check(&fleet, "R650", "feed:glpi");
    assert_eq!(fleet.host_of(1).sections[&SectionName::System].outcome, Outcome::Failed);
}

#[test]
fn nothing_goes_stale_where_nobody_else_speaks_and_people_may_go_stale_too() {
    let (mut fleet, ci) = fleet();
    set_policy(&mut fleet, serde_json::json!({"refresh": [{"seconds": DAY}, {"source": "agent", "seconds": 400 * DAY}]}));
    fleet.command("ada", assert(ci, "R650xs")).unwrap();
    fleet
        .command("ada", CiCommand::AssertAttributes { ci, attributes: [("owner".into(), Some(text("web")))].into(), expected: None })
        .unwrap();
    assert_eq!(kinds(&fleet.wait(2 * DAY)), ["attributes_changed"]);
    check(&fleet, "PowerEdge R650", AGENT_1);
    assert!(!fleet.host_of(1).attributes["owner"].proposals()[0].is_stale());
    fleet.command("ada", assert(ci, "R650xs")).unwrap();
    check(&fleet, "R650xs", "person:ada");
    fleet.wait(2 * DAY);
    set_policy(&mut fleet, serde_json::json!({}));
    fleet.wait(1);
    check(&fleet, "R650xs", "person:ada");
    assert!(fleet.world.cmdb.unsettled.is_empty());
}

#[test]
fn a_new_policy_changes_what_counts_within_a_second_and_only_that() {
    let (mut fleet, ci) = fleet();
    delivered(&mut fleet, "R650");
    fleet.command("ada", assert(ci, "R650xs")).unwrap();
    set_policy(&mut fleet, serde_json::json!({"attributes": [{"attribute": "model", "sources": ["feed:glpi"]}]}));
    let events = fleet.wait(1);
    assert_eq!(kinds(&events), ["attributes_changed", "cis_weighed"]);
    let CiEvent::AttributesChanged { changes, .. } = &events[0] else { panic!() };
    assert_eq!(changes.iter().map(|change| change.name.as_str()).collect::<Vec<_>>(), ["model"]);
    check(&fleet, "R650", "feed:glpi");
    assert!(fleet.wait(1).is_empty());
    delivered(&mut fleet, "R650 II");
    check(&fleet, "R650 II", "feed:glpi");
}

#[test]
fn a_host_of_another_class_is_weighed_by_that_class() {
    let (mut fleet, _) = fleet();
    delivered(&mut fleet, "R650");
    set_policy(&mut fleet, serde_json::json!({"classes": [{"class": "workstation", "sources": ["feed"]}]}));
    fleet.wait(1);
    check(&fleet, "PowerEdge R650", AGENT_1);
    fleet.report(1, [system(System { chassis_type: Some("laptop".into()), ..server(1) })]);
    fleet.wait(1);
    check(&fleet, "R650", "feed:glpi");
}

#[test]
fn a_reverted_feed_leaves_what_others_say_and_its_next_delivery_counts_again() {
    let (mut fleet, ci) = fleet();
    set_policy(&mut fleet, serde_json::json!({"sources": ["feed", "agent"]}));
    let glpi = source("feed:glpi");
    let machine =
        [system(System { product: Some("R650".into()), chassis_asset_tag: Some("A-77".into()), ..server(1) }), packages(&[("vim", "9")])];
    fleet.deliver("glpi", "k1", machine.clone()).unwrap();
    fleet.deliver("glpi", "k2", [system(server(2))]).unwrap();
    check(&fleet, "R650", "feed:glpi");
    let revert = CiCommand::RevertSource { source: glpi.clone(), reason: "test data".into() };
    assert_eq!(kinds(&fleet.command("ada", revert.clone()).unwrap()), ["revert_started"]);
    assert!(fleet.command("ada", revert.clone()).unwrap().is_empty());
    let events = fleet.wait(1);
    assert_eq!(kinds(&events), ["attributes_changed", "attributes_changed", "source_reverted"]);
    check(&fleet, "PowerEdge R650", AGENT_1);
    let host = &fleet.world.cmdb.cis[&ci];
    assert!(!host.attributes.contains_key("asset_tag") && host.feeds.is_empty());
    assert!(fleet.world.cmdb.software.packages_of(ci).is_empty() && fleet.world.cmdb.reverts.is_empty());
    assert!(fleet.wait(1).is_empty());
    assert!(matches!(fleet.command("ada", revert), Err(Rejection::NotFound { kind: "source", .. })));
    fleet.deliver("glpi", "k1", machine).unwrap();
    check(&fleet, "R650", "feed:glpi");
    assert_eq!(fleet.world.cmdb.ledger.ci_count(&glpi), 1);
}

#[test]
fn a_reverted_agent_is_heard_again_with_its_next_report_though_nothing_changed() {
    let (mut fleet, ci) = fleet();
    let before = fleet.host_of(1).attributes.clone();
    fleet.command("ada", CiCommand::RevertSource { source: source(AGENT_1), reason: "doubt".into() }).unwrap();
    fleet.wait(1);
    assert!(fleet.host_of(1).attributes.is_empty());
    assert!(!fleet.world.cmdb.facts.values().flatten().any(|id| *id == ci));
    fleet.check();
    fleet.report(1, [system(server(1))]);
    let again: Vec<_> = fleet.host_of(1).attributes.iter().map(|(name, attribute)| (name.to_owned(), attribute.value().clone())).collect();
    assert_eq!(again, before.iter().map(|(name, attribute)| (name.to_owned(), attribute.value().clone())).collect::<Vec<_>>());
    assert!(fleet.report(1, [system(server(1))]).is_empty());
    fleet.check();
}

#[test]
fn a_reverted_person_loses_locks_and_assertions_alike() {
    let (mut fleet, ci) = fleet();
    fleet.command("eve", assert(ci, "R650xs")).unwrap();
    let command = lock(&fleet, Some("other"), DAY);
    fleet.command("eve", command).unwrap();
    assert_eq!(fleet.world.cmdb.ledger.proposals_of(&source("person:eve")), 2);
    fleet.command("ada", CiCommand::RevertSource { source: source("person:eve"), reason: "left".into() }).unwrap();
    assert_eq!(kinds(&fleet.wait(1)), ["attribute_unlocked", "attributes_changed", "source_reverted"]);
    check(&fleet, "PowerEdge R650", AGENT_1);
    assert!(!fleet.world.cmdb.ledger.knows(&source("person:eve")));
}

#[test]
fn relations_go_with_the_source_that_told_them_and_stay_when_another_tells_them_too() {
    let mut fleet = Fleet::with_agents([1, 2, 3]);
    for agent in [1, 2, 3] {
        fleet.report(agent, [system(server(u32::try_from(agent).unwrap()))]);
    }
    let relate = |from: u128, to: u128, fleet: &Fleet| CiCommand::Relate {
        from: fleet.id_of(from),
        kind: RelationKind::DependsOn,
        to: fleet.id_of(to),
    };
    for (person, from, to) in [("eve", 1, 2), ("eve", 2, 3), ("bob", 2, 3)] {
        let command = relate(from, to, &fleet);
        fleet.command(person, command).unwrap();
    }
    let forecast = crate::ci::decide::revert::forecast(&fleet.world, &source("person:eve")).unwrap();
    assert_eq!((forecast.cis, forecast.relations), (0, 2), "eve has said nothing else");
    fleet.command("ada", CiCommand::RevertSource { source: source("person:eve"), reason: "left".into() }).unwrap();
    fleet.pass(Duration::from_secs(1));
    let command = relate(1, 3, &fleet);
    fleet.command("eve", command).unwrap();
    assert_eq!(kinds(&fleet.wait(1)), ["relations_changed", "relations_reverted"]);
    assert_eq!(kinds(&fleet.wait(1)), ["source_reverted"]);
    assert_eq!(fleet.links(RelationKind::DependsOn), ["srv1 -> srv3", "srv2 -> srv3"], "bob's, and what came meanwhile");
    assert!(fleet.world.cmdb.reverts.is_empty() && fleet.wait(1).is_empty());
    fleet.check();
}

#[test]
fn a_large_source_is_reverted_in_portions_and_what_comes_meanwhile_stays() {
    let mut fleet = Fleet::with_agents([]);
    let deliver = |fleet: &mut Fleet, number: u32| fleet.deliver("glpi", &number.to_string(), [system(server(number))]).unwrap();
    for number in 0..2_001 {
        deliver(&mut fleet, number);
    }
    fleet.command("ada", CiCommand::RevertSource { source: source("feed:glpi"), reason: "test data".into() }).unwrap();
    let count = |events: &[CiEvent]| match events.last() {
        Some(CiEvent::SourceReverted { cis, complete, .. }) => (cis.len(), *complete),
        other => panic!("{other:?}"),
    };
    assert_eq!(count(&fleet.wait(1)), (1_000, false));
    deliver(&mut fleet, 9_999);
    assert_eq!(count(&fleet.wait(1)), (1_000, false));
    assert_eq!(count(&fleet.wait(1)), (1, true));
    assert!(fleet.wait(1).is_empty());
    assert_eq!(fleet.world.cmdb.ledger.ci_count(&source("feed:glpi")), 1);
    fleet.check();
}

#[test]
fn a_forecast_tells_what_a_revert_then_does() {
    let (mut fleet, _) = fleet();
    set_policy(&mut fleet, serde_json::json!({"sources": ["feed", "agent"]}));
    fleet
        .deliver("glpi", "k1", [system(System { product: Some("R650".into()), chassis_asset_tag: Some("A-77".into()), ..server(1) })])
        .unwrap();
    let forecast = crate::ci::decide::revert::forecast(&fleet.world, &source("feed:glpi")).unwrap();
    assert_eq!((forecast.cis, forecast.examined, forecast.changed, forecast.lost), (1, 1, 1, 1));
    let told: Vec<_> = forecast.sample.iter().map(|(_, name, before, after)| (name.as_str(), before.clone(), after.clone())).collect();
    assert_eq!(told, [("asset_tag", text("A-77"), None), ("model", text("R650"), Some(text("PowerEdge R650")))]);
}

#[test]
fn what_is_observed_can_be_accepted_and_only_where_it_differs() {
    let (mut fleet, ci) = fleet();
    let accept = CiCommand::AcceptObserved { ci, attribute: "model".into(), expected: None };
    assert!(matches!(fleet.command("bob", accept.clone()), Err(Rejection::WrongState { .. })));
    fleet.command("ada", assert(ci, "R650xs")).unwrap();
    assert_eq!(fleet.world.cmdb.ledger.drift_count(), 1);
    let command = lock(&fleet, Some("other"), DAY);
    fleet.command("eve", command).unwrap();
    assert_eq!(kinds(&fleet.command("bob", accept).unwrap()), ["attribute_unlocked", "attributes_changed"]);
    check(&fleet, "PowerEdge R650", AGENT_1);
    assert_eq!((fleet.world.cmdb.ledger.drift_count(), model(&fleet).proposals().len()), (0, 1));
    let absent = CiCommand::AcceptObserved { ci, attribute: "colour".into(), expected: None };
    assert!(matches!(fleet.command("bob", absent), Err(Rejection::NotFound { kind: "attribute", .. })));
}

/// One thing that happens to a fleet of three machines.
#[derive(Clone, Debug)]
enum Happening {
    Report(u32, u8),
    Deliver(u32, u8),
    Assert(u32, u8),
    Withdraw(u32),
    Lock(u32, i64),
    Unlock(u32),
    Accept(u32),
    Policy(u8),
    Revert(u8),
    Wait(i64),
}

fn happening() -> impl Strategy<Value = Happening> {
    let host = || 1_u32..4;
    prop_oneof![
        (host(), 0_u8..3).prop_map(|(host, value)| Happening::Report(host, value)),
        (host(), 0_u8..3).prop_map(|(host, value)| Happening::Deliver(host, value)),
        (host(), 0_u8..3).prop_map(|(host, value)| Happening::Assert(host, value)),
        host().prop_map(Happening::Withdraw),
        (host(), 1_i64..5000).prop_map(|(host, seconds)| Happening::Lock(host, seconds)),
        host().prop_map(Happening::Unlock),
        host().prop_map(Happening::Accept),
        (0_u8..5).prop_map(Happening::Policy),
        (0_u8..3).prop_map(Happening::Revert),
        (1_i64..2000).prop_map(Happening::Wait),
    ]
}

const POLICIES: [&str; 5] = [
    "{}",
    r#"{"refresh": [{"seconds": 300}]}"#,
    r#"{"refresh": [{"source": "agent", "seconds": 900}], "sources": ["feed", "person"]}"#,
    r#"{"attributes": [{"attribute": "model", "sources": ["feed", "agent"]}]}"#,
    r#"{"classes": [{"class": "host", "sources": ["agent"]}], "refresh": [{"source": "person", "seconds": 600}]}"#,
];

fn happen(fleet: &mut Fleet, happening: &Happening) {
    let machine = |number: u32, value: u8| system(System { product: Some(format!("model {value}")), ..server(number) });
    let ci = |number: u32| fleet.world.trust.agents[&rollcall_shared::AgentId(u128::from(number))].ci;
    let attribute = || "model".to_owned();
    let command = match *happening {
        Happening::Report(number, value) => return drop(fleet.try_report(u128::from(number), [machine(number, value)])),
        Happening::Deliver(number, value) => return drop(fleet.deliver("glpi", &number.to_string(), [machine(number, value)])),
        Happening::Wait(seconds) => return drop(fleet.wait(seconds)),
        Happening::Policy(number) => return set_policy(fleet, serde_json::from_str(POLICIES[usize::from(number)]).unwrap()),
        Happening::Revert(number) => {
            let source = source([AGENT_1, "feed:glpi", "person:ada"][usize::from(number)]);
            CiCommand::RevertSource { source, reason: "test".into() }
        }
        Happening::Assert(number, value) => match ci(number) {
            Some(ci) => assert(ci, &format!("model {value}")),
            None => return,
        },
        Happening::Withdraw(number) => match ci(number) {
            Some(ci) => CiCommand::AssertAttributes { ci, attributes: [(attribute(), None)].into(), expected: None },
            None => return,
        },
        Happening::Lock(number, seconds) if ci(number).is_some() => {
            let (ci, expires_at) = (ci(number).unwrap(), Timestamp(fleet.now.0 + seconds * 1000 + 60_000));
            CiCommand::Lock { ci, attribute: attribute(), value: Some(text("locked")), reason: "test".into(), expires_at, expected: None }
        }
        Happening::Unlock(number) if ci(number).is_some() => {
            CiCommand::Unlock { ci: ci(number).unwrap(), attribute: attribute(), expected: None }
        }
        Happening::Accept(number) if ci(number).is_some() => {
            CiCommand::AcceptObserved { ci: ci(number).unwrap(), attribute: attribute(), expected: None }
        }
        Happening::Lock(..) | Happening::Unlock(_) | Happening::Accept(_) => return,
    };
    drop(fleet.command("ada", command));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn replay_equals_live_whatever_happens_and_time_leaves_nothing_undone(happenings in proptest::collection::vec(happening(), 1..40)) {
        let mut fleet = Fleet::with_agents(1..4);
        for happening in &happenings {
            happen(&mut fleet, happening);
        }
        fleet.wait(100_000);
        // Each duty leaves to the next tick what another one has changed; there are three, and three sources to revert.
        for _ in 0..6 {
            fleet.wait(1);
        }
        prop_assert!(fleet.wait(1).is_empty());
        fleet.check();
        for ci in fleet.world.cmdb.cis.values() {
            for (name, attribute) in &ci.attributes {
                prop_assert!(attribute.lock().is_none());
                let policy = &fleet.world.cmdb.policy.reconciliation;
                let weighed = crate::ci::decide::reconcile::Weighing::new(policy, ci.class, name).revise(attribute, |word| word);
                prop_assert_eq!(weighed.as_ref(), Some(attribute), "{}", name);
            }
        }
    }
}
