use super::*;
use crate::alert::scenario::{Scenario, host};
use crate::command::Command;
use crate::trust::decide::TrustCommand;
use crate::trust::feed::{FeedKind, NewFeed};

fn scenario(kind: FeedKind) -> Scenario {
    let mut scenario = Scenario::new(Vec::new());
    let new = NewFeed { name: name(), kind, secret_hash: "ab".into(), networks: Vec::new(), ttl: None };
    scenario.command(0, &Command::Trust(TrustCommand::CreateFeed(new))).expect("made");
    scenario
}

fn name() -> FeedName {
    "site".parse().expect("a name")
}

fn spoken() -> Spoken {
    Spoken { feed: name(), key: "host.name=web-1".into(), ci: host(1), placed: "host.name".into() }
}

/// What comes of a feed of a kind that says something.
#[track_caller]
fn check(kind: FeedKind, spoken: &Spoken, expected: &str) {
    let found = scenario(kind).hear(1, spoken).map_or_else(|rejection| rejection.to_string(), |_| "taken".into());
    assert!(found.contains(expected), "{found}");
}

#[test]
fn a_feed_of_measurements_is_heard_of_items_that_are_meant_and_others_are_not() {
    check(FeedKind::Otlp, &spoken(), "taken");
    check(FeedKind::Prometheus, &spoken(), "taken");
    check(FeedKind::Glpi, &spoken(), "token");
    check(FeedKind::Otlp, &Spoken { feed: "other".parse().expect("a name"), ..spoken() }, "token");
    check(FeedKind::Otlp, &Spoken { ci: host(9), ..spoken() }, "does not exist");
    check(FeedKind::Otlp, &Spoken { key: String::new(), ..spoken() }, "key");
    check(FeedKind::Otlp, &Spoken { key: "x".repeat(KEY_BYTES + 1), ..spoken() }, "key");
}

#[test]
fn a_voice_is_placed_once_and_is_another_for_another_item_key_or_feed() {
    let mut scenario = scenario(FeedKind::Otlp);
    let first = scenario.hear(1, &spoken()).expect("taken");
    assert_eq!(scenario.hear(2, &spoken()), Ok(first));
    assert_eq!(scenario.world.trust.collectors.len(), 1);
    let others = [
        Spoken { ci: host(2), ..spoken() },
        Spoken { key: "host.name=web-2".into(), ..spoken() },
        Spoken { feed: "other".parse().expect("a name"), ..spoken() },
    ];
    assert!(others.iter().all(|other| other.voice() != first));
    let expected =
        Collector { feed: name(), key: "host.name=web-1".into(), ci: host(1), placed: "host.name".into(), placed_at: Timestamp(1_000) };
    assert_eq!(scenario.world.trust.collectors.get(first), Some(&expected));
    assert_eq!(scenario.world.trust.host_of(first), Some(host(1)));
    assert!(scenario.world.trust.voices_of(host(1)).contains(&first));
}

#[test]
fn a_rule_judges_a_collectors_series_unless_agents_measure_under_its_name() {
    let none = BTreeMap::new();
    let named = BTreeMap::from([(FEED.to_owned(), "site".to_owned())]);
    for (metric, asked, expected) in [
        ("node_load1", &none, true),
        ("jvm.memory.used", &none, true),
        ("system_cpu", &none, true),
        ("system.cpu.utilization", &none, false),
        ("hw.temperature", &none, false),
        ("system.cpu.utilization", &named, true),
    ] {
        assert_eq!(may_be_judged(metric, asked), expected, "{metric}");
    }
}
