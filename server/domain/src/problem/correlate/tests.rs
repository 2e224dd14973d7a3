use super::comparison;
use crate::alert::decide::AlertCommand;
use crate::alert::mute::{MuteKind, NewMute, Schedule};
use crate::alert::scenario::{Scenario, host, rule, seconds, text};
use crate::ci::software::{Contents, Details, Installed};
use crate::ci::{AttributeChange, Ci, CiEvent, Class};
use crate::id::{CiId, Family};
use crate::problem::{Origin, ProblemAction, ProblemState, Verdict};
use crate::rule::select::{Override, Selector};
use crate::rule::{Level, Levels, Rule};
use crate::{Actor, Command, Event};
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

/// Five hosts breach at two in a maintenance window until four, and get a new kernel at another time: what is said of problems.
#[track_caller]
fn check_held_back(kernel_at: i64, expected: &[&str]) {
    let mut scenario = Scenario::new(vec![rule("load")]);
    (1..=60).for_each(|n| scenario.add_host(n, &[("kernel", "6.1.0"), ("os_id", "debian")]));
    let schedule = Schedule::Once { from: seconds(HOUR), to: seconds(4 * HOUR) };
    let (reason, selector, rules) = ("kernels are upgraded".to_owned(), Selector::default(), vec!["load".parse().unwrap()]);
    let window = NewMute { kind: MuteKind::Maintenance, reason, selector, rules, external: None, schedule };
    scenario.command(10, &Command::Alert(AlertCommand::Mute(Box::new(window)))).unwrap();
    let upgrade = |n| {
        let change = AttributeChange { name: "kernel".into(), before: None, after: Some(text("6.12.1")) };
        Event::Ci(CiEvent::AttributesChanged { ci: host(n), changes: vec![change] })
    };
    let breach = |scenario: &mut Scenario| (1..=5).for_each(|n| scenario.values(2 * HOUR, n, &[("", Some(97.0))]));
    if kernel_at < 2 * HOUR {
        scenario.commit(kernel_at, &Actor::System, (1..=5).map(upgrade).collect());
        breach(&mut scenario);
    } else {
        breach(&mut scenario);
        scenario.commit(kernel_at, &Actor::System, (1..=5).map(upgrade).collect());
    }
    (1..=60).for_each(|n| scenario.values(4 * HOUR - 5, n, &[("", Some(if n <= 5 { 97.0 } else { 1.0 }))]));
    scenario.tick(4 * HOUR);
    scenario.tick(4 * HOUR + 61);
    assert_eq!(scenario.world.incidents.incidents.values().filter(|incident| incident.breach.is_some()).count(), 5);
    let opened: Vec<String> = scenario.story().into_iter().filter(|line| line.contains("PRB1 opened")).collect();
    assert_eq!(opened, expected);
}

#[test]
fn what_came_after_the_first_bad_value_is_no_cause_however_late_the_incident_opened() {
    check_held_back(2 * HOUR - 600, &["14461 PRB1 opened P2: Load on 5 hosts that share kernel 6.12.1"]);
    check_held_back(3 * HOUR, &[]);
}

/// A critical breach from 1,000 s on: when its trouble began, as the alert knows and as is estimated where it does not.
#[track_caller]
fn check_onset(rule: Rule, expected: i64) {
    let mut scenario = Scenario::new(vec![rule]);
    (0..).map(|n| 1_000 + n * 60).take_while(|at| *at <= 4_600).for_each(|at| scenario.value(at, 97.0));
    let onset = |scenario: &Scenario| {
        let incidents: Vec<_> = scenario.world.incidents.incidents.values().collect();
        comparison(&scenario.world, &incidents, |_| true).onsets[&host(1)]
    };
    assert_eq!(onset(&scenario), seconds(expected), "as the alert knows");
    forget(&mut scenario);
    assert_eq!(onset(&scenario), seconds(expected), "as is estimated");
}

/// As after an upgrade from a release whose alerts did not know when they began.
fn forget(scenario: &mut Scenario) {
    scenario.world.alerts.alerts.values_mut().for_each(|alert| alert.began_at = None);
}

#[test]
fn a_breach_began_as_long_before_its_incident_as_its_level_on_its_item_must_last() {
    let critical = |for_ms| Levels { warning: None, critical: Some(Level { raise: 95.0, clear: 90.0, and: None, for_ms }) };
    check_onset(rule("load"), 1_000);
    check_onset(Rule { for_ms: 600_000, ..rule("load") }, 1_000);
    check_onset(Rule { for_ms: 60_000, levels: critical(Some(1_800_000)), ..rule("load") }, 1_000);
    let selector = Selector { classes: vec![Class::Server], ..Selector::default() };
    let (reason, for_ms) = ("it is always busy".to_owned(), Some(1_200_000));
    let of_item = Override { selector, reason, levels: None, for_ms, tier: None, disabled: false, set_by: None, set_at: None };
    check_onset(Rule { overrides: vec![of_item], ..rule("load") }, 1_000);
}

#[test]
fn what_flaps_began_with_its_first_bad_value() {
    let mut scenario = Scenario::new(vec![rule("load")]);
    for n in 0..20 {
        scenario.value(1_000 + n * 20, 97.0);
        scenario.value(1_010 + n * 20, 1.0);
    }
    let alert = scenario.world.alerts.alerts.values().next().expect("an alert");
    assert!(alert.flaps());
    let began = alert.began_at.expect("known");
    scenario.value(1_500, 97.0);
    let alert = scenario.world.alerts.alerts.values().next().expect("an alert");
    assert_eq!((alert.began_at, alert.fired_at), (Some(began), Some(seconds(1_500))));
}

/// A hundred hosts: six with a new kernel, and on one power feed three of these and five others. The first three suffer one after another,
/// and people refute the kernel after two of them.
fn refuted() -> Scenario {
    let mut scenario = Scenario::new(vec![rule("load")]);
    for n in 1..=100 {
        let (kernel, feed) = (if n <= 6 { "6.12.1" } else { "6.1.0" }, if n <= 4 || (11..=14).contains(&n) { "A2" } else { "B1" });
        scenario.add_host(n, &[("kernel", kernel), ("power_feed", feed), ("os_id", "debian")]);
    }
    let opened = "7261 PRB1 opened P2: Load on 2 hosts that share kernel 6.12.1";
    check(&mut scenario, &[(1, 1), (2, 2)], &[opened, "7261 INC1 linked", "7261 INC2 linked"]);
    judge(&mut scenario, 3 * HOUR - 100, Verdict::Refuted);
    scenario
}

fn judge(scenario: &mut Scenario, at: i64, verdict: Verdict) {
    scenario.work(at, 1, ProblemAction::Judge { factor: "kernel 6.12.1".into(), verdict }).expect("judged");
    scenario.story();
}

#[test]
fn a_refuted_cause_takes_no_further_incidents_and_another_one_is_looked_for() {
    let mut scenario = refuted();
    // The fifth host has the kernel and is not on the feed.
    check(&mut scenario, &[(3, 5)], &[]);
    check(&mut scenario, &[(4, 3)], &["14461 PRB2 opened P2: Load on 3 hosts that share power feed A2", "14461 INC4 linked"]);
    let problem = &scenario.world.problems.problems[&scenario.problem(2)];
    let factors: Vec<&str> = problem.hypotheses.iter().map(|one| one.factor.as_str()).collect();
    assert_eq!((factors, problem.incidents.len()), (vec!["power feed A2"], 3));
}

#[test]
fn a_confirmed_cause_takes_an_incident_before_a_suspected_one() {
    let mut scenario = refuted();
    check(&mut scenario, &[(4, 3)], &["14461 PRB2 opened P2: Load on 3 hosts that share power feed A2", "14461 INC3 linked"]);
    judge(&mut scenario, 5 * HOUR - 100, Verdict::Confirmed);
    scenario.values(5 * HOUR, 4, &[("", Some(97.0))]);
    let joined: Vec<String> = scenario.story().into_iter().filter(|line| line.contains("PRB")).collect();
    assert_eq!(joined, ["18000 PRB1 evidence"]);
}

#[test]
fn where_people_confirmed_another_cause_of_a_problem_that_one_takes_incidents() {
    let mut scenario = refuted();
    let factor = "power feed A2".to_owned();
    scenario.work(3 * HOUR - 50, 1, ProblemAction::Judge { factor, verdict: Verdict::Confirmed }).expect("it is the second");
    scenario.story();
    check(&mut scenario, &[(3, 11)], &["10800 PRB1 evidence", "10800 INC3 linked", "10861 PRB1 tested again"]);
    let problem = &scenario.world.problems.problems[&scenario.problem(1)];
    assert_eq!(problem.evidence[2].statement, "the host has power feed A2; 97, open then");
    let describe = ProblemAction::Describe { known_error: Some(true), workaround: None, root_cause: None };
    scenario.work(4 * HOUR - 100, 1, describe).expect("described");
    scenario.story();
    check(&mut scenario, &[(4, 5)], &[]);
    let known = |scenario: &Scenario| {
        let newest = scenario.world.incidents.incidents.values().next_back().expect("an incident");
        newest.known_errors.iter().map(|known| known.because.clone()).collect::<Vec<_>>()
    };
    assert_eq!(known(&scenario), Vec::<String>::new());
    check(&mut scenario, &[(5, 12)], &["18000 PRB1 evidence", "18000 INC5 linked", "18061 PRB1 tested again"]);
    assert_eq!(known(&scenario), ["the item has power feed A2"]);
}
