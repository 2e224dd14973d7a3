//! The only place on the server that reads a clock. Everything else is handed one, so that a test decides what time it is.
//!
//! Two clocks with different promises: [`Clock::now`] is the calendar and may jump; [`Clock::monotonic`] only ever grows and is
//! what limits and time-outs are measured with.
#![expect(clippy::disallowed_methods, reason = "this file is where the clock is read")]

use rollcall_shared::Timestamp;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What time it is.
pub trait Clock: Send + Sync {
    /// The calendar.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment; never decreases.
    fn monotonic(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic side starts at zero.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A machine that believes it is before 1970 gets 1970: certificates made then are refused, nothing is corrupted.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that moves when it is told to: for tests and simulations.
#[derive(Debug)]
pub struct ManualClock {
    start: Timestamp,
    passed: Mutex<Duration>,
    leapt: Mutex<Duration>,
}

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self { start, passed: Mutex::default(), leapt: Mutex::default() }
    }

    /// Lets time pass on both sides.
    pub fn advance(&self, by: Duration) {
        let mut passed = self.passed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *passed = passed.saturating_add(by);
    }

    /// Puts the calendar forward, as when a machine slept.
    pub fn leap(&self, by: Duration) {
        let mut leapt = self.leapt.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *leapt = leapt.saturating_add(by);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let leapt = *self.leapt.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.start.plus(self.monotonic().saturating_add(leapt))
    }

    fn monotonic(&self) -> Duration {
        *self.passed.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told_to() {
        let clock = ManualClock::at(Timestamp(1_000));
        assert_eq!((clock.now(), clock.monotonic()), (Timestamp(1_000), Duration::ZERO));
        clock.advance(Duration::from_secs(2));
        assert_eq!((clock.now(), clock.monotonic()), (Timestamp(3_000), Duration::from_secs(2)));
        clock.leap(Duration::from_secs(60));
        assert_eq!((clock.now(), clock.monotonic()), (Timestamp(63_000), Duration::from_secs(2)));
    }

    #[test]
    fn the_system_clock_knows_that_rollcall_exists() {
        assert!(SystemClock::new().now() > Timestamp(1_700_000_000_000));
    }
}
