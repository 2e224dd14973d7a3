//! How long to wait after a failure: exponential, with decorrelated jitter, so that a fleet does not come back as one.

use crate::entropy::Jitter;
use std::time::Duration;

/// First wait is around this.
const BASE: Duration = Duration::from_secs(1);

/// No wait is longer: a server that is back is noticed within minutes.
const CAP: Duration = Duration::from_mins(5);

/// The waits between attempts.
#[derive(Debug)]
pub struct Backoff {
    previous: Duration,
    jitter: Jitter,
}

impl Backoff {
    /// A fresh one.
    #[must_use]
    pub fn new(jitter: Jitter) -> Self {
        Self { previous: BASE, jitter }
    }

    /// The next wait: anything between the base and three times the one before, never above the cap.
    pub fn next(&mut self) -> Duration {
        let range = (self.previous.as_secs_f64() * 3.0 - BASE.as_secs_f64()).max(0.0);
        let wait = BASE.as_secs_f64() + range * self.jitter.next();
        self.previous = Duration::from_secs_f64(wait).min(CAP);
        self.previous
    }

    /// After a success.
    pub fn reset(&mut self) {
        self.previous = BASE;
    }

    /// A wait between `low` and `high`.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        low + high.saturating_sub(low).mul_f64(self.jitter.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_never_beyond_and_start_again_after_a_success() {
        for seed in 0..50 {
            let mut backoff = Backoff::new(Jitter::new(seed));
            let waits: Vec<Duration> = (0..200).map(|_| backoff.next()).collect();
            assert!(waits.iter().all(|wait| (BASE..=CAP).contains(wait)));
            assert!(waits.iter().any(|wait| *wait > CAP / 2));
            backoff.reset();
            assert!(backoff.next() <= BASE * 3);
        }
    }

    #[test]
    fn two_agents_wait_differently() {
        let waits = |seed| {
            (0..5)
                .map({
                    let mut backoff = Backoff::new(Jitter::new(seed));
                    move |_| backoff.next()
                })
                .collect::<Vec<_>>()
        };
        assert_ne!(waits(1), waits(2));
    }
}
