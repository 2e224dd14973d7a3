//! The parts of a running agent, and what happens when each has something to say.

use super::boot;
use super::hints::Hints;
use super::intervals::{Intervals, next_tick};
use super::plugins::Plugins;
use super::sampling::Sampling;
use super::status::{IntervalStatus, STATUS_FILE, SectionStatus, SpoolStatus, Status};
use super::survey::{Done, Survey};
use super::{RunError, finished};
use crate::clock::{Clock, Reading};
use crate::collect::Setup;
use crate::collect::boot::Boot;
use crate::config::Config;
use crate::entropy::{self, Jitter};
use crate::health::{Measurement, Sampler};
use crate::http::{Failure, Http};
use crate::identity::Identity;
use crate::sections::SectionCache;
use crate::spool::Spool;
use crate::state::StateDir;
use crate::trust;
use crate::uplink::exchange::exchange;
use crate::uplink::{Answer, Consequences, Uplink, UplinkError};
use rollcall_shared::message::{Payload, Report, Settings};
use rollcall_shared::{ContentHash, SectionName, Timestamp, limits};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_blocking};

const SETTINGS_FILE: &str = "settings.json";

/// The first push comes within this, at a moment of the agent's own: a fleet that was restarted at once does not arrive at once.
const FIRST_PUSH: Duration = Duration::from_secs(2);

/// An unchanged inventory is reported this often, so that the server knows that it was looked at.
const REPORT_AT_LEAST: Duration = Duration::from_hours(24);

/// A sampler, when it read, and what.
type SamplerReading = (Box<Sampler>, Reading, Vec<Measurement>);

/// See the module.
pub struct Agent {
    pub clock: Arc<dyn Clock>,
    pub sampler_at_work: Option<JoinHandle<SamplerReading>>,
    pub survey: Survey,
    pub hints: Hints,
    plugins: Plugins,
    pub exchange: Option<JoinHandle<Answer>>,
    state: StateDir,
    config: Config,
    setup: Arc<Setup>,
    noted_boot: Option<Boot>,
    identity: Identity,
    settings: Settings,
    intervals: Intervals,
    http: Http,
    spool: Spool,
    cache: SectionCache,
    uplink: Uplink,
    sampling: Sampling,
    /// `None` while it is at work.
    sampler: Option<Box<Sampler>>,
    sample_at: Duration,
    flush_at: Duration,
    started_at: Timestamp,
    /// The next inventory is reported even when nothing changed.
    report_anyway: bool,
    reported: Option<(ContentHash, Duration)>,
    /// Whether the disk took what it was given last.
    disk_works: bool,
}

impl Agent {
    pub fn start(state: StateDir, config: Config, clock: Arc<dyn Clock>) -> Result<Self, RunError> {
        let now = clock.now();
        let mut identity = Identity::load(&state)?;
        let http = Http::new(trust::enrolled(&identity.authority, &identity.certificate, &identity.key)?, &identity.file.agent_url)?;
        let settings = stored_settings(&state);
        let intervals = Intervals::of(&config, &settings);
        let mut spool = Spool::open(&state.join("spool"), config.spool_limits(), identity.file.epoch, now)?;
        identity.note_epoch(&state, spool.epoch())?;
        let started = Payload::Started { agent_version: env!("CARGO_PKG_VERSION").to_owned(), at: now.wall };
        if let Err(error) = spool.append(&[started], now) {
            tracing::warn!(%error, "the spool cannot be written; samples wait in memory");
        }
        let jitter = Jitter::new(u64::from_le_bytes(entropy::draw()?));
        let first_push = FIRST_PUSH.min(intervals.push).mul_f64(own_fraction(&identity));
        let setup = Arc::new(config.setup());
        let noted_boot = boot::recall(&state, &setup.boots);
        let plugins = Plugins::new(&config, clock.clone()).map_err(RunError::Checks)?;
        let cache = SectionCache::open(state.join("sections"))?;
        tracing::info!(
            agent = %identity.file.agent_id,
            server = identity.file.agent_url,
            waiting = spool.unsent(),
            version = env!("CARGO_PKG_VERSION"),
            "the agent runs"
        );
        Ok(Self {
            plugins,
            hints: if setup.root.is_live() { Hints::live(&setup.options.collect.extensions) } else { Hints::default() },
            survey: Survey::new(setup.clone(), clock.clone(), cache.clone(), intervals.inventory),
            cache,
            uplink: Uplink::new(now.monotonic + first_push, intervals.push, jitter),
            sampler: Some(Box::new(Sampler::with(setup.clone(), config.health.clone(), clock.clone()))),
            setup,
            noted_boot,
            sample_at: now.monotonic,
            started_at: now.wall,
            flush_at: now.monotonic + intervals.flush,
            clock,
            sampler_at_work: None,
            exchange: None,
            state,
            config,
            identity,
            settings,
            intervals,
            http,
            spool,
            sampling: Sampling::default(),
            report_anyway: true,
            reported: None,
            disk_works: true,
        })
    }

    /// When something is due.
    pub fn deadline(&self) -> Duration {
        let uplink = self.uplink.deadline().unwrap_or(Duration::MAX);
        self.sample_at.min(self.survey.deadline()).min(self.plugins.deadline()).min(uplink).min(self.flush_at)
    }

    /// Starts everything that is due.
    pub fn tick(&mut self, now: Reading) {
        if now.monotonic >= self.sample_at {
            self.sample_at = next_tick(self.sample_at, self.intervals.sample, now.monotonic);
            self.start_sampling();
        }
        self.survey.start_due(now);
        self.poll_plugins(now);
        let push_is_due = self.uplink.deadline().is_some_and(|due| now.monotonic >= due);
        if now.monotonic >= self.flush_at || (push_is_due && self.spool.unsent() == 0) {
            self.flush(now);
        }
        if push_is_due {
            self.start_exchange(now);
        }
    }

    /// Collect and report now, whatever changed.
    pub fn report_now(&mut self) {
        tracing::info!("taking an inventory now (SIGHUP)");
        self.report_anyway = true;
        self.survey.all_now(self.clock.now());
    }

    /// Something hints that these sections changed.
    pub fn hinted(&mut self, names: BTreeSet<SectionName>) {
        self.survey.hint(names, self.clock.now());
    }

    fn start_sampling(&mut self) {
        // Still busy with the reading before: this one is left out.
        let Some(mut sampler) = self.sampler.take() else { return };
        let clock = self.clock.clone();
        self.sampler_at_work = Some(spawn_blocking(move || {
            let at = clock.now();
            let measurements = sampler.sample(at);
            (sampler, at, measurements)
        }));
    }

    pub fn sampled(&mut self, reading: Option<SamplerReading>) {
        let now = self.clock.now();
        let Some((sampler, at, mut measurements)) = reading else {
            self.sampler = Some(Box::new(Sampler::with(self.setup.clone(), self.config.health.clone(), self.clock.clone())));
            return;
        };
        self.sampler = Some(sampler);
        measurements.extend(self.plugins.measurements(now));
        match self.sampling.take(measurements, at.wall, &self.settings.thresholds) {
            Ok(true) => {
                self.flush(now);
                self.uplink.hurry(now);
            }
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the health series make no table; the samples are left out"),
        }
    }

    fn poll_plugins(&mut self, now: Reading) {
        let Some(section) = self.plugins.poll(now) else { return };
        match self.survey.put(section, now) {
            Ok(()) => self.report_news(now),
            Err(error) => self.disk(Err(&error)),
        }
    }

    pub fn collected(&mut self, done: Option<Done>) {
        let now = self.clock.now();
        boot::note(&self.state, &self.setup.boots, &mut self.noted_boot);
        match self.survey.take(done, now) {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return self.disk(Err(&error)),
        }
        self.report_news(now);
    }

    /// Reports what is known, if it differs from what was reported.
    fn report_news(&mut self, now: Reading) {
        if let Some(report) = self.survey.report(now.wall) {
            let is_news = self.reported.is_none_or(|(root, at)| root != report.root || now.monotonic - at >= REPORT_AT_LEAST);
            if is_news || self.report_anyway {
                self.spool_report(report, now);
            }
        }
        self.remove_unnamed_sections();
        self.note_status(now);
    }

    fn spool_report(&mut self, report: Report, now: Reading) {
        let root = report.root;
        // The first says whose the samples are: it does not wait behind them.
        let is_first = self.reported.is_none();
        let spooled = match Payload::Report(report) {
            first if is_first => self.spool.append(&[first], now).map_err(UplinkError::from),
            changed => self.sampling.flush(Some(changed), &mut self.spool, &self.cache, now),
        };
        match spooled {
            Ok(()) => {
                if !is_first {
                    self.flush_at = next_tick(self.flush_at, self.intervals.flush, now.monotonic);
                }
                self.reported = Some((root, now.monotonic));
                self.report_anyway = false;
                self.disk(Ok(()));
                self.uplink.hurry(now);
            }
            Err(error) => {
                self.disk(Err(&error));
                self.survey.again(now);
            }
        }
    }

    fn remove_unnamed_sections(&mut self) {
        let named = self.spool.references().map_err(UplinkError::from).and_then(|mut named| {
            named.extend(self.survey.contents());
            named.extend(self.sampling.tables());
            Ok(self.cache.retain(&named)?)
        });
        if let Err(error) = named {
            tracing::warn!(%error, "unused sections stay in the cache for now");
        }
    }

    /// Gathered samples go to disk.
    fn flush(&mut self, now: Reading) {
        self.flush_at = next_tick(self.flush_at, self.intervals.flush, now.monotonic);
        if self.sampling.is_empty() {
            return;
        }
        match self.sampling.flush(None, &mut self.spool, &self.cache, now) {
            Ok(()) => self.disk(Ok(())),
            Err(error) => self.disk(Err(&error)),
        }
    }

    fn start_exchange(&mut self, now: Reading) {
        match self.uplink.poll(&mut self.spool, &self.cache, self.settings.version, now) {
            Ok(Some(request)) => self.exchange = Some(tokio::spawn(exchange(self.http.clone(), request, self.intervals.push))),
            Ok(None) => {}
            Err(error) => self.disk(Err(&error)),
        }
    }

    pub fn answered(&mut self, answer: Option<Answer>) {
        let now = self.clock.now();
        let answer = answer.unwrap_or_else(|| Answer::Failed(Failure::Unreachable("the exchange died".to_owned())));
        match self.uplink.answered(answer, &mut self.spool, now) {
            Ok(Consequences { settings, report_again, new_epoch }) => {
                if let Some(settings) = settings {
                    self.adopt(settings, now);
                }
                if report_again {
                    self.report_anyway = true;
                    self.survey.all_now(now);
                }
                if new_epoch && let Err(error) = self.identity.note_epoch(&self.state, self.spool.epoch()) {
                    self.disk(Err(&error));
                }
            }
            Err(error) => self.disk(Err(&error)),
        }
        self.note_status(now);
    }

    fn adopt(&mut self, mut settings: Settings, now: Reading) {
        settings.thresholds.truncate(limits::THRESHOLDS);
        tracing::info!(version = settings.version, thresholds = settings.thresholds.len(), "new settings from the server");
        if let Err(error) = self.state.install_json(SETTINGS_FILE, &settings) {
            self.disk(Err(&error));
        }
        self.settings = settings;
        self.intervals = Intervals::of(&self.config, &self.settings);
        self.sample_at = self.sample_at.min(now.monotonic + self.intervals.sample);
        self.survey.set_interval(self.intervals.inventory, now);
        self.flush_at = self.flush_at.min(now.monotonic + self.intervals.flush);
        self.uplink.set_interval(self.intervals.push, now);
    }

    /// The last samples and the farewell, on disk first and then, if it is there, to the server.
    pub async fn say_goodbye(&mut self, reason: &str) {
        let now = self.clock.now();
        self.flush(now);
        let goodbye = Payload::Goodbye { reason: reason.to_owned(), at: now.wall };
        if let Err(error) = self.spool.append(&[goodbye], now) {
            tracing::warn!(%error, "the farewell cannot be written down");
        }
        if self.exchange.is_some() {
            let answer = finished(&mut self.exchange).await;
            self.answered(answer);
        }
        while self.spool.unsent() > 0 && self.uplink.last_words(self.clock.now()) {
            self.start_exchange(self.clock.now());
            if self.exchange.is_none() {
                return;
            }
            let answer = finished(&mut self.exchange).await;
            self.answered(answer);
        }
    }

    /// For whoever asks `rollcall-agent status`. What cannot be written is not worth a word: the spool complains of the same disk.
    fn note_status(&self, now: Reading) {
        let (link, last_push_at, last_failure) = self.uplink.standing();
        let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let status = Status {
            agent_id: self.identity.file.agent_id,
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started_at: self.started_at,
            written_at: now.wall,
            server: self.identity.file.agent_url.clone(),
            link,
            last_push_at,
            last_failure: last_failure.map(str::to_owned),
            spool: SpoolStatus { messages: self.spool.unsent(), bytes: self.spool.bytes(), limit_bytes: self.config.spool_limits().bytes },
            settings_version: self.settings.version,
            intervals: IntervalStatus {
                sample_ms: milliseconds(self.intervals.sample),
                push_ms: milliseconds(self.intervals.push),
                inventory_ms: milliseconds(self.intervals.inventory),
            },
            sections: self.survey.entries().map(|(entry, at)| SectionStatus::of(entry, at)).collect(),
        };
        let _ = self.state.note_json(STATUS_FILE, &status);
    }

    /// One line when the disk stops taking data, one when it does again.
    fn disk(&mut self, result: Result<(), &dyn std::error::Error>) {
        match result {
            Err(error) if self.disk_works => {
                tracing::error!(%error, "the state directory cannot be written; sampling goes on in memory");
                self.disk_works = false;
            }
            Ok(()) if !self.disk_works => {
                tracing::info!("the state directory can be written again");
                self.disk_works = true;
            }
            _ => {}
        }
    }
}

/// What the server last asked for; the defaults when that is unknown or damaged.
fn stored_settings(state: &StateDir) -> Settings {
    let stored = state.read_json(SETTINGS_FILE).unwrap_or_else(|error| {
        tracing::warn!(%error, "the stored settings are not used; the server will send them again");
        None
    });
    stored.unwrap_or_default()
}

/// A number in `[0, 1)` of the agent's own, the same at each start. Ids are drawn at random; machine ids are copied with images.
fn own_fraction(identity: &Identity) -> f64 {
    let hash = ContentHash::of(&identity.file.agent_id.0.to_be_bytes());
    f64::from(u16::from_be_bytes([hash.0[0], hash.0[1]])) / 65_536.0
}
