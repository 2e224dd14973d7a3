use super::*;
use crate::alert::scenario::{Scenario, host, seconds, text};
use crate::ci::relation::Change;
use crate::ci::{AttributeChange, Ci, CiEvent, Class, Relation, RelationKind, Source};
use crate::id::Family;
use crate::{Actor, Event};

/// Packages of numbered hosts.
#[derive(Default)]
struct Installed(BTreeMap<CiId, BTreeSet<(CiId, String)>>);

impl Installed {
    fn on(mut self, hosts: impl Iterator<Item = u128>, product: u128, version: &str) -> Self {
        for n in hosts {
            self.0.entry(host(n)).or_default().insert((CiId { family: Family::Software, bits: product }, version.to_owned()));
        }
        self
    }
}

impl Software for Installed {
    fn knows(&self, host: CiId) -> bool {
        self.0.contains_key(&host)
    }

    fn has(&self, host: CiId, product: CiId, version: &str) -> bool {
        self.0.get(&host).is_some_and(|packages| packages.contains(&(product, version.to_owned())))
    }

    fn tally(&self, hosts: &BTreeSet<CiId>) -> BTreeMap<(CiId, String), Tally> {
        let mut found = BTreeMap::<_, Tally>::new();
        for host in hosts {
            for package in self.0.get(host).into_iter().flatten() {
                found.entry(package.clone()).or_default().add(exposure::mark(*host));
            }
        }
        found
    }
}

fn hosts(numbers: std::ops::RangeInclusive<u128>) -> BTreeSet<CiId> {
    numbers.map(host).collect()
}

/// What is suspected: (affected and exposed, exposed, members of the bundle).
#[track_caller]
fn check(installed: &Installed, affected: u128, population: u128, expected: &[(u64, u64, usize)]) -> Vec<Hypothesis> {
    let comparison = Comparison { affected: hosts(1..=affected), population: hosts(1..=population), ..Comparison::default() };
    let found = hypotheses(&Scenario::new(Vec::new()).world.cmdb, installed, &comparison);
    let shown: Vec<_> = found.iter().map(|one| (one.affected_exposed, one.exposed, one.bundle.len())).collect();
    assert_eq!(shown, expected);
    found
}

#[test]
fn a_package_that_most_of_the_affected_and_few_others_have_is_suspected() {
    let installed = Installed::default().on(1..=200, 1, "5.2").on(1..=12, 2, "3.0.13").on(13..=200, 2, "3.0.14");
    let found = check(&installed, 8, 200, &[(8, 12, 1)]);
    assert!((found[0].p_value / 9.0e-12 - 1.0).abs() < 0.01);
    assert!((found[0].lift - 16.7).abs() < 0.05);
    assert_eq!(found[0].counter_examples, [host(9), host(10), host(11), host(12)]);
}

#[test]
fn what_everybody_or_nearly_everybody_has_is_no_evidence() {
    check(&Installed::default().on(1..=50, 1, "1"), 6, 50, &[]);
    check(&Installed::default().on(1..=45, 1, "1").on(46..=50, 1, "2"), 6, 50, &[]);
    check(&Installed::default().on(1..=25, 1, "1").on(26..=50, 1, "2"), 6, 50, &[]);
}

#[test]
fn packages_of_one_upgrade_run_are_one_hypothesis() {
    let installed =
        (1..=300).fold(Installed::default(), |installed, product| installed.on(1..=12, product, "2").on(13..=200, product, "1"));
    let found = check(&installed, 8, 200, &[(8, 12, 50)]);
    assert!((found[0].q_value - found[0].p_value).abs() < 1e-20);
}

#[test]
fn hosts_whose_packages_are_not_known_are_not_compared() {
    let installed = Installed::default().on(1..=12, 2, "3.0.13");
    check(&installed, 8, 200, &[]);
}

#[test]
fn an_attribute_can_be_the_cause_too() {
    let mut scenario = Scenario::new(Vec::new());
    for n in 1..=60 {
        scenario.add_host(n, &[("kernel", if n <= 6 { "6.12.1" } else { "6.1.0" }), ("os_id", "debian")]);
    }
    let comparison = Comparison { affected: hosts(1..=5), population: hosts(1..=60), ..Comparison::default() };
    let found = hypotheses(&scenario.world.cmdb, &Installed::default(), &comparison);
    assert_eq!(found.iter().map(|one| one.factor.as_str()).collect::<Vec<_>>(), ["kernel 6.12.1"]);
    assert_eq!(found[0].counter_examples, [host(6)]);
}

/// Sixty servers that report for real: what the first ten have, the others have, and what changes on the first four a day later.
#[track_caller]
fn check_roles(role: &[(&str, &str)], changed: &[(&str, &str)], affected: u128, late: bool, expected: &[&str]) {
    use crate::ci::testing::{Fleet, packages, server, system};
    let common = [("base", "1.0-1"), ("tool", "2.0-1")];
    let mut fleet = Fleet::with_agents(1..=60);
    for n in 1..=60_u32 {
        let own: &[(&str, &str)] = if n <= 10 { role } else { &[] };
        fleet.report(u128::from(n), [system(server(n)), packages(&[&common, own].concat())]);
    }
    let before = fleet.now;
    fleet.pass(std::time::Duration::from_secs(86_400));
    for n in 1..=4_u32 {
        let kept: Vec<_> = common.iter().chain(role).filter(|(name, _)| changed.iter().all(|(other, _)| other != name)).copied().collect();
        fleet.report(u128::from(n), [system(server(n)), packages(&[&kept[..], changed].concat())]);
    }
    let onset = if late { before } else { fleet.now.plus(std::time::Duration::from_secs(3_600)) };
    let hosts = |numbers: std::ops::RangeInclusive<u128>| numbers.map(|n| fleet.id_of(n)).collect::<BTreeSet<_>>();
    let onsets = hosts(1..=affected).into_iter().map(|host| (host, onset)).collect();
    let comparison = Comparison { affected: hosts(1..=affected), population: hosts(1..=60), onsets };
    let found = hypotheses(&fleet.world.cmdb, &fleet.world.cmdb.software, &comparison);
    let shown: Vec<String> = found.iter().map(|one| format!("{} {}", one.factor, one.arrived)).collect();
    assert_eq!(shown, expected);
}

#[test]
fn what_a_role_has_installed_is_no_cause_and_what_was_installed_lately_is() {
    check_roles(&[("nginx", "1.0-1")], &[], 10, false, &[]);
    check_roles(&[], &[("spy", "0.1-1")], 4, false, &["package dpkg/spy 0.1-1 4"]);
}

#[test]
fn a_new_version_is_compared_within_the_role_and_only_if_it_came_before_the_trouble() {
    let twenty: Vec<(&str, &str)> = vec![("base", "1.1-1")];
    check_roles(&[], &twenty, 4, false, &["package dpkg/base 1.1-1 4"]);
    check_roles(&[], &twenty, 4, true, &[]);
    // Four of ten with the role: chance does that more than once in a hundred times when six tests are paid for.
    check_roles(&[("nginx", "1.0-1")], &[("nginx", "1.1-1")], 4, false, &["package dpkg/nginx 1.1-1 4"]);
}

#[test]
fn one_of_many_answers_is_surprising_only_when_that_many_are_paid_for() {
    // Six hundred hosts in racks of twenty: that two of two share one happens once in thirty times, that three do once in a thousand.
    let racked = |n: u128| scenario_with(600, |host| [("location", format!("rack {}", host / 20)), ("os_id", "debian".to_owned())], n);
    assert_eq!(racked(2), None);
    assert_eq!(racked(4).as_deref(), Some("location rack 0"));
}

/// What is named first when the first so many hosts of a fleet are affected.
fn scenario_with<const N: usize>(fleet: u128, attributes: impl Fn(u128) -> [(&'static str, String); N], affected: u128) -> Option<String> {
    let mut scenario = Scenario::new(Vec::new());
    for n in 1..=fleet {
        let attributes = attributes(n);
        scenario.add_host(n, &attributes.each_ref().map(|(name, value)| (*name, value.as_str())));
    }
    let comparison = Comparison { affected: hosts(1..=affected), population: hosts(1..=fleet), ..Comparison::default() };
    hypotheses(&scenario.world.cmdb, &Installed::default(), &comparison).first().map(|one| one.factor.clone())
}

/// Sixty hosts on three switches since the beginning, four of the first switch's since a moment: what is suspected when those four suffer
/// from a day later on, and on how many it arrived before.
#[track_caller]
fn check_moved(moved_at: i64, expected: &[&str]) {
    const DAY: i64 = 86_400;
    let mut scenario = Scenario::new(Vec::new());
    let switch = |n: u128| CiId { family: Family::Host, bits: 900 + n };
    (1..=60).for_each(|n| scenario.add_host(n, &[("os_id", "debian")]));
    scenario.seed(|world| {
        (0..3).for_each(|n| {
            let known = Ci::new(switch(n), Class::NetworkDevice, &format!("switch-{n}"), seconds(0), 0);
            world.cmdb.cis.insert(switch(n), known);
        });
        for n in 1..=60_u128 {
            let (to, since) = if n <= 4 { (switch(0), seconds(moved_at)) } else { (switch(1 + n % 2), seconds(0)) };
            let source = Source::Person { name: "ada".into() };
            let relation = Relation { from: host(n), kind: RelationKind::ConnectsTo, to, source, first_seen: since, last_seen: since };
            world.cmdb.links.apply(&Change::Set { relation });
        }
    });
    let onsets = (1..=4).map(|n| (host(n), seconds(DAY))).collect();
    let comparison = Comparison { affected: hosts(1..=4), population: hosts(1..=60), onsets };
    let found = hypotheses(&scenario.world.cmdb, &Installed::default(), &comparison);
    assert_eq!(found.iter().map(|one| format!("{} {}", one.factor, one.arrived)).collect::<Vec<_>>(), expected);
    assert_eq!(recent_change(&scenario.world.cmdb, &Installed::default(), &comparison), None, "a thing is no rival of itself");
}

#[test]
fn what_hosts_were_moved_onto_after_their_trouble_began_is_no_cause() {
    check_moved(0, &["connects to switch-0 0"]);
    check_moved(60, &["connects to switch-0 0"]);
    check_moved(86_400 - 3_600, &["connects to switch-0 4"]);
    check_moved(86_400 + 3_600, &[]);
}

#[test]
fn packages_of_one_upgrade_run_are_one_hypothesis_however_many_hosts_have_the_products() {
    let installed = [200, 180, 150]
        .into_iter()
        .zip(1..)
        .fold(Installed::default(), |installed, (base, product)| installed.on(1..=12, product, "2").on(13..=base, product, "1"));
    let found = check(&installed, 8, 200, &[(8, 12, 3)]);
    assert!((found[0].q_value - found[0].p_value).abs() < 1e-20, "it is paid for once");
    assert!((found[0].p_value / 9.0e-12 - 1.0).abs() < 0.01);
    assert_eq!((found[0].factor.as_str(), found[0].population), (found[0].bundle[0].as_str(), 200));
}

#[test]
fn a_product_of_few_hosts_in_an_upgrade_run_does_not_hide_the_run() {
    let installed = Installed::default().on(1..=12, 1, "2").on(13..=14, 1, "1").on(1..=12, 2, "2").on(13..=200, 2, "1");
    let found = check(&installed, 8, 200, &[(8, 12, 2)]);
    assert_eq!(found[0].population, 200);
}

#[test]
fn what_came_too_late_takes_nothing_else_that_the_same_hosts_have_with_it() {
    let mut scenario = Scenario::new(Vec::new());
    (1..=60).for_each(|n| scenario.add_host(n, &[("kernel", "6.1.0"), ("location", if n <= 4 { "A" } else { "B" }), ("os_id", "debian")]));
    let change = AttributeChange { name: "kernel".into(), before: None, after: Some(text("6.12.1")) };
    let upgrade = |n| Event::Ci(CiEvent::AttributesChanged { ci: host(n), changes: vec![change.clone()] });
    scenario.commit(5_000, &Actor::System, (1..=4).map(upgrade).collect());
    let onsets = (1..=4).map(|n| (host(n), seconds(4_000))).collect();
    let comparison = Comparison { affected: hosts(1..=4), population: hosts(1..=60), onsets };
    let found = hypotheses(&scenario.world.cmdb, &Installed::default(), &comparison);
    assert_eq!(found.iter().map(|one| one.bundle.join(" = ")).collect::<Vec<_>>(), ["location A"]);
}
