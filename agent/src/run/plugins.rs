//! Local checks in the loop: what they measure goes with the samples, their states are a section of the inventory.

use crate::clock::{Clock, Reading};
use crate::config::Config;
use crate::health::Measurement;
use rollcall_shared::Section;
use std::sync::Arc;
use std::time::Duration;

#[cfg(linux)]
use crate::checks::Checks;

/// What runs plugins here.
#[cfg(linux)]
const LAUNCHER: &str = "/proc/self/exe";

/// See the module. Platforms without checks have none.
pub struct Plugins {
    #[cfg(linux)]
    checks: Checks,
    /// Whether the section was told once.
    told: bool,
}

impl Plugins {
    /// The checks of a configuration.
    ///
    /// # Errors
    /// When one of them cannot be, for people.
    #[cfg(linux)]
    pub fn new(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let file = config.file.clone().unwrap_or_default();
        let checks = Checks::new(config.check.clone(), &file, LAUNCHER.into(), clock);
        let checks = checks.map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(Self { checks, told: false })
    }

    /// No checks.
    ///
    /// # Errors
    /// Never.
    #[cfg(not(linux))]
    pub fn new(_config: &Config, _clock: Arc<dyn Clock>) -> Result<Self, String> {
        Ok(Self { told: false })
    }

    /// When there is something to do.
    pub fn deadline(&self) -> Duration {
        #[cfg(linux)]
        return self.checks.deadline();
        #[cfg(not(linux))]
        Duration::MAX
    }

    /// Starts what is due and takes in what ended. The section, when it is news.
    #[cfg_attr(not(linux), expect(unused_variables, reason = "there is nothing to run"))]
    pub fn poll(&mut self, now: Reading) -> Option<Section> {
        #[cfg(linux)]
        {
            self.checks.poll(now);
            let is_news = self.checks.changed() || !self.told;
            // Before every check has a result, those without one would seem to be gone.
            if is_news && self.checks.is_complete() {
                self.told = true;
                return Some(Section::Checks(self.checks.rows()));
            }
            None
        }
        #[cfg(not(linux))]
        (!std::mem::replace(&mut self.told, true)).then(|| Section::Checks(Vec::new()))
    }

    /// What they measured.
    #[cfg_attr(not(linux), expect(unused_variables, reason = "there is nothing to measure"))]
    pub fn measurements(&self, now: Reading) -> Vec<Measurement> {
        #[cfg(linux)]
        return self.checks.measurements(now);
        #[cfg(not(linux))]
        Vec::new()
    }
}
