//! Who did something.

use crate::id::{ChannelId, RuleId, TokenId};
use rollcall_shared::AgentId;
use serde::{Deserialize, Serialize};

/// Who stands behind a record of the log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// The server itself: ticks, upkeep.
    System,
    /// The operator at the server's own machine (command line, local socket).
    Local,
    /// An agent, proven by its certificate.
    Agent {
        /// Which.
        id: AgentId,
    },
    /// A rule that judged samples.
    Rule {
        /// Which.
        id: RuleId,
    },
    /// A person or program with an API token.
    Token {
        /// Which.
        id: TokenId,
        /// The token's name when it acted.
        name: String,
    },
    /// A feed: somebody else's agents, proven by a secret that they share.
    Feed {
        /// Its name.
        name: String,
    },
    /// Whoever holds a link that was sent through a channel to take notice of incidents.
    Link {
        /// Through which channel it was sent.
        channel: ChannelId,
        /// The channel's name when it was used.
        name: String,
        /// To whom it was sent; empty for all that the channel reaches.
        sent_to: String,
    },
    /// Somebody who could not prove who they are.
    Anonymous,
}

/// What a principal may do. Each role includes what is said of it and nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads everything but tokens and the audit log.
    Viewer,
    /// Viewer, and works on incidents, problems, alerts.
    Operator,
    /// Viewer, and edits configuration items.
    AssetManager,
    /// Viewer, and reads the audit log.
    Auditor,
    /// Everything.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Viewer, Self::Operator, Self::AssetManager, Self::Auditor, Self::Admin];

    /// The name in JSON and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::AssetManager => "asset_manager",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }
}
