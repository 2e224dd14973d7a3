//! Erasing a configuration item for legal reasons: what goes, and what went.

use super::texts;
use crate::engine::Erased;
use rollcall_domain::ci::erase::Forecast;
use serde::Serialize;
use utoipa::ToSchema;

/// What goes with a configuration item, as far as the state knows.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErasureForecast {
    /// The item, its parts and its duplicates.
    pub cis: Vec<String>,
    /// Agents that report as it; they have to be enrolled anew to be heard again.
    pub agents: Vec<String>,
    /// Alerts.
    pub alerts: u64,
    /// Reviews, dead letters and parked reports.
    pub tasks: u64,
    /// Incidents, problems and others that tell of it: those about it alone go, the others lose what names it.
    pub told_by: u64,
    /// Attributes, each with all that was ever said of it.
    pub attributes: u64,
    /// Stored relations.
    pub relations: u64,
    /// Section contents that its history names; those that another item has as well stay.
    pub contents: u64,
    /// Files that are attached to incidents and problems about it; content that another one has as well stays.
    pub attachments: u64,
    /// Files that are attached to incidents and problems that tell of it among others. They stay: look into them, and remove what has to go.
    pub attachments_elsewhere: Vec<String>,
    /// Records of the log that are about it, at least.
    pub records: u64,
}

impl From<&Forecast> for ErasureForecast {
    fn from(found: &Forecast) -> Self {
        Self {
            cis: texts(&found.cis),
            agents: texts(&found.agents),
            alerts: found.alerts,
            tasks: found.tasks,
            told_by: found.told_by,
            attributes: found.attributes,
            relations: found.relations,
            contents: found.contents,
            attachments: found.attachments,
            attachments_elsewhere: texts(&found.attachments_elsewhere),
            records: found.records,
        }
    }
}

/// What was erased.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErasureDone {
    /// The record of the log that says so, and nothing else of the item.
    pub revision: u64,
    /// Records that were about the item and are empty now.
    pub erased: u64,
    /// Records that named it among others and do so no more.
    pub rewritten: u64,
    /// Section contents that nobody else had.
    pub contents: u64,
    /// Attached files that nothing else names.
    pub attachments: u64,
}

impl From<Erased> for ErasureDone {
    fn from(done: Erased) -> Self {
        let Erased { revision, erased, rewritten, contents, attachments } = done;
        Self { revision, erased, rewritten, contents, attachments }
    }
}

/// What goes, and what went.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErasureOutcome {
    /// Whether nothing was done.
    pub dry_run: bool,
    /// What goes with the item.
    pub goes: ErasureForecast,
    /// What was done; null for a dry run.
    pub done: Option<ErasureDone>,
}
