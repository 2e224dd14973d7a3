//! What is told of one group stays in order, whatever becomes of single requests.

use super::*;
use crate::delivery::{DeliveryState, Message, Outcome, Told, WAITING, decide};
use crate::id::DeliveryId;
use crate::notification::explain::example;

fn conclude(desk: &mut Desk, at: i64, message: DeliveryId, outcome: Outcome) {
    let command = DeliveryCommand::Conclude { channel: desk.channel, told: Told::Message(message), outcome };
    desk.s.command(at, &Command::Delivery(command)).expect("noted");
}

fn resend(desk: &mut Desk, at: i64, id: DeliveryId) -> Result<(), Rejection> {
    desk.s.command(at, &Command::Delivery(DeliveryCommand::Resend { id }))
}

fn latest(desk: &Desk) -> DeliveryId {
    *desk.s.world.delivery.deliveries.keys().next_back().expect("one")
}

fn state(desk: &Desk, id: DeliveryId) -> DeliveryState {
    desk.s.world.delivery.deliveries[&id].state
}

/// A page that became a dead letter.
fn dead_page() -> (Desk, DeliveryId) {
    let mut desk = Desk::with_route();
    desk.breach(10, [1]);
    let first = latest(&desk);
    conclude(&mut desk, 11, first, Outcome::Gone { reason: "410".into() });
    assert_eq!(state(&desk, first), DeliveryState::Dead);
    let known = desk.s.world.delivery.channels[&desk.channel].channel.clone();
    let channel = NewChannel { name: known.name, kind: known.kind, enabled: true, wanted: known.wanted };
    let command = DeliveryCommand::Update { id: desk.channel, channel, expected: None };
    desk.s.command(12, &Command::Delivery(command)).expect("taken up again");
    (desk, first)
}

#[test]
fn a_page_that_failed_does_not_wait_any_more_once_something_newer_is_to_be_told() {
    let mut desk = Desk::with_route();
    desk.breach(10, [1]);
    let first = latest(&desk);
    conclude(&mut desk, 11, first, Outcome::Failed { reason: "502".into(), retry_after: None });
    desk.recover(20, [1]);
    let second = latest(&desk);
    assert_eq!((state(&desk, first), state(&desk, second)), (DeliveryState::Superseded, DeliveryState::Waiting));
    conclude(&mut desk, 21, second, Outcome::Confirmed);
    assert_eq!(desk.s.world.delivery.next_message(desk.channel), None);
    desk.s.replay();
}

#[test]
fn a_dead_letter_is_not_sent_again_after_something_newer_of_its_group() {
    let (mut desk, first) = dead_page();
    desk.recover(20, [1]);
    let second = latest(&desk);
    let check = |desk: &mut Desk, at: i64| match resend(desk, at, first) {
        Err(Rejection::Conflict(reason)) => assert!(reason.contains(&second.to_string()), "{reason}"),
        other => panic!("{other:?}"),
    };
    check(&mut desk, 21);
    conclude(&mut desk, 22, second, Outcome::Confirmed);
    check(&mut desk, 23);
    // The delivery is forgotten after an hour, the notification is not.
    desk.s.tick(5_000);
    assert!(!desk.s.world.delivery.deliveries.contains_key(&second));
    check(&mut desk, 5_001);
    desk.s.replay();
}

#[test]
fn what_was_told_after_a_dead_letter_is_newer_when_the_clock_was_set_back_and_its_delivery_is_forgotten() {
    let mut desk = Desk::with_route();
    // Ids follow the clock.
    desk.s.count_ids_from(1_000_000);
    desk.breach(10, [1]);
    let first = latest(&desk);
    conclude(&mut desk, 11, first, Outcome::Refused { reason: "400".into() });
    for at in 12..16 {
        conclude(&mut desk, at, first, Outcome::Refused { reason: "400".into() });
    }
    assert_eq!(state(&desk, first), DeliveryState::Dead);
    desk.s.count_ids_from(500_000);
    desk.recover(20, [1]);
    let second = desk.s.world.delivery.next_message(desk.channel).expect("one").0.id;
    assert!(second < first);
    conclude(&mut desk, 21, second, Outcome::Confirmed);
    desk.s.tick(5_000);
    assert!(!desk.s.world.delivery.deliveries.contains_key(&second));
    match resend(&mut desk, 5_001, first) {
        Err(Rejection::Conflict(reason)) => assert!(reason.contains(&second.to_string()), "{reason}"),
        other => panic!("{other:?}"),
    }
    desk.s.replay();
}

#[test]
fn a_dead_letter_that_is_the_latest_of_its_group_is_sent_again_and_the_next_takes_its_place() {
    let (mut desk, first) = dead_page();
    assert_eq!(resend(&mut desk, 20, first), Ok(()));
    assert_eq!(desk.s.world.delivery.next_message(desk.channel).map(|(next, _)| next.id), Some(first));
    desk.recover(30, [1]);
    assert_eq!(state(&desk, first), DeliveryState::Superseded);
    desk.s.replay();
}

#[test]
fn a_slow_receiver_holds_nothing_up_and_is_told_what_gathered_when_there_is_room() {
    let mut desk = Desk::with_route();
    let now = rollcall_shared::Timestamp(0);
    let mut ids = crate::context::CountingIds(1_000);
    let context = crate::Context { now, actor: Actor::System, ids: &mut ids, content: &crate::context::NoContent };
    let filler = |n: usize| {
        let message = Message { group: n.to_string(), ..example(now) };
        let content = Content::Notification { message: Box::new(message) };
        decide::waiting(DeliveryId(n as u128), desk.channel, content, &context)
    };
    let queued = (0..WAITING).map(|n| Event::Delivery(DeliveryEvent::DeliveryQueued { delivery: Box::new(filler(n)) }));
    let queued = queued.collect();
    desk.s.commit(0, &Actor::System, queued);
    desk.told();
    desk.breach(0, [1]);
    desk.wait([10, 29, 30, 59]);
    desk.check(&[]);
    assert_eq!(desk.s.world.delivery.of(desk.channel, DeliveryState::Waiting).count(), WAITING);
    conclude(&mut desk, 59, DeliveryId(0), Outcome::Confirmed);
    desk.wait([60, 61, 100]);
    desk.check(&[&format!("60 firing: {ALONE}")]);
}
