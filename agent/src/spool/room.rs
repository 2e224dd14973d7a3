//! Making room: what goes when the spool is full or its messages are too old.
//!
//! Planned before anything is written, carried out after the losses are durable: a crash in between leaves messages that a loss
//! covers, and recovery drops them.

use super::index::{Entry, Kind, Segment};
use super::{Spool, SpoolError, Undeclared};
use crate::clock::Reading;
use rollcall_shared::message::Payload;
use std::collections::BTreeSet;
use std::fs;

/// Records that a planned drop adds: about one loss of a hundred bytes for each run of dropped messages.
const LOSS_BYTES: u64 = 160;

/// What goes, and what will be said about it.
#[derive(Debug, Default)]
pub struct Plan {
    /// Numbers that go.
    victims: BTreeSet<u64>,
    /// First numbers of the segments they are in.
    segments: BTreeSet<u64>,
    pub losses: Vec<Undeclared>,
}

impl Spool {
    /// Chooses what must go so that `needed` more bytes fit: whole segments that are too old, then samples of the oldest segments,
    /// then the oldest segments. Never the last segment, and nothing that is being sent.
    pub(super) fn plan_room(&self, needed: u64, now: Reading) -> Result<Plan, SpoolError> {
        let mut plan = Plan::default();
        let sealed = self.segments.len().saturating_sub(1);
        let candidates: Vec<&Segment> =
            self.segments.iter().take(sealed).filter(|s| s.entries.front().is_some_and(|e| e.sequence > self.in_flight)).collect();
        for segment in &candidates {
            if segment.entries.iter().all(|entry| entry.age(now.monotonic) > self.limits.age) {
                let days = self.limits.age.as_secs() / 86_400;
                self.choose(&mut plan, segment, |_| true, &format!("older than {days} days"))?;
            }
        }
        let reason = format!("spool full ({} KiB)", self.limits.bytes >> 10);
        let passes: [fn(&Entry) -> bool; 2] = [|entry| entry.kind == Kind::Samples, |_| true];
        for wanted in passes {
            for segment in &candidates {
                if self.size_after(&plan, needed) <= self.limits.bytes {
                    return Ok(plan);
                }
                self.choose(&mut plan, segment, wanted, &reason)?;
            }
        }
        if self.size_after(&plan, needed) <= self.limits.bytes { Ok(plan) } else { Err(SpoolError::Full { limit: self.limits.bytes }) }
    }

    fn size_after(&self, plan: &Plan, needed: u64) -> u64 {
        let losses = (plan.losses.len() + self.undeclared.len()) as u64 * LOSS_BYTES;
        let size = |segment: &Segment| {
            if !plan.segments.contains(&segment.first) {
                return segment.bytes;
            }
            let kept = segment.entries.iter().filter(|entry| !plan.victims.contains(&entry.sequence));
            kept.map(|entry| u64::from(entry.length) + super::record::HEADER_BYTES as u64).sum()
        };
        self.segments.iter().map(size).sum::<u64>() + needed + losses
    }

    /// Adds messages of a segment to the plan. Neighbours share one loss; a loss that goes is declared anew.
    fn choose(&self, plan: &mut Plan, segment: &Segment, wanted: fn(&Entry) -> bool, reason: &str) -> Result<(), SpoolError> {
        let mut run: Option<Undeclared> = None;
        let mut file = None;
        for entry in segment.entries.iter().filter(|entry| !plan.victims.contains(&entry.sequence)).cloned().collect::<Vec<_>>() {
            if !wanted(&entry) {
                plan.losses.extend(run.take());
                continue;
            }
            plan.victims.insert(entry.sequence);
            plan.segments.insert(segment.first);
            if entry.kind == Kind::Loss
                && let Some(Payload::Loss(loss)) = segment.read(&mut file, &entry)?
            {
                let range = Some((loss.first, loss.last));
                plan.losses.push(Undeclared { range, from: loss.from, to: loss.to, reason: loss.reason });
                continue;
            }
            run = Some(match run {
                Some(Undeclared { range: Some((first, _)), from, to, reason }) => {
                    Undeclared { range: Some((first, entry.sequence)), from: from.min(entry.from), to: to.max(entry.to), reason }
                }
                _ => {
                    let range = Some((entry.sequence, entry.sequence));
                    Undeclared { range, from: entry.from, to: entry.to, reason: reason.to_owned() }
                }
            });
        }
        plan.losses.extend(run);
        Ok(())
    }

    /// Carries a plan out. The losses are durable: what cannot be rewritten now is dropped at the next start.
    pub(super) fn make_room(&mut self, plan: Plan) {
        if plan.victims.is_empty() {
            return;
        }
        tracing::warn!(messages = plan.victims.len(), losses = plan.losses.len(), "the spool dropped messages that the server never got");
        for segment in self.segments.iter_mut().filter(|segment| plan.segments.contains(&segment.first)) {
            segment.entries.retain(|entry| !plan.victims.contains(&entry.sequence));
            let done = if segment.entries.is_empty() {
                fs::remove_file(&segment.path).map_err(super::failed(&segment.path, "delete"))
            } else {
                segment.rewrite(&self.directory)
            };
            if let Err(error) = done {
                tracing::warn!(%error, "a segment of the spool could not be made smaller");
            }
        }
        let last = self.segments.back().map_or(0, |segment| segment.first);
        self.segments.retain(|segment| segment.first == last || !segment.entries.is_empty());
    }
}
