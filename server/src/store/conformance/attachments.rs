//! What every store must do with files that people attach.

use super::super::{Commit, Store, StoreError};
use super::{noise, ok};
use rollcall_shared::ContentHash;
use std::collections::BTreeSet;

pub(super) fn they_are_kept_apart_from_sections_and_forgotten_by_name(store: &dyn Store) {
    let named = |bytes: Vec<u8>| (ContentHash::of(&bytes), bytes);
    let (small, large, both) = (named(b"small".to_vec()), named(noise(600_000, 8)), named(noise(90_000, 9)));
    assert_eq!(ok(store.attachments()), BTreeSet::new());
    let attachments = vec![small.clone(), large.clone(), both.clone(), both.clone()];
    let (events, sections) = (vec![b"attached".to_vec()], vec![both.clone()]);
    ok(store.commit(&Commit { events, sections, attachments, ..Commit::default() }));
    assert_eq!(ok(store.attachments()), BTreeSet::from([small.0, large.0, both.0]));
    for (name, bytes) in [&small, &large, &both] {
        assert!(ok(store.attachment(name)).as_ref() == Some(bytes), "{name}");
    }
    assert_eq!((ok(store.section(&small.0)), ok(store.section(&large.0))), (None, None));
    for _ in 0..2 {
        ok(store.forget_attachments(&BTreeSet::from([large.0, both.0])));
        assert_eq!(ok(store.attachments()), BTreeSet::from([small.0]));
        assert_eq!((ok(store.attachment(&large.0)), ok(store.attachment(&both.0))), (None, None));
    }
    assert!(ok(store.section(&both.0)) == Some(both.1.clone()), "the section of the same name stays");
    ok(store.forget_sections(&BTreeSet::from([small.0])));
    assert_eq!(ok(store.attachment(&small.0)), Some(small.1));
    let wrong = Commit { expected_revision: 1, attachments: vec![(large.0, both.1)], events: vec![b"x".to_vec()], ..Commit::default() };
    assert!(matches!(store.commit(&wrong), Err(StoreError::Corrupt { .. })));
    assert_eq!(ok(store.read_log(0, 10)).len(), 1);
    ok(store.commit(&Commit { expected_revision: 1, attachments: vec![large.clone()], ..Commit::default() }));
    assert!(ok(store.attachment(&large.0)) == Some(large.1));
}
