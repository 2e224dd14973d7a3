//! Local checks: Nagios-compatible plugins, configured by whoever administers the host, run within limits as nobody in particular.
//!
//! Invariants: only the agent's own configuration says what is run, never a server; no shell is involved; a plugin gets nothing of the
//! agent's environment, privileges or open files; every run ends, with everything that it started in its group; what it prints is
//! bounded and judged like any other input. A result that is too old is no result.

use crate::clock::{Clock, Reading};
use crate::health::slow::age;
use crate::health::{Measurement, room};
use rollcall_shared::sample::Series;
use rollcall_shared::section::Check;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

mod config;
pub mod launcher;
pub mod output;
pub mod perfdata;
mod run;

use config::Account;
pub use config::{CheckConfig, CheckError};
use output::Output;
use perfdata::{Perfdata, Unit};
use run::Ran;

/// Plugins at one time: mostly they wait for something.
const AT_ONE_TIME: usize = 4;

/// The first runs are spread over this, however long the interval: people want to see a result after a start.
const FIRST_RUNS: Duration = Duration::from_mins(1);

/// How soon the caller is asked to look for the end of what runs.
const GLANCE: Duration = Duration::from_millis(250);

/// Values of one check, however few checks there are: a plugin that makes up labels must not fill the table.
const VALUES: usize = 64;

/// What stopping waits for: runs end within their glance at the stop, by SIGKILL.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a check says of its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// All is well.
    Ok,
    /// Somebody should look.
    Warning,
    /// Somebody must act.
    Critical,
    /// The check could not tell.
    Unknown,
}

impl State {
    /// The name in the inventory.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }

    /// The number that plugins end with.
    #[must_use]
    pub fn number(self) -> f64 {
        match self {
            Self::Ok => 0.0,
            Self::Warning => 1.0,
            Self::Critical => 2.0,
            Self::Unknown => 3.0,
        }
    }
}

/// All checks of this host.
pub struct Checks {
    slots: Vec<Slot>,
    launcher: PathBuf,
    clock: Arc<dyn Clock>,
    stop: Arc<AtomicBool>,
    sender: Sender<Finished>,
    receiver: Receiver<Finished>,
    running: usize,
    /// Values that each check may have.
    values: usize,
    polled: Duration,
    changed: bool,
}

/// One check and its latest result.
struct Slot {
    config: CheckConfig,
    account: Option<Account>,
    due: Duration,
    is_running: bool,
    result: Option<Finished>,
    /// What the check said when its state began.
    began: Option<String>,
    /// By label; without a value when the latest run did not say it.
    values: BTreeMap<String, Value>,
}

/// A value of a plugin.
#[derive(Clone, Copy, Debug)]
struct Value {
    unit: &'static str,
    value: Option<f64>,
    /// What a counter stood at, and when.
    counter: Option<(f64, Reading)>,
}

/// A run that came to its end.
struct Finished {
    slot: usize,
    started: Reading,
    ended: Reading,
    ran: Ran,
}

impl Checks {
    /// Checks of the configuration file `file`. `launcher` is this very program, `/proc/self/exe` but for tests; its first act must be
    /// [`launcher::launch`].
    ///
    /// # Errors
    /// When one of them cannot be, or could be changed by others than root while the agent is root.
    pub fn new(configs: Vec<CheckConfig>, file: &Path, launcher: PathBuf, clock: Arc<dyn Clock>) -> Result<Self, CheckError> {
        let now = clock.now().monotonic;
        let slots: Vec<Slot> =
            config::verified(configs, file)?.into_iter().map(|(config, account)| Slot::new(config, account, now)).collect();
        let (sender, receiver) = channel();
        let values = room::CHECKS.saturating_sub(slots.len() * 2).checked_div(slots.len()).unwrap_or_default().min(VALUES);
        Ok(Self { slots, launcher, clock, stop: Arc::default(), sender, receiver, running: 0, values, polled: now, changed: false })
    }

    /// When [`Checks::poll`] has something to do; never, without checks.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        let due = self.slots.iter().filter(|slot| !slot.is_running).map(|slot| slot.due).min().filter(|_| self.running < AT_ONE_TIME);
        let glance = (self.running > 0).then(|| self.polled + GLANCE);
        due.into_iter().chain(glance).min().unwrap_or(Duration::MAX)
    }

    /// Takes in what has ended and starts what is due. Waits for nothing.
    pub fn poll(&mut self, now: Reading) {
        self.polled = now.monotonic;
        while let Ok(finished) = self.receiver.try_recv() {
            self.take(finished);
        }
        let mut due: Vec<usize> = (0..self.slots.len()).filter(|&slot| self.slots[slot].is_due(now.monotonic)).collect();
        due.sort_by_key(|&slot| self.slots[slot].due);
        for slot in due.into_iter().take(AT_ONE_TIME.saturating_sub(self.running)) {
            self.start(slot, now);
        }
    }

    /// Whether a state changed since this was last asked: then the inventory's section `checks` is news.
    pub fn changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Whether every check has a result. Before, [`Checks::rows`] is not the whole section.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.slots.iter().all(|slot| slot.result.is_some())
    }

    /// The section `checks`: every check that has a result.
    #[must_use]
    pub fn rows(&self) -> Vec<Check> {
        let mut rows: Vec<Check> = self.slots.iter().filter_map(Slot::row).collect();
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        rows
    }

    /// The series of every check; without values where there is no result, or one that is too old.
    #[must_use]
    pub fn measurements(&self, now: Reading) -> Vec<Measurement> {
        self.slots.iter().flat_map(|slot| slot.measurements(now)).collect()
    }

    fn start(&mut self, number: usize, now: Reading) {
        let slot = &mut self.slots[number];
        slot.due = next(slot.due, slot.config.interval(), now.monotonic);
        let (config, account, launcher) = (slot.config.clone(), slot.account, self.launcher.clone());
        let (clock, stop, sender) = (self.clock.clone(), self.stop.clone(), self.sender.clone());
        let work = move || {
            let started = clock.now();
            let ran = run::run(&config, account, &launcher, &*clock, &stop);
            // Nobody waits any more when the agent stops.
            let _ = sender.send(Finished { slot: number, started, ended: clock.now(), ran });
        };
        match std::thread::Builder::new().name("check".to_owned()).spawn(work) {
            Ok(_) => {
                slot.is_running = true;
                self.running += 1;
            }
            Err(error) => {
                let ran = Ran::unknown(format!("no thread to run it: {error}"), String::new());
                self.changed |= slot.take(Finished { slot: number, started: now, ended: now, ran }, self.values);
            }
        }
    }

    fn take(&mut self, finished: Finished) {
        self.running = self.running.saturating_sub(1);
        let Some(slot) = self.slots.get_mut(finished.slot) else { return };
        slot.is_running = false;
        self.changed |= slot.take(finished, self.values);
    }
}

/// Whatever runs is killed.
impl Drop for Checks {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while self.running > 0 && self.receiver.recv_timeout(FAREWELL).is_ok() {
            self.running -= 1;
        }
    }
}

impl std::fmt::Debug for Checks {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Checks").field("checks", &self.slots.len()).field("running", &self.running).finish_non_exhaustive()
    }
}

impl Slot {
    fn new(config: CheckConfig, account: Option<Account>, now: Duration) -> Self {
        let due = now + config.interval().min(FIRST_RUNS).mul_f64(fraction(&config.name));
        Self { config, account, due, is_running: false, result: None, began: None, values: BTreeMap::new() }
    }

    fn is_due(&self, now: Duration) -> bool {
        !self.is_running && now >= self.due
    }

    /// Whether the state changed.
    fn take(&mut self, finished: Finished, room: usize) -> bool {
        let output = Output::parse(&finished.ran.output);
        if !output.refused.is_empty() {
            tracing::debug!(
                check = self.config.name,
                refused = output.refused.join("; "),
                "performance data that does not keep to the form"
            );
        }
        let is_change = self.result.as_ref().is_none_or(|before| before.ran.state != finished.ran.state);
        if is_change {
            self.began = summary(&finished.ran, output.summary);
            let (check, state, output) = (&self.config.name, finished.ran.state.as_str(), self.began.as_deref().unwrap_or_default());
            tracing::info!(check, state, output, "a check changed its state");
        }
        self.note(output.perfdata, finished.started, room);
        self.result = Some(finished);
        is_change
    }

    /// Labels that were there before stay, so that the table of series does; new ones are taken while there is room.
    fn note(&mut self, perfdata: Vec<Perfdata>, at: Reading, room: usize) {
        let mut before = std::mem::take(&mut self.values);
        let mut values = BTreeMap::new();
        for one in perfdata {
            let earlier = before.remove(&one.label);
            if earlier.is_some() || values.len() + before.len() < room {
                values.insert(one.label.clone(), Value::of(&one, earlier, at));
            }
        }
        values.extend(before.into_iter().map(|(label, value)| (label, Value { value: None, counter: None, ..value })));
        self.values = values;
    }

    fn row(&self) -> Option<Check> {
        let state = self.result.as_ref()?.ran.state;
        let interval_s = u32::try_from(self.config.interval_seconds).unwrap_or(u32::MAX);
        let (name, target) = (self.config.name.clone(), self.config.target.clone());
        Some(Check { name, state: state.as_str().to_owned(), output: self.began.clone(), interval_s, target })
    }

    fn measurements(&self, now: Reading) -> Vec<Measurement> {
        let check = ("check", self.config.name.as_str());
        let result = self.result.as_ref().filter(|result| age(result.started, now) <= self.config.patience());
        let duration = result.map(|result| result.ended.monotonic.saturating_sub(result.started.monotonic).as_secs_f64());
        let state = result.map(|result| result.ran.state.number());
        let state = match &self.config.target {
            None => measurement("check.state", &[check], state, "1"),
            // Of another metric, so that nothing judges it as a state of this host.
            Some(target) => measurement("check.target_state", &[("asks", self.config.asks()), check, ("target", target)], state, "1"),
        };
        let mut measurements = vec![state, measurement("check.duration", &[check], duration, "s")];
        measurements.extend(self.values.iter().map(|(label, value)| {
            measurement("check.perfdata", &[check, ("label", label)], value.value.filter(|_| result.is_some()), value.unit)
        }));
        measurements
    }
}

impl Value {
    /// A counter becomes a rate, when it was there before and has not gone backwards.
    fn of(one: &Perfdata, earlier: Option<Self>, at: Reading) -> Self {
        let unit = match one.unit {
            Unit::Plain | Unit::Ratio => "1",
            Unit::Seconds => "s",
            Unit::Bytes => "By",
            Unit::Counter => "{count}/s",
        };
        if one.unit != Unit::Counter {
            return Self { unit, value: one.value, counter: None };
        }
        let rate = |(before, since): (f64, Reading)| {
            let seconds = at.monotonic.checked_sub(since.monotonic)?.as_secs_f64();
            let growth = one.value? - before;
            (growth >= 0.0 && seconds > 0.0).then(|| growth / seconds)
        };
        Self { unit, value: earlier.and_then(|earlier| earlier.counter).and_then(rate), counter: one.value.map(|value| (value, at)) }
    }
}

fn measurement(metric: &str, attributes: &[(&str, &str)], value: Option<f64>, unit: &'static str) -> Measurement {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Measurement { series: Series { metric: metric.to_owned(), attributes }, value: value.filter(|value| value.is_finite()), unit }
}

/// What people read: why there is no word of the plugin's, and its word.
fn summary(ran: &Ran, said: Option<String>) -> Option<String> {
    match (&ran.reason, said) {
        (Some(reason), Some(said)) => Some(crate::collect::text::bounded(format!("{reason}: {said}"))),
        (reason, said) => said.or_else(|| reason.clone()),
    }
}

/// The next run after one that was due; those that were missed are skipped, not made up for.
fn next(due: Duration, interval: Duration, now: Duration) -> Duration {
    let missed = now.saturating_sub(due).as_secs() / interval.as_secs().max(1);
    due + interval * u32::try_from(missed).unwrap_or(u32::MAX).saturating_add(1)
}

/// Where in its interval a check has its place: of its name alone, so that a restart does not bunch them.
fn fraction(name: &str) -> f64 {
    let hash = blake3::hash(name.as_bytes());
    let [a, b, ..] = *hash.as_bytes();
    f64::from(u16::from_be_bytes([a, b])) / 65_536.0
}

#[cfg(test)]
mod tests;
