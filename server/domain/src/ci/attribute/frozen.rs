//! Attributes as a snapshot holds them: what many items share is written once, and held once again when it is read.
//!
//! A fleet has tens of millions of attributes. Names, sources and the values that several items have are in [`Tables`]; an
//! attribute refers to them by number.

use super::{Attribute, AttributeValue, Attributes, Held, Lock, Method, Proposal, Source, Stored};
use rollcall_shared::{AgentId, SectionName, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What attributes share.
#[derive(Serialize, Deserialize)]
pub struct Tables<'a> {
    names: Vec<Cow<'a, str>>,
    values: Vec<FrozenValue<'a>>,
    sources: Vec<FrozenSource<'a>>,
}

/// Attributes of one item, by the number of their name.
pub type FrozenAttributes<'a> = Vec<(u32, FrozenAttribute<'a>)>;

/// Gives numbers to what is shared, the first that is seen the first.
#[derive(Default)]
pub struct Writing<'a> {
    names: Numbered<'a, str>,
    values: Numbered<'a, AttributeValue>,
    sources: Numbered<'a, Source>,
}

/// What is shared, ready to be shared again.
pub struct Reading {
    names: Vec<Arc<str>>,
    values: Vec<Arc<AttributeValue>>,
    sources: Vec<Arc<Source>>,
}

/// Things by where they are in memory.
struct Numbered<'a, T: ?Sized> {
    numbers: BTreeMap<*const (), u32>,
    things: Vec<&'a T>,
    last: (*const (), u32),
}

#[derive(Serialize, Deserialize)]
pub enum FrozenAttribute<'a> {
    Sole(FrozenProposal<'a>),
    Many { proposals: Vec<FrozenProposal<'a>>, winner: u16, observed: Option<u16>, lock: Option<FrozenLock<'a>> },
}

#[derive(Serialize, Deserialize)]
pub struct FrozenProposal<'a> {
    value: SharedOrOwn<'a>,
    source: u32,
    observed_at: Timestamp,
    method: FrozenMethod,
    stale: bool,
}

#[derive(Serialize, Deserialize)]
enum SharedOrOwn<'a> {
    Shared(u32),
    Own(FrozenValue<'a>),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum FrozenMethod {
    Section(SectionName),
    Api,
    Import,
    Derived,
}

#[derive(Serialize, Deserialize)]
pub struct FrozenLock<'a> {
    value: FrozenValue<'a>,
    source: FrozenSource<'a>,
    reason: Cow<'a, str>,
    locked_at: Timestamp,
    expires_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
enum FrozenValue<'a> {
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(Cow<'a, str>),
    List(Cow<'a, [String]>),
}

#[derive(Serialize, Deserialize)]
enum FrozenSource<'a> {
    Person(Cow<'a, str>),
    Agent(AgentId),
    Feed(Cow<'a, str>),
}

impl<T: ?Sized> Default for Numbered<'_, T> {
    fn default() -> Self {
        Self { numbers: BTreeMap::new(), things: Vec::new(), last: (std::ptr::null(), 0) }
    }
}

impl<'a, T: ?Sized> Numbered<'a, T> {
    fn number(&mut self, thing: &'a Arc<T>) -> u32 {
        let place = Arc::as_ptr(thing).cast::<()>();
        if self.last.0 == place {
            return self.last.1;
        }
        let next = u32::try_from(self.things.len()).expect("fewer than 2^32 things fit into memory");
        let number = *self.numbers.entry(place).or_insert(next);
        if number == next {
            self.things.push(thing);
        }
        self.last = (place, number);
        number
    }
}

impl<'a> Writing<'a> {
    /// The attributes of an item.
    pub fn attributes(&mut self, attributes: &'a Attributes) -> FrozenAttributes<'a> {
        attributes.entries().iter().map(|(name, attribute)| (self.names.number(name), self.attribute(attribute))).collect()
    }

    /// What the attributes so far share.
    pub fn tables(&self) -> Tables<'a> {
        Tables {
            names: self.names.things.iter().map(|&name| name.into()).collect(),
            values: self.values.things.iter().map(|&value| value.into()).collect(),
            sources: self.sources.things.iter().map(|&source| source.into()).collect(),
        }
    }

    fn attribute(&mut self, attribute: &'a Attribute) -> FrozenAttribute<'a> {
        match &attribute.0 {
            Held::Sole(sole) => FrozenAttribute::Sole(self.proposal(sole)),
            Held::Many(many) => FrozenAttribute::Many {
                proposals: many.proposals.iter().map(|proposal| self.proposal(proposal)).collect(),
                winner: many.winner,
                observed: many.observed,
                lock: many.lock.as_ref().map(Into::into),
            },
        }
    }

    fn proposal(&mut self, proposal: &'a Proposal) -> FrozenProposal<'a> {
        let Proposal { value, source, observed_at, method, stale } = proposal;
        let is_shared = Arc::strong_count(value) > 1;
        FrozenProposal {
            value: if is_shared { SharedOrOwn::Shared(self.values.number(value)) } else { SharedOrOwn::Own((&**value).into()) },
            source: self.sources.number(source),
            observed_at: *observed_at,
            method: match *method {
                Method::Section(name) => FrozenMethod::Section(name),
                Method::Api => FrozenMethod::Api,
                Method::Import => FrozenMethod::Import,
                Method::Derived => FrozenMethod::Derived,
            },
            stale: *stale,
        }
    }
}

impl Reading {
    /// From tables that were read.
    #[must_use]
    pub fn new(tables: Tables<'_>) -> Self {
        Self {
            names: tables.names.into_iter().map(Arc::from).collect(),
            values: tables.values.into_iter().map(|value| Arc::new(value.into())).collect(),
            sources: tables.sources.into_iter().map(|source| Arc::new(source.into())).collect(),
        }
    }

    /// The attributes of an item; `None` when they refer to what is not there.
    #[must_use]
    pub fn attributes(&self, frozen: FrozenAttributes<'_>) -> Option<Attributes> {
        let entry = |(name, attribute)| Some((Arc::clone(self.names.get(place(name))?), self.attribute(attribute)?));
        let mut entries = Vec::with_capacity(frozen.len());
        for frozen in frozen {
            entries.push(entry(frozen)?);
        }
        Some(Attributes::of_sorted(entries))
    }

    fn attribute(&self, frozen: FrozenAttribute<'_>) -> Option<Attribute> {
        match frozen {
            FrozenAttribute::Sole(sole) => Some(Attribute::sole(self.proposal(sole)?)),
            FrozenAttribute::Many { proposals, winner, observed, lock } => {
                let proposals = proposals.into_iter().map(|proposal| self.proposal(proposal)).collect::<Option<Vec<_>>>()?;
                Attribute::try_from(Stored { proposals, winner, observed, lock: lock.map(Into::into) }).ok()
            }
        }
    }

    fn proposal(&self, frozen: FrozenProposal<'_>) -> Option<Proposal> {
        let value = match frozen.value {
            SharedOrOwn::Shared(number) => Arc::clone(self.values.get(place(number))?),
            SharedOrOwn::Own(value) => Arc::new(value.into()),
        };
        let source = Arc::clone(self.sources.get(place(frozen.source))?);
        let method = match frozen.method {
            FrozenMethod::Section(name) => Method::Section(name),
            FrozenMethod::Api => Method::Api,
            FrozenMethod::Import => Method::Import,
            FrozenMethod::Derived => Method::Derived,
        };
        Some(Proposal { value, source, observed_at: frozen.observed_at, method, stale: frozen.stale })
    }
}

fn place(number: u32) -> usize {
    number as usize
}

impl<'a> From<&'a AttributeValue> for FrozenValue<'a> {
    fn from(value: &'a AttributeValue) -> Self {
        match value {
            AttributeValue::Boolean(value) => Self::Boolean(*value),
            AttributeValue::Integer(value) => Self::Integer(*value),
            AttributeValue::Number(value) => Self::Number(*value),
            AttributeValue::Text(value) => Self::Text(value.into()),
            AttributeValue::List(values) => Self::List(values.into()),
        }
    }
}

impl From<FrozenValue<'_>> for AttributeValue {
    fn from(value: FrozenValue<'_>) -> Self {
        match value {
            FrozenValue::Boolean(value) => Self::Boolean(value),
            FrozenValue::Integer(value) => Self::Integer(value),
            FrozenValue::Number(value) => Self::Number(value),
            FrozenValue::Text(value) => Self::Text(value.into_owned()),
            FrozenValue::List(values) => Self::List(values.into_owned()),
        }
    }
}

impl<'a> From<&'a Source> for FrozenSource<'a> {
    fn from(source: &'a Source) -> Self {
        match source {
            Source::Person { name } => Self::Person(name.into()),
            Source::Agent { id } => Self::Agent(*id),
            Source::Feed { name } => Self::Feed(name.into()),
        }
    }
}

impl From<FrozenSource<'_>> for Source {
    fn from(source: FrozenSource<'_>) -> Self {
        match source {
            FrozenSource::Person(name) => Self::Person { name: name.into_owned() },
            FrozenSource::Agent(id) => Self::Agent { id },
            FrozenSource::Feed(name) => Self::Feed { name: name.into_owned() },
        }
    }
}

impl<'a> From<&'a Lock> for FrozenLock<'a> {
    fn from(lock: &'a Lock) -> Self {
        let Lock { value, source, reason, locked_at, expires_at } = lock;
        Self { value: value.into(), source: source.into(), reason: reason.into(), locked_at: *locked_at, expires_at: *expires_at }
    }
}

impl From<FrozenLock<'_>> for Lock {
    fn from(lock: FrozenLock<'_>) -> Self {
        let FrozenLock { value, source, reason, locked_at, expires_at } = lock;
        Self { value: value.into(), source: source.into(), reason: reason.into_owned(), locked_at, expires_at }
    }
}
