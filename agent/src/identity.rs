//! Who this agent is: what enrolment left in the state directory.

use crate::state::{StateDir, StateError};
use rollcall_shared::enrol::AgentStatus;
use rollcall_shared::{AgentId, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Names of the parts in the state directory.
pub const AGENT_FILE: &str = "agent.json";
/// Private key, PEM.
pub const KEY_FILE: &str = "agent.key";
/// Certificate, PEM.
pub const CERTIFICATE_FILE: &str = "agent.pem";
/// The only authority that is trusted, PEM.
pub const AUTHORITY_FILE: &str = "ca.pem";

/// `agent.json`. Written last: with it, enrolment is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentFile {
    /// Drawn by the server.
    pub agent_id: AgentId,
    /// As of enrolment; the server tells later changes with its answers.
    pub status_at_enrolment: AgentStatus,
    /// Where the agent enrolled.
    pub server_url: String,
    /// Where it pushes.
    pub agent_url: String,
    /// The attempt that led here.
    pub enrolment_id: String,
    /// SHA-256 of the authority's public key.
    pub ca_pin: String,
    /// When, by this host's clock.
    pub enrolled_at: Timestamp,
    /// Highest epoch that a spool of this agent ever had: a new spool gets a higher one, even if the clock was set back.
    pub epoch: u64,
}

/// An enrolled agent.
#[derive(Debug)]
pub struct Identity {
    /// The public part.
    pub file: AgentFile,
    /// PEM.
    pub key: Zeroizing<String>,
    /// PEM.
    pub certificate: String,
    /// PEM.
    pub authority: String,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The state directory says nothing, or something broken.
    #[error(transparent)]
    State(#[from] StateError),
    /// Nobody enrolled here.
    #[error("{}: this agent is not enrolled; run `rollcall-agent enrol --server URL --token-file FILE --state {}` first", path.display(), path.display())]
    NotEnrolled {
        /// The state directory.
        path: PathBuf,
    },
    /// A part went missing after enrolment.
    #[error("{}: missing although {AGENT_FILE} is there; restore it, or remove {AGENT_FILE} and enrol again", path.display())]
    Missing {
        /// Which.
        path: PathBuf,
    },
}

impl Identity {
    /// Reads the identity.
    ///
    /// # Errors
    /// When the agent is not enrolled, or a part is missing or malformed.
    pub fn load(state: &StateDir) -> Result<Self, IdentityError> {
        let file = state.read_json(AGENT_FILE)?.ok_or_else(|| IdentityError::NotEnrolled { path: state.path().to_owned() })?;
        let part = |name: &str| state.read(name)?.ok_or_else(|| IdentityError::Missing { path: state.join(name) });
        Ok(Self { file, key: Zeroizing::new(part(KEY_FILE)?), certificate: part(CERTIFICATE_FILE)?, authority: part(AUTHORITY_FILE)? })
    }

    /// Remembers that a spool has `epoch`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note_epoch(&mut self, state: &StateDir, epoch: u64) -> Result<(), StateError> {
        if epoch <= self.file.epoch {
            return Ok(());
        }
        self.file.epoch = epoch;
        state.install_json(AGENT_FILE, &self.file)
    }
}
