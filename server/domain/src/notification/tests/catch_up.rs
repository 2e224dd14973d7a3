//! What was open before anybody was to be told of it.

use super::*;
use crate::notification::explain::{Outcome, Plan, explain, told};
use crate::notification::route::Subject;

fn plan(desk: &Desk, at: i64, number: u64) -> Plan {
    let world = &desk.s.world;
    let incident = &world.incidents.incidents[&desk.s.incident(number)];
    let now = rollcall_shared::Timestamp(at * 1_000);
    let verdicts = explain(world, &Subject::of(world, incident), &told(world, incident), now);
    match verdicts.into_iter().next_back().expect("a route").outcome {
        Outcome::Taken(plan) => *plan,
        other => panic!("{other:?}"),
    }
}

fn set(desk: &mut Desk, at: i64, id: Option<RouteId>, route: Route) -> RouteId {
    let name = route.name.clone();
    desk.ask(at, NotificationCommand::SetRoute { id, route: Box::new(route), expected: None }).expect("a route");
    desk.s.world.notifications.routes.values().find(|known| known.route.name == name).expect("made").route.id
}

#[test]
fn what_is_open_when_a_route_is_made_is_told_together_and_once() {
    let mut desk = Desk::new();
    desk.breach(10, 1..=3);
    desk.act(20, 2, IncidentAction::Acknowledge);
    desk.recover(30, [3]);
    desk.breach(40, [4]);
    let pages = route(desk.channel);
    let id = set(&mut desk, 100, None, pages.clone());
    desk.wait([100, 109, 110]);
    desk.check(&["110 firing: 2 incidents: Load on web-1, web-4"]);
    let is_told = |desk: &Desk, number| (plan(desk, 120, number).reaches, plan(desk, 120, number).tell_at.map(|at| at.0 / 1_000));
    assert_eq!([1, 2, 3, 4].map(|number| is_told(&desk, number)), [(true, Some(110)), (false, None), (false, None), (true, Some(110))]);
    set(&mut desk, 130, Some(id), Route { repeat_interval_ms: None, ..pages });
    desk.wait([131, 200, 5_000]);
    desk.check(&[]);
}

#[test]
fn what_a_route_takes_only_now_is_told_as_what_it_is() {
    let mut desk = Desk::under(vec![rule("load")]);
    let pages = route(desk.channel);
    let id = set(&mut desk, 0, None, pages.clone());
    desk.breach(10, [1]);
    desk.wait([10, 100]);
    desk.check(&[]);
    let when = When { tiers: BTreeSet::from([Tier::Page, Tier::Ticket]), ..When::default() };
    set(&mut desk, 200, Some(id), Route { when, enabled: false, ..pages.clone() });
    desk.wait([231]);
    desk.check(&[]);
    let when = When { tiers: BTreeSet::from([Tier::Page, Tier::Ticket]), ..When::default() };
    set(&mut desk, 300, Some(id), Route { when, ..pages });
    assert_eq!(plan(&desk, 300, 1).tell_at.map(|at| at.0), Some(330_000));
    desk.wait([329, 330]);
    desk.check(&[&format!("330 firing: {ALONE}")]);
}

#[test]
fn a_route_that_is_made_tells_what_another_one_told_already_and_the_others_do_not() {
    let mut desk = Desk::new();
    let (first, second) = (desk.make_channel("first"), desk.make_channel("second"));
    let a = set(&mut desk, 0, None, Route { name: "A".into(), position: 2, ..route(first) });
    desk.breach(10, [1]);
    desk.told();
    let behind = set(&mut desk, 20, None, Route { name: "B".into(), position: 3, ..route(second) });
    set(&mut desk, 20, Some(behind), Route { name: "C".into(), position: 3, ..route(second) });
    desk.check(&[]);
    let before = Route { name: "Before".into(), position: 1, continues: true, ..route(desk.channel) };
    set(&mut desk, 30, None, before);
    assert_eq!(desk.told().len(), 1);
    // What nobody looks after any more goes to the routes that are left.
    desk.ask(40, NotificationCommand::DeleteRoute { id: a, expected: None }).expect("deleted");
    desk.check(&[&format!("40 resolved: {ALONE}")]);
}

#[test]
fn what_a_deleted_route_told_is_told_by_the_one_behind_it() {
    let mut desk = Desk::new();
    let (first, second) = (desk.make_channel("first"), desk.make_channel("second"));
    let a = set(&mut desk, 0, None, Route { name: "A".into(), position: 1, ..route(first) });
    set(&mut desk, 0, None, Route { name: "B".into(), position: 2, ..route(second) });
    desk.breach(10, [1]);
    desk.ask(40, NotificationCommand::DeleteRoute { id: a, expected: None }).expect("deleted");
    desk.check(&[&format!("10 firing: {ALONE}"), &format!("40 resolved: {ALONE}"), &format!("40 firing: {ALONE}")]);
}

#[test]
fn a_route_that_is_made_in_quiet_hours_tells_what_is_open_at_their_end() {
    let mut desk = Desk::under(vec![rule("load")]);
    desk.breach(10, [1, 2]);
    let hours = vec![WeeklyHours { weekdays: vec![crate::alert::mute::Day::Thursday], from: "00:00".into(), to: "01:00".into() }];
    let quiet_hours = Some(QuietHours { time_zone: "UTC".into(), hours, hold_pages: false });
    let when = When { tiers: BTreeSet::from([Tier::Page, Tier::Ticket]), ..When::default() };
    let made = Route { when, quiet_hours, ..route(desk.channel) };
    set(&mut desk, 100, None, made);
    assert_eq!(plan(&desk, 100, 1).tell_at.map(|at| at.0), Some(3_600_000));
    desk.wait([200, 3_599, 3_600]);
    desk.check(&["3600 firing: 2 incidents: Load on web-1, web-2"]);
}

#[test]
fn a_thousand_open_incidents_are_one_event_and_one_notification_when_a_route_is_made() {
    use crate::incident::{IncidentCommand, NewIncident};
    use crate::rule::Grade;
    let mut desk = Desk::new();
    for n in 0..1_000 {
        let (title, description) = (format!("Shop {n} is down"), "All of it.".into());
        let new = NewIncident { title, description, impact: Some(Grade::High), urgency: Some(Grade::High), ..NewIncident::default() };
        desk.s.command(10, &Command::Incident(IncidentCommand::Open(Box::new(new)))).expect("opened");
    }
    desk.s.settle(10);
    let before = desk.s.log.len();
    let made = route(desk.channel);
    set(&mut desk, 100, None, made);
    assert!(desk.s.log.len() - before < 10, "{} records", desk.s.log.len() - before);
    desk.wait([101, 110, 200]);
    desk.check(&["100 firing: Shop 0 is down and 999 more"]);
}

#[test]
fn what_would_be_many_groups_is_one_when_a_route_is_made() {
    let mut desk = Desk::new();
    for n in 1..=25 {
        // Far enough apart for no storm.
        desk.breach(n as i64 * 300, [n]);
    }
    let made = Route { group_by: BTreeSet::from([GroupBy::Ci]), ..route(desk.channel) };
    set(&mut desk, 10_000, None, made);
    assert_eq!(desk.s.world.notifications.groups.len(), 1);
    desk.wait([10_010, 10_020]);
    desk.check(&["10000 firing: 25 incidents: Load on web-1, web-2, web-3 and 22 more"]);
    desk.breach(11_000, [30]);
    assert_eq!(desk.s.world.notifications.groups.len(), 2, "what comes later is told as the route says");
}
