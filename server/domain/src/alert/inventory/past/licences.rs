//! A rule on licences over the past: on how many hosts a product was, held against how many were licensed at each moment.
//!
//! Two walks, as one product's number hangs on all hosts. What was recorded of each product comes first ([`Licensed`]): most were never
//! licensed, and nothing is counted for them. Then every host is gone along once and says for each asked product when it came to it and
//! when it went ([`Census::count`]); sums by moment are kept, so that memory follows what changed and neither hosts nor days.
//! What counts is what counts live ([`crate::ci::licence::Installations`]): complete package lists and what partial ones add, and no host
//! that is retired, disposed of, or a duplicate at that moment.
//!
//! Invariant: what happens at one moment counts at once, so that a product that moves from one host to another is never one too many.

use super::{Life, Verdict, along, is_gone, may_change};
use crate::alert::inventory::licences::difference;
use crate::alert::replay::episodes::Track;
use crate::ci::licence::{LICENSED, licensed};
use crate::ci::{Ci, software};
use crate::id::{CiId, Family};
use crate::rule::Rule;
use crate::rule::plan::judge_number;
use crate::{Content, Record};
use rollcall_shared::{ContentHash, Section, SectionName, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// How many installations of a product were licensed: from each moment on, `None` while nothing was recorded or nobody asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Licensed(BTreeMap<Timestamp, Option<i64>>);

/// On how many hosts products were; for many hosts and threads.
#[derive(Debug, Default)]
pub struct Census {
    /// Asked products by their keys.
    products: BTreeMap<String, CiId>,
    /// Which of them package lists have. The answer for a content never changes; hosts share images.
    lists: Mutex<BTreeMap<ContentHash, Option<Installed>>>,
    /// By how many hosts each became more at each moment.
    turns: Mutex<BTreeMap<CiId, Turns>>,
}

/// Asked products that are installed together.
type Installed = Arc<BTreeSet<CiId>>;

type Turns = BTreeMap<Timestamp, i64>;

impl Licensed {
    /// Whether something can have been recorded of a product before now: one that nobody has touched since it was made is as it was made.
    #[must_use]
    pub fn may_be(now: &Ci) -> bool {
        licensed(now).is_some() || now.history.len() > 1
    }

    /// Whether a record of a product's history may change the answer.
    #[must_use]
    pub fn matters(record: &Record) -> bool {
        may_change(record, &[], Some(LICENSED))
    }

    /// What was recorded of a product from one moment to another; `None` when nothing was throughout.
    #[must_use]
    pub fn over(life: Life<'_>, span: (Timestamp, Timestamp)) -> Option<Self> {
        let mut found = BTreeMap::new();
        along(life, span, &Self::matters, &mut |ci, (at, _)| {
            found.insert(at, licensed(ci).filter(|_| !is_gone(ci)));
        });
        found.values().any(Option::is_some).then_some(Self(found))
    }
}

impl Census {
    /// Of these products. What has no key is on no host.
    #[must_use]
    pub fn of<'a>(products: impl IntoIterator<Item = &'a Ci>) -> Self {
        let products = products.into_iter().filter_map(|product| Some((product.key.clone()?, product.id)));
        Self { products: products.collect(), ..Self::default() }
    }

    /// Whether an item is or can have been counted since a moment: it has packages, or had others then.
    #[must_use]
    pub fn may_count(now: &Ci, since: Timestamp) -> bool {
        now.section(SectionName::Packages).is_some() || (now.id.family == Family::Host && now.updated_at >= since)
    }

    /// Whether a record of a host's history may change what it counts for.
    #[must_use]
    pub fn matters(record: &Record) -> bool {
        may_change(record, &[SectionName::Packages], None)
    }

    /// Counts a host from one moment to another.
    pub fn count(&self, life: Life<'_>, span: (Timestamp, Timestamp), content: &dyn Content) {
        let (mut had, mut turns) = (Installed::default(), Vec::new());
        along(life, span, &Self::matters, &mut |ci, (at, _)| {
            let has = if is_gone(ci) { Installed::default() } else { self.installed(ci, content) };
            turns.extend(has.difference(&had).map(|product| (*product, at, 1)));
            turns.extend(had.difference(&has).map(|product| (*product, at, -1)));
            had = has;
        });
        let mut sums = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        for (product, at, by) in turns {
            *sums.entry(product).or_default().entry(at).or_default() += by;
        }
    }

    /// Judges a product up to a moment, once all hosts are counted. `rule` is the question's own, as it counts for the product.
    #[must_use]
    pub fn judge(&mut self, rule: &Rule, product: CiId, said: &Licensed, to: Timestamp) -> Verdict {
        let turns = self.turns.get_mut().unwrap_or_else(PoisonError::into_inner).remove(&product).unwrap_or_default();
        let mut track = Track::new(rule, Some(product), BTreeMap::new());
        let (mut hosts, mut licensed, mut moments) = (0_i64, None, 0);
        let mut due: BTreeSet<Timestamp> = turns.keys().chain(said.0.keys()).copied().collect();
        while let Some(at) = due.pop_first() {
            hosts += turns.get(&at).copied().unwrap_or(0);
            let before = licensed;
            licensed = said.0.get(&at).copied().unwrap_or(licensed);
            match licensed {
                Some(licensed) => {
                    let number = difference(u64::try_from(hosts).unwrap_or(0), licensed);
                    track.judge(judge_number(rule, number, track.severity()), number, at);
                    track.reached(number);
                }
                None if before.is_some() => track.drop_it(at),
                None => continue,
            }
            moments += 1;
            due.extend(track.due(at).filter(|next| *next < to));
        }
        Verdict { episodes: track.episodes(), moments, judged: true }
    }

    /// What the index of packages has of a host, of the asked products.
    fn installed(&self, ci: &Ci, content: &dyn Content) -> Installed {
        let Some(state) = ci.section(SectionName::Packages) else { return Installed::default() };
        let Some(complete) = state.hash.and_then(|hash| self.list(hash, content)) else { return Installed::default() };
        let partial = state.partial.filter(|partial| state.hash != Some(*partial)).and_then(|hash| self.list(hash, content));
        match partial.filter(|partial| !partial.is_subset(&complete)) {
            Some(partial) => Arc::new(complete.union(&partial).copied().collect()),
            None => complete,
        }
    }

    /// What a package list has of the asked products; `None` when it cannot be read.
    fn list(&self, hash: ContentHash, content: &dyn Content) -> Option<Installed> {
        let lists = || self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lists().get(&hash).cloned();
        known.unwrap_or_else(|| {
            let found = content.section(&hash).and_then(|section| match &*section {
                Section::Packages(rows) => {
                    let rows = rows.iter().take(software::PACKAGES_PER_HOST);
                    Some(rows.filter_map(|row| self.products.get(software::product_key(row).as_ref())).copied().collect())
                }
                _ => None,
            });
            let found = found.map(Arc::new);
            lists().insert(hash, found.clone());
            found
        })
    }
}

#[cfg(test)]
mod tests;
