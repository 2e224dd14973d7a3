//! Topology: incidents on things that stand behind one thing.
//!
//! Incidents of the last hour, of whatever rules, are looked at together: for each thing that their items depend on, how many items
//! with incidents stand behind it, against how many stand behind it at all. Three, and more than chance explains (one-sided
//! Fisher test, paid for each thing that any of the items depends on), open a problem that names it with the path of each incident.
//!
//! Later incidents behind it join that problem as they open, while it is still the same trouble: the thing itself is down, or they come
//! within an hour of the last one and a day of the first. A busy switch always has something wrong behind it. What comes later still
//! joins when it passes the test anew.
//!
//! Changes go through a fleet rack by rack, and what they break shows first behind one switch. So a thing that most of what is behind it
//! gets along with is not named where a recent change explains as many incidents about as well: there will be more to judge by.
//!
//! Bounds: the newest 500 incidents, three relations deep, fifty things tested.

use super::correlate::{comparison, is_comparable};
use super::fisher::{Table, q_values};
use super::recurrence::{blank, evidence, joined, lines, opened, statement};
use super::suspect::{Q, recent_change};
use super::{Hypothesis, Origin, Problem, ProblemEvent, Verdict, workaround};
use crate::alert::dependency::Outlook;
use crate::ci::impact::{self, Direction, Hit};
use crate::ci::{Cmdb, Lifecycle};
use crate::id::{CiId, IncidentId, RuleId};
use crate::incident::{Incident, compose};
use crate::{Context, Event, World};
use rollcall_shared::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How far back incidents count.
const WITHIN: Duration = Duration::from_secs(3_600);

/// How long after a problem opened incidents join it one by one.
const SAME_TROUBLE: Duration = Duration::from_secs(24 * 3_600);

/// Incidents of a problem that are asked when they opened, newest first: those that people give to it may be old.
const LATEST: usize = 50;

/// Incidents looked at, newest first.
const SCANNED: usize = 500;

/// Incidents passed over to find them: a storm has thousands.
const PASSED: usize = 20_000;

/// Relations between an item and what it depends on.
const DEPTH: usize = 3;

/// Things tested: what an item depends on, nearest first.
const TESTED: usize = 50;

/// Items with incidents behind one thing that are worth a problem.
const BEHIND: usize = 3;

/// Two explanations are about as good when their probabilities by chance differ by less than this factor: an incident more or less.
const ABOUT: f64 = 100.0;

/// Healthy items behind it that are named.
const COUNTER_EXAMPLES: usize = 20;

/// An incident that has just opened joins the open problem of a thing that its item depends on, while that trouble lasts.
pub(super) fn joins(world: &World, incident: &Incident) -> Vec<Event> {
    let Some(ci) = incident.primary_ci else { return Vec::new() };
    if !world.problems.live.keys().any(|origin| matches!(origin, Origin::Topology { .. })) {
        return Vec::new();
    }
    let above = above(&world.cmdb, ci);
    let live = above.iter().find_map(|hit| Some((hit, live(world, hit.ci).filter(|problem| lasts(world, problem, hit.ci, incident))?)));
    let Some((hit, problem)) = live else { return Vec::new() };
    joined(problem.id, incident, format!("{}; {}", path(&world.cmdb, ci, hit), statement(incident)))
}

/// The open problem of a thing.
fn live(world: &World, ci: CiId) -> Option<&Problem> {
    world.problems.problems.get(world.problems.live.get(&Origin::Topology { ci })?)
}

/// Whether a problem's trouble lasts when an incident opens.
fn lasts(world: &World, problem: &Problem, above: CiId, incident: &Incident) -> bool {
    let now = incident.opened_at;
    let opened = |id: &IncidentId| world.incidents.incidents.get(id).map(|other| other.opened_at);
    let is_recent = || problem.incidents.iter().rev().take(LATEST).filter_map(opened).any(|at| now.since(at) <= WITHIN);
    let is_same = now.since(problem.opened_at) <= SAME_TROUBLE && is_recent();
    is_same || Outlook::new(world, now).is_down(above)
}

/// Looks for the thing that incidents stand behind; `fresh` are those of one rule that were not looked at yet.
pub(super) fn judge(world: &World, rule: Option<&RuleId>, fresh: &[&Incident], context: &mut Context<'_>) -> Vec<Event> {
    let recent = recent(world, rule, context.now);
    let fresh = fresh.iter().filter(|incident| incident.problem.is_none()).filter_map(|incident| incident.primary_ci).collect();
    let Some(found) = found(&world.cmdb, &recent, &fresh) else { return Vec::new() };
    let members: Vec<&Incident> = recent.iter().filter(|(ci, _)| found.behind.contains(ci)).map(|(_, incident)| *incident).collect();
    if is_rivalled(world, &found, &members) {
        return Vec::new();
    }
    if let Some(problem) = live(world, found.ci) {
        return again(world, problem, &found, &members);
    }
    let problem = problem(world, &found, &members, context);
    opened(problem, members.iter().map(|member| member.id))
}

/// The thing has an open problem: its trouble is back.
fn again(world: &World, problem: &Problem, found: &Found, members: &[&Incident]) -> Vec<Event> {
    let join = |member: &&Incident| joined(problem.id, member, words(&world.cmdb, member, found.ci));
    let tested = ProblemEvent::HypothesesTested { problem: problem.id, hypotheses: vec![hypothesis(world, found, members)] };
    let helped = workaround::given(problem, members.iter().copied());
    members.iter().flat_map(join).chain([Event::Problem(tested)]).chain(helped).collect()
}

/// What an item depends on, nearest first.
fn above(cmdb: &Cmdb, ci: CiId) -> Vec<Hit> {
    let mut hits = impact::walk(cmdb, ci, Direction::Down, DEPTH).hits;
    hits.truncate(TESTED);
    hits
}

/// Something that more incidents stand behind than chance explains.
struct Found {
    ci: CiId,
    behind: BTreeSet<CiId>,
    /// Hosts of the population among those.
    exposed: BTreeSet<CiId>,
    table: Table,
    p_value: f64,
    q_value: f64,
}

/// The newest incident of each item within the time that no problem has explained. A storm of another rule is left out: where half of
/// the fleet has one trouble, nothing that a few hosts share can be seen.
fn recent<'a>(world: &'a World, rule: Option<&RuleId>, now: Timestamp) -> BTreeMap<CiId, &'a Incident> {
    let since = now.minus(WITHIN);
    let is_of_other_storm = |incident: &Incident| {
        let parent = incident.parent.and_then(|parent| world.incidents.incidents.get(&parent));
        parent.and_then(|parent| parent.storm.as_ref()).is_some_and(|storm| storm.alarm.rule() != rule)
    };
    let newest = world.incidents.incidents.values().rev().take(PASSED).take_while(|incident| incident.opened_at >= since);
    let newest = newest.filter(|incident| incident.problem.is_none() && !is_of_other_storm(incident)).take(SCANNED);
    let mut recent = BTreeMap::new();
    for incident in newest {
        if let Some(ci) = incident.primary_ci {
            recent.entry(ci).or_insert(incident);
        }
    }
    recent
}

/// The thing that the most unlikely number of items with incidents stands behind, one of them a fresh one.
fn found(cmdb: &Cmdb, recent: &BTreeMap<CiId, &Incident>, fresh: &BTreeSet<CiId>) -> Option<Found> {
    if recent.len() < BEHIND || !recent.keys().any(|ci| fresh.contains(ci)) {
        return None;
    }
    // By thing: how near it is to the nearest, how many stand behind it, whether a fresh one does.
    let mut things = BTreeMap::<CiId, (usize, usize, bool)>::new();
    for ci in recent.keys() {
        for hit in above(cmdb, *ci) {
            let (distance, behind, is_fresh) = things.entry(hit.ci).or_insert((hit.path.len(), 0, false));
            (*distance, *behind, *is_fresh) = ((*distance).min(hit.path.len()), *behind + 1, *is_fresh || fresh.contains(ci));
        }
    }
    // Whoever names one of many things pays for all that could have been named.
    let tests = things.len();
    let mut candidates: Vec<(CiId, (usize, usize, bool))> = things.into_iter().filter(|(_, thing)| thing.1 >= BEHIND && thing.2).collect();
    candidates.sort_by_key(|(_, (distance, behind, _))| (std::cmp::Reverse(*behind), *distance));
    candidates.truncate(TESTED);
    candidates.sort_by_key(|(_, (distance, ..))| *distance);
    if candidates.is_empty() {
        return None;
    }
    let hosts: BTreeSet<CiId> = cmdb.hosts().filter(|ci| ci.status != Lifecycle::Retired).map(|ci| ci.id).collect();
    let affected = recent.keys().filter(|ci| hosts.contains(ci)).count() as u64;
    let behind = |ci: CiId| impact::upstream(cmdb, ci).hits.into_iter().map(|hit| hit.ci).collect::<BTreeSet<CiId>>();
    let tested: Vec<(CiId, BTreeSet<CiId>)> = candidates.into_iter().map(|(ci, _)| (ci, behind(ci))).collect();
    let exposed: Vec<BTreeSet<CiId>> = tested.iter().map(|(_, behind)| behind.intersection(&hosts).copied().collect()).collect();
    let table = |exposed: &BTreeSet<CiId>| {
        let affected_exposed = exposed.iter().filter(|ci| recent.contains_key(*ci)).count() as u64;
        Table { affected_exposed, affected, exposed: exposed.len() as u64, population: hosts.len() as u64 }
    };
    let tables: Vec<Table> = exposed.iter().map(table).collect();
    let p_values: Vec<f64> = tables.iter().map(Table::p_value).collect();
    let q_values = q_values(&p_values, tests);
    let rows = tested.into_iter().zip(exposed).zip(tables).zip(p_values.into_iter().zip(q_values));
    let found = rows.map(|((((ci, behind), exposed), table), (p_value, q_value))| Found { ci, behind, exposed, table, p_value, q_value });
    // The nearest of those that are equally unlikely: nearer ones come first.
    found.filter(|found| found.q_value <= Q && found.table.exposed < found.table.population).min_by(|a, b| a.p_value.total_cmp(&b.p_value))
}

/// Whether a recent change explains the incidents about as well, and most of what is behind the thing is healthy.
fn is_rivalled(world: &World, found: &Found, members: &[&Incident]) -> bool {
    if found.table.affected_exposed * 2 >= found.table.exposed {
        return false;
    }
    let of_hosts = |incident: &&&Incident| incident.primary_ci.and_then(|ci| world.cmdb.cis.get(&ci)).is_some_and(is_comparable);
    let members: Vec<&Incident> = members.iter().filter(of_hosts).copied().collect();
    let change = recent_change(&world.cmdb, &world.cmdb.software, &comparison(world, &members, is_comparable));
    change.is_some_and(|p_value| p_value <= found.p_value * ABOUT)
}

fn problem(world: &World, found: &Found, members: &[&Incident], context: &mut Context<'_>) -> Problem {
    let (class, name) = called(world, found.ci);
    let own = world.incidents.by_ci.get(&found.ci).into_iter().flatten().rev().filter_map(|id| world.incidents.incidents.get(id));
    let own = own.filter(|own| own.state.is_open()).map(|own| format!(" It has an open incident itself: {}.", own.title)).next();
    let mut problem = blank(world, Origin::Topology { ci: found.ci }, members[0], context);
    problem.title = compose::cut(&format!("{} incidents behind {name}", members.len()), 200);
    problem.description = format!(
        "{} of {} items with incidents within an hour stand behind the {class} {name}; {} of {} hosts do. By chance this happens with \
         probability {:.1e}. It is suspected, not proven.{}\n\n{}",
        found.table.affected_exposed,
        found.table.affected,
        found.table.exposed,
        found.table.population,
        found.p_value,
        own.unwrap_or_default(),
        lines(members)
    );
    problem.evidence = members.iter().map(|member| evidence(member, words(&world.cmdb, member, found.ci))).collect();
    problem.incidents = members.iter().map(|member| member.id).collect();
    problem.priority = members.iter().map(|member| member.priority).min().unwrap_or(problem.priority);
    problem.hypotheses = vec![hypothesis(world, found, members)];
    problem
}

fn hypothesis(world: &World, found: &Found, members: &[&Incident]) -> Hypothesis {
    let (class, name) = called(world, found.ci);
    let is_member = |ci: &&CiId| members.iter().any(|member| member.primary_ci == Some(**ci));
    let healthy = found.exposed.iter().filter(|ci| !is_member(ci)).take(COUNTER_EXAMPLES).copied();
    Hypothesis {
        factor: format!("{class} {name}"),
        bundle: vec![format!("{class} {name}")],
        affected_exposed: found.table.affected_exposed,
        affected: found.table.affected,
        exposed: found.table.exposed,
        population: found.table.population,
        p_value: found.p_value,
        q_value: found.q_value,
        lift: found.table.lift().unwrap_or(1.0),
        arrived: 0,
        lag_ms: None,
        counter_examples: healthy.collect(),
        verdict: Verdict::Suspected,
    }
}

/// The class of a thing, and its name.
fn called(world: &World, ci: CiId) -> (String, String) {
    let known = world.cmdb.cis.get(&ci);
    let class = known.map_or("item", |ci| ci.class.as_str()).replace('_', " ");
    (class, known.map_or_else(|| ci.to_string(), |ci| ci.name.clone()))
}

/// How an incident stands behind a thing, and what it was.
fn words(cmdb: &Cmdb, incident: &Incident, above: CiId) -> String {
    let way = incident.primary_ci.and_then(|ci| {
        let hits = impact::walk(cmdb, ci, Direction::Down, DEPTH).hits;
        hits.iter().find(|hit| hit.ci == above).map(|hit| path(cmdb, ci, hit))
    });
    way.into_iter().chain([statement(incident)]).collect::<Vec<_>>().join("; ")
}

/// Such as `web-1 connects to switch-4`.
fn path(cmdb: &Cmdb, from: CiId, hit: &Hit) -> String {
    let name = |id: CiId| cmdb.cis.get(&id).map_or_else(|| id.to_string(), |ci| ci.name.clone());
    let mut at = from;
    let mut words = vec![name(from)];
    for step in &hit.path {
        let (next, word) = if step.from == at {
            (step.to, step.kind.as_str().replace('_', " "))
        } else {
            (step.from, format!("is one that {}", step.kind.as_str()))
        };
        words.push(format!("{word} {}", name(next)));
        at = next;
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use crate::alert::decide::AlertCommand;
    use crate::alert::external::report::Raw;
    use crate::alert::external::{ExternalReport, MEANS_DOWN};
    use crate::alert::scenario::{Scenario, host, rule, seconds, text};
    use crate::ci::{AttributeChange, Ci, CiEvent, Class, Relation, RelationKind, Source};
    use crate::id::{CiId, Family};
    use crate::incident::{IncidentCommand, NewIncident};
    use crate::problem::Origin;
    use crate::rule::RuleCommand;
    use crate::{Actor, Command, Event};

    /// Sixty hosts, ten of them behind a switch.
    fn fleet() -> (Scenario, CiId) {
        let mut scenario = Scenario::new(vec![rule("load"), crate::rule::Rule { id: "other".parse().unwrap(), ..rule("load") }]);
        (1..=60).for_each(|n| scenario.add_host(n, &[("os_id", "debian")]));
        let switch = CiId { family: Family::Host, bits: 900 };
        scenario.seed(move |world| {
            world.cmdb.cis.insert(switch, Ci::new(switch, Class::NetworkDevice, "switch-1", seconds(0), 0));
            for n in 1..=10 {
                let (source, first_seen, last_seen) = (Source::Person { name: "ada".into() }, seconds(0), seconds(0));
                let relation = Relation { from: host(n), kind: RelationKind::ConnectsTo, to: switch, source, first_seen, last_seen };
                world.cmdb.links.apply(&crate::ci::relation::Change::Set { relation });
            }
        });
        (scenario, switch)
    }

    #[track_caller]
    fn check(hosts: &[u128], expected: Option<u64>) {
        let (mut scenario, switch) = fleet();
        for (second, &n) in (100..).zip(hosts) {
            scenario.values(second, n, &[("", Some(97.0))]);
        }
        scenario.tick(500);
        scenario.replay();
        let problem = scenario.world.problems.live.get(&Origin::Topology { ci: switch }).map(|id| &scenario.world.problems.problems[id]);
        assert_eq!(problem.map(|problem| problem.incidents.len() as u64), expected, "{:?}", scenario.world.problems.live);
        if let Some(problem) = problem {
            assert!(problem.evidence[0].statement.contains("connects to switch-1"), "{:?}", problem.evidence[0]);
        }
    }

    #[test]
    fn a_counter_example_is_a_host_of_the_population() {
        let (mut scenario, switch) = fleet();
        let shop = CiId { family: Family::Service, bits: 1 };
        scenario.seed(move |world| {
            world.cmdb.cis.insert(shop, Ci::new(shop, Class::BusinessService, "Shop", seconds(0), 0));
            let (source, first_seen, last_seen) = (Source::Person { name: "ada".into() }, seconds(0), seconds(0));
            let relation = Relation { from: shop, kind: RelationKind::DependsOn, to: host(9), source, first_seen, last_seen };
            world.cmdb.links.apply(&crate::ci::relation::Change::Set { relation });
        });
        (1..=3).for_each(|n| scenario.values(100, n, &[("", Some(97.0))]));
        scenario.tick(500);
        let problem = &scenario.world.problems.problems[&scenario.world.problems.live[&Origin::Topology { ci: switch }]];
        let hypothesis = &problem.hypotheses[0];
        let healthy: Vec<CiId> = (4..=10).map(host).collect();
        assert_eq!((hypothesis.exposed, hypothesis.affected_exposed), (10, 3));
        assert_eq!(hypothesis.counter_examples, healthy);
    }

    fn switch_rule(id: &str, enabled: bool) -> RuleCommand {
        RuleCommand::Enable { rule: id.parse().unwrap(), enabled, expected: None }
    }

    #[test]
    fn a_storm_of_another_rule_hides_nothing() {
        let (mut scenario, switch) = fleet();
        scenario.command(10, &Command::Rule(switch_rule("other", false))).unwrap();
        for n in 20..=60 {
            scenario.values(100, n, &[("", Some(97.0))]);
        }
        (200..210).for_each(|second| scenario.tick(second));
        assert_eq!(scenario.world.problems.count, 0);
        scenario.command(300, &Command::Rule(switch_rule("load", false))).unwrap();
        scenario.command(300, &Command::Rule(switch_rule("other", true))).unwrap();
        for n in 1..=3 {
            scenario.values(400, n, &[("", Some(97.0))]);
        }
        (500..510).for_each(|second| scenario.tick(second));
        assert!(scenario.world.problems.live.contains_key(&Origin::Topology { ci: switch }), "{:?}", scenario.world.problems.live);
    }

    /// Three hosts behind the switch and twelve elsewhere get a new kernel; some seconds later the three break.
    #[track_caller]
    fn check_changed(seconds_later: i64, expected: bool) {
        let (mut scenario, switch) = fleet();
        let kernel = |n, version| {
            let change = AttributeChange { name: "kernel".into(), before: None, after: Some(text(version)) };
            Event::Ci(CiEvent::AttributesChanged { ci: host(n), changes: vec![change] })
        };
        scenario.commit(10, &Actor::System, (1..=60).map(|n| kernel(n, "6.1.0")).collect());
        scenario.commit(100, &Actor::System, (1..=3).chain(20..=31).map(|n| kernel(n, "6.12.1")).collect());
        (1..=3).for_each(|n| scenario.values(100 + seconds_later, n, &[("", Some(97.0))]));
        scenario.tick(500 + seconds_later);
        let found = scenario.world.problems.live.contains_key(&Origin::Topology { ci: switch });
        assert_eq!((found, scenario.world.problems.count), (expected, u64::from(expected)), "{:?}", scenario.world.problems.live);
    }

    #[test]
    fn the_first_that_a_change_breaks_behind_one_switch_are_not_blamed_on_it() {
        check_changed(600, false);
        check_changed(5 * 86_400, true);
    }

    /// Hosts behind the switch that break at these seconds after the first three, and which of them belong to its problem.
    #[track_caller]
    fn check_later(is_down: bool, later: &[(i64, u128)], expected: &[u128]) {
        let (mut scenario, switch) = fleet();
        (1..=3).for_each(|n| scenario.values(100, n, &[("", Some(97.0))]));
        scenario.tick(200);
        if is_down {
            let raw = Raw {
                status: "firing".into(),
                labels: [("alertname", "Down"), ("ci", &switch.to_string()), (MEANS_DOWN, "true")]
                    .map(|(k, v)| (k.into(), v.into()))
                    .into(),
                starts_at: Some(seconds(200).to_string()),
                ..Raw::default()
            };
            let reports = vec![ExternalReport::new(raw).expect("a proper alert")];
            scenario.command(200, &Command::Alert(AlertCommand::Receive { source: "am".into(), reports })).expect("a proper message");
        }
        for &(second, n) in later {
            let new = NewIncident { title: "Slow".into(), primary_ci: Some(host(n)), ..NewIncident::default() };
            scenario.command(100 + second, &Command::Incident(IncidentCommand::Open(Box::new(new)))).expect("opened");
            scenario.tick(200 + second);
        }
        scenario.replay();
        assert_eq!(scenario.world.problems.count, 1, "{:?}", scenario.world.problems.live);
        let problem = &scenario.world.problems.problems[&scenario.world.problems.live[&Origin::Topology { ci: switch }]];
        let cis: Vec<CiId> = problem.evidence[3..].iter().filter_map(|row| row.ci).collect();
        assert_eq!(cis, expected.iter().map(|n| host(*n)).collect::<Vec<_>>());
    }

    #[test]
    fn later_incidents_behind_a_thing_join_its_problem_while_its_trouble_lasts() {
        const HOUR: i64 = 3_600;
        check_later(false, &[(300, 4), (HOUR, 5), (2 * HOUR - 10, 6)], &[4, 5, 6]);
        check_later(false, &[(HOUR + 200, 4), (50 * HOUR, 5)], &[]);
        check_later(true, &[(50 * HOUR, 4), (90 * HOUR, 5)], &[4, 5]);
        // One an hour on a busy switch is no trouble of the switch.
        let hourly: Vec<(i64, u128)> = (1..=30).map(|hour| (hour * HOUR - 10 * hour, 4)).collect();
        check_later(false, &hourly, &[4; 24]);
    }

    #[test]
    fn a_trouble_that_comes_back_belongs_to_the_open_problem_of_the_thing() {
        const DAYS: i64 = 86_400;
        check_later(false, &[(3 * DAYS, 4), (3 * DAYS + 1, 5), (3 * DAYS + 2, 6)], &[4, 5, 6]);
        check_later(false, &[(3 * DAYS, 4), (3 * DAYS + 1, 5)], &[]);
    }

    #[test]
    fn incidents_behind_one_thing_are_a_problem_that_names_it_and_those_elsewhere_are_none() {
        check(&[1, 2], None);
        check(&[1, 20, 30], None);
        check(&[40, 41, 42, 43], None);
    }
}
