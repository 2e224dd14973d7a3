//! The engine: the one place where inputs become judgement, judgement becomes log, and log becomes state.
//!
//! ```text
//! handlers ──jobs──► writer thread: decide → apply (in memory) ──batches──► committer thread: store.commit ──► replies
//!                                                                                   └──► snapshots thread ──► upkeep thread
//! ```
//!
//! Invariants: only the writer changes the state, only the committer writes the store; a reply leaves after everything that
//! its job did, and everything decided before it, is on stable storage; when a commit fails nothing is acknowledged any more,
//! the state is rebuilt from the store, and the server serves reads until it is restarted. Queues are bounded: a full one
//! answers "later", it never grows.

mod arrivals;
mod attach;
mod check;
mod collect;
mod committer;
mod content;
mod deliver;
mod erase;
mod history;
mod records;
mod recovery;
mod snapshots;
mod terms;
#[cfg(test)]
mod tests;
mod upkeep;
mod writer;

pub use collect::{Collected, Heard};
pub use content::{SectionCache, StoredContent};
pub use deliver::{DeliveredSection, Delivery};
pub use history::History;
pub use recovery::StartError;
pub use terms::{Counters, EngineConfig, EngineError, Erased, Erasure, Executed, Health, ImportStep, ImportTaken, Request, Retention};

use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::log;
use crate::store::{Store, StoreError, Usage};
use content::named;
use rollcall_domain::World;
use rollcall_domain::trust::decide::authorise;
use rollcall_domain::world::is_same_request;
use rollcall_shared::message::{Payload, Push, PushReply, Upload, UploadReply};
use rollcall_shared::sample::SampleSet;
use rollcall_shared::{AgentId, ContentHash, Section, Timestamp};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// Jobs that may wait for the writer: at 5,000 a second less than two seconds of work.
const JOBS: usize = 8_192;

/// What a client that found the queue full should wait before it tries again; the edge adds jitter.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Times that a step of a file waits for room in the queue: a minute. Agents come first.
const IMPORT_TRIES: u32 = 30;

/// Hashes named as wanted in one reply; the rest comes with the next.
const WANTED: usize = 256;

/// What a caller hears whose job ended without an answer.
const DROPPED: &str = "the input could not be judged because of an internal error; nothing of it was kept";

/// The counters as they are written to.
#[derive(Debug, Default)]
struct Tally {
    pushes: AtomicU64,
    samples: AtomicU64,
    duplicates: AtomicU64,
    reports: AtomicU64,
    sections: AtomicU64,
    records: AtomicU64,
    commits: AtomicU64,
    commit_us: AtomicU64,
    rejections: AtomicU64,
    panics: AtomicU64,
    overloads: AtomicU64,
}

/// What the threads share.
struct Shared {
    world: RwLock<World>,
    store: Arc<dyn Store>,
    content: SectionCache,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    durable: watch::Sender<u64>,
    /// Why nothing more may be written; set once.
    failure: Mutex<Option<String>>,
    failed: AtomicBool,
    tally: Tally,
    arrivals: arrivals::Arrivals,
    usage: Mutex<Usage>,
    retention: Retention,
}

impl Shared {
    fn fail(&self, reason: String) {
        tracing::error!(%reason, "the store failed: serving reads only until restarted");
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
        self.failed.store(true, Ordering::SeqCst);
    }

    fn failure(&self) -> Option<String> {
        if !self.failed.load(Ordering::SeqCst) {
            return None;
        }
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Work for the writer.
enum Job {
    /// A command of people.
    Execute(Box<Request>, oneshot::Sender<Result<writer::Written, EngineError>>),
    /// A command that attaches a file, with the file.
    Attach(Box<Request>, (ContentHash, Vec<u8>), oneshot::Sender<Result<writer::Written, EngineError>>),
    /// A step of taking a file in.
    Import(Box<ImportStep>, oneshot::Sender<Result<ImportTaken, EngineError>>),
    /// A push whose named content is all known.
    Push(Box<IncomingPush>, oneshot::Sender<Result<PushReply, EngineError>>),
    /// Content to store.
    Store(Vec<(ContentHash, Vec<u8>)>, oneshot::Sender<Result<UploadReply, EngineError>>),
    /// A portion of what a feed measured.
    Collect(Vec<Collected>, Option<String>, oneshot::Sender<Result<Heard, EngineError>>),
    /// Erase an item out of state, log and store.
    Erase(Box<Erasure>, oneshot::Sender<Result<Erased, EngineError>>),
    /// Freeze the state as soon as no other snapshot is in work; the sender is dropped when that is saved.
    Snapshot(SyncSender<()>),
    /// Freeze the state and end.
    Stop,
}

/// A push, checked, with the content that it still needs.
struct IncomingPush {
    agent: AgentId,
    push: Push,
    wanted: Vec<ContentHash>,
    /// As the agent told it, ms.
    interval_ms: Option<u64>,
}

/// A handle to the running engine; clones share it.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    jobs: SyncSender<Job>,
    threads: Arc<Mutex<Vec<std::thread::JoinHandle<()>>>>,
    stopping: Arc<AtomicBool>,
}

impl Engine {
    /// Recovers the state from the store and starts the threads. On an empty store the stock rules are written first.
    ///
    /// # Errors
    /// When the store cannot be read, or is not what was written.
    pub fn start(
        config: EngineConfig,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, StartError> {
        let content = SectionCache::new(Arc::clone(&store), config.section_cache_bytes);
        let recovered = recovery::recover(store.as_ref(), &content, clock.now())?;
        recovery::sweep_attachments(store.as_ref(), &recovered.world)?;
        let (durable, _) = watch::channel(recovered.world.revision);
        let shared = Arc::new(Shared {
            world: RwLock::new(recovered.world),
            usage: Mutex::new(store.usage()?),
            store,
            content,
            clock,
            entropy,
            durable,
            failure: Mutex::new(None),
            failed: AtomicBool::new(false),
            tally: Tally::default(),
            arrivals: arrivals::Arrivals::default(),
            retention: config.retention,
        });
        let (jobs, incoming) = sync_channel(JOBS);
        let (batches, committing) = sync_channel(committer::BATCHES);
        let (snapshots, due) = sync_channel(1);
        let (upkeep, duties) = sync_channel(1);
        let committer = committer::Committer::new(Arc::clone(&shared), recovered.journal_position, snapshots);
        let writer = writer::Writer::new(Arc::clone(&shared), recovered.head, batches);
        let threads = vec![
            spawn("committer", move || committer.run(&committing))?,
            spawn("writer", move || writer.run(&incoming, config.snapshot_every))?,
            spawn("snapshots", {
                let shared = Arc::clone(&shared);
                move || snapshots::run(&shared, &due, &upkeep)
            })?,
            spawn("upkeep", {
                let shared = Arc::clone(&shared);
                move || upkeep::run(&shared, &duties)
            })?,
        ];
        Ok(Self { shared, jobs, threads: Arc::new(Mutex::new(threads)), stopping: Arc::default() })
    }

    /// Looks at the state. Keep it short: the writer waits.
    pub fn read<R>(&self, look: impl FnOnce(&World) -> R) -> R {
        look(&self.shared.world.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Carries out a command; durable on return.
    ///
    /// # Errors
    /// See [`EngineError`]; nothing has changed then.
    pub async fn execute(&self, request: Request) -> Result<Executed, EngineError> {
        let key = request.idempotency_key.clone();
        let written = self.submit(|reply| Job::Execute(Box::new(request), reply)).await?;
        self.executed(written, key).await
    }

    async fn executed(&self, written: writer::Written, key: Option<String>) -> Result<Executed, EngineError> {
        let records = match written {
            writer::Written::New { first, last } => self.records_between(first, last).await?,
            writer::Written::Before { first } => {
                let mut records = self.records(first - 1, log::PAGE).await?;
                let is_it = |kept: &str| key.as_deref().is_some_and(|key| is_same_request(kept, key));
                records.retain(|record| record.idempotency_key.as_deref().is_some_and(is_it));
                let revision = records.last().map_or(first, |record| record.revision);
                return Ok(Executed { revision, records, replayed: true });
            }
            writer::Written::Nothing { revision } => return Ok(Executed { revision, records: Vec::new(), replayed: false }),
        };
        let revision = records.last().map_or(0, |record| record.revision);
        Ok(Executed { revision, records, replayed: false })
    }

    /// Erases an item with all that was ever known of it, out of the log as well. The whole log is read twice: reads go on, whatever
    /// writes waits. Cut short, it is to be repeated.
    ///
    /// # Errors
    /// See [`EngineError`]; a rejection changes nothing.
    pub async fn erase(&self, erasure: Erasure) -> Result<Erased, EngineError> {
        self.submit(|reply| Job::Erase(Box::new(erasure), reply)).await
    }

    /// Takes a step of a file in; durable on return. Others wait for no longer than one step takes.
    ///
    /// # Errors
    /// See [`EngineError`]; nothing of the step has taken effect then.
    pub async fn import(&self, step: ImportStep) -> Result<ImportTaken, EngineError> {
        let (reply, answer) = oneshot::channel();
        let mut job = Job::Import(Box::new(step), reply);
        for _ in 0..IMPORT_TRIES {
            if let Some(reason) = self.health().reason {
                return Err(EngineError::Unavailable(reason));
            }
            match self.jobs.try_send(job) {
                Ok(()) => return answer.await.unwrap_or_else(|_| Err(EngineError::Unavailable(DROPPED.into()))),
                Err(TrySendError::Full(back)) => job = back,
                Err(TrySendError::Disconnected(_)) => return Err(EngineError::Unavailable("the server is stopping".into())),
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
        Err(EngineError::Overloaded { retry_after: RETRY_AFTER })
    }

    /// Takes in a push; what the reply acknowledges is durable with all its effects. Whether the agent may is judged with it.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub async fn push(&self, agent: AgentId, push: Push) -> Result<PushReply, EngineError> {
        self.push_every(agent, push, None).await
    }

    /// Takes in a push of an agent that tells its push interval, ms; without that it has the default.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub async fn push_every(&self, agent: AgentId, mut push: Push, interval_ms: Option<u64>) -> Result<PushReply, EngineError> {
        check::check_push(&push)?;
        let wanted = self.cut_at_missing(&mut push).await?;
        self.submit(|reply| Job::Push(Box::new(IncomingPush { agent, push, wanted, interval_ms }), reply)).await
    }

    /// Stores section content; durable on return.
    ///
    /// # Errors
    /// Content that is not in canonical form is refused whole.
    pub async fn upload(&self, agent: AgentId, upload: Upload) -> Result<UploadReply, EngineError> {
        self.read(|world| authorise(world, agent).map(drop))?;
        check::check_upload(&upload)?;
        let content = self.shared.content.clone();
        let sections = blocking(move || {
            let mut sections = Vec::with_capacity(upload.sections.len());
            for (place, rollcall_shared::message::Content(bytes)) in upload.sections.into_iter().enumerate() {
                let section = Section::decode(&bytes).map_err(|error| EngineError::Malformed(format!("sections[{place}]: {error}")))?;
                let hash = ContentHash::of(&bytes);
                content.remember(hash, Arc::new(section), bytes.len());
                sections.push((hash, bytes));
            }
            Ok::<_, EngineError>(sections)
        })
        .await??;
        self.submit(|reply| Job::Store(sections, reply)).await
    }

    /// A stored section.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn section(&self, hash: ContentHash) -> Result<Option<Arc<Section>>, EngineError> {
        if let Some(section) = self.shared.content.cached(&hash) {
            return Ok(Some(section));
        }
        let content = self.shared.content.clone();
        Ok(blocking(move || content.load(&hash)).await??)
    }

    /// An agent's sample sets with `from <= at < to`, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn samples(&self, agent: AgentId, from: Timestamp, to: Timestamp) -> Result<Vec<SampleSet>, EngineError> {
        let store = Arc::clone(&self.shared.store);
        Ok(blocking(move || store.samples(agent, from, to)).await??)
    }

    /// Stored samples, for long work on the blocking pool.
    #[must_use]
    pub fn history(&self) -> History {
        History::new(Arc::clone(&self.shared.store), self.shared.content.clone(), self.shared.retention)
    }

    /// A clock that only ever goes on, for limits of time.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        self.shared.clock.monotonic()
    }

    /// The store itself, for tests that look behind the engine.
    #[cfg(test)]
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.shared.store)
    }

    /// The last durable revision, and each new one.
    #[must_use]
    pub fn revisions(&self) -> watch::Receiver<u64> {
        self.shared.durable.subscribe()
    }

    /// The server's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Bits for a new id.
    #[must_use]
    pub fn next_bits(&self) -> u128 {
        self.shared.entropy.id_bits(self.shared.clock.now())
    }

    /// Whether writes are taken.
    #[must_use]
    pub fn health(&self) -> Health {
        let stopping = self.stopping.load(Ordering::SeqCst).then(|| "the server is stopping".to_owned());
        let reason = self.shared.failure().or(stopping);
        Health { ready: reason.is_none(), reason }
    }

    /// Figures since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let tally = &self.shared.tally;
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let usage = *self.shared.usage.lock().unwrap_or_else(PoisonError::into_inner);
        Counters {
            pushes: of(&tally.pushes),
            samples: of(&tally.samples),
            duplicates: of(&tally.duplicates),
            reports: of(&tally.reports),
            sections: of(&tally.sections),
            records: of(&tally.records),
            commits: of(&tally.commits),
            commit_us: of(&tally.commit_us),
            rejections: of(&tally.rejections),
            panics: of(&tally.panics),
            overloads: of(&tally.overloads),
            journal_records: usage.journal_records,
            store_bytes: usage.bytes,
        }
    }

    /// Freezes the state into the store now.
    pub async fn snapshot(&self) {
        let (done, finished) = sync_channel(1);
        let jobs = self.jobs.clone();
        let _ = blocking(move || {
            if jobs.send(Job::Snapshot(done)).is_ok() {
                let _ = finished.recv();
            }
        })
        .await;
    }

    /// Takes nothing more in, finishes what was taken in, freezes the state. Calling it twice is harmless.
    pub async fn shutdown(&self) {
        if self.stopping.swap(true, Ordering::SeqCst) {
            return;
        }
        let jobs = self.jobs.clone();
        let threads = Arc::clone(&self.threads);
        let _ = blocking(move || {
            let _ = jobs.send(Job::Stop);
            for thread in threads.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
                if thread.join().is_err() {
                    tracing::error!("an engine thread had panicked");
                }
            }
        })
        .await;
    }

    async fn submit<R>(&self, job: impl FnOnce(oneshot::Sender<Result<R, EngineError>>) -> Job) -> Result<R, EngineError> {
        if let Some(reason) = self.health().reason {
            return Err(EngineError::Unavailable(reason));
        }
        let (reply, answer) = oneshot::channel();
        self.jobs.try_send(job(reply)).map_err(|error| match error {
            TrySendError::Full(_) => {
                self.shared.tally.overloads.fetch_add(1, Ordering::Relaxed);
                EngineError::Overloaded { retry_after: RETRY_AFTER }
            }
            TrySendError::Disconnected(_) => EngineError::Unavailable("the server is stopping".into()),
        })?;
        answer.await.unwrap_or_else(|_| Err(EngineError::Unavailable(self.health().reason.unwrap_or_else(|| DROPPED.to_owned()))))
    }

    /// Cuts a push before the first message that names unknown content; returns the content that the cut messages need.
    async fn cut_at_missing(&self, push: &mut Push) -> Result<Vec<ContentHash>, EngineError> {
        let unknown: BTreeSet<ContentHash> =
            push.messages.iter().flat_map(|message| named(&message.payload)).filter(|hash| !self.shared.content.knows(hash)).collect();
        if unknown.is_empty() {
            return Ok(Vec::new());
        }
        let content = self.shared.content.clone();
        let missing = blocking(move || -> Result<BTreeSet<ContentHash>, StoreError> {
            let mut missing = BTreeSet::new();
            for hash in unknown {
                if content.load(&hash)?.is_none() {
                    missing.insert(hash);
                }
            }
            Ok(missing)
        })
        .await??;
        let complete = |payload: &Payload| named(payload).iter().all(|hash| !missing.contains(hash));
        let keep = push.messages.iter().take_while(|message| complete(&message.payload)).count();
        push.messages.truncate(keep);
        Ok(missing.into_iter().take(WANTED).collect())
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<std::thread::JoinHandle<()>, StartError> {
    std::thread::Builder::new().name(name.to_owned()).spawn(body).map_err(StartError::Thread)
}

async fn blocking<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Result<R, EngineError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| EngineError::Unavailable(format!("a blocking task ended early: {error}")))
}
