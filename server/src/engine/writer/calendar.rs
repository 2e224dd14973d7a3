//! Whether the calendar leapt: a machine that slept, a clock that was set.
//!
//! Silence is measured by the calendar, so that it means the same after a restart. When the calendar leaps forward it looks as if
//! nobody had spoken for an hour, and it was the server that did not listen.

use crate::clock::Clock;
use rollcall_shared::Timestamp;
use std::time::Duration;

/// What a clock that is brought in line with the network's may leap without anybody being taken for silent.
const TOLERATED: Duration = Duration::from_secs(5);

/// Both clocks as they were last seen.
#[derive(Debug, Default)]
pub(super) struct Calendar(Option<(Timestamp, Duration)>);

impl Calendar {
    /// How far the calendar has gone ahead of the time that really passed since the last look; none when it is as it should be, or when
    /// this thread was held up between looking at the one clock and the other.
    pub(super) fn look(&mut self, clock: &dyn Clock) -> Option<Duration> {
        let (before, now, after) = (clock.monotonic(), clock.now(), clock.monotonic());
        if after.saturating_sub(before) > TOLERATED {
            self.0 = None;
            return None;
        }
        self.leapt(now, after)
    }

    fn leapt(&mut self, now: Timestamp, monotonic: Duration) -> Option<Duration> {
        let (seen, passed) = self.0.replace((now, monotonic))?;
        let ahead = now.since(seen).saturating_sub(monotonic.saturating_sub(passed));
        (ahead > TOLERATED).then_some(ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at these seconds of the calendar and of the other clock, and what is said of the last one.
    #[track_caller]
    fn check(looks: &[(i64, u64)], expected: Option<u64>) {
        let mut calendar = Calendar::default();
        let mut said = None;
        for &(now, monotonic) in looks {
            said = calendar.leapt(Timestamp(now * 1_000), Duration::from_secs(monotonic));
        }
        assert_eq!(said, expected.map(Duration::from_secs));
    }

    #[test]
    fn only_a_calendar_that_runs_ahead_of_time_leapt() {
        check(&[(1_000, 5)], None);
        check(&[(1_000, 5), (1_001, 6)], None);
        check(&[(1_000, 5), (4_600, 3_605)], None);
        check(&[(1_000, 5), (1_006, 6)], None);
        check(&[(1_000, 5), (4_601, 6)], Some(3_600));
        check(&[(1_000, 5), (4_601, 6), (4_602, 7)], None);
        check(&[(4_601, 5), (1_000, 6)], None);
    }
}
