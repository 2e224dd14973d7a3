//! A rule on the inventory over the log: what a configuration item was at each moment of a span.
//!
//! Records are read from the newest back to the begin of the span; only of an item of which one of them may change the answer all are read
//! and folded. An item that has changed more often than it remembers cannot be folded from them: it is counted, and not judged.

use super::host::Verdict;
use crate::engine::History;
use crate::store::StoreError;
use rollcall_domain::Record;
use rollcall_domain::alert::replay::{Inquiry, Life};
use rollcall_domain::ci::{Ci, past};
use rollcall_domain::rule::Rule;
use rollcall_shared::Timestamp;

/// Records looked at together on the way back: most items have fewer in a month.
const STEP: usize = 64;

/// What came of an item.
#[derive(Debug)]
pub(super) enum Outcome {
    /// This.
    Judged(Verdict),
    /// It has changed more often than it remembers.
    Forgotten,
}

/// Judges an item.
pub(super) fn judge(
    history: &History,
    (inquiry, rule): (&Inquiry, &Rule),
    now: &Ci,
    span: (Timestamp, Timestamp),
) -> Result<Outcome, StoreError> {
    let records = if changed(history, inquiry, now, span.0)? { history.records(&now.history)? } else { Vec::new() };
    if !records.is_empty() && !past::is_whole(now.id, &records) {
        return Ok(Outcome::Forgotten);
    }
    let found = inquiry.judge(rule, Life { now, records: &records }, span, &history.content);
    let verdict = Verdict { episodes: found.episodes, sets: found.moments, judged: found.judged, excluded_hours: 0 };
    Ok(Outcome::Judged(verdict))
}

/// Whether a record of since then may change the answer.
fn changed(history: &History, inquiry: &Inquiry, now: &Ci, since: Timestamp) -> Result<bool, StoreError> {
    for revisions in now.history.rchunks(STEP) {
        let records: Vec<Record> = history.records(revisions)?;
        if records.iter().any(|record| record.at >= since && inquiry.matters(record)) {
            return Ok(true);
        }
        if records.first().is_none_or(|record| record.at < since) {
            return Ok(false);
        }
    }
    Ok(false)
}
