//! In which words people are told.

use super::*;
use crate::delivery::Message;

fn last(desk: &Desk) -> Message {
    match &desk.s.world.delivery.deliveries.values().next_back().expect("one").content {
        Content::Notification { message } => (**message).clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn incidents_of_several_rules_are_called_by_the_worst_of_them() {
    let mut desk = Desk::under(vec![loud("load"), Rule { title: "Heat".into(), ..loud("heat") }]);
    desk.set_route(Route { group_by: BTreeSet::from([GroupBy::Class]), ..route(desk.channel) });
    desk.breach(10, [1]);
    desk.wait([20, 70]);
    let told = last(&desk);
    assert_eq!(told.incidents.len(), 2, "{told:?}");
    assert_eq!(told.title, format!("{} and 1 more", told.incidents[0].title));
}

#[test]
fn what_is_acknowledged_says_by_whom_and_what_is_in_a_group_is_marked() {
    let mut desk = Desk::with_route();
    desk.breach(0, [1]);
    desk.act(10, 1, IncidentAction::Acknowledge);
    let told = last(&desk);
    assert_eq!(told.incidents[0].acknowledged_by.as_deref(), Some("ada"));
    assert!(told.text.starts_with("Acknowledged by ada.\n\nm is 99, above 95.\n"), "{}", told.text);
    desk.breach(300, [2]);
    let told = last(&desk);
    let lines = "INC0000002 P2 Load critical on web-2: 99\nINC0000001 P2 Load critical on web-1: 99 (acknowledged by ada)";
    assert_eq!((told.status, told.text.as_str()), (MessageStatus::Firing, lines));
}

#[test]
fn a_link_that_somebody_used_says_to_whom_it_was_sent() {
    for (sent_to, expected) in [("ann@example.org", "ann@example.org"), ("", "somebody on ops")] {
        let mut desk = Desk::with_route();
        desk.breach(0, [1]);
        let by = Actor::Link { channel: desk.channel, name: "ops".into(), sent_to: sent_to.into() };
        let incident = desk.s.incident(1);
        let events = vec![Event::Incident(crate::incident::IncidentEvent::IncidentAcknowledged { incident })];
        desk.s.commit(10, &by, events);
        let incident = &desk.s.world.incidents.incidents[&incident];
        let told = crate::notification::explain::told(&desk.s.world, incident);
        assert_eq!(told.acknowledged_by.as_deref(), Some(expected));
    }
}
