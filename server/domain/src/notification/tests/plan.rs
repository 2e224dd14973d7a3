//! What is said to come is what comes, and what is said of a group is true of it.

use super::*;
use crate::notification::explain::{Outcome, explain, told};
use crate::notification::route::Subject;

#[test]
fn a_step_after_one_that_reaches_nobody_is_planned_for_when_it_comes() {
    let mut desk = Desk::new();
    let (bob, eve) = (desk.make_contact("bob"), desk.make_contact("eve"));
    let mail_channel = Some(desk.make_channel("mail"));
    let nobody = desk.make_channel("gone");
    let steps =
        [(0, Target::Channel { channel: nobody }), (60_000, Target::Contact { contact: bob }), (120_000, Target::Contact { contact: eve })];
    let steps = steps.map(|(after_ms, target)| Step { after_ms, targets: vec![target] }).to_vec();
    let policy = Policy { id: PolicyId(0), name: "Ops".into(), steps, repeat: 0, repeat_after_ms: 900_000, mail_channel };
    desk.ask(0, NotificationCommand::SetPolicy { id: None, policy: Box::new(policy), expected: None }).expect("a policy");
    let kind = ChannelKind::Webhook { url: "https://receiver.example/hook".into() };
    let off = NewChannel { name: "gone".into(), kind, enabled: false, wanted: Wanted::default() };
    desk.s.command(0, &Command::Delivery(DeliveryCommand::Update { id: nobody, channel: off, expected: None })).expect("disabled");
    let escalation = desk.s.world.notifications.policies.keys().next().copied();
    desk.set_route(Route { channels: BTreeSet::new(), escalation, ..route(desk.channel) });
    desk.breach(0, [1]);
    let world = &desk.s.world;
    let incident = world.incidents.incidents.values().next().expect("one");
    let verdicts = explain(world, &Subject::of(world, incident), &told(world, incident), rollcall_shared::Timestamp(0));
    let Outcome::Taken(plan) = &verdicts[0].outcome else { panic!("{verdicts:?}") };
    assert_eq!(plan.steps.iter().map(|step| step.at.0 / 1_000).collect::<Vec<_>>(), [0, 0, 120]);
    desk.wait([60, 119, 120]);
    desk.check(&[&format!("0 firing to bob@example.org: {ALONE}"), &format!("120 firing to eve@example.org: {ALONE}")]);
}

#[test]
fn an_incident_without_a_category_has_no_label_that_says_one() {
    use crate::incident::{IncidentCommand, NewIncident};
    use crate::rule::Grade;
    let mut desk = Desk::new();
    desk.set_route(Route { group_by: BTreeSet::from([GroupBy::Rule, GroupBy::Ci, GroupBy::Group]), ..route(desk.channel) });
    let (impact, urgency) = (Some(Grade::High), Some(Grade::High));
    let new =
        |title: &str| NewIncident { title: title.into(), description: "All of it.".into(), impact, urgency, ..NewIncident::default() };
    for title in ["The shop is down", "The mail is down"] {
        desk.s.command(10, &Command::Incident(IncidentCommand::Open(Box::new(new(title))))).expect("opened");
    }
    desk.s.settle(10);
    desk.wait([20]);
    desk.check(&["10 firing: The shop is down", "10 firing: The mail is down"]);
    for delivery in desk.s.world.delivery.deliveries.values() {
        let Content::Notification { message } = &delivery.content else { panic!("{delivery:?}") };
        assert_eq!((message.labels.len(), message.incidents[0].labels.len()), (0, 0), "{message:?}");
    }
}
