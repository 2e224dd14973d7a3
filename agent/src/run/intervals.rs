//! How often: the server's settings, unless the configuration says otherwise, within bounds that keep agent and server sane.

use crate::config::Config;
use rollcall_shared::limits;
use rollcall_shared::message::Settings;
use std::time::Duration;

/// Whatever the server asks: neither a busy loop nor a week of silence.
const SAMPLE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_hours(1));
const PUSH: (Duration, Duration) = (Duration::from_millis(limits::PUSH_INTERVAL_MS.0), Duration::from_millis(limits::PUSH_INTERVAL_MS.1));
const INVENTORY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(7 * 24));

/// Samples are on disk at least this often.
const FLUSH: Duration = Duration::from_mins(1);

/// The intervals in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intervals {
    pub sample: Duration,
    pub push: Duration,
    pub inventory: Duration,
    pub flush: Duration,
}

impl Intervals {
    pub fn of(config: &Config, settings: &Settings) -> Self {
        let pick = |own: Option<Duration>, asked_ms: u64, bounds: (Duration, Duration)| {
            own.unwrap_or(Duration::from_millis(asked_ms)).clamp(bounds.0, bounds.1)
        };
        let push = pick(config.push_interval_seconds, settings.push_interval_ms, PUSH);
        Self {
            sample: pick(config.sample_interval_seconds, settings.sample_interval_ms, SAMPLE),
            push,
            inventory: pick(config.inventory_interval_seconds, settings.inventory_interval_ms, INVENTORY),
            flush: push.min(FLUSH),
        }
    }
}

/// The tick after one that was due at `due`. Missed ticks are skipped, never made up for in a burst.
pub fn next_tick(due: Duration, interval: Duration, now: Duration) -> Duration {
    let next = due + interval;
    if next > now { next } else { now + interval }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_goes_before_the_server_and_both_are_bounded() {
        let config = Config { push_interval_seconds: Some(Duration::from_secs(5)), ..Config::default() };
        let settings = Settings { sample_interval_ms: 0, inventory_interval_ms: u64::MAX, ..Settings::default() };
        let intervals = Intervals::of(&config, &settings);
        assert_eq!((intervals.sample, intervals.push, intervals.inventory), (SAMPLE.0, Duration::from_secs(5), INVENTORY.1));
        assert_eq!(intervals.flush, Duration::from_secs(5));
    }

    #[test]
    fn missed_ticks_are_skipped() {
        let seconds = Duration::from_secs;
        assert_eq!(next_tick(seconds(10), seconds(10), seconds(11)), seconds(20));
        assert_eq!(next_tick(seconds(10), seconds(10), seconds(95)), seconds(105));
    }
}
