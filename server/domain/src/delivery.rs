//! Delivery: what other systems are told, through channels, at least once and in order.
//!
//! The log is the outbox. A channel that follows the change feed keeps one number, the revision up to which its receiver has
//! confirmed everything; what was not confirmed is read from the log again, after a restart too. Only messages of their own
//! (notifications, tests, dead letters that are sent again) are held here, and their number has a bound. Secrets that this server
//! makes are not here at all: the edge derives them from its own key, the channel and a generation. Those that receivers gave are
//! here as the edge sealed them, or as the name of a file.
//!
//! Invariants: a channel's cursor moves only past records that were confirmed, were not wanted, or lie in a dead letter; a
//! channel is never told of deliveries, for each would lead to another one; of what waits for the same people about the same
//! group the latest alone is sent.

pub mod decide;
pub mod endpoint;
pub mod feed;
pub mod fold;
pub mod message;
pub mod queue;
pub mod retry;

use crate::id::{ChannelId, DeliveryId};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

pub use endpoint::{ChannelKind, Credential, PAGERDUTY_URL, Security};
pub use feed::{Follows, Wanted};
pub use message::{Message, MessageIncident, MessageStatus};
pub use retry::Outcome;

/// Channels at most: each is a connection that may hang for as long as a request may take.
pub const CHANNELS: usize = 100;

/// Records of one request: with ordinary records about 100 kB.
pub const BATCH: usize = 100;

/// Messages of one channel that wait to be sent, its dead letters on their way again included.
pub const WAITING: usize = 200;

/// Dead letters of one channel. The oldest goes when there is one more; what it was about stays in the log.
pub const DEAD: usize = 200;

/// How long dead letters are kept: a month's holiday of the one person who knows the receiver.
pub const KEEP_DEAD: Duration = Duration::from_secs(30 * 86_400);

/// How long it is shown that a message was delivered: for whoever pressed the test button.
pub const KEEP_DELIVERED: Duration = Duration::from_secs(3_600);

/// How long the secret before a rotation signs beside the new one, so that a receiver misses nothing while it is changed there.
pub const KEEP_SECRET: Duration = Duration::from_secs(86_400);

/// What administrators say of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Its id for ever.
    pub id: ChannelId,
    /// What people call it.
    pub name: String,
    /// How it reaches its receiver.
    #[serde(flatten)]
    pub kind: ChannelKind,
    /// Whether anything is sent.
    pub enabled: bool,
    /// Which records it wants.
    #[serde(default)]
    pub wanted: Wanted,
}

/// Which of its secrets a channel signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// How often it was made anew, from 1.
    pub generation: u32,
    /// Until when the generation before signs as well.
    pub previous_until: Option<Timestamp>,
}

/// How the requests of a channel that follows the feed go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// When the receiver last confirmed something.
    pub last_success_at: Option<Timestamp>,
    /// When a request last failed, and how.
    pub last_error: Option<(Timestamp, String)>,
    /// Requests that failed since the last success of the feed.
    pub attempts: u32,
    /// Since when the feed does not get through.
    pub failing_since: Option<Timestamp>,
    /// When the feed is tried again; `None` when nothing waits for that.
    pub next_attempt_at: Option<Timestamp>,
    /// Why nothing is sent any more, although the channel is enabled: the receiver said that it is gone.
    pub suspended: Option<String>,
    /// Records and messages confirmed.
    pub delivered: u64,
    /// Requests that failed.
    pub failures: u64,
    /// Records and messages that became dead letters.
    pub died: u64,
    /// Since when messages of their own do not get through; until the next one that does.
    #[serde(default)]
    pub messages_failing_since: Option<Timestamp>,
    /// Until when no notification is tried, since the receiver could not be reached or asked to wait.
    #[serde(default)]
    pub paused_until: Option<Timestamp>,
}

/// A channel with how it is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownChannel {
    /// What administrators say of it.
    pub channel: Channel,
    /// What it signs with.
    pub secret: Secret,
    /// Up to which revision of the log everything is confirmed or needs no confirmation.
    pub cursor: u64,
    /// How its requests go.
    pub health: Health,
    /// When it was made.
    pub created_at: Timestamp,
    /// When administrators last changed it.
    pub updated_at: Timestamp,
    /// Log revision of that change; its ETag. What is delivered does not move it.
    pub revision: u64,
}

/// How a channel is doing, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing is sent, as an administrator wants.
    Disabled,
    /// What is sent arrives.
    Healthy,
    /// What was sent last did not get through; what waits, and what comes, is tried.
    Retrying,
    /// The receiver said that it is gone; enabling the channel again tries anew.
    Suspended,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Disabled, Self::Healthy, Self::Retrying, Self::Suspended];

    /// The name in JSON and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Healthy => "healthy",
            Self::Retrying => "retrying",
            Self::Suspended => "suspended",
        }
    }
}

impl KnownChannel {
    /// How it is doing.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match &self.health {
            _ if !self.channel.enabled => Standing::Disabled,
            Health { suspended: Some(_), .. } => Standing::Suspended,
            Health { failing_since: Some(_), .. } | Health { messages_failing_since: Some(_), .. } => Standing::Retrying,
            _ => Standing::Healthy,
        }
    }

    /// Whether anything is sent.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.channel.enabled && self.health.suspended.is_none()
    }

    /// Generations of the secret that sign at a moment, the newest first.
    pub fn signing(&self, now: Timestamp) -> impl Iterator<Item = u32> + use<> {
        let Secret { generation, previous_until } = self.secret;
        let previous = previous_until.filter(|until| now < *until).map(|_| generation.saturating_sub(1)).filter(|one| *one > 0);
        std::iter::once(generation).chain(previous)
    }
}

/// What a delivery tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "content", rename_all = "snake_case")]
pub enum Content {
    /// That the channel works.
    Test,
    /// These records of the log, exactly, whatever the channel wants by now.
    Records {
        /// Their revisions, ascending; at most [`BATCH`].
        revisions: Vec<u64>,
    },
    /// What people are to know of incidents.
    Notification {
        /// Frozen when it was made.
        message: Box<Message>,
    },
}

/// Where a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is sent as soon as it is due.
    Waiting,
    /// The receiver confirmed it.
    Delivered,
    /// It was given up; people can send it again.
    Dead,
    /// It was not sent: while it waited the same people were to be told something newer of the same group.
    Superseded,
}

impl DeliveryState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Delivered, Self::Dead, Self::Superseded];

    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Superseded => "superseded",
        }
    }
}

/// A message of its own: a test, or what was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id for ever; what is sent again keeps it, so that the receiver can tell.
    pub id: DeliveryId,
    /// Where it goes.
    pub channel: ChannelId,
    /// What it tells.
    #[serde(flatten)]
    pub content: Content,
    /// Where it is.
    pub state: DeliveryState,
    /// Requests that failed since it last began to wait.
    pub attempts: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it is being tried, if it failed.
    pub failing_since: Option<Timestamp>,
    /// When it is due.
    pub next_attempt_at: Option<Timestamp>,
    /// How it last failed.
    pub last_error: Option<String>,
    /// When it is forgotten; never while it waits.
    pub expires_at: Option<Timestamp>,
    /// Log revision of its last change.
    pub revision: u64,
    /// Log revision at which it began to wait, 0 before it does: what is newer is not a matter of clocks.
    #[serde(default)]
    pub queued: u64,
}

/// What happened to channels and deliveries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum DeliveryEvent {
    /// A channel was made or changed; carried whole.
    ChannelSet {
        /// As it is now.
        channel: Box<Channel>,
        /// Where a new one begins: only records after this revision. A known one goes on where it was.
        cursor: u64,
    },
    /// A channel is no more, and nothing that waited for it.
    ChannelDeleted {
        /// Which.
        channel: ChannelId,
    },
    /// A channel signs with a new secret.
    ChannelSecretRotated {
        /// Which.
        channel: ChannelId,
        /// With what.
        secret: Secret,
    },
    /// The receiver said that it is gone: nothing is sent until somebody enables the channel again.
    ChannelSuspended {
        /// Which.
        channel: ChannelId,
        /// What it said.
        reason: String,
    },
    /// A receiver confirmed everything that its channel wants up to a revision.
    DeliveryAdvanced {
        /// Of which channel.
        channel: ChannelId,
        /// Up to where.
        cursor: u64,
        /// Records confirmed since the last such event.
        records: u64,
    },
    /// A request did not get through and is tried again.
    DeliveryFailed {
        /// Of which channel.
        channel: ChannelId,
        /// Which message; `None` for the feed.
        delivery: Option<DeliveryId>,
        /// How.
        reason: String,
        /// When it is tried again.
        next_attempt_at: Timestamp,
        /// Until when no other notification is tried either: the receiver could not be reached, or asked to wait.
        #[serde(default)]
        paused_until: Option<Timestamp>,
    },
    /// A message waits to be sent.
    DeliveryQueued {
        /// Which; carried whole.
        delivery: Box<Delivery>,
    },
    /// The receiver confirmed a message.
    DeliveryConfirmed {
        /// Which.
        delivery: DeliveryId,
        /// When it is forgotten.
        expires_at: Timestamp,
        /// Whom it did not reach, if it reached others.
        #[serde(default)]
        problem: Option<String>,
    },
    /// Messages need not be sent any more: a newer one tells the same people of the same group.
    DeliveriesSuperseded {
        /// Which.
        deliveries: Vec<DeliveryId>,
        /// By which.
        by: DeliveryId,
        /// When they are forgotten.
        expires_at: Timestamp,
    },
    /// A message, or a part of the feed, was given up.
    DeliveryDied {
        /// Which; carried whole.
        delivery: Box<Delivery>,
        /// Where the feed goes on, if it was a part of it.
        cursor: Option<u64>,
    },
    /// Deliveries were forgotten: their time was over, or newer ones needed the room.
    DeliveriesExpired {
        /// Which.
        deliveries: Vec<DeliveryId>,
    },
}

/// What a request told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A part of the feed.
    Feed {
        /// Revisions of the records, ascending.
        revisions: Vec<u64>,
    },
    /// A message of its own.
    Message(DeliveryId),
}

/// What administrators, and the edge that sends, ask.
#[derive(Clone, Debug, PartialEq)]
pub enum DeliveryCommand {
    /// Make a channel.
    Create {
        /// Its id, if the edge drew it already to seal a secret for it.
        id: Option<ChannelId>,
        /// What it is to be.
        channel: NewChannel,
        /// Only records after this revision; those from now on unless given.
        after: Option<u64>,
    },
    /// Say anew what a channel is. It goes on where it was; one that was suspended is tried again.
    Update {
        /// Which.
        id: ChannelId,
        /// What it is to be.
        channel: NewChannel,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// End a channel.
    Delete {
        /// Which.
        id: ChannelId,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Sign with a new secret.
    RotateSecret {
        /// Of which channel.
        id: ChannelId,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Send a message that tells that the channel works.
    Test {
        /// Through which.
        id: ChannelId,
    },
    /// Send a dead letter again.
    Resend {
        /// Which.
        id: DeliveryId,
    },
    /// Take note that a channel has come this far.
    Advance {
        /// Which.
        channel: ChannelId,
        /// Up to where.
        cursor: u64,
        /// Records confirmed since the last such note.
        records: u64,
    },
    /// Take note of how a request went. Requests of the feed that succeed are noted by [`DeliveryCommand::Advance`].
    Conclude {
        /// Of which channel.
        channel: ChannelId,
        /// What it told.
        told: Told,
        /// How it went.
        outcome: Outcome,
    },
}

/// A channel as administrators describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewChannel {
    /// What people call it.
    pub name: String,
    /// How it reaches its receiver.
    pub kind: ChannelKind,
    /// Whether anything is sent.
    pub enabled: bool,
    /// Which records it wants.
    pub wanted: Wanted,
}

/// All channels and the messages of their own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Deliveries {
    /// By id.
    pub channels: BTreeMap<ChannelId, KnownChannel>,
    /// By id, which is the order in which they were made.
    pub deliveries: BTreeMap<DeliveryId, Delivery>,
}

impl Deliveries {
    /// Deliveries of a channel in a state, the oldest first.
    pub fn of(&self, channel: ChannelId, state: DeliveryState) -> impl DoubleEndedIterator<Item = &Delivery> {
        self.deliveries.values().filter(move |delivery| delivery.channel == channel && delivery.state == state)
    }
}

#[cfg(test)]
mod tests;
