//! Configuration items as they were: the records of their history, folded up to a moment.

use super::{Api, cis};
use crate::answer::ApiError;
use crate::log;
use rollcall_domain::Record;
use rollcall_domain::ci::{self, past};
use rollcall_domain::id::CiId;
use rollcall_shared::Timestamp;

/// A configuration item at a moment.
///
/// # Errors
/// Not found, when it does not exist or did not then.
pub async fn ci_at(api: &Api, id: CiId, moment: Timestamp) -> Result<ci::Ci, ApiError> {
    let now = api.engine.read(|world| cis::find(world, id).cloned())?;
    at(api, &now, moment).await?.ok_or_else(|| ApiError::not_found("at that time a configuration item", &id.to_string()))
}

/// A known configuration item at a moment; `None` when it did not exist yet.
pub async fn at(api: &Api, now: &ci::Ci, moment: Timestamp) -> Result<Option<ci::Ci>, ApiError> {
    if now.created_at > moment {
        return Ok(None);
    }
    let records = records(api, now).await?;
    Ok(past::at(now, &records, moment))
}

/// Every record of its history, oldest first.
pub async fn records(api: &Api, now: &ci::Ci) -> Result<Vec<Record>, ApiError> {
    let mut records = api.engine.records_at(now.history.clone()).await?;
    if past::is_whole(now.id, &records) {
        return Ok(records);
    }
    // More happened to it than it remembers: the log has the rest.
    let oldest = records.first().map_or(u64::MAX, |record| record.revision);
    let mut earlier = Vec::new();
    let mut after = 0;
    loop {
        let page = api.engine.records(after, log::PAGE).await?;
        let Some(last) = page.last().map(|record| record.revision) else { break };
        earlier.extend(page.into_iter().filter(|record| record.revision < oldest && past::concerns(record, now.id)));
        if last >= oldest {
            break;
        }
        after = last;
    }
    earlier.append(&mut records);
    Ok(earlier)
}

/// What it belonged together with at a moment: parts, and relations that are told.
pub async fn relations_at(api: &Api, id: CiId, moment: Timestamp, kind: Option<ci::RelationKind>) -> Result<Vec<ci::Relation>, ApiError> {
    let now = api.engine.read(|world| cis::find(world, id).cloned())?;
    let records = records(api, &now).await?;
    let then = past::replay(&records, moment);
    if !then.cis.contains_key(&id) {
        return Err(ApiError::not_found("at that time a configuration item", &id.to_string()));
    }
    let relations = ci::relation::relations(&then, id).into_iter();
    Ok(relations.filter(|relation| kind.is_none_or(|kind| relation.kind == kind)).collect())
}
