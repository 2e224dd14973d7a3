//! The writer: takes jobs one by one, decides, applies, and hands what must become durable to the committer.

mod behind;
mod calendar;
mod freezing;
mod gathering;
mod overfull;
mod unasked;

use super::committer::{Batch, Reply};
use super::{EngineError, ImportStep, ImportTaken, IncomingPush, Job, Request, Shared, recovery};
use crate::entropy::Entropy;
use crate::log::{self, Head};
use calendar::Calendar;
use gathering::Gathering;
use overfull::Overfull;
use rollcall_domain::alert::telemetry::Correction;
use rollcall_domain::journal::{JournalEntry, Sign};
use rollcall_domain::trust::session::Turned;
use rollcall_domain::{Actor, Context, Event, IdSource, Record, Rejection, World, attachment, import, trust};
use rollcall_shared::message::{Message, Payload, Push, PushReply, UploadReply};
use rollcall_shared::{AgentId, ContentHash, Timestamp};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError, RwLockWriteGuard};
use std::time::Duration;

/// Time passes for rules at least this often.
const TICK: Duration = Duration::from_secs(1);

/// Jobs decided before what they did is handed over: bounds how long readers wait.
const BATCH_JOBS: usize = 256;

/// How far consequences may follow each other: alert → incident → problem → link is four.
const REACTION_DEPTH: u32 = 8;

/// What a command wrote.
#[derive(Clone, Copy, Debug)]
pub enum Written {
    /// These records.
    New {
        /// First.
        first: u64,
        /// Last.
        last: u64,
    },
    /// Its idempotency key had led to this record before.
    Before {
        /// First.
        first: u64,
    },
    /// Nothing: the state was as wanted.
    Nothing {
        /// Now.
        revision: u64,
    },
}

struct Ids<'a>(&'a dyn Entropy, Timestamp);

impl IdSource for Ids<'_> {
    fn next_bits(&mut self) -> u128 {
        self.0.id_bits(self.1)
    }
}

/// On whose behalf records are written.
pub(super) struct Cause {
    pub actor: Actor,
    pub request_id: Option<String>,
    pub idempotency_key: Option<String>,
}

impl Cause {
    pub(super) fn of(actor: Actor) -> Self {
        Self { actor, request_id: None, idempotency_key: None }
    }
}

/// The writing thread's state.
pub struct Writer {
    pub(super) shared: Arc<Shared>,
    head: Head,
    batches: SyncSender<Batch>,
    pub(super) batch: Batch,
    /// Nothing comes here; its other end is gone when the last snapshot is saved or given up.
    snapshot: Option<Receiver<()>>,
    /// Those who want a snapshot, or the end of one that was made for them.
    snapshot_wanted: Vec<SyncSender<()>>,
    rebuilt_after_failure: bool,
    calendar: Calendar,
    overfull: Overfull,
}

impl Writer {
    /// A writer behind `head`.
    pub fn new(shared: Arc<Shared>, head: Head, batches: SyncSender<Batch>) -> Self {
        Self {
            shared,
            head,
            batches,
            batch: Batch::default(),
            snapshot: None,
            snapshot_wanted: Vec::new(),
            rebuilt_after_failure: false,
            calendar: Calendar::default(),
            overfull: Overfull::default(),
        }
    }

    /// Works until told to stop.
    pub fn run(mut self, jobs: &Receiver<Job>, snapshot_every: Duration) {
        self.write_missing_stock_rules();
        let mut last_tick = self.shared.clock.monotonic();
        let mut last_snapshot = last_tick;
        loop {
            let now = self.shared.clock.monotonic();
            match jobs.recv_timeout(TICK.saturating_sub(now.saturating_sub(last_tick))) {
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(job) => {
                    if self.work_off(job, jobs) {
                        break;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = self.shared.clock.monotonic();
            if now.saturating_sub(last_tick) >= TICK {
                last_tick = now;
                self.tick();
            }
            let is_due = now.saturating_sub(last_snapshot) >= snapshot_every;
            if (is_due || !self.snapshot_wanted.is_empty()) && !self.is_snapshot_in_work() {
                last_snapshot = now;
                self.freeze();
            }
        }
        if self.shared.failure().is_some() {
            return self.refuse_after_failure();
        }
        self.freeze();
    }

    /// Decides a job and those that wait behind it; says whether one of them was to stop.
    fn work_off(&mut self, first: Job, jobs: &Receiver<Job>) -> bool {
        let mut next = Some(first);
        let mut gathering = Gathering::default();
        for _ in 0..BATCH_JOBS {
            match next.take().or_else(|| jobs.try_recv().ok()).or_else(|| self.gather(jobs, &mut gathering)) {
                Some(Job::Stop) => return true,
                Some(job) => self.guarded(job),
                None => break,
            }
        }
        self.settle();
        self.hand_over();
        false
    }

    /// Tells people what came of the inputs that were decided together.
    fn settle(&mut self) {
        let shared = Arc::clone(&self.shared);
        if shared.failure().is_some() {
            return;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut world = lock(&shared);
            let now = shared.clock.now();
            let events = self.with_context(Actor::System, now, |context| world.settle(context));
            self.record(&mut world, events, &Cause::of(Actor::System), now);
        }));
        if outcome.is_err() {
            self.give_up("a bug: what is due to be told could not be judged; the state is rebuilt");
        }
    }

    /// The state goes back to what is durable after a decision without a caller was not possible.
    fn give_up(&mut self, what: &'static str) {
        self.shared.tally.panics.fetch_add(1, Ordering::Relaxed);
        tracing::error!("{what}");
        self.batch = Batch::default();
        self.rebuild();
    }

    /// A bug in the judgement of one input must not take the others with it: the state is rebuilt from what is durable.
    fn guarded(&mut self, job: Job) {
        if self.shared.failure().is_some() {
            return self.refuse_after_failure();
        }
        let commit = &self.batch.commit;
        let staged = (commit.events.len(), commit.journal.len(), commit.attachments.len());
        if catch_unwind(AssertUnwindSafe(|| self.decide(job))).is_ok() {
            return;
        }
        self.shared.tally.panics.fetch_add(1, Ordering::Relaxed);
        tracing::error!("a bug: an input could not be judged; it is refused and the state is rebuilt");
        self.batch.commit.events.truncate(staged.0);
        self.batch.commit.journal.truncate(staged.1);
        self.batch.commit.attachments.truncate(staged.2);
        self.rebuild();
    }

    /// What was applied but could not be made durable must not be seen: the state goes back to what the store has. The job
    /// is dropped, which tells its caller why.
    fn refuse_after_failure(&mut self) {
        if !self.rebuilt_after_failure {
            self.rebuilt_after_failure = true;
            self.batch = Batch::default();
            self.rebuild();
        }
    }

    /// Waits until everything decided so far is durable.
    pub(super) fn flush(&mut self) {
        let (done, finished) = sync_channel(1);
        self.batch.barrier = Some(done);
        self.hand_over();
        let _ = finished.recv();
    }

    fn rebuild(&mut self) {
        self.flush();
        self.end_snapshot();
        match recovery::recover(self.shared.store.as_ref(), &self.shared.content, self.shared.clock.now()) {
            Ok(recovered) => {
                self.head = recovered.head;
                *self.world() = recovered.world;
            }
            Err(error) => self.shared.fail(format!("the state cannot be rebuilt: {error}")),
        }
    }

    fn decide(&mut self, job: Job) {
        match job {
            Job::Execute(request, reply) => {
                let outcome = self.execute(&request);
                self.reply(outcome, reply);
            }
            Job::Attach(request, (hash, bytes), reply) => {
                let outcome = self.execute(&request);
                if matches!(outcome, Ok(Written::New { .. })) {
                    self.batch.attach(hash, bytes);
                }
                self.reply(outcome, reply);
            }
            Job::Import(step, reply) => {
                let outcome = Ok(self.import(*step));
                self.reply(outcome, reply);
            }
            Job::Push(push, reply) => {
                let outcome = self.push(*push);
                self.reply(outcome, reply);
            }
            Job::Store(sections, reply) => {
                let stored: Vec<ContentHash> = sections.iter().map(|(hash, _)| *hash).collect();
                self.batch.commit.sections.extend(sections);
                self.reply(Ok(UploadReply { stored }), reply);
            }
            Job::Collect(portion, request_id, reply) => {
                let outcome = Ok(self.collect(portion, request_id.as_deref()));
                self.reply(outcome, reply);
            }
            Job::Erase(erasure, reply) => {
                let outcome = self.erase(&erasure);
                self.reply(outcome, reply);
            }
            Job::Snapshot(done) => self.snapshot_wanted.push(done),
            Job::Stop => {}
        }
    }

    /// The reply waits for the commit of everything decided so far, whether this job wrote something or not: what it saw
    /// may not be durable yet.
    fn reply<R: Send + 'static>(&mut self, outcome: Result<R, EngineError>, reply: tokio::sync::oneshot::Sender<Result<R, EngineError>>) {
        if matches!(outcome, Err(EngineError::Rejected(_))) {
            self.shared.tally.rejections.fetch_add(1, Ordering::Relaxed);
        }
        let reply: Reply = Box::new(move |durable| {
            let _ = reply.send(durable.and(outcome));
        });
        self.batch.replies.push(reply);
    }

    fn execute(&mut self, request: &Request) -> Result<Written, EngineError> {
        let shared = Arc::clone(&self.shared);
        let mut world = lock(&shared);
        if let Some(first) = request.idempotency_key.as_deref().and_then(|key| world.request(key)) {
            return Ok(Written::Before { first });
        }
        if request.idempotency_key.as_deref().is_some_and(|key| world.is_reused(key)) {
            return Err(Rejection::Conflict("this idempotency key was used with another body or query; take a new key".into()).into());
        }
        let now = shared.clock.now();
        let mut ids = Ids(shared.entropy.as_ref(), now);
        let mut context = Context { now, actor: request.actor.clone(), ids: &mut ids, content: &shared.content };
        let events = world.decide(&request.command, &mut context)?;
        let first = world.revision + 1;
        let cause = Cause {
            actor: request.actor.clone(),
            request_id: request.request_id.clone(),
            idempotency_key: request.idempotency_key.clone(),
        };
        let detached = attachment::detached(&world, &events);
        self.record(&mut world, events, &cause, now);
        // Last: what a panic takes back must not be forgotten.
        if !detached.is_empty() {
            let named = attachment::named(&world);
            self.batch.unnamed.extend(detached.difference(&named));
        }
        let last = world.revision;
        Ok(if last < first { Written::Nothing { revision: last } } else { Written::New { first, last } })
    }

    fn import(&mut self, step: ImportStep) -> ImportTaken {
        let ImportStep { mut run, work, actor, request_id } = step;
        let shared = Arc::clone(&self.shared);
        let mut world = lock(&shared);
        let now = shared.clock.now();
        let mut taken = self.with_context(actor.clone(), now, |context| import::take(&world, &mut run, &work, context));
        let events = std::mem::take(&mut taken.events);
        self.record(&mut world, events, &Cause { actor, request_id, idempotency_key: None }, now);
        ImportTaken { run, taken }
    }

    fn push(&mut self, incoming: IncomingPush) -> Result<PushReply, EngineError> {
        let IncomingPush { agent, push, wanted, interval_ms } = incoming;
        let shared = Arc::clone(&self.shared);
        let mut world = lock(&shared);
        trust::decide::authorise(&world, agent)?;
        let now = shared.clock.now();
        let through = match world.begin_push(agent, push.epoch) {
            Ok(through) => through,
            Err(Turned { rejection, events }) => {
                self.record(&mut world, events, &Cause::of(Actor::Agent { id: agent }), now);
                return Err(rejection.into());
            }
        };
        let told = world.hear_interval(agent, interval_ms, now).into_iter().collect();
        self.record(&mut world, told, &Cause::of(Actor::Agent { id: agent }), now);
        let settings_version = push.settings_version;
        let messages = push.messages.len();
        let mut entry = begin_entry(agent, &push, through, now);
        let correction = world.telemetry.correction(agent, entry.skew_ms);
        for message in push.messages.into_iter().filter(|message| message.sequence > through) {
            self.take_in(&mut world, &mut entry, message, correction);
        }
        let tally = &shared.tally;
        tally.pushes.fetch_add(1, Ordering::Relaxed);
        tally.samples.fetch_add(entry.sets.iter().map(|set| set.values.len() as u64).sum(), Ordering::Relaxed);
        if entry.through == through {
            tally.duplicates.fetch_add(messages as u64, Ordering::Relaxed);
        }
        let events = {
            let mut ids = Ids(shared.entropy.as_ref(), now);
            let mut context = Context { now, actor: Actor::System, ids: &mut ids, content: &shared.content };
            world.observe(&entry, &mut context)
        };
        self.record(&mut world, events, &Cause::of(Actor::System), now);
        let acknowledged = entry.through;
        if entry.through > through {
            self.batch.commit.journal.push(entry);
        }
        let settings = world.answer(agent, settings_version, now);
        Ok(PushReply { acknowledged, wanted, settings, server_time: now })
    }

    /// What one new message means. A report that the domain refuses is written down as refused and counts as taken in:
    /// sent again it would be refused again, and nothing behind it would ever get through.
    fn take_in(&mut self, world: &mut World, entry: &mut JournalEntry, message: Message, correction: Correction) {
        let (agent, now) = (entry.agent, entry.received_at);
        entry.through = message.sequence;
        match message.payload {
            Payload::Samples(sets) => entry.sets.extend(sets.into_iter().map(|mut set| {
                set.at = correction.server_time(set.at, now);
                set
            })),
            Payload::Started { agent_version, .. } => entry.signs.push(Sign::Started(agent_version)),
            Payload::Goodbye { reason, .. } => entry.signs.push(Sign::Goodbye(reason)),
            Payload::Loss(loss) => {
                let events = world.loss(agent, &loss);
                self.record(world, events, &Cause::of(Actor::Agent { id: agent }), now);
            }
            Payload::Report(report) => {
                entry.signs.push(Sign::Reported(report.root));
                self.shared.tally.reports.fetch_add(1, Ordering::Relaxed);
                let events = self.with_context(Actor::Agent { id: agent }, now, |context| match world.report(agent, &report, context) {
                    Ok(mut events) => {
                        events.extend(world.reported(agent, entry.epoch, &events));
                        events
                    }
                    Err(rejection) => {
                        tracing::warn!(%agent, %rejection, "a report was refused");
                        world.refused(agent, &rejection, context)
                    }
                });
                self.record(world, events, &Cause::of(Actor::Agent { id: agent }), now);
            }
        }
    }

    pub(super) fn with_context<R>(&self, actor: Actor, now: Timestamp, decide: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let mut ids = Ids(self.shared.entropy.as_ref(), now);
        decide(&mut Context { now, actor, ids: &mut ids, content: &self.shared.content })
    }

    /// Seals, applies and stages events and whatever follows from them. What follows from an event comes before the next event:
    /// a second breach in one push must find the incident that the first one opened.
    pub(super) fn record(&mut self, world: &mut World, events: Vec<Event>, cause: &Cause, now: Timestamp) {
        let mut queue: VecDeque<(u32, Actor, Event)> =
            events.into_iter().map(|event| (0, behind::event(&event, &cause.actor), event)).collect();
        while let Some((depth, actor, event)) = queue.pop_front() {
            let record = Record {
                revision: world.revision + 1,
                at: now,
                actor: actor.clone(),
                request_id: cause.request_id.clone(),
                idempotency_key: cause.idempotency_key.clone(),
                event,
            };
            self.stage(world, &record);
            if depth < REACTION_DEPTH {
                let follow = self.with_context(actor.clone(), now, |context| world.react(&record.event, context));
                for event in follow.into_iter().rev() {
                    queue.push_front((depth + 1, behind::what_follows(&event, &actor), event));
                }
            } else {
                tracing::error!(revision = record.revision, "a bug: consequences follow each other without end; cut off");
            }
        }
    }

    fn stage(&mut self, world: &mut World, record: &Record) {
        match log::encode(self.head, record) {
            Ok((head, bytes)) => {
                if self.batch.commit.events.is_empty() {
                    self.batch.commit.expected_revision = world.revision;
                }
                self.head = head;
                self.batch.commit.events.push(bytes);
                world.apply(record, &self.shared.content);
            }
            Err(error) => tracing::error!(%error, revision = record.revision, "a bug: an event has no JSON form; it is dropped"),
        }
    }

    fn hand_over(&mut self) {
        let mut batch = std::mem::take(&mut self.batch);
        if batch.is_idle() {
            return;
        }
        if batch.commit.events.is_empty() {
            batch.commit.expected_revision = self.shared.world.read().unwrap_or_else(PoisonError::into_inner).revision;
        }
        let _ = self.batches.send(batch);
    }

    pub(super) fn world(&self) -> RwLockWriteGuard<'_, World> {
        lock(&self.shared)
    }
}

pub(super) fn lock(shared: &Shared) -> RwLockWriteGuard<'_, World> {
    shared.world.write().unwrap_or_else(PoisonError::into_inner)
}

fn begin_entry(agent: AgentId, push: &Push, through: u64, now: Timestamp) -> JournalEntry {
    let skew_ms = push.sent_at.0.saturating_sub(now.0);
    JournalEntry { agent, epoch: push.epoch, through, received_at: now, skew_ms, sets: Vec::new(), signs: Vec::new() }
}
