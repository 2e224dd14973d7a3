//! How the domain looks from outside: stable JSON shapes, apart from the domain's own types so that either may change alone.
//!
//! Secrets have no view: neither hashes nor keys of credentials are ever shown.

pub mod advisory;
pub mod agent;
pub mod alert;
pub mod assignment;
pub mod attachment;
pub mod change;
pub mod chart;
pub mod ci;
pub mod class;
pub mod cmdb_health;
pub mod collector;
pub mod dead_letter;
pub mod delivery;
pub mod drift;
pub mod erasure;
pub mod external_alert;
pub mod feed;
pub mod history;
pub mod import;
pub mod incident;
pub mod lifecycle;
pub mod metric;
pub mod mute;
pub mod notification;
pub mod on_call;
pub mod parked;
pub mod people;
pub mod policy;
pub mod problem;
pub mod query;
pub mod record;
pub mod record_history;
pub mod relation;
pub mod review;
pub mod route_test;
pub mod rule;
pub mod sample;
pub mod software;
pub mod source;
pub mod token;
pub mod watcher;
pub mod word;

use rollcall_domain as domain;
use rollcall_shared::Timestamp;
use serde::Serialize;
use std::borrow::Cow;
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A moment, RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Time(pub Timestamp);

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("A moment, RFC 3339 in UTC with milliseconds."))
            .examples(["2026-11-21T04:31:00.000Z"]);
        object.into()
    }
}

impl ToSchema for Time {
    fn name() -> Cow<'static, str> {
        "Time".into()
    }
}

/// Who did something.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// The server itself.
    System,
    /// The operator at the server's own machine.
    Local,
    /// An agent, proven by its certificate.
    Agent {
        /// Which.
        #[schema(example = "agent_00000000000000000000000001")]
        id: String,
    },
    /// A rule that judged samples.
    Rule {
        /// Which.
        #[schema(example = "filesystem_space")]
        id: String,
    },
    /// A person or program with an API token.
    Token {
        /// Which.
        #[schema(example = "tok_00000000000000000000000001")]
        id: String,
        /// Its name when it acted.
        name: String,
    },
    /// Somebody else's agents, proven by their feed's secret.
    Feed {
        /// Name of the feed.
        #[schema(example = "branch-office")]
        name: String,
    },
    /// Whoever holds a link that was sent through a channel to acknowledge incidents.
    Link {
        /// Through which channel.
        #[schema(example = "chan_00000000000000000000000001")]
        channel: String,
        /// The channel's name when the link was used.
        name: String,
        /// To whom it was sent; empty for all that the channel reaches.
        sent_to: String,
    },
    /// Somebody who could not prove who they are.
    Anonymous,
}

impl From<&domain::Actor> for Actor {
    fn from(actor: &domain::Actor) -> Self {
        match actor {
            domain::Actor::System => Self::System,
            domain::Actor::Local => Self::Local,
            domain::Actor::Agent { id } => Self::Agent { id: id.to_string() },
            domain::Actor::Rule { id } => Self::Rule { id: id.to_string() },
            domain::Actor::Token { id, name } => Self::Token { id: id.to_string(), name: name.clone() },
            domain::Actor::Feed { name } => Self::Feed { name: name.clone() },
            domain::Actor::Link { channel, name, sent_to } => {
                Self::Link { channel: channel.to_string(), name: name.clone(), sent_to: sent_to.clone() }
            }
            domain::Actor::Anonymous => Self::Anonymous,
        }
    }
}

/// Something that was done at a moment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Stamp {
    /// When.
    pub at: Time,
    /// By whom.
    pub by: Actor,
}

impl From<&(Timestamp, domain::Actor)> for Stamp {
    fn from((at, by): &(Timestamp, domain::Actor)) -> Self {
        Self { at: Time(*at), by: by.into() }
    }
}

/// Texts of several ids.
pub fn texts<T: ToString>(ids: impl IntoIterator<Item = T>) -> Vec<String> {
    ids.into_iter().map(|id| id.to_string()).collect()
}
