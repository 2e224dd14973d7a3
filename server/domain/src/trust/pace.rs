//! How often an agent pushes when all is well: what its silence, and that of what it measures, is counted in.
//!
//! The times of rules are made for the default interval. An agent that is configured to push at another one says so with each push, and as
//! many of its intervals are waited for in their place. Invariants: an interval lies within what an agent's configuration permits, whoever told
//! it; at the default interval and at shorter ones every time is exactly what its rule says, for a rule says what people want to know, and
//! an agent that hurries is no reason to call them sooner.

use super::{Trust, TrustEvent};
use crate::World;
use rollcall_shared::message::Settings;
use rollcall_shared::{AgentId, Timestamp, limits};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A change is taken note of this often at most: the log is for ever, and an agent may say something else with each push.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// Times up to so many default intervals are counted in pushes: those of the stock rules are three and ten. Who gives a host a day means a
/// day, however often it pushes.
const COUNTED: u64 = 10;

/// The interval that an agent told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushInterval {
    /// In milliseconds, within [`limits::PUSH_INTERVAL_MS`].
    pub ms: u64,
    /// When it told it.
    pub told_at: Timestamp,
}

impl Trust {
    /// The time between two pushes of an agent when nothing is urgent, ms; the default for one that told none.
    #[must_use]
    pub fn push_interval_ms(&self, agent: AgentId) -> u64 {
        self.push_intervals.get(&agent).map_or_else(default_ms, |interval| interval.ms)
    }

    /// One full interval as it is waited for: in so much time the agent has spoken if it is there. At least the default.
    #[must_use]
    pub fn pace(&self, agent: AgentId) -> Duration {
        Duration::from_millis(self.pace_ms(agent))
    }

    /// [`Self::pace`] in milliseconds.
    #[must_use]
    pub fn pace_ms(&self, agent: AgentId) -> u64 {
        self.push_interval_ms(agent).max(default_ms())
    }

    /// What a time of a rule means for an agent, ms.
    #[must_use]
    pub fn patience_ms(&self, agent: AgentId, after_ms: u64) -> u64 {
        counted(after_ms, self.pace_ms(agent))
    }
}

/// What a time that is made for the default interval means at another one, ms.
#[must_use]
pub fn counted(after_ms: u64, interval_ms: u64) -> u64 {
    let interval_ms = interval_ms.clamp(default_ms(), limits::PUSH_INTERVAL_MS.1);
    let most = COUNTED * default_ms();
    after_ms.max(after_ms.min(most) * interval_ms / default_ms())
}

/// What an agent says of its interval with a push, where that is news; without a word it has the default.
#[must_use]
pub fn told(world: &World, agent: AgentId, interval_ms: Option<u64>, now: Timestamp) -> Option<TrustEvent> {
    let known = world.trust.push_intervals.get(&agent);
    let (shortest, longest) = limits::PUSH_INTERVAL_MS;
    let push_interval = PushInterval { ms: interval_ms.unwrap_or_else(default_ms).clamp(shortest, longest), told_at: now };
    let is_early = |before: &PushInterval| before.told_at <= now && now.since(before.told_at) < NOTED_EVERY;
    let is_news = push_interval.ms != world.trust.push_interval_ms(agent) && !known.is_some_and(is_early);
    is_news.then_some(TrustEvent::PushIntervalTold { agent, push_interval })
}

fn default_ms() -> u64 {
    Settings::default().push_interval_ms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;
    use crate::alert::scenario::{Scenario, agent, seconds};

    const MINUTE_MS: u64 = 60_000;

    #[track_caller]
    fn check(after_minutes: u64, interval_s: u64, expected_minutes: u64) {
        assert_eq!(counted(after_minutes * MINUTE_MS, interval_s * 1_000), expected_minutes * MINUTE_MS, "{after_minutes} {interval_s}");
    }

    #[test]
    fn times_are_counted_in_intervals_and_long_ones_stand() {
        check(3, 60, 3);
        check(10, 60, 10);
        check(1_440, 60, 1_440);
        check(3, 5, 3);
        check(3, 0, 3);
        check(3, 300, 15);
        check(10, 300, 50);
        check(20, 300, 50);
        check(60, 300, 60);
        check(3, 3_600, 180);
        check(10, 3_600, 600);
        check(1_440, 3_600, 1_440);
        check(3, 7_200, 180);
        assert_eq!(counted(u64::MAX, u64::MAX), u64::MAX);
    }

    #[test]
    fn a_longer_time_is_never_waited_for_less() {
        for interval_s in [60, 61, 300, 3_600] {
            let waited: Vec<u64> = (0..2_000).map(|minutes| counted(minutes * MINUTE_MS, interval_s * 1_000)).collect();
            assert!(waited.is_sorted(), "{interval_s}");
        }
    }

    /// What an agent says at which second, and what is known then.
    #[track_caller]
    fn check_told(words: &[(i64, Option<u64>, u64)]) -> usize {
        let mut scenario = Scenario::new(Vec::new());
        let mut events = 0;
        for &(at, interval_ms, expected) in words {
            let event = told(&scenario.world, agent(1), interval_ms, seconds(at));
            events += usize::from(event.is_some());
            scenario.commit(at, &crate::Actor::Agent { id: agent(1) }, event.map(Event::Trust).into_iter().collect());
            assert_eq!(scenario.world.trust.push_interval_ms(agent(1)), expected, "{at}");
        }
        events
    }

    #[test]
    fn what_is_told_is_remembered_once_and_the_default_is_no_news() {
        assert_eq!(check_told(&[(0, None, 60_000), (60, Some(60_000), 60_000)]), 0);
        assert_eq!(check_told(&[(0, Some(300_000), 300_000), (300, Some(300_000), 300_000), (600, None, 60_000)]), 2);
    }

    #[test]
    fn what_no_configuration_permits_is_bounded() {
        check_told(&[(0, Some(u64::MAX), 3_600_000), (60, Some(0), 100)]);
    }

    #[test]
    fn an_agent_that_says_something_else_each_time_is_noted_once_a_minute() {
        let words: Vec<(i64, Option<u64>, u64)> = (0..60_i64).map(|at| (at, Some(100_000 + at.unsigned_abs()), 100_000)).collect();
        assert_eq!(check_told(&words), 1);
        assert_eq!(check_told(&[(100, Some(300_000), 300_000), (130, Some(60_000), 300_000), (160, Some(60_000), 60_000)]), 2);
        assert_eq!(check_told(&[(100, Some(300_000), 300_000), (50, Some(90_000), 90_000)]), 2, "the clock was set back");
    }
}
