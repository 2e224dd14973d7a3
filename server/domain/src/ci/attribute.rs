//! Attributes of configuration items: what every source says, which of it counts, and the lock that overrides them all.
//!
//! This is most of what a host costs in memory, so nothing is held here that follows from something else: the reason why a
//! value counts is computed when somebody asks ([`reconcile`](super::decide::reconcile)); values, sources and names that many
//! items have are held once; what only one source speaks of needs no memory of its own. Invariants: at most one proposal a
//! source, in order of the sources; an attribute has a proposal or a lock.

mod frozen;
mod map;
mod method;

pub(in crate::ci) use frozen::{FrozenAttributes, Reading, Tables, Writing};
pub use map::Attributes;
pub use method::Method;

use super::{AttributeValue, Source};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

/// What one source says of one attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    #[serde(with = "shared")]
    value: Arc<AttributeValue>,
    #[serde(with = "shared")]
    source: Arc<Source>,
    observed_at: Timestamp,
    method: Method,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
}

impl Proposal {
    /// The word of a source, fresh.
    #[must_use]
    pub fn new(value: AttributeValue, source: Source, observed_at: Timestamp, method: Method) -> Self {
        Self { value: Arc::new(value), source: Arc::new(source), observed_at, method, stale: false }
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &AttributeValue {
        &self.value
    }

    /// Who says so.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// When it was measured or asserted; only moves forward for one source.
    #[must_use]
    pub fn observed_at(&self) -> Timestamp {
        self.observed_at
    }

    /// How.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// Whether its source has not confirmed it within its refresh duration, so that others come first.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// The same word, not confirmed in time.
    #[must_use]
    pub fn aged(self) -> Self {
        Self { stale: true, ..self }
    }

    /// The same word, confirmed again.
    #[must_use]
    pub fn refreshed(self) -> Self {
        Self { stale: false, ..self }
    }

    /// Value and source as they are held.
    pub(super) fn held(&self) -> (&Arc<AttributeValue>, &Arc<Source>) {
        (&self.value, &self.source)
    }

    /// Holds what others hold already instead of its own.
    pub(super) fn share(
        &mut self,
        value: impl FnOnce(&AttributeValue) -> Option<Arc<AttributeValue>>,
        source: impl FnOnce(&Source) -> Arc<Source>,
    ) {
        if let Some(value) = value(&self.value) {
            self.value = value;
        }
        self.source = source(&self.source);
    }

    /// The same word, at this moment or later.
    #[must_use]
    pub(super) fn not_before(self, earliest: Timestamp) -> Self {
        Self { observed_at: self.observed_at.max(earliest), ..self }
    }
}

/// A person's decision that an attribute has this value for now, whatever anybody says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lock {
    /// The value that counts.
    pub value: AttributeValue,
    /// Whose decision.
    pub source: Source,
    /// Why.
    pub reason: String,
    /// Since when.
    pub locked_at: Timestamp,
    /// When the computed value counts again.
    pub expires_at: Timestamp,
}

/// An attribute with every source's proposal. Asserted (by people) and observed (by machines) values that differ are drift.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Attribute(Held);

/// Most attributes are spoken of by one source.
#[derive(Clone, Debug, PartialEq)]
enum Held {
    Sole(Proposal),
    Many(Box<Many>),
}

/// An attribute that several sources speak of, or that is locked.
#[derive(Clone, Debug, PartialEq)]
struct Many {
    proposals: Box<[Proposal]>,
    /// Place of the proposal that counts when there is no lock; without a meaning when there are no proposals.
    winner: u16,
    /// Place of the machine's proposal that counts when no person says anything.
    observed: Option<u16>,
    lock: Option<Lock>,
}

/// What people say of an attribute: the lock, else the newest assertion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assertion<'a> {
    /// The value.
    pub value: &'a AttributeValue,
    /// Who.
    pub source: &'a Source,
    /// When.
    pub at: Timestamp,
}

impl Attribute {
    /// The attribute that these proposals make, in order of their sources; `winner` and `observed` are places among them.
    /// `None` when there is neither a proposal nor a lock.
    pub(super) fn new(proposals: Vec<Proposal>, winner: usize, observed: Option<usize>, lock: Option<Lock>) -> Option<Self> {
        let (winner, observed) = (u16::try_from(winner).ok()?, observed.and_then(|place| u16::try_from(place).ok()));
        Self::try_from(Stored { proposals, winner, observed, lock }).ok()
    }

    /// The attribute that only one source speaks of.
    #[must_use]
    pub fn sole(proposal: Proposal) -> Self {
        Self(Held::Sole(proposal))
    }

    /// The value that counts.
    #[must_use]
    pub fn value(&self) -> &AttributeValue {
        match &self.0 {
            Held::Sole(sole) => &sole.value,
            Held::Many(many) => many.lock.as_ref().map_or_else(|| many.winner().value(), |lock| &lock.value),
        }
    }

    /// Whose value it is.
    #[must_use]
    pub fn source(&self) -> &Source {
        match &self.0 {
            Held::Sole(sole) => &sole.source,
            Held::Many(many) => many.lock.as_ref().map_or_else(|| many.winner().source(), |lock| &lock.source),
        }
    }

    /// The value that counts, when it is a text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self.value() {
            AttributeValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// All proposals, in order of their sources.
    #[must_use]
    pub fn proposals(&self) -> &[Proposal] {
        match &self.0 {
            Held::Sole(sole) => std::slice::from_ref(sole),
            Held::Many(many) => &many.proposals,
        }
    }

    /// The proposal that counts when there is no lock.
    #[must_use]
    pub fn winner(&self) -> Option<&Proposal> {
        match &self.0 {
            Held::Sole(sole) => Some(sole),
            Held::Many(many) => many.proposals.get(usize::from(many.winner)),
        }
    }

    /// What this source says.
    #[must_use]
    pub fn proposal_of(&self, source: &Source) -> Option<&Proposal> {
        self.proposals().iter().find(|proposal| proposal.source() == source)
    }

    /// The lock on it.
    #[must_use]
    pub fn lock(&self) -> Option<&Lock> {
        match &self.0 {
            Held::Sole(_) => None,
            Held::Many(many) => many.lock.as_ref(),
        }
    }

    /// What people say.
    #[must_use]
    pub fn asserted(&self) -> Option<Assertion<'_>> {
        if let Some(lock) = self.lock() {
            return Some(Assertion { value: &lock.value, source: &lock.source, at: lock.locked_at });
        }
        let asserted = self.proposals().iter().filter(|proposal| proposal.source.is_person());
        let newest = asserted.max_by_key(|proposal| (proposal.observed_at, &proposal.source))?;
        Some(Assertion { value: &newest.value, source: newest.source(), at: newest.observed_at })
    }

    /// What counts of all that machines say.
    #[must_use]
    pub fn observed(&self) -> Option<&Proposal> {
        match &self.0 {
            Held::Sole(sole) => Some(sole).filter(|sole| !sole.source.is_person()),
            Held::Many(many) => many.proposals.get(usize::from(many.observed?)),
        }
    }

    /// Whether people say something else than machines.
    #[must_use]
    pub fn drifts(&self) -> bool {
        matches!((self.asserted(), self.observed()), (Some(asserted), Some(observed)) if *asserted.value != *observed.value)
    }

    /// The same proposals under this lock.
    #[must_use]
    pub(super) fn locked(self, lock: Lock) -> Self {
        let many = match self.0 {
            Held::Sole(sole) => {
                Many { winner: 0, observed: (!sole.source.is_person()).then_some(0), proposals: [sole].into(), lock: Some(lock) }
            }
            Held::Many(many) => Many { lock: Some(lock), ..*many },
        };
        Self(Held::Many(Box::new(many)))
    }

    /// The attribute of a lock that nobody speaks of.
    #[must_use]
    pub(super) fn only_locked(lock: Lock) -> Self {
        Self(Held::Many(Box::new(Many { proposals: Box::default(), winner: 0, observed: None, lock: Some(lock) })))
    }

    /// The same proposals without a lock; `None` when there are none.
    #[must_use]
    pub(super) fn unlocked(self) -> Option<Self> {
        match self.0 {
            Held::Sole(_) => Some(self),
            Held::Many(many) => {
                let Many { proposals, winner, observed, .. } = *many;
                Self::try_from(Stored { proposals: proposals.into(), winner, observed, lock: None }).ok()
            }
        }
    }

    /// Each proposal, to be told what it can share with others.
    pub(super) fn proposals_mut(&mut self) -> &mut [Proposal] {
        match &mut self.0 {
            Held::Sole(sole) => std::slice::from_mut(sole),
            Held::Many(many) => &mut many.proposals,
        }
    }
}

impl Many {
    fn winner(&self) -> &Proposal {
        &self.proposals[usize::from(self.winner)]
    }
}

/// An attribute as it is stored, not yet checked.
#[derive(Deserialize)]
struct Stored {
    proposals: Vec<Proposal>,
    winner: u16,
    #[serde(default)]
    observed: Option<u16>,
    #[serde(default)]
    lock: Option<Lock>,
}

impl TryFrom<Stored> for Attribute {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, &'static str> {
        let Stored { mut proposals, winner, observed, lock } = stored;
        let exists = |place: u16| usize::from(place) < proposals.len();
        if !exists(winner) && (lock.is_none() || !proposals.is_empty()) {
            return Err("an attribute needs a proposal that counts, or a lock");
        }
        if observed.is_some_and(|place| !exists(place)) {
            return Err("the observed proposal of an attribute is not there");
        }
        if lock.is_none()
            && proposals.len() == 1
            && let Some(sole) = proposals.pop()
        {
            return Ok(Self::sole(sole));
        }
        Ok(Self(Held::Many(Box::new(Many { proposals: proposals.into(), winner, observed, lock }))))
    }
}

impl Serialize for Attribute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written().serialize(serializer)
    }
}

/// What [`Stored`] reads.
#[derive(Serialize)]
struct Written<'a> {
    proposals: &'a [Proposal],
    winner: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lock: Option<&'a Lock>,
}

impl Attribute {
    fn written(&self) -> Written<'_> {
        let (winner, observed) = match &self.0 {
            Held::Sole(sole) => (0, (!sole.source.is_person()).then_some(0)),
            Held::Many(many) => (many.winner, many.observed),
        };
        Written { proposals: self.proposals(), winner, observed, lock: self.lock() }
    }
}

/// An attribute in the log: beside what is stored also what follows from it, for those who read the log.
///
/// # Errors
/// Those of the serializer.
pub(super) fn serialize_shown<S: Serializer>(attribute: &Option<Attribute>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Shown<'a> {
        value: &'a AttributeValue,
        source: &'a Source,
        drift: bool,
        #[serde(flatten)]
        written: Written<'a>,
    }
    let shown = attribute.as_ref().map(|known| Shown {
        value: known.value(),
        source: known.source(),
        drift: known.drifts(),
        written: known.written(),
    });
    shown.serialize(serializer)
}

/// What is shared, written as what it is.
mod shared {
    use super::{Arc, Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<T: Serialize, S: Serializer>(shared: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error> {
        shared.as_ref().serialize(serializer)
    }

    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<T>, D::Error> {
        T::deserialize(deserializer).map(Arc::new)
    }
}

#[cfg(test)]
mod tests;
