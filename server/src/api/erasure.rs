//! Erasing a configuration item for legal reasons.

use super::Api;
use super::caller::Caller;
use super::cis::find;
use super::extract::{Body, Named};
use super::view::erasure::ErasureOutcome;
use crate::answer::{self, ApiError};
use crate::engine::Erasure;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::ci::erase::{self, Wanted};
use rollcall_domain::id::CiId;
use serde::Deserialize;
use utoipa::ToSchema;

/// Why a configuration item is to be erased.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "the owner of the notebook asked for it", "legal_basis": "GDPR Art. 17 (1) b", "dry_run": true}))]
pub struct ErasureRequest {
    /// Why. It stays in the log for ever: name nobody in it.
    reason: String,
    /// On which legal basis. It stays as well.
    legal_basis: String,
    /// Erase it although it is neither retired nor disposed of; not unless said.
    #[serde(default)]
    force: bool,
    /// Only tell what would go; not unless said.
    #[serde(default)]
    dry_run: bool,
}

/// Erases a configuration item with all that was ever known of it: from the state, the log and the store.
///
/// Its parts, its duplicates and its agents go with it. It cannot be taken back. Of the log, records about it become empty ones and
/// others lose what names it; the log can still be verified. What stays is who erased which id, when and why. Backups and what
/// was delivered to others are out of reach. A machine that returns is a new item. To retire deletes nothing and is what is
/// right for everything else.
#[utoipa::path(post, path = "/api/v1/cis/{id}/erase", tag = "cis", request_body = ErasureRequest,
    responses((status = 200, description = "What goes, or went.", body = ErasureOutcome)))]
pub async fn erase_ci(
    State(api): State<Api>,
    Named(ci): Named<CiId>,
    caller: Caller,
    Body(request): Body<ErasureRequest>,
) -> Result<Response, ApiError> {
    let ErasureRequest { reason, legal_basis, force, dry_run } = request;
    let wanted = Wanted { ci, reason, legal_basis, force };
    let goes = api.engine.read(|world| {
        let current = find(world, ci)?.revision;
        caller.check_precondition(&ci.to_string(), current)?;
        let target = erase::target(world, &wanted)?;
        Ok::<_, ApiError>((&erase::forecast(world, &target)).into())
    })?;
    let done = match dry_run {
        true => None,
        false => {
            let (actor, request_id) = (caller.principal.actor.clone(), caller.request_id().map(str::to_owned));
            Some(api.engine.erase(Erasure { actor, request_id, wanted }).await?.into())
        }
    };
    Ok(answer::json(&ErasureOutcome { dry_run, goes, done }))
}
