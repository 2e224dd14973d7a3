//! Other people's agents against each other and against our own.

use crate::Rejection;
use crate::ci::testing::*;
use crate::ci::{Ci, CiCommand, CiEvent, Class, Lifecycle, Source};
use crate::id::CiId;
use rollcall_shared::section::System;
use rollcall_shared::{Section, SectionName, Timestamp};

const HOUR: i64 = 3_600_000;

/// A fleet whose clock is far enough from its beginning for inventories of the past.
fn fleet(agents: &[u128]) -> Fleet {
    let mut fleet = Fleet::with_agents(agents.iter().copied());
    fleet.now = Timestamp(1_000 * HOUR);
    fleet
}

struct Foreign<'a> {
    feed: &'a str,
    key: &'a str,
    former: Option<&'a str>,
    age: i64,
}

const GLPI: Foreign<'_> = Foreign { feed: "glpi", key: "srv1-2026-11-25-10-00-00", former: None, age: 0 };

impl Foreign<'_> {
    fn send(&self, fleet: &mut Fleet, sections: impl IntoIterator<Item = Section>) -> Result<Vec<CiEvent>, Rejection> {
        let mut report = fleet.prepare(sections);
        report.collected_at = Timestamp(fleet.now.0 - self.age);
        let (feed, key, former) = (self.feed.to_owned(), self.key.to_owned(), self.former.map(str::to_owned));
        fleet.command("edge", CiCommand::Deliver { feed, key, former, report: Box::new(report) })
    }

    fn host<'f>(&self, fleet: &'f Fleet) -> &'f Ci {
        &fleet.world.cmdb.cis[&self.id(fleet)]
    }

    fn id(&self, fleet: &Fleet) -> CiId {
        fleet.world.cmdb.natives[&(self.feed.to_owned(), self.key.to_owned())]
    }
}

fn source(name: &str) -> Source {
    Source::Feed { name: name.into() }
}

#[test]
fn a_feed_and_an_agent_describe_one_host_and_both_are_seen() {
    let mut fleet = fleet(&[1]);
    fleet.report(1, [system(server(1)), os("13")]);
    GLPI.send(&mut fleet, [system(server(1)), os("12")]).expect("taken");
    assert_eq!(GLPI.id(&fleet), fleet.id_of(1));
    let version = &GLPI.host(&fleet).attributes["os_version"];
    assert!(version.proposals().iter().any(|proposal| *proposal.source() == source("glpi")));
    assert!(matches!(version.source(), Source::Agent { .. }), "the certificate counts more: {version:?}");
    fleet.check();
}

#[test]
fn an_older_inventory_changes_nothing_and_a_repeated_one_is_harmless() {
    let mut fleet = fleet(&[]);
    GLPI.send(&mut fleet, [system(server(1)), packages(&[("curl", "8.1")])]).expect("taken");
    let before = fleet.world.clone();
    let old = Foreign { age: 2 * HOUR, ..GLPI };
    let refused = old.send(&mut fleet, [system(server(1)), packages(&[("curl", "8.0")])]);
    assert!(matches!(&refused, Err(Rejection::Conflict(reason)) if reason.contains("before")), "{refused:?}");
    assert_eq!(fleet.world, before);
    let replay = Foreign { age: 60_000, ..GLPI };
    assert_eq!(replay.send(&mut fleet, [system(server(1)), packages(&[("curl", "8.1")])]).expect("the same again").len(), 0);
    fleet.check();
}

#[test]
fn an_unchanged_inventory_is_noted_at_most_once_an_hour() {
    let mut fleet = fleet(&[]);
    GLPI.send(&mut fleet, [system(server(1))]).expect("taken");
    assert!(GLPI.send(&mut fleet, [system(server(1))]).expect("taken").is_empty());
    fleet.now = Timestamp(fleet.now.0 + HOUR);
    let events = GLPI.send(&mut fleet, [system(server(1))]).expect("taken");
    assert!(matches!(events.as_slice(), [CiEvent::FeedDelivered { .. }]), "{events:?}");
    fleet.check();
}

#[test]
fn a_clock_that_runs_ahead_does_not_lock_its_machine_out() {
    let mut fleet = fleet(&[]);
    Foreign { age: -5_000 * HOUR, ..GLPI }.send(&mut fleet, [system(server(1))]).expect("taken");
    GLPI.send(&mut fleet, [system(server(1)), os("13")]).expect("taken once the clock is right");
    fleet.check();
}

#[test]
fn two_feeds_may_use_one_key_for_two_machines() {
    let mut fleet = fleet(&[]);
    let other = Foreign { feed: "ocs", ..GLPI };
    GLPI.send(&mut fleet, [system(server(1))]).expect("taken");
    other.send(&mut fleet, [system(server(2))]).expect("taken");
    assert_ne!(GLPI.id(&fleet), other.id(&fleet));
    fleet.check();
}

#[test]
fn a_key_whose_serial_number_changes_is_another_machine_and_a_matter_for_people() {
    let mut fleet = fleet(&[]);
    GLPI.send(&mut fleet, [system(server(1))]).expect("taken");
    let first = GLPI.id(&fleet);
    GLPI.send(&mut fleet, [system(server(2))]).expect("taken");
    assert_ne!(GLPI.id(&fleet), first);
    assert_eq!(fleet.world.cmdb.cis[&first].observed_text("serial"), Some("SRV00001"), "nothing was overwritten");
    assert_eq!(fleet.world.cmdb.reviews.len(), 1);
    fleet.check();
}

#[test]
fn a_new_key_adopts_the_host_of_the_one_that_it_replaces() {
    let mut fleet = fleet(&[]);
    let nameless = || System { hostname: Some("srv1".into()), ..System::default() };
    GLPI.send(&mut fleet, [system(nameless())]).expect("taken");
    let renamed = Foreign { key: "srv1-2027-01-01-00-00-00", former: Some(GLPI.key), ..GLPI };
    renamed.send(&mut fleet, [system(nameless())]).expect("taken");
    assert_eq!(renamed.id(&fleet), GLPI.id(&fleet));
    let attempts = fleet.attempts_of(renamed.id(&fleet));
    assert_eq!(attempts[0].attributes["former_key"], GLPI.key);
    fleet.check();
}

#[test]
fn a_former_key_does_not_outweigh_the_hardware() {
    let mut fleet = fleet(&[]);
    GLPI.send(&mut fleet, [system(server(1))]).expect("taken");
    let thief = Foreign { key: "srv2-2027-01-01-00-00-00", former: Some(GLPI.key), ..GLPI };
    thief.send(&mut fleet, [system(server(2))]).expect("taken");
    assert_ne!(thief.id(&fleet), GLPI.id(&fleet));
    assert_eq!(GLPI.host(&fleet).observed_text("serial"), Some("SRV00001"));
    fleet.check();
}

#[test]
fn a_former_key_of_nobody_means_nothing() {
    let mut fleet = fleet(&[]);
    let renamed = Foreign { former: Some("never-2020-01-01-00-00-00"), ..GLPI };
    renamed.send(&mut fleet, [system(server(1))]).expect("taken");
    assert_eq!(GLPI.host(&fleet).status, Lifecycle::Operational);
    fleet.check();
}

#[test]
fn machines_without_any_identifier_are_never_merged_by_their_name() {
    let mut fleet = fleet(&[]);
    let nameless = || System { hostname: Some("srv1".into()), fqdn: Some("srv1.example.org".into()), ..System::default() };
    let other = Foreign { key: "srv1-2026-11-25-10-00-01", ..GLPI };
    GLPI.send(&mut fleet, [system(nameless())]).expect("taken");
    other.send(&mut fleet, [system(nameless())]).expect("taken");
    assert_ne!(GLPI.id(&fleet), other.id(&fleet));
    let without = Foreign { key: "x-2026-11-25-10-00-01", ..GLPI };
    without.send(&mut fleet, [packages(&[("curl", "8.0")])]).expect("taken");
    assert_ne!(without.id(&fleet), GLPI.id(&fleet));
    fleet.check();
}

#[test]
fn a_feed_does_not_reclassify_what_an_agent_classified() {
    let mut fleet = fleet(&[1]);
    fleet.report(1, [system(server(1))]);
    let desktop = System { chassis_type: Some("tower".into()), ..server(1) };
    GLPI.send(&mut fleet, [system(desktop)]).expect("taken");
    assert_eq!((GLPI.id(&fleet), GLPI.host(&fleet).class), (fleet.id_of(1), Class::Server));
    assert!(GLPI.host(&fleet).feeds["glpi"].contains_key(&SectionName::System));
    fleet.check();
}

#[test]
fn a_feed_may_not_name_machines_without_end() {
    let mut fleet = fleet(&[]);
    GLPI.send(&mut fleet, [system(server(1))]).expect("taken");
    let host = GLPI.id(&fleet);
    for number in 0..200_000 {
        fleet.world.cmdb.natives.insert(("glpi".into(), format!("made-up-{number}")), host);
    }
    let another = Foreign { key: "new-2026-11-25-10-00-00", ..GLPI };
    assert!(matches!(another.send(&mut fleet, [system(server(2))]), Err(Rejection::Forbidden(_))));
    GLPI.send(&mut fleet, [system(server(1)), os("13")]).expect("known machines go on");
    let other = Foreign { feed: "ocs", ..GLPI };
    other.send(&mut fleet, [system(server(3))]).expect("and so do other feeds");
}

#[test]
fn a_refused_inventory_has_a_letter_until_one_under_its_key_counts() {
    let mut fleet = fleet(&[]);
    let mut policy = crate::ci::policy::Policy::default();
    policy.identification.reject_ambiguous.insert(Class::Host);
    fleet.command("ada", CiCommand::SetPolicy { policy: Box::new(policy), expected: None }).expect("set");
    for name in ["one", "two"] {
        let ci = fleet.register(Class::Server, name);
        let text = |text: &str| Some(crate::ci::AttributeValue::Text(text.into()));
        let attributes = [("serial".to_owned(), text("SRV00001")), ("manufacturer".to_owned(), text("Dell Inc."))].into();
        fleet.command("ada", CiCommand::AssertAttributes { ci, attributes, expected: None }).expect("taken");
    }
    let reporter = crate::ci::Reporter::Feed { name: GLPI.feed.into(), key: GLPI.key.into() };
    let refused = |fleet: &Fleet| fleet.world.cmdb.refusal_of(&reporter).map(|letter| letter.code.as_str());
    GLPI.send(&mut fleet, [system(server(2))]).expect("taken");
    assert_eq!(refused(&fleet), None);
    // The same key tells of another machine: of which, nobody can tell.
    let events = GLPI.send(&mut fleet, [system(server(1))]).expect("set aside");
    assert!(events.iter().any(|event| matches!(event, CiEvent::DeadLettered { .. })), "{events:?}");
    assert!(!events.iter().any(|event| matches!(event, CiEvent::FeedDelivered { .. })), "{events:?}");
    assert_eq!(refused(&fleet), Some("ambiguous_identity"));
    assert!(GLPI.send(&mut fleet, [system(server(1))]).expect("set aside").is_empty(), "the same within the hour");
    assert_eq!(refused(&fleet), Some("ambiguous_identity"));
    let events = GLPI.send(&mut fleet, [system(server(2))]).expect("taken");
    assert!(matches!(events[..], [CiEvent::FeedDelivered { .. }]), "{events:?}");
    assert_eq!(refused(&fleet), None, "it counts, though it says nothing new");
    fleet.check();
}
