//! Configuration items and what belongs to them.

use super::lifecycle::{RetirementCandidate, Staleness, candidate, staleness};
use super::word::{AttemptResult, Class, Lifecycle, Operation, Outcome, SectionName};
use super::{Time, texts};
use rollcall_domain::World;
use rollcall_domain::ci as domain;
use rollcall_domain::ci::decide::reconcile;
use rollcall_domain::ci::licence::{INSTALLATIONS, Installations};
use rollcall_domain::contact::names::ATTRIBUTES;
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Value(pub domain::AttributeValue);

impl PartialSchema for Value {
    fn schema() -> RefOr<Schema> {
        let plain = |kind: Type| ObjectBuilder::new().schema_type(kind).build();
        AnyOfBuilder::new()
            .description(Some("A yes or no, a number, a text, or several texts. Sizes are in bytes."))
            .item(plain(Type::Boolean))
            .item(plain(Type::Integer))
            .item(plain(Type::Number))
            .item(plain(Type::String))
            .item(ArrayBuilder::new().items(plain(Type::String)))
            .into()
    }
}

impl ToSchema for Value {
    fn name() -> Cow<'static, str> {
        "AttributeValue".into()
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// A person asserted it.
    Person {
        /// Name of the token that the person used.
        name: String,
    },
    /// An agent measured it.
    Agent {
        /// Which.
        #[schema(example = "agent_00000000000000000000000001")]
        id: String,
    },
    /// Another system delivered it.
    Feed {
        /// Its name in the configuration.
        #[schema(example = "glpi")]
        name: String,
    },
    /// Rollcall counted it when it was asked.
    Counted,
}

impl From<&domain::Source> for Source {
    fn from(source: &domain::Source) -> Self {
        match source {
            domain::Source::Person { name } => Self::Person { name: name.clone() },
            domain::Source::Agent { id } => Self::Agent { id: id.to_string() },
            domain::Source::Feed { name } => Self::Feed { name: name.clone() },
        }
    }
}

/// What one source says of one attribute.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Proposal {
    /// The value.
    pub value: Value,
    /// Who says so.
    pub source: Source,
    /// When it was measured or asserted.
    pub observed_at: Time,
    /// How, such as `section system` or `api`.
    pub method: String,
    /// Whether its source has not confirmed it in time, so that every other comes before it.
    pub stale: bool,
}

/// A person's decision that an attribute has a value for now, whatever anybody says.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Lock {
    /// The value that counts.
    pub value: Value,
    /// Whose decision.
    pub source: Source,
    /// Why.
    pub reason: String,
    /// Since when.
    pub locked_at: Time,
    /// When the computed value counts again.
    pub expires_at: Time,
}

impl From<&domain::Lock> for Lock {
    fn from(lock: &domain::Lock) -> Self {
        Self {
            value: Value(lock.value.clone()),
            source: (&lock.source).into(),
            reason: lock.reason.clone(),
            locked_at: Time(lock.locked_at),
            expires_at: Time(lock.expires_at),
        }
    }
}

/// An attribute: the value that counts, whose it is and why, and what every source says.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Attribute {
    /// The value that counts.
    pub value: Value,
    /// Whose value it is.
    pub source: Source,
    /// Why it won.
    pub reason: String,
    /// Whether an asserted and a measured value differ.
    pub drift: bool,
    /// The lock on it; null without one.
    pub lock: Option<Lock>,
    /// What every source says.
    pub proposals: Vec<Proposal>,
}

impl From<&domain::Proposal> for Proposal {
    fn from(proposal: &domain::Proposal) -> Self {
        Self {
            value: Value(proposal.value().clone()),
            source: proposal.source().into(),
            observed_at: Time(proposal.observed_at()),
            method: proposal.method().to_string(),
            stale: proposal.is_stale(),
        }
    }
}

impl Attribute {
    /// The view of an attribute: the policy tells why the value counts.
    pub fn new(world: &World, ci: &domain::Ci, name: &str, attribute: &domain::Attribute) -> Self {
        Self {
            value: Value(attribute.value().clone()),
            source: attribute.source().into(),
            reason: reconcile::reason(&world.cmdb.policy.reconciliation, ci, name, attribute),
            drift: attribute.drifts(),
            lock: attribute.lock().map(Into::into),
            proposals: attribute.proposals().iter().map(Into::into).collect(),
        }
    }
}

/// Names contacts as they are called now, for whoever asks for what is and not for what was.
pub fn call_by_names_of_now(world: &World, attributes: &mut BTreeMap<String, Attribute>) {
    for name in ATTRIBUTES {
        let Some(Attribute { value, lock, proposals, .. }) = attributes.get_mut(name) else { continue };
        let locked = lock.as_mut().map(|lock| &mut lock.value);
        let values = proposals.iter_mut().map(|proposal| &mut proposal.value).chain(locked).chain([value]);
        values.for_each(|value| value.0 = world.contacts.shown(name, &value.0).into_owned());
    }
}

/// The attribute of a software product that is counted and not kept, as it is now.
pub fn counted(world: &World, ci: &domain::Ci) -> Option<(String, Attribute)> {
    let value = Value(Installations::new(&world.cmdb).value(ci)?);
    let reason = format!("counted from the packages that hosts have now, without retired ones: /api/v1/software/{}/installations", ci.id);
    let attribute = Attribute { value, source: Source::Counted, reason, drift: false, lock: None, proposals: Vec::new() };
    Some((INSTALLATIONS.to_owned(), attribute))
}

/// A configuration item.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Ci {
    /// Its id for ever.
    #[schema(example = "host_00000000000000000000000001")]
    pub id: String,
    /// What it is.
    pub class: Class,
    /// What people call it.
    pub name: String,
    /// Where it is in its life.
    pub status: Lifecycle,
    /// Natural key within its class, for components and products.
    pub key: Option<String>,
    /// The configuration item that contains it, for components.
    pub parent: Option<String>,
    /// By name, each with its source.
    pub attributes: BTreeMap<String, Attribute>,
    /// When the record was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// Revision of the last change; also its entity tag.
    pub revision: u64,
    /// Words of people, for selecting.
    pub tags: Vec<String>,
    /// The other record of the same thing, when this one is a duplicate.
    pub duplicate_of: Option<String>,
    /// How fresh each of its own sources is, now; empty for what is known from its host alone.
    pub staleness: Vec<Staleness>,
    /// Why it may be retired; null when it may not.
    pub retirement_candidate: Option<RetirementCandidate>,
}

impl Ci {
    /// The view of a configuration item as it is now, with what is counted.
    pub fn current(world: &World, ci: &domain::Ci, now: Timestamp) -> Self {
        let mut view = Self::new(world, ci, now);
        call_by_names_of_now(world, &mut view.attributes);
        view.attributes.extend(counted(world, ci));
        view
    }

    /// The view of a configuration item with a reason for every value that is kept.
    pub fn new(world: &World, ci: &domain::Ci, now: Timestamp) -> Self {
        let attribute = |(name, attribute): (&str, &domain::Attribute)| (name.to_owned(), Attribute::new(world, ci, name, attribute));
        Self {
            id: ci.id.to_string(),
            class: ci.class.into(),
            name: ci.name.clone(),
            status: ci.status.into(),
            key: ci.key.clone(),
            parent: ci.parent.map(|id| id.to_string()),
            attributes: ci.attributes.iter().map(attribute).collect(),
            created_at: Time(ci.created_at),
            updated_at: Time(ci.updated_at),
            revision: ci.revision,
            tags: ci.tags.iter().cloned().collect(),
            duplicate_of: ci.duplicate_of.map(|id| id.to_string()),
            staleness: staleness(world, ci, now),
            retirement_candidate: candidate(world, ci.id),
        }
    }
}

/// A configuration item in a list: values without their sources.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CiSummary {
    /// Its id for ever.
    #[schema(example = "host_00000000000000000000000001")]
    pub id: String,
    /// What it is.
    pub class: Class,
    /// What people call it.
    pub name: String,
    /// Where it is in its life.
    pub status: Lifecycle,
    /// The configuration item that contains it, for components.
    pub parent: Option<String>,
    /// The values that count, by name.
    pub attributes: BTreeMap<String, Value>,
    /// Words of people, for selecting.
    pub tags: Vec<String>,
    /// The other record of the same thing, when this one is a duplicate.
    pub duplicate_of: Option<String>,
    /// When it last changed.
    pub updated_at: Time,
    /// Revision of the last change.
    pub revision: u64,
}

impl CiSummary {
    /// The view of a configuration item as it is now, with what is counted.
    pub fn current((world, installations): (&World, &Installations<'_>), ci: &domain::Ci) -> Self {
        let mut view = Self::from(ci);
        for name in ATTRIBUTES {
            if let Some(value) = view.attributes.get_mut(name) {
                value.0 = world.contacts.shown(name, &value.0).into_owned();
            }
        }
        view.attributes.extend(installations.value(ci).map(|value| (INSTALLATIONS.to_owned(), Value(value))));
        view
    }
}

impl From<&domain::Ci> for CiSummary {
    fn from(ci: &domain::Ci) -> Self {
        Self {
            id: ci.id.to_string(),
            class: ci.class.into(),
            name: ci.name.clone(),
            status: ci.status.into(),
            parent: ci.parent.map(|id| id.to_string()),
            tags: ci.tags.iter().cloned().collect(),
            duplicate_of: ci.duplicate_of.map(|id| id.to_string()),
            attributes: ci.attributes.iter().map(|(name, attribute)| (name.to_owned(), Value(attribute.value().clone()))).collect(),
            updated_at: Time(ci.updated_at),
            revision: ci.revision,
        }
    }
}

/// What is known of one section of a host.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SectionState {
    /// Which section.
    pub name: SectionName,
    /// Name of the last good content (BLAKE3).
    pub hash: Option<String>,
    /// How the last collection went.
    pub outcome: Outcome,
    /// Why it was not complete.
    pub reason: Option<String>,
    /// Since when the content is what it is.
    pub since: Time,
    /// Contents kept, the current one included.
    pub versions: u64,
    /// The feed that delivered it; null for the host's agent.
    pub feed: Option<String>,
}

impl SectionState {
    /// The view of a host's section.
    pub fn new(name: rollcall_shared::SectionName, state: &domain::SectionState, feed: Option<&str>) -> Self {
        Self {
            name: name.into(),
            hash: state.hash.map(|hash| hash.to_string()),
            outcome: state.outcome.into(),
            reason: state.reason.clone(),
            since: Time(state.since),
            versions: state.history.len() as u64,
            feed: feed.map(str::to_owned),
        }
    }
}

/// The content of a section.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SectionContent {
    /// Which section.
    pub name: SectionName,
    /// Name of this content (BLAKE3).
    pub hash: String,
    /// Since when the host's content was this.
    pub since: Time,
    /// How the last collection went; null for earlier contents.
    pub outcome: Option<Outcome>,
    /// Why it was not complete.
    pub reason: Option<String>,
    /// The rows, in canonical order. Their fields are those of the section.
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<serde_json::Value>,
    /// Give this as `cursor` to get the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// One try to identify a machine.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Attempt {
    /// Number of the identifier entry.
    pub entry: u16,
    /// Attributes that were compared, with their normalised values.
    pub attributes: BTreeMap<String, String>,
    /// What came of it.
    pub result: AttemptResult,
    /// Configuration items that matched.
    pub candidates: Vec<String>,
    /// Why it was skipped or a candidate was vetoed.
    pub note: Option<String>,
}

/// How a host was last identified.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Identification {
    /// Which host.
    pub ci: String,
    /// What was done.
    pub operation: Operation,
    /// Every try, in order.
    pub attempts: Vec<Attempt>,
}

impl From<&domain::Attempt> for Attempt {
    fn from(attempt: &domain::Attempt) -> Self {
        Self {
            entry: attempt.entry,
            attributes: attempt.attributes.clone(),
            result: attempt.result.into(),
            candidates: texts(&attempt.candidates),
            note: attempt.note.clone(),
        }
    }
}

impl Identification {
    /// The view of what identification did to a host.
    pub fn new(ci: rollcall_domain::id::CiId, operation: domain::Operation, attempts: &[domain::Attempt]) -> Self {
        Self { ci: ci.to_string(), operation: operation.into(), attempts: attempts.iter().map(Into::into).collect() }
    }
}

/// What identification would do.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DryRun {
    /// What would be done.
    pub operation: Operation,
    /// The known host; null for a new one.
    pub ci: Option<String>,
    /// What kind of host it would be.
    pub class: Class,
    /// Every try, in order.
    pub attempts: Vec<Attempt>,
    /// What people would be asked to look at.
    pub doubts: Vec<String>,
    /// Why nothing would be written.
    pub refused: Option<String>,
}

impl From<&domain::identify::Identification> for DryRun {
    fn from(found: &domain::identify::Identification) -> Self {
        Self {
            operation: found.operation.into(),
            ci: found.ci.map(|id| id.to_string()),
            class: found.class.into(),
            attempts: found.attempts.iter().map(Into::into).collect(),
            doubts: found.doubts.iter().map(|doubt| doubt.reason.clone()).collect(),
            refused: found.refused.as_ref().map(|refusal| refusal.reason.clone()),
        }
    }
}
