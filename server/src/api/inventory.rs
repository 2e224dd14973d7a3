//! The inventory of a host as other people's systems read it.

use super::Api;
use super::cis;
use super::extract::{Named, Parameters};
use super::past;
use super::view::Time;
use crate::answer::{self, ApiError};
use crate::inventory_format::export;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::World;
use rollcall_domain::ci::{Ci, SectionState};
use rollcall_domain::id::CiId;
use rollcall_shared::{ContentHash, Section, SectionName, Timestamp};
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// The form that is wanted.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InventoryFormat {
    /// GLPI's inventory format, JSON.
    Glpi,
}

/// The form that is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InventoryQuery {
    /// `glpi`.
    #[param(inline)]
    format: InventoryFormat,
    /// As it was at this moment (RFC 3339); as it is now unless given.
    #[param(value_type = Option<Time>)]
    as_of: Option<Timestamp>,
}

/// A host's contents: complete, and partial on top.
type Contents = Vec<(Option<ContentHash>, Option<ContentHash>)>;

/// Shows the inventory of a host in another system's format: what its agent says, else what a feed delivers. Fields and
/// categories that the format demands and that are not known are left out.
#[utoipa::path(get, path = "/api/v1/cis/{id}/inventory", tag = "cis", params(InventoryQuery),
    responses((status = 200, description = "The inventory.", body = Object)))]
pub async fn get_inventory(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    Parameters(query): Parameters<InventoryQuery>,
) -> Result<Response, ApiError> {
    let InventoryFormat::Glpi = query.format;
    let of = |world: &World, ci: &Ci| {
        let (device, collected_at) = native_key(world, id).unwrap_or((id.to_string(), None));
        (device, collected_at, contents(ci))
    };
    let (device, collected_at, contents) = match query.as_of {
        None => api.engine.read(|world| cis::find(world, id).map(|ci| of(world, ci)))?,
        Some(moment) => {
            let (then, past) = past::whole(&api, id, moment).await?;
            of(past.world(), &then)
        }
    };
    if contents.is_empty() {
        return Err(ApiError::not_found("inventory of", &id.to_string()));
    }
    let mut sections = Vec::with_capacity(contents.len());
    for (complete, partial) in contents {
        let complete = load(&api, complete).await?;
        let partial = load(&api, partial).await?;
        sections.extend(overlaid(complete, partial)?);
    }
    Ok(answer::json(&export::export(&device, collected_at, &sections)))
}

/// What the first feed that knows it calls this machine, and when its newest inventory was collected.
fn native_key(world: &World, id: CiId) -> Option<(String, Option<Timestamp>)> {
    let (native, _) = world.cmdb.natives.iter().find(|(_, ci)| **ci == id)?;
    Some((native.1.clone(), world.cmdb.deliveries.get(native).copied()))
}

fn contents(ci: &Ci) -> Contents {
    let of = |state: &SectionState| (state.hash, state.partial.filter(|partial| state.hash != Some(*partial)));
    let known = SectionName::ALL.iter().filter_map(|name| ci.section(*name)).map(of);
    known.filter(|(complete, _)| complete.is_some()).collect()
}

async fn load(api: &Api, hash: Option<ContentHash>) -> Result<Option<std::sync::Arc<Section>>, ApiError> {
    let Some(hash) = hash else { return Ok(None) };
    let section = api.engine.section(hash).await?;
    section.map(Some).ok_or_else(|| ApiError::internal(format!("section {hash} is referred to and not stored")))
}

/// The rows of a complete content, save for those that a later partial one knows better.
fn overlaid(complete: Option<std::sync::Arc<Section>>, partial: Option<std::sync::Arc<Section>>) -> Result<Option<Section>, ApiError> {
    let (Some(complete), Some(partial)) = (&complete, &partial) else { return Ok(complete.map(|section| (*section).clone())) };
    let broken = |error: serde_json::Error| ApiError::internal(format!("section {} as JSON: {error}", complete.name()));
    let mut rows: BTreeMap<String, Vec<serde_json::Value>> = BTreeMap::new();
    for (key, row) in complete.keys().into_iter().zip(complete.to_json_rows().map_err(broken)?) {
        rows.entry(key).or_default().push(row);
    }
    partial.keys().iter().for_each(|key| drop(rows.remove(key)));
    for (key, row) in partial.keys().into_iter().zip(partial.to_json_rows().map_err(broken)?) {
        rows.entry(key).or_default().push(row);
    }
    let rows = rows.into_values().flatten().collect();
    Section::from_json_rows(complete.name(), serde_json::Value::Array(rows)).map(Some).map_err(broken)
}
