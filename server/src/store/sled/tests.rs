use super::*;
use crate::store::conformance::{self, noise};
use crate::store::memory::MemoryStore;
use proptest::prelude::*;
use rollcall_domain::sample::Row;
use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

const EVER: (Timestamp, Timestamp) = (Timestamp(i64::MIN), Timestamp(i64::MAX));

fn entry(agent: u128, through: u64, moments: &[i64]) -> JournalEntry {
    let sets = moments
        .iter()
        .map(|at| SampleSet { table: ContentHash::of(b"table"), at: Timestamp(*at), values: vec![Some(*at as f64 / 3.0), None] })
        .collect();
    JournalEntry { agent: AgentId(agent), epoch: 1, through, received_at: Timestamp(0), skew_ms: 0, sets, signs: vec![] }
}

fn numbered(number: u64) -> Commit {
    let content = noise(3000, number);
    Commit {
        expected_revision: number,
        events: vec![noise(200, number)],
        journal: vec![entry(u128::from(number % 3), number, &[number as i64 * 600_000, number as i64 * 600_000 + 10])],
        sections: vec![(ContentHash::of(&content), content)],
        attachments: Vec::new(),
    }
}

/// A store of `commits` commits, closed; half of the journal compacted, a snapshot saved.
fn closed_store(commits: u64) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = SledStore::create(&path).unwrap();
    for number in 0..commits {
        store.commit(&numbered(number)).unwrap();
    }
    store.compact(commits / 2).unwrap();
    store.save_snapshot(&Snapshot { revision: commits, journal_position: 0, bytes: noise(100_000, 1) }).unwrap();
    (dir, path)
}

/// Reads everything that `closed_store` wrote; `Err` when the store says that something is wrong, a panic when it is wrong and the store does not say so.
fn read_all(store: &SledStore, commits: u64) -> Result<(), StoreError> {
    let expected: Vec<Commit> = (0..commits).map(numbered).collect();
    let log = store.read_log(0, usize::MAX)?;
    assert_eq!(log.iter().map(|(_, event)| event).collect::<Vec<_>>(), expected.iter().map(|commit| &commit.events[0]).collect::<Vec<_>>());
    for commit in &expected {
        let (name, content) = &commit.sections[0];
        assert_eq!(store.section(name)?.as_ref(), Some(content), "content");
    }
    for agent in 0..3 {
        let sent: Vec<SampleSet> = expected
            .iter()
            .flat_map(|commit| &commit.journal)
            .filter(|entry| entry.agent.0 == agent)
            .flat_map(|entry| entry.sets.clone())
            .collect();
        assert_eq!(store.samples(AgentId(agent), EVER.0, EVER.1)?, sent, "samples of agent {agent}");
    }
    Ok(())
}

#[track_caller]
fn check_opening(path: &Path, expected: &str) {
    match SledStore::open(path) {
        Ok(_) => panic!("the store opened; expected: {expected}"),
        Err(error) => assert!(error.to_string().contains(expected), "expected {expected:?}, found: {error}"),
    }
}

#[test]
fn the_embedded_store_keeps_every_promise_of_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let number = AtomicU64::new(0);
    conformance::suite(&|| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        Box::new(SledStore::create(&dir.path().join(number.to_string())).unwrap())
    });
    for store in fs::read_dir(dir.path()).unwrap() {
        let blobs = store.unwrap().path().join("blobs");
        assert_eq!(fs::read_dir(&blobs).unwrap().count(), 0, "sled never syncs what it puts into {}", blobs.display());
    }
}

#[test]
fn what_was_committed_is_there_after_opening_again() {
    let (_dir, path) = closed_store(40);
    for _ in 0..3 {
        let store = SledStore::open(&path).unwrap();
        read_all(&store, 40).unwrap();
        assert_eq!(store.read_journal(0, 100).unwrap().len(), 20);
        assert_eq!(store.load_snapshot().unwrap().map(|snapshot| snapshot.bytes), Some(noise(100_000, 1)));
    }
    assert_eq!(SledStore::open(&path).unwrap().commit(&numbered(40)).unwrap(), (41, 41));
}

#[test]
fn two_cannot_hold_one_store() {
    let (_dir, path) = closed_store(1);
    let first = SledStore::open(&path).unwrap();
    match SledStore::open(&path) {
        Err(StoreError::InUse(subject)) => assert_eq!(subject, path.display().to_string()),
        other => panic!("expected to be turned away, found {:?}", other.map(|_| ())),
    }
    drop(first);
    SledStore::open(&path).unwrap();
}

#[test]
fn opening_never_creates() {
    let dir = tempfile::tempdir().unwrap();
    check_opening(&dir.path().join("absent"), "there is no store here");
    check_opening(dir.path(), "there is no store here");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn creating_spares_what_is_there_and_clears_what_was_left_unfinished() {
    let (dir, path) = closed_store(1);
    assert!(SledStore::create(&path).err().unwrap().to_string().contains("not empty"));
    let unfinished = dir.path().join(".other.creating");
    fs::create_dir(&unfinished).unwrap();
    fs::write(unfinished.join("conf"), b"half").unwrap();
    fs::create_dir(dir.path().join("other")).unwrap();
    SledStore::create(&dir.path().join("other")).unwrap();
    assert!(!unfinished.exists());
}

#[test]
fn a_file_that_is_empty_or_missing_beside_data_is_corruption() {
    for name in ["conf", "db", "mark"] {
        let (_dir, path) = closed_store(3);
        fs::write(path.join(name), b"").unwrap();
        check_opening(&path, "is corrupt: it is empty or missing beside data");
        check_opening(&path, name);
        fs::remove_file(path.join(name)).unwrap();
        check_opening(&path, "is corrupt: it is empty or missing beside data");
    }
}

#[test]
fn a_store_that_lost_its_end_is_corrupt() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = SledStore::create(&path).unwrap();
    for number in 0..30 {
        store.commit(&numbered(number)).unwrap();
    }
    drop(store);
    let whole = fs::read(path.join("db")).unwrap();
    let used = whole.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    for keep in [used - 1, used - 1000, used / 2, 4096, 21, 1] {
        fs::remove_dir_all(path.join("blobs")).unwrap();
        fs::write(path.join("db"), &whole[..keep]).unwrap();
        match SledStore::open(&path) {
            Err(StoreError::Corrupt { .. }) => {}
            other => panic!("{keep} of {used} bytes: expected corruption, found {:?}", other.map(|_| ())),
        }
    }
}

#[test]
fn an_older_copy_of_the_tree_is_noticed() {
    let (_dir, path) = closed_store(10);
    let older = fs::read(path.join("db")).unwrap();
    let store = SledStore::open(&path).unwrap();
    for number in 10..20 {
        store.commit(&numbered(number)).unwrap();
    }
    drop(store);
    fs::write(path.join("db"), older).unwrap();
    for snapshot in fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()) {
        if snapshot.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snap.")) {
            fs::remove_file(snapshot).unwrap();
        }
    }
    check_opening(&path, "acknowledged data is missing: the log ends at 10 of 20");
}

#[test]
fn a_damaged_mark_does_not_keep_the_store_shut() {
    let (_dir, path) = closed_store(10);
    fs::write(path.join("mark"), [0; 32]).unwrap();
    read_all(&SledStore::open(&path).unwrap(), 10).unwrap();
}

#[test]
fn a_damaged_snapshot_is_an_absent_one() {
    let (_dir, path) = closed_store(3);
    let store = SledStore::open(&path).unwrap();
    let chunk = store.disk.scan_prefix(&Kind::Snapshot.chunk_prefix(&[])).next().unwrap().unwrap().0.to_vec();
    let mut plan = Plan::default();
    plan.put(chunk, b"something else".to_vec());
    store.disk.write(plan).unwrap();
    assert_eq!(store.load_snapshot().unwrap(), None);
    let next = Snapshot { revision: 4, journal_position: 4, bytes: noise(90_000, 4) };
    store.save_snapshot(&next).unwrap();
    assert_eq!(store.load_snapshot().unwrap(), Some(next));
}

#[test]
fn damage_inside_the_tree_names_what_is_damaged() {
    let (_dir, path) = closed_store(10);
    let store = SledStore::open(&path).unwrap();
    let name = ContentHash::of(&numbered(4).sections[0].1);
    for (key, subject) in [
        (Kind::Content.head_key(&name.0), "Content"),
        (Kind::Log.head_key(&4_u64.to_be_bytes()), "Log"),
        (Kind::Journal.head_key(&8_u64.to_be_bytes()), "Journal"),
    ] {
        let mut value = store.disk.get(&key).unwrap().unwrap().to_vec();
        *value.last_mut().unwrap() ^= 1;
        let mut plan = Plan::default();
        plan.put(key.clone(), value);
        store.disk.write(plan).unwrap();
        let error = read_all(&store, 10).unwrap_err();
        assert!(error.to_string().starts_with(subject), "{error}");
        let mut plan = Plan::default();
        plan.remove(key);
        store.disk.write(plan).unwrap();
        if subject == "Log" {
            assert!(store.read_log(0, 10).unwrap_err().to_string().contains("records 4 to 4 are missing"));
        }
        // What comes next in the list is read first.
        plan = Plan::default();
        numbered(4).sections.iter().for_each(|(name, plain)| {
            Packed { kind: Kind::Content, id: &name.0, generation: 0, plain, level: 1 }.plan(&mut plan, false).unwrap();
        });
        plan_packs(&mut plan, Kind::Log, 3, [numbered(3).events[0].as_slice()].into_iter()).unwrap();
        store.disk.write(plan).unwrap();
    }
}

/// A disk whose sync fails once when told to, then succeeds, as Linux does.
#[derive(Default)]
struct FailsOnce(AtomicBool);

impl Durability for FailsOnce {
    fn sync(&self, file: &File) -> io::Result<()> {
        if self.0.swap(false, Ordering::SeqCst) { Err(io::Error::other("injected")) } else { file.sync_data() }
    }
}

#[test]
fn after_one_failed_sync_nothing_is_acknowledged_until_the_store_is_opened_again() {
    let (_dir, path) = closed_store(5);
    let fault = Arc::new(FailsOnce::default());
    let store = SledStore::open_with(&path, &Options { durability: fault.clone(), ..Options::default() }).unwrap();
    fault.0.store(true, Ordering::SeqCst);
    assert!(store.commit(&numbered(5)).unwrap_err().to_string().contains("injected"));
    let writes: [&dyn Fn() -> Result<(), StoreError>; 4] =
        [&|| store.commit(&numbered(5)).map(|_| ()), &|| store.compact(5).map(|_| ()), &|| store.expire(EVER.1).map(|_| ()), &|| {
            store.save_snapshot(&Snapshot { revision: 5, journal_position: 5, bytes: vec![] })
        }];
    for write in writes {
        let error = write().unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }) && error.to_string().contains("until the store is opened again"), "{error}");
    }
    read_all(&store, 5).unwrap();
    drop(store);
    let store = SledStore::open(&path).unwrap();
    let revision = store.read_log(0, 100).unwrap().len() as u64;
    assert!(revision == 5 || revision == 6, "all or nothing: {revision}");
    assert_eq!(store.read_journal(0, 100).unwrap().len() as u64, revision - 2);
    store.commit(&numbered(revision)).unwrap();
}

/// Copies the tree whenever it is synced: what a crash right after would leave.
struct Copies {
    from: PathBuf,
    to: PathBuf,
    count: AtomicU64,
}

impl Durability for Copies {
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()?;
        let to = self.to.join(self.count.fetch_add(1, Ordering::SeqCst).to_string());
        fs::create_dir_all(&to)?;
        for entry in fs::read_dir(&self.from)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::copy(entry.path(), to.join(entry.file_name()))?;
            }
        }
        Ok(())
    }
}

#[test]
fn a_crash_after_any_write_loses_and_duplicates_nothing() {
    let (dir, path) = closed_store(12);
    let copies = Arc::new(Copies { from: path.clone(), to: dir.path().join("copies"), count: AtomicU64::new(0) });
    let store = SledStore::open_with(&path, &Options { durability: copies.clone(), ..Options::default() }).unwrap();
    let file = noise(1_500_000, 77);
    let large = Commit {
        expected_revision: 12,
        events: (0..700).map(|number| noise(1000, number)).collect(),
        journal: vec![entry(9, 1, &[5]); 3],
        sections: vec![],
        attachments: vec![(ContentHash::of(&file), file.clone())],
    };
    let before = copies.count.load(Ordering::SeqCst);
    store.commit(&large).unwrap();
    let after_commit = copies.count.load(Ordering::SeqCst);
    assert!(after_commit - before > 1, "more than one batch");
    store.compact(u64::MAX).unwrap();
    drop(store);
    let last = copies.count.load(Ordering::SeqCst);
    for number in before..last {
        let crashed = SledStore::open(&copies.to.join(number.to_string())).unwrap();
        let revision = crashed.read_log(0, usize::MAX).unwrap().len();
        assert_eq!(revision, if number + 1 < after_commit { 12 } else { 712 }, "after write {number}");
        let (left, name) = (crashed.attachments().unwrap(), ContentHash::of(&file));
        assert!(left.is_subset(&[name].into()));
        if revision == 712 {
            assert!(crashed.attachment(&name).unwrap().as_ref() == Some(&file), "what is named is there after write {number}");
        } else if number % 2 == 0 {
            crashed.forget_attachments(&left).unwrap();
            assert_eq!(crashed.attachments().unwrap(), BTreeSet::new(), "what was left behind is found after write {number}");
        }
        for agent in [0, 1, 2, 9] {
            let count = crashed.samples(AgentId(agent), EVER.0, EVER.1).unwrap().len();
            let expected = match agent {
                9 if revision == 12 => 0,
                9 => 3,
                _ => 8,
            };
            assert_eq!(count, expected, "agent {agent} after write {number}");
        }
        crashed.compact(u64::MAX).unwrap();
        assert_eq!(crashed.samples(AgentId(0), EVER.0, EVER.1).unwrap().len(), 8, "compacted again after write {number}");
        if revision == 12 {
            assert_eq!(crashed.commit(&large).unwrap(), (712, 15), "decided again after write {number}");
            assert!(crashed.attachment(&name).unwrap().as_ref() == Some(&file), "attached again after write {number}");
            assert_eq!(crashed.read_log(12, usize::MAX).unwrap().into_iter().map(|(_, event)| event).collect::<Vec<_>>(), large.events);
        }
    }
}

/// Rolls up everything that is due, as the engine's upkeep does: one metric, the value of each set.
fn roll_up_all(store: &dyn Store) -> Result<(), StoreError> {
    let mut after = None;
    while let Some(due) = store.next_unrolled(after, EVER.1)? {
        after = Some(due.agent);
        let mut rolled = Vec::new();
        for grain in Grain::ALL {
            let mut tracks = Tracks::new();
            for (begin, _) in &due.hours {
                let sets = store.samples(due.agent, *begin, begin.plus(std::time::Duration::from_secs(3600)))?;
                for set in sets {
                    let fresh = Row::of(grain.begin(set.at), set.values[0].unwrap());
                    let rows: &mut Vec<Row> = tracks.entry(Vec::new()).or_default();
                    match rows.last_mut().filter(|row| row.at == fresh.at) {
                        Some(row) => row.absorb(&fresh),
                        None => rows.push(fresh),
                    }
                }
            }
            rolled.push((grain, Rolled::from([("m".to_owned(), tracks)])));
        }
        store.roll_up(&due, &rolled)?;
    }
    Ok(())
}

#[test]
fn a_crash_at_any_point_of_rolling_up_loses_and_duplicates_nothing() {
    let (dir, path) = closed_store(30);
    let copies = Arc::new(Copies { from: path.clone(), to: dir.path().join("copies"), count: AtomicU64::new(0) });
    let store = SledStore::open_with(&path, &Options { durability: copies.clone(), ..Options::default() }).unwrap();
    let rows = |store: &SledStore| -> Vec<(Tracks, Vec<Timestamp>)> {
        let of = |agent| (store.rows(Grain::Hour, "m", AgentId(agent), EVER).unwrap(), store.unrolled_hours(AgentId(agent)).unwrap());
        (0..3).map(of).collect()
    };
    roll_up_all(&store).unwrap();
    let half = rows(&store);
    let before = copies.count.load(Ordering::SeqCst);
    store.compact(u64::MAX).unwrap();
    roll_up_all(&store).unwrap();
    let whole = rows(&store);
    assert!(half != whole && whole.iter().all(|(_, unrolled)| unrolled.is_empty()));
    let counted: u32 = whole.iter().flat_map(|(tracks, _)| tracks.values().flatten()).map(|row| row.count).sum();
    assert_eq!(counted, 60, "two samples a commit");
    drop(store);
    for number in before..copies.count.load(Ordering::SeqCst) {
        let crashed = SledStore::open(&copies.to.join(number.to_string())).unwrap();
        crashed.compact(u64::MAX).unwrap();
        roll_up_all(&crashed).unwrap();
        assert_eq!(rows(&crashed), whole, "done again after write {number}");
        read_all(&crashed, 30).unwrap();
    }
}

#[test]
fn a_reader_sees_every_sample_once_while_blocks_replace_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::create(&dir.path().join("store")).unwrap();
    let acknowledged = AtomicU64::new(0);
    // One block of an hour, soon larger than one value of the tree.
    let large = |number: u64| {
        let values = noise(2000, number).into_iter().map(|byte| Some(f64::from(byte) / 3.0)).collect();
        let set = SampleSet { table: ContentHash::of(b"table"), at: Timestamp(number as i64), values };
        JournalEntry { sets: vec![set], ..entry(1, number, &[]) }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=60 {
                store.commit(&Commit { journal: vec![large(number)], ..Commit::default() }).unwrap();
                acknowledged.store(number, Ordering::SeqCst);
                store.compact(number - number % 2).unwrap();
            }
        });
        while acknowledged.load(Ordering::SeqCst) < 60 {
            let at_least = acknowledged.load(Ordering::SeqCst);
            let seen: Vec<i64> = store.samples(AgentId(1), EVER.0, EVER.1).unwrap().iter().map(|set| set.at.0).collect();
            assert!(seen.len() as u64 >= at_least, "{at_least} were acknowledged, {} are seen", seen.len());
            assert_eq!(seen, (1..=seen.len() as i64).collect::<Vec<_>>());
        }
    });
}

#[test]
fn the_largest_values_in_any_order_never_become_blob_files() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::open(dir.path(), &Options::default()).unwrap();
    let keys: Vec<Vec<u8>> = (0..400_u64).map(|number| (number * 7919 % 400).to_be_bytes().to_vec()).collect();
    for some in keys.chunks(16) {
        let mut plan = Plan::default();
        some.iter().for_each(|key| plan.put(key.clone(), noise(disk::VALUE_BYTES, u64::from(key[7]))));
        disk.write(plan).unwrap();
    }
    for remainder in [1, 2, 0] {
        let some = (0..400_u64).filter(|number| number % 5 % 3 == remainder).map(|number| number.to_be_bytes().to_vec()).collect();
        upkeep::remove_all(&disk, some).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("blobs")).unwrap().count(), 0);
    }
}

mod law;
