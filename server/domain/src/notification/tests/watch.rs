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
fn a_watcher_whom_a_route_tells_the_same_is_told_once() {
    let mut desk = Desk::new();
    let own = watched(&mut desk);
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
