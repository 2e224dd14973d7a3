//! A small fleet breaches, people acknowledge, time passes: who is told what, line by line. Every log is replayed.

mod again;
mod catch_up;
mod escalation;
mod external;
mod laws;
mod leave;
mod methods;
mod notice;
mod order;
mod people;
mod plan;
mod standing;
mod watch;
mod wording;
mod written;

use super::escalation::{Method, Policy, Step, Target};
use super::route::{GROUP_INTERVAL_MS, GroupBy, QuietHours, REPEAT_INTERVAL_MS, When};
use super::weekly::WeeklyHours;
use super::*;
use crate::alert::scenario::{Scenario, rule};
use crate::command::Command;
use crate::contact::{ContactCommand, ContactKind};
use crate::delivery::{ChannelKind, Content, DeliveryCommand, DeliveryEvent, NewChannel, Wanted};
use crate::event::Event;
use crate::incident::{HoldReason, IncidentAction};
use crate::rule::{Rule, RuleEvent};
use crate::{Actor, Rejection};

/// A fleet with a channel and what is told through it.
pub(super) struct Desk {
    pub(super) s: Scenario,
    pub(super) channel: ChannelId,
    seen: usize,
}

pub(super) fn loud(id: &str) -> Rule {
    Rule { tier: Tier::Page, ..rule(id) }
}

pub(super) fn route(channel: ChannelId) -> Route {
    Route {
        id: RouteId(0),
        name: "Pages".into(),
        position: 10,
        enabled: true,
        when: When::default(),
        continues: false,
        channels: BTreeSet::from([channel]),
        escalation: None,
        group_by: BTreeSet::from([GroupBy::Rule]),
        group_wait_ms: None,
        group_interval_ms: GROUP_INTERVAL_MS,
        repeat_interval_ms: Some(REPEAT_INTERVAL_MS),
        quiet_hours: None,
        tell_resolved: true,
        tell_acknowledged: true,
        title: None,
        text: None,
    }
}

impl Desk {
    pub(super) fn new() -> Self {
        Self::under(vec![loud("load")])
    }

    pub(super) fn under(rules: Vec<Rule>) -> Self {
        let mut desk = Self { s: Scenario::new(rules), channel: ChannelId(0), seen: 0 };
        (2..=40).for_each(|n| desk.s.add_host(n, &[]));
        desk.channel = desk.make_channel("ops");
        desk
    }

    pub(super) fn with_route() -> Self {
        let mut desk = Self::new();
        desk.set_route(route(desk.channel));
        desk
    }

    pub(super) fn ask(&mut self, at: i64, command: NotificationCommand) -> Result<(), Rejection> {
        self.s.command(at, &Command::Notification(command))?;
        self.s.settle(at);
        Ok(())
    }

    pub(super) fn set_route(&mut self, route: Route) {
        self.ask(0, NotificationCommand::SetRoute { id: None, route: Box::new(route), expected: None }).expect("a route");
    }

    pub(super) fn make_channel(&mut self, name: &str) -> ChannelId {
        self.make_channel_of(name, ChannelKind::Webhook { url: "https://receiver.example/hook".into() })
    }

    pub(super) fn make_channel_of(&mut self, name: &str, kind: ChannelKind) -> ChannelId {
        let channel = NewChannel { name: name.into(), kind, enabled: true, wanted: Wanted::default() };
        self.s.command(0, &Command::Delivery(DeliveryCommand::Create { id: None, channel, after: None })).expect("a channel");
        self.s.world.delivery.channels.values().find(|known| known.channel.name == name).expect("made").channel.id
    }

    pub(super) fn make_contact(&mut self, name: &str) -> ContactId {
        let mail = Some(format!("{name}@example.org"));
        let command = ContactCommand::Add { name: name.into(), kind: ContactKind::Person, mail };
        self.s.command(0, &Command::Contact(command)).expect("a contact");
        self.s.world.contacts.find(name).expect("made").contact.id
    }

    /// Values of hosts that come in one batch.
    pub(super) fn values(&mut self, at: i64, hosts: impl IntoIterator<Item = u128>, value: f64) {
        hosts.into_iter().for_each(|n| self.s.values(at, n, &[("", Some(value))]));
        self.s.settle(at);
    }

    pub(super) fn breach(&mut self, at: i64, hosts: impl IntoIterator<Item = u128>) {
        self.values(at, hosts, 99.0);
    }

    pub(super) fn recover(&mut self, at: i64, hosts: impl IntoIterator<Item = u128>) {
        self.values(at, hosts, 10.0);
    }

    pub(super) fn act(&mut self, at: i64, number: u64, action: IncidentAction) {
        self.s.act(at, number, action).expect("allowed");
        self.s.settle(at);
    }

    /// Lets time pass, a tick at each of these moments.
    pub(super) fn wait(&mut self, moments: impl IntoIterator<Item = i64>) {
        for at in moments {
            self.s.settle(at);
        }
    }

    /// What was told since the last telling.
    #[track_caller]
    pub(super) fn told(&mut self) -> Vec<String> {
        self.s.replay();
        let snapshot = serde_json::to_string(&self.s.world.notifications).expect("a snapshot");
        assert_eq!(serde_json::from_str::<Notifications>(&snapshot).expect("read again"), self.s.world.notifications);
        let lines = self.s.log[self.seen..].iter().filter_map(|record| match &record.event {
            Event::Delivery(DeliveryEvent::DeliveryQueued { delivery }) => match &delivery.content {
                Content::Notification { message } => {
                    let to = message.recipients.join("+");
                    let to = if to.is_empty() { String::new() } else { format!(" to {to}") };
                    Some(format!("{} {}{to}: {}", record.at.0 / 1_000, message.status.as_str(), message.title))
                }
                _ => None,
            },
            _ => None,
        });
        let lines = lines.collect();
        self.seen = self.s.log.len();
        lines
    }

    #[track_caller]
    pub(super) fn check(&mut self, expected: &[&str]) {
        assert_eq!(self.told(), expected);
    }
}

const ALONE: &str = "Load critical on web-1: 99";

#[test]
fn without_a_route_nothing_is_told() {
    let mut desk = Desk::new();
    desk.breach(10, [1]);
    desk.wait([20, 100]);
    desk.check(&[]);
    assert!(desk.s.world.notifications.groups.is_empty());
}

#[test]
fn a_page_that_comes_alone_is_told_at_once_and_once() {
    let mut desk = Desk::with_route();
    desk.breach(10, [1]);
    desk.check(&[&format!("10 firing: {ALONE}")]);
    desk.breach(20, [1]);
    desk.wait([21, 80, 300, 3_000]);
    desk.check(&[]);
    desk.recover(3_100, [1]);
    desk.check(&[&format!("3100 resolved: {ALONE}")]);
    desk.wait([3_161]);
    let left = &desk.s.world.notifications;
    assert!(left.groups.is_empty() && left.due.is_empty() && left.by_key.is_empty() && left.by_incident.is_empty());
}

#[test]
fn what_comes_together_is_told_together_after_ten_seconds() {
    let mut desk = Desk::with_route();
    desk.breach(10, 1..=6);
    desk.check(&[]);
    desk.breach(15, 7..=9);
    desk.wait([19, 20, 30, 100]);
    desk.check(&["20 firing: 9 incidents: Load on web-1, web-2, web-3 and 6 more"]);
}

#[test]
fn a_storm_is_told_as_one_incident_and_nothing_of_what_joins_it() {
    let mut desk = Desk::with_route();
    desk.breach(10, 1..=30);
    desk.check(&[]);
    desk.breach(15, 31..=40);
    desk.wait([19]);
    desk.check(&[]);
    desk.wait([20, 30, 100]);
    desk.check(&["20 firing: Storm: Load on 40 items"]);
    desk.recover(500, 1..=40);
    desk.check(&["500 resolved: Storm: Load on 40 items"]);
}

#[test]
fn a_storm_that_grows_more_than_twofold_is_told_again_after_the_interval() {
    let mut desk = Desk::with_route();
    desk.breach(10, 1..=12);
    desk.wait([20]);
    desk.breach(25, 13..=24);
    desk.wait([80]);
    desk.check(&["20 firing: Storm: Load on 12 items"]);
    desk.breach(84, 25..=40);
    desk.wait([85, 100, 300]);
    desk.check(&["84 firing: Storm: Load on 40 items"]);
    let causes: Vec<Cause> = desk.s.world.notifications.history.values().map(|told| told.cause).collect();
    assert_eq!(causes, [Cause::Opened, Cause::Changed]);
}

#[test]
fn a_page_after_all_was_told_to_be_over_is_told_at_once_and_a_storm_waits_for_its_rest() {
    let mut desk = Desk::with_route();
    desk.breach(10, [1]);
    desk.recover(100, [1]);
    desk.told();
    desk.breach(110, [2]);
    desk.check(&["110 firing: Load critical on web-2: 99"]);
    desk.recover(120, [2]);
    desk.check(&["120 resolved: 2 incidents: Load on web-1, web-2"]);
    desk.breach(130, [3, 4]);
    desk.breach(131, [5]);
    desk.wait([139]);
    desk.check(&[]);
    desk.wait([140]);
    desk.check(&["140 firing: 3 incidents: Load on web-3, web-4, web-5"]);
}

#[test]
fn what_begins_again_waits_for_others_as_long_as_its_route_says_and_no_longer() {
    let mut desk = Desk::new();
    desk.set_route(Route { group_wait_ms: Some(30_000), ..route(desk.channel) });
    desk.breach(10, [1]);
    desk.wait([40]);
    desk.recover(100, [1]);
    desk.told();
    desk.breach(110, [2]);
    desk.breach(111, [3]);
    desk.wait([139]);
    desk.check(&[]);
    desk.wait([140]);
    desk.check(&["140 firing: 2 incidents: Load on web-2, web-3"]);
}

#[test]
fn a_storm_of_tickets_pages_when_a_part_of_it_becomes_one() {
    let mut desk = Desk::under(vec![Rule { warning_tier: Some(Tier::Ticket), ..loud("load") }]);
    desk.set_route(route(desk.channel));
    desk.values(10, 1..=30, 90.0);
    desk.wait([19, 20, 30, 90]);
    desk.check(&[]);
    desk.values(100, [7], 99.0);
    desk.check(&["100 firing: Storm: Load on 30 items"]);
}

#[test]
fn what_joins_after_the_first_is_told_in_one_message_after_the_interval() {
    let mut desk = Desk::with_route();
    desk.breach(10, [1]);
    for n in 2..=9 {
        desk.breach(10 + n as i64, [n]);
    }
    desk.wait([69, 70, 71, 200]);
    desk.check(&[&format!("10 firing: {ALONE}"), "70 firing: 9 incidents: Load on web-1, web-2, web-3 and 6 more"]);
    desk.recover(300, 1..=8);
    desk.wait([301, 400]);
    desk.check(&[]);
    desk.recover(500, [9]);
    desk.check(&["500 resolved: 9 incidents: Load on web-1, web-2, web-3 and 6 more"]);
}

#[test]
fn the_first_of_a_storm_that_shows_waits_for_it() {
    let mut desk = Desk::under(vec![Rule { for_ms: 30_000, ..loud("load") }]);
    desk.set_route(route(desk.channel));
    desk.breach(10, 1..=40);
    // Each comes alone, but the others are seen to be about to follow.
    for n in 1..=40 {
        desk.breach(40 + n as i64 / 10, [n]);
    }
    desk.wait([49, 50, 51, 200]);
    desk.check(&["50 firing: Storm: Load on 40 items"]);
}

#[test]
fn tickets_are_told_only_where_a_route_asks_for_them_and_wait() {
    let mut desk = Desk::under(vec![rule("load")]);
    desk.set_route(route(desk.channel));
    desk.breach(10, [1]);
    desk.wait([40, 100]);
    desk.check(&[]);
    desk.act(150, 1, IncidentAction::Acknowledge);
    let when = When { tiers: BTreeSet::from([Tier::Page, Tier::Ticket]), ..When::default() };
    desk.set_route(Route { name: "All".into(), when, ..route(desk.channel) });
    desk.breach(200, [2]);
    desk.wait([229, 230]);
    desk.check(&["230 firing: Load critical on web-2: 99"]);
}

#[test]
fn the_same_is_told_again_until_somebody_takes_notice_and_then_only_how_it_stands() {
    let mut desk = Desk::with_route();
    desk.breach(0, [1]);
    desk.wait([14_399, 14_400, 14_401]);
    desk.check(&[&format!("0 firing: {ALONE}"), &format!("14400 firing: {ALONE}")]);
    desk.act(15_000, 1, IncidentAction::Acknowledge);
    desk.wait([28_800, 50_000]);
    desk.check(&[&format!("15000 acknowledged: {ALONE}")]);
    desk.recover(60_000, [1]);
    desk.check(&[&format!("60000 resolved: {ALONE}")]);
}

#[test]
fn what_is_put_on_hold_is_not_told_to_be_acknowledged_until_somebody_does() {
    let hold = IncidentAction::Hold { reason: HoldReason::Vendor, note: None };
    let mut desk = Desk::with_route();
    desk.breach(0, [1]);
    desk.told();
    desk.act(100, 1, hold.clone());
    desk.wait([101, 14_400, 30_000]);
    desk.check(&[]);
    desk.act(40_000, 1, IncidentAction::Acknowledge);
    desk.wait([40_001, 50_000]);
    desk.check(&[&format!("40000 acknowledged: {ALONE}")]);

    // One of two: the group is acknowledged when both are.
    let mut desk = Desk::with_route();
    desk.breach(0, [1, 2]);
    desk.wait([10]);
    desk.told();
    desk.act(100, 1, hold);
    desk.act(200, 2, IncidentAction::Acknowledge);
    desk.act(300, 1, IncidentAction::Resume);
    desk.wait([20_000]);
    desk.check(&[]);
    desk.act(30_000, 1, IncidentAction::Acknowledge);
    desk.check(&["30000 acknowledged: 2 incidents: Load on web-1, web-2"]);
    desk.recover(40_000, [1, 2]);
    desk.check(&["40000 resolved: 2 incidents: Load on web-1, web-2"]);
}

#[test]
fn what_is_acknowledged_before_its_turn_is_not_told() {
    let mut desk = Desk::with_route();
    desk.breach(0, [1, 2]);
    desk.act(5, 1, IncidentAction::Acknowledge);
    desk.act(6, 2, IncidentAction::Acknowledge);
    desk.wait([10, 100, 20_000]);
    desk.recover(30_000, [1, 2]);
    desk.check(&[]);
}

#[test]
fn a_new_one_in_a_group_that_somebody_looks_after_is_told_as_new() {
    let mut desk = Desk::with_route();
    desk.breach(0, [1]);
    desk.act(10, 1, IncidentAction::Acknowledge);
    desk.breach(300, [2]);
    desk.check(&[&format!("0 firing: {ALONE}"), &format!("10 acknowledged: {ALONE}"), "300 firing: 2 incidents: Load on web-2, web-1"]);
}

#[test]
fn acknowledging_a_group_takes_notice_of_all_of_it_in_the_name_of_who_does() {
    let mut desk = Desk::with_route();
    desk.breach(0, 1..=5);
    desk.wait([10]);
    let group = *desk.s.world.notifications.groups.keys().next().expect("a group");
    desk.told();
    desk.ask(20, NotificationCommand::AcknowledgeGroup { group }).expect("there");
    assert!(desk.s.world.incidents.incidents.values().all(|incident| {
        incident.acknowledged.as_ref().is_some_and(|(_, by)| matches!(by, Actor::Token { name, .. } if name == "ada"))
    }));
    desk.check(&["20 acknowledged: 5 incidents: Load on web-1, web-2, web-3 and 2 more"]);
    desk.ask(21, NotificationCommand::AcknowledgeGroup { group }).expect("nothing to do");
    let other = NotificationGroupId(u128::MAX);
    let refused = desk.ask(22, NotificationCommand::AcknowledgeGroup { group: other });
    assert!(matches!(refused, Err(Rejection::NotFound { .. })));
}

#[test]
fn quiet_hours_hold_what_can_wait_and_tell_it_as_one_at_the_end() {
    let mut desk = Desk::under(vec![rule("load"), loud("heat")]);
    let when = When {
        tiers: BTreeSet::from([Tier::Page, Tier::Ticket]),
        rules: BTreeSet::from(["load".parse().expect("a rule")]),
        ..When::default()
    };
    // 1970-01-01 was a Thursday.
    let hours = vec![WeeklyHours { weekdays: vec![crate::alert::mute::Day::Thursday], from: "00:00".into(), to: "01:00".into() }];
    let quiet_hours = Some(QuietHours { time_zone: "UTC".into(), hours, hold_pages: false });
    desk.set_route(Route { when, quiet_hours, group_by: BTreeSet::from([GroupBy::Ci]), ..route(desk.channel) });
    desk.breach(100, [1]);
    desk.breach(200, [2, 3]);
    desk.wait([1_000, 3_000]);
    desk.recover(3_100, [3]);
    desk.wait([3_599]);
    desk.check(&[]);
    desk.wait([3_600, 3_700]);
    desk.check(&["3600 firing: 2 incidents: Load on web-1, web-2"]);
}

#[test]
fn what_continues_reaches_the_routes_behind_and_else_the_first_takes_it() {
    let mut desk = Desk::new();
    let (first, second) = (desk.make_channel("first"), desk.make_channel("second"));
    desk.set_route(Route { name: "A".into(), position: 1, continues: true, ..route(first) });
    desk.set_route(Route { name: "B".into(), position: 2, ..route(second) });
    desk.set_route(Route { name: "C".into(), position: 3, ..route(desk.channel) });
    desk.breach(0, [1]);
    assert_eq!(desk.told().len(), 2);
    let channels: Vec<ChannelId> = desk.s.world.notifications.history.values().map(|told| told.channel).collect();
    assert_eq!(channels, [first, second]);
}

#[test]
fn a_page_held_by_a_silence_is_told_when_that_is_over() {
    use crate::alert::{AlertEvent, Suppression};
    let mut desk = Desk::with_route();
    desk.s.values(0, 1, &[("", Some(99.0))]);
    let alert = *desk.s.world.alerts.alerts.keys().next().expect("an alert");
    let suppressed = |reason: Option<&str>, at: i64| {
        let reason = reason.map(str::to_owned);
        Event::Alert(AlertEvent::AlertSuppressed {
            alert,
            incident: None,
            axis: Suppression::Silence,
            reason,
            at: rollcall_shared::Timestamp(at * 1_000),
        })
    };
    desk.s.commit(0, &Actor::System, vec![suppressed(Some("known"), 0)]);
    desk.wait([0, 100, 20_000]);
    desk.check(&[]);
    desk.s.commit(30_000, &Actor::System, vec![suppressed(None, 30_000)]);
    desk.wait([30_000, 30_100]);
    desk.check(&[&format!("30000 firing: {ALONE}")]);
}

#[test]
fn an_incident_that_becomes_a_page_is_told_then() {
    let mut desk = Desk::with_route();
    let quiet = Rule { warning_tier: Some(Tier::Ticket), ..loud("load") };
    desk.s.commit(0, &Actor::System, vec![Event::Rule(RuleEvent::RuleSet { rule: Box::new(quiet) })]);
    desk.values(10, [1], 88.0);
    desk.check(&[]);
    // From warning to critical the incident becomes a page.
    desk.breach(20, [1]);
    desk.check(&["20 firing: Load critical on web-1: 99"]);
}

#[test]
fn a_thousand_hosts_that_breach_at_once_are_one_notification_or_two_when_the_first_of_them_was_told() {
    for (first, expected) in [(100, 1), (1, 2)] {
        let mut desk = Desk::with_route();
        (41..=1_000).for_each(|n| desk.s.add_host(n, &[]));
        // As the server takes them: as many in one batch as have come meanwhile.
        desk.breach(10, 1..=first);
        for batch in 0..10_u128 {
            let from = first + 1 + batch * 100;
            desk.breach(11, from..=(from + 99).min(1_000));
        }
        desk.wait(12..=200);
        let told = desk.told();
        assert_eq!(told.len(), expected, "{told:?}");
        assert!(told[told.len() - 1].contains("Storm: Load on 1000 items"), "{told:?}");
    }
}
