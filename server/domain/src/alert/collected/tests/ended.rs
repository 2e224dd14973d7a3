//! Series that their senders end, and numbers that can no longer be made.

use super::*;
use crate::rule::NoData;

const ENDED: Values<'static> = &[("node_load1", &[("instance", "web-1:9100"), ("job", "node")], None)];

#[test]
fn an_alert_is_unknown_as_soon_as_its_series_is_said_to_have_ended_and_goes_on_when_it_comes_back() {
    let mut collected = Collected::new(vec![on("node_load1", &[])]);
    collected.push(10, 1, BAD);
    collected.scenario.story();
    collected.push(20, 1, ENDED);
    collected.scenario.tick(21);
    assert_eq!(collected.scenario.story()[0], "21 load node prom 9100: Firing → Unknown Critical");
    let reason = collected.scenario.world.alerts.alerts.values().next().expect("one").reason.clone();
    assert_eq!(reason, "who measured this value has said that it ended");
    collected.push(30, 1, BAD);
    assert_eq!(collected.scenario.state("load", 1), AlertState::Firing);
    collected.push(40, 1, ENDED);
    collected.push(50, 1, GOOD);
    collected.scenario.tick(51);
    assert_eq!(collected.scenario.state("load", 1), AlertState::Resolved);
    collected.scenario.replay();
}

#[test]
fn a_restarted_server_knows_what_has_ended() {
    let mut collected = Collected::new(vec![on("node_load1", &[])]);
    collected.push(10, 1, BAD);
    collected.push(20, 1, ENDED);
    let scenario = &mut collected.scenario;
    let bytes = serde_json::to_vec(&scenario.world).expect("a snapshot");
    scenario.world = serde_json::from_slice(&bytes).expect("a snapshot");
    scenario.world.rebuild_projections(&scenario.tables);
    scenario.world.telemetry.resume(seconds(30));
    scenario.tick(31);
    assert_eq!(scenario.state("load", 1), AlertState::Unknown);
}

#[test]
fn a_rule_that_keeps_its_state_without_data_does_so_when_a_series_ends() {
    let mut collected = Collected::new(vec![Rule { no_data: NoData::Keep, ..on("node_load1", &[]) }]);
    collected.push(10, 1, BAD);
    collected.push(20, 1, ENDED);
    collected.scenario.tick(1_000);
    assert_eq!(collected.scenario.state("load", 1), AlertState::Firing);
}

#[test]
fn a_series_that_another_collector_still_measures_has_not_ended() {
    let mut collected = Collected::new(vec![on("up", &[])]);
    let target = |address: &str| {
        let resource = Resource::of([("job", "node"), ("instance", address)]);
        let key = resource.key(Some("instance"));
        (resource, Spoken { feed: feed(), key, ci: host(1), placed: "instance".into() })
    };
    let (name, address) = ("web-1:9100", "10.0.0.1:9100");
    collected.send_of(target(name), 10, &[(10, "up", &[], Some(99.0))]);
    collected.send_of(target(address), 12, &[(12, "up", &[], Some(99.0))]);
    assert_eq!(collected.scenario.world.alerts.live.len(), 1, "they tell of the same");
    collected.send_of(target(name), 20, &[(20, "up", &[], None)]);
    collected.scenario.tick(21);
    assert_eq!(collected.scenario.state("load", 1), AlertState::Firing);
    collected.send_of(target(address), 30, &[(30, "up", &[], None)]);
    collected.scenario.tick(31);
    assert_eq!(collected.scenario.state("load", 1), AlertState::Unknown);
}

#[test]
fn a_sum_is_unknown_when_one_of_its_parts_has_ended_and_after_five_minutes_when_it_stops_coming() {
    for (ends, unknown_at) in [(true, 21), (false, 310)] {
        for (stops, goes_on) in [("r.a", "r.b"), ("r.b", "r.a")] {
            let sum = Condition::Expression { value: "r.a + r.b".into(), side: rule("x").condition.side() };
            let mut collected = Collected::new(vec![Rule { condition: sum, ..rule("load") }]);
            collected.push(10, 1, &[("r.a", &[], Some(50.0)), ("r.b", &[], Some(50.0))]);
            if ends {
                collected.push(20, 1, &[(stops, &[], None)]);
            }
            let first = (21..1_000).find(|&at| {
                if at % 10 == 5 {
                    collected.push(at, 1, &[(goes_on, &[], Some(50.0))]);
                }
                collected.scenario.tick(at);
                collected.scenario.state("load", 1) != AlertState::Firing
            });
            assert_eq!((first, collected.scenario.state("load", 1)), (Some(unknown_at), AlertState::Unknown), "{stops}, {ends}");
        }
    }
}
