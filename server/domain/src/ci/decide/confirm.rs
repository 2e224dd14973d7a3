//! A source that says again what it said confirms it.
//!
//! An inventory that says nothing new writes nothing, so confirmations are written only where a policy lets words go stale, and
//! then some times in a refresh duration only. A section that could not be read confirms nothing.

use super::reconcile::Weighing;
use crate::World;
use crate::ci::attribute::{Attribute, Method, Proposal};
use crate::ci::ledger::Clockwork;
use crate::ci::{AttributeChange, Ci, CiEvent, Source};
use rollcall_shared::message::Report;
use rollcall_shared::{Outcome, SectionName, Timestamp};

/// Confirmations written in one refresh duration.
const CONFIRMATIONS: u32 = 4;

/// What a report confirms of a known host and its parts.
#[must_use]
pub fn confirm(world: &World, host: &Ci, source: &Source, report: &Report, now: Timestamp) -> Vec<CiEvent> {
    let cmdb = &world.cmdb;
    if cmdb.policy.reconciliation.refresh.is_empty() {
        return Vec::new();
    }
    let was_read = |name: SectionName| {
        report.sections.iter().any(|entry| entry.name == name && matches!(entry.outcome, Outcome::Complete | Outcome::Partial))
    };
    let parts = cmdb.components.get(&host.id).into_iter().flatten().filter_map(|id| cmdb.cis.get(id));
    let (mut cis, mut events) = (Vec::new(), Vec::new());
    for ci in std::iter::once(host).chain(parts).filter(|ci| cmdb.ledger.contested().contains(&ci.id)) {
        let words = Words { world, ci, source };
        if words.is_worth_it(now) && words.sections().all(was_read) {
            cis.push(ci.id);
            events.extend(words.refreshed());
        }
    }
    if !cis.is_empty() {
        events.insert(0, CiEvent::SourceConfirmed { source: source.clone(), cis });
    }
    events
}

/// What one source says of one item.
struct Words<'a> {
    world: &'a World,
    ci: &'a Ci,
    source: &'a Source,
}

impl<'a> Words<'a> {
    fn all(&self) -> impl Iterator<Item = (&'a str, &'a Attribute, &'a Proposal)> {
        let source = self.source;
        let attributes = self.ci.attributes.iter();
        attributes.filter_map(move |(name, attribute)| Some((name, attribute, attribute.proposal_of(source)?)))
    }

    /// Whether something is stale, or was last confirmed long enough ago.
    fn is_worth_it(&self, now: Timestamp) -> bool {
        let cmdb = &self.world.cmdb;
        let policy = &cmdb.policy.reconciliation;
        let Some(refresh) = policy.refresh(self.source, self.ci.class) else { return false };
        let clockwork = Clockwork { policy, policy_set_at: cmdb.policy_set_at, confirmed: &cmdb.confirmed };
        self.all().any(|(_, _, word)| word.is_stale() || clockwork.last_said(self.ci.id, word).plus(refresh / CONFIRMATIONS) <= now)
    }

    fn sections(&self) -> impl Iterator<Item = SectionName> {
        self.all().filter_map(|(_, _, word)| match word.method() {
            Method::Section(name) => Some(name),
            Method::Api | Method::Import | Method::Derived => None,
        })
    }

    /// Its stale words, fresh again.
    fn refreshed(&self) -> Option<CiEvent> {
        let policy = &self.world.cmdb.policy.reconciliation;
        let stale = self.all().filter(|(_, _, word)| word.is_stale());
        let changes: Vec<AttributeChange> = stale
            .map(|(name, attribute, _)| {
                let refresh = |word: Proposal| if word.source() == self.source { word.refreshed() } else { word };
                let after = Weighing::new(policy, self.ci.class, name).revise(attribute, refresh);
                AttributeChange { name: name.to_owned(), before: Some(attribute.value().clone()), after }
            })
            .collect();
        (!changes.is_empty()).then_some(CiEvent::AttributesChanged { ci: self.ci.id, changes })
    }
}
