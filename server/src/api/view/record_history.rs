//! What changed an incident or a problem, field by field.

use super::incident::Party;
use super::record::Record;
use super::word::Verdict;
use super::{Actor, Stamp, Time};
use rollcall_domain::field_change as domain;
use serde::Serialize;
use std::borrow::Cow;
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A record of the log that changed an incident or a problem.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RecordChange {
    /// Its position in the log.
    pub revision: u64,
    /// When it was decided, by the server's clock.
    pub at: Time,
    /// What happened; to another one where that changes this one too, such as a child that opened.
    #[schema(example = "incident_assigned")]
    pub r#type: String,
    /// Who stands behind it: a person, or the rule that judged.
    pub by: Actor,
    /// Why, where that was said.
    pub reason: Option<String>,
    /// Fields that it changed; of the first record all that the incident or problem was given.
    pub changes: Vec<FieldChange>,
    /// Id of the request that caused it.
    pub request_id: Option<String>,
}

/// A field that changed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FieldChange {
    /// Which, as the incident or problem names it; `severity` and `value` are those of its breach.
    #[schema(example = "assignee")]
    pub field: &'static str,
    /// What was there, null for nothing; of several what went.
    pub before: FieldValue,
    /// What is there now, null for nothing; of several what came.
    pub after: FieldValue,
}

/// What a field holds.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum FieldValue {
    /// Nothing.
    Nothing,
    /// A yes or no.
    Flag(bool),
    /// A grade, or how often.
    Count(u64),
    /// A measurement.
    Number(f64),
    /// A text, a word or an id.
    Text(String),
    /// When something was done, and by whom.
    Stamp(Stamp),
    /// Somebody.
    Party(Party),
    /// What was written down.
    Note {
        /// What.
        text: String,
        /// Whether the caller may read it.
        public: bool,
    },
    /// A suspected cause.
    Hypothesis {
        /// What affected items share.
        factor: String,
        /// How it is judged.
        verdict: Verdict,
    },
    /// Several.
    Several(Vec<FieldValue>),
}

impl PartialSchema for FieldValue {
    fn schema() -> RefOr<Schema> {
        let plain = |kind: Type| ObjectBuilder::new().schema_type(kind).build();
        AnyOfBuilder::new()
            .description(Some("What a field holds, in the form that the incident or problem has it; null for nothing."))
            .item(plain(Type::Null))
            .item(plain(Type::Boolean))
            .item(plain(Type::Number))
            .item(plain(Type::String))
            .item(plain(Type::Object))
            .item(ArrayBuilder::new().items(plain(Type::Object)))
            .item(ArrayBuilder::new().items(plain(Type::String)))
            .into()
    }
}

impl ToSchema for FieldValue {
    fn name() -> Cow<'static, str> {
        "FieldValue".into()
    }
}

impl From<domain::FieldValue> for FieldValue {
    fn from(value: domain::FieldValue) -> Self {
        use domain::FieldValue as V;
        match value {
            V::Nothing => Self::Nothing,
            V::Flag(flag) => Self::Flag(flag),
            V::Count(count) => Self::Count(count),
            V::Number(number) => Self::Number(number),
            V::Text(text) => Self::Text(text),
            V::Stamp(at, by) => Self::Stamp((&(at, by)).into()),
            V::Party(party) => Self::Party((&party).into()),
            V::Ci(id) => Self::Text(id.to_string()),
            V::Alert(id) => Self::Text(id.to_string()),
            V::Incident(id) => Self::Text(id.to_string()),
            V::Problem(id) => Self::Text(id.to_string()),
            V::Note { text, public } => Self::Note { text, public },
            V::Hypothesis { factor, verdict } => Self::Hypothesis { factor, verdict: verdict.into() },
            V::Several(values) => Self::Several(values.into_iter().map(Into::into).collect()),
        }
    }
}

impl RecordChange {
    /// The view of what a record did.
    pub fn new(record: &rollcall_domain::Record, step: domain::Step) -> Self {
        let Record { revision, at, r#type, request_id, .. } = record.into();
        let change =
            |change: domain::FieldChange| FieldChange { field: change.field, before: change.before.into(), after: change.after.into() };
        Self {
            revision,
            at,
            r#type,
            by: (&step.by).into(),
            reason: step.reason,
            changes: step.changes.into_iter().map(change).collect(),
            request_id,
        }
    }
}
