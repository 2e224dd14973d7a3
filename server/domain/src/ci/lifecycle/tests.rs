//! Each way through the life of an item, and what must not move it.

use super::*;
use crate::Rejection;
use crate::ci::policy::Policy;
use crate::ci::testing::*;
use crate::ci::{CiCommand, Class};
use proptest::prelude::*;
use rollcall_shared::Section;
use serde_json::{Value, json};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// A fleet whose server has listened for a week to agent 1, which reports a host with a disk.
fn fleet() -> Fleet {
    let mut fleet = Fleet::with_agents([1]);
    fleet.tick();
    for _ in 0..7 {
        live(&mut fleet, DAY);
        fleet.report(1, sections());
    }
    fleet.tick();
    fleet
}

fn sections() -> [Section; 2] {
    [system(server(1)), Section::Disks(vec![disk("sda", "PHAX0001")])]
}

/// The server runs for so many seconds.
fn live(fleet: &mut Fleet, seconds: i64) {
    for _ in 0..seconds / (HOUR / 2) {
        fleet.now = Timestamp(fleet.now.0 + HOUR * 500);
        fleet.tick();
    }
    // A part follows its host one tick later.
    fleet.tick();
}

fn policy(fleet: &mut Fleet, lifecycle: &Value) {
    let policy: Policy = serde_json::from_value(json!({ "lifecycle": lifecycle })).expect("reads");
    fleet.command("root", CiCommand::SetPolicy { policy: Box::new(policy), expected: None }).expect("accepted");
}

fn set(fleet: &mut Fleet, status: Lifecycle) -> Result<Vec<CiEvent>, Rejection> {
    let ci = fleet.id_of(1);
    fleet.command("ada", CiCommand::SetStatus { ci, status, reason: "because".into(), expected: None })
}

fn part(fleet: &Fleet) -> Lifecycle {
    let host = fleet.id_of(1);
    fleet.world.cmdb.cis.values().find(|ci| ci.parent == Some(host)).expect("a disk").status
}

/// Status of the host and its disk, and whether the host is a candidate.
#[track_caller]
fn check(fleet: &Fleet, host: Lifecycle, disk: Lifecycle, candidate: bool) {
    let id = fleet.id_of(1);
    assert_eq!((fleet.host_of(1).status, part(fleet), fleet.world.cmdb.candidates.contains_key(&id)), (host, disk, candidate));
    fleet.check();
}

use Lifecycle::{Disposed, InStock, Maintenance, Missing, Operational, Planned, Retired, Stale};

#[test]
fn silence_makes_stale_then_missing_then_a_candidate_and_the_parts_follow() {
    let mut fleet = fleet();
    check(&fleet, Operational, Operational, false);
    live(&mut fleet, 3 * DAY - HOUR);
    check(&fleet, Operational, Operational, false);
    live(&mut fleet, 2 * HOUR);
    check(&fleet, Stale, Stale, false);
    live(&mut fleet, 27 * DAY);
    check(&fleet, Missing, Stale, false);
    live(&mut fleet, 30 * DAY);
    check(&fleet, Missing, Stale, true);
    let reasons = explained(&fleet.world, fleet.host_of(1), fleet.now).join("\n");
    assert!(
        reasons.contains("has said nothing for 60 days; after 30 days it is missing") && reasons.contains("may be retired"),
        "{reasons}"
    );
}

#[test]
fn a_sign_of_life_revives_what_was_stale_or_missing() {
    for (days, lost) in [(4, Stale), (31, Missing), (61, Missing)] {
        let mut fleet = fleet();
        live(&mut fleet, days * DAY);
        check(&fleet, lost, Stale, days > 60);
        let now = fleet.now;
        fleet.heard(1, now);
        fleet.tick();
        fleet.tick();
        check(&fleet, Operational, Operational, false);
    }
}

#[test]
fn a_report_revives_what_was_retired_and_asks_about_what_was_disposed_of() {
    let mut fleet = fleet();
    live(&mut fleet, 61 * DAY);
    set(&mut fleet, Retired).expect("retired");
    fleet.tick();
    check(&fleet, Retired, Stale, false);
    let now = fleet.now;
    fleet.heard(1, now);
    fleet.tick();
    check(&fleet, Retired, Stale, false);
    let events = fleet.report(1, sections());
    assert!(events.iter().any(|event| matches!(event, CiEvent::CiStatusChanged { before: Retired, after: Operational, reason, .. } if reason.contains("reported from it again"))));
    fleet.tick();
    check(&fleet, Operational, Operational, false);
    set(&mut fleet, Disposed).expect("disposed of");
    for _ in 0..2 {
        fleet.report(1, sections());
    }
    fleet.tick();
    check(&fleet, Disposed, Stale, false);
    let asked: Vec<&ReviewTask> = fleet.world.cmdb.reviews.values().collect();
    assert!(asked.len() == 1 && asked[0].reason.contains("disposed"), "{asked:?}");
}

#[test]
fn what_people_decided_is_not_undone_by_time() {
    for status in [InStock, Maintenance, Retired, Disposed] {
        let mut fleet = fleet();
        set(&mut fleet, status).expect("set");
        live(&mut fleet, 61 * DAY);
        assert_eq!((fleet.host_of(1).status, fleet.world.cmdb.candidates.len()), (status, 0));
        fleet.check();
    }
    let mut fleet = Fleet::default();
    let planned = fleet.register(Class::Server, "web-1");
    fleet.tick();
    live(&mut fleet, 61 * DAY);
    assert_eq!(fleet.world.cmdb.cis[&planned].status, Planned);
}

#[test]
fn nobody_is_silent_because_the_server_was_down_or_its_clock_jumped() {
    // Down, and started from its log again; a jump of the clock while it runs.
    for restarts in [true, false] {
        let mut fleet = fleet();
        fleet.now = Timestamp(fleet.now.0 + 70 * DAY * 1000);
        if restarts {
            fleet.world.cmdb.round = Round::default();
        }
        fleet.tick();
        live(&mut fleet, DAY - HOUR);
        check(&fleet, Operational, Operational, false);
        live(&mut fleet, 2 * HOUR);
        check(&fleet, Missing, Stale, true);
    }
    let mut fleet = fleet();
    live(&mut fleet, 4 * DAY);
    fleet.now = Timestamp(fleet.now.0 - 300 * DAY * 1000);
    fleet.tick();
    fleet.tick();
    check(&fleet, Operational, Operational, false);
}

#[test]
fn those_who_spoke_after_the_server_was_down_stay_what_they_are() {
    let mut fleet = fleet();
    fleet.now = Timestamp(fleet.now.0 + 10 * DAY * 1000);
    fleet.world.cmdb.round = Round::default();
    fleet.tick();
    let now = fleet.now;
    fleet.heard(1, now);
    live(&mut fleet, 2 * DAY);
    check(&fleet, Operational, Operational, false);
}

#[test]
fn rules_by_class_and_source_decide_and_a_new_policy_counts_at_once() {
    let mut fleet = fleet();
    policy(&mut fleet, &json!({"staleness": [{"source": "agent", "class": "server", "never": true}]}));
    live(&mut fleet, 70 * DAY);
    check(&fleet, Operational, Operational, false);
    policy(&mut fleet, &json!({"staleness": [{"class": "host", "interval_seconds": 3600, "grace_seconds": 0}], "candidates": "review"}));
    fleet.tick();
    fleet.tick();
    check(&fleet, Missing, Stale, true);
    assert!(fleet.world.cmdb.reviews.values().any(|task| task.reason.starts_with("may be retired")));
    policy(&mut fleet, &json!({"staleness": [{"class": "server", "interval_seconds": 60 * DAY}]}));
    fleet.tick();
    fleet.tick();
    check(&fleet, Operational, Operational, false);
    let asked: Vec<&ReviewTask> = fleet.world.cmdb.reviews.values().collect();
    let settled = asked[0].settled.as_ref().expect("closed with the candidacy");
    assert_eq!((asked.len(), &settled.by, settled.reason.as_str()), (1, &Actor::System, "it is no candidate for retirement any more"));
    fleet.check();
}

#[test]
fn a_review_of_a_candidate_that_people_settled_stays_as_they_settled_it() {
    let mut fleet = fleet();
    policy(&mut fleet, &json!({"candidates": "review"}));
    live(&mut fleet, 61 * DAY);
    let task = *fleet.world.cmdb.reviews.keys().next().expect("asked");
    let dismissed = CiCommand::ResolveReview { task, resolution: Resolution::Dismissed, reason: "it is in a cupboard".into() };
    fleet.command("ada", dismissed).expect("settled");
    fleet.report(1, sections());
    fleet.tick();
    check(&fleet, Operational, Operational, false);
    let settled = fleet.world.cmdb.reviews[&task].settled.as_ref().expect("settled");
    assert_eq!(settled.reason, "it is in a cupboard");
}

#[test]
fn the_freshest_source_counts_and_each_is_told() {
    let mut fleet = fleet();
    live(&mut fleet, 2 * DAY);
    fleet.deliver("glpi", "k1", [system(server(1))]).expect("taken");
    live(&mut fleet, 2 * DAY);
    check(&fleet, Operational, Operational, false);
    let found = staleness(&fleet.world, fleet.host_of(1), fleet.now);
    let stages: Vec<(String, Stage)> = found.iter().map(|one| (one.source.to_string(), one.stage)).collect();
    let agent = Source::Agent { id: rollcall_shared::AgentId(1) }.to_string();
    assert_eq!(stages, [(agent, Stage::Stale), ("feed:glpi".into(), Stage::Fresh)]);
    live(&mut fleet, 2 * DAY);
    check(&fleet, Stale, Stale, false);
    fleet.deliver("glpi", "k1", [system(server(1))]).expect("taken");
    fleet.tick();
    check(&fleet, Operational, Operational, false);
}

#[test]
fn what_only_people_maintain_goes_stale_by_rule_alone() {
    let mut fleet = Fleet::default();
    let rack = fleet.register(Class::Location, "rack 7");
    fleet.command("ada", CiCommand::SetStatus { ci: rack, status: Operational, reason: "built".into(), expected: None }).expect("set");
    let attributes = [("owner".to_owned(), Some(crate::ci::AttributeValue::Text("dc".into())))].into();
    fleet.command("ada", CiCommand::AssertAttributes { ci: rack, attributes, expected: None }).expect("asserted");
    fleet.tick();
    live(&mut fleet, 90 * DAY);
    assert_eq!(fleet.world.cmdb.cis[&rack].status, Operational);
    policy(&mut fleet, &json!({"staleness": [{"source": "person", "class": "location", "interval_seconds": 20 * DAY}]}));
    fleet.tick();
    assert_eq!(fleet.world.cmdb.cis[&rack].status, Stale);
    fleet.check();
}

#[test]
fn people_move_items_along_the_table_alone() {
    let allowed = |from: Lifecycle, to: Lifecycle| {
        let mut fleet = fleet();
        let ci = fleet.id_of(1);
        let (before, reason) = (Operational, "placed".to_owned());
        fleet.ci_events([CiEvent::CiStatusChanged { ci, before, after: from, reason }]);
        set(&mut fleet, to).is_ok()
    };
    let all = [Planned, InStock, Operational, Maintenance, Stale, Missing, Retired, Disposed];
    for (from, to) in [
        (Planned, "planned in_stock operational retired disposed"),
        (InStock, "planned in_stock operational maintenance retired disposed"),
        (Operational, "in_stock operational maintenance retired disposed"),
        (Maintenance, "in_stock operational maintenance retired disposed"),
        (Missing, "in_stock operational maintenance retired disposed"),
        (Retired, "in_stock operational maintenance retired disposed"),
        (Disposed, "retired disposed"),
    ] {
        let found: Vec<&str> = all.into_iter().filter(|&after| allowed(from, after)).map(Lifecycle::as_str).collect();
        assert_eq!(found.join(" "), to, "from {from:?}");
    }
}

#[test]
fn nobody_says_operational_of_what_is_silent() {
    let mut fleet = fleet();
    live(&mut fleet, 4 * DAY);
    assert!(matches!(set(&mut fleet, Operational), Err(Rejection::Invalid { field, .. }) if field == "status"));
    set(&mut fleet, Maintenance).expect("known to be away");
    live(&mut fleet, 61 * DAY);
    check(&fleet, Maintenance, Operational, false);
}

#[test]
fn many_are_retired_at_once_save_for_those_that_are_alive() {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(1, [system(server(1))]);
    fleet.report(2, [system(server(2))]);
    fleet.tick();
    live(&mut fleet, 61 * DAY);
    let now = fleet.now;
    fleet.heard(2, now);
    fleet.tick();
    let (gone, alive) = (fleet.id_of(1), fleet.id_of(2));
    assert!(matches!(retirable(&fleet.world, alive, now), Err(Rejection::Conflict(_))));
    let cis = vec![alive, gone];
    fleet.command("ada", CiCommand::Retire { cis: cis.clone(), reason: "swept".into() }).expect("retired");
    let status = |ci| fleet.world.cmdb.cis[&ci].status;
    assert_eq!((status(gone), status(alive), fleet.world.cmdb.candidates.len()), (Retired, Operational, 0));
    assert!(matches!(retirable(&fleet.world, gone, now), Err(Rejection::WrongState { .. })));
    assert!(fleet.command("ada", CiCommand::Retire { cis, reason: " ".into() }).is_err());
    fleet.check();
}

#[test]
fn a_round_reaches_everybody_and_begins_anew() {
    let mut round = Round::default();
    let ci = |bits| Ci::new(CiId { family: Family::Host, bits }, Class::Host, "a", Timestamp(0), 1);
    let mut cis = crate::ci::Items::default();
    (0..1_200).for_each(|bits| drop(cis.insert(ci(bits).id, ci(bits))));
    let mut seen: Vec<u128> = Vec::new();
    for _ in 0..4 {
        round.returns(ci(7).id);
        seen.extend(round.next(&cis).into_iter().map(|id| id.bits));
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 1_200);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order, the log says it all.
    #[test]
    fn replay_equals_live(steps in prop::collection::vec((0_u8..6, 0_i64..12), 1..25)) {
        let mut fleet = Fleet::with_agents([1]);
        fleet.report(1, sections());
        fleet.tick();
        for (step, days) in steps {
            let now = fleet.now;
            match step {
                0 => live(&mut fleet, days * DAY),
                1 => fleet.heard(1, now),
                2 => drop(fleet.report(1, sections())),
                3 => fleet.now = Timestamp(now.0 + days * 10 * DAY * 1000),
                4 => drop(set(&mut fleet, [Planned, InStock, Operational, Maintenance, Retired, Disposed][usize::try_from(days).unwrap() % 6])),
                _ => drop(fleet.deliver("glpi", "k1", sections())),
            }
            fleet.tick();
        }
        fleet.check();
    }
}
