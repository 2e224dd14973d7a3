//! Nothing is left of what is erased, and everything of what is not.

use super::*;
use crate::ci::testing::*;
use crate::ci::{CiCommand, Lifecycle, RelationKind};
use proptest::prelude::*;
use rollcall_shared::{Section, Timestamp};

/// A fleet of two servers with disks and packages; people have written about the first.
fn fleet() -> Fleet {
    let mut fleet = Fleet::with_agents([1, 2]);
    report(&mut fleet, 1);
    report(&mut fleet, 2);
    fleet.deliver("glpi", "srv1-2024-01-01", [system(server(1))]).expect("taken");
    let (first, second) = (fleet.id_of(1), fleet.id_of(2));
    fleet.command("ada", CiCommand::Relate { from: second, kind: RelationKind::DependsOn, to: first }).expect("related");
    let attributes = [("owner".to_owned(), Some(AttributeValue::Text("the team of srv1".into())))].into();
    fleet.command("ada", CiCommand::AssertAttributes { ci: first, attributes, expected: None }).expect("asserted");
    let cis = [first, second].into();
    fleet.command("ada", CiCommand::Tag { cis, add: vec!["prod".into()], remove: vec![], expected: None }).expect("tagged");
    fleet
}

fn report(fleet: &mut Fleet, number: u32) {
    let disks = Section::Disks(vec![disk("sda", &format!("PHAX{number:06}"))]);
    fleet.report(u128::from(number), [system(server(number)), disks, packages(&[("curl", "8.0"), ("vim", "9")])]);
}

fn wanted(ci: CiId) -> Wanted {
    Wanted { ci, reason: "asked for by its owner".into(), legal_basis: "GDPR Art. 17 (1) b".into(), force: true }
}

/// What the engine does: the log without the item, and the state that follows from it.
fn erase(fleet: &mut Fleet, ci: CiId) {
    let mut target = target(&fleet.world, &wanted(ci)).expect("may be erased");
    fleet.log.iter().for_each(|record| target.learn(record));
    let by = fleet.world.revision + 1;
    for record in &mut fleet.log {
        match target.redact(record) {
            Redaction::Kept => {}
            Redaction::Erased => *record = emptied(record, by),
            Redaction::Rewritten(rewritten) => *record = *rewritten,
        }
    }
    let mut telemetry = fleet.world.telemetry.clone();
    fleet.world = World::default();
    for record in &fleet.log {
        fleet.world.apply(record, &fleet.content);
    }
    telemetry.keep(|agent| fleet.world.trust.agents.contains_key(&agent), |ci| fleet.world.cmdb.cis.contains_key(&ci));
    fleet.world.telemetry = telemetry;
    let agents: Vec<AgentId> = fleet.world.trust.agents.keys().copied().collect();
    agents.into_iter().for_each(|agent| fleet.world.index_agent(agent));
}

/// Traces of these words in the state and the log.
#[track_caller]
fn check_gone(fleet: &Fleet, words: &[&str]) {
    let world = serde_json::to_string(&fleet.world).expect("JSON").to_lowercase();
    let log = serde_json::to_string(&fleet.log).expect("JSON").to_lowercase();
    for word in words {
        let word = word.to_lowercase();
        for (what, text) in [("state", &world), ("log", &log)] {
            if let Some(place) = text.find(&word) {
                panic!("{word} is in the {what}: …{}…", &text[place.saturating_sub(300)..(place + 200).min(text.len())]);
            }
        }
    }
    fleet.check();
}

#[test]
fn nothing_is_left_of_an_erased_host_and_everything_of_the_others() {
    let mut fleet = fleet();
    let (first, second) = (fleet.id_of(1), fleet.id_of(2));
    let part = fleet.world.cmdb.components[&first].iter().next().copied().expect("a disk");
    let before = fleet.world.cmdb.cis[&second].clone();
    let products = fleet.world.cmdb.cis.values().filter(|ci| ci.class == crate::ci::Class::SoftwareProduct).count();
    erase(&mut fleet, first);
    let agent = AgentId(1).to_string();
    let uuid = "4c4c4544-0042-3510-8056-000000000001";
    check_gone(
        &fleet,
        &[&first.to_string(), &part.to_string(), &agent, "SRV00001", "PHAX000001", uuid, "srv1\"", "srv1-2024", "team of srv1"],
    );
    let after = &fleet.world.cmdb.cis[&second];
    assert_eq!((&before.attributes, &before.sections, &before.tags), (&after.attributes, &after.sections, &after.tags));
    assert_eq!(fleet.world.cmdb.cis.values().filter(|ci| ci.class == crate::ci::Class::SoftwareProduct).count(), products);
}

#[test]
fn what_another_system_said_of_it_is_gone_too() {
    use crate::alert::decide::AlertCommand;
    use crate::alert::external::{ExternalReport, ExternalState};
    let mut fleet = fleet();
    let first = fleet.id_of(1);
    let external = ExternalReport {
        fingerprint: "00c0ffee00c0ffee".into(),
        state: ExternalState::Firing,
        severity: Some(crate::rule::Severity::Critical),
        title: "Disk of srv1 is full".into(),
        description: "See srv1.".into(),
        labels: [("host".to_owned(), "srv1".to_owned())].into(),
        link: None,
        runbook: None,
        began_at: None,
        ended_at: None,
    };
    let receive = AlertCommand::Receive { source: "am".into(), reports: vec![external] };
    fleet.decide("am", &crate::Command::Alert(receive)).expect("taken");
    let incidents = &fleet.world.incidents.incidents;
    assert!(incidents.values().any(|incident| incident.primary_ci == Some(first)), "{incidents:?}");
    erase(&mut fleet, first);
    check_gone(&fleet, &[&first.to_string(), "srv1\"", "of srv1", "see srv1"]);
}

/// An incident that people opened about an item, or about nothing, with a file attached.
fn incident_with(fleet: &mut Fleet, primary_ci: Option<CiId>, affected_cis: Vec<CiId>, content: &str) {
    use crate::incident::{IncidentAction, IncidentCommand, NewIncident};
    let (title, description) = ("It smokes".into(), "Badly.".into());
    let new = NewIncident { title, description, primary_ci, affected_cis, ..NewIncident::default() };
    fleet.decide("ada", &crate::Command::Incident(IncidentCommand::Open(Box::new(new)))).expect("opened");
    let incident = *fleet.world.incidents.numbers.values().next_back().expect("opened");
    let file = crate::attachment::NewAttachment {
        name: format!("{content} on srv1.log"),
        media_type: "text/plain".into(),
        size: 1,
        hash: ContentHash::of(content.as_bytes()),
    };
    let action = IncidentAction::Attach(Box::new(file));
    fleet.decide("ada", &crate::Command::Incident(IncidentCommand::Act { incident, action, expected: None })).expect("attached");
}

#[test]
fn what_is_attached_to_incidents_about_it_goes_and_the_rest_is_named() {
    let mut fleet = fleet();
    let (first, second) = (fleet.id_of(1), fleet.id_of(2));
    incident_with(&mut fleet, Some(first), vec![], "one");
    incident_with(&mut fleet, Some(second), vec![first], "two");
    incident_with(&mut fleet, None, vec![], "three");
    let mut target = target(&fleet.world, &wanted(first)).expect("may be erased");
    let found = forecast(&fleet.world, &target);
    let elsewhere = fleet.world.incidents.incidents.values().find(|one| one.affected_cis == [first]).expect("opened").attachments[0].id;
    assert_eq!((found.attachments, found.attachments_elsewhere), (1, vec![elsewhere]));
    fleet.log.iter().for_each(|record| target.learn(record));
    assert_eq!(target.attachments(), [ContentHash::of(b"one")].into());
    erase(&mut fleet, first);
    check_gone(&fleet, &[&first.to_string(), &ContentHash::of(b"one").to_string(), "one on"]);
    let names: Vec<&str> = crate::attachment::all(&fleet.world).map(|attachment| attachment.name.as_str()).collect();
    assert_eq!(names, ["two on [erased].log", "three on srv1.log"]);
}

#[test]
fn erasing_is_done_once_and_a_return_is_a_new_item() {
    let mut fleet = fleet();
    let first = fleet.id_of(1);
    erase(&mut fleet, first);
    assert!(matches!(target(&fleet.world, &wanted(first)), Err(Rejection::NotFound { .. })));
    fleet.now = Timestamp(fleet.now.0 + 1_000);
    fleet.enrol(3);
    let disks = Section::Disks(vec![disk("sda", "PHAX000001")]);
    fleet.report(3, [system(server(1)), disks]);
    assert_ne!(fleet.id_of(3), first);
    fleet.check();
}

#[test]
fn what_is_in_use_is_erased_by_force_alone_and_never_without_a_basis() {
    let mut fleet = fleet();
    let ci = fleet.id_of(1);
    let ask = |fleet: &Fleet, change: fn(&mut Wanted)| {
        let mut asked = wanted(ci);
        change(&mut asked);
        target(&fleet.world, &asked).map(|target| target.cis.len()).map_err(|rejection| rejection.to_string())
    };
    assert_eq!(ask(&fleet, |_| {}), Ok(2));
    assert!(ask(&fleet, |asked| asked.force = false).is_err_and(|why| why.contains("erased unless forced")));
    assert!(ask(&fleet, |asked| asked.legal_basis = " ".into()).is_err_and(|why| why.starts_with("legal_basis")));
    assert!(ask(&fleet, |asked| asked.reason = String::new()).is_err_and(|why| why.starts_with("reason")));
    fleet.command("ada", CiCommand::SetStatus { ci, status: Lifecycle::Retired, reason: "gone".into(), expected: None }).expect("retired");
    assert_eq!(ask(&fleet, |asked| asked.force = false), Ok(2));
    let product = fleet.world.cmdb.cis.values().find(|ci| ci.class == crate::ci::Class::SoftwareProduct).expect("curl").id;
    assert!(matches!(target(&fleet.world, &wanted(product)), Err(Rejection::Conflict(_))));
}

#[test]
fn a_forecast_counts_what_goes() {
    let fleet = fleet();
    let target = target(&fleet.world, &wanted(fleet.id_of(1))).expect("may be erased");
    let found = forecast(&fleet.world, &target);
    assert_eq!((found.cis.len(), found.agents.len(), found.relations, found.contents), (2, 1, 1, 3));
    assert!(found.attributes > 5 && found.records > 3, "{found:?}");
}

#[test]
fn a_part_that_moved_elsewhere_before_stays_where_it_is() {
    let mut fleet = fleet();
    let (first, second) = (fleet.id_of(1), fleet.id_of(2));
    let moved = fleet.world.cmdb.components[&first].iter().next().copied().expect("a disk");
    fleet.report(1, [Section::Disks(vec![])]);
    fleet.report(2, [Section::Disks(vec![disk("sda", "PHAX000002"), disk("sdb", "PHAX000001")])]);
    assert_eq!(fleet.world.cmdb.cis[&moved].parent, Some(second));
    erase(&mut fleet, first);
    assert_eq!(fleet.world.cmdb.cis[&moved].parent, Some(second));
    check_gone(&fleet, &[&first.to_string(), "SRV00001"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever happened before and happens after, the log says it all and the erased host is not in it.
    #[test]
    fn replay_equals_live_with_erasures(steps in prop::collection::vec((0_u8..7, 1_u32..4), 1..20), after in prop::collection::vec(2_u32..4, 0..4)) {
        let mut fleet = Fleet::with_agents([1, 2, 3]);
        (1..4).for_each(|number| report(&mut fleet, number));
        for (step, number) in steps {
            let ci = fleet.id_of(u128::from(number));
            let other = fleet.id_of(u128::from(number % 3 + 1));
            match step {
                0 => report(&mut fleet, number),
                1 => drop(fleet.deliver("glpi", &format!("srv{number}-key"), [system(server(number))])),
                2 => drop(fleet.command("ada", CiCommand::Relate { from: ci, kind: RelationKind::DependsOn, to: other })),
                3 => drop(fleet.command("ada", CiCommand::SetStatus { ci, status: Lifecycle::Maintenance, reason: format!("srv{number} is opened"), expected: None })),
                4 => drop(fleet.report(u128::from(number), [Section::Disks(vec![])])),
                5 => drop(fleet.report(u128::from(number), [packages(&[("curl", "8.1")]), os("12")])),
                _ => drop(fleet.command("ada", CiCommand::Merge { into: ci, from: vec![other], reason: "one of them".into(), expected: None })),
            }
        }
        let first = fleet.id_of(1);
        erase(&mut fleet, first);
        check_gone(&fleet, &[&first.to_string(), &AgentId(1).to_string(), "SRV00001"]);
        for number in after {
            if fleet.world.trust.agents.contains_key(&AgentId(u128::from(number))) {
                drop(fleet.try_report(u128::from(number), [system(server(number))]));
            }
        }
        fleet.check();
    }
}
