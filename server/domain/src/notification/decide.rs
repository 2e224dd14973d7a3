//! Decisions on what people ask of notification.

use super::escalation::{METHODS, Method, POLICIES, Policy, Target, check_channel, has_list};
use super::route::{ROUTES, Route};
use super::schedule::{OVERRIDES, Override, Schedule};
use super::{NotificationCommand, NotificationEvent, tell};
use crate::ci::normalise::{self, folded};
use crate::contact::Contact;
use crate::delivery::endpoint::is_mail_address;
use crate::id::{ContactId, NotificationGroupId, OverrideId, PolicyId, RouteId, ScheduleId};
use crate::incident::{self, IncidentAction, IncidentCommand};
use crate::{Context, Event, Rejection, World};
use rollcall_shared::Timestamp;
use std::time::Duration;

/// Schedules at most: one of each team.
pub const SCHEDULES: usize = 200;

/// Characters of a name.
const NAME_CHARACTERS: usize = 100;

/// Characters of an address on a channel (RFC 5321: 254).
const ADDRESS_CHARACTERS: usize = 254;

/// The longest override: a parental leave.
const LONGEST_OVERRIDE: Duration = Duration::from_secs(366 * 86_400);

/// Decides a command.
///
/// # Errors
/// The rejection that applies.
pub fn command(world: &World, command: &NotificationCommand, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    use NotificationCommand as C;
    let events = match command {
        C::SetRoute { id, route, expected } => set_route(world, *id, route, *expected, context)?,
        C::DeleteRoute { id, expected } => return delete_route(world, *id, *expected, context),
        C::SetSchedule { id, schedule, expected } => set_schedule(world, *id, schedule, *expected, context)?,
        C::DeleteSchedule { id, expected } => delete_schedule(world, *id, *expected)?,
        C::AddOverride { id, from, to, contact, expected } => add_override(world, *id, (*from, *to), contact, *expected, context)?,
        C::DeleteOverride { id, standing_in, expected } => delete_override(world, *id, *standing_in, *expected)?,
        C::SetPolicy { id, policy, expected } => set_policy(world, *id, policy, *expected, context)?,
        C::DeletePolicy { id, expected } => delete_policy(world, *id, *expected)?,
        C::SetMethods { contact, methods, expected } => set_methods(world, *contact, methods, *expected)?,
        C::AcknowledgeGroup { group } => return acknowledge(world, *group, context),
    };
    Ok(events.into_iter().map(Event::Notification).collect())
}

/// Refuses what is no name.
pub(super) fn named(field: &str, text: &str) -> Result<String, Rejection> {
    let wrong = || Rejection::invalid(field, format!("must have 1 to {NAME_CHARACTERS} characters"));
    normalise::text(text).filter(|text| text.chars().count() <= NAME_CHARACTERS).ok_or_else(wrong)
}

pub(super) fn contact(world: &World, field: &str, id: ContactId) -> Result<(), Rejection> {
    if world.contacts.contacts.contains_key(&id) {
        return Ok(());
    }
    Err(Rejection::invalid(field, format!("{id} is no contact; POST /api/v1/contacts makes one")))
}

fn unchanged(subject: impl ToString, current: u64, expected: Option<u64>) -> Result<(), Rejection> {
    match expected {
        Some(expected) if expected != current => Err(Rejection::Stale { subject: subject.to_string(), current, expected }),
        _ => Ok(()),
    }
}

/// Refuses a name that another of the same kind has.
fn own_name<'a, I: ToString + PartialEq + 'a>(
    field: &str,
    name: &str,
    mine: Option<I>,
    mut others: impl Iterator<Item = (I, &'a str)>,
) -> Result<String, Rejection> {
    let name = named(field, name)?;
    match others.find(|(id, other)| mine.as_ref() != Some(id) && folded(other) == folded(&name)) {
        Some((id, other)) => Err(Rejection::Conflict(format!("{} is called {other} already", id.to_string()))),
        None => Ok(name),
    }
}

fn room(kind: &str, count: usize, most: usize) -> Result<(), Rejection> {
    if count < most { Ok(()) } else { Err(Rejection::invalid("name", format!("there are at most {most} {kind}"))) }
}

fn set_route(
    world: &World,
    id: Option<RouteId>,
    route: &Route,
    expected: Option<u64>,
    context: &mut Context<'_>,
) -> Result<Vec<NotificationEvent>, Rejection> {
    let routes = &world.notifications.routes;
    let known = id.map(|id| routes.get(&id).ok_or_else(|| Rejection::not_found("notification route", id))).transpose()?;
    match known {
        Some(known) => unchanged(known.route.id, known.revision, expected)?,
        None => room("notification routes", routes.len(), ROUTES)?,
    }
    let name = own_name("name", &route.name, id, routes.values().map(|known| (known.route.id, known.route.name.as_str())))?;
    let id = id.unwrap_or_else(|| RouteId(context.ids.next_bits()));
    route.check(world, context.now)?;
    let when = route.when.settled(world, known.map(|known| &known.route.when))?;
    let route = Route { id, name, when, ..route.clone() };
    if known.is_some_and(|known| known.route == route) {
        return Ok(Vec::new());
    }
    Ok(vec![NotificationEvent::RouteSet { route: Box::new(route) }])
}

fn delete_route(world: &World, id: RouteId, expected: Option<u64>, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    let known = world.notifications.routes.get(&id).ok_or_else(|| Rejection::not_found("notification route", id))?;
    unchanged(id, known.revision, expected)?;
    let mut events = tell::take_leave(world, id, context);
    events.push(Event::Notification(NotificationEvent::RouteDeleted { route: id }));
    Ok(events)
}

fn schedule_of(world: &World, id: ScheduleId, expected: Option<u64>) -> Result<&Schedule, Rejection> {
    let known = world.notifications.schedules.get(&id).ok_or_else(|| Rejection::not_found("on-call schedule", id))?;
    unchanged(id, known.revision, expected)?;
    Ok(&known.schedule)
}

fn set_schedule(
    world: &World,
    id: Option<ScheduleId>,
    schedule: &Schedule,
    expected: Option<u64>,
    context: &mut Context<'_>,
) -> Result<Vec<NotificationEvent>, Rejection> {
    let schedules = &world.notifications.schedules;
    let known = id.map(|id| schedule_of(world, id, expected)).transpose()?;
    if known.is_none() {
        room("on-call schedules", schedules.len(), SCHEDULES)?;
    }
    let others = schedules.values().map(|known| (known.schedule.id, known.schedule.name.as_str()));
    let name = own_name("name", &schedule.name, id, others)?;
    let id = id.unwrap_or_else(|| ScheduleId(context.ids.next_bits()));
    let overrides = known.map(|known| known.overrides.clone()).unwrap_or_default();
    let schedule = Schedule { id, name, overrides, ..schedule.clone() };
    schedule.check(world)?;
    if known == Some(&schedule) {
        return Ok(Vec::new());
    }
    Ok(vec![NotificationEvent::ScheduleSet { schedule: Box::new(schedule) }])
}

fn delete_schedule(world: &World, id: ScheduleId, expected: Option<u64>) -> Result<Vec<NotificationEvent>, Rejection> {
    schedule_of(world, id, expected)?;
    let uses = |policy: &Policy| policy.steps.iter().any(|step| step.targets.contains(&Target::Schedule { schedule: id }));
    match world.notifications.policies.values().find(|known| uses(&known.policy)) {
        Some(known) => Err(Rejection::Conflict(format!("escalation policy {} asks {id} who is on call", known.policy.name))),
        None => Ok(vec![NotificationEvent::ScheduleDeleted { schedule: id }]),
    }
}

fn add_override(
    world: &World,
    id: ScheduleId,
    (from, to): (Timestamp, Timestamp),
    contact: &str,
    expected: Option<u64>,
    context: &mut Context<'_>,
) -> Result<Vec<NotificationEvent>, Rejection> {
    let known = schedule_of(world, id, expected)?;
    if from >= to || to.since(from) > LONGEST_OVERRIDE {
        return Err(Rejection::invalid("to", "must be after from, by at most 366 days"));
    }
    if to <= context.now {
        return Err(Rejection::invalid("to", "has passed already"));
    }
    let unknown = || Rejection::invalid("contact", "must be the id or name of a contact; POST /api/v1/contacts makes one");
    let contact = world.contacts.find(contact).ok_or_else(unknown)?.contact.id;
    let mut schedule = known.clone();
    // What is over is history, which the log has.
    schedule.overrides.retain(|one| one.to > context.now.minus(super::schedule::RENDERED));
    if schedule.overrides.len() >= OVERRIDES {
        return Err(Rejection::Conflict(format!("{id} has {OVERRIDES} overrides, which is the limit")));
    }
    schedule.overrides.push(Override { id: OverrideId(context.ids.next_bits()), from, to, contact });
    Ok(vec![NotificationEvent::ScheduleSet { schedule: Box::new(schedule) }])
}

fn delete_override(world: &World, id: ScheduleId, one: OverrideId, expected: Option<u64>) -> Result<Vec<NotificationEvent>, Rejection> {
    let mut schedule = schedule_of(world, id, expected)?.clone();
    let before = schedule.overrides.len();
    schedule.overrides.retain(|known| known.id != one);
    if schedule.overrides.len() == before {
        return Err(Rejection::not_found("override", one));
    }
    Ok(vec![NotificationEvent::ScheduleSet { schedule: Box::new(schedule) }])
}

fn set_policy(
    world: &World,
    id: Option<PolicyId>,
    policy: &Policy,
    expected: Option<u64>,
    context: &mut Context<'_>,
) -> Result<Vec<NotificationEvent>, Rejection> {
    let policies = &world.notifications.policies;
    let known = id.map(|id| policies.get(&id).ok_or_else(|| Rejection::not_found("escalation policy", id))).transpose()?;
    match known {
        Some(known) => unchanged(known.policy.id, known.revision, expected)?,
        None => room("escalation policies", policies.len(), POLICIES)?,
    }
    let name = own_name("name", &policy.name, id, policies.values().map(|known| (known.policy.id, known.policy.name.as_str())))?;
    let id = id.unwrap_or_else(|| PolicyId(context.ids.next_bits()));
    let policy = Policy { id, name, ..policy.clone() };
    policy.check(world)?;
    if known.is_some_and(|known| known.policy == policy) {
        return Ok(Vec::new());
    }
    Ok(vec![NotificationEvent::PolicySet { policy: Box::new(policy) }])
}

fn delete_policy(world: &World, id: PolicyId, expected: Option<u64>) -> Result<Vec<NotificationEvent>, Rejection> {
    let known = world.notifications.policies.get(&id).ok_or_else(|| Rejection::not_found("escalation policy", id))?;
    unchanged(id, known.revision, expected)?;
    match world.notifications.routes.values().find(|known| known.route.escalation == Some(id)) {
        Some(known) => Err(Rejection::Conflict(format!("notification route {} escalates by {id}", known.route.name))),
        None => Ok(vec![NotificationEvent::PolicyDeleted { policy: id }]),
    }
}

/// Refuses an address at which a contact could never be reached.
fn check_address(world: &World, contact: &Contact, method: &Method) -> Result<(), String> {
    let fits = |text: &String| (1..=ADDRESS_CHARACTERS).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    let is_mail = has_list(world, method.channel);
    match &method.address {
        Some(text) if !fits(text) => Err(format!("must have 1 to {ADDRESS_CHARACTERS} characters")),
        Some(text) if is_mail && !is_mail_address(text) => Err("must be a mail address, since the channel sends mail".into()),
        None if is_mail && contact.mail.is_none() => {
            Err(format!("must be given: the channel sends mail, {} has no mail, and the channel's own recipients are others", contact.name))
        }
        _ => Ok(()),
    }
}

fn set_methods(world: &World, id: ContactId, methods: &[Method], expected: Option<u64>) -> Result<Vec<NotificationEvent>, Rejection> {
    let contact = &world.contacts.contacts.get(&id).ok_or_else(|| Rejection::not_found("contact", id))?.contact;
    let known = world.notifications.methods.get(&id);
    unchanged(id, known.map_or(0, |known| known.revision), expected)?;
    if methods.len() > METHODS {
        return Err(Rejection::invalid("methods", format!("must be at most {METHODS}")));
    }
    for (position, method) in methods.iter().enumerate() {
        check_channel(world, &format!("methods[{position}].channel"), method.channel)?;
        check_address(world, contact, method).map_err(|reason| Rejection::invalid(format!("methods[{position}].address"), reason))?;
    }
    if known.map(|known| known.methods.as_slice()).unwrap_or_default() == methods {
        return Ok(Vec::new());
    }
    Ok(vec![NotificationEvent::MethodsSet { contact: id, methods: methods.to_vec() }])
}

fn acknowledge(world: &World, id: NotificationGroupId, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    let group = world.notifications.groups.get(&id).ok_or_else(|| Rejection::not_found("notification group", id))?;
    let act = |incident| IncidentCommand::Act { incident, action: IncidentAction::Acknowledge, expected: None };
    let mut events = Vec::new();
    for incident in group.unattended() {
        events.extend(incident::decide::command(world, &act(incident), context)?);
    }
    Ok(events)
}
