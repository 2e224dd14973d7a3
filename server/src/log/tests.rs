//! A log that was touched is found out.

use super::*;
use crate::store::memory::MemoryStore;
use crate::store::{Commit, Store};
use rollcall_domain::trust::TrustEvent;
use rollcall_domain::trust::collector::Collector;
use rollcall_domain::{Actor, Event};
use rollcall_shared::{AgentId, Timestamp};

fn record(revision: u64) -> Record {
    Record {
        revision,
        at: Timestamp(1_000),
        actor: Actor::Local,
        request_id: None,
        idempotency_key: None,
        event: Event::Trust(TrustEvent::Refused { code: "test".into(), detail: format!("number {revision}") }),
    }
}

fn chained(records: &[Record]) -> Vec<Vec<u8>> {
    let mut head = Head::default();
    let encode = |record| {
        let (next, bytes) = encode(head, record).expect("a record is JSON");
        head = next;
        bytes
    };
    records.iter().map(encode).collect()
}

#[track_caller]
fn check_broken(events: Vec<Vec<u8>>, revision: u64, words: &str) {
    let store = MemoryStore::new();
    store.commit(&Commit { events, ..Commit::default() }).expect("commits");
    match verify(&store) {
        Err(error @ LogError::Broken { revision: found, .. }) => {
            assert_eq!(found, revision, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
        other => panic!("expected record {revision} to be broken, got {other:?}"),
    }
}

#[test]
fn an_untouched_log_passes_and_its_head_is_told() {
    let store = MemoryStore::new();
    let events = chained(&[record(1), record(2)]);
    let head = decode(2, &events[1]).expect("decodes").0;
    store.commit(&Commit { events, ..Commit::default() }).expect("commits");
    assert_eq!(verify(&store).expect("verifies"), Report { records: 2, sections: 0, attachments: 0, head });
}

#[test]
fn an_edited_record_is_named() {
    let mut events = chained(&[record(1), record(2), record(3)]);
    let place = events[1].len() - 6;
    events[1][place] ^= 1;
    check_broken(events, 2, "");
}

#[test]
fn a_removed_record_is_named() {
    let mut events = chained(&[record(1), record(2), record(3)]);
    events.remove(1);
    check_broken(events, 2, "is record 3 of the log");
}

#[test]
fn a_record_from_another_history_is_named() {
    let mut events = chained(&[record(1), record(2)]);
    events[1] = chained(&[Record { actor: Actor::System, ..record(1) }, record(2)]).remove(1);
    check_broken(events, 2, "chain");
}

#[test]
fn a_tail_that_was_cut_off_behind_a_snapshot_is_noticed() {
    let store = MemoryStore::new();
    store.commit(&Commit { events: chained(&[record(1)]), ..Commit::default() }).expect("commits");
    let world = World { revision: 2, ..World::default() };
    let bytes = freeze(Head::default(), &world).expect("freezes");
    store.save_snapshot(&Snapshot { revision: 2, journal_position: 0, bytes }).expect("saves");
    assert!(matches!(verify(&store), Err(LogError::CutShort { found: 1, known: 2 })));
}

#[test]
fn a_snapshot_of_items_that_collectors_measure_is_what_the_log_says() {
    let ci = "host_00000000000000000000000001".parse().expect("an id");
    let feed = "otel".parse().expect("a name");
    let collector = Collector { feed, key: "host.name=web-1".into(), ci, placed: "label host.name".into(), placed_at: Timestamp(1_000) };
    let placed = Record { event: Event::Trust(TrustEvent::CollectorPlaced { voice: AgentId(7), collector }), ..record(1) };
    let store = MemoryStore::new();
    store.commit(&Commit { events: chained(&[placed.clone(), record(2)]), ..Commit::default() }).expect("commits");
    let mut world = World::default();
    world.apply(&placed, &rollcall_domain::context::NoContent);
    let (head, _) = decode(1, &chained(&[placed])[0]).expect("decodes");
    let bytes = freeze(head, &world).expect("freezes");
    store.save_snapshot(&Snapshot { revision: 1, journal_position: 0, bytes }).expect("saves");
    assert_eq!(verify(&store).expect("verifies").records, 2);
}

#[test]
fn a_frozen_state_thaws_to_itself() {
    let mut world = World::default();
    world.apply(&record(1), &rollcall_domain::context::NoContent);
    let snapshot = Snapshot { revision: 1, journal_position: 7, bytes: freeze(Head([3; 32]), &world).expect("freezes") };
    assert_eq!(thaw(&snapshot), Ok((Head([3; 32]), world.clone())));
    let of = |layout: u32| {
        let mut bytes = Vec::new();
        let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_struct_map().with_human_readable();
        (layout, Head([3; 32]), "junk").serialize(&mut serializer).expect("is written");
        Snapshot { bytes, ..snapshot.clone() }
    };
    assert_eq!(thaw(&of(LAYOUT + 1)), Err(Unthawed::OtherLayout));
    for unreadable in [of(LAYOUT), Snapshot { bytes: b"junk".to_vec(), ..snapshot.clone() }, Snapshot { revision: 2, ..snapshot.clone() }] {
        assert!(matches!(thaw(&unreadable), Err(Unthawed::Unreadable(_))), "{unreadable:?}");
    }
}

#[test]
fn a_snapshot_that_cannot_be_read_is_found_by_a_check() {
    let store = MemoryStore::new();
    store.commit(&Commit { events: chained(&[record(1)]), ..Commit::default() }).expect("commits");
    store.save_snapshot(&Snapshot { revision: 1, journal_position: 0, bytes: b"junk".to_vec() }).expect("saves");
    assert!(matches!(verify(&store), Err(LogError::Snapshot { revision: 1, .. })));
}
