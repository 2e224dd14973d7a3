//! Which events belong to the history of a configuration item.
//!
//! Invariant: an event that notes a change on an item belongs to its history, and no other does, so that what was can be folded
//! anew from the history alone. Volatile sections are the exception that both sides know.

use crate::ci::CiEvent;
use crate::id::CiId;
use rollcall_shared::SectionName;

/// Sections that change while nobody changes anything: what runs and who talks to whom.
#[must_use]
pub fn is_volatile(section: SectionName) -> bool {
    use SectionName as S;
    matches!(section, S::Processes | S::Connections | S::Logins | S::Neighbours | S::Series | S::Checks)
}

/// Whether an event makes this CI.
#[must_use]
pub fn creates(event: &CiEvent, id: CiId) -> bool {
    match event {
        CiEvent::CiCreated { ci, .. } => *ci == id,
        CiEvent::ProductsDiscovered { products } => products.iter().any(|(product, ..)| *product == id),
        _ => false,
    }
}

/// Whether an event belongs to the history of this CI.
#[must_use]
pub fn concerns(event: &CiEvent, id: CiId) -> bool {
    match event {
        CiEvent::CiCreated { ci, parent, .. } => *ci == id || *parent == Some(id),
        CiEvent::SectionChanged { ci, section, .. } => *ci == id && !is_volatile(*section),
        CiEvent::CiMoved { ci, before, after } => [Some(*ci), *before, *after].contains(&Some(id)),
        CiEvent::CiMerged { ci, merge } => *ci == id || merge.into == id,
        CiEvent::CiUnmerged { ci, from, .. } => *ci == id || *from == id,
        CiEvent::RelationsChanged { changes } => changes.iter().any(|change| change.ends().contains(&id)),
        CiEvent::ForeignHostIdentified { ci, home, .. } => *ci == id || *home == id,
        CiEvent::SourceReverted { cis, .. } => cis.contains(&id),
        CiEvent::DuplicateFound { ci, duplicate_of } => *ci == id || *duplicate_of == id,
        CiEvent::HostIdentified { ci, .. }
        | CiEvent::IdentityExplained { ci, .. }
        | CiEvent::CiRenamed { ci, .. }
        | CiEvent::CiRekeyed { ci, .. }
        | CiEvent::TagsChanged { ci, .. }
        | CiEvent::AttributeLocked { ci, .. }
        | CiEvent::AttributeUnlocked { ci, .. }
        | CiEvent::FeedIdentified { ci, .. }
        | CiEvent::CiReclassified { ci, .. }
        | CiEvent::CiStatusChanged { ci, .. }
        | CiEvent::RetirementSuggested { ci, .. }
        | CiEvent::RetirementWithdrawn { ci }
        | CiEvent::AttributesChanged { ci, .. }
        | CiEvent::SoftwareChanged { ci, .. } => *ci == id,
        _ => creates(event, id),
    }
}
