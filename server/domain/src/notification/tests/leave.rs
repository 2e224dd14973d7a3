//! What becomes of what was told when its way is taken away.

use super::*;
use crate::delivery::{Message, MessageStatus};

fn last(desk: &Desk) -> Message {
    match &desk.s.world.delivery.deliveries.values().next_back().expect("one").content {
        Content::Notification { message } => (**message).clone(),
        other => panic!("{other:?}"),
    }
}

fn delete(desk: &mut Desk, at: i64) {
    let id = *desk.s.world.notifications.routes.keys().next().expect("a route");
    desk.ask(at, NotificationCommand::DeleteRoute { id, expected: None }).expect("deleted");
}

#[test]
fn who_was_told_through_a_route_that_is_deleted_is_told_that_it_is_over() {
    let mut desk = Desk::with_route();
    desk.breach(10, [1]);
    let opened = last(&desk);
    delete(&mut desk, 20);
    desk.check(&[&format!("10 firing: {ALONE}"), &format!("20 resolved: {ALONE}")]);
    let told = last(&desk);
    assert_eq!((told.group, told.status), (opened.group, MessageStatus::Resolved));
    assert!(told.incidents.iter().all(|incident| !incident.open && incident.resolved_at.is_some()));
    let text = "The route Pages was deleted: nothing more is told through it. Still open:\nINC0000001 P2 Load critical on web-1: 99";
    assert_eq!(told.text, text);
    desk.recover(30, [1]);
    desk.wait([31, 100]);
    desk.check(&[]);
    let left = &desk.s.world.notifications;
    assert!(left.groups.is_empty() && left.due.is_empty() && left.by_key.is_empty() && left.by_incident.is_empty());
}

#[test]
fn a_deleted_route_says_nothing_to_who_would_not_be_told_that_it_is_over() {
    let mut desk = Desk::new();
    desk.set_route(Route { tell_resolved: false, ..route(desk.channel) });
    desk.breach(10, [1]);
    desk.told();
    delete(&mut desk, 20);
    desk.check(&[]);

    // Nothing was told yet, or all was told to be over.
    let mut desk = Desk::with_route();
    desk.breach(10, [1, 2]);
    delete(&mut desk, 11);
    desk.check(&[]);
    let mut desk = Desk::with_route();
    desk.breach(10, [1]);
    desk.recover(12, [1]);
    desk.told();
    delete(&mut desk, 13);
    desk.check(&[]);
}
