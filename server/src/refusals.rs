//! How often input was refused, by reason.
//!
//! Reasons are codes from the program text, never from the input: the table cannot grow beyond the number of places that
//! refuse something.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Counters that listeners and handlers share and that metrics read. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Refusals {
    counts: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

impl Refusals {
    /// Counts one refusal.
    pub fn count(&self, reason: &'static str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(reason).or_default();
        *count = count.saturating_add(1);
    }

    /// Every reason seen so far with its count, in order of the reasons.
    #[must_use]
    pub fn snapshot(&self) -> Vec<(&'static str, u64)> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(&reason, &count)| (reason, count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_reason() {
        let refusals = Refusals::default();
        for reason in ["b", "a", "b"] {
            refusals.clone().count(reason);
        }
        assert_eq!(refusals.snapshot(), [("a", 1), ("b", 2)]);
    }
}
