//! What became of configuration items in a span, as the log has it; and rules on the inventory over that.
//!
//! Records are read from the newest back to the begin of the span; only of an item of which one of them may change the answer all are read.
//! Items are read together, for the records of many lie side by side in the log. An item that has changed more often than it remembers
//! cannot be folded from its records.

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

/// What became of an item in a span.
#[derive(Debug)]
pub(super) enum Past {
    /// These are all records of its history; none when it was as it is.
    Told(Vec<Record>),
    /// Some of its records are not known any more.
    Forgotten,
}

/// Takes what became of an item; nothing when the time was over.
type Tell<'a, T> = dyn Fn(&T, Option<(&Ci, Past)>) + Sync + 'a;

/// Whose past is wanted.
pub(super) struct Subjects<'a, T> {
    /// They.
    pub(super) list: &'a [T],
    /// Looks one up; nothing is told of what is not there.
    pub(super) look: &'a (dyn Fn(&T) -> Option<Ci> + Sync),
    /// Whether a record may change the answer.
    pub(super) matters: &'a (dyn Fn(&Record) -> bool + Sync),
}

impl Task {
    /// Judges a rule on the inventory. What does not remember is counted, and not judged.
    pub(super) fn over_the_log(&self, inquiry: &Inquiry) -> Result<Report, StoreError> {
        let report = Mutex::new(Report { raw_since: self.question.span.0, ..Report::default() });
        let look = |host: &Host| host.ci.and_then(|ci| (self.look)(ci));
        let subjects = Subjects { list: &self.question.hosts, look: &look, matters: &|record| inquiry.matters(record) };
        self.pasts(&subjects, &|host, item| {
            let report = || report.lock().unwrap_or_else(PoisonError::into_inner);
            let (now, records) = match item {
                None => return report().add(None),
                Some((_, Past::Forgotten)) => return report().forgotten += 1,
                Some((now, Past::Told(records))) => (now, records),
            };
            let rule = Rule { enabled: true, ..settled(&self.question.rule, host.variant) };
            let found = inquiry.judge(&rule, Life { now, records: &records }, self.question.span, &self.history.content);
            report().add(Some(Verdict { episodes: found.episodes, sets: found.moments, judged: found.judged, excluded_hours: 0 }));
        })?;
        Ok(report.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
    /// Tells what became of each of many items.
    pub(super) fn pasts<T: Sync>(&self, subjects: &Subjects<'_, T>, tell: &Tell<'_, T>) -> Result<(), StoreError> {
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let together = subjects.list.len().div_ceil(workers).clamp(1, ITEMS);
        let portions: Vec<&[T]> = subjects.list.chunks(together).collect();
        self.shared_out(&portions, |portion| {
            let items = portion.iter().filter_map(|one| Some((one, (subjects.look)(one)?)));
            let mut items: VecDeque<(&T, Ci)> = items.collect();
            while !items.is_empty() {
                let rest = items.split_off(that_fit(&items));
                let (subjects_of, nows): (Vec<&T>, Vec<Ci>) = items.into_iter().unzip();
                items = rest;
                if self.is_late() {
                    subjects_of.iter().for_each(|one| tell(one, None));
                    continue;
                }
                let records = read(&self.history, subjects.matters, &nows, self.question.span.0)?;
                for ((one, now), records) in subjects_of.iter().zip(&nows).zip(records) {
                    let is_known = records.is_empty() || past::is_whole(now.id, &records);
                    let past = if is_known { Past::Told(records) } else { Past::Forgotten };
                    tell(one, Some((now, past)).filter(|_| !self.is_late()));
                }
            }
            Ok(())
        })?;
        Ok(())
    }
}

/// How many of some items have so few records that these can be held at once; at least one.
fn that_fit<T>(items: &VecDeque<(T, Ci)>) -> usize {
    let mut held = 0;
    let fit = items.iter().take_while(|(_, now)| {
        held += now.history.len();
        held <= RECORDS
    });
    fit.count().max(1)
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
fn read(history: &History, matters: &dyn Fn(&Record) -> bool, items: &[Ci], since: Timestamp) -> Result<Vec<Vec<Record>>, StoreError> {
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
                let told = fresh.iter().any(|record| record.at >= since && matters(record));
                *reach = match (told, is_older) {
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
