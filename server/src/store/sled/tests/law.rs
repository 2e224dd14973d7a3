//! Any steps in any order: the store on disk says what the one in memory says.

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Commit { behind: bool, events: Vec<u16>, journal: Vec<(u8, Vec<i16>)>, sections: Vec<u16> },
    Compact(u64),
    Expire(i16),
    RollUp,
    ExpireRows(i16),
    Save(u16),
    Reopen,
}

fn any_step() -> impl Strategy<Value = Step> {
    let journal = proptest::collection::vec((0_u8..4, proptest::collection::vec(any::<i16>(), 0..4)), 0..6);
    let sizes = || proptest::collection::vec(prop_oneof![8 => 0_u16..500, 1 => 25_000_u16..u16::MAX], 0..3);
    let commit = (proptest::bool::weighted(0.1), sizes(), journal, sizes());
    prop_oneof![
        6 => commit.prop_map(|(behind, events, journal, sections)| Step::Commit { behind, events, journal, sections }),
        2 => (0_u64..60).prop_map(Step::Compact),
        1 => any::<i16>().prop_map(Step::Expire),
        2 => Just(Step::RollUp),
        1 => any::<i16>().prop_map(Step::ExpireRows),
        1 => any::<u16>().prop_map(Step::Save),
        2 => Just(Step::Reopen),
    ]
}

/// Runs a step; the text is the same for stores that do the same.
fn run(store: &dyn Store, step: &Step, seed: u64) -> String {
    let minute = |number: i16| i64::from(number) * 60_000;
    match step {
        Step::Commit { behind, events, journal, sections } => {
            let revision = store.read_log(0, usize::MAX).unwrap().len() as u64;
            let contents = sections.iter().map(|size| noise(usize::from(*size), seed));
            let commit = Commit {
                expected_revision: if *behind { revision + 1 } else { revision },
                events: events.iter().map(|size| noise(usize::from(*size), seed)).collect(),
                journal: journal
                    .iter()
                    .map(|(agent, moments)| {
                        entry(u128::from(*agent), seed, &moments.iter().map(|number| minute(*number)).collect::<Vec<_>>())
                    })
                    .collect(),
                sections: contents.map(|content| (ContentHash::of(&content), content)).collect(),
                attachments: events
                    .iter()
                    .skip(1)
                    .map(|size| noise(usize::from(*size), seed))
                    .map(|file| (ContentHash::of(&file), file))
                    .collect(),
            };
            format!("{:?}", store.commit(&commit))
        }
        Step::Compact(position) => format!("{:?}", store.compact(*position)),
        Step::RollUp => format!("{:?}", roll_up_all(store)),
        Step::ExpireRows(before) => format!("{:?}", Grain::ALL.map(|grain| store.expire_rows(grain, Timestamp(minute(*before))))),
        Step::Expire(before) => format!("{:?}", store.expire(Timestamp(minute(*before)))),
        Step::Save(size) => {
            let snapshot = Snapshot { revision: seed, journal_position: seed, bytes: noise(usize::from(*size) * 4, seed) };
            format!("{:?}", store.save_snapshot(&snapshot))
        }
        Step::Reopen => String::new(),
    }
}

fn everything(store: &dyn Store) -> String {
    let log = store.read_log(0, usize::MAX).unwrap();
    let journal = store.read_journal(0, usize::MAX).unwrap();
    let samples: Vec<_> = (0..4).map(|agent| store.samples(AgentId(agent), EVER.0, EVER.1).unwrap()).collect();
    let some: Vec<_> = (0..4).map(|agent| store.samples(AgentId(agent), Timestamp(-7_200_001), Timestamp(7_200_000)).unwrap()).collect();
    let rows = |agent| Grain::ALL.map(|grain| store.rows(grain, "m", AgentId(agent), EVER).unwrap());
    let rows: Vec<_> = (0..4).map(rows).collect();
    let usage = (store.usage().unwrap().journal_records, store.attachments().unwrap());
    format!("{:?}", (rows, log, journal, samples, some, store.load_snapshot().unwrap(), usage))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_embedded_store_equals_the_memory_store(steps in proptest::collection::vec(any_step(), 1..25)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let memory = MemoryStore::new();
        let mut embedded = SledStore::create(&path).unwrap();
        for (seed, step) in (1..).zip(&steps) {
            if matches!(step, Step::Reopen) {
                drop(embedded);
                embedded = SledStore::open(&path).unwrap();
            }
            prop_assert_eq!(run(&embedded, step, seed), run(&memory, step, seed));
            prop_assert_eq!(everything(&embedded), everything(&memory), "after {:?}", step);
        }
        for (seed, step) in (1..).zip(&steps) {
            let Step::Commit { sections, .. } = step else { continue };
            for name in sections.iter().map(|size| ContentHash::of(&noise(usize::from(*size), seed))) {
                prop_assert_eq!(embedded.section(&name).unwrap(), memory.section(&name).unwrap());
            }
        }
        prop_assert_eq!(fs::read_dir(path.join("blobs")).unwrap().count(), 0);
    }

    #[test]
    fn a_flipped_bit_in_the_file_is_found_or_harmless(place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let (_dir, path) = closed_store(12);
        let mut bytes = fs::read(path.join("db")).unwrap();
        let used = bytes.iter().rposition(|&byte| byte != 0).unwrap() + 1;
        bytes[place.index(used)] ^= 1 << bit;
        fs::write(path.join("db"), bytes).unwrap();
        if let Ok(store) = SledStore::open(&path) {
            let _ = read_all(&store, 12);
        }
    }
}
