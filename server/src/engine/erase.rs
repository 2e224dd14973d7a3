//! Erasing an item out of log, store and state, for whoever has the right to be forgotten.
//!
//! ```text
//! state ─► what goes ─► snapshot ─► log: learn, redact ─► contents, files, samples ─► record of the erasure ─► state folded anew ─► snapshot
//! ```
//!
//! Invariants: the record of the erasure is written when nothing of the item is left in log and store, never before. Until then
//! the snapshot still knows the item: an erasure that was cut short is repeated and finds what is left to do. The state is not
//! purged but folded anew, so that it knows nothing that the log does not. No snapshot that was begun before is saved after the one
//! that the erasure ends with: both of its snapshots wait for the one in work, and nothing else begins one meanwhile.

use super::terms::{Erased, Erasure};
use super::writer::{Cause, Writer};
use super::{EngineError, recovery};
use crate::log::{self, Proof};
use rollcall_domain::ci::CiEvent;
use rollcall_domain::ci::erase::{self, Redaction, Target};
use rollcall_domain::incident::IncidentEvent;
use rollcall_domain::problem::ProblemEvent;
use rollcall_domain::{Event, Record};
use rollcall_shared::ContentHash;
use std::collections::{BTreeMap, BTreeSet};

/// What was done to the log.
struct Redacted {
    erased: u64,
    rewritten: u64,
    proof: ContentHash,
}

impl Writer {
    /// Erases an item.
    pub(super) fn erase(&mut self, erasure: &Erasure) -> Result<Erased, EngineError> {
        let mut target = erase::target(&self.world(), &erasure.wanted)?;
        self.freeze_and_wait();
        if let Some(reason) = self.shared.failure() {
            return Err(EngineError::Unavailable(reason));
        }
        self.each_record(|record, _| {
            target.learn(record);
            Ok(())
        })?;
        let redacted = self.redact(&target)?;
        let contents = self.alone(&target)?;
        let attachments = self.attached_alone(&target)?;
        self.forget(&target, &contents, &attachments)?;
        let revision = self.note(erasure, &redacted);
        // From here on the log knows the item no more: a state that still does must not be gone on with.
        if let Err(error) = self.fold_anew() {
            self.shared.fail(error.to_string());
            return Err(error);
        }
        self.freeze_and_wait();
        tracing::warn!(ci = %erasure.wanted.ci, revision, erased = redacted.erased, rewritten = redacted.rewritten, "erased for legal reasons");
        Ok(Erased {
            revision,
            erased: redacted.erased,
            rewritten: redacted.rewritten,
            contents: contents.len() as u64,
            attachments: attachments.len() as u64,
        })
    }

    fn freeze_and_wait(&mut self) {
        self.freeze();
        self.end_snapshot();
    }

    fn each_record(&self, mut look: impl FnMut(&Record, &[u8]) -> Result<(), EngineError>) -> Result<(), EngineError> {
        let mut after = 0;
        loop {
            let page = self.shared.store.read_log(after, log::PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            for (revision, bytes) in &page {
                look(&log::decode(*revision, bytes)?.1, bytes)?;
            }
        }
    }

    /// Takes the item out of the log. What was redacted before stays, and is counted in the proof.
    fn redact(&self, target: &Target) -> Result<Redacted, EngineError> {
        let by = self.world().revision + 1;
        let (mut changed, mut proof) = (BTreeMap::new(), Proof::default());
        let mut redacted = Redacted { erased: 0, rewritten: 0, proof: ContentHash([0; 32]) };
        self.each_record(|record, bytes| {
            let left = match target.redact(record) {
                Redaction::Kept => None,
                Redaction::Erased => {
                    redacted.erased += 1;
                    Some(erase::emptied(record, by))
                }
                Redaction::Rewritten(left) => {
                    redacted.rewritten += 1;
                    Some(*left)
                }
            };
            let left = left.map(|left| log::redact(bytes, &left)).transpose();
            match left.map_err(|error| EngineError::Unavailable(format!("a bug: a redacted record has no JSON form: {error}")))? {
                Some(left) => {
                    proof.add(record.revision, &left);
                    changed.insert(record.revision, left);
                }
                None if log::is_redacted(bytes) => proof.add(record.revision, bytes),
                None => {}
            }
            Ok(())
        })?;
        self.shared.store.redact(&changed)?;
        redacted.proof = proof.hash();
        Ok(redacted)
    }

    /// Writes the one record that is left of it.
    fn note(&mut self, erasure: &Erasure, redacted: &Redacted) -> u64 {
        let wanted = &erasure.wanted;
        let event = CiEvent::CiErased {
            ci: wanted.ci,
            reason: wanted.reason.trim().to_owned(),
            legal_basis: wanted.legal_basis.trim().to_owned(),
            forced: wanted.force,
            erased: redacted.erased,
            rewritten: redacted.rewritten,
            proof: redacted.proof,
        };
        let cause = Cause { actor: erasure.actor.clone(), request_id: erasure.request_id.clone(), idempotency_key: None };
        let shared = std::sync::Arc::clone(&self.shared);
        let mut world = super::writer::lock(&shared);
        self.record(&mut world, vec![Event::Ci(event)], &cause, shared.clock.now());
        let revision = world.revision;
        drop(world);
        self.flush();
        revision
    }

    /// Replaces the state by the fold of the log as it is.
    fn fold_anew(&mut self) -> Result<(), EngineError> {
        let (_, mut fresh) = recovery::replay_whole(self.shared.store.as_ref(), &self.shared.content)
            .map_err(|error| EngineError::Unavailable(format!("the log cannot be folded anew: {error}")))?;
        let (telemetry, round) = {
            let mut world = self.world();
            (std::mem::take(&mut world.telemetry), std::mem::take(&mut world.cmdb.round))
        };
        fresh.adopt_telemetry(telemetry, &self.shared.content);
        fresh.cmdb.round = round;
        *self.world() = fresh;
        Ok(())
    }

    /// Contents that only the item had.
    fn alone(&self, target: &Target) -> Result<BTreeSet<ContentHash>, EngineError> {
        let mut alone = target.contents.clone();
        self.each_record(|record, _| {
            for hash in named(record) {
                alone.remove(&hash);
            }
            Ok(())
        })?;
        Ok(alone)
    }

    /// Files that were attached to what is about it and to nothing else that is left.
    fn attached_alone(&self, target: &Target) -> Result<BTreeSet<ContentHash>, EngineError> {
        let mut alone = target.attachments();
        if alone.is_empty() {
            return Ok(alone);
        }
        let mut left = BTreeMap::new();
        self.each_record(|record, _| {
            match &record.event {
                Event::Incident(IncidentEvent::AttachmentAdded { attachment, .. })
                | Event::Problem(ProblemEvent::ProblemAttachmentAdded { attachment, .. }) => {
                    left.insert(attachment.id, attachment.hash);
                }
                Event::Incident(IncidentEvent::AttachmentRemoved { attachment, .. })
                | Event::Problem(ProblemEvent::ProblemAttachmentRemoved { attachment, .. }) => {
                    left.remove(attachment);
                }
                _ => {}
            }
            Ok(())
        })?;
        for hash in left.values() {
            alone.remove(hash);
        }
        Ok(alone)
    }

    /// What lies beside the log: contents, files, and the samples of its agents.
    fn forget(&self, target: &Target, contents: &BTreeSet<ContentHash>, attachments: &BTreeSet<ContentHash>) -> Result<(), EngineError> {
        let store = &self.shared.store;
        store.forget_sections(contents)?;
        store.forget_attachments(attachments)?;
        self.shared.content.forget(contents);
        if let Some(snapshot) = store.load_snapshot()? {
            store.compact(snapshot.journal_position)?;
        }
        store.forget_samples(&target.agents)?;
        Ok(())
    }
}

/// Contents that a record names.
fn named(record: &Record) -> Vec<ContentHash> {
    match &record.event {
        Event::Ci(CiEvent::SectionChanged { before, after, .. }) => before.iter().chain(after).copied().collect(),
        Event::Ci(CiEvent::ReportParked { parked }) => parked.report.sections.iter().filter_map(|entry| entry.hash).collect(),
        Event::Ci(CiEvent::CiMerged { merge, .. }) => {
            merge.sections.values().flat_map(|state| state.hash.into_iter().chain(state.history.iter().map(|(_, hash)| *hash))).collect()
        }
        _ => Vec::new(),
    }
}
