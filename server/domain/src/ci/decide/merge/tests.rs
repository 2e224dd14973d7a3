//! Merging is undone to the last value, and never joins what contradicts.

use crate::Rejection;
use crate::actor::Actor;
use crate::ci::relation::Change;
use crate::ci::review::Resolution;
use crate::ci::testing::*;
use crate::ci::{AttributeValue, CiCommand, CiEvent, Relation, RelationKind, Source};
use crate::id::CiId;
use proptest::prelude::*;
use rollcall_shared::section::{Disk, System};
use rollcall_shared::{AgentId, Section, Timestamp};
use std::collections::BTreeMap;

/// A machine of which an unprivileged agent sees the name alone.
fn nameless(number: u32) -> System {
    System { serial: None, uuid: None, machine_id: None, hostname: Some(format!("web{number}")), ..server(number) }
}

/// Two records that may be one machine: agent 1 sees little of the first, agent 2 everything of the second.
fn pair() -> Fleet {
    let mut fleet = Fleet::with_agents([1, 2, 3]);
    fleet.report(1, [system(nameless(1))]);
    fleet.report(2, [system(server(2)), packages(&[("openssl", "3.0.13")]), Section::Disks(vec![disk("sda", "S5XBNJ0R1")])]);
    fleet.report(3, [system(server(3)), packages(&[("openssl", "3.0.14")])]);
    assert_value(&mut fleet, 1, "owner", "ann");
    assert_value(&mut fleet, 2, "owner", "ben");
    assert_value(&mut fleet, 2, "rack", "B7");
    let (first, second, third) = (fleet.id_of(1), fleet.id_of(2), fleet.id_of(3));
    let link = |from, to| Change::Set { relation: relation(from, to) };
    fleet.ci_events([CiEvent::RelationsChanged { changes: vec![link(second, third), link(third, second), link(second, first)] }]);
    fleet
}

fn relation(from: CiId, to: CiId) -> Relation {
    let source = Source::Person { name: "ann".into() };
    Relation { from, kind: RelationKind::DependsOn, to, source, first_seen: Timestamp(1), last_seen: Timestamp(1) }
}

fn assert_value(fleet: &mut Fleet, agent: u128, name: &str, value: &str) {
    let attributes = BTreeMap::from([(name.to_owned(), Some(AttributeValue::Text(value.into())))]);
    fleet.command("ann", CiCommand::AssertAttributes { ci: fleet.id_of(agent), attributes, expected: None }).expect("asserted");
}

fn merge(fleet: &mut Fleet, into: CiId, from: &[CiId]) -> Result<Vec<CiEvent>, Rejection> {
    fleet.command("ann", CiCommand::Merge { into, from: from.to_vec(), reason: "one machine".into(), expected: None })
}

fn unmerge(fleet: &mut Fleet, ci: CiId) -> Result<Vec<CiEvent>, Rejection> {
    fleet.command("ann", CiCommand::Unmerge { ci, reason: "two machines".into(), expected: None })
}

/// Everything that a merge touches, without the marks of time that any change leaves.
fn essence(fleet: &Fleet) -> String {
    let cmdb = &fleet.world.cmdb;
    let mut cis = cmdb.cis.clone();
    for ci in cis.values_mut() {
        (ci.updated_at, ci.revision) = (Timestamp(0), 0);
        ci.history.clear();
    }
    let bound: Vec<_> = fleet.world.trust.agents.values().map(|agent| (agent.id, agent.ci)).collect();
    let software: Vec<_> = cmdb.cis.keys().map(|&ci| (ci, cmdb.software.packages_of(ci))).collect();
    let parts: Vec<_> = cmdb.components.iter().filter(|(_, parts)| !parts.is_empty()).collect();
    format!(
        "{cis:#?} {:#?} {:#?} {parts:#?} {:#?} {:#?} {:#?} {bound:#?} {software:#?}",
        cmdb.facts, cmdb.links, cmdb.contained, cmdb.reporters, cmdb.natives
    )
}

#[test]
fn the_record_that_stays_has_what_both_knew() {
    let mut fleet = pair();
    let (first, second, third) = (fleet.id_of(1), fleet.id_of(2), fleet.id_of(3));
    merge(&mut fleet, first, &[second]).expect("merged");
    let cmdb = &fleet.world.cmdb;
    let kept = &cmdb.cis[&first];
    assert_eq!(cmdb.cis[&second].duplicate_of, Some(first));
    assert_eq!(kept.observed_text("serial"), Some("SRV00002"));
    let value = |name: &str| kept.attributes.get(name).map(|attribute| attribute.value().clone());
    assert_eq!(value("owner"), Some(AttributeValue::Text("ann".into())), "what ann said of the kept one counts");
    assert_eq!(value("rack"), Some(AttributeValue::Text("B7".into())));
    assert_eq!(cmdb.components[&first].len(), 1);
    assert_eq!(cmdb.software.packages_of(first).len(), 1);
    assert!(cmdb.software.packages_of(second).is_empty(), "a duplicate is not counted");
    assert_eq!(cmdb.links.of(second).count(), 0);
    assert_eq!(cmdb.links.of(first).count(), 2, "to and from the third; none to itself");
    assert_eq!(cmdb.links.of(third).count(), 2);
    assert_eq!(fleet.world.trust.agents[&AgentId(2)].ci, Some(first));
    fleet.check();
}

#[test]
fn taking_a_merge_back_leaves_everything_as_it_was() {
    let mut fleet = pair();
    let before = essence(&fleet);
    let (first, second) = (fleet.id_of(1), fleet.id_of(2));
    for (into, from) in [(first, second), (second, first)] {
        merge(&mut fleet, into, &[from]).expect("merged");
        assert_ne!(essence(&fleet), before);
        unmerge(&mut fleet, from).expect("taken back");
        assert_eq!(essence(&fleet), before);
    }
    fleet.check();
}

#[test]
fn what_an_agent_said_since_goes_back_to_its_own_record() {
    let mut fleet = pair();
    let (first, second) = (fleet.id_of(1), fleet.id_of(2));
    merge(&mut fleet, first, &[second]).expect("merged");
    let more = System { memory_bytes: Some(128 << 30), chassis_asset_tag: Some("A-77".into()), ..server(2) };
    fleet.report(2, [system(more)]);
    assert_eq!(fleet.id_of(2), first);
    unmerge(&mut fleet, second).expect("taken back");
    assert_eq!(fleet.world.cmdb.cis[&first].observed("asset_tag"), None);
    assert_eq!(fleet.world.trust.agents[&AgentId(2)].ci, Some(second));
    fleet.check();
}

#[test]
fn records_with_contradicting_facts_stay_two_whoever_asks() {
    let mut fleet = pair();
    let (second, third) = (fleet.id_of(2), fleet.id_of(3));
    let refused = merge(&mut fleet, second, &[third]).expect_err("two serial numbers");
    assert!(
        matches!(&refused, Rejection::Invalid { field, reason } if field == "duplicates[0]" && reason.contains("srv00003")),
        "{refused}"
    );
    let first = fleet.id_of(1);
    let refused = merge(&mut fleet, first, &[second, third]).expect_err("the two contradict each other");
    assert!(matches!(&refused, Rejection::Invalid { field, .. } if field == "duplicates[1]"), "{refused}");
    fleet.check();
}

#[test]
fn a_record_is_merged_once_and_not_into_itself() {
    let mut fleet = pair();
    let (first, second) = (fleet.id_of(1), fleet.id_of(2));
    let field = |refused: Rejection| match refused {
        Rejection::Invalid { field, .. } => field,
        other => other.to_string(),
    };
    assert_eq!(field(merge(&mut fleet, first, &[first]).expect_err("itself")), "duplicates[0]");
    assert_eq!(field(merge(&mut fleet, first, &[]).expect_err("nothing")), "duplicates");
    assert_eq!(field(merge(&mut fleet, first, &[second, second]).expect_err("twice")), "duplicates[1]");
    merge(&mut fleet, first, &[second]).expect("merged");
    assert_eq!(field(merge(&mut fleet, first, &[second]).expect_err("again")), "duplicates[0]");
    assert!(matches!(unmerge(&mut fleet, first), Err(Rejection::WrongState { .. })));
}

#[test]
fn a_doubt_that_people_settled_does_not_come_up_again() {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(1, [system(server(1))]);
    fleet.report(2, [system(server(1))]);
    let open: Vec<_> = fleet.world.cmdb.reviews.keys().copied().collect();
    assert_eq!(open.len(), 1, "two agents report as one host");
    let resolve = |resolution| CiCommand::ResolveReview { task: open[0], resolution, reason: "seen".into() };
    fleet.command("ann", resolve(Resolution::Distinct)).expect("settled");
    let again = fleet.command("ann", resolve(Resolution::Dismissed));
    assert!(matches!(again, Err(Rejection::WrongState { .. })));
    fleet.report(1, [system(System { memory_bytes: Some(1 << 30), ..server(1) })]);
    fleet.report(2, [system(System { memory_bytes: Some(2 << 30), ..server(1) })]);
    assert_eq!(fleet.world.cmdb.reviews.len(), 1);
    fleet.check();
}

#[test]
fn telling_records_apart_answers_every_question_about_them() {
    let mut fleet = pair();
    let (first, second, third) = (fleet.id_of(1), fleet.id_of(2), fleet.id_of(3));
    let task = |id, cis: &[CiId], reason: &str| {
        let (cis, reason, opened_at) = (cis.to_vec(), reason.to_owned(), Timestamp(1));
        CiEvent::ReviewOpened { task: crate::ci::ReviewTask { id: crate::id::TaskId(id), cis, reason, opened_at, settled: None } }
    };
    fleet.ci_events([
        task(7, &[first, second], "one name"),
        task(8, &[first, second, third], "one rack"),
        task(9, &[second, first], "one serial"),
    ]);
    let resolve = CiCommand::ResolveReview { task: crate::id::TaskId(9), resolution: Resolution::Distinct, reason: "two cables".into() };
    fleet.command("ann", resolve).expect("settled");
    let open: Vec<u128> = fleet.world.cmdb.reviews.values().filter(|task| task.settled.is_none()).map(|task| task.id.0).collect();
    assert_eq!(open, [8], "what is asked about a third record as well is not answered");
    fleet.check();
}

#[test]
fn a_task_is_settled_by_merging_its_records() {
    let mut fleet = pair();
    let (first, second) = (fleet.id_of(1), fleet.id_of(2));
    let task = crate::ci::ReviewTask {
        id: crate::id::TaskId(9),
        cis: vec![first, second],
        reason: "may be one".into(),
        opened_at: fleet.now,
        settled: None,
    };
    fleet.ci_events([CiEvent::ReviewOpened { task }]);
    let resolve = |keep| CiCommand::ResolveReview {
        task: crate::id::TaskId(9),
        resolution: Resolution::Merged { keep },
        reason: "same rack, same cable".into(),
    };
    assert!(matches!(fleet.command("ann", resolve(fleet.id_of(3))), Err(Rejection::Invalid { field, .. }) if field == "keep"));
    fleet.command("ann", resolve(first)).expect("merged");
    assert_eq!(fleet.world.cmdb.cis[&second].duplicate_of, Some(first));
    let settled = fleet.world.cmdb.reviews[&crate::id::TaskId(9)].settled.clone().expect("settled");
    assert!(matches!(settled.by, Actor::Token { name, .. } if name == "ann"));
    fleet.check();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Merges and their undoing, last first, are the identity, whatever each record holds.
    #[test]
    fn merge_then_unmerge_is_the_identity(
        knows in prop::collection::vec((any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()), 3),
        order in Just([1_u128, 2, 3]).prop_shuffle(),
    ) {
        let mut fleet = Fleet::with_agents([1, 2, 3]);
        for (agent, (disks, tagged, owned, software)) in (1_u128..).zip(knows) {
            let number = u32::try_from(agent).expect("small");
            let host = System { chassis_asset_tag: tagged.then(|| format!("A-{agent}77")), ..nameless(number) };
            let mut sections = vec![system(host)];
            if disks {
                let row: Disk = disk("sda", &format!("S5XBNJ0R{agent}"));
                sections.push(Section::Disks(vec![row]));
            }
            if software {
                sections.push(packages(&[("openssl", &format!("3.0.{agent}"))]));
            }
            fleet.report(agent, sections);
            if owned {
                assert_value(&mut fleet, agent, "owner", &format!("team {agent}"));
            }
        }
        let ids = order.map(|agent| fleet.id_of(agent));
        let mut states = vec![essence(&fleet)];
        for lost in &ids[1..] {
            merge(&mut fleet, ids[0], &[*lost]).expect("merged");
            states.push(essence(&fleet));
        }
        for lost in ids[1..].iter().rev() {
            prop_assert_eq!(Some(essence(&fleet)), states.pop());
            unmerge(&mut fleet, *lost).expect("taken back");
        }
        prop_assert_eq!(Some(essence(&fleet)), states.pop());
        fleet.check();
    }
}

/// What a feed delivers of a machine under its own key.
fn told(number: u32, version: u8) -> Vec<Section> {
    let host = System {
        memory_bytes: Some(u64::from(version) << 30),
        chassis_asset_tag: version.is_multiple_of(2).then(|| format!("A-{number}77{version}")),
        ..nameless(number)
    };
    let mut sections = vec![system(host)];
    if !version.is_multiple_of(3) {
        sections.push(packages(&[("openssl", &format!("3.0.{}", version % 3))]));
    }
    sections
}

fn deliver(fleet: &mut Fleet, number: u32, version: u8) {
    fleet.deliver("glpi", &format!("k{number}"), told(number, version)).expect("taken");
}

fn record(fleet: &Fleet, number: u32) -> CiId {
    fleet.world.cmdb.natives[&("glpi".to_owned(), format!("k{number}"))]
}

/// What counts of each record of the feed, whenever it was said.
fn counts(fleet: &Fleet, ids: &[CiId]) -> String {
    let cmdb = &fleet.world.cmdb;
    let one = |id: &CiId| {
        let ci = &cmdb.cis[id];
        let words: Vec<_> = ci
            .attributes
            .iter()
            .map(|(name, attribute)| {
                (
                    name.to_owned(),
                    attribute.proposals().iter().map(|word| (word.source().clone(), word.value().clone())).collect::<Vec<_>>(),
                )
            })
            .collect();
        let feeds: Vec<_> =
            ci.feeds.iter().map(|(feed, all)| (feed, all.iter().map(|(name, state)| (name, state.hash)).collect::<Vec<_>>())).collect();
        format!("{} {words:#?} {feeds:#?} {:?} {:?}", ci.name, ci.duplicate_of, cmdb.software.packages_of(*id))
    };
    ids.iter().map(one).collect()
}

#[test]
fn what_a_feed_said_since_goes_back_to_its_own_record() {
    let mut fleet = Fleet::with_agents([]);
    let own = |number: u32| vec![system(server(number)), packages(&[("openssl", &format!("3.0.{number}"))])];
    fleet.deliver("glpi", "k1", [system(nameless(1)), packages(&[("openssl", "3.0.1")])]).expect("taken");
    fleet.deliver("glpi", "k2", own(2)).expect("taken");
    let ids = [record(&fleet, 1), record(&fleet, 2)];
    let before = counts(&fleet, &ids);
    merge(&mut fleet, ids[0], &[ids[1]]).expect("merged");
    fleet.deliver("glpi", "k2", own(2)).expect("taken");
    assert_eq!(fleet.world.cmdb.cis[&ids[0]].name, "srv2", "one record says what was said last");
    fleet.check();
    unmerge(&mut fleet, ids[1]).expect("taken back");
    assert_eq!(counts(&fleet, &ids), before);
    fleet.check();
    assert_eq!(record(&fleet, 2), ids[1]);
    let more = System { chassis_asset_tag: Some("A-77".into()), ..server(2) };
    merge(&mut fleet, ids[0], &[ids[1]]).expect("merged");
    fleet.deliver("glpi", "k2", [system(more)]).expect("taken");
    unmerge(&mut fleet, ids[1]).expect("taken back");
    let tag = |id: CiId| fleet.world.cmdb.cis[&id].observed_text("asset_tag");
    assert_eq!((tag(ids[0]), tag(ids[1])), (None, Some("A-77")), "what was said since is said of its own record");
    fleet.check();
}

#[test]
fn a_feed_speaks_of_a_supposed_duplicate_until_people_say_that_it_is_one() {
    let mut fleet = Fleet::with_agents([]);
    let twin = |name: &str| System { uuid: None, hostname: Some(name.into()), ..server(1) };
    for (key, name) in [("k1", "u1"), ("k2", "u2")] {
        fleet.deliver("glpi", key, [system(twin(name))]).expect("taken");
    }
    let (first, second) = (record(&fleet, 1), record(&fleet, 2));
    fleet.deliver("ocs", "x", [system(twin("u1"))]).expect("taken");
    assert_eq!(fleet.world.cmdb.cis[&second].duplicate_of, Some(first));
    let more = System { memory_bytes: Some(1 << 30), ..twin("u2") };
    fleet.deliver("glpi", "k2", [system(more.clone()), packages(&[("openssl", "3.0.2")])]).expect("taken");
    let cmdb = &fleet.world.cmdb;
    assert_eq!((cmdb.cis[&first].name.as_str(), cmdb.cis[&second].name.as_str(), record(&fleet, 2)), ("u1", "u2", second));
    assert!(cmdb.software.packages_of(first).is_empty());
    fleet.check();
    merge(&mut fleet, first, &[second]).expect("merged");
    fleet.deliver("glpi", "k2", [system(System { chassis_asset_tag: Some("A-77".into()), ..more })]).expect("taken");
    assert_eq!((record(&fleet, 2), fleet.world.cmdb.cis[&first].name.as_str()), (first, "u2"));
    fleet.check();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Merges that are taken back, in any order and with whatever deliveries in between, leave each record as if it had never been
    /// merged.
    #[test]
    fn deliveries_between_merge_and_unmerge_are_not_mixed(
        first in prop::array::uniform3(0_u8..6),
        between in prop::collection::vec((1_u32..4, 0_u8..6), 0..8),
        both in any::<bool>(),
        back in Just([2_u32, 3]).prop_shuffle(),
    ) {
        let (mut merged, mut apart) = (Fleet::with_agents([]), Fleet::with_agents([]));
        for fleet in [&mut merged, &mut apart] {
            (1..4).zip(first).for_each(|(number, version)| deliver(fleet, number, version));
        }
        let ids = [1, 2, 3].map(|number| record(&merged, number));
        merge(&mut merged, ids[0], &ids[1..if both { 3 } else { 2 }]).expect("merged");
        apart.now = merged.now;
        for (number, version) in between {
            deliver(&mut merged, number, version);
            deliver(&mut apart, number, version);
            merged.check();
        }
        let spoken = |fleet: &Fleet| fleet.world.cmdb.voices.len();
        for number in back.into_iter().filter(|number| both || *number == 2) {
            unmerge(&mut merged, ids[number as usize - 1]).expect("taken back");
            merged.check();
        }
        prop_assert_eq!(counts(&merged, &ids), counts(&apart, &ids));
        prop_assert_eq!(spoken(&merged), 0);
    }
}
