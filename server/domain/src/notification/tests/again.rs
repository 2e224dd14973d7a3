//! A channel is disabled or suspended, and taken up again: what is still true is told, and nothing else.

use super::*;
use crate::delivery::{DeliveryState, Outcome, Told};
use crate::id::DeliveryId;

fn turn(desk: &mut Desk, at: i64, id: ChannelId, enabled: bool) {
    let known = desk.s.world.delivery.channels[&id].channel.clone();
    let channel = NewChannel { name: known.name, kind: known.kind, enabled, wanted: known.wanted };
    desk.s.command(at, &Command::Delivery(DeliveryCommand::Update { id, channel, expected: None })).expect("changed");
    desk.s.settle(at);
}

fn conclude(desk: &mut Desk, at: i64, outcome: Outcome) -> DeliveryId {
    let id = desk.s.world.delivery.next_message(desk.channel).expect("one").0.id;
    let command = DeliveryCommand::Conclude { channel: desk.channel, told: Told::Message(id), outcome };
    desk.s.command(at, &Command::Delivery(command)).expect("noted");
    id
}

fn sent(desk: &mut Desk, at: i64) {
    while desk.s.world.delivery.next_message(desk.channel).is_some() {
        conclude(desk, at, Outcome::Confirmed);
    }
}

/// What waits for the channel.
fn waiting(desk: &Desk) -> Vec<String> {
    let waiting = desk.s.world.delivery.of(desk.channel, DeliveryState::Waiting);
    let said = waiting.filter_map(|delivery| match &delivery.content {
        Content::Notification { message } => Some(format!("{}: {}", message.status.as_str(), message.title)),
        _ => None,
    });
    said.collect()
}

#[test]
fn a_page_that_came_while_its_channel_was_disabled_is_told_once_when_it_is_enabled() {
    let mut desk = Desk::with_route();
    let channel = desk.channel;
    turn(&mut desk, 5, channel, false);
    desk.breach(10, [1]);
    desk.check(&[]);
    turn(&mut desk, 100, channel, true);
    desk.check(&[&format!("100 firing: {ALONE}")]);
    turn(&mut desk, 101, channel, false);
    turn(&mut desk, 102, channel, true);
    desk.wait([103, 200]);
    desk.check(&[]);
    let causes: Vec<Cause> = desk.s.world.notifications.history.values().map(|told| told.cause).collect();
    assert_eq!(causes, [Cause::Opened, Cause::Opened]);
}

#[test]
fn what_came_and_went_or_was_acknowledged_while_a_channel_was_disabled_is_not_told_there() {
    for take in [IncidentAction::Acknowledge, IncidentAction::Hold { reason: HoldReason::Vendor, note: None }] {
        let mut desk = Desk::with_route();
        let channel = desk.channel;
        turn(&mut desk, 5, channel, false);
        desk.breach(10, [1]);
        desk.act(20, 1, take);
        turn(&mut desk, 100, channel, true);
        desk.wait([101, 200]);
        desk.recover(300, [1]);
        desk.check(&[]);
    }
    let mut desk = Desk::with_route();
    let channel = desk.channel;
    turn(&mut desk, 5, channel, false);
    desk.breach(10, [1]);
    desk.recover(20, [1]);
    turn(&mut desk, 100, channel, true);
    desk.wait([101, 200]);
    desk.check(&[]);
}

#[test]
fn who_was_told_is_told_that_it_was_over_or_acknowledged_when_the_channel_is_back() {
    let mut desk = Desk::with_route();
    let channel = desk.channel;
    desk.breach(10, [1]);
    sent(&mut desk, 11);
    turn(&mut desk, 20, channel, false);
    desk.act(30, 1, IncidentAction::Acknowledge);
    assert_eq!(waiting(&desk), [""; 0]);
    turn(&mut desk, 40, channel, true);
    assert_eq!(waiting(&desk), [format!("acknowledged: {ALONE}")]);
    sent(&mut desk, 41);
    turn(&mut desk, 50, channel, false);
    desk.recover(60, [1]);
    desk.wait([61, 1_000]);
    assert!(desk.s.world.notifications.groups.is_empty());
    turn(&mut desk, 2_000, channel, true);
    assert_eq!(waiting(&desk), [format!("resolved: {ALONE}")]);
    desk.told();
}

#[test]
fn what_waited_when_a_channel_was_disabled_is_not_sent_after_it_is_over() {
    for tell_resolved in [true, false] {
        let mut desk = Desk::new();
        let channel = desk.channel;
        desk.set_route(Route { tell_resolved, ..route(channel) });
        desk.breach(10, [1]);
        turn(&mut desk, 11, channel, false);
        desk.recover(20, [1]);
        turn(&mut desk, 1_000, channel, true);
        assert_eq!(waiting(&desk), [""; 0]);
        desk.told();
    }
}

#[test]
fn a_page_by_which_a_channel_was_suspended_is_told_as_it_stands_when_it_is_taken_up() {
    let mut desk = Desk::with_route();
    let channel = desk.channel;
    desk.breach(10, [1]);
    conclude(&mut desk, 11, Outcome::Gone { reason: "410".into() });
    desk.breach(20, [2]);
    desk.wait([80]);
    desk.told();
    turn(&mut desk, 100, channel, true);
    desk.check(&["100 firing: 2 incidents: Load on web-1, web-2"]);
}

#[test]
fn an_end_by_which_a_channel_was_suspended_is_sent_when_it_is_taken_up() {
    let mut desk = Desk::with_route();
    let channel = desk.channel;
    desk.breach(10, [1]);
    sent(&mut desk, 11);
    desk.recover(20, [1]);
    let end = conclude(&mut desk, 21, Outcome::Gone { reason: "410".into() });
    desk.wait([200]);
    turn(&mut desk, 300, channel, true);
    assert_eq!(desk.s.world.delivery.next_message(channel).map(|(next, _)| next.id), Some(end));
    desk.told();
}

#[test]
fn of_two_channels_the_one_that_was_off_alone_is_told_again() {
    let mut desk = Desk::new();
    let other = desk.make_channel("other");
    desk.set_route(Route { channels: BTreeSet::from([desk.channel, other]), ..route(other) });
    turn(&mut desk, 5, other, false);
    desk.breach(10, [1]);
    desk.told();
    turn(&mut desk, 20, other, true);
    let told = desk.s.world.delivery.of(other, DeliveryState::Waiting).count();
    assert_eq!((told, desk.told().len()), (1, 1));
    desk.recover(30, [1]);
    assert_eq!(desk.told().len(), 2, "both are told that it is over");
}

#[test]
fn escalation_begins_when_somebody_can_be_reached_and_misses_nobody_whose_channel_is_back() {
    let mut desk = Desk::new();
    let (ann, bob) = (desk.make_contact("ann"), desk.make_contact("bob"));
    let mail = desk.make_channel("mail");
    let step = |after_s: u64, contact| Step { after_ms: after_s * 1_000, targets: vec![Target::Contact { contact }] };
    let steps = vec![step(0, ann), step(300, bob)];
    let policy = Policy { id: PolicyId(0), name: "Ops".into(), steps, repeat: 0, repeat_after_ms: 900_000, mail_channel: Some(mail) };
    desk.ask(0, NotificationCommand::SetPolicy { id: None, policy: Box::new(policy), expected: None }).expect("a policy");
    let escalation = desk.s.world.notifications.policies.keys().next().copied();
    desk.set_route(Route { channels: BTreeSet::new(), escalation, ..route(desk.channel) });
    turn(&mut desk, 5, mail, false);
    desk.breach(10, [1]);
    desk.check(&[]);
    turn(&mut desk, 100, mail, true);
    desk.wait([101, 399, 400]);
    desk.check(&[&format!("100 firing to ann@example.org: {ALONE}"), &format!("400 firing to bob@example.org: {ALONE}")]);

    // Bob was told at another place meanwhile.
    turn(&mut desk, 500, mail, false);
    let methods = vec![Method { channel: desk.channel, address: Some("@bob".into()) }];
    desk.ask(501, NotificationCommand::SetMethods { contact: bob, methods, expected: None }).expect("methods");
    desk.act(502, 1, IncidentAction::Acknowledge);
    desk.told();
    desk.breach(600, [2]);
    desk.check(&["600 firing to @bob: 2 incidents: Load on web-2, web-1"]);
    turn(&mut desk, 700, mail, true);
    desk.check(&["700 firing to ann@example.org: 2 incidents: Load on web-2, web-1"]);
}
