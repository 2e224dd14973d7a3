//! A rule on the inventory over the log: what each configuration item was at each moment of a span.
//!
//! Records are read from the newest back to the begin of the span; only of an item of which one of them may change the answer all are read
//! and folded. Items are read together, for the records of many lie side by side in the log. An item that has changed more often than it
//! remembers cannot be folded from them: it is counted, and not judged.

use super::host::Verdict;
use super::{Host, Report, Task};
use crate::engine::History;
use crate::store::StoreError;
use rollcall_domain::Record;
use rollcall_domain::alert::replay::{Inquiry, Life};
use rollcall_domain::ci::{Ci, past};
use rollcall_domain::rule::Rule;
use rollcall_domain::rule::select::settled;
use rollcall_shared::Timestamp;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Records of an item that are looked at first, and further each time: most items have fewer in a month.
const STEP: usize = 64;

/// Items that are read together at most.
const ITEMS: usize = 512;

/// Records that are held at once for them: some dozen megabytes.
const RECORDS: usize = 65_536;

/// What came of an item.
#[derive(Debug)]
enum Outcome {
    /// This.
    Judged(Verdict),
    /// It has changed more often than it remembers.
    Forgotten,
}

impl Task {
    pub(super) fn over_the_log(&self, inquiry: &Inquiry) -> Result<Report, StoreError> {
        let report = Mutex::new(Report { raw_since: self.question.span.0, ..Report::default() });
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let together = self.question.hosts.len().div_ceil(workers).clamp(1, ITEMS);
        let portions: Vec<&[Host]> = self.question.hosts.chunks(together).collect();
        self.shared_out(&portions, |hosts| {
            // What was erased a moment ago is nothing any more.
            let items = hosts.iter().filter_map(|host| Some((host, host.ci.and_then(|ci| (self.look)(ci))?)));
            let mut items: VecDeque<(&Host, Ci)> = items.collect();
            while !items.is_empty() {
                let mut left = RECORDS;
                let fits = items.iter().position(|(_, now)| {
                    let is_full = left < now.history.len();
                    left = left.saturating_sub(now.history.len());
                    is_full
                });
                let rest = items.split_off(fits.unwrap_or(items.len()).max(1).min(items.len()));
                self.judge_together(inquiry, &items.into_iter().unzip::<_, _, Vec<_>, Vec<_>>(), &report)?;
                items = rest;
            }
            Ok(())
        })?;
        Ok(report.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn judge_together(&self, inquiry: &Inquiry, (hosts, items): &(Vec<&Host>, Vec<Ci>), report: &Mutex<Report>) -> Result<(), StoreError> {
        let report = || report.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_late() {
            hosts.iter().for_each(|_| report().add(None));
            return Ok(());
        }
        let span = self.question.span;
        let records = read(&self.history, inquiry, items, span.0)?;
        for ((host, now), records) in hosts.iter().zip(items).zip(records) {
            if self.is_late() {
                report().add(None);
                continue;
            }
            let rule = Rule { enabled: true, ..settled(&self.question.rule, host.variant) };
            match judge(&self.history, (inquiry, &rule), Life { now, records: &records }, span) {
                Outcome::Judged(verdict) => report().add(Some(verdict)),
                Outcome::Forgotten => report().forgotten += 1,
            }
        }
        Ok(())
    }
}

fn judge(history: &History, (inquiry, rule): (&Inquiry, &Rule), life: Life<'_>, span: (Timestamp, Timestamp)) -> Outcome {
    if !life.records.is_empty() && !past::is_whole(life.now.id, life.records) {
        return Outcome::Forgotten;
    }
    let found = inquiry.judge(rule, life, span, &history.content);
    Outcome::Judged(Verdict { episodes: found.episodes, sets: found.moments, judged: found.judged, excluded_hours: 0 })
}

/// How far the records of an item have been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// None of those read so far may change the answer.
    Searched,
    /// One of them may, so that all are needed.
    Needed,
    /// It is known that none of the span may.
    Idle,
}

/// All records of each item of which one since then may change the answer; none of the others.
fn read(history: &History, inquiry: &Inquiry, items: &[Ci], since: Timestamp) -> Result<Vec<Vec<Record>>, StoreError> {
    let mut known: Vec<Vec<Record>> = items.iter().map(|_| Vec::new()).collect();
    let mut reaches: Vec<(Reach, usize)> = items.iter().map(|now| (Reach::Searched, now.history.len())).collect();
    loop {
        let mut wanted: Vec<(u64, usize)> = Vec::new();
        for (number, (now, (reach, unread))) in items.iter().zip(&mut reaches).enumerate() {
            let begin = match reach {
                Reach::Searched => unread.saturating_sub(STEP),
                Reach::Needed => 0,
                Reach::Idle => *unread,
            };
            wanted.extend(now.history.get(begin..*unread).unwrap_or_default().iter().map(|revision| (*revision, number)));
            *unread = begin;
        }
        if wanted.is_empty() {
            return Ok(known);
        }
        for (number, mut fresh) in fetch(history, wanted, items.len())?.into_iter().enumerate() {
            let (Some((reach, unread)), Some(known)) = (reaches.get_mut(number), known.get_mut(number)) else { continue };
            if *reach == Reach::Searched {
                let is_older = fresh.first().is_none_or(|record| record.at < since) || *unread == 0;
                let matters = fresh.iter().any(|record| record.at >= since && inquiry.matters(record));
                *reach = match (matters, is_older) {
                    (true, _) => Reach::Needed,
                    (false, true) => Reach::Idle,
                    (false, false) => Reach::Searched,
                };
            }
            if *reach == Reach::Idle {
                known.clear();
                continue;
            }
            fresh.append(known);
            *known = fresh;
        }
    }
}

/// Records by whose they are.
fn fetch(history: &History, mut wanted: Vec<(u64, usize)>, items: usize) -> Result<Vec<Vec<Record>>, StoreError> {
    wanted.sort_unstable();
    let mut revisions: Vec<u64> = wanted.iter().map(|(revision, _)| *revision).collect();
    revisions.dedup();
    let mut found: Vec<Vec<Record>> = (0..items).map(|_| Vec::new()).collect();
    let mut owners = wanted.into_iter().peekable();
    history.visit(&revisions, &mut |record| {
        while owners.next_if(|(revision, _)| *revision < record.revision).is_some() {}
        let revision = record.revision;
        let mut record = Some(record);
        while let Some((_, owner)) = owners.next_if(|(next, _)| *next == revision) {
            let is_shared = owners.peek().is_some_and(|(next, _)| *next == revision);
            let own = if is_shared { record.clone() } else { record.take() };
            if let Some(found) = found.get_mut(owner) {
                found.extend(own);
            }
        }
    })?;
    Ok(found)
}
