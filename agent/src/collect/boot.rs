//! When the machine booted, the same for as long as it runs.
//!
//! The kernel shows its boot as a time of its clock: a step of the clock moves it, and with it the start of every process. So the first
//! time that was seen stays that of this boot, which the kernel's id of it tells from the next one. A clock that was wrong by more than
//! `WRONG` is another matter: then what it says since it was set is the truth.

use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};

/// Milliseconds. A guest that is paused for its backup each night is set forward by seconds each time, and may run for years; a board
/// without a battery for its clock is wrong by hours or years until it has asked the network.
const WRONG: u64 = 3_600_000;

/// One boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// The kernel's id of it, drawn at random.
    pub id: String,
    /// When.
    pub at: Timestamp,
}

/// The boot of the machine that is looked at, once it was seen.
#[derive(Debug, Default)]
pub struct Boots(Mutex<Option<Boot>>);

impl Boots {
    /// The boot that was seen first, or was known from before.
    #[must_use]
    pub fn known(&self) -> Option<Boot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes what was known before the agent was started.
    pub fn recall(&self, boot: Boot) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(boot);
    }

    /// The time that stands for the boot of this id, of which the kernel now says that it was at `shown`.
    #[must_use]
    pub fn steady(&self, id: &str, shown: Timestamp) -> Timestamp {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(boot) = known.as_ref().filter(|boot| boot.id == id && boot.at.0.abs_diff(shown.0) <= WRONG) {
            return boot.at;
        }
        *known = Some(Boot { id: id.to_owned(), at: shown });
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands for the boot after each look at (id, milliseconds shown).
    #[track_caller]
    fn check(looks: &[(&str, i64)], expected: &[i64]) {
        let boots = Boots::default();
        let steady: Vec<i64> = looks.iter().map(|(id, shown)| boots.steady(id, Timestamp(*shown)).0).collect();
        assert_eq!(steady, expected);
    }

    #[test]
    fn steps_of_the_clock_do_not_move_the_boot() {
        check(&[("a", 10_000), ("a", 11_000), ("a", 9_000), ("a", 1_000_000), ("a", -50_000)], &[10_000; 5]);
    }

    #[test]
    fn a_clock_that_was_wrong_is_believed_once_it_is_set() {
        check(&[("a", 0), ("a", 1_700_000_000_000), ("a", 1_700_000_001_000)], &[0, 1_700_000_000_000, 1_700_000_000_000]);
    }

    #[test]
    fn the_next_boot_is_another_one() {
        check(&[("a", 10_000), ("b", 12_000), ("b", 13_000)], &[10_000, 12_000, 12_000]);
    }

    #[test]
    fn what_was_known_before_a_restart_of_the_agent_stays() {
        let boots = Boots::default();
        boots.recall(Boot { id: "a".to_owned(), at: Timestamp(10_000) });
        assert_eq!(boots.steady("a", Timestamp(12_000)), Timestamp(10_000));
        assert_eq!(boots.known(), Some(Boot { id: "a".to_owned(), at: Timestamp(10_000) }));
    }
}
