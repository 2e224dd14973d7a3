//! Whose value counts.
//!
//! An attribute keeps one proposal a source; the winner is computed, with its reason in words. Invariant: the result depends
//! on the set of proposals only, never on the order in which they came.

use crate::ci::{Attribute, AttributeValue, Proposal, Source};
use rollcall_shared::Timestamp;

/// What decides between two proposals, the most important first: people over agents over other systems, then the newest, then the source itself
/// so that equal times have one winner.
#[must_use]
pub fn precedence(proposal: &Proposal) -> (u8, Timestamp, &Source) {
    let kind = match proposal.source {
        Source::Person { .. } => 2,
        Source::Agent { .. } => 1,
        Source::Feed { .. } => 0,
    };
    (kind, proposal.observed_at, &proposal.source)
}

/// The attribute that follows from proposals; `None` without any.
#[must_use]
pub fn resolve(mut proposals: Vec<Proposal>) -> Option<Attribute> {
    proposals.sort_by(|a, b| a.source.cmp(&b.source));
    let winner = proposals.iter().max_by(|a, b| precedence(a).cmp(&precedence(b)))?;
    let asserted = newest(&proposals, is_person);
    let observed = newest(&proposals, |source| !is_person(source));
    let drift = matches!((asserted, observed), (Some(asserted), Some(observed)) if asserted != observed);
    let (value, source, reason) = (winner.value.clone(), winner.source.clone(), reason(winner, &proposals));
    Some(Attribute { value, source, reason, proposals, drift })
}

/// The attribute after a source has spoken. Its time only moves forward, and an unchanged value keeps the time when it was first said.
#[must_use]
pub fn propose(known: Option<&Attribute>, mut proposal: Proposal) -> Option<Attribute> {
    let mut proposals = known.map(|known| known.proposals.clone()).unwrap_or_default();
    match proposals.iter_mut().find(|old| old.source == proposal.source) {
        Some(old) if old.value == proposal.value && !is_person(&old.source) => {}
        Some(old) => {
            proposal.observed_at = proposal.observed_at.max(old.observed_at);
            *old = proposal;
        }
        None => proposals.push(proposal),
    }
    resolve(proposals)
}

/// The attribute without the proposals of some sources; `None` when nothing is left.
#[must_use]
pub fn withdraw(known: &Attribute, gone: impl Fn(&Source) -> bool) -> Option<Attribute> {
    resolve(known.proposals.iter().filter(|proposal| !gone(&proposal.source)).cloned().collect())
}

/// Whether a source is a person.
#[must_use]
pub fn is_person(source: &Source) -> bool {
    matches!(source, Source::Person { .. })
}

fn newest(proposals: &[Proposal], of: impl Fn(&Source) -> bool) -> Option<&AttributeValue> {
    let of_kind = proposals.iter().filter(|proposal| of(&proposal.source));
    of_kind.max_by(|a, b| precedence(a).cmp(&precedence(b))).map(|proposal| &proposal.value)
}

fn reason(winner: &Proposal, proposals: &[Proposal]) -> String {
    let same_kind = proposals.iter().filter(|other| is_person(&other.source) == is_person(&winner.source)).count();
    let measured = proposals.len() > same_kind;
    match &winner.source {
        Source::Person { name } => {
            let newest = if same_kind > 1 { format!(", the newest of {same_kind} assertions") } else { String::new() };
            let over = if measured { "; what people assert counts more than what agents measure" } else { "; no agent measured it" };
            format!("{name} asserted it{newest}{over}")
        }
        Source::Agent { id } if same_kind > 1 => format!("{id} measured it, the newest of {same_kind} measurements"),
        Source::Agent { id } => format!("{id} measured it; nobody else says anything of it"),
        Source::Feed { name } if same_kind > 1 => format!("{name} delivered it, the newest of {same_kind} measurements"),
        Source::Feed { name } => format!("{name} delivered it; nobody else says anything of it"),
    }
}

#[cfg(test)]
mod tests;
