use super::*;
use crate::alert::scenario::{Scenario, agent, host, rule as load, seconds};
use crate::ci::relation::Change;
use crate::ci::{Relation, RelationKind, Source};
use crate::journal::Sign;
use crate::rule::{Condition, Rule};

fn silent(id: &str, after_ms: u64) -> Rule {
    Rule { title: "Agent silent".into(), condition: Condition::AgentSilent { after_ms }, ..load(id) }
}

/// Hosts by numbers from 1, each with its network (`10.0.<network>.<n>`) and its site.
fn fleet(hosts: &[(u32, &str)]) -> Scenario {
    let mut scenario = Scenario::new(vec![silent("agent_silent", 180_000)]);
    for (n, (network, site)) in (1..).zip(hosts) {
        let address = format!("10.0.{network}.{n}");
        let mut attributes = vec![("ip_addresses", address.as_str())];
        if !site.is_empty() {
            attributes.push(("location", site));
        }
        scenario.add_host(n, &attributes);
    }
    scenario
}

/// Everybody speaks at 0, spread over half a minute; then those who stay do every half minute, and the clock ticks every ten seconds.
fn play(scenario: &mut Scenario, all: u128, alive: &[u128], until: i64) {
    (1..=all).for_each(|n| drop(scenario.push(i64::try_from(n % 30).unwrap(), n, Vec::new(), Vec::new())));
    live(scenario, alive, (40, until));
}

fn live(scenario: &mut Scenario, alive: &[u128], (from, until): (i64, i64)) {
    for at in (from..=until).step_by(10) {
        if at % 30 == 0 {
            alive.iter().for_each(|&n| drop(scenario.push(at, n, Vec::new(), Vec::new())));
        }
        scenario.tick(at);
    }
}

fn opened(scenario: &mut Scenario) -> Vec<String> {
    let story = scenario.story();
    let opened = story.iter().filter_map(|line| line.split_once(" opened ").map(|(_, after)| after[4..].to_owned()));
    opened.collect()
}

/// Hosts fall silent; what is opened?
#[track_caller]
fn check(hosts: &[(u32, &str)], alive: &[u128], expected: &[&str]) -> Scenario {
    let mut scenario = fleet(hosts);
    play(&mut scenario, hosts.len() as u128, alive, 400);
    assert_eq!(opened(&mut scenario), expected);
    scenario
}

#[test]
fn hosts_that_fall_silent_together_are_one_incident_on_what_they_share() {
    // Four of six in a network, others elsewhere.
    let scenario = check(
        &[(1, ""), (1, ""), (1, ""), (1, ""), (1, ""), (1, ""), (2, ""), (3, "")],
        &[5, 6, 7, 8],
        &["4 of 6 hosts in 10.0.1.0/24 are silent"],
    );
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!(incident.affected_cis, [1, 2, 3, 4].map(host));
    assert_eq!(incident.alerts.len(), 4);
    assert!(scenario.world.alerts.alerts.values().all(|alert| alert.told_by == Some(incident.id)));
}

#[test]
fn fewer_than_three_or_less_than_half_are_told_one_by_one() {
    check(&[(1, ""), (1, ""), (2, ""), (3, "")], &[3, 4], &["Agent silent critical on web-1", "Agent silent critical on web-2"]);
    let many = [(1, ""); 8];
    let one_by_one = ["Agent silent critical on web-1", "Agent silent critical on web-2", "Agent silent critical on web-3"];
    check(&many, &[4, 5, 6, 7, 8], &one_by_one);
}

#[test]
fn the_thing_that_explains_the_most_counts_and_of_equals_the_narrowest() {
    let spread = [(1, "north"), (1, "north"), (1, "north"), (2, "north"), (2, "north"), (2, "north"), (3, "south"), (4, "south")];
    check(&spread, &[7, 8], &["All 6 hosts at north are silent"]);
    let one_network = [(1, "north"), (1, "north"), (1, "north"), (2, "south"), (3, "south")];
    check(&one_network, &[4, 5], &["All 3 hosts in 10.0.1.0/24 are silent"]);
}

#[test]
fn a_switch_without_an_agent_is_named_when_all_behind_it_fall_silent() {
    let mut scenario = fleet(&[(1, ""), (2, ""), (3, ""), (4, ""), (5, "")]);
    let switch = host(100);
    let device = crate::ci::Ci::new(switch, crate::ci::Class::NetworkDevice, "sw-1", seconds(0), 0);
    scenario.seed(|world| drop(world.cmdb.cis.insert(switch, device.clone())));
    for n in 1..=3 {
        let source = Source::Person { name: "ada".into() };
        let (from, to, first_seen, last_seen) = (host(n), switch, seconds(0), seconds(0));
        let relation = Relation { from, kind: RelationKind::ConnectsTo, to, source, first_seen, last_seen };
        scenario.seed(|world| world.cmdb.links.apply(&Change::Set { relation: relation.clone() }));
    }
    play(&mut scenario, 5, &[4, 5], 400);
    assert_eq!(opened(&mut scenario), ["All 3 hosts behind sw-1 are silent"]);
    assert_eq!(scenario.world.incidents.incidents[&scenario.incident(1)].primary_ci, Some(switch));
}

#[test]
fn a_network_that_is_recorded_counts_for_its_hosts_and_for_what_hangs_on_them() {
    let mut scenario = fleet(&[(1, ""), (2, ""), (3, ""), (4, ""), (5, "")]);
    let network = host(100);
    let recorded = crate::ci::Ci::new(network, crate::ci::Class::Network, "Guests", seconds(0), 0);
    scenario.seed(|world| drop(world.cmdb.cis.insert(network, recorded.clone())));
    for n in [1, 2, 4] {
        let source = Source::Person { name: "ada".into() };
        let (from, to, first_seen, last_seen) = (host(n), network, seconds(0), seconds(0));
        let relation = Relation { from, kind: RelationKind::MemberOf, to, source, first_seen, last_seen };
        scenario.seed(|world| world.cmdb.links.apply(&Change::Set { relation: relation.clone() }));
    }
    // A container on the fourth.
    scenario.seed(|world| world.cmdb.cis.get_mut(&host(3)).expect("there").parent = Some(host(4)));
    for n in 1..=4 {
        assert!(sharing::shared_by(&scenario.world, host(n)).contains(&Shared::Network { ci: network }), "{n}");
    }
    assert!(!sharing::shared_by(&scenario.world, host(5)).contains(&Shared::Network { ci: network }));
}

#[test]
fn hosts_are_at_one_place_whether_a_relation_says_so_or_their_attribute() {
    use crate::ci::natural::place;
    use crate::ci::{Ci, Class};
    let mut scenario = fleet(&[(1, "south"), (2, ""), (3, " berlin / HALL 2"), (4, "elsewhere"), (5, "Hall 2"), (6, "elsewhere")]);
    let (berlin, hall) = (host(100), host(101));
    scenario.seed(|world| {
        for (id, name, parent) in [(berlin, "Berlin", None), (hall, "Hall 2", Some(berlin))] {
            let location = Ci { parent, ..Ci::new(id, Class::Location, name, seconds(0), 0) };
            world.cmdb.keys.insert((Class::Location, place(parent, name).expect("a proper name")), id);
            world.cmdb.cis.insert(id, location);
        }
        for n in 1..=2 {
            let (source, first_seen, last_seen) = (Source::Person { name: "ada".into() }, seconds(0), seconds(0));
            let relation = Relation { from: host(n), kind: RelationKind::HostedOn, to: hall, source, first_seen, last_seen };
            world.cmdb.links.apply(&Change::Set { relation });
        }
    });
    let shared = |n| sharing::shared_by(&scenario.world, host(n));
    for n in 1..=3 {
        let places =
            shared(n).into_iter().filter(|shared| matches!(shared, Shared::Parent { .. } | Shared::Site { .. } | Shared::Location { .. }));
        assert_eq!(places.collect::<Vec<_>>(), [Shared::Location { ci: hall }], "{n}");
    }
    for (n, name) in [(4, "elsewhere"), (5, "Hall 2")] {
        assert!(shared(n).contains(&Shared::Site { name: name.into() }), "{n}");
    }
    play(&mut scenario, 6, &[4, 5, 6], 400);
    assert_eq!(opened(&mut scenario), ["All 3 hosts at Hall 2 are silent"]);
    assert_eq!(scenario.world.incidents.incidents[&scenario.incident(1)].primary_ci, Some(hall));
}

/// Hosts of one network push every five minutes, each at its own second, and those of the first four go at 1,200.
#[track_caller]
fn check_slow(pushes: &[i64], expected: &[&str]) {
    let mut scenario = fleet(&vec![(1, ""); pushes.len()]);
    (1..).zip(pushes).for_each(|(n, _)| scenario.tell_interval(0, n, Some(300_000)));
    for at in (0..3_000).step_by(10) {
        for (n, first) in (1..).zip(pushes) {
            if at % 300 == *first && (at < 1_200 || n > 4) {
                scenario.push(at, n, Vec::new(), Vec::new());
            }
        }
        scenario.tick(at);
    }
    assert_eq!(opened(&mut scenario), expected);
}

#[test]
fn hosts_that_push_less_often_and_go_together_are_one_incident() {
    check_slow(&[10, 90, 170, 280, 40, 200], &["4 of 6 hosts in 10.0.1.0/24 are silent"]);
}

#[track_caller]
fn check_together(gone: &[(i64, i64)], expected: &[usize]) {
    let gone: BTreeMap<CiId, Gone> = (0..).zip(gone).map(|(n, (since, due))| (host(n), (seconds(*since), seconds(*due)))).collect();
    let hosts: Vec<CiId> = gone.keys().copied().collect();
    let mut found: Vec<CiId> = together(&hosts, &gone);
    found.sort_unstable();
    assert_eq!(found, expected.iter().map(|n| host(*n as u128)).collect::<Vec<_>>());
}

#[test]
fn together_went_those_that_may_have_gone_at_one_moment() {
    check_together(&[], &[]);
    check_together(&[(0, 60), (60, 120), (61, 121)], &[0, 1]);
    check_together(&[(0, 60), (30, 90), (61, 121), (90, 150), (95, 155)], &[1, 2, 3]);
    // A slow host may have gone with either pair, not both pairs with each other.
    check_together(&[(0, 300), (10, 70), (20, 80), (200, 260), (210, 270), (215, 275)], &[0, 3, 4, 5]);
    check_together(&[(0, 60), (0, 60), (0, 60), (300, 360)], &[0, 1, 2]);
}

#[test]
fn hosts_that_said_goodbye_are_not_counted() {
    let mut scenario = fleet(&[(1, ""), (1, ""), (1, ""), (2, "")]);
    scenario.push(0, 1, Vec::new(), vec![Sign::Goodbye("switched off".into())]);
    (2..=4).for_each(|n| drop(scenario.push(1, n, Vec::new(), Vec::new())));
    live(&mut scenario, &[4], (10, 400));
    let told = opened(&mut scenario);
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told.iter().all(|title| title.starts_with("Agent silent")), "{told:#?}");
}

#[test]
fn a_whole_fleet_that_is_silent_is_the_servers_own_trouble() {
    let hosts: Vec<(u32, &str)> = (0..200).map(|n| (n / 10, "")).collect();
    check(&hosts, &[], &["200 of all 200 hosts are silent: is it the server, or its network?"]);
}

#[test]
fn a_server_that_was_away_declares_nobody_silent_until_all_had_their_time() {
    let mut scenario = fleet(&[(1, ""), (1, ""), (1, ""), (1, "")]);
    play(&mut scenario, 4, &[], 60);
    scenario.world.telemetry.resume(seconds(5_000));
    live(&mut scenario, &[], (5_000, 5_170));
    assert!(scenario.story().is_empty());
    live(&mut scenario, &[4], (5_180, 5_400));
    assert_eq!(opened(&mut scenario).len(), 1);
}

#[test]
fn an_outage_is_told_of_as_hosts_return_and_over_when_all_have() {
    let mut scenario = fleet(&[(1, ""), (1, ""), (1, ""), (2, "")]);
    play(&mut scenario, 4, &[4], 250);
    assert_eq!(opened(&mut scenario), ["All 3 hosts in 10.0.1.0/24 are silent"]);
    live(&mut scenario, &[1, 2, 4], (300, 400));
    let story = scenario.story();
    assert_eq!(story.iter().filter(|line| line.contains("outage: 2 back")).count(), 1, "{story:#?}");
    assert!(!story.iter().any(|line| line.contains("resolved")), "one is missing yet: {story:#?}");
    live(&mut scenario, &[1, 2, 3, 4], (420, 450));
    let story = scenario.story();
    assert!(story.contains(&"420 outage ends".to_owned()) && story.contains(&"420 INC1 new → resolved".to_owned()), "{story:#?}");
    assert!(scenario.world.alerts.suppressed.is_empty() && scenario.world.alerts.outages.is_empty());
    assert_eq!(scenario.world.incidents.incidents.len(), 1);
}

#[test]
fn a_louder_rule_joins_the_incident_that_is_open() {
    let mut scenario = fleet(&[(1, ""), (1, ""), (1, ""), (2, "")]);
    let page = Rule { tier: Tier::Page, condition: Condition::HostSilent { after_ms: 600_000 }, ..silent("host_silent", 0) };
    scenario.commit(0, &crate::Actor::System, vec![Event::Rule(crate::rule::RuleEvent::RuleSet { rule: Box::new(page) })]);
    play(&mut scenario, 4, &[4], 700);
    let story = scenario.story();
    assert_eq!(story.iter().filter(|line| line.contains("opened")).count(), 1, "{story:#?}");
    assert_eq!(story.iter().filter(|line| line.contains("attached")).count(), 3, "{story:#?}");
    assert!(story.iter().any(|line| line.ends_with("INC1 Critical")), "{story:#?}");
}

#[test]
fn a_host_that_falls_silent_alone_is_told_at_once() {
    let mut scenario = fleet(&[(1, ""), (1, ""), (1, ""), (1, "")]);
    play(&mut scenario, 4, &[2, 3, 4], 190);
    assert_eq!(scenario.story(), ["190 agent_silent: Inactive → Firing Critical", "190 INC1 opened P2: Agent silent critical on web-1"]);
    assert!(scenario.world.telemetry.last_seen(agent(1)).is_some());
}

#[test]
fn a_network_is_read_from_an_address() {
    let check = |text: &str, expected: Option<&str>| {
        let shown = network_of(text).map(|network| format!("{}/{}", network.address, network.prefix));
        assert_eq!(shown.as_deref(), expected, "{text}");
    };
    check("10.2.3.4", Some("10.2.3.0/24"));
    check("10.2.3.4/22", Some("10.2.0.0/22"));
    check("2001:db8::7", Some("2001:db8::/64"));
    check("::ffff:10.2.3.4", Some("10.2.3.0/24"));
    check("127.0.0.1", None);
    check("172.17.0.2", None);
    check("fe80::1%eth0", None);
    check("10.2.3.4/33", None);
    check("nonsense", None);
    check("", None);
}
