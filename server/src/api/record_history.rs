//! What changed an incident or a problem: each record of its history with the fields that it changed, before and after.
//!
//! Fields are folded anew from the record's own history, which the state knows by revision: the log is not searched. Invariant: what one
//! answer reads is bounded, and an answer that would take more is refused and says so.

use super::Api;
use super::cis::PageQuery;
use super::extract::{Named, Parameters};
use super::format::Format;
use super::incidents::IncidentName;
use super::page::{Page, Paging};
use super::problems::ProblemName;
use super::view::record_history::RecordChange;
use crate::answer::ApiError;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::field_change::Step;
use rollcall_domain::{Record, incident, problem};
use std::collections::BTreeMap;

/// Changes of one incident or problem that are told: twice the parts of the largest storm that is planned for.
const CHANGES: usize = 20_000;

/// Lists what changed an incident, oldest first: who gave it to whom, when its priority moved and why, how it was resolved before it was
/// reopened. What of a field with several values went is its `before`, what came its `after`. The first 20,000 changes are told.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/history", tag = "incidents", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<RecordChange>)))]
pub async fn list_incident_history(
    State(api): State<Api>,
    Named(name): Named<IncidentName>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<u64>::new("incident_history", query.limit, query.cursor.as_deref())?;
    let (id, history) = api.engine.read(|world| name.find(world).map(|incident| (incident.id, incident.history.clone())))?;
    let stretch = Stretch::new(&history, &paging)?;
    let records = read(&api, stretch.revisions.clone()).await?;
    let steps = api.engine.read(|world| incident::past::steps(id, &records, stretch.since, &world.incidents.incidents));
    Ok(format.list(&stretch.page(&paging, &records, steps)))
}

/// Lists what changed a problem, oldest first. What of a field with several values went is its `before`, what came its `after`. The first
/// 20,000 changes are told.
#[utoipa::path(get, path = "/api/v1/problems/{id}/history", tag = "problems", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<RecordChange>)))]
pub async fn list_problem_history(
    State(api): State<Api>,
    Named(name): Named<ProblemName>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<u64>::new("problem_history", query.limit, query.cursor.as_deref())?;
    let (id, history) = api.engine.read(|world| name.find(world).map(|problem| (problem.id, problem.history.clone())))?;
    let stretch = Stretch::new(&history, &paging)?;
    let records = read(&api, stretch.revisions.clone()).await?;
    let steps = problem::past::steps(id, &records, stretch.since);
    Ok(format.list(&stretch.page(&paging, &records, steps)))
}

/// What is read for a page: the history from its begin to the end of the page, for what was before follows from the records before.
#[derive(Debug, PartialEq, Eq)]
struct Stretch {
    revisions: Vec<u64>,
    /// Of the first change on the page.
    since: u64,
    /// Whether there is more than is told.
    is_cut: bool,
}

impl Stretch {
    fn new(history: &[u64], paging: &Paging<u64>) -> Result<Self, ApiError> {
        let begin = paging.after.map_or(0, |after| history.partition_point(|revision| *revision <= after));
        if begin >= CHANGES {
            let last = paging.after.unwrap_or_default();
            let reason = format!("the first {CHANGES} changes are told and end here; /api/v1/events?after={last} has all that came later");
            return Err(ApiError::invalid("cursor", reason));
        }
        // One more tells whether there is another page.
        let end = history.len().min(begin + paging.limit + 1).min(CHANGES);
        let since = history.get(begin).copied().unwrap_or(u64::MAX);
        Ok(Self { revisions: history[..end].to_vec(), since, is_cut: history.len() > CHANGES })
    }

    fn page(&self, paging: &Paging<u64>, records: &[Record], steps: Vec<Step>) -> Page<RecordChange> {
        let by_revision: BTreeMap<u64, &Record> = records.iter().map(|record| (record.revision, record)).collect();
        let told = steps.into_iter().filter_map(|step| Some((step.revision, RecordChange::new(by_revision.get(&step.revision)?, step))));
        let mut page = paging.page(told);
        if self.is_cut && page.next_cursor.is_none() {
            page.next_cursor = page.items.last().map(|last| paging.cursor(&last.revision));
        }
        page
    }
}

async fn read(api: &Api, revisions: Vec<u64>) -> Result<Vec<Record>, ApiError> {
    let history = api.engine.history();
    let read = tokio::task::spawn_blocking(move || {
        let mut records = Vec::with_capacity(revisions.len());
        history.visit(&revisions, &mut |record| records.push(record)).map(|()| records)
    });
    let read = read.await.map_err(|error| ApiError::internal(format!("reading a history ended early: {error}")))?;
    read.map_err(|error| ApiError::internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(length: u64, after: Option<u64>, expected: Option<(usize, u64, bool)>) {
        let history: Vec<u64> = (1..=length).map(|number| number * 10).collect();
        let mut paging = Paging::<u64>::new("h", Some(100), None).unwrap();
        paging.after = after;
        let found = Stretch::new(&history, &paging).ok();
        assert_eq!(found.map(|found| (found.revisions.len(), found.since, found.is_cut)), expected, "{length} after {after:?}");
    }

    #[test]
    fn a_page_is_folded_from_the_begin_and_never_from_more_than_is_told() {
        check(0, None, Some((0, u64::MAX, false)));
        check(5, None, Some((5, 10, false)));
        check(5, Some(20), Some((5, 30, false)));
        check(5, Some(25), Some((5, 30, false)));
        check(5, Some(50), Some((5, u64::MAX, false)));
        check(500, None, Some((101, 10, false)));
        check(500, Some(1_000), Some((201, 1_010, false)));
        check(20_000, Some(199_950), Some((20_000, 199_960, false)));
        check(30_000, Some(199_950), Some((20_000, 199_960, true)));
        check(30_000, Some(200_000), None);
    }
}
