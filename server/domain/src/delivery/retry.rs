//! When a request that failed is tried again, and when it is given up.
//!
//! Invariant: every wait has a bound and so has the number of attempts, whatever a receiver answers.

use rollcall_shared::Timestamp;
use std::time::Duration;

/// The first wait. Each next one is twice as long: 5 s, 10 s, 20 s, …
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// The longest wait between two attempts, unless the receiver asks for more.
pub const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// The longest wait between two attempts at a notification: a receiver that is back must not leave people untold for an hour.
pub const LONGEST_NOTIFICATION_WAIT: Duration = Duration::from_secs(300);

/// The longest wait that a receiver may ask for: a quarter of the time after which is given up.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(6 * 3_600);

/// How long is tried: a receiver that is down over night is back in the morning.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 3_600);

/// Attempts at what the receiver refuses as it is: with the waits above within two minutes.
pub const REFUSED_ATTEMPTS: u32 = 5;

/// How a request went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver confirmed it.
    Confirmed,
    /// It reached some of those whom it is for, and will never reach the others.
    Partly {
        /// Whom not, and why.
        reason: String,
    },
    /// It did not get through, or the receiver cannot take it now.
    Failed {
        /// How, for people.
        reason: String,
        /// How long the receiver asks to wait.
        retry_after: Option<Duration>,
    },
    /// The receiver will never take it as it is.
    Refused {
        /// What it said.
        reason: String,
    },
    /// The receiver is gone for good.
    Gone {
        /// What it said.
        reason: String,
    },
}

impl Outcome {
    /// What an HTTP status means. Statuses between 200 and 299 alone confirm.
    #[must_use]
    pub fn of_status(status: u16, retry_after: Option<Duration>) -> Self {
        let reason = format!("the receiver answered {status}");
        match status {
            200..=299 => Self::Confirmed,
            300..=399 => Self::Failed { reason: format!("{reason}; redirects are not followed"), retry_after: None },
            410 => Self::Gone { reason },
            // What is wrong with these is the request itself, and it will be the same next time. All others may be put right.
            400 | 405 | 406 | 411 | 413 | 414 | 415 | 422 | 431 | 501 | 505 => Self::Refused { reason },
            _ => Self::Failed { reason, retry_after },
        }
    }
}

/// A request that failed, with what failed before.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    /// Failures in a row, this one included.
    pub attempts: u32,
    /// When the first of them was.
    pub since: Timestamp,
    /// Whether the receiver will never take it.
    pub refused: bool,
    /// How long the receiver asks to wait.
    pub retry_after: Option<Duration>,
    /// The longest wait, unless the receiver asks for more.
    pub longest: Duration,
}

impl Failure {
    /// When it is tried again; `None` gives it up. `random` spreads those that failed together.
    #[must_use]
    pub fn next(&self, now: Timestamp, random: u128) -> Option<Timestamp> {
        if self.refused && self.attempts >= REFUSED_ATTEMPTS || now.since(self.since) >= GIVE_UP_AFTER {
            return None;
        }
        let doublings = self.attempts.saturating_sub(1).min(16);
        let longest = FIRST_WAIT.saturating_mul(1 << doublings).min(self.longest);
        let asked = self.retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
        Some(now.plus(spread(longest, random).max(asked)))
    }
}

/// Between half and the whole of a wait, evenly.
fn spread(longest: Duration, random: u128) -> Duration {
    let thousandths = u32::try_from(random % 501).unwrap_or(0);
    longest * (500 + thousandths) / 1_000
}
