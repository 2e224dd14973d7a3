use super::*;
use crate::alert::scenario::{Scenario, host};
use crate::id::Family;

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
                found.entry(package.clone()).or_default().add(*host);
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
    let comparison = Comparison { affected: hosts(1..=affected), population: hosts(1..=population) };
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
    let comparison = Comparison { affected: hosts(1..=5), population: hosts(1..=60) };
    let found = hypotheses(&scenario.world.cmdb, &Installed::default(), &comparison);
    assert_eq!(found.iter().map(|one| one.factor.as_str()).collect::<Vec<_>>(), ["kernel 6.12.1"]);
    assert_eq!(found[0].counter_examples, [host(6)]);
}
