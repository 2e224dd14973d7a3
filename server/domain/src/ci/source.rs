//! Where values and inventories come from.

use crate::actor::Actor;
use rollcall_shared::AgentId;
use serde::{Deserialize, Serialize};

/// Where a value comes from, in descending trust when nothing else decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// A person asserted it.
    Person {
        /// Name of the token that the person used.
        name: String,
    },
    /// An agent measured it.
    Agent {
        /// Which.
        id: AgentId,
    },
    /// Another system delivered it: somebody else's agent, an import, another CMDB.
    Feed {
        /// Its name in the configuration, such as `glpi` or `import:racks`.
        name: String,
    },
}

/// Who delivers an inventory: the part of a [`Source`] that has inventories.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reporter {
    /// An agent, proven by its certificate.
    Agent(AgentId),
    /// Another system, under its own key for the machine.
    Feed {
        /// Its name in the configuration.
        name: String,
        /// What it calls the machine.
        key: String,
    },
}

impl Reporter {
    /// As the source of values.
    #[must_use]
    pub fn source(&self) -> Source {
        match self {
            Self::Agent(id) => Source::Agent { id: *id },
            Self::Feed { name, .. } => Source::Feed { name: name.clone() },
        }
    }

    /// Name of the feed; `None` for an agent.
    #[must_use]
    pub fn feed(&self) -> Option<&str> {
        match self {
            Self::Agent(_) => None,
            Self::Feed { name, .. } => Some(name),
        }
    }

    /// The agent, if it is one.
    #[must_use]
    pub fn agent(&self) -> Option<AgentId> {
        match self {
            Self::Agent(id) => Some(*id),
            Self::Feed { .. } => None,
        }
    }
}

impl std::fmt::Display for Reporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Agent(id) => id.fmt(f),
            Self::Feed { name, key } if key.is_empty() => f.write_str(name),
            Self::Feed { name, key } => write!(f, "{name} ({key})"),
        }
    }
}

impl Source {
    /// Whether it is a person.
    #[must_use]
    pub fn is_person(&self) -> bool {
        matches!(self, Self::Person { .. })
    }

    /// What the names of feeds begin with that people load from files.
    pub const IMPORT: &'static str = "import:";

    /// Whether people stand behind it: themselves, or a file of theirs.
    #[must_use]
    pub fn is_of_people(&self) -> bool {
        match self {
            Self::Person { .. } => true,
            Self::Agent { .. } => false,
            Self::Feed { name } => name.starts_with(Self::IMPORT),
        }
    }

    /// The source that an actor stands for.
    #[must_use]
    pub fn of(actor: &Actor) -> Self {
        match actor {
            Actor::Agent { id } => Self::Agent { id: *id },
            Actor::Feed { name } => Self::Feed { name: name.clone() },
            Actor::Token { name, .. } => Self::Person { name: name.clone() },
            Actor::Link { name, .. } => Self::Person { name: format!("acknowledgement link of {name}") },
            Actor::System | Actor::Local | Actor::Rule { .. } | Actor::Anonymous => Self::Person { name: "local operator".into() },
        }
    }
}
