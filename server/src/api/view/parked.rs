//! Reports of machines that their source may not insert.

use super::ci::Source;
use super::word::Class;
use super::{Time, texts};
use rollcall_domain::ci::Reporter;
use rollcall_domain::ci::parking::Parked as Domain;
use serde::Serialize;
use utoipa::ToSchema;

/// A report that waits for a source that may insert its machine.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Parked {
    /// Its id.
    #[schema(example = "parked_00000000000000000000000001")]
    pub id: String,
    /// Who reported.
    pub source: Source,
    /// What the source calls the machine; null for an agent.
    pub key: Option<String>,
    /// What the machine seems to be.
    pub class: Class,
    /// What it is called.
    pub name: String,
    /// Why it waits.
    pub reason: String,
    /// Identifiers by which it is recognised when another source brings it.
    pub identifiers: Vec<String>,
    /// Sections of the report.
    pub sections: Vec<String>,
    /// When the machine was first reported.
    pub parked_at: Time,
    /// When this was reported.
    pub reported_at: Time,
    /// When it is given up.
    pub expires_at: Time,
}

impl From<&Domain> for Parked {
    fn from(parked: &Domain) -> Self {
        let key = match &parked.reporter {
            Reporter::Agent(_) => None,
            Reporter::Feed { key, .. } => Some(key.clone()),
        };
        Self {
            id: parked.id.to_string(),
            source: (&parked.reporter.source()).into(),
            key,
            class: parked.class.into(),
            name: parked.name.clone(),
            reason: parked.reason.clone(),
            identifiers: parked.facts.clone(),
            sections: texts(parked.report.sections.iter().map(|entry| entry.name)),
            parked_at: Time(parked.parked_at),
            reported_at: Time(parked.reported_at),
            expires_at: Time(parked.expires_at),
        }
    }
}
