//! How things are identified and reconciled here: what an administrator may decide, as one record in the log.
//!
//! Everything has a default that is right for most; a policy that was never set is the default. Decisions read it from the
//! state, so that a replay judges nothing anew.

mod health;
pub mod identification;
mod lifecycle;
mod reconciliation;
mod selector;

pub use health::{Expectation, Health};
pub use identification::Identification;
pub use lifecycle::{Candidates, Lifecycle, Patience, StalenessRule};
pub use reconciliation::{AttributeRule, ClassRule, InsertRight, InsertRule, Order, Reconciliation, RefreshRule};
pub use selector::{NotASelector, SOURCE_NAME_BYTES, Selector};

use super::{Class, Source};
use crate::Rejection;
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
    /// When an item counts as well known.
    pub health: Health,
}

impl Policy {
    /// The policy as it is kept: checked, and in the form that decisions compare.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] names the field.
    pub fn checked(&self) -> Result<Self, Rejection> {
        Ok(Self { identification: self.identification.checked()?, ..self.clone() })
    }
}

impl Policy {
    /// Checks all parts.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] names the first field that is wrong by its path, such as `reconciliation.refresh[2].seconds`.
    pub fn validate(&self) -> Result<(), Rejection> {
        self.identification.checked()?;
        self.reconciliation.validate()?;
        self.lifecycle.validate()?;
        self.health.validate()
    }
}

/// What becomes of an item of a class that a source brings and nobody knows.
#[must_use]
pub fn may_insert(policy: &Policy, source: &Source, class: Class) -> InsertRight {
    policy.reconciliation.may_insert(source, class)
}
