//! Sources that are too dear, or too likely to wait for hardware, to be read with every sample: each on a thread of its own, at its
//! own pace. What it read is repeated until it is read anew, and becomes unknown when it grew too old.

use super::rates::Rates;
use super::{Measurement, Raw, room};
use crate::clock::Reading;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Reads some sources; keeps what it needs between readings.
pub(super) type Source = Box<dyn FnMut(Reading) -> Vec<Vec<Raw>> + Send>;

/// The first two readings are waited for, so that the first samples know what the machine has; a disk that spins up may take longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Readings that may fail to come before what was read is too old.
const MISSED: u32 = 3;

/// A reading may use this part of one processor's time: where there are very many processes or services, it is made less often.
const SHARE_OF_TIME: u32 = 1_000;

/// But not less often than this many intervals, or rules would be without data.
const STRETCH: u32 = 10;

/// What was read, and the processor time that it took.
type Read = (Vec<Vec<Raw>>, Duration);

/// See the module.
pub(super) struct Slow {
    name: &'static str,
    /// As asked for.
    wanted: Duration,
    /// As its cost allows.
    every: Duration,
    room: usize,
    /// Only the thread at work locks it.
    source: Arc<Mutex<Source>>,
    at_work: Option<Receiver<Read>>,
    started: Option<Reading>,
    /// When what `rates` has was read.
    read: Option<Reading>,
    readings: usize,
    rates: Rates,
}

impl Slow {
    /// A source that is read every so often.
    pub(super) fn new(name: &'static str, every: Duration, room: usize, source: Source) -> Self {
        let source = Arc::new(Mutex::new(source));
        Self { name, wanted: every, every, room, source, at_work: None, started: None, read: None, readings: 0, rates: Rates::default() }
    }

    /// Adds what is known, and reads anew when it is time.
    pub(super) fn sample(&mut self, now: Reading, into: &mut Vec<Measurement>) {
        let mut is_news = self.finish(Duration::ZERO);
        if self.is_due(now) {
            self.start(now);
            // Rates need two readings.
            if self.readings < 2 {
                is_news |= self.finish(PATIENCE);
            }
        }
        let is_old = self.read.is_none_or(|read| age(read, now) > self.every * MISSED);
        match (is_news, is_old) {
            (_, true) => into.extend(self.rates.outdated()),
            (true, false) => into.extend(self.rates.measurements()),
            (false, false) => into.extend(self.rates.repeated()),
        }
    }

    fn is_due(&self, now: Reading) -> bool {
        // Rates would otherwise be missing until a whole interval has passed.
        let is_second = self.readings == 1 && self.rates.has_counters();
        self.at_work.is_none() && self.started.is_none_or(|started| is_second || age(started, now) >= self.every)
    }

    fn start(&mut self, now: Reading) {
        self.started = Some(now);
        let (sender, receiver) = sync_channel(1);
        let (name, source) = (self.name, self.source.clone());
        let work = move || {
            let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
            let read = catch_unwind(AssertUnwindSafe(|| source(now))).unwrap_or_else(|_| {
                tracing::error!(source = name, "reading health panicked, which is a bug");
                Vec::new()
            });
            // Nobody waits any more when the sampler is gone.
            let _ = sender.send((read, processor_time_of_this_thread()));
        };
        match std::thread::Builder::new().name(format!("health-{name}")).spawn(work) {
            Ok(_) => self.at_work = Some(receiver),
            Err(error) => tracing::warn!(%error, source = name, "no thread to read health with"),
        }
    }

    /// Takes the reading that is at work, when it is there in time. Whether it was.
    fn finish(&mut self, patience: Duration) -> bool {
        let Some(receiver) = &self.at_work else { return false };
        let result = receiver.recv_timeout(patience);
        if result != Err(RecvTimeoutError::Timeout) {
            self.at_work = None;
        }
        let (Ok((read, cost)), Some(started)) = (result, self.started) else { return false };
        self.every = (cost * SHARE_OF_TIME).clamp(self.wanted, self.wanted * STRETCH);
        self.readings = self.readings.saturating_add(1);
        self.read = Some(started);
        self.rates.take(started.monotonic, room::shared_out(read, self.room), self.room);
        true
    }
}

/// By whichever clock more time has passed: the monotonic one stands still while the machine is suspended, and what was read before a
/// night's sleep says nothing about the morning.
pub(crate) fn age(earlier: Reading, now: Reading) -> Duration {
    let wall = u64::try_from(now.wall.0.saturating_sub(earlier.wall.0)).unwrap_or(0);
    now.monotonic.saturating_sub(earlier.monotonic).max(Duration::from_millis(wall))
}

/// Not the time of day: no argument could stand for it.
fn processor_time_of_this_thread() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(spent).unwrap_or_default()
}

impl std::fmt::Debug for Slow {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Slow").field("name", &self.name).field("readings", &self.readings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
