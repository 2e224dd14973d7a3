//! Escalation: who is told next when nobody takes notice.
//!
//! Invariant: a step that reaches nobody holds nothing up: it is said, and the next one follows at once.

use super::standing::unusable;
use crate::contact::Contact;
use crate::delivery::ChannelKind;
use crate::id::{ChannelId, ContactId, PolicyId, ScheduleId};
use crate::{Rejection, World};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Policies at most: one of each team.
pub const POLICIES: usize = 200;

/// Steps of one policy.
pub const STEPS: usize = 10;

/// Targets of one step.
pub const TARGETS: usize = 20;

/// Ways to reach one contact.
pub const METHODS: usize = 5;

/// Rounds after the first.
const REPEATS: u32 = 10;

/// A person needs this long to look at a telephone and press a button.
const SHORTEST_MS: u64 = 60_000;

const DAY_MS: u64 = 86_400_000;

/// Whom a step tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Target {
    /// A person or team.
    Contact {
        /// Which.
        contact: ContactId,
    },
    /// Whoever is on call.
    Schedule {
        /// In which schedule.
        schedule: ScheduleId,
    },
    /// All that a channel reaches.
    Channel {
        /// Which.
        channel: ChannelId,
    },
}

/// Who is told, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// How long after the step before, ms; the first one after the group was told.
    pub after_ms: u64,
    /// Whom.
    pub targets: Vec<Target>,
}

/// Who is told next when nobody takes notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its id for ever.
    pub id: PolicyId,
    /// What people call it.
    pub name: String,
    /// In their order.
    pub steps: Vec<Step>,
    /// Rounds after the first.
    pub repeat: u32,
    /// How long after the last step the next round begins, ms.
    pub repeat_after_ms: u64,
    /// Through which channel contacts are reached that say nothing else: at their mail address.
    pub mail_channel: Option<ChannelId>,
}

/// A policy with its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownPolicy {
    /// As it is.
    pub policy: Policy,
    /// Log revision of the last change; its ETag.
    pub revision: u64,
}

/// A way to reach a contact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// Through which channel.
    pub channel: ChannelId,
    /// Where: a mail address, a handle; absent where the channel is theirs alone, and on a mail channel for the contact's own mail.
    #[serde(default)]
    pub address: Option<String>,
}

/// How a contact is reached, with its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownMethods {
    /// All of them are used.
    pub methods: Vec<Method>,
    /// Log revision of the last change; its ETag.
    pub revision: u64,
}

/// Where something is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    /// Through which channel.
    pub channel: ChannelId,
    /// To whom on it; all that it reaches when absent.
    pub recipient: Option<String>,
    /// Whose address it is.
    pub contact: Option<ContactId>,
}

/// Whom a step reaches now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Where it is told.
    pub addresses: BTreeSet<Address>,
    /// Where it would be told, did the channel take anything now.
    pub unreached: BTreeSet<Address>,
    /// Who, in words.
    pub who: Vec<String>,
    /// Who is not reached, in words.
    pub missed: Vec<String>,
}

impl Address {
    /// All that a channel reaches.
    #[must_use]
    pub fn channel(channel: ChannelId) -> Self {
        Self { channel, recipient: None, contact: None }
    }

    /// Whether what is meant for a contact goes to them: not to the list of a channel.
    #[must_use]
    pub(super) fn is_theirs(&self, world: &World) -> bool {
        self.contact.is_none() || self.recipient.is_some() || !has_list(world, self.channel)
    }
}

impl Method {
    fn address_of(&self, world: &World, contact: &Contact) -> Address {
        let recipient = self.address.clone().or_else(|| contact.mail.clone().filter(|_| has_list(world, self.channel)));
        Address { channel: self.channel, recipient, contact: Some(contact.id) }
    }

    /// Where it reaches a contact. A mail channel has a list of recipients of its own, to which nothing goes that is meant for one person:
    /// without an address it is the contact's mail.
    ///
    /// # Errors
    /// Why it reaches nobody, in words.
    pub(super) fn reach(&self, world: &World, contact: &Contact) -> Result<Address, String> {
        if let Some(problem) = unusable(world, self.channel) {
            return Err(problem);
        }
        let address = self.address_of(world, contact);
        if address.is_theirs(world) {
            Ok(address)
        } else {
            Err("their method on a mail channel has no address, and they have no mail".into())
        }
    }
}

/// Whether a channel that is given no recipient tells a list of its own.
pub(super) fn has_list(world: &World, channel: ChannelId) -> bool {
    world.delivery.channels.get(&channel).is_some_and(|known| matches!(known.channel.kind, ChannelKind::Mail { .. }))
}

/// Whether a contact is reached by a method that counts on its mail.
pub(crate) fn needs_mail(world: &World, contact: ContactId) -> bool {
    let methods = world.notifications.methods.get(&contact).map(|known| known.methods.as_slice()).unwrap_or_default();
    methods.iter().any(|method| method.address.is_none() && has_list(world, method.channel))
}

impl Policy {
    /// Whom a step reaches at a moment. Steps are counted from 0.
    #[must_use]
    pub fn reach(&self, world: &World, step: usize, now: Timestamp) -> Reached {
        let mut reached = Reached::default();
        for target in self.steps.get(step).into_iter().flat_map(|step| &step.targets) {
            self.add(world, target, now, &mut reached);
        }
        reached
    }

    fn add(&self, world: &World, target: &Target, now: Timestamp, reached: &mut Reached) {
        match target {
            Target::Contact { contact } => self.add_contact(world, *contact, None, reached),
            Target::Schedule { schedule } => {
                let Some(known) = world.notifications.schedules.get(schedule) else {
                    reached.missed.push(format!("{schedule} is no more"));
                    return;
                };
                match known.schedule.on_call(now) {
                    Some((contact, _)) => self.add_contact(world, contact, Some(&known.schedule.name), reached),
                    None => reached.missed.push(format!("nobody is on call in {}", known.schedule.name)),
                }
            }
            Target::Channel { channel } => match (unusable(world, *channel), world.delivery.channels.get(channel)) {
                (None, Some(known)) => {
                    reached.addresses.insert(Address::channel(*channel));
                    reached.who.push(known.channel.name.clone());
                }
                (problem, _) => {
                    reached.unreached.insert(Address::channel(*channel));
                    reached.missed.extend(problem);
                }
            },
        }
    }

    fn add_contact(&self, world: &World, id: ContactId, schedule: Option<&str>, reached: &mut Reached) {
        let Some(known) = world.contacts.contacts.get(&id) else {
            reached.missed.push(format!("{id} is no more"));
            return;
        };
        let name = match schedule {
            Some(schedule) => format!("{}, on call in {schedule}", known.contact.name),
            None => known.contact.name.clone(),
        };
        let own = world.notifications.methods.get(&id).map(|known| known.methods.as_slice()).unwrap_or_default();
        let by_mail = || Some(Method { channel: self.mail_channel?, address: Some(known.contact.mail.clone()?) });
        let methods = if own.is_empty() { by_mail().into_iter().collect() } else { own.to_vec() };
        let (mut addresses, mut problems) = (Vec::new(), Vec::new());
        for method in &methods {
            match method.reach(world, &known.contact) {
                Ok(address) => addresses.push(address),
                Err(problem) => {
                    let address = method.address_of(world, &known.contact);
                    reached.unreached.extend(address.is_theirs(world).then_some(address));
                    problems.push(problem);
                }
            }
        }
        if addresses.is_empty() {
            let none = "there is neither a method of theirs nor a mail address with a mail channel of the policy".to_owned();
            let why = if problems.is_empty() { none } else { problems.join(", ") };
            reached.missed.push(format!("{name} cannot be reached: {why}"));
            return;
        }
        reached.addresses.extend(addresses);
        reached.who.push(name);
    }

    /// Refuses what is no policy.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn check(&self, world: &World) -> Result<(), Rejection> {
        if !(1..=STEPS).contains(&self.steps.len()) {
            return Err(Rejection::invalid("steps", format!("must be 1 to {STEPS}")));
        }
        for (position, step) in self.steps.iter().enumerate() {
            let field = format!("steps[{position}]");
            let least = if position == 0 { 0 } else { SHORTEST_MS };
            if !(least..=DAY_MS).contains(&step.after_ms) {
                return Err(Rejection::invalid(format!("{field}.after_ms"), format!("must be {least} ms to a day")));
            }
            if !(1..=TARGETS).contains(&step.targets.len()) {
                return Err(Rejection::invalid(format!("{field}.targets"), format!("must be 1 to {TARGETS}")));
            }
            for (number, target) in step.targets.iter().enumerate() {
                check_target(world, &format!("{field}.targets[{number}]"), target)?;
            }
        }
        if self.repeat > REPEATS {
            return Err(Rejection::invalid("repeat", format!("must be at most {REPEATS}")));
        }
        if !(SHORTEST_MS..=DAY_MS).contains(&self.repeat_after_ms) {
            return Err(Rejection::invalid("repeat_after_ms", "must be a minute to a day, in milliseconds"));
        }
        self.mail_channel.map_or(Ok(()), |channel| check_channel(world, "mail_channel", channel))
    }
}

fn check_target(world: &World, field: &str, target: &Target) -> Result<(), Rejection> {
    match target {
        Target::Contact { contact } => super::decide::contact(world, &format!("{field}.contact"), *contact),
        Target::Channel { channel } => check_channel(world, &format!("{field}.channel"), *channel),
        Target::Schedule { schedule } if world.notifications.schedules.contains_key(schedule) => Ok(()),
        Target::Schedule { schedule } => Err(Rejection::invalid(format!("{field}.schedule"), format!("{schedule} is no schedule"))),
    }
}

pub(super) fn check_channel(world: &World, field: &str, channel: ChannelId) -> Result<(), Rejection> {
    if world.delivery.channels.contains_key(&channel) {
        return Ok(());
    }
    Err(Rejection::invalid(field, format!("{channel} is no channel; POST /api/v1/channels makes one")))
}
