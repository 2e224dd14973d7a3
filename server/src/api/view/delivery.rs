//! Channels and deliveries. Secrets are in one view alone, that of a channel which was just made or rotated.

use super::Time;
use super::word::{Class, DeliveryState, Follows, Security};
use crate::delivery::Dispatch;
use rollcall_domain::delivery as domain;
use rollcall_domain::{World, delivery::Standing};
use serde::Serialize;
use utoipa::ToSchema;

/// How a channel is doing.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChannelHealth {
    /// `healthy`, `retrying`, `suspended` after the receiver said that it is gone (PUT the channel to try again), or `disabled`.
    #[schema(example = "healthy")]
    pub state: String,
    /// When the receiver last confirmed something.
    pub last_success_at: Option<Time>,
    /// When a request last failed.
    pub last_error_at: Option<Time>,
    /// How it failed.
    pub last_error: Option<String>,
    /// Since when the feed, or messages, do not get through.
    pub failing_since: Option<Time>,
    /// When the feed, or what waits, is tried again.
    pub next_attempt_at: Option<Time>,
    /// Records of the log that the channel has not come past yet, wanted or not.
    pub lag: u64,
    /// Records of the log, notifications and tests that the receiver confirmed.
    pub delivered: u64,
    /// Requests that failed.
    pub failures: u64,
    /// Deliveries that wait to be sent, beside the feed.
    pub waiting: u64,
    /// Dead letters that can be sent again.
    pub dead: u64,
}

/// A way to tell another system what happens.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Channel {
    /// Its id for ever.
    #[schema(example = "chan_00000000000000000000000001")]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// How it reaches its receiver: `webhook`, `alertmanager`, `slack`, `pagerduty` or `mail`.
    pub kind: &'static str,
    /// Where requests go. Null for mail, and for Slack, whose address is its credential.
    #[schema(example = "https://receiver.example/rollcall")]
    pub url: Option<String>,
    /// Where mail goes, for `mail`.
    pub mail: Option<MailServer>,
    /// What it shows to its receiver: `sealed`, `file`, or `unreadable` if it has to be given again; null if there is none.
    pub credential: Option<&'static str>,
    /// What the server's configuration calls the file that holds its credential.
    pub credential_file: Option<String>,
    /// What a webhook is told of; others are told of notifications.
    pub follows: Follows,
    /// Whether anything is sent.
    pub enabled: bool,
    /// Subjects of the records it wants; empty for all.
    pub subjects: Vec<String>,
    /// Types of the records it wants; empty for all.
    pub types: Vec<String>,
    /// Classes of the configuration items it wants to hear of; empty for all.
    pub classes: Vec<Class>,
    /// Up to which revision everything is confirmed or was not wanted.
    pub cursor: u64,
    /// How often the secret that signs its requests was made anew, from 1.
    pub secret_generation: u32,
    /// Until when the secret before signs as well.
    pub previous_secret_until: Option<Time>,
    /// How it is doing.
    pub health: ChannelHealth,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed; deliveries do not count.
    pub updated_at: Time,
    /// Revision of that change; also its entity tag.
    pub revision: u64,
}

/// How mail leaves.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MailServer {
    /// The server that takes it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// As whom this server logs in.
    pub username: Option<String>,
    /// Whom it comes from.
    pub sender: String,
    /// Whom it goes to, unless a notification names others.
    pub recipients: Vec<String>,
}

/// A channel with its secret: shown once.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChannelSecret {
    /// The channel.
    pub channel: Channel,
    /// What its requests are signed with, in the form of Standard Webhooks. Null for kinds whose receivers check no signature, and when the request was sent before under the same
    /// `Idempotency-Key`: it is never shown again.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub secret: Option<String>,
}

/// A message through a channel: a notification, a test, or records that were given up.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Delivery {
    /// Its id for ever, also its `webhook-id`.
    #[schema(example = "dlv_00000000000000000000000001")]
    pub id: String,
    /// Through which channel.
    pub channel: String,
    /// `test`, `records` or `notification`.
    pub content: &'static str,
    /// Revisions of the records, for `records`.
    pub revisions: Vec<u64>,
    /// Which group a notification is about.
    pub group: Option<String>,
    /// What it says in a line.
    pub title: Option<String>,
    /// Whom it is for; empty for all that the channel reaches.
    pub recipients: Vec<String>,
    /// Where it is.
    pub state: DeliveryState,
    /// Requests that failed since it last began to wait.
    pub attempts: u32,
    /// How it last failed; whom it did not reach; or what it was superseded by.
    pub last_error: Option<String>,
    /// When it was made.
    pub created_at: Time,
    /// When it is sent next.
    pub next_attempt_at: Option<Time>,
    /// When it is forgotten.
    pub expires_at: Option<Time>,
    /// Revision of its last change; also its entity tag.
    pub revision: u64,
}

impl Channel {
    /// The view of a channel.
    pub fn new(world: &World, known: &domain::KnownChannel, dispatch: &Dispatch) -> Self {
        let (kind, wanted) = (&known.channel.kind, &known.channel.wanted);
        let credential = kind.credential().map(|credential| match (credential, dispatch.vault.open(known.channel.id, Some(credential))) {
            (_, Err(_)) => "unreadable",
            (domain::Credential::Sealed { .. }, Ok(_)) => "sealed",
            (domain::Credential::File { .. }, Ok(_)) => "file",
        });
        Self {
            id: known.channel.id.to_string(),
            name: known.channel.name.clone(),
            kind: kind.as_str(),
            url: url(kind),
            mail: MailServer::of(kind),
            credential,
            credential_file: match kind.credential() {
                Some(domain::Credential::File { name }) => Some(name.clone()),
                _ => None,
            },
            follows: Follows(if known.channel.follows_feed() { wanted.follows } else { domain::Follows::Notifications }),
            enabled: known.channel.enabled,
            subjects: wanted.subjects.iter().cloned().collect(),
            types: wanted.types.iter().cloned().collect(),
            classes: wanted.classes.iter().copied().map(Into::into).collect(),
            cursor: known.cursor,
            secret_generation: known.secret.generation,
            previous_secret_until: known.secret.previous_until.map(Time),
            health: ChannelHealth::new(world, known, dispatch.position(known.channel.id)),
            created_at: Time(known.created_at),
            updated_at: Time(known.updated_at),
            revision: known.revision,
        }
    }
}

fn url(kind: &domain::ChannelKind) -> Option<String> {
    use domain::ChannelKind as Kind;
    match kind {
        Kind::Webhook { url } | Kind::Alertmanager { url } | Kind::PagerDuty { url, .. } => Some(url.clone()),
        Kind::Slack { .. } | Kind::Mail { .. } => None,
    }
}

impl MailServer {
    fn of(kind: &domain::ChannelKind) -> Option<Self> {
        let domain::ChannelKind::Mail { host, port, security, username, sender, recipients, .. } = kind else { return None };
        let (host, username, sender, recipients) = (host.clone(), username.clone(), sender.clone(), recipients.clone());
        Some(Self { host, port: *port, security: Security(*security), username, sender, recipients })
    }
}

impl ChannelHealth {
    fn new(world: &World, known: &domain::KnownChannel, position: Option<u64>) -> Self {
        let (health, standing) = (&known.health, known.standing());
        let next_message = world.delivery.next_message(known.channel.id).map(|(_, due)| due);
        let next_attempt = health.next_attempt_at.into_iter().chain(next_message).min();
        let count = |state| world.delivery.of(known.channel.id, state).count() as u64;
        Self {
            state: standing.as_str().to_owned(),
            last_success_at: health.last_success_at.map(Time),
            last_error_at: health.last_error.as_ref().map(|(at, _)| Time(*at)),
            last_error: health.last_error.as_ref().map(|(_, reason)| reason.clone()),
            failing_since: health.failing_since.into_iter().chain(health.messages_failing_since).min().map(Time),
            next_attempt_at: next_attempt.filter(|_| standing == Standing::Retrying).map(Time),
            lag: if known.channel.follows_feed() { world.revision.saturating_sub(position.unwrap_or(known.cursor)) } else { 0 },
            delivered: health.delivered,
            failures: health.failures,
            waiting: count(domain::DeliveryState::Waiting),
            dead: count(domain::DeliveryState::Dead),
        }
    }
}

impl From<&domain::Delivery> for Delivery {
    fn from(delivery: &domain::Delivery) -> Self {
        let (content, revisions) = match &delivery.content {
            domain::Content::Test => ("test", Vec::new()),
            domain::Content::Records { revisions } => ("records", revisions.clone()),
            domain::Content::Notification { .. } => ("notification", Vec::new()),
        };
        let message = match &delivery.content {
            domain::Content::Notification { message } => Some(message),
            _ => None,
        };
        Self {
            id: delivery.id.to_string(),
            channel: delivery.channel.to_string(),
            content,
            revisions,
            group: message.map(|message| message.group.clone()),
            title: message.map(|message| message.title.clone()),
            recipients: message.map(|message| message.recipients.clone()).unwrap_or_default(),
            state: delivery.state.into(),
            attempts: delivery.attempts,
            last_error: delivery.last_error.clone(),
            created_at: Time(delivery.created_at),
            next_attempt_at: delivery.next_attempt_at.map(Time),
            expires_at: delivery.expires_at.map(Time),
            revision: delivery.revision,
        }
    }
}
