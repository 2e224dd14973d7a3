//! The inventory at work: which sections are due, the one thread that collects them, and what is known of each.

use super::finished;
use super::inventory::{Inventory, entry_of_section, take_inventory};
use super::schedule::Schedule;
use crate::clock::{Clock, Reading};
use crate::collect::{COLLECTED, Runner, Setup};
use crate::sections::SectionCache;
use crate::state::StateError;
use rollcall_shared::message::{Report, SectionEntry};
use rollcall_shared::{ContentHash, Section, SectionName, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_blocking};

/// After an inventory that could not be written down.
const RETRY: Duration = Duration::from_mins(1);

/// The collectors, and what they brought.
pub type Done = (Box<Runner>, Result<Vec<SectionEntry>, StateError>);

/// See the module.
pub struct Survey {
    setup: Arc<Setup>,
    clock: Arc<dyn Clock>,
    cache: SectionCache,
    schedule: Schedule,
    inventory: Inventory,
    /// `None` while it is at work.
    runner: Option<Box<Runner>>,
    at_work: Option<JoinHandle<Done>>,
    /// What it is at work on.
    busy_with: Vec<SectionName>,
}

impl Survey {
    /// Everything that is not excluded is due now.
    pub fn new(setup: Arc<Setup>, clock: Arc<dyn Clock>, cache: SectionCache, interval: Duration) -> Self {
        let excluded = &setup.options.exclude.sections;
        let names = COLLECTED.iter().copied().filter(|name| !excluded.contains(name));
        Self {
            schedule: Schedule::new(names, interval, clock.now().monotonic),
            inventory: Inventory::new(excluded),
            runner: Some(Box::new(Runner::new(setup.clone(), clock.clone()))),
            setup,
            clock,
            cache,
            at_work: None,
            busy_with: Vec::new(),
        }
    }

    /// When something is due; never while it is at work.
    pub fn deadline(&self) -> Duration {
        if self.at_work.is_some() { Duration::MAX } else { self.schedule.deadline() }
    }

    /// Starts collecting what is due.
    pub fn start_due(&mut self, now: Reading) {
        if self.at_work.is_some() {
            return;
        }
        let due = self.schedule.take_due(now.monotonic);
        if due.is_empty() {
            return;
        }
        let mut runner = self.runner.take().unwrap_or_else(|| Box::new(Runner::new(self.setup.clone(), self.clock.clone())));
        let cache = self.cache.clone();
        self.busy_with.clone_from(&due);
        self.at_work = Some(spawn_blocking(move || {
            let entries = take_inventory(&mut runner, &due, &cache);
            (runner, entries)
        }));
    }

    /// What the collectors brought, once they did; `None` when they died.
    pub async fn done(&mut self) -> Option<Done> {
        finished(&mut self.at_work).await
    }

    /// Takes what the collectors brought. Whether there is anything.
    ///
    /// # Errors
    /// When content could not be written down; the same sections are then due again soon.
    pub fn take(&mut self, done: Option<Done>, now: Reading) -> Result<bool, StateError> {
        let names = std::mem::take(&mut self.busy_with);
        let Some((runner, entries)) = done else { return Ok(false) };
        self.runner = Some(runner);
        match entries {
            Ok(entries) => {
                self.inventory.take(entries, now.wall);
                Ok(true)
            }
            Err(error) => {
                self.schedule.again(&names, now.monotonic + RETRY);
                Err(error)
            }
        }
    }

    /// Takes a section that comes from no collector.
    ///
    /// # Errors
    /// When its content could not be written down.
    pub fn put(&mut self, section: Section, now: Reading) -> Result<(), StateError> {
        let entry = entry_of_section(section, &self.cache)?;
        self.inventory.take(vec![entry], now.wall);
        Ok(())
    }

    /// What is known now; none before every section was looked at once.
    pub fn report(&self, collected_at: Timestamp) -> Option<Report> {
        self.inventory.report(collected_at)
    }

    /// Names of all content that is known.
    pub fn contents(&self) -> impl Iterator<Item = ContentHash> {
        self.inventory.contents()
    }

    /// What is known of each section, and since when.
    pub fn entries(&self) -> impl Iterator<Item = (&SectionEntry, Timestamp)> {
        self.inventory.entries()
    }

    /// Something hints that these changed.
    pub fn hint(&mut self, names: impl IntoIterator<Item = SectionName>, now: Reading) {
        self.schedule.hint(names, now.monotonic);
    }

    /// Everything is due now.
    pub fn all_now(&mut self, now: Reading) {
        self.schedule.all_now(now.monotonic);
    }

    /// Everything that is known is due once more: it was not written down.
    pub fn again(&mut self, now: Reading) {
        self.schedule.again(COLLECTED, now.monotonic + RETRY);
    }

    /// Another interval is in force.
    pub fn set_interval(&mut self, interval: Duration, now: Reading) {
        self.schedule.set_interval(interval, now.monotonic);
    }
}
