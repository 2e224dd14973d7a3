//! What is remembered of an identification.
//!
//! The tries themselves are in the log, with every value that they compared: of a whole fleet they are more than all else that
//! is known of its hosts' identity, and nothing is decided by them again.

use crate::ci::{Attempt, Operation};
use crate::id::CiId;
use serde::{Deserialize, Serialize};

/// How a host was last identified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identified {
    /// What was done.
    pub operation: Operation,
    /// Revision of the record in the log that has every try.
    pub revision: u64,
    /// How many identifier entries were tried.
    pub tried: u16,
    /// The try that found the host; `None` for a new one, and for one that its reporter was bound to in another way.
    pub decided: Option<Box<Attempt>>,
}

impl Identified {
    /// What these tries, written down under a revision, leave behind.
    #[must_use]
    pub fn new(ci: CiId, revision: u64, operation: Operation, attempts: &[Attempt]) -> Self {
        let found = attempts.iter().find(|attempt| attempt.candidates.contains(&ci) && attempt.note.is_none());
        let decided = found.filter(|_| operation != Operation::Insert).cloned().map(Box::new);
        Self { operation, revision, tried: u16::try_from(attempts.len()).unwrap_or(u16::MAX), decided }
    }
}
