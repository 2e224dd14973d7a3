use super::*;

#[track_caller]
fn refused(change: impl FnOnce(&mut Route), field: &str) {
    let mut desk = Desk::new();
    let mut wrong = route(desk.channel);
    change(&mut wrong);
    match desk.ask(0, NotificationCommand::SetRoute { id: None, route: Box::new(wrong), expected: None }) {
        Err(Rejection::Invalid { field: found, .. }) => assert_eq!(found, field),
        other => panic!("{field}: {other:?}"),
    }
}

#[test]
fn a_route_that_could_never_do_what_it_says_is_refused_with_its_field() {
    refused(|route| route.name = " ".into(), "name");
    refused(|route| route.channels = BTreeSet::new(), "channels");
    refused(|route| route.channels = BTreeSet::from([ChannelId(999)]), "channels");
    refused(|route| route.escalation = Some(PolicyId(999)), "escalation");
    refused(|route| route.when.tiers = BTreeSet::from([Tier::RecordOnly]), "when.tiers");
    refused(|route| route.when.priorities = BTreeSet::from([6]), "when.priorities");
    refused(|route| route.when.rules = BTreeSet::from(["nothing".parse().expect("a name")]), "when.rules");
    refused(|route| route.when.query = Some("group:nobody".parse().expect("a query")), "when.query");
    refused(|route| route.group_interval_ms = 0, "group_interval_ms");
    refused(|route| route.repeat_interval_ms = Some(1), "repeat_interval_ms");
    refused(|route| route.title = Some("{colour}".into()), "title");
    let quiet = |time_zone: &str, from: &str| {
        let hours = vec![WeeklyHours { weekdays: vec![crate::alert::mute::Day::Monday], from: from.into(), to: "06:00".into() }];
        Some(QuietHours { time_zone: time_zone.into(), hours, hold_pages: false })
    };
    refused(|route| route.quiet_hours = quiet("Mars/Olympus", "22:00"), "quiet_hours.time_zone");
    refused(|route| route.quiet_hours = quiet("UTC", "25:00"), "quiet_hours.hours[0].from");
}

#[test]
fn a_route_is_changed_at_the_revision_that_was_seen_and_its_name_is_its_own() {
    let mut desk = Desk::with_route();
    let known = desk.s.world.notifications.routes.values().next().expect("one").clone();
    let id = Some(known.route.id);
    let other = Route { position: 3, ..known.route.clone() };
    let set = |id, route: &Route, expected| NotificationCommand::SetRoute { id, route: Box::new(route.clone()), expected };
    assert!(matches!(desk.ask(1, set(id, &other, Some(known.revision + 1))), Err(Rejection::Stale { .. })));
    desk.ask(1, set(id, &other, Some(known.revision))).expect("changed");
    assert!(matches!(desk.ask(1, set(None, &other, None)), Err(Rejection::Conflict(_))));
    let log = desk.s.log.len();
    desk.ask(1, set(id, &other, None)).expect("nothing to do");
    assert_eq!(desk.s.log.len(), log);
}

#[test]
fn what_became_of_a_delivery_is_in_the_history() {
    use crate::delivery::{Outcome, Told};
    let mut desk = Desk::with_route();
    desk.breach(0, [1]);
    let (id, channel) = (*desk.s.world.delivery.deliveries.keys().next().expect("one"), desk.channel);
    let told = |desk: &Desk| desk.s.world.notifications.history.values().next().expect("one").fate.clone();
    assert_eq!(told(&desk), Fate::Waiting);
    let conclude = |outcome| Command::Delivery(DeliveryCommand::Conclude { channel, told: Told::Message(id), outcome });
    desk.s.command(2, &conclude(Outcome::Confirmed)).expect("noted");
    assert_eq!(told(&desk), Fate::Delivered { at: rollcall_shared::Timestamp(2_000) });
    desk.recover(100, [1]);
    let delete = Command::Delivery(DeliveryCommand::Delete { id: channel, expected: None });
    let refused = desk.s.command(101, &delete);
    assert!(matches!(&refused, Err(Rejection::Conflict(why)) if why.contains("routes Pages;")), "{refused:?}");
    let (id, other) = (*desk.s.world.notifications.routes.keys().next().expect("one"), desk.make_channel("other"));
    let moved = NotificationCommand::SetRoute { id: Some(id), route: Box::new(Route { id, ..route(other) }), expected: None };
    desk.ask(101, moved).expect("moved");
    desk.s.command(101, &delete).expect("deleted");
    let last = desk.s.world.notifications.history.values().next_back().expect("two").fate.clone();
    assert_eq!(last, Fate::NotSent { reason: "the channel was deleted".into() });
    assert!(desk.s.world.notifications.sent.is_empty());
    desk.s.replay();
}
