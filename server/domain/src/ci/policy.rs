//! How things are identified and reconciled here: what an administrator may decide, as one record in the log.
//!
//! Everything has a default that is right for most; a policy that was never set is the default. Decisions read it from the
//! state, so that a replay judges nothing anew.

use serde::{Deserialize, Serialize};

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Which machine is this.
    pub identification: Identification,
    /// Whose value counts.
    pub reconciliation: Reconciliation,
    /// When something counts as gone.
    pub lifecycle: Lifecycle,
}

/// Which machine is this.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Identification {}

/// Whose value counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reconciliation {}

/// When something counts as gone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lifecycle {}
