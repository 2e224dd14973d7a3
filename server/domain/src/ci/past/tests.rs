//! What was is what is, had it been asked for then.

use super::*;
use crate::ci::testing::*;
use crate::ci::{AttributeValue, CiCommand};
use rollcall_shared::Section;
use rollcall_shared::section::{Process, System};
use std::collections::BTreeMap;

fn process(pid: u32) -> Section {
    Section::Processes(vec![Process { pid, name: format!("p{pid}"), ..Process::default() }])
}

fn history(fleet: &Fleet, ci: &Ci) -> Vec<Record> {
    ci.history.iter().map(|&revision| fleet.log[usize::try_from(revision).expect("small") - 1].clone()).collect()
}

#[test]
fn a_ci_as_of_any_moment_is_what_it_was_then() {
    let mut fleet = Fleet::with_agents([1, 2]);
    let mut moments = Vec::new();
    let note = |fleet: &Fleet, moments: &mut Vec<_>| moments.push((fleet.now, fleet.host_of(1).clone()));
    fleet.report(1, [system(server(1)), os("12"), process(1), Section::Disks(vec![disk("sda", "S5XBNJ0R1")])]);
    note(&fleet, &mut moments);
    fleet.report(1, [system(System { memory_bytes: Some(1 << 30), ..server(1) }), os("13"), process(2)]);
    note(&fleet, &mut moments);
    let attributes = BTreeMap::from([("owner".to_owned(), Some(AttributeValue::Text("ann".into())))]);
    fleet.command("ann", CiCommand::AssertAttributes { ci: fleet.id_of(1), attributes, expected: None }).expect("asserted");
    note(&fleet, &mut moments);
    fleet.report(2, [system(server(2)), Section::Disks(vec![disk("sdb", "S5XBNJ0R1")])]);
    note(&fleet, &mut moments);
    let now = fleet.host_of(1);
    let records = history(&fleet, now);
    assert!(is_whole(now.id, &records));
    for (moment, expected) in moments {
        let mut then = at(now, &records, moment).expect("existed");
        // What the record remembers of itself is not a fact about the thing; the marks of quiet changes are not in its history.
        then.history.clone_from(&expected.history);
        (then.revision, then.updated_at) = (expected.revision, expected.updated_at);
        for (name, state) in &expected.sections {
            assert_eq!(then.sections[name].hash, state.hash, "{name}");
        }
        then.sections.clone_from(&expected.sections);
        assert_eq!(then, expected);
    }
    assert_eq!(at(now, &records, Timestamp(0)), None);
    let parts = |moment| replay(&records, moment).components.get(&now.id).map_or(0, std::collections::BTreeSet::len);
    assert_eq!((parts(Timestamp(fleet.now.0 - 60_000)), parts(fleet.now)), (1, 0), "the disk moved away");
}

#[test]
fn what_was_found_to_be_a_duplicate_was_one_by_its_own_records_as_well() {
    let mut fleet = Fleet::with_agents([1, 2]);
    [1, 2].into_iter().for_each(|number| drop(fleet.report(number, [system(server(number as u32))])));
    let [main, ci] = [1, 2].map(|agent| fleet.id_of(agent));
    let before = fleet.now;
    fleet.pass(std::time::Duration::from_secs(60));
    fleet.ci_events([CiEvent::DuplicateFound { ci, duplicate_of: main }]);
    let now = &fleet.world.cmdb.cis[&ci];
    let records = history(&fleet, now);
    let of = |moment| at(now, &records, moment).expect("existed").duplicate_of;
    assert_eq!((of(before), of(fleet.now)), (None, Some(main)));
    fleet.check();
}

#[test]
fn what_changes_all_the_time_does_not_crowd_out_the_history() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1)), process(0)]);
    let before = fleet.host_of(1).history.len();
    (1..300).for_each(|pid| drop(fleet.report(1, [system(server(1)), process(pid)])));
    let host = fleet.host_of(1);
    assert_eq!(host.history.len(), before);
    assert_eq!(host.sections[&rollcall_shared::SectionName::Processes].history.len(), fold::VOLATILE_HISTORY);
    fleet.check();
}

/// The past of these items, from their own histories alone.
fn past(fleet: &Fleet, moment: Timestamp, ids: &[CiId]) -> Past {
    let mut past = Past::new(moment);
    include(fleet, &mut past, ids.iter().copied().collect());
    past
}

fn include(fleet: &Fleet, past: &mut Past, ids: BTreeSet<CiId>) {
    let records: Vec<Record> = ids.iter().flat_map(|id| history(fleet, &fleet.world.cmdb.cis[id])).collect();
    past.add(ids, records);
}

#[test]
fn a_walk_in_the_past_comes_to_what_it_came_to_then() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1)), Section::Disks(vec![disk("sda", "S5XBNJ0R1"), disk("sdb", "S5XBNJ0R2")])]);
    let disk_id = *fleet.world.cmdb.components[&fleet.id_of(1)].first().expect("a disk");
    let both = |id| std::collections::BTreeSet::from([id]);
    let (with_disk, expected) = (fleet.now, impact::walk(&fleet.world.cmdb, disk_id, impact::Direction::Up, 5));
    assert_eq!(expected.hits.len(), 1);
    fleet.report(1, [system(server(1)), Section::Disks(vec![])]);
    for (moment, expected) in [(with_disk, expected), (fleet.now, impact::walk(&fleet.world.cmdb, disk_id, impact::Direction::Up, 5))] {
        let mut past = past(&fleet, moment, &[]);
        let mut wanted = both(disk_id);
        while !wanted.is_empty() {
            include(&fleet, &mut past, wanted);
            wanted = past.reached(disk_id, impact::Direction::Up, 5);
        }
        assert_eq!(impact::walk(&past.world().cmdb, disk_id, impact::Direction::Up, 5), expected);
        assert!(past.knows(fleet.id_of(1)) || expected.hits.is_empty());
    }
}

#[test]
fn a_part_that_was_missing_is_no_part_once_its_own_history_is_known() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1)), Section::Disks(vec![disk("sda", "S5XBNJ0R1")])]);
    let host = fleet.id_of(1);
    fleet.report(1, [system(server(1)), Section::Disks(vec![])]);
    let mut past = past(&fleet, fleet.now, &[host]);
    let around = past.around(host);
    assert_eq!(around.len(), 1, "a disk that has come into being");
    include(&fleet, &mut past, around);
    assert_eq!(relations(&past, host), relation::kept(&fleet.world.cmdb, host).collect::<Vec<_>>());
}

#[test]
fn each_change_of_an_attribute_is_told_with_the_value_that_counts_and_whose_it_is() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1)), os("12")]);
    let ci = fleet.id_of(1);
    let assert = |value: Option<&str>| CiCommand::AssertAttributes {
        ci,
        attributes: BTreeMap::from([("os_version".to_owned(), value.map(|value| AttributeValue::Text(value.into())))]),
        expected: None,
    };
    fleet.command("ann", assert(Some("11"))).expect("asserted");
    fleet.report(1, [system(server(1)), os("13")]);
    fleet.command("ann", assert(None)).expect("withdrawn");
    let wanted = Wanted { attributes: BTreeSet::from(["os_version".to_owned()]), sections: BTreeSet::from([SectionName::Os]) };
    let found = steps(ci, &history(&fleet, fleet.host_of(1)), &wanted);
    let told: Vec<String> = found
        .iter()
        .flat_map(|(_, steps)| steps)
        .map(|step| match step {
            Step::Attribute { before, after, .. } => {
                let text = |one: &Option<Attribute>| one.as_ref().map_or("-".to_owned(), |one| one.value().to_string());
                let who = after.as_ref().is_some_and(|after| after.source().is_person());
                format!("{} to {}{}", text(before), text(after), if who { " by ann" } else { "" })
            }
            Step::Section { name, before, .. } => format!("{name} {}", if before.is_some() { "changed" } else { "came" }),
            Step::Software { .. } => unreachable!("no packages are reported"),
        })
        .collect();
    let expected = ["os came", "- to 12", "12 to 11 by ann", "os changed", "11 to 13"];
    let sorted = |mut texts: Vec<String>| {
        texts.sort();
        texts
    };
    assert_eq!(sorted(told), sorted(expected.map(str::to_owned).to_vec()));
}
