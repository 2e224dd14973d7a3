use super::*;
use crate::ci::testing::Fleet;
use crate::context::{CountingIds, NoContent};
use crate::delivery::{ChannelKind, DeliveryCommand, Follows, KEEP_DELIVERED, MessageStatus, NewChannel, Outcome, Standing, Told, Wanted};
use crate::rule::{Severity, Tier};
use crate::{Actor, Command};
use std::time::Duration;

fn told(group: &str, title: &str, recipients: &[&str]) -> Message {
    Message {
        group: group.into(),
        labels: BTreeMap::new(),
        status: MessageStatus::Firing,
        severity: Severity::Warning,
        tier: Tier::Page,
        title: title.into(),
        text: String::new(),
        route: "all".into(),
        step: 1,
        recipients: recipients.iter().map(|one| (*one).to_owned()).collect(),
        incidents: Vec::new(),
        omitted: 0,
    }
}

/// A world with one channel through which notifications go.
struct Desk {
    fleet: Fleet,
    channel: ChannelId,
}

impl Desk {
    fn new() -> Self {
        let mut fleet = Fleet::with_agents([1]);
        let wanted = Wanted { follows: Follows::Notifications, ..Wanted::default() };
        let kind = ChannelKind::Webhook { url: "https://receiver.example/".into() };
        let channel = NewChannel { name: "pager".into(), kind, enabled: true, wanted };
        fleet.decide("ann", &Command::Delivery(DeliveryCommand::Create { id: None, channel, after: None })).expect("accepted");
        let channel = *fleet.world.delivery.channels.keys().next().expect("there");
        Self { fleet, channel }
    }

    /// What is decided apart from any command.
    fn happen(&mut self, decide: impl FnOnce(&World, &mut Context<'_>) -> Vec<Event>) -> usize {
        let fleet = &mut self.fleet;
        let mut context = Context { now: fleet.now, actor: Actor::System, ids: &mut fleet.ids, content: &NoContent };
        let events = decide(&fleet.world, &mut context);
        let count = events.len();
        fleet.append(Actor::System, events);
        count
    }

    fn notify(&mut self, message: Message) {
        let channel = self.channel;
        self.happen(|world, context| notify(world, channel, message, context));
    }

    fn next(&self) -> Option<(String, Timestamp)> {
        let (delivery, due) = self.fleet.world.delivery.next_message(self.channel)?;
        let Content::Notification { message } = &delivery.content else { return Some(("test".into(), due)) };
        Some((message.title.clone(), due))
    }

    fn conclude(&mut self, outcome: Outcome) -> DeliveryId {
        let id = self.fleet.world.delivery.next_message(self.channel).expect("one").0.id;
        let command = DeliveryCommand::Conclude { channel: self.channel, told: Told::Message(id), outcome };
        self.fleet.decide("ann", &Command::Delivery(command)).expect("never refused");
        id
    }

    fn states(&self) -> Vec<DeliveryState> {
        self.fleet.world.delivery.deliveries.values().map(|delivery| delivery.state).collect()
    }
}

fn away(retry_after: Option<u64>) -> Outcome {
    Outcome::Failed { reason: "away".into(), retry_after: retry_after.map(Duration::from_secs) }
}

#[test]
fn of_one_group_the_latest_is_sent_to_the_same_people_and_the_others_say_so() {
    use DeliveryState::{Superseded, Waiting};
    let mut desk = Desk::new();
    desk.notify(told("g", "first", &["ann"]));
    desk.notify(told("g", "for bob", &["bob"]));
    desk.notify(told("h", "another group", &["ann"]));
    desk.conclude(away(None));
    desk.notify(told("g", "second", &["ann"]));
    assert_eq!(desk.states(), [Superseded, Waiting, Waiting, Waiting]);
    let deliveries: Vec<&Delivery> = desk.fleet.world.delivery.deliveries.values().collect();
    assert!(deliveries[0].last_error.as_ref().is_some_and(|error| error.contains(&deliveries[3].id.to_string())));
    assert_eq!(deliveries[0].expires_at, Some(desk.fleet.now.plus(KEEP_DELIVERED)));
    desk.fleet.check();
}

#[test]
fn what_was_queued_without_a_word_is_superseded_all_the_same() {
    let mut desk = Desk::new();
    for (number, title) in ["old", "new"].into_iter().enumerate() {
        let channel = desk.channel;
        desk.happen(|_, context| {
            let content = Content::Notification { message: Box::new(told("g", title, &[])) };
            let delivery = Box::new(waiting(DeliveryId(1_000 + number as u128), channel, content, context));
            vec![Event::Delivery(DeliveryEvent::DeliveryQueued { delivery })]
        });
    }
    assert_eq!(desk.next().map(|(title, _)| title).as_deref(), Some("new"));
    assert_eq!(desk.happen(|world, context| super::super::decide::tick(world, context)), 1);
    assert_eq!(desk.states(), [DeliveryState::Superseded, DeliveryState::Waiting]);
    desk.fleet.check();
}

/// Two messages of one group that wait, as an earlier release left them.
fn two_that_wait(desk: &mut Desk) -> [DeliveryId; 2] {
    let ids = [DeliveryId(1_000), DeliveryId(1_001)];
    for (id, title) in ids.into_iter().zip(["old", "new"]) {
        let channel = desk.channel;
        desk.happen(|_, context| {
            let content = Content::Notification { message: Box::new(told("g", title, &[])) };
            let delivery = Box::new(waiting(id, channel, content, context));
            vec![Event::Delivery(DeliveryEvent::DeliveryQueued { delivery })]
        });
    }
    ids
}

#[test]
fn what_waits_behind_something_newer_that_was_delivered_is_never_sent() {
    let mut desk = Desk::new();
    let [_, new] = two_that_wait(&mut desk);
    assert_eq!(desk.conclude(Outcome::Confirmed), new);
    assert_eq!(desk.next(), None);
    assert_eq!(desk.happen(|world, context| super::super::decide::tick(world, context)), 1);
    assert_eq!(desk.states(), [DeliveryState::Superseded, DeliveryState::Delivered]);
    desk.fleet.check();
}

#[test]
fn what_fails_under_way_after_something_newer_was_queued_or_delivered_is_not_tried_again() {
    for is_delivered in [false, true] {
        let mut desk = Desk::new();
        let [old, _] = two_that_wait(&mut desk);
        if is_delivered {
            desk.conclude(Outcome::Confirmed);
        }
        let command = DeliveryCommand::Conclude { channel: desk.channel, told: Told::Message(old), outcome: away(None) };
        desk.fleet.decide("ann", &Command::Delivery(command)).expect("never refused");
        assert_eq!(desk.fleet.world.delivery.deliveries[&old].state, DeliveryState::Superseded);
        desk.fleet.check();
    }
}

#[test]
fn what_goes_to_more_people_makes_needless_what_was_for_some_of_them() {
    use DeliveryState::{Superseded, Waiting};
    let mut desk = Desk::new();
    desk.notify(told("g", "for ann", &["ann"]));
    desk.notify(told("g", "for bob and carol", &["bob", "carol"]));
    desk.notify(told("g", "for ann and bob", &["ann", "bob"]));
    assert_eq!(desk.states(), [Superseded, Waiting, Waiting], "carol is not told by it");
    desk.fleet.check();
}

#[test]
fn a_receiver_that_is_away_is_left_alone_by_all_but_tests() {
    let mut desk = Desk::new();
    desk.notify(told("g", "first", &[]));
    desk.conclude(away(Some(90)));
    desk.notify(told("h", "second", &[]));
    let end = desk.fleet.now.plus(Duration::from_secs(90));
    assert_eq!(desk.next(), Some(("first".into(), end)));
    assert_eq!(desk.fleet.world.delivery.channels[&desk.channel].standing(), Standing::Retrying);
    desk.fleet.decide("ann", &Command::Delivery(DeliveryCommand::Test { id: desk.channel })).expect("accepted");
    assert_eq!(desk.next(), Some(("test".into(), desk.fleet.now)));
    desk.conclude(Outcome::Confirmed);
    let (title, due) = desk.next().expect("waits");
    assert!(title == "second" && due <= desk.fleet.now, "the receiver is back");
    assert_eq!(desk.fleet.world.delivery.channels[&desk.channel].standing(), Standing::Healthy);
    desk.fleet.check();
}

#[test]
fn what_is_refused_does_not_hold_up_the_others() {
    let mut desk = Desk::new();
    desk.notify(told("g", "poison", &[]));
    desk.conclude(Outcome::Refused { reason: "no".into() });
    desk.notify(told("h", "second", &[]));
    assert_eq!(desk.next(), Some(("second".into(), desk.fleet.now)));
}

#[test]
fn a_notification_is_tried_at_least_every_five_minutes() {
    let mut desk = Desk::new();
    desk.notify(told("g", "first", &[]));
    for _ in 0..20 {
        desk.conclude(away(None));
        let due = desk.next().expect("waits").1;
        assert!(due.since(desk.fleet.now) <= Duration::from_secs(300));
        desk.fleet.now = due;
    }
}

#[test]
fn what_was_superseded_under_way_and_arrived_was_delivered() {
    let mut desk = Desk::new();
    desk.notify(told("g", "first", &[]));
    let first = desk.fleet.world.delivery.next_message(desk.channel).expect("one").0.id;
    desk.notify(told("g", "second", &[]));
    let partly = Outcome::Partly { reason: "x@example.org: no such user".into() };
    let command = DeliveryCommand::Conclude { channel: desk.channel, told: Told::Message(first), outcome: partly };
    desk.fleet.decide("ann", &Command::Delivery(command)).expect("accepted");
    let delivery = &desk.fleet.world.delivery.deliveries[&first];
    assert_eq!((delivery.state, delivery.last_error.as_deref()), (DeliveryState::Delivered, Some("x@example.org: no such user")));
    desk.fleet.check();
}

#[test]
fn a_storm_of_groups_is_bounded_and_the_oldest_become_dead_letters() {
    let mut desk = Desk::new();
    for number in 0..WAITING + 5 {
        desk.notify(told(&number.to_string(), "t", &[]));
    }
    desk.happen(|world, context| super::super::decide::tick(world, context));
    let states = desk.states();
    assert_eq!(states.iter().filter(|state| **state == DeliveryState::Dead).count(), 5);
    assert!(states[..5].iter().all(|state| *state == DeliveryState::Dead));
    desk.fleet.check();
}

#[test]
fn a_channel_that_takes_no_notifications_gets_none() {
    let mut desk = Desk::new();
    let known = desk.fleet.world.delivery.channels[&desk.channel].channel.clone();
    for (enabled, follows) in [(false, Follows::Both), (true, Follows::Feed)] {
        let wanted = Wanted { follows, ..Wanted::default() };
        let channel = NewChannel { name: known.name.clone(), kind: known.kind.clone(), enabled, wanted };
        desk.fleet
            .decide("ann", &Command::Delivery(DeliveryCommand::Update { id: desk.channel, channel, expected: None }))
            .expect("accepted");
        desk.notify(told("g", "first", &[]));
        assert_eq!(desk.next(), None);
    }
    let cursor = desk.fleet.world.delivery.channels[&desk.channel].cursor;
    assert!(cursor > 1, "it follows the feed from when it began to: {cursor}");
    let mut ids = CountingIds(0);
    let mut context = Context { now: Timestamp(0), actor: Actor::System, ids: &mut ids, content: &NoContent };
    assert!(notify(&desk.fleet.world, ChannelId(77), told("g", "t", &[]), &mut context).is_empty());
}

#[test]
fn what_comes_after_the_clock_was_set_back_is_newer_all_the_same() {
    let mut desk = Desk::new();
    // Ids follow the clock.
    desk.fleet.ids = CountingIds(1_000_000);
    desk.notify(told("g", "firing", &[]));
    desk.conclude(Outcome::Confirmed);
    desk.fleet.ids = CountingIds(10);
    desk.notify(told("g", "worse", &[]));
    desk.notify(told("g", "over", &[]));
    assert_eq!(desk.next().map(|(title, _)| title).as_deref(), Some("over"));
    desk.conclude(Outcome::Confirmed);
    assert_eq!(desk.next(), None);
}
