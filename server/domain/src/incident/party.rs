//! Who has to do with an incident: its caller, and those who watch it.
//!
//! Invariant: a contact is one and the same whatever it was called when it was written down.

use crate::actor::Actor;
use crate::id::ContactId;
use serde::{Deserialize, Serialize};

/// Somebody who has to do with an incident.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Party {
    /// Who used the API, or the machine.
    Actor {
        /// Which.
        actor: Actor,
    },
    /// A person or team that is recorded.
    Contact {
        /// Which.
        contact: ContactId,
        /// What it was called then.
        name: String,
    },
    /// Somebody who is not recorded.
    Named {
        /// As people wrote.
        name: String,
    },
}

impl Party {
    /// Whether both are the same, whatever a contact was called when it was written down.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Contact { contact: one, .. }, Self::Contact { contact: other, .. }) => one == other,
            _ => self == other,
        }
    }
}
