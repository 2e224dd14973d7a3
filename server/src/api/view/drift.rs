//! What people and machines say of one attribute when it is not the same.

use super::Time;
use super::ci::{Source, Value};
use super::word::Class;
use rollcall_domain::World;
use rollcall_domain::ci as domain;
use rollcall_domain::id::CiId;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use utoipa::ToSchema;

/// An attribute of which people say something else than machines.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Drift {
    /// The configuration item.
    #[schema(example = "host_00000000000000000000000001")]
    pub ci: String,
    /// What it is called.
    pub name: String,
    /// What it is.
    pub class: Class,
    /// Name of the attribute.
    #[schema(example = "model")]
    pub attribute: String,
    /// What people say: the lock, else the newest assertion.
    pub asserted: Said,
    /// What counts of all that machines say.
    pub observed: Said,
    /// Until when the asserted value is locked; null without a lock.
    pub locked_until: Option<Time>,
}

/// A value, whose it is and since when.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Said {
    /// The value.
    pub value: Value,
    /// Who says so.
    pub source: Source,
    /// When it was asserted or first measured.
    pub at: Time,
}

impl Drift {
    /// The view of an attribute; `None` when it does not drift.
    pub fn new(world: &World, ci: &domain::Ci, name: &str) -> Option<Self> {
        let attribute = ci.attributes.get(name).filter(|attribute| attribute.drifts())?;
        let (asserted, observed) = (attribute.asserted()?, attribute.observed()?);
        let said = |value: &domain::AttributeValue, source: &domain::Source, at| Said {
            value: Value(world.contacts.shown(name, value).into_owned()),
            source: source.into(),
            at: Time(at),
        };
        Some(Self {
            ci: ci.id.to_string(),
            name: ci.name.clone(),
            class: ci.class.into(),
            attribute: name.to_owned(),
            asserted: said(asserted.value, asserted.source, asserted.at),
            observed: said(observed.value(), observed.source(), observed.observed_at()),
            locked_until: attribute.lock().map(|lock| Time(lock.expires_at)),
        })
    }
}

/// A place in the list: item and attribute.
#[derive(Clone, Debug)]
pub struct DriftKey(pub CiId, pub Arc<str>);

impl fmt::Display for DriftKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0, self.1)
    }
}

impl FromStr for DriftKey {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (ci, name) = text.split_once('/').ok_or(())?;
        Ok(Self(ci.parse().map_err(drop)?, name.into()))
    }
}
