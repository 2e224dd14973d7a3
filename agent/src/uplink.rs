//! What to say to the server next, and what its answers mean. Decides only: the loop sends, the spool keeps.
//!
//! One request at a time. A message leaves the spool when the server acknowledged it, or, as a declared loss, when the server
//! refused it as malformed twice over while it accepted a push without it. Nothing is retried without a wait that grows.
//!
//! Invariants: an answer never makes the agent do anything but upload content it already named, forget what is acknowledged,
//! change its intervals and thresholds, or wait.

mod backoff;
pub mod exchange;
mod link;

use crate::clock::Reading;
use crate::entropy::Jitter;
use crate::http::{Failure, Refusal};
use crate::sections::SectionCache;
use crate::spool::{Spool, SpoolError};
use crate::state::StateError;
use backoff::Backoff;
pub use link::Link;
use link::Watch;
use rollcall_shared::message::{Content, Push, PushReply, Settings, Upload, UploadReply};
use rollcall_shared::{ContentHash, Timestamp, limits};
use std::time::Duration;

/// Of one push, before compression: about 25 s on a 64 kbit/s line, well inside the time of a request.
const PUSH_BYTES: usize = 1 << 20;

/// Of one upload, before compression; one larger section goes alone.
const UPLOAD_BYTES: usize = 4 << 20;

/// Hashes remembered from one answer; a report has 14 sections, and the server names those of one message.
const WANTED: usize = 1024;

/// Uploads of the same content that the server still wants afterwards, before we wait.
const FUTILE_UPLOADS: u32 = 2;

/// Between two looks whether somebody has approved this agent: soon while the person who enrols it watches, later calmly.
const PENDING_WAIT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(30));

/// Between two looks whether a revoked agent was let in again, or a server that speaks another version was replaced.
const REFUSED_WAIT: (Duration, Duration) = (Duration::from_mins(15), Duration::from_mins(30));

/// A server may ask for quiet, but not for ever.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// What to send.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Messages, or none as a sign of life.
    Push(Push),
    /// Content that the server asked for.
    Upload(Upload),
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To a push.
    Pushed(PushReply),
    /// To an upload.
    Uploaded(UploadReply),
    /// Nothing usable.
    Failed(Failure),
}

/// What an answer means to the rest of the agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Consequences {
    /// New settings.
    pub settings: Option<Settings>,
    /// Content went missing, or a message was given up: collect again and report.
    pub report_again: bool,
    /// The spool has a new epoch.
    pub new_epoch: bool,
}

/// Why no request could be made.
#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    /// The spool failed.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The section cache failed.
    #[error(transparent)]
    State(#[from] StateError),
}

/// The request that is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sent {
    Push { sequences: Vec<u64> },
    Upload { hashes: Vec<ContentHash> },
}

/// See the module.
#[derive(Debug)]
pub struct Uplink {
    /// Monotonic time of the next request.
    next_at: Duration,
    interval: Duration,
    backoff: Backoff,
    watch: Watch,
    sent: Option<Sent>,
    /// Messages of the next push: halved while the server refuses them, doubled while it does not.
    batch_messages: usize,
    upload_sections: usize,
    wanted: Vec<ContentHash>,
    futile_uploads: u32,
    /// A single message that was refused: given up if a push without it is accepted. With the reason.
    suspect: Option<(u64, String)>,
    report_again: bool,
    /// How often the server said that this agent is not approved.
    pending_answers: u32,
}

impl Uplink {
    /// Makes its first request at `first_at` (monotonic) and, when all is quiet, one every `interval`.
    #[must_use]
    pub fn new(first_at: Duration, interval: Duration, jitter: Jitter) -> Self {
        Self {
            next_at: first_at,
            interval,
            backoff: Backoff::new(jitter),
            watch: Watch::default(),
            sent: None,
            batch_messages: limits::PUSH_MESSAGES,
            upload_sections: limits::UPLOAD_SECTIONS,
            wanted: Vec::new(),
            futile_uploads: 0,
            suspect: None,
            report_again: false,
            pending_answers: 0,
        }
    }

    /// How things stand with the server: since the last answer, when it last took something, and why not since.
    #[must_use]
    pub fn standing(&self) -> (Link, Option<Timestamp>, Option<&str>) {
        (self.watch.link(), self.watch.last_up(), self.watch.reason())
    }

    /// Monotonic time of the next request; `None` while one is on its way.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        if self.sent.is_some() { None } else { Some(self.next_at) }
    }

    /// A new interval between quiet pushes; an earlier push than planned follows if it became shorter.
    pub fn set_interval(&mut self, interval: Duration, now: Reading) {
        self.interval = interval;
        if self.watch.link() == Link::Up {
            self.next_at = self.next_at.min(now.monotonic + interval);
        }
    }

    /// There is something that should not wait for the interval. It does wait for the first push, and while the server is away or says no.
    pub fn hurry(&mut self, now: Reading) {
        if self.watch.link() == Link::Up {
            self.next_at = self.next_at.min(now.monotonic);
        }
    }

    /// The agent is about to end: the next request is due at once. `false` when there is no use, because the server is away or
    /// said no.
    #[must_use]
    pub fn last_words(&mut self, now: Reading) -> bool {
        self.next_at = now.monotonic;
        matches!(self.watch.link(), Link::New | Link::Up)
    }

    /// The next request if it is due.
    ///
    /// # Errors
    /// When spool or cache cannot be read; the caller tries again after a wait, which is set.
    pub fn poll(
        &mut self,
        spool: &mut Spool,
        cache: &SectionCache,
        settings_version: u64,
        now: Reading,
    ) -> Result<Option<Request>, UplinkError> {
        if self.sent.is_some() || now.monotonic < self.next_at {
            return Ok(None);
        }
        let made = self.make(spool, cache, settings_version, now);
        if made.is_err() {
            self.wait(now);
        }
        made.map(Some)
    }

    fn make(&mut self, spool: &mut Spool, cache: &SectionCache, settings_version: u64, now: Reading) -> Result<Request, UplinkError> {
        if let Some(upload) = self.upload(spool, cache)? {
            return Ok(upload);
        }
        if spool.has_undeclared() {
            spool.append(&[], now)?;
        }
        let probing = self.suspect.is_some() || matches!(self.watch.link(), Link::Pending | Link::Revoked);
        let messages = if probing { Vec::new() } else { spool.batch(self.batch_messages, PUSH_BYTES)? };
        self.sent = Some(Sent::Push { sequences: messages.iter().map(|message| message.sequence).collect() });
        Ok(Request::Push(Push { epoch: spool.epoch(), sent_at: now.wall, settings_version, messages }))
    }

    /// Content that the server wants, as much as one request may carry.
    fn upload(&mut self, spool: &mut Spool, cache: &SectionCache) -> Result<Option<Request>, UplinkError> {
        let (mut hashes, mut sections, mut size) = (Vec::new(), Vec::new(), 0);
        while let Some(hash) = self.wanted.first().copied() {
            let Some(bytes) = cache.get(&hash)? else {
                self.wanted.remove(0);
                self.report_again |= spool.set_aside_naming(&hash, "its content went missing from the agent's cache")?;
                continue;
            };
            if sections.len() >= self.upload_sections || (!sections.is_empty() && size + bytes.len() > UPLOAD_BYTES) {
                break;
            }
            size += bytes.len();
            self.wanted.remove(0);
            hashes.push(hash);
            sections.push(Content(bytes));
        }
        if sections.is_empty() {
            return Ok(None);
        }
        self.sent = Some(Sent::Upload { hashes });
        Ok(Some(Request::Upload(Upload { sections })))
    }

    /// Takes the answer to the request on its way.
    ///
    /// # Errors
    /// When the spool fails; a wait is set.
    pub fn answered(&mut self, answer: Answer, spool: &mut Spool, now: Reading) -> Result<Consequences, UplinkError> {
        spool.landed();
        let Some(sent) = self.sent.take() else { return Ok(Consequences::default()) };
        let result = match answer {
            Answer::Pushed(reply) => self.pushed(&sent, reply, spool, now),
            Answer::Uploaded(_) => {
                self.next_at = now.monotonic;
                Ok(Consequences::default())
            }
            Answer::Failed(Failure::Refused(refusal)) => self.refused(&sent, &refusal, spool, now),
            Answer::Failed(failure) => {
                self.watch.down(&failure.to_string(), now);
                self.wait(now);
                Ok(Consequences::default())
            }
        };
        if result.is_err() {
            self.wait(now);
        }
        result.map(|consequences| Consequences {
            report_again: consequences.report_again || std::mem::take(&mut self.report_again),
            ..consequences
        })
    }

    fn pushed(&mut self, sent: &Sent, reply: PushReply, spool: &mut Spool, now: Reading) -> Result<Consequences, UplinkError> {
        self.watch.up(spool.unsent(), now);
        let mut consequences = Consequences { settings: reply.settings, ..Consequences::default() };
        if reply.acknowledged >= spool.next_sequence() {
            tracing::warn!(
                acknowledged = reply.acknowledged,
                "the server knows later messages of this agent than the agent does (a copied or restored state directory?); a new epoch begins"
            );
            spool.renew_epoch(u64::try_from(now.wall.0.max(reply.server_time.0)).unwrap_or(0))?;
            consequences.new_epoch = true;
            self.next_at = now.monotonic + self.backoff.next();
            return Ok(consequences);
        }
        if let Some((sequence, reason)) = self.suspect.take() {
            tracing::error!(sequence, reason, "the server refuses a message for good; it is set aside and reported as lost");
            spool.set_aside(sequence, &reason);
            consequences.report_again = true;
        }
        let before = spool.unsent();
        spool.acknowledge(reply.acknowledged);
        // After an empty push, what waits was not tried yet.
        let was_empty = matches!(sent, Sent::Push { sequences } if sequences.is_empty());
        let progress = spool.unsent() < before || was_empty;
        self.plan_after_push(reply.wanted, progress, spool, now);
        Ok(consequences)
    }

    fn plan_after_push(&mut self, mut wanted: Vec<ContentHash>, progress: bool, spool: &Spool, now: Reading) {
        wanted.truncate(WANTED);
        if progress {
            self.futile_uploads = 0;
            self.batch_messages = (self.batch_messages * 2).min(limits::PUSH_MESSAGES);
            self.upload_sections = limits::UPLOAD_SECTIONS;
        }
        if !wanted.is_empty() && self.futile_uploads < FUTILE_UPLOADS {
            self.futile_uploads += 1;
            self.wanted = wanted;
            self.next_at = now.monotonic;
            return;
        }
        if spool.unsent() > 0 && progress {
            self.backoff.reset();
            self.next_at = now.monotonic;
        } else if spool.unsent() > 0 {
            self.futile_uploads = 0;
            self.wait(now);
        } else {
            self.backoff.reset();
            // A little earlier than the interval, never later, and never in step with other agents.
            self.next_at = now.monotonic + self.backoff.between(self.interval.mul_f64(0.9), self.interval);
        }
    }

    fn refused(&mut self, sent: &Sent, refusal: &Refusal, spool: &mut Spool, now: Reading) -> Result<Consequences, UplinkError> {
        let mut consequences = Consequences::default();
        match (refusal.status, refusal.code.as_deref()) {
            (_, Some("agent_pending")) => {
                self.watch.pending(refusal, now);
                self.pending_answers = self.pending_answers.saturating_add(1);
                let longest = PENDING_WAIT.1.min(PENDING_WAIT.0 + Duration::from_secs(1).saturating_mul(self.pending_answers));
                self.next_at = now.monotonic + self.backoff.between(PENDING_WAIT.0, longest);
            }
            (_, Some("agent_revoked")) | (410, Some(_)) => {
                self.watch.revoked(refusal, now);
                self.next_at = now.monotonic + self.backoff.between(REFUSED_WAIT.0, REFUSED_WAIT.1);
            }
            (_, Some("stale_epoch")) => {
                tracing::warn!(
                    epoch = spool.epoch(),
                    detail = refusal.detail,
                    "the server knows a later epoch of this agent; a new one begins"
                );
                let server = refusal.date.map_or(0, |date| date.0);
                spool.renew_epoch(u64::try_from(now.wall.0.max(server)).unwrap_or(0))?;
                consequences.new_epoch = true;
                self.wait(now);
            }
            (400 | 422, Some(_)) | (413, _) => self.poisoned(sent, refusal, spool, now)?,
            (415 | 426, Some(_)) => {
                self.watch.down(&refusal.to_string(), now);
                self.next_at = now.monotonic + self.backoff.between(REFUSED_WAIT.0, REFUSED_WAIT.1);
            }
            _ => {
                self.watch.down(&refusal.to_string(), now);
                self.wait(now);
                let asked = refusal.retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
                let spread = self.backoff.between(asked, asked + asked / 4);
                self.next_at = self.next_at.max(now.monotonic + spread);
            }
        }
        Ok(consequences)
    }

    /// Something in the request is refused as such. Finds out what by sending less; gives up the one thing that is left.
    fn poisoned(&mut self, sent: &Sent, refusal: &Refusal, spool: &mut Spool, now: Reading) -> Result<(), UplinkError> {
        self.next_at = now.monotonic;
        match sent {
            Sent::Push { sequences } if sequences.len() > 1 => self.batch_messages = sequences.len() / 2,
            Sent::Push { sequences } => match sequences.first() {
                Some(sequence) if refusal.code.is_some() => self.suspect = Some((*sequence, format!("refused: {refusal}"))),
                _ => {
                    // Not the message's fault: even an empty push is refused, or it was not Rollcall that refused it.
                    self.suspect = None;
                    self.watch.down(&refusal.to_string(), now);
                    self.wait(now);
                }
            },
            Sent::Upload { hashes } if hashes.len() > 1 => {
                self.upload_sections = 1;
                self.wanted.splice(0..0, hashes.iter().copied());
            }
            Sent::Upload { hashes } => match hashes.first() {
                Some(hash) if refusal.code.is_some() => {
                    tracing::error!(%hash, %refusal, "the server refuses a section for good; what names it is reported as lost");
                    spool.set_aside_naming(hash, &format!("its content was refused: {refusal}"))?;
                }
                _ => {
                    self.watch.down(&refusal.to_string(), now);
                    self.wait(now);
                }
            },
        }
        Ok(())
    }

    fn wait(&mut self, now: Reading) {
        self.next_at = now.monotonic + self.backoff.next();
    }
}

#[cfg(test)]
mod tests;
