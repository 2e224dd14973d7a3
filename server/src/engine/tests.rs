//! The engine on the memory store with a clock that stands still.

use super::*;
use crate::clock::ManualClock;
use crate::entropy::SeededEntropy;
use crate::store::memory::MemoryStore;
use crate::store::{Commit, Snapshot, Unrolled};
use rollcall_domain::journal::JournalEntry;
use rollcall_domain::sample::{Grain, Rolled, Tracks};
use rollcall_domain::trust::Agent;
use rollcall_domain::trust::decide::TrustCommand;
use rollcall_domain::{Actor, Command, Rejection};
use rollcall_shared::enrol::AgentStatus;
use rollcall_shared::message::{Content, Message, SectionEntry, root_hash};
use rollcall_shared::sample::Series;
use rollcall_shared::section::{Outcome, SectionName, System};
use std::collections::BTreeMap;

mod snapshots;

/// A store that does what it is told to: fail, or take its time.
#[derive(Default)]
struct BrokenStore {
    sound: MemoryStore,
    broken: AtomicBool,
    /// Holds the next snapshot up.
    gate: Mutex<Option<snapshots::Gate>>,
    /// Whether it takes no snapshots.
    full: AtomicBool,
}

impl Store for BrokenStore {
    fn redact(&self, records: &BTreeMap<u64, Vec<u8>>) -> Result<(), StoreError> {
        self.sound.redact(records)
    }

    fn forget_sections(&self, hashes: &BTreeSet<ContentHash>) -> Result<(), StoreError> {
        self.sound.forget_sections(hashes)
    }

    fn forget_samples(&self, agents: &BTreeSet<AgentId>) -> Result<(), StoreError> {
        self.sound.forget_samples(agents)
    }

    fn commit(&self, commit: &Commit) -> Result<(u64, u64), StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Io { subject: "db".into(), cause: "no space left on device".into() });
        }
        self.sound.commit(commit)
    }
    fn read_log(&self, revision: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        self.sound.read_log(revision, limit)
    }
    fn section(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, StoreError> {
        self.sound.section(hash)
    }
    fn attachment(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, StoreError> {
        self.sound.attachment(hash)
    }
    fn attachments(&self) -> Result<BTreeSet<ContentHash>, StoreError> {
        self.sound.attachments()
    }
    fn forget_attachments(&self, hashes: &BTreeSet<ContentHash>) -> Result<(), StoreError> {
        self.sound.forget_attachments(hashes)
    }
    fn read_journal(&self, position: u64, limit: usize) -> Result<Vec<(u64, JournalEntry)>, StoreError> {
        self.sound.read_journal(position, limit)
    }
    fn samples(&self, agent: AgentId, from: Timestamp, to: Timestamp) -> Result<Vec<SampleSet>, StoreError> {
        self.sound.samples(agent, from, to)
    }
    fn compact(&self, position: u64) -> Result<u64, StoreError> {
        self.sound.compact(position)
    }
    fn expire(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.sound.expire(before)
    }
    fn next_unrolled(&self, after: Option<AgentId>, ended_by: Timestamp) -> Result<Option<Unrolled>, StoreError> {
        self.sound.next_unrolled(after, ended_by)
    }
    fn unrolled_hours(&self, agent: AgentId) -> Result<Vec<Timestamp>, StoreError> {
        self.sound.unrolled_hours(agent)
    }
    fn roll_up(&self, hours: &Unrolled, rows: &[(Grain, Rolled)]) -> Result<(), StoreError> {
        self.sound.roll_up(hours, rows)
    }
    fn rows(&self, grain: Grain, metric: &str, agent: AgentId, span: (Timestamp, Timestamp)) -> Result<Tracks, StoreError> {
        self.sound.rows(grain, metric, agent, span)
    }
    fn expire_rows(&self, grain: Grain, before: Timestamp) -> Result<u64, StoreError> {
        self.sound.expire_rows(grain, before)
    }
    fn save_snapshot(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let gate = self.gate.lock().expect("no test panicked in here").take();
        if let Some(gate) = gate {
            gate.pass();
        }
        if self.full.load(Ordering::SeqCst) {
            return Err(StoreError::Io { subject: "db".into(), cause: "no space left on device".into() });
        }
        self.sound.save_snapshot(snapshot)
    }
    fn load_snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        self.sound.load_snapshot()
    }
    fn usage(&self) -> Result<Usage, StoreError> {
        self.sound.usage()
    }
}

const NOW: Timestamp = Timestamp(1_795_235_460_000);
const AGENT: AgentId = AgentId(7);

fn engine(store: &Arc<BrokenStore>) -> Engine {
    let store: Arc<dyn Store> = Arc::<BrokenStore>::clone(store);
    Engine::start(EngineConfig::default(), store, Arc::new(ManualClock::at(NOW)), Arc::new(SeededEntropy::new(1))).expect("starts")
}

async fn run(engine: &Engine, command: TrustCommand) -> Result<Executed, EngineError> {
    engine.execute(Request { actor: Actor::Local, request_id: None, idempotency_key: None, command: Command::Trust(command) }).await
}

fn join_token() -> TrustCommand {
    TrustCommand::CreateJoinToken { secret_hash: "hash".into(), uses: 1, ttl: Duration::from_secs(60), auto_approve: true }
}

async fn enrol(engine: &Engine) {
    run(engine, join_token()).await.expect("a join token");
    let token = engine.read(|world| *world.trust.join_tokens.keys().next().expect("made"));
    let agent = Agent {
        id: AGENT,
        status: AgentStatus::Pending,
        enrolment_id: "e".into(),
        public_key: "k".into(),
        token,
        hostname: None,
        agent_version: "0.1.0".into(),
        address: None,
        enrolled_at: NOW,
        certificate_expires_at: NOW,
        certificate: String::new(),
        ci: None,
        revoked_because: None,
        revision: 0,
    };
    run(engine, TrustCommand::Enrol { secret_hash: "hash".into(), agent: Box::new(agent) }).await.expect("enrols");
}

fn series() -> (ContentHash, Vec<u8>) {
    let series = Series { metric: "system.uptime".into(), attributes: Vec::new() };
    Section::Series(vec![series]).canonical().expect("canonical")
}

fn samples(sequence: u64, value: f64) -> Push {
    let set = SampleSet { table: series().0, at: NOW, values: vec![Some(value)] };
    Push { epoch: 1, sent_at: NOW, settings_version: 0, messages: vec![Message { sequence, payload: Payload::Samples(vec![set]) }] }
}

async fn stored_values(engine: &Engine) -> Vec<Option<f64>> {
    let sets = engine.samples(AGENT, Timestamp(0), Timestamp(i64::MAX)).await.expect("reads");
    sets.into_iter().flat_map(|set| set.values).collect()
}

#[tokio::test]
async fn unknown_content_is_wanted_and_nothing_is_acknowledged_until_it_came() {
    let engine = engine(&Arc::default());
    enrol(&engine).await;
    let (table, bytes) = series();
    let reply = engine.push(AGENT, samples(1, 5.0)).await.expect("is answered");
    assert_eq!((reply.acknowledged, reply.wanted), (0, vec![table]));
    engine.upload(AGENT, Upload { sections: vec![Content(bytes)] }).await.expect("stores");
    let reply = engine.push(AGENT, samples(1, 5.0)).await.expect("is taken");
    assert_eq!((reply.acknowledged, reply.wanted), (1, vec![]));
    assert_eq!(stored_values(&engine).await, [Some(5.0)]);
}

#[tokio::test]
async fn a_message_sent_twice_takes_effect_once_also_over_a_restart() {
    let store = Arc::default();
    let first = engine(&store);
    enrol(&first).await;
    first.upload(AGENT, Upload { sections: vec![Content(series().1)] }).await.expect("stores");
    for _ in 0..2 {
        assert_eq!(first.push(AGENT, samples(1, 5.0)).await.expect("is taken").acknowledged, 1);
    }
    std::mem::forget(first); // as if killed: no shutdown, no snapshot
    let second = engine(&store);
    assert_eq!(second.push(AGENT, samples(1, 5.0)).await.expect("is taken").acknowledged, 1);
    second.shutdown().await;
    let third = engine(&store);
    assert_eq!(third.push(AGENT, samples(1, 5.0)).await.expect("is taken").acknowledged, 1);
    assert_eq!(stored_values(&third).await, [Some(5.0)]);
}

#[tokio::test]
async fn a_push_that_was_long_on_its_way_does_not_move_its_samples() {
    let store = Arc::default();
    let first = engine(&store);
    enrol(&first).await;
    first.upload(AGENT, Upload { sections: vec![Content(series().1)] }).await.expect("stores");
    let ago = |milliseconds| NOW.minus(Duration::from_millis(milliseconds));
    let push = |sequence, taken, sent| {
        let set = SampleSet { table: series().0, at: ago(taken), values: vec![Some(1.0)] };
        Push { sent_at: ago(sent), messages: vec![Message { sequence, payload: Payload::Samples(vec![set]) }], ..samples(sequence, 1.0) }
    };
    first.push(AGENT, push(1, 500, 400)).await.expect("is taken");
    first.push(AGENT, push(2, 100, 0)).await.expect("is taken");
    std::mem::forget(first); // as if killed
    let second = engine(&store);
    // This one's clock is a second ahead by now, and stays so.
    let ahead = |sequence, taken| {
        let mut push = push(sequence, taken, 0);
        push.sent_at = NOW.plus(Duration::from_secs(1));
        push
    };
    second.push(AGENT, ahead(3, 0)).await.expect("is taken");
    second.push(AGENT, push(4, 0, 200)).await.expect("is taken");
    let sets = second.samples(AGENT, Timestamp(0), Timestamp(i64::MAX)).await.expect("reads");
    let times: Vec<u64> = sets.iter().map(|set| u64::try_from(NOW.0 - set.at.0).expect("not later than now")).collect();
    assert_eq!(times, [1_000, 1_000, 500, 100]);
}

#[tokio::test]
async fn an_older_epoch_is_refused() {
    let engine = engine(&Arc::default());
    enrol(&engine).await;
    engine.upload(AGENT, Upload { sections: vec![Content(series().1)] }).await.expect("stores");
    engine.push(AGENT, Push { epoch: 5, ..samples(3, 1.0) }).await.expect("is taken");
    let refused = engine.push(AGENT, Push { epoch: 4, ..samples(4, 1.0) }).await;
    assert!(matches!(refused, Err(EngineError::Rejected(Rejection::StaleEpoch { found: 4, known: 5 }))), "{refused:?}");
    assert_eq!(engine.push(AGENT, Push { epoch: 6, ..samples(1, 2.0) }).await.expect("is taken").acknowledged, 1);
}

#[tokio::test]
async fn malformed_pushes_are_named_and_change_nothing() {
    let engine = engine(&Arc::default());
    enrol(&engine).await;
    let before = engine.read(|world| world.revision);
    let descending = Push { messages: vec![samples(2, 1.0).messages.remove(0), samples(1, 1.0).messages.remove(0)], ..samples(1, 1.0) };
    let entry =
        SectionEntry { name: SectionName::System, outcome: Outcome::Skipped, hash: None, reason: None, duration_us: 0, bytes_read: 0 };
    let report = rollcall_shared::message::Report { collected_at: NOW, root: ContentHash([0; 32]), sections: vec![entry] };
    let uncovered = Push { messages: vec![Message { sequence: 1, payload: Payload::Report(report) }], ..samples(1, 1.0) };
    for (push, words) in [(descending, "message 1 follows message 2"), (samples(1, f64::NAN), "a value is NaN"), (uncovered, "root")] {
        match engine.push(AGENT, push).await {
            Err(EngineError::Malformed(detail)) => assert!(detail.contains(words), "{detail}"),
            other => panic!("expected a refusal naming {words}, got {other:?}"),
        }
    }
    assert_eq!(engine.read(|world| world.revision), before);
}

#[tokio::test]
async fn a_pending_or_unknown_agent_has_no_effect() {
    let engine = engine(&Arc::default());
    let unknown = engine.push(AGENT, samples(1, 1.0)).await;
    assert!(matches!(unknown, Err(EngineError::Rejected(Rejection::NotFound { .. }))), "{unknown:?}");
}

#[tokio::test]
async fn a_glance_waits_for_nobody() {
    let engine = engine(&Arc::default());
    let changing = engine.shared.world.write().expect("nobody panicked");
    assert_eq!(engine.glance(|world| world.revision), None);
    drop(changing);
    assert!(engine.glance(|world| world.revision).is_some());
}

#[tokio::test]
async fn after_a_failed_commit_nothing_is_acknowledged_and_nothing_undurable_is_seen() {
    let store: Arc<BrokenStore> = Arc::default();
    let engine = engine(&store);
    run(&engine, join_token()).await.expect("a join token");
    store.broken.store(true, Ordering::SeqCst);
    let failed = run(&engine, join_token()).await;
    assert!(matches!(&failed, Err(EngineError::Unavailable(reason)) if reason.contains("no space left")), "{failed:?}");
    store.broken.store(false, Ordering::SeqCst);
    let refused = run(&engine, join_token()).await;
    assert!(matches!(refused, Err(EngineError::Unavailable(_))), "{refused:?}");
    assert!(!engine.health().ready);
    engine.shutdown().await;
    assert_eq!(engine.read(|world| world.trust.join_tokens.len()), 1, "what was not made durable is not shown");
    assert_eq!(log::verify(store.as_ref()).expect("verifies").records, engine.read(|world| world.revision));
}

#[tokio::test]
async fn an_idempotency_key_works_once_and_answers_alike() {
    let engine = engine(&Arc::default());
    let request =
        || Request { actor: Actor::Local, request_id: None, idempotency_key: Some("once".into()), command: Command::Trust(join_token()) };
    let first = engine.execute(request()).await.expect("executes");
    let second = engine.execute(request()).await.expect("executes");
    assert_eq!((first.replayed, second.replayed), (false, true));
    assert_eq!(first.records, second.records);
    assert_eq!(engine.read(|world| world.trust.join_tokens.len()), 1);
}

#[tokio::test]
async fn a_restart_folds_to_the_same_state_from_the_log_and_from_a_snapshot() {
    let store = Arc::default();
    let live = engine(&store);
    enrol(&live).await;
    introduce(&live).await;
    let replayed = engine(&store);
    let seen = |engine: &Engine| engine.read(|world| (world.revision, world.trust.clone(), world.cmdb.clone(), world.rules.clone()));
    assert_eq!(seen(&live), seen(&replayed));
    live.shutdown().await;
    assert_eq!(seen(&live), seen(&engine(&store)));
}

/// The first report: the agent becomes a host. Takes the first sequence.
async fn introduce(engine: &Engine) {
    report(engine, 1, "SN-4711-AB").await.expect("is taken");
}

/// A machine of this serial number reports in an epoch of its own, as its first message.
async fn report(engine: &Engine, epoch: u64, serial: &str) -> Result<PushReply, EngineError> {
    let system = System { hostname: Some("web-1".into()), serial: Some(serial.into()), ..System::default() };
    let (hash, bytes) = Section::System(vec![system]).canonical().expect("canonical");
    engine.upload(AGENT, Upload { sections: vec![Content(bytes)] }).await.expect("stores");
    let entry = SectionEntry {
        name: SectionName::System,
        outcome: Outcome::Complete,
        hash: Some(hash),
        reason: None,
        duration_us: 9,
        bytes_read: 9,
    };
    let sections = vec![entry];
    let report = rollcall_shared::message::Report { collected_at: NOW, root: root_hash(&sections), sections };
    let push = Push { epoch, messages: vec![Message { sequence: 1, payload: Payload::Report(report) }], ..samples(1, 0.0) };
    engine.push(AGENT, push).await
}

#[tokio::test]
async fn a_copy_of_an_agent_is_refused_and_told_of_while_its_host_goes_on() {
    let store = Arc::default();
    let live = engine(&store);
    enrol(&live).await;
    introduce(&live).await;
    let home = live.read(|world| world.trust.agents[&AGENT].ci);
    report(&live, 2, "SN-0815-CD").await.expect("is taken, as another machine");
    let refused = report(&live, 2, "SN-0815-CD").await;
    assert!(matches!(refused, Err(EngineError::Rejected(Rejection::DuplicateIdentity { agent: AGENT, .. }))), "{refused:?}");
    assert!(matches!(report(&live, 1, "SN-4711-AB").await, Err(EngineError::Rejected(Rejection::StaleEpoch { .. }))));
    report(&live, 3, "SN-4711-AB").await.expect("the host is heard in its new epoch");
    let told = |engine: &Engine| {
        engine.read(|world| {
            let titles: Vec<String> = world.incidents.incidents.values().map(|incident| incident.title.clone()).collect();
            let serial = home.and_then(|home| world.cmdb.cis[&home].observed_text("serial").map(str::to_owned));
            (world.trust.agents[&AGENT].ci, world.cmdb.cis.len(), titles, serial)
        })
    };
    let title = "Duplicate identity: two machines report as web-1".to_owned();
    let expected = (home, 2, vec![title], Some("SN-4711-AB".to_owned()));
    assert_eq!(told(&live), expected);
    let replayed = engine(&store);
    assert_eq!(told(&replayed), expected);
    assert!(matches!(report(&replayed, 2, "SN-0815-CD").await, Err(EngineError::Rejected(Rejection::DuplicateIdentity { .. }))));
}

#[tokio::test]
async fn each_consequence_is_drawn_before_the_next_event_of_a_push() {
    let engine = engine(&Arc::default());
    enrol(&engine).await;
    introduce(&engine).await;
    let memory = Series { metric: "system.memory.utilization".into(), attributes: Vec::new() };
    let (table, bytes) = Section::Series(vec![memory]).canonical().expect("canonical");
    engine.upload(AGENT, Upload { sections: vec![Content(bytes)] }).await.expect("stores");
    // A spool that was away: breached, clear and breached again in one push.
    let set = |ago, value| SampleSet { table, at: Timestamp(NOW.0 - ago), values: vec![Some(value)] };
    let sets = vec![set(30_000, 0.99), set(20_000, 0.5), set(10_000, 0.99)];
    let push = Push { messages: vec![Message { sequence: 2, payload: Payload::Samples(sets) }], ..samples(2, 0.0) };
    engine.push(AGENT, push).await.expect("is taken");
    let incidents: std::collections::BTreeMap<u64, bool> =
        engine.read(|world| world.incidents.incidents.values().map(|incident| (incident.number, incident.state.is_open())).collect());
    assert_eq!(incidents.into_iter().collect::<Vec<_>>(), [(1, false), (2, true)]);
}
