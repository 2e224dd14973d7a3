//! Configuration items: list, read, assert; their history and identification.

use super::caller::Caller;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::past::Past;
use super::selection::{Order, Place, Selection};
use super::view::Time;
use super::view::ci::{Ci, CiSummary, Identification, Value};
use super::view::word::{Class, Lifecycle};
use super::{Api, past, queries};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::ci::licence::Installations;
use rollcall_domain::ci::{self, CiCommand};
use rollcall_domain::contact::names::{ATTRIBUTES, Names};
use rollcall_domain::group::Groups;
use rollcall_domain::id::CiId;
use rollcall_domain::query::past::{Then, Unknowable};
use rollcall_domain::query::{self, Query};
use rollcall_domain::{Command, Event, World};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Deserializer};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Section contents that one request for a moment reads: about a second's work.
const CONTENTS: usize = 500;

/// Which configuration items are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CiQuery {
    /// Of this class or one that inherits from it.
    class: Option<Class>,
    /// At this point of their life.
    status: Option<Lifecycle>,
    /// With exactly this name.
    name: Option<String>,
    /// With this text in their name, whatever the case.
    q: Option<String>,
    /// Contained in this configuration item.
    parent: Option<String>,
    /// As they were at this moment (RFC 3339); as they are now unless given. At most 2,000 items, and 500 section contents, are looked at
    /// for a page then, so it may be short, and even empty, while the cursor goes on. A query is asked of the items as they were, with
    /// groups as they are defined now; what is not kept of the past (`last_seen`, `agent`, `incident`, members of groups) is refused.
    #[param(value_type = Option<Time>)]
    as_of: Option<Timestamp>,
    /// That fulfil this query; see `/api/v1/queries/check`. Goes together with the others.
    #[param(example = "class:server package:openssl<3.0.13 last_seen>7d")]
    query: Option<String>,
    /// In this order: `id`, `name`, `created` or `updated`, descending with `-` before it; `id` unless given.
    #[param(example = "-updated")]
    sort: Option<String>,
    /// With this value of an attribute, as `name:value`, such as `os_id:debian`.
    #[param(example = "os_id:debian")]
    attribute: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// At which moment.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MomentQuery {
    /// As it was at this moment (RFC 3339); as it is now unless given.
    #[param(value_type = Option<Time>)]
    pub as_of: Option<Timestamp>,
}

/// A page of a list that has no filters.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Items of one page: 1 to 1000, 100 unless given.
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// What a person says: one of attributes, a status, a name or a parent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"attributes": {"owner": "web team", "rack": null}}))]
pub struct CiPatch {
    /// Asserted values by name; null withdraws an assertion. What agents measured stays beside it.
    attributes: Option<BTreeMap<String, Option<Value>>>,
    /// Where it is in its life.
    status: Option<Lifecycle>,
    /// Why; needed with `status`.
    reason: Option<String>,
    /// What it is called; only of what no machine reports.
    name: Option<String>,
    /// What contains it, null for nothing; only of what no machine reports.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    parent: Option<Option<String>>,
}

/// Tells null, which takes away, from a field that is left out.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Lists configuration items, by id unless another order is asked for.
#[utoipa::path(get, path = "/api/v1/cis", tag = "cis", params(CiQuery), responses((status = 200, description = "A page.", body = Page<CiSummary>)))]
pub async fn list_cis(State(api): State<Api>, Parameters(query): Parameters<CiQuery>, format: Format) -> Result<Response, ApiError> {
    let filter = Filter::new(&api, &query)?;
    if let Some(moment) = query.as_of {
        if query.sort.is_some() {
            return Err(ApiError::invalid("sort", "cannot go together with as_of: each item as it was is looked at one by one, by id"));
        }
        let paging = Paging::<CiId>::new("cis", query.limit, query.cursor.as_deref())?;
        let asked = query.query.as_deref().map(|text| Asked::new(&api, text, moment)).transpose()?;
        return Ok(format.list::<CiSummary>(&list_then(&api, &paging, &filter, asked.as_ref(), moment).await?));
    }
    let selection = Selection::new(query.query.as_deref(), api.engine.now())?;
    if let Some(order) = query.sort.as_deref().map(Order::parse).transpose()?.filter(|order| *order != Order::default()) {
        let paging = Paging::<Place>::new(order.list(), query.limit, query.cursor.as_deref())?;
        let page = api.engine.read(|world| {
            let cis = selection.all(world)?.filter(|ci| filter.keeps(ci));
            Ok::<_, ApiError>(order.page(&paging, (world, &Installations::new(&world.cmdb)), cis))
        })?;
        return Ok(format.list::<CiSummary>(&page));
    }
    let paging = Paging::<CiId>::new("cis", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let cis = selection.after(world, paging.after, paging.limit)?;
        let installations = Installations::new(&world.cmdb);
        Ok::<_, ApiError>(paging.page(cis.filter(|ci| filter.keeps(ci)).map(|ci| (ci.id, CiSummary::current((world, &installations), ci)))))
    })?;
    Ok(format.list::<CiSummary>(&page))
}

/// A query about a moment.
struct Asked {
    query: Arc<Query>,
    groups: Arc<Groups>,
    names_others: bool,
}

impl Asked {
    fn new(api: &Api, text: &str, moment: Timestamp) -> Result<Self, ApiError> {
        let query = queries::parse(text)?;
        let groups = api.engine.read(|world| {
            query::past::check(&queries::scope(world, moment), &query).map_err(|error| match error {
                Unknowable::Unanswerable(error) => queries::unanswerable(text, &error),
                forgotten @ Unknowable::Forgotten { .. } => ApiError::invalid("query", forgotten.to_string()),
            })?;
            Ok::<_, ApiError>(world.groups.clone())
        })?;
        Ok(Self { names_others: query::past::names_others(&query, &groups), query: Arc::new(query), groups: Arc::new(groups) })
    }

    /// Whether an item fulfilled it, and how many contents that took. Content is read, so it blocks a thread that may.
    async fn selects(&self, api: &Api, past: Past, id: CiId) -> Result<(bool, usize, Past), ApiError> {
        let (query, groups, content) = (Arc::clone(&self.query), Arc::clone(&self.groups), api.engine.history().content);
        let looked = tokio::task::spawn_blocking(move || {
            let read = Cell::new(0);
            let then = Then { world: past.world(), groups: &*groups, at: past.moment(), content: &content, read: &read };
            let fits = past.ci(id).is_some_and(|ci| then.matches(&query, ci));
            (fits, read.get(), past)
        });
        looked.await.map_err(|error| ApiError::internal(format!("looking at {id} as it was: {error}")))
    }
}

/// Configuration items as they were: each is folded from its own records, so that one request looks at a bounded number.
async fn list_then(
    api: &Api,
    paging: &Paging<CiId>,
    filter: &Filter<'_>,
    asked: Option<&Asked>,
    moment: Timestamp,
) -> Result<Page<CiSummary>, ApiError> {
    let (portions, mut more) = api.engine.read(|world| past::portions(world, world.cmdb.cis.range(paging.ascending()).map(|(_, ci)| ci)));
    let (mut found, mut through, mut contents) = (Vec::new(), None, 0);
    'portions: for items in portions {
        let mut reader = past::Reader::new(api, moment);
        reader.include(items.iter().copied().collect()).await?;
        if asked.is_some_and(|asked| asked.names_others) {
            let named = items.iter().flat_map(|id| reader.past.named_by(*id)).collect();
            reader.include(named).await?;
        }
        let mut past = reader.past;
        for id in items {
            if found.len() > paging.limit || contents >= CONTENTS {
                more = true;
                break 'portions;
            }
            through = Some(id);
            if past.ci(id).is_none_or(|then| !filter.keeps(then)) {
                continue;
            }
            if let Some(asked) = asked {
                let (fits, read, back) = asked.selects(api, past, id).await?;
                (past, contents) = (back, contents + read);
                if !fits {
                    continue;
                }
            }
            found.extend(past.ci(id).map(|then| (id, CiSummary::from(then))));
        }
    }
    let is_full = found.len() > paging.limit;
    let mut page = paging.page(found.into_iter());
    if !is_full && more {
        page.next_cursor = through.map(|last| paging.cursor(&last));
    }
    Ok(page)
}

/// Shows one configuration item: every value with its source and every other opinion.
#[utoipa::path(get, path = "/api/v1/cis/{id}", tag = "cis", params(MomentQuery),
    responses((status = 200, description = "The configuration item.", body = Ci)))]
pub async fn get_ci(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    Parameters(query): Parameters<MomentQuery>,
) -> Result<Response, ApiError> {
    match query.as_of {
        None => show(&api, id),
        Some(moment) => {
            let then = past::ci_at(&api, id, moment).await?;
            // The reasons are those of the policy as it is now; as it was it is in the log.
            api.engine.read(|world| Ok(answer::resource(&Ci::new(world, &then, api.engine.now()), then.revision)))
        }
    }
}

/// Asserts attributes, moves a configuration item on in its life, or gives it another name or place.
#[utoipa::path(patch, path = "/api/v1/cis/{id}", tag = "cis", request_body = CiPatch,
    responses((status = 200, description = "The configuration item as it is now.", body = Ci)))]
pub async fn patch_ci(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    caller: Caller,
    Body(patch): Body<CiPatch>,
) -> Result<Response, ApiError> {
    let command = patch.into_command(id, caller.expected)?;
    caller.execute(&api.engine, Command::Ci(command)).await?;
    show(&api, id)
}

/// Shows how a host was last identified, now or up to a moment: every try with the values it compared.
#[utoipa::path(get, path = "/api/v1/cis/{id}/identification", tag = "cis", params(MomentQuery),
    responses((status = 200, description = "The explanation.", body = Identification)))]
pub async fn get_ci_identification(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    Parameters(query): Parameters<MomentQuery>,
) -> Result<Response, ApiError> {
    let none = || ApiError::not_found("identification of", &id.to_string());
    if let Some(moment) = query.as_of {
        let (then, past) = past::whole(&api, id, moment).await?;
        let (operation, attempts) = identified_then(&past, id).ok_or_else(none)?;
        return Ok(answer::resource(&Identification::new(id, operation, attempts), then.revision));
    }
    let attempts = attempts(&api, id).await?;
    api.engine.read(|world| {
        let ci = find(world, id)?;
        let identified = world.cmdb.identifications.get(&id).ok_or_else(none)?;
        Ok(answer::resource(&Identification::new(id, identified.operation, &attempts), ci.revision))
    })
}

/// What the last identification up to a moment did and tried.
pub fn identified_then(past: &Past, id: CiId) -> Option<(ci::Operation, &[ci::Attempt])> {
    match &past.identification(id)?.event {
        Event::Ci(event) => event.identification().map(|(_, operation, attempts)| (operation, attempts)),
        _ => None,
    }
}

/// Every try of the last identification of a host, from the log; none of what was never identified.
pub async fn attempts(api: &Api, id: CiId) -> Result<Vec<ci::Attempt>, ApiError> {
    let revision = api.engine.read(|world| world.cmdb.identifications.get(&id).map(|identified| identified.revision));
    let records = api.engine.records_at(revision.into_iter().collect()).await?;
    let attempts = records.into_iter().find_map(|record| match record.event {
        Event::Ci(event) => event.identification().map(|(_, _, attempts)| attempts.to_vec()),
        _ => None,
    });
    Ok(attempts.unwrap_or_default())
}

/// The configuration item, or that there is none.
pub fn find(world: &World, id: CiId) -> Result<&ci::Ci, ApiError> {
    world.cmdb.cis.get(&id).ok_or_else(|| ApiError::not_found("configuration item", &id.to_string()))
}

/// The configuration item as it is.
pub fn show(api: &Api, id: CiId) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, id).map(|ci| answer::resource(&Ci::current(world, ci, api.engine.now()), ci.revision)))
}

impl CiPatch {
    /// One request is one change: two decisions could end half done.
    fn into_command(self, ci: CiId, expected: Option<u64>) -> Result<CiCommand, ApiError> {
        match (self.attributes, self.status, self.reason, self.name, self.parent) {
            (None, None, None, Some(name), None) => Ok(CiCommand::Rename { ci, name, expected }),
            (None, None, None, None, Some(parent)) => {
                let parent = parent.as_deref().map(str::parse).transpose();
                let parent = parent.map_err(|_| ApiError::invalid("parent", "must be the id of a configuration item, or null"))?;
                Ok(CiCommand::Place { ci, parent, expected })
            }
            (Some(attributes), None, None, None, None) => {
                let attributes = attributes.into_iter().map(|(name, value)| (name, value.map(|value| value.0))).collect();
                Ok(CiCommand::AssertAttributes { ci, attributes, expected })
            }
            (None, Some(status), Some(reason), None, None) => Ok(CiCommand::SetStatus { ci, status: status.0, reason, expected }),
            (None, Some(_), None, None, None) => Err(ApiError::invalid("reason", "is needed with status")),
            (None, None, _, None, None) => Err(ApiError::invalid("attributes", "give attributes, status, name or parent")),
            _ => Err(ApiError::invalid("attributes", "attributes, status with reason, name and parent are each a change of its own")),
        }
    }
}

struct Filter<'a> {
    query: &'a CiQuery,
    text: Option<String>,
    parent: Option<CiId>,
    attribute: Option<(&'a str, &'a str)>,
    /// All names of the contact that the attribute is to name.
    names: Option<Names>,
}

impl<'a> Filter<'a> {
    fn new(api: &Api, query: &'a CiQuery) -> Result<Self, ApiError> {
        let parent = query.parent.as_deref().map(str::parse).transpose();
        let parent = parent.map_err(|_| ApiError::invalid("parent", "must be the id of a configuration item"))?;
        let attribute = query.attribute.as_deref().map(|pair| pair.split_once(':').ok_or(pair)).transpose();
        let attribute = attribute.map_err(|_| ApiError::invalid("attribute", "must have the form name:value"))?;
        let named = attribute.filter(|(name, _)| ATTRIBUTES.contains(name));
        let names = named.and_then(|(_, text)| api.engine.read(|world| Some(Names::of(&world.contacts.find(text)?.contact))));
        Ok(Self { query, text: query.q.as_ref().map(|text| text.to_lowercase()), parent, attribute, names })
    }

    fn keeps(&self, ci: &ci::Ci) -> bool {
        self.query.class.is_none_or(|class| ci.class.is_a(class.0))
            && self.query.status.is_none_or(|status| ci.status == status.0)
            && self.query.name.as_ref().is_none_or(|name| ci.name == *name)
            && self.text.as_ref().is_none_or(|text| ci.name.to_lowercase().contains(text))
            && self.parent.is_none_or(|parent| ci.parent == Some(parent))
            && self.attribute.is_none_or(|(name, value)| ci.attributes.get(name).is_some_and(|known| self.says(known, value)))
    }
}

impl Filter<'_> {
    fn says(&self, attribute: &ci::Attribute, wanted: &str) -> bool {
        let means = |names: &Names| attribute.text().is_some_and(|text| names.has(text));
        has_value(attribute.value(), wanted) || self.names.as_ref().is_some_and(means)
    }
}

/// Whether an attribute's value reads as `text`; of several texts, whether one does.
fn has_value(value: &ci::AttributeValue, text: &str) -> bool {
    match value {
        ci::AttributeValue::Boolean(value) => value.to_string() == text,
        ci::AttributeValue::Integer(value) => value.to_string() == text,
        ci::AttributeValue::Number(value) => text.parse() == Ok(*value),
        ci::AttributeValue::Text(value) => value == text,
        ci::AttributeValue::List(values) => values.iter().any(|value| value == text),
    }
}
