//! Configuration items that people make, and the tags that they put on any.

use super::Api;
use super::caller::Caller;
use super::cis::{PageQuery, find, show};
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::ci::{Ci, Value};
use super::view::people::{Tag, Tagged};
use super::view::word::{Class, Lifecycle};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::ci::{CiCommand, CiEvent, NewCi as Wanted};
use rollcall_domain::id::CiId;
use rollcall_domain::{Command, Event, Record};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// A configuration item that no machine reports, or not yet.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"class": "server", "name": "web-7", "attributes": {"serial": "7XK2M13", "manufacturer": "Dell Inc."}, "tags": ["env=live"]}))]
pub struct NewCi {
    /// What it is; everything but software products.
    class: Class,
    /// What it is called.
    name: String,
    /// Where it is in its life; unless given, hosts are planned and everything else is operational.
    status: Option<Lifecycle>,
    /// What contains it: the location of a location, the machine of a part.
    parent: Option<String>,
    /// Asserted values by name. A host's serial, uuid, mac_addresses and hostname are what its agent will find its record by.
    attributes: Option<BTreeMap<String, Value>>,
    /// For selecting.
    tags: Option<Vec<String>>,
}

/// Tags to put on and to take off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"add": ["env=live"], "remove": ["new"]}))]
pub struct TagChange {
    /// To put on: lower-case words, or key=value, at most 64 characters.
    #[serde(default)]
    add: Vec<String>,
    /// To take off.
    #[serde(default)]
    remove: Vec<String>,
}

/// Tags to put on and to take off several configuration items: all of them or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"cis": ["host_00000000000000000000000001"], "add": ["env=live"]}))]
pub struct BulkTagChange {
    /// Which; at most 1000.
    cis: Vec<String>,
    /// To put on.
    #[serde(default)]
    add: Vec<String>,
    /// To take off.
    #[serde(default)]
    remove: Vec<String>,
}

/// Makes a configuration item.
#[utoipa::path(post, path = "/api/v1/cis", tag = "cis", request_body = NewCi,
    responses((status = 201, description = "The configuration item.", body = Ci)))]
pub async fn create_ci(State(api): State<Api>, caller: Caller, Body(new): Body<NewCi>) -> Result<Response, ApiError> {
    let command = Command::Ci(CiCommand::Create(Box::new(new.into_domain()?)));
    let executed = caller.execute(&api.engine, command).await?;
    let id = made(&executed.records).ok_or_else(|| ApiError::internal("a configuration item was made and no record says so"))?;
    api.engine.read(|world| {
        let ci = find(world, id)?;
        Ok(answer::created(&format!("/api/v1/cis/{id}"), &Ci::new(world, ci, api.engine.now()), Some(ci.revision)))
    })
}

/// Puts tags on a configuration item and takes tags off it.
#[utoipa::path(post, path = "/api/v1/cis/{id}/tags", tag = "cis", request_body = TagChange,
    responses((status = 200, description = "The configuration item as it is now.", body = Ci)))]
pub async fn tag_ci(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    caller: Caller,
    Body(change): Body<TagChange>,
) -> Result<Response, ApiError> {
    let TagChange { add, remove } = change;
    let command = CiCommand::Tag { cis: BTreeSet::from([id]), add, remove, expected: caller.expected };
    caller.execute(&api.engine, Command::Ci(command)).await?;
    show(&api, id)
}

/// Lists tags with how many configuration items have each, by tag.
#[utoipa::path(get, path = "/api/v1/tags", tag = "cis", params(PageQuery), responses((status = 200, description = "A page.", body = Page<Tag>)))]
pub async fn list_tags(State(api): State<Api>, Parameters(query): Parameters<PageQuery>, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<String>::new("tags", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let tags = world.cmdb.tags.range(paging.ascending());
        paging.page(tags.map(|(tag, &cis)| (tag.clone(), Tag { tag: tag.clone(), cis })))
    });
    Ok(format.list(&page))
}

/// Puts tags on several configuration items and takes tags off them.
#[utoipa::path(post, path = "/api/v1/tags", tag = "cis", request_body = BulkTagChange,
    responses((status = 200, description = "How many changed.", body = Tagged)))]
pub async fn tag_cis(State(api): State<Api>, caller: Caller, Body(change): Body<BulkTagChange>) -> Result<Response, ApiError> {
    let cis = ids("cis", &change.cis)?;
    let unknown = api.engine.read(|world| cis.iter().find(|ci| !world.cmdb.cis.contains_key(ci)).copied());
    if let Some(unknown) = unknown {
        let place = change.cis.iter().position(|text| *text == unknown.to_string()).unwrap_or_default();
        return Err(ApiError::invalid(format!("cis[{place}]"), format!("there is no configuration item {unknown}")));
    }
    let (named, add, remove) = (cis.len() as u64, change.add, change.remove);
    let executed = caller.execute(&api.engine, Command::Ci(CiCommand::Tag { cis, add, remove, expected: caller.expected })).await?;
    let changed = executed.records.iter().filter(|record| matches!(record.event, Event::Ci(CiEvent::TagsChanged { .. }))).count() as u64;
    Ok(answer::json(&Tagged { cis: named, changed }))
}

/// Ids from a body, each once.
pub fn ids(field: &str, texts: &[String]) -> Result<BTreeSet<CiId>, ApiError> {
    let read = |(place, text): (usize, &String)| {
        text.parse().map_err(|_| ApiError::invalid(format!("{field}[{place}]"), "must be the id of a configuration item"))
    };
    texts.iter().enumerate().map(read).collect()
}

fn made(records: &[Record]) -> Option<CiId> {
    records.iter().find_map(|record| match &record.event {
        Event::Ci(CiEvent::CiCreated { ci, .. }) => Some(*ci),
        _ => None,
    })
}

impl NewCi {
    fn into_domain(self) -> Result<Wanted, ApiError> {
        let parent = self.parent.as_deref().map(str::parse).transpose();
        let attributes = self.attributes.unwrap_or_default().into_iter().map(|(name, value)| (name, value.0));
        Ok(Wanted {
            class: self.class.0,
            name: self.name,
            status: self.status.map(|status| status.0),
            parent: parent.map_err(|_| ApiError::invalid("parent", "must be the id of a configuration item"))?,
            attributes: attributes.collect(),
            tags: self.tags.unwrap_or_default(),
        })
    }
}
