//! Inputs that were refused and set aside.

use super::word::DeadLetterCode;
use super::{Time, texts};
use rollcall_domain::ci as domain;
use serde::Serialize;
use utoipa::ToSchema;

/// An input that was refused and set aside.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeadLetter {
    /// Its id; a repeated refusal gets a new one.
    #[schema(example = "dead_00000000000000000000000001")]
    pub id: String,
    /// Why, for programs.
    pub code: DeadLetterCode,
    /// Why, for people.
    pub reason: String,
    /// The agent that sent it; null for another system.
    pub agent: Option<String>,
    /// The feed that delivered it; null for an agent.
    pub feed: Option<String>,
    /// What the feed calls the machine, as far as that could be read.
    pub key: Option<String>,
    /// Configuration items that it is about, at most five.
    pub candidates: Vec<String>,
    /// When its sender was first refused for this reason.
    pub first_at: Time,
    /// When it was last refused.
    pub at: Time,
    /// How often that was written down, at most once an hour.
    pub count: u64,
}

impl From<&domain::DeadLetter> for DeadLetter {
    fn from(letter: &domain::DeadLetter) -> Self {
        let key = match &letter.reporter {
            domain::Reporter::Agent(_) => None,
            domain::Reporter::Feed { key, .. } => Some(key.clone()).filter(|key| !key.is_empty()),
        };
        Self {
            id: letter.id.to_string(),
            code: letter.code.into(),
            reason: letter.reason.clone(),
            agent: letter.reporter.agent().map(|agent| agent.to_string()),
            feed: letter.reporter.feed().map(str::to_owned),
            key,
            candidates: texts(&letter.candidates),
            first_at: Time(letter.first_at),
            at: Time(letter.at),
            count: letter.count,
        }
    }
}
