//! A rule on licences over the log: on how many hosts each product was, held against how many were licensed.
//!
//! Two walks as the domain has them: products first, of which few were ever licensed, then every host once for all of those. What the sums
//! come to is judged without reading anything more.
//!
//! Invariant: no product is judged by a part of the hosts. Where the time is over before all are counted, the products that are left count
//! as not reached.

use super::host::Verdict;
use super::life::{Past, Subjects};
use super::{Host, Report, Task};
use crate::store::StoreError;
use rollcall_domain::alert::replay::{Census, Licensed, Life};
use rollcall_domain::ci::Ci;
use rollcall_domain::id::CiId;
use rollcall_domain::rule::Rule;
use rollcall_domain::rule::select::settled;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Products of which something was recorded in the span.
type Recorded<'a> = Vec<(&'a Host, Ci, Licensed)>;

impl Task {
    pub(super) fn over_licences(&self, counted: &[CiId]) -> Result<Report, StoreError> {
        let mut report = Report { raw_since: self.question.span.0, ..Report::default() };
        let recorded = self.recorded(&mut report)?;
        if recorded.is_empty() {
            return Ok(report);
        }
        let mut census = Census::of(recorded.iter().map(|(_, product, _)| product));
        self.count(&census, counted, &mut report)?;
        for (host, product, licensed) in &recorded {
            if report.uncounted > 0 {
                report.add(None);
                continue;
            }
            let rule = Rule { enabled: true, ..settled(&self.question.rule, host.variant) };
            let found = census.judge(&rule, product.id, licensed, self.question.span.1);
            let (episodes, sets, judged) = (found.episodes, found.moments, found.judged);
            report.add(Some(Verdict { episodes, sets, judged, excluded_hours: 0 }));
        }
        Ok(report)
    }

    fn recorded(&self, report: &mut Report) -> Result<Recorded<'_>, StoreError> {
        let found = Mutex::new((report, Vec::new()));
        let look = |host: &&Host| host.ci.and_then(|ci| (self.look)(ci)).filter(Licensed::may_be);
        let list: Vec<&Host> = self.question.hosts.iter().collect();
        self.pasts(&Subjects { list: &list, look: &look, matters: &Licensed::matters }, &|host, item| {
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            let (now, records) = match item {
                None => return found.0.unreached += 1,
                Some((_, Past::Forgotten)) => return found.0.forgotten += 1,
                Some((now, Past::Told(records))) => (now, records),
            };
            let licensed = Licensed::over(Life { now, records: &records }, self.question.span);
            found.1.extend(licensed.map(|licensed| (*host, now.clone(), licensed)));
        })?;
        Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner).1)
    }

    fn count(&self, census: &Census, hosts: &[CiId], report: &mut Report) -> Result<(), StoreError> {
        let (counted_as_now, uncounted) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let look = |host: &CiId| (self.look)(*host);
        self.pasts(&Subjects { list: hosts, look: &look, matters: &Census::matters }, &|_, item| {
            let (now, records) = match item {
                None => {
                    uncounted.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Some((now, Past::Forgotten)) => {
                    counted_as_now.fetch_add(1, Ordering::Relaxed);
                    (now, Vec::new())
                }
                Some((now, Past::Told(records))) => (now, records),
            };
            census.count(Life { now, records: &records }, self.question.span, &self.history.content);
        })?;
        (report.counted_as_now, report.uncounted) = (counted_as_now.into_inner(), uncounted.into_inner());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
