//! What people send about problems.

use crate::api::incidents::edit::{given, never_null};
use crate::api::view::word::{ProblemState, Verdict};
use serde::Deserialize;
use utoipa::ToSchema;

/// A work note.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "Happens after every upgrade"}))]
pub struct ProblemNote {
    /// What.
    pub(super) text: String,
}

/// The next state of work.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"state": "root_cause_analysis"}))]
pub struct Advance {
    /// assess, root_cause_analysis or fix_in_progress.
    pub(super) state: ProblemState,
}

/// What is known; what is left out stays as it is, and null takes a text away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"known_error": true, "workaround": "Restart the service"}))]
pub struct Description {
    /// Whether the cause is known though not fixed.
    #[serde(default, deserialize_with = "never_null")]
    #[schema(value_type = bool)]
    pub(super) known_error: Option<bool>,
    /// What helps until it is fixed.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub(super) workaround: Option<Option<String>>,
    /// The cause.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub(super) root_cause: Option<Option<String>>,
}

/// A person's word on a suspected cause.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"factor": "package dpkg/openssl 3.0.13", "verdict": "confirmed"}))]
pub struct Judgement {
    /// The hypothesis, by its factor.
    pub(super) factor: String,
    /// confirmed or refuted.
    pub(super) verdict: Verdict,
}

/// How it was fixed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"notes": "Upgraded to 3.0.14", "incidents": true}))]
pub struct Fix {
    /// In words.
    pub(super) notes: String,
    /// Whether its own open incidents are resolved with it.
    #[serde(default)]
    pub(super) incidents: bool,
}

/// A problem as people find it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "Mail is slow every Monday", "description": "Since the move.", "incidents": []}))]
pub struct NewProblem {
    /// A line.
    pub(super) title: String,
    /// More; empty unless given.
    #[serde(default)]
    pub(super) description: String,
    /// 1 (highest) to 5; 3 unless given.
    #[serde(default = "middle")]
    pub(super) priority: u8,
    /// Group that has it.
    pub(super) group: Option<String>,
    /// The configuration items that it applies to, in the query language, such as `package:openssl=3.0.14`: while it is a known error, their
    /// incidents say so as they open. Nothing that time or alerts change may be asked for.
    pub(super) applies_to: Option<String>,
    /// Incidents that belong to it.
    #[serde(default)]
    pub(super) incidents: Vec<String>,
}

fn middle() -> u8 {
    3
}

/// Incidents that belong to a problem.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"incidents": ["inc_00000000000000000000000001"]}))]
pub struct Belonging {
    /// Which.
    pub(super) incidents: Vec<String>,
}

/// An incident that does not belong to a problem.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"incident": "inc_00000000000000000000000001"}))]
pub struct Stranger {
    /// Which.
    pub(super) incident: String,
}

/// The problem that another one turned out to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"of": "prb_00000000000000000000000001"}))]
pub struct Original {
    /// Which.
    pub(super) of: String,
}

/// Why people live with a problem.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "The machines are replaced in March"}))]
pub struct RiskAcceptance {
    /// In words; null for "no longer".
    pub(super) reason: Option<String>,
}

/// What is to be different; what is left out stays as it is, and null empties the description and takes `applies_to` away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "Mail is slow every Monday", "priority": 2}))]
pub struct ProblemChange {
    /// A line.
    #[serde(default, deserialize_with = "never_null")]
    #[schema(value_type = String)]
    pub(super) title: Option<String>,
    /// More.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub(super) description: Option<Option<String>>,
    /// 1 (highest) to 5.
    #[serde(default, deserialize_with = "never_null")]
    #[schema(value_type = u8)]
    pub(super) priority: Option<u8>,
    /// The configuration items that it applies to, in the query language.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub(super) applies_to: Option<Option<String>>,
}
