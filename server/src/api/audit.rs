//! The audit log: what people did, and what was refused.

use super::Api;
use super::cis::PageQuery;
use super::extract::Parameters;
use super::format::Format;
use super::page::{Page, Paging};
use super::view::record::Record;
use crate::answer::ApiError;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::trust::TrustEvent;
use rollcall_domain::{Actor, Event, Record as Stored};

/// Records read at once.
const BATCH: u64 = 500;

/// Records looked at for one page.
const SCAN: u64 = 20_000;

/// Lists what people did and what was refused, newest first. A page may hold fewer items than asked for; it is the last one
/// only when it has no cursor.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(PageQuery), responses((status = 200, description = "A page.", body = Page<Record>)))]
pub async fn list_audit(State(api): State<Api>, Parameters(query): Parameters<PageQuery>, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<u64>::new("audit", query.limit, query.cursor.as_deref())?;
    let durable = *api.engine.revisions().borrow();
    let mut before = paging.after.unwrap_or(u64::MAX).min(durable.saturating_add(1));
    let floor = before.saturating_sub(SCAN);
    let mut items = Vec::new();
    while before > 1 && before > floor && items.len() < paging.limit {
        let start = before.saturating_sub(1).saturating_sub(BATCH);
        let count = usize::try_from(before - 1 - start).unwrap_or(0);
        let records = api.engine.records(start, count).await?;
        before = start + 1;
        for record in records.iter().rev().filter(|record| concerns_people(record)) {
            items.push(Record::from(record));
            if items.len() == paging.limit {
                before = record.revision;
                break;
            }
        }
    }
    Ok(format.list(&Page { items, next_cursor: (before > 1).then(|| paging.cursor(&before)) }))
}

fn concerns_people(record: &Stored) -> bool {
    // Every agent begins sessions, and nobody decided that.
    if matches!(record.event, Event::Trust(TrustEvent::SessionBegan { .. })) {
        return false;
    }
    matches!(record.actor, Actor::Token { .. } | Actor::Local) || matches!(record.event, Event::Trust(_))
}
