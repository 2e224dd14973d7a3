//! Telling: what is due about groups once a batch of inputs has been decided, or time has passed.
//!
//! Invariants: a receiver whose outbox is full is told later, and nothing is held up by it; a group is told at most once in one decision;
//! whom a group did not reach is told once how it stands when that is possible again.

mod notice;

use super::escalation::{Address, Policy, Reached};
use super::group::{NotificationGroup, Progress, Timers};
use super::message::{self, Telling};
use super::react::is_suppressed;
use super::route::{Route, STORM_WAIT};
use super::standing::is_usable;
use super::{Cause, Fate, Notification, NotificationEvent, ToldAs, watch};
use crate::delivery::{Content, DeliveryState, Message, MessageStatus, WAITING, decide, queue};
use crate::id::{ChannelId, ContactId, DeliveryId, IncidentId, NotificationId, RouteId};
use crate::incident::{Incident, IncidentEvent};
use crate::rule::Tier;
use crate::{Context, Event, World};
use rollcall_shared::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Groups told in one decision: the others follow within a second.
const AT_ONCE: usize = 100;

/// How long a group waits for room in an outbox.
const FULL_WAIT: Duration = Duration::from_secs(30);

/// Why an outbox takes nothing for now.
pub(super) const FULL: &str = "as many deliveries as may wait are waiting already";

/// How long escalation and repetition wait while all of a group is not to be told about.
const SUPPRESSED_WAIT: Duration = Duration::from_secs(600);

/// Incidents of one group that get a note of each step.
const NOTED: usize = 50;

/// What is due about groups now.
#[must_use]
pub fn settle(world: &World, context: &mut Context<'_>) -> Vec<Event> {
    let due = world.notifications.due.iter().take_while(|(at, _)| *at <= context.now).take(AT_ONCE);
    let groups: Vec<&NotificationGroup> = due.filter_map(|(_, id)| world.notifications.groups.get(id)).collect();
    let mut room = BTreeMap::new();
    let mut events: Vec<Event> = groups
        .into_iter()
        .flat_map(|group| Turn::new(world, group, &mut room).map_or_else(|| vec![ended(group)], |turn| turn.take(context)))
        .collect();
    events.extend(watch::settle(world, context));
    events
}

/// Ends the groups of a route that is to be no more. Who was told that something is wrong, and would be told that it is over, is told that
/// nothing more comes: else what they opened would stay open for ever.
pub(super) fn take_leave(world: &World, route: RouteId, context: &mut Context<'_>) -> Vec<Event> {
    // It is said now or never, so it waits even where an outbox is full.
    let mut room: Room = world.delivery.channels.keys().map(|id| (*id, usize::MAX)).collect();
    let groups = world.notifications.groups.values().filter(|group| group.route == route);
    let mut events = Vec::new();
    for group in groups {
        if let Some(mut turn) = Turn::new(world, group, &mut room).filter(Turn::owes_an_end) {
            events.extend(turn.say(Cause::Resolved, MessageStatus::Resolved, Timers::default(), context));
        }
        events.push(ended(group));
    }
    events
}

fn ended(group: &NotificationGroup) -> Event {
    Event::Notification(NotificationEvent::GroupEnded { group: group.id })
}

/// Room left in the outbox of each channel looked at so far.
type Room = BTreeMap<ChannelId, usize>;

/// One group whose time has come.
struct Turn<'a> {
    world: &'a World,
    group: &'a NotificationGroup,
    route: &'a Route,
    room: &'a mut Room,
}

/// What is told, and what is to be done afterwards.
struct Plan {
    cause: Cause,
    status: MessageStatus,
    /// By step, 0 for the route's own channels.
    steps: Vec<(u32, BTreeSet<Address>)>,
    waiting: BTreeSet<IncidentId>,
    progress: Progress,
    timers: Timers,
    notes: Vec<String>,
}

impl<'a> Turn<'a> {
    fn new(world: &'a World, group: &'a NotificationGroup, room: &'a mut Room) -> Option<Self> {
        let route = &world.notifications.routes.get(&group.route)?.route;
        Some(Self { world, group, route, room })
    }

    fn take(mut self, context: &mut Context<'_>) -> Vec<Event> {
        let now = context.now;
        let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        if !self.group.is_open() {
            return self.conclude(context);
        }
        if self.group.unattended().next().is_none() {
            return self.take_notice(context);
        }
        if let Some(until) = self.route.quiet_until(self.group.tier, now) {
            return self.postpone(until);
        }
        let timers = self.group.timers;
        if is_due(timers.tell_at) {
            return self.tell(context);
        }
        if is_due(timers.notice_at) {
            return self.take_notice_in_part(context);
        }
        if !self.group.unattended().any(|id| self.is_visible(id)) {
            let later = now.plus(SUPPRESSED_WAIT);
            return self.postpone(later);
        }
        if is_due(timers.step_at) {
            return self.escalate(context);
        }
        self.repeat(context)
    }

    fn is_visible(&self, id: IncidentId) -> bool {
        self.world.incidents.incidents.get(&id).is_some_and(|incident| !is_suppressed(self.world, incident))
    }

    fn timed(&self, timers: Timers, held: bool) -> Vec<Event> {
        vec![Event::Notification(NotificationEvent::GroupTimed { group: self.group.id, timers, held })]
    }

    /// Nothing is done before a moment.
    fn postpone(&self, until: Timestamp) -> Vec<Event> {
        let later = |at: Option<Timestamp>| at.map(|at| at.max(until));
        let Timers { tell_at, step_at, repeat_at, end_at, notice_at } = self.group.timers;
        let timers =
            Timers { tell_at: later(tell_at), step_at: later(step_at), repeat_at: later(repeat_at), end_at, notice_at: later(notice_at) };
        self.timed(timers, self.group.held)
    }

    fn conclude(&mut self, context: &mut Context<'_>) -> Vec<Event> {
        let Some(told_at) = self.group.told_at else { return vec![ended(self.group)] };
        let interval = Duration::from_millis(self.route.group_interval_ms);
        if self.owes_an_end() {
            let timers = Timers { end_at: Some(context.now.plus(interval)), ..Timers::default() };
            return self.say(Cause::Resolved, MessageStatus::Resolved, timers, context);
        }
        // What comes back within the interval is told with what was, not as something new.
        let end_at = told_at.plus(interval);
        if end_at <= context.now {
            return vec![ended(self.group)];
        }
        self.timed(Timers { end_at: Some(end_at), ..Timers::default() }, self.group.held)
    }

    /// Whether somebody has been told of it who is still to be told that it is over.
    fn owes_an_end(&self) -> bool {
        let is_told = self.group.told_at.is_some() && !self.group.told_to.is_empty();
        is_told && self.group.status != Some(MessageStatus::Resolved) && self.route.tell_resolved
    }

    fn tell(&mut self, context: &mut Context<'_>) -> Vec<Event> {
        let now = context.now;
        let (visible, hidden): (BTreeSet<IncidentId>, BTreeSet<IncidentId>) =
            self.group.waiting.keys().partition(|id| self.is_visible(**id));
        let is_seen = || self.group.told.keys().any(|id| self.is_visible(*id));
        let begins_late = self.group.told_at.is_some() && self.group.told_to.is_empty() && self.reaches_somebody(now);
        if visible.is_empty() && !(begins_late && is_seen()) {
            return self.catch_up(context);
        }
        let is_first = self.group.told_at.is_none() || self.group.status == Some(MessageStatus::Resolved);
        let others_come = || visible.len() > 1 || visible.iter().any(|id| self.is_growing(*id, now));
        if is_first && !self.group.held && !self.group.digest && self.group.tier == Tier::Page && others_come() {
            return self.timed(Timers { tell_at: Some(now.plus(STORM_WAIT)), ..self.group.timers }, true);
        }
        let repeat_at = self.repeat_at(now);
        let begins = self.group.begins();
        let mut plan = Plan {
            cause: if begins { Cause::Opened } else { Cause::Changed },
            status: MessageStatus::Firing,
            steps: vec![(0, if begins { self.channels() } else { self.known() })],
            waiting: hidden,
            progress: if begins { Progress::default() } else { self.group.progress },
            timers: Timers { step_at: self.group.timers.step_at, repeat_at, ..Timers::default() },
            notes: Vec::new(),
        };
        if begins {
            plan.timers.step_at = None;
            self.begin_escalation(&mut plan, now);
        }
        self.carry_out(plan, context)
    }

    /// Whether an incident stands for a storm that parts have come to lately, so that more of them are to be expected.
    fn is_growing(&self, id: IncidentId, now: Timestamp) -> bool {
        let storm = self.world.incidents.incidents.get(&id).and_then(|incident| incident.storm.as_ref());
        storm.is_some_and(|storm| storm.latest_at.plus(STORM_WAIT) > now)
    }

    /// Tells those whom the last of it did not reach, and who are reached now.
    fn catch_up(&mut self, context: &mut Context<'_>) -> Vec<Event> {
        let missed = self.missed();
        let timers = Timers { tell_at: None, ..self.group.timers };
        if missed.is_empty() || !self.group.told.keys().any(|id| self.is_visible(*id)) {
            return self.timed(timers, self.group.held);
        }
        let is_new = self.group.told_to.is_disjoint(&missed);
        let steps = vec![(self.group.progress.step, missed)];
        let plan = Plan { steps, timers, ..self.again(if is_new { Cause::Opened } else { Cause::Changed }) };
        self.carry_out(plan, context)
    }

    /// Whether what begins now is told to anybody.
    fn reaches_somebody(&self, now: Timestamp) -> bool {
        let step = |step: usize| self.policy().is_some_and(|policy| !policy.reach(self.world, step, now).addresses.is_empty());
        let steps = self.policy().map_or(0, |policy| policy.steps.len());
        self.route.channels.iter().any(|channel| is_usable(self.world, *channel)) || (0..steps).any(step)
    }

    fn begin_escalation(&self, plan: &mut Plan, now: Timestamp) {
        let Some(policy) = self.policy() else { return };
        match policy.steps.first().map(|step| step.after_ms) {
            Some(0) => climb(self.world, policy, plan, now),
            first => plan.timers.step_at = first.map(|ms| now.plus(Duration::from_millis(ms))),
        }
    }

    fn escalate(&mut self, context: &mut Context<'_>) -> Vec<Event> {
        let group = self.group;
        let Some(policy) = self.policy() else {
            return self.timed(Timers { step_at: None, ..group.timers }, group.held);
        };
        let mut plan = self.again(Cause::Escalated);
        // Who is told now is not told the same again with all the others at once; that a storm has grown is for all.
        let interval = Duration::from_millis(self.route.group_interval_ms);
        plan.timers.repeat_at = if self.has_grown() { Some(context.now.plus(interval)) } else { self.repeat_at(context.now) };
        climb(self.world, policy, &mut plan, context.now);
        self.carry_out(plan, context)
    }

    fn repeat(&mut self, context: &mut Context<'_>) -> Vec<Event> {
        let mut plan = self.again(if self.has_grown() { Cause::Changed } else { Cause::Repeated });
        plan.timers.repeat_at = self.repeat_at(context.now);
        plan.timers.notice_at = None;
        plan.steps = vec![(self.group.progress.step, self.known())];
        self.carry_out(plan, context)
    }

    fn has_grown(&self) -> bool {
        let incident = |id| self.world.incidents.incidents.get(&id);
        self.group.unattended().filter_map(incident).any(|storm| self.group.has_outgrown(storm))
    }

    fn repeat_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.route.repeat_interval_ms.map(|ms| now.plus(Duration::from_millis(ms)))
    }

    /// What is told again leaves those that wait waiting.
    fn again(&self, cause: Cause) -> Plan {
        let waiting = self.group.waiting.keys().copied().collect();
        let (progress, timers) = (self.group.progress, self.group.timers);
        Plan { cause, status: MessageStatus::Firing, steps: Vec::new(), waiting, progress, timers, notes: Vec::new() }
    }

    fn policy(&self) -> Option<&'a Policy> {
        Some(&self.world.notifications.policies.get(&self.route.escalation?)?.policy)
    }

    fn channels(&self) -> BTreeSet<Address> {
        self.route.channels.iter().copied().map(Address::channel).collect()
    }

    /// Who has been told so far, or was to be and is reached by now.
    fn known(&self) -> BTreeSet<Address> {
        if self.group.told_to.is_empty() { self.channels() } else { &self.told_to() | &self.missed() }
    }

    /// Whom the last of it did not reach, and who is reached now.
    fn missed(&self) -> BTreeSet<Address> {
        let is_reached = |address: &&Address| address.is_theirs(self.world) && is_usable(self.world, address.channel);
        self.group.missed.iter().filter(is_reached).cloned().collect()
    }

    /// Who has been told, without those who would be told by the list of a channel that sends mail by now.
    fn told_to(&self) -> BTreeSet<Address> {
        self.group.told_to.iter().filter(|address| address.is_theirs(self.world)).cloned().collect()
    }

    fn carry_out(&mut self, plan: Plan, context: &mut Context<'_>) -> Vec<Event> {
        let telling = Telling { group: self.group, route: self.route, status: plan.status, now: context.now };
        let mut message = message::compose(self.world, telling);
        if plan.status == MessageStatus::Firing && plan.timers.notice_at.is_none() {
            let unsaid: Vec<&Incident> = self.unsaid().collect();
            message::head(&mut message, &unsaid, plan.cause);
        }
        let (mut told, mut queued, mut full) = (Vec::new(), Vec::new(), false);
        for (step, addresses) in &plan.steps {
            for ((channel, _), addresses) in by_channel(addresses) {
                let mut notification = self.notification(&plan, (*step, channel), &addresses, &message, context);
                match self.offer(channel, plan.status) {
                    Ok(()) => {
                        let id = DeliveryId(context.ids.next_bits());
                        let mut message = Message { step: (*step).max(1), ..message.clone() };
                        message.recipients.clone_from(&notification.recipients);
                        let content = Content::Notification { message: Box::new(message) };
                        queued.push(decide::waiting(id, channel, content, context));
                        notification.delivery = Some(id);
                    }
                    Err(Refused { reason, is_full }) => {
                        full |= is_full;
                        notification.fate = Fate::NotSent { reason };
                    }
                }
                told.push(notification);
            }
        }
        if queued.is_empty() && full {
            return self.postpone(context.now.plus(FULL_WAIT));
        }
        let Plan { status, waiting, progress, timers, .. } = plan;
        let told = NotificationEvent::GroupTold {
            group: self.group.id,
            status,
            notifications: told,
            waiting,
            sizes: self.sizes(),
            progress,
            timers,
        };
        let notes = self.notes(&plan.notes);
        let queued = queue::put(self.world, &queued, context);
        [Event::Notification(told)].into_iter().chain(queued.into_iter().map(Event::Delivery)).chain(notes).collect()
    }

    fn notification(
        &self,
        plan: &Plan,
        (step, channel): (u32, ChannelId),
        addresses: &[&Address],
        message: &Message,
        context: &mut Context<'_>,
    ) -> Notification {
        let contacts: BTreeSet<ContactId> = addresses.iter().filter_map(|address| address.contact).collect();
        Notification {
            id: NotificationId(context.ids.next_bits()),
            at: context.now,
            group: Some(self.group.id),
            route: Some(self.route.id),
            told_as: Some(self.told_as(addresses)),
            cause: plan.cause,
            status: plan.status,
            step,
            channel,
            recipients: addresses.iter().filter_map(|address| address.recipient.clone()).collect(),
            contacts: contacts.into_iter().collect(),
            title: message.title.clone(),
            incidents: message.incidents.iter().map(|incident| incident.id).collect(),
            omitted: message.omitted,
            delivery: None,
            revision: 0,
            fate: Fate::Waiting,
        }
    }

    /// Steps are counted by rounds and say nothing of what is told again: whom the route does not reach by itself was told by a step.
    fn told_as(&self, addresses: &[&Address]) -> ToldAs {
        let is_own = |address: &&Address| **address == Address::channel(address.channel) && self.route.channels.contains(&address.channel);
        if self.route.escalation.is_none() || addresses.iter().all(is_own) { ToldAs::Route } else { ToldAs::Escalation }
    }

    /// Of its storms, how many parts each has now.
    fn sizes(&self) -> BTreeMap<IncidentId, u32> {
        let storms = self.group.open().filter_map(|id| self.world.incidents.incidents.get(&id)).filter(|incident| incident.storm.is_some());
        storms.map(|storm| (storm.id, u32::try_from(storm.children.len()).unwrap_or(u32::MAX))).collect()
    }

    /// Takes a place in the outbox of a channel. That it is over waits there for a channel that takes nothing now, if the channel had told
    /// that something is wrong: there may be no group any more when it is taken up again.
    fn offer(&mut self, channel: ChannelId, status: MessageStatus) -> Result<(), Refused> {
        let refuse = |reason: &str, is_full| Err(Refused { reason: reason.to_owned(), is_full });
        let Some(known) = self.world.delivery.channels.get(&channel) else { return refuse("the channel is no more", false) };
        let is_active = known.is_active();
        let has_told = || self.world.notifications.was_delivered(self.group.id, channel);
        if !(is_active || (status == MessageStatus::Resolved && has_told())) {
            return refuse(&format!("the channel is {}", known.standing().as_str()), false);
        }
        if !known.channel.takes_notifications() {
            return refuse("the channel takes no notifications: it follows the feed alone", false);
        }
        let count = || WAITING.saturating_sub(self.world.delivery.of(channel, DeliveryState::Waiting).count());
        let room = self.room.entry(channel).or_insert_with(count);
        if *room == 0 {
            return refuse(FULL, is_active);
        }
        *room -= 1;
        Ok(())
    }

    fn notes(&self, texts: &[String]) -> Vec<Event> {
        let incidents: Vec<IncidentId> = self.group.unattended().filter(|id| self.is_visible(*id)).take(NOTED).collect();
        let note =
            |incident: &IncidentId, text: &String| IncidentEvent::IncidentNoted { incident: *incident, text: text.clone(), public: false };
        texts.iter().flat_map(|text| incidents.iter().map(move |incident| Event::Incident(note(incident, text)))).collect()
    }
}

/// Why a channel takes nothing.
struct Refused {
    reason: String,
    is_full: bool,
}

/// Addresses that one message goes to: those on one channel with a recipient each, and the channel as a whole.
pub(super) fn by_channel(addresses: &BTreeSet<Address>) -> BTreeMap<(ChannelId, bool), Vec<&Address>> {
    let mut sorted: BTreeMap<(ChannelId, bool), Vec<&Address>> = BTreeMap::new();
    for address in addresses {
        let same = sorted.entry((address.channel, address.recipient.is_some())).or_default();
        // Two contacts may have one address.
        if !same.iter().any(|known| known.recipient == address.recipient) {
            same.push(address);
        }
    }
    sorted
}

/// Does the next step of escalation, and those after it as long as they reach nobody.
fn climb(world: &World, policy: &Policy, plan: &mut Plan, now: Timestamp) {
    let last = policy.steps.len();
    loop {
        let step = plan.progress.step;
        let reached = policy.reach(world, step as usize, now);
        plan.progress.step = step.saturating_add(1);
        plan.notes.push(said(policy, plan.progress.step, &reached));
        let is_empty = reached.addresses.is_empty();
        plan.steps.push((plan.progress.step, &reached.addresses | &reached.unreached));
        if !is_empty || plan.progress.step as usize >= last {
            break;
        }
    }
    plan.timers.step_at = match policy.steps.get(plan.progress.step as usize) {
        Some(next) => Some(now.plus(Duration::from_millis(next.after_ms))),
        None if plan.progress.round < policy.repeat => {
            plan.progress = Progress { step: 0, round: plan.progress.round + 1 };
            Some(now.plus(Duration::from_millis(policy.repeat_after_ms)))
        }
        None => None,
    };
}

fn said(policy: &Policy, step: u32, reached: &Reached) -> String {
    let place = format!("Escalation {}, step {step} of {}", policy.name, policy.steps.len());
    let missed = if reached.missed.is_empty() { String::new() } else { format!("; not told: {}", reached.missed.join("; ")) };
    if reached.addresses.is_empty() {
        let next = if (step as usize) < policy.steps.len() { "The next step follows at once" } else { "It was the last step" };
        return format!("{place}: nobody was told{missed}. {next}.");
    }
    format!("{place}: told {}{missed}.", reached.who.join(", "))
}
