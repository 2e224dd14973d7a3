//! The change feed: the log as server-sent events, resumable, or as a list.
//!
//! A stream holds one batch of records at most: a slow reader is waited for, never buffered for. It ends when its token does.

use super::Api;
use super::extract::Parameters;
use super::format::Format;
use super::gate::{self, Principal};
use super::page::{Page, Paging};
use super::view::record::{Record, may_read};
use crate::answer::ApiError;
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use rollcall_domain::Record as Stored;
use rollcall_domain::actor::Role;
use rollcall_domain::event::SUBJECTS;
use serde::Deserialize;
use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::IntoParams;

/// Records read at once.
const BATCH: usize = 200;

/// Records looked at for one page: a filter that nothing passes must not read the whole log.
const SCAN: usize = 20_000;

/// Silence after which a comment is sent, so that proxies keep the connection and a dead one is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What a reader who found no room should wait.
const RETRY: Duration = Duration::from_secs(10);

/// From where, and of what.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// Only events after this revision; 0 for all. A stream begins now unless this or `Last-Event-ID` is given.
    after: Option<u64>,
    /// Only events about these, separated by commas: trust, ci, attribute, contact, group, import, rule, alert, incident, problem,
    /// catalogue, advisory, delivery, notification.
    #[param(example = "incident,problem")]
    subject: Option<String>,
    /// Lists only: items of one page, 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// Lists only: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Tells what happens, as it happens: server-sent events whose `id` is the log's revision; reconnect with `Last-Event-ID` and
/// nothing is missed. With `Accept: application/json` the same as a list, oldest first.
#[utoipa::path(get, path = "/api/v1/events", tag = "events",
    params(EventQuery, ("last-event-id" = Option<u64>, Header, description = "Go on after this revision.")),
    responses((status = 200, description = "A stream of events, each with a record as its data, or a page.", body = Page<Record>)))]
pub async fn stream_events(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Parameters(query): Parameters<EventQuery>,
    headers: HeaderMap,
    format: Format,
) -> Result<Response, ApiError> {
    let filter = Filter { role: principal.role, subjects: subjects(query.subject.as_deref())? };
    if format != Format::EventStream {
        let paging = Paging::<u64>::new("events", query.limit, query.cursor.as_deref())?;
        let after = paging.after.or(query.after).unwrap_or(0);
        return Ok(format.list(&page(&api, &paging, &filter, after).await?));
    }
    let Ok(permit) = api.streams.clone().try_acquire_owned() else {
        return Err(ApiError::too_many("too many event streams are open", RETRY));
    };
    let revisions = api.engine.revisions();
    let now = *revisions.borrow();
    let after = last_event_id(&headers)?.or(query.after).unwrap_or(now);
    let follower = Follower { api, principal, filter, after, revisions, waiting: VecDeque::new(), _permit: permit };
    Ok(Sse::new(futures_util::stream::unfold(follower, Follower::next)).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let refuse = || ApiError::invalid("last-event-id", "must be a revision");
    let id = headers.get("last-event-id").map(|id| id.to_str().ok().and_then(|id| id.parse().ok()).ok_or_else(refuse));
    id.transpose()
}

fn subjects(text: Option<&str>) -> Result<Option<BTreeSet<String>>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let wanted: BTreeSet<String> = text.split(',').map(str::to_owned).collect();
    if wanted.iter().all(|subject| SUBJECTS.contains(&subject.as_str())) {
        return Ok(Some(wanted));
    }
    Err(ApiError::invalid("subject", format!("must be of {}, separated by commas", SUBJECTS.join(", "))))
}

struct Filter {
    role: Role,
    subjects: Option<BTreeSet<String>>,
}

impl Filter {
    fn keeps(&self, record: &Stored) -> bool {
        may_read(self.role, record) && self.subjects.as_ref().is_none_or(|wanted| wanted.contains(record.event.subject()))
    }
}

/// A page may hold fewer items than asked for while there are more: then it has a cursor.
async fn page(api: &Api, paging: &Paging<u64>, filter: &Filter, mut after: u64) -> Result<Page<Record>, ApiError> {
    let end = *api.engine.revisions().borrow();
    let mut items = Vec::new();
    let mut looked_at = 0;
    while after < end && items.len() < paging.limit && looked_at < SCAN {
        let records = api.engine.records(after, BATCH).await?;
        if records.is_empty() {
            break;
        }
        for record in records {
            if items.len() == paging.limit {
                break;
            }
            after = record.revision;
            looked_at += 1;
            if filter.keeps(&record) {
                items.push(Record::from(&record));
            }
        }
    }
    Ok(Page { items, next_cursor: (after < end).then(|| paging.cursor(&after)) })
}

/// A reader of the stream and how far it has come.
struct Follower {
    api: Api,
    principal: Principal,
    filter: Filter,
    after: u64,
    revisions: watch::Receiver<u64>,
    waiting: VecDeque<Event>,
    _permit: OwnedSemaphorePermit,
}

impl Follower {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some((Ok(event), self));
            }
            if !gate::still_valid(&self.api, &self.principal) {
                return None;
            }
            let durable = *self.revisions.borrow_and_update();
            if self.after < durable {
                self.read_batch().await?;
                continue;
            }
            match tokio::time::timeout(HEARTBEAT, self.revisions.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return None,
                Err(_) if !self.api.engine.health().ready => return None,
                Err(_) => return Some((Ok(Event::default().comment("alive")), self)),
            }
        }
    }

    /// `None` ends the stream: the reader comes back and goes on where it was.
    async fn read_batch(&mut self) -> Option<()> {
        let records = self.api.engine.records(self.after, BATCH).await.ok()?;
        self.after = records.last()?.revision;
        for record in records.iter().filter(|record| self.filter.keeps(record)) {
            let event = Event::default().id(record.revision.to_string()).json_data(Record::from(record)).ok()?;
            self.waiting.push_back(event);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_names_every_subject() {
        let parameters = EventQuery::into_params(|| None);
        let subject = parameters.into_iter().find(|parameter| parameter.name == "subject").expect("a parameter");
        let text = subject.description.expect("a description").split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(text, format!("Only events about these, separated by commas: {}.", SUBJECTS.join(", ")));
    }
}
