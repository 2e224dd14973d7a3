//! Back-tests: what a rule would have done to what is stored.
//!
//! Most rules are judged by samples, those on silence of hosts and feeds by their gaps, those on checks about other items by what all agents
//! that run them said, and those on the inventory by the log.
//!
//! Hosts are shared out over threads that may block, and each host's samples are streamed, an hour at a time, through the code that judges
//! live. Hours are left out where rows of an hour prove that nothing can have been raised ([`rollcall_domain::alert::replay::Reach`]) and no series is in a state that
//! samples could end; before the next hour that counts, samples are taken in from so far back that windows hold what they would hold had
//! nothing been left out. What is judged at full resolution therefore comes out as if every sample had been replayed.
//!
//! Where samples are not kept any more, or are too many to be read in time, rows of five minutes stand for them; the report says since
//! when every sample counted. Never holds the writer: the state is looked at for one host at a time.

mod collected;
mod host;
mod licences;
mod life;
mod silence;
mod target;
pub mod trace;

pub use collected::Feeds;
pub use host::{Case, Host, Survey, Verdict};
pub use target::Aims;

use crate::engine::{Engine, History};
use crate::store::{HOUR_MS, StoreError, period_ms};
use rollcall_domain::alert::replay::{Episode, Inquiry};
use rollcall_domain::ci::Ci;
use rollcall_domain::id::CiId;
use rollcall_domain::rule::Rule;
use rollcall_domain::rule::select::settled;
use rollcall_domain::sample::Grain;
use rollcall_shared::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Hours of one host that are read as they came, over all hosts: about two seconds of two cores. What is older is judged by rows.
const RAW_HOURS: usize = 10_000;

/// Incidents told one by one; all are counted.
pub const TOLD: usize = 1_000;

/// What clears sooner is noise.
pub const SHORT: Duration = Duration::from_secs(600);

/// How long a back-test may take before it says what it has.
pub const LIMIT: Duration = Duration::from_secs(20);

/// What samples are judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resolution {
    /// Every sample where it is kept and can be read in time, rows of five minutes before.
    #[default]
    Auto,
    /// Every sample. What is not kept any more is not judged.
    Raw,
    /// Rows of five minutes.
    FiveMinutes,
}

/// What a rule is judged by.
#[derive(Clone, Debug)]
pub enum Evidence {
    /// The samples of each host, or that there are none.
    Samples,
    /// The samples of hosts that look at other items.
    Targets(Aims),
    /// The samples of the collectors of feeds.
    Feeds(Arc<Feeds>),
    /// The log, by what a rule on the inventory asks.
    Log(Arc<Inquiry>),
    /// The log of products, of which it is asked how many are licensed, and of all hosts that may have them.
    Licences(Arc<[CiId]>),
}

/// A question.
#[derive(Clone, Debug)]
pub struct Question {
    /// The rule; it counts as enabled.
    pub rule: Rule,
    /// From when to when, the end not included.
    pub span: (Timestamp, Timestamp),
    /// By what.
    pub resolution: Resolution,
    /// What it is judged by.
    pub evidence: Evidence,
    /// The hosts to look at.
    pub hosts: Vec<Host>,
}

/// The answer.
#[derive(Debug, Default)]
pub struct Report {
    /// Incidents, oldest first; the first [`TOLD`] of them.
    pub episodes: Vec<Episode>,
    /// How many there are.
    pub incidents: usize,
    /// Of these, cleared within [`SHORT`].
    pub cleared_soon: usize,
    /// Hosts with incidents.
    pub affected: usize,
    /// Moments replayed.
    pub sets: u64,
    /// Hosts with samples that the rule judges.
    pub judged: usize,
    /// Hours of hosts in which nothing can have been raised.
    pub excluded_hours: u64,
    /// Hosts that were not reached before the time was over; of the others everything is known.
    pub unreached: usize,
    /// Items that were not judged for they have changed more often than they remember.
    pub forgotten: usize,
    /// Hosts that have done so and were counted as they are now.
    pub counted_as_now: usize,
    /// Hosts that were not counted before the time was over, so that nothing is known of what is counted.
    pub uncounted: usize,
    /// Since when something is judged: of silence nothing can be said where neither samples nor rows of five minutes are kept.
    pub since: Timestamp,
    /// Since when every sample counted; before it rows of five minutes did.
    pub raw_since: Timestamp,
}

/// Looks a host up.
pub type Look = Arc<dyn Fn(CiId) -> Option<Ci> + Send + Sync>;

/// What all threads of a back-test share.
struct Task {
    question: Question,
    history: History,
    look: Look,
    deadline: Duration,
    clock: Arc<dyn Fn() -> Duration + Send + Sync>,
}

/// Replays a rule over what an engine has stored.
///
/// # Errors
/// When the store cannot be read.
pub async fn run(engine: &Engine, question: Question) -> Result<Report, StoreError> {
    let (looked_at, timed) = (engine.clone(), engine.clone());
    let look: Look = Arc::new(move |id| looked_at.read(|world| world.cmdb.cis.get(&id).cloned()));
    let clock: Arc<dyn Fn() -> Duration + Send + Sync> = Arc::new(move || timed.monotonic());
    let deadline = clock().saturating_add(LIMIT);
    let now = engine.now();
    let task = Task { question, history: engine.history(), look, deadline, clock };
    tokio::task::spawn_blocking(move || task.run(now)).await.map_err(|error| broken(&error.to_string()))?
}

/// As [`run`], of a history by itself; without a limit of time.
///
/// # Errors
/// When the store cannot be read.
pub fn run_over(history: History, question: Question, look: Look, now: Timestamp) -> Result<Report, StoreError> {
    let task = Task { question, history, look, deadline: Duration::MAX, clock: Arc::new(|| Duration::ZERO) };
    task.run(now)
}

impl Report {
    fn add(&mut self, verdict: Option<Verdict>) {
        let Some(verdict) = verdict else {
            self.unreached += 1;
            return;
        };
        self.sets += verdict.sets;
        self.judged += usize::from(verdict.judged);
        self.excluded_hours += verdict.excluded_hours;
        self.incidents += verdict.episodes.len();
        self.affected += usize::from(!verdict.episodes.is_empty());
        let soon = |episode: &&Episode| episode.resolved_at.is_some_and(|resolved| resolved.since(episode.opened_at) <= SHORT);
        self.cleared_soon += verdict.episodes.iter().filter(soon).count();
        self.episodes.extend(verdict.episodes);
        if self.episodes.len() > 4 * TOLD {
            self.shorten();
        }
    }

    /// Keeps the oldest, in order.
    fn shorten(&mut self) {
        self.episodes.sort_by(|a, b| (a.opened_at, a.ci, &a.attributes).cmp(&(b.opened_at, b.ci, &b.attributes)));
        self.episodes.truncate(TOLD);
    }
}

fn broken(cause: &str) -> StoreError {
    StoreError::Io { subject: "back-test".into(), cause: cause.to_owned() }
}

impl Task {
    fn run(mut self, now: Timestamp) -> Result<Report, StoreError> {
        let since = self.question.span.0;
        let since = if silence::is_of_gaps(&self.question.rule) { since.max(self.kept(now)).min(self.question.span.1) } else { since };
        self.question.span.0 = since;
        let mut report = match &self.question.evidence {
            Evidence::Samples => self.over_samples(now)?,
            Evidence::Targets(aims) => self.over_targets(aims, now)?,
            Evidence::Feeds(feeds) => self.over_feeds(feeds, now)?,
            Evidence::Log(inquiry) => self.over_the_log(inquiry)?,
            Evidence::Licences(counted) => self.over_licences(counted)?,
        };
        report.since = since;
        report.shorten();
        Ok(report)
    }

    /// Since when samples or rows of five minutes are kept, in whole days as rows are.
    fn kept(&self, now: Timestamp) -> Timestamp {
        let kept = self.history.retention.raw.max(self.history.retention.five_minutes);
        let period = period_ms(Grain::FiveMinutes);
        Timestamp(now.minus(kept).0.saturating_add(period - 1).div_euclid(period).saturating_mul(period))
    }

    fn over_samples(&self, now: Timestamp) -> Result<Report, StoreError> {
        let surveys = self
            .shared_out(&self.question.hosts, |host| if self.is_late() { Ok(None) } else { self.with_case(host, |case| case.survey()) })?;
        let raw_since = self.raw_since(&surveys, now);
        let work: Vec<(&Host, &Option<Survey>)> = self.question.hosts.iter().zip(&surveys).collect();
        let report = Mutex::new(Report { raw_since, ..Report::default() });
        self.shared_out(&work, |(host, survey)| {
            let judge = |survey| self.with_case(host, |case| case.judge(survey, raw_since, &|| self.is_late())).map(Option::flatten);
            let verdict = survey.as_ref().filter(|_| !self.is_late()).map_or(Ok(None), judge)?;
            report.lock().unwrap_or_else(PoisonError::into_inner).add(verdict);
            Ok(())
        })?;
        Ok(report.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_late(&self) -> bool {
        (self.clock)() >= self.deadline
    }

    fn with_case<R>(&self, host: &Host, work: impl FnOnce(&Case<'_>) -> Result<R, StoreError>) -> Result<Option<R>, StoreError> {
        let ci = host.ci.and_then(|ci| (self.look)(ci));
        let rule = silence::paced(Rule { enabled: true, ..settled(&self.question.rule, host.variant) }, host.interval_ms);
        let (history, span) = (&self.history, self.question.span);
        let case = Case { history, rule: &rule, ci: ci.as_ref(), agents: &host.agents, goodbye: host.goodbye, span };
        work(&case).map(Some)
    }

    /// Works through a list on every processor, each a stretch of it: neighbours lie together in the store. Results keep their order.
    fn shared_out<T: Sync, R: Send>(&self, list: &[T], work: impl Fn(&T) -> Result<R, StoreError> + Sync) -> Result<Vec<R>, StoreError> {
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let stretch = list.len().div_ceil(workers).max(1);
        std::thread::scope(|scope| {
            let work = &work;
            let threads: Vec<_> = list
                .chunks(stretch)
                .map(|some| scope.spawn(move || some.iter().map(work).collect::<Result<Vec<R>, StoreError>>()))
                .collect();
            let mut results = Vec::with_capacity(list.len());
            for thread in threads {
                results.extend(thread.join().map_err(|_| broken("a thread ended early"))??);
            }
            Ok(results)
        })
    }

    fn raw_since(&self, surveys: &[Option<Survey>], now: Timestamp) -> Timestamp {
        self.raw_from(now, &|begin| surveys.iter().flatten().map(|survey| survey.hours_to_read(begin)).sum())
    }

    /// Since when every sample counts: as far back as samples are kept and [`RAW_HOURS`] last. `hours_to_read` says how many hours of samples are read
    /// because of the hour that begins then.
    fn raw_from(&self, now: Timestamp, hours_to_read: &dyn Fn(Timestamp) -> usize) -> Timestamp {
        let (from, to) = self.question.span;
        let ceiling = |at: Timestamp| Timestamp(at.0.saturating_add(HOUR_MS - 1).div_euclid(HOUR_MS).saturating_mul(HOUR_MS));
        let kept = ceiling(now.minus(self.history.retention.raw));
        match self.question.resolution {
            // Samples that are not kept are no silence.
            Resolution::Raw if silence::is_of_gaps(&self.question.rule) => return kept.clamp(from, to),
            Resolution::Raw => return from,
            Resolution::FiveMinutes => return to,
            Resolution::Auto => {}
        }
        let mut begin = Timestamp(to.0.saturating_sub(1).div_euclid(HOUR_MS).saturating_mul(HOUR_MS));
        let mut hours: usize = 0;
        loop {
            hours = hours.saturating_add(hours_to_read(begin));
            if hours > RAW_HOURS || begin < kept {
                return Timestamp(begin.0.saturating_add(HOUR_MS)).clamp(from, to);
            }
            if begin <= from {
                return from;
            }
            begin = Timestamp(begin.0.saturating_sub(HOUR_MS));
        }
    }
}

#[cfg(test)]
mod tests;
