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
