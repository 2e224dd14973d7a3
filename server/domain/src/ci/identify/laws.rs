//! Laws of identification, for every sequence of reports.

use super::*;
use crate::ci::testing::*;
use crate::ci::{AttributeValue, CiEvent};
use proptest::prelude::*;
use rollcall_shared::section::{MemoryModule, System, Virtualisation};
use std::collections::BTreeMap;

/// What an agent may see of a machine at some time.
#[derive(Clone, Debug)]
struct Sight {
    kind: Virtualisation,
    name: u32,
    serial: bool,
    uuid: bool,
    board: bool,
    chassis: bool,
    cloud: bool,
    parts: bool,
    image: bool,
}

fn sight() -> impl Strategy<Value = Sight> {
    let kind = prop_oneof![4 => Just(Virtualisation::Physical), 2 => Just(Virtualisation::Vm), 1 => Just(Virtualisation::Container)];
    (kind, 0_u32..3, any::<[bool; 7]>()).prop_map(|(kind, name, [serial, uuid, board, chassis, cloud, parts, image])| Sight {
        kind,
        name,
        serial,
        uuid,
        board,
        chassis,
        cloud,
        parts,
        image,
    })
}

/// A machine of this number as it is seen; names, disks and the machine id of an image repeat over machines.
fn machine(number: u32, sight: &Sight) -> Vec<Section> {
    let seen = |is_seen: bool, text: String| Some(text).filter(|_| is_seen);
    let mut found = System {
        virtualisation: Some(sight.kind),
        hostname: Some(format!("host{}", sight.name)),
        fqdn: Some(format!("host{}.example.com", sight.name)),
        serial: seen(sight.serial, format!("SRV{number:05}")),
        board_product: Some("X11DPi-N".into()),
        board_serial: seen(sight.board, format!("BRD{number:05}")),
        chassis_serial: seen(sight.chassis, format!("CHS{number:05}")),
        cloud_provider: seen(sight.cloud, "aws".into()),
        cloud_instance_id: seen(sight.cloud, format!("i-{number:08x}")),
        ..server(number)
    };
    if !sight.uuid {
        found.uuid = None;
    }
    if sight.image {
        found.machine_id = Some("0123456789abcdef0123456789abcdef".into());
    }
    let mut sections = vec![system(found), Section::Disks(vec![disk("sda", &format!("PHAX{:06}", sight.name))])];
    if sight.parts {
        let nic = |n: u32| adapter(&format!("eno{n}"), &format!("3c:ec:ef:00:{number:02x}:{n:02x}"));
        let serial = Some(format!("DIMM{number:05}"));
        let module = MemoryModule {
            slot: "A1".into(),
            size_bytes: Some(1 << 34),
            part_number: Some("M393A2K43".into()),
            serial,
            ..MemoryModule::default()
        };
        sections.extend([Section::NetworkInterfaces(vec![nic(0), nic(1)]), Section::MemoryModules(vec![module])]);
    }
    sections
}

/// Who was joined with somebody whose strong facts contradict: by a report, or as a duplicate. `before` is what was known. A replaced board
/// contradicts what was known and is written down with its reason: the same certificate, and the same disks, memory and adapters.
fn contradictions(before: &BTreeMap<CiId, Fingerprint>, found: &[Section], events: &[CiEvent]) -> Vec<String> {
    let found = Fingerprint::of_sections(&found.iter().cloned().map(Arc::new).collect::<Vec<_>>());
    let is_explained = |host| events.iter().any(|event| matches!(event, CiEvent::IdentityExplained { ci, .. } if *ci == host));
    let joined = events.iter().filter_map(|event| match event {
        CiEvent::SectionChanged { ci, section: SectionName::System, .. } if !is_explained(*ci) => before.get(ci)?.contradiction(&found),
        CiEvent::DuplicateFound { ci, duplicate_of } => before[ci].contradiction(&before[duplicate_of]),
        _ => None,
    });
    joined.collect()
}

fn fingerprints(fleet: &Fleet) -> BTreeMap<CiId, Fingerprint> {
    let hosts = fleet.world.cmdb.cis.values().filter(|ci| ci.class.is_a(Class::Host));
    hosts.map(|ci| (ci.id, Fingerprint::of_host(ci))).collect()
}

/// What each host is called by its hardware, with the values that count.
fn hosts(fleet: &Fleet) -> BTreeMap<String, BTreeMap<String, AttributeValue>> {
    let hosts = fleet.world.cmdb.cis.values().filter(|ci| ci.class.is_a(Class::Host));
    let values = |ci: &crate::ci::Ci| ci.attributes.iter().map(|(name, attribute)| (name.to_owned(), attribute.value().clone())).collect();
    hosts.map(|ci| (ci.observed_text("serial").unwrap_or_default().to_owned(), values(ci))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_joins_machines_whose_strong_facts_contradict(
        reports in proptest::collection::vec((1_u32..5, sight(), 1_u128..5, 1_u64..4, any::<bool>(), 0_u8..3), 1..14)
    ) {
        // Agents and feeds' keys are copied between machines at will, in epochs at will.
        let mut fleet = Fleet::with_agents(1..5);
        for (number, sight, reporter, epoch, lives, sender) in reports {
            if !lives {
                fleet.pass(std::time::Duration::from_secs(86_400));
            }
            let (before, sections) = (fingerprints(&fleet), machine(number, &sight));
            let events = if sender == 0 {
                fleet.deliver("glpi", &format!("key{reporter}"), sections.clone()).expect("accepted")
            } else {
                fleet.epochs.insert(reporter, epoch);
                fleet.try_report(reporter, sections.clone()).unwrap_or_default()
            };
            prop_assert_eq!(contradictions(&before, &sections, &events), Vec::<String>::new());
        }
        for ci in fleet.world.cmdb.cis.values() {
            let main = ci.duplicate_of.map(|main| &fleet.world.cmdb.cis[&main]);
            prop_assert!(main.is_none_or(|main| main.duplicate_of.is_none()), "no chains");
        }
        fleet.check();
    }

    #[test]
    fn a_repeated_report_changes_nothing(reports in proptest::collection::vec((1_u32..5, sight(), any::<bool>()), 1..10)) {
        let mut fleet = Fleet::with_agents(1..5);
        for (number, sight, lives) in reports {
            if !lives {
                fleet.pass(std::time::Duration::from_secs(86_400));
            }
            let agent = u128::from(number);
            if fleet.try_report(agent, machine(number, &sight)).is_err() {
                continue;
            }
            let revision = fleet.world.revision;
            // A report that showed a copy is refused when it comes again, and that changes nothing either.
            prop_assert_eq!(fleet.try_report(agent, machine(number, &sight)).unwrap_or_default(), Vec::new());
            prop_assert_eq!(fleet.world.revision, revision);
        }
        fleet.check();
    }

    #[test]
    fn the_order_of_reports_does_not_matter(
        sights in proptest::collection::vec(sight(), 6),
        order in Just((0_usize..12).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        // Six machines with a serial number each report twice, in any order; what is measured does not change meanwhile.
        let run = |order: &[usize]| {
            let mut fleet = Fleet::with_agents(1..7);
            for &turn in order {
                let number = turn % 6;
                let kind = if number % 2 == 0 { Virtualisation::Physical } else { Virtualisation::Vm };
                let sight = Sight { kind, serial: true, ..sights[number].clone() };
                fleet.report(number as u128 + 1, machine(u32::try_from(number).unwrap(), &sight));
            }
            fleet.check();
            hosts(&fleet)
        };
        let sorted: Vec<usize> = (0..12).collect();
        let (expected, shuffled) = (run(&sorted), run(&order));
        prop_assert_eq!(expected.len(), 6);
        prop_assert_eq!(shuffled, expected);
    }
}
