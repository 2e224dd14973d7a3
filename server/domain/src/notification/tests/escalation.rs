use super::*;
use crate::incident::Incident;

fn target(contact: ContactId) -> Target {
    Target::Contact { contact }
}

fn step(after_s: u64, targets: &[Target]) -> Step {
    Step { after_ms: after_s * 1_000, targets: targets.to_vec() }
}

/// Ann at once, then Bob after five minutes, then the channel after ten; twice.
fn desk() -> Desk {
    let mut desk = Desk::new();
    let (ann, bob) = (desk.make_contact("ann"), desk.make_contact("bob"));
    let steps = vec![step(0, &[target(ann)]), step(300, &[target(bob)]), step(600, &[Target::Channel { channel: desk.channel }])];
    escalate(&mut desk, steps, 1);
    desk
}

fn escalate(desk: &mut Desk, steps: Vec<Step>, repeat: u32) {
    let mail_channel = Some(desk.make_channel("mail"));
    let policy = Policy { id: PolicyId(0), name: "Ops".into(), steps, repeat, repeat_after_ms: 900_000, mail_channel };
    desk.ask(0, NotificationCommand::SetPolicy { id: None, policy: Box::new(policy), expected: None }).expect("a policy");
    let escalation = desk.s.world.notifications.policies.keys().next().copied();
    desk.set_route(Route { channels: BTreeSet::new(), escalation, ..route(desk.channel) });
}

fn notes(incident: &Incident) -> Vec<&str> {
    incident.notes.iter().map(|note| note.text.as_str()).collect()
}

#[test]
fn steps_follow_each_other_until_the_rounds_are_over() {
    let mut desk = desk();
    desk.breach(0, [1]);
    desk.wait((1..=100).map(|minute| minute * 60));
    desk.check(&[
        &format!("0 firing to ann@example.org: {ALONE}"),
        &format!("300 firing to bob@example.org: {ALONE}"),
        &format!("900 firing: {ALONE}"),
        &format!("1800 firing to ann@example.org: {ALONE}"),
        &format!("2100 firing to bob@example.org: {ALONE}"),
        &format!("2700 firing: {ALONE}"),
    ]);
    let incident = desk.s.world.incidents.incidents.values().next().expect("one");
    assert_eq!(notes(incident)[..2], ["Escalation Ops, step 1 of 3: told ann.", "Escalation Ops, step 2 of 3: told bob."]);
    let told: Vec<(Cause, u32)> = desk.s.world.notifications.of_incident(incident.id).map(|told| (told.cause, told.step)).collect();
    assert_eq!(told[..3], [(Cause::Opened, 1), (Cause::Escalated, 2), (Cause::Escalated, 3)]);
    let mut told = desk.s.world.notifications.of_incident(incident.id);
    assert!(told.all(|told| told.told_as() == ToldAs::Escalation));
}

#[test]
fn it_stops_when_somebody_takes_notice_and_those_who_were_told_hear_of_it() {
    let mut desk = desk();
    desk.breach(0, [1]);
    desk.wait([300]);
    desk.told();
    desk.act(400, 1, IncidentAction::Acknowledge);
    desk.wait((7..=200).map(|minute| minute * 60));
    desk.check(&[&format!("400 acknowledged to ann@example.org+bob@example.org: {ALONE}")]);
}

#[test]
fn it_stops_when_the_incident_ends() {
    let mut desk = desk();
    desk.breach(0, [1]);
    desk.recover(200, [1]);
    desk.wait((4..=100).map(|minute| minute * 60));
    desk.check(&[&format!("0 firing to ann@example.org: {ALONE}"), &format!("200 resolved to ann@example.org: {ALONE}")]);
}

#[test]
fn a_step_that_reaches_nobody_is_said_and_the_next_follows_at_once() {
    let mut desk = Desk::new();
    let (ann, bob) = (desk.make_contact("ann"), desk.make_contact("bob"));
    let layer = super::super::schedule::Layer {
        name: "Later".into(),
        members: vec![ann],
        starts_at: "2030-01-01T00:00".into(),
        rotation: super::super::schedule::Rotation { every: 1, unit: super::super::schedule::Unit::Week },
        hours: Vec::new(),
    };
    let schedule = Schedule { id: ScheduleId(0), name: "Web".into(), time_zone: "UTC".into(), layers: vec![layer], overrides: Vec::new() };
    desk.ask(0, NotificationCommand::SetSchedule { id: None, schedule: Box::new(schedule), expected: None }).expect("a schedule");
    let schedule = *desk.s.world.notifications.schedules.keys().next().expect("made");
    escalate(&mut desk, vec![step(0, &[Target::Schedule { schedule }]), step(300, &[target(bob)])], 0);
    desk.breach(0, [1]);
    desk.check(&[&format!("0 firing to bob@example.org: {ALONE}")]);
    let incident = desk.s.world.incidents.incidents.values().next().expect("one").clone();
    assert_eq!(
        notes(&incident)[0],
        "Escalation Ops, step 1 of 2: nobody was told; not told: nobody is on call in Web. The next step follows at once."
    );
    // An override puts somebody on call.
    let command = NotificationCommand::AddOverride {
        id: schedule,
        from: rollcall_shared::Timestamp(0),
        to: rollcall_shared::Timestamp(9_000_000),
        contact: "ann".into(),
        expected: None,
    };
    desk.ask(1, command).expect("an override");
    desk.act(10, 1, IncidentAction::Acknowledge);
    desk.told();
    desk.breach(600, [2]);
    desk.check(&["600 firing to ann@example.org: 2 incidents: Load on web-2, web-1"]);
}

/// A route to a policy of one step, through a mail channel that a test may take away.
#[track_caller]
fn check_standing(mail: bool, works: bool, problems: &[&str]) {
    let mut desk = Desk::new();
    let ann = desk.make_contact("ann");
    let mail_channel = mail.then_some(desk.channel);
    let steps = vec![step(0, &[target(ann)])];
    let policy = Policy { id: PolicyId(0), name: "Ops".into(), steps, repeat: 0, repeat_after_ms: 900_000, mail_channel };
    desk.ask(0, NotificationCommand::SetPolicy { id: None, policy: Box::new(policy), expected: None }).expect("a policy");
    let escalation = desk.s.world.notifications.policies.keys().next().copied();
    desk.set_route(Route { channels: BTreeSet::new(), escalation, ..route(desk.channel) });
    let now = rollcall_shared::Timestamp(0);
    let standing = super::super::standing::standing(&desk.s.world, now);
    assert_eq!((standing.works, standing.problems.iter().map(String::as_str).collect::<Vec<_>>()), (works, problems.to_vec()));
    desk.breach(0, [1]);
    assert_eq!(desk.told().len(), usize::from(works));
    let incident = desk.s.world.incidents.incidents.values().next().expect("one");
    let subject = super::super::route::Subject::of(&desk.s.world, incident);
    let told = super::super::explain::told(&desk.s.world, incident);
    let verdicts = super::super::explain::explain(&desk.s.world, &subject, &told, now);
    let reaches =
        |verdict: &super::super::explain::Verdict| matches!(&verdict.outcome, super::super::explain::Outcome::Taken(plan) if plan.reaches);
    assert_eq!(verdicts.iter().any(reaches), works);
    assert_eq!(notes(incident)[0].contains("It was the last step"), !works);
}

#[test]
fn a_policy_that_reaches_nobody_does_not_count_as_a_way() {
    let missed = "Pages: Ops, step 1: ann cannot be reached: there is neither a method of theirs nor a mail address with a mail channel of the policy";
    check_standing(false, false, &[missed, "Pages: nobody would be told"]);
    check_standing(true, true, &[]);
}

#[test]
fn a_contact_is_reached_as_it_says() {
    let mut desk = desk();
    let pager = desk.make_channel("pager");
    let ann = desk.s.world.contacts.find("ann").expect("there").contact.id;
    let methods = vec![Method { channel: pager, address: None }, Method { channel: desk.channel, address: Some("@ann".into()) }];
    desk.ask(0, NotificationCommand::SetMethods { contact: ann, methods, expected: None }).expect("methods");
    desk.breach(0, [1]);
    let mut told = desk.told();
    told.sort();
    assert_eq!(told, [format!("0 firing to @ann: {ALONE}"), format!("0 firing: {ALONE}")]);
}

#[test]
fn what_is_in_use_is_not_deleted() {
    let mut desk = desk();
    let id = *desk.s.world.notifications.policies.keys().next().expect("one");
    let refused = desk.ask(0, NotificationCommand::DeletePolicy { id, expected: None });
    assert!(matches!(refused, Err(Rejection::Conflict(_))), "{refused:?}");
}

#[test]
fn a_channel_stays_as_long_as_routes_policies_or_contacts_name_it() {
    let mut desk = desk();
    let pager = desk.make_channel("pager");
    let delete = |desk: &mut Desk| {
        let command = crate::delivery::DeliveryCommand::Delete { id: pager, expected: None };
        desk.s.command(0, &crate::Command::Delivery(command)).map_err(|refused| refused.to_string())
    };
    let known = desk.s.world.notifications.policies.values().next().expect("one").policy.clone();
    let step = Step { after_ms: 0, targets: vec![Target::Channel { channel: pager }] };
    let by_step = Policy { id: PolicyId(0), name: "Steps".into(), steps: vec![step], mail_channel: None, ..known.clone() };
    let by_mail = Policy { id: PolicyId(0), name: "Mail".into(), mail_channel: Some(pager), ..known };
    for policy in [by_step, by_mail] {
        desk.ask(0, NotificationCommand::SetPolicy { id: None, policy: Box::new(policy), expected: None }).expect("a policy");
    }
    let ann = desk.s.world.contacts.find("ann").expect("there").contact.id;
    let methods = vec![Method { channel: pager, address: None }];
    desk.ask(0, NotificationCommand::SetMethods { contact: ann, methods, expected: None }).expect("methods");
    desk.set_route(Route { name: "Pager".into(), ..route(pager) });
    let users = "the notification routes Pager and the escalation policies Steps, Mail and the contact methods of ann";
    assert_eq!(delete(&mut desk), Err(format!("{pager} is used by {users}; take it out of them first")));
    let named = |world: &crate::World| -> Vec<PolicyId> {
        let fresh = world.notifications.policies.values().map(|known| &known.policy).filter(|policy| policy.name != "Ops");
        fresh.map(|policy| policy.id).collect()
    };
    let route = desk.s.world.notifications.routes.values().find(|known| known.route.name == "Pager").expect("made").route.id;
    desk.ask(0, NotificationCommand::DeleteRoute { id: route, expected: None }).expect("deleted");
    for id in named(&desk.s.world) {
        desk.ask(0, NotificationCommand::DeletePolicy { id, expected: None }).expect("deleted");
    }
    desk.ask(0, NotificationCommand::SetMethods { contact: ann, methods: vec![], expected: None }).expect("methods");
    assert_eq!(delete(&mut desk), Ok(()));
}

#[test]
fn who_is_told_by_escalation_is_not_told_the_same_by_repetition_at_once() {
    let mut desk = Desk::new();
    let steps = vec![Step { after_ms: 600_000, targets: vec![Target::Channel { channel: desk.channel }] }];
    let policy = Policy { id: PolicyId(0), name: "Ops".into(), steps, repeat: 0, repeat_after_ms: 900_000, mail_channel: None };
    desk.ask(0, NotificationCommand::SetPolicy { id: None, policy: Box::new(policy), expected: None }).expect("a policy");
    let escalation = desk.s.world.notifications.policies.keys().next().copied();
    desk.set_route(Route { escalation, repeat_interval_ms: Some(600_000), ..route(desk.channel) });
    desk.breach(0, [1]);
    desk.wait([600, 601, 602, 1_199, 1_200, 1_201]);
    desk.check(&[&format!("0 firing: {ALONE}"), &format!("600 firing: {ALONE}"), &format!("1200 firing: {ALONE}")]);
}
