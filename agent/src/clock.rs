//! The agent's clocks: the only file that reads them.
//!
//! Everything else is handed a [`Reading`] or a [`Clock`], so that tests decide what time it is. Durations and rates are
//! computed from the monotonic part only: the wall clock may be set back.
#![expect(clippy::disallowed_methods, reason = "this is the one file that reads the clocks")]

use rollcall_shared::Timestamp;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What the host believes the time to be.
    pub wall: Timestamp,
    /// Time since an arbitrary fixed moment; never goes back.
    pub monotonic: Duration,
}

/// Something that tells the time.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Reading;
}

/// The clocks of the operating system.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Clocks whose monotonic part starts at zero now.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Reading {
        let wall = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
        };
        Reading { wall: Timestamp(wall), monotonic: self.start.elapsed() }
    }
}
