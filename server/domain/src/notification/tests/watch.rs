use super::*;
use crate::incident::{Children, HoldReason, Who};

/// A contact who watches the first incident and is reached through a channel of their own.
fn watched(desk: &mut Desk) -> ChannelId {
    let own = desk.make_channel("ann's");
    let contact = desk.make_contact("ann");
    let methods = vec![Method { channel: own, address: Some("@ann".into()) }];
    desk.ask(0, NotificationCommand::SetMethods { contact, methods, expected: None }).expect("methods");
    desk.breach(10, [1]);
    desk.act(20, 1, IncidentAction::Watch { watcher: Some(Who::Contact("ann".into())) });
    own
}

fn note(text: &str, public: bool) -> IncidentAction {
    IncidentAction::Note { text: text.into(), public }
}

fn resolve() -> IncidentAction {
    IncidentAction::Resolve { close_code: "fixed".into(), notes: "Restarted it.".into(), children: Children::Leave }
}

#[test]
fn watchers_are_told_once_of_what_happens_within_a_minute_without_any_route() {
    let mut desk = Desk::new();
    watched(&mut desk);
    desk.act(30, 1, note("for us alone", false));
    desk.wait([100]);
    desk.check(&[]);
    desk.act(110, 1, IncidentAction::Acknowledge);
    desk.act(120, 1, note("We look into it.", true));
    desk.wait([169]);
    desk.check(&[]);
    desk.wait([170, 171, 300]);
    desk.check(&[&format!("170 acknowledged to @ann: INC0000001 {ALONE}: in progress, priority 2")]);
    let Some(Content::Notification { message }) = desk.s.world.delivery.deliveries.values().last().map(|one| &one.content) else {
        panic!("nothing was sent")
    };
    assert_eq!(message.text, "We look into it.");
    desk.act(400, 1, resolve());
    desk.wait([460, 500]);
    desk.check(&[&format!("460 resolved to @ann: INC0000001 {ALONE}: resolved, priority 2")]);
    desk.wait([10 * 24 * 3_600]);
    desk.check(&[]);
    assert!(desk.s.world.notifications.news.is_empty());
}

#[test]
fn watchers_of_what_is_put_on_hold_are_told_so_and_not_that_it_was_acknowledged() {
    let mut desk = Desk::new();
    watched(&mut desk);
    desk.act(30, 1, IncidentAction::Hold { reason: HoldReason::Vendor, note: None });
    desk.wait([90]);
    desk.check(&[&format!("90 firing to @ann: INC0000001 {ALONE}: on hold, priority 2")]);
    desk.act(100, 1, IncidentAction::Acknowledge);
    desk.act(101, 1, note("They send a disk.", true));
    desk.wait([161]);
    desk.check(&[&format!("161 acknowledged to @ann: INC0000001 {ALONE}: on hold, priority 2")]);
}

#[test]
fn a_watcher_whom_nothing_would_reach_is_said_to_be_with_the_reason() {
    use crate::incident::Party;
    use crate::notification::watch::unreached;
    let mut desk = Desk::new();
    let own = watched(&mut desk);
    let incident = desk.s.incident(1);
    let why = |desk: &Desk| unreached(&desk.s.world, &desk.s.world.incidents.incidents[&incident].watchers[0]);
    assert_eq!(why(&desk), None);
    let known = desk.s.world.delivery.channels[&own].channel.clone();
    let off = NewChannel { name: known.name, kind: known.kind, enabled: false, wanted: known.wanted };
    desk.s.command(30, &Command::Delivery(DeliveryCommand::Update { id: own, channel: off, expected: None })).expect("disabled");
    assert_eq!(why(&desk).as_deref(), Some("channel ann's is disabled"));
    let contact = desk.s.world.contacts.find("ann").expect("there").contact.id;
    desk.ask(40, NotificationCommand::SetMethods { contact, methods: Vec::new(), expected: None }).expect("none");
    assert!(why(&desk).is_some_and(|reason| reason.starts_with("ann has no notification method; PUT /api/v1/contacts/con_")));
    let caller = Party::Named { name: "somebody".into() };
    assert!(unreached(&desk.s.world, &caller).is_some());
}

#[test]
fn a_watcher_whom_a_route_tells_the_same_is_told_once() {
    let mut desk = Desk::new();
    let own = watched(&mut desk);
    desk.act(20, 1, IncidentAction::Acknowledge);
    desk.wait([80]);
    let contact = desk.s.world.contacts.find("ann").expect("there").contact.id;
    let steps = vec![Step { after_ms: 0, targets: vec![Target::Contact { contact }] }];
    let policy = Policy { id: PolicyId(0), name: "Ops".into(), steps, repeat: 0, repeat_after_ms: 900_000, mail_channel: Some(own) };
    desk.ask(21, NotificationCommand::SetPolicy { id: None, policy: Box::new(policy), expected: None }).expect("a policy");
    let escalation = desk.s.world.notifications.policies.keys().next().copied();
    desk.set_route(Route { channels: BTreeSet::new(), escalation, ..route(desk.channel) });
    desk.breach(30, [2]);
    desk.act(31, 2, IncidentAction::Watch { watcher: Some(Who::Contact("ann".into())) });
    desk.told();
    desk.act(100, 2, resolve());
    desk.wait([160, 200]);
    desk.check(&["100 resolved to @ann: Load critical on web-2: 99"]);
}

/// What the history has of the first incident: as what whom, why, and what became of it.
fn remembered(desk: &Desk) -> Vec<String> {
    let told = desk.s.world.notifications.of_incident(desk.s.incident(1));
    let line = |told: &Notification| {
        let fate = match &told.fate {
            Fate::Waiting => "waiting".to_owned(),
            Fate::Delivered { at } => format!("delivered at {}", at.0 / 1_000),
            Fate::Dead { reason } | Fate::NotSent { reason } => reason.clone(),
        };
        let (to, contacts) = (told.recipients.join("+"), told.contacts.len());
        format!("{} {:?} {:?} {to} of {contacts}: {fate}", told.at.0 / 1_000, told.told_as(), told.cause)
    };
    told.map(line).collect()
}

fn confirm(desk: &mut Desk, at: i64) {
    let delivery = desk.s.world.notifications.history.values().next_back().and_then(|told| told.delivery).expect("sent");
    let confirmed = DeliveryEvent::DeliveryConfirmed { delivery, expires_at: rollcall_shared::Timestamp(1_000_000), problem: None };
    desk.s.commit(at, &Actor::System, vec![Event::Delivery(confirmed)]);
}

#[test]
fn what_watchers_were_told_is_remembered_with_what_became_of_it() {
    let mut desk = Desk::new();
    watched(&mut desk);
    desk.act(30, 1, IncidentAction::Acknowledge);
    desk.wait([90]);
    assert_eq!(remembered(&desk), ["90 Watcher Changed @ann of 1: waiting"]);
    confirm(&mut desk, 92);
    desk.act(100, 1, note("We look into it.", true));
    desk.wait([160]);
    desk.act(161, 1, resolve());
    desk.wait([221]);
    let expected = [
        "90 Watcher Changed @ann of 1: delivered at 92",
        "160 Watcher Changed @ann of 1: something newer was to be told by then",
        "221 Watcher Resolved @ann of 1: waiting",
    ];
    assert_eq!(remembered(&desk), expected);
    desk.told();
}

#[test]
fn a_watcher_who_cannot_be_reached_is_remembered_as_not_told() {
    let mut desk = Desk::new();
    let own = watched(&mut desk);
    let known = desk.s.world.delivery.channels[&own].channel.clone();
    let disabled = NewChannel { name: known.name, kind: known.kind, enabled: false, wanted: Wanted::default() };
    desk.s.command(25, &Command::Delivery(DeliveryCommand::Update { id: own, channel: disabled, expected: None })).expect("disabled");
    desk.act(30, 1, IncidentAction::Acknowledge);
    desk.wait([90]);
    desk.check(&[]);
    assert_eq!(remembered(&desk), ["90 Watcher Changed @ann of 1: channel ann's is disabled"]);
}

#[test]
fn whoever_watches_at_one_address_is_told_once_and_each_is_named() {
    let mut desk = Desk::new();
    let own = watched(&mut desk);
    let contact = desk.make_contact("bo");
    let methods = vec![Method { channel: own, address: Some("@ann".into()) }];
    desk.ask(21, NotificationCommand::SetMethods { contact, methods, expected: None }).expect("methods");
    desk.act(22, 1, IncidentAction::Watch { watcher: Some(Who::Contact("bo".into())) });
    desk.act(30, 1, IncidentAction::Acknowledge);
    desk.wait([90]);
    assert_eq!(desk.told().len(), 1);
    assert_eq!(remembered(&desk), ["90 Watcher Changed @ann of 2: waiting"]);
}

#[test]
fn what_was_told_before_watchers_were_remembered_reads_as_it_did() {
    let old = r#"{"type": "watchers_told", "incident": "inc_00000000000000000000000001"}"#;
    let event: NotificationEvent = serde_json::from_str(old).expect("an old event");
    assert!(matches!(&event, NotificationEvent::WatchersTold { notifications, .. } if notifications.is_empty()));
    assert_eq!(serde_json::to_value(&event).expect("written"), serde_json::from_str::<serde_json::Value>(old).expect("JSON"));
    let told = |step: u32| {
        let old = serde_json::json!({"id": "ntf_00000000000000000000000001", "at": "2026-01-01T00:00:00.000Z",
            "group": "ngrp_00000000000000000000000001", "route": "route_00000000000000000000000001", "cause": "opened", "status": "firing",
            "step": step, "channel": "chan_00000000000000000000000001", "recipients": [], "contacts": [], "title": "t", "incidents": [],
            "omitted": 0, "delivery": null, "state": "waiting"});
        let read: Notification = serde_json::from_value(old.clone()).expect("an old notification");
        assert_eq!(serde_json::to_value(&read).expect("written"), old);
        read.told_as()
    };
    assert_eq!((told(0), told(2)), (ToldAs::Route, ToldAs::Escalation));
}
