//! The fold forgets nothing it should keep, and survives what it does not know.

use super::*;
use crate::Actor;
use crate::ci::identify::Explanation;
use crate::ci::testing::*;
use crate::ci::{DeadLetter, DeadLetterCode, Operation, ReviewTask, dead_letter};
use crate::context::NoContent;
use crate::id::{DeadLetterId, TaskId};
use proptest::prelude::*;
use rollcall_shared::Section;
use rollcall_shared::message::Loss;
use rollcall_shared::section::Package;
use rollcall_shared::{AgentId, Timestamp};
use std::collections::BTreeSet;

fn record(revision: u64, event: CiEvent) -> Record {
    let at = Timestamp(i64::try_from(revision).unwrap());
    Record { revision, at, actor: Actor::System, request_id: None, idempotency_key: None, event: crate::Event::Ci(event) }
}

fn take(cmdb: &mut Cmdb, revision: u64, event: CiEvent) {
    apply(cmdb, &record(revision, event.clone()), &event, &NoContent);
}

const HOST: CiId = CiId { family: Family::Host, bits: 7 };

fn section(outcome: Outcome, content: &str) -> CiEvent {
    let after = Some(ContentHash::of(content.as_bytes()));
    let (section, reason) = (SectionName::Packages, None);
    CiEvent::SectionChanged { ci: HOST, section, feed: None, before: None, after, outcome, reason, added: 0, removed: 0, changed: 0 }
}

fn created() -> CiEvent {
    CiEvent::CiCreated { ci: HOST, class: Class::Host, name: "a".into(), key: None, parent: None, source: Source::Agent { id: AgentId(1) } }
}

/// Outcomes with contents lead to these names of complete and partial content.
#[track_caller]
fn check(collections: &[(Outcome, &str)], expected: (&str, Option<&str>)) {
    let mut cmdb = Cmdb::default();
    take(&mut cmdb, 1, created());
    for (i, (outcome, content)) in collections.iter().enumerate() {
        take(&mut cmdb, i as u64 + 2, section(*outcome, content));
    }
    let state = &cmdb.cis[&HOST].sections[&SectionName::Packages];
    let name = |content: &str| ContentHash::of(content.as_bytes());
    assert_eq!((state.hash, state.partial), (Some(name(expected.0)), expected.1.map(name)));
    assert_eq!(state.history.last().map(|(_, content)| *content), state.hash);
}

#[test]
fn a_partial_content_never_replaces_a_complete_one() {
    use Outcome::{Complete, Failed, Partial};
    check(&[(Complete, "a"), (Partial, "b")], ("a", Some("b")));
    check(&[(Complete, "a"), (Partial, "b"), (Partial, "c"), (Failed, "c")], ("a", Some("c")));
    check(&[(Complete, "a"), (Partial, "b"), (Complete, "c")], ("c", None));
    check(&[(Complete, "a"), (Partial, "a"), (Partial, "b")], ("a", Some("b")));
    check(&[(Partial, "a"), (Partial, "b")], ("b", Some("b")));
}

#[test]
fn events_about_unknown_things_change_nothing() {
    let mut cmdb = Cmdb::default();
    let changes = vec![AttributeChange { name: "serial".into(), before: None, after: None }];
    for event in [
        section(Outcome::Complete, "a"),
        CiEvent::HostIdentified { agent: AgentId(1), ci: HOST, operation: Operation::Update, attempts: Vec::new() },
        CiEvent::ForeignHostIdentified { agent: AgentId(1), ci: HOST, home: HOST, operation: Operation::Insert, attempts: Vec::new() },
        CiEvent::IdentityExplained { ci: HOST, agent: AgentId(1), explanation: Explanation::DiskMoved, reason: String::new() },
        CiEvent::DuplicateFound { ci: HOST, duplicate_of: HOST },
        CiEvent::CiReclassified { ci: HOST, before: Class::Host, after: Class::Server },
        CiEvent::CiStatusChanged { ci: HOST, before: Lifecycle::Operational, after: Lifecycle::Retired, reason: String::new() },
        CiEvent::CiMoved { ci: HOST, before: None, after: Some(HOST) },
        CiEvent::AttributesChanged { ci: HOST, changes },
        CiEvent::SoftwareChanged { ci: HOST, changes: Vec::new() },
        CiEvent::ProductsDiscovered { products: Vec::new() },
    ] {
        take(&mut cmdb, 1, event);
    }
    assert_eq!(cmdb, Cmdb::default());
}

#[test]
fn a_record_that_is_created_twice_stays_what_it_is() {
    let mut cmdb = Cmdb::default();
    take(&mut cmdb, 1, created());
    let once = cmdb.clone();
    take(&mut cmdb, 2, created());
    assert_eq!(cmdb, once);
}

#[test]
fn memory_of_changes_is_bounded_and_keeps_the_latest() {
    let mut cmdb = Cmdb::default();
    take(&mut cmdb, 1, created());
    let last = CI_HISTORY as u64 + 10;
    for revision in 2..=last {
        take(&mut cmdb, revision, section(Outcome::Complete, &revision.to_string()));
        let loss = Loss { first: 1, last: 2, from: Timestamp(0), to: Timestamp(1), reason: "spool full".into() };
        take(&mut cmdb, revision, CiEvent::DataLost { agent: AgentId(1), loss });
    }
    let host = &cmdb.cis[&HOST];
    assert_eq!((host.history.len(), host.history.last(), host.revision), (CI_HISTORY, Some(&last), last));
    assert_eq!(host.sections[&SectionName::Packages].history.len(), SECTION_HISTORY);
    assert_eq!(cmdb.losses[&AgentId(1)].len(), LOSSES);
}

#[test]
fn products_are_items_with_a_name_a_manager_and_a_package_url() {
    let mut cmdb = Cmdb::default();
    let id = |bits| CiId { family: Family::Software, bits };
    let products = vec![(id(1), "curl".into(), "pkg:deb/debian/curl".into()), (id(2), "vim".into(), "apk/vim".into())];
    take(&mut cmdb, 1, CiEvent::ProductsDiscovered { products });
    let text = |bits, name: &str| cmdb.cis[&id(bits)].attributes.get(name).map(|attribute| attribute.value().clone());
    assert_eq!(text(1, "manager"), Some(AttributeValue::Text("deb".into())));
    assert_eq!(text(1, "purl"), Some(AttributeValue::Text("pkg:deb/debian/curl".into())));
    assert_eq!((text(2, "manager"), text(2, "purl")), (Some(AttributeValue::Text("apk".into())), None));
    assert_eq!(cmdb.keys[&(Class::SoftwareProduct, "apk/vim".into())], id(2));
}

#[test]
fn reviews_are_kept() {
    let mut cmdb = Cmdb::default();
    let task = ReviewTask { id: TaskId(1), cis: vec![HOST], reason: "twins".into(), opened_at: Timestamp(1), settled: None };
    take(&mut cmdb, 1, CiEvent::ReviewOpened { task: task.clone() });
    assert_eq!(cmdb.reviews[&TaskId(1)], task);
}

#[test]
fn duplicates_have_no_chains_and_nothing_is_one_of_itself() {
    let mut cmdb = Cmdb::default();
    let host = |bits| CiId { bits, ..HOST };
    for bits in 1..=4 {
        let CiEvent::CiCreated { class, name, key, parent, source, .. } = created() else { unreachable!() };
        take(&mut cmdb, 1, CiEvent::CiCreated { ci: host(bits), class, name, key, parent, source });
    }
    for (ci, of) in [(3, 2), (2, 1), (4, 3), (1, 4), (1, 1), (1, 9)] {
        take(&mut cmdb, 2, CiEvent::DuplicateFound { ci: host(ci), duplicate_of: host(of) });
    }
    let duplicates: Vec<_> = cmdb.cis.values().map(|ci| ci.duplicate_of.map(|of| of.bits)).collect();
    assert_eq!(duplicates, [None, Some(1), Some(1), Some(1)]);
}

#[test]
fn letters_are_one_a_reporter_and_code_and_the_oldest_makes_room() {
    let letter = |id: u128, agent: u128, at| DeadLetter {
        id: DeadLetterId(id),
        reporter: Reporter::Agent(AgentId(agent)),
        code: DeadLetterCode::ReportRefused,
        reason: "no content".into(),
        candidates: BTreeSet::new(),
        first_at: Timestamp(at),
        at: Timestamp(at),
        count: 1,
    };
    let set_aside = |letter| CiEvent::DeadLettered { letter: Box::new(letter) };
    let mut cmdb = Cmdb::default();
    take(&mut cmdb, 1, set_aside(letter(1, 1, 10)));
    take(&mut cmdb, 2, set_aside(letter(2, 1, 20)));
    let kept: Vec<_> = cmdb.dead_letters.values().cloned().collect();
    assert_eq!(kept, [DeadLetter { first_at: Timestamp(10), count: 2, ..letter(2, 1, 20) }]);
    let full = (0..dead_letter::DEAD_LETTERS as u128).map(|id| (DeadLetterId(id), letter(id, id + 100, 30)));
    cmdb.dead_letters = full.collect();
    take(&mut cmdb, 3, set_aside(letter(1 << 64, 1, 40)));
    assert_eq!(cmdb.dead_letters.len(), dead_letter::DEAD_LETTERS);
    assert!(!cmdb.dead_letters.contains_key(&DeadLetterId(0)) && cmdb.dead_letters.contains_key(&DeadLetterId(1 << 64)));
}

#[test]
fn facts_follow_what_is_measured() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1))]);
    let facts = |fleet: &Fleet| fleet.world.cmdb.facts.keys().cloned().collect::<Vec<_>>();
    let machine = "machine_id:0123456789abcdef0000000000000001".to_owned();
    let uuid = "uuid:44454c4c-4200-1035-8056-000000000001".to_owned();
    assert_eq!(facts(&fleet), [machine.clone(), "serial:srv00001".into(), uuid]);
    fleet.report(1, [system(rollcall_shared::section::System { serial: None, uuid: None, ..server(1) })]);
    assert_eq!(facts(&fleet), [machine]);
}

#[test]
fn relations_are_in_order_and_say_who_knows() {
    let mut fleet = Fleet::with_agents([1, 2]);
    let disks = Section::Disks(vec![disk("sda", "PHAX0001")]);
    fleet.report(1, [system(server(1)), disks, packages(&[("curl", "8.0"), ("vim", "9")])]);
    fleet.report(2, [system(server(2)), packages(&[("curl", "8.1")])]);
    let of = |id| crate::ci::relation::relations(&fleet.world.cmdb, id);
    let host = of(fleet.id_of(1));
    assert_eq!(host.iter().map(|relation| relation.kind).collect::<Vec<_>>(), {
        use crate::ci::RelationKind::{Contains, InstalledOn};
        [Contains, InstalledOn, InstalledOn]
    });
    assert!(host.iter().all(|relation| relation.source == Source::Agent { id: AgentId(1) }));
    assert_eq!(of(host[0].to), [host[0].clone()]);
    let curl = fleet.world.cmdb.keys[&(Class::SoftwareProduct, "dpkg/curl".into())];
    assert_eq!(of(curl).iter().map(|relation| relation.to).collect::<Vec<_>>(), [fleet.id_of(1), fleet.id_of(2)]);
}

/// Rows of twenty products for two architectures each, in the version and of the vendor that `rows` says; none where it says nothing.
fn listed(rows: &[Option<(u8, u8)>]) -> Section {
    let row = |(place, state): (usize, &Option<(u8, u8)>)| {
        state.map(|(version, vendor)| Package {
            name: format!("package{}", place / 2),
            version: version.to_string(),
            manager: "dpkg".into(),
            architecture: Some(if place % 2 == 0 { "amd64" } else { "i386" }.into()),
            vendor: Some(vendor.to_string()),
            ..Package::default()
        })
    };
    Section::Packages(rows.iter().enumerate().filter_map(row).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_changed_list_of_packages_is_indexed_like_a_new_one(
        steps in proptest::collection::vec((0_usize..40, proptest::option::of((0_u8..3, 0_u8..2))), 1..6),
    ) {
        let mut fleet = Fleet::with_agents([1]);
        let mut rows = vec![Some((0, 0)); 40];
        fleet.report(1, [system(server(1)), listed(&rows)]);
        for (place, state) in steps {
            rows[place] = state;
            fleet.report(1, [system(server(1)), listed(&rows)]);
            let host = fleet.id_of(1);
            let mut rebuilt = fleet.world.clone();
            rebuilt.rebuild_projections(&fleet.content);
            let pairs = |world: &crate::World| {
                let pairs = world.cmdb.software.pairs_of(host);
                pairs.map(|pair| (pair.product, pair.version.to_owned(), pair.details.clone())).collect::<BTreeSet<_>>()
            };
            prop_assert_eq!(pairs(&fleet.world), pairs(&rebuilt));
        }
        fleet.check();
    }
}
