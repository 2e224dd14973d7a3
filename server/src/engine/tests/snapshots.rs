//! Snapshots that take long: what goes on meanwhile, and what waits for them.

use super::*;
use rollcall_domain::ci::CiCommand;
use rollcall_domain::ci::erase::Wanted;
use std::sync::mpsc::{Receiver, channel};
use tokio::task::JoinHandle;

/// Where a snapshot stops on its way into the store.
pub(super) struct Gate {
    arrived: std::sync::mpsc::Sender<()>,
    opened: Receiver<()>,
}

impl Gate {
    pub(super) fn pass(self) {
        let _ = self.arrived.send(());
        let _ = self.opened.recv();
    }
}

/// A snapshot that stands at the gate until this is dropped or told to let it go.
struct Held {
    arrived: Receiver<()>,
    opened: std::sync::mpsc::Sender<()>,
}

impl Held {
    /// The next snapshot of this store.
    fn next(store: &BrokenStore) -> Self {
        let ((told, arrived), (opened, tells)) = (channel(), channel());
        *store.gate.lock().expect("no test panicked in here") = Some(Gate { arrived: told, opened: tells });
        Self { arrived, opened }
    }

    /// Waits until it is encoded and about to be saved.
    async fn stands(self) -> Standing {
        let Self { arrived, opened } = self;
        blocking(move || arrived.recv()).await.expect("no task panics").expect("a snapshot comes");
        Standing(opened)
    }
}

struct Standing(std::sync::mpsc::Sender<()>);

impl Standing {
    fn go(self) {
        drop(self.0);
    }
}

/// A task that makes a snapshot, and the snapshot at the gate.
async fn held_up(store: &BrokenStore, engine: &Engine) -> (JoinHandle<()>, Standing) {
    let held = Held::next(store);
    let task = tokio::spawn({
        let engine = engine.clone();
        async move { engine.snapshot().await }
    });
    (task, held.stands().await)
}

/// An engine with a host that measures.
async fn measuring(store: &Arc<BrokenStore>) -> Engine {
    let engine = engine(store);
    enrol(&engine).await;
    introduce(&engine).await;
    engine.upload(AGENT, Upload { sections: vec![Content(series().1)] }).await.expect("stores");
    engine.push(AGENT, samples(2, 5.0)).await.expect("is taken");
    engine
}

fn stored_revision(store: &BrokenStore) -> Option<u64> {
    store.load_snapshot().expect("reads").map(|snapshot| snapshot.revision)
}

fn revision(engine: &Engine) -> u64 {
    engine.read(|world| world.revision)
}

/// All that is stored of the state, as of one start of the server.
fn state(engine: &Engine) -> World {
    engine.read(|world| {
        let mut state = world.without_projections();
        state.telemetry.resume(NOW);
        state
    })
}

#[tokio::test]
async fn decisions_become_durable_while_a_snapshot_is_in_work() {
    let store: Arc<BrokenStore> = Arc::default();
    let live = measuring(&store).await;
    let frozen = revision(&live);
    let (snapshot, standing) = held_up(&store, &live).await;
    run(&live, join_token()).await.expect("is decided and durable");
    assert_eq!(live.push(AGENT, samples(3, 6.0)).await.expect("is taken").acknowledged, 3);
    assert_eq!(stored_revision(&store), None);
    standing.go();
    snapshot.await.expect("ends");
    assert_eq!(stored_revision(&store), Some(frozen), "what came after the copy is not in it");
    let expected = state(&live);
    std::mem::forget(live); // as if killed
    let again = engine(&store);
    assert!(state(&again) == expected, "the restart gives another state");
    assert_eq!(again.push(AGENT, samples(3, 6.0)).await.expect("is answered").acknowledged, 3, "it was taken in before");
    assert_eq!(stored_values(&again).await, [Some(5.0), Some(6.0)]);
}

#[tokio::test]
async fn the_next_snapshot_waits_for_the_one_in_work() {
    let store: Arc<BrokenStore> = Arc::default();
    let live = measuring(&store).await;
    let (first, standing) = held_up(&store, &live).await;
    let held = Held::next(&store);
    let second = tokio::spawn({
        let live = live.clone();
        async move { live.snapshot().await }
    });
    run(&live, join_token()).await.expect("is decided");
    standing.go();
    first.await.expect("ends");
    let standing = held.stands().await;
    run(&live, join_token()).await.expect("is decided");
    standing.go();
    second.await.expect("ends");
    assert_eq!(stored_revision(&store), Some(revision(&live) - 1));
}

#[tokio::test]
async fn stopping_waits_for_the_snapshot_in_work_and_leaves_one_of_all() {
    let store: Arc<BrokenStore> = Arc::default();
    let live = measuring(&store).await;
    let (snapshot, standing) = held_up(&store, &live).await;
    run(&live, join_token()).await.expect("is decided");
    let stop = tokio::spawn({
        let live = live.clone();
        async move { live.shutdown().await }
    });
    while live.health().ready {
        tokio::task::yield_now().await;
    }
    assert!(!stop.is_finished());
    standing.go();
    snapshot.await.expect("ends");
    stop.await.expect("ends");
    assert_eq!(stored_revision(&store), Some(revision(&live)));
    assert!(store.read_journal(0, 10).expect("reads").is_empty(), "the journal behind the snapshot is compacted");
    assert!(state(&engine(&store)) == state(&live), "the restart gives another state");
}

#[tokio::test]
async fn stopping_does_not_end_before_its_own_snapshot_is_saved() {
    let store: Arc<BrokenStore> = Arc::default();
    let live = measuring(&store).await;
    let held = Held::next(&store);
    let stop = tokio::spawn({
        let live = live.clone();
        async move { live.shutdown().await }
    });
    let standing = held.stands().await;
    assert!(!stop.is_finished());
    assert!(!store.read_journal(0, 10).expect("reads").is_empty(), "nothing is compacted before the snapshot is saved");
    standing.go();
    stop.await.expect("ends");
    assert_eq!(stored_revision(&store), Some(revision(&live)));
}

#[tokio::test]
async fn a_snapshot_that_is_not_saved_stops_nothing() {
    let store: Arc<BrokenStore> = Arc::default();
    let live = measuring(&store).await;
    store.full.store(true, Ordering::SeqCst);
    live.snapshot().await;
    assert_eq!(stored_revision(&store), None);
    assert!(!store.read_journal(0, 10).expect("reads").is_empty(), "what no snapshot holds stays in the journal");
    run(&live, join_token()).await.expect("is decided");
    store.full.store(false, Ordering::SeqCst);
    live.snapshot().await;
    assert_eq!(stored_revision(&store), Some(revision(&live)));
}

#[tokio::test]
async fn an_erasure_waits_for_the_snapshot_in_work_and_leaves_none_that_knows_the_item() {
    let store: Arc<BrokenStore> = Arc::default();
    let live = measuring(&store).await;
    let ci = live.read(|world| world.trust.agents[&AGENT].ci).expect("is a host");
    let (snapshot, standing) = held_up(&store, &live).await;
    let before = store.read_log(0, 1_000).expect("reads");
    let erasure = tokio::spawn({
        let live = live.clone();
        let wanted = Wanted { ci, reason: "asked for".into(), legal_basis: "GDPR Art. 17".into(), force: true };
        async move { live.erase(Erasure { actor: Actor::Local, request_id: None, wanted }).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(store.read_log(0, 1_000).expect("reads"), before, "the log is not touched before the snapshot has ended");
    standing.go();
    snapshot.await.expect("ends");
    let erased = erasure.await.expect("ends").expect("is erased");
    assert_eq!(stored_revision(&store), Some(erased.revision));
    let frozen = store.load_snapshot().expect("reads").expect("is there");
    let (_, world) = log::thaw(&frozen).expect("thaws");
    assert!(!world.cmdb.cis.contains_key(&ci) && !world.trust.agents.contains_key(&AGENT));
    live.shutdown().await;
    log::verify(store.as_ref()).expect("verifies");
}

fn frozen(world: &World) -> Snapshot {
    let bytes = log::freeze(log::Head::default(), world).expect("encodes");
    Snapshot { revision: world.revision, journal_position: 0, bytes }
}

#[tokio::test]
async fn a_change_while_a_snapshot_is_in_work_is_not_in_it() {
    let store: Arc<BrokenStore> = Arc::default();
    let live = measuring(&store).await;
    let copy = live.read(World::without_projections);
    let before = frozen(&copy);
    assert!(live.read(frozen) == before, "a copy is frozen as the state is");
    live.push(AGENT, samples(3, 9.0)).await.expect("is taken");
    let ci = live.read(|world| world.trust.agents[&AGENT].ci).expect("is a host");
    let tag = CiCommand::Tag { cis: [ci].into(), add: vec!["prod".into()], remove: Vec::new(), expected: None };
    let command = Command::Ci(tag);
    live.execute(Request { actor: Actor::Local, request_id: None, idempotency_key: None, command }).await.expect("is tagged");
    report(&live, 2, "SN-4711-AB-2").await.expect("is taken, as another machine");
    // Not byte by byte: what lies apart since it was changed is written down in another form.
    let thawed = |snapshot: &Snapshot| log::thaw(snapshot).expect("thaws").1;
    assert!(thawed(&frozen(&copy)) == thawed(&before), "the copy has changed");
    assert!(thawed(&live.read(frozen)) != thawed(&before), "the state has not");
}

#[tokio::test]
async fn agents_are_waited_for_though_the_snapshot_that_knew_them_cannot_be_read() {
    let store: Arc<BrokenStore> = Arc::default();
    let live = measuring(&store).await;
    live.shutdown().await;
    let snapshot = store.load_snapshot().expect("reads").expect("is there");
    store.compact(snapshot.journal_position).expect("compacts");
    store.save_snapshot(&Snapshot { bytes: b"junk".to_vec(), ..snapshot }).expect("saves");
    let again = engine(&store);
    let (heard, host) = again.read(|world| {
        let host = world.trust.agents[&AGENT].ci.expect("is a host");
        (world.telemetry.last_seen(AGENT), world.telemetry.speaker(host))
    });
    assert_eq!((heard, host), (Some(NOW), Some(AGENT)), "since it was enrolled");
}
