//! A short wait while something is due to be told: what is being read already is decided together with it.

use super::Writer;
use crate::engine::Job;
use std::sync::PoisonError;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// How long the writer waits at one time for a request that is being read.
const GLANCE: Duration = Duration::from_micros(500);

/// How often it does: fifty milliseconds in all. A page on a server that reads nothing else waits for nothing; on a busy one, that long at
/// most. A server that ten thousand hosts reach at once, on few processors, may take that long to read the second of them.
const GLANCES: u32 = 100;

/// How long it has waited while something is due to be told: by the clock, and by its own count should that stand still.
pub(super) struct Gathering {
    until: Option<Duration>,
    glances: u32,
}

impl Default for Gathering {
    fn default() -> Self {
        Self { until: None, glances: GLANCES }
    }
}

impl Writer {
    /// While something is due to be told and requests are being read, the next of them: others of a storm are told together with it.
    pub(super) fn gather(&self, jobs: &Receiver<Job>, gathering: &mut Gathering) -> Option<Job> {
        while self.shared.arrivals.any() && gathering.glances > 0 && self.is_telling_due() {
            let now = self.shared.clock.monotonic();
            if now >= *gathering.until.get_or_insert(now + GLANCE * GLANCES) {
                return None;
            }
            match jobs.recv_timeout(GLANCE) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Timeout) => gathering.glances -= 1,
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        None
    }

    fn is_telling_due(&self) -> bool {
        let now = self.shared.clock.now();
        let world = self.shared.world.read().unwrap_or_else(PoisonError::into_inner);
        world.notifications.due.first().is_some_and(|(at, _)| *at <= now)
    }
}
