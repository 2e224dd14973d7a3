//! What raises alarms.

use crate::id::RuleId;
use serde::{Deserialize, Serialize};

/// What raises alarms: many of one at once are a storm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Alarm {
    /// A rule.
    Rule {
        /// Which.
        rule: RuleId,
    },
    /// What another system calls its alerts of one kind.
    External {
        /// The feed that tells of them.
        source: String,
        /// The name.
        name: String,
    },
}

impl Alarm {
    /// The rule.
    #[must_use]
    pub fn rule(&self) -> Option<&RuleId> {
        match self {
            Self::Rule { rule } => Some(rule),
            Self::External { .. } => None,
        }
    }
}
