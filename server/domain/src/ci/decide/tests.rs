//! Reports and commands from end to end: what they cause, and that every log replays.

use crate::Rejection;
use crate::ci::testing::*;
use crate::ci::{AttributeValue, Ci, CiCommand, CiEvent, Class, Lifecycle, Operation, relation};
use crate::id::CiId;
use crate::{Actor, Context};
use proptest::prelude::*;
use rollcall_shared::message::{Report, SectionEntry, root_hash};
use rollcall_shared::section::{MemoryModule, Package, System, Virtualisation};
use rollcall_shared::{AgentId, ContentHash, Outcome, Section, SectionName};
use std::collections::BTreeSet;

fn kinds(events: &[CiEvent]) -> Vec<String> {
    events.iter().map(|event| serde_json::to_value(event).unwrap()["type"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn check_kinds(events: &[CiEvent], expected: &[&str]) {
    assert_eq!(kinds(events), expected, "{events:#?}");
}

#[track_caller]
fn value(ci: &Ci, name: &str) -> Option<AttributeValue> {
    ci.attributes.get(name).map(|attribute| attribute.value().clone())
}

fn text(value: &str) -> Option<AttributeValue> {
    Some(AttributeValue::Text(value.into()))
}

#[test]
fn a_first_report_makes_a_host_with_its_facts() {
    let mut fleet = Fleet::with_agents([1]);
    let events = fleet.report(1, [system(server(1)), os("13"), packages(&[("curl", "8.0")])]);
    let expected = [
        "ci_created",
        "host_identified",
        "section_changed",
        "section_changed",
        "products_discovered",
        "section_changed",
        "attributes_changed",
    ];
    check_kinds(&events, &expected);
    let host = fleet.host_of(1);
    assert_eq!((host.name.as_str(), host.class, host.status), ("srv1", Class::Server, Lifecycle::Operational));
    assert_eq!(value(host, "serial"), text("SRV00001"));
    assert_eq!(value(host, "os_version"), text("13"));
    assert_eq!(value(host, "memory_bytes"), Some(AttributeValue::Integer(64 << 30)));
    assert_eq!(fleet.world.cmdb.software.packages_of(host.id).len(), 1);
    fleet.check();
}

#[test]
fn an_unchanged_report_causes_nothing() {
    let mut fleet = Fleet::with_agents([1]);
    let sections = || [Collected::from(system(server(1))), packages(&[("curl", "8.0")]).into(), Collected::Failed(SectionName::Users)];
    fleet.report(1, sections());
    let revision = fleet.world.revision;
    check_kinds(&fleet.report(1, sections()), &[]);
    assert_eq!(fleet.world.revision, revision);
}

#[test]
fn a_report_without_a_system_section_still_makes_a_host() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [Collected::Failed(SectionName::System), os("13").into()]);
    let first = fleet.id_of(1);
    assert_eq!((fleet.host_of(1).class, fleet.host_of(1).name.as_str()), (Class::Host, "agent_00000000000000000000000001"));
    fleet.report(1, [system(server(1)), os("13")]);
    assert_eq!((fleet.id_of(1), fleet.host_of(1).class, fleet.host_of(1).name.as_str()), (first, Class::Server, "srv1"));
    fleet.check();
}

#[test]
fn placeholders_are_absent_and_not_empty() {
    let mut fleet = Fleet::with_agents([1]);
    let board = System {
        serial: Some("To Be Filled By O.E.M.".into()),
        product: Some("System Product Name".into()),
        uuid: Some("2".into()),
        ..server(1)
    };
    fleet.report(1, [system(board)]);
    for name in ["serial", "model", "uuid", "asset_tag"] {
        assert_eq!(value(fleet.host_of(1), name), None, "{name}");
    }
}

#[test]
fn a_container_does_not_take_over_the_identity_of_its_host() {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(1, [system(server(1))]);
    let container = System { virtualisation: Some(Virtualisation::Container), hostname: Some("web".into()), machine_id: None, ..server(1) };
    fleet.report(2, [system(container)]);
    assert_ne!(fleet.id_of(1), fleet.id_of(2));
    assert_eq!((fleet.host_of(2).class, value(fleet.host_of(2), "serial")), (Class::Container, None));
    fleet.check();
}

#[test]
fn a_machine_that_became_virtual_is_reclassified_and_stays_itself() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1))]);
    let id = fleet.id_of(1);
    let events = fleet.report(1, [system(System { virtualisation: Some(Virtualisation::Vm), ..server(1) })]);
    check_kinds(&events, &["host_identified", "ci_reclassified", "section_changed", "attributes_changed"]);
    assert!(matches!(&events[0], CiEvent::HostIdentified { operation: Operation::UpdateWithReclassification, .. }));
    assert_eq!((fleet.id_of(1), fleet.host_of(1).class), (id, Class::VirtualMachine));
    fleet.check();
}

#[test]
fn a_failed_or_partial_collection_takes_nothing_away() {
    let mut fleet = Fleet::with_agents([1]);
    let disks = Section::Disks(vec![disk("sda", "PHAX000001"), disk("sdb", "PHAX000002")]);
    let installed = [("bash", "5.2"), ("curl", "8.0")];
    fleet.report(1, [system(server(1)), disks.clone(), packages(&installed)]);
    let id = fleet.id_of(1);
    let before = fleet.host_of(1).attributes.clone();
    let less = System { serial: None, manufacturer: None, ..server(1) };
    fleet.report(
        1,
        [Collected::Partial(system(less)), Collected::Partial(Section::Disks(vec![])), Collected::Partial(packages(&[("curl", "8.1")]))],
    );
    assert_eq!(fleet.host_of(1).attributes, before);
    assert_eq!(relation::relations(&fleet.world.cmdb, id).len(), 4);
    let products =
        |fleet: &Fleet| fleet.world.cmdb.software.packages_of(id).iter().map(|(_, version)| (*version).to_owned()).collect::<Vec<_>>();
    assert_eq!(products(&fleet), ["5.2", "8.1"]);
    fleet.report(
        1,
        [Collected::Failed(SectionName::System), Collected::Failed(SectionName::Disks), Collected::Failed(SectionName::Packages)],
    );
    assert_eq!((products(&fleet).len(), fleet.host_of(1).attributes == before), (2, true));
    let state = &fleet.host_of(1).sections[&SectionName::Disks];
    assert_eq!((state.hash, state.outcome), (Some(disks.canonical().unwrap().0), Outcome::Failed));
    fleet.check();
}

#[test]
fn only_a_complete_section_withdraws_a_value() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(System { chassis_asset_tag: Some("A-77".into()), ..server(1) })]);
    assert_eq!(value(fleet.host_of(1), "asset_tag"), text("A-77"));
    fleet.report(1, [system(server(1))]);
    assert_eq!(value(fleet.host_of(1), "asset_tag"), None);
    fleet.check();
}

#[test]
fn packages_are_upgraded_and_not_added_and_removed() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1)), packages(&[("bash", "5.1"), ("curl", "8.0")])]);
    let events = fleet.report(1, [system(server(1)), packages(&[("bash", "5.2"), ("vim", "9")])]);
    check_kinds(&events, &["products_discovered", "section_changed", "software_changed"]);
    let CiEvent::SectionChanged { added, removed, changed, .. } = &events[1] else { panic!() };
    assert_eq!((*added, *removed, *changed), (1, 1, 1));
    let CiEvent::SoftwareChanged { changes, .. } = &events[2] else { panic!() };
    let told: Vec<_> = changes.iter().map(|change| (change.name.as_str(), change.before.as_deref(), change.after.as_deref())).collect();
    assert_eq!(told, [("bash", Some("5.1"), Some("5.2")), ("curl", Some("8.0"), None), ("vim", None, Some("9"))]);
    fleet.check();
}

#[test]
fn what_people_assert_counts_and_what_agents_measure_is_kept_beside_it() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1))]);
    let ci = fleet.id_of(1);
    let assert = |value: Option<&str>| CiCommand::AssertAttributes {
        ci,
        attributes: [("owner".to_owned(), value.and_then(text)), ("model".to_owned(), value.and_then(text))].into(),
        expected: None,
    };
    fleet.command("ada", assert(Some("web team"))).unwrap();
    let model = &fleet.host_of(1).attributes["model"];
    assert_eq!((model.text(), model.drifts(), model.proposals().len()), (Some("web team"), true, 2));
    assert!(!fleet.host_of(1).attributes["owner"].drifts());
    fleet.report(1, [system(System { hostname: Some("other".into()), ..server(1) })]);
    assert_eq!(value(fleet.host_of(1), "model"), text("web team"));
    check_kinds(&fleet.command("ada", assert(Some("web team"))).unwrap(), &[]);
    fleet.command("bob", assert(None)).unwrap();
    assert_eq!((value(fleet.host_of(1), "model"), value(fleet.host_of(1), "owner")), (text("PowerEdge R650"), None));
    assert_eq!(fleet.host_of(1).name, "other");
    fleet.check();
}

#[test]
fn a_retired_host_that_reports_is_back() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1))]);
    let ci = fleet.id_of(1);
    let retire = CiCommand::SetStatus { ci, status: Lifecycle::Retired, reason: "sold".into(), expected: Some(fleet.host_of(1).revision) };
    fleet.command("ada", retire).unwrap();
    check_kinds(&fleet.report(1, [system(server(1))]), &["ci_status_changed"]);
    assert_eq!(fleet.host_of(1).status, Lifecycle::Operational);
    fleet.check();
}

#[test]
fn a_new_agent_of_a_re_installed_host_replaces_the_word_of_the_revoked_one() {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(1, [system(System { chassis_asset_tag: Some("A-77".into()), ..server(1) })]);
    fleet.revoke(1);
    fleet.report(2, [system(server(1))]);
    assert_eq!(fleet.id_of(1), fleet.id_of(2));
    let host = fleet.host_of(2);
    assert_eq!((value(host, "asset_tag"), host.attributes["serial"].proposals().len()), (None, 1));
    assert!(fleet.world.cmdb.reviews.is_empty());
    fleet.check();
}

#[test]
fn a_report_that_contradicts_itself_is_refused() {
    let mut fleet = Fleet::with_agents([1]);
    let report = fleet.prepare([system(server(1)), os("13")]);
    let refused = |report: &Report, fleet: &mut Fleet| {
        let mut context = Context { now: fleet.now, actor: Actor::System, ids: &mut fleet.ids, content: &fleet.content };
        fleet.world.report(AgentId(1), report, &mut context).unwrap_err()
    };
    let field = |rejection| match rejection {
        Rejection::Invalid { field, .. } => field,
        other => other.to_string(),
    };
    let twice: Vec<SectionEntry> = report.sections.iter().chain(&report.sections).cloned().collect();
    let mut wrong = Report { sections: twice, ..report.clone() };
    assert_eq!(field(refused(&wrong, &mut fleet)), "sections");
    wrong = report.clone();
    wrong.sections[0].hash = None;
    assert_eq!(field(refused(&wrong, &mut fleet)), "sections[0].hash");
    wrong = report.clone();
    wrong.root = ContentHash([0; 32]);
    assert_eq!(field(refused(&wrong, &mut fleet)), "root");
    let hash = report.sections[1].hash.unwrap();
    fleet.content.0.remove(&hash);
    let Rejection::Invalid { field, reason } = refused(&report, &mut fleet) else { panic!() };
    assert_eq!((field.as_str(), reason.contains(&hash.to_string())), ("sections.os.hash", true));
    let mut swapped = report.clone();
    swapped.sections[1].hash = report.sections[0].hash;
    swapped.root = root_hash(&swapped.sections);
    assert!(matches!(refused(&swapped, &mut fleet), Rejection::Invalid { .. }));
}

#[test]
fn an_agent_that_was_not_admitted_cannot_report() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.revoke(1);
    assert!(matches!(fleet.try_report(1, [system(server(1))]), Err(Rejection::AgentRevoked(_))));
    assert!(matches!(fleet.try_report(2, [system(server(1))]), Err(Rejection::NotFound { .. })));
}

#[test]
fn a_missing_reason_or_a_stale_revision_is_refused() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1))]);
    let ci = fleet.id_of(1);
    let set = |status, reason: &str, expected| CiCommand::SetStatus { ci, status, reason: reason.into(), expected };
    assert!(matches!(fleet.command("ada", set(Lifecycle::Retired, " ", None)), Err(Rejection::Invalid { .. })));
    assert!(matches!(fleet.command("ada", set(Lifecycle::Missing, "gone", None)), Err(Rejection::Invalid { .. })));
    assert!(matches!(fleet.command("ada", set(Lifecycle::Retired, "gone", Some(1))), Err(Rejection::Stale { .. })));
    assert!(matches!(
        fleet.command(
            "ada",
            CiCommand::SetStatus { ci: CiId { bits: 99, ..ci }, status: Lifecycle::Retired, reason: "gone".into(), expected: None }
        ),
        Err(Rejection::NotFound { .. })
    ));
}

/// One machine of the property tests, as its agent may see it at some time.
fn machine(number: u32) -> impl Strategy<Value = Vec<Collected>> {
    let found = (any::<bool>(), any::<bool>(), 0_u32..3, any::<bool>()).prop_map(move |(readable, junk, name, virtual_machine)| {
        let mut system = if virtual_machine { vm(number) } else { server(number) };
        if !readable {
            (system.serial, system.uuid) = (None, None);
        }
        if junk {
            system.serial = Some("Default string".into());
        }
        // Names repeat over machines.
        system.hostname = Some(format!("host{name}"));
        system
    });
    let disks = proptest::collection::vec(0_u32..6, 0..4);
    let software = proptest::collection::vec((0_u32..5, 0_u32..4), 0..6);
    (found, disks, software, 0_u8..3, 0_u8..3).prop_map(|(found, disks, software, how_disks, how_software)| {
        let disks = Section::Disks(disks.iter().map(|n| disk(&format!("sd{n}"), &format!("PHAX{n:06}"))).collect());
        let names: Vec<(String, String)> = software.iter().map(|(name, version)| (format!("p{name}"), format!("{version}"))).collect();
        let rows: Vec<(&str, &str)> = names.iter().map(|(name, version)| (name.as_str(), version.as_str())).collect();
        vec![Collected::Complete(system(found)), collected(disks, how_disks), collected(packages(&rows), how_software)]
    })
}

fn collected(section: Section, how: u8) -> Collected {
    match how {
        0 => Collected::Complete(section),
        1 => Collected::Partial(section),
        _ => Collected::Failed(section.name()),
    }
}

fn history() -> impl Strategy<Value = Vec<(u32, Vec<Collected>)>> {
    proptest::collection::vec((1_u32..5).prop_flat_map(|number| (Just(number), machine(number))), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn replay_equals_live_and_a_repeated_report_changes_nothing(history in history()) {
        let mut fleet = Fleet::with_agents(1..5);
        for (number, sections) in history {
            fleet.report(u128::from(number), sections.clone());
            let again = fleet.report(u128::from(number), sections);
            prop_assert!(again.is_empty(), "{:#?}", again);
        }
        fleet.check();
    }

    #[test]
    fn no_sequence_merges_machines_whose_strong_facts_contradict(history in history(), agents in proptest::collection::vec(1_u128..4, 12)) {
        // Agents are copied between machines at will.
        let mut fleet = Fleet::with_agents(1..4);
        for ((_, sections), agent) in history.into_iter().zip(agents) {
            let Ok(events) = fleet.try_report(agent, sections.clone()) else { continue };
            let Collected::Complete(Section::System(rows)) = &sections[0] else { unreachable!() };
            let written = events.iter().find_map(|event| match event {
                CiEvent::SectionChanged { ci, section: SectionName::System, .. } => Some(*ci),
                _ => None,
            });
            if let (Some(host), Some(uuid)) = (written, &rows[0].uuid) {
                prop_assert_eq!(fleet.world.cmdb.cis[&host].observed_text("uuid"), Some(uuid.as_str()));
            }
        }
        fleet.check();
    }

    #[test]
    fn the_order_of_hosts_does_not_matter_for_identity(order in Just((1_u32..9).collect::<Vec<_>>()).prop_shuffle(), readable in any::<[bool; 9]>()) {
        let mut fleet = Fleet::with_agents(1..9);
        for number in order {
            let mut found = server(number);
            found.hostname = Some("node".into());
            found.machine_id = Some("0123456789abcdef0123456789abcdef".into());
            if !readable[number as usize] {
                found.serial = None;
            }
            fleet.report(u128::from(number), [system(found)]);
        }
        let hosts: BTreeSet<_> = (1..9).map(|agent| fleet.id_of(agent)).collect();
        prop_assert_eq!(hosts.len(), 8);
        prop_assert!(fleet.world.cmdb.reviews.is_empty());
    }

    #[test]
    fn no_text_in_a_section_panics(texts in proptest::collection::vec(proptest::option::of(".{0,40}"), 12), number in any::<u64>()) {
        let mut fleet = Fleet::with_agents([1]);
        let at = |i: usize| texts[i].clone();
        let plain = |i: usize| at(i).unwrap_or_default();
        let found = System { manufacturer: at(0), serial: at(1), uuid: at(2), machine_id: at(3), hostname: at(4), chassis_type: at(5), virtualisation: Some(Virtualisation::Physical), memory_bytes: Some(number), ..System::default() };
        let module = MemoryModule { slot: plain(6), serial: at(7), part_number: at(8), size_bytes: Some(number), ..MemoryModule::default() };
        let package = Package { name: plain(9), version: plain(10), manager: plain(11), purl: at(0), ..Package::default() };
        let sections = [
            system(found),
            Section::MemoryModules(vec![module]),
            Section::Disks(vec![disk(&plain(1), &plain(2))]),
            Section::NetworkInterfaces(vec![adapter(&plain(3), &plain(4))]),
            Section::Packages(vec![package]),
        ];
        fleet.report(1, sections.clone());
        prop_assert!(fleet.report(1, sections).is_empty());
        fleet.check();
    }
}
