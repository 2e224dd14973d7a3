//! The domain's "no".

/// Why an input was not accepted. Nothing of it took effect. The edges map each to one status and one stable code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The subject does not exist, or the asker may not know that it does.
    #[error("{kind} {id} does not exist")]
    NotFound {
        /// Such as `incident`.
        kind: &'static str,
        /// As asked for.
        id: String,
    },
    /// A field is wrong.
    #[error("{field}: {reason}")]
    Invalid {
        /// Path of the field, such as `levels.critical.raise`.
        field: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// The subject's state does not allow it.
    #[error("{subject} is {state}: it cannot be {action}")]
    WrongState {
        /// Such as `inc_…`.
        subject: String,
        /// Its state.
        state: String,
        /// Past participle of what was asked.
        action: &'static str,
    },
    /// Somebody else changed the subject since it was read.
    #[error("{subject} has changed: it is at revision {current}, not {expected}")]
    Stale {
        /// Such as `inc_…`.
        subject: String,
        /// Revision now.
        current: u64,
        /// Revision the asker saw.
        expected: u64,
    },
    /// It exists already and is something else.
    #[error("{0}")]
    Conflict(String),
    /// The principal may not do it.
    #[error("{0}")]
    Forbidden(String),
    /// A credential is wrong, expired, used up or revoked; which one is not told.
    #[error("the token is not valid")]
    BadCredential,
    /// The agent waits for approval.
    #[error("agent {0} waits for approval")]
    AgentPending(rollcall_shared::AgentId),
    /// The agent is revoked.
    #[error("agent {0} is revoked")]
    AgentRevoked(rollcall_shared::AgentId),
    /// The agent is suspended.
    #[error("agent {0} is suspended: its host reports with other keys; an operator can approve it again")]
    AgentSuspended(rollcall_shared::AgentId),
    /// Another machine speaks with this agent's identity, and this is the copy.
    #[error("another machine is {agent}: {reason}; enrol this one anew")]
    DuplicateIdentity {
        /// Whose identity.
        agent: rollcall_shared::AgentId,
        /// What showed it.
        reason: String,
    },
    /// The agent's epoch is older than the one already seen: an old copy of its state directory is running.
    #[error("epoch {found} is older than {known}: a copy of this agent's state is in use elsewhere")]
    StaleEpoch {
        /// In the push.
        found: u64,
        /// Known.
        known: u64,
    },
}

impl Rejection {
    /// A wrong field.
    #[must_use]
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), reason: reason.into() }
    }

    /// A field that names something that does not exist. [`Rejection::NotFound`] is for the subject itself.
    #[must_use]
    pub fn unknown(field: impl Into<String>, kind: &'static str, id: impl ToString) -> Self {
        Self::invalid(field, format!("there is no {kind} {}", id.to_string()))
    }

    /// An absent subject.
    #[must_use]
    pub fn not_found(kind: &'static str, id: impl ToString) -> Self {
        Self::NotFound { kind, id: id.to_string() }
    }
}
