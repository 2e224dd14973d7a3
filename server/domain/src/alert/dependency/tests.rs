use super::*;
use crate::alert::Suppression;
use crate::alert::scenario::{Scenario, host, rule as load, seconds};
use crate::ci::relation::Change;
use crate::ci::{Relation, Source};
use crate::rule::Rule;

/// Silent after three minutes, told as a ticket.
fn silent() -> Rule {
    Rule { title: "Agent silent".into(), condition: Condition::AgentSilent { after_ms: 180_000 }, ..load("agent_silent") }
}

/// A fleet of hosts under the rule `load` on `m`, with relations by their numbers.
fn fleet(hosts: u128, relations: &[(u128, RelationKind, u128)]) -> Scenario {
    let mut scenario = Scenario::new(vec![silent(), load("load")]);
    (2..=hosts).for_each(|n| scenario.add_host(n, &[]));
    for &(from, kind, to) in relations {
        relate(&mut scenario, from, kind, to);
    }
    scenario
}

fn relate(scenario: &mut Scenario, from: u128, kind: RelationKind, to: u128) {
    let source = Source::Person { name: "ada".into() };
    let (first_seen, last_seen) = (seconds(0), seconds(0));
    let relation = Relation { from: host(from), kind, to: host(to), source, first_seen, last_seen };
    scenario.seed(|world| world.cmdb.links.apply(&Change::Set { relation: relation.clone() }));
}

fn class(scenario: &mut Scenario, n: u128, class: Class) {
    scenario.seed(|world| world.cmdb.cis.get_mut(&host(n)).unwrap().class = class);
}

/// One step of a script.
#[derive(Clone, Copy)]
enum Step {
    /// These hosts speak from one moment to another, every half minute; the clock ticks every ten seconds.
    Live(i64, i64, &'static [u128]),
    /// A host measures a value of `m`.
    Value(i64, u128, f64),
    Tick(i64),
}
use Step::{Live, Tick, Value};

fn play(scenario: &mut Scenario, steps: &[Step]) {
    for step in steps {
        match *step {
            Live(from, to, hosts) => {
                for at in (from..=to).step_by(10) {
                    if at % 30 == 0 {
                        hosts.iter().for_each(|&n| drop(scenario.push(at, n, Vec::new(), Vec::new())));
                    }
                    scenario.tick(at);
                }
            }
            Value(at, n, value) => scenario.values(at, n, &[("", Some(value))]),
            Tick(at) => scenario.tick(at),
        }
    }
}

/// Plays a script and expects what was told of alerts and incidents.
#[track_caller]
fn check(mut scenario: Scenario, steps: &[Step], expected: &[&str]) -> Scenario {
    play(&mut scenario, steps);
    assert_eq!(scenario.story(), expected);
    scenario
}

use RelationKind::{ConnectsTo, DependsOn, HostedOn, MemberOf, RunsOn};

#[test]
fn an_alert_of_what_runs_on_a_host_that_is_down_is_told_in_its_incident() {
    let scenario = check(
        fleet(2, &[(1, RunsOn, 2)]),
        &[Live(0, 0, &[1, 2]), Live(10, 190, &[1]), Value(195, 1, 96.0), Tick(200)],
        &[
            "180 agent_silent: Inactive → Firing Critical",
            "180 INC1 opened P2: Agent silent critical on web-2",
            "195 load: Inactive → Firing Critical",
            "195 Dependency begins",
            "195 INC1 attached",
        ],
    );
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!((incident.affected_cis.as_slice(), incident.alerts.len()), (&[host(1)][..], 2));
    let alert = scenario.world.alerts.alerts.values().find(|alert| alert.key.ci == host(1)).unwrap();
    assert_eq!(alert.suppressed[&Suppression::Dependency], "web-2, which it runs on, is down");
    assert_eq!(alert.told_by, Some(incident.id));
}

#[test]
fn an_alert_that_came_before_its_cause_keeps_its_incident_and_is_attached_to_the_other() {
    check(
        fleet(2, &[(1, DependsOn, 2)]),
        &[Live(0, 0, &[1, 2]), Live(10, 100, &[1]), Value(105, 1, 96.0), Live(110, 190, &[1])],
        &[
            "105 load: Inactive → Firing Critical",
            "105 INC1 opened P2: Load critical on web-1: 96",
            "180 agent_silent: Inactive → Firing Critical",
            "180 INC2 opened P2: Agent silent critical on web-2",
            "190 Dependency begins",
            "190 INC2 attached",
            "190 INC1 noted",
        ],
    );
}

#[test]
fn what_stands_on_a_host_that_is_back_is_held_for_one_interval_and_told_when_it_still_fires() {
    let begin = [Live(0, 0, &[1, 2]), Live(10, 190, &[1]), Value(195, 1, 96.0), Live(200, 220, &[1]), Live(230, 290, &[1, 2])];
    let mut scenario = fleet(2, &[(1, RunsOn, 2)]);
    play(&mut scenario, &begin);
    scenario.story();
    scenario.values(295, 1, &[("", Some(97.0))]);
    play(&mut scenario, &[Live(300, 310, &[1, 2])]);
    assert_eq!(scenario.story(), ["300 Dependency ends", "300 INC2 opened P2: Load critical on web-1: 96"]);
    // One that clears within the interval was never told.
    let mut scenario = fleet(2, &[(1, RunsOn, 2)]);
    play(&mut scenario, &begin[..4]);
    scenario.story();
    play(&mut scenario, &[Live(230, 240, &[1, 2]), Value(245, 1, 10.0), Live(250, 400, &[1, 2])]);
    assert_eq!(
        scenario.story(),
        [
            "240 agent_silent: Firing → Resolved",
            "240 INC1 new → resolved",
            "240 Dependency begins",
            "245 load: Firing → Resolved",
            "250 Dependency ends",
        ]
    );
}

/// The second host goes at 0 and is back at 1,000; when is what fires on the first since 995 told?
#[track_caller]
fn check_held(mut scenario: Scenario, expected: i64) {
    play(&mut scenario, &[Live(0, 0, &[1, 2, 3]), Live(10, 990, &[1, 3]), Value(995, 1, 96.0)]);
    scenario.story();
    for at in (1_000..2_000).step_by(10) {
        scenario.push(at, 2, Vec::new(), Vec::new());
        scenario.values(at, 1, &[("", Some(97.0))]);
        scenario.tick(at);
    }
    let story = scenario.story();
    let told = story.iter().find(|line| line.contains("Load critical")).unwrap_or_else(|| panic!("{story:#?}"));
    assert_eq!(told.split(' ').next(), Some(expected.to_string().as_str()), "{story:#?}");
}

#[test]
fn a_child_is_held_for_an_interval_of_its_own_agent() {
    let told = |n: u128, interval_s: u64| {
        let mut scenario = fleet(3, &[(1, RunsOn, 2)]);
        scenario.tell_interval(0, n, Some(interval_s * 1_000));
        scenario
    };
    check_held(fleet(3, &[(1, RunsOn, 2)]), 1_060);
    check_held(told(1, 5), 1_060);
    check_held(told(1, 300), 1_300);
    check_held(told(3, 300), 1_060);
}

#[test]
fn a_child_without_an_agent_is_held_for_an_interval_of_the_one_that_tells_of_it() {
    let mut scenario = fleet(3, &[]);
    scenario.tell_interval(0, 2, Some(300_000));
    scenario.push(0, 2, Vec::new(), Vec::new());
    scenario.seed(|world| world.cmdb.cis.get_mut(&host(3)).expect("there").parent = Some(host(2)));
    assert_eq!(interval_of(&scenario.world, host(3)), Duration::from_secs(300));
    assert_eq!(interval_of(&scenario.world, host(1)), Duration::from_secs(60));
}

#[test]
fn of_redundant_parents_all_must_be_down() {
    let switches = || {
        let mut scenario = fleet(3, &[(1, ConnectsTo, 2), (3, ConnectsTo, 1)]);
        class(&mut scenario, 2, Class::NetworkDevice);
        class(&mut scenario, 3, Class::NetworkDevice);
        scenario
    };
    let told = |mut scenario: Scenario, alive: &'static [u128]| {
        play(&mut scenario, &[Live(0, 0, &[1, 2, 3]), Live(10, 260, alive), Value(265, 1, 96.0), Tick(270)]);
        scenario.story().iter().any(|line| line.contains("opened P2: Load critical on web-1"))
    };
    assert!(told(switches(), &[1, 3]), "one switch is up");
    assert!(!told(switches(), &[1]), "both are down");
    let cluster = || {
        let mut scenario = fleet(4, &[(1, HostedOn, 4), (2, MemberOf, 4), (3, MemberOf, 4)]);
        class(&mut scenario, 4, Class::Cluster);
        scenario.seed(|world| drop(world.trust.agents.remove(&crate::alert::scenario::agent(4))));
        scenario
    };
    assert!(told(cluster(), &[1, 3]), "one member is up");
    let down = |mut scenario: Scenario| {
        play(&mut scenario, &[Live(0, 0, &[1, 2, 3]), Live(10, 260, &[1]), Value(265, 1, 96.0), Tick(270)]);
        scenario.story().iter().any(|line| line.contains("opened P2: Load critical on web-1"))
    };
    assert!(!down(cluster()), "no member is up");
}

#[test]
fn a_device_is_down_when_a_rule_that_means_that_says_so() {
    let mut scenario = fleet(2, &[(1, ConnectsTo, 2)]);
    class(&mut scenario, 2, Class::NetworkDevice);
    let unreachable = Rule { means_down: true, classes: vec![Class::NetworkDevice], ..load("unreachable") };
    scenario.commit(1, &crate::Actor::System, vec![crate::Event::Rule(crate::rule::RuleEvent::RuleSet { rule: Box::new(unreachable) })]);
    scenario.story();
    play(&mut scenario, &[Value(10, 2, 96.0), Value(20, 1, 96.0), Tick(21)]);
    let story = scenario.story();
    assert!(story.contains(&"20 Dependency begins".to_owned()), "{story:#?}");
    assert!(!story.iter().any(|line| line.contains("on web-1")), "{story:#?}");
}

#[test]
fn what_goes_down_through_something_that_is_not_watched_is_suppressed_too() {
    // A container on a virtual machine without an agent, on a hypervisor that is down.
    let mut scenario = fleet(3, &[(1, RunsOn, 2), (2, RunsOn, 3)]);
    scenario.seed(|world| drop(world.trust.agents.remove(&crate::alert::scenario::agent(2))));
    play(&mut scenario, &[Live(0, 0, &[1, 3]), Live(10, 190, &[1]), Value(195, 1, 96.0), Tick(200)]);
    let story = scenario.story();
    assert_eq!(story[2..], ["195 load: Inactive → Firing Critical", "195 Dependency begins", "195 INC1 attached"], "{story:#?}");
}

#[test]
fn of_a_ring_that_is_down_each_is_told() {
    for size in [1, 2, 3, 40] {
        let mut scenario = fleet(size, &[]);
        for n in 1..=size {
            relate(&mut scenario, n, DependsOn, n % size + 1);
        }
        let hosts: Vec<u128> = (1..=size).collect();
        hosts.iter().for_each(|&n| drop(scenario.push(0, n, Vec::new(), Vec::new())));
        (1..30).for_each(|n| scenario.tick(10 * n));
        scenario.replay();
        let incidents = scenario.world.incidents.live.len();
        assert!(incidents >= 1, "a ring of {size} fell silent and nobody was told");
    }
}

#[test]
fn a_host_whose_agent_said_goodbye_is_not_down() {
    let mut scenario = fleet(2, &[(1, RunsOn, 2)]);
    play(&mut scenario, &[Live(0, 0, &[1, 2])]);
    scenario.push(5, 2, Vec::new(), vec![crate::journal::Sign::Goodbye("upgrade".into())]);
    play(&mut scenario, &[Live(10, 200, &[1]), Value(205, 1, 96.0), Tick(210)]);
    let story = scenario.story();
    assert!(story.contains(&"205 INC2 opened P2: Load critical on web-1: 96".to_owned()), "{story:#?}");
}

#[test]
fn both_that_fall_silent_at_once_are_told_in_one_incident_whoever_spoke_last() {
    for (first, second) in [(1, 2), (2, 1)] {
        let mut scenario = fleet(2, &[(1, RunsOn, 2)]);
        scenario.push(0, first, Vec::new(), Vec::new());
        scenario.push(25, second, Vec::new(), Vec::new());
        (1..40).for_each(|n| scenario.tick(10 * n));
        let story = scenario.story();
        let opened: Vec<&String> = story.iter().filter(|line| line.contains("opened")).collect();
        assert_eq!(opened.len(), 1, "{story:#?}");
        assert!(opened[0].ends_with("Agent silent critical on web-2"), "{story:#?}");
        assert!(story.iter().any(|line| line.contains("INC1 attached")), "{story:#?}");
    }
}

#[test]
fn ten_thousand_alerts_behind_one_switch_are_looked_at_once_each() {
    let mut world = World::default();
    let (switch, rule) = (host(1), Rule { means_down: true, ..load("load") });
    let known = crate::rule::KnownRule { rule: rule.clone(), revision: 1, updated_at: seconds(0), history: Vec::new() };
    world.rules.rules.insert(rule.id.clone(), known);
    for n in 1..=10_000 {
        let class = if n == 1 { Class::NetworkDevice } else { Class::Server };
        world.cmdb.cis.insert(host(n), crate::ci::Ci::new(host(n), class, "h", seconds(0), 0));
        if n > 1 {
            let source = Source::Person { name: "ada".into() };
            let (first_seen, last_seen) = (seconds(0), seconds(0));
            let relation = Relation { from: host(n), kind: ConnectsTo, to: switch, source, first_seen, last_seen };
            world.cmdb.links.apply(&Change::Set { relation });
        }
        let key = crate::alert::AlertKey { rule: rule.id.clone(), ci: host(n), attributes: BTreeMap::new() };
        let event = crate::alert::AlertEvent::AlertTransitioned {
            alert: crate::id::AlertId(n),
            key,
            before: AlertState::Inactive,
            after: AlertState::Firing,
            severity: Some(Severity::Critical),
            worse_since: None,
            value: None,
            at: seconds(1),
            reason: String::new(),
        };
        let record = crate::Record {
            revision: u64::try_from(n).unwrap(),
            at: seconds(1),
            actor: crate::Actor::System,
            request_id: None,
            idempotency_key: None,
            event: crate::Event::Alert(event),
        };
        world.apply(&record, &crate::context::NoContent);
    }
    let mut outlook = Outlook::new(&world, seconds(2));
    let behind = (1..=10_000).filter(|&n| outlook.behind(host(n)).is_some()).count();
    assert_eq!(behind, 9_999);
    assert_eq!(outlook.known.len(), 1, "only the switch was judged");
}
