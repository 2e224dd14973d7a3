use crate::alert::scenario::{Scenario, host, rule};
use crate::ci::software::{Contents, Details, Installed};
use crate::ci::{Ci, Class};
use crate::id::{CiId, Family};
use crate::problem::{Origin, ProblemAction, ProblemState, Verdict};
use rollcall_shared::ContentHash;

const HOUR: i64 = 3_600;

/// One breach of a minute at each of these hours, and what is said of problems.
#[track_caller]
fn check(scenario: &mut Scenario, breaches: &[(i64, u128)], expected: &[&str]) {
    for &(hour, n) in breaches {
        scenario.values(hour * HOUR, n, &[("", Some(97.0))]);
        scenario.values(hour * HOUR + 60, n, &[("", Some(10.0))]);
        scenario.tick(hour * HOUR + 61);
    }
    let lines: Vec<String> = scenario.story().into_iter().filter(|line| line.contains("PRB") || line.contains("linked")).collect();
    assert_eq!(lines, expected);
}

/// Sixty hosts, six of them with a new kernel.
fn fleet() -> Scenario {
    let mut scenario = Scenario::new(vec![rule("load")]);
    for n in 1..=60 {
        scenario.add_host(n, &[("kernel", if n <= 6 { "6.12.1" } else { "6.1.0" }), ("os_id", "debian")]);
    }
    scenario
}

#[test]
fn the_third_incident_within_a_week_opens_a_problem_and_the_fourth_joins_it() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    check(&mut scenario, &[(1, 1), (2, 1)], &[]);
    let opened = "10800 PRB1 opened P2: Load keeps coming back on web-1";
    check(&mut scenario, &[(3, 1)], &[opened, "10800 INC1 linked", "10800 INC2 linked", "10800 INC3 linked"]);
    check(&mut scenario, &[(4, 1)], &["14400 PRB1 evidence", "14400 INC4 linked"]);
    let problem = &scenario.world.problems.problems[&scenario.problem(1)];
    assert_eq!(problem.incidents.len(), 4);
    let said: Vec<&str> = problem.evidence.iter().map(|row| row.statement.as_str()).collect();
    assert_eq!(said, ["97, lasted 1 min", "97, lasted 1 min", "97, open then", "97, open then"]);
}

#[test]
fn three_incidents_in_more_than_a_week_are_no_recurrence() {
    check(&mut Scenario::new(vec![rule("load")]), &[(0, 1), (90, 1), (169, 1)], &[]);
}

#[test]
fn incidents_of_a_finished_problem_do_not_count_again() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    check(
        &mut scenario,
        &[(1, 1), (2, 1), (3, 1)],
        &["10800 PRB1 opened P2: Load keeps coming back on web-1", "10800 INC1 linked", "10800 INC2 linked", "10800 INC3 linked"],
    );
    scenario.work(4 * HOUR, 1, ProblemAction::Resolve { notes: "New disk.".into(), incidents: false }).unwrap();
    scenario.story();
    check(&mut scenario, &[(5, 1), (6, 1)], &[]);
    check(
        &mut scenario,
        &[(7, 1)],
        &["25200 PRB2 opened P2: Load keeps coming back on web-1", "25200 INC4 linked", "25200 INC5 linked", "25200 INC6 linked"],
    );
}

#[test]
fn hosts_that_share_what_the_others_lack_are_one_problem() {
    let mut scenario = fleet();
    check(&mut scenario, &[(1, 1)], &[]);
    let opened = "7261 PRB1 opened P2: Load on 2 hosts that share kernel 6.12.1";
    check(&mut scenario, &[(2, 2)], &[opened, "7261 INC1 linked", "7261 INC2 linked"]);
    check(&mut scenario, &[(3, 3)], &["10800 PRB1 evidence", "10800 INC3 linked", "10861 PRB1 tested again"]);
    // A host without the kernel has a trouble of its own.
    check(&mut scenario, &[(4, 30)], &[]);
    let problem = &scenario.world.problems.problems[&scenario.problem(1)];
    assert_eq!(problem.origin, Origin::CommonCause { rule: "load".parse().unwrap(), factor: "kernel 6.12.1".into() });
    assert_eq!((problem.hypotheses[0].affected_exposed, problem.hypotheses[0].exposed), (3, 6));
    assert_eq!(problem.hypotheses[0].counter_examples, [host(4), host(5), host(6)]);
}

#[test]
fn hosts_that_share_nothing_particular_are_no_problem() {
    check(&mut fleet(), &[(1, 7), (2, 8), (3, 9), (4, 10), (5, 11)], &[]);
}

#[test]
fn incidents_more_than_a_day_apart_have_no_common_cause() {
    check(&mut fleet(), &[(1, 1), (26, 2)], &[]);
}

#[test]
fn a_refuted_cause_is_not_suspected_again_on_the_same_evidence() {
    let mut scenario = fleet();
    let opened = "7261 PRB1 opened P2: Load on 2 hosts that share kernel 6.12.1";
    check(&mut scenario, &[(1, 1), (2, 2)], &[opened, "7261 INC1 linked", "7261 INC2 linked"]);
    let factor = "kernel 6.12.1".to_owned();
    scenario.work(3 * HOUR, 1, ProblemAction::Judge { factor, verdict: Verdict::Refuted }).unwrap();
    scenario.work(3 * HOUR, 1, ProblemAction::Cancel { reason: "A batch job.".into() }).unwrap();
    scenario.story();
    check(&mut scenario, &[(4, 3)], &[]);
    assert_eq!(scenario.world.problems.problems[&scenario.problem(1)].state, ProblemState::Cancelled);
}

#[test]
fn a_package_version_that_the_affected_hosts_share_is_suspected() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    (1..=60).for_each(|n| scenario.add_host(n, &[("os_id", "debian")]));
    let openssl = CiId { family: Family::Software, bits: 1 };
    scenario.seed(|world| {
        let template = world.cmdb.cis[&host(1)].clone();
        let product = Ci { id: openssl, class: Class::SoftwareProduct, key: Some("dpkg/openssl".into()), ..template };
        world.cmdb.cis.insert(openssl, product);
        for n in 1..=60 {
            let version = if n <= 6 { "3.0.13" } else { "3.0.14" };
            let contents = Contents { complete: ContentHash::of(version.as_bytes()), partial: None };
            world.cmdb.software.set(
                host(n),
                contents,
                vec![Installed { product: openssl, version: version.into(), details: Details::default() }],
            );
        }
    });
    check(
        &mut scenario,
        &[(1, 1), (2, 2)],
        &["7261 PRB1 opened P2: Load on 2 hosts that share package dpkg/openssl 3.0.13", "7261 INC1 linked", "7261 INC2 linked"],
    );
    check(&mut scenario, &[(3, 3)], &["10800 PRB1 evidence", "10800 INC3 linked", "10861 PRB1 tested again"]);
    let problem = &scenario.world.problems.problems[&scenario.problem(1)];
    assert_eq!((problem.hypotheses[0].affected_exposed, problem.hypotheses[0].population), (3, 60));
    assert_eq!(problem.hypotheses[0].counter_examples, [host(4), host(5), host(6)]);
    assert_eq!(problem.evidence[1].statement, "the host has package dpkg/openssl 3.0.13; 97, lasted 1 min");
}

#[test]
fn a_storm_of_incidents_opens_no_problem_without_contrast() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    (1..=300).for_each(|n| scenario.add_host(n, &[("kernel", "6.1.0"), ("os_id", "debian")]));
    for n in 1..=300 {
        scenario.values(HOUR, n, &[("", Some(97.0))]);
    }
    scenario.tick(HOUR + 60);
    assert_eq!(scenario.world.problems.count, 0);
    assert_eq!(scenario.world.incidents.count, 301, "theirs, and the one that rolls them up");
}

#[test]
fn a_fault_that_goes_through_the_fleet_rack_by_rack_is_not_blamed_on_the_first_rack() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    for n in 1..=600 {
        let (kernel, location) = (if n % 10 == 1 { "6.12.1" } else { "6.1.0" }, format!("rack {}", n / 40));
        scenario.add_host(n, &[("kernel", kernel), ("location", &location), ("os_id", "debian")]);
    }
    for (second, n) in (HOUR..).step_by(5).zip((1..=400).step_by(10)) {
        scenario.tick(second);
        scenario.values(second, n, &[("", Some(97.0))]);
    }
    scenario.tick(2 * HOUR);
    let titles: Vec<&str> = scenario.world.problems.problems.values().map(|problem| problem.title.as_str()).collect();
    assert_eq!(titles, ["Load on 40 hosts that share kernel 6.12.1"]);
}

#[test]
fn an_attribute_that_people_define_is_a_cause_and_later_incidents_join() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    for n in 1..=60 {
        scenario.add_host(n, &[("power_feed", if n <= 6 { "A2" } else { "B1" }), ("os_id", "debian")]);
    }
    check(&mut scenario, &[(1, 1)], &[]);
    let opened = "7261 PRB1 opened P2: Load on 2 hosts that share power feed A2";
    check(&mut scenario, &[(2, 2)], &[opened, "7261 INC1 linked", "7261 INC2 linked"]);
    check(&mut scenario, &[(3, 3)], &["10800 PRB1 evidence", "10800 INC3 linked", "10861 PRB1 tested again"]);
}
