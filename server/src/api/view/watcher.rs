//! Who watches an incident, and who of them would hear nothing.

use super::incident::Party;
use rollcall_domain::incident::Party as DomainParty;
use rollcall_domain::{World, notification::watch};
use serde::Serialize;
use utoipa::ToSchema;

/// Somebody who is told what becomes of an incident, or why not.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Watcher {
    /// Who.
    #[serde(flatten)]
    pub party: Party,
    /// Why nothing reaches them as things are now; null when something does.
    #[schema(example = "ada has no notification method; PUT /api/v1/contacts/con_00000000000000000000000001/methods gives them one")]
    pub unreached: Option<String>,
}

impl Watcher {
    /// A watcher as they are called and reached now.
    pub fn new(world: &World, watcher: &DomainParty) -> Self {
        Self { party: Party::new(world, watcher), unreached: watch::unreached(world, watcher) }
    }
}
