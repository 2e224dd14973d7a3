//! What the columns of files mean, saved by feed.

use crate::answer::{self, ApiError};
use crate::api::Api;
use crate::api::caller::Caller;
use crate::api::cis::PageQuery;
use crate::api::extract::{Body, Named, Parameters, PathName};
use crate::api::format::Format;
use crate::api::page::{Page, Paging};
use crate::api::view::import::ImportMapping;
use crate::api::view::word::{Class, Lifecycle};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::import::{ImportCommand, KnownMapping, Mapping, Target};
use rollcall_domain::{Command, World};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::str::FromStr;
use utoipa::ToSchema;

/// What the columns of a feed mean.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"key": ["Asset No"], "class": "server", "columns": {"Hostname": "name", "S/N": "attribute:serial", "Site": "relation:hosted_on:location", "Team": "owner"}}))]
pub struct MappingInput {
    /// Columns whose values together tell things apart, in order.
    key: Vec<String>,
    /// What things are whose row does not say.
    class: Option<Class>,
    /// Where new things are in their life whose row does not say.
    status: Option<Lifecycle>,
    /// What each column means: name, class, status, tags, parent, owner, `attribute:<name>`, `relation:<kind>`, `relation:<kind>:<class>` or
    /// ignore. Columns that are not here are ignored.
    columns: BTreeMap<String, String>,
}

/// Name of a feed in a path.
#[derive(Clone, Debug)]
pub struct FeedName(String);

impl FromStr for FeedName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl PathName for FeedName {
    const KIND: &'static str = "mapping";
}

/// Lists mappings, by name of the feed.
#[utoipa::path(get, path = "/api/v1/import_mappings", tag = "imports", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<ImportMapping>)))]
pub async fn list_mappings(State(api): State<Api>, Parameters(query): Parameters<PageQuery>, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<String>::new("import_mappings", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let mappings = world.imports.mappings.range(paging.ascending());
        paging.page(mappings.map(|(name, known)| (name.clone(), ImportMapping::new(name, known))))
    });
    Ok(format.list(&page))
}

/// Shows what the columns of a feed mean.
#[utoipa::path(get, path = "/api/v1/import_mappings/{id}", tag = "imports",
    responses((status = 200, description = "The mapping.", body = ImportMapping)))]
pub async fn get_mapping(State(api): State<Api>, Named(FeedName(name)): Named<FeedName>) -> Result<Response, ApiError> {
    show(&api, &name)
}

/// Says what the columns of a feed mean, for its next files.
#[utoipa::path(put, path = "/api/v1/import_mappings/{id}", tag = "imports", request_body = MappingInput,
    responses((status = 200, description = "The mapping as it is now.", body = ImportMapping)))]
pub async fn put_mapping(
    State(api): State<Api>,
    Named(FeedName(name)): Named<FeedName>,
    caller: Caller,
    Body(input): Body<MappingInput>,
) -> Result<Response, ApiError> {
    let command = ImportCommand::SetMapping { name: name.clone(), mapping: Box::new(input.into_domain()?), expected: caller.expected };
    caller.execute(&api.engine, Command::Import(command)).await?;
    show(&api, &name)
}

/// Withdraws what the columns of a feed mean: its next files are read by their headings.
#[utoipa::path(delete, path = "/api/v1/import_mappings/{id}", tag = "imports", responses((status = 204, description = "Withdrawn.")))]
pub async fn delete_mapping(State(api): State<Api>, Named(FeedName(name)): Named<FeedName>, caller: Caller) -> Result<Response, ApiError> {
    let command = ImportCommand::WithdrawMapping { name, expected: caller.expected };
    caller.execute(&api.engine, Command::Import(command)).await?;
    Ok(answer::done())
}

fn find<'a>(world: &'a World, name: &str) -> Result<&'a KnownMapping, ApiError> {
    world.imports.mappings.get(name).ok_or_else(|| ApiError::not_found("mapping", name))
}

fn show(api: &Api, name: &str) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, name).map(|known| answer::resource(&ImportMapping::new(name, known), known.revision)))
}

impl MappingInput {
    fn into_domain(self) -> Result<Mapping, ApiError> {
        let mut columns = BTreeMap::new();
        for (column, text) in self.columns {
            let target: Target = text.parse().map_err(|reason: String| {
                let column: String = column.chars().take(80).collect();
                ApiError::invalid(format!("columns.{column}"), reason)
            })?;
            columns.insert(column, target);
        }
        Ok(Mapping { key: self.key, class: self.class.map(|class| class.0), status: self.status.map(|status| status.0), columns })
    }
}
