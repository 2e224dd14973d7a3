//! Decisions on channels and deliveries.

use super::retry::{Failure, LONGEST_NOTIFICATION_WAIT, LONGEST_WAIT};
use super::{
    CHANNELS, Channel, Content, DEAD, Delivery, DeliveryCommand, DeliveryEvent, DeliveryState, KEEP_DEAD, KEEP_DELIVERED, KEEP_SECRET,
    KnownChannel, NewChannel, Outcome, Secret, Told, WAITING, queue,
};
use crate::ci::normalise::{self, folded};
use crate::id::{ChannelId, ContactId, DeliveryId};
use crate::notification::escalation::{Policy, Target};
use crate::{Context, Event, Rejection, World};
use rollcall_shared::Timestamp;
use std::time::Duration;

/// Characters of a name.
const NAME_CHARACTERS: usize = 100;

/// Tests of one channel that wait at once: more tell nothing more.
const TESTS: usize = 10;

/// Who uses a channel, as many as a refusal names: more is a list that nobody reads.
const NAMED: usize = 100;

/// Characters of what went wrong.
const REASON_CHARACTERS: usize = 500;

/// Decides a command.
///
/// # Errors
/// The rejection that applies.
pub fn command(world: &World, command: &DeliveryCommand, context: &mut Context<'_>) -> Result<Vec<Event>, Rejection> {
    let events = match command {
        DeliveryCommand::Create { id, channel, after } => {
            let id = id.unwrap_or_else(|| ChannelId(context.ids.next_bits()));
            create(world, id, channel, *after)?
        }
        DeliveryCommand::Update { id, channel, expected } => update(world, *id, channel, *expected, context)?,
        DeliveryCommand::Delete { id, expected } => {
            find(world, *id, *expected)?;
            unused(world, *id)?;
            vec![DeliveryEvent::ChannelDeleted { channel: *id }]
        }
        DeliveryCommand::RotateSecret { id, expected } => {
            let known = find(world, *id, *expected)?;
            if !known.channel.kind.is_signed() {
                let kind = known.channel.kind.as_str();
                return Err(Rejection::Conflict(format!("what a {kind} channel sends is not signed; its credential is changed with PUT")));
            }
            let generation = known.secret.generation.saturating_add(1);
            let secret = Secret { generation, previous_until: Some(context.now.plus(KEEP_SECRET)) };
            vec![DeliveryEvent::ChannelSecretRotated { channel: *id, secret }]
        }
        DeliveryCommand::Test { id } => test(world, *id, context)?,
        DeliveryCommand::Resend { id } => resend(world, *id, context)?,
        DeliveryCommand::Advance { channel, cursor, records } => advance(world, *channel, *cursor, *records),
        DeliveryCommand::Conclude { channel, told, outcome } => conclude(world, *channel, told, outcome, context),
    };
    Ok(events.into_iter().map(Event::Delivery).collect())
}

/// Forgets deliveries whose time is over, and sets aside those that need not be sent or are too many.
#[must_use]
pub fn tick(world: &World, context: &Context<'_>) -> Vec<Event> {
    let mut events = queue::tidy(world, context);
    events.extend(expire(world, context));
    events.into_iter().map(Event::Delivery).collect()
}

fn expire(world: &World, context: &Context<'_>) -> Option<DeliveryEvent> {
    let over = |delivery: &&Delivery| delivery.expires_at.is_some_and(|end| end <= context.now);
    let deliveries: Vec<DeliveryId> = world.delivery.deliveries.values().filter(over).map(|delivery| delivery.id).collect();
    (!deliveries.is_empty()).then_some(DeliveryEvent::DeliveriesExpired { deliveries })
}

fn find(world: &World, id: ChannelId, expected: Option<u64>) -> Result<&KnownChannel, Rejection> {
    let known = world.delivery.channels.get(&id).ok_or_else(|| Rejection::not_found("channel", id))?;
    match expected {
        Some(expected) if expected != known.revision => {
            Err(Rejection::Stale { subject: id.to_string(), current: known.revision, expected })
        }
        _ => Ok(known),
    }
}

/// A channel that something names stays: who counts on it would be told nothing, and nobody would notice.
fn unused(world: &World, id: ChannelId) -> Result<(), Rejection> {
    let users = users(world, id);
    if users.is_empty() {
        return Ok(());
    }
    Err(Rejection::Conflict(format!("{id} is used by {}; take it out of them first", users.join(" and "))))
}

/// Routes, escalation policies and contacts that name a channel, in words.
fn users(world: &World, id: ChannelId) -> Vec<String> {
    let notifications = &world.notifications;
    let names = |policy: &Policy| {
        let mut targets = policy.steps.iter().flat_map(|step| &step.targets);
        policy.mail_channel == Some(id) || targets.any(|target| *target == Target::Channel { channel: id })
    };
    let contact = |id: &ContactId| world.contacts.contacts.get(id).map_or_else(|| id.to_string(), |known| known.contact.name.clone());
    let routes = notifications.in_order().filter(|route| route.channels.contains(&id)).map(|route| route.name.clone());
    let policies = notifications.policies.values().filter(|known| names(&known.policy)).map(|known| known.policy.name.clone());
    let methods = notifications.methods.iter().filter(|(_, known)| known.methods.iter().any(|method| method.channel == id));
    let users = [
        ("the notification routes", routes.collect::<Vec<_>>()),
        ("the escalation policies", policies.collect()),
        ("the contact methods of", methods.map(|(id, _)| contact(id)).collect()),
    ];
    let told = |(what, names): (&str, Vec<String>)| {
        let more = names.len().saturating_sub(NAMED);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        let first: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
        (!names.is_empty()).then(|| format!("{what} {}{rest}", first.join(", ")))
    };
    users.into_iter().filter_map(told).collect()
}

fn create(world: &World, id: ChannelId, new: &NewChannel, after: Option<u64>) -> Result<Vec<DeliveryEvent>, Rejection> {
    if world.delivery.channels.contains_key(&id) {
        return Err(Rejection::Conflict(format!("there is a channel {id} already")));
    }
    if world.delivery.channels.len() >= CHANNELS {
        return Err(Rejection::invalid("name", format!("there are at most {CHANNELS} channels")));
    }
    if after.is_some_and(|after| after > world.revision) {
        return Err(Rejection::invalid("after", format!("the log ends at revision {}", world.revision)));
    }
    let channel = checked(world, id, new)?;
    Ok(vec![DeliveryEvent::ChannelSet { channel: Box::new(channel), cursor: after.unwrap_or(world.revision) }])
}

/// A suspended channel is set even if nothing about it changes: that is how people say "try again". One that begins to follow the
/// feed begins now. What waits since before it was disabled or suspended is sent only if it is still true.
fn update(
    world: &World,
    id: ChannelId,
    new: &NewChannel,
    expected: Option<u64>,
    context: &Context<'_>,
) -> Result<Vec<DeliveryEvent>, Rejection> {
    let known = find(world, id, expected)?;
    let kind = new.kind.clone().keeping_credential_of(&known.channel.kind)?;
    let channel = checked(world, id, &NewChannel { kind, ..new.clone() })?;
    if channel == known.channel && known.health.suspended.is_none() {
        return Ok(Vec::new());
    }
    let begins = channel.follows_feed() && !known.channel.follows_feed();
    let cursor = if begins { world.revision } else { known.cursor };
    let is_taken_up = channel.enabled && !known.is_active();
    let mut events = vec![DeliveryEvent::ChannelSet { channel: Box::new(channel), cursor }];
    if is_taken_up {
        events.extend(queue::taken_up(world, id, context));
    }
    Ok(events)
}

/// Whether the address is one that may be called is for the edge to say: it has the configuration.
fn checked(world: &World, id: ChannelId, new: &NewChannel) -> Result<Channel, Rejection> {
    let wrong = || Rejection::invalid("name", format!("must have 1 to {NAME_CHARACTERS} characters"));
    let name = normalise::text(&new.name).filter(|name| name.chars().count() <= NAME_CHARACTERS).ok_or_else(wrong)?;
    let mut others = world.delivery.channels.values().map(|known| &known.channel).filter(|other| other.id != id);
    if let Some(other) = others.find(|other| folded(&other.name) == folded(&name)) {
        return Err(Rejection::Conflict(format!("{} is called {} already", other.id, other.name)));
    }
    new.kind.check()?;
    new.wanted.check()?;
    Ok(Channel { id, name, kind: new.kind.clone(), enabled: new.enabled, wanted: new.wanted.clone() })
}

fn test(world: &World, id: ChannelId, context: &mut Context<'_>) -> Result<Vec<DeliveryEvent>, Rejection> {
    let known = find(world, id, None)?;
    if !known.is_active() {
        return Err(inactive(known, "tested"));
    }
    let tests = world.delivery.of(id, DeliveryState::Waiting).filter(|waiting| waiting.content == Content::Test).count();
    if tests >= TESTS {
        return Err(Rejection::Conflict(format!("{tests} tests of {id} wait already; see GET /api/v1/deliveries?state=waiting")));
    }
    let delivery = waiting(DeliveryId(context.ids.next_bits()), id, Content::Test, context);
    Ok(vec![DeliveryEvent::DeliveryQueued { delivery: Box::new(delivery) }])
}

fn resend(world: &World, id: DeliveryId, context: &Context<'_>) -> Result<Vec<DeliveryEvent>, Rejection> {
    let delivery = world.delivery.deliveries.get(&id).ok_or_else(|| Rejection::not_found("delivery", id))?;
    if delivery.state != DeliveryState::Dead {
        let state = delivery.state.as_str().to_owned();
        return Err(Rejection::WrongState { subject: id.to_string(), state, action: "sent again" });
    }
    let known = find(world, delivery.channel, None)?;
    if !known.is_active() {
        return Err(inactive(known, "used to send a dead letter again"));
    }
    if world.delivery.of(delivery.channel, DeliveryState::Waiting).count() >= WAITING {
        return Err(Rejection::Conflict(format!("{WAITING} deliveries of {} wait already", delivery.channel)));
    }
    if let Some(newer) = queue::told_after(world, delivery) {
        return Err(Rejection::Conflict(format!("{id} is out of date: {newer} tells the same people something newer of the same group")));
    }
    let again = Delivery { created_at: delivery.created_at, ..waiting(id, delivery.channel, delivery.content.clone(), context) };
    Ok(queue::put(world, &[again], context))
}

fn inactive(known: &KnownChannel, action: &'static str) -> Rejection {
    let state = match &known.health.suspended {
        _ if !known.channel.enabled => "disabled (PUT it with enabled: true first)".to_owned(),
        Some(reason) => format!("suspended ({reason}; PUT it again, changed or not, to take it up)"),
        None => known.standing().as_str().to_owned(),
    };
    Rejection::WrongState { subject: known.channel.id.to_string(), state, action }
}

pub(crate) fn waiting(id: DeliveryId, channel: ChannelId, content: Content, context: &Context<'_>) -> Delivery {
    Delivery {
        id,
        channel,
        content,
        state: DeliveryState::Waiting,
        attempts: 0,
        created_at: context.now,
        failing_since: None,
        next_attempt_at: Some(context.now),
        last_error: None,
        expires_at: None,
        revision: 0,
        queued: 0,
    }
}

/// A cursor never goes back: a note that comes late tells nothing new.
fn advance(world: &World, channel: ChannelId, cursor: u64, records: u64) -> Vec<DeliveryEvent> {
    let Some(known) = world.delivery.channels.get(&channel) else { return Vec::new() };
    let cursor = cursor.min(world.revision);
    if cursor < known.cursor || (cursor == known.cursor && records == 0) {
        return Vec::new();
    }
    vec![DeliveryEvent::DeliveryAdvanced { channel, cursor, records }]
}

/// A request may come back when its channel or message is gone: then there is nothing to note.
fn conclude(world: &World, channel: ChannelId, told: &Told, outcome: &Outcome, context: &mut Context<'_>) -> Vec<DeliveryEvent> {
    let Some(known) = world.delivery.channels.get(&channel) else { return Vec::new() };
    let (reason, refused, retry_after) = match outcome {
        Outcome::Confirmed => return confirmed(world, told, None, context),
        Outcome::Partly { reason } => return confirmed(world, told, Some(cut(reason)), context),
        Outcome::Gone { reason } => return gone(world, channel, told, &cut(reason), context),
        Outcome::Failed { reason, retry_after } => (cut(reason), false, *retry_after),
        Outcome::Refused { reason } => (cut(reason), true, None),
    };
    match told {
        Told::Feed { revisions } => feed_failed(world, known, revisions, &Problem { reason, refused, retry_after }, context),
        Told::Message(id) => message_failed(world, *id, &Problem { reason, refused, retry_after }, context),
    }
}

/// The receiver wants nothing any more. What it was to be told is set aside, where people see why and can send it again; of the feed
/// nothing is lost, as the cursor stays.
fn gone(world: &World, channel: ChannelId, told: &Told, reason: &str, context: &Context<'_>) -> Vec<DeliveryEvent> {
    let suspended = DeliveryEvent::ChannelSuspended { channel, reason: reason.to_owned() };
    let Told::Message(id) = told else { return vec![suspended] };
    let message = world.delivery.deliveries.get(id).filter(|delivery| delivery.state == DeliveryState::Waiting);
    let Some(delivery) = message else { return vec![suspended] };
    let dead = buried(Delivery { attempts: delivery.attempts.saturating_add(1), ..delivery.clone() }, reason, context);
    let died = DeliveryEvent::DeliveryDied { delivery: Box::new(dead), cursor: None };
    make_room(world, channel, 1).into_iter().chain([died, suspended]).collect()
}

/// What went wrong with a request.
struct Problem {
    reason: String,
    refused: bool,
    retry_after: Option<Duration>,
}

impl Problem {
    /// With what failed before: how often, and since when.
    fn after(&self, (attempts, since): (u32, Option<Timestamp>), longest: Duration, now: Timestamp) -> Failure {
        let (attempts, since) = (attempts.saturating_add(1), since.unwrap_or(now));
        Failure { attempts, since, refused: self.refused, retry_after: self.retry_after, longest }
    }
}

/// A message that was set aside while it was on its way arrived all the same.
fn confirmed(world: &World, told: &Told, problem: Option<String>, context: &Context<'_>) -> Vec<DeliveryEvent> {
    let Told::Message(id) = told else { return Vec::new() };
    let is_under_way = |delivery: &Delivery| matches!(delivery.state, DeliveryState::Waiting | DeliveryState::Superseded);
    let expires_at = context.now.plus(KEEP_DELIVERED);
    let confirmed = DeliveryEvent::DeliveryConfirmed { delivery: *id, expires_at, problem };
    world.delivery.deliveries.get(id).is_some_and(is_under_way).then_some(confirmed).into_iter().collect()
}

fn feed_failed(world: &World, known: &KnownChannel, revisions: &[u64], problem: &Problem, context: &mut Context<'_>) -> Vec<DeliveryEvent> {
    let channel = known.channel.id;
    let Some(last) = revisions.last().copied().filter(|last| *last > known.cursor) else { return Vec::new() };
    let failure = problem.after((known.health.attempts, known.health.failing_since), LONGEST_WAIT, context.now);
    if let Some(next_attempt_at) = failure.next(context.now, context.ids.next_bits()) {
        let reason = problem.reason.clone();
        return vec![DeliveryEvent::DeliveryFailed { channel, delivery: None, reason, next_attempt_at, paused_until: None }];
    }
    let content = Content::Records { revisions: revisions.to_vec() };
    let delivery = Delivery { attempts: failure.attempts, ..waiting(DeliveryId(context.ids.next_bits()), channel, content, context) };
    let died = DeliveryEvent::DeliveryDied { delivery: Box::new(buried(delivery, &problem.reason, context)), cursor: Some(last) };
    make_room(world, channel, 1).into_iter().chain([died]).collect()
}

fn message_failed(world: &World, id: DeliveryId, problem: &Problem, context: &mut Context<'_>) -> Vec<DeliveryEvent> {
    let Some(delivery) = world.delivery.deliveries.get(&id).filter(|delivery| delivery.state == DeliveryState::Waiting) else {
        return Vec::new();
    };
    if let Some(newer) = queue::newer_than(world, delivery) {
        return queue::superseded(vec![(id, newer)], context);
    }
    let is_notification = matches!(delivery.content, Content::Notification { .. });
    let longest = if is_notification { LONGEST_NOTIFICATION_WAIT } else { LONGEST_WAIT };
    let failure = problem.after((delivery.attempts, delivery.failing_since), longest, context.now);
    if let Some(next_attempt_at) = failure.next(context.now, context.ids.next_bits()) {
        let (channel, delivery, reason) = (delivery.channel, Some(id), problem.reason.clone());
        let paused_until = (is_notification && !problem.refused).then_some(next_attempt_at);
        return vec![DeliveryEvent::DeliveryFailed { channel, delivery, reason, next_attempt_at, paused_until }];
    }
    let dead = buried(Delivery { attempts: failure.attempts, ..delivery.clone() }, &problem.reason, context);
    let died = DeliveryEvent::DeliveryDied { delivery: Box::new(dead), cursor: None };
    make_room(world, delivery.channel, 1).into_iter().chain([died]).collect()
}

pub(super) fn buried(delivery: Delivery, reason: &str, context: &Context<'_>) -> Delivery {
    Delivery {
        state: DeliveryState::Dead,
        next_attempt_at: None,
        last_error: Some(reason.to_owned()),
        expires_at: Some(context.now.plus(KEEP_DEAD)),
        ..delivery
    }
}

/// The oldest dead letters go when there are more than there is room for.
pub(super) fn make_room(world: &World, channel: ChannelId, more: usize) -> Option<DeliveryEvent> {
    let dead: Vec<DeliveryId> = world.delivery.of(channel, DeliveryState::Dead).map(|delivery| delivery.id).collect();
    let excess = (dead.len() + more).saturating_sub(DEAD).min(dead.len());
    (excess > 0).then(|| DeliveryEvent::DeliveriesExpired { deliveries: dead[..excess].to_vec() })
}

fn cut(reason: &str) -> String {
    let text = normalise::text(reason).unwrap_or_else(|| "unknown".to_owned());
    text.chars().take(REASON_CHARACTERS).collect()
}
