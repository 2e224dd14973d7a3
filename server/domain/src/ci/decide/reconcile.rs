//! Whose value counts.
//!
//! An attribute keeps one proposal a source; the winner is computed. In this order decide: a person's lock; whether a source
//! confirmed its word within its refresh duration; the policy's rules for the attribute, for the class (its own before its
//! parent's) and for everything; people over agents over other systems; the newest. Invariant: the result depends on the set of
//! proposals only, never on the order in which they came. The reason is computed when somebody asks and stored nowhere.

use crate::ci::attribute::{Attribute, Lock, Proposal};
use crate::ci::policy::{Order, Reconciliation};
use crate::ci::{Ci, Class, Source};
use rollcall_shared::Timestamp;
use std::cmp::Ordering;

/// What decides between two proposals where no policy does, the most important first: people over agents over other systems,
/// then the newest, then the source itself so that equal times have one winner.
#[must_use]
pub fn precedence(proposal: &Proposal) -> (u8, Timestamp, &Source) {
    (kind(proposal.source()), proposal.observed_at(), proposal.source())
}

fn kind(source: &Source) -> u8 {
    match source {
        Source::Person { .. } => 2,
        Source::Agent { .. } => 1,
        Source::Feed { .. } => 0,
    }
}

/// How the proposals for one attribute of one class are weighed.
pub struct Weighing<'a> {
    orders: Vec<Order<'a>>,
}

/// What told a winner from the next best.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Decisive<'a> {
    /// The other was not confirmed in time.
    Fresh,
    /// The policy.
    Order(Order<'a>),
    /// People, agents, other systems.
    Kind,
    /// It is newer, or, at equal times, its source is greater.
    Newest,
}

impl<'a> Weighing<'a> {
    /// Of an attribute.
    #[must_use]
    pub fn new(policy: &'a Reconciliation, class: Class, attribute: &str) -> Self {
        Self { orders: policy.orders(attribute, class).collect() }
    }

    /// The attribute that follows from proposals and a lock; `None` without any.
    #[must_use]
    pub fn resolve(&self, mut proposals: Vec<Proposal>, lock: Option<Lock>) -> Option<Attribute> {
        proposals.sort_by(|a, b| a.source().cmp(b.source()));
        let winner = self.best(&proposals, |_| true).unwrap_or_default();
        let observed = self.best(&proposals, |source| !source.is_person());
        Attribute::new(proposals, winner, observed, lock)
    }

    /// The attribute after a source has spoken. Its time only moves forward, and a value that is measured again keeps the time
    /// when it was first said.
    #[must_use]
    pub fn propose(&self, known: Option<&Attribute>, proposal: Proposal) -> Option<Attribute> {
        let mut proposals = known.map(|known| known.proposals().to_vec()).unwrap_or_default();
        match proposals.iter_mut().find(|old| old.source() == proposal.source()) {
            Some(old) if old.value() == proposal.value() && !old.is_stale() && !old.source().is_person() => {}
            Some(old) => *old = proposal.not_before(old.observed_at()),
            None => proposals.push(proposal),
        }
        self.resolve(proposals, lock_of(known))
    }

    /// The attribute without the proposals of some sources; `None` when nothing is left.
    #[must_use]
    pub fn withdraw(&self, known: &Attribute, gone: impl Fn(&Source) -> bool) -> Option<Attribute> {
        let kept = known.proposals().iter().filter(|proposal| !gone(proposal.source())).cloned();
        self.resolve(kept.collect(), lock_of(Some(known)))
    }

    /// The same attribute with each proposal as `change` has it, weighed anew.
    #[must_use]
    pub fn revise(&self, known: &Attribute, change: impl Fn(Proposal) -> Proposal) -> Option<Attribute> {
        self.resolve(known.proposals().iter().cloned().map(change).collect(), lock_of(Some(known)))
    }

    /// Why the value counts, in words for people.
    #[must_use]
    pub fn reason(&self, attribute: &Attribute) -> String {
        if let Some(lock) = attribute.lock() {
            return format!("{} locked it until {}: {}", lock.source, lock.expires_at, lock.reason);
        }
        let Some(winner) = attribute.winner() else { return String::new() };
        let said = said(winner.source());
        let others = attribute.proposals().iter().filter(|other| other.source() != winner.source());
        let Some(next) = others.max_by(|a, b| self.compare(a, b).0) else { return format!("{said}; nobody else says anything of it") };
        let source = next.source();
        match self.compare(winner, next) {
            // The policy has changed a moment ago.
            (Ordering::Less, _) => format!("{said}; it is about to be weighed anew against what {source} says"),
            (_, Decisive::Fresh) => format!("{said}; {source} has not confirmed its value in time"),
            (_, Decisive::Order(order)) => format!("{said}; {} puts it before {source}", named(order)),
            (_, Decisive::Kind) => format!("{said}; {}", by_kind(winner.source())),
            (_, Decisive::Newest) => {
                let equals = attribute.proposals().iter().filter(|other| self.compare(winner, other).1 == Decisive::Newest).count();
                format!("{said}, the newest of {equals}")
            }
        }
    }

    fn best(&self, proposals: &[Proposal], of: impl Fn(&Source) -> bool) -> Option<usize> {
        let places = (0..proposals.len()).filter(|&place| of(proposals[place].source()));
        places.max_by(|&a, &b| self.compare(&proposals[a], &proposals[b]).0)
    }

    /// Greater is what counts more.
    fn compare(&self, a: &Proposal, b: &Proposal) -> (Ordering, Decisive<'a>) {
        let fresh = b.is_stale().cmp(&a.is_stale());
        if fresh.is_ne() {
            return (fresh, Decisive::Fresh);
        }
        for order in &self.orders {
            let place = order.place(b.source()).cmp(&order.place(a.source()));
            if place.is_ne() {
                return (place, Decisive::Order(*order));
            }
        }
        match kind(a.source()).cmp(&kind(b.source())) {
            Ordering::Equal => (precedence(a).cmp(&precedence(b)), Decisive::Newest),
            decided => (decided, Decisive::Kind),
        }
    }
}

/// Why the value of an item's attribute counts.
#[must_use]
pub fn reason(policy: &Reconciliation, ci: &Ci, name: &str, attribute: &Attribute) -> String {
    Weighing::new(policy, ci.class, name).reason(attribute)
}

fn lock_of(known: Option<&Attribute>) -> Option<Lock> {
    known.and_then(Attribute::lock).cloned()
}

fn said(source: &Source) -> String {
    match source {
        Source::Person { name } => format!("{name} asserted it"),
        Source::Agent { id } => format!("{id} measured it"),
        Source::Feed { name } => format!("{name} delivered it"),
    }
}

fn by_kind(winner: &Source) -> &'static str {
    match winner {
        Source::Person { .. } => "what people assert counts more than what is measured",
        Source::Agent { .. } | Source::Feed { .. } => "what an agent measures counts more than what other systems deliver",
    }
}

fn named(order: Order<'_>) -> String {
    match order {
        Order::Attribute(rule) => match rule.class {
            Some(class) => format!("the rule for {} of a {}", rule.attribute, class.as_str()),
            None => format!("the rule for {}", rule.attribute),
        },
        Order::Class(rule) => format!("the rule for every {}", rule.class.as_str()),
        Order::Sources(_) => "the order of sources".to_owned(),
    }
}

#[cfg(test)]
mod tests;
