//! Where contacts are reached by what they say of themselves.

use super::*;
use crate::contact::ContactChange;
use crate::delivery::Security;
use crate::incident::Who;

/// A mail channel with a list of its own.
fn mail(desk: &mut Desk) -> ChannelId {
    let kind = ChannelKind::Mail {
        host: "mail.example.org".into(),
        port: 587,
        security: Security::Starttls,
        username: None,
        sender: "rollcall@example.org".into(),
        recipients: vec!["everybody@example.org".into()],
        credential: None,
    };
    desk.make_channel_of("list", kind)
}

fn without_mail(desk: &mut Desk, name: &str) -> ContactId {
    let command = ContactCommand::Add { name: name.into(), kind: ContactKind::Person, mail: None };
    desk.s.command(0, &Command::Contact(command)).expect("a contact");
    desk.s.world.contacts.find(name).expect("made").contact.id
}

fn set(desk: &mut Desk, contact: ContactId, channel: ChannelId, address: Option<&str>) -> Result<(), Rejection> {
    let methods = vec![Method { channel, address: address.map(str::to_owned) }];
    desk.ask(0, NotificationCommand::SetMethods { contact, methods, expected: None })
}

/// A route that tells a contact at once.
fn escalate_to(desk: &mut Desk, contact: ContactId) {
    let steps = vec![Step { after_ms: 0, targets: vec![Target::Contact { contact }] }];
    let policy = Policy { id: PolicyId(0), name: "Ops".into(), steps, repeat: 0, repeat_after_ms: 900_000, mail_channel: None };
    desk.ask(0, NotificationCommand::SetPolicy { id: None, policy: Box::new(policy), expected: None }).expect("a policy");
    let escalation = desk.s.world.notifications.policies.keys().next().copied();
    desk.set_route(Route { channels: BTreeSet::new(), escalation, ..route(desk.channel) });
}

#[test]
fn a_method_on_a_mail_channel_needs_a_mail_address_or_a_contact_with_one() {
    let mut desk = Desk::new();
    let list = mail(&mut desk);
    let (ann, carol) = (desk.make_contact("ann"), without_mail(&mut desk, "Carol"));
    let refused = |result: Result<(), Rejection>| match result {
        Err(Rejection::Invalid { field, reason }) => assert_eq!(field, "methods[0].address", "{reason}"),
        other => panic!("{other:?}"),
    };
    refused(set(&mut desk, carol, list, None));
    refused(set(&mut desk, carol, list, Some("@carol")));
    assert_eq!(set(&mut desk, carol, list, Some("carol@example.org")), Ok(()));
    assert_eq!(set(&mut desk, ann, list, None), Ok(()));
    let webhook = desk.channel;
    assert_eq!(set(&mut desk, carol, webhook, None), Ok(()), "the channel may be theirs alone");
}

#[test]
fn a_method_on_a_mail_channel_without_an_address_is_the_mail_of_the_contact() {
    let mut desk = Desk::new();
    let list = mail(&mut desk);
    let ann = desk.make_contact("ann");
    set(&mut desk, ann, list, None).expect("methods");
    escalate_to(&mut desk, ann);
    desk.breach(0, [1]);
    desk.check(&[&format!("0 firing to ann@example.org: {ALONE}")]);
    desk.act(10, 1, IncidentAction::Watch { watcher: Some(Who::Contact("ann".into())) });
    desk.act(20, 1, IncidentAction::Note { text: "We look.".into(), public: true });
    desk.wait([80]);
    desk.check(&[&format!("80 firing to ann@example.org: INC0000001 {ALONE}: new, priority 2")]);
}

#[test]
fn what_is_meant_for_a_person_never_goes_to_the_list_of_a_channel() {
    let mut desk = Desk::new();
    let list = mail(&mut desk);
    let carol = without_mail(&mut desk, "Carol");
    // As it was taken before addresses were asked for.
    let methods = vec![Method { channel: list, address: None }];
    let actor = crate::alert::scenario::person();
    desk.s.commit(0, &actor, vec![Event::Notification(NotificationEvent::MethodsSet { contact: carol, methods })]);
    escalate_to(&mut desk, carol);
    desk.breach(0, [1]);
    desk.act(10, 1, IncidentAction::Watch { watcher: Some(Who::Contact("Carol".into())) });
    desk.act(20, 1, IncidentAction::Acknowledge);
    desk.wait([80, 200]);
    desk.check(&[]);
    let incident = desk.s.world.incidents.incidents.values().next().expect("one");
    assert_eq!(
        incident.notes[0].text,
        "Escalation Ops, step 1 of 1: nobody was told; not told: Carol cannot be reached: their method on a mail channel has no address, \
         and they have no mail. It was the last step."
    );
}

#[test]
fn an_address_that_a_method_counts_on_is_not_taken_away() {
    let mut desk = Desk::new();
    let list = mail(&mut desk);
    let ann = desk.make_contact("ann");
    let forget = |desk: &mut Desk| {
        let change = ContactChange { mail: Some(None), ..ContactChange::default() };
        desk.s.command(0, &Command::Contact(ContactCommand::Change { id: ann, change, expected: None }))
    };
    set(&mut desk, ann, list, None).expect("methods");
    assert!(matches!(forget(&mut desk), Err(Rejection::Invalid { field, .. }) if field == "mail"));
    set(&mut desk, ann, list, Some("ann@example.net")).expect("methods");
    forget(&mut desk).expect("nothing counts on it");
}
