//! Whose word is where: what follows from the attributes of all items, kept so that nobody has to look at all of them.
//!
//! A projection: nothing here is stored, everything follows from the items, the policy and the confirmations, and is brought up
//! to date by the fold with every change of an attribute. Values, names and sources that many items have are held once.

mod pool;

use self::pool::Pool;
pub(super) use self::pool::Seen;
use super::attribute::{Attribute, Proposal};
use super::policy::Reconciliation;
use super::{AttributeValue, Ci, Source};
use crate::id::{CiId, Family};
use rollcall_shared::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeBounds;
use std::sync::Arc;

/// Attributes that tell one thing from all others: to look for another holder of such a value is in vain.
const UNIQUE: [&str; 13] = [
    "asset_tag",
    "booted_at",
    "cloud_instance_id",
    "fqdn",
    "hostname",
    "installed_at",
    "ip_addresses",
    "mac",
    "mac_addresses",
    "machine_id",
    "serial",
    "uuid",
    "wwn",
];

/// The indexes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    names: Pool<str>,
    values: Pool<AttributeValue>,
    shared_sources: Pool<Source>,
    sources: BTreeMap<Source, Tally>,
    contested: BTreeSet<CiId>,
    drifting: BTreeSet<(CiId, Arc<str>)>,
    queue: BTreeSet<(Timestamp, CiId)>,
    due: BTreeMap<CiId, Timestamp>,
}

/// What one source has said.
#[derive(Clone, Debug, Default, PartialEq)]
struct Tally {
    /// Items, each with the number of proposals, locks and inventories of this source.
    cis: BTreeMap<CiId, u32>,
    /// Proposals and locks.
    proposals: u64,
}

/// What is due when, for one item.
pub struct Clockwork<'a> {
    /// Refresh durations.
    pub policy: &'a Reconciliation,
    /// When the policy was set: nothing goes stale by a rule sooner than a refresh duration after it.
    pub policy_set_at: Timestamp,
    /// When sources last confirmed all that they had said of an item.
    pub confirmed: &'a BTreeMap<CiId, Vec<(Source, Timestamp)>>,
}

impl Ledger {
    /// Sources that have said something of an item, in order.
    pub fn sources(&self, range: impl RangeBounds<Source>) -> impl Iterator<Item = &Source> {
        self.sources.range(range).map(|(source, _)| source)
    }

    /// Whether a source has said something.
    #[must_use]
    pub fn knows(&self, source: &Source) -> bool {
        self.sources.contains_key(source)
    }

    /// Proposals and locks of a source.
    #[must_use]
    pub fn proposals_of(&self, source: &Source) -> u64 {
        self.sources.get(source).map_or(0, |tally| tally.proposals)
    }

    /// How many items a source has said something of.
    #[must_use]
    pub fn ci_count(&self, source: &Source) -> usize {
        self.sources.get(source).map_or(0, |tally| tally.cis.len())
    }

    /// Items that a source has said something of, by id.
    pub fn cis_of(&self, source: &Source, range: impl RangeBounds<CiId> + Clone) -> impl Iterator<Item = CiId> {
        self.sources.get(source).into_iter().flat_map(move |tally| tally.cis.range(range.clone()).map(|(id, _)| *id))
    }

    /// Items with an attribute that several sources speak of.
    #[must_use]
    pub fn contested(&self) -> &BTreeSet<CiId> {
        &self.contested
    }

    /// Attributes of which people say something else than machines, by item and name.
    pub fn drifting(&self, range: impl RangeBounds<(CiId, Arc<str>)>) -> impl Iterator<Item = &(CiId, Arc<str>)> {
        self.drifting.range(range)
    }

    /// How many attributes drift.
    #[must_use]
    pub fn drift_count(&self) -> usize {
        self.drifting.len()
    }

    /// Items with something that is due, the longest due first.
    pub fn due(&self, now: Timestamp) -> impl Iterator<Item = CiId> {
        self.queue.iter().take_while(move |(at, _)| *at <= now).map(|(_, id)| *id)
    }

    /// The name, held once.
    pub(super) fn name(&mut self, name: &str) -> Arc<str> {
        self.names.share(name, |name| Arc::from(name))
    }

    /// Lets an attribute share what others hold already.
    pub(super) fn share(&mut self, name: &str, attribute: &mut Attribute) {
        let of_many = !UNIQUE.contains(&name);
        for proposal in attribute.proposals_mut() {
            proposal.share(
                |value| of_many.then(|| self.values.share(value, |value| Arc::new(value.clone()))),
                |source| self.shared_sources.share(source, |source| Arc::new(source.clone())),
            );
        }
    }

    /// Takes note of an item as a whole.
    pub(super) fn adopt(&mut self, ci: &mut Ci) {
        for (name, attribute) in ci.attributes.iter_mut() {
            *name = self.name(name);
            self.share(name, attribute);
            self.replace(ci.id, name, None, Some(attribute));
        }
        for feed in ci.feeds.keys() {
            self.deliver(ci.id, &Source::Feed { name: feed.clone() });
        }
    }

    /// Takes note of an item of a snapshot, whose attributes share what they can already.
    pub(super) fn recall(&mut self, ci: &Ci, seen: &mut Seen) {
        for (name, attribute) in ci.attributes.entries() {
            self.names.recall(name, seen);
            for proposal in attribute.proposals() {
                let (value, source) = proposal.held();
                self.values.recall(value, seen);
                self.shared_sources.recall(source, seen);
            }
            if ci.id.family != Family::Software && attribute.drifts() {
                self.drifting.insert((ci.id, Arc::clone(name)));
            }
        }
        // One source says nearly all of an item: it is counted once.
        let mut said: Vec<(&Source, u32)> = Vec::new();
        for source in ci.attributes.values().flat_map(words).filter(|_| ci.id.family != Family::Software) {
            match said.iter_mut().find(|(known, _)| std::ptr::eq(*known, source) || *known == source) {
                Some((_, count)) => *count += 1,
                None => said.push((source, 1)),
            }
        }
        for (source, count) in said {
            self.enter_many(ci.id, source, count);
        }
        for feed in ci.feeds.keys() {
            self.deliver(ci.id, &Source::Feed { name: feed.clone() });
        }
    }

    /// An attribute of an item became another.
    pub(super) fn replace(&mut self, id: CiId, name: &Arc<str>, before: Option<&Attribute>, after: Option<&Attribute>) {
        // What a product is called follows from its key: it is nobody's word.
        if id.family == Family::Software {
            return;
        }
        for source in before.into_iter().flat_map(words) {
            self.leave(id, source, 1);
        }
        for source in after.into_iter().flat_map(words) {
            self.enter(id, source, 1);
        }
        match after.is_some_and(Attribute::drifts) {
            true => drop(self.drifting.insert((id, Arc::clone(name)))),
            false => drop(self.drifting.remove(&(id, Arc::clone(name)))),
        }
    }

    /// A feed has delivered its first section of an item.
    pub(super) fn deliver(&mut self, id: CiId, feed: &Source) {
        self.enter(id, feed, 0);
    }

    /// The sections that a feed had delivered of an item are gone.
    pub(super) fn undeliver(&mut self, id: CiId, feed: &Source) {
        self.leave(id, feed, 0);
    }

    /// Brings what follows from all attributes of an item up to date.
    pub(super) fn settle(&mut self, ci: &Ci, clockwork: &Clockwork<'_>) {
        let is_contested = ci.attributes.values().any(|attribute| attribute.proposals().len() > 1);
        if is_contested {
            self.contested.insert(ci.id);
        } else {
            self.contested.remove(&ci.id);
        }
        let due = clockwork.due(ci);
        let before = match due {
            Some(at) => self.due.insert(ci.id, at),
            None => self.due.remove(&ci.id),
        };
        if before == due {
            return;
        }
        if let Some(before) = before {
            self.queue.remove(&(before, ci.id));
        }
        if let Some(at) = due {
            self.queue.insert((at, ci.id));
        }
    }

    fn enter_many(&mut self, id: CiId, source: &Source, proposals: u32) {
        if !self.sources.contains_key(source) {
            self.sources.insert(source.clone(), Tally::default());
        }
        let Some(tally) = self.sources.get_mut(source) else { return };
        *tally.cis.entry(id).or_default() += proposals;
        tally.proposals += u64::from(proposals);
    }

    fn enter(&mut self, id: CiId, source: &Source, proposals: u64) {
        if !self.sources.contains_key(source) {
            self.sources.insert(source.clone(), Tally::default());
        }
        let Some(tally) = self.sources.get_mut(source) else { return };
        *tally.cis.entry(id).or_default() += 1;
        tally.proposals += proposals;
    }

    fn leave(&mut self, id: CiId, source: &Source, proposals: u64) {
        let Some(tally) = self.sources.get_mut(source) else { return };
        tally.proposals = tally.proposals.saturating_sub(proposals);
        if let Some(words) = tally.cis.get_mut(&id) {
            *words = words.saturating_sub(1);
            if *words == 0 {
                tally.cis.remove(&id);
            }
        }
        if tally.cis.is_empty() {
            self.sources.remove(source);
        }
    }
}

/// Whose words an attribute holds.
fn words(attribute: &Attribute) -> impl Iterator<Item = &Source> {
    attribute.proposals().iter().map(Proposal::source).chain(attribute.lock().map(|lock| &lock.source))
}

impl Clockwork<'_> {
    /// When the next lock of an item expires or the next word of a source goes stale, whatever is first.
    #[must_use]
    pub fn due(&self, ci: &Ci) -> Option<Timestamp> {
        let locks = ci.attributes.values().filter_map(|attribute| Some(attribute.lock()?.expires_at));
        let stale = ci.attributes.values().flat_map(|attribute| self.ageing(ci, attribute)).map(|(_, at)| at);
        locks.chain(stale).min()
    }

    /// The words on an attribute that go stale, each with the moment. Where nobody else says anything it makes no difference.
    pub fn ageing<'c>(&self, ci: &'c Ci, attribute: &'c Attribute) -> impl Iterator<Item = (&'c Proposal, Timestamp)> {
        let contested = attribute.proposals().len() > 1 && !self.policy.refresh.is_empty();
        let words = attribute.proposals().iter().filter(move |word| contested && !word.is_stale());
        words.filter_map(|word| {
            let refresh = self.policy.refresh(word.source(), ci.class)?;
            Some((word, self.last_said(ci.id, word).plus(refresh)))
        })
    }

    /// When a source last stood by its word.
    #[must_use]
    pub fn last_said(&self, id: CiId, word: &Proposal) -> Timestamp {
        let confirmed = self.confirmed.get(&id).into_iter().flatten().find(|(source, _)| source == word.source());
        let since = word.observed_at().max(self.policy_set_at);
        confirmed.map_or(since, |(_, at)| since.max(*at))
    }
}

#[cfg(test)]
mod tests;
