//! An agent's clock beside the server's: when a sample was taken by the server's clock.
//!
//! A push tells when it left, by the agent's clock; between that and its arrival lie the difference of the clocks and the way. The way
//! is never negative, so each push bounds the difference from one side. What is believed of it is kept until a push contradicts it:
//! were every push taken at its word, its delay would move its samples, and two that lie apart could fall on one moment or change places.
//!
//! Invariants: a sample is never dated later than now, nor earlier than a week ago; samples of one push keep their order and distance
//! but for these bounds; what is believed follows from the journal alone, so that it is the same after a restart.

use super::Telemetry;
use rollcall_shared::{AgentId, Timestamp};
use std::time::Duration;

/// The longest way that a push is thought to take, ms; behind more than this stands a clock that is late. A busy server answers within
/// seconds, and what is judged is no finer than ten.
const WAY_MS: i64 = 5_000;

/// The oldest that a sample is: as long as agents keep them by default.
const OLDEST: Duration = Duration::from_hours(7 * 24);

/// What is added to an agent's times to have the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correction(i64);

impl Correction {
    /// When a sample was taken by the server's clock.
    #[must_use]
    pub fn server_time(self, at: Timestamp, now: Timestamp) -> Timestamp {
        Timestamp(at.0.saturating_add(self.0)).clamp(now.minus(OLDEST), now)
    }
}

impl Telemetry {
    /// What to correct an agent's times by in a push that left with its clock so far ahead of the server's at arrival, in milliseconds.
    #[must_use]
    pub fn correction(&self, agent: AgentId, skew_ms: i64) -> Correction {
        Correction(believed(self.agents.get(&agent).map_or(0, |state| state.correction_ms), skew_ms))
    }
}

/// The correction after a push, by the one before it.
pub(super) fn believed(known_ms: i64, skew_ms: i64) -> i64 {
    let at_most = skew_ms.saturating_neg();
    if known_ms > at_most || at_most.saturating_sub(known_ms) > WAY_MS { at_most } else { known_ms }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pushes of (offset of the agent's clock, delay of the way) in ms lead to these corrections.
    #[track_caller]
    fn check(pushes: &[(i64, i64)], expected: &[i64]) {
        let mut known = 0;
        let found: Vec<i64> = pushes
            .iter()
            .map(|(ahead, delay)| {
                known = believed(known, ahead - delay);
                known
            })
            .collect();
        assert_eq!(found, expected, "{pushes:?}");
    }

    #[test]
    fn a_clock_that_is_right_is_believed_however_long_the_way() {
        check(&[(0, 1), (0, 900), (0, 4_000), (0, 3)], &[0, 0, 0, 0]);
    }

    #[test]
    fn a_clock_that_is_ahead_is_known_better_with_each_quicker_push() {
        check(&[(700, 100), (700, 400), (700, 2), (700, 30)], &[-600, -600, -698, -698]);
    }

    #[test]
    fn a_clock_that_is_late_or_was_set_is_followed() {
        check(&[(-60_000, 10), (-60_000, 300), (-60_000, 1)], &[60_010, 60_010, 60_001]);
        check(&[(0, 1), (3_600_000, 1), (0, 1), (-86_400_000, 2)], &[0, -3_599_999, 1, 86_400_002]);
    }

    #[test]
    fn no_sample_is_dated_later_than_now_or_earlier_than_a_week_ago() {
        let now = Timestamp(1_000_000_000_000);
        assert_eq!(Correction(5).server_time(Timestamp(now.0 - 3), now), now);
        assert_eq!(Correction(0).server_time(Timestamp(0), now), now.minus(OLDEST));
        assert_eq!(Correction(i64::MAX).server_time(Timestamp(i64::MAX), now), now);
        assert_eq!(Correction(i64::MIN).server_time(Timestamp(i64::MIN), now), now.minus(OLDEST));
    }

    proptest! {
        #[test]
        fn samples_of_an_agent_whose_clock_is_right_keep_their_times(
            delays in prop::collection::vec(0..WAY_MS, 1..50)
        ) {
            let (mut known, mut now) = (0, 1_000_000_000_000_i64);
            for delay in delays {
                now += 10_000;
                let (sent_at, arrived) = (now, now + delay);
                known = believed(known, sent_at - arrived);
                prop_assert_eq!(Correction(known).server_time(Timestamp(sent_at - 7), Timestamp(arrived)), Timestamp(sent_at - 7));
            }
        }

        #[test]
        fn a_steady_clock_is_at_most_a_way_off_and_never_corrected_into_the_future(
            ahead in -1_000_000..1_000_000_i64, delays in prop::collection::vec(0..WAY_MS, 1..50)
        ) {
            let mut known = 0;
            for delay in delays {
                known = believed(known, ahead - delay);
                // What a clock shows less what is right, after the correction.
                let off = ahead + known;
                prop_assert!(off <= delay, "{} beside a way of {}", off, delay);
                prop_assert!(off >= -WAY_MS, "{}", off);
            }
        }
    }
}
