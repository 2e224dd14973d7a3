//! What every store must do, whichever engine it is: call [`suite`] from the tests of each.

mod attachments;

use super::{Commit, HOUR_MS, Snapshot, Store, StoreError, Unrolled, period_ms};
use rollcall_domain::journal::{JournalEntry, Sign};
use rollcall_domain::sample::{Grain, Rolled, Row};
use rollcall_shared::sample::SampleSet;
use rollcall_shared::{AgentId, ContentHash, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A promise, checked on a store that is empty.
type Law = fn(&dyn Store);

const LAWS: &[Law] = &[
    a_new_store_is_empty,
    what_is_committed_is_read_back,
    the_log_is_read_in_pages,
    a_conflict_writes_nothing,
    content_is_stored_once_under_its_name,
    content_under_a_wrong_name_is_refused_with_all_that_came_with_it,
    the_journal_is_read_in_pages,
    samples_are_the_same_before_between_and_after_compactions,
    samples_come_in_order_of_time_and_from_the_range_alone,
    compacting_twice_changes_nothing,
    samples_that_arrive_late_join_their_hour,
    old_hours_expire_and_the_journal_does_not,
    an_hour_is_unrolled_from_its_first_sample_until_it_is_rolled_up_and_again_when_a_sample_joins,
    rows_are_merged_and_read_by_metric_agent_and_span,
    rows_of_periods_that_are_over_expire_by_grain,
    a_snapshot_replaces_the_one_before,
    large_things_come_back_whole,
    a_redacted_record_is_another_and_the_others_are_the_same,
    what_is_forgotten_is_gone_and_the_rest_is_not,
    attachments::they_are_kept_apart_from_sections_and_forgotten_by_name,
];

/// Checks every promise, each on a store of its own that `open` makes.
///
/// # Panics
/// When the store breaks one.
pub fn suite(open: &dyn Fn() -> Box<dyn Store>) {
    for law in LAWS {
        law(open().as_ref());
    }
}

/// All time there is.
const EVER: (Timestamp, Timestamp) = (Timestamp(i64::MIN), Timestamp(i64::MAX));

#[track_caller]
fn ok<T>(outcome: Result<T, StoreError>) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => panic!("the store failed: {error}"),
    }
}

#[track_caller]
fn commit(store: &dyn Store, events: &[&[u8]], journal: Vec<JournalEntry>) -> (u64, u64) {
    let expected_revision = ok(store.read_log(0, usize::MAX)).len() as u64;
    let events = events.iter().map(|event| event.to_vec()).collect();
    ok(store.commit(&Commit { expected_revision, events, journal, ..Commit::default() }))
}

fn entry(agent: u128, through: u64, sets: Vec<SampleSet>) -> JournalEntry {
    let signs = vec![Sign::Started("1.2.3".into()), Sign::Reported(ContentHash::of(b"root"))];
    JournalEntry { agent: AgentId(agent), epoch: 7, through, received_at: Timestamp(1000), skew_ms: -5, sets, signs }
}

fn set(at: i64, values: &[Option<f64>]) -> SampleSet {
    SampleSet { table: ContentHash::of(b"table"), at: Timestamp(at), values: values.to_vec() }
}

/// Bytes without a pattern that a compressor could use, the same every time.
#[must_use]
pub fn noise(count: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..count).map(|_| next()).collect()
}

fn a_redacted_record_is_another_and_the_others_are_the_same(store: &dyn Store) {
    let large = noise(60_000, 5);
    commit(store, &[b"one", b"two", &large], Vec::new());
    commit(store, &[b"four"], Vec::new());
    let longer = noise(90_000, 6);
    for _ in 0..2 {
        ok(store.redact(&BTreeMap::from([(2, longer.clone()), (4, b"4".to_vec())])));
        let records: Vec<Vec<u8>> = ok(store.read_log(0, usize::MAX)).into_iter().map(|(_, bytes)| bytes).collect();
        assert!(records == [b"one".to_vec(), longer.clone(), large.clone(), b"4".to_vec()]);
        assert_eq!(ok(store.read_log(3, 1)), [(4, b"4".to_vec())]);
    }
    ok(store.redact(&BTreeMap::from([(2, b"2".to_vec())])));
    assert_eq!(ok(store.read_log(1, 1)), [(2, b"2".to_vec())]);
    assert!(store.redact(&BTreeMap::from([(9, Vec::new())])).is_err());
    commit(store, &[b"five"], Vec::new());
    assert_eq!(ok(store.read_log(4, 9)), [(5, b"five".to_vec())]);
}

fn what_is_forgotten_is_gone_and_the_rest_is_not(store: &dyn Store) {
    let named = |bytes: Vec<u8>| (ContentHash::of(&bytes), bytes);
    let (kept, small, large) = (named(b"kept".to_vec()), named(b"small".to_vec()), named(noise(100_000, 7)));
    let sections = vec![kept.clone(), small.clone(), large.clone()];
    ok(store.commit(&Commit { sections, ..Commit::default() }));
    for _ in 0..2 {
        ok(store.forget_sections(&BTreeSet::from([small.0, large.0])));
        assert_eq!(
            (ok(store.section(&small.0)), ok(store.section(&large.0)), ok(store.section(&kept.0))),
            (None, None, Some(kept.1.clone()))
        );
    }
    ok(store.commit(&Commit { sections: vec![large.clone()], ..Commit::default() }));
    assert!(ok(store.section(&large.0)) == Some(large.1));
    let sets = |at| vec![set(at, &[Some(1.0)]), set(at + 3 * HOUR_MS, &[Some(2.0)])];
    let (_, position) = commit(store, &[], vec![entry(1, 1, sets(0)), entry(2, 1, sets(0))]);
    ok(store.compact(position));
    for _ in 0..2 {
        ok(store.forget_samples(&BTreeSet::from([AgentId(1)])));
        let count = |agent| ok(store.samples(AgentId(agent), EVER.0, EVER.1)).len();
        assert_eq!((count(1), count(2)), (0, 2));
    }
}

fn a_new_store_is_empty(store: &dyn Store) {
    assert_eq!(ok(store.read_log(0, 10)), []);
    assert_eq!(ok(store.read_journal(0, 10)), []);
    assert_eq!(ok(store.section(&ContentHash::of(b"absent"))), None);
    assert_eq!(ok(store.samples(AgentId(1), EVER.0, EVER.1)), []);
    assert_eq!(ok(store.load_snapshot()), None);
    assert_eq!(ok(store.compact(u64::MAX)), 0);
    assert_eq!(ok(store.expire(EVER.1)), 0);
    assert_eq!(ok(store.next_unrolled(None, EVER.1)), None);
    assert_eq!(ok(store.unrolled_hours(AgentId(1))), []);
    assert_eq!(ok(store.expire_rows(Grain::Hour, EVER.1)), 0);
    assert_eq!(ok(store.usage()).journal_records, 0);
    assert_eq!(ok(store.commit(&Commit::default())), (0, 0), "an empty commit is one");
}

fn what_is_committed_is_read_back(store: &dyn Store) {
    let content = b"content".to_vec();
    let name = ContentHash::of(&content);
    let journal = vec![entry(1, 3, vec![set(5, &[Some(0.5), None])]), entry(2, 1, vec![])];
    let all = Commit {
        expected_revision: 0,
        events: vec![b"one".to_vec(), Vec::new()],
        journal: journal.clone(),
        sections: vec![(name, content.clone())],
        attachments: Vec::new(),
    };
    assert_eq!(ok(store.commit(&all)), (2, 2));
    assert_eq!(commit(store, &[b"three"], vec![]), (3, 2));
    assert_eq!(ok(store.read_log(0, 10)), [(1, b"one".to_vec()), (2, Vec::new()), (3, b"three".to_vec())]);
    assert_eq!(ok(store.read_journal(0, 10)), (1..).zip(journal).collect::<Vec<_>>());
    assert_eq!(ok(store.section(&name)), Some(content));
    assert_eq!(ok(store.usage()).journal_records, 2);
}

fn the_log_is_read_in_pages(store: &dyn Store) {
    for first in [0_u8, 3, 4, 9] {
        let events: Vec<[u8; 1]> = (first..first + 5).map(|number| [number]).collect();
        commit(store, &events.iter().map(<[u8; 1]>::as_slice).collect::<Vec<_>>(), vec![]);
    }
    let all = ok(store.read_log(0, 100));
    assert_eq!(all.iter().map(|(revision, _)| *revision).collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
    for limit in [1, 2, 5, 7, 20, 21] {
        let mut paged = Vec::new();
        while let Some(page) = Some(ok(store.read_log(paged.len() as u64, limit))).filter(|page| !page.is_empty()) {
            assert!(page.len() <= limit, "a page of {} for a limit of {limit}", page.len());
            paged.extend(page);
        }
        assert_eq!(paged, all, "pages of {limit}");
    }
    assert_eq!(ok(store.read_log(0, 0)), []);
    assert_eq!(ok(store.read_log(20, 5)), []);
    assert_eq!(ok(store.read_log(u64::MAX, 5)), []);
}

fn a_conflict_writes_nothing(store: &dyn Store) {
    commit(store, &[b"first"], vec![]);
    let content = b"content".to_vec();
    let name = ContentHash::of(&content);
    let late = Commit {
        expected_revision: 0,
        events: vec![b"late".to_vec()],
        journal: vec![entry(1, 1, vec![set(1, &[Some(1.0)])])],
        sections: vec![(name, content)],
        attachments: Vec::new(),
    };
    match store.commit(&late) {
        Err(StoreError::Conflict { expected: 0, found: 1 }) => {}
        other => panic!("expected a conflict, found {other:?}"),
    }
    assert_eq!(ok(store.read_log(0, 10)), [(1, b"first".to_vec())]);
    assert_eq!(ok(store.read_journal(0, 10)), []);
    assert_eq!(ok(store.section(&name)), None);
    assert_eq!(ok(store.commit(&Commit { expected_revision: 1, ..late })), (2, 1), "decided again, it goes through");
}

fn content_is_stored_once_under_its_name(store: &dyn Store) {
    let contents: Vec<Vec<u8>> = vec![Vec::new(), b"a".to_vec(), vec![7; 100_000], noise(100_000, 1)];
    let sections: Vec<_> = contents.iter().map(|bytes| (ContentHash::of(bytes), bytes.clone())).collect();
    let twice = [sections.clone(), sections.clone()].concat();
    for _ in 0..2 {
        ok(store.commit(&Commit { sections: twice.clone(), ..Commit::default() }));
    }
    for (name, bytes) in sections {
        assert_eq!(ok(store.section(&name)), Some(bytes), "{name}");
    }
}

fn content_under_a_wrong_name_is_refused_with_all_that_came_with_it(store: &dyn Store) {
    let wrong = ContentHash::of(b"something else");
    let commit = Commit {
        events: vec![b"event".to_vec()],
        journal: vec![entry(1, 1, vec![])],
        sections: vec![(wrong, b"content".to_vec())],
        ..Commit::default()
    };
    match store.commit(&commit) {
        Err(StoreError::Corrupt { subject, .. }) => assert!(subject.contains(&wrong.to_string()), "{subject}"),
        other => panic!("expected a refusal, found {other:?}"),
    }
    assert_eq!(ok(store.read_log(0, 10)), []);
    assert_eq!(ok(store.read_journal(0, 10)), []);
    assert_eq!(ok(store.section(&wrong)), None);
    assert_eq!(ok(store.commit(&Commit { sections: vec![], ..commit })), (1, 1), "a refusal is no failure");
}

fn the_journal_is_read_in_pages(store: &dyn Store) {
    for count in [1_u64, 4, 2, 13] {
        let journal = (0..count).map(|number| entry(u128::from(number), number, vec![set(1, &[Some(2.0)])])).collect();
        commit(store, &[], journal);
    }
    let all = ok(store.read_journal(0, 100));
    assert_eq!(all.iter().map(|(position, _)| *position).collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
    for limit in [1, 3, 20, 21] {
        let mut paged: Vec<(u64, JournalEntry)> = Vec::new();
        loop {
            let page = ok(store.read_journal(paged.last().map_or(0, |(position, _)| *position), limit));
            assert!(page.len() <= limit, "a page of {} for a limit of {limit}", page.len());
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert_eq!(paged, all, "pages of {limit}");
    }
    assert_eq!(ok(store.compact(3)), 3);
    assert_eq!(ok(store.read_journal(0, 100)), all[3..], "what was compacted is not returned");
    assert_eq!(ok(store.read_journal(5, 2)), all[5..7]);
    assert_eq!(ok(store.usage()).journal_records, 17);
}

/// Three agents, four hours, a table that changes, missing and awkward values.
fn varied_journal() -> Vec<JournalEntry> {
    let awkward = [0.0, -0.0, 1.0, -1.5, f64::MAX, f64::MIN_POSITIVE, 9e15, 0.1, 1e18, -3.0];
    (0..60_u64)
        .map(|number| {
            let sets = (0..4_i64).map(|step| {
                let at = (number as i64) * 240_000 + step * 10_000 - HOUR_MS;
                let value = awkward[(number as usize + step as usize) % awkward.len()];
                let missing = if number % 7 == 3 { None } else { Some(number as f64 * 1000.0 + step as f64) };
                let mut set = set(at, &[Some(value), missing, Some(42.0)]);
                if number > 40 {
                    set.table = ContentHash::of(b"another table");
                    set.values.push(Some(0.25));
                }
                set
            });
            entry(u128::from(number % 3), number, sets.collect())
        })
        .collect()
}

fn all_samples(store: &dyn Store) -> Vec<Vec<SampleSet>> {
    (0..4).map(|agent| ok(store.samples(AgentId(agent), EVER.0, EVER.1))).collect()
}

fn samples_are_the_same_before_between_and_after_compactions(store: &dyn Store) {
    let journal = varied_journal();
    for some in journal.chunks(7) {
        commit(store, &[], some.to_vec());
    }
    let before = all_samples(store);
    for (agent, sets) in before.iter().enumerate() {
        let sent: Vec<SampleSet> =
            journal.iter().filter(|entry| entry.agent.0 == agent as u128).flat_map(|entry| entry.sets.clone()).collect();
        assert_eq!(sets, &sent, "agent {agent}");
    }
    let mut moved = 0;
    for position in [1, 7, 8, 30, 30, 59, u64::MAX] {
        moved += ok(store.compact(position));
        assert_eq!(moved, position.min(60));
        let after = all_samples(store);
        assert_eq!(after, before, "compacted to {position}");
        let bits = |samples: &[Vec<SampleSet>]| -> Vec<Option<u64>> {
            samples.iter().flatten().flat_map(|set| set.values.iter().map(|value| value.map(f64::to_bits))).collect()
        };
        assert_eq!(bits(&after), bits(&before), "to the last bit");
    }
    assert_eq!(ok(store.read_journal(0, 10)), []);
    assert_eq!(commit(store, &[], vec![entry(1, 1, vec![])]), (0, 61), "positions go on where they were");
}

fn samples_come_in_order_of_time_and_from_the_range_alone(store: &dyn Store) {
    let moments = [10, HOUR_MS, HOUR_MS - 1, -1, 3 * HOUR_MS, 10, i64::MAX, i64::MIN];
    let numbered: Vec<SampleSet> = (0_i32..).zip(moments).map(|(number, at)| set(at, &[Some(f64::from(number))])).collect();
    commit(
        store,
        &[],
        vec![entry(5, 1, numbered[..5].to_vec()), entry(6, 1, vec![set(HOUR_MS, &[])]), entry(5, 2, numbered[5..].to_vec())],
    );
    for position in [0, 1, 3] {
        ok(store.compact(position));
        let within = |from: i64, to: i64| -> Vec<i64> {
            ok(store.samples(AgentId(5), Timestamp(from), Timestamp(to))).iter().map(|set| set.at.0).collect()
        };
        assert_eq!(within(i64::MIN, i64::MAX), [i64::MIN, -1, 10, 10, HOUR_MS - 1, HOUR_MS, 3 * HOUR_MS]);
        assert_eq!(within(10, HOUR_MS), [10, 10, HOUR_MS - 1], "the end is not in the range");
        assert_eq!(within(HOUR_MS, HOUR_MS + 1), [HOUR_MS]);
        assert!(within(11, 12).is_empty());
        assert!(within(10, 10).is_empty());
        assert!(within(10, -10).is_empty());
        let same_moment = ok(store.samples(AgentId(5), Timestamp(10), Timestamp(11)));
        assert_eq!(same_moment, [numbered[0].clone(), numbered[5].clone()], "in order of arrival");
    }
}

fn compacting_twice_changes_nothing(store: &dyn Store) {
    commit(store, &[], varied_journal());
    assert_eq!(ok(store.compact(45)), 45);
    let samples = all_samples(store);
    assert_eq!(ok(store.compact(45)), 0);
    assert_eq!(ok(store.compact(10)), 0, "backwards is nothing");
    assert_eq!(all_samples(store), samples);
    assert_eq!(ok(store.usage()).journal_records, 15);
}

fn samples_that_arrive_late_join_their_hour(store: &dyn Store) {
    commit(store, &[], vec![entry(1, 1, vec![set(100, &[Some(1.0)]), set(300, &[Some(3.0)])])]);
    ok(store.compact(1));
    commit(store, &[], vec![entry(1, 2, vec![set(200, &[Some(2.0)])])]);
    let values = || -> Vec<Option<f64>> { ok(store.samples(AgentId(1), EVER.0, EVER.1)).iter().map(|set| set.values[0]).collect() };
    assert_eq!(values(), [Some(1.0), Some(2.0), Some(3.0)]);
    assert_eq!(ok(store.compact(2)), 1);
    assert_eq!(values(), [Some(1.0), Some(2.0), Some(3.0)]);
}

fn old_hours_expire_and_the_journal_does_not(store: &dyn Store) {
    let hours = |agent| entry(agent, 1, (0..4).map(|hour| set(hour * HOUR_MS, &[Some(1.0)])).collect());
    commit(store, &[], vec![hours(1), hours(2)]);
    assert_eq!(ok(store.expire(EVER.1)), 0, "nothing is compacted yet");
    assert_eq!(ok(store.compact(1)), 1);
    assert_eq!(ok(store.expire(Timestamp(2 * HOUR_MS - 1))), 1, "an hour goes when all of it is old");
    assert_eq!(ok(store.expire(Timestamp(2 * HOUR_MS))), 1);
    let left = |agent| -> Vec<i64> { ok(store.samples(AgentId(agent), EVER.0, EVER.1)).iter().map(|set| set.at.0 / HOUR_MS).collect() };
    assert_eq!(left(1), [2, 3]);
    assert_eq!(left(2), [0, 1, 2, 3], "still in the journal");
    assert_eq!(ok(store.compact(2)), 1);
    assert_eq!(ok(store.expire(Timestamp(i64::MIN))), 0);
    assert_eq!(ok(store.expire(EVER.1)), 6);
    assert_eq!((left(1), left(2)), (vec![], vec![]));
}

fn row(at: i64, count: u32, value: f64) -> Row {
    Row { at: Timestamp(at), count, min: value, max: value + 1.0, sum: value * f64::from(count), last: value }
}

fn rolled(metric: &str, tracks: &[(&str, &[Row])]) -> Rolled {
    let named = |name: &str| vec![("mountpoint".to_owned(), name.to_owned())];
    [(metric.to_owned(), tracks.iter().map(|(name, rows)| (named(name), rows.to_vec())).collect())].into()
}

fn nothing_of(agent: u128) -> Unrolled {
    Unrolled { agent: AgentId(agent), hours: Vec::new() }
}

fn an_hour_is_unrolled_from_its_first_sample_until_it_is_rolled_up_and_again_when_a_sample_joins(store: &dyn Store) {
    let hours = |agent: u128| -> Vec<i64> { ok(store.unrolled_hours(AgentId(agent))).iter().map(|at| at.0 / HOUR_MS).collect() };
    let value = |hour: i64| set(hour * HOUR_MS + 5, &[Some(1.0)]);
    commit(store, &[], vec![entry(1, 1, vec![value(2), value(3)])]);
    commit(store, &[], vec![entry(5, 1, vec![value(2)])]);
    assert_eq!(hours(1), [2, 3], "the journal counts");
    assert_eq!(ok(store.next_unrolled(None, EVER.1)), None, "only what is compacted is due");
    ok(store.compact(2));
    assert_eq!((hours(1), hours(5)), (vec![2, 3], vec![2]));
    assert_eq!(ok(store.next_unrolled(None, Timestamp(3 * HOUR_MS - 1))), None, "no hour has ended");
    let due = ok(store.next_unrolled(None, Timestamp(3 * HOUR_MS))).expect("an hour has ended");
    assert_eq!((due.agent, due.hours.iter().map(|(at, _)| at.0 / HOUR_MS).collect::<Vec<_>>()), (AgentId(1), vec![2]));
    let other = ok(store.next_unrolled(Some(AgentId(1)), EVER.1)).expect("another agent");
    assert_eq!(other.agent, AgentId(5));
    assert_eq!(ok(store.next_unrolled(Some(AgentId(5)), EVER.1)), None);
    assert_eq!(ok(store.next_unrolled(Some(AgentId(u128::MAX)), EVER.1)), None);
    commit(store, &[], vec![entry(1, 2, vec![value(2)])]);
    ok(store.compact(3));
    ok(store.roll_up(&due, &[]));
    assert_eq!(hours(1), [2, 3], "a sample has joined since");
    let due = ok(store.next_unrolled(None, EVER.1)).expect("due");
    for _ in 0..2 {
        ok(store.roll_up(&due, &[]));
        assert_eq!((hours(1), hours(5)), (vec![], vec![2]));
    }
    assert_eq!(ok(store.next_unrolled(None, EVER.1)), Some(other));
}

fn rows_are_merged_and_read_by_metric_agent_and_span(store: &dyn Store) {
    const DAY_MS: i64 = 24 * HOUR_MS;
    let of = |grain, metric, agent: u128, span| ok(store.rows(grain, metric, AgentId(agent), span));
    let long: Vec<Row> = (0..3 * 288).map(|place| row(place * 300_000, 30, place as f64 / 7.0)).collect();
    ok(store.roll_up(&nothing_of(1), &[(Grain::FiveMinutes, rolled("m", &[("/", &long), ("/var", &long[5..7])]))]));
    ok(store.roll_up(&nothing_of(2), &[(Grain::FiveMinutes, rolled("m", &[("/", &long[..3])]))]));
    ok(store.roll_up(&nothing_of(1), &[(Grain::Hour, rolled("m", &[("/", &[row(-DAY_MS, 1, 2.0)])]))]));
    let everything = of(Grain::FiveMinutes, "m", 1, EVER);
    assert_eq!(everything, rolled("m", &[("/", &long), ("/var", &long[5..7])])["m"], "to the last bit");
    let span = (Timestamp(DAY_MS - 300_000), Timestamp(DAY_MS + 1));
    assert_eq!(of(Grain::FiveMinutes, "m", 1, span), rolled("m", &[("/", &long[287..289])])["m"], "over the end of a day");
    assert_eq!(of(Grain::FiveMinutes, "m", 2, EVER), rolled("m", &[("/", &long[..3])])["m"]);
    assert_eq!(of(Grain::Hour, "m", 1, EVER), rolled("m", &[("/", &[row(-DAY_MS, 1, 2.0)])])["m"]);
    for nothing in [of(Grain::FiveMinutes, "n", 1, EVER), of(Grain::Hour, "m", 2, EVER), of(Grain::Hour, "m", 1, (EVER.1, EVER.0))] {
        assert!(nothing.is_empty());
    }
    let (poorer, richer) = (row(0, 29, 9.0), row(300_000, 31, 9.0));
    ok(store.roll_up(&nothing_of(1), &[(Grain::FiveMinutes, rolled("m", &[("/", &[poorer, richer])]))]));
    let first_rows = of(Grain::FiveMinutes, "m", 1, (Timestamp(0), Timestamp(600_000)));
    assert_eq!(first_rows, rolled("m", &[("/", &[long[0], richer])])["m"], "who knows more wins");
    let many: Vec<(String, Vec<Row>)> = (0..200)
        .map(|n| (format!("/{n}"), long[..288].iter().map(|one| row(one.at.0, 30, f64::from(n) / 3.0 + one.last.sin())).collect()))
        .collect();
    let many: Vec<(&str, &[Row])> = many.iter().map(|(name, rows)| (name.as_str(), rows.as_slice())).collect();
    for count in [200, 150] {
        ok(store.roll_up(&nothing_of(3), &[(Grain::FiveMinutes, rolled("large", &many[..count]))]));
        assert_eq!(of(Grain::FiveMinutes, "large", 3, EVER), rolled("large", &many)["large"], "more than one value of a tree");
    }
}

fn rows_of_periods_that_are_over_expire_by_grain(store: &dyn Store) {
    for grain in Grain::ALL {
        let rows: Vec<Row> = (0..3).map(|period| row(period * period_ms(grain), 1, 1.0)).collect();
        for (agent, metric) in [(1, "m"), (1, "n"), (2, "m")] {
            ok(store.roll_up(&nothing_of(agent), &[(grain, rolled(metric, &[("/", &rows)]))]));
        }
    }
    let left = |grain| -> usize { ok(store.rows(grain, "m", AgentId(1), EVER)).values().map(Vec::len).sum() };
    let days = period_ms(Grain::FiveMinutes);
    assert_eq!(ok(store.expire_rows(Grain::FiveMinutes, Timestamp(days - 1))), 0, "a period goes when all of it is old");
    assert_eq!(ok(store.expire_rows(Grain::FiveMinutes, Timestamp(2 * days))), 6);
    assert_eq!((left(Grain::FiveMinutes), left(Grain::Hour)), (1, 3));
    assert_eq!(ok(store.expire_rows(Grain::Hour, EVER.1)), 9);
    assert_eq!((left(Grain::FiveMinutes), left(Grain::Hour)), (1, 0));
    assert_eq!(ok(store.expire_rows(Grain::FiveMinutes, EVER.0)), 0);
}

fn a_snapshot_replaces_the_one_before(store: &dyn Store) {
    for (revision, size) in [(1, 10), (2, 1_000_000), (3, 300_000), (4, 0), (5, 200_000)] {
        let snapshot = Snapshot { revision, journal_position: revision * 2, bytes: noise(size, revision) };
        ok(store.save_snapshot(&snapshot));
        assert_eq!(ok(store.load_snapshot()), Some(snapshot));
    }
}

fn large_things_come_back_whole(store: &dyn Store) {
    let content = noise(5_000_000, 3);
    let name = ContentHash::of(&content);
    let events: Vec<Vec<u8>> = (0..2000).map(|number| noise(1000, number)).collect();
    let journal: Vec<JournalEntry> = (0..1000_u64)
        .map(|number| {
            let values: Vec<Option<f64>> = noise(60, number).into_iter().map(|byte| Some(f64::from(byte) / 7.0)).collect();
            entry(u128::from(number % 50), number, vec![set(number as i64 * 10_000, &values)])
        })
        .collect();
    let sections = vec![(name, content.clone())];
    let (events_sent, journal_sent) = (events.clone(), journal.clone());
    assert_eq!(ok(store.commit(&Commit { events, journal, sections, ..Commit::default() })), (2000, 1000));
    assert_eq!(ok(store.section(&name)), Some(content));
    assert_eq!(ok(store.read_log(0, 5000)), (1..).zip(events_sent).collect::<Vec<_>>());
    assert_eq!(ok(store.read_journal(0, 5000)), (1..).zip(journal_sent).collect::<Vec<_>>());
    let samples = ok(store.samples(AgentId(7), EVER.0, EVER.1));
    assert_eq!(samples.len(), 20);
    assert_eq!(ok(store.compact(u64::MAX)), 1000);
    assert_eq!(ok(store.samples(AgentId(7), EVER.0, EVER.1)), samples);
}
