//! Somebody takes notice of a part of a group.

use super::*;

#[test]
fn what_is_acknowledged_of_a_group_is_told_to_who_was_told_with_who_did_and_once() {
    let mut desk = Desk::with_route();
    desk.breach(0, 1..=3);
    desk.wait([10]);
    desk.told();
    desk.act(20, 1, IncidentAction::Acknowledge);
    desk.act(21, 2, IncidentAction::Acknowledge);
    desk.wait([29, 30, 31, 100]);
    desk.check(&["30 firing: Acknowledged in part by ada: 3 incidents: Load on web-3, web-1, web-2"]);
    let Content::Notification { message } = &desk.s.world.delivery.deliveries.values().next_back().expect("one").content else {
        panic!("no notification")
    };
    let head = "Acknowledged by ada:\nINC0000001 Load critical on web-1: 99\nINC0000002 Load critical on web-2: 99\n\nAll that is open:\n";
    assert!(message.text.starts_with(head), "{}", message.text);
    desk.act(200, 3, IncidentAction::Acknowledge);
    desk.wait([201, 300]);
    desk.check(&["200 acknowledged: 3 incidents: Load on web-1, web-2, web-3"]);

    // What all of it is acknowledged by within the wait is said once.
    let mut desk = Desk::with_route();
    desk.breach(0, 1..=2);
    desk.wait([10]);
    desk.told();
    desk.act(20, 1, IncidentAction::Acknowledge);
    desk.act(22, 2, IncidentAction::Acknowledge);
    desk.wait([30, 40]);
    desk.check(&["22 acknowledged: 2 incidents: Load on web-1, web-2"]);
}

#[test]
fn that_a_part_is_acknowledged_is_not_told_where_nobody_heard_of_it_or_wants_to() {
    let mut desk = Desk::new();
    desk.set_route(Route { tell_acknowledged: false, ..route(desk.channel) });
    desk.breach(0, 1..=2);
    desk.wait([10]);
    desk.told();
    desk.act(20, 1, IncidentAction::Acknowledge);
    desk.wait([30, 40]);
    desk.check(&[]);

    let mut desk = Desk::with_route();
    desk.breach(0, [1]);
    desk.breach(5, [2]);
    desk.told();
    desk.act(20, 2, IncidentAction::Acknowledge);
    desk.wait([30, 60, 100]);
    desk.check(&[]);
}

#[test]
fn what_is_worked_on_is_told_to_be_acknowledged_when_it_is() {
    let mut desk = Desk::with_route();
    desk.breach(0, 1..=2);
    desk.wait([10]);
    desk.told();
    desk.act(20, 1, IncidentAction::Hold { reason: HoldReason::Vendor, note: None });
    desk.wait([30, 60]);
    desk.check(&[]);
    desk.act(70, 1, IncidentAction::Acknowledge);
    desk.wait([79, 80, 100]);
    desk.check(&["80 firing: Acknowledged in part by ada: 2 incidents: Load on web-2, web-1"]);
}
